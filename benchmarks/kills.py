"""Kills what writes, at its system calls and at random moments: nothing may be lost, and what has a name is whole.

    python benchmarks/kills.py                          # 200 kills over everything that writes
    python benchmarks/kills.py --kills 500 --works geff,journal --seed 3
    python benchmarks/kills.py --kills 6 --works "train link"

Most works go in steps: each writes a version of something, over the one before, and says so. Its process is killed
before or after one of its calls (open, mkdir, replace, fsync, unlink …), or a random time after its start, without a
chance to tidy up. Whoever reads then must find the version that was said last, or the next one, whole; the
work goes on from there. Trainings and the command `track` are begun again after each kill until they end: what
they said was done must be there, the run must open, and the end must be that of one never killed. All are children
of one process that has loaded Keras, so that a kill takes a second or two, of a training ten.
"""

from __future__ import annotations

import argparse
import builtins
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import fuzz
import numpy as np

CALLS = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "fsync", "truncate")
Work = tuple[Callable[[Path, int], None], Callable[[Path], int]]  # writes a version; which is there
STEPS = 3  # versions a process writes, if it is not killed before
NAMES = ("position_small", "division_small", "link_small")


def require(condition: object, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


# ---- what writes


def write_version(suffix: str, **options) -> Work:
    """Annotations over those of the version before, which their first position tells."""
    from organoid_kit.data import read_annotations, write_annotations

    def write(folder: Path, version: int) -> None:
        made = fuzz.make_annotations(properties=bool(suffix))
        made.positions[0, 2] = 4 + version % 10
        write_annotations(made, folder / f"a{suffix}", overwrite=version > 1, **options)

    def read(folder: Path) -> int:
        if not (folder / f"a{suffix}").exists() and not any(folder.glob(".writing-*")):
            return 0
        in_um = {"spacing_um": (2.0, 0.5, 0.5)} if suffix == ".xml" else {}
        return round(read_annotations(folder / f"a{suffix}", **in_um).positions[0, 2]) - 4

    return write, read


def write_json() -> Work:
    from organoid_kit.base.files import read_json, write_json_safely

    def write(folder: Path, version: int) -> None:
        write_json_safely(folder / "a.json", [version] * 5000, overwrite=True)

    def read(folder: Path) -> int:
        values = set(read_json(folder / "a.json")) if (folder / "a.json").exists() else {0}
        [version] = values
        return version

    return write, read


def add_results() -> Work:
    from organoid_kit.course.results_table import add_result, read_results

    def read(folder: Path) -> int:
        return len(read_results(folder).results)

    return lambda folder, version: add_result(
        folder, "position", "usual", version, {"F1": 0.9}
    ), read


def edit() -> Work:
    from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor

    def open_editor(folder: Path) -> AnnotationEditor:
        return AnnotationEditor(fuzz.make_annotations(), fuzz.make_movie(), output=folder / "a.csv")

    def write(folder: Path, version: int) -> None:
        open_editor(folder).move(0, (2, 5, version % 15))

    return write, lambda folder: len(open_editor(folder).steps)


def mend() -> Work:
    from organoid_kit.dashboards.tracks.mending import TrackEditor
    from organoid_kit.dashboards.tracks.pins import Pin, find_broken

    def open_editor(folder: Path) -> TrackEditor:
        return TrackEditor(fuzz.make_annotations(), fuzz.make_movie(), output=folder / "a.csv")

    def write(folder: Path, version: int) -> None:
        place = (2.0, float(version % 6), float(version % 20), float(version % 22))
        open_editor(folder).correct("one is missing", [Pin("nucleus", (place,))])

    def read(folder: Path) -> int:
        editor = open_editor(folder)
        if find_broken(editor.tracks, editor.pins):
            raise ValueError("a pin does not hold")
        return len(editor.done) - 1

    return write, read


def keep_runs() -> Work:
    from organoid_kit.course.run_keeping import BackupWriter, list_backups, restore_run
    from organoid_kit.training import Run

    def write(folder: Path, version: int) -> None:
        run = folder / "runs" / "first"
        if not (run / "checkpoints").exists():
            fuzz.write_runs(folder / "made")
            (run / "checkpoints").mkdir(parents=True)
            for file in (folder / "made" / "runs" / "second").iterdir():
                (run / file.name).write_bytes(file.read_bytes())
        (run / "checkpoints" / f"epoch_00000_step_{version:07}.npz").write_bytes(b"x" * 100_000)
        if not BackupWriter(folder / "kept").keep(Run(run)):
            raise SystemExit("not kept")

    def read(folder: Path) -> int:
        kept = list_backups(folder / "kept")
        if not kept:
            return 0
        with tempfile.TemporaryDirectory() as place:
            restore_run(kept[0], place)
        return kept[0].step

    return write, read


def save_trackings() -> Work:
    from organoid_kit.data import AnnotatedMovie
    from organoid_kit.prediction.movie import TrackedMovie
    from organoid_kit.report.results import read_trackings, save_tracking

    made = fuzz.make_annotations(properties=False)

    def write(folder: Path, version: int) -> None:
        tracked = TrackedMovie(made, made, {"all": float(version)})
        save_tracking(folder / "tracked", AnnotatedMovie(fuzz.make_movie(), made), tracked, NAMES)

    def read(folder: Path) -> int:
        (folder / "tracked").mkdir(exist_ok=True)
        found = [path for path in (folder / "tracked").iterdir() if path.name[0] != "."]
        if not found and not any((folder / "tracked").glob(".writing-*")):
            return 0
        return round(read_trackings(folder / "tracked")[0].record["seconds"]["all"])

    return write, read


def write_networks(export: bool) -> Work:
    """A network, or one for OrganoidTracker, whose settings tell the version."""
    from organoid_kit.base import make_settings
    from organoid_kit.networks import build_network, load_network, save_network
    from organoid_kit.networks.export import export_to_organoidtracker

    settings = make_settings("division", patch_shape_zyx=(8, 16, 16), spacing_um=(2.0, 1.0, 1.0))

    def write(folder: Path, version: int) -> None:
        known = settings.changed(calibration=(1.0 + version, 0.0))
        save_network(build_network(known), known, folder / "network", overwrite=version > 1)
        if export:
            options = {"spacing_um": (2.0, 0.5, 0.5), "planes": 8, "overwrite": version > 1}
            export_to_organoidtracker(folder / "network", folder / "export", **options)

    def read(folder: Path) -> int:
        place = folder / ("export" if export else "network")
        if not place.exists() and not any(folder.glob(".writing-*")):
            return 0
        return round(load_network(place)[1].calibration[0] - 1)

    return write, read


def track_units() -> Work:
    """A movie tracked in units: each version is one more file; a file that is made anew has the same in it."""
    from organoid_kit.prediction import units

    known: dict[str, str] = {}

    def list_steps(folder: Path) -> list[Callable]:
        (folder / "units").mkdir(exist_ok=True)
        job = units.TrackingJob(fuzz.make_movie(), NAMES, folder / "units", (1,), block=1).prepare()
        steps = [lambda unit=unit: units.find_nuclei(job, unit) for unit in job.units()]
        steps += [lambda: units.propose(job)]
        steps += [lambda unit=unit: units.judge_links(job, unit) for unit in job.units()]
        return [*steps, lambda: units.finish(job)]

    def write(folder: Path, version: int) -> None:
        steps = list_steps(folder)
        steps[min(version, len(steps)) - 1]()

    def read(folder: Path) -> int:
        there = sorted((folder / "units").glob("*.npz"))
        for file in there:
            with np.load(file) as opened:
                arrays = {name: opened[name] for name in opened.files if name != "seconds"}
            found = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays)))
            if known.setdefault(file.name, found.hexdigest()) != found.hexdigest():
                raise ValueError(f"{file.name} is not what it was")
        return len(there)

    return write, read


