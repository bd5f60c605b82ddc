"""Which variations would teach something wrong? Each rule compares a setting with the movies.

A variation teaches something wrong where the image no longer shows what the answer says: a nucleus
that cannot be seen any more, two that cannot be told apart, a movement that prediction never meets.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from organoid_kit.base import NetworkSettings
from organoid_kit.dashboards.augmentation.operation import list_operations
from organoid_kit.data import AnnotatedMovie
from organoid_kit.examples.link import skip_time_points
from organoid_kit.examples.patches import (
    compute_working_positions,
    compute_working_spacing,
    prepare_stack,
)
from organoid_kit.tracking.motion import compute_displacements, estimate_drift

MOST_SKIP = 4  # links are measured over up to so many time points
_STACKS = 3  # of each movie are looked at
_DIM, _CLOSE, _FAST = 0.1, 0.1, 0.95  # quantiles: a dim nucleus, close neighbours, a fast nucleus
_SPREAD = 0.6745  # median absolute deviation of a normal distribution of standard deviation 1
# Nuclei are 5 to 12 µm wide (the range that `tune_blobs` looks through), 8 µm on average.
_SIZES = (5 / 8, 12 / 8)
_MOST_PASTED = 0.8
_WARNINGS = json.loads(Path(__file__).with_name("augmentation_warnings.json").read_text("utf-8"))
_MOST_TURN = 29.0  # degrees: a neighbour then moves by half of its distance, 2 sin(29° / 2) = 0.5


@dataclass(frozen=True)
class ExampleFacts:
    """What was measured in the movies, where background is about 0, and bright nuclei about 1.

    Attributes:
        dim: intensity of the dimmest tenth of the annotated nuclei.
        mean: of all intensities in the cuboid of the nuclei.
        spread: standard deviation of the background there, from the median absolute deviation of
            the darker half.
        close_um: distance to the nearest neighbour that a tenth of the nuclei go below; None: no
            two nuclei.
        moves_um: how far the fastest twentieth of nuclei moves over 1, 2, … time points, drift
            taken out; where links are annotated.
        pixel_um: of the working spacing, in the plane.
    """

    dim: float
    mean: float
    spread: float
    close_um: float | None
    moves_um: dict[int, float]
    pixel_um: float


def measure_example_facts(
    annotated_movies: Sequence[AnnotatedMovie], settings: NetworkSettings
) -> ExampleFacts:
    """Looks at a few stacks of each movie, and at all positions and links."""
    if settings.spacing_um is None:
        settings = settings.changed(spacing_um=tuple(annotated_movies[0].movie.spacing_um))
    nuclei, stacks, close = [np.zeros(0)], [], [np.zeros(0)]
    for annotated in annotated_movies:
        positions = compute_working_positions(annotated, settings)
        spacing_um = compute_working_spacing(annotated, settings)
        times = annotated.annotations.annotated_time_points
        chosen = np.linspace(0, len(times) - 1, min(_STACKS, len(times))).astype(int)
        for time_point in times[chosen].tolist():
            here = positions[annotated.annotations.rows_at(time_point)]
            stack = prepare_stack(annotated.movie, time_point, settings)
            low, high = np.round([here.min(axis=0), here.max(axis=0)]).astype(int)
            stacks.append(stack[tuple(map(slice, np.maximum(low, 0), high + 1))].reshape(-1))
            nuclei.append(_measure_brightness(stack, here))
            if len(here) > 1:
                points_um = here * spacing_um
                close.append(cKDTree(points_um).query(points_um, 2)[0][:, 1])
    values, nuclei, close = (np.concatenate(parts) for parts in (stacks, nuclei, close))
    dark = values[values <= np.median(values)]
    return ExampleFacts(
        dim=float(np.quantile(nuclei, _DIM)),
        mean=float(values.mean()),
        spread=float(np.median(np.abs(dark - np.median(dark))) / _SPREAD),
        close_um=float(np.quantile(close, _CLOSE)) if len(close) else None,
        moves_um=_measure_moves(annotated_movies),
        pixel_um=settings.spacing_um[2],
    )


def check_augmentation(settings: NetworkSettings, facts: ExampleFacts) -> dict[str, str]:
    """A warning for each setting that would teach something wrong, by its name."""
    found = {}
    for name in list_operations(settings.network):
        chosen = getattr(settings.augmentation, name)
        if name in _RULES and chosen and (text := _RULES[name](chosen, settings, facts)):
            found[name] = text
    return found


# ---- one rule for each setting: (its value, all settings, facts) → a warning, or None


def check_scale(chosen: tuple, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Nuclei must stay of a size that occurs; in µm they differ little."""
    low, high = chosen
    smallest, largest = _SIZES
    if low < smallest or high > largest:
        sizes = {"low": 8 * low, "high": 8 * high, "smallest": smallest, "largest": largest}
        return _WARNINGS["scale"].format(**sizes)


