"""What went wrong in a training? Read from its folder, during it or after it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from organoid_kit.report.doctor.finding import Finding
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.runs import NOT_FINITE, Run

_FEW_EPOCHS = 3
_NOTHING = 0.05  # an F1 below is that of a network that finds nothing
_FALLEN = 0.9  # a loss below this part of the first one has fallen
_READINGS = {  # how a sentence of `describe_history` begins: cause, advice
    "Learning rate too high": (
        "Each step changes the weights so much that it overshoots.",
        "Start again with a third of the learning rate.",
    ),
    "Not learning": (
        "A learning rate far too high or far too low, or dots that do not lie on nuclei.",
        "Ask `diagnose_data`. If it finds nothing, climb the ladder (`overfit_one_patch`) with a tenth of the rate.",
    ),
    "Overfitting": (
        "The network begins to learn the training images by heart.",
        "Use the network of the best epoch; it is the one that was kept. More annotated movies help most.",
    ),
}


def diagnose_run(run: Run) -> list[Finding]:
    """What looks wrong in a training, from its history and its log.

    The curves are read by `describe_history`, as in the training dashboard.

    Args:
        run: finished, stopped, broken off, or still under way.

    Raises:
        UserError: the folder holds no run.
    """
    return [*_find_not_finite(run), *_find_reading(run), *_find_nothing_found(run)]


def _find_not_finite(run: Run) -> Iterator[Finding]:
    file = run.folder / "log.txt"
    lines = (
        [line for line in file.read_text("utf-8").splitlines() if NOT_FINITE in line]
        if file.exists()
        else []
    )
    if lines:
        yield Finding(
            "loss is NaN",
            run.folder.name,
            f"{lines[-1]} (learning rate {run.settings.learning_rate:g}).",
            "Intensities that are no numbers or far too large; if the data are well, a learning rate that is too high.",
            "Ask `diagnose_data` first. Then start again with a third of the learning rate.",
        )


def _find_reading(run: Run) -> Iterator[Finding]:
    """What the curves say, where that is not good."""
    reading = describe_history(run.history)
    for beginning, (cause, advice) in _READINGS.items():
        if reading.startswith(beginning):
            yield Finding(beginning.lower(), run.folder.name, reading, cause, advice)


def _find_nothing_found(run: Run) -> Iterator[Finding]:
    """The loss falls and yet no nucleus of the validation movies is found."""
    history = run.history
    measured = [row["validation_f1"] for row in history if row.get("validation_f1") is not None]
    if len(measured) < _FEW_EPOCHS or max(measured[-_FEW_EPOCHS:]) > _NOTHING:
        return
    losses = np.array([row["loss"] for row in history])
    if losses[-1] < _FALLEN * losses[0]:
        yield Finding(
            "loss falls but nothing is found",
            run.folder.name,
            f"The training loss fell from {losses[0]:.3f} to {losses[-1]:.3f}. The F1 in validation is "
            f"{measured[-1]:.2f}.",
            "Saying 'nothing anywhere' has become the network's answer: mostly the learning rate is too high. Or the "
            "validation positions do not belong to their images.",
            "Ask `diagnose_data(training, settings, validation=validation)`. If it finds nothing, start again with a "
            "tenth of the learning rate; then climb the ladder (`overfit_one_patch`).",
        )
