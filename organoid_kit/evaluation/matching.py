"""The cheapest way to pair things one to one, where only some pairs are possible."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

_STEPS = 2**20  # costs are told apart to one part in so many


def match_at_least_cost(
    rows: np.ndarray, columns: np.ndarray, costs: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs every row with a column of its own (or every column with a row, where there are fewer),
    at the least cost.

    SciPy's algorithm (LAPJVsp, Jonker and Volgenant 1987) lowers prices step by step, and in
    floating point a step can be so small that nothing changes: it then never ends (SciPy 1.17 and
    1.18, on costs of a badly trained network, see tests/test_matching.py). Whole numbers always
    change; so costs are rounded to parts of 2**-20, about 1e-6.

    Args:
        rows: (k,) int, of the pairs that are possible.
        columns: (k,) int, of the same pairs.
        costs: (k,) float, in any unit in which 1e-6 does not matter; may be below 0.
        shape: number of rows and of columns.

    Returns:
        rows and columns of the pairs, (min(shape),) int each, sorted by the row.

    Raises:
        ValueError: from SciPy, if no way pairs them all.
    """
    whole = np.rint((costs - costs.min()) * _STEPS) + 1  # in a sparse matrix, 0 is no entry
    return min_weight_full_bipartite_matching(
        coo_array((whole, (rows, columns)), shape=shape).tocsr()
    )
