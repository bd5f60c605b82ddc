"""Movies and annotations: read, written, invented.

Its modules, in the order of use:

    reading/ ── timelapse ──────┬── dataset (.autlist) ── downloads (samples, a real organoid)
    formats/ ── annotations ────┘
    synthetic/ (both, and the truth is known)
    conversion (of what files say)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["annotations", "dataset", "downloads", "formats", "synthetic", "timelapse"],
    submod_attrs={
        "annotations": ["Annotations"],
        "dataset": ["AnnotatedMovie", "read_dataset", "write_dataset"],
        "downloads": ["find_samples"],
        "formats": ["read_annotations", "write_annotations"],
        "timelapse": ["TimeLapse", "make_timelapse", "read_timelapse"],
    },
)
