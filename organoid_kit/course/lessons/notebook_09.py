"""Exercises and questions of notebook 09: swapped axes, leaks, NaN."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from organoid_kit.course.lessons import LessonTexts, run_answer
from organoid_kit.data import AnnotatedMovie, find_samples, read_dataset
from organoid_kit.examples import splits

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.swapped_guess`


def _read_first(part: str) -> AnnotatedMovie:
    return read_dataset(find_samples() / f"{part}.autlist")[0]


def make_patients() -> dict[str, AnnotatedMovie]:
    """Three movies; in B, y and x of the positions are swapped."""
    whole = _read_first("training")
    positions = whole.annotations.positions[:, [0, 2, 1]]
    annotations = dataclasses.replace(whole.annotations, positions=positions)
    swapped = dataclasses.replace(whole, annotations=annotations)
    return {"A": _read_first("validation"), "B": swapped, "C": _read_first("test")}


@TEXTS.exercise
def patient(answer: Any) -> str | None:
    """The movie with swapped axes."""
    letter = str(answer).strip().upper()
    holds = {None: letter == "B", "healthy": letter in ("A", "C")}
    return TEXTS.say_first("patient", holds, letter=letter, answer=answer)


def make_splits() -> dict[str, splits.Split]:
    """Three ways to take validation time points for a network with the time window -1 to 1."""
    movies = [_read_first("training")]
    return {
        "A": splits.split_random_time_points(movies, 0.25, seed=2),
        "B": splits.split_by_time_block(movies, 0.25, time_window=(0, 0)),
        "C": splits.split_by_time_block(movies, 0.25, time_window=(-1, 1)),
    }


@TEXTS.exercise
def split(answer: Any) -> str | None:
    """The split that does not leak."""
    letter = str(answer).strip().upper()
    offered = make_splits()
    if letter not in offered:
        return TEXTS.say("split", "otherwise", answer=answer)
    leaks = splits.find_leaks(offered[letter])
    return TEXTS.say("split", "leaks", leak=leaks[0]) if leaks else None


@TEXTS.exercise
def torn(find: Callable) -> str | None:
    """The time points at which voxels of a movie are NaN: 1 and 4; at 2 all are 0."""
    movie = np.random.default_rng(9).uniform(1, 2, (6, 3, 4, 5))
    movie[2] = 0
    movie[1, 2, 3, 1] = movie[4, 0] = np.nan
    answer = np.asarray(list(run_answer(find, movie)))
    found = set(answer.ravel().tolist())
    holds = {
        "yes_and_no": answer.dtype == bool,
        "none": answer.size == 0,
        "twice": answer.size > len(found),
        None: found == {1, 4},
        "dark": 2 in found,
    }
    return TEXTS.say_first("torn", holds, found=sorted(found))
