"""Exercises and questions of notebook 07: a cost, divisions with a tolerance, and where to look
first, by hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons.exercise import match_numbers, run_answer
from organoid_kit.course.lessons.texts import LessonTexts
from organoid_kit.tracking.problem import compute_cost

TEXTS = LessonTexts(__file__)

# ---- a cost
_TRIED = (0.9, 0.5, 0.05, 0.999)


def _judge_cost(find: Callable) -> str | None:
    answers = np.array([float(np.asarray(run_answer(find, probability))) for probability in _TRIED])
    tried = np.array(_TRIED)
    right = compute_cost(tried)
    slips = {
        "sign": -right,
        "log10": right / np.log(10),
        "no_missing": -np.log(tried),
        "log_missing": (1 - tried) / tried,
        "no_probability": 1 - tried,
    }
    return TEXTS.judge("cost", answers, right, slips, 1e-3)


cost = TEXTS.exercise("cost", _judge_cost)

# ---- divisions
_TRUE = {"A": 3, "B": 7, "C": 9, "D": 12, "E": 5}
_CALLED = {
    "A": 4,
    "B": 6,
    "C": 9,
    "D": 15,
    "F": 2,
    "G": 8,
}  # A late, B early, C right, D too late, F and G false


def _count_right(early: int, late: int) -> int:
    return sum(
        name in _TRUE and -early <= time_point - _TRUE[name] <= late
        for name, time_point in _CALLED.items()
    )


def _judge_divisions(find: Callable) -> str | None:
    answer = run_answer(find, dict(_TRUE), dict(_CALLED), 1)
    number = len(_TRUE) + len(_CALLED)
    right = 2 * _count_right(1, 1) / number
    if match_numbers(answer, right, 1e-3):
        strict = run_answer(find, dict(_TRUE), dict(_CALLED), 0)
        is_right = match_numbers(strict, 2 * _count_right(0, 0) / number, 1e-3)
        return None if is_right else TEXTS.say("divisions", "always_1")
    slips = {
        "strict": 2 * _count_right(0, 0) / number,
        "earlier": 2 * _count_right(99, 1) / number,
        "later": 2 * _count_right(0, 1) / number,
        "anytime": 2 * _count_right(99, 99) / number,
        "precision": _count_right(1, 1) / len(_CALLED),
        "recall": _count_right(1, 1) / len(_TRUE),
    }
    return TEXTS.judge("divisions", answer, right, slips, 1e-3)


divisions = TEXTS.exercise("divisions", _judge_divisions)

# ---- where to look first
_SAID = [0.97, 0.55, 0.91, 0.88, 0.62]
_ERRORS = [0.02, 0.04, 0.38, 0.11, 0.09]


def _judge_first(find: Callable) -> str | None:
    answer = np.asarray(run_answer(find, list(_SAID), list(_ERRORS)), float)
    if answer.shape != ():
        return TEXTS.say("first_look", "many")
    slips = {"least_sure": 1, "probability": max(_ERRORS), "from_1": 3}
    return TEXTS.judge("first_look", answer, 2, slips)


first_look = TEXTS.exercise("first_look", _judge_first)

# ---- questions
cheapest = TEXTS.question("cheapest")
can_be_chosen = TEXTS.question("can_be_chosen")
tra = TEXTS.question("tra")
ends = TEXTS.question("ends")
