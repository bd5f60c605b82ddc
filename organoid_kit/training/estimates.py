"""How much memory, time and disk a training will take, before it starts; and what fits instead."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.networks.building import build_network, check_patch_shape, compute_shape_multiple
from organoid_kit.networks.devices import Device, detect_device

_BYTES = 4  # of a float32
_ACTIVATION_COPIES = 1.5  # measured by benchmarks/memory.py: see `estimate_memory`
_BASE_BYTES = 820_000_000  # measured there too: Python, Keras and TensorFlow, whatever the batch
_COPIES_OF_WEIGHTS = 4  # weights, gradients and two moments of Adam
_BATCHES_IN_FLIGHT = 2  # one is trained on while the next is made
_FILES_OF_WEIGHTS = 11  # two checkpoints and one being written, of weights and two moments; network, one being written


@dataclass(frozen=True)
class Estimate:
    """What a training needs and what there is.

    Attributes:
        settings: of the training.
        memory_bytes: needed on the device.
        device: with the memory that is free.
        disk_bytes: needed in the output folder.
        free_disk_bytes: free there.
        minutes: for all epochs; None where time was not measured, as when the batch does not fit.
        fitting: the same settings with a batch, and where need be a patch, that fits.
    """

    settings: NetworkSettings
    memory_bytes: int
    device: Device
    disk_bytes: int
    free_disk_bytes: int
    minutes: float | None
    fitting: NetworkSettings

    @property
    def fits_memory(self) -> bool:
        """Whether the device has that much memory free."""
        return self.memory_bytes <= self.device.memory_bytes

    @property
    def fits_disk(self) -> bool:
        """Whether the output folder's disk has that much room."""
        return self.disk_bytes <= self.free_disk_bytes

    def __str__(self) -> str:
        return " ".join([self._describe_memory(), self._describe_minutes(), self._describe_disk()])

    def warnings(self) -> list[str]:
        """What does not fit, in words; empty where all does."""
        return [
            *([] if self.fits_memory else [self._describe_memory()]),
            *([] if self.fits_disk else [self._describe_disk()]),
        ]

    def _describe_memory(self) -> str:
        needed = (
            f"{_describe_batch(self.settings)} needs about {_format_bytes(self.memory_bytes)}; your {self.device.name} has "
            f"{_format_bytes(self.device.memory_bytes)} free."
        )
        if self.fits_memory:
            return needed
        if self.fitting.patch_shape_zyx == self.settings.patch_shape_zyx:
            return f"{needed} A batch of {self.fitting.batch_size} fits."
        return f"{needed} {_describe_batch(self.fitting)} fits."

    def _describe_minutes(self) -> str:
        if self.minutes is None:
            return "Time was not measured."
        return f"{self.settings.epochs} epochs take at most about {self.minutes:.3g} minutes, if nothing else runs."

    def _describe_disk(self) -> str:
        said = f"The run needs about {_format_bytes(self.disk_bytes)} of disk; {_format_bytes(self.free_disk_bytes)} are free."
        return (
            said
            if self.fits_disk
            else f"{said} Free some space or set output_folder to another disk."
        )


def estimate_training(
    settings: NetworkSettings,
    annotated_movies: Sequence[AnnotatedMovie],
    *,
    measure_time: bool = True,
) -> Estimate:
    """What training on these movies will take.

    Args:
        settings: of the training.
        annotated_movies: to train on; only the number of annotated time points is looked at.
        measure_time: whether a few real steps are timed, which takes some seconds.

    Raises:
        UserError: the patch does not fit the network.
    """
    check_patch_shape(settings)
    device = detect_device()
    memory = estimate_memory(settings)
    seconds = _try_steps(settings) if measure_time and memory <= device.memory_bytes else None
    steps = count_steps(settings, annotated_movies) * settings.epochs
    return Estimate(
        settings=settings,
        memory_bytes=memory,
        device=device,
        disk_bytes=estimate_disk(settings),
        free_disk_bytes=_measure_free_disk(Path(settings.output_folder)),
        minutes=None if seconds is None else seconds * steps / 60,
        fitting=propose_batch(settings, device.memory_bytes),
    )


def estimate_memory(settings: NetworkSettings) -> int:
    """Bytes that training takes at its peak.

    All layer outputs of a batch are kept for the gradient: their voxels follow from the layers'
    shapes, without computing anything. What TensorFlow needs on top of them (gradients on their
    way, working space of convolutions) is one factor, fitted to the peak memory of real training
    steps by ``benchmarks/memory.py``, which prints estimated beside measured.
    """
    fixed, each_patch = _memory_parts(settings)
    return fixed + settings.batch_size * each_patch


