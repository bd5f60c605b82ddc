"""What a stack browser shows at one moment, and a drawing of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba

from organoid_kit.dashboards.stack.layers import DIVISION, Layer, LayerMarks
from organoid_kit.dashboards.stack.pictures import (
    SIZE,
    Panel,
    PanelLayout,
    ShownStack,
    compute_nearness,
)
from organoid_kit.plots import Drawing
from organoid_kit.plots.drawing import COLOURS, Mark, Spacing, add_scale_bar

_DPI, _POINT = 100, 72  # of figures, and of the points in which matplotlib measures lines


@dataclass(frozen=True, eq=False)
class Scene:
    """What is shown, for whoever draws it. The page makes the same of the same controls.

    Attributes:
        stack: the time point.
        layout: of the view.
        place: (3,) zyx, voxels, where the crosshair is; the slices go through it.
        tones: (256,) uint8, how bright each value is.
        layers: with their marks at this time point.
        spacing_um: µm per voxel of the movie.
    """

    stack: ShownStack
    layout: PanelLayout
    place: np.ndarray
    tones: np.ndarray
    layers: Sequence[tuple[Layer, LayerMarks]]
    spacing_um: Spacing

    def select_plane(self, panel: Panel) -> np.ndarray:
        """What a panel shows of the stack, its vertical axis first."""
        depth, vertical, horizontal = panel.axes
        values = self.stack.values
        if self.layout.name == "maximum":
            return self.tones[values.max(axis=0)]
        index = int(self.place[depth]) // (self.stack.reduced if depth else 1)
        plane = np.take(values, min(index, values.shape[depth] - 1), axis=depth)
        return self.tones[plane if vertical < horizontal else plane.T]

    def compute_nearness(self, panel: Panel, positions: np.ndarray) -> np.ndarray:
        """Which positions a panel shows: 2 clearly, 1 faintly, 0 not at all."""
        if self.layout.name == "maximum":
            return np.full(len(positions), 2)
        return compute_nearness(positions, self.place, panel.axes[0], self.spacing_um)

    def project(self, panel: Panel, positions: np.ndarray) -> np.ndarray:
        """(n, 2) x and y in µm from a panel's corner, of positions in voxels."""
        _, down, right = panel.axes
        return ((positions + 0.5) * self.spacing_um)[:, [right, down]]


def draw_scene(scene: Scene, title: str = "", description: str = "") -> Drawing:
    """The scene as a figure; with a title above and a legend below, if there is a title."""
    above, below = (35, 15 * (len(scene.layers) + 2) + 10) if title else (0, 0)
    width, height = scene.layout.width, scene.layout.height + above + below
    figure = Drawing(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    if title:
        figure.suptitle(title, fontsize=11)
    else:
        figure.set_facecolor("0.16")
    for panel in scene.layout.panels:
        bottom = height - above - panel.top - panel.height
        box = np.array([panel.left, bottom, panel.width, panel.height])
        axes = figure.add_axes(box / (width, height, width, height))
        _draw_panel(axes, scene, panel)
    if title and scene.layers:
        handles = figure.axes[0].get_legend_handles_labels()
        style = {"fontsize": 9, "facecolor": "0.1", "labelcolor": "white"}
        figure.legend(*handles, loc="lower center", ncols=2, **style)
    figure.description = description
    return figure


def render_scene(scene: Scene) -> np.ndarray:
    """The scene as a picture, (y, x, 3) uint8."""
    canvas = FigureCanvasAgg(draw_scene(scene))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def _draw_panel(axes: Axes, scene: Scene, panel: Panel) -> None:
    """Image, layers, crosshair and bar, in µm."""
    right, bottom = np.array([panel.width, panel.height]) / scene.layout.scale
    extent = (0, right, bottom, 0)
    plane = scene.select_plane(panel)
    options = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "nearest"}
    axes.imshow(plane, extent=extent, aspect="auto", **options)
    axes.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:])
    axes.set_frame_on(False)
    for layer, marks in scene.layers:
        _draw_layer(axes, scene, panel, layer, marks)
    _draw_cross(axes, scene, panel)
    if panel is scene.layout.panels[0]:
        add_scale_bar(axes, right)


def _draw_layer(axes: Axes, scene: Scene, panel: Panel, layer: Layer, marks: LayerMarks) -> None:
    """Tails first, then marks: strong in the slice, small and faint near it."""
    near = scene.compute_nearness(panel, marks.positions)
    tails = marks.tails[near[marks.tails[:, 7].astype(int)] > 0]
    ends = [scene.project(panel, tails[:, :3]), scene.project(panel, tails[:, 3:6])]
    colours = [to_rgba(COLOURS[layer.mark.colour], 0.9 - 0.6 * age) for age in tails[:, 6]]
    lines = LineCollection(np.stack(ends, axis=1), colors=colours, linewidths=2 * _POINT / _DPI)
    axes.add_collection(lines, autolim=False)
    points = scene.project(panel, marks.positions)
    for nearness, size, strength in ((1, 0.7 * SIZE, 0.55), (2, SIZE, 1)):
        chosen, label = near == nearness, nearness == 2
        _draw_marks(axes, points[chosen], layer.mark, size, strength, layer.name if label else "")
        if marks.divides.any():
            beside = 1.6 * np.array((1, -1)) * size / scene.layout.scale
            stars = points[chosen & marks.divides] + beside
            _draw_marks(axes, stars, DIVISION, size, strength, DIVISION.name if label else "")


def _draw_marks(
    axes: Axes, points: np.ndarray, mark: Mark, size: float, strength: float, label: str
) -> None:
    """Marks with a dark rim, so that they are seen on bright nuclei, too."""
    style = mark.style(2 * size * _POINT / _DPI) | {"markeredgewidth": 1.5, "alpha": strength}
    rim = {"markeredgecolor": "black", "markeredgewidth": 3, "alpha": strength / 2}
    axes.plot(*points.T, **(style | rim))
    axes.plot(*points.T, label=label, **style)


def _draw_cross(axes: Axes, scene: Scene, panel: Panel) -> None:
    """Four ticks around the crosshair; in three views lines, where the other two cut."""
    middle = scene.project(panel, scene.place[None])[0]
    reach = np.array([12, 2000 if scene.layout.name == "orthogonal" else 20]) / scene.layout.scale
    lines = [middle + np.outer(reach, way) for way in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    dashes = "dashed" if scene.layout.name == "orthogonal" else "solid"
    for colour, wide in (("black", 2.2), ("white", 1.1)):
        style = {"colors": colour, "linewidths": wide, "linestyles": dashes, "alpha": 0.8}
        axes.add_collection(LineCollection(lines, **style), autolim=False)
