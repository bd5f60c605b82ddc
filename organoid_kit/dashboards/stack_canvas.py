"""The part of the stack browser that draws in the browser: `stack_browser.js`, and what it is told.

The page asks for time points, one after the other, and keeps some; a slider moved there needs no
kernel as long as the time point is there. anywidget brings the script to the page, with JupyterLab,
classic Notebook, Colab and VS Code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from ipywidgets import Widget, widget_serialization

from organoid_kit.dashboards.common import make_strokes
from organoid_kit.dashboards.stack_layers import DIVISION, Layer, LayerMarks
from organoid_kit.dashboards.stack_pictures import (
    FAINT_PLANES,
    SIZE,
    VIEWS,
    ShownStack,
    arrange_panels,
)
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.plots.drawing import COLOURS, NEAR_PLANES, Mark

MOST_KEPT_BYTES = 96_000_000  # of time points kept in the page


class StackCanvas(anywidget.AnyWidget):
    """Draws stacks in the page.

    Attributes:
        ready: the page has loaded the script.
        setting: what never changes: the movie's size and name, panels and colours.
        controls: the sliders and switches whose values the page reads by itself.
        source: which channels the stacks are summed from; where it changes, the page forgets its
            stacks.
        version: of layers and tails; where it changes, the page asks for its marks anew.
    """

    _esm = Path(__file__).with_name("stack_browser.js")
    _css = (
        ".ok-stack-canvas canvas { display: block; max-width: 100%; cursor: crosshair; background: #282828 }"
        ".ok-stack-canvas canvas:focus { outline: 3px solid #0072B2; outline-offset: -3px }"
        ".ok-stack-words { font-size: 13px; line-height: 1.4; min-height: 2.8em; max-width: 500px; padding-top: 4px }"
    )
    ready = traitlets.Bool(False).tag(sync=True)
    setting = traitlets.Dict().tag(sync=True)
    controls = traitlets.Dict().tag(sync=True, **widget_serialization)
    source = traitlets.Unicode().tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)

    def __init__(
        self, movie: TimeLapse, controls: Mapping[str, Widget], answer: Callable[[dict], None]
    ) -> None:
        super().__init__(setting=make_canvas_setup(movie), controls=dict(controls))
        self.on_msg(lambda _, content, buffers: answer(content))

    def send_time_point(
        self,
        time_point: int,
        stack: ShownStack | None,
        layers: list[tuple[Layer, LayerMarks]] | None,
    ) -> None:
        """Answers the page: the stack, the layers, or both."""
        content: dict[str, Any] = {"kind": "time point", "time_point": time_point}
        buffers = []
        if stack is not None:
            content |= {
                "source": self.source,
                "shape": stack.values.shape,
                "reduced": stack.reduced,
            }
            buffers.append(memoryview(stack.values).cast("B"))
        if layers is not None:
            content |= {
                "version": self.version,
                "layers": [describe_layer(*each) for each in layers],
            }
            buffers += [
                _as_bytes(each) for _, marks in layers for each in (marks.positions, marks.tails)
            ]
        self.send(content, buffers)

    def send_failure(self, time_point: int, text: str) -> None:
        """Answers the page that there is no such stack, and why."""
        self.send({"kind": "failed", "time_point": time_point, "text": text})


def make_canvas_setup(movie: TimeLapse) -> dict[str, Any]:
    """What the page must know of a movie before it can draw, as plain JSON values."""
    spacing = tuple(map(float, movie.spacing_um))
    arrangements = {view: arrange_panels(movie.shape_zyx, spacing, view) for view in VIEWS}
    return {
        "name": movie.name,
        "first": movie.time_points.start,
        "last": movie.time_points.stop - 1,
        "shape": [int(length) for length in movie.shape_zyx],
        "spacing": list(spacing),
        "views": [
            {
                "name": view,
                "width": found.width,
                "height": found.height,
                "scale": found.scale,
                "bar_um": found.bar_um,
                "panels": [vars(panel) for panel in found.panels],
            }
            for view, found in arrangements.items()
        ],
        "division": describe_mark(DIVISION),
        "near": NEAR_PLANES,
        "faint": FAINT_PLANES,
        "size": SIZE,
        "most_kept_bytes": MOST_KEPT_BYTES,
    }


def describe_mark(mark: Mark) -> dict[str, Any]:
    """How a mark is drawn, as plain JSON values."""
    return {
        "strokes": make_strokes(mark.shape),
        "colour": COLOURS[mark.colour],
        "filled": mark.filled,
    }


def describe_layer(layer: Layer, marks: LayerMarks) -> dict[str, Any]:
    """A layer at a time point but for its numbers, which travel as bytes."""
    return {
        "name": layer.name,
        "rows": marks.rows.tolist(),
        "texts": marks.texts,
        "divides": marks.divides.tolist(),
        **describe_mark(layer.mark),
    }


def _as_bytes(array) -> bytes:
    return array.astype("<f4").tobytes()
