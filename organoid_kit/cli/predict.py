"""`predict`: what one network finds in movies: nuclei, or which of known nuclei divide and which
belong together.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.cli.opening import NamedMovie, open_movies
from organoid_kit.cli.options import (
    CHANNELS_HELP,
    add_command,
    add_reading,
    add_time_point_offset,
    parse_numbers,
)
from organoid_kit.cli.outputs import choose_outputs
from organoid_kit.cli.shared import load_keras, require_channels
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import write_annotations


def add_options(commands: Any) -> None:
    """The command `predict` and its options."""
    parser = add_command(
        commands,
        "predict",
        _predict,
        "Show movies to one network: find nuclei, divisions or links.",
    )
    parser.add_argument(
        "network", type=Path, help="a network's folder, a run, or the name of a shipped network"
    )
    parser.add_argument(
        "movies", type=Path, nargs="+", metavar="movie", help="a movie or an .autlist"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help=".aut, .csv or .geff, or a folder"
    )
    annotations_help = (
        "nuclei of the movie, for a division or link network; else those of the .autlist"
    )
    parser.add_argument("--annotations", type=Path, metavar="FILE", help=annotations_help)
    parser.add_argument(
        "--channels", type=parse_numbers, help=f"{CHANNELS_HELP}; else those the network was told"
    )
    threshold_help = "least probability; else the one saved with the network. Divisions and links: only counted by it"
    parser.add_argument("--threshold", type=float, help=threshold_help)
    parser.add_argument("--time-points", type=int, nargs=2, metavar=("FIRST", "LAST"))
    add_time_point_offset(parser)
    add_reading(parser)


def _predict(options: argparse.Namespace) -> None:
    """Shows one movie or several to a network."""
    movies = open_movies(options, options.annotations)
    outputs = choose_outputs(options.output, [each.movie.name for each in movies])
    load_keras()
    from organoid_kit.networks.saving import load_network

    network, settings = load_network(options.network)
    _check_annotations(settings, movies, options)
    if options.channels:
        settings = settings.changed(channels=options.channels)
    elif settings.channels == NetworkSettings().channels:  # also where nobody chose them
        require_channels(each.movie for each in movies)
    ask = {"position": _predict_positions, "division": _predict_divisions, "link": _predict_links}[
        settings.network
    ]
    for each, output in zip(movies, outputs, strict=True):
        said = ask(network, settings, each, output, options)
        print(f"{said} in {each.movie.name}: {output}")


def _check_annotations(
    settings: NetworkSettings, movies: list[NamedMovie], options: argparse.Namespace
) -> None:
    """Raises UserError where the network needs nuclei and has none, or finds them itself and is
    given some.
    """
    if settings.network == "position" and options.annotations:
        raise UserError(
            f"A position network finds nuclei itself. Received: --annotations {str(options.annotations)!r} for "
            f"{str(options.network)!r}. Leave them out, or name a division or link network."
        )
    bare = [each.movie.name for each in movies if each.annotations is None]
    if settings.network != "position" and bare:
        raise UserError(
            f"A {settings.network} network judges nuclei that are known. Received: no annotations for "
            f"{', '.join(bare)}. Add --annotations FILE, or find nuclei first with a position network; `track` does "
            "everything at once."
        )


def _predict_positions(
    network: Any,
    settings: NetworkSettings,
    each: NamedMovie,
    output: Path,
    options: argparse.Namespace,
) -> str:
    """Finds nuclei in a movie and writes them; what an interrupted prediction has found is not
    computed again.
    """
    from organoid_kit.prediction.positions import predict_positions

    note = output.with_name(f"{output.name}.resume")
    first_last = options.time_points
    times = range(first_last[0], first_last[1] + 1) if first_last else None
    try:
        found = predict_positions(
            network,
            each.movie,
            settings,
            time_points=times,
            threshold=options.threshold,
            resume_file=note,
        )
    except KeyboardInterrupt:
        print(
            f"\nWhat was found so far is kept in {note}. Give the same command again to go on.",
            file=sys.stderr,
        )
        raise
    write_annotations(found, output)
    note.unlink(missing_ok=True)
    return f"{len(found)} positions"


def _predict_divisions(
    network: Any,
    settings: NetworkSettings,
    each: NamedMovie,
    output: Path,
    options: argparse.Namespace,
) -> str:
    """Says of each known nucleus how probably it divides."""
    from organoid_kit.prediction.crops import predict_divisions

    found = predict_divisions(network, each.movie, _select(each.annotations, options), settings)
    write_annotations(found, output)
    many = _count(found.properties["division_probability"], settings, options)
    return f"{many} of {len(found)} nuclei divide"


def _predict_links(
    network: Any,
    settings: NetworkSettings,
    each: NamedMovie,
    output: Path,
    options: argparse.Namespace,
) -> str:
    """Says of each pair of known nuclei that may be the same how probably they are."""
    from organoid_kit.prediction.crops import predict_links

    found = predict_links(network, each.movie, _select(each.annotations, options), settings)
    write_annotations(found, output)
    many = _count(found.link_properties["link_probability"], settings, options)
    return f"{many} of {len(found.links)} candidate links are probable"


def _select(annotations: Annotations, options: argparse.Namespace) -> Annotations:
    """Those of the time points that were named."""
    first, last = options.time_points or (-sys.maxsize, sys.maxsize)
    return annotations.select(
        (annotations.time_points >= first) & (annotations.time_points <= last)
    )


def _count(probabilities: Any, settings: NetworkSettings, options: argparse.Namespace) -> int:
    """How many reach the threshold."""
    threshold = settings.threshold if options.threshold is None else options.threshold
    return sum(float(each) >= threshold for each in probabilities)
