"""Damages valid files and asks every reader for them: it must answer with a result or with one clear error.

    python benchmarks/fuzz.py                       # 20,000 inputs over all readers, seed 1
    python benchmarks/fuzz.py --inputs 300 --readers geff,csv --seed 7

Each reader gets small valid files of its formats, one thing changed in each: bytes, a line, a number, a value
in JSON, a file of a folder or zip. What is read is used (tracks are followed, a stack is loaded). An error of the kind
`UserError` with one message is right, and so is a result; everything else fails: another exception, a message
that nobody would read to its end, more than 10 s of the processor's time, a minute by the clock, or more than
600 MB beyond what the process had at its start. Inputs are read in child processes, which are ended when they
take too long, and failures are grouped by the last line of the kit they passed. The same seed makes the same
inputs.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import queue
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

SECONDS = 10  # of the processor's time, a reader may take for one input
PATIENCE = 60  # seconds by the clock, after which it hangs: other programs may be busy, too
BYTES = 600_000_000  # it may allocate
LONGEST = 1500  # characters of a message
SLOW = (
    "network",
    "checkpoints",
    "packs",
    "runs",
    "trackings",
    "notes",
)  # they load Keras, or draw pages
EXTREMES = (
    0,
    -1,
    1,
    2**31,
    2**53,
    10**9,
    10**30,
    1e308,
    -1e308,
    0.5,
    float("nan"),
    float("inf"),
    -float("inf"),
)
OTHERS = (
    None,
    True,
    False,
    "",
    "x",
    "\u0000",
    "7",
    "€" * 300,
    [],
    {},
    [[]],
    [None],
    {"x": 1},
    ["a", 1],
    *EXTREMES,
)


# Valid files, in a folder of their own for each case
def make_annotations(properties: bool = True):
    """Seven nuclei at three time points, with a division and values of every kind."""
    from organoid_kit.data import Annotations

    data = {
        "id": [11, 12, 13, 14, 15, 16, 17],
        "quality": [0.5, None, 1.0, 2.5, -1.0, 0.0, 1e-3],
        "name": ["a", "b b", "µ", None, "e", "f", "7"],
        "lineage_color": [255, None, None, None, None, None, None],
    }
    return Annotations(
        positions=[[2, 5, 5], [2, 5, 15], [2, 6, 5], [2, 6, 15], [1, 7, 4], [3, 7, 7], [2, 7, 15]],
        time_points=[0, 0, 1, 1, 2, 2, 2],
        links=[[0, 2], [1, 3], [2, 4], [2, 5], [3, 6]],
        properties=data if properties else {},
        link_properties={"link_probability": [0.9, 1.0, None, 0.5, 0.25]} if properties else {},
        spacing_um=(2.0, 0.5, 0.5),
        minutes_per_time_point=12.0,
        name="lineage",
        region=[[0, 0, 0], [5, 20, 20]],
        extra={"other": {"kept": [1, 2]}},
    )


def make_movie():
    """Three time points, two channels, six planes of 20 × 22 pixels."""
    from organoid_kit.data import make_timelapse

    images = np.random.default_rng(0).integers(0, 2000, (3, 2, 6, 20, 22)).astype(np.uint16)
    return make_timelapse(images, (2.0, 0.5, 0.5), minutes_per_time_point=12.0, name="movie")


def write_aut_files(folder: Path) -> list[Path]:
    """Both versions of OrganoidTracker's files."""
    from organoid_kit.data import write_annotations

    write_annotations(make_annotations(), folder / "two.aut")
    places = [{"_time_point_number": t, "x": 1.0 + t, "y": 2.0, "z": 3.0} for t in range(3)]
    links = [{"source": a, "target": b, "p": 0.5} for a, b in zip(places, places[1:])]
    graph = {
        "directed": False,
        "graph": [],
        "nodes": [{"id": each, "type": "x"} for each in places],
        "links": links,
    }
    positions = {str(t): [[1.0 + t, 2.0, 3.0]] for t in range(3)}
    old = {"version": "v1", "positions": positions, "links": graph, "image_offsets": []}
    (folder / "one.aut").write_text(json.dumps(old))
    return [folder / "two.aut", folder / "one.aut"]


