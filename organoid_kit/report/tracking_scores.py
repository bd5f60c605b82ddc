"""Figures of tracked movies: what is right, and whether as many errors are there as expected."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from organoid_kit.base import UserError
from organoid_kit.data import Annotations
from organoid_kit.evaluation import score_divisions, score_links, score_positions, score_tracks
from organoid_kit.evaluation.calibration import Reliability, compute_reliability
from organoid_kit.evaluation.tracks import judge_links
from organoid_kit.report.tracking_results import TrackingResult
from organoid_kit.tracking import estimate_errors, list_doubts
from organoid_kit.tracking.linking import link_optimally

METHODS = {"tracks": "tracks", "optimal": "optimal assignment"}
_TOLERANCES = (0, 1, 2)
_DOUBT = ("time_point", "what", "probability", "advice")


def compute_scores(result: TrackingResult) -> dict[str, Any]:
    """All figures of a movie, for JSON; None where not measured."""
    tracks, estimate = result.tracks, estimate_errors(result.tracks)
    put_in = np.equal(tracks.properties.get("interpolated", np.zeros(len(tracks))), True)
    put_in = put_in.astype(bool)
    scores = errors = None
    if result.truth is not None:
        settings = result.link_settings
        options = {"max_distance_um": settings.max_link_um, "remove_drift": settings.remove_drift}
        plain = link_optimally(tracks.select(~put_in), **options)
        scores = {"tracks": _score(result.truth, tracks), "optimal": _score(result.truth, plain)}
        errors = _compare_errors(result)
    return {
        "name": result.name,
        "positions": len(tracks),
        "links": len(tracks.links),
        "divisions": len(tracks.divisions()),
        "tracks": len(tracks.tracks()),
        "interpolated": int(put_in.sum()),
        "expected_errors": estimate.errors,
        "doubtful_positions": estimate.doubtful,
        "doubtful_from": estimate.least,
        "scores": scores,
        "errors": errors,
        "doubts": [
            {name: getattr(doubt, name) for name in _DOUBT} | {"position": doubt.position.tolist()}
            for doubt in list_doubts(tracks)
        ],
        "seconds": result.record["seconds"],
    }


def _score(truth: Annotations, tracks: Annotations) -> dict[str, Any]:
    """Lineages are None where the library that counts them is missing, or truth is no lineage."""
    try:
        lineages = score_tracks(truth, tracks).to_dict()
    except UserError:
        lineages = None
    return {
        "positions": score_positions(truth, tracks).to_dict(),
        "links": score_links(truth, tracks).to_dict(),
        "divisions": {
            str(tolerance): score_divisions(truth, tracks, tolerance=tolerance, by=None).to_dict()
            for tolerance in _TOLERANCES
        },
        "lineages": lineages,
    }


def _compare_errors(result: TrackingResult) -> dict[str, Any]:
    """How many errors were expected in what the truth can judge, and how many there are."""
    said, wrong = _collect_link_errors(result)
    reliability = compute_reliability(said, wrong)
    score = score_divisions(result.truth, result.tracks, tolerance=1, by=None)
    divisions = result.tracks.properties["division_error_probability"][score.calls]
    known = score.judged & _is_known(divisions)
    return {
        "links_judged": len(said),
        "links_expected_wrong": float(said.sum()),
        "links_wrong": int(wrong.sum()),
        "divisions_judged": int(known.sum()),
        "divisions_expected_wrong": float(divisions[known].astype(float).sum()),
        "divisions_wrong": int((score.called_mothers[known] < 0).sum()),
        "reliability": reliability and reliability.to_dict(),
    }


def pool_reliability(results: Sequence[TrackingResult]) -> Reliability | None:
    """How far the error probabilities of links can be believed, over all movies with truth."""
    answers = [_collect_link_errors(result) for result in results if result.truth is not None]
    if not answers:
        return None
    return compute_reliability(*(np.concatenate(part) for part in zip(*answers)))


def _collect_link_errors(result: TrackingResult) -> tuple[np.ndarray, np.ndarray]:
    """Error probability of each link that the truth can judge, and whether it is wrong."""
    said = result.tracks.link_properties["error_probability"]
    right = judge_links(result.truth, result.tracks)
    known = _is_known(said) & _is_known(right)
    return said[known].astype(float), ~right[known].astype(bool)


def _is_known(values: np.ndarray) -> np.ndarray:
    return np.not_equal(values, None).astype(bool)
