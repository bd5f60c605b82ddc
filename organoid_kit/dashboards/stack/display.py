"""Where a stack browser's picture appears: drawn in the page, or by the kernel as a JPEG.

Which of the two a front end can do is found out: the page says so as soon as it has loaded the
script. Only then is the canvas shown, because with ipywidgets 7 nothing of a dashboard appears
where one of its parts cannot be loaded. Google Colab, which always can, loads nothing before it is
shown. The page asks for time points and keeps some; a slider moved there then needs no kernel.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from ipywidgets import HTML, Box, Image, Layout, VBox, Widget, widget_serialization

from organoid_kit import dashboards
from organoid_kit.base import refuse_if
from organoid_kit.dashboards.parts import common
from organoid_kit.dashboards.stack import pictures
from organoid_kit.dashboards.stack.layers import DIVISION
from organoid_kit.data import TimeLapse
from organoid_kit.plots.drawing import COLOURS, NEAR_PLANES, Mark

MOST_KEPT_BYTES = 96_000_000  # of time points kept in the page
PATIENCE_S = 6.0  # so long the page may take to say that it can draw
CHANNEL_COLOURS = ("sky blue", "vermillion", "green", "purple")  # and again
_READ_BY_PAGE = tuple("time_point z y x view contrast gamma zoom composite play".split())


class StackDisplay(VBox):
    """The picture, drawn by "browser" or "kernel"; the `caption` has any number of lines."""

    def __init__(self, browser: "dashboards.StackBrowser", drawn_by: str) -> None:
        super().__init__()
        refuse_if(drawn_by not in ("auto", "browser", "kernel"), "drawn_by", drawn_by=drawn_by)
        self._browser, self.caption = browser, HTML()
        self._image = Image(format="jpeg", layout=Layout(width="100%")).add_class("ok-picture")
        self._canvas = None
        if drawn_by != "kernel":
            controls = {name: getattr(browser, name) for name in _READ_BY_PAGE}
            self._canvas = StackCanvas(browser.movie, controls, self._answer).add_class("ok-canvas")
            self._canvas.observe(lambda _: self._draw_with("browser"), "ready")
        self.children = [Box(), self._image]
        self.drawn_by = "browser" if self._canvas else "kernel"
        self._show_one(canvas="google.colab" in sys.modules)
        if drawn_by == "auto":
            with suppress(RuntimeError):  # without a page nobody waits; a silent one is drawn for
                wait = asyncio.get_running_loop().call_later
                wait(PATIENCE_S, lambda: self._canvas.ready or self._draw_with("kernel"))

    def redraw(self) -> None:
        """A new picture, where the kernel draws it."""
        if self.drawn_by != "kernel":
            return
        browser, scene = self._browser, self._browser.compose()
        self._image.value = common.jpeg(pictures.render_scene(scene))
        words = f"{browser.describe()} The white bar is {scene.layout.bar_um} µm long."
        if found := browser.find_at_crosshair():
            words += f" At the crosshair: {found[0].describe(found[1])}"
        self.caption.value = common.make_live_text(words)

    def update_stacks(self) -> None:
        """Other channels are chosen."""
        if self._canvas:
            sign = "," if self._browser.composite.value else "+"
            self._canvas.source = sign.join(map(str, self._browser.channels.value))
        self.redraw()

    def update_marks(self) -> None:
        """Layers or tails are others than before."""
        if self._canvas:
            self._canvas.version += 1
        self.redraw()

    def _draw_with(self, drawn_by: str) -> None:
        with self._browser.messages.watch(keep=True):
            self.drawn_by = drawn_by
            self._show_one(canvas=drawn_by == "browser")
            self._browser.show_what_is_needed()
            self.redraw()

    def _show_one(self, *, canvas: bool) -> None:
        """One of the two pictures, the other hidden; once in the page, the canvas stays there."""
        if canvas and self._canvas:
            self.children[0].children = [self._canvas]
        for box, drawn_by in zip(self.children, ("browser", "kernel")):
            box.layout.display = None if drawn_by == self.drawn_by else "none"
        self.caption.layout.display = self._image.layout.display

    def _answer(self, content: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        browser, stacks, marks = self._browser, [], None
        if content["kind"] != "want":
            with browser.messages.watch():
                browser.handle_event(content, buffers)
            return
        time_point = int(content["time_point"])
        with browser.messages.catch():
            try:
                if content["stack"]:
                    chosen = browser.channels.value
                    parts = [(each,) for each in chosen] if browser.composite.value else [chosen]
                    stacks = [browser.pictures.at(time_point, part) for part in parts]
            except Exception as error:
                browser.messages.fail(error)
                failure = {"kind": "failed", "time_point": time_point, "text": str(error)}
                self._canvas.send(failure)
            if content["marks"]:
                marks = browser.collect_marks(time_point)
            self._canvas.send_time_point(time_point, stacks, marks)


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
    centre = traitlets.List().tag(sync=True)  # zyx, voxels, where the picture was dragged
    version = traitlets.Int(0).tag(sync=True)

    def __init__(self, movie: TimeLapse, controls: dict[str, Widget], answer: Callable) -> None:
        super().__init__(setting=make_canvas_setup(movie), controls=controls)
        self.on_msg(lambda _, content, buffers: answer(content, buffers))

    def send_time_point(
        self, time_point: int, stacks: list[pictures.ShownStack], layers: pictures.Layers | None
    ) -> None:
        """Answers the page: stacks to be added up, layers, or both; numbers travel as bytes."""
        content: dict[str, Any] = {"kind": "time point", "time_point": time_point}
        buffers = []
        if stacks:
            content |= {"source": self.source, "parts": len(stacks)}
            content |= {"reduced": stacks[0].reduced, "shape": stacks[0].values.shape}
            buffers += [memoryview(stack.values).cast("B") for stack in stacks]
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
        "colours": [COLOURS[name] for name in CHANNEL_COLOURS],
    }


def _describe_mark(mark: Mark) -> dict[str, Any]:
    strokes = common.make_strokes(mark.shape)
    return {"strokes": strokes, "colour": COLOURS[mark.colour], "filled": mark.filled}
