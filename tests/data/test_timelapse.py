"""A movie is read one stack at a time, and channels are summed without overflow."""

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.data.timelapse import make_timelapse


@pytest.fixture
def images() -> np.ndarray:
    """Two time points, three channels, different in every voxel."""
    return np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)


def test_stack_is_the_chosen_time_point_and_channel(images):
    movie = make_timelapse(images, (2.0, 0.5, 0.5), first_time_point=7)
    np.testing.assert_array_equal(movie.stack(8, (3,)), images[1, 2])
    assert movie.time_points == range(7, 9)
    assert movie.stack(8).dtype == np.uint16


def test_channels_are_summed_without_overflow():
    movie = make_timelapse(np.full((1, 3, 2, 2, 2), 60_000, dtype=np.uint16), (1, 1, 1))
    np.testing.assert_array_equal(movie.stack(0, (1, 2, 3)), np.full((2, 2, 2), 180_000.0))


@pytest.mark.parametrize("time_point", [6, 9, -1])
def test_time_points_outside_the_movie_are_refused(images, time_point):
    movie = make_timelapse(images, (2.0, 0.5, 0.5), first_time_point=7)
    with pytest.raises(UserError, match=f"Received: 'movie': {time_point}. .* 7 to 8"):
        movie.stack(time_point)


@pytest.mark.parametrize("channels", [(0,), (1, 4)])
def test_channels_are_counted_from_one(images, channels):
    with pytest.raises(UserError, match="counted from 1.*channels 1 to 3"):
        make_timelapse(images, (2.0, 0.5, 0.5)).stack(0, channels)


def test_no_channel_is_refused(images):
    with pytest.raises(UserError, match="At least one channel"):
        make_timelapse(images, (2.0, 0.5, 0.5)).stack(0, ())


def test_arrays_without_five_axes_are_refused(images):
    with pytest.raises(UserError, match=r"five axes.*4 axes"):
        make_timelapse(images[0], (2.0, 0.5, 0.5))


def test_channel_names_must_be_as_many_as_channels(images):
    with pytest.raises(UserError, match="2 names for 3 channels"):
        make_timelapse(images, (2.0, 0.5, 0.5), channel_names=("red", "green"))


def test_description_says_axes_and_spacing(images):
    described = str(make_timelapse(images, (2.0, 0.5, 0.25), name="gut"))
    assert described == (
        "gut: 2 time points × 3 channels × 4 planes (z) × 5 rows (y) × 6 columns (x), uint16, "
        "2 × 0.5 × 0.25 µm per voxel (z, y, x)"
    )
