"""Apps: each dashboard has one, its text and generated notebook are in step, and it runs without an
error.
"""

import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from organoid_kit import dashboards

APPS = Path(__file__).parents[2] / "apps"
NAMES = sorted(path.stem for path in (APPS / "source").glob("*.py"))
START = "start"  # from which the others are opened
each_app = pytest.mark.parametrize("name", NAMES)


def read_app(name: str) -> nbformat.NotebookNode:
    return nbformat.read(APPS / f"{name}.ipynb", as_version=4)


def test_every_source_has_its_notebook():
    assert NAMES == sorted(path.stem for path in APPS.glob("*.ipynb"))


def test_every_dashboard_has_its_app():
    assert sorted(re.sub("(?<!^)(?=[A-Z])", "_", name).lower() for name in dashboards.__all__) == [
        name for name in NAMES if name != START
    ]


@each_app
def test_source_and_notebook_are_in_step(name):
    source, notebook = jupytext.read(APPS / "source" / f"{name}.py"), read_app(name)
    assert [(each.cell_type, each.source) for each in notebook.cells] == [
        (each.cell_type, each.source) for each in source.cells
    ]
    assert not [
        each for each in notebook.cells if each.get("outputs") or each.get("execution_count")
    ]
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != START])
def test_app_shows_its_dashboard(name, tmp_path):
    notebook = read_app(name)
    options = {
        "timeout": 600,
        "kernel_name": "python3",
        "resources": {"metadata": {"path": tmp_path}},
    }
    NotebookClient(notebook, **options).execute()
    shown = [
        output.data
        for output in notebook.cells[-1].outputs
        if output.output_type == "execute_result"
    ]
    assert len(shown) == 1 and "application/vnd.jupyter.widget-view+json" in shown[0]
    assert "ok-fail" not in str(notebook.metadata.widgets), "The dashboard shows an error."
