"""How probable is one answer, when all stories are weighed that could be told in its neighbourhood?

Stories are as probable as they are cheap: exp(-cost / temperature), divided by the same of all.
Around each link, the links nearest to it are open, all others stay as chosen; of all stories, those
in which the link is there are set against all. With every link open, that is exact. Positions that
have no link are summed over as well: nucleus or not.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from organoid_kit.tracking.costs import TrackingProblem

STEPS = 4  # from link to link; what is farther away has no say: see `_find_near`
_FARTHEST = 12.0  # stories less probable than exp(-12) do not count
_SHORTEST = 0.05  # way from one link to the next
_THROUGH = 2.0  # what it takes more to go through a position
_STATES = 300_000  # stories that are weighed at once
_SEEDS = 5_000  # links whose neighbours are looked for at once
# Kind of an end, see `_list_costs`, with one more link that leaves it (row 0) or reaches it (row 1)
_WITH_LINK = np.array([[1, 2, 6, 4, 5, 6], [3, 4, 5, 6, 6, 6]])


class Marginals(NamedTuple):
    """Probabilities around each of k links, (k,) float each."""

    link: np.ndarray  # that it is there
    division: np.ndarray  # that its source has two links forward
    end: np.ndarray  # that its source has none
    start: np.ndarray  # that its target has no link backward


def compute_marginals(
    problem: TrackingProblem,
    chosen: np.ndarray,
    seeds: np.ndarray,
    *,
    temperature: float = 1.0,
    open_links: int = 10,
) -> Marginals:
    """Probabilities of these links, and of what they say about their ends.

    Args:
        chosen: (m,) bool, the story around the open links.
        seeds: (k,) int, rows of the problem's links.
        temperature: above 1 makes all stories more alike.
        open_links: around each, itself included; effort doubles with each.
    """
    results = np.zeros((4, len(seeds)))
    farthest = _FARTHEST * temperature
    for which, links in _collect_neighbourhoods(problem, chosen, seeds, open_links, farthest):
        results[:, which] = _weigh(problem, chosen, links, temperature)
    return Marginals(*results)


def _collect_neighbourhoods(
    problem: TrackingProblem, chosen: np.ndarray, seeds: np.ndarray, most: int, farthest: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Numbers of k seeds, and the p links open around each, itself first, (k, p) int: in groups of
    as many open links each, few enough to be weighed at once.
    """
    ways = np.maximum(_compute_regrets(problem, chosen), _SHORTEST)
    shape = (len(problem.time_points), len(problem.links))
    by_end = [csr_array((ways, (ends, np.arange(len(ends)))), shape) for ends in problem.links.T]
    for begin in range(0, len(seeds), _SEEDS):
        part = seeds[begin : begin + _SEEDS]
        numbers, links = _find_near(problem, by_end, part, most, farthest)
        counts = np.bincount(numbers, minlength=len(part))
        first = np.cumsum(counts) - counts
        for count in np.unique(counts):
            which = np.flatnonzero(counts == count)
            at_once = max(1, _STATES // 2**count)
            for some in np.split(which, range(at_once, len(which), at_once)):
                yield begin + some, links[first[some, np.newaxis] + np.arange(count)]


def _find_near(
    problem: TrackingProblem, by_end: list[csr_array], seeds: np.ndarray, most: int, farthest: float
) -> tuple[np.ndarray, np.ndarray]:
    """The links nearest to each seed, at most so many: number of the seed, ascending, and link.

    One goes from a link to those with the same source or target, over a way as long as that link's
    regret, so that the cheapest exchanges come first. To go through a position is longer: a link
    that reaches it and one that leaves it only share whether it is a nucleus. `by_end` holds the
    ways to the links that leave, and to those that reach, each position.
    """
    numbers, links, distances = np.arange(len(seeds)), seeds, np.zeros(len(seeds))
    new, limits = np.full(len(seeds), True), np.full(len(seeds), farthest)
    for _ in range(STEPS):
        parts = [(numbers, links, distances)]
        for side, other in itertools.product((0, 1), repeat=2):
            at_end = by_end[other][problem.links[links[new], side]]
            counts = np.diff(at_end.indptr)
            far = np.repeat(distances[new], counts) + at_end.data + _THROUGH * (side != other)
            whose = np.repeat(numbers[new], counts)
            near = far <= limits[whose]
            parts.append((whose[near], at_end.indices[near], far[near]))
        known = len(numbers)
        numbers, links, distances = map(np.concatenate, zip(*parts))
        nearest = _select_nearest(numbers, links, distances, most)
        numbers, links, distances = numbers[nearest], links[nearest], distances[nearest]
        # From the others one went on before. Where there are enough, only nearer ones count.
        new, counts = nearest >= known, np.bincount(numbers, minlength=len(seeds))
        limits = np.where(counts == most, distances[np.cumsum(counts) - 1], farthest)
    return numbers, links


def _compute_regrets(problem: TrackingProblem, chosen: np.ndarray) -> np.ndarray:
    """What a link costs beside what it replaces, half of it at each end, (m,) float; 0 if chosen.
    So an exchange, as of two links for two others, costs the sum of the regrets.
    """
    sources, targets = problem.links.T
    leaving, reaching = problem.disappearance_costs.copy(), problem.appearance_costs.copy()
    leaving[sources[chosen]] = reaching[targets[chosen]] = problem.link_costs[chosen]
    saved = np.maximum(leaving / 2, -problem.division_costs)[sources] + reaching[targets] / 2
    return np.where(chosen, 0.0, problem.link_costs - saved)


def _select_nearest(
    numbers: np.ndarray, links: np.ndarray, distances: np.ndarray, most: int
) -> np.ndarray:
    """Rows of the nearest links of each seed, each link once, by number and distance."""
    pairs = numbers * (links.max(initial=0) + 1) + links
    order = np.argsort(pairs, kind="stable")
    starts = np.flatnonzero(np.diff(pairs[order], prepend=-1))
    least = np.minimum.reduceat(distances[order], starts)
    order = order[distances[order] == np.repeat(least, np.diff(starts, append=len(order)))]
    order = order[np.diff(pairs[order], prepend=-1) != 0]
    order = order[np.argsort(distances[order], kind="stable")]
    order = order[np.argsort(numbers[order].astype(np.uint16), kind="stable")]  # fast when short
    rank = np.arange(len(order)) - np.searchsorted(numbers[order], numbers[order])
    return order[rank < most]


def _weigh(
    problem: TrackingProblem, chosen: np.ndarray, links: np.ndarray, temperature: float
) -> np.ndarray:
    """Probabilities of link, division, end and start for the first of p open links, (4, k). Stories
    are told link by link, without it and with it where it contradicts nothing.
    """
    k, p = links.shape
    ends, numbers = problem.links[links], np.arange(2**p)[:, np.newaxis]
    ones = ((numbers >> np.arange(p)) & 1).sum(axis=1, dtype=np.int8)  # bits set in each number
    bits = np.int32(1) << np.arange(p, dtype=np.int32)
    touching, kinds = [], np.int8(0)  # of each end: open links, as bits; kind by all others
    for total, most, side, weight in zip(problem.count_links(chosen), (1, 2), (1, 0), (3, 1)):
        touching.append((ends[:, :, :, None] == ends[:, None, None, :, side]) @ bits)  # (k, p, 2)
        others = total[ends] - ones[touching[-1] & (chosen[links] @ bits)[:, None, None]]
        # tracks made by hand may merge
        kinds = kinds + weight * np.minimum(others, most).astype(np.int8)
    reaching, leaving = touching
    of_links = problem.link_costs[links] / temperature
    of_ends = _list_costs(problem, ends, temperature)
    with_link = np.take_along_axis(of_ends, _WITH_LINK[np.newaxis, np.newaxis], axis=3)
    more_of_ends = with_link - of_ends[..., :6]

    def tell_kinds(link: int, side: int) -> np.ndarray:
        """Of an end, in each story."""
        backward = ones[reaching[:, link, side][whose] & stories]
        forward = ones[leaving[:, link, side][whose] & stories]
        return kinds[:, link, side][whose] + 3 * backward + forward

    whose, stories, costs = np.arange(k), np.zeros(k, np.int32), np.zeros(k)
    for link in range(p):
        more = costs + of_links[:, link][whose]
        for side in (0, 1):
            more += more_of_ends[:, link, side].ravel()[6 * whose + tell_kinds(link, side)]
        fits = np.flatnonzero(np.isfinite(more))
        whose, costs = np.append(whose, whose[fits]), np.append(costs, more[fits])
        stories = np.append(stories, stories[fits] | bits[link])
    least = np.full(k, np.inf)
    np.minimum.at(least, whose, costs)
    weights = np.exp(least[whose] - costs)
    forward, backward = tell_kinds(0, 0) % 3, tell_kinds(0, 1) // 3
    is_so = (stories & 1 == 1, forward == 2, forward == 0, backward == 0)
    total = np.bincount(whose, weights, k)
    return np.stack([np.bincount(whose, weights * so, k) / total for so in is_so])


def _list_costs(problem: TrackingProblem, nodes: np.ndarray, temperature: float) -> np.ndarray:
    """Cost of positions by their kind, 3 * links backward + forward, and 6 for too many, (..., 7)
    float. Without links it may be a nucleus or not: the cost is that of both together.
    """
    position, division, begin, end, alone = (
        getattr(problem, f"{name}_costs")[nodes] / temperature
        for name in ("position", "division", "appearance", "disappearance", "alone")
    )
    costs = [-np.logaddexp(0, -alone), position + begin, position + begin + division]
    costs += [position + end, position, position + division, np.full(nodes.shape, np.inf)]
    return np.stack(costs, axis=-1)
