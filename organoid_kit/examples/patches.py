"""From what the microscope wrote to what a network sees: channels summed, resampled, and
normalised.

`prepare_stack` is the only place where this happens, so that training, validation and prediction
see the same.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
from skimage.transform import resize

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.timelapse import TimeLapse

_QUANTILE_VOXELS = 500_000  # quantiles are estimated on about so many evenly spaced voxels
_SAME_SPACING = 1.05  # movies whose spacing differs by less are not resampled
GREYS = (
    -0.1,
    1.2,
)  # normalised values that are shown black and white; 0 and 1 are about background and nucleus


def normalise(stack: np.ndarray, quantiles: tuple[float, float]) -> np.ndarray:
    """Maps the lower quantile of the intensities to 0 and the upper one to 1.

    Voxels that are exactly zero are left out of the lower quantile, so that a zero-filled border
    does not count as background. A constant stack becomes zero.

    Args:
        stack: any shape, finite.
        quantiles: lower and upper, 0..1. Where they fall together, the lowest and highest intensity
            are taken.

    Returns:
        float32, the same shape; not clipped above, never below -1.
    """
    values = stack.reshape(-1)[:: _choose_sampling_step(stack)]
    high = np.quantile(values, quantiles[1])
    low = np.quantile(values[values != 0], quantiles[0]) if values.any() else 0.0
    if low >= high:
        low, high = float(stack.min()), float(stack.max())
    if low >= high:
        return np.zeros(stack.shape, np.float32)
    return np.maximum((stack - np.float32(low)) / np.float32(high - low), -1, dtype=np.float32)


def make_grey(values: np.ndarray, limits: tuple[float, float] = GREYS) -> np.ndarray:
    """Values as pixels, uint8: black at the lower, white at the upper limit."""
    low, high = limits
    return np.round(255 * np.clip((values - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)


def _choose_sampling_step(stack: np.ndarray) -> int:
    """Step between voxels for the quantiles; without common factor with the rows, so that all
    columns are met.
    """
    step = max(1, stack.size // _QUANTILE_VOXELS)
    while math.gcd(step, stack.shape[-1]) > 1:
        step += 1
    return step


def compute_working_shape(
    movie: TimeLapse, spacing_um: tuple[float, float, float] | None
) -> tuple[int, int, int]:
    """Shape (z, y, x) of the movie's stacks once they are brought to a spacing.

    An axis with one plane, or whose spacing differs by less than 5 %, is left as it is. None leaves
    everything.
    """
    if spacing_um is None:
        return movie.shape_zyx
    shape = []
    for size, own, wanted in zip(movie.shape_zyx, movie.spacing_um, spacing_um, strict=True):
        same = size == 1 or is_same_spacing(own, wanted)
        shape.append(size if same else max(1, round(size * own / wanted)))
    return tuple(shape)


def is_same_spacing(own_um: float, wanted_um: float) -> bool:
    """Whether two spacings along an axis differ by so little, less than 5 %, that nothing is
    resampled.
    """
    return 1 / _SAME_SPACING < own_um / wanted_um < _SAME_SPACING


def convert_positions(
    positions: np.ndarray, from_shape: Sequence[int], to_shape: Sequence[int]
) -> np.ndarray:
    """Positions in a stack of another size that shows the same. (n, 3) float, zyx, voxels; integer
    = voxel centre.
    """
    return (positions + 0.5) * (np.array(to_shape) / np.array(from_shape)) - 0.5


def prepare_stack(movie: TimeLapse, time_point: int, settings: NetworkSettings) -> np.ndarray:
    """One stack as the network sees it: channels summed, resampled to ``settings.spacing_um``,
    normalised.

    Returns:
        (z, y, x) float32.

    Raises:
        UserError: the stack has NaN or infinite intensities, or the channel or time point is
            missing.
    """
    stack = movie.stack(time_point, settings.channels).astype(np.float32)
    if not np.isfinite(stack).all():
        raise UserError(
            f"Intensities must be finite. Received: NaN or infinity in {movie.name!r}, time point {time_point}. "
            "Replace them, for example with the background, and save the movie again."
        )
    shape = compute_working_shape(movie, settings.spacing_um)
    if shape != stack.shape:
        shrinks = any(new < old for new, old in zip(shape, stack.shape, strict=True))
        stack = resize(stack, shape, order=1, anti_aliasing=shrinks, preserve_range=True).astype(
            np.float32
        )
    return normalise(stack, settings.intensity_quantiles)


def compute_window_bytes(movies: Sequence[TimeLapse], settings: NetworkSettings) -> int:
    """Memory that the prepared stacks of a time window take, in bytes, for the largest of the
    movies.
    """
    voxels = max(math.prod(compute_working_shape(movie, settings.spacing_um)) for movie in movies)
    first, last = settings.time_window
    return 4 * voxels * (last - first + 1)


class PreparedMovies:
    """Prepared stacks of several movies, the most recently used kept in a bounded memory."""

    def __init__(
        self,
        movies: Sequence[TimeLapse],
        settings: NetworkSettings,
        cache_bytes: int = 1_000_000_000,
    ) -> None:
        self.movies = movies
        self.settings = settings
        self.cache_bytes = cache_bytes
        self._stacks: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def stack(self, movie: int, time_point: int) -> np.ndarray:
        """The prepared stack of a movie, laid out (y, x, z) float32: planes last, as the
        augmentation wants them.
        """
        key = (movie, time_point)
        if key in self._stacks:
            self._stacks.move_to_end(key)
            return self._stacks[key]
        stack = prepare_stack(self.movies[movie], time_point, self.settings)
        self._stacks[key] = np.ascontiguousarray(stack.transpose(1, 2, 0))
        while (
            len(self._stacks) > 1
            and sum(kept.nbytes for kept in self._stacks.values()) > self.cache_bytes
        ):
            self._stacks.popitem(last=False)
        return self._stacks[key]

    def window(self, movie: int, time_point: int) -> list[np.ndarray]:
        """The stacks of the time window around a time point, each (y, x, z).

        Beyond the first and last time point of the movie the nearest one is taken again.
        """
        return [
            self.stack(movie, each)
            for each in window_time_points(self.movies[movie], time_point, self.settings)
        ]


def window_time_points(movie: TimeLapse, time_point: int, settings: NetworkSettings) -> list[int]:
    """The time points a network sees together; beyond the movie's ends the nearest one is repeated."""
    first, last = settings.time_window
    return clip_time_points(movie, range(time_point + first, time_point + last + 1))


def clip_time_points(movie: TimeLapse, wanted: Iterable[int]) -> list[int]:
    """Time points that the movie has: beyond its ends, the nearest one."""
    return [min(max(each, movie.time_points[0]), movie.time_points[-1]) for each in wanted]
