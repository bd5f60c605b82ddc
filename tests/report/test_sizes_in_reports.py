"""What is twice as large, and says so, is scored alike: reports, baselines, the threshold explorer."""

import dataclasses

import numpy as np
import pytest
from test_report_networks import call_divisions, call_links, make_test_run

from organoid_kit.base.settings import make_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.evaluation.tracks import score_links
from organoid_kit.report import save_movie_result, write_report
from organoid_kit.report.results import TrackingResult
from organoid_kit.report.tracking_page import _collect_link_errors, _compute_scores
from organoid_kit.tracking.linking import link_nearest, link_optimally
from training_helpers import make_family

COUNTS = ("right", "false", "missed", "undetected", "matched", "ignored")


def enlarge(each: AnnotatedMovie) -> AnnotatedMovie:
    """The same voxels, as if all were twice as large, and nuclei of 16 µm stated."""
    spacing_um = tuple(2 * um for um in each.movie.spacing_um)
    movie = dataclasses.replace(each.movie, spacing_um=spacing_um, nucleus_diameter_um=16.0)
    return AnnotatedMovie(movie, dataclasses.replace(each.annotations, spacing_um=spacing_um))


def move(found: Annotations, each: AnnotatedMovie) -> Annotations:
    """Every position 4 µm, or 8 of what is enlarged, beside its nucleus; found likewise."""
    positions = found.positions + np.array([0, 4 / make_family().movie.spacing_um[1], 0])
    spacing_um = each.annotations.spacing_um
    return dataclasses.replace(found, positions=positions, spacing_um=spacing_um)


@pytest.mark.parametrize(("network", "call"), [("division", call_divisions), ("link", call_links)])
def test_a_report_pairs_as_far_as_nuclei_are_large(tmp_path, network, call):
    counted, said = [], call(make_family(3).annotations)
    for each in (make_family(3), enlarge(make_family(3))):
        run = make_test_run(tmp_path, network)
        save_movie_result(run, each, move(said, each), 0.5)
        facts = write_report(run.folder / "a.html", run)
        ways = [part for part in facts.values() if isinstance(part, dict)]
        counted.append([[way.get(name) for name in COUNTS] for way in ways])
    assert counted[0] == counted[1]
    assert facts["network"]["matched" if network == "division" else "right"] > 0
    page = (run.folder / "a.html").read_text(encoding="utf-8")
    assert network == "link" or "within 10 µm" in page


@pytest.mark.parametrize(("change", "near_um"), [(lambda each: each, 5.0), (enlarge, 10.0)])
def test_tracks_and_their_errors_are_judged_as_far(change, near_um):
    test_movie = change(make_family(3))
    truth = test_movie.annotations
    errors = {"error_probability": np.full(len(truth.links), 0.25)}
    none = {"division_error_probability": np.full(len(truth), None)}
    tracks = dataclasses.replace(move(truth, test_movie), link_properties=errors, properties=none)
    record = {"data": {"name": "family"}, "seconds": {}, "max_distance_um": near_um}
    record["networks"] = {"link": {"settings": make_settings("link").to_dict()}}
    result = TrackingResult(record, tracks, tracks, truth, b"")
    scores = _compute_scores(result)["scores"]
    assert scores["tracks"]["positions"]["f1"] == scores["tracks"]["divisions"]["0"]["f1"] == 1
    assert scores["tracks"]["links"]["right"] == len(truth.links)
    assert scores["optimal"]["links"]["right"] == len(truth.links) - 1
    assert len(_collect_link_errors(result)[0]) == len(truth.links)


def test_baselines_reach_nuclei_that_are_far_apart():
    far = dataclasses.replace(make_family(3).annotations, spacing_um=(40.0, 20.0, 20.0))
    for link in (link_nearest, link_optimally):
        assert score_links(far, link(far)).right >= len(far.links) - 1
    alone = Annotations([[0, 0, 0], [0, 9, 9]], [0, 1], spacing_um=(1, 1, 1))
    assert len(link_optimally(alone).links) == len(link_nearest(alone).links) == 1
