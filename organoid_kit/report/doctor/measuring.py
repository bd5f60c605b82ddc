"""What the doctor measures in images: light at positions, the width of nuclei, and noise."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates

from organoid_kit.base import NetworkSettings
from organoid_kit.data import TimeLapse
from organoid_kit.evaluation.blobs import DIAMETER_UM, find_blobs_in_stack, make_blob_response
from organoid_kit.examples.patches import prepare_stack
from organoid_kit.report.channel_contrast import choose_time_points

_REACH_UM = 12.0  # profiles go so far from the middle of a nucleus
_STEP_UM = 0.25
_HEIGHT = 0.6  # where the width of a profile is taken: neighbours that touch stay out of it
_BACKGROUND = 0.1  # quantile of a stack
_MOST_BLOBS = 30
_ROUNDS = 3
_SOUGHT_UM = (4.0, 24.0)  # smaller blobs would be noise
_MAD = 1.4826  # from the median absolute deviation of normal noise to its standard deviation


def measure_light(
    movie: TimeLapse, time_point: int, channels: Sequence[int], positions: np.ndarray
) -> np.ndarray:
    """How much brighter than its surroundings each position, (n, 3) float, zyx, voxels, is on the
    scale of a nucleus: (n,) float. Nuclei reach 0.1 and more (`make_blob_response`); 0 outside.
    """
    stack = np.asarray(movie.stack(time_point, channels))
    response, step = make_blob_response(stack, movie.spacing_um)
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
        positions: (n, 3) float, zyx, voxels, in the middle of nuclei.

    Returns:
        (3,) float, zyx, µm; at most 24; NaN along an axis with a single plane, or where there is no
        bright middle.
    """
    offsets_um = np.arange(-_REACH_UM, _REACH_UM + _STEP_UM, _STEP_UM)
    dark, middle = np.quantile(stack, _BACKGROUND), len(offsets_um) // 2
    widths_um = np.full(3, np.nan)
    for axis in range(3):
        places = np.repeat(positions[:, :, None], len(offsets_um), axis=2)
        places[:, axis] += offsets_um / spacing_um[axis]
        places = places.transpose(1, 0, 2).reshape(3, -1)
        lines = map_coordinates(stack.astype(np.float32), places, order=1, mode="nearest")
        profile = np.median(lines.reshape(len(positions), -1), axis=0) - dark
        if stack.shape[axis] > 1 and profile[middle] > 0:
            low = profile < _HEIGHT * profile[middle]
            sides = [np.flatnonzero(side) for side in (low[middle::-1], low[middle:])]
            steps = [side[0] - 0.5 if len(side) else middle for side in sides]
            widths_um[axis] = sum(steps) * _STEP_UM
    return widths_um


def measure_noise(prepared: np.ndarray) -> float:
    """How much neighbouring voxels of the background of a prepared stack differ by chance, where 1
    is the step from background to bright nuclei.
    """
    steps = np.diff(prepared, axis=2) / np.sqrt(2)
    dark = prepared[..., 1:] <= np.median(prepared)
    return float(_MAD * np.median(np.abs(steps[dark])))


def measure_look(movie: TimeLapse, settings: NetworkSettings) -> tuple[float, float]:
    """How wide the brightest blobs look in the plane, in µm (NaN where there are none), and the
    noise, at up to three time points; needs no annotations.
    """
    times = choose_time_points(movie, None)
    widths_um = [
        _measure_blobs_um(movie.stack(time, settings.channels), movie.spacing_um) for time in times
    ]
    noise = [measure_noise(prepare_stack(movie, time, settings)) for time in times]
    return float(np.median(widths_um)), float(np.median(noise))


def _measure_blobs_um(stack: np.ndarray, spacing_um: Sequence[float]) -> float:
    """The width of the brightest blobs, sought again with what came out: their size is unknown."""
    diameter_um = DIAMETER_UM
    for _ in range(_ROUNDS):
        positions, _ = find_blobs_in_stack(stack, spacing_um, diameter_um)
        if len(positions) == 0:
            return np.nan
        width_um = measure_width_um(stack, positions[:_MOST_BLOBS], spacing_um)[1:].mean()
        if not np.isfinite(width_um):
            return np.nan
        diameter_um = float(np.clip(width_um, *_SOUGHT_UM))
    return width_um
