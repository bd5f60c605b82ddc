"""How probable is one answer, when all stories are weighed that could be told in its neighbourhood?

Stories are as probable as they are cheap: exp(-cost / temperature), divided by the same of all
stories. Around each link, the links nearest to it are open, all others stay as they were chosen;
then all stories are told, and those in which the link is there are set against all. With as many
open links as there are, that is exact. Positions that have no link are summed over as well: nucleus
or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from organoid_kit.tracking.problem import TrackingProblem

STEPS = 4  # from link to link; what is farther away has no say: see `_find_near`
_FARTHEST = 12.0  # stories less probable than exp(-12) do not count
_STEP, _THROUGH = (
    0.05,
    2.0,
)  # shortest way to the next link, and what it takes more to go through a position
_STATES = 2_000_000  # positions times stories that are weighed at once: some 100 MB
_SEEDS = 5_000  # links whose neighbours are looked for at once


@dataclass(frozen=True, eq=False)
class Marginals:
    """Probabilities around each of k links, (k,) float each.

    Attributes:
        link: that it is there.
        division: that its source has two links forward.
        end: that its source has none.
        start: that its target has no link backward.
    """

    link: np.ndarray
    division: np.ndarray
    end: np.ndarray
    start: np.ndarray


@dataclass(frozen=True, eq=False)
class _Neighbourhoods:
    """k links with p open links around each, themselves first.

    Attributes:
        links: (k, p) int, rows of the problem's links.
        nodes: (k, q) int, positions that they touch, -1 where fewer.
        leaves: (k, q, p) float32, 1 where the link leaves the position.
        reaches: (k, q, p) float32, likewise.
        held: (2, k, q) int, chosen links beside the open ones that reach and that leave the
            position.
    """

    links: np.ndarray
    nodes: np.ndarray
    leaves: np.ndarray
    reaches: np.ndarray
    held: np.ndarray


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
        problem: all questions.
        chosen: (m,) bool, the story around the open links.
        seeds: (k,) int, rows of the problem's links.
        temperature: above 1 makes all stories more alike; see
            `track_errors.calibrate_track_errors`.
        open_links: how many links are open around each, itself included; effort doubles with each.
    """
    results = np.zeros((4, len(seeds)))
    for which, surroundings in _collect_neighbourhoods(
        problem, chosen, seeds, open_links, temperature
    ):
        results[:, which] = _weigh(problem, surroundings, temperature)
    return Marginals(*results)


# ---- the neighbourhood ---------------------------------------------------------------------------------------------


