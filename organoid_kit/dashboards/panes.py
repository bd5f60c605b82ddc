"""Small pictures side by side with marks on them, as SVG text for an `HTML` widget: redrawn in
milliseconds.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import imagecodecs
import matplotlib
import numpy as np

from organoid_kit.dashboards.common import INK, PAPER, draw_shape, jpeg
from organoid_kit.plots.drawing import COLOURS, HEAT_COLOURS, Mark, choose_bar_um

_GAP, _LINE = 10, 16  # pixels between panes, and of a line of text
_SMALL = 25_000  # pixels up to which a picture is sent as it is; a larger one as JPEG
_RADIUS = 5.5  # of a mark, in pixels
_DASHES = {"-": "", "--": "6 4", "-.": "8 3 2 3", ":": "2 3"}  # of matplotlib's line styles
_SHORTEST_ARROW = 8  # pixels; one that is shorter would be all head


@dataclass(frozen=True, eq=False)
class Points:
    """Places of one kind on a pane.

    Attributes:
        mark: how they look.
        places_um: (n, 2) float, yx, µm from the upper left corner.
        near: (n,) bool, those in the plane that is shown; the others are drawn faintly. None: all.
    """

    mark: Mark
    places_um: np.ndarray
    near: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Pane:
    """A picture with what lies on it.

    Attributes:
        title: above it; may have several lines.
        pixels: (y, x) or (y, x, 3) uint8.
        size_um: height and width.
        points: drawn on top.
        arrow_um: (2, 2) float, where it begins and ends, yx, µm from the upper left corner; or
            None.
        note: below it.
        bar: whether to draw a scale bar.
    """

    title: str
    pixels: np.ndarray
    size_um: tuple[float, float]
    points: tuple[Points, ...] = ()
    arrow_um: np.ndarray | None = None
    note: str = ""
    bar: bool = False


def draw_panes(rows: Sequence[Sequence[Pane]], words: str, side: int = 150) -> str:
    """Rows of panes as SVG; the longer side of the largest has `side` pixels, and all have one
    scale.
    """
    if not any(rows):
        return ""
    panes = [pane for row in rows for pane in row]
    scale = side / max(max(pane.size_um) for pane in panes)
    drawn, top, width = [], 0.0, 0.0
    for row in rows:
        lines = max(pane.title.count("\n") + bool(pane.title) for pane in row)
        tall = max(pane.size_um[0] for pane in row) * scale
        left, top = 0.0, top + lines * _LINE
        for pane in row:
            drawn.append(
                f'<g transform="translate({left:.1f} {top:.1f})">{_draw_pane(pane, scale)}</g>'
            )
            left += max(pane.size_um[1] * scale, 60) + _GAP
        top += tall + (_LINE if any(pane.note for pane in row) else 0) + _GAP
        width = max(width, left)
    return wrap_svg("".join(drawn), width, top, words)


def colour_heat(values: np.ndarray) -> np.ndarray:
    """Probabilities from 0 to 1 as colours, (y, x, 3) uint8."""
    return matplotlib.colormaps[HEAT_COLOURS](np.asarray(values, float), bytes=True)[..., :3]


def draw_image(pixels: np.ndarray, width: float, height: float) -> str:
    """A picture as SVG: few pixels as they are, not smoothed; many as JPEG."""
    small = pixels.shape[0] * pixels.shape[1] <= _SMALL
    file = (
        bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))
        if small
        else jpeg(pixels)
    )
    return (
        f'<image width="{width:.1f}" height="{height:.1f}" preserveAspectRatio="none" '
        f'style="image-rendering:{"pixelated" if small else "auto"}" '
        f'href="data:image/{"png" if small else "jpeg"};base64,{base64.b64encode(file).decode()}"/>'
    )


def draw_bar(width_um: float, width: float, height: float) -> str:
    """A scale bar in the lower right corner of a picture of so many pixels."""
    length = choose_bar_um(width_um)
    long = width * length / width_um
    x, y, ground = width - max(long, 34) - 8, height - 8, max(long, 34) + 8
    return (
        f'<rect x="{x - 2:.0f}" y="{y - 17:.0f}" width="{ground:.0f}" height="23" fill="#000" fill-opacity="0.6"/>'
        f'<path d="M{width - 8 - long:.1f} {y}h{long:.1f}" stroke="#fff" stroke-width="3"/>'
        f'<text x="{x + ground / 2 - 2:.1f}" y="{y - 4}" text-anchor="middle" font-size="11" fill="#fff">'
        f"{length} µm</text>"
    )


def format_stroke(style: Mapping[str, str], thickness: float = 2) -> str:
    """Colour, thickness and dashes of a line, as SVG attributes.

    Args:
        style: "color" and "linestyle" as matplotlib names them, such as one of `LINES`.
        thickness: in pixels.
    """
    dashes = _DASHES[style["linestyle"]]
    return f'stroke="{style["color"]}" stroke-width="{thickness}"' + (
        f' stroke-dasharray="{dashes}"' if dashes else ""
    )


def wrap_svg(content: str, width: float, height: float, words: str, extra: str = "") -> str:
    """SVG text with words for those who cannot see it; it shrinks where there is little room."""
    label = html.escape(words, quote=True)
    return (
        f'<svg role="img" aria-label="{label}" viewBox="-6 -4 {width + 12:.0f} {height + 8:.0f}" {extra} '
        f'style="width:100%;max-width:{width + 12:.0f}px;background:{PAPER}" font-family="sans-serif" font-size="12">'
        f"{content}</svg>"
    )


def _draw_pane(pane: Pane, scale: float) -> str:
    """Title, picture, marks, arrow, bar and note; the picture's upper left corner is at 0, 0."""
    height, width = (length * scale for length in pane.size_um)
    lines = pane.title.split("\n") if pane.title else []
    parts = [
        f'<text y="{-5 - _LINE * (len(lines) - 1 - number)}" fill="{INK}">{html.escape(line)}</text>'
        for number, line in enumerate(lines)
    ]
    parts.append(draw_image(pane.pixels, width, height))
    inside = [_draw_points(points, scale) for points in pane.points]
    if pane.arrow_um is not None:
        inside.append(_draw_arrow(np.asarray(pane.arrow_um) * scale))
    parts.append(
        f'<svg width="{width:.1f}" height="{height:.1f}" overflow="hidden">{"".join(inside)}</svg>'
    )
    if pane.bar:
        parts.append(draw_bar(pane.size_um[1], width, height))
    if pane.note:
        parts.append(
            f'<text y="{height + 13:.0f}" font-size="11" fill="{INK}">{html.escape(pane.note)}</text>'
        )
    return "".join(parts)


