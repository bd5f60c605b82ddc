"""What may not be done to annotations: each function raises a UserError, or does nothing."""

import numpy as np

from organoid_kit.base import refuse_if
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.checks.problem import are_inside, describe_place

SAME_PLACE = 0.01  # voxels; OrganoidTracker takes positions no farther apart for one


def describe_position(annotations: Annotations, row: int) -> str:
    """A position in words."""
    place = describe_place(annotations.time_points[row], annotations.positions[row])
    return f"the position {place}"


def check_rows(annotations: Annotations, *rows: int) -> None:
    """Refuses rows there are not."""
    for row in rows:
        refuse_if(not 0 <= row < len(annotations), "row", row=row, count=len(annotations))


def check_place(
    annotations: Annotations, movie: TimeLapse, time_point: int, position: np.ndarray, but: int = -1
) -> None:
    """Refuses what is no place in the movie, or taken; `but` is the row of the one that moves."""
    is_place = position.shape == (3,) and np.isfinite(position).all()
    refuse_if(not is_place, "numbers", place=position.tolist())
    place, shape = describe_place(time_point, position), " × ".join(map(str, movie.shape_zyx))
    times = {"first": movie.time_points.start, "last": movie.time_points.stop - 1}
    is_unknown = time_point not in movie.time_points
    refuse_if(is_unknown, "time point", time_point=time_point, **times)
    refuse_if(not are_inside(position[None], movie).all(), "inside", shape=shape, place=place)
    rows = annotations.rows_at(time_point)
    same = (np.abs(annotations.positions[rows] - position) < SAME_PLACE).all(axis=1)
    refuse_if((same & (rows != but)).any(), "free", place=place)


def check_link(annotations: Annotations, earlier: int, later: int) -> None:
    """Refuses links that skip a time point, merge nuclei, or make a third daughter."""
    first, second = (describe_position(annotations, row) for row in (earlier, later))
    times, daughters = annotations.time_points, annotations.links_forward()[earlier]
    refuse_if(times[later] - times[earlier] != 1, "next", first=first, time_point=times[later])
    refuse_if((annotations.links == (earlier, later)).all(axis=1).any(), "once", first=first)
    refuse_if(annotations.links_backward()[later] > 0, "merge", second=second)
    refuse_if(daughters >= 2, "two", first=first, daughters=daughters)


def find_link(annotations: Annotations, first: int, second: int) -> int:
    """The row of the link between two positions, in either direction; refuses if there is none."""
    found = (np.sort(annotations.links) == sorted((first, second))).all(axis=1)
    ends = [describe_position(annotations, row) for row in (first, second)]
    refuse_if(not found.any(), "linked", first=ends[0], second=ends[1])
    return int(np.argmax(found))


def check_family(annotations: Annotations, mother: int, daughters: tuple[int, int]) -> None:
    """Refuses families that are not one mother and two daughters."""
    known = set(annotations.links[annotations.links[:, 0] == mother, 1].tolist())
    twin, mother = (describe_position(annotations, row) for row in (daughters[0], mother))
    refuse_if(daughters[0] == daughters[1], "twins", daughter=twin)
    refuse_if(not known <= set(daughters), "third", mother=mother)
    refuse_if(known == set(daughters), "marked", mother=mother)
