"""TIFF hyperstacks (ImageJ, OME, plain), and folders with a file for each time point, channel or
plane. tifffile reads; nothing it only logs about is passed over in silence.
"""

import dataclasses
import logging
import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice, product
from pathlib import Path
from string import Formatter
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from organoid_kit.base import UserError, make_error, refuse_if, warn
from organoid_kit.data.conversion import ignore_default_spacing, to_minutes, to_um
from organoid_kit.data.reading.image import ImageFile, Index, TimePoints, to_range

# The Cell Tracking Challenge's naming is published, so it is not a guess
_CTC_NAME = re.compile(r"t\d{3,}\.tif")
_COARSEST_UM = 20.0  # 1270 dots per inch; programs that know no better write 72 to 600
_MOST_COMPLAINTS = 20
_FILE_NAME = re.compile(r'FileName="([^"]*)"')  # in OME-XML, of the files of a set
_SIZES = re.compile(r'\bSize[TCZ]="(\d+)"')  # the first three are the movie's
_WORDS = {  # what stands before a number says what it counts; else it is the time point
    "channel": re.compile(r"(?:^|[\W_\d])(?:c|ch|channel)[-_ ]?$", re.IGNORECASE),
    "z": re.compile(r"(?:^|[\W_\d])(?:z|slice|plane)[-_ ]?$", re.IGNORECASE),
}
_Files = dict[tuple[int, int, int], Path]  # (time point, channel, plane), as named → file


def read_tiff(path: Path) -> ImageFile:
    """Opens a TIFF file. Uncompressed movies are mapped into memory, others read page by page."""
    try:
        with collect_complaints() as complaints, tifffile.TiffFile(path) as tif:
            planes = math.prod(map(int, _SIZES.findall(tif.ome_metadata or "")[:3]))
            if planes > 10 * path.stat().st_size:  # tifffile makes room for each
                raise _unreadable(path, f"{planes} planes can not be in it")
            series = _find_series(tif)
            if complaints:
                raise _unreadable(path, complaints[0])
            if tif.is_ome and tif.ome_metadata:
                said = _read_ome(tif.ome_metadata)
            elif tif.is_imagej and tif.imagej_metadata:
                said = _read_imagej(tif)
            else:
                said = _read_plain(tif)
            axes = "".join(x if x in "tczyxs" else "?" for x in series.axes.lower())
            stated = tif.is_ome or any("axes" in part for part in tif.shaped_metadata or ())
            if axes[-1] != "s" and not stated:  # planes that tifffile takes for colours
                axes = axes.replace("s", "?")
            shape = _find_complete(path, series, axes, _FILE_NAME.findall(tif.ome_metadata or ""))
            read = _make_reader(path, tif, series, shape)
            return ImageFile(path, axes, shape, series.dtype, read, **said)
    except UserError:
        raise
    except Exception as error:  # a damaged header makes tifffile stumble in many ways
        raise _unreadable(path, str(error)) from error


@contextmanager
def collect_complaints() -> Iterator[list[str]]:
    """The errors that tifffile logs in this thread. It goes on after them, with planes missing, but
    not after many: of a damaged file there may be millions.
    """
    complaints: list[str] = []
    handler, thread = logging.Handler(logging.ERROR), threading.get_ident()
    handler.addFilter(lambda record: record.thread == thread)

    def collect(record: logging.LogRecord) -> None:
        complaints.append(record.getMessage())
        if len(complaints) > _MOST_COMPLAINTS:
            raise ValueError(complaints[0])

    handler.emit = collect
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
        found = {"count": len(tif.series), "shapes": shapes}
        raise make_error("TIFF one movie", tif.filename, **found)
    return first


def _find_complete(path: Path, series: tifffile.TiffPageSeries, axes: str, files: list) -> tuple:
    """The shape, without the time points at the end that an aborted acquisition lacks. Of a set of
    files that name each other, none may have another name.
    """
    missing = [number for number in range(len(series)) if series.pages[number] is None]
    if not missing:
        return tuple(series.shape)
    lost = [file for file in dict.fromkeys(files) if not (path.parent / file).exists()]
    others = {file.name for file in path.parent.glob("[!.]*.tif*")} - {*files}
    complete = missing[0] // (len(series) // series.shape[0]) * axes.startswith("t")
    is_torn = lost and (others or not complete)
    refuse_if(is_torn, "files there", path, lost=lost, count=len(lost))
    refuse_if(not complete, "one complete", path, plane=missing[0] + 1, count=len(series))
    warn(f"{path} ends early: of {series.shape[0]} time points {complete} are complete and read.")
    return (complete, *series.shape[1:])