def write_lists(folder: Path) -> list[Path]:
    """An .autlist beside its movie; annotations and movie are read with it."""
    from organoid_kit.data import AnnotatedMovie, read_timelapse, write_dataset
    from organoid_kit.data.timelapse import write_timelapse

    write_timelapse(make_movie(), folder / "movie.ome.tif")
    entry = AnnotatedMovie(read_timelapse(folder / "movie.ome.tif"), make_annotations())
    write_dataset([entry], folder / "list.autlist")
    return [folder / "list.autlist"]


def write_tables(folder: Path) -> list[Path]:
    """Our table, TrackMate's with its three rows of headings, and one with decimal commas."""
    from organoid_kit.data import write_annotations

    write_annotations(make_annotations(), folder / "own.csv")
    lines = ["LABEL,ID,TRACK_ID,QUALITY,POSITION_X,POSITION_Y,POSITION_Z,POSITION_T,FRAME"]
    lines += [
        "Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame",
        "Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame",
    ]
    lines += [",,,(quality),(micron),(micron),(micron),(sec),"]
    lines += [f"ID{n},{n},0,1.5,{n}.25,2.5,4.0,{n}.0,{n}" for n in range(4)]
    (folder / "spots.csv").write_text("\n".join(lines) + "\n")
    (folder / "commas.csv").write_text("time_point;z_um;y_um;x_um\n0;1,5;2;3\n1;1,5;2,25;3\n")
    return [folder / name for name in ("own.csv", "spots.csv", "commas.csv")]


def write_trackmate_files(folder: Path) -> list[Path]:
    """TrackMate's XML."""
    from organoid_kit.data import write_annotations

    write_annotations(make_annotations(), folder / "tracks.xml")
    return [folder / "tracks.xml"]


def write_geffs(folder: Path) -> list[Path]:
    """GEFF, as we write it."""
    from organoid_kit.data import write_annotations

    write_annotations(make_annotations(), folder / "tracks.geff")
    return [folder / "tracks.geff"]


def write_label_images(folder: Path) -> list[Path]:
    """Folders of the Cell Tracking Challenge, truth and results."""
    from organoid_kit.data import write_annotations

    for name, results in (("truth", False), ("results", True)):
        write_annotations(
            make_annotations(False), folder / name, shape_zyx=(6, 20, 22), results=results
        )
    return [folder / "truth", folder / "results"]


def write_tiffs(folder: Path) -> list[Path]:
    """OME, ImageJ and plain TIFF, compressed and not."""
    import tifffile

    from organoid_kit.data.timelapse import write_timelapse

    movie = make_movie()
    write_timelapse(movie, folder / "movie.ome.tif")
    stacks = np.stack([movie.stack(time) for time in movie.time_points])
    said = {"axes": "TZYX", "unit": "um", "spacing": 2.0, "finterval": 720.0}
    tifffile.imwrite(folder / "imagej.tif", stacks, imagej=True, resolution=(2, 2), metadata=said)
    tifffile.imwrite(
        folder / "plain.tif", stacks[0], photometric="minisblack", compression="zlib", metadata=None
    )
    tifffile.imwrite(
        folder / "big.tif", stacks, photometric="minisblack", bigtiff=True, tile=(16, 16)
    )
    return [folder / name for name in ("movie.ome.tif", "imagej.tif", "plain.tif", "big.tif")]


def write_tiff_folders(folder: Path) -> list[Path]:
    """A file for each time point and channel."""
    import tifffile

    movie = make_movie()
    (folder / "images").mkdir()
    for time_point in movie.time_points:
        for channel in (1, 2):
            file = folder / "images" / f"im_t{time_point:03}c{channel}.tif"
            tifffile.imwrite(file, movie.stack(time_point, (channel,)), photometric="minisblack")
    return [folder / "images"]


def write_zarrs(folder: Path) -> list[Path]:
    """OME-Zarr in both versions, and a plain array."""
    import zarr

    movie = make_movie()
    stacks = np.stack([[movie.stack(time, (c,)) for c in (1, 2)] for time in movie.time_points])
    axes = [{"name": "t", "type": "time", "unit": "second"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [720.0, 1.0, 2.0, 0.5, 0.5]}]
    labels = {"channels": [{"label": "nuclei"}, {"label": "membrane"}]}
    image = {
        "version": "0.4",
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": scale}],
    }
    for name, version in (("four.zarr", 2), ("five.zarr", 3)):
        group = zarr.open_group(str(folder / name), mode="w", zarr_format=version)
        group.create_array("0", data=stacks, chunks=(1, 1, 6, 20, 22))
        said = {"multiscales": [image], "omero": labels}
        group.attrs.update(said if version == 2 else {"ome": said})
    zarr.save_array(str(folder / "plain.zarr"), stacks, zarr_format=2)
    return [folder / name for name in ("four.zarr", "five.zarr", "plain.zarr")]


