"""What a report says of a position network: nuclei found, beside those a blob detector finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from organoid_kit.evaluation.matching import is_annotated, match_to_truth
from organoid_kit.evaluation.positions import (
    ThresholdCurve,
    format_score,
    pool_curves,
    pool_scores,
    score_over_thresholds,
)
from organoid_kit.plots.curves import plot_depth_scores, plot_threshold_curve, plot_time_scores
from organoid_kit.report.page import make_figure
from organoid_kit.report.results import Result

METHODS = {"network": "network", "blob_detector": "blob detector"}
COLUMNS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "mean_distance_um": "mean distance (µm)",
    "matched": "right",
    "missed": "missed",
    "false": "false",
    "ignored": "ignored",
}
SPREAD = {name: COLUMNS[name] for name in ("precision", "recall", "f1")}
NOTES = (
    "Found and true positions are paired one-to-one, at most 5 µm apart. What was found outside the annotated region "
    "is ignored: nobody said that there is no nucleus.",
)
NOT_MEASURED = ("Links, divisions and lineages: this network finds positions only.",)


def compute_scores(results: Sequence[Result]) -> dict[str, Any]:
    """Scores of one movie, or of several together, for JSON."""
    total = pool_scores(result.score for result in results)
    blobs = [result.blob_score for result in results if result.blobs is not None]
    curve = _find_curve(results)
    return {
        "network": total.to_dict(),
        "blob_detector": pool_scores(blobs).to_dict() if len(blobs) == len(results) else None,
        "by_depth_um": {
            f"{low:g}-{high:g}": part.to_dict() for (low, high), part in total.by_depth().items()
        },
        "by_time_point": {
            str(time_point): part.to_dict() for time_point, part in total.by_time_point().items()
        },
        "over_threshold": {
            "threshold": curve.thresholds.tolist(),
            **{
                key: [getattr(one, key) for one in curve.scores]
                for key in ("precision", "recall", "f1")
            },
        },
    }


def _find_curve(results: Sequence[Result]) -> ThresholdCurve:
    return pool_curves([score_over_thresholds(result.truth, result.found) for result in results])


def collect_answers(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """What was said of each peak inside the annotated region, and whether a nucleus is there."""
    partners = match_to_truth(result.truth, result.found)
    judged = (partners >= 0) | is_annotated(result.truth, result.found)
    return result.found.properties["probability"].astype(float)[judged], partners[judged] >= 0


def format_summary(facts: dict[str, Any]) -> str:
    """The result in a sentence or two."""
    network, blobs = facts["network"], facts["blob_detector"]
    said = (
        f"The network found {network['matched']} of {network['matched'] + network['missed']} nuclei and "
        f"{network['false']} that are none: F1 {format_score(network['f1'])}."
    )
    if blobs is not None:
        said += f" A blob detector, without any network, reaches F1 {format_score(blobs['f1'])}."
    return said


def make_pooled_figures(results: Sequence[Result]) -> str:
    """Diagrams of all movies together: none, each movie has its own."""
    return ""


def make_movie_figures(result: Result) -> str:
    """Diagrams of a movie."""
    curve, score, name = _find_curve([result]), result.score, result.name
    drawings = (
        plot_threshold_curve(curve, chosen=result.threshold, title=f"{name}: scores by threshold"),
        plot_depth_scores(score, title=f"{name}: scores by depth"),
        plot_time_scores(score, title=f"{name}: scores by time point"),
    )
    return "".join(map(make_figure, drawings))


def find_limits(results: Sequence[Result]) -> list[str]:
    """What the results do not tell."""
    return (
        ["The blob detector on every test movie."]
        if any(result.blobs is None for result in results)
        else []
    )
