"""How right are found positions? Compares two `Annotations`, whoever made them: people, networks,
blob detectors.

A found position is right if it can be paired with a true one at most `max_distance_um` away, each
with at most one partner. What cannot be measured is ``None`` and printed as "not measured": never
0, 1 or NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.matching import match_at_least_cost

DEFAULT_THRESHOLDS = np.round(np.arange(0.02, 1.0, 0.02), 2)


@dataclass(frozen=True, eq=False)
class PositionScore:
    """What was found, missed and invented, position by position; the figures follow from it.

    Attributes:
        truth_time_points: (n,) int, of the true positions.
        truth_depths_um: (n,) float, their z.
        offsets_um: (n, 3) float, zyx, found minus true position; NaN where the true position was
            missed.
        false_time_points: (m,) int, of found positions without a true partner.
        false_depths_um: (m,) float, their z.
        ignored: number of found positions that were not counted, as they lie where nobody
            annotated.
        max_distance_um: largest distance between partners.
    """

    truth_time_points: np.ndarray
    truth_depths_um: np.ndarray
    offsets_um: np.ndarray
    false_time_points: np.ndarray
    false_depths_um: np.ndarray
    ignored: int
    max_distance_um: float

    def __str__(self) -> str:
        counts = f"{self.matched} right, {self.missed} missed, {self.false} false, {self.ignored} ignored"
        return (
            f"precision {format_score(self.precision)}, recall {format_score(self.recall)}, F1 {format_score(self.f1)} "
            f"({counts}; one-to-one within {self.max_distance_um:g} µm); "
            f"mean distance {format_score(self.mean_distance_um, ' µm')}"
        )

    @property
    def truth_matched(self) -> np.ndarray:
        """Which true positions were found, (n,) bool."""
        return ~np.isnan(self.offsets_um[:, 0])

    @property
    def matched(self) -> int:
        """Number of true positions that were found."""
        return int(self.truth_matched.sum())

    @property
    def missed(self) -> int:
        """Number of true positions that were not found."""
        return len(self.offsets_um) - self.matched

    @property
    def false(self) -> int:
        """Number of found positions without a true partner."""
        return len(self.false_time_points)

    @property
    def precision(self) -> float | None:
        """Part of the found positions that is right."""
        return compute_ratio(self.matched, self.matched + self.false)

    @property
    def recall(self) -> float | None:
        """Part of the true positions that was found."""
        return compute_ratio(self.matched, self.matched + self.missed)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; 0 where there was something to find and nothing
        was.
        """
        if self.recall is None:
            return None
        return compute_ratio(2 * self.matched, 2 * self.matched + self.missed + self.false)

    @property
    def mean_distance_um(self) -> float | None:
        """Mean distance between found and true position, over those found."""
        distances = np.linalg.norm(self.offsets_um[self.truth_matched], axis=1)
        return float(distances.mean()) if len(distances) else None

    @property
    def bias_um(self) -> tuple[float, float, float] | None:
        """Mean of found minus true position, zyx: far from zero if positions are shifted all in one
        direction.
        """
        offsets = self.offsets_um[self.truth_matched]
        return tuple(offsets.mean(axis=0).tolist()) if len(offsets) else None

    def by_time_point(self) -> dict[int, PositionScore]:
        """The score of each time point."""
        return {
            int(time_point): self._part(
                self.truth_time_points == time_point, self.false_time_points == time_point
            )
            for time_point in np.unique(
                np.concatenate([self.truth_time_points, self.false_time_points])
            )
        }

    def by_depth(self, bin_um: float = 10.0) -> dict[tuple[float, float], PositionScore]:
        """The score in slabs of depth, keyed by (from, to) in µm of z. A match counts at the true
        depth.
        """
        truth_bins = np.floor(self.truth_depths_um / bin_um).astype(int)
        false_bins = np.floor(self.false_depths_um / bin_um).astype(int)
        return {
            (float(number * bin_um), float((number + 1) * bin_um)): self._part(
                truth_bins == number, false_bins == number
            )
            for number in np.unique(np.concatenate([truth_bins, false_bins]))
        }

    def to_dict(self) -> dict[str, Any]:
        """Counts and figures for JSON; None where not measured."""
        names = (
            "precision",
            "recall",
            "f1",
            "matched",
            "missed",
            "false",
            "ignored",
            "mean_distance_um",
            "bias_um",
        )
        return {name: getattr(self, name) for name in (*names, "max_distance_um")}

    def _part(self, truth: np.ndarray, false: np.ndarray) -> PositionScore:
        """The score of some of the true and some of the false positions, given as masks."""
        return PositionScore(
            self.truth_time_points[truth],
            self.truth_depths_um[truth],
            self.offsets_um[truth],
            self.false_time_points[false],
            self.false_depths_um[false],
            ignored=0,
            max_distance_um=self.max_distance_um,
        )


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """How the score depends on the probability above which a position counts as found.

    Attributes:
        thresholds: (k,) float, ascending.
        scores: the score at each threshold.
    """

    thresholds: np.ndarray
    scores: tuple[PositionScore, ...]

    def best(self) -> float:
        """The threshold of highest F1; of several equally good ones, the one in the middle.

        Raises:
            UserError: there are no true positions to choose it by.
        """
        return float(self.thresholds[self._best_row()])

    def best_score(self) -> PositionScore:
        """The score at the best threshold. Too good by nature: it was chosen on these very
        positions.
        """
        return self.scores[self._best_row()]

    def _best_row(self) -> int:
        if not self.scores or self.scores[0].f1 is None:
            raise UserError(
                "A threshold can only be chosen where there are true positions. Received: none. "
                "Pass movies that are annotated."
            )
        f1 = np.array([score.f1 for score in self.scores])
        best = np.flatnonzero(f1 >= f1.max() - 1e-12)
        return int(best[len(best) // 2])


def format_score(value: float | None, unit: str = "") -> str:
    """Three decimals, or "not measured"."""
    return "not measured" if value is None else f"{value:.3f}{unit}"


def match_positions(
    truth_um: np.ndarray, found_um: np.ndarray, max_distance_um: float = 5.0
) -> np.ndarray:
    """Pairs true with found positions: as many pairs as possible, and of these the smallest sum of
    distances.

    Args:
        truth_um: (n, 3) float, zyx, µm.
        found_um: (m, 3) float, zyx, µm.
        max_distance_um: no pair is farther apart than this.

    Returns:
        (k, 2) int, rows of `truth_um` and of `found_um`, sorted by the first.
    """
    if len(truth_um) == 0 or len(found_um) == 0:
        return np.zeros((0, 2), dtype=int)
    near = (
        KDTree(truth_um)
        .sparse_distance_matrix(KDTree(found_um), max_distance_um, output_type="coo_matrix")
        .tocoo()
    )
    # Each true position may also stay alone: it then takes a column of its own, dearer than all
    # pairs together.
    rows = np.arange(len(truth_um))
    alone = (len(truth_um) + 1) * max_distance_um
    truth_rows, columns = match_at_least_cost(
        np.concatenate([near.row, rows]),
        np.concatenate([near.col, len(found_um) + rows]),
        np.concatenate([near.data, np.full(len(rows), alone)]),
        (len(truth_um), len(found_um) + len(truth_um)),
    )
    paired = columns < len(found_um)
    return np.stack([truth_rows[paired], columns[paired]], axis=1).astype(int)


def score_positions(
    truth: Annotations,
    found: Annotations,
    *,
    max_distance_um: float = 5.0,
    threshold: float | None = None,
    by: str = "probability",
) -> PositionScore:
    """Scores found positions at the time points that `truth` annotates.

    A found position outside `truth.annotated_region` that has no true partner is ignored: nobody
    said that there is no nucleus.

    Args:
        truth: the right answer, with known spacing.
        found: what is to be judged, in the same voxels.
        max_distance_um: partners are at most this far apart.
        threshold: leaves out found positions whose property `by` is lower; None keeps all.
        by: the property the threshold applies to.

    Raises:
        UserError: the spacing is unknown or differs, or found positions lack the property.
    """
    spacing_um = choose_common_spacing(truth, found)
    if threshold is not None:
        found = found.select(get_probabilities(found, found.properties, by) >= threshold)
    scores = [
        _score_time_point(truth, found, time_point, spacing_um, max_distance_um)
        for time_point in truth.annotated_time_points
    ]
    return pool_scores(scores, max_distance_um=max_distance_um)


def pool_scores(scores: Iterable[PositionScore], max_distance_um: float = 5.0) -> PositionScore:
    """One score over several movies, every position counting the same.

    Args:
        scores: of the movies.
        max_distance_um: what the score of nothing at all states.

    Raises:
        UserError: the scores were taken with different distances.
    """
    scores = list(scores)
    distances = sorted({score.max_distance_um for score in scores}) or [max_distance_um]
    if len(distances) > 1:
        raise UserError(
            f"Scores can only be pooled if they allow the same distance. Received: {distances} µm. "
            "Score all movies with the same max_distance_um."
        )
    return PositionScore(
        np.concatenate([np.zeros(0, dtype=int), *(score.truth_time_points for score in scores)]),
        np.concatenate([np.zeros(0), *(score.truth_depths_um for score in scores)]),
        np.concatenate([np.zeros((0, 3)), *(score.offsets_um for score in scores)]),
        np.concatenate([np.zeros(0, dtype=int), *(score.false_time_points for score in scores)]),
        np.concatenate([np.zeros(0), *(score.false_depths_um for score in scores)]),
        ignored=sum(score.ignored for score in scores),
        max_distance_um=distances[0],
    )


def score_over_thresholds(
    truth: Annotations,
    found: Annotations,
    *,
    thresholds: np.ndarray = DEFAULT_THRESHOLDS,
    max_distance_um: float = 5.0,
    by: str = "probability",
) -> ThresholdCurve:
    """The score of `score_positions` at each threshold.

    Args:
        truth: the right answer.
        found: what is to be judged.
        thresholds: (k,) float, ascending.
        max_distance_um: partners are at most this far apart.
        by: the property the thresholds apply to.
    """
    options = {"max_distance_um": max_distance_um, "by": by}
    scores = (
        score_positions(truth, found, threshold=threshold, **options) for threshold in thresholds
    )
    return ThresholdCurve(np.asarray(thresholds), tuple(scores))


def find_best_threshold(
    pairs: Sequence[tuple[Annotations, Annotations]],
    *,
    thresholds: np.ndarray = DEFAULT_THRESHOLDS,
    **options: Any,
) -> float:
    """The threshold of highest F1 over all movies together. Choose it on validation movies, never
    on test movies.

    Args:
        pairs: (truth, found) of each movie.
        thresholds: (k,) float, ascending.
        **options: as of `score_over_thresholds`.
    """
    curves = [
        score_over_thresholds(truth, found, thresholds=thresholds, **options)
        for truth, found in pairs
    ]
    return pool_curves(curves).best()


def pool_curves(curves: Sequence[ThresholdCurve]) -> ThresholdCurve:
    """One curve over several movies that were scored at the same thresholds."""
    if not curves:
        return ThresholdCurve(np.zeros(0), ())
    scores = zip(*(curve.scores for curve in curves), strict=True)
    return ThresholdCurve(
        curves[0].thresholds, tuple(pool_scores(movie_scores) for movie_scores in scores)
    )


def _score_time_point(
    truth: Annotations,
    found: Annotations,
    time_point: int,
    spacing_um: np.ndarray,
    max_distance_um: float,
) -> PositionScore:
    """The score of one time point that `truth` annotates."""
    true_um = truth.positions_at(time_point) * spacing_um
    positions = found.positions_at(time_point)
    found_um = positions * spacing_um
    pairs = match_positions(true_um, found_um, max_distance_um)
    offsets_um = np.full((len(true_um), 3), np.nan)
    offsets_um[pairs[:, 0]] = found_um[pairs[:, 1]] - true_um[pairs[:, 0]]
    alone = np.setdiff1d(np.arange(len(positions)), pairs[:, 1])
    low, high = truth.annotated_region(time_point)
    false = alone[((positions[alone] >= low) & (positions[alone] <= high)).all(axis=1)]
    return PositionScore(
        np.full(len(true_um), time_point),
        true_um[:, 0],
        offsets_um,
        np.full(len(false), time_point),
        found_um[false, 0],
        ignored=len(alone) - len(false),
        max_distance_um=max_distance_um,
    )


def choose_common_spacing(truth: Annotations, found: Annotations) -> np.ndarray:
    """The spacing of both, (3,) float, zyx, µm.

    Raises:
        UserError: the spacing is unknown or differs.
    """
    for role, positions in (("true", truth), ("found", found)):
        if positions.spacing_um is None:
            raise UserError(
                f"Positions can only be scored in µm. Received: {role} positions of {positions.name!r} without "
                "spacing. Set their spacing_um (z, y, x)."
            )
    if not np.allclose(truth.spacing_um, found.spacing_um, rtol=1e-3):
        raise UserError(
            "True and found positions must have the same spacing. Received: "
            f"{truth.spacing_um} and {found.spacing_um} µm (z, y, x) in {truth.name!r}. "
            "Correct the wrong one, or find the positions again in the movie that was annotated."
        )
    return np.array(truth.spacing_um, dtype=float)


def get_probabilities(
    found: Annotations, properties: Mapping[str, np.ndarray], name: str
) -> np.ndarray:
    """A property that all of the positions, or all of the links, must have.

    Args:
        found: what was found.
        properties: its `properties` or `link_properties`.
        name: of one of these.

    Returns:
        (n,) float.

    Raises:
        UserError: one of them has none.
    """
    values = properties.get(name, np.full(len(found), None))
    lacking = sum(value is None for value in values)
    if lacking:
        raise UserError(
            f"A threshold needs a {name} of all that was found. Received: {lacking} of {len(values)} without one in "
            f"{found.name!r}. Leave the threshold out, or predict again, and pass the prediction as it is."
        )
    return values.astype(float)


def compute_ratio(part: int, whole: int) -> float | None:
    """part / whole, or None of nothing."""
    return part / whole if whole else None
