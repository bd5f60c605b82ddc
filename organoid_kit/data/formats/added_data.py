"""What other tools ask for, added before writing: numbers of tracks for spreadsheets, and what
OrganoidTracker reads from positions and links, under its names.

A penalty is -log10(p / (1 - p)): 0 for a probability of one half, negative for what is likely. A
flag is the number of the kind of error that its list of errors shows; it has one for each position,
and a link's stands at its later end.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import logit

from organoid_kit.data.annotations import Annotations

TRACK_END, MISSED_DIVISION, MANY_DAUGHTERS, NO_PAST, MERGE = 1, 3, 4, 5, 6
UNLIKELY_DIVISION, UNLIKELY_LINK = 9, 14
_LARGEST_PENALTY = 10.0  # of a probability of 0 or 1, where the formula has no number


def add_track_ids(annotations: Annotations) -> Annotations:
    """Adds the properties `track_id`, `parent_track_id` and `lineage_id`, counted from 1.

    A track goes on until a division, a merge or its end, also over a time point that a link skips.
    Its parent is the track of the mother; None where there is none, a list where several tracks
    merged. Positions that are linked over any number of tracks are one lineage. Tracks and lineages
    are numbered in order of their first time points.
    """
    n, links, tracks = len(annotations), annotations.links, annotations.tracks()
    graph = coo_array((np.ones(len(links), dtype=bool), links.T), shape=(n, n))
    component = connected_components(graph, directed=False)[1]
    track_ids = np.zeros(n, dtype=int)
    lineage_ids: dict[int, int] = {}
    for number, rows in enumerate(tracks, start=1):
        track_ids[rows] = number
        lineage_ids.setdefault(component[rows[0]], len(lineage_ids) + 1)
    parents, links_into = [None] * n, annotations.links_into()
    for rows in tracks:
        above = track_ids[links[links_into[rows[0]], 0]].tolist()
        for row in rows:
            parents[row] = above if len(above) > 1 else next(iter(above), None)
    ids = {"track_id": track_ids.tolist(), "parent_track_id": parents}
    ids["lineage_id"] = [lineage_ids[number] for number in component]
    return dataclasses.replace(annotations, properties=annotations.properties | ids)


def add_organoidtracker_data(tracks: Annotations, *, max_error: float = 0.01) -> Annotations:
    """Tracks with what OrganoidTracker wants to know of them; nothing of ours is taken away.

    Added are `division_penalty` and `error` of positions, `link_penalty` and `marginal_probability`
    of links, each where there is a number to make it from (`division_probability`,
    `division_error_probability`, `link_probability`, `error_probability`). A value that was there
    under the same name is replaced only by another. A link or division more probably wrong than
    `max_error` is flagged; OrganoidTracker's own limit is 0.01.
    """
    properties, link_properties = dict(tracks.properties), dict(tracks.link_properties)
    _derive(properties, "division_probability", "division_penalty", _compute_penalty)
    _derive(link_properties, "link_probability", "link_penalty", _compute_penalty)
    _derive(link_properties, "error_probability", "marginal_probability", lambda error: 1 - error)
    flags = _choose_flags(tracks, max_error)
    if flags.any():
        before = properties.get("error", np.full(len(tracks), None))
        properties["error"] = [int(flag) or old for flag, old in zip(flags, before, strict=True)]
    return dataclasses.replace(tracks, properties=properties, link_properties=link_properties)


def _derive(table: dict[str, np.ndarray], source: str, target: str, function: Callable) -> None:
    """Adds a column that is computed from another one, where that has values."""
    if source in table:
        before = table.get(target, np.full(len(table[source]), None))
        pairs = zip(table[source], before, strict=True)
        values = [old if value is None else function(float(value)) for value, old in pairs]
        table[target] = np.array(values, dtype=object)


def _compute_penalty(probability: float) -> float:
    """-log10 of the odds, at most 10 either way."""
    penalty = -logit(min(max(probability, 0.0), 1.0)) / math.log(10)
    return float(np.clip(penalty, -_LARGEST_PENALTY, _LARGEST_PENALTY))


def _choose_flags(tracks: Annotations, max_error: float) -> np.ndarray:
    """The kind of error of each position that should be mended first, (n,) int, 0 for none."""
    flags, times = np.zeros(len(tracks), dtype=int), tracks.time_points
    if len(tracks.links) == 0:
        return flags  # not tracked yet

    def exceeds(table: dict[str, np.ndarray], name: str, length: int) -> np.ndarray:
        errors = table.get(name, np.full(length, None))
        return np.array([error is not None and error > max_error for error in errors], dtype=bool)

    forward, backward = tracks.links_forward(), tracks.links_backward()
    wrong_links = exceeds(tracks.link_properties, "error_probability", len(tracks.links))
    wrong = exceeds(tracks.properties, "division_error_probability", len(tracks))
    flags[tracks.links[wrong_links, 1]] = UNLIKELY_LINK
    flags[(backward == 0) & (times > times.min())] = NO_PAST
    flags[(forward == 0) & (times < times.max())] = TRACK_END
    flags[wrong & (forward == 1)] = MISSED_DIVISION
    flags[wrong & (forward == 2)] = UNLIKELY_DIVISION
    flags[backward > 1] = MERGE
    flags[forward > 2] = MANY_DAUGHTERS
    return flags
