"""Writes tracks as other tools ask for them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from organoid_kit.base.errors import UserError
from organoid_kit.cli.opening import NamedMovie
from organoid_kit.cli.outputs import FORMATS
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie, write_dataset
from organoid_kit.data.formats import add_organoidtracker_data, add_track_ids, write_annotations


class TrackWriter:
    """Writes the tracks of one movie after another; those in .aut are listed in one .autlist, with
    their movies.
    """

    def __init__(self, output: Path, form: str | None = None) -> None:
        """Raises UserError where the list exists already."""
        self.list_file = (
            output.with_suffix(".autlist") if output.suffix else output / "tracks.autlist"
        )
        self.listed: list[AnnotatedMovie] = []
        if self.list_file.exists() and (output.suffix.lower() or FORMATS[form or "aut"]) == ".aut":
            raise UserError(
                f"Existing files are never overwritten. Received: {str(self.list_file)!r}, where the tracks would be "
                "listed. Choose another --output."
            )

    def write(self, tracks: Annotations, of: NamedMovie | None, path: Path) -> list[Path]:
        """Writes tracks in the format of the suffix, none being a Cell Tracking Challenge folder.

        Args:
            tracks: of one movie.
            of: the movie, None where only positions are known: then there is no list, and no
                folder.
            path: to write.

        Returns:
            what was written.
        """
        suffix = path.suffix.lower()
        if suffix == ".aut":
            return self._write_aut(add_organoidtracker_data(tracks), of, path)
        options = (
            {} if suffix else {"shape_zyx": of.movie.shape_zyx, "time_points": of.movie.time_points}
        )
        write_annotations(add_track_ids(tracks) if suffix == ".csv" else tracks, path, **options)
        return [path]

    def _write_aut(self, tracks: Annotations, of: NamedMovie | None, path: Path) -> list[Path]:
        """The .aut, and all so far in the list."""
        if of is None or not _can_be_listed(of):
            write_annotations(tracks, path)
            return [path]
        named = dataclasses.replace(
            tracks, name=path.stem
        )  # a list names its files as its movies are named
        self.listed.append(AnnotatedMovie(of.movie, named, of.pattern))
        write_dataset(self.listed, self.list_file, overwrite=len(self.listed) > 1)
        return [self.list_file.with_name(path.name), self.list_file]


def _can_be_listed(of: NamedMovie) -> bool:
    """A list names the files in a folder of TIFFs by a pattern."""
    return of.pattern is not None or not (
        of.movie.path.is_dir() and any(of.movie.path.glob("*.tif*"))
    )
