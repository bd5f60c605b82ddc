"""Teaching texts, comparison, slides, archive and workflows: what they name is there, what they
promise holds.
"""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
TEACHING = ROOT / "docs" / "teaching"
GITHUB = ROOT / ".github"
PLANS = ("one_hour", "three_hours", "half_day", "two_days")

sys.path[:0] = [str(ROOT / "docs" / "site"), str(TEACHING)]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def read_rows(path: Path) -> list[list[str]]:
    """The cells of all tables of a text, without rulers."""
    lines = [
        line
        for line in read(path).splitlines()
        if line.startswith("|") and not set(line) <= set("|- :")
    ]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def to_minutes(clock: str) -> int:
    """Minutes since midnight of "9:30"; "40" are minutes already."""
    hours, _, minutes = clock.rpartition(":")
    return 60 * int(hours or 0) + int(minutes)


def read_times(name: str) -> list[tuple[int, int]]:
    """Begin and end of each part of a plan, in minutes."""
    rows = [
        row for row in read_rows(TEACHING / f"{name}.md") if re.fullmatch(r"\d+(:\d\d)?", row[0])
    ]
    return [(to_minutes(row[0]), to_minutes(row[1])) for row in rows]


# ---- teaching -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PLANS)
def test_plans_leave_no_minute_out(name):
    times = read_times(name)
    assert len(times) >= 10
    breaks = [(end, begin) for (_, end), (begin, _) in zip(times, times[1:]) if begin != end]
    assert all(begin < end for begin, end in times)
    assert len(breaks) == (name == "two_days"), breaks  # the night between


def test_plans_last_as_long_as_they_say():
    assert read_times("one_hour")[-1][1] == 60
    assert read_times("three_hours")[-1][1] == 3 * 60
    assert read_times("half_day")[-1][1] == 4 * 60


def test_glossary_explains_each_word_once():
    words = [row[0] for row in read_rows(TEACHING / "glossary.md") if row[0].startswith("**")]
    assert len(words) > 50 and len(set(words)) == len(words)


def test_glossary_has_the_words_of_the_kit():
    contributing = read(ROOT / "CONTRIBUTING.md").split("## Words")[1].split("## ")[0]
    words = {
        line.split("|")[1].strip() for line in contributing.splitlines() if line.startswith("|")
    }
    explained = read(TEACHING / "glossary.md")
    ours = words - {"we say", "---", "merge", "time window", "prediction", "score", "spacing"}
    assert not [word for word in ours if f"**{word}**" not in explained]


def test_words_of_the_field_are_met_once_and_can_be_looked_up():
    met = " ".join(" ".join(map(read, sorted(ROOT.glob("notebooks/source/*.py")))).split())
    explained = read(TEACHING / "glossary.md")
    words = ["gradient", "activation", "backpropagation", "pooling", "skip connection"]
    words += ["receptive field", "early stopping", "transfer learning"]
    assert not [word for word in words if f"*{word}*" not in met]
    assert not [word for word in [*words, "feature map"] if f"| **{word}** |" not in explained]


def test_surveys_ask_the_same_before_and_after():
    text = read(TEACHING / "surveys.md")
    assert len(re.findall(r"^   - [a-e]\. ", text, flags=re.MULTILINE)) == 5
    assert "Statements a to e again" in text


# ---- slides ---------------------------------------------------------------------------------------------------------
def test_the_lecture_has_as_many_slides_as_its_plan_says():
    slides = len(re.findall(r"^##? ", read(TEACHING / "slides" / "index.md"), flags=re.MULTILINE))
    assert f"**Slides:** {slides}," in read(TEACHING / "one_hour.md")
    last = [row[-1] for row in read_rows(TEACHING / "one_hour.md") if re.fullmatch(r"\d+", row[0])][
        -1
    ]
    assert last.endswith(f"–{slides}")


def test_every_figure_of_the_slides_is_drawn_and_shown():
    tree = ast.parse(read(TEACHING / "slides" / "make_figures.py"))
    keys = [key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys]
    drawn = {key.value for key in keys if isinstance(key, ast.Constant)}
    shown = set(re.findall(r"figures/(\w+)\.png", read(TEACHING / "slides" / "index.md")))
    assert shown and shown <= drawn


# ---- comparison -----------------------------------------------------------------------------------------------------
def test_every_feature_is_compared_and_every_yes_has_its_file():
    rows = [row for row in read_rows(ROOT / "docs" / "comparison.md") if row[0].isdigit()]
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1)) and len(rows) >= 23
    assert {len(row) for row in rows} == {7} and all(all(row) for row in rows)
    assert not [row[1] for row in rows if not re.search(r"\]\(\S+\)", row[2])]


