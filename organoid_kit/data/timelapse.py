"""A movie that is read one stack at a time, whatever file it lies in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from organoid_kit.base import UserError


@dataclass(frozen=True)
class TimeLapse:
    """A movie with axes (t, c, z, y, x). Nothing is read before `stack` is called.

    Attributes:
        time_points: the time points there are, counted as the files count them.
        shape_zyx: planes, rows and columns of every stack; a 2D movie has one plane.
        channel_names: one for each channel.
        dtype: of the stored intensities.
        spacing_um: µm per voxel, zyx.
        read_stack: (time point, channel index from 0) → (z, y, x) array.
        path: where it was read from, or None for a movie made in memory.
    """

    name: str
    time_points: range
    shape_zyx: tuple[int, int, int]
    channel_names: tuple[str, ...]
    dtype: np.dtype
    spacing_um: tuple[float, float, float]
    read_stack: Callable[[int, int], np.ndarray]
    minutes_per_time_point: float | None = None
    path: Path | None = None

    def __str__(self) -> str:
        z, y, x = self.shape_zyx
        spacing = " × ".join(f"{value:g}" for value in self.spacing_um)
        return (
            f"{self.name}: {len(self.time_points)} time points × {len(self.channel_names)} channels"
            f" × {z} planes (z) × {y} rows (y) × {x} columns (x), {self.dtype}, "
            f"{spacing} µm per voxel (z, y, x)"
        )

    def stack(self, time_point: int, channels: Sequence[int] = (1,)) -> np.ndarray:
        """One stack, (z, y, x).

        Args:
            time_point: as the movie counts them.
            channels: counted from 1. One channel comes as it is stored; several are summed as
                float32, so that a sum never overflows.

        Raises:
            UserError: the movie lacks this time point or channel, or no channel is asked for.
        """
        if time_point not in self.time_points:
            raise UserError(
                f"The time point must be one of the movie's. Received: {time_point}; {self.name!r} "
                f"has time points {self.time_points.start} to {self.time_points.stop - 1}."
            )
        if len(channels) == 0:
            raise UserError(
                "At least one channel must be chosen. Received: channels=(). "
                "Pass channels=(1,) for the first."
            )
        for channel in channels:
            if not 1 <= channel <= len(self.channel_names):
                raise UserError(
                    f"Channels are counted from 1. Received: channel {channel}; {self.name!r} has "
                    f"channels 1 to {len(self.channel_names)} ({', '.join(self.channel_names)})."
                )
        if len(channels) == 1:
            return self.read_stack(time_point, channels[0] - 1)
        total = np.zeros(self.shape_zyx, dtype=np.float32)
        for channel in channels:
            total += self.read_stack(time_point, channel - 1)
        return total


def make_timelapse(
    images: np.ndarray,
    spacing_um: tuple[float, float, float],
    *,
    name: str = "movie",
    channel_names: Sequence[str] | None = None,
    first_time_point: int = 0,
    minutes_per_time_point: float | None = None,
) -> TimeLapse:
    """A movie from an array in memory, (t, c, z, y, x)."""
    if images.ndim != 5:
        raise UserError(
            "A movie must have five axes: t, c, z, y, x. Received: "
            f"{images.ndim} axes, shape {images.shape}. Add axes of length one with images[None]."
        )
    names = tuple(channel_names or (f"channel {number + 1}" for number in range(images.shape[1])))
    if len(names) != images.shape[1]:
        raise UserError(
            f"Every channel must have one name. Received: {len(names)} names for {images.shape[1]} "
            "channels. Pass as many channel_names as the second axis is long."
        )
    return TimeLapse(
        name=name,
        time_points=range(first_time_point, first_time_point + len(images)),
        shape_zyx=images.shape[2:],
        channel_names=names,
        dtype=images.dtype,
        spacing_um=tuple(spacing_um),
        read_stack=lambda time_point, channel: images[time_point - first_time_point, channel],
        minutes_per_time_point=minutes_per_time_point,
    )
