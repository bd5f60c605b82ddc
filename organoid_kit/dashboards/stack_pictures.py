"""From a movie to pictures: stacks of 8 bit, where they are drawn, and the picture itself as an
array.

A browser draws with what stands here (`stack_browser.js`); where there is none that can,
`draw_picture` does the same.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from skimage.draw import line, polygon

from organoid_kit.dashboards.common import make_strokes
from organoid_kit.dashboards.stack_layers import DIVISION, Layer, LayerMarks
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.plots.drawing import COLOURS, CONTRAST, NEAR_PLANES, Mark, Spacing, choose_bar_um

VIEWS = ("slice", "maximum", "orthogonal")
MOST_BYTES = 16_000_000  # of one time point, sent to the browser
MOST_PIXELS = 500  # of the longer side of a picture
GAP = 6  # pixels between panels
FAINT_PLANES = 3.0  # positions farther from a slice are not drawn in it
SIZE = 6  # pixels from the middle of a mark to its rim
_SAMPLE = 500_000  # so many voxels tell the quantiles


@dataclass(frozen=True, eq=False)
class ShownStack:
    """One time point as it is shown.

    Attributes:
        values: (z, y, x) uint8, 0 at the lower and 255 at the upper limit.
        reduced: so many voxels of the movie, along y and x, make one.
        limits: intensities that are black and white, at the quantiles `CONTRAST`.
    """

    values: np.ndarray
    reduced: int
    limits: tuple[float, float]


class StackPictures:
    """Time points of a movie as 8 bit; the last few are kept."""

    def __init__(self, movie: TimeLapse, *, most_bytes: int = MOST_BYTES, kept: int = 4) -> None:
        self.movie, self.kept = movie, kept
        self.reduced = compute_reduction(movie.shape_zyx, most_bytes)
        self._stacks: OrderedDict[tuple, ShownStack] = OrderedDict()
        self._lock = threading.Lock()  # the page asks in one thread, handlers in another

    def at(self, time_point: int, channels: tuple[int, ...]) -> ShownStack:
        """A time point, several channels summed.

        Raises:
            UserError: the movie lacks it, or its file is damaged.
        """
        key = (time_point, channels)
        with self._lock:
            if key not in self._stacks:
                self._stacks[key] = make_shown_stack(
                    self.movie.stack(time_point, channels), self.reduced
                )
            self._stacks.move_to_end(key)
            while len(self._stacks) > self.kept:
                self._stacks.popitem(last=False)
            return self._stacks[key]


def compute_reduction(shape_zyx: tuple[int, int, int], most_bytes: int) -> int:
    """The smallest whole number by which y and x must shrink for a stack to have no more bytes."""
    depth, height, width = shape_zyx
    reduced = 1
    while depth * (height // reduced) * (width // reduced) > most_bytes and reduced < min(
        height, width
    ):
        reduced += 1
    return reduced


def make_shown_stack(stack: np.ndarray, reduced: int = 1) -> ShownStack:
    """A stack brought to 8 bit; in the plane, `reduced` × `reduced` voxels are averaged to one."""
    low, high = find_limits(stack)
    depth, height, width = stack.shape
    values = np.empty((depth, height // reduced, width // reduced), np.uint8)
    for z, plane in enumerate(stack):
        plane = np.asarray(plane, np.float32)
        if reduced > 1:
            plane = plane[: values.shape[1] * reduced, : values.shape[2] * reduced]
            plane = plane.reshape(values.shape[1], reduced, values.shape[2], reduced).mean(
                axis=(1, 3)
            )
        values[z] = np.clip(np.nan_to_num((plane - low) * (255 / (high - low))), 0, 255)
    return ShownStack(values, reduced, (low, high))


def find_limits(stack: np.ndarray) -> tuple[float, float]:
    """Intensities at the quantiles `CONTRAST`, from a sample of the voxels; the second is above the
    first.
    """
    step = int(np.ceil(np.sqrt(max(stack.size / _SAMPLE, 1))))
    sample = np.asarray(stack[:, ::step, ::step], np.float32)
    sample = sample[np.isfinite(sample)]
    low, high = np.quantile(sample, CONTRAST) if sample.size else (0, 1)
    return float(low), float(max(high, low + 1e-6 + abs(low) * 1e-6))


@dataclass(frozen=True)
class Panel:
    """Where one side of the stack is drawn: the axes looked along, downward and rightward; a place
    in pixels.
    """

    axes: tuple[int, int, int]
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class PanelLayout:
    """The panels of a view in a picture of so many pixels; `scale` is pixels per µm."""

    panels: tuple[Panel, ...]
    width: int
    height: int
    scale: float

    @property
    def bar_um(self) -> int:
        """The length of the scale bar in the first panel."""
        return choose_bar_um(self.panels[0].width / self.scale)


def arrange_panels(shape_zyx: Sequence[int], spacing_um: Spacing, view: str) -> PanelLayout:
    """Panels at one scale in µm, so that voxels have their true proportions."""
    depth, height, width = (float(length) for length in np.multiply(shape_zyx, spacing_um))
    if view != "orthogonal":
        scale = MOST_PIXELS / max(height, width)
        panel = Panel((0, 1, 2), 0, 0, width * scale, height * scale)
        return PanelLayout((panel,), round(panel.width), round(panel.height), scale)
    scale = (MOST_PIXELS - GAP) / max(height + depth, width + depth)
    across, down, deep = width * scale, height * scale, depth * scale
    panels = (
        Panel((0, 1, 2), 0, 0, across, down),
        Panel((2, 1, 0), across + GAP, 0, deep, down),
        Panel((1, 0, 2), 0, down + GAP, across, deep),
    )
    return PanelLayout(panels, round(across + GAP + deep), round(down + GAP + deep), scale)


def make_tones(contrast: tuple[float, float], gamma: float) -> np.ndarray:
    """(256,) uint8: how bright each value is shown."""
    low, high = contrast
    part = np.clip((np.arange(256) / 255 - low) / max(high - low, 1e-3), 0, 1)
    return np.round(255 * part**gamma).astype(np.uint8)


def compute_nearness(
    positions: np.ndarray, place: np.ndarray, axis: int, spacing_um: Spacing
) -> np.ndarray:
    """(n,) int: 2 where a position lies in the slice across an axis at a place, 1 where near it,
    else 0.

    A plane is as thick as along z on all three sides.
    """
    planes = np.abs(positions[:, axis] - place[axis]) * spacing_um[axis] / spacing_um[0]
    return (planes <= NEAR_PLANES).astype(int) + (planes <= FAINT_PLANES)


def draw_picture(
    shown: ShownStack,
    arrangement: PanelLayout,
    view: str,
    place: np.ndarray,
    tones: np.ndarray,
    layers: Sequence[tuple[Layer, LayerMarks]],
    spacing_um: Spacing,
) -> np.ndarray:
    """The picture, (y, x, 3) uint8, with all marks.

    Args:
        shown: the time point.
        arrangement: of `arrange_panels`, for this view.
        view: one of `VIEWS`.
        place: (3,) zyx, voxels, through which the slices go.
        tones: of `make_tones`.
        layers: with their marks at this time point.
        spacing_um: µm per voxel of the movie, zyx.
    """
    picture = np.full((arrangement.height, arrangement.width, 3), 40, np.uint8)
    for panel in arrangement.panels:
        _draw_plane(picture, panel, tones[select_plane(shown, panel, view, place)])
        pixels = _Pixels(picture, panel, np.multiply(spacing_um, arrangement.scale))
        for layer, marks in layers:
            near = np.full(len(marks.rows), 2)
            if view != "maximum":
                near = compute_nearness(marks.positions, place, panel.axes[0], spacing_um)
            _draw_layer(pixels, layer, marks, near)
        pixels.draw_cross(place)
        if panel is arrangement.panels[0]:
            pixels.draw_bar(arrangement.bar_um * arrangement.scale)
    return picture


def select_plane(shown: ShownStack, panel: Panel, view: str, place: np.ndarray) -> np.ndarray:
    """The plane of a panel, its vertical axis first."""
    depth, vertical, horizontal = panel.axes
    if view == "maximum":
        return shown.values.max(axis=0)
    index = int(place[depth] if depth == 0 else place[depth] // shown.reduced)
    plane = np.take(shown.values, min(index, shown.values.shape[depth] - 1), axis=depth)
    return plane if vertical < horizontal else plane.T


def _draw_plane(picture: np.ndarray, panel: Panel, plane: np.ndarray) -> None:
    """Each pixel gets the voxel it lies in."""
    top, left = round(panel.top), round(panel.left)
    height = min(round(panel.height), picture.shape[0] - top)
    width = min(round(panel.width), picture.shape[1] - left)
    rows = (np.arange(height) * plane.shape[0] / height).astype(int)
    columns = (np.arange(width) * plane.shape[1] / width).astype(int)
    picture[top : top + height, left : left + width] = plane[rows][:, columns, None]


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Draws lines into the part of a picture that a panel fills."""

    picture: np.ndarray
    panel: Panel
    pixels_per_voxel: np.ndarray

    def find(self, positions: np.ndarray) -> np.ndarray:
        """(n, 2) pixels, y and x, of positions in voxels."""
        axes = list(self.panel.axes[1:])
        return (positions[:, axes] + 0.5) * self.pixels_per_voxel[axes] + (
            self.panel.top,
            self.panel.left,
        )

    def draw(
        self,
        lines: Sequence[np.ndarray],
        colour: str,
        strength: float,
        *,
        filled: bool = False,
        rim: bool = False,
    ) -> None:
        """Lines of points, each (n, 2) pixels, two pixels wide; with a dark rim they are seen on
        bright nuclei, too.
        """
        ends = [np.round(points).astype(int) for points in lines]
        drawn = [
            line(*start, *stop) for points in ends for start, stop in zip(points[:-1], points[1:])
        ]
        if not drawn:
            return
        pixels = np.concatenate([np.stack(each) for each in drawn], axis=1)
        if rim:
            self._blend(_thicken(pixels, (-1, 0, 1, 2)), (0, 0, 0), 0.5 * strength)
        if filled:
            pixels = np.concatenate(
                [pixels, *(np.stack(polygon(*points.T)) for points in lines)], axis=1
            )
        self._blend(_thicken(pixels, (0, 1)), _as_rgb(colour), strength)

    def draw_cross(self, place: np.ndarray) -> None:
        """Four white ticks around a place."""
        middle = self.find(np.asarray(place, float)[None])[0]
        directions = ((0, 1), (0, -1), (1, 0), (-1, 0))
        self.draw(
            [middle + np.outer((12, 20), direction) for direction in directions],
            "white",
            0.8,
            rim=True,
        )

    def draw_bar(self, length: float) -> None:
        """A white bar at the lower right, so many pixels long."""
        bottom, right = (
            int(self.panel.top + self.panel.height) - 14,
            int(self.panel.left + self.panel.width) - 14,
        )
        self.picture[bottom - 5 : bottom + 9, right - round(length) - 5 : right + 5] = 0
        self.picture[bottom : bottom + 4, right - round(length) : right] = 255

    def _blend(self, pixels: np.ndarray, colour: tuple[int, int, int], strength: float) -> None:
        """Each pixel of (2, n) once, as far as it lies in the panel."""
        panel, (rows, columns) = self.panel, pixels
        inside = (rows >= panel.top) & (rows < min(panel.top + panel.height, len(self.picture)))
        inside &= (columns >= panel.left) & (
            columns < min(panel.left + panel.width, self.picture.shape[1])
        )
        rows, columns = rows[inside], columns[inside]
        self.picture[rows, columns] = (1 - strength) * self.picture[
            rows, columns
        ] + strength * np.array(colour)


