"""Close-ups of nuclei over three time points, with their tracks: is it the same nucleus?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.plots.drawing import (
    COLOURS,
    Drawing,
    Mark,
    add_scale_bar,
    draw_figure,
    draw_plane,
)

FOUND, PUT_IN = Mark("position", "o", "sky blue"), Mark("put in", "D", "yellow")
_HALF_WIDTH_UM = 12.0
_HALF_DEPTH_UM = 5.0  # above and below the nucleus: what lies within it is shown


def plot_close_ups(
    movie: TimeLapse,
    tracks: Annotations,
    rows: Sequence[int],
    names: Sequence[str],
    *,
    channels: Sequence[int] = (1,),
) -> Drawing:
    """Each nucleus in a line: one time point before, its own with a square around the nucleus, one
    later.

    From each position near its plane a line leads to where it was before; positions that were put
    in by tracking (property "interpolated") are diamonds.

    Args:
        movie: to look at.
        tracks: with links, in voxels of the movie.
        rows: of the tracks, at least one.
        names: one for each row, beside its line.
        channels: counted from 1; several are summed.
    """
    figure = draw_figure(8, 2.9 * len(rows))
    figure.description = f"Close-ups with tracks over three time points each: {'; '.join(names)}."
    for row, name, panels in zip(
        rows, names, figure.subplots(len(rows), 3, squeeze=False), strict=True
    ):
        place_um = tracks.positions[row] * movie.spacing_um
        for step, axes in zip((-1, 0, 1), panels, strict=True):
            _draw_close_up(
                axes, movie, tracks, int(tracks.time_points[row]) + step, place_um, channels
            )
        panels[0].set_ylabel(name)
        square = {
            "marker": "s",
            "color": COLOURS["vermillion"],
            "fillstyle": "none",
            "markersize": 22,
        }
        panels[1].plot(place_um[2], place_um[1], **square)
    return figure


def _draw_close_up(
    axes: Axes,
    movie: TimeLapse,
    tracks: Annotations,
    time_point: int,
    place_um: np.ndarray,
    channels: Sequence[int],
) -> None:
    """Few planes around a place, its positions, and for each a line to where it comes from."""
    _, y, x = place_um
    axes.set(
        xticks=[], yticks=[], aspect="equal", facecolor="0.8", title=f"time point {time_point}"
    )
    if time_point not in movie.time_points:
        axes.set(title=f"time point {time_point}: not filmed")
        return
    planes = np.arange(movie.shape_zyx[0])
    near = np.abs(planes * movie.spacing_um[0] - place_um[0]) <= max(
        _HALF_DEPTH_UM, movie.spacing_um[0] / 2
    )
    image = movie.stack(time_point, channels)[near].max(axis=0)
    draw_plane(axes, image, movie.spacing_um[1:], bar=False)
    axes.set(
        xlim=(x - _HALF_WIDTH_UM, x + _HALF_WIDTH_UM), ylim=(y + _HALF_WIDTH_UM, y - _HALF_WIDTH_UM)
    )
    add_scale_bar(axes, 2 * _HALF_WIDTH_UM)
    _draw_positions(axes, tracks, time_point, place_um[0], movie.spacing_um)


def _draw_positions(
    axes: Axes,
    tracks: Annotations,
    time_point: int,
    depth_um: float,
    spacing_um: tuple[float, float, float],
) -> None:
    positions_um = tracks.positions * spacing_um
    now = (tracks.time_points == time_point) & (
        np.abs(positions_um[:, 0] - depth_um) <= _HALF_DEPTH_UM
    )
    for ends in positions_um[tracks.links[now[tracks.links[:, 1]]]]:
        axes.plot(ends[:, 2], ends[:, 1], color=COLOURS[FOUND.colour])
    put_in = np.equal(
        tracks.properties.get("interpolated", np.zeros(len(tracks), bool)), True
    ).astype(bool)
    for rows, mark in ((now & ~put_in, FOUND), (now & put_in, PUT_IN)):
        axes.plot(*positions_um[rows, :0:-1].T, **mark.style(8))