def write_movies() -> Work:
    """A movie, and the list that names it."""
    from organoid_kit.data import AnnotatedMovie, make_timelapse, read_dataset, write_dataset
    from organoid_kit.data.timelapse import write_timelapse

    def write(folder: Path, version: int) -> None:
        path, images = folder / f"{version}.ome.tif", np.full((2, 1, 2, 64, 64), version, np.uint16)
        write_timelapse(
            make_timelapse(images, (2.0, 0.5, 0.5)), folder / "a.ome.tif", overwrite=True
        )
        write_timelapse(make_timelapse(images, (2.0, 0.5, 0.5)), path, overwrite=True)
        from organoid_kit.data import read_timelapse

        entry = AnnotatedMovie(read_timelapse(path), fuzz.make_annotations(False))
        write_dataset([entry], folder / "a.autlist", overwrite=True)

    def read(folder: Path) -> int:
        if not (folder / "a.autlist").exists():
            return 0
        [found] = read_dataset(folder / "a.autlist")
        return int(found.movie.stack(1).min())

    return write, read


def put_results() -> Work:
    """What a network said of a movie, in a run, and the run's page."""
    from dataclasses import replace

    from organoid_kit.data import AnnotatedMovie
    from organoid_kit.report.results import read_movie_results, save_movie_result
    from organoid_kit.report.run_page import write_report
    from organoid_kit.training import Run

    truth = fuzz.make_annotations(properties=False)

    def write(folder: Path, version: int) -> None:
        run = Run(folder / "runs" / "first")
        found = replace(truth, properties={"probability": np.full(len(truth), 0.9)})
        annotated = AnnotatedMovie(fuzz.make_movie(), truth)
        save_movie_result(run, annotated, found, version / 1000)
        write_report(run.folder / "report.html", run, overwrite=True)

    def read(folder: Path) -> int:
        if not (folder / "runs").exists():
            fuzz.write_runs(folder)
        if (page := folder / "runs" / "first" / "report.html").exists():
            require(page.read_text().rstrip().endswith("</html>"), "it is not whole")
        results = read_movie_results(Run(folder / "runs" / "first"))
        return round(results[0].threshold * 1000) % 500

    return write, read


