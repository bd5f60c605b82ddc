"""Error probabilities: exact where everything is weighed, low where nothing else is possible, right
on average.
"""

import dataclasses
import itertools

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.tracks import judge_links
from organoid_kit.tracking import marginals as tracking_marginals
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.costs import TrackingProblem, TrackingSettings, build_problem
from organoid_kit.tracking.errors import add_error_probabilities, estimate_errors, list_doubts
from organoid_kit.tracking.marginals import compute_marginals
from organoid_kit.tracking.optimal import choose_optimally
from tracking_helpers import make_candidates, make_movie, make_random_candidates, sum_costs

NOTHING_MISSED = TrackingSettings(missed_probability=0)
NAMES = ("division_error_probability", "end_error_probability", "start_error_probability")


def weigh_by_hand(
    problem: TrackingProblem, temperature: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Probability of each link, and that each position divides, ends and starts, over all stories,
    one by one.

    A story says of each position without links whether it is a nucleus.
    """
    size = len(problem.time_points)
    total, links, counts = 0.0, np.zeros(len(problem.links)), np.zeros((3, size))
    for chosen in itertools.product((False, True), repeat=len(problem.links)):
        chosen = np.array(chosen)
        backward, forward = problem.count_links(chosen)
        if backward.max() > 1 or forward.max() > 2:
            continue
        alone = np.flatnonzero(backward + forward == 0)
        for nuclei in itertools.product((False, True), repeat=len(alone)):
            kept = backward + forward > 0
            kept[alone] = nuclei
            weight = np.exp(-sum_costs(problem, chosen, kept) / temperature)
            total += weight
            links += weight * chosen
            counts += weight * np.stack([forward == 2, forward == 0, backward == 0])
    return (links / total, *(counts / total))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("seed", range(4))
def test_probabilities_are_those_of_all_stories(seed, temperature, monkeypatch):
    monkeypatch.setattr(tracking_marginals, "_FARTHEST", np.inf)
    rng = np.random.default_rng(seed)
    problem = build_problem(make_random_candidates(rng, 2, 3))
    problem = problem.select_links(rng.permutation(len(problem.links))[:7])
    chosen, _ = choose_optimally(problem, 10**9)
    every = np.arange(len(problem.links))
    found = compute_marginals(
        problem, chosen, every, temperature=temperature, open_links=len(every)
    )
    near = in_one_piece(problem)
    links, divisions, ends, starts = weigh_by_hand(problem, temperature)
    sources, targets = problem.links[near].T
    assert near.sum() >= 4
    np.testing.assert_allclose(found.link[near], links[near], atol=1e-9)
    np.testing.assert_allclose(found.division[near], divisions[sources], atol=1e-9)
    np.testing.assert_allclose(found.end[near], ends[sources], atol=1e-9)
    np.testing.assert_allclose(found.start[near], starts[targets], atol=1e-9)


def in_one_piece(problem: TrackingProblem) -> np.ndarray:
    """Links from which all that they hang together with are near enough to be asked, (m,) bool."""
    links = problem.links
    shares = (links[:, None, :, None] == links[None, :, None, :]).any(axis=(2, 3))
    reached = [
        np.linalg.matrix_power(shares.astype(int), steps) > 0
        for steps in (tracking_marginals.STEPS, len(links))
    ]
    return (reached[0] == reached[1]).all(axis=1)


def test_few_open_links_come_near():
    problem = build_problem(make_movie(np.random.default_rng(0), 20, 5)[1])
    chosen, _ = choose_optimally(problem, 10**9)
    seeds = np.flatnonzero(chosen)
    exact = compute_marginals(problem, chosen, seeds, open_links=13).link
    near = compute_marginals(problem, chosen, seeds, open_links=9).link
    alone = compute_marginals(problem, chosen, seeds, open_links=1).link
    assert np.abs(near - exact).mean() < 0.002
    assert np.abs(alone - exact).mean() > 2 * np.abs(near - exact).mean()


def make_crossing(*probabilities: float, **options) -> Annotations:
    """Two nuclei over two time points, all four links possible: straight on, crossed, crossed,
    straight on.
    """
    positions, links = [[0, 0], [0, 4], [0, 0], [0, 4]], [[0, 2], [0, 3], [1, 2], [1, 3]]
    return make_candidates(positions, [0, 0, 1, 1], links, probabilities, **options)


def errors_of(candidates: Annotations, **options) -> np.ndarray:
    tracks = build_tracks(candidates, settings=NOTHING_MISSED)
    found = add_error_probabilities(candidates, tracks, settings=NOTHING_MISSED, **options)
    return found.link_properties["error_probability"].astype(float)


def test_two_equal_stories_share_the_probability():
    assert errors_of(make_crossing(0.9, 0.9, 0.9, 0.9)) == pytest.approx([0.5, 0.5], abs=0.02)


def test_surroundings_count():
    """The same link: sure where its rivals are impossible, doubtful where they are as good."""
    weak, strong = (errors_of(make_crossing(0.7, rival, rival, 0.7))[0] for rival in (0.01, 0.65))
    assert weak < 0.05 < 0.2 < strong
    needed = errors_of(make_crossing(0.7, 0.65, 0.01, 0.99))[0]
    assert needed < strong / 2


def test_the_better_the_link_the_smaller_its_error():
    errors = [
        errors_of(make_crossing(probability, 0.3, 0.3, 0.9))[0]
        for probability in (0.6, 0.8, 0.9, 0.99)
    ]
    assert (np.diff(errors) < 0).all()


def test_a_higher_temperature_doubts_more():
    errors = [
        errors_of(make_crossing(0.9, 0.1, 0.1, 0.9), temperature=t)[0] for t in (0.5, 1, 2, 4)
    ]
    assert (np.diff(errors) > 0).all()


def test_nothing_is_doubtful_where_everything_is_clear():
    movie, candidates = make_movie(np.random.default_rng(0), 30, 6, sureness=40, missed=0)
    tracks = add_error_probabilities(candidates, build_tracks(candidates))
    assert len(tracks.links) == len(movie.links)
    assert tracks.link_properties["error_probability"].max() < 1e-3
    assert list_doubts(tracks) == []
    estimate = estimate_errors(tracks)
    assert estimate.errors == pytest.approx(0.001 * len(tracks.links))  # no statement is surer
    assert "0.00% of the positions are doubtful" in str(estimate_errors(tracks))


def test_mothers_ends_and_starts():
    """A mother and two daughters, of which one goes on; a track that ends too early, and one that
    starts too late.
    """
    positions = [[0, 0], [0, 90], [0, 20], [0, -20], [0, 20], [0, 150]]
    candidates = make_candidates(
        *(positions, [0, 0, 1, 1, 2, 2], [[0, 2], [0, 3], [2, 4]], [0.99, 0.95, 0.99]),
        properties={"division_probability": [0.9, *[0.01] * 5]},
    )
    tracks = build_tracks(candidates, settings=NOTHING_MISSED)
    found = add_error_probabilities(candidates, tracks)
    assert links_of(tracks) == {(0, 2), (0, 3), (2, 4)}
    mother, end, start = (found.properties[name] for name in NAMES)
    assert [row for row, value in enumerate(mother) if value is not None] == [0]
    assert 0 < mother[0] < 0.1
    assert [row for row, value in enumerate(end) if value is not None] == [1, 3]
    assert [row for row, value in enumerate(start) if value is not None] == [5]
    missed_twice = pytest.approx(0.03 * 0.3 / (0.03 * 0.3 + 0.01), rel=1e-3)
    assert [end[1], end[3], start[5]] == [missed_twice] * 3


def links_of(tracks: Annotations) -> set[tuple[int, int]]:
    return set(map(tuple, tracks.links.tolist()))


def test_an_end_with_a_good_candidate_is_more_doubtful():
    links, errors = [[0, 1], [1, 2]], []
    for probability in (0.0005, 0.01):
        candidates = make_candidates(
            [[0, 0], [0, 1], [0, 2]], [0, 1, 2], links, [0.99, probability]
        )
        tracks = dataclasses.replace(candidates, links=links[:1], link_properties={})
        found = add_error_probabilities(candidates, tracks)
        errors.append((found.properties[NAMES[1]][1], found.properties[NAMES[2]][2]))
    assert errors[1][0] > errors[0][0] + 0.05
    assert errors[1][1] > errors[0][1] + 0.05


def test_probabilities_stay_between_zero_and_one_and_tracks_as_they_were():
    candidates = make_random_candidates(np.random.default_rng(0), 8, 5)
    tracks = build_tracks(candidates)
    found = add_error_probabilities(candidates, tracks)
    np.testing.assert_array_equal(found.links, tracks.links)
    np.testing.assert_array_equal(found.positions, tracks.positions)
    values = [
        found.link_properties["error_probability"],
        *(found.properties[name] for name in NAMES),
    ]
    values = [value for part in values for value in part if value is not None]
    assert 0 <= min(values) <= max(values) <= 1
    assert "error_probability" not in tracks.link_properties


def test_both_halves_of_a_link_across_a_missed_nucleus_are_as_doubtful():
    candidates = make_movie(np.random.default_rng(0), 20, 8, missed=0.05)[1]
    tracks = add_error_probabilities(candidates, build_tracks(candidates))
    added = np.flatnonzero([value is True for value in tracks.properties["interpolated"]])
    assert len(added) >= 3
    for row in added:
        halves = tracks.link_properties["error_probability"][(tracks.links == row).any(axis=1)]
        assert len(halves) == 2
        assert halves[0] == halves[1] is not None
    listed = [
        doubt.row for doubt in list_doubts(tracks, most=None, least=0) if doubt.what == "link"
    ]
    assert not set(listed) & set(added.tolist())


def test_errors_are_as_frequent_as_they_are_probable():
    """In three movies of calibrated answers: expected wrong links, and those really wrong."""
    expected, wrong, number = 0.0, 0, 0
    for seed in range(4):
        truth, candidates = make_movie(np.random.default_rng(seed), 40, 10, sureness=3, missed=0)
        tracks = build_tracks(candidates, settings=NOTHING_MISSED)
        tracks = add_error_probabilities(candidates, tracks, settings=NOTHING_MISSED)
        right = judge_links(truth, tracks, max_distance_um=1e-3)
        judged = np.not_equal(right, None)
        expected += tracks.link_properties["error_probability"][judged].sum()
        wrong += (right[judged] == False).sum()  # noqa: E712
        number += judged.sum()
    assert wrong > 15
    assert 0.5 * wrong < expected < 1.5 * wrong


# ---- what to look at -----------------------------------------------------------------------------------------------


def test_doubts_come_in_order_and_name_the_place():
    candidates = make_crossing(0.9, 0.8, 0.8, 0.9)
    tracks = add_error_probabilities(candidates, build_tracks(candidates))
    doubts = list_doubts(tracks, least=0)
    assert [doubt.probability for doubt in doubts] == sorted(
        (doubt.probability for doubt in doubts), reverse=True
    )
    assert {doubt.what for doubt in doubts} == {"link"}
    assert {doubt.time_point for doubt in doubts} == {1}
    np.testing.assert_array_equal(doubts[0].position, tracks.positions[doubts[0].row])
    assert len(list_doubts(tracks, most=1, least=0)) == 1
    assert list_doubts(tracks, least=0.99) == []
    assert "time point 1, z 0 y 0 x" in str(doubts[0])
    assert "Check" in str(doubts[0])


def test_the_estimate_counts_each_position_once():
    tracks = Annotations(
        positions=np.zeros((4, 3)),
        time_points=[0, 1, 1, 2],
        links=[[0, 1], [1, 3]],
        properties={
            "start_error_probability": [None, None, 0.25, None],
            "end_error_probability": [None, None, 0.5, None],
        },
        link_properties={"error_probability": [0.5, 0.0005]},
    )
    estimate = estimate_errors(tracks)
    assert (estimate.positions, estimate.doubtful) == (4, 2)
    assert estimate.errors == pytest.approx(0.751)  # no statement is surer than 0.999
    assert "50.00% of the positions" in str(estimate)


# ---- what cannot be or is not there --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("positions", "times"), [([], []), ([[0, 0, 0], [0, 5, 5]], [3, 3]), ([[0, 0, 0]] * 2, [0, 7])]
)
def test_without_links_there_are_no_link_errors(positions, times):
    candidates = make_candidates(np.reshape(positions, (-1, 3)), times, [])
    found = add_error_probabilities(candidates, build_tracks(candidates))
    assert len(found.link_properties["error_probability"]) == 0
    assert isinstance(list_doubts(found), list)
    assert str(estimate_errors(found))


def test_zero_and_one_are_probabilities_too():
    errors = errors_of(make_crossing(1, 0, 0, 1))
    assert errors == pytest.approx([0, 0], abs=1e-6)


def test_links_drawn_by_hand_are_not_measured():
    """A link that is no candidate, and a merge."""
    candidates = make_crossing(0.9, 0.1, 0.1, 0.9)
    far = candidates.select([0, 1, 2, 3])
    far = dataclasses.replace(
        far, positions=np.concatenate([far.positions, [[0, 90, 90]]]), time_points=[0, 0, 1, 1, 1]
    )
    tracks = dataclasses.replace(candidates, links=[[0, 2], [1, 2], [1, 3]], link_properties={})
    merged = add_error_probabilities(candidates, tracks).link_properties["error_probability"]
    assert merged[1] > 0.5
    tracks = dataclasses.replace(far, links=[[0, 2], [1, 4]], link_properties={})
    drawn = add_error_probabilities(candidates, tracks).link_properties["error_probability"]
    assert drawn[0] is not None
    assert drawn[1] is None


def test_bad_choices_are_one_clear_error():
    candidates = make_crossing(0.9, 0.1, 0.1, 0.9)
    tracks = build_tracks(candidates)
    for options in ({"temperature": 0}, {"open_links": 0}, {"open_links": 40}):
        with pytest.raises(UserError, match="temperature"):
            add_error_probabilities(candidates, tracks, **options)
    for look in (list_doubts, estimate_errors):
        with pytest.raises(UserError, match="add_error_probabilities"):
            look(tracks)
