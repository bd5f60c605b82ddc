"""Distances follow the size of nuclei that a movie states; where none or the usual one is stated,
all is as it was.
"""

import dataclasses
import importlib
import sys
from pathlib import Path

import pytest

from organoid_kit.data import AnnotatedMovie, find_samples, read_dataset
from organoid_kit.evaluation import check_annotations, find_blobs, score_positions, tune_blobs
from organoid_kit.evaluation.checks import CheckLimits
from organoid_kit.evaluation.matching import choose_radius_um
from organoid_kit.tracking.linking import choose_max_distance

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
false_alarms = importlib.import_module("false_alarms")
CHANNELS = (2, 3)


def state(annotated: AnnotatedMovie, diameter_um: float | None, times: float = 1) -> AnnotatedMovie:
    """The same voxels, with a size stated, and as if all were so many times larger."""
    spacing_um = tuple(times * each for each in annotated.movie.spacing_um)
    changes = {"spacing_um": spacing_um, "nucleus_diameter_um": diameter_um}
    movie = dataclasses.replace(annotated.movie, **changes)
    annotations = dataclasses.replace(annotated.annotations, spacing_um=spacing_um)
    return dataclasses.replace(annotated, movie=movie, annotations=annotations)


@pytest.fixture(scope="module")
def sample() -> AnnotatedMovie:
    """Two time points, one of them with a position moved off its nucleus."""
    [annotated] = read_dataset(find_samples() / "validation.autlist")
    annotations = annotated.annotations
    return dataclasses.replace(
        annotated, annotations=annotations.select(annotations.time_points < 2)
    )


def score_blobs(annotated: AnnotatedMovie) -> tuple[dict, dict]:
    tuned = tune_blobs([annotated], channels=CHANNELS)
    times = annotated.annotations.annotated_time_points
    near_um = choose_radius_um([annotated.movie])
    scores = [
        score_positions(
            annotated.annotations,
            find_blobs(annotated.movie, channels=CHANNELS, time_points=times, **options),
            max_distance_um=near_um,
        )
        for options in ({}, {key: tuned[key] for key in ("diameter_um", "threshold")})
    ]
    return tuned, [(score.matched, score.missed, score.false) for score in scores]


def test_nothing_changes_where_no_size_or_the_usual_one_is_stated(sample):
    assert score_blobs(state(sample, None)) == score_blobs(state(sample, 8.0))
    assert choose_radius_um([]) == choose_radius_um([sample.movie]) == 5.0
    assert CheckLimits.of(None) == CheckLimits()
    assert CheckLimits.of(sample.movie) == CheckLimits(measured=True)
    assert CheckLimits.of(state(sample, 8.0).movie) == CheckLimits()


def test_blobs_twice_as_large_are_found_as_well(sample):
    tuned, scores = score_blobs(sample)
    twice, scores_of_twice = score_blobs(state(sample, 16.0, times=2))
    assert scores_of_twice == scores
    assert twice["diameter_um"] == 2 * tuned["diameter_um"]
    unstated = score_blobs(state(sample, None, times=2))[1]
    assert unstated[0][0] < scores[0][0]  # so there is something to follow


def test_what_is_the_same_lies_as_near_as_nuclei_are_large(sample):
    assert choose_radius_um([state(sample, 16.0).movie]) == 10.0
    mixed = [state(sample, um).movie for um in (None, 16.0, 16.0)]
    assert choose_radius_um(mixed) == 10.0  # one for all, so that scores can be pooled


def test_limits_of_check_follow_the_size(sample):
    limits = CheckLimits.of(state(sample, 16.0).movie)
    assert (limits.duplicate_um, limits.daughters_um, limits.jump_um) == (4.0, 40.0, 20.0)
    small = CheckLimits.of(state(sample, 4.0).movie)
    assert (small.duplicate_um, small.jump_um, small.border_um) == (1.0, 10.0, 8.0)


def test_a_problem_stays_one_where_all_is_twice_as_large(sample):
    positions = sample.annotations.positions.copy()
    positions[1] = positions[0] + (0.5, 1, 1)  # 1.2 µm from another one
    annotations = dataclasses.replace(sample.annotations, positions=positions)
    wrong = dataclasses.replace(sample, annotations=annotations)
    for large in (wrong, state(wrong, 16.0, times=2)):
        rules = {p.rule for p in check_annotations(large.annotations, large.movie, time_points=())}
        assert "duplicate_position" in rules
    explicit = check_annotations(
        large.annotations, large.movie, time_points=(), limits=CheckLimits(duplicate_um=2.0)
    )
    assert "duplicate_position" not in {problem.rule for problem in explicit}


def test_candidates_reach_as_far_as_nuclei_are_large(sample):
    usual = choose_max_distance(sample.annotations)
    assert choose_max_distance(sample.annotations, relative_size=2.0) == 24.0 > usual
    assert choose_max_distance(sample.annotations, 15.0, relative_size=2.0) == 15.0  # stated
    assert choose_max_distance(sample.annotations, relative_size=0.5) == usual


def test_false_alarms_are_counted_with_and_without_a_stated_size(capsys):
    false_alarms.main(["test.autlist", "--nucleus-diameter", "8.0"])
    unstated, stated = capsys.readouterr().out.splitlines()
    assert unstated == "organoid_d, no size stated: 1 on 457 positions (1 off_centre)"
    assert stated.partition(": ")[2] == unstated.partition(": ")[2] and "8 µm stated" in stated
