"""Exercises and questions of notebook 09: swapped axes, leaks, NaN, a learning rate."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from organoid_kit.course.lessons.exercise import match_numbers, run_answer
from organoid_kit.course.lessons.texts import LessonTexts
from organoid_kit.data import AnnotatedMovie, find_samples, read_dataset
from organoid_kit.examples.splits import (
    Split,
    find_leaks,
    split_by_time_block,
    split_random_time_points,
)

TEXTS = LessonTexts(__file__)

swapped_guess = TEXTS.question("swapped_guess")
leak_guess = TEXTS.question("leak_guess")
nan_guess = TEXTS.question("nan_guess")


def make_patients() -> dict[str, AnnotatedMovie]:
    """Three movies; in B, y and x of the positions are swapped."""
    parts = {"A": "validation", "B": "training", "C": "test"}
    movies = {
        name: read_dataset(find_samples() / f"{part}.autlist")[0] for name, part in parts.items()
    }
    annotations = movies["B"].annotations
    swapped = dataclasses.replace(annotations, positions=annotations.positions[:, [0, 2, 1]])
    return movies | {"B": dataclasses.replace(movies["B"], annotations=swapped)}


@TEXTS.exercise
def patient(answer: Any) -> str | None:
    """The movie with swapped axes."""
    letter = str(answer).strip().upper()
    if letter == "B":
        return None
    slip = "healthy" if letter in ("A", "C") else "otherwise"
    return TEXTS.say("patient", slip, letter=letter, answer=answer)


def make_splits() -> dict[str, Split]:
    """Three ways to take validation time points for a network with the time window -1 to 1."""
    movies = read_dataset(find_samples() / "training.autlist")[:1]
    return {
        "A": split_random_time_points(movies, 0.25, seed=2),
        "B": split_by_time_block(movies, 0.25, time_window=(0, 0)),
        "C": split_by_time_block(movies, 0.25, time_window=(-1, 1)),
    }


@TEXTS.exercise
def split(answer: Any) -> str | None:
    """The split that does not leak."""
    letter = str(answer).strip().upper()
    splits = make_splits()
    if letter not in splits:
        return TEXTS.say("split", "otherwise", answer=answer)
    leaks = find_leaks(splits[letter])
    return TEXTS.say("split", "leaks", leak=leaks[0]) if leaks else None


@TEXTS.exercise
def torn(find: Callable) -> str | None:
    """The time points at which voxels of a movie are NaN: 1 and 4; at 2 all are 0."""
    movie = np.random.default_rng(9).uniform(1, 2, (6, 3, 4, 5))
    movie[2] = 0
    movie[1, 2, 3, 1] = movie[4, 0] = np.nan
    answer = np.asarray(list(run_answer(find, movie)))
    found = set(answer.ravel().tolist())
    if answer.dtype == bool:
        return TEXTS.say("torn", "yes_and_no")
    if answer.size == 0:
        return TEXTS.say("torn", "none")
    if answer.size > len(found):
        return TEXTS.say("torn", "twice")
    if found == {1, 4}:
        return None
    return TEXTS.say("torn", "dark" if 2 in found else "otherwise", found=sorted(found))


RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_X = np.linspace(0, 4, 30)
_Y = 2 * _X + np.sin(9 * _X) / 3


def fit_line(rate: float, steps: int = 400) -> list[float]:
    """Losses while a line, y = slope · x, is fitted by so many steps with this learning rate."""
    slope, losses = 0.0, []
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            errors = slope * _X - _Y
            losses.append(float(np.mean(errors**2)))
            slope = slope - rate * np.mean(2 * errors * _X)
    return losses


@TEXTS.exercise
def rate(answer: Any) -> str | None:
    """The highest learning rate with which the loss falls."""
    if match_numbers(answer, max(rate for rate in RATES if fit_line(rate)[-1] < fit_line(rate)[0])):
        return None
    if not any(match_numbers(answer, rate) for rate in RATES):
        return TEXTS.say("rate", "otherwise", rates=RATES, answer=answer)
    first, *_, last = fit_line(float(np.asarray(answer)))
    slip = "too_low" if last < first else "blows_up"
    return TEXTS.say("rate", slip, answer=answer, first=first, last=last)
