"""What a training leaves in its run folder; the network of lowest `compute_epoch_error` is kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras

from organoid_kit.base import UserError, files
from organoid_kit.examples.looks import measure_look
from organoid_kit.networks import save_network
from organoid_kit.networks.export import check_export
from organoid_kit.training import epoch_pictures
from organoid_kit.training.checkpoints import save_checkpoint
from organoid_kit.training.steps import Learner


def compute_epoch_error(judged: dict[str, float | None]) -> float:
    """The validation loss, of division and link networks that after calibration; lowest is best.

    Their plain loss rises with a few sure mistakes while they still learn to tell the classes
    apart; calibration mends that in the end, so it must not decide.
    """
    return judged.get("validation_calibrated_loss", judged["validation_loss"])


@dataclass
class Keeper:
    """Keeps what a training has come to; `shown` is what the epoch pictures show."""

    learner: Learner
    shown: epoch_pictures.ShownExample
    check_run: Callable[[], None]  # raises UserError where the run is no longer ours to write
    saved: float = field(default_factory=time.monotonic)  # when the last checkpoint was written

    def save(self) -> None:
        """Writes a checkpoint."""
        self.check_run()
        learner = self.learner
        save_checkpoint(learner.network, learner.state, learner.run.folder / "checkpoints")
        self.saved = time.monotonic()

    def save_now_and_then(self) -> None:
        """Writes a checkpoint if the last one is some minutes old."""
        if time.monotonic() - self.saved > 60 * self.learner.settings.checkpoint_minutes:
            self.save()

    def keep_epoch(self, judged: dict[str, Any]) -> dict[str, Any]:
        """Closes an epoch: its row of the history, its picture, the network if it is the best."""
        self.check_run()
        state, run, error = self.learner.state, self.learner.run, compute_epoch_error(judged)
        best = error < state.lowest_error
        state.epochs_since_best = 0 if best else state.epochs_since_best + 1
        state.lowest_error = min(state.lowest_error, error)
        state.epoch += 1
        seconds = round(state.seconds_of_epoch, 3)
        row = {"epoch": state.epoch, **judged, "best": best, "seconds": seconds}
        state.history.append(row)
        state.step, state.losses, state.seconds_of_epoch = 0, [], 0.0
        if best:
            self._save_network()
        answers = self.learner.network(self.shown.inputs, training=False)
        answers = keras.ops.convert_to_numpy(answers)
        picture = epoch_pictures.make_picture(self.shown, state.epoch, answers)
        epoch_pictures.write_picture(picture, run.folder)
        files.write_json_safely(run.folder / "history.json", state.history, overwrite=True)
        run.log(str(row))
        return row

    def _save_network(self) -> None:
        learner, settings = self.learner, self.learner.settings.changed(look=self._look)
        save_network(learner.network, settings, learner.run.network_folder, overwrite=True)

    @cached_property
    def _look(self) -> tuple[float, ...]:
        examples = self.learner.examples
        return measure_look(examples.fitted, examples.settings)

    def keep_last(self) -> None:
        """A last checkpoint; and if no epoch has ended, the network there is rather than none."""
        self.check_run()
        if not self.learner.run.network_folder.exists():
            self._save_network()
        self.save()

    def try_export(self) -> str:
        """Why this network cannot leave for OrganoidTracker; empty if it can."""
        try:
            check_export(self.learner.network, self.learner.settings)
        except UserError as error:
            self.learner.run.log(f"export tried and failed: {error}")
            return f"Training goes on, but an export will fail: {error}"
        return ""
