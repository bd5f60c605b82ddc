"""A network's card (templates/card.md): what it is for, learned from, how good it is."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from organoid_kit.base.files import read_json, write_safely, write_text_safely
from organoid_kit.networks import load_settings
from organoid_kit.networks.folders import find_network_folder
from organoid_kit.report.page import render
from organoid_kit.report.results import read_movie_results
from organoid_kit.report.run_page import collect_facts
from organoid_kit.training import Run

TASKS = {
    "position": "finds the centres of nuclei",
    "division": "says of each nucleus whether it is dividing",
    "link": "says of two nuclei at successive time points whether they are the same",
}


def write_model_card(
    folder: str | Path,
    output: str | Path,
    *,
    author: str = "",
    license: str = "",
    overwrite: bool = False,
) -> Path:
    """Puts a network into a new folder with its card; license: SPDX, such as "CC-BY-4.0"."""
    source = find_network_folder(folder)
    with write_safely(output, overwrite=overwrite) as temporary:
        temporary.mkdir()
        for name in ("model.keras", "settings.json"):
            shutil.copy(source / name, temporary / name)
        write_text_safely(temporary / "README.md", render_card(folder, author, license))
    return Path(output)


def render_card(
    folder: str | Path, author: str, license: str, margins: Sequence[int] | None = None
) -> str:
    """The card; `margins`, (3,), zyx, voxels: how far a network that leaves sees around a voxel."""
    settings = load_settings(folder)
    run = Run(Path(folder)) if (Path(folder) / "run.json").is_file() else None
    facts = collect_facts(run, read_movie_results(run)) if run else {}
    if (scores := find_network_folder(folder) / "scores.json").exists():  # of a shipped network
        facts = {"network": read_json(scores)["invented_test_movies"], "spread": {}}
    values = {"author": author, "license": license, "exchanged": margins is not None}
    task = TASKS[settings.network]
    return render("card.md", settings=settings, facts=facts, task=task, margins=margins, **values)
