"""Drift, candidate links and the two simplest ways to link."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import read_real_organoid
from organoid_kit.tracking.linking import (
    compute_candidate_recall,
    find_candidates,
    link_nearest,
    link_optimally,
)
from organoid_kit.tracking.motion import (
    compute_displacements,
    estimate_drift,
    estimate_flow,
    estimate_turn,
)

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "lstree_enterocyst"
BUNDLED = [
    each.annotations
    for part in ("training", "test")
    for each in read_dataset(ROOT / f"data_samples/{part}.autlist")
]
LINKERS = (find_candidates, link_nearest, link_optimally)


def make_walk(nuclei=60, time_points=4, motion_um=0.7, seed=3) -> Annotations:
    """Nuclei 7 µm apart or more, each on a random walk; row = time point x nuclei + nucleus."""
    rng = np.random.default_rng(seed)
    places = np.zeros((0, 3))
    while len(places) < nuclei:
        place = rng.uniform(0, 40, (1, 3))
        if not (np.linalg.norm(places - place, axis=1) < 7).any():
            places = np.concatenate([places, place])
    steps = rng.normal(0, motion_um, (time_points, nuclei, 3))
    steps[0] = places
    row = np.arange(nuclei * (time_points - 1))
    return Annotations(
        steps.cumsum(axis=0).reshape(-1, 3) / (2, 0.5, 0.5),
        np.repeat(np.arange(time_points) + 5, nuclei),
        np.stack([row, row + nuclei], axis=1),
        spacing_um=(2, 0.5, 0.5),
        name="walk",
    )


def shift(annotations: Annotations, moved_um: dict[int, list[float]]) -> Annotations:
    """The same annotations, each time point in another place."""
    moved = np.array(
        [moved_um.get(time_point, [0, 0, 0]) for time_point in annotations.time_points]
    )
    return dataclasses.replace(
        annotations, positions=annotations.positions + moved / annotations.spacing_um
    )


def as_set(links) -> set[tuple[int, int]]:
    return set(map(tuple, np.asarray(links).tolist()))


FAR = {6: [11.0, -9, 6], 7: [3.0, 3, -4], 8: [3.0, 3, -4.5]}


def test_without_drift_the_estimate_is_small():
    drift = estimate_drift(make_walk())
    assert list(drift) == [5, 6, 7]
    assert max(np.abs(each).max() for each in drift.values()) < 0.5


def test_a_drift_beyond_the_distance_of_nuclei_is_found():
    drift = estimate_drift(shift(make_walk(), FAR))
    np.testing.assert_allclose(drift[5], [11, -9, 6], atol=0.6)
    np.testing.assert_allclose(drift[6], [-8, 12, -10], atol=0.6)
    np.testing.assert_allclose(drift[7], [0, 0, -0.5], atol=0.6)


def test_missed_and_invented_nuclei_do_not_disturb_it():
    rng = np.random.default_rng(0)
    annotations = shift(make_walk(), FAR)
    annotations = annotations.select(rng.random(len(annotations)) > 0.2)
    extra = rng.uniform(0, 24, (30, 3)) / annotations.spacing_um
    noisy = Annotations(
        np.concatenate([annotations.positions, extra]),
        np.concatenate([annotations.time_points, np.repeat([5, 6, 7], 10)]),
        spacing_um=annotations.spacing_um,
    )
    np.testing.assert_allclose(estimate_drift(noisy)[5], [11, -9, 6], atol=0.8)


@pytest.mark.parametrize("annotations", BUNDLED, ids=lambda each: each.name)
def test_drift_of_the_bundled_movies_agrees_with_their_links(annotations):
    displacements = compute_displacements(annotations, annotations.links)
    starts = annotations.time_points[annotations.links[:, 0]]
    for time_point, drift in estimate_drift(annotations).items():
        np.testing.assert_allclose(
            drift, np.median(displacements[starts == time_point], axis=0), atol=0.5
        )


def test_too_few_positions_say_nothing_about_a_drift(lineage):
    drift = estimate_drift(shift(lineage, {2: [9, 9, 9], 3: [9, 9, 9]}))
    assert {time_point: each.tolist() for time_point, each in drift.items()} == {
        1: [0, 0, 0],
        2: [0, 0, 0],
    }


def test_time_points_without_a_successor_have_no_drift():
    walk = make_walk(time_points=5)
    assert list(estimate_drift(walk.select(walk.time_points != 7))) == [5, 8]


def test_displacements_are_in_micrometres_without_drift(lineage):
    links = [[0, 1], [4, 5], [0, 2]]
    np.testing.assert_allclose(
        compute_displacements(lineage, links), [[0, 0.5, 0.25], [0, 0.125, -0.5], [0, -0.5, -0.5]]
    )
    drift = {1: np.array([1, 0.5, 0]), 2: np.array([0, 0, 2.0])}
    np.testing.assert_allclose(
        compute_displacements(lineage, links, drift),
        [[-1, 0, 0.25], [-1, -0.375, -0.5], [-1, -1, -2.5]],
    )


def test_candidates_are_the_near_ones_of_the_next_time_point():
    line = Annotations(
        [[0, 0, x] for x in (0, 10, 1, 4, 11, 0)], [0, 0, 1, 1, 1, 2], spacing_um=(1, 1, 1)
    )
    candidates = find_candidates(line, max_distance_um=7, neighbours=1)
    assert as_set(candidates.links) == {
        (0, 2),
        (1, 4),
        (0, 3),
        (2, 5),
        (3, 5),
    }  # 3 is 4 µm from 0, 6 µm from 1
    assert len(find_candidates(line, max_distance_um=3.5, neighbours=9).links) == 3
    assert as_set(find_candidates(line, max_distance_um=7, neighbours=2).links) >= {(1, 3), (0, 3)}


@pytest.mark.parametrize(("said", "reaches"), [(0.9, True), (0.4, False), (None, False)])
def test_nuclei_that_are_said_to_divide_reach_twice_as_far(said, reaches):
    places = [[0, 0, x] for x in (0, 30, 0, 12, 30)]
    properties = {"division_probability": [said] + [None] * 4}
    pair = Annotations(places, [0, 0, 1, 1, 1], properties=properties, spacing_um=(1, 1, 1))
    links = as_set(find_candidates(pair, max_distance_um=7, remove_drift=False).links)
    assert links == {(0, 2), (1, 4)} | ({(0, 3)} if reaches else set())


def test_candidates_agree_with_brute_force():
    walk = make_walk(motion_um=2)
    positions_um = walk.positions * walk.spacing_um
    far = np.linalg.norm(positions_um[:, None] - positions_um[None], axis=2)
    next_one = walk.time_points[None] == walk.time_points[:, None] + 1
    expected = np.argwhere(next_one & (far <= 9))
    candidates = find_candidates(walk, max_distance_um=9, neighbours=60, remove_drift=False)
    assert as_set(candidates.links) == as_set(expected) and len(candidates.links) == len(expected)


def test_candidates_follow_the_drift():
    walk = shift(make_walk(), FAR)
    assert compute_candidate_recall(walk, max_distance_um=5) == 1
    assert compute_candidate_recall(walk, max_distance_um=5, remove_drift=False) < 0.5


def test_links_and_their_properties_are_replaced_and_positions_kept(lineage):
    lineage = dataclasses.replace(
        lineage, properties={"who": list("abcdefg")}, link_properties={"link_probability": [1] * 5}
    )
    candidates = find_candidates(lineage, max_distance_um=3)
    assert as_set(candidates.links) == as_set(lineage.links)
    assert candidates.link_properties == {} and "".join(candidates.properties["who"]) == "abcdefg"
    assert len(lineage.link_properties["link_probability"]) == 5


def test_recall_of_candidates_counts_what_is_out_of_reach(lineage):
    assert compute_candidate_recall(lineage) == 1
    assert (
        compute_candidate_recall(lineage, max_distance_um=2.5) == 0.8
    )  # daughter 3 is 2.7 µm away
    assert (
        compute_candidate_recall(dataclasses.replace(lineage, links=[[0, 3]])) == 0
    )  # it skips a time point
    assert compute_candidate_recall(dataclasses.replace(lineage, links=[])) is None


@pytest.mark.parametrize("annotations", BUNDLED, ids=lambda each: each.name)
def test_all_links_of_the_bundled_movies_are_candidates(annotations):
    assert compute_candidate_recall(annotations) == 1


def test_the_real_organoid_is_within_reach_and_nearest_errs_once():
    if not REAL.is_dir():
        pytest.skip(f"the real organoid is not at {REAL.name}")
    truth = read_real_organoid(REAL).annotations
    assert compute_candidate_recall(truth) == 1
    assert len(as_set(link_nearest(truth).links) - as_set(truth.links)) <= 1


def test_nearest_takes_the_nearest_mother_and_two_daughters_at_most():
    line = Annotations(
        [[0, 0, x] for x in (0, 20, 3, 1, -2, 21, 40)], [0, 0, 1, 1, 1, 1, 1], spacing_um=(1, 1, 1)
    )
    assert as_set(link_nearest(line).links) == {(0, 3), (0, 4), (1, 5)}


def test_optimal_links_are_one_to_one_and_shortest_altogether():
    line = Annotations([[0, 0, x] for x in (0, 4, 3, 9)], [0, 0, 1, 1], spacing_um=(1, 1, 1))
    assert as_set(link_nearest(line).links) == {(1, 2), (1, 3)}
    assert as_set(link_optimally(line, max_distance_um=6).links) == {(0, 2), (1, 3)}


@pytest.mark.parametrize("link", [link_nearest, link_optimally])
def test_on_a_slow_movie_the_baselines_make_no_mistake(link):
    walk = shift(make_walk(), FAR)
    assert as_set(link(walk).links) == as_set(walk.links)
    assert as_set(link(walk, remove_drift=False).links) != as_set(walk.links)


@pytest.mark.parametrize("link", LINKERS)
@pytest.mark.parametrize(
    "time_points", [[], [4, 4, 4], [1, 3, 5]], ids=["empty", "one time point", "gaps"]
)
def test_where_nothing_follows_there_are_no_links(link, time_points):
    annotations = Annotations(np.zeros((len(time_points), 3)), time_points, spacing_um=(1, 1, 1))
    assert link(annotations).links.shape == (0, 2)
    assert estimate_drift(annotations) == {}


@pytest.mark.parametrize("function", [*LINKERS, estimate_drift])
def test_without_spacing_there_is_one_clear_error(function, lineage):
    with pytest.raises(UserError, match="spacing of the movie.*lineage.*spacing_um"):
        function(dataclasses.replace(lineage, spacing_um=None))


@pytest.mark.parametrize(
    "options", [{"max_distance_um": 0}, {"neighbours": 0}, {"max_distance_um": float("nan")}]
)
def test_options_that_make_no_sense_are_refused(options, lineage):
    with pytest.raises(UserError, match="largest distance"):
        find_candidates(lineage, **options)


# ---- flow


def turn(points_um: np.ndarray, degrees: float) -> np.ndarray:
    """In the plane, around the middle."""
    angle, middle = np.radians(degrees), points_um.mean(axis=0)
    matrix = [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    return (points_um - middle) @ np.transpose(matrix) + middle


def test_the_flow_follows_a_turn_that_drift_does_not_see():
    points = make_walk(time_points=2).positions[:60] * (2, 0.5, 0.5)
    steps = turn(points, 15) - points
    every = np.arange(60)
    flow = estimate_flow(points, every, steps)
    left = np.linalg.norm(steps - flow, axis=1)
    assert np.median(left) < 0.35 * np.median(np.linalg.norm(steps - steps.mean(axis=0), axis=1))
    wrong = steps.copy()
    wrong[::10] += 30  # one link in ten is wrong
    np.testing.assert_allclose(estimate_flow(points, every, wrong), flow, atol=2.5)


def test_a_position_has_no_say_in_its_own_flow():
    points = make_walk(time_points=2).positions[:60] * (2, 0.5, 0.5)
    steps = np.zeros((60, 3))
    steps[7] = 100
    np.testing.assert_array_equal(estimate_flow(points, np.arange(60), steps), 0)
    few = np.array([3, 7, 9, 20, 21])  # all others of these five are neighbours
    steps[few] = np.arange(5)[:, None]
    flow = estimate_flow(points, few, steps[few])
    assert flow[7].tolist() == [2.5] * 3 and flow[0].tolist() in ([1.5] * 3, [2] * 3, [2.5] * 3)


def test_few_links_make_no_flow():
    points = make_walk(time_points=2).positions[:60]
    assert not estimate_flow(points, np.arange(4), np.ones((4, 3))).any()
    assert estimate_flow(points, np.arange(5), np.ones((5, 3))).all()
    assert estimate_flow(np.zeros((0, 3)), np.zeros(0, int), np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("axes", [2, 3])
def test_a_turn_of_the_whole_is_found_though_some_links_are_wrong(axes):
    points = make_walk(time_points=2).positions[:60] * (2, 0.5, 0.5)
    steps = (turn(points, 25) - points + (1, 2, 3))[:, 3 - axes :]
    wrong, points = steps.copy(), points[:, 3 - axes :]
    wrong[::9] += np.random.default_rng(1).normal(0, 10, wrong[::9].shape)
    found = estimate_turn(points, np.arange(60), wrong)
    np.testing.assert_allclose(found, steps, atol=0.1)
    assert not estimate_turn(points, np.arange(20), steps[:20]).any()  # ten in each half: too few
