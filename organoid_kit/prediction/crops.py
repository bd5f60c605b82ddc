"""Trained division and link networks at work: every position is asked, time point by time point.

Only the stacks of a time window are in memory. The answers are calibrated by the numbers saved with
the network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
from tqdm.auto import tqdm

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.examples.augmentation import no_augmentation
from organoid_kit.examples.crops import compute_working_positions, compute_working_spacing, cut_crop
from organoid_kit.examples.link import add_coordinates, compute_pair_windows
from organoid_kit.examples.patches import PreparedMovies, compute_window_bytes
from organoid_kit.tracking.linking import find_candidates
from organoid_kit.tracking.motion import compute_displacements, estimate_drift, estimate_flow
from organoid_kit.tracking.problem import find_best

_TOGETHER = 64  # crops or pairs that go through the network at once
_LEAST_FLOW_UM = 0.5  # slower surroundings are taken to stand still


def predict_divisions(
    network: keras.Model,
    movie: TimeLapse,
    annotations: Annotations,
    settings: NetworkSettings,
    *,
    show_progress: bool = True,
) -> Annotations:
    """Says of every nucleus how probably it is dividing: whether this is the mother's last time
    point.

    Args:
        network: a division network, as `load_network` gives it.
        movie: of any length; only the time window is in memory.
        annotations: nuclei, found or annotated.
        settings: those the network was trained with.
        show_progress: whether a bar is shown.

    Returns:
        the annotations with the property "division_probability".

    Raises:
        UserError: the network is none for divisions, a position lies outside the movie, or a stack
            cannot be read.
    """
    _check_network(settings, "division")
    places = compute_working_positions(AnnotatedMovie(movie, annotations), settings)
    prepared = PreparedMovies(
        [movie], settings, cache_bytes=2 * compute_window_bytes([movie], settings)
    )
    answers = np.zeros(len(annotations))
    for time_point in _make_progress_bar(
        annotations.annotated_time_points, f"divisions in {movie.name}", show_progress
    ):
        rows = annotations.rows_at(time_point)
        stacks = prepared.window(0, int(time_point))
        images = np.stack(
            [_cut(stacks, np.tile(places[row], (len(stacks), 1)), settings) for row in rows]
        )
        answers[rows] = _ask(network, len(rows), lambda part, images=images: images[part])
    probabilities = Calibration(*settings.calibration).apply(answers)
    return dataclasses.replace(
        annotations, properties={**annotations.properties, "division_probability": probabilities}
    )


def predict_links(
    network: keras.Model,
    movie: TimeLapse,
    annotations: Annotations,
    settings: NetworkSettings,
    *,
    show_progress: bool = True,
) -> Annotations:
    """Says of every candidate link how probably both ends are the same nucleus, or mother and
    daughter.

    Where the surroundings of a nucleus move otherwise than the whole, as in an organoid that turns,
    the network is asked a second time, with that movement taken out, too.

    Args:
        network: a link network, as `load_network` gives it.
        movie: of any length; only the time window is in memory.
        annotations: nuclei, found or annotated.
        settings: those the network was trained with; they say which pairs are candidates.
        show_progress: whether a bar is shown.

    Returns:
        the annotations with all candidates as links, and the link property "link_probability".

    Raises:
        UserError: the network is none for links, a position lies outside the movie, or a stack
            cannot be read.
    """
    _check_network(settings, "link")
    known = dataclasses.replace(
        annotations, spacing_um=annotations.spacing_um or tuple(movie.spacing_um)
    )
    candidates = find_candidates(
        known,
        max_distance_um=settings.max_link_um,
        neighbours=settings.link_neighbours,
        remove_drift=settings.remove_drift,
    )
    annotated = AnnotatedMovie(movie, candidates)
    places, spacing = (
        compute_working_positions(annotated, settings),
        compute_working_spacing(annotated, settings),
    )
    places_um = places * spacing
    drift = estimate_drift(candidates) if settings.remove_drift else {}
    displacements = compute_displacements(candidates, candidates.links, drift) / spacing
    prepared = PreparedMovies(
        [movie], settings, cache_bytes=2 * compute_window_bytes([movie], settings)
    )
    answers = np.zeros(len(candidates.links))
    times = candidates.time_points[candidates.links[:, 0]]
    for time_point in _make_progress_bar(np.unique(times), f"links in {movie.name}", show_progress):
        chosen = np.flatnonzero(times == time_point)
        shift = drift.get(int(time_point), np.zeros(3)) / spacing
        links, moves = candidates.links[chosen], displacements[chosen]
        crops = _PairCrops(prepared, int(time_point), links, places, shift)
        answers[chosen] = _ask(network, len(chosen), _join(crops, np.arange(len(chosen)), moves))
        if settings.remove_drift:
            flow = _estimate_neighbour_flow(places_um, links, moves * spacing, answers[chosen])
            again = np.flatnonzero(np.linalg.norm(flow, axis=1) > _LEAST_FLOW_UM)
            moves = moves[again] - flow[again] / spacing
            answers[chosen[again]] = _ask(network, len(again), _join(crops, again, moves))
    probabilities = Calibration(*settings.calibration).apply(answers)
    return dataclasses.replace(candidates, link_properties={"link_probability": probabilities})


class _PairCrops:
    """The crops of all candidates between two time points, each nucleus cut once however many
    candidates it has.
    """

    def __init__(
        self,
        prepared: PreparedMovies,
        time_point: int,
        links: np.ndarray,
        places: np.ndarray,
        drift: np.ndarray,
    ) -> None:
        windows = compute_pair_windows(prepared, 0, (time_point, time_point + 1))
        self.crops, self.numbers = [], []
        for ends, own, wanted in zip(links.T, (time_point, time_point + 1), windows, strict=True):
            rows, numbers = np.unique(ends, return_inverse=True)
            stacks = [prepared.stack(0, each) for each in wanted]
            moved = (np.array(wanted) - own)[:, None] * drift
            self.crops.append(
                np.stack([_cut(stacks, places[row] + moved, prepared.settings) for row in rows])
            )
            self.numbers.append(numbers)


def _estimate_neighbour_flow(
    places_um: np.ndarray, links: np.ndarray, moves_um: np.ndarray, answers: np.ndarray
) -> np.ndarray:
    """How the surroundings of each link's source move, by the links that are the best of both their
    ends, (k, 3) µm.
    """
    best = np.intersect1d(find_best(answers, links[:, 0]), find_best(answers, links[:, 1]))
    best = best[answers[best] >= 0.5]
    sources, numbers = np.unique(links[:, 0], return_inverse=True)
    return estimate_flow(places_um[sources], numbers[best], moves_um[best])[numbers]


def _join(
    crops: _PairCrops, rows: np.ndarray, displacements: np.ndarray
) -> Callable[[slice], list[np.ndarray]]:
    """What gives the network's three inputs for a part of these pairs."""
    displacements = displacements.astype(np.float32)

    def inputs(part: slice) -> list[np.ndarray]:
        pairs = zip(crops.crops, crops.numbers, strict=True)
        first, second = (each[numbers[rows[part]]] for each, numbers in pairs)
        return [*add_coordinates(first, second, displacements[part]), displacements[part]]

    return inputs


