"""How probable is each candidate link, from distance alone? For candidates without a link network.

What is probable is learned from the movie itself, in rounds:

    trusted links ──> drift, turn and flow out ──> how far nuclei move (spread), how far daughters
          ^                                        fly apart, how often nuclei divide, appear, end
          └────────── beliefs <── messages <────── what each link and each pair of daughters weighs

Steps beside the flow follow Student's t, which forgives a nucleus that is pushed aside. Daughters
lie on both sides of the place where the mother would be: their middle is spread as a step, half of
the way between them is log-normal. Which of the stories is so is asked by loopy belief propagation
between positions and those one time point later (Williams & Lau 2014, doi 10.1109/TAES.2014.120568,
extended here by pairs of daughters).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, triu
from scipy.special import gammaln

from organoid_kit.data import Annotations
from organoid_kit.tracking import motion

# Chosen on organoid_a, invented movies, two C. elegans embryos and a budding organoid, also thinned
# to every second and fourth time point; benchmarks/coordinates_alone.py says which it reports.
_ROUNDS = 4
_SWEEPS = 10  # messages to and fro in each round
_FREEDOM = 2.0  # degrees of freedom of Student's t: real steps have long tails
_MEDIAN_OF_T = 0.816  # of the absolute value along one axis, for 2 degrees of freedom
_FORGOTTEN = 6  # times the division rate, at each time point: how fast a birth is forgotten


class Rates(NamedTuple):
    """What is believed of the movie as a whole, and what is believed before it is seen."""

    division: float = 0.01
    appearance: float = 1e-4
    disappearance: float = 1e-4
    log_half: float = 0.0  # mean of the logarithm of half of the way between daughters, µm
    log_half_sd: float = 0.5


class Pairs(NamedTuple):
    """Two candidate links of the same source each: what a division may be."""

    first: np.ndarray  # (p,) int, rows of links
    second: np.ndarray
    source: np.ndarray  # (p,) int, rows of positions


class Beliefs(NamedTuple):
    """How probable everything is."""

    link: np.ndarray  # (m,) float
    pair: np.ndarray  # (p,) float
    division: np.ndarray  # (n,) float
    appearance: np.ndarray  # (n,) float
    disappearance: np.ndarray  # (n,) float
    messages: np.ndarray  # (m,) float: how free each link's target is for it


def estimate_link_probabilities(
    candidates: Annotations, division_probabilities: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each candidate link, (m,), and that each position divides, (n,) float;
    `division_probabilities`, (n,), where something else, such as a network, knows them.
    """
    links, size = candidates.links, len(candidates)
    if len(links) == 0:
        return np.zeros(0), np.zeros(size)
    positions_um = motion.subtract_drift(candidates, motion.estimate_drift(candidates))
    axes = np.ptp(positions_um, axis=0) > 0  # two for a single plane
    positions_um = positions_um[:, axes] if axes.any() else positions_um[:, 2:]
    moves_um = positions_um[links[:, 1]] - positions_um[links[:, 0]]
    gaps_um = motion.measure_gaps(candidates)
    gaps_um = np.where(np.isfinite(gaps_um), gaps_um, 1 + 10 * np.median(np.abs(moves_um)))
    leaves = csr_array((np.ones(len(links)), (np.arange(len(links)), links[:, 0])))
    first, second = triu(leaves @ leaves.T, k=1).nonzero()
    pairs = Pairs(first, second, links[first, 0])
    prior = Rates(log_half=np.log(0.45 * np.median(gaps_um)))
    rates, beliefs = prior, None
    trusted = _find_mutual(links, np.linalg.norm(moves_um, axis=1))
    for number in range(_ROUNDS):
        rest_um = moves_um
        for ask in (motion.estimate_turn, motion.estimate_flow):
            expected_um = _ask_others(ask, candidates, positions_um, rest_um, trusted)
            rest_um = rest_um - expected_um[links[:, 0]]
        if number == 0:
            trusted = _find_mutual(links, np.linalg.norm(rest_um, axis=1))
        around = (candidates, positions_um, rest_um, trusted)
        spread_um = _estimate_spread(*around, np.median(gaps_um))
        dividing = rates.division if division_probabilities is None else division_probabilities
        if beliefs is not None and division_probabilities is None:
            dividing = dividing * _estimate_calm(candidates, beliefs, rates.division)
        dividing = np.clip(np.broadcast_to(dividing, size), 1e-6, 1 - 1e-6)
        weights = _weigh_links(rest_um, spread_um) * (1 - dividing)[links[:, 0]]
        pair_weights, halves_um = _weigh_pairs(rest_um, spread_um, pairs, rates)
        pair_weights = pair_weights * dividing[pairs.source]
        births = rates.appearance / gaps_um ** rest_um.shape[1]
        beliefs = _propagate(links, weights, pairs, pair_weights, births, rates, beliefs)
        rates = _update_rates(candidates, beliefs, halves_um, prior)
        trusted = (beliefs.link > 0.5) & (beliefs.division[links[:, 0]] < 0.5)
    return beliefs.link, beliefs.division