def _make_reader(
    path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, shape: tuple[int, ...]
) -> Callable[[Index], np.ndarray]:
    if series.dataoffset is None or series.is_multifile:
        return _PageReader(tif, series, len(series) * shape[0] // series.shape[0]).read
    dtype = np.dtype(tif.byteorder + series.dtype.char)
    offset = series.dataoffset
    _check_length(path, offset + math.prod(shape) * dtype.itemsize)
    return lambda index: np.memmap(path, dtype, "r", offset, shape)[index]


class _PageReader:
    """Reads pages of a file, one thread at a time. The file is open only while it is read."""

    def __init__(
        self, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, complete: int
    ) -> None:
        self.tif, self.series = tif, series
        self.lock = threading.Lock()
        outer = len(series.shape)
        while math.prod(series.shape[:outer]) > len(series):
            outer -= 1
        self.page_shape = series.shape[outer:]
        self.page_numbers = np.arange(len(series)).reshape(series.shape[:outer])
        self._find_page(complete - 1)

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
        ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
        _check_length(Path(page.parent.filehandle.path), max(ends))
        return page


def _check_length(path: Path, needed: int) -> None:
    length = path.stat().st_size
    if length < needed:
        raise _unreadable(path, f"it has {length} bytes, its image needs {needed}")


def _unreadable(path: str | Path, reason: str) -> UserError:
    return make_error("movie whole", path, reason=reason)


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
    """From ImageJ's description, which has the unit, and the resolution tags."""
    said = tif.imagej_metadata
    unit = str(said.get("unit", ""))
    z_um = to_um(said.get("spacing"), said.get("zunit", unit))
    yx_um = _read_resolution(tif, said.get("yunit", unit), unit)
    return {
        "spacing_um": ignore_default_spacing((z_um, *yx_um)),
        "minutes_per_time_point": to_minutes(said.get("finterval"), said.get("tunit", "s")),
    }


def _read_plain(tif: tifffile.TiffFile) -> dict[str, Any]:
    """From the resolution in inches or centimetres, where it is a microscope's, not a printer's."""
    unit = {2: "inch", 3: "cm"}.get(tif.pages.first.tags.valueof("ResolutionUnit"), "")
    yx_um = _read_resolution(tif, unit, unit)
    yx_um = [float(f"{um:.5g}") if um and um < _COARSEST_UM else None for um in yx_um]
    return {"spacing_um": (None, *yx_um)}


def _read_resolution(tif: tifffile.TiffFile, y_unit: str, x_unit: str) -> list[float | None]:
    """µm per pixel, y and x; the tags hold pixels per unit."""
    yx_um = []
    for tag, unit in (("YResolution", y_unit), ("XResolution", x_unit)):
        pixels, units = tif.pages.first.tags.valueof(tag, default=(0, 0))
        yx_um.append(to_um(units / pixels if pixels else None, unit))
    return yx_um


def read_tiff_folder(path: Path, pattern: str | None, time_points: TimePoints | None) -> ImageFile:
    """Opens a folder of TIFF files, and of them only the first; each other is compared with it when
    it is read. Where no `pattern` such as ``im_t{time:03}c{channel}.tif`` is given, the names tell
    it; {z} are planes. `time_points` limits them. OME-TIFFs that name each other are one movie.
    """
    names = _list_tiffs(path)
    likely = next((name for name in names if ".ome." in name.lower()), names[0])
    if _is_ome_set(path / likely):
        return dataclasses.replace(read_tiff(path / likely), path=path)
    used_pattern = pattern or _find_pattern(path, names)
    files = _match_names(path, names, used_pattern)
    channels, planes = (sorted(set(numbers)) for numbers in list(zip(*files, strict=True))[1:])
    times = _check_complete(path, files, used_pattern, time_points)
    first = read_tiff(files[times.start, channels[0], planes[0]])
    named = {"c": ("{channel", channels), "z": ("{z", planes)}
    lengths = {key: len(found) for key, (field, found) in named.items() if field in used_pattern}
    lengths = {"t": len(times), **lengths}
    names_known = pattern or all(map(_CTC_NAME.fullmatch, names))

    def read(index: Index) -> np.ndarray:
        named = dict(zip(lengths, index))
        place = times[named["t"]], channels[named.get("c", 0)]
        inner = index[len(lengths) :]
        if "z" not in lengths:
            return _read_like(first, files[(*place, planes[0])]).read(inner)
        chosen = [_read_like(first, files[(*place, plane)]).read(inner) for plane in planes]
        return np.stack(chosen)[named["z"]]

    axes_in_names = "".join(lengths)
    inner = ["?" if letter in axes_in_names else letter for letter in first.axes]
    file_channels = [f"file channel {number}" for number in channels]
    return dataclasses.replace(
        first,
        path=path,
        axes=axes_in_names + "".join(inner),
        shape=(*lengths.values(), *first.shape),
        read=read,
        channel_names=tuple(file_channels) if "c" in axes_in_names else (),
        first_time_point=times.start,
        axes_in_names=axes_in_names,
        guessed_pattern=None if names_known else used_pattern,
    )


def _is_ome_set(path: Path) -> bool:
    """Whether a file names others that belong to its image: each of them opens it whole."""
    try:
        with collect_complaints(), tifffile.TiffFile(path) as tif:
            return len({*_FILE_NAME.findall(tif.ome_metadata or "")}) > 1
    except Exception:  # whatever is wrong is said when it is read
        return False


def _read_like(first: ImageFile, file: Path) -> ImageFile:
    """Another file of the movie; UserError where it is of another kind than the first."""
    image = read_tiff(file)
    if (image.shape, image.dtype) != (first.shape, first.dtype):
        raise make_error("files alike", file, own=image, other=first)
    return image


def _list_tiffs(folder: Path) -> list[str]:
    """Names of the TIFF files; hidden ones, among them macOS's ._ twins, are passed over."""
    files = [file for file in folder.iterdir() if file.suffix.lower() in (".tif", ".tiff")]
    names = sorted(file.name for file in files if file.name[0] != "." and file.is_file())
    refuse_if(not names, "folder of TIFFs", folder)
    return names


def _match_names(folder: Path, names: list[str], pattern: str) -> _Files:
    expression = re.compile(_to_expression(pattern))
    files: _Files = {}
    for match in filter(None, map(expression.fullmatch, names)):
        numbers = {key: int(value) for key, value in match.groupdict().items()}
        if pattern.format(**numbers) == match.string:
            place = (numbers.get(name, 0) for name in ("time", "channel", "z"))
            files[tuple(place)] = folder / match.string
    refuse_if(not files, "pattern fits", folder, pattern=pattern, names=_show(names))
    return files


def _to_expression(pattern: str) -> str:
    """The regular expression of a format string. Raises UserError where it counts nothing."""
    expression, fields = "", []
    try:
        for literal, field, _, _ in Formatter().parse(pattern):
            expression += re.escape(literal)
            if field is not None:
                expression += f"(?P={field})" if field in fields else f"(?P<{field}>[0-9]+)"
                fields.append(field)
        pattern.format(time=0, channel=0, z=0)
        if not {"time", "z"} & set(fields):
            raise ValueError("no {time}")
    except (ValueError, KeyError, IndexError) as error:
        raise make_error("pattern counts", pattern=pattern) from error
    return expression


def _check_complete(
    folder: Path, files: _Files, pattern: str, time_points: TimePoints | None
) -> range:
    """The time points, of which every file is there."""
    found, channels, planes = (sorted(set(numbers)) for numbers in zip(*files, strict=True))
    of_last = sum(time == found[-1] for time, _, _ in files)
    if time_points is None and found[1:] and of_last < len(channels) * len(planes):
        warn(f"{folder} ends early: time point {found.pop()} has {of_last} files, and is left out.")
    times = range(found[0], found[-1] + 1) if time_points is None else to_range(time_points)
    wanted = (times.stop - times.start) * len(channels) * len(planes)
    missing = wanted - sum(time in times for time, _, _ in files)
    if missing:
        # Names that are dates leave billions of gaps: only the first few are looked for
        places = ((t, *others) for t in times for others in product(channels, planes))
        few = list(islice((place for place in places if place not in files), 3))
        names = ", ".join(pattern.format(time=t, channel=c, z=z) for t, c, z in few)
        numbers = ", ".join(map(str, sorted({t for t, _, _ in few})))
        more = f", … ({missing} files in all)" if missing > len(few) else ""
        lacking = {"names": names, "numbers": numbers, "more": more}
        raise make_error("files missing", folder, **lacking)
    return times


def _find_pattern(folder: Path, names: list[str]) -> str:
    """The format string of names: what varies is the time, after c or ch channel, after z plane."""
    parts = [re.split(r"([0-9]+)", name) for name in names]
    columns = list(zip(*parts, strict=False))
    numbers = range(1, len(columns), 2)
    varying = [i for i in numbers if len(set(columns[i])) > 1 or len(names) == 1]
    fields = {}
    for i in varying:
        before = "".join(parts[0][:i])
        fields[i] = next((name for name, word in _WORDS.items() if word.search(before)), "time")
    literals = {tuple(part[::2]) for part in parts}
    chosen = set(fields.values())
    if len(literals) > 1 or not {"time", "z"} & chosen or len(chosen) < len(fields):
        raise make_error("pattern unclear", folder, names=_show(names))
    pattern = [part.replace("{", "{{").replace("}", "}}") for part in parts[0]]
    for i in varying:
        field = fields[i]
        padded = any(number.startswith("0") and len(number) > 1 for number in columns[i])
        width = f":0{min(map(len, columns[i]))}" if padded else ""  # {time:03}: to three digits
        pattern[i] = f"{{{field}{width}}}"
    return "".join(pattern)


def _show(names: list[str]) -> str:
    if len(names) <= 4:
        return ", ".join(names)
    return f"{', '.join(names[:3])}, … {names[-1]} ({len(names)} in all)"
