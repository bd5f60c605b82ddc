"""How probable is each link and each division to be wrong, and where should a person look first?

A network judges a link by itself. Here its alternatives are judged with it: a doubtful link is
right if nothing else is possible, and a good one is doubtful if another story is nearly as good.
See `tracking_marginals`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.positions import match_positions
from organoid_kit.tracking.marginals import compute_marginals
from organoid_kit.tracking.problem import (
    TrackingProblem,
    TrackingSettings,
    build_problem,
    find_best,
)

TEMPERATURES = (0.2, 10.0)  # between which `calibrate_track_errors` looks
_LEAST_WRONG = 5  # links that must be wrong, and that must be right, to find a temperature by
_ADVICE = {
    "link": "Check that both ends are the same nucleus, and the nuclei beside it.",
    "division": "Check that this nucleus divides, and that these are its daughters.",
    "end": "Look for this nucleus at the next time points: it may go on, or was missed.",
    "start": "Look for this nucleus at the time points before: it may have been missed, or be a daughter.",
}
_PROPERTIES = {f"{what}_error_probability": what for what in ("division", "end", "start")}


@dataclass(frozen=True, eq=False)
class Doubt:
    """Something a person should look at.

    Attributes:
        time_point: where to look; of a link, its later end.
        position: (3,) float, zyx, voxels, likewise.
        what: "link", "division", "end" or "start" of a track.
        probability: that it is wrong.
        advice: what to look for.
        row: of the position in the tracks.
    """

    time_point: int
    position: np.ndarray
    what: str
    probability: float
    advice: str
    row: int

    def __str__(self) -> str:
        z, y, x = self.position
        return (
            f"time point {self.time_point}, z {z:.0f} y {y:.0f} x {x:.0f}: {self.what}, wrong with probability "
            f"{self.probability:.2g}. {self.advice}"
        )


@dataclass(frozen=True)
class ErrorEstimate:
    """How many errors tracks are expected to have.

    Attributes:
        positions: number of positions.
        errors: expected number of positions of which it is wrong where they come from: their link
            backward, or that they have none. All other errors follow from these, so each is counted
            once.
        doubtful: number of positions with something that is wrong with at least `least`
            probability.
        least: what counts as doubtful.
    """

    positions: int
    errors: float
    doubtful: int
    least: float

    def __str__(self) -> str:
        if not self.positions:
            return "No positions: errors not measured."
        return (
            f"{self.errors:.1f} errors expected in {self.positions} positions ({self.errors / self.positions:.2%}); "
            f"{self.doubtful / self.positions:.2%} of the positions are doubtful (error probability {self.least:g} or "
            "more)."
        )


@dataclass(frozen=True)
class TemperatureFit:
    """The temperature with which error probabilities are right on average.

    Attributes:
        temperature: for `add_error_probabilities`.
        right: number of links it was fitted to that are right.
        wrong: number of links that are wrong.
        reason: why it was left at 1; empty where it was fitted.
    """

    temperature: float
    right: int
    wrong: int
    reason: str = ""

    def __str__(self) -> str:
        of = f"{self.wrong} wrong of {self.right + self.wrong} links"
        return f"temperature {self.temperature:.2f} ({of}). {self.reason}".strip()


def add_error_probabilities(
    candidates: Annotations,
    tracks: Annotations,
    *,
    settings: TrackingSettings | None = None,
    region: np.ndarray | None = None,
    temperature: float = 1.0,
    open_links: int = 10,
) -> Annotations:
    """The tracks, with the probability that each link, division, start and end is wrong.

    Around each link, all stories of the nearest links are weighed against each other (see
    `tracking_marginals`). At an end, there may also be a nucleus that was missed at two time
    points, so that no candidate leads to it; likewise at a start.

    Args:
        candidates: as given to `build_tracks`.
        tracks: what it returned, or corrected by hand.
        settings: as given to `build_tracks`.
        region: likewise.
        temperature: of `calibrate_track_errors`.
        open_links: how many links are weighed against each other; each more doubles the effort.

    Returns:
        the tracks with ``link_properties["error_probability"]`` (None for links that are no
        candidates, as those drawn by hand), ``properties["division_error_probability"]`` of
        mothers, and ``"end_error_probability"`` and ``"start_error_probability"`` of the ends and
        starts of tracks inside the movie; None elsewhere.

    Raises:
        UserError: a temperature that is not above 0, fewer than 1 or more than 16 open links.
    """
    if not temperature > 0 or not 1 <= open_links <= 16:
        raise UserError(
            "The temperature must be above 0, and 1 to 16 links can be open. Received: temperature "
            f"{temperature!r}, {open_links!r} open links. Change them; 1 and 10 are usual."
        )
    settings = settings or TrackingSettings()
    story = _make_solution(candidates, tracks, build_problem(candidates, settings, region=region))
    return _add_errors(tracks, story, settings, temperature, open_links)


def list_doubts(tracks: Annotations, *, most: int | None = 50, least: float = 0.01) -> list[Doubt]:
    """What a person should look at, the most probable errors first.

    Args:
        tracks: from `add_error_probabilities`.
        most: length of the list; None for all.
        least: smallest error probability.

    Raises:
        UserError: the tracks have no error probabilities.
    """
    rows, what, probabilities = _list_errors(tracks)
    order = np.argsort(-probabilities, kind="stable")
    order = order[probabilities[order] >= least][:most]
    return [
        Doubt(
            int(tracks.time_points[rows[place]]),
            tracks.positions[rows[place]],
            what[place],
            float(probabilities[place]),
            _ADVICE[what[place]],
            int(rows[place]),
        )
        for place in order
    ]


def estimate_errors(tracks: Annotations, *, least: float = 0.01) -> ErrorEstimate:
    """How many errors are to be expected, and how many positions a person would have to look at.

    Args:
        tracks: from `add_error_probabilities`.
        least: smallest error probability of what is doubtful.

    Raises:
        UserError: the tracks have no error probabilities.
    """
    rows, what, probabilities = _list_errors(tracks)
    doubtful = len(np.unique(rows[probabilities >= least]))
    origins = np.isin(what, ["link", "start"])
    return ErrorEstimate(len(tracks), float(probabilities[origins].sum()), doubtful, least)


def calibrate_track_errors(
    movies: Sequence[tuple[Annotations, Annotations, Annotations]],
    *,
    settings: TrackingSettings | None = None,
    max_distance_um: float = 5.0,
) -> TemperatureFit:
    """The temperature with which the error probabilities of links suit the truth best (largest
    likelihood).

    Take movies that neither networks nor their calibration have seen. Above 1: errors are more
    frequent than the networks' probabilities say, as where several of them err together.

    Args:
        movies: (candidates, tracks, truth) each; the truth is complete where it is annotated.
        settings: of the tracking.
        max_distance_um: as of `match_links`.
    """
    settings = settings or TrackingSettings()
    stories = [
        _make_solution(candidates, tracks, build_problem(candidates, settings))
        for candidates, tracks, _ in movies
    ]
    right = [match_links(tracks, truth, max_distance_um) for _, tracks, truth in movies]
    used = [(is_right != None) & (story.rows >= 0) for is_right, story in zip(right, stories)]  # noqa: E711
    truths = np.concatenate(
        [np.zeros(0), *(is_right[use] for is_right, use in zip(right, used))]
    ).astype(bool)
    counts = {"right": int(truths.sum()), "wrong": int((~truths).sum())}
    if min(counts.values()) < _LEAST_WRONG:
        return TemperatureFit(
            1.0,
            **counts,
            reason=f"Left at 1: that takes {_LEAST_WRONG} right and {_LEAST_WRONG} wrong links.",
        )

    def compute_loss(log_temperature: float) -> float:
        probabilities = [
            compute_marginals(
                story.problem, story.chosen, story.rows[use], temperature=np.exp(log_temperature)
            ).link
            for story, use in zip(stories, used)
        ]
        probabilities = np.clip(np.concatenate(probabilities), 1e-9, 1 - 1e-9)
        return -np.log(np.where(truths, probabilities, 1 - probabilities)).mean()

    best = minimize_scalar(
        compute_loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 0.05}
    )
    return TemperatureFit(float(np.exp(best.x)), **counts)


def match_links(
    tracks: Annotations, truth: Annotations, max_distance_um: float = 5.0
) -> np.ndarray:
    """Which links of the tracks are links of the truth, (m,) object: True, False, or None where the
    truth is silent.

    The truth is silent where it annotates neither end: where both have no true partner within the
    distance.

    Args:
        tracks: what is judged.
        truth: the right answer, with the same spacing.
        max_distance_um: a position and its true one are at most this far apart.
    """
    partners = np.full(len(tracks), -1)
    for time_point in truth.annotated_time_points:
        true_rows, rows = truth.rows_at(time_point), tracks.rows_at(time_point)
        true_um, found_um = (
            each.positions_at(time_point) * truth.spacing_um for each in (truth, tracks)
        )
        pairs = match_positions(true_um, found_um, max_distance_um)
        partners[rows[pairs[:, 1]]] = true_rows[pairs[:, 0]]
    ends = partners[tracks.links]
    right = (_find_link_rows(truth.links, len(truth), ends) >= 0) & (ends >= 0).all(axis=1)
    return np.where((ends < 0).all(axis=1), None, right.astype(object))


# ---- tracks among the candidates -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Solution:
    """Tracks as answers to the questions of their candidates.

    Attributes:
        problem: all questions.
        chosen: (m,) bool, its links that the tracks have.
        rows: (l,) int, row among the problem's links of each link of the tracks, -1 where it is
            none.
        positions: (n,) int, row among the candidates of each position of the tracks, -1 where it is
            none.
    """

    problem: TrackingProblem
    chosen: np.ndarray
    rows: np.ndarray
    positions: np.ndarray


def _make_solution(
    candidates: Annotations, tracks: Annotations, problem: TrackingProblem
) -> _Solution:
    """Which of the questions the tracks answer with yes. Both links of a position that was added
    are one answer.
    """
    places = [np.column_stack([each.time_points, each.positions]) for each in (candidates, tracks)]
    numbers = np.unique(np.concatenate(places), axis=0, return_inverse=True)[1].reshape(-1)
    known = np.full(numbers.max(initial=0) + 1, -1)
    known[numbers[: len(candidates)]] = np.arange(len(candidates))
    positions = known[numbers[len(candidates) :]]
    before, after = np.full((2, len(tracks)), -1)
    before[tracks.links[:, 1]], after[tracks.links[:, 0]] = (
        positions[tracks.links[:, 0]],
        positions[tracks.links[:, 1]],
    )
    sources, targets = tracks.links.T
    ends = np.stack(
        [
            np.where(positions[sources] < 0, before[sources], positions[sources]),
            np.where(positions[targets] < 0, after[targets], positions[targets]),
        ],
        axis=1,
    )
    rows = _find_link_rows(problem.links, len(candidates), ends)
    chosen = np.zeros(len(problem.links), dtype=bool)
    chosen[rows[rows >= 0]] = True
    return _Solution(problem, chosen, rows, positions)


def _find_link_rows(links: np.ndarray, size: int, wanted: np.ndarray) -> np.ndarray:
    """Row of each wanted link among the links, -1 where it is not, (k,) int."""
    keys, wanted_keys = (ends[:, 0] * size + ends[:, 1] for ends in (links, wanted))
    order = np.argsort(keys)
    place = np.searchsorted(keys, wanted_keys, sorter=order)
    rows = np.append(order, -1)[place]
    found = (rows >= 0) & (wanted >= 0).all(axis=1)
    found[found] = keys[rows[found]] == wanted_keys[found]
    return np.where(found, rows, -1)


# ---- error probabilities -------------------------------------------------------------------------------------------


def _add_errors(
    tracks: Annotations,
    story: _Solution,
    settings: TrackingSettings,
    temperature: float,
    open_links: int,
) -> Annotations:
    """The tracks with their error probabilities."""
    problem, known = story.problem, np.flatnonzero(story.rows >= 0)
    ends, starts = _find_loose_ends(tracks, story)
    best_forward, best_backward = (_find_cheapest_links(problem, side) for side in (0, 1))
    end_seeds, start_seeds = (
        best_forward[story.positions[ends]],
        best_backward[story.positions[starts]],
    )
    seeds = np.concatenate([story.rows[known], end_seeds, start_seeds])
    asked = seeds >= 0
    found = compute_marginals(
        problem, story.chosen, seeds[asked], temperature=temperature, open_links=open_links
    )
    link, division, end, start = np.ones((4, len(seeds)))  # sure where there is no other candidate
    link[asked], division[asked], end[asked], start[asked] = (
        found.link,
        found.division,
        found.end,
        found.start,
    )
    parts = np.split(np.arange(len(seeds)), [len(known), len(known) + len(ends)])
    goes, comes = (
        _estimate_missed_part(costs[story.positions[rows]], settings)
        for costs, rows in ((problem.disappearance_costs, ends), (problem.appearance_costs, starts))
    )
    properties = {
        "division_error_probability": _compute_division_errors(tracks, known, division[parts[0]]),
        "end_error_probability": _place(len(tracks), ends, 1 - end[parts[1]] * (1 - goes)),
        "start_error_probability": _place(len(tracks), starts, 1 - start[parts[2]] * (1 - comes)),
    }
    errors = {"error_probability": _place(len(tracks.links), known, 1 - link[parts[0]])}
    return dataclasses.replace(
        tracks,
        properties=tracks.properties | properties,
        link_properties=tracks.link_properties | errors,
    )


def _find_loose_ends(tracks: Annotations, story: _Solution) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the positions where tracks end before the movie does, and where they start after it."""
    times, known = story.problem.time_points, story.positions >= 0
    ends = (tracks.links_forward() == 0) & (tracks.time_points < times.max(initial=0)) & known
    starts = (tracks.links_backward() == 0) & (tracks.time_points > times.min(initial=0)) & known
    return np.flatnonzero(ends), np.flatnonzero(starts)


