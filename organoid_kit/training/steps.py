"""One step of learning after the other: batches, learning rate, and what if memory runs out."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np

from organoid_kit.base import NetworkSettings, make_error
from organoid_kit.examples.batches import Examples
from organoid_kit.training.checkpoints import TrainingState
from organoid_kit.training.estimates import is_out_of_memory
from organoid_kit.training.own import Augment, vary_batch
from organoid_kit.training.runs import NOT_FINITE, Run

WARM_UP_STEPS = 20  # the learning rate rises over so many steps, then falls along a cosine
_LAST_RATE = 0.02  # part of the learning rate that is left at the end
Batch = tuple[np.ndarray | tuple[np.ndarray, ...], np.ndarray, np.ndarray]


@dataclass
class Learner:
    """A compiled network, the examples it learns from, where it stands, and the run for the log."""

    network: keras.Model
    examples: Examples
    settings: NetworkSettings
    state: TrainingState
    run: Run
    find_epochs: Callable[[], int]
    augment: Augment | None = None

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return self.examples.steps_per_epoch(self.state.batch_size)

    def make_batches(self) -> Iterator[Batch]:
        """Those left of the epoch, each made while the one before is trained on."""
        epoch, size = self.state.epoch, self.state.batch_size
        steps = range(self.state.step, self.steps)
        if not steps:
            return
        with ThreadPoolExecutor(max_workers=1) as worker:
            coming = worker.submit(self._make_batch, epoch, steps[0], size)
            for step in steps:
                batch = coming.result()
                if step + 1 in steps:
                    coming = worker.submit(self._make_batch, epoch, step + 1, size)
                yield batch

    def _make_batch(self, epoch: int, step: int, size: int) -> Batch:
        inputs, targets, weights = self.examples.batch(epoch, step, size)
        if self.augment is not None:
            inputs = vary_batch(self.augment, inputs, (self.settings.seed, epoch), step * size)
        return inputs, targets, weights

    def learn(self, batch: Batch) -> float:
        """Changes the weights by one batch; its loss."""
        state = self.state
        inputs, targets, weights = batch
        self.network.optimizer.learning_rate = self.compute_learning_rate()
        self.network.reset_metrics()
        loss = float(self.network.train_on_batch(inputs, targets, sample_weight=weights))
        if not math.isfinite(loss):
            where = f"{loss} in epoch {state.epoch + 1}, step {state.step + 1}"
            self.run.log(f"{NOT_FINITE}: {where}")
            rate = self.settings.learning_rate
            raise make_error("loss not finite", self.run.folder, found=where, rate=rate)
        state.losses.append((loss, len(targets)))
        state.step += 1
        return loss

    def compute_learning_rate(self) -> float:
        """A short warm-up, then half a cosine down to 2 % at the last epoch."""
        done = self.state.epoch * self.steps + self.state.step
        part = min(1.0, done / (self.find_epochs() * self.steps))
        cosine = _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * part))
        return self.settings.learning_rate * min(1.0, (done + 1) / WARM_UP_STEPS) * cosine

    @contextmanager
    def halve_batches_where_memory_runs_out(self, tell: Callable[..., None]) -> Iterator[None]:
        """Goes on with smaller batches, exactly behind the examples that are done."""
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            state, done = self.state, self.state.step * self.state.batch_size
            if state.batch_size == 1:
                patch = self.settings.patch_shape_zyx
                raise make_error("patch in memory", self.run.folder, patch=patch) from error
            smaller = range(state.batch_size // 2, 0, -1)
            state.batch_size = next(size for size in smaller if done % size == 0)
            state.step = done // state.batch_size
            self.run.log(f"memory ran out; batch size is now {state.batch_size}")
            tell(message=f"Memory ran out: going on with batches of {state.batch_size}.")
