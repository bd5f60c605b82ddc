"""Exercises and questions of notebook 02: distances, double marks, tables of other programs, and
the cuboid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from organoid_kit.course.lessons.exercise import Exercise, find_slip, match_numbers, run_answer
from organoid_kit.course.lessons.question import Question
from organoid_kit.data.annotations import Annotations

_SPACING_UM = (2.0, 0.5, 0.4)
_FIRST, _SECOND = np.array([3.0, 10.0, 20.0]), np.array([5.0, 16.0, 12.0])

# ---- questions ------------------------------------------------------------------------------------------------------

how_many_problems = Question(
    text="We make two mistakes: one position is deleted, and another nucleus is marked twice. How many new problems "
    "will the check report?",
    choices={"a": "exactly two", "b": "more than two", "c": "none: two are too few to be noticed"},
    right="b",
    because={
        "a": "A position has links to the time points before and after. What becomes of these? Run the cell and count.",
        "b": "With a position its links go too, and both neighbours in time lose their partner.",
        "c": "Each rule looks at each position. One wrong position is enough.",
    },
)

swapped_axes = Question(
    text="All positions are written as x, y, z, where the kit expects z, y, x. What will the check say?",
    choices={
        "a": "one problem for each position",
        "b": "one problem for all, with its reason",
        "c": "nothing, as all positions are still there",
    },
    right="b",
    because={
        "a": "It could. But hundreds of messages with one cause help nobody, and the kit looks for the cause.",
        "b": "Most positions would lie outside of the movie, and inside if the axes are turned round. It tells you so.",
        "c": "The movie has far fewer planes than columns. Where would a position with z = 100 be?",
    },
)

scattered_marks = Question(
    text="You mark ten nuclei, spread over the whole organoid, and leave the others between them unmarked. What does a "
    "network learn from this time point?",
    choices={
        "a": "ten good examples: few, but right",
        "b": "that most nuclei are no nuclei",
        "c": "nothing, it is left out",
    },
    right="b",
    because={
        "a": "The ten are right. But what does the network take the unmarked nuclei between them for?",
        "b": "Inside the cuboid around your marks, what has no mark counts as background.",
        "c": "It has marks, so it is used: the cuboid around them.",
    },
)

two_hours = Question(
    text="You have two hours. Do you annotate one movie completely, or a small cuboid in each of four movies?",
    choices={
        "a": "one movie, completely",
        "b": "a cuboid in each of four movies",
        "c": "it makes no difference",
    },
    right="b",
    because={
        "a": "Neighbouring time points look alike: the hundredth teaches little that the first ten did not.",
        "b": "Another movie teaches more, and only a movie that was not trained on tells how good the network is.",
        "c": "The number of positions may be the same. But are they equally different from each other?",
    },
)


# ---- a distance in µm -----------------------------------------------------------------------------------------------


def _judge_distance(find_distance_um: Callable) -> str | None:
    distance = run_answer(find_distance_um, _FIRST, _SECOND, _SPACING_UM)
    steps, spacing = _SECOND - _FIRST, np.array(_SPACING_UM)
    if np.shape(distance):
        return "A distance is one number. Yours has three: square them, add them up, and take the root."
    slips = (
        (
            np.linalg.norm(steps),
            "This is the distance in voxels. Multiply each axis by its spacing_um first.",
        ),
        (
            np.linalg.norm(steps * spacing[::-1]),
            "The spacing of z and that of x are swapped: both are z, y, x.",
        ),
        (
            np.linalg.norm(steps / spacing),
            "You divided by the spacing. A voxel measures spacing_um, so multiply.",
        ),
        (
            ((steps * spacing) ** 2).sum(),
            "This is the square of the distance. Take the root: `** 0.5`.",
        ),
        (
            np.abs(steps * spacing).sum(),
            "You added the three ways up. The straight line is shorter: Pythagoras.",
        ),
        (
            np.sum(steps * spacing),
            "You added the three ways up. Square them first, and take the root at the end.",
        ),
    )
    if match_numbers(distance, np.linalg.norm(steps * spacing), 1e-3):
        return None
    return (
        find_slip(distance, slips, 1e-3)
        or "From voxels to µm: multiply each axis. Then square, add up, and take the root."
    )


distance = Exercise(
    answer="find_distance_um",
    judge=_judge_distance,
    hints=(
        "`second - first` is how far one must go along z, y and x, in voxels.",
        "Multiply by the spacing, axis by axis, for µm: `(second - first) * np.array(spacing_um)`.",
        "Pythagoras in three dimensions: square the three numbers, add them up, take the root.",
    ),
    code="""def find_distance_um(first, second, spacing_um):
    way_um = (second - first) * np.array(spacing_um)
    return np.sqrt(np.sum(way_um**2))""",
    others=(
        """def find_distance_um(first, second, spacing_um):
    return np.linalg.norm(np.multiply(spacing_um, first) - np.multiply(spacing_um, second))""",
        """def find_distance_um(first, second, spacing_um):
    return sum(((a - b) * um) ** 2 for a, b, um in zip(first, second, spacing_um)) ** 0.5""",
    ),
    mistakes=(
        (
            "def find_distance_um(first, second, spacing_um):\n    return np.linalg.norm(second - first)",
            "in voxels",
        ),
        (
            "def find_distance_um(first, second, spacing_um):\n"
            "    return np.linalg.norm((second - first) * np.array(spacing_um)[::-1])",
            "spacing of z and that of x are swapped",
        ),
        (
            "def find_distance_um(first, second, spacing_um):\n"
            "    return np.sum(((second - first) * np.array(spacing_um)) ** 2)",
            "Take the root",
        ),
        (
            "def find_distance_um(first, second, spacing_um):\n    return (second - first) * np.array(spacing_um)",
            "one number",
        ),
    ),
    because="A step in z is four times as long as one in y here. Distances in voxels mean nothing.",
)


# ---- nuclei that are marked twice -----------------------------------------------------------------------------------

_MARKS = np.array(
    [(2, 10, 10), (2, 13, 13), (6, 10, 10), (9, 30, 40), (10, 30, 40), (2, 60, 60), (4, 60, 60)],
    float,
)
_TWICE = {(0, 1), (3, 4)}  # within 2.5 µm; in voxels it would be (3, 4) and (5, 6)
_LIMIT_UM = 2.5


def _read_pairs(pairs: Iterable) -> set[tuple[int, ...]]:
    """Pairs of rows, in whatever form and order they came."""
    return {tuple(sorted(int(row) for row in pair)) for pair in pairs}


def _judge_doubles(find_doubles: Callable) -> str | None:
    answer = list(run_answer(find_doubles, _MARKS, _SPACING_UM, _LIMIT_UM))
    if any(np.size(row) != 1 for pair in answer for row in pair):
        return "A pair holds two row numbers, such as (0, 1), not the positions themselves."
    pairs = _read_pairs(answer)
    if any(len(set(pair)) != 2 for pair in pairs):
        return "Each pair must hold two different rows. A position lies at no distance from itself: leave that out."
    if pairs != _TWICE:
        missing, false = sorted(_TWICE - pairs), sorted(pairs - _TWICE)
        wrong = [f"missing: {missing}"] if missing else []
        wrong += [f"not doubles: {false}"] if false else []
        return f"Of 7 marks two pairs lie within {_LIMIT_UM} µm; {'; '.join(wrong)}. Did you measure in µm?"
    if len(answer) > len(pairs):
        return "Each pair is there more than once: (0, 1) and (1, 0) are the same. Let the second row be after the first."
    return None


doubles = Exercise(
    answer="find_doubles",
    judge=_judge_doubles,
    hints=(
        "Two loops: one over all rows, the other over the rows behind it: `range(first + 1, len(positions))`.",
        "You have a function for the distance in µm already.",
        "Keep `(first, second)` if the distance is less than limit_um.",
    ),
    given="""import numpy as np
