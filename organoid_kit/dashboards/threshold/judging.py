"""What is right, missed and false at a threshold: all counts as found that is at least as probable.

Positions are matched anew at each threshold, as `score_positions` does it. Divisions and links are
judged once: which call means which true one does not depend on the threshold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from organoid_kit.base import refuse_if
from organoid_kit.data import Annotations
from organoid_kit.evaluation.matching import choose_common_spacing, is_annotated, match_to_truth
from organoid_kit.evaluation.positions import DetectionScore, get_probabilities
from organoid_kit.evaluation.tracks import judge_links, score_divisions

KINDS = {"positions": "probability", "divisions": "division_probability"}
KINDS["links"] = "link_probability"


@dataclass(frozen=True, eq=False)
class Judgement(DetectionScore):
    """What a threshold does, with the figures of other scores.

    `rows`, (n,) int: "right" and "false" of those found (later ends of links), "missed" of truth.
    """

    rows: Mapping[str, np.ndarray]
    scattered: bool = False
    matched = property(lambda judged: len(judged.rows["right"]))
    missed = property(lambda judged: len(judged.rows["missed"]))
    false = property(lambda judged: len(judged.rows["false"]))


Judge = Callable[[float], Judgement]


def list_kinds(truth: Annotations, found: Annotations) -> list[str]:
    """What has a probability, and a truth to judge it by. Raises UserError where nothing has."""
    known = {*found.properties, *found.link_properties}
    possible = KINDS if len(truth.links) else ["positions"]
    kinds = [kind for kind in possible if KINDS[kind] in known]
    refuse_if(not kinds, "probabilities", known=sorted(known), name=found.name)
    return kinds


def make_judge(
    kind: str, truth: Annotations, found: Annotations, max_distance_um: float, tolerance: int
) -> Judge:
    """Something that judges what was found at a threshold, of one of `list_kinds`.

    A position is right within `max_distance_um` of a true one, a division within `tolerance` time
    points. Raises UserError where the spacing is unknown or differs, or a probability is missing.
    """
    choose_common_spacing(truth, found)
    if kind == "divisions":
        return _make_division_judge(truth, found, max_distance_um, tolerance)
    make = _make_position_judge if kind == "positions" else _make_link_judge
    return make(truth, found, max_distance_um)


def sort_by_time(annotations: Annotations, rows: np.ndarray) -> np.ndarray:
    """Rows in order of time."""
    return rows[np.argsort(annotations.time_points[rows], kind="stable")]


def _make_position_judge(truth: Annotations, found: Annotations, max_distance_um: float) -> Judge:
    """What is outside the annotated region is not judged."""
    probabilities = get_probabilities(found, found.properties, KINDS["positions"])
    inside, true_rows = is_annotated(truth, found), np.arange(len(truth))

    def judge(threshold: float) -> Judgement:
        rows = np.flatnonzero(probabilities >= threshold)
        partners = match_to_truth(truth, found.select(rows), max_distance_um)
        right, alone = rows[partners >= 0], rows[partners < 0]
        missed, false = np.setdiff1d(true_rows, partners), alone[inside[alone]]
        sides = {"right": (found, right), "false": (found, false), "missed": (truth, missed)}
        rows = {name: sort_by_time(*side) for name, side in sides.items()}
        return Judgement(rows, truth.known_um is not None)

    return judge


def _make_division_judge(
    truth: Annotations, found: Annotations, max_distance_um: float, tolerance: int
) -> Judge:
    score = score_divisions(truth, found, tolerance=tolerance, max_distance_um=max_distance_um)

    def judge(threshold: float) -> Judgement:
        called = score.probabilities >= threshold
        right = called & (score.called_mothers >= 0)
        false = called & score.judged & (score.called_mothers < 0)
        missed = np.setdiff1d(score.mothers, score.called_mothers[right])
        calls = score.calls
        return Judgement({"right": calls[right], "false": calls[false], "missed": missed})

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
        right, false, missed = found.links[right, 1], found.links[false, 1], within_reach[missed, 1]
        return Judgement({"right": right, "false": false, "missed": missed})

    return judge
