"""Figures of tracked movies: what is right where that is known, and whether the expected errors are
those that are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.calibration import Reliability, compute_reliability
from organoid_kit.evaluation.positions import score_positions
from organoid_kit.evaluation.tracks import judge_links, score_divisions, score_links, score_tracks
from organoid_kit.report.tracking_results import TrackingResult
from organoid_kit.tracking.errors import estimate_errors, list_doubts
from organoid_kit.tracking.linking import link_optimally

METHODS = {"tracks": "tracks", "optimal": "optimal assignment"}
TOLERANCES = (0, 1, 2)


def compute_scores(result: TrackingResult) -> dict[str, Any]:
    """All figures of a movie, for JSON; None where not measured."""
    tracks, estimate = result.tracks, estimate_errors(result.tracks)
    return {
        "name": result.name,
        "positions": len(tracks),
        "links": len(tracks.links),
        "divisions": len(tracks.divisions()),
        "tracks": len(tracks.tracks()),
        "interpolated": int(is_interpolated(tracks).sum()),
        "expected_errors": estimate.errors,
        "doubtful_positions": estimate.doubtful,
        "doubtful_from": estimate.least,
        "scores": None if result.truth is None else _score_both(result),
        "errors": None if result.truth is None else compare_errors(result),
        "doubts": [
            {"time_point": each.time_point, "position": each.position.tolist(), "what": each.what}
            | {"probability": each.probability, "advice": each.advice}
            for each in list_doubts(tracks)
        ],
        "seconds": result.record["seconds"],
    }


def is_interpolated(tracks: Annotations) -> np.ndarray:
    """Positions that tracking put in where a nucleus was missed, (n,) bool."""
    return np.equal(tracks.properties.get("interpolated", np.full(len(tracks), None)), True).astype(
        bool
    )


def _score_both(result: TrackingResult) -> dict[str, Any]:
    """The tracks, and beside them what optimal assignment on distance makes of the same positions."""
    found = result.tracks.select(~is_interpolated(result.tracks))
    settings = result.link_settings
    plain = link_optimally(
        found, max_distance_um=settings.max_link_um, remove_drift=settings.remove_drift
    )
    return {"tracks": _score(result.truth, result.tracks), "optimal": _score(result.truth, plain)}


def _score(truth: Annotations, tracks: Annotations) -> dict[str, Any]:
    return {
        "positions": score_positions(truth, tracks).to_dict(),
        "links": score_links(truth, tracks).to_dict(),
        "divisions": {
            str(each): score_divisions(truth, tracks, tolerance=each, by=None).to_dict()
            for each in TOLERANCES
        },
        "lineages": _score_lineages(truth, tracks),
    }


def _score_lineages(truth: Annotations, tracks: Annotations) -> dict[str, Any] | None:
    """None where the library that counts them is missing, or the truth is no lineage."""
    try:
        return score_tracks(truth, tracks).to_dict()
    except UserError:
        return None


def compare_errors(result: TrackingResult) -> dict[str, Any]:
    """How many errors were expected in what the truth can judge, and how many there are."""
    said, wrong = collect_link_errors(result)
    of_divisions, wrong_divisions = collect_division_errors(result)
    reliability = compute_reliability(said, wrong)
    return {
        "links_judged": len(said),
        "links_expected_wrong": float(said.sum()),
        "links_wrong": int(wrong.sum()),
        "divisions_judged": len(of_divisions),
        "divisions_expected_wrong": float(of_divisions.sum()),
        "divisions_wrong": int(wrong_divisions.sum()),
        "reliability": reliability and reliability.to_dict(),
    }


def collect_link_errors(result: TrackingResult) -> tuple[np.ndarray, np.ndarray]:
    """Error probability of each link that the truth can judge, and whether it is wrong."""
    said = result.tracks.link_properties["error_probability"]
    right = judge_links(result.truth, result.tracks)
    known = np.not_equal(said, None).astype(bool) & np.not_equal(right, None).astype(bool)
    return said[known].astype(float), ~right[known].astype(bool)


def collect_division_errors(
    result: TrackingResult, tolerance: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Error probability of each division that the truth can judge, and whether it is wrong."""
    score = score_divisions(result.truth, result.tracks, tolerance=tolerance, by=None)
    said = result.tracks.properties["division_error_probability"][score.calls]
    known = score.judged & np.not_equal(said, None).astype(bool)
    return said[known].astype(float), score.called_mothers[known] < 0


def pool_reliability(results: list[TrackingResult]) -> Reliability | None:
    """How far the error probabilities of links can be believed, over all movies with truth."""
    answers = [collect_link_errors(result) for result in results if result.truth is not None]
    if not answers:
        return None
    return compute_reliability(*(np.concatenate(part) for part in zip(*answers)))
