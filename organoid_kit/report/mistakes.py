"""The worst mistakes of a network in pictures, cut out as the network saw them."""

from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from organoid_kit.base import NetworkSettings
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.evaluation.matching import choose_radius_um, is_annotated, match_to_truth
from organoid_kit.examples.division import DIVISION, ORDINARY, cut_nuclei
from organoid_kit.examples.link import OTHER_NEAR, SAME, cut_links
from organoid_kit.plots import Drawing, images, plot_crops, plot_pairs
from organoid_kit.report.kinds import find_less_probable, judge_divisions, label_candidates

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
    near_um = choose_radius_um([movie])
    if settings.network == "position":
        mistakes = find_position_mistakes(truth, found, threshold, near_um)
        return images.plot_mistakes(movie, truth, *mistakes, channels)
    if settings.network == "division":
        said, times = found.properties["division_probability"], found.time_points
        score = judge_divisions(truth, found, threshold, settings, near_um)
        called, right = score.probabilities >= threshold, score.called_mothers >= 0
        missed, false = score.calls[right & ~called], score.calls[score.judged & called & ~right]
        cut, plot, true, other = cut_nuclei, plot_crops, DIVISION, ORDINARY
    else:
        said = found.link_properties["link_probability"]
        times = found.time_points[found.links[:, 0]]
        labels, chosen = label_candidates(truth, found, near_um), np.ones(len(said), bool)
        chosen[find_less_probable(found)] = False
        missed, false = map(np.flatnonzero, ((labels == 1) & ~chosen, (labels == 0) & chosen))
        cut, plot, true, other = cut_links, plot_pairs, SAME, OTHER_NEAR
    title = f"{annotated.name}: the worst of {len(missed)} missed and {len(false)} false"
    missed = missed[np.argsort(said[missed].astype(float))][:_MOST]
    false = false[np.argsort(-said[false].astype(float))][:_MOST]
    rows, words = np.append(missed, false), ["missed"] * len(missed) + ["false"] * len(false)
    facts = zip(words, times[rows], said[rows])
    names = [f"{word}, time {time}\nprobability {part:.2f}" for word, time, part in facts]
    settings = settings.changed(spacing_um=settings.spacing_um or tuple(movie.spacing_um))
    kinds = [true] * len(missed) + [other] * len(false)
    examples = cut(AnnotatedMovie(movie, found), rows, kinds, settings)
    return plot(examples, settings, names=names, title=title)


def find_position_mistakes(
    truth: Annotations, found: Annotations, threshold: float, near_um: float
) -> tuple[list[images.Mistake], list[images.Mistake]]:
    """Missed positions by the surest candidate near, least first; false ones, surest first."""
    said = found.properties["probability"].astype(float)
    kept, surest = found.select(said >= threshold), said[said >= threshold]
    partners = match_to_truth(truth, kept, near_um)
    missed = []
    for row in np.setdiff1d(np.arange(len(truth)), partners):
        time_point, position = int(truth.time_points[row]), truth.positions[row]
        away_um = np.linalg.norm((found.positions - position) * truth.spacing_um, axis=1)
        near = (away_um <= near_um) & (said < threshold) & (found.time_points == time_point)
        missed.append((time_point, position, said[near].max(initial=0.0)))
    alone = (partners < 0) & is_annotated(truth, kept)
    false = zip(kept.time_points[alone].tolist(), kept.positions[alone], surest[alone])
    by_probability = itemgetter(2)
    return sorted(missed, key=by_probability), sorted(false, key=by_probability, reverse=True)
