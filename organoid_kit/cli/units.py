"""`track` with several processes: on this machine, on a cluster, or as one share of many."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from organoid_kit import prediction
from organoid_kit.base import UserError, make_error, refuse_if
from organoid_kit.base.files import read_json, write_json_safely
from organoid_kit.cli.files import TrackWriter, choose_outputs, load_keras
from organoid_kit.cli.track import load_settings, print_doubts
from organoid_kit.examples.batches import Movies
from organoid_kit.training.runs import align_columns

_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_FAILURES = 20  # so many workers may be lost with a unit before it is given up
_AHEAD = 1000  # units of a scheduler, for which more workers may come
_PATIENCE_S = 1800  # without any worker


def track_in_units(
    movies: Movies,
    networks: tuple[str, str, str],
    channels: tuple[int, ...] | None,
    output: Path,
    form: str | None,
    block: int,
    workers: int | None,
    scheduler: str | None,
    array: str | None,
) -> None:
    """Tracks movies into a folder; asked again, goes on. A movie that fails stops no others."""
    refuse_if(output.suffix, "units into folder", output)
    refuse_if(block < 1, "shared out", option="--block", number=block)
    networks = tuple(str(Path(n).absolute()) if Path(n).exists() else n for n in networks)
    paths = choose_outputs(output, [one.movie.name for one in movies], form, begun=True)
    share = choose_share(array)
    load_keras()
    load_settings(movies, networks, channels)
    wanted, jobs, failed = {}, [], []
    for annotated, path in list(zip(movies, paths, strict=True))[share]:
        folder = (output / "units" / path.stem).absolute()
        refuse_if(path.exists() and not folder.exists(), "tracked otherwise", path)
        job = prediction.units.TrackingJob(annotated.movie, networks, folder, channels, block)
        try:
            job = job.prepare()
        except UserError as error:
            failed.append(_report(job, error))
            continue
        if path.exists():
            print(f"{annotated.movie.name}: was tracked before, {path}")
        else:
            _note_state(job, "under way")
            wanted[folder], jobs = (annotated, path), [*jobs, job]
    units = sum(len(job.units()) for job in jobs)
    print(f"{len(jobs)} movies to track, in {units} units of at most {block} time points")
    if not any(list(job.folder.glob("*.npz")) for job in jobs):
        _say_what_it_takes(jobs, output, workers)
    with open_executor(workers, scheduler) as means:
        for job, tracked in prediction.units.do_jobs(jobs, **means):
            annotated, path = wanted[job.folder]
            if isinstance(tracked, Exception):
                failed.append(_report(job, tracked))
                continue
            print(f"{annotated.movie.name}: {tracked}")
            print_doubts(tracked.tracks)
            files = TrackWriter(path, form).write(tracked.tracks, path, annotated)
            print(*(f"  {file}" for file in files), sep="\n")
            _note_state(job, "done")
            for file in job.folder.glob("*.npz"):
                file.unlink()
    print_states(output)
    refuse_if(failed, "movies tracked", output, failed=", ".join(failed))


def choose_share(array: str | None) -> slice:
    """3/40: every 40th, from the third on. None: all."""
    number, _, count = (array or "1/1").partition("/")
    is_share = number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)
    refuse_if(not is_share, "share", "--array", array=array)
    return slice(int(number) - 1, None, int(count))


def _say_what_it_takes(
    jobs: "list[prediction.units.TrackingJob]", output: Path, workers: int | None
) -> None:
    """By the first movie that can be tried; what stops one is said when it is tracked."""
    for job in jobs:
        with suppress(Exception):
            seconds, size = prediction.units.foresee(job)
            break
    else:
        return
    voxels = sum(len(each.movie.time_points) * math.prod(each.movie.shape_zyx) for each in jobs)
    count = voxels / math.prod(job.movie.shape_zyx)  # time points like these
    hours, memory_gb = seconds * count / 3600, psutil.Process().memory_info().rss / 1e9
    shared = f", {hours / workers:.2f} shared by {workers}" if (workers or 1) > 1 else ""
    print(
        f"A time point of {job.movie.name} takes {seconds:.1f} s here: about {hours:.2f} hours of one "
        f"worker for all{shared}. A worker needs {memory_gb:.1f} GB of memory at least; "
        f"{output / 'units'} grows to {size * count / 1e6:.1f} MB, and is emptied as movies are done."
    )


def print_states(output: Path) -> None:
    """How far each movie is that is tracked into a folder, also by other commands; `hours` are those
    of one worker up to the end, or to the last beginning.
    """
    rows = [["movie", "state", "units", "hours", "message"]]
    for path in sorted(output.glob("units/*/state.json")):
        state, units, hours, message = read_json(path)
        count = units if state == "done" else len(list(path.parent.glob("*.npz")))
        rows.append([path.parent.name, state, f"{count} of {units}", f"{hours:.2f}", message])
    print(*align_columns(rows), sep="\n")


def _note_state(job: "prediction.units.TrackingJob", state: str, message: str = "") -> None:
    seconds = 0.0
    for file in job.folder.glob("*.npz"):
        with suppress(UserError):  # a damaged one is named where it is needed
            seconds += float(prediction.units.read_unit(file)["seconds"].sum())
    note = state, 2 * len(job.units()) + 1, seconds / 3600, message
    write_json_safely(job.folder / "state.json", note, overwrite=True)


def _report(job: "prediction.units.TrackingJob", error: Exception) -> str:
    message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    print(f"{job.movie.name}: failed. {message}")
    _note_state(job, "failed", message)
    return job.movie.name


@contextmanager
def open_executor(workers: int | None, scheduler: str | None) -> Iterator[dict[str, Any]]:
    """What `do_jobs` works with: Dask's processes on this machine, or those of its scheduler; else
    this process.
    """
    refuse_if(workers == 0 or (workers or 1) < 0, "shared out", option="--workers", number=workers)
    if workers is None and not scheduler:
        executor = ThreadPoolExecutor(1)
        try:
            yield {"executor": executor}
        finally:  # an interrupt ends it with the unit under way
            executor.shutdown(cancel_futures=True)
        return
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise make_error("dask missing", "--workers", error=error) from error
    if scheduler:
        try:
            with Client(scheduler, timeout=20) as client:
                means = {"ahead": _AHEAD, "tend": lambda: client.wait_for_workers(1, _PATIENCE_S)}
                yield {"executor": client.get_executor(pure=False), **means}
        except (OSError, ValueError) as error:
            minutes = _PATIENCE_S // 60
            raise make_error("scheduler", scheduler, minutes=minutes, error=error) from error
        return
    options = {"n_workers": workers, "threads_per_worker": 1, "env": dict.fromkeys(_THREADS, "1")}
    options["scheduler_kwargs"] = {"allowed_failures": _FAILURES}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        print(f"{workers} workers; watch them at {client.dashboard_link}")
        # Dask gives up a worker that does not start again in 15 s; `scale` starts what is missing
        means = {"ahead": 4 * workers, "tend": lambda: cluster.scale(workers)}
        yield {"executor": client.get_executor(pure=False), **means}
