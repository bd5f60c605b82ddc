"""Opens a movie, whatever its format. What a file does not say, the user must: a guess is shown,
never taken.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from organoid_kit.base.errors import UserError
from organoid_kit.data.reading import other
from organoid_kit.data.reading.image import ImageFile
from organoid_kit.data.reading.movie import make_movie
from organoid_kit.data.reading.tiff import read_tiff
from organoid_kit.data.reading.tiff_folder import read_tiff_folder
from organoid_kit.data.reading.zarr import is_zarr, read_zarr
from organoid_kit.data.timelapse import TimeLapse

# Little and big endian, TIFF and BigTIFF
_TIFF_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")


def read_timelapse(
    path: str | os.PathLike[str],
    *,
    axes: str | None = None,
    spacing_um: Sequence[float] | None = None,
    pattern: str | None = None,
    time_points: range | tuple[int, int] | None = None,
    minutes_per_time_point: float | None = None,
    name: str | None = None,
    accept_guess: bool = False,
) -> TimeLapse:
    """Opens a movie; stacks are read when they are asked for, also from several threads.

    Reads TIFF hyperstacks (ImageJ, OME, plain), folders of TIFF files, OME-Zarr, and microscope
    files through bioio. A 2D movie has one plane. The colours of a colour image are channels.

    Args:
        path: a file, or a folder of TIFF files, or an OME-Zarr folder.
        axes: the order of the axes, such as ``"tzyx"``; overrules the file.
        spacing_um: µm per voxel, zyx; overrules the file.
        pattern: names of the files in a folder, as OrganoidTracker writes them:
            ``im_t{time:03}c{channel}.tif``. Without it the Cell Tracking Challenge's names
            (``t000.tif``) are known, and others guessed.
        time_points: a range, or (first, last), out of those there are. A folder counts them as its
            names do, a file from 0.
        minutes_per_time_point: overrules the file.
        name: for people; otherwise the name of the file.
        accept_guess: takes what neither the file nor you have stated as it is guessed.

    Raises:
        UserError: the file cannot be read, or the order of axes, spacing or file names are a guess.
    """
    path = Path(os.path.abspath(path))  # the same file after a change of the working folder
    _check_readable(path)
    is_folder = path.is_dir() and not is_zarr(path)
    if pattern is not None and not is_folder:
        raise UserError(
            f"A pattern belongs to a folder of TIFF files. Received: pattern={pattern!r} for "
            f"{path}. Leave pattern out."
        )
    image = read_tiff_folder(path, pattern, time_points) if is_folder else _open_image(path)
    return make_movie(
        image,
        axes=axes,
        spacing_um=spacing_um,
        time_points=time_points,
        minutes_per_time_point=minutes_per_time_point,
        name=name,
        accept_guess=accept_guess,
    )


def _open_image(path: Path) -> ImageFile:
    """A new format needs its own file in reading/, and a line here."""
    if path.is_dir():
        return read_zarr(path)
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        is_tiff = file.read(4) in _TIFF_BEGINNINGS
    if is_tiff or suffix in _TIFF_SUFFIXES:
        return read_tiff(path)
    if suffix in other.SUFFIXES:
        return other.read_other(path)
    raise UserError(
        "A movie must be TIFF, a folder of TIFF files, OME-Zarr or a microscope file. "
        f"Received: {path}. Export it as OME-TIFF, for example with Fiji."
    )


def _check_readable(path: Path) -> None:
    if not os.path.exists(path):  # also where the name is too long to exist
        raise UserError(
            f"The movie must exist. Received: {path}, which does not. "
            "Check its folder and spelling."
        )
    if not os.access(path, os.R_OK):
        raise UserError(
            f"The movie must be readable. Received: {path}, without permission. "
            "Ask its owner for it."
        )
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(
            f"The movie must not be empty. Received: {path} with 0 bytes. Copy or export it again."
        )
