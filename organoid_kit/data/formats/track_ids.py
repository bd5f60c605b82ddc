"""Which track and which lineage each position belongs to, as numbers: for spreadsheets and other
tools.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from organoid_kit.data.annotations import Annotations


def add_track_ids(annotations: Annotations) -> Annotations:
    """The annotations with the properties `track_id`, `parent_track_id` and `lineage_id`, all
    counted from 1.

    A track goes on until a division, a merge or its end, also over a time point that a link skips.
    Its parent is the track of the mother; None where there is none, a list where several tracks
    merged. Positions that are linked over any number of tracks are one lineage. Tracks and lineages
    are numbered in order of their first time points.
    """
    track_ids, parents = (
        np.zeros(len(annotations), dtype=int),
        np.full(len(annotations), None, dtype=object),
    )
    tracks = annotations.tracks()
    for number, rows in enumerate(tracks, start=1):
        track_ids[rows] = number
    links_into = _links_into(annotations)
    for rows in tracks:
        above = track_ids[links_into.get(int(rows[0]), [])].tolist()
        for row in rows:
            parents[row] = above if len(above) > 1 else next(iter(above), None)
    ids = {
        "track_id": track_ids.tolist(),
        "parent_track_id": parents,
        "lineage_id": _number_lineages(annotations, tracks).tolist(),
    }
    return dataclasses.replace(annotations, properties=annotations.properties | ids)


def _links_into(annotations: Annotations) -> dict[int, list[int]]:
    """Row → rows that are linked to it from earlier."""
    links_into: dict[int, list[int]] = {}
    for source, target in annotations.links.tolist():
        links_into.setdefault(target, []).append(source)
    return links_into


def _number_lineages(annotations: Annotations, tracks: list[np.ndarray]) -> np.ndarray:
    """The number of each position's lineage, (n,) int."""
    shape = (len(annotations), len(annotations))
    graph = coo_array(
        (np.ones(len(annotations.links), dtype=bool), annotations.links.T), shape=shape
    )
    component = connected_components(graph, directed=False)[1]
    number = {}
    for rows in tracks:
        number.setdefault(component[rows[0]], len(number) + 1)
    return np.array([number[each] for each in component], dtype=int)
