"""What a network sees: channels summed, resampled, normalised, and kept in bounded memory."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.blobs import find_peaks
from organoid_kit.examples.patches import (
    PreparedMovies,
    compute_working_shape,
    convert_positions,
    make_grey,
    prepare_stack,
    window_time_points,
)
from organoid_kit.examples.position import draw_dots

QUANTILES = (0.1, 0.998)
OWN_SPACING = NetworkSettings(spacing_um=None, intensity_quantiles=QUANTILES)


def make_movie(images, spacing_um=(2.0, 0.5, 0.5), **options):
    return make_timelapse(np.asarray(images), spacing_um, **options)


def noisy_stack(shape=(8, 40, 40), seed=0):
    return np.random.default_rng(seed).normal(1000, 100, shape).astype(np.float32)


# ---- resampling


@pytest.mark.parametrize(
    "spacing_um, shape",
    [
        (None, (10, 40, 60)),
        ((2.0, 0.5, 0.5), (10, 40, 60)),
        ((2.05, 0.49, 0.51), (10, 40, 60)),  # less than 5 % is left as it is
        ((1.0, 1.0, 0.25), (20, 20, 120)),
        ((100.0, 100.0, 100.0), (3, 1, 1)),  # never one plane
    ],
)
def test_shape_follows_the_spacing(spacing_um, shape):
    movie = make_movie(np.zeros((1, 1, 10, 40, 60)), (2.0, 0.5, 0.5))
    assert compute_working_shape(movie, NetworkSettings(spacing_um=spacing_um)) == shape


@pytest.mark.parametrize("own_planes", [1, 2, 4])  # of 0.3 µm
@pytest.mark.parametrize("patch_planes, planes", [(1, 1), (16, 3)])
def test_a_thin_stack_looks_like_a_plane_of_a_thick_one_to_a_network_that_sees_several(
    own_planes, patch_planes, planes
):
    plane = noisy_stack((1, 1, 1, 40, 60))
    movie = make_movie(np.repeat(plane, own_planes, axis=2), (0.3, 0.5, 0.5))
    settings = NetworkSettings(spacing_um=(1.0, 1.0, 1.0), patch_shape_zyx=(patch_planes, 16, 16))
    assert compute_working_shape(movie, settings) == (planes, 20, 30)
    stack = prepare_stack(movie, 0, settings)
    assert stack.shape == (planes, 20, 30)
    middle = stack[planes // 2]
    np.testing.assert_allclose(stack[0], middle * (0.6 if planes > 1 else 1), 1e-5, 1e-6)
    inner = np.array([[(own_planes - 1) / 2, 0, 0]])
    assert convert_positions(inner, movie.shape_zyx, stack.shape)[0, 0] == planes // 2


@pytest.mark.parametrize(
    "spacing_um", [(1.0, 0.5, 0.5), (2.0, 1.0, 1.0), (1.3, 0.4, 0.9), (2.0, 0.25, 0.25)]
)
def test_resampling_moves_image_and_positions_alike(spacing_um):
    own, shape = (2.0, 0.5, 0.5), (14, 80, 96)
    positions = np.array([[3.3, 20.2, 15.7], [7.0, 50.5, 60.1], [10.4, 33.0, 80.0]])
    image = draw_dots(positions, shape, own, 2.5)
    movie = make_movie(image[None, None], own)
    settings = NetworkSettings(spacing_um=spacing_um, intensity_quantiles=(0, 1))
    stack = prepare_stack(movie, 0, settings)
    found, _ = find_peaks(stack, spacing_um, 5.0, 0.3)
    expected = convert_positions(positions, shape, stack.shape)
    assert stack.shape != shape
    assert len(found) == len(expected)
    for position in expected:
        nearest_um = np.linalg.norm((found - position) * spacing_um, axis=1).min()
        assert nearest_um < 0.4, f"{nearest_um:.2f} µm away"


@given(st.tuples(*[st.integers(1, 50)] * 3), st.tuples(*[st.integers(1, 50)] * 3))
def test_converted_positions_come_back(one, other):
    positions = np.random.default_rng(0).uniform(-0.5, 49.5, (20, 3))
    there = convert_positions(positions, one, other)
    np.testing.assert_allclose(convert_positions(there, other, one), positions)
    np.testing.assert_allclose(
        convert_positions(np.array(one) - 0.5, one, other), np.array(other) - 0.5
    )


# ---- stacks


def test_channels_are_summed_without_overflow():
    images = np.zeros((1, 2, 1, 4, 4), np.uint8)
    images[0, :, 0, :2, :2] = 200
    images[0, 0, 0, 2:, 2:] = 200
    stack = prepare_stack(
        make_movie(images), 0, NetworkSettings(channels=(1, 2), intensity_quantiles=(0, 1))
    )
    assert stack[1, 0, 0] == stack.max() > stack[1, 1, 1] > stack[1, 1, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_none_is_refused_with_its_place(value):
    images = np.ones((3, 1, 2, 4, 4), np.float32)
    images[1, 0, 1, 2, 3] = value
    movie = make_movie(images, name="broken")
    prepare_stack(movie, 0, NetworkSettings(intensity_quantiles=(0, 1)))
    with pytest.raises(UserError, match="'broken': time point 1"):
        prepare_stack(movie, 1, OWN_SPACING)


def test_the_movie_is_not_changed():
    images = noisy_stack((2, 1, 4, 16, 16))
    before = images.copy()
    prepared = PreparedMovies([make_movie(images)], OWN_SPACING)
    prepared.window(0, 1)
    np.testing.assert_array_equal(images, before)


def test_stacks_are_normalised_and_keep_their_axes():
    images = noisy_stack((1, 1, 3, 4, 5))
    stack = PreparedMovies([make_movie(images)], OWN_SPACING).stack(0, 0)
    assert stack.shape == (3, 4, 5) and stack.dtype == np.float32 and stack.flags.c_contiguous


def test_beyond_the_ends_the_nearest_time_point_is_repeated():
    movie = make_movie(np.zeros((4, 1, 1, 2, 2)), first_time_point=10)
    settings = NetworkSettings(time_window=(-2, 1))
    assert window_time_points(movie, 10, settings) == [10, 10, 10, 11]
    assert window_time_points(movie, 12, settings) == [10, 11, 12, 13]
    assert window_time_points(movie, 13, settings) == [11, 12, 13, 13]


class CountedMovie:
    """A movie that notes which time points are read."""

    def __init__(self, time_points=30):
        self.read = []
        movie = make_movie(np.ones((1, 1, 4, 8, 8), np.float32))
        self.movie = type(movie)(
            **{
                **vars(movie),
                "time_points": range(time_points),
                "read_stack": self.read_stack,
            }  # all stacks alike
        )

    def read_stack(self, time_point, channel):
        self.read.append(time_point)
        return np.random.default_rng(time_point).random((4, 8, 8), dtype=np.float32)


def test_the_cache_stays_within_its_bytes():
    stack_bytes = 4 * 8 * 8 * 4
    counted = [CountedMovie(), CountedMovie()]
    prepared = PreparedMovies(
        [each.movie for each in counted], OWN_SPACING, cache_bytes=5 * stack_bytes
    )
    for time_point in range(30):
        for movie in (0, 1):
            prepared.stack(movie, time_point)
            assert sum(stack.nbytes for stack in prepared._stacks.values()) <= 5 * stack_bytes
    assert len(prepared._stacks) == 5


def test_what_was_used_last_is_kept():
    counted = CountedMovie()
    prepared = PreparedMovies([counted.movie], OWN_SPACING, cache_bytes=3 * 1024)
    for time_point in (0, 1, 2, 0, 3, 0, 1):  # 3 pushes out 1, 1 pushes out 2
        prepared.stack(0, time_point)
    assert counted.read == [0, 1, 2, 3, 1]


def test_a_cache_smaller_than_a_stack_still_works():
    counted = CountedMovie()
    prepared = PreparedMovies([counted.movie], OWN_SPACING, cache_bytes=1)
    assert len(prepared.window(0, 5)) == 3
    assert len(prepared._stacks) == 1


def test_greys_run_from_black_to_white_and_are_cut_off_beyond():
    assert make_grey(np.array([-9, -0.1, 0.55, 1.2, 9])).tolist() == [0, 0, 128, 255, 255]
    assert make_grey(np.array([3.0]), (3, 3)).tolist() == [
        0
    ]  # an image that is the same everywhere
