"""Trained networks: saved, loaded, checked. What needs no Keras is in `folders`."""

import json
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np

from organoid_kit.base import NetworkSettings, make_error, refuse_if
from organoid_kit.base.files import write_json_safely, write_safely
from organoid_kit.networks.building import build_network
from organoid_kit.networks.folders import find_network_folder, load_settings, make_record
from organoid_kit.networks.opening import open_model

# Keras 3.15 writes these; 3.13 and 3.11, which OrganoidTracker pins, do not know them.
_NEW_OPTIONS = ("input_axes", "output_axes", "renorm", "renorm_clipping", "renorm_momentum")
_NEW_OPTIONS += ("quantization_config",)


def save_network(
    network: keras.Model, settings: NetworkSettings, folder: str | Path, *, overwrite: bool = False
) -> None:
    """Writes the network in float32 and its settings to a folder, wholly or not at all.

    With `overwrite`, it is replaced file by file: at every moment there is a network in it.
    """
    plain, folder = convert_to_float32(network, settings), Path(folder)
    with nullcontext(folder) if overwrite and folder.is_dir() else write_safely(folder) as place:
        with write_safely(place / "model.keras", overwrite=True) as file:
            save_model(plain, file)
        write_json_safely(place / "settings.json", make_record(settings), overwrite=True)


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
    config = json.loads(parts["config.json"], object_pairs_hook=_drop_new_options)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _drop_new_options(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in pairs if key not in _NEW_OPTIONS}


def load_network(folder: str | Path) -> tuple[keras.Model, NetworkSettings]:
    """A trained network from its folder, ours or OrganoidTracker's, or from that of a run."""
    settings = load_settings(folder)
    file = find_network_folder(folder) / "model.keras"
    try:
        network = open_model(file)
    except Exception as error:
        writer = _read_keras_version(file)
        advice = "The file may be damaged, or written by a newer Keras: take it from its source "
        advice += "again, or update Keras."
        if writer.startswith(("0.", "1.", "2.")):
            advice = "It is older, and Keras 3 does not open it: ask its maker for one that was "
            advice += "saved with Keras 3, or start from a shipped network."
        reason = " ".join([writer and f"written by Keras {writer}:", *str(error).split()])[:200]
        options = {"version": keras.__version__, "reason": reason, "advice": advice}
        raise make_error("network opens", file, **options) from error
    # Three channels of a link network are coordinates.
    seen = network.inputs[0].shape[-1] - (3 if settings.network == "link" else 0)
    if seen != settings.window_length:
        raise make_error("time window", file, seen=seen, time_window=settings.time_window)
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
        refuse_if(before != now, "same network", name=name, now=now, before=before)
    refuse_if(old.loss and not new.loss, "loss trained", loss=old.loss)
    fixed = network.inputs[0].shape[1:4]
    fitting = tuple(size or own for size, own in zip(fixed, new.patch_shape_zyx, strict=True))
    if fitting != tuple(new.patch_shape_zyx):
        patch = {"patch": new.patch_shape_zyx, "fixed": fixed, "fitting": fitting}
        raise make_error("patch of network", **patch)


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
