"""Opens what the command line names: movies, and annotations where there are any."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from organoid_kit.base.errors import UserError
from organoid_kit.cli.options import reading_options
from organoid_kit.cli.shared import find_spacing, read_positions
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.data.timelapse_reading import read_timelapse


@dataclass(frozen=True, eq=False)
class NamedMovie:
    """A movie of the command line.

    Attributes:
        movie: the images.
        annotations: of an .autlist, or those named for the movie; None where there are none.
        pattern: of the files, where the movie is a folder of them.
    """

    movie: TimeLapse
    annotations: Annotations | None = None
    pattern: str | None = None


def open_movies(options: argparse.Namespace, annotations: Path | None = None) -> list[NamedMovie]:
    """All movies that were named, one by one or in an .autlist.

    Raises:
        UserError: one cannot be read, or there are several movies for one file of annotations.
    """
    movies: list[NamedMovie] = []
    for path in options.movies:
        if path.suffix == ".autlist":
            listed = read_dataset(path, **reading_options(options))
            movies += [
                NamedMovie(each.movie, each.annotations, each.images_pattern) for each in listed
            ]
        else:
            movies.append(
                NamedMovie(read_timelapse(path, **reading_options(options)), None, options.pattern)
            )
    if annotations is None:
        return movies
    if len(movies) != 1:
        raise UserError(
            f"A file of annotations belongs to one movie. Received: {str(annotations)!r} for {len(movies)} movies. "
            "Name one movie, or an .autlist that names annotations for each."
        )
    spacing = find_spacing(annotations) or movies[0].movie.spacing_um
    known = read_positions(annotations, spacing, options.time_point_offset)
    return [NamedMovie(movies[0].movie, known, movies[0].pattern)]
