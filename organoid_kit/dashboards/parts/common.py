"""What all dashboards share: messages, handles for tests, pictures, choices, and legends."""

import html
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import imagecodecs
import ipywidgets
import jinja2
import numpy as np
import traitlets
from ipywidgets import HTML, Checkbox, Layout, VBox, Widget
from matplotlib.markers import MarkerStyle

from organoid_kit.base import UserError, refuse_if
from organoid_kit.plots.drawing import COLOURS, Mark

# Text on its ground, with a contrast of at least 7:1 whatever theme the notebook has.
INK, PAPER = "#1a1a1a", "#ffffff"
DARK = "#202020"  # behind marks, in legends: the ground they have on images
KINDS = {  # ground, bar at the left, word in front: it tells those who do not see the colour
    "say": ("#eef6fb", COLOURS["blue"], ""),
    "warn": ("#fdf3dc", COLOURS["orange"], "Note: "),
    "fail": ("#fbe9e0", COLOURS["vermillion"], "Error: "),
}
Options = Sequence[tuple[str, Any]]  # label, value
WIDE = {"description_width": "initial"}  # style of a control whose label is not cut off
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
# One handler at a time, whichever the dashboard. ipykernel 7.4 under JupyterLab deals with the
# first change of a widget in the main thread and with the later ones in another (a subshell): of
# two pictures drawn side by side, the older one could be finished, and shown, last. One lock for
# all, as dashboards within dashboards call each other.
handler_lock = threading.RLock()


