"""Positions compared with positions."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linear_sum_assignment

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.matching import match_positions
from organoid_kit.evaluation.positions import (
    DEFAULT_THRESHOLDS,
    find_best_threshold,
    pool_scores,
    score_over_thresholds,
    score_positions,
)


def make_positions(positions, time_points=None, **others) -> Annotations:
    """Positions at time point 0 in voxels of 1 µm, unless said otherwise."""
    positions = np.asarray(positions, dtype=float).reshape(-1, 3)
    time_points = np.zeros(len(positions)) if time_points is None else time_points
    return Annotations(
        positions, time_points, **{"spacing_um": (1, 1, 1), "name": "test", **others}
    )


def make_grid() -> np.ndarray:
    """27 positions, 20 µm apart, so that no wrong pair is within 5 µm."""
    return np.stack(np.meshgrid(*[[0.0, 20, 40]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


def test_against_themselves_all_is_right(lineage):
    score = score_positions(lineage, lineage)
    assert (score.precision, score.recall, score.f1, score.mean_distance_um) == (1, 1, 1, 0)
    assert (score.matched, score.missed, score.false, score.ignored) == (7, 0, 0, 0)


def test_a_shift_beyond_the_distance_is_all_wrong():
    truth = make_positions(make_grid(), region=[[-50] * 3, [90] * 3])
    assert score_positions(truth, make_positions(make_grid() + [0, 0, 6])).f1 == 0
    assert score_positions(truth, make_positions(make_grid() + [0, 0, 4])).f1 == 1


def test_distances_are_in_micrometres():
    truth = make_positions(make_grid(), spacing_um=(2, 0.5, 0.5))
    in_depth, in_plane = (
        make_positions(make_grid() + by, spacing_um=(2, 0.5, 0.5)) for by in ([3, 0, 0], [0, 3, 0])
    )
    assert score_positions(truth, in_depth).matched == 0
    assert score_positions(truth, in_plane).mean_distance_um == pytest.approx(1.5)
    np.testing.assert_allclose(score_positions(truth, in_plane).bias_um, [0, 1.5, 0])


def test_two_found_near_one_true_position_are_one_right_and_one_false():
    truth = make_positions([[0, 0, 0]], region=[[-9] * 3, [9] * 3])
    score = score_positions(truth, make_positions([[0, 0, 1], [0, 0, -2]]))
    assert (score.matched, score.false, score.mean_distance_um) == (1, 1, 1)


def test_as_many_pairs_as_possible_even_if_longer():
    truth, found = np.array([[0, 0, 0], [0, 0, 4]]), np.array([[0, 0, 3.5], [0, 0, 8]])
    assert match_positions(truth, found).tolist() == [[0, 0], [1, 1]]


def test_identical_positions_are_paired():
    assert match_positions(np.zeros((1, 3)), np.zeros((1, 3))).tolist() == [[0, 0]]


@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_pairs_agree_with_an_exhaustive_assignment(seed, n, m):
    rng = np.random.default_rng(seed)
    truth, found = rng.uniform(0, 12, (n, 3)), rng.uniform(0, 12, (m, 3))
    distances = np.linalg.norm(truth[:, None] - found[None], axis=2)
    rows, columns = linear_sum_assignment(np.where(distances <= 5, distances, 1e4))
    near = distances[rows, columns] <= 5
    pairs = match_positions(truth, found)
    assert len(pairs) == near.sum()
    assert distances[tuple(pairs.T)].sum() == pytest.approx(distances[rows, columns][near].sum())


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_the_order_of_positions_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    truth, found = (
        make_positions(rng.uniform(0, 20, (15, 3)), rng.integers(0, 3, 15)) for _ in range(2)
    )
    shuffled = [one.select(rng.permutation(15)) for one in (truth, found)]
    one, other = score_positions(*shuffled), score_positions(truth, found)
    assert (one.matched, one.missed, one.false, one.ignored) == (
        other.matched,
        other.missed,
        other.false,
        other.ignored,
    )
    assert one.mean_distance_um == pytest.approx(other.mean_distance_um)


def test_found_outside_the_annotated_region_are_ignored_unless_they_match():
    truth = make_positions([[0, 0, 0], [10, 10, 10]])
    found = make_positions([[0, 0, 0], [10, 10, 12], [5, 5, 5], [5, 5, 30]])
    score = score_positions(truth, found)
    assert (score.matched, score.false, score.ignored) == (2, 1, 1)
    first_line = str(score).splitlines()[0]
    assert first_line.startswith("1 of 4 found positions lie where nobody annotated")
    whole = score_positions(truth.with_whole_image((20, 40, 40)), found)
    assert (whole.matched, whole.false, whole.ignored) == (2, 2, 0)
    assert str(whole).startswith("precision")


def test_scattered_annotations_say_what_was_found_and_not_what_is_false():
    truth = make_positions([[0, 0, 0], [0, 40, 40], [0, 80, 80]]).with_scattered()
    right, twice, elsewhere = [[0, 0, 1], [0, 40, 41]], [[0, 4, 0]], [[0, 20, 20], [0, 60, 60]]
    score = score_positions(truth, make_positions([*right, *twice, *elsewhere]))
    assert (score.matched, score.missed, score.false, score.ignored) == (2, 1, 1, 2)
    assert (score.recall, score.precision, score.f1) == (2 / 3, None, None)
    assert "of 2 of 5 found positions nobody knows" in str(score).splitlines()[0]
    pooled = pool_scores([score, score_positions(truth.with_whole_image((1, 99, 99)), truth)])
    assert (pooled.f1, pooled.scattered) == (None, True)
    assert all(part.f1 is None for part in score.by_time_point().values())
    found = make_positions(right)
    found = dataclasses.replace(found, properties={"probability": [0.9, 0.8]})
    with pytest.raises(UserError, match="needs places where all is annotated"):
        find_best_threshold([(truth, found)])


def test_in_a_shallow_stack_the_guessed_cuboid_is_no_plane():
    """All centres lie in the middle one of five planes; ghosts above and below count."""
    truth = make_positions([[2, 10, 10], [2, 40, 40]])
    ghosts = make_positions([[0, 25, 25], [4, 25, 25]])
    steep = {"spacing_um": (1.5, 0.5, 0.5)}
    score = score_positions(
        dataclasses.replace(truth, **steep), dataclasses.replace(ghosts, **steep)
    )
    assert (score.false, score.ignored) == (2, 0)


def test_only_annotated_time_points_count():
    score = score_positions(
        make_positions([[0, 0, 0]], [3]), make_positions([[0, 0, 0], [0, 0, 0]], [3, 4])
    )
    assert (score.matched, score.false, score.ignored) == (1, 0, 0)


def test_nothing_to_measure_is_not_measured():
    nothing, one = make_positions([]), make_positions([[0, 0, 0]])
    for found in (nothing, one):
        score = score_positions(nothing, found)
        assert (score.precision, score.recall, score.f1, score.mean_distance_um, score.bias_um) == (
            None,
        ) * 5
        assert str(score).count("not measured") == 4
    silent = score_positions(one, nothing)
    assert (silent.precision, silent.recall, silent.f1, silent.mean_distance_um) == (
        None,
        0,
        0,
        None,
    )
    assert json.loads(json.dumps(silent.to_dict()))["precision"] is None


def test_by_time_point_and_by_depth_add_up():
    truth = make_positions([[1, 0, 0], [12, 9, 9], [1, 0, 0], [25, 9, 9]], [0, 0, 1, 1])
    found = make_positions([[1, 0, 0], [12, 9, 9], [5, 5, 5], [25, 9, 8]], [0, 0, 0, 1])
    score = score_positions(truth, found)
    times, depths = score.by_time_point(), score.by_depth(10)
    assert {time: (part.matched, part.missed, part.false) for time, part in times.items()} == {
        0: (2, 0, 1),
        1: (1, 1, 0),
    }
    assert list(depths) == [(0, 10), (10, 20), (20, 30)]
    assert [(part.matched, part.missed, part.false) for part in depths.values()] == [
        (1, 1, 1),
        (1, 0, 0),
        (1, 0, 0),
    ]
    assert depths[20, 30].mean_distance_um == 1


def test_a_match_across_a_depth_border_counts_once():
    score = score_positions(make_positions([[9.5, 0, 0]]), make_positions([[10.5, 0, 0]]))
    assert [part.matched for part in score.by_depth(10).values()] == [1]


def test_pooling_counts_positions_not_movies():
    good = score_positions(make_positions(make_grid()), make_positions(make_grid()))
    bad = score_positions(make_positions([[0, 0, 0]]), make_positions([]))
    assert pool_scores([good, bad]).recall == 27 / 28
    assert pool_scores([]).f1 is None
    with pytest.raises(UserError, match="same way"):
        pool_scores([good, dataclasses.replace(bad, max_distance_um=3)])


@pytest.fixture
def movies():
    """Two movies: true positions have probabilities above, false ones below, with a little overlap."""
    rng = np.random.default_rng(3)
    pairs = []
    for _ in range(2):
        probability = np.concatenate([rng.uniform(0.4, 1, 27), rng.uniform(0, 0.5, 8)])
        positions = np.concatenate([make_grid(), rng.uniform(6, 34, (8, 3))])
        pairs.append(
            (
                make_positions(make_grid()),
                make_positions(positions, properties={"probability": probability}),
            )
        )
    return pairs


def test_the_curve_agrees_with_scoring_at_each_threshold(movies):
    curve = score_over_thresholds(*movies[0])
    for threshold, score in zip(curve.thresholds, curve.scores, strict=True):
        assert score.to_dict() == score_positions(*movies[0], threshold=threshold).to_dict()
    assert (
        curve.scores[0].false > curve.scores[-1].false
        and curve.scores[0].recall > curve.scores[-1].recall
    )


def test_the_best_threshold_is_best_over_all_movies_together(movies):
    def pooled(threshold):
        return pool_scores([score_positions(*pair, threshold=threshold) for pair in movies]).f1

    best = find_best_threshold(movies)
    assert pooled(best) == max(pooled(threshold) for threshold in DEFAULT_THRESHOLDS)
    assert pooled(best) > pooled(0.02) and pooled(best) > pooled(0.9)


def make_pair(right, false):
    """True nuclei found with some probabilities, and false positions with others."""
    rows = np.append(np.arange(len(right)), np.arange(len(false)) % (len(right) - 1) + 0.5)
    places = rows[:, None] * np.array([0, 0, 20.0])
    found = make_positions(places, properties={"probability": np.concatenate([right, false])})
    return make_positions(places[: len(right)]), found


def test_of_few_positions_a_wide_range_of_thresholds_is_as_good():
    """The best, up to 0.14, is best by two nuclei of 51 that are less sure by chance."""
    curve = score_over_thresholds(*make_pair([0.15, 0.16, *[0.85] * 49], [0.02] * 10))
    choice = curve.choose()
    assert curve.best() < 0.16 and choice.high == 0.84
    assert choice.low == 0.04 and choice.threshold == curve.best()
    assert str(choice).endswith("anything from 0.04 to 0.84 is as good on 51 annotated positions")


def test_of_many_positions_the_choice_is_as_narrow_as_they_tell():
    rng = np.random.default_rng(1)
    right, false = rng.beta(5, 2, 4000), rng.beta(2, 5, 4000)
    curve = score_over_thresholds(*make_pair(right, false))
    few = score_over_thresholds(*make_pair(right[:40], false[:40])).choose()
    many = curve.choose()
    assert many.low <= curve.best() <= many.high
    assert many.high - many.low <= 0.1 < few.high - few.low


def test_where_false_positions_are_many_the_choice_stays_above_them():
    choice = score_over_thresholds(*make_pair([0.9] * 50, [0.5] * 10)).choose()
    assert choice.low > 0.5 and choice.high == 0.9


def test_a_threshold_cannot_be_chosen_on_nothing():
    for pairs in ([], [(make_positions([]), make_positions([]))]):
        with pytest.raises(UserError, match="chosen where there are true positions"):
            find_best_threshold(pairs)
    with pytest.raises(UserError, match="chosen where there are true positions"):
        score_over_thresholds(make_positions([]), make_positions([])).choose()


def test_unknown_or_different_spacing_is_an_error():
    known, unknown = make_positions([[0, 0, 0]]), make_positions([[0, 0, 0]], spacing_um=None)
    for pair in ((known, unknown), (unknown, known)):
        with pytest.raises(UserError, match="without spacing"):
            score_positions(*pair)
    with pytest.raises(UserError, match="same spacing"):
        score_positions(known, make_positions([[0, 0, 0]], spacing_um=(1, 1, 1.1)))


def test_a_threshold_without_probabilities_is_an_error():
    one = make_positions([[0, 0, 0]])
    with pytest.raises(UserError, match="needs a probability of all that was found"):
        score_positions(one, one, threshold=0.5)


def test_a_position_at_the_threshold_counts():
    truth = make_positions([[0, 0, 0]])
    found = make_positions([[0, 0, 0]], properties={"probability": [0.5]})
    assert [
        score_positions(truth, found, threshold=threshold).matched
        for threshold in (0.49, 0.5, 0.505)
    ] == [1, 1, 0]
