"""The cheapest pairs, and what SciPy is given to find them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linear_sum_assignment

from organoid_kit.evaluation import matching
from organoid_kit.evaluation.matching import match_at_least_cost, match_positions


def make_costs(seed: int, size: int):
    """Rows, columns and costs of possible pairs, and their shape; every row can be paired."""
    rng = np.random.default_rng(seed)
    n, m = sorted(rng.integers(2, size, 2).tolist())
    possible = rng.random((n, m)) < 0.4
    possible[np.arange(n), rng.permutation(m)[:n]] = True
    rows, columns = np.nonzero(possible)
    return rows, columns, rng.normal(0, rng.choice([1e-3, 1, 1e3]), len(rows)), (n, m)


def fill_matrix(rows, columns, costs, shape):
    """All costs, (n, m) float, where impossible pairs cost more than any others together."""
    full = np.full(shape, 1e6)
    full[rows, columns] = costs
    return full


@pytest.fixture
def given_to_scipy(monkeypatch):
    """The sparse matrices that SciPy was asked about."""
    asked, ask = [], matching.min_weight_full_bipartite_matching

    def listen(matrix):
        asked.append(matrix)
        return ask(matrix)

    monkeypatch.setattr(matching, "min_weight_full_bipartite_matching", listen)
    return asked


@pytest.mark.parametrize("seed", range(20))
def test_scipy_is_given_whole_numbers_only(seed, given_to_scipy):
    rows, columns, costs, shape = make_costs(seed, 25)
    match_at_least_cost(rows, columns, costs, shape)
    (matrix,) = given_to_scipy
    assert matrix.nnz == len(costs)  # none became 0, which is no entry
    assert (matrix.data == np.rint(matrix.data)).all() and matrix.data.min() == 1
    whole = matrix.toarray()[rows, columns]
    np.testing.assert_allclose((whole - 1) / 2**20, costs - costs.min(), rtol=0, atol=1e-6)


def test_positions_come_to_scipy_as_whole_numbers(given_to_scipy):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 20, (30, 3))
    match_positions(points, points[:25] + rng.normal(0, 2, (25, 3)))
    (matrix,) = given_to_scipy
    assert (matrix.data == np.rint(matrix.data)).all()


@pytest.mark.parametrize("seed", range(20))
def test_no_other_pairs_are_cheaper(seed):
    """All ways to pair, one by one."""
    rows, columns, costs, shape = make_costs(seed, 7)
    full = fill_matrix(rows, columns, costs, shape)
    every_row = np.arange(shape[0])
    ways = itertools.permutations(range(shape[1]), shape[0])
    cheapest = min(full[every_row, list(way)].sum() for way in ways)
    assert full[match_at_least_cost(rows, columns, costs, shape)].sum() == pytest.approx(
        cheapest, abs=1e-4
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_pairs_are_those_of_a_full_matrix(seed):
    rows, columns, costs, shape = make_costs(seed, 25)
    full = fill_matrix(rows, columns, costs, shape)
    pairs = match_at_least_cost(rows, columns, costs, shape)
    assert pairs[0].tolist() == list(range(shape[0])) and len(set(pairs[1].tolist())) == shape[0]
    least = full[linear_sum_assignment(full)].sum()
    assert full[pairs].sum() == pytest.approx(least, abs=1e-4)


def test_what_cannot_be_paired_is_said():
    with pytest.raises(ValueError, match="no full matching"):
        match_at_least_cost(np.array([0, 1]), np.array([0, 0]), np.array([1.0, 2.0]), (2, 2))
