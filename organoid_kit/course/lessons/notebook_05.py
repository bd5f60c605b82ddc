"""Exercises and questions of notebook 05: scores for what is rare, by hand; settings and scoring,
called by oneself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from organoid_kit.base.settings import NetworkSettings, make_settings
from organoid_kit.course.lessons.exercise import Exercise, find_slip, match_numbers, run_answer
from organoid_kit.course.lessons.question import Question
from organoid_kit.course.lessons.taking import choose_answer, judge_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.calibration import compute_reliability
from organoid_kit.evaluation.classification import compute_average_precision
from organoid_kit.evaluation.tracks import DivisionScore, score_divisions

# Ten nuclei, of which three divide; no probability occurs twice.
_SAID = np.array([0.10, 0.95, 0.40, 0.05, 0.80, 0.62, 0.20, 0.33, 0.71, 0.02])
_DIVIDES = np.array([0, 1, 0, 0, 0, 1, 0, 0, 0, 1], bool)


# ---- settings -------------------------------------------------------------------------------------------------------
settings = Exercise(
    answer="my_settings",
    judge=partial(judge_settings, "division"),
    hints=(
        'It is called as in notebook 04, with another network: make_settings("…", channels=…, …).',
        "Pass what stands in the cell of numbers to change: channels, epochs, output_folder.",
        "crops_per_time_point goes by the name of patches_per_time_point, the same for all three networks.",
    ),
    code="""my_settings = make_settings(
    "division", channels=channels, epochs=epochs, output_folder=output_folder,
    patches_per_time_point=crops_per_time_point,
    time_window=time_window, division_window=division_window,
)""",
    because="What you do not name stays as the kit has it for this network: crops, batch size, learning rate.",
    others=('my_settings = make_settings(network="division", channels=[2, 3]).changed(epochs=5)',),
    mistakes=(
        (
            "my_settings = make_settings(channels=channels, epochs=epochs)",
            "settings of a position network",
        ),
        ('my_settings = make_settings("division", epochs=epochs)', "left at (1,)"),
        ('my_settings = "division"', "Received: str"),
    ),
    given="""from organoid_kit.base.settings import make_settings
channels, epochs, output_folder, crops_per_time_point = (2, 3), 25, "runs", 48
time_window, division_window = (-1, 1), (0, 0)""",
)


def choose_settings(answer: Any, **usual: Any) -> NetworkSettings:
    """The learner's settings, or those of the kit with the numbers of the notebook."""
    return choose_answer(settings, answer, lambda: make_settings("division", **usual))


# ---- average precision ----------------------------------------------------------------------------------------------
def _judge_average_precision(find: Callable) -> str | None:
    right = compute_average_precision(_DIVIDES, _SAID)
    answer = run_answer(find, _SAID, _DIVIDES)
    if match_numbers(answer, right, 1e-3):
        return _judge_more(find)
    order = np.argsort(-_SAID)
    slips = (
        (
            _sum_up(_DIVIDES[order[::-1]]),
            "The list begins with the LOWEST probability. Turn it round.",
        ),
        (
            _sum_up(_DIVIDES),
            "The nuclei are still in the order in which they came. Sort by probability first.",
        ),
        (
            np.mean(np.cumsum(_DIVIDES[order]) / np.arange(1, 11)),
            "Note the precision at true divisions only.",
        ),
        (right * 3 / 10, "The mean is over the true divisions, not over all nuclei."),
        (np.mean((_SAID >= 0.5) == _DIVIDES), "That is the accuracy."),
    )
    return (
        find_slip(answer, slips, 1e-3)
        or f"For the ten nuclei of the example the kit gives {right:.3f}. Go through the list on paper, line by line."
    )


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


