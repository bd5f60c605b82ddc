"""The measures of the house: rooms, arrows between them, lines, functions, imports of the notebooks.

    python benchmarks/house.py [--against COMMIT]

A room is an entry of the package; an arrow, that a room imports another; the floors, how many rooms
lie on the longest way along arrows. The outer rooms are those that the small package never needs.
"""

from __future__ import annotations

import argparse
import ast
import collections
import io
import re
import statistics
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTER = ("report", "course", "dashboards", "cli", "__main__")
LONG = 100


def list_rooms(root: Path) -> list[str]:
    """Names of the entries of the package that are Python: folders and modules."""
    entries = (path for path in (root / "organoid_kit").iterdir() if path.name != "__init__.py")
    return sorted(path.stem for path in entries if path.suffix == ".py" or any(path.glob("*.py")))


@cache
def read_sources(root: Path) -> dict[tuple[str, ...], ast.Module]:
    """The parsed files of the package, by their path below it without suffix."""
    package = root / "organoid_kit"
    return {
        path.relative_to(package).with_suffix("").parts: ast.parse(path.read_text("utf-8"))
        for path in sorted(package.rglob("*.py"))
    }


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all that is imported, anywhere in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


def find_arrows(root: Path) -> set[tuple[str, str]]:
    """Pairs of rooms of which the first imports the second."""
    rooms = set(list_rooms(root))
    return {
        (parts[0], name.split(".")[1])
        for parts, tree in read_sources(root).items()
        for name in imported_names(tree)
        if name.startswith("organoid_kit.") and parts != ("__init__",)
        if name.split(".")[1] in rooms - {parts[0]}
    }


def count_floors(arrows: set[tuple[str, str]]) -> int:
    """How many rooms lie on the longest way along arrows."""

    @cache
    def height(room: str) -> int:
        return 1 + max((height(to) for start, to in arrows if start == room), default=0)

    return max(height(start) for start, _ in arrows)


def list_functions(root: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods of the package, nested ones too."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        n for tree in read_sources(root).values() for n in ast.walk(tree) if isinstance(n, kinds)
    ]


def count_body_lines(function: ast.FunctionDef) -> int:
    """Lines of the body without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def count_called_once(root: Path) -> int:
    """Private functions whose name stands twice in the package: where it is made, and where called."""
    texts = (path.read_text("utf-8") for path in (root / "organoid_kit").rglob("*.py"))
    words = collections.Counter(word for text in texts for word in re.findall(r"\w+", text))
    names = [function.name for function in list_functions(root)]
    return sum(words[name] == 2 and name[0] == "_" and name[:2] != "__" for name in names)


def count_imports(root: Path) -> dict[str, int]:
    """For each notebook, how many of its statements import the kit."""
    return {
        path.stem: sum(
            any(name.split(".")[0] == "organoid_kit" for name in imported_names(node))
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, (ast.Import, ast.ImportFrom))
        )
        for path in sorted((root / "notebooks" / "source").glob("*.py"))
    }


def read_lines(root: Path, rooms: list[str]) -> list[str]:
    """All lines of Python in these entries of the package."""
    package = root / "organoid_kit"
    files = [
        path
        for room in rooms
        for path in [package / f"{room}.py", *(package / room).rglob("*.py")]
        if path.exists()
    ]
    return [line for path in files for line in path.read_text("utf-8").splitlines()]


def measure_house(root: Path) -> dict[str, str]:
    """Each measure by its name, as a text."""
    rooms = list_rooms(root)
    small = [room for room in rooms if room not in OUTER]
    arrows = find_arrows(root)
    inner = {arrow for arrow in arrows if not {*arrow} & {*OUTER}}
    lines = read_lines(root, [*rooms, "__init__"])
    lengths = sorted(map(count_body_lines, list_functions(root)))
    imports = count_imports(root)
    return {
        "entries": f"{len(rooms) + 1}",
        "arrows": f"{len(arrows)}, on {count_floors(arrows)} floors",
        "arrows of the small package": f"{len(inner)}, on {count_floors(inner)} floors",
        "lines": f"{len(lines):,}",
        "lines of the small package": f"{len(read_lines(root, small)):,}",
        f"lines over {LONG} characters": f"{sum(len(t) > LONG for t in lines) / len(lines):.1%}",
        "private functions called once": f"{count_called_once(root) / len(lengths):.0%}",
        "lines of a function: median": f"{statistics.median(lengths):g}",
        "lines of a function: nine in ten at most": f"{lengths[int(0.9 * len(lengths))]}",
        "lines of a function: the longest": f"{lengths[-1]}",
        "imports of the kit in a notebook, at most": f"{max(imports.values())}",
        **{f"   in notebook {name[:2]}": f"{number}" for name, number in imports.items()},
    }


def extract(commit: str, folder: Path) -> Path:
    """The tree of a commit, written into a folder."""
    packed = subprocess.run(
        ["git", "archive", commit, "organoid_kit", "notebooks/source"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="COMMIT", help="print those of this commit, too")
    commit = parser.parse_args().against
    columns = {"now": measure_house(ROOT)}
    if commit:
        with tempfile.TemporaryDirectory() as folder:
            columns[commit] = measure_house(extract(commit, Path(folder)))
    print(f"{'':44}" + "".join(f"{name:>20}" for name in columns))
    for measure in columns["now"]:
        print(f"{measure:44}" + "".join(f"{column[measure]:>20}" for column in columns.values()))


if __name__ == "__main__":
    main()