def write_settings_folders(folder: Path) -> list[Path]:
    """Folders of networks, ours and OrganoidTracker's, whose settings are read without Keras."""
    from organoid_kit.base import NetworkSettings
    from organoid_kit.networks.folders import make_record

    foreign = {"type": "divisions", "time_window": [-1, 1], "patch_shape_zyx": [12, 64, 64]}
    foreign |= {"platt_scaling": 1.2, "platt_intercept": -0.5}
    for name, record in (("ours", make_record(NetworkSettings())), ("theirs", foreign)):
        (folder / name).mkdir()
        (folder / name / "model.keras").touch()
        (folder / name / "settings.json").write_text(json.dumps(record))
    return [folder / "ours", folder / "theirs"]


def write_networks(folder: Path) -> list[Path]:
    """A division network with random weights."""
    from organoid_kit.base import make_settings
    from organoid_kit.networks import build_network, save_network

    settings = make_settings("division", patch_shape_zyx=(8, 16, 16))
    save_network(build_network(settings), settings, folder / "network")
    return [folder / "network"]


def write_runs(folder: Path) -> list[Path]:
    """A folder of two runs as a training leaves them, without networks; one with what it was tested on."""
    from dataclasses import replace

    from organoid_kit.base.settings import NetworkSettings, write_settings
    from organoid_kit.data import AnnotatedMovie
    from organoid_kit.report.results import save_movie_result
    from organoid_kit.training import Run, runs

    row = {"loss": 0.5, "validation_loss": 0.7, "validation_f1": 0.5, "seconds": 60.0}
    history = [{"epoch": number, "best": number == 2, **row} for number in (1, 2)]
    annotated = AnnotatedMovie(make_movie(), make_annotations(False))
    data = [runs.describe_movie("training", annotated)]
    details = {"started": "2026-01-01 10:00:00", "data": data}
    details["versions"] = runs.collect_versions()
    for name in ("first", "second"):
        run = folder / "runs" / name
        run.mkdir(parents=True)
        write_settings(NetworkSettings(), run / "settings.json")
        (run / "run.json").write_text(json.dumps(details))
        (run / "history.json").write_text(json.dumps(history))
        (run / "log.txt").write_text("2026-01-01 10:00:00 started\n2026-01-01 10:05:00 finished\n")
    calibration = {"slope": 1.1, "intercept": 0.1, "kind": "platt", "reason": "it is better"}
    (folder / "runs" / "first" / "calibration.json").write_text(json.dumps(calibration))
    truth = annotated.annotations
    found = replace(truth, properties={"probability": np.full(len(truth), 0.9)})
    save_movie_result(Run(folder / "runs" / "first"), annotated, found, 0.5, blobs=truth)
    return [folder / "runs"]


def write_trackings(folder: Path) -> list[Path]:
    """A tracked movie with its truth, kept for a report."""
    from organoid_kit.data import AnnotatedMovie
    from organoid_kit.prediction.movie import TrackedMovie
    from organoid_kit.report.results import save_tracking

    made, names = make_annotations(False), ("position_small", "division_small", "link_small")
    tracked = TrackedMovie(made, made, {"all": 1.0})
    save_tracking(folder / "tracked", AnnotatedMovie(make_movie(), made), tracked, names)
    return [folder / "tracked"]


