"""Rules about positions and the links between them."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.checks.problem import (
    CheckLimits,
    Problem,
    are_within,
    compute_steps,
    make_problem,
    select_usable_rows,
)


def check_direction(annotations: Annotations) -> Iterator[Problem]:
    """Links that go backward or stay in one time point."""
    for link in annotations.links[compute_steps(annotations) <= 0]:
        text = (
            f"has a link to time point {annotations.time_points[link[1]]}: links must go forward. "
            "Turn or delete it."
        )
        yield make_problem(annotations, "link_not_forward", link, text)


def check_numbers(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Coordinates that are no numbers."""
    text = "has a coordinate that is no number. Place it again."
    for row in np.flatnonzero(~np.isfinite(annotations.positions).all(axis=1)):
        yield make_problem(annotations, "not_a_number", [row], text)


def check_duplicates(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Two positions on one nucleus."""
    for time_point in annotations.annotated_time_points if annotations.spacing_um else ():
        rows = select_usable_rows(annotations, time_point)
        points_um = annotations.positions_um[rows]
        for pair in sorted(KDTree(points_um).query_pairs(limits.duplicate_um)) if len(rows) else ():
            distance = np.linalg.norm(points_um[pair[0]] - points_um[pair[1]])
            text = (
                f"is only {distance:.1f} µm from another one. If both mark the same nucleus, "
                "delete one."
            )
            yield make_problem(annotations, "duplicate_position", rows[list(pair)], text)


def check_gaps(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Links that skip a time point at which other nuclei are annotated."""
    times = annotations.annotated_time_points
    first, last = annotations.time_points[annotations.links].T
    skipped = np.searchsorted(times, last) - np.searchsorted(times, first) > 1
    for link in annotations.links[skipped]:
        to = annotations.time_points[link[1]]
        text = f"has a link to time point {to}. Annotate the nucleus in between."
        yield make_problem(annotations, "link_skips_time_point", link, text)


def check_jumps(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Links much longer than the others; divisions aside, they have rules of their own."""
    if annotations.spacing_um is None:
        return
    alone = annotations.links_forward()[annotations.links[:, 0]] == 1
    links = annotations.links[alone & (compute_steps(annotations) == 1)]
    lengths = np.linalg.norm(np.diff(annotations.positions_um[links], axis=1), axis=(1, 2))
    known = lengths[np.isfinite(lengths)]
    usual = np.median(known) if len(known) else 0.0
    spread = 1.4826 * np.median(np.abs(known - usual)) if len(known) else 0.0
    too_long = lengths > max(limits.jump_um, usual + 8 * spread)
    for link, length in zip(links[too_long], lengths[too_long]):
        text = (
            f"moves {length:.1f} µm to the next time point; {usual:.1f} µm is usual. Link it to "
            "the right nucleus, or move the one of the two that lies beside its nucleus."
        )
        yield make_problem(annotations, "link_too_long", link, text, "warning")


def check_divisions(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Divisions into more than two."""
    daughters = annotations.links_forward()
    for row in np.flatnonzero(daughters > 2):
        text = (
            f"divides into {daughters[row]}. A nucleus has two daughters: delete the wrong links."
        )
        yield make_problem(annotations, "division_not_in_two", [row], text)


def check_daughters(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Daughters that have flown apart."""
    if annotations.spacing_um is None:
        return
    positions_um = annotations.positions_um
    for mother in np.flatnonzero(annotations.links_forward() == 2):
        daughters = annotations.links[annotations.links[:, 0] == mother, 1]
        distance = np.linalg.norm(np.diff(positions_um[daughters], axis=0))
        if distance > limits.daughters_um:
            text = (
                f"divides into daughters {distance:.1f} µm apart. Link it to the right daughters."
            )
            yield make_problem(annotations, "daughters_too_far_apart", [mother], text, "warning")


def check_merges(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Tracks that become one."""
    for row in annotations.merges():
        text = (
            f"has links from {annotations.links_backward()[row]} positions: nuclei do not merge. "
            "Delete the wrong link."
        )
        yield make_problem(annotations, "merge", [row], text)


def check_isolated(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Positions without any link, where others have links."""
    if len(annotations.links) == 0:
        return
    times, annotated = annotations.time_points, annotations.annotated_time_points
    alone = annotations.links_forward() + annotations.links_backward() == 0
    beside = np.isin(times - 1, annotated) | np.isin(times + 1, annotated)
    text = (
        "has no link. Link it to the time points before and after, or delete it if there is no "
        "nucleus."
    )
    for row in np.flatnonzero(alone & beside):
        yield make_problem(annotations, "isolated_position", [row], text, "warning")


RULES = (
    *(check_numbers, check_duplicates, check_gaps, check_jumps),
    *(check_divisions, check_daughters, check_merges, check_isolated),
)


def check_track_ends(
    annotations: Annotations, movie: TimeLapse | None, limits: CheckLimits
) -> Iterator[Problem]:
    """Tracks that begin or end far from the border, though the time point beyond is annotated."""
    forward, backward = annotations.links_forward(), annotations.links_backward()
    inside = (forward + backward > 0) & _are_far_from_border(annotations, movie, limits.border_um)
    times = annotations.annotated_time_points
    times = times if movie is None else times[np.isin(times, movie.time_points)]
    begins = ("begins_inside", backward, -1, "starting", "begins a track. Link it to where it was")
    ends = ("ends_inside", forward, 1, "ending", "ends a track. Link it to where it went")
    for rule, links, step, marker, text in (begins, ends):
        unexplained = np.equal(annotations.properties.get(marker, np.full(len(inside), None)), None)
        followed = np.isin(annotations.time_points + step, times)
        for row in np.flatnonzero(inside & followed & (links == 0) & unexplained.astype(bool)):
            when = annotations.time_points[row] + step
            advice = f"{text} at time point {when}, or say why in its {marker!r} property."
            yield make_problem(annotations, f"track_{rule}", [row], advice, "warning")


def _are_far_from_border(
    annotations: Annotations, movie: TimeLapse | None, border_um: float
) -> np.ndarray:
    """Which positions are farther than this from where annotation ends, (n,) bool."""
    if annotations.spacing_um is None or len(annotations) == 0:
        return np.zeros(len(annotations), dtype=bool)
    if annotations.region is not None:
        region = annotations.region
    elif movie is not None:
        region = np.stack([np.zeros(3), np.array(movie.shape_zyx) - 1.0])
    else:
        usable = annotations.positions[np.isfinite(annotations.positions).all(axis=1)]
        low, high = usable.min(axis=0, initial=np.inf), usable.max(axis=0, initial=-np.inf)
        region = np.stack([low, high])
    return are_within(annotations.positions, region, annotations.spacing_um, border_um)
