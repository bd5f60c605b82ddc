"""Trained division and link networks at work; answers are calibrated by numbers saved with them."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from tqdm.auto import tqdm

from organoid_kit.base import NetworkSettings, UserError
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.examples import PreparedMovies
from organoid_kit.examples.augmentation import cut_crop, no_augmentation
from organoid_kit.examples.link import add_coordinates, compute_pair_windows
from organoid_kit.examples.looks import warn_if_unlike
from organoid_kit.examples.patches import compute_working_spacing, prepare_nuclei
from organoid_kit.examples.sizes import fit_to_network
from organoid_kit.tracking import find_best, find_candidates
from organoid_kit.tracking.linking import choose_max_distance
from organoid_kit.tracking.motion import compute_displacements, estimate_drift, estimate_flow

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
    """How probably each nucleus divides right after its time point: "division_probability"."""
    fitted = fit_to_network(AnnotatedMovie(movie, annotations), settings)
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
    show_progress: bool = True,
) -> Annotations:
    """Says of every candidate link ("link_probability") how probably both ends are one nucleus, or
    mother and daughter; the annotations returned have all candidates as links.

    Where the surroundings of a nucleus move otherwise than the whole, as in an organoid that turns,
    the network judges a second time, with that movement taken out, too.
    """
    fitted = fit_to_network(AnnotatedMovie(movie, annotations), settings)
    positions, prepared = _prepare(fitted, settings, "link")
    spacing = compute_working_spacing(fitted, settings)
    scaled, size = fitted.with_spacing().annotations, fitted.movie.relative_size
    candidates = find_candidates(
        scaled,
        max_distance_um=choose_max_distance(scaled, settings.max_link_um, size),
        neighbours=settings.link_neighbours,
        remove_drift=settings.remove_drift,
    )
    drift = estimate_drift(candidates) if settings.remove_drift else {}
    displacements = compute_displacements(candidates, candidates.links, drift) / spacing

    def judge(time_point: int, rows: np.ndarray) -> np.ndarray:
        links, moved = candidates.links[rows], displacements[rows]
        drifted, times = drift.get(time_point, np.zeros(3)) / spacing, (time_point, time_point + 1)
        windows, ends = compute_pair_windows(prepared, 0, times), []
        for own, window, nuclei in zip(times, windows, links.T, strict=True):
            nuclei, numbers = np.unique(nuclei, return_inverse=True)
            stacks = [prepared.stack(0, time) for time in window]
            centres = positions[nuclei][:, None] + (np.array(window) - own)[:, None] * drifted
            ends.append((_cut(stacks, centres, settings), numbers))
        answers = _answer_pairs(network, ends, np.arange(len(rows)), moved)
        if settings.remove_drift:
            places_um, moved_um = positions * spacing, moved * spacing
            flow_um = _estimate_neighbour_flow(places_um, links, moved_um, answers)
            again = np.flatnonzero(np.linalg.norm(flow_um, axis=1) > _LEAST_FLOW_UM)
            moved = moved[again] - flow_um[again] / spacing
            answers[again] = _answer_pairs(network, ends, again, moved)
        return answers

    times = candidates.time_points[candidates.links[:, 0]]
    answers = _judge_all(judge, times, prepared, show_progress)
    found = {"link_properties": {"link_probability": answers}}
    found["spacing_um"] = annotations.spacing_um or movie.spacing_um
    return dataclasses.replace(candidates, **found)


def _prepare(
    annotated: AnnotatedMovie, settings: NetworkSettings, network: str
) -> tuple[np.ndarray, PreparedMovies]:
    """Positions in working voxels, and the movie. Raises UserError for another kind of network."""
    if settings.network != network:
        rule, received = f"This needs a {network} network", f"a {settings.network} network"
        raise UserError(f"{rule}. Received: {received}. Load one with `load_network`.")
    prepared = prepare_nuclei(annotated, settings)
    warn_if_unlike(annotated, settings)
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


def _estimate_neighbour_flow(
    places_um: np.ndarray, links: np.ndarray, moved_um: np.ndarray, answers: np.ndarray
) -> np.ndarray:
    """How the surroundings of each link's source move, by mutual best links, (k, 3) µm."""
    best = np.intersect1d(find_best(answers, links[:, 0]), find_best(answers, links[:, 1]))
    best = best[answers[best] >= 0.5]
    sources, numbers = np.unique(links[:, 0], return_inverse=True)
    return estimate_flow(places_um[sources], numbers[best], moved_um[best])[numbers]


def _answer_pairs(
    network: keras.Model,
    ends: list[tuple[np.ndarray, np.ndarray]],
    rows: np.ndarray,
    displacements: np.ndarray,
) -> np.ndarray:
    """Answers for these rows of links, (k,) float; `ends` are crops, and which each link has."""
    displacements = displacements.astype(np.float32)

    def make_inputs(part: slice) -> list[np.ndarray]:
        first, second = (crops[numbers[rows[part]]] for crops, numbers in ends)
        return [*add_coordinates(first, second, displacements[part]), displacements[part]]

    return _answer(network, len(rows), make_inputs)


def _answer(
    network: keras.Model, count: int, make_inputs: Callable[[slice], np.ndarray | list[np.ndarray]]
) -> np.ndarray:
    """The network's answers, (count,) float; equally large batches, so that it is traced once."""

    def fill_up(values: np.ndarray) -> np.ndarray:
        return np.pad(values, [(0, _TOGETHER - len(values)), *[(0, 0)] * (values.ndim - 1)])

    answers = [np.zeros(0)]
    for start in range(0, count, _TOGETHER):
        part = slice(start, min(start + _TOGETHER, count))
        inputs = keras.tree.map_structure(fill_up, make_inputs(part))
        answer = keras.ops.convert_to_numpy(network.predict_on_batch(inputs))
        answers.append(answer[: part.stop - part.start, 0])
    return np.concatenate(answers)
