"""Exercises and questions of notebook 05: scores for what is rare, by hand; settings and scoring,
called by oneself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from organoid_kit.base.settings import NetworkSettings, make_settings
from organoid_kit.course.lessons.exercise import match_numbers, run_answer
from organoid_kit.course.lessons.taking import choose_answer, judge_settings
from organoid_kit.course.lessons.texts import LessonTexts
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.calibration import compute_reliability
from organoid_kit.evaluation.classification import compute_average_precision
from organoid_kit.evaluation.tracks import DivisionScore, score_divisions

TEXTS = LessonTexts(__file__)

# Ten nuclei, of which three divide; no probability occurs twice.
_SAID = np.array([0.10, 0.95, 0.40, 0.05, 0.80, 0.62, 0.20, 0.33, 0.71, 0.02])
_DIVIDES = np.array([0, 1, 0, 0, 0, 1, 0, 0, 0, 1], bool)


# ---- settings
settings = TEXTS.exercise("settings", partial(judge_settings, "division"))


def choose_settings(answer: Any, **usual: Any) -> NetworkSettings:
    """The learner's settings, or those of the kit with the numbers of the notebook."""
    return choose_answer(settings, answer, lambda: make_settings("division", **usual))


# ---- average precision
def _judge_average_precision(find: Callable) -> str | None:
    right = compute_average_precision(_DIVIDES, _SAID)
    answer = run_answer(find, _SAID, _DIVIDES)
    if match_numbers(answer, right, 1e-3):
        return _judge_more(find)
    order = np.argsort(-_SAID)
    slips = {
        "lowest_first": _sum_up(_DIVIDES[order[::-1]]),
        "unsorted": _sum_up(_DIVIDES),
        "everywhere": np.mean(np.cumsum(_DIVIDES[order]) / np.arange(1, 11)),
        "all_nuclei": right * 3 / 10,
        "accuracy": np.mean((_SAID >= 0.5) == _DIVIDES),
    }
    return TEXTS.judge("average_precision", answer, right, slips, 1e-3)


def _sum_up(in_order: np.ndarray) -> float:
    """Mean precision at the true ones, going down a list."""
    return float((np.cumsum(in_order) / np.arange(1, len(in_order) + 1))[in_order].mean())


def _judge_more(find: Callable) -> str | None:
    """Other nuclei, so that a number copied from the example does not count."""
    rng = np.random.default_rng(5)
    said, divides = rng.permutation(40) / 40, rng.uniform(size=40) < 0.2
    if match_numbers(
        run_answer(find, said, divides), compute_average_precision(divides, said), 1e-3
    ):
        return None
    return "Right for ten nuclei with three divisions, wrong for forty: let the function count how many there are."


average_precision = TEXTS.exercise("average_precision", _judge_average_precision)


# ---- calibration
def _make_answers() -> tuple[np.ndarray, np.ndarray]:
    """A thousand answers that say yes too often; none lies on the edge of a bin."""
    rng = np.random.default_rng(6)
    said = rng.uniform(0.001, 0.999, 1000) ** 3
    return said, rng.uniform(size=1000) < 0.6 * said


def _judge_calibration(find: Callable) -> str | None:
    said, divides = _make_answers()
    measured = compute_reliability(said, divides)
    answer = run_answer(find, said, divides)
    off = measured.probabilities - measured.parts_true
    lows = measured.lows + measured.width / 2
    slips = {
        "equal_bins": np.abs(off).mean(),
        "sum": np.abs(off) @ measured.counts,
        "middle": np.average(lows - measured.parts_true, weights=measured.counts),
        "middle_sizes": np.average(np.abs(lows - measured.parts_true), weights=measured.counts),
        "single": np.mean(np.abs(said - divides)),
        "brier": np.mean((said - divides) ** 2),
    }
    return TEXTS.judge("calibration_error", answer, measured.ece, slips, 1e-3)


calibration_error = TEXTS.exercise("calibration_error", _judge_calibration)


# ---- scoring
_THRESHOLD = 0.3


def _make_movie() -> tuple[Annotations, Annotations]:
    """A mother (rows 0 to 2) with two daughters, and a nucleus that does not divide (7 to 11).

    The mother is called a time point early, with a probability just above the threshold.
    """
    y, x = (10,) * 7 + (60,) * 5, (20, 20, 20, 16, 24, 16, 24) + (20,) * 5
    links = [(0, 1), (1, 2), (2, 3), (2, 4), (3, 5), (4, 6), (7, 8), (8, 9), (9, 10), (10, 11)]
    positions = np.stack([np.zeros(12), y, x], axis=1)
    times = [0, 1, 2, 3, 3, 4, 4, 0, 1, 2, 3, 4]
    said = np.zeros(12)
    said[[1, 9]] = 0.35, 0.25
    truth = Annotations(positions, times, links, spacing_um=(1, 1, 1))
    return truth, Annotations(
        positions, times, spacing_um=(1, 1, 1), properties={"division_probability": said}
    )


def _judge_scoring(score: Callable) -> str | None:
    truth, found = _make_movie()
    answer = run_answer(score, truth, found, make_settings("division", threshold=_THRESHOLD))
    if not isinstance(answer, DivisionScore):
        return f"Return what `score_divisions` gives; all figures are in it. Received: {type(answer).__name__}."
    if not answer.ranked:
        return "Truth and what was found are swapped: the truth comes first."
    if answer.threshold != _THRESHOLD:
        return f"You scored with a threshold of {answer.threshold:g}. The one chosen in validation is settings.threshold."
    if answer.tolerance != 1:
        return f"A call may be one time point off. Your tolerance is {answer.tolerance}."
    return None


scoring = TEXTS.exercise("scoring", _judge_scoring)


def choose_scoring(
    answer: Any,
) -> Callable[[Annotations, Annotations, NetworkSettings], DivisionScore]:
    """The learner's function, or the same of the kit."""

    def score(truth: Annotations, found: Annotations, settings: NetworkSettings) -> DivisionScore:
        return score_divisions(truth, found, tolerance=1, threshold=settings.threshold)

    return choose_answer(scoring, answer, lambda: score)


# ---- questions
accuracy = TEXTS.question("accuracy")
too_high = TEXTS.question("too_high")
after_calibration = TEXTS.question("after_calibration")
seams = TEXTS.question("seams")
