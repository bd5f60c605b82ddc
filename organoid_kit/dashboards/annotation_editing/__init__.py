"""Annotations changed step by step: each step is checked, can be undone, and survives a crash.

`tables` hold what changes, `journal` writes it down, `rules` refuse what would be wrong, `editor`
brings them together; `candidates` says which proposals are still open, and `problems` which
mistakes are.
"""

from organoid_kit.dashboards.annotation_editing.candidates import (
    CandidateOrder,
    find_open_candidates,
    join_candidates,
    sort_by_doubt,
)
from organoid_kit.dashboards.annotation_editing.editor import AnnotationEditor, open_editor
from organoid_kit.dashboards.annotation_editing.problems import (
    ImageProblems,
    find_image_problems,
    find_problems,
)

__all__ = [
    "AnnotationEditor",
    "CandidateOrder",
    "ImageProblems",
    "find_image_problems",
    "find_open_candidates",
    "find_problems",
    "join_candidates",
    "open_editor",
    "sort_by_doubt",
]
