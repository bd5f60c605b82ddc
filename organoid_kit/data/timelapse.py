"""A movie, read stack by stack; what its file does not say, the user must: no guess is taken."""

import math
import os
import uuid
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from organoid_kit.base import UserError, files, make_error, refuse_if, warn
from organoid_kit.data.conversion import check_spacing
from organoid_kit.data.reading import image as image_files, optional, tiff
from organoid_kit.data.reading.image import ImageFile, TimePoints

# Little and big endian, TIFF and BigTIFF
_TIFF_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
OME_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
USUAL_DIAMETER_UM = 8.0  # nuclei of mouse intestinal organoids are 7 to 9 µm wide


def compute_relative_size(diameter_um: float | None) -> float:
    """Of nuclei beside usual ones, 1 if unstated: some distances are multiplied by it."""
    return (diameter_um or USUAL_DIAMETER_UM) / USUAL_DIAMETER_UM


@dataclass(frozen=True)
class TimeLapse:
    """A movie with axes (t, c, z, y, x). Nothing is read before `stack` is called. It can be pickled:
    a file is opened anew where it arrives, under the same path; images in memory travel with it.
    """

    name: str
    time_points: range  # those there are, counted as the files count them
    shape_zyx: tuple[int, int, int]  # of every stack; a 2D movie has one plane
    channel_names: tuple[str, ...]
    dtype: np.dtype  # of the stored intensities
    spacing_um: tuple[float, float, float]  # µm per voxel, zyx
    read_stack: Callable[[int, int], np.ndarray]  # time point, channel from 0 → (z, y, x) array
    minutes_per_time_point: float | None = None
    nucleus_diameter_um: float | None = None  # where it is stated
    path: Path | None = None  # None: made in memory

    @property
    def relative_size(self) -> float:
        """See `compute_relative_size`."""
        return compute_relative_size(self.nucleus_diameter_um)

    def __str__(self) -> str:
        z, y, x = self.shape_zyx
        spacing = " × ".join(f"{value:g}" for value in self.spacing_um)
        return (
            f"{self.name}: {len(self.time_points)} time points × {len(self.channel_names)} channels"
            f" × {z} planes (z) × {y} rows (y) × {x} columns (x), {self.dtype}, "
            f"{spacing} µm per voxel (z, y, x)"
        )

    def stack(self, time_point: int, channels: Sequence[int] = (1,)) -> np.ndarray:
        """One stack, (z, y, x); several channels, counted from 1, are summed as float32."""
        times, names = self.time_points, self.channel_names
        there = f"{times.start} to {times.stop - 1}"
        refuse_if(time_point not in times, "movie time", self.name, time=time_point, there=there)
        refuse_if(len(channels) == 0, "one channel")
        lacking = [channel for channel in channels if not 1 <= channel <= len(names)]
        known = {"count": len(names), "names": ", ".join(names)}
        refuse_if(lacking, "channel of movie", self.name, lacking=lacking, **known)
        if len(channels) == 1:
            return self.read_stack(time_point, channels[0] - 1)
        total = np.zeros(self.shape_zyx, dtype=np.float32)
        for channel in channels:
            total += self.read_stack(time_point, channel - 1)
        return total


def make_timelapse(
    images: np.ndarray,
    spacing_um: tuple[float, float, float],
    *,
    name: str = "movie",
    channel_names: Sequence[str] | None = None,
    first_time_point: int = 0,
    minutes_per_time_point: float | None = None,
    nucleus_diameter_um: float | None = None,
) -> TimeLapse:
    """A movie from an array in memory, (t, c, z, y, x)."""
    refuse_if(images.ndim != 5, "movie axes", name, ndim=images.ndim, shape=images.shape)
    names = tuple(channel_names or (f"channel {number + 1}" for number in range(images.shape[1])))
    if len(names) != images.shape[1]:
        raise make_error("channel names", name, count=len(names), channels=images.shape[1])
    return TimeLapse(
        name=name,
        time_points=range(first_time_point, first_time_point + len(images)),
        shape_zyx=images.shape[2:],
        channel_names=names,
        dtype=images.dtype,
        spacing_um=tuple(spacing_um),
        read_stack=partial(_take, images, first_time_point),
        minutes_per_time_point=minutes_per_time_point,
        nucleus_diameter_um=nucleus_diameter_um,
    )


