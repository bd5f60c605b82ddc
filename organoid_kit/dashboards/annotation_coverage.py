"""How much is annotated, and where: numbers, and a map of the annotated cuboid."""

from __future__ import annotations

import numpy as np

from organoid_kit.dashboards.common import INK
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.evaluation.checks import summarise_annotations, summary
from organoid_kit.plots.drawing import COLOURS, count

_WIDTH = 310
_MAP, _STRIP, _GAP = 120, 28, 20  # pixels: longest side of the map, strip, room for captions
_MOST_DOTS = 400
_FRAME, _CUBOID, _DOT = "#6b6b6b", COLOURS["blue"], INK
_VIEWS = (  # axes downward and rightward, where it begins, what it is called
    ((1, 2), 1.0, "from above: y ↓ x →"),
    ((0, 2), _MAP + 30.0, "from the side: z ↓ x →"),
)


def describe_coverage(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    """How much is annotated and where the cuboid lies, in words."""
    amount = _describe_amount(movie, annotations)
    return f"{amount} {_describe_cuboid(movie, annotations, time_point)}"


def draw_coverage(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    """The same with a map and a strip of time points, as HTML.

    Args:
        movie: for its size and time points.
        annotations: of it.
        time_point: whose cuboid is drawn.
    """
    cuboid, goal = (
        _describe_cuboid(movie, annotations, time_point),
        summary.POSITIONS_OF_ORGANOIDTRACKER,
    )
    part = min(len(annotations) / goal, 1)
    top = 2 * _GAP + _MAP * max(_measure(movie)[:2]) / max(_measure(movie))
    height = top + _STRIP + _GAP
    return (
        f'<div style="line-height:1.4"><div>{_describe_amount(movie, annotations)}</div>'
        f'<div style="border:1px solid {_FRAME};height:10px;max-width:300px" role="img" '
        f'aria-label="{part:.1%} of {goal:,} positions">'
        f'<div style="background:{_CUBOID};height:10px;width:{100 * part:.1f}%"></div></div>'
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}" '
        f'role="img" aria-label="{cuboid}" style="max-width:100%;background:white" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
        f"{_draw_views(movie, annotations, time_point)}"
        f"{_draw_strip(movie, annotations, time_point, top)}</svg><div>{cuboid}</div></div>"
    )


def _describe_amount(movie: TimeLapse, annotations: Annotations) -> str:
    found = summarise_annotations([AnnotatedMovie(movie, annotations)]).movies[0]
    goal, movies = summary.POSITIONS_OF_ORGANOIDTRACKER, summary.MOVIES_OF_ORGANOIDTRACKER
    return (
        f"{count(found.positions, 'position')} at {found.time_points} of "
        f"{count(found.movie_time_points, 'time point')}, {count(found.links, 'link')}, "
        f"{count(found.divisions, 'division')}. For scale: OrganoidTracker's author trained on "
        f"{goal:,} positions from {movies} time lapses; this is {found.positions / goal:.1%}."
    )


def _describe_cuboid(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    region = _find_region(annotations, time_point)
    if region is None:
        return f"Nothing is annotated at time point {time_point}."
    low, high = np.clip(region, 0, np.array(movie.shape_zyx) - 1)
    part = np.prod((high - low + 1) / movie.shape_zyx)
    ranges = ", ".join(f"{axis} {low:.0f} to {high:.0f}" for axis, low, high in zip("zyx", *region))
    why = "as stated" if annotations.region is not None else "around its positions"
    return (
        f"Annotated cuboid at time point {time_point} ({why}): {ranges}; {part:.0%} of the image."
    )


def _find_region(annotations: Annotations, time_point: int) -> np.ndarray | None:
    region = annotations.annotated_region(time_point)
    return region if region is not None and np.isfinite(region).all() else None


def _measure(movie: TimeLapse) -> np.ndarray:
    """The size of a movie, (3,) float, zyx, µm."""
    return np.multiply(movie.shape_zyx, movie.spacing_um)


def _draw_views(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    """The movie, its annotated cuboid and its positions from above and from the side, as SVG."""
    pixels = np.array(movie.spacing_um) * _MAP / max(_measure(movie))
    outside = np.array([[-0.5] * 3, np.array(movie.shape_zyx) - 0.5])
    places = annotations.positions_at(time_point)
    places = places[np.isfinite(places).all(axis=1)][:_MOST_DOTS]
    boxes = [(outside, f'fill="#f4f4f4" stroke="{_FRAME}"')]
    if (region := _find_region(annotations, time_point)) is not None:
        style = f'fill="{_CUBOID}" fill-opacity="0.18" stroke="{_CUBOID}" stroke-width="2"'
        boxes.append((np.clip(region, *outside), f'{style} stroke-dasharray="5 3"'))
    drawn = []
    for axes, left, name in _VIEWS:
        drawn.append(f'<text x="{left:.0f}" y="{_GAP - 6}">{name}</text>')
        for corners, style in boxes:
            (y, x), (bottom, right) = _place(corners, axes, left, pixels)
            drawn.append(_draw_box(x, y, max(right - x, 2), max(bottom - y, 2), style))
        for y, x in _place(places, axes, left, pixels):
            drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.6" fill="{_DOT}"/>')
    return "".join(drawn)


def _place(positions: np.ndarray, axes: tuple[int, int], left: float, pixels: np.ndarray) -> list:
    """Where positions lie in a view: [down, right] of each."""
    chosen = list(axes)
    return ((positions[:, chosen] + 0.5) * pixels[chosen] + (_GAP, left)).tolist()


def _draw_strip(movie: TimeLapse, annotations: Annotations, time_point: int, top: float) -> str:
    """A column for each time point, as high as it has positions; a triangle below the one shown."""
    times, bottom = movie.time_points, top + _STRIP
    numbers = [len(annotations.rows_at(time)) for time in times]
    step, now = min((_WIDTH - 2) / len(times), 14.0), times.index(time_point)
    columns = ""
    for index, number in enumerate(numbers):
        height = _STRIP * number / max(*numbers, 1)
        width = max(step * 0.8, 0.5)
        columns += _draw_box(step * index, bottom - height, width, height, f'fill="{_CUBOID}"')
    here = count(numbers[now], "position")
    return (
        f'<text x="1" y="{top - 6:.0f}">Positions per time point; ▲ time point {time_point}: '
        f'{here}</text>{columns}<line x1="0" x2="{step * len(times):.1f}" y1="{bottom:.0f}" '
        f'y2="{bottom:.0f}" stroke="{_FRAME}"/>'
        f'<path d="M {step * (now + 0.5):.1f} {bottom + 3:.0f} l -5 9 l 10 0 z"/>'
    )


def _draw_box(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:.2f}" y="{y:.1f}" width="{width:.2f}" height="{height:.1f}" {style}/>'
