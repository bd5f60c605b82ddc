"""Annotations changed step by step: each step is checked, can be undone, and survives a crash.

rules ── journal ── editor    a step: refused, or written down and done
                       └── remaining    problems, and proposals without a decision
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "editor": ["AnnotationEditor"],
        "remaining": [
            *("find_image_problems", "find_problems"),
            *("find_open_candidates", "join_candidates", "sort_by_doubt"),
        ],
    },
)
