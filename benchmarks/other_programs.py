"""Opens our files with the programs that people use beside ours, and prints what these then hold.

A bundled sample and random lineages are written in every format that the kit writes, and opened by
other programs of exact versions, each in an environment of its own (`_other_readers.py`). What they
hold is compared with what was written: positions and time points, links, divisions, units, properties.
An empty cell says that the program has no place for it. Where a program can write the file again,
that is read by the kit and compared (`and back`). More columns say what becomes of what is rare: a
first time point of 3, mothers of three, merges, links over a missed time point, nuclei seen once,
texts as properties.

    python benchmarks/other_programs.py                      ten minutes the first time, then five
    python benchmarks/other_programs.py --organoidtracker FOLDER

FOLDER is a copy of OrganoidTracker's repository. `--environments` keeps the other programs for the
next time. Exit status 1 says that a file for OrganoidTracker breaks one of its rules, that it
refuses one, or that a program holds other positions, links or divisions of a plain lineage than it
did when docs/other_programs.md was written.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import tifffile

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from data.organoidtracker_rules import find_broken_rules
from format_helpers import SHAPE_ZYX, column as make_column, facts, grow_lineages
from organoid_kit import (
    find_samples,
    read_annotations,
    read_dataset,
    read_timelapse,
    write_annotations,
)
from organoid_kit.base import UserError
from organoid_kit.data import AnnotatedMovie, Annotations, write_dataset
from organoid_kit.data.formats import add_organoidtracker_data, add_track_ids

ROOT = Path(__file__).parents[1]
ORGANOIDTRACKER = "OrganoidTracker"
# Program → what its environment holds; the first is the program itself
PACKAGES = {
    "geff": {  # with what it asks for where it makes tables, and reads label images
        "geff": "1.3.1.1.3",
        "pandas": "3.1.1",
        "dask": "2026.8.0",
        "imagecodecs": "2026.3.6",
        "scikit-image": "0.26.0",
    },
    "tracksdata": {"tracksdata": "0.1.0rc12"},
    "funtracks": {"funtracks": "2.2.0"},
    "pycellin": {"pycellin": "0.5.1"},
    "traccuracy": {"traccuracy": "0.4.3"},
    "laptrack": {"laptrack": "0.17.1", "geff": "1.3.1.1.3"},
    "napari-geff": {"napari-geff": "0.0.4"},
    "intracktive": {"intracktive": "0.1.6"},
    "py-ctcmetrics": {"py-ctcmetrics": "1.3.3"},
    "btrack": {"btrack": "0.7.0", "pandas": "3.1.1"},
    "pandas": {"pandas": "3.1.1"},
    "polars": {"polars": "2.1.0", "pandas": "3.1.1", "pyarrow": "26.0.1"},
    ORGANOIDTRACKER: {  # what it imports to read files
        "geff": "1.3.1.1.3",
        "matplotlib": "3.11.2",
        "scikit-image": "0.26.0",
        "statsmodels": "0.14.6",
    },
}
SHARED = {"numpy": "2.4.6", "tifffile": "2026.3.3", "zarr": "3.1.6"}  # in all environments
GEFF, CTC, CSV, AUT = ".geff", "", ".csv", ".aut"
# Program as people call it → format, package, function in _other_readers.py
PROGRAMS = {
    "geff, its own checks and reader": (GEFF, "geff", "geff"),
    "geff, to tables": (GEFF, "geff", "geff_to_tables"),
    "tracksdata": (GEFF, "tracksdata", "tracksdata"),
    "motile_tracker (funtracks)": (GEFF, "funtracks", "funtracks"),
    "pycellin": (GEFF, "pycellin", "pycellin"),
    "traccuracy": (GEFF, "traccuracy", "traccuracy"),
    "laptrack": (GEFF, "laptrack", "laptrack"),
    "napari (napari-geff)": (GEFF, "napari-geff", "napari_geff"),
    "inTRACKtive": (GEFF, "intracktive", "intracktive"),
    "OrganoidTracker, GEFF": (GEFF, ORGANOIDTRACKER, "organoidtracker_geff"),
    "py-ctcmetrics": (CTC, "py-ctcmetrics", "ctc_metrics"),
    "traccuracy, CTC": (CTC, "traccuracy", "traccuracy_ctc"),
    "geff, from CTC": (CTC, "geff", "geff_from_ctc"),
    "tracksdata, CTC": (CTC, "tracksdata", "tracksdata_ctc"),
    "pycellin, CTC": (CTC, "pycellin", "pycellin_ctc"),
    "btrack, masks": (CTC, "btrack", "btrack_ctc"),
    "OrganoidTracker, CTC": (CTC, ORGANOIDTRACKER, "organoidtracker_ctc"),
    "pandas": (CSV, "pandas", "pandas"),
    "pandas, comment='#'": (CSV, "pandas", "pandas_with_remarks"),
    "polars, comment_prefix='#'": (CSV, "polars", "polars"),
    "motile_tracker, table": (CSV, "funtracks", "funtracks_csv"),
    "motile_tracker, table, named": (CSV, "funtracks", "funtracks_csv_named"),
    "inTRACKtive, table, renamed": (CSV, "intracktive", "intracktive_csv"),
    "btrack, table, renamed": (CSV, "btrack", "btrack_csv"),
    "OrganoidTracker": (AUT, ORGANOIDTRACKER, "organoidtracker"),
}
FORMATS = {GEFF: "GEFF", CTC: "Cell Tracking Challenge", CSV: "CSV", AUT: "OrganoidTracker"}
RARE = {
    "from 3": {"first": 3},
    "three": {"daughters": 3},
    "merges": {"merges": 0.3},
    "skips": {"skips": 0.3},
    "alone": {"alone": 0.9},
    "texts": {"texts": True},
}
# Programs that refuse a plain lineage as it is
KNOWN = {"pycellin, CTC", "pandas", "motile_tracker, table"}
RELEVANT = ("positions", "links", "divisions", "and back")  # where a lineage is rare
GOOD = (None, "", "right", "scores 1")
COLUMNS = ("positions", "links", "divisions", "units", "properties", "and back", *RARE)


def make_cases(seeds: int) -> dict[str, list[Annotations]]:
    """Name of the case → lineages: plain ones, and each rare one."""
    rng = np.random.default_rng(0)
    sample = read_annotations(find_samples() / "organoid_a.aut")
    numbers = {n: v for n, v in sample.properties.items() if not isinstance(v[0], str)}
    sample = dataclasses.replace(sample, properties=numbers)
    cases = {"plain": [sample, *(grow_lineages(rng) for _ in range(seeds))]}
    for name, options in RARE.items():
        cases[name] = [grow_lineages(rng, **options) for _ in range(seeds)]
    return {name: [add_track_ids(each) for each in cases[name]] for name in cases}


def write(lineage: Annotations, path: Path) -> bool:
    """Writes the file, for the Challenge a folder with truth and results; whether that is possible."""
    shape_zyx = np.maximum(SHAPE_ZYX, np.ceil(lineage.positions.max(axis=0) + 1).astype(int))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the format has no merges, and the kit says so
        try:
            if path.suffix:
                write_annotations(lineage, path)
            else:
                for name, results in (("01_RES", True), ("01_GT/TRA", False)):
                    write_annotations(lineage, path / name, shape_zyx=shape_zyx, results=results)
        except UserError:
            return False
    return True


def run(jobs: list[dict], python: Path, folder: Path, timeout: float) -> list[dict]:
    """The results of these jobs, one process for all of them."""
    (folder / "jobs.json").write_text(json.dumps(jobs))
    results = folder / "results.json"
    results.unlink(missing_ok=True)
    command = [str(python), str(ROOT / "benchmarks" / "_other_readers.py")]
    said = ""
    try:
        done = subprocess.run(
            [*command, str(folder / "jobs.json"), str(results)],
            timeout=timeout,
            capture_output=True,
            text=True,
        )
        said = done.stderr[-300:]
    except subprocess.TimeoutExpired:
        said = f"did not end in {timeout:g} s"
    found = json.loads(results.read_text()) if results.exists() else []
    return found + [{"error": said or "ended"}] * (len(jobs) - len(found))


# ---- what a program holds, beside what was written ---------------------------------------------------------------


def match(truth: Annotations, said: dict, tolerance: float) -> tuple[np.ndarray | None, str]:
    """The row of each position that a program holds, and what it did to the coordinates; no rows
    where they are not those that were written.
    """
    positions = np.array(said["positions"]).reshape(-1, 3)
    times = np.array(said["times"])
    sizes, minutes = np.array(truth.spacing_um), truth.minutes_per_time_point or 1.0
    axes = {"": positions, "x and z exchanged": positions[:, ::-1]}
    units = {"": 1.0, "in µm": sizes}
    clocks = {
        "": truth.time_points,
        "time in minutes": truth.time_points * minutes,
        "time from 0": truth.time_points - truth.annotated_time_points[0],
    }
    counts = ""
    if len(positions) != len(truth):
        counts = f"{len(positions)} of {len(truth)}"
    for axis, unit, clock in itertools.product(axes, units, clocks):
        rows = find_rows(
            np.column_stack([clocks[clock], truth.positions * units[unit]]),
            np.column_stack([times, axes[axis]]),
            np.array([0.01, *(np.ones(3) * units[unit] * tolerance)]),
        )
        if rows is not None:
            return rows, ", ".join(filter(None, (counts, axis, unit, clock)))
    return None, counts or "other places"


def find_rows(places: np.ndarray, found: np.ndarray, tolerance: np.ndarray) -> np.ndarray | None:
    """The row of each found place, where each has one and none has two."""
    if len(found) == 0:
        return None
    from scipy.spatial import KDTree

    distances, rows = KDTree(places / tolerance).query(found / tolerance, p=np.inf)
    return rows if distances.max() <= 1 and len(set(rows.tolist())) == len(rows) else None


def judge(truth: Annotations, said: dict, tolerance: float) -> dict[str, str]:
    """One word for each of the columns of a plain lineage."""
    if "error" in said:
        return {"positions": f"refused: {said['error']}"}
    if "scores" in said:
        wrong = {name: value for name, value in said["scores"].items() if abs(value - 1) > 1e-9}
        return {"positions": "scores 1" if not wrong else f"scores {wrong}"}
    rows, how = match(truth, said, tolerance)
    if rows is None:
        return {"positions": how}
    cells = {"positions": how or "right"}
    if said.get("tracks") is False:
        return cells
    links = {tuple(rows[list(pair)].tolist()) for pair in said["links"]}
    wanted = set(map(tuple, truth.links.tolist()))
    cells["links"] = compare_sets(wanted, links)
    mothers = len(truth.divisions())
    there = np.bincount([source for source, _ in links] or [0], minlength=len(truth))
    count = said.get("divisions")
    count = int((there > 1).sum()) if count is None else count
    cells["divisions"] = "right" if count == mothers else f"{count} of {mothers}"
    stated = [
        np.allclose(said[key] or 0, wanted)
        for key, wanted in (
            ("spacing", truth.spacing_um),
            ("minutes", truth.minutes_per_time_point),
        )
        if said.get(key) is not None
    ]
    if stated or "in µm" in how:
        cells["units"] = "right" if all(stated) else "wrong"
        if len(stated) < 2:
            cells["units"] += " (µm)" if "in µm" in how else " (half)"
    cells["properties"] = compare_properties(truth, said, rows)
    return cells


def compare_sets(wanted: set, found: set) -> str:
    """In a word what is missing and what is too much."""
    missing, more = len(wanted - found), len(found - wanted)
    parts = [f"{missing} of {len(wanted)} lost"] * bool(missing) + [f"{more} added"] * bool(more)
    return ", ".join(parts) or "right"


def compare_properties(truth: Annotations, said: dict, rows: np.ndarray) -> str:
    """Which properties, of positions and of links, do not have the values that were written."""
    places = {pair: number for number, pair in enumerate(map(tuple, truth.links.tolist()))}
    numbers = [places.get(tuple(rows[list(pair)].tolist())) for pair in said["links"]]
    wrong, count = [], len(truth.properties) + len(truth.link_properties)
    for table, there, order in (
        (truth.properties, said.get("properties", {}), rows),
        (truth.link_properties, said.get("link_properties", {}), numbers),
    ):
        for name, values in table.items():
            kept = name in there and None not in order and same(values[order], there[name])
            wrong += [] if kept else [name]
    if len(wrong) == count:
        return "none"
    return "right" if not wrong else f"not {', '.join(wrong)}"


def same(values: np.ndarray, there: list) -> bool:
    """Equal values; a missing one may be None, and 3 be 3.0."""
    return all(
        a == b or (isinstance(a, float) and isinstance(b, float) and abs(a - b) < 1e-6 * abs(a))
        for a, b in zip(values.tolist(), there, strict=True)
    )


def judge_back(truth: Annotations, path: Path, tolerance: float) -> str:
    """What the kit reads of the file that the program wrote."""
    if not path.exists():
        return ""
    sizes = {"spacing_um": truth.spacing_um, "minutes_per_time_point": truth.minutes_per_time_point}
    try:
        read = read_annotations(path, **(sizes if path.suffix == ".geff" else {}))
    except UserError as error:
        return f"the kit refuses it: {error}".replace(str(path), "")[:160]
    said = {"positions": read.positions, "times": read.time_points, "links": read.links.tolist()}
    cells = judge(truth, said, tolerance)
    wrong = [cells.get(name, "") for name in ("positions", "links") if cells.get(name) != "right"]
    return ", ".join(filter(None, wrong)) or "right"


# ---- all of it -----------------------------------------------------------------------------------------------------


def measure(
    reader: str, suffix: str, cases: dict[str, list[Annotations]], folder: Path, python: Path
) -> dict[str, str]:
    """Column → cell, of one program and one format."""
    jobs, lineages, cells = [], [], {}
    tolerance = 2.0 if suffix == CTC else 1e-3  # voxels; balls are drawn, and centred again
    for name, lineage in [(kind, each) for kind, some in cases.items() for each in some]:
        path = folder / f"{name.replace(' ', '_')}_{len(jobs)}_{reader}{suffix}"
        if not write(lineage, path):
            cells[name] = ["not written: the format has no place for it"]
            continue
        back = path.with_name(f"back_{path.stem}{suffix or GEFF}")
        jobs.append({"reader": reader, "path": str(path), "back": str(back)})
        lineages.append((name, lineage))
    results = run(jobs, python, folder, timeout=60 + 20 * len(jobs))
    for job, (name, lineage), said in zip(jobs, lineages, results, strict=True):
        if suffix == CTC:
            lineage = lineage.without_links(np.isin(lineage.links[:, 1], lineage.merges()))
        judged = judge(lineage, said, tolerance)
        if "error" not in said:
            judged["and back"] = judge_back(lineage, Path(job["back"]), tolerance)
        if "not_back" in said:
            judged["and back"] = f"not written again: {said['not_back']}"
        if name in RARE:
            wrong = [judged.get(key) for key in RELEVANT if judged.get(key) not in GOOD]
            judged = {name: ", ".join(filter(None, wrong)) or "right"}
        for column, cell in judged.items():
            cells.setdefault(column, []).append(cell)
    return {column: summarise(values) for column, values in cells.items()}


def summarise(values: list[str]) -> str:
    """One cell for several lineages: the first that is not right, and how many are not."""
    values = [value for value in values if value]
    bad = [value for value in values if value != "right"]
    few = f" ({len(bad)} of {len(values)} files)" if len(bad) < len(values) else ""
    return bad[0] + few if bad else "".join(values[:1])


def print_table(rows: dict[str, dict[str, str]], notes: list[str]) -> None:
    """Lines of a Markdown table; what is not simply right is a note below it."""
    print("| program | " + " | ".join(COLUMNS) + " |\n|" + " --- |" * (len(COLUMNS) + 1))
    for program, cells in rows.items():
        line = []
        for column in COLUMNS:
            cell = cells.get(column, "")
            if cell not in ("", "right"):
                if cell not in notes:
                    notes.append(cell)
                cell = f"({notes.index(cell) + 1})"
            line.append(cell)
        print(f"| {program} | " + " | ".join(line) + " |", flush=True)


def try_organoidtracker(count: int, folder: Path, python: Path) -> int:
    """Opens and writes again lineages with all that is rare, at once; how many then say all that
    they said.
    """
    rng, jobs, lineages = np.random.default_rng(1), [], []
    for number in range(count):
        chances = {name: rng.choice([0, 0.3]) for name in ("merges", "alone")}
        choices = {"daughters": rng.integers(2, 4), "first": rng.integers(4)}
        lineage = grow_lineages(rng, **chances, **choices, texts=bool(rng.integers(2)))
        lineage.properties["nested"] = make_column([[number, None, {"a": 0.5}]] * len(lineage))
        roots = lineage.links_backward() == 0
        colours = [int(rng.integers(2**24)) if root else None for root in roots]
        lineage.properties["lineage_color"] = make_column(colours)
        lineages.append(add_organoidtracker_data(lineage))
        paths = [folder / f"{name}_{number}.aut" for name in ("wild", "back")]
        write(lineages[-1], paths[0])
        jobs.append({"reader": "organoidtracker", "path": str(paths[0]), "back": str(paths[1])})
    results = run(jobs, python, folder, timeout=600)
    same = 0
    for lineage, job, said in zip(lineages, jobs, results, strict=True):
        if "error" not in said:
            same += facts(read_annotations(job["back"])) == facts(lineage)
    return same


def try_lists(folder: Path, python: Path) -> int:
    """Opens lists of bundled movies and one of a folder of TIFFs; how many hold what we hold."""
    paths = [*sorted(find_samples().glob("*.autlist")), folder / "folder.autlist"]
    [entry] = read_dataset(find_samples() / "test.autlist")
    (folder / "images").mkdir()
    for time in entry.movie.time_points[2:5]:
        for channel in (1, 2):
            image = entry.movie.stack(time, (channel,))
            file = folder / "images" / f"t{time}c{channel}.tif"
            tifffile.imwrite(file, image, metadata={"axes": "ZYX"})
    pattern, spacing_um = "t{time}c{channel}.tif", entry.movie.spacing_um
    movie = read_timelapse(folder / "images", pattern=pattern, spacing_um=spacing_um)
    known = entry.annotations.select(np.isin(entry.annotations.time_points, movie.time_points))
    write_dataset([AnnotatedMovie(movie, known, pattern)], paths[-1])
    jobs = [{"reader": "organoidtracker_list", "path": str(path), "back": ""} for path in paths]
    same = 0
    for path, said in zip(paths, run(jobs, python, folder, timeout=600), strict=True):
        theirs = said.get("movies", [])
        ours = [_say_movie(each) for each in read_dataset(path)]
        same += ours == theirs
        if ours != theirs:
            print(f"{path.name}: {said.get('error', theirs)}")
    return same


def _say_movie(entry: AnnotatedMovie) -> dict:
    movie, channels = entry.movie, range(1, len(entry.movie.channel_names) + 1)
    first, last = movie.time_points[0], movie.time_points[-1]
    sums = [int(movie.stack(first, (channel,)).sum(dtype=int)) for channel in channels]
    known, facts = entry.annotations, {"reach": [first, last], "shape": list(movie.shape_zyx)}
    facts |= {"spacing": list(movie.spacing_um), "sums": sums}
    return facts | {"positions": len(known), "links": len(known.links)}


def count_broken_rules(count: int, folder: Path) -> int:
    """How many of so many random files break a rule of OrganoidTracker."""
    rng, broken = np.random.default_rng(2), 0
    for _ in range(count):
        kind = {"merges": 0.2, "alone": 0.5, "daughters": rng.integers(2, 4)}
        lineage = grow_lineages(rng, **kind, texts=True, first=rng.integers(-3, 4))
        write_annotations(add_organoidtracker_data(lineage), folder / "rules.aut", overwrite=True)
        broken += bool(find_broken_rules(json.loads((folder / "rules.aut").read_text("utf-8"))))
    return broken


def make_environment(folder: Path, packages: dict[str, str]) -> Path:
    """Packages of these versions, installed once; returns their Python."""
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"Installing {', '.join(packages)} …", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--no-compile"]
        pins = [f"{name}=={version}" for name, version in packages.items()]
        done = subprocess.run([*pip, *pins], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{', '.join(pins)}: {done.stderr[-500:]}")
        (folder / "ready").touch()
    return python


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environments", type=Path, help="folder of the other programs, kept")
    parser.add_argument("--organoidtracker", type=Path, help="folder of its repository")
    parser.add_argument("--organoidtracker-lineages", type=int, default=250, metavar="COUNT")
    parser.add_argument("--only", default="", help="programs whose name begins so")
    parser.add_argument("--lineages", type=int, default=3, help="random lineages of each kind")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = (
        str(options.organoidtracker.resolve()) if options.organoidtracker else ""
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environments = (options.environments or folder / "environments").resolve()
        cases, notes, tables, wrong = make_cases(options.lineages), [], {}, 0
        for program, (suffix, package, reader) in PROGRAMS.items():
            if not program.startswith(options.only):
                continue
            print(f"{program} …", file=sys.stderr, flush=True)
            title = f"{program} {PACKAGES[package].get(package, '')}".strip()
            cells = {"positions": "not tried: pass --organoidtracker"}
            if package != ORGANOIDTRACKER or options.organoidtracker:
                python = make_environment(environments / package, PACKAGES[package] | SHARED)
                cells = measure(reader, suffix, cases, folder, python)
                plain = {cells.get(name) for name in ("positions", "links", "divisions")}
                wrong += not plain <= {*GOOD, "in µm"} and program not in KNOWN
            tables.setdefault(suffix, {})[title] = cells
        for suffix, rows in tables.items():
            print(f"\n## {FORMATS[suffix]}\n")
            print_table(rows, notes)
        print("", *(f"({number}) {note}" for number, note in enumerate(notes, start=1)), sep="\n")
        if not ORGANOIDTRACKER.startswith(options.only):
            return int(wrong > 0)
        if options.organoidtracker:
            count = options.organoidtracker_lineages
            same = try_organoidtracker(count, folder, python)
            print(
                f"\nOrganoidTracker: {same} of {count} random lineages say the same after it",
                end="",
            )
            print(" opened them and wrote them again")
            wrong += count - same
            opened = try_lists(folder, python)
            print(f"OrganoidTracker: {opened} of 4 lists (.autlist) hold what we hold")
            wrong += 4 - opened
        broken = count_broken_rules(1000, folder)
        print(f"OrganoidTracker's rules: {broken} of 1000 random files break one")
    return int(wrong + broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
