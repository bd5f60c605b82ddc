"""What is right, missed and false when all counts as found whose probability is at least a
threshold.

Positions are matched anew at each threshold, as `score_positions` does it. Divisions and links are
judged once: which call means which true one does not depend on the threshold.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from organoid_kit.base import UserError
from organoid_kit.data import Annotations
from organoid_kit.evaluation import score_divisions
from organoid_kit.evaluation.matching import choose_common_spacing, match_positions, match_to_truth
from organoid_kit.evaluation.positions import compute_ratio, get_probabilities
from organoid_kit.evaluation.tracks import judge_links

KINDS = {
    "positions": "probability",
    "divisions": "division_probability",
    "links": "link_probability",
}


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a threshold does.

    Attributes:
        right: (a,) int, rows of what was found: positions; of links, their later ends.
        false: (b,) int, likewise.
        missed: (c,) int, rows of the truth.
    """

    right: np.ndarray
    false: np.ndarray
    missed: np.ndarray

    @property
    def precision(self) -> float | None:
        """Part of what is found that is right."""
        return compute_ratio(len(self.right), len(self.right) + len(self.false))

    @property
    def recall(self) -> float | None:
        """Part of what is true that is found."""
        return compute_ratio(len(self.right), len(self.right) + len(self.missed))

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; 0 where nothing of something was found."""
        right = 2 * len(self.right)
        wrong = len(self.missed) + len(self.false)
        return None if self.recall is None else compute_ratio(right, right + wrong)


Judge = Callable[[float], Judgement]


def list_kinds(truth: Annotations, found: Annotations) -> list[str]:
    """What can be judged: what was found has a probability, and the truth says what is right.

    Raises:
        UserError: there is nothing with a probability.
    """
    known = {*found.properties, *(found.link_properties if len(truth.links) else ())}
    kinds = [kind for kind, name in KINDS.items() if name in known]
    if not len(truth.links) and "divisions" in kinds:
        kinds.remove("divisions")
    if not kinds:
        raise UserError(
            "A threshold needs probabilities. "
            f"Received: {sorted({*found.properties, *found.link_properties})} of {found.name!r}. "
            "Pass what `predict_positions`, `predict_divisions` or `predict_links` returned."
        )
    return kinds


def make_judge(
    kind: str,
    truth: Annotations,
    found: Annotations,
    *,
    max_distance_um: float = 5.0,
    tolerance: int = 1,
) -> Judge:
    """Something that judges what was found at a threshold.

    Args:
        kind: "positions", "divisions" or "links".
        truth: the right answer.
        found: in the same voxels, with probabilities.
        max_distance_um: a position is right this close to a true one.
        tolerance: of divisions, time points by which a call may be too early or too late.

    Raises:
        UserError: the spacing is unknown or differs, or a probability is missing.
    """
    choose_common_spacing(truth, found)
    if kind == "divisions":
        return _make_division_judge(truth, found, max_distance_um, tolerance)
    make = _make_position_judge if kind == "positions" else _make_link_judge
    return make(truth, found, max_distance_um)


def _make_position_judge(truth: Annotations, found: Annotations, max_distance_um: float) -> Judge:
    probabilities = get_probabilities(found, found.properties, KINDS["positions"])

    def judge(threshold: float) -> Judgement:
        parts = [(np.zeros(0, int),) * 3]
        for time_point in truth.annotated_time_points.tolist():
            rows = found.rows_at(time_point)
            rows = rows[probabilities[rows] >= threshold]
            parts.append(_judge_time_point(truth, found, time_point, rows, max_distance_um))
        return Judgement(*map(np.concatenate, zip(*parts, strict=True)))

    return judge


def _judge_time_point(
    truth: Annotations,
    found: Annotations,
    time_point: int,
    rows: np.ndarray,
    max_distance_um: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that are right, false, missed; what is outside the annotated region is not judged."""
    true_rows, spacing = truth.rows_at(time_point), truth.spacing_um
    true_um, found_um = truth.positions[true_rows] * spacing, found.positions[rows] * spacing
    pairs = match_positions(true_um, found_um, max_distance_um)
    alone = np.delete(rows, pairs[:, 1])
    low, high = truth.annotated_region(time_point)
    inside = ((found.positions[alone] >= low) & (found.positions[alone] <= high)).all(axis=1)
    return rows[pairs[:, 1]], alone[inside], np.delete(true_rows, pairs[:, 0])


def _make_division_judge(
    truth: Annotations, found: Annotations, max_distance_um: float, tolerance: int
) -> Judge:
    score = score_divisions(truth, found, tolerance=tolerance, max_distance_um=max_distance_um)

    def judge(threshold: float) -> Judgement:
        called = score.probabilities >= threshold
        right = called & (score.called_mothers >= 0)
        false = called & score.judged & (score.called_mothers < 0)
        missed = np.setdiff1d(score.mothers, score.called_mothers[right])
        return Judgement(score.calls[right], score.calls[false], missed)

    return judge


def _make_link_judge(truth: Annotations, found: Annotations, max_distance_um: float) -> Judge:
    """Links whose ends were not found are mistakes of the position network: not counted."""
    probabilities = get_probabilities(found, found.link_properties, KINDS["links"])
    is_right = judge_links(truth, found, max_distance_um)
    partners = match_to_truth(truth, found, max_distance_um)
    within_reach = truth.links[np.isin(truth.links, partners).all(axis=1)]
    number = [len(truth), 1]  # makes one number of the two ends of a link

    def judge(threshold: float) -> Judgement:
        called = probabilities >= threshold
        right, false = called & (is_right == True), called & (is_right == False)  # noqa: E712
        missed = ~np.isin(within_reach @ number, partners[found.links[right]] @ number)
        return Judgement(found.links[right, 1], found.links[false, 1], within_reach[missed, 1])

    return judge