def propose_batch(settings: NetworkSettings, memory_bytes: int) -> NetworkSettings:
    """The settings with the largest batch, up to theirs, that fits into memory.

    Where not even one patch fits, rows and columns are halved until one does or they cannot be
    halved any more.
    """
    step = compute_shape_multiple(settings)
    while True:
        fixed, each_patch = _memory_parts(settings)
        batch = min(settings.batch_size, (memory_bytes - fixed) // each_patch)
        z, y, x = settings.patch_shape_zyx
        smaller = (
            z,
            *(
                max(least, size // 2 // least * least)
                for size, least in zip((y, x), step[1:], strict=True)
            ),
        )
        if batch >= 1 or smaller == (z, y, x):
            return settings.changed(batch_size=max(1, int(batch)))
        settings = settings.changed(patch_shape_zyx=smaller)


def estimate_disk(settings: NetworkSettings) -> int:
    """Bytes in the run folder: checkpoints with the optimiser's moments, and the best network."""
    return _FILES_OF_WEIGHTS * _BYTES * _count_numbers(settings)[0] + 1_000_000


def count_steps(settings: NetworkSettings, annotated_movies: Sequence[AnnotatedMovie]) -> int:
    """Steps in an epoch."""
    time_points = sum(len(each.annotations.annotated_time_points) for each in annotated_movies)
    return math.ceil(time_points * settings.patches_per_time_point / settings.batch_size)


def _try_steps(settings: NetworkSettings) -> float | None:
    """Seconds of a step; None where memory runs out in spite of the estimate."""
    try:
        return measure_step_seconds(settings)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of TensorFlow, JAX, PyTorch or NumPy says that memory ran out."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        sign in text
        for sign in (
            "resource_exhausted",
            "resource exhausted",
            "out of memory",
            "oom when allocating",
        )
    )


def measure_step_seconds(settings: NetworkSettings, steps: int = 3) -> float:
    """Seconds of a training step on made-up images, the fastest of a few; the first, which
    compiles, does not count.
    """
    network = build_network(settings)
    network.compile("adam", "binary_crossentropy", jit_compile=keras.backend.backend() == "jax")
    size = settings.batch_size
    shape = (size, *settings.patch_shape_zyx)
    rng = np.random.default_rng(0)
    inputs = [
        rng.random((size, *_fill(each.shape[1:], settings)), np.float32) for each in network.inputs
    ]
    targets = rng.random((*shape, 1) if settings.network == "position" else (size, 1), np.float32)
    times = []
    for _ in range(steps + 1):
        started = time.perf_counter()
        network.train_on_batch(inputs if len(inputs) > 1 else inputs[0], targets)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def _memory_parts(settings: NetworkSettings) -> tuple[int, int]:
    """Bytes that do not depend on the batch, and bytes for each patch."""
    learned, taken_in, given_out = _count_numbers(settings)
    answers = (
        2 * math.prod(settings.patch_shape_zyx) if settings.network == "position" else 2
    )  # target and weight
    fixed = _BASE_BYTES + _COPIES_OF_WEIGHTS * _BYTES * learned
    return fixed, int(
        _BYTES * (_ACTIVATION_COPIES * given_out + _BATCHES_IN_FLIGHT * (taken_in + answers))
    )


@lru_cache(maxsize=32)
def _count_numbers(settings: NetworkSettings) -> tuple[int, int, int]:
    """Numbers that a network learns, takes in and gives out in all its layers, the last two for one
    example.

    Kept, as building a network takes up to a third of a second.
    """
    network = build_network(settings)
    shapes = [_fill(each.shape[1:], settings) for each in network.inputs]
    if (
        settings.network == "position"
    ):  # it takes any size: only with the patch's are the sizes inside known
        network = keras.models.clone_model(network, input_tensors=keras.Input(shapes[0]))
    return network.count_params(), sum(math.prod(shape) for shape in shapes), _count_values(network)


def _count_values(network: keras.Model) -> int:
    """Numbers that all layers give out for one example; a network used twice inside another counts
    twice.
    """
    calls = {
        each["name"]: max(1, len(each["inbound_nodes"])) for each in network.get_config()["layers"]
    }
    return sum(
        calls[layer.name]
        * (
            _count_values(layer)
            if isinstance(layer, keras.Model)
            else math.prod(layer.output.shape[1:])
        )
        for layer in network.layers
    )


def _fill(shape: Sequence[int | None], settings: NetworkSettings) -> tuple[int, ...]:
    """The shape of an input with the patch where the network takes any size."""
    return tuple(
        settings.patch_shape_zyx[axis] if size is None else size for axis, size in enumerate(shape)
    )


def _measure_free_disk(folder: Path) -> int:
    """Free bytes on the disk of a folder that may not exist yet."""
    folder = folder.absolute()
    return shutil.disk_usage(next(each for each in (folder, *folder.parents) if each.exists())).free


def _describe_batch(settings: NetworkSettings) -> str:
    shape = "×".join(str(size) for size in settings.patch_shape_zyx)
    return f"A batch of {settings.batch_size} patches of {shape} (z, y, x)"


def _format_bytes(count: int) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"
