#!/usr/bin/env bash
# A probability that a GEFF file marks as missing: what is it in the libraries that read GEFF?
#
# GEFF stores a property as an array of values and an array that says which of them are missing. Written here: three
# nuclei whose division probability is 0.7, missing, 0.9, and the same once more as a whole number, a flag and a text.
#
# Guessed before it was run: absent, None or NaN everywhere, as the reference library reads the file for nearly all of
# them; whole numbers become decimals in tables; texts open everywhere.
#
# Seen: the reference library, pycellin and traccuracy leave the value out. tracksdata has -1. funtracks, the data model of
# motile_tracker, has 0 for a decimal and -1 for a whole number: a nucleus that nobody judged is one that surely does not
# divide. A flag becomes False in both, and the reference library's own conversion to tables (which inTRACKtive uses)
# refuses the file for a flag with a gap. napari-geff refuses a file in which any property of a nucleus is a text.
# NaN in place of the missing value, and nothing marked, is NaN in all of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check geff==1.3.1.1.3 tracksdata==0.1.0rc12 \
    funtracks==2.2.0 pycellin==0.5.1 traccuracy==0.4.3 napari-geff==0.0.4 numpy==2.4.6 zarr==3.1.6 2>/dev/null
cd "$folder"
env/bin/python - <<'PYTHON'
import logging
import math
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import geff
import networkx
import numpy as np
from funtracks.import_export import import_from_geff
from geff.convert import geff_to_dataframes
from geff.core_io import write_arrays
from napari_geff._reader import get_geff_reader
from pycellin.io.geff.loader import load_GEFF
from traccuracy.loaders import load_geff_data
from tracksdata.graph import IndexedRXGraph

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
packages = ("geff", "tracksdata", "funtracks", "pycellin", "traccuracy", "napari-geff", "numpy", "zarr")
print(", ".join(f"{name} {version(name)}" for name in packages))


def write(path, values, missing):
    """Three nuclei in a row, numbered 1 to 3; the property of the second is missing, if so said."""
    axes = [{"name": "t", "type": "time", "unit": "frame"}]
    axes += [{"name": name, "type": "space", "unit": "pixel"} for name in "zyx"]
    props = {name: {"values": np.array([1.0, 2.0, 3.0]), "missing": None} for name in "zyx"}
    props["t"] = {"values": np.arange(3), "missing": None}
    props["division"] = {"values": np.array(values), "missing": np.array([False, True, False]) if missing else None}
    ids, edges = np.array([1, 2, 3], np.uint64), np.array([[1, 2], [2, 3]], np.uint64)
    metadata = geff.GeffMetadata(directed=True, axes=axes, node_props_metadata={}, edge_props_metadata={})
    write_arrays(path, ids, props, edges, {}, metadata)


def look(graph):
    return graph.nodes[2].get("division", "absent")


READERS = {
    "geff": lambda path: look(geff.read(path)[0]),
    "pycellin": lambda path: look(networkx.compose_all(list(load_GEFF(path).data.cell_data.values()))),
    "traccuracy": lambda path: look(load_geff_data(path, load_all_props=True).graph),
    "geff, table": lambda path: geff_to_dataframes(path)[0]["division"].tolist()[1],
    "napari-geff": lambda path: get_geff_reader(path)(path)[0][1]["features"]["division"].tolist()[1],
    "tracksdata": lambda path: IndexedRXGraph.from_geff(path)[0].node_attrs()["division"].to_list()[1],
    "funtracks": lambda path: import_from_geff(Path(path)).graph_solution.node_attrs()["division"].to_list()[1],
}
FILES = {
    "decimal": ([0.7, 0.8, 0.9], True),
    "whole number": ([7, 8, 9], True),
    "flag": ([True, True, True], True),
    "text": (["a", "b", "c"], True),
    "text, none missing": (["a", "b", "c"], False),
    "NaN, not marked": ([0.7, math.nan, 0.9], False),
}
seen = {}
for kind, (values, missing) in FILES.items():
    write(f"{kind}.geff", values, missing)
    for reader, read in READERS.items():
        try:
            seen[kind, reader] = repr(read(f"{kind}.geff"))
        except (KeyError, TypeError, ValueError) as error:
            seen[kind, reader] = type(error).__name__
    print(f"{kind:20}", "; ".join(f"{reader}: {seen[kind, reader]}" for reader in READERS))

expected = {
    ("decimal", "geff"): "'absent'",
    ("decimal", "tracksdata"): "-1.0",
    ("decimal", "funtracks"): "0.0",
    ("whole number", "tracksdata"): "-1",
    ("whole number", "funtracks"): "-1",
    ("flag", "tracksdata"): "False",
    ("flag", "funtracks"): "False",
    ("flag", "geff, table"): "TypeError",
    ("text", "napari-geff"): "KeyError",
    ("text, none missing", "napari-geff"): "KeyError",
    **{("NaN, not marked", reader): "nan" for reader in READERS if reader != "napari-geff"},
    ("NaN, not marked", "napari-geff"): "<NA>",
}
changed = {key: seen[key] for key, value in expected.items() if seen[key] != value}
print("As described." if not changed else f"This has changed: {changed}")
sys.exit(bool(changed))
PYTHON
