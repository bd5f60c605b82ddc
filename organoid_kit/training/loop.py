"""The training loop: thirty lines that one can read, pause, kill and take up again.

It is a loop of our own around Keras' `train_on_batch` rather than `fit`, because it must be able to
go on in the middle of an epoch. Whatever it needs to go on is in a `TrainingState`, and every batch
is a pure function of (seed, epoch, step): so a training that was killed and taken up again ends
with the weights of one that never was.
"""

from __future__ import annotations

import math
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_json_safely
from organoid_kit.base.settings import NetworkSettings, make_settings
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.choice import Examples, make_examples
from organoid_kit.examples.splits import Split, find_leaks
from organoid_kit.networks.building import build_network, check_patch_shape, compute_shape_multiple
from organoid_kit.networks.devices import detect_device
from organoid_kit.networks.export import check_export
from organoid_kit.networks.saving import (
    check_training_on,
    load_network,
    load_settings,
    save_network,
)
from organoid_kit.training.checkpoints import TrainingState, load_newest_checkpoint, save_checkpoint
from organoid_kit.training.epoch_pictures import (
    ShownExample,
    choose_example,
    make_picture,
    write_picture,
)
from organoid_kit.training.estimates import estimate_training, is_out_of_memory
from organoid_kit.training.runs import NOT_FINITE, QUALITIES, Run, make_run, open_run
from organoid_kit.training.validation import get_epoch_error, validate

Inputs = np.ndarray | tuple[np.ndarray, ...]
WARM_UP_STEPS = 20  # the learning rate rises over so many steps, then falls along a cosine
_LOOK_SECONDS = 0.05  # a paused training looks so often whether it may go on
_LAST_RATE = 0.02  # part of the learning rate that is left at the end
_OF_THE_NETWORK = (
    "preset",
    "spacing_um",
    "intensity_quantiles",
    "patch_shape_zyx",
    "nucleus_sigma_um",
)
_VALIDATION_EXAMPLES = {
    "position": 64,
    "division": 1500,
    "link": 768,
}  # all divisions are among them


@dataclass(frozen=True)
class Progress:
    """What a training tells while it runs: after each step, and with `row` filled in after each
    epoch.

    `seconds` are those of the whole training so far, pauses left out; `run` is the run under way.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    row: dict[str, float] | None = None
    message: str = ""
    seconds: float = 0.0
    run: Run | None = None


def print_progress(progress: Progress) -> None:
    """One line of text for each epoch and each event."""
    if progress.message:
        print(progress.message, flush=True)
    if progress.row:
        row = progress.row
        measured = [f"loss {row['loss']:.4f}", f"validation loss {row['validation_loss']:.4f}"]
        measured += [
            f"{words} {row[key]:.3f}"
            for key, words in QUALITIES.items()
            if row.get(key) is not None
        ]
        left = row["seconds"] * (progress.epochs - progress.epoch)
        print(
            f"epoch {progress.epoch} of {progress.epochs}: {', '.join(measured)}, {row['seconds']:.0f} s"
            f"{', best so far' if row['best'] else ''}; at most {left / 60:.1f} min left",
            flush=True,
        )


def train(
    training: Sequence[AnnotatedMovie],
    validation: Sequence[AnnotatedMovie],
    settings: NetworkSettings,
    *,
    resume: str | Path | None = None,
    on_progress: Callable[[Progress], None] = print_progress,
    should_stop: Callable[[], bool] = lambda: False,
    should_pause: Callable[[], bool] = lambda: False,
    find_epochs: Callable[[], int] | None = None,
) -> Run:
    """Trains a network and keeps everything in a run folder.

    The network with the lowest validation loss (of a division or link network: after calibration)
    is kept in ``network/``. An interrupt (Ctrl-C, the kernel's stop button) or `should_stop` lets
    the step under way end, saves a checkpoint and returns; a second interrupt does not wait. After
    a crash the newest checkpoint of the last minutes is there. Where memory runs out, the batch is
    halved and training goes on.

    Args:
        training: movies to learn from.
        validation: movies to judge by; never the same as those to learn from. Without any, the
            training loss judges.
        settings: what to train and how. With `start_from`, training starts from that network's
            weights.
        resume: folder of a run to go on with; `settings` may then change epochs, minutes and
            patience.
        on_progress: called after every step and epoch.
        should_stop: asked after every step, also of validation.
        should_pause: asked there, too. As long as it says so, the training waits, with all of it
            saved; the time does not count.
        find_epochs: how many epochs to train, asked again and again: they, the end and the course
            of the learning rate may be changed on the way. None: as many as the settings say.

    Returns:
        The run, finished or not; ``run.history`` says how far it came.

    Raises:
        UserError: data, settings, network or disk do not allow it.
    """
    settings = complete_settings(settings, training)
    if resume:
        run = open_run(resume, training, validation)
        limits = {name: getattr(settings, name) for name in ("epochs", "minutes", "patience")}
        settings = run.settings.changed(**limits)
        _remove_unfinished_files(run.folder)
    network = prepare_network(settings)
    examples = make_examples(training, settings)
    most = _VALIDATION_EXAMPLES[settings.network]
    checks = (
        make_examples(validation, settings, augment=False, most_examples=most)
        if validation
        else None
    )
    if not resume:  # only now, when everything that can be wrong with the settings has been found
        run = make_run(settings, training, validation)
    state = load_newest_checkpoint(network, run.folder / "checkpoints")
    goes_on, state = state is not None, state or TrainingState(batch_size=settings.batch_size)
    wishes = _Requests(should_stop, should_pause, find_epochs or (lambda: settings.epochs))
    loop = _Loop(network, examples, checks, settings, run, state, on_progress, wishes)
    if goes_on:
        state.finished = ""
        loop.say(f"Going on from epoch {state.epoch + 1}, step {state.step}.")
    else:
        loop.save()
    for leak in find_leaks(Split(list(training), list(validation)), settings.time_window):
        loop.say(f"Validation is not independent: {leak}")
    for warning in estimate_training(settings, training, measure_time=False).warnings():
        loop.say(warning)
    run.log(
        f"training with {keras.backend.backend()} from epoch {state.epoch + 1}, step {state.step}"
    )
    with _delay_interrupts() as wishes.interrupted:
        loop.go()
        if (
            not run.network_folder.exists()
        ):  # stopped before the first epoch ended: what there is, rather than nothing
            save_network(network, settings, run.network_folder)
        loop.save()
    run.log(f"ended: {state.finished} after epoch {state.epoch}, step {state.step}")
    loop.say(f"Training ended: {state.finished}. Everything is in {run.folder}")
    return run


@contextmanager
def _delay_interrupts() -> Iterator[threading.Event]:
    """Yields an event that Ctrl-C or the kernel's stop button sets. Only the second press
    interrupts at once.

    An interrupt may come between the change of the weights and the counting of the step; saved
    then, the training could not go on as if nothing had happened. Only the main thread is ever
    interrupted.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def note(number, frame):
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)


