"""A dashboard's state as one short string, to paste in a chat.

A string carries everything it says: it needs no server, and is read as it was written or refused.
"""

import base64
import json
import re
import zlib
from typing import Any

from organoid_kit.base import UserError

_STRING = re.compile(r"okit(\d+)\.([\w-]+)", flags=re.ASCII)
_VERSION = 1
_MOST_BYTES = 1_000_000  # of a state, unpacked: strings come from other people
_RAW = -zlib.MAX_WBITS  # no header; the checksum is our own


def encode_state(name: str, state: dict[str, Any]) -> str:
    """A state of plain JSON values as one string of letters, digits, `-` and `_`.

    The name says whose it is, such as "StackBrowser".
    """
    try:
        text = json.dumps([name, state], ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise UserError(
            "A state must hold plain numbers, texts, lists and dictionaries. "
            f"Received: {name} with {error}. Change this value."
        ) from error
    packer = zlib.compressobj(level=9, wbits=_RAW)
    packed = packer.compress(text.encode()) + packer.flush()
    checked = zlib.crc32(packed).to_bytes(4, "big") + packed
    return f"okit{_VERSION}.{base64.urlsafe_b64encode(checked).decode().rstrip('=')}"


def decode_state(text: str) -> tuple[str, dict[str, Any]]:
    """The name and the state that `encode_state` was given; words around the string don't matter.

    No string, a mistyped one, one that was cut off, or one of a newer kit is a UserError.
    """
    found = _STRING.search(text)
    if found is None:
        raise UserError(
            f"A state must be a string that a dashboard wrote; it begins with okit{_VERSION}. "
            f"Received: {shorten(text)!r}. Copy the whole string."
        )
    if int(found[1]) != _VERSION:
        raise UserError(
            f"A state must be of version {_VERSION}. Received: {shorten(found[0])!r}, version "
            f"{found[1]}. Bring organoid_kit up to date here, or where it was written."
        )
    try:
        packed = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4))
        if zlib.crc32(packed[4:]) != int.from_bytes(packed[:4], "big"):
            raise ValueError("The checksum differs.")
        text = zlib.decompressobj(wbits=_RAW).decompress(packed[4:], _MOST_BYTES)
        name, state = json.loads(text)
        return str(name), dict(state)
    except (ValueError, TypeError, zlib.error) as error:
        raise UserError(
            f"Every letter of a state counts. Received: {shorten(found[0])!r}, which was mistyped "
            "or cut off. Copy the whole string again."
        ) from error


def shorten(text: str, most: int = 40) -> str:
    """The beginning of a text, in one line."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
