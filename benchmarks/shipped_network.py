"""The position network that ships with the kit: how it was made, and what it reaches.

    python benchmarks/shipped_network.py            scores it on invented movies it has never seen
    python benchmarks/shipped_network.py --train    trains it anew (about half an hour on two cores) and scores it

Training, validation and test movies are drawn from separate ranges of seeds. The threshold is chosen on the validation
movies; the test movies are looked at once, at the end.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from organoid_kit.dataset import AnnotatedMovie
from organoid_kit.evaluation import pool_scores, score_positions
from organoid_kit.files import write_json_safely
from organoid_kit.networks import SHIPPED, load_network, load_settings, save_network
from organoid_kit.prediction import choose_threshold, predict_positions
from organoid_kit.runs import find_versions
from organoid_kit.settings import NetworkSettings
from organoid_kit.synthetic import make_synthetic_movie, random_synthetic_settings
from organoid_kit.training import train

NAME = "position_small"
TRAINING, VALIDATION, TEST = range(1000, 1070), range(2000, 2010), range(3000, 3010)
_CHANNELS = (2, 3)  # of the invented movies; the network itself is shipped for movies with nuclei in channel 1
_FIELD_UM = (56.0, 60.0, 60.0)  # wider than an organoid, so that the network sees empty background too


def make_movie(seed: int) -> AnnotatedMovie:
    """A short movie of a drawn organoid under a drawn microscope."""
    rng = np.random.default_rng(seed)
    spacing = (float(rng.choice([1.5, 2.0, 2.0, 2.5])), *[float(rng.uniform(0.35, 0.6))] * 2)
    shape = tuple(round(field / step) for field, step in zip(_FIELD_UM, spacing, strict=True))
    minutes = float(rng.choice([5.0, 10.0, 20.0]))
    settings = random_synthetic_settings(
        rng, shape_zyx=shape, spacing_um=spacing, time_points=3, minutes_per_time_point=minutes
    )
    return AnnotatedMovie(*make_synthetic_movie(settings, seed, f"invented {seed}"))


def make_network(folder: Path, epochs: int) -> None:
    """Trains the network and writes its folder."""
    validation = [make_movie(seed) for seed in VALIDATION]
    settings = NetworkSettings(
        channels=_CHANNELS,
        epochs=epochs,
        patience=epochs,
        patches_per_time_point=5,
        batch_size=8,
        output_folder=str(folder / "runs"),
    )
    run = train([make_movie(seed) for seed in TRAINING], validation, settings)
    choose_threshold(run, validation)
    network, trained = load_network(run.folder)
    save_network(network, trained.changed(output_folder="runs", channels=(1,)), SHIPPED / NAME, overwrite=True)


def score_network() -> dict:
    """Scores on the test movies."""
    network, settings = load_network(NAME)
    scores = []
    for seed in TEST:
        movie = make_movie(seed)
        found = predict_positions(network, movie.movie, settings.changed(channels=_CHANNELS), show_progress=False)
        scores.append(score_positions(movie.annotations, found))
        print(f"{movie.name}: {scores[-1]}")
    print(f"all {len(TEST)} movies: {pool_scores(scores)}")
    return pool_scores(scores).to_dict()


def main() -> None:
    """Trains if asked to, then scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", action="store_true", help="train the network anew")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--work", type=Path, default=Path("runs"), help="where the run goes")
    choices = parser.parse_args()
    if choices.train:
        make_network(choices.work, choices.epochs)
    scores = score_network()
    if choices.train:
        command = f"python benchmarks/shipped_network.py --train --epochs {choices.epochs}"
        record = {"command": command, "threshold": load_settings(NAME).threshold, "versions": find_versions()}
        write_json_safely(SHIPPED / NAME / "scores.json", record | {"invented_test_movies": scores}, overwrite=True)


if __name__ == "__main__":
    main()
