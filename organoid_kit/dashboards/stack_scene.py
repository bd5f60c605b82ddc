"""What a stack browser shows: its controls, its layers, and what follows from them. Nothing is
drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ipywidgets import (
    Button,
    FloatRangeSlider,
    FloatSlider,
    IntSlider,
    Layout,
    ToggleButtons,
    Widget,
)

from organoid_kit.dashboards.common import WIDE, CheckboxGroup, make_legend, mark
from organoid_kit.dashboards.control_states import read_controls, set_controls
from organoid_kit.dashboards.stack_layers import DIVISION, Layer, LayerMarks, find_nearest
from organoid_kit.dashboards.stack_pictures import (
    FAINT_PLANES,
    VIEWS,
    StackPictures,
    arrange_panels,
    make_tones,
)
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.plots.drawing import count

PICK_UM = 5.0  # a position so near to the crosshair is the one that is meant
_STATE = (
    "channels",
    "layers_shown",
    "time_point",
    "z",
    "y",
    "x",
    "view",
    "contrast",
    "gamma",
    "tail",
)


@dataclass(frozen=True, eq=False)
class StackControls:
    """The controls of a stack browser."""

    time_point: IntSlider
    z: IntSlider
    y: IntSlider
    x: IntSlider
    view: ToggleButtons
    channels: CheckboxGroup
    contrast: FloatRangeSlider
    gamma: FloatSlider
    tail: IntSlider
    layers_shown: CheckboxGroup
    previous_position: Button
    next_position: Button
    pick_here: Button


def make_controls(movie: TimeLapse, channels: Sequence[int]) -> StackControls:
    """Controls for a movie, each with a class by which a test finds it. Raises UserError where it
    lacks a channel.
    """
    times, (depth, height, width) = movie.time_points, movie.shape_zyx
    names = [
        (f"{number} {name}", number) for number, name in enumerate(movie.channel_names, start=1)
    ]
    wide = {"style": WIDE, "layout": Layout(width="100%")}
    controls = StackControls(
        time_point=_make_slider("Time point", times.start, times.stop - 1, times.start),
        z=_make_slider("Plane z", 0, depth - 1, depth // 2),
        y=_make_slider("Crosshair y", 0, height - 1, height // 2),
        x=_make_slider("Crosshair x", 0, width - 1, width // 2),
        view=ToggleButtons(options=VIEWS, description="View", style={"button_width": "92px"}),
        channels=CheckboxGroup(names, channels, "Channels (several: summed)", at_least=1),
        contrast=FloatRangeSlider(
            value=(0, 1),
            min=0,
            max=1,
            step=0.01,
            readout_format=".1f",
            description="Contrast",
            **wide,
        ),
        gamma=FloatSlider(value=1, min=0.2, max=3, step=0.05, description="Gamma", **wide),
        tail=IntSlider(value=3, min=0, max=20, description="Tails (time points)", **wide),
        layers_shown=CheckboxGroup((), (), "Layers"),
        previous_position=Button(description="Previous position"),
        next_position=Button(description="Next position"),
        pick_here=Button(description="Pick at crosshair"),
    )
    for name, control in vars(controls).items():
        mark(control, f"ok-{name.replace('_', '-')}")
    return controls


@dataclass(frozen=True, eq=False)
class StackScene:
    """What is shown of a movie.

    Attributes:
        movie: read one time point at a time.
        controls: what the user chose.
        pictures: time points as 8 bit.
        layers: all there are, by name, whether shown or not.
    """

    movie: TimeLapse
    controls: StackControls
    pictures: StackPictures
    layers: dict[str, Layer] = field(default_factory=dict)

    @property
    def time_point(self) -> int:
        """That of the slider."""
        return self.controls.time_point.value

    @property
    def place(self) -> np.ndarray:
        """Where the crosshair is, (3,) float, zyx, voxels; the slices go through it."""
        return np.array(
            [self.controls.z.value, self.controls.y.value, self.controls.x.value], float
        )

    @property
    def shown_layers(self) -> list[Layer]:
        """The layers that are not switched off."""
        return [self.layers[name] for name in self.controls.layers_shown.value]

    def collect_marks(self, time_point: int) -> list[tuple[Layer, LayerMarks]]:
        """The layers that are shown, with their marks."""
        return [
            (layer, layer.collect_marks(time_point, self.controls.tail.value))
            for layer in self.shown_layers
        ]

    def find_at_crosshair(self) -> tuple[Layer, int] | None:
        """Layer and row of the position that is nearest to the crosshair, or None where none is
        near.
        """
        return find_nearest(self.shown_layers, self.time_point, self.place, PICK_UM)

    def list_positions(self) -> list[tuple[str, int]]:
        """Layer and row of each position of this time point that is shown."""
        return [
            (layer.name, row)
            for layer in self.shown_layers
            for row in layer.annotations.rows_at(self.time_point).tolist()
        ]

    def compose(self) -> tuple:
        """What `draw_picture` and `plot_shown_stack` are given."""
        spacing, view = tuple(self.movie.spacing_um), self.controls.view.value
        return (
            self.pictures.at(self.time_point, self.controls.channels.value),
            arrange_panels(self.movie.shape_zyx, spacing, view),
            view,
            self.place,
            make_tones(self.controls.contrast.value, self.controls.gamma.value),
            self.collect_marks(self.time_point),
            spacing,
        )

    def describe(self) -> str:
        """What is shown, in words."""
        z, y, x = self.place.astype(int)
        where = {
            "slice": f"plane z = {z} ({z * self.movie.spacing_um[0]:.1f} µm)",
            "maximum": "brightest voxels along z",
            "orthogonal": f"slices through z = {z}, y = {y}, x = {x}",
        }[self.controls.view.value]
        channels = " + ".join(
            self.movie.channel_names[channel - 1] for channel in self.controls.channels.value
        )
        numbers = [
            f"{each.name} {len(each.annotations.rows_at(self.time_point))}"
            for each in self.shown_layers
        ]
        marked = f" Marked: {', '.join(numbers)}." if numbers else ""
        return f"{self.movie.name}, time point {self.time_point}, {channels}, {where}.{marked}"

    def make_legend(self) -> str:
        """What the marks mean, as HTML."""
        layers, tail = self.shown_layers, self.controls.tail.value
        entries, notes = [(layer.mark, layer.name) for layer in layers], []
        if any(len(layer.annotations.divisions()) for layer in layers):
            entries.append((DIVISION, DIVISION.name))
        if tail and any(len(layer.annotations.links) for layer in layers):
            notes.append(f"Line: the way over the last {count(tail, 'time point')}.")
        if layers:
            notes.append(f"Small and faint: up to {FAINT_PLANES:g} planes from the slice.")
        notes.append("White cross: the crosshair.")
        return f'{make_legend(entries)}<div style="line-height:1.5">{"<br>".join(notes)}</div>'

    def state(self) -> dict[str, Any]:
        """The values of the controls, as plain JSON values."""
        return read_controls(self._named_controls)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for a control or value there is not."""
        set_controls(self._named_controls, state)

    @property
    def _named_controls(self) -> dict[str, Widget]:
        """Those of the state; channels and layers first, as the rest depends on them."""
        return {name: getattr(self.controls, name) for name in _STATE}


def _make_slider(description: str, low: int, high: int, value: int) -> IntSlider:
    style, layout = {"description_width": "90px"}, Layout(width="100%")
    return IntSlider(
        value=value, min=low, max=high, description=description, style=style, layout=layout
    )
