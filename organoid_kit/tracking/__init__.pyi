"""What this room offers; each is loaded when it is first asked for."""

from . import build, costs, distance, errors, linking, marginals, motion, optimal
from .build import build_tracks
from .costs import TrackingSettings, compute_cost, find_best
from .errors import Doubt, add_error_probabilities, estimate_errors, list_doubts
from .linking import find_candidates, link_nearest

__all__ = [
    "Doubt",
    "TrackingSettings",
    "add_error_probabilities",
    "build",
    "build_tracks",
    "compute_cost",
    "costs",
    "distance",
    "errors",
    "estimate_errors",
    "find_best",
    "find_candidates",
    "link_nearest",
    "linking",
    "list_doubts",
    "marginals",
    "motion",
    "optimal",
]
