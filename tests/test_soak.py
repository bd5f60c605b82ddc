"""What benchmarks/soak.py calls flat, and that it does all that was asked for; a soak itself takes too long here."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import soak


def make_states(memory):
    return [soak.State(each, 6, 9) for each in memory]


def test_every_piece_of_work_belongs_to_one_round():
    for total, rounds in ((200, 10), (7, 3), (2, 5)):
        done = [each for number in range(rounds) for each in soak.share(total, rounds, number)]
        assert done == list(range(total))


def test_what_grows_is_told_from_what_is_loaded_once():
    loaded = soak.find_growth(make_states([500, 900, 1000, 1001, 1000, 1001]))
    growing = soak.find_growth(make_states([500, 550, 600, 650, 700, 750]))
    assert abs(loaded.memory) < soak.MOST_GROWTH < growing.memory
    assert growing.memory == pytest.approx(50 / 650)
    assert soak.find_growth([soak.State(9, 6, 9), soak.State(9, 8, 12)]).files == 0
    assert soak.find_growth([soak.State(9, files, 9) for files in (5, 6, 7, 8)]).files == 1
