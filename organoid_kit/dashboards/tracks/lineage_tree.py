"""A lineage tree as SVG text, and where its positions are, so that one can click on them."""

from dataclasses import dataclass

import numpy as np

from organoid_kit.dashboards.parts.common import INK, PAPER, draw_shape
from organoid_kit.dashboards.parts.panes import wrap_svg
from organoid_kit.data import Annotations
from organoid_kit.plots.drawing import COLOURS, count
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
_WIDTH, _NARROWEST, _WIDEST = 620, 3.0, 56.0  # of the tree, and of a time point
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
    start, end = (int(times[0]), int(times[-1])) if len(times) else (0, 0)
    step = float(np.clip(_WIDTH / max(end - start, 1), _NARROWEST, _WIDEST))
    first = float(_LEFT - step * start)
    xs, ys = first + step * part.time_points, _TOP + _ROW * (heights + 0.5)
    bottom = _TOP + _ROW * (heights.max(initial=0) + 1)
    events = collect_tree_events(part, heights, tracks, find_doubtful_rows(part, least_error))
    lines, divisions = len(np.unique(numbers)), count(len(events.divisions), "division")
    words = (
        f"{count(lines, 'lineage')} with {count(len(part), 'position')} as trees, "
        f"time to the right; {divisions}, {count(len(events.doubts), 'doubt')}."
    )
    shift = 0 if now is None else first + step * now
    line = f'd="M0 {_TOP - 8}V{bottom}" stroke="{COLOURS["vermillion"]}" stroke-width="2"'
    content = [
        _draw_times(range(start, end + 1) if len(times) else range(0), first, step, bottom),
        _draw_lines(part, xs, ys, numbers == chosen),
        _draw_numbers(numbers, part.time_points, xs, ys, chosen),
        _draw_events((events.divisions, events.starts, events.ends, events.doubts), first, step),
        f'<path class="ok-now" {line} transform="translate({shift:.1f} 0)"/>',
    ]
    places = list(zip(xs.round(1).tolist(), ys.round(1).tolist(), rows.tolist(), strict=True))
    width = _LEFT + step * (end - start) + 24
    svg = wrap_svg("".join(content), width, bottom + _BOTTOM, words)
    return DrawnTree(svg, places, first, step, words)


def _draw_lines(part: Annotations, xs: np.ndarray, ys: np.ndarray, chosen: np.ndarray) -> str:
    """Each link goes to the row of its later end first; runs without a turn are one stroke."""
    paths, forward = {False: "", True: ""}, part.links_forward()
    for rows in part.tracks():
        start = f"{xs[rows[0]]:.1f} {ys[rows[0]]:.1f}H{xs[rows[-1]]:.1f}"
        if len(rows) == 1:  # a dot
            start = f"{xs[rows[0]] - 1.5:.1f} {ys[rows[0]]:.1f}h3"
        paths[bool(chosen[rows[0]])] += f"M{start}"
    for a, b in part.links.tolist():
        if ys[a] != ys[b] or forward[a] > 1:
            joint = f"M{xs[a]:.1f} {ys[a]:.1f}V{ys[b]:.1f}H{xs[b]:.1f}"
            paths[bool(chosen[a])] += joint
    plain = f'stroke="{COLOURS["blue"]}" stroke-width="1.6"'
    thick = f'stroke="{COLOURS["green"]}" stroke-width="3.6"'
    strokes = ((paths[False], plain), (paths[True], thick))
    return "".join(f'<path d="{path}" fill="none" {stroke}/>' for path, stroke in strokes)


def _draw_numbers(
    numbers: np.ndarray, times: np.ndarray, xs: np.ndarray, ys: np.ndarray, chosen: int | None
) -> str:
    """Numbers from 1, left of where lineages start; the chosen one bold, with a pointer."""
    texts = []
    for number in np.unique(numbers).tolist():
        rows = np.flatnonzero(numbers == number)
        row = rows[times[rows].argmin()]
        weight, sign = ("bold", "▸ ") if number == chosen else ("normal", "")
        place = f'x="{xs[row] - 8:.1f}" y="{ys[row] + 4:.1f}" font-weight="{weight}"'
        style = f'fill="{INK}" font-size="11" text-anchor="end"'
        texts.append(f"<text {place} {style}>{sign}{number + 1}</text>")
    return "".join(texts)


def _draw_events(marked: tuple[np.ndarray, ...], first: float, step: float) -> str:
    """Marks, those of one place above each other."""
    shapes = []
    for mark, places, earlier in zip(MARKS, marked, count_earlier_marks(marked), strict=True):
        colour, size = COLOURS[mark.colour], 3 if mark is FORK else 4.5
        fill = colour if mark.filled else PAPER
        for (time, height), number in zip(places.tolist(), earlier.tolist(), strict=True):
            y = _TOP + _ROW * (height + 0.5) - _BESIDE * number
            shapes.append(draw_shape(mark.shape, first + step * time, y, size, colour, fill))
    return "".join(shapes)


def _draw_times(times: range, first: float, step: float, bottom: float) -> str:
    """Numbers of time points above and below, with faint lines."""
    steps = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6)
    every = next(number for number in steps if number * step >= _NUMBERS_APART)
    parts = [f'<text x="{_LEFT}" y="10" fill="{INK}">time point</text>']
    for time in (time for time in times if time % every == 0):
        x = first + step * time
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#e3e3e3"/>')
        for y in (_TOP - 12, bottom + 14):
            place = f'x="{x:.1f}" y="{y}" text-anchor="middle"'
            parts.append(f'<text {place} fill="{INK}">{time}</text>')
    return "".join(parts)
