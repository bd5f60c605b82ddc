"""Trains the three networks with OrganoidTracker's own scripts, and opens what they leave with the kit.

    python benchmarks/organoidtracker_networks.py FOLDER

FOLDER is a copy of OrganoidTracker's repository. Its scripts run as they are, in an environment of
exact versions, on an invented movie, a few steps each (`_organoidtracker_training.py`). Then both
programs show each network the same numbers, which Keras on PyTorch answers there and Keras on
TensorFlow here, the kit predicts the movie with it, and trains on from it for an epoch of a few
steps. Exit status 1 says that a network is not opened, that an answer differs by more than 0.0001,
that all answers are the same, or that training on changes no weight or ends without a loss.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
from other_programs import make_environment

from organoid_kit import training
from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data import AnnotatedMovie, read_timelapse, write_dataset
from organoid_kit.data.timelapse import write_timelapse
from organoid_kit.networks import load_network, make_fine_tuning_settings
from organoid_kit.prediction import predict_divisions, predict_links, predict_positions

PACKAGES = {
    "torch": "2.13.0",
    "keras": "3.15.1",
    "numpy": "2.4.6",
    "scipy": "1.17.1",
    "scikit-image": "0.26.0",
    "scikit-learn": "1.9.0",
    "tifffile": "2026.3.3",
    "imagecodecs": "2026.3.6",
    "matplotlib": "3.11.2",
    "statsmodels": "0.14.6",
}
PLANES = 16
# Network → what its script is told: time windows as OrganoidTracker's windows propose them
SETTINGS = {
    "position": {"time_window_before": "-1", "learning_rate": "0.0005"},
    "division": {"time_window_before": "-1", "learning_rate": "0.0003"},
    "link": {"time_window_before": "0", "learning_rate": "0.00003"},
}
ALL = {"dataset_file": "list.autlist", "output_folder": "trained", "time_window_after": "1"}
ALL |= {"patch_shape": f"32, 32, {PLANES}", "batch_size": "2", "epochs": "1", "patience": "1"}
LARGEST_CHANGE = 1e-4


def make_movie(folder: Path) -> AnnotatedMovie:
    """An invented movie, many of whose nuclei divide, and the list that names it."""
    look = {"shape_zyx": (PLANES, 96, 96), "spacing_um": (2.0, 1.0, 1.0), "nuclei": 15}
    settings = SyntheticSettings(**look, time_points=8, cycle_time_points=6.0)
    movie, truth = make_synthetic_movie(settings, seed=1)
    write_timelapse(movie, folder / "movie.ome.tif")
    entry = AnnotatedMovie(read_timelapse(folder / "movie.ome.tif"), truth)
    write_dataset([entry], folder / "list.autlist")
    return entry


def write_configuration(folder: Path) -> None:
    """organoid_tracker.ini, in which its scripts look for their settings."""
    lines = []
    for network, settings in SETTINGS.items():
        values = ALL | settings
        if network == "division":
            values["identify full division window"] = "False"
        lines += [f"[train_{network}_network]", *(f"{k} = {v}" for k, v in values.items()), ""]
    (folder / "organoid_tracker.ini").write_text("\n".join(lines))


def train(network: str, tracker: Path, folder: Path, python: Path) -> Path:
    """The folder of a network that OrganoidTracker's script trained."""
    script = tracker / f"organoid_tracker_train_{network}_network.py"
    for _ in range(2):  # the first time it may only write down what it was not told
        said = call(python, ["train", str(script)], tracker, folder)
        trained = folder / "trained" / f"model_{network}s"
        if (trained / "settings.json").exists():
            return trained
    raise SystemExit(f"{script.name} left no network:\n{said[-2000:]}")


def call(python: Path, arguments: list[str], tracker: Path, folder: Path) -> str:
    """What `_organoidtracker_training.py` says."""
    command = [str(python), str(Path(__file__).with_name("_organoidtracker_training.py"))]
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(tracker), "MPLBACKEND": "agg"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
    )
    return done.stdout


def make_inputs(network) -> list[np.ndarray]:
    """Random numbers of the shapes that a network takes."""
    rng, free = np.random.default_rng(0), (None, PLANES, 64, 64)
    shapes = [[size or free[axis] for axis, size in enumerate(x.shape)] for x in network.inputs]
    return [rng.random((8, *shape[1:]), np.float32) for shape in shapes]


def describe(file: Path) -> str:
    """Kinds of layers, and operations that are no layers, with how many there are."""
    layers = json.loads(zipfile.ZipFile(file).read("config.json"))["config"]["layers"]
    return ", ".join(f"{n} {kind}" for kind, n in Counter(e["class_name"] for e in layers).items())


def predict(network, settings, entry: AnnotatedMovie) -> str:
    """What the kit finds in the movie with a network; hardly trained, it need not be right."""
    if settings.network == "position":
        return f"{len(predict_positions(network, entry.movie, settings, show_progress=False))} positions"
    judge = predict_divisions if settings.network == "division" else predict_links
    judged = judge(network, entry.movie, entry.annotations, settings, show_progress=False)
    return f"{len(judged)} nuclei and {len(judged.links)} links judged"


def compare(
    trained: Path, entry: AnnotatedMovie, tracker: Path, folder: Path, python: Path
) -> bool:
    """Whether both programs answer the same; prints a line."""
    network, settings = load_network(trained)
    inputs = make_inputs(network)
    np.savez(folder / "inputs.npz", *inputs)
    places = [trained / "model.keras", folder / "inputs.npz", folder / "answer.npy"]
    said = call(python, ["ask", *map(str, places)], tracker, folder)
    if not places[-1].exists():
        raise SystemExit(f"OrganoidTracker's network did not answer:\n{said[-2000:]}")
    theirs = np.load(places[-1])
    places[-1].unlink()
    ours = network.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    change = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
    print(f"{settings.network}: {network.count_params():,} parameters, largest difference", end=" ")
    print(f"{change:.1g} of answers from {theirs.min():.3g} to {theirs.max():.3g};", end=" ")
    print(f"{predict(network, settings, entry)}\n    {describe(places[0])}", flush=True)
    return change <= LARGEST_CHANGE and np.ptp(theirs) > 0


def train_on(trained: Path, entry: AnnotatedMovie, folder: Path) -> bool:
    """Whether the kit goes on from it: weights change, and what comes of it opens; prints a line."""
    shape = {"patch_shape_zyx": (PLANES, 32, 32), "batch_size": 2, "patches_per_time_point": 1}
    options = {**shape, "epochs": 1, "output_folder": str(folder / "runs")}
    run = training.train([entry], [], make_fine_tuning_settings(trained, **options))
    before, after = (load_network(each)[0].get_weights() for each in (trained, run.folder))
    moved = sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    loss = run.history[-1]["loss"]
    print(f"    trained on: loss {loss:.3g}, {moved} of {len(before)} arrays of weights changed")
    return bool(np.isfinite(loss)) and moved > 0


def main() -> int:
    """Prints a line for each network, and its layers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("organoidtracker", type=Path, help="folder of its repository")
    parser.add_argument("--environment", type=Path, help="folder of its packages, kept")
    parser.add_argument("--only", choices=SETTINGS, help="one network")
    options = parser.parse_args()
    tracker, same = options.organoidtracker.resolve(), True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = make_environment(
            (options.environment or folder / "environment").resolve(), PACKAGES
        )
        entry = make_movie(folder)
        write_configuration(folder)
        for network in [options.only] if options.only else SETTINGS:
            trained = train(network, tracker, folder, python)
            same &= compare(trained, entry, tracker, folder, python)
            same &= train_on(trained, entry, folder)
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
