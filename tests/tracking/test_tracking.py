"""Tracks from candidate links: the best story is the best, and the story one would tell."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linear_sum_assignment, milp
from scipy.sparse import block_array, coo_array, eye_array

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.tracking import optimal as tracking_optimal
from organoid_kit.tracking.build import METHODS, build_tracks
from organoid_kit.tracking.costs import (
    TrackingProblem,
    TrackingSettings,
    build_problem,
    compute_cost,
)
from organoid_kit.tracking.optimal import _settle, _solve, choose_optimally
from tracking_helpers import make_candidates, make_movie, make_random_candidates, sum_costs

NOTHING_MISSED = TrackingSettings(missed_probability=0)


def find_by_hand(problem: TrackingProblem) -> float:
    """The least cost of all stories, told one by one."""
    links = [
        np.array(links, dtype=bool)
        for links in itertools.product((0, 1), repeat=len(problem.links))
    ]
    backward_and_forward = [problem.count_links(chosen) for chosen in links]
    return min(
        sum_costs(problem, chosen, (backward > 0) | (forward > 0) | (problem.alone_costs < 0))
        for chosen, (backward, forward) in zip(links, backward_and_forward)
        if backward.max() <= 1 and forward.max() <= 2
    )


def find_best_cost(problem: TrackingProblem, window_positions: int = 10**9) -> float:
    return sum_costs(problem, *choose_optimally(problem, window_positions))


def links_of(tracks: Annotations) -> set[tuple[int, int]]:
    return set(map(tuple, tracks.links.tolist()))


# ---- the best story ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_no_story_is_cheaper_than_the_optimal_one(seed):
    rng = np.random.default_rng(seed)
    problem = build_problem(make_random_candidates(rng, 2 + seed % 2, 3, neighbours=2))
    problem = problem.select_links(rng.permutation(len(problem.links))[:10])
    assert find_best_cost(problem) == pytest.approx(find_by_hand(problem))


def test_fractions_are_made_whole(monkeypatch):
    """With costs at random the linear program alone leaves fractions in some of these."""
    whole = []
    monkeypatch.setattr(
        tracking_optimal,
        "milp",
        lambda *given, **options: whole.append(1) or milp(*given, **options),
    )
    for seed in range(12):
        problem = build_problem(
            make_random_candidates(np.random.default_rng(seed), 6, 4, neighbours=3)
        )
        assert find_best_cost(problem) == pytest.approx(solve_whole(problem), abs=1e-6)
    assert whole


def solve_whole(problem: TrackingProblem) -> float:
    """The least cost as one integer program, stated without any of our shortcuts."""
    sources, targets = problem.links.T
    m, n = len(problem.links), len(problem.time_points)
    leaves, reaches = (
        coo_array((np.ones(m), (ends, np.arange(m))), shape=(n, m)) for ends in (sources, targets)
    )
    one, none, no_link = eye_array(n), coo_array((n, n)), coo_array((n, m))
    rules = block_array(  # links, divisions, appearances, disappearances, nuclei
        [
            [reaches, none, one, none, -one],
            [leaves, -one, none, one, -one],
            [no_link, one, none, one, -one],
        ]
    )
    costs = (
        problem.link_costs,
        problem.division_costs,
        problem.appearance_costs,
        problem.disappearance_costs,
    )
    answer = milp(
        np.concatenate([*costs, problem.position_costs]),
        integrality=1,
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(rules.tocsr(), np.repeat([0, 0, -np.inf], n), 0),
        options={"mip_rel_gap": 0},
    )
    return answer.fun


def test_what_is_settled_is_in_the_best_story():
    for seed in range(5):
        problem = build_problem(make_movie(np.random.default_rng(seed), 20, 6)[1])
        sure, possible = _settle(problem)
        chosen = _solve(
            problem, np.full(len(problem.links), -1), np.full(len(problem.time_points), -1)
        )[0].astype(bool)
        assert sure.sum() > 50
        assert (~possible).sum() > 50
        assert chosen[sure].all()
        assert not chosen[~possible].any()


def test_windows_tell_the_story_of_the_whole():
    for seed in range(3):
        problem = build_problem(make_movie(np.random.default_rng(seed), 20, 50)[1])
        whole, windowed = (choose_optimally(problem, most) for most in (10**9, 1))
        np.testing.assert_array_equal(windowed[0], whole[0])
        np.testing.assert_array_equal(windowed[1], whole[1])


def test_windows_cost_little_where_everything_is_doubtful():
    problem = build_problem(make_random_candidates(np.random.default_rng(0), 6, 40))
    costs = [sum_costs(problem, *choose_optimally(problem, most)) for most in (10**9, 1)]
    assert costs[0] <= costs[1] + 1e-9
    assert costs[1] == pytest.approx(costs[0], rel=1e-2)


def test_seams_break_no_rule():
    problem = build_problem(make_random_candidates(np.random.default_rng(1), 6, 40))
    chosen, kept = choose_optimally(problem, 1)
    backward, forward = problem.count_links(chosen)
    assert backward.max() <= 1
    assert forward.max() <= 2
    assert kept[problem.links[chosen]].all()


def test_a_library_of_the_field_finds_no_better_story():
    motile = pytest.importorskip("motile", reason="the library motile is not installed")
    networkx = pytest.importorskip("networkx")
    costs, constraints = (
        pytest.importorskip(f"motile.{part}") for part in ("costs", "constraints")
    )
    problem = build_problem(make_random_candidates(np.random.default_rng(3), 10, 4))
    graph = networkx.DiGraph()
    for row, time_point in enumerate(problem.time_points.tolist()):
        names = ("position", "division", "appearance", "disappearance")
        graph.add_node(
            row, t=time_point, **{name: getattr(problem, f"{name}_costs")[row] for name in names}
        )
    for (source, target), cost in zip(problem.links.tolist(), problem.link_costs):
        graph.add_edge(source, target, cost=cost)
    solver = motile.Solver(motile.TrackGraph(graph))
    for cost, name in (
        (costs.NodeSelectedCost, "position"),
        (costs.NodeSplitCost, "division"),
        (costs.NodeAppearCost, "appearance"),
        (costs.NodeDisappearCost, "disappearance"),
        (costs.EdgeSelectedCost, "cost"),
    ):
        solver.add_cost(cost(attribute=name), name=name)
    solver.add_constraint(constraints.MaxParents(1))
    solver.add_constraint(constraints.MaxChildren(2))
    solver.solve()
    selected = solver.get_selected_subgraph()
    chosen = np.array([link in selected.edges for link in map(tuple, problem.links.tolist())])
    theirs = sum_costs(
        problem,
        chosen,
        np.array([row in selected.nodes for row in range(len(problem.time_points))]),
    )
    assert find_best_cost(problem) == pytest.approx(theirs, rel=1e-5)


# ---- the story one would tell --------------------------------------------------------------------------------------


def make_crossing(**others) -> Annotations:
    """Two nuclei over two time points; nearest neighbours are wrong partners, as the network knows."""
    positions = [[0, 0], [0, 4], [0, 3], [0, 1]]
    links = [[0, 2], [0, 3], [1, 2], [1, 3]]
    return make_candidates(positions, [0, 0, 1, 1], links, [0.8, 0.3, 0.3, 0.9], **others)


@pytest.mark.parametrize("method", METHODS)
def test_the_probable_links_are_chosen(method):
    tracks = build_tracks(make_crossing(), method=method)
    assert links_of(tracks) == {(0, 2), (1, 3)}
    assert sorted(tracks.link_properties["link_probability"]) == [0.8, 0.9]


def test_only_the_optimal_one_weighs_everything():
    """The best link leaves the worst one; the two in the middle are better together."""
    candidates = make_crossing()
    candidates.link_properties["link_probability"][:] = [0.95, 0.93, 0.93, 0.02]
    assert links_of(build_tracks(candidates, method="greedy")) == {(0, 2), (1, 3)}
    assert links_of(build_tracks(candidates)) == {(0, 3), (1, 2)}
    assert links_of(build_tracks(candidates, method="assignment")) == {(0, 3), (1, 2)}


@pytest.mark.parametrize("method", METHODS)
def test_a_division_needs_a_reason(method):
    options = {
        "positions": [[0, 0], [0, 3], [0, -3]],
        "time_points": [0, 1, 1],
        "links": [[0, 1], [0, 2]],
    }
    likely = make_candidates(
        **options, probabilities=[0.9, 0.9], properties={"division_probability": [0.9, 0, 0]}
    )
    unlikely = make_candidates(
        **options, probabilities=[0.9, 0.8], properties={"division_probability": [1e-4, 0, 0]}
    )
    assert links_of(build_tracks(likely, method=method)) == {(0, 1), (0, 2)}
    assert links_of(build_tracks(unlikely, method=method)) == {(0, 1)}


@pytest.mark.parametrize("method", METHODS)
def test_nothing_merges_and_nothing_has_three_daughters(method):
    for seed in range(3):
        tracks = build_tracks(
            make_random_candidates(np.random.default_rng(seed), 8, 5, neighbours=3), method=method
        )
        assert len(tracks.merges()) == 0
        assert tracks.links_forward().max() <= 2
        assert (tracks.time_points[tracks.links] @ [-1, 1] == 1).all()


def test_assignment_is_that_of_scipy():
    """Where links are so much better than ends that all are linked, a full assignment is the
    answer.
    """
    rng = np.random.default_rng(1)
    positions, links = rng.uniform(0, 20, (12, 3)), np.argwhere(np.ones((6, 6))) + [0, 6]
    probabilities = rng.uniform(0.3, 0.99, 36)
    candidates = make_candidates(positions, np.repeat([0, 1], 6), links, probabilities)
    sources, targets = linear_sum_assignment(compute_cost(probabilities).reshape(6, 6))
    assert links_of(build_tracks(candidates, method="assignment")) == set(zip(sources, targets + 6))


@pytest.mark.parametrize("method", METHODS)
def test_a_lonely_doubtful_position_is_rejected(method):
    positions = [[0, 0], [0, 1], [0, 2], [30, 30]]
    candidates = make_candidates(
        positions,
        [0, 1, 2, 1],
        [[0, 1], [1, 2]],
        [0.9, 0.9],
        properties={"probability": [0.9, 0.4, 0.9, 0.4]},
    )
    tracks = build_tracks(candidates, method=method)
    np.testing.assert_array_equal(tracks.positions, candidates.positions[:3])
    kept = dataclasses.replace(candidates, properties={"probability": [0.9, 0.4, 0.9, 1.0]})
    assert len(build_tracks(kept, method=method)) == 4


def make_gap(distance: float = 1.0, others: int = 6, **options) -> Annotations:
    """A nucleus missed at time point 1 of three, others that are not missed and move by 1 µm or so."""
    rng = np.random.default_rng(0)
    places = np.stack([np.zeros(others), np.full(others, 20.0), 20.0 * np.arange(others)], axis=1)
    steady = np.concatenate([places + rng.normal(0, 1, places.shape) for _ in range(3)])
    rows = np.arange(2 * others)
    positions = np.concatenate([steady, [[0, 0, 0], [0, 0, distance]]])
    times = np.append(np.repeat([0, 1, 2], others), [0, 2])
    return make_candidates(
        positions, times, np.stack([rows, rows + others], axis=1), np.full(12, 0.99), **options
    )


def test_a_missed_nucleus_is_filled_in():
    tracks = build_tracks(make_gap(properties={"probability": np.full(20, 0.99)}))
    added = np.flatnonzero([value is True for value in tracks.properties["interpolated"]])
    assert len(tracks) == 21
    assert tracks.time_points[added] == [1]
    np.testing.assert_allclose(tracks.positions[added], [[0, 0, 0.5]])
    assert tracks.properties["probability"][added[0]] is None
    assert sum(value is None for value in tracks.properties["interpolated"]) == 20
    assert (tracks.time_points[tracks.links] @ [-1, 1] == 1).all()
    assert (np.diff(tracks.time_points) >= 0).all()
    assert sorted(map(len, tracks.tracks())) == [3] * 7
    probabilities = tracks.link_properties["link_probability"][(tracks.links == added).any(axis=1)]
    assert len(set(probabilities)) == 1
    assert 0 < probabilities[0] < TrackingSettings().missed_probability


def test_a_nucleus_far_away_is_another_one():
    assert len(build_tracks(make_gap(distance=15))) == 20


def test_nothing_is_filled_in_where_nothing_is_missed():
    assert len(build_tracks(make_gap(), settings=NOTHING_MISSED)) == 20
    assert len(build_tracks(make_gap(), method="assignment")) == 20


def test_missed_nuclei_are_looked_for_along_the_drift():
    still = make_gap()
    drifting = dataclasses.replace(
        still, positions=still.positions + 12.0 * still.time_points[:, np.newaxis]
    )
    assert len(build_tracks(drifting)) == 21


@pytest.mark.parametrize("region", [[[0, 0, 0], [0, 99, 99]], [[-50, 0, 0], [50, 99, 99]]])
def test_nuclei_come_and_go_at_borders(region):
    """A doubtful link that one takes inside, but not where the nucleus may as well have left."""
    options = {"time_points": [0, 1, 1, 2], "links": [[0, 1], [2, 3]], "probabilities": [0.1, 0.1]}
    candidates = make_candidates([[50, 50], [50, 52], [50, 1], [50, 1]], **options)
    assert links_of(build_tracks(candidates, settings=NOTHING_MISSED)) == {(0, 1), (2, 3)}
    assert links_of(build_tracks(candidates, settings=NOTHING_MISSED, region=region)) == {(0, 1)}
    stated = dataclasses.replace(candidates, region=region)
    assert links_of(build_tracks(stated, settings=NOTHING_MISSED)) == {(0, 1)}


def test_first_and_last_time_point_are_free():
    problem = build_problem(make_crossing())
    assert problem.appearance_costs.tolist() == [0, 0, *[pytest.approx(np.log(99))] * 2]
    assert problem.disappearance_costs.tolist() == [*[pytest.approx(np.log(99))] * 2, 0, 0]


def test_a_probability_of_one_half_costs_nothing_and_the_sure_ones_much():
    assert compute_cost(np.array([0.5, 0.9, 0, 1])) == pytest.approx(
        [0, -np.log(9), np.log(1e6), -np.log(1e6)], rel=1e-5
    )


# ---- what cannot be or is not there --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("positions", "times"), [([], []), ([[0, 0, 0], [0, 5, 5]], [3, 3]), ([[0, 0, 0]] * 2, [0, 7])]
)
def test_without_candidates_every_position_is_a_track(method, positions, times):
    candidates = make_candidates(np.reshape(positions, (-1, 3)), times, [])
    tracks = build_tracks(candidates, method=method)
    assert len(tracks) == len(positions)
    assert len(tracks.links) == 0


@pytest.mark.parametrize("method", METHODS)
def test_without_probabilities_tracks_are_as_long_as_can_be(method):
    tracks = build_tracks(
        make_candidates([[0, 0], [0, 1], [0, 2]], [0, 1, 2], [[0, 1], [1, 2]]), method=method
    )
    assert links_of(tracks) == {(0, 1), (1, 2)}


@pytest.mark.parametrize("method", METHODS)
def test_zero_and_one_are_probabilities_too(method):
    options = {
        "probabilities": [1, 0],
        "properties": {"probability": [1, 1, 0], "division_probability": [0, 0, 1]},
    }
    tracks = build_tracks(
        make_candidates([[0, 0], [0, 1], [9, 9]], [0, 1, 1], [[0, 1], [0, 2]], **options),
        method=method,
    )
    assert links_of(tracks) == {(0, 1)}
    assert len(tracks) == 2


def test_other_properties_are_kept():
    candidates = make_crossing(
        properties={"stage": ["a", None, "b", "c"]}, extra={"said": 1}, minutes_per_time_point=5
    )
    tracks = build_tracks(candidates)
    assert tracks.properties["stage"].tolist() == ["a", None, "b", "c"]
    assert (tracks.extra, tracks.minutes_per_time_point, tracks.name) == ({"said": 1}, 5, "test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spacing_um": None}, "spacing"),
        (
            {"link_properties": {"link_probability": [0.8, 1.2, 0.3, 0.9]}},
            "link_probability .* 1.2 for 1 of 4",
        ),
        ({"properties": {"probability": [0.8, float("nan"), 0.3, 0.9]}}, "probability"),
        ({"time_points": [0, 0, 2, 2]}, r"next time point.*\[0, 2\]"),
    ],
)
def test_bad_candidates_are_one_clear_error(changes, message):
    with pytest.raises(UserError, match=message):
        build_tracks(dataclasses.replace(make_crossing(), **changes))


def test_bad_choices_are_one_clear_error():
    with pytest.raises(UserError, match="optimal, assignment, greedy.*'best'"):
        build_tracks(make_crossing(), method="best")
    with pytest.raises(UserError, match="missed_probability must be within 0 and 1. Received: 2"):
        TrackingSettings(missed_probability=2)


def test_a_daughter_missed_right_after_the_division_is_found_again():
    positions = [
        (0, 10, 10),
        (0, 10, 12),
        (0, 10, 13),
        (0, 10, 5),
    ]  # mother, the daughter seen at once, twice; the other
    candidates = Annotations(
        positions,
        [0, 1, 2, 2],
        [(0, 1), (1, 2), (1, 3)],
        properties={"division_probability": [0.95, 0.001, 0.001, 0.001]},
        link_properties={"link_probability": [0.98, 0.98, 0.01]},
        spacing_um=(1, 1, 1),
    )
    tracks = build_tracks(candidates)
    assert (
        tracks.divisions().tolist() == [0] and len(tracks) == 5
    )  # one position half-way to the other daughter
    calm = build_tracks(
        dataclasses.replace(
            candidates, properties={"division_probability": [0.01, 0.001, 0.001, 0.001]}
        )
    )
    assert len(calm.divisions()) == 0 and len(calm) == 4


@pytest.mark.parametrize(("sure", "daughters"), [(0.95, [2, 3]), (0.45, [2])])
def test_a_sure_mother_keeps_a_daughter_that_the_link_network_does_not_believe_in(sure, daughters):
    """They part by more than a nucleus, near the border, where a nucleus may as well come in; her
    neighbour goes on in its own place, and is no daughter, though it is nearer.
    """
    places = [(1, 20), (1, 40), (1, 8), (1, 32), (1, 41)]
    links = [(0, 2), (0, 3), (0, 4), (1, 4), (1, 3)]
    candidates = make_candidates(
        places,
        [0, 0, 1, 1, 1],
        links,
        [0.6, 0.02, 0.03, 0.99, 0.001],
        properties={"division_probability": [sure, 0.01, 0.01, 0.01, 0.01]},
    )
    tracks = build_tracks(candidates, region=np.array([[0.0, 0, 0], [0, 16, 60]]))
    assert sorted(tracks.links[tracks.links[:, 0] == 0, 1].tolist()) == daughters
    assert (1, 4) in set(map(tuple, tracks.links.tolist()))
