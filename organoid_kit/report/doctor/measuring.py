"""What the doctor measures in images: how much light there is at positions, how wide nuclei are,
how much noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.blobs import DIAMETER_UM, find_blobs_in_stack, make_blob_response
from organoid_kit.examples.patches import prepare_stack
from organoid_kit.report.channel_contrast import choose_time_points

_REACH_UM = 12.0  # profiles go so far from the middle of a nucleus
_STEP_UM = 0.25
_HEIGHT = 0.6  # of the profile, at which its width is taken: neighbours that touch are not measured with it
_BACKGROUND = 0.1  # quantile of a stack
_MOST_BLOBS = 30
_ROUNDS = 3
_SOUGHT_UM = (4.0, 24.0)  # smaller blobs would be noise
_MOST_TIME_POINTS = 3
_MAD = 1.4826  # from the median absolute deviation of normal noise to its standard deviation


def measure_light(
    movie: TimeLapse, time_point: int, channels: Sequence[int], positions: np.ndarray
) -> np.ndarray:
    """How much brighter than its surroundings each position is, on the scale of a nucleus; 0
    outside the image.

    Args:
        movie: to look at.
        time_point: as the movie counts them.
        channels: counted from 1; several are summed.
        positions: (n, 3) float, zyx, voxels.

    Returns:
        (n,) float, see `make_blob_response`: nuclei reach 0.1 and more.
    """
    response, step = make_blob_response(
        np.asarray(movie.stack(time_point, channels)), movie.spacing_um
    )
    coarse = (np.nan_to_num(positions, nan=-1e6) - (step - 1) / 2) / step
    return map_coordinates(response, coarse.T, order=1, mode="grid-constant", cval=0.0)


def measure_width_um(
    stack: np.ndarray, positions: np.ndarray, spacing_um: Sequence[float]
) -> np.ndarray:
    """How wide an ordinary nucleus is along z, y and x.

    Lines of intensity through all positions are put together, median by median; the width is taken
    at 0.6 of the height in the middle. It grows with the spacing that the movie states, so that a
    wrong spacing shows.

    Args:
        stack: (z, y, x).
        positions: (n, 3) float, zyx, voxels, in the middle of nuclei.
        spacing_um: µm per voxel, zyx.

    Returns:
        (3,) float, zyx, µm; at most 24; NaN along an axis with a single plane, or where there is no
        bright middle.
    """
    offsets_um = np.arange(-_REACH_UM, _REACH_UM + _STEP_UM, _STEP_UM)
    dark = np.quantile(stack, _BACKGROUND)
    widths = []
    for axis in range(3):
        places = np.repeat(positions[:, :, None], len(offsets_um), axis=2)
        places[:, axis] += offsets_um / spacing_um[axis]
        lines = map_coordinates(
            stack.astype(np.float32),
            places.transpose(1, 0, 2).reshape(3, -1),
            order=1,
            mode="nearest",
        )
        profile = np.median(lines.reshape(len(positions), -1), axis=0) - dark
        widths.append(_measure_width_um(profile) if stack.shape[axis] > 1 else np.nan)
    return np.array(widths)


def _measure_width_um(profile: np.ndarray) -> float:
    """Width of what is around the middle of a profile; NaN where the middle is dark."""
    middle = len(profile) // 2
    if not profile[middle] > 0:
        return np.nan
    low = profile < _HEIGHT * profile[middle]
    after, before = np.flatnonzero(low[middle:]), np.flatnonzero(low[middle::-1])
    steps = [found[0] - 0.5 if len(found) else middle for found in (before, after)]
    return float(sum(steps) * _STEP_UM)


def measure_noise(prepared: np.ndarray) -> float:
    """How much neighbouring voxels of the background differ by chance; 1 is the step from
    background to bright nuclei.

    Args:
        prepared: (z, y, x), from `prepare_stack`.
    """
    steps = np.diff(prepared, axis=2) / np.sqrt(2)
    dark = prepared[..., 1:] <= np.median(prepared)
    return float(_MAD * np.median(np.abs(steps[dark])))


@dataclass(frozen=True)
class ImageTraits:
    """What a network gets to see in a movie.

    Attributes:
        nucleus_um: how wide nuclei look in the plane, or None where nothing bright was found.
        stretch: how much longer they look along z than in the plane, or None likewise.
        noise: see `measure_noise`.
    """

    nucleus_um: float | None
    stretch: float | None
    noise: float


def measure_traits(movie: TimeLapse, settings: NetworkSettings) -> ImageTraits:
    """The traits of a movie, from the brightest blobs of up to three time points; it needs no
    annotations.

    Args:
        movie: to look at.
        settings: of the network: channels, spacing and normalisation.
    """
    times = choose_time_points(movie, None, _MOST_TIME_POINTS)
    widths = np.array(
        [
            _measure_blobs_um(movie.stack(time, settings.channels), movie.spacing_um)
            for time in times
        ]
    )
    noise = [measure_noise(prepare_stack(movie, time, settings)) for time in times]
    plane = np.median(widths[:, 1:].mean(axis=1))
    return ImageTraits(
        _none_if_nan(plane), _none_if_nan(np.median(widths[:, 0]) / plane), float(np.median(noise))
    )


def _measure_blobs_um(stack: np.ndarray, spacing_um: Sequence[float]) -> np.ndarray:
    """The width of the brightest blobs. They are sought again with what came out, as their size is
    not known before.
    """
    diameter_um = DIAMETER_UM
    for _ in range(_ROUNDS):
        positions, _ = find_blobs_in_stack(stack, spacing_um, diameter_um)
        if len(positions) == 0:
            return np.full(3, np.nan)
        widths_um = measure_width_um(stack, positions[:_MOST_BLOBS], spacing_um)
        if not np.isfinite(widths_um[1:]).all():
            return np.full(3, np.nan)
        diameter_um = float(np.clip(widths_um[1:].mean(), *_SOUGHT_UM))
    return widths_um


def _none_if_nan(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
