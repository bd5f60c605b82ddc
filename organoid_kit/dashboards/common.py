"""What all dashboards share: messages, handles for tests, pictures, choices, and legends."""

from __future__ import annotations

import html
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import imagecodecs
import ipywidgets
import numpy as np
import traitlets
from ipywidgets import HTML, Checkbox, Layout, VBox
from matplotlib.markers import MarkerStyle

from organoid_kit.base.errors import UserError
from organoid_kit.plots.drawing import COLOURS, Mark

# Text on its ground, with a contrast of at least 7:1 whatever theme the notebook has.
INK, PAPER = "#1a1a1a", "#ffffff"
DARK = "#202020"  # behind marks, in legends: the ground they have on images
KINDS = {  # ground, bar at the left, word in front; the word says it to those who do not see the colour
    "say": ("#eef6fb", COLOURS["blue"], ""),
    "warn": ("#fdf3dc", COLOURS["orange"], "Note: "),
    "fail": ("#fbe9e0", COLOURS["vermillion"], "Error: "),
}
WIDE = {"description_width": "initial"}  # style of a control whose label is not cut off
JPEG_QUALITY = 90
# One handler at a time, whichever the dashboard. ipykernel 7.4 under JupyterLab deals with the
# first change of a widget in the main thread and with the later ones in another (a subshell): of
# two pictures drawn side by side, the older one could be finished, and shown, last. One lock for
# all, as dashboards within dashboards call each other.
_one_handler = threading.RLock()


@contextmanager
def handler_lock(*, wait: bool = True) -> Iterator[bool]:
    """Lets no handler work meanwhile. Yields whether it is one's turn: always, if one waits for it."""
    is_mine = _one_handler.acquire(blocking=wait)
    try:
        yield is_mine
    finally:
        if is_mine:
            _one_handler.release()


