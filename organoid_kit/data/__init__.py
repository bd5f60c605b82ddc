"""Movies and annotations: read, written, invented.

Its modules, in the order of use:

    reading/ ── timelapse_reading ──┐
    synthetic/ (truth is known) ────┼── timelapse ──── timelapse_writing
    formats/ ── annotations ────────┴── dataset (.autlist) ── downloads (samples, a real organoid)
    units (as files write them), json_part (knows its place, for messages)
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
