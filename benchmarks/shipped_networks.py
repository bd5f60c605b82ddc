"""The three networks that ship with the kit: how they were made, and what they reach.

    python benchmarks/shipped_networks.py [position] [division] [link]
        scores on invented movies never seen
    python benchmarks/shipped_networks.py [position] [division] [link] --train --seed 1
        trains anew into --work, and scores
    python benchmarks/shipped_networks.py position --go-on --seed 1
        trains the shipped network on instead, for 4 short epochs
    python benchmarks/shipped_networks.py [position] [division] [link] --look
        only measures how the movies of the training look, and saves that with the network

Training takes about half an hour each on two cores. Training, validation and test movies are drawn
from separate ranges of seeds. Calibration and threshold are chosen on the validation movies; the
test movies are looked at once, at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _random_movies import random_synthetic_settings
from _wide_movies import make_wide_movie

from organoid_kit.base.files import write_json_safely
from organoid_kit.base.settings import NETWORKS, make_settings
from organoid_kit.course.synthetic import make_synthetic_movie
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.evaluation.calibration import compute_reliability
from organoid_kit.evaluation.classification import compute_average_precision
from organoid_kit.evaluation.positions import pool_scores, score_positions
from organoid_kit.examples.looks import measure_look
from organoid_kit.networks.folders import (
    SHIPPED,
    load_settings,
    make_fine_tuning_settings,
    save_settings,
)
from organoid_kit.networks.saving import load_network, save_network
from organoid_kit.prediction.calibration import calibrate_network, collect_answers
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.training.loop import train
from organoid_kit.training.runs import Run, collect_versions

SEEDS = {  # training, validation and test movies; short ones for positions, long ones with divisions for the others
    "position": (range(1000, 1070), range(2000, 2010), range(3000, 3010)),
    "division": (range(1100, 1150), range(2100, 2108), range(3100, 3110)),
    "link": (range(1100, 1130), range(2100, 2106), range(3100, 3110)),
}
# For positions also movies far from the bundled ones (_wide_movies.py)
WIDE_SEEDS = (range(4000, 4064), range(4100, 4108), range(4200, 4216))
SLAB_SEEDS = (range(4320, 4344), range(4344, 4348), range(4350, 4362))
CLOUD_SEEDS = (range(4400, 4448), range(4448, 4456), range(4460, 4476))
WIDE = (WIDE_SEEDS, SLAB_SEEDS, CLOUD_SEEDS)
SETTINGS: dict[str, dict[str, Any]] = {
    "position": {
        "epochs": 18,
        "nucleus_sigma_um": 2.0,
        "patches_per_time_point": 5,
        "batch_size": 8,
    },
    "division": {"epochs": 14, "patches_per_time_point": 24},
    "link": {"epochs": 8, "patches_per_time_point": 40},
}
# Of the invented movies; the networks themselves are shipped for movies with nuclei in channel 1
_CHANNELS = (2, 3)
_FIELD_UM = (56.0, 60.0, 60.0)  # wider than an organoid: the networks see empty background too
_DIAMETER_UM = 8.0  # the middle of the nuclei in the training movies, 6 to 10 µm wide


def make_movies(network: str, seeds: Iterable[int]) -> list[AnnotatedMovie]:
    """Movies of drawn organoids under drawn microscopes."""
    return [make_movie(network, seed) for seed in seeds]


def make_part(network: str, part: int) -> list[AnnotatedMovie]:
    """Training (0), validation (1) or test movies (2)."""
    return make_movies(network, list_seeds(network, part))


def list_seeds(network: str, part: int) -> list[int]:
    """Those of the bundled movies' kind, and for the position network the wide ones."""
    families = [SEEDS[network], *(WIDE if network == "position" else ())]
    return [seed for parts in families for seed in parts[part]]