def _find_cheapest_links(problem: TrackingProblem, side: int) -> np.ndarray:
    """Row of the cheapest link that leaves (0) or reaches (1) each position, -1 without any, (n,)
    int.
    """
    cheapest = np.full(len(problem.time_points), -1)
    rows = find_best(-problem.link_costs, problem.links[:, side])
    cheapest[problem.links[rows, side]] = rows
    return cheapest


def _estimate_missed_part(costs: np.ndarray, settings: TrackingSettings) -> np.ndarray:
    """Of ends (or starts) without a candidate, the part that was missed at two time points, (k,)
    float.
    """
    missed_twice = settings.missed_probability**2
    return missed_twice / (missed_twice + expit(-costs))


def _compute_division_errors(
    tracks: Annotations, known: np.ndarray, division: np.ndarray
) -> np.ndarray:
    """For each mother, the larger error of the two that were found around her daughters' links,
    (n,) object.
    """
    errors = np.full(len(tracks), -1.0)
    np.maximum.at(errors, tracks.links[known, 0], 1 - division)
    mothers = np.intersect1d(tracks.divisions(), np.flatnonzero(errors >= 0))
    return _place(len(tracks), mothers, errors[mothers])


def _place(length: int, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values, within 0 and 1, at their rows, None elsewhere, (length,) object."""
    placed = np.full(length, None)
    placed[rows] = np.clip(values, 0, 1).tolist()
    return placed


def _list_errors(tracks: Annotations) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All error probabilities: row of the position, what may be wrong, and how probably. Of a link,
    its later end.

    A nucleus that was filled in stands for one link; the one that reaches it is left out.
    """
    if "error_probability" not in tracks.link_properties:
        raise UserError(
            f"The tracks must have error probabilities. Received: {tracks.name!r} without them. Pass what "
            "`add_error_probabilities` returns."
        )
    added = tracks.properties.get("interpolated", np.full(len(tracks), None))
    reaches_added = np.equal(added[tracks.links[:, 1]], True).astype(bool)
    link_errors = np.where(reaches_added, None, tracks.link_properties["error_probability"])
    listed = [(tracks.links[:, 1], "link", link_errors)]
    for name, what in _PROPERTIES.items():
        listed.append(
            (np.arange(len(tracks)), what, tracks.properties.get(name, np.full(len(tracks), None)))
        )
    parts = [
        (rows, what, np.flatnonzero(np.not_equal(values, None)), values)
        for rows, what, values in listed
    ]
    return (
        np.concatenate([rows[there] for rows, _, there, _ in parts]),
        np.concatenate([np.full(len(there), what, dtype=object) for _, what, there, _ in parts]),
        np.concatenate([values[there].astype(float) for _, _, there, values in parts]),
    )
