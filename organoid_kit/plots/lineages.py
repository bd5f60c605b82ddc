"""Lineages as trees: who comes from whom, what begins and ends, and what is doubtful."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.transforms import ScaledTranslation
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from organoid_kit.data import Annotations
from organoid_kit.plots.drawing import COLOURS, Drawing, Mark, count, draw_panels, tidy

FORK = Mark("division", "o", "black", filled=True)
START = Mark("starts", ">", "sky blue")
END = Mark("ends", "s", "purple")
DOUBT = Mark("doubtful", "X", "vermillion", filled=True)
_BETWEEN_LINEAGES = 0.7  # of the distance between two tracks, in addition
_ROW_INCHES, _LEAST_INCHES, _MOST_INCHES = 0.16, 2.6, 22.0
_NAMED_TIMES = 8
_BESIDE_POINTS = 9.0  # between marks of one place


def number_lineages(annotations: Annotations) -> np.ndarray:
    """The number of each position's lineage, (n,) int: all joined by links; 0 is the largest."""
    size = len(annotations)
    if size == 0:
        return np.zeros(0, int)
    joined = coo_array((np.ones(len(annotations.links)), annotations.links.T), shape=(size, size))
    labels = connected_components(joined, directed=False)[1]
    order = np.argsort(-np.bincount(labels), kind="stable")
    return np.argsort(order)[labels]


def plot_lineage_tree(
    annotations: Annotations, *, most: int | None = 40, least_error: float = 0.05, title: str = ""
) -> Drawing:
    """Lineages as trees: time to the right, a line per track, a fork at each division; none cross.
    Errors of at least `least_error` are marked (of `add_error_probabilities`). `most` None: all.
    """
    lineages = number_lineages(annotations)
    number = int(lineages.max(initial=-1)) + 1
    shown_number = number if most is None else min(number, most)
    kept = lineages < shown_number
    shown, lineages = annotations.select(kept), lineages[kept]
    heights = compute_tree_rows(shown, lineages)
    inches = np.clip(1.2 + _ROW_INCHES * np.ptp(np.append(heights, 0)), _LEAST_INCHES, _MOST_INCHES)
    figure, axes = draw_panels(9, float(inches))
    events = collect_tree_events(shown, heights, annotations, least_error)
    _draw_tree(axes, shown, heights)
    axes.autoscale_view()
    _mark_events(axes, events)
    text = {"textcoords": "offset points", "ha": "right", "va": "center", "fontsize": 7}
    for lineage in range(shown_number):
        rows = np.flatnonzero(lineages == lineage)
        first = rows[shown.time_points[rows].argmin()]
        axes.annotate(f"{lineage + 1}", (shown.time_points[first], heights[first]), (-7, 0), **text)
    amount = count(shown_number, "lineage")
    amount += "" if kept.all() else f", the largest of {number}"
    axes.set(xlabel=f"time point ({amount})", yticks=[], ylim=(heights.max(initial=0) + 1, -1))
    tidy(axes, whole_numbers=True)
    axes.spines["left"].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    return figure.caption(_describe_tree(shown, lineages, events, amount), title)


def compute_tree_rows(annotations: Annotations, lineages: np.ndarray) -> np.ndarray:
    """The row of the tree that each position is drawn in, (n,) float: one for each track without
    daughters, a mother midway between hers; no line crosses another.
    """
    tracks = annotations.tracks()
    track_of = np.zeros(len(annotations), int)
    for number, rows in enumerate(tracks):
        track_of[rows] = number
    mothers = {}  # of a merge, the first
    for mother, daughter in track_of[annotations.links].tolist():
        if mother != daughter:
            mothers.setdefault(daughter, mother)
    daughters = [[] for _ in tracks]
    for daughter, mother in mothers.items():
        daughters[mother].append(daughter)
    lineage_of = [lineages[rows[0]] for rows in tracks]
    first = [number for number in range(len(tracks)) if number not in mothers]
    order = []  # a mother, then all that comes from her first daughter, then from the next
    waiting = sorted(first, key=lineage_of.__getitem__)[::-1]
    while waiting:
        order.append(waiting.pop())
        waiting += reversed(daughters[order[-1]])
    heights = np.zeros(len(tracks))
    leaves = [number for number in order if not daughters[number]]
    spread = [_BETWEEN_LINEAGES * lineage_of[number] for number in leaves]
    heights[leaves] = np.arange(len(leaves)) + spread
    for number in reversed(order):
        if daughters[number]:
            heights[number] = heights[daughters[number]].mean()
    return heights[track_of]


