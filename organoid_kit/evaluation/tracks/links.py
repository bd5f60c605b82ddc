"""Links compared with links: on slow movies nearly all are right, so mistakes are counted."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from organoid_kit.data import Annotations
from organoid_kit.evaluation.matching import match_to_truth
from organoid_kit.evaluation.positions import compute_ratio, format_score, get_common_way


@dataclass(frozen=True)
class LinkScore:
    """Links of which both ends are right, counted."""

    right: int  # found links that are true
    # found links that contradict truth: it links their source, or their target, to another nucleus
    false: int
    missed: int  # true links whose two ends were found, but not linked
    # true links of which an end was not found: mistakes of the position network, not of the linking
    undetected: int
    # found links of which truth says nothing: an end has no true partner, or truth neither links
    # the source onwards nor the target backwards
    ignored: int
    max_distance_um: float  # between a found and a true position that are the same

    def __str__(self) -> str:
        figures = (self.wrong_per_1000, self.missed_per_1000)
        wrong, missed = (format_score(v) if v is None else f"{v:.1f} per 1000" for v in figures)
        names = "right false missed undetected ignored".split()
        counts = ", ".join(f"{getattr(self, name)} {name}" for name in names)
        within = f"positions within {self.max_distance_um:g} µm"
        return f"wrong links {wrong}, missed links {missed} ({counts}; {within})"

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
        counts = "right false missed undetected ignored"
        names = f"{counts} wrong_per_1000 missed_per_1000 max_distance_um".split()
        return {name: getattr(self, name) for name in names}


def score_links(
    truth: Annotations, found: Annotations, *, max_distance_um: float = 5.0
) -> LinkScore:
    """Scores links between positions that were found; see `LinkScore` for what counts as what.

    Links over several time points are cut into single steps first, on both sides (`fill_gaps`).
    What leads into a merge of truth is not judged. UserErrors are those of `match_to_truth`.
    """
    truth, found = fill_gaps(truth), fill_gaps(found)
    partners = match_to_truth(truth, found, max_distance_um)
    truth, found = leave_out(truth, found, partners, merges=truth.merges())
    ends = partners[found.links]
    known = (ends >= 0).all(axis=1)
    right = known & _are_among(ends, truth.links)
    elsewhere = (truth.links_forward()[ends[:, 0]] > 0) | (truth.links_backward()[ends[:, 1]] > 0)
    false = known & ~right & elsewhere
    within_reach = np.isin(truth.links, partners).all(axis=1)
    missed = within_reach & ~_are_among(truth.links, ends[known])
    counts = (right, false, missed, ~within_reach, ~right & ~false)
    return LinkScore(*(int(np.count_nonzero(count)) for count in counts), max_distance_um)


def leave_out(
    truth: Annotations, found: Annotations, partners: np.ndarray, merges=(), mothers=()
) -> tuple[Annotations, Annotations]:
    """Both without the links into these merges and out of these mothers, (k,) int, rows of truth."""
    true, ends = truth.links, partners[found.links]
    return (
        truth.without_links(np.isin(true[:, 0], mothers) | np.isin(true[:, 1], merges)),
        found.without_links(np.isin(ends[:, 0], mothers) | np.isin(ends[:, 1], merges)),
    )


def judge_links(truth: Annotations, found: Annotations, max_distance_um: float = 5.0) -> np.ndarray:
    """Which found links are true, (m,) object: True, False; None where no end has a partner."""
    ends = match_to_truth(truth, found, max_distance_um)[found.links]
    right = (ends >= 0).all(axis=1) & _are_among(ends, truth.links)
    return np.where((ends < 0).all(axis=1), None, right.astype(object))


def _are_among(links: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which links are among the others, (m,) bool."""
    one_number = [max(links.max(initial=0), others.max(initial=0)) + 1, 1]  # for each pair of rows
    return np.isin(links @ one_number, others @ one_number)


def pool_link_scores(scores: Iterable[LinkScore]) -> LinkScore:
    """One score over several movies, every link the same; errors as `get_common_way`."""
    scores = list(scores)
    way = get_common_way(scores, "max_distance_um")
    *counts, _ = zip(*map(dataclasses.astuple, scores))
    return LinkScore(*map(sum, counts), *way)


def fill_gaps(annotations: Annotations) -> Annotations:
    """The same lineages, with positions put in, on a straight line, where a link skips time points.

    The given positions come first, without properties, then those put in.
    """
    times, links = annotations.time_points, annotations.links
    spans = np.diff(times[links], axis=1)[:, 0]
    positions, time_points, steps = [annotations.positions], [times], [links[spans <= 1]]
    size = len(annotations)
    for (source, target), span in zip(links[spans > 1], spans[spans > 1]):
        way = np.arange(1, span)[:, None] / span
        start, end = annotations.positions[source], annotations.positions[target]
        positions.append((1 - way) * start + way * end)
        time_points.append(np.arange(times[source] + 1, times[target]))
        chain = np.array([source, *range(size, size + span - 1), target])
        steps.append(np.stack([chain[:-1], chain[1:]], axis=1))
        size += span - 1
    return dataclasses.replace(
        annotations,
        positions=np.concatenate(positions),
        time_points=np.concatenate(time_points),
        links=np.concatenate(steps),
        properties={},
        link_properties={},
    )
