"""Files are written wholly or not at all, and one clear error says where reading fails.

A file gets a temporary name in the same folder and is then moved into place, one step in every file
system: a full disk, an interrupt or a power cut leaves the old state or the new one.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import refuse


@contextmanager
def write_safely(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yields a temporary path to write a file or folder to, and moves it to `path` afterwards.

    Missing parent folders are made. When the block fails, what it wrote is removed, `path` stays.
    """
    path = Path(path)
    try:
        check_free(path, overwrite)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            yield temporary
            if path.is_dir():
                _replace_folder(temporary, path)
            else:
                os.replace(temporary, path)
    except OSError as error:
        rule = "Files can only be written where there is room and permission"
        advice = "Nothing was left half written; free some space or choose another folder."
        raise refuse(path, rule, error.strerror or error, advice) from error


def check_free(path: Path, overwrite: bool) -> None:
    """Raises UserError where something exists that must not be overwritten."""
    if path.exists() and not overwrite:
        advice = f"Choose another name, such as {find_free_path(path).name!r}, or overwrite=True."
        raise refuse(path, "Existing files are never overwritten", "it exists", advice)


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
        rule = "Only numbers, texts, lists and dictionaries can be written as JSON"
        raise refuse(path, rule, error, "Remove or convert this value.") from error


def make_file_name(name: str) -> str:
    """A name that every file system takes, from a movie's; two movies may get the same one."""
    return re.sub(r"[^\w .-]", "_", name).strip(" .") or "movie"


def find_free_path(path: Path) -> Path:
    """The first of name-2, name-3, … that does not exist yet."""
    number = 2
    while (candidate := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    return candidate


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, line ends as they are in the file."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        rule, advice = "Text files must be encoded as UTF-8", "Save it so; in Excel, as CSV UTF-8."
        raise refuse(path, rule, f"byte {error.start}", advice) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise refuse(path, "The file must be readable", reason, "Check the path.") from error


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
    """In two steps, as no file system replaces a full folder in one."""
    old = temporary.with_name("replaced")
    os.replace(path, old)
    try:
        os.replace(temporary, path)
    except OSError:
        os.replace(old, path)
        raise
