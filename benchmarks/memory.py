"""Measures the memory of training: what a batch takes beside the estimate, and that large data sets take no more.

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

import numpy as np

from organoid_kit.annotations import Annotations
from organoid_kit.dataset import AnnotatedMovie
from organoid_kit.settings import NetworkSettings
from organoid_kit.timelapse import TimeLapse

BATCHES = (  # preset, batch, patch
    ("small", 1, (16, 64, 64)),
    ("small", 4, (16, 64, 64)),
    ("small", 16, (16, 64, 64)),
    ("small", 2, (32, 192, 192)),
    ("standard", 4, (16, 64, 64)),
    ("original", 1, (32, 64, 64)),
    ("original", 4, (32, 64, 64)),
)
LIMIT_BYTES = 3_000_000_000  # no process may have more, see `limit_memory`
STACK_SHAPE = (32, 512, 512)  # 17 MB as uint16, 34 MB when prepared
TIME_POINTS = 60  # of a movie of 1 GB, annotated at every twentieth time point
MOST_GROWTH = 1.1


def measure_batch(preset: str, batch: int, patch: tuple[int, int, int]) -> dict[str, float]:
    """Peak memory of a few real steps, and before them."""
    from organoid_kit.estimates import estimate_memory, measure_step_seconds

    settings = NetworkSettings(preset=preset, batch_size=batch, patch_shape_zyx=patch)
    estimated = estimate_memory(settings)
    before = find_peak()
    measure_step_seconds(settings)
    return {"before": before, "estimated": estimated, "measured": find_peak()}


def measure_data_set(movies: int) -> dict[str, float]:
    """Peak memory of an epoch over so many movies, each of them read."""
    from organoid_kit.training import train

    limit_memory()
    data = [make_movie(number) for number in range(movies)]
    with tempfile.TemporaryDirectory() as folder:
        settings = NetworkSettings(
            patch_shape_zyx=(8, 64, 64), patches_per_time_point=1, epochs=1, output_folder=folder
        )
        train(data, data[:1], settings, on_progress=lambda progress: None)
    return {"peak": find_peak(), "set": movies * TIME_POINTS * 2 * np.prod(STACK_SHAPE, dtype=float)}


def make_movie(number: int) -> AnnotatedMovie:
    """A movie whose stacks are made when they are read, with three annotated time points."""
    rng = np.random.default_rng(number)
    annotated = range(0, TIME_POINTS, 20)
    positions = rng.uniform(0, np.array(STACK_SHAPE) - 1, (20 * len(annotated), 3))
    movie = TimeLapse(
        name=f"movie {number}",
        time_points=range(TIME_POINTS),
        shape_zyx=STACK_SHAPE,
        channel_names=("noise",),
        dtype=np.dtype(np.uint16),
        spacing_um=(2.0, 0.5, 0.5),
        read_stack=lambda t, channel: np.random.default_rng((number, t)).integers(1, 999, STACK_SHAPE, np.uint16),
    )
    return AnnotatedMovie(movie, Annotations(positions, np.repeat(annotated, 20), name=movie.name))


def limit_memory() -> None:
    """Lets the system refuse more than the limit; heap and thread stacks count, program code does not."""
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
        sizes = "  ".join(f"{answer[name] / 1e9:9.2f}" for name in ("before", "estimated", "measured"))
        ratio = answer["measured"] / answer["estimated"]
        print(f"{preset:9} {batch:5}  {'×'.join(map(str, patch)):11} {sizes} {ratio:6.2f}", flush=True)


def compare_data_sets() -> None:
    peaks = []
    for movies in (3, 60):
        answer = ask("data set", movies)
        peaks.append(answer["peak"])
        print(
            f"{movies} movies, {answer['set'] / 1e9:.0f} GB, {answer['set'] / LIMIT_BYTES:.0f} times the limit of "
            f"{LIMIT_BYTES / 1e9:.0f} GB: peak {answer['peak'] / 1e9:.2f} GB",
            flush=True,
        )
    print(f"peak with 20 times the data: {peaks[1] / peaks[0]:.2f} times")
    sys.exit(1 if peaks[1] > MOST_GROWTH * peaks[0] else 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ask", type=json.loads, metavar="JSON", help="answer one question in this process")
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
