"""`train`: a network from an .autlist or a movie, or a run that goes on; shown meanwhile, then calibrated."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from organoid_kit import prediction, training
from organoid_kit.base import NetworkSettings, UserError, make_error, make_settings, read_settings
from organoid_kit.cli import READING, spell_option, spell_options
from organoid_kit.cli.files import load_keras, open_annotated, require_channels, take_file_options
from organoid_kit.data import read_dataset
from organoid_kit.examples.batches import Movies
from organoid_kit.examples.splits import Split, split_by_movie, split_by_time_block
from organoid_kit.networks import make_fine_tuning_settings
from organoid_kit.training import Run

_LIMITS = ("epochs", "minutes")  # may change when a run is resumed


def train(
    dataset: Path,
    annotations: Path | None = None,
    network: str | None = None,
    validation: Path | None = None,
    no_validation: bool = False,
    settings: Path | None = None,
    resume: Path | None = None,
    **stated: Any,
) -> int:
    """Trains, calibrates, chooses the threshold; `stated`: settings, and how to read movies."""
    reading = {name: stated.pop(name) for name in READING if name in stated}
    of_file = take_file_options(stated)
    if resume:  # it keeps its settings; only how long it trains may change
        changes = {"network": network, "settings": settings, **stated}
        if changed := [n for n in changes if changes[n] is not None and n not in _LIMITS]:
            names = ", ".join(map(spell_option, changed))
            raise make_error("run settings", resume, names=names)
    load_keras()
    chosen = choose_settings(network, settings, resume, stated)
    movies = open_annotated(dataset, annotations, **reading | of_file)
    if no_validation:
        split = Split(movies, [])
    elif validation:
        split = Split(movies, read_dataset(validation, **reading))
    else:
        split = keep_back(movies, chosen)
    if not ("channels" in stated or settings or resume):
        require_channels(annotated.movie for part in split.parts().values() for annotated in part)
    print(f"{split}\n", flush=True)
    limits = {name: stated.get(name) for name in _LIMITS} if resume else {}
    data = {"annotations": annotations, "validation": validation, "no_validation": no_validation}
    command = [dataset, *spell_options(**data, **reading | of_file, **limits)]
    return train_and_calibrate(split, chosen, command, resume)[1]


def choose_settings(
    network: str | None, file: Path | None, resume: Path | None, changes: dict[str, Any]
) -> NetworkSettings:
    """Of the run resumed, a file, the network to start from, or the defaults; then `changes`."""
    if resume:
        return Run(resume).settings.changed(**changes)
    if file:
        return read_settings(file, network).changed(**changes)
    if not changes.get("start_from"):
        return make_settings(network or "position", **changes)
    settings = make_fine_tuning_settings(changes["start_from"], **changes)
    if network not in (None, settings.network):
        kinds = {"network": network, "learned": settings.network}
        raise make_error("network goes on", changes["start_from"], **kinds)
    return settings


def keep_back(dataset: Movies, settings: NetworkSettings) -> Split:
    """One movie is kept for validation, or the end of the only movie."""
    if len({(annotated.movie.path, annotated.movie.name) for annotated in dataset}) > 1:
        return split_by_movie(dataset, seed=settings.seed)
    try:
        split = split_by_time_block(dataset, time_window=settings.time_window)
    except UserError as error:
        advice = "To train on all of it and judge by the training loss, add --no-validation."
        raise UserError(f"{error} {advice}") from None
    parts, window = (dataset, split.training, split.validation), settings.time_window
    whole, *used = (part[0].annotations.annotated_time_points for part in parts)
    spans = [f"{times[0]} to {times[-1]}" for times in used]
    resting = ", ".join(map(str, np.setdiff1d(whole, np.concatenate(used)))) or "none"
    print(
        f"There is one movie only: its time points {spans[0]} train, {spans[1]} validate, {resting} "
        f"between them rest, as a network sees time points {window[0]:+d} to {window[1]:+d} together "
        "and both sides must not see the same image. Nuclei are the same on both sides: expect less "
        "of another movie."
    )
    return split


def train_and_calibrate(
    split: Split, settings: NetworkSettings, data: Sequence[Path | str], resume: Path | None = None
) -> tuple[Run, int]:
    """The run, and 130 where it was interrupted; `data` names those to continue with."""
    if resume is None:
        print(f"{training.estimate_training(settings, split.training)}\n", flush=True)
    with show_training() as show:
        parts = split.training, split.validation
        run = training.train(*parts, settings, resume=resume, on_progress=show)
    if run.ending.startswith("interrupted"):
        start = [sys.executable, "-m", "organoid_kit", "train"]
        again = shlex.join([*start, *map(str, data), "--resume", str(run.folder)])
        print(f"Interrupted. All is saved in {run.folder}. To go on:\n\n  {again}", file=sys.stderr)
        return run, 130
    print(prediction.judge_run(run, *parts), flush=True)
    return run, 0


@contextmanager
def show_training() -> Iterator[Callable[["training.Progress"], None]]:
    """A bar for steps where there is a terminal; a line for each epoch everywhere."""
    with tqdm(unit="step", leave=False, disable=not sys.stderr.isatty()) as bar:

        def show(progress: "training.Progress") -> None:
            if progress.row or progress.message:
                with tqdm.external_write_mode():
                    training.loop.print_progress(progress)
                return
            bar.total, bar.n = progress.steps, progress.step
            epoch = f"epoch {progress.epoch + 1} of {progress.epochs}"
            bar.set_description(f"{epoch}, loss {progress.loss:.4f}")

        yield show
