"""Makes answers probabilities one can believe, and chooses the threshold; saved with the network.

Where the validation movies allow no calibration the network stays as it is, and says why.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from organoid_kit.base import NetworkSettings, files, refuse_if
from organoid_kit.data import AnnotatedMovie
from organoid_kit.evaluation import compute_precision_recall, matching
from organoid_kit.evaluation.calibration import (
    Calibration,
    Reliability,
    calibrate,
    compute_reliability,
)
from organoid_kit.evaluation.positions import ThresholdChoice, refuse_scattered
from organoid_kit.examples.batches import Movies
from organoid_kit.examples.division import make_division_targets
from organoid_kit.examples.link import make_link_targets
from organoid_kit.networks import folders, load_network, load_settings
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.positions import choose_threshold, predict_positions
from organoid_kit.training import Run

_BLOCKS = 4  # blocks of time of each movie that are held out together
_ALL_PEAKS = 0.05


@dataclass(frozen=True, eq=False)
class NetworkCalibration:
    """What came of calibrating a network."""

    calibration: Calibration  # saved with the network
    threshold: float | None  # of highest F1, likewise saved; None where it could not be chosen
    before: Reliability | None  # of the answers; None where there were none
    after: Reliability | None  # on the same examples: a little too good, as calibrated on these
    choice: ThresholdChoice | None = None  # of a position network, with what would do as well

    def __str__(self) -> str:
        if self.before is None:
            return f"Not calibrated. {self.calibration.reason}"
        plain = f"threshold {self.threshold:.2f}" if self.threshold else "no threshold chosen"
        chosen = f"{self.choice or plain}. {self.calibration.reason}"
        errors = f"{self.before.ece:.3f} before, {self.after.ece:.3f} after"
        return f"Expected calibration error {errors}; {chosen}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        reliability = {name: getattr(self, name) for name in ("before", "after")}
        figures = {name: value and value.to_dict() for name, value in reliability.items()}
        return vars(self.calibration) | {"threshold": self.threshold} | figures


def calibrate_network(
    run: Run, validation: Movies, *, show_progress: bool = True
) -> NetworkCalibration:
    """Calibrates a run's network and chooses its threshold; never pass movies of the final test."""
    network, settings = load_network(run.folder)
    refuse_if(not validation, "calibration movies", run.folder)
    bar = {"show_progress": show_progress}
    plain = settings.changed(calibration=(1.0, 0.0))
    answers, truths, groups = collect_answers(network, plain, validation, **bar)
    start = load_settings(settings.start_from) if settings.start_from else plain
    calibration = calibrate(answers, truths, groups=groups, before=start.calibration)
    calibrated = calibration.apply(answers)
    chosen = plain.changed(calibration=(calibration.slope, calibration.intercept))
    folders.save_settings(chosen, run.folder)
    threshold = choice = None
    if settings.network == "position":
        choice = choose_threshold(run, validation, **bar)
        threshold = choice.threshold
    elif truths.any():
        best = compute_precision_recall(truths, calibrated).best()
        threshold = float(np.clip(best, 0.01, 0.99))
        folders.save_settings(chosen.changed(threshold=threshold), run.folder)
    reliability = (compute_reliability(said, truths) for said in (answers, calibrated))
    result = NetworkCalibration(calibration, threshold, *reliability, choice)
    movies = [annotated.name for annotated in validation]
    record = result.to_dict() | {"movies": movies}
    files.write_json_safely(run.folder / "calibration.json", record, overwrite=True)
    run.log(f"calibrated on {movies}: {result}")
    return result


def collect_answers(
    network: keras.Model,
    settings: NetworkSettings,
    annotated_movies: Movies,
    *,
    show_progress: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A network's calibrated answers on movies with annotations, wherever these tell the truth.

    Probabilities (n,) float, truths (n,) bool, and blocks of movie and time (n,) int. Of a position
    network: peaks inside the annotated region, and whether a nucleus is near (`choose_radius_um`).
    """
    judges = {"position": _judge_peaks, "division": _judge_nuclei, "link": _judge_candidates}
    bar = {"show_progress": show_progress}
    parts = [(np.zeros(0), np.zeros(0, bool), np.zeros(0, int))]
    for number, annotated in enumerate(annotated_movies):
        said, truths, times = judges[settings.network](network, settings, annotated, bar)
        since = times - min(times, default=0)
        blocks = since * _BLOCKS // (since.max(initial=0) + 1)  # equally long
        parts.append((said.astype(float), truths, number * _BLOCKS + blocks))
    return tuple(map(np.concatenate, zip(*parts)))


def _judge_peaks(network, settings: NetworkSettings, annotated: AnnotatedMovie, bar: dict):
    truth, times = annotated.annotations, annotated.annotations.annotated_time_points.tolist()
    if truth.known_um is not None:
        raise refuse_scattered(annotated.name)
    options = {"time_points": times, "threshold": _ALL_PEAKS, **bar}
    found = predict_positions(network, annotated.movie, settings, **options)
    truth = dataclasses.replace(truth, spacing_um=found.spacing_um)
    true = matching.match_to_truth(truth, found, matching.choose_radius_um([annotated.movie])) >= 0
    counted = true | matching.is_annotated(truth, found)
    return found.properties["probability"][counted], true[counted], found.time_points[counted]


def _judge_nuclei(network, settings: NetworkSettings, annotated: AnnotatedMovie, bar: dict):
    labels = make_division_targets(annotated.annotations, settings.division_window)
    known = annotated.annotations.select(labels >= 0)
    found = predict_divisions(network, annotated.movie, known, settings, **bar)
    return found.properties["division_probability"], labels[labels >= 0] == 1, found.time_points


def _judge_candidates(network, settings: NetworkSettings, annotated: AnnotatedMovie, bar: dict):
    options = {"ask_all": True, **bar}
    found = predict_links(network, annotated.movie, annotated.annotations, settings, **options)
    labels = make_link_targets(annotated.annotations, found.links)
    known = labels >= 0
    probabilities = found.link_properties["link_probability"][known]
    return probabilities, labels[known] == 1, found.time_points[found.links[known, 0]]
