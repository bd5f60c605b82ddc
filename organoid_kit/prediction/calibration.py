"""Makes a trained network's answers probabilities one can believe, and chooses its threshold.

Both are found on validation movies and saved with the network at once. Where the movies do not
allow a calibration the network stays as it is, says why, and can be used all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_json_safely
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.evaluation.calibration import (
    Calibration,
    Reliability,
    calibrate,
    compute_reliability,
)
from organoid_kit.evaluation.classification import compute_precision_recall
from organoid_kit.evaluation.matching import match_positions
from organoid_kit.examples.division import make_division_targets
from organoid_kit.examples.link import make_link_targets
from organoid_kit.networks.saving import load_network, save_settings
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.positions import choose_threshold, predict_positions
from organoid_kit.training.runs import Run

_BLOCKS = 4  # blocks of time of each movie that are held out together
_ALL_PEAKS = 0.05


@dataclass(frozen=True, eq=False)
class NetworkCalibration:
    """What came of calibrating a network.

    Attributes:
        calibration: what was saved with the network.
        threshold: of highest F1, likewise saved; None where it could not be chosen.
        before: how reliable the answers were; None where there were none.
        after: how reliable they are on the same examples: a little too good, as they were
            calibrated on these.
    """

    calibration: Calibration
    threshold: float | None
    before: Reliability | None
    after: Reliability | None

    def __str__(self) -> str:
        if self.before is None:
            return f"Not calibrated. {self.calibration.reason}"
        threshold = (
            "no threshold chosen" if self.threshold is None else f"threshold {self.threshold:.2f}"
        )
        return (
            f"Expected calibration error {self.before.ece:.3f} before, {self.after.ece:.3f} after; {threshold}. "
            f"{self.calibration.reason}"
        )


def calibrate_network(
    run: Run, validation: Sequence[AnnotatedMovie], *, show_progress: bool = True
) -> NetworkCalibration:
    """Calibrates a run's network on validation movies and chooses its threshold; both are saved
    with it.

    Args:
        run: with a network of any of the three kinds.
        validation: the movies training was judged by; never those of the final test.
        show_progress: whether a bar is shown.

    Raises:
        UserError: the run has no network yet, or there is no validation movie.
    """
    network, settings = load_network(run.folder)
    if not validation:
        raise UserError(
            "Calibration needs movies the network was not trained on. Received: none. Keep one back for validation."
        )
    plain = settings.changed(calibration=(1.0, 0.0))
    answers, truths, groups = collect_answers(
        network, plain, validation, show_progress=show_progress
    )
    calibration = calibrate(answers, truths, groups=groups)
    calibrated = calibration.apply(answers)
    chosen = plain.changed(calibration=(calibration.slope, calibration.intercept))
    save_settings(chosen, run.folder)
    threshold = _choose_threshold(run, chosen, calibrated, truths, validation, show_progress)
    result = NetworkCalibration(
        calibration,
        threshold,
        compute_reliability(answers, truths),
        compute_reliability(calibrated, truths),
    )
    write_json_safely(
        run.folder / "calibration.json", _describe(result, validation), overwrite=True
    )
    run.log(f"calibrated on {[each.name for each in validation]}: {result}")
    return result


def _choose_threshold(
    run: Run,
    settings: NetworkSettings,
    probabilities: np.ndarray,
    truths: np.ndarray,
    validation: Sequence[AnnotatedMovie],
    show_progress: bool,
) -> float | None:
    """The threshold of highest F1, saved; None where nothing is true."""
    if settings.network == "position":
        return choose_threshold(run, validation, show_progress=show_progress)
    if not truths.any():
        return None
    threshold = float(np.clip(compute_precision_recall(truths, probabilities).best(), 0.01, 0.99))
    save_settings(settings.changed(threshold=threshold), run.folder)
    return threshold


def _describe(result: NetworkCalibration, validation: Sequence[AnnotatedMovie]) -> dict[str, Any]:
    """For JSON."""
    calibration = result.calibration
    return {
        "movies": [each.name for each in validation],
        "slope": calibration.slope,
        "intercept": calibration.intercept,
        "kind": calibration.kind,
        "reason": calibration.reason,
        "threshold": result.threshold,
        "before": result.before and result.before.to_dict(),
        "after": result.after and result.after.to_dict(),
    }


def collect_answers(
    network: keras.Model,
    settings: NetworkSettings,
    annotated_movies: Sequence[AnnotatedMovie],
    *,
    show_progress: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a network says of movies with known truth, wherever the truth is known.

    Args:
        network: of any of the three kinds.
        settings: of the network, with its calibration.
        annotated_movies: with positions, and for division and link networks with links.
        show_progress: whether a bar is shown.

    Returns:
        probabilities (n,) float, truths (n,) bool, and the block of movie and time (n,) int each
        belongs to. For a position network these are the peaks inside the annotated region, and
        whether a nucleus is within 5 µm.
    """
    ask = {"position": _ask_positions, "division": _ask_divisions, "link": _ask_links}[
        settings.network
    ]
    probabilities, truths, groups = [np.zeros(0)], [np.zeros(0, bool)], [np.zeros(0, int)]
    for number, each in enumerate(annotated_movies):
        said, true, times = ask(network, settings, each, show_progress)
        probabilities.append(said)
        truths.append(true)
        groups.append(number * _BLOCKS + _assign_blocks(times))
    return np.concatenate(probabilities), np.concatenate(truths), np.concatenate(groups)


def _assign_blocks(time_points: np.ndarray) -> np.ndarray:
    """Which of a few equally long blocks of time each belongs to, (n,) int."""
    if len(time_points) == 0:
        return time_points.astype(int)
    first, last = time_points.min(), time_points.max()
    return (time_points - first) * _BLOCKS // (last - first + 1)


def _ask_positions(
    network, settings: NetworkSettings, annotated: AnnotatedMovie, show_progress: bool
):
    truth = annotated.annotations
    times = truth.annotated_time_points.tolist()
    options = {"time_points": times, "threshold": _ALL_PEAKS, "show_progress": show_progress}
    found = predict_positions(network, annotated.movie, settings, **options)
    true, counted = np.zeros(len(found), bool), np.zeros(len(found), bool)
    for time_point in times:
        rows = found.rows_at(time_point)
        spacing = np.array(annotated.movie.spacing_um)
        pairs = match_positions(
            truth.positions_at(time_point) * spacing, found.positions[rows] * spacing
        )
        true[rows[pairs[:, 1]]] = True
        low, high = truth.annotated_region(time_point)
        counted[rows] = true[rows] | (
            (found.positions[rows] >= low) & (found.positions[rows] <= high)
        ).all(axis=1)
    said = found.properties["probability"].astype(float)
    return said[counted], true[counted], found.time_points[counted]


def _ask_divisions(
    network, settings: NetworkSettings, annotated: AnnotatedMovie, show_progress: bool
):
    labels = make_division_targets(annotated.annotations, settings.division_window)
    known = labels >= 0
    asked = annotated.annotations.select(known)
    found = predict_divisions(
        network, annotated.movie, asked, settings, show_progress=show_progress
    )
    said = found.properties["division_probability"].astype(float)
    return said, labels[known] == 1, found.time_points


def _ask_links(network, settings: NetworkSettings, annotated: AnnotatedMovie, show_progress: bool):
    found = predict_links(
        network, annotated.movie, annotated.annotations, settings, show_progress=show_progress
    )
    labels = make_link_targets(annotated.annotations, found.links)
    known = labels >= 0
    said = found.link_properties["link_probability"].astype(float)
    return said[known], labels[known] == 1, found.time_points[found.links[known, 0]]
