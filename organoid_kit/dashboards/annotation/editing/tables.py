"""What an editor changes: positions, links and refused candidates, each with a number for ever.

A change, (table, number, values or None where there is nothing), lets a number stand for something
else; so it can be undone, and done again.
"""

import dataclasses
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from organoid_kit.data import Annotations

Value = tuple[float, ...] | None
Change = tuple[str, int, Value]


@dataclass(frozen=True, eq=False)
class Step:
    """What is done and undone at once; `undoing` are the changes that take it back."""

    text: str
    changes: list[Change]
    undoing: list[Change]


class Table:
    """Rows of numbers that come and go, and keep their number."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.there = values.copy(), np.ones(len(values), bool)

    def put(self, number: int, value: Value) -> Value:
        """Lets a number stand for something else; what it stood for."""
        missing = number + 1 - len(self.values)
        if missing > 0:  # numbers in between are taken then, too
            self.values = np.pad(self.values, ((0, missing), (0, 0)))
            self.there = np.pad(self.there, (0, missing))
        before = tuple(self.values[number].tolist()) if self.there[number] else None
        self.there[number] = value is not None
        if value is not None:
            self.values[number] = value
        return before

    @property
    def numbers(self) -> np.ndarray:
        """Those that are there, rising, (n,) int."""
        return np.flatnonzero(self.there)

    @property
    def rows(self) -> np.ndarray:
        """Their values."""
        return self.values[self.there]


class AnnotationTables:
    """Annotations as tables of numbers, and back.

    Attributes:
        start: the annotations as they were.
        position: table of time point, z, y, x.
        link: table of the number of the earlier and of the later position.
        refused: table of time point, z, y, x of a candidate.
    """

    def __init__(self, start: Annotations) -> None:
        self.start = start
        self.position = Table(np.c_[start.time_points.astype(float), start.positions])
        self.link, self.refused = Table(start.links), Table(np.zeros((0, 4)))
        self._properties: dict[int, dict[str, Any]] = {}

    def change(self, changes: Iterable[Change]) -> list[Change]:
        """Makes these changes, one after the other; those that take them back."""
        undoing = [
            (name, number, getattr(self, name).put(number, value))
            for name, number, value in changes
        ]
        return undoing[::-1]

    def add_properties(self, properties: dict[int, dict[str, Any]]) -> None:
        """What is known of new positions. It may stay when they go: nobody sees it then."""
        self._properties |= properties

    def build(self) -> Annotations:
        """The annotations as they are now. Rows are in the order of the numbers."""
        there, links = self.position.there, self.link
        properties = {
            name: _pad(values, len(there)) for name, values in self.start.properties.items()
        }
        for number, known in self._properties.items():
            if number < len(there) and there[number]:
                for name, value in known.items():
                    properties.setdefault(name, np.full(len(there), None, object))[number] = value
        link_properties = self.start.link_properties.items()
        return dataclasses.replace(
            self.start,
            positions=self.position.rows[:, 1:],
            time_points=self.position.rows[:, 0].astype(int),
            links=(np.cumsum(there) - 1)[links.rows],
            properties={name: values[there] for name, values in properties.items()},
            link_properties={
                name: _pad(values, len(links.there))[links.there]
                for name, values in link_properties
            },
        )


def make_id(start: Annotations, number: int) -> dict[str, Any]:
    """The property "id" of a new position, another than all there are, where they have one.

    Tables (CSV) need it: their links refer to it.
    """
    if "id" not in start.properties:
        return {}
    counted = [
        int(value) for value in start.properties["id"] if isinstance(value, numbers.Integral)
    ]
    return {"id": max(counted, default=-1) + 1 + number - len(start)}


def _pad(values: np.ndarray, length: int) -> np.ndarray:
    """A copy with None at its end."""
    return np.concatenate([values, np.full(length - len(values), None, object)])
