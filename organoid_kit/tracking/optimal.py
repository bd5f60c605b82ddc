"""The most probable story of a movie, as a linear program.

What can be settled beforehand is settled (`_settle`); long movies are solved in overlapping
windows. Nearly always, the best solution consists of whole numbers, though fractions are allowed:
the rules are those of a flow (`_build_rules`). So it is solved fast.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from organoid_kit.tracking.costs import TrackingProblem, find_best_other

_LEAST_WINDOW = 12  # time points; with 8 no seam showed in movies, with 6 one in three


def choose_optimally(problem: TrackingProblem, window_size: int) -> tuple[np.ndarray, np.ndarray]:
    """The most probable links, (m,) bool, and nuclei, (n,) bool; in windows where more than
    `window_size` positions are left to decide on.
    """
    sure, possible = _settle(problem)
    sources = problem.links[:, 0]
    linked = sum(problem.count_links(sure)) > 0
    undecided = np.zeros(len(linked), dtype=bool)
    undecided[sources[possible & ~sure]] = True
    # a sure link matters where its source may yet divide
    asked = possible & (~sure | undecided[sources])
    involved = sum(problem.count_links(asked)) > 0
    part = problem.select_links(asked).select(involved)
    chosen, kept = sure.copy(), linked | (problem.alone_costs <= 0)
    given = np.where(sure[asked], 1, -1), np.where(linked[involved], 1, -1)
    chosen[asked], kept[involved] = _solve_in_windows(part, *given, window_size)
    return chosen, kept


def _settle(problem: TrackingProblem) -> tuple[np.ndarray, np.ndarray]:
    """Links that are in every best story, and links that may be in one, (m,) bool each.

    A link is sure if any story without it becomes cheaper by taking it in for what contradicts it.
    What contradicts sure links is impossible, which makes more links sure: this goes in rounds.
    """
    sources, targets = problem.links.T
    sure, possible = np.zeros(len(sources), dtype=bool), np.ones(len(sources), dtype=bool)
    cost_of_division = problem.link_costs + problem.division_costs[sources]
    division_pays = cost_of_division < problem.appearance_costs[targets]
    while True:
        rows = np.flatnonzero(possible)
        found = rows[_are_sure(problem.select_links(rows))]
        if sure[found].all():
            return sure, possible
        sure[found] = True
        backward, forward = problem.count_links(sure)
        free = (backward[targets] == 0) & ((forward[sources] == 0) | division_pays)
        possible &= sure | free


def _are_sure(problem: TrackingProblem) -> np.ndarray:
    """Which links would make any story without them cheaper, (m,) bool.

    The worst case at the source: it was no nucleus, or ended, or its dearest other link is given
    up, whose target then begins. At the target: it was no nucleus, or began, or its dearest other
    link is given up, whose source then ends or divides no more.
    """
    sources, targets = problem.links.T
    begins, ends = problem.appearance_costs, problem.disappearance_costs
    revived = np.where(problem.alone_costs > 0, problem.alone_costs, -np.inf)
    at_source = np.maximum(revived - ends, -ends)[sources]
    at_target = np.maximum(revived - begins, -begins)[targets]
    left_by = begins[targets] - problem.link_costs
    left_to = np.maximum(ends, -problem.division_costs)[sources] - problem.link_costs
    at_source = np.maximum(at_source, find_best_other(left_by, sources))
    at_target = np.maximum(at_target, find_best_other(left_to, targets))
    return problem.link_costs + at_source + at_target < 0


def _solve_in_windows(
    problem: TrackingProblem, chosen: np.ndarray, kept: np.ndarray, window_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best links, (m,) int, and nuclei, (n,) int: 0 or 1, as given where that is not -1.

    A window is solved as if the movie ended with it, and what begins in its first half is decided.
    The next window starts there and keeps to all that was decided. This matters only where the
    story in a window's first half hangs on what happens after its end.
    """
    times = problem.time_points
    for start, middle, stop in _split_windows(times, window_size):
        inside = (times >= start - 2) & (times < stop)
        rows, links = np.flatnonzero(inside), np.flatnonzero(inside[problem.links].all(axis=1))
        part = problem.select(inside)
        ends = np.where(part.time_points == stop - 1, 0.0, part.disappearance_costs)
        part = dataclasses.replace(part, disappearance_costs=ends)
        best_links, best_nuclei = _solve(part, chosen[links], kept[rows])
        first_half = part.time_points < middle
        early = first_half[part.links[:, 0]]
        chosen[links[early]], kept[rows[first_half]] = best_links[early], best_nuclei[first_half]
    return chosen, kept


