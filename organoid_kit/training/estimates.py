"""How much memory, time and disk a training will take, before it starts; and what fits instead."""

import math
import shutil
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np

from organoid_kit.base import NetworkSettings
from organoid_kit.examples.batches import Movies
from organoid_kit.networks import build_network, building
from organoid_kit.networks.devices import Device, detect_device
from organoid_kit.networks.own import adopt_network, list_shapes
from organoid_kit.training.runs import format_duration

_BYTES = 4  # of a float32
_ACTIVATION_COPIES = 1.5  # measured by benchmarks/memory.py: see `estimate_memory`
_BASE_BYTES = 820_000_000  # measured there too: Python, Keras and TensorFlow, whatever the batch
_COPIES_OF_WEIGHTS = 4  # weights, gradients and two moments of Adam
_BATCHES_IN_FLIGHT = 2  # one is trained on while the next is made
# Two checkpoints and one being written, of weights and two moments; network, one being written.
_FILES_OF_WEIGHTS = 11


@dataclass(frozen=True)
class Estimate:
    """What a training needs and what there is."""

    settings: NetworkSettings
    memory_bytes: int  # needed on the device
    device: Device  # with the memory that is free
    disk_bytes: int  # needed in the output folder
    free_disk_bytes: int
    minutes: float | None  # of all epochs; None where not measured, as when the batch does not fit
    fitting: NetworkSettings  # the same with a batch, and where need be a patch, that fits

    def __str__(self) -> str:
        time = "Time was not measured."
        if self.minutes is not None:
            epochs, time = self.settings.epochs, format_duration(60 * self.minutes)
            epochs = "1 epoch takes" if epochs == 1 else f"{epochs} epochs take"
            time = f"{epochs} about {time}, without validation, if nothing else runs."
        return " ".join([self._describe_memory(), time, self._describe_disk()])

    def warnings(self) -> list[str]:
        """What does not fit, in words; empty where all does."""
        memory = (self.memory_bytes > self.device.memory_bytes, self._describe_memory())
        disk = (self.disk_bytes > self.free_disk_bytes, self._describe_disk())
        return [said for lacks, said in (memory, disk) if lacks]

    def _describe_memory(self) -> str:
        needed, free = map(_format_bytes, (self.memory_bytes, self.device.memory_bytes))
        said = f"{_describe_batch(self.settings)} needs about {needed}; "
        said += f"your {self.device.name} has {free} free."
        smaller = _describe_batch(self.fitting)
        if self.fitting.patch_shape_zyx == self.settings.patch_shape_zyx:
            smaller = f"A batch of {self.fitting.batch_size}"
        return said + f" {smaller} fits." * (self.memory_bytes > self.device.memory_bytes)

    def _describe_disk(self) -> str:
        needed, free = map(_format_bytes, (self.disk_bytes, self.free_disk_bytes))
        advice = " Free some space or set output_folder to another disk."
        advice *= self.disk_bytes > self.free_disk_bytes
        return f"The run needs about {needed} of disk; {free} are free.{advice}"


def _describe_batch(settings: NetworkSettings) -> str:
    shape = "×".join(map(str, settings.patch_shape_zyx))
    return f"A batch of {settings.batch_size} patches of {shape} (z, y, x)"


def _format_bytes(count: int) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def estimate_training(
    settings: NetworkSettings,
    annotated_movies: Movies,
    *,
    network: keras.Model | None = None,
    measure_time: bool = True,
) -> Estimate:
    """What training the network (None: the kit's) takes, on the annotated time points; a few real
    steps are timed, for seconds. Raises UserError where the patch does not fit.
    """
    if network is None:
        building.check_patch_shape(settings)
    else:
        network = adopt_network(network, settings)  # a copy, as timing changes its weights
    device = detect_device()
    memory = estimate_memory(settings, network)
    seconds = None
    if measure_time and memory <= device.memory_bytes:
        try:
            seconds = measure_step_seconds(settings, network)
        except Exception as error:
            if not is_out_of_memory(error):  # in spite of the estimate
                raise
    steps = count_steps(settings, annotated_movies) * settings.epochs
    runs = Path(settings.output_folder).absolute()
    disk = next(folder for folder in (runs, *runs.parents) if folder.exists())
    return Estimate(
        settings=settings,
        memory_bytes=memory,
        device=device,
        disk_bytes=estimate_disk(settings, network),
        free_disk_bytes=shutil.disk_usage(disk).free,
        minutes=None if seconds is None else seconds * steps / 60,
        fitting=propose_batch(settings, device.memory_bytes, network),
    )


