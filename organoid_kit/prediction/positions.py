"""A trained position network at work: tile by tile, time point by time point, from movies of any
size.

Tiles overlap by as much as the network sees around a voxel, and only their middles are kept, on a
grid that the network's pooling does not notice: the result is that of one tile as large as the
stack.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm.auto import tqdm

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.evaluation.peaks import find_peaks
from organoid_kit.evaluation.positions import DEFAULT_THRESHOLDS, find_best_threshold
from organoid_kit.examples.patches import PreparedMovies, compute_window_bytes, convert_positions
from organoid_kit.networks.building import compute_shape_multiple
from organoid_kit.networks.saving import load_network, save_settings
from organoid_kit.training.runs import Run

_TILE_ZYX = (64, 256, 256)  # about 2 GB of memory with the small network
# How far around a voxel its prediction depends on the image, tests/test_prediction.py measures it;
# in multiples of `compute_shape_multiple`. That of the original layout reaches further, but what
# lies beyond these margins matters little.
_MARGIN_ZYX = {"small": (10, 56, 56), "standard": (14, 112, 112), "original": (16, 64, 64)}
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
    """Finds the nucleus centres in a movie.

    Args:
        network: as `load_network` gives it.
        movie: of any size; only the time window is in memory.
        settings: those the network was trained with.
        time_points: which ones; None for all.
        threshold: smallest probability; None for that of the settings. With 0.05 everything is
            kept, so that a threshold can be chosen afterwards.
        tile_shape_zyx: largest piece that goes through the network at once, margins not counted.
        resume_file: finished time points are noted here, and not computed again when the file
            exists.
        show_progress: whether a bar is shown.

    Returns:
        Positions between voxels, in voxels of the movie, with the property "probability".

    Raises:
        UserError: a stack cannot be read, or `resume_file` belongs to another prediction.
    """
    threshold = settings.threshold if threshold is None else threshold
    wanted = list(movie.time_points if time_points is None else time_points)
    _check_time_points(wanted, movie)
    note = _ResumeNote(
        resume_file, _identify(network, movie, settings, threshold) if resume_file else ""
    )
    prepared = PreparedMovies(
        [movie], settings, cache_bytes=compute_window_bytes([movie], settings)
    )
    for time_point in tqdm(
        wanted, desc=f"positions in {movie.name}", unit="time point", disable=not show_progress
    ):
        if time_point not in note.found:
            stacks = [stack.transpose(2, 0, 1) for stack in prepared.window(0, time_point)]
            heat = predict_heat(network, stacks, settings, tile_shape_zyx)
            note.add(time_point, *_detect_in_movie(heat, movie, settings, threshold))
    return _collect(movie, {time_point: note.found[time_point] for time_point in wanted})


def _check_time_points(wanted: Sequence[int], movie: TimeLapse) -> None:
    """Raises UserError where the movie lacks a time point."""
    missing = sorted(set(wanted) - set(movie.time_points))
    if missing:
        raise UserError(
            f"Time points must exist in the movie. Received: {missing}; {movie.name!r} has {movie.time_points[0]} to "
            f"{movie.time_points[-1]}. Leave these out."
        )


def choose_threshold(
    run: Run, validation: Sequence[AnnotatedMovie], *, show_progress: bool = True
) -> float:
    """The probability of highest F1 on validation movies, chosen there and saved with the run's
    network.

    Args:
        run: with a network.
        validation: the movies training was judged by; never those of the final test.
        show_progress: whether a bar is shown.

    Raises:
        UserError: the run has no network yet, or the movies have no positions.
    """
    network, settings = load_network(run.folder)
    options = {"threshold": _LOWEST_PROBABILITY, "show_progress": show_progress}
    pairs = []
    for each in validation:
        times = each.annotations.annotated_time_points.tolist()
        found = predict_positions(network, each.movie, settings, time_points=times, **options)
        pairs.append((each.annotations, found))
    threshold = find_best_threshold(
        pairs, thresholds=DEFAULT_THRESHOLDS[DEFAULT_THRESHOLDS >= _LOWEST_PROBABILITY]
    )
    save_settings(settings.changed(threshold=threshold), run.folder)
    run.log(f"threshold {threshold:.2f} chosen on {[each.name for each in validation]}")
    return threshold


def predict_heat(
    network: keras.Model,
    stacks: Sequence[np.ndarray],
    settings: NetworkSettings,
    tile_shape_zyx: tuple[int, int, int] = _TILE_ZYX,
) -> np.ndarray:
    """The probability of a nucleus centre in each voxel.

    Args:
        network: from (batch, z, y, x, time) to (batch, z, y, x, 1).
        stacks: prepared stacks of the time window, (z, y, x) float32 each.
        settings: of the network.
        tile_shape_zyx: largest piece that goes through the network at once, margins not counted.

    Returns:
        (z, y, x) float32.
    """
    shape = stacks[0].shape
    plans = [
        _plan_axis(*sizes)
        for sizes in zip(
            shape,
            tile_shape_zyx,
            _MARGIN_ZYX[settings.preset],
            compute_shape_multiple(settings),
            network.input_shape[1:4],
            strict=True,
        )
    ]
    heat = np.empty(shape, np.float32)
    for tile in itertools.product(*plans):
        image = np.stack(
            [_read_tile(stack, [part for part, _ in tile]) for stack in stacks], axis=-1
        )
        predicted = _apply(network, image[None])[0, ..., 0]
        kept = tuple(slice(*inner) for _, inner in tile)
        heat[kept] = predicted[
            tuple(slice(low - part[0], high - part[0]) for part, (low, high) in tile)
        ]
    return heat


def _apply(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the network says.

    Called directly, PyTorch would keep everything for a gradient; by `predict_on_batch`, TensorFlow
    would trace the network anew for each size of tile.
    """
    if keras.backend.backend() == "torch":
        return keras.ops.convert_to_numpy(network.predict_on_batch(images))
    return keras.ops.convert_to_numpy(network(images, training=False))


