"""From candidate links to tracks."""

import dataclasses

import numpy as np

from organoid_kit.base import refuse_if
from organoid_kit.data import Annotations
from organoid_kit.evaluation.matching import match_at_least_cost
from organoid_kit.tracking.costs import TrackingProblem, TrackingSettings, build_problem, find_best
from organoid_kit.tracking.optimal import choose_optimally

METHODS = ("optimal", "assignment", "greedy")


def build_tracks(
    candidates: Annotations,
    *,
    method: str = "optimal",
    settings: TrackingSettings | None = None,
    region: np.ndarray | None = None,
) -> Annotations:
    """The most probable links, divisions, appearances and disappearances of a whole movie.

    Args:
        candidates: links are all that may be; ``link_properties["link_probability"]``,
            ``properties["probability"]`` and ``properties["division_probability"]`` are used where
            they are (see `TrackingSettings` for where not), and should be calibrated.
        method: "optimal"; "assignment": each pair of time points by itself, divisions added
            afterwards; "greedy": the best link first. The last two know no missed nuclei.
        region: (2, 3) float, zyx, voxels, of what is seen: at its ends nuclei come and go. None:
            that of the candidates; where they have none, no border.

    Returns:
        the chosen links with all their properties, and the positions that are not rejected. Nuclei
        missed at one time point are added half-way (``properties["interpolated"]`` is True); what
        networks say of them is None, and both of their links have the probability assumed.
    """
    refuse_if(method not in METHODS, "method", known=", ".join(METHODS), method=method)
    settings = settings or TrackingSettings()
    problem = build_problem(candidates, settings, region=region)
    if method == "optimal":
        chosen, kept = choose_optimally(problem, settings.window_positions)
    else:
        problem = problem.select_links(problem.candidate_rows >= 0)
        chosen = _choose_simply(problem, method)
        kept = (sum(problem.count_links(chosen)) > 0) | (problem.alone_costs <= 0)
    return make_tracks(candidates, problem.select_links(chosen), kept)


def _choose_simply(problem: TrackingProblem, method: str) -> np.ndarray:
    """For comparison: links without divisions, then second ones from linked sources, (m,) bool."""
    sources, targets = problem.links.T
    begins, ends = problem.appearance_costs, problem.disappearance_costs
    if method == "greedy":
        chosen = _pick(problem.links, ends[sources] + begins[targets] - problem.link_costs)
    else:
        chosen = np.zeros(len(problem.links), dtype=bool)
        for time_point in np.unique(problem.time_points[sources]):
            links = np.flatnonzero(problem.time_points[sources] == time_point)
            chosen[links[_assign(problem.select_links(links))]] = True
    backward, forward = problem.count_links(chosen)
    gains = begins[targets] - problem.link_costs - problem.division_costs[sources]
    possible = (forward[sources] == 1) & (backward[targets] == 0)
    return chosen | _pick(problem.links, np.where(possible, gains, 0))


def _assign(problem: TrackingProblem) -> np.ndarray:
    """Rows of the best links between two time points, or an end and a beginning, at a cost.

    A square matrix: sources and beginnings against targets and ends. A beginning takes an end that
    is not needed, if their source and target are linked, at no cost.
    """
    (source_rows, sources), (target_rows, targets) = (
        np.unique(ends, return_inverse=True) for ends in problem.links.T
    )
    n, m = len(source_rows), len(target_rows)
    blocks = (  # row, column, cost
        (sources, targets, problem.link_costs),
        (np.arange(n), m + np.arange(n), problem.disappearance_costs[source_rows]),
        (n + np.arange(m), np.arange(m), problem.appearance_costs[target_rows]),
        (n + targets, m + sources, np.zeros(len(sources))),
    )
    rows, columns, costs = (np.concatenate([block[part] for block in blocks]) for part in range(3))
    partners = match_at_least_cost(rows, columns, costs, (n + m, n + m))[1]
    return np.flatnonzero(partners[sources] == targets)


def _pick(links: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Links of which no two share an end, those of highest gain first, none without, (m,) bool. All
    that are best of both their ends are taken at once: one by one would come to the same.
    """
    picked, left = np.zeros(len(links), dtype=bool), np.flatnonzero(gains > 0)
    while len(left):
        sources, targets = links[left].T
        best = np.intersect1d(find_best(gains[left], sources), find_best(gains[left], targets))
        picked[left[best]] = True
        left = left[~(np.isin(sources, sources[best]) | np.isin(targets, targets[best]))]
    return picked


def make_tracks(candidates: Annotations, chosen: TrackingProblem, kept: np.ndarray) -> Annotations:
    """The kept positions with the chosen links; links over two time points get a position."""
    across = chosen.candidate_rows < 0
    ends, direct = chosen.links[across], chosen.candidate_rows[~across]
    added = len(candidates) + np.arange(len(ends))
    halves = np.column_stack([ends[:, 0], added]), np.column_stack([added, ends[:, 1]])
    unknown, no_link = np.full(len(added), None), np.full(len(candidates.links), None)
    properties = {"interpolated": np.full(len(candidates), None)} | candidates.properties
    properties = {name: np.append(values, unknown) for name, values in properties.items()}
    properties["interpolated"][added] = True
    of_links = {"link_probability": no_link} | candidates.link_properties
    of_links = {k: np.concatenate([v[direct], unknown, unknown]) for k, v in of_links.items()}
    assumed = 1 / (1 + np.exp(chosen.link_costs[across]))
    of_links["link_probability"][len(direct) :] = np.tile(assumed, 2).tolist()
    tracks = dataclasses.replace(
        candidates,
        positions=np.concatenate([candidates.positions, candidates.positions[ends].mean(axis=1)]),
        time_points=np.append(candidates.time_points, candidates.time_points[ends[:, 0]] + 1),
        links=np.concatenate([candidates.links[direct], *halves]),
        properties=properties,
        link_properties=of_links,
    )
    rows = np.flatnonzero(np.append(kept, np.ones(len(added), dtype=bool)))
    return tracks.select(rows[np.argsort(tracks.time_points[rows], kind="stable")])
