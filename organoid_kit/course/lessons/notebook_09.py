"""Exercises and questions of notebook 09: swapped axes, a split that does not leak, NaN, a learning
rate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from organoid_kit.course.lessons.exercise import Exercise, match_numbers, run_answer
from organoid_kit.course.lessons.question import Question
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.examples.splits import (
    Split,
    find_leaks,
    split_by_time_block,
    split_random_time_points,
)

_GIVEN = """import numpy as np
from organoid_kit.report.doctor import diagnose_data
from organoid_kit.course.lessons import notebook_09 as lesson
from organoid_kit.base.settings import make_settings
from organoid_kit.examples.splits import find_leaks
settings = make_settings(channels=(2, 3))
patients = lesson.make_patients()
splits = lesson.make_splits()
rates = lesson.RATES
fit_line = lesson.fit_line
"""


# ---- which of three movies has swapped axes -------------------------------------------------------------------------
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


patient = Exercise(
    answer="sick_patient",
    judge=_judge_patient,
    hints=(
        "Draw one: `each = patients['A']`, then plots.plot_stack as above, with view=\"slice\".",
        "Do the circles lie on bright nuclei? Where they lie in the dark, axes may be swapped.",
        "Or ask the doctor: print(format_findings(diagnose_data([patients['A']], settings))).",
    ),
    code="""for name, each in patients.items():
    if diagnose_data([each], settings):
        sick_patient = name""",
    because="Its circles lie beside the nuclei. All lie inside the image: no check of the borders sees it.",
    others=(
        'sick_patient = "b"',
        "[sick_patient] = [name for name in 'ABC' if len(diagnose_data([patients[name]], settings)) > 0]",
    ),
    mistakes=(
        ('sick_patient = "A"', "In A the positions lie on bright nuclei"),
        ('sick_patient = "C"', "In C the positions lie on bright nuclei"),
        ('sick_patient = ["A", "B"]', "one of the letters"),
    ),
    given=_GIVEN,
)

swapped_guess = Question(
    "The image is square, and the y and x of all positions are swapped. How many positions lie outside the image now?",
    {"a": "all", "b": "about half", "c": "none"},
    "c",
    {
        "a": "y and x have the same range, 0 to 111, in a square image.",
        "b": "y and x have the same range, 0 to 111, in a square image.",
        "c": "So a check of the borders sees nothing. One has to look at the light.",
    },
)


# ---- a split that does not leak -------------------------------------------------------------------------------------
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


split = Exercise(
    answer="good_split",
    judge=_judge_split,
    hints=(
        "print(splits['A']) says which time points are for training and which for validation.",
        "The network sees the time point before and the one after, too. Is any image seen by both parts?",
        "find_leaks(splits['A']) lists what both see; an empty list is what you want.",
    ),
    code="""for letter in splits:
    if not find_leaks(splits[letter]):
        good_split = letter""",
    because="Between its blocks two time points are left out, so that no image is seen by both parts.",
    others=(
        'good_split = "c"',
        "good_split = [name for name in splits if len(find_leaks(splits[name])) == 0][0]",
    ),
    mistakes=(('good_split = "A"', "This one leaks"), ('good_split = "B"', "This one leaks")),
    given=_GIVEN,
)

leak_guess = Question(
    "A network sees the time points -1 to 1 around the one it answers for. Time points 0 to 8 are for training. Which "
    "is the first that validation may answer for, if no image is to be seen by both?",
    {"a": "9", "b": "10", "c": "11"},
    "c",
    {
        "a": "For 9 it looks at 8, 9 and 10. Training has seen 8, and 9 as well.",
        "b": "For 10 it looks at 9, 10 and 11. To answer for 8, training has looked at 9.",
        "c": "For 11 it looks at 10, 11 and 12. Training has seen 9 at most: a gap of two time points.",
    },
)


# ---- time points with voxels that have no value ---------------------------------------------------------------------
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


torn = Exercise(
    answer="find_torn",
    judge=_judge_torn,
    hints=(
        "np.isnan(stack) says of each voxel whether it is NaN. `==` does not: NaN does not even equal itself.",
        "`.any()` behind it says whether one of them is.",
        "Go through range(len(movie)); movie[time_point] is one stack. Append the time point to a list if it is torn.",
    ),
    code="""def find_torn(movie):
    torn = []
    for time_point in range(len(movie)):
        if np.isnan(movie[time_point]).any():
            torn.append(time_point)
    return torn""",
    because="One voxel of millions is enough to spoil a training, and no eye finds it. So let the computer look.",
    others=(
        """def find_torn(movie):
    return np.flatnonzero(np.isnan(movie).any(axis=(1, 2, 3)))""",
        """def find_torn(movie):
    return {number for number, stack in enumerate(movie) if stack.sum() != stack.sum()}""",
    ),
    mistakes=(
        (
            """def find_torn(movie):
    return [each for each in range(len(movie)) if (movie[each] == np.nan).any()]""",
            "not even itself",
        ),
        (
            """def find_torn(movie):
    return np.isnan(movie).any(axis=(1, 2, 3))""",
            "yes and no",
        ),
        (
            """def find_torn(movie):
    return np.argwhere(np.isnan(movie))[:, 0]""",
            "more than once",
        ),
        (
            """def find_torn(movie):
    return [each for each in range(len(movie)) if not movie[each].min() > 0]""",
            "That is a value",
        ),
    ),
    given=_GIVEN,
)


# ---- a learning rate ------------------------------------------------------------------------------------------------
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


rate = Exercise(
    answer="highest_rate",
    judge=_judge_rate,
    hints=(
        "fit_line(0.01) gives the loss before each step; [0] is the first, [-1] the last.",
        "A rate is safe if the last loss is below the first one. NaN is never below anything.",
        "Go through all rates, from low to high, and keep the last one that is safe.",
    ),
    code="""for each in rates:
    losses = fit_line(each)
    if losses[-1] < losses[0]:
        highest_rate = each""",
    because="A little higher, and each step overshoots by more than the one before. Stay well below that edge.",
    others=(
        "highest_rate = np.float32(0.1)",
        "highest_rate = max(each for each in rates if np.isfinite(fit_line(each)[-1]) and fit_line(each)[-1] < 10)",
    ),
    mistakes=(
        ("highest_rate = 1.0", "it blows up"),
        ("highest_rate = 0.3", "it blows up"),
        ("highest_rate = 0.01", "a higher rate of the list is still safe"),
    ),
    given=_GIVEN,
)

nan_guess = Question(
    "A patch has 12 · 32 · 32 voxels, and one of them is NaN (not a number). The loss is the mean over all voxels. "
    "What is it?",
    {"a": "a little wrong", "b": "NaN", "c": "0"},
    "b",
    {
        "a": "Whatever is added to NaN is NaN: nothing of the other voxels is left.",
        "b": "One voxel is enough. After one such step all weights are NaN, too, and stay so.",
        "c": "Python does not take NaN for 0. Whatever is added to NaN is NaN.",
    },
)