def _find_mutual(links: np.ndarray, distances_um: np.ndarray) -> np.ndarray:
    """Links that are the shortest of both their ends, (m,) bool."""
    order = np.argsort(distances_um, kind="stable")
    best = [order[np.unique(ends[order], return_index=True)[1]] for ends in links.T]
    return np.isin(np.arange(len(links)), np.intersect1d(*best))


def _ask_others(
    ask: Callable,
    candidates: Annotations,
    positions_um: np.ndarray,
    values: np.ndarray,
    trusted: np.ndarray,
) -> np.ndarray:
    """What is expected at each position, (n, k), by values, (m, k), of other trusted links.

    What `ask` says (`estimate_turn`, or `estimate_flow`) as far as it comes true in this movie:
    multiplied by the slope of values over it, 0 to 1, the worst tenth left out.
    """
    link_from = np.full(len(candidates), -1)
    link_from[candidates.links[trusted, 0]] = np.flatnonzero(trusted)
    said = np.zeros((len(candidates), values.shape[1]))
    for _, rows, _ in motion.list_steps(candidates):
        linked = np.flatnonzero(link_from[rows] >= 0)
        around = ask(positions_um[rows], linked, values[link_from[rows[linked]]])
        said[rows] = around[:, : values.shape[1]]
    expected, seen = said[candidates.links[trusted, 0]], values[trusted]
    errors = np.abs(seen - expected).sum(axis=1)
    kept = errors <= np.quantile(errors, 0.9) if len(errors) else errors > 0
    slope = (expected * seen)[kept].sum() / max((expected**2)[kept].sum(), 1e-9)
    return np.clip(slope, 0, 1) * said


def _estimate_spread(
    candidates: Annotations,
    positions_um: np.ndarray,
    rest_um: np.ndarray,
    trusted: np.ndarray,
    gap_um: float,
) -> np.ndarray:
    """Scale of steps beside the flow along each axis, (m, axes), µm: of the movie, and locally.

    Medians, as trusted links may be wrong; a tenth of the distance between nuclei counts as four
    links, for movies with hardly any. Where neighbours are pushed about, as beside a division, so
    is a nucleus.
    """
    count, scale_um = np.count_nonzero(trusted), np.zeros(rest_um.shape[1])
    if count:
        scale_um = np.median(np.abs(rest_um[trusted]), axis=0) / _MEDIAN_OF_T
    scale_um = np.sqrt((count * scale_um**2 + 4 * (0.1 * gap_um) ** 2) / (count + 4))
    squares = ((rest_um / scale_um) ** 2).sum(axis=1)
    usual = np.median(squares[trusted]) if count else 1.0
    excess = np.log(np.maximum(squares, 1e-3) / max(usual, 1e-3))[:, np.newaxis]
    local = _ask_others(motion.estimate_flow, candidates, positions_um, excess, trusted)
    return scale_um * np.exp(local[candidates.links[:, 0]] / 2)


def _weigh_links(rest_um: np.ndarray, spread_um: np.ndarray) -> np.ndarray:
    """Student's t in as many axes as there are, (m,) float, 1 / µm for each of these."""
    axes = rest_um.shape[1]
    squares = ((rest_um / spread_um) ** 2).sum(axis=1)
    half = (_FREEDOM + axes) / 2
    peak = gammaln(half) - gammaln(_FREEDOM / 2) - axes / 2 * np.log(_FREEDOM * np.pi)
    return np.exp(peak - half * np.log1p(squares / _FREEDOM)) / spread_um.prod(axis=1)


