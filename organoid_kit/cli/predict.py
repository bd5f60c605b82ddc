"""`predict`: nuclei in movies that nobody has annotated."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from organoid_kit.annotations import Annotations
from organoid_kit.cli.options import CHANNELS_HELP, add_command, add_reading, read_numbers, reading_options
from organoid_kit.cli.shared import ask_for_channels, load_keras
from organoid_kit.dataset import read_dataset
from organoid_kit.errors import UserError
from organoid_kit.files import make_file_name
from organoid_kit.formats import write_annotations
from organoid_kit.settings import NetworkSettings
from organoid_kit.timelapse import TimeLapse
from organoid_kit.timelapse_reading import read_timelapse

_WRITTEN = (".aut", ".csv", ".geff", ".zarr")  # what predict writes, by its suffix


def add_options(commands: Any) -> None:
    """The command `predict` and its options."""
    parser = add_command(commands, "predict", _predict, "Find nuclei in movies.")
    parser.add_argument("network", type=Path, help="a network's folder, a run, or the name of a shipped network")
    parser.add_argument("movies", type=Path, nargs="+", metavar="movie", help="a movie or an .autlist")
    parser.add_argument("-o", "--output", type=Path, required=True, help=".aut, .csv or .geff, or a folder")
    parser.add_argument("--channels", type=read_numbers, help=f"{CHANNELS_HELP}; else those the network was told")
    parser.add_argument("--threshold", type=float, help="least probability; else the one saved with the network")
    parser.add_argument("--time-points", type=int, nargs=2, metavar=("FIRST", "LAST"))
    add_reading(parser)


def _predict(options: argparse.Namespace) -> None:
    """Finds nuclei in one movie or several."""
    movies = _open_movies(options)
    outputs = _find_outputs(options.output, movies)
    load_keras()
    from organoid_kit.networks import load_network

    network, settings = load_network(options.network)
    if options.channels:
        settings = settings.changed(channels=options.channels)
    elif settings.channels == NetworkSettings().channels:  # also where nobody chose them
        ask_for_channels(movies)
    for movie, output in zip(movies, outputs, strict=True):
        found = _predict_movie(network, settings, movie, output, options)
        print(f"{len(found)} positions in {movie.name}: {output}")


def _predict_movie(
    network: Any, settings: NetworkSettings, movie: TimeLapse, output: Path, options: argparse.Namespace
) -> Annotations:
    """Finds nuclei in a movie and writes them; what an interrupted prediction has found is not computed again."""
    from organoid_kit.prediction import predict_positions

    note = output.with_name(f"{output.name}.resume")
    first_last = options.time_points
    times = range(first_last[0], first_last[1] + 1) if first_last else None
    try:
        found = predict_positions(
            network, movie, settings, time_points=times, threshold=options.threshold, resume_file=note
        )
    except KeyboardInterrupt:
        print(f"\nWhat was found so far is kept in {note}. Give the same command again to go on.", file=sys.stderr)
        raise
    write_annotations(found, output)
    note.unlink(missing_ok=True)
    return found


def _open_movies(options: argparse.Namespace) -> list[TimeLapse]:
    """All movies that were named, one by one or in an .autlist."""
    movies: list[TimeLapse] = []
    for path in options.movies:
        if path.suffix == ".autlist":
            movies += [annotated.movie for annotated in read_dataset(path, **reading_options(options))]
        else:
            movies.append(read_timelapse(path, **reading_options(options)))
    return movies


def _find_outputs(output: Path, movies: Sequence[TimeLapse]) -> list[Path]:
    """A file for each movie: the one named, or one for each in the folder named. None of them exists yet."""
    _check_suffix(output)
    paths = [output] if output.suffix else [output / f"{make_file_name(movie.name)}.aut" for movie in movies]
    for path in paths:
        if path.exists() or len(set(paths)) < len(movies):
            raise UserError(
                f"Each movie needs a file of its own that does not exist yet. Received: {str(path)!r} for "
                f"{', '.join(movie.name for movie in movies)}. Choose another --output; one without suffix is a "
                "folder, with a file for each movie."
            )
    return paths


def _check_suffix(output: Path) -> None:
    """Says before the work, not after it, that the result cannot be written."""
    suffix = output.suffix.lower()
    if suffix and suffix not in _WRITTEN:
        raise UserError(
            f"Positions are written as {', '.join(_WRITTEN)}, or into a folder. Received: --output {str(output)!r} "
            "with another suffix. Choose one of these, or a folder without a dot in its name."
        )
    if suffix in (".geff", ".zarr") and find_spec("geff") is None:
        raise UserError(
            f"GEFF files need the geff library. Received: --output {str(output)!r} without it. "
            'Install it with: pip install "organoid-kit[formats]", or choose .aut.'
        )
