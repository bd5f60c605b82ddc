"""Movies tracked in units, blocks of time points that any process can do, on any machine.

What a unit finds is written once, as a whole, and never done again: work that was killed goes on
where it was. A unit that is done twice at once gives the same file.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory

import keras
import numpy as np
from tqdm.auto import tqdm

from organoid_kit.base import NetworkSettings, make_error
from organoid_kit.base.files import read_json, write_json_safely, write_safely
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.examples.sizes import fit_to_network
from organoid_kit.prediction.crops import predict_divisions, predict_links, propose_links
from organoid_kit.prediction.movie import (
    LEAST_PROBABILITY,
    TrackedMovie,
    fit_movie,
    load_networks,
    solve,
)
from organoid_kit.prediction.positions import identify, predict_positions

_load_once = lru_cache(maxsize=1)(load_networks)  # by a process, for all its units
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class TrackingJob:
    """A movie to be tracked; small, unless the movie is in memory, so that it can travel."""

    movie: TimeLapse
    networks: tuple[str, str, str]  # names or folders, of positions, divisions and links
    folder: Path  # for what units find; every process must see it under this name
    channels: tuple[int, ...] | None = None  # from 1; None: as the networks were trained
    block: int = 10  # time points of a unit

    def load(self) -> dict[str, tuple[keras.Model, NetworkSettings]]:
        """The networks with their settings, by kind; nothing is said of unlike movies any more."""
        loaded = _load_once(self.networks, self.channels)
        return {kind: (network, own.changed(look=None)) for kind, (network, own) in loaded.items()}

    def units(self) -> list[range]:
        """Time points of each, in their order."""
        times = self.movie.time_points
        return [times[first : first + self.block] for first in range(0, len(times), self.block)]

    def prepare(self) -> TrackingJob:
        """To be called first: states the size of nuclei for all units alike, warns of what is
        unlike the training, and refuses (UserError) a folder in which another job was begun.
        """
        job = replace(self, movie=fit_movie(self.movie, _load_once(self.networks, self.channels)))
        networks, path = self.load(), self.folder / "job.json"
        facts = [identify(one, job.movie, own, job.block) for one, own in networks.values()]
        if not path.exists():
            write_json_safely(path, facts)
        elif read_json(path) != facts:
            raise make_error("same tracking", path)
        return job


def find_nuclei(job: TrackingJob, unit: range) -> None:
    """Nuclei, and how probably they divide: the first thing to do, for each unit."""

    def find() -> dict[str, np.ndarray]:
        (network, own), divide = job.load()["position"], job.load()["division"]
        wishes = {"time_points": unit, "threshold": min(own.threshold, LEAST_PROBABILITY)}
        found = predict_positions(network, job.movie, own, **wishes, show_progress=False)
        found = predict_divisions(divide[0], job.movie, found, divide[1], show_progress=False)
        known = {"positions": found.positions, "time_points": found.time_points}
        return known | {key: values.astype(float) for key, values in found.properties.items()}

    _do_once(job, "nuclei", unit, find)


def propose(job: TrackingJob) -> None:
    """Candidate links, once all nuclei of the movie are found."""

    def find() -> dict[str, np.ndarray]:
        _, own = job.load()["link"]
        fitted = fit_to_network(AnnotatedMovie(job.movie, _read_nuclei(job)), own)
        return _list_links(propose_links(fitted, own))

    _do_once(job, "candidates", job.movie.time_points, find)


def judge_links(job: TrackingJob, unit: range) -> None:
    """How probable they are, to the time point after each, once they are proposed."""

    def judge() -> dict[str, np.ndarray]:
        network, own = job.load()["link"]
        candidates = _read_links(job, "candidates")
        times = candidates.time_points
        begin, end = np.searchsorted(times, [unit[0], unit[-1] + 2]).tolist()
        part = candidates.select(slice(begin, end))
        found = predict_links(network, job.movie, part, own, show_progress=False)
        return _list_links(found) | {"links": found.links + begin}

    _do_once(job, "links", unit, judge)


def finish(job: TrackingJob) -> TrackedMovie:
    """The tracks, once all units are judged."""
    seconds = {kind: float(_read(job, kind)["seconds"].sum()) for kind in ("nuclei", "links")}
    return solve(_read_links(job, "links"), job.movie, seconds=seconds)


def do_jobs(
    jobs: Sequence[TrackingJob],
    executor: Executor,
    *,
    ahead: int = 1,
    tend: Callable[[], None] = lambda: None,
) -> Iterator[tuple[TrackingJob, TrackedMovie | Exception]]:
    """Yields each with its tracks as soon as they are known, or with what stopped it. A unit that
    fails stops its movie alone. `executor` is of the kind of `concurrent.futures`, also Dask's.

    The next movie is begun where fewer than `ahead` units are left of those begun. `tend` looks
    after the workers; it is called whenever a unit ends, and every `_PATIENCE_S`. Raises
    ConnectionError where the executor has given up.
    """
    ended: SimpleQueue[Future] = SimpleQueue()
    running: dict[Future, int] = {}  # number of job
    left: Counter[int] = Counter()  # of each job, units of its step
    failed: dict[int, Exception] = {}
    steps, waiting = list(map(_list_steps, jobs)), iter(range(len(jobs)))

    def go_on(number: int) -> None:
        for call in next(steps[number], ()):
            future = executor.submit(*call)
            running[future] = number
            left[number] += 1
            future.add_done_callback(ended.put)

    whole = sum(2 * len(job.units()) + 2 for job in jobs)
    with tqdm(total=whole, desc="tracking", unit="unit") as bar:
        while True:
            while len(running) < ahead and (number := next(waiting, None)) is not None:
                go_on(number)
            if not running:
                return
            tend()
            try:
                future = ended.get(timeout=_PATIENCE_S)
            except Empty:
                continue
            number = running.pop(future)
            left[number] -= 1
            bar.update()
            if future.cancelled():
                raise ConnectionError("it ended")
            if error := future.exception():
                failed.setdefault(number, error)
                steps[number] = iter(())
            if not left[number]:
                go_on(number)
            if not left[number]:
                yield jobs[number], failed.get(number) or future.result()


def foresee(job: TrackingJob) -> tuple[float, float]:
    """Seconds, and bytes of files, that a time point takes: two are tracked, twice, as networks take
    longer when they are first asked.
    """
    movie = replace(job.movie, time_points=job.movie.time_points[:2])
    for _ in range(2):
        with TemporaryDirectory() as folder:
            began = time.perf_counter()
            for step in _list_steps(replace(job, movie=movie, folder=Path(folder))):
                for do, *given in step:
                    do(*given)
            seconds = time.perf_counter() - began
            size = sum(file.stat().st_size for file in Path(folder).iterdir())
    return seconds / len(movie.time_points), size / len(movie.time_points)


def _list_steps(job: TrackingJob) -> Iterator[list[tuple]]:
    """Calls that can be made at once, one step after the other; the last gives the tracks."""
    yield [(find_nuclei, job, unit) for unit in job.units()]
    yield [(propose, job)]
    yield [(judge_links, job, unit) for unit in job.units()]
    yield [(finish, job)]


def _do_once(
    job: TrackingJob, kind: str, unit: range, work: Callable[[], dict[str, np.ndarray]]
) -> None:
    path = _path(job, kind, unit)
    if path.exists():
        return
    began = time.perf_counter()
    arrays = work()
    seconds = np.array([time.perf_counter() - began])
    with write_safely(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez(file, seconds=seconds, **arrays)


def _path(job: TrackingJob, kind: str, unit: range) -> Path:
    return job.folder / f"{kind}_{unit[0]:05}-{unit[-1]:05}.npz"


def read_unit(path: Path) -> dict[str, np.ndarray]:
    """What a unit found, and the seconds it took. Raises UserError where its file is damaged."""
    try:
        return dict(np.load(path))
    except Exception as error:  # zip files and NumPy raise many kinds
        raise make_error("unit whole", path, error=error) from error


def _read(job: TrackingJob, kind: str) -> dict[str, np.ndarray]:
    units = [job.movie.time_points] if kind == "candidates" else job.units()
    parts = [read_unit(_path(job, kind, unit)) for unit in units]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _read_nuclei(job: TrackingJob) -> Annotations:
    found, movie = _read(job, "nuclei"), job.movie
    return Annotations(
        found["positions"],
        found["time_points"],
        properties={key: found[key] for key in ("probability", "division_probability")},
        spacing_um=movie.spacing_um,
        minutes_per_time_point=movie.minutes_per_time_point,
        name=movie.name,
    )


def _read_links(job: TrackingJob, kind: str) -> Annotations:
    found = _read(job, kind)
    del found["seconds"]
    return replace(_read_nuclei(job), links=found.pop("links"), link_properties=found)


def _list_links(annotations: Annotations) -> dict[str, np.ndarray]:
    known = {key: values.astype(float) for key, values in annotations.link_properties.items()}
    return {"links": annotations.links, **known}
