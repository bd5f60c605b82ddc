"""Divisions compared with divisions. A division is where the mother was last seen, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.classification import compute_average_precision
from organoid_kit.evaluation.positions import choose_common_spacing, compute_ratio, format_score
from organoid_kit.evaluation.tracks.matching import is_annotated, match_to_truth


@dataclass(frozen=True, eq=False)
class DivisionScore:
    """Calls, "this nucleus divides", one by one; the figures follow from them.

    Attributes:
        mothers: (n,) int, rows of `truth`: its divisions.
        calls: (k,) int, rows of `found`: all that could be called a division, at whatever
            threshold.
        called_mothers: (k,) int, the true division that each call is right about, a row of `truth`,
            or -1.
        judged: (k,) bool, whether a call is right or false; others are ignored, see
            `score_divisions`.
        probabilities: (k,) float, of the calls; 1 where links were judged.
        ranked: whether calls have probabilities of their own.
        threshold: probability from which a nucleus is called dividing.
        tolerance: time points by which a call may be too early or too late.
        max_distance_um: largest distance between a call and the place of the division at that time.
    """

    mothers: np.ndarray
    calls: np.ndarray
    called_mothers: np.ndarray
    judged: np.ndarray
    probabilities: np.ndarray
    ranked: bool
    threshold: float
    tolerance: int
    max_distance_um: float

    def __str__(self) -> str:
        average = (
            f"average precision {format_score(self.average_precision)}, " if self.ranked else ""
        )
        return (
            f"{average}precision {format_score(self.precision)}, recall {format_score(self.recall)}, "
            f"F1 {format_score(self.f1)} ({self.matched} right, {self.missed} missed, {self.false} false, "
            f"{self.ignored} ignored; ±{self.tolerance} time points, within {self.max_distance_um:g} µm)"
        )

    @property
    def matched(self) -> int:
        """Number of divisions that were called."""
        return self._count(self.called_mothers >= 0)

    @property
    def missed(self) -> int:
        """Number of divisions that were not called."""
        return len(self.mothers) - self.matched

    @property
    def false(self) -> int:
        """Number of calls without a division."""
        return self._count(self.judged & (self.called_mothers < 0))

    @property
    def ignored(self) -> int:
        """Number of calls that were not counted, as nobody said what is right, or as they repeat a
        right one.
        """
        return self._count(~self.judged)

    @property
    def precision(self) -> float | None:
        """Part of the calls that is right."""
        return compute_ratio(self.matched, self.matched + self.false)

    @property
    def recall(self) -> float | None:
        """Part of the divisions that was called."""
        return compute_ratio(self.matched, len(self.mothers))

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; 0 where there were divisions and none was called."""
        if self.recall is None:
            return None
        return compute_ratio(2 * self.matched, len(self.mothers) + self.matched + self.false)

    @property
    def average_precision(self) -> float | None:
        """How well the probabilities rank divisions above all else, whatever the threshold.

        Divisions that no call is right about, however low its probability, count as never found.
        None where links were judged, which have no ranking, and where there are no divisions.
        """
        right = self.called_mothers[self.judged] >= 0
        if not self.ranked or len(self.mothers) == 0:
            return None
        return (
            (compute_average_precision(right, self.probabilities[self.judged]) or 0.0)
            * right.sum()
            / len(self.mothers)
        )

    def to_dict(self) -> dict[str, Any]:
        """Counts and figures for JSON; None where not measured."""
        names = (
            "average_precision",
            "precision",
            "recall",
            "f1",
            "matched",
            "missed",
            "false",
            "ignored",
        )
        return {
            name: getattr(self, name)
            for name in (*names, "threshold", "tolerance", "max_distance_um")
        }

    def _count(self, calls: np.ndarray) -> int:
        return int(np.count_nonzero(calls & (self.probabilities >= self.threshold)))


def score_divisions(
    truth: Annotations,
    found: Annotations,
    *,
    tolerance: int = 1,
    threshold: float = 0.5,
    max_distance_um: float = 5.0,
    by: str | None = "division_probability",
) -> DivisionScore:
    """Scores what is called a division: positions by their probability, or the divisions that links
    draw.

    Calls choose their divisions in order of probability, each division at most once. A call at the
    mother's last time point is compared with her place then; an earlier one with where she was
    then, a later one with the daughters and the middle between them, as truth links them.

    Not judged are calls where truth does not say what comes next: at its last time point and at
    time points that it does not annotate, outside `annotated_region`, and at true positions without
    a link onwards. With a tolerance, the mother, her past and her daughters may all be called, and
    mean the same division: all but the most probable call are ignored. Divisions drawn by links are
    separate events, and each of them counts.

    Args:
        truth: the right answer, with links, of known spacing.
        found: what is to be judged, in the same voxels.
        tolerance: time points by which a call may be too early or too late; 0, 1 and 2 are usual.
        threshold: a position is called dividing from this probability on; average precision does
            without.
        max_distance_um: how far a call may be from the division.
        by: property with the probability that a nucleus divides; positions where it is None call
            nothing. Where `found` has no such property, or for None, the divisions of its links are
            judged.

    Raises:
        UserError: the spacing is unknown or differs.
    """
    ranked = by in found.properties
    values = (
        found.properties[by].astype(float)
        if ranked
        else np.where(found.links_forward() >= 2, 1.0, np.nan)
    )
    calls = np.flatnonzero(~np.isnan(values))
    mothers = truth.divisions()
    claims = _collect_claims(truth, found, calls, tolerance, max_distance_um)
    called = np.full(len(calls), -1)
    for call, mother in _choose(claims, values[calls]):
        called[call] = mother
    judged = _is_known(truth, found, max_distance_um)[calls]
    if ranked and tolerance > 0:
        judged[claims[:, 0].astype(int)] = (
            False  # whoever could claim a division and has none repeats another
        )
    judged |= called >= 0
    options = (ranked, threshold, tolerance, max_distance_um)
    return DivisionScore(mothers, calls, called, judged, values[calls], *options)


