"""How time and memory grow with the size of a movie, and what a small file costs that says it is large.

    python benchmarks/growth.py                       # declared sizes; 10,000 and 100,000 positions
    python benchmarks/growth.py --long                # up to 1,000,000 positions and 10,000 time points
    python benchmarks/growth.py --only aut,lineage

Each is done in a process of its own. Printed are the processor's seconds and the most memory beyond what was there
before, in MB; of the larger of two sizes also how many times longer each position took: 1 is linear. A file that
declares more than it holds must be read or refused within 2 s and 300 MB; else the status is 1.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fuzz
import numpy as np

BILLION = 10**9
SECONDS, MEGABYTES = 2.0, 300.0
PER_TIME_POINT = 100  # nuclei
UM = (2.0, 0.5, 0.5)


# ---- small files that say they are large: each is written, and read by its reader of benchmarks/fuzz.py


def change_json(file: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def declare_zarr(folder: Path, axis: int, length: int) -> Path:
    image = fuzz.write_zarrs(folder)[0]
    change_json(image / "0" / ".zarray", lambda said: said["shape"].__setitem__(axis, length))
    return image


def declare_ome(folder: Path, axis: str, length: int) -> Path:
    import tifffile

    image = fuzz.write_tiffs(folder)[0]
    xml = re.sub(f'Size{axis}="\\d+"', f'Size{axis}="{length}"', tifffile.tiffcomment(image))
    tifffile.tiffcomment(image, xml.encode())
    return image


def declare_plain_tiff(folder: Path, description: str) -> Path:
    import tifffile

    plane = np.ones((2, 8, 8), np.uint16)
    options = {"photometric": "minisblack", "metadata": None, "description": description}
    tifffile.imwrite(folder / "a.tif", plane, **options)
    return folder / "a.tif"


def declare_names(folder: Path) -> Path:
    """Two files, the first and the last of a billion by their names."""
    images = fuzz.write_tiff_folders(folder)[0]
    first, *_, last = sorted(images.iterdir())
    last.rename(images / "im_t999999999c1.tif")
    return images


def declare_list(folder: Path) -> Path:
    [path] = fuzz.write_lists(folder)
    entries = json.loads(path.read_text())
    entries[0]["max_time_point"] = BILLION - 1
    path.write_text(json.dumps(entries))
    return path


def declare_labels(folder: Path) -> Path:
    truth = fuzz.write_label_images(folder)[0]
    lines = (truth / "man_track.txt").read_text().splitlines()
    (truth / "man_track.txt").write_text("\n".join([f"1 0 {BILLION - 1} 0", *lines[1:]]))
    return truth


def declare_geff(folder: Path) -> Path:
    [path] = fuzz.write_geffs(folder)
    for file in path.joinpath("nodes").rglob("*"):
        if file.name in (".zarray", "zarr.json") and "shape" in file.read_text():
            change_json(file, lambda said: said["shape"].__setitem__(0, BILLION))
    return path


def declare_late_position(folder: Path) -> Path:
    path = fuzz.write_aut_files(folder)[0]
    path.write_text(path.read_text().replace('"time_point": 2', f'"time_point": {BILLION - 1}'))
    return path


def declare_network(folder: Path, name: str, value: int | list[int]) -> Path:
    """All its layers with so many filters, or such a kernel."""
    [network] = fuzz.write_networks(folder)
    with zipfile.ZipFile(network / "model.keras") as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}

    def change(pairs: list) -> dict:
        return {key: value if key == name else inner for key, inner in pairs}

    parts["config.json"] = json.dumps(
        json.loads(parts["config.json"], object_pairs_hook=change)
    ).encode()
    with zipfile.ZipFile(network / "model.keras", "w") as archive:
        for each, content in parts.items():
            archive.writestr(each, content)
    return network


DECLARED: dict[str, tuple[Callable[[Path], Path], str]] = {  # → reader
    "zarr, time points": (lambda folder: declare_zarr(folder, 0, BILLION), "zarr"),
    "zarr, channels": (lambda folder: declare_zarr(folder, 1, BILLION), "zarr"),
    "zarr, planes": (lambda folder: declare_zarr(folder, 2, BILLION), "zarr"),
    "zarr, a stack that would fit": (lambda folder: declare_zarr(folder, 2, 10**6), "zarr"),
    "OME-TIFF, time points": (lambda folder: declare_ome(folder, "T", BILLION), "tiff"),
    "OME-TIFF, channels": (lambda folder: declare_ome(folder, "C", BILLION), "tiff"),
    "OME-TIFF, a million time points": (lambda folder: declare_ome(folder, "T", 10**6), "tiff"),
    "ImageJ, time points": (
        lambda folder: declare_plain_tiff(folder, f"ImageJ=1.11a\nimages={BILLION}\n"),
        "tiff",
    ),
    "shaped TIFF": (
        lambda folder: declare_plain_tiff(folder, json.dumps({"shape": [BILLION, 8, 8]})),
        "tiff",
    ),
    "names of files": (declare_names, "tiff_folder"),
    "list": (declare_list, "autlist"),
    "labels": (declare_labels, "ctc"),
    "GEFF": (declare_geff, "geff"),
    "late position": (declare_late_position, "aut"),
    "network, filters": (lambda folder: declare_network(folder, "filters", 8192), "network"),
    "network, kernel": (
        lambda folder: declare_network(folder, "kernel_size", [100] * 3),
        "network",
    ),
}


def read_declared(name: str) -> str:
    """Reads one; seconds, MB, and what came of it."""
    from organoid_kit.base import UserError

    declare, reader = DECLARED[name]
    write, use = fuzz.READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        (valid := Path(folder) / "valid").mkdir()
        use(write(valid)[0])  # what is loaded only once is loaded
        path, meter = declare(Path(folder)), Meter()
        try:
            use(path)
            answer = "read"
        except UserError as error:
            answer = str(error)
        return f"{meter}\n{answer}"


class Meter:
    """The processor's seconds since it was made, and the peak of memory, MB beyond that at the start."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is that from here on
        self.began, self.had = time.process_time(), self.peak("VmRSS")

    @staticmethod
    def peak(which: str = "VmHWM") -> float:
        said = Path("/proc/self/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+)", said)[1]) / 1024

    def __str__(self) -> str:
        return f"{time.process_time() - self.began:.3f} {max(0.0, self.peak() - self.had):.0f}"


