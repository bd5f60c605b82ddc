"""A network's file, looked at before Keras opens it, whose loader was found unsafe several times (all
up to 3.13.1): only layers that compute, and nothing that runs code or reads other files, gets there.
"""

import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from organoid_kit.base.files import read_json

_FILES = {"config.json", "metadata.json", "model.weights.h5"}
_MOST = 1024  # of anything in a layer, such as its kernel or input, so that none takes all memory
_MORE = {"filters": 8192, "units": 8192}
_MORE |= dict.fromkeys(("seed", "shared_object_id", "shape", "input_shape", "target_shape"), 2**63)
# Modules of Keras, and what may be taken from them, as regular expressions
_ROOMS = read_json(Path(__file__).with_name("opening.json"))


def open_model(file: Path) -> keras.Model:
    """The network in model.keras, uncompiled. ValueError where it is not what networks are made of."""
    with zipfile.ZipFile(file) as archive:
        names = {info.filename for info in archive.infolist()}
        entry = archive.getinfo("config.json")
        weights = archive.getinfo("model.weights.h5")
        is_packed = weights.file_size > 100 * weights.compress_size
        if not names <= _FILES or entry.file_size > 10_000_000 or is_packed:
            raise ValueError(f"it holds {', '.join(sorted(names))}, not a network alone")
        description = json.loads(archive.read(entry))
    description.pop("compile_config", None)  # which is not read
    check_description(description, most_weights=weights.file_size)
    model = keras.models.load_model(file, compile=False)
    for each in getattr(model, "operations", ()):
        if type(each).__name__ == "Flip" and np.shape(each.axis) == (1,):
            each.axis = each.axis[0]  # of [-1] in OrganoidTracker's, Keras 3.13 makes [[-1]]
    return model


def check_description(part: Any, key: str = "", most_weights: float = math.inf) -> None:
    """Raises ValueError where a part of a network's description is none that may be opened."""
    if isinstance(part, dict):
        if "class_name" in part or "module" in part:
            name, room = str(part.get("class_name")), str(part.get("module"))
            allowed = (re.fullmatch(k, room) and re.fullmatch(v, name) for k, v in _ROOMS.items())
            if not any(allowed):
                raise ValueError(f"{name} of {room} is not opened: only layers that compute are")
        if isinstance(part.get("config"), dict) and _count_weights(part) > most_weights:
            raise ValueError(f"{part['config'].get('name')!r} has more weights than the file")
        for inner, value in part.items():
            check_description(value, inner, most_weights)
    elif isinstance(part, list):
        for value in part:
            check_description(value, key, most_weights)
    elif type(part) is int and abs(part) > _MORE.get(key, _MOST):
        raise ValueError(f"{key!r} is {part}, which would take too much memory")


def _count_weights(layer: dict[str, Any]) -> int:
    """How many a layer has at least, by its description."""
    config, built = layer["config"], layer.get("build_config") or {}
    seen = (built.get("input_shape") or [1])[-1]  # channels; lists and None where a layer has none
    seen = seen if type(seen) is int else 1
    sizes = [config.get("units", 1), *config.get("kernel_size", [])]
    sizes += [] if "depth_multiplier" in config else [config.get("filters", 1)]
    return math.prod(sizes) * seen // config.get("groups", 1)
