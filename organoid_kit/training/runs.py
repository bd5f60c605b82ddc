"""Each training has a folder of its own, and nothing in it is ever overwritten by another one."""

import hashlib
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit import __version__
from organoid_kit.base import NetworkSettings, UserError, make_error, read_settings, refuse_if
from organoid_kit.base.errors import warn
from organoid_kit.base.files import find_free_path, read_json, write_json_safely
from organoid_kit.base.records import check_record, convert
from organoid_kit.base.settings import write_settings
from organoid_kit.data import AnnotatedMovie
from organoid_kit.data.reading.optional import is_zarr
from organoid_kit.examples.batches import Movies

_PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch")
_PACKAGES += ("numpy", "scipy", "scikit-image", "tifffile")
NOT_FINITE = "loss not finite"  # how the log says that a training broke off for it
# In a run folder: the network it started from, where the kit does not build it
OWN_NETWORK = "own_network.keras"
# What a history may hold, and its words.
QUALITIES = {"validation_f1": "F1", "validation_average_precision": "average precision"}
# What must stand in run.json, of each movie in it and elsewhere, and in a row of history.json
_DETAILS = {"data": list[dict[str, Any]], "versions": dict[str, str]}
_DETAILS |= {"own?": dict[str, dict[str, Any]]}
MOVIE = {"part": str, "name": str, "time_points": list[int], "annotations_sha256": str}
MOVIE |= {"images_sha256": str, "positions": int, "links?": int, "divisions?": int}
_ROW = {"epoch": int, "validation_loss": float, "best": bool, "seconds": float, "loss": float}
_ROW |= {f"{name}?": float | None for name in (*QUALITIES, "validation_calibrated_loss")}
_WHOLE_BYTES = 500_000_000  # of larger movies a part is summed: starting takes seconds, not hours
_MOST_ENDS = 100  # files, evenly chosen, of which that part takes the first and last megabyte


@dataclass(frozen=True)
class Run:
    """The folder of one training: ``settings.json``, ``run.json`` (data, split, versions, parts),
    ``history.json`` (a row for each epoch), ``checkpoints/``, ``epochs/`` (what each answers),
    ``network/`` (the best so far), ``log.txt``, and ``own_network.keras`` if it started from one.
    """

    folder: Path

    @property
    def settings(self) -> NetworkSettings:
        """What the training was started with."""
        return read_settings(self.folder / "settings.json")

    @property
    def details(self) -> dict[str, Any]:
        """Data with checksums, split and versions."""
        file = self.folder / "run.json"
        details = check_record(read_json(file), _DETAILS, file)
        check_record(details["versions"], {"organoid_kit": str}, file)
        for movie in details["data"]:
            check_record(movie, MOVIE, file)
        return details

    @property
    def history(self) -> list[dict[str, float]]:
        """One row for each finished epoch."""
        file = self.folder / "history.json"
        rows = read_json(file) if file.exists() else []
        return [check_record(row, _ROW, file) for row in convert(rows, list[Any], str(file))]

    @property
    def log_text(self) -> str:
        """What stands in log.txt; empty where there is none."""
        file = self.folder / "log.txt"
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    @property
    def ending(self) -> str:
        """Why the training ended, by the log; empty while it goes on, and where it was cut off."""
        last_start = self.log_text.rpartition("  training with ")[2]
        return last_start.partition("  ended: ")[2].partition("\n")[0]

    @property
    def network_folder(self) -> Path:
        """Where the best network is saved."""
        return self.folder / "network"

    def log(self, line: str) -> None:
        """Adds a line with the time to log.txt. Raises UserError where it cannot be written."""
        try:
            with open(self.folder / "log.txt", "a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")
        except OSError as error:
            values = {"folder": str(self.folder), "reason": error.strerror}
            raise make_error("log written", self.folder / "log.txt", **values) from error


