"""A file in which each step is written down as it is done: what was not saved survives a crash.

One line of JSON for each event. The first says which annotations the others start from, by a
checksum. A line counts once it is whole, its end included; half a line at the end of the file is
what a crash leaves, and is cut off. Each line but the first ends with a checksum of its own.
"""

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

from organoid_kit.base import UserError, make_error, refuse_if
from organoid_kit.data import Annotations

_KIND = "organoid_kit annotation journal, version 1"


class Journal:
    """The journal of changes to some annotations; `events` is what the file held when opened.

    Raises UserError where it is no journal, that of others, damaged, or cannot be read or written.
    """

    def __init__(self, path: str | Path, start: Annotations) -> None:
        self.path = Path(path)
        checksum = compute_checksum(start)
        header = _write_line({"journal": _KIND, "start": checksum, "name": start.name})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            content = self.path.read_bytes() if self.path.exists() else b""
            whole = self._select_whole_lines(content, header)
            self.events = [_read_line(line) for line in whole.splitlines()[1:]]
            if None in self.events:
                raise self.make_damage_error(self.events.index(None))
            with open(self.path, "ab") as file:
                file.truncate(len(whole))
                file.write(b"" if whole else header)
            self._length = len(whole or header)
        except OSError as error:
            raise self._explain(error) from error

    def write(self, event: dict[str, Any]) -> None:
        """Adds an event, at once. Where that fails, the file is as it was."""
        line = _write_line(event | {"crc": _sum(event)})
        try:
            with open(self.path, "r+b") as file:
                refuse_if(file.seek(0, 2) != self._length, "writer", path=str(self.path))
                try:
                    file.write(line)
                    file.flush()
                except OSError:
                    file.truncate(self._length)
                    raise
            self._length += len(line)
        except OSError as error:
            raise self._explain(error) from error

    def _select_whole_lines(self, content: bytes, header: bytes) -> bytes:
        """All whole lines of a journal of these annotations; of any other file, an error."""
        if header.startswith(content):  # no file yet, or a crash in the first moment
            return content if content == header else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole.startswith(header):
            return whole
        first = _read_line(whole.partition(b"\n")[0]) or {}
        refuse_if(first.get("journal") != _KIND, "journal", path=str(self.path))
        raise make_error("start", path=str(self.path), name=first.get("name"))

    def make_damage_error(self, event: int) -> UserError:
        """For an event, by its number, that cannot be."""
        return make_error("whole", path=str(self.path), line=event + 2)

    def _explain(self, error: OSError) -> UserError:
        return make_error("written", path=str(self.path), reason=error.strerror or error)


def compute_checksum(annotations: Annotations) -> str:
    """Of positions, time points and links: what a journal builds on."""
    digest = hashlib.sha256()
    for name, kind in (("positions", "<f8"), ("time_points", "<i8"), ("links", "<i8")):
        values = getattr(annotations, name)
        digest.update(f"{values.shape}".encode())
        digest.update(values.astype(kind).tobytes())
    return digest.hexdigest()


def _write_line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode("utf-8") + b"\n"


def _read_line(line: bytes) -> dict[str, Any] | None:
    """An event, or None where the line is not one, or is changed."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.pop("crc", None) not in (None, _sum(event)):
        return None
    return event


def _sum(event: dict[str, Any]) -> int:
    """A checksum; earlier versions of the kit wrote none."""
    return zlib.crc32(json.dumps(event).encode())
