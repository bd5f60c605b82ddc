"""Stacks of 8 bit, and the scene of a stack browser, which the page or matplotlib draws."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba

from organoid_kit.dashboards.stack.layers import DIVISION, Layer, LayerMarks
from organoid_kit.data import TimeLapse
from organoid_kit.plots import drawing

Layers = Sequence[tuple[Layer, LayerMarks]]
VIEWS = ("slice", "maximum", "orthogonal")
MOST_BYTES = 16_000_000  # of one time point, sent to the browser
MOST_PIXELS = 500  # of the longer side of a picture
GAP = 6  # pixels between panels
FAINT_PLANES = 3.0  # positions farther from a slice are not drawn in it
SIZE = 6  # pixels from the middle of a mark to its rim
_SAMPLE = 500_000  # voxels of which the quantiles are taken
_DPI, _POINT = 100, 72  # of figures, and of the points in which matplotlib measures lines


@dataclass(frozen=True, eq=False)
class ShownStack:
    """One time point, (z, y, x) uint8; in the plane, `reduced` × `reduced` voxels make one."""

    values: np.ndarray
    reduced: int


class StackPictures:
    """Time points of a movie as 8 bit; the last few are kept."""

    def __init__(self, movie: TimeLapse, *, kept: int = 4) -> None:
        reduced = compute_reduction(movie.shape_zyx, MOST_BYTES)
        self._make = lru_cache(kept)(lambda *what: make_shown_stack(movie.stack(*what), reduced))
        self._lock = threading.Lock()  # the page asks in one thread, handlers in another

    def at(self, time_point: int, channels: tuple[int, ...]) -> ShownStack:
        """A time point, several channels summed."""
        with self._lock:
            return self._make(time_point, channels)


def compute_reduction(shape_zyx: tuple[int, int, int], most_bytes: int) -> int:
    """The smallest whole number by which y and x must shrink for a stack to have no more bytes."""
    depth, height, width = shape_zyx
    most = min(height, width)
    sizes = ((n, depth * (height // n) * (width // n)) for n in range(1, most))
    return next((n for n, size in sizes if size <= most_bytes), most)


def make_shown_stack(stack: np.ndarray, reduced: int = 1) -> ShownStack:
    """A stack brought to 8 bit; in the plane, `reduced` × `reduced` voxels are averaged to one."""
    low, high = find_limits(stack)
    depth, height, width = stack.shape[0], *(length // reduced for length in stack.shape[1:])
    values = np.empty((depth, height, width), np.uint8)
    for z, plane in enumerate(stack):
        plane = np.asarray(plane[: height * reduced, : width * reduced], np.float32)
        plane = plane.reshape(height, reduced, width, reduced).mean(axis=(1, 3))
        values[z] = np.clip(np.nan_to_num((plane - low) * (255 / (high - low))), 0, 255)
    return ShownStack(values, reduced)


def find_limits(stack: np.ndarray) -> tuple[float, float]:
    """Intensities at the quantiles `CONTRAST` of a sample of the voxels, the second the larger."""
    step = int(np.ceil(np.sqrt(max(stack.size / _SAMPLE, 1))))
    sample = np.asarray(stack[:, ::step, ::step], np.float32)
    sample = sample[np.isfinite(sample)]
    low, high = np.quantile(sample, drawing.CONTRAST) if sample.size else (0, 1)
    return float(low), float(max(high, low + 1e-6 + abs(low) * 1e-6))


def make_tones(contrast: tuple[float, float], gamma: float) -> np.ndarray:
    """(256,) uint8: how bright each value is shown."""
    low, high = contrast
    part = np.clip((np.arange(256) / 255 - low) / max(high - low, 1e-3), 0, 1)
    return np.round(255 * part**gamma).astype(np.uint8)


@dataclass(frozen=True)
class Panel:
    """Where one side of a stack is drawn, in pixels; `axes`: along the view, down, right."""

    axes: tuple[int, int, int]
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class PanelLayout:
    """The panels of one of the `VIEWS` in a picture of so many pixels; `scale`: pixels per µm."""

    name: str
    panels: tuple[Panel, ...]
    width: int
    height: int
    scale: float
    bar_um: int


def arrange_panels(shape_zyx: Sequence[int], spacing_um: drawing.Spacing, view: str) -> PanelLayout:
    """Panels at one scale in µm, so that voxels have their true proportions."""
    depth, height, width = size_um = np.multiply(shape_zyx, spacing_um).astype(float)
    scale = MOST_PIXELS / max(height, width)
    if view == "orthogonal":
        scale = (MOST_PIXELS - GAP) / (max(height, width) + depth)
    deep, down, across = (size_um * scale).tolist()
    panels = (Panel((0, 1, 2), 0, 0, across, down),)
    if view == "orthogonal":
        side = Panel((2, 1, 0), across + GAP, 0, deep, down)
        panels += (side, Panel((1, 0, 2), 0, down + GAP, across, deep))
    right = max(panel.left + panel.width for panel in panels)
    bottom = max(panel.top + panel.height for panel in panels)
    bar_um = drawing.choose_bar_um(float(width))
    return PanelLayout(view, panels, round(right), round(bottom), float(scale), bar_um)


def compute_nearness(
    positions: np.ndarray, place: np.ndarray, axis: int, spacing_um: drawing.Spacing
) -> np.ndarray:
    """(n,) int: 2 for positions in the slice across an axis at a place, 1 near it, else 0."""
    # A plane is as thick as along z on all three sides.
    planes = np.abs(positions[:, axis] - place[axis]) * spacing_um[axis] / spacing_um[0]
    return (planes <= drawing.NEAR_PLANES).astype(int) + (planes <= FAINT_PLANES)


@dataclass(frozen=True, eq=False)
class Scene:
    """What is shown, for whoever draws it. The page makes the same of the same controls."""

    stack: ShownStack
    layout: PanelLayout
    place: np.ndarray  # (3,) zyx, voxels: the crosshair; the slices go through it
    tones: np.ndarray  # (256,) uint8, how bright each value is
    layers: Layers
    spacing_um: drawing.Spacing

    def select_plane(self, panel: Panel) -> np.ndarray:
        """What a panel shows of the stack, its vertical axis first."""
        depth, vertical, horizontal = panel.axes
        values = self.stack.values
        if self.layout.name == "maximum":
            return self.tones[values.max(axis=0)]
        index = int(self.place[depth]) // (self.stack.reduced if depth else 1)
        plane = np.take(values, min(index, values.shape[depth] - 1), axis=depth)
        return self.tones[plane if vertical < horizontal else plane.T]

    def project(self, panel: Panel, positions: np.ndarray) -> np.ndarray:
        """(n, 2) x and y in µm from a panel's corner, of positions in voxels."""
        _, down, right = panel.axes
        return ((positions + 0.5) * self.spacing_um)[:, [right, down]]


