"""What a training leaves in its run folder: checkpoints, the best network, history and pictures."""

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np

from organoid_kit.base import NetworkSettings, UserError
from organoid_kit.base.files import write_json_safely
from organoid_kit.examples.choice import Examples
from organoid_kit.networks import save_network
from organoid_kit.networks.export import check_export
from organoid_kit.training.checkpoints import TrainingState, save_checkpoint
from organoid_kit.training.epoch_pictures import (
    ShownExample,
    choose_example,
    make_picture,
    write_picture,
)
from organoid_kit.training.runs import Run
from organoid_kit.training.validation import get_epoch_error


@dataclass
class Keeper:
    """Keeps what a training has come to.

    Attributes:
        run: where to.
        network: under training.
        settings: of the training.
        state: where it stands.
        examples: one of which is shown in the epoch pictures.
        saved: when the last checkpoint was written.
    """

    run: Run
    network: keras.Model
    settings: NetworkSettings
    state: TrainingState
    examples: Examples
    saved: float = field(default_factory=time.monotonic)

    def save(self) -> None:
        """Writes a checkpoint."""
        save_checkpoint(self.network, self.state, self.run.folder / "checkpoints")
        self.saved = time.monotonic()

    def save_now_and_then(self) -> None:
        """Writes a checkpoint if the last one is some minutes old."""
        if time.monotonic() - self.saved > 60 * self.settings.checkpoint_minutes:
            self.save()

    def keep_epoch(self, judged: dict[str, Any]) -> dict[str, Any]:
        """Closes an epoch: its row of the history, its picture, and the network if it is the best.

        Args:
            judged: its losses and what else it is judged by.
        """
        state, error = self.state, get_epoch_error(judged)
        best = error < state.lowest_error
        state.epochs_since_best = 0 if best else state.epochs_since_best + 1
        state.lowest_error = min(state.lowest_error, error)
        state.epoch += 1
        seconds = round(state.seconds_of_epoch, 3)
        row = {"epoch": state.epoch, **judged, "best": best, "seconds": seconds}
        state.history.append(row)
        state.step, state.losses, state.seconds_of_epoch = 0, [], 0.0
        if best:
            save_network(self.network, self.settings, self.run.network_folder, overwrite=True)
        write_picture(make_picture(self._shown, state.epoch, self._answer), self.run.folder)
        write_json_safely(self.run.folder / "history.json", state.history, overwrite=True)
        self.run.log(str(row))
        return row

    @cached_property
    def _shown(self) -> ShownExample:
        return choose_example(self.examples)

    def _answer(self, inputs: Any) -> np.ndarray:
        return keras.ops.convert_to_numpy(self.network(inputs, training=False))

    def keep_last(self) -> None:
        """A last checkpoint; and if no epoch has ended, the network there is rather than none."""
        if not self.run.network_folder.exists():
            save_network(self.network, self.settings, self.run.network_folder)
        self.save()

    def try_export(self) -> str:
        """Why this network cannot leave for OrganoidTracker; empty if it can."""
        try:
            check_export(self.network, self.settings)
        except UserError as error:
            self.run.log(f"export tried and failed: {error}")
            return f"Training goes on, but an export will fail: {error}"
        return ""
