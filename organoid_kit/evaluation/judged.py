"""A threshold and a calibration from a few candidates that somebody accepted or refused.

Straight lines through the log-odds, as in `calibration`, are weighed by how well they foretell what
was judged (Bayesian logistic regression on a grid); each says what F1 to expect of all candidates.
Candidates may be chosen for judging by their probability, such as the most doubtful first.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from organoid_kit.base import NetworkSettings
from organoid_kit.evaluation.calibration import Calibration, check_probabilities, compute_logits

# Lines before any judgement: slopes around 1 (spread of their logarithm 0.5), one in two true at
# log-odds around 0 (spread 2). Chosen on invented movies, 22 of `benchmarks/_wide_movies.py`.
_SLOPES, _MIDDLES = np.meshgrid(np.exp(np.linspace(-1.5, 1.5, 25)), np.linspace(-8, 8, 65))
_BELIEF = -0.5 * ((np.log(_SLOPES) / 0.5) ** 2 + (_MIDDLES / 2) ** 2)
_MOST = 500  # candidates of which F1 is expected; of more, so many evenly chosen
_RANGE = (0.1, 0.5, 0.9)  # quantiles: the threshold is as likely below the range as above it


@dataclass(frozen=True)
class JudgedChoice:
    """A threshold from judged candidates, between which others it lies in four cases of five."""

    threshold: float  # of the probabilities as they were
    low: float
    high: float
    judged: int  # candidates
    calibration: Calibration  # of the probabilities as they were

    def __str__(self) -> str:
        alike = f"threshold {self.threshold:.2f} ({self.low:.2f} to {self.high:.2f})"
        return f"{alike} from {self.judged} judged candidates"

    def apply_to(self, settings: NetworkSettings) -> NetworkSettings:
        """Settings of the network that proposed the candidates, with calibration and threshold."""
        (slope, intercept), own = settings.calibration, self.calibration
        calibration = (own.slope * slope, own.slope * intercept + own.intercept)
        threshold = float(np.clip(own.apply(self.threshold), 0.01, 0.99))
        return settings.changed(calibration=calibration, threshold=threshold)


def choose_from_judged(
    candidates: np.ndarray, judged: np.ndarray, truths: np.ndarray
) -> JudgedChoice:
    """The threshold of highest expected F1 over all candidates; nuclei without one do not count.

    Of the probabilities of all candidates, (n,) float, proposed down to a low threshold such as
    0.05; of those that were judged, (k,) float; and whether these are nuclei, (k,) bool.
    """
    judged, truths = check_probabilities(judged, truths)
    candidates, _ = check_probabilities(candidates, np.zeros(len(candidates), bool))
    slopes, middles, weights = _SLOPES.ravel(), _MIDDLES.ravel(), _BELIEF.ravel()
    scores = slopes[:, None] * (compute_logits(judged) - middles[:, None])
    weights = weights - np.logaddexp(0, np.where(truths, -1, 1) * scores).sum(axis=1)
    weights = np.exp(weights - weights.max())
    likely = weights > 1e-5
    slopes, middles, weights = slopes[likely], middles[likely], weights[likely]
    weights /= weights.sum()
    logits = np.sort(compute_logits(candidates))[::-1]
    logits = logits[np.unique(np.linspace(0, len(logits) - 1, _MOST).astype(int))]
    right = np.cumsum(expit(slopes[:, None] * (logits - middles[:, None])), axis=1)
    f1 = 2 * right / (np.arange(1, len(logits) + 1) + right[:, -1:])
    # A candidate belongs above the threshold where it is true with half the best F1 or more.
    bests = middles + np.log(f1.max(axis=1) / (2 - f1.max(axis=1))) / slopes
    order = np.argsort(bests)
    low, middle, high = np.interp(_RANGE, np.cumsum(weights[order]), bests[order])
    last = int(np.argmax(weights @ f1))  # that is called a nucleus
    above = np.append(logits, -np.inf)[last : last + 2].mean()
    best = np.clip(middle, above, logits[last])
    slope, intercept = weights @ slopes, -weights @ (slopes * middles)
    calibration = Calibration(float(slope), float(intercept), "judged", "Fitted to judged ones.")
    chosen = expit([best, min(low, best), max(high, best)]).tolist()
    return JudgedChoice(*chosen, len(judged), calibration)
