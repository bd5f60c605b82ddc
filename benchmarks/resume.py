"""Kills a training at random moments and takes it up again; its final weights must be those of one
never killed.

Each training runs in a process of its own, which is killed as a power cut would do it: without a
chance to tidy up. A checkpoint is written after every step, so that some kills fall into the
writing of one.

    python benchmarks/resume.py --kills 20
    python benchmarks/resume.py --kills 20 --network link
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from organoid_kit.base.files import read_json
from organoid_kit.base.settings import NETWORKS, NetworkSettings, make_settings
from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data.dataset import AnnotatedMovie

EXAMPLES_PER_EPOCH = 14  # in batches of 4: the last one has 2
TIME_POINTS = {
    "position": 2,
    "division": 3,
    "link": 3,
}  # of the movies, so that there is something to learn from
MOST_STEPS = 8  # between two kills
LONGEST_WAIT = 0.1  # seconds from the last of these steps to the kill
EPOCHS_PER_KILL = 4


@cache
def make_movies(network: str) -> tuple[list[AnnotatedMovie], list[AnnotatedMovie]]:
    """A tiny movie to train on and one to validate on."""
    tiny = SyntheticSettings(
        shape_zyx=(8, 64, 64), time_points=TIME_POINTS[network], nuclei=8, cycle_time_points=8.0
    )
    movies = [AnnotatedMovie(*make_synthetic_movie(tiny, seed=seed)) for seed in (1, 2)]
    return movies[:1], movies[1:]


def make_tiny_settings(network: str, epochs: int, folder: Path) -> NetworkSettings:
    """So small that an epoch takes a second; a checkpoint after every step."""
    used = TIME_POINTS[network] - (
        network != "position"
    )  # of the last time point, it is not known what follows
    return make_settings(
        network,
        channels=(2, 3),
        patch_shape_zyx=(4, 32, 32),
        batch_size=4,
        patches_per_time_point=-(-EXAMPLES_PER_EPOCH // used),
        checkpoint_minutes=0.0,
        epochs=epochs,
        patience=epochs,
        output_folder=str(folder),
    )


def train_here(
    folder: Path, network: str, epochs: int, on_progress: Callable = lambda progress: None
) -> None:
    """Starts the training of a folder, or goes on with it where it stood."""
    from organoid_kit.training.loop import train

    started = find_runs(folder)
    settings = make_tiny_settings(network, epochs, folder)
    train(
        *make_movies(network),
        settings,
        resume=started[0] if started else None,
        on_progress=on_progress,
    )


def start(folder: Path, network: str, epochs: int) -> subprocess.Popen:
    """The same in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--train",
        str(folder),
        "--network",
        network,
        "--epochs",
        str(epochs),
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    """Waits for a training that must succeed."""
    errors = process.communicate()[1]
    if process.returncode:
        raise SystemExit(f"A training failed:\n{errors}")


def kill_once(folder: Path, network: str, epochs: int, rng: random.Random) -> str:
    """Goes on with a training, kills it some checkpoints later, and says where that was."""
    process = start(folder, network, epochs)
    for _ in range(rng.randint(1, MOST_STEPS)):
        before = find_newest(folder)
        while find_newest(folder) == before and process.poll() is None:
            time.sleep(0.01)
    time.sleep(rng.uniform(0, LONGEST_WAIT))
    if process.poll() is not None:
        finish(process)
        raise SystemExit(
            "The training ended before it was killed often enough: give it more --epochs."
        )
    process.kill()
    process.communicate()
    half_written = len(list(folder.rglob(".writing-*")))
    return find_newest(folder) + (", while a file was being written" if half_written else "")


def find_runs(folder: Path) -> list[Path]:
    return sorted(file.parent for file in folder.glob("*/run.json"))


def find_checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/checkpoints/epoch_*.npz"))


def find_newest(folder: Path) -> str:
    """Name of the newest checkpoint; empty where there is none."""
    return max((path.stem for path in find_checkpoints(folder)), default="")


def describe(folder: Path) -> dict[str, object]:
    """What must be the same: weights, optimiser, where the training stands, its history and its
    best network.
    """
    import keras

    (run,) = find_runs(folder)
    with np.load(find_checkpoints(folder)[-1]) as file:
        arrays = {name: file[name] for name in file.files}
    state = json.loads(str(arrays.pop("state")))
    best = keras.models.load_model(run / "network" / "model.keras").get_weights()
    return {
        "weights": checksum([array for name, array in arrays.items() if name.startswith("weight")]),
        "optimiser": checksum(
            [array for name, array in arrays.items() if name.startswith("optimiser")]
        ),
        "best network": checksum(best),
        "state": {
            name: value for name, value in state.items() if name not in ("seconds", "history")
        },
        "history": [drop_seconds(row) for row in state["history"]],
        "history file": [drop_seconds(row) for row in read_json(run / "history.json")],
    }


def checksum(arrays: list[np.ndarray]) -> str:
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    ).hexdigest()


def drop_seconds(row: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "seconds"}


def compare(folder: Path, network: str, epochs: int, kills: int, seed: int) -> None:
    """Trains once without and once with kills. Ends with status 1 where anything differs."""
    never, often = folder / "never killed", folder / "often killed"
    finish(start(never, network, epochs))
    rng = random.Random(seed)
    for number in range(kills):
        print(f"kill {number + 1} of {kills}: {kill_once(often, network, epochs, rng)}", flush=True)
    finish(start(often, network, epochs))
    one, other = describe(never), describe(often)
    differing = [name for name in one if one[name] != other[name]]
    print(f"{epochs} epochs without a kill: weights {one['weights'][:16]}")
    print(f"{epochs} epochs with {kills} kills: weights {other['weights'][:16]}")
    print(f"different: {', '.join(differing) or 'nothing'}")
    sys.exit(1 if differing else 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=NETWORKS, default="position")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, help="default: four for each kill")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="when to kill; default: the time"
    )
    parser.add_argument("--train", type=Path, metavar="FOLDER", help="only train in this folder")
    options = parser.parse_args()
    epochs = options.epochs or EPOCHS_PER_KILL * options.kills
    if options.train:
        train_here(options.train, options.network, epochs)
        return
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options.network, epochs, options.kills, options.seed)


if __name__ == "__main__":
    main()
