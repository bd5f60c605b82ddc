"""A movie to look through: time points, planes, channels, contrast, views, and what lies on top."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from ipywidgets import HTML, Layout, VBox, dlink, jslink

from organoid_kit.base import files, refuse_if
from organoid_kit.dashboards.parts import Dashboard, common
from organoid_kit.dashboards.stack import layers as stack_layers, pictures as stack_pictures
from organoid_kit.dashboards.stack.display import CHANNEL_COLOURS, StackDisplay
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.checks import Problem
from organoid_kit.plots.drawing import Drawing, Mark, count

PICK_UM = 5.0  # a position so near to the crosshair is the one that is meant


@dataclass(frozen=True, eq=False)
class Pick:
    """What was clicked: a mark, or, without layer and row, a place."""

    time_point: int
    position: np.ndarray  # (3,) float, zyx, voxels; in a maximum projection z of the brightest
    layer: str | None = None
    row: int | None = None  # of the layer's annotations


class StackBrowser(Dashboard):
    """A movie to look through.

    Args:
        layers: name → annotations, drawn on top; with links, they have tails.
        channels: shown first, counted from 1; several are summed. None: the first.
        drawn_by: "browser", "kernel", or "auto": in the browser where it can.

    Attributes:
        time_point, z, y, x: sliders; the slices go through z, y, x, where the crosshair is.
        channels, layers_shown: checkboxes; `value` is a tuple of channel numbers, or of names.
        contrast, gamma: from black to white, as parts of the range; exponent of brightness.
        composite, zoom: in the page: whether each channel has a colour; how near.
        play, speed: plays the time points, so many a second.
        view, tail: one of `VIEWS`; time points that tails go back.
        layers: name → `Layer`, whether shown or not.

    Raises UserError where a channel is not in the movie, or `drawn_by` unknown.
    """

    # Channels and layers first, as the rest depends on them.
    kept = "channels composite layers_shown time_point z y x view zoom contrast gamma tail speed"
    kept = tuple(kept.split())

    def __init__(
        self,
        movie: TimeLapse,
        layers: Mapping[str, Annotations] | None = None,
        *,
        channels: Sequence[int] | None = None,
        drawn_by: str = "auto",
    ) -> None:
        super().__init__()
        self.movie = movie
        self.pictures = stack_pictures.StackPictures(movie)
        self.layers: dict[str, stack_layers.Layer] = {}
        self._callbacks, self._reached, self._busy, self._late = [], None, False, set()
        self._frames: list[bytes] = []  # of a film that the page is sending
        self._make_controls((1,) if channels is None else channels)
        self._display = StackDisplay(self, drawn_by)
        self._arrange()
        with self.at_once():
            self._change_marks()
            for name, layer in (layers or {}).items():
                self.set_layer(name, layer)
            # The first time point that has a position, or else the first of all.
            times = [layer.annotations.time_points for layer in self.layers.values()]
            found = np.intersect1d(np.concatenate([[], *times]), movie.time_points)
            self.go_to(int(min(found, default=movie.time_points.start)))
        self._display.update_stacks()
        moved = (self.time_point, self.z, self.y, self.x, self.contrast, self.gamma, self.view)
        self._connect(self._redraw, *moved)
        self._connect(self.show_what_is_needed, self.view)
        self._connect(self._display.update_stacks, self.channels, self.composite)
        marks = (self.tail, self.layers_shown, self.channels, self.composite)
        self._connect(self._change_marks, *marks)
        dlink((self.speed, "value"), (self.play, "interval"), lambda speed: 1000 // speed)
        jslink((self.time_point, "value"), (self.play, "value"))

    @property
    def drawn_by(self) -> str:
        """Who draws now, "browser" or "kernel"."""
        return self._display.drawn_by

    def set_layer(self, name: str, annotations: Annotations, mark: Mark | None = None) -> None:
        """Draws annotations on top; a layer of this name is replaced, and keeps its mark."""
        old, number = self.layers.get(name), len(self.layers)
        mark, spacing_um = mark or (old and old.mark), tuple(self.movie.spacing_um)
        self.layers[name] = stack_layers.make_layer(name, annotations, spacing_um, number, mark)
        self._offer_layers([*self.layers_shown.value, *([] if old else [name])])

    def remove_layer(self, name: str) -> None:
        """Takes a layer away. Raises UserError where there is none of this name."""
        refuse_if(name not in self.layers, "layer", known=list(self.layers), name=name)
        del self.layers[name]
        self._offer_layers([shown for shown in self.layers_shown.value if shown != name])

    def set_problems(self, problems: Sequence[Problem]) -> None:
        """Draws these problems in place of earlier ones, as layers "error" and "warning"."""
        found = stack_layers.place_problems(problems)
        with self.at_once():
            for name, mark in stack_layers.PROBLEM_MARKS.items():
                if name in found:
                    self.set_layer(name, found[name], mark)
                elif name in self.layers:
                    self.remove_layer(name)

    def go_to(self, time_point: int, position_zyx: Sequence[float] | None = None) -> None:
        """Shows a time point, with the crosshair at a position in voxels."""
        known = {"first": self.time_point.min, "last": self.time_point.max}
        is_unknown = time_point not in self.movie.time_points
        refuse_if(is_unknown, "shown time point", time_point=time_point, **known)
        with self.at_once():
            self.time_point.value = int(time_point)
            place = self.place if position_zyx is None else np.round(position_zyx)
            inside = np.clip(np.nan_to_num(place), 0, np.array(self.movie.shape_zyx) - 1)
            if (inside != place).any():
                self.messages.say("This is beyond the image; shown is its border.", "warn")
            for slider, value in zip((self.z, self.y, self.x), inside):
                slider.value = int(value)

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
                    late, self._late = self._late, set()
                    if late:
                        self._change_marks() if "marks" in late else self._redraw()

    def on_pick(self, callback: Callable[[Pick], None]) -> None:
        """Calls back with a `Pick` at each click on the picture, Enter, or the button."""
        self._callbacks.append(callback)

    def pick(self, pick: Pick) -> None:
        """Says in words what was picked, and tells all who listen."""
        voxel = ", ".join(f"{axis} {value:.1f}" for axis, value in zip("zyx", pick.position))
        layer = self.layers.get(pick.layer)
        self.messages.say(f"Picked {layer.describe(pick.row) if layer else f'voxel {voxel}'}.")
        for callback in self._callbacks:
            callback(pick)

    def describe(self) -> str:
        """What is shown, in words."""
        z, y, x = self.place.astype(int)
        where = {
            "slice": f"plane z = {z} ({z * self.movie.spacing_um[0]:.1f} µm)",
            "maximum": "brightest voxels along z",
            "orthogonal": f"slices through z = {z}, y = {y}, x = {x}",
        }[self.view.value]
        time_point, names = self.time_point.value, self.movie.channel_names
        channels = " + ".join(names[channel - 1] for channel in self.channels.value)
        text = f"{self.movie.name}, time point {time_point}, {channels}, {where}."
        rows = {layer.name: layer.annotations.rows_at(time_point) for layer in self.shown_layers}
        numbers = [f"{name} {len(found)}" for name, found in rows.items()]
        return f"{text} Marked: {', '.join(numbers)}." if numbers else text

    def plot(self) -> Drawing:
        """The static twin: what is shown now, for print."""
        title = f"{self.movie.name}, time point {self.time_point.value}"
        return stack_pictures.draw_scene(self.compose(), title, self.describe())

    @property
    def place(self) -> np.ndarray:
        """Where the crosshair is, (3,) float, zyx, voxels; the slices go through it."""
        return np.array([self.z.value, self.y.value, self.x.value], float)

    @property
    def shown_layers(self) -> list[stack_layers.Layer]:
        """The layers that are not switched off."""
        return [self.layers[name] for name in self.layers_shown.value]

    def collect_marks(self, time_point: int) -> list[tuple]:
        """The layers that are shown, with their `LayerMarks`."""
        tail = self.tail.value
        return [(layer, layer.collect_marks(time_point, tail)) for layer in self.shown_layers]

    def find_at_crosshair(self) -> tuple[stack_layers.Layer, int] | None:
        """Layer and row of the position nearest to the crosshair, or None where none is near."""
        now = self.time_point.value
        return stack_layers.find_nearest(self.shown_layers, now, self.place, PICK_UM)

    def compose(self) -> stack_pictures.Scene:
        """All that is shown now, for the kernel to draw."""
        spacing_um, time_point = tuple(self.movie.spacing_um), self.time_point.value
        return stack_pictures.Scene(
            self.pictures.at(time_point, self.channels.value),
            stack_pictures.arrange_panels(self.movie.shape_zyx, spacing_um, self.view.value),
            self.place,
            stack_pictures.make_tones(self.contrast.value, self.gamma.value),
            self.collect_marks(time_point),
            spacing_um,
        )

    def _make_controls(self, channels: Sequence[int]) -> None:
        times, shape = self.movie.time_points, self.movie.shape_zyx
        ends = {"min": times[0], "max": times[-1], "value": times[0]}
        names = enumerate(self.movie.channel_names, start=1)
        self._add_controls(
            "stack",
            time_point=ends,
            play=ends,
            **{axis: {"max": n - 1, "value": n // 2} for axis, n in zip("zyx", shape)},
            view={"options": stack_pictures.VIEWS},
            channels={"options": [(f"{n} {name}", n) for n, name in names], "value": channels},
            previous_position=lambda: self._step(-1),
            next_position=lambda: self._step(1),
            pick_here=self._pick_at_crosshair,
        )

    def _arrange(self) -> None:
        self._legend, self._help, self._crosshair = HTML(), HTML(), VBox([self.y, self.x])
        buttons = common.wrap_row(self.previous_position, self.next_position, self.pick_here)
        playing = common.wrap_row(self.play, self.speed)
        picture = [self._display, self.time_point, playing, self.z, self._crosshair, buttons]
        self._of_page = VBox([self.zoom, self.composite])
        choices = [self.view, self.channels, self._of_page, self.contrast, self.gamma, self.tail]
        left = Layout(flex="1 1 500px", max_width="min(100%, max(508px, 80vh))")
        right = Layout(width="310px", max_width="100%", padding="0 0 0 8px")
        columns = common.wrap_row(
            VBox([*picture, self._display.caption], layout=left),
            VBox([*choices, self.layers_shown, self._legend], layout=right),
        )
        self.children = [columns, self.messages, self._help]
        self.show_what_is_needed()

    def show_what_is_needed(self) -> None:
        """Sliders of the crosshair where they matter; help for those who use page or kernel."""
        needed = self.drawn_by == "kernel" or self.view.value == "orthogonal"
        self._crosshair.layout.display = None if needed else "none"
        self._of_page.layout.display = "none" if self.drawn_by == "kernel" else None
        self._help.value = common.render(f"stack_help_{self.drawn_by}.html")

    def _redraw(self) -> None:
        if self._busy:
            self._late.add("picture")
        else:
            self._display.redraw()

    def _offer_layers(self, shown: Sequence[str]) -> None:
        options = tuple((name, name) for name in self.layers)
        if self.layers_shown.options != options:
            self.layers_shown.set_options(options, shown)
        self._change_marks()

    def _change_marks(self) -> None:
        if self._busy:
            self._late.add("marks")
            return
        annotations = [layer.annotations for layer in self.shown_layers]
        entries = [(layer.mark, layer.name) for layer in self.shown_layers]
        for channel in self.channels.value if self.composite.value else ():
            colour = CHANNEL_COLOURS[(channel - 1) % len(CHANNEL_COLOURS)]
            name = self.movie.channel_names[channel - 1]
            entries.append((Mark(name, "s", colour, filled=True), name))
        if any(len(each.divisions()) for each in annotations):
            entries.append((stack_layers.DIVISION, stack_layers.DIVISION.name))
        tail = self.tail.value if any(len(each.links) for each in annotations) else 0
        notes = {"tail": count(tail, "time point") if tail else "", "has_marks": bool(annotations)}
        notes["planes"] = f"{stack_pictures.FAINT_PLANES:g}"
        notes = common.render("stack_notes.html", **notes)
        self._legend.value = common.make_legend(entries) + notes
        self._display.update_marks()

    def handle_event(self, content: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """What the user did in the page; `buffers`: pictures to be saved, as PNG."""
        if content["kind"] == "next":
            self._step(int(content["step"]))
        elif content["kind"] == "pick here":
            self._pick_at_crosshair()
        elif content["kind"] == "save":
            self._frames += map(bytes, buffers)
            if content["last"]:
                self._save_frames()
        elif content["kind"] == "pick":
            layer, row = self.layers.get(content["layer"]), content["row"]
            # The layer knows the position with all its digits.
            position = layer.annotations.positions[row] if layer else content["position"]
            position = np.array(position, float)
            self.pick(Pick(content["time_point"], position, content["layer"], row))

    def _save_frames(self) -> None:
        """Writes the pictures that the page sent: one as it is, several as a film."""
        frames, self._frames = self._frames, []
        name, content = files.make_file_name(self.movie.name), frames[0]
        if is_film := len(frames) > 1:
            how = {"extension": ".gif", "loop": 0, "duration": 1000 // self.speed.value}
            film = [iio.imread(each)[..., :3] for each in frames]  # without opacity
            content = iio.imwrite("<bytes>", film, **how)
        path = files.find_free_path(Path(f"{name}.{'gif' if is_film else 'png'}"))
        files.write_bytes_safely(path, content)
        self.messages.say(f"Saved as {path.absolute()}.")

    def _pick_at_crosshair(self) -> None:
        layer, row = self.find_at_crosshair() or (None, None)
        place = layer.annotations.positions[row] if layer else self.place
        self.pick(Pick(self.time_point.value, place, layer and layer.name, row))

    def _step(self, step: int) -> None:
        """The crosshair goes to the next position of this time point, through all shown layers."""
        now, layers = self.time_point.value, self.shown_layers
        found = [(layer, row) for layer in layers for row in layer.annotations.rows_at(now)]
        if not found:
            self.messages.say(f"No position at time point {now}.")
            return
        names = [(layer.name, int(row)) for layer, row in found]
        number = names.index(self._reached) + step if self._reached in names else min(step, 0)
        self._reached, (layer, row) = names[number % len(found)], found[number % len(found)]
        self.messages.say(layer.describe(row))
        self.go_to(now, layer.annotations.positions[row])
