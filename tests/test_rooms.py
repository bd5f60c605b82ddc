"""The order of the rooms (docs/design.md) and the measures of the house."""

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "organoid_kit"
ROOMS = (
    *("errors", "environment", "files", "settings", "network_folders"),
    *("timelapse", "reading", "timelapse_reading", "timelapse_writing"),
    *("annotations", "formats", "dataset", "downloads", "synthetic", "matching", "evaluation"),
    *("classification", "calibration", "links", "track_evaluation", "tracking_problem"),
    *(
        "tracking_optimal",
        "tracking",
        "tracking_marginals",
        "track_errors",
        "threshold_judging",
        "targets",
        "baseline",
    ),
    *("channel_contrast", "checks"),
    *("annotation_editing", "results_table", "measured"),
    *(
        "splits",
        "patches",
        "augmentation",
        "crops",
        "position_examples",
        "division_examples",
        "link_examples",
        "examples",
        "augmentation_advice",
        "models",
        "networks",
        "resampling",
        "export",
        "devices",
        "runs",
        "checkpoints",
    ),
    *(
        "estimates",
        "validation",
        "epoch_pictures",
        "training",
        "training_session",
        "run_keeping",
        "ladder",
        "prediction",
        "crop_prediction",
        "network_calibration",
        "movie_tracking",
        "plots",
        "report",
        "doctor",
        "model_card",
        "lessons",
        "dashboards",
        "cli",
        "__main__",
    ),
)
LIGHT_ROOMS = (*ROOMS[: ROOMS.index("models")], "plots", "report", "doctor")
LIGHT_WHEN_IMPORTED = (*LIGHT_ROOMS, "lessons")  # exercises may need Keras, once they are checked
BACKENDS = {"keras", "tensorflow", "jax", "torch"}
SOURCES = {
    path.relative_to(PACKAGE).with_suffix("").parts: ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != PACKAGE / "__init__.py"
}


def imported_modules(tree: ast.AST) -> set[tuple[str, ...]]:
    """Dotted names of all that is imported, anywhere in the file, split at the dots."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)
    return {tuple(name.split(".")) for name in names}


def functions_of(tree: ast.AST) -> list[ast.FunctionDef]:
    """All functions and methods, nested ones too."""
    return [
        node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def public_names(owner: ast.Module | ast.ClassDef) -> list[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes of a module, or methods of a class, that others may use."""
    named = [
        node
        for node in owner.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]
    return [node for node in named if not node.name.startswith("_")]


def body_lines(function: ast.FunctionDef) -> int:
    """Lines of the body without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def new_modules(*imports: str) -> dict[str, set[str]]:
    """For each import, in one fresh interpreter and in this order: top-level modules it brought in."""
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    before = set(sys.modules)\n"
        "    importlib.import_module(name)\n"
        "    print(name, *{module.partition('.')[0] for module in set(sys.modules) - before})\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, *imports], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return {words[0]: set(words[1:]) for words in map(str.split, ran.stdout.splitlines())}


def test_every_module_has_its_room():
    assert {parts[0] for parts in SOURCES} <= set(ROOMS)


def test_no_module_imports_upward():
    wrong = [
        f"{'.'.join(parts)} imports {'.'.join(name)}"
        for parts, tree in SOURCES.items()
        for name in imported_modules(tree)
        if name[0] == "organoid_kit" and name[1] in ROOMS
        if ROOMS.index(name[1]) > ROOMS.index(parts[0])
    ]
    assert not wrong


def test_no_import_is_relative():
    assert not [
        parts
        for parts, tree in SOURCES.items()
        if any(name[0] == "" for name in imported_modules(tree))
    ]


def test_light_rooms_never_name_keras():
    wrong = [
        f"{'.'.join(parts)} imports {'.'.join(name)}"
        for parts, tree in SOURCES.items()
        for name in imported_modules(tree)
        if parts[0] in LIGHT_ROOMS and name[0] in BACKENDS
    ]
    assert not wrong


def test_light_rooms_never_load_keras():
    rooms = [
        ".".join(("organoid_kit", *parts)) for parts in SOURCES if parts[0] in LIGHT_WHEN_IMPORTED
    ]
    loaded = new_modules(*(room.removesuffix(".__init__") for room in rooms))
    assert not {room: names & BACKENDS for room, names in loaded.items() if names & BACKENDS}


def test_importing_the_package_loads_nothing_heavy():
    loaded = new_modules("organoid_kit")["organoid_kit"]
    assert loaded & (BACKENDS | {"numpy", "scipy", "skimage", "matplotlib"}) == set()


def test_public_names_are_documented():
    bare = [
        f"{'.'.join(parts)}.{node.name}"
        for parts, tree in SOURCES.items()
        for owner in (
            tree,
            *(node for node in public_names(tree) if isinstance(node, ast.ClassDef)),
        )
        for node in public_names(owner)
        if not ast.get_docstring(node)
    ]
    assert not bare


def test_modules_are_documented():
    assert not [".".join(parts) for parts, tree in SOURCES.items() if not ast.get_docstring(tree)]


def test_functions_are_short():
    lengths = {
        f"{'.'.join(parts)}.{function.name}": body_lines(function)
        for parts, tree in SOURCES.items()
        for function in functions_of(tree)
    }
    assert statistics.median(lengths.values()) <= 8
    assert not {name: length for name, length in lengths.items() if length > 60}


def test_design_names_the_rooms_in_this_order():
    design = (PACKAGE.parent / "docs" / "design.md").read_text(encoding="utf-8")
    modules = [line.split("|")[2] for line in design.splitlines() if line.startswith("|")]
    assert [*re.findall(r"`(\w+)/?`", " ".join(modules)), "__main__"] == list(ROOMS)
