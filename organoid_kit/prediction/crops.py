"""Trained division and link networks at work; answers are calibrated by numbers saved with them."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from tqdm.auto import tqdm

from organoid_kit.base import NetworkSettings, refuse_if
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.examples import PreparedMovies, looks, patches, sizes
from organoid_kit.examples.augmentation import cut_crop, no_augmentation
from organoid_kit.examples.link import add_coordinates, compute_pair_windows
from organoid_kit.tracking import distance, find_best, find_candidates, linking, motion

_TOGETHER = 64  # crops or pairs that go through the network at once
_ALIKE = 16  # numbers of crops are multiples of this: networks are traced for a few sizes only
BELIEVED = "distance_probability"  # of links, before a network is asked
_LEAST_FLOW_UM = 0.5  # slower surroundings are taken to stand still
_SURE, _UNLIKELY = 0.9, 0.01  # probabilities of the best candidate, and by distance of others
_NOT_ASKED = 0.001  # links are rare there, but where nuclei are restless (11 of 3,306)


def predict_divisions(
    network: keras.Model,
    movie: TimeLapse,
    annotations: Annotations,
    settings: NetworkSettings,
    *,
    show_progress: bool = True,
) -> Annotations:
    """How probably each nucleus divides right after its time point: "division_probability"."""
    fitted = sizes.fit_to_network(AnnotatedMovie(movie, annotations), settings)
    positions, prepared = _prepare(fitted, settings, "division")

    def judge(time_point: int, rows: np.ndarray) -> np.ndarray:
        crops = _cut(prepared.window(0, time_point), positions[rows][:, None], settings)
        return _answer(network, len(rows), lambda part: crops[part])

    answers = _judge_all(judge, annotations.time_points, prepared, show_progress)
    properties = annotations.properties | {"division_probability": answers}
    return dataclasses.replace(annotations, properties=properties)


def predict_links(
    network: keras.Model,
    movie: TimeLapse,
    annotations: Annotations,
    settings: NetworkSettings,
    *,
    ask_all: bool = False,
    show_progress: bool = True,
) -> Annotations:
    """Says of every candidate link ("link_probability") how probably both ends are one nucleus, or
    mother and daughter; the annotations returned have all candidates as links.

    Distance is asked first. Where surroundings move otherwise than the whole, as in an organoid
    that turns, that movement is taken out, too. Of nuclei whose partner is sure, by distance and by
    the network, nobody asks whether they are another's (0.001), but with `ask_all`.
    """
    fitted = sizes.fit_to_network(AnnotatedMovie(movie, annotations), settings)
    positions, prepared = _prepare(fitted, settings, "link")
    spacing = patches.compute_working_spacing(fitted, settings)
    candidates = fitted.with_spacing().annotations
    if BELIEVED not in candidates.link_properties:
        candidates = propose_links(fitted, settings)
    drift = motion.estimate_drift(candidates) if settings.remove_drift else {}
    moved_um = motion.compute_displacements(candidates, candidates.links, drift)
    believed = candidates.link_properties[BELIEVED].astype(float)
    best = np.intersect1d(*(find_best(believed, ends) for ends in candidates.links.T))
    if settings.remove_drift:
        trusted = best[believed[best] >= 0.5]
        moved_um = _remove_flow(candidates, positions * spacing, moved_um, trusted)
    displacements, calibrate = moved_um / spacing, Calibration(*settings.calibration).apply
    is_best = np.isin(np.arange(len(believed)), best)

    def judge(time_point: int, rows: np.ndarray) -> np.ndarray:
        links = candidates.links[rows]
        drifted, times = drift.get(time_point, np.zeros(3)) / spacing, (time_point, time_point + 1)
        windows, ends = compute_pair_windows(prepared, 0, times), []
        for own, window, nuclei in zip(times, windows, links.T, strict=True):
            nuclei, numbers = np.unique(nuclei, return_inverse=True)
            stacks = [prepared.stack(0, time) for time in window]
            centres = positions[nuclei][:, None] + (np.array(window) - own)[:, None] * drifted
            ends.append((_cut(stacks, centres, settings), numbers))  # crops; which each link has
        answers = np.full(len(rows), np.nan)

        def ask(which: np.ndarray) -> None:
            which = np.flatnonzero(which)
            moves = displacements[rows[which]].astype(np.float32)

            def make_inputs(part: slice) -> list[np.ndarray]:
                first, second = (crops[numbers[which[part]]] for crops, numbers in ends)
                return [*add_coordinates(first, second, moves[part]), moves[part]]

            answers[which] = _answer(network, len(which), make_inputs)

        first = is_best[rows] | ask_all
        ask(first)
        sure = first & (believed[rows] >= _SURE) & (calibrate(answers) >= _SURE)
        are_taken = np.logical_and(*(np.isin(side, side[sure]) for side in links.T))
        ask(~first & ~(are_taken & (believed[rows] < _UNLIKELY)))
        return answers

    times = candidates.time_points[candidates.links[:, 0]]
    answers = _judge_all(judge, times, prepared, show_progress)
    answers[np.isnan(answers)] = _NOT_ASKED
    found = {"link_properties": {"link_probability": answers}}
    found["spacing_um"] = annotations.spacing_um or movie.spacing_um
    return dataclasses.replace(candidates, **found)


def propose_links(fitted: AnnotatedMovie, settings: NetworkSettings) -> Annotations:
    """All candidate links of a movie, as the network sees it, and how probable each is by distance.

    `predict_links` does this first, unless it was done: then it needs no more than the time points
    that it is to judge, and the one after.
    """
    scaled, size = fitted.with_spacing().annotations, fitted.movie.relative_size
    candidates = find_candidates(
        scaled,
        max_distance_um=linking.choose_max_distance(scaled, settings.max_link_um, size),
        neighbours=settings.link_neighbours,
        remove_drift=settings.remove_drift,
    )
    believed, _ = distance.estimate_link_probabilities(candidates)
    return dataclasses.replace(candidates, link_properties={BELIEVED: believed})


def _remove_flow(
    candidates: Annotations, places_um: np.ndarray, moved_um: np.ndarray, trusted: np.ndarray
) -> np.ndarray:
    """Displacements, (m, 3) µm, without what surroundings of the source move by trusted links."""
    sources, own_um = candidates.links[:, 0], moved_um.copy()
    times = candidates.time_points[sources]
    for time in np.unique(times):
        rows, known = np.flatnonzero(times == time), trusted[times[trusted] == time]
        nuclei, numbers = np.unique(sources[rows], return_inverse=True)
        linked = np.searchsorted(nuclei, sources[known])
        flow_um = motion.estimate_flow(places_um[nuclei], linked, moved_um[known])
        flow_um[np.linalg.norm(flow_um, axis=1) <= _LEAST_FLOW_UM] = 0
        own_um[rows] -= flow_um[numbers]
    return own_um


def _prepare(
    annotated: AnnotatedMovie, settings: NetworkSettings, network: str
) -> tuple[np.ndarray, PreparedMovies]:
    """Positions in working voxels, and the movie. Raises UserError for another kind of network."""
    refuse_if(settings.network != network, "network kind", network=network, found=settings.network)
    prepared = patches.prepare_nuclei(annotated, settings)
    looks.warn_if_unlike(annotated, settings)
    return prepared


def _judge_all(
    judge: Callable[[int, np.ndarray], np.ndarray],
    times: np.ndarray,
    prepared: PreparedMovies,
    show_progress: bool,
) -> np.ndarray:
    """What `judge` says of the rows of one time point after the other, calibrated, (n,) float."""
    settings, answers = prepared.settings, np.zeros(len(times))
    bar = {"desc": f"{settings.network}s in {prepared.movies[0].name}", "unit": "time point"}
    for time_point in tqdm(np.unique(times).tolist(), disable=not show_progress, **bar):
        rows = np.flatnonzero(times == time_point)
        answers[rows] = judge(time_point, rows)
    return Calibration(*settings.calibration).apply(answers)


def _cut(stacks: list[np.ndarray], centres: np.ndarray, settings: NetworkSettings) -> np.ndarray:
    """Crops without variation, (n, z, y, x, time), around centres (n, time or 1, 3)."""
    shape = settings.patch_shape_zyx
    return np.stack([cut_crop(no_augmentation(), stacks, centre, shape) for centre in centres])


def _answer(
    network: keras.Model, count: int, make_inputs: Callable[[slice], np.ndarray | list[np.ndarray]]
) -> np.ndarray:
    """The network's answers, (count,) float; in batches of a few sizes."""

    def fill_up(values: np.ndarray) -> np.ndarray:
        return np.pad(values, [(0, -len(values) % _ALIKE), *[(0, 0)] * (values.ndim - 1)])

    answers = [np.zeros(0)]
    for start in range(0, count, _TOGETHER):
        part = slice(start, min(start + _TOGETHER, count))
        inputs = keras.tree.map_structure(fill_up, make_inputs(part))
        answer = keras.ops.convert_to_numpy(network.predict_on_batch(inputs))
        answers.append(answer[: part.stop - part.start, 0])
    return np.concatenate(answers)
