"""Tracks in the movie: the paths that nuclei took, and close-ups of single ones."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba

from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.plots import drawing
from organoid_kit.plots.drawing import COLOURS, Drawing, Mark, count, draw_panels, outline
from organoid_kit.plots.lineages import END, START, number_lineages

DIVISION = Mark("division", "*", "yellow", filled=True)
FOUND, PUT_IN = Mark("position", "o", "sky blue"), Mark("put in", "D", "yellow")
_DEPTH_UM = 5.0  # what lies this far above or below the nucleus is shown with it in close-up
_COLOURS = ("orange", "sky blue", "green", "yellow", "vermillion", "purple")


def plot_tracks(
    movie: TimeLapse,
    annotations: Annotations,
    time_point: int,
    *,
    tail: int = 5,
    channels: Sequence[int] = (1,),
) -> Drawing:
    """The movie along z, positions, and their paths over `tail` time points; see `number_lineages`."""
    now, links, *events = _trace_tails(annotations, time_point, tail)
    figure, axes = draw_panels(6, 6.2)
    drawing.draw_plane(axes, movie.stack(time_point, channels).max(axis=0), movie.spacing_um[1:])
    places_um = (annotations.positions * movie.spacing_um)[:, :0:-1]
    lineages = number_lineages(annotations)
    colours = [COLOURS[_COLOURS[lineage % len(_COLOURS)]] for lineage in lineages]
    ages = time_point - annotations.time_points
    faded = [to_rgba(colours[row], 1 - 0.75 * ages[row] / max(tail, 1)) for row in links[:, 1]]
    lines = LineCollection(places_um[links], colors=faded, linewidths=2, capstyle="round")
    axes.add_collection(lines)
    ring = Mark("position and its path", "o", "orange")
    text = {"color": "white", "fontsize": 8, "path_effects": outline(2), "annotation_clip": True}
    for row in now:
        axes.plot(*places_um[row], **(ring.style(8) | {"markeredgecolor": colours[row]}))
        number = str(lineages[row] + 1)
        axes.annotate(number, places_um[row], (5, 4), textcoords="offset points", **text)
    style = ring.style(8) | {"linestyle": "-", "color": COLOURS["orange"]}
    axes.plot([], [], label=f"{ring.name} ({len(now)})", **style)
    for (mark, size), rows in zip({DIVISION: 11, START: 6, END: 6}.items(), events):
        if len(rows):
            style = mark.style(size) | {"path_effects": outline(3)}
            axes.plot(*places_um[rows].T, label=f"{mark.name} ({len(rows)})", **style)
    figure.legend(loc="outside lower center", ncols=4, fontsize=9, **drawing.DARK_LEGEND)
    happened = [count(len(rows), noun) for rows, noun in zip(events, ("division", "start"))]
    return figure.caption(
        f"the brightest voxels along z, with {count(len(now), 'position')} and the path of "
        f"each over the last {count(tail, 'time point')}. "
        f"Along them: {', '.join(happened)} and {count(len(events[2]), 'end')} of tracks.",
        f"{movie.name}, time point {time_point}",
    )


def _trace_tails(annotations: Annotations, time_point: int, tail: int) -> tuple[np.ndarray, ...]:
    """Rows of now, links that led there, (k, 2) int, and rows of divisions, starts, recent ends."""
    times = annotations.time_points
    forward, backward = annotations.links_forward(), annotations.links_backward()
    recent = (times >= time_point - tail) & (times <= time_point)
    now = times == time_point
    ends = recent & (times < time_point) & (forward == 0)
    seen = now | ends
    links = annotations.links[recent[annotations.links].all(axis=1)]
    for earlier, later in links[np.argsort(-times[links[:, 1]], kind="stable")]:
        seen[earlier] |= seen[later]
    born = (backward == 0) & (times > annotations.annotated_time_points[:1])
    events = (seen & (forward >= 2), seen & born, ends)
    return np.flatnonzero(now), links[seen[links[:, 1]]], *map(np.flatnonzero, events)


def plot_close_ups(
    movie: TimeLapse,
    tracks: Annotations,
    rows: Sequence[int],
    names: Sequence[str],
    *,
    channels: Sequence[int] = (1,),
) -> Drawing:
    """Rows of tracks in close-up: the time point before, its own with a square, and the next. Lines
    lead to where positions near the plane were; those that tracking put in are diamonds.
    """
    figure, lines = draw_panels(8, 2.9 * len(rows), len(rows), 3, squeeze=False)
    positions_um = tracks.positions * movie.spacing_um
    planes_um = np.arange(movie.shape_zyx[0]) * movie.spacing_um[0]
    put_in = tracks.properties.get("interpolated", np.zeros(len(tracks))).astype(bool)
    for row, name, panels in zip(rows, names, lines, strict=True):
        depth_um, *place_um = positions_um[row]
        planes = np.abs(planes_um - depth_um) <= max(_DEPTH_UM, movie.spacing_um[0] / 2)
        near = np.abs(positions_um[:, 0] - depth_um) <= _DEPTH_UM
        for time_point, axes in enumerate(panels, start=int(tracks.time_points[row]) - 1):
            axes.set(xticks=[], yticks=[], aspect="equal", title=f"time point {time_point}")
            if time_point not in movie.time_points:
                axes.set(facecolor="0.8", title=f"time point {time_point}: not filmed")
                continue
            image = movie.stack(time_point, channels)[planes].max(axis=0)
            drawing.draw_close_up(axes, image, movie.spacing_um[1:], place_um)
            now = near & (tracks.time_points == time_point)
            for ends in positions_um[tracks.links[now[tracks.links[:, 1]]]]:
                axes.plot(ends[:, 2], ends[:, 1], color=COLOURS[FOUND.colour])
            for mark, shown in ((FOUND, now & ~put_in), (PUT_IN, now & put_in)):
                axes.plot(*positions_um[shown, :0:-1].T, **mark.style(8))
        panels[0].set_ylabel(name)
        square = {"marker": "s", "fillstyle": "none", "markersize": 22}
        panels[1].plot(*place_um[::-1], color=COLOURS["vermillion"], **square)
    said = f"Close-ups with tracks over three time points each: {'; '.join(names)}."
    return figure.caption(said)