def write_cards() -> Work:
    """A network's folder with its card, whose author tells the version."""
    from organoid_kit.base import files
    from organoid_kit.report.model_card import write_model_card

    def write(folder: Path, version: int) -> None:
        options = {"author": f"Ada{version}.", "license": "MIT", "overwrite": version > 1}
        write_model_card("division_small", folder / "card", **options)

    def read(folder: Path) -> int:
        files.bring_back(folder / "card")
        if not (folder / "card").exists():
            return 0
        require(
            zipfile.ZipFile(folder / "card" / "model.keras").testzip() is None, "it is not whole"
        )
        json.loads((folder / "card" / "settings.json").read_text())
        return int(
            (folder / "card" / "README.md").read_text().partition("Ada")[2].partition(".")[0]
        )

    return write, read


def exchange_networks() -> Work:
    """A folder and a zip for bioimage.io; the zip comes last."""
    from organoid_kit.base import files, make_settings
    from organoid_kit.cli.runs import _invent_example
    from organoid_kit.networks import build_network, save_network
    from organoid_kit.report.bioimageio import write_bioimageio

    settings = make_settings("division", patch_shape_zyx=(8, 16, 16), spacing_um=(2.0, 1.0, 1.0))
    example = _invent_example((2.0, 1.0, 1.0))

    def write(folder: Path, version: int) -> None:
        if not (folder / "network").exists():
            save_network(build_network(settings), settings, folder / "network")
        options = {"author": f"Ada{version}.", "license": "MIT", "overwrite": version > 1}
        write_bioimageio(folder / "network", folder / "out", example, channels=(2, 3), **options)

    def find_author(text: str) -> int:
        return int(text.partition("Ada")[2].partition(".")[0])

    def read(folder: Path) -> int:
        files.bring_back(folder / "out")
        if not (folder / "out.zip").exists():
            shutil.rmtree(folder / "out", ignore_errors=True)  # the first was not finished
            return 0
        with zipfile.ZipFile(folder / "out.zip") as archive:
            require(archive.testzip() is None, "it is not whole")
            packed = find_author(archive.read("README.md").decode())
        unpacked = find_author((folder / "out" / "README.md").read_text())
        require(unpacked in (packed, packed + 1), f"folder {unpacked}, zip {packed}")
        return packed

    return write, read


