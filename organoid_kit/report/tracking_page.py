"""One page about tracked movies: tracks, what is right, what is in doubt, where the time went."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from organoid_kit.plots import Drawing, plot_lineage_tree
from organoid_kit.plots.probabilities import plot_reliability
from organoid_kit.report.page import render_lines, write_page
from organoid_kit.report.run_page import compute_spread
from organoid_kit.report.tracking_results import TrackingResult, read_trackings
from organoid_kit.report.tracking_scores import METHODS, compute_scores, pool_reliability
from organoid_kit.training.runs import collect_versions

_LINKS = {
    "wrong_per_1000": "wrong links per 1000",
    "missed_per_1000": "missed per 1000",
    "right": "right",
    "false": "wrong",
    "missed": "missed",
    "undetected": "undetected",
    "ignored": "ignored",
}
_DIVISIONS = {f"f1 ±{tolerance}": f"F1 ±{tolerance}" for tolerance in (0, 1, 2)}
_DIVISIONS |= {"matched ±1": "right ±1", "missed ±1": "missed ±1", "false ±1": "false ±1"}
_LINEAGES = {
    "complete_tracks": "complete tracks",
    "complete_lineages": "complete lineages",
    "det": "DET, positions",
    "lnk": "LNK, links",
    "tra": "TRA, both",
    "chota": "CHOTA",
}


def write_tracking_report(
    folder: str | Path,
    path: str | Path | None = None,
    *,
    json_path: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes one self-contained page about the movies that `save_tracking` has kept, and JSON.

    Args:
        folder: of the tracked movies.
        path: of the page; None: ``tracking.html`` in the folder.
        json_path: of the JSON file; None: beside the page, with its name.
        overwrite: replaces files that exist.

    Returns:
        What the JSON file holds.

    Raises:
        UserError: no movie was kept there, a file exists or cannot be written.
    """
    results = read_trackings(folder)
    facts = collect_tracking_facts(results)
    reliability = pool_reliability(results)
    title = "Probability that a link is wrong, predicted and true"
    return write_page(
        path or Path(folder) / "tracking.html",
        "tracking.html",
        facts,
        json_path,
        overwrite,
        results=results,
        methods=METHODS,
        score_tables=(
            ("", _LINKS, itemgetter("links")),
            (
                "Divisions that the links draw, up to 0, 1 and 2 time points off:",
                _DIVISIONS,
                _flatten_divisions,
            ),
            ("Lineages, from 0 to 1:", _LINEAGES, itemgetter("lineages")),
        ),
        reliability=plot_reliability(reliability, title=title) if reliability else None,
        draw_tree=_draw_tree,
        stages=list(
            dict.fromkeys(stage for movie in facts["movies"] for stage in movie["seconds"])
        ),
    )


def _flatten_divisions(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{name} ±{tolerance}": value
        for tolerance, score in scores["divisions"].items()
        for name, value in score.items()
    }


def _draw_tree(result: TrackingResult) -> Drawing:
    return plot_lineage_tree(result.tracks, title=f"{result.name}: lineages")


def collect_tracking_facts(results: Sequence[TrackingResult]) -> dict[str, Any]:
    """Everything the page says, for JSON; None where something was not measured."""
    movies, record = [compute_scores(result) for result in results], results[0].record
    scores = [movie["scores"]["tracks"] for movie in movies if movie["scores"]]
    spread = {
        "wrong_links_per_1000": [score["links"]["wrong_per_1000"] for score in scores],
        "division_f1_within_1": [score["divisions"]["1"]["f1"] for score in scores],
        "complete_lineages": [
            (score["lineages"] or {}).get("complete_lineages") for score in scores
        ],
    }
    reliability = pool_reliability(results)
    return {
        "movies": movies,
        "spread": {name: compute_spread(values) for name, values in spread.items()},
        "reliability_of_link_errors": reliability and reliability.to_dict(),
        "data": [result.record["data"] for result in results],
        "networks": record["networks"],
        "tracking": record["tracking"],
        "versions": {"tracking": record["versions"], "report": collect_versions()},
        "limits": render_lines(
            "tracking_limits.txt",
            results=results,
            movies=movies,
            tracked_otherwise=[
                result.name for result in results if _get_way(result) != _get_way(results[0])
            ],
        ),
    }


def _get_way(result: TrackingResult) -> tuple[Any, ...]:
    """The settings and networks that a movie was tracked with."""
    record = result.record
    return record["tracking"], *(network["sha256"] for network in record["networks"].values())
