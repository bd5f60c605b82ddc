"""What is asked about a movie before it has tracks, and what each answer costs.

Every probability is taken as the answer to one question, right or wrong independently of the
others: is this position a nucleus, does it divide, is this link the same nucleus, does a nucleus
come into view or vanish here? A story answers all of them without contradiction: a nucleus comes
from at most one place, and goes on in at most one, or in two where it divides. The most probable
story is the one of least cost, where a "yes" of probability p costs log((1 - p) / p).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree
from scipy.stats import chi2

from organoid_kit.base import make_error, refuse_if
from organoid_kit.data import Annotations
from organoid_kit.tracking.distance import estimate_link_probabilities

_CERTAIN = 1e-6  # no probability is taken to be nearer to 0 or 1 than this: no network is that sure
_MAY_DIVIDE = 0.2  # probability from which a nucleus may be a mother of whom a daughter was missed
_DIVIDES = 0.5  # from which links to its daughters are believed more than the link network does
_MISSED_ODDS = 0.01  # of a link that is as improbable as that this daughter was not found
_STILL_UM = 0.5  # nuclei that move less than this are not told apart from still ones
_SAME_PLACE = 0.01  # voxels
# What a "yes" and a "no" of a person cost: more than all around it, as others end at 14; whether a
# nucleus divides, begins or ends counts less than links and nuclei that were pinned
_PINNED, _PINNED_EVENT = (-1000.0, 1000.0), (-100.0, 100.0)


@dataclass(frozen=True)
class TrackingSettings:
    """What is known about a movie beside the networks' answers: probabilities, but for three."""

    appearance_probability: float = 0.01  # a nucleus comes from nowhere; free at the first time
    disappearance_probability: float = 0.01  # it dies, or is lost; free at the last time point
    border_probability: float = 0.5  # of both, right at the border of what is seen
    border_um: float = 8.0  # over so far they fall linearly to what they are inside
    missed_probability: float = 0.03  # missed at a time point, though found before and after
    missed_again_probability: float = 0.3  # at the next one, too: what is dim stays dim
    missed_daughter_probability: float = 0.4  # one of two, right after the division: they touch
    # from mother to daughter two time points later: SD along each axis; or 1.5 times the usual way
    # to a daughter one time point later, where that is more
    daughter_um: float = 4.0
    unknown_position: float = 1.0  # of a position without `probability`: nothing is against it
    unknown_division: float = 0.005  # of one without `division_probability`: how often they divide
    unknown_link: float = 0.5  # of one without `link_probability`, where others have one
    certain_link: float = 0.95  # of mutual best partners: not asked whether they were missed
    window_positions: int = 20_000  # more are solved in overlapping windows of about so many

    def __post_init__(self) -> None:
        """Raises UserError for a value outside its range."""
        highest = dict.fromkeys(("border_um", "daughter_um", "window_positions"), math.inf)
        for name, value in dataclasses.asdict(self).items():
            wrong, most = not 0 <= value <= highest.get(name, 1), highest.get(name, 1)
            refuse_if(wrong, "tracking setting", name=name, most=most, value=value)


