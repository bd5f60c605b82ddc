"""Exercises and questions of notebook 09: swapped axes, a split that does not leak, NaN, a learning
rate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from organoid_kit.course.lessons.exercise import match_numbers, run_answer
from organoid_kit.course.lessons.texts import LessonTexts
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.examples.splits import (
    Split,
    find_leaks,
    split_by_time_block,
    split_random_time_points,
)

TEXTS = LessonTexts(__file__)


# ---- which of three movies has swapped axes
_SWAPPED = "B"


def make_patients() -> dict[str, AnnotatedMovie]:
    """Three movies; in one of them, y and x of the positions are swapped."""
    samples = find_samples()
    movies = [
        read_dataset(samples / f"{part}.autlist")[0] for part in ("validation", "training", "test")
    ]
    patients = dict(zip("ABC", movies, strict=True))
    sick = patients[_SWAPPED]
    changed = dataclasses.replace(
        sick.annotations, positions=sick.annotations.positions[:, [0, 2, 1]]
    )
    return patients | {_SWAPPED: dataclasses.replace(sick, annotations=changed)}


def _judge_patient(answer: Any) -> str | None:
    letter = str(answer).strip().upper()
    if letter == _SWAPPED:
        return None
    if letter in ("A", "C"):
        return f"In {letter} the positions lie on bright nuclei. Draw the other two."
    return f"Answer with one of the letters A, B, C. Received: {answer!r}."


patient = TEXTS.exercise("patient", _judge_patient)
swapped_guess = TEXTS.question("swapped_guess")


# ---- a split that does not leak
_GOOD_SPLIT = "C"


def make_splits() -> dict[str, Split]:
    """Three ways to take validation time points from one movie that a network with the window -1 to
    1 learns from.
    """
    movies = read_dataset(find_samples() / "training.autlist")[:1]
    touching = split_by_time_block(movies, 0.25, time_window=(0, 0))
    return {
        "A": split_random_time_points(movies, 0.25, seed=2),
        "B": touching,
        "C": split_by_time_block(movies, 0.25, time_window=(-1, 1)),
    }


def _judge_split(answer: Any) -> str | None:
    letter = str(answer).strip().upper()
    splits = make_splits()
    if letter not in splits:
        return f"Answer with one of the letters A, B, C. Received: {answer!r}."
    leaks = find_leaks(splits[letter])
    return (
        None
        if not leaks
        else f"This one leaks: {leaks[0]} The network sees a time point before and one after."
    )


split = TEXTS.exercise("split", _judge_split)
leak_guess = TEXTS.question("leak_guess")


# ---- time points with voxels that have no value
_TORN = (1, 4)  # time points; the second one lacks a whole plane


def _make_torn() -> np.ndarray:
    """A movie (t, z, y, x); at two time points voxels are NaN, at another one all are 0."""
    movie = np.random.default_rng(9).uniform(1, 2, (6, 3, 4, 5))
    movie[2] = 0
    movie[_TORN[0], 2, 3, 1] = np.nan
    movie[_TORN[1], 0] = np.nan
    return movie


def _judge_torn(find: Callable) -> str | None:
    answer = np.asarray(list(run_answer(find, _make_torn())))
    if answer.dtype == bool:
        return "These are yes and no. Give back the numbers of the time points that are torn."
    found = set(answer.ravel().tolist())
    if answer.size == 0:
        return "None was found, but there are some. NaN equals nothing, not even itself: ask `np.isnan`."
    if answer.size > len(found):
        return "A time point is named more than once. Name it once, however many of its voxels are NaN."
    if found == set(_TORN):
        return None
    if 2 in found:
        return "At time point 2 all voxels are 0. That is a value: dark, but a number."
    return f"Of 6 time points {_TORN[0]} and {_TORN[1]} are torn; yours: {sorted(found)}. One voxel is enough."


torn = TEXTS.exercise("torn", _judge_torn)


# ---- a learning rate
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_X = np.linspace(0, 4, 30)
_Y = 2 * _X + np.sin(9 * _X) / 3


def fit_line(rate: float, steps: int = 400) -> list[float]:
    """Losses while a line through the origin, y = slope · x, is fitted by steps downhill.

    Args:
        rate: the learning rate.
        steps: how many.
    """
    slope, losses = 0.0, []
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            errors = slope * _X - _Y
            losses.append(float(np.mean(errors**2)))
            slope = slope - rate * np.mean(2 * errors * _X)
    return losses


def _judge_rate(answer: Any) -> str | None:
    right = max(rate for rate in RATES if fit_line(rate)[-1] < fit_line(rate)[0])
    if match_numbers(answer, right):
        return None
    if not any(match_numbers(answer, rate) for rate in RATES):
        return f"Answer with one of the rates {RATES}. Received: {answer!r}."
    losses = fit_line(float(np.asarray(answer)))
    if not losses[-1] < losses[0]:
        return f"With {answer} the loss begins at {losses[0]:.3g} and ends at {losses[-1]:.3g}: it blows up."
    return f"With {answer} the loss falls, but a higher rate of the list is still safe. Try the next one."


rate = TEXTS.exercise("rate", _judge_rate)
nan_guess = TEXTS.question("nan_guess")
