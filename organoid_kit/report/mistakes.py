"""The worst mistakes of a network in pictures, cut out as the network saw them."""

from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from organoid_kit.base import NetworkSettings
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.examples import PreparedMovies
from organoid_kit.examples.augmentation import no_augmentation
from organoid_kit.examples.crops import cut_crop
from organoid_kit.examples.division import DIVISION, ORDINARY, DivisionExample
from organoid_kit.examples.link import OTHER_NEAR, SAME, LinkExample, Pair, cut_pair
from organoid_kit.examples.patches import (
    compute_window_bytes,
    compute_working_positions,
    compute_working_spacing,
)
from organoid_kit.plots import Drawing, plot_crops, plot_pairs
from organoid_kit.plots.drawing import FALSE, MISSED
from organoid_kit.plots.images import Mistake, plot_mistakes, sort_positions
from organoid_kit.report.kinds import find_most_probable, judge_divisions, label_candidates
from organoid_kit.tracking.motion import estimate_drift

_MOST = 4  # of each kind of mistake, in crops


def plot_worst_mistakes(
    annotated: AnnotatedMovie,
    found: Annotations,
    threshold: float,
    settings: NetworkSettings,
    channels: Sequence[int] = (1,),
) -> Drawing:
    """What was missed, the least probable first, then what is false, the surest first.

    Args:
        annotated: the movie and its truth.
        found: with the probabilities of a network, as `save_movie_result` takes them.
        threshold: answers from this probability on count as yes.
        settings: of the network.
        channels: in the picture of a position network, counted from 1; several are summed.
    """
    if settings.network == "position":
        mistakes = find_position_mistakes(annotated.annotations, found, threshold)
        return plot_mistakes(annotated.movie, annotated.annotations, *mistakes, channels)
    spacing_um = settings.spacing_um or tuple(annotated.movie.spacing_um)
    settings = settings.changed(spacing_um=spacing_um)
    if settings.network == "division":
        return _plot_division_mistakes(annotated, found, threshold, settings)
    return _plot_link_mistakes(annotated, found, settings)


def find_position_mistakes(
    truth: Annotations, found: Annotations, threshold: float, max_distance_um: float = 5.0
) -> tuple[list[Mistake], list[Mistake]]:
    """Missed positions, the least probable first, and false ones, the most probable first.

    The probability of a missed one is the highest of the candidates near it.
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


def _plot_division_mistakes(
    annotated: AnnotatedMovie, found: Annotations, threshold: float, settings: NetworkSettings
) -> Drawing:
    """Divisions that were not called, then calls that are none."""
    score = judge_divisions(annotated.annotations, found, threshold, settings)
    called, right = score.probabilities >= threshold, score.called_mothers >= 0
    said = found.properties["division_probability"]
    missed, false = score.calls[right & ~called], score.calls[score.judged & called & ~right]
    rows, are_missed, title = _choose_worst(annotated.name, said, missed, false)
    centres, prepared = _prepare(annotated.movie, found, settings)
    examples = []
    for row, is_missed in zip(rows, are_missed):
        stacks = prepared.window(0, int(found.time_points[row]))
        crop = cut_crop(no_augmentation(), stacks, centres[row], settings.patch_shape_zyx)
        examples.append(DivisionExample(crop, is_missed, DIVISION if is_missed else ORDINARY))
    names = _name_all(found.time_points[rows], said[rows], are_missed)
    return plot_crops(examples, settings, names=names, title=title)


def _plot_link_mistakes(
    annotated: AnnotatedMovie, found: Annotations, settings: NetworkSettings
) -> Drawing:
    """True links that were not the most probable ones of their target, then wrong ones that were."""
    labels, said = label_candidates(annotated.annotations, found), found.link_properties
    said = said["link_probability"]
    chosen = np.isin(np.arange(len(labels)), find_most_probable(found))
    missed, false = np.flatnonzero((labels == 1) & ~chosen), np.flatnonzero((labels == 0) & chosen)
    rows, are_missed, title = _choose_worst(annotated.name, said, missed, false)
    movie = annotated.movie
    centres, prepared = _prepare(movie, found, settings)
    spacing = compute_working_spacing(AnnotatedMovie(movie, found), settings)
    drift = estimate_drift(found) if settings.remove_drift else {}
    examples, unvaried = [], no_augmentation()
    for row, is_missed in zip(rows, are_missed):
        ends = found.links[row]
        times = tuple(found.time_points[ends].tolist())
        pair = Pair(0, times, centres[ends], drift.get(times[0], np.zeros(3)) / spacing)
        crops, moved = cut_pair(unvaried, prepared, pair), pair.displacement(unvaried)
        kind = SAME if is_missed else OTHER_NEAR
        examples.append(LinkExample(*crops, moved, is_missed, kind))
    names = _name_all(found.time_points[found.links[rows, 0]], said[rows], are_missed)
    return plot_pairs(examples, settings, names=names, title=title)


def _choose_worst(
    name: str, said: np.ndarray, missed: np.ndarray, false: np.ndarray
) -> tuple[np.ndarray, list[bool], str]:
    """Rows of the worst mistakes, whether each was missed, and a title."""
    title = f"{name}: the worst of {len(missed)} missed and {len(false)} false"
    missed = missed[np.argsort(said[missed].astype(float))][:_MOST]
    false = false[np.argsort(-said[false].astype(float))][:_MOST]
    are_missed = [True] * len(missed) + [False] * len(false)
    return np.append(missed, false), are_missed, title


def _name_all(times: np.ndarray, said: np.ndarray, are_missed: Sequence[bool]) -> list[str]:
    return [
        f"{'missed' if is_missed else 'false'}, time {time}\nprobability {probability:.2f}"
        for time, probability, is_missed in zip(times, said, are_missed)
    ]


def _prepare(
    movie: TimeLapse, found: Annotations, settings: NetworkSettings
) -> tuple[np.ndarray, PreparedMovies]:
    """Positions in working voxels, and the movie."""
    centres = compute_working_positions(AnnotatedMovie(movie, found), settings)
    cache_bytes = 2 * compute_window_bytes([movie], settings)
    return centres, PreparedMovies([movie], settings, cache_bytes)
