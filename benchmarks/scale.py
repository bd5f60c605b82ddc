"""Tracking shared out to several processes: how much sooner, how much memory, and what kills cost.

    python benchmarks/scale.py [--time-points 60] [--workers 2] [--kills 20]

Tracks an invented movie with the shipped networks in one process of one thread, then with workers
of one thread each, imports counted, then with workers that are killed at random moments, and with
the whole command killed once and given again. Prints time, efficiency (time of one process by
time and number of workers), the largest memory of a process for half the movie and for all of it,
and whether the files of results are the same. Other work on the machine spoils the times.
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

import psutil

from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data.timelapse import write_timelapse

_ONE_THREAD = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_QUIET = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-points", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.time_points, options.workers, options.kills)


def measure(folder: Path, time_points: int, workers: int, kills: int) -> None:
    """Makes the movies, and prints a line for each way to track them."""
    movies = {}
    for count in (time_points // 2, time_points):
        movies[count] = folder / f"movie_{count}.ome.tif"
        settings = SyntheticSettings(time_points=count)
        write_timelapse(make_synthetic_movie(settings, seed=3)[0], movies[count])
    one, _, plain = track(movies[time_points], folder / "one", "--array", "1/1")
    print(f"one process: {one:.0f} s")
    for count, movie in movies.items():
        seconds, memory, files = track(movie, folder / f"shared_{count}", "--workers", str(workers))
        print(f"{workers} workers, {count} time points: {seconds:.0f} s, {memory:.2f} GB each")
    print(f"efficiency: {one / seconds / workers:.0%}; same files: {files == plain}")
    _, _, files = track(movie, folder / "killed", "--workers", str(workers), kills=kills)
    print(f"{kills} workers killed: same files: {files == plain}")
    _, _, files = track(movie, folder / "again", "--workers", str(workers), stop_after=seconds / 2)
    print(f"the command killed once, scheduler and all: same files: {files == plain}")


def track(
    movie: Path, output: Path, *where: str, kills: int = 0, stop_after: float | None = None
) -> tuple[float, float, dict[str, str]]:
    """Seconds, the largest memory of a process (GB), and checksums of the results, by name."""
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
    if process.wait():
        raise SystemExit(f"{' '.join(map(str, command))} failed")
    seconds = time.perf_counter() - began
    files = {path.name: path.read_bytes() for path in output.glob("*.aut")}
    return seconds, max(seen), {k: hashlib.sha256(v).hexdigest() for k, v in files.items()}


def watch(process: subprocess.Popen, kills: int, seen: list[float]) -> None:
    """Notes the memory of the largest child, and kills so many at random moments."""
    draw = random.Random(0)
    next_kill = time.monotonic() + 15
    while process.poll() is None:
        try:
            own = psutil.Process(process.pid)
            children = own.children(recursive=True)
            seen.append(max(each.memory_info().rss for each in children or [own]) / 1e9)
            busy = [each for each in children if each.memory_info().rss > 4e8]
            if kills and busy and time.monotonic() > next_kill:
                draw.choice(busy).kill()
                kills -= 1
                next_kill = time.monotonic() + draw.uniform(2, 20)
        except psutil.NoSuchProcess:
            continue
        time.sleep(0.2)
    if kills:
        print(f"{kills} kills were left when it ended")


if __name__ == "__main__":
    main()