def _cut(
    stacks: Sequence[np.ndarray], centres: np.ndarray, settings: NetworkSettings
) -> np.ndarray:
    """A crop without variation, (z, y, x, time)."""
    return cut_crop(no_augmentation(), stacks, centres, settings.patch_shape_zyx).transpose(
        3, 0, 1, 2
    )


def _ask(
    network: keras.Model, count: int, inputs: Callable[[slice], np.ndarray | list[np.ndarray]]
) -> np.ndarray:
    """The network's answers, (count,) float. All batches are equally large, so that it is traced
    only once.
    """
    answers = []
    for start in range(0, count, _TOGETHER):
        part = slice(start, min(start + _TOGETHER, count))
        filled = keras.tree.map_structure(lambda each: _fill_up(each), inputs(part))
        said = keras.ops.convert_to_numpy(network.predict_on_batch(filled))
        answers.append(said[: part.stop - part.start, 0])
    return np.concatenate([np.zeros(0), *answers])


def _fill_up(values: np.ndarray) -> np.ndarray:
    return np.pad(values, [(0, _TOGETHER - len(values)), *[(0, 0)] * (values.ndim - 1)])


def _make_progress_bar(time_points: np.ndarray, what: str, show_progress: bool) -> tqdm:
    return tqdm(time_points.tolist(), desc=what, unit="time point", disable=not show_progress)


def _check_network(settings: NetworkSettings, wanted: str) -> None:
    if settings.network != wanted:
        raise UserError(
            f"This needs a {wanted} network. Received: a {settings.network} network. Load one with `load_network`."
        )
