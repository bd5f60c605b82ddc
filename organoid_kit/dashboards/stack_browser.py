"""A movie to look through: time point, plane, channels, contrast, three views, and what lies on
top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from ipywidgets import HTML, HBox, Layout, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards.common import Messages, mark
from organoid_kit.dashboards.control_states import guard
from organoid_kit.dashboards.stack_display import StackDisplay
from organoid_kit.dashboards.stack_figure import plot_shown_stack
from organoid_kit.dashboards.stack_layers import (
    PROBLEM_MARKS,
    Layer,
    make_layer,
    make_problem_layers,
)
from organoid_kit.dashboards.stack_pictures import MOST_PIXELS, StackPictures
from organoid_kit.dashboards.stack_scene import StackScene, make_controls
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.checks import Problem
from organoid_kit.plots.drawing import Drawing, Mark

_HELP = {
    "browser": (
        "<b>Keys</b>, after a click on the picture or Tab: ← → time point · ↑ ↓ plane z · Home, End first, last time "
        "point · Shift + arrows crosshair · N, P next, previous position · Enter pick · V view. "
        "<b>Mouse</b>: point at a mark to read it · click to pick · wheel plane z, with Shift time point."
    ),
    "kernel": (
        "<b>Keys</b>: Tab goes from control to control, arrow keys move a slider. Crosshair y and x move the white "
        "cross; what is nearest to it stands below the picture."
    ),
}


@dataclass(frozen=True, eq=False)
class Pick:
    """What was clicked.

    Attributes:
        time_point: as the movie counts them.
        position: (3,) float, zyx, voxels: of the mark, or else of the place. In a maximum
            projection, z is that of the brightest voxel.
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
        problems: as `check_annotations` gives them; those with a time point and a position are
            drawn.
        drawn_by: "browser", "kernel", or "auto": in the browser where it can.

    Attributes:
        time_point, z, y, x: sliders; the slices go through z, y, x, where the crosshair is.
        channels, layers_shown: checkboxes; `value` is a tuple of channel numbers, or of names.
        contrast: from black to white, as parts of the range of intensities of the time point.
        gamma: exponent of brightness; below 1, dark parts are brighter.
        view: "slice", "maximum" or "orthogonal".
        tail: time points that tails go back.
        previous_position, next_position, pick_here: buttons.
        messages: what was picked, and what went wrong.

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
        self.movie, self.messages = movie, Messages()
        controls = make_controls(movie, (1,) if channels is None else channels)
        for name, control in vars(controls).items():
            setattr(self, name, control)
        self._scene = StackScene(movie, controls, StackPictures(movie))
        self._callbacks, self._reached, self._busy, self._late = [], None, False, set()
        self._display = StackDisplay(
            self._scene, self.messages, drawn_by, self._handle_event, self._show_what_is_needed
        )
        self._arrange()
        with self.at_once():
            self._change_marks()
            for name, layer in (layers or {}).items():
                self.set_layer(name, layer)
            self.set_problems(problems)
            self._go_to_first()
        self._display.update_stacks()
        self._listen()

    # ---- for notebooks and other dashboards

    @property
    def drawn_by(self) -> str:
        """Who draws now, "browser" or "kernel"."""
        return self._display.drawn_by

    def set_layer(self, name: str, annotations: Annotations, mark: Mark | None = None) -> None:
        """Draws annotations on top; a layer of this name is replaced, and keeps its mark where none
        is given.
        """
        names, old = list(self._scene.layers), self._scene.layers.get(name)
        number = names.index(name) if old else len(names)
        mark = mark or (old.mark if old else None)
        self._add_layer(make_layer(name, annotations, tuple(self.movie.spacing_um), number, mark))

    def remove_layer(self, name: str) -> None:
        """Takes a layer away. Raises UserError where there is none of this name."""
        if name not in self._scene.layers:
            raise UserError(
                f"A layer must be one of {list(self._scene.layers)}. Received: {name!r}. Choose another."
            )
        del self._scene.layers[name]
        self._offer_layers([each for each in self.layers_shown.value if each != name])

    def set_problems(self, problems: Sequence[Problem]) -> None:
        """Draws these problems in place of earlier ones, as layers "error" and "warning"."""
        layers = make_problem_layers(problems, tuple(self.movie.spacing_um))
        with self.at_once():
            for name in set(PROBLEM_MARKS) & set(self._scene.layers) - {
                layer.name for layer in layers
            }:
                self.remove_layer(name)
            for layer in layers:
                self._add_layer(layer)

    def go_to(self, time_point: int, position_zyx: Sequence[float] | None = None) -> None:
        """Shows a time point, with the crosshair at a position, zyx, voxels. Raises UserError
        outside the movie.
        """
        if time_point not in self.movie.time_points:
            raise UserError(
                f"The time point must be one of the movie's. Received: {time_point}; there are "
                f"{self.time_point.min} to {self.time_point.max}. Choose one of these."
            )
        with self.at_once():
            self.time_point.value = int(time_point)
            if position_zyx is not None:
                for slider, value in zip((self.z, self.y, self.x), np.round(position_zyx)):
                    slider.value = int(np.clip(value, slider.min, slider.max))

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Layers and controls that change inside are shown when all have changed."""
        outermost, self._busy = not self._busy, True
        try:
            yield
        finally:
            if outermost:
                self._busy = False
                with self.messages.watch():
                    self._show_late()

    def on_pick(self, callback: Callable[[Pick], None]) -> None:
        """Calls back with a `Pick` at each click on the picture, Enter, or the button."""
        self._callbacks.append(callback)

    def pick(self, pick: Pick) -> None:
        """Says in words what was picked, and tells all who listen."""
        layer = self._scene.layers.get(pick.layer)
        voxel = ", ".join(f"{axis} {value:.1f}" for axis, value in zip("zyx", pick.position))
        self.messages.say(f"Picked {layer.describe(pick.row) if layer else f'voxel {voxel}'}.")
        for callback in self._callbacks:
            callback(pick)

    def describe(self) -> str:
        """What is shown, in words."""
        return self._scene.describe()

    def plot(self) -> Drawing:
        """The static twin: what is shown now, for print."""
        title = f"{self.movie.name}, time point {self.time_point.value}"
        return plot_shown_stack(*self._scene.compose(), title=title, description=self.describe())

    def state(self) -> dict[str, Any]:
        """The values of all controls, as plain JSON values."""
        return self._scene.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for a control or value there is not."""
        with self.at_once():
            self._scene.restore(state)

    # ---- how it is put together

    def _arrange(self) -> None:
        self._legend, self._help = HTML(), HTML()
        self._crosshair = VBox([self.y, self.x])
        buttons = HBox(
            [self.previous_position, self.next_position, self.pick_here],
            layout=Layout(flex_flow="wrap"),
        )
        picture = [
            self._display,
            self.time_point,
            self.z,
            self._crosshair,
            buttons,
            self._display.caption,
        ]
        choices = [
            self.view,
            self.channels,
            self.contrast,
            self.gamma,
            self.tail,
            self.layers_shown,
            self._legend,
        ]
        left = VBox(picture, layout=Layout(width=f"{MOST_PIXELS + 8}px", max_width="100%"))
        right = VBox(choices, layout=Layout(width="310px", max_width="100%", padding="0 0 0 8px"))
        self.children = [
            HBox([left, right], layout=Layout(flex_flow="row wrap")),
            self.messages,
            self._help,
        ]
        mark(self, "ok-stack-browser")
        self._show_what_is_needed()

    def _show_what_is_needed(self) -> None:
        """The crosshair's sliders where it matters; help for those who use the page or the kernel."""
        needed = self.drawn_by == "kernel" or self.view.value == "orthogonal"
        self._crosshair.layout.display = None if needed else "none"
        self._help.value = f'<div style="line-height:1.5">{_HELP[self.drawn_by]}</div>'

    def _go_to_first(self) -> None:
        """The first time point that has a position, or else the first of all."""
        times = [layer.annotations.time_points for layer in self._scene.layers.values()]
        found = np.intersect1d(np.concatenate([np.zeros(0, int), *times]), self.movie.time_points)
        self.go_to(int(found[0]) if len(found) else self.movie.time_points.start)

    def _listen(self) -> None:
        for control in (
            self.time_point,
            self.z,
            self.y,
            self.x,
            self.contrast,
            self.gamma,
            self.view,
        ):
            control.observe(guard(self.messages, self._redraw), "value")
        self.view.observe(guard(self.messages, self._show_what_is_needed), "value")
        self.channels.observe(guard(self.messages, self._display.update_stacks), "value")
        self.tail.observe(guard(self.messages, self._change_marks), "value")
        self.layers_shown.observe(guard(self.messages, self._change_marks), "value")
        self.pick_here.on_click(guard(self.messages, self._pick_at_crosshair))
        self.next_position.on_click(guard(self.messages, lambda: self._step(1)))
        self.previous_position.on_click(guard(self.messages, lambda: self._step(-1)))

    def _redraw(self) -> None:
        if self._busy:
            self._late.add("picture")
        else:
            self._display.redraw()

    def _show_late(self) -> None:
        """What changed while several things changed at once."""
        late, self._late = self._late, set()
        if "marks" in late:
            self._change_marks()
        elif late:
            self._redraw()

    # ---- layers and picks

    def _add_layer(self, layer: Layer) -> None:
        shown = list(self.layers_shown.value)
        shown += [] if layer.name in self._scene.layers else [layer.name]
        self._scene.layers[layer.name] = layer
        self._offer_layers(shown)

    def _offer_layers(self, shown: Sequence[str]) -> None:
        names = list(self._scene.layers)
        if [name for _, name in self.layers_shown.options] != names:
            self.layers_shown.set_options([(name, name) for name in names], shown)
        self._change_marks()

    def _change_marks(self) -> None:
        if self._busy:
            self._late.add("marks")
            return
        self._legend.value = self._scene.make_legend()
        self._display.update_marks()

    def _handle_event(self, content: dict[str, Any]) -> None:
        """What the user did in the page."""
        if content["kind"] == "next":
            self._step(int(content["step"]))
        elif content["kind"] == "pick here":
            self._pick_at_crosshair()
        elif content["kind"] == "pick":
            layer = self._scene.layers.get(
                content["layer"]
            )  # knows the position with all its digits
            position = (
                layer.annotations.positions[content["row"]]
                if layer
                else np.array(content["position"], float)
            )
            self.pick(Pick(content["time_point"], position, content["layer"], content["row"]))

    def _pick_at_crosshair(self) -> None:
        if found := self._scene.find_at_crosshair():
            layer, row = found
            self.pick(
                Pick(self.time_point.value, layer.annotations.positions[row], layer.name, row)
            )
        else:
            self.pick(Pick(self.time_point.value, self._scene.place))

    def _step(self, step: int) -> None:
        """The crosshair goes to the next position of this time point, through all layers that are
        shown.
        """
        found = self._scene.list_positions()
        if not found:
            self.messages.say(f"No position at time point {self.time_point.value}.")
            return
        number = found.index(self._reached) + step if self._reached in found else min(step, 0)
        self._reached = name, row = found[number % len(found)]
        layer = self._scene.layers[name]
        self.go_to(self.time_point.value, layer.annotations.positions[row])
        self.messages.say(layer.describe(row))
