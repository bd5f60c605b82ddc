"""What twenty accepted and refused candidates do for a shipped position network: its threshold, and
its probabilities.

    python benchmarks/judged_candidates.py [--movies 10] [--real FOLDER]

Candidates of the first time point are judged by the truth, the most doubtful first, as the
annotation checker asks; scored is the second time point. Movies are those of `_wide_movies.py` from
seed 6200 on (nothing was chosen by these) on which the best threshold gains 0.02 of F1 or more over
that of the network. FOLDER has ``images/`` and ``mamut_deconv.xml``, see `download_real_organoid`:
there one of three time points is judged, by twenty candidates or by all, and the others are scored.
"""

from __future__ import annotations

import argparse
import itertools
import os
import warnings
from pathlib import Path

import numpy as np
from _wide_movies import make_wide_movie

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.downloads import read_real_organoid
from organoid_kit.evaluation.calibration import Calibration, compute_reliability
from organoid_kit.evaluation.judged import JudgedChoice, choose_from_judged
from organoid_kit.evaluation.matching import is_annotated, match_to_truth
from organoid_kit.evaluation.positions import score_positions
from organoid_kit.networks import load_network
from organoid_kit.prediction import predict_positions

SEED, JUDGED, GAIN = 6200, 20, 0.02


def judge(said: np.ndarray, true: np.ndarray, number: int) -> JudgedChoice:
    """Judges the most doubtful candidate, again and again."""
    rows, corrected = [], said
    for _ in range(min(number, len(said))):
        rows.append(
            min(set(range(len(said))) - set(rows), key=lambda row: abs(corrected[row] - 0.5))
        )
        choice = choose_from_judged(said, said[rows], true[rows])
        corrected = choice.calibration.apply(said)
    return choice


class Judged:
    """Candidates of a movie, and which are nuclei."""

    def __init__(self, annotated: AnnotatedMovie, network, settings) -> None:
        truth = annotated.annotations
        times = truth.annotated_time_points.tolist()
        options = {"time_points": times, "threshold": 0.05, "show_progress": False}
        found = predict_positions(network, annotated.movie, settings, **options)
        true = match_to_truth(truth, found) >= 0
        counted = true | is_annotated(truth, found)
        self.truth, self.found, self.true = truth, found.select(counted), true[counted]
        self.said = self.found.properties["probability"].astype(float)

    def at(self, *times: int) -> np.ndarray:
        """Rows of the candidates at these time points."""
        return np.flatnonzero(np.isin(self.found.time_points, times))

    def score(self, threshold: float, *times: int) -> float:
        """F1 at these time points."""
        at: list[Annotations] = [
            whole.select(np.isin(whole.time_points, times)) for whole in (self.truth, self.found)
        ]
        return score_positions(*at, threshold=threshold).f1 or 0.0

    def measure_ece(self, calibration: Calibration, *times: int) -> float:
        """Expected calibration error at these time points."""
        rows = self.at(*times)
        return compute_reliability(calibration.apply(self.said[rows]), self.true[rows]).ece


def judge_invented(movies: int, network, settings) -> None:
    """Movies on which the threshold of the network is far from the best."""
    rows, pooled, tried = [], [], np.round(np.arange(0.05, 1, 0.01), 2)
    for seed in itertools.count(SEED):
        annotated = make_wide_movie(seed)
        known = Judged(annotated, network, settings)
        first, second = annotated.movie.time_points
        before = known.score(settings.threshold, second)
        best = max(known.score(threshold, second) for threshold in tried)
        if best - before < GAIN or not len(known.at(first)):
            continue
        here, there = known.at(first), known.at(second)
        choice = judge(known.said[here], known.true[here], JUDGED)
        after = known.score(choice.threshold, second)
        rows.append([annotated.name, str(choice), before, after, best])
        pooled.append(
            [known.said[there], choice.calibration.apply(known.said[there]), known.true[there]]
        )
        name = f"{annotated.name}, {choice}"
        print(f"{name}: F1 {before:.3f} before, {after:.3f} after; best {best:.3f}", flush=True)
        if len(rows) == movies:
            break
    said, corrected, true = map(np.concatenate, zip(*pooled))
    before, after, best = np.mean([row[2:] for row in rows], axis=0)
    print(f"mean F1 {before:.3f} before, {after:.3f} after; best {best:.3f}")
    eces = [compute_reliability(values, true).ece for values in (said, corrected)]
    print(
        "expected calibration error {:.3f} before, {:.3f} after, all movies together".format(*eces)
    )


def judge_real(folder: Path, network, settings) -> None:
    """A real organoid: each time point in turn."""
    known = Judged(read_real_organoid(folder), network, settings.changed(channels=(1,)))
    times = known.truth.annotated_time_points.tolist()
    for time in times:
        others, here = [other for other in times if other != time], known.at(time)
        for number in (JUDGED, len(here)):
            choice = judge(known.said[here], known.true[here], number)
            f1 = [known.score(level, *others) for level in (settings.threshold, choice.threshold)]
            ece = [known.measure_ece(line, *others) for line in (Calibration(), choice.calibration)]
            error = "expected calibration error {:.3f} before, {:.3f} after".format(*ece)
            scores = "F1 of the others {:.3f} before, {:.3f} after".format(*f1)
            print(f"real organoid, time point {time}, {choice}: {scores}; {error}", flush=True)


def main() -> None:
    """Prints the tables."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--movies", type=int, default=10)
    parser.add_argument("--real", type=Path)
    chosen = parser.parse_args()
    network, settings = load_network("position_small")
    settings = settings.changed(channels=(2,), look=None)  # the wide movies show nuclei there
    if chosen.real:
        judge_real(chosen.real, network, settings)
    if chosen.movies:
        judge_invented(chosen.movies, network, settings)


if __name__ == "__main__":
    main()
