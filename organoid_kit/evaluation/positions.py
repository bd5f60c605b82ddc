"""How right are found positions? Compares two `Annotations`, whoever made them.

A found position is right if it can be paired with a true one at most `max_distance_um` away, each
with at most one partner. What cannot be measured is ``None``, "not measured": never 0, 1 or NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from organoid_kit.base import UserError, make_error, refuse_if
from organoid_kit.data import Annotations
from organoid_kit.evaluation.classification import choose_best
from organoid_kit.evaluation.matching import choose_common_spacing, is_annotated, match_to_truth

_MOST_IGNORED = 0.02  # of what was found, before a score says so
DEFAULT_THRESHOLDS = np.round(np.arange(0.02, 1.0, 0.02), 2)
_DRAWS = 1000  # of the bootstrap
_BLOCKS = 10  # of successive time points, drawn as one: their nuclei and mistakes hang together
LIKELY = 0.1  # as good as the best is what is at least so in this part of the draws


class DetectionScore:
    """Precision, recall and F1 of whatever has numbers of `matched`, `missed` and `false`; where
    truth is `scattered`, what is false is not known, and recall is all there is.
    """

    scattered = False

    def describe(self, way: str) -> str:
        """Figures and counts in words, and the way in which they were taken."""
        names = {"precision": self.precision, "recall": self.recall, "F1": self.f1}
        figures = ", ".join(f"{name} {format_score(value)}" for name, value in names.items())
        counts = f"{self.matched} right, {self.missed} missed, {self.false} false"
        return f"{figures} ({counts}, {self.ignored} ignored; {way})"

    @property
    def precision(self) -> float | None:
        """Part of what was found that is right."""
        return compute_ratio(self.matched, 0 if self.scattered else self.matched + self.false)

    @property
    def recall(self) -> float | None:
        """Part of what is true that was found."""
        return compute_ratio(self.matched, self.matched + self.missed)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of the two; 0 where there was something to find and nothing was found."""
        if self.recall is None or self.scattered:
            return None
        return compute_ratio(2 * self.matched, 2 * self.matched + self.missed + self.false)


@dataclass(frozen=True, eq=False)
class PositionScore(DetectionScore):
    """What was found, missed and invented, position by position; the figures follow from it."""

    truth_time_points: np.ndarray  # (n,) int, of the true positions
    truth_depths_um: np.ndarray  # (n,) float, their z
    offsets_um: np.ndarray  # (n, 3) float, zyx, found minus true position; NaN where it was missed
    false_time_points: np.ndarray  # (m,) int, of found positions without a true partner
    false_depths_um: np.ndarray  # (m,) float, their z
    ignored: int  # number of found positions not counted, as they lie where nobody annotated
    max_distance_um: float  # largest distance between partners
    scattered: bool = False  # truth names some nuclei here and there; `false` repeat one of these

    def __str__(self) -> str:
        distance = f"mean distance {format_score(self.mean_distance_um, ' µm')}"
        way = f"one-to-one within {self.max_distance_um:g} µm"
        warning = f"{self.warning}\n" if self.warning else ""
        return f"{warning}{self.describe(way)}; {distance}"

    @property
    def warning(self) -> str:
        """What the figures hide, where more than 2 % of what was found is ignored; else empty."""
        found = self.matched + self.false + self.ignored
        if self.scattered:
            rest = f"of {self.ignored} of {found} found positions nobody knows whether they are"
            known = "Recall counts; precision and F1 are unknown."
            return f"Annotations are scattered: {rest} right. {known}"
        if self.ignored <= _MOST_IGNORED * found:
            return ""
        why = "lie where nobody annotated, and are not counted. Is every nucleus of the image annotated"
        return f"{self.ignored} of {found} found positions {why}? Then state whole_image=True."

    @property
    def found_offsets_um(self) -> np.ndarray:
        """Found minus true position of those found, (k, 3) float, zyx."""
        return self.offsets_um[~np.isnan(self.offsets_um[:, 0])]

    @property
    def matched(self) -> int:
        """Number of true positions that were found."""
        return len(self.found_offsets_um)

    @property
    def missed(self) -> int:
        """Number of true positions that were not found."""
        return len(self.offsets_um) - self.matched

    @property
    def false(self) -> int:
        """Number of found positions without a true partner."""
        return len(self.false_time_points)

    @property
    def mean_distance_um(self) -> float | None:
        """Mean distance between found and true position, over those found."""
        distances = np.linalg.norm(self.found_offsets_um, axis=1)
        return float(distances.mean()) if len(distances) else None

    @property
    def bias_um(self) -> tuple[float, float, float] | None:
        """Mean of found minus true, zyx: far from zero if all are shifted in one direction."""
        offsets = self.found_offsets_um
        return tuple(offsets.mean(axis=0).tolist()) if len(offsets) else None

    def by_time_point(self) -> dict[int, PositionScore]:
        """The score of each time point."""
        parts = self._split(self.truth_time_points, self.false_time_points)
        return {int(time_point): score for time_point, score in parts.items()}

    def by_depth(self, bin_um: float = 10.0) -> dict[tuple[float, float], PositionScore]:
        """The score in slabs of z, keyed by (from, to) in µm. A match counts at the true depth."""
        depths_um = (self.truth_depths_um, self.false_depths_um)
        parts = self._split(*(np.floor(depth_um / bin_um).astype(int) for depth_um in depths_um))
        return {(float(n * bin_um), float((n + 1) * bin_um)): part for n, part in parts.items()}

    def to_dict(self) -> dict[str, Any]:
        """Counts and figures for JSON; None where not measured."""
        figures = "precision recall f1 matched missed false ignored scattered"
        names = f"{figures} mean_distance_um bias_um max_distance_um".split()
        return {name: getattr(self, name) for name in names}

    def _split(self, truth: np.ndarray, false: np.ndarray) -> dict[Any, PositionScore]:
        """The score of each group, given the groups of the true and of the false positions."""
        scores = {}
        for group in np.unique(np.concatenate([truth, false])):
            masks = [truth == group] * 3 + [false == group] * 2
            arrays = (a[mask] for a, mask in zip(vars(self).values(), masks))
            scores[group] = PositionScore(*arrays, 0, self.max_distance_um, self.scattered)
        return scores


