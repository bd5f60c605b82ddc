"""Peaks of an image or a prediction, as positions between voxels."""

from __future__ import annotations

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

    Args:
        heat: (z, y, x) float, 0..1.
        spacing_um: µm per voxel, zyx.
        min_distance_um: smallest distance between two peaks.
        threshold: peaks must be higher.

    Returns:
        positions (n, 3) float, zyx, voxels, and heights (n,) float, highest first.
    """
    tops = (heat > threshold) & (heat == maximum_filter(heat, size=3))
    places = _choose_middles(tops)
    heights = heat[tuple(places.T)].astype(float)
    order = np.argsort(-heights, kind="stable")
    places, heights = places[order], heights[order]
    positions = places + _refine_peaks(heat, places)
    kept = _suppress_close(positions * spacing_um, min_distance_um)
    return positions[kept], heights[kept]


def _choose_middles(tops: np.ndarray) -> np.ndarray:
    """Of each group of touching voxels the one nearest to the group's middle, (n, 3) int; most
    groups are one voxel.
    """
    places = np.argwhere(tops)
    group = label(tops, np.ones((3, 3, 3)))[0][tops] - 1
    sizes = np.bincount(group)
    middles = np.stack([np.bincount(group, places[:, axis]) / sizes for axis in range(3)], axis=1)
    order = np.argsort(((places - middles[group]) ** 2).sum(axis=1), kind="stable")
    return places[order[np.unique(group[order], return_index=True)[1]]]


def _refine_peaks(heat: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Where between voxels the top lies, (n, 3), within half a voxel; 0 on an axis where the image
    ends.
    """
    offsets = np.zeros(places.shape)
    for axis in range(3):
        inner = (places[:, axis] > 0) & (places[:, axis] < heat.shape[axis] - 1)
        step = np.eye(3, dtype=int)[axis]
        before, middle, after = (
            np.log(np.maximum(heat[tuple((places[inner] + move * step).T)], 1e-6))
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
    neighbours = cKDTree(points_um).query_ball_point(points_um, min_distance_um)
    kept = np.ones(len(points_um), bool)
    for row, close in enumerate(neighbours):
        if kept[row]:
            kept[[other for other in close if other > row]] = False
    return np.flatnonzero(kept)
