"""The short form of benchmarks/round_trips.py: random lineages through every writer and back."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("geff", reason="the geff library, an extra, is not installed")
pytest.importorskip("ctc_metrics", reason="py-ctcmetrics is not installed")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import round_trips


@pytest.mark.slow
def test_nothing_is_lost_that_a_format_can_hold(monkeypatch):
    monkeypatch.setattr(round_trips, "VALIDATED", 3)
    assert not set().union(*(round_trips.find_failures(2, number) for number in range(6)))


@pytest.mark.parametrize("suffix", round_trips.FORMATS)
def test_a_lost_link_is_seen(monkeypatch, tmp_path, suffix):
    lineage, write = round_trips.grow(1, 0), round_trips.write_annotations
    monkeypatch.setattr(
        round_trips,
        "write_annotations",
        lambda known, path, **options: write(known.without_links([0]), path, **options),
    )
    assert round_trips.try_format(lineage, suffix, tmp_path)
