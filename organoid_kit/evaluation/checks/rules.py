"""Rules about annotations as a whole, their positions and links; and all rules, one by one."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.checks.problem import (
    CheckLimits,
    Problem,
    are_inside,
    are_within,
    check_time_point,
    make_problem,
    place_problem,
    select_usable_rows,
)

_FEW_OUTSIDE = 0.1  # part of the positions: so few lie outside the movie by themselves


def check_annotations(
    annotations: Annotations,
    movie: TimeLapse | None = None,
    *,
    channels: Sequence[int] = (1,),
    time_points: Sequence[int] | None = None,
    limits: CheckLimits | None = None,
) -> list[Problem]:
    """Everything that looks wrong, whole-movie problems first. Never raises on data.

    Without a movie, no images are looked at; with it, those of the `time_points`, or else of all
    annotated ones. The channels, from 1, are those that show nuclei; several are summed. Where
    neither limits nor a size are stated, images are judged by the width of the annotated nuclei.
    """
    limits = limits or CheckLimits.of(movie)
    problems = list(check_image_axes(annotations, movie))
    problems += [*check_basics(annotations, movie), *check_place(annotations, movie)]
    problems += check_direction(annotations)
    # links turned forward, those within a time point left out, so that other rules are fair
    steps, links = _compute_steps(annotations), annotations.links
    links = np.where(steps[:, None] < 0, links[:, ::-1], links)[steps != 0]
    places = np.where(np.isfinite(annotations.positions), annotations.positions, np.nan)
    turned = dataclasses.replace(annotations, positions=places, links=links, link_properties={})
    facing_forward = turned.with_spacing(movie.spacing_um if movie else None)
    for rule in RULES:
        problems += rule(facing_forward, limits)
    problems += check_track_ends(facing_forward, movie, limits)
    if movie is not None:
        puzzling = {"image_axes_swapped", "axes_swapped", "units_mixed_up", "spacing_differs"}
        comparable = not puzzling & {problem.rule for problem in problems}
        wrong_channels = list(check_channels(movie, channels))
        problems += wrong_channels
        times = annotations.annotated_time_points if time_points is None else time_points
        misread = any(problem.rule == "image_axes_swapped" for problem in problems)
        times = [] if wrong_channels or misread else np.intersect1d(times, movie.time_points)
        for time in np.asarray(times, dtype=int).tolist():
            given = (movie, time, channels, limits, comparable)
            problems += check_time_point(facing_forward, *given)
    # positions that all have a problem already are left out: the next is mostly its consequence
    kept, reported = [], set()
    for problem in problems:
        if not problem.rows or not reported.issuperset(problem.rows):
            kept.append(problem)
        reported.update(problem.rows)
    return kept


# Movie and annotations: do they belong together?
def check_basics(annotations: Annotations, movie: TimeLapse | None) -> Iterator[Problem]:
    """Positions, spacing, time points."""
    name, spacing_um = annotations.name, annotations.spacing_um
    if len(annotations) == 0:
        yield make_problem("no_positions", name=name)
    if spacing_um is None:
        known = f" The movie's is {movie.spacing_um}." if movie else ""
        yield make_problem("unknown_spacing", name=name, known=known)
    elif movie is not None and not np.allclose(spacing_um, movie.spacing_um, rtol=1e-3):
        yield make_problem("spacing_differs", own=spacing_um, movie=movie.spacing_um)
    times = annotations.annotated_time_points
    skipped = np.diff(times) - 1
    if skipped.any() and len(annotations.links):
        first = int(times[np.argmax(skipped > 0)]) + 1
        rule, number = "time_point_without_annotation", skipped.sum()
        yield make_problem(rule, time_point=first, number=number)
    for time_point in [] if movie is None else np.setdiff1d(times, movie.time_points).tolist():
        there = f"{movie.time_points.start} to {movie.time_points.stop - 1}"
        rows = annotations.rows_at(time_point).tolist()
        yield make_problem("time_point_missing", time_point=time_point, rows=rows, there=there)


def check_image_axes(annotations: Annotations, movie: TimeLapse | None) -> Iterator[Problem]:
    """Time points that were read as planes or channels, if that explains what does not fit."""
    if movie is None or len(annotations) == 0:
        return
    times, planes, channels = len(movie.time_points), movie.shape_zyx[0], len(movie.channel_names)
    time_points = annotations.time_points - movie.time_points.start
    heights = np.nan_to_num(annotations.positions[:, 0])

    def count_outside(times: int, planes: int) -> int:
        return np.count_nonzero((time_points >= times) | (heights > planes - 0.5))

    if count_outside(times, planes) <= _FEW_OUTSIDE * len(annotations):
        return
    values = {"times": times, "planes": planes, "channels": channels}
    values["last"] = last = int(time_points.max()) + 1
    reading = ""
    if times > 1 and not count_outside(planes, times):
        reading = "planes"
    elif times == 1 < channels and not count_outside(channels, planes):
        reading = "channels"
    elif times == 1 and planes % last == 0 and last > 1:
        reading = "stacks"
    if reading:
        rows = range(len(annotations))
        yield make_problem(f"image_axes_swapped ({reading})", rows=rows, **values)


def check_place(annotations: Annotations, movie: TimeLapse | None) -> Iterator[Problem]:
    """Positions outside the movie, and why, if one reason explains them all."""
    positions = annotations.positions
    outside = [] if movie is None else np.flatnonzero(~are_inside(positions, movie))
    if len(outside) == 0:
        return
    everything, number = range(len(positions)), len(outside)
    for order in list(permutations(range(3)))[:0:-1]:  # x, y, z first: the commonest slip
        if are_inside(positions[:, order], movie).all():
            columns = name_columns(order)
            yield make_problem("axes_swapped", rows=everything, number=number, order=columns)
            return
    if are_inside(positions / movie.spacing_um, movie).all():
        values = {"number": number, "spacing": movie.spacing_um}
        yield make_problem("units_mixed_up", rows=everything, **values)
        return
    shape = " × ".join(map(str, movie.shape_zyx))
    for row in outside:
        yield place_problem(annotations, "out_of_bounds", [row], shape=shape)


def name_columns(order: Sequence[int]) -> str:
    """What the columns of a table are, such as "x, y, z", of which `table[:, order]` is z, y, x."""
    return ", ".join("zyx"[axis] for axis in np.argsort(order))


def check_channels(movie: TimeLapse, channels: Sequence[int]) -> Iterator[Problem]:
    """Channels that the movie does not have, reported once for all time points."""
    names = movie.channel_names
    if not len(channels) or not all(1 <= channel <= len(names) for channel in channels):
        known = {"name": movie.name, "number": len(names), "names": ", ".join(names)}
        yield make_problem("wrong_channel", channels=tuple(channels), **known)


# Positions and links
def _compute_steps(annotations: Annotations) -> np.ndarray:
    """Time points each link goes forward, (m,) int."""
    return np.diff(annotations.time_points[annotations.links], axis=1)[:, 0]


def check_direction(annotations: Annotations) -> Iterator[Problem]:
    """Links that go backward or stay in one time point."""
    for link in annotations.links[_compute_steps(annotations) <= 0]:
        to = annotations.time_points[link[1]]
        yield place_problem(annotations, "link_not_forward", link, to=to)


def check_numbers(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Coordinates that are no numbers."""
    for row in np.flatnonzero(~np.isfinite(annotations.positions).all(axis=1)):
        yield place_problem(annotations, "not_a_number", [row])


