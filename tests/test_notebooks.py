"""Notebooks: text and generated file in step, laid out alike, and each runs from top to bottom in quick mode."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("*.py"))
NAMES = [path.stem for path in SOURCES]
SHARED = ROOT.parent / "shared" / "data" / "lstree_enterocyst"
MOST_LINES = 20

# What quick mode changes; a learner sees nothing of it. These numbers stand in the cell tagged `parameters`.
QUICK = {
    "00_start_here": {"epochs": 1, "patches_per_time_point": 1},
    "01_background": {"rounds": 4},
    "02_check_annotations": {},
    "03_preview_augmentation": {},
    "04_train_position_network": {
        "epochs": 2,
        "patches_per_time_point": 1,
        "ladder_steps": 4,
        "small_epochs": 2,
        "fine_tuning_minutes": 0.1,
        "real_organoid": str(SHARED if SHARED.exists() else ROOT / "no real organoid here"),
    },
    "05_train_division_network": {"epochs": 2, "crops_per_time_point": 4},
    "06_train_link_network": {
        "epochs": 2,
        "pairs_per_time_point": 4,
        "fast": {"rotation_degrees": 13, "drift_um": 3.0, "time_points": 4},
    },
    "07_predict_and_track": {},
}

ONLY_LOOK = ("02_check_annotations", "03_preview_augmentation")  # they never wait for Keras

each_notebook = pytest.mark.parametrize("name", NAMES)


def read_notebook(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def code_cells(name: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in read_notebook(name).cells if cell.cell_type == "code"]


def draws_figure(source: str) -> bool:
    """Whether the last statement of a cell shows a figure: a call of `plot_…`, or sliders around one."""
    calls = [node.func for node in ast.walk(ast.parse(source).body[-1]) if isinstance(node, ast.Call)]
    names = [call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls]
    defines = isinstance(ast.parse(source).body[-1], ast.FunctionDef)
    return not defines and any(name.startswith("plot_") or name == "interact" for name in names)


def what_counts(cell: nbformat.NotebookNode) -> tuple[str, str, list[str]]:
    """What must be the same in the text source and in the generated notebook."""
    return cell.cell_type, cell.source, cell.metadata.get("tags", [])


def stated_minutes(text: str) -> dict[str, int]:
    """The minutes that the first cell promises."""
    found = re.search(
        r"Minutes to read: (\d+)\. Minutes to run: (\d+) on a processor \(CPU\), (\d+) on a graphics", text
    )
    return dict(zip(("minutes_read", "minutes_cpu", "minutes_gpu"), map(int, found.groups()))) if found else {}


def test_every_source_has_its_notebook():
    assert NAMES == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")) == sorted(QUICK)


@each_notebook
def test_source_and_notebook_are_in_step(name):
    source = jupytext.read(ROOT / "notebooks" / "source" / f"{name}.py")
    notebook = read_notebook(name)
    assert [what_counts(cell) for cell in notebook.cells] == [what_counts(cell) for cell in source.cells]
    assert notebook.metadata.organoid_kit == source.metadata.organoid_kit


@each_notebook
def test_outputs_are_stripped(name):
    assert not [cell for cell in code_cells(name) if cell.outputs or cell.execution_count is not None]


@each_notebook
def test_first_cell_says_what_and_how_long(name):
    notebook = read_notebook(name)
    first = notebook.cells[0].source
    assert first.startswith(f"# {name[:2]} · ")
    assert all(word in first for word in ("*Goals.*", "*You need*", "*Time.*"))
    assert stated_minutes(first) == dict(notebook.metadata.organoid_kit)


@each_notebook
def test_second_cell_gives_a_verdict(name):
    second = read_notebook(name).cells[1]
    assert second.cell_type == "code" and "google.colab" in second.source and "check_environment(" in second.source


@each_notebook
def test_one_cell_holds_the_numbers_to_change(name):
    tagged = [cell for cell in code_cells(name) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    named = {node.targets[0].id for node in ast.parse(tagged[0].source).body if isinstance(node, ast.Assign)}
    assert set(QUICK[name]) <= named


@each_notebook
def test_cells_are_short(name):
    assert not [cell.source for cell in code_cells(name) if len(cell.source.splitlines()) > MOST_LINES]


@each_notebook
def test_at_most_one_definition_in_a_cell(name):
    for cell in code_cells(name):
        defined = [
            node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        ]
        assert len(defined) <= 1, cell.source


@each_notebook
def test_every_figure_is_explained(name):
    cells = read_notebook(name).cells
    figures = [number for number, cell in enumerate(cells) if cell.cell_type == "code" and draws_figure(cell.source)]
    following = [cells[number + 1] for number in figures]
    assert figures
    assert not [
        cells[number].source for number, cell in zip(figures, following) if "**What to see.**" not in cell.source
    ]


@each_notebook
def test_names_are_defined(name):
    source = ROOT / "notebooks" / "source" / f"{name}.py"
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821,F401,F811", source],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    "name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])], ids=NAMES
)
def test_runs_from_top_to_bottom(name, tmp_path):
    notebook = read_notebook(name)
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    parameters = tags.index(["parameters"])
    changes = dict(QUICK[name])
    if "output_folder" in notebook.cells[parameters].source:
        changes["output_folder"] = str(tmp_path)
    injected = "\n".join(f"{key} = {value!r}" for key, value in changes.items())
    notebook.cells.insert(parameters + 1, nbformat.v4.new_code_cell(injected))
    notebook.cells.append(nbformat.v4.new_code_cell("'keras' in sys.modules"))
    seconds = 60 * notebook.metadata.organoid_kit.minutes_cpu  # for each cell
    resources = {"metadata": {"path": str(ROOT / "notebooks")}}
    NotebookClient(notebook, timeout=seconds, kernel_name="python3", resources=resources).execute()
    keras_was_loaded = notebook.cells[-1].outputs[0].data["text/plain"] == "True"
    assert keras_was_loaded == (name not in ONLY_LOOK)