def check_brightness(chosen: tuple, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """The dimmest nuclei must stay brighter than the background of other examples."""
    return _warn_if_hidden(facts.dim * chosen[0], facts, "Raise the lower end.")


def check_contrast(chosen: tuple, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """What is darker than the mean moves down; below 0, gamma clips it to black."""
    lowest, highest = chosen
    moved = facts.dim + (highest - 1) * (facts.dim - facts.mean)
    if settings.augmentation.gamma is not None and moved <= 0:
        return _WARNINGS["contrast"].format(highest=highest, dim=facts.dim)
    return _warn_if_hidden(facts.dim * lowest, facts, "Raise the lower end.")


def check_gamma(chosen: tuple, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """A high exponent hides dim nuclei, a low one makes noise as bright as nuclei."""
    lowest, highest = chosen
    noise = max(facts.spread, 1e-6) ** lowest
    if noise > max(facts.dim, 1e-6) ** lowest / 2:
        return _WARNINGS["gamma"].format(lowest=lowest, noise=noise)
    return _warn_if_hidden(max(facts.dim, 0) ** highest, facts, "Lower the upper end.")


def check_dimming(chosen: float, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Nuclei in the deepest plane of a patch must not go out."""
    return _warn_if_hidden(facts.dim * (1 - chosen), facts, "Lower it.", "in the deepest plane ")


def check_noise(chosen: float, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Noise must stay below the signal: the dimmest nuclei at the lowest brightness."""
    signal = facts.dim * (settings.augmentation.brightness or (1.0, 1.0))[0]
    if chosen > signal:
        return _WARNINGS["noise"].format(noise=chosen, signal=signal)


def check_blur(chosen: float, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Neighbours must stay two: blurred dots melt nearer than two standard deviations (Sparrow)."""
    blur, close = chosen * facts.pixel_um, facts.close_um
    if close is not None and 2 * blur > close:
        most = close / 2 / facts.pixel_um
        return _WARNINGS["blur_px"].format(blur=blur, near=2 * blur, close=close, most=most)


def check_jitter(chosen: float, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """The nucleus in question must stay the one nearest to the middle of its crop."""
    close = facts.close_um
    if close is not None and chosen > close / 2:
        return _WARNINGS["jitter_um"].format(jitter=chosen, close=close, most=close / 2)


def check_paste(chosen: float, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Some crops must keep their own surroundings: in prediction, all do."""
    if chosen > _MOST_PASTED:
        return _WARNINGS["paste"].format(part=chosen, most=_MOST_PASTED)


def check_skip(chosen: int, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Over skipped time points, true links must stay shorter than the longest link considered."""
    moved, longest = facts.moves_um.get(min(chosen, MOST_SKIP), 0), settings.max_link_um
    if chosen > 1 and moved > longest:
        return _WARNINGS["skip"].format(skip=chosen, moved=moved, longest=longest)


def check_drift(chosen: float, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Fast nuclei and the drift together must stay below the longest link considered."""
    moved, longest = facts.moves_um.get(1), settings.max_link_um
    drift = chosen * np.sqrt(2)
    if moved is not None and moved + drift > longest:
        most = max(0.0, (longest - moved) / np.sqrt(2))
        return _WARNINGS["drift_um"].format(moved=moved, drift=drift, longest=longest, most=most)


def check_turn(chosen: float, settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Between two time points, no neighbour may be turned to where another nucleus was."""
    if chosen > _MOST_TURN:
        return _WARNINGS["turn_degrees"].format(degrees=chosen, most=_MOST_TURN)


_RULES = {
    "scale": check_scale,
    "brightness": check_brightness,
    "contrast": check_contrast,
    "gamma": check_gamma,
    "depth_dimming": check_dimming,
    "noise": check_noise,
    "blur_px": check_blur,
    "jitter_um": check_jitter,
    "paste": check_paste,
    "skip": check_skip,
    "drift_um": check_drift,
    "turn_degrees": check_turn,
}


def _warn_if_hidden(
    intensity: float, facts: ExampleFacts, remedy: str, where: str = ""
) -> str | None:
    """A warning where dim nuclei would be no brighter than the background of other examples."""
    if intensity <= 2 * facts.spread:
        numbers = {"intensity": max(intensity, 0), "spread": facts.spread}
        return _WARNINGS["hidden"].format(where=where, remedy=remedy, **numbers)


def _measure_brightness(stack: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Mean of the voxels around each position, 3 × 3 in its plane, (n,) float."""
    _, height, width = stack.shape
    z, y, x = np.clip(np.round(positions).astype(int).T, 0, np.array(stack.shape)[:, None] - 1)
    around = [
        stack[z, np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    return np.mean(around, axis=0)


def _measure_moves(annotated_movies: Sequence[AnnotatedMovie]) -> dict[int, float]:
    """How far fast nuclei move over so many time points, drift taken out, µm."""
    moves = {}
    for step in range(1, MOST_SKIP + 1):
        lengths = [np.zeros(0)]
        for annotated in annotated_movies:
            whole = annotated.with_spacing().annotations
            if len(whole):
                part, _ = skip_time_points(whole, step, int(whole.time_points.min()))
                moved_um = compute_displacements(part, part.links, estimate_drift(part))
                lengths.append(np.linalg.norm(moved_um, axis=1))
        lengths = np.concatenate(lengths)
        if len(lengths):
            moves[step] = float(np.quantile(lengths, _FAST))
    return moves
