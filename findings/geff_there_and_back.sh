#!/usr/bin/env bash
# Where is a nucleus, in µm, after a GEFF file has been read and written again?
#
# Written here: axes in pixels, with the scale of each in µm and in minutes, as GEFF has it. One nucleus lies at z, y, x =
# 3, 40, 100 pixels, which is 6, 20, 25 µm.
#
# Guessed before it was run: all libraries build on the reference library and keep what the metadata say of the axes; at
# worst a property more or less.
#
# Seen: only the reference library keeps it. tracksdata writes pixels, funtracks (motile_tracker) writes µm, and both write
# axes without unit and without scale: of the two files nobody can tell which one is in µm. (funtracks leaves its version
# in the file, by which it knows itself again.) pycellin, unless told, writes no axes of space at all, and its file is then
# refused or passed over by traccuracy and by napari-geff. A file that went through tracksdata and then into motile_tracker
# has its nuclei elsewhere than one that went there at once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check geff==1.3.1.1.3 tracksdata==0.1.0rc12 \
    funtracks==2.2.0 pycellin==0.5.1 traccuracy==0.4.3 napari-geff==0.0.4 numpy==2.4.6 zarr==3.1.6 2>/dev/null
cd "$folder"
env/bin/python - <<'PYTHON'
import logging
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import geff
import numpy as np
from funtracks.import_export import export_to_geff, import_from_geff
from geff.core_io import write_arrays
from napari_geff._reader import get_geff_reader
from pycellin.io.geff.exporter import export_GEFF
from pycellin.io.geff.loader import load_GEFF
from traccuracy.loaders import load_geff_data
from tracksdata.graph import IndexedRXGraph

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
packages = ("geff", "tracksdata", "funtracks", "pycellin", "traccuracy", "napari-geff", "numpy", "zarr")
print(", ".join(f"{name} {version(name)}" for name in packages))

axes = [{"name": "t", "type": "time", "unit": "frame", "scale": 10.0, "scaled_unit": "minute"}]
for name, size in (("z", 2.0), ("y", 0.5), ("x", 0.25)):
    axis = {"name": name, "type": "space", "unit": "pixel", "scale": size, "scaled_unit": "micrometer"}
    axes.append(axis)
hints = {"display_horizontal": "x", "display_vertical": "y", "display_depth": "z", "display_time": "t"}
metadata = geff.GeffMetadata(
    directed=True, axes=axes, node_props_metadata={}, edge_props_metadata={}, display_hints=hints
)
places = {"t": [0, 1], "z": [3.0, 3.0], "y": [40.0, 41.0], "x": [100.0, 104.0]}
props = {name: {"values": np.array(values), "missing": None} for name, values in places.items()}
write_arrays("a.geff", np.array([1, 2], np.uint64), props, np.array([[1, 2]], np.uint64), {}, metadata)

geff.write(geff.read("a.geff")[0], "by_geff.geff", metadata=geff.read("a.geff")[1])
IndexedRXGraph.from_geff("a.geff")[0].to_geff("by_tracksdata.geff")
export_to_geff(import_from_geff(Path("a.geff")), Path("by_funtracks.geff"))
export_GEFF(load_GEFF("a.geff"), "by_pycellin.geff")
export_to_geff(import_from_geff(Path("by_tracksdata.geff")), Path("by_both.geff"))
FILES = {
    "geff": "by_geff.geff",
    "tracksdata": "by_tracksdata.geff",
    "funtracks": "by_funtracks.geff/tracks.geff",
    "pycellin": "by_pycellin.geff",
    "tracksdata, then funtracks": "by_both.geff/tracks.geff",
}
seen = {}
for program, path in FILES.items():
    graph, said = geff.read(path)
    node = graph.nodes[min(graph.nodes)]
    space = {axis.name: (axis.unit, axis.scale, axis.scaled_unit) for axis in said.axes if axis.type == "space"}
    place = [node.get(name, node.get(f"cell_{name}")) for name in "zyx"]
    seen[program] = place, space
    print(f"{program:28} z, y, x = {place}, axes of space: {space or 'none'}")

try:
    load_geff_data("by_pycellin.geff")
    refused = False
except ValueError as error:
    print("traccuracy, of the file by pycellin:", error)
    refused = True
passed_over = get_geff_reader("by_pycellin.geff") is None
print("napari-geff, of the file by pycellin:", "not a file for it" if passed_over else "opened")

unknown = dict.fromkeys("zyx", (None, None, None))
as_seen = (
    seen["geff"] == ([3, 40, 100], {n: ("pixel", s, "micrometer") for n, s in (("z", 2), ("y", 0.5), ("x", 0.25))})
    and seen["tracksdata"] == ([3, 40, 100], unknown)
    and seen["funtracks"] == ([6, 20, 25], unknown)
    and seen["tracksdata, then funtracks"] == ([3, 40, 100], unknown)
    and seen["pycellin"] == ([3, 40, 100], {})
    and refused
    and passed_over
)
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
