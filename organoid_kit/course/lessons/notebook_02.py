"""Exercises and questions of notebook 02: distances, double marks, foreign tables, the cuboid."""

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons import LessonTexts, run_answer
from organoid_kit.data import Annotations

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.how_many_problems`
_SPACING_UM = (2.0, 0.5, 0.4)


@TEXTS.exercise
def distance(find_distance_um: Callable) -> str | None:
    """The distance of two positions in µm."""
    first, second = np.array([3.0, 10.0, 20.0]), np.array([5.0, 16.0, 12.0])
    answer = run_answer(find_distance_um, first, second, _SPACING_UM)
    steps, spacing = second - first, np.array(_SPACING_UM)
    return TEXTS.judge("distance", locals(), answer, np.linalg.norm(steps * spacing), 1e-3)


@TEXTS.exercise
def doubles(find_doubles: Callable) -> str | None:
    """Nuclei that are marked twice, within 2.5 µm."""
    first, second = [(2, 10, 10), (2, 13, 13), (6, 10, 10)], [(9, 30, 40), (10, 30, 40)]
    marks = np.array([*first, *second, (2, 60, 60), (4, 60, 60)], float)
    right = {(0, 1), (3, 4)}  # in voxels it would be (3, 4) and (5, 6)
    answer = list(run_answer(find_doubles, marks, _SPACING_UM, 2.5))
    if any(np.size(row) != 1 for pair in answer for row in pair):
        return TEXTS.say("doubles", "positions")
    pairs = {tuple(sorted(int(row) for row in pair)) for pair in answer}
    if any(len(set(pair)) != 2 for pair in pairs):
        return TEXTS.say("doubles", "itself")
    if pairs != right:
        wrong = {"missing": sorted(right - pairs), "not doubles": sorted(pairs - right)}
        said = "; ".join(f"{what}: {rows}" for what, rows in wrong.items() if rows)
        return TEXTS.say("doubles", "otherwise", wrong=said)
    return TEXTS.say("doubles", "twice") if len(answer) > len(pairs) else None


@TEXTS.exercise
def table(read_table: Callable) -> str | None:
    """A table of another program: columns x, y, z, in µm."""
    table_um, spacing = np.array([(12.0, 5.0, 6.0), (4.0, 10.0, 2.0)]), np.array(_SPACING_UM)
    positions = run_answer(read_table, table_um, _SPACING_UM)
    turned = table_um[:, ::-1]
    return TEXTS.judge("table", locals(), positions, turned / spacing, 1e-3)


@TEXTS.exercise
def cuboid(find_cuboid: Callable) -> str | None:
    """The smallest cuboid around all annotations."""
    points = np.array([(3, 40, 12), (7, 22, 30), (5, 31, 18)], float)
    right = Annotations(points, np.zeros(len(points), int)).annotated_region(0)
    return TEXTS.judge("cuboid", locals(), run_answer(find_cuboid, points), right)
