"""Builds the site: runs the notebooks, lays out the pages, calls Sphinx, and lets the networks live.

    python docs/site/make_site.py                          # everything: build/site/html/index.html
    python docs/site/make_site.py --quick --only 02 03     # two notebooks, run with the numbers of the tests

A notebook is run again only when it, its numbers or the kit have changed. How long each took is said beside what it
states.
"""

import argparse
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

sys.path.append(str(Path(__file__).parent / "alive"))

import make_page

ROOT = Path(__file__).resolve().parents[2]
ON_GITHUB = "https://github.com/organoid-kit/organoid_kit"
WIDGET = "application/vnd.jupyter.widget-view+json"
NOTE = "*Widgets stand here. They need a running notebook; what they show is also drawn as a figure near by.*"
LINK = re.compile(
    r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)"
)  # what stands in (…) behind […], if it is a path


def find_pages(only: list[str]) -> dict[Path, Path]:
    """The pages of the site: where each lies in the repository, and where on the site. Both from their roots."""
    notebooks = [
        ROOT / f"notebooks/{path.stem}.ipynb" for path in sorted(ROOT.glob("notebooks/source/*.py"))
    ]
    chosen = [path for path in notebooks if not only or path.name[:2] in only]
    texts = [
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/teaching/*.md"),
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
    ]
    pages = {path.relative_to(ROOT): path.relative_to(ROOT) for path in (*chosen, *sorted(texts))}
    return pages | {Path("docs/site/index.md"): Path("index.md")}


def mend_links(text: str, page: Path, pages: dict[Path, Path]) -> str:
    """Links to other pages lead there, links to other files of the repository to GitHub."""

    def mend(found: re.Match) -> str:
        target = Path(os.path.normpath(page.parent / found[0]))
        if target in pages:
            return os.path.relpath(pages[target], pages[page].parent).replace(os.sep, "/")
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return (
            f"{ON_GITHUB}/{kind}/main/{target.as_posix()}" if (ROOT / target).exists() else found[0]
        )

    return LINK.sub(mend, text)


def fingerprint(notebook: nbformat.NotebookNode, values: dict) -> str:
    """Changes with the notebook, its numbers, and the code of the kit."""
    parts = [cell.source for cell in notebook.cells] + [repr(sorted(values.items()))]
    parts += [
        path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("organoid_kit/**/*.py"))
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def run_notebook(path: Path, values: dict, folder: Path) -> nbformat.NotebookNode:
    """A notebook with its outputs, from `folder` if it was run before.

    Args:
        values: what is set after the cell tagged `parameters`.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    mark, kept = fingerprint(notebook, values), folder / path.name
    if (
        kept.exists()
        and (before := nbformat.read(kept, as_version=4)).metadata.get("fingerprint") == mark
    ):
        return before
    print(f"running {path.name}", end="", flush=True)
    began = time.monotonic()
    set_values(notebook, values)
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    NotebookClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(work)}}
    ).execute()
    stated = notebook.metadata.organoid_kit.minutes_cpu
    print(
        f": {(time.monotonic() - began) / 60:.1f} minutes; stated for a processor of 2 cores: {stated}",
        flush=True,
    )
    notebook.metadata["fingerprint"] = mark
    nbformat.write(notebook, kept)
    return notebook


def set_values(notebook: nbformat.NotebookNode, values: dict) -> None:
    """Adds a cell that is not shown, behind the cell tagged `parameters`."""
    if values:
        tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
        cell = nbformat.v4.new_code_cell(
            "\n".join(f"{key} = {value!r}" for key, value in values.items())
        )
        cell.metadata["tags"] = ["remove-cell"]
        notebook.cells.insert(tags.index(["parameters"]) + 1, cell)


def show_without_kernel(cell: nbformat.NotebookNode) -> None:
    """Gives pictures their alternative text, and a note in place of widgets.

    Raises:
        ValueError: a picture has no words.
    """
    for output in cell.get("outputs", []):
        if "data" not in output:
            continue
        if output.data.pop(WIDGET, None) is not None and "text/html" not in output.data:
            output.data = {"text/markdown": NOTE}
        if "image/png" in output.data:
            words = output.metadata.get("image/png", {}).get("alt")
            if not words:
                raise ValueError(
                    f"A picture needs alternative text. Received: none, from this cell:\n{cell.source}"
                )
            cell.metadata["mystnb"] = {"image": {"alt": " ".join(words.split())}}


def unpack_attachments(cell: nbformat.NotebookNode, folder: Path) -> None:
    """Writes the pictures that a text carries into a folder, as Sphinx shows files only."""
    for name, kinds in cell.pop("attachments", {}).items():
        [code] = kinds.values()
        (folder / name).write_bytes(base64.b64decode(code))
        cell.source = cell.source.replace(f"(attachment:{name})", f"({name})")


def lay_out(pages: dict[Path, Path], quick: dict[str, dict] | None, output: Path) -> Path:
    """Writes all pages, as Sphinx shall read them."""
    source = output / "source"
    shutil.rmtree(source, ignore_errors=True)
    executed = output / ("executed_quick" if quick is not None else "executed")
    for page, place in pages.items():
        (source / place).parent.mkdir(parents=True, exist_ok=True)
        if page.suffix == ".md":
            text = (ROOT / page).read_text(encoding="utf-8")
            text = text.replace('href="alive/page.html"', 'href="networks.html"')
            (source / place).write_text(mend_links(text, page, pages), encoding="utf-8")
            continue
        notebook = run_notebook(ROOT / page, (quick or {}).get(page.stem, {}), executed)
        notebook.metadata.pop("widgets", None)
        for cell in notebook.cells:
            unpack_attachments(cell, (source / place).parent)
            show_without_kernel(cell)
            cell.source = (
                mend_links(cell.source, page, pages)
                if cell.cell_type == "markdown"
                else cell.source
            )
        nbformat.write(notebook, source / place)
    return source


def read_quick_values() -> dict[str, dict]:
    """The numbers with which the tests run the notebooks."""
    sys.path.insert(0, str(ROOT / "tests"))
    from test_notebooks import QUICK

    return QUICK


def main() -> int:
    """Builds the site, and says where it lies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="run notebooks with the numbers of the tests"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="only these notebooks")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site")
    chosen = parser.parse_args()
    source = lay_out(
        find_pages(chosen.only), read_quick_values() if chosen.quick else None, chosen.output
    )
    options = ["-q", "-E", "-W", "--keep-going", "-c", str(Path(__file__).parent)]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(source), str(chosen.output / "html")]
    )
    networks = chosen.output / "html" / "networks.html"
    if chosen.only:
        make_page.write_stub(networks, "only some notebooks were built")
    elif reason := make_page.build(networks):
        print(f"The page of the networks was left out: {reason}.")
    print(f"Open {chosen.output / 'html' / 'index.html'} in a browser.")
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())
