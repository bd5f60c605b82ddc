"""How right are divisions, links and whole lineages? Like `evaluation`, but of what belongs together over time."""

from organoid_kit.track_evaluation.divisions import DivisionScore, pool_division_scores, score_divisions
from organoid_kit.track_evaluation.links import LinkScore, pool_link_scores, score_links
from organoid_kit.track_evaluation.matching import find_partners, make_continuous
from organoid_kit.track_evaluation.tracks import TrackScore, score_tracks

__all__ = [
    "DivisionScore",
    "LinkScore",
    "TrackScore",
    "find_partners",
    "make_continuous",
    "pool_division_scores",
    "pool_link_scores",
    "score_divisions",
    "score_links",
    "score_tracks",
]
