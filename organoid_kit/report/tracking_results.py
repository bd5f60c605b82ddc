"""What tracking a movie came to, kept in a folder: tracks and candidates, not figures."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from organoid_kit.base import NetworkSettings, UserError, files
from organoid_kit.base.settings import NETWORKS
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut
from organoid_kit.plots.drawing import describe, write_png
from organoid_kit.plots.tracks import plot_tracks
from organoid_kit.tracking import TrackingSettings
from organoid_kit.training.runs import collect_versions, describe_movie

if TYPE_CHECKING:
    from organoid_kit.prediction.movie import TrackedMovie

_KEYS = {"data", "networks", "tracking", "seconds", "words"}


@dataclass(frozen=True, eq=False)
class TrackingResult:
    """A movie that was tracked."""

    # movie, networks with checksums and training data, settings, seconds, words on the picture
    record: dict[str, Any]
    tracks: Annotations  # as `add_error_probabilities` gave them
    candidates: Annotations  # all positions and links there could have been
    truth: Annotations | None  # None where nobody knows
    picture: bytes  # tracks drawn on the movie, as PNG

    @property
    def name(self) -> str:
        """Of the movie."""
        return self.record["data"]["name"]

    @property
    def way(self) -> tuple[Any, ...]:
        """The settings and networks that it was tracked with."""
        networks = self.record["networks"].values()
        return self.record["tracking"], *(network["sha256"] for network in networks)

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
        tracked: what `track_movie` gave for these channels, settings and temperature.
        networks: position, division and link network: folder, run or name of a shipped one.

    Returns:
        the folder of this movie.

    Raises:
        UserError: a network is missing, or the folder cannot be written.
    """
    if isinstance(movie, TimeLapse):
        movie = AnnotatedMovie(movie, Annotations(np.zeros((0, 3)), [], name=movie.name))
    images, truth = movie.movie, movie.annotations.with_spacing(movie.movie.spacing_um)
    described = _describe_networks(networks)
    channels = channels or described["position"]["settings"]["channels"]
    last = int(tracked.tracks.time_points.max(initial=images.time_points[0]))
    drawing = plot_tracks(images, tracked.tracks, last, channels=channels)
    tracking = dataclasses.asdict(settings or TrackingSettings())
    record = {
        "data": describe_movie("tracked", movie),
        "networks": described,
        "tracking": tracking | {"temperature": temperature},
        "seconds": tracked.seconds,
        "versions": collect_versions(),
        "words": describe(drawing),
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
    # needs Keras, as tracking did
    from organoid_kit.networks.saving import find_network_folder, load_settings

    if len(folders) != len(NETWORKS):
        raise UserError(
            "Tracks are made by a position, a division and a link network. "
            f"Received: {len(folders)} networks. Name them in this order."
        )
    described = {}
    for kind, folder in zip(NETWORKS, folders):
        found = find_network_folder(folder)
        run = found.parent / "run.json"
        described[kind] = {
            "folder": str(folder),
            "sha256": hashlib.sha256((found / "model.keras").read_bytes()).hexdigest(),
            "settings": load_settings(found).to_dict(),
            "data": files.read_json(run)["data"] if run.exists() else None,
        }
    return described


def read_trackings(folder: str | Path) -> list[TrackingResult]:
    """What `save_tracking` has put into a folder, by name.

    Raises:
        UserError: there is none, or a file is damaged.
    """
    records = sorted(Path(folder).glob("*/tracking.json"))
    if not records:
        raise UserError(
            "A report on tracks needs tracks that `save_tracking` has kept. "
            f"Received: none in {folder}. Save them there first."
        )
    return [_read_tracking(file) for file in records]


def _read_tracking(file: Path) -> TrackingResult:
    record, folder = files.read_json(file), file.parent
    if not isinstance(record, dict) or not record.keys() >= _KEYS:
        raise UserError(
            "A tracking must have its data, networks, settings, seconds and words. "
            f"Received: {file}. Remove this folder and save the tracks again."
        )
    tracks, truth = read_aut(folder / "tracks.aut"), folder / "truth.aut"
    # a property that nothing has is not in the file
    bare = {"division_error_probability": np.full(len(tracks), None)}
    bare_links = {"error_probability": np.full(len(tracks.links), None)}
    properties, link_properties = bare | tracks.properties, bare_links | tracks.link_properties
    return TrackingResult(
        record,
        dataclasses.replace(tracks, properties=properties, link_properties=link_properties),
        read_aut(folder / "candidates.aut"),
        read_aut(truth) if truth.exists() else None,
        (folder / "overlay.png").read_bytes(),
    )
