"""The worst mistakes of a division or link network in pictures, cut out as the network saw them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.augmentation import no_augmentation
from organoid_kit.examples.crops import cut_crop
from organoid_kit.examples.division import DIVISION, ORDINARY, DivisionExample
from organoid_kit.examples.link import OTHER_NEAR, SAME, LinkExample, Pair, cut_pair
from organoid_kit.examples.patches import (
    PreparedMovies,
    compute_window_bytes,
    compute_working_positions,
    compute_working_spacing,
)
from organoid_kit.plots.crops import plot_crops, plot_pairs
from organoid_kit.plots.drawing import FALSE, MISSED, Drawing
from organoid_kit.plots.images import Mistake, plot_mistakes, sort_positions
from organoid_kit.report.judging import find_most_probable, judge_divisions, judge_links
from organoid_kit.tracking.motion import compute_displacements, estimate_drift


def plot_position_mistakes(
    annotated: AnnotatedMovie, found: Annotations, threshold: float, channels: Sequence[int] = (1,)
) -> Drawing:
    """Missed nuclei, the least probable first, then false positions, the surest first.

    Args:
        annotated: the movie and its truth.
        found: candidates with their "probability".
        threshold: candidates from this probability on count as found.
        channels: counted from 1; several are summed.
    """
    mistakes = find_position_mistakes(annotated.annotations, found, threshold)
    return plot_mistakes(annotated.movie, annotated.annotations, *mistakes, channels)


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


def plot_division_mistakes(
    annotated: AnnotatedMovie,
    found: Annotations,
    threshold: float,
    settings: NetworkSettings,
    *,
    most: int = 4,
) -> Drawing:
    """Divisions that were not called, the least probable first, then calls that are none, the
    surest first.

    Args:
        annotated: the movie and its truth.
        found: positions with their "division_probability".
        threshold: nuclei from this probability on are called dividing.
        settings: of the network.
        most: so many of each kind.
    """
    score = judge_divisions(annotated.annotations, found, threshold, settings)
    called, right = score.probabilities >= threshold, score.called_mothers >= 0
    missed, false = score.calls[right & ~called], score.calls[score.judged & called & ~right]
    missed, false = _sort(found.properties["division_probability"], missed, false)
    rows, kinds = (
        np.append(missed[:most], false[:most]),
        [DIVISION] * len(missed[:most]) + [ORDINARY] * most,
    )
    movie, settings = AnnotatedMovie(annotated.movie, found), _with_spacing(settings, annotated)
    prepared, places = _prepare(movie, settings), compute_working_positions(movie, settings)
    examples = [
        _cut_division(prepared, int(found.time_points[row]), places[row], kind)
        for row, kind in zip(rows, kinds)
    ]
    said = found.properties["division_probability"]
    names = [_name(found, row, said[row], kind == DIVISION) for row, kind in zip(rows, kinds)]
    return plot_crops(
        examples, settings, names=names, title=_make_title(annotated.name, missed, false)
    )


def plot_link_mistakes(
    annotated: AnnotatedMovie, found: Annotations, settings: NetworkSettings, *, most: int = 4
) -> Drawing:
    """True links that were not the most probable, then wrong ones that were, the surest first.

    Args:
        annotated: the movie and its truth.
        found: all candidates, with their "link_probability".
        settings: of the network.
        most: so many of each kind.
    """
    labels, said = (
        judge_links(annotated.annotations, found),
        found.link_properties["link_probability"],
    )
    chosen = np.isin(np.arange(len(labels)), find_most_probable(found))
    missed, false = _sort(
        said, np.flatnonzero((labels == 1) & ~chosen), np.flatnonzero((labels == 0) & chosen)
    )
    rows = np.append(missed[:most], false[:most])
    examples = _cut_links(
        AnnotatedMovie(annotated.movie, found), rows, labels, _with_spacing(settings, annotated)
    )
    names = [_name(found, found.links[row, 0], said[row], labels[row] == 1) for row in rows]
    title = _make_title(annotated.name, missed, false)
    return plot_pairs(examples, _with_spacing(settings, annotated), names=names, title=title)


def _sort(said: np.ndarray, missed: np.ndarray, false: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The worst first: missed ones of least probability, false ones of highest."""
    return missed[np.argsort(said[missed].astype(float))], false[
        np.argsort(-said[false].astype(float))
    ]


def _with_spacing(settings: NetworkSettings, annotated: AnnotatedMovie) -> NetworkSettings:
    return settings.changed(spacing_um=settings.spacing_um or tuple(annotated.movie.spacing_um))


def _prepare(annotated: AnnotatedMovie, settings: NetworkSettings) -> PreparedMovies:
    movies = [annotated.movie]
    return PreparedMovies(movies, settings, cache_bytes=2 * compute_window_bytes(movies, settings))


def _cut_division(
    prepared: PreparedMovies, time_point: int, place: np.ndarray, kind: int
) -> DivisionExample:
    stacks = prepared.window(0, time_point)
    crop = cut_crop(no_augmentation(), stacks, place, prepared.settings.patch_shape_zyx)
    return DivisionExample(crop, kind == DIVISION, kind)


def _cut_links(
    annotated: AnnotatedMovie, rows: np.ndarray, labels: np.ndarray, settings: NetworkSettings
) -> list[LinkExample]:
    """Some candidates, without variation."""
    found, prepared = annotated.annotations, _prepare(annotated, settings)
    places, spacing = (
        compute_working_positions(annotated, settings),
        compute_working_spacing(annotated, settings),
    )
    drift = estimate_drift(found) if settings.remove_drift else {}
    moves = compute_displacements(found, found.links, drift) / spacing
    examples = []
    for row in rows:
        ends = found.links[row]
        times = found.time_points[ends].tolist()
        gone = drift.get(times[0], np.zeros(3)) / spacing
        pair = Pair(0, times, places[ends], gone)
        crops = cut_pair(no_augmentation(), prepared, pair)
        same = bool(labels[row] == 1)
        examples.append(LinkExample(*crops, moves[row], same, SAME if same else OTHER_NEAR))
    return examples


def _name(found: Annotations, row: int, said: float, missed: bool) -> str:
    return (
        f"{'missed' if missed else 'false'}, time {found.time_points[row]}\nprobability {said:.2f}"
    )


def _make_title(name: str, missed: np.ndarray, false: np.ndarray) -> str:
    return f"{name}: the worst of {len(missed)} missed and {len(false)} false"
