"""Writes a movie as an OME-TIFF hyperstack that Fiji and OrganoidTracker open."""

import os
import uuid
from collections.abc import Iterator

import numpy as np
import tifffile

from organoid_kit.base import UserError
from organoid_kit.base.files import write_safely
from organoid_kit.data.timelapse import TimeLapse

OME_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


def write_timelapse(movie: TimeLapse, path: str | os.PathLike[str]) -> None:
    """Writes a compressed OME-TIFF, (t, z, c, y, x), one stack at a time.

    The same movie gives the same bytes. Time points are counted from 0 in the file, whatever they
    are called in the movie.

    Args:
        path: of a new file, which should end in ``.ome.tif``.
    """
    if movie.dtype.name not in OME_TYPES:
        raise UserError(
            f"OME-TIFF holds {', '.join(OME_TYPES)}. "
            f"Received: {movie.dtype} in {movie.name!r}. Convert it first."
        )
    z, y, x = movie.shape_zyx
    shape = (len(movie.time_points), z, len(movie.channel_names), y, x)
    size = np.prod(shape, dtype=np.int64) * movie.dtype.itemsize
    with (
        write_safely(path) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=size > 2**31, ome=True, byteorder="<") as tif,
    ):
        tif.write(
            _planes(movie),
            shape=shape,
            dtype=movie.dtype,
            compression="zlib",
            predictor=movie.dtype.kind != "f",
            photometric="minisblack",
            metadata=_metadata(movie),
            software=False,
            maxworkers=1,
        )


def _planes(movie: TimeLapse) -> Iterator[np.ndarray]:
    """All planes, (y, x), in the order t, z, c."""
    channels = range(1, len(movie.channel_names) + 1)
    for time_point in movie.time_points:
        stacks = [movie.stack(time_point, (channel,)) for channel in channels]
        for planes in zip(*stacks, strict=True):
            yield from map(np.ascontiguousarray, planes)


def _metadata(movie: TimeLapse) -> dict[str, object]:
    """For OME-XML. Its UUID and creator, otherwise random and dated, follow from the movie."""
    metadata = {
        "axes": "TZCYX",
        "Name": movie.name,
        "Channel": {"Name": list(movie.channel_names)},
        "UUID": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, str(movie))}",
        "Creator": "organoid_kit",
    }
    for axis, size in zip("ZYX", movie.spacing_um, strict=True):
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    if minutes := movie.minutes_per_time_point:
        metadata |= {"TimeIncrement": minutes * 60, "TimeIncrementUnit": "s"}
    return metadata
