#!/usr/bin/env bash
# funtracks, by which motile_tracker proposes links: what of a movie in which one time point has no nucleus?
#
# One nucleus at time points 0, 1, 3, 4, 5 (at 2 it was out of focus), which moves 1.4 µm in each; links may be 20 µm long.
#
# Guessed before it was run: "connecting all nodes in adjacent frames", it says: links 0 to 1, 3 to 4, 4 to 5, and none
# over the missing time point. And `scale`, "amount to scale the points in each dimension (including time)", in minutes
# and µm, changes distances only.
#
# Seen: after a time point that is empty, those before the gap are compared with those of the second time point after it: 1 is
# linked with 4, and nothing with 3. So it is for points and for label images. Where many nuclei have moved on by three
# steps, they are offered each other's places, the time point after the gap has no links at all, and a solver can only choose among these.
# With the minutes from one time point to the next as the first number of `scale`, 5, there are no links in the whole movie;
# with 0.5 each two time points are one. Nothing is said.
# Met when readers of tracks were compared, of a movie with an empty image.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check funtracks==2.2.0 tracksdata==0.1.0rc12 \
    numpy==2.4.6 zarr==3.1.6 2>/dev/null
cd "$folder"
env/bin/python - <<'PYTHON' 2>errors.txt
import sys
from importlib.metadata import version

import numpy as np
from funtracks.candidate_graph import compute_graph_from_points_list, compute_graph_from_seg

packages = ("funtracks", "tracksdata", "numpy")
print(*(f"{name} {version(name)}" for name in packages), f"Python {sys.version.split()[0]}", sep=", ")
points = np.array([[time, 10.0 + time, 10.0 + time] for time in (0, 1, 3, 4, 5)])
labels = np.zeros((6, 24, 24), dtype=np.uint16)
for number, (time, y, x) in enumerate(points.astype(int), start=1):
    labels[time, y - 2 : y + 3, x - 2 : x + 3] = number


def list_links(graph):
    """Pairs of time points that are linked, as they are counted in the graph."""
    nodes = graph.node_attrs()
    time_of = dict(zip(nodes["node_id"].to_list(), nodes["t"].to_list()))
    return sorted((time_of[source], time_of[target]) for source, target in graph.edge_list())


seen = {
    "points": list_links(compute_graph_from_points_list(points, 20)),
    "label images": list_links(compute_graph_from_seg(labels, 20)),
    "points, 5 minutes apart": list_links(compute_graph_from_points_list(points, 20, scale=[5, 1, 1])),
    "points, half a minute apart": list_links(compute_graph_from_points_list(points, 20, scale=[0.5, 1, 1])),
}
for name, links in seen.items():
    print(f"    {name}: links between time points", *links or ["(none)"])
over_the_gap = [(0, 1), (1, 4), (4, 5)]
as_seen = (
    seen["points"] == seen["label images"] == over_the_gap
    and seen["points, 5 minutes apart"] == []
    and seen["points, half a minute apart"] == [(0, 1), (0, 1), (1, 2), (1, 2)]
)
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
