"""Lines over a scale that begins at 0, as SVG text: redrawn in milliseconds."""

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from organoid_kit.dashboards.parts.common import INK, draw_shape
from organoid_kit.dashboards.parts.panes import format_stroke

LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 36  # pixels around the lines


@dataclass(frozen=True)
class Diagram:
    """Draws values from 0 to `end` (x) and from 0 to `top` (y) into so many pixels.

    A style has "color", "linestyle" and "marker" as matplotlib names them, such as one of `LINES`.
    """

    width: int
    height: int
    end: float
    top: float

    def x(self, value: float) -> float:
        """Where a value lies."""
        return round(LEFT + (self.width - RIGHT - LEFT) * value / self.end, 1)

    def y(self, value: float) -> float:
        """Likewise, downward."""
        bottom = self.height - BOTTOM
        return round(bottom - (bottom - TOP) * value / self.top, 1)

    def draw_scales(self, x_label: str, y_label: str = "", *, counts: bool = False) -> str:
        """Numbers and faint lines; whole numbers along x where it counts something."""
        bottom, parts = self.height - BOTTOM, []
        for value in _choose_ticks(self.end, integer=counts):
            parts.append(_write(f"{value:g}", self.x(value), bottom + 16))
        for value in _choose_ticks(self.top):
            y = self.y(value)
            parts.append(f'<path d="M{LEFT} {y}H{self.width - RIGHT}" stroke="#e3e3e3"/>')
            parts.append(_write(f"{value:.3g}", LEFT - 6, y + 4, "end"))
        parts.append(_write(x_label, (LEFT + self.width - RIGHT) / 2, self.height - 5))
        turned = f'<g transform="translate(12 {(bottom + TOP) / 2}) rotate(-90)">'
        return "".join([*parts, turned, _write(y_label, 0, 0), "</g>"])

    def draw_upright(self, value: float, dashes: str = "") -> str:
        """A line at a value of x."""
        path = f'<path d="M{self.x(value)} {TOP}V{self.height - BOTTOM}"'
        return f'{path} stroke="{INK}" stroke-width="1.5" stroke-dasharray="{dashes}"/>'

    def draw_flag(self, value: float, word: str) -> str:
        """A flag at a value of x, with a word on it."""
        x, bottom = self.x(value), self.height - BOTTOM
        path = f"M{x} {bottom}V{TOP - 4}l14 5l-14 5"
        halo = f'fill="{INK}" stroke="#fff" stroke-width="4" paint-order="stroke"'
        word = f'<text x="{x + 4}" y="{TOP + 20}" font-size="11" {halo}>{word}</text>'
        return f'<path d="{path}" stroke="{INK}" fill="none"/>{word}'

    def draw_line(
        self, points: np.ndarray, style: Mapping[str, Any], every: int = 1, thickness: float = 2
    ) -> str:
        """A line through points, (n, 2) float: x, y; a mark on every so many. NaN leaves a gap."""
        path, marks, pen = "", [], "M"
        for number, (x, y) in enumerate(points):
            if not np.isfinite(y):
                pen = "M"
                continue
            path += f"{pen}{self.x(x)} {self.y(y)}"
            pen = "L"
            if style["marker"] and number % every == every // 2:
                marks.append(self.draw_point(x, y, style, 3.2))
        stroke = format_stroke(style, thickness)
        return f'<path d="{path}" fill="none" {stroke}/>{"".join(marks)}' if path else ""

    def draw_point(self, x: float, y: float, style: Mapping[str, Any], size: float) -> str:
        """The mark of a style."""
        return _draw_mark(self.x(x), self.y(y), style, size)


def _choose_ticks(end: float, **options: Any) -> list[float]:
    values = MaxNLocator(5, steps=[1, 2, 5, 10], **options).tick_values(0, end)
    return [value for value in values if 0 <= value <= end + 1e-9]


def draw_key(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """Names with the line and mark of each, above a diagram; a mark may have a "fill"."""
    parts, x = [], LEFT
    for name, style in entries:
        if style["linestyle"]:
            parts.append(f'<path d="M{x} 16h22" {format_stroke(style)}/>')
        if style["marker"]:
            parts.append(_draw_mark(x + 11, 16, style, 4 if style["linestyle"] else 7))
        parts.append(_write(name, x + 27, 20, "start"))
        x += 40 + 6.4 * len(name)
    return "".join(parts)


def _draw_mark(x: float, y: float, style: Mapping[str, Any], size: float) -> str:
    colour = style["color"]
    return draw_shape(style["marker"], x, y, size, colour, style.get("fill", colour))


def _write(text: str, x: float, y: float, anchor: str = "middle") -> str:
    text = html.escape(text)
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{INK}">{text}</text>'
