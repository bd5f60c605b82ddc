"""Divisions compared with divisions. A division is where the mother was last seen, and when."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.data import Annotations
from organoid_kit.evaluation.classification import compute_average_precision
from organoid_kit.evaluation.matching import choose_common_spacing, is_annotated, match_to_truth
from organoid_kit.evaluation.positions import DetectionScore, format_score, get_common_way


@dataclass(frozen=True, eq=False)
class DivisionScore(DetectionScore):
    """Calls, "this nucleus divides", one by one; the figures follow from them."""

    mothers: np.ndarray  # (n,) int, rows of `truth`: its divisions
    calls: np.ndarray  # (k,) int, rows of `found`: all that could be called, at whatever threshold
    # (k,) int, the division that each call is right about, a row of `truth`, or -1
    called_mothers: np.ndarray
    # (k,) bool, whether a call is right or false; others are ignored, see `score_divisions`
    judged: np.ndarray
    probabilities: np.ndarray  # (k,) float, of the calls; 1 where links were judged
    ranked: bool  # whether calls have probabilities of their own
    threshold: float  # probability from which a nucleus is called dividing
    tolerance: int  # time points by which a call may be too early or too late
    max_distance_um: float  # between a call and the place of the division at that time

    def __str__(self) -> str:
        average = f"average precision {format_score(self.average_precision)}, "
        way = f"±{self.tolerance} time points, within {self.max_distance_um:g} µm"
        return (average if self.ranked else "") + self.describe(way)

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
        """Number of calls not counted: nobody said what is right, or they repeat a right one."""
        return self._count(~self.judged)

    @property
    def average_precision(self) -> float | None:
        """How well the probabilities rank divisions above all else, whatever the threshold.

        Divisions that no call is right about, however low its probability, count as never found.
        None where links were judged, which have no ranking, and where there are no divisions.
        """
        if not self.ranked or len(self.mothers) == 0:
            return None
        right = self.called_mothers[self.judged] >= 0
        average = compute_average_precision(right, self.probabilities[self.judged]) or 0.0
        return average * right.sum() / len(self.mothers)

    def to_dict(self) -> dict[str, Any]:
        """Counts and figures for JSON; None where not measured."""
        figures = "average_precision precision recall f1 matched missed false ignored"
        names = f"{figures} threshold tolerance max_distance_um".split()
        return {name: getattr(self, name) for name in names}

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
    """Scores what is called a division, by the probabilities of positions or by the links.

    Calls choose their divisions in order of probability, each division at most once. A call at the
    mother's last time point is compared with her place then; an earlier one with where she was
    then, a later one with the daughters and the middle between them, as truth links them.

    Not judged are calls where truth does not say what comes next: at its last time point and at
    time points that it does not annotate, outside `annotated_region`, and at true positions without
    a link onwards. With a tolerance, the mother, her past and her daughters may all be called, and
    mean the same division: all but the most probable call are ignored. Divisions drawn by links are
    separate events, and each of them counts. UserError where the spacing is unknown or differs.

    Args:
        tolerance: time points by which a call may be too early or too late; 0, 1 and 2 are usual.
        threshold: from this probability on a division is called; average precision does without.
        by: property with the probability that a nucleus divides; where it is None, nothing is
            called. Where `found` lacks it, or for None, the divisions of its links are judged.
    """
    ranked = by in found.properties
    if ranked:
        values = found.properties[by].astype(float)
    else:
        values = np.where(found.links_forward() >= 2, 1.0, np.nan)
    calls = np.flatnonzero(~np.isnan(values))
    claims = _collect_claims(truth, found, calls, tolerance, max_distance_um)
    numbers, mothers = claims[:, :2].astype(int).T
    # the most probable call chooses first, and the nearest division, in time and then in space
    order = np.lexsort((claims[:, 3], claims[:, 2], -values[calls][numbers]))
    called = np.full(len(calls), -1)
    for call, mother in zip(numbers[order], mothers[order]):
        if called[call] < 0 and mother not in called:
            called[call] = mother
    judged = _is_known(truth, found, max_distance_um)[calls]
    if ranked and tolerance > 0:
        # a call that could claim a division and got none repeats another one
        judged[numbers] = False
    judged |= called >= 0
    options = (ranked, threshold, tolerance, max_distance_um)
    return DivisionScore(truth.divisions(), calls, called, judged, values[calls], *options)


def pool_division_scores(scores: Iterable[DivisionScore]) -> DivisionScore:
    """One score over several movies, all calls in one ranking; errors as `get_common_way`."""
    scores = list(scores)
    way = get_common_way(scores, "ranked", "threshold", "tolerance", "max_distance_um")
    arrays = zip(*(list(vars(score).values())[: -len(way)] for score in scores))
    return DivisionScore(*map(np.concatenate, arrays), *way)


def _collect_claims(
    truth: Annotations, found: Annotations, calls: np.ndarray, tolerance: int, reach_um: float
) -> np.ndarray:
    """Calls that could mean a division, (k, 4) float: call, mother, time points off, µm off."""
    spacing_um = choose_common_spacing(truth, found)
    claims = [np.zeros((0, 4))]
    for time_point, events in _list_events(truth, tolerance).items():
        mothers, places = map(np.array, zip(*events))
        numbers = np.flatnonzero(found.time_points[calls] == time_point)
        there = KDTree(found.positions[calls[numbers]] * spacing_um), KDTree(places * spacing_um)
        near = there[0].sparse_distance_matrix(there[1], reach_um, output_type="ndarray")
        mothers = mothers[near["j"]]
        off = np.abs(truth.time_points[mothers] - time_point)
        claims.append(np.stack([numbers[near["i"]], mothers, off, near["v"]], axis=1))
    return np.concatenate(claims)


def _list_events(truth: Annotations, tolerance: int) -> dict[int, list[tuple[int, np.ndarray]]]:
    """For each time point at which a division may be called: (mother, place zyx in voxels)."""
    parents = dict(truth.links[:, ::-1].tolist())
    children = defaultdict(list)
    for source, target in truth.links.tolist():
        children[source].append(target)
    times, events = truth.time_points, defaultdict(list)
    for mother in truth.divisions().tolist():
        rows, past, new = [mother], parents.get(mother, -1), [mother]
        while past >= 0 and times[mother] - times[past] <= tolerance:
            rows.append(past)
            past = parents.get(past, -1)
        while new:
            new = [child for row in new for child in children[row]]
            new = [child for child in new if times[child] - times[mother] <= tolerance]
            rows += new
        rows = np.array(rows)
        for time_point in np.unique(times[rows]).tolist():
            there = truth.positions[rows[times[rows] == time_point]]
            events[time_point] += [(mother, place) for place in (*there, there.mean(axis=0))]
    return events


def _is_known(truth: Annotations, found: Annotations, max_distance_um: float) -> np.ndarray:
    """Whether truth says what comes after each found position, (n,) bool."""
    if len(truth) == 0:
        return np.zeros(len(found), dtype=bool)
    partners = match_to_truth(truth, found, max_distance_um)
    goes_on = truth.links_forward()[partners] > 0
    before_the_end = found.time_points < truth.time_points.max()
    return before_the_end & np.where(partners >= 0, goes_on, is_annotated(truth, found))
