"""How much is annotated, and where: numbers, and a map of the annotated cuboid. Widgets play no
part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from organoid_kit.dashboards.common import INK
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.checks import summarise_annotations
from organoid_kit.evaluation.checks.summary import (
    MOVIES_OF_ORGANOIDTRACKER,
    POSITIONS_OF_ORGANOIDTRACKER,
)
from organoid_kit.plots.drawing import COLOURS, count

_WIDTH = 310
_MAP, _STRIP, _GAP = (
    120.0,
    28.0,
    20.0,
)  # pixels: longest side of the map, height of the strip, room for captions
_MOST_DOTS = 400
_FRAME, _CUBOID, _DOT = "#6b6b6b", COLOURS["blue"], INK


@dataclass(frozen=True)
class _View:
    """A view of the movie on the map: which axis goes down, which to the right, and where it
    begins.
    """

    down: int
    right: int
    left: float
    name: str


def describe_coverage(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    """How much is annotated and where the cuboid lies, in words."""
    return (
        f"{_describe_amount(movie, annotations)} {_describe_cuboid(movie, annotations, time_point)}"
    )


def draw_coverage(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    """The same with a map and a strip of time points, as HTML.

    Args:
        movie: for its size and time points.
        annotations: of it.
        time_point: whose cuboid is drawn.
    """
    cuboid = _describe_cuboid(movie, annotations, time_point)
    part = min(len(annotations) / POSITIONS_OF_ORGANOIDTRACKER, 1)
    bar = (
        f'<div style="border:1px solid {_FRAME};height:10px;max-width:300px" role="img" '
        f'aria-label="{part:.1%} of {POSITIONS_OF_ORGANOIDTRACKER:,} positions">'
        f'<div style="background:{_CUBOID};height:10px;width:{100 * part:.1f}%"></div></div>'
    )
    return (
        f'<div style="line-height:1.4"><div>{_describe_amount(movie, annotations)}</div>{bar}'
        f"{_draw_map(movie, annotations, time_point, cuboid)}<div>{cuboid}</div></div>"
    )


def _describe_amount(movie: TimeLapse, annotations: Annotations) -> str:
    summary = summarise_annotations([AnnotatedMovie(movie, annotations)]).movies[0]
    part = summary.positions / POSITIONS_OF_ORGANOIDTRACKER
    return (
        f"{count(summary.positions, 'position')} at {summary.time_points} of "
        f"{count(summary.movie_time_points, 'time point')}, {count(summary.links, 'link')}, "
        f"{count(summary.divisions, 'division')}. For scale: OrganoidTracker's author trained on "
        f"{POSITIONS_OF_ORGANOIDTRACKER:,} positions from {MOVIES_OF_ORGANOIDTRACKER} time lapses; this is {part:.1%}."
    )


def _describe_cuboid(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    region = _find_region(annotations, time_point)
    if region is None:
        return f"Nothing is annotated at time point {time_point}."
    inside = np.clip(region, 0, np.array(movie.shape_zyx) - 1)
    part = float(np.prod((np.diff(inside, axis=0)[0] + 1) / movie.shape_zyx))
    ranges = ", ".join(f"{axis} {low:.0f} to {high:.0f}" for axis, low, high in zip("zyx", *region))
    why = "as stated" if annotations.region is not None else "around its positions"
    return (
        f"Annotated cuboid at time point {time_point} ({why}): {ranges}; {part:.0%} of the image."
    )


def _find_region(annotations: Annotations, time_point: int) -> np.ndarray | None:
    region = annotations.annotated_region(time_point)
    return region if region is not None and np.isfinite(region).all() else None


def _draw_map(movie: TimeLapse, annotations: Annotations, time_point: int, words: str) -> str:
    """From above (y down, x right), from the side (z down, x right), and how many positions each
    time point has.
    """
    size_um = np.array(movie.shape_zyx) * movie.spacing_um
    scale = _MAP / size_um.max()
    above, side = (
        _View(1, 2, 1.0, "from above: y ↓ x →"),
        _View(0, 2, _MAP + 30, "from the side: z ↓ x →"),
    )
    views = "".join(
        _draw_view(movie, annotations, time_point, view, scale) for view in (above, side)
    )
    top = _GAP + max(size_um[:2]) * scale + _GAP
    height = top + _STRIP + _GAP
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}" role="img" '
        f'aria-label="{words}" style="max-width:100%;background:white" font-family="sans-serif" font-size="12" '
        f'fill="{INK}">{views}{_draw_strip(movie, annotations, time_point, top)}</svg>'
    )


def _draw_view(
    movie: TimeLapse, annotations: Annotations, time_point: int, view: _View, scale: float
) -> str:
    pixels = np.array(movie.spacing_um) * scale
    shape = np.array(movie.shape_zyx)
    frame = _draw_box(
        np.array([[-0.5] * 3, shape - 0.5]), view, pixels, f'fill="#f4f4f4" stroke="{_FRAME}"'
    )
    region = _find_region(annotations, time_point)
    style = f'fill="{_CUBOID}" fill-opacity="0.18" stroke="{_CUBOID}" stroke-width="2" stroke-dasharray="5 3"'
    cuboid = (
        "" if region is None else _draw_box(np.clip(region, -0.5, shape - 0.5), view, pixels, style)
    )
    places = annotations.positions_at(time_point)
    places = places[np.isfinite(places).all(axis=1)][:_MOST_DOTS]
    dots = "".join(
        f'<circle cx="{right:.1f}" cy="{down:.1f}" r="1.6" fill="{_DOT}"/>'
        for down, right in _place(places, view, pixels).tolist()
    )
    return f'<text x="{view.left:.0f}" y="{_GAP - 6:.0f}">{view.name}</text>{frame}{cuboid}{dots}'


def _draw_box(corners: np.ndarray, view: _View, pixels: np.ndarray, style: str) -> str:
    (top, left), (bottom, right) = _place(corners, view, pixels)
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 2):.1f}" height="{max(bottom - top, 2):.1f}" '
        f"{style}/>"
    )


def _place(positions: np.ndarray, view: _View, pixels: np.ndarray) -> np.ndarray:
    """Where positions lie on the map, (n, 2): down, right."""
    chosen = [view.down, view.right]
    return (positions[:, chosen] + 0.5) * pixels[chosen] + (_GAP, view.left)


def _draw_strip(movie: TimeLapse, annotations: Annotations, time_point: int, top: float) -> str:
    """A column for each time point, as high as it has positions; a triangle below the one that is
    shown.
    """
    times, bottom = movie.time_points, top + _STRIP
    counts = [len(annotations.rows_at(each)) for each in times]
    step = min((_WIDTH - 2) / len(times), 14.0)
    columns = "".join(
        _draw_column(step * at, bottom, step, number, max(counts))
        for at, number in enumerate(counts)
    )
    middle = step * (times.index(time_point) + 0.5)
    here = count(counts[times.index(time_point)], "position")
    return (
        f'<text x="1" y="{top - 6:.0f}">Positions per time point; ▲ time point {time_point}: {here}</text>{columns}'
        f'<line x1="0" x2="{step * len(times):.1f}" y1="{bottom:.0f}" y2="{bottom:.0f}" stroke="{_FRAME}"/>'
        f'<path d="M {middle:.1f} {bottom + 3:.0f} l -5 9 l 10 0 z"/>'
    )


def _draw_column(left: float, bottom: float, step: float, number: int, most: int) -> str:
    height = _STRIP * number / max(most, 1)
    return (
        f'<rect x="{left:.2f}" y="{bottom - height:.1f}" width="{max(step * 0.8, 0.5):.2f}" height="{height:.1f}" '
        f'fill="{_CUBOID}"/>'
    )
