"""A network's file, looked at before Keras opens it, whose loader was found unsafe several times (all
up to 3.13.1): only layers that compute, and nothing that runs code or reads other files, gets there.
"""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import keras

_FILES = {"config.json", "metadata.json", "model.weights.h5"}
_MOST = 1024  # of anything in a layer, such as its kernel or input, so that none takes all memory
_MORE = {"filters": 8192, "units": 8192}
_MORE |= dict.fromkeys(("seed", "shared_object_id", "shape", "input_shape", "target_shape"), 2**63)
_ROOMS = {  # modules of Keras, and what may be taken from them
    "keras.layers": r"Input\w*|\w*Conv\w*|\w*Pooling\dD|(UpSampling|ZeroPadding|Cropping)\dD|Dense|"
    r"EinsumDense|\w*Attention|Flatten|Reshape|Permute|RepeatVector|\w*Dropout\w*|\w*Normalization|"
    r"Gaussian\w*|Activation|Identity|Rescaling|TimeDistributed|\w*ReLU|ELU|Softmax|Add|Subtract|"
    "Multiply|Average|Maximum|Minimum|Dot|Concatenate",
    "keras.(initializers|regularizers|constraints|losses)": r"\w+",
    "keras.src.ops.(numpy|nn|math|image)": r"\w+",
    "keras": "DTypePolicy|Functional|Sequential",
    r"keras(\.src)?\.(engine|models)\.(functional|sequential)|keras.models": "Functional|Sequential",
    "None": "__(keras_tensor|tensor|ellipsis|slice|tuple)__",
}


def open_model(file: Path) -> keras.Model:
    """The network in model.keras, uncompiled. ValueError where it is not what networks are made of."""
    with zipfile.ZipFile(file) as archive:
        names = {info.filename for info in archive.infolist()}
        entry = archive.getinfo("config.json")
        if not names <= _FILES or entry.file_size > 10_000_000:
            raise ValueError(f"it holds {', '.join(sorted(names))}, not a network alone")
        description = json.loads(archive.read(entry))
    description.pop("compile_config", None)  # which is not read
    check_description(description)
    return keras.models.load_model(file, compile=False)


def check_description(part: Any, key: str = "") -> None:
    """Raises ValueError where a part of a network's description is none that may be opened."""
    if isinstance(part, dict):
        if "class_name" in part or "module" in part:
            name, room = str(part.get("class_name")), str(part.get("module"))
            allowed = (re.fullmatch(k, room) and re.fullmatch(v, name) for k, v in _ROOMS.items())
            if not any(allowed):
                raise ValueError(f"{name} of {room} is not opened: only layers that compute are")
        for inner, value in part.items():
            check_description(value, inner)
    elif isinstance(part, list):
        for value in part:
            check_description(value, key)
    elif type(part) is int and abs(part) > _MORE.get(key, _MOST):
        raise ValueError(f"{key!r} is {part}, which would take too much memory")
