"""What the kit offers; each is loaded when it is first asked for."""

from . import (
    base,
    course,
    dashboards,
    data,
    evaluation,
    examples,
    networks,
    plots,
    prediction,
    report,
    tracking,
    training,
)
from .base import make_settings
from .base.environment import check_environment
from .data import find_samples, read_annotations, read_dataset, read_timelapse, write_annotations
from .evaluation import check_annotations, score_positions
from .networks import load_network
from .prediction import predict_positions, track_movie
from .training import train

__version__: str
__all__ = [
    "base",
    "check_annotations",
    "check_environment",
    "course",
    "dashboards",
    "data",
    "evaluation",
    "examples",
    "find_samples",
    "load_network",
    "make_settings",
    "networks",
    "plots",
    "predict_positions",
    "prediction",
    "read_annotations",
    "read_dataset",
    "read_timelapse",
    "report",
    "score_positions",
    "track_movie",
    "tracking",
    "train",
    "training",
    "write_annotations",
]
