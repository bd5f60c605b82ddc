"""Which found position is which true one? Pairs at least cost, nearest, true to found."""

from collections.abc import Iterable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import KDTree

from organoid_kit.base import make_error, refuse_if
from organoid_kit.data import Annotations, TimeLapse

_STEPS = 2**20  # costs are told apart to one part in so many

MAX_DISTANCE_UM = 5.0  # between what is the same, where nuclei have the usual size


def choose_radius_um(movies: Iterable[TimeLapse]) -> float:
    """How near a found position must be to be right, µm: 5, or as stated sizes say; one for all."""
    return MAX_DISTANCE_UM * float(np.median([m.relative_size for m in movies] or [1.0]))


def match_at_least_cost(
    rows: np.ndarray, columns: np.ndarray, costs: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs each row with a column of its own at the least cost, where only some pairs can be.

    With more rows than columns, every column with a row of its own. Costs are rounded to multiples
    of 2**-20, about 1e-6, which must not matter: with whole numbers SciPy's algorithm (LAPJVsp,
    Jonker and Volgenant 1987) always ends. With others it once did not, in notebook 06.

    Of (k,) rows, columns and costs of possible pairs: rows and columns of the pairs, (min(shape),)
    int each, sorted by the row. SciPy raises ValueError if there is no way to pair them all.
    """
    whole = np.rint((costs - costs.min()) * _STEPS) + 1  # in a sparse matrix, 0 is no entry
    matrix = coo_array((whole, (rows, columns)), shape=shape).tocsr()
    return min_weight_full_bipartite_matching(matrix)


def match_positions(
    truth_um: np.ndarray, found_um: np.ndarray, max_distance_um: float = MAX_DISTANCE_UM
) -> np.ndarray:
    """Pairs as many positions as possible, and of all such ways takes the shortest altogether. Of
    positions (n, 3) and (m, 3) float, zyx, µm: (k, 2) int, rows of both, sorted by the first.
    """
    n, m = len(truth_um), len(found_um)
    if n == 0 or m == 0:
        return np.zeros((0, 2), dtype=int)
    trees = KDTree(truth_um), KDTree(found_um)
    near = trees[0].sparse_distance_matrix(trees[1], max_distance_um, output_type="ndarray")
    # A true position may also stay alone, in a column of its own that costs more than all pairs.
    alone, cost = np.arange(n), np.full(n, (n + 1) * near["v"].max(initial=1.0))
    pairs = ((near["i"], alone), (near["j"], m + alone), (near["v"], cost))
    rows, columns = match_at_least_cost(*map(np.concatenate, pairs), (n, m + n))
    return np.stack([rows, columns], axis=1).astype(int)[columns < m]


def match_to_truth(
    truth: Annotations, found: Annotations, max_distance_um: float = MAX_DISTANCE_UM
) -> np.ndarray:
    """For each found position the row of its true partner within the distance, or -1: (n,) int."""
    spacing_um = choose_common_spacing(truth, found)
    truth_um, found_um = truth.positions * spacing_um, found.positions * spacing_um
    partners = np.full(len(found), -1)
    for time_point in np.intersect1d(truth.time_points, found.time_points):
        true_rows, found_rows = truth.rows_at(time_point), found.rows_at(time_point)
        pairs = match_positions(truth_um[true_rows], found_um[found_rows], max_distance_um)
        partners[found_rows[pairs[:, 1]]] = true_rows[pairs[:, 0]]
    return partners


def is_annotated(truth: Annotations, found: Annotations) -> np.ndarray:
    """Which found positions lie where truth names every nucleus, (n,) bool: in `annotated_region`,
    and, where annotations are scattered, near one of them.
    """
    inside = np.zeros(len(found), dtype=bool)
    for time_point in truth.annotated_time_points:
        rows = found.rows_at(time_point)
        low, high = truth.annotated_region(time_point)
        positions = found.positions[rows]
        inside[rows] = ((positions >= low) & (positions <= high)).all(axis=1)
        if truth.known_um is not None:
            spacing_um = choose_common_spacing(truth, found)
            known = KDTree(truth.positions_at(time_point) * spacing_um)
            inside[rows] = known.query(positions * spacing_um)[0] <= truth.known_um
    return inside


def choose_common_spacing(truth: Annotations, found: Annotations) -> np.ndarray:
    """The spacing of both, (3,) float, zyx, µm; if it is unknown or differs, a UserError."""
    for role, positions in (("true", truth), ("found", found)):
        refuse_if(positions.spacing_um is None, "scored in µm", positions.name, role=role)
    if not np.allclose(truth.spacing_um, found.spacing_um, rtol=1e-3):
        raise make_error("same spacing", truth.name, true=truth.spacing_um, found=found.spacing_um)
    return np.array(truth.spacing_um, dtype=float)
