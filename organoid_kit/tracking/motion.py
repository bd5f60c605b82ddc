"""How does the organoid move, and each nucleus in it? From coordinates alone; no image, no network.

drift           how far the organoid as a whole moves from a time point to the next
turn            how the organoid as a whole turns beside that
flow            how the neighbours of a nucleus move beside that: turning, growing, bending
displacement    what is left for a nucleus that moves on its own
"""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from organoid_kit.data import Annotations

MAX_DRIFT_UM = 24.0
_VOTE_UM = 2.0  # width of a ballot box: about as far as nuclei move on their own
_VOTERS = 500  # positions that vote on the drift of a time point; more do not change it
_MIN_PAIRS = 4  # fewer partners say nothing about a drift
_FLOWING = 8  # neighbours whose median step is the flow
_TURNING = 12  # fewer nuclei do not tell a turn from chance


def estimate_drift(annotations: Annotations) -> dict[int, np.ndarray]:
    """How far the organoid as a whole moves, (3,) float, zyx, µm, from each time point to the next.

    Every difference between a position and one of the next time point is a vote: right pairs agree.
    So drifts longer than the distance between nuclei are found, too, up to 24 µm along an axis. The
    winner, and no drift, are refined by the median displacement of mutual nearest neighbours, in
    which divisions and missed nuclei have little say; the one that leaves positions closer is kept.

    Limits: of rotation and growth only the mean is seen; a tissue as regular as a crystal can be
    taken for shifted by a whole nucleus; where fewer than four find a partner the drift is zero.
    """
    positions_um = annotations.positions_um
    return {
        time_point: _estimate_shift(positions_um[sources], positions_um[targets])
        for time_point, sources, targets in list_steps(annotations)
    }


def estimate_flow(positions_um: np.ndarray, linked: np.ndarray, steps_um: np.ndarray) -> np.ndarray:
    """How the surroundings of each position move: what turning, growing and bending add to drift.

    The median step of the eight nearest linked positions, the position itself left out; so a few
    wrong links have no say. (n, 3) float, zyx, µm; zero where fewer than four others are linked.

    Args:
        positions_um: (n, 3) float, zyx, µm, all of one time point.
        linked: (k,) int, rows of those whose link is trusted, each once.
        steps_um: (k, 3) float, zyx, µm, where their links lead.
    """
    if len(linked) <= _MIN_PAIRS:
        return np.zeros_like(positions_um)
    ranks = range(1, min(_FLOWING, len(linked) - 1) + 2)
    nearest = KDTree(positions_um[linked]).query(positions_um, k=ranks)[1]
    left_out = linked[nearest] == np.arange(len(positions_um))[:, np.newaxis]
    left_out[~left_out.any(axis=1), -1] = True  # where the position is not linked, the farthest
    return np.median(steps_um[nearest[~left_out].reshape(len(positions_um), -1)], axis=1)


def estimate_turn(positions_um: np.ndarray, linked: np.ndarray, steps_um: np.ndarray) -> np.ndarray:
    """Where each position is carried by the turn and shift that fit the steps best: like
    `estimate_flow`. Steps that do not fit count less and less (Kabsch's algorithm, with Cauchy's
    weights). Half of the nuclei say it of the other half, so that no wrong link confirms itself.
    """
    carried_um = np.zeros_like(positions_um)
    for half in (0, 1):
        asked, others_um = linked % 2 != half, positions_um[half::2]
        if np.count_nonzero(asked) < _TURNING:
            continue
        starts_um, weights = positions_um[linked[asked]], np.ones(np.count_nonzero(asked))
        ends_um = starts_um + steps_um[asked]
        for _ in range(5):
            start, end = (np.average(um, axis=0, weights=weights) for um in (starts_um, ends_um))
            left, _, right = np.linalg.svd((starts_um - start).T * weights @ (ends_um - end))
            left[:, -1] *= np.sign(np.linalg.det(left @ right))  # a mirror image is no turn
            errors = (((starts_um - start) @ left @ right + end - ends_um) ** 2).sum(axis=1)
            weights = 1 / (errors + np.median(errors) + 1e-6)
        carried_um[half::2] = (others_um - start) @ left @ right + end - others_um
    return carried_um


