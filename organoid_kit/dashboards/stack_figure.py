"""The static twin of the stack browser: what it shows, as a figure for print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba

from organoid_kit.dashboards.stack_layers import DIVISION, Layer, LayerMarks
from organoid_kit.dashboards.stack_pictures import (
    Panel,
    PanelLayout,
    ShownStack,
    compute_nearness,
    select_plane,
)
from organoid_kit.plots.drawing import COLOURS, Drawing, Spacing, draw_figure, draw_plane

_PIXELS_PER_INCH = 100
_TITLE, _LEGEND_LINE = 0.35, 0.3  # inches


def plot_shown_stack(
    shown: ShownStack,
    arrangement: PanelLayout,
    view: str,
    place: np.ndarray,
    tones: np.ndarray,
    layers: Sequence[tuple[Layer, LayerMarks]],
    spacing_um: Spacing,
    *,
    title: str = "",
    description: str = "",
) -> Drawing:
    """The panels of a view with all marks, as `draw_picture` draws them, and a legend below.

    Args:
        shown: the time point.
        arrangement: of `arrange_panels`, for this view.
        view: "slice", "maximum" or "orthogonal".
        place: (3,) zyx, voxels, through which the slices go.
        tones: of `make_tones`.
        layers: with their marks at this time point.
        spacing_um: µm per voxel of the movie, zyx.
        title: above the figure.
        description: of the figure, in words.
    """
    below = _LEGEND_LINE * (len(layers) + 2) / 2 + 0.1
    width, height = arrangement.width / _PIXELS_PER_INCH, arrangement.height / _PIXELS_PER_INCH
    figure = draw_figure(width, height + _TITLE + below)
    figure.set_layout_engine("none")
    for number, panel in enumerate(arrangement.panels):
        axes = figure.add_axes(_compute_box(panel, arrangement, figure.get_figheight()))
        _draw_panel(axes, shown, panel, view, place, tones, spacing_um, bar=number == 0)
        for layer, marks in layers:
            _draw_layer(axes, layer, marks, panel, view, place, spacing_um)
    if layers:
        handles = figure.axes[0].get_legend_handles_labels()
        figure.legend(
            *handles, loc="lower center", ncols=2, fontsize=9, facecolor="0.1", labelcolor="white"
        )
    figure.suptitle(title, fontsize=11)
    figure.description = description
    return figure


def _compute_box(
    panel: Panel, arrangement: PanelLayout, inches_high: float
) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of a panel as parts of the figure."""
    high = inches_high * _PIXELS_PER_INCH
    bottom = high - _TITLE * _PIXELS_PER_INCH - panel.top - panel.height
    return (
        panel.left / arrangement.width,
        bottom / high,
        panel.width / arrangement.width,
        panel.height / high,
    )


def _draw_panel(
    axes: Axes,
    shown: ShownStack,
    panel: Panel,
    view: str,
    place: np.ndarray,
    tones: np.ndarray,
    spacing_um: Spacing,
    *,
    bar: bool,
) -> None:
    """The image, and in three orthogonal views where the other two cut."""
    _, down, right = panel.axes
    reduced = np.array([1, shown.reduced, shown.reduced]) * spacing_um
    draw_plane(
        axes,
        tones[select_plane(shown, panel, view, place)],
        reduced[[down, right]],
        limits=(0, 255),
        bar=bar,
    )
    if view == "orthogonal":
        line = {"color": "white", "linewidth": 0.8, "linestyle": "--", "alpha": 0.7}
        axes.axhline(place[down] * spacing_um[down], **line)
        axes.axvline(place[right] * spacing_um[right], **line)


def _draw_layer(
    axes: Axes,
    layer: Layer,
    marks: LayerMarks,
    panel: Panel,
    view: str,
    place: np.ndarray,
    spacing_um: Spacing,
) -> None:
    """Tails, positions in the slice, positions near it, divisions."""
    depth, down, right = panel.axes
    near = np.full(len(marks.rows), 2)
    if view != "maximum":
        near = compute_nearness(marks.positions, place, depth, spacing_um)
    scale = np.tile(spacing_um, 2)
    tails = marks.tails[near[marks.tails[:, 7].astype(int)] > 0]
    colours = [to_rgba(COLOURS[layer.mark.colour], 0.9 - 0.6 * age) for age in tails[:, 6].tolist()]
    pieces = (tails[:, :6] * scale)[:, [right, down, 3 + right, 3 + down]].reshape(-1, 2, 2)
    axes.add_collection(LineCollection(pieces, colors=colours, linewidths=2))
    points = marks.positions * spacing_um
    style = layer.mark.style(8)
    axes.plot(points[near == 2, right], points[near == 2, down], label=layer.name, **style)
    axes.plot(
        points[near == 1, right],
        points[near == 1, down],
        **(style | {"markersize": 5, "alpha": 0.55}),
    )
    if marks.divides.any():
        chosen = marks.divides & (near > 0)
        axes.plot(
            points[chosen, right], points[chosen, down], label=DIVISION.name, **DIVISION.style(7)
        )
