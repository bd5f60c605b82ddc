"""Varying training examples: drawn once, then applied to image and positions by the same matrix.

The geometry of an `Augmentation` is one 3 × 3 matrix that `apply_to_positions`, `cut_patch` and
`cut_crop` share; its intensities are a handful of numbers that `vary_intensities` applies. Rotation
and scale act in the plane: a microscope's z axis is sampled too coarsely to be turned.

Stacks are (z, y, x) and patches (z, y, x, time). Only in memory are a patch's time points and
planes last: `cut_patch` makes each pixel, for all of them at once, by one row of a sparse matrix of
bilinear weights, several times quicker than plane by plane, see ``benchmarks/pipeline.py``.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from organoid_kit.base import AugmentationSettings

Stacks = Sequence[np.ndarray]  # one (z, y, x) float32 for each time point of a window


@dataclass(frozen=True)
class Augmentation:
    """One drawn variation: offsets from a patch's centre in the movie become `matrix` @ offset in
    the patch, zyx; intensities v ``(gain · (v + bias_share · (v − mean))) ** gamma``.
    """

    matrix: np.ndarray  # (3, 3) float, zyx
    gain: float = 1.0
    bias_share: float = 0.0
    gamma: float = 1.0
    dimming: float = 0.0  # part of the light that is lost at the deepest plane
    noise: float = 0.0  # standard deviation of added Gaussian noise
    blur_px: float = 0.0  # standard deviation of a Gaussian blur in the plane; 0 is none
    noise_seed: int = 0  # which noise

    def turned(self, degrees: float) -> "Augmentation":
        """The same variation, and afterwards a turn in the plane."""
        return dataclasses.replace(self, matrix=_make_rotation(degrees) @ self.matrix)


def _make_rotation(degrees: float) -> np.ndarray:
    """Of offsets, in the plane: (3, 3) float, zyx."""
    angle = np.deg2rad(degrees)
    matrix = np.eye(3)
    matrix[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def no_augmentation() -> Augmentation:
    """Leaves everything as it is."""
    return Augmentation(np.eye(3))


def draw_augmentation(settings: AugmentationSettings, rng: np.random.Generator) -> Augmentation:
    """Draws one variation. Operations that are switched off do not change what the others draw."""
    flips = rng.integers(0, 2, size=2) * settings.flip
    matrix = _make_rotation((settings.rotation_degrees or 0.0) * rng.uniform(-1, 1))
    scale = _between(settings.scale, rng)
    matrix[1:, 1:] = scale * matrix[1:, 1:] @ np.diag(1.0 - 2.0 * flips)
    return Augmentation(
        matrix=matrix,
        gain=_between(settings.brightness, rng),
        bias_share=_between(settings.contrast, rng) - 1.0,
        gamma=_between(settings.gamma, rng),
        dimming=(settings.depth_dimming or 0.0) * rng.uniform(),
        noise=(settings.noise or 0.0) * rng.uniform(),
        # below 0 in half of the patches, which stay sharp
        blur_px=max(0.0, (settings.blur_px or 0.0) * rng.uniform(-1, 1)),
        noise_seed=int(rng.integers(2**31)),
    )


def _between(limits: tuple[float, float] | None, rng: np.random.Generator) -> float:
    """A number within the limits, 1 where there are none; one draw either way."""
    share = rng.uniform()
    return 1.0 if limits is None else limits[0] + share * (limits[1] - limits[0])


def apply_to_positions(
    augmentation: Augmentation, positions: np.ndarray, centre: np.ndarray, shape_zyx: Sequence[int]
) -> np.ndarray:
    """Where positions, (n, 3) float, zyx, voxels of the movie, come to lie in a patch, in its
    voxels; some outside. `centre`, (3,) likewise, becomes the middle of the patch.
    """
    return (positions - centre) @ augmentation.matrix.T + (np.array(shape_zyx) - 1) / 2


def trace_voxels(
    augmentation: Augmentation, centre: np.ndarray, shape_zyx: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where patch voxels come from: z (depth, 1, 1), y, x (height, width), float, movie voxels."""
    inverse = np.linalg.inv(augmentation.matrix[1:, 1:])
    z, y, x = (np.arange(size) - (size - 1) / 2 for size in shape_zyx)
    rows = centre[1] + inverse[0, 0] * y[:, None] + inverse[0, 1] * x
    columns = centre[2] + inverse[1, 0] * y[:, None] + inverse[1, 1] * x
    return (centre[0] + z)[:, None, None], rows, columns


