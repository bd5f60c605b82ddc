import dataclasses
import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.course.ladder import overfit_one_patch, overfit_one_time_point
from organoid_kit.examples.division import DivisionExamples
from organoid_kit.examples.link import LinkExamples
from organoid_kit.examples.position import PositionExamples
from organoid_kit.networks.folders import make_fine_tuning_settings
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.training import control, keeping, loop as module, preparing, steps, validation
from organoid_kit.training.epoch_pictures import list_pictures, read_picture
from organoid_kit.training.estimates import is_out_of_memory
from organoid_kit.training.loop import train
from training_helpers import (
    NO_AUGMENTATION,
    make_blobs,
    make_family,
    run_python,
    tiny_crop_settings,
    tiny_settings,
    weights_of,
)

ROOT = Path(__file__).parents[2]


def quiet(progress):
    """Says nothing."""


class Recorder:
    """Notes the progress, and does something after so many steps."""

    def __init__(self, after: int = 0, act=lambda: None):
        self.steps, self.messages, self.after, self.act = 0, [], after, act

    def __call__(self, progress):
        if progress.message:
            self.messages.append(progress.message)
        elif not progress.row:
            self.steps += 1
            if self.steps == self.after:
                self.act()


def final_weights(run) -> dict[str, bytes]:
    """Weights and optimiser at the end."""
    with np.load(max((run.folder / "checkpoints").glob("*.npz"))) as file:
        return {name: file[name].tobytes() for name in file.files if name != "state"}


def without_times(run):
    return [
        {name: value for name, value in row.items() if name != "seconds"} for row in run.history
    ]


def train_whole(folder, **changes):
    return train(
        [make_blobs(1)], [make_blobs(2)], tiny_settings(folder, **changes), on_progress=quiet
    )


def go_on(run, **changes):
    settings = tiny_settings(run.folder.parent, **changes)
    return train([make_blobs(1)], [make_blobs(2)], settings, resume=run.folder, on_progress=quiet)