average_precision = Exercise(
    answer="find_average_precision_by_hand",
    judge=_judge_average_precision,
    hints=(
        "np.argsort(-said) gives the rows from the highest probability to the lowest.",
        "Go down that list and count two things: how many nuclei so far, and how many of them divide.",
        "At each true division, append right / seen to a list; in the end take np.mean of it.",
    ),
    code="""def find_average_precision_by_hand(said, divides):
    seen, right, precisions = 0, 0, []
    for row in np.argsort(-said):
        seen += 1
        if divides[row]:
            right += 1
            precisions.append(right / seen)
    return np.mean(precisions)""",
    because="It asks for the order only: a network that says 0.02 for each division and 0.01 for all else gets 1.",
    others=(
        """def find_average_precision_by_hand(said, divides):
    truths = [truth for _, truth in sorted(zip(said, divides), reverse=True)]
    ranks = np.flatnonzero(truths) + 1
    return sum(number / rank for number, rank in enumerate(ranks, start=1)) / len(ranks)""",
    ),
    mistakes=(
        (
            """def find_average_precision_by_hand(said, divides):
    truths = divides[np.argsort(said)]
    return np.mean((np.cumsum(truths) / np.arange(1, len(truths) + 1))[truths])""",
            "LOWEST",
        ),
        (
            """def find_average_precision_by_hand(said, divides):
    truths = divides[np.argsort(-said)]
    return np.mean(np.cumsum(truths) / np.arange(1, len(truths) + 1))""",
            "at true divisions only",
        ),
        (
            """def find_average_precision_by_hand(said, divides):
    return np.mean((said >= 0.5) == divides)""",
            "the accuracy",
        ),
    ),
)


# ---- calibration ----------------------------------------------------------------------------------------------------
def _make_answers() -> tuple[np.ndarray, np.ndarray]:
    """A thousand answers that say yes too often; none lies on the edge of a bin."""
    rng = np.random.default_rng(6)
    said = rng.uniform(0.001, 0.999, 1000) ** 3
    return said, rng.uniform(size=1000) < 0.6 * said


def _judge_calibration(find: Callable) -> str | None:
    said, divides = _make_answers()
    measured = compute_reliability(said, divides)
    answer = run_answer(find, said, divides)
    if match_numbers(answer, measured.ece, 1e-3):
        return None
    off = measured.probabilities - measured.parts_true
    lows = measured.lows + measured.width / 2
    slips = (
        (np.abs(off).mean(), "Every bin counts the same in yours. It must count by the number of its nuclei."),
        (np.abs(off) @ measured.counts, "This is the sum over nuclei. Divide by how many there are."),
        (np.average(lows - measured.parts_true, weights=measured.counts), "Take what was said, not the bin's middle."),
        (np.average(np.abs(lows - measured.parts_true), weights=measured.counts), "Take the mean of what was said "
         "in a bin, not the bin's middle."),
        (np.mean(np.abs(said - divides)), "That is each answer against its truth. Take means within bins first."),
        (np.mean((said - divides) ** 2), "That is the Brier score."),
    )  # fmt: skip
    return (
        find_slip(answer, slips, 1e-4)
        or f"For the example the kit gives {measured.ece:.3f}. Print said, true and number of each of the ten bins."
    )


calibration_error = Exercise(
    answer="find_calibration_error",
    judge=_judge_calibration,
    hints=(
        "One bin first: in_bin = (said >= 0.2) & (said < 0.3) is True for its nuclei, and said[in_bin] are theirs.",
        "What was said is said[in_bin].mean(), what is true divides[in_bin].mean(). How far are they apart? Use abs.",
        "Multiply by in_bin.sum() and add up over the ten bins; divide by len(said). Leave out empty bins.",
    ),
    code="""def find_calibration_error(said, divides):
    total = 0
    for low in np.arange(10) / 10:
        in_bin = (said >= low) & (said < low + 0.1)
        if in_bin.any():
            distance = abs(said[in_bin].mean() - divides[in_bin].mean())
            total += distance * in_bin.sum()
    return total / len(said)""",
    because="Most nuclei do not divide, so the first bin decides nearly alone: look at the diagram, too.",
    others=(
        """def find_calibration_error(said, divides):
    bins = np.digitize(said, np.linspace(0, 1, 11))
    parts = [(said[bins == each], divides[bins == each]) for each in np.unique(bins)]
    return [sum(len(p) / len(said) * abs(np.mean(p) - np.mean(t)) for p, t in parts)][0]""",
    ),
    mistakes=(
        (
            """def find_calibration_error(said, divides):
    bins = (said * 10).astype(int)
    return np.mean([abs(said[bins == each].mean() - divides[bins == each].mean()) for each in np.unique(bins)])""",
            "by the number of its nuclei",
        ),
        (
            """def find_calibration_error(said, divides):
    return np.mean(abs(said - divides))""",
            "means within bins first",
        ),
        (
            """def find_calibration_error(said, divides):
    return np.mean((said - divides) ** 2)""",
            "Brier score",
        ),
    ),
)


