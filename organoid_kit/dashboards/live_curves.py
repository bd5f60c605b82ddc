"""Curves of a training as SVG text: redrawn in milliseconds while a network trains."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from organoid_kit.dashboards.common import INK, PAPER, draw_shape
from organoid_kit.dashboards.panes import format_stroke
from organoid_kit.plots.drawing import COLOURS, LINES, count
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.runs import QUALITIES, find_best

_HEIGHT, _WIDTHS = 250, (430, 330)  # of the two diagrams, with what is around them
_ROOM = {"left": 52, "right": 14, "top": 34, "bottom": 36}
_ROUND = [1, 2, 5, 10]  # scales are numbered in such steps
_STEP_COLOUR = "#b5b5b5"
_MOST_STEPS = 200  # points of the line of single steps; more are averaged
_MOST_MARKS = 40  # epochs beyond which lines have no marks


@dataclass(frozen=True)
class _Line:
    """What is drawn, and how."""

    name: str
    points: np.ndarray  # (n, 2) float: x, y; NaN leaves a gap
    style: Mapping[str, str]


def draw_curves(
    history: Sequence[Mapping[str, Any]],
    losses: Sequence[tuple[float, float]] = (),
    *,
    epochs: int = 1,
    marked: int | None = None,
) -> str:
    """Losses of training and validation, and the quality in validation, as SVG.

    Args:
        history: a row for each finished epoch, see `Run.history`.
        losses: (epochs done, loss) of single steps, drawn faintly.
        epochs: how many are wanted; where that is far away yet, the diagrams end before.
        marked: an epoch that is marked with an upright line.
    """
    best, end = (
        find_best(history),
        _find_end(max([len(history), *(done for done, _ in losses[-1:])]), epochs),
    )
    key = next(
        (key for key in QUALITIES if any(row.get(key) is not None for row in history)),
        "validation_f1",
    )
    training = _Line("training", _select_column(history, "loss"), LINES[0])
    validation = _Line("validation", _select_column(history, "validation_loss"), LINES[1])
    quality = _Line(f"{QUALITIES[key]} in validation", _select_column(history, key), LINES[1])
    steps = _thin_out(losses)
    known = [part[:, 1].max() for part in (steps, training.points, validation.points) if len(part)]
    top = 1.05 * max(known, default=0.95)
    marks = {"marked": marked, "end": end}
    left = _draw_diagram(
        "loss",
        [training, validation],
        top,
        _WIDTHS[0],
        steps=steps,
        best=_at(best, "validation_loss"),
        **marks,
    )
    right = _draw_diagram("score", [quality], 1.02, _WIDTHS[1], best=_at(best, key), **marks)
    words = html.escape(describe_curves(history), quote=True)
    return (
        f'<svg role="img" aria-label="{words}" viewBox="0 0 {sum(_WIDTHS)} {_HEIGHT}" '
        f'style="width:100%;max-width:{sum(_WIDTHS)}px;background:{PAPER}" font-family="sans-serif" font-size="12">'
        f'{left}<g transform="translate({_WIDTHS[0]} 0)">{right}</g></svg>'
    )


def describe_curves(history: Sequence[Mapping[str, Any]]) -> str:
    """What `draw_curves` shows, in words."""
    if not history:
        return "Loss of training and validation: no epoch is finished yet."
    last, best = history[-1], find_best(history)
    return (
        f"Loss of training and validation over {count(len(history), 'epoch')}: training {last['loss']:.3g}, validation "
        f"{last['validation_loss']:.3g} in the last one. Best epoch: {best['epoch'] if best else 'none'}. "
        f"{describe_history(history)}"
    )


def _find_end(done: float, epochs: int) -> float:
    """The last epoch on the scale: all that are wanted, or 10, 20, 40, … where most of the scale
    would be empty.
    """
    end = 10
    while end < 1.25 * done:
        end *= 2
    return max(1, done, min(end, epochs))


def _select_column(history: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """Epochs and values, (n, 2) float; what was not measured is NaN."""
    points = [(row["epoch"], np.nan if row.get(key) is None else row[key]) for row in history]
    return np.array(points, float).reshape(-1, 2)


def _at(row: Mapping[str, Any] | None, key: str) -> tuple[float, float] | None:
    return None if row is None or row.get(key) is None else (row["epoch"], row[key])


def _thin_out(points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Means of successive points, few enough to be drawn quickly, (n, 2) float."""
    every = -(-len(points) // _MOST_STEPS) or 1
    parts = [
        np.mean(points[start : start + every], axis=0) for start in range(0, len(points), every)
    ]
    return np.array(parts, float).reshape(-1, 2)


@dataclass(frozen=True)
class _Axes:
    """From values to places in the SVG."""

    width: int
    end: float
    top: float

    def x(self, value: float) -> float:
        left, right = _ROOM["left"], self.width - _ROOM["right"]
        return round(left + (right - left) * value / self.end, 1)

    def y(self, value: float) -> float:
        top, bottom = _ROOM["top"], _HEIGHT - _ROOM["bottom"]
        return round(bottom - (bottom - top) * value / self.top, 1)


def _draw_diagram(
    label, lines: Sequence[_Line], top: float, width: int, *, end, best, marked, steps=()
) -> str:
    """Axes, lines, the best epoch and the marked one."""
    axes = _Axes(width, end, top)
    parts = [_draw_grid(axes, label)]
    if marked is not None:
        parts.append(_draw_upright(axes, marked))
    if len(steps):
        parts.append(_draw_path(axes, steps, {"color": _STEP_COLOUR, "linestyle": "-"}, 1))
    for line in lines:
        parts.append(_draw_path(axes, line.points, line.style, 2))
        if len(line.points) <= _MOST_MARKS:
            parts += [
                draw_shape(
                    line.style["marker"],
                    axes.x(x),
                    axes.y(y),
                    3.2,
                    line.style["color"],
                    line.style["color"],
                )
                for x, y in line.points
                if np.isfinite(y)
            ]
    if best:
        parts.append(draw_shape("*", axes.x(best[0]), axes.y(best[1]), 8, COLOURS["black"], PAPER))
    return "".join([*parts, _draw_key(lines, len(steps) > 0, best is not None)])


def _draw_grid(axes: _Axes, label: str) -> str:
    """Scales with numbers, and faint lines."""
    bottom, left = _HEIGHT - _ROOM["bottom"], _ROOM["left"]
    parts = []
    for value in MaxNLocator(5, integer=True, steps=_ROUND).tick_values(0, axes.end):
        if 0 <= value <= axes.end:
            parts.append(
                f'<text x="{axes.x(value)}" y="{bottom + 16}" text-anchor="middle" fill="{INK}">{value:g}</text>'
            )
    for value in MaxNLocator(5, steps=_ROUND).tick_values(0, axes.top):
        if 0 <= value <= axes.top:
            y = axes.y(value)
            parts.append(f'<path d="M{left} {y}H{axes.width - _ROOM["right"]}" stroke="#e3e3e3"/>')
            parts.append(
                f'<text x="{left - 6}" y="{y + 4}" text-anchor="end" fill="{INK}">{value:.3g}</text>'
            )
    middle = (left + axes.width - _ROOM["right"]) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 5}" text-anchor="middle" fill="{INK}">epoch</text>'
    )
    turned = (
        f'transform="translate(12 {(bottom + _ROOM["top"]) / 2}) rotate(-90)" text-anchor="middle"'
    )
    return "".join([*parts, f'<text {turned} fill="{INK}">{label}</text>'])