def _take(images: np.ndarray, first: int, time_point: int, channel: int) -> np.ndarray:
    return images[time_point - first, channel]


def read_timelapse(
    path: str | os.PathLike[str],
    *,
    axes: str | None = None,
    spacing_um: Sequence[float] | None = None,
    pattern: str | None = None,
    time_points: TimePoints | None = None,
    minutes_per_time_point: float | None = None,
    nucleus_diameter_um: float | None = None,
    name: str | None = None,
    default_spacing_um: Sequence[float] | None = None,
    accept_guess: bool = False,
) -> TimeLapse:
    """Opens a movie; stacks are read when they are asked for, also from several threads.

    Reads TIFF hyperstacks (ImageJ, OME, plain), folders of TIFF files, OME-Zarr, and microscope
    files through bioio. A 2D movie has one plane. The colours of a colour image are channels. What
    is stated here overrules the file.

    Args:
        axes, spacing_um: the order of the axes, such as ``"tzyx"``; µm per voxel, zyx.
        pattern: names of the files in a folder: ``im_t{time:03}c{channel}.tif``. Without it the Cell
            Tracking Challenge's names (``t000.tif``) are known, and others guessed.
        time_points: a range, or (first, last), as a folder's names count them; of a file, from 0.
        nucleus_diameter_um: how wide its nuclei are. None: networks that know a size estimate it.
        default_spacing_um: counts where the file does not say all three.
        accept_guess: takes what is not stated as guessed; else a guess is a UserError showing it.
    """
    path = Path(os.path.abspath(path))  # the same file after a change of the working folder
    opened = {"axes": axes, "pattern": pattern, "time_points": time_points}
    image = _open_image(path, pattern, time_points)
    dtype = np.dtype(image.dtype)
    refuse_if(dtype.kind not in "biuf", "intensity type", path, dtype=dtype)
    dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
    stated_axes = image_files.check_axes(axes, image) if axes else image.axes
    axes = image_files.guess_axes(stated_axes, image)
    image_files.check_sizes(image, axes, dtype)
    z, y, x = image.spacing_um
    if image.size(axes, "z") == 1 and z is None:
        z = y
    if spacing_um is None and None in (z, y, x):
        spacing_um = default_spacing_um
    if spacing_um is not None:
        z, y, x = spacing_um = check_spacing(spacing_um)
        own_um = [own or stated for own, stated in zip(image.spacing_um, spacing_um, strict=True)]
        if not np.allclose(own_um, spacing_um, rtol=0.02):
            own, stated = (" × ".join(f"{v:g}" for v in values) for values in (own_um, spacing_um))
            warn(f"{path} says {own} µm per voxel (z, y, x); the {stated} stated here counts.")
    spacing = tuple(1.0 if value is None else value for value in (z, y, x))
    colours = "" if "c" in axes else "c"
    guesses = {  # as the arguments that would confirm them
        "pattern": image.guessed_pattern and f'"{image.guessed_pattern}"',
        # without what has length one; colours are channels
        "axes": axes != stated_axes and f'"{axes.replace("?", "").replace("s", colours)}"',
        "spacing_um": None in (z, y, x) and str(spacing),
    }
    guesses = {key: value for key, value in guesses.items() if value}
    if guesses and not accept_guess:
        raise _ask_to_confirm(image, axes, guesses)
    minutes = minutes_per_time_point
    stated = {"minutes_per_time_point": minutes, "nucleus_diameter_um": nucleus_diameter_um}
    for argument, value in stated.items():
        if value is not None and not 0 < value < math.inf:
            raise make_error("positive number", path, argument=argument, value=value)
    return TimeLapse(
        name=name or path.stem.removesuffix(".ome"),
        time_points=image_files.choose_time_points(image, axes, time_points),
        shape_zyx=tuple(image.size(axes, letter) for letter in "zyx"),
        channel_names=image_files.name_channels(image, axes),
        dtype=dtype,
        spacing_um=spacing,
        read_stack=_FileReader(path, opened, image_files.make_reader(image, axes, dtype)),
        minutes_per_time_point=image.minutes_per_time_point if minutes is None else float(minutes),
        nucleus_diameter_um=nucleus_diameter_um,
        path=path,
    )


