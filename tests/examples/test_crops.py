"""Crops are cut where they should be, and drawn class by class."""

import dataclasses

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.augmentation import Augmentation, cut_crop, no_augmentation
from organoid_kit.examples.batches import count_neighbours, draw_order, weigh_answers
from organoid_kit.examples.patches import compute_working_positions, compute_working_spacing

RNG = np.random.default_rng(0)
STACKS = [RNG.random((9, 20, 24)).astype(np.float32) for _ in range(3)]  # z, y, x
TURN = Augmentation(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))


def make_movie(positions, time_points=None, shape=(6, 40, 40), spacing_um=(2.0, 0.5, 0.25)):
    movie = make_timelapse(np.zeros((2, 1, *shape), np.uint16), spacing_um, name="film")
    times = [0] * len(positions) if time_points is None else time_points
    return AnnotatedMovie(movie, Annotations(positions, times))


# ---- cutting


@pytest.mark.parametrize("depth", [3, 4])
def test_each_time_point_has_a_centre_of_its_own(depth):
    centres = np.array([[4.0, 8, 8], [4.4, 9, 10], [5, 12, 7]])
    shape = (depth, 5, 7)
    crop = cut_crop(no_augmentation(), STACKS, centres, shape)
    assert crop.shape == (depth, 5, 7, 3) and crop.dtype == np.float32
    for number, (stack, (_, y, x)) in enumerate(zip(STACKS, centres.astype(int), strict=True)):
        plane = round(centres[number, 0] - (depth - 1) / 2)
        expected = stack[plane : plane + depth, y - 2 : y + 3, x - 3 : x + 4]
        np.testing.assert_allclose(crop[..., number], expected, atol=1e-6)


def test_the_same_centre_for_all_is_cut_at_once_and_the_same():
    same = cut_crop(TURN, STACKS, np.array([4.3, 9.2, 8.7]), (4, 6, 6))
    apart = [cut_crop(TURN, [stack], np.array([[4.3, 9.2, 8.7]]), (4, 6, 6)) for stack in STACKS]
    np.testing.assert_array_equal(same, np.concatenate(apart, axis=3))
    off = cut_crop(TURN, STACKS, np.array([[4.3, 9.2, 8.7]] * 2 + [[4.3, 9.2, 8.8]]), (4, 6, 6))
    np.testing.assert_array_equal(off[..., :2], same[..., :2])
    assert not np.array_equal(off[..., 2], same[..., 2])


# ---- places


def test_positions_and_spacing_are_those_of_the_working_stack():
    annotated = make_movie([[0, 0, 0], [5, 39, 39]])
    settings = NetworkSettings(spacing_um=(2.0, 1.0, 1.0))
    np.testing.assert_allclose(compute_working_spacing(annotated, settings), (2, 1, 1))
    np.testing.assert_allclose(
        compute_working_positions(annotated, settings), [[0, -0.25, -0.375], [5, 19.25, 9.375]]
    )
    as_it_is = settings.changed(spacing_um=None)
    np.testing.assert_allclose(compute_working_spacing(annotated, as_it_is), (2, 0.5, 0.25))
    np.testing.assert_array_equal(
        compute_working_positions(annotated, as_it_is), annotated.annotations.positions
    )


def test_an_axis_that_is_not_resampled_keeps_its_spacing():
    annotated = make_movie([[0, 3, 3]], shape=(1, 40, 40), spacing_um=(5.0, 0.98, 0.5))
    settings = NetworkSettings(spacing_um=(2.0, 1.0, 1.0), patch_shape_zyx=(1, 16, 16))
    np.testing.assert_allclose(compute_working_spacing(annotated, settings), (5, 0.98, 1))


@pytest.mark.parametrize("wrong", [(-0.6, 5, 5), (2, 39.6, 5), (2, 5, -1), (2, float("nan"), 5)])
def test_the_first_position_outside_the_movie_is_named(wrong):
    with pytest.raises(
        UserError, match=rf"(?s)'film'.*{float(wrong[1])}.*time point 1;.*check_annotations"
    ):
        compute_working_positions(
            make_movie([[2, 5, 5], wrong, (-9, 0, 0)], [0, 1, 1]), NetworkSettings()
        )


