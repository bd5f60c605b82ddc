"""What an editor changes: positions, links and refused candidates, each with a number for ever.

A change, (table, number, values or None where there is nothing), lets a number stand for something
else; so it can be undone, and done again.
"""

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from organoid_kit.data import Annotations

Value = Sequence[float] | None
Change = tuple[str, int, Value]
Properties = dict[str, Any]


class Table(list):
    """Values by their number; None where there is nothing, or nothing any more."""

    def put(self, number: int, value: Value) -> Value:
        """Lets a number stand for something else; what it stood for."""
        self.extend([None] * (number + 1 - len(self)))  # numbers in between are taken then, too
        before, self[number] = self[number], value
        return before

    @property
    def there(self) -> np.ndarray:
        """Which numbers stand for something, (n,) bool."""
        return np.array([value is not None for value in self], bool)

    def rows(self, width: int) -> np.ndarray:
        """The values that are there, in the order of their numbers, (n, width) float."""
        there = [value for value in self if value is not None]
        return np.array(there, float).reshape(-1, width)


def make_tables(start: Annotations) -> dict[str, Table]:
    """Of a position or a refused candidate: time point, z, y, x; of a link: numbers of its ends."""
    positions = np.c_[start.time_points, start.positions].tolist()
    return {"position": Table(positions), "link": Table(start.links.tolist()), "refused": Table()}


def build_annotations(
    start: Annotations, tables: Mapping[str, Table], known: Mapping[int, Properties]
) -> Annotations:
    """The annotations as they are now; rows are in the order of the numbers.

    `known` are the properties of new positions by their number, whether they are there or not.
    """
    there, rows = tables["position"].there, tables["position"].rows(4)
    links, ends = tables["link"].there, tables["link"].rows(2).astype(int)
    properties = _pad(start.properties, len(there))
    for number in (number for number in known if number < len(there) and there[number]):
        for name, value in known[number].items():
            properties.setdefault(name, np.full(len(there), None))[number] = value
    link_properties = _pad(start.link_properties, len(links))
    return dataclasses.replace(
        start,
        positions=rows[:, 1:],
        time_points=rows[:, 0].astype(int),
        links=(np.cumsum(there) - 1)[ends],
        properties={name: values[there] for name, values in properties.items()},
        link_properties={name: values[links] for name, values in link_properties.items()},
    )


def make_id(start: Annotations, number: int) -> Properties:
    """The property "id" of a new position, another than all there are, where they have one.

    Tables (CSV) need it: their links refer to it.
    """
    if "id" not in start.properties:
        return {}
    counted = [int(name) for name in start.properties["id"] if isinstance(name, numbers.Integral)]
    return {"id": max(counted, default=-1) + 1 + number - len(start)}


def _pad(properties: Mapping[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
    """Copies with None at their ends."""
    return {
        name: np.concatenate([values, np.full(length - len(values), None)])
        for name, values in properties.items()
    }
