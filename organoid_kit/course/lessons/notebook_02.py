"""Exercises and questions of notebook 02: distances, double marks, tables of other programs, and
the cuboid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from organoid_kit.course.lessons.exercise import run_answer
from organoid_kit.course.lessons.texts import LessonTexts
from organoid_kit.data.annotations import Annotations

TEXTS = LessonTexts(__file__)

_SPACING_UM = (2.0, 0.5, 0.4)
_FIRST, _SECOND = np.array([3.0, 10.0, 20.0]), np.array([5.0, 16.0, 12.0])

# ---- questions
how_many_problems = TEXTS.question("how_many_problems")
swapped_axes = TEXTS.question("swapped_axes")
scattered_marks = TEXTS.question("scattered_marks")
two_hours = TEXTS.question("two_hours")


# ---- a distance in µm
def _judge_distance(find_distance_um: Callable) -> str | None:
    distance = run_answer(find_distance_um, _FIRST, _SECOND, _SPACING_UM)
    steps, spacing = _SECOND - _FIRST, np.array(_SPACING_UM)
    if np.shape(distance):
        return "A distance is one number. Yours has three: square them, add them up, and take the root."
    slips = {
        "voxels": np.linalg.norm(steps),
        "swapped": np.linalg.norm(steps * spacing[::-1]),
        "divided": np.linalg.norm(steps / spacing),
        "squared": ((steps * spacing) ** 2).sum(),
        "sizes": np.abs(steps * spacing).sum(),
        "sum": np.sum(steps * spacing),
    }
    return TEXTS.judge("distance", distance, np.linalg.norm(steps * spacing), slips, 1e-3)


distance = TEXTS.exercise("distance", _judge_distance)


# ---- nuclei that are marked twice
_MARKS = np.array(
    [(2, 10, 10), (2, 13, 13), (6, 10, 10), (9, 30, 40), (10, 30, 40), (2, 60, 60), (4, 60, 60)],
    float,
)
_TWICE = {(0, 1), (3, 4)}  # within 2.5 µm; in voxels it would be (3, 4) and (5, 6)
_LIMIT_UM = 2.5


def _read_pairs(pairs: Iterable) -> set[tuple[int, ...]]:
    """Pairs of rows, in whatever form and order they came."""
    return {tuple(sorted(int(row) for row in pair)) for pair in pairs}


def _judge_doubles(find_doubles: Callable) -> str | None:
    answer = list(run_answer(find_doubles, _MARKS, _SPACING_UM, _LIMIT_UM))
    if any(np.size(row) != 1 for pair in answer for row in pair):
        return "A pair holds two row numbers, such as (0, 1), not the positions themselves."
    pairs = _read_pairs(answer)
    if any(len(set(pair)) != 2 for pair in pairs):
        return "Each pair must hold two different rows. A position lies at no distance from itself: leave that out."
    if pairs != _TWICE:
        missing, false = sorted(_TWICE - pairs), sorted(pairs - _TWICE)
        wrong = [f"missing: {missing}"] if missing else []
        wrong += [f"not doubles: {false}"] if false else []
        return f"Of 7 marks two pairs lie within {_LIMIT_UM} µm; {'; '.join(wrong)}. Did you measure in µm?"
    if len(answer) > len(pairs):
        return "Each pair is there more than once: (0, 1) and (1, 0) are the same. Let the second row be after the first."
    return None


doubles = TEXTS.exercise("doubles", _judge_doubles)


# ---- a table of another program
_TABLE_UM = np.array([(12.0, 5.0, 6.0), (4.0, 10.0, 2.0)])  # x, y, z


def _judge_table(read_table: Callable) -> str | None:
    positions = run_answer(read_table, _TABLE_UM, _SPACING_UM)
    spacing = np.array(_SPACING_UM)
    turned = _TABLE_UM[:, ::-1]
    slips = {
        "micrometres": turned,
        "multiplied": turned * spacing,
        "columns": _TABLE_UM / spacing,
        "xyz": _TABLE_UM / spacing[::-1],
        "spacing": turned / spacing[::-1],
        "rows": _TABLE_UM[::-1] / spacing,
    }
    return TEXTS.judge("table", positions, turned / spacing, slips, 1e-3)


table = TEXTS.exercise("table", _judge_table)


# ---- the cuboid of annotations
_POINTS = np.array([(3, 40, 12), (7, 22, 30), (5, 31, 18)], float)


def _judge_cuboid(find_cuboid: Callable) -> str | None:
    truth = Annotations(_POINTS, np.zeros(len(_POINTS), int)).annotated_region(0)
    cuboid = run_answer(find_cuboid, _POINTS)
    slips = {
        "order": truth[::-1],
        "size": truth[1] - truth[0],
        "by_axis": truth.T,
        "one_number": [_POINTS.min(), _POINTS.max()],
        "ends": [_POINTS[0], _POINTS[-1]],
    }
    return TEXTS.judge("cuboid", cuboid, truth, slips, 1e-6)


cuboid = TEXTS.exercise("cuboid", _judge_cuboid)
