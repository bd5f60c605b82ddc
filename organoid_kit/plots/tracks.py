"""Tracks in the movie: where nuclei are, and the way they took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.patheffects import withStroke

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.plots.drawing import COLOURS, Drawing, Mark, count, draw_figure, draw_plane
from organoid_kit.plots.lineages import END, START, number_lineages

DIVISION = Mark("division", "*", "yellow", filled=True)
_COLOURS = ("orange", "sky blue", "green", "yellow", "vermillion", "purple")


def plot_tracks(
    movie: TimeLapse,
    annotations: Annotations,
    time_point: int,
    *,
    tail: int = 5,
    channels: Sequence[int] = (1,),
    planes: tuple[int, int] | None = None,
    numbers: bool = True,
    title: str | None = None,
) -> Drawing:
    """The movie with its positions, and the way they took over the last time points.

    Args:
        movie: to look at.
        annotations: with links, in voxels of the movie.
        time_point: as the movie counts them.
        tail: time points that the ways go back.
        channels: counted from 1; several are summed.
        planes: first and last plane that are projected; only positions in them are shown. None:
            all.
        numbers: whether to write the number of its lineage beside each position, see
            `number_lineages`.
        title: above the figure; None: movie and time point.

    Raises:
        UserError: the planes are not in the movie.
    """
    low, high = _check_planes(planes, movie.shape_zyx[0])
    ways = _trace_tails(annotations, time_point, tail, (low, high))
    figure = draw_figure(6, 6.2)
    axes = figure.subplots()
    draw_plane(
        axes, movie.stack(time_point, channels)[low : high + 1].max(axis=0), movie.spacing_um[1:]
    )
    places_um = (annotations.positions * movie.spacing_um)[:, :0:-1]
    lineages = number_lineages(annotations)
    _draw_tails(axes, places_um, lineages, ways, annotations.time_points, tail)
    _mark_events(axes, places_um, ways)
    if numbers:
        _write_numbers(axes, places_um, lineages, ways.now)
    figure.legend(
        loc="outside lower center",
        ncols=4,
        fontsize=9,
        facecolor="0.1",
        labelcolor="white",
        framealpha=1,
    )
    title = f"{movie.name}, time point {time_point}" if title is None else title
    figure.suptitle(title)
    figure.description = f"{title + ': ' if title else ''}{_describe_tails(ways, tail, planes)}"
    return figure


@dataclass(frozen=True, eq=False)
class _Tails:
    """Rows of what `plot_tracks` shows: positions now, links of their past, and what happened on
    the way.
    """

    now: np.ndarray
    links: np.ndarray
    divisions: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def _trace_tails(
    annotations: Annotations, time_point: int, tail: int, planes: tuple[int, int]
) -> _Tails:
    """Goes back from the positions of now, and from those where a track ended not long ago."""
    times, depths = annotations.time_points, annotations.positions[:, 0]
    inside = (depths >= planes[0] - 0.5) & (depths <= planes[1] + 0.5)
    recent = (times >= time_point - tail) & (times <= time_point)
    now = np.flatnonzero(inside & (times == time_point))
    ends = np.flatnonzero(
        inside & recent & (times < time_point) & (annotations.links_forward() == 0)
    )
    seen = np.zeros(len(annotations), bool)
    seen[np.concatenate([now, ends])] = True
    links = annotations.links[recent[annotations.links].all(axis=1)]
    for earlier, later in links[np.argsort(-times[links[:, 1]], kind="stable")]:
        seen[earlier] |= seen[later]
    born = (annotations.links_backward() == 0) & (times > annotations.annotated_time_points[:1])
    return _Tails(
        now,
        links[seen[links[:, 1]]],
        np.flatnonzero(seen & (annotations.links_forward() >= 2)),
        np.flatnonzero(seen & born),
        ends,
    )


def _draw_tails(
    axes: Axes,
    places_um: np.ndarray,
    lineages: np.ndarray,
    ways: _Tails,
    times: np.ndarray,
    tail: int,
) -> None:
    """Lines in the colour of the lineage that fade towards the past, and a ring around each
    position of now.
    """
    age = times[ways.now].max(initial=0) - times[ways.links[:, 1]]
    colours = [
        to_rgba(_choose_colour(lineages[row]), 1 - 0.75 * years / max(tail, 1))
        for row, years in zip(ways.links[:, 1], age)
    ]
    lines = LineCollection(places_um[ways.links], colors=colours, linewidths=2, capstyle="round")
    axes.add_collection(lines)
    for row in ways.now:
        ring = Mark("", "o", "black").style(8) | {"markeredgecolor": _choose_colour(lineages[row])}
        axes.plot(*places_um[row], **ring)
    style = Mark("", "o", "orange").style(8) | {"linestyle": "-", "color": COLOURS["orange"]}
    axes.plot([], [], label=f"position and its way ({len(ways.now)})", **style)


def _mark_events(axes: Axes, places_um: np.ndarray, ways: _Tails) -> None:
    edge = [withStroke(linewidth=3, foreground="black")]
    for mark, rows in ((DIVISION, ways.divisions), (START, ways.starts), (END, ways.ends)):
        if len(rows):
            style = mark.style(11 if mark is DIVISION else 6) | {"path_effects": edge}
            axes.plot(*places_um[rows].T, label=f"{mark.name} ({len(rows)})", **style)


def _write_numbers(
    axes: Axes, places_um: np.ndarray, lineages: np.ndarray, rows: np.ndarray
) -> None:
    edge = [withStroke(linewidth=2, foreground="black")]
    for row in rows:
        text = {
            "textcoords": "offset points",
            "color": "white",
            "fontsize": 8,
            "path_effects": edge,
        }
        axes.annotate(f"{lineages[row] + 1}", places_um[row], (5, 4), annotation_clip=True, **text)


def _choose_colour(lineage: int) -> str:
    return COLOURS[_COLOURS[lineage % len(_COLOURS)]]


def _check_planes(planes: tuple[int, int] | None, depth: int) -> tuple[int, int]:
    low, high = planes or (0, depth - 1)
    if not 0 <= low <= high < depth:
        raise UserError(
            f"Planes must be a first and a last one from 0 to {depth - 1}. Received: {low} and {high}. "
            "Choose others, or leave planes out to see all."
        )
    return low, high


def _describe_tails(ways: _Tails, tail: int, planes: tuple[int, int] | None) -> str:
    where = (
        "the brightest voxels along z"
        if planes is None
        else f"the brightest voxels of planes {planes[0]} to {planes[1]}"
    )
    return (
        f"{where}, with {count(len(ways.now), 'position')} and the way each took over the last "
        f"{count(tail, 'time point')}. On the way: {count(len(ways.divisions), 'division')}, "
        f"{count(len(ways.starts), 'start')} and {count(len(ways.ends), 'end')} of tracks."
    )
