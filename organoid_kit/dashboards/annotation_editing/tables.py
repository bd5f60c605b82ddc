"""What an editor changes: positions, links, and candidates that were refused, each with a number of
its own for ever.

A change says what a number stood for before and after; so it can be undone, and done again.
"""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from organoid_kit.data.annotations import Annotations

Value = tuple[float, ...] | None  # None where there is nothing


@dataclass(frozen=True)
class Change:
    """One number of one table stands for something else.

    Attributes:
        table: "position" (time point, z, y, x), "link" (number of the earlier and of the later
            position) or "refused" (time point, z, y, x of a candidate).
        number: which one.
        before, after: its values, or None where it was, or is, not there.
    """

    table: str
    number: int
    before: Value
    after: Value

    def turned(self) -> Change:
        """The change that undoes this one."""
        return Change(self.table, self.number, self.after, self.before)


@dataclass(frozen=True, eq=False)
class Step:
    """What is done and undone at once.

    Attributes:
        text: in words, such as "added a position".
        changes: in their order.
        properties: of positions that the step adds, by their number.
    """

    text: str
    changes: tuple[Change, ...]
    properties: dict[int, dict[str, Any]] = dataclasses.field(default_factory=dict)


class Table:
    """Rows of numbers that come and go, and keep their number."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.there = values.copy(), np.ones(len(values), bool)

    def get(self, number: int) -> Value:
        """What a number stands for."""
        known = 0 <= number < len(self.values) and self.there[number]
        return tuple(self.values[number].tolist()) if known else None

    def put(self, number: int, value: Value) -> None:
        """Lets a number stand for something else; the numbers up to it are taken then, too."""
        missing = number + 1 - len(self.values)
        if missing > 0:
            self.values = np.concatenate(
                [self.values, np.zeros((missing, self.values.shape[1]), self.values.dtype)]
            )
            self.there = np.concatenate([self.there, np.zeros(missing, bool)])
        self.there[number] = value is not None
        if value is not None:
            self.values[number] = value

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
        tables: "position", "link" and "refused".
    """

    def __init__(self, start: Annotations) -> None:
        self.start = start
        places = np.c_[start.time_points.astype(float), start.positions]
        self.tables = {
            "position": Table(places),
            "link": Table(start.links),
            "refused": Table(np.zeros((0, 4))),
        }
        self._properties: dict[int, dict[str, Any]] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Makes these changes, one after the other."""
        for change in changes:
            self.tables[change.table].put(change.number, change.after)

    def add_properties(self, properties: dict[int, dict[str, Any]]) -> None:
        """What is known of positions that a step adds. It may stay when the step is undone: nobody
        sees it then.
        """
        self._properties |= properties

    def build(self) -> Annotations:
        """The annotations as they are now. Rows are in the order of the numbers."""
        places, links = self.tables["position"], self.tables["link"]
        new_row = np.cumsum(places.there) - 1
        return dataclasses.replace(
            self.start,
            positions=places.rows[:, 1:],
            time_points=places.rows[:, 0].astype(int),
            links=new_row[links.rows],
            properties=self._build_properties(),
            link_properties={
                name: _pad(values, len(links.there))[links.there]
                for name, values in self.start.link_properties.items()
            },
        )

    def _build_properties(self) -> dict[str, np.ndarray]:
        there = self.tables["position"].there
        columns = {name: _pad(values, len(there)) for name, values in self.start.properties.items()}
        for number, said in self._properties.items():
            if number < len(there) and there[number]:
                for name, value in said.items():
                    columns.setdefault(name, np.full(len(there), None, object))[number] = value
        return {name: values[there] for name, values in columns.items()}


def make_id(start: Annotations, number: int) -> dict[str, Any]:
    """The property "id" of a new position, another one than those there are; nothing where they
    have none.

    Tables (CSV) need it: their links refer to it.
    """
    if "id" not in start.properties:
        return {}
    counted = [value for value in start.properties["id"] if isinstance(value, numbers.Integral)]
    return {"id": max(map(int, counted), default=-1) + 1 + number - len(start)}


def _pad(values: np.ndarray, length: int) -> np.ndarray:
    """A copy with None at its end."""
    return np.concatenate([values, np.full(length - len(values), None, object)])
