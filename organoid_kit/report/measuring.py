"""What is measured in images: how well nuclei stand out in a channel, or in a sum of channels, in one
number; and, for the doctor, light at positions.

A nucleus stands out if it is more of a bright blob (`make_blob_response`) than 95 of 100 places of
the same stack where there is none. That is one point of a receiver operating characteristic
(Fawcett 2006): recall where 5 % of the background would be called a nucleus. It needs no unit, so
that dim and bright channels can be compared.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from organoid_kit.base import refuse_if
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.blobs import find_blobs_in_stack, make_blob_response
from organoid_kit.examples.looks import choose_time_points

BACKGROUND_PART = 0.95  # a nucleus stands out above this quantile of the background
_AWAY_UM = 5.0  # about half a nucleus and its blur: nearer to a position is no background
_PLACES = 1000  # of background in each stack
_LEAST_PLACES = 20  # fewer say nothing about a quantile
_MOST_CHANNELS = 4  # of movies with more, only single channels and their sum are tried


@dataclass(frozen=True, eq=False)
class ChannelScore:
    """How well nuclei stand out in one choice of channels."""

    channels: tuple[int, ...]  # counted from 1; several are summed
    time_points: tuple[int, ...]  # that were looked at
    nuclei: int | None  # annotated positions that were judged; None where nothing is annotated
    standing_out: int  # how many of these; without annotations, the number of bright blobs

    @property
    def share(self) -> float | None:
        """Part of the annotated nuclei that stands out, or None where none could be judged."""
        return self.standing_out / self.nuclei if self.nuclei else None

    def __str__(self) -> str:
        name = " + ".join(map(str, self.channels))
        if self.nuclei is None:
            return f"channel {name}: {self.standing_out} bright blobs of the size of nuclei"
        share = "not measured" if self.share is None else f"{self.share:.0%}"
        return f"channel {name}: {share} of nuclei stand out ({self.standing_out} of {self.nuclei})"


def list_channel_choices(movie: TimeLapse) -> list[tuple[int, ...]]:
    """Single channels first, then sums; of more than four channels only the sum of all."""
    channels = range(1, len(movie.channel_names) + 1)
    few = len(channels) <= _MOST_CHANNELS
    sizes = channels if few else (1, len(channels))
    return [choice for size in sizes for choice in itertools.combinations(channels, size)]


def score_channels(
    movie: TimeLapse, channels: Sequence[int], annotations: Annotations | None = None
) -> ChannelScore:
    """How well nuclei stand out in channels; without annotations, bright blobs are counted."""
    times = choose_time_points(movie, annotations)
    options = {"channels": tuple(channels), "time_points": tuple(times)}
    if annotations is None or len(annotations) == 0:
        stacks = (movie.stack(time_point, channels) for time_point in times)
        blobs = sum(len(find_blobs_in_stack(stack, movie.spacing_um)[0]) for stack in stacks)
        return ChannelScore(**options, nuclei=None, standing_out=blobs)
    out = [are_standing_out(movie, time_point, channels, annotations) for time_point in times]
    out = np.concatenate([np.zeros(0, bool), *(part for part in out if part is not None)])
    return ChannelScore(**options, nuclei=len(out), standing_out=int(out.sum()))


def are_standing_out(
    movie: TimeLapse, time_point: int, channels: Sequence[int], annotations: Annotations
) -> np.ndarray | None:
    """Which positions stand out, (n,) bool; None if too little background is known around them."""
    positions = annotations.positions_at(time_point)
    if len(positions) == 0 or annotations.known_um is not None:
        return None
    # the same places for all channels
    low, high = np.clip(annotations.annotated_region(time_point), 0, np.array(movie.shape_zyx) - 1)
    places = np.random.default_rng(time_point).uniform(low, high, (6 * _PLACES, 3))
    distances, _ = cKDTree(positions * movie.spacing_um).query(places * movie.spacing_um)
    background = places[distances >= _AWAY_UM][:_PLACES]
    if len(background) < _LEAST_PLACES:
        return None
    response, step = make_blob_response(movie.stack(time_point, channels), movie.spacing_um)
    limit = np.quantile(_look_up(response, step, background), BACKGROUND_PART)
    return _look_up(response, step, positions) > limit


def _look_up(response: np.ndarray, step: np.ndarray, places: np.ndarray, mode="nearest"):
    return map_coordinates(response, ((places - (step - 1) / 2) / step).T, order=1, mode=mode)


def choose_best_channels(scores: Sequence[ChannelScore]) -> tuple[int, ...]:
    """The channels in which most nuclei stand out; where several are as good, the fewest."""
    measured = [score for score in scores if score.nuclei is None or score.share is not None]
    refuse_if(not measured, "channels compared")
    return max(measured, key=lambda score: (score.standing_out, -len(score.channels))).channels


def measure_light(
    movie: TimeLapse, time_point: int, channels: Sequence[int], positions: np.ndarray
) -> np.ndarray:
    """How much brighter than its surroundings each of (n, 3) float, zyx, voxels, is at the scale of
    nuclei, which reach 0.1 and more (`make_blob_response`): (n,) float; 0 outside.
    """
    response, step = make_blob_response(movie.stack(time_point, channels), movie.spacing_um)
    return _look_up(response, step, np.nan_to_num(positions, nan=-1e6), mode="grid-constant")
