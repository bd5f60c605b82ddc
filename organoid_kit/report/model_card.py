"""A network's card: what it is for, what it learned from, how good it is, what nobody knows.

It is Markdown for people (templates/card.md), and rdf.yaml in the form of bioimage.io (format 0.5)
for programs, written as JSON, which is YAML too.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import keras

from organoid_kit.base import NetworkSettings
from organoid_kit.base.files import write_safely, write_text_safely
from organoid_kit.networks import load_network
from organoid_kit.networks.saving import find_network_folder
from organoid_kit.report.page import render
from organoid_kit.report.results import read_movie_results
from organoid_kit.report.run_page import collect_facts
from organoid_kit.training import Run

_TASKS = {
    "position": "finds the centres of nuclei",
    "division": "says of each nucleus whether it is dividing",
    "link": "says of two nuclei at successive time points whether they are the same",
}
_TAGS = ["organoid", "nuclei", "cell-tracking", "3d", "fluorescence-light-microscopy", "keras"]
_LEAST = 64  # smallest image that programs try a network on, where it takes any


def write_model_card(
    folder: str | Path, output: str | Path, *, author: str = "", license: str = ""
) -> Path:
    """Puts a network into a folder of its own together with its card: README.md and rdf.yaml.

    Of a run, a network folder, or the name of a shipped network; only a run knows its data and
    scores. The output is a new folder, which is returned; the license an SPDX identifier such as
    "CC-BY-4.0": the card says where it is missing.
    """
    network, settings = load_network(folder)
    run = Run(Path(folder)) if (Path(folder) / "run.json").is_file() else None
    facts = collect_facts(run, read_movie_results(run)) if run else {}
    people = {"author": author, "license": license}
    task = _TASKS[settings.network]
    with write_safely(output) as temporary:
        temporary.mkdir()
        for name in ("model.keras", "settings.json"):
            shutil.copy(find_network_folder(folder) / name, temporary / name)
        card = render("card.md", settings=settings, facts=facts, task=task, **people)
        write_text_safely(temporary / "README.md", card)
        record = _describe(network, settings, facts, temporary / "model.keras")
        record |= {"authors": [{"name": author}]} if author else {}
        record |= {"license": license} if license else {}
        write_text_safely(temporary / "rdf.yaml", json.dumps(record, indent=2))
    return Path(output)


def _describe(
    network: keras.Model, settings: NetworkSettings, facts: dict[str, Any], weights: Path
) -> dict[str, Any]:
    """What rdf.yaml says."""
    backend = keras.backend.backend()
    version = re.match(r"[\d.]*\d", __import__(backend).__version__).group()
    task = _TASKS[settings.network]
    return {
        "format_version": "0.5.4",
        "type": "model",
        "name": f"organoid_kit {settings.network} network",
        "description": f"A network for organoids in 3D over time: {task}.",
        "documentation": "README.md",
        "tags": _TAGS,
        "inputs": [_describe_tensor(tensor, tensor.name, settings) for tensor in network.inputs],
        "outputs": [_describe_tensor(t, "probabilities", settings) for t in network.outputs],
        "weights": {
            "keras_v3": {
                "source": "model.keras",
                "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
                "keras_version": keras.__version__,
                "backend": [backend, version],
            }
        },
        "config": {"organoid_kit": {"settings": settings.to_dict(), "data": facts.get("data")}},
    }


def _describe_tensor(tensor: keras.KerasTensor, name: str, settings: NetworkSettings) -> dict:
    """One input or output with its axes."""
    axes, is_input = [], name != "probabilities"
    for number, (axis, size) in enumerate(zip("zyx", tensor.shape[1:-1])):
        free = {"min": _LEAST, "step": 32}
        if not is_input:
            free = {"tensor_id": "images", "axis_id": axis}
        axes.append({"type": "space", "id": axis, "size": size or free})
        if settings.spacing_um:
            axes[-1] |= {"unit": "micrometer", "scale": settings.spacing_um[number]}
    channels = name_channels(tensor, settings) if is_input else ["probability"]
    channel = {"type": "channel", "channel_names": channels}
    return {"id": name, "axes": [{"type": "batch"}, *axes, channel]}


def name_channels(tensor: keras.KerasTensor, settings: NetworkSettings) -> list[str]:
    """Time points are channels; the link network has coordinates beside them."""
    first, last = settings.time_window
    times = [f"time{offset:+d}" for offset in range(first, last + 1)]
    if settings.network != "link":
        return times
    names = {"input_1": [*times, "z", "y", "x"], "input_distances": ["dz", "dy", "dx"]}
    return names.get(tensor.name, ["x", "y", "z", *times])
