"""Nuclei as peaks of an image, and without a network: bright blobs of about the right size.

A network must beat the blobs. A blurred stack minus a stronger blur has a hill at each bright blob
of the chosen diameter, and is about zero where the image is even. The tops are the nuclei.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, label, maximum_filter
from scipy.spatial import cKDTree

from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse, timelapse
from organoid_kit.evaluation.matching import MAX_DISTANCE_UM, choose_radius_um
from organoid_kit.evaluation.positions import ThresholdCurve, pool_curves, score_over_thresholds

THRESHOLD = 0.1  # of the range between background and bright nuclei
MIN_DISTANCE_UM = 3.0
FINEST_SPACING_UM = 0.5  # finer stacks are averaged down to this: 16 voxels across are plenty
_TRIED_UM = (5, 6, 7, 8, 9, 10, 12)
BLUR_RATIO = 1.6  # of the two blurs


def find_peaks(
    heat: np.ndarray, spacing_um: Sequence[float], min_distance_um: float, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Local maxima of a prediction (z, y, x) float, 0..1, above the threshold, between voxels:
    positions (n, 3) float, zyx, voxels, and heights (n,) float, highest first.

    Of two peaks closer than `min_distance_um` the higher one stays; a plateau is one peak, in its
    middle. The place is the top of a parabola through the logarithm of three neighbours on each
    axis, exact for a Gaussian dot; where the image ends at the peak, the voxel's centre.
    """
    tops = (heat > threshold) & (heat == maximum_filter(heat, size=3))
    voxels = _choose_middles(tops)
    heights = heat[tuple(voxels.T)].astype(float)
    order = np.argsort(-heights, kind="stable")
    voxels, heights = voxels[order], heights[order]
    positions = voxels + _find_tops(heat, voxels)
    kept = _suppress_close(positions * spacing_um, min_distance_um)
    return positions[kept], heights[kept]


def _choose_middles(tops: np.ndarray) -> np.ndarray:
    """Of each group of touching voxels the one nearest to its middle, (n, 3) int."""
    voxels = np.argwhere(tops)
    group = label(tops, np.ones((3, 3, 3)))[0][tops] - 1
    sizes = np.bincount(group)
    middles = np.stack([np.bincount(group, axis) / sizes for axis in voxels.T], axis=1)
    order = np.argsort(((voxels - middles[group]) ** 2).sum(axis=1), kind="stable")
    return voxels[order[np.unique(group[order], return_index=True)[1]]]


