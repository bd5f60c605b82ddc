"""Pages about trainings: one with all that is known of it; several, side by side."""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import make_error
from organoid_kit.evaluation.calibration import Calibration, Reliability, compute_reliability
from organoid_kit.plots import plot_history
from organoid_kit.plots.probabilities import plot_reliability
from organoid_kit.report.kinds import KINDS, Kind
from organoid_kit.report.page import render, render_lines, write_page
from organoid_kit.report.results import MovieResult, read_calibration, read_movie_results
from organoid_kit.training import Run, describe_history
from organoid_kit.training.runs import OWN_NETWORK, QUALITIES, collect_versions, find_best


def write_report(path: str | Path, run: Run, *, overwrite: bool = False) -> dict[str, Any]:
    """Writes one self-contained page about a run, and its figures, which it returns, as JSON."""
    network, results = run.settings.network, read_movie_results(run)
    kind, facts = KINDS[network], collect_facts(run, results)
    title = "Predicted and true probability, all test movies"
    before, after = compute_reliabilities(kind, results)
    drawings = {"history": plot_history(run.history) if run.history else None}
    drawings["reliability"] = plot_reliability(after, before, title=title) if results else None
    parts = {"kind": kind, "results": results, **drawings}
    return write_page(path, f"{network}.html", facts, overwrite, **parts)


def collect_facts(run: Run, results: Sequence[MovieResult]) -> dict[str, Any]:
    """Everything the page says, for JSON; None where something was not measured."""
    kind, details = KINDS[run.settings.network], run.details
    movies = [{"name": each.name, "threshold": each.threshold} for each in results]
    movies = [m | kind.compute_scores([each]) for m, each in zip(movies, results)]
    pooled = kind.compute_scores(results) if results else dict.fromkeys(["network", *kind.methods])
    before, after = compute_reliabilities(kind, results)
    calibration, divisions = read_calibration(run), [len(r.truth.divisions()) for r in results]
    limits = {"results": results, "divisions": sum(divisions), "data": details["data"]}
    limits |= {"network": run.settings.network, "calibration": calibration}
    spread = {name: [movie["network"][name] for movie in movies] for name in kind.spread}
    return {
        "run": run.folder.name,
        "method": describe_method(run, results),
        "reading": describe_history(run.history),
        **pooled,
        "spread": {name: compute_spread(values) for name, values in spread.items()},
        "movies": movies,
        "reliability": after and after.to_dict(),
        "reliability_before_calibration": before and before.to_dict(),
        "calibration": calibration,
        "data": [*details["data"], *(result.data for result in results)],
        "history": run.history,
        "settings": run.settings.to_dict(),
        "versions": {"training": details["versions"], "report": collect_versions()},
        "limits": render_lines("run_limits.txt", **limits),
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
    said, true = map(np.concatenate, zip(*answers))
    after = compute_reliability(said, true)
    if {result.calibration for result in results} == {(1.0, 0.0)}:
        return None, after
    raw = [Calibration(*each.calibration).invert(part) for each, (part, _) in zip(results, answers)]
    return compute_reliability(np.concatenate(raw), true), after


def describe_method(run: Run, results: Sequence[MovieResult] = ()) -> str:
    """What was done, from training to scores, in sentences for a methods section."""
    settings = run.settings
    sides = zip(settings.patch_shape_zyx, settings.spacing_um or ())
    text = render(
        "method.txt",
        settings=settings,
        details=run.details,
        results=results,
        history=run.history,
        best=find_best(run.history),
        has_own_layers=(run.folder / OWN_NETWORK).exists(),
        size_um=[float(n * um) for n, um in sides],
        calibration=read_calibration(run),
    )
    return " ".join(text.split())


def write_comparison(
    output: str | Path, runs: Sequence[Run], *, overwrite: bool = False
) -> dict[str, Any]:
    """Writes one page, as `write_report`, that compares runs of the same kind, and JSON."""
    networks = sorted({run.settings.network for run in runs})
    if len(runs) < 2 or len(networks) > 1:
        raise make_error("runs compared", count=len(runs), networks=", ".join(networks) or "none")
    kind, first = KINDS[networks[0]], runs[0]
    # scores are those of the test movies that all runs share: the same images and the same truth
    same = itemgetter("images_sha256", "annotations_sha256")
    results = [{same(result.data): result for result in read_movie_results(run)} for run in runs]
    shared = [key for key in results[0] if all(key in others for others in results)]
    tested = [[by_movie[key] for key in shared] for by_movie in results]
    scores = [kind.compute_scores(movies)["network"] if movies else None for movies in tested]
    data = [[(movie["part"], *same(movie)) for movie in run.details["data"]] for run in runs]
    best = [find_best(run.history) for run in runs]
    facts = {
        "runs": [run.folder.name for run in runs],
        "differences": _find_differences(runs),
        "best": best,
        "readings": [describe_history(run.history) for run in runs],
        "test_movies": [results[0][key].name for key in shared],
        "scores": scores,
        "limits": render_lines(
            "comparison_limits.txt",
            shared_movies=len(shared),
            most_movies=max(map(len, results)),
            other_data=any(movies != data[0] for movies in data),
            one_seed=len({run.settings.seed for run in runs}) == 1,
        ),
    }
    histories = {run.folder.name: run.history for run in runs[1:]}
    title = f"This training: {first.folder.name}"
    history = plot_history(first.history, histories, title=title)
    measured = {key for row in best if row for key, value in row.items() if value}
    parts = {"kind": kind, "history": history, "measured": measured, "qualities": QUALITIES}
    return write_page(output, "comparison.html", facts, overwrite, **parts)


def _find_differences(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Settings that are not the same in all runs: name → value in each run."""
    settings = []
    for run in runs:
        values = run.settings.to_dict()
        augmentation = values.pop("augmentation").items()
        settings.append(values | {f"augmentation: {name}": value for name, value in augmentation})
        del settings[-1]["output_folder"]
    columns = {name: [values[name] for values in settings] for name in settings[0]}
    return {name: values for name, values in columns.items() if values != values[:1] * len(values)}
