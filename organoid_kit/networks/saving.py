"""Trained networks: saved, loaded, checked. What needs no Keras is in `folders`, and here, too."""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from organoid_kit.base import NetworkSettings, UserError
from organoid_kit.base.files import write_json_safely, write_safely
from organoid_kit.networks.building import build_network, count_time_points_seen
from organoid_kit.networks.folders import (  # noqa: F401
    NETWORK_TYPES,
    SHIPPED,
    find_network_folder,
    list_shipped_networks,
    load_settings,
    make_fine_tuning_settings,
    make_record,
    save_settings,
)

# Keras 3.15 writes these; 3.13 and 3.11, which OrganoidTracker pins, do not know them.
_NEW_OPTIONS = (
    *("input_axes", "output_axes", "renorm", "renorm_clipping", "renorm_momentum"),
    "quantization_config",
)


def save_network(
    network: keras.Model, settings: NetworkSettings, folder: str | Path, *, overwrite: bool = False
) -> None:
    """Writes the network in float32 and its settings to a folder, wholly or not at all.

    With `overwrite`, it is replaced file by file: at every moment there is a network in it.
    """
    plain = convert_to_float32(network, settings)
    if overwrite and Path(folder).is_dir():
        with write_safely(Path(folder) / "model.keras", overwrite=True) as file:
            save_model(plain, file)
        write_json_safely(Path(folder) / "settings.json", make_record(settings), overwrite=True)
        return
    with write_safely(folder) as temporary:
        temporary.mkdir()
        save_model(plain, temporary / "model.keras")
        write_json_safely(temporary / "settings.json", make_record(settings))


def convert_to_float32(network: keras.Model, settings: NetworkSettings) -> keras.Model:
    """The same network in float32: itself, or its weights in one built anew."""
    if all(part.compute_dtype == "float32" for part in (network, *network.layers)):
        return network
    plain = build_network(settings)
    plain.set_weights(network.get_weights())
    return plain


def save_model(network: keras.Model, file: Path) -> None:
    """Writes model.keras, uncompiled, without options that only newer versions of Keras 3 know."""
    keras.saving.save_model(network, file, include_optimizer=False)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = _without_new_options(json.loads(parts["config.json"]))
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _without_new_options(config: Any) -> Any:
    """A layer's or network's configuration without `_NEW_OPTIONS`."""
    if isinstance(config, list):
        return [_without_new_options(part) for part in config]
    if not isinstance(config, dict):
        return config
    known = {key: value for key, value in config.items() if key not in _NEW_OPTIONS}
    return {key: _without_new_options(value) for key, value in known.items()}


def load_network(folder: str | Path) -> tuple[keras.Model, NetworkSettings]:
    """A trained network from its folder, ours or OrganoidTracker's, or from that of a run."""
    settings = load_settings(folder)
    file = find_network_folder(folder) / "model.keras"
    try:
        network = keras.models.load_model(file, compile=False)
    except Exception as error:
        writer = _read_keras_version(file)
        advice = "The file may be damaged, or written by a newer Keras: take it from its source "
        advice += "again, or update Keras."
        if writer.startswith(("0.", "1.", "2.")):
            advice = "It is older, and Keras 3 does not open it: ask its maker for one that was "
            advice += "saved with Keras 3, or start from a shipped network."
        raise UserError(
            f"The network must open with this Keras ({keras.__version__}). Received: {file}"
            f"{writer and f', written by Keras {writer}'}: {str(error).splitlines()[0][:200]}. "
            f"{advice}"
        ) from error
    first, last = settings.time_window
    seen = count_time_points_seen(network, settings)
    if seen != last - first + 1:
        raise UserError(
            f"A network must see as many time points as its settings say. Received: {file} sees "
            f"{seen}, its settings have the time window {settings.time_window}. "
            "Correct time_window in settings.json."
        )
    return network, settings


def _read_keras_version(file: Path) -> str:
    """Of the Keras that wrote a file; empty where it does not say."""
    try:
        with zipfile.ZipFile(file) as archive:
            return str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile):
        return ""


def check_training_on(old: NetworkSettings, new: NetworkSettings, network: keras.Model) -> None:
    """Raises UserError where a network cannot be trained on with new settings."""
    for name in ("network", "time_window", "preset"):
        before, now = getattr(old, name), getattr(new, name)
        if before != now:
            raise UserError(
                f"Training on needs the {name} the network was trained with. Received: {now}; the "
                f"network has {before}. Set {name} to {before}."
            )
    shape = network.input_shape
    fixed = (shape[0] if isinstance(shape, list) else shape)[1:4]
    fitting = tuple(size or own for size, own in zip(fixed, new.patch_shape_zyx, strict=True))
    if fitting != tuple(new.patch_shape_zyx):
        raise UserError(
            f"The patch must fit the network. Received: patch_shape_zyx {new.patch_shape_zyx} for "
            f"a network with input {fixed} (None: any). Set patch_shape_zyx to {fitting}."
        )


def describe_network(network: keras.Model) -> dict[str, Any]:
    """Name, number of parameters and of layers, for reports."""
    size = {"parameters": network.count_params(), "layers": len(network.layers)}
    return {"name": network.name, **size}


def measure_field_of_view(
    network: keras.Model, shape_zyx: tuple[int, int, int] = (32, 128, 128)
) -> tuple[int, int, int]:
    """How many voxels around a place a position network looks at to judge it, (z, y, x); measured
    by changing one voxel of an image of this shape, so never more than that.
    """

    def answer() -> np.ndarray:
        return keras.ops.convert_to_numpy(network.predict_on_batch(image))

    shape = (1, *shape_zyx, network.input_shape[-1])
    image = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    before = answer()
    # In the middle, so bright that it is felt at the edge.
    image[(0, *(size // 2 for size in shape_zyx))] = 1000
    changed = np.argwhere(answer() != before)[:, 1:4]
    return tuple((np.ptp(changed, axis=0) + 1).tolist())
