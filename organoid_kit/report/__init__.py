"""Pages on which everything is counted: a training, tracked movies, several trainings side by side.

Each page is made from a folder alone and can be made anew at any time. `save_result` and `save_tracking` keep there
what networks said: answers, not figures, so that every figure is counted again from them.
"""

from organoid_kit.report.method import write_method
from organoid_kit.report.results import Result, read_results, save_result
from organoid_kit.report.run_page import collect_facts, write_report

__all__ = [
    "Result",
    "collect_facts",
    "read_results",
    "save_result",
    "write_method",
    "write_report",
]
