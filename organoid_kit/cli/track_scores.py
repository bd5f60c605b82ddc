"""Links, divisions and lineages beside true ones; what needs a library is left out where it is not
installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.tracks import (
    DivisionScore,
    LinkScore,
    TrackScore,
    score_divisions,
    score_links,
    score_tracks,
)

Scores = dict[str, LinkScore | DivisionScore | TrackScore]
_INSTALL = 'not measured: that takes traccuracy, pip install "organoid-kit[scores]"'


def compute_track_scores(
    truth: Annotations, tracks: Annotations, max_distance_um: float = 5.0
) -> Scores:
    """Scores of links, of divisions within one time point and, where traccuracy is installed, of
    lineages.
    """
    scores: Scores = {
        "links": score_links(truth, tracks, max_distance_um=max_distance_um),
        "divisions": score_divisions(truth, tracks, by=None, max_distance_um=max_distance_um),
    }
    if find_spec("traccuracy"):
        scores["lineages"] = score_tracks(truth, tracks, max_distance_um=max_distance_um)
    return scores


def format_track_scores(scores: Scores) -> str:
    """A few lines."""
    lines = [f"links: {scores['links']}", f"divisions: {scores['divisions']}"]
    lineages = str(scores["lineages"]).splitlines() if "lineages" in scores else [_INSTALL]
    return "\n".join([*lines, "lineages:", *(f"  {line}" for line in lineages)])


def describe_track_scores(scores: Scores) -> dict[str, Any]:
    """For JSON."""
    return {name: score.to_dict() for name, score in scores.items()}
