"""All that one chooses before a training, and what it will take."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipywidgets import HTML, BoundedIntText, Button, Dropdown, FloatText, HBox, Layout, Text, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import (
    NETWORKS,
    PRESETS,
    NetworkSettings,
    make_settings,
    read_settings,
)
from organoid_kit.dashboards.common import (
    INK,
    PAPER,
    CheckboxGroup,
    Messages,
    handler_lock,
    make_tooltip,
    mark,
)
from organoid_kit.dashboards.later import Later
from organoid_kit.dashboards.training_session import load_training
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.networks.folders import (
    list_shipped_networks,
    load_settings,
    make_fine_tuning_settings,
)
from organoid_kit.plots.drawing import count
from organoid_kit.training.runs import Run, list_runs

Data = Sequence[AnnotatedMovie] | str | Path | None
_STYLE = {"description_width": "125px"}  # labels in line below each other
_SCRATCH, _RESUME = (
    "",
    "resume:",
)  # starts; others are the name or folder of a network to train on from


class TrainingChoices(VBox):
    """Network, data, settings and start of a training; below, the memory, time and disk it takes.

    Attributes:
        network, start_from, training_path, validation_path, channels, preset, epochs, batch_size,
        patch_shape, learning_rate, measure_time: the controls.
        estimate: what the training will take, in words.
        messages: where errors are shown.
    """

    def __init__(
        self,
        training: Data,
        validation: Data,
        settings: NetworkSettings | None,
        output_folder: str,
        messages: Messages,
    ) -> None:
        if training is None:
            samples = find_samples()
            training, validation = samples / "training.autlist", samples / "validation.autlist"
            settings = settings or read_settings(samples / "settings.json")
        self.messages = messages
        self._given = {
            "training": training,
            "validation": validation if validation is not None else [],
        }
        self._read: dict[str, tuple[Any, list[AnnotatedMovie]]] = {}
        self._start = settings or make_settings("position")
        self._base = self._start.changed(output_folder=output_folder)
        self._step_seconds: dict[tuple, float] = {}
        self._measures = False
        self._make_controls()
        self._later = Later(self._estimate)
        super().__init__(self._lay_out())
        if not isinstance(training, (str, Path)):
            self._offer_channels(list(training))
        self.show(self._base)
        self._offer_starts()
        for name, control in self.controls.items():
            control.observe(lambda change, name=name: self._follow(name), "value")
        self.measure_time.on_click(lambda _: self._measure())
        self._later.ask()

    def _make_controls(self) -> None:
        wide = {"style": _STYLE, "layout": Layout(width="98%")}
        narrow = {"style": _STYLE, "layout": Layout(width="320px")}
        self.network = Dropdown(options=NETWORKS, description="network", **narrow)
        self.start_from = Dropdown(
            options=[("from scratch", _SCRATCH)], description="start", **wide
        )
        self.training_path, self.validation_path = (
            Text(
                value=str(self._given[part]) if isinstance(self._given[part], (str, Path)) else "",
                placeholder=self._describe_given(part),
                description=f"{part} movies",
                **make_tooltip("An .autlist; empty for the movies the dashboard was given."),
                continuous_update=False,
                **wide,
            )
            for part in ("training", "validation")
        )
        self.channels = CheckboxGroup(description="channels (several are summed)")
        self.preset = Dropdown(
            options=PRESETS, description="preset", **make_tooltip("Size of the network."), **narrow
        )
        self.epochs = BoundedIntText(value=1, min=1, max=100_000, description="epochs", **narrow)
        self.batch_size = BoundedIntText(value=1, min=1, max=4096, description="batch", **narrow)
        self.patch_shape = Text(
            description="patch (z, y, x)",
            **make_tooltip("In voxels."),
            continuous_update=False,
            **narrow,
        )
        self.learning_rate = FloatText(value=1e-3, step=1e-4, description="learning rate", **narrow)
        self.measure_time = Button(
            description="Measure time",
            tooltip="Times a few training steps.",
            layout=Layout(width="120px", flex="0 0 auto"),
        )
        self.estimate = HTML()
        for name, control in self.controls.items():
            mark(control, f"ok-{name.replace('_', '-')}")
        mark(self.measure_time, "ok-measure-time")
        mark(self.estimate, "ok-estimate")

    @property
    def controls(self) -> dict[str, Any]:
        """The controls with a value, by name."""
        names = (
            "network",
            "start_from",
            "training_path",
            "validation_path",
            "channels",
            "preset",
            "epochs",
        )
        return {
            name: getattr(self, name)
            for name in (*names, "batch_size", "patch_shape", "learning_rate")
        }

    def _lay_out(self) -> list[Any]:
        left = VBox([self.network, self.preset, self.epochs, self.learning_rate])
        right = VBox([self.batch_size, self.patch_shape, self.channels])
        below = HBox([self.measure_time, self.estimate], layout=Layout(align_items="center"))
        columns = HBox([left, right], layout=Layout(flex_flow="row wrap"))
        return [self.training_path, self.validation_path, self.start_from, columns, below]

    def _describe_given(self, part: str) -> str:
        given = self._given[part]
        names = [] if isinstance(given, (str, Path)) else [each.name for each in given]
        return ", ".join(names) or "none: the path of an .autlist"

    # ---- what is chosen

    def collect_settings(self) -> NetworkSettings:
        """What is chosen, as settings.

        Raises:
            UserError: a value is not possible.
        """
        start = self.start_from.value
        return self._base.changed(
            network=self.network.value,
            channels=self.channels.value if self.channels.options else self._base.channels,
            preset=self.preset.value,
            epochs=self.epochs.value,
            batch_size=self.batch_size.value,
            patch_shape_zyx=_read_shape(self.patch_shape.value),
            learning_rate=self.learning_rate.value,
            start_from=self._base.start_from if self.resume else start or None,
        )

    @property
    def resume(self) -> Path | None:
        """The run to go on with; None for a new one."""
        start = self.start_from.value
        return Path(start[len(_RESUME) :]) if start.startswith(_RESUME) else None

    def read_movies(self, part: str) -> list[AnnotatedMovie]:
        """The movies for "training" or "validation"; read once.

        Raises:
            UserError: they cannot be read.
        """
        typed, given = getattr(self, f"{part}_path").value.strip(), self._given[part]
        source = typed or (None if isinstance(given, (str, Path)) else given)
        if source is None:
            return []
        if not isinstance(source, str):
            return list(source)
        if self._read.get(part, ("",))[0] != source:
            self._read[part] = (source, read_dataset(source))
        return self._read[part][1]

    def show(self, settings: NetworkSettings) -> None:
        """Puts settings on the controls."""
        self._base = settings
        self.network.value, self.preset.value = settings.network, settings.preset
        self.epochs.value, self.batch_size.value = settings.epochs, settings.batch_size
        self.patch_shape.value = ", ".join(map(str, settings.patch_shape_zyx))
        self.learning_rate.value = settings.learning_rate
        known = [value for _, value in self.channels.options]
        if set(settings.channels) <= set(known):
            self.channels.value = settings.channels

    def offer_run(self, run: Run) -> None:
        """Offers to go on with a run, and chooses that, if there is anything to go on from."""
        self._offer_starts(also=run)
        if (start := f"{_RESUME}{run.folder}") in [value for _, value in self.start_from.options]:
            self.start_from.value = start

    def lock(self, *, running: bool) -> None:
        """Disables what cannot be changed: all but epochs while a training runs; a run to go on
        with keeps its own.
        """
        for name, control in self.controls.items():
            own = name in ("epochs", "start_from", "training_path", "validation_path")
            disabled = name != "epochs" and (running or (self.resume is not None and not own))
            for each in control.boxes if isinstance(control, CheckboxGroup) else (control,):
                each.disabled = disabled
        self.measure_time.disabled = running

    # ---- what follows from a choice

    def _follow(self, name: str) -> None:
        """Something was chosen."""
        with self.messages.watch():
            if name == "network" and self.network.value != self._base.network:
                self._apply_network()
            elif name == "start_from":
                self._apply_start()
            self._later.ask()

    def _apply_network(self) -> None:
        """Another network has other defaults and other starts."""
        chosen, kept = self.network.value, {"channels": self.channels.value or self._base.channels}
        kept |= {"output_folder": self._base.output_folder}
        start = self._start if self._start.network == chosen else make_settings(chosen)
        self.show(start.changed(**kept))
        self._offer_starts()

    def _apply_start(self) -> None:
        """The settings of the run to go on with, or of the network to train on from."""
        start, output = self.start_from.value, self._base.output_folder
        if self.resume:
            self.show(self.resume_settings().changed(output_folder=output))
        elif start != _SCRATCH:
            kept = {
                "channels": self.channels.value or load_settings(start).channels,
                "epochs": self.epochs.value,
            }
            self.show(make_fine_tuning_settings(start, output_folder=output, **kept))
        self.lock(running=False)

    def resume_settings(self) -> NetworkSettings:
        """Those of the run to go on with, with as many epochs as it was to have at last."""
        run = Run(self.resume)
        return run.settings.changed(epochs=max(run.settings.epochs, len(run.history)))

    def _offer_starts(self, also: Run | None = None) -> None:
        """From scratch, the shipped network, and the runs there are, newest first."""
        network, chosen = self.network.value, self.start_from.value
        shipped = f"{network}_small"
        options = [("from scratch", _SCRATCH)]
        if shipped in list_shipped_networks():
            options.append((f"train on from the shipped network {shipped}", shipped))
        options += _list_starts(self._base.output_folder, network, also)
        self.start_from.options = options
        self.start_from.value = chosen if chosen in [value for _, value in options] else _SCRATCH

    # ---- what it takes

    def _measure(self) -> None:
        self._measures = True
        self._later.ask()

    def _estimate(self) -> None:
        """In a thread: reads the movies where they are others, and says what training on them
        takes.
        """
        with self.messages.catch():
            movies = self.read_movies("training")
            with handler_lock():
                self._offer_channels(movies)
                settings = self.collect_settings()
            if not movies:
                raise UserError(
                    "Training needs movies. Received: none. Enter the path of an .autlist."
                )
            self.estimate.value = self._estimate_what(settings, movies)

    def _estimate_what(self, settings: NetworkSettings, movies: list[AnnotatedMovie]) -> str:
        if not self.estimate.value:
            self.estimate.value = _write_estimate("Estimating what it takes …", [])
        load_training()
        from organoid_kit.training.estimates import count_steps, estimate_training

        measures, self._measures = self._measures, False
        if measures:
            self.estimate.value = _write_estimate("Timing a few steps …", [])
        found = estimate_training(settings, movies, measure_time=measures)
        steps = count_steps(settings, movies) * settings.epochs
        key = (settings.network, settings.preset, settings.batch_size, settings.patch_shape_zyx)
        if found.minutes is not None:
            self._step_seconds[key] = 60 * found.minutes / steps
        if key in self._step_seconds:
            found = dataclasses.replace(found, minutes=self._step_seconds[key] * steps / 60)
        return _write_estimate(str(found), found.warnings())

    def _offer_channels(self, movies: list[AnnotatedMovie]) -> None:
        """The channels of the first movie."""
        names = movies[0].movie.channel_names if movies else ()
        options = tuple((f"{number} {name}", number) for number, name in enumerate(names, start=1))
        if options != self.channels.options:
            wanted = [each for each in self._base.channels if each <= len(options)]
            self.channels.set_options(options, wanted or [1][: len(options)])


def _write_estimate(text: str, warnings: Sequence[str]) -> str:
    """As HTML; what does not fit stands out by a word."""
    word = "<b>Does not fit.</b> " if warnings else ""
    return f'<div role="status" style="line-height:1.4;color:{INK};background:{PAPER}">{word}{html.escape(text)}</div>'


def _read_shape(text: str) -> tuple[int, ...]:
    """Three whole numbers."""
    parts = text.replace("×", ",").replace("x", ",").replace(";", ",").split(",")
    try:
        shape = tuple(int(part) for part in parts)
    except ValueError:
        shape = ()
    if len(shape) != 3:
        raise UserError(
            f"A patch has three sizes in voxels: z, y, x. Received: {text!r}. Enter, for example, 16, 48, 48."
        )
    return shape


def _list_starts(folder: str, network: str, also: Run | None) -> list[tuple[str, str]]:
    """The runs of a folder that can be gone on with, and those that can be trained on from."""
    going_on, from_best = [], []
    for row in reversed(list_runs(folder)):
        run = Run(Path(folder) / row["run"])
        if row["network"] != network:
            continue
        ended = run.ending.startswith("all ")
        if any((run.folder / "checkpoints").glob("*.npz")) and (
            not ended or (also and run.folder == also.folder)
        ):
            label = f"go on with {row['run']}: {count(row['epochs'], 'epoch')} done"
            going_on.append((label, f"{_RESUME}{run.folder}"))
        if row["epochs"]:
            from_best.append((f"train on from {row['run']}, its best network", str(run.folder)))
    return [*going_on, *from_best]