def write_notes(folder: Path) -> list[Path]:
    """What a prediction goes on from, and what a movie tracked in units does."""
    from organoid_kit.base.files import write_json_safely
    from organoid_kit.prediction import units
    from organoid_kit.prediction.positions import _Journal

    for time_point in range(3):
        _Journal(folder / "notes", "this").add(time_point, np.full((4, 3), 2.5), np.ones(4))
    job, made = _make_job(folder / "units"), make_annotations(False)
    write_json_safely(job.folder / "job.json", ["a", "b", "c"])
    write_json_safely(job.folder / "state.json", ["under way", 7, 0.1, ""])
    chosen = {"positions": made.positions, "time_points": made.time_points}
    chosen |= {key: np.ones(len(made)) for key in ("probability", "division_probability")}
    links = {"links": made.links, "link_probability": np.ones(len(made.links))}
    for kind, arrays in (("nuclei", chosen), ("candidates", links), ("links", links)):
        for unit in [range(3)] if kind == "candidates" else job.units():
            units._do_once(job, kind, unit, lambda arrays=arrays: arrays)
    return [folder / "notes", folder / "units"]


def _make_job(folder: Path):
    from organoid_kit.prediction.units import TrackingJob

    names = ("position_small", "division_small", "link_small")
    return TrackingJob(make_movie(), names, folder, block=3)


def write_packs(folder: Path) -> list[Path]:
    """A folder for keeping, with two runs."""
    from organoid_kit.course.run_keeping import BackupWriter
    from organoid_kit.training import Run

    write_runs(folder)
    for run in (folder / "runs").iterdir():
        BackupWriter(folder / "kept").keep(Run(run))
    return [folder / "kept"]


def write_journals(folder: Path) -> list[Path]:
    """A journal of each kind of step; another as earlier versions of the kit wrote it, without checksums."""
    from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor

    for name in ("now", "earlier"):
        (folder / name).mkdir()
        editor = AnnotationEditor(
            make_annotations(), make_movie(), output=folder / name / "out.csv"
        )
        editor.add(0, (1, 8, 8))
        editor.move(0, (2, 5, 6))
        editor.delete(5)
        editor.undo()
    journal = folder / "earlier" / "out.csv.journal"
    journal.write_text(re.sub(r', "crc": \d+', "", journal.read_text()))
    return [folder / "now" / "out.csv.journal", journal]


def write_results(folder: Path) -> list[Path]:
    """A table of results with three rows."""
    from organoid_kit.course.results_table import add_result

    for seed in (1, 2, None):
        add_result(folder / "table", "position", "usual", seed, {"F1": 0.9, "recall": None})
    return [folder / "table"]


def write_strings(folder: Path) -> list[Path]:
    """What a class sends to its board."""
    from organoid_kit.dashboards.class_board import Guess, format_guess

    guesses = [Guess(name, number, 0.5, {"seed": 7}) for name, number in (("a", 0.1), ("b", 0.9))]
    lines = [format_guess("Which?", guess) for guess in guesses]
    (folder / "strings.txt").write_text("\n".join(lines))
    return [folder / "strings.txt"]


def make_small_network():
    """A division network, compiled for training, its settings and examples for it."""
    from organoid_kit.base import make_settings
    from organoid_kit.training.preparing import prepare_network

    settings = make_settings("division", patch_shape_zyx=(8, 16, 16))
    return prepare_network(settings), settings


def write_checkpoints(folder: Path) -> list[Path]:
    """The two newest checkpoints of a run, and a picture of an epoch."""
    from organoid_kit.training.checkpoints import TrainingState, save_checkpoint
    from organoid_kit.training.epoch_pictures import EpochPicture, write_picture

    network, _ = make_small_network()
    row = {"epoch": 1, "loss": 0.5, "validation_loss": 0.7, "best": True, "seconds": 60.0}
    (folder / "run" / "checkpoints").mkdir(parents=True)
    for step in (3, 7):
        state = TrainingState(8, 1, step, [(0.5, 8)], [row], 0.7, 0, 60.0, 3.0)
        save_checkpoint(network, state, folder / "run" / "checkpoints")
    image, answers = np.zeros((1, 1, 16, 16), np.uint8), np.zeros((1, 16, 16), np.float16)
    nuclei = np.array([[3.0, 4.0]])
    picture = EpochPicture("position", 1, image, answers, answers, nuclei, (0.5, 0.5))
    write_picture(picture, folder / "run")
    return [folder / "run" / "checkpoints", folder / "run" / "epochs"]


# Readers, which use what they have read
def use_annotations(path: Path) -> None:
    """Reads annotations and follows their tracks."""
    from organoid_kit.data import read_annotations
    from organoid_kit.data.formats import add_track_ids

    in_um = path.name in ("spots.csv", "commas.csv", "tracks.xml")
    add_track_ids(read_annotations(path, **({"spacing_um": (2.0, 0.5, 0.5)} if in_um else {})))


