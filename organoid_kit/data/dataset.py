"""OrganoidTracker's `.autlist`: movies with annotations; paths count from the list's folder."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import errors, make_error, refuse_if, warn
from organoid_kit.base.files import check_free, make_file_name, read_json, write_json_safely
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import read_annotations
from organoid_kit.data.formats.organoidtracker import JsonPart, write_aut
from organoid_kit.data.timelapse import TimeLapse, read_timelapse

_COMBINED = {  # how OrganoidTracker combines images, and what to do instead
    "images_channel_summing": "Leave it out and sum channels in the settings: channels=(1, 3).",
    "images_channel_appending": "Save the channels in one file, for example with Fiji.",
    "images_time_appending": "Save the time points in one file or folder, for example with Fiji.",
}
_WHOLE_IMAGE, _SCATTERED = "organoid_kit_whole_image", "organoid_kit_scattered"
_DIAMETER = "organoid_kit_nucleus_diameter_um"


@dataclass(frozen=True)
class AnnotatedMovie:
    """A movie, annotations in its voxels, and `images_pattern` where it is a folder of TIFFs."""

    movie: TimeLapse
    annotations: Annotations = field(default_factory=lambda: Annotations([], []))
    images_pattern: str | None = None

    @property
    def name(self) -> str:
        """Of the annotations, or else of the movie."""
        return self.annotations.name or self.movie.name

    def with_spacing(self) -> "AnnotatedMovie":
        """The same; the annotations, which are in its voxels, have the spacing of the movie."""
        annotations = dataclasses.replace(self.annotations, spacing_um=self.movie.spacing_um)
        return dataclasses.replace(self, annotations=annotations)


def read_dataset(
    path: str | Path, *, whole_image: bool = False, scattered: bool = False, **options: Any
) -> list[AnnotatedMovie]:
    """All movies of an `.autlist`; options as of `read_timelapse`. The spacing and minutes are the
    images', or else the annotations'; a warning says where they differ. Images are read when they
    are asked for.

    `whole_image`: each annotated time point has all nuclei of the image; `scattered`: some, here and
    there, and nobody looked between them. An entry of the list can say so, too, with
    ``"organoid_kit_whole_image": true``, or ``"organoid_kit_scattered": true``, and how wide nuclei
    are, with ``"organoid_kit_nucleus_diameter_um": 12``.
    """
    path = Path(path)
    refuse_if(path.is_dir() or path.suffix.lower() not in (".autlist", ".json"), "autlist", path)
    entries = read_json(path)
    refuse_if(not isinstance(entries, list) or not entries, "autlist movies", path, entries=entries)
    parts = [JsonPart(entry, f"entry {index} of {path}") for index, entry in enumerate(entries)]
    stated = {_WHOLE_IMAGE: whole_image, _SCATTERED: scattered}
    return [_read_entry(part, path.parent, stated, options) for part in parts]


def state_extent(
    known: Annotations, shape_zyx: Sequence[int], size: float, whole_image: bool, scattered: bool
) -> Annotations:
    """Annotations said to be of the whole image, or scattered over nuclei of this relative size."""
    refuse_if(whole_image and scattered, "whole or scattered", known.name)
    known = known.with_whole_image(shape_zyx) if whole_image else known
    return known.with_scattered(size) if scattered else known


def write_dataset(
    entries: Sequence[AnnotatedMovie],
    path: str | Path,
    *,
    overwrite: bool = False,
    beside_others: bool = False,
) -> list[Path]:
    """Writes an `.autlist`, and beside it the annotations of each movie as `.aut`, which it returns;
    `beside_others`: under names that no file there has. Movies stay where they are, so that none may
    exist in memory only; a folder of TIFFs needs `images_pattern`.
    """
    path = Path(path)
    files: list[Path] = []
    taken = {file.name.lower() for file in path.parent.glob("*")} if beside_others else set()
    for entry in entries:
        stem = make_file_name(entry.name)
        names = chain([f"{stem}.aut"], (f"{stem}-{number}.aut" for number in count(2)))
        files.append(path.with_name(next(name for name in names if name.lower() not in taken)))
        taken.add(files[-1].name.lower())
    records = [_make_record(entry, file) for entry, file in zip(entries, files, strict=True)]
    for file in [*files, path]:
        check_free(file, overwrite)
    for entry, file in zip(entries, files, strict=True):
        annotations = entry.annotations.with_spacing(entry.movie.spacing_um)
        minutes = annotations.minutes_per_time_point or entry.movie.minutes_per_time_point
        annotations = dataclasses.replace(annotations, minutes_per_time_point=minutes)
        write_aut(annotations, file, overwrite=overwrite)
    write_json_safely(path, records, overwrite=overwrite)
    return files


def _read_entry(
    entry: JsonPart, folder: Path, stated: dict[str, bool], options: dict[str, Any]
) -> AnnotatedMovie:
    for key, advice in _COMBINED.items():
        refuse_if(key in entry.value, "movie combined", entry.where, key=repr(key), advice=advice)
    # Images may be wrapped once more
    entry = JsonPart(entry.value | entry.get("images_original").value, entry.where)
    file = _find(entry, "experiment_file", folder)
    try:
        annotations = read_annotations(file)
    except errors.MissingSpacing:  # µm become voxels of the movie, as soon as it is known
        annotations = None
    images = _find(entry, "images_container", folder)
    pattern = (entry.get("images_pattern", str).value or None) if images.is_dir() else None
    limits = ("min_time_point", "max_time_point")
    ends = [entry.time_point(key) for key in limits if entry.value.get(key) is not None]
    said = {
        "pattern": pattern,
        "time_points": tuple(ends) if len(ends) == 2 else None,
        "nucleus_diameter_um": (entry.numbers(_DIAMETER)[0] if _DIAMETER in entry.value else None),
    }
    if annotations is not None:
        said |= {"name": annotations.name, "default_spacing_um": annotations.spacing_um}
    movie = read_timelapse(images, **(said | options))
    if annotations is None:
        annotations = read_annotations(file, spacing_um=movie.spacing_um)
    if movie.minutes_per_time_point is None:
        minutes = annotations.minutes_per_time_point
        movie = dataclasses.replace(movie, minutes_per_time_point=minutes)
    for key in ("spacing_um", "minutes_per_time_point"):  # annotations say it of the movie, too
        own, other = getattr(movie, key), getattr(annotations, key)
        if other and not np.allclose(own, other, rtol=0.02):
            received = f"{movie.path} has {key}={own}, but {file} {other}"
            advice = f"The images' counts: correct the annotations, or pass {key}={other}."
            warn(f"{received}. {advice}")
    extent = [is_so or entry.value.get(key) is True for key, is_so in stated.items()]
    annotations = state_extent(annotations, movie.shape_zyx, movie.relative_size, *extent)
    return AnnotatedMovie(movie, annotations, pattern)


def _find(entry: JsonPart, key: str, folder: Path) -> Path:
    """The file or folder that an entry names; the list may come from Windows."""
    text = entry.get(key, str).value
    for candidate in (folder / text, folder / text.replace("\\", "/")):
        if text and os.path.exists(candidate):  # also where the name is too long to exist
            return candidate
    raise make_error("entry found", entry.where, key=key, text=text, path=str(folder / text))


def _make_record(entry: AnnotatedMovie, file: Path) -> dict[str, Any]:
    images, pattern = entry.movie.path, entry.images_pattern
    refuse_if(images is None, "movie on disk", entry.name)
    if images.is_dir() and pattern is None and any(images.glob("*.tif*")):
        raise make_error("pattern listed", images)
    try:
        container = Path(os.path.relpath(images, file.parent))
    except ValueError:  # on another drive of a Windows machine
        container = images.resolve()
    return {
        "experiment_file": file.name,
        "images_container": container.as_posix(),
        **({_DIAMETER: diameter} if (diameter := entry.movie.nucleus_diameter_um) else {}),
        "images_pattern": pattern or "",  # OrganoidTracker wants both keys, also for one file
        # Without these OrganoidTracker finds no image in a folder
        "min_time_point": entry.movie.time_points[0],
        "max_time_point": entry.movie.time_points[-1],
    }
