"""Probabilities one can believe: of a hundred links called 90 % sure, ninety are right.

A network's order is often good and its numbers are not. On held-out examples a straight line
through the log-odds mends the numbers and keeps the order: p' = sigmoid(slope · logit(p) +
intercept), natural logarithm throughout.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from organoid_kit.base import make_error, refuse_if
from organoid_kit.evaluation.classification import check_classified

CLIP = 1e-6  # probabilities are brought to CLIP … 1 − CLIP: the log-odds of 0 and 1 are infinite
LEAST_EXAMPLES = 5  # of each class, so that each of the five parts held out has one
_FOLDS = 5
_KINDS = {"none": "left as they are", "temperature": "with temperature scaling"}
_KINDS |= {"platt": "with Platt scaling"}


@dataclass(frozen=True)
class Calibration:
    """A straight line through the log-odds. The default changes nothing."""

    slope: float = 1.0  # positive, below 1 if the network was too sure: 1 / slope is temperature
    intercept: float = 0.0  # above 0 if the network said "yes" too seldom
    kind: str = "none"  # "platt" (slope and intercept), "temperature" (slope only), or not fitted
    reason: str = ""  # why this kind, in words

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, of the same shape, clipped to `CLIP` … 1 − `CLIP` before."""
        probabilities = np.asarray(probabilities, float)
        if (self.slope, self.intercept) == (1, 0):
            return probabilities
        return expit(self.slope * compute_logits(probabilities) + self.intercept)

    def invert(self, probabilities: np.ndarray) -> np.ndarray:
        """The probabilities from which `apply` made these."""
        return Calibration(1 / self.slope, -self.intercept / self.slope).apply(probabilities)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Said and true probability, bin by bin; empty bins are left out."""

    lows: np.ndarray  # (k,) float, lower edge of each bin
    width: float  # of every bin
    probabilities: np.ndarray  # (k,) float, mean of what was said in a bin
    parts_true: np.ndarray  # (k,) float, part of a bin that is true
    counts: np.ndarray  # (k,) int, examples in a bin
    brier: float  # mean of (probability − truth)² over all examples, 0 at best (Brier 1950)

    @property
    def ece(self) -> float:
        """Expected calibration error: mean distance of said from true, bins weighted by counts.
        Where positives are rare the lowest bin has nearly all the weight: look at the others, too.
        """
        return float(np.average(np.abs(self.probabilities - self.parts_true), weights=self.counts))

    def to_dict(self) -> dict[str, Any]:
        """Figures for JSON."""
        arrays = ("lows", "probabilities", "parts_true", "counts")
        figures = {"ece": self.ece, "brier": self.brier, "width": self.width}
        return figures | {name: getattr(self, name).tolist() for name in arrays}


def compute_reliability(
    probabilities: np.ndarray, truths: np.ndarray, bins: int = 10
) -> Reliability | None:
    """Compares what was said with what is true, in bins of equal width; the last one includes 1.

    As in Naeini et al. 2015, the probability of the positive class is binned, not of the likelier
    one. None where there is no example. Arguments and errors are those of `calibrate`.
    """
    probabilities, truths = check_probabilities(probabilities, truths)
    if len(probabilities) == 0:
        return None
    rows = np.minimum((probabilities * bins).astype(int), bins - 1)
    counts = np.bincount(rows, minlength=bins)
    filled = np.flatnonzero(counts)
    sums = (np.bincount(rows, values, minlength=bins)[filled] for values in (probabilities, truths))
    said, true = (total / counts[filled] for total in sums)
    brier = float(np.mean((probabilities - truths) ** 2))
    return Reliability(filled / bins, 1 / bins, said, true, counts[filled], brier)


def calibrate(
    probabilities: np.ndarray,
    truths: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    before: tuple[float, float] = (1.0, 0.0),
) -> Calibration:
    """Platt scaling, temperature scaling or nothing, whichever does best on held-out examples.

    Pass examples the network was not trained on. Each kind is fitted to most groups and judged by
    log loss on the others; the best is then fitted to all. Platt scaling (Platt 1999) fits slope
    and intercept, temperature scaling (Guo et al. 2017) the slope alone, by maximum likelihood.
    Truths are (n₊ + 1) / (n₊ + 2) and 1 / (n₋ + 2), as Platt proposed, so that the slope stays
    finite where no example is on the wrong side.

    Of (n,) float probabilities, 0 to 1, and (n,) bool truths; (n,) float weights above 0. Groups,
    (n,), are movies or time blocks, held out together; without them, or where that would lose a
    class, five blocks of each class in the order given. Slope and intercept are as `before` where
    examples do not allow a fit.
    """
    probabilities, truths = check_probabilities(probabilities, truths)
    weights = _check_weights(weights, len(truths))
    folds = _assign_folds(truths, groups)
    positive, negative = int(truths.sum()), int((~truths).sum())
    if min(positive, negative) < LEAST_EXAMPLES:
        reason = f"Left as they are: {positive} positive and {negative} negative examples; "
        reason += f"at least {LEAST_EXAMPLES} of each are needed."
        return Calibration(*before, reason=reason)
    logits = compute_logits(probabilities)
    if np.ptp(logits) < CLIP:
        return Calibration(*before, reason="Left as they are: all probabilities are the same.")
    fits = {kind: _fit(kind, logits, truths, weights) for kind in _KINDS}
    if (slope := fits["platt"][0]) <= 0:
        reason = f"Left as they are: the surer, the fewer are true (slope {slope:.2f}). "
        reason += "The network does not tell the classes apart here."
        return Calibration(*before, reason=reason)

    def judge(kind: str) -> float:
        """Mean log loss over all examples, each judged by a fit to the other folds."""
        apart = np.zeros(len(logits))
        for out in (folds == fold for fold in np.unique(folds)):
            slope, intercept = _fit(kind, logits[~out], truths[~out], weights[~out])
            sign = np.where(truths[out], -1, 1)
            apart[out] = np.logaddexp(0, sign * (slope * logits[out] + intercept))
        return float(np.average(apart, weights=weights))

    losses = {k: judge(k) for k, fit in fits.items() if fit[0] > 0 and np.isfinite(fit).all()}
    best, *others = sorted(losses, key=losses.get)
    rest = ", ".join(f"{losses[kind]:.4f} {_KINDS[kind]}" for kind in others)
    reason = f"Lowest log loss on held-out examples, {losses[best]:.4f}, {_KINDS[best]}"
    return Calibration(*fits[best], best, f"{reason}; {rest}." if rest else f"{reason}.")


def compute_logits(probabilities: np.ndarray) -> np.ndarray:
    """Log-odds, of clipped probabilities."""
    return logit(np.clip(probabilities, CLIP, 1 - CLIP))


def check_probabilities(said: np.ndarray, truths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as `check_classified` gives them, probabilities first."""
    truths, probabilities = check_classified(truths, said)
    wrong = probabilities[(probabilities < 0) | (probabilities > 1)]
    if len(wrong):
        many = {"count": len(wrong), "all_": len(probabilities)}
        raise make_error("probability range", **many, first=wrong[0])
    return probabilities, truths


