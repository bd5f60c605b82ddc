#!/usr/bin/env bash
# pycellin: how far, and how straight, do nuclei move in a stack whose planes lie further apart than its pixels?
#
# A GEFF file with voxels of 2 × 0.5 × 0.25 µm, as its axes say. A mother sinks by 2 µm (one plane) in each time point; two
# daughters go on in straight lines, one by 1 µm (four pixels) along x, one by 2 µm (four pixels) along y.
#
# Guessed before it was run: displacements of 2, 1 and 2 µm, or else an error that sizes are needed; the straightness of each of the
# three is 1, whether the step from the mother counts or not.
#
# Seen: planes and pixels are added as if they were the same: the displacements are 1, 4 and 4 "pixel", so that the
# slowest nucleus moves four times as far as the one that is twice as fast. The scale that the file states is left out,
# and so are the minutes: the unit of speed is "pixel/None". With include_incoming_edge=True a daughter's straightness is 0.67: the way is that
# of three steps, the distance that of two. The shorter a track, the more bent; two positions have 0.5. Nothing is said.
# Positions that stand in the file in µm come out in µm.
# Met when readers of GEFF were compared.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check pycellin==0.5.1 geff==1.3.1.1.3 \
    numpy==2.4.6 zarr==3.1.6 2>/dev/null
cd "$folder"
env/bin/python - <<'PYTHON' 2>errors.txt
import sys
from importlib.metadata import version

import geff
import numpy as np
from geff.core_io import write_arrays
from pycellin.io.geff.loader import load_GEFF

print(*(f"{name} {version(name)}" for name in ("pycellin", "geff", "numpy")), f"Python {sys.version.split()[0]}", sep=", ")
SPACING = np.array([2.0, 0.5, 0.25])  # µm, zyx
mother = [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
along_x, along_y = [(2, 0, 4), (2, 0, 8), (2, 0, 12)], [(2, 4, 0), (2, 8, 0), (2, 12, 0)]
positions = np.array(mother + along_x + along_y, dtype=float)
times = np.array([0, 1, 2, 3, 4, 5, 3, 4, 5])
links = np.array([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (2, 6), (6, 7), (7, 8)], dtype=np.uint64)


def write(path, in_um):
    time = {"name": "t", "type": "time", "unit": "frame", "scale": 10.0, "scaled_unit": "minute"}
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    if not in_um:
        sizes = zip("zyx", SPACING.tolist())
        stated = {"type": "space", "unit": "pixel", "scaled_unit": "micrometer"}
        axes = [stated | {"name": name, "scale": size} for name, size in sizes]
    values = dict(zip("zyx", (positions * SPACING if in_um else positions).T)) | {"t": times}
    props = {name: {"values": column, "missing": None} for name, column in values.items()}
    hints = {"horizontal": "x", "vertical": "y", "depth": "z", "time": "t"}
    metadata = geff.GeffMetadata(
        directed=True,
        axes=[time, *axes],
        node_props_metadata={},
        edge_props_metadata={},
        display_hints={f"display_{place}": axis for place, axis in hints.items()},
    )
    write_arrays(path, np.arange(9, dtype=np.uint64), props, links, {}, metadata)


def measure(path, incoming):
    """Displacements of mother, daughter along x, along y; unit of them and of speed; straightness."""
    model = load_GEFF(path)
    model.add_cell_displacement()
    model.add_cell_speed()
    model.add_cycle_data()
    model.add_straightness(include_incoming_edge=incoming)
    model.update()
    [lineage], [cycles] = model.data.cell_data.values(), model.data.cycle_data.values()
    moved = [float(lineage.edges[edge]["cell_displacement"]) for edge in ((0, 1), (3, 4), (6, 7))]
    units = [model.get_properties()[name].unit for name in ("cell_displacement", "cell_speed")]
    straight = sorted(round(float(cycle["straightness"]), 3) for _, cycle in cycles.nodes(data=True))
    return moved, units, straight


write("pixels.geff", in_um=False)
write("um.geff", in_um=True)
seen = [measure("pixels.geff", False), measure("pixels.geff", True), measure("um.geff", True)]
for name, (moved, units, straight) in zip(("in pixels", "and with the step from the mother", "the same in µm"), seen):
    print(f"    {name}: displacements {moved}, units {units}, straightness {straight}")
(plain, units, straight), (_, _, bent), (in_um, units_um, _) = seen
as_seen = (
    plain == [1, 4, 4]
    and units == ["pixel", "pixel/None"]
    and straight == [1, 1, 1]
    and bent == [0.667, 0.667, 1]
    and in_um == [2, 1, 2]
    and units_um[0] == "micrometer"
)
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
