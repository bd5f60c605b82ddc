"""A lineage tree as SVG text, and where it appears: in the page, or, where it cannot, a picture."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from ipywidgets import HTML, Box, Layout, VBox

from organoid_kit.dashboards.parts.common import INK, PAPER, draw_shape, render
from organoid_kit.dashboards.parts.svg import wrap_svg
from organoid_kit.data import Annotations
from organoid_kit.plots import lineages as trees
from organoid_kit.plots.drawing import COLOURS, count

MARKS = (trees.FORK, trees.START, trees.END, trees.DOUBT)
_LEFT, _TOP, _BOTTOM, _ROW = 34, 38, 20, 15  # pixels
_WIDTH, _NARROWEST, _WIDEST = 530, 3.0, 56.0  # of the tree, and of a time point
_BESIDE = 9  # between marks of one place
_NUMBERS_APART = 34  # pixels between numbers of time points
_TIME_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6)  # from number to number


class LineageTree(anywidget.AnyWidget):
    """Shows a tree in the page and tells what was clicked, once the script is loaded."""

    _esm = Path(__file__).with_name("lineage_tree.js")
    _css = Path(__file__).with_name("lineage_tree.css")
    ready = traitlets.Bool(False).tag(sync=True)  # the page has loaded the script
    svg = traitlets.Unicode("").tag(sync=True)  # as `places` of `DrawnTree`
    places = traitlets.List().tag(sync=True)
    now = traitlets.Float(0.0).tag(sync=True)  # where the line of the time point is

    def __init__(self, answer: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self.on_msg(lambda _, content, buffers: answer(content))


@dataclass(frozen=True, eq=False)
class DrawnTree:
    """A tree, and where its positions are."""

    svg: str  # with a line of class "ok-now" that can be moved along time
    places: list[tuple[float, float, int]]  # x, y and row of each position, in pixels of the SVG
    first: float  # pixels of time point 0
    step: float  # pixels between time points
    words: str  # what is shown


def draw_tree(
    tracks: Annotations,
    lineages: np.ndarray,
    shown: np.ndarray,
    *,
    chosen: int | None = None,
    now: int | None = None,
    least_error: float = 0.05,
) -> DrawnTree:
    """Lineages as trees: time to the right, a line for each track, marks at its events.

    `lineages`, (n,) int, are of `number_lineages`; those `shown` are drawn, the one `chosen` thick.
    At the time point `now` is an upright line; from `least_error` on, something is doubtful.
    """
    rows = np.flatnonzero(np.isin(lineages, shown))
    part, numbers = tracks.select(rows), lineages[rows]
    heights = trees.compute_tree_rows(part, np.searchsorted(np.unique(numbers), numbers))
    times = tracks.annotated_time_points
    start, end = (int(times[0]), int(times[-1])) if len(times) else (0, 0)
    step = float(np.clip(_WIDTH / max(end - start, 1), _NARROWEST, _WIDEST))
    first = float(_LEFT - step * start)
    xs, ys = first + step * part.time_points, _TOP + _ROW * (heights + 0.5)
    bottom = _TOP + _ROW * (heights.max(initial=0) + 1)
    marked = trees.collect_tree_events(part, heights, tracks, least_error)
    divisions, doubts = count(len(marked[0]), "division"), count(len(marked[-1]), "doubt")
    words = f"{count(len(np.unique(numbers)), 'lineage')} with {count(len(part), 'position')}"
    words += f" as trees, time to the right; {divisions}, {doubts}."
    every = next(number for number in _TIME_STEPS if number * step >= _NUMBERS_APART)
    shown_times = range(start, end + 1) if len(times) else ()
    content = render(
        "lineage_tree.svg",
        **{"left": _LEFT, "top": _TOP, "bottom": bottom, "ink": INK},
        times=[(time, first + step * time) for time in shown_times if time % every == 0],
        lines=_draw_lines(part, xs, ys, numbers == chosen),
        numbers=_list_numbers(numbers, part.time_points, xs, ys, chosen),
        marks=_draw_events(marked, first, step),
        shift=0 if now is None else first + step * now,
        line_colour=COLOURS["vermillion"],
    )
    places = list(zip(xs.round(1).tolist(), ys.round(1).tolist(), rows.tolist(), strict=True))
    width = _LEFT + step * (end - start) + 24
    svg = wrap_svg(content, width, bottom + _BOTTOM, words)
    return DrawnTree(svg, places, first, step, words)


def _draw_lines(
    part: Annotations, xs: np.ndarray, ys: np.ndarray, chosen: np.ndarray
) -> tuple[tuple[str, str, float], ...]:
    """Paths of others and of the chosen lineage, with colour and width; no turn, one stroke."""
    paths, forward = ["", ""], part.links_forward()
    for first, last in (rows[[0, -1]] for rows in part.tracks()):
        dot = f"{xs[first] - 1.5:.1f} {ys[first]:.1f}h3"
        line = f"{xs[first]:.1f} {ys[first]:.1f}H{xs[last]:.1f}"
        paths[int(chosen[first])] += f"M{dot if first == last else line}"
    for a, b in part.links.tolist():
        if ys[a] != ys[b] or forward[a] > 1:
            paths[int(chosen[a])] += f"M{xs[a]:.1f} {ys[a]:.1f}V{ys[b]:.1f}H{xs[b]:.1f}"
    return (paths[0], COLOURS["blue"], 1.6), (paths[1], COLOURS["green"], 3.6)


def _list_numbers(
    numbers: np.ndarray, times: np.ndarray, xs: np.ndarray, ys: np.ndarray, chosen: int | None
) -> list[tuple[float, float, str]]:
    """Where each lineage starts, and its number from 1; the chosen one with a pointer."""
    order = np.lexsort((times, numbers))
    shown, starts = np.unique(numbers[order], return_index=True)
    texts = [f"{'▸ ' if number == chosen else ''}{number + 1}" for number in shown.tolist()]
    return list(zip(xs[order[starts]], ys[order[starts]], texts, strict=True))


def _draw_events(marked: tuple[np.ndarray, ...], first: float, step: float) -> str:
    shapes = []
    for kind, places, earlier in zip(MARKS, marked, trees.count_earlier_marks(marked)):
        colour, size = COLOURS[kind.colour], 3 if kind is trees.FORK else 4.5
        fill = colour if kind.filled else PAPER
        for (time, height), number in zip(places.tolist(), earlier.tolist(), strict=True):
            y = _TOP + _ROW * (height + 0.5) - _BESIDE * number
            shapes.append(draw_shape(kind.shape, first + step * time, y, size, colour, fill))
    return "".join(shapes)


class TreeDisplay(VBox):
    """Trees to click on: `tree`, or as long as the page has not loaded its script, a picture.

    It calls `hear` with clicks and keys, `changed` when the page has loaded the script.
    """

    def __init__(self, hear: Callable[[dict[str, Any]], None], changed: Callable[[], None]) -> None:
        self._picture = HTML(layout=Layout(overflow="auto")).add_class("ok-plain-tree")
        self._box, self.tree = Box(layout=Layout(display="block")), LineageTree(hear)
        super().__init__([self._box, self._picture])
        self.tree.add_class("ok-tree").observe(lambda _: changed(), "ready")

    @property
    def in_page(self) -> bool:
        """Whether the page shows the trees; else the line of the time point is drawn, too."""
        return self.tree.ready

    def show(self, drawn: DrawnTree, time_point: int) -> None:
        """These trees, and the time point of the movie."""
        if self.tree.svg != drawn.svg:
            self.tree.places = drawn.places
            self.move_line(drawn, time_point)
            self.tree.svg = drawn.svg
        if self.in_page or "google.colab" in sys.modules:
            # Not before: with ipywidgets 7 all would stay empty where it cannot load.
            self._box.children = [self.tree]
        self._picture.layout.display = "none" if self.in_page else None
        self._picture.value = "" if self.in_page else drawn.svg

    def move_line(self, drawn: DrawnTree, time_point: int) -> None:
        """The line goes to another time point."""
        self.tree.now = round(drawn.first + drawn.step * time_point, 1)
