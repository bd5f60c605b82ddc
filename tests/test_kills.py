"""The short form of benchmarks/kills.py: whoever is killed while writing leaves what was there, or the next."""

import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import kills


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks what it kills")
@pytest.mark.parametrize("work", ["json", "aut", "results", "journal"])
def test_a_kill_loses_nothing(work):
    said = []
    assert kills.kill_work(work, 12, random.Random(f"2 {work}"), said.append) == 0, said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks what it kills")
def test_a_writer_that_writes_in_place_is_found_out(tmp_path):
    """What replaces a file by writing over it loses it to some kill."""

    def write(folder: Path, version: int) -> None:
        with open(folder / "a.txt", "w") as file:
            file.write(str(version))

    def read(folder: Path) -> int:
        return int((folder / "a.txt").read_text()) if (folder / "a.txt").exists() else 0

    kills.WORKS["in place"] = lambda: (write, read)
    try:
        assert kills.kill_work("in place", 40, random.Random(1), lambda text: None) == 1
    finally:
        del kills.WORKS["in place"]