@dataclass(frozen=True)
class ThresholdChoice:
    """A threshold, and between which others none is known to be better or worse."""

    threshold: float
    low: float
    high: float
    nuclei: int  # that it was chosen on

    def __str__(self) -> str:
        alike = f"anything from {self.low:.2f} to {self.high:.2f} is as good"
        return f"threshold {self.threshold:.2f}, {alike} on {self.nuclei} annotated positions"


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """How the score depends on the probability above which a position counts as found."""

    thresholds: np.ndarray  # (k,) float, ascending
    scores: tuple[PositionScore, ...]  # at each threshold

    def best(self) -> float:
        """The threshold that `choose_best` chooses."""
        return float(self.thresholds[self._best_row()])

    def best_score(self) -> PositionScore:
        """The score at the best threshold. Too good by nature: it was chosen on these positions."""
        return self.scores[self._best_row()]

    def choose(self) -> ThresholdChoice:
        """The best threshold, and those around it that are at least as good in a tenth of the draws
        of a bootstrap (`draw_f1`): as good, as far as these positions tell.
        """
        best, drawn = self._best_row(), draw_f1(self.scores, nested=True)
        worse = np.flatnonzero((drawn >= drawn[:, [best]] - 1e-12).mean(axis=0) < LIKELY)
        low = worse[worse < best].max(initial=-1) + 1
        high = worse[worse > best].min(initial=drawn.shape[1]) - 1
        chosen = self.thresholds[[best, low, high]].tolist()
        return ThresholdChoice(*chosen, len(self.scores[0].offsets_um))

    def _best_row(self) -> int:
        if any(score.scattered for score in self.scores):
            raise refuse_scattered("these movies")
        return choose_best(np.array([score.f1 for score in self.scores if score.f1 is not None]))


