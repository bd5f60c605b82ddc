"""Which position may be which, one time point later? From coordinates alone; no image, no network.
The drift of the whole movie is taken out first: a nucleus that moves with all others stands still.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.base import refuse_if
from organoid_kit.data import Annotations
from organoid_kit.evaluation.matching import match_positions
from organoid_kit.tracking.motion import estimate_drift, list_steps, measure_gaps, subtract_drift

# With these, all true links of the bundled movies and of the real organoid are candidates, 99.8 %
# where nuclei move by 2 µm at random, and 97 to 98 % by 3 µm; six or seven candidates for each true
# link (benchmarks/candidates.py).
MAX_DISTANCE_UM = 12.0
NEIGHBOURS = 6
_REACH = 1.75  # times the distance to the nearest nucleus


def find_candidates(
    annotations: Annotations,
    *,
    max_distance_um: float | None = None,
    neighbours: int = NEIGHBOURS,
    remove_drift: bool = True,
) -> Annotations:
    """All links there could be: to the nearest positions one time point later, and one earlier.

    So many neighbours in either direction, none farther than the distance (None: what
    `choose_max_distance` says) after what `estimate_drift` finds was taken out. Of mothers, by
    ``properties["division_probability"]`` of 0.5 or more, twice as many within twice as far.
    """

    def find_pairs(sources_um: np.ndarray, targets_um: np.ndarray, reach_um: float) -> np.ndarray:
        forward = _find_nearest(sources_um, targets_um, neighbours, reach_um)
        backward = _find_nearest(targets_um, sources_um, neighbours, reach_um)[:, ::-1]
        return np.unique(np.concatenate([forward, backward]), axis=0)

    found = _link(annotations, find_pairs, max_distance_um, remove_drift, neighbours)
    said = annotations.properties.get("division_probability", np.zeros(len(annotations)))
    mothers = np.where(np.equal(said, None), 0, said).astype(float) >= 0.5
    if not mothers.any():
        return found

    def find_more(sources_um: np.ndarray, targets_um: np.ndarray, reach_um: float) -> np.ndarray:
        return _find_nearest(sources_um, targets_um, 2 * neighbours, 2 * reach_um)

    links = _link(annotations, find_more, max_distance_um, remove_drift, neighbours).links
    links = np.concatenate([found.links, links[mothers[links[:, 0]]]])
    return dataclasses.replace(found, links=np.unique(links, axis=0))


def choose_max_distance(
    annotations: Annotations, stated_um: float = MAX_DISTANCE_UM, relative_size: float = 1.0
) -> float:
    """How far a candidate may lead, µm: as stated, if that is not the usual distance, which grows
    with the size of nuclei (`TimeLapse.relative_size`) and the distance between them: daughters of
    large ones fly farther. Infinite where nuclei are alone.
    """
    if stated_um != MAX_DISTANCE_UM or len(annotations) == 0:
        return stated_um
    gap_um = float(np.median(measure_gaps(annotations)))
    return max(MAX_DISTANCE_UM * max(1.0, relative_size), _REACH * gap_um)


def compute_candidate_recall(truth: Annotations, **options: float) -> float | None:
    """Part of the true links among the candidates of `find_candidates`: no choice can exceed it.
    Links that skip time points count as missed. None where there are no true links.
    """
    if len(truth.links) == 0:
        return None
    candidates = set(map(tuple, find_candidates(truth, **options).links.tolist()))
    return float(np.mean([tuple(link) in candidates for link in truth.links.tolist()]))


def link_nearest(
    annotations: Annotations, *, max_distance_um: float | None = None, remove_drift: bool = True
) -> Annotations:
    """Each position comes from the nearest one of the time point before, as in `find_candidates`.
    Of several that claim it, the two nearest are its daughters, the others begin anew.
    """

    def find_pairs(sources_um: np.ndarray, targets_um: np.ndarray, reach_um: float) -> np.ndarray:
        targets, sources = _find_nearest(targets_um, sources_um, 1, reach_um).T
        lengths_um = np.linalg.norm(targets_um[targets] - sources_um[sources], axis=1)
        pairs = np.stack([sources, targets], axis=1)[np.lexsort((lengths_um, sources))]
        is_third = np.zeros(len(pairs), dtype=bool)
        is_third[2:] = pairs[2:, 0] == pairs[:-2, 0]
        return pairs[~is_third]

    return _link(annotations, find_pairs, max_distance_um, remove_drift)


def link_optimally(
    annotations: Annotations, *, max_distance_um: float | None = None, remove_drift: bool = True
) -> Annotations:
    """As many one-to-one links as possible, and of these the shortest altogether. No divisions."""
    return _link(annotations, match_positions, max_distance_um, remove_drift)


def _link(
    annotations: Annotations,
    find_pairs: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
    max_distance_um: float | None,
    remove_drift: bool,
    neighbours: int = 1,
) -> Annotations:
    """Links the pairs that `find_pairs` finds between one time point and the next, in µm."""
    if max_distance_um is None:
        max_distance_um = choose_max_distance(annotations)
    wrong = not (max_distance_um > 0 and neighbours >= 1)
    refuse_if(wrong, "link reach", max_distance_um=max_distance_um, neighbours=neighbours)
    positions_um = subtract_drift(annotations, estimate_drift(annotations) if remove_drift else {})
    links = [np.zeros((0, 2), dtype=int)]
    for _, sources, targets in list_steps(annotations):
        pairs = find_pairs(positions_um[sources], positions_um[targets], max_distance_um)
        links.append(np.stack([sources[pairs[:, 0]], targets[pairs[:, 1]]], axis=1))
    return dataclasses.replace(annotations, links=np.concatenate(links), link_properties={})


def _find_nearest(
    from_um: np.ndarray, to_um: np.ndarray, neighbours: int, max_distance_um: float
) -> np.ndarray:
    """Each of the first with its nearest of the second, (k, 2) int, rows."""
    k = range(1, min(neighbours, len(to_um)) + 1)
    distances_um, nearest = KDTree(to_um).query(from_um, k, distance_upper_bound=max_distance_um)
    rows, _ = found = np.nonzero(np.isfinite(distances_um))
    return np.stack([rows, nearest[found]], axis=1)