@dataclass(frozen=True)
class _FileReader:
    path: Path
    opened: dict[str, Any]  # arguments of `read_timelapse`
    read: Callable[[int, int], np.ndarray]

    def __call__(self, time_point: int, channel: int) -> np.ndarray:
        return self.read(time_point, channel)

    def __reduce__(self) -> tuple:
        return _open_again, (self.path.absolute(), self.opened)


def _open_again(path: Path, opened: dict[str, Any]) -> _FileReader:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were given when it was first opened
        return read_timelapse(path, **opened, accept_guess=True).read_stack


def _ask_to_confirm(image: ImageFile, axes: str, guesses: dict[str, str]) -> UserError:
    pairs = zip(axes, image.shape, strict=True)
    lengths = ", ".join(f"{letter} {length}" for letter, length in pairs if letter != "?")
    arguments = ", ".join(f"{key}={value}" for key, value in guesses.items())
    said = {"facts": " and ".join(guesses), "lengths": lengths, "arguments": arguments}
    return make_error("guess confirmed", image=image, **said)


def _open_image(path: Path, pattern: str | None, time_points: TimePoints | None) -> ImageFile:
    """A new format needs its own file in reading/, and a line here."""
    refuse_if(not os.path.exists(path), "movie exists", path)
    refuse_if(not os.access(path, os.R_OK), "movie readable", path)
    if path.is_dir() and not optional.is_zarr(path):
        return tiff.read_tiff_folder(path, pattern, time_points)
    refuse_if(pattern is not None, "pattern without folder", path, pattern=pattern)
    if path.is_dir():
        return optional.read_zarr(path)
    refuse_if(path.stat().st_size == 0, "movie empty", path)
    with path.open("rb") as file:
        is_tiff = file.read(4) in _TIFF_BEGINNINGS
    if is_tiff or path.suffix.lower() in _TIFF_SUFFIXES:
        return tiff.read_tiff(path)
    if path.suffix.lower() in optional.MICROSCOPE_SUFFIXES:
        return optional.read_microscope_file(path)
    refuse_if(path.suffix.lower() in (".h5", ".hdf5", ".xml"), "BigDataViewer", path)
    raise make_error("movie format", path)


def write_timelapse(movie: TimeLapse, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes a compressed OME-TIFF (``.ome.tif``), time from 0; the same movie, the same bytes."""
    if movie.dtype.name not in OME_TYPES:
        raise make_error("OME type", movie.name, known=", ".join(OME_TYPES), dtype=movie.dtype)
    z, y, x = movie.shape_zyx
    shape = (len(movie.time_points), z, len(movie.channel_names), y, x)
    channels = range(1, len(movie.channel_names) + 1)
    stacks = ([movie.stack(time, (each,)) for each in channels] for time in movie.time_points)
    planes = (plane for at_once in stacks for beside in zip(*at_once) for plane in beside)
    size = np.prod(shape, dtype=np.int64) * movie.dtype.itemsize
    metadata = {  # for OME-XML; UUID and creator, otherwise random and dated, follow from the movie
        "axes": "TZCYX",
        "Name": movie.name,
        "Channel": {"Name": list(movie.channel_names)},
        "UUID": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, str(movie))}",
        "Creator": "organoid_kit",
    }
    for axis, um in zip("ZYX", movie.spacing_um, strict=True):
        metadata |= {f"PhysicalSize{axis}": um, f"PhysicalSize{axis}Unit": "µm"}
    if minutes := movie.minutes_per_time_point:
        metadata |= {"TimeIncrement": minutes * 60, "TimeIncrementUnit": "s"}
    options = {"shape": shape, "dtype": movie.dtype, "metadata": metadata}
    options |= {"compression": "zlib", "predictor": movie.dtype.kind != "f"}
    options |= {"photometric": "minisblack", "software": False, "maxworkers": 1}
    with (
        files.write_safely(path, overwrite=overwrite) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=size > 2**31, ome=True, byteorder="<") as tif,
    ):
        tif.write(map(np.ascontiguousarray, planes), **options)
