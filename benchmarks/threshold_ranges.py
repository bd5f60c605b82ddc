"""Does the range of a threshold hold the best one, where nuclei are seen again and again?

    python benchmarks/threshold_ranges.py [--movies 100]

Drawn are probabilities alone: 30 nuclei and 15 ghosts at each of 40 time points, whose log-odds
differ by chance, by time (light that fades and comes back, over some time points) or by nucleus
(the same one is dim at all time points). The best threshold is that of 2,000 such movies together.
Printed is in how many movies the range of `ThresholdCurve.choose` holds it, with blocks of time, and
with positions taken one by one.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.special import expit

from organoid_kit.evaluation.positions import DEFAULT_THRESHOLDS, PositionScore, ThresholdCurve

TIMES, NUCLEI, GHOSTS, MOVIES = 40, 30, 15, 2000
# Spread of log-odds by chance, by time and by nucleus
KINDS = {"chance": (1.2, 0, 0), "time": (0.6, 1.0, 0), "nucleus": (0.6, 0, 1.0)}


def draw(kind: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Probabilities of nuclei and ghosts, (times, n) each."""
    by_chance, by_time, by_nucleus = KINDS[kind]
    steps = rng.normal(size=(TIMES + 8, 1))
    light = by_time * sum(steps[n : n + TIMES] for n in range(8)) / np.sqrt(8)

    def draw_one(count: int, middle: float) -> np.ndarray:
        own = by_nucleus * rng.normal(size=(1, count))
        return expit(middle + light + own + by_chance * rng.normal(size=(TIMES, count)))

    return [draw_one(NUCLEI, 1.5), draw_one(GHOSTS, -1.5)]


def count_f1(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """F1 at each threshold."""
    found, wrong = ((said[..., None] >= DEFAULT_THRESHOLDS).sum((0, 1)) for said in (true, false))
    return 2 * found / (found + wrong + true.size)


def make_curve(true: np.ndarray, false: np.ndarray, times: np.ndarray) -> ThresholdCurve:
    """As if these had been found."""
    scores = []
    for threshold in DEFAULT_THRESHOLDS:
        missed = (true < threshold).ravel()
        offsets = np.where(missed, np.nan, 0.0)[:, None] * np.ones(3)
        at = np.repeat(times, false.shape[1])[(false >= threshold).ravel()]
        whole = np.repeat(times, true.shape[1])
        scores.append(PositionScore(whole, whole, offsets, at, at, 0, 5.0))
    return ThresholdCurve(DEFAULT_THRESHOLDS, tuple(scores))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--movies", type=int, default=100)
    movies = parser.parse_args().movies
    for kind in KINDS:
        rng = np.random.default_rng(1)
        best = DEFAULT_THRESHOLDS[
            np.mean([count_f1(*draw(kind, rng)) for _ in range(MOVIES)], axis=0).argmax()
        ]
        held, width = np.zeros(2), np.zeros(2)
        for _ in range(movies):
            movie = draw(kind, rng)
            for row, times in enumerate((np.arange(TIMES), np.zeros(TIMES, int))):
                choice = make_curve(*movie, times).choose()
                held[row] += choice.low <= best <= choice.high
                width[row] += choice.high - choice.low
        said = "by {}: held in {:.0f} of {} movies with blocks, {:.0f} one by one; mean width {:.2f}, {:.2f}"
        print(said.format(kind, held[0], movies, held[1], *width / movies), flush=True)


if __name__ == "__main__":
    main()