class Messages(HTML):
    """One message at a time, below or above the controls; screen readers say it as it changes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_class("ok-messages")
        self.kind = ""

    def say(self, text: str) -> None:
        """Something happened as it should."""
        self._show("say", text)

    def warn(self, text: str) -> None:
        """Something to look at."""
        self._show("warn", text)

    def fail(self, error: BaseException) -> None:
        """Something went wrong: the text of a `UserError`; of any other error its type, text and
        place.
        """
        if isinstance(error, UserError):
            self._show("fail", str(error))
            return
        last = traceback.extract_tb(error.__traceback__)[-1:]
        place = "".join(f" ({frame.filename}, line {frame.lineno}: {frame.line})" for frame in last)
        self._show("fail", f"{type(error).__name__}: {error}{place}")

    def clear(self) -> None:
        """Nothing to say."""
        self.kind, self.value = "", ""

    @contextmanager
    def watch(self, *, keep: bool = False) -> Iterator[None]:
        """Shows what goes wrong inside; an earlier error leaves first. Nothing else that is watched
        goes on meanwhile.

        Args:
            keep: whether an earlier error stays, for work that the user did not ask for.
        """
        with handler_lock():
            if self.kind == "fail" and not keep:
                self.clear()
            with self.catch():
                yield

    @contextmanager
    def catch(self) -> Iterator[None]:
        """Shows what goes wrong inside; for long work in a thread, which must not keep handlers
        waiting.
        """
        try:
            yield
        except Exception as error:
            self.fail(error)

    def _show(self, kind: str, text: str) -> None:
        ground, bar, word = KINDS[kind]
        role = (
            'role="status" aria-live="polite"'
            if kind == "say"
            else 'role="alert" aria-live="assertive"'
        )
        style = f"background:{ground};color:{INK};border-left:4px solid {bar};padding:4px 8px;line-height:1.4"
        self.kind = kind
        self.value = (
            f'<div {role} class="ok-{kind}" style="{style}">{word}{html.escape(text)}</div>'
        )


def make_status(text: str) -> str:
    """A text as HTML, which a screen reader says when it changes."""
    return f'<div role="status" style="color:{INK};background:{PAPER}">{html.escape(text)}</div>'


class CheckboxGroup(VBox):
    """Checkboxes, of which several can be on; `value` is a tuple of what is chosen, in the order of
    `options`.

    Args:
        options: (label, value) of each checkbox.
        value: what is chosen.
        description: above the checkboxes.
        at_least: so many must stay on; who tries to switch off one more sees it come back.
    """

    value = traitlets.Tuple()

    def __init__(
        self,
        options: Sequence[tuple[str, Any]] = (),
        value: Sequence[Any] = (),
        description: str = "",
        *,
        at_least: int = 0,
        **layout: Any,
    ) -> None:
        super().__init__(**layout)
        self.at_least, self.boxes = at_least, ()
        self._heading = [HTML(f"<b>{html.escape(description)}</b>")] if description else []
        self.set_options(options, value)

    def set_options(self, options: Sequence[tuple[str, Any]], value: Sequence[Any]) -> None:
        """Other checkboxes in place of those there are."""
        old, self.options = self.boxes, tuple(options)
        self.boxes = tuple(
            Checkbox(
                value=each in value,
                description=escape_label(label),
                indent=False,
                layout=Layout(width="auto"),
            )
            for label, each in self.options
        )
        for box in self.boxes:
            box.observe(self._take, "value")
        self.children = (*self._heading, *self.boxes)
        self.value = tuple(value)
        for box in old:
            box.close()

    def _take(self, change: dict[str, Any]) -> None:
        """From the checkboxes."""
        with handler_lock():
            chosen = tuple(each for box, (_, each) in zip(self.boxes, self.options) if box.value)
            if len(chosen) < self.at_least:
                change["owner"].value = True
            else:
                self.value = chosen

    @traitlets.validate("value")
    def _check(self, proposal: dict[str, Any]) -> tuple[Any, ...]:
        known = [each for _, each in self.options]
        wrong = [each for each in proposal["value"] if each not in known]
        if wrong or len(proposal["value"]) < self.at_least:
            raise UserError(
                f"At least {self.at_least} of {known} must be chosen. Received: {tuple(proposal['value'])}. "
                "Choose among these."
            )
        return tuple(each for each in known if each in proposal["value"])

    @traitlets.observe("value")
    def _show(self, change: dict[str, Any]) -> None:
        """On the checkboxes, all at once."""
        for box, (_, each) in zip(self.boxes, self.options):
            box.unobserve(self._take, "value")
            box.value = each in change["new"]
            box.observe(self._take, "value")


def mark(widget: ipywidgets.Widget, css_class: str) -> ipywidgets.Widget:
    """The widget, with a class such as "ok-time-point" by which a test finds it in a page."""
    widget.add_class(css_class)
    return widget


def make_tooltip(text: str) -> dict[str, str]:
    """What is said where one points at a control, as the keyword that this version of ipywidgets
    has for it.
    """
    return {"tooltip" if _get_widgets_version() >= 8 else "description_tooltip": text}


def escape_label(text: str) -> str:
    """A label from a file for `description`, which ipywidgets 7 takes for HTML and 8 for text."""
    return html.escape(text) if _get_widgets_version() < 8 else text


def _get_widgets_version() -> int:
    return int(ipywidgets.__version__.split(".")[0])


def jpeg(picture: np.ndarray) -> bytes:
    """The bytes of a JPEG file for an `Image` widget.

    Args:
        picture: (y, x) grey or (y, x, 3) red, green, blue; uint8.
    """
    return bytes(imagecodecs.jpeg_encode(np.ascontiguousarray(picture), level=JPEG_QUALITY))


@cache
def make_strokes(shape: str) -> list[list[tuple[float, float]]]:
    """The lines that draw a mark, each a list of (x, y) with y down, in a box from -1 to 1.

    Args:
        shape: as matplotlib names it, such as "o", "s", "^" or "x".
    """
    style = MarkerStyle(shape)
    path = style.get_path().transformed(style.get_transform())
    lines = [np.asarray(line) for line in path.to_polygons(closed_only=False)]
    size = float(max(np.abs(line).max() for line in lines))
    return [[(round(x / size, 3), round(-y / size, 3)) for x, y in line.tolist()] for line in lines]


def draw_shape(
    shape: str, x: float, y: float, size: float, colour: str, fill: str | None = None
) -> str:
    """A mark as matplotlib names it, as SVG, with a dark rim so that it stands out on any ground."""
    lines = [
        " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in line)
        for line in make_strokes(shape)
    ]
    return "".join(
        f'<polyline points="{line}" fill="none" stroke="#000" stroke-opacity="0.6" stroke-width="3.4"/>'
        f'<polyline points="{line}" fill="{fill or "none"}" stroke="{colour}" stroke-width="1.7"/>'
        for line in lines
    )


def draw_mark(shown: Mark, ground: str = DARK, size: int = 18) -> str:
    """A mark on the ground it has in the picture, as SVG for `HTML`."""
    colour, half = COLOURS[shown.colour], size / 2
    drawn = draw_shape(
        shown.shape, half, half, 0.3 * size, colour, colour if shown.filled else None
    )
    return (
        f'<svg width="{size}" height="{size}" aria-hidden="true" style="vertical-align:middle">'
        f'<rect width="{size}" height="{size}" rx="3" fill="{ground}"/>{drawn}</svg>'
    )


def make_legend(entries: Iterable[tuple[Mark, str]], ground: str = DARK) -> str:
    """Marks with words beside them, as HTML; words are escaped.

    Args:
        entries: mark and word.
        ground: `DARK`, as under marks on images, or `PAPER`, as under those of a diagram.
    """
    items = [
        f'<span style="white-space:nowrap;margin-right:1.2em">{draw_mark(shown, ground)} {html.escape(text)}</span>'
        for shown, text in entries
    ]
    return f'<div class="ok-legend" style="line-height:1.8">{" ".join(items)}</div>'
