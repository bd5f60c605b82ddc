"""What stands in several files of the project says the same in all of them."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import organoid_kit

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CORE = [Requirement(text) for text in PYPROJECT["project"]["dependencies"]]
EXTRAS = {
    name: [Requirement(text) for text in texts]
    for name, texts in PYPROJECT["project"]["optional-dependencies"].items()
}
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
IN_CONDA = ("cpu", "formats", "lab", "dev")  # the extras that environment.yml holds
IMPORTED_AS = {"scikit-image": "skimage", "bioimageio.spec": "bioimageio"}
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks" / "source").glob("*.py"))
ON_COLAB = "https://colab.research.google.com/github/organoid-kit/organoid_kit/blob/main/"
ROW = re.compile(
    r"^\| \[(\d\d) [^]]+\]\(([^)]+)\) \|.*\| \[!\[Open in Colab\]\([^)]+\.svg\)\]\(([^)]+)\) \|$",
    re.M,
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# README's table of notebooks: number to link and badge.
ROWS = {number: (link, badge) for number, link, badge in ROW.findall(read("README.md"))}


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("Not a git checkout, so there are no tracked files to look through.")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def bounds(requirements: list[Requirement]) -> dict[str, str]:
    """The bounds of each package; of several ones the last, which the extras make narrower."""
    return {requirement.name: str(requirement.specifier) for requirement in requirements}


def imported(nodes: list[ast.AST]) -> set[str]:
    """Top-level modules that these statements import, without Python's own and the kit."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.partition(".")[0])
    brought = {"mpl_toolkits", "traitlets"}  # by matplotlib, and by ipywidgets
    return names - set(sys.stdlib_module_names) - brought - {"organoid_kit"}


def modules_of(requirements: list[Requirement]) -> set[str]:
    return {
        IMPORTED_AS.get(requirement.name, requirement.name.replace("-", "_"))
        for requirement in requirements
    }


def test_versions_agree():
    assert PYPROJECT["tool"]["hatch"]["version"]["path"] == "organoid_kit/__init__.py"
    assert yaml.safe_load(read("CITATION.cff"))["version"] == organoid_kit.__version__
    assert f"\n## {organoid_kit.__version__}" in read("CHANGELOG.md")


def test_conda_environment_asks_for_what_pyproject_asks():
    asked = [*CORE, *(requirement for name in IN_CONDA for requirement in EXTRAS[name])]
    by_conda = [Requirement(text) for text in CONDA if isinstance(text, str) and text != "pip"]
    python = by_conda.pop(0)
    by_pip = CONDA[-1]["pip"]
    assert by_pip[-1] == "-e ."
    assert (
        python.specifier
        == Requirement(f"python{PYPROJECT['project']['requires-python']}").specifier
    )
    assert bounds([*by_conda, *map(Requirement, by_pip[:-1])]) == bounds(asked)


def test_core_has_only_lower_bounds():
    assert {clause.operator for requirement in CORE for clause in requirement.specifier} == {">="}


def test_what_the_package_imports_is_asked_for():
    optional = [requirement for requirements in EXTRAS.values() for requirement in requirements]
    for path in ROOT.glob("organoid_kit/**/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert imported(tree.body) <= modules_of(CORE), (
            f"{path.name} imports at its top what the core does not bring"
        )
        assert imported(list(ast.walk(tree))) <= modules_of([*CORE, *optional]), path.name


def test_extras_that_are_named_exist():
    texts = read("Makefile") + read(".ci/run") + read("README.md") + read("CONTRIBUTING.md")
    named = {
        extra for extras in re.findall(r"[ \"]\.\[([\w,]+)\]", texts) for extra in extras.split(",")
    }
    assert named and named <= set(EXTRAS)


def test_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^(\w+):", read("Makefile"), flags=re.MULTILINE))
    named = set(re.findall(r"`make (\w+)", read("README.md") + read("CONTRIBUTING.md")))
    assert {"demo", "test", "lab", "benchmark"} <= named <= targets


def test_no_address_of_one_workplace():
    one_workplace = re.compile(
        r"(?i)index[-_]url|find[-]links(?! packages )|https?://\S+/simple\b|/(?:root|home|Users)/\w"
    )
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        if b"\0" not in (content := path.read_bytes())
        for match in one_workplace.finditer(content.decode("utf-8"))
    ]
    assert not found


def test_bundled_movies_are_small():
    assert (
        sum(path.stat().st_size for path in (ROOT / "data_samples").rglob("*") if path.is_file())
        <= 20e6
    )


def test_no_tracked_file_is_large():
    assert not [path for path in tracked_files() if path.stat().st_size > 8e6]


def test_colab_badges_lead_to_notebooks():
    notebooks = re.findall(
        r"colab\.research\.google\.com/github/\S+?/blob/main/(\S+?\.ipynb)", read("README.md")
    )
    assert notebooks and not [name for name in notebooks if not (ROOT / name).exists()]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_notebook_has_its_link_and_its_badge(name):
    assert ROWS[name[:2]] == (f"notebooks/{name}.ipynb", f"{ON_COLAB}notebooks/{name}.ipynb")


def test_each_row_has_its_notebook():
    assert sorted(ROWS) == [name[:2] for name in NOTEBOOKS]


def test_whoever_may_refuse_to_overwrite_can_be_told_to():
    """The message advises ``overwrite=True``. Those named write into new folders of their own, or find a free name."""
    writers = {f"write_{kind}_safely" for kind in ("text", "json", "bytes")}
    writers |= {"write_safely", "check_free"}
    own = {"demo", "add_result", "restore_run", "copy_network", "prepare", "make_run"}
    own |= {"_write_description", "_save_frames", "save_movie_result", "save_tracking"}
    without = set()
    for file in (ROOT / "organoid_kit").rglob("*.py"):
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            arguments = {each.arg for each in (*function.args.args, *function.args.kwonlyargs)}
            for call in ast.walk(function):
                name = ast.unparse(call.func).split(".")[-1] if isinstance(call, ast.Call) else ""
                if name in writers and "overwrite" not in arguments:
                    if "overwrite=True" not in ast.unparse(call):
                        without.add(function.name)
    assert without == own
