"""Tracks from true coordinates alone, without any network: wrong and missing links of 1000, and
divisions, beside nearest neighbour and optimal assignment.

    python benchmarks/coordinates_alone.py [--embryos FOLDER] [--ascidians FOLDER]
                                           [--chosen | --invented FIRST LAST]

The numbers of `tracking/distance.py` were chosen by organoid_a, invented movies of seeds 1 to 40,
one budding organoid (fmi-basel/LSTree, 002-Budding) and two C. elegans embryos, also at every
second and fourth time point; `--chosen` prints those that are here. Errors in organoid_b to d were
looked at to understand them; no number was chosen by them. Everything else is reported. Embryos are
tables CD*.csv as in sample_data of johnmurraylab/LIVE_tools (MIT): cells are named after their
mothers. Ascidians (Phallusia mammillata; Guignard et al. 2020, CC-BY 4.0) are the Mastodon projects
Pm*.mastodon in the folder astec of bigdataviewer/mastodon-example-data; none was looked at before
they were reported. Real lineages are looked for in `shared` beside the checkout, and left out, with a word,
where they are not there.

A lineage has few links that can be mistaken, so that the better of two is picked after the fact, and
may be better by chance: what is left of each kind of lineage as a whole, with its standard error, says
whether it was. `--invented` prints other seeds, of which nothing was looked at.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import struct
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _held_out import FAST, RESTLESS

from organoid_kit.course.synthetic.life import grow_organoid
from organoid_kit.course.synthetic.settings import SyntheticSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.data.formats.trackmate import read_trackmate
from organoid_kit.evaluation.tracks import score_divisions
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.linking import (
    choose_max_distance,
    find_candidates,
    link_nearest,
    link_optimally,
)

SHARED = Path(__file__).parents[2] / "shared" / "data"
REAL = {
    "lstree_enterocyst/mamut_deconv.xml": (2.0, 0.26, 0.26),
    "mamut_lineage/test-mamut.xml": (1.0, 1.0, 1.0),  # in voxels: taken as µm
}
MOTIONS = {
    "slow": {},
    "fast": FAST,
    "restless": RESTLESS,
    "large nuclei": {"nucleus_diameter_um": 18.0, "min_distance_um": 12.0, "separation": 1.3},
}
CHOSEN = ("organoid_a", "CD20240930_JIM762_L4", "CD20241010_JIM767_25_L2")
EMBRYO_SPACING_UM = (0.5, 0.08651, 0.08651)  # as R/LineageProcessing.R of LIVE_tools states
ASCIDIAN_SPACING_UM = (
    0.3,
    0.3,
    0.3,
)  # as their images have been resampled; the projects state none
MOTHERS = {"AB": "P0", "P1": "P0", "EMS": "P1", "P2": "P1", "MS": "EMS", "E": "EMS"}
MOTHERS |= {"C": "P2", "P3": "P2", "D": "P3", "P4": "P3", "Z2": "P4", "Z3": "P4"}


def read_embryo(path: Path) -> Annotations:
    """Cells of a C. elegans embryo; a daughter is named as her mother with one letter more."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = np.array([int(row["time"]) for row in rows])
    row_of = {(row["cell"], when): number for number, (row, when) in enumerate(zip(rows, times))}
    links = []
    for (cell, when), number in row_of.items():
        mother = MOTHERS.get(cell, cell[:-1])
        source = row_of.get((cell, when - 1), row_of.get((mother, when - 1)))
        if source is not None:
            links.append((source, number))
    positions = [[float(row[axis]) for axis in "zyx"] for row in rows]
    return Annotations(
        np.array(positions), times, np.array(links), spacing_um=EMBRYO_SPACING_UM, name=path.stem
    )


def read_real(path: Path, spacing_um: tuple[float, float, float]) -> Annotations:
    """A MaMuT file, also where it states pixels, which the kit refuses."""
    text = path.read_text(encoding="utf-8").replace('spatialunits="pixels"', 'spatialunits="µm"')
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(text, encoding="utf-8")
        lineage = read_trackmate(copy, spacing_um=spacing_um)
    return dataclasses.replace(lineage, name=path.parent.name)


