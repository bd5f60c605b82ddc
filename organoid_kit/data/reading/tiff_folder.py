"""A folder with one TIFF file for each time point, or for each time point and channel."""

from __future__ import annotations

import dataclasses
import re
from itertools import islice
from pathlib import Path
from string import Formatter

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.reading.image import ImageFile, Index
from organoid_kit.data.reading.movie import to_range
from organoid_kit.data.reading.tiff import read_tiff

CTC_NAME = re.compile(
    r"t\d{3,}\.tif"
)  # the Cell Tracking Challenge's naming is published, so it is not a guess
CHANNEL_WORD = re.compile(r"(?:^|[\W_\d])(?:c|ch|channel)[-_ ]?$", re.IGNORECASE)
Files = dict[tuple[int, int], Path]  # (time point, channel as the files count it) → file


def read_tiff_folder(
    path: Path, pattern: str | None, time_points: range | tuple[int, int] | None
) -> ImageFile:
    """Opens a folder of TIFF files. Only the first is looked into now; each other is compared with
    it when it is read.

    Args:
        path: of the folder.
        pattern: a format string such as ``im_t{time:03}c{channel}.tif``; None finds it from the
            names.
        time_points: limits the files that must be there.

    Raises:
        UserError: the names do not fit the pattern or show none, or files are missing.
    """
    names = _list_tiffs(path)
    used_pattern = pattern or _find_pattern(path, names)
    files = _match_names(path, names, used_pattern)
    times, channels = _complete(path, files, used_pattern, time_points)
    first = read_tiff(files[times.start, channels[0]])
    axes_in_names = "tc" if "{channel" in used_pattern else "t"
    lengths = {"t": len(times), "c": len(channels)}

    def read(index: Index) -> np.ndarray:
        numbers = dict(zip(axes_in_names, index, strict=False))
        file = files[times[numbers["t"]], channels[numbers.get("c", 0)]]
        return _read_alike(file, first).read(index[len(axes_in_names) :])

    return dataclasses.replace(
        first,
        path=path,
        axes=axes_in_names
        + "".join("?" if letter in axes_in_names else letter for letter in first.axes),
        shape=tuple(lengths[letter] for letter in axes_in_names) + first.shape,
        read=read,
        channel_names=tuple(f"file channel {number}" for number in channels)
        if "c" in axes_in_names
        else (),
        first_time_point=times.start,
        axes_in_names=axes_in_names,
        guessed_pattern=None
        if pattern or all(CTC_NAME.fullmatch(name) for name in names)
        else used_pattern,
    )


def _read_alike(file: Path, first: ImageFile) -> ImageFile:
    image = read_tiff(file)
    if (image.shape, image.dtype) != (first.shape, first.dtype):
        raise UserError(
            f"All files of a movie must have one shape and type. Received: {file} with {image.shape} {image.dtype}; "
            f"{first.path.name} has {first.shape} {first.dtype}. Export it again, or leave it out with time_points."
        )
    return image


def _list_tiffs(folder: Path) -> list[str]:
    """Names of the TIFF files; hidden ones, among them macOS's ._ twins, are passed over."""
    names = sorted(
        file.name
        for file in folder.iterdir()
        if file.suffix.lower() in (".tif", ".tiff")
        and not file.name.startswith(".")
        and file.is_file()
    )
    if not names:
        raise UserError(
            f"A folder must hold TIFF files. Received: {folder}, with none. Pass the folder in which they lie, "
            "or the file itself."
        )
    return names


def _match_names(folder: Path, names: list[str], pattern: str) -> Files:
    expression = re.compile(_to_expression(pattern))
    files: Files = {}
    for name in names:
        match = expression.fullmatch(name)
        if match:
            numbers = {key: int(value) for key, value in match.groupdict().items()}
            if pattern.format(**numbers) == name:
                files[numbers["time"], numbers.get("channel", 0)] = folder / name
    if not files:
        raise UserError(
            f"The pattern must fit the names of the files. Received: pattern={pattern!r}, but {folder} holds "
            f"{_show(names)}. {{time:03}} stands for a number of at least three digits."
        )
    return files


