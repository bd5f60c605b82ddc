"""README's table of notebooks: each has its link and its badge, which opens the student notebook on Colab."""

import re
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("*.py"))
ON_COLAB = "https://colab.research.google.com/github/organoid-kit/organoid_kit/blob/main/"
ROW = re.compile(r"^\| \[(\d\d) [^]]+\]\(([^)]+)\) \|.*\| \[!\[Open in Colab\]\([^)]+\.svg\)\]\(([^)]+)\) \|$", re.M)
ROWS = {number: (link, badge) for number, link, badge in ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_each_notebook_has_its_link_and_its_badge(source):
    assert ROWS[source.stem[:2]] == (f"notebooks/{source.stem}.ipynb", f"{ON_COLAB}notebooks/{source.stem}.ipynb")


def test_each_row_has_its_notebook():
    assert sorted(ROWS) == [source.stem[:2] for source in SOURCES]


def test_the_cell_with_the_verdict_is_the_same_everywhere():
    cells = {source.stem: jupytext.read(source).cells[1].source for source in SOURCES}
    texts = {text.replace("trains=False", "") for text in cells.values()}
    assert len(texts) == 1, cells
