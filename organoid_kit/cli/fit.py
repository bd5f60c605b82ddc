"""A training at the command line: shown while it goes on, interrupted with advice, then calibrated."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.examples.splits import Split
from organoid_kit.training.runs import Run

if TYPE_CHECKING:
    from organoid_kit.training.loop import Progress


def train_and_calibrate(
    split: Split,
    settings: NetworkSettings,
    command: Sequence[Path | str],
    resume: Path | None = None,
) -> tuple[Run, int]:
    """The run, and 130 where it was interrupted; `command` names the data to go on with then."""
    from organoid_kit.training.estimates import estimate_training
    from organoid_kit.training.loop import train

    if resume is None:
        print(f"{estimate_training(settings, split.training)}\n", flush=True)
    with _show_training() as show:
        run = train(split.training, split.validation, settings, resume=resume, on_progress=show)
    if run.ending.startswith("interrupted"):
        start = [sys.executable, "-m", "organoid_kit", "train"]
        again = shlex.join([*start, *map(str, command), "--resume", str(run.folder)])
        print(f"Interrupted. All is saved in {run.folder}. To go on:\n\n  {again}", file=sys.stderr)
        return run, 130
    print(_calibrate(run, split), flush=True)
    return run, 0


def _calibrate(run: Run, split: Split) -> str:
    """Makes the answers of a trained network probabilities, as far as the movies allow; says what
    came of it.
    """
    from organoid_kit.prediction.calibration import calibrate_network
    from organoid_kit.prediction.positions import choose_threshold

    if split.validation:
        result = calibrate_network(run, split.validation)
        return f"Judged on {', '.join(each.name for each in split.validation)}: {result}"
    note = _describe_uncalibrated(run)
    if run.settings.network != "position" or not run.settings.start_from:
        return note
    threshold = choose_threshold(run, split.training)
    names = ", ".join(each.name for each in split.training)
    return f"Threshold {threshold:.2f}, chosen on {names}, on which it was trained. {note}"


def _describe_uncalibrated(run: Run) -> str:
    """What its answers are then."""
    if run.settings.calibration != (1.0, 0.0):
        return "It keeps the calibration of the network it started from."
    return "Not calibrated: that takes movies the network was not trained on. Its probabilities may be too bold."


@contextmanager
def _show_training() -> Iterator[Callable[[Progress], None]]:
    """A bar for the steps of an epoch where there is a terminal, and a line of text for each epoch
    everywhere.
    """
    from organoid_kit.training.loop import print_progress

    with tqdm(unit="step", leave=False, disable=not sys.stderr.isatty()) as bar:

        def show(progress: Progress) -> None:
            if progress.row or progress.message:
                with tqdm.external_write_mode():
                    print_progress(progress)
            else:
                bar.total, bar.n = progress.steps, progress.step
                bar.set_description(
                    f"epoch {progress.epoch + 1} of {progress.epochs}, loss {progress.loss:.4f}"
                )

        yield show