def _collect_neighbourhoods(
    problem: TrackingProblem,
    chosen: np.ndarray,
    seeds: np.ndarray,
    open_links: int,
    temperature: float,
) -> Iterator[tuple[np.ndarray, _Neighbourhoods]]:
    """Places in `seeds`, and what is around these links: as many open links each, few enough to be
    weighed at once.
    """
    ways, shape = (
        np.maximum(_compute_regrets(problem, chosen), _STEP),
        (len(problem.time_points), len(problem.links)),
    )
    by_end = tuple(
        csr_array((ways, (ends, np.arange(len(ends)))), shape) for ends in problem.links.T
    )
    for begin in range(0, len(seeds), _SEEDS):
        part = seeds[begin : begin + _SEEDS]
        rows, links = _find_near(problem, by_end, part, open_links, _FARTHEST * temperature)
        counts = np.bincount(rows, minlength=len(part))
        first = np.cumsum(counts) - counts
        for count in np.unique(counts):
            which = np.flatnonzero(counts == count)
            at_once = max(1, _STATES // (2 * count * 2**count))
            for some in np.split(which, range(at_once, len(which), at_once)):
                yield (
                    begin + some,
                    _describe(problem, chosen, links[first[some, np.newaxis] + np.arange(count)]),
                )


def _find_near(
    problem: TrackingProblem,
    by_end: tuple[csr_array, csr_array],
    seeds: np.ndarray,
    most: int,
    farthest: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The links nearest to each seed, at most so many: place in `seeds` and row of the link, sorted
    by the former.

    One goes from a link to those with the same source or the same target, over a way as long as
    that link's regret, so that the cheapest exchanges come first. To go through a position, from a
    link that reaches it to one that leaves it, is longer, as these only share whether it is a
    nucleus. `by_end` holds the ways to the links that leave, and to those that reach, each
    position.
    """
    places, links, distances = np.arange(len(seeds)), seeds, np.zeros(len(seeds))
    for _ in range(STEPS):
        parts = [(places, links, distances)]
        for side in (0, 1):
            for other in (0, 1):
                origin, reached, way = _gather(by_end[other], problem.links[links, side])
                far = distances[origin] + way + _THROUGH * (side != other)
                parts.append((places[origin], reached, far))
        places, links, distances = _keep_nearest(*map(np.concatenate, zip(*parts)), most, farthest)
    return places, links


def _compute_regrets(problem: TrackingProblem, chosen: np.ndarray) -> np.ndarray:
    """What a link costs beside what it replaces, half of it at each end, (m,) float; 0 for chosen
    links.

    So that the costs of an exchange, as of two links for two others, are the sum of its links'
    regrets.
    """
    sources, targets = problem.links.T
    leaving, reaching = problem.disappearance_costs.copy(), problem.appearance_costs.copy()
    leaving[sources[chosen]] = reaching[targets[chosen]] = problem.link_costs[chosen]
    saved = np.maximum(leaving / 2, -problem.division_costs)[sources] + reaching[targets] / 2
    return np.where(chosen, 0.0, problem.link_costs - saved)


def _gather(by_end: csr_array, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All links at each of these positions: place of the position, row of the link, way to it, (k,)
    each.
    """
    first, counts = by_end.indptr[positions], np.diff(by_end.indptr)[positions]
    origin = np.repeat(np.arange(len(positions)), counts)
    within = np.arange(len(origin)) - np.repeat(np.cumsum(counts) - counts, counts)
    entry = first[origin] + within
    return origin, by_end.indices[entry], by_end.data[entry]


def _keep_nearest(
    places: np.ndarray, links: np.ndarray, distances: np.ndarray, most: int, farthest: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each place its nearest links, each link once, sorted by place."""
    order = np.lexsort((distances, links, places))
    new = (np.diff(places[order], prepend=-1) != 0) | (np.diff(links[order], prepend=-1) != 0)
    order = order[new & (distances[order] <= farthest)]
    order = order[np.lexsort((distances[order], places[order]))]
    rank = np.arange(len(order)) - np.searchsorted(places[order], places[order])
    order = order[rank < most]
    return places[order], links[order], distances[order]


def _describe(problem: TrackingProblem, chosen: np.ndarray, links: np.ndarray) -> _Neighbourhoods:
    """Which positions these open links touch, (k, p) int, and what else is chosen there."""
    k, p = links.shape
    ends = problem.links[links].reshape(k, 2 * p)  # source, target, source, target …
    order = np.argsort(ends, axis=1, kind="stable")
    rising = np.take_along_axis(ends, order, axis=1)
    new = np.diff(rising, axis=1, prepend=-1) > 0
    slots = np.empty_like(ends)
    np.put_along_axis(slots, order, np.cumsum(new, axis=1) - 1, axis=1)
    nodes = np.full((k, slots.max() + 1), -1)
    np.put_along_axis(nodes, slots, ends, axis=1)
    touched = (
        slots.reshape(k, 1, p, 2) == np.arange(nodes.shape[1])[:, np.newaxis, np.newaxis]
    ).astype(np.float32)
    leaves, reaches = touched[..., 0], touched[..., 1]
    open_chosen = chosen[links][:, :, np.newaxis]
    held = [
        counts[nodes] - (touching @ open_chosen)[..., 0]
        for counts, touching in zip(problem.count_links(chosen), (reaches, leaves))
    ]
    most = np.array([1, 2])[:, np.newaxis, np.newaxis]  # tracks made by hand may have merges
    return _Neighbourhoods(
        links, nodes, leaves, reaches, np.where(nodes < 0, 0, np.minimum(held, most)).astype(int)
    )


# ---- all stories ---------------------------------------------------------------------------------------------------


def _weigh(problem: TrackingProblem, around: _Neighbourhoods, temperature: float) -> np.ndarray:
    """Probabilities of link, division, end and start for each first link, (4, k) float."""
    p = around.links.shape[1]
    stories = ((np.arange(2**p)[:, np.newaxis] >> np.arange(p)) & 1).astype(np.float32)
    backward = (around.reaches @ stories.T).astype(np.int8) + around.held[0][
        ..., np.newaxis
    ].astype(np.int8)
    forward = (around.leaves @ stories.T).astype(np.int8) + around.held[1][..., np.newaxis].astype(
        np.int8
    )
    kind = np.where((backward > 1) | (forward > 2), 6, 3 * backward + forward)
    costs = (problem.link_costs[around.links] / temperature) @ stories.T
    costs += np.take_along_axis(
        _compute_position_costs(problem, around.nodes, temperature), kind, axis=2
    ).sum(axis=1)
    weights = np.exp(costs.min(axis=1, keepdims=True) - costs)
    weights /= weights.sum(axis=1, keepdims=True)
    source, target = (
        touching[:, :, 0].argmax(axis=1) for touching in (around.leaves, around.reaches)
    )
    every = np.arange(len(source))
    is_so = (
        stories[:, 0] == 1,
        forward[every, source] == 2,
        forward[every, source] == 0,
        backward[every, target] == 0,
    )
    return np.stack([(weights * so).sum(axis=1) for so in is_so])


def _compute_position_costs(
    problem: TrackingProblem, nodes: np.ndarray, temperature: float
) -> np.ndarray:
    """Cost of a position by its links: 3 * backward + forward, and 6 for too many, (k, q, 7) float.

    Without links it may be a nucleus or not: the cost is that of both together.
    """
    position, division, begin, end, alone = (
        values[nodes] / temperature
        for values in (
            problem.position_costs,
            problem.division_costs,
            problem.appearance_costs,
            problem.disappearance_costs,
            problem.alone_costs,
        )
    )
    either = -np.logaddexp(0, -alone)
    impossible = np.full(nodes.shape, np.inf)
    costs = (
        either,
        position + begin,
        position + begin + division,
        position + end,
        position,
        position + division,
    )
    return np.where((nodes < 0)[..., np.newaxis], 0.0, np.stack([*costs, impossible], axis=2))
