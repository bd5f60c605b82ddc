"""Scattered annotations: which part of the score of full annotation does a training reach on 2 % or
10 % of the nuclei, kept here and there?

    python benchmarks/scattered.py [--seeds 11 12 13] [--steps 120]

Short trainings of the position network, from scratch and from the shipped one, on the two bundled
training movies, all with as many steps. All are judged alike: the threshold is that of highest F1
on a wholly annotated stack of the validation movie, the score that of four stacks of the test movie.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Sequence

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from organoid_kit.base.settings import NetworkSettings, make_settings
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.positions import find_best_threshold, score_positions
from organoid_kit.networks.folders import make_fine_tuning_settings
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.training.loop import train

SHIPPED, CHANNELS = "position_small", (2, 3)
SMALL = {"batch_size": 4, "patch_shape_zyx": (12, 32, 32)}


def keep_some(movies: Sequence[AnnotatedMovie], part: float, seed: int) -> list[AnnotatedMovie]:
    """The movies with this part of their nuclei, drawn at random over all of them."""
    if part == 1:
        return list(movies)
    sizes = [len(each.annotations) for each in movies]
    chosen = np.random.default_rng(seed).permutation(sum(sizes)) < round(part * sum(sizes))
    rows = np.split(chosen, np.cumsum(sizes)[:-1])
    return [
        dataclasses.replace(
            each, annotations=each.annotations.select(own).with_scattered(each.movie.relative_size)
        )
        for each, own in zip(movies, rows, strict=True)
        if own.any()
    ]


def choose_settings(
    start: str | None, movies: Sequence[AnnotatedMovie], steps: int, **changes
) -> NetworkSettings:
    """As many steps in six epochs, however few time points are annotated."""
    places = sum(len(each.annotations.annotated_time_points) for each in movies)
    patches = max(1, round(steps * SMALL["batch_size"] / 6 / places))
    changes |= SMALL | {"epochs": 6, "patience": 6, "patches_per_time_point": patches}
    if start:
        return make_fine_tuning_settings(start, channels=CHANNELS, **changes)
    return make_settings("position", channels=CHANNELS, **changes)


def judge(folder, validation: AnnotatedMovie, test: AnnotatedMovie) -> tuple[float, float, float]:
    """F1 on the test movie at the threshold that the validation movie chooses, which that is, and F1
    at the network's own."""
    network, settings = load_network(folder)
    options = {"settings": settings.changed(channels=CHANNELS), "show_progress": False}
    found = [
        predict_positions(network, each.movie, threshold=0.02, time_points=times, **options)
        for each, times in ((validation, [6]), (test, [1, 4, 7, 10]))
    ]
    known, truth = (
        each.annotations.select(np.isin(each.annotations.time_points, times))
        for each, times in ((validation, [6]), (test, [1, 4, 7, 10]))
    )
    threshold = find_best_threshold([(known, found[0])])
    scores = (
        score_positions(truth, found[1], threshold=least)
        for least in (threshold, settings.threshold)
    )
    best, own = (score.f1 for score in scores)
    return best, threshold, own


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--parts", type=float, nargs="+", default=[1.0, 0.1, 0.02])
    parser.add_argument("--starts", nargs="+", default=["scratch", SHIPPED])
    parser.add_argument("--work", default="runs")
    choices = parser.parse_args()
    training, [validation], [test] = (
        read_dataset(find_samples() / f"{part}.autlist")
        for part in ("training", "validation", "test")
    )
    f1 = judge(SHIPPED, validation, test)
    print(f"{SHIPPED} as it is: F1 {f1[0]:.3f}, threshold {f1[1]:.2f}; at its own {f1[2]:.3f}")
    for start in choices.starts:
        reached: dict[float, list[float]] = {part: [] for part in choices.parts}
        for seed in choices.seeds:
            for part in choices.parts:
                movies = keep_some(training, part, seed)
                settings = choose_settings(
                    None if start == "scratch" else start,
                    movies,
                    choices.steps,
                    seed=seed,
                    output_folder=choices.work,
                )
                began = time.process_time()
                run = train(movies, [], settings, on_progress=lambda progress: None)
                seconds = time.process_time() - began
                best, threshold, own = judge(run.folder, validation, test)
                reached[part].append(best)
                count = sum(len(each.annotations) for each in movies)
                print(
                    f"{start}, seed {seed}, {part:.0%} ({count} positions), {seconds:.0f} s of "
                    f"processor: F1 {best:.3f}, threshold {threshold:.2f}; at its own {own:.3f}",
                    flush=True,
                )
        for part, values in reached.items():
            share = np.array(values) / reached[1.0]
            print(
                f"{start}, {part:.0%}: F1 {np.mean(values):.3f} ({min(values):.3f} to "
                f"{max(values):.3f}), {share.mean():.1%} of full annotation "
                f"({share.min():.1%} to {share.max():.1%})",
                flush=True,
            )


if __name__ == "__main__":
    main()