# ---- scoring --------------------------------------------------------------------------------------------------------
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


scoring = Exercise(
    answer="score_calls",
    judge=_judge_scoring,
    hints=(
        "score_divisions wants the truth, then what was found, then options by name.",
        "The options are tolerance, in time points, and threshold, which the settings know.",
    ),
    code="""def score_calls(truth, found, settings):
    return score_divisions(truth, found, tolerance=1, threshold=settings.threshold)""",
    because="The threshold was chosen after calibration: of something rare one is often less sure than 0.5, and right.",
    others=(
        """def score_calls(truth, found, settings):
    options = {"threshold": settings.threshold, "by": "division_probability"}
    return score_divisions(truth=truth, found=found, **options)""",
    ),
    mistakes=(
        (
            """def score_calls(truth, found, settings):
    return score_divisions(truth, found, tolerance=1)""",
            "The one chosen in validation",
        ),
        (
            """def score_calls(truth, found, settings):
    return score_divisions(found, truth, tolerance=1, threshold=settings.threshold)""",
            "the truth comes first",
        ),
        (
            """def score_calls(truth, found, settings):
    return score_divisions(truth, found, tolerance=0, threshold=settings.threshold)""",
            "one time point off",
        ),
    ),
    given="from organoid_kit.evaluation.tracks import score_divisions",
)


def choose_scoring(
    answer: Any,
) -> Callable[[Annotations, Annotations, NetworkSettings], DivisionScore]:
    """The learner's function, or the same of the kit."""

    def score(truth: Annotations, found: Annotations, settings: NetworkSettings) -> DivisionScore:
        return score_divisions(truth, found, tolerance=1, threshold=settings.threshold)

    return choose_answer(scoring, answer, lambda: score)


# ---- questions ------------------------------------------------------------------------------------------------------
accuracy = Question(
    text='A friend says: "My division network is 98 % accurate." What do you answer?',
    choices={
        "a": "Well done: only 2 of 100 answers are wrong.",
        "b": "How many nuclei divide in your movies? Tell me precision and recall.",
        "c": "Train it longer, then it gets to 99 %.",
    },
    right="b",
    because={
        "a": "If 2 of 100 nuclei divide, a network that always says 'no' is 98 % accurate, too.",
        "b": "Where something is rare, always 'no' has a splendid accuracy, and a recall of 0.",
        "c": "Nobody knows whether it needs that: 98 % may be what one gets by always saying 'no'.",
    },
)

too_high = Question(
    text="A third of the training examples were divisions; in a movie they are far rarer. What will be wrong with the "
    "network's probabilities on a movie?",
    choices={"a": "too high", "b": "too low", "c": "nothing, the order is what counts"},
    right="a",
    because={
        "a": "It expects as many divisions as it was shown. The diagram will show points below the diagonal.",
        "b": "Think of what it was shown: one in three divided. That is what it expects.",
        "c": "The order may be right, but tracking weighs these numbers against others: they must be right, too.",
    },
)

after_calibration = Question(
    text="You calibrate a network. What becomes of its average precision?",
    choices={"a": "it rises", "b": "it stays the same", "c": "it falls"},
    right="b",
    because={
        "a": "Average precision looks at the order only. Does calibration change the order?",
        "b": "Probabilities change, their order does not.",
        "c": "Average precision looks at the order only. Does calibration change the order?",
    },
)

seams = Question(
    text="Why are nuclei that do not divide pasted into other surroundings as well?",
    choices={
        "a": "to have more examples of them",
        "b": "otherwise every seam would mean 'divides', and the network would look for seams",
        "c": "to make training harder",
    },
    right="b",
    because={
        "a": "There are more than enough of those.",
        "b": "A network takes the easiest way there is, and a seam is easier to see than a metaphase.",
        "c": "Harder is not better by itself. Think of what a network sees where something was cut out.",
    },
)
