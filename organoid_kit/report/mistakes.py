"""The worst mistakes of a network in pictures, cut out as the network saw them."""

from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from organoid_kit.base import NetworkSettings
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.examples.division import DIVISION, ORDINARY, cut_nuclei
from organoid_kit.examples.link import OTHER_NEAR, SAME, cut_links
from organoid_kit.plots import Drawing, plot_crops, plot_pairs
from organoid_kit.plots.drawing import FALSE, MISSED
from organoid_kit.plots.images import Mistake, plot_mistakes, sort_positions
from organoid_kit.report.kinds import find_most_probable, judge_divisions, label_candidates

_MOST = 4  # of each kind of mistake, in crops


def plot_worst_mistakes(
    annotated: AnnotatedMovie,
    found: Annotations,
    threshold: float,
    settings: NetworkSettings,
    channels: Sequence[int] = (1,),
) -> Drawing:
    """What was missed, the least probable first, then what is false, the surest first."""
    movie, truth = annotated.movie, annotated.annotations
    if settings.network == "position":
        mistakes = find_position_mistakes(truth, found, threshold)
        return plot_mistakes(movie, truth, *mistakes, channels)
    if settings.network == "division":
        said, times = found.properties["division_probability"], found.time_points
        missed, false = _find_division_mistakes(truth, found, threshold, settings)
    else:
        said = found.link_properties["link_probability"]
        times = found.time_points[found.links[:, 0]]
        missed, false = _find_link_mistakes(truth, found)
    title = f"{annotated.name}: the worst of {len(missed)} missed and {len(false)} false"
    missed = missed[np.argsort(said[missed].astype(float))][:_MOST]
    false = false[np.argsort(-said[false].astype(float))][:_MOST]
    rows, words = np.append(missed, false), ["missed"] * len(missed) + ["false"] * len(false)
    facts = zip(words, times[rows], said[rows])
    names = [f"{word}, time {time}\nprobability {part:.2f}" for word, time, part in facts]
    settings = settings.changed(spacing_um=settings.spacing_um or tuple(movie.spacing_um))
    cut, plot, true, other = (cut_nuclei, plot_crops, DIVISION, ORDINARY)
    if settings.network == "link":
        cut, plot, true, other = (cut_links, plot_pairs, SAME, OTHER_NEAR)
    kinds = [true] * len(missed) + [other] * len(false)
    examples = cut(AnnotatedMovie(movie, found), rows, kinds, settings)
    return plot(examples, settings, names=names, title=title)


def find_position_mistakes(
    truth: Annotations, found: Annotations, threshold: float, max_distance_um: float = 5.0
) -> tuple[list[Mistake], list[Mistake]]:
    """Missed positions, the least probable first, and false ones, the most probable first. The
    probability of a missed one is the highest of the candidates near it.
    """
    missed, false = [], []
    for time_point in truth.annotated_time_points.tolist():
        rows = found.rows_at(time_point)
        candidates = found.positions[rows]
        said = found.properties["probability"][rows].astype(float)
        true, region = truth.positions_at(time_point), truth.annotated_region(time_point)
        kept = candidates[said >= threshold]
        marked = sort_positions(true, kept, truth.spacing_um, region, max_distance_um)
        for position in marked[MISSED]:
            away_um = np.linalg.norm((candidates - position) * truth.spacing_um, axis=1)
            near = (away_um <= max_distance_um) & (said < threshold)
            missed.append((time_point, position, said[near].max(initial=0.0)))
        for position in marked[FALSE]:
            same = (candidates == position).all(axis=1)
            false.append((time_point, position, said[same].max()))
    by_probability = itemgetter(2)
    return sorted(missed, key=by_probability), sorted(false, key=by_probability, reverse=True)


def _find_division_mistakes(
    truth: Annotations, found: Annotations, threshold: float, settings: NetworkSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of divisions that were not called, and of calls that are none."""
    score = judge_divisions(truth, found, threshold, settings)
    called, right = score.probabilities >= threshold, score.called_mothers >= 0
    return score.calls[right & ~called], score.calls[score.judged & called & ~right]


def _find_link_mistakes(truth: Annotations, found: Annotations) -> tuple[np.ndarray, np.ndarray]:
    """True links that were not the most probable ones of their target, and wrong ones that were."""
    labels = label_candidates(truth, found)
    chosen = np.isin(np.arange(len(labels)), find_most_probable(found))
    return np.flatnonzero((labels == 1) & ~chosen), np.flatnonzero((labels == 0) & chosen)
