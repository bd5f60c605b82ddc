"""Which proposals of a detector or network still wait for a decision, the most doubtful first."""

import dataclasses

import numpy as np

from organoid_kit.data import Annotations
from organoid_kit.evaluation.matching import match_positions

SAME_NUCLEUS_UM = 5.0  # a candidate so near to a position is that nucleus, as in all scores
SAME_PLACE_UM = 0.1  # a candidate so near to a refused one is that one
_DOUBTS = (  # property, the value of the most doubtful, the order in words
    ("probability", 0.5, "Most doubtful first: probability nearest to 0.5."),
    ("response", 0.0, "Most doubtful first: the weakest response of the blob detector."),
)


def find_open_candidates(
    candidates: Annotations,
    annotations: Annotations,
    refused: np.ndarray,
    within_um: float = SAME_NUCLEUS_UM,
) -> np.ndarray:
    """Rows of the candidates that are neither refused nor have a position of their own.

    Args:
        annotations: each position stands for one candidate at most.
        refused: (n, 4) float, time point, z, y, x of what was refused.
        within_um: a candidate and a position farther apart are two nuclei.
    """
    spacing_um = np.array(candidates.spacing_um or annotations.spacing_um or (1.0, 1.0, 1.0))
    still = np.ones(len(candidates), bool)
    for time_point in candidates.annotated_time_points:
        rows = candidates.rows_at(time_point)
        found = candidates.positions[rows]
        known = annotations.positions_at(time_point)
        known = known[np.isfinite(known).all(axis=1)]
        refused_here = refused[refused[:, 0] == time_point, 1:]
        for decided, near_um in ((known, within_um), (refused_here, SAME_PLACE_UM)):
            pairs = match_positions(decided * spacing_um, found * spacing_um, near_um)
            still[rows[pairs[:, 1]]] = False
    return np.flatnonzero(still)


def sort_by_doubt(candidates: Annotations, rows: np.ndarray) -> tuple[np.ndarray, str]:
    """These rows, the most doubtful first, and the order in words.

    An answer to the most doubtful teaches a network most: with the property "probability" that is
    the one nearest to 0.5 (uncertainty sampling; Lewis and Gale 1994); with "response" of the blob
    detector, the weakest; otherwise candidates come in the order of time.
    """
    for name, middle, text in _DOUBTS:
        if name in candidates.properties:
            values = candidates.properties[name][rows]
            doubt = np.array([middle if value is None else value for value in values], float)
            return rows[np.argsort(np.abs(doubt - middle), kind="stable")], text
    order = np.argsort(candidates.time_points[rows], kind="stable")
    return rows[order], "In the order of time: nothing says how sure these candidates are."


def join_candidates(earlier: Annotations | None, more: Annotations) -> Annotations:
    """Candidates of several time points together, without links; the rows of the earlier stay."""
    if earlier is None:
        return more
    properties = {
        name: np.concatenate([values, more.properties[name]])
        for name, values in earlier.properties.items()
    }
    return dataclasses.replace(
        earlier,
        positions=np.concatenate([earlier.positions, more.positions]),
        time_points=np.concatenate([earlier.time_points, more.time_points]),
        links=np.zeros((0, 2), int),
        properties=properties,
        link_properties={},
    )
