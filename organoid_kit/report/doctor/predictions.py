"""Do the positions that a network found look right: their number, and where they lie?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.blobs import find_blobs
from organoid_kit.evaluation.checks.whole import name_columns
from organoid_kit.evaluation.matching import match_positions
from organoid_kit.evaluation.positions import (
    find_best_threshold,
    get_probabilities,
    score_positions,
)
from organoid_kit.report.channel_contrast import choose_time_points
from organoid_kit.report.doctor.finding import Finding

TWINS_UM = 4.0  # whole nuclei are not closer; only daughters, for a time point or two, are
_NOTHING_PART = 0.1  # found, relative to what is expected
_AS_EXPECTED = {
    True: (0.6, 1.4),
    False: (0.4, 2.0),
}  # where the truth is known, and where blobs must do
_TWINS_PART = 0.2  # of the positions
_NO_RECALL, _MORE_RECALL = 0.2, 0.15
_BETTER_F1 = 0.1


def diagnose_predictions(
    found: Annotations,
    movie: TimeLapse,
    settings: NetworkSettings,
    truth: Annotations | None = None,
) -> list[Finding]:
    """What looks wrong in the positions that a network found.

    Args:
        found: of `predict_positions` with threshold=0.05, so that one sees what the threshold
            leaves out.
        movie: they were found in.
        settings: of the network, with its threshold.
        truth: right positions at some of the time points; only these are looked at. Without, bright
            blobs at up to five time points tell how many positions there should be.

    Raises:
        UserError: a position has no probability.
    """
    expected = _find_expected(found, movie, settings) if truth is None else truth
    few, many = _AS_EXPECTED[truth is not None]
    times = expected.annotated_time_points
    found = found.select(np.isin(found.time_points, times))
    probabilities = get_probabilities(found, found.properties, "probability")
    kept = found.select(probabilities > settings.threshold)
    said = (
        f"{len(kept)} positions above the threshold of {settings.threshold:.3g}; {len(expected)} "
    )
    said += "are annotated." if truth is not None else "bright blobs are found without a network."
    if len(kept) < _NOTHING_PART * len(expected):
        return [_diagnose_nothing(found, len(expected), said, movie)]
    if truth is not None and (findings := list(_find_no_recall(kept, truth, movie))):
        return findings
    if len(kept) > many * len(expected):
        return [_diagnose_too_many(found, kept, said, settings, movie, truth)]
    if len(kept) < few * len(expected):
        return [_diagnose_too_few(said, movie)]
    return []


def find_twins(positions: Annotations, spacing_um: tuple[float, float, float]) -> np.ndarray:
    """Rows of positions that have another one closer than `TWINS_UM` at the same time point, (k,)
    int.
    """
    rows = []
    for time in positions.annotated_time_points:
        here = positions.rows_at(time)
        pairs = KDTree(positions.positions[here] * spacing_um).query_pairs(
            TWINS_UM, output_type="ndarray"
        )
        rows.append(here[np.unique(pairs)])
    return np.concatenate([np.zeros(0, int), *rows])


def _find_expected(found: Annotations, movie: TimeLapse, settings: NetworkSettings) -> Annotations:
    """Bright blobs, where the network was asked too."""
    times = choose_time_points(movie, found)
    return find_blobs(movie, channels=settings.channels, time_points=times)


def _diagnose_nothing(found: Annotations, number: int, said: str, movie: TimeLapse) -> Finding:
    """Is there something below the threshold?"""
    measured = f"{said} Above 0.05 there are {len(found)}."
    if len(found) > number / 2:
        cause = "The threshold is too high."
        advice = "Choose it anew on validation movies (`choose_threshold`), or look in the `ThresholdExplorer`."
    else:
        cause = "The network sees nothing like its nuclei: another channel, spacing, size of nuclei or contrast."
        advice = "Look at all channels (`plot_channels`). Then ask `diagnose_data` and `diagnose_microscope`."
    return Finding("predicts nothing", movie.name, measured, cause, advice)


def _diagnose_too_few(said: str, movie: TimeLapse) -> Finding:
    cause = "A channel is left out, the nuclei look smaller or larger than in training, or the threshold is too high."
    advice = "Look at all channels (`plot_channels`). Then ask `diagnose_microscope`. Then lower the threshold."
    return Finding("too few detections", movie.name, said, cause, advice)


def _diagnose_too_many(
    found: Annotations,
    kept: Annotations,
    said: str,
    settings: NetworkSettings,
    movie: TimeLapse,
    truth: Annotations | None,
) -> Finding:
    """Several on one nucleus, a threshold that is too low, or nuclei where there are none?"""
    twins = len(find_twins(kept, movie.spacing_um))
    measured = f"{said} {twins} of them have another one closer than {TWINS_UM:g} µm."
    cause = "The images look unlike those of the training: another channel, other noise, another size of nuclei."
    advice = "Look at all channels (`plot_channels`). Then ask `diagnose_microscope`."
    if twins > _TWINS_PART * len(kept):
        cause = "Several positions on one nucleus: two lists were put together, or the spacing stated is too large."
        advice = (
            f"Keep the most probable one of each group within {TWINS_UM:g} µm. Check the spacing."
        )
    elif truth is not None:
        best = find_best_threshold([(truth, found)])
        scores = [
            score_positions(truth, found, threshold=each).f1 or 0.0
            for each in (settings.threshold, best)
        ]
        if scores[1] > scores[0] + _BETTER_F1:
            measured += f" F1 is {scores[0]:.2f}; with a threshold of {best:.2f} it would be {scores[1]:.2f}."
            cause = "The threshold is too low for this movie: it was chosen on others."
            advice = "Ask `diagnose_microscope` first. If the movie is like those of the training, choose the threshold "
            advice += (
                "anew on validation movies (`choose_threshold`), never on the movie you report."
            )
    return Finding("too many detections", movie.name, measured, cause, advice)


def _find_no_recall(kept: Annotations, truth: Annotations, movie: TimeLapse) -> Iterator[Finding]:
    """Hardly a true position is found, or far more would be with another order of axes."""
    recall = {order: _compute_recall(kept, truth, movie, order) for order in permutations(range(3))}
    here, best = recall[(0, 1, 2)], max(recall, key=recall.get)
    swapped = recall[best] > here + _MORE_RECALL
    if not swapped and here > _NO_RECALL:
        return
    measured = f"{len(kept)} positions for {len(truth)} true ones, but only {here:.0%} of the true ones are found."
    cause = "The network was shown something else than bright nuclei (another channel, inverted contrast), or "
    cause += "positions and images do not belong together."
    advice = "Look at all channels (`plot_channels`), and at both over the image (`StackBrowser`)."
    if swapped:
        order = name_columns(best)
        measured += f" With the true ones read as {order}, it is {recall[best]:.0%}."
        cause = "The columns of the true positions were read in the wrong order."
        advice = f"Say where they are read that the columns are {order}."
    yield Finding("recall near zero", movie.name, measured, cause, advice)


def _compute_recall(
    kept: Annotations, truth: Annotations, movie: TimeLapse, order: tuple[int, ...]
) -> float:
    """Part of the true positions that is found if their columns are taken in this order."""
    spacing = np.array(movie.spacing_um)
    matched = sum(
        len(
            match_positions(
                truth.positions_at(time)[:, order] * spacing, kept.positions_at(time) * spacing
            )
        )
        for time in truth.annotated_time_points
    )
    return matched / max(1, len(truth))