def use_movie(path: Path) -> None:
    """Opens a movie and reads its first and last stack."""
    from organoid_kit.data import read_timelapse

    movie = read_timelapse(path, accept_guess=True)
    for time_point in {movie.time_points[0], movie.time_points[-1]}:
        movie.stack(time_point, (len(movie.channel_names),))


def use_list(path: Path) -> None:
    """Reads a list and checks its annotations, without images."""
    from organoid_kit.data import read_dataset
    from organoid_kit.evaluation import check_annotations

    for annotated in read_dataset(path):
        check_annotations(annotated.annotations, annotated.movie, time_points=())


def use_settings(path: Path) -> None:
    """Reads what stands beside a network."""
    from organoid_kit.networks.folders import load_settings

    load_settings(path)


def use_network(path: Path) -> None:
    """Loads a network."""
    from organoid_kit.networks import load_network

    load_network(path)


def use_runs(path: Path) -> None:
    """Lists runs and compares them, draws their histories, and says all that a report does."""
    from organoid_kit.plots import plot_history
    from organoid_kit.plots.drawing import write_png
    from organoid_kit.report.results import read_movie_results
    from organoid_kit.report.run_page import collect_facts
    from organoid_kit.training import Run, compare_runs, list_runs

    compare_runs(path)
    for row in list_runs(path):
        run = Run(path / row["run"])
        run.ending  # noqa: B018 its log is read
        collect_facts(run, read_movie_results(run))
        if run.history and row["run"] == "second":
            write_png(plot_history(run.history))


def use_trackings(path: Path) -> None:
    """Makes a page of them."""
    from organoid_kit.report.tracking_page import write_tracking_report

    write_tracking_report(path, path / "tracking.html", overwrite=True)


def use_notes(path: Path) -> None:
    """Goes on from what was found; from units, makes the tracks."""
    from organoid_kit.cli.units import _note_state, print_states
    from organoid_kit.data import Annotations
    from organoid_kit.prediction.positions import _Journal
    from organoid_kit.prediction.units import finish

    if path.is_dir():
        job = _make_job(path)
        print_states(path.parent)
        finish(job)
        _note_state(job, "done")
        return
    for time_point, (positions, probabilities) in sorted(_Journal(path, "this").found.items()):
        times = np.full(len(positions), time_point)
        Annotations(positions, times, properties={"probability": probabilities})


def use_packs(path: Path) -> None:
    """Lists kept runs, and brings back those that are whole."""
    from organoid_kit.course.run_keeping import list_backups, restore_run

    for kept in list_backups(path):
        if kept.copy:
            restore_run(kept, path.parent / "restored")
    from organoid_kit.training import compare_runs

    compare_runs(path.parent / "restored")


def use_journal(path: Path) -> None:
    """Does its steps again."""
    from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor

    AnnotationEditor(make_annotations(), make_movie(), output=path.with_suffix("")).undo()


def use_results(path: Path) -> None:
    """Reads a table and prints it."""
    from organoid_kit.course.results_table import read_results

    str(read_results(path))


def use_strings(path: Path) -> None:
    """Draws the class's curve, and tells what is wrong."""
    from organoid_kit.base import UserError
    from organoid_kit.dashboards.class_board import parse_guesses, plot_guesses
    from organoid_kit.plots.drawing import write_png

    guesses, complaints = parse_guesses(path.read_bytes().decode(errors="replace"), "Which?")
    write_png(plot_guesses(guesses, "Which?"))
    if complaints:
        raise UserError(max(complaints, key=len))


def use_checkpoints(path: Path) -> None:
    """Goes on from the newest; draws the pictures of epochs."""
    from organoid_kit.plots.curves import plot_epoch
    from organoid_kit.plots.drawing import write_png
    from organoid_kit.training.checkpoints import load_newest_checkpoint
    from organoid_kit.training.epoch_pictures import list_pictures, read_picture

    if path.name == "epochs":
        for epoch in list_pictures(path.parent):
            write_png(plot_epoch(read_picture(path.parent, epoch), [], title=""))
    else:
        load_newest_checkpoint(_kept_network(), path)


