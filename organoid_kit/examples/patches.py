"""From what the microscope wrote to what a network sees: summed, resampled and normalised. Only
`prepare_stack` does this, so that training, validation and prediction see the same.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
from skimage.transform import resize

from organoid_kit.base import NetworkSettings, make_error, refuse_if
from organoid_kit.data import AnnotatedMovie, TimeLapse
from organoid_kit.examples.intensities import Quantiles, find_missing, mend_voxels, normalise

_SAME_SPACING = 1.05  # movies whose spacing differs by less are not resampled
# Stacks thinner than a nucleus are shown as nuclei look in thicker ones: dimmer below and above
_PLANE = np.float32([0.6, 1.0, 0.6])[:, None, None]
# Normalised values that are shown black and white; 0 and 1 are about background and nucleus.
GREYS = (-0.1, 1.2)


def make_grey(values: np.ndarray, limits: tuple[float, float] = GREYS) -> np.ndarray:
    """Values as pixels, uint8: black at the lower, white at the upper limit."""
    low, high = limits
    return np.round(255 * np.clip((values - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)


def is_same_spacing(own_um: float, wanted_um: float) -> bool:
    """Whether two spacings along an axis differ by less than 5 %: then nothing is resampled."""
    return 1 / _SAME_SPACING < own_um / wanted_um < _SAME_SPACING


def compute_working_shape(movie: TimeLapse, settings: NetworkSettings) -> tuple[int, int, int]:
    """Shape (z, y, x) of stacks at the spacing of the settings (None: as it is). An axis of nearly
    this spacing stays. One or two planes become three for a network that sees several.
    """
    shape, spacing_um = [], settings.spacing_um or movie.spacing_um
    for size, own, wanted in zip(movie.shape_zyx, movie.spacing_um, spacing_um):
        same = size == 1 or is_same_spacing(own, wanted)
        shape.append(size if same else max(1, round(size * own / wanted)))
    if settings.patch_shape_zyx[0] > 1:
        shape[0] = max(shape[0], len(_PLANE))
    return tuple(shape)


def compute_working_spacing(annotated: AnnotatedMovie, settings: NetworkSettings) -> np.ndarray:
    """µm per voxel of the stacks a network sees, (3,) float, zyx; see `compute_working_shape`."""
    movie = annotated.movie
    shape = compute_working_shape(movie, settings)
    return np.array(movie.spacing_um) * movie.shape_zyx / np.array(shape)


def compute_working_positions(annotated: AnnotatedMovie, settings: NetworkSettings) -> np.ndarray:
    """Positions in working voxels, (n, 3) float, zyx. UserError where the movie lacks one."""
    movie, positions = annotated.movie, annotated.annotations.positions
    times, first, last = annotated.annotations.time_points, *np.array(movie.time_points)[[0, -1]]
    inside = (positions >= -0.5) & (positions <= np.array(movie.shape_zyx) - 0.5)
    for row in np.flatnonzero((times < first) | (times > last) | ~inside.all(axis=1))[:1]:
        seen = {"position": positions[row].tolist(), "time_point": times[row]}
        there = {"shape": tuple(movie.shape_zyx), "first": first, "last": last}
        raise make_error("position in movie", annotated.name, **seen, **there)
    shape = compute_working_shape(movie, settings)
    return convert_positions(positions, movie.shape_zyx, shape)


def convert_positions(
    positions: np.ndarray, from_shape: Sequence[int], to_shape: Sequence[int]
) -> np.ndarray:
    """Positions in a stack of another size that shows the same: (n, 3) float, zyx, voxels."""
    return (positions + 0.5) * (np.array(to_shape) / np.array(from_shape)) - 0.5


def prepare_stack(
    movie: TimeLapse, time_point: int, settings: NetworkSettings, *, denoise: bool = True
) -> np.ndarray:
    """One stack as the network sees it, (z, y, x) float32. UserError where it is not finite."""
    stack = movie.stack(time_point, settings.channels).astype(np.float32)
    refuse_if(not np.isfinite(stack).all(), "intensities finite", movie.name, time_point=time_point)
    shape = compute_working_shape(movie, settings)
    planes = 1 if movie.shape_zyx[0] == 1 else shape[0]
    stack = resample(stack, (planes, *shape[1:]), settings.intensity_quantiles, denoise)
    return stack * _PLANE if shape[0] == len(_PLANE) else stack


def resample(
    stack: np.ndarray, shape: tuple[int, int, int], quantiles: Quantiles, denoise: bool = True
) -> np.ndarray:
    """A (z, y, x) float32 stack of finite intensities, mended, brought to a shape and normalised."""
    missing = find_missing(stack)
    stack = mend_voxels(stack, missing, quantiles)
    if shape != stack.shape:
        shrinks = any(new < old for new, old in zip(shape, stack.shape, strict=True))
        stack = resize(stack, shape, order=1, anti_aliasing=shrinks, preserve_range=True)
        missing = resize(missing, shape, order=0)
    return normalise(stack.astype(np.float32), quantiles, missing, denoise)


def compute_window_bytes(movies: Sequence[TimeLapse], settings: NetworkSettings) -> int:
    """Memory for the prepared stacks of a time window of the largest of the movies, in bytes."""
    voxels = max(math.prod(compute_working_shape(movie, settings)) for movie in movies)
    return 4 * voxels * settings.window_length


class PreparedMovies:
    """Prepared stacks of several movies, the most recently used kept in a bounded memory."""

    def __init__(
        self, movies: Sequence[TimeLapse], settings: NetworkSettings, cache_bytes: int = 10**9
    ) -> None:
        self.movies, self.settings, self.cache_bytes = movies, settings, cache_bytes
        self._stacks: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def stack(self, movie: int, time_point: int) -> np.ndarray:
        """The prepared stack of a movie, (z, y, x) float32."""
        key = (movie, time_point)
        if key not in self._stacks:
            self._stacks[key] = prepare_stack(self.movies[movie], time_point, self.settings)
        self._stacks.move_to_end(key)
        held = sum(stack.nbytes for stack in self._stacks.values())
        while len(self._stacks) > 1 and held > self.cache_bytes:
            held -= self._stacks.popitem(last=False)[1].nbytes
        return self._stacks[key]

    def window(self, movie: int, time_point: int) -> list[np.ndarray]:
        """The stacks, (z, y, x) float32 each, of the time window around a time point."""
        times = window_time_points(self.movies[movie], time_point, self.settings)
        return [self.stack(movie, time) for time in times]


def prepare_nuclei(
    annotated: AnnotatedMovie, settings: NetworkSettings
) -> tuple[np.ndarray, PreparedMovies]:
    """Positions in working voxels, (n, 3) float, zyx; and the movie, of which two windows are kept."""
    movies = [annotated.movie]
    positions = compute_working_positions(annotated, settings)
    return positions, PreparedMovies(movies, settings, 2 * compute_window_bytes(movies, settings))


def window_time_points(movie: TimeLapse, time_point: int, settings: NetworkSettings) -> list[int]:
    """The time points a network sees together; beyond the movie's ends the nearest is repeated."""
    first, last = settings.time_window
    return clip_time_points(movie, range(time_point + first, time_point + last + 1))


def clip_time_points(movie: TimeLapse, wanted: Iterable[int]) -> list[int]:
    """Time points that the movie has: beyond its ends, the nearest one."""
    return [min(max(time, movie.time_points[0]), movie.time_points[-1]) for time in wanted]
