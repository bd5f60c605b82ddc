"""What a person says of tracks, fixed for the solver, which solves again what is near."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from organoid_kit.data import Annotations
from organoid_kit.tracking.build import make_tracks
from organoid_kit.tracking.costs import TrackingSettings, build_problem, estimate_movements
from organoid_kit.tracking.distance import estimate_link_probabilities
from organoid_kit.tracking.errors import find_links, find_positions
from organoid_kit.tracking.linking import find_candidates
from organoid_kit.tracking.optimal import choose_optimally

Place = tuple[float, float, float, float]  # time point, z, y, x: what a position is known by
_OF_NUCLEI = ("nucleus", "division", "start", "end")  # what can be said of one
_STEPS = 6  # from candidate to candidate: what is farther from what was said stays
_HELD = 1000.0  # what it costs to change it
_CHOSEN = 0.99  # least probability of a link that tracks without candidates have


class Pin(NamedTuple):
    """One thing that a person said."""

    what: str  # "link", "nucleus", "division", "start" or "end" of a track
    places: tuple[Place, ...]  # of a link both, else one
    is_so: bool = True

    def contradicts(self, other: "Pin") -> bool:
        """Whether not both can be: of a nucleus that is none nothing else is said, either."""
        if self[:2] == other[:2]:
            return self.is_so != other.is_so
        if ("nucleus", False) in (self[::2], other[::2]):
            return bool({*self.places} & {*other.places})
        are_links = self[::2] == other[::2] == ("link", True)
        return are_links and self.places[1] == other.places[1]


def list_places(annotations: Annotations) -> list[Place]:
    """The places of the positions, in their order."""
    return list(map(tuple, np.c_[annotations.time_points, annotations.positions].tolist()))


def list_links(annotations: Annotations) -> list[tuple[Place, Place]]:
    """The places of the ends of each link."""
    places = list_places(annotations)
    return [(places[earlier], places[later]) for earlier, later in annotations.links.tolist()]


def find_broken(tracks: Annotations, pins: Sequence[Pin]) -> list[Pin]:
    """What was said, and is not so in these tracks."""
    places = list_places(tracks)
    there = {("link", ends) for ends in list_links(tracks)} | {("nucleus", (p,)) for p in places}
    there |= {("division", (places[row],)) for row in tracks.divisions()}
    return [p for p in pins if p.what not in ("start", "end") and (p[:2] in there) != p.is_so]


def propose_candidates(tracks: Annotations) -> Annotations:
    """Candidates for tracks of which nothing else is known: distance says what else could be, half
    as probable as it thinks, so that what nobody spoke against stays. What was doubtful stays so.
    """
    links, size = np.concatenate([tracks.links, find_candidates(tracks).links]), len(tracks)
    links = links[np.sort(np.unique(links @ [size, 1], return_index=True)[1])]
    more, known = np.full(len(links) - len(tracks.links), None), tracks.link_properties
    known = {name: np.append(values, more) for name, values in known.items()}
    candidates = dataclasses.replace(tracks, links=links, link_properties=known)
    bare = dataclasses.replace(candidates, link_properties={})
    linked, dividing = estimate_link_probabilities(bare, None)
    linked = np.append(np.full(len(tracks.links), _CHOSEN), linked[len(tracks.links) :] / 2)
    candidates.link_properties["link_probability"] = linked.astype(object)
    dividing[tracks.divisions()] = np.maximum(dividing[tracks.divisions()], 0.5)
    known = tracks.properties | {"division_probability": dividing}
    return dataclasses.replace(candidates, properties=known)


def pin(candidates: Annotations, pins: Sequence[Pin]) -> Annotations:
    """The candidates with what was said of them, which is doubtful no more. A place or link of which
    something was said, and that is none of them, becomes one.
    """
    known = set(list_places(candidates))
    places = dict.fromkeys(place for each in pins for place in each.places)
    new = [place for place in places if place not in known]
    candidates = _add_positions(candidates, new)
    row_of = {place: row for row, place in enumerate(list_places(candidates))}
    links = {tuple(map(row_of.get, each.places)) for each in pins if each.what == "link"}
    candidates = _add_links(candidates, sorted(links - set(map(tuple, candidates.links.tolist()))))
    rows = {(place,): row for place, row in row_of.items()}
    rows |= {ends: row for row, ends in enumerate(list_links(candidates))}
    said = {f"{what}_pinned": np.full(len(candidates), None) for what in _OF_NUCLEI}
    of_links = {"link_pinned": np.full(len(candidates.links), None)}
    for each in [*(Pin("nucleus", (place,)) for place in new), *pins]:
        (said | of_links)[f"{each.what}_pinned"][rows[each.places]] = each.is_so
    for name, values in candidates.properties.items():
        if name.endswith("_error_probability"):
            said[name] = values.copy()
            said[name][[row_of[place] for place in places]] = None
    if "error_probability" in candidates.link_properties:
        doubt = candidates.link_properties["error_probability"]
        of_links["error_probability"] = np.where(
            np.equal(of_links["link_pinned"], None), doubt, 0.0
        )
    of_links = candidates.link_properties | of_links
    properties = candidates.properties | said
    return dataclasses.replace(candidates, properties=properties, link_properties=of_links)


def _add_positions(candidates: Annotations, places: Sequence[Place]) -> Annotations:
    """With more positions, and links to their neighbours."""
    if not places:
        return candidates
    more, size, padding = np.array(places), len(candidates), np.full(len(places), None)
    grown = dataclasses.replace(
        candidates,
        positions=np.concatenate([candidates.positions, more[:, 1:]]),
        time_points=np.append(candidates.time_points, more[:, 0]),
        properties={k: np.append(v, padding) for k, v in candidates.properties.items()},
    )
    links = find_candidates(grown).links
    return _add_links(grown, links[(links >= size).any(axis=1)])


def _add_links(candidates: Annotations, links: Sequence[Sequence[int]]) -> Annotations:
    """With more links, as probable as movements that are normally distributed around the drift."""
    links, known = np.array(links, int).reshape(-1, 2), candidates.link_properties
    if not len(links):
        return candidates
    said = known["link_probability"]
    probable = np.flatnonzero(np.where(np.equal(said, None), 0, said).astype(float) >= 0.5)
    drifts_um, variance, axes = estimate_movements(candidates, probable)
    steps_um = np.diff(candidates.positions_um[links], axis=1)[:, 0]
    since = candidates.time_points[links[:, 0]] - candidates.time_points.min()
    far = ((steps_um - drifts_um[since]) ** 2).sum(axis=1) / variance
    known = {k: np.append(v, np.full(len(links), None)) for k, v in known.items()}
    known["link_probability"][-len(links) :] = chi2.sf(far, axes)
    links = np.concatenate([candidates.links, links])
    return dataclasses.replace(candidates, links=links, link_properties=known)


def solve_again(
    candidates: Annotations,
    tracks: Annotations,
    pins: Sequence[Pin],
    changed: Sequence[Pin],
    region: np.ndarray | None = None,
) -> Annotations:
    """The most probable tracks in which all pins hold; solved again near those that `changed`.

    `candidates` have link probabilities, and hold all of the `tracks` but nuclei that were filled
    in; `region` is that of `build_tracks`.
    """
    candidates = pin(candidates, pins)
    problem = build_problem(candidates, region=region)
    positions = find_positions(candidates, tracks)
    links = find_links(problem, tracks, positions)
    chosen, kept = np.zeros(len(problem.links), bool), np.zeros(len(candidates), bool)
    chosen[links[links >= 0]] = kept[positions[positions >= 0]] = True
    places = {place for each in changed for place in each.places}
    near = np.array([place in places for place in list_places(candidates)], bool)
    for _ in range(_STEPS):
        near[candidates.links[near[candidates.links].any(axis=1)]] = True
    is_held = ~near[problem.links].all(axis=1)
    held = dataclasses.replace(
        problem,
        link_costs=np.where(is_held, np.where(chosen, -_HELD, _HELD), problem.link_costs),
        position_costs=np.where(near, problem.position_costs, np.where(kept, -_HELD, _HELD)),
    )
    best, nuclei = choose_optimally(held, TrackingSettings().window_positions)
    return make_tracks(candidates, problem.select_links(best), nuclei)