def make_movie(network: str, seed: int) -> AnnotatedMovie:
    """One such movie; for divisions and links it is longer, and may move much faster."""
    if any(seed in seeds for parts in WIDE for seeds in parts):
        return make_wide_movie(seed)
    rng = np.random.default_rng(seed)
    spacing = (float(rng.choice([1.5, 2.0, 2.0, 2.5])), *[float(rng.uniform(0.35, 0.6))] * 2)
    shape = tuple(round(field / step) for field, step in zip(_FIELD_UM, spacing, strict=True))
    minutes = float(rng.choice([5.0, 10.0, 20.0]))
    drawn: dict[str, Any] = {"time_points": 3}
    if network != "position":
        drawn = {
            "time_points": 10,
            "cycle_time_points": rng.uniform(10, 30),
            "migration_um": rng.uniform(0.1, 1.5),
            "rotation_degrees": rng.choice([rng.uniform(0, 4), rng.uniform(4, 15)]),
            "drift_um": rng.uniform(0, 3),
            "plates": rng.uniform(0.3, 1.0),
            "separation": rng.uniform(1.0, 2.5),
        }
    settings = random_synthetic_settings(
        rng, shape_zyx=shape, spacing_um=spacing, minutes_per_time_point=minutes, **drawn
    )
    return AnnotatedMovie(*make_synthetic_movie(settings, seed, f"invented {seed}"))


def make_network(network: str, folder: Path, seed: int, go_on: bool = False) -> Path:
    """Trains and calibrates a network, chooses its threshold, and writes its folder."""
    changes = {"channels": _CHANNELS, "output_folder": str(folder), "seed": seed}
    settings = make_settings(network, **changes, **SETTINGS[network])
    if go_on:
        changes |= {"nucleus_diameter_um": None, "epochs": 4, "patches_per_time_point": 3}
        settings = make_fine_tuning_settings(f"{network}_small", learning_rate=1e-3, **changes)
    training, validation = (make_part(network, part) for part in (0, 1))
    run = train(training, validation, settings.changed(patience=settings.epochs))
    print(calibrate_network(run, leave_out_drowned(run, validation), show_progress=False))
    model, trained = load_network(run.folder)
    place = folder / f"{network}_small_{seed}"
    usual = make_settings(network, **SETTINGS[network])  # what others train on with, from here
    recipe = ("epochs", "patches_per_time_point", "learning_rate")
    trained = trained.changed(
        output_folder="runs",
        channels=(1,),
        nucleus_diameter_um=_DIAMETER_UM,
        start_from=None,
        patience=usual.epochs,
        **{name: getattr(usual, name) for name in recipe},
    )
    save_network(model, trained, place, overwrite=True)
    return place


def leave_out_drowned(run: Run, movies: list[AnnotatedMovie]) -> list[AnnotatedMovie]:
    """The movies without those in which a position network sees more than five times the nuclei that
    there are, in noise: one such movie has more answers than all others, and would choose for them.
    """
    model, settings = load_network(run.folder)
    if settings.network != "position":
        return movies
    kept = []
    for each in movies:
        found = predict_positions(model, each.movie, settings, threshold=0.05, show_progress=False)
        if len(found) <= 5 * len(each.annotations):
            kept.append(each)
    print(f"left out: {[each.name for each in movies if each not in kept]}")
    return kept


