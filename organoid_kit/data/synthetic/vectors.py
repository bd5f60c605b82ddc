"""Geometry in three dimensions, rounded so that it comes out the same on every processor."""

import numpy as np


def dot(vectors: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Scalar products over the last axis, written out so that no library may reorder the sum."""
    return vectors[..., 0] * other[0] + vectors[..., 1] * other[1] + vectors[..., 2] * other[2]


def unit(vector: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) with length 1, rounded: differences between processors must not grow."""
    return np.round(vector / np.sqrt(np.sum(vector**2, axis=-1, keepdims=True)), 9)


def rotate(vector: np.ndarray, axis: np.ndarray, degrees: float) -> np.ndarray:
    """The vector turned about an axis (Rodrigues' formula)."""
    angle = np.deg2rad(degrees)
    turned = vector * np.cos(angle) + np.cross(axis, vector) * np.sin(angle)
    return turned + axis * dot(axis, vector) * (1 - np.cos(angle))


def distances(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors between all positions, (n, n, 3), and their lengths, (n, n), infinite to itself."""
    apart = positions[:, None] - positions[None]
    lengths = np.sqrt(np.sum(apart**2, axis=-1))
    np.fill_diagonal(lengths, np.inf)
    return apart, np.maximum(lengths, 1e-3)
