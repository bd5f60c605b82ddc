"""How probable is each link, division, end and start to be wrong, and where should a person look?

A network judges a link by itself. Here its alternatives are weighed with it (see `marginals`):

    A ─────── C      The tracks have A–C and B–D. The network may be sure of A–C, and yet it is
      ╲     ╱        doubtful, if A–D and B–C are together about as probable; and a link that the
        ╲ ╱          network doubts is right, if nothing else is possible.
        ╱ ╲
      ╱     ╲        Of an end, the question is whether the best link onwards is missing: that link
    B ─────── D      is weighed, too. Of a start, likewise the best link that leads there.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from organoid_kit.base import files, refuse_if
from organoid_kit.data import Annotations
from organoid_kit.tracking import costs, marginals

# No statement is surer, when errors are counted: of 5,627 that were (wrong with less than 0.001, 14
# invented movies, shipped networks; `benchmarks/three_networks.py` says which), one was wrong
_LEAST_ERROR = 0.001
# Temperature of beliefs by distance: of two links, what one gains the other loses; costs count both
_OF_DISTANCE = 2.0
_ADVICE = files.read_json(Path(__file__).with_name("advice.json"))


@dataclass(frozen=True, eq=False)
class Doubt:
    """Something a person should look at."""

    time_point: int  # where to look; of a link, its later end
    position: np.ndarray  # (3,) float, zyx, voxels, likewise
    what: str  # "link", "division", "end" or "start" of a track
    probability: float  # that it is wrong
    advice: str  # what to look for
    row: int  # of the position in the tracks

    def __str__(self) -> str:
        z, y, x = self.position
        what = f"{self.what}, wrong with probability {self.probability:.2g}. {self.advice}"
        return f"time point {self.time_point}, z {z:.0f} y {y:.0f} x {x:.0f}: {what}"


@dataclass(frozen=True)
class ErrorEstimate:
    """How many errors tracks are expected to have. An error is a position of which it is wrong
    where it comes from (link backward, or none). All others follow from these: each counts once.
    """

    positions: int  # how many there are
    errors: float  # how many are expected to be wrong in where they come from
    doubtful: int  # positions with something that is wrong with at least `least` probability
    least: float

    def __str__(self) -> str:
        if not self.positions:
            return "No positions: errors not measured."
        wrong, doubtful = (part / self.positions for part in (self.errors, self.doubtful))
        expected = f"{self.errors:.1f} errors expected in {self.positions} positions ({wrong:.2%})"
        doubtful = f"{doubtful:.2%} of the positions are doubtful"
        return f"{expected}; {doubtful} (error probability {self.least:g} or more)."


def add_error_probabilities(
    candidates: Annotations,
    tracks: Annotations,
    *,
    settings: costs.TrackingSettings | None = None,
    region: np.ndarray | None = None,
    temperature: float | None = None,
    open_links: int = 10,
) -> Annotations:
    """The tracks, with the probability that each link, division, start and end is wrong.

    Around each link, all stories of the nearest links are weighed against each other (see
    `marginals`). At an end or a start, a nucleus may also have been missed at two time points, so
    that no candidate leads to it.

    Args:
        candidates: as given to `build_tracks`, like `settings` and `region`.
        tracks: what it returned, or corrected by hand.
        temperature: above 1 doubts everything more, as where several networks err together. None:
            1, and 2 where distance judged the links.
        open_links: how many, 1 to 16, are weighed against each other; each doubles the effort.

    Returns:
        the tracks with ``link_properties["error_probability"]`` (None for links that are no
        candidates), ``properties["division_error_probability"]`` of mothers, and
        ``"end_error_probability"`` and ``"start_error_probability"`` of the ends and starts of
        tracks inside the movie; None elsewhere.
    """
    if temperature is None:
        temperature = 1.0 if costs.has_link_probabilities(candidates) else _OF_DISTANCE
    wrong = not temperature > 0 or not 1 <= open_links <= 16
    refuse_if(wrong, "temperature", temperature=temperature, open_links=open_links)
    settings = settings or costs.TrackingSettings()
    problem = costs.build_problem(candidates, settings, region=region)

    # 1. Which candidate is each position (row of the candidates, -1 if none), and each link?
    positions = find_positions(candidates, tracks)
    links = find_links(problem, tracks, positions)
    chosen = np.zeros(len(problem.links), dtype=bool)
    chosen[links[links >= 0]] = True

    # 2. What to weigh: each link; the best link onwards of each end; the best one to each start.
    linked = np.flatnonzero(links >= 0)
    ends, starts = _find_ends_and_starts(tracks, problem, positions)
    onwards = _find_cheapest_links(problem, side=0)[positions[ends]]
    inwards = _find_cheapest_links(problem, side=1)[positions[starts]]
    to_weigh = np.concatenate([links[linked], onwards, inwards])

    # 3. How probable is what the tracks say? 1 where no candidate speaks against it.
    possible = to_weigh >= 0
    weighed = np.ones((4, len(to_weigh)))
    weighed[:, possible] = marginals.compute_marginals(
        problem, chosen, to_weigh[possible], temperature=temperature, open_links=open_links
    )
    parts = np.split(weighed, [len(linked), len(linked) + len(ends)], axis=1)
    at_links, at_ends, at_starts = (marginals.Marginals(*part) for part in parts)

    # 4. What may be wrong.
    mother_of_link = tracks.links[linked, 0]
    division_errors = np.zeros(len(tracks))
    np.maximum.at(division_errors, mother_of_link, 1 - at_links.division)  # the larger of two
    mothers = np.intersect1d(tracks.divisions(), mother_of_link)
    goes_on = _estimate_missed_twice(problem.disappearance_costs[positions[ends]], settings)
    came_from = _estimate_missed_twice(problem.appearance_costs[positions[starts]], settings)
    size = len(tracks)
    properties = tracks.properties | {
        "division_error_probability": _spread(size, mothers, division_errors[mothers]),
        "end_error_probability": _spread(size, ends, 1 - at_ends.end * (1 - goes_on)),
        "start_error_probability": _spread(size, starts, 1 - at_starts.start * (1 - came_from)),
    }
    link_errors = {"error_probability": _spread(len(links), linked, 1 - at_links.link)}
    link_properties = tracks.link_properties | link_errors
    return dataclasses.replace(tracks, properties=properties, link_properties=link_properties)


def find_positions(candidates: Annotations, tracks: Annotations) -> np.ndarray:
    """Row among the candidates of each position of the tracks, -1 if it is none, (n,) int."""
    parts = (np.column_stack([one.time_points, one.positions]) for one in (candidates, tracks))
    places, own = np.concatenate([*parts]), len(candidates)
    order = np.lexsort(places.T)
    is_new = np.any(np.diff(places[order], axis=0, prepend=np.nan) != 0, axis=1)
    number = np.empty(len(places), dtype=int)  # of the place of each
    number[order] = np.cumsum(is_new)
    row_of = np.full(len(places) + 1, -1)
    row_of[number[:own]] = np.arange(own)
    return row_of[number[own:]]


def find_links(
    problem: costs.TrackingProblem, tracks: Annotations, positions: np.ndarray
) -> np.ndarray:
    """Row among the problem's links of each link of the tracks, -1 if it is none, (m,) int."""
    # both links of a nucleus that was filled in are the one link over two time points
    sources, targets = positions[tracks.links].T
    before, after = positions.copy(), positions.copy()  # of a filled-in nucleus, its neighbours
    leads_in, leads_out = targets < 0, sources < 0
    before[tracks.links[leads_in, 1]] = sources[leads_in]
    after[tracks.links[leads_out, 0]] = targets[leads_out]
    sources, targets = before[tracks.links[:, 0]], after[tracks.links[:, 1]]
    size = len(problem.time_points)  # one number for each pair of rows
    wanted = np.where((sources < 0) | (targets < 0), -1, sources * size + targets)
    known = problem.links @ [size, 1]
    order = np.argsort(known)
    rows = np.append(order, -1)[np.searchsorted(known, wanted, sorter=order)]
    return np.where(np.append(known, -1)[rows] == wanted, rows, -1)


