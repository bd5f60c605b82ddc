"""Exercises and questions of notebook 07: a cost, divisions with a tolerance, and where to look
first, by hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons.exercise import Exercise, find_slip, match_numbers, run_answer
from organoid_kit.course.lessons.question import Question
from organoid_kit.tracking.problem import compute_cost

# ---- a cost ---------------------------------------------------------------------------------------------------------
_TRIED = (0.9, 0.5, 0.05, 0.999)


def _judge_cost(find: Callable) -> str | None:
    answers = np.array([float(np.asarray(run_answer(find, probability))) for probability in _TRIED])
    tried = np.array(_TRIED)
    right = compute_cost(tried)
    if match_numbers(answers, right, 1e-3):
        return None
    slips = (
        (
            -right,
            "The sign is wrong: what is likely has a cost BELOW zero. Turn the fraction round.",
        ),
        (right / np.log(10), "This is with np.log10. Costs are natural logarithms, np.log."),
        (
            -np.log(tried),
            "This is -log(p). So 'yes' would always cost something; a 'no' must be counted, too.",
        ),
        ((1 - tried) / tried, "The logarithm is missing: only logarithms may be added up."),
        (1 - tried, "This is the probability of a 'no'. Divide it by p, and take the logarithm."),
    )
    return (
        find_slip(answers, slips, 1e-3)
        or f"A probability of {_TRIED[0]} costs {right[0]:.3f}; yours: {answers[0]:.3f}."
    )


cost = Exercise(
    answer="find_cost_by_hand",
    judge=_judge_cost,
    hints=(
        "How much more probable is 'no' than 'yes'? (1 - p) / p.",
        "The natural logarithm of that is np.log((1 - p) / p).",
    ),
    code="""def find_cost_by_hand(probability):
    return np.log((1 - probability) / probability)""",
    because="Probabilities of a story are multiplied, so their logarithms are added. As likely as not costs nothing.",
    others=(
        """def find_cost_by_hand(p):
    return np.log1p(-p) - np.log(p)""",
        """import math
