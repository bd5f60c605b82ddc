"""Varying training examples: drawn once, then applied to image and positions by the same matrix.

An `Augmentation` is one draw of the dice. Its geometry is one 3 × 3 matrix that
`apply_to_positions` and `cut_patch` share; its intensities are a handful of numbers that
`vary_intensities` applies. Rotation and scale act in the plane, as a microscope's z axis is sampled
too coarsely to be turned.

The image is cut out by a sparse matrix of bilinear weights: one row for each pixel of the patch,
the same row for all planes and time points. On a processor this is several times quicker than
resampling plane by plane, see ``benchmarks/pipeline.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from organoid_kit.base.settings import AugmentationSettings


@dataclass(frozen=True)
class Augmentation:
    """One drawn variation.

    Attributes:
        matrix: (3, 3) float, zyx: turns offsets from the patch's centre in the movie into offsets
        in the patch. gain, bias_share, gamma: intensities v become ``(gain · (v + bias_share · (v −
        mean))) ** gamma``.
        dimming: part of the light that is lost at the deepest plane.
        noise: standard deviation of added Gaussian noise.
        blur_px: standard deviation of a Gaussian blur in the plane; 0 is none.
        noise_seed: which noise.
    """

    matrix: np.ndarray
    gain: float = 1.0
    bias_share: float = 0.0
    gamma: float = 1.0
    dimming: float = 0.0
    noise: float = 0.0
    blur_px: float = 0.0
    noise_seed: int = 0


def no_augmentation() -> Augmentation:
    """Leaves everything as it is."""
    return Augmentation(np.eye(3))


def draw_augmentation(settings: AugmentationSettings, rng: np.random.Generator) -> Augmentation:
    """Draws one variation. Operations that are switched off do not change what the others draw."""
    flips = rng.integers(0, 2, size=2) * settings.flip
    angle = np.deg2rad((settings.rotation_degrees or 0.0) * rng.uniform(-1, 1))
    scale = _between(settings.scale, rng)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[1:, 1:] = scale * rotation @ np.diag(1.0 - 2.0 * flips)
    return Augmentation(
        matrix=matrix,
        gain=_between(settings.brightness, rng),
        bias_share=_between(settings.contrast, rng) - 1.0,
        gamma=_between(settings.gamma, rng),
        dimming=(settings.depth_dimming or 0.0) * rng.uniform(),
        noise=(settings.noise or 0.0) * rng.uniform(),
        blur_px=max(
            0.0, (settings.blur_px or 0.0) * rng.uniform(-1, 1)
        ),  # half of the patches stay sharp
        noise_seed=int(rng.integers(2**31)),
    )


def _between(limits: tuple[float, float] | None, rng: np.random.Generator) -> float:
    """A number within the limits, 1 where there are none; one draw either way."""
    share = rng.uniform()
    return 1.0 if limits is None else limits[0] + share * (limits[1] - limits[0])


def apply_to_positions(
    augmentation: Augmentation,
    positions: np.ndarray,
    centre: np.ndarray,
    patch_shape_zyx: Sequence[int],
) -> np.ndarray:
    """Where positions of the movie come to lie in the patch.

    Args:
        augmentation: the variation.
        positions: (n, 3) float, zyx, voxels of the movie.
        centre: (3,) float, zyx, voxels of the movie: what becomes the middle of the patch.
        patch_shape_zyx: of the patch.

    Returns:
        (n, 3) float, zyx, voxels of the patch; some may lie outside it.
    """
    return (positions - centre) @ augmentation.matrix.T + _middle(patch_shape_zyx)


def _middle(shape: Sequence[int]) -> np.ndarray:
    return (np.array(shape) - 1) / 2


def cut_patch(
    augmentation: Augmentation,
    stacks: Sequence[np.ndarray],
    centre: np.ndarray,
    patch_shape_zyx: Sequence[int],
) -> np.ndarray:
    """Cuts a patch out of the stacks of a time window, turned and scaled. What lies outside the
    stacks is 0.

    Args:
        augmentation: the variation.
        stacks: one (y, x, z) float32 array for each time point of the window.
        centre: (3,) float, zyx, voxels; z must be such that planes are not mixed: integer for an
            odd number of planes, half-integer for an even one.
        patch_shape_zyx: of the patch.

    Returns:
        (y, x, time, z) float32.
    """
    depth, height, width = patch_shape_zyx
    rows, columns = _source_coordinates(augmentation, centre, (height, width))
    window, (top, left) = _bounding_window(rows, columns, stacks[0].shape[:2])
    first_plane = round(centre[0] - (depth - 1) / 2)
    source = _gather(stacks, window, first_plane, depth)
    weights = _bilinear_weights(rows - top, columns - left, source.shape[:2])
    patch = weights @ source.reshape(source.shape[0] * source.shape[1], -1)
    return patch.reshape(height, width, len(stacks), depth)


def _source_coordinates(
    augmentation: Augmentation, centre: np.ndarray, shape_yx: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Row and column in the movie of each pixel of the patch, two (height · width,) float32 arrays."""
    inverse = np.linalg.inv(augmentation.matrix[1:, 1:])
    y, x = (np.arange(size) - (size - 1) / 2 for size in shape_yx)
    rows = centre[1] + inverse[0, 0] * y[:, None] + inverse[0, 1] * x
    columns = centre[2] + inverse[1, 0] * y[:, None] + inverse[1, 1] * x
    return rows.reshape(-1), columns.reshape(-1)


