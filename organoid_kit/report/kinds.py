"""What is particular to each kind of network on its page: one record a kind, see `KINDS`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from organoid_kit.base import NetworkSettings
from organoid_kit.data import Annotations
from organoid_kit.evaluation import matching, positions, score_divisions, score_links, tracks
from organoid_kit.evaluation.classification import PrecisionRecall, compute_precision_recall
from organoid_kit.evaluation.positions import ThresholdCurve, pool_scores, score_positions
from organoid_kit.examples.division import make_division_targets
from organoid_kit.examples.link import make_link_targets
from organoid_kit.plots import Drawing, probabilities
from organoid_kit.plots.curves import plot_depth_scores, plot_threshold_curve, plot_time_scores
from organoid_kit.tracking import link_nearest, linking

if TYPE_CHECKING:
    from organoid_kit.report.results import MovieResult

Results = Sequence["MovieResult"]
TOLERANCES = (0, 1, 2)
_COUNTS = {"matched": "right", "missed": "missed", "false": "false", "ignored": "ignored"}
_F1 = {"precision": "precision", "recall": "recall", "f1": "F1"}
_AVERAGE = {"average_precision": "average precision"}
_WRONG = {"wrong_per_1000": "wrong per 1000", "missed_per_1000": "missed per 1000"}
LINK_COLUMNS = _WRONG | {"right": "right", "false": "wrong", "missed": "missed"}
LINK_COLUMNS |= {"undetected": "undetected", "ignored": "ignored"}
_OTHER_LINKS = {"nearest": "nearest neighbour", "optimal": "optimal assignment"}


@dataclass(frozen=True)
class Kind:
    """What a page counts for one kind of network, and how it says so: key → words."""

    methods: dict[str, str]  # the network, and what it is compared with
    columns: dict[str, str]  # figures in the table of scores
    spread: dict[str, str]  # figures whose spread over movies is shown
    compute_scores: Callable[[Results], dict[str, Any]]  # of all movies together, for JSON
    # the predicted probability of each thing that can be judged, and its truth
    collect_answers: Callable[[MovieResult], tuple[np.ndarray, np.ndarray]]
    draw_pooled: Callable[[Results], list[Drawing]] = lambda results: []
    draw_movie: Callable[[MovieResult], list[Drawing]] = lambda result: []


# Positions: nuclei found, beside those that a blob detector finds
def score_position_network(results: Results) -> dict[str, Any]:
    """Positions found, also by depth, by time point and over the threshold."""
    total = pool_scores(result.score for result in results)
    blobs = [
        score_positions(each.truth, each.blobs, max_distance_um=each.max_distance_um)
        for each in results
        if each.blobs is not None
    ]
    curve = positions.pool_curves([compute_threshold_curve(each) for each in results])
    depths, times = total.by_depth().items(), total.by_time_point().items()
    over_threshold = {key: [getattr(score, key) for score in curve.scores] for key in _F1}
    return {
        "network": total.to_dict(),
        "warning": total.warning,
        "blob_detector": pool_scores(blobs).to_dict() if len(blobs) == len(results) else None,
        "by_depth_um": {f"{low:g}-{high:g}": part.to_dict() for (low, high), part in depths},
        "by_time_point": {str(time_point): part.to_dict() for time_point, part in times},
        "over_threshold": {"threshold": curve.thresholds.tolist(), **over_threshold},
    }


def compute_threshold_curve(result: MovieResult) -> ThresholdCurve:
    """Scores of one movie at each threshold."""
    within = {"max_distance_um": result.max_distance_um}
    return positions.score_over_thresholds(result.truth, result.found, **within)


def collect_peaks(result: MovieResult) -> tuple[np.ndarray, np.ndarray]:
    """Each peak inside the annotated region, and whether a nucleus is there."""
    partners = matching.match_to_truth(result.truth, result.found, result.max_distance_um)
    judged = (partners >= 0) | matching.is_annotated(result.truth, result.found)
    judged &= result.truth.known_um is None  # where annotations are scattered, nearly all is true
    return result.found.properties["probability"].astype(float)[judged], partners[judged] >= 0


def draw_position_scores(result: MovieResult) -> list[Drawing]:
    """Scores by threshold, depth and time point."""
    name, curve = result.name, compute_threshold_curve(result)
    return [
        plot_threshold_curve(curve, chosen=result.threshold, title=f"{name}: scores by threshold"),
        plot_depth_scores(result.score, title=f"{name}: scores by depth"),
        plot_time_scores(result.score, title=f"{name}: scores by time point"),
    ]


# Divisions: called, and whether the probabilities can be believed
def judge_divisions(
    truth: Annotations,
    found: Annotations,
    threshold: float,
    settings: NetworkSettings,
    max_distance_um: float,
    tolerance: int | None = None,
) -> tracks.DivisionScore:
    """Calls of a division network; without a tolerance, with that of its division window."""
    first, last = settings.division_window
    tolerance = max(-first, last) if tolerance is None else tolerance
    way = {"tolerance": tolerance, "threshold": threshold, "max_distance_um": max_distance_um}
    return score_divisions(truth, found, **way)


def score_division_network(results: Results) -> dict[str, Any]:
    """The scores of "network" have its own tolerance."""
    tolerances = {"network": None} | {f"within_{number}": number for number in TOLERANCES}
    return {name: _pool_divisions(results, off).to_dict() for name, off in tolerances.items()}


def _pool_divisions(results: Results, tolerance: int | None = None) -> tracks.DivisionScore:
    threshold = results[0].threshold
    movies = ((r.truth, r.found, threshold, r.settings, r.max_distance_um) for r in results)
    return tracks.pool_division_scores(judge_divisions(*movie, tolerance) for movie in movies)


def collect_calls(result: MovieResult) -> tuple[np.ndarray, np.ndarray]:
    """Each annotated nucleus of which it is known whether it divides, and whether it does."""
    labels = np.append(make_division_targets(result.truth, result.settings.division_window), -1)
    labels = labels[matching.match_to_truth(result.truth, result.found, result.max_distance_um)]
    said = result.found.properties["division_probability"]
    known = (labels >= 0) & np.not_equal(said, None).astype(bool)
    return said[known].astype(float), labels[known] == 1


def draw_division_curve(results: Results) -> list[Drawing]:
    """Divisions that nothing calls, however low the threshold, count as never found."""
    score = _pool_divisions(results)
    right = score.called_mothers[score.judged] >= 0
    curve = compute_precision_recall(right, score.probabilities[score.judged])
    reached = right.sum() / max(1, len(score.mothers))
    curve = dataclasses.replace(curve, recall=curve.recall * reached)
    title = "Divisions of all test movies"
    return [probabilities.plot_precision_recall(curve, chosen=results[0].threshold, title=title)]


# Links: wrong ones, beside those of linking without any network
def label_candidates(truth: Annotations, found: Annotations, max_distance_um: float) -> np.ndarray:
    """Whether each found link is true: 1 yes, 0 no, -1 nobody knows; (m,) int."""
    ends = matching.match_to_truth(truth, found, max_distance_um)[found.links]
    labels = np.full(len(ends), -1)
    paired = (ends >= 0).all(axis=1)
    labels[paired] = make_link_targets(truth, ends[paired])
    return labels


def find_less_probable(candidates: Annotations) -> np.ndarray:
    """Rows of candidate links, (k,) int, that lead to a nucleus to which a more probable one does."""
    targets = candidates.links[:, 1]
    order = np.lexsort((candidates.link_properties["link_probability"].astype(float), targets))
    return order[np.diff(targets[order], append=-1) == 0]


def choose_link_options(
    found: Annotations, settings: NetworkSettings, max_distance_um: float
) -> dict[str, Any]:
    """For linking by distance alone: as far as the candidates of a link network reach."""
    size = max_distance_um / matching.MAX_DISTANCE_UM
    reach_um = linking.choose_max_distance(found, settings.max_link_um, size)
    return {"max_distance_um": reach_um, "remove_drift": settings.remove_drift}


def score_link_network(results: Results) -> dict[str, Any]:
    """Links to the most probable candidate, and those that need no network; counted together."""
    linked = {"network": [], "nearest": [], "optimal": []}
    for result in results:
        options = choose_link_options(result.found, result.settings, result.max_distance_um)
        linked["network"].append(result.found.without_links(find_less_probable(result.found)))
        linked["nearest"].append(link_nearest(result.found, **options))
        linked["optimal"].append(linking.link_optimally(result.found, **options))
    pooled = {name: _pool_links(results, found) for name, found in linked.items()}
    scores = {name: score.to_dict() for name, score in pooled.items()}
    # how well the probabilities tell links from other candidates
    said, true, found, reachable, curve = _pool_candidates(results)
    called = said >= results[0].threshold
    right, calls = int((called & true).sum()), int(called.sum())
    scores["network"] |= {
        "average_precision": curve.average_precision,
        "precision": positions.compute_ratio(right, calls),
        "recall": positions.compute_ratio(right, reachable),
        "f1": positions.compute_ratio(2 * right, calls + reachable) if reachable else None,
        "threshold": results[0].threshold,
        "candidate_recall": positions.compute_ratio(found, reachable),
    }
    return scores


def _pool_links(results: Results, found: Sequence[Annotations]) -> tracks.LinkScore:
    return tracks.pool_link_scores(
        score_links(result.truth, links, max_distance_um=result.max_distance_um)
        for result, links in zip(results, found)
    )


def _pool_candidates(results: Results) -> tuple[np.ndarray, np.ndarray, int, int, PrecisionRecall]:
    """Probabilities, truths, true links that are candidates, all of them, and their curve."""
    said, true = map(np.concatenate, zip(*map(collect_candidates, results)))
    score = _pool_links(results, [result.found for result in results])
    reachable, curve = score.right + score.missed, compute_precision_recall(true, said)
    recall = curve.recall * (true.sum() / max(1, reachable))
    return said, true, score.right, reachable, dataclasses.replace(curve, recall=recall)


def collect_candidates(result: MovieResult) -> tuple[np.ndarray, np.ndarray]:
    """Each candidate of which the truth is known, and whether it is a link."""
    labels = label_candidates(result.truth, result.found, result.max_distance_um)
    said = result.found.link_properties["link_probability"].astype(float)
    return said[labels >= 0], labels[labels >= 0] == 1


def draw_link_curve(results: Results) -> list[Drawing]:
    """Precision over recall of all candidate links."""
    title, curve = "Candidate links of all test movies", _pool_candidates(results)[-1]
    return [probabilities.plot_precision_recall(curve, chosen=results[0].threshold, title=title)]


KINDS = {
    "position": Kind(
        methods={"network": "network", "blob_detector": "blob detector"},
        columns=_F1 | {"mean_distance_um": "mean distance (µm)"} | _COUNTS,
        spread=_F1,
        compute_scores=score_position_network,
        collect_answers=collect_peaks,
        draw_movie=draw_position_scores,
    ),
    "division": Kind(
        methods={f"within_{number}": f"±{number} time points" for number in TOLERANCES},
        columns=_AVERAGE | _F1 | _COUNTS,
        spread=_AVERAGE | _F1,
        compute_scores=score_division_network,
        collect_answers=collect_calls,
        draw_pooled=draw_division_curve,
    ),
    "link": Kind(
        methods={"network": "network"} | _OTHER_LINKS,
        columns=LINK_COLUMNS,
        spread=_WRONG | _AVERAGE | _F1,
        compute_scores=score_link_network,
        collect_answers=collect_candidates,
        draw_pooled=draw_link_curve,
    ),
}
