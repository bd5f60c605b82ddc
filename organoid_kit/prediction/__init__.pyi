"""What this room offers; each is loaded when it is first asked for."""

from . import calibration, comparison, crops, movie, positions, units
from .calibration import calibrate_network
from .comparison import compare_fine_tuned, judge_run
from .crops import predict_divisions, predict_links
from .movie import load_networks, track_movie
from .positions import choose_threshold, predict_heat, predict_positions

__all__ = [
    "calibrate_network",
    "calibration",
    "choose_threshold",
    "compare_fine_tuned",
    "comparison",
    "crops",
    "judge_run",
    "load_networks",
    "movie",
    "positions",
    "predict_divisions",
    "predict_heat",
    "predict_links",
    "predict_positions",
    "track_movie",
    "units",
]