def estimate_memory(settings: NetworkSettings, network: keras.Model | None = None) -> int:
    """Bytes that training takes at its peak; `network` where it is not the kit's.

    All layer outputs of a batch are kept for the gradient. What TensorFlow needs on top is one
    factor, fitted to the peak memory of real training steps by ``benchmarks/memory.py``.
    """
    fixed, each_patch = _memory_parts(settings, network)
    return fixed + settings.batch_size * each_patch


def propose_batch(
    settings: NetworkSettings, memory_bytes: int, network: keras.Model | None = None
) -> NetworkSettings:
    """The settings with the largest batch that fits, or, of the kit's networks, a smaller patch."""
    least = building.compute_shape_multiple(settings)[1:]
    while True:
        fixed, each_patch = _memory_parts(settings, network)
        batch = min(settings.batch_size, (memory_bytes - fixed) // each_patch)
        z, *plane = settings.patch_shape_zyx
        halved = [max(step, size // 2 // step * step) for size, step in zip(plane, least)]
        if batch >= 1 or halved == plane or network is not None:
            return settings.changed(batch_size=max(1, int(batch)))
        settings = settings.changed(patch_shape_zyx=(z, *halved))


def estimate_disk(settings: NetworkSettings, network: keras.Model | None = None) -> int:
    """Bytes in the run folder: checkpoints with the optimiser's moments, and the best network."""
    return _FILES_OF_WEIGHTS * _BYTES * _count_numbers(settings, network)[0] + 1_000_000


def count_steps(settings: NetworkSettings, annotated_movies: Movies) -> int:
    """Steps in an epoch."""
    times = [movie.annotations.annotated_time_points for movie in annotated_movies]
    return math.ceil(sum(map(len, times)) * settings.patches_per_time_point / settings.batch_size)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of TensorFlow, JAX, PyTorch or NumPy says that memory ran out."""
    text = str(error).lower()
    signs = ("resource_exhausted", "resource exhausted", "out of memory", "oom when allocating")
    return isinstance(error, MemoryError) or any(sign in text for sign in signs)


def measure_step_seconds(settings: NetworkSettings, network: keras.Model | None = None) -> float:
    """Seconds of the fastest step after the first, which compiles. It trains a network passed."""
    network = network or build_network(settings)
    network.compile("adam", "binary_crossentropy", jit_compile=keras.backend.backend() == "jax")
    network.optimizer.build(network.trainable_variables)  # in a step, it is kept for ever
    size, rng = settings.batch_size, np.random.default_rng(0)
    shapes, answer = list_shapes(settings)
    inputs = [rng.random((size, *shape), np.float32) for shape in shapes]
    targets = rng.random((size, *answer), np.float32)
    times = []
    for _ in range(4):
        started = time.perf_counter()
        network.train_on_batch(inputs if len(inputs) > 1 else inputs[0], targets)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def _memory_parts(settings: NetworkSettings, network: keras.Model | None) -> tuple[int, int]:
    """Bytes that do not depend on the batch, and bytes for each patch."""
    learned, taken_in, given_out = _count_numbers(settings, network)
    answers = 2 * math.prod(list_shapes(settings)[1])  # target and weight
    values = _ACTIVATION_COPIES * given_out + _BATCHES_IN_FLIGHT * (taken_in + answers)
    return _BASE_BYTES + _COPIES_OF_WEIGHTS * _BYTES * learned, int(_BYTES * values)


@lru_cache(maxsize=8)  # building a network takes up to a third of a second
def _count_numbers(settings: NetworkSettings, network: keras.Model | None) -> tuple[int, int, int]:
    """Numbers that a network learns; and for one example, those it takes in and its layers give."""
    network = network or build_network(settings)
    shapes, _ = list_shapes(settings)
    if settings.network == "position":  # of any size: the patch's decides about the sizes inside
        network = keras.models.clone_model(network, input_tensors=keras.Input(shapes[0]))
    return network.count_params(), sum(map(math.prod, shapes)), _count_values(network)


def _count_values(network: keras.Model) -> int:
    """Numbers that all layers give for one example; what is used twice inside counts twice."""
    layers = network.get_config()["layers"]
    calls = {layer.get("name"): len(layer.get("inbound_nodes", ())) for layer in layers}
    total = 0
    for layer in network.layers:
        nested = isinstance(layer, keras.Model)
        values = _count_values(layer) if nested else math.prod(layer.output.shape[1:])
        total += max(1, calls.get(layer.name, 1)) * values
    return total
