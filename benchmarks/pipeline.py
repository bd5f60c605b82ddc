"""Measures how quickly training examples are made, and what that adds to a training step.

First part, one thread: patches of 32×64×64 voxels and three time points with all augmentation,
target and weights, per second of processor time; what each operation takes; and what its
alternatives take, in the same rounds. Second part, all that Keras finds (at most two processor
cores): a step of a real training, batches made beside it, against a bare step on one constant
batch, taken in turns.

    python benchmarks/pipeline.py            about three minutes
    python benchmarks/pipeline.py --quick    about one

Exit status 1 says that a goal was missed. On a busy machine only the ratios mean something.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.augmentation import (
    apply_to_positions,
    cut_patch,
    draw_augmentation,
    vary_intensities,
)
from organoid_kit.examples.position import PositionExamples, compute_voxel_weights, draw_dots

PATCH = (32, 64, 64)
SETTINGS = NetworkSettings(channels=(2, 3), patch_shape_zyx=PATCH, spacing_um=None)
BATCH = 8
LEAST_PATCHES_PER_SECOND = 100
MOST_STEP_RATIO = 1.1
ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM")
}


def make_data() -> list[AnnotatedMovie]:
    """An invented organoid of 60 nuclei, five time points, in memory."""
    movie, truth = make_synthetic_movie(
        SyntheticSettings(shape_zyx=(40, 176, 176), nuclei=60, time_points=5), seed=1
    )
    stacks = {
        (time_point, channel): movie.read_stack(time_point, channel)
        for time_point in range(5)
        for channel in range(3)
    }
    kept = dataclasses.replace(
        movie, read_stack=lambda time_point, channel: stacks[time_point, channel]
    )
    return [AnnotatedMovie(kept, truth)]


# ---- patches per second


class Steps:
    """One batch of examples, made operation by operation; each operation takes up what the one
    before left.
    """

    def __init__(self, examples: PositionExamples) -> None:
        self.examples = examples
        self.places = [examples.places[number % len(examples.places)] for number in range(BATCH)]

    def start(self, number: int) -> None:
        """Draws anew."""
        rng = np.random.default_rng(number)
        self.augmentations = [draw_augmentation(SETTINGS.augmentation, rng) for _ in self.places]
        self.centres = [np.round(rng.uniform(*place.region) - 0.5) + 0.5 for place in self.places]
        windows = [
            self.examples.prepared.window(place.movie, place.time_point) for place in self.places
        ]
        self.jobs = list(zip(self.augmentations, windows, self.centres, strict=True))

    def cut(self) -> None:
        self.patches = [
            cut_patch(augmentation, stacks, centre, PATCH)
            for augmentation, stacks, centre in self.jobs
        ]

    def vary(self) -> None:
        self.varied = [
            vary_intensities(*pair) for pair in zip(self.augmentations, self.patches, strict=True)
        ]

    def draw(self) -> None:
        spacing_um = self.examples.settings.spacing_um
        moved = [
            apply_to_positions(augmentation, place.positions, centre, PATCH)
            for augmentation, place, centre in zip(
                self.augmentations, self.places, self.centres, strict=True
            )
        ]
        self.targets = np.stack(
            [draw_dots(each, PATCH, spacing_um, SETTINGS.nucleus_sigma_um) for each in moved]
        )

    def weigh(self) -> None:
        self.weights = compute_voxel_weights(self.targets, np.ones(self.targets.shape, bool))

    def cut_with_scipy(self) -> None:
        for augmentation, stacks, centre in self.jobs:
            inverse = np.linalg.inv(augmentation.matrix)
            offset = centre - inverse @ ((np.array(PATCH) - 1) / 2)
            for stack in stacks:
                ndimage.affine_transform(
                    stack, inverse, offset, PATCH, order=1, mode="grid-constant"
                )

    def cut_with_gather(self) -> None:
        for job in self.jobs:
            _gather_bilinear(*job)

    def draw_noise_anew(self) -> None:
        for augmentation, patch in zip(self.augmentations, self.patches, strict=True):
            np.random.default_rng(augmentation.noise_seed).standard_normal(
                patch.shape, dtype=np.float32
            )

    def raise_to_power(self) -> None:
        for augmentation, patch in zip(self.augmentations, self.patches, strict=True):
            np.power(np.maximum(patch, 0), np.float32(augmentation.gamma))


def _gather_bilinear(augmentation, stacks, centre) -> np.ndarray:
    """The same patch by NumPy indexing alone: four neighbours of each pixel, times their weights."""
    depth, height, width = PATCH
    inverse = np.linalg.inv(augmentation.matrix)[1:, 1:]
    y, x = np.mgrid[:height, :width].reshape(2, -1) - np.array([[height - 1], [width - 1]]) / 2
    places = (inverse @ np.stack([y, x])).T + centre[1:]
    corner = np.floor(places).astype(int)
    part = (places - corner).astype(np.float32)
    first = round(centre[0] - (depth - 1) / 2)
    planes = np.clip(np.arange(first, first + depth), 0, stacks[0].shape[2] - 1)
    patch = np.zeros((height * width, len(stacks), depth), np.float32)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1])
            rows = np.clip(corner[:, 0] + down, 0, stacks[0].shape[0] - 1)
            columns = np.clip(corner[:, 1] + right, 0, stacks[0].shape[1] - 1)
            for number, stack in enumerate(stacks):
                patch[:, number] += weight[:, None] * stack[rows[:, None], columns[:, None], planes]
    return patch


def measure(action: Callable[[], object]) -> float:
    """Milliseconds of processor time for each patch of a batch."""
    started = time.process_time()
    action()
    return 1000 * (time.process_time() - started) / BATCH


def measure_patches(rounds: int) -> bool:
    """Prints patches per second, shares and alternatives; whether the goal was reached."""
    examples = PositionExamples(make_data(), SETTINGS)
    steps = Steps(examples)
    stacks_ms = [
        measure(lambda time_point=each: examples.prepared.stack(0, time_point)) * BATCH
        for each in range(5)
    ]
    whole = "everything, as training gets it"
    actions = {
        whole: None,
        "cut, turn, scale (sparse matrix)": steps.cut,
        "blur, dim, gain, gamma, noise": steps.vary,
        "target dots": steps.draw,
        "weights": steps.weigh,
        "instead of cut: scipy affine_transform": steps.cut_with_scipy,
        "instead of cut: NumPy gather": steps.cut_with_gather,
        "noise drawn anew, alone": steps.draw_noise_anew,
        "gamma by numpy.power, alone": steps.raise_to_power,
    }
    taken: dict[str, list[float]] = {name: [] for name in actions}
    wall = []
    for number in range(-1, rounds):  # the first round warms up
        steps.start(number + 1)
        started = time.perf_counter()
        actions[whole] = lambda epoch=number + 1: examples.batch(epoch, 0, BATCH)
        for name, action in actions.items():
            taken[name].append(measure(action))
            if name == whole:
                wall.append(1000 * (time.perf_counter() - started) / BATCH)
    medians = {name: float(np.median(values[1:])) for name, values in taken.items()}
    medians["rest (random draws, region, copies)"] = 2 * medians[whole] - sum(
        list(medians.values())[:5]
    )
    rate = 1000 / medians[whole]
    print(
        f"patches of {'×'.join(map(str, PATCH))} × 3 time points, {rounds} rounds of {BATCH}, one thread, medians"
    )
    for name, value in medians.items():
        print(f"  {name:40} {value:7.2f} ms per patch  {value / medians[whole]:5.2f} of everything")
    each_ms = float(np.median(stacks_ms))
    share = each_ms / SETTINGS.patches_per_time_point
    print(
        f"  a stack is prepared in {each_ms:.0f} ms, once while it stays in memory: at most {share:.2f} ms per patch"
    )
    print(
        f"{rate:.0f} patches per second of one core ({1000 / np.median(wall[1:]):.0f} by the clock on the wall)"
    )
    print(f"{1000 / (medians[whole] + share):.0f} if every stack is prepared anew in every epoch")
    return rate >= LEAST_PATCHES_PER_SECOND


# ---- a training step


def read_clocks() -> np.ndarray:
    """Seconds by the clock on the wall, and of processor time in all threads."""
    return np.array([time.perf_counter(), time.process_time()])


class Turns:
    """Called after every step of a training: measures blocks of its steps, and between them blocks
    of bare steps.
    """

    def __init__(self, bare_step: Callable[[], object], rounds: int, block: int) -> None:
        self.bare_step, self.rounds, self.block = bare_step, rounds, block
        self.real: list[np.ndarray] = []
        self.bare: list[np.ndarray] = []
        self.before: np.ndarray | None = None

    def __call__(self, progress) -> None:
        now = read_clocks()
        if progress.message or progress.row:
            self.before = None
        elif self.before is None:
            self.before = now  # the first step of a block had its batch ready
        else:
            self.real.append(now - self.before)
            self.before = now
            if len(self.real) % self.block == 0:
                self._take_bare_steps()
                self.before = None

    def _take_bare_steps(self) -> None:
        self.bare_step()  # beside it the next batch is still being made
        for _ in range(self.block):
            started = read_clocks()
            self.bare_step()
            self.bare.append(read_clocks() - started)

    def enough(self) -> bool:
        return len(self.bare) > self.rounds * self.block

    def medians(self, steps: list[np.ndarray]) -> np.ndarray:
        """Seconds by each clock in each round, (rounds, 2); the first round warms up and is left
        out.
        """
        return np.median(np.reshape(steps[self.block :], (self.rounds, self.block, 2)), axis=1)


def measure_steps(rounds: int, block: int) -> bool:
    """Prints what a training step takes against a bare one; whether the goal was reached."""
    from organoid_kit.networks.devices import detect_device
    from organoid_kit.training.loop import train
    from organoid_kit.training.preparing import prepare_network

    data = make_data()
    with tempfile.TemporaryDirectory() as folder:
        settings = NetworkSettings(
            channels=(2, 3),
            spacing_um=data[0].movie.spacing_um,
            patches_per_time_point=200,
            output_folder=folder,
        )
        network = prepare_network(settings)
        images, targets, weights = PositionExamples(data, settings).batch(0, 0, settings.batch_size)
        turns = Turns(
            lambda: float(network.train_on_batch(images, targets, sample_weight=weights)),
            rounds,
            block,
        )
        train(data, [], settings, on_progress=turns, should_stop=turns.enough)
    real, bare = turns.medians(turns.real), turns.medians(turns.bare)
    ratio, ratio_of_work = np.median(real / bare, axis=0)
    shape = "×".join(map(str, settings.patch_shape_zyx))
    print(
        f"{settings.preset} network, batches of {settings.batch_size} patches of {shape}, {detect_device().name}"
    )
    for name, times in (("training step", real), ("bare step", bare)):
        wall, work = 1000 * np.median(times, axis=0)
        print(f"  {name:14} {wall:6.0f} ms by the clock, {work:6.0f} ms of processor time")
    print(f"  ratio by round: {', '.join(f'{each:.2f}' for each in (real / bare)[:, 0])}")
    print(
        f"a training step takes {ratio:.2f} times a bare step, and {ratio_of_work:.2f} times its processor time"
    )
    return bool(ratio <= MOST_STEP_RATIO)


# ---- both


def say_load() -> None:
    if hasattr(os, "getloadavg"):
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)


def run_part(part: str, quick: bool, environment: dict[str, str]) -> int:
    """Runs a part in a process of its own, as threads must be limited before NumPy is loaded."""
    say_load()
    command = [sys.executable, __file__, "--part", part, *(["--quick"] if quick else [])]
    return subprocess.run(command, env=os.environ | environment, check=False).returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument(
        "--part", choices=("patches", "steps"), help="only this part, in this process"
    )
    options = parser.parse_args()
    if options.part == "patches":
        sys.exit(not measure_patches(rounds=8 if options.quick else 25))
    if options.part == "steps":
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
        sys.exit(not (measure_steps(2, 4) if options.quick else measure_steps(4, 6)))
    patches = run_part("patches", options.quick, ONE_THREAD)
    steps = run_part("steps", options.quick, {"TF_CPP_MIN_LOG_LEVEL": "3"})
    say_load()
    sys.exit(patches or steps)


if __name__ == "__main__":
    main()
