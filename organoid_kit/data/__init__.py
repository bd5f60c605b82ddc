"""Movies and annotations: read and written.

Its modules, in the order of use:

    reading/ ── timelapse ──────┬── dataset (.autlist) ── downloads (samples, a real organoid)
    formats/ ── annotations ────┘
    conversion (of what files say)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["annotations", "dataset", "downloads", "formats", "timelapse"],
    submod_attrs={
        "annotations": ["Annotations"],
        "dataset": ["AnnotatedMovie", "read_dataset", "write_dataset"],
        "downloads": ["find_samples"],
        "formats": ["read_annotations", "write_annotations"],
        "timelapse": ["TimeLapse", "make_timelapse", "read_timelapse"],
    },
)
