"""Intensities brought to one scale: background becomes 0, bright nuclei about 1.

Quantiles alone take the field of view for granted: where nuclei fill less than 0.2 % of a stack,
its brightest 0.2 % are noise. So voxels that hold nothing and hot voxels are mended first, and what
is too bright for noise over several voxels counts as nuclei, however little it is.
"""

import math
from collections.abc import Iterable

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

_COUNTED = 500_000  # quantiles are estimated on about so many evenly spaced voxels
_LAG = 4  # voxels along x, over which even blurred noise is independent
_BLUR_ZYX = (0.5, 1.0, 1.0)  # voxels: noise falls to a fifth, nuclei hardly change
_SIX_SIGMA = 7.28  # from the lowest tenth of noise to six standard deviations above its mean
_FEWEST_BRIGHT = 20  # voxels: fewer are no nucleus
_GRAINY = 0.08  # of the range: a blurred stack that changes so much between two voxels is noise
_NOISY = 0.04  # of the range: a stack with so much noise is shown blurred, with more several times
_MOST_PASSES = 4

_NORMAL = (0.02, 0.25, 0.5, 0.75, 0.95, 0.9995)  # quantiles that tell a normal distribution

Quantiles = tuple[float, ...]


def find_missing(stack: np.ndarray) -> np.ndarray:
    """Voxels that hold nothing, bool: those of exactly the lowest intensity, as drift correction,
    rotation or fusion leave them around the image. None where they are most of what lies between
    the others: then they are background, denoised.
    """
    missing = stack == stack.min()
    known = ~missing
    if not known.any():
        return missing
    lines = (known.any(axis=(1, 2)), known.any(axis=(0, 2)), known.any(axis=(0, 1)))
    places = map(np.flatnonzero, lines)
    inner = missing[tuple(slice(along[0], along[-1] + 1) for along in places)]
    two_values = stack.min(where=known, initial=np.inf) == stack.max()
    return np.zeros_like(missing) if two_values or inner.mean() >= 0.5 else missing


def mend_voxels(stack: np.ndarray, missing: np.ndarray, quantiles: Quantiles) -> np.ndarray:
    """Missing voxels, (z, y, x) bool, of a finite stack, float32, become background, which is the
    lower quantile of all others; a hot voxel, more than twice as bright as the brightest of the six
    beside it, becomes as bright as that.
    """
    if missing.all():
        return stack
    dark = np.float32(_compute_quantiles(stack, ~missing, quantiles)[0])
    filled = np.where(missing, dark, stack)
    least = np.float32(6 * _measure_noise(filled, ~missing))
    planes = list(filled)  # those behind as they are mended, in place: stacks are large
    below = np.full_like(planes[0], -np.inf)
    for plane, above in zip(planes, [*planes[1:], below]):
        beside, unmended = np.maximum(below, above), plane.copy()
        for bright, own in ((beside, plane), (beside.T, plane.T)):
            np.maximum(bright[1:], own[:-1], out=bright[1:])
            np.maximum(bright[:-1], own[1:], out=bright[:-1])
        limit = np.maximum(beside - dark, 0) + least + beside
        np.copyto(plane, beside, where=plane > limit)
        below = unmended
    return filled


def normalise(
    stack: np.ndarray, quantiles: Quantiles, missing: np.ndarray | None = None, denoise: bool = True
) -> np.ndarray:
    """Maps background to 0 and bright nuclei to 1: (z, y, x) float32, not clipped above, never
    below -1. A constant stack becomes zero, and noise without nuclei stays near zero.

    Of a (z, y, x) float32 stack, finite, mended, without the voxels of `missing`, bool. Quantiles,
    0..1, are background and bright nuclei of a full field; where they fall together, the lowest and
    highest are taken. `denoise`: whether a noisy stack is blurred.
    """
    known = np.ones(stack.shape, bool) if missing is None or missing.all() else ~missing
    noise = _measure_noise(stack, known) if denoise else 0.0
    low, high = _compute_quantiles(stack, known, quantiles)
    far = low + 100 * _measure_change(stack, known, _LAG)
    high = _find_white(_blur(stack), known, quantiles, far, high)
    if high > low and (passes := min(_MOST_PASSES, int(noise / (high - low) / _NOISY))):
        stack = _blur(stack, passes)
        low = _compute_quantiles(stack, known, quantiles)[0]
    if low >= high:
        low, high = float(stack.min()), float(stack.max())
    if low >= high:
        return np.zeros(stack.shape, np.float32)
    image = stack - np.float32(low)
    image /= np.float32(high - low)
    return np.maximum(image, -1, out=image)