# ---- the site -------------------------------------------------------------------------------------------------------
def test_links_between_pages_stay_and_others_lead_to_github():
    from make_site import ON_GITHUB, mend_links

    page, pages = (
        Path("docs/site/index.md"),
        {Path("docs/site/index.md"): Path("index.md"), Path("docs/a.md"): Path("docs/a.md")},
    )
    assert mend_links("[a](../a.md#b)", page, pages) == "[a](docs/a.md#b)"
    assert mend_links("[a](../../Makefile)", page, pages) == f"[a]({ON_GITHUB}/blob/main/Makefile)"
    assert mend_links("[a](../../docs)", page, pages) == f"[a]({ON_GITHUB}/tree/main/docs)"
    assert mend_links("[a](https://x.org/y) [b](#c)", page, pages) == "[a](https://x.org/y) [b](#c)"


def test_pictures_that_a_text_carries_become_files(tmp_path):
    from make_site import unpack_attachments

    cell = nbformat.v4.new_markdown_cell("![A film.](attachment:a.gif)")
    cell.attachments = {"a.gif": {"image/gif": "R0lG"}}
    unpack_attachments(cell, tmp_path)
    assert cell.source == "![A film.](a.gif)" and "attachments" not in cell
    assert (tmp_path / "a.gif").read_bytes() == b"GIF"


def make_cell(data: dict, metadata: dict) -> nbformat.NotebookNode:
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    return nbformat.v4.new_code_cell("plot_stack(stack)", outputs=[output])


def test_pictures_of_the_site_keep_their_words_and_must_have_some():
    from make_site import show_without_kernel

    cell = make_cell({"image/png": "x"}, {"image/png": {"alt": "A stack\nfrom above."}})
    show_without_kernel(cell)
    assert cell.metadata["mystnb"] == {"image": {"alt": "A stack from above."}}
    with pytest.raises(ValueError, match="plot_stack"):
        show_without_kernel(make_cell({"image/png": "x"}, {}))


def test_widgets_of_the_site_become_a_note_unless_they_have_a_page_of_their_own():
    from make_site import NOTE, WIDGET, show_without_kernel

    plain, question = (
        make_cell({WIDGET: {}, "text/plain": "VBox()"}, {}),
        make_cell({WIDGET: {}, "text/html": "<p>Why?</p>"}, {}),
    )
    for cell in (plain, question):
        show_without_kernel(cell)
    assert plain.outputs[0].data == {"text/markdown": NOTE}
    assert question.outputs[0].data == {"text/html": "<p>Why?</p>"}


def test_a_notebook_is_run_again_only_when_something_changed(tmp_path, monkeypatch, capsys):
    import make_site

    ran = []
    client = SimpleNamespace(execute=lambda: ran.append("once"))
    monkeypatch.setattr(make_site, "NotebookClient", lambda notebook, **options: client)
    cell = nbformat.v4.new_code_cell("epochs = 9", metadata={"tags": ["parameters"]})
    facts = {"organoid_kit": {"minutes_cpu": 3}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=facts), tmp_path / "00.ipynb")
    for values in ({"epochs": 1}, {"epochs": 1}, {"epochs": 2}):
        made = make_site.run_notebook(tmp_path / "00.ipynb", values, tmp_path / "executed")
    assert len(ran) == 2
    said = "running 00.ipynb: 0.0 minutes; stated for a processor of 2 cores: 3"
    assert capsys.readouterr().out.splitlines() == [said, said]
    assert made.cells[1].source == "epochs = 2" and made.cells[1].metadata["tags"] == [
        "remove-cell"
    ]


# ---- grading --------------------------------------------------------------------------------------------------------
def test_an_assignment_has_a_point_for_each_check():
    from make_assignment import mark_exercises

    cells = [
        nbformat.v4.new_code_cell("answer = ...", metadata={"exercise": "distance"}),
        nbformat.v4.new_code_cell("lesson.distance.check(answer)"),
        nbformat.v4.new_code_cell("print(answer)"),
    ]
    assert mark_exercises(nbformat.v4.new_notebook(cells=cells)) == 1
    assert (
        cells[0].metadata["nbgrader"]["solution"] and cells[1].metadata["nbgrader"]["points"] == 1
    )
    assert (
        'assert verdict.kind == "right"' in cells[1].source and "nbgrader" not in cells[2].metadata
    )


