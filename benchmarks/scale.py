"""Tracking shared out to several processes: how much sooner, how much memory, and what kills cost.

    python benchmarks/scale.py [--time-points 60] [--width 160] [--workers 2] [--kills 20]
        [--only shared again killed]

Tracks an invented movie with the shipped networks in one process of one thread, then with workers
of one thread each, imports counted, then with workers that are killed at random moments, and with
the whole command killed once and given again. Prints wall time and what all processes had of the
processor, efficiency by either (what one process took, by what all workers together took), the
largest memory of a process for half the movie and for all of it, and whether the files of results
are the same. Other work on the machine spoils the wall time; hardly what was had of the processor.
"""

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data.timelapse import make_timelapse, write_timelapse

_ONE_THREAD = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_QUIET = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-points", type=int, default=60)
    parser.add_argument("--width", type=int, default=160, help="of the images, voxels of 0.5 µm")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=["shared", "again", "killed"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Makes the movies, and prints a line for each way to track them."""
    movies, workers = {}, ("--workers", str(options.workers))
    settings = SyntheticSettings(time_points=12, shape_zyx=(24, *[options.width] * 2))
    made, _ = make_synthetic_movie(settings, seed=3)
    stacks = [made.stack(time, (1,)) for time in (*range(12), *range(10, 0, -1))]  # there and back
    for count in (options.time_points // 2, options.time_points):
        movies[count] = folder / f"movie_{count}.ome.tif"
        images = np.stack([stacks[time % len(stacks)] for time in range(count)])[:, None]
        write_timelapse(make_timelapse(images, spacing_um=made.spacing_um), movies[count])
    one, memory, plain = track(movies[count], folder / "one", "--array", "1/1")
    say(f"one process, {count} time points: {describe(one)}, {memory:.2f} GB")
    if "shared" in options.only:
        for count, movie in movies.items():
            took, memory, files = track(movie, folder / f"shared_{count}", *workers)
            say(f"{options.workers} workers, {count}: {describe(took)}, {memory:.2f} GB at most")
        efficiency = one[0] / took[0] / options.workers, one[1] / took[1]
        say("efficiency: {:.0%} by wall time, {:.0%} by processor".format(*efficiency))
        say(f"the same files: {files == plain}")
    if "again" in options.only:
        took, _, files = track(movies[count], folder / "again", *workers, stop_after=one[0] / 2)
        say(
            f"the command killed, scheduler and all: {describe(took)}, same files: {files == plain}"
        )
    if "killed" in options.only:
        took, _, files = track(movies[count], folder / "killed", *workers, kills=options.kills)
        say(f"{options.kills} workers killed: {describe(took)}, same files: {files == plain}")


def describe(took: tuple[float, float]) -> str:
    return "{:.0f} s, {:.0f} s of processor".format(*took)


def say(line: str) -> None:
    print(line, flush=True)


def track(
    movie: Path, output: Path, *where: str, kills: int = 0, stop_after: float | None = None
) -> tuple[tuple[float, float], float, dict[str, str]]:
    """Seconds by the clock and of processor (in all), the largest memory of a process (GB), and
    checksums of the results, by name.
    """
    command = [sys.executable, "-m", "organoid_kit", "track", movie, "--channels", "1"]
    command += ["-o", output, "--block", "5", *where]
    environment = os.environ | dict.fromkeys(_ONE_THREAD, "1")
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, **_QUIET)
    if stop_after:
        time.sleep(stop_after)
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            each.kill()
        process.wait()
        process = subprocess.Popen(command, env=environment, **_QUIET)
    seen = [0.0]
    killer = threading.Thread(target=watch, args=(process, kills, seen), daemon=True)
    killer.start()
    _, process.returncode, used = os.wait4(process.pid, 0)  # with the processes that it waited for
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed")
    took = time.perf_counter() - began, used.ru_utime + used.ru_stime
    files = {path.name: path.read_bytes() for path in output.glob("*.aut")}
    return took, max(seen), {k: hashlib.sha256(v).hexdigest() for k, v in files.items()}


def watch(process: subprocess.Popen, kills: int, seen: list[float]) -> None:
    """Notes the memory of the largest child, and kills so many at random moments."""
    draw = random.Random(0)
    next_kill = time.monotonic() + 10
    while process.returncode is None:
        try:
            own = psutil.Process(process.pid)
            children = own.children(recursive=True)
            seen.append(max(each.memory_info().rss for each in [own, *children]) / 1e9)
            busy = [each for each in children if each.memory_info().rss > 4e8]
            if kills and busy and time.monotonic() > next_kill:
                draw.choice(busy).kill()
                kills -= 1
                next_kill = time.monotonic() + draw.uniform(2, 30)
        except psutil.NoSuchProcess:
            continue
        time.sleep(0.2)
    if kills:
        print(f"{kills} kills were left when it ended")


if __name__ == "__main__":
    main()
