"""A movie to look through: time point, plane, channels, contrast, three views, and what lies on top.

Drawn in the browser (`stack_canvas`), or by the kernel where a front end cannot; which of the two is found out.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from ipywidgets import (
    HTML,
    Box,
    Button,
    FloatRangeSlider,
    FloatSlider,
    HBox,
    Image,
    IntSlider,
    Layout,
    ToggleButtons,
    VBox,
)

from organoid_kit.annotations import Annotations
from organoid_kit.checks import Problem
from organoid_kit.dashboards.common import WIDE, Choices, Messages, jpeg, mark, write_legend
from organoid_kit.dashboards.stack_figure import plot_shown_stack
from organoid_kit.dashboards.stack_layers import (
    DIVISION,
    Layer,
    LayerMarks,
    find_nearest,
    make_layer,
    make_problem_layers,
)
from organoid_kit.dashboards.stack_pictures import (
    FAINT_PLANES,
    MOST_PIXELS,
    VIEWS,
    StackPictures,
    arrange,
    draw_picture,
    find_bar_um,
    make_tones,
)
from organoid_kit.errors import UserError
from organoid_kit.plots.drawing import Drawing, Mark, count
from organoid_kit.timelapse import TimeLapse

DRAWN_BY = ("auto", "browser", "kernel")
PATIENCE_S = 6.0  # so long the page may take to say that it can draw
PICK_UM = 5.0  # a position so near to the crosshair is the one that is meant
_STATE = ("channels", "layers_shown", "time_point", "z", "y", "x", "view", "contrast", "gamma", "tail")
_HELP = {
    "browser": (
        "<b>Keys</b>, after a click on the picture or Tab: ← → time point · ↑ ↓ plane z · Home, End first, last time "
        "point · Shift + arrows crosshair · N, P next, previous position · Enter pick · V view. "
        "<b>Mouse</b>: point at a mark to read it · click to pick · wheel plane z, with Shift time point."
    ),
    "kernel": (
        "<b>Keys</b>: Tab goes from control to control, arrow keys move a slider. y and x move the crosshair; what is "
        "nearest to it stands below the picture."
    ),
}


@dataclass(frozen=True, eq=False)
class Pick:
    """What was clicked.

    Attributes:
        time_point: as the movie counts them.
        position: (3,) float, zyx, voxels: of the mark, or else of the place. In a maximum projection, z is that of
            the brightest voxel.
        layer: whose mark it is, or None.
        row: of the layer's annotations, or None.
    """

    time_point: int
    position: np.ndarray
    layer: str | None = None
    row: int | None = None


class StackBrowser(VBox):
    """A movie to look through.

    Args:
        movie: read one time point at a time.
        layers: name → annotations, drawn on top; with links, they have tails.
        channels: shown first, counted from 1; several are summed. None: the first.
        problems: as `check_annotations` gives them; those with a time point and a position are drawn.
        drawn_by: "browser", "kernel", or "auto": in the browser where it can.

    Attributes:
        time_point, z, y, x: sliders; the slices go through z, y, x.
        channels, layers_shown: checkboxes.
        contrast: from black to white, as parts of the range of intensities of the time point.
        gamma: exponent of brightness; below 1, dark parts are brighter.
        view: "slice", "maximum" or "orthogonal".
        tail: time points that tails go back.
        messages: what went wrong.

    Raises:
        UserError: a channel is not in the movie, or `drawn_by` is unknown or impossible.
    """

    def __init__(
        self,
        movie: TimeLapse,
        layers: Mapping[str, Annotations] | None = None,
        *,
        channels: Sequence[int] | None = None,
        problems: Sequence[Problem] = (),
        drawn_by: str = "auto",
    ) -> None:
        super().__init__()
        if drawn_by not in DRAWN_BY:
            raise UserError(f"drawn_by must be one of {', '.join(DRAWN_BY)}. Received: {drawn_by!r}. Choose another.")
        self.movie, self.messages = movie, Messages()
        self._pictures, self._layers, self._callbacks = StackPictures(movie), {}, []
        self._spacing, self._canvas, self._reached = tuple(movie.spacing_um), None, None
        self._busy = self._ready = False
        self._make_controls((1,) if channels is None else tuple(channels))
        for name, layer in (layers or {}).items():
            self.set_layer(name, layer)
        self.set_problems(problems)
        starts = [each.annotations.annotated_time_points[0] for each in self._layers.values() if len(each.annotations)]
        self.time_point.value = min([*starts, movie.time_points.stop - 1]) if starts else movie.time_points.start
        self._arrange_controls()
        self._listen()
        self._begin(drawn_by)

    # ---- for notebooks and other dashboards

    def set_layer(self, name: str, annotations: Annotations, mark: Mark | None = None) -> None:
        """Draws annotations on top; a layer of this name is replaced, and keeps its mark where none is given."""
        old = self._layers.get(name)
        number = list(self._layers).index(name) if old else len(self._layers)
        self._add(make_layer(name, annotations, self._spacing, number, mark or (old.mark if old else None)))

    def remove_layer(self, name: str) -> None:
        """Takes a layer away. Raises UserError where there is none of this name."""
        if name not in self._layers:
            raise UserError(f"A layer must be one of {list(self._layers)}. Received: {name!r}. Choose one of these.")
        shown = [each for each in self.layers_shown.value if each != name]
        del self._layers[name]
        self._offer_layers(shown)

    def set_problems(self, problems: Sequence[Problem]) -> None:
        """Draws these problems in place of earlier ones; the layers are "error" and "warning"."""
        for name in ("error", "warning"):
            if name in self._layers:
                self.remove_layer(name)
        for layer in make_problem_layers(problems, self._spacing):
            self._add(layer)

    def go_to(self, time_point: int, position_zyx: Sequence[float] | None = None) -> None:
        """Shows a time point, with the crosshair at a position, zyx, voxels. Raises UserError outside the movie."""
        if time_point not in self.movie.time_points:
            raise UserError(
                f"The time point must be one of the movie's. Received: {time_point}; there are "
                f"{self.time_point.min} to {self.time_point.max}. Choose one of these."
            )
        with self._at_once():
            self.time_point.value = int(time_point)
            if position_zyx is not None:
                for slider, value in zip((self.z, self.y, self.x), np.round(position_zyx)):
                    slider.value = int(np.clip(value, slider.min, slider.max))

    def on_pick(self, callback: Callable[[Pick], None]) -> None:
        """Calls back with a `Pick` at each click on the picture, Enter, or the button."""
        self._callbacks.append(callback)

    def pick(self, pick: Pick) -> None:
        """Tells all who listen, and says in words what was picked."""
        layer = self._layers.get(pick.layer)
        place = ", ".join(f"{axis} {value:.1f}" for axis, value in zip("zyx", pick.position))
        self.messages.say(f"Picked {layer.describe(pick.row) if layer else f'voxel {place}'}.")
        for callback in self._callbacks:
            callback(pick)

    def describe(self) -> str:
        """What is shown, in words."""
        time_point, view = self.time_point.value, self.view.value
        where = {
            "slice": f"plane z = {self.z.value} ({self.z.value * self._spacing[0]:.1f} µm)",
            "maximum": "brightest voxels along z",
            "orthogonal": f"slices through z = {self.z.value}, y = {self.y.value}, x = {self.x.value}",
        }[view]
        channels = " + ".join(self.movie.channel_names[channel - 1] for channel in self.channels.value)
        layers = [
            f"{count(len(layer.annotations.rows_at(time_point)), 'position')} of {layer.name}"
            for layer in self._shown()
        ]
        marked = f", with {', '.join(layers)}" if layers else ""
        return f"{self.movie.name}, time point {time_point}, {channels}, {where}{marked}."

    def plot(self) -> Drawing:
        """The static twin: what is shown now, for print."""
        title = f"{self.movie.name}, time point {self.time_point.value}"
        return plot_shown_stack(*self._drawn(), title=title, description=self.describe())

    def state(self) -> dict[str, Any]:
        """The values of all controls, as plain JSON values."""
        values = {name: getattr(self, name).value for name in _STATE}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for a control or value there is not."""
        if unknown := sorted(set(state) - set(_STATE)):
            raise UserError(f"A state must name {', '.join(_STATE)}. Received: {unknown}. Copy the whole state again.")
        with self._at_once():
            for name in [name for name in _STATE if name in state]:
                value = state[name]
                try:
                    getattr(self, name).value = tuple(value) if isinstance(value, list) else value
                except (TypeError, ValueError) as error:
                    raise UserError(
                        f"A state must hold values that the controls can have. Received: {value!r} for {name} "
                        f"({error}). Copy the whole state again, and use it with the same movie."
                    ) from error

    # ---- controls

    def _make_controls(self, channels: tuple[int, ...]) -> None:
        times, shape = self.movie.time_points, self.movie.shape_zyx
        self.time_point = _make_slider("Time point", times.start, times.stop - 1, times.start, "ok-time-point")
        self.z = _make_slider("Plane z", 0, shape[0] - 1, shape[0] // 2, "ok-z")
        self.y = _make_slider("Crosshair y", 0, shape[1] - 1, shape[1] // 2, "ok-y")
        self.x = _make_slider("Crosshair x", 0, shape[2] - 1, shape[2] // 2, "ok-x")
        self.view = mark(ToggleButtons(options=VIEWS, description="View", style={"button_width": "92px"}), "ok-view")
        names = [(f"{number} {name}", number) for number, name in enumerate(self.movie.channel_names, start=1)]
        self.channels = mark(Choices(names, channels, "Channels (several: summed)", at_least=1), "ok-channels")
        wide = {"style": WIDE, "layout": Layout(width="100%")}
        self.contrast = FloatRangeSlider(
            value=(0, 1), min=0, max=1, step=0.01, readout_format=".0%", description="Contrast", **wide
        )
        self.gamma = FloatSlider(value=1, min=0.2, max=3, step=0.05, description="Gamma", **wide)
        self.tail = IntSlider(value=3, min=0, max=20, description="Tails (time points)", **wide)
        self.layers_shown = mark(Choices((), (), "Layers"), "ok-layers")
        for control, name in ((self.contrast, "contrast"), (self.gamma, "gamma"), (self.tail, "tail")):
            mark(control, f"ok-{name}")
        self.previous_position = mark(Button(description="Previous position"), "ok-previous-position")
        self.next_position = mark(Button(description="Next position"), "ok-next-position")
        self.pick_here = mark(Button(description="Pick at crosshair"), "ok-pick")

    def _arrange_controls(self) -> None:
        self._canvas_box = Box()
        self._image = mark(Image(format="jpeg", layout=Layout(max_width="100%")), "ok-picture")
        self._caption, self._legend, self._help = HTML(), HTML(), HTML()
        self._kernel_box = VBox([self._image, self._caption])
        self._crosshair = VBox([self.y, self.x])
        buttons = HBox([self.previous_position, self.next_position, self.pick_here], layout=Layout(flex_flow="wrap"))
        picture = [self._canvas_box, self._kernel_box, self.time_point, self.z, self._crosshair, buttons]
        choices = [self.view, self.channels, self.contrast, self.gamma, self.tail, self.layers_shown, self._legend]
        left = VBox(picture, layout=Layout(width=f"{MOST_PIXELS + 8}px", max_width="100%"))
        right = VBox(choices, layout=Layout(width="310px", max_width="100%", padding="0 0 0 8px"))
        self.children = [HBox([left, right], layout=Layout(flex_flow="row wrap")), self.messages, self._help]

    def _listen(self) -> None:
        for control in (self.time_point, self.z, self.y, self.x, self.contrast, self.gamma):
            control.observe(self._guard(self._redraw), "value")
        self.view.observe(self._guard(self._change_view), "value")
        self.channels.observe(self._guard(self._change_channels), "value")
        self.tail.observe(self._guard(self._change_marks), "value")
        self.layers_shown.observe(self._guard(self._change_marks), "value")
        self.pick_here.on_click(self._guard(self._pick_at_crosshair))
        self.next_position.on_click(self._guard(lambda: self._step(1)))
        self.previous_position.on_click(self._guard(lambda: self._step(-1)))

    def _guard(self, action: Callable[[], None]) -> Callable[[Any], None]:
        """The action as an observer whose errors are shown."""

        def act(*_: Any) -> None:
            with self.messages.watch():
                action()

        return act

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Several controls change, and one picture is drawn."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            self._guard(self._redraw)()

    # ---- layers

    def _add(self, layer: Layer) -> None:
        shown = [each for each in self._layers if each in self.layers_shown.value or each == layer.name]
        shown += [] if layer.name in self._layers else [layer.name]
        self._layers[layer.name] = layer
        self._offer_layers(shown)

    def _offer_layers(self, shown: Sequence[str]) -> None:
        if [name for _, name in self.layers_shown.options] != list(self._layers):
            self.layers_shown.set_options([(name, name) for name in self._layers], shown)
        if self._ready:
            self._change_marks()

    def _shown(self) -> list[Layer]:
        return [self._layers[name] for name in self.layers_shown.value]

    def _find_marks(self, time_point: int) -> list[tuple[Layer, LayerMarks]]:
        return [(layer, layer.find_marks(time_point, self.tail.value)) for layer in self._shown()]

    def _change_marks(self) -> None:
        """Layers or tails are others than before."""
        if self._canvas:
            self._canvas.version += 1
        self._legend.value = self._write_legend()
        self._redraw()

    def _write_legend(self) -> str:
        shown = self._shown()
        entries = [(layer.mark, layer.name) for layer in shown]
        notes = ["Crosshair: where “Pick at crosshair” looks."]
        if shown:
            notes.insert(0, f"Small and faint: up to {FAINT_PLANES:g} planes from the slice.")
        if any(len(layer.annotations.divisions()) for layer in shown):
            entries.append((DIVISION, DIVISION.name))
        if self.tail.value and any(len(layer.annotations.links) for layer in shown):
            notes.insert(0, f"Line: the way over the last {count(self.tail.value, 'time point')}.")
        return f'{write_legend(entries)}<div style="line-height:1.5">{"<br>".join(notes)}</div>'

    # ---- picking

    def _pick_at_crosshair(self) -> None:
        place, time_point = self._place(), self.time_point.value
        found = find_nearest(self._shown(), time_point, place, PICK_UM)
        if found is None:
            self.pick(Pick(time_point, place))
        else:
            layer, row = found
            self.pick(Pick(time_point, layer.annotations.positions[row], layer.name, row))

    def _step(self, step: int) -> None:
        """The crosshair goes to the next position of this time point, through all layers that are shown."""
        time_point = self.time_point.value
        found = [(layer.name, row) for layer in self._shown() for row in layer.annotations.rows_at(time_point).tolist()]
        if not found:
            self.messages.say(f"No position at time point {time_point}.")
            return
        number = found.index(self._reached) + step if self._reached in found else min(step, 0)
        self._reached = name, row = found[number % len(found)]
        self.go_to(time_point, self._layers[name].annotations.positions[row])
        self.messages.say(self._layers[name].describe(row))

    # ---- drawing

    def _begin(self, drawn_by: str) -> None:
        self._canvas = None if drawn_by == "kernel" else self._make_canvas(needed=drawn_by == "browser")
        self._ready = True
        self._canvas_box.children = [self._canvas] if self._canvas else []
        self._draw_with("browser" if self._canvas else "kernel")
        if self._canvas and drawn_by == "auto":
            self._wait_for_page()

    def _make_canvas(self, *, needed: bool) -> Any:
        """What draws in the browser, or None where it is not needed and cannot be had."""
        try:
            from organoid_kit.dashboards.stack_canvas import StackCanvas
        except ImportError as error:
            if needed:
                raise UserError(
                    f"Drawing in the browser needs the package anywidget. Received: {error}. "
                    'Install it, or leave drawn_by="browser" out.'
                ) from error
            return None
        names = ("time_point", "z", "y", "x", "view", "contrast", "gamma")
        canvas = StackCanvas(self.movie, {name: getattr(self, name) for name in names}, self._answer)
        canvas.observe(self._guard(lambda: self._draw_with("browser")), "ready")
        return mark(canvas, "ok-canvas")

    def _wait_for_page(self) -> None:
        """Draws in the kernel if the page does not say in time that it can; without a page nobody waits."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_later(PATIENCE_S, self._guard(lambda: self._canvas.ready or self._draw_with("kernel")))

    def _draw_with(self, drawn_by: str) -> None:
        self.drawn_by = drawn_by
        self._canvas_box.layout.display = None if drawn_by == "browser" else "none"
        self._kernel_box.layout.display = None if drawn_by == "kernel" else "none"
        self._help.value = f'<div style="line-height:1.5">{_HELP[drawn_by]}</div>'
        self._change_view()
        self._change_channels()
        self._change_marks()

    def _change_view(self) -> None:
        needed = self.drawn_by == "kernel" or self.view.value == "orthogonal"
        self._crosshair.layout.display = None if needed else "none"
        self._redraw()

    def _change_channels(self) -> None:
        if self._canvas:
            self._canvas.source = "+".join(map(str, self.channels.value))
        self._redraw()

    def _place(self) -> np.ndarray:
        return np.array([self.z.value, self.y.value, self.x.value], float)

    def _drawn(self) -> tuple:
        """What `draw_picture` and `plot_shown_stack` are given."""
        time_point, view = self.time_point.value, self.view.value
        return (
            self._pictures.at(time_point, self.channels.value),
            arrange(self.movie.shape_zyx, self._spacing, view),
            view,
            self._place(),
            make_tones(self.contrast.value, self.gamma.value),
            self._find_marks(time_point),
            self._spacing,
        )

    def _redraw(self) -> None:
        if self._busy or self.drawn_by != "kernel":
            return
        drawn = self._drawn()
        self._image.value = jpeg(draw_picture(*drawn))
        near = find_nearest(self._shown(), self.time_point.value, self._place(), PICK_UM)
        bar = f"The white bar is {find_bar_um(drawn[1])} µm long."
        words = [self.describe(), bar, *([f"At the crosshair: {near[0].describe(near[1])}"] if near else [])]
        self._caption.value = f'<div aria-live="polite" style="line-height:1.4">{html.escape(" ".join(words))}</div>'

    # ---- the page asks

    def _answer(self, content: dict[str, Any]) -> None:
        with self.messages.watch(keep=content["kind"] == "want"):
            if content["kind"] == "want":
                self._send_time_point(int(content["time_point"]), stack=content["stack"], marks=content["marks"])
            elif content["kind"] == "next":
                self._step(int(content["step"]))
            elif content["kind"] == "pick here":
                self._pick_at_crosshair()
            else:
                self._pick_from_page(**{name: content[name] for name in ("time_point", "position", "layer", "row")})

    def _pick_from_page(self, time_point: int, position: list[float], layer: str | None, row: int | None) -> None:
        if layer in self._layers:  # with all digits of the annotations
            position = self._layers[layer].annotations.positions[row]
        self.pick(Pick(time_point, np.array(position, float), layer, row))

    def _send_time_point(self, time_point: int, *, stack: bool, marks: bool) -> None:
        shown = None
        try:
            shown = self._pictures.at(time_point, self.channels.value) if stack else None
        except Exception as error:
            self.messages.fail(error)
            self._canvas.send_failure(time_point, str(error))
        self._canvas.send_time_point(time_point, shown, self._find_marks(time_point) if marks else None)


def _make_slider(description: str, low: int, high: int, value: int, css_class: str) -> IntSlider:
    style = {"description_width": "90px"}
    slider = IntSlider(value=value, min=low, max=high, description=description, style=style)
    slider.layout.width = "100%"
    return mark(slider, css_class)
