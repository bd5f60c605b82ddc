"""How right are divisions, links and whole lineages? Like `evaluation`, but of what belongs
together over time.
"""

from organoid_kit.evaluation.tracks.divisions import (
    DivisionScore,
    pool_division_scores,
    score_divisions,
)
from organoid_kit.evaluation.tracks.links import LinkScore, pool_link_scores, score_links
from organoid_kit.evaluation.tracks.matching import fill_gaps, match_to_truth
from organoid_kit.evaluation.tracks.tracks import TrackScore, score_tracks

__all__ = [
    "DivisionScore",
    "LinkScore",
    "TrackScore",
    "match_to_truth",
    "fill_gaps",
    "pool_division_scores",
    "pool_link_scores",
    "score_divisions",
    "score_links",
    "score_tracks",
]