def _draw_upright(axes: _Axes, epoch: int) -> str:
    """A line at an epoch, with its number on top."""
    x, top = axes.x(epoch), _ROOM["top"]
    return f'<path d="M{x} {top}V{_HEIGHT - _ROOM["bottom"]}" stroke="{INK}" stroke-width="1.5" stroke-dasharray="2 2"/>'


def _draw_path(axes: _Axes, points: np.ndarray, style: Mapping[str, str], thickness: float) -> str:
    """A line through the points, broken where one is not a number."""
    runs = "".join(
        f"{'M' if number == 0 or not np.isfinite(points[number - 1, 1]) else 'L'}{axes.x(x)} {axes.y(y)}"
        for number, (x, y) in enumerate(points)
        if np.isfinite(y)
    )
    return f'<path d="{runs}" fill="none" {format_stroke(style, thickness)}/>' if runs else ""


def _draw_key(lines: Sequence[_Line], has_steps: bool, has_best: bool) -> str:
    """What is what, above the diagram."""
    parts, x = [], _ROOM["left"]
    entries = [(line.name, line.style, line.style["marker"]) for line in lines]
    if has_steps:
        entries.append(("single steps", {"color": _STEP_COLOUR, "linestyle": "-"}, ""))
    if has_best:
        entries.append(("best epoch", None, "*"))
    for name, style, shape in entries:
        if style:
            parts.append(f'<path d="M{x} 16h22" {format_stroke(style)}/>')
        if shape:
            colour, size, fill = (
                (style["color"], 3.5, style["color"]) if style else (COLOURS["black"], 7, PAPER)
            )
            parts.append(draw_shape(shape, x + 11, 16, size, colour, fill))
        parts.append(f'<text x="{x + 27}" y="20" fill="{INK}">{html.escape(name)}</text>')
        x += 40 + 6.4 * len(name)
    return "".join(parts)