@cache
def _kept_network():
    return make_small_network()[0]


READERS: dict[str, tuple[Callable[[Path], list[Path]], Callable[[Path], None]]] = {
    "aut": (write_aut_files, use_annotations),
    "autlist": (write_lists, use_list),
    "csv": (write_tables, use_annotations),
    "trackmate": (write_trackmate_files, use_annotations),
    "geff": (write_geffs, use_annotations),
    "ctc": (write_label_images, use_annotations),
    "tiff": (write_tiffs, use_movie),
    "tiff_folder": (write_tiff_folders, use_movie),
    "zarr": (write_zarrs, use_movie),
    "settings": (write_settings_folders, use_settings),
    "network": (write_networks, use_network),
    "runs": (write_runs, use_runs),
    "trackings": (write_trackings, use_trackings),
    "notes": (write_notes, use_notes),
    "packs": (write_packs, use_packs),
    "journal": (write_journals, use_journal),
    "results": (write_results, use_results),
    "strings": (write_strings, use_strings),
    "checkpoints": (write_checkpoints, use_checkpoints),
}


# One thing is changed
def damage(path: Path, rng: np.random.Generator) -> str:
    """Changes a file, or one file of a folder, and says how."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    described = [
        file for file in files if file.suffix in (".json", ".txt") or file.name.startswith(".z")
    ]
    highest = min((len(file.parts) for file in described), default=0)
    at_top = [file for file in described if len(file.parts) == highest]
    chosen = (at_top or files, described or files, files)[rng.integers(3)]
    file = chosen[rng.integers(len(chosen))]
    if path.is_dir() and rng.random() < 0.06:
        return damage_folder(file, files, rng)
    content = file.read_bytes()
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if isinstance(value, dict | list) and rng.random() < 0.8:
        how, value = change_value(value, rng)
        content = json.dumps(value).encode()
    elif zipfile.is_zipfile(file) and rng.random() < 0.7:
        how = change_zip(file, rng)
        return f"{file.name}: {how}"
    elif _is_text(content) and rng.random() < 0.7:
        how, content = change_text(content.decode(), rng)
    else:
        how, content = change_bytes(content, rng)
    file.write_bytes(content)
    return f"{file.name}: {how}"


def change_zip(file: Path, rng: np.random.Generator) -> str:
    """Something else in one of the files of a zip, whose checksums fit again."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    names = [name for name in parts if name.endswith((".json", "state.npy")) or rng.random() < 0.5]
    name = (names or list(parts))[rng.integers(len(names or parts))]
    if name.endswith(".json"):
        how, value = change_value(json.loads(parts[name]), rng)
        parts[name] = json.dumps(value).encode()
    elif rng.random() < 0.1:
        how = "removed"
        del parts[name]
    else:
        how, parts[name] = change_bytes(parts[name], rng)
    with zipfile.ZipFile(file, "w") as archive:
        for each, content in parts.items():
            archive.writestr(each, content)
    return f"{name}: {how}"


def damage_folder(file: Path, files: list[Path], rng: np.random.Generator) -> str:
    """A file is lost, renamed, doubled, or is another."""
    kind = rng.integers(4)
    if kind == 0:
        file.unlink()
        return f"{file.name}: removed"
    if kind == 1:
        other = files[rng.integers(len(files))]
        content = other.read_bytes()
        file.write_bytes(content)
        return f"{file.name}: content of {other.name}"
    name = (
        file.with_name("000" + file.name)
        if kind == 2
        else file.with_name(file.stem + "9" + file.suffix)
    )
    (shutil.copy if kind == 2 else os.replace)(file, name)
    return f"{file.name}: {'copied' if kind == 2 else 'renamed'} to {name.name}"


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


