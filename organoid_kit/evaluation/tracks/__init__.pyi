"""What this room offers; each is loaded when it is first asked for."""

from . import divisions, lineages, links
from .divisions import DivisionScore, pool_division_scores, score_divisions
from .lineages import TrackScore, score_tracks
from .links import LinkScore, fill_gaps, judge_links, pool_link_scores, score_links

__all__ = [
    "DivisionScore",
    "LinkScore",
    "TrackScore",
    "divisions",
    "fill_gaps",
    "judge_links",
    "lineages",
    "links",
    "pool_division_scores",
    "pool_link_scores",
    "score_divisions",
    "score_links",
    "score_tracks",
]
