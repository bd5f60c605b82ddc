"""The part of the stack browser that draws in the page: `stack_browser.js`, and what it is told.

The page asks for time points and keeps some; a slider moved there then needs no kernel.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from ipywidgets import Widget, widget_serialization

from organoid_kit.dashboards.parts.common import make_strokes
from organoid_kit.dashboards.stack import pictures
from organoid_kit.dashboards.stack.layers import DIVISION
from organoid_kit.data import TimeLapse
from organoid_kit.plots.drawing import COLOURS, NEAR_PLANES, Mark

MOST_KEPT_BYTES = 96_000_000  # of time points kept in the page


class StackCanvas(anywidget.AnyWidget):
    """Draws stacks in the page. It forgets them where `source` changes, the channels that are
    summed, and asks for its marks anew where `version` does; it reads the values of `controls`.
    """

    _esm = Path(__file__).with_name("stack_browser.js")
    _css = Path(__file__).with_name("stack_browser.css")
    ready = traitlets.Bool(False).tag(sync=True)  # the page has loaded the script
    setting = traitlets.Dict().tag(sync=True)  # what never changes, see `make_canvas_setup`
    controls = traitlets.Dict().tag(sync=True, **widget_serialization)
    source = traitlets.Unicode().tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)

    def __init__(self, movie: TimeLapse, controls: dict[str, Widget], answer: Callable) -> None:
        super().__init__(setting=make_canvas_setup(movie), controls=controls)
        self.on_msg(lambda _, content, buffers: answer(content))

    def send_time_point(
        self, time_point: int, stack: pictures.ShownStack | None, layers: pictures.Layers | None
    ) -> None:
        """Answers the page: the stack, the layers, or both; numbers travel as bytes."""
        content: dict[str, Any] = {"kind": "time point", "time_point": time_point}
        buffers = []
        if stack is not None:
            shape = stack.values.shape
            content |= {"source": self.source, "reduced": stack.reduced, "shape": shape}
            buffers.append(memoryview(stack.values).cast("B"))
        if layers is not None:
            described = [
                {"name": layer.name, "rows": marks.rows.tolist(), "texts": marks.texts}
                | {"divides": marks.divides.tolist(), **_describe_mark(layer.mark)}
                for layer, marks in layers
            ]
            content |= {"version": self.version, "layers": described}
            arrays = [array for _, marks in layers for array in (marks.positions, marks.tails)]
            buffers += [array.astype("<f4").tobytes() for array in arrays]
        self.send(content, buffers)


def make_canvas_setup(movie: TimeLapse) -> dict[str, Any]:
    """What the page must know of a movie before it can draw, as plain JSON values."""
    shape, spacing_um = movie.shape_zyx, tuple(map(float, movie.spacing_um))
    layouts = [pictures.arrange_panels(shape, spacing_um, view) for view in pictures.VIEWS]
    return {
        "name": movie.name,
        "first": movie.time_points.start,
        "last": movie.time_points.stop - 1,
        "shape": [int(length) for length in shape],
        "spacing": list(spacing_um),
        "views": [asdict(layout) for layout in layouts],
        "division": _describe_mark(DIVISION),
        "near": NEAR_PLANES,
        "faint": pictures.FAINT_PLANES,
        "size": pictures.SIZE,
        "most_kept_bytes": MOST_KEPT_BYTES,
    }


def _describe_mark(mark: Mark) -> dict[str, Any]:
    strokes = make_strokes(mark.shape)
    return {"strokes": strokes, "colour": COLOURS[mark.colour], "filled": mark.filled}
