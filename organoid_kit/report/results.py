"""What networks said of a movie, and its tracks, kept in folders; figures are counted anew."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit import prediction
from organoid_kit.base import NetworkSettings, files, find_free_path, refuse_if
from organoid_kit.base.records import check_record
from organoid_kit.base.settings import NETWORKS
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut
from organoid_kit.evaluation import positions, score_positions
from organoid_kit.evaluation.matching import MAX_DISTANCE_UM, choose_radius_um
from organoid_kit.networks.folders import find_network_folder, load_settings
from organoid_kit.plots.drawing import describe, write_png
from organoid_kit.plots.tracks import plot_tracks
from organoid_kit.report.mistakes import plot_worst_mistakes
from organoid_kit.tracking import TrackingSettings
from organoid_kit.training import Run, runs

_PROBABILITIES = ("probability", "division_probability", "link_probability")
# What must stand in result.json, in tracking.json and in calibration.json
_RESULT = {"data": dict[str, Any], "threshold": float, "mistakes": str}
_RESULT |= {"calibration?": tuple[float, float], "max_distance_um?": float}
_TRACKING = {"data": dict[str, Any], "networks": dict[str, dict[str, Any]], "words": str}
_TRACKING |= {"tracking": dict[str, Any], "seconds": dict[str, float], "versions": dict[str, str]}
_TRACKING |= {"max_distance_um?": float}
_NETWORK = {"folder": str, "sha256": str, "settings": dict[str, Any]}
_NETWORK |= {"data": list[dict[str, Any]] | None}
_CALIBRATION = {"slope": float, "intercept": float, "kind": str, "reason": str}
_CALIBRATION |= {"threshold?": float | None, "movies?": list[str]}


@dataclass(frozen=True, eq=False)
class MovieResult:
    """What a network said of a movie with known truth."""

    settings: NetworkSettings
    data: dict[str, Any]  # the movie, its time points and checksums
    truth: Annotations
    # all candidates with their "probability", positions with their "division_probability", or all
    # candidate links with their "link_probability"
    found: Annotations
    blobs: Annotations | None  # None where the blob detector was not asked
    threshold: float  # answers from this probability on count as yes
    calibration: tuple[float, float] = (1.0, 0.0)  # slope and intercept they have gone through
    picture: bytes | None = None  # the worst mistakes as PNG
    words: str = ""  # what the picture shows
    max_distance_um: float = MAX_DISTANCE_UM  # between a found position and its true one

    @property
    def name(self) -> str:
        """Of the movie."""
        return self.data["name"]

    @property
    def score(self) -> positions.PositionScore:
        """Of a position network."""
        options = {"threshold": self.threshold, "max_distance_um": self.max_distance_um}
        return score_positions(self.truth, self.found, **options)


def save_movie_result(
    run: Run,
    annotated: AnnotatedMovie,
    found: Annotations,
    threshold: float,
    *,
    blobs: Annotations | None = None,
    channels: Sequence[int] = (1,),
) -> None:
    """Puts what a network said of a movie, never one of its training, into the run's folder, with
    the worst mistakes. An earlier result of the movie is replaced.

    `found` are all candidates of a position network with their "probability", or what
    `predict_divisions` or `predict_links` gave; blobs and channels are for a position network.
    """
    network = run.settings.network
    known = found.link_properties if network == "link" else found.properties
    names = {"name": (name := _PROBABILITIES[NETWORKS.index(network)]), "network": network}
    refuse_if(name not in known, "result of", found.name, known=", ".join(known) or "none", **names)
    annotated, found = annotated.with_spacing(), found.with_spacing(annotated.movie.spacing_um)
    drawing = plot_worst_mistakes(annotated, found, threshold, run.settings, channels)
    calibration = read_calibration(run) or {"slope": 1.0, "intercept": 0.0}
    record = {
        "data": runs.describe_movie("test", annotated),
        "threshold": threshold,
        "mistakes": describe(drawing),
        "calibration": [calibration["slope"], calibration["intercept"]],
        "max_distance_um": choose_radius_um([annotated.movie]),
    }
    kept = {"truth": annotated.annotations, "found": found, "blobs": blobs}
    with files.write_safely(_choose_folder(run, record["data"]), overwrite=True) as temporary:
        for name, annotations in kept.items():
            if annotations is not None:
                write_aut(annotations, temporary / f"{name}.aut")
        files.write_json_safely(temporary / "result.json", record)
        files.write_bytes_safely(temporary / "mistakes.png", write_png(drawing))


def read_calibration(run: Run) -> dict[str, Any] | None:
    """What calibrating the run's network came to; None where nobody has."""
    file = run.folder / "calibration.json"
    return check_record(files.read_json(file), _CALIBRATION, file) if file.exists() else None


def _choose_folder(run: Run, data: dict[str, Any]) -> Path:
    """That of the earlier result of the same movie, or else one that does not exist yet."""
    for folder, record in _list_records(run).items():
        if all(record["data"][key] == data[key] for key in ("name", "images_sha256")):
            return folder
    return find_free_path(run.folder / "results" / files.make_file_name(data["name"]))


def read_movie_results(run: Run) -> list[MovieResult]:
    """What `save_movie_result` has put into the run's folder, by name; UserError where damaged."""
    records = _list_records(run)
    within = [record.get("max_distance_um", MAX_DISTANCE_UM) for record in records.values()]
    return [
        MovieResult(
            settings=run.settings,
            data=record["data"],
            truth=read_aut(folder / "truth.aut"),
            found=read_aut(folder / "found.aut"),
            blobs=_read_if_there(folder / "blobs.aut"),
            threshold=record["threshold"],
            calibration=tuple(record.get("calibration", (1.0, 0.0))),
            picture=picture.read_bytes() if (picture := folder / "mistakes.png").exists() else None,
            words=record["mistakes"],
            max_distance_um=float(np.median(within)),  # one for all, so that scores can be pooled
        )
        for folder, record in records.items()
    ]


