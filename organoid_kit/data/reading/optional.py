"""Formats that optional libraries read: OME-Zarr (NGFF 0.4 and 0.5, https://ngff.openmicroscopy.org)
and, through bioio, microscope files (.czi, .nd2, .lif, .ims …).
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import UserError, make_error, refuse_if
from organoid_kit.data.conversion import ignore_default_spacing, to_minutes, to_um
from organoid_kit.data.reading.image import READ_FAILURES, ImageFile

_MARKERS = (".zgroup", ".zarray", ".zattrs", "zarr.json")
MICROSCOPE_SUFFIXES = tuple(".czi .nd2 .lif .ims .oib .oif .oir .vsi .dv .sld .mrc .lsm".split())


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr group or array."""
    return folder.suffix.lower() == ".zarr" or any((folder / name).exists() for name in _MARKERS)


def read_zarr(path: Path) -> ImageFile:
    """Opens the full resolution of an OME-Zarr image, or a plain Zarr array."""
    try:
        import zarr
    except ImportError as error:
        raise make_error("zarr library", path, error=error) from error
    try:
        array, said, level = zarr.open(str(path), mode="r"), {}, ""
        axes = "?" * (getattr(array, "ndim", 2) - 2) + "yx"
        if not isinstance(array, zarr.Array):
            level, axes, said = _describe_image(path, array)
            # Not through the group, whose consolidated metadata may be older than the array
            array = zarr.open(str(path), mode="r", path=level)
        shape = tuple(array.shape)
        if lacks_chunks(array, path / level, shape[-3:], few=10_000):
            raise ValueError("most of its stacks' chunks are missing")
        return ImageFile(path, axes, shape, array.dtype, lambda i: np.asarray(array[i]), **said)
    except UserError:
        raise
    except (*READ_FAILURES, LookupError, TypeError, AttributeError) as error:
        raise make_error("zarr readable", path, kind=type(error).__name__, error=error) from error


def lacks_chunks(array: Any, folder: Path, shape: tuple[int, ...], few: int) -> bool:
    """Whether of an array's part of this shape, its last axes, less than 1 % can be there; no more
    than a `few` chunks are not counted. Zarr itself looks for each that is said to be.
    """
    sizes = getattr(array, "shards", None) or array.chunks
    chunks = math.prod(-(-length // size) for length, size in zip(shape, sizes[-len(shape) :]))
    return chunks > few and 100 * sum(1 for _ in folder.rglob("*")) < chunks


def _describe_image(path: Path, group: Any) -> tuple[str, str, dict[str, Any]]:
    """The path of the array in full resolution, its axes, and what else the group says of it."""
    attributes = group.attrs.get("ome", group.attrs)
    if "multiscales" not in attributes:
        raise make_error("zarr one image", path, found=", ".join(sorted(group.keys())) or "nothing")
    image = attributes["multiscales"][0]
    level = image["datasets"][0]  # the standard puts the full resolution first
    axes = image.get("axes", "tczyx")  # up to version 0.2 always these
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
    names = [axis["name"].lower() for axis in axes]
    steps = [s for part in (level, image) for s in part.get("coordinateTransformations", [])]
    scales = [step["scale"] for step in steps if step["type"] == "scale" and "scale" in step]
    scale = np.prod(scales, axis=0) if scales else [None] * len(axes)  # never 1 in silence
    units = [axis.get("unit") for axis in axes]
    sizes = dict(zip(names, zip(scale, units, strict=True), strict=True))
    channels = attributes.get("omero", {}).get("channels", [])
    said = {
        "spacing_um": tuple(to_um(*sizes.get(letter, (None, None))) for letter in "zyx"),
        "minutes_per_time_point": to_minutes(*sizes.get("t", (None, None))),
        "channel_names": tuple(str(channel.get("label")) for channel in channels),
    }
    letters = "".join(name if name in tuple("tczyx") else "?" for name in names)
    return level["path"], letters, said


def read_microscope_file(path: Path) -> ImageFile:
    """Opens a microscope file; bioio reads it lazily, with sizes in µm, and states no time step."""
    try:
        from bioio import BioImage
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ImportError as error:
        raise make_error("bioio missing", path, found="bioio is not installed") from error
    try:
        image = BioImage(path)
    except UnsupportedFileFormatError as error:
        found = f"no installed reader opens {path.suffix}"
        raise make_error("bioio missing", path, found=found) from error
    scenes = image.scenes
    refuse_if(len(scenes) > 1, "one scene", path, count=len(scenes), names=", ".join(scenes[:5]))
    return ImageFile(
        path=path,
        axes=image.dims.order.lower(),
        shape=tuple(image.shape),
        dtype=image.dtype,
        read=lambda index: image.dask_data[index].compute(),
        spacing_um=ignore_default_spacing(image.physical_pixel_sizes),
        channel_names=tuple(str(name) for name in image.channel_names or ()),
    )
