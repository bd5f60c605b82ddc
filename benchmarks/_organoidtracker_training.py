"""What `organoidtracker_networks.py` runs in an environment of OrganoidTracker: its own script for
training, a few steps long, or what the network that it left answers. Nothing of ours is imported.

    python _organoidtracker_training.py train SCRIPT.py
    python _organoidtracker_training.py ask MODEL.keras INPUTS.npz ANSWER.npy
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"  # as its scripts do

import keras
import numpy as np
import tifffile
from organoid_tracker.neural_network import dataset_transforms
from organoid_tracker.neural_network.link_detection_cnn import training_data_creator

STEPS = 3  # after more, a position network may answer 0 everywhere
MOST_SAMPLES = 100  # on which it is calibrated; thousands take minutes


def train(script: str) -> None:
    """Runs a script, with an epoch of a few steps, until it writes pictures of what it learned."""
    fit, limit = keras.Model.fit, dataset_transforms.LimitingDataset.__init__

    def fit_shortly(model, data, **options):
        return fit(model, data, **(options | {"steps_per_epoch": STEPS, "validation_steps": 1}))

    def limit_more(dataset, samples, max_samples):
        limit(dataset, samples, min(max_samples, MOST_SAMPLES))

    def stop(*arguments, **options):
        os._exit(0)  # its threads would end the process in another way

    keras.Model.fit = fit_shortly
    dataset_transforms.LimitingDataset.__init__ = limit_more
    if not hasattr(training_data_creator, "inside_image"):  # it calls what was taken out
        training_data_creator.inside_image = lambda position, offset, shape: True
    if "position" not in Path(script).name:  # those draw pictures while they learn
        tifffile.imwrite = stop
    runpy.run_path(script, run_name="__main__")
    stop()


def ask(model: str, inputs: str, answer: str) -> None:
    """Writes what a network answers to the arrays of a file, in their order."""
    network = keras.models.load_model(model, compile=False)
    with np.load(inputs) as file:
        arrays = [file[name] for name in file]
    np.save(answer, network.predict(arrays if len(arrays) > 1 else arrays[0], verbose=0))


if __name__ == "__main__":
    {"train": train, "ask": ask}[sys.argv[1]](*sys.argv[2:])
