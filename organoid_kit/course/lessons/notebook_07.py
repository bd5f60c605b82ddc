"""Exercises and questions of notebook 07: a cost, divisions with tolerance, where to look first."""

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
    slips = {
        "sign": -right,
        "log10": right / np.log(10),
        "no_missing": -np.log(tried),
        "log_missing": (1 - tried) / tried,
        "no_probability": 1 - tried,
    }
    return TEXTS.judge("cost", answers, right, slips, 1e-3)


# A is called late, B early, C right, D too late; F and G are false
_TRUE = {"A": 3, "B": 7, "C": 9, "D": 12, "E": 5}
_CALLED = {"A": 4, "B": 6, "C": 9, "D": 15, "F": 2, "G": 8}


def _compute_f1(early: int, late: int) -> float:
    """F1, where a call may be so many time points early or late."""
    off = [_CALLED[name] - _TRUE[name] for name in _CALLED.keys() & _TRUE.keys()]
    return 2 * sum(-early <= steps <= late for steps in off) / (len(_TRUE) + len(_CALLED))


@TEXTS.exercise
def divisions(find: Callable) -> str | None:
    """F1 of divisions that may be called a time point early or late."""
    answer = run_answer(find, dict(_TRUE), dict(_CALLED), 1)
    slips = {
        "strict": _compute_f1(0, 0),
        "earlier": _compute_f1(99, 1),
        "later": _compute_f1(0, 1),
        "anytime": _compute_f1(99, 99),
        "precision": 3 / len(_CALLED),
        "recall": 3 / len(_TRUE),
    }
    return TEXTS.judge("divisions", answer, _compute_f1(1, 1), slips, 1e-3)


@TEXTS.exercise
def first_look(find: Callable) -> str | None:
    """The row of the link that is most probably wrong."""
    said, errors = [0.97, 0.55, 0.91, 0.88, 0.62], [0.02, 0.04, 0.38, 0.11, 0.09]
    slips = {"least_sure": 1, "probability": max(errors), "from_1": 3}
    return TEXTS.judge("first_look", run_answer(find, said, errors), 2, slips)
