"""Makes a trained network's answers probabilities one can believe, and chooses its threshold.

Both are found on validation movies and saved with the network at once. Where the movies do not
allow a calibration the network stays as it is, says why, and can be used all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from organoid_kit.base import NetworkSettings, UserError
from organoid_kit.base.files import write_json_safely
from organoid_kit.data import AnnotatedMovie
from organoid_kit.evaluation import compute_precision_recall
from organoid_kit.evaluation.calibration import (
    Calibration,
    Reliability,
    calibrate,
    compute_reliability,
)
from organoid_kit.evaluation.matching import match_positions
from organoid_kit.examples.division import make_division_targets
from organoid_kit.examples.link import make_link_targets
from organoid_kit.networks import load_network
from organoid_kit.networks.saving import save_settings
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.positions import choose_threshold, predict_positions
from organoid_kit.training import Run

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
        chosen = f"threshold {self.threshold:.2f}" if self.threshold else "no threshold chosen"
        return (
            f"Expected calibration error {self.before.ece:.3f} before, {self.after.ece:.3f} after; "
            f"{chosen}. {self.calibration.reason}"
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "slope": self.calibration.slope,
            "intercept": self.calibration.intercept,
            "kind": self.calibration.kind,
            "reason": self.calibration.reason,
            "threshold": self.threshold,
            "before": self.before and self.before.to_dict(),
            "after": self.after and self.after.to_dict(),
        }


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
            "Calibration needs movies the network was not trained on. Received: none. Keep one "
            "back for validation."
        )
    bar = {"show_progress": show_progress}
    plain = settings.changed(calibration=(1.0, 0.0))
    answers, truths, groups = collect_answers(network, plain, validation, **bar)
    calibration = calibrate(answers, truths, groups=groups)
    calibrated = calibration.apply(answers)
    chosen = plain.changed(calibration=(calibration.slope, calibration.intercept))
    save_settings(chosen, run.folder)
    threshold = None
    if settings.network == "position":
        threshold = choose_threshold(run, validation, **bar)
    elif truths.any():
        best = compute_precision_recall(truths, calibrated).best()
        threshold = float(np.clip(best, 0.01, 0.99))
        save_settings(chosen.changed(threshold=threshold), run.folder)
    before, after = compute_reliability(answers, truths), compute_reliability(calibrated, truths)
    result = NetworkCalibration(calibration, threshold, before, after)
    movies = [annotated.name for annotated in validation]
    record = result.to_dict() | {"movies": movies}
    write_json_safely(run.folder / "calibration.json", record, overwrite=True)
    run.log(f"calibrated on {movies}: {result}")
    return result


def collect_answers(
    network: keras.Model,
    settings: NetworkSettings,
    annotated_movies: Sequence[AnnotatedMovie],
    *,
    show_progress: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A network's answers on movies with known truth, wherever the truth is known.

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
    judge = {"position": _judge_peaks, "division": _judge_nuclei, "link": _judge_candidates}
    said, true, groups = [np.zeros(0)], [np.zeros(0, bool)], [np.zeros(0, int)]
    for number, annotated in enumerate(annotated_movies):
        bar = {"show_progress": show_progress}
        probabilities, truths, times = judge[settings.network](network, settings, annotated, bar)
        said.append(probabilities.astype(float))
        true.append(truths)
        groups.append(number * _BLOCKS + _assign_blocks(times))
    return np.concatenate(said), np.concatenate(true), np.concatenate(groups)


def _assign_blocks(time_points: np.ndarray) -> np.ndarray:
    """Which of a few equally long blocks of time each belongs to, (n,) int."""
    if len(time_points) == 0:
        return time_points.astype(int)
    first, last = time_points.min(), time_points.max()
    return (time_points - first) * _BLOCKS // (last - first + 1)


def _judge_peaks(network, settings: NetworkSettings, annotated: AnnotatedMovie, bar: dict):
    truth, spacing = annotated.annotations, np.array(annotated.movie.spacing_um)
    times = truth.annotated_time_points.tolist()
    options = {"time_points": times, "threshold": _ALL_PEAKS, **bar}
    found = predict_positions(network, annotated.movie, settings, **options)
    true, counted = np.zeros(len(found), bool), np.zeros(len(found), bool)
    for time_point in times:
        rows = found.rows_at(time_point)
        positions = found.positions[rows]
        pairs = match_positions(truth.positions_at(time_point) * spacing, positions * spacing)
        true[rows[pairs[:, 1]]] = True
        low, high = truth.annotated_region(time_point)
        counted[rows] = true[rows] | ((positions >= low) & (positions <= high)).all(axis=1)
    probabilities = found.properties["probability"]
    return probabilities[counted], true[counted], found.time_points[counted]


def _judge_nuclei(network, settings: NetworkSettings, annotated: AnnotatedMovie, bar: dict):
    labels = make_division_targets(annotated.annotations, settings.division_window)
    known = annotated.annotations.select(labels >= 0)
    found = predict_divisions(network, annotated.movie, known, settings, **bar)
    return found.properties["division_probability"], labels[labels >= 0] == 1, found.time_points


def _judge_candidates(network, settings: NetworkSettings, annotated: AnnotatedMovie, bar: dict):
    found = predict_links(network, annotated.movie, annotated.annotations, settings, **bar)
    labels = make_link_targets(annotated.annotations, found.links)
    known = labels >= 0
    probabilities = found.link_properties["link_probability"][known]
    return probabilities, labels[known] == 1, found.time_points[found.links[known, 0]]
