"""`predict`: what one network finds in movies: nuclei, or which of known nuclei divide and which
belong together.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from organoid_kit.base import NetworkSettings, UserError
from organoid_kit.cli.files import (
    choose_outputs,
    load_keras,
    open_movies,
    require_channels,
    resume_file,
    select_time_points,
)
from organoid_kit.data import AnnotatedMovie, Annotations, write_annotations


def predict(
    network: Path,
    movies: Sequence[Path],
    output: Path,
    annotations: Path | None = None,
    channels: tuple[int, ...] | None = None,
    threshold: float | None = None,
    time_points: Sequence[int] | None = None,
    time_point_offset: int = 0,
    **reading: Any,
) -> None:
    """Shows one movie or several to a network."""
    opened = open_movies(movies, annotations, time_point_offset, **reading)
    outputs = choose_outputs(output, [annotated.movie.name for annotated in opened])
    load_keras()
    from organoid_kit.networks import load_network

    model, settings = load_network(network)
    bare = [annotated.movie.name for annotated in opened if not len(annotated.annotations)]
    if settings.network != "position" and bare:
        raise UserError(
            f"A {settings.network} network judges nuclei that are known. "
            f"Received: no annotations for {', '.join(bare)}. Add --annotations FILE, or find "
            "nuclei first with a position network; `track` does everything at once."
        )
    if settings.network == "position" and annotations:
        raise UserError(
            "A position network finds nuclei itself. "
            f"Received: --annotations {str(annotations)!r} for {str(network)!r}. "
            "Leave them out, or name a division or link network."
        )
    if channels:
        settings = settings.changed(channels=channels)
    elif settings.channels == NetworkSettings().channels:  # also where nobody chose them
        require_channels(annotated.movie for annotated in opened)
    least = settings.threshold if threshold is None else threshold
    for annotated, path in zip(opened, outputs, strict=True):
        with resume_file(path) as note:
            found = _predict(model, settings, annotated, time_points, threshold, note)
            write_annotations(found, path)
        print(f"{_summarise(found, settings.network, least)} in {annotated.movie.name}: {path}")


def _predict(
    model: Any,
    settings: NetworkSettings,
    annotated: AnnotatedMovie,
    time_points: Sequence[int] | None,
    threshold: float | None,
    note: Path,
) -> Annotations:
    """What an interrupted prediction has found is not computed again."""
    from organoid_kit.prediction import predict_divisions, predict_links, predict_positions

    if settings.network == "position":
        times = range(time_points[0], time_points[1] + 1) if time_points else None
        options = {"time_points": times, "threshold": threshold, "resume_file": note}
        return predict_positions(model, annotated.movie, settings, **options)
    predict = {"division": predict_divisions, "link": predict_links}[settings.network]
    known = annotated.annotations
    if time_points:
        known = select_time_points(known, *time_points)
    return predict(model, annotated.movie, known, settings)


def _summarise(found: Annotations, kind: str, threshold: float) -> str:
    """How many were found, or reach the threshold."""
    if kind == "position":
        return f"{len(found)} positions"
    values, rest = found.link_properties.get("link_probability"), "candidate links are probable"
    if kind == "division":
        values, rest = found.properties["division_probability"], "nuclei divide"
    return f"{(values.astype(float) >= threshold).sum()} of {len(values)} {rest}"
