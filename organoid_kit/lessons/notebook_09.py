"""Exercises and questions of notebook 09: swapped axes, duplicates, a split that does not leak, a learning rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from organoid_kit.annotations import Annotations
from organoid_kit.checks import CheckLimits, check_annotations
from organoid_kit.dataset import AnnotatedMovie, read_dataset
from organoid_kit.downloads import find_samples
from organoid_kit.lessons.exercise import Exercise, match_numbers, run_answer
from organoid_kit.lessons.question import Question
from organoid_kit.splits import Split, find_leaks, split_by_time_block, split_random_time_points

_GIVEN = """import numpy as np
from organoid_kit.doctor import diagnose_data
from organoid_kit.lessons import notebook_09 as lesson
from organoid_kit.settings import make_settings
from organoid_kit.splits import find_leaks
settings = make_settings(channels=(2, 3))
patients = lesson.make_patients()
splits = lesson.make_splits()
rates = lesson.RATES
train_line = lesson.train_line
"""


# ---- which of three movies has swapped axes -------------------------------------------------------------------------
_SWAPPED = "B"


def make_patients() -> dict[str, AnnotatedMovie]:
    """Three movies; in one of them, y and x of the positions are swapped."""
    samples = find_samples()
    movies = [read_dataset(samples / f"{part}.autlist")[0] for part in ("validation", "training", "test")]
    patients = dict(zip("ABC", movies, strict=True))
    sick = patients[_SWAPPED]
    changed = dataclasses.replace(sick.annotations, positions=sick.annotations.positions[:, [0, 2, 1]])
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
        "Or ask the doctor: print(say_findings(diagnose_data([patients['A']], settings))).",
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


# ---- duplicates -----------------------------------------------------------------------------------------------------
_SPACING_UM = (2.0, 0.5, 0.5)
_MARKS = np.array(  # z, y, x in voxels
    [
        (5.0, 20.0, 20.0),
        (5.0, 22.0, 21.0),  # 1.1 µm from the first
        (5.9, 40.0, 40.0),
        (6.6, 40.0, 41.0),  # 1.5 µm from the one before
        (10.0, 60.0, 60.0),
        (11.5, 60.0, 60.0),  # 3 µm away, although 1.5 voxels
        (10.0, 80.0, 80.0),
        (10.0, 82.5, 82.5),  # 1.8 µm away, although 3.5 voxels
    ]
)


def _find_kit_duplicates(positions: np.ndarray) -> set[tuple[int, int]]:
    """The pairs that `check_annotations` reports."""
    annotations = Annotations(positions, np.zeros(len(positions), int), spacing_um=_SPACING_UM)
    problems = check_annotations(annotations)
    return {tuple(sorted(each.rows)) for each in problems if each.rule == "duplicate_position"}


def _find_close(positions: np.ndarray, scale: Sequence[float]) -> set[tuple[int, int]]:
    """Pairs closer than the kit's limit if voxels measured `scale`."""
    steps = np.linalg.norm((positions[:, None] - positions) * scale, axis=-1)
    return {(int(a), int(b)) for a, b in zip(*np.nonzero(steps <= CheckLimits().duplicate_um)) if a < b}


def _judge_duplicates(find: Callable) -> str | None:
    answer = run_answer(find, _MARKS, _SPACING_UM)
    pairs = [tuple(int(row) for row in pair) for pair in answer]
    found, right = set(pairs), _find_kit_duplicates(_MARKS)
    if any(first == second for first, second in pairs):
        return "A position is no duplicate of itself: leave out pairs (i, i)."
    if {(second, first) for first, second in found} & found:
        return "Each pair comes twice, as (i, j) and as (j, i). Keep those with i < j."
    found = {tuple(sorted(pair)) for pair in found}
    if found == right:
        return None
    if found == _find_close(_MARKS, (1, 1, 1)):
        return "These are pairs within 2 voxels. Multiply by spacing_um first: the rule is in µm."
    if found == _find_close(_MARKS, _SPACING_UM[::-1]):
        return "The spacing of z and that of x are swapped. It is (z, y, x), as the positions are."
    return f"Expected the pairs {sorted(right)}, received {sorted(found)}."


