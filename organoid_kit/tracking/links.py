"""Which position may be which, one time point later? From coordinates alone; no image, no network.

Everything is computed in coordinates from which the drift of the whole movie was taken out: there,
a nucleus that only moves with all others stands still.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.positions import match_positions

# With these, all true links of the bundled movies and of the real organoid are candidates, 99.8 %
# where nuclei move by 2 µm at random, and 97 to 98 % by 3 µm; six or seven candidates for each true
# link (benchmarks/candidates.py).
MAX_DISTANCE_UM = 12.0
NEIGHBOURS = 6
MAX_DRIFT_UM = 24.0
_VOTE_UM = 2.0  # width of a ballot box: about as far as nuclei move on their own
_VOTERS = 500  # positions that vote on the drift of a time point; more do not change it
_MIN_PAIRS = 4  # fewer partners say nothing about a drift
_FLOWING = 8  # neighbours whose median step is the flow


def estimate_drift(
    annotations: Annotations, *, max_drift_um: float = MAX_DRIFT_UM
) -> dict[int, np.ndarray]:
    """How far the organoid as a whole moves from each time point to the next, from positions alone.

    Every difference between a position and one of the next time point is a vote for a drift. Wrong
    pairs scatter their votes, right pairs agree, so the fullest place wins; drifts longer than the
    distance between nuclei are found as well. The winner, and no drift as its rival, are refined by
    the median displacement of mutual nearest neighbours until it stays the same; the one that
    leaves positions closer to each other is kept. Divisions and missed or invented nuclei have
    little say in a median.

    Limits: rotation and growth are not seen, only their mean; a tissue as regular as a crystal can
    be taken for shifted by a whole nucleus, if it drifts farther than nuclei are apart; where fewer
    than four positions find a partner the drift is taken to be zero.

    Args:
        annotations: positions of known spacing; links are not looked at.
        max_drift_um: longer drifts along an axis are not looked for.

    Returns:
        for each time point that has positions, as the next one does: (3,) float, zyx, µm.

    Raises:
        UserError: the spacing is unknown.
    """
    positions_um = _positions_um(annotations)
    return {
        time_point: _estimate_shift(positions_um[sources], positions_um[targets], max_drift_um)
        for time_point, sources, targets in _successive(annotations)
    }


def estimate_flow(positions_um: np.ndarray, linked: np.ndarray, steps_um: np.ndarray) -> np.ndarray:
    """How the surroundings of each position move: what turning, growing and bending add to the
    drift of the whole.

    The median step of the eight nearest linked positions, the position itself left out; so a few
    wrong links have no say.

    Args:
        positions_um: (n, 3) float, zyx, µm, all of one time point.
        linked: (k,) int, rows of those whose link is trusted, each once.
        steps_um: (k, 3) float, zyx, µm, where their links lead.

    Returns:
        (n, 3) float, zyx, µm; zero where fewer than four others are linked.
    """
    if len(linked) <= _MIN_PAIRS:
        return np.zeros_like(positions_um)
    ranks = range(1, min(_FLOWING, len(linked) - 1) + 2)
    nearest = KDTree(positions_um[linked]).query(positions_um, k=ranks)[1]
    own = linked[nearest] == np.arange(len(positions_um))[:, np.newaxis]
    own[~own.any(axis=1), -1] = True  # of the others, the farthest goes
    return np.median(steps_um[nearest[~own].reshape(len(positions_um), -1)], axis=1)


def compute_displacements(
    annotations: Annotations, links: np.ndarray, drift: dict[int, np.ndarray] | None = None
) -> np.ndarray:
    """Where each link leads, with the drift taken out, over all the time points that it spans.

    Args:
        annotations: positions of known spacing.
        links: (m, 2) int, rows of the positions.
        drift: what `estimate_drift` gave; None leaves it in.

    Returns:
        (m, 3) float, zyx, µm: target minus source minus drift.

    Raises:
        UserError: the spacing is unknown.
    """
    positions_um = _positions_without_drift(annotations, drift or {})
    links = np.asarray(links, dtype=int).reshape(-1, 2)
    return positions_um[links[:, 1]] - positions_um[links[:, 0]]


def find_candidates(
    annotations: Annotations,
    *,
    max_distance_um: float = MAX_DISTANCE_UM,
    neighbours: int = NEIGHBOURS,
    remove_drift: bool = True,
) -> Annotations:
    """All links there could be: of each position to its nearest ones one time point later, and one
    earlier.

    Args:
        annotations: positions of known spacing.
        max_distance_um: no candidate is longer, drift taken out.
        neighbours: how many nearest positions are candidates, in either direction.
        remove_drift: takes out what `estimate_drift` finds.

    Returns:
        the same positions; their links are the candidates, without properties.

    Raises:
        UserError: the spacing is unknown, or a number makes no sense.
    """
    _check_options(max_distance_um, neighbours)

    def find_pairs(sources_um: np.ndarray, targets_um: np.ndarray) -> np.ndarray:
        forward = _find_nearest(sources_um, targets_um, neighbours, max_distance_um)
        backward = _find_nearest(targets_um, sources_um, neighbours, max_distance_um)[:, ::-1]
        number = np.unique(np.concatenate([forward, backward]) @ [len(targets_um), 1])
        return np.stack(np.divmod(number, len(targets_um)), axis=1)

    return _link_successive(annotations, find_pairs, remove_drift)


def compute_candidate_recall(truth: Annotations, **options: float) -> float | None:
    """Part of the true links that are among the candidates: what no choice among these can exceed.

    Args:
        truth: annotated positions and links. Links that skip time points count as missed.
        **options: as of `find_candidates`.

    Returns:
        a number within 0 and 1, or None where there are no true links.
    """
    if len(truth.links) == 0:
        return None
    number = [len(truth), 1]
    return float(
        np.isin(truth.links @ number, find_candidates(truth, **options).links @ number).mean()
    )


def link_nearest(
    annotations: Annotations, *, max_distance_um: float = MAX_DISTANCE_UM, remove_drift: bool = True
) -> Annotations:
    """The simplest linking: each position comes from the nearest one of the time point before.

    No position gets more than two daughters: of several that claim it, the two nearest have it, the
    others begin anew.

    Args:
        annotations: positions of known spacing.
        max_distance_um: no link is longer, drift taken out.
        remove_drift: takes out what `estimate_drift` finds.

    Returns:
        the same positions, linked anew.
    """
    _check_options(max_distance_um)

    def find_pairs(sources_um: np.ndarray, targets_um: np.ndarray) -> np.ndarray:
        pairs = _find_nearest(targets_um, sources_um, 1, max_distance_um)[:, ::-1]
        lengths_um = np.linalg.norm(targets_um[pairs[:, 1]] - sources_um[pairs[:, 0]], axis=1)
        pairs = pairs[np.lexsort((lengths_um, pairs[:, 0]))]
        has_two_nearer = np.concatenate([np.zeros(2, dtype=bool), pairs[2:, 0] == pairs[:-2, 0]])[
            : len(pairs)
        ]
        return pairs[~has_two_nearer]

    return _link_successive(annotations, find_pairs, remove_drift)


def link_optimally(
    annotations: Annotations, *, max_distance_um: float = MAX_DISTANCE_UM, remove_drift: bool = True
) -> Annotations:
    """Optimal assignment: as many one-to-one links as possible and of these the shortest
    altogether. No divisions.

    Args:
        annotations: positions of known spacing.
        max_distance_um: no link is longer, drift taken out.
        remove_drift: takes out what `estimate_drift` finds.

    Returns:
        the same positions, linked anew.
    """
    _check_options(max_distance_um)

    def find_pairs(sources_um: np.ndarray, targets_um: np.ndarray) -> np.ndarray:
        return match_positions(sources_um, targets_um, max_distance_um)

    return _link_successive(annotations, find_pairs, remove_drift)


def _check_options(max_distance_um: float, neighbours: int = 1) -> None:
    if not (max_distance_um > 0 and neighbours >= 1):
        raise UserError(
            "Links need a largest distance above 0 µm and one neighbour or more. Received: max_distance_um "
            f"{max_distance_um}, neighbours {neighbours}. Change them."
        )


def _positions_um(annotations: Annotations) -> np.ndarray:
    if annotations.spacing_um is None:
        raise UserError(
            f"Positions can only be linked in µm. Received: positions of {annotations.name!r} without spacing. "
            "Set their spacing_um (z, y, x)."
        )
    return annotations.positions * annotations.spacing_um


def _positions_without_drift(annotations: Annotations, drift: dict[int, np.ndarray]) -> np.ndarray:
    """Positions as if the organoid had stayed where it was at first, (n, 3) float, zyx, µm."""
    positions_um = _positions_um(annotations)
    if len(positions_um) == 0:
        return positions_um
    first, last = annotations.time_points.min(), annotations.time_points.max()
    steps = [drift.get(int(time_point), np.zeros(3)) for time_point in range(first, last)]
    moved = np.cumsum([np.zeros(3), *steps], axis=0)
    return positions_um - moved[annotations.time_points - first]


def _successive(annotations: Annotations) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each time point that the next one follows, with the rows of both."""
    rows = np.argsort(annotations.time_points, kind="stable")
    time_points, starts = np.unique(annotations.time_points[rows], return_index=True)
    parts = dict(zip(time_points.tolist(), np.split(rows, starts[1:])))
    return ((each, part, parts[each + 1]) for each, part in parts.items() if each + 1 in parts)