def _find_ends_and_starts(
    tracks: Annotations, problem: costs.TrackingProblem, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the positions where tracks end before the movie does, or start after it."""
    first, last = problem.time_points.min(initial=0), problem.time_points.max(initial=0)
    ends = (tracks.links_forward() == 0) & (tracks.time_points < last)
    starts = (tracks.links_backward() == 0) & (tracks.time_points > first)
    return np.flatnonzero(ends & (positions >= 0)), np.flatnonzero(starts & (positions >= 0))


def _find_cheapest_links(problem: costs.TrackingProblem, side: int) -> np.ndarray:
    """Row of the cheapest link that leaves (0) or reaches (1) each position, -1 if none."""
    cheapest = np.full(len(problem.time_points), -1)
    rows = costs.find_best(-problem.link_costs, problem.links[:, side])
    cheapest[problem.links[rows, side]] = rows
    return cheapest


def _estimate_missed_twice(end_costs: np.ndarray, settings: costs.TrackingSettings) -> np.ndarray:
    """Of ends (or starts) without a candidate, the part that was missed at two time points."""
    missed_twice = settings.missed_probability * settings.missed_again_probability
    return missed_twice / (missed_twice + expit(-end_costs))


def _spread(length: int, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values, within 0 and 1, at their rows, None elsewhere, (length,) object."""
    spread = np.full(length, None)
    spread[rows] = np.clip(values, 0, 1).tolist()
    return spread


def list_doubts(tracks: Annotations, *, most: int | None = 50, least: float = 0.05) -> list[Doubt]:
    """What a person should look at, the most probable errors first: those of `least` or more."""
    rows, what, probabilities = _list_errors(tracks)
    order = np.argsort(-probabilities, kind="stable")
    order = order[probabilities[order] >= least][:most]
    return [
        Doubt(int(tracks.time_points[row]), tracks.positions[row], kind, p, _ADVICE[kind], row)
        for row, kind, p in zip(rows[order].tolist(), what[order], probabilities[order].tolist())
    ]


def estimate_errors(tracks: Annotations, *, least: float = 0.05) -> ErrorEstimate:
    """How many errors (of `list_doubts`) to expect, and how many positions are doubtful: wrong with
    a probability of `least` or more, so that a person would have to look at them.
    """
    rows, what, probabilities = _list_errors(tracks)
    doubtful = len(np.unique(rows[probabilities >= least]))
    origins = np.maximum(probabilities[np.isin(what, ["link", "start"])], _LEAST_ERROR)
    return ErrorEstimate(len(tracks), float(origins.sum()), doubtful, least)


def _list_errors(tracks: Annotations) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All error probabilities: row of the position (of a link, its later end), what may be wrong,
    and how probably. One of the two links of a nucleus that was filled in stands for both.
    """
    refuse_if("error_probability" not in tracks.link_properties, "errors known", tracks.name)
    nothing, targets = np.full(len(tracks), None), tracks.links[:, 1]
    filled_in = np.equal(tracks.properties.get("interpolated", nothing), True).astype(bool)
    listed = [np.where(filled_in[targets], None, tracks.link_properties["error_probability"])]
    others = ("division", "end", "start")
    listed += [tracks.properties.get(f"{what}_error_probability", nothing) for what in others]
    errors = np.concatenate(listed)
    rows = np.concatenate([targets, *[np.arange(len(tracks))] * 3])
    what = np.repeat(["link", *others], list(map(len, listed))).astype(object)
    there = np.not_equal(errors, None).astype(bool)
    return rows[there], what[there], errors[there].astype(float)