def cut_patch(
    augmentation: Augmentation, stacks: Stacks, centre: np.ndarray, shape_zyx: Sequence[int]
) -> np.ndarray:
    """Cuts a patch (z, y, x, time) float32 out of the stacks of a time window; 0 outside of them.

    `centre` is (3,) float, zyx, voxels; z must be such that planes are not mixed: integer for an
    odd number of planes, half-integer for an even one.
    """
    depth, height, width = shape_zyx
    _, rows, columns = trace_voxels(augmentation, centre, shape_zyx)
    first = round(centre[0] - (depth - 1) / 2)
    if (augmentation.matrix == np.eye(3)).all():  # four shifted copies, several times as quick
        top, left = math.floor(rows[0, 0]), math.floor(columns[0, 0])
        source = _gather(stacks, (first, top, left), (depth, height + 1, width + 1))
        down, right = np.float32(rows[0, 0] - top), np.float32(columns[0, 0] - left)
        up, back = 1 - down, 1 - right
        patch = up * back * source[:-1, :-1] + up * right * source[:-1, 1:]
        patch += down * back * source[1:, :-1]
        patch += down * right * source[1:, 1:]
        return patch.transpose(3, 0, 1, 2)
    top, bottom = _find_ends(rows, stacks[0].shape[1])
    left, right = _find_ends(columns, stacks[0].shape[2])
    source = _gather(stacks, (first, top, left), (depth, bottom - top, right - left))
    weights = _compute_weights(rows.ravel() - top, columns.ravel() - left, source.shape[:2])
    patch = weights @ source.reshape(weights.shape[1], -1)
    return patch.reshape(height, width, len(stacks), depth).transpose(3, 0, 1, 2)


def _gather(stacks: Stacks, corner: Sequence[int], shape_zyx: Sequence[int]) -> np.ndarray:
    """A box of the stacks, (y, x, time, z) float32, 0 outside of them. The only place where axes
    are turned: from (z, y, x), and back in `cut_patch`.
    """
    depth, height, width = shape_zyx
    box = np.zeros((height, width, len(stacks), depth), np.float32)
    there = [slice(max(low, 0), max(low + n, 0)) for low, n in zip(corner, shape_zyx)]
    for time, stack in enumerate(stacks):
        part = stack[tuple(there)]
        z, y, x = (
            slice(s.start - low, s.start - low + n) for s, low, n in zip(there, corner, part.shape)
        )
        box[y, x, time, z] = part.transpose(1, 2, 0)
    return box


def _find_ends(coordinates: np.ndarray, size: int) -> tuple[int, int]:
    """Between which pixels of an axis these coordinates lie; at least one pixel."""
    low = min(max(int(np.floor(coordinates.min())), 0), size - 1)
    return low, min(max(int(np.floor(coordinates.max())) + 2, low + 1), size)


def _compute_weights(rows: np.ndarray, columns: np.ndarray, shape_yx: tuple[int, int]) -> csr_array:
    """Sparse matrix (patch pixels, source pixels): each pixel is a mixture of four, or none."""
    top, left = np.floor(rows).astype(np.int32), np.floor(columns).astype(np.int32)
    down, right = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    up, back = 1 - down, 1 - right
    y = np.stack([top, top, top + 1, top + 1], axis=1)
    x = np.stack([left, left + 1, left, left + 1], axis=1)
    weights = np.stack([up * back, up * right, down * back, down * right], axis=1)
    outside = (y < 0) | (y >= shape_yx[0]) | (x < 0) | (x >= shape_yx[1])
    weights[outside] = 0
    pixels = np.where(outside, 0, y * shape_yx[1] + x)
    starts = np.arange(0, 4 * len(rows) + 1, 4, dtype=np.int32)
    shape = len(rows), shape_yx[0] * shape_yx[1]
    return csr_array((weights.ravel(), pixels.ravel(), starts), shape=shape)


