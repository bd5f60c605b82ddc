"""Movies and annotations: read, written, invented.

reading/ ── timelapse_reading ── TimeLapse ──┐
formats/ ── Annotations ─────────────────────┴── dataset (.autlist)
synthetic/    invented movies whose truth is known
downloads     the bundled samples, and a real organoid
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "annotations",
        "dataset",
        "downloads",
        "formats",
        "synthetic",
        "timelapse",
        "timelapse_reading",
        "timelapse_writing",
    ],
    submod_attrs={
        "annotations": ["Annotations"],
        "dataset": ["AnnotatedMovie", "read_dataset", "write_dataset"],
        "downloads": ["find_samples"],
        "formats": ["read_annotations", "write_annotations"],
        "timelapse": ["TimeLapse", "make_timelapse"],
        "timelapse_reading": ["read_timelapse"],
    },
)