def _find_tops(heat: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Offset of the top from each voxel's centre, (n, 3) float, zyx, at most half a voxel."""
    offsets = np.zeros(voxels.shape)
    for axis, step in enumerate(np.eye(3, dtype=int)):
        inner = (voxels[:, axis] > 0) & (voxels[:, axis] < heat.shape[axis] - 1)
        places = (voxels[inner] + move * step for move in (-1, 0, 1))
        before, middle, after = (np.log(np.maximum(heat[tuple(p.T)], 1e-6)) for p in places)
        curvature = before - 2 * middle + after
        flat = curvature > -1e-9
        shift = 0.5 * (before - after) / np.where(flat, 1, curvature)
        offsets[inner, axis] = np.where(flat, 0, np.clip(shift, -0.5, 0.5))
    return offsets


def _suppress_close(points_um: np.ndarray, min_distance_um: float) -> np.ndarray:
    """Rows to keep so that no two are closer than a distance; earlier rows win."""
    if len(points_um) == 0:
        return np.zeros(0, int)
    kept = np.ones(len(points_um), bool)
    for row, close in enumerate(cKDTree(points_um).query_ball_point(points_um, min_distance_um)):
        if kept[row]:
            kept[[other for other in close if other > row]] = False
    return np.flatnonzero(kept)


def find_blobs(
    movie: TimeLapse,
    *,
    channels: Sequence[int] = (1,),
    time_points: Sequence[int] | None = None,
    diameter_um: float | None = None,
    threshold: float = THRESHOLD,
    min_distance_um: float | None = None,
) -> Annotations:
    """Positions of bright blobs; their property "response" is the height above the surroundings.

    Channels, from 1, are summed; no time points mean all. The threshold is the least response, see
    `make_blob_response`; of two blobs closer than `min_distance_um` only the stronger is kept.
    Lengths that are None are 8 and 3 µm, or follow the size of nuclei that the movie states.
    """
    times = movie.time_points if time_points is None else time_points
    diameter_um = diameter_um or timelapse.USUAL_DIAMETER_UM * movie.relative_size
    min_distance_um = min_distance_um or MIN_DISTANCE_UM * movie.relative_size
    options = (movie.spacing_um, diameter_um, threshold, min_distance_um)
    found = [find_blobs_in_stack(movie.stack(int(time), channels), *options) for time in times]
    positions, responses = zip((np.zeros((0, 3)), np.zeros(0)), *found)
    return Annotations(
        positions=np.concatenate(positions),
        time_points=np.repeat(np.asarray(times, dtype=int), list(map(len, positions[1:]))),
        properties={"response": np.concatenate(responses)},
        spacing_um=movie.spacing_um,
        minutes_per_time_point=movie.minutes_per_time_point,
        name=movie.name,
    )


def tune_blobs(
    annotated_movies: Sequence[AnnotatedMovie],
    *,
    channels: Sequence[int] = (1,),
    diameters_um: Sequence[float] | None = None,
) -> dict[str, Any]:
    """The diameter and threshold of highest F1 on annotated movies, as options of `find_blobs`.

    Use training or validation movies: ``find_blobs(test_movie, **tune_blobs(training_movies))``.
    Tried are 5 to 12 µm, pairs lie within 5 µm; both follow the size of nuclei that movies state.
    """
    near_um = choose_radius_um(annotated.movie for annotated in annotated_movies)
    scale = near_um / MAX_DISTANCE_UM
    diameters_um = diameters_um or [scale * um for um in _TRIED_UM]
    thresholds = np.linspace(0.02, 0.4, 39) if scale == 1 else np.linspace(0.005, 0.4, 80)
    options = {"thresholds": thresholds, "by": "response", "max_distance_um": near_um}

    def score(one: AnnotatedMovie, diameter_um: float) -> ThresholdCurve:
        where = {"channels": channels, "time_points": one.annotations.annotated_time_points}
        where |= {"diameter_um": diameter_um, "threshold": thresholds[0]}
        found = find_blobs(one.movie, **where)
        return score_over_thresholds(one.annotations, found, **options)

    def rate(diameter_um: float) -> tuple[float, float]:
        best = curves[diameter_um].best_score()  # of two equal F1, the one of smaller distances
        return best.f1, -(best.mean_distance_um or np.inf)

    curves = {um: pool_curves([score(one, um) for one in annotated_movies]) for um in diameters_um}
    best = max(curves, key=rate)
    threshold = curves[best].best()
    return {"channels": tuple(channels), "diameter_um": float(best), "threshold": threshold}


def find_blobs_in_stack(
    stack: np.ndarray,
    spacing_um: Sequence[float],
    diameter_um: float = timelapse.USUAL_DIAMETER_UM,
    threshold: float = THRESHOLD,
    min_distance_um: float = MIN_DISTANCE_UM,
) -> tuple[np.ndarray, np.ndarray]:
    """Blobs of a (z, y, x) stack: (k, 3) float, zyx, voxels, strongest first; (k,) responses."""
    response, step = make_blob_response(stack, spacing_um, diameter_um)
    return find_response_peaks(response, step, spacing_um, threshold, min_distance_um)


def find_response_peaks(
    response: np.ndarray,
    step: np.ndarray,
    spacing_um: Sequence[float],
    threshold: float = THRESHOLD,
    min_distance_um: float = MIN_DISTANCE_UM,
) -> tuple[np.ndarray, np.ndarray]:
    """The tops of what `make_blob_response` returns, like `find_blobs_in_stack`."""
    spacing_um = tuple(np.asarray(spacing_um) * step)
    peaks, heights = find_peaks(response, spacing_um, min_distance_um, max(threshold, 0))
    return peaks * step + (step - 1) / 2, heights


def make_blob_response(
    stack: np.ndarray, spacing_um: Sequence[float], diameter_um: float = timelapse.USUAL_DIAMETER_UM
) -> tuple[np.ndarray, np.ndarray]:
    """How much each place is brighter than its surroundings, on a coarser grid.

    (z, y, x) float32, 1: from background to the brightest 0.2 %; and (3,) int, the step: voxels of
    the stack per voxel of the response, whose voxel i lies at i * step + (step - 1) / 2.
    """
    step = np.maximum(1, np.round(FINEST_SPACING_UM / np.asarray(spacing_um))).astype(int)
    step = np.minimum(step, stack.shape)
    image = np.nan_to_num(stack.astype(np.float32), posinf=0, neginf=0)
    counts = image.shape // step  # blocks; what is left over at the far border is cut off
    image = image[tuple(slice(length) for length in counts * step)]
    image = image.reshape(np.stack([counts, step], axis=1).ravel()).mean(axis=(1, 3, 5))
    background, bright = np.float32(np.quantile(image, (0.5, 0.998)))  # they become 0 and 1
    image = np.clip(image - background, 0, None)
    image = image / (bright - background) if bright > background else np.zeros_like(image)
    # a Laplacian of Gaussian answers most to a ball of this diameter
    sigma_um = diameter_um / (2 * np.sqrt(3))
    sigma = sigma_um / (np.asarray(spacing_um) * step)
    return subtract_blurs(image, sigma), step


def subtract_blurs(image: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """A narrower blur less a wider one, of `sigma`, (3,) float, voxels (Marr & Hildreth 1980)."""
    narrow = gaussian_filter(image, sigma / np.sqrt(BLUR_RATIO), truncate=3)
    return narrow - gaussian_filter(image, sigma * np.sqrt(BLUR_RATIO), truncate=3)
