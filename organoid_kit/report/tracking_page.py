"""One page about tracked movies: tracks, what is right, what is in doubt, and where the time went."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from organoid_kit.base.files import write_json_safely, write_text_safely
from organoid_kit.evaluation.positions import format_score
from organoid_kit.plots.drawing import count
from organoid_kit.plots.lineages import plot_lineage_tree
from organoid_kit.plots.probabilities import plot_reliability
from organoid_kit.report.page import (
    build_page,
    join_words,
    make_figure,
    make_image,
    make_list,
    make_pairs,
    make_paragraph,
    make_table,
)
from organoid_kit.report.run_page import compute_spread, make_data_table
from organoid_kit.report.tracking_results import TrackingResult, read_trackings
from organoid_kit.report.tracking_scores import METHODS, compute_scores, pool_reliability
from organoid_kit.training.runs import collect_versions

_SHOWN_DOUBTS = 20
_NOUNS = ("position", "link", "division", "track")
_LINKS = {
    "wrong_per_1000": "wrong links per 1000",
    "missed_per_1000": "missed per 1000",
    "right": "right",
    "false": "wrong",
    "missed": "missed",
    "undetected": "undetected",
    "ignored": "ignored",
}
_DIVISIONS = (
    ("f1", 0),
    ("f1", 1),
    ("f1", 2),
    ("matched", 1),
    ("missed", 1),
    ("false", 1),
)  # figure, tolerance
_DIVISION_WORDS = {"f1": "F1", "matched": "right"}
_LINEAGES = {
    "complete_tracks": "complete tracks",
    "complete_lineages": "complete lineages",
    "det": "DET, positions",
    "lnk": "LNK, links",
    "tra": "TRA, both",
    "chota": "CHOTA",
}
_NOTES = (
    "Optimal assignment links the same positions by distance alone: one-to-one, no divisions. TRA counts mostly "
    "positions, and hardly falls where all divisions are missed: never read it without the scores of divisions.",
    "A found division counts within 5 µm and so many time points; of found positions only those are judged that lie "
    "where the annotations name every nucleus.",
)
_NEVER_MEASURED = (
    "How well the networks do on movies of other microscopes, stains or tissues.",
    "Errors that all three networks share with their training data.",
)


def write_tracking_report(
    folder: str | Path,
    path: str | Path | None = None,
    *,
    json_path: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes one self-contained page about the movies that `save_tracking` has put into a folder,
    and JSON.

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
    path = Path(path or Path(folder) / "tracking.html")
    page = build_page(_make_title(results), facts["written"], _make_sections(results, facts))
    write_text_safely(path, page, overwrite=overwrite)
    write_json_safely(json_path or path.with_suffix(".json"), facts, overwrite=overwrite)
    return facts


def _make_title(results: Sequence[TrackingResult]) -> str:
    return f"Tracks of {results[0].name if len(results) == 1 else f'{len(results)} movies'}"


def collect_tracking_facts(results: Sequence[TrackingResult]) -> dict[str, Any]:
    """Everything the page says, as it stands in the JSON file; None where something was not
    measured.
    """
    movies = [compute_scores(result) for result in results]
    scores = [movie["scores"]["tracks"] for movie in movies if movie["scores"]]
    reliability = pool_reliability(results)
    return {
        "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        "movies": movies,
        "spread": {
            "wrong_links_per_1000": compute_spread(
                [each["links"]["wrong_per_1000"] for each in scores]
            ),
            "division_f1_within_1": compute_spread(
                [each["divisions"]["1"]["f1"] for each in scores]
            ),
            "complete_lineages": compute_spread(
                [(each["lineages"] or {}).get("complete_lineages") for each in scores]
            ),
        },
        "reliability_of_link_errors": reliability and reliability.to_dict(),
        "data": [result.record["data"] for result in results],
        "networks": results[0].record["networks"],
        "tracking": results[0].record["tracking"],
        "versions": {"tracking": results[0].record["versions"], "report": collect_versions()},
        "limits": _find_limits(results, movies),
    }


def _find_limits(results: Sequence[TrackingResult], movies: Sequence[dict[str, Any]]) -> list[str]:
    """What nobody should read into this page."""
    limits = []
    without = [result.name for result in results if result.truth is None]
    if without:
        limits.append(
            f"What is right in {join_words(without)}: no true links are known, only expected errors."
        )
    if len(results) - len(without) == 1:
        limits.append(
            "How much the scores vary from movie to movie: there is only one with true links."
        )
    if any(movie["scores"] and movie["scores"]["tracks"]["lineages"] is None for movie in movies):
        limits.append(
            'Whole lineages: that takes the traccuracy library, pip install "organoid-kit[scores]".'
        )
    return [*limits, *_find_leaks(results), *_find_differences(results), *_NEVER_MEASURED]


def _find_leaks(results: Sequence[TrackingResult]) -> list[str]:
    """Networks that have seen a movie before, or of which nobody knows."""
    limits = []
    for kind, network in results[0].record["networks"].items():
        if network["data"] is None:
            limits.append(
                f"Whether the {kind} network has seen these movies before: its folder does not say."
            )
            continue
        used = {each["images_sha256"]: each["part"] for each in network["data"]}
        for result in results:
            if part := used.get(result.record["data"]["images_sha256"]):
                limits.append(
                    f"An independent score for {result.name}: the {kind} network used it for {part}."
                )
    return limits


def _find_differences(results: Sequence[TrackingResult]) -> list[str]:
    """Movies that were tracked in another way than the first."""
    first, *others = results
    other = [each.name for each in others if _make_method_key(each) != _make_method_key(first)]
    return [
        f"One way of tracking: {join_words(other)} had other networks or settings than {first.name}."
    ] * bool(other)


def _make_method_key(result: TrackingResult) -> tuple[Any, ...]:
    record = result.record
    return record["tracking"], *(each["sha256"] for each in record["networks"].values())


# ---- the page


def _make_sections(
    results: Sequence[TrackingResult], facts: dict[str, Any]
) -> list[tuple[str, str]]:
    movies = facts["movies"]
    return [
        ("In short", "".join(make_paragraph(format_summary(movie)) for movie in movies)),
        ("Scores", _show_scores(movies)),
        ("Expected errors", _show_expected(movies) + _show_reliability(results)),
        *(
            (f"Tracks: {movie['name']}", _show_movie(each, movie))
            for each, movie in zip(results, movies)
        ),
        ("Where the time went", _show_seconds(movies)),
        ("Networks", _show_networks(facts["networks"])),
        ("Data", make_data_table(facts["data"])),
        ("What was not measured", make_list(facts["limits"])),
        ("Settings of the tracking", make_pairs(facts["tracking"])),
        ("Versions", make_pairs(facts["versions"]["tracking"])),
    ]


def format_summary(movie: dict[str, Any]) -> str:
    """A tracked movie in a few sentences."""
    counts = join_words(count(movie[f"{noun}s"], noun) for noun in _NOUNS)
    said = (
        f"{movie['name']}: {counts}; {movie['expected_errors']:.1f} errors expected, "
        f"{_say_part(movie['doubtful_positions'], movie['positions'])} of the positions to look at."
    )
    if movie["scores"] is None:
        return f"{said} What is right was not measured: no true links are known."
    tracks, plain = (movie["scores"][name] for name in METHODS)
    lineages = tracks["lineages"] or {}
    return (
        f"{said} Of 1000 links {_format_number(tracks['links']['wrong_per_1000'])} are wrong (optimal assignment: "
        f"{_format_number(plain['links']['wrong_per_1000'])}), the F1 of divisions is "
        f"{format_score(tracks['divisions']['1']['f1'])} (±1 time point), and the part of lineages without any mistake "
        f"{format_score(lineages.get('complete_lineages'))}."
    )


def _say_part(number: int, of: int) -> str:
    return f"{100 * number / of:.1f} %" if of else "none"


def _format_number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f}"


def _show_scores(movies: Sequence[dict[str, Any]]) -> str:
    """Links, divisions and lineages, each beside the baseline."""
    scored = [
        (movie["name"], words, movie["scores"][key])
        for movie in movies
        if movie["scores"]
        for key, words in METHODS.items()
    ]
    if not scored:
        return make_paragraph("Not measured: no true links are known.")
    links = [(*who, *(score["links"][key] for key in _LINKS)) for *who, score in scored]
    divisions = [
        (*who, *(score["divisions"][str(each)][key] for key, each in _DIVISIONS))
        for *who, score in scored
    ]
    names = [f"{_DIVISION_WORDS.get(key, key)} ±{each}" for key, each in _DIVISIONS]
    lineages = [
        (*who, *((score["lineages"] or {}).get(key) for key in _LINEAGES)) for *who, score in scored
    ]
    return (
        make_table(("movie", "method", *_LINKS.values()), links)
        + make_paragraph("Divisions that the links draw, up to 0, 1 and 2 time points off:")
        + make_table(("movie", "method", *names), divisions)
        + make_paragraph("Lineages, from 0 to 1:")
        + make_table(("movie", "method", *_LINEAGES.values()), lineages)
        + "".join(map(make_paragraph, _NOTES))
    )


def _show_expected(movies: Sequence[dict[str, Any]]) -> str:
    """Errors expected from the error probabilities beside those counted."""
    heading = (
        *("movie", "all errors expected", "positions to look at"),
        *("wrong links expected", "wrong links counted", "links judged"),
        *("wrong divisions expected", "wrong divisions counted", "divisions judged"),
    )
    names = [
        f"{what}_{each}"
        for what in ("links", "divisions")
        for each in ("expected_wrong", "wrong", "judged")
    ]
    rows = [
        (
            movie["name"],
            movie["expected_errors"],
            _say_part(movie["doubtful_positions"], movie["positions"]),
            *((movie["errors"] or {}).get(name) for name in names),
        )
        for movie in movies
    ]
    note = (
        "Every link, division, start and end of a track has a probability to be wrong. All errors expected are those "
        "in where nuclei come from: the sum over links and starts. Expected and counted errors can be compared only "
        "where the truth judges: for these, both numbers stand beside each other."
    )
    return make_table(heading, rows) + make_paragraph(note)


def _show_reliability(results: Sequence[TrackingResult]) -> str:
    reliability = pool_reliability(results)
    if reliability is None:
        return ""
    return make_figure(
        plot_reliability(reliability, title="Probability that a link is wrong, said and true")
    )


def _show_movie(result: TrackingResult, movie: dict[str, Any]) -> str:
    """Overlay, lineage tree and what to look at first."""
    rows = [
        (
            each["time_point"],
            *(f"{place:.0f}" for place in each["position"]),
            each["what"],
            each["probability"],
        )
        + (each["advice"],)
        for each in movie["doubts"][:_SHOWN_DOUBTS]
    ]
    table = make_table(
        ("time point", "z", "y", "x", "what", "wrong with probability", "advice"), rows
    )
    words = (
        f"What to look at first ({len(rows)} of {len(movie['doubts'])} listed in the JSON file):"
    )
    return (
        make_image(result.picture, result.record["words"])
        + make_figure(plot_lineage_tree(result.tracks, title=f"{result.name}: lineages"))
        + (make_paragraph(words) + table if rows else make_paragraph("Nothing is in doubt."))
    )


def _show_seconds(movies: Sequence[dict[str, Any]]) -> str:
    stages = list(dict.fromkeys(stage for movie in movies for stage in movie["seconds"]))
    rows = [
        (
            movie["name"],
            *(f"{movie['seconds'].get(stage, 0):.1f} s" for stage in stages),
            f"{sum(movie['seconds'].values()):.1f} s",
        )
        for movie in movies
    ]
    return make_table(("movie", *stages, "together"), rows)


def _show_networks(networks: dict[str, Any]) -> str:
    rows = [
        (
            kind,
            each["folder"],
            each["settings"]["preset"],
            f"{each['settings']['threshold']:.2f}",
            _describe_calibration(each["settings"]["calibration"]),
            each["sha256"],
        )
        for kind, each in networks.items()
    ]
    return make_table(
        ("network", "folder", "preset", "threshold", "calibration", "SHA-256 of model.keras"),
        rows,
        code=5,
    )


def _describe_calibration(line: Sequence[float]) -> str:
    slope, intercept = line
    return (
        "none" if (slope, intercept) == (1, 0) else f"slope {slope:.3g}, intercept {intercept:.3g}"
    )