def find_cost_by_hand(p):
    return -math.log(p / (1 - p))""",
    ),
    mistakes=(
        (
            """def find_cost_by_hand(probability):
    return np.log(probability / (1 - probability))""",
            "BELOW zero",
        ),
        (
            """def find_cost_by_hand(probability):
    return np.log10((1 - probability) / probability)""",
            "np.log10",
        ),
        (
            """def find_cost_by_hand(probability):
    return -np.log(probability)""",
            "'no' must be counted",
        ),
    ),
)

# ---- divisions ------------------------------------------------------------------------------------------------------
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
    if match_numbers(answer, 2 * _count_right(1, 1) / number, 1e-3):
        strict = run_answer(find, dict(_TRUE), dict(_CALLED), 0)
        if match_numbers(strict, 2 * _count_right(0, 0) / number, 1e-3):
            return None
        return (
            "Right for a tolerance of 1, not for 0. Use the argument `tolerance`, not the number 1."
        )
    slips = (
        (2 * _count_right(0, 0) / number, "The tolerance is not used: a call one time point off is right."),
        (2 * _count_right(99, 1) / number, "However early, a call counts in yours. Use abs: early is off, too."),
        (2 * _count_right(0, 1) / number, "Only late calls may be off in yours. A call may be early, too."),
        (2 * _count_right(99, 99) / number, "D was called three time points late, and counts in yours."),
        (_count_right(1, 1) / len(_CALLED), "This is the precision. F1 also asks how many true ones were found."),
        (_count_right(1, 1) / len(_TRUE), "This is the recall. F1 also asks how many of the calls are right."),
    )  # fmt: skip
    return (
        find_slip(answer, slips, 1e-3)
        or f"3 of 5 true divisions are called, with 6 calls: F1 = 2 · 3 / (5 + 6) = {6 / 11:.3f}."
    )


divisions = Exercise(
    answer="find_division_f1",
    judge=_judge_divisions,
    hints=(
        "Go through the calls: for name, time_point in called.items(). Is the name in true?",
        "If so, abs(time_point - true[name]) says how far off it is. Count it where that is at most tolerance.",
        "F1 = 2 · right / (len(true) + len(called)): the same as from precision and recall.",
    ),
    code="""def find_division_f1(true, called, tolerance):
    right = 0
    for name, time_point in called.items():
        if name in true and abs(time_point - true[name]) <= tolerance:
            right += 1
    return 2 * right / (len(true) + len(called))""",
    because="The kit does the same, and finds out by distance which nucleus is which.",
    others=(
        """def find_division_f1(true, called, tolerance):
    right = len([name for name in true if abs(called.get(name, 10**6) - true[name]) <= tolerance])
    precision, recall = right / len(called), right / len(true)
    return 2 * precision * recall / (precision + recall)""",
    ),
    mistakes=(
        (
            """def find_division_f1(true, called, tolerance):
    right = len(set(true.items()) & set(called.items()))
    return 2 * right / (len(true) + len(called))""",
            "tolerance is not used",
        ),
        (
            """def find_division_f1(true, called, tolerance):
    right = sum(name in true and 0 <= called[name] - true[name] <= tolerance for name in called)
    return 2 * right / (len(true) + len(called))""",
            "may be early, too",
        ),
        (
            """def find_division_f1(true, called, tolerance):
    right = sum(name in true and abs(called[name] - true[name]) <= tolerance for name in called)
    return right / len(called)""",
            "the precision",
        ),
    ),
)

# ---- where to look first --------------------------------------------------------------------------------------------
_SAID = [0.97, 0.55, 0.91, 0.88, 0.62]
_ERRORS = [0.02, 0.04, 0.38, 0.11, 0.09]


def _judge_first(find: Callable) -> str | None:
    answer = np.asarray(run_answer(find, list(_SAID), list(_ERRORS)), float)
    if answer.shape != ():
        return "One link, please: the number of its row."
    if match_numbers(answer, 2):
        return None
    if match_numbers(answer, 1):
        return (
            "That is the link of which the network was least sure. But nothing else was possible there: with an error "
            "probability of 0.04 it is most likely right."
        )
    if match_numbers(answer, max(_ERRORS)):
        return "That is its error probability. Return the row in which it stands; rows are counted from 0."
    if match_numbers(answer, 3):
        return "Rows are counted from 0."
    return "Return the row of the link that is most probably WRONG."


first_look = Exercise(
    answer="choose_first",
    judge=_judge_first,
    hints=(
        "Two lists are given. Which of the two has looked at what else was possible?",
        "np.argmax(numbers) gives the row of the highest number.",
    ),
    code="""def choose_first(said, errors):
    return np.argmax(errors)""",
    because="0.91 sounds sure. But another story is nearly as good there, so somebody should look.",
    others=(
        """def choose_first(said, errors):
    return errors.index(max(errors))""",
        """def choose_first(said, errors):
    return sorted(range(len(errors)), key=lambda row: errors[row])[-1]""",
    ),
    mistakes=(
        (
            """def choose_first(said, errors):
    return np.argmin(said)""",
            "least sure",
        ),
        (
            """def choose_first(said, errors):
    return max(errors)""",
            "the row in which it stands",
        ),
        (
            """def choose_first(said, errors):
    return np.argmin(errors)""",
            "most probably WRONG",
        ),
    ),
)

# ---- questions ------------------------------------------------------------------------------------------------------
cheapest = Question(
    text="A→C has a probability of 0.9, A→D 0.6, B→C 0.8, B→D 0.05. Ends, beginnings and divisions are rare. Which "
    "story is the cheapest?",
    choices={"a": "A→C and B→D", "b": "A→D and B→C", "c": "A→C; B ends, D begins"},
    right="b",
    because={
        "a": "It has the best single link, but B→D with 0.05 costs more than all that A→C gains.",
        "b": "The best single link is not in the best story.",
        "c": "An end and a beginning, each of probability 0.01, cost far more than A→C gains.",
    },
)

can_be_chosen = Question(
    text="A link has a probability of 0.4. Can it be in the most probable story?",
    choices={"a": "no, it is more likely wrong than right", "b": "yes, if all else costs more"},
    right="b",
    because={
        "a": "By itself, yes. But then one track must end and another begin, and that is less likely still.",
        "b": "It costs a little; an end and a beginning cost more.",
    },
)

tra = Question(
    text="We take the truth and delete one thing: all divisions. TRA goes from 0 to 1. What will it be?",
    choices={"a": "about 0.5", "b": "about 0.8", "c": "above 0.95"},
    right="c",
    because={
        "a": "It would deserve it. But TRA counts positions mostly, and they are all there.",
        "b": "Still too low: TRA counts positions mostly, and they are all there.",
        "c": "Divisions are few among all that TRA counts. Ask for more than TRA.",
    },
)

ends = Question(
    text="Your tracks have many ends in the middle of the organoid. Which network do you look at first?",
    choices={"a": "the position network", "b": "the division network", "c": "the link network"},
    right="a",
    because={
        "a": "Most often the nucleus is there at the next time point and was not found.",
        "b": "A missed division leaves a beginning, rather: the second daughter comes from nowhere.",
        "c": "Perhaps, later: if nuclei were found and not linked, or move farther than candidates reach.",
    },
)
