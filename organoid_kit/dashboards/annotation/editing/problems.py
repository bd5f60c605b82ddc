"""Problems while one edits: of positions and links as they are now, of images as last looked at.

Looking at images takes a second for each time point, so it is done on demand. What was found there
is hidden once it is mended, and comes back where the mending is undone.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation import check_annotations
from organoid_kit.evaluation.checks import CheckLimits, Problem


@dataclass(frozen=True)
class ImageProblems:
    """What a look at the images found, and the numbers of the positions each problem concerns."""

    problems: tuple[Problem, ...] = ()
    numbers: tuple[tuple[int, ...], ...] = ()


def find_image_problems(
    annotations: Annotations, numbers: np.ndarray, movie: TimeLapse, channels: Sequence[int]
) -> ImageProblems:
    """Looks at all annotated time points; `numbers` are those of the editor at the same moment."""
    without = check_annotations(annotations, movie, channels=channels, time_points=())
    found = check_annotations(annotations, movie, channels=channels)
    found = [problem for problem in found if problem not in set(without)]
    return ImageProblems(
        tuple(found), tuple(tuple(numbers[list(problem.rows)].tolist()) for problem in found)
    )


def find_problems(
    editor: AnnotationEditor, channels: Sequence[int] = (1,), of_images: ImageProblems | None = None
) -> list[Problem]:
    """What is wrong now, with what is left of the problems of images."""
    annotations, of_images = editor.annotations, of_images or ImageProblems()
    problems = check_annotations(annotations, editor.movie, channels=channels, time_points=())
    reported = {row for problem in problems for row in problem.rows}
    for problem, numbers in zip(of_images.problems, of_images.numbers, strict=True):
        rows = tuple(editor.find_row(number) for number in numbers)
        if not _is_mended(problem, rows, annotations) and not reported.intersection(rows):
            problems.append(dataclasses.replace(problem, rows=rows))
    return problems


def _is_mended(problem: Problem, rows: Sequence[int | None], annotations: Annotations) -> bool:
    """Whether a position was deleted or moved, or a blob has a position now."""
    if None in rows:
        return True
    if None in (problem.position, problem.time_point):
        return False
    if rows:
        return not np.array_equal(annotations.positions[rows[0]], problem.position)
    away = annotations.positions_at(problem.time_point) - problem.position
    away_um = np.linalg.norm(away * (annotations.spacing_um or (1.0, 1.0, 1.0)), axis=1)
    return bool((away_um <= CheckLimits().own_um).any())
