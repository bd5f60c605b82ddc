"""From a movie to stacks of 8 bit, and where their sides are drawn.

Two renderers draw what stands here: the page (`stack_browser.js`), and `stack_scene.py` for print
and for pages that cannot.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from organoid_kit.data import TimeLapse
from organoid_kit.plots.drawing import CONTRAST, NEAR_PLANES, Spacing, choose_bar_um

VIEWS = ("slice", "maximum", "orthogonal")
MOST_BYTES = 16_000_000  # of one time point, sent to the browser
MOST_PIXELS = 500  # of the longer side of a picture
GAP = 6  # pixels between panels
FAINT_PLANES = 3.0  # positions farther from a slice are not drawn in it
SIZE = 6  # pixels from the middle of a mark to its rim
_SAMPLE = 500_000  # voxels of which the quantiles are taken


@dataclass(frozen=True, eq=False)
class ShownStack:
    """One time point, (z, y, x) uint8; in the plane, `reduced` × `reduced` voxels make one."""

    values: np.ndarray
    reduced: int


class StackPictures:
    """Time points of a movie as 8 bit; the last few are kept."""

    def __init__(self, movie: TimeLapse, *, kept: int = 4) -> None:
        self.movie, self.reduced = movie, compute_reduction(movie.shape_zyx, MOST_BYTES)
        self._make = lru_cache(kept)(
            lambda *wanted: make_shown_stack(movie.stack(*wanted), self.reduced)
        )
        self._lock = threading.Lock()  # the page asks in one thread, handlers in another

    def at(self, time_point: int, channels: tuple[int, ...]) -> ShownStack:
        """A time point, several channels summed."""
        with self._lock:
            return self._make(time_point, channels)


def compute_reduction(shape_zyx: tuple[int, int, int], most_bytes: int) -> int:
    """The smallest whole number by which y and x must shrink for a stack to have no more bytes."""
    depth, height, width = shape_zyx
    reduced = 1
    while reduced < min(height, width):
        if depth * (height // reduced) * (width // reduced) <= most_bytes:
            break
        reduced += 1
    return reduced


def make_shown_stack(stack: np.ndarray, reduced: int = 1) -> ShownStack:
    """A stack brought to 8 bit; in the plane, `reduced` × `reduced` voxels are averaged to one."""
    low, high = find_limits(stack)
    depth, height, width = stack.shape[0], *(length // reduced for length in stack.shape[1:])
    values = np.empty((depth, height, width), np.uint8)
    for z, plane in enumerate(stack):
        plane = np.asarray(plane, np.float32)
        if reduced > 1:
            plane = plane[: height * reduced, : width * reduced]
            plane = plane.reshape(height, reduced, width, reduced).mean(axis=(1, 3))
        values[z] = np.clip(np.nan_to_num((plane - low) * (255 / (high - low))), 0, 255)
    return ShownStack(values, reduced)


def find_limits(stack: np.ndarray) -> tuple[float, float]:
    """Intensities at the quantiles `CONTRAST` of a sample of the voxels, the second the larger."""
    step = int(np.ceil(np.sqrt(max(stack.size / _SAMPLE, 1))))
    sample = np.asarray(stack[:, ::step, ::step], np.float32)
    sample = sample[np.isfinite(sample)]
    low, high = np.quantile(sample, CONTRAST) if sample.size else (0, 1)
    return float(low), float(max(high, low + 1e-6 + abs(low) * 1e-6))


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


def arrange_panels(shape_zyx: Sequence[int], spacing_um: Spacing, view: str) -> PanelLayout:
    """Panels at one scale in µm, so that voxels have their true proportions."""
    size_um = np.multiply(shape_zyx, spacing_um).astype(float)
    depth, height, width = size_um
    if view == "orthogonal":
        scale = (MOST_PIXELS - GAP) / (max(height, width) + depth)
        deep, down, across = (size_um * scale).tolist()
        panels = (
            Panel((0, 1, 2), 0, 0, across, down),
            Panel((2, 1, 0), across + GAP, 0, deep, down),
            Panel((1, 0, 2), 0, down + GAP, across, deep),
        )
    else:
        scale = MOST_PIXELS / max(height, width)
        panels = (Panel((0, 1, 2), 0, 0, float(width * scale), float(height * scale)),)
    right = max(panel.left + panel.width for panel in panels)
    bottom = max(panel.top + panel.height for panel in panels)
    bar_um = choose_bar_um(float(width))
    return PanelLayout(view, panels, round(right), round(bottom), float(scale), bar_um)


def make_tones(contrast: tuple[float, float], gamma: float) -> np.ndarray:
    """(256,) uint8: how bright each value is shown."""
    low, high = contrast
    part = np.clip((np.arange(256) / 255 - low) / max(high - low, 1e-3), 0, 1)
    return np.round(255 * part**gamma).astype(np.uint8)


def compute_nearness(
    positions: np.ndarray, place: np.ndarray, axis: int, spacing_um: Spacing
) -> np.ndarray:
    """(n,) int: 2 for positions in the slice across an axis at a place, 1 near it, else 0.

    A plane is as thick as along z on all three sides.
    """
    planes = np.abs(positions[:, axis] - place[axis]) * spacing_um[axis] / spacing_um[0]
    return (planes <= NEAR_PLANES).astype(int) + (planes <= FAINT_PLANES)