def _split_windows(times: np.ndarray, most: int) -> Iterator[tuple[int, int, int]]:
    """Of each window: first time point, the one up to which it decides, the one before its end."""
    if len(times) == 0:
        return
    first = times.min()
    before = np.concatenate([[0], np.cumsum(np.bincount(times - first))])
    start, end = 0, len(before) - 1
    while start < end:
        full = int(np.searchsorted(before, before[start] + most, side="right")) - 1
        stop = min(max(full, start + _LEAST_WINDOW), end)
        middle = end if stop == end else start + (stop - start) // 2
        yield first + start, first + middle, first + stop
        start = middle


def _solve(
    problem: TrackingProblem, chosen: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The best links and nuclei, like `_solve_in_windows`. The unknowns are links y, divisions z
    and nuclei x. A nucleus without links costs x; a link saves an end and a beginning.
    """
    sources, targets = problem.links.T
    dividing = np.flatnonzero(np.bincount(sources, minlength=len(problem.time_points)) >= 2)
    ends, begins = problem.disappearance_costs, problem.appearance_costs
    alone = problem.alone_costs
    division_costs = (problem.division_costs + ends)[dividing]
    costs = (problem.link_costs - ends[sources] - begins[targets], division_costs, alone)
    nuclei = np.where((kept < 0) & (alone <= 0), 1, kept)
    given = np.concatenate([chosen, np.full(len(dividing), -1), nuclei])
    answer = _minimise(
        np.concatenate(costs),
        _build_rules(problem, dividing, division_costs),
        np.maximum(given, 0).astype(float),
        np.where(given < 0, 1.0, given),
    )
    return answer[: len(sources)], answer[len(sources) + len(dividing) :]


def _build_rules(problem: TrackingProblem, dividing: np.ndarray, costs: np.ndarray) -> csr_array:
    """Rules for links y, divisions z and nuclei x (columns in this order): row @ unknowns <= 0.

    Links that reach a nucleus: at most x. Links that leave it: at most x + z. These two alone are
    the rules of a flow, which always has a best solution in whole numbers. Two more stand only
    where breaking them could pay: 2 z at most the links that leave, and z at most x.
    """
    sources, targets = problem.links.T
    m, k, size = len(sources), len(dividing), len(problem.time_points)
    y, z, x = np.arange(m), m + np.arange(k), m + k + np.arange(size)
    paired, owned = costs < 0, costs < problem.alone_costs[dividing]
    leaving = np.isin(sources, dividing[paired])
    reached, left, has_two, is_one = np.arange(4 * size).reshape(4, size)  # row of each nucleus
    blocks = (  # row, column, value
        (reached[targets], y, 1),
        (reached, x, -1),
        (left[sources], y, 1),
        (left, x, -1),
        (left[dividing], z, -1),
        (has_two[dividing[paired]], z[paired], 2),
        (has_two[sources[leaving]], y[leaving], -1),
        (is_one[dividing[owned]], z[owned], 1),
        (is_one[dividing[owned]], x[dividing[owned]], -1),
    )
    rows, columns, values = zip(*(np.broadcast_arrays(*block) for block in blocks))
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    matrix = csr_array(entries, shape=(4 * size, m + k + size), dtype=float)
    return matrix[np.diff(matrix.indptr) > 1]


def _minimise(costs: np.ndarray, rules: csr_array, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The cheapest whole numbers with rules @ numbers <= 0.

    First with fractions allowed. Where there are any, whole numbers are found for all unknowns
    whose change costs less than `slack` (their reduced cost), the others staying. A solution that
    costs at most `slack` more than that with fractions is the best of all; else with more slack.
    """
    if len(costs) == 0:
        return np.zeros(0, dtype=int)
    bounds, limit = np.stack([low, high], axis=1), np.zeros(rules.shape[0])
    relaxed = linprog(costs, A_ub=rules, b_ub=limit, bounds=bounds, method="highs-ds")
    numbers, slack = relaxed.x, 1.0
    changes = np.abs(relaxed.lower.marginals + relaxed.upper.marginals)
    options = {"integrality": np.ones(len(costs)), "options": {"mip_rel_gap": 0}}
    options["constraints"] = LinearConstraint(rules, -np.inf, 0)
    while np.abs(numbers - np.round(numbers)).max() > 1e-6:
        fixed = changes > slack
        bounds = Bounds(*(np.where(fixed, relaxed.x, bound) for bound in (low, high)))
        part = milp(costs, bounds=bounds, **options)
        if part.x is not None and (part.fun - relaxed.fun <= slack or not fixed.any()):
            numbers = part.x
        slack *= 4
    return np.round(numbers).astype(int)