def cut_crop(
    augmentation: Augmentation,
    stacks: Stacks,
    centres: np.ndarray,
    shape_zyx: Sequence[int],
    turns_degrees: np.ndarray | None = None,
) -> np.ndarray:
    """Cuts a crop (z, y, x, time) float32 around a nucleus, with a centre of its own in each stack:
    (time, 3) float, zyx, voxels, or (3,), rounded to whole planes; `turns_degrees`, (time,) float,
    turn each stack on top of `augmentation`.
    """
    half = (shape_zyx[0] - 1) / 2
    centres = np.array(np.broadcast_to(centres, (len(stacks), 3)), float)
    centres[:, 0] = np.round(centres[:, 0] - half) + half
    if turns_degrees is None and (centres == centres[0]).all():
        return cut_patch(augmentation, stacks, centres[0], shape_zyx)
    turns = np.zeros(len(stacks)) if turns_degrees is None else turns_degrees
    crops = [
        cut_patch(augmentation.turned(degrees), [stack], centre, shape_zyx)
        for degrees, stack, centre in zip(turns, stacks, centres, strict=True)
    ]
    return np.concatenate(crops, axis=3)


def vary_intensities(augmentation: Augmentation, patch: np.ndarray) -> np.ndarray:
    """Blur, dimming with depth, brightness, contrast, gamma and noise: in this order, as light
    meets a camera. Changes the patch, (z, y, x, time) float32, normalised, in place.
    """
    in_memory = patch.transpose(1, 2, 3, 0)  # as `cut_patch` made it: noise fills it in this order
    if augmentation.blur_px > 0:
        _blur(patch, augmentation.blur_px)
    if augmentation.dimming > 0:
        in_memory *= np.linspace(1, 1 - augmentation.dimming, len(patch), dtype=np.float32)
    if augmentation.gain != 1 or augmentation.bias_share != 0:
        mean = float(np.ascontiguousarray(in_memory).mean())
        patch *= np.float32(augmentation.gain * (1 + augmentation.bias_share))
        patch -= np.float32(augmentation.gain * augmentation.bias_share * mean)
    if augmentation.gamma != 1:
        # The power of what is above 0: by logarithm, four times as quick as NumPy's power.
        np.log(np.maximum(patch, np.float32(1e-6), out=patch), out=patch)
        np.exp(np.multiply(patch, np.float32(augmentation.gamma), out=patch), out=patch)
    if augmentation.noise > 0:
        noise = _draw_noise(patch.size, augmentation.noise_seed)
        in_memory += np.float32(augmentation.noise) * noise.reshape(in_memory.shape)
    return patch


def _blur(patch: np.ndarray, sigma_px: float) -> None:
    """In the plane, in place; full matrices would start threads that slow the training step."""
    for axis in (1, 2):
        lines = np.moveaxis(patch, axis, 0)
        distance = np.abs(np.arange(len(lines))[:, None] - np.arange(len(lines)))
        kernel = np.where(distance <= 4 * sigma_px, np.exp(-0.5 * (distance / sigma_px) ** 2), 0)
        matrix = csr_array((kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32))
        lines[...] = (matrix @ lines.reshape(len(lines), -1)).reshape(lines.shape)


@lru_cache(maxsize=1)
def _make_noise_bank() -> np.ndarray:
    """Drawing noise anew for each patch took longer than all other steps together."""
    return np.random.default_rng(0).standard_normal(2**22, dtype=np.float32)


def _draw_noise(count: int, seed: int) -> np.ndarray:
    """Noise of standard deviation 1: a piece of the bank that the seed picks."""
    bank = _make_noise_bank()
    if count >= len(bank):
        return np.random.default_rng(seed).standard_normal(count, dtype=np.float32)
    start = seed % (len(bank) - count)
    return bank[start : start + count]