def _link_successive(
    annotations: Annotations,
    find_pairs: Callable[[np.ndarray, np.ndarray], np.ndarray],
    remove_drift: bool,
) -> Annotations:
    """Links what `find_pairs` says of the positions (µm) of one time point and those of the next."""
    positions_um = _positions_without_drift(
        annotations, estimate_drift(annotations) if remove_drift else {}
    )
    links = [np.zeros((0, 2), dtype=int)]
    for _, sources, targets in _successive(annotations):
        pairs = find_pairs(positions_um[sources], positions_um[targets])
        links.append(np.stack([sources[pairs[:, 0]], targets[pairs[:, 1]]], axis=1))
    return dataclasses.replace(annotations, links=np.concatenate(links), link_properties={})


def _find_nearest(
    from_um: np.ndarray, to_um: np.ndarray, neighbours: int, max_distance_um: float
) -> np.ndarray:
    """Each of the first with its nearest of the second, (k, 2) int, rows."""
    ranks = range(1, min(neighbours, len(to_um)) + 1)
    distances_um, nearest = KDTree(to_um).query(
        from_um, k=ranks, distance_upper_bound=max_distance_um
    )
    rows, _ = found = np.nonzero(np.isfinite(distances_um))
    return np.stack([rows, nearest[found]], axis=1)


