"""Rules about a movie and its annotations as a whole: do they belong together?"""

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.checks.problem import Problem, are_inside, make_problem


def check_basics(annotations: Annotations, movie: TimeLapse | None) -> Iterator[Problem]:
    """Positions, spacing, time points."""
    name, spacing_um = annotations.name, annotations.spacing_um
    if len(annotations) == 0:
        yield Problem("no_positions", f"{name!r} has no positions. Annotate it, or leave it out.")
    if spacing_um is None:
        known = f" The movie's is {movie.spacing_um}." if movie else ""
        text = f"{name!r} has no spacing. Set spacing_um (z, y, x).{known}"
        yield Problem("unknown_spacing", text)
    elif movie is not None and not np.allclose(spacing_um, movie.spacing_um, rtol=1e-3):
        yield Problem(
            "spacing_differs",
            f"The spacing of the annotations is {spacing_um} µm, that of the movie "
            f"{movie.spacing_um} µm (z, y, x). Correct the wrong one.",
        )
    times = annotations.annotated_time_points
    skipped = np.diff(times) - 1
    if skipped.any() and len(annotations.links):
        first = int(times[np.argmax(skipped > 0)]) + 1
        text = (
            f"Tracks are broken: {skipped.sum()} time points between the first and the last have "
            f"no position, the first of them {first}. Annotate them, or keep the parts before and "
            "after in files of their own."
        )
        yield Problem("time_point_without_annotation", text, "warning", first)
    for time_point in [] if movie is None else np.setdiff1d(times, movie.time_points).tolist():
        text = (
            f"Time point {time_point} is annotated but not in the movie, which has "
            f"{movie.time_points.start} to {movie.time_points.stop - 1}. Check where the counting "
            "starts, or pass all image files."
        )
        rows = tuple(annotations.rows_at(time_point).tolist())
        yield Problem("time_point_missing", text, time_point=time_point, rows=rows)


def check_place(annotations: Annotations, movie: TimeLapse) -> Iterator[Problem]:
    """Positions outside the movie, and why, if one reason explains them all."""
    outside = ~are_inside(annotations.positions, movie)
    if not outside.any():
        return
    everything = tuple(range(len(annotations)))
    for order in list(permutations(range(3)))[:0:-1]:  # x, y, z first: the commonest slip
        if are_inside(annotations.positions[:, order], movie).all():
            text = (
                f"{outside.sum()} positions lie outside the movie, but all fit if read in the "
                f"order {name_columns(order)} instead of z, y, x. Correct the order of the columns "
                "where the positions are read."
            )
            yield Problem("axes_swapped", text, rows=everything)
            return
    if are_inside(annotations.positions / movie.spacing_um, movie).all():
        text = (
            f"{outside.sum()} positions lie outside the movie, but all fit if they are µm instead "
            f"of voxels. Divide them by the spacing {movie.spacing_um} where they are read."
        )
        yield Problem("units_mixed_up", text, rows=everything)
        return
    shape = " × ".join(map(str, movie.shape_zyx))
    text = f"outside the movie of {shape} voxels. Move or delete it."
    for row in np.flatnonzero(outside):
        yield make_problem(annotations, "out_of_bounds", [row], text)


def name_columns(order: Sequence[int]) -> str:
    """What the columns of a table are, such as "x, y, z", of which `table[:, order]` is z, y, x."""
    return ", ".join("zyx"[axis] for axis in np.argsort(order))


def check_channels(movie: TimeLapse, channels: Sequence[int]) -> Iterator[Problem]:
    """Channels that the movie does not have, reported once for all time points."""
    count = len(movie.channel_names)
    wrong = [channel for channel in channels if not 1 <= channel <= count]
    if wrong or not len(channels):
        names = ", ".join(movie.channel_names)
        text = (
            f"The images were not looked at: channels={tuple(channels)}, but {movie.name!r} has "
            f"channels 1 to {count} ({names}). Choose those that show the nuclei."
        )
        yield Problem("wrong_channel", text)
