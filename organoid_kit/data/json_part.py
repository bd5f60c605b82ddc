"""A part of a JSON file that knows where it stands, so that a message can name the place."""

from __future__ import annotations

from typing import Any

from organoid_kit.base import UserError

_KINDS = {dict: "a dictionary", list: "a list", str: "a text"}


class JsonPart:
    """A dictionary, list or text in a JSON file. What is null counts as missing.

    Args:
        value: as `read_json` gives it.
        where: the file, and the place in it.
        kind: dict, list or str. The value must be of this type.
    """

    def __init__(self, value: Any, where: str, kind: type = dict) -> None:
        if not isinstance(value, kind):
            raise UserError(
                f"This part must be {_KINDS[kind]}. Received: {value!r:.60} at {where}. "
                "Repair it, or check that it is the right file."
            )
        self.value, self.where = value, where

    def get(self, key: str, kind: type = dict) -> JsonPart:
        """The part under a key, empty where it is missing."""
        value = self.value.get(key)
        return JsonPart(kind() if value is None else value, f"{self.where}, {key!r}", kind)

    def entries(self, key: str) -> list[JsonPart]:
        """The dictionaries in the list under a key."""
        part = self.get(key, list)
        return [JsonPart(v, f"{part.where}, entry {i}") for i, v in enumerate(part.value)]

    def time_point(self, key: str) -> int:
        """A whole number."""
        value = self.value.get(key)
        if type(value) is not int or abs(value) >= 10**9:
            raise UserError(
                f"A time point must be a whole number below a billion. Received: {key!r} "
                f"{value!r:.60} at {self.where}. Repair it, or check that it is the right file."
            )
        return value

    def triples(self, key: str) -> list[list[float]]:
        """Rows of three finite numbers; what stands behind these in a row is left out."""
        part = self.get(key, list)
        rows = enumerate(part.value)
        return [_to_floats(row, 3, f"{part.where}, row {index}") for index, row in rows]

    def numbers(self, *keys: str) -> list[float]:
        """Finite numbers, each under its key."""
        return _to_floats([self.value.get(key) for key in keys], len(keys), self.where)


def _to_floats(row: Any, count: int, where: str) -> list[float]:
    """The first numbers of a row."""
    numbers = row[:count] if isinstance(row, list) else []
    fits = [type(number) in (int, float) and abs(number) < 1e9 for number in numbers]
    if len(fits) != count or not all(fits):
        raise UserError(
            f"Coordinates and sizes must be finite numbers. Received: {row!r:.60}, where {count} "
            f"numbers are needed, at {where}. Repair this part."
        )
    return [float(number) for number in numbers]
