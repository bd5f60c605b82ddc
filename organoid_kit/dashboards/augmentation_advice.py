"""Which variations would teach something wrong? Each rule compares a setting with what was measured
in the movies.

A variation teaches something wrong where the image no longer shows what the answer says: a nucleus
that cannot be seen any more, two that cannot be told apart, a movement that prediction never meets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from organoid_kit.base.settings import AugmentationSettings, NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.crops import compute_working_positions, compute_working_spacing
from organoid_kit.examples.link import skip_time_points
from organoid_kit.examples.patches import prepare_stack
from organoid_kit.tracking.links import compute_displacements, estimate_drift

MOST_SKIP = 4  # links are measured over up to so many time points
_STACKS = 3  # of each movie are looked at
_DIM, _CLOSE, _FAST = 0.1, 0.1, 0.95  # quantiles: a dim nucleus, close neighbours, a fast nucleus
_SPREAD = 0.6745  # median absolute deviation of a normal distribution of standard deviation 1
# Nuclei are 5 to 12 µm wide (the range that `tune_blobs` looks through), 8 µm on average.
_SIZES = (5 / 8, 12 / 8)
_MOST_PASTED = 0.8
_MOST_TURN = 29.0  # degrees: a neighbour then moves by half of its distance, 2 sin(29° / 2) = 0.5


@dataclass(frozen=True)
class ExampleFacts:
    """What was measured in the movies, as a network sees them: background is about 0, bright nuclei
    about 1.

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
    """Looks at a few stacks of each movie, and at all positions and links.

    Args:
        annotated_movies: to train on.
        settings: channels, spacing and quantiles count.

    Raises:
        UserError: a position lies outside its movie, or a stack cannot be read.
    """
    if settings.spacing_um is None:
        settings = settings.changed(spacing_um=tuple(annotated_movies[0].movie.spacing_um))
    nuclei, stacks, close = [np.zeros(0)], [], [np.zeros(0)]
    for annotated in annotated_movies:
        positions = compute_working_positions(annotated, settings)
        times = annotated.annotations.annotated_time_points
        for time_point in times[
            np.linspace(0, len(times) - 1, min(_STACKS, len(times))).astype(int)
        ].tolist():
            here = positions[annotated.annotations.rows_at(time_point)]
            stack = prepare_stack(annotated.movie, time_point, settings)
            low, high = np.round([here.min(axis=0), here.max(axis=0)]).astype(int)
            stacks.append(stack[tuple(map(slice, np.maximum(low, 0), high + 1))].reshape(-1))
            nuclei.append(_measure_brightness(stack, here))
            close.append(
                _compute_neighbour_distances(here * compute_working_spacing(annotated, settings))
            )
    values, nuclei, close = (np.concatenate(each) for each in (stacks, nuclei, close))
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
    """What would teach something wrong: a warning for each setting that does, by its name.

    Args:
        settings: those with `augmentation`; the network they are for says which rules hold.
        facts: of `measure_example_facts`.
    """
    rules = {
        "scale": check_scale(settings.augmentation),
        "brightness": check_brightness(settings.augmentation, facts),
        "contrast": check_contrast(settings.augmentation, facts),
        "gamma": check_gamma(settings.augmentation, facts),
        "depth_dimming": check_dimming(settings.augmentation, facts),
        "noise": check_noise(settings.augmentation, facts),
        "blur_px": check_blur(settings.augmentation, facts),
    }
    if settings.network != "position":
        rules["jitter_um"] = check_jitter(settings.augmentation, facts)
    if settings.network == "division":
        rules["paste"] = check_paste(settings.augmentation)
    if settings.network == "link":
        rules |= {
            "skip": check_skip(settings, facts),
            "drift_um": check_drift(settings, facts),
            "turn_degrees": check_turn(settings.augmentation),
        }
    return {name: text for name, text in rules.items() if text}


def check_scale(chosen: AugmentationSettings) -> str | None:
    """Nuclei must stay of a size that occurs. Movies are brought to µm first, so nuclei differ
    little in size.
    """
    if chosen.scale is None or (_SIZES[0] <= chosen.scale[0] and chosen.scale[1] <= _SIZES[1]):
        return None
    return (
        f"Nuclei would be {8 * chosen.scale[0]:.0f} to {8 * chosen.scale[1]:.0f} µm wide instead of 8. From 5 to 12 µm "
        f"occurs: stay within {_SIZES[0]:.2f} and {_SIZES[1]:.2f}."
    )


