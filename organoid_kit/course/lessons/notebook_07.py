"""Exercises and questions of notebook 07: a cost, where to look first."""

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons import LessonTexts, run_answer
from organoid_kit.tracking import compute_cost

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.cheapest`


@TEXTS.exercise
def cost(find: Callable) -> str | None:
    """The costs of four probabilities."""
    tried = np.array([0.9, 0.5, 0.05, 0.999])
    answers = [np.asarray(run_answer(find, p), float).item() for p in tried.tolist()]
    right = compute_cost(tried)
    return TEXTS.judge("cost", locals(), answers, right, 1e-3)


@TEXTS.exercise
def first_look(find: Callable) -> str | None:
    """The row of the link that is most probably wrong."""
    said, errors = [0.97, 0.55, 0.91, 0.88, 0.62], [0.02, 0.04, 0.38, 0.11, 0.09]
    return TEXTS.judge("first_look", locals(), run_answer(find, said, errors), 2)