def complete_settings(
    settings: NetworkSettings, training: Sequence[AnnotatedMovie]
) -> NetworkSettings:
    """Settings with what follows from the network to start from, and from the movies.

    What defines a network and was left at its default is taken from the network to start from. The
    spacing, where it is still open, is that of the first movie; where all movies have a single
    plane, so have the patches.
    """
    if settings.start_from:
        settings = _inherit(settings, load_settings(settings.start_from))
    if settings.spacing_um is None and training:
        settings = settings.changed(spacing_um=tuple(training[0].movie.spacing_um))
    flat = settings.changed(patch_shape_zyx=(1, *settings.patch_shape_zyx[1:]))
    free = (
        settings.network == "position" or not settings.start_from
    )  # a trained crop network keeps its shape
    if (
        training
        and free
        and compute_shape_multiple(flat)[0] == 1
        and all(each.movie.shape_zyx[0] == 1 for each in training)
    ):
        return flat
    return settings


def _inherit(settings: NetworkSettings, trained: NetworkSettings) -> NetworkSettings:
    """Settings that follow a trained network where they were left at their defaults."""
    default = make_settings(settings.network)
    left = [
        name
        for name in _OF_THE_NETWORK
        if getattr(settings, name) in (None, getattr(default, name))
    ]
    place = Path(settings.start_from)
    start_from = (
        str(place.resolve()) if place.exists() else settings.start_from
    )  # so that any folder can resume it
    return settings.changed(
        start_from=start_from, **{name: getattr(trained, name) for name in left}
    )


def prepare_network(settings: NetworkSettings) -> keras.Model:
    """Builds or loads the network and compiles it."""
    check_patch_shape(settings)
    device = detect_device()
    mixed = (
        device.gains_from_mixed_precision
        if settings.mixed_precision is None
        else settings.mixed_precision
    )
    if mixed and not device.is_gpu:
        raise UserError(
            f"Mixed precision needs a graphics card. Received: mixed_precision=True on a {device.name}. "
            "Set mixed_precision to None."
        )
    network = build_network(settings, dtype="mixed_float16" if mixed else "float32")
    loss = keras.losses.BinaryCrossentropy()
    if settings.start_from:
        trained, old = load_network(settings.start_from)
        check_training_on(old, settings, trained)
        network = _copy_weights(trained, network)
        if (
            network is trained and settings.network == "position"
        ):  # OrganoidTracker's answers 0 and above 1 too, where cross-entropy is flat
            loss = keras.losses.MeanSquaredError()
    optimiser = keras.optimizers.Adam(settings.learning_rate, clipnorm=1.0)
    if mixed:
        optimiser = keras.optimizers.LossScaleOptimizer(optimiser)
    # Compiling with XLA made a step several times slower on processors, see benchmarks/network.py.
    network.compile(optimiser, loss, jit_compile=keras.backend.backend() == "jax")
    optimiser.build(network.trainable_variables)
    return network


