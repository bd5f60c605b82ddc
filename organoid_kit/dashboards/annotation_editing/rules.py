"""What may not be done to annotations: each function raises a UserError, or does nothing."""

from __future__ import annotations

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.checks.problem import are_inside, describe_place

SAME_PLACE = 0.01  # voxels; OrganoidTracker takes positions that agree to two decimals for one


def describe_position(annotations: Annotations, row: int) -> str:
    """A position in words."""
    return (
        f"the position {describe_place(annotations.time_points[row], annotations.positions[row])}"
    )


def check_row(annotations: Annotations, row: int) -> None:
    """Refuses rows there are not."""
    if not 0 <= row < len(annotations):
        raise UserError(
            f"A position must be one of the {len(annotations)} there are, counted from 0. Received: row {row}. "
            "Choose one that is there."
        )


def check_inside(movie: TimeLapse | None, time_point: int, position: np.ndarray) -> None:
    """Refuses places outside the movie, and what are no places."""
    if position.shape != (3,) or not np.isfinite(position).all():
        raise UserError(
            f"A position must be three numbers, z, y and x. Received: {position.tolist()}. Choose a place in the image."
        )
    if movie is None:
        return
    if time_point not in movie.time_points:
        raise UserError(
            f"A position must be at a time point of the movie. Received: time point {time_point}; there are "
            f"{movie.time_points.start} to {movie.time_points.stop - 1}. Choose one of these."
        )
    if not are_inside(position[None], movie).all():
        shape = " × ".join(map(str, movie.shape_zyx))
        raise UserError(
            f"A position must lie in the movie of {shape} voxels (z, y, x). Received: "
            f"the position {describe_place(time_point, position)}. Choose a place in the image."
        )


def check_free(
    annotations: Annotations, time_point: int, position: np.ndarray, but: int = -1
) -> None:
    """Refuses a place where another position is; `but` is the row of the one that moves."""
    rows = annotations.rows_at(time_point)
    there = (np.abs(annotations.positions[rows] - position) < SAME_PLACE).all(axis=1) & (
        rows != but
    )
    if there.any():
        raise UserError(
            f"A nucleus is annotated once. Received: the position {describe_place(time_point, position)}, where one is "
            "already. Choose another place, or leave it as it is."
        )


def check_link(annotations: Annotations, earlier: int, later: int) -> None:
    """Refuses links that do not go to the next time point, and what is neither a life nor a
    division.
    """
    step = annotations.time_points[later] - annotations.time_points[earlier]
    if step != 1:
        raise UserError(
            f"A link goes from one time point to the next. Received: {describe_position(annotations, earlier)} to time "
            f"point {annotations.time_points[later]}. Choose two positions at successive time points, the earlier "
            "one first."
        )
    if (annotations.links == (earlier, later)).all(axis=1).any():
        raise UserError(
            f"Two positions are linked once. Received: {describe_position(annotations, earlier)}, which has this link "
            "already. Leave it as it is."
        )
    if annotations.links_backward()[later]:
        raise UserError(
            f"A position comes from one position: nuclei do not merge. Received: {describe_position(annotations, later)}, "
            "which has a link from another one. Unlink that first."
        )
    if annotations.links_forward()[earlier] >= 2:
        raise UserError(
            f"A nucleus divides into two. Received: {describe_position(annotations, earlier)}, which has "
            f"{annotations.links_forward()[earlier]} daughters already. Unlink one of them first."
        )


def find_link(annotations: Annotations, one: int, other: int) -> int:
    """The row of the link between two positions, in either direction. Raises UserError where there
    is none.
    """
    found = (annotations.links == (one, other)).all(axis=1) | (
        annotations.links == (other, one)
    ).all(axis=1)
    if not found.any():
        raise UserError(
            f"Only what is linked can be unlinked. Received: {describe_position(annotations, one)} and "
            f"{describe_position(annotations, other)}, without a link. Choose the two ends of one."
        )
    return int(np.argmax(found))


def check_family(annotations: Annotations, mother: int, daughters: tuple[int, int]) -> None:
    """Refuses families that are not one mother and two daughters."""
    others = annotations.links[annotations.links[:, 0] == mother, 1]
    if daughters[0] == daughters[1]:
        raise UserError(
            f"A mother has two daughters. Received: {describe_position(annotations, daughters[0])} twice. "
            "Choose the other daughter, too."
        )
    if not set(others.tolist()) <= set(daughters):
        raise UserError(
            f"A nucleus divides into two. Received: two daughters of {describe_position(annotations, mother)}, which has a "
            "link to a third. Unlink that first."
        )
