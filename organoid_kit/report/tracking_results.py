"""What tracking a movie came to, kept in a folder: tracks and candidates, not figures."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import (
    make_file_name,
    read_json,
    write_bytes_safely,
    write_json_safely,
    write_safely,
)
from organoid_kit.base.settings import NETWORKS, NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.plots.drawing import describe, write_png
from organoid_kit.plots.tracks import plot_tracks
from organoid_kit.tracking.problem import TrackingSettings
from organoid_kit.training.runs import collect_versions, describe_movie

if TYPE_CHECKING:
    from organoid_kit.prediction.movie import TrackedMovie


@dataclass(frozen=True, eq=False)
class TrackingResult:
    """A movie that was tracked.

    Attributes:
        record: movie, networks with checksums and training data, settings, seconds, versions, words
            on the picture.
        tracks: as `add_error_probabilities` gave them.
        candidates: all positions and links there could have been.
        truth: the right answer, or None where nobody knows.
        picture: tracks drawn on the movie, as PNG.
    """

    record: dict[str, Any]
    tracks: Annotations
    candidates: Annotations
    truth: Annotations | None
    picture: bytes

    @property
    def name(self) -> str:
        """Of the movie."""
        return self.record["data"]["name"]

    @property
    def link_settings(self) -> NetworkSettings:
        """Of the link network."""
        return NetworkSettings.from_dict(self.record["networks"]["link"]["settings"], self.name)


def save_tracking(
    folder: str | Path,
    movie: AnnotatedMovie | TimeLapse,
    tracked: TrackedMovie,
    networks: Sequence[str | Path],
    *,
    channels: Sequence[int] | None = None,
    settings: TrackingSettings | None = None,
    temperature: float = 1.0,
) -> Path:
    """Puts the tracks of a movie into a folder, from which `write_tracking_report` makes a page.

    Tracks of the same movie that are there already are replaced.

    Args:
        folder: of the report; several movies go into the same.
        movie: with its truth where that is known; never one that a network was trained on.
        tracked: what `track_movie` gave.
        networks: position, division and link network: folder, run or name of a shipped one.
        channels: as given to `track_movie`.
        settings: likewise.
        temperature: likewise.

    Returns:
        the folder of this movie.

    Raises:
        UserError: a network is missing, or the folder cannot be written.
    """
    annotated = movie if isinstance(movie, AnnotatedMovie) else _without_truth(movie)
    truth = annotated.with_spacing().annotations
    described = _describe_networks(networks)
    channels = channels or described["position"]["settings"]["channels"]
    last = int(tracked.tracks.time_points.max(initial=annotated.movie.time_points[0]))
    drawing = plot_tracks(annotated.movie, tracked.tracks, last, channels=channels)
    record = {
        "data": describe_movie("tracked", annotated),
        "networks": described,
        "tracking": dataclasses.asdict(settings or TrackingSettings())
        | {"temperature": temperature},
        "seconds": tracked.seconds,
        "versions": collect_versions(),
        "words": describe(drawing),
    }
    target = Path(folder) / make_file_name(annotated.name)
    with write_safely(target, overwrite=True) as temporary:
        parts = {"tracks": tracked.tracks, "candidates": tracked.candidates}
        for name, annotations in (parts | ({"truth": truth} if len(truth.links) else {})).items():
            write_aut(annotations, temporary / f"{name}.aut")
        write_json_safely(temporary / "tracking.json", record)
        write_bytes_safely(temporary / "overlay.png", write_png(drawing))
    return target


def _without_truth(movie: TimeLapse) -> AnnotatedMovie:
    return AnnotatedMovie(
        movie, Annotations(np.zeros((0, 3)), [], spacing_um=movie.spacing_um, name=movie.name)
    )


def _describe_networks(folders: Sequence[str | Path]) -> dict[str, Any]:
    """Settings and checksum of each network, and what it was trained on, where its run says so."""
    from organoid_kit.networks.saving import (
        find_network_folder,
        load_settings,
    )  # needs Keras, as tracking did

    if len(folders) != len(NETWORKS):
        raise UserError(
            f"Tracks are made by a position, a division and a link network. Received: {len(folders)} networks. "
            "Name them in this order."
        )
    described = {}
    for kind, folder in zip(NETWORKS, folders):
        found = find_network_folder(folder)
        described[kind] = {
            "folder": str(folder),
            "sha256": hashlib.sha256((found / "model.keras").read_bytes()).hexdigest(),
            "settings": load_settings(found).to_dict(),
            "data": _read_training_data(found.parent / "run.json"),
        }
    return described


def _read_training_data(file: Path) -> list[dict[str, Any]] | None:
    return read_json(file)["data"] if file.exists() else None


def read_trackings(folder: str | Path) -> list[TrackingResult]:
    """What `save_tracking` has put into a folder, by name.

    Raises:
        UserError: there is none, or a file is damaged.
    """
    files = sorted(Path(folder).glob("*/tracking.json"))
    if not files:
        raise UserError(
            f"A report on tracks needs tracks that `save_tracking` has kept. Received: none in {folder}. "
            "Save them there first."
        )
    return [_read_tracking(file) for file in files]


def _read_tracking(file: Path) -> TrackingResult:
    record = read_json(file)
    if (
        not isinstance(record, dict)
        or not {"data", "networks", "tracking", "seconds", "words"} <= record.keys()
    ):
        raise UserError(
            "A tracking must have its data, networks, settings, seconds and words. "
            f"Received: {file}. Remove this folder and save the tracks again."
        )
    truth = file.parent / "truth.aut"
    return TrackingResult(
        record,
        read_aut(file.parent / "tracks.aut"),
        read_aut(file.parent / "candidates.aut"),
        read_aut(truth) if truth.exists() else None,
        (file.parent / "overlay.png").read_bytes(),
    )
