"""Movies with their annotations, several at once: OrganoidTracker's `.autlist`.

An `.autlist` is a JSON list. Each entry names an `.aut` file and where its images are; paths count
from the list's own folder, so that a folder with everything in it can be moved.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import make_file_name, read_json, write_json_safely
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.data.timelapse_reading import read_timelapse

_COMBINED = {
    "images_channel_summing": "Leave it out and sum channels in the settings instead, for example channels=(1, 3).",
    "images_channel_appending": "Save the channels in one file, for example with Fiji.",
    "images_time_appending": "Save the time points in one file or folder, for example with Fiji.",
}


@dataclass(frozen=True)
class AnnotatedMovie:
    """A movie and its annotations.

    Attributes:
        movie: the images.
        annotations: of this movie, counted in its time points and voxels.
        images_pattern: names of the files where the movie is a folder of TIFFs, such as
            `im_t{time:03}c{channel}.tif`.
    """

    movie: TimeLapse
    annotations: Annotations
    images_pattern: str | None = None

    @property
    def name(self) -> str:
        """Of the annotations, or else of the movie."""
        return self.annotations.name or self.movie.name


def read_dataset(path: str | Path, **options: Any) -> list[AnnotatedMovie]:
    """All movies of an `.autlist` with their annotations; images are read when they are asked for.

    The spacing is that of the annotations, where they have one.

    Args:
        path: of the list.
        options: of `read_timelapse`, for all movies, for example accept_guess=True.

    Raises:
        UserError: the list or an annotation file is damaged, images are missing, or the list
            combines images in a way that the kit does not know.
    """
    path = Path(path)
    entries = read_json(path)
    if (
        not isinstance(entries, list)
        or not entries
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        raise UserError(
            f"An .autlist must be a list of at least one movie. Received: {entries!r:.60} in {str(path)!r}. "
            "Check that it is the right file."
        )
    return [
        _read_entry(entry, path, f"entry {index} of {path}", options)
        for index, entry in enumerate(entries)
    ]


def write_dataset(
    entries: Sequence[AnnotatedMovie], path: str | Path, *, overwrite: bool = False
) -> None:
    """Writes an `.autlist`, and beside it the annotations of each movie as `.aut`. Movies stay
    where they are.

    Raises:
        UserError: a movie exists in memory only, is a folder of TIFFs without `images_pattern`, or
            a file exists.
    """
    path = Path(path)
    files = _annotation_files(entries, path)
    records = [_record(entry, file, path) for entry, file in zip(entries, files, strict=True)]
    for file in [*files, path]:
        if file.exists() and not overwrite:
            raise UserError(
                f"Existing files are never overwritten. Received: {str(file)!r}, which exists. "
                "Choose another folder or rename the movie, or pass overwrite=True."
            )
    for entry, file in zip(entries, files, strict=True):
        write_aut(_completed(entry), file, overwrite=overwrite)
    write_json_safely(path, records, overwrite=overwrite)


def _read_entry(entry: dict, path: Path, where: str, options: dict[str, Any]) -> AnnotatedMovie:
    entry = _merge_original(entry, where)
    annotations = read_aut(_find(entry, "experiment_file", path, where))
    images = _find(entry, "images_container", path, where)
    pattern = (_text(entry, "images_pattern", where) or None) if images.is_dir() else None
    stated = {
        "spacing_um": annotations.spacing_um,
        "minutes_per_time_point": annotations.minutes_per_time_point,
        "pattern": pattern,
        "time_points": _time_points(entry, where),
        "name": annotations.name or None,
    }
    return AnnotatedMovie(read_timelapse(images, **{**stated, **options}), annotations, pattern)


def _merge_original(entry: dict, where: str) -> dict:
    """An entry whose images are wrapped in `images_original` becomes a plain one."""
    for key, advice in _COMBINED.items():
        if key in entry:
            raise UserError(
                f"Each movie must be one file or folder. Received: {key!r} in {where}. {advice}"
            )
    original = entry.get("images_original", {})
    if not isinstance(original, dict):
        raise UserError(
            f"'images_original' must be a dictionary. Received: {original!r:.60} in {where}. Repair this entry."
        )
    return {**entry, **original}


def _find(entry: dict, key: str, path: Path, where: str) -> Path:
    """The file or folder that an entry names, as the list's folder sees it."""
    text = _text(entry, key, where)
    candidates = [
        path.parent / text,
        path.parent / text.replace("\\", "/"),
    ]  # the list may come from Windows
    for candidate in candidates:
        if text and os.path.exists(candidate):  # also where the name is too long to exist
            return candidate
    raise UserError(
        f"Every movie must have its images and annotations. Received: {key!r} is {text!r} in {where}, and "
        f"{str(candidates[0])!r} does not exist. Put it there or correct the entry."
    )


def _text(entry: dict, key: str, where: str) -> str:
    if not isinstance(text := entry.get(key, ""), str):
        raise UserError(
            f"{key!r} must be a text. Received: {text!r:.60} in {where}. Repair this entry."
        )
    return text


def _time_points(entry: dict, where: str) -> tuple[int, int] | None:
    """First and last time point, where both are stated."""
    limits = [entry.get(key) for key in ("min_time_point", "max_time_point")]
    for limit in limits:
        if limit is not None and type(limit) is not int:
            raise UserError(
                f"A time point must be a whole number. Received: {limit!r:.60} in {where}. Repair it."
            )
    return None if None in limits else tuple(limits)


def _annotation_files(entries: Sequence[AnnotatedMovie], path: Path) -> list[Path]:
    """A file beside the list for each movie, each with a name of its own."""
    files = []
    for entry in entries:
        stem = make_file_name(entry.name)
        taken = {file.stem.lower() for file in files}
        names = [stem, *(f"{stem}-{number}" for number in range(2, len(entries) + 2))]
        files.append(
            path.with_name(next(name for name in names if name.lower() not in taken) + ".aut")
        )
    return files


def _completed(entry: AnnotatedMovie) -> Annotations:
    """The annotations, with spacing and time from the movie where they lack them."""
    return dataclasses.replace(
        entry.annotations,
        spacing_um=entry.annotations.spacing_um or entry.movie.spacing_um,
        minutes_per_time_point=entry.annotations.minutes_per_time_point
        or entry.movie.minutes_per_time_point,
    )


def _record(entry: AnnotatedMovie, file: Path, path: Path) -> dict[str, Any]:
    images = entry.movie.path
    if images is None:
        raise UserError(
            f"Only movies on disk can be listed. Received: {entry.movie.name!r}, made in memory. Write it with "
            "write_timelapse and read it again."
        )
    if images.is_dir() and entry.images_pattern is None and any(images.glob("*.tif*")):
        raise UserError(
            f"A folder of TIFF files must be listed with its pattern. Received: {str(images)!r} without one. "
            "Pass AnnotatedMovie(movie, annotations, images_pattern='t{time:03}.tif')."
        )
    return {
        "experiment_file": file.name,
        "images_container": _relative(images, path.parent),
        **({"images_pattern": entry.images_pattern} if entry.images_pattern else {}),
        "min_time_point": entry.movie.time_points[
            0
        ],  # without it OrganoidTracker finds no image in a folder
        "max_time_point": entry.movie.time_points[-1],
    }


def _relative(images: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(images, folder)).as_posix()
    except ValueError:  # on another drive of a Windows machine
        return images.resolve().as_posix()