def collect_tree_events(
    shown: Annotations, heights: np.ndarray, annotations: Annotations, least_error: float
) -> tuple[np.ndarray, ...]:
    """Divisions, starts, ends (but of all annotations) and doubts, (k, 2) float: time and row."""
    times, all_times = shown.time_points, annotations.annotated_time_points
    places = np.stack([times, heights], axis=1).astype(float)
    starts = (shown.links_backward() == 0) & (times > all_times[:1])
    ends = (shown.links_forward() == 0) & (times < all_times[-1:])
    names = [f"{what}_error_probability" for what in ("division", "start", "end")]
    known = [shown.properties[name] for name in names if name in shown.properties]
    doubtful = np.any(np.array(known, float) > least_error, axis=0)  # no value is no doubt
    said = shown.link_properties.get("error_probability", [None] * len(shown.links))
    links = shown.links[np.array(said, float) > least_error]
    middles = np.stack([times[links].mean(axis=1), heights[links[:, 1]]], axis=1)
    doubts = np.concatenate([middles, places[np.flatnonzero(doubtful)]])
    return places[shown.divisions()], places[starts], places[ends], doubts


def _draw_tree(axes: Axes, shown: Annotations, heights: np.ndarray) -> None:
    """Each link goes down or up to the row of its later end first, then along it."""
    earlier, later = shown.links.T
    times = shown.time_points
    xs = np.stack([times[earlier], times[earlier], times[later]], axis=1)
    ys = np.stack([heights[earlier], heights[later], heights[later]], axis=1)
    style = {"colors": COLOURS["blue"], "linewidths": 1.4, "capstyle": "round"}
    axes.add_collection(LineCollection(np.stack([xs, ys], axis=2), **style))
    alone = (shown.links_forward() == 0) & (shown.links_backward() == 0)
    dot = {"linestyle": "none", "marker": ".", "color": COLOURS["blue"]}
    axes.plot(times[alone], heights[alone], zorder=2, **dot)


def _mark_events(axes: Axes, events: Sequence[np.ndarray]) -> None:
    sizes, besides = {FORK: 4, START: 7, END: 6, DOUBT: 8}, count_earlier_marks(events)
    inches = axes.figure.dpi_scale_trans
    for (mark, size), places, beside in zip(sizes.items(), events, besides):
        for number in np.unique(beside).tolist():
            moved = axes.transData + ScaledTranslation(0, number * _BESIDE_POINTS / 72, inches)
            axes.plot(*places[beside == number].T, transform=moved, zorder=3, **mark.style(size))
        if len(places):
            axes.plot([], [], label=f"{mark.name} ({len(places)})", **mark.style(size))


def count_earlier_marks(kinds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """How many marks of earlier kinds, each (k, 2) float, lie below each mark at the same place."""
    seen, beside = Counter(), []
    for places in kinds:
        keys = list(map(tuple, places.round(3).tolist()))
        beside.append(np.array([seen[key] for key in keys], int))
        seen.update(set(keys))
    return beside


def _describe_tree(
    shown: Annotations, lineages: np.ndarray, events: Sequence[np.ndarray], amount: str
) -> str:
    if len(shown) == 0:
        return "No lineages, as there are no positions."
    listed = []
    for noun, places in zip(("division", "later start", "earlier end", "doubt"), events):
        times = [f"{time:g}" for time in np.unique(places[:, 0])]
        more = ", …" if len(times) > _NAMED_TIMES else ""
        at = f" (time point {', '.join(times[:_NAMED_TIMES])}{more})" if times else ""
        listed.append(count(len(places), noun) + at)
    times = shown.time_points
    return (
        f"{amount}, with {count(len(shown), 'position')} from time point {times.min()} to "
        f"{times.max()}, drawn as trees with time to the right. {', '.join(listed)}. "
        f"Lineage 1 has the most positions: {np.bincount(lineages)[0]}."
    )
