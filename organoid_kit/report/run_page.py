"""One page about one training: data, method, curves, scores, worst mistakes, and what was not
measured.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from organoid_kit.base.files import write_json_safely, write_text_safely
from organoid_kit.evaluation.calibration import Calibration, Reliability, compute_reliability
from organoid_kit.plots.curves import plot_history
from organoid_kit.plots.probabilities import plot_reliability
from organoid_kit.report import divisions, links, positions
from organoid_kit.report.method import describe_method
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
from organoid_kit.report.results import Result, read_calibration, read_results
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.runs import Run, collect_versions

_NEVER_MEASURED = (
    "How well the network does on movies of other microscopes, stains or tissues than those listed here.",
    "How far different annotators would agree with each other; no network can be better than its truth.",
)


def write_report(
    path: str | Path, run: Run, *, json_path: str | Path | None = None, overwrite: bool = False
) -> dict[str, Any]:
    """Writes one self-contained page about a run, and its figures as JSON.

    Args:
        path: of the page, ``.html``.
        run: of any network, with or without results, see `save_result`.
        json_path: of the JSON file; None: beside the page, with its name.
        overwrite: replaces files that exist.

    Returns:
        What the JSON file holds.

    Raises:
        UserError: a file exists or cannot be written, or the run's files are damaged.
    """
    results = read_results(run)
    facts = collect_facts(run, results)
    page = build_page(
        f"Report on {run.folder.name}", facts["written"], _make_sections(run, results, facts)
    )
    write_text_safely(path, page, overwrite=overwrite)
    write_json_safely(json_path or Path(path).with_suffix(".json"), facts, overwrite=overwrite)
    return facts


def choose_kind(run: Run) -> ModuleType:
    """What is particular to the run's network."""
    return {"position": positions, "division": divisions, "link": links}[run.settings.network]


def collect_facts(run: Run, results: Sequence[Result]) -> dict[str, Any]:
    """Everything the report says, as it stands in the JSON file; None where something was not
    measured.
    """
    kind = choose_kind(run)
    movies = [
        {"name": result.name, "threshold": result.threshold, **kind.compute_scores([result])}
        for result in results
    ]
    before, after = compute_reliabilities(kind, results)
    return {
        "run": run.folder.name,
        "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        "method": describe_method(run, results),
        "reading": describe_history(run.history),
        **(kind.compute_scores(results) if results else dict.fromkeys(["network", *kind.METHODS])),
        "spread": {
            name: compute_spread([each["network"][name] for each in movies]) for name in kind.SPREAD
        },
        "movies": movies,
        "reliability": after and after.to_dict(),
        "reliability_before_calibration": before and before.to_dict(),
        "calibration": read_calibration(run),
        "data": [*run.details["data"], *(result.data for result in results)],
        "history": run.history,
        "settings": run.settings.to_dict(),
        "versions": {"training": run.details["versions"], "report": collect_versions()},
        "limits": _find_limits(run, results),
    }


