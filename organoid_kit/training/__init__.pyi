"""What this room offers; each is loaded when it is first asked for."""

from . import (
    checkpoints,
    control,
    diagnosis,
    epoch_pictures,
    estimates,
    keeping,
    lock,
    loop,
    own,
    preparing,
    runs,
    steps,
    validation,
)
from .diagnosis import History, describe_history
from .epoch_pictures import EpochPicture
from .estimates import estimate_training
from .loop import Progress, train
from .runs import Run, compare_runs, list_runs, open_run

__all__ = [
    "EpochPicture",
    "History",
    "Progress",
    "Run",
    "checkpoints",
    "compare_runs",
    "control",
    "describe_history",
    "diagnosis",
    "epoch_pictures",
    "estimate_training",
    "estimates",
    "keeping",
    "list_runs",
    "lock",
    "loop",
    "open_run",
    "own",
    "preparing",
    "runs",
    "steps",
    "train",
    "validation",
]
