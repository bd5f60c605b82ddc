"""The order of the rooms, what their faces offer, and the measures of the house (benchmarks/house.py)."""

import ast
import importlib
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
house = importlib.import_module("house")

SMALL = (
    *("base", "data", "evaluation", "tracking", "examples"),
    *("networks", "training", "prediction", "plots"),
)
ROOMS = (*SMALL, "report", "course", "dashboards", "cli", "__main__")
BEFORE_KERAS = SMALL[: SMALL.index("networks")]
NEVER_NAME_KERAS = (*BEFORE_KERAS, "plots", "report")
OPENS_A_NETWORK = ("report", "bioimageio")
BACKENDS = {"keras", "tensorflow", "jax", "torch"}
SOURCES = house.read_sources(ROOT)
FACES = sorted(path.parent for path in (ROOT / "organoid_kit").rglob("__init__.py"))


def name_module(parts: tuple[str, ...]) -> str:
    return ".".join(("organoid_kit", *parts)).removesuffix(".__init__")


def public_names(owner: ast.Module | ast.ClassDef) -> list[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes of a module, or methods of a class, that others may use."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [n for n in owner.body if isinstance(n, kinds) and not n.name.startswith("_")]


def new_modules(*imports: str) -> dict[str, set[str]]:
    """For each import, in one fresh interpreter and in this order: top-level modules it brought in."""
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    before = set(sys.modules)\n"
        "    importlib.import_module(name)\n"
        "    print(name, *{module.partition('.')[0] for module in set(sys.modules) - before})\n"
    )
    command = [sys.executable, "-c", program, *imports]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return {words[0]: set(words[1:]) for words in map(str.split, ran.stdout.splitlines())}


def test_the_rooms_are_these():
    assert set(house.list_rooms(ROOT)) == set(ROOMS)


def test_no_room_imports_one_below_it():
    wrong = [
        f"{start} imports {to}"
        for start, to in house.find_arrows(ROOT)
        if ROOMS.index(to) > ROOMS.index(start)
    ]
    assert not wrong


def test_no_import_is_relative():
    relative = [
        name_module(parts)
        for parts, tree in SOURCES.items()
        if any(name.startswith(".") for name in house.imported_names(tree))
    ]
    assert not relative


def test_light_rooms_never_name_keras():
    wrong = [
        f"{name_module(parts)} imports {name}"
        for parts, tree in SOURCES.items()
        for name in house.imported_names(tree)
        if parts[0] in NEVER_NAME_KERAS and parts != OPENS_A_NETWORK
        if name.split(".")[0] in BACKENDS
    ]
    assert not wrong


def test_light_rooms_never_load_keras():
    """Nor do lessons when they are imported; exercises may need it, once they are checked."""
    light = [parts for parts in SOURCES if parts[0] in NEVER_NAME_KERAS or "lessons" in parts]
    light.remove(OPENS_A_NETWORK)
    loaded = new_modules(*map(name_module, light))
    assert not {room: names & BACKENDS for room, names in loaded.items() if names & BACKENDS}


def test_faces_load_nothing_heavy():
    rooms = ["organoid_kit", *(f"organoid_kit.{room}" for room in ROOMS[:-2])]
    loaded = set().union(*new_modules(*rooms).values())
    assert loaded & (BACKENDS | {"numpy", "scipy", "skimage", "matplotlib", "ipywidgets"}) == set()


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_faces_offer_at_most_ten_names_and_keep_what_they_promise(face):
    name = ".".join(face.relative_to(ROOT).parts)
    module = importlib.import_module(name)
    offered = set(getattr(module, "__all__", ()))
    modules = {entry.stem for entry in face.iterdir() if entry.suffix == ".py" or entry.is_dir()}
    names = offered - modules
    assert len(names) <= (14 if name == "organoid_kit" else 10)
    assert not [each for each in sorted(offered) if not hasattr(module, each)]


def test_every_room_is_drawn_in_its_face():
    """Each module of a room stands in the text of its `__init__.py`."""
    missing = {
        room: sorted(modules)
        for room in ROOMS[:-1]
        if (modules := list_modules(room) - words_of(SOURCES[room, "__init__"]))
    }
    assert not missing


def list_modules(room: str) -> set[str]:
    """Modules and folders of a room."""
    entries = (ROOT / "organoid_kit" / room).iterdir()
    python = (p for p in entries if p.suffix == ".py" or any(p.glob("*.py")))
    return {path.stem for path in python} - {"__init__"}


def words_of(tree: ast.Module) -> set[str]:
    return set(re.findall(r"\w+", ast.get_docstring(tree)))


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/design.md"])
def test_pictures_of_the_house_are_true(page):
    """The rooms stand in the pages as in the code, in this order, each with all of its modules."""
    text = (ROOT / page).read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)/` \|(.*)\|$", text, re.MULTILINE)
    assert [room for room, _ in rows] == list(ROOMS[:-1])
    if page == "docs/design.md":
        named = {room: set(re.findall(r"`(\w+)/?`", told)) for room, told in rows}
        assert named == {room: list_modules(room) for room, _ in rows}


def test_public_names_are_documented():
    bare = [
        f"{name_module(parts)}.{node.name}"
        for parts, tree in SOURCES.items()
        for owner in (tree, *(n for n in public_names(tree) if isinstance(n, ast.ClassDef)))
        for node in public_names(owner)
        if not ast.get_docstring(node)
    ]
    assert not bare


def test_modules_are_documented():
    assert not [
        name_module(parts) for parts, tree in SOURCES.items() if not ast.get_docstring(tree)
    ]


def test_functions_are_short():
    lengths = sorted(map(house.count_body_lines, house.list_functions(ROOT)))
    assert statistics.median(lengths) <= 10
    assert lengths[int(0.9 * len(lengths))] <= 22
    assert lengths[-1] <= 60


def test_the_package_stays_small():
    """26,450 lines in all: 26,000, and what corrections, sweep, and sizes in `check` take: room is made for more."""
    lines = house.read_lines(ROOT, [*ROOMS, "__init__"])
    assert len(lines) <= 26_450
    assert len(house.read_lines(ROOT, list(SMALL))) <= 14_650
    assert sum(len(line) > house.LONG for line in lines) <= 0.02 * len(lines)
    assert len([*(ROOT / "organoid_kit").glob("[!_]*")]) <= 13


def test_few_functions_are_private_and_called_once():
    assert house.count_called_once(ROOT) <= 0.18 * len(house.list_functions(ROOT))


def test_notebooks_import_from_faces():
    faces = {".".join(face.relative_to(ROOT).parts) for face in FACES}
    assert max(house.count_imports(ROOT).values()) <= 8
    wrong = [
        f"{path.name}: {node.module}"
        for path in sorted((ROOT / "notebooks" / "source").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("organoid_kit")
        if node.module not in faces
    ]
    assert not wrong
