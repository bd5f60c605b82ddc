"""Opens what the command line names: movies, annotations where there are any, and Keras."""

import dataclasses
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from organoid_kit.base import UserError
from organoid_kit.data import (
    AnnotatedMovie,
    Annotations,
    TimeLapse,
    read_annotations,
    read_dataset,
    read_timelapse,
)

Spacing = tuple[float, ...]  # z, y, x, µm per voxel


def open_movies(
    paths: Sequence[Path],
    annotations: Path | None = None,
    time_point_offset: int = 0,
    **reading: Any,
) -> list[AnnotatedMovie]:
    """All movies that were named, one by one or in an .autlist.

    Args:
        annotations: of the only movie; None for those of an .autlist, or none.
        time_point_offset: of an .xml.
        reading: options of `read_timelapse`.
    """
    movies: list[AnnotatedMovie] = []
    for path in paths:
        if path.suffix == ".autlist":
            movies += read_dataset(path, **reading)
        else:
            movie = read_timelapse(path, **reading)
            movies.append(AnnotatedMovie(movie, Annotations([], []), reading.get("pattern")))
    if annotations is None:
        return movies
    if len(movies) != 1:
        raise UserError(
            "A file of annotations belongs to one movie. "
            f"Received: {str(annotations)!r} for {len(movies)} movies. "
            "Name one movie, or an .autlist that names annotations for each."
        )
    spacing = read_spacing(annotations) or movies[0].movie.spacing_um
    known = read_positions(annotations, spacing, time_point_offset)
    return [dataclasses.replace(movies[0], annotations=known)]


def read_positions(
    path: Path, spacing_um: Spacing | None, time_point_offset: int = 0
) -> Annotations:
    """Annotations of any format; with this spacing, where the file says none."""
    suffix, stated = path.suffix.lower(), {}
    if spacing_um and suffix not in (".aut", ".json"):
        stated["spacing_um"] = spacing_um
    if suffix == ".xml":
        stated["time_point_offset"] = time_point_offset
    return read_annotations(path, **stated).with_spacing(spacing_um)


def read_spacing(path: Path) -> Spacing | None:
    """As the file itself says; of the formats, only .aut and GEFF do."""
    if path.suffix.lower() not in (".aut", ".json", ".geff", ".zarr"):
        return None
    try:
        return read_annotations(path).spacing_um
    except UserError:
        # A GEFF in µm that lacks it; what else is wrong is said when the file is read.
        return None


def select_time_points(annotations: Annotations, first: int, last: int) -> Annotations:
    """The positions from the first to the last."""
    times = annotations.time_points
    return annotations.select((times >= first) & (times <= last))


def require_channels(movies: Iterable[TimeLapse]) -> None:
    """Refuses to guess which of several channels shows nuclei."""
    for movie in movies:
        names = [f"{number} ({name})" for number, name in enumerate(movie.channel_names, 1)]
        if len(names) > 1:
            raise UserError(
                "The channel with nuclei must be named where a movie has several. "
                f"Received: no --channels for {movie.name!r} with channels {', '.join(names)}. "
                "Add --channels 1, say, or --channels 1,2 for their sum."
            )


def load_keras() -> None:
    """Loads Keras. TensorFlow's chatter goes nowhere: no setting of its own silences it."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"Networks need Keras and TensorFlow. Received: {error}. "
            "Install them: pip install tensorflow."
        ) from error
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
