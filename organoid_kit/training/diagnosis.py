"""How a training goes, in one sentence, read from its losses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from organoid_kit.training.runs import find_best

History = Sequence[Mapping[str, Any]]  # a row for each epoch, see `Run.history`

_FEW_EPOCHS = 3  # too few to read anything from a history
_WAITED_EPOCHS = 3  # without a better one before overfitting is named
_JUMP = 1.5  # a loss that rises to so many times its lowest …
_JUMP_PART = 0.2  # … and by this part of the first one has jumped
_RECENT_EPOCHS = 5
_LEARNED_PART = 0.9  # a loss that stays above this part of the first one has not fallen


def describe_history(history: History) -> str:
    """Still learning, overfitting, not learning, learning rate too high, or done: in a sentence."""
    best = find_best(history)
    if len(history) < _FEW_EPOCHS or best is None:
        return f"Too early to tell: {len(history)} epoch{'s' * (len(history) != 1)} of training so far."
    training = np.array([row["loss"] for row in history])
    epoch, waited = best["epoch"], len(history) - 1 - history.index(best)
    judge, reached, ended = "validation loss", "lowest", "does not"
    if best.get("validation_calibrated_loss") is not None:
        judge = "validation loss after calibration"
    elif best.get("validation_average_precision") is not None:
        judge, reached, ended = "average precision in validation", "highest", "rises no more"
    lowest = np.minimum.accumulate(training)[:-1]
    rises = training[1:] - training[:-1]
    jumps = (training[1:] > _JUMP * lowest) & (rises > _JUMP_PART * training[0])
    jumps[:-_RECENT_EPOCHS] = False
    if jumps.any():
        jumped = int(np.flatnonzero(jumps)[-1]) + 1
        before, after = training[jumped - 1], training[jumped]
        jump = f"from {before:.3g} to {after:.3g} in epoch {history[jumped]['epoch']}"
        said = f"Learning rate too high, it seems: the training loss jumped {jump}"
        return f"{said}. Start again with a third of it."
    if training.min() > _LEARNED_PART * training[0]:
        said = "Not learning: the training loss hardly falls. Look at the examples, or change the"
        ladder = "the ladder (`overfit_one_patch`) tells whether it can learn at all"
        return f"{said} learning rate; {ladder}."
    if waited < _WAITED_EPOCHS:
        return f"Still learning: the {judge} was {reached} in epoch {epoch}, of {len(history)}."
    if training[-waited - 1 :].argmin() > 0:
        said = f"Overfitting since epoch {epoch}: the training loss still falls"
        return f"{said}, the {judge} {ended}. The network of epoch {epoch} is the one to use."
    return f"No more to learn: nothing has become better since epoch {epoch}."