def make_run(
    settings: NetworkSettings,
    training: Movies,
    validation: Movies,
    own: Mapping | None = None,
    write_network: Callable[[Path], None] | None = None,
) -> Run:
    """Makes a new run folder and writes down what it starts from; `own`: of a learner's parts;
    `write_network`: of one that the kit does not build. It is a run once it has run.json.
    """
    name = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{settings.network}_seed{settings.seed}"
    folder = Path(settings.output_folder) / name
    while True:
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            folder = find_free_path(folder)
        except OSError as error:
            raise make_error("run folder", folder, reason=error.strerror) from error
    details = {"started": time.strftime("%Y-%m-%d %H:%M:%S")}
    details |= {"data": _describe_data(training, validation), "versions": collect_versions()}
    write_settings(settings, folder / "settings.json")
    if write_network:
        write_network(folder / OWN_NETWORK)
    write_json_safely(folder / "run.json", details | ({"own": own} if own else {}))
    return Run(folder)


def open_run(folder: str | Path, training: Movies, validation: Movies) -> Run:
    """Opens a run to go on with it. Raises UserError where its data are not those it began with."""
    run = Run(Path(folder))
    refuse_if(not (run.folder / "run.json").is_file(), "run.json", folder)
    before, now = run.details["data"], _describe_data(training, validation)
    if len(before) != len(now) or not all(map(_is_same, before, now)):
        changed = [old["name"] for old in before if not any(_is_same(old, new) for new in now)]
        raise make_error("run data", folder, names=changed or [new["name"] for new in now])
    return run


def _is_same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a movie is described as before; earlier versions of the kit may have said less."""
    return all(new.get(key) == value for key, value in old.items())


def find_best(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The row of the epoch whose network is kept; None where no epoch is finished."""
    return next((row for row in reversed(history) if row["best"]), None)


def list_runs(folder: str | Path) -> list[dict[str, Any]]:
    """One row for each run, oldest first; one that cannot be read is left out, with a warning."""
    rows = []
    for file in sorted(Path(folder).glob("*/run.json")):
        try:
            rows.append(_summarise(Run(file.parent)))
        except UserError as error:
            warn(f"The run {file.parent.name} is left out. {error}")
    return rows


def _summarise(run: Run) -> dict[str, Any]:
    settings, history = run.settings, run.history
    best = find_best(history) or {}
    return {
        "run": run.folder.name,
        "network": settings.network,
        "preset": "own" if (run.folder / OWN_NETWORK).exists() else settings.preset,
        "seed": settings.seed,
        "start_from": settings.start_from or "scratch",
        "epochs": len(history),
        "best_epoch": best.get("epoch"),
        **{key: best.get(key) for key in ("validation_loss", *QUALITIES)},
        "minutes": round(sum(row["seconds"] for row in history) / 60, 2),
    }


def format_duration(seconds: float) -> str:
    """A time as people say it: "40 s", "12 min", "2 h 05 min"."""
    minutes = round(seconds / 60)
    hours = f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 90 else f"{minutes} min"
    return hours if seconds >= 90 else f"{-(-seconds // 1):.0f} s"


def compare_runs(folder: str | Path) -> str:
    """The runs of a folder as a table; below it, how settings differ from the first's."""
    rows = list_runs(folder)
    if not rows:
        return f"No runs in {folder} yet."
    firsts: dict[str, dict[str, Any]] = {}
    differences = []
    for row in rows:
        settings = Run(Path(folder) / row["run"]).settings.to_dict()
        first = firsts.setdefault(row["network"], settings)
        if first is not settings:
            words = ", ".join(_list_differences(first, settings)) or "nothing"
            network = f"the first {row['network']} network"
            differences.append(f"{row['run']} differs from {network} in {words}")
    # without a quality that no run was judged by
    empty = {key for key in QUALITIES if all(row[key] is None for row in rows)}
    columns = [key for key in rows[0] if key not in empty]
    table = [columns, *([_format(row[column]) for column in columns] for row in rows)]
    return "\n".join([*align_columns(table), *differences])