# ---- what grows with positions


def make_lineages(count: int):
    """So many positions, 100 at each time point, that move a little; links, no division."""
    from organoid_kit.data import Annotations

    rng, times = np.random.default_rng(0), count // PER_TIME_POINT
    sites = np.stack(np.unravel_index(np.arange(PER_TIME_POINT), (4, 5, 5)), 1) * (6, 30, 30) + 10.0
    steps = rng.normal(0, 0.3, (times, PER_TIME_POINT, 3))
    positions = (sites + steps).reshape(-1, 3)
    rows = np.arange(count).reshape(times, PER_TIME_POINT)
    links = np.stack([rows[:-1].ravel(), rows[1:].ravel()], 1)
    return Annotations(
        positions,
        np.repeat(np.arange(times), PER_TIME_POINT),
        links,
        properties={"id": np.arange(count).astype(object)},
        link_properties={"link_probability": np.full(len(links), 0.9).astype(object)},
        spacing_um=UM,
        minutes_per_time_point=10.0,
        name="grown",
    )


def make_candidates(count: int):
    """The same with all that may be linked, as networks judge them."""
    from organoid_kit.tracking import find_candidates

    made = replace(make_lineages(count), links=np.zeros((0, 2), int), link_properties={})
    found = find_candidates(made, max_distance_um=16.0)
    um = found.positions_um
    far = np.linalg.norm(np.diff(um[found.links], axis=1)[:, 0], axis=1)
    probability = np.clip(np.exp(-((far / 2) ** 2)), 0.001, 0.999)
    sure, seldom = (np.full(len(found), p).astype(object) for p in (0.95, 0.02))
    return replace(
        found,
        properties={"probability": sure, "division_probability": seldom},
        link_properties={"link_probability": probability.astype(object)},
    )


