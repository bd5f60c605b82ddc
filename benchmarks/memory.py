"""Measures the memory of training: what a batch takes beside the estimate, and that large data sets
take no more.

Each measurement runs in a process of its own and reports its peak resident memory.

    python benchmarks/memory.py
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import cache

import numpy as np

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import TimeLapse

BATCHES = (  # preset, batch, patch
    ("small", 1, (16, 64, 64)),
    ("small", 4, (16, 64, 64)),
    ("small", 16, (16, 64, 64)),
    ("small", 2, (32, 192, 192)),
    ("standard", 4, (16, 64, 64)),
    ("original", 1, (32, 64, 64)),
    ("original", 4, (32, 64, 64)),
)
LIMIT_BYTES = 1_700_000_000  # no process may have more, see `limit_memory`
CACHE_BYTES = 100_000_000  # prepared stacks kept, training and validation each: so small that both sets fill it
STACK_SHAPE = (32, 512, 512)  # 17 MB as uint16, 34 MB when prepared
CHANNELS = 6  # are summed, so that much is read for each prepared stack
TIME_POINTS = 20  # of each movie, all annotated
MOVIES = (2, 10)
LEAST_READ = 20  # times the limit must pass through memory in the epoch over the larger set
MOST_GROWTH = 1.1


def measure_batch(preset: str, batch: int, patch: tuple[int, int, int]) -> dict[str, float]:
    """Peak memory of a few real steps, and before them."""
    from organoid_kit.training.estimates import estimate_memory, measure_step_seconds

    settings = NetworkSettings(preset=preset, batch_size=batch, patch_shape_zyx=patch)
    estimated = estimate_memory(settings)
    before = find_peak()
    measure_step_seconds(settings)
    return {"before": before, "estimated": estimated, "measured": find_peak()}


def measure_data_set(movies: int) -> dict[str, float]:
    """Peak memory of an epoch that reads every time point of so many movies, and bytes of stacks
    that it read.
    """
    from organoid_kit.examples.position import PositionExamples
    from organoid_kit.training.loop import train

    limit_memory()
    PositionExamples.__init__.__kwdefaults__["cache_bytes"] = CACHE_BYTES
    read: list[int] = []
    data = [make_movie(number, read) for number in range(movies)]
    with tempfile.TemporaryDirectory() as folder:
        settings = NetworkSettings(
            channels=tuple(range(1, CHANNELS + 1)),
            patch_shape_zyx=(8, 64, 64),
            patches_per_time_point=1,
            epochs=1,
            output_folder=folder,
        )
        train(data, data[:1], settings, on_progress=lambda progress: None)
    return {"peak": find_peak(), "read": sum(read)}


def make_movie(number: int, read: list[int]) -> AnnotatedMovie:
    """A movie whose stacks are made when they are read; the size of each is added to `read`."""
    rng = np.random.default_rng(number)
    positions = rng.uniform(0, np.array(STACK_SHAPE) - 1, (20 * TIME_POINTS, 3))

    def read_stack(time_point: int, channel: int) -> np.ndarray:
        stack = make_noise() + np.uint16(100 * number + 10 * time_point + channel)
        read.append(stack.nbytes)
        return stack

    movie = TimeLapse(
        name=f"movie {number}",
        time_points=range(TIME_POINTS),
        shape_zyx=STACK_SHAPE,
        channel_names=tuple(f"noise {channel + 1}" for channel in range(CHANNELS)),
        dtype=np.dtype(np.uint16),
        spacing_um=(2.0, 0.5, 0.5),
        read_stack=read_stack,
    )
    return AnnotatedMovie(
        movie, Annotations(positions, np.repeat(range(TIME_POINTS), 20), name=movie.name)
    )


@cache
def make_noise() -> np.ndarray:
    """One stack of noise, from which all others are made, as new noise would take longer than
    training.
    """
    return np.random.default_rng(0).integers(1, 999, STACK_SHAPE, np.uint16)


def limit_memory() -> None:
    """Lets the system refuse more than the limit; heap and thread stacks count, program code does
    not.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))


def find_peak() -> int:
    """Highest resident memory of this process so far, bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def ask(*question: object) -> dict[str, float]:
    """The answer of `measure_batch` or `measure_data_set` from a fresh process."""
    command = [sys.executable, __file__, "--ask", json.dumps(question)]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(f"{question} failed:\n{answer.stderr[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def compare_batches() -> None:
    print("preset    batch  patch       before, GB  estimated   measured  ratio")
    for preset, batch, patch in BATCHES:
        answer = ask("batch", preset, batch, patch)
        sizes = "  ".join(
            f"{answer[name] / 1e9:9.2f}" for name in ("before", "estimated", "measured")
        )
        ratio = answer["measured"] / answer["estimated"]
        print(
            f"{preset:9} {batch:5}  {'×'.join(map(str, patch)):11} {sizes} {ratio:6.2f}", flush=True
        )


def compare_data_sets() -> None:
    print(
        f"Stacks are made on the fly, not read from a disk. Limit {LIMIT_BYTES / 1e9:.1f} GB.",
        flush=True,
    )
    peaks = []
    for movies in MOVIES:
        start = time.monotonic()
        answer = ask("data set", movies)
        peaks.append(answer["peak"])
        times = answer["read"] / LIMIT_BYTES
        print(
            f"{movies} movies: {answer['read'] / 1e9:.1f} GB of stacks read, {times:.1f} times the limit; "
            f"peak {answer['peak'] / 1e9:.2f} GB; {time.monotonic() - start:.0f} s",
            flush=True,
        )
    print(f"peak with {MOVIES[1] / MOVIES[0]:g} times the data: {peaks[1] / peaks[0]:.2f} times")
    sys.exit(1 if peaks[1] > MOST_GROWTH * peaks[0] or times < LEAST_READ else 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--ask", type=json.loads, metavar="JSON", help="answer one question in this process"
    )
    options = parser.parse_args()
    if options.ask:
        kind, *question = options.ask
        answer = measure_batch(*question) if kind == "batch" else measure_data_set(*question)
        print(json.dumps(answer))
        return
    compare_batches()
    compare_data_sets()


if __name__ == "__main__":
    main()
