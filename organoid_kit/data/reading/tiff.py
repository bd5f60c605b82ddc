"""TIFF hyperstacks: ImageJ, OME and plain. tifffile reads; nothing it only logs about is passed
over in silence.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from organoid_kit.base import UserError, refuse
from organoid_kit.data.conversion import ignore_default_spacing, to_minutes, to_um
from organoid_kit.data.reading.image import ImageFile, Index


def read_tiff(path: Path) -> ImageFile:
    """Opens a TIFF file. Uncompressed movies are mapped into memory, others read page by page."""
    try:
        with _collect_complaints() as complaints, tifffile.TiffFile(path) as tif:
            series = _find_series(tif)
            if complaints:
                raise _unreadable(path, "; ".join(complaints))
            said = {}
            if tif.is_ome and tif.ome_metadata:
                said = _read_ome(tif.ome_metadata)
            elif tif.is_imagej and tif.imagej_metadata:
                said = _read_imagej(tif)
            axes = [letter if letter in "tczyxs" else "?" for letter in series.axes.lower()]
            return ImageFile(
                path=path,
                axes="".join(axes),
                shape=tuple(series.shape),
                dtype=series.dtype,
                read=_make_reader(path, tif, series),
                **said,
            )
    except UserError:
        raise
    except Exception as error:  # a damaged header makes tifffile stumble in many ways
        raise _unreadable(path, str(error)) from error


@contextmanager
def _collect_complaints() -> Iterator[list[str]]:
    """The errors that tifffile logs in this thread. It goes on after them, with planes missing."""
    complaints: list[str] = []
    handler, thread = logging.Handler(logging.ERROR), threading.get_ident()
    handler.addFilter(lambda record: record.thread == thread)
    handler.emit = lambda record: complaints.append(record.getMessage())
    logger = logging.getLogger("tifffile")
    logger.addHandler(handler)
    try:
        yield complaints
    finally:
        logger.removeHandler(handler)


def _find_series(tif: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    """The image; smaller ones beside it are tolerated where a microscope stores previews."""
    first, *others = [series for series in tif.series if len(series)]
    plain = ("generic", "uniform", "shaped")
    if any(other.kind in plain or other.size >= first.size for other in others):
        shapes = ", ".join(str(series.shape) for series in tif.series[:4])
        received = f"{len(tif.series)} images of shapes {shapes}"
        advice = "Save the one you want as a file of its own."
        raise refuse(tif.filename, "A TIFF file must hold one movie", received, advice)
    return first


def _make_reader(
    path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> Callable[[Index], np.ndarray]:
    if series.dataoffset is None or series.is_multifile:
        return _PageReader(tif, series).read
    dtype = np.dtype(tif.byteorder + series.dtype.char)
    offset, shape = series.dataoffset, tuple(series.shape)
    _check_length(path, offset + math.prod(shape) * dtype.itemsize)
    return lambda index: np.memmap(path, dtype, "r", offset, shape)[index]


class _PageReader:
    """Reads pages of a file, one thread at a time. The file is open only while it is read."""

    def __init__(self, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
        self.tif, self.series = tif, series
        self.lock = threading.Lock()
        outer = len(series.shape)
        while math.prod(series.shape[:outer]) > len(series):
            outer -= 1
        self.page_shape = series.shape[outer:]
        self.page_numbers = np.arange(len(series)).reshape(series.shape[:outer])
        self._find_page(len(series) - 1)

    def read(self, index: Index) -> np.ndarray:
        """The part of the image at this index."""
        outer = self.page_numbers.ndim
        numbers = np.asarray(self.page_numbers[index[:outer]])
        pages = []
        with self.lock:
            try:
                self.tif.filehandle.open()
                for number in numbers.flat:
                    page = self._find_page(int(number))
                    page.parent.filehandle.open()
                    pages.append(page.asarray().reshape(self.page_shape)[index[outer:]])
            finally:
                self.tif.close()
        return np.stack(pages).reshape(numbers.shape + pages[0].shape)

    def _find_page(self, number: int) -> Any:
        """The page, once it is sure that the file holds all of it."""
        page = self.series[number]
        if page is None:
            received = f"no plane {number + 1} of {len(self.series)}"
            advice = "Put the files that belong to it beside it, or export it as one file."
            raise refuse(self.tif.filename, "Every plane must be there", received, advice)
        ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
        _check_length(Path(page.parent.filehandle.path), max(ends))
        return page


def _check_length(path: Path, needed: int) -> None:
    length = path.stat().st_size
    if length < needed:
        raise _unreadable(path, f"it has {length} bytes, its image needs {needed}")


def _unreadable(path: str | Path, reason: str) -> UserError:
    received = f"no TIFF, damaged or cut short ({reason})"
    return refuse(path, "A movie must be a whole, readable file", received)


def _read_ome(xml: str) -> dict[str, Any]:
    """From OME-XML, https://www.openmicroscopy.org/Schemas/OME/2016-06."""
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return {}
    sizes = [f"PhysicalSize{axis}" for axis in "ZYX"]
    spacing_um = tuple(to_um(pixels.get(size), pixels.get(f"{size}Unit", "µm")) for size in sizes)
    if "PhysicalSizeXUnit" not in pixels.attrib:
        spacing_um = ignore_default_spacing(spacing_um)
    unit = pixels.get("TimeIncrementUnit", "s")
    channels = enumerate(pixels.findall("{*}Channel"), start=1)
    return {
        "spacing_um": spacing_um,
        "minutes_per_time_point": to_minutes(pixels.get("TimeIncrement"), unit),
        "channel_names": tuple(c.get("Name") or f"channel {number}" for number, c in channels),
    }


def _read_imagej(tif: tifffile.TiffFile) -> dict[str, Any]:
    """From ImageJ's description and the resolution tags, which hold pixels per unit."""
    said = tif.imagej_metadata
    unit = str(said.get("unit", ""))
    z_um = to_um(said.get("spacing"), said.get("zunit", unit))
    yx_um = []
    for tag, tag_unit in (("YResolution", said.get("yunit", unit)), ("XResolution", unit)):
        pixels, units = tif.pages.first.tags.valueof(tag, default=(0, 0))
        yx_um.append(to_um(units / pixels if pixels else None, tag_unit))
    return {
        "spacing_um": ignore_default_spacing((z_um, *yx_um)),
        "minutes_per_time_point": to_minutes(said.get("finterval"), said.get("tunit", "s")),
    }