duplicates = Exercise(
    answer="find_duplicates",
    judge=_judge_duplicates,
    hints=(
        "Two loops: for i in range(len(positions)), and inside it for j in range(i + 1, len(positions)).",
        "The distance in µm: np.linalg.norm((positions[i] - positions[j]) * spacing_um).",
        "Append (i, j) to a list where that distance is below 2.0, and return the list.",
    ),
    code="""def find_duplicates(positions, spacing_um):
    pairs = []
    for i in range(len(positions)):
        for j in range(i + 1, len(positions)):
            distance_um = np.linalg.norm((positions[i] - positions[j]) * spacing_um)
            if distance_um < 2.0:
                pairs.append((i, j))
    return pairs""",
    because="The kit's rule is the same. For many positions it asks a search tree instead of trying all pairs.",
    others=(
        """def find_duplicates(positions, spacing_um):
    from scipy.spatial import KDTree
    return KDTree(positions * np.array(spacing_um)).query_pairs(2.0)""",
        """def find_duplicates(positions, spacing_um):
    um = np.asarray(positions) * spacing_um
    close = np.linalg.norm(um[:, None] - um[None], axis=-1) < 2
    return np.argwhere(np.triu(close, 1))""",
    ),
    mistakes=(
        (
            """def find_duplicates(positions, spacing_um):
    close = np.linalg.norm(positions[:, None] - positions, axis=-1) <= 2
    return np.argwhere(np.triu(close, 1))""",
            "Multiply by spacing_um first",
        ),
        (
            """def find_duplicates(positions, spacing_um):
    um = positions * spacing_um
    return np.argwhere(np.linalg.norm(um[:, None] - um, axis=-1) < 2)""",
            "no duplicate of itself",
        ),
        (
            """def find_duplicates(positions, spacing_um):
    um = positions * spacing_um[::-1]
    return np.argwhere(np.triu(np.linalg.norm(um[:, None] - um, axis=-1) < 2, 1))""",
            "z and that of x are swapped",
        ),
    ),
)


# ---- a split that does not leak -------------------------------------------------------------------------------------
_GOOD_SPLIT = "C"


def make_splits() -> dict[str, Split]:
    """Three ways to take validation time points from one movie that a network with the window -1 to 1 learns from."""
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
    return None if not leaks else f"This one leaks: {leaks[0]} The network sees a time point before and one after."


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
    others=('good_split = "c"', "good_split = [name for name in splits if len(find_leaks(splits[name])) == 0][0]"),
    mistakes=(
        ('good_split = "A"', "This one leaks"),
        ('good_split = "B"', "This one leaks"),
    ),
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


# ---- a learning rate ------------------------------------------------------------------------------------------------
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_X = np.linspace(0, 4, 30)
_Y = 2 * _X + np.sin(9 * _X) / 3


def train_line(rate: float, steps: int = 400) -> list[float]:
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
    right = max(rate for rate in RATES if train_line(rate)[-1] < train_line(rate)[0])
    if match_numbers(answer, right):
        return None
    if not any(match_numbers(answer, rate) for rate in RATES):
        return f"Answer with one of the rates {RATES}. Received: {answer!r}."
    losses = train_line(float(np.asarray(answer)))
    if not losses[-1] < losses[0]:
        return f"With {answer} the loss begins at {losses[0]:.3g} and ends at {losses[-1]:.3g}: it blows up."
    return f"With {answer} the loss falls, but a higher rate of the list is still safe. Try the next one."


rate = Exercise(
    answer="highest_rate",
    judge=_judge_rate,
    hints=(
        "train_line(0.01) gives the loss after each step; [0] is the first, [-1] the last.",
        "A rate is safe if the last loss is below the first one. NaN is never below anything.",
        "Go through all rates, from low to high, and keep the last one that is safe.",
    ),
    code="""for each in rates:
    losses = train_line(each)
    if losses[-1] < losses[0]:
        highest_rate = each""",
    because="A little higher, and each step overshoots by more than the one before. Stay well below that edge.",
    others=(
        "highest_rate = np.float32(0.1)",
        "highest_rate = max(each for each in rates if np.isfinite(train_line(each)[-1]) and train_line(each)[-1] < 10)",
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
