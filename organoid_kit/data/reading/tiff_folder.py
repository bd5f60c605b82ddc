"""A folder with one TIFF file for each time point, or for each time point and channel."""

import dataclasses
import re
from itertools import islice
from pathlib import Path
from string import Formatter

import numpy as np

from organoid_kit.base import UserError, refuse
from organoid_kit.data.reading.image import ImageFile, Index, to_range
from organoid_kit.data.reading.tiff import read_tiff

# The Cell Tracking Challenge's naming is published, so it is not a guess
_CTC_NAME = re.compile(r"t\d{3,}\.tif")
_CHANNEL_WORD = re.compile(r"(?:^|[\W_\d])(?:c|ch|channel)[-_ ]?$", re.IGNORECASE)
_Files = dict[tuple[int, int], Path]  # (time point, channel as the files count it) → file


def read_tiff_folder(
    path: Path, pattern: str | None, time_points: range | tuple[int, int] | None
) -> ImageFile:
    """Opens a folder of TIFF files, and of them only the first; each other is compared with it when
    it is read. Where no `pattern` such as ``im_t{time:03}c{channel}.tif`` is given, the names tell
    it; `time_points` limits the files that must be there.
    """
    names = _list_tiffs(path)
    used_pattern = pattern or _find_pattern(path, names)
    files = _match_names(path, names, used_pattern)
    channels = sorted({channel for _, channel in files})
    times = _check_complete(path, files, used_pattern, time_points)
    first = read_tiff(files[times.start, channels[0]])
    axes_in_names = "tc" if "{channel" in used_pattern else "t"
    lengths = (len(times), len(channels))[: len(axes_in_names)]
    names_known = pattern or all(map(_CTC_NAME.fullmatch, names))

    def read(index: Index) -> np.ndarray:
        time, channel = (*index[: len(axes_in_names)], 0)[:2]
        file = files[times[time], channels[channel]]
        image = read_tiff(file)
        if (image.shape, image.dtype) != (first.shape, first.dtype):
            rule = "All files of a movie must have one shape and type"
            kinds = f"{image.shape} {image.dtype} beside {first.shape} {first.dtype}"
            raise refuse(file, rule, kinds, "Export it again, or leave it out with time_points.")
        return image.read(index[len(axes_in_names) :])

    inner = ["?" if letter in axes_in_names else letter for letter in first.axes]
    file_channels = [f"file channel {number}" for number in channels]
    return dataclasses.replace(
        first,
        path=path,
        axes=axes_in_names + "".join(inner),
        shape=lengths + first.shape,
        read=read,
        channel_names=tuple(file_channels) if "c" in axes_in_names else (),
        first_time_point=times.start,
        axes_in_names=axes_in_names,
        guessed_pattern=None if names_known else used_pattern,
    )


def _list_tiffs(folder: Path) -> list[str]:
    """Names of the TIFF files; hidden ones, among them macOS's ._ twins, are passed over."""
    files = [file for file in folder.iterdir() if file.suffix.lower() in (".tif", ".tiff")]
    names = sorted(file.name for file in files if file.name[0] != "." and file.is_file())
    if not names:
        advice = "Pass the folder in which they lie, or the file itself."
        raise refuse(folder, "A folder must hold TIFF files", "none", advice)
    return names


def _match_names(folder: Path, names: list[str], pattern: str) -> _Files:
    expression = re.compile(_to_expression(pattern))
    files: _Files = {}
    for match in filter(None, map(expression.fullmatch, names)):
        numbers = {key: int(value) for key, value in match.groupdict().items()}
        if pattern.format(**numbers) == match.string:
            files[numbers["time"], numbers.get("channel", 0)] = folder / match.string
    if not files:
        received = f"pattern={pattern!r} for {_show(names)}"
        advice = "{time:03} stands for a number of at least three digits."
        raise refuse(folder, "The pattern must fit the names of the files", received, advice)
    return files


def _to_expression(pattern: str) -> str:
    """The regular expression of a format string. Raises UserError where {time} is missing."""
    expression, fields = "", []
    try:
        for literal, field, _, _ in Formatter().parse(pattern):
            expression += re.escape(literal)
            if field is not None:
                expression += f"(?P={field})" if field in fields else f"(?P<{field}>[0-9]+)"
                fields.append(field)
        pattern.format(time=0, channel=0)
        if "time" not in fields:
            raise ValueError("no {time}")
    except (ValueError, KeyError, IndexError) as error:
        raise UserError(
            "A pattern must say where the time point stands, {time}, and may say where the channel "
            f"stands, {{channel}}. Received: pattern={pattern!r}. "
            'Pass for example pattern="im_t{time:03}c{channel}.tif".'
        ) from error
    return expression


def _check_complete(
    folder: Path, files: _Files, pattern: str, time_points: range | tuple[int, int] | None
) -> range:
    """The time points, of which every file is there."""
    found, channels = (sorted(set(numbers)) for numbers in zip(*files, strict=True))
    times = range(found[0], found[-1] + 1) if time_points is None else to_range(time_points)
    wanted = (times.stop - times.start) * len(channels)
    missing = wanted - sum(time in times for time, _ in files)
    if missing:
        # Names that are dates leave billions of gaps: only the first few are looked for
        pairs = ((time, channel) for time in times for channel in channels)
        gaps = (pair for pair in pairs if pair not in files)
        few = list(islice(gaps, 3))
        names = ", ".join(pattern.format(time=time, channel=channel) for time, channel in few)
        numbers = ", ".join(map(str, sorted({time for time, _ in few})))
        more = f", … ({missing} files in all)" if missing > len(few) else ""
        received = f"a folder without {names} (time points {numbers}){more}"
        advice = "Add them, or pass time_points=(first, last) of a part without gaps."
        raise refuse(folder, "Every time point must have its files", received, advice)
    return times


def _find_pattern(folder: Path, names: list[str]) -> str:
    """The format string of the names: digits that vary are the time, or, after a c or ch, the
    channel.
    """
    parts = [re.split(r"([0-9]+)", name) for name in names]
    columns = list(zip(*parts, strict=False))
    numbers = range(1, len(columns), 2)
    varying = [i for i in numbers if len(set(columns[i])) > 1 or len(names) == 1]
    channel = [i for i in varying if _CHANNEL_WORD.search("".join(parts[0][:i]))]
    time = [i for i in varying if i not in channel]
    literals = {tuple(part[::2]) for part in parts}
    if len(literals) > 1 or len(time) != 1 or len(channel) > 1:
        rule = "The names of the files must show which number is the time point"
        advice = 'Pass it, for example pattern="im_t{time:03}c{channel}.tif".'
        raise refuse(folder, rule, _show(names), advice)
    pattern = [part.replace("{", "{{").replace("}", "}}") for part in parts[0]]
    for i in varying:
        field = "time" if i in time else "channel"
        padded = any(number.startswith("0") and len(number) > 1 for number in columns[i])
        width = f":0{min(map(len, columns[i]))}" if padded else ""  # {time:03}: to three digits
        pattern[i] = f"{{{field}{width}}}"
    return "".join(pattern)


def _show(names: list[str]) -> str:
    if len(names) <= 4:
        return ", ".join(names)
    return f"{', '.join(names[:3])}, … {names[-1]} ({len(names)} in all)"
