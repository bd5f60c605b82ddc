"""A lineage tree as SVG text, and where its positions are, so that one can click on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from organoid_kit.dashboards.common import INK, PAPER, draw_shape
from organoid_kit.dashboards.panes import wrap_svg
from organoid_kit.data.annotations import Annotations
from organoid_kit.plots.drawing import COLOURS, Mark, count
from organoid_kit.plots.lineages import (
    DOUBT,
    END,
    FORK,
    START,
    collect_tree_events,
    compute_tree_rows,
    count_earlier_marks,
    find_doubtful_rows,
)

MARKS = (FORK, START, END, DOUBT)
_LEFT, _TOP, _BOTTOM, _ROW = 34, 38, 20, 15  # pixels
_WIDTH = 620  # of the tree; time points are at least and at most so wide
_STEPS = (3.0, 56.0)
_BESIDE = 9  # between marks of one place
_NUMBERS_APART = 34  # pixels between numbers of time points


@dataclass(frozen=True, eq=False)
class DrawnTree:
    """A tree, and where its positions are.

    Attributes:
        svg: with a line of class "ok-now" that can be moved along time.
        places: x, y and row of each position, in pixels of the SVG.
        first, step: pixels of time point 0 and between time points.
        words: what is shown.
    """

    svg: str
    places: list[tuple[float, float, int]]
    first: float
    step: float
    words: str

    def compute_x(self, time_point: float) -> float:
        """Where a time point is."""
        return round(self.first + self.step * time_point, 1)


def draw_tree(
    tracks: Annotations,
    lineages: np.ndarray,
    shown: np.ndarray,
    *,
    chosen: int | None = None,
    now: int | None = None,
    least_error: float = 0.01,
) -> DrawnTree:
    """Lineages as trees: time to the right, a line for each track, marks where it divides, starts,
    ends, is doubtful.

    Args:
        tracks: with links, and error probabilities where they are known.
        lineages: (n,) int, of `number_lineages`.
        shown: numbers of the lineages that are drawn.
        chosen: the lineage that is drawn thick.
        now: the time point with an upright line.
        least_error: error probability from which on something is doubtful.
    """
    rows = np.flatnonzero(np.isin(lineages, shown))
    part, numbers = tracks.select(rows), lineages[rows]
    heights = compute_tree_rows(part, np.searchsorted(np.unique(numbers), numbers))
    times = tracks.annotated_time_points
    span = int(times[-1] - times[0]) if len(times) else 0
    step = float(np.clip(_WIDTH / max(span, 1), *_STEPS))
    first = _LEFT - step * (times[0] if len(times) else 0)
    xs, ys = first + step * part.time_points, _TOP + _ROW * (heights + 0.5)
    bottom = _TOP + _ROW * (heights.max(initial=0) + 1)
    events = collect_tree_events(part, heights, tracks, find_doubtful_rows(part, least_error))
    marked = (events.divisions, events.starts, events.ends, events.doubts)
    words = (
        f"{count(len(np.unique(numbers)), 'lineage')} with {count(len(part), 'position')} as trees, time to the right; "
        f"{count(len(events.divisions), 'division')}, {count(len(events.doubts), 'doubt')}."
    )
    content = [
        _draw_times(times, first, step, bottom),
        _draw_lines(part, xs, ys, numbers == chosen),
        _draw_numbers(numbers, part.time_points, xs, ys, chosen),
        _draw_events(marked, first, step),
        f'<path class="ok-now" d="M0 {_TOP - 8}V{bottom}" stroke="{COLOURS["vermillion"]}" stroke-width="2" '
        f'transform="translate({0 if now is None else first + step * now:.1f} 0)"/>',
    ]
    places = list(zip(xs.round(1).tolist(), ys.round(1).tolist(), rows.tolist()))
    svg = wrap_svg("".join(content), _LEFT + step * span + 24, bottom + _BOTTOM, words)
    return DrawnTree(svg, places, float(first), step, words)


def _draw_mark(mark: Mark, x: float, y: float) -> str:
    colour = COLOURS[mark.colour]
    return draw_shape(
        mark.shape, x, y, 3 if mark is FORK else 4.5, colour, colour if mark.filled else PAPER
    )


def _draw_lines(part: Annotations, xs: np.ndarray, ys: np.ndarray, chosen: np.ndarray) -> str:
    """Each link goes to the row of its later end first, then along it; runs without a turn are one
    stroke.
    """
    strokes, forward = [], part.links_forward()
    for is_chosen, colour, thick in ((False, COLOURS["blue"], 1.6), (True, COLOURS["green"], 3.6)):
        tracks = [rows for rows in part.tracks() if chosen[rows[0]] == is_chosen]
        runs = [
            f"M{xs[rows[0]]:.1f} {ys[rows[0]]:.1f}H{xs[rows[-1]]:.1f}"
            for rows in tracks
            if len(rows) > 1
        ]
        dots = [
            f"M{xs[rows[0]] - 1.5:.1f} {ys[rows[0]]:.1f}h3" for rows in tracks if len(rows) == 1
        ]
        joints = [
            f"M{xs[a]:.1f} {ys[a]:.1f}V{ys[b]:.1f}H{xs[b]:.1f}"
            for a, b in part.links.tolist()
            if chosen[a] == is_chosen and (ys[a] != ys[b] or forward[a] > 1)
        ]
        path = "".join([*runs, *dots, *joints])
        strokes.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{thick}"/>')
    return "".join(strokes)


def _draw_numbers(
    numbers: np.ndarray, times: np.ndarray, xs: np.ndarray, ys: np.ndarray, chosen: int | None
) -> str:
    """The number of each lineage, counted from 1, left of where it starts; the chosen one bold,
    with a pointer.
    """
    texts = []
    for number in np.unique(numbers).tolist():
        rows = np.flatnonzero(numbers == number)
        row = rows[times[rows].argmin()]
        weight, sign = ("bold", "▸ ") if number == chosen else ("normal", "")
        texts.append(
            f'<text x="{xs[row] - 8:.1f}" y="{ys[row] + 4:.1f}" text-anchor="end" font-size="11" fill="{INK}" '
            f'font-weight="{weight}">{sign}{number + 1}</text>'
        )
    return "".join(texts)


def _draw_events(marked: tuple[np.ndarray, ...], first: float, step: float) -> str:
    """Marks, those of one place above each other."""
    shapes = []
    for mark, places, beside in zip(MARKS, marked, count_earlier_marks(marked)):
        for (time, height), number in zip(places.tolist(), beside.tolist()):
            y = _TOP + _ROW * (height + 0.5) - _BESIDE * number
            shapes.append(_draw_mark(mark, first + step * time, y))
    return "".join(shapes)


def _draw_times(times: np.ndarray, first: float, step: float, bottom: float) -> str:
    """Numbers of time points above and below, with faint lines."""
    every = next(
        each
        for each in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6)
        if each * step >= _NUMBERS_APART
    )
    parts = []
    for time in (
        (each for each in range(int(times[0]), int(times[-1]) + 1) if each % every == 0)
        if len(times)
        else ()
    ):
        x = first + step * time
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#e3e3e3"/>')
        for y in (_TOP - 12, bottom + 14):
            parts.append(
                f'<text x="{x:.1f}" y="{y}" text-anchor="middle" fill="{INK}">{time}</text>'
            )
    parts.append(f'<text x="{_LEFT}" y="10" fill="{INK}">time point</text>')
    return "".join(parts)
