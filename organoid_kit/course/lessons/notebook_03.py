"""Exercises and questions of notebook 03: a mirror, a contrast and a turn, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from organoid_kit.course.lessons.exercise import match_numbers, run_answer
from organoid_kit.course.lessons.texts import LessonTexts
from organoid_kit.examples.augmentation import (
    Augmentation,
    apply_to_positions,
    no_augmentation,
    vary_intensities,
)

TEXTS = LessonTexts(__file__)

_SHAPE = (3, 5, 8)
_PATCH = np.arange(np.prod(_SHAPE), dtype=float).reshape(_SHAPE) / 100
_POSITIONS = np.array([(1.0, 3.0, 2.0), (0.0, 0.5, 6.5)])

# ---- questions
which_move = TEXTS.question("which_move")
which_light = TEXTS.question("which_light")
which_is_a_fault = TEXTS.question("which_is_a_fault")
top_becomes_side = TEXTS.question("top_becomes_side")


# ---- a mirror
def _judge_mirror(mirror: Callable) -> str | None:
    answer = run_answer(mirror, _PATCH, _POSITIONS)
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return "Give back two things, first the patch, then the positions: `return new_patch, new_positions`."
    patch, positions = answer
    if match_numbers(patch, _PATCH):
        return "The image is as it was. `patch[:, :, ::-1]` turns the order of its columns round."
    if match_numbers(patch, _PATCH[:, ::-1]) or match_numbers(patch, _PATCH[::-1]):
        return "The image was mirrored along another axis. The axes are z, y, x, and the columns are the last."
    if not match_numbers(patch, _PATCH[:, :, ::-1]):
        return "The image is not the mirrored one. Left must become right, and nothing else may change."
    z, y, x = _POSITIONS.T
    last = _SHAPE[2] - 1
    by_x = {"left": x, "one_too_far": _SHAPE[2] - x, "outside": -x}
    slips = {slip: np.column_stack([z, y, wrong_x]) for slip, wrong_x in by_x.items()}
    return TEXTS.judge("mirror", positions, np.column_stack([z, y, last - x]), slips)


mirror = TEXTS.exercise("mirror", _judge_mirror)


# ---- a contrast
def _apply_contrast(patch: np.ndarray, factor: float) -> np.ndarray:
    """As the kit does it, for a (z, y, x) patch."""
    one = Augmentation(no_augmentation().matrix, bias_share=factor - 1.0)
    return vary_intensities(one, patch[..., None].astype(np.float32))[..., 0]


def _judge_contrast(change_contrast: Callable) -> str | None:
    changed = run_answer(change_contrast, _PATCH, 1.5)
    truth = _apply_contrast(_PATCH.copy(), 1.5)
    mean = _PATCH.mean()
    slips = {
        "brightness": 1.5 * _PATCH,
        "mean_is_0": 1.5 * (_PATCH - mean),
        "divided": mean + (_PATCH - mean) / 1.5,
        "old_kept": mean + _PATCH * 1.5,
    }
    return TEXTS.judge("contrast", changed, truth, slips, 1e-4)


contrast = TEXTS.exercise("contrast", _judge_contrast)


# ---- one matrix
_MATRIX = np.array([(1, 0, 0), (0, 0.6, -0.8), (0, 0.8, 0.6)])  # a turn by 53 degrees
_CENTRE, _PATCH_SHAPE = np.array([4.0, 30.0, 50.0]), (5, 33, 41)
_PLACES = np.array([(4.0, 30.0, 50.0), (5.0, 40.0, 55.0), (3.0, 22.0, 44.0)])


def _judge_move(move: Callable) -> str | None:
    middle = (np.array(_PATCH_SHAPE) - 1) / 2
    moved = _run_each(move, middle)
    truth = apply_to_positions(Augmentation(_MATRIX), _PLACES, _CENTRE, _PATCH_SHAPE)
    away = _PLACES - _CENTRE
    slips = {
        "corner": _PLACES @ _MATRIX.T,
        "corner_moved": _PLACES @ _MATRIX.T + middle,
        "not_added": away @ _MATRIX.T,
        "centre_added": away @ _MATRIX.T + _CENTRE,
        "other_way": away @ _MATRIX + middle,
        "by_number": away * np.diag(_MATRIX) + middle,
    }
    return TEXTS.judge("move", moved, truth, slips, 1e-6)


def _run_each(move: Callable, middle: np.ndarray) -> Sequence:
    """The answer for one position after the other."""
    return [run_answer(move, position, _MATRIX, _CENTRE, middle) for position in _PLACES]


move = TEXTS.exercise("move", _judge_move)
