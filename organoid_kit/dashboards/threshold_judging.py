"""What is right, missed and false when all counts as found whose probability is at least a
threshold.

Positions are matched anew at each threshold, as `score_positions` does it. Divisions and links are
judged once: which call means which true one does not depend on the threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.matching import choose_common_spacing, match_positions, match_to_truth
from organoid_kit.evaluation.positions import compute_ratio, get_probabilities
from organoid_kit.evaluation.tracks import judge_links, score_divisions

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
        """Harmonic mean of precision and recall; 0 where there was something to find and nothing
        was.
        """
        if self.recall is None:
            return None
        return compute_ratio(
            2 * len(self.right), 2 * len(self.right) + len(self.missed) + len(self.false)
        )


Judge = Callable[[float], Judgement]


def list_kinds(truth: Annotations, found: Annotations) -> list[str]:
    """What can be judged: what was found has a probability, and the truth says what is right.

    Raises:
        UserError: there is nothing with a probability.
    """
    kinds = [kind for kind in ("positions", "divisions") if KINDS[kind] in found.properties]
    kinds = [kind for kind in kinds if kind == "positions" or len(truth.links)]
    if KINDS["links"] in found.link_properties and len(truth.links):
        kinds.append("links")
    if not kinds:
        raise UserError(
            "A threshold needs probabilities. Received: "
            f"{sorted({*found.properties, *found.link_properties})} of {found.name!r}. Pass what `predict_positions`, "
            "`predict_divisions` or `predict_links` returned."
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
        found: in the same voxels; positions have "probability" or "division_probability", links
            "link_probability".
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
    times = truth.annotated_time_points.tolist()

    def judge(threshold: float) -> Judgement:
        parts = [
            _judge_time_point(truth, found, time_point, probabilities >= threshold, max_distance_um)
            for time_point in times
        ]
        return (
            Judgement(*(np.concatenate([np.zeros(0, int), *each]) for each in zip(*parts)))
            if parts
            else _NOTHING
        )

    return judge


def _judge_time_point(
    truth: Annotations,
    found: Annotations,
    time_point: int,
    taken: np.ndarray,
    max_distance_um: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that are right, false and missed; what lies outside the annotated region is not judged."""
    true_rows, rows = truth.rows_at(time_point), found.rows_at(time_point)
    rows = rows[taken[rows]]
    true_um, found_um = (
        truth.positions[true_rows] * truth.spacing_um,
        found.positions[rows] * truth.spacing_um,
    )
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
    """True links whose ends were not found are mistakes of the position network, and not counted."""
    probabilities = get_probabilities(found, found.link_properties, KINDS["links"])
    is_right = judge_links(truth, found, max_distance_um)
    partners = match_to_truth(truth, found, max_distance_um)
    within_reach = truth.links[np.isin(truth.links, partners).all(axis=1)]

    def judge(threshold: float) -> Judgement:
        called = probabilities >= threshold
        right, false = called & (is_right == True), called & (is_right == False)  # noqa: E712
        number = [len(truth), 1]
        missed = ~np.isin(within_reach @ number, partners[found.links[right]] @ number)
        return Judgement(found.links[right, 1], found.links[false, 1], within_reach[missed, 1])

    return judge


_NOTHING = Judgement(*(np.zeros(0, int),) * 3)
