#!/usr/bin/env bash
# A table of tracks with a column of one's own, opened by funtracks, the data model of motile_tracker.
#
# `tracks_from_df(table)` finds out which column is what. Given here: time, z, y, x, id, parent_id under these very names,
# and one more column.
#
# Guessed before it was run: what is called as funtracks calls it is taken for that; every other column becomes a property
# under its own name, as the documentation says of "optional custom attributes".
#
# Seen: a column that is left over is often given the name of a feature that is still free, however little they have
# in common. A probability becomes the circularity, a score the perimeter, volume the area, and area_um2 the perimeter;
# the flag `dead` becomes the lineage, the parent's track the track itself. Nothing is said. `type` takes the place of the
# position, and the table is refused. Names given in node_name_map are kept.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check funtracks==2.2.0 tracksdata==0.1.0rc12 \
    geff==1.3.1.1.3 pandas==3.1.1 numpy==2.4.6 zarr==3.1.6 2>/dev/null
cd "$folder"
env/bin/python - <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

import pandas
from funtracks.import_export import tracks_from_df

packages = ("funtracks", "tracksdata", "geff", "pandas", "numpy", "zarr")
print(", ".join(f"{name} {version(name)}" for name in packages))
own = {"id": "id", "parent_id": "parent_id", "time": "time", "pos": ["z", "y", "x"]}
seen = {}


def open_table(column, values, **options):
    """The names under which a nucleus then has the values of the column, and what was warned of."""
    table = pandas.DataFrame({"id": [1, 2, 3], "parent_id": [-1, 1, 2], "time": [0, 1, 2]})
    for axis in "zyx":
        table[axis] = [1.0, 2.0, 3.0]
    table[column] = values
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            tracks = tracks_from_df(table, **options)
        except ValueError as error:
            return f"refused: {error}", []
    nodes = tracks.graph_solution.node_attrs()
    names = [name for name in nodes.columns if name != "node_id" and nodes[name].to_list() == list(values)]
    return ", ".join(names) or "nothing", [str(warning.message) for warning in said]


for column, values in {
    "probability": [0.25, 0.5, 0.75],
    "score": [0.25, 0.5, 0.75],
    "volume": [310.5, 320.5, 330.5],
    "area_um2": [31.5, 32.5, 33.5],
    "dead": [7, 7, 7],
    "parent_track_id": [9, 9, 9],
    "count": [4, 6, 8],
    "type": [1.5, 2.5, 3.5],
}.items():
    seen[column], said = open_table(column, values)
    kept, _ = open_table(column, values, node_name_map=own | {column: column})
    print(f"{column:16} is found under: {seen[column]}; warned: {said or 'nothing'}; with names given: {kept}")
    seen[f"{column}, named"] = kept

expected = {
    "probability": "circularity",
    "score": "perimeter",
    "volume": "area",
    "area_um2": "perimeter",
    "count": "count",
    "probability, named": "probability",
    "score, named": "score",
}
changed = {name: seen[name] for name, value in expected.items() if seen[name] != value}
changed |= {} if seen["type"].startswith("refused") else {"type": seen["type"]}
print("As described." if not changed else f"This has changed: {changed}")
sys.exit(bool(changed))
PYTHON
