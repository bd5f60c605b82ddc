"""A trained position network at work: tile by tile, from movies of any size.

Tiles overlap by as much as the network sees around a voxel, and only their middles are kept, on a
grid that its pooling does not notice: the result is that of one tile as large as the stack.
"""

import hashlib
import itertools
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
from tqdm.auto import tqdm

from organoid_kit.base import NetworkSettings, files, make_error, refuse_if, warn
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.evaluation import find_peaks, positions as scoring
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.evaluation.matching import choose_radius_um
from organoid_kit.examples import PreparedMovies, batches, looks, patches, sizes
from organoid_kit.networks import building, folders, load_network, measure_field_of_view
from organoid_kit.training import Run, estimates

_TILE_ZYX = (64, 256, 256)  # about 1 GB of memory with the small network
_SMALLEST_TILE = 8  # voxels; margins are far larger
# How far around a voxel its prediction depends on the image, as tests/prediction measures it; in
# multiples of `compute_shape_multiple`. The original layout sees farther, but what lies beyond
# these margins matters little.
_MARGIN_ZYX = {"small": (10, 56, 56), "standard": (14, 112, 112), "original": (16, 64, 64)}
_TRIED_ON_ZYX = (48, 128, 128)  # a learner's network: it is taken to see no farther than this
_LOWEST_PROBABILITY = 0.05  # peaks below are not worth keeping; thresholds are chosen above


def predict_positions(
    network: keras.Model,
    movie: TimeLapse,
    settings: NetworkSettings,
    *,
    time_points: Sequence[int] | None = None,
    threshold: float | None = None,
    tile_shape_zyx: tuple[int, int, int] = _TILE_ZYX,
    resume_file: str | Path | None = None,
    show_progress: bool = True,
) -> Annotations:
    """Finds the nucleus centres in a movie of any size; only the time window is in memory.

    They lie between voxels and have the property "probability", from a threshold on (None: that of
    the settings; 0.05 keeps all, to choose afterwards). `tile_shape_zyx` goes through the network
    at once, margins not counted. Finished time points are kept in the `resume_file`.
    """
    threshold = settings.threshold if threshold is None else threshold
    wanted = list(movie.time_points if time_points is None else time_points)
    missing, times = sorted(set(wanted) - set(movie.time_points)), movie.time_points
    ends = {"first": times[0], "last": times[-1]}
    refuse_if(missing, "time points exist", movie.name, missing=missing, **ends)
    identity = identify(network, movie, settings, threshold) if resume_file else ""
    journal = _Journal(resume_file, identity)
    fitted = sizes.fit_to_network(AnnotatedMovie(movie), settings).movie
    shown = Annotations(np.zeros((len(wanted), 3)), wanted)
    looks.warn_if_unlike(AnnotatedMovie(fitted, shown), settings)
    prepared = PreparedMovies([fitted], settings, patches.compute_window_bytes([fitted], settings))
    quick, title = building.quicken_network(network, settings), f"positions in {movie.name}"
    title += "" if quick is network else ", in bfloat16"
    calibration = Calibration(*settings.calibration)
    least = max(_LOWEST_PROBABILITY, float(calibration.invert(threshold)))
    if threshold < _LOWEST_PROBABILITY:
        warn(f"Below {_LOWEST_PROBABILITY} nothing is kept. Received: a threshold of {threshold}.")
    for time_point in tqdm(wanted, desc=title, unit="time point", disable=not show_progress):
        if time_point not in journal.found:
            stacks = prepared.window(0, time_point)
            heat = predict_heat(quick, stacks, settings, tile_shape_zyx)
            spacing = tuple(np.array(fitted.spacing_um) * fitted.shape_zyx / heat.shape)
            peaks, heights = find_peaks(heat, spacing, settings.min_distance_um, least)
            peaks = patches.convert_positions(peaks, heat.shape, fitted.shape_zyx)
            peaks[:, 0] = peaks[:, 0] * (fitted.shape_zyx[0] > 1) + 0.0  # never -0
            journal.add(time_point, peaks, calibration.apply(heights))
    positions, probabilities = zip((np.zeros((0, 3)), np.zeros(0)), *map(journal.found.get, wanted))
    return Annotations(
        np.concatenate(positions),
        np.repeat(wanted, list(map(len, positions[1:]))),
        properties={"probability": np.concatenate(probabilities)},
        spacing_um=movie.spacing_um,
        minutes_per_time_point=movie.minutes_per_time_point,
        name=movie.name,
    )


