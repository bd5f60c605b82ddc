"""`predict`: what one network finds in movies: nuclei, or which known ones divide or are linked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from organoid_kit import networks, prediction
from organoid_kit.base import NetworkSettings, refuse_if
from organoid_kit.cli import files
from organoid_kit.data import Annotations, write_annotations


def predict(
    network: Path,
    movies: Sequence[Path],
    output: Path,
    annotations: Path | None = None,
    channels: tuple[int, ...] | None = None,
    threshold: float | None = None,
    time_points: Sequence[int] | None = None,
    **reading: Any,
) -> None:
    """Shows one movie or several to a network."""
    opened = files.open_movies(movies, annotations, **reading)
    outputs = files.choose_outputs(output, [annotated.movie.name for annotated in opened])
    files.load_keras()
    model, settings = networks.load_network(network)
    bare = [annotated.movie.name for annotated in opened if not len(annotated.annotations)]
    finds = settings.network == "position"
    refuse_if(bare and not finds, "nuclei known", ", ".join(bare), network=settings.network)
    refuse_if(annotations and finds, "nuclei unknown", annotations, network=network)
    if channels:
        settings = settings.changed(channels=channels)
    elif settings.channels == NetworkSettings().channels:  # also where nobody chose them
        files.require_channels(annotated.movie for annotated in opened)
    times = range(time_points[0], time_points[1] + 1) if time_points else None
    for annotated, path in zip(opened, outputs, strict=True):
        movie, known = annotated.movie, annotated.annotations
        if time_points:
            known = files.select_time_points(known, *time_points)
        with files.resume_file(path) as note:  # what was found before an interruption stands there
            if settings.network == "position":
                options = {"time_points": times, "threshold": threshold, "resume_file": note}
                found = prediction.predict_positions(model, movie, settings, **options)
            elif settings.network == "division":
                found = prediction.predict_divisions(model, movie, known, settings)
            else:
                found = prediction.predict_links(model, movie, known, settings)
            write_annotations(found, path)
        least = settings.threshold if threshold is None else threshold
        print(f"{_summarise(found, settings.network, least)} in {movie.name}: {path}")
        if not len(annotated.annotations):
            print(describe_calibration(settings))


def describe_calibration(*asked: NetworkSettings) -> str:
    """How far probabilities can be believed in a movie of which no truth is known."""
    plain = [f"{each.network} network" for each in asked if each.calibration == (1.0, 0.0)]
    if plain:
        said = f"Probabilities of the {', '.join(plain)} are not calibrated"
        return f"{said}: they say what is surer, not how often it is right."
    said = "Probabilities were calibrated on other movies"
    return f"{said}: whether they hold on this one, nobody knows before some of it is annotated."


def _summarise(found: Annotations, kind: str, threshold: float) -> str:
    if kind == "position":
        return f"{len(found)} positions"
    values, rest = found.link_properties.get("link_probability"), "candidate links are probable"
    if kind == "division":
        values, rest = found.properties["division_probability"], "nuclei divide"
    return f"{(values.astype(float) >= threshold).sum()} of {len(values)} {rest}"