def read_mastodon(path: Path) -> Annotations:
    """Spots and links of a Mastodon project: Java's stream of blocks, in which numbers of spots and
    links are big-endian, and what is known of each spot (x, y, z, time point, shape) is not.
    """
    with zipfile.ZipFile(path) as project:
        stream = io.BytesIO(project.read("model.raw")[4:])
    blocks = b""
    while (kind := stream.read(1)) in (b"w", b"z"):
        length = stream.read(1)[0] if kind == b"w" else struct.unpack(">i", stream.read(4))[0]
        blocks += stream.read(length)
    count = int.from_bytes(blocks[:4], "big")
    spot = np.dtype([("xyz", "<f8", 3), ("time", "<i4"), ("shape", "<f8", 7)])
    spots = np.frombuffer(blocks, spot, count, 4)
    start = 4 + count * spot.itemsize
    links = np.frombuffer(
        blocks, ">i4", 4 * int.from_bytes(blocks[start : start + 4], "big"), start + 4
    )
    return Annotations(
        spots["xyz"][:, ::-1].astype(float),
        spots["time"].astype(int),
        links.reshape(-1, 4)[:, :2].astype(int),
        spacing_um=ASCIDIAN_SPACING_UM,
        name=path.stem,
    )


def make_invented(seed: int, name: str, **changes) -> Annotations:
    """Coordinates of an organoid as `make_synthetic_movie` invents it, without its images."""
    settings = SyntheticSettings(**{"nuclei": 30, "cycle_time_points": 24.0} | changes)
    positions_um, times, links, before = [], [], [], {}
    snapshots = grow_organoid(settings, np.random.default_rng((seed, 1)))
    for time_point, snapshot in enumerate(snapshots):
        rows = {}
        for nucleus, place_um in zip(snapshot.nuclei, snapshot.positions_um):
            rows[nucleus.number] = len(times)
            source = before.get(nucleus.number, before.get(nucleus.mother))
            if source is not None:
                links.append((source, len(times)))
            positions_um.append(place_um)
            times.append(time_point)
        before = rows
    return Annotations(
        np.array(positions_um) / settings.spacing_um,
        np.array(times),
        np.array(links),
        spacing_um=settings.spacing_um,
        name=f"invented, {name}, seed {seed}",
    )


def thin_out(annotations: Annotations, step: int) -> Annotations:
    """Every so many time points of a lineage: longer steps, daughters farther apart."""
    since = annotations.time_points - annotations.time_points.min()
    source_of = np.append(np.full(len(annotations), -1), -1)
    source_of[annotations.links[:, 1]] = annotations.links[:, 0]
    before = np.arange(len(annotations))
    for _ in range(step):
        before = source_of[before]
    kept = since % step == 0
    new_row = np.cumsum(kept) - 1
    targets = np.flatnonzero(kept & (before >= 0))
    return dataclasses.replace(
        annotations.select(kept),
        time_points=since[kept] // step,
        links=np.stack([new_row[before[targets]], new_row[targets]], axis=1),
        link_properties={},
        name=f"{annotations.name}, every {step}th time point",
    )


def list_lineages(
    embryos: Path | None, ascidians: Path | None, chosen: bool
) -> Iterator[tuple[str, Annotations]]:
    """Those that settings were chosen by, or all others, each with its kind."""
    lineages = [
        movie.annotations
        for part in ("training", "validation", "test")
        for movie in read_dataset(find_samples() / f"{part}.autlist")
    ]
    for path, spacing_um in REAL.items():
        if (SHARED / path).exists():
            lineages.append(read_real(SHARED / path, spacing_um))
        else:
            print(f"{path} is not beside the checkout: left out")
    lineages += [read_embryo(path) for path in sorted(embryos.glob("CD*.csv"))] if embryos else []
    if ascidians:
        lineages += [read_mastodon(path) for path in sorted(ascidians.glob("Pm*.mastodon"))]
    lineages = [one for one in lineages if (one.name in CHOSEN) == chosen]
    for one in lineages:
        kind = {"CD": "embryos", "Pm": "ascidians"}.get(one.name[:2], "other lineages")
        yield kind, one
        if one.name not in ("organoid_b", "organoid_c", "organoid_d"):
            yield f"{kind}, every 2nd time point", thin_out(one, 2)
    yield from invent_lineages(range(1, 41) if chosen else range(301, 305))


def invent_lineages(seeds: range) -> Iterator[tuple[str, Annotations]]:
    for name, changes in MOTIONS.items():
        for seed in seeds:
            yield f"invented, {name}", make_invented(seed, name, **changes)