def _to_expression(pattern: str) -> str:
    """The regular expression of a format string. Raises UserError where it is none, or has no
    {time}.
    """
    expression, fields = "", []
    try:
        for literal, field, _, _ in Formatter().parse(pattern):
            expression += re.escape(literal)
            if field is not None:
                expression += f"(?P={field})" if field in fields else f"(?P<{field}>[0-9]+)"
                fields.append(field)
        pattern.format(time=0, channel=0)
    except (ValueError, KeyError, IndexError) as error:
        raise _bad_pattern(pattern) from error
    if "time" not in fields:
        raise _bad_pattern(pattern)
    return expression


def _bad_pattern(pattern: str) -> UserError:
    return UserError(
        "A pattern must say where the time point stands, {time}, and may say where the channel stands, {channel}. "
        f'Received: pattern={pattern!r}. Pass for example pattern="im_t{{time:03}}c{{channel}}.tif".'
    )


def _complete(
    folder: Path, files: Files, pattern: str, time_points: range | tuple[int, int] | None
) -> tuple[range, list[int]]:
    """Time points and channels, of which every file is there."""
    found = sorted({time for time, _ in files})
    channels = sorted({channel for _, channel in files})
    times = range(found[0], found[-1] + 1) if time_points is None else to_range(time_points)
    wanted = (times.stop - times.start) * len(channels)
    missing = wanted - sum(time in times for time, _ in files)
    if missing:
        gaps = (
            (time, channel)
            for time in times
            for channel in channels
            if (time, channel) not in files
        )
        few = list(islice(gaps, 3))  # names that are dates leave billions of gaps
        names = ", ".join(pattern.format(time=time, channel=channel) for time, channel in few)
        numbers = ", ".join(str(time) for time in sorted({time for time, _ in few}))
        more = f", … ({missing} files in all)" if missing > len(few) else ""
        raise UserError(
            f"Every time point must have its files. Received: {folder} without {names} (time points {numbers}){more}. "
            "Add them, or pass time_points=(first, last) of a part without gaps."
        )
    return times, channels


def _find_pattern(folder: Path, names: list[str]) -> str:
    """The format string of the names: digits that vary are the time, or the channel where a c or ch
    precedes them.
    """
    parts = [re.split(r"([0-9]+)", name) for name in names]
    columns = list(zip(*parts, strict=False))
    skeletons = {tuple(part[::2]) for part in parts}
    varying = [i for i in range(1, len(columns), 2) if len(set(columns[i])) > 1]
    if len(names) == 1:
        varying = [i for i in range(1, len(columns), 2)]
    channel = [i for i in varying if CHANNEL_WORD.search("".join(parts[0][:i]))]
    time = [i for i in varying if i not in channel]
    if len(skeletons) > 1 or len(time) != 1 or len(channel) > 1:
        raise UserError(
            f"The names of the files must show which number is the time point. Received: {folder} with "
            f'{_show(names)}. Pass it, for example pattern="im_t{{time:03}}c{{channel}}.tif".'
        )
    fields = {time[0]: "time"} | {i: "channel" for i in channel}
    literals = [part.replace("{", "{{").replace("}", "}}") for part in parts[0]]
    return "".join(
        _field(fields[i], columns[i]) if i in fields else literal
        for i, literal in enumerate(literals)
    )


def _field(name: str, numbers: tuple[str, ...]) -> str:
    """{time:03} where numbers are padded to three digits, {time} where they are not padded."""
    padded = any(number.startswith("0") and len(number) > 1 for number in numbers)
    return f"{{{name}:0{min(len(number) for number in numbers)}}}" if padded else f"{{{name}}}"


def _show(names: list[str]) -> str:
    shown = names if len(names) <= 4 else [*names[:3], f"… {names[-1]}"]
    return ", ".join(shown) + (f" ({len(names)} in all)" if len(names) > 4 else "")
