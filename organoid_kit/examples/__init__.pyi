"""What this room offers; each is loaded when it is first asked for."""

from . import (
    augmentation,
    batches,
    choice,
    division,
    intensities,
    link,
    looks,
    patches,
    position,
    sizes,
    splits,
)
from .augmentation import apply_to_positions, cut_patch, draw_augmentation
from .choice import make_examples
from .division import DivisionExamples
from .link import LinkExamples
from .patches import PreparedMovies
from .position import PositionExamples, compute_voxel_weights, draw_dots

__all__ = [
    "DivisionExamples",
    "LinkExamples",
    "PositionExamples",
    "PreparedMovies",
    "apply_to_positions",
    "augmentation",
    "batches",
    "choice",
    "compute_voxel_weights",
    "cut_patch",
    "division",
    "draw_augmentation",
    "draw_dots",
    "intensities",
    "link",
    "looks",
    "make_examples",
    "patches",
    "position",
    "sizes",
    "splits",
]