def _bounding_window(
    rows: np.ndarray, columns: np.ndarray, shape_yx: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """The part of the movie's plane that holds these coordinates, and its corner; at least one
    pixel.
    """
    corners, parts = [], []
    for coordinates, size in ((rows, shape_yx[0]), (columns, shape_yx[1])):
        low = min(max(int(np.floor(coordinates.min())), 0), size - 1)
        high = min(max(int(np.floor(coordinates.max())) + 2, low + 1), size)
        corners.append(low)
        parts.append(slice(low, high))
    return tuple(parts), tuple(corners)


def _gather(
    stacks: Sequence[np.ndarray], window: tuple[slice, slice], first_plane: int, depth: int
) -> np.ndarray:
    """A part of all stacks beside each other, (y, x, time, z) float32; planes that do not exist are
    0.
    """
    height, width = (part.stop - part.start for part in window)
    planes = stacks[0].shape[2]
    low, high = max(first_plane, 0), min(first_plane + depth, planes)
    complete = high - low == depth
    source = (np.empty if complete else np.zeros)((height, width, len(stacks), depth), np.float32)
    if low < high:
        for number, stack in enumerate(stacks):
            source[:, :, number, low - first_plane : high - first_plane] = stack[window][
                :, :, low:high
            ]
    return source


def _bilinear_weights(
    rows: np.ndarray, columns: np.ndarray, shape_yx: tuple[int, int]
) -> csr_array:
    """Sparse matrix (patch pixels, source pixels): each pixel as a mixture of four; those outside
    are left out.
    """
    top, left = np.floor(rows).astype(np.int32), np.floor(columns).astype(np.int32)
    down, right = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    y = np.stack([top, top, top + 1, top + 1], axis=1)
    x = np.stack([left, left + 1, left, left + 1], axis=1)
    weights = np.stack(
        [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right], axis=1
    )
    outside = (y < 0) | (y >= shape_yx[0]) | (x < 0) | (x >= shape_yx[1])
    weights[outside] = 0
    places = np.where(outside, 0, y * shape_yx[1] + x)
    starts = np.arange(0, 4 * len(rows) + 1, 4, dtype=np.int32)
    return csr_array(
        (weights.ravel(), places.ravel(), starts), shape=(len(rows), shape_yx[0] * shape_yx[1])
    )


def vary_intensities(augmentation: Augmentation, patch: np.ndarray) -> np.ndarray:
    """Blur, dimming with depth, brightness, contrast, gamma and noise, in this order: as light
    meets a camera.

    Args:
        augmentation: the variation.
        patch: (y, x, time, z) float32, normalised.

    Returns:
        The varied patch; the argument may be changed in place.
    """
    if augmentation.blur_px > 0:
        patch = _blur(patch, augmentation.blur_px)
    if augmentation.dimming > 0:
        patch *= np.linspace(1, 1 - augmentation.dimming, patch.shape[3], dtype=np.float32)
    if augmentation.gain != 1 or augmentation.bias_share != 0:
        mean = float(patch.mean())
        patch *= np.float32(augmentation.gain * (1 + augmentation.bias_share))
        patch -= np.float32(augmentation.gain * augmentation.bias_share * mean)
    if augmentation.gamma != 1:
        _apply_gamma(patch, augmentation.gamma)
    if augmentation.noise > 0:
        patch += np.float32(augmentation.noise) * _noise(
            patch.size, augmentation.noise_seed
        ).reshape(patch.shape)
    return patch


def _apply_gamma(patch: np.ndarray, gamma: float) -> None:
    """Raises to a power, in place, what is below 0 as 0: by logarithm, four times as quick as
    NumPy's power.
    """
    np.maximum(patch, np.float32(1e-6), out=patch)
    np.log(patch, out=patch)
    np.multiply(patch, np.float32(gamma), out=patch)
    np.exp(patch, out=patch)


def _blur(patch: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur in the plane.

    By sparse matrices: a product of full ones starts threads that take the processor away from the
    training step.
    """
    height, width = patch.shape[:2]
    blurred = _blur_matrix(height, sigma_px) @ patch.reshape(height, -1)
    matrix = _blur_matrix(width, sigma_px)
    return np.stack([matrix @ row for row in blurred.reshape(height, width, -1)]).reshape(
        patch.shape
    )


def _blur_matrix(size: int, sigma_px: float) -> csr_array:
    """(size, size) float32; each row is a Gaussian of sum 1, out to four standard deviations."""
    distance = np.abs(np.arange(size)[:, None] - np.arange(size))
    matrix = np.where(distance <= 4 * sigma_px, np.exp(-0.5 * (distance / sigma_px) ** 2), 0)
    return csr_array((matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32))


@lru_cache(maxsize=1)
def _noise_bank() -> np.ndarray:
    """Gaussian noise made once: drawing it anew for each patch took longer than all other steps
    together.
    """
    return np.random.default_rng(0).standard_normal(2**22, dtype=np.float32)


def _noise(count: int, seed: int) -> np.ndarray:
    """Noise of standard deviation 1 from a place in the bank that the seed picks."""
    bank = _noise_bank()
    if count >= len(bank):
        return np.random.default_rng(seed).standard_normal(count, dtype=np.float32)
    start = seed % (len(bank) - count)
    return bank[start : start + count]
