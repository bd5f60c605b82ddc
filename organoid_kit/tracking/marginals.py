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
_STATES = 2_000_000  # positions times stories that are weighed at once: some 100 MB
_SEEDS = 5_000  # links whose neighbours are looked for at once


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
            at_once = max(1, _STATES // (2 * count * 2**count))
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
    for _ in range(STEPS):
        parts = [(numbers, links, distances)]
        for side, other in itertools.product((0, 1), repeat=2):
            at_end = by_end[other][problem.links[links, side]]
            counts = np.diff(at_end.indptr)
            far = np.repeat(distances, counts) + at_end.data + _THROUGH * (side != other)
            parts.append((np.repeat(numbers, counts), at_end.indices, far))
        numbers, links, distances = map(np.concatenate, zip(*parts))
        nearest = _select_nearest(numbers, links, distances, most, farthest)
        numbers, links, distances = numbers[nearest], links[nearest], distances[nearest]
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
    numbers: np.ndarray, links: np.ndarray, distances: np.ndarray, most: int, farthest: float
) -> np.ndarray:
    """Rows of the nearest links of each seed, each link once, by number and distance."""
    order = np.lexsort((distances, links, numbers))
    new = (np.diff(numbers[order], prepend=-1) != 0) | (np.diff(links[order], prepend=-1) != 0)
    order = order[new & (distances[order] <= farthest)]
    order = order[np.lexsort((distances[order], numbers[order]))]
    rank = np.arange(len(order)) - np.searchsorted(numbers[order], numbers[order])
    return order[rank < most]


def _weigh(
    problem: TrackingProblem, chosen: np.ndarray, links: np.ndarray, temperature: float
) -> np.ndarray:
    """Probabilities of link, division, end and start for the first of p open links, (4, k)."""
    p = links.shape[1]
    stories = ((np.arange(2**p)[:, np.newaxis] >> np.arange(p)) & 1).astype(np.float32)
    nodes, leaves, reaches = _list_nodes(problem.links[links])

    def count(touching: np.ndarray, all_chosen: np.ndarray, most: int) -> np.ndarray:
        """Links of each position in each story, (k, q, 2**p): open ones, and others chosen."""
        others = all_chosen[nodes] - (touching @ chosen[links][:, :, np.newaxis])[..., 0]
        others = np.where(nodes < 0, 0, np.minimum(others, most))  # tracks made by hand may merge
        return (touching @ stories.T).astype(np.int8) + others[..., np.newaxis].astype(np.int8)

    into, out_of = problem.count_links(chosen)
    backward, forward = count(reaches, into, 1), count(leaves, out_of, 2)
    kind = np.where((backward > 1) | (forward > 2), 6, 3 * backward + forward)
    costs = (problem.link_costs[links] / temperature) @ stories.T
    position_costs = _list_costs(problem, nodes, temperature)
    costs += np.take_along_axis(position_costs, kind, axis=2).sum(axis=1)
    weights = np.exp(costs.min(axis=1, keepdims=True) - costs)
    weights /= weights.sum(axis=1, keepdims=True)
    every = np.arange(len(links))
    forward = forward[every, leaves[:, :, 0].argmax(axis=1)]  # of the first link's source
    backward = backward[every, reaches[:, :, 0].argmax(axis=1)]  # of its target
    is_so = (stories[:, 0] == 1, forward == 2, forward == 0, backward == 0)
    return np.stack([(weights * so).sum(axis=1) for so in is_so])


def _list_nodes(ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the ends of p open links, (k, p, 2) int, the positions, (k, q) int, -1 where there are
    fewer; and 1 where a link leaves, and where it reaches, each position, (k, q, p) float32 each.
    """
    k, p, _ = ends.shape
    ends = ends.reshape(k, 2 * p)
    order = np.argsort(ends, axis=1, kind="stable")
    new = np.diff(np.take_along_axis(ends, order, axis=1), axis=1, prepend=-1) > 0
    slots = np.empty_like(ends)
    np.put_along_axis(slots, order, np.cumsum(new, axis=1) - 1, axis=1)
    nodes = np.full((k, slots.max() + 1), -1)
    np.put_along_axis(nodes, slots, ends, axis=1)
    every_slot = np.arange(nodes.shape[1])[:, np.newaxis, np.newaxis]
    touched = (slots.reshape(k, 1, p, 2) == every_slot).astype(np.float32)
    return nodes, touched[..., 0], touched[..., 1]


def _list_costs(problem: TrackingProblem, nodes: np.ndarray, temperature: float) -> np.ndarray:
    """Cost of a position by its links: 3 * backward + forward, and 6 for too many, (k, q, 7) float.
    Without links it may be a nucleus or not: the cost is that of both together.
    """
    position, division, begin, end, alone = (
        getattr(problem, f"{name}_costs")[nodes] / temperature
        for name in ("position", "division", "appearance", "disappearance", "alone")
    )
    costs = [-np.logaddexp(0, -alone), position + begin, position + begin + division]
    costs += [position + end, position, position + division, np.full(nodes.shape, np.inf)]
    return np.where((nodes < 0)[..., np.newaxis], 0.0, np.stack(costs, axis=2))