def calibrate_shipped(network: str) -> None:
    """Calibrates a shipped network, and chooses its threshold, without training it."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        shutil.copytree(SHIPPED / f"{network}_small", run.network_folder)
        settings = load_settings(run.folder)
        save_settings(settings.changed(channels=_CHANNELS), run.folder)
        movies = leave_out_drowned(run, make_part(network, 1))
        print(calibrate_network(run, movies, show_progress=False))
        chosen = load_settings(run.folder)
    save_settings(chosen.changed(channels=settings.channels), SHIPPED / f"{network}_small")


def measure_shipped(network: str) -> None:
    """Measures how the training movies of a shipped network look, twenty of them."""
    seeds, settings = list_seeds(network, 0), load_settings(f"{network}_small")
    shown = settings.changed(channels=_CHANNELS, nucleus_diameter_um=None)
    rows = np.unique(np.linspace(0, len(seeds) - 1, 20).round().astype(int))
    look = measure_look(make_movies(network, [seeds[row] for row in rows]), shown)
    save_settings(settings.changed(look=look), f"{network}_small")
    print(look)


def score_positions_found(folder: str | Path) -> dict[str, Any]:
    """Scores of the position network on the test movies, and on those far from the bundled ones."""
    model, settings = load_network(folder)
    pooled = {}
    for family, seeds in (
        ("invented_test_movies", SEEDS["position"][2]),
        ("wide_test_movies", WIDE_SEEDS[2]),
        ("slab_test_movies", SLAB_SEEDS[2]),
        ("cloud_test_movies", CLOUD_SEEDS[2]),
    ):
        scores = []
        for movie in make_movies("position", seeds):
            found = predict_positions(
                model, movie.movie, settings.changed(channels=_CHANNELS), show_progress=False
            )
            whole = movie.annotations.with_whole_image(movie.movie.shape_zyx)
            scores.append(score_positions(whole, found))
            print(f"{movie.name}: {scores[-1]}", flush=True)
        print(f"{family}, all {len(scores)}: {pool_scores(scores)}", flush=True)
        pooled[family] = pool_scores(scores).to_dict()
    return pooled


def score_answers(network: str, folder: str | Path) -> dict[str, Any]:
    """Average precision and expected calibration error of a division or link network on the test
    movies.
    """
    model, settings = load_network(folder)
    parts = []
    for movie in make_movies(network, SEEDS[network][2]):
        said, true, _ = collect_answers(model, settings.changed(channels=_CHANNELS), [movie])
        parts.append((said, true))
        print(
            f"{movie.name}: average precision {compute_average_precision(true, said)}, {true.sum()} of {len(true)}"
        )
    said, true = (np.concatenate(part) for part in zip(*parts, strict=True))
    result = {
        "average_precision": compute_average_precision(true, said),
        "ece": compute_reliability(said, true).ece,
    }
    print(f"all {len(parts)} movies: {result}, {true.sum()} of {len(true)}")
    return {"invented_test_movies": result}


def main() -> None:
    """Trains if asked to, then scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "networks", nargs="*", choices=[*NETWORKS, []], default=[], help="else all three"
    )
    parser.add_argument("--train", action="store_true", help="train the networks anew")
    parser.add_argument("--go-on", action="store_true", help="train the shipped networks on")
    parser.add_argument(
        "--calibrate", action="store_true", help="calibrate the networks anew, without training"
    )
    parser.add_argument(
        "--look", action="store_true", help="only measure how the movies of the training look"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the training")
    parser.add_argument(
        "--work", type=Path, default=Path("runs"), help="where runs and new networks go"
    )
    choices = parser.parse_args()
    for network in choices.networks or NETWORKS:
        print(f"{network} network")
        place = SHIPPED / f"{network}_small"
        if choices.look:
            measure_shipped(network)
            continue
        if trained := choices.train or choices.go_on:
            place = make_network(network, choices.work, choices.seed, choices.go_on)
        elif choices.calibrate:
            calibrate_shipped(network)
        scores = (
            score_positions_found(place) if network == "position" else score_answers(network, place)
        )
        if trained or choices.calibrate:
            how = "--go-on" if choices.go_on else "--train"
            how = f"{how} --seed {choices.seed}" if trained else "--calibrate"
            command = f"python benchmarks/shipped_networks.py {network} {how}"
            record = {
                "command": command,
                "threshold": load_settings(place).threshold,
                "versions": collect_versions(),
            }
            write_json_safely(place / "scores.json", record | scores, overwrite=True)


if __name__ == "__main__":
    main()