def write_and_read(suffix: str, count: int, folder: Path) -> dict[str, Callable]:
    from organoid_kit.data import read_annotations, write_annotations

    made, path = make_lineages(count), folder / f"a{suffix}"
    options = {} if suffix else {"shape_zyx": (32, 170, 170)}
    in_um = {"spacing_um": UM} if suffix == ".xml" else {}
    return {
        "write": lambda: write_annotations(made, path, **options),
        "read": lambda: read_annotations(path, **in_um),
    }


def read_tracks_only(count: int, folder: Path) -> dict[str, Callable]:
    """An .aut whose positions stand in its tracks alone."""
    from organoid_kit.data import read_annotations, write_annotations

    write_annotations(make_lineages(count), folder / "a.aut")
    change_json(folder / "a.aut", lambda said: said.__setitem__("positions", []))
    return {"read": lambda: read_annotations(folder / "a.aut")}


def use_movie(kind: str, count: int, folder: Path) -> dict[str, Callable]:
    """Movies with as many time points as there are hundreds of positions, two tiny planes each."""
    import tifffile

    from organoid_kit.data import make_timelapse, read_timelapse
    from organoid_kit.data.timelapse import write_timelapse

    images = np.zeros((count // PER_TIME_POINT, 1, 2, 16, 16), np.uint16)
    images += np.arange(len(images), dtype=np.uint16)[:, None, None, None, None]
    movie = make_timelapse(images, UM)

    def read(path: Path) -> None:
        opened = read_timelapse(path, spacing_um=UM, accept_guess=True)
        for time_point in opened.time_points:
            opened.stack(time_point)

    if kind == "ome":
        path = folder / "a.ome.tif"
        return {"write": lambda: write_timelapse(movie, path), "read": lambda: read(path)}
    if kind == "folder":
        for number, stack in enumerate(images[:, 0]):
            tifffile.imwrite(folder / f"t{number:05}.tif", stack, photometric="minisblack")
        return {"read": lambda: read(folder)}
    import zarr

    chunks = (1, 1, 2, 16, 16)
    zarr.create_array(str(folder / "a.zarr"), data=images, chunks=chunks, zarr_format=2)
    return {"read": lambda: read(folder / "a.zarr")}


def track(count: int, folder: Path) -> dict[str, Callable]:
    from organoid_kit.tracking import add_error_probabilities, build_tracks, list_doubts

    found, made = make_candidates(count), {}
    region = np.array([[0, 0, 0], [40, 170, 170]], float)
    return {
        "build_tracks": lambda: made.update(tracks=build_tracks(found, region=region)),
        "error probabilities": lambda: made.update(
            tracks=add_error_probabilities(found, made["tracks"], region=region)
        ),
        "doubts": lambda: list_doubts(made["tracks"]),
    }


def link_by_distance(count: int, folder: Path) -> dict[str, Callable]:
    from organoid_kit.tracking import find_candidates
    from organoid_kit.tracking.distance import estimate_link_probabilities

    made = replace(make_lineages(count), links=np.zeros((0, 2), int), link_properties={})
    found = {}
    return {
        "candidates": lambda: found.update(a=find_candidates(made, max_distance_um=16.0)),
        "probabilities by distance": lambda: estimate_link_probabilities(found["a"]),
    }


def judge(count: int, folder: Path) -> dict[str, Callable]:
    from organoid_kit.evaluation import (
        check_annotations,
        score_divisions,
        score_links,
        score_positions,
        score_tracks,
    )

    truth = make_lineages(count)
    found = replace(truth, positions=truth.positions + 0.1)
    return {
        "check": lambda: check_annotations(truth),
        "score_positions": lambda: score_positions(truth, found),
        "score_links": lambda: score_links(truth, found),
        "score_divisions": lambda: score_divisions(truth, found),
        "score_tracks": lambda: score_tracks(truth, found),
    }


def draw(count: int, folder: Path) -> dict[str, Callable]:
    from organoid_kit.plots import plot_lineage_tree
    from organoid_kit.plots.drawing import write_png

    made = make_lineages(count)
    return {
        "lineage tree": lambda: write_png(plot_lineage_tree(made)),
        "each time point": lambda: [made.positions_at(t) for t in made.annotated_time_points],
    }


def edit(count: int, folder: Path) -> dict[str, Callable]:
    """A hundred steps, which is what people do, in a movie of this size."""
    from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
    from organoid_kit.data import make_timelapse

    start = make_lineages(count)
    shape = (count // PER_TIME_POINT, 1, 40, 170, 170)
    movie = make_timelapse(np.broadcast_to(np.uint8(0), shape), UM)
    made = {}
    return {
        "open": lambda: made.update(a=AnnotationEditor(start, movie, output=folder / "a.aut")),
        "ten steps": lambda: [made["a"].move(row, (20, 20, row)) for row in range(10)],
    }


GROWING: dict[str, Callable[[int, Path], dict[str, Callable]]] = {
    "aut": lambda count, folder: write_and_read(".aut", count, folder),
    "aut, tracks only": read_tracks_only,
    "csv": lambda count, folder: write_and_read(".csv", count, folder),
    "trackmate": lambda count, folder: write_and_read(".xml", count, folder),
    "geff": lambda count, folder: write_and_read(".geff", count, folder),
    "ctc": lambda count, folder: write_and_read("", count, folder),
    "ome": lambda count, folder: use_movie("ome", count, folder),
    "folder": lambda count, folder: use_movie("folder", count, folder),
    "zarr": lambda count, folder: use_movie("zarr", count, folder),
    "track": track,
    "distance": link_by_distance,
    "judge": judge,
    "lineage": draw,
    "edit": edit,
}
SMALLER = {"ctc": 10}  # times smaller than the others: a few ms for each voxel image


def grow(name: str, count: int) -> None:
    """Prints a line for each step, seconds and MB."""
    with tempfile.TemporaryDirectory() as folder:
        for step, work in GROWING[name](count, Path(folder)).items():
            meter = Meter()
            work()
            print(f"= {step}: {meter}", flush=True)


def ask_child(*words: str) -> str:
    command = [sys.executable, __file__, "--child", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return done.stdout if not done.returncode else ""


def print_declared() -> bool:
    """Whether all kept to the limits."""
    kept = True
    for name in DECLARED:
        answer = ask_child("declared", name)
        first, _, said = answer.partition("\n")
        seconds, megabytes = map(float, first.split()) if answer else (np.inf, np.inf)
        good = seconds <= SECONDS and megabytes <= MEGABYTES
        kept &= good
        mark = "" if good else "  ** over the limit"
        print(
            f"{name:32} {seconds:6.2f} s {megabytes:5.0f} MB  {said[:60].strip()}{mark}", flush=True
        )
    return kept


def print_growth(name: str, counts: list[int]) -> None:
    before: dict[str, float] = {}
    for count in counts:
        count //= SMALLER.get(name, 1)
        for step, numbers in re.findall(
            r"^= (.+): (.+)$", ask_child("grow", name, str(count)), re.M
        ):
            seconds, megabytes = map(float, numbers.split())
            each = seconds / count
            ratio = f"× {each / before[step]:.2f} a position" if before.get(step) else ""
            before[step] = each
            what = f"{name}: {step}"
            print(f"{what:36} {count:8} {seconds:8.2f} s {megabytes:6.0f} MB  {ratio}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--long", action="store_true", help="up to a million positions")
    parser.add_argument("--only", default="declared," + ",".join(GROWING).replace(", ", " "))
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        warnings.simplefilter("ignore")
        kind, name, *count = options.child
        print(read_declared(name)) if kind == "declared" else grow(name, int(count[0]))
        return 0
    chosen = [name.strip() for name in options.only.split(",")]
    kept = print_declared() if "declared" in chosen else True
    for name in GROWING:
        if name.replace(", ", " ") in chosen:
            print_growth(name, [10_000, 100_000] + [1_000_000] * options.long)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"the largest process had {most:.0f} MB")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
