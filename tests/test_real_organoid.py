"""The main job on a real organoid, where its three stacks are at hand: opened, checked, predicted,
scored.
"""

from pathlib import Path

import pytest

from organoid_kit.data.downloads import read_real_organoid
from organoid_kit.evaluation.checks import check_annotations
from organoid_kit.evaluation.positions import score_positions
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.positions import predict_positions

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "lstree_enterocyst"


@pytest.fixture(scope="module")
def organoid():
    if not FOLDER.is_dir():
        pytest.skip(f"the real organoid is not at {FOLDER.name}")
    return read_real_organoid(FOLDER)


def test_it_opens_and_has_no_errors(organoid):
    assert organoid.movie.shape_zyx == (76, 333, 331) and len(organoid.annotations) == 76
    assert len(organoid.annotations.links) == 51 and len(organoid.annotations.divisions()) == 1
    assert [
        each
        for each in check_annotations(organoid.annotations, organoid.movie)
        if each.severity == "error"
    ] == []


def test_the_shipped_network_finds_its_nuclei(organoid):
    network, settings = load_network("position_small")
    found = predict_positions(network, organoid.movie, settings, show_progress=False)
    assert score_positions(organoid.annotations, found).f1 >= 0.93
