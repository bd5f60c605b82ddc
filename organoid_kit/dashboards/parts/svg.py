"""Pictures as SVG text, redrawn in milliseconds: panes with marks side by side, and diagrams."""

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import imagecodecs
import matplotlib
import numpy as np
from matplotlib.ticker import MaxNLocator

from organoid_kit.dashboards.parts.common import INK, PAPER, draw_shape, jpeg, render
from organoid_kit.plots.drawing import COLOURS, HEAT_COLOURS, Mark, choose_bar_um

_GAP, _LINE = 10, 16  # pixels between panes, and of a line of text
_RADIUS = 5.5  # of a mark, in pixels
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 36  # pixels around the lines of a diagram
_DASHES = {"-": "", "--": "6 4", "-.": "8 3 2 3", ":": "2 3"}  # of matplotlib's line styles


@dataclass(frozen=True, eq=False)
class Points:
    """Places of one kind on a pane; those that are not in the plane that is shown are faint."""

    mark: Mark
    places_um: np.ndarray  # (n, 2) float, yx, µm from the upper left corner
    near: np.ndarray | None = None  # (n,) bool, those in the plane that is shown; None: all


@dataclass(frozen=True, eq=False)
class Pane:
    """A picture with what lies on it."""

    title: str  # above it; may have several lines
    pixels: np.ndarray  # (y, x) or (y, x, 3) uint8
    size_um: tuple[float, float]  # height and width
    points: tuple[Points, ...] = ()
    arrow_um: np.ndarray | None = None  # (2, 2) float, its ends, yx, µm from the upper left corner
    note: str = ""  # below it
    bar: bool = False  # whether there is a scale bar


def draw_panes(rows: Sequence[Sequence[Pane]], words: str, side: int = 150) -> str:
    """Rows of panes as SVG, all at one scale; the longest side has `side` pixels."""
    if not any(rows):
        return ""
    scale = side / max(max(pane.size_um) for row in rows for pane in row)
    drawn, top, width = [], 0.0, 0.0
    for row in rows:
        left = 0.0
        top += _LINE * max(pane.title.count("\n") + bool(pane.title) for pane in row)
        for pane in row:
            drawn.append({"left": left, "top": top, **_draw_pane(pane, scale)})
            left += max(pane.size_um[1] * scale, 60) + _GAP
        top += max(pane.size_um[0] for pane in row) * scale + _GAP
        top += _LINE * any(pane.note for pane in row)
        width = max(width, left)
    return wrap_svg(render("panes.svg", panes=drawn), width, top, words)


def colour_heat(values: np.ndarray) -> np.ndarray:
    """Probabilities from 0 to 1 as colours, (y, x, 3) uint8."""
    return matplotlib.colormaps[HEAT_COLOURS](np.asarray(values, float), bytes=True)[..., :3]


def draw_image(pixels: np.ndarray, width: float, height: float) -> str:
    """A picture as SVG: few pixels as they are, not smoothed; many as JPEG."""
    kind, rendering, file = "jpeg", "auto", b""
    if pixels.shape[0] * pixels.shape[1] <= 25_000:
        kind, rendering = "png", "pixelated"
        file = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))
    file = base64.b64encode(file or jpeg(pixels)).decode()
    size = f'width="{width:.1f}" height="{height:.1f}" preserveAspectRatio="none"'
    href = f"data:image/{kind};base64,{file}"
    return f'<image {size} style="image-rendering:{rendering}" href="{href}"/>'


def draw_bar(width_um: float, width: float, height: float) -> str:
    """A scale bar in the lower right corner of a picture of so many pixels."""
    length = choose_bar_um(width_um)
    long = width * length / width_um
    ground = max(long, 34) + 8  # room for the text
    x, y = width - ground, height - 8
    return (
        f'<rect x="{x - 2:.0f}" y="{y - 17:.0f}" width="{ground:.0f}" height="23" fill="#000" '
        f'fill-opacity="0.6"/><path d="M{width - 8 - long:.1f} {y}h{long:.1f}" stroke="#fff" '
        f'stroke-width="3"/><text x="{x + ground / 2 - 2:.1f}" y="{y - 4}" text-anchor="middle" '
        f'font-size="11" fill="#fff">{length} µm</text>'
    )


def format_stroke(style: Mapping[str, str], thickness: float = 2) -> str:
    """Colour and dashes of a style such as one of `LINES`, and pixels, as SVG attributes."""
    dashes = _DASHES[style["linestyle"]]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="{style["color"]}" stroke-width="{thickness}"{dashed}'


def wrap_svg(content: str, width: float, height: float, words: str) -> str:
    """SVG with words for those who cannot see it; it shrinks where there is little room."""
    style = f"width:100%;max-width:{width + 12:.0f}px;background:{PAPER}"
    return (
        f'<svg role="img" aria-label="{html.escape(words, quote=True)}" '
        f'viewBox="-6 -4 {width + 12:.0f} {height + 8:.0f}" style="{style}" '
        f'font-family="sans-serif" font-size="12">{content}</svg>'
    )


def _draw_pane(pane: Pane, scale: float) -> dict[str, Any]:
    height, width = (length * scale for length in pane.size_um)
    marks = [_draw_points(points, scale) for points in pane.points]
    if pane.arrow_um is not None:
        marks.append(_draw_arrow(np.asarray(pane.arrow_um) * scale))
    return {
        **{"title": pane.title, "note": pane.note, "width": width, "height": height},
        "image": draw_image(pane.pixels, width, height),
        "marks": "".join(marks),
        "bar": draw_bar(pane.size_um[1], width, height) if pane.bar else "",
    }


def _draw_points(points: Points, scale: float) -> str:
    """All marks of one kind; those of other planes small and faint."""
    places = np.asarray(points.places_um, float).reshape(-1, 2) * scale
    near = np.ones(len(places), bool) if points.near is None else points.near
    shape, colour, drawn = points.mark.shape, COLOURS[points.mark.colour], []
    for (y, x), is_near in zip(places, near):
        drawn.append(draw_shape(shape, x, y, _RADIUS if is_near else 0.6 * _RADIUS, colour))
        drawn[-1] = drawn[-1] if is_near else f'<g opacity="0.55">{drawn[-1]}</g>'
    return "".join(drawn)


def _draw_arrow(ends: np.ndarray) -> str:
    """A ring where it begins, and a line with a head; the ring alone if it leads nowhere."""
    colour = COLOURS["orange"]
    start, stop = ends[:, 1] + 1j * ends[:, 0]
    ring = draw_shape("o", start.real, start.imag, 4, colour)
    length = abs(stop - start)
    if length < 8:  # pixels; it would be all head
        return ring
    along = (stop - start) / length
    size = min(8, length / 2)  # of the head
    back, begin = stop - size * along, start + 4 * along
    head = (stop, back + 0.5j * size * along, back - 0.5j * size * along)
    corners = " ".join(f"{corner.real:.1f},{corner.imag:.1f}" for corner in head)
    line = f"M{begin.real:.1f} {begin.imag:.1f}L{back.real:.1f} {back.imag:.1f}"
    dark = 'stroke="#000" stroke-opacity="0.6"'
    return (
        f'{ring}<path d="{line}" {dark} stroke-width="4"/>'
        f'<path d="{line}" stroke="{colour}" stroke-width="2"/>'
        f'<polygon points="{corners}" fill="{colour}" {dark}/>'
    )


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
