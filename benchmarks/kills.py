"""Kills what writes, at its system calls and at random moments: nothing may be lost, and what has a name is whole.

    python benchmarks/kills.py                          # 200 kills over everything that writes
    python benchmarks/kills.py --kills 500 --works geff,journal --seed 3
    python benchmarks/kills.py --kills 6 --works "train link"

Each work goes in steps: it writes a version of something, over the one before, and says so. Its process is killed
before or after one of its calls (open, mkdir, replace, fsync, unlink …), or a random time after its start, without a
chance to tidy up. Whoever reads then must find the version that was said last, or the next one, whole; the
work goes on from there. A training is killed in the same way, and must end with the weights of one never killed.
What needs Keras or Zarr starts anew for each kill, which takes seconds; all else is forked.
"""

from __future__ import annotations

import argparse
import builtins
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import fuzz
import numpy as np

CALLS = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "fsync", "truncate")
Work = tuple[Callable[[Path, int], None], Callable[[Path], int]]  # writes a version; which is there


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
        return round(read_annotations(folder / f"a{suffix}").positions[0, 2]) - 4

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
            for file in (folder / "made" / "runs" / "first").iterdir():
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
    names = ("position_small", "division_small", "link_small")

    def write(folder: Path, version: int) -> None:
        tracked = TrackedMovie(made, made, {"all": float(version)})
        save_tracking(folder / "tracked", AnnotatedMovie(fuzz.make_movie(), made), tracked, names)

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
    """A movie tracked in units: each version is one more file."""
    from organoid_kit.prediction.units import TrackingJob, find_nuclei, finish, judge_links, propose

    def list_steps(folder: Path) -> tuple[list[Callable], list[Path]]:
        from organoid_kit.prediction.units import _path

        (folder / "units").mkdir(exist_ok=True)
        names = ("position_small", "division_small", "link_small")
        job = TrackingJob(fuzz.make_movie(), names, folder / "units", (1,), block=1).prepare()
        units, whole = job.units(), job.movie.time_points
        steps = [lambda unit=unit: find_nuclei(job, unit) for unit in units]
        files = [_path(job, "nuclei", unit) for unit in units] + [_path(job, "candidates", whole)]
        steps += [lambda: propose(job)] + [
            lambda unit=unit: judge_links(job, unit) for unit in units
        ]
        files += [_path(job, "links", unit) for unit in units]
        return [*steps, lambda: finish(job)], files

    def write(folder: Path, version: int) -> None:
        steps, _ = list_steps(folder)
        steps[min(version, len(steps)) - 1]()

    def read(folder: Path) -> int:
        _, files = list_steps(folder)
        there = [file for file in files if file.exists()]
        for file in there:
            dict(np.load(file))
        return len(there)

    return write, read


FORKED: dict[str, Callable[[], Work]] = {
    "json": write_json,
    "aut": lambda: write_version(".aut"),
    "csv": lambda: write_version(".csv"),
    "labels": lambda: write_version("", shape_zyx=(6, 20, 22), radius_um=0.4),
    "results": add_results,
    "journal": edit,
    "mended tracks": mend,
    "kept runs": keep_runs,
    "tracked movies": save_trackings,
}
STARTED: dict[str, Callable[[], Work]] = {
    "geff": lambda: write_version(".geff"),  # Zarr has a thread, which does not survive a fork
    "network": lambda: write_networks(export=False),
    "export": lambda: write_networks(export=True),
    "units": track_units,
}
TRAINED = ("train position", "train division", "train link")
STEPS = 3  # versions a process writes, if it is not killed before


# ---- the killing


def die_at(call: int, afterwards: bool) -> Callable[[], int]:
    """Lets this process kill itself at one of its calls that change files; returns how many there were."""
    counted = 0

    def wrap(real: Callable, counts: Callable = lambda *_, **__: True) -> Callable:
        def wrapped(*words, **options):
            nonlocal counted
            counted += (here := counts(*words, **options))
            if here and counted == call and not afterwards:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = real(*words, **options)
            if here and counted == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return wrapped

    for name in CALLS:
        setattr(os, name, wrap(getattr(os, name)))
    writes = lambda file, mode="r", *_, **__: any(letter in mode for letter in "wax+")  # noqa: E731
    builtins.open = wrap(builtins.open, writes)
    return lambda: counted


def do_steps(work: Work, folder: Path, first: int, say: Callable[[int], None]) -> None:
    for version in range(first, first + STEPS):
        work[0](folder, version)
        say(version)