def change_value(value, rng: np.random.Generator):
    """Another value somewhere in JSON, a key lost, renamed or repeated."""
    places = []  # container, key

    def collect(part):
        for key, inner in list(part.items()) if isinstance(part, dict) else enumerate(part):
            places.append((part, key))
            if isinstance(inner, dict | list):
                collect(inner)

    collect(value)
    if not places or rng.random() < 0.02:
        other = OTHERS[rng.integers(len(OTHERS))]
        return f"all of it is {other!r:.40}", other
    part, key = places[rng.integers(len(places))]
    kind = rng.integers(8)
    if kind == 0:
        del part[key]
        return f"{key!r} removed", value
    if kind == 1 and isinstance(part, dict):
        part[["x", "", "version", key + " ", key.upper()][rng.integers(5)]] = part.pop(key)
        return f"{key!r} renamed", value
    if kind == 2 and isinstance(part, list):
        part.insert(key, part[rng.integers(len(part))])
        return f"entry {key} doubled", value
    if kind == 3 and isinstance(part[key], int | float):
        part[key] = [-part[key], part[key] * 10**6, part[key] + 0.5, str(part[key])][
            rng.integers(4)
        ]
        return f"{key!r} = {part[key]!r:.40}", value
    if kind == 4:
        other, there = places[rng.integers(len(places))]
        part[key] = (
            json.loads(json.dumps(other[there]))
            if there in other or isinstance(other, list)
            else None
        )
        return f"{key!r} is what {there!r} is", value
    part[key] = OTHERS[rng.integers(len(OTHERS))]
    return f"{key!r} = {part[key]!r:.40}", value


def change_text(text: str, rng: np.random.Generator) -> tuple[str, bytes]:
    """A number, a word or a line is another, lost or repeated."""
    spans = [match.span() for match in re.finditer(r"-?[0-9][0-9.]*|[A-Za-z_]+|[^\w\s]", text)]
    lines = text.split("\n")
    if not spans or rng.random() < 0.3:
        at, kind = rng.integers(len(lines)), rng.integers(3)
        lines[at : at + 1] = [[], [lines[at]] * 2, [lines[rng.integers(len(lines))]]][kind]
        return f"line {at} {('removed', 'doubled', 'exchanged')[kind]}", "\n".join(lines).encode()
    start, stop = spans[rng.integers(len(spans))]
    first, last = spans[rng.integers(len(spans))]
    others = [str(value) for value in EXTREMES] + [
        "",
        '"',
        "€",
        "1_0",
        "1,5",
        "x" * 400,
        "٣",
        text[first:last],
    ]
    other = others[rng.integers(len(others))]
    return f"{text[start:stop]!r} is {other!r:.30}", (text[:start] + other + text[stop:]).encode()


