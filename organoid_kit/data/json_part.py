"""A part of a JSON file that knows where it stands, so that a message can name the place."""

from __future__ import annotations

from typing import Any

from organoid_kit.base import UserError, refuse

_KINDS = {dict: "a dictionary", list: "a list", str: "a text"}


class JsonPart:
    """A dictionary, list or text (`kind`) in a JSON file; what is null counts as missing.

    `where` names the file, and the place in it. Raises UserError where the value is of another kind.
    """

    def __init__(self, value: Any, where: str, kind: type = dict) -> None:
        self.value, self.where = value, where
        if not isinstance(value, kind):
            raise self.refuse(f"This part must be {_KINDS[kind]}", f"{value!r:.60}")

    def refuse(self, rule: str, received: str) -> UserError:
        """An error that names the place."""
        return refuse(self.where, rule, received)

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
            rule = "A time point must be a whole number below a billion"
            raise self.refuse(rule, f"{key!r} {value!r:.60}")
        return value

    def triples(self, key: str) -> list[list[float]]:
        """Rows of three finite numbers; what stands behind these in a row is left out."""
        part = self.get(key, list)
        rows = [JsonPart(row, f"{part.where}, row {i}", object) for i, row in enumerate(part.value)]
        return [
            row.to_floats(row.value[:3] if isinstance(row.value, list) else [], 3) for row in rows
        ]

    def numbers(self, *keys: str) -> list[float]:
        """Finite numbers, each under its key."""
        return self.to_floats([self.value.get(key) for key in keys], len(keys))

    def to_floats(self, numbers: list, count: int) -> list[float]:
        """These numbers, so many of them."""
        fits = [type(number) in (int, float) and abs(number) < 1e9 for number in numbers]
        if len(fits) != count or not all(fits):
            rule = f"Coordinates and sizes must be {count} finite numbers"
            raise self.refuse(rule, f"{self.value!r:.60}")
        return [float(number) for number in numbers]
