"""The training loop: thirty lines that one can read, pause, kill and take up again.

It is our own around Keras' `train_on_batch` rather than `fit`, to go on in the middle of an epoch.
All it needs for that is in a `TrainingState`, and every batch is a pure function of (seed, epoch,
step): so a training that was killed and taken up again ends with the weights of one that never was.
Read `_run_epochs` first: a `Learner` takes steps, a `Control` says when to wait, a `Keeper` keeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from organoid_kit.base import NetworkSettings, files
from organoid_kit.examples import make_examples
from organoid_kit.examples.batches import Examples, Movies
from organoid_kit.examples.splits import Split, find_leaks
from organoid_kit.networks.building import is_own
from organoid_kit.networks.saving import save_model
from organoid_kit.training import preparing
from organoid_kit.training.checkpoints import TrainingState, load_newest_checkpoint
from organoid_kit.training.control import Control, delay_interrupts
from organoid_kit.training.epoch_pictures import choose_example
from organoid_kit.training.estimates import estimate_training
from organoid_kit.training.keeping import Keeper
from organoid_kit.training.lock import hold_run
from organoid_kit.training.own import Augment, check_own_parts, collect_own_parts, restore_own_parts
from organoid_kit.training.runs import QUALITIES, Run, format_duration, make_run, open_run
from organoid_kit.training.steps import Learner
from organoid_kit.training.validation import validate

# All divisions are among them.
_VALIDATION_EXAMPLES = {"position": 64, "division": 1500, "link": 768}


@dataclass(frozen=True)
class Progress:
    """What a training tells: steps, a `row` after epochs, a `message`; `seconds` without pauses."""

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
    if row := progress.row:
        said = [f"loss {row['loss']:.4f}", f"validation loss {row['validation_loss']:.4f}"]
        known = {key: word for key, word in QUALITIES.items() if row.get(key) is not None}
        said += [f"{word} {row[key]:.3f}" for key, word in known.items()]
        said.append(f"{row['seconds']:.0f} s{', best so far' if row['best'] else ''}")
        left = format_duration(row["seconds"] * (progress.epochs - progress.epoch))
        epoch = f"epoch {progress.epoch} of {progress.epochs}"
        print(f"{epoch}: {', '.join(said)}; at most {left} left", flush=True)


def train(
    training: Movies,
    validation: Movies,
    settings: NetworkSettings,
    *,
    network: keras.Model | None = None,
    loss: Any = None,
    augment: Augment | None = None,
    resume: str | Path | None = None,
    on_progress: Callable[[Progress], None] = print_progress,
    should_stop: Callable[[], bool] = lambda: False,
    should_pause: Callable[[], bool] = lambda: False,
    find_epochs: Callable[[], int] | None = None,
) -> Run:
    """Trains a network and keeps everything in a run folder.

    The network with the lowest validation loss (of a division or link network: the cross-entropy
    after calibration) is kept in ``network/``. An interrupt (Ctrl-C, the kernel's stop button) or
    `should_stop` lets the step under way end, saves a checkpoint and returns; a second interrupt
    does not wait. Where memory runs out, the batch is halved and training goes on.

    Args:
        validation: movies to judge by. Without any, the training loss judges.
        network: of your own, uncompiled, of Keras' layers, in place of the kit's; a copy of it is
            trained, starting from its weights.
        loss: in place of cross-entropy: as Keras takes it, or a function of targets and answers.
        augment: a function that varies each image on top of `settings.augmentation`: image (z, y,
            x, time) float32 and ``numpy.random.Generator`` in, an image of the same shape out.
            Positions do not follow, so it changes intensities alone. The two crops of a pair come
            as one image, the later one's time points behind the earlier's.
        resume: folder of a run to go on with; `settings` may then change epochs, minutes and
            patience. A network of your own is in the folder; functions must be passed again.
        should_stop: asked after every step, also of validation.
        should_pause: asked there, too; the training waits, all saved, and the time does not count.
        find_epochs: how many epochs to train, asked again and again, so that they, the end and the
            course of the learning rate may change on the way. None: as the settings say.
    """
    own = collect_own_parts(network, loss, augment)
    if resume:
        run = open_run(resume, training, validation)
        own = restore_own_parts(own, run)
        limits = {name: getattr(settings, name) for name in ("epochs", "minutes", "patience")}
        settings = run.settings.changed(**limits)
        for folder in {leftover.parent for leftover in run.folder.rglob(".writing-*")}:
            files.remove_leftovers(folder)  # of a killed training
    else:
        settings = settings.changed(loss=own.loss_name)
        settings = preparing.complete_settings(settings, training, own.network)
    if resume and (own.network or any(run.folder.glob("checkpoints/*.npz"))):
        network = preparing.prepare_again(settings, own, run.folder / "checkpoints")
    else:
        start = preparing.choose_start(settings, own.network)
        network = preparing.prepare_network(settings, start, own.loss)
    examples = make_examples(training, settings)
    checks = None  # then the training loss judges
    if validation:
        most = _VALIDATION_EXAMPLES[settings.network]
        checks = make_examples(validation, settings, augment=False, most_examples=most)
    check_own_parts(own, network, examples)
    if not resume:  # only now, when everything that can be wrong with the settings has been found
        keep = partial(save_model, start) if network is start else None  # the kit builds others
        run = make_run(settings, training, validation, own.describe(), keep)
    with hold_run(run) as check_run:
        state = load_newest_checkpoint(network, run.folder / "checkpoints")
        goes_on, state = state is not None, state or TrainingState(batch_size=settings.batch_size)
        find_epochs = find_epochs or (lambda: settings.epochs)
        learner = Learner(network, examples, settings, state, run, find_epochs, own.augment)
        keeper = Keeper(learner, choose_example(checks or examples), check_run)

        def tell(loss: float = math.nan, **more: Any) -> None:
            counts = state.epoch, find_epochs(), state.step, learner.steps
            on_progress(Progress(*counts, loss, **more, seconds=state.seconds, run=run))

        def save_for_a_pause() -> None:
            keeper.save()
            tell(message="Paused. Everything is saved.")

        if goes_on:
            state.finished = ""
            tell(message=f"Going on from epoch {state.epoch + 1}, step {state.step}.")
        else:
            keeper.save()
        for leak in find_leaks(Split(list(training), list(validation)), settings.time_window):
            tell(message=f"Validation is not independent: {leak}")
        theirs = network if is_own(network) else None
        estimate = estimate_training(settings, training, network=theirs, measure_time=False)
        for warning in estimate.warnings():
            tell(message=warning)
        backend, where = keras.backend.backend(), f"epoch {state.epoch + 1}, step {state.step}"
        run.log(f"training with {backend} from {where}")
        with delay_interrupts() as interrupted:
            control = Control(learner, should_stop, should_pause, save_for_a_pause, interrupted)
            _run_epochs(learner, checks, control, keeper, tell)
            keeper.keep_last()
        run.log(f"ended: {state.finished} after epoch {state.epoch}, step {state.step}")
        tell(message=f"Training ended: {state.finished}. Everything is in {run.folder}")
    return run


def _run_epochs(
    learner: Learner, checks: Examples | None, control: Control, keeper: Keeper, tell: Callable
) -> None:
    """The loop itself: epoch after epoch, batch after batch, until there is a reason to end."""
    while not control.find_end():
        with learner.halve_batches_where_memory_runs_out(tell):
            for batch in learner.make_batches():  # from where the state stands to the epoch's end
                loss = learner.learn(batch)
                control.count_time()
                tell(loss)
                keeper.save_now_and_then()
                if control.find_end():
                    return
            judged = judge_epoch(learner, checks, control)
            if judged is None:  # asked to stop in the middle of it
                continue
            control.count_time()
            row = keeper.keep_epoch(judged)  # and the network, if it is the best
            tell(row["loss"], row=row)
            if row["epoch"] == 1 and (failure := keeper.try_export()):  # rather than at the end
                tell(message=failure)
            keeper.save()


def judge_epoch(learner: Learner, checks: Examples | None, control: Control) -> dict | None:
    """The loss in training, and how good the network is on other movies; None if asked to stop."""
    losses, counts = np.array(learner.state.losses).T
    loss = float(np.average(losses, weights=counts))
    if not checks:
        return {"loss": loss, "validation_loss": loss}
    size = learner.state.batch_size
    judged = validate(learner.network, checks, size, lambda: bool(control.find_stop_request()))
    return judged and {"loss": loss, **judged}
