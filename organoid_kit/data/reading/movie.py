"""Makes a movie of an image file: joins what the file says and what the user says, and asks where
neither does.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.reading.axes import check_axes, guess_axes
from organoid_kit.data.reading.image import READ_FAILURES, ImageFile
from organoid_kit.data.timelapse import TimeLapse


def make_movie(
    image: ImageFile,
    *,
    axes: str | None,
    spacing_um: Sequence[float] | None,
    time_points: range | tuple[int, int] | None,
    minutes_per_time_point: float | None,
    name: str | None,
    accept_guess: bool,
) -> TimeLapse:
    """For the arguments, see `read_timelapse`.

    Raises:
        UserError: they do not fit the image, or something that nobody has said would have to be
            guessed.
    """
    dtype = _choose_dtype(image)
    known_axes = check_axes(axes, image) if axes else image.axes
    axes = guess_axes(known_axes, image)
    if spacing_um is not None:
        spacing = _check_spacing(spacing_um)
    else:
        z, y, x = image.spacing_um
        spacing = (
            y if z is None and image.size(axes, "z") == 1 else z,
            y,
            x,
        )  # one plane needs no z
    minutes = minutes_per_time_point
    if minutes is not None and not 0 < minutes < math.inf:
        raise UserError(
            "The time between time points must be a positive number of minutes. "
            f"Received: minutes_per_time_point={minutes}. "
            "Pass for example minutes_per_time_point=10."
        )
    guesses = {}  # what nobody has stated, as the arguments that would confirm it
    if image.guessed_pattern:
        guesses["pattern"] = f'"{image.guessed_pattern}"'
    if axes != known_axes:
        guesses["axes"] = f'"{axes.replace("?", "")}"'
    if None in spacing:
        spacing = tuple(1.0 if value is None else value for value in spacing)
        guesses["spacing_um"] = str(spacing)
    if guesses and not accept_guess:
        pairs = zip(axes, image.shape, strict=True)
        lengths = ", ".join(f"{letter} {length}" for letter, length in pairs if letter != "?")
        raise UserError(
            f"What a file does not say must be confirmed. Received: {image}, which does not say "
            f"its {' and '.join(guesses)}. A guess: {lengths}. "
            f"Pass {', '.join(f'{key}={value}' for key, value in guesses.items())} with the right "
            "values (spacing: z, y, x in µm, such as (2.0, 0.26, 0.26)), or accept_guess=True if "
            "the guess is right."
        )
    return TimeLapse(
        name=name or image.path.stem.removesuffix(".ome"),
        time_points=_choose_time_points(image, axes, time_points),
        shape_zyx=tuple(image.size(axes, letter) for letter in "zyx"),
        channel_names=_name_channels(image, axes),
        dtype=dtype,
        spacing_um=spacing,
        read_stack=_make_reader(image, axes, dtype),
        minutes_per_time_point=image.minutes_per_time_point if minutes is None else float(minutes),
        path=image.path,
    )


def _choose_dtype(image: ImageFile) -> np.dtype:
    """The type in which stacks are returned: native byte order, bool as uint8."""
    dtype = np.dtype(image.dtype)
    if dtype.kind not in "biuf":
        raise UserError(
            f"Intensities must be whole or real numbers. Received: {dtype} in {image.path}. "
            "Convert it, for complex numbers to their absolute values."
        )
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")


def _check_spacing(spacing_um: Sequence[float]) -> tuple[float, ...]:
    spacing = tuple(float(value) for value in spacing_um)
    if len(spacing) != 3 or not all(0 < value < math.inf for value in spacing):
        raise UserError(
            "The spacing must be three positive numbers, z, y, x, in µm. "
            f"Received: spacing_um={tuple(spacing_um)}. "
            "Pass for example spacing_um=(2.0, 0.26, 0.26)."
        )
    return spacing


def _choose_time_points(
    image: ImageFile, axes: str, chosen: range | tuple[int, int] | None
) -> range:
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
    """A range as it is, (first, last) as the range that holds both.

    Raises:
        UserError: it is empty or has steps.
    """
    if not isinstance(time_points, range):
        first, last = time_points
        time_points = range(first, last + 1)
    if time_points.stop <= time_points.start or time_points.step != 1:
        raise UserError(
            f"Time points must be consecutive. Received: time_points={time_points}. "
            "Pass (first, last) or range(first, last + 1)."
        )
    return time_points


def _name_channels(image: ImageFile, axes: str) -> tuple[str, ...]:
    count = image.size(axes, "c") * image.size(axes, "s")
    if len(image.channel_names) == count:
        return image.channel_names
    if "s" in axes and count in (3, 4):
        message = f"{image.path} is a colour image: its colours are read as channels 1 to {count}."
        warnings.warn(message, stacklevel=4)
        return ("red", "green", "blue", "alpha")[:count]
    return tuple(f"channel {number + 1}" for number in range(count))


def _make_reader(image: ImageFile, axes: str, dtype: np.dtype) -> Callable[[int, int], np.ndarray]:
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
                f"Every stack must be readable. Received: time point {time_point} of "
                f"{image.path}: {error}. "
                "The file is damaged or incomplete: copy or export it again."
            ) from error
        return np.array(stack.transpose(order).reshape(shape_zyx), dtype=dtype, order="C")

    return read_stack