def predict_with_notes() -> Work:
    """The file with which a prediction goes on: each version is a time point."""
    from organoid_kit.prediction.positions import _Journal

    def write(folder: Path, version: int) -> None:
        _Journal(folder / "notes", "this").add(version, np.full((50, 3), version), np.ones(50))

    def read(folder: Path) -> int:
        found = _Journal(folder / "notes", "this").found
        require(all((found[key][0] == key).all() for key in found), "it is not whole")
        return len(found)

    return write, read


WORKS: dict[str, Callable[[], Work]] = {
    "json": write_json,
    "aut": lambda: write_version(".aut"),
    "csv": lambda: write_version(".csv"),
    "trackmate": lambda: write_version(".xml"),
    "labels": lambda: write_version("", shape_zyx=(6, 20, 22), radius_um=0.4),
    "geff": lambda: write_version(".geff"),
    "movies": write_movies,
    "results": add_results,
    "journal": edit,
    "mended tracks": mend,
    "kept runs": keep_runs,
    "movie results": put_results,
    "tracked movies": save_trackings,
    "card": write_cards,
    "notes": predict_with_notes,
    "network": lambda: write_networks(export=False),
    "export": lambda: write_networks(export=True),
    "zip": exchange_networks,
    "units": track_units,
}
TEN = ("aut", "csv", "trackmate", "geff", "labels")  # these count to ten


# ---- what is begun again until it ends


@dataclass(frozen=True)
class Whole:
    """Work that goes on where it was killed."""

    do: Callable[[Path, Callable[[int], None]], None]  # in a folder; says how far it is
    check: Callable[[Path, int], None]  # that as much is there; an error where it is not
    describe: Callable[[Path], dict]  # how it ended


