"""What the position network should answer: a small dot at each nucleus centre; and how dots become positions again."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label, maximum_filter
from scipy.spatial import cKDTree

_DOT_REACH = 3.0  # dots are drawn out to so many standard deviations
FOREGROUND = 0.1  # target value from which a voxel counts as part of a dot


def draw_dots(
    positions: np.ndarray, shape_zyx: tuple[int, int, int], spacing_um: tuple[float, float, float], sigma_um: float
) -> np.ndarray:
    """An image with a Gaussian dot of height 1 at each position; where dots meet, the higher one counts.

    Args:
        positions: (n, 3) float, zyx, voxels, also between voxels or a little outside.
        shape_zyx: of the image.
        spacing_um: µm per voxel, zyx.
        sigma_um: standard deviation of a dot.

    Returns:
        (z, y, x) float32, 0..1.
    """
    image = np.zeros(shape_zyx, np.float32)
    sigma = sigma_um / np.array(spacing_um)
    lowest = np.maximum(np.ceil(positions - _DOT_REACH * sigma), 0).astype(int)
    highest = np.minimum(np.floor(positions + _DOT_REACH * sigma) + 1, shape_zyx).astype(int)
    for position, low, high in zip(positions, lowest, highest, strict=True):
        if (low < high).all():
            z, y, x = (
                np.exp(-0.5 * ((np.arange(low[axis], high[axis]) - position[axis]) / sigma[axis]) ** 2)
                for axis in range(3)
            )
            place = image[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
            dot = (z[:, None, None] * y[:, None] * x).astype(np.float32)
            np.maximum(place, dot, out=place)
    return image


def weigh_voxels(targets: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Weights that give dots and background half of the loss each, however rare dots are.

    Args:
        targets: any shape, 0..1.
        counts: the same shape, True where a voxel counts, False outside what is annotated.

    Returns:
        float32, the same shape, sum over all voxels = number of voxels (0 where nothing counts).
    """
    dots = counts & (targets >= FOREGROUND)
    background = counts & ~dots
    parts = [part for part in (dots, background) if part.any()]
    weights = np.zeros(targets.shape, np.float32)
    for part in parts:
        weights[part] = targets.size / (len(parts) * np.count_nonzero(part))
    return weights


def find_peaks(
    heat: np.ndarray, spacing_um: tuple[float, float, float], min_distance_um: float, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Local maxima of a prediction, placed between voxels.

    Of two peaks closer than `min_distance_um` the higher one stays; a plateau is one peak, in its middle. The place
    between voxels is the top of a parabola through the logarithm of three neighbours on each axis, which is exact for
    a Gaussian dot. On an axis where the image ends at the peak it is the voxel's centre.

    Args:
        heat: (z, y, x) float, 0..1.
        spacing_um: µm per voxel, zyx.
        min_distance_um: smallest distance between two peaks.
        threshold: peaks must be higher.

    Returns:
        positions (n, 3) float, zyx, voxels, and heights (n,) float, highest first.
    """
    tops = (heat > threshold) & (heat == maximum_filter(heat, size=3))
    places = _find_middles(tops)
    heights = heat[tuple(places.T)].astype(float)
    order = np.argsort(-heights, kind="stable")
    places, heights = places[order], heights[order]
    positions = places + _offset_to_top(heat, places)
    kept = _apart(positions * spacing_um, min_distance_um)
    return positions[kept], heights[kept]


def _find_middles(tops: np.ndarray) -> np.ndarray:
    """Of each group of touching voxels the one nearest to the group's middle, (n, 3) int; most groups are one voxel."""
    places = np.argwhere(tops)
    group = label(tops, np.ones((3, 3, 3)))[0][tops] - 1
    sizes = np.bincount(group)
    middles = np.stack([np.bincount(group, places[:, axis]) / sizes for axis in range(3)], axis=1)
    order = np.argsort(((places - middles[group]) ** 2).sum(axis=1), kind="stable")
    return places[order[np.unique(group[order], return_index=True)[1]]]


def _offset_to_top(heat: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Where between voxels the top lies, (n, 3), within half a voxel; 0 on an axis where the image ends."""
    offsets = np.zeros(places.shape)
    for axis in range(3):
        inner = (places[:, axis] > 0) & (places[:, axis] < heat.shape[axis] - 1)
        step = np.eye(3, dtype=int)[axis]
        before, middle, after = (
            np.log(np.maximum(heat[tuple((places[inner] + move * step).T)], 1e-6)) for move in (-1, 0, 1)
        )
        curvature = before - 2 * middle + after
        flat = curvature > -1e-9
        shift = 0.5 * (before - after) / np.where(flat, 1, curvature)
        offsets[inner, axis] = np.where(flat, 0, np.clip(shift, -0.5, 0.5))
    return offsets


def _apart(points_um: np.ndarray, min_distance_um: float) -> np.ndarray:
    """Rows to keep so that no two are closer than a distance; earlier rows win."""
    if len(points_um) == 0:
        return np.zeros(0, int)
    neighbours = cKDTree(points_um).query_ball_point(points_um, min_distance_um)
    kept = np.ones(len(points_um), bool)
    for row, close in enumerate(neighbours):
        if kept[row]:
            kept[[other for other in close if other > row]] = False
    return np.flatnonzero(kept)
