"""How wide annotated nuclei are: what is far, or beside a nucleus, follows it."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates

_REACH_UM, _STEP_UM = 40.0, 0.25  # profiles go so far from the middle of a nucleus, in such steps
_HEIGHT = 0.6  # where the width of a profile is taken: neighbours that touch stay out of it
_BACKGROUND = 0.1  # quantile of a stack


def measure_width_um(
    stack: np.ndarray, positions: np.ndarray, spacing_um: Sequence[float]
) -> np.ndarray:
    """How wide an ordinary nucleus is along z, y and x, of (n, 3) float positions, zyx, voxels:
    (3,) float, zyx, µm; at most 80; NaN along an axis with one plane, or without a bright middle.

    Lines of intensity through all positions are put together, median by median; the width is taken
    at 0.6 of the height in the middle: 0.85 of the diameter of real nuclei in cultures.
    """
    offsets_um = np.arange(-_REACH_UM, _REACH_UM + _STEP_UM, _STEP_UM)
    dark, middle = np.quantile(stack, _BACKGROUND), len(offsets_um) // 2
    image, widths_um = stack.astype(np.float32), np.full(3, np.nan)
    for axis in range(3):
        places = np.repeat(positions[:, :, None], len(offsets_um), axis=2)
        places[:, axis] += offsets_um / spacing_um[axis]
        lines = map_coordinates(image, places.transpose(1, 0, 2), order=1, mode="nearest")
        profile = np.median(lines, axis=0) - dark
        if stack.shape[axis] > 1 and profile[middle] > 0:
            low = profile < _HEIGHT * profile[middle]
            sides = [np.flatnonzero(side) for side in (low[middle::-1], low[middle:])]
            steps = [side[0] - 0.5 if len(side) else middle for side in sides]
            widths_um[axis] = sum(steps) * _STEP_UM
    return widths_um