def _check_weights(weights: np.ndarray | None, number: int) -> np.ndarray:
    """Weights with a mean of 1, so that sums of them are numbers of examples."""
    weights = np.ones(number) if weights is None else np.asarray(weights, float).reshape(-1)
    if len(weights) != number or not np.isfinite(weights).all() or (weights <= 0).any():
        above = np.count_nonzero(weights > 0)
        raise make_error("weights each", count=len(weights), examples=number, above=above)
    return weights / weights.mean() if number else weights


def _assign_folds(truths: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """The part that each example is held out with, (n,) int: groups, or else blocks by class."""
    if groups is not None:
        groups = np.asarray(groups).reshape(-1)
        refuse_if(len(groups) != len(truths), "groups", groups=len(groups), examples=len(truths))
        folds = np.unique(groups, return_inverse=True)[1].reshape(-1) % _FOLDS
        others = [truths[folds != fold] for fold in np.unique(folds)]
        if all(0 < kept.sum() < len(kept) for kept in others):
            return folds
    folds = np.empty(len(truths), int)
    for members in (truths, ~truths):
        folds[members] = np.arange(members.sum()) * _FOLDS // members.sum()
    return folds


def _fit(
    kind: str, logits: np.ndarray, truths: np.ndarray, weights: np.ndarray
) -> tuple[float, float]:
    """Slope and intercept of highest likelihood: a convex loss, minimised with two derivatives."""
    if kind == "none":
        return 1.0, 0.0
    columns = np.stack([logits, np.ones_like(logits)][: 2 if kind == "platt" else 1], axis=1)
    positive, negative = weights[truths].sum(), weights[~truths].sum()
    targets = np.where(truths, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def compute_loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        scores = columns @ line
        value = np.average(np.logaddexp(0, scores) - targets * scores, weights=weights)
        return value, columns.T @ (weights * (expit(scores) - targets)) / weights.sum()

    def compute_curvature(line: np.ndarray) -> np.ndarray:
        chances = expit(columns @ line)
        return (columns.T * (weights * chances * (1 - chances))) @ columns / weights.sum()

    start = np.array([1.0, 0.0])[: columns.shape[1]]
    options = {"method": "trust-exact", "options": {"gtol": 1e-8}}
    line = minimize(compute_loss, start, jac=True, hess=compute_curvature, **options).x
    slope, intercept = (*line.tolist(), 0.0)[:2]
    return slope, intercept
