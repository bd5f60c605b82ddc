"""Writes random lineages in every format and reads them again: nothing may be lost that the format can hold.

    python benchmarks/round_trips.py                    # 1,000 lineages, seed 1
    python benchmarks/round_trips.py --lineages 50 --seed 7

Lineages have divisions, mothers of three, merges, links over a missed time point, nuclei seen once, texts, gaps in
their properties, and begin before and after time point 0. What a format cannot hold is what `convert` says of it
before it writes (`find_losses`), and that alone is taken out before both are compared. Files are also shown to
checkers that share no code with the writers: OrganoidTracker's rules (tests/data/organoidtracker_rules.py), the
validator of GEFF's own library, the Cell Tracking Challenge's (py-ctcmetrics), and, for TrackMate, what pycellin
and TrackMate ask for: whole numbers as ids, edges between spots that are there, no edge twice.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import tempfile
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from data.organoidtracker_rules import find_broken_rules
from format_helpers import SHAPE_ZYX, column, facts, grow_lineages
from organoid_kit import read_annotations, write_annotations
from organoid_kit.cli.convert import find_losses
from organoid_kit.data import Annotations

FORMATS = {
    ".aut": "tracks.aut",
    ".csv": "tracks.csv",
    ".geff": "tracks.geff",
    ".xml": "tracks.xml",
    "": "01_RES",
}
FACTS = ("spacing_um", "minutes_per_time_point", "name", "extra")
VALIDATED = (
    20  # every so many folders go through the Challenge's validator, which takes a second each
)


def grow(seed: int, number: int) -> Annotations:
    """A lineage with what is rare in it, or not."""
    rng = np.random.default_rng((seed, number))
    chances = {name: float(rng.choice([0, 0.2])) for name in ("merges", "skips", "alone")}
    choices = {"daughters": int(rng.integers(2, 4)), "first": int(rng.integers(-2, 4))}
    lineage = grow_lineages(rng, time_points=6, texts=bool(rng.integers(2)), **chances, **choices)
    lineage = lineage.select(rng.permutation(len(lineage)))  # rows in no order
    lineage.properties["nested"] = column([[number, None, {"a": 0.5}], None] * len(lineage))[
        : len(lineage)
    ]
    region = np.array([[0.0, 0, 0], [15.5, 95, 191]]) if rng.integers(2) else None
    minutes = [None, 12.5][rng.integers(2)]
    return dataclasses.replace(
        lineage,
        name="µ 1",
        region=region,
        minutes_per_time_point=minutes,
        extra={"kept": [1, {"a": None}]},
    )


def try_format(lineage: Annotations, suffix: str, folder: Path) -> list[str]:
    """What was lost or is against the rules of the format."""
    path = folder / FORMATS[suffix]
    lost, _ = find_losses(lineage, suffix)
    kept = lineage.without_links(lost)
    options = {}
    if suffix == "":  # nuclei are balls of one voxel there, at time points from 0 on
        kept = dataclasses.replace(kept, positions=np.round(kept.positions))
        kept = dataclasses.replace(
            kept, time_points=kept.time_points - min(0, kept.time_points.min())
        )
        options |= {"shape_zyx": SHAPE_ZYX, "radius_um": 0.1}
    elif suffix == ".xml":
        options |= {"time_point_offset": int(kept.time_points.min())}
    elif suffix == ".csv":  # to a millionth of a voxel
        kept = dataclasses.replace(kept, positions=np.round(kept.positions, 6))
    write_annotations(kept, path, **options)
    reading = {"time_point_offset": options["time_point_offset"]} if suffix == ".xml" else {}
    again = read_annotations(path, **reading)
    broken = CHECKERS[suffix](path)
    if suffix in (".xml", ""):
        return broken + compare_shape(kept, again, suffix)
    broken += [
        f"{key} is another"
        for key in FACTS
        if key != "extra" or suffix != ".csv"
        if differ(kept, again, key)
    ]
    if (
        not np.array_equal(*(np.ravel(each.region) for each in (kept, again)))
        and kept.region is not None
    ):
        broken.append("the region is another")
    if facts(kept, without=["id"]) != facts(again, without=["id"]):
        missing = facts(kept, without=["id"]) - facts(again, without=["id"])
        broken.append(f"not the same: {next(iter(missing), 'something more')!r:.90}")
    return broken


def differ(kept: Annotations, again: Annotations, key: str) -> bool:
    """Whether both say something else of the movie."""
    return getattr(kept, key) != getattr(again, key)


def compare_shape(kept: Annotations, again: Annotations, suffix: str) -> list[str]:
    """Places, links and features of a format that has no place for the rest."""
    without = {key: {} for key in ("properties", "link_properties", "extra")}
    plain, other = (
        dataclasses.replace(each, positions=np.round(each.positions, 6), **without)
        for each in (kept, again)
    )
    broken = [] if facts(plain) == facts(other) else ["positions or links are not the same"]
    if suffix == ".xml":
        broken += [f"{key} is another" for key in FACTS[:2] if differ(kept, again, key)]
        rows = np.lexsort([*np.round(kept.positions, 6).T, kept.time_points])
        others = np.lexsort([*np.round(again.positions, 6).T, again.time_points])
        for name in ("score", "count", "dead", "with_gaps"):
            values, read = kept.properties[name][rows], again.properties[name][others]
            if not all(
                (a is None) == (b is None) and (a is None or a == b) for a, b in zip(values, read)
            ):
                broken.append(f"{name} is another")
    return broken


def check_aut(path: Path) -> list[str]:
    """OrganoidTracker's rules, in our words."""
    return find_broken_rules(json.loads(path.read_text("utf-8")))