def remove_links(annotations: Annotations) -> Annotations:
    return dataclasses.replace(
        annotations, links=np.zeros((0, 2), int), properties={}, link_properties={}
    )


def list_places(annotations: Annotations) -> set[tuple[float, ...]]:
    """Each link by its time point and the places of its ends."""
    ends = annotations.positions[annotations.links].reshape(len(annotations.links), -1).round(4)
    times = annotations.time_points[annotations.links[:, 0]]
    return {(time_point, *end) for time_point, end in zip(times.tolist(), ends.tolist())}


def measure(truth: Annotations) -> dict[str, tuple[float, float, str, float]]:
    """Wrong and missing links of 1000 true ones, division F1 and seconds of each way to link."""
    bare, right, measured = remove_links(truth), list_places(truth), {}
    reach = {"max_distance_um": min(choose_max_distance(bare), 1000.0)}  # the same for all three
    ways = {
        "tracks": lambda: build_tracks(find_candidates(bare)),
        "nearest": lambda: link_nearest(bare, **reach),
        "assignment": lambda: link_optimally(bare, **reach),
    }
    for name, link in ways.items():
        began = time.process_time()
        made = link()
        seconds = time.process_time() - began
        links = list_places(made)
        wrong, missing = (1000 * len(part) / len(right) for part in (links - right, right - links))
        score = score_divisions(truth, made, tolerance=0, by=None)
        f1 = "-" if score.f1 is None else f"{score.f1:.3f}"
        measured[name] = wrong, missing, f1, seconds
    return measured


def describe(kind: str, errors: np.ndarray) -> str:
    """Wrong and missing links of all lineages of a kind, (k, 3) by way, and how surely they differ."""
    text = f"{kind}, {len(errors)}: tracks {errors[:, 0].sum():.0f}"
    for way, name in enumerate(("nearest", "assignment"), start=1):
        fewer = errors[:, way] - errors[:, 0]
        error = fewer.std(ddof=1) / np.sqrt(len(fewer)) if len(fewer) > 1 else np.nan
        text += f"; {name} {errors[:, way].sum():.0f}, tracks have {fewer.mean():.2f} fewer"
        text += f" (standard error {error:.2f})"
    more = errors[:, 0] - errors[:, 1:].min(axis=1)
    worse = ", ".join(f"{one:.0f}" for one in np.sort(more[more > 0])) or "none"
    return f"{text}; more than the better of both by: {worse}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embryos", type=Path, help="folder of CD*.csv")
    parser.add_argument("--ascidians", type=Path, help="folder of Pm*.mastodon")
    parser.add_argument("--chosen", action="store_true", help="those that settings were chosen by")
    parser.add_argument(
        "--invented", type=int, nargs=2, metavar=("FIRST", "LAST"), help="these seeds, nothing else"
    )
    options = parser.parse_args()
    print("wrong + missing links of 1000, division F1, seconds of processor")
    head = ("lineage", "positions", "divisions", "tracks", "nearest", "assignment")
    print(("{:<48}{:>10}{:>10}" + 3 * "{:>28}").format(*head))
    lineages = list_lineages(options.embryos, options.ascidians, options.chosen)
    if options.invented:
        lineages = invent_lineages(range(options.invented[0], options.invented[1] + 1))
    errors_of: dict[str, list[list[int]]] = {}
    for kind, truth in lineages:
        measured = measure(truth)
        row = f"{truth.name:<48}{len(truth):>10}{len(truth.divisions()):>10}"
        for wrong, missing, f1, seconds in measured.values():
            row += f"{wrong:9.1f} +{missing:6.1f}{f1:>6}{seconds:6.1f}"
        rates = [wrong + missing for wrong, missing, *_ in measured.values()]
        errors = [round(rate * len(truth.links) / 1000) for rate in rates]
        errors_of.setdefault(kind, []).append(errors)
        print(row + ("  worse" if errors[0] > min(errors[1:]) else ""), flush=True)
    every = np.concatenate([np.array(errors) for errors in errors_of.values()])
    worse = np.count_nonzero(every[:, 0] > every[:, 1:].min(axis=1))
    print(
        f"{worse} of {len(every)} lineages have more wrong and missing links than the better of two"
    )
    for kind, errors in errors_of.items():
        print(describe(kind, np.array(errors)))


if __name__ == "__main__":
    main()