def _estimate_shift(
    sources_um: np.ndarray, targets_um: np.ndarray, max_drift_um: float
) -> np.ndarray:
    """The translation that brings the first positions onto the second, (3,) float, zyx, µm."""
    voters = sources_um[:: -(-len(sources_um) // _VOTERS)]
    trees = KDTree(voters), KDTree(targets_um)
    ends = [
        _refine_shift(*trees, start)
        for start in (np.zeros(3), _vote_for_shift(*trees, max_drift_um))
    ]
    return max(ends, key=lambda shift: _fit(*trees, shift))


def _vote_for_shift(sources: KDTree, targets: KDTree, max_drift_um: float) -> np.ndarray:
    """The most frequent difference between a target and a source, (3,) float, zyx, µm."""
    near = sources.sparse_distance_matrix(targets, max_drift_um, output_type="ndarray")
    half = int(np.ceil(max_drift_um / _VOTE_UM))
    boxes = (
        np.rint((targets.data[near["j"]] - sources.data[near["i"]]) / _VOTE_UM).astype(int) + half
    )
    shape = (2 * half + 1,) * 3
    votes = np.bincount(
        np.ravel_multi_index(tuple(boxes.T), shape), minlength=np.prod(shape)
    ).reshape(shape)
    smooth = gaussian_filter(votes.astype(float), 1, mode="constant")
    return (np.array(np.unravel_index(smooth.argmax(), shape)) - half) * _VOTE_UM


def _refine_shift(
    sources: KDTree, targets: KDTree, shift: np.ndarray, steps: int = 20
) -> np.ndarray:
    """The median displacement of mutual nearest neighbours, from a first guess until it stays the
    same.
    """
    for _ in range(steps):
        _, nearest = targets.query(sources.data + shift)
        _, back = sources.query(targets.data[nearest] - shift)
        mutual = back == np.arange(len(nearest))
        if mutual.sum() < _MIN_PAIRS:
            return np.zeros(3)
        before, shift = shift, np.median((targets.data[nearest] - sources.data)[mutual], axis=0)
        if np.allclose(before, shift, atol=1e-3):
            break
    return shift


def _fit(sources: KDTree, targets: KDTree, shift: np.ndarray) -> float:
    """How many of the sources, once shifted, have a target close by, the closer the more."""
    distances_um, _ = targets.query(sources.data + shift)
    return float(np.exp(-0.5 * (distances_um / _VOTE_UM) ** 2).sum())
