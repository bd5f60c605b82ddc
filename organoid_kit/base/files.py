"""Files are written wholly or not at all, and one clear error says where reading fails.

A file gets a temporary name in the same folder and is then moved into place, one step in every file
system: a full disk, an interrupt or a power cut leaves the old state or the new one.
"""

import json
import math
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from organoid_kit.base.errors import make_error, refuse

_REPLACED = "replaced"  # in a temporary folder: the old one, while the new one takes its place
_LONGEST_NAME = 150  # bytes: with a suffix and a number, file systems take 255
_OF_DEVICES = r"^(con|prn|aux|nul|(com|lpt)\d)(?=\.|$)"  # names that Windows keeps for itself
_ABANDONED_SECONDS = 24 * 3600  # nobody writes for so long


@contextmanager
def write_safely(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yields a temporary path to write a file or folder to, and moves it to `path` afterwards.

    Missing parent folders are made. When the block fails, what it wrote is removed, `path` stays.
    """
    path = Path(path)
    try:
        _tidy_once(path.parent)
        check_free(path, overwrite)
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".writing-{os.getpid()}@{platform.node()}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            yield temporary
            if path.is_dir():
                _replace_folder(temporary, path)
            else:
                os.replace(temporary, path)
    except OSError as error:
        raise make_error("files written", path, reason=error.strerror or error) from error


def remove_leftovers(parent: Path) -> None:
    """Removes what killed writers left in a folder; what they were replacing gets its name back."""
    for leftover in parent.glob(".writing-*"):
        writer = leftover.name.removeprefix(".writing-").rpartition("-")[0]
        if is_alive(leftover, writer, _ABANDONED_SECONDS):
            continue
        for old in leftover.glob(f"{_REPLACED}/*"):
            if not (parent / old.name).exists():
                os.replace(old, parent / old.name)
        shutil.rmtree(leftover, ignore_errors=True)


_tidy_once = cache(remove_leftovers)  # in a process: large folders take long to list


def bring_back(path: Path) -> None:
    """To be called before a folder is read: it may have lost its name to a killed writer."""
    if not os.path.exists(path):  # also where the name is too long to exist
        with suppress(OSError):  # where nothing can be written it stays as it is
            remove_leftovers(path.parent)


def is_alive(path: Path, writer: str, elsewhere_seconds: float = 0) -> bool:
    """Whether the process that wrote this, such as "123@machine", is still there; one of another
    machine is thought to be for so long.
    """
    with suppress(OSError, ValueError, psutil.NoSuchProcess):
        number, _, machine = writer.partition("@")
        written = path.stat().st_mtime
        if machine != platform.node():
            return time.time() - written < elsewhere_seconds
        process = psutil.Process(int(number))
        is_older = process.create_time() < written + 60  # numbers are used again, clocks differ
        return is_older and process.status() != psutil.STATUS_ZOMBIE
    return False


def check_free(path: Path, overwrite: bool) -> None:
    """Raises UserError where something exists that must not be overwritten."""
    if path.exists() and not overwrite:
        raise make_error("file exists", path, name=find_free_path(path).name)


def write_bytes_safely(path: str | Path, content: bytes, *, overwrite: bool = False) -> None:
    """Writes a file wholly or not at all, see `write_safely`."""
    with write_safely(path, overwrite=overwrite) as temporary, open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # the content must be on the disk before the name is


def write_text_safely(path: str | Path, text: str, *, overwrite: bool = False) -> None:
    """Writes a UTF-8 file wholly or not at all; line ends stay as they are in the text."""
    write_bytes_safely(path, text.encode("utf-8"), overwrite=overwrite)


def write_json_safely(
    path: str | Path, value: Any, *, overwrite: bool = False, allow_nan: bool = False
) -> None:
    """Writes a JSON file wholly or not at all, see `to_json`."""
    write_text_safely(path, to_json(value, path, allow_nan=allow_nan), overwrite=overwrite)


def to_json(value: Any, path: str | Path, *, allow_nan: bool = False) -> str:
    """The value as JSON, NumPy numbers and arrays as numbers and lists; the path is for messages."""
    try:
        return json.dumps(value, default=lambda array: array.tolist(), allow_nan=allow_nan)
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise make_error("plain JSON", path, error=error) from error


def parse_json(text: Any) -> Any:
    """The value of a JSON text; what is none stays as it is."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return text


def parse_number(text: str | None) -> float:
    """The number of a text, NaN where it is none; Python alone reads 1_0, or digits of all scripts."""
    with suppress(ValueError):
        return float(text) if text and text.isascii() and "_" not in text else math.nan
    return math.nan


def make_file_name(name: str) -> str:
    """A name that every file system takes, from a movie's; two movies may get the same one."""
    name = re.sub(r"[^\w .-]", "_", name).encode()[:_LONGEST_NAME].decode(errors="ignore")
    return re.sub(_OF_DEVICES, r"\g<0>_", name.strip(" ."), flags=re.IGNORECASE) or "movie"


def find_free_path(path: Path) -> Path:
    """The path, or else the first of name-2, name-3, … that does not exist yet."""
    candidate, number = path, 1
    while os.path.lexists(candidate):  # a link that leads nowhere takes the name, too
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, line ends as they are in the file."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise make_error("UTF-8", path, start=error.start) from error
    except (OSError, ValueError) as error:
        raise make_error("file readable", path, reason=getattr(error, "strerror", error)) from error


def read_json(path: str | Path, *, allow_nan: bool = False) -> Any:
    """The value in a JSON file, with NaN and Infinity, which Python writes, where they are allowed."""

    def refuse_constant(name: str) -> None:
        raise ValueError(f"it holds {name}, which is no JSON number")

    text = read_text(path)
    try:
        return json.loads(text, parse_constant=None if allow_nan else refuse_constant)
    except (ValueError, RecursionError) as error:
        raise refuse(path, "The file must be valid JSON", error) from error


def _replace_folder(temporary: Path, path: Path) -> None:
    """In two steps, as no file system replaces a full folder in one; see `remove_leftovers`."""
    old = temporary.parent / _REPLACED / path.name
    old.parent.mkdir()
    os.replace(path, old)
    try:
        os.replace(temporary, path)
    except OSError:
        os.replace(old, path)
        raise