def _list_differences(first: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names and values of the settings that differ; of settings within one, only those that do."""
    found = []
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(first[key], dict):
            found += _list_differences(first[key], value)
        elif value != first[key]:
            found.append(f"{key}={value!r}")
    return found


def align_columns(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table as text, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


def _format(value: Any) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _describe_data(training: Movies, validation: Movies) -> list[dict[str, Any]]:
    """Which movies and time points are used for what, with checksums; each file is summed once."""
    parts = {"training": training, "validation": validation}
    sum_files = cache(_sum_files)
    return [describe_movie(part, each, sum_files) for part in parts for each in parts[part]]


def describe_movie(
    part: str, annotated: AnnotatedMovie, sum_files: Callable[[Path], dict[str, str]] | None = None
) -> dict[str, Any]:
    """Which movie and time points are used, and for what ("training", "validation", "test"), with
    checksums; ``images_sha256_of`` says of what the images' was made.
    """
    movie, annotations = annotated.movie, annotated.annotations
    total = hashlib.sha256()
    for name in ("positions", "time_points", "links", "region"):
        array = getattr(annotations, name)
        total.update(b"" if array is None else array.tobytes())
    if annotations.known_um is not None:
        total.update(repr(annotations.known_um).encode())
    if movie.path is None:  # in memory
        first = hashlib.sha256(movie.stack(movie.time_points[0]).tobytes()).hexdigest()
        images = {"images_sha256": first, "images_sha256_of": "first stack"}
    else:
        images = (sum_files or _sum_files)(movie.path)
    stacks = hashlib.sha256()  # all in memory; of a file the first: other axes give another one
    for time_point in movie.time_points if movie.path is None else movie.time_points[:1]:
        for channel in range(len(movie.channel_names)):
            stacks.update(np.ascontiguousarray(movie.read_stack(time_point, channel)))
    return {
        "part": part,
        "name": annotated.name,
        "time_points": annotations.annotated_time_points.tolist(),
        "positions": len(annotations),
        "links": len(annotations.links),
        "divisions": len(annotations.divisions()),
        "annotations_sha256": total.hexdigest(),
        **images,
        "spacing_um": list(movie.spacing_um),
        "shape_zyx": list(movie.shape_zyx),
        "nucleus_diameter_um": movie.nucleus_diameter_um,
        "stacks_sha256": stacks.hexdigest(),
    }


def _sum_files(path: Path) -> dict[str, str]:
    """Checksum of a movie's files: of all they hold, or of a part where that would take long."""
    files = _list_image_files(path)
    sizes = [file.stat().st_size for file in files]
    total, what = hashlib.sha256(), "whole files"
    if sum(sizes) <= _WHOLE_BYTES:
        for file in files:
            with open(file, "rb") as opened:
                while chunk := opened.read(2**20):
                    total.update(chunk)
    else:
        what = f"names, sizes, first and last megabyte of at most {_MOST_ENDS} files"
        names = [file.relative_to(path).as_posix() for file in files]
        total.update(json.dumps([names, sizes]).encode())
        for number in np.linspace(0, len(files) - 1, min(len(files), _MOST_ENDS)).astype(int):
            with open(files[number], "rb") as opened:
                total.update(opened.read(2**20))
                opened.seek(max(0, sizes[number] - 2**20))
                total.update(opened.read(2**20))
    return {"images_sha256": total.hexdigest(), "images_sha256_of": what}


def _list_image_files(path: Path) -> list[Path]:
    """The file itself, the TIFF files in a folder or all of a Zarr; nothing hidden or beside them."""
    if path.is_file():
        return [path]
    if is_zarr(path):
        found = list(path.rglob("*"))
    else:
        found = [file for file in path.iterdir() if file.suffix.lower() in (".tif", ".tiff")]
    return sorted(file for file in found if not file.name.startswith(".") and file.is_file())


def collect_versions() -> dict[str, str]:
    """Versions of Python, the kit and the packages that matter, and the machine."""
    versions = {"organoid_kit": __version__, "python": sys.version.split()[0]}
    versions["machine"] = platform.platform()
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
