"""Exercises and questions of notebook 04: a target, a loss, a peak finder and scores, by hand."""

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons import LessonTexts, run_answer
from organoid_kit.evaluation import find_peaks
from organoid_kit.examples import compute_voxel_weights, draw_dots

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.say_nothing`

_SHAPE = (6, 20, 24)
_PLACES = np.array([(2.0, 5.0, 5.0), (2.0, 6.0, 9.0), (4.0, 15.0, 18.0)])  # the first two dots meet
_SPACING_UM = (2.0, 1.0, 0.5)
_SIGMA_UM = 1.5
_CUT_OFF = 0.02  # the kit draws dots out to three standard deviations, where their height is 0.011


def _draw(places=_PLACES, spacing_um=_SPACING_UM, sigma_um=_SIGMA_UM) -> np.ndarray:
    return draw_dots(places, _SHAPE, spacing_um, sigma_um)


@TEXTS.exercise
def target(draw_target: Callable) -> str | None:
    """The target of three nuclei, of which two are close."""
    answer = np.asarray(run_answer(draw_target, _PLACES, _SHAPE, _SPACING_UM, _SIGMA_UM), float)
    highest, right = answer.max(initial=0), _draw()
    return TEXTS.judge("target", locals(), answer, right, _CUT_OFF)


@TEXTS.exercise
def loss(find_weighted_loss: Callable) -> str | None:
    """The weighted cross-entropy of a target and a prediction."""
    target = _draw().astype(float)
    prediction = np.random.default_rng(4).uniform(0.02, 0.98, _SHAPE)
    weights = compute_voxel_weights(target, np.ones(_SHAPE, bool)).astype(float)
    answer = np.asarray(run_answer(find_weighted_loss, target, prediction, weights), float)
    losses = -(target * np.log(prediction) + (1 - target) * np.log(1 - prediction))
    right = float(np.mean(weights * losses))
    return TEXTS.judge("loss", locals(), answer, right, 1e-4)


def _make_set(positions: np.ndarray) -> set[tuple[int, ...]]:
    return set(map(tuple, positions.round().astype(int).tolist()))


@TEXTS.exercise
def peaks(find_tops: Callable) -> str | None:
    """Peaks of a heat map above a threshold."""
    # four dots with noise: one at the border, one below the threshold
    heights = {(2, 4, 4): 0.9, (0, 12, 6): 0.6, (3, 6, 16): 0.75, (4, 15, 18): 0.3}
    places = {place: np.array([place], float) for place in heights}
    dots = [height * _draw(places[place], (2, 1, 1), 1.5) for place, height in heights.items()]
    noise = np.random.default_rng(1).uniform(0, 0.02, _SHAPE)
    heat, threshold = np.max(dots, axis=0) + noise, 0.5
    right = _make_set(find_peaks(heat, (2, 1, 1), 3.0, threshold)[0])
    answer = np.asarray(run_answer(find_tops, heat, threshold), float)
    if answer.shape == heat.shape:
        return TEXTS.say("peaks", "every_voxel")
    found = _make_set(answer.reshape(-1, 3))
    if found == right and answer.size == 3 * len(right):
        return None
    if found == {peak[::-1] for peak in right}:
        return TEXTS.say("peaks", "x_first")
    if found > right:
        of_voxel = dict(np.ndenumerate(heat))
        is_faint = any(of_voxel.get(peak, 1) <= threshold for peak in found)
        slip = "faint" if is_faint else "too_many"
        return TEXTS.say("peaks", slip, found=len(found), right=len(right))
    return TEXTS.say("peaks", "missing", peaks=", ".join(map(str, sorted(right - found))))
