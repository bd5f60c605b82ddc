"""OME-Zarr images, NGFF 0.4 (Zarr 2) and 0.5 (Zarr 3). https://ngff.openmicroscopy.org"""

from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import UserError, refuse
from organoid_kit.data.conversion import to_minutes, to_um
from organoid_kit.data.reading.image import READ_FAILURES, ImageFile

_MARKERS = (".zgroup", ".zarray", ".zattrs", "zarr.json")


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr group or array."""
    return folder.suffix.lower() == ".zarr" or any((folder / name).exists() for name in _MARKERS)


def read_zarr(path: Path) -> ImageFile:
    """Opens the full resolution of an OME-Zarr image, or a plain Zarr array."""
    try:
        import zarr
    except ImportError as error:
        advice = 'Run: pip install "organoid-kit[formats]"'
        raise refuse(path, "Zarr images need the zarr library", error, advice) from error
    try:
        array, said = zarr.open(str(path), mode="r"), {}
        axes = "?" * (getattr(array, "ndim", 2) - 2) + "yx"
        if not isinstance(array, zarr.Array):
            array, axes, said = _describe_image(path, array)
        shape = tuple(array.shape)
        return ImageFile(path, axes, shape, array.dtype, lambda i: np.asarray(array[i]), **said)
    except UserError:
        raise
    except (*READ_FAILURES, LookupError, TypeError, AttributeError) as error:
        received = f"{type(error).__name__} {error}"
        raise refuse(path, "A Zarr folder must be a readable OME-Zarr image", received) from error


def _describe_image(path: Path, group: Any) -> tuple[Any, str, dict[str, Any]]:
    """The array in full resolution, its axes, and what else the group says of it."""
    attributes = group.attrs.get("ome", group.attrs)
    if "multiscales" not in attributes:
        rule = "An OME-Zarr folder must describe one image (multiscales)"
        received = f"a folder which holds {', '.join(sorted(group.keys())) or 'nothing'}"
        raise refuse(path, rule, received, "Pass the folder of the image inside it.")
    image = attributes["multiscales"][0]
    level = image["datasets"][0]  # the standard puts the full resolution first
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image["axes"]]
    names = [axis["name"].lower() for axis in axes]
    scale = _scale(level, len(axes)) * _scale(image, len(axes))
    units = [axis.get("unit") for axis in axes]
    sizes = dict(zip(names, zip(scale, units, strict=True), strict=True))
    channels = attributes.get("omero", {}).get("channels", [])
    said = {
        "spacing_um": tuple(to_um(*sizes.get(letter, (None, None))) for letter in "zyx"),
        "minutes_per_time_point": to_minutes(*sizes.get("t", (None, None))),
        "channel_names": tuple(str(channel.get("label")) for channel in channels),
    }
    letters = "".join(name if name in tuple("tczyx") else "?" for name in names)
    return group[level["path"]], letters, said


def _scale(described: dict[str, Any], count: int) -> np.ndarray:
    """The product of the scales in a list of coordinate transformations."""
    steps = described.get("coordinateTransformations", [])
    scales = (step["scale"] for step in steps if step["type"] == "scale")
    return np.prod([np.ones(count), *scales], axis=0)
