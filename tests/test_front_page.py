"""What README shows first, and what Codespaces and Binder need, is there."""

import json
import re
import tomllib
from pathlib import Path

from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_codespaces_and_binder_install_what_make_lab_installs():
    [lab] = re.findall(r'ready-lab: .*?-e "\.(\[\S+\])"', read("Makefile"), flags=re.DOTALL)
    container = json.loads(read(".devcontainer/devcontainer.json"))
    assert f".{lab}" in container["postCreateCommand"]
    assert read(".binder/requirements.txt").strip() == f"-e .{lab}"
    assert all(
        (ROOT / name).exists() for name in container["customizations"]["codespaces"]["openFiles"]
    )
    versions = tomllib.loads(read("pyproject.toml"))["project"]["requires-python"]
    for text in (read(".binder/runtime.txt"), container["image"]):
        assert re.search(r"\d\.\d+", text)[0] in SpecifierSet(versions)


def test_readme_shows_the_film_and_names_one_command_before_anything_else():
    first = read("README.md").split("\n## ")[0]
    assert "docs/pictures/film.gif" in first and first.count("make ") == 1 and "make lab" in first


def test_results_in_readme_stand_in_the_table():
    numbers = re.compile(r"\d+\.\d+")
    said = read("README.md").split("## What it reaches")[1].split("## Read on")[0]
    rows = [line for line in said.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 5
    assert set(numbers.findall("".join(rows))) <= set(numbers.findall(read("docs/results.md")))