class Messages(HTML):
    """One message at a time, below or above the controls; screen readers say it as it changes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_class("ok-messages")
        self.kind = ""

    def say(self, text: str, kind: str = "say") -> None:
        """Something happened as it should, or is of another of the `KINDS`."""
        self.kind, self.value = kind, make_message(kind, text)

    def fail(self, error: BaseException) -> None:
        """Something went wrong; of what is no `UserError`, type and place are shown, too."""
        text = str(error)
        if not isinstance(error, UserError):
            text = f"{type(error).__name__}: {text}"
            for frame in traceback.extract_tb(error.__traceback__)[-1:]:
                text += f" ({frame.filename}, line {frame.lineno}: {frame.line})"
        self.say(text, "fail")

    @contextmanager
    def watch(self, *, keep: bool = False) -> Iterator[None]:
        """Shows what goes wrong inside, one handler at a time; earlier errors stay if we `keep`."""
        with handler_lock:
            if self.kind == "fail" and not keep:
                self.kind, self.value = "", ""
            with self.catch():
                yield

    @contextmanager
    def catch(self) -> Iterator[None]:
        """The same for long work in a thread, which must not keep handlers waiting."""
        try:
            yield
        except Exception as error:
            self.fail(error)


def show_app(make: Callable[[], Widget]) -> Widget:
    """The dashboard of an app, or on its page why there is none: Voila itself would not say it."""
    messages = Messages()
    with messages.watch():
        return make()
    return messages


def render(template: str, **values: Any) -> str:
    """A template of this room, filled in; texts are escaped."""
    return _TEMPLATES.get_template(template).render(values)


def make_message(kind: str, text: str) -> str:
    """A message of one of the `KINDS`, as HTML."""
    role, live = ("status", "polite") if kind == "say" else ("alert", "assertive")
    look = dict(zip(("ground", "bar", "word"), KINDS[kind]))
    return render("message.html", kind=kind, text=text, role=role, live=live, **look)


def make_status(text: str, *, bold: str = "", role: str = "status") -> str:
    """A text as HTML, which a screen reader says when it changes, unless its `role` is "note"."""
    style = f"line-height:1.4;color:{INK};background:{PAPER}"
    bold = f"<b>{html.escape(bold)}</b>" if bold else ""
    return f'<div role="{role}" style="{style}">{bold}{html.escape(text)}</div>'


def make_live_text(text: str) -> str:
    """The same in the colours of the page."""
    style = "line-height:1.4;overflow-wrap:anywhere"
    return f'<div aria-live="polite" style="{style}">{html.escape(text)}</div>'


class CheckboxGroup(VBox):
    """Checkboxes; `value` holds the values that are checked, in order; `at_least` so many stay so."""

    value = traitlets.Tuple()

    def __init__(
        self, options: Options = (), value: Sequence = (), description: str = "", at_least: int = 0
    ) -> None:
        super().__init__()
        self.at_least, self.boxes = at_least, ()
        self._heading = [HTML(f"<b>{html.escape(description)}</b>")] if description else []
        self.set_options(options, value)

    def set_options(self, options: Options, value: Sequence) -> None:
        """Other checkboxes in place of these."""
        old, self.options, self.boxes = self.boxes, tuple(options), ()
        look = {"indent": False, "layout": Layout(width="auto"), **make_tooltip("")}
        for label, option in self.options:
            box = Checkbox(value=option in value, description=escape_label(label), **look)
            box.observe(self._take, "value")
            self.boxes += (box,)
        self.children = (*self._heading, *self.boxes)
        self.value = tuple(value)
        for box in old:
            box.close()

    def _take(self, change: dict[str, Any]) -> None:
        with handler_lock:
            checked = [value for box, (_, value) in zip(self.boxes, self.options) if box.value]
            if len(checked) < self.at_least:
                change["owner"].value = True
            else:
                self.value = tuple(checked)

    @traitlets.validate("value")
    def _check(self, proposal: dict[str, Any]) -> tuple[Any, ...]:
        wanted, known = tuple(proposal["value"]), [value for _, value in self.options]
        wrong = not set(wanted) <= set(known) or len(wanted) < self.at_least
        refuse_if(wrong, "checkboxes", at_least=self.at_least, known=known, wanted=wanted)
        return tuple(value for value in known if value in wanted)

    @traitlets.observe("value")
    def _show(self, change: dict[str, Any]) -> None:
        for box, (_, value) in zip(self.boxes, self.options):
            box.unobserve(self._take, "value")
            box.value = value in change["new"]
            box.observe(self._take, "value")


@cache
def make_strict(kind: type[Widget]) -> type[Widget]:
    """The same control, but it refuses what lies beyond its ends: others take what is nearest."""

    class Strict(kind):
        @traitlets.validate("value")
        def _validate_value(self, proposal: dict[str, Any]) -> Any:
            wanted, held = proposal["value"], super()._validate_value(proposal)
            wrong = not np.allclose(held, wanted)  # pages count in steps, which are rounded
            refuse_if(wrong, "ends", value=wanted, name=self.description, held=held)
            return held

    return Strict if {"value", "min", "max"} <= kind.class_traits().keys() else kind


def add_controls(dashboard: Widget, **controls: Widget) -> None:
    """Makes controls attributes of a dashboard; a test finds `time_point` as "ok-time-point"."""
    for name, control in controls.items():
        if getattr(control, "tooltip", "") is None:
            control.tooltip = ""
        setattr(dashboard, name, control.add_class(f"ok-{name.strip('_').replace('_', '-')}"))


def fit(width: str, tip: str = "", **style: Any) -> dict[str, Any]:
    """Options of a control: how wide it is, what is said of it; its label is not cut off."""
    look = {"style": WIDE | style, "layout": Layout(width=width, max_width="98%")}
    return look | make_tooltip(tip)  # without one, pages of ipywidgets 8 say "null"


def wrap_row(*widgets: Widget) -> ipywidgets.HBox:
    """Widgets side by side, in several lines where there is little room."""
    return ipywidgets.HBox(widgets, layout=Layout(flex_flow="row wrap"))


def make_tooltip(text: str) -> dict[str, str]:
    """The keyword that this version of ipywidgets has for what is said of a control."""
    return {"description_tooltip" if ipywidgets.__version__[:2] == "7." else "tooltip": text}


def escape_label(text: str) -> str:
    """A label from a file for `description`, which ipywidgets 7 takes for HTML and 8 for text."""
    return html.escape(text) if ipywidgets.__version__[:2] == "7." else text


def jpeg(picture: np.ndarray) -> bytes:
    """A picture, (y, x) or (y, x, 3) uint8, as the bytes of a JPEG file."""
    return bytes(imagecodecs.jpeg_encode(np.ascontiguousarray(picture), level=90))


@cache
def make_strokes(shape: str) -> list[list[tuple[float, float]]]:
    """The lines that draw a mark, such as "o" or "^": (x, y) with y down, in a box from -1 to 1."""
    style = MarkerStyle(shape)
    path = style.get_path().transformed(style.get_transform())
    lines = [np.asarray(line) for line in path.to_polygons(closed_only=False)]
    size = float(max(np.abs(line).max() for line in lines))
    return [[(round(x / size, 3), round(-y / size, 3)) for x, y in line.tolist()] for line in lines]


def draw_shape(shape: str, x: float, y: float, size: float, colour: str, fill: str = "none") -> str:
    """A mark as matplotlib names it, as SVG, with a dark rim so that it stands out anywhere."""
    drawn, rim = "", 'fill="none" stroke="#000" stroke-opacity="0.6" stroke-width="3.4"'
    look = f'fill="{fill}" stroke="{colour}" stroke-width="1.7"'
    for line in make_strokes(shape):
        points = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in line)
        drawn += f'<polyline points="{points}" {rim}/><polyline points="{points}" {look}/>'
    return drawn


def make_legend(entries: Iterable[tuple[Mark, str]], ground: str = DARK) -> str:
    """Marks with words beside them, as HTML, on `DARK` as on images, or `PAPER` as in diagrams."""
    drawn = []
    for shown, text in entries:
        colour = COLOURS[shown.colour]
        fill = colour if shown.filled else "none"
        drawn.append((draw_shape(shown.shape, 9, 9, 5.4, colour, fill), text))
    return render("legend.html", entries=drawn, ground=ground)