def compute_displacements(
    annotations: Annotations, links: np.ndarray, drift: dict[int, np.ndarray] | None = None
) -> np.ndarray:
    """Where each of (m, 2) links leads over the time points it spans: target - source - drift, (m,
    3) float, zyx, µm. The drift is what `estimate_drift` gave; None leaves it in.
    """
    positions_um = subtract_drift(annotations, drift or {})
    links = np.asarray(links, dtype=int).reshape(-1, 2)
    return positions_um[links[:, 1]] - positions_um[links[:, 0]]


def subtract_drift(annotations: Annotations, drift: dict[int, np.ndarray]) -> np.ndarray:
    """Positions as if the organoid had stayed where it was at first, (n, 3) float, zyx, µm."""
    positions_um = annotations.positions_um
    if len(positions_um) == 0:
        return positions_um
    first, last = annotations.time_points.min(), annotations.time_points.max()
    steps = [drift.get(int(time_point), np.zeros(3)) for time_point in range(first, last)]
    moved = np.cumsum([np.zeros(3), *steps], axis=0)
    return positions_um - moved[annotations.time_points - first]


def measure_gaps(annotations: Annotations) -> np.ndarray:
    """Median distance from a position to the nearest other at its time point, (n,) float, µm; where
    a time point has one only, that of the movie; infinite where no time point has two.
    """
    gaps_um, positions_um = np.full(len(annotations), np.nan), annotations.positions_um
    for time_point in annotations.annotated_time_points:
        rows = annotations.rows_at(time_point)
        if len(rows) > 1:
            distances_um, _ = KDTree(positions_um[rows]).query(positions_um[rows], k=2)
            gaps_um[rows] = np.median(distances_um[:, 1])
    known = np.isfinite(gaps_um)
    return np.where(known, gaps_um, np.median(gaps_um[known]) if known.any() else np.inf)


def list_steps(annotations: Annotations) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each time point that the next one follows, with the rows of both."""
    rows_at = annotations.rows_by_time
    return ((time, rows_at[time], rows_at[time + 1]) for time in rows_at if time + 1 in rows_at)


def _estimate_shift(sources_um: np.ndarray, targets_um: np.ndarray) -> np.ndarray:
    """The translation that brings the first positions onto the second, (3,) float, zyx, µm."""
    voters = sources_um[:: -(-len(sources_um) // _VOTERS)]
    sources, targets = KDTree(voters), KDTree(targets_um)
    # the most frequent difference between a target and a source
    near = sources.sparse_distance_matrix(targets, MAX_DRIFT_UM, output_type="ndarray")
    differences_um = targets.data[near["j"]] - sources.data[near["i"]]
    half = int(np.ceil(MAX_DRIFT_UM / _VOTE_UM))
    votes = np.zeros((2 * half + 1,) * 3)
    np.add.at(votes, tuple(np.rint(differences_um / _VOTE_UM).astype(int).T + half), 1)
    fullest = gaussian_filter(votes, 1, mode="constant").argmax()
    voted_um = (np.array(np.unravel_index(fullest, votes.shape)) - half) * _VOTE_UM
    shifts = [_refine_shift(sources, targets, guess) for guess in (np.zeros(3), voted_um)]

    def count_hits(shift: np.ndarray) -> float:
        distances_um, _ = targets.query(sources.data + shift)
        return float(np.exp(-0.5 * (distances_um / _VOTE_UM) ** 2).sum())  # the closer the more

    return max(shifts, key=count_hits)


def _refine_shift(sources: KDTree, targets: KDTree, shift: np.ndarray) -> np.ndarray:
    """The median displacement of mutual nearest neighbours, repeated until it stays the same."""
    for _ in range(20):
        _, nearest = targets.query(sources.data + shift)
        _, back = sources.query(targets.data[nearest] - shift)
        mutual = back == np.arange(len(nearest))
        if mutual.sum() < _MIN_PAIRS:
            return np.zeros(3)
        before, shift = shift, np.median((targets.data[nearest] - sources.data)[mutual], axis=0)
        if np.allclose(before, shift, atol=1e-3):
            break
    return shift
