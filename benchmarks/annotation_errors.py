"""What wrong annotations, and few annotations, do to a position network.

    python benchmarks/annotation_errors.py [--seeds 1 2 3] [--errors 0 0.01 0.1] [--time-points 2 6 24] [--steps 600]
                                           [--output annotation_errors.json]

Trains on so many annotated time points of the bundled training movies, with this part of the annotations spoiled: a
third of the wrong ones is missing, a third lies 6 µm off, a third is added anywhere in the annotated region. All
trainings take the same number of steps. The threshold is chosen on the validation movie, whose annotations are right;
scores are those on the test movie. Writes the table that `RunComparison` shows, anew after every training, so that it
can be interrupted.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import os
import platform
import tempfile
import time
from pathlib import Path

import imagecodecs
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from organoid_kit.annotations import Annotations
from organoid_kit.dataset import AnnotatedMovie, read_dataset
from organoid_kit.devices import find_device
from organoid_kit.downloads import find_samples
from organoid_kit.epoch_pictures import EpochPicture, list_pictures, read_picture
from organoid_kit.evaluation import score_positions
from organoid_kit.files import write_json_safely
from organoid_kit.networks import load_network
from organoid_kit.prediction import choose_threshold, predict_positions
from organoid_kit.settings import NetworkSettings, read_settings
from organoid_kit.training import train

OFF_UM = 6.0


def keep_time_points(movies: list[AnnotatedMovie], number: int) -> list[AnnotatedMovie]:
    """So many annotated time points of all movies together, evenly chosen."""
    places = [(place, time) for place, each in enumerate(movies) for time in each.annotations.annotated_time_points]
    chosen = {places[index] for index in np.linspace(0, len(places) - 1, number).round().astype(int)}
    kept = []
    for place, each in enumerate(movies):
        rows = [row for row, time in enumerate(each.annotations.time_points) if (place, time) in chosen]
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


def measure(
    parts: dict, settings: NetworkSettings, time_points: int, rate: float, seed: int
) -> tuple[dict, EpochPicture]:
    """One training: its record, and the picture of its last epoch."""
    rng = np.random.default_rng((seed, time_points, round(1000 * rate)))
    training = [spoil(each, rate, rng) for each in keep_time_points(parts["training"], time_points)]
    started = time.monotonic()
    run = train(training, parts["validation"], settings.changed(seed=seed), on_progress=lambda progress: None)
    seconds = time.monotonic() - started
    threshold = choose_threshold(run, parts["validation"], show_progress=False)
    network, trained = load_network(run.folder)
    test = parts["test"][0]
    score = score_positions(test.annotations, predict_positions(network, test.movie, trained, show_progress=False))
    record = {
        "time_points": time_points,
        "positions": sum(len(each.annotations) for each in training),
        "error_rate": rate,
        "seed": seed,
        **{name: getattr(score, name) for name in ("f1", "precision", "recall")},
        "threshold": threshold,
        "seconds": round(seconds, 1),
    }
    return record, read_picture(run.folder, list_pictures(run.folder)[-1])


def write_png(values: np.ndarray) -> str:
    """Values from 0 to 1 as a picture, as text for JSON."""
    return base64.b64encode(imagecodecs.png_encode(np.round(255 * values.astype(float)).astype(np.uint8))).decode()


def find_settings(choices: argparse.Namespace, time_points: int, folder: str) -> NetworkSettings:
    """As many steps whatever the number of time points."""
    settings = read_settings(choices.settings)
    patches = max(1, round(choices.steps / choices.epochs * settings.batch_size / time_points))
    changes = {"patches_per_time_point": patches, "epochs": choices.epochs, "patience": choices.epochs}
    return settings.changed(output_folder=folder, **changes)


def main() -> None:
    """Measures all combinations, a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--errors", type=float, nargs="+", default=[0.0, 0.01, 0.1])
    parser.add_argument("--time-points", type=int, nargs="+", default=[2, 6, 24])
    parser.add_argument("--steps", type=int, default=600, help="of each training")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--settings", type=Path, default=find_samples() / "settings.json")
    parser.add_argument("--output", type=Path, default=Path("annotation_errors.json"))
    choices = parser.parse_args()
    parts = {part: read_dataset(find_samples() / f"{part}.autlist") for part in ("training", "validation", "test")}
    table = {
        "machine": f"{find_device().name}, {platform.system()}",
        "steps": choices.steps,
        "epochs": choices.epochs,
        "judged_on": parts["test"][0].name,
        "records": [],
    }
    todo = [(n, rate, seed) for seed in choices.seeds for n in choices.time_points for rate in choices.errors]
    with tempfile.TemporaryDirectory() as folder:
        for number, rate, seed in todo:
            record, picture = measure(parts, find_settings(choices, number, folder), number, rate, seed)
            if seed == choices.seeds[0]:  # another seed is shown another example
                record["prediction"] = write_png(picture.answers[0])
                table["example"] = {
                    "image": write_png(picture.images[0, 0] / 255),
                    "target": write_png(picture.targets[0]),
                    "positions": picture.positions,
                    "spacing_um": picture.spacing_um,
                }
            table["records"].append(record)
            write_json_safely(choices.output, table, overwrite=True)
            f1 = "not measured" if record["f1"] is None else f"{record['f1']:.3f}"
            print(
                f"{number} time points, {100 * rate:g} % wrong, seed {seed}: F1 {f1}, {record['seconds']:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