def check_duplicates(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Two positions on one nucleus."""
    for time_point in annotations.annotated_time_points if annotations.spacing_um else ():
        rows = select_usable_rows(annotations, time_point)
        points_um = annotations.positions_um[rows]
        for pair in sorted(KDTree(points_um).query_pairs(limits.duplicate_um)) if len(rows) else ():
            apart = np.linalg.norm(points_um[pair[0]] - points_um[pair[1]])
            yield place_problem(annotations, "duplicate_position", rows[list(pair)], apart=apart)


def check_gaps(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Links that skip a time point at which other nuclei are annotated."""
    times = annotations.annotated_time_points
    first, last = annotations.time_points[annotations.links].T
    skipped = np.searchsorted(times, last) - np.searchsorted(times, first) > 1
    for link in annotations.links[skipped]:
        to = annotations.time_points[link[1]]
        yield place_problem(annotations, "link_skips_time_point", link, to=to)


def check_jumps(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Links much longer than the others; divisions aside, they have rules of their own."""
    if annotations.spacing_um is None:
        return
    alone = annotations.links_forward()[annotations.links[:, 0]] == 1
    links = annotations.links[alone & (_compute_steps(annotations) == 1)]
    lengths = np.linalg.norm(np.diff(annotations.positions_um[links], axis=1), axis=(1, 2))
    known = lengths[np.isfinite(lengths)]
    usual = np.median(known) if len(known) else 0.0
    spread = 1.4826 * np.median(np.abs(known - usual)) if len(known) else 0.0
    too_long = lengths > max(limits.jump_um, usual + 8 * spread)
    for link, moved in zip(links[too_long], lengths[too_long]):
        yield place_problem(annotations, "link_too_long", link, moved=moved, usual=usual)


def check_divisions(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Divisions into more than two, or into daughters that have flown apart."""
    counts = annotations.links_forward()
    for row in np.flatnonzero(counts > 2):
        yield place_problem(annotations, "division_not_in_two", [row], number=counts[row])
    for mother in np.flatnonzero(counts == 2) if annotations.spacing_um else ():
        daughters = annotations.links[annotations.links[:, 0] == mother, 1]
        apart = np.linalg.norm(np.diff(annotations.positions_um[daughters], axis=0))
        if apart > limits.daughters_um:
            yield place_problem(annotations, "daughters_too_far_apart", [mother], apart=apart)


def check_merges(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Tracks that become one."""
    merges = annotations.merges()
    for row, number in zip(merges, annotations.links_backward()[merges]):
        yield place_problem(annotations, "merge", [row], number=number)


def check_isolated(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Positions without any link, where others have links."""
    if len(annotations.links) == 0:
        return
    times, annotated = annotations.time_points, annotations.annotated_time_points
    alone = annotations.links_forward() + annotations.links_backward() == 0
    beside = np.isin(times - 1, annotated) | np.isin(times + 1, annotated)
    for row in np.flatnonzero(alone & beside):
        yield place_problem(annotations, "isolated_position", [row])


RULES = (
    *(check_numbers, check_duplicates, check_gaps, check_jumps),
    *(check_divisions, check_merges, check_isolated),
)


def check_track_ends(
    annotations: Annotations, movie: TimeLapse | None, limits: CheckLimits
) -> Iterator[Problem]:
    """Tracks that begin or end far from the border, though the time point beyond is annotated."""
    forward, backward = annotations.links_forward(), annotations.links_backward()
    inside = (forward + backward > 0) & _are_far_from_border(annotations, movie, limits.border_um)
    times = annotations.annotated_time_points
    times = times if movie is None else times[np.isin(times, movie.time_points)]
    begins = ("track_begins_inside", backward, -1, "starting")
    for rule, links, step, marker in (begins, ("track_ends_inside", forward, 1, "ending")):
        unexplained = np.equal(annotations.properties.get(marker, np.full(len(inside), None)), None)
        followed = np.isin(annotations.time_points + step, times)
        for row in np.flatnonzero(inside & followed & (links == 0) & unexplained.astype(bool)):
            yield place_problem(annotations, rule, [row], other=annotations.time_points[row] + step)


def _are_far_from_border(
    annotations: Annotations, movie: TimeLapse | None, border_um: float
) -> np.ndarray:
    """Which positions are farther than this from where annotation ends, (n,) bool."""
    positions, region = annotations.positions, annotations.region
    is_scattered = annotations.known_um is not None  # whoever annotated may begin and end anywhere
    if annotations.spacing_um is None or is_scattered or len(positions) == 0:
        return np.zeros(len(positions), dtype=bool)
    if region is None and movie is not None:
        region = np.stack([np.zeros(3), np.array(movie.shape_zyx) - 1.0])
    elif region is None:
        usable = positions[np.isfinite(positions).all(axis=1)]
        region = usable.min(axis=0, initial=np.inf), usable.max(axis=0, initial=-np.inf)
    return are_within(positions, region, annotations.spacing_um, border_um)