@dataclass(frozen=True, eq=False)
class TrackingProblem:
    """All questions of a movie, and what a "yes" costs: the log-odds against it, natural log."""

    links: np.ndarray  # (m, 2) int, rows of positions: candidates, then those over two time points
    link_costs: np.ndarray  # (m,) float
    candidate_rows: np.ndarray  # (m,) int, of the candidates' links; -1 over two time points
    time_points: np.ndarray  # (n,) int
    position_costs: np.ndarray  # (n,) float, of being a nucleus
    division_costs: np.ndarray  # (n,) float
    appearance_costs: np.ndarray  # (n,) float, of having no link backward
    disappearance_costs: np.ndarray  # (n,) float, of having no link forward

    @property
    def alone_costs(self) -> np.ndarray:
        """(n,) float, of a position that is a nucleus and has no link at all."""
        return self.position_costs + self.appearance_costs + self.disappearance_costs

    def select_links(self, which: np.ndarray) -> TrackingProblem:
        """The problem with these links only (rows or a mask)."""
        of_links = ("links", "link_costs", "candidate_rows")
        return dataclasses.replace(self, **{name: getattr(self, name)[which] for name in of_links})

    def select(self, rows: np.ndarray) -> TrackingProblem:
        """The problem of these positions only (a mask), and the links between them."""
        new_row = np.cumsum(rows) - 1
        kept = self.select_links(rows[self.links].all(axis=1))
        of_positions = (
            *("time_points", "position_costs", "division_costs"),
            *("appearance_costs", "disappearance_costs"),
        )
        selected = {name: getattr(self, name)[rows] for name in of_positions}
        return dataclasses.replace(kept, links=new_row[kept.links], **selected)

    def count_links(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number of chosen links that reach and that leave each position, (n,) int each."""
        sources, targets = self.links[chosen].T
        size = len(self.time_points)
        return np.bincount(targets, minlength=size), np.bincount(sources, minlength=size)


def build_problem(
    candidates: Annotations,
    settings: TrackingSettings | None = None,
    *,
    region: np.ndarray | None = None,
) -> TrackingProblem:
    """All that `build_tracks` has to decide, as costs; arguments are those it has.

    Where no link has a probability, distance says how probable each is, and who divides. Left out
    are candidates that cannot be in the best story: to end one track and begin another costs less.
    Of what a person said (`nucleus_pinned` and others), the costs are so high that nothing outweighs it.
    """
    settings = settings or TrackingSettings()
    times, steps = candidates.time_points, np.diff(candidates.time_points[candidates.links])
    if (steps != 1).any():
        wrong = candidates.links[np.argmax(steps[:, 0] != 1)]
        raise make_error("candidates lead", candidates.name, times=times[wrong].tolist())
    positions_um = candidates.positions_um
    linked = _read(candidates, "link_probability", settings.unknown_link)
    dividing = _read(candidates, "division_probability", settings.unknown_division)
    if not has_link_probabilities(candidates):
        is_known = _is_known(candidates.properties, "division_probability")
        linked, divided = estimate_link_probabilities(candidates, dividing if is_known else None)
        dividing = dividing if is_known else divided
    else:
        linked = _believe_mothers(candidates.links, linked, dividing)
    linked = _pin(linked, candidates.link_properties.get("link_pinned"), (1.0, 0.0))
    skipping, skipped = _find_skipping_links(candidates, positions_um, linked, dividing, settings)
    said, links_said = candidates.properties.get, candidates.link_properties.get("link_pinned")
    appearance, disappearance = _compute_end_probabilities(candidates, settings, region)
    appearance = np.where(times == times.min(initial=0), 0.0, compute_cost(appearance))
    disappearance = np.where(times == times.max(initial=0), 0.0, compute_cost(disappearance))
    position_costs = compute_cost(_read(candidates, "probability", settings.unknown_position))
    problem = TrackingProblem(
        links=np.concatenate([candidates.links, skipping]),
        link_costs=_pin(compute_cost(np.concatenate([linked, skipped])), links_said),
        candidate_rows=np.concatenate([np.arange(len(linked)), np.full(len(skipped), -1)]),
        time_points=times,
        position_costs=_pin(position_costs, said("nucleus_pinned")),
        division_costs=_pin(compute_cost(dividing), said("division_pinned"), _PINNED_EVENT),
        appearance_costs=_pin(appearance, said("start_pinned"), _PINNED_EVENT),
        disappearance_costs=_pin(disappearance, said("end_pinned"), _PINNED_EVENT),
    )
    sources, targets = problem.links.T
    # without a link, its source ends or divides no more, and its target begins
    without = np.maximum(problem.disappearance_costs, -problem.division_costs)[sources]
    useful = problem.link_costs < problem.appearance_costs[targets] + without
    return problem.select_links(useful)


def _believe_mothers(links: np.ndarray, linked: np.ndarray, dividing: np.ndarray) -> np.ndarray:
    """Probabilities of links, those to daughters of probable mothers raised to up to 0.5: of all
    pairs of candidates, one or both perhaps missed, each is as probable as its odds multiplied,
    less so where another source claims a target. Link networks have seen few that fly far.
    """
    sources, targets = links.T
    claims = np.maximum(find_best_other(linked, targets), 0)
    odds = np.clip(linked, _CERTAIN, 1 - _CERTAIN)
    odds = odds / (1 - odds) * (1 - claims)
    single = np.bincount(sources, odds, len(dividing))
    pairs = (single**2 - np.bincount(sources, odds**2, len(dividing))) / 2
    all_stories = pairs + _MISSED_ODDS * single + _MISSED_ODDS**2
    in_pair = odds * (single[sources] - odds + _MISSED_ODDS) / all_stories[sources]
    raised = np.minimum(dividing[sources] * in_pair, 0.5)
    return np.where(dividing[sources] >= _DIVIDES, np.maximum(linked, raised), linked)


def find_best_other(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """For each link the highest value of the others that share this end; -inf without others."""
    order = np.lexsort((values, ends))
    values, ends = values[order], ends[order]
    last, first = np.diff(ends, append=-1) != 0, np.diff(ends, prepend=-1) != 0
    highest = values[last][np.cumsum(first) - 1]
    second = np.where(first, -np.inf, np.roll(values, 1))
    others = np.empty(len(values))
    others[order] = np.where(last, second, highest)
    return others


def has_link_probabilities(candidates: Annotations) -> bool:
    """Whether any link has one; where none has, distance judges."""
    return _is_known(candidates.link_properties, "link_probability")


def compute_cost(probability: np.ndarray) -> np.ndarray:
    """What a "yes" of this probability costs: log((1 - p) / p), p clipped by a millionth."""
    probability = np.clip(probability, _CERTAIN, 1 - _CERTAIN)
    return np.log1p(-probability) - np.log(probability)


def _pin(
    values: np.ndarray, said: np.ndarray | None, answers: tuple[float, float] = _PINNED
) -> np.ndarray:
    """The values, but for those of which a person said True or False."""
    if said is None:
        return values
    said = np.append(said, np.full(len(values) - len(said), None))  # not of links that skip
    values = np.where(np.equal(said, True).astype(bool), answers[0], values)
    return np.where(np.equal(said, False).astype(bool), answers[1], values)


def _is_known(properties: dict[str, np.ndarray], name: str) -> bool:
    return any(value is not None for value in properties.get(name, ()))


def _read(candidates: Annotations, name: str, unknown: float) -> np.ndarray:
    """Probabilities of all positions, or links. Raises UserError for what is none."""
    properties, length = candidates.properties, len(candidates)
    if name.startswith("link"):
        properties, length = candidates.link_properties, len(candidates.links)
    values = properties.get(name, np.full(length, None))
    numbers = np.array([unknown if value is None else value for value in values], dtype=float)
    wrong = ~((numbers >= 0) & (numbers <= 1))
    found = {"first": numbers[wrong][:1], "count": wrong.sum(), "length": length}
    refuse_if(wrong.any(), "probabilities within", name=name, **found)
    return numbers


def _compute_end_probabilities(
    candidates: Annotations, settings: TrackingSettings, region: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that nuclei appear and disappear where they are, (n,) float each."""
    region = candidates.region if region is None else np.asarray(region, dtype=float)
    inside = np.array([[settings.appearance_probability], [settings.disappearance_probability]])
    if region is None or settings.border_um == 0 or len(candidates) == 0:
        return tuple(np.broadcast_to(inside, (2, len(candidates))))
    low, high = region
    gaps = np.minimum(candidates.positions - low, high - candidates.positions)
    gaps_um = (gaps * candidates.spacing_um)[:, high > low]  # a single plane has no border above it
    gap_um = gaps_um.min(axis=1, initial=settings.border_um)
    near = 1 - np.clip(gap_um / settings.border_um, 0, 1)
    return tuple(inside + near * np.maximum(settings.border_probability - inside, 0))


def _find_skipping_links(
    candidates: Annotations,
    positions_um: np.ndarray,
    probabilities: np.ndarray,
    dividing: np.ndarray,
    settings: TrackingSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """Links over two time points, (k, 2) int, and their probabilities, (k,) float.

    The probability is that of a nucleus being missed, times that of moving at least so far in two
    time points. Movements are normally distributed around the drift at that time, with the variance
    of the probable links for each of the two steps. Asked are positions without a certain partner,
    and those that may divide: their daughters are missed more often and move farther.
    """
    if len(candidates.links) == 0 or settings.missed_probability == 0:
        return np.zeros((0, 2), dtype=int), np.zeros(0)
    forward, backward = (find_best(probabilities, ends) for ends in candidates.links.T)
    probable = forward[probabilities[forward] >= 0.5]
    drifts_um, variance, axes = estimate_movements(candidates, probable)
    certain = np.intersect1d(forward, backward)
    certain = certain[probabilities[certain] >= settings.certain_link]
    mothers = dividing >= _MAY_DIVIDE
    may_lead, may_follow = np.ones((2, len(candidates)), dtype=bool)
    may_lead[candidates.links[certain, 0]] = may_follow[candidates.links[certain, 1]] = False
    may_lead |= mothers
    missed = np.where(mothers, settings.missed_daughter_probability, settings.missed_probability)
    daughters = candidates.links[mothers[candidates.links[:, 0]] & (probabilities >= 0.5)]
    lengths_um = np.linalg.norm(np.diff(positions_um[daughters], axis=1)[:, 0], axis=1)
    daughter_um = max(settings.daughter_um, 1.5 * np.median(lengths_um) if len(daughters) else 0)
    variances = np.where(mothers, max(daughter_um**2, 2 * variance), 2 * variance)
    # less probable than this, one track that ends and another that begins would be more probable
    least = settings.appearance_probability * settings.disappearance_probability
    least /= settings.missed_probability
    times, start = candidates.time_points, candidates.time_points.min()
    found = []
    for time_point in candidates.annotated_time_points:
        sources = np.flatnonzero((times == time_point) & may_lead)
        targets = np.flatnonzero((times == time_point + 2) & may_follow)
        drift_um = drifts_um[time_point - start : time_point + 2 - start].sum(axis=0)
        reach_um = np.sqrt(variances[sources].max(initial=0) * chi2.isf(min(least, 1), axes))
        ahead, behind = KDTree(positions_um[sources] + drift_um), KDTree(positions_um[targets])
        near = ahead.sparse_distance_matrix(behind, reach_um, output_type="ndarray")
        found.append(np.stack([sources[near["i"]], targets[near["j"]], near["v"]], axis=1))
    sources, targets, distances_um = np.concatenate(found).T
    links = np.stack([sources, targets], axis=1).astype(int)
    far = chi2.sf(distances_um**2 / variances[links[:, 0]], axes)
    possible = far >= least
    middles = candidates.positions[links].mean(axis=1)
    said = candidates.properties.get("nucleus_pinned", np.full(len(times), None))
    for row in np.flatnonzero(np.not_equal(said, None)):  # there nobody is missed: a person decided
        is_there = (np.abs(middles - candidates.positions[row]) < _SAME_PLACE).all(axis=1)
        possible &= ~(is_there & (times[links[:, 0]] == times[row] - 1))
    return links[possible], (missed[links[:, 0]] * far)[possible]


def find_best(probabilities: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Of the links that share an end, the row of the most probable one."""
    order = np.lexsort((probabilities, ends))
    return order[np.flatnonzero(np.diff(ends[order], append=-1))]


def estimate_movements(candidates: Annotations, rows: np.ndarray) -> tuple[np.ndarray, float, int]:
    """How nuclei move from one time point to the next, by these links: the mean step after each,
    (t, 3) float, zyx, µm; the variance of steps around it along an axis, µm², by their median, so
    that wrong links do not count; the number of axes.
    """
    steps = np.diff(candidates.positions[candidates.links[rows]], axis=1)[:, 0]
    steps_um = steps * candidates.spacing_um
    since = candidates.time_points - candidates.time_points.min()
    length, since = since.max() + 1, since[candidates.links[rows, 0]]
    counts = np.maximum(np.bincount(since, minlength=length), 1)
    sums_um = [np.bincount(since, weights=axis_um, minlength=length) for axis_um in steps_um.T]
    drifts_um = np.stack(sums_um, axis=1) / counts[:, np.newaxis]
    axes = max(int(np.ptp(candidates.positions, axis=0).astype(bool).sum()), 1)
    squares = ((steps_um - drifts_um[since]) ** 2).sum(axis=1)
    variance = np.median(squares) / chi2.median(axes) if len(rows) else 0.0
    return drifts_um, max(variance, _STILL_UM**2), axes
