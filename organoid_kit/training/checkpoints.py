"""The whole state of a training in one file: weights, optimiser, and where it stood.

It is a zip of arrays (NumPy's .npz): checksums and a table of contents at the end show damage.
"""

import dataclasses
import json
import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

import keras
import numpy as np

from organoid_kit.base import files, refuse_if
from organoid_kit.base.records import check_record

_KEPT = 2  # the newest checkpoints; with one damaged, the other still serves


@dataclass
class TrainingState:
    """Where a training stands. Together with weights and optimiser it is all there is to know."""

    batch_size: int  # in use; smaller than in the settings where memory ran out
    epoch: int = 0  # finished ones
    step: int = 0  # finished ones of the epoch under way
    losses: list[tuple[float, int]] = field(default_factory=list)  # and examples, of these steps
    history: list[dict[str, Any]] = field(default_factory=list)  # a row for each finished epoch
    lowest_error: Any = float("inf")  # of all epochs so far, see `keeping.compute_epoch_error`
    epochs_since_best: int = 0
    seconds: float = 0.0  # spent in training so far
    seconds_of_epoch: float = 0.0  # spent in the epoch under way
    finished: str = ""  # why the training ended; empty while it goes on


def save_checkpoint(network: keras.Model, state: TrainingState, folder: Path) -> Path:
    """Writes a checkpoint and removes all but the newest ones; on a full disk earlier ones stay."""
    variables = _name_variables(network)
    arrays = {name: keras.ops.convert_to_numpy(value) for name, value in variables.items()}
    arrays["state"] = np.array(json.dumps(dataclasses.asdict(state)))
    path = folder / f"epoch_{state.epoch:05d}_step_{state.step:07d}.npz"
    with files.write_safely(path, overwrite=True) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())  # a power cut must not take this one and the one before
    for old in list_checkpoints(folder)[_KEPT:]:
        old.unlink()
    return path


def load_newest_checkpoint(network: keras.Model, folder: Path) -> TrainingState | None:
    """Brings a compiled network back to its newest intact checkpoint; None if there never was one.

    Newer ones that are damaged or do not fit are removed; UserError if all are.
    """
    paths, variables, troubles = list_checkpoints(folder), _name_variables(network), []
    for number, path in enumerate(paths):
        try:
            arrays, state = _read(path, variables)
        except Exception as error:  # damaged bytes can be anything: encryption, a shape without end
            troubles.append(f"{path.name}: {str(error)[:200]}")
            continue
        for useless in paths[:number]:
            useless.unlink()
        for name, variable in variables.items():
            variable.assign(arrays[name])
        return state
    told = {"troubles": "; ".join(troubles), "folder": str(folder.parent)}
    refuse_if(paths, "checkpoint intact", folder, **told)
    return None


def fits(network: keras.Model, folder: Path) -> bool:
    """Whether an intact checkpoint of a folder fits a compiled network."""
    for path in list_checkpoints(folder):
        with suppress(Exception):  # damaged bytes can be anything
            return bool(_read(path, _name_variables(network)))
    return False


def list_checkpoints(folder: Path) -> list[Path]:
    """Files of checkpoints in a folder, the newest first."""
    return sorted(folder.glob("epoch_*.npz"), reverse=True)


def _read(path: Path, variables: dict[str, Any]) -> tuple[dict[str, np.ndarray], TrainingState]:
    """A checkpoint; an error where it is damaged, or does not fit these variables."""
    with zipfile.ZipFile(path) as file:
        if file.testzip():
            raise ValueError("damaged")
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    state = check_record(json.loads(str(arrays.pop("state"))), get_type_hints(TrainingState), path)
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise ValueError("of another network, or of another version of Keras or organoid_kit")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("weights that are no numbers")
    return arrays, TrainingState(**state)


def _name_variables(network: keras.Model) -> dict[str, keras.Variable]:
    """All that changes in a training, under names for a file."""
    known = {id(weight) for weight in network.weights}
    where_dropout_stands = [v for v in network.non_trainable_variables if id(v) not in known]
    weights = enumerate([*network.weights, *where_dropout_stands])
    optimiser = enumerate(network.optimizer.variables)
    named = {f"weight_{number}": variable for number, variable in weights}
    return named | {f"optimiser_{number}": variable for number, variable in optimiser}