def check_brightness(chosen: AugmentationSettings, facts: ExampleFacts) -> str | None:
    """The dimmest nuclei must stay brighter than the background of other examples."""
    if chosen.brightness is None:
        return None
    return _warn_if_hidden(facts.dim * chosen.brightness[0], facts, "Raise the lower end.")


def check_contrast(chosen: AugmentationSettings, facts: ExampleFacts) -> str | None:
    """Contrast moves what is darker than the mean down; where gamma acts, what falls below 0 is
    clipped to black.
    """
    if chosen.contrast is None:
        return None
    highest, lowest = chosen.contrast[1], chosen.contrast[0]
    moved = facts.dim + (highest - 1) * (facts.dim - facts.mean)
    if chosen.gamma is not None and moved <= 0:
        return (
            f"At {highest:g} the dimmest nuclei ({facts.dim:.2f}) fall below 0 and are clipped to black, though still "
            "annotated. Lower the upper end."
        )
    return _warn_if_hidden(facts.dim * lowest, facts, "Raise the lower end.")


def check_gamma(chosen: AugmentationSettings, facts: ExampleFacts) -> str | None:
    """A high exponent makes dim nuclei black, a low one makes the noise of the background as bright
    as nuclei.
    """
    if chosen.gamma is None:
        return None
    noise = max(facts.spread, 1e-6) ** chosen.gamma[0]
    if noise > max(facts.dim, 1e-6) ** chosen.gamma[0] / 2:
        return (
            f"At {chosen.gamma[0]:g} the noise of the background becomes {noise:.2f}, more than half as bright as the "
            "dimmest nuclei. Raise the lower end."
        )
    return _warn_if_hidden(max(facts.dim, 0) ** chosen.gamma[1], facts, "Lower the upper end.")


def check_dimming(chosen: AugmentationSettings, facts: ExampleFacts) -> str | None:
    """Nuclei in the deepest plane of a patch must not go out."""
    return _warn_if_hidden(
        facts.dim * (1 - (chosen.depth_dimming or 0)), facts, "Lower it.", "in the deepest plane "
    )


def check_noise(chosen: AugmentationSettings, facts: ExampleFacts) -> str | None:
    """Noise must stay below the signal: the dimmest nuclei at the lowest brightness."""
    signal = facts.dim * (chosen.brightness or (1.0, 1.0))[0]
    if not chosen.noise or chosen.noise <= signal:
        return None
    return (
        f"Noise of {chosen.noise:g} is larger than the signal: the dimmest nuclei, darkened, are {signal:.2f} bright. "
        f"The network would learn to see nuclei in noise. Stay below {signal:.2f}."
    )


def check_blur(chosen: AugmentationSettings, facts: ExampleFacts) -> str | None:
    """Close neighbours must stay two: dots of a Gaussian blur melt nearer than two standard
    deviations (Sparrow).
    """
    if (
        not chosen.blur_px
        or facts.close_um is None
        or 2 * chosen.blur_px * facts.pixel_um <= facts.close_um
    ):
        return None
    return (
        f"A blur of {chosen.blur_px * facts.pixel_um:.1f} µm melts nuclei that are closer than "
        f"{2 * chosen.blur_px * facts.pixel_um:.1f} µm into one, and a tenth of yours are within {facts.close_um:.1f} "
        f"µm. Stay below {facts.close_um / 2 / facts.pixel_um:.1f} pixels."
    )


def check_jitter(chosen: AugmentationSettings, facts: ExampleFacts) -> str | None:
    """The nucleus that is asked about must stay the one nearest to the middle of its crop."""
    if not chosen.jitter_um or facts.close_um is None or chosen.jitter_um <= facts.close_um / 2:
        return None
    return (
        f"Moved by {chosen.jitter_um:g} µm, a neighbour may stand in the middle of the crop, with the answer of "
        f"another nucleus: the closest are {facts.close_um:.1f} µm apart. Stay below {facts.close_um / 2:.1f} µm."
    )


