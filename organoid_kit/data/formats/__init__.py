"""One file per file format, with a reader and, where the format can hold our annotations, a writer.
`added_data` is what other tools ask for.
"""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import errors, files, make_error, refuse_if, warn
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats.added_data import add_organoidtracker_data, add_track_ids
from organoid_kit.data.formats.ctc import read_ctc, write_ctc
from organoid_kit.data.formats.geff import read_geff, write_geff
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut
from organoid_kit.data.formats.table import read_table, write_table
from organoid_kit.data.formats.trackmate import read_trackmate, write_trackmate
from organoid_kit.data.reading.optional import is_zarr

__all__ = [
    "add_organoidtracker_data",
    "add_track_ids",
    "read_annotations",
    "read_for_movie",
    "write_annotations",
]

# Suffix → reader, writer. A new format needs its own file here, and a line in this table.
_FORMATS: dict[str, tuple[Callable | None, Callable | None]] = {
    ".aut": (read_aut, write_aut),
    ".json": (read_aut, None),
    ".csv": (read_table, write_table),
    ".tsv": (read_table, None),
    ".xml": (read_trackmate, write_trackmate),
    ".geff": (read_geff, write_geff),
    ".zarr": (read_geff, write_geff),
    "": (None, write_ctc),
}
_KNOWN = ".aut, .csv, .xml (TrackMate, MaMuT), .geff, or a Cell Tracking Challenge folder"


def read_annotations(path: str | Path, **options: Any) -> Annotations:
    """Annotations from a file or folder, whose suffix (a folder's content, too) tells the format:
    `.aut`, `.csv`, `.xml` (TrackMate), `.geff` or `.zarr` (GEFF), or a Cell Tracking Challenge
    folder. The options are those of the format's reader, such as spacing_um=(z, y, x).
    """
    path = Path(path)
    reader = _choose_reader(path)
    _check_options(reader, options, path)
    return reader(path, **options)


def read_for_movie(path: Path, movie_um: tuple | None, **options: Any) -> Annotations:
    """Annotations of any format; the movie's spacing counts where nothing else says one, and a warning
    says where something else does.
    """
    known = inspect.signature(_choose_reader(path) or read_aut).parameters
    options = {name: value for name, value in options.items() if name in known}
    try:
        known = read_annotations(path, **options)
        if known.spacing_um and movie_um and not np.allclose(known.spacing_um, movie_um, rtol=0.02):
            said = f"{path} says {known.spacing_um} µm per voxel (z, y, x)"
            warn(
                f"{said}; {tuple(movie_um)}, stated or the movie's, counts. Correct the wrong one."
            )
        return known.with_spacing(movie_um)
    except errors.MissingSpacing:
        if movie_um is None:
            raise
        return read_annotations(path, spacing_um=movie_um, **options)


def _choose_reader(path: Path) -> Callable | None:
    """By the suffix, and what is in a folder; None where the format is unknown."""
    files.bring_back(path)
    # also where the name is too long to exist
    refuse_if(not os.path.exists(path), "annotations exist", path)
    reader = _FORMATS.get(path.suffix.lower(), (None, None))[0]
    if path.is_dir() and reader is not read_geff:
        reader = read_geff if is_zarr(path) else read_ctc
    return reader


def write_annotations(annotations: Annotations, path: str | Path, **options: Any) -> None:
    """Writes annotations in the format of the suffix, `.aut`, `.csv`, `.xml` (TrackMate), `.geff` or
    `.zarr` (GEFF); no suffix means a Cell Tracking Challenge folder. The options are overwrite=True
    and those of the format's writer, such as shape_zyx for a folder.
    """
    writer = _FORMATS.get(Path(path).suffix.lower(), (None, None))[1]
    _check_options(writer, options, path)
    writer(annotations, path, **options)


def _check_options(function: Callable | None, options: dict[str, Any], path: str | Path) -> None:
    refuse_if(function is None, "annotation format", path, known=_KNOWN)
    parameters = inspect.signature(function).parameters.values()
    known = {p.name: p.default is p.empty for p in parameters if p.kind is p.KEYWORD_ONLY}
    missing = [name for name, needed in known.items() if needed and name not in options]
    if missing or not options.keys() <= known.keys():
        needs, given = f" and needs {missing[0]}" if missing else "", ", ".join(options) or "none"
        raise make_error("format options", path, given=given, known=", ".join(known), needs=needs)
