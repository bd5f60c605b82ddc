"""The short form of benchmarks/fuzz.py: damaged files give a result or one clear error."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import fuzz

NEEDED = {"geff": "geff", "zarr": "zarr"}  # extras
QUICK = [name for name in fuzz.READERS if name not in fuzz.SLOW]


@pytest.mark.slow
@pytest.mark.parametrize("reader", QUICK)
def test_damaged_files_give_a_result_or_one_clear_error(reader):
    pytest.importorskip(NEEDED.get(reader, "numpy"))
    answers = fuzz.watch(reader, seed=2, count=40)
    assert len(answers) == 40
    assert not fuzz.find_failures(reader, answers)


def test_the_same_seed_makes_the_same_damage(tmp_path):
    said = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        [path, _] = fuzz.write_aut_files(tmp_path / name)
        said.append((fuzz.damage(path, np.random.default_rng(5)), path.read_bytes()))
    assert said[0] == said[1]


def test_what_a_reader_must_not_do_is_seen():
    """Another error than a `UserError` is grouped under the line it came from."""
    answers = [
        {"kind": "error"},
        {"kind": "KeyError", "at": "data/formats/geff.py:60 read_geff"},
        {"kind": "result"},
    ]
    [place] = fuzz.find_failures("geff", answers)
    assert place == ("KeyError", "data/formats/geff.py:60 read_geff")