def find_distance_um(first, second, spacing_um):
    return np.linalg.norm((second - first) * np.array(spacing_um))""",
    code="""def find_doubles(positions, spacing_um, limit_um):
    pairs = []
    for first in range(len(positions)):
        for second in range(first + 1, len(positions)):
            way_um = (positions[second] - positions[first]) * np.array(spacing_um)
            if np.linalg.norm(way_um) < limit_um:
                pairs.append((first, second))
    return pairs""",
    others=(
        """def find_doubles(positions, spacing_um, limit_um):
    from scipy.spatial import KDTree
    return KDTree(positions * np.array(spacing_um)).query_pairs(limit_um)""",
        """def find_doubles(positions, spacing_um, limit_um):
    um = positions * np.array(spacing_um)
    near = np.linalg.norm(um[:, None] - um[None], axis=2) < limit_um
    return np.argwhere(np.triu(near, k=1))""",
    ),
    mistakes=(
        (
            """def find_doubles(positions, spacing_um, limit_um):
    return [(i, j) for i in range(len(positions)) for j in range(len(positions))
            if find_distance_um(positions[i], positions[j], spacing_um) < limit_um]""",
            "no distance from itself",
        ),
        (
            """def find_doubles(positions, spacing_um, limit_um):
    return [(i, j) for i in range(len(positions)) for j in range(len(positions))
            if i != j and find_distance_um(positions[i], positions[j], spacing_um) < limit_um]""",
            "more than once",
        ),
        (
            """def find_doubles(positions, spacing_um, limit_um):
    return [(i, j) for i in range(len(positions)) for j in range(i)
            if np.linalg.norm(positions[i] - positions[j]) < limit_um]""",
            "not doubles: [(5, 6)]",
        ),
    ),
    because="For thousands of positions a tree is quicker than two loops: `scipy.spatial.KDTree`, as the kit does.",
)


# ---- a table of another program -------------------------------------------------------------------------------------

_TABLE_UM = np.array([(12.0, 5.0, 6.0), (4.0, 10.0, 2.0)])  # x, y, z


def _judge_table(read_table: Callable) -> str | None:
    positions = run_answer(read_table, _TABLE_UM, _SPACING_UM)
    spacing = np.array(_SPACING_UM)
    turned = _TABLE_UM[:, ::-1]
    if match_numbers(positions, turned / spacing, 1e-3):
        return None
    slips = (
        (turned, "The order is right, but these are still µm. How many voxels are they?"),
        (
            turned * spacing,
            "You multiplied. One voxel in z measures 2 µm, so 6 µm are 3 voxels: divide.",
        ),
        (
            _TABLE_UM / spacing,
            "The columns are still x, y, z, and were divided by the spacing of z, y, x. Turn them.",
        ),
        (
            _TABLE_UM / spacing[::-1],
            "These are voxels, but in the order x, y, z. The kit wants z, y, x.",
        ),
        (
            turned / spacing[::-1],
            "The columns are turned; the spacing was z, y, x from the beginning. Leave it so.",
        ),
        (
            _TABLE_UM[::-1] / spacing,
            "You turned the rows round, not the columns: `table_xyz_um[:, ::-1]`.",
        ),
    )
    return (
        find_slip(positions, slips, 1e-3)
        or "First turn the columns from x, y, z to z, y, x, then divide by the spacing."
    )


table = Exercise(
    answer="convert_table",
    judge=_judge_table,
    hints=(
        "`table_xyz_um[:, ::-1]` turns the columns round: x, y, z becomes z, y, x.",
        "A voxel in z measures spacing_um[0]. A position 6 µm deep with a spacing of 2 µm lies in plane 3.",
    ),
    code="""def convert_table(table_xyz_um, spacing_um):
    zyx_um = table_xyz_um[:, ::-1]
    return zyx_um / np.array(spacing_um)""",
    others=(
        """def convert_table(table_xyz_um, spacing_um):
    return [(z / spacing_um[0], y / spacing_um[1], x / spacing_um[2]) for x, y, z in table_xyz_um]""",
    ),
    mistakes=(
        (
            "def convert_table(table_xyz_um, spacing_um):\n    return table_xyz_um[:, ::-1]",
            "still µm",
        ),
        (
            "def convert_table(table_xyz_um, spacing_um):\n    return table_xyz_um / np.array(spacing_um)",
            "still x, y, z",
        ),
        (
            "def convert_table(table_xyz_um, spacing_um):\n    return table_xyz_um[:, ::-1] * np.array(spacing_um)",
            "divide",
        ),
    ),
    because="Nearly every wrong table is one of two things: axes in another order, or µm for voxels.",
)


# ---- the cuboid of annotations --------------------------------------------------------------------------------------

_POINTS = np.array([(3, 40, 12), (7, 22, 30), (5, 31, 18)], float)


def _judge_cuboid(find_cuboid: Callable) -> str | None:
    truth = Annotations(_POINTS, np.zeros(len(_POINTS), int)).annotated_region(0)
    cuboid = run_answer(find_cuboid, _POINTS)
    if match_numbers(cuboid, truth, 1e-6):
        return None
    slips = (
        (
            truth[::-1],
            "Both corners are right, but the order is: low corner first, then the high one.",
        ),
        (
            truth[1] - truth[0],
            "This is how large the cuboid is. Where does it begin, and where does it end?",
        ),
        (
            truth.T,
            "These are the right six numbers, but axis by axis. Give two corners, each z, y, x.",
        ),
        (
            [_POINTS.min(), _POINTS.max()],
            "One number for all axes. Each axis has an end of its own: `axis=0`.",
        ),
        (
            [_POINTS[0], _POINTS[-1]],
            "These are the first and the last position. Take the smallest number of each axis.",
        ),
    )
    return (
        find_slip(cuboid, slips, 1e-6)
        or "Low corner: the smallest z, the smallest y, the smallest x of all positions."
    )


cuboid = Exercise(
    answer="find_cuboid",
    judge=_judge_cuboid,
    hints=(
        "The low corner has the smallest z, the smallest y and the smallest x, maybe of three different positions.",
        "`positions.min(axis=0)` goes down the rows, and gives one number for each column.",
    ),
    code="""def find_cuboid(positions):
    return positions.min(axis=0), positions.max(axis=0)""",
    others=(
        """def find_cuboid(positions):
    low = [min(row[axis] for row in positions) for axis in range(3)]
    high = [max(row[axis] for row in positions) for axis in range(3)]
    return np.array([low, high])""",
    ),
    mistakes=(
        (
            "def find_cuboid(positions):\n    return positions.max(axis=0), positions.min(axis=0)",
            "low corner first",
        ),
        (
            "def find_cuboid(positions):\n    return positions.max(axis=0) - positions.min(axis=0)",
            "how large",
        ),
        ("def find_cuboid(positions):\n    return positions.min(), positions.max()", "axis=0"),
    ),
    because="Everything inside must be annotated: what has no mark there counts as background.",
)
