"""What this room offers; each is loaded when it is first asked for."""

from . import blobs, calibration, checks, classification, judged, matching, positions, tracks
from .blobs import find_blobs, find_peaks, tune_blobs
from .checks import check_annotations, summarise_annotations
from .classification import compute_precision_recall
from .positions import score_positions
from .tracks import score_divisions, score_links, score_tracks

__all__ = [
    "blobs",
    "calibration",
    "check_annotations",
    "checks",
    "classification",
    "compute_precision_recall",
    "find_blobs",
    "find_peaks",
    "judged",
    "matching",
    "positions",
    "score_divisions",
    "score_links",
    "score_positions",
    "score_tracks",
    "summarise_annotations",
    "tracks",
    "tune_blobs",
]