def change_bytes(content: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Bytes changed, lost, repeated or cut off, mostly at the beginning, where headers are."""
    if not content:
        return "no longer empty", bytes(rng.integers(0, 256, 20, dtype=np.uint8))
    reach = len(content) if rng.random() < 0.5 else min(len(content), 300)
    at, length, kind = int(rng.integers(reach)), int(rng.integers(1, 9)), rng.integers(5)
    if kind == 0:
        return f"cut at {at}", content[:at]
    if kind == 1:
        return f"{length} bytes lost at {at}", content[:at] + content[at + length :]
    if kind == 2:
        return f"{length} bytes doubled at {at}", content[: at + length] + content[at:]
    fill = bytes(rng.integers(0, 256, length, dtype=np.uint8)) if kind == 3 else b"\xff" * length
    return f"{length} bytes changed at {at}", content[:at] + fill + content[at + length :]


# Child: reads one input after another
def read_inputs(reader: str, seed: int, start: int, stop: int) -> None:
    """Prints a line for each input: its number before it is read, and what came of it afterwards."""
    from organoid_kit.base import UserError

    write, use = READERS[reader]
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        valid = Path(folder) / "valid"
        valid.mkdir()
        cases = write(valid)
        for case in cases:
            use(case)  # valid, and what is loaded only once is loaded
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (used + BYTES, used + BYTES))
        for index in range(start, stop):
            print(json.dumps({"begins": index}), flush=True)
            rng = np.random.default_rng((seed, zlib.crc32(reader.encode()), index))
            case = cases[rng.integers(len(cases))]
            place = Path(folder) / "damaged"
            shutil.copytree(valid, place)
            path = place / case.relative_to(valid)
            how, began = damage(path, rng), time.process_time()
            answer = {"index": index, "how": f"{case.name}, {how}", "kind": "result"}
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            try:
                use(path)
            except UserError as error:
                long = len(str(error)) > LONGEST
                answer |= {
                    "kind": f"a message of more than {LONGEST} characters" if long else "error"
                }
                answer["at"] = find_last_line(error) if long else ""
            except Exception as error:
                answer |= {
                    "kind": type(error).__name__,
                    "at": find_last_line(error),
                    "text": f"{error!s:.200}",
                }
            faulthandler.cancel_dump_traceback_later()
            answer["seconds"] = time.process_time() - began
            if answer["seconds"] > SECONDS:
                answer |= {"kind": f"longer than {SECONDS} s", "at": answer.get("at", reader)}
            print(json.dumps(answer), flush=True)
            shutil.rmtree(place)


def find_last_line(error: BaseException) -> str:
    """The last line of the kit's that an exception passed, and the last of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "organoid_kit/" in frame.filename]
    texts = [
        f"{frame.filename.split('organoid_kit/')[-1]}:{frame.lineno} {frame.name}"
        for frame in own[-1:]
    ]
    other = frames[-1].filename.split("site-packages/")[-1]
    return " → ".join(texts + ([f"{other} {frames[-1].name}"] if frames[-1] not in own else []))


# Parent
def watch(reader: str, seed: int, count: int) -> list[dict]:
    """What came of so many inputs; a child that takes too long or dies is replaced by another."""
    answers, start = [], 0
    while start < count:
        command = [sys.executable, __file__, "--child", reader, str(seed), str(start), str(count)]
        errors = tempfile.TemporaryFile("w+")
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_pass_on, args=(child.stdout, lines), daemon=True).start()
        running, limit = None, 300  # the start takes longer
        while True:
            try:
                line = lines.get(timeout=limit)
            except queue.Empty:
                child.kill()
                break
            if not line:
                break
            answer = json.loads(line)
            if "begins" in answer:
                running, limit = answer["begins"], PATIENCE + 30
            else:
                answers.append(answer)
                start = answer["index"] + 1
        child.wait()
        if start < count:
            errors.seek(0)
            said = errors.read()
            if running is None:
                raise SystemExit(f"{reader}: no input was read.\n{said}")
            late = "Timeout (" in said  # faulthandler says so, and the last line first
            kind = (
                f"longer than {PATIENCE} s" if late else f"the process ended ({child.returncode})"
            )
            lines_passed = re.findall(r'organoid_kit/(.+)", line (\d+) in (\w+)', said)
            at = "{}:{} {}".format(*lines_passed[0]) if lines_passed else reader
            answers.append(
                {"index": running, "how": "", "kind": kind, "at": at, "text": said[-300:]}
            )
            start = running + 1
    return answers


def _pass_on(stream, lines: queue.Queue[str]) -> None:
    for line in stream:
        if line.startswith("{"):
            lines.put(line)
    lines.put("")


def find_failures(reader: str, answers: list[dict]) -> dict[tuple[str, str], list[dict]]:
    """What is neither a result nor one clear error, by kind and place."""
    groups = defaultdict(list)
    for answer in answers:
        if answer["kind"] not in ("result", "error"):
            groups[answer["kind"], answer.get("at", reader)].append(answer)
    return groups


def main() -> int:
    """Prints a line for each reader, and each group of failures with its first inputs; 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--inputs", type=int, default=20_000, help="over all readers that are named"
    )
    parser.add_argument("--readers", default=",".join(READERS), help=", ".join(READERS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        reader, *numbers = arguments.child
        read_inputs(reader, *map(int, numbers))
        return 0
    chosen, failed = arguments.readers.split(","), 0
    shares = {reader: 0.25 if reader in SLOW else 1.0 for reader in chosen}
    for reader in chosen:
        count = round(arguments.inputs * shares[reader] / sum(shares.values()))
        answers = watch(reader, arguments.seed, count)
        kinds = Counter(answer["kind"] for answer in answers)
        seconds = max(answer.get("seconds", 0) for answer in answers)
        groups = find_failures(reader, answers)
        print(
            f"{reader:12} {count:5} inputs: {kinds['result']} results, {kinds['error']} errors of one message, "
            f"{sum(map(len, groups.values()))} failures, slowest {seconds:.1f} s",
            flush=True,
        )
        for (kind, place), group in sorted(groups.items(), key=lambda pair: -len(pair[1])):
            failed += len(group)
            print(f"    {len(group):4} × {kind} at {place}: {group[0].get('text', '')}")
            for answer in group[:3]:
                print(f"           input {answer['index']}, {answer['how']}")
    print(f"seed {arguments.seed}: {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