def check_geff(path: Path) -> list[str]:
    """The validator of GEFF's own library."""
    import geff
    from geff.validate.data import ValidationConfig, validate_data

    everything = ValidationConfig(graph=True, tracklet=True, lineage=True)
    try:
        validate_data(geff.core_io.read_to_memory(str(path)), everything)
    except Exception as error:  # of many kinds
        return [f"geff says {error!s:.100}"]
    return []


def check_trackmate(path: Path) -> list[str]:
    """What TrackMate needs to open a file."""
    model = ElementTree.parse(path).getroot().find("Model")
    ids = [spot.get("ID") for spot in model.iter("Spot")]
    edges = [
        (edge.get("SPOT_SOURCE_ID"), edge.get("SPOT_TARGET_ID")) for edge in model.iter("Edge")
    ]
    broken = (
        []
        if len(set(ids)) == len(ids) and all(map(str.isdigit, ids))
        else ["ids are not whole, or not unique"]
    )
    broken += (
        [] if {end for edge in edges for end in edge} <= set(ids) else ["an edge leads nowhere"]
    )
    broken += [] if len(set(edges)) == len(edges) else ["an edge is there twice"]
    declared = {each.get("feature") for each in model.find("FeatureDeclarations/SpotFeatures")}
    said = {key for spot in model.iter("Spot") for key in spot.keys()} - {"ID", "name"}
    return broken + ([] if said <= declared else [f"{said - declared} are not declared"])


def check_ctc(path: Path) -> list[str]:
    """The Challenge's metrics for Python, now and then."""
    check_ctc.calls += 1
    if check_ctc.calls % VALIDATED:
        return []
    from ctc_metrics.scripts.validate import validate_sequence

    with warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")  # of images without a label, which are allowed
        return (
            []
            if validate_sequence(str(path), threads=1)["Valid"]
            else ["py-ctcmetrics calls it invalid"]
        )


check_ctc.calls = 0
CHECKERS = {
    ".aut": check_aut,
    ".csv": lambda path: [],
    ".geff": check_geff,
    ".xml": check_trackmate,
    "": check_ctc,
}


def find_failures(seed: int, number: int) -> set[tuple[str, str]]:
    """Format, and what was wrong with a lineage in it."""
    lineage, failures = grow(seed, number), set()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for suffix in FORMATS:
            failures |= {(suffix, wrong) for wrong in try_format(lineage, suffix, Path(folder))}
    return failures


def count_failures(lineages: int, seed: int, processes: int) -> Counter[tuple[str, str]]:
    """Format and what was wrong → how many lineages; says now and then how many were tried."""
    failures: Counter[tuple[str, str]] = Counter()
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        found = pool.map(partial(find_failures, seed), range(lineages), chunksize=5)
        for number, some in enumerate(found, start=1):
            failures.update(some)
            if number % 50 == 0:
                said = f"{number} lineages, {failures.total()} faults so far …"
                print(said, file=sys.stderr, flush=True)
    return failures


def main() -> int:
    """Prints how many lineages came back whole from each format; 1 if any did not."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lineages", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    failures = count_failures(options.lineages, options.seed, options.processes)
    for suffix, name in FORMATS.items():
        found = {wrong: count for (at, wrong), count in failures.items() if at == suffix}
        print(f"{name}: {sum(found.values())} faults in {options.lineages} lineages")
        for wrong, count in found.items():
            print(f"    {count} × {wrong}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
