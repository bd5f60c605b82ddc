"""What this room offers; each is loaded when it is first asked for."""

from . import annotations, dataset, downloads, formats, timelapse
from .annotations import Annotations
from .dataset import AnnotatedMovie, read_dataset, write_dataset
from .downloads import find_samples
from .formats import read_annotations, write_annotations
from .timelapse import TimeLapse, make_timelapse, read_timelapse

__all__ = [
    "AnnotatedMovie",
    "Annotations",
    "TimeLapse",
    "annotations",
    "dataset",
    "downloads",
    "find_samples",
    "formats",
    "make_timelapse",
    "read_annotations",
    "read_dataset",
    "read_timelapse",
    "timelapse",
    "write_annotations",
    "write_dataset",
]
