"""What lies on top of a stack: positions with their tails and words, and problems. Widgets and
files play no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.checks import Problem
from organoid_kit.plots.drawing import Mark, Spacing

# Shape and colour of the first, second, … layer. Squares, diamonds and stars are left to problems
# and divisions.
_MARKS = (
    ("o", "orange"),
    ("^", "sky blue"),
    ("x", "vermillion"),
    ("v", "purple"),
    ("+", "yellow"),
    ("p", "green"),
)
PROBLEM_MARKS = {
    "error": Mark("error", "s", "vermillion"),
    "warning": Mark("warning", "D", "yellow"),
}
DIVISION = Mark("divides before the next time point", "*", "yellow", filled=True)


@dataclass(frozen=True, eq=False)
class LayerMarks:
    """What a layer shows at one time point.

    Attributes:
        rows: (n,) int, rows of the layer's annotations.
        positions: (n, 3) float32, zyx, voxels.
        divides: (n,) bool.
        texts: n texts, what is known of each.
        tails: (m, 8) float32, one row for each piece of a tail: where it begins and ends, zyx,
            voxels; its age from 0 (now) to 1; the index in `rows` of the position it leads to.
    """

    rows: np.ndarray
    positions: np.ndarray
    divides: np.ndarray
    texts: list[str]
    tails: np.ndarray


@dataclass(frozen=True, eq=False)
class Layer:
    """Annotations, a mark for them, and what makes looking them up quick.

    Attributes:
        name: for people.
        annotations: in voxels of the movie.
        mark: of each position.
        spacing_um: µm per voxel, zyx, of the movie.
    """

    name: str
    annotations: Annotations
    mark: Mark
    spacing_um: Spacing

    def collect_marks(self, time_point: int, tail: int = 0) -> LayerMarks:
        """What to draw at a time point, with tails over so many time points back."""
        rows = self._rows.get(time_point, np.zeros(0, int))
        return LayerMarks(
            rows=rows,
            positions=self.annotations.positions[rows].astype(np.float32),
            divides=self._forward[rows] >= 2,
            texts=[self.describe(row) for row in rows.tolist()],
            tails=self._trace_back(rows, time_point, tail),
        )

    def describe(self, row: int) -> str:
        """All that is known of a position, in one line: its id, place in µm, probability and what
        else there is.
        """
        values = {name: values[row] for name, values in self.annotations.properties.items()}
        message = values.pop("message", None)
        place = " ".join(
            f"{axis} {value:.1f}"
            for axis, value in zip("zyx", self.annotations.positions[row] * self.spacing_um)
        )
        said = [
            f"{name.replace('_', ' ')} {_say(value)}"
            for name, value in values.items()
            if value is not None
        ]
        if len(self.annotations.links):
            said.insert(0, f"track {self._tracks[row]}")
        if self._forward[row] >= 2:
            said.append(DIVISION.name)
        head = [f"{self.name}: {message}"] if message else [f"{self.name}, position {row}"]
        return " · ".join([*head, f"{place} µm", *said])

    def _trace_back(self, rows: np.ndarray, time_point: int, tail: int) -> np.ndarray:
        """Goes back along the links, one time point after the other."""
        leads_to = dict(zip(rows.tolist(), range(len(rows))))
        pieces = [np.zeros((0, 8), np.float32)]
        places = self.annotations.positions
        for age in range(tail):
            links = [
                link for link in self._links_into.get(time_point - age, ()) if link[1] in leads_to
            ]
            leads_to.update((earlier, leads_to[later]) for earlier, later in links)
            if links:
                earlier, later = np.transpose(links)
                heads = [leads_to[row] for row in later.tolist()]
                pieces.append(
                    np.c_[places[earlier], places[later], np.full(len(links), age / tail), heads]
                )
        return np.concatenate(pieces).astype(np.float32)

    @cached_property
    def _rows(self) -> dict[int, np.ndarray]:
        """The rows of each time point."""
        return _group(np.arange(len(self.annotations)), self.annotations.time_points)

    @cached_property
    def _links_into(self) -> dict[int, list[list[int]]]:
        """The links that end at each time point."""
        links = self.annotations.links
        return {
            time: group.tolist()
            for time, group in _group(links, self.annotations.time_points[links[:, 1]]).items()
        }

    @cached_property
    def _forward(self) -> np.ndarray:
        return self.annotations.links_forward()

    @cached_property
    def _tracks(self) -> np.ndarray:
        """The number of each position's track."""
        numbers = np.zeros(len(self.annotations), int)
        for number, rows in enumerate(self.annotations.tracks()):
            numbers[rows] = number
        return numbers


def make_layer(
    name: str, annotations: Annotations, spacing_um: Spacing, number: int, mark: Mark | None
) -> Layer:
    """A layer; without a mark it gets that of its number."""
    shape, colour = _MARKS[number % len(_MARKS)]
    return Layer(name, annotations, mark or Mark(name, shape, colour), spacing_um)


def make_problem_layers(problems: Sequence[Problem], spacing_um: Spacing) -> list[Layer]:
    """Errors and warnings that have a place, as layers; the property "number" says which of the
    problems each is.
    """
    layers = []
    for severity, mark in PROBLEM_MARKS.items():
        placed = [
            (number, each)
            for number, each in enumerate(problems)
            if each.severity == severity
            and each.position is not None
            and each.time_point is not None
        ]
        if placed:
            layers.append(Layer(severity, _as_annotations(placed), mark, spacing_um))
    return layers


def find_nearest(
    layers: Iterable[Layer], time_point: int, position: np.ndarray, within_um: float
) -> tuple[Layer, int] | None:
    """The layer and row of the position nearest to a place, or None where none is near enough.

    Args:
        layers: to look through.
        time_point: as the movie counts them.
        position: (3,) zyx, voxels.
        within_um: how far away it may be.
    """
    found = []
    for layer in layers:
        marks = layer.collect_marks(time_point)
        distances = np.linalg.norm((marks.positions - position) * layer.spacing_um, axis=1)
        if len(distances) and distances.min() <= within_um:
            found.append((distances.min(), layer, int(marks.rows[distances.argmin()])))
    return min(found, key=lambda each: each[0])[1:] if found else None


def _as_annotations(placed: Sequence[tuple[int, Problem]]) -> Annotations:
    return Annotations(
        positions=[problem.position for _, problem in placed],
        time_points=[problem.time_point for _, problem in placed],
        properties={
            "message": np.array([problem.message for _, problem in placed], dtype=object),
            "number": np.array([number for number, _ in placed], dtype=object),
        },
    )


def _group(values: np.ndarray, keys: np.ndarray) -> dict[int, np.ndarray]:
    """The values of each key."""
    order = np.argsort(keys, kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return dict(zip(found.tolist(), np.split(values[order], starts[1:])))


def _say(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else str(value)
