"""What is reported, what counts as too close, too far, too bright; and where a problem lies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.blobs import DIAMETER_UM


@dataclass(frozen=True)
class Problem:
    """Something that is wrong ("error") or looks wrong ("warning") in annotations or images."""

    rule: str  # short stable name
    message: str  # what is wrong, where, and what to do
    severity: str = "error"  # or "warning"
    time_point: int | None = None  # None if it concerns the whole movie
    rows: tuple[int, ...] = ()  # of the positions that are concerned
    position: tuple[float, float, float] | None = None  # zyx, voxels, where to look in the movie

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}"


@dataclass(frozen=True)
class CheckLimits:
    """What counts as too close, too far, too bright."""

    diameter_um: float = DIAMETER_UM  # of an ordinary nucleus
    duplicate_um: float = 2.0  # no two nuclei are closer; sisters in telophase are 3 µm apart
    daughters_um: float = 20.0  # daughters are not farther apart one time point after the division
    jump_um: float = 10.0  # shorter links are never suspicious, however still the other nuclei are
    border_um: float = 8.0  # this close to the border a nucleus may come and go
    saturated_part: float = 0.01  # of the voxels may have the largest value

    @property
    def own_um(self) -> float:
        """A blob with a position this near needs no other: nuclei may have two bright places."""
        return 0.75 * self.diameter_um


def are_inside(positions: np.ndarray, movie: TimeLapse) -> np.ndarray:
    """Which positions lie in the image, (n,) bool; so do unknown ones (NaN), by this rule."""
    outside = (positions < -0.5) | (positions > np.array(movie.shape_zyx) - 0.5)
    return ~outside.any(axis=1)


def are_within(
    positions: np.ndarray, region: np.ndarray, spacing_um: Sequence[float], margin_um: float
) -> np.ndarray:
    """Which positions lie in a region but not in its margin: at most a quarter of each side."""
    low, high = region
    margin = np.minimum(margin_um / np.array(spacing_um), (high - low) / 4)
    return ((positions >= low + margin) & (positions <= high - margin)).all(axis=1)


def select_usable_rows(annotations: Annotations, time_point: int) -> np.ndarray:
    """Rows of a time point whose coordinates are numbers."""
    rows = annotations.rows_at(time_point)
    return rows[np.isfinite(annotations.positions[rows]).all(axis=1)]


def describe_place(time_point: int, position: np.ndarray) -> str:
    """A place in words."""
    z, y, x = position
    return f"at time point {time_point}, z {z:.1f}, y {y:.1f}, x {x:.1f}"


def make_problem(
    annotations: Annotations, rule: str, rows: Sequence[int], text: str, severity: str = "error"
) -> Problem:
    """A problem of positions; it lies where the first of them lies."""
    rows = tuple(int(row) for row in rows)
    time_point, position = int(annotations.time_points[rows[0]]), annotations.positions[rows[0]]
    message = f"The position {describe_place(time_point, position)} {text}"
    return Problem(rule, message, severity, time_point, rows, tuple(position.tolist()))
