"""One file per file format, with a reader and, where the format can hold our annotations, a writer.

`add_track_ids` and `add_organoidtracker_data` add what other tools ask for, before writing.
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats.ctc import read_ctc, write_ctc
from organoid_kit.data.formats.geff import read_geff, write_geff
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut
from organoid_kit.data.formats.organoidtracker_data import add_organoidtracker_data
from organoid_kit.data.formats.table import read_table, write_table
from organoid_kit.data.formats.track_ids import add_track_ids
from organoid_kit.data.formats.trackmate import read_trackmate

__all__ = ["add_organoidtracker_data", "add_track_ids", "read_annotations", "write_annotations"]

_READERS = {
    ".aut": read_aut,
    ".json": read_aut,
    ".csv": read_table,
    ".tsv": read_table,
    ".xml": read_trackmate,
    ".geff": read_geff,
    ".zarr": read_geff,
}
_WRITERS = {
    ".aut": write_aut,
    ".csv": write_table,
    ".geff": write_geff,
    ".zarr": write_geff,
    "": write_ctc,
}
_FORMATS = ".aut, .csv, .xml (TrackMate; read only), .geff, or a Cell Tracking Challenge folder"


def read_annotations(path: str | Path, **options: Any) -> Annotations:
    """Annotations from a file or folder; the format is known by its suffix, a folder's also by what
    is in it.

    Args:
        path: `.aut`, `.csv`, `.xml` (TrackMate), `.geff` or `.zarr` (GEFF), or a Cell Tracking
            Challenge folder.
        options: of the format's reader, for example spacing_um=(z, y, x) for files in µm.

    Raises:
        UserError: the format is unknown, does not have an option, or its reader refuses the file.
    """
    path = Path(path)
    if not os.path.exists(path):  # also where the name is too long to exist
        raise UserError(f"The annotations must exist. Received: {str(path)!r}. Check the path.")
    if path.is_dir() and path.suffix.lower() not in (".geff", ".zarr"):
        reader = read_geff if _is_zarr(path) else read_ctc
    else:
        reader = _READERS.get(path.suffix.lower())
    return _checked(reader, options, path)(path, **options)


def write_annotations(annotations: Annotations, path: str | Path, **options: Any) -> None:
    """Writes annotations; the format follows from the suffix, none means a Cell Tracking Challenge
    folder.

    Args:
        annotations: to write.
        path: `.aut`, `.csv`, `.geff` or `.zarr` (GEFF), or a folder without suffix.
        options: overwrite=True, and those of the format's writer, for example shape_zyx for a
            folder.

    Raises:
        UserError: the format is unknown, cannot hold these annotations, or the file exists.
    """
    writer = _WRITERS.get(Path(path).suffix.lower())
    _checked(writer, options, path)(annotations, path, **options)


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in (".zgroup", ".zattrs", "zarr.json"))


def _checked(function: Any, options: dict[str, Any], path: str | Path) -> Any:
    """The function, when there is one and it has these options."""
    if function is None:
        raise UserError(
            f"The format of annotations must be known. Received: {str(path)!r}. Known are: {_FORMATS}."
        )
    parameters = inspect.signature(function).parameters.values()
    known = {
        p.name: p.default is p.empty for p in parameters if p.kind is p.KEYWORD_ONLY
    }  # name → is it needed?
    missing = [name for name, needed in known.items() if needed and name not in options]
    if missing or not options.keys() <= known.keys():
        raise UserError(
            f"Each format has its own options. Received: {', '.join(options) or 'none'} for {str(path)!r}. "
            f"It takes: {', '.join(known)}{f'; it needs: {missing[0]}' if missing else ''}."
        )
    return function
