"""Where a stack browser's picture appears: drawn in the page (`stack_canvas`), or by the kernel as
a JPEG.

Which of the two a front end can do is found out: the page says so as soon as it has loaded the
script. Only then the canvas is shown, because with ipywidgets 7 nothing of a dashboard appears
where one of its parts cannot be loaded. Google Colab, which always can, loads nothing before it is
shown.
"""

from __future__ import annotations

import asyncio
import html
import sys
from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, Box, Image, Layout, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards.common import Messages, jpeg, mark
from organoid_kit.dashboards.stack_pictures import draw_picture
from organoid_kit.dashboards.stack_scene import StackScene

DRAWN_BY = ("auto", "browser", "kernel")
PATIENCE_S = 6.0  # so long the page may take to say that it can draw
_SHARED = (
    "time_point",
    "z",
    "y",
    "x",
    "view",
    "contrast",
    "gamma",
)  # controls that the page reads by itself


class StackDisplay(VBox):
    """The picture of a scene.

    Args:
        scene: what to draw.
        messages: where errors appear.
        drawn_by: "browser", "kernel", or "auto": in the browser where it can.
        hear: called with what the page says beyond asking for time points: clicks and keys.
        changed: called without arguments when the page draws, or no longer does.

    Attributes:
        drawn_by: "browser" or "kernel", as it is now.
        caption: what the kernel drew, in words; of as many lines as it takes, so nothing to press
            belongs below it.

    Raises:
        UserError: `drawn_by` is unknown, or "browser" without the package anywidget.
    """

    def __init__(
        self,
        scene: StackScene,
        messages: Messages,
        drawn_by: str,
        hear: Callable[[dict[str, Any]], None],
        changed: Callable[[], None],
    ) -> None:
        super().__init__()
        if drawn_by not in DRAWN_BY:
            raise UserError(
                f"drawn_by must be one of {', '.join(DRAWN_BY)}. Received: {drawn_by!r}. Choose another."
            )
        self._scene, self._messages, self._handle_event, self._changed = (
            scene,
            messages,
            hear,
            changed,
        )
        self._image = mark(Image(format="jpeg", layout=Layout(max_width="100%")), "ok-picture")
        self.caption = HTML()
        self._canvas = (
            None if drawn_by == "kernel" else self._make_canvas(needed=drawn_by == "browser")
        )
        self.children = [Box(), self._image]
        self.drawn_by = "browser" if self._canvas else "kernel"
        self._show_one(canvas="google.colab" in sys.modules)
        if self._canvas and drawn_by == "auto":
            self._wait_for_page()

    def redraw(self) -> None:
        """A new picture, where the kernel draws it."""
        if self.drawn_by != "kernel":
            return
        drawn = self._scene.compose()
        self._image.value = jpeg(draw_picture(*drawn))
        words = [self._scene.describe(), f"The white bar is {drawn[1].bar_um} µm long."]
        if found := self._scene.find_at_crosshair():
            words.append(f"At the crosshair: {found[0].describe(found[1])}")
        self.caption.value = (
            f'<div aria-live="polite" style="line-height:1.4">{html.escape(" ".join(words))}</div>'
        )

    def update_stacks(self) -> None:
        """Other channels are chosen."""
        if self._canvas:
            self._canvas.source = "+".join(map(str, self._scene.controls.channels.value))
        self.redraw()

    def update_marks(self) -> None:
        """Layers or tails are others than before."""
        if self._canvas:
            self._canvas.version += 1
        self.redraw()

    def _make_canvas(self, *, needed: bool) -> Any:
        """What draws in the page, or None where it is not needed and cannot be had."""
        try:
            from organoid_kit.dashboards.stack_canvas import StackCanvas
        except ImportError as error:
            if needed:
                raise UserError(
                    f"Drawing in the browser needs the package anywidget. Received: {error}. "
                    'Install it, or leave drawn_by="browser" out.'
                ) from error
            return None
        shared = {name: getattr(self._scene.controls, name) for name in _SHARED}
        canvas = StackCanvas(self._scene.movie, shared, self._answer)
        canvas.observe(lambda _: self._draw_with("browser"), "ready")
        return mark(canvas, "ok-canvas")

    def _wait_for_page(self) -> None:
        """Draws in the kernel if the page does not say in time that it can; without a page nobody
        waits.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_later(PATIENCE_S, lambda: self._canvas.ready or self._draw_with("kernel"))

    def _draw_with(self, drawn_by: str) -> None:
        with self._messages.watch(keep=True):
            self.drawn_by = drawn_by
            self._show_one(canvas=drawn_by == "browser")
            self._changed()
            self.redraw()

    def _show_one(self, *, canvas: bool) -> None:
        """One of the two pictures; the other stays, hidden. The canvas, once it is in the page,
        stays there.
        """
        if canvas and self._canvas:
            self.children[0].children = [self._canvas]
        for box, drawn_by in zip(self.children, ("browser", "kernel")):
            box.layout.display = None if drawn_by == self.drawn_by else "none"
        self.caption.layout.display = self._image.layout.display

    def _answer(self, content: dict[str, Any]) -> None:
        """The page wants a time point, or tells what the user did."""
        if content["kind"] != "want":
            with self._messages.watch():
                self._handle_event(content)
            return
        with self._messages.catch():
            self._send_time_point(
                int(content["time_point"]), stack=content["stack"], marks=content["marks"]
            )

    def _send_time_point(self, time_point: int, *, stack: bool, marks: bool) -> None:
        scene, shown = self._scene, None
        try:
            shown = scene.pictures.at(time_point, scene.controls.channels.value) if stack else None
        except Exception as error:
            self._messages.fail(error)
            self._canvas.send_failure(time_point, str(error))
        self._canvas.send_time_point(
            time_point, shown, scene.collect_marks(time_point) if marks else None
        )
