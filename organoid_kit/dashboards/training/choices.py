"""All that one chooses before a training, and what it will take."""

import dataclasses
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ipywidgets import Accordion, HBox, Layout

from organoid_kit.base import NetworkSettings, make_error, make_settings, read_settings, refuse_if
from organoid_kit.base.settings import NETWORKS, PRESETS
from organoid_kit.dashboards.parts import CheckboxGroup, common
from organoid_kit.dashboards.parts.dashboard import CONTROLS, Dashboard, Later
from organoid_kit.dashboards.training.session import load_training
from organoid_kit.data import AnnotatedMovie, find_samples, read_dataset
from organoid_kit.networks import list_shipped_networks, load_settings, make_fine_tuning_settings
from organoid_kit.plots.drawing import count
from organoid_kit.training import Run, list_runs

Data = Sequence[AnnotatedMovie] | str | Path | None
# Starts; others are the name or folder of a network to train on from.
_SCRATCH, _RESUME = "", "resume:"
_PARTS = ("basic", "expert")  # what is always seen, and what is folded
_SETTINGS = ("network", "preset", "epochs", "batch_size", "learning_rate")


class TrainingChoices(Dashboard):
    """Network, data, settings and start of a training; `estimate` says what it will take."""

    kept = tuple(name for part in _PARTS for name in CONTROLS[f"training: {part}"])

    def __init__(
        self,
        training: Data,
        validation: Data,
        settings: NetworkSettings | None,
        output_folder: str,
        messages: common.Messages,
    ) -> None:
        if training is None:
            samples = find_samples()
            training, validation = samples / "training.autlist", samples / "validation.autlist"
            settings = settings or read_settings(samples / "settings.json")
        super().__init__()
        self.messages, data = messages, {"training": training, "validation": validation}
        paths = {part: str(data) for part, data in data.items() if isinstance(data, (str, Path))}
        self._given = {part: list(data[part] or []) for part in data.keys() - paths.keys()}
        self._read = lru_cache(2)(read_dataset)  # training and validation
        self._start = settings or make_settings("position")
        self._base = self._start.changed(output_folder=output_folder)
        self._step_seconds, self._measures = {}, False
        self._make_controls(paths)
        self._later = Later(self._estimate)
        self._offer_channels(self._given.get("training", []))
        self.show(self._base)
        self.offer_starts()
        self._connect(self._apply_network, self.network)
        self._connect(self._apply_start, self.start_from)
        self._connect(self._later.ask, *self._kept.values())
        self._later.ask()

    def _make_controls(self, paths: dict[str, str]) -> None:
        given = {"network": {"options": NETWORKS}, "preset": {"options": PRESETS}}
        given["start_from"] = {"options": [("from scratch", _SCRATCH)]}
        for part in ("training", "validation"):
            names = ", ".join(movie.name for movie in self._given.get(part, []))
            shown = names or "none: the path of an .autlist"
            given[f"{part}_path"] = {"value": paths.get(part, ""), "placeholder": shown}
        basic, expert = (self._add_controls(f"training: {part}", **given) for part in _PARTS)
        fold = Accordion([expert], selected_index=None)
        fold.set_title(0, "Expert settings")
        self._add_controls("training: estimate", measure_time=self._measure)
        self.measure_time.layout = Layout(width="120px", flex="0 0 auto")
        below = HBox([self.measure_time, self.estimate], layout=Layout(align_items="center"))
        self.children = [basic, fold, below]

    def collect_settings(self) -> NetworkSettings:
        """What is chosen, as settings. Raises UserError where a value is not possible."""
        chosen = {name: getattr(self, name).value for name in _SETTINGS}
        chosen["channels"] = self.channels.value if self.channels.options else self._base.channels
        try:
            z, y, x = map(int, re.split("[,;x×]", self.patch_shape.value))
        except ValueError:
            raise make_error("patch", text=self.patch_shape.value) from None
        if not self.resume:
            chosen["start_from"] = self.start_from.value or None
        return self._base.changed(**chosen, patch_shape_zyx=(z, y, x))

    @property
    def resume(self) -> Path | None:
        """The run to continue; None for a new one."""
        start = self.start_from.value
        return Path(start.removeprefix(_RESUME)) if start.startswith(_RESUME) else None

    def read_movies(self, part: str) -> list[AnnotatedMovie]:
        """The movies for "training" or "validation"; read once. Raises UserError if that fails."""
        path = getattr(self, f"{part}_path").value.strip()
        return self._read(path) if path else self._given.get(part, [])

    def show(self, settings: NetworkSettings) -> None:
        """Puts settings on the controls."""
        self._base = settings
        for name in _SETTINGS:
            getattr(self, name).value = getattr(settings, name)
        self.patch_shape.value = ", ".join(map(str, settings.patch_shape_zyx))
        self.channels.value = self._fit_channels(self.channels.options)

    def lock(self, *, running: bool) -> None:
        """While a training runs, only epochs can be changed; a continued run keeps its own."""
        free = {"epochs"} if running else set(self.kept)
        if self.resume and not running:
            free = {"epochs", "start_from", "training_path", "validation_path"}
        for name, control in self._kept.items():
            for widget in control.boxes if isinstance(control, CheckboxGroup) else (control,):
                widget.disabled = name not in free
        self.measure_time.disabled = running

    def _apply_network(self) -> None:
        network, base = self.network.value, self._base
        if network != base.network:
            start = self._start if self._start.network == network else make_settings(network)
            channels = self.channels.value or base.channels
            self.show(start.changed(channels=channels, output_folder=base.output_folder))
            self.offer_starts()

    def _apply_start(self) -> None:
        start, kept = self.start_from.value, {"output_folder": self._base.output_folder}
        if self.resume:
            run = Run(self.resume)
            epochs = max(run.settings.epochs, len(run.history))  # as many as it was to have at last
            self.show(run.settings.changed(epochs=epochs, **kept))
        elif start != _SCRATCH:
            kept["channels"] = self.channels.value or load_settings(start).channels
            self.show(make_fine_tuning_settings(start, epochs=self.epochs.value, **kept))
        self.lock(running=False)

    def resume_run(self, run: Run) -> None:
        """Chooses a run to continue."""
        self.network.value = run.settings.network
        self.start_from.value = f"{_RESUME}{run.folder}"

    def offer_starts(self, ended: Run | None = None) -> None:
        """What to start from; a run that just ended is chosen, if it can be continued."""
        network, before = self.network.value, self.start_from.value
        options, shipped = [("from scratch", _SCRATCH)], f"{network}_small"
        if shipped in list_shipped_networks():
            options.append((f"train on from the shipped network {shipped}", shipped))
        from_best, folder, self.histories = [], self._base.output_folder, {}
        for row in reversed([row for row in list_runs(folder) if row["network"] == network]):
            run = Run(Path(folder) / row["run"])
            self.histories[run.folder] = run.history
            is_open = not run.ending.startswith("all ") or (ended and run.folder == ended.folder)
            if is_open and any((run.folder / "checkpoints").glob("*.npz")):
                label = f"continue {row['run']}: {count(row['epochs'], 'epoch')} done"
                options.append((label, f"{_RESUME}{run.folder}"))
            if row["epochs"]:
                from_best.append((f"train on from {row['run']}, its best network", str(run.folder)))
        options += from_best
        self.start_from.options, starts = options, [start for _, start in options]
        wanted = [before] if ended is None else [f"{_RESUME}{ended.folder}", before]
        self.start_from.value = next((start for start in wanted if start in starts), _SCRATCH)

    def _measure(self) -> None:
        self._measures = True
        self._later.ask()

    def _estimate(self) -> None:
        """In a thread: reads other movies, and says what training on them takes."""
        with self.messages.catch():
            movies = self.read_movies("training")
            with common.handler_lock:
                self._offer_channels(movies)
                settings = self.collect_settings()
            refuse_if(not movies, "movies")
            self._show_estimate(settings, movies)

    def _show_estimate(self, settings: NetworkSettings, movies: list[AnnotatedMovie]) -> None:
        if not self.estimate.value:
            self.estimate.value = common.make_status("Estimating what it takes …")
        load_training()
        from organoid_kit.training.estimates import count_steps, estimate_training

        measures, self._measures = self._measures, False
        if measures:
            self.estimate.value = common.make_status("Timing a few steps …")
        found = estimate_training(settings, movies, measure_time=measures)
        steps = count_steps(settings, movies) * settings.epochs
        key = (settings.network, settings.preset, settings.batch_size, settings.patch_shape_zyx)
        if found.minutes is not None:
            self._step_seconds[key] = 60 * found.minutes / steps
        if key in self._step_seconds:
            found = dataclasses.replace(found, minutes=self._step_seconds[key] * steps / 60)
        fits = "Does not fit. " if found.warnings() else ""
        self.estimate.value = common.make_status(str(found), bold=fits)

    def _offer_channels(self, movies: list[AnnotatedMovie]) -> None:
        names = movies[0].movie.channel_names if movies else ()
        options = tuple((f"{n} {name}", n) for n, name in enumerate(names, start=1))
        if options != self.channels.options:
            self.channels.set_options(options, self._fit_channels(options))

    def _fit_channels(self, options: common.Options) -> list[int]:
        """Those of the settings that the movies have; what they lack is said."""
        wanted, number = self._base.channels, len(options)
        if number and max(wanted) > number:
            text = f"The settings name channels {', '.join(map(str, wanted))}"
            self.messages.say(f"{text}; these movies have {number}. Look at the ticks.", "warn")
        return [channel for channel in wanted if channel <= number] or [1][:number]
