"""How wide annotated nuclei are: what is far, or beside a nucleus, follows it."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates

from organoid_kit.base import UserError
from organoid_kit.data import Annotations, TimeLapse, timelapse

_REACH_UM = 40.0  # profiles go so far from the middle of a nucleus
_STEP_UM = 0.25
_HEIGHT = 0.6  # where the width of a profile is taken: neighbours that touch stay out of it
_BACKGROUND = 0.1  # quantile of a stack
_LEAST_POSITIONS = 5  # fewer say nothing about all of them
_OTHER_WIDTH = 1.4  # nuclei this much wider or narrower than usual are checked at their own size


def measure_diameter_um(
    annotations: Annotations, movie: TimeLapse, channels: Sequence[int], time_point: int
) -> float:
    """The diameter of nuclei that the movie states, or the usual one; unless none is stated and those
    annotated at a time point are clearly wider or narrower in the plane.
    """
    known_um = movie.relative_size * timelapse.USUAL_DIAMETER_UM
    positions = annotations.positions_at(time_point)
    positions = positions[np.isfinite(positions).all(axis=1)]
    if movie.nucleus_diameter_um is not None or len(positions) < _LEAST_POSITIONS:
        return known_um
    try:
        stack = np.nan_to_num(movie.stack(time_point, channels).astype(np.float32))
    except (UserError, OSError, ValueError):  # a problem that is reported by itself
        return known_um
    width_um = float(np.mean(measure_width_um(stack, positions, movie.spacing_um)[1:]))
    return width_um if not 1 / _OTHER_WIDTH <= width_um / known_um <= _OTHER_WIDTH else known_um


def measure_width_um(
    stack: np.ndarray, positions: np.ndarray, spacing_um: Sequence[float]
) -> np.ndarray:
    """How wide an ordinary nucleus is along z, y and x, of (n, 3) float positions, zyx, voxels:
    (3,) float, zyx, µm; at most 80; NaN along an axis with one plane, or without a bright middle.

    Lines of intensity through all positions are put together, median by median; the width is taken
    at 0.6 of the height in the middle. It grows with the spacing stated: a wrong one shows.
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
