"""Which track and which lineage each position belongs to, as numbers: for spreadsheets and other
tools.
"""

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
    ids = {
        "track_id": track_ids.tolist(),
        "parent_track_id": parents,
        "lineage_id": [lineage_ids[number] for number in component],
    }
    return dataclasses.replace(annotations, properties=annotations.properties | ids)
