#!/usr/bin/env bash
# A movie in OME-Zarr that grows, and is given labels, after its metadata have been consolidated.
#
# Some writers (ngff-zarr 0.50 is one) end with zarr.consolidate_metadata: a summary of all arrays in the group's own
# file. Written here: three time points by ome-zarr, with and without that summary; then two more are appended to the
# array, and labels are added to the group, both with nothing but what the libraries offer for it.
#
# Guessed before it was run: an array's own metadata are what counts, the summary only spares requests: all readers find five
# time points; and the labels are written and found.
#
# Seen: with a summary zarr's group and bioio-ome-zarr go on to find three, while zarr's array, dask and ome-zarr's reader find
# five of the same file. Nobody says anything. write_labels writes all voxels of the labels, and only then fails with
# KeyError ('labels' not found in consolidated metadata), before the list of labels is written: they lie on the
# disk, and no reader finds them; without a summary both do. Opened with use_consolidated=False, the group takes the labels.
# Met when readers of OME-Zarr were compared, of a movie as it is while it is recorded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check ome-zarr==0.18.0 bioio-ome-zarr==3.8.1 \
    bioio-base==3.5.0 zarr==3.1.6 numpy==2.4.6 dask==2026.8.0 2>/dev/null
cd "$folder"
env/bin/python - <<'PYTHON' 2>errors.txt
import sys
from importlib.metadata import version
from pathlib import Path

import bioio_ome_zarr
import dask.array
import numpy as np
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr.writer import write_image, write_labels

packages = ("ome-zarr", "bioio-ome-zarr", "zarr", "dask", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))
movie = np.random.default_rng(0).integers(0, 99, (5, 1, 4, 32, 32)).astype(np.uint16)
TIME_POINTS = {
    "zarr, the array": lambda path: zarr.open_array(f"{path}/s0", mode="r").shape[0],
    "dask": lambda path: dask.array.from_zarr(f"{path}/s0").shape[0],
    "ome-zarr": lambda path: next(iter(Reader(parse_url(path))())).data[0].shape[0],
    "zarr, of the group": lambda path: zarr.open_group(path, mode="r")["s0"].shape[0],
    "bioio-ome-zarr": lambda path: bioio_ome_zarr.Reader(path).dask_data.shape[0],
}


def write(path, consolidated):
    write_image(movie[:3], zarr.open_group(path, mode="w"), axes="tczyx", scale_factors=[2])
    if consolidated:
        zarr.consolidate_metadata(path)


def add_labels(path, **options):
    """What was raised, whether the voxels are on the disk, whether zarr and ome-zarr's reader find them."""
    group, raised = zarr.open_group(path, mode="r+", **options), "nothing raised"
    try:
        write_labels(movie[:3], group, name="nuclei", axes="tczyx", scaler=None, scale_factors=[2])
    except KeyError as error:
        raised = f"KeyError {error}"
    written = Path(path, "labels", "nuclei", "s0").exists() and bool(
        np.array_equal(zarr.open_array(f"{path}/labels/nuclei/s0", mode="r")[:], movie[:3])
    )
    by_zarr = "labels/nuclei" in zarr.open_group(path, mode="r")
    by_reader = any("labels/nuclei" in str(node.zarr) for node in Reader(parse_url(path))())
    print(f"    labels: {raised}; on the disk: {written}; found by zarr: {by_zarr}, by ome-zarr: {by_reader}")
    return raised.split()[0], written, by_zarr, by_reader


grown, labelled = {}, {}
for consolidated in (False, True):
    name = "with a summary" if consolidated else "without a summary"
    write("movie.zarr", consolidated)
    labelled[consolidated] = add_labels("movie.zarr")
    write("movie.zarr", consolidated)
    zarr.open_array("movie.zarr/s0", mode="r+").append(movie[3:])
    grown[consolidated] = [count("movie.zarr") for count in TIME_POINTS.values()]
    print(f"    {name}, time points of 5:", dict(zip(TIME_POINTS, grown[consolidated])))
write("movie.zarr", consolidated=True)
opened_otherwise = add_labels("movie.zarr", use_consolidated=False)
as_seen = (
    grown == {False: [5, 5, 5, 5, 5], True: [5, 5, 5, 3, 3]}
    and labelled == {False: ("nothing", True, True, True), True: ("KeyError", True, False, False)}
    and opened_otherwise[0] == "nothing"
    and opened_otherwise[3]
)
print("As described." if as_seen else f"This has changed: {grown}, {labelled}, {opened_otherwise}")
sys.exit(not as_seen)
PYTHON
