"""What was done, in sentences for a methods section: see templates/method.txt."""

from collections.abc import Sequence
from typing import Any

from organoid_kit.plots.drawing import count
from organoid_kit.report.page import join_words, render
from organoid_kit.report.results import MovieResult, read_calibration
from organoid_kit.training import Run
from organoid_kit.training.runs import OWN_NETWORK, find_best


def describe_method(run: Run, results: Sequence[MovieResult] = ()) -> str:
    """What was done, from training to scores."""
    settings, details = run.settings, run.details
    data = {
        part: [movie for movie in details["data"] if movie["part"] == part]
        for part in ("training", "validation")
    }
    spacing_um = settings.spacing_um or ()
    text = render(
        "method.txt",
        settings=settings,
        versions=details["versions"],
        has_own_layers=(run.folder / OWN_NETWORK).exists(),
        size_um=[float(n * um) for n, um in zip(settings.patch_shape_zyx, spacing_um)],
        history=run.history,
        best=find_best(run.history),
        calibration=read_calibration(run),
        results=results,
        thresholds=[f"{value:.2f}" for value in sorted({each.threshold for each in results})],
        amount=describe_amount,
        **data,
    )
    return " ".join(text.split())


def describe_amount(data: Sequence[dict[str, Any]]) -> str:
    """How much is annotated, and in which movies; what was not counted is left out."""
    times = sum(len(movie["time_points"]) for movie in data)
    counts = [count(sum(movie["positions"] for movie in data), "position")]
    for noun in ("link", "division"):
        if number := sum(movie.get(f"{noun}s", 0) for movie in data):
            counts.append(count(number, noun))
    movies = join_words(movie["name"] for movie in data)
    return f"{join_words(counts)} at {count(times, 'time point')} of {movies}"
