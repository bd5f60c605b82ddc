"""Precision, recall and F1 over the threshold, and close-ups of the mistakes behind them, as SVG
text.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from organoid_kit.dashboards.common import INK, draw_shape
from organoid_kit.dashboards.panes import Pane, Points, format_stroke, wrap_svg
from organoid_kit.dashboards.stack_pictures import FAINT_PLANES
from organoid_kit.dashboards.threshold_judging import Judgement
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.positions import format_score
from organoid_kit.examples.patches import make_grey
from organoid_kit.plots.drawing import COLOURS, FALSE, LINES, MISSED, NEAR_PLANES, POSITION, Mark

FIGURES = (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))
CLOSE_UP_UM = 10.0  # around a mistake
_LEFT, _TOP, _WIDTH, _HEIGHT = 40, 30, 400, 190


def draw_threshold_curve(
    thresholds: Sequence[float],
    judgements: Sequence[Judgement],
    threshold: float,
    now: Judgement,
    committed: float | None = None,
) -> str:
    """The three curves, with an upright line where the threshold is; what was committed to has a
    flag.

    Args:
        thresholds: (k,) ascending, 0..1.
        judgements: at each of them.
        threshold: in use.
        now: the judgement at that threshold.
        committed: the threshold that was noted, if any.
    """
    words = f"Precision, recall and F1 over the threshold; now {describe_judgement(threshold, now)}"
    parts = [_draw_scales()]
    for number, (key, name) in enumerate(FIGURES):
        values = [getattr(judgement, key) for judgement in judgements]
        parts.append(_draw_line(thresholds, values, LINES[number]))
        parts.append(_draw_key(number, name, getattr(now, key)))
        if getattr(now, key) is not None:
            y = _compute_y(getattr(now, key))
            parts.append(
                draw_shape(
                    LINES[number]["marker"],
                    _compute_x(threshold),
                    y,
                    5,
                    LINES[number]["color"],
                    "#fff",
                )
            )
    x = _compute_x(threshold)
    parts.insert(1, f'<path d="M{x} {_TOP}v{_HEIGHT}" stroke="{INK}" stroke-width="1.5"/>')
    if committed is not None:
        at = _compute_x(committed)
        parts.append(
            f'<path d="M{at} {_TOP + _HEIGHT}v{-_HEIGHT - 4}l14 5l-14 5" stroke="{INK}" fill="none"/>'
        )
        halo = f'fill="{INK}" stroke="#fff" stroke-width="4" paint-order="stroke"'
        parts.append(f'<text x="{at + 4}" y="{_TOP + 20}" font-size="11" {halo}>committed</text>')
    return wrap_svg("".join(parts), _LEFT + _WIDTH + 12, _TOP + _HEIGHT + 36, words)


def describe_judgement(threshold: float, judgement: Judgement) -> str:
    """Figures and counts, in words."""
    figures = ", ".join(f"{name} {format_score(getattr(judgement, key))}" for key, name in FIGURES)
    counts = f"{len(judgement.right)} right, {len(judgement.missed)} missed, {len(judgement.false)} false"
    return f"threshold {threshold:.2f}: {figures} ({counts})."


def make_close_ups(
    movie: TimeLapse,
    stack: np.ndarray,
    time_point: int,
    truth: Annotations,
    found: Annotations,
    judgement: Judgement,
    most: int = 4,
) -> list[list[Pane]]:
    """What is missed and what is false at a time point: 10 µm around each, in its plane.

    Args:
        movie: for spacing.
        stack: (z, y, x) uint8, as it is shown.
        time_point: as the movie counts them.
        truth: with the true positions.
        found: with what was found.
        judgement: at the threshold.
        most: so many of each kind.
    """
    rows = []
    for mark, whole, of in ((MISSED, truth, judgement.missed), (FALSE, found, judgement.false)):
        here = of[whole.time_points[of] == time_point]
        places = whole.positions[here[:most]]
        more = f", {most} of {len(here)}" if len(here) > most else ""
        panes = [
            _make_close_up(movie, stack, truth.positions_at(time_point), place, mark)
            for place in places
        ]
        if panes:
            first = panes[0]
            panes[0] = Pane(
                f"{mark.name}{more}", first.pixels, first.size_um, first.points, bar=True
            )
            rows.append(panes)
    return rows


def _make_close_up(
    movie: TimeLapse, stack: np.ndarray, truth: np.ndarray, place: np.ndarray, mark: Mark
) -> Pane:
    """A square around a place, with the true positions in it and up to three planes from it; black
    beyond the image.
    """
    spacing_yx = np.array(movie.spacing_um)[1:]
    half = np.maximum(1, np.round(CLOSE_UP_UM / spacing_yx)).astype(int)
    z, *middle = np.clip(np.round(place).astype(int), 0, np.array(stack.shape) - 1)
    padded = np.pad(stack[z], [(each, each) for each in half])
    pixels = padded[tuple(slice(at, at + 2 * each + 1) for at, each in zip(middle, half))]
    corner = np.array(middle) - half - 0.5
    near = (np.abs(truth - place) <= [FAINT_PLANES, *half]).all(axis=1)
    points = tuple(
        Points(
            each,
            (positions[:, 1:] - corner) * spacing_yx,
            np.abs(positions[:, 0] - z) <= NEAR_PLANES,
        )
        for each, positions in ((POSITION, truth[near]), (mark, place[None]))
    )
    return Pane(
        "", make_grey(pixels, (0, 255)), tuple(((2 * half + 1) * spacing_yx).tolist()), points
    )


def _compute_x(threshold: float) -> float:
    return round(_LEFT + _WIDTH * threshold, 1)


def _compute_y(value: float) -> float:
    return round(_TOP + _HEIGHT * (1 - value), 1)


def _draw_scales() -> str:
    """Numbers from 0 to 1 on both axes, and faint lines."""
    parts = []
    for value in (0, 0.2, 0.4, 0.6, 0.8, 1):
        x, y = _compute_x(value), _compute_y(value)
        parts.append(f'<path d="M{_LEFT} {y}h{_WIDTH}" stroke="#e3e3e3"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end" fill="{INK}">{value:g}</text>'
        )
        parts.append(
            f'<text x="{x}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle" fill="{INK}">{value:g}</text>'
        )
    middle = _LEFT + _WIDTH / 2
    parts.append(
        f'<text x="{middle}" y="{_TOP + _HEIGHT + 33}" text-anchor="middle" fill="{INK}">threshold</text>'
    )
    return "".join(parts)


def _draw_line(
    thresholds: Sequence[float], values: Sequence[float | None], style: dict[str, str]
) -> str:
    """A curve with a mark on every eighth point; where nothing was measured, it has a gap."""
    known = [
        (_compute_x(x), _compute_y(y), number)
        for number, (x, y) in enumerate(zip(thresholds, values))
        if y is not None
    ]
    path = "".join(
        f"{'L' if place and known[place - 1][2] == number - 1 else 'M'}{x} {y}"
        for place, (x, y, number) in enumerate(known)
    )
    marks = "".join(
        draw_shape(style["marker"], x, y, 3, style["color"], style["color"])
        for x, y, number in known
        if number % 8 == 4
    )
    return f'<path d="{path}" fill="none" {format_stroke(style)}/>{marks}'


def _draw_key(number: int, name: str, value: float | None) -> str:
    """A line with its mark, name and value now, above the curves."""
    style, x = LINES[number], _LEFT + 140 * number
    colour = COLOURS["black"]
    said = "not measured" if value is None else f"{value:.2f}"
    return (
        f'<path d="M{x} 10h24" {format_stroke(style)}/>'
        f"{draw_shape(style['marker'], x + 12, 10, 4, style['color'], style['color'])}"
        f'<text x="{x + 29}" y="14" fill="{colour}">{html.escape(name)} {said}</text>'
    )