def _weigh_pairs(
    rest_um: np.ndarray, spread_um: np.ndarray, pairs: Pairs, rates: Rates
) -> tuple[np.ndarray, np.ndarray]:
    """Density of both daughters, (p,) float, and half of the way between them, (p,) float, µm. Middle
    and half way: a change of variables with determinant 2**axes; either daughter may be the first.
    """
    axes, first, second = rest_um.shape[1], rest_um[pairs.first], rest_um[pairs.second]
    middle = _weigh_links((first + second) / 2, spread_um[pairs.first])
    halves_um = np.maximum(np.linalg.norm(first - second, axis=1) / 2, 1e-3)
    off = (np.log(halves_um) - rates.log_half) / rates.log_half_sd
    radial = np.exp(-(off**2) / 2) / (np.sqrt(2 * np.pi) * rates.log_half_sd * halves_um)
    sphere = {1: 2, 2: 2 * np.pi * halves_um, 3: 4 * np.pi * halves_um**2}[axes]
    return 2 * middle * radial / sphere / 2.0**axes, halves_um


def _propagate(
    links: np.ndarray,
    weights: np.ndarray,
    pairs: Pairs,
    pair_weights: np.ndarray,
    births: np.ndarray,
    rates: Rates,
    before: Beliefs | None,
) -> Beliefs:
    """Sum-product: a source ends, goes on or divides; a target begins or comes from one source."""
    sources, targets = links.T
    m, n = len(links), len(births)
    free = np.ones(m) if before is None else before.messages
    for _ in range(_SWEEPS):
        both = pair_weights * free[pairs.first] * free[pairs.second]
        stories = rates.disappearance + np.bincount(sources, weights * free, n)
        stories += np.bincount(pairs.source, both, n)
        with_link = weights + np.bincount(pairs.first, pair_weights * free[pairs.second], m)
        with_link += np.bincount(pairs.second, pair_weights * free[pairs.first], m)
        link = np.minimum(with_link * free / stories[sources], 1 - 1e-9)
        wishes = with_link / stories[sources] / (1 - link)  # of each source for its target
        wanted = births + np.bincount(targets, wishes, n)
        free = 1 / np.maximum(wanted[targets] - wishes, births[targets])
    pair = both / stories[pairs.source]
    division = np.bincount(pairs.source, pair, n)
    return Beliefs(link, pair, division, births / wanted, rates.disappearance / stories, free)


def _estimate_calm(candidates: Annotations, beliefs: Beliefs, rate: float) -> np.ndarray:
    """How much less often than usual nuclei divide, (n,) float, 0 to 1, that were born not long ago
    or whose daughters divide soon: half as often at a third of the time in which numbers double.
    """
    calm, links = np.ones(len(candidates)), candidates.links
    order = np.argsort(candidates.time_points[links[:, 0]], kind="stable")
    steps = np.split(order, np.flatnonzero(np.diff(candidates.time_points[links[order, 0]])) + 1)
    for ends, ordered in ((links, steps), (links[:, ::-1], steps[::-1])):
        near = np.zeros(len(candidates))  # how probably a division before, or after, still counts
        for rows in ordered:
            known, asked = ends[rows].T
            left = np.maximum(beliefs.division[known], np.exp(-_FORGOTTEN * rate) * near[known])
            np.add.at(near, asked, beliefs.link[rows] * left)
        calm *= 1 - np.minimum(near, 1)
    return calm**3


def _update_rates(
    candidates: Annotations, beliefs: Beliefs, halves_um: np.ndarray, prior: Rates
) -> Rates:
    """What the beliefs say; what is believed before counts as 1000 nuclei, 0.03 divisions."""
    times, pair, count = candidates.time_points, beliefs.pair, beliefs.pair.sum()
    later, earlier = times > times.min(), times < times.max()
    begins = beliefs.appearance[later].sum() + 1000 * prior.appearance
    ends = beliefs.disappearance[earlier].sum() + 1000 * prior.disappearance
    divisions = (count + 200 * prior.division) / (np.count_nonzero(earlier) + 200)
    logs, total = np.log(halves_um), count + 0.03
    mean = (pair @ logs + 0.03 * prior.log_half) / total
    variance = pair @ (logs - mean) ** 2
    variance += 0.03 * ((prior.log_half - mean) ** 2 + prior.log_half_sd**2)
    return Rates(
        division=min(divisions, 0.2),
        appearance=begins / (np.count_nonzero(later) + 1000),
        disappearance=ends / (np.count_nonzero(earlier) + 1000),
        log_half=mean,
        log_half_sd=np.clip(np.sqrt(variance / total), 0.02, 0.6),
    )
