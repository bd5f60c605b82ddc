"""Exercises and questions of notebook 05: scores for what is rare; settings and scoring, called."""

from collections.abc import Callable

import numpy as np

from organoid_kit.base import make_settings
from organoid_kit.course.lessons import LessonTexts, run_answer
from organoid_kit.data import Annotations
from organoid_kit.evaluation.calibration import compute_reliability
from organoid_kit.evaluation.classification import compute_average_precision
from organoid_kit.evaluation.tracks import DivisionScore

TEXTS = LessonTexts(__file__)
settings, choose_settings = TEXTS.settings_exercise("division")
__getattr__ = TEXTS.question  # such as `lesson.accuracy`


def _average_at_true(in_order: np.ndarray) -> float:
    """Mean precision at the true ones, going down a list."""
    return float((np.cumsum(in_order) / np.arange(1, len(in_order) + 1))[in_order].mean())


@TEXTS.exercise
def average_precision(find: Callable) -> str | None:
    """The average precision of ten nuclei, of which three divide."""
    said = np.array([0.10, 0.95, 0.40, 0.05, 0.80, 0.62, 0.20, 0.33, 0.71, 0.02])
    divides = np.array([0, 1, 0, 0, 0, 1, 0, 0, 0, 1], bool)
    answer, right = run_answer(find, said, divides), compute_average_precision(divides, said)
    order = np.argsort(-said)
    return TEXTS.judge("average_precision", locals(), answer, right, 1e-3)


@TEXTS.exercise
def calibration_error(find: Callable) -> str | None:
    """The expected calibration error of a thousand answers that say yes too often."""
    rng = np.random.default_rng(6)
    said = rng.uniform(0.001, 0.999, 1000) ** 3  # none lies on the edge of a bin
    divides = rng.uniform(size=1000) < 0.6 * said
    measured = compute_reliability(said, divides)
    off = measured.probabilities - measured.parts_true
    off_middle = measured.lows + measured.width / 2 - measured.parts_true
    answer = run_answer(find, said, divides)
    return TEXTS.judge("calibration_error", locals(), answer, measured.ece, 1e-3)


def _make_movie() -> tuple[Annotations, Annotations]:
    """A mother (rows 0 to 2) with two daughters, and a nucleus that does not divide (7 to 11). The
    mother is called a time point early, with a probability just above the threshold.
    """
    y, x = (10,) * 7 + (60,) * 5, (20, 20, 20, 16, 24, 16, 24) + (20,) * 5
    links = [(0, 1), (1, 2), (2, 3), (2, 4), (3, 5), (4, 6), (7, 8), (8, 9), (9, 10), (10, 11)]
    positions = np.stack([np.zeros(12), y, x], axis=1)
    times = [0, 1, 2, 3, 3, 4, 4, 0, 1, 2, 3, 4]
    said = {"division_probability": np.zeros(12)}
    said["division_probability"][[1, 9]] = 0.35, 0.25
    called = Annotations(positions, times, spacing_um=(1, 1, 1), properties=said)
    return Annotations(positions, times, links, spacing_um=(1, 1, 1)), called


@TEXTS.exercise
def scoring(score: Callable) -> str | None:
    """A call of `score_divisions` with the threshold of the settings."""
    answer = run_answer(score, *_make_movie(), make_settings("division", threshold=0.3))
    if not isinstance(answer, DivisionScore):
        return TEXTS.say("scoring", "other_kind", kind=type(answer).__name__)
    if not answer.ranked:
        return TEXTS.say("scoring", "swapped")
    for name, right in (("threshold", 0.3), ("tolerance", 1)):
        if getattr(answer, name) != right:
            return TEXTS.say("scoring", name, **{name: getattr(answer, name)})
    return None