def draw_f1(scores: Sequence[PositionScore], *, nested: bool) -> np.ndarray:
    """F1 of scores of the same truth in the draws of a bootstrap, (draws, k) float.

    Ten blocks of successive time points are drawn, or with fewer time points single positions, each
    once on average. False ones of one score are others than those of the next, or some of `nested`.
    """
    times, rows = np.unique(scores[0].truth_time_points, return_inverse=True)
    if len(times) >= _BLOCKS:
        rows = [rows, *(np.searchsorted(times, score.false_time_points) for score in scores)]
        true, *false = (row * _BLOCKS // len(times) for row in rows)
    else:
        firsts = np.cumsum([len(rows), *(0 if nested else score.false for score in scores)])
        true = np.arange(len(rows))
        false = [first + np.arange(score.false) for first, score in zip(firsts, scores)]
    right = [true[~np.isnan(score.offsets_um[:, 0])] for score in scores]
    number = max(group.max(initial=0) for group in (true, *false)) + 1
    weights = np.random.default_rng(0).poisson(1, (_DRAWS, number)).astype(np.float32)
    annotated, matched, wrong = (
        weights @ np.transpose([np.bincount(group, minlength=number) for group in groups])
        for groups in ([true], right, false)
    )
    return 2 * matched / np.maximum(matched + wrong + annotated, 1)


def score_positions(
    truth: Annotations,
    found: Annotations,
    *,
    max_distance_um: float = 5.0,
    threshold: float | None = None,
    by: str = "probability",
) -> PositionScore:
    """Scores found positions at the time points that `truth` annotates.

    A found position outside `truth.annotated_region` without a true partner is ignored: nobody said
    that there is no nucleus; of scattered annotations, what is not near one. Those whose property
    `by` is below the threshold are left out.
    """
    spacing_um = choose_common_spacing(truth, found)
    if threshold is not None:
        found = found.select(get_probabilities(found, found.properties, by) >= threshold)
    truth = truth.select(np.argsort(truth.time_points, kind="stable"))
    found = found.select(np.argsort(found.time_points, kind="stable"))
    truth_um, found_um = truth.positions * spacing_um, found.positions * spacing_um
    partners = match_to_truth(truth, found, max_distance_um)
    right = partners >= 0
    offsets_um = np.full((len(truth), 3), np.nan)
    offsets_um[partners[right]] = found_um[right] - truth_um[partners[right]]
    alone = ~right & np.isin(found.time_points, truth.time_points)
    false = alone & is_annotated(truth, found)
    return PositionScore(
        truth.time_points,
        truth_um[:, 0],
        offsets_um,
        found.time_points[false],
        found_um[false, 0],
        ignored=int(alone.sum() - false.sum()),
        max_distance_um=max_distance_um,
        scattered=truth.known_um is not None,
    )


def pool_scores(scores: Iterable[PositionScore]) -> PositionScore:
    """One score over several movies, taken at the same distance; every position counts the same."""
    scores = list(scores)
    (distance_um,) = get_common_way(scores, "max_distance_um") if scores else (5.0,)
    no_times, no_lengths = np.zeros(0, dtype=int), np.zeros(0)
    nothing = (no_times, no_lengths, np.zeros((0, 3)), no_times, no_lengths, 0, distance_um, False)
    *arrays, ignored, _, scattered = zip(nothing, *(vars(score).values() for score in scores))
    return PositionScore(*map(np.concatenate, arrays), sum(ignored), distance_um, any(scattered))


def get_common_way(scores: Sequence[Any], *options: str) -> tuple[Any, ...]:
    """These options of all scores. Raises UserError if they differ, or there are no scores."""
    ways = {tuple(getattr(score, option) for option in options) for score in scores}
    refuse_if(len(ways) != 1, "pooled way", options=", ".join(options), ways=sorted(ways))
    return ways.pop()


def score_over_thresholds(
    truth: Annotations,
    found: Annotations,
    *,
    thresholds: np.ndarray = DEFAULT_THRESHOLDS,
    **options: Any,
) -> ThresholdCurve:
    """The score at each of (k,) ascending thresholds; `options` are those of `score_positions`."""
    scores = (score_positions(truth, found, threshold=least, **options) for least in thresholds)
    return ThresholdCurve(np.asarray(thresholds), tuple(scores))


def find_best_threshold(pairs: Sequence[tuple[Annotations, Annotations]], **options: Any) -> float:
    """The threshold of highest F1 over all pairs; choose it on validation, never on test movies."""
    return pool_curves([score_over_thresholds(*pair, **options) for pair in pairs]).best()


def pool_curves(curves: Sequence[ThresholdCurve]) -> ThresholdCurve:
    """One curve over several movies that were scored at the same thresholds."""
    if not curves:
        return ThresholdCurve(np.zeros(0), ())
    scores = zip(*(curve.scores for curve in curves), strict=True)
    return ThresholdCurve(curves[0].thresholds, tuple(map(pool_scores, scores)))


def refuse_scattered(name: str) -> UserError:
    """For what needs to know what is false."""
    return make_error("scattered truth", name)


def get_probabilities(found: Annotations, table: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """One of the `table` or `link_properties` of what was found; UserError if one is None."""
    values = table.get(name, np.full(len(found), None))
    lacking = sum(value is None for value in values)
    many = {"lacking": lacking, "count": len(values)}
    refuse_if(lacking, "probability lacking", found.name, name=name, **many)
    return values.astype(float)


def format_score(value: float | None, unit: str = "", digits: int = 3) -> str:
    """So many decimals, or "not measured"."""
    return "not measured" if value is None else f"{value:.{digits}f}{unit}"


def compute_ratio(part: int, whole: int) -> float | None:
    """part / whole, or None of nothing."""
    return part / whole if whole else None
