"""What a report says of a link network: wrong links beside those of linking without any network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.classification import PrecisionRecall, compute_precision_recall
from organoid_kit.evaluation.positions import compute_ratio, format_score
from organoid_kit.evaluation.tracks import LinkScore, pool_link_scores, score_links
from organoid_kit.plots.probabilities import plot_precision_recall
from organoid_kit.report.judging import choose_most_probable, judge_links
from organoid_kit.report.page import make_figure, make_table
from organoid_kit.report.results import Result
from organoid_kit.tracking.linking import link_nearest, link_optimally

METHODS = {"network": "network", "nearest": "nearest neighbour", "optimal": "optimal assignment"}
COLUMNS = {
    "wrong_per_1000": "wrong per 1000",
    "missed_per_1000": "missed per 1000",
    "right": "right",
    "false": "wrong",
    "missed": "missed",
    "undetected": "undetected",
    "ignored": "ignored",
}
SPREAD = {
    "wrong_per_1000": "wrong per 1000",
    "missed_per_1000": "missed per 1000",
    "average_precision": "average precision",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}
NOTES = (
    "Each later nucleus is linked to one earlier one: by the network to its most probable candidate, beside it to the "
    "nearest one, and by optimal assignment on distance alone (one-to-one, no divisions). Wrong links are counted "
    "among 1000 links made, missed ones among 1000 true links. No tracking smooths this: `build_tracks` weighs all "
    "links of a movie against each other.",
    "Average precision, precision, recall and F1 are those of all candidate links, at the threshold; true links that "
    "are no candidates count as missed. Accuracy is not shown: on slow movies everybody is right nearly always.",
)
NOT_MEASURED = (
    "Divisions and lineages: this network compares two nuclei at a time, it makes no tracks.",
)


def collect_answers(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """What was said of each candidate of which the truth is known, and whether it is a link."""
    labels = judge_links(result.truth, result.found)
    said = result.found.link_properties["link_probability"].astype(float)
    return said[labels >= 0], labels[labels >= 0] == 1


def compute_scores(results: Sequence[Result]) -> dict[str, Any]:
    """Scores of one movie, or of several together, for JSON."""
    network = _score(results, lambda result: choose_most_probable(result.found))
    return {
        "network": network | _score_candidates(results),
        "nearest": _score(
            results, lambda result: link_nearest(result.found, **_choose_options(result))
        ),
        "optimal": _score(
            results, lambda result: link_optimally(result.found, **_choose_options(result))
        ),
    }


def _choose_options(result: Result) -> dict[str, Any]:
    """What baselines are told of distance and drift: the same as the network."""
    return {
        "max_distance_um": result.settings.max_link_um,
        "remove_drift": result.settings.remove_drift,
    }


def _score(results: Sequence[Result], link: Callable[[Result], Annotations]) -> dict[str, Any]:
    """Links of all movies together, counted."""
    return pool_link_scores(score_links(result.truth, link(result)) for result in results).to_dict()


def _pool(results: Sequence[Result]) -> tuple[np.ndarray, np.ndarray, LinkScore]:
    """Answers and truths of all candidates, and the score of linking all of them: how many true
    links there are.
    """
    said, true = (np.concatenate(part) for part in zip(*map(collect_answers, results)))
    return (
        said,
        true,
        pool_link_scores(score_links(result.truth, result.found) for result in results),
    )


def _score_candidates(results: Sequence[Result]) -> dict[str, Any]:
    """How well the probabilities tell links from other candidates."""
    said, true, all_links = _pool(results)
    reachable = all_links.right + all_links.missed
    called = said >= results[0].threshold
    right = int((called & true).sum())
    return {
        "average_precision": compute_curve(said, true, reachable).average_precision,
        "precision": compute_ratio(right, int(called.sum())),
        "recall": compute_ratio(right, reachable),
        "f1": compute_ratio(2 * right, int(called.sum()) + reachable) if reachable else None,
        "threshold": results[0].threshold,
        "candidate_recall": compute_ratio(all_links.right, reachable),
    }


def compute_curve(said: np.ndarray, true: np.ndarray, reachable: int) -> PrecisionRecall:
    """Precision over recall; true links that are no candidates count as never found."""
    curve = compute_precision_recall(true, said)
    return dataclasses.replace(curve, recall=curve.recall * true.sum() / max(1, reachable))


def format_summary(facts: dict[str, Any]) -> str:
    """The result in a sentence or two."""
    wrong = {name: _format_per_1000(facts[name]["wrong_per_1000"]) for name in METHODS}
    network = facts["network"]
    return (
        f"Of 1000 links to the most probable candidate, {wrong['network']} are wrong ({network['false']} of "
        f"{network['false'] + network['right']}). Without any network: nearest neighbour {wrong['nearest']}, optimal "
        f"assignment {wrong['optimal']}. Average precision over all candidates: "
        f"{format_score(network['average_precision'])}. Among the candidates are "
        f"{_format_percent(network['candidate_recall'])} of the true links."
    )


def _format_per_1000(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f}"


def _format_percent(part: float | None) -> str:
    return "an unknown part" if part is None else f"{100 * part:.1f} %"


def make_pooled_figures(results: Sequence[Result]) -> str:
    """Diagrams of all movies together."""
    said, true, all_links = _pool(results)
    curve = compute_curve(said, true, all_links.right + all_links.missed)
    parts = [(result.name, _score_candidates([result])) for result in results]
    rows = [
        (name, *part.values())
        for name, part in [*parts, ("all movies", _score_candidates(results))]
    ]
    names = (
        "movie",
        "average precision",
        "precision",
        "recall",
        "F1",
        "threshold",
        "links among the candidates",
    )
    title = "Candidate links of all test movies"
    return make_table(names, rows) + make_figure(
        plot_precision_recall(curve, chosen=results[0].threshold, title=title)
    )


def make_movie_figures(result: Result) -> str:
    """Diagrams of a movie: none beside its mistakes."""
    return ""


def find_limits(results: Sequence[Result]) -> list[str]:
    """What the results do not tell."""
    if len({result.threshold for result in results}) > 1:
        return ["One threshold for all: results were saved with different ones, the first is used."]
    return []