def _find_white(
    blurred: np.ndarray, known: np.ndarray, quantiles: Quantiles, far: float, usual: float
) -> float:
    """The intensity of bright nuclei: usual, more where they are few, `far` if there are none."""
    dark, top, *spread = _compute_quantiles(blurred, known, (*quantiles, *_NORMAL))
    if noise := _measure_smooth_noise(blurred, known, spread):
        return usual + 1000 * noise
    bright = blurred[blurred > dark + _SIX_SIGMA * _measure_change(blurred, known, _LAG)]
    if bright.size >= _FEWEST_BRIGHT:
        halfway = (dark + np.quantile(bright, 0.98)) / 2
        return max(usual, float(np.quantile(blurred[blurred > halfway], 0.9)))
    grainy = _measure_change(blurred, known, lag=1) > _GRAINY * (top - dark)
    return max(usual, far) if grainy else usual


def _measure_smooth_noise(blurred: np.ndarray, known: np.ndarray, spread: list[float]) -> float:
    """The standard deviation of a stack whose intensities are normally distributed, as noise stays
    whoever smooths it and nuclei never are; else 0. `spread`: its quantiles `_NORMAL`.
    """
    lowest, low, middle, high, higher, highest = spread
    sigma = (high - low) / 1.349
    below, above, far_above = middle - lowest, higher - middle, highest - middle
    is_noise = (
        1.5 * sigma < below < 2.3 * sigma
        and 1.5 * sigma < above < 1.8 * sigma
        and 1.85 * above < far_above < 2.35 * above
        and np.count_nonzero(blurred[known] > middle + 5.5 * sigma) < _FEWEST_BRIGHT
    )
    return sigma if is_noise else 0.0


def _blur(stack: np.ndarray, passes: int = 1) -> np.ndarray:
    sigmas = [math.sqrt(passes) * s * (n > 1) for s, n in zip(_BLUR_ZYX, stack.shape)]
    return gaussian_filter(stack, sigmas)


def _compute_quantiles(
    planes: Iterable[np.ndarray], known: np.ndarray, quantiles: Quantiles
) -> list[float]:
    """Of the known voxels, one plane after the other."""
    step = max(1, int(known.sum()) // _COUNTED)
    while math.gcd(step, known.shape[-1]) > 1:  # else some columns would never be met
        step += 1
    values, passed = [], 0
    for plane, there in zip(planes, known):
        inside = plane[there]
        values.append(inside[-passed % step :: step])
        passed += len(inside)
    return np.quantile(np.concatenate(values), quantiles).tolist()


def _measure_noise(stack: np.ndarray, known: np.ndarray) -> float:
    """Standard deviation of noise, by second differences along y and x (Immerkær 1996)."""
    if min(stack.shape[1:]) < 3:
        return 0.0
    curved = (np.abs(np.diff(np.diff(plane, 2, axis=0), 2, axis=1)) for plane in stack)
    both = ~(maximum_filter(~known, (1, 3, 3))[:, 1:-1, 1:-1])
    if not both.any():
        return 0.0
    return 1.4826 / 6 * _compute_quantiles(curved, both, (0.5,))[0]


def _measure_change(stack: np.ndarray, known: np.ndarray, lag: int) -> float:
    """Standard deviation of what differs between voxels `lag` apart along x, by the median."""
    both = known[..., lag:] & known[..., :-lag]
    if not both.any():
        return 0.0
    differences = (np.abs(plane[:, lag:] - plane[:, :-lag]) for plane in stack)
    return 1.4826 / math.sqrt(2) * _compute_quantiles(differences, both, (0.5,))[0]
