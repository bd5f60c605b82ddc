"""Notebooks: generated files in step with their text, laid out alike; each runs from top to bottom
in quick mode.

Three variants are made of each (notebooks/make_variants.py). The student's and the one with
solutions are run, each in a kernel and in a folder of its own. The instructor's is not run again:
its code cells are shown to be those of the one with solutions, in the same order.
"""

import ast
import base64
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "lstree_enterocyst"
MOST_LINES = 20
PATIENCE = 900  # seconds for a cell; only a cell that hangs takes so long

sys.path.append(str(ROOT / "notebooks"))
import make_variants  # noqa: E402

NAMES = make_variants.NAMES

# What quick mode changes; a learner sees nothing of it. These numbers stand in the cell tagged
# `parameters`.
QUICK = {
    "00_start_here": {"epochs": 1, "patches_per_time_point": 1},
    "01_background": {"rounds": 4},
    "02_check_annotations": {},
    "03_preview_augmentation": {},
    "04_train_position_network": {
        "epochs": 2,
        "patches_per_time_point": 1,
        "ladder_steps": 2,
        "small_epochs": 1,
        "small_patches": 1,
        "fine_tuning_minutes": 0.02,
        "real_organoid": str(SHARED if SHARED.exists() else ROOT / "no real organoid here"),
    },
    "05_train_division_network": {"epochs": 2, "crops_per_time_point": 4},
    "06_train_link_network": {
        "epochs": 2,
        "pairs_per_time_point": 4,
        "neighbours": 3,
        "fast": {"rotation_degrees": 13, "drift_um": 3.0, "time_points": 4},
    },
    "07_predict_and_track": {},
    "08_your_own_data": {"seeds": (1,), "epochs": 1, "patches_per_time_point": 2, "score_at": (2,)},
    "09_when_it_goes_wrong": {"epochs": 2, "patches_per_time_point": 2},
    "10_change_the_network": {"epochs": 1, "patches_per_time_point": 1},
}

ONLY_LOOK = ("02_check_annotations", "03_preview_augmentation")  # they never wait for Keras
MARKS = {"student": "○", "solutions": "✓"}  # what each checker says: not tried, right

each_notebook = pytest.mark.parametrize("name", NAMES)
each_variant = pytest.mark.parametrize("variant", make_variants.FOLDERS)


def find_path(name: str, variant: str = "student") -> Path:
    return make_variants.FOLDERS[variant] / f"{name}.ipynb"


def read_notebook(name: str, variant: str = "student") -> nbformat.NotebookNode:
    return nbformat.read(find_path(name, variant), as_version=4)


def code_cells(name: str, variant: str = "student") -> list[nbformat.NotebookNode]:
    return [cell for cell in read_notebook(name, variant).cells if cell.cell_type == "code"]


def draws_figure(source: str) -> bool:
    """Whether the last statement of a cell shows a figure: a call of `plot…`, or sliders around
    one.
    """
    calls = [
        node.func for node in ast.walk(ast.parse(source).body[-1]) if isinstance(node, ast.Call)
    ]
    names = [call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls]
    defines = isinstance(ast.parse(source).body[-1], ast.FunctionDef)
    return not defines and any(name.startswith("plot") or name == "interact" for name in names)


