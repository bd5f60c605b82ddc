"""Links inside the repository lead somewhere: in README, docs and notebooks."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|(?:src|href)=[\"']([^\"']+)[\"']")
ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)  # https:, mailto:, data:
WRITTEN = [
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "data_samples/*.md",
        "notebooks/*.ipynb",
        "notebooks/*/*.ipynb",
        "apps/*.ipynb",
        ".github/**/*.md",
    )
    for path in sorted(ROOT.glob(pattern))
    if ".ipynb_checkpoints" not in path.parts
]


def read_text(path: Path) -> str:
    """What a reader sees as text: of a notebook, its cells of text."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def find_links(text: str) -> list[str]:
    """Links to files of the repository and to headings; those in code are none."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    links = ["".join(found) for found in LINK.findall(prose)]
    return [link for link in links if not ELSEWHERE.match(link)]


def find_anchors(text: str) -> set[str]:
    """What a link to a heading says behind its #, as GitHub writes it."""
    headings = re.findall(
        r"^#+\s+(.*?)\s*$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_dead(link: str, path: Path) -> bool:
    """Whether a link of this file leads nowhere."""
    name, _, anchor = unquote(link).partition("#")
    target = (path.parent / name) if name else path
    if not target.exists():
        return True
    return (
        bool(anchor)
        and target.suffix == ".md"
        and anchor.lower() not in find_anchors(read_text(target))
    )


def test_a_dead_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# What it is\n[a](page.md#what-it-is) [b](https://a.b/c) [c](gone.md) [d](#gone) `[e](gone)`"
    )
    assert [link for link in find_links(page.read_text()) if is_dead(link, page)] == [
        "gone.md",
        "#gone",
    ]
    assert find_links('<img alt="x" src="a.png"> ![b](c.png "title")') == ["a.png", "c.png"]


@pytest.mark.parametrize("path", WRITTEN, ids=[str(path.relative_to(ROOT)) for path in WRITTEN])
def test_links_lead_somewhere(path):
    assert not [link for link in find_links(read_text(path)) if is_dead(link, path)]
