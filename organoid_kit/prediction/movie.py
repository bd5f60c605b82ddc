"""From a movie to tracks: the three networks one after the other, then the most probable tracks."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from organoid_kit.base import NetworkSettings, make_error
from organoid_kit.base.settings import NETWORKS
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.examples.looks import warn_if_unlike
from organoid_kit.examples.sizes import fit_to_network, state_size
from organoid_kit.networks import load_network
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.tracking import TrackingSettings, add_error_probabilities, build_tracks

Networks = dict[str, tuple[keras.Model, NetworkSettings]]  # by kind
LEAST_PROBABILITY = 0.2  # positions are kept down to this: tracking may need them


@dataclass(frozen=True, eq=False)
class TrackedMovie:
    """What came of tracking a movie."""

    tracks: Annotations  # positions, the chosen links, divisions, and how probably each is wrong
    candidates: Annotations  # all that was found, and all candidate links, with probabilities
    seconds: dict[str, float] = field(default_factory=dict)  # what took how long

    def __str__(self) -> str:
        tracks, whole = self.tracks, sum(self.seconds.values())
        found = f"{len(tracks)} positions, {len(tracks.links)} links, {len(tracks.divisions())}"
        spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        return f"{found} divisions, {len(tracks.tracks())} tracks in {whole:.0f} s: {spent}"


def track_movie(
    movie: TimeLapse,
    position_network: str | Path,
    division_network: str | Path,
    link_network: str | Path,
    *,
    channels: tuple[int, ...] | None = None,
    settings: TrackingSettings | None = None,
    resume_file: str | Path | None = None,
    show_progress: bool = True,
) -> TrackedMovie:
    """Finds nuclei, divisions and links in a movie with three networks, and the tracks they make.

    Networks are folders of a network or run, or names of shipped ones. `channels` are the movie's,
    from 1, summed; None: those the networks were trained with. `resume_file` is that of
    `predict_positions`, which takes longest.
    """
    networks = load_networks((position_network, division_network, link_network), channels)
    movie = fit_movie(movie, networks)
    networks = {kind: (one, own.changed(look=None)) for kind, (one, own) in networks.items()}
    seconds: dict[str, float] = {}
    bar = {"show_progress": show_progress}
    with _measure(seconds, "positions"):
        network, own = networks["position"]
        wishes = {"threshold": min(own.threshold, LEAST_PROBABILITY), "resume_file": resume_file}
        found = predict_positions(network, movie, own, **wishes, **bar)
    for kind, predict in (("division", predict_divisions), ("link", predict_links)):
        with _measure(seconds, f"{kind}s"):
            network, own = networks[kind]
            found = predict(network, movie, found, own, **bar)
    return solve(found, movie, settings=settings, seconds=seconds)


def fit_movie(movie: TimeLapse, networks: Networks) -> TimeLapse:
    """The movie with one size of nuclei for all networks; warns of what is unlike the training."""
    known = [own for _, own in networks.values()]
    for own in known:
        movie = state_size(AnnotatedMovie(movie), own)
    warn_if_unlike(fit_to_network(AnnotatedMovie(movie), known[0]), *known)
    return movie


def solve(
    found: Annotations,
    movie: TimeLapse,
    *,
    settings: TrackingSettings | None = None,
    seconds: dict[str, float],
) -> TrackedMovie:
    """The most probable tracks through what was found and judged, and how probably they are wrong;
    `seconds` are those spent so far.
    """
    region = np.array([[0, 0, 0], np.array(movie.shape_zyx) - 1], float)
    options = {"settings": settings, "region": region}
    with _measure(seconds, "tracks"):
        tracks = build_tracks(found, **options)
    with _measure(seconds, "errors"):
        tracks = add_error_probabilities(found, tracks, **options)
    return TrackedMovie(tracks, found, seconds)


def load_networks(
    folders: Sequence[str | Path], channels: tuple[int, ...] | None = None
) -> Networks:
    """The three networks with their settings, by kind; each must be of its kind, else UserError."""
    loaded = {}
    for wanted, folder in zip(NETWORKS, folders, strict=True):
        network, settings = load_network(folder)
        if settings.network != wanted:
            raise make_error("three networks", folder, network=settings.network, wanted=wanted)
        loaded[wanted] = network, settings.changed(channels=channels) if channels else settings
    return loaded


@contextlib.contextmanager
def _measure(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - began
