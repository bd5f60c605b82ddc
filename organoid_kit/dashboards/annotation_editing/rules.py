"""What may not be done to annotations: each function raises a UserError, or does nothing."""

from __future__ import annotations

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.checks.problem import are_inside, describe_place

SAME_PLACE = 0.01  # voxels; OrganoidTracker takes positions that agree to two decimals for one


def describe_position(annotations: Annotations, row: int) -> str:
    """A position in words."""
    place = describe_place(annotations.time_points[row], annotations.positions[row])
    return f"the position {place}"


def check_rows(annotations: Annotations, *rows: int) -> None:
    """Refuses rows there are not."""
    for row in rows:
        if not 0 <= row < len(annotations):
            raise UserError(
                f"A position must be one of the {len(annotations)} there are, counted from 0. "
                f"Received: row {row}. Choose one that is there."
            )


def check_inside(movie: TimeLapse | None, time_point: int, position: np.ndarray) -> None:
    """Refuses places outside the movie, and what are no places."""
    if position.shape != (3,) or not np.isfinite(position).all():
        raise UserError(
            "A position must be three numbers, z, y and x. "
            f"Received: {position.tolist()}. Choose a place in the image."
        )
    if movie is not None and time_point not in movie.time_points:
        first, last = movie.time_points.start, movie.time_points.stop - 1
        raise UserError(
            "A position must be at a time point of the movie. Received: time point "
            f"{time_point}; there are {first} to {last}. Choose one of these."
        )
    if movie is not None and not are_inside(position[None], movie).all():
        shape, place = " × ".join(map(str, movie.shape_zyx)), describe_place(time_point, position)
        raise UserError(
            f"A position must lie in the movie of {shape} voxels (z, y, x). "
            f"Received: the position {place}. Choose a place in the image."
        )


def check_free(
    annotations: Annotations, time_point: int, position: np.ndarray, but: int = -1
) -> None:
    """Refuses a place where another position is; `but` is the row of the one that moves."""
    rows = annotations.rows_at(time_point)
    same = (np.abs(annotations.positions[rows] - position) < SAME_PLACE).all(axis=1)
    if (same & (rows != but)).any():
        raise UserError(
            "A nucleus is annotated once. Received: the position "
            f"{describe_place(time_point, position)}, where one is already. "
            "Choose another place, or leave it as it is."
        )


def check_link(annotations: Annotations, earlier: int, later: int) -> None:
    """Refuses links that skip a time point, merge nuclei, or make a third daughter."""
    first, second = (describe_position(annotations, row) for row in (earlier, later))
    times, daughters = annotations.time_points, annotations.links_forward()[earlier]
    if times[later] - times[earlier] != 1:
        raise UserError(
            f"A link goes from one time point to the next. Received: {first} to time point "
            f"{times[later]}. Choose two positions at successive time points, the earlier one first."
        )
    if (annotations.links == (earlier, later)).all(axis=1).any():
        raise UserError(
            f"Two positions are linked once. Received: {first}, which has this link already. "
            "Leave it as it is."
        )
    if annotations.links_backward()[later]:
        raise UserError(
            f"A position comes from one position: nuclei do not merge. Received: {second}, "
            "which has a link from another one. Unlink that first."
        )
    if daughters >= 2:
        raise UserError(
            f"A nucleus divides into two. Received: {first}, which has {daughters} daughters "
            "already. Unlink one of them first."
        )


def find_link(annotations: Annotations, first: int, second: int) -> int:
    """The row of the link between two positions, in either direction; refuses where there is none."""
    found = (np.sort(annotations.links) == sorted((first, second))).all(axis=1)
    if not found.any():
        raise UserError(
            "Only what is linked can be unlinked. "
            f"Received: {describe_position(annotations, first)} and "
            f"{describe_position(annotations, second)}, without a link. Choose the two ends of one."
        )
    return int(np.argmax(found))


def check_family(annotations: Annotations, mother: int, daughters: tuple[int, int]) -> None:
    """Refuses families that are not one mother and two daughters."""
    if daughters[0] == daughters[1]:
        raise UserError(
            "A mother has two daughters. Received: "
            f"{describe_position(annotations, daughters[0])} twice. Choose the other daughter, too."
        )
    known = annotations.links[annotations.links[:, 0] == mother, 1].tolist()
    if not set(known) <= set(daughters):
        raise UserError(
            "A nucleus divides into two. Received: two daughters of "
            f"{describe_position(annotations, mother)}, which has a link to a third. "
            "Unlink that first."
        )
    if set(known) == set(daughters):
        raise UserError(
            f"A division is marked once. Received: {describe_position(annotations, mother)}, "
            "which divides into these two already. Leave it as it is."
        )