def draw_scene(scene: Scene, title: str = "", description: str = "") -> drawing.Drawing:
    """The scene as a figure; with a title above and a legend below, if there is a title."""
    above, below = (35, 15 * (len(scene.layers) + 2) + 10) if title else (0, 0)
    width, height = scene.layout.width, scene.layout.height + above + below
    figure = drawing.Drawing(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    figure.suptitle(title, fontsize=11) if title else figure.set_facecolor("0.16")
    for panel in scene.layout.panels:
        bottom = height - above - panel.top - panel.height
        box = np.array([panel.left, bottom, panel.width, panel.height])
        axes = figure.add_axes(box / (width, height, width, height))
        right, bottom = np.array([panel.width, panel.height]) / scene.layout.scale  # in µm
        extent, look = (0, right, bottom, 0), {"cmap": "gray", "interpolation": "nearest"}
        plane = scene.select_plane(panel)
        axes.imshow(plane, extent=extent, aspect="auto", vmin=0, vmax=255, **look)
        axes.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:])
        axes.set_frame_on(False)
        for layer, marks in scene.layers:
            _draw_layer(axes, scene, panel, layer, marks)
        _draw_cross(axes, scene, panel)
        if panel is scene.layout.panels[0]:
            drawing.add_scale_bar(axes, right)
    if title and scene.layers:
        handles = figure.axes[0].get_legend_handles_labels()
        style = {"fontsize": 9, "facecolor": "0.1", "labelcolor": "white"}
        figure.legend(*handles, loc="lower center", ncols=2, **style)
    return figure.caption(description)


def render_scene(scene: Scene) -> np.ndarray:
    """The scene as a picture, (y, x, 3) uint8."""
    canvas = FigureCanvasAgg(draw_scene(scene))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def _draw_layer(axes: Axes, scene: Scene, panel: Panel, layer: Layer, marks: LayerMarks) -> None:
    """Tails first, then marks: strong in the slice, small and faint near it."""
    near = np.full(len(marks.positions), 2)
    if scene.layout.name != "maximum":
        where = (scene.place, panel.axes[0], scene.spacing_um)
        near = compute_nearness(marks.positions, *where)
    tails = marks.tails[near[marks.tails[:, 7].astype(int)] > 0]
    ends = [scene.project(panel, tails[:, :3]), scene.project(panel, tails[:, 3:6])]
    colours = [to_rgba(drawing.COLOURS[layer.mark.colour], 0.9 - 0.6 * age) for age in tails[:, 6]]
    lines = LineCollection(np.stack(ends, axis=1), colors=colours, linewidths=2 * _POINT / _DPI)
    axes.add_collection(lines, autolim=False)
    points = scene.project(panel, marks.positions)
    for nearness, size, strength in ((1, 0.7 * SIZE, 0.55), (2, SIZE, 1)):
        chosen, label = near == nearness, nearness == 2
        name = drawing.name_line(layer.name) if label else ""
        _draw_marks(axes, points[chosen], layer.mark, size, strength, name)
        if marks.divides.any():
            beside = 1.6 * np.array((1, -1)) * size / scene.layout.scale
            stars = points[chosen & marks.divides] + beside
            _draw_marks(axes, stars, DIVISION, size, strength, DIVISION.name if label else "")


def _draw_marks(
    axes: Axes, points: np.ndarray, mark: drawing.Mark, size: float, strength: float, label: str
) -> None:
    """Marks with a dark rim, so that they are seen on bright nuclei, too."""
    style = mark.style(2 * size * _POINT / _DPI) | {"markeredgewidth": 1.5, "alpha": strength}
    rim = {"markeredgecolor": "black", "markeredgewidth": 3, "alpha": strength / 2}
    axes.plot(*points.T, **(style | rim))
    axes.plot(*points.T, label=label, **style)


def _draw_cross(axes: Axes, scene: Scene, panel: Panel) -> None:
    """Four ticks around the crosshair; in three views lines, where the other two cut."""
    middle = scene.project(panel, scene.place[None])[0]
    far, dashes = (2000, "dashed") if scene.layout.name == "orthogonal" else (20, "solid")
    reach = np.array([12, far]) / scene.layout.scale
    lines = [middle + np.outer(reach, way) for way in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    for colour, wide in (("black", 2.2), ("white", 1.1)):
        style = {"colors": colour, "linewidths": wide, "linestyles": dashes, "alpha": 0.8}
        axes.add_collection(LineCollection(lines, **style), autolim=False)