# ---- the archive ----------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_kit_in_the_archive_can_be_installed_and_finds_its_movies(tmp_path):
    pytest.importorskip(
        "hatchling", reason="hatchling is not installed here: the extra `docs` brings it."
    )
    command = [
        sys.executable,
        "docs/teaching/make_archive.py",
        "--output",
        str(tmp_path / "course.zip"),
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    with zipfile.ZipFile(tmp_path / "course.zip") as archive:
        archive.extractall(tmp_path)
    course = tmp_path / "course"
    wanted = ("INSTALL.md", "README.md", "docs/teaching/README.md", "notebooks/00_start_here.ipynb")
    assert not [name for name in wanted if not (course / name).exists()]
    for folder in ("notebooks", "notebooks/solutions", "notebooks/instructor"):
        names = {path.name for path in (ROOT / folder).glob("*.ipynb")}
        assert names and names == {path.name for path in (course / folder).glob("*.ipynb")}
    [wheel] = (course / "packages").glob("*.whl")
    options = ["--no-deps", "--no-index", "--quiet", "--target", str(tmp_path / "installed")]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import organoid_kit
from organoid_kit.data.downloads import find_samples
print(organoid_kit.__file__, find_samples(url="http://localhost:1"), sep="\\n")
"""
    run = [sys.executable, "-c", code, str(tmp_path / "installed")]
    ran = subprocess.run(run, cwd=course / "notebooks", capture_output=True, text=True, check=True)
    package, samples = map(Path, ran.stdout.splitlines()[:2])
    assert package.is_relative_to(tmp_path / "installed") and samples == course / "data_samples"


# ---- what stands in .github -----------------------------------------------------------------------------------------
def load_workflow(name: str) -> dict:
    return yaml.safe_load(read(GITHUB / "workflows" / name))


def find_commands(workflow: dict) -> str:
    return "\n".join(
        step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]
    )


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml"])
def test_workflows_name_what_exists(name):
    workflow = load_workflow(name)
    commands = find_commands(workflow)
    targets = set(re.findall(r"^(\w+):", read(ROOT / "Makefile"), flags=re.MULTILINE))
    assert True in workflow  # YAML reads the key `on` as a truth value
    assert set(re.findall(r"\bmake (\w+)", commands)) <= targets
    assert not [
        path for path in re.findall(r"\btests/\S+\.py", commands) if not (ROOT / path).exists()
    ]
    assert all(job["timeout-minutes"] and job["runs-on"] for job in workflow["jobs"].values())


def test_ci_runs_on_three_systems_and_does_what_ci_run_does():
    workflow = load_workflow("ci.yml")
    systems = {
        entry["system"]
        for entry in workflow["jobs"]["other-systems"]["strategy"]["matrix"]["include"]
    }
    assert ".ci/run" in find_commands(workflow) and (ROOT / ".ci" / "run").exists()
    assert (
        systems == {"macos-latest", "windows-latest"}
        and workflow["jobs"]["linux"]["runs-on"] == "ubuntu-latest"
    )


def test_extras_of_the_workflows_are_those_of_make_test():
    [asked] = re.findall(r'-e "\.\[([\w,]+dev[\w,]*)\]"', read(ROOT / "Makefile"))
    assert f'-e ".[{asked}]"' in find_commands(load_workflow("ci.yml"))


def test_nightly_opens_an_issue_and_holds_the_widgets_of_colab():
    commands = find_commands(load_workflow("nightly.yml"))
    assert (
        "gh issue create" in commands
        and "ipywidgets==7.7.1" in commands
        and "ipywidgets==7.7.1" in read(ROOT / ".ci/run")
    )


@pytest.mark.parametrize(
    "path", sorted(GITHUB.glob("ISSUE_TEMPLATE/[!c]*.yml")), ids=lambda path: path.stem
)
def test_issue_forms_are_whole(path):
    form = yaml.safe_load(read(path))
    assert form["name"] and form["description"] and form["labels"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids) and all(field["attributes"]["label"] for field in form["body"])


def test_every_notebook_can_be_chosen_in_the_form():
    form = yaml.safe_load(read(GITHUB / "ISSUE_TEMPLATE" / "notebook.yml"))
    [options] = [
        field["attributes"]["options"] for field in form["body"] if field["id"] == "notebook"
    ]
    numbers = {path.name[:2] for path in ROOT.glob("notebooks/source/*.py")}
    assert numbers <= {option[:2] for option in options}
