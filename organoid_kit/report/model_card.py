"""A card for a trained network: what it is for, what it learned from, how good it is, and what
nobody knows.

The card is Markdown for people, and rdf.yaml in the form of bioimage.io (format 0.5) for programs.
That file is written as JSON, which is YAML too. What was not measured is said to be so.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import keras

from organoid_kit.base.files import write_safely, write_text_safely
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.networks.saving import find_network_folder, load_network
from organoid_kit.report.results import read_results
from organoid_kit.report.run_page import collect_facts
from organoid_kit.training.runs import Run

_TASKS = {
    "position": "finds the centres of nuclei",
    "division": "says of each nucleus whether it is dividing",
    "link": "says of two nuclei at successive time points whether they are the same",
}
_CROP_AXES = ("z", "y", "x")
_LEAST = 64  # smallest image that programs try a network on, where it takes any


def write_model_card(
    folder: str | Path, output: str | Path, *, author: str = "", license: str = ""
) -> Path:
    """Puts a network into a folder of its own together with its card: README.md and rdf.yaml.

    Args:
        folder: a run, a network folder, or the name of a shipped network. Only a run knows its data
            and scores.
        output: a new folder.
        author: whose network it is.
        license: of the network, in SPDX's words, such as "CC-BY-4.0"; the card says so where it is
            not given.

    Returns:
        the output folder.

    Raises:
        UserError: there is no network, or the output exists or cannot be written.
    """
    network, settings = load_network(folder)
    run = Run(Path(folder)) if (Path(folder) / "run.json").is_file() else None
    facts = collect_facts(run, read_results(run)) if run else {}
    with write_safely(output) as temporary:
        temporary.mkdir()
        for name in ("model.keras", "settings.json"):
            shutil.copy(find_network_folder(folder) / name, temporary / name)
        write_text_safely(temporary / "README.md", _write_card(settings, facts, author, license))
        record = _describe(network, settings, facts, temporary / "model.keras")
        record |= {"authors": [{"name": author}]} if author else {}
        record |= {"license": license} if license else {}
        write_text_safely(temporary / "rdf.yaml", json.dumps(record, indent=2))
    return Path(output)


def _describe(
    network: keras.Model, settings: NetworkSettings, facts: dict[str, Any], weights: Path
) -> dict[str, Any]:
    """What rdf.yaml says."""
    return {
        "format_version": "0.5.4",
        "type": "model",
        "name": f"organoid_kit {settings.network} network",
        "description": f"A network for organoids in 3D over time: {_TASKS[settings.network]}.",
        "documentation": "README.md",
        "tags": [
            "organoid",
            "nuclei",
            "cell-tracking",
            "3d",
            "fluorescence-light-microscopy",
            "keras",
        ],
        "inputs": [_describe_tensor(each.name, each.shape, settings) for each in network.inputs],
        "outputs": [
            _describe_tensor(each.name, each.shape, settings, answer=True)
            for each in network.outputs
        ],
        "weights": {"keras_v3": _describe_weights(weights)},
        "config": {"organoid_kit": {"settings": settings.to_dict(), "data": facts.get("data")}},
    }


def _describe_weights(file: Path) -> dict[str, Any]:
    backend = keras.backend.backend()
    found = __import__(backend).__version__
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return {
        "source": "model.keras",
        "sha256": sha256,
        "keras_version": keras.__version__,
        "backend": [backend, re.match(r"[\d.]*\d", found).group()],
    }


def _describe_tensor(
    name: str, shape: tuple[int | None, ...], settings: NetworkSettings, *, answer: bool = False
) -> dict[str, Any]:
    """One input or output with its axes."""
    channels = ["probability"] if answer else _name_channels(name, shape[-1], settings)
    space = [_describe_axis(*each, settings, answer) for each in enumerate(shape[1:-1])]
    return {
        "id": "probabilities" if answer else name,
        "axes": [{"type": "batch"}, *space, {"type": "channel", "channel_names": channels}],
    }


def _describe_axis(
    number: int, size: int | None, settings: NetworkSettings, answer: bool
) -> dict[str, Any]:
    axis = {"type": "space", "id": _CROP_AXES[number]}
    if settings.spacing_um:
        axis |= {"unit": "micrometer", "scale": settings.spacing_um[number]}
    if size is None and answer:
        return axis | {"size": {"tensor_id": "images", "axis_id": _CROP_AXES[number]}}
    return axis | {"size": size or {"min": _LEAST, "step": 32}}


def _name_channels(name: str, count: int, settings: NetworkSettings) -> list[str]:
    """Time points are channels; the link network has coordinates beside them."""
    if name == "input_distances":
        return ["dz", "dy", "dx"]
    first, last = settings.time_window
    times = [f"time{offset:+d}" for offset in range(first, last + 1)]
    if settings.network != "link":
        return times
    return [*times, "z", "y", "x"] if name == "input_1" else ["x", "y", "z", *times]


def _write_card(settings: NetworkSettings, facts: dict[str, Any], author: str, license: str) -> str:
    """The card for people."""
    slope, intercept = settings.calibration
    parts = {
        "What it is for": f"It {_TASKS[settings.network]}, in movies of organoids with stained nuclei.",
        "What it must be shown": _describe_input(settings),
        "What it learned from": facts.get(
            "method", "Not recorded in this folder; the run knows it."
        ),
        "Data": _tabulate(facts.get("data", [])),
        "Validation on test movies": _describe_scores(facts),
        "Calibration": "None: its answers are taken as they are."
        if (slope, intercept) == (1, 0)
        else f"p' = sigmoid({slope:.3g} · logit(p) {intercept:+.3g}).",
        "Limits": _list(
            facts.get("limits", ["How well it does on movies that it was not tested on."])
        ),
        "Author and license": f"{author or 'Author not given'}. {license or 'License not given'}.",
    }
    title = f"# A {settings.network} network of organoid_kit"
    return (
        "\n\n".join([title, *(f"## {heading}\n\n{text}" for heading, text in parts.items())]) + "\n"
    )


def _describe_input(settings: NetworkSettings) -> str:
    low, high = settings.intensity_quantiles
    spacing = (
        " × ".join(f"{each:g}" for each in settings.spacing_um)
        if settings.spacing_um
        else "any number of"
    )
    return (
        f"Stacks of {spacing} µm per voxel (z, y, x), the time points {settings.time_window} around the one asked "
        f"about as channels; the intensity quantiles {low:g} and {high:g} mapped to 0 and 1. The kit does all of it."
    )


def _describe_scores(facts: dict[str, Any]) -> str:
    """Figures of the network, with their spread over movies; or that there are none."""
    figures = facts.get("network")
    if not figures:
        return "Not measured."
    names = [
        name for name, value in figures.items() if isinstance(value, (int, float)) or value is None
    ]
    spread = facts.get("spread") or {}
    return _list(
        f"{name}: {_format_number(figures[name])}{_format_spread(spread.get(name))}"
        for name in names
    )


def _format_number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3g}"


def _format_spread(spread: dict[str, Any] | None) -> str:
    if spread is None:
        return ""
    return f" ({spread['lowest']:.3g} to {spread['highest']:.3g} over {spread['movies']} movies)"


def _tabulate(data: list[dict[str, Any]]) -> str:
    if not data:
        return "Not recorded in this folder."
    rows = [
        f"| {each['name']} | {each['part']} | {len(each['time_points'])} | {each['positions']} | "
        f"`{each['images_sha256'][:16]}` | `{each['annotations_sha256'][:16]}` |"
        for each in data
    ]
    head = "| movie | part | time points | positions | images' SHA-256 | annotations' SHA-256 |\n| --- | --- | --- | --- "
    return "\n".join([head + "| --- | --- |", *rows])


def _list(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)
