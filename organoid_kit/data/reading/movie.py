"""What turns an image file into a movie: its time points, channels, and a reader of stacks."""

import warnings
from collections.abc import Callable

import numpy as np

from organoid_kit.base import UserError
from organoid_kit.data.reading.image import READ_FAILURES, ImageFile


def choose_time_points(
    image: ImageFile, axes: str, chosen: range | tuple[int, int] | None
) -> range:
    """Those that are chosen, or all. Raises UserError where the image lacks one of them."""
    present = range(image.first_time_point, image.first_time_point + image.size(axes, "t"))
    wanted = present if chosen is None else to_range(chosen)
    if wanted.start < present.start or wanted.stop > present.stop:
        raise UserError(
            "Time points must be among those of the movie. "
            f"Received: {wanted.start} to {wanted.stop - 1}; {image.path} has {present.start} to "
            f"{present.stop - 1}. Pass time_points within these."
        )
    return wanted


def to_range(time_points: range | tuple[int, int]) -> range:
    """A range as it is, (first, last) as the range that holds both."""
    if not isinstance(time_points, range):
        first, last = time_points
        time_points = range(first, last + 1)
    if time_points.stop <= time_points.start or time_points.step != 1:
        raise UserError(
            f"Time points must be consecutive. Received: time_points={time_points}. "
            "Pass (first, last) or range(first, last + 1)."
        )
    return time_points


def name_channels(image: ImageFile, axes: str) -> tuple[str, ...]:
    """As the file says, or by their number or colour."""
    count = image.size(axes, "c") * image.size(axes, "s")
    if len(image.channel_names) == count:
        return image.channel_names
    if "s" in axes and count in (3, 4):
        message = f"{image.path} is a colour image: its colours are read as channels 1 to {count}."
        warnings.warn(message, stacklevel=3)
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
            raise UserError(
                f"Every stack must be readable. Received: time point {time_point} of {image.path}: "
                f"{error}. The file is damaged or incomplete: copy or export it again."
            ) from error
        return np.array(stack.transpose(order).reshape(shape_zyx), dtype=dtype, order="C")

    return read_stack
