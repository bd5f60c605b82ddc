"""What this room offers; each is loaded when it is first asked for."""

from . import problem, rules, summary
from .problem import CheckLimits, Problem
from .rules import check_annotations
from .summary import AnnotationSummary, MovieSummary, summarise_annotations

__all__ = [
    "AnnotationSummary",
    "CheckLimits",
    "MovieSummary",
    "Problem",
    "check_annotations",
    "problem",
    "rules",
    "summarise_annotations",
    "summary",
]
