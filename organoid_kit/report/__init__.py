"""Pages on which everything is counted: a training, tracked movies, several trainings side by side.

Each page is made from a folder alone and can be made anew at any time. `save_result` and `save_tracking` keep there
what networks said: answers, not figures, so that every figure is counted again from them.
"""

from organoid_kit.report.comparison import write_comparison
from organoid_kit.report.method import write_method
from organoid_kit.report.results import Result, read_results, save_result
from organoid_kit.report.run_page import collect_facts, write_report
from organoid_kit.report.tracking_page import write_tracking_report
from organoid_kit.report.tracking_results import TrackingResult, read_trackings, save_tracking

__all__ = [
    "Result",
    "TrackingResult",
    "collect_facts",
    "read_results",
    "read_trackings",
    "save_result",
    "save_tracking",
    "write_comparison",
    "write_method",
    "write_report",
    "write_tracking_report",
]
