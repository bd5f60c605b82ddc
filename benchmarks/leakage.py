"""How much too good a score looks when the time points of one movie are dealt out at random.

    python benchmarks/leakage.py [--seeds 1 2 3] [--rounds 3] [--steps 360] [--output leakage.json]

One network, three ways to judge it. A position network learns from some time points of one movie.
It is judged on three parts, each with the threshold that suits that part best, as one would do with
validation data:

- time points of the same movie drawn at random among those it learned from
  (`split_random_time_points`),
- the end of the same movie, behind a gap (`split_by_time_block`),
- another movie (`split_by_movie` gives such parts).

Then with each of these thresholds on three movies that nothing was chosen by. What a part showed,
less what came true, is how much it promised too much. Each of three bundled movies is learned from
in turn, with another seed each; in three rounds every seed has learned from every movie. All
trainings take the same number of steps. One network is judged in all three ways, so that the
difference is due to the split alone. Writes a table after every training; called again, it goes on
where it was.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from _tables import is_missing, open_table, write_table
from annotations import JUDGED_ON, SMALL, keep_every, read_parts

from organoid_kit.base.settings import NetworkSettings, read_settings
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.positions import find_best_threshold, pool_scores, score_positions
from organoid_kit.examples.splits import split_by_time_block, split_random_time_points
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.training.loop import train

HELD_BACK = 0.2  # of the time points, for each of the two parts of the same movie
PARTS = ("random time points", "end of the movie", "another movie")


def make_parts(
    movie: AnnotatedMovie, other: AnnotatedMovie, seed: int
) -> dict[str, list[AnnotatedMovie]]:
    """What to learn from, and three parts to judge by."""
    blocks = split_by_time_block([movie], HELD_BACK)
    dealt = split_random_time_points(blocks.training, HELD_BACK, seed=seed)
    return {
        "training": dealt.training,
        **dict(zip(PARTS, (dealt.validation, blocks.validation, [other]))),
    }


def find_nuclei(
    network: keras.Model, settings: NetworkSettings, movies: list[AnnotatedMovie]
) -> list[tuple]:
    """For each movie what is right, and what the network finds there."""
    options = {"threshold": 0.05, "show_progress": False}
    return [
        (
            each.annotations,
            predict_positions(
                network,
                each.movie,
                settings,
                time_points=each.annotations.annotated_time_points.tolist(),
                **options,
            ),
        )
        for each in movies
    ]


def score(pairs: list[tuple], threshold: float) -> float | None:
    """F1 of all movies together."""
    return pool_scores([score_positions(*pair, threshold=threshold) for pair in pairs]).f1


def measure(
    parts: dict[str, list[AnnotatedMovie]],
    held_out: list[AnnotatedMovie],
    settings: NetworkSettings,
) -> list[dict]:
    """One training, and a record for each part it is judged by."""
    positions = sum(len(each.annotations) for each in parts["training"])
    patches = round(
        settings.patches_per_time_point
        / len(parts["training"][0].annotations.annotated_time_points)
    )
    settings = settings.changed(patches_per_time_point=patches)
    run = train(parts["training"], [], settings, on_progress=lambda progress: None)
    network, trained = load_network(run.folder)
    truly = find_nuclei(network, trained, held_out)
    records = []
    for part in PARTS:
        judged = find_nuclei(network, trained, parts[part])
        threshold = find_best_threshold(judged)
        scores = {"shown": score(judged, threshold), "held_out": score(truly, threshold)}
        about = {"part": part, "shown_on": parts[part][0].movie.name, "positions": positions}
        records.append({**about, "threshold": float(threshold), **scores})
    return records


def list_trainings(choices: argparse.Namespace, movies: int) -> list[tuple[int, int]]:
    """Seed and number of the movie of each training, every seed once in a round."""
    return [
        (seed, (place + turn) % movies)
        for turn in range(choices.rounds)
        for place, seed in enumerate(choices.seeds)
    ]


def main() -> None:
    """Measures what is missing, a line for each way to judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--rounds", type=int, default=3, help="so many of the movies each seed learns from"
    )
    parser.add_argument("--steps", type=int, default=360, help="of each training")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("leakage.json"))
    choices = parser.parse_args()
    sources = [
        *read_dataset(find_samples() / "training.autlist"),
        *read_dataset(find_samples() / "validation.autlist"),
    ]
    held_out = read_parts()["test"]
    plan = {"steps": choices.steps, "epochs": choices.epochs, "judged_on": JUDGED_ON}
    table = open_table(choices.output, command="python benchmarks/leakage.py", **plan)
    patches = round(choices.steps * SMALL["batch_size"] / choices.epochs)
    settings = read_settings(find_samples() / "settings.json").changed(
        **SMALL, epochs=choices.epochs, patience=99
    )
    for seed, number in list_trainings(choices, len(sources)):
        movie, other = sources[number], sources[(number + 1) % len(sources)]
        key = {"movie": movie.movie.name, "seed": seed}
        if not is_missing(table, **key):
            continue
        with tempfile.TemporaryDirectory() as folder:
            changes = {"seed": seed, "patches_per_time_point": patches, "output_folder": folder}
            records = measure(
                make_parts(movie, keep_every(other), seed), held_out, settings.changed(**changes)
            )
        table["records"] += [{**key, **record} for record in records]
        write_table(table, choices.output)
        for record in records:
            print(
                *(f"{name} {value}" for name, value in (key | record).items()), sep=", ", flush=True
            )


if __name__ == "__main__":
    main()