def is_checked(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell ends with the check of an exercise."""
    return cell.cell_type == "code" and bool(
        re.search(r"^lesson\.\w+\.check\(", cell.source, re.MULTILINE)
    )


def stated_minutes(text: str) -> dict[str, int]:
    """The minutes that the first cell promises."""
    found = re.search(
        r"\*Time\.\* To teach: (\d+) minutes?\. To do: (\d+) minutes?\. The\s+computer works for (\d+) of them "
        r"on a processor \(CPU\), for (\d+) on a graphics card \(GPU\)\.",
        " ".join(text.split()),
    )
    return (
        dict(
            zip(
                ("minutes_teach", "minutes_do", "minutes_cpu", "minutes_gpu"),
                map(int, found.groups()),
            )
        )
        if found
        else {}
    )


def find_bare_pictures(notebook: nbformat.NotebookNode) -> list[str]:
    """Cells with a picture that says nothing to who cannot see it, in text or in outputs."""
    bare = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        and re.search(r"!\[\s*\]\(|<img(?![^>]*\balt=[\"'][^\"'])", cell.source)
    ]
    outputs = [
        (cell, output)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    return bare + [
        cell.source
        for cell, output in outputs
        for kind in output.data
        if kind.startswith("image/") and not output.metadata.get(kind, {}).get("alt", "").strip()
    ]


def test_a_picture_without_words_is_found():
    data = {"image/png": "", "text/plain": ""}
    said, silent = (
        nbformat.v4.new_output("display_data", data, metadata={"image/png": {"alt": words}})
        for words in ("a cell", " ")
    )
    cells = [
        nbformat.v4.new_code_cell(str(number), outputs=[each])
        for number, each in enumerate((said, silent))
    ]
    cells += [
        nbformat.v4.new_markdown_cell(text)
        for text in ("![](a.png)", "![a](a.png)", "<img src='a'>")
    ]
    assert find_bare_pictures(nbformat.v4.new_notebook(cells=cells)) == [
        "![](a.png)",
        "<img src='a'>",
        "1",
    ]


# ---- generated files


@each_variant
def test_every_source_has_its_notebook(variant):
    assert (
        NAMES
        == sorted(path.stem for path in make_variants.FOLDERS[variant].glob("*.ipynb"))
        == sorted(QUICK)
    )


@each_variant
@each_notebook
def test_notebooks_are_in_step_with_their_source(name, variant):
    written = find_path(name, variant).read_text(encoding="utf-8")
    assert written == make_variants.make_notebook(name, variant), "run `make notebooks`"


def test_nobodys_work_is_overwritten(tmp_path, capsys):
    path, name = tmp_path / "00_start_here.ipynb", NAMES[0]
    made = make_variants.make_notebook(name, "student")
    older = nbformat.reads(made, as_version=4)
    del older.cells[-1]
    nbformat.write(older, path)
    assert make_variants.write_if_new(path, made) and [
        each.name for each in tmp_path.iterdir()
    ] == [path.name]
    answered = nbformat.reads(made, as_version=4)
    next(cell for cell in answered.cells if cell.cell_type == "code").source += "\nmine = 1"
    run = nbformat.reads(made, as_version=4)
    next(cell for cell in run.cells if cell.cell_type == "code").execution_count = 1
    for touched in (answered, run):
        nbformat.write(touched, path)
        mine = path.read_bytes()
        assert make_variants.write_if_new(path, made) and path.read_text(encoding="utf-8") == made
        [kept] = [each for each in tmp_path.iterdir() if each.read_bytes() == mine]
        assert f"kept your work as {kept.name}" in capsys.readouterr().out
        assert make_variants.write_if_new(path, made) is False


@each_notebook
def test_the_teachers_code_is_that_of_the_solutions(name):
    solutions, instructor = (
        [cell.source for cell in code_cells(name, each)] for each in ("solutions", "instructor")
    )
    assert solutions == instructor


@each_notebook
def test_remarks_for_teachers_stand_in_their_notebook_only(name):
    begins = {
        each: sum(
            cell.source.startswith("**For teachers.**") for cell in read_notebook(name, each).cells
        )
        for each in make_variants.FOLDERS
    }
    assert begins["student"] == begins["solutions"] == 0 < begins["instructor"]


@each_notebook
def test_cells_for_teachers_say_so(name):
    cells = [
        cell
        for cell in make_variants.read_source(name).cells
        if make_variants.is_for_teachers(cell)
    ]
    assert cells and all(cell.source.startswith("**For teachers.**") for cell in cells)


# ---- layout


@each_notebook
def test_first_cell_says_what_and_how_long(name):
    notebook = read_notebook(name)
    first = notebook.cells[0].source
    assert first.startswith(f"# {name[:2]} · ")
    assert all(word in first for word in ("*Goals.*", "*You need*", "*Time.*"))
    assert {**stated_minutes(first), "variant": "student"} == dict(notebook.metadata.organoid_kit)


def test_the_course_begins_with_a_film_that_plays_before_any_cell_is_run():
    first = read_notebook(NAMES[0]).cells[0]
    before, film = first.source.split("![", 1)
    assert len(before.split()) < 40
    [name] = re.findall(r"\(attachment:([\w.]+)\)", film)
    picture = base64.b64decode(first.attachments[name]["image/gif"])
    assert picture == (ROOT / "docs" / "pictures" / name).read_bytes()
    assert picture.count(b"\x21\xf9\x04") > 20  # each frame has such a block


@each_variant
@each_notebook
def test_cells_that_install_and_import_are_folded(name, variant):
    cells = code_cells(name, variant)
    folded = [
        cell.source for cell in cells if cell.metadata.get("jupyter", {}).get("source_hidden")
    ]
    imports = [
        cell.source
        for cell in cells
        if all(isinstance(e, ast.Import | ast.ImportFrom) for e in ast.parse(cell.source).body)
    ]
    assert len(imports) >= 1 and folded == [cells[0].source, *imports]


@each_notebook
def test_notebooks_are_short(name):
    texts = [cell.source for cell in read_notebook(name).cells if cell.cell_type == "markdown"]
    assert len(" ".join(texts).split()) <= 2000 and len(code_cells(name)) <= 45


@pytest.mark.parametrize("name", NAMES[1:])
def test_it_begins_with_three_questions_on_earlier_ones(name):
    texts = [cell.source for cell in read_notebook(name).cells if cell.cell_type == "markdown"]
    asked, answers = texts[1].split("<details>")
    assert asked.startswith("**From memory:**") and asked.count("?") == 3
    assert re.findall(r"\b([123])\.\s", answers) == ["1", "2", "3"]
    assert len(texts[1].split()) <= 60


@each_notebook
def test_second_cell_gives_the_same_verdict_everywhere(name):
    second = read_notebook(name).cells[1]
    assert second.cell_type == "code" and "google.colab" in second.source
    assert second.source == read_notebook(NAMES[0]).cells[1].source


@each_notebook
def test_it_ends_with_a_summary(name):
    headings = re.findall(
        r"^## (.*)$", "\n".join(cell.source for cell in read_notebook(name).cells), re.MULTILINE
    )
    assert headings[-1] == "Summary"


@each_notebook
def test_there_are_questions_and_exercises(name):
    lesson, cells = make_variants.load_lesson(name), make_variants.read_source(name).cells
    questions = [cell for cell in cells if make_variants.find_question(cell, lesson)]
    exercises = [cell for cell in cells if make_variants.find_exercise(cell)]
    first = name == NAMES[0]
    assert len(questions) >= (1 if first else 2) and len(exercises) >= (0 if first else 1)


@each_notebook
def test_exercises_are_numbered_and_announced_before_their_cell(name):
    announced, asked = [], 0
    for cell in make_variants.read_source(name).cells:
        if cell.cell_type == "markdown":
            announced += re.findall(
                r"^\*\*Exercise (\d+): [^*\n]+[.?]\*\* ", cell.source, re.MULTILINE
            )
        elif make_variants.find_exercise(cell):
            asked += 1
            assert announced == [str(number) for number in range(1, asked + 1)], cell.source


@each_notebook
def test_one_cell_holds_the_numbers_to_change(name):
    tagged = [cell for cell in code_cells(name) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    named = {
        node.targets[0].id
        for node in ast.parse(tagged[0].source).body
        if isinstance(node, ast.Assign)
    }
    assert set(QUICK[name]) <= named


@each_notebook
def test_cells_are_short(name):
    cells = code_cells(name) + code_cells(name, "solutions")
    assert not [cell.source for cell in cells if len(cell.source.splitlines()) > MOST_LINES]


@each_notebook
def test_at_most_one_definition_in_a_cell(name):
    for cell in code_cells(name):
        defined = [
            node
            for node in ast.walk(ast.parse(cell.source))
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        ]
        assert len(defined) <= 1, cell.source


@each_notebook
def test_every_figure_is_explained(name):
    cells = read_notebook(name).cells
    figures = [
        number
        for number, cell in enumerate(cells)
        if cell.cell_type == "code" and draws_figure(cell.source)
    ]
    following = [cells[number + 1] for number in figures]
    assert figures
    assert not [
        cells[number].source
        for number, cell in zip(figures, following)
        if "**What to see.**" not in cell.source
    ]


@pytest.mark.parametrize(
    "variant, rules", [("student", "F821,F811"), ("solutions", "F821,F811,F401")]
)
@each_notebook
def test_names_are_defined(name, variant, rules):
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        rules,
        find_path(name, variant),
    ]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


# ---- running


def prepare_quick(name: str, variant: str, output_folder: Path) -> nbformat.NotebookNode:
    """The notebook with the numbers of quick mode behind its parameters, and a last cell that asks
    for Keras.
    """
    notebook = read_notebook(name, variant)
    parameters = [cell.metadata.get("tags", []) for cell in notebook.cells].index(["parameters"])
    changes = dict(QUICK[name])
    if "output_folder" in notebook.cells[parameters].source:
        changes["output_folder"] = str(output_folder)
    injected = "\n".join(f"{key} = {value!r}" for key, value in changes.items())
    notebook.cells.insert(parameters + 1, nbformat.v4.new_code_cell(injected))
    notebook.cells.append(nbformat.v4.new_code_cell("import sys\n\n'keras' in sys.modules"))
    return notebook


@pytest.mark.parametrize("variant", MARKS)
@pytest.mark.parametrize(
    "name",
    [NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])],
    ids=NAMES,
)
def test_runs_from_top_to_bottom(name, variant, tmp_path):
    notebook = prepare_quick(name, variant, tmp_path)
    resources = {"metadata": {"path": str(find_path(name, variant).parent)}}
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources=resources).execute()
    keras_was_loaded = notebook.cells[-1].outputs[0].data["text/plain"] == "True"
    assert keras_was_loaded == (name not in ONLY_LOOK)
    assert not find_bare_pictures(notebook)
    verdicts = [cell.outputs[-1].data["text/plain"] for cell in notebook.cells if is_checked(cell)]
    assert not [verdict for verdict in verdicts if not verdict.startswith(MARKS[variant])]
