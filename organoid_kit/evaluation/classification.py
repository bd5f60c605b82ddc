"""How well probabilities tell two classes apart: divisions or not, the same nucleus or another."""

from dataclasses import dataclass

import numpy as np

from organoid_kit.base import make_error, refuse_if


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision and recall at each threshold; all arrays are empty where nothing is positive."""

    thresholds: np.ndarray  # (k,) float, ascending, every probability that occurs, once
    precision: np.ndarray  # (k,) float, part of what is called positive that is
    recall: np.ndarray  # (k,) float, part of the positives that is called so

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall, (k,) float."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / np.where(total > 0, total, 1)

    @property
    def average_precision(self) -> float | None:
        """Sum of precision times gain in recall from the highest threshold down, or None."""
        gains = self.recall - np.append(self.recall[1:], 0)
        return float(gains @ self.precision) if len(self.thresholds) else None

    def best(self) -> float:
        """The threshold that `choose_best` chooses."""
        return float(self.thresholds[choose_best(self.f1)])


def choose_best(f1: np.ndarray) -> int:
    """The row of the highest F1, the middle one of equals; UserError if there is none."""
    refuse_if(len(f1) == 0, "threshold without truth")
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return int(best[len(best) // 2])


def compute_precision_recall(truths: np.ndarray, probabilities: np.ndarray) -> PrecisionRecall:
    """Precision and recall at every threshold that makes a difference.

    Of (n,) bool truths and (n,) float probabilities: any numbers, higher for surer positives.
    """
    truths, probabilities = check_classified(truths, probabilities)
    if not truths.any():
        return PrecisionRecall(np.zeros(0), np.zeros(0), np.zeros(0))
    thresholds, rows = np.unique(probabilities, return_inverse=True)
    called = np.cumsum(np.bincount(rows)[::-1])[::-1]
    right = np.cumsum(np.bincount(rows, weights=truths)[::-1])[::-1]
    return PrecisionRecall(thresholds, right / called, right / truths.sum())


def compute_average_precision(truths: np.ndarray, probabilities: np.ndarray) -> float | None:
    """How well probabilities rank positives above the rest: 1 at best, None without positives."""
    return compute_precision_recall(truths, probabilities).average_precision


def check_classified(truths: np.ndarray, said: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truths as (n,) bool and probabilities as (n,) float; errors as `compute_precision_recall`."""
    truths = np.asarray(truths, bool).reshape(-1)
    probabilities = np.asarray(said, float).reshape(-1)
    if len(truths) != len(probabilities):
        raise make_error("truths each", truths=len(truths), probabilities=len(probabilities))
    if wrong := np.count_nonzero(~np.isfinite(probabilities)):
        raise make_error("probabilities numbers", count=wrong, all_=len(probabilities))
    return truths, probabilities
