"""What this room offers; each is loaded when it is first asked for."""

from . import doctor, kinds, model_card
from .measuring import score_channels
from .results import read_movie_results, read_trackings, save_movie_result, save_tracking
from .run_page import describe_method, write_comparison, write_report
from .tracking_page import write_tracking_report

__all__ = [
    "describe_method",
    "doctor",
    "kinds",
    "model_card",
    "read_movie_results",
    "read_trackings",
    "save_movie_result",
    "save_tracking",
    "score_channels",
    "write_comparison",
    "write_report",
    "write_tracking_report",
]
