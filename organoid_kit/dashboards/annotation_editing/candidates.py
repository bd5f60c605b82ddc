"""Which proposals of a detector or network still wait for a decision, and which of them is the most
doubtful.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.positions import match_positions

SAME_NUCLEUS_UM = (
    5.0  # within this a candidate and a position are the same nucleus, as in all scores of the kit
)
SAME_PLACE_UM = 0.1  # a candidate so near to a refused one is that one


@dataclass(frozen=True, eq=False)
class CandidateOrder:
    """Candidates in the order in which they are asked about.

    Attributes:
        rows: (n,) int, of the candidates.
        text: the order in words.
    """

    rows: np.ndarray
    text: str


def find_open_candidates(
    candidates: Annotations,
    annotations: Annotations,
    refused: np.ndarray,
    within_um: float = SAME_NUCLEUS_UM,
) -> np.ndarray:
    """Rows of the candidates that nobody has decided on: without a position of their own, and not
    refused.

    Args:
        candidates: of a detector or network.
        annotations: of the same movie; each position stands for one candidate at most.
        refused: (n, 4) float, time point, z, y, x of what was refused.
        within_um: a candidate and a position farther apart are two nuclei.
    """
    spacing_um = np.array(candidates.spacing_um or annotations.spacing_um or (1.0, 1.0, 1.0))
    still = np.ones(len(candidates), bool)
    for time_point in candidates.annotated_time_points:
        rows = candidates.rows_at(time_point)
        found_um = candidates.positions[rows] * spacing_um
        known = annotations.positions_at(time_point)
        known_um = known[np.isfinite(known).all(axis=1)] * spacing_um
        still[rows[match_positions(known_um, found_um, within_um)[:, 1]]] = False
        refused_um = refused[refused[:, 0] == time_point, 1:] * spacing_um
        still[rows[match_positions(refused_um, found_um, SAME_PLACE_UM)[:, 1]]] = False
    return np.flatnonzero(still)


def sort_by_doubt(candidates: Annotations, rows: np.ndarray) -> CandidateOrder:
    """The most doubtful first: an answer to these teaches a network most.

    With the property "probability", that is the one nearest to 0.5 (uncertainty sampling; Lewis and
    Gale 1994); with "response" of the blob detector, the weakest; otherwise candidates come in the
    order of time.
    """
    for name, middle, text in (
        ("probability", 0.5, "Most doubtful first: probability nearest to 0.5."),
        ("response", 0.0, "Most doubtful first: the weakest response of the blob detector."),
    ):
        if name in candidates.properties:
            doubt = np.array(
                [middle if value is None else value for value in candidates.properties[name][rows]],
                float,
            )
            return CandidateOrder(rows[np.argsort(np.abs(doubt - middle), kind="stable")], text)
    order = np.argsort(candidates.time_points[rows], kind="stable")
    return CandidateOrder(
        rows[order], "In the order of time: nothing says how sure these candidates are."
    )


def join_candidates(earlier: Annotations | None, more: Annotations) -> Annotations:
    """Candidates of several time points together; the rows of the earlier ones stay. Links are left
    out.
    """
    if earlier is None:
        return more
    return dataclasses.replace(
        earlier,
        positions=np.concatenate([earlier.positions, more.positions]),
        time_points=np.concatenate([earlier.time_points, more.time_points]),
        links=np.zeros((0, 2), int),
        properties={
            name: np.concatenate([values, more.properties[name]])
            for name, values in earlier.properties.items()
        },
        link_properties={},
    )
