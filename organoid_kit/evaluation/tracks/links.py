"""Links compared with links: on slow movies nearly all are right, so mistakes are counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.positions import compute_ratio, format_score
from organoid_kit.evaluation.tracks.matching import fill_gaps, match_to_truth

_COUNTS = ("right", "false", "missed", "undetected", "ignored")


@dataclass(frozen=True)
class LinkScore:
    """Links of which both ends are right, counted.

    Attributes:
        right: found links that are true.
        false: found links that contradict truth: it links their source elsewhere, or their target
            from elsewhere.
        missed: true links whose two ends were found, but not linked.
        undetected: true links of which an end was not found: mistakes of the position network, not
            of the linking.
        ignored: found links of which truth says nothing: an end has no true partner, or truth links
            neither the source onwards nor the target backwards.
        max_distance_um: largest distance between a found and a true position that are the same.
    """

    right: int
    false: int
    missed: int
    undetected: int
    ignored: int
    max_distance_um: float

    def __str__(self) -> str:
        return (
            f"wrong links {_per_1000(self.wrong_per_1000)}, missed links {_per_1000(self.missed_per_1000)} "
            f"({self.right} right, {self.false} false, {self.missed} missed, {self.undetected} undetected, "
            f"{self.ignored} ignored; positions within {self.max_distance_um:g} µm)"
        )

    @property
    def wrong_per_1000(self) -> float | None:
        """False links among 1000 found links that could be judged."""
        return compute_ratio(1000 * self.false, self.right + self.false)

    @property
    def missed_per_1000(self) -> float | None:
        """Missed links among 1000 true links whose two ends were found."""
        return compute_ratio(1000 * self.missed, self.right + self.missed)

    def to_dict(self) -> dict[str, Any]:
        """Counts and figures for JSON; None where not measured."""
        names = (*_COUNTS, "wrong_per_1000", "missed_per_1000", "max_distance_um")
        return {name: getattr(self, name) for name in names}


def score_links(
    truth: Annotations, found: Annotations, *, max_distance_um: float = 5.0
) -> LinkScore:
    """Scores links between positions that were found; see `LinkScore` for what counts as what.

    Links over several time points are cut into single steps first, on both sides (`fill_gaps`).

    Args:
        truth: the right answer, of known spacing.
        found: what is to be judged, in the same voxels.
        max_distance_um: partners are at most this far apart.

    Raises:
        UserError: the spacing is unknown or differs.
    """
    truth, found = fill_gaps(truth), fill_gaps(found)
    partners = match_to_truth(truth, found, max_distance_um)
    ends = partners[found.links]
    known = (ends >= 0).all(axis=1)
    number = [len(truth), 1]  # one number for each pair of rows
    right = known & np.isin(ends @ number, truth.links @ number)
    elsewhere = (truth.links_forward()[ends[:, 0]] > 0) | (truth.links_backward()[ends[:, 1]] > 0)
    false = known & ~right & elsewhere
    within_reach = np.isin(truth.links, partners).all(axis=1)
    missed = within_reach & ~np.isin(truth.links @ number, ends[known] @ number)
    counts = (right, false, missed, ~within_reach, ~right & ~false)
    return LinkScore(*(int(np.count_nonzero(each)) for each in counts), max_distance_um)


def pool_link_scores(scores: Iterable[LinkScore]) -> LinkScore:
    """One score over several movies, every link counting the same.

    Raises:
        UserError: there are no scores, or they were taken with different distances.
    """
    scores = list(scores)
    distances = sorted({score.max_distance_um for score in scores})
    if len(distances) != 1:
        raise UserError(
            f"Scores can only be pooled if they allow the same distance. Received: {distances} µm. "
            "Score one movie or more with the same max_distance_um."
        )
    return LinkScore(
        *(sum(getattr(score, name) for score in scores) for name in _COUNTS), distances[0]
    )


def _per_1000(value: float | None) -> str:
    return format_score(value) if value is None else f"{value:.1f} per 1000"
