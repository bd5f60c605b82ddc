"""From scratch on the bundled movies: how good is the position network after a few minutes, and how
much do seeds vary?

    python benchmarks/from_scratch.py [--seeds 11 12 13] [--settings data_samples/settings.json]

Trains on the two training movies, chooses the threshold on the validation movie, and scores on the
test movie (5 µm, one to one), once for each seed. The blob detector beside it is tuned on the
training and validation movies. The seconds are those of the training alone, with its validation and
checkpoints.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from organoid_kit.base.settings import read_settings
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.blobs import find_blobs, tune_blobs
from organoid_kit.evaluation.positions import score_positions
from organoid_kit.networks.devices import detect_device
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.positions import choose_threshold, predict_positions
from organoid_kit.training.loop import train


def main() -> None:
    """Prints a line for each seed, and their spread."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--settings", default=str(find_samples() / "settings.json"))
    parser.add_argument("--work", default="runs")
    choices = parser.parse_args()
    parts = ("training", "validation", "test")
    training, validation, test = (
        read_dataset(find_samples() / f"{part}.autlist") for part in parts
    )
    settings = read_settings(choices.settings).changed(output_folder=choices.work)
    print(f"on {detect_device().name}; {settings.epochs} epochs")
    tuned = tune_blobs([*training, *validation], channels=settings.channels)
    for each in test:
        print(
            f"blob detector, {each.name}: {score_positions(each.annotations, find_blobs(each.movie, **tuned))}"
        )
    values = []
    for seed in choices.seeds:
        started = time.monotonic()
        run = train(
            training, validation, settings.changed(seed=seed), on_progress=lambda progress: None
        )
        seconds = time.monotonic() - started
        threshold = choose_threshold(run, validation, show_progress=False).threshold
        network, trained = load_network(run.folder)
        for each in test:
            found = predict_positions(network, each.movie, trained, show_progress=False)
            score = score_positions(each.annotations, found)
            values.append(score.f1)
            print(
                f"seed {seed}, {seconds:.0f} s, threshold {threshold:.2f}, {each.name}: {score}",
                flush=True,
            )
    print(
        f"F1 {np.mean(values):.3f}, from {min(values):.3f} to {max(values):.3f} over {len(values)} seeds"
    )


if __name__ == "__main__":
    main()
