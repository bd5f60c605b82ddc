"""A network's card: what it is for, what it learned from, how good it is, what nobody knows.

It is Markdown for people (templates/card.md), and rdf.yaml in the form of bioimage.io (format 0.5)
for programs (templates/rdf.yaml).
"""

import hashlib
import re
import shutil
from pathlib import Path

import keras

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
    backend = keras.backend.backend()
    version = re.match(r"[\d.]*\d", __import__(backend).__version__).group()
    values = {"settings": settings, "facts": facts, "task": _TASKS[settings.network]}
    values |= {"author": author, "license": license}
    with write_safely(output) as temporary:
        temporary.mkdir()
        for name in ("model.keras", "settings.json"):
            shutil.copy(find_network_folder(folder) / name, temporary / name)
        write_text_safely(temporary / "README.md", render("card.md", **values))
        weights = hashlib.sha256((temporary / "model.keras").read_bytes())
        values |= {"network": network, "sha256": weights.hexdigest()}
        values |= {"keras_version": keras.__version__, "backend": [backend, version]}
        write_text_safely(temporary / "rdf.yaml", render("rdf.yaml", **values))
    return Path(output)