@pytest.mark.parametrize("time_point", [-1, 2])
def test_a_time_point_the_movie_lacks_is_named(time_point):
    with pytest.raises(
        UserError, match=rf"(?s)'film'.*time point {time_point};.*time points 0 to 1"
    ):
        compute_working_positions(make_movie([[2, 5, 5]], [time_point]), NetworkSettings())


def test_the_very_border_is_inside():
    assert (
        len(
            compute_working_positions(
                make_movie([[-0.5, -0.5, -0.5], [5.5, 39.5, 39.5]]), NetworkSettings()
            )
        )
        == 2
    )


def test_neighbours_are_counted_in_um_at_the_same_time_point():
    points_um = np.array([[0.0, 0, 0], [0, 0, 11.9], [0, 12.1, 0], [0, 0, 1], [500, 0, 0]])
    counted = count_neighbours(points_um, np.array([0, 0, 0, 1, 0]), 12.0)
    np.testing.assert_array_equal(counted, [1, 1, 0, 0, 0])


# ---- drawing


def test_each_kind_gets_its_share_and_its_places_come_equally_often():
    kinds = np.array([0] * 2 + [1] * 30 + [2] * 500)
    order = draw_order(
        kinds, (1 / 3, 1 / 3, 1 / 3), np.zeros(532, int), 90, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(np.bincount(kinds[order]), [30, 30, 30])
    np.testing.assert_array_equal(np.bincount(order)[:32], [15, 15] + [1] * 30)
    assert len(set(order[kinds[order] == 2])) == 30


def test_kinds_without_a_place_leave_their_share_to_the_others():
    kinds = np.array([0] * 5 + [2] * 5 + [3] * 5)
    order = draw_order(
        kinds, (0.3, 0.2, 0.35, 0.15), np.zeros(15, int), 80, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(np.bincount(kinds[order], minlength=4), [30, 0, 35, 15])


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_as_many_are_drawn_as_wanted(count):
    order = draw_order(
        np.array([0, 1, 2, 2]), (0.4, 0.4, 0.2), np.arange(4), count, np.random.default_rng(1)
    )
    assert len(order) == count


def test_few_stacks_are_open_at_once_and_kinds_are_mixed():
    stacks = np.repeat(np.arange(40), 10)
    kinds = np.tile(np.arange(10) % 2, 40)
    order = draw_order(kinds, (0.5, 0.5), stacks, 400, np.random.default_rng(2))
    seen = stacks[order]
    assert sum(len(set(seen[start : start + 50])) > 16 for start in range(0, 400, 50)) == 0
    changes = np.flatnonzero(
        [seen[number] not in seen[max(0, number - 60) : number] for number in range(1, 400)]
    )
    assert len(changes) <= 45, "a stack that was left is not opened again"
    assert all(0.3 < kinds[order[start : start + 80]].mean() < 0.7 for start in range(0, 400, 80))


def test_both_answers_weigh_the_same():
    targets = np.array([True] + [False] * 9)
    weights = weigh_answers(targets, targets)
    assert weights[targets].sum() == pytest.approx(
        weights[~targets].sum()
    ) and weights.mean() == pytest.approx(1)
    assert weights.dtype == np.float32
    for alike in (np.ones(3, bool), np.zeros(3, bool), np.zeros(0, bool)):
        np.testing.assert_array_equal(weigh_answers(alike, alike), 1)


def test_a_movie_is_not_read_to_find_places():
    def never(time_point, channel):
        raise AssertionError

    annotated = make_movie([[1, 2, 3]])
    blind = dataclasses.replace(
        annotated, movie=dataclasses.replace(annotated.movie, read_stack=never)
    )
    assert len(compute_working_positions(blind, NetworkSettings())) == 1