def train(network: str) -> Whole:
    import resume

    from organoid_kit.networks import load_network
    from organoid_kit.training import Run, list_runs
    from organoid_kit.training.epoch_pictures import list_pictures, read_picture

    resume.make_movies(network)

    def do(folder: Path, say: Callable[[int], None]) -> None:
        tell = lambda news: say(news.epoch * news.steps + news.step)  # noqa: E731
        resume.train_here(folder, network, 2, tell)

    def check(folder: Path, said: int) -> None:
        if said < 0 and not resume.find_runs(folder):
            return
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a run that is left out
            [row] = list_runs(folder)
        run = Run(folder / row["run"])
        require(run.details and run.settings.network == network, "it is not whole")
        for epoch in list_pictures(run.folder):
            read_picture(run.folder, epoch)
        if run.network_folder.exists():
            load_network(run.network_folder)
        newest = resume.find_checkpoints(folder)[-1:]
        if said >= 0 or newest:
            with np.load(newest[0]) as file:
                state = [json.loads(str(file[name])) for name in file.files if name == "state"][0]
                require(
                    all(np.isfinite(file[n]).all() for n in file.files if n != "state"),
                    "it is not whole",
                )
            steps = -(-resume.EXAMPLES_PER_EPOCH // 4)
            there = state["epoch"] * steps + state["step"]
            require(there >= said - 1, f"step {said} was said, {there} is there")
            require(len(run.history) >= state["epoch"], "the history is behind")

    return Whole(do, check, resume.describe)


def track_movie() -> Whole:
    """The command, with networks that come with the kit."""
    from organoid_kit import cli
    from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
    from organoid_kit.data import read_annotations
    from organoid_kit.data.timelapse import write_timelapse

    tiny = SyntheticSettings(shape_zyx=(8, 64, 64), time_points=3, nuclei=8)
    movie, _ = make_synthetic_movie(tiny, seed=1)

    def do(folder: Path, say: Callable[[int], None]) -> None:
        folder.mkdir(exist_ok=True)
        if not (folder / "movie.ome.tif").exists():
            write_timelapse(movie, folder / "movie.ome.tif")
        command = ["track", "movie.ome.tif", "-o", "tracks.aut", "--channels", "2,3"]
        os.chdir(folder)
        if cli.main(command):
            raise SystemExit("not tracked")
        say(1)

    def check(folder: Path, said: int) -> None:
        if said > 0 or (folder / "tracks.aut").exists():
            require(len(read_annotations(folder / "tracks.aut")), "it is not whole")

    def describe(folder: Path) -> dict:
        left = sorted(
            file.name for file in folder.iterdir() if not file.name.startswith(".writing-")
        )
        tracks = (folder / "tracks.aut").read_bytes()
        return {"tracks": hashlib.sha256(tracks).hexdigest(), "files": left}

    return Whole(do, check, describe)


WHOLES: dict[str, Callable[[], Whole]] = {
    "train position": lambda: train("position"),
    "train division": lambda: train("division"),
    "train link": lambda: train("link"),
    "track": track_movie,
}


# ---- the killing


@dataclass(frozen=True)
class Kill:
    """Before or after one of the calls that change files, or, where call is 0, after so many seconds."""

    call: int = 10**9
    afterwards: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Told:
    """What a child said before it ended."""

    last: int | None  # version, or how far it was
    calls: int  # that changed files, if it was not killed
    ended: bool  # by itself
    seconds: float


def die_at(kill: Kill) -> Callable[[], int]:
    """Lets this process kill itself at one of its calls that change files; returns how many there were."""
    counted = 0

    def wrap(real: Callable, counts: Callable = lambda *_, **__: True) -> Callable:
        def wrapped(*words, **options):
            nonlocal counted
            counted += (here := counts(*words, **options))
            if here and counted == kill.call and not kill.afterwards:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = real(*words, **options)
            if here and counted == kill.call:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return wrapped

    for name in CALLS:
        setattr(os, name, wrap(getattr(os, name)))
    writes = lambda file, mode="r", *_, **__: any(letter in mode for letter in "wax+")  # noqa: E731
    builtins.open = wrap(builtins.open, writes)
    return lambda: counted


def fork(do: Callable[[Callable[[int], None]], None], kill: Kill) -> Told:
    """Does it in a child, which is killed."""
    out, into = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if not child:
        try:
            os.close(out)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            count = die_at(kill)
            do(lambda number: os.write(into, b"%d\n" % number))
            os.write(into, b"calls %d\n" % count())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(into)
    if not kill.call:
        time.sleep(kill.seconds)
        os.kill(child, signal.SIGKILL)
    with open(out) as said:
        *lines, end = ["", *said.read().splitlines()]
    _, status = os.waitpid(child, 0)
    seconds = time.monotonic() - began
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("the work itself failed")
    ended = end.startswith("calls")
    numbers = [int(line) for line in [*lines, *([] if ended else [end])] if line]
    calls = int(end.removeprefix("calls ")) if ended else 0
    return Told(numbers[-1] if numbers else None, calls, ended, seconds)


def do_steps(work: Work, folder: Path, first: int, say: Callable[[int], None]) -> None:
    for version in range(first, first + STEPS):
        work[0](folder, version)
        say(version)


@cache
def prepare(name: str) -> Work | Whole:
    return (WORKS | WHOLES)[name]()


def work_in_child(name: str, folder: Path, first: int, kill: Kill) -> Told:
    """The next steps of some work, or the whole of it."""
    work = prepare(name)
    if isinstance(work, Whole):
        return fork(lambda say: work.do(folder, say), kill)
    return fork(lambda say: do_steps(work, folder, first, say), kill)


class Launcher:
    """A process that has loaded what all need, but used none of it: its children live in a second."""

    def __init__(self) -> None:
        command = [sys.executable, __file__, "--launch"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, **pipes)

    def __call__(self, name: str, folder: Path, first: int, kill: Kill) -> Told:
        print(
            json.dumps([name, str(folder), first, asdict(kill)]),
            file=self.process.stdin,
            flush=True,
        )
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{name}: the work itself failed")
        return Told(**json.loads(answer))


def launch() -> None:
    import keras  # noqa: F401 loaded once

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        name, folder, first, kill = json.loads(line)
        told = work_in_child(name, Path(folder), first, Kill(**kill))
        print(json.dumps(asdict(told)), file=answers, flush=True)


def choose_kill(rng: random.Random, whole: Told) -> Kill:
    if rng.random() < 0.7:
        return Kill(rng.randint(1, whole.calls), rng.random() < 0.5)
    return Kill(0, seconds=rng.uniform(0, whole.seconds))


def kill_work(
    name: str,
    kills: int,
    rng: random.Random,
    say: Callable = print,
    run: Callable[[str, Path, int, Kill], Told] = work_in_child,
) -> int:
    """How many of so many kills lost something: 0 or 1, as the first ends it. It is said."""
    if name in WHOLES:
        return kill_whole(name, kills, rng, say, run)
    work = prepare(name)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        there = work[1](folder)  # nothing
        whole = run(name, folder, 1, Kill())  # not killed, to know what there is to kill
        there = whole.last
        for _ in range(kills):
            kill = choose_kill(rng, whole)
            told = run(name, folder, there + 1, kill)
            said = there if told.last is None else told.last
            try:
                found = work[1](folder)
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
            is_next = found in (said, said + 1)
            if name in TEN:
                is_next = found in (said % 10, (said + 1) % 10)
                found = said + (found != said % 10) if is_next else found
            if name == "units":  # seven files; the last step makes none
                is_next = found in (min(said, 7), min(said + 1, 7))
            if not is_next:
                say(f"{name}, {kill}: version {said} was said, there is {found}")
                return 1
            there = found
            if name == "units" and there == 7:
                shutil.rmtree(folder / "units")
                there = 0
    return 0


def kill_whole(name: str, kills: int, rng: random.Random, say: Callable, run: Callable) -> int:
    """1 where what was said is not there after a kill, or the end is not that of one never killed."""
    work = prepare(name)
    with tempfile.TemporaryDirectory() as place:
        never, often = Path(place, "never"), Path(place, "often")
        whole = run(name, never, 0, Kill())
        wanted, number = work.describe(never), 0
        while True:
            kill = choose_kill(rng, whole) if number < kills else Kill()
            told, number = run(name, often, 0, kill), number + 1
            try:
                work.check(often, -1 if told.last is None else told.last)
                if told.ended:
                    found = work.describe(often)
                    differing = [key for key in wanted if wanted[key] != found[key]]
                    require(not differing, f"it ended differently: {', '.join(differing)}")
                    shutil.rmtree(often)
            except Exception as error:
                say(f"{name}, {kill}: {type(error).__name__}: {error}")
                return 1
            if told.ended and number > kills:
                return 0


def main() -> int:
    works = [*WORKS, *WHOLES]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="over all works that are named")
    parser.add_argument("--works", default=",".join(works), help=", ".join(works))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--launch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.launch:
        launch()
        return 0
    chosen, failed, killed, run = options.works.split(","), 0, 0, Launcher()
    for number, name in enumerate(chosen):
        kills = options.kills * (number + 1) // len(chosen) - options.kills * number // len(chosen)
        began = time.monotonic()
        lost = kill_work(name, kills, random.Random(f"{options.seed} {name}"), run=run)
        failed, killed = failed + lost, killed + kills
        seconds = time.monotonic() - began
        print(f"{name:16} {kills:4} kills, {lost} lost something, {seconds:.0f} s", flush=True)
    print(f"seed {options.seed}: {killed} kills, {failed} works lost something")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
