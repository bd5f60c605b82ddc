"""One setting for five microscopes, scored on five others: a blob detector beside networks.

    python benchmarks/five_microscopes.py [--seeds 1 2 3] [--steps 480] [--output five.json]

Each seed draws ten invented microscopes with their organoids: voxels, blur, haze, noise, light that
is lost with depth, size and texture of nuclei. Five are to choose by, five to score on. Compared:

- a blob detector, its diameter and threshold those of highest F1 on the five to choose by;
- a position network that learned from these five alone; its threshold is chosen on them, too;
- the position network that comes with the kit, as it is. It learned from other movies that the same
  program invented, so these are of a kind that it knows;
- for comparison: the blob detector with a setting for each microscope, chosen on that microscope's
  own first time point.

All are scored on the last time point of the five others, F1 of each of them and of all five
together. Nothing was chosen by these. Writes a table after every seed; called again, it goes on
where it was. Takes at most ten minutes on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _random_movies import random_synthetic_settings
from _tables import is_missing, open_table, write_table
from annotations import SMALL
from leakage import find_nuclei

from organoid_kit.base import read_settings
from organoid_kit.course import measured
from organoid_kit.course.synthetic import make_synthetic_movie
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation import find_blobs, score_positions, tune_blobs
from organoid_kit.evaluation.positions import find_best_threshold, pool_scores
from organoid_kit.networks.saving import load_network
from organoid_kit.training.loop import train

NUMBER = 5
FIELD_UM = (48.0, 60.0, 60.0)
FIRST, LAST = 0, 2  # time points; the network looks at three together
CHANNELS = (2, 3)
JUDGED_ON = "the last time point of five other invented microscopes for each seed"
Finder = Callable[[AnnotatedMovie], Annotations]  # what finds the nuclei of a movie


def make_microscope(seed: int, number: int) -> AnnotatedMovie:
    """Three time points of a small organoid, seen by a microscope that is drawn at random."""
    rng = np.random.default_rng((seed, number, 5))
    spacing_um = (rng.uniform(1, 3), *[rng.uniform(0.35, 0.8)] * 2)
    shape = tuple(round(um / step) for um, step in zip(FIELD_UM, spacing_um, strict=True))
    fixed = {"shape_zyx": shape, "spacing_um": spacing_um, "time_points": 3}
    settings = random_synthetic_settings(rng, **fixed)
    made = make_synthetic_movie(settings, int(rng.integers(2**31)), f"microscope {seed}-{number}")
    return AnnotatedMovie(*made)


def keep_time(one: AnnotatedMovie, time_point: int) -> AnnotatedMovie:
    """The annotations of one time point."""
    is_then = one.annotations.time_points == time_point
    return dataclasses.replace(one, annotations=one.annotations.select(is_then))


def find_with_blobs(settings: dict) -> Finder:
    return lambda one: find_blobs(one.movie, time_points=[LAST], **settings)


def find_with_own_blobs(one: AnnotatedMovie) -> Annotations:
    """Blobs with a setting for this microscope, chosen on its first time point."""
    settings = tune_blobs([keep_time(one, FIRST)], channels=CHANNELS)
    return find_with_blobs(settings)(one)


def find_with_network(folder: str | Path, threshold_from: list[AnnotatedMovie]) -> Finder:
    """A network's nuclei above its own threshold, or that of highest F1 on these movies."""
    network, settings = load_network(folder)
    settings = settings.changed(channels=CHANNELS)
    threshold = settings.threshold
    if threshold_from:
        threshold = find_best_threshold(find_nuclei(network, settings, threshold_from))

    def find(one: AnnotatedMovie) -> Annotations:
        [(_, found)] = find_nuclei(network, settings, [one])
        return found.select(np.array(found.properties["probability"], float) >= threshold)

    return find


def train_small(movies: list[AnnotatedMovie], seed: int, steps: int, folder: str) -> Path:
    """A position network that learns from these movies alone; its run folder."""
    patches = round(steps * SMALL["batch_size"] / 4 / (3 * len(movies)))  # in each of four epochs
    changes = {"epochs": 4, "patience": 4, "patches_per_time_point": patches, "seed": seed}
    settings = read_settings(find_samples() / "settings.json")
    settings = settings.changed(**SMALL, **changes, output_folder=folder)
    return train(movies, [], settings, on_progress=lambda progress: None).folder


def measure(seed: int, steps: int) -> list[dict]:
    """F1 of each way on five microscopes, after five others."""
    movies = [make_microscope(seed, number) for number in range(2 * NUMBER)]
    to_choose_by, others = movies[:NUMBER], movies[NUMBER:]
    others = [keep_time(one, LAST) for one in others]
    tuned = tune_blobs([keep_time(one, LAST) for one in to_choose_by], channels=CHANNELS)
    with tempfile.TemporaryDirectory() as folder:
        run = train_small(to_choose_by, seed, steps, folder)
        ways = {
            "blobs, one setting": find_with_blobs(tuned),
            "network from scratch": find_with_network(run, to_choose_by),
            "network of the kit": find_with_network("position_small", []),
        }
    own = [find_with_own_blobs(one) for one in movies[NUMBER:]]
    found = {way: [find(one) for one in others] for way, find in ways.items()}
    found["blobs, a setting each"] = own
    records = []
    for way, each in found.items():
        scores = [score_positions(o.annotations, f) for o, f in zip(others, each, strict=True)]
        f1 = {"f1": pool_scores(scores).f1, "f1_each": [score.f1 for score in scores]}
        records.append({"seed": seed, "way": way, **f1})
    return records


def print_table(records: list[dict]) -> None:
    """Mean, lowest and highest seed of each way; and the worst microscope of all."""
    print(f"{'':24}{'F1 of five, mean (seeds)':28}worst microscope")
    for way in dict.fromkeys(record["way"] for record in records):
        own = measured.choose_records({"records": records}, way=way)
        worst = min(f1 for record in own for f1 in record["f1_each"])
        print(f"{way:24}{measured.describe_spread(own):28}{worst:.3f}")


def main() -> None:
    """Measures the seeds that are missing, then prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=480, help="of each training from scratch")
    parser.add_argument("--output", type=Path, default=Path("five_microscopes.json"))
    choices = parser.parse_args()
    plan = {"steps": choices.steps, "judged_on": JUDGED_ON}
    table = open_table(choices.output, command="python benchmarks/five_microscopes.py", **plan)
    for seed in choices.seeds:
        if is_missing(table, seed=seed):
            table["records"] += measure(seed, choices.steps)
            write_table(table, choices.output)
    print_table(table["records"])


if __name__ == "__main__":
    main()