def choose_threshold(
    run: Run, validation: batches.Movies, *, show_progress: bool = True
) -> scoring.ThresholdChoice:
    """The probability of highest F1, saved with the network; never pass movies of the last test."""
    network, settings = load_network(run.folder)
    options = {"threshold": _LOWEST_PROBABILITY, "show_progress": show_progress}
    thresholds = scoring.DEFAULT_THRESHOLDS[scoring.DEFAULT_THRESHOLDS >= _LOWEST_PROBABILITY]
    near = {"max_distance_um": choose_radius_um(annotated.movie for annotated in validation)}
    curves = []
    for annotated in validation:
        truth = annotated.annotations
        options["time_points"] = truth.annotated_time_points.tolist()
        found = predict_positions(network, annotated.movie, settings, **options)
        curves.append(scoring.score_over_thresholds(truth, found, thresholds=thresholds, **near))
    curve = scoring.pool_curves(curves)
    choice = curve.choose()
    if warning := curve.best_score().warning:
        warn(f"Threshold {choice.threshold:.2f}: {warning}")
    folders.save_settings(settings.changed(threshold=choice.threshold), run.folder)
    run.log(f"{choice}; chosen on {[annotated.name for annotated in validation]}")
    return choice


def predict_heat(
    network: keras.Model,
    stacks: Sequence[np.ndarray],
    settings: NetworkSettings,
    tile_shape_zyx: tuple[int, int, int] = _TILE_ZYX,
) -> np.ndarray:
    """The probability of a nucleus centre in each voxel, (z, y, x) float32.

    From (batch, z, y, x, time) the network makes (batch, z, y, x, 1); `stacks` are the prepared
    ones of the time window, (z, y, x) float32 each.
    """
    try:
        return _predict_tiles(network, stacks, settings, tile_shape_zyx)
    except Exception as error:
        smaller = (tile_shape_zyx[0], *(size // 2 for size in tile_shape_zyx[1:]))
        if not estimates.is_out_of_memory(error):
            raise
        if max(smaller[1:]) < _SMALLEST_TILE:
            raise make_error("tile in memory", tile=tile_shape_zyx) from error
    return predict_heat(network, stacks, settings, smaller)


def _predict_tiles(
    network: keras.Model,
    stacks: Sequence[np.ndarray],
    settings: NetworkSettings,
    tile_shape_zyx: tuple[int, int, int],
) -> np.ndarray:
    """`predict_heat` with tiles of one size."""
    heat = np.empty(stacks[0].shape, np.float32)
    margins, steps = find_margins(network, settings)
    axes = zip(heat.shape, tile_shape_zyx, margins, steps, network.input_shape[1:4], strict=True)
    for tile in itertools.product(*(_plan_axis(*axis) for axis in axes)):
        seen = tuple(slice(*read) for read, _ in tile)
        image = np.stack([stack[seen] for stack in stacks], axis=-1)
        missing = [high - low - n for ((low, high), _), n in zip(tile, image.shape)]
        image = np.pad(image, [*((0, n) for n in missing), (0, 0)])  # 0 beyond, as in training
        predicted = keras.ops.convert_to_numpy(network.predict_on_batch(image[None]))[0, ..., 0]
        inner = tuple(slice(low - read[0], high - read[0]) for read, (low, high) in tile)
        heat[tuple(slice(*kept) for _, kept in tile)] = predicted[inner]
    return heat


def find_margins(
    network: keras.Model, settings: NetworkSettings
) -> tuple[tuple[int, ...], tuple[int, int, int]]:
    """How far a position network sees around a voxel, and what its input must be multiples of."""
    if building.is_own(network):
        return _measure_own(network)
    return _MARGIN_ZYX[settings.preset], building.compute_shape_multiple(settings)


@lru_cache(maxsize=2)  # it takes seconds
def _measure_own(network: keras.Model) -> tuple[tuple[int, ...], tuple[int, int, int]]:
    steps, fixed = building.measure_shape_multiple(network), network.input_shape[1:4]
    tried = [size or building.round_up(far, n) for far, size, n in zip(_TRIED_ON_ZYX, fixed, steps)]
    margins = []
    for seen, size, step in zip(measure_field_of_view(network, tuple(tried)), fixed, steps):
        margin = building.round_up(seen // 2, step) + step
        margins.append(min(margin, (size - 1) // 2) if size else margin)  # a voxel at least is kept
    return tuple(margins), steps


Span = tuple[int, int]


def _plan_axis(
    size: int, tile: int, margin: int, step: int, fixed: int | None
) -> list[tuple[Span, Span]]:
    """How an axis is cut: for each tile what is read, and what is kept of it.

    Tiles are equally long and begin at multiples of `step`. None reaches beyond the image, except
    at its end up to the next multiple: so the network sees its border as in one piece. Neighbours
    meet in the middle of their overlap. `fixed` is the length the network insists on, if any.
    """
    whole = building.round_up(size, step)
    inner = whole - 2 * margin
    count = max(1, -(-inner // tile))
    length = fixed or min(whole, building.round_up(-(-inner // count), step) + 2 * margin)
    if size <= length:
        return [((0, length), (0, size))]
    stride = max(step, (length - 2 * margin) // step * step)
    starts = [*range(0, whole - length, stride), whole - length]
    edges = [(before + after + length) // 2 for before, after in itertools.pairwise(starts)]
    kept = itertools.pairwise([0, *edges, size])
    return [((start, start + length), span) for start, span in zip(starts, kept, strict=True)]


def identify(
    network: keras.Model, movie: TimeLapse, settings: NetworkSettings, threshold: float
) -> str:
    """A checksum of everything a prediction depends on; the first stack stands for all images."""
    facts = [settings.to_dict(), threshold, str(movie), str(movie.path)]
    facts += [movie.nucleus_diameter_um] if movie.nucleus_diameter_um else []
    total = hashlib.sha256(json.dumps(facts).encode())
    total.update(np.ascontiguousarray(movie.stack(movie.time_points[0], settings.channels)))
    for weights in network.get_weights():
        total.update(weights.tobytes())
    return total.hexdigest()


class _Journal:
    """Finished time points, in memory and, one line each, in a file."""

    def __init__(self, path: str | Path | None, identity: str) -> None:
        self.path = Path(path) if path else None
        self.found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        if not self.path:
            return
        content = self.path.read_bytes() if self.path.exists() else b""
        first_line = json.dumps({"identity": identity}).encode() + b"\n"
        complete = content[: content.rfind(b"\n") + 1]  # without a last line that was cut off
        if first_line.startswith(content):
            complete = first_line
        elif not content.startswith(first_line):
            raise make_error("same prediction", self.path)
        if complete != content:
            files.write_bytes_safely(self.path, complete, overwrite=True)
        try:
            for line in map(json.loads, complete.splitlines()[1:]):
                positions = np.array(line["positions"], float).reshape(-1, 3)
                self.found[line["time_point"]] = positions, np.array(line["probabilities"], float)
        except (ValueError, KeyError, TypeError) as error:
            raise make_error("resume file", self.path, error=error) from error

    def add(self, time_point: int, positions: np.ndarray, probabilities: np.ndarray) -> None:
        """Keeps a finished time point."""
        self.found[time_point] = (positions, probabilities)
        if not self.path:
            return
        values = {"positions": positions.tolist(), "probabilities": probabilities.tolist()}
        content = json.dumps({"time_point": time_point, **values}).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab") as file:
                file.write(content)
        except OSError as error:
            raise make_error("resume written", self.path, error=error.strerror) from error
