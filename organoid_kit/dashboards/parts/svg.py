"""Pictures as SVG text, redrawn in milliseconds: panes with marks side by side, and diagrams."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import imagecodecs
import matplotlib
import numpy as np
from matplotlib.ticker import MaxNLocator

from organoid_kit.dashboards.parts.common import INK, PAPER, draw_shape, jpeg, render
from organoid_kit.plots.drawing import COLOURS, HEAT_COLOURS, Mark, choose_bar_um

_GAP, _LINE, _LETTER = 10, 16, 6.4  # pixels between panes, of a line of text, and of a letter
_RADIUS = 5.5  # of a mark, in pixels
_SMALLEST = 0.84  # of its size: the smallest letters of 11 pixels have 9 then
_FRAME = 'x="{0}" y="{1}" width="{2}" height="{3}" viewBox="{0} {1} {2} {3}"'
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 36  # pixels around the lines of a diagram
Range = tuple[float, float]  # lowest and highest value of an axis
Style = Mapping[str, Any]  # of a line or mark, see `Diagram`
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
    spacing_um: Sequence[float]  # height and width of a pixel
    points: tuple[Points, ...] = ()
    arrow_um: np.ndarray | None = None  # (2, 2) float, its ends, yx, µm from the upper left corner
    note: str = ""  # below it
    bar: bool = False  # whether there is a scale bar
    share: tuple[float, str] | None = None  # a bar below it: its length from 0 to 1, and its colour

    @property
    def size_um(self) -> np.ndarray:
        """Height and width."""
        return np.multiply(self.pixels.shape[:2], self.spacing_um)


def draw_panes(
    rows: Sequence[Sequence[Pane]], words: str, side: int = 150, heading: str = ""
) -> str:
    """Rows of panes as HTML; columns without room go below. The longest side has `side` pixels."""
    if not any(rows):
        return ""
    scale = side / max(pane.size_um.max() for row in rows for pane in row)
    tops, height, drawn = [], 0.0, []
    for row in rows:
        tops.append(height + _LINE * max(len(pane.title.splitlines()) for pane in row))
        height = tops[-1] + max(pane.size_um[0] for pane in row) * scale + _GAP
        height += _LINE * (any(pane.note for pane in row) + any(pane.share for pane in row))
    for column in zip_longest(*rows):
        shown = [{"top": top, **_draw_pane(pane, scale)} for top, pane in zip(tops, column) if pane]
        lines = [_LETTER * len(line) for each in shown for line in each["title"].splitlines()]
        width = max(60, *lines, *(each["width"] for each in shown)) + _GAP
        drawn.append(wrap_svg(render("panes.svg", panes=shown), width, height, ""))
    return render("columns.html", columns=drawn, words=words, heading=heading)


def colour_heat(values: np.ndarray) -> np.ndarray:
    """Probabilities from 0 to 1 as colours, (y, x, 3) uint8."""
    return matplotlib.colormaps[HEAT_COLOURS](np.asarray(values, float), bytes=True)[..., :3]


def wrap_svg(content: str, width: float, height: float, words: str) -> str:
    """SVG with words for those who cannot see it; it shrinks as long as it can be read."""
    least = _SMALLEST * (width + 12)
    style = f"width:100%;max-width:{width + 12:.0f}px;min-width:{least:.0f}px;background:{PAPER}"
    return (
        f'<svg role="img" aria-label="{html.escape(words, quote=True)}" '
        f'viewBox="-6 -4 {width + 12:.0f} {height + 8:.0f}" style="{style}" '
        f'font-family="sans-serif" font-size="12">{content}</svg>'
    )


def _draw_pane(pane: Pane, scale: float) -> dict[str, Any]:
    height, width = (pane.size_um * scale).tolist()
    bar_um, arrow_um = choose_bar_um(pane.size_um[1]), pane.arrow_um
    return {
        **{"title": pane.title, "note": pane.note, "width": width, "height": height},
        "image": _draw_image(pane.pixels, width, height),
        "points": "".join(_draw_points(points, scale) for points in pane.points),
        "arrow": None if arrow_um is None else _arrange_arrow(np.multiply(arrow_um, scale)),
        "bar": (bar_um, bar_um * scale) if pane.bar else None,
        "share": pane.share,
    }


def _draw_image(pixels: np.ndarray, width: float, height: float) -> str:
    """Few pixels as they are, not smoothed; many as JPEG."""
    kind, rendering, file = "jpeg", "auto", b""
    if pixels.shape[0] * pixels.shape[1] <= 25_000:
        kind, rendering = "png", "pixelated"
        file = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))
    file = base64.b64encode(file or jpeg(pixels)).decode()
    size = f'width="{width:.1f}" height="{height:.1f}" preserveAspectRatio="none"'
    href = f"data:image/{kind};base64,{file}"
    return f'<image {size} style="image-rendering:{rendering}" href="{href}"/>'


def _draw_points(points: Points, scale: float) -> str:
    places = np.asarray(points.places_um, float).reshape(-1, 2) * scale
    near = np.ones(len(places), bool) if points.near is None else points.near
    shape, colour, drawn = points.mark.shape, COLOURS[points.mark.colour], []
    for (y, x), is_near in zip(places, near):
        drawn.append(draw_shape(shape, x, y, _RADIUS if is_near else 0.6 * _RADIUS, colour))
        drawn[-1] = drawn[-1] if is_near else f'<g opacity="0.55">{drawn[-1]}</g>'
    return "".join(drawn)


def _arrange_arrow(ends: np.ndarray) -> dict[str, Any]:
    """A ring where it begins, and a line with a head; the ring alone if it leads nowhere."""
    colour = COLOURS["orange"]
    start, stop = ends[:, 1] + 1j * ends[:, 0]
    ring, length = draw_shape("o", start.real, start.imag, 4, colour), abs(stop - start)
    if length < 8:  # pixels; it would be all head
        return {"ring": ring, "line": ""}
    along, size = (stop - start) / length, min(8, length / 2)  # of the head
    back = stop - size * along
    line = (start + 4 * along, back)
    head = (stop, back + 0.5j * size * along, back - 0.5j * size * along)
    line, head = (" ".join(f"{at.real:.1f},{at.imag:.1f}" for at in path) for path in (line, head))
    return {"ring": ring, "line": line, "head": head, "colour": colour}


class Diagram:
    """Draws values of x from one to the other of `across`, and of y of `up`, with a key above.

    `size`: width and height in pixels; `labels`: of x and y; `ticks`: along x, as of `MaxNLocator`.
    A style has "color", "linestyle" and "marker" as matplotlib names them, such as one of `LINES`,
    and may have "linewidth" (2) and, for marks not filled with its colour, "fill". What has a name
    stands in the key.
    """

    def __init__(
        self, size: tuple[int, int], across: Range, up: Range, labels: tuple[str, str], **ticks: Any
    ) -> None:
        (self.width, self.height), self.across, self.up = size, across, up
        self._bottom, middle = self.height - BOTTOM, (LEFT + self.width - RIGHT) / 2
        self._parts, self._key_end = [_write(labels[0], middle, self.height - 5)], LEFT
        for value in _choose_ticks(across, **ticks):
            self._parts.append(_write(f"{value:g}", self.x(value), self._bottom + 16))
        for value in _choose_ticks(up):
            y = self.y(value)
            self._parts.append(f'<path d="M{LEFT} {y}H{self.width - RIGHT}" stroke="#e3e3e3"/>')
            self._parts.append(_write(f"{value:.3g}", LEFT - 6, y + 4, "end"))
        turned = f'transform="translate(12 {(self._bottom + TOP) / 2}) rotate(-90)"'
        self._parts.append(f"<g {turned}>{_write(labels[1], 0, 0)}</g>")

    def x(self, value: float) -> float:
        """Where a value lies."""
        low, high = self.across
        return round(LEFT + (self.width - RIGHT - LEFT) * (value - low) / (high - low), 1)

    def y(self, value: float) -> float:
        """Likewise, downward."""
        low, high = self.up
        return round(self._bottom - (self._bottom - TOP) * (value - low) / (high - low), 1)

    def draw(self) -> str:
        """All that was added, as SVG."""
        return "".join(self._parts)

    def add_upright(self, value: float, dashes: str = "") -> None:
        """A line at a value of x."""
        path = f'd="M{self.x(value)} {TOP}V{self._bottom}" stroke-dasharray="{dashes}"'
        self._parts.append(f'<path {path} stroke="{INK}" stroke-width="1.5"/>')

    def add_flag(self, value: float, word: str, lower: int = 0) -> None:
        """A flag at a value of x, with a word on it, so many pixels lower than usual."""
        x = self.x(value)
        path = f'd="M{x} {self._bottom}V{TOP - 4}l14 5l-14 5" stroke="{INK}" fill="none"'
        halo = f'fill="{INK}" stroke="#fff" stroke-width="4" paint-order="stroke"'
        word = f'<text x="{x + 4}" y="{TOP + 20 + lower}" font-size="11" {halo}>{word}</text>'
        self._parts.append(f"<path {path}/>{word}")

    def add_line(self, points: np.ndarray, style: Style, name: str, every: int = 1) -> None:
        """A line through points, (n, 2) float: x, y; a mark on every so many. NaN leaves a gap, and
        what lies outside is cut off.
        """
        path, pen = "", "M"
        for x, y in points:
            path += f"{pen}{self.x(x)} {self.y(y)}" if np.isfinite(y) else ""
            pen = "L" if np.isfinite(y) else "M"
        if path:
            line = f'<path d="{path}" fill="none" {_format_stroke(style)}/>'
            box = (LEFT - 3, TOP - 3, self.width - RIGHT - LEFT + 6, self._bottom - TOP + 6)
            self._parts.append(f"<svg {_FRAME.format(*box)}>{line}</svg>")
        for x, y in points[every // 2 :: every]:
            if style["marker"] and self.across[0] <= x <= self.across[1] and y >= self.up[0]:
                self._parts.append(_draw_mark(self.x(x), self.y(y), style, 3.2))
        self._add_to_key(name, style)

    def add_point(self, x: float, y: float, style: Style, size: float, name: str = "") -> None:
        """The mark of a style."""
        self._parts.append(_draw_mark(self.x(x), self.y(y), style, size))
        self._add_to_key(name, style)

    def _add_to_key(self, name: str, style: Style) -> None:
        x = self._key_end
        if name and style["linestyle"]:
            self._parts.append(f'<path d="M{x} 16h22" {_format_stroke(style)}/>')
        if name and style["marker"]:
            self._parts.append(_draw_mark(x + 11, 16, style, 4 if style["linestyle"] else 7))
        if name:
            self._parts.append(_write(name, x + 27, 20, "start"))
            self._key_end += 40 + _LETTER * len(name)


def _format_stroke(style: Style) -> str:
    dashes = _DASHES[style["linestyle"]]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="{style["color"]}" stroke-width="{style.get("linewidth", 2)}"{dashed}'


def _choose_ticks(ends: Range, **options: Any) -> list[float]:
    values = MaxNLocator(5, steps=[1, 2, 5, 10], **options).tick_values(*ends)
    return [value for value in values if ends[0] - 1e-9 <= value <= ends[1] + 1e-9]


def _draw_mark(x: float, y: float, style: Style, size: float) -> str:
    colour = style["color"]
    return draw_shape(style["marker"], x, y, size, colour, style.get("fill", colour))


def _write(text: str, x: float, y: float, anchor: str = "middle") -> str:
    text = html.escape(text)
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{INK}">{text}</text>'