Span = tuple[int, int]


def _plan_axis(
    size: int, tile: int, margin: int, step: int, fixed: int | None
) -> list[tuple[Span, Span]]:
    """How an axis is cut: for each tile what is read, and what is kept of it.

    All tiles are equally long and begin at multiples of `step`. None reaches beyond the image,
    except at its end up to the next multiple: so the image's border looks to the network as it does
    in one piece. Neighbours meet in the middle of their overlap of at least two margins. `fixed` is
    the length the network insists on, if any.
    """
    whole = _round_up(size, step)
    count = max(1, -(-(whole - 2 * margin) // tile))
    length = fixed or min(whole, _round_up(-(-(whole - 2 * margin) // count), step) + 2 * margin)
    if size <= length:
        return [((0, length), (0, size))]
    stride = max(step, (length - 2 * margin) // step * step)
    starts = [*range(0, whole - length, stride), whole - length]
    edges = [
        0,
        *((before + after + length) // 2 for before, after in itertools.pairwise(starts)),
        size,
    ]
    return [
        ((start, start + length), kept)
        for start, kept in zip(starts, itertools.pairwise(edges), strict=True)
    ]


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step


def _read_tile(stack: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """A part of a stack; what lies beyond the image is 0, as in training."""
    inside = stack[tuple(slice(*span) for span in spans)]
    return np.pad(
        inside,
        [(0, high - low - size) for (low, high), size in zip(spans, inside.shape, strict=True)],
    )


def _detect_in_movie(
    heat: np.ndarray, movie: TimeLapse, settings: NetworkSettings, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of the heat map in voxels of the movie, and their calibrated probabilities."""
    spacing = tuple(np.array(movie.spacing_um) * movie.shape_zyx / heat.shape)
    calibration = Calibration(*settings.calibration)
    least = max(_LOWEST_PROBABILITY, float(calibration.invert(threshold)))
    positions, heights = find_peaks(heat, spacing, settings.min_distance_um, least)
    return convert_positions(positions, heat.shape, movie.shape_zyx), calibration.apply(heights)


def _collect(movie: TimeLapse, found: dict[int, tuple[np.ndarray, np.ndarray]]) -> Annotations:
    """All time points as one `Annotations`."""
    return Annotations(
        positions=np.concatenate(
            [np.zeros((0, 3)), *(positions for positions, _ in found.values())]
        ),
        time_points=np.repeat(list(found), [len(positions) for positions, _ in found.values()]),
        properties={
            "probability": np.concatenate([np.zeros(0), *(values for _, values in found.values())])
        },
        spacing_um=movie.spacing_um,
        minutes_per_time_point=movie.minutes_per_time_point,
        name=movie.name,
    )


def _identify(
    network: keras.Model, movie: TimeLapse, settings: NetworkSettings, threshold: float
) -> str:
    """A checksum of everything a prediction depends on; the first stack stands for all images."""
    total = hashlib.sha256(
        json.dumps([settings.to_dict(), threshold, str(movie), str(movie.path)]).encode()
    )
    total.update(np.ascontiguousarray(movie.stack(movie.time_points[0], settings.channels)))
    for weights in network.get_weights():
        total.update(weights.tobytes())
    return total.hexdigest()


class _ResumeNote:
    """Finished time points, in memory and, one line each, in a file."""

    def __init__(self, path: str | Path | None, identity: str) -> None:
        self.path = Path(path) if path else None
        self.found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        if self.path:
            self._begin(json.dumps({"identity": identity}).encode() + b"\n")

    def _begin(self, first_line: bytes) -> None:
        """Starts the file, or takes up what it holds; a last line that was cut off is removed."""
        content = self.path.read_bytes() if self.path.exists() else b""
        if first_line.startswith(content):
            return self._write(first_line, "wb")
        if not content.startswith(first_line):
            raise UserError(
                f"A prediction goes on with the same movie, network, settings and threshold. Received: {self.path}, "
                "which belongs to another one. Remove it, or choose another resume_file."
            )
        complete = content[: content.rfind(b"\n") + 1]
        if complete != content:
            self._write(complete, "wb")
        self._read_finished(complete.splitlines()[1:])

    def _read_finished(self, lines: Sequence[bytes]) -> None:
        """Reads finished time points. Raises UserError where a line is damaged."""
        try:
            for line in map(json.loads, lines):
                positions = np.array(line["positions"], float).reshape(-1, 3)
                self.found[line["time_point"]] = (positions, np.array(line["probabilities"], float))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"The resume file must hold what a prediction wrote. Received: {self.path} with a damaged line "
                f"({error}). Remove it, or choose another resume_file."
            ) from error

    def add(self, time_point: int, positions: np.ndarray, probabilities: np.ndarray) -> None:
        """Notes a finished time point."""
        self.found[time_point] = (positions, probabilities)
        if self.path:
            values = {"positions": positions.tolist(), "probabilities": probabilities.tolist()}
            self._write(json.dumps({"time_point": time_point, **values}).encode() + b"\n", "ab")

    def _write(self, content: bytes, mode: str) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, mode) as file:
                file.write(content)
        except OSError as error:
            raise UserError(
                f"The resume file must be writable. Received: {str(self.path)!r}: {error.strerror}. Finished time "
                "points are kept in it: free some space or choose another place, and start again."
            ) from error
