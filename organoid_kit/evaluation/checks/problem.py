"""What is reported, what counts as too close or too bright; and problems of single images."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import KDTree

from organoid_kit.base import UserError, files
from organoid_kit.data import Annotations, TimeLapse, timelapse
from organoid_kit.evaluation.blobs import find_response_peaks, make_blob_response
from organoid_kit.evaluation.checks.widths import measure_width_um
from organoid_kit.evaluation.matching import match_positions

_LEAST_POSITIONS, _OTHER_WIDTH = 5, 1.4  # so many, so much wider or narrower: judged at their size
_TEXTS = files.read_json(Path(__file__).with_name("problems.json"))


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

    diameter_um: float = timelapse.USUAL_DIAMETER_UM  # of an ordinary nucleus
    duplicate_um: float = 2.0  # no two nuclei are closer; sisters in telophase are 3 µm apart
    daughters_um: float = 20.0  # daughters are not farther apart one time point after the division
    jump_um: float = 10.0  # shorter links are never suspicious, however still the other nuclei are
    border_um: float = 8.0  # this close to the border a nucleus may come and go
    saturated_part: float = 0.01  # of the voxels may have the largest value
    measured: bool = False  # in images, annotated nuclei tell their diameter themselves

    @classmethod
    def of(cls, movie: TimeLapse | None) -> "CheckLimits":
        """Distances that follow the size of nuclei; but small ones move as far as others."""
        size = movie.relative_size if movie else 1.0
        far = (max(1.0, size) * each for each in (cls.daughters_um, cls.jump_um, cls.border_um))
        measured = movie is not None and movie.nucleus_diameter_um is None
        return cls(size * cls.diameter_um, size * cls.duplicate_um, *far, measured=measured)

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
    rule: str,
    *,
    time_point: int | None = None,
    rows: Sequence[int] = (),
    position: np.ndarray | None = None,
    **values: Any,
) -> Problem:
    """A problem, whose severity and text stand in `problems.json`; values are filled in."""
    severity, text = _TEXTS[rule]
    message = text.format(time_point=time_point, **values)
    place = None if position is None else tuple(position.tolist())
    return Problem(rule.partition(" (")[0], message, severity, time_point, tuple(rows), place)


def place_problem(
    annotations: Annotations, rule: str, rows: Sequence[int], **values: Any
) -> Problem:
    """A problem of positions; it lies where the first of them lies."""
    rows = [int(row) for row in rows]
    time_point, position = int(annotations.time_points[rows[0]]), annotations.positions[rows[0]]
    where = {"time_point": time_point, "rows": rows, "position": position}
    return make_problem(rule, **where, place=describe_place(time_point, position), **values)


def check_time_point(
    annotations: Annotations,
    movie: TimeLapse,
    time_point: int,
    channels: Sequence[int],
    limits: CheckLimits,
    comparable: bool,
) -> list[Problem]:
    """One image, and where `comparable`, whether positions sit where it is bright."""
    try:
        stack = np.asarray(movie.stack(time_point, channels))
    except (UserError, OSError, ValueError) as error:
        return [make_problem("unreadable_image", time_point=time_point, error=error)]
    rule, values = _judge_image(stack, movie, limits)
    problems = [make_problem(rule, time_point=time_point, **values)] if rule else []
    if comparable and not any(problem.severity == "error" for problem in problems):
        problems += _check_brightness(annotations, stack, movie, time_point, limits)
    return problems


def _judge_image(
    stack: np.ndarray, movie: TimeLapse, limits: CheckLimits
) -> tuple[str, dict[str, Any]]:
    """What is wrong with an image: a rule, empty if nothing is, and values for its text."""
    if stack.shape != tuple(movie.shape_zyx):
        return "wrong_shape", {"shape": stack.shape, "wanted": movie.shape_zyx}
    if not np.isfinite(stack).all():
        return "image_not_a_number", {}
    values = {"brightest": stack.max(), "saturated": np.mean(stack == stack.max())}
    if stack.min() == stack.max():
        return "constant_image" if stack.any() else "empty_image", values
    dark = values["saturated"] <= limits.saturated_part or stack.max() == np.median(stack)
    return "" if dark else "saturated_image", values


def _check_brightness(
    annotations: Annotations, stack: np.ndarray, movie: TimeLapse, time: int, limits: CheckLimits
) -> Iterator[Problem]:
    """Positions beside their nucleus, and bright blobs without a position."""
    rows = select_usable_rows(annotations, time)
    rows = rows[are_inside(annotations.positions[rows], movie)]
    if len(rows) == 0:
        return
    positions, spacing_um = annotations.positions[rows], annotations.spacing_um
    if limits.measured and len(rows) >= _LEAST_POSITIONS:
        diameter_um = measure_width_um(stack, positions, movie.spacing_um)[1:].mean() / 0.85
        if abs(np.log(diameter_um / limits.diameter_um)) > np.log(_OTHER_WIDTH):  # not if NaN
            limits = dataclasses.replace(limits, diameter_um=diameter_um)
    region = annotations.region
    if region is None:
        region = positions.min(axis=0), positions.max(axis=0)
    response, step = make_blob_response(stack, movie.spacing_um, limits.diameter_um)
    coarse = (positions - (step - 1) / 2) / step
    here = map_coordinates(response, coarse.T, order=1, mode="nearest")
    usual = max(np.median(here), 0.05)
    blobs, heights = find_response_peaks(response, step, movie.spacing_um, 0.1 * usual)
    positions_um, blobs_um = positions * movie.spacing_um, blobs * movie.spacing_um
    # beyond the region nuclei have no position of their own
    trusted = are_within(blobs, region, spacing_um, 0) & (annotations.known_um is None)
    off_centre = here < 0.05 * usual
    if off_centre.any():  # but small ones beside brighter ones are only dark beside these
        blur = limits.diameter_um / 8 / np.array(movie.spacing_um)
        light = gaussian_filter(stack.astype(np.float32), blur, truncate=3)
        light = map_coordinates(light, positions.T, order=1, mode="nearest") - np.median(stack)
        off_centre &= light < 0.7 * np.median(light)
    if trusted.any():  # beside the blob that has this position as its nearest, and in the dark
        distances, nearest = KDTree(blobs_um[trusted]).query(positions_um)
        own = KDTree(positions_um).query(blobs_um[trusted])[1][nearest] == np.arange(len(rows))
        beside = (distances > limits.diameter_um / 2) & (distances <= limits.diameter_um)
        off_centre |= own & beside & (here < 0.5 * heights[trusted][nearest])
    for row in rows[off_centre]:
        yield place_problem(annotations, "off_centre", [row])
    far = KDTree(positions_um).query(blobs_um)[0] > limits.own_um
    missing = far & (heights > 0.5 * usual)
    missing[match_positions(positions_um, blobs_um, limits.diameter_um)[:, 1]] = False
    missing &= trusted & are_within(blobs, region, spacing_um, limits.diameter_um / 4)
    for blob in blobs[missing]:
        place = describe_place(time, blob)
        where = {"time_point": time, "position": blob}
        yield make_problem("nucleus_missing", **where, place=place)