def compute_spread(values: Sequence[float | None]) -> dict[str, Any] | None:
    """How a figure varies from movie to movie; None where fewer than two movies have it."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    return {
        "mean": float(np.mean(known)),
        "lowest": min(known),
        "highest": max(known),
        "movies": len(known),
    }


def compute_reliabilities(
    kind: ModuleType, results: Sequence[Result]
) -> tuple[Reliability | None, Reliability | None]:
    """How reliable the answers are on all test movies, before and after calibration; None where
    nobody calibrated.
    """
    answers = [kind.collect_answers(result) for result in results]
    if not answers:
        return None, None
    said, true = (np.concatenate(part) for part in zip(*answers))
    lines = {result.calibration for result in results}
    if lines == {(1.0, 0.0)}:
        return None, compute_reliability(said, true)
    raw = [
        Calibration(*result.calibration).invert(part) for result, (part, _) in zip(results, answers)
    ]
    return compute_reliability(np.concatenate(raw), true), compute_reliability(said, true)


def _find_limits(run: Run, results: Sequence[Result]) -> list[str]:
    """What nobody should read into this page."""
    kind, data = choose_kind(run), run.details["data"]
    limits = []
    if not results:
        limits.append(
            "Scores on movies the network has never seen: no result is saved in this run."
        )
    elif len(results) == 1:
        limits.append("How much the scores vary from movie to movie: there is only one test movie.")
    limits += kind.find_limits(results)
    if read_calibration(run) is None:
        limits.append(
            "Calibrated probabilities: nobody calibrated this network (`calibrate_network`)."
        )
    return [*limits, *_find_leaks(data, results), *kind.NOT_MEASURED, *_NEVER_MEASURED]


def _find_leaks(data: Sequence[dict[str, Any]], results: Sequence[Result]) -> list[str]:
    """Movies that are used for more than one purpose, and what cannot be said for that."""
    sums = {
        part: {each["images_sha256"] for each in data if each["part"] == part}
        for part in ("training", "validation")
    }
    limits = []
    if not sums["validation"]:
        limits.append(
            "The validation loss: there were no validation movies. Overfitting cannot be seen."
        )
    for part, used in sums.items():
        seen = [result.name for result in results if result.data["images_sha256"] in used]
        if seen:
            limits.append(
                f"An independent score for {join_words(seen)}: used for {part} too, so its score is too good."
            )
    both = sorted(
        {
            each["name"]
            for each in data
            if each["images_sha256"] in sums["training"] & sums["validation"]
        }
    )
    if both:
        limits.append(
            f"Validation on another organoid: {join_words(both)} is in training and in validation."
        )
    return limits


# ---- the page


def _make_sections(
    run: Run, results: Sequence[Result], facts: dict[str, Any]
) -> list[tuple[str, str]]:
    kind = choose_kind(run)
    said = (
        kind.format_summary(facts)
        if results
        else "Not measured yet: no result is saved in this run."
    )
    return [
        ("In short", make_paragraph(said) + make_paragraph(facts["reading"])),
        (
            "Scores",
            (_show_scores(kind, facts) + kind.make_pooled_figures(results)) if results else "",
        ),
        ("Can the probabilities be believed?", _show_reliability(kind, results)),
        ("Method", make_paragraph(facts["method"])),
        (
            "Training",
            make_figure(plot_history(run.history))
            if run.history
            else make_paragraph("Not measured."),
        ),
        *(
            (f"Result: {result.name}", kind.make_movie_figures(result) + _show_mistakes(result))
            for result in results
        ),
        ("Data", make_data_table(facts["data"])),
        ("What was not measured", make_list(facts["limits"])),
        ("Settings", make_pairs(facts["settings"])),
        ("Versions", make_pairs(facts["versions"]["training"])),
    ]


def _show_scores(kind: ModuleType, facts: dict[str, Any]) -> str:
    """One line for each movie and method, and the sum of all."""
    movies = [
        *facts["movies"],
        *([{**facts, "name": "all movies"}] if len(facts["movies"]) > 1 else []),
    ]
    rows = [
        (movie["name"], words, *((movie[key] or {}).get(column) for column in kind.COLUMNS))
        for movie in movies
        for key, words in kind.METHODS.items()
    ]
    table = make_table(("movie", "method", *kind.COLUMNS.values()), rows)
    return table + _show_spread(kind, facts["spread"]) + "".join(map(make_paragraph, kind.NOTES))


def _show_spread(kind: ModuleType, spread: dict[str, Any]) -> str:
    """Nothing where there is one movie."""
    known = {name: each for name, each in spread.items() if each is not None}
    if not known:
        return ""
    rows = [
        (kind.SPREAD[name], each["mean"], each["lowest"], each["highest"], each["movies"])
        for name, each in known.items()
    ]
    note = "How the network's scores vary from movie to movie; so few movies give no interval of confidence."
    return make_paragraph(note) + make_table(
        ("score", "mean of movies", "lowest", "highest", "movies"), rows
    )


def _show_reliability(kind: ModuleType, results: Sequence[Result]) -> str:
    if not results:
        return ""
    before, after = compute_reliabilities(kind, results)
    return make_figure(
        plot_reliability(after, before, title="Said and true probability, all test movies")
    )


def _show_mistakes(result: Result) -> str:
    return make_image(result.picture, result.words) if result.picture else ""


def make_data_table(data: Sequence[dict[str, Any]]) -> str:
    """Which movies were used for what, with checksums."""
    rows = [
        (
            each["part"],
            each["name"],
            *(each.get(what, "?") for what in ("positions", "links", "divisions")),
            _format_times(each["time_points"]),
            f"annotations {each['annotations_sha256']}, images {each['images_sha256']}",
        )
        for each in data
    ]
    heading = ("part", "movie", "positions", "links", "divisions", "time points", "SHA-256")
    return make_table(heading, rows, code=6)


def _format_times(times: Sequence[int]) -> str:
    return f"{len(times)} ({times[0]} to {times[-1]})" if len(times) else "none"
