"""What an image file says about itself, whatever its format."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Index = tuple[int | slice, ...]
# What tifffile, zarr and their codecs raise
READ_FAILURES = (OSError, ValueError, RuntimeError, zlib.error, struct.error)


@dataclass(frozen=True)
class ImageFile:
    """An image as its file describes it, whatever the format.

    Attributes:
        path: of the file or folder.
        axes: one letter per axis of `shape`: t, c, z, y, x, s (red, green, blue) or ? where the
            file does not say.
        shape: of the whole image.
        dtype: as stored.
        read: index with one entry per axis → array.
        spacing_um: zyx, None where the file does not say.
        channel_names: empty where the file does not say.
        first_time_point: the number of the first one.
        axes_in_names: the leading axes that come from the names of the files in a folder.
        guessed_pattern: of these names, where nobody has confirmed it.
    """

    path: Path
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[Index], np.ndarray]
    spacing_um: tuple[float | None, float | None, float | None] = (None, None, None)
    channel_names: tuple[str, ...] = ()
    minutes_per_time_point: float | None = None
    first_time_point: int = 0
    axes_in_names: str = ""
    guessed_pattern: str | None = None

    def size(self, axes: str, letter: str) -> int:
        """Length of an axis, one where there is none."""
        return self.shape[axes.index(letter)] if letter in axes else 1

    def __str__(self) -> str:
        """Where it is and how long its axes are, for messages."""
        shape = " × ".join(map(str, self.shape))
        names = f", the first by the names of its files: {self.axes_in_names}"
        return f"{self.path}, {len(self.shape)} axes of length {shape}" + (
            names if self.axes_in_names else ""
        )
