"""Rules about images, and whether positions sit where it is bright."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.blobs import find_response_peaks, make_blob_response
from organoid_kit.evaluation.checks.problem import (
    CheckLimits,
    Problem,
    are_inside,
    describe_place,
    make_problem,
    select_usable_rows,
)
from organoid_kit.evaluation.positions import match_positions


def check_time_point(
    annotations: Annotations,
    movie: TimeLapse,
    time_point: int,
    channels: Sequence[int],
    limits: CheckLimits,
    comparable: bool,
) -> list[Problem]:
    """One image, and whether positions sit where it is bright."""
    try:
        stack = np.asarray(movie.stack(time_point, channels))
    except (UserError, OSError, ValueError) as error:
        text = f"The image of time point {time_point} cannot be read: {error} Export it again, or leave it out."
        return [Problem("unreadable_image", text, time_point=time_point)]
    problems = list(_check_image(stack, movie, time_point, limits))
    if comparable and not any(problem.severity == "error" for problem in problems):
        problems += _check_brightness(annotations, stack, movie, time_point, limits)
    return problems


def _check_image(
    stack: np.ndarray, movie: TimeLapse, time_point: int, limits: CheckLimits
) -> Iterator[Problem]:
    """Images of another shape, and images that show nothing."""
    where = f"The image of time point {time_point}"
    brightest = np.nanmax(stack) if stack.size and not np.isnan(stack).all() else np.nan
    saturated = np.mean(stack == brightest) if stack.size else 0
    if stack.shape != tuple(movie.shape_zyx):
        rule, text = (
            "wrong_shape",
            f"has the shape {stack.shape} instead of {movie.shape_zyx} (z, y, x). Export it again.",
        )
    elif not np.isfinite(stack).all():
        rule, text = (
            "image_not_a_number",
            "has voxels that are no numbers. Export it again, or fill them with background.",
        )
    elif brightest == stack.min() == 0:
        rule, text = (
            "empty_image",
            "is zero everywhere. Choose another channel, or leave this time point out.",
        )
    elif brightest == stack.min():
        rule, text = (
            "constant_image",
            f"is {brightest:g} everywhere. Choose another channel, or leave it out.",
        )
    elif saturated > limits.saturated_part and brightest > np.median(stack):
        text = f"has {saturated:.0%} of its voxels at the largest value {brightest:g}: it is saturated. "
        yield Problem(
            "saturated_image",
            f"{where} {text}Record with less light, or export more bits.",
            "warning",
            time_point,
        )
        return
    else:
        return
    yield Problem(rule, f"{where} {text}", time_point=time_point)


def _check_brightness(
    annotations: Annotations,
    stack: np.ndarray,
    movie: TimeLapse,
    time_point: int,
    limits: CheckLimits,
) -> Iterator[Problem]:
    """Positions beside their nucleus, and bright blobs without a position."""
    rows = select_usable_rows(annotations, time_point)
    rows = rows[are_inside(annotations.positions[rows], movie)]
    if len(rows) == 0:
        return
    positions = annotations.positions[rows]
    response, step = make_blob_response(stack, movie.spacing_um, limits.diameter_um)
    coarse = (positions - (step - 1) / 2) / step
    here = map_coordinates(response, coarse.T, order=1, mode="nearest")
    usual = max(np.median(here), 0.05)
    blobs, heights = find_response_peaks(response, step, movie.spacing_um, 0.1 * usual)
    positions_um, blobs_um = positions * movie.spacing_um, blobs * movie.spacing_um
    pairs = match_positions(positions_um, blobs_um, limits.diameter_um)
    trusted = _are_in_region(
        annotations, rows, blobs, 0
    )  # beyond the region nuclei have no position of their own
    off_centre = here < 0.05 * usual
    off_centre |= _are_off_nucleus(positions_um, blobs_um[trusted], here, heights[trusted], limits)
    for row in rows[off_centre]:
        text = "is not in the middle of a bright nucleus. Look there; move it to the centre."
        yield make_problem(annotations, "off_centre", [row], text, "warning")
    missing = (heights > 0.5 * usual) & _are_unannotated(blobs_um, positions_um, limits)
    missing[pairs[:, 1]] = False
    for blob in blobs[missing & _are_in_region(annotations, rows, blobs, limits.diameter_um / 4)]:
        text = f"A bright blob {describe_place(time_point, blob)} has no position. If it is a nucleus, annotate it."
        yield Problem("nucleus_missing", text, "warning", time_point, position=tuple(blob.tolist()))


def _are_off_nucleus(
    positions_um: np.ndarray,
    blobs_um: np.ndarray,
    here: np.ndarray,
    heights: np.ndarray,
    limits: CheckLimits,
) -> np.ndarray:
    """Which positions are farther from their blob than the radius of a nucleus, and in the dark,
    (k,) bool.

    A blob belongs to a position if each is the other's nearest.
    """
    if len(blobs_um) == 0:
        return np.zeros(len(positions_um), bool)
    distances, nearest = KDTree(blobs_um).query(positions_um)
    own = KDTree(positions_um).query(blobs_um)[1][nearest] == np.arange(len(positions_um))
    beside = (distances > limits.diameter_um / 2) & (distances <= limits.diameter_um)
    return own & beside & (here < 0.5 * heights[nearest])


def _are_unannotated(
    blobs_um: np.ndarray, positions_um: np.ndarray, limits: CheckLimits
) -> np.ndarray:
    """Which blobs have no position nearby, (k,) bool; the others may be a second bright place in a
    large nucleus.
    """
    return KDTree(positions_um).query(blobs_um)[0] > limits.own_um


def _are_in_region(
    annotations: Annotations, rows: np.ndarray, places: np.ndarray, margin_um: float
) -> np.ndarray:
    """Which places lie inside what is completely annotated at the time point of `rows`, not just at
    its border.
    """
    positions = annotations.positions[rows]
    low, high = np.stack([positions.min(axis=0), positions.max(axis=0)])
    if annotations.region is not None:
        low, high = annotations.region
    spacing_um = annotations.spacing_um or (1, 1, 1)
    margin = np.minimum(margin_um / np.array(spacing_um), (high - low) / 4)
    return ((places >= low + margin) & (places <= high - margin)).all(axis=1)