def _copy_weights(trained: keras.Model, network: keras.Model) -> keras.Model:
    """Our network with trained weights; the trained network itself where its layers are others
    (OrganoidTracker's).
    """
    if [each.shape for each in trained.weights] != [each.shape for each in network.weights]:
        return trained
    network.set_weights(trained.get_weights())
    return network


def _remove_unfinished_files(folder: Path) -> None:
    """What a killed training had not finished writing."""
    for leftover in folder.rglob(".writing-*"):
        shutil.rmtree(leftover, ignore_errors=True)


@dataclass
class _Requests:
    """What may be asked of a training while it runs."""

    should_stop: Callable[[], bool]
    should_pause: Callable[[], bool]
    find_epochs: Callable[[], int]
    interrupted: threading.Event = field(default_factory=threading.Event)

    def get_stop_reason(self) -> str:
        """Who asks for an end now; empty if nobody does."""
        if self.interrupted.is_set():
            return "interrupted"
        return "stopped on request" if self.should_stop() else ""


@dataclass
class _Loop:
    """Everything the loop works with."""

    network: keras.Model
    examples: Examples
    checks: Examples | None
    settings: NetworkSettings
    run: Run
    state: TrainingState
    on_progress: Callable[[Progress], None]
    wishes: _Requests
    saved: float = field(default_factory=time.monotonic)
    counted: float = field(default_factory=time.monotonic)

    def go(self) -> None:
        """Epoch after epoch, until there is a reason to end."""
        self.counted = time.monotonic()
        while not self._find_end():
            try:
                self._finish_epoch()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve_batch(error)

    def _finish_epoch(self) -> None:
        """The steps that are left of an epoch, then its judgement; less where there is a reason to
        end.
        """
        state = self.state
        for inputs, targets, weights in self._batches():
            loss = self._train_step(inputs, targets, weights)
            state.losses.append((loss, len(targets)))
            state.step += 1
            self._count_time()
            self._tell(loss)
            if time.monotonic() - self.saved > 60 * self.settings.checkpoint_minutes:
                self.save()
            if self._find_end():
                return
        if self._end_epoch():
            self.save()

    def _steps(self) -> int:
        return self.examples.steps_per_epoch(self.state.batch_size)

    def _count_time(self) -> None:
        now = time.monotonic()
        self.state.seconds += now - self.counted
        self.state.seconds_of_epoch += now - self.counted
        self.counted = now

    def say(self, message: str) -> None:
        """Tells an event."""
        self._tell(math.nan, message=message)

    def _tell(self, loss: float, **more) -> None:
        state, epochs = self.state, self.wishes.find_epochs()
        steps = self._steps()
        self.on_progress(
            Progress(
                state.epoch,
                epochs,
                state.step,
                steps,
                loss,
                **more,
                seconds=state.seconds,
                run=self.run,
            )
        )

    def save(self) -> None:
        """Writes a checkpoint."""
        save_checkpoint(self.network, self.state, self.run.folder / "checkpoints")
        self.saved = time.monotonic()

    def _asked_to_stop(self) -> str:
        """Who asks for an end now; empty if nobody does. Waits here as long as the training is
        paused.
        """
        if self.wishes.should_pause() and not self.wishes.get_stop_reason():
            self._pause()
        return self.wishes.get_stop_reason()

    def _pause(self) -> None:
        """Saves everything and waits; the time does not count."""
        self._count_time()
        self.save()
        self.say("Paused. Everything is saved.")
        while self.wishes.should_pause() and not self.wishes.get_stop_reason():
            time.sleep(_LOOK_SECONDS)
        self.counted = time.monotonic()

    def _find_end(self) -> str:
        """Why training should end now; empty if it should not."""
        state, settings, epochs = self.state, self.settings, self.wishes.find_epochs()
        if state.epoch >= epochs:
            state.finished = f"all {epochs} epochs done"
        elif state.epochs_since_best >= settings.patience and state.step == 0:
            state.finished = f"validation has not improved for {settings.patience} epochs"
        elif settings.minutes is not None and state.seconds >= 60 * settings.minutes:
            state.finished = f"the time budget of {settings.minutes:g} minutes is used up"
        else:
            state.finished = self._asked_to_stop()
        return state.finished

    def _batches(self) -> Iterator[tuple[Inputs, np.ndarray, np.ndarray]]:
        """The batches from where the state stands to the end of the epoch, each made while the last
        is trained on.
        """
        state = self.state
        epoch, size = state.epoch, state.batch_size
        steps = range(state.step, self.examples.steps_per_epoch(size))
        if not steps:
            return
        with ThreadPoolExecutor(max_workers=1) as worker:
            coming = worker.submit(self.examples.batch, epoch, steps[0], size)
            for step in steps:
                batch = coming.result()
                if step + 1 in steps:
                    coming = worker.submit(self.examples.batch, epoch, step + 1, size)
                yield batch

    def _train_step(self, inputs: Inputs, targets: np.ndarray, weights: np.ndarray) -> float:
        """Changes the weights by one batch; its loss."""
        state = self.state
        self.network.optimizer.learning_rate = self._learning_rate()
        self.network.reset_metrics()
        loss = float(self.network.train_on_batch(inputs, targets, sample_weight=weights))
        if not math.isfinite(loss):
            self.run.log(f"{NOT_FINITE}: {loss} in epoch {state.epoch + 1}, step {state.step + 1}")
            raise UserError(
                f"The loss must stay finite. Received: {loss} in epoch {state.epoch + 1}, step {state.step + 1} of "
                f"{self.run.folder}. Lower the learning rate (now {self.settings.learning_rate:g}) and start again."
            )
        return loss

    def _halve_batch(self, error: Exception) -> None:
        """Goes on with smaller batches, exactly behind the examples that are done."""
        state = self.state
        if state.batch_size == 1:
            raise UserError(
                "One patch must fit into memory. Received: memory ran out with batches of one patch of "
                f"{self.settings.patch_shape_zyx} (z, y, x) in {self.run.folder}. Set a smaller patch_shape_zyx, a "
                "smaller preset, or close other programs, and start again."
            ) from error
        done = state.step * state.batch_size
        state.batch_size = max(
            size for size in range(1, state.batch_size // 2 + 1) if done % size == 0
        )
        state.step = done // state.batch_size
        self.run.log(f"memory ran out; batch size is now {state.batch_size}")
        self.say(f"Memory ran out: going on with batches of {state.batch_size}.")

    def _learning_rate(self) -> float:
        """A short warm-up, then half a cosine down to 2 % at the last epoch."""
        state, settings = self.state, self.settings
        steps = self._steps()
        done = state.epoch * steps + state.step
        part = min(1.0, done / (self.wishes.find_epochs() * steps))
        cosine = _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * part))
        return settings.learning_rate * min(1.0, (done + 1) / WARM_UP_STEPS) * cosine

    def _end_epoch(self) -> bool:
        """Validates, keeps the network if it is the best so far, adds a row to the history. False
        if stopped first.
        """
        state = self.state
        losses, counts = np.array(state.losses).T
        loss = float(np.average(losses, weights=counts))
        judged = {"validation_loss": loss}
        if self.checks:
            judged = validate(
                self.network, self.checks, state.batch_size, lambda: bool(self._asked_to_stop())
            )
        if judged is None:
            return False
        self._count_time()
        error = get_epoch_error(judged)
        best = error < state.lowest_error
        state.epochs_since_best = 0 if best else state.epochs_since_best + 1
        state.lowest_error = min(state.lowest_error, error)
        state.epoch += 1
        row = {
            "epoch": state.epoch,
            "loss": loss,
            **judged,
            "best": best,
            "seconds": round(state.seconds_of_epoch, 3),
        }
        state.history.append(row)
        state.step, state.losses, state.seconds_of_epoch = 0, [], 0.0
        if best:
            save_network(self.network, self.settings, self.run.network_folder, overwrite=True)
        write_picture(make_picture(self._shown, state.epoch, self._answer), self.run.folder)
        write_json_safely(self.run.folder / "history.json", state.history, overwrite=True)
        self.run.log(str(row))
        self._tell(loss, row=row)
        if state.epoch == 1:
            self._try_export()
        return True

    @cached_property
    def _shown(self) -> ShownExample:
        """The example of the epoch pictures."""
        return choose_example(self.checks or self.examples)

    def _answer(self, inputs: Inputs) -> np.ndarray:
        return keras.ops.convert_to_numpy(self.network(inputs, training=False))

    def _try_export(self) -> None:
        """Says after the first epoch, and not at the end, that a network cannot leave for
        OrganoidTracker.
        """
        try:
            check_export(self.network, self.settings)
        except UserError as error:
            self.run.log(f"export tried and failed: {error}")
            self.say(f"Training goes on, but an export will fail: {error}")