def _list_records(run: Run) -> dict[Path, dict[str, Any]]:
    files.remove_leftovers(run.folder / "results")
    paths = sorted(run.folder.glob("results/*/result.json"))
    return {path.parent: _read_record(path, _RESULT) for path in paths}


def _read_record(path: Path, description: dict[str, Any]) -> dict[str, Any]:
    record = check_record(files.read_json(path), description, path)
    record["data"] = check_record(record["data"], runs.MOVIE, path)
    return record


def _read_if_there(path: Path) -> Annotations | None:
    return read_aut(path) if path.exists() else None


@dataclass(frozen=True, eq=False)
class TrackingResult:
    """A movie that was tracked."""

    # movie, networks with checksums and training data, settings, seconds, words on the picture
    record: dict[str, Any]
    tracks: Annotations  # as `add_error_probabilities` gave them
    candidates: Annotations  # all positions and links there could have been
    truth: Annotations | None  # None where nobody knows
    picture: bytes | None  # tracks drawn on the movie, as PNG

    @property
    def name(self) -> str:
        """Of the movie."""
        return self.record["data"]["name"]

    @property
    def within(self) -> dict[str, float]:
        """How far apart found and true positions may be, as scores take it."""
        return {"max_distance_um": self.record.get("max_distance_um", MAX_DISTANCE_UM)}

    @property
    def way(self) -> tuple[Any, ...]:
        """The settings and networks that it was tracked with."""
        networks = self.record["networks"].values()
        return self.record["tracking"], *(network["sha256"] for network in networks)


def save_tracking(
    folder: str | Path,
    movie: AnnotatedMovie | TimeLapse,
    tracked: "prediction.movie.TrackedMovie",
    networks: Sequence[str | Path],
    *,
    channels: Sequence[int] | None = None,
    settings: TrackingSettings | None = None,
) -> Path:
    """Puts what `track_movie` gave for a movie, perhaps with its truth, into a folder of its own in
    the folder, which is returned; `write_tracking_report` makes a page of all. What is there of the
    same movie is replaced. Networks (position, division, link) are folders, runs or shipped ones.
    """
    if isinstance(movie, TimeLapse):
        movie = AnnotatedMovie(movie, Annotations([], [], name=movie.name))
    images, truth = movie.movie, movie.annotations.with_spacing(movie.movie.spacing_um)
    described = _describe_networks(networks)
    channels = channels or described["position"]["settings"]["channels"]
    last = int(tracked.tracks.time_points.max(initial=images.time_points[0]))
    drawing = plot_tracks(images, tracked.tracks, last, channels=channels)
    record = {
        "data": runs.describe_movie("tracked", movie),
        "networks": described,
        "tracking": dataclasses.asdict(settings or TrackingSettings()),
        "seconds": tracked.seconds,
        "versions": runs.collect_versions(),
        "words": describe(drawing),
        "max_distance_um": choose_radius_um([images]),
    }
    target = Path(folder) / files.make_file_name(movie.name)
    with files.write_safely(target, overwrite=True) as temporary:
        write_aut(tracked.tracks, temporary / "tracks.aut")
        write_aut(tracked.candidates, temporary / "candidates.aut")
        if len(truth.links):
            write_aut(truth, temporary / "truth.aut")
        files.write_json_safely(temporary / "tracking.json", record)
        files.write_bytes_safely(temporary / "overlay.png", write_png(drawing))
    return target


def _describe_networks(folders: Sequence[str | Path]) -> dict[str, Any]:
    """Settings and checksum of each network, and what it was trained on, where its run says so."""
    refuse_if(len(folders) != len(NETWORKS), "networks named", count=len(folders))
    described = {}
    for kind, folder in zip(NETWORKS, folders):
        found = find_network_folder(folder)
        run = found.parent / "run.json"
        described[kind] = {
            "folder": str(folder),
            "sha256": hashlib.sha256((found / "model.keras").read_bytes()).hexdigest(),
            "settings": load_settings(found).to_dict(),
            "data": Run(found.parent).details["data"] if run.exists() else None,
        }
    return described


def read_trackings(folder: str | Path) -> list[TrackingResult]:
    """What `save_tracking` has put into a folder, by name; UserError where nothing or damaged."""
    files.remove_leftovers(Path(folder))
    records = sorted(Path(folder).glob("*/tracking.json"))
    refuse_if(not records, "tracks kept", folder)
    results = []
    for path in records:
        record, folder = _read_record(path, _TRACKING), path.parent
        check_record(record["networks"], dict.fromkeys(NETWORKS, dict[str, Any]), path)
        for network in (record["networks"][kind] for kind in NETWORKS):
            settings = check_record(network, _NETWORK, path)["settings"]
            network["settings"] = NetworkSettings.from_dict(settings, str(path)).to_dict()
            for movie in network["data"] or ():
                check_record(movie, runs.MOVIE, path)
        tracks, candidates = (read_aut(folder / f"{name}.aut") for name in ("tracks", "candidates"))
        # a property that nothing has is not in the file
        bare = {"division_error_probability": np.full(len(tracks), None)} | tracks.properties
        links = {"error_probability": np.full(len(tracks.links), None)} | tracks.link_properties
        tracks = dataclasses.replace(tracks, properties=bare, link_properties=links)
        truth, file = _read_if_there(folder / "truth.aut"), folder / "overlay.png"
        picture = file.read_bytes() if file.exists() else None
        results.append(TrackingResult(record, tracks, candidates, truth, picture))
    return results
