"""A training in a thread of its own, steered from outside; it knows of no widgets.

Keras is loaded in the thread, too: that takes seconds in which nobody should have to wait.
"""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from organoid_kit import prediction
from organoid_kit.base import NetworkSettings, make_error
from organoid_kit.examples.batches import Movies
from organoid_kit.training import Run, lock

if TYPE_CHECKING:
    from organoid_kit.training import Progress

_running: list[TrainingSession] = []  # at most one
_SLOW_STEPS, _LEAST_TIMED = 2, 5  # first steps compile; so many later ones say how long it takes
_loading = threading.Lock()


class TrainingSession:
    """A training that is paused, changed, stopped and continued when the step under way ends.

    Attributes:
        run, progress: None before there is one.
        history, losses: a row for each finished epoch; (epochs done, loss) of steps since `start`.
        news: what is worth a line of text since `start`, in order: finished epochs and events.
        error: what ended the training; None while all is well.
        view_error: of the last listener that failed; a view that breaks never ends a training.
        listeners: called in the thread, after each step, epoch and event, and at the very end.
    """

    def __init__(
        self,
        training: Movies,
        validation: Movies,
        settings: NetworkSettings,
        *,
        resume: str | Path | None = None,
    ) -> None:
        """Starts nothing yet; `resume` is the folder of a run to continue, as in `train`."""
        self.training, self.validation, self.settings = training, validation, settings
        self.run = Run(Path(resume)) if resume else None
        self.progress: Progress | None = None
        self.history: list[dict[str, Any]] = self.run.history if self.run else []
        self.losses: list[tuple[float, float]] = []
        self.news: list[Progress] = []
        self.error = self.view_error = self._thread = None
        self._is_judging, self._timed_from = False, 0.0
        self.listeners: list[Callable[[], None]] = []
        self._wants_stop, self._wants_pause, self._is_paused = (threading.Event() for _ in range(3))

    @property
    def name(self) -> str:
        """Of the run, for people."""
        return self.run.folder.name if self.run else f"a new {self.settings.network} network"

    @property
    def epochs(self) -> int:
        """How many to train; may be raised and lowered at any time."""
        return self.settings.epochs

    @epochs.setter
    def epochs(self, number: int) -> None:
        """Raises UserError where it is no number of epochs."""
        self.settings = self.settings.changed(epochs=number)

    @property
    def is_running(self) -> bool:
        """Whether the training goes on, paused or not."""
        return self in _running

    @property
    def state(self) -> str:
        """A key of ``states.json``."""
        if not self.is_running:
            return "failed" if self.error else "ended" if self._thread else "ready"
        if self._wants_stop.is_set():
            return "stopping"
        if self._is_judging:
            return "judging"
        if self._wants_pause.is_set():
            return "paused" if self._is_paused.is_set() else "pausing"
        if not self.losses:
            return "preparing"
        is_whole = self.progress.step >= self.progress.steps  # the epoch, which has no row yet
        return "validating" if is_whole and self.validation else "training"

    @property
    def epochs_done(self) -> float:
        """Finished epochs, with the part that is done of the one under way."""
        if self.progress is None:
            return float(len(self.history))
        return self.progress.epoch + self.progress.step / max(1, self.progress.steps)

    @property
    def seconds_left(self) -> float | None:
        """For the remaining epochs, judged by the last three or by some steps; None: not known."""
        left = max(0.0, self.epochs - self.epochs_done)
        if recent := self.history[-3:]:
            return left * sum(row["seconds"] for row in recent) / len(recent)
        if len(self.losses) >= _SLOW_STEPS + _LEAST_TIMED:
            seconds = self.progress.seconds - self._timed_from
            return left * seconds / (self.epochs_done - self.losses[_SLOW_STEPS - 1][0])

    def start(self) -> None:
        """Starts, or goes on in the run there is. Raises UserError while a training is running."""
        if _running:
            raise make_error("one training", name=_running[0].name)
        self.error, self.view_error, self.losses, self.news = None, None, [], []
        for flag in (self._wants_stop, self._wants_pause, self._is_paused):
            flag.clear()
        _running.append(self)
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Waits after the step under way, with everything saved."""
        self._wants_pause.set()

    def resume(self) -> None:
        """Goes on after a pause."""
        self._wants_pause.clear()
        self._is_paused.clear()

    def stop(self) -> None:
        """Ends after the step under way, with everything saved; `start` goes on from there."""
        self._wants_stop.set()

    def wait(self) -> Run | None:
        """Waits for the end, and raises what ended it; an interrupt (Ctrl-C) meanwhile stops it."""
        while self._thread and self._thread.is_alive():
            try:
                self._thread.join(0.2)
            except KeyboardInterrupt:
                self.stop()
        if self.error:
            raise self.error
        return self.run

    def _work(self) -> None:
        try:
            self.run = load_training().train(
                self.training,
                self.validation,
                self.settings,
                resume=self.run and self.run.folder,
                on_progress=self._note,
                should_stop=self._wants_stop.is_set,
                should_pause=self._is_asked_to_pause,
                find_epochs=lambda: self.epochs,
            )
            if self.settings.start_from and not self._wants_stop.is_set():
                self._judge()
        except Exception as error:
            self.error = error
        finally:
            self._is_judging = False
            _running.remove(self)
            self._tell()

    def _judge(self) -> None:
        """A network that was fine-tuned is calibrated and compared with what there was before."""
        self._is_judging = True
        self._tell()
        said = prediction.judge_run(self.run, self.training, self.validation)
        self._note(dataclasses.replace(self.progress, row=None, message=said))

    def _is_asked_to_pause(self) -> bool:
        """The training asks between two steps; told yes, it waits and asks again and again."""
        if is_asked := self._wants_pause.is_set():
            self._is_paused.set()
        return is_asked

    def _note(self, progress: Progress) -> None:
        self.run, self.progress = progress.run, progress
        if progress.row or progress.message:
            self.news.append(progress)
        else:
            self.losses.append((self.epochs_done, progress.loss))
            if len(self.losses) == _SLOW_STEPS:
                self._timed_from = progress.seconds
        if progress.row:
            earlier = [row for row in self.history if row["epoch"] < progress.row["epoch"]]
            self.history = [*earlier, progress.row]
        self._tell()

    def _tell(self) -> None:
        for listener in self.listeners:
            try:
                listener()
            except Exception as error:
                self.view_error = error


def load_training() -> ModuleType:
    """`training.loop`, and with it Keras; threads that ask at the same time wait for each other."""
    with _loading:
        return import_module("organoid_kit.training.loop")


def find_interrupted(folder: str | Path) -> tuple[Run, str] | None:
    """The newest run of a folder if its training was cut off, and where; else None."""
    run = Run(max(Path(folder).glob("*/run.json"), default=Path()).parent)
    saved = sorted(path.stem for path in run.folder.glob("checkpoints/epoch_*.npz"))
    if run.ending or not saved:
        return None
    if lock.is_in_use(run):
        return run, f"{run.folder.name} is being trained by another notebook or page."
    epoch, step = map(int, re.findall(r"\d+", saved[-1]))
    return run, f"{run.folder.name} was interrupted in epoch {epoch + 1}, saved at step {step}."


def find_running_session() -> TrainingSession | None:
    """The training that is going on, for a dashboard that was made after it started."""
    return _running[0] if _running else None
