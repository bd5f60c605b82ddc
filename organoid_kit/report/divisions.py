"""What a report says of a division network: divisions called, and whether the probabilities can be
believed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from organoid_kit.evaluation.classification import PrecisionRecall, compute_precision_recall
from organoid_kit.evaluation.matching import match_to_truth
from organoid_kit.evaluation.positions import format_score
from organoid_kit.evaluation.tracks import DivisionScore, pool_division_scores, score_divisions
from organoid_kit.examples.division import make_division_targets
from organoid_kit.plots.probabilities import plot_precision_recall
from organoid_kit.report.judging import judge_divisions
from organoid_kit.report.page import make_figure
from organoid_kit.report.results import Result

TOLERANCES = (0, 1, 2)
METHODS = {f"within_{each}": f"±{each} time points" for each in TOLERANCES}
COLUMNS = {
    "average_precision": "average precision",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "matched": "right",
    "missed": "missed",
    "false": "false",
    "ignored": "ignored",
}
SPREAD = {name: COLUMNS[name] for name in ("average_precision", "precision", "recall", "f1")}
NOTES = (
    "A call is right within 5 µm of the division and at most so many time points off; each division is called right "
    "once, other calls of it are ignored. Average precision ranks all nuclei by their probability; precision, recall "
    "and F1 are those of the threshold. Accuracy is not shown: who never calls a division is right nearly always.",
    "Ignored are nuclei of which the annotations do not say what comes next.",
)
NOT_MEASURED = (
    "Links and lineages: this network says which nuclei divide, not where their daughters go.",
)


def compute_scores(results: Sequence[Result]) -> dict[str, Any]:
    """Scores of one movie, or of several together, for JSON; "network" are those of the network's
    own tolerance.
    """
    figures = {f"within_{each}": _compute_score(results, each).to_dict() for each in TOLERANCES}
    return {"network": _compute_score(results).to_dict(), **figures}


def _compute_score(results: Sequence[Result], tolerance: int | None = None) -> DivisionScore:
    """Of all movies together; without a tolerance, with that of the network."""
    threshold = results[0].threshold
    if tolerance is None:
        scores = (
            judge_divisions(each.truth, each.found, threshold, each.settings) for each in results
        )
    else:
        options = {"tolerance": tolerance, "threshold": threshold}
        scores = (score_divisions(each.truth, each.found, **options) for each in results)
    return pool_division_scores(scores)


def collect_answers(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """What was said of each annotated nucleus of which it is known, and whether it divides."""
    labels = np.append(make_division_targets(result.truth, result.settings.division_window), -1)
    labels = labels[match_to_truth(result.truth, result.found)]
    said = result.found.properties["division_probability"]
    known = (labels >= 0) & np.array([each is not None for each in said], bool)
    return said[known].astype(float), labels[known] == 1


def compute_curve(score: DivisionScore) -> PrecisionRecall:
    """Precision over recall; divisions that nothing calls, however low the threshold, count as
    never found.
    """
    right = score.called_mothers[score.judged] >= 0
    curve = compute_precision_recall(right, score.probabilities[score.judged])
    return dataclasses.replace(
        curve, recall=curve.recall * right.sum() / max(1, len(score.mothers))
    )


def format_summary(facts: dict[str, Any]) -> str:
    """The result in a sentence or two."""
    network = facts["network"]
    return (
        f"The network called {network['matched']} of {network['matched'] + network['missed']} divisions and "
        f"{network['false']} that are none (±{network['tolerance']} time points): average precision "
        f"{format_score(network['average_precision'])}, F1 {format_score(network['f1'])}."
    )


def make_pooled_figures(results: Sequence[Result]) -> str:
    """Diagrams of all movies together."""
    curve = compute_curve(_compute_score(results))
    title = "Divisions of all test movies"
    return make_figure(plot_precision_recall(curve, chosen=results[0].threshold, title=title))


def make_movie_figures(result: Result) -> str:
    """Diagrams of a movie: none beside its mistakes, as one movie has too few divisions."""
    return ""


def find_limits(results: Sequence[Result]) -> list[str]:
    """What the results do not tell."""
    number = sum(len(result.truth.divisions()) for result in results)
    limits = []
    if results and number < 20:
        limits.append(
            f"A precise score: the test movies have {number} divisions, and one more or less changes it."
        )
    if len({result.threshold for result in results}) > 1:
        limits.append(
            "One threshold for all: results were saved with different ones, the first is used."
        )
    return limits