def _thicken(pixels: np.ndarray, offsets: Sequence[int]) -> np.ndarray:
    """The pixels and their neighbours at these offsets, down and right."""
    shifts = np.stack(np.meshgrid(offsets, offsets)).reshape(2, -1)
    return (pixels[:, :, None] + shifts[:, None]).reshape(2, -1)


def _draw_layer(pixels: _Pixels, layer: Layer, marks: LayerMarks, near: np.ndarray) -> None:
    """Tails first, then marks: strong in the slice, small and faint near it."""
    tails = marks.tails[near[marks.tails[:, 7].astype(int)] > 0]
    for age in np.unique(tails[:, 6]):
        chosen = tails[tails[:, 6] == age]
        pieces = np.stack([pixels.find(chosen[:, :3]), pixels.find(chosen[:, 3:6])], axis=1)
        pixels.draw(list(pieces), layer.mark.colour, 0.9 - 0.6 * age)
    points = pixels.find(marks.positions)
    for nearness, size, strength in ((1, 0.7 * SIZE, 0.55), (2, SIZE, 1.0)):
        here, divides = points[near == nearness], points[(near == nearness) & marks.divides]
        _draw_marks(pixels, here, layer.mark, size, strength)
        _draw_marks(pixels, divides + (-1.6 * size, 1.6 * size), DIVISION, size, strength)


def _draw_marks(
    pixels: _Pixels, points: np.ndarray, mark: Mark, size: float, strength: float
) -> None:
    strokes = [np.array(stroke)[:, ::-1] * size for stroke in make_strokes(mark.shape)]
    lines = [point + stroke for point in points for stroke in strokes]
    pixels.draw(lines, mark.colour, strength, filled=mark.filled, rim=True)


def _as_rgb(colour: str) -> tuple[int, int, int]:
    text = COLOURS.get(colour, "#FFFFFF")
    return tuple(int(text[start : start + 2], 16) for start in (1, 3, 5))
