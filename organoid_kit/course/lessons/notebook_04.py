"""Exercises and questions of notebook 04: a target, a loss, a peak finder and a score, built by
hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons.exercise import match_numbers, run_answer
from organoid_kit.course.lessons.texts import LessonTexts
from organoid_kit.evaluation.peaks import find_peaks
from organoid_kit.examples.targets import compute_voxel_weights, draw_dots

TEXTS = LessonTexts(__file__)

_SHAPE = (6, 20, 24)
_PLACES = np.array([(2.0, 5.0, 5.0), (2.0, 6.0, 9.0), (4.0, 15.0, 18.0)])  # the first two dots meet
_SPACING_UM = (2.0, 1.0, 0.5)
_SIGMA_UM = 1.5
_CUT_OFF = 0.02  # the kit draws dots out to three standard deviations, where their height is 0.011


# ---- a target
def _judge_target(draw_target: Callable) -> str | None:
    target = np.asarray(
        run_answer(draw_target, _PLACES.copy(), _SHAPE, _SPACING_UM, _SIGMA_UM), float
    )
    if target.shape != _SHAPE:
        return f"The target must have the shape {_SHAPE}, one number for each voxel. Yours has {target.shape}."
    options = {
        "x_first": (_PLACES[:, ::-1], _SPACING_UM, _SIGMA_UM),
        "voxels": (_PLACES, (1, 1, 1), _SIGMA_UM),
        "spacing_x_first": (_PLACES, _SPACING_UM[::-1], _SIGMA_UM),
        "narrow": (_PLACES, _SPACING_UM, _SIGMA_UM / 2**0.5),
    }
    slips = {
        slip: draw_dots(positions, _SHAPE, spacing_um, sigma_um)
        for slip, (positions, spacing_um, sigma_um) in options.items()
    }
    right = draw_dots(_PLACES, _SHAPE, _SPACING_UM, _SIGMA_UM)
    said = TEXTS.judge("target", target, right, slips, _CUT_OFF)
    if said == TEXTS.say("target", "otherwise") and target.max() > 1.01:
        return TEXTS.say("target", "added_up", highest=target.max())
    return said


target = TEXTS.exercise("target", _judge_target)


# ---- a loss
def _make_loss_case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    target = draw_dots(_PLACES, _SHAPE, _SPACING_UM, _SIGMA_UM).astype(float)
    weights = compute_voxel_weights(target, np.ones(_SHAPE, bool)).astype(float)
    return target, rng.uniform(0.02, 0.98, _SHAPE), weights


def _judge_loss(compute_loss: Callable) -> str | None:
    target, prediction, weights = _make_loss_case()
    answer = np.asarray(run_answer(compute_loss, target, prediction, weights), float)
    if answer.shape != ():
        return f"The loss is a single number. Yours has the shape {answer.shape}: take the mean over all voxels."
    losses = -(target * np.log(prediction) + (1 - target) * np.log(1 - prediction))
    right = float(np.mean(weights * losses))
    slips = {
        "unweighted": np.mean(losses),
        "sum": np.sum(weights * losses),
        "sign": -right,
        "log10": right / np.log(10),
        "squared": np.mean(weights * (target - prediction) ** 2),
        "half": np.mean(-weights * target * np.log(prediction)),
    }
    return TEXTS.judge("loss", answer, right, slips, 1e-4)


loss = TEXTS.exercise("loss", _judge_loss)


# ---- peaks
def _make_heat() -> np.ndarray:
    """Four dots apart from each other, one at the border and one below the threshold, on a
    background with noise.
    """
    heights = ((2, 4, 4, 0.9), (0, 12, 6, 0.6), (3, 6, 16, 0.75), (4, 15, 18, 0.3))
    dots = [
        height * draw_dots(np.array([place], float), _SHAPE, (2, 1, 1), 1.5)
        for *place, height in heights
    ]
    return np.max(dots, axis=0) + np.random.default_rng(1).uniform(0, 0.02, _SHAPE)


def _judge_peaks(find_tops: Callable) -> str | None:
    heat, threshold = _make_heat(), 0.5
    right = set(
        map(tuple, find_peaks(heat, (2, 1, 1), 3.0, threshold)[0].round().astype(int).tolist())
    )
    answer = np.asarray(run_answer(find_tops, heat.copy(), threshold), float)
    if answer.shape == heat.shape:
        return "This says something of each voxel. Return the places of peaks only: `np.argwhere` finds them."
    answer = answer.reshape(-1, 3)
    found = set(map(tuple, answer.round().astype(int).tolist()))
    if found == right and len(answer) == len(right):
        return None
    if found == {place[::-1] for place in right}:
        return "Your peaks are (x, y, z). The kit writes z first."
    if found > right and any(heat[place] <= threshold for place in found if _is_inside(place)):
        return f"You found {len(found)} peaks, some with a probability below the threshold. Ask for heat > threshold."
    if found > right:
        return (
            f"You found {len(found)} peaks where the kit finds {len(right)}. A peak is at least as high as each of its "
            "26 neighbours: those beside it in z, y and x, and the diagonal ones."
        )
    missing = ", ".join(map(str, sorted(right - found)))
    return f"Missing: the peaks (z, y, x) {missing}. Mind the first plane: a voxel there has fewer neighbours."


def _is_inside(place: tuple[int, ...]) -> bool:
    return all(0 <= each < size for each, size in zip(place, _SHAPE))


peaks = TEXTS.exercise("peaks", _judge_peaks)


# ---- a score
def _judge_scores(find_scores: Callable) -> str | None:
    for right, missed, false in ((90, 10, 30), (3, 1, 0), (40, 60, 10)):
        answer = np.asarray(run_answer(find_scores, right, missed, false), float)
        if answer.shape != (3,):
            return f"Return three numbers: precision, recall, F1. Received: {answer.size}."
        if reason := _find_slip(answer, right, missed, false):
            return reason
    return None


def _find_slip(answer: np.ndarray, right: int, missed: int, false: int) -> str | None:
    precision, recall = right / (right + false), right / (right + missed)
    expected = np.array([precision, recall, 2 * right / (2 * right + missed + false)])
    counts = f"{right} right, {missed} missed, {false} false"
    if match_numbers(answer, expected, 1e-3):
        return None
    if match_numbers(answer, 100 * expected, 0.1):
        return "These are percent. Leave them as parts of 1."
    if match_numbers(answer[:2], expected[1::-1], 1e-3):
        return f"Precision and recall are swapped. With {counts}: which of the two knows of what was missed?"
    if not match_numbers(answer[:2], expected[:2], 1e-3):
        yours = f"{answer[0]:.3f} and {answer[1]:.3f}"
        return f"With {counts}, precision and recall are {precision:.3f} and {recall:.3f}; yours are {yours}."
    if match_numbers(answer[2], (precision + recall) / 2, 1e-3):
        return "F1 is not the plain mean: who finds a single nucleus and misses all others would get half a point."
    return f"With {counts}, F1 is {expected[2]:.3f}; yours is {answer[2]:.3f}."


scores = TEXTS.exercise("scores", _judge_scores)

# ---- questions
say_nothing = TEXTS.question("say_nothing")
overfitting = TEXTS.question("overfitting")
test_once = TEXTS.question("test_once")
no_recall = TEXTS.question("no_recall")
