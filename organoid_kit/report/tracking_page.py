"""One page about tracked movies: tracks, what is right, what is in doubt, where the time went."""

from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import NetworkSettings, UserError
from organoid_kit.data import Annotations
from organoid_kit.evaluation import score_divisions, score_links, score_positions, score_tracks
from organoid_kit.evaluation.calibration import compute_reliability
from organoid_kit.evaluation.tracks import judge_links
from organoid_kit.plots import plot_lineage_tree
from organoid_kit.plots.probabilities import plot_reliability
from organoid_kit.report.kinds import LINK_COLUMNS, TOLERANCES, choose_link_options
from organoid_kit.report.page import render_lines, write_page
from organoid_kit.report.results import TrackingResult, read_trackings
from organoid_kit.report.run_page import compute_spread
from organoid_kit.tracking import estimate_errors, list_doubts
from organoid_kit.tracking.linking import link_optimally
from organoid_kit.training.runs import collect_versions

_DOUBT = ("time_point", "what", "probability", "advice")


def write_tracking_report(
    folder: str | Path, path: str | Path | None = None, *, overwrite: bool = False
) -> dict[str, Any]:
    """Writes a page, ``tracking.html`` if no path is given, of what `save_tracking` kept; and JSON."""
    results = read_trackings(folder)
    movies, record = [_compute_scores(result) for result in results], results[0].record
    scores = [movie["scores"]["tracks"] for movie in movies if movie["scores"]]
    complete = [(score["lineages"] or {}).get("complete_lineages") for score in scores]
    spread = {
        "wrong_links_per_1000": [score["links"]["wrong_per_1000"] for score in scores],
        "division_f1_within_1": [score["divisions"]["1"]["f1"] for score in scores],
        "complete_lineages": complete,
    }
    # how far the error probabilities of links can be believed, over all movies with truth
    answers = [_collect_link_errors(result) for result in results if result.truth is not None]
    reliability = compute_reliability(*map(np.concatenate, zip(*answers))) if answers else None
    others = [result.name for result in results if result.way != results[0].way]
    limits = {"results": results, "movies": movies, "tracked_otherwise": others}
    facts = {
        "movies": movies,
        "spread": {name: compute_spread(values) for name, values in spread.items()},
        "reliability_of_link_errors": reliability and reliability.to_dict(),
        "data": [result.record["data"] for result in results],
        "networks": record["networks"],
        "tracking": record["tracking"],
        "versions": {"tracking": record["versions"], "report": collect_versions()},
        "limits": render_lines("tracking_limits.txt", **limits),
    }
    title = "Probability that a link is wrong, predicted and true"
    stages = dict.fromkeys(stage for movie in movies for stage in movie["seconds"])
    parts = {"results": results, "links": LINK_COLUMNS, "stages": list(stages)}
    parts["reliability"] = plot_reliability(reliability, title=title) if reliability else None
    parts["within_um"] = max(result.within["max_distance_um"] for result in results)
    parts["plot_tree"] = plot_lineage_tree
    path = path or Path(folder) / "tracking.html"
    return write_page(path, "tracking.html", facts, overwrite, **parts)


def _compute_scores(result: TrackingResult) -> dict[str, Any]:
    """All figures of a movie, for JSON; None where not measured."""
    tracks, truth, estimate = result.tracks, result.truth, estimate_errors(result.tracks)
    put_in = tracks.properties.get("interpolated", np.zeros(len(tracks))).astype(bool)
    scores = errors = None
    if truth is not None:
        network = result.record["networks"]["link"]["settings"]
        settings = NetworkSettings.from_dict(network, result.name)
        found = tracks.select(~put_in)
        plain = link_optimally(found, **choose_link_options(found, settings, **result.within))
        made = {"tracks": tracks, "optimal": plain}
        scores = {name: _score(truth, each, result.within) for name, each in made.items()}
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


def _score(truth: Annotations, tracks: Annotations, within: dict[str, float]) -> dict[str, Any]:
    """Lineages are None where the library that counts them is missing, or truth is no lineage."""
    try:
        lineages = score_tracks(truth, tracks, **within).to_dict()
    except UserError:
        lineages = None
    options = {"by": None, **within}
    divisions = {n: score_divisions(truth, tracks, tolerance=n, **options) for n in TOLERANCES}
    return {
        "positions": score_positions(truth, tracks, **within).to_dict(),
        "links": score_links(truth, tracks, **within).to_dict(),
        "divisions": {str(off): score.to_dict() for off, score in divisions.items()},
        "lineages": lineages,
    }


def _compare_errors(result: TrackingResult) -> dict[str, Any]:
    """How many errors were expected in what the truth can judge, and how many there are."""
    said, wrong = _collect_link_errors(result)
    reliability = compute_reliability(said, wrong)
    score = score_divisions(result.truth, result.tracks, tolerance=1, by=None, **result.within)
    divisions = result.tracks.properties["division_error_probability"][score.calls].astype(float)
    known = score.judged & ~np.isnan(divisions)
    return {
        "links_judged": len(said),
        "links_expected_wrong": float(said.sum()),
        "links_wrong": int(wrong.sum()),
        "divisions_judged": int(known.sum()),
        "divisions_expected_wrong": float(divisions[known].sum()),
        "divisions_wrong": int((score.called_mothers[known] < 0).sum()),
        "reliability": reliability and reliability.to_dict(),
    }


def _collect_link_errors(result: TrackingResult) -> tuple[np.ndarray, np.ndarray]:
    """Error probability of each link that the truth can judge, and whether it is wrong."""
    said = result.tracks.link_properties["error_probability"].astype(float)  # NaN: nobody knows
    right = judge_links(result.truth, result.tracks, **result.within).astype(float)
    known = ~np.isnan(said + right)
    return said[known], right[known] == 0
