"""Mistakes in annotations, found before a network learns them: one small function for each rule.

whole      do movie and annotations belong together?
tracks     positions, and the links between them           ── all_rules    `check_annotations`
images     does each image show something, and do positions sit where it is bright?
problem    what is reported, and the limits                   summary      how much is annotated

Nothing here raises on data. A position that breaks several rules is reported once, by the first
rule it breaks: mend it and check again. Distances are in µm and can be changed by the options of
`check_annotations`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["all_rules", "images", "problem", "summary", "tracks", "whole"],
    submod_attrs={
        "all_rules": ["check_annotations"],
        "problem": ["CheckLimits", "Problem"],
        "summary": ["AnnotationSummary", "MovieSummary", "summarise_annotations"],
    },
)
