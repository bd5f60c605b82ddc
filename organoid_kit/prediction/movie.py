"""From a movie to tracks: the three networks one after the other, then the most probable story."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NETWORKS, NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.errors import add_error_probabilities
from organoid_kit.tracking.problem import TrackingSettings

_LEAST_PROBABILITY = (
    0.2  # positions below the threshold are kept so far down: tracking may need them
)


@dataclass(frozen=True, eq=False)
class TrackedMovie:
    """What came of tracking a movie.

    Attributes:
        tracks: positions, the chosen links, divisions, and how probably each is wrong.
        candidates: all positions that were found and all candidate links, with their probabilities.
        seconds: what took how long.
    """

    tracks: Annotations
    candidates: Annotations
    seconds: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        tracks = self.tracks
        spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        return (
            f"{len(tracks)} positions, {len(tracks.links)} links, {len(tracks.divisions())} divisions, "
            f"{len(tracks.tracks())} tracks in {sum(self.seconds.values()):.0f} s: {spent}"
        )


def track_movie(
    movie: TimeLapse,
    position_network: str | Path,
    division_network: str | Path,
    link_network: str | Path,
    *,
    channels: tuple[int, ...] | None = None,
    settings: TrackingSettings | None = None,
    temperature: float = 1.0,
    resume_file: str | Path | None = None,
    show_progress: bool = True,
) -> TrackedMovie:
    """Finds nuclei, divisions and links in a movie with three networks, and the tracks that they
    make.

    Args:
        movie: of any length; only a time window is in memory.
        position_network: folder of a network or run, or the name of a shipped one.
        division_network: likewise.
        link_network: likewise.
        channels: of this movie, from 1, summed; None for those the networks were trained with.
        settings: of the tracking.
        temperature: of the error probabilities, see `add_error_probabilities`.
        resume_file: as of `predict_positions`, which takes most of the time.
        show_progress: whether bars are shown.

    Raises:
        UserError: a network is not of its kind, or the movie cannot be read.
    """
    networks = load_networks(position_network, division_network, link_network, channels)
    seconds: dict[str, float] = {}
    (finder, of_finder), (divider, of_divider), (linker, of_linker) = (
        networks[name] for name in NETWORKS
    )
    found = _time(
        seconds,
        "positions",
        predict_positions,
        finder,
        movie,
        of_finder,
        threshold=min(of_finder.threshold, _LEAST_PROBABILITY),
        resume_file=resume_file,
        show_progress=show_progress,
    )
    found = _time(
        seconds,
        "divisions",
        predict_divisions,
        divider,
        movie,
        found,
        of_divider,
        show_progress=show_progress,
    )
    found = _time(
        seconds,
        "links",
        predict_links,
        linker,
        movie,
        found,
        of_linker,
        show_progress=show_progress,
    )
    region = np.array([[0, 0, 0], np.array(movie.shape_zyx) - 1], float)
    tracks = _time(seconds, "tracks", build_tracks, found, settings=settings, region=region)
    options = {"settings": settings, "region": region, "temperature": temperature}
    tracks = _time(seconds, "errors", add_error_probabilities, found, tracks, **options)
    return TrackedMovie(tracks, found, seconds)


def load_networks(
    position_network: str | Path,
    division_network: str | Path,
    link_network: str | Path,
    channels: tuple[int, ...] | None = None,
) -> dict[str, tuple[keras.Model, NetworkSettings]]:
    """The three networks with their settings, by kind; each must be of its kind, else UserError."""
    loaded = {}
    for wanted, folder in zip(
        NETWORKS, (position_network, division_network, link_network), strict=True
    ):
        network, settings = load_network(folder)
        if settings.network != wanted:
            raise UserError(
                f"Tracking needs a position, a division and a link network. Received: {folder} as {wanted} network, "
                f"which is a {settings.network} network. Name them in this order."
            )
        loaded[wanted] = network, settings.changed(channels=channels) if channels else settings
    return loaded


def _time(
    seconds: dict[str, float], name: str, work: Callable, *arguments: Any, **options: Any
) -> Any:
    """Does a piece of work and notes how long it took."""
    began = time.perf_counter()
    result = work(*arguments, **options)
    seconds[name] = time.perf_counter() - began
    return result
