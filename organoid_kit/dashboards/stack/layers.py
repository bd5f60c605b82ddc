"""What lies on top of a stack: positions with their tails and words, and problems."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from organoid_kit.data import Annotations
from organoid_kit.evaluation.checks import Problem
from organoid_kit.plots.drawing import Mark, Spacing

# Shape and colour of the first, second, … layer. Squares, diamonds and stars are left to problems
# and divisions.
_SHAPES, _COLOURS = "o^xv+p", ("orange", "sky blue", "vermillion", "purple", "yellow", "green")
_ERROR, _WARNING = Mark("error", "s", "vermillion"), Mark("warning", "D", "yellow")
PROBLEM_MARKS = {"error": _ERROR, "warning": _WARNING}
DIVISION = Mark("divides before the next time point", "*", "yellow", filled=True)


@dataclass(frozen=True, eq=False)
class LayerMarks:
    """What a layer shows at one time point."""

    rows: np.ndarray  # (n,) int, of the layer's annotations
    positions: np.ndarray  # (n, 3) float32, zyx, voxels
    divides: np.ndarray  # (n,) bool
    texts: list[str]  # what is known of each
    # (m, 8) float32, a row for each piece of a tail: where it begins and ends, zyx, voxels; its age
    # from 0 (now) to 1; the index in `rows` of the position it leads to.
    tails: np.ndarray


@dataclass(frozen=True, eq=False)
class Layer:
    """Annotations in voxels of a movie, a mark for them, and what makes looking them up quick."""

    name: str
    annotations: Annotations
    mark: Mark
    spacing_um: Spacing

    def collect_marks(self, time_point: int, tail: int = 0) -> LayerMarks:
        """What to draw at a time point, with tails over so many time points back."""
        places, links = self.annotations.positions, self.annotations.links
        rows, ends = self.annotations.rows_at(time_point), self.annotations.time_points[links[:, 1]]
        leads_to = np.full(len(self.annotations), -1)
        leads_to[rows] = np.arange(len(rows))
        pieces = [np.zeros((0, 8))]
        for age in range(tail):
            earlier, later = links[(ends == time_point - age) & (leads_to[links[:, 1]] >= 0)].T
            leads_to[earlier] = leads_to[later]
            ages = np.full(len(later), age / tail)
            pieces.append(np.c_[places[earlier], places[later], ages, leads_to[later]])
        tails = np.concatenate(pieces).astype(np.float32)
        texts, positions = list(map(self.describe, rows.tolist())), places[rows].astype(np.float32)
        return LayerMarks(rows, positions, self._forward[rows] >= 2, texts, tails)

    def describe(self, row: int) -> str:
        """All that is known of a position, in one line."""
        values = {name: values[row] for name, values in self.annotations.properties.items()}
        message = values.pop("message", None)
        place_um = self.annotations.positions[row] * self.spacing_um
        place = " ".join(f"{axis} {value:.1f}" for axis, value in zip("zyx", place_um))
        words = [f"{self.name}: {message}" if message else f"{self.name}, position {row}"]
        words.append(f"{place} µm")
        if len(self.annotations.links):
            words.append(f"track {self._tracks[row]}")
        for name, value in values.items():
            if value is not None:
                digits = ".3g" if isinstance(value, (float, np.floating)) else ""
                words.append(f"{name.replace('_', ' ')} {value:{digits}}")
        if self._forward[row] >= 2:
            words.append(DIVISION.name)
        return " · ".join(words)

    @cached_property
    def _forward(self) -> np.ndarray:
        return self.annotations.links_forward()

    @cached_property
    def _tracks(self) -> np.ndarray:
        numbers = np.zeros(len(self.annotations), int)
        for number, rows in enumerate(self.annotations.tracks()):
            numbers[rows] = number
        return numbers


def make_layer(
    name: str, annotations: Annotations, spacing_um: Spacing, number: int, mark: Mark | None
) -> Layer:
    """A layer; without a mark it gets that of its number."""
    number %= len(_SHAPES)
    mark = mark or Mark(name, _SHAPES[number], _COLOURS[number])
    return Layer(name, annotations, mark, spacing_um)


def place_problems(problems: Sequence[Problem]) -> dict[str, Annotations]:
    """Problems that have a place, by severity; the property "number" counts them."""
    placed = {}
    for severity in PROBLEM_MARKS:
        found = [
            (problem.position, problem.time_point, problem.message, number)
            for number, problem in enumerate(problems)
            if problem.severity == severity and None not in (problem.position, problem.time_point)
        ]
        if found:
            *places, messages, numbers = zip(*found)
            words = {"message": np.array(messages, object), "number": np.array(numbers, object)}
            placed[severity] = Annotations(*places, properties=words)
    return placed


def find_nearest(
    layers: Iterable[Layer], time_point: int, position: np.ndarray, within_um: float
) -> tuple[Layer, int] | None:
    """Layer and row of the position nearest to a place, (3,) zyx, voxels, if one is near enough."""
    found = []
    for layer in layers:
        rows = layer.annotations.rows_at(time_point)
        away_um = (layer.annotations.positions[rows] - position) * layer.spacing_um
        found += [(away, layer, row) for away, row in zip(np.linalg.norm(away_um, axis=1), rows)]
    away, layer, row = min(found, key=lambda near: near[0], default=(np.inf, None, -1))
    return (layer, int(row)) if away <= within_um else None
