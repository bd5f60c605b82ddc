"""Training and validation parts that do not leak into each other.

A network sees a time window: what it is shown at time point 7 it has seen in part at time point 6.
Two parts of a movie are therefore only independent if no image is seen by both. Splitting by movie
is best; where there is only one movie, split it into blocks of time with a gap between them.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from organoid_kit.base import make_error, refuse_if
from organoid_kit.data import AnnotatedMovie
from organoid_kit.examples.batches import Movies

DEFAULT_WINDOW = (-1, 1)


@dataclass(frozen=True)
class Split:
    """What is learned from, and what decides when to stop."""

    training: list[AnnotatedMovie]
    validation: list[AnnotatedMovie]

    def __str__(self) -> str:
        lines = []
        for name, part in self.parts().items():
            described = []
            for one in part:
                times = one.annotations.annotated_time_points
                when = f" ({times[0]} to {times[-1]})" if len(times) else ""
                described.append(f"{one.movie.name}, {len(times)} time points{when}")
            positions = sum(len(one.annotations) for one in part)
            lines.append(f"{name:<11}{positions} positions: {', '.join(described) or 'none'}")
        return "\n".join(lines)

    def parts(self) -> dict[str, list[AnnotatedMovie]]:
        """The two parts by name."""
        return {"training": self.training, "validation": self.validation}


def split_by_movie(annotated_movies: Movies, *, seed: int = 1) -> Split:
    """One whole movie, in all its pieces, for validation, the others for training."""
    keys = list(dict.fromkeys(_movie_key(one) for one in annotated_movies))
    refuse_if(len(keys) < 2, "movie left", count=len(keys))
    chosen = keys[np.random.default_rng(seed).permutation(len(keys))[0]]
    parts = [], []
    for one in annotated_movies:
        parts[_movie_key(one) == chosen].append(one)
    return Split(*parts)


def split_by_time_block(
    annotated_movies: Movies,
    validation_fraction: float = 0.2,
    *,
    time_window: tuple[int, int] = DEFAULT_WINDOW,
) -> Split:
    """The beginning of each movie for training, the end, a fraction of the annotated time points,
    for validation; between them as few are left out as `time_window`, what is seen together, needs.

    The cells are still the same ones: such a score is more hopeful than that of a movie never seen.
    """
    keys = [_movie_key(one) for one in annotated_movies]
    twice = sorted({name for path, name in keys if keys.count((path, name)) > 1})
    refuse_if(twice, "movie twice", names=", ".join(map(repr, twice)))
    gap = time_window[1] - time_window[0]
    blocks = []
    for one in annotated_movies:
        times = one.annotations.annotated_time_points
        count = _count_part(len(times), validation_fraction)
        training, validation = np.split(times, [len(times) - count])
        if len(validation):
            training = training[training < validation[0] - gap]
        if len(training) == 0 or (validation_fraction > 0 and len(validation) == 0):
            raise make_error("time blocks", gap=gap, count=len(times), name=one.movie.name)
        blocks.append((training, validation))
    return _split_time_points(annotated_movies, blocks)


def split_random_time_points(
    annotated_movies: Movies, validation_fraction: float = 0.2, *, seed: int = 1
) -> Split:
    """Time points dealt out at random. **Only to demonstrate leakage: never train with it.** Nearly
    each for validation has a neighbour in training, with the same nuclei in nearly the same places.
    """
    rng = np.random.default_rng(seed)
    blocks = []
    for one in annotated_movies:
        time_points = rng.permutation(one.annotations.annotated_time_points)
        number = _count_part(len(time_points), validation_fraction)
        blocks.append((time_points[number:], time_points[:number]))
    return _split_time_points(annotated_movies, blocks)


def find_leaks(split: Split, time_window: tuple[int, int] = DEFAULT_WINDOW) -> list[str]:
    """Images that both parts see, one sentence for each movie."""
    learned, judged = (_list_views(part, time_window) for part in split.parts().values())
    leaks = []
    for key in learned.keys() & judged.keys():
        if shared := sorted(learned[key] & judged[key]):
            times = ", ".join(map(str, shared))
            leaks.append(f"training and validation both see {key[1]!r} at time points {times}.")
    return sorted(leaks)


def _movie_key(annotated: AnnotatedMovie) -> tuple[str, str]:
    """What makes two movies the same: file and name."""
    return str(annotated.movie.path), annotated.movie.name


def _count_part(count: int, fraction: float) -> int:
    """So many of `count`, rounded up: a part that was asked for is not empty."""
    refuse_if(not 0 <= fraction < 1, "validation part", fraction=fraction)
    return math.ceil(round(count * fraction, 9))


def _split_time_points(annotated_movies: Movies, blocks: Sequence[Sequence[np.ndarray]]) -> Split:
    split = Split([], [])
    for one, movie_blocks in zip(annotated_movies, blocks, strict=True):
        for part, time_points in zip(split.parts().values(), movie_blocks, strict=True):
            if len(time_points):
                chosen = one.annotations.select(np.isin(one.annotations.time_points, time_points))
                part.append(dataclasses.replace(one, annotations=chosen))
    return split


def _list_views(part: Movies, window: tuple[int, int]) -> dict[tuple[str, str], set[int]]:
    views: dict[tuple[str, str], set[int]] = {}
    for one in part:
        offsets = np.arange(window[0], window[1] + 1)
        seen = np.add.outer(one.annotations.annotated_time_points, offsets).ravel().tolist()
        views.setdefault(_movie_key(one), set()).update(set(seen) & set(one.movie.time_points))
    return views