def train_until(folder, after, act=None, **options):
    """Trains, and asks for an end after so many steps."""
    asked = threading.Event()
    recorder = Recorder(after, act or asked.set)
    run = train(
        [make_blobs(1)],
        [make_blobs(2)],
        tiny_settings(folder),
        on_progress=recorder,
        should_stop=asked.is_set,
        **options,
    )
    return run, recorder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nothing disturbs, in a folder with an awkward name."""
    return train_whole(tmp_path_factory.mktemp("runs") / "Läufe 50 µm")


def test_a_network_keeps_how_its_movies_looked(whole):
    """And its run does not: that is measured, not chosen. A movie of others is said to be unlike."""
    network, settings = load_network(whole.folder)
    assert settings.look[2:6] == (2.0, 2.0, 0.5, 0.5) and 0 < settings.look[8] < 0.1
    assert whole.settings.look is None
    movie = make_blobs(1).movie
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predict_positions(network, movie, settings, show_progress=False)
    coarse = dataclasses.replace(movie, spacing_um=(5.0, 0.5, 0.5), name="coarse")
    with pytest.warns(
        UserWarning, match=r"coarse looks unlike .*: planes 5 µm apart \(2 in"
    ) as told:
        predict_positions(network, coarse, settings, show_progress=False)
    assert len(told) == 1
    assert make_fine_tuning_settings(whole.folder).look is None


def test_a_training_leaves_everything_in_its_folder(whole):
    assert {
        "settings.json",
        "run.json",
        "history.json",
        "checkpoints",
        "epochs",
        "network",
        "log.txt",
    } == {path.name for path in whole.folder.iterdir()}
    assert [row["epoch"] for row in whole.history] == [1, 2]
    load_network(whole.folder)


def test_the_same_training_gives_the_same_weights(whole, tmp_path):
    again = train_whole(tmp_path)
    assert final_weights(again) == final_weights(whole)
    assert without_times(again) == without_times(whole)


def test_another_seed_gives_other_weights(whole, tmp_path):
    assert final_weights(train_whole(tmp_path, seed=2)) != final_weights(whole)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_stopped_training_stops_at_once_and_ends_with_the_same_weights(whole, tmp_path, after):
    run, recorder = train_until(tmp_path, after)
    assert recorder.steps == after and "stopped on request" in recorder.messages[-1]
    load_network(run.folder)  # even where no epoch has ended
    run = go_on(run)
    assert final_weights(run) == final_weights(whole)
    assert without_times(run) == without_times(whole)


def test_an_interrupt_within_a_step_does_not_count_it_twice(whole, tmp_path, monkeypatch):
    """The signal comes when the weights have changed but the step is not counted yet."""
    real = keras.Model.train_on_batch
    calls = []

    def interrupted(self, *arguments, **options):
        loss = real(self, *arguments, **options)
        calls.append(loss)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return loss

    monkeypatch.setattr(keras.Model, "train_on_batch", interrupted)
    run, recorder = train_until(tmp_path, after=-1)
    assert recorder.steps == 1 and "interrupted" in recorder.messages[-1]
    monkeypatch.undo()
    assert final_weights(go_on(run)) == final_weights(whole)


def test_a_second_interrupt_does_not_wait(tmp_path):
    def press_twice():
        gc.disable()  # Hypothesis listens to it, and an interrupt in a listener is lost
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            train_until(tmp_path, after=1, act=press_twice)
    finally:
        gc.enable()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_a_stop_acts_during_validation(whole, tmp_path, monkeypatch):
    asked = threading.Event()
    judged = []
    monkeypatch.setattr(
        validation, "count_matches", lambda *_: judged.append(1) or asked.set() or np.zeros(3, int)
    )
    settings = tiny_settings(tmp_path)
    run = train(
        [make_blobs(1)], [make_blobs(2)], settings, on_progress=quiet, should_stop=asked.is_set
    )
    assert len(judged) == 4 and run.history == []  # one batch of validation, not both
    monkeypatch.undo()
    run = go_on(run)
    assert final_weights(run) == final_weights(whole)
    assert without_times(run) == without_times(whole)


@pytest.fixture
def clock(monkeypatch):
    """A clock on which only sleeping takes time, a thousand seconds each; what is done while it
    sleeps is noted.
    """
    clock = SimpleNamespace(now=0.0, sleeps=0, at_sleep=lambda: None)

    def sleep(_):
        clock.sleeps, clock.now = clock.sleeps + 1, clock.now + 1000
        clock.at_sleep()

    monkeypatch.setattr(control, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    return clock


def train_with_a_pause(folder, clock, paused, recorder=quiet, most_sleeps=3, **options):
    options |= {
        "on_progress": recorder,
        "should_pause": lambda: paused.is_set() and clock.sleeps < most_sleeps,
    }
    return train([make_blobs(1)], [make_blobs(2)], tiny_settings(folder), **options)


def test_a_pause_waits_saved_and_its_time_does_not_count(whole, tmp_path, clock):
    paused, saved = threading.Event(), []
    clock.at_sleep = lambda: saved.append(max(path.name for path in tmp_path.rglob("epoch_*.npz")))
    recorder = Recorder(3, paused.set)
    run = train_with_a_pause(tmp_path, clock, paused, recorder)
    assert saved == 3 * ["epoch_00001_step_0000001.npz"]
    assert recorder.messages[0].startswith("Paused")
    assert [row["seconds"] for row in run.history] == [0, 0]
    assert final_weights(run) == final_weights(whole)
    assert without_times(run) == without_times(whole)


@pytest.mark.slow
def test_a_pause_acts_during_validation_and_a_stop_ends_it(whole, tmp_path, clock, monkeypatch):
    paused, stopped, judged = threading.Event(), threading.Event(), []
    monkeypatch.setattr(
        validation, "count_matches", lambda *_: judged.append(1) or paused.set() or np.zeros(3, int)
    )
    clock.at_sleep = stopped.set
    run = train_with_a_pause(tmp_path, clock, paused, most_sleeps=9, should_stop=stopped.is_set)
    assert clock.sleeps == 1 and len(judged) == 4 and run.ending.startswith("stopped on request")
    monkeypatch.undo()
    assert final_weights(go_on(run)) == final_weights(whole)


def test_epochs_may_be_raised_and_lowered_on_the_way(tmp_path, monkeypatch):
    rates, wanted = [], [2]
    real = keras.Model.train_on_batch

    def step(self, *arguments, **options):
        rates.append(float(self.optimizer.learning_rate))
        return real(self, *arguments, **options)

    monkeypatch.setattr(keras.Model, "train_on_batch", step)
    monkeypatch.setattr(steps, "WARM_UP_STEPS", 1)

    def change(progress):
        if progress.row:
            wanted[0] = {1: 6, 2: 6, 3: 3}[progress.epoch]

    settings = tiny_settings(tmp_path)
    run = train([make_blobs(1)], [], settings, on_progress=change, find_epochs=lambda: wanted[0])
    assert [row["epoch"] for row in run.history] == [1, 2, 3] and run.ending.startswith(
        "all 3 epochs"
    )
    assert (
        rates[2] > rates[1] and rates[-1] > 0.5 * settings.learning_rate
    )  # the end is farther off again


def test_epochs_that_are_not_changed_change_nothing(whole, tmp_path):
    movies = [make_blobs(1)], [make_blobs(2)]
    run = train(*movies, tiny_settings(tmp_path), on_progress=quiet, find_epochs=lambda: 2)
    assert final_weights(run) == final_weights(whole)


def test_progress_tells_the_run_the_steps_and_the_seconds(tmp_path):
    told = []
    run = train([make_blobs(1)], [make_blobs(2)], tiny_settings(tmp_path), on_progress=told.append)
    steps = [each for each in told if not each.row and not each.message]
    assert [(each.epoch, each.step, each.steps) for each in steps] == [
        (0, 1, 2),
        (0, 2, 2),
        (1, 1, 2),
        (1, 2, 2),
    ]
    assert all(each.run == run for each in told)
    assert 0 < steps[0].seconds <= steps[1].seconds <= steps[2].seconds


@pytest.mark.slow
def test_a_picture_of_each_epoch_is_kept_and_the_same_after_a_stop(whole, tmp_path):
    run, _ = train_until(tmp_path, 3)
    go_on(run)
    assert list_pictures(run.folder) == list_pictures(whole.folder) == [1, 2]
    first, second = (read_picture(whole.folder, epoch) for epoch in (1, 2))
    assert (first.images == second.images).all() and (first.answers != second.answers).any()
    assert (read_picture(run.folder, 2).answers == second.answers).all()


def test_training_runs_in_a_thread(tmp_path):
    ended = []
    thread = threading.Thread(target=lambda: ended.append(train_whole(tmp_path, epochs=1)))
    thread.start()
    thread.join()
    assert len(ended[0].history) == 1


def test_an_error_while_a_batch_is_made_reaches_the_user(tmp_path):
    def broken(time_point, channel):
        raise UserError("The file must be whole. Received: half of it.")

    each = make_blobs(1)
    each = dataclasses.replace(
        each, movie=dataclasses.replace(each.movie, read_stack=broken, path=tmp_path)
    )
    with pytest.raises(UserError, match="half of it"):
        train([each], [], tiny_settings(tmp_path / "runs"), on_progress=quiet)


def find_key(inputs) -> bytes:
    """What tells one batch from another."""
    return (inputs if isinstance(inputs, np.ndarray) else inputs[0]).tobytes()


def note_examples(monkeypatch, most: int, error: Exception, kind=PositionExamples):
    """Lets batches above `most` run out of memory; returns the keys of the examples that were
    trained on.
    """
    made, trained = {}, []
    real_batch, real_step = kind.batch, keras.Model.train_on_batch

    def batch(self, epoch, step, size):
        made_batch = real_batch(self, epoch, step, size)
        first = step * size
        made[find_key(made_batch[0])] = [
            (epoch, number) for number in range(first, first + len(made_batch[1]))
        ]
        return made_batch

    def step(self, inputs, targets, **options):
        if len(targets) > most:
            raise error
        trained.extend(made[find_key(inputs)])
        return real_step(self, inputs, targets, **options)

    monkeypatch.setattr(kind, "batch", batch)
    monkeypatch.setattr(keras.Model, "train_on_batch", step)
    return trained


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: failed to allocate")]
)
def test_where_memory_runs_out_smaller_batches_go_on_with_every_example_once(
    tmp_path, monkeypatch, error
):
    trained = note_examples(monkeypatch, most=2, error=error)
    recorder = Recorder()
    run = train(
        [make_blobs(1)], [], tiny_settings(tmp_path, batch_size=7, epochs=2), on_progress=recorder
    )
    assert trained == [(epoch, number) for epoch in (0, 1) for number in range(8)]
    assert [text for text in recorder.messages if "Memory" in text][-1].endswith("batches of 1.")
    assert "memory ran out" in (run.folder / "log.txt").read_text()


@pytest.mark.slow
def test_memory_that_runs_out_in_the_middle_of_an_epoch_skips_nothing(tmp_path, monkeypatch):
    trained = note_examples(monkeypatch, most=6, error=MemoryError())
    real = keras.Model.train_on_batch

    def later(self, images, *arguments, **options):
        if len(trained) >= 6 and len(images) > 2:
            raise MemoryError
        return real(self, images, *arguments, **options)

    monkeypatch.setattr(keras.Model, "train_on_batch", later)
    settings = tiny_settings(tmp_path, batch_size=6, patches_per_time_point=10, epochs=1)
    train([make_blobs(1)], [], settings, on_progress=quiet)
    assert trained == [(0, number) for number in range(20)]


def test_where_not_even_one_patch_fits_the_error_says_what_to_change(tmp_path, monkeypatch):
    note_examples(monkeypatch, most=0, error=MemoryError())
    with pytest.raises(UserError, match="smaller patch_shape_zyx"):
        train([make_blobs(1)], [], tiny_settings(tmp_path), on_progress=quiet)


def test_other_errors_are_no_lack_of_memory():
    assert not is_out_of_memory(ValueError("room for improvement"))
    assert is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))


def test_time_is_up(tmp_path):
    recorder = Recorder()
    run = train(
        [make_blobs(1)], [], tiny_settings(tmp_path, minutes=1e-6, epochs=9), on_progress=recorder
    )
    assert recorder.steps == 1 and "time budget" in recorder.messages[-1]
    load_network(run.folder)


def test_patience_ends_a_training_that_no_longer_improves(tmp_path, monkeypatch):
    losses = iter([0.5, 0.4, 0.6, 0.45, 0.3])
    monkeypatch.setattr(
        module, "validate", lambda *_: {"validation_loss": next(losses), "validation_f1": None}
    )
    run = train_whole(tmp_path, epochs=9, patience=2)
    assert [row["best"] for row in run.history] == [True, True, False, False]


def test_the_best_network_is_kept_not_the_last(tmp_path, monkeypatch):
    seen, losses = [], iter([0.4, 0.6])

    def judge(network, *_):
        seen.append(weights_of(network))
        return {"validation_loss": next(losses), "validation_f1": None}

    monkeypatch.setattr(module, "validate", judge)
    run = train_whole(tmp_path)
    assert weights_of(load_network(run.folder)[0]) == seen[0] != seen[1]


@pytest.mark.slow
def test_a_finished_run_goes_on_with_more_epochs(tmp_path):
    run = train_whole(tmp_path, epochs=1)
    before = final_weights(run)
    assert final_weights(go_on(run, epochs=1)) == before  # nothing left to do
    assert [row["epoch"] for row in go_on(run, epochs=2).history] == [1, 2]


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_does_not_change_the_end(whole, tmp_path):
    run, _ = train_until(tmp_path, after=3)
    newest = max((run.folder / "checkpoints").glob("*.npz"))
    newest.write_bytes(newest.read_bytes()[:-5000])
    assert final_weights(go_on(run)) == final_weights(whole)


@pytest.mark.slow
def test_a_training_whose_folder_is_gone_ends_with_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="moved or deleted"):
        train_until(
            tmp_path, 1, act=lambda: shutil.rmtree(next(tmp_path.glob("*/run.json")).parent)
        )
    assert not list(tmp_path.iterdir())


def test_a_full_disk_ends_with_one_clear_error_and_can_be_gone_on_from(
    whole, tmp_path, monkeypatch
):
    real, calls = np.savez, []

    def savez(*arguments, **arrays):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(*arguments, **arrays)

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(UserError, match="No space left"):
        train_whole(tmp_path)
    monkeypatch.undo()
    (folder,) = tmp_path.iterdir()
    run = train(
        [make_blobs(1)], [make_blobs(2)], tiny_settings(tmp_path), resume=folder, on_progress=quiet
    )
    assert final_weights(run) == final_weights(whole)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_shape_zyx": (4, 30, 32)}, "patch_shape_zyx to"),
        ({"mixed_precision": True}, "graphics card"),
    ],
)
def test_settings_that_cannot_work_leave_no_run_behind(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        train_whole(tmp_path / "runs", **changes)
    assert not (tmp_path / "runs").exists()


def test_a_loss_that_is_no_number_ends_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.Model, "train_on_batch", lambda *_, **options: float("nan"))
    with pytest.raises(UserError, match="learning rate"):
        train_whole(tmp_path)


def test_a_movie_of_one_plane_trains(tmp_path):
    movies = [make_blobs(seed, shape_zyx=(1, 64, 64)) for seed in (1, 2)]
    settings = tiny_settings(tmp_path, patch_shape_zyx=(16, 64, 64), spacing_um=(2.0, 0.5, 0.5))
    run = train(movies[:1], movies[1:], settings, on_progress=quiet)
    network, settings = load_network(run.folder)
    assert settings.patch_shape_zyx == (1, 64, 64)  # no empty planes
    found = predict_positions(
        network, movies[1].movie, settings, threshold=0.05, show_progress=False
    )
    assert len(found) and (found.positions[:, 0] == 0).all()


@pytest.mark.slow
def test_a_validation_that_sees_the_training_movie_is_said(tmp_path):
    said = []
    train(
        [make_blobs(1)],
        [make_blobs(1)],
        tiny_settings(tmp_path),
        on_progress=lambda each: said.append(each.message),
    )
    assert any("not independent" in message for message in said)
    said.clear()
    train(
        [make_blobs(1)],
        [make_blobs(2)],
        tiny_settings(tmp_path),
        on_progress=lambda each: said.append(each.message),
    )
    assert not any("not independent" in message for message in said)


def test_a_patch_and_a_time_point_are_learnt_by_heart(tmp_path):
    settings = tiny_settings(tmp_path, spacing_um=(2.0, 0.5, 0.5), augmentation=NO_AUGMENTATION)
    patch = overfit_one_patch([make_blobs(1)], settings, steps=80)
    assert patch.passed and patch.history[-1] < patch.history[0] and "go on" in patch.reading
    point = overfit_one_time_point([make_blobs(1)], settings, steps=1)
    assert not point.passed and "does not learn" in point.reading


# ---- division and link network

CROPS = {"division": DivisionExamples, "link": LinkExamples}


def train_crops(
    network, folder, on_progress=quiet, resume=None, should_stop=lambda: False, **changes
):
    settings = tiny_crop_settings(network, folder, **changes)
    movies = [make_family(1)], [make_family(2)]
    return train(*movies, settings, resume=resume, on_progress=on_progress, should_stop=should_stop)


@pytest.mark.parametrize("network", CROPS)
def test_a_crop_network_trains_stops_and_goes_on_as_if_nothing_had_happened(network, tmp_path):
    """Dropout draws from a state of its own, which must go on as well."""
    whole = train_crops(network, tmp_path)
    assert [row["epoch"] for row in whole.history] == [1, 2]
    assert all(0 <= row["validation_average_precision"] <= 1 for row in whole.history)
    assert all(row["validation_loss"] > 0 and "validation_f1" not in row for row in whole.history)
    _, settings = load_network(whole.folder)
    assert (settings.network, settings.patch_shape_zyx) == (network, (4, 16, 16))
    assert (
        list_pictures(whole.folder) == [1, 2] and read_picture(whole.folder, 1).network == network
    )
    asked = threading.Event()
    recorder = Recorder(3, asked.set)  # within the second epoch
    run = train_crops(network, tmp_path, on_progress=recorder, should_stop=asked.is_set)
    assert recorder.steps == 3 and len(run.history) == 1
    run = train_crops(network, tmp_path, resume=run.folder)
    assert final_weights(run) == final_weights(whole)
    assert without_times(run) == without_times(whole)


@pytest.mark.parametrize("network", CROPS)
def test_dropout_is_part_of_a_checkpoint(network, tmp_path):
    run = train_crops(network, tmp_path, epochs=1)
    fresh = preparing.prepare_network(run.settings)
    with np.load(max((run.folder / "checkpoints").glob("*.npz"))) as file:
        kept = [name for name in file.files if name.startswith("weight_")]
        seeds = [file[name] for name in kept if file[name].dtype.kind in "ui"]
    dropouts = {"division": 1, "link": 2}[network]
    assert len(kept) == len(fresh.weights) + dropouts and len(seeds) == dropouts
    assert all(seed.any() for seed in seeds)


@pytest.mark.parametrize("network", CROPS)
def test_crop_networks_go_on_with_smaller_batches_where_memory_runs_out(
    network, tmp_path, monkeypatch
):
    trained = note_examples(monkeypatch, most=4, error=MemoryError(), kind=CROPS[network])
    recorder = Recorder()
    settings = tiny_crop_settings(network, tmp_path, epochs=1, batch_size=9)
    train([make_family(1)], [], settings, on_progress=recorder)
    number = CROPS[network]([make_family(1)], settings).number_per_epoch
    assert trained == [(0, each) for each in range(number)]
    assert [text for text in recorder.messages if "Memory" in text][-1].endswith("batches of 4.")


def spoil(**changes):
    annotated = make_family(1)
    return dataclasses.replace(
        annotated, annotations=dataclasses.replace(annotated.annotations, **changes)
    )


def select(rows):
    annotated = make_family(1)
    return dataclasses.replace(
        annotated, annotations=annotated.annotations.select(np.array(rows, int))
    )


BAD = {
    "no links": (spoil(links=[]), {}, "needs divisions", "needs links"),
    "one time point": (select([0, 1, 2, 3]), {}, "needs divisions", "needs links"),
    "nothing annotated": (select([]), {}, "needs divisions", "needs links"),
    "a single class": (
        select([4, 8, 12]),
        {"max_link_um": 3.0},
        "nuclei that do not divide",
        "needs (links|wrong)",
    ),
    "one nucleus": (select([1, 5, 9]), {}, "needs divisions", "needs wrong candidates"),
    "outside": (
        spoil(positions=make_family(1).annotations.positions + 99),
        {},
        "lie in the movie",
        "lie in the movie",
    ),
    "patch": (make_family(1), {"patch_shape_zyx": (4, 15, 16)}, r"\(4, 16, 16\)", r"\(4, 16, 16\)"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("network", CROPS)
def test_bad_input_is_one_clear_error_and_leaves_no_run_behind(network, case, tmp_path):
    movie, changes, *messages = BAD[case]
    with pytest.raises(UserError, match=messages[network == "link"]):
        train(
            [movie],
            [],
            tiny_crop_settings(network, tmp_path / "runs", **changes),
            on_progress=quiet,
        )
    assert not (tmp_path / "runs").exists()


def test_validation_without_divisions_is_one_clear_error(tmp_path):
    still = dataclasses.replace(
        make_family(2), annotations=make_family(2).annotations.select([0, 1, 2, 3])
    )
    with pytest.raises(UserError, match="needs divisions.*family 2"):
        train(
            [make_family(1)],
            [still],
            tiny_crop_settings("division", tmp_path / "runs"),
            on_progress=quiet,
        )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("network", CROPS)
def test_crops_of_movies_of_one_plane_have_one_plane(network, tmp_path):
    flat = make_family(1, shape_zyx=(1, 48, 48))
    settings = tiny_crop_settings(network, tmp_path, epochs=1)
    assert preparing.complete_settings(settings, [flat]).patch_shape_zyx == (1, 16, 16)
    assert preparing.complete_settings(settings, [flat, make_family(2)]).patch_shape_zyx == (
        4,
        16,
        16,
    )
    original = settings.changed(preset="original", patch_shape_zyx=(8, 32, 32))
    assert preparing.complete_settings(original, [flat]).patch_shape_zyx == (8, 32, 32)
    run = train([flat], [], settings, on_progress=quiet)
    trained, settings = load_network(run.folder)
    assert len(run.history) == 1 and trained.inputs[0].shape[1:4] == settings.patch_shape_zyx == (
        1,
        16,
        16,
    )


@pytest.mark.slow
def test_jax_learns_a_patch_by_heart():
    pytest.importorskip("jax")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from training_helpers import make_blobs, tiny_settings\n"
        "from organoid_kit.course.ladder import overfit_one_patch\n"
        "settings = tiny_settings('', spacing_um=(2.0, 0.5, 0.5))\n"
        "print(overfit_one_patch([make_blobs(1)], settings, steps=80).passed)\n"
    )
    assert run_python(program, ROOT / "tests", KERAS_BACKEND="jax").split()[-1] == "True"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the benchmark kills as Linux and macOS do")
def test_a_training_that_was_killed_ends_with_the_same_weights():
    """One loop trains all three networks; `benchmarks/resume.py --network` kills the others."""
    program = [sys.executable, str(ROOT / "benchmarks" / "resume.py"), "--network", "link"]
    options = ["--kills", "1", "--epochs", "4", "--seed", "1"]
    ran = subprocess.run([*program, *options], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("kill ") == 1 and "different: nothing" in ran.stdout


def test_the_export_is_tried_after_the_first_epoch_and_a_failure_is_said_at_once(
    tmp_path, monkeypatch
):
    epochs_done = []

    def refuse(network, settings):
        epochs_done.append(len(list(tmp_path.glob("runs/*/history.json"))))
        raise UserError("It must open. Received: it does not.")

    monkeypatch.setattr(keeping, "check_export", refuse)
    recorder = Recorder()
    run = train(
        [make_blobs(1)],
        [make_blobs(2)],
        tiny_settings(tmp_path / "runs", epochs=2),
        on_progress=recorder,
    )
    assert (
        epochs_done == [1] and len(run.history) == 2
    )  # tried once, when one epoch was on disk; training went on
    assert any("export will fail: It must open" in message for message in recorder.messages)
