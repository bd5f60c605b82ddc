"""One page about one training: data, method, curves, scores, mistakes, and what is not known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.evaluation.calibration import Calibration, Reliability, compute_reliability
from organoid_kit.plots import plot_history
from organoid_kit.plots.probabilities import plot_reliability
from organoid_kit.report.kinds import KINDS, Kind
from organoid_kit.report.method import describe_method
from organoid_kit.report.page import render_lines, write_page
from organoid_kit.report.results import MovieResult, read_calibration, read_movie_results
from organoid_kit.training import Run
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.runs import collect_versions


def write_report(
    path: str | Path, run: Run, *, json_path: str | Path | None = None, overwrite: bool = False
) -> dict[str, Any]:
    """Writes one self-contained page about a run, and its figures as JSON.

    Args:
        path: of the page, ``.html``.
        run: of any network, with or without results, see `save_movie_result`.
        json_path: of the JSON file; None: beside the page, with its name.
        overwrite: replaces files that exist.

    Returns:
        What the JSON file holds.

    Raises:
        UserError: a file exists or cannot be written, or the run's files are damaged.
    """
    network, results = run.settings.network, read_movie_results(run)
    kind = KINDS[network]
    title = "Predicted and true probability, all test movies"
    before, after = compute_reliabilities(kind, results)
    return write_page(
        path,
        f"{network}.html",
        collect_facts(run, results),
        json_path,
        overwrite,
        kind=kind,
        results=results,
        history=plot_history(run.history) if run.history else None,
        reliability=plot_reliability(after, before, title=title) if results else None,
    )


def collect_facts(run: Run, results: Sequence[MovieResult]) -> dict[str, Any]:
    """Everything the page says, for JSON; None where something was not measured."""
    kind, details, settings = KINDS[run.settings.network], run.details, run.settings
    movies = [
        {"name": result.name, "threshold": result.threshold, **kind.compute_scores([result])}
        for result in results
    ]
    pooled = kind.compute_scores(results) if results else dict.fromkeys(["network", *kind.methods])
    before, after = compute_reliabilities(kind, results)
    return {
        "run": run.folder.name,
        "method": describe_method(run, results),
        "reading": describe_history(run.history),
        **pooled,
        "spread": {
            name: compute_spread([movie["network"][name] for movie in movies])
            for name in kind.spread
        },
        "movies": movies,
        "reliability": after and after.to_dict(),
        "reliability_before_calibration": before and before.to_dict(),
        "calibration": read_calibration(run),
        "data": [*details["data"], *(result.data for result in results)],
        "history": run.history,
        "settings": settings.to_dict(),
        "versions": {"training": details["versions"], "report": collect_versions()},
        "limits": list_limits(run, results),
    }


def compute_spread(values: Sequence[float | None]) -> dict[str, Any] | None:
    """How a figure varies from movie to movie; None where fewer than two movies have it."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    extremes = {"lowest": min(known), "highest": max(known)}
    return {"mean": float(np.mean(known)), **extremes, "movies": len(known)}


def compute_reliabilities(
    kind: Kind, results: Sequence[MovieResult]
) -> tuple[Reliability | None, Reliability | None]:
    """How reliable the answers are, before and after calibration; None where there is none."""
    if not results:
        return None, None
    answers = [kind.collect_answers(result) for result in results]
    said, true = (np.concatenate(part) for part in zip(*answers))
    after = compute_reliability(said, true)
    if {result.calibration for result in results} == {(1.0, 0.0)}:
        return None, after
    raw = [
        Calibration(*result.calibration).invert(part) for result, (part, _) in zip(results, answers)
    ]
    return compute_reliability(np.concatenate(raw), true), after


def list_limits(run: Run, results: Sequence[MovieResult]) -> list[str]:
    """What nobody should read into the page."""
    movies = run.details["data"]
    sums = {
        part: {movie["images_sha256"] for movie in movies if movie["part"] == part}
        for part in ("training", "validation")
    }
    shared = sums["training"] & sums["validation"]
    return render_lines(
        "run_limits.txt",
        network=run.settings.network,
        results=results,
        divisions=sum(len(result.truth.divisions()) for result in results),
        calibration=read_calibration(run),
        sums=sums,
        in_both=sorted({movie["name"] for movie in movies if movie["images_sha256"] in shared}),
    )
