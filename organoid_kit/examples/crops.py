"""Crops around nuclei: what the division network and the link network see of a movie.

A crop has one nucleus in its middle, and the time points of a window as channels.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from organoid_kit.examples.augmentation import Augmentation, cut_patch


def cut_crop(
    augmentation: Augmentation,
    stacks: Sequence[np.ndarray],
    centres: np.ndarray,
    shape_zyx: Sequence[int],
    turns_degrees: np.ndarray | None = None,
) -> np.ndarray:
    """Cuts a crop, turned and scaled, around the centre given for each stack of a time window.

    Args:
        augmentation: the variation, the same for all stacks.
        stacks: one (z, y, x) float32 array for each time point of the window.
        centres: (time, 3) float, zyx, voxels: what becomes the middle of the crop, rounded to whole
            planes; or (3,) where it is the same for all.
        shape_zyx: of the crop.
        turns_degrees: (time,) float, by how much each stack is turned on top of that.

    Returns:
        (z, y, x, time) float32.
    """
    half = (shape_zyx[0] - 1) / 2
    centres = np.array(np.broadcast_to(centres, (len(stacks), 3)), float)
    centres[:, 0] = np.round(centres[:, 0] - half) + half
    if turns_degrees is None and (centres == centres[0]).all():
        return cut_patch(augmentation, stacks, centres[0], shape_zyx)
    turns = np.zeros(len(stacks)) if turns_degrees is None else turns_degrees
    crops = [
        cut_patch(turn(augmentation, degrees), [stack], centre, shape_zyx)
        for degrees, stack, centre in zip(turns, stacks, centres, strict=True)
    ]
    return np.concatenate(crops, axis=3)


def turn(augmentation: Augmentation, degrees: float) -> Augmentation:
    """The same variation, and afterwards a turn in the plane."""
    angle = np.deg2rad(degrees)
    rotation = np.eye(3)
    rotation[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return dataclasses.replace(augmentation, matrix=rotation @ augmentation.matrix)


def count_neighbours(
    points_um: np.ndarray, time_points: np.ndarray, radius_um: float = 12.0
) -> np.ndarray:
    """How many others lie within a distance at the same time point, (n,) int.

    Args:
        points_um: (n, 3) float, zyx, µm.
        time_points: (n,) int.
        radius_um: the distance.
    """
    # Time is a fourth axis, on which time points are too far apart to be neighbours.
    apart = np.column_stack([points_um, time_points * 10 * (radius_um + 1)])
    return cKDTree(apart).query_ball_point(apart, radius_um, return_length=True) - 1
