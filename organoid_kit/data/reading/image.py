"""What an image file says about itself, whatever its format, and how a movie is made of it."""

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from organoid_kit.base import UserError, make_error, refuse, refuse_if, warn

Index = tuple[int | slice, ...]
TimePoints = range | tuple[int, int]  # a range, or (first, last)
# What tifffile, zarr and their codecs raise
READ_FAILURES = (OSError, ValueError, RuntimeError, ArithmeticError, LookupError, MemoryError)
READ_FAILURES += (zlib.error, struct.error)
_MOST_CHANNELS = 1000


@dataclass(frozen=True)
class ImageFile:
    """An image as its file describes it, whatever the format."""

    path: Path
    axes: str  # a letter per axis: t, c, z, y, x, s (red, green, blue) or ? where it does not say
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[Index], np.ndarray]  # index with one entry per axis → array
    spacing_um: tuple[float | None, float | None, float | None] = (None, None, None)  # zyx
    channel_names: tuple[str, ...] = ()
    minutes_per_time_point: float | None = None
    first_time_point: int = 0
    axes_in_names: str = ""  # leading axes that come from the names of the files in a folder
    guessed_pattern: str | None = None  # of these names, where nobody has confirmed it

    def size(self, axes: str, letter: str) -> int:
        """Length of an axis, one where there is none."""
        return self.shape[axes.index(letter)] if letter in axes else 1

    def __str__(self) -> str:
        """Where it is and how long its axes are, for messages."""
        text = f"{self.path}, {len(self.shape)} axes of length {' × '.join(map(str, self.shape))}"
        names = f", the first by the names of its files: {self.axes_in_names}"
        return text + (names if self.axes_in_names else "")


def check_axes(axes: str, image: ImageFile) -> str:
    """The user's axes, one letter per axis of the image; axes of length one may be left out."""
    letters = axes.lower()
    if len(set(letters)) < len(letters) or not {"y", "x"} <= set(letters) <= set("tczyx"):
        raise make_error("axes letters", image, axes=axes)
    if image.axes_in_names and not set(image.axes_in_names) & set(letters):
        letters = image.axes_in_names + letters
    if len(letters) == sum(length > 1 for length in image.shape) < len(image.shape):
        remaining = iter(letters)
        letters = "".join(next(remaining) if length > 1 else "?" for length in image.shape)
    if len(letters) != len(image.shape) or not letters.startswith(image.axes_in_names):
        raise make_error("axes each", image, axes=axes, count=len(image.shape))
    return letters


def guess_axes(axes: str, image: ImageFile) -> str:
    """The likeliest letters for ?: z first, then t, then c; the shorter of the last two is c."""
    known = [letter for letter in axes if letter != "?"]
    if len(axes) != len(image.shape) or len(set(known)) < len(known):
        raise make_error("axes different", image, axes=axes)
    unknown = [i for i, letter in enumerate(axes) if letter == "?" and image.shape[i] > 1]
    free = [letter for letter in "ztc" if letter not in axes]
    refuse_if(len(unknown) > len(free), "axes unknown", image)
    chosen = sorted(free[: len(unknown)], key="tcz".index)
    if len(chosen) == 3 and image.shape[unknown[2]] < image.shape[unknown[1]]:
        chosen = ["t", "z", "c"]
    guess = list(axes)
    for i, letter in zip(unknown, chosen, strict=True):
        guess[i] = letter
    return "".join(guess)


def check_sizes(image: ImageFile, axes: str, dtype: np.dtype) -> None:
    """A file may say anything of its size: nothing is empty, and a stack fits into memory."""
    refuse_if(0 in image.shape, "axis empty", image)
    channels = image.size(axes, "c") * image.size(axes, "s")
    refuse_if(
        channels > _MOST_CHANNELS, "channels many", image, count=channels, most=_MOST_CHANNELS
    )
    size = math.prod(image.size(axes, letter) for letter in "zyx") * dtype.itemsize
    refuse_if(size > psutil.virtual_memory().total, "stack in memory", image, size=size)


def choose_time_points(image: ImageFile, axes: str, chosen: TimePoints | None) -> range:
    """Those that are chosen, or all. Raises UserError where the image lacks one of them."""
    present = range(image.first_time_point, image.first_time_point + image.size(axes, "t"))
    wanted = present if chosen is None else to_range(chosen)
    if wanted.start < present.start or wanted.stop > present.stop:
        ends = (wanted.start, wanted.stop - 1, present.start, present.stop - 1)
        raise make_error("time points there", image.path, ends=ends)
    return wanted


def to_range(time_points: TimePoints) -> range:
    """A range as it is, (first, last) as the range that holds both."""
    if not isinstance(time_points, range):
        first, last = time_points
        time_points = range(first, last + 1)
    if time_points.stop <= time_points.start or time_points.step != 1:
        raise make_error("time points consecutive", time_points=time_points)
    return time_points


def name_channels(image: ImageFile, axes: str) -> tuple[str, ...]:
    """As the file says, or by their number or colour."""
    count = image.size(axes, "c") * image.size(axes, "s")
    if len(image.channel_names) == count:
        return image.channel_names
    if "s" in axes and count in (3, 4):
        warn(f"{image.path} is a colour image: its colours are read as channels 1 to {count}.")
        return ("red", "green", "blue", "alpha")[:count]
    return tuple(f"channel {number + 1}" for number in range(count))


def make_reader(image: ImageFile, axes: str, dtype: np.dtype) -> Callable[[int, int], np.ndarray]:
    """(time point, channel index) → (z, y, x) array of its own memory."""
    samples = image.size(axes, "s")
    order = [letter for letter in axes if letter in "zyx"]
    order = [order.index(letter) for letter in "zyx" if letter in order]
    shape_zyx = tuple(image.size(axes, letter) for letter in "zyx")

    def read_stack(time_point: int, channel: int) -> np.ndarray:
        c, s = divmod(channel, samples)
        numbers = {"t": time_point - image.first_time_point, "c": c, "s": s, "?": 0}
        index = tuple(numbers.get(letter, slice(None)) for letter in axes)
        try:
            stack = image.read(index)
        except UserError:
            raise
        except READ_FAILURES as error:
            place = f"time point {time_point} of {image.path}"
            raise refuse(place, "Every stack must be readable", error) from error
        return np.array(stack.transpose(order).reshape(shape_zyx), dtype=dtype, order="C")

    return read_stack