def check_paste(chosen: AugmentationSettings) -> str | None:
    """Some crops must keep their own surroundings: in prediction, all do."""
    if (chosen.paste or 0) <= _MOST_PASTED:
        return None
    return (
        f"{chosen.paste:.0%} of the crops have pasted surroundings, with a seam. In prediction none has. Stay at "
        f"{_MOST_PASTED:.0%} or below."
    )


def check_skip(settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Over skipped time points, true links must not grow longer than what is ever taken for a link."""
    skip = settings.augmentation.skip or 1
    moved = facts.moves_um.get(min(skip, MOST_SKIP))
    if skip == 1 or moved is None or moved <= settings.max_link_um:
        return None
    return (
        f"Over {skip} time points, one in twenty nuclei moves by more than {moved:.1f} µm: beyond max_link_um "
        f"({settings.max_link_um:g} µm) its link is left out, and only slow nuclei are right. Skip fewer."
    )


def check_drift(settings: NetworkSettings, facts: ExampleFacts) -> str | None:
    """Fast nuclei and the drift together must stay within what is ever taken for a link."""
    drift, moved = settings.augmentation.drift_um, facts.moves_um.get(1)
    if not drift or moved is None or moved + drift * np.sqrt(2) <= settings.max_link_um:
        return None
    return (
        f"Fast nuclei move by {moved:.1f} µm, and {drift * np.sqrt(2):.1f} µm of drift on top leads beyond max_link_um "
        f"({settings.max_link_um:g} µm): prediction never asks about such links. "
        f"Stay below {max(0.0, (settings.max_link_um - moved) / np.sqrt(2)):.1f} µm."
    )


def check_turn(chosen: AugmentationSettings) -> str | None:
    """Between two time points, a neighbour must not be turned to where another nucleus was."""
    if (chosen.turn_degrees or 0) <= _MOST_TURN:
        return None
    return (
        f"Turned by {chosen.turn_degrees:g}°, a neighbour moves by more than half of its distance: it can no longer be "
        f"told which one it was. Stay at {_MOST_TURN:g}° or below."
    )


def _warn_if_hidden(
    intensity: float, facts: ExampleFacts, remedy: str, where: str = ""
) -> str | None:
    """A warning where dim nuclei would be no brighter than what the background of other examples
    shows.
    """
    if intensity > 2 * facts.spread:
        return None
    return (
        f"The dimmest nuclei {where}would be {max(intensity, 0):.2f} bright. The background of other examples varies "
        f"by {facts.spread:.2f}: the network would learn to see nuclei in it. {remedy}"
    )


def _measure_brightness(stack: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Mean of the voxels around each position, 3 × 3 in its plane, (n,) float."""
    z, y, x = np.clip(np.round(positions).astype(int).T, 0, np.array(stack.shape)[:, None] - 1)
    around = [
        stack[z, np.clip(y + dy, 0, stack.shape[1] - 1), np.clip(x + dx, 0, stack.shape[2] - 1)]
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    return np.mean(around, axis=0)


def _compute_neighbour_distances(points_um: np.ndarray) -> np.ndarray:
    """Distance of each to its nearest neighbour, µm; empty for a single one."""
    return cKDTree(points_um).query(points_um, 2)[0][:, 1] if len(points_um) > 1 else np.zeros(0)


def _measure_moves(annotated_movies: Sequence[AnnotatedMovie]) -> dict[int, float]:
    """How far fast nuclei move over so many time points, µm."""
    moves = {}
    for step in range(1, MOST_SKIP + 1):
        lengths = np.concatenate(
            [np.zeros(0), *(_measure_link_lengths(each, step) for each in annotated_movies)]
        )
        if len(lengths):
            moves[step] = float(np.quantile(lengths, _FAST))
    return moves


def _measure_link_lengths(annotated: AnnotatedMovie, step: int) -> np.ndarray:
    """Lengths of the true links over so many time points, drift taken out, (m,) float, µm."""
    spacing_um = annotated.annotations.spacing_um or annotated.movie.spacing_um
    whole: Annotations = dataclasses.replace(annotated.annotations, spacing_um=spacing_um)
    if len(whole) == 0:
        return np.zeros(0)
    part, _ = skip_time_points(whole, step, int(whole.time_points.min()))
    return np.linalg.norm(compute_displacements(part, part.links, estimate_drift(part)), axis=1)
