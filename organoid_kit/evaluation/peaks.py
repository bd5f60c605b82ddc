"""Peaks of an image or a prediction, as positions between voxels."""

import numpy as np
from scipy.ndimage import label, maximum_filter
from scipy.spatial import cKDTree


def find_peaks(
    heat: np.ndarray,
    spacing_um: tuple[float, float, float],
    min_distance_um: float,
    threshold: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Local maxima of a prediction, placed between voxels.

    Of two peaks closer than `min_distance_um` the higher one stays; a plateau is one peak, in its
    middle. The place between voxels is the top of a parabola through the logarithm of three
    neighbours on each axis, which is exact for a Gaussian dot. On an axis where the image ends at
    the peak it is the voxel's centre.

    Of heat (z, y, x) float, 0..1, the peaks above the threshold: positions (n, 3) float, zyx,
    voxels, and heights (n,) float, highest first.
    """
    tops = (heat > threshold) & (heat == maximum_filter(heat, size=3))
    voxels = _choose_middles(tops)
    heights = heat[tuple(voxels.T)].astype(float)
    order = np.argsort(-heights, kind="stable")
    voxels, heights = voxels[order], heights[order]
    positions = voxels + _find_tops(heat, voxels)
    kept = _suppress_close(positions * spacing_um, min_distance_um)
    return positions[kept], heights[kept]


def _choose_middles(tops: np.ndarray) -> np.ndarray:
    """Of each group of touching voxels the one nearest to its middle, (n, 3) int."""
    voxels = np.argwhere(tops)
    group = label(tops, np.ones((3, 3, 3)))[0][tops] - 1
    sizes = np.bincount(group)
    middles = np.stack([np.bincount(group, axis) / sizes for axis in voxels.T], axis=1)
    order = np.argsort(((voxels - middles[group]) ** 2).sum(axis=1), kind="stable")
    return voxels[order[np.unique(group[order], return_index=True)[1]]]


def _find_tops(heat: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Offset of the top from each voxel's centre, (n, 3) float, zyx, at most half a voxel."""
    offsets = np.zeros(voxels.shape)
    for axis, step in enumerate(np.eye(3, dtype=int)):
        inner = (voxels[:, axis] > 0) & (voxels[:, axis] < heat.shape[axis] - 1)
        before, middle, after = (
            np.log(np.maximum(heat[tuple((voxels[inner] + move * step).T)], 1e-6))
            for move in (-1, 0, 1)
        )
        curvature = before - 2 * middle + after
        flat = curvature > -1e-9
        shift = 0.5 * (before - after) / np.where(flat, 1, curvature)
        offsets[inner, axis] = np.where(flat, 0, np.clip(shift, -0.5, 0.5))
    return offsets


def _suppress_close(points_um: np.ndarray, min_distance_um: float) -> np.ndarray:
    """Rows to keep so that no two are closer than a distance; earlier rows win."""
    if len(points_um) == 0:
        return np.zeros(0, int)
    kept = np.ones(len(points_um), bool)
    for row, close in enumerate(cKDTree(points_um).query_ball_point(points_um, min_distance_um)):
        if kept[row]:
            kept[[other for other in close if other > row]] = False
    return np.flatnonzero(kept)
