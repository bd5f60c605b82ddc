"""A trained position network at work: tile by tile, time point by time point, from movies of any size.

Tiles overlap by as much as the network sees around a voxel, and only their middles are kept, on a grid that the
network's pooling does not notice: the result is that of one tile as large as the stack.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm.auto import tqdm

from organoid_kit.annotations import Annotations
from organoid_kit.errors import UserError
from organoid_kit.models.position import find_step
from organoid_kit.patches import PreparedMovies, convert_positions, find_working_shape
from organoid_kit.settings import NetworkSettings
from organoid_kit.targets import find_peaks
from organoid_kit.timelapse import TimeLapse

_TILE_ZYX = (64, 256, 256)  # about 2 GB of memory with the small network
_MARGIN_ZYX = {"small": (10, 48, 48), "standard": (14, 112, 112), "original": (4, 64, 64)}  # what a voxel depends on
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
        threshold: smallest probability; None for that of the settings. With 0.05 everything is kept, so that a
            threshold can be chosen afterwards.
        tile_shape_zyx: largest piece that goes through the network at once, margins not counted.
        resume_file: finished time points are noted here, and not computed again when the file exists.
        show_progress: whether a bar is shown.

    Returns:
        Positions between voxels, in voxels of the movie, with the property "probability".

    Raises:
        UserError: a stack cannot be read, or `resume_file` belongs to another prediction.
    """
    threshold = max(_LOWEST_PROBABILITY, settings.threshold if threshold is None else threshold)
    wanted = list(movie.time_points if time_points is None else time_points)
    note = _ResumeNote(resume_file, _identify(network, movie, settings, threshold))
    prepared = PreparedMovies([movie], settings, cache_bytes=_window_bytes(movie, settings))
    for time_point in tqdm(wanted, desc=f"positions in {movie.name}", unit="time point", disable=not show_progress):
        if time_point not in note.found:
            stacks = [stack.transpose(2, 0, 1) for stack in prepared.window(0, time_point)]
            heat = predict_heat(network, stacks, settings, tile_shape_zyx)
            note.add(time_point, *_find_in_movie(heat, movie, settings, threshold))
    return _collect(movie, {time_point: note.found[time_point] for time_point in wanted})


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
            find_step(settings),
            network.input_shape[1:4],
            strict=True,
        )
    ]
    heat = np.empty(shape, np.float32)
    for tile in itertools.product(*plans):
        image = np.stack([_read_tile(stack, [part for part, _ in tile]) for stack in stacks], axis=-1)
        predicted = keras.ops.convert_to_numpy(network.predict_on_batch(image[None]))[0, ..., 0]
        kept = tuple(slice(*inner) for _, inner in tile)
        heat[kept] = predicted[tuple(slice(low - part[0], high - part[0]) for part, (low, high) in tile)]
    return heat


Span = tuple[int, int]


def _plan_axis(size: int, tile: int, margin: int, step: int, fixed: int | None) -> list[tuple[Span, Span]]:
    """How an axis is cut: for each tile what is read (may reach beyond the image) and what is kept of it.

    Tiles begin at multiples of `step` and are all equally long. `fixed` is the length the network insists on, if any.
    """
    if fixed is None and size <= tile + 2 * margin:
        return [((0, _round_up(size, step)), (0, size))]
    if fixed is not None and size <= fixed:
        return [((0, fixed), (0, size))]
    margin = _round_up(min(margin, (fixed or size) // 4), step)
    inner = fixed - 2 * margin if fixed else _round_up(-(-size // -(-size // tile)), step)
    return [
        ((start - margin, start + inner + margin), (start, min(start + inner, size))) for start in range(0, size, inner)
    ]


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step


def _read_tile(stack: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """A part of a stack; what lies beyond the image is 0, as in training."""
    inside = tuple(slice(max(low, 0), min(high, size)) for (low, high), size in zip(spans, stack.shape, strict=True))
    tile = np.zeros([high - low for low, high in spans], np.float32)
    place = tuple(slice(part.start - low, part.stop - low) for part, (low, _) in zip(inside, spans, strict=True))
    tile[place] = stack[inside]
    return tile


def _find_in_movie(
    heat: np.ndarray, movie: TimeLapse, settings: NetworkSettings, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of the heat map in voxels of the movie, and their probabilities."""
    spacing = tuple(np.array(movie.spacing_um) * movie.shape_zyx / heat.shape)
    positions, probabilities = find_peaks(heat, spacing, settings.min_distance_um, threshold)
    return convert_positions(positions, heat.shape, movie.shape_zyx), probabilities


def _collect(movie: TimeLapse, found: dict[int, tuple[np.ndarray, np.ndarray]]) -> Annotations:
    """All time points as one `Annotations`."""
    return Annotations(
        positions=np.concatenate([np.zeros((0, 3)), *(positions for positions, _ in found.values())]),
        time_points=np.repeat(list(found), [len(positions) for positions, _ in found.values()]),
        properties={"probability": np.concatenate([np.zeros(0), *(values for _, values in found.values())])},
        spacing_um=movie.spacing_um,
        minutes_per_time_point=movie.minutes_per_time_point,
        name=movie.name,
    )


def _window_bytes(movie: TimeLapse, settings: NetworkSettings) -> int:
    """Memory for the stacks of one time window."""
    voxels = int(np.prod(find_working_shape(movie, settings.spacing_um), dtype=float))
    return 4 * voxels * (settings.time_window[1] - settings.time_window[0] + 1)


def _identify(network: keras.Model, movie: TimeLapse, settings: NetworkSettings, threshold: float) -> str:
    """A checksum of everything a prediction depends on."""
    total = hashlib.sha256(json.dumps([settings.to_dict(), threshold, str(movie), str(movie.path)]).encode())
    for weights in network.get_weights():
        total.update(weights.tobytes())
    return total.hexdigest()


class _ResumeNote:
    """Finished time points, in memory and, one line each, in a file."""

    def __init__(self, path: str | Path | None, identity: str) -> None:
        self.path = Path(path) if path else None
        self.found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        if self.path is None:
            return
        lines = list(self._read_lines())
        if not lines:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"identity": identity}) + "\n", encoding="utf-8")
        elif lines[0] != {"identity": identity}:
            raise UserError(
                f"A prediction goes on with the same movie, network and threshold. Received: {self.path}, which "
                "belongs to another one. Remove it, or choose another resume_file."
            )
        for line in lines[1:]:
            self.found[line["time_point"]] = (
                np.array(line["positions"]).reshape(-1, 3),
                np.array(line["probabilities"]),
            )

    def _read_lines(self) -> Iterator[dict[str, Any]]:
        """The complete lines; a last one that was cut off is removed from the file."""
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        if complete != content:
            self.path.write_bytes(complete)
        try:
            yield from map(json.loads, complete.splitlines())
        except ValueError as error:
            raise UserError(
                f"The resume file must hold lines of JSON. Received: {self.path} ({error}). Remove it, or choose "
                "another resume_file."
            ) from error

    def add(self, time_point: int, positions: np.ndarray, probabilities: np.ndarray) -> None:
        """Notes a finished time point."""
        self.found[time_point] = (positions, probabilities)
        if self.path:
            line = {"time_point": time_point, "positions": positions.tolist(), "probabilities": probabilities.tolist()}
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
