"""Opens a movie, whatever its format. What a file does not say, the user must: a guess is shown,
never taken.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from organoid_kit.base import UserError
from organoid_kit.data.reading import other
from organoid_kit.data.reading.axes import check_axes, guess_axes
from organoid_kit.data.reading.image import ImageFile
from organoid_kit.data.reading.movie import choose_time_points, make_reader, name_channels
from organoid_kit.data.reading.tiff import read_tiff
from organoid_kit.data.reading.tiff_folder import read_tiff_folder
from organoid_kit.data.reading.zarr import is_zarr, read_zarr
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.data.units import check_spacing

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
    image = _open_image(path, pattern, time_points)
    dtype = np.dtype(image.dtype)
    if dtype.kind not in "biuf":
        raise UserError(
            f"Intensities must be whole or real numbers. Received: {dtype} in {path}. "
            "Convert it, for complex numbers to their absolute values."
        )
    dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
    stated_axes = check_axes(axes, image) if axes else image.axes
    axes = guess_axes(stated_axes, image)
    z, y, x = image.spacing_um if spacing_um is None else check_spacing(spacing_um)
    if image.size(axes, "z") == 1 and z is None:
        z = y
    spacing = tuple(1.0 if value is None else value for value in (z, y, x))
    guesses = {  # as the arguments that would confirm them
        "pattern": image.guessed_pattern and f'"{image.guessed_pattern}"',
        "axes": axes != stated_axes and f'"{axes.replace("?", "")}"',
        "spacing_um": None in (z, y, x) and str(spacing),
    }
    if any(guesses.values()) and not accept_guess:
        raise _ask_to_confirm(image, axes, {key: v for key, v in guesses.items() if v})
    minutes = minutes_per_time_point
    if minutes is not None and not 0 < minutes < math.inf:
        raise UserError(
            "The time between time points must be a positive number of minutes. Received: "
            f"minutes_per_time_point={minutes}. Pass for example minutes_per_time_point=10."
        )
    return TimeLapse(
        name=name or path.stem.removesuffix(".ome"),
        time_points=choose_time_points(image, axes, time_points),
        shape_zyx=tuple(image.size(axes, letter) for letter in "zyx"),
        channel_names=name_channels(image, axes),
        dtype=dtype,
        spacing_um=spacing,
        read_stack=make_reader(image, axes, dtype),
        minutes_per_time_point=image.minutes_per_time_point if minutes is None else float(minutes),
        path=path,
    )


def _ask_to_confirm(image: ImageFile, axes: str, guesses: dict[str, str]) -> UserError:
    pairs = zip(axes, image.shape, strict=True)
    lengths = ", ".join(f"{letter} {length}" for letter, length in pairs if letter != "?")
    arguments = ", ".join(f"{key}={value}" for key, value in guesses.items())
    return UserError(
        f"What a file does not say must be confirmed. Received: {image}, which does not say its "
        f"{' and '.join(guesses)}. A guess: {lengths}. Pass {arguments} with the right values "
        "(spacing: z, y, x in µm, such as (2.0, 0.26, 0.26)), or accept_guess=True if the guess is "
        "right."
    )


def _open_image(
    path: Path, pattern: str | None, time_points: range | tuple[int, int] | None
) -> ImageFile:
    """A new format needs its own file in reading/, and a line here."""
    if not os.path.exists(path):  # also where the name is too long to exist
        raise UserError(f"The movie must exist. Received: {path}, which does not. Check its name.")
    if not os.access(path, os.R_OK):
        raise UserError(
            f"The movie must be readable. Received: {path}, without permission. Ask its owner."
        )
    if path.is_dir() and not is_zarr(path):
        return read_tiff_folder(path, pattern, time_points)
    if pattern is not None:
        raise UserError(
            "A pattern belongs to a folder of TIFF files. "
            f"Received: pattern={pattern!r} for {path}. Leave pattern out."
        )
    if path.is_dir():
        return read_zarr(path)
    if path.stat().st_size == 0:
        raise UserError(
            f"The movie must not be empty. Received: {path} with 0 bytes. Copy or export it again."
        )
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
