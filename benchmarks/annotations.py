"""What few annotations, and wrong ones, cost a position network; and what it helps to start from a
trained one.

    python benchmarks/annotations.py [--seeds 1 2 3] [--errors 0.01 0.1] [--time-points 1 4 24]
                                     [--steps 360] [--output annotations.json]

Trains on so many annotated time points of the bundled training movies, from scratch and from the
shipped network; and from scratch on all of them with this part of the annotations spoiled: a third
of the wrong ones is missing, a third lies 6 µm off, a third is added anywhere in the annotated
region. The seed also draws the time points and the mistakes. All trainings take the same number of
steps. Epoch and threshold are chosen on the validation movie, whose annotations are right; scores
are those on the test movie and two invented ones that nothing was chosen by, every third time point
of each. Writes the table that `RunComparison` shows after every training; called again, it goes on
where it was.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _held_out import make_like_samples
from _tables import is_missing, open_table, write_table

from organoid_kit.base.settings import NetworkSettings, read_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.positions import find_best_threshold, pool_scores, score_positions
from organoid_kit.networks.folders import make_fine_tuning_settings
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.training.epoch_pictures import EpochPicture, list_pictures, read_picture
from organoid_kit.training.loop import train

OFF_UM = 6.0
INVENTED = (701, 702)  # seeds of movies to score on
JUDGED_ON = "every third time point of the bundled test movie and of two invented ones"
EVERY = 3  # neighbours in time show nearly the same
SHIPPED = "position_small"
SMALL = {
    "patch_shape_zyx": (12, 32, 32),
    "batch_size": 4,
}  # so that a training takes a minute, not five


def keep_every(annotated: AnnotatedMovie, step: int = EVERY) -> AnnotatedMovie:
    """The annotations of every so-manieth time point."""
    times = annotated.annotations.time_points
    return dataclasses.replace(
        annotated, annotations=annotated.annotations.select(times % step == 0)
    )


def read_parts() -> dict[str, list[AnnotatedMovie]]:
    """The bundled movies, and two invented ones beside the test movie."""
    parts = {
        part: read_dataset(find_samples() / f"{part}.autlist")
        for part in ("training", "validation", "test")
    }
    parts["test"] += [make_like_samples(seed) for seed in INVENTED]
    return {
        name: part if name == "training" else [keep_every(each) for each in part]
        for name, part in parts.items()
    }


def draw_time_points(movies: list[AnnotatedMovie], number: int, seed: int) -> list[AnnotatedMovie]:
    """So many annotated time points of all movies together."""
    places = [
        (place, time)
        for place, each in enumerate(movies)
        for time in each.annotations.annotated_time_points
    ]
    drawn = np.random.default_rng((seed, number)).permutation(len(places))[:number]
    chosen = {places[index] for index in drawn}
    kept = []
    for place, each in enumerate(movies):
        rows = [
            row for row, time in enumerate(each.annotations.time_points) if (place, time) in chosen
        ]
        if rows:
            annotations = each.annotations.select(np.array(rows))
            kept.append(dataclasses.replace(each, annotations=annotations))
    return kept


def spoil(annotated: AnnotatedMovie, rate: float, rng: np.random.Generator) -> AnnotatedMovie:
    """The same movie with this part of the annotations wrong; links are dropped."""
    annotations, spacing = annotated.annotations, np.array(annotated.movie.spacing_um)
    positions, times = annotations.positions.copy(), annotations.time_points.copy()
    low, high = positions.min(axis=0), positions.max(axis=0)
    wrong = rng.permutation(len(positions))[: round(rate * len(positions))]
    missing, moved, added = np.array_split(wrong, 3)
    away = rng.normal(size=(len(moved), 3))
    away *= OFF_UM / np.linalg.norm(away, axis=1, keepdims=True) / spacing
    positions[moved] = np.clip(positions[moved] + away, low, high)
    false, false_times = rng.uniform(low, high, (len(added), 3)), times[added]
    kept = np.setdiff1d(np.arange(len(positions)), missing)
    region = annotations.region if annotations.region is not None else np.stack([low, high])
    changed = Annotations(
        np.concatenate([positions[kept], false]),
        np.concatenate([times[kept], false_times]),
        spacing_um=annotations.spacing_um,
        name=annotations.name,
        region=region,
    )
    return dataclasses.replace(annotated, annotations=changed)


def make_run_settings(
    choices: argparse.Namespace, start: str, time_points: int, **changes: Any
) -> NetworkSettings:
    """As many steps whatever the number of time points."""
    plain = read_settings(find_samples() / "settings.json")
    patches = max(
        1, round(choices.steps / choices.epochs * SMALL["batch_size"] / max(1, time_points))
    )
    changes |= SMALL | {
        "epochs": choices.epochs,
        "patience": choices.epochs,
        "patches_per_time_point": patches,
    }
    if start == "scratch":
        return plain.changed(**changes)
    return make_fine_tuning_settings(start, channels=plain.channels, **changes)


def judge(
    folder: str | Path, parts: dict[str, list[AnnotatedMovie]], channels: tuple[int, ...]
) -> dict[str, Any]:
    """Scores on the test movies, at the threshold that the validation movie chooses."""
    network, settings = load_network(folder)
    options = {"threshold": 0.05, "show_progress": False}
    found = {
        name: [
            predict_positions(
                network,
                each.movie,
                settings.changed(channels=channels),
                time_points=each.annotations.annotated_time_points.tolist(),
                **options,
            )
            for each in parts[name]
        ]
        for name in ("validation", "test")
    }
    truth = {name: [each.annotations for each in parts[name]] for name in found}
    threshold = find_best_threshold(list(zip(truth["validation"], found["validation"])))
    pairs = zip(truth["test"], found["test"])
    score = pool_scores([score_positions(*pair, threshold=threshold) for pair in pairs])
    return {
        **{name: getattr(score, name) for name in ("f1", "precision", "recall")},
        "threshold": float(threshold),
    }


def measure(
    parts: dict, settings: NetworkSettings, key: dict[str, Any]
) -> tuple[dict, EpochPicture | None]:
    """One training: its record, and the picture of its last epoch. Without time points: the network
    as it is.
    """
    if not key["time_points"]:
        return {
            **key,
            "positions": 0,
            **judge(settings.start_from, parts, settings.channels),
            "seconds": 0.0,
        }, None
    rng = np.random.default_rng((key["seed"], round(1000 * key["error_rate"])))
    drawn = draw_time_points(parts["training"], key["time_points"], key["seed"])
    training = [spoil(each, key["error_rate"], rng) for each in drawn]
    started = time.monotonic()
    run = train(training, parts["validation"], settings, on_progress=lambda progress: None)
    seconds = round(time.monotonic() - started, 1)
    positions = sum(len(each.annotations) for each in training)
    record = {
        **key,
        "positions": positions,
        **judge(run.folder, parts, settings.channels),
        "seconds": seconds,
    }
    return record, read_picture(run.folder, list_pictures(run.folder)[-1])


def write_png(values: np.ndarray) -> str:
    """Values from 0 to 1 as a picture, as text for JSON."""
    return base64.b64encode(
        imagecodecs.png_encode(np.round(255 * values.astype(float)).astype(np.uint8))
    ).decode()


def keep_picture(table: dict[str, Any], record: dict[str, Any], picture: EpochPicture) -> None:
    """The prediction of a training, and the example that all are shown, in the table."""
    record["prediction"] = write_png(picture.answers[0])
    table["example"] = {
        "image": write_png(picture.images[0, 0] / 255),
        "target": write_png(picture.targets[0]),
        "positions": picture.positions,
        "spacing_um": picture.spacing_um,
    }


def list_trainings(choices: argparse.Namespace) -> list[dict[str, Any]]:
    """What is to be measured, seed after seed."""
    todo = []
    for seed in choices.seeds:
        all_of_them, fewer = max(choices.time_points), sorted(choices.time_points)[:-1]
        todo += [("scratch", all_of_them, rate, seed) for rate in (0.0, *choices.errors)]
        todo += [(start, number, 0.0, seed) for number in fewer for start in ("scratch", SHIPPED)]
        todo += [(SHIPPED, all_of_them, 0.0, seed)]
    todo += [(SHIPPED, 0, 0.0, choices.seeds[0])]  # as it is: no seed matters
    return [dict(zip(("start", "time_points", "error_rate", "seed"), each)) for each in todo]


def main() -> None:
    """Measures what is missing, a line for each training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--errors", type=float, nargs="+", default=[0.01, 0.1])
    parser.add_argument("--time-points", type=int, nargs="+", default=[1, 4, 24])
    parser.add_argument("--steps", type=int, default=360, help="of each training")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("annotations.json"))
    choices = parser.parse_args()
    parts = read_parts()
    plan = {"steps": choices.steps, "epochs": choices.epochs, "judged_on": JUDGED_ON}
    table = open_table(choices.output, command="python benchmarks/annotations.py", **plan)
    with tempfile.TemporaryDirectory() as folder:
        for key in list_trainings(choices):
            if not is_missing(table, **key):
                continue
            changes = {"seed": key["seed"], "output_folder": folder}
            record, picture = measure(
                parts, make_run_settings(choices, key["start"], key["time_points"], **changes), key
            )
            if picture and key["seed"] == choices.seeds[0]:  # another seed is shown another example
                keep_picture(table, record, picture)
            table["records"].append(record)
            write_table(table, choices.output)
            print(
                *(f"{name} {value}" for name, value in record.items() if name != "prediction"),
                sep=", ",
                flush=True,
            )


if __name__ == "__main__":
    main()
