"""How movies look to a network: measured when it is trained, and again before it is used."""

import math
from collections.abc import Sequence

import numpy as np

from organoid_kit.base import NetworkSettings, warn
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse, timelapse
from organoid_kit.evaluation.blobs import find_blobs_in_stack
from organoid_kit.examples.patches import prepare_stack
from organoid_kit.examples.sizes import SAME_SIZE, estimate_nucleus_size

_MOST_MOVIES = 20
_MOST_TIME_POINTS = 3
_MOST_BLOBS = 30
_MAD = 1.4826  # from the median absolute deviation of normal noise to its standard deviation
_FILLED = 0.3  # of the step from background to bright nuclei
_NO_NOISE = 0.04  # less hardly shows: augmentation adds up to 0.08
# What is measured, in words, and how many times lower or higher than in training is still alike:
# augmentation dims nuclei to about half; finer voxels are averaged, and less noise or a fuller image
# is easier.
_MEASURES = {
    "size": ("nuclei {} µm wide", SAME_SIZE, SAME_SIZE),
    "planes": ("planes {} µm apart", math.inf, 1.5),
    "pixels": ("pixels of {} µm", math.inf, 1.5),
    "contrast": ("contrast {} of nuclei", 2.0, math.inf),
    "noise": ("noise {}", math.inf, 3.0),
    "filled": ("a part of {} filled by nuclei", 3.0, math.inf),
}


def choose_time_points(movie: TimeLapse, annotations: Annotations | None) -> list[int]:
    """Up to three time points from first to last, of those that are annotated where any is."""
    times = np.array(movie.time_points)
    if annotations is not None and len(annotations):
        times = np.intersect1d(times, annotations.annotated_time_points)
    return times[_spread(len(times), _MOST_TIME_POINTS)].tolist()


def _spread(count: int, most: int) -> np.ndarray:
    """At most so many rows, evenly chosen from first to last."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))


def measure_look(movies: Sequence[AnnotatedMovie], settings: NetworkSettings) -> tuple[float, ...]:
    """How movies look, fitted to the network: diameter of nuclei, distances of planes and pixels
    (µm); contrast and noise, of the step from background to bright nuclei; the part that is filled.
    Of each, the lowest and highest of up to 20 movies, of each of these the median of up to three
    time points; annotations only say at which. 0 where there is nothing to measure.
    """
    measured = [np.zeros(len(_MEASURES))]
    for annotated in (movies[row] for row in _spread(len(movies), _MOST_MOVIES)):
        times = choose_time_points(annotated.movie, annotated.annotations)
        stacks = [_measure_stack(annotated.movie, time, settings) for time in times]
        measured.append(np.ma.median(np.ma.masked_equal(stacks, 0), axis=0).filled(0))
    known = np.ma.masked_equal(measured, 0)
    ends = np.stack([known.min(axis=0).filled(0), known.max(axis=0).filled(0)], axis=1)
    return tuple(ends.ravel().tolist())


def _measure_stack(movie: TimeLapse, time: int, settings: NetworkSettings) -> tuple[float, ...]:
    """In the order of `_MEASURES`."""
    size = estimate_nucleus_size(movie, settings.channels, time)
    diameter_um = size.mean_um if size and size.is_certain else 0.0
    stack = prepare_stack(movie, time, settings, denoise=False)
    spacing_um = np.array(movie.spacing_um) * movie.shape_zyx / stack.shape
    _, heights = find_blobs_in_stack(stack, spacing_um, diameter_um or timelapse.USUAL_DIAMETER_UM)
    contrast = np.median(heights[:_MOST_BLOBS]) if len(heights) else 0.0
    plane_um = movie.spacing_um[0] if movie.shape_zyx[0] > 1 else 0.0
    filled = np.mean(stack > _FILLED)
    return diameter_um, plane_um, max(movie.spacing_um[1:]), contrast, measure_noise(stack), filled


def measure_noise(prepared: np.ndarray) -> float:
    """How much neighbouring voxels of the background differ by chance, where 1 is bright nuclei."""
    dark = prepared[..., 1:] <= np.median(prepared)
    steps = np.diff(prepared, axis=2)[dark] / np.sqrt(2)
    return float(_MAD * np.median(np.abs(steps)))


def find_unlike(look: Sequence[float], known: Sequence[float]) -> dict[str, str]:
    """In words, by measure, such as "noise": where movies lie beyond those learned from."""
    unlike = {}
    pairs = (np.reshape(ends, (-1, 2)) for ends in (look, known))
    for own, trained, (name, facts) in zip(*pairs, _MEASURES.items()):
        words, lower, higher = facts
        most = higher * max(trained[1], _NO_NOISE if name == "noise" else 1e-9)
        if own[1] and trained[1] and (own[1] * lower < trained[0] or own[0] > most):
            said = (" to ".join(dict.fromkeys(f"{v:.2g}" for v in pair)) for pair in (own, trained))
            unlike[name] = f"{words.format(next(said))} ({next(said)} in training)"
    return unlike


def warn_if_unlike(fitted: AnnotatedMovie, *networks: NetworkSettings) -> None:
    """One line where a movie, fitted to networks, looks unlike those that one of them has seen."""
    known = [settings for settings in networks if settings.look]
    look = measure_look([fitted], known[0]) if known else ()
    unlike = {each.network: find_unlike(look, each.look).values() for each in known}
    for network in [kind for kind, said in unlike.items() if said][:1]:
        message = f"{fitted.movie.name} looks unlike what the {network} network was trained on"
        advice = "Its probabilities may not hold here: look, and ask the doctor"
        warn(f"{message}: {', '.join(unlike[network])}. {advice} (`diagnose_microscope`).")
