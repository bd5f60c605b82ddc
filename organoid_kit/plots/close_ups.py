"""Close-ups of nuclei over three time points, with their tracks: is it the same nucleus?"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.plots.drawing import COLOURS, Drawing, Mark, draw_close_up, draw_figure

FOUND, PUT_IN = Mark("position", "o", "sky blue"), Mark("put in", "D", "yellow")
_DEPTH_UM = 5.0  # what lies this far above or below the nucleus is shown with it


def plot_close_ups(
    movie: TimeLapse,
    tracks: Annotations,
    rows: Sequence[int],
    names: Sequence[str],
    *,
    channels: Sequence[int] = (1,),
) -> Drawing:
    """Each nucleus in a line: the time point before, its own with a square around it, and the next.

    From each position near its plane a line leads to where it was before; positions that tracking
    put in (property "interpolated") are diamonds.

    Args:
        rows: of the tracks, at least one.
        names: one for each row, written beside its line.
        channels: counted from 1; several are summed.
    """
    figure = draw_figure(8, 2.9 * len(rows))
    figure.description = f"Close-ups with tracks over three time points each: {'; '.join(names)}."
    lines = figure.subplots(len(rows), 3, squeeze=False)
    for row, name, panels in zip(rows, names, lines, strict=True):
        centre_um = tracks.positions[row] * movie.spacing_um
        for step, axes in zip((-1, 0, 1), panels, strict=True):
            time_point = int(tracks.time_points[row]) + step
            _draw_time_point(axes, movie, tracks, time_point, centre_um, channels)
        panels[0].set_ylabel(name)
        square = {"marker": "s", "fillstyle": "none", "markersize": 22}
        panels[1].plot(centre_um[2], centre_um[1], color=COLOURS["vermillion"], **square)
    return figure


def _draw_time_point(
    axes: Axes,
    movie: TimeLapse,
    tracks: Annotations,
    time_point: int,
    centre_um: np.ndarray,
    channels: Sequence[int],
) -> None:
    """A few planes around a place, its positions, and a line from each to where it was before."""
    axes.set(xticks=[], yticks=[], aspect="equal", title=f"time point {time_point}")
    if time_point not in movie.time_points:
        axes.set(facecolor="0.8", title=f"time point {time_point}: not filmed")
        return
    planes_um = np.arange(movie.shape_zyx[0]) * movie.spacing_um[0]
    near = np.abs(planes_um - centre_um[0]) <= max(_DEPTH_UM, movie.spacing_um[0] / 2)
    image = movie.stack(time_point, channels)[near].max(axis=0)
    draw_close_up(axes, image, movie.spacing_um[1:], centre_um[1:])
    positions_um = tracks.positions * movie.spacing_um
    now = tracks.time_points == time_point
    now &= np.abs(positions_um[:, 0] - centre_um[0]) <= _DEPTH_UM
    for ends in positions_um[tracks.links[now[tracks.links[:, 1]]]]:
        axes.plot(ends[:, 2], ends[:, 1], color=COLOURS[FOUND.colour])
    put_in = np.equal(tracks.properties.get("interpolated", np.zeros(len(tracks))), True)
    put_in = put_in.astype(bool)
    for mark, shown in ((FOUND, now & ~put_in), (PUT_IN, now & put_in)):
        axes.plot(*positions_um[shown, :0:-1].T, **mark.style(8))
