"""Rules about a movie and its annotations as a whole: do they belong together?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.checks.problem import Problem, are_inside, make_problem


def check_basics(annotations: Annotations, movie: TimeLapse | None) -> Iterator[Problem]:
    """Positions, spacing, time points."""
    if len(annotations) == 0:
        yield Problem(
            "no_positions", f"{annotations.name!r} has no positions. Annotate it, or leave it out."
        )
    if annotations.spacing_um is None:
        known = f" The movie's is {movie.spacing_um}." if movie else ""
        yield Problem(
            "unknown_spacing",
            f"{annotations.name!r} has no spacing. Set spacing_um (z, y, x).{known}",
        )
    elif movie is not None and not np.allclose(annotations.spacing_um, movie.spacing_um, rtol=1e-3):
        yield Problem(
            "spacing_differs",
            f"The spacing of the annotations is {annotations.spacing_um} µm, that of the movie {movie.spacing_um} µm "
            "(z, y, x). Correct the wrong one.",
        )
    times = annotations.annotated_time_points
    steps = np.diff(times)
    if (steps > 1).any() and len(annotations.links):
        first = int(times[np.argmax(steps > 1)]) + 1
        yield Problem(
            "time_point_without_annotation",
            f"Tracks are broken: {(steps - 1).sum()} time points between the first and the last have no position, the "
            f"first of them {first}. Annotate them, or keep the parts before and after in files of their own.",
            "warning",
            first,
        )
    for time_point in [] if movie is None else np.setdiff1d(times, movie.time_points):
        yield Problem(
            "time_point_missing",
            f"Time point {time_point} is annotated but not in the movie, which has {movie.time_points.start} to "
            f"{movie.time_points.stop - 1}. Check where the counting starts, or pass all image files.",
            time_point=int(time_point),
            rows=tuple(annotations.rows_at(time_point).tolist()),
        )


def check_place(annotations: Annotations, movie: TimeLapse) -> Iterator[Problem]:
    """Positions outside the movie, and why, if one reason explains them all."""
    inside = are_inside(annotations.positions, movie)
    if inside.all():
        return
    everything = {"rows": tuple(range(len(annotations))), "position": None}
    if (order := _find_swapped_axes(annotations, movie)) is not None:
        yield Problem(
            "axes_swapped",
            f"{(~inside).sum()} positions lie outside the movie, but all fit if read in the order {order} instead of "
            "z, y, x. Correct the order of the columns where the positions are read.",
            **everything,
        )
    elif are_inside(annotations.positions / movie.spacing_um, movie).all():
        yield Problem(
            "units_mixed_up",
            f"{(~inside).sum()} positions lie outside the movie, but all fit if they are µm instead of voxels. "
            f"Divide them by the spacing {movie.spacing_um} where they are read.",
            **everything,
        )
    else:
        shape = " × ".join(map(str, movie.shape_zyx))
        for row in np.flatnonzero(~inside):
            yield make_problem(
                annotations,
                "out_of_bounds",
                [row],
                f"outside the movie of {shape} voxels. Move or delete it.",
            )


def _find_swapped_axes(annotations: Annotations, movie: TimeLapse) -> str | None:
    """The order of axes in which all positions fit the movie, such as "x, y, z", or None."""
    for order in list(permutations(range(3)))[:0:-1]:  # x, y, z first: the commonest slip
        if are_inside(annotations.positions[:, order], movie).all():
            return name_columns(order)
    return None


def name_columns(order: Sequence[int]) -> str:
    """What the columns of a table are, such as "x, y, z", of which `table[:, order]` is z, y, x."""
    return ", ".join("zyx"[axis] for axis in np.argsort(order))


def check_channels(movie: TimeLapse, channels: Sequence[int]) -> Iterator[Problem]:
    """Channels that the movie does not have, reported once for all time points."""
    count = len(movie.channel_names)
    wrong = [channel for channel in channels if not 1 <= channel <= count]
    if wrong or not len(channels):
        names = ", ".join(movie.channel_names)
        yield Problem(
            "wrong_channel",
            f"The images were not looked at: channels={tuple(channels)}, but {movie.name!r} has channels 1 to {count} "
            f"({names}). Choose those that show the nuclei.",
        )
