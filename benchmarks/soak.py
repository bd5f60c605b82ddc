"""Estimates, trainings and predictions again and again in one process: memory, open files and threads stay flat.

    python benchmarks/soak.py                 # 200 estimates, 20 trainings, 50 predictions in ten rounds
    python benchmarks/soak.py --estimates 20 --trainings 4 --predictions 8 --rounds 4

All is tiny and the same each time (seeds are numbers of rounds). Printed after each round are memory, open files and
threads of the process. The first rounds load and compile. Of the second half of the rounds, memory may grow by 1 %
a round, open files and threads by none; else the status is 1.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import resume

MOST_GROWTH = 0.01  # of memory, a round
NETWORKS = ("position", "division", "link")


class State(NamedTuple):
    memory: float  # MB
    files: int
    threads: int


def measure() -> State:
    gc.collect()
    process = psutil.Process()
    return State(process.memory_info().rss / 1e6, process.num_fds(), process.num_threads())


def share(total: int, rounds: int, number: int) -> range:
    """Which of so many belong to a round."""
    return range(total * number // rounds, total * (number + 1) // rounds)


def estimate(number: int) -> None:
    """What a training would take; of every network in turn."""
    from organoid_kit.training import estimate_training

    network = NETWORKS[number % len(NETWORKS)]
    settings = resume.make_tiny_settings(network, 1, Path("runs"))
    estimate_training(settings, resume.make_movies(network)[0])


def train(number: int, folder: Path) -> None:
    """One epoch, in a folder of its own."""
    resume.train_here(folder / f"training {number}", NETWORKS[number % len(NETWORKS)], 1)


def predict(number: int) -> None:
    """What a shipped network finds in a movie."""
    from organoid_kit import prediction
    from organoid_kit.networks import load_network

    network = NETWORKS[number % len(NETWORKS)]
    model, settings = load_network(f"{network}_small")
    settings = settings.changed(channels=(2, 3))
    [annotated] = resume.make_movies(network)[0]
    known = () if network == "position" else (annotated.annotations,)
    options = {"show_progress": False} if network == "position" else {}
    getattr(prediction, f"predict_{network}s")(model, annotated.movie, *known, settings, **options)


def soak(estimates: int, trainings: int, predictions: int, rounds: int) -> list[State]:
    """The state after each round, which is printed."""
    states = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            began = time.monotonic()
            for each in share(estimates, rounds, number):
                estimate(each)
            for each in share(trainings, rounds, number):
                train(each, Path(folder))
            for each in share(predictions, rounds, number):
                predict(each)
            states.append(measure())
            memory, files, threads = states[-1]
            seconds = time.monotonic() - began
            print(
                f"round {number + 1:2}: {memory:6.0f} MB, {files} open files, {threads} threads, "
                f"{seconds:.0f} s",
                flush=True,
            )
    return states


def find_growth(states: list[State]) -> State:
    """How much each grows a round in the second half; memory as a part of itself."""
    half = np.array(states[len(states) // 2 :], float)
    slopes = np.polyfit(np.arange(len(half)), half, 1)[0] if len(half) > 1 else np.zeros(3)
    return State(slopes[0] / half[0, 0], *(half[-1] - half[0])[1:].astype(int))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, usual in (("estimates", 200), ("trainings", 20), ("predictions", 50), ("rounds", 10)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    growth = find_growth(soak(**vars(options)))
    flat = growth.memory <= MOST_GROWTH and growth.files <= 0 and growth.threads <= 0
    print(
        f"{'flat' if flat else 'NOT flat'}: in the second half memory grew by {growth.memory:.2%} a "
        f"round, open files by {growth.files}, threads by {growth.threads}"
    )
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