def _draw_points(points: Points, scale: float) -> str:
    """All marks of one kind; those of other planes small and faint."""
    near = np.ones(len(points.places_um), bool) if points.near is None else points.near
    colour = COLOURS[points.mark.colour]
    drawn = []
    for (y, x), is_near in zip(np.asarray(points.places_um, float).reshape(-1, 2) * scale, near):
        shape = draw_shape(points.mark.shape, x, y, _RADIUS if is_near else 0.6 * _RADIUS, colour)
        drawn.append(shape if is_near else f'<g opacity="0.55">{shape}</g>')
    return "".join(drawn)


def _draw_arrow(ends: np.ndarray) -> str:
    """A ring where it begins, and a line with a head; the ring alone where there is hardly a way to
    go.
    """
    (y, x), (to_y, to_x) = ends
    colour = COLOURS["orange"]
    way = np.array([to_x - x, to_y - y])
    length = float(np.hypot(*way))
    ring = draw_shape("o", x, y, 4, colour)
    if length < _SHORTEST_ARROW:
        return ring
    along = way / length
    size = min(8.0, length / 2)
    side, back = size / 2 * np.array([-along[1], along[0]]), np.array([to_x, to_y]) - size * along
    head = " ".join(f"{a:.1f},{b:.1f}" for a, b in ((to_x, to_y), back + side, back - side))
    line = f"M{x + 4 * along[0]:.1f} {y + 4 * along[1]:.1f}L{back[0]:.1f} {back[1]:.1f}"
    return (
        f'{ring}<path d="{line}" stroke="#000" stroke-opacity="0.6" stroke-width="4"/>'
        f'<path d="{line}" stroke="{colour}" stroke-width="2"/>'
        f'<polygon points="{head}" fill="{colour}" stroke="#000" stroke-opacity="0.6"/>'
    )