def fork(work: Work, folder: Path, first: int, call: int, afterwards: bool, seconds: float) -> int:
    """The version that was said last before the kill; call 0: killed after so many seconds."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(out)
            if call:
                die_at(call, afterwards)
            do_steps(work, folder, first, lambda version: os.write(into, b"%d\n" % version))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(into)
    if not call:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with open(out) as said:
        lines = said.read().split()
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("the work itself failed")
    return int(lines[-1]) if lines else first - 1


def start(name: str, folder: Path, first: int, call: int, afterwards: bool, seconds: float) -> int:
    """The same in a process that begins from nothing."""
    words = [name, str(folder), str(first), str(call), str(int(afterwards))]
    child = subprocess.Popen(
        [sys.executable, __file__, "--child", *words], stdout=subprocess.PIPE, text=True
    )
    child.stdout.readline()  # it is ready
    if not call:
        time.sleep(seconds)
        child.kill()
    lines = child.communicate()[0].split()
    if child.returncode > 0:
        raise SystemExit("the work itself failed")
    return int(lines[-1]) if lines else first - 1


def kill_work(name: str, kills: int, rng: random.Random, say: Callable = print) -> int:
    """How many of so many kills lost something. Each is said that did."""
    forked, lost = name in FORKED, 0
    work = (FORKED if forked else STARTED)[name]()
    run = (lambda *how: fork(work, *how)) if forked else (lambda *how: start(name, *how))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        began = time.monotonic()
        there = run(folder, 1, 10**9, False, 0.0)  # not killed, to know how long it takes
        whole = time.monotonic() - began
        for number in range(kills):
            call = rng.randint(1, 60) if rng.random() < 0.7 else 0
            how = call, rng.random() < 0.5, rng.uniform(0, whole)
            said = run(folder, there + 1, *how)
            try:
                found = work[1](folder)
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
            is_next = found in (said, said + 1)
            if name in ("aut", "csv", "geff", "labels"):  # these count to ten
                is_next = found in (said % 10, (said + 1) % 10)
                found = said + (found != said % 10) if is_next else found
            if not is_next:
                lost += 1
                say(f"{name}, kill {number + 1} {how}: version {said} was said, there is {found}")
                return lost
            there = found
            if name == "units" and there >= 7:
                for file in (folder / "units").glob("*.npz"):
                    file.unlink()
                there = 0
    return lost


def kill_training(network: str, kills: int, rng: random.Random) -> int:
    """1 where its end is not that of one never killed."""
    import resume

    epochs = 3
    with tempfile.TemporaryDirectory() as place:
        never, often = Path(place, "never"), Path(place, "often")
        resume.finish(resume.start(never, network, epochs))
        for _ in range(kills):
            call = rng.randint(1, 150)
            words = [f"train {network}", str(often), str(epochs), str(call), str(rng.randint(0, 1))]
            subprocess.run([sys.executable, __file__, "--child", *words], stdout=subprocess.DEVNULL)
        resume.finish(resume.start(often, network, epochs))
        one, other = resume.describe(never), resume.describe(often)
    differing = [name for name in one if one[name] != other[name]]
    print(f"train {network}: different: {', '.join(differing) or 'nothing'}")
    return int(bool(differing))


def work_as_child(name: str, folder: str, first: str, call: str, afterwards: str) -> None:
    if name in TRAINED:
        import resume

        die_at(int(call), afterwards == "1")
        resume.train_here(Path(folder), name.removeprefix("train "), int(first))
        return
    work = STARTED[name]()
    print("ready", flush=True)
    die_at(int(call), afterwards == "1")
    do_steps(work, Path(folder), int(first), lambda version: print(version, flush=True))


def main() -> int:
    works = [*FORKED, *STARTED, *TRAINED]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="over all works that are named")
    parser.add_argument("--works", default=",".join(works), help=", ".join(works))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.child:
        work_as_child(*options.child)
        return 0
    chosen, failed = options.works.split(","), 0
    slow = [name for name in chosen if name not in FORKED]
    shares = {name: 0.25 if name in slow and len(slow) < len(chosen) else 1.0 for name in chosen}
    for name in chosen:
        kills = max(1, round(options.kills * shares[name] / sum(shares.values())))
        rng = random.Random(f"{options.seed} {name}")
        if name in TRAINED:
            lost = kill_training(name.removeprefix("train "), kills, rng)
        else:
            lost = kill_work(name, kills, rng)
        failed += lost
        print(f"{name:16} {kills:4} kills, {lost} lost something", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