def pool_division_scores(scores: Iterable[DivisionScore]) -> DivisionScore:
    """One score over several movies: all calls in one ranking, every division counting the same.

    Raises:
        UserError: there are no scores, or they were taken in different ways.
    """
    scores = list(scores)
    ways = {
        (score.ranked, score.threshold, score.tolerance, score.max_distance_um) for score in scores
    }
    if len(ways) != 1:
        raise UserError(
            "Scores can only be pooled if they were taken in the same way. Received: (ranked, threshold, tolerance, "
            f"max_distance_um) {sorted(ways)}. Score one movie or more with the same options."
        )
    names = ("mothers", "calls", "called_mothers", "judged", "probabilities")
    return DivisionScore(
        *(np.concatenate([getattr(score, name) for score in scores]) for name in names), *ways.pop()
    )


def _collect_claims(
    truth: Annotations,
    found: Annotations,
    calls: np.ndarray,
    tolerance: int,
    max_distance_um: float,
) -> np.ndarray:
    """All calls that could mean a division: (k, 4) float, number of the call, mother, time points
    off, µm off.
    """
    spacing_um = choose_common_spacing(truth, found)
    claims = [np.zeros((0, 4))]
    for time_point, places in _find_places(truth, tolerance).items():
        numbers = np.flatnonzero(found.time_points[calls] == time_point)
        mothers = np.array([mother for mother, _ in places])
        places_um = np.array([place for _, place in places]) * spacing_um
        there = KDTree(found.positions[calls[numbers]] * spacing_um)
        near = there.sparse_distance_matrix(
            KDTree(places_um), max_distance_um, output_type="ndarray"
        )
        mothers = mothers[near["j"]]
        late = np.abs(truth.time_points[mothers] - time_point)
        claims.append(np.stack([numbers[near["i"]], mothers, late, near["v"]], axis=1))
    return np.concatenate(claims)


def _find_places(truth: Annotations, tolerance: int) -> dict[int, list[tuple[int, np.ndarray]]]:
    """For each time point where a division may be called: (mother, place) of each, zyx, voxels."""
    parents = dict(truth.links[:, ::-1].tolist())
    children = defaultdict(list)
    for source, target in truth.links.tolist():
        children[source].append(target)
    places = defaultdict(list)
    for mother in truth.divisions().tolist():
        rows = np.array(
            [
                *_walk(truth, mother, parents, tolerance),
                *_descend(truth, mother, children, tolerance),
            ]
        )
        for time_point in np.unique(truth.time_points[rows]):
            there = truth.positions[rows[truth.time_points[rows] == time_point]]
            places[int(time_point)] += [(mother, place) for place in (*there, there.mean(axis=0))]
    return places


def _walk(truth: Annotations, mother: int, parents: dict[int, int], tolerance: int) -> list[int]:
    """The mother and her past, as far back as calls may be early."""
    rows = [mother]
    while (row := parents.get(rows[-1], -1)) >= 0 and truth.time_points[mother] - truth.time_points[
        row
    ] <= tolerance:
        rows.append(row)
    return rows


def _descend(
    truth: Annotations, mother: int, children: dict[int, list[int]], tolerance: int
) -> list[int]:
    """Her descendants, as far as calls may be late."""
    rows, new = [], [mother]
    while new := [
        child
        for row in new
        for child in children.get(row, [])
        if truth.time_points[child] - truth.time_points[mother] <= tolerance
    ]:
        rows += new
    return rows


def _choose(claims: np.ndarray, probabilities: np.ndarray) -> Iterable[tuple[int, int]]:
    """(Number of the call, mother) of the claims that win: the most probable call, then the nearest
    division.
    """
    numbers, mothers = claims[:, :2].astype(int).T
    taken_calls, taken_mothers = set(), set()
    for claim in np.lexsort((claims[:, 3], claims[:, 2], -probabilities[numbers])):
        call, mother = int(numbers[claim]), int(mothers[claim])
        if call not in taken_calls and mother not in taken_mothers:
            taken_calls.add(call)
            taken_mothers.add(mother)
            yield call, mother


def _is_known(truth: Annotations, found: Annotations, max_distance_um: float) -> np.ndarray:
    """Whether truth says what comes after each found position, (n,) bool."""
    if len(truth) == 0:
        return np.zeros(len(found), dtype=bool)
    partners = match_to_truth(truth, found, max_distance_um)
    goes_on = truth.links_forward()[partners] > 0
    before_the_end = found.time_points < truth.time_points.max()
    return before_the_end & np.where(partners >= 0, goes_on, is_annotated(truth, found))
