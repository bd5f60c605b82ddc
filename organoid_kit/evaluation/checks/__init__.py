"""Mistakes in annotations, found before a network learns them: one small function for each rule.

Nothing here raises on data. A position that breaks several rules is reported once, by the first
rule it breaks: mend it and check again. Distances are in µm and can be changed by the options of
`check_annotations`.
"""

from organoid_kit.evaluation.checks.all_rules import check_annotations
from organoid_kit.evaluation.checks.problem import CheckLimits, Problem
from organoid_kit.evaluation.checks.summary import (
    AnnotationSummary,
    MovieSummary,
    summarise_annotations,
)

__all__ = [
    "AnnotationSummary",
    "CheckLimits",
    "MovieSummary",
    "Problem",
    "check_annotations",
    "summarise_annotations",
]
