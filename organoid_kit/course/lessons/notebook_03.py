"""Exercises and questions of notebook 03: a mirror, a contrast and a turn, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from organoid_kit.course.lessons.exercise import find_slip, match_numbers, run_answer
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

# ---- questions ------------------------------------------------------------------------------------------------------

which_move = TEXTS.question("which_move")

which_light = TEXTS.question("which_light")

which_is_a_fault = TEXTS.question("which_is_a_fault")

top_becomes_side = TEXTS.question("top_becomes_side")


# ---- a mirror -------------------------------------------------------------------------------------------------------


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
    by_x = (
        (
            x,
            "The image is mirrored, the positions are where they were. So marks lie beside their nuclei.",
        ),
        (
            _SHAPE[2] - x,
            "One voxel too far. Columns are counted from 0: of 8 columns, the last is 7, and 0 becomes 7.",
        ),
        (-x, "Nearly: they lie outside. Column 0 becomes the last one, which is the width less 1."),
    )
    if match_numbers(positions, np.column_stack([z, y, last - x])):
        return None
    slips = [(np.column_stack([z, y, value]), why) for value, why in by_x]
    return (
        find_slip(positions, slips)
        or "The image is right. Of the positions only x changes: what was 0 becomes the last."
    )


mirror = TEXTS.exercise("mirror", _judge_mirror)


# ---- a contrast -----------------------------------------------------------------------------------------------------


def _apply_contrast(patch: np.ndarray, factor: float) -> np.ndarray:
    """As the kit does it, for a (z, y, x) patch."""
    one = Augmentation(no_augmentation().matrix, bias_share=factor - 1.0)
    return vary_intensities(one, patch.transpose(1, 2, 0)[:, :, None].astype(np.float32))[
        :, :, 0
    ].transpose(2, 0, 1)


def _judge_contrast(change_contrast: Callable) -> str | None:
    changed = run_answer(change_contrast, _PATCH, 1.5)
    truth = _apply_contrast(_PATCH.copy(), 1.5)
    if match_numbers(changed, truth, 1e-4):
        return None
    mean = _PATCH.mean()
    slips = (
        (
            1.5 * _PATCH,
            "This makes all brighter: that is brightness. Contrast leaves the mean as it is.",
        ),
        (1.5 * (_PATCH - mean), "Now the mean is 0. Add the mean again at the end."),
        (
            mean + (_PATCH - mean) / 1.5,
            "You divided. With a factor above 1, differences must get larger.",
        ),
        (mean + _PATCH * 1.5, "Take the mean away first, then multiply, then add it again."),
    )
    return (
        find_slip(changed, slips, 1e-4)
        or "New = mean + factor · (old - mean), for each voxel. The mean is that of the patch."
    )


contrast = TEXTS.exercise("contrast", _judge_contrast)


# ---- one matrix -----------------------------------------------------------------------------------------------------

_MATRIX = np.array([(1, 0, 0), (0, 0.6, -0.8), (0, 0.8, 0.6)])  # a turn by 53 degrees
_CENTRE, _PATCH_SHAPE = np.array([4.0, 30.0, 50.0]), (5, 33, 41)
_PLACES = np.array([(4.0, 30.0, 50.0), (5.0, 40.0, 55.0), (3.0, 22.0, 44.0)])


def _judge_move(move: Callable) -> str | None:
    middle = (np.array(_PATCH_SHAPE) - 1) / 2
    moved = _run_each(move, middle)
    truth = apply_to_positions(Augmentation(_MATRIX), _PLACES, _CENTRE, _PATCH_SHAPE)
    if match_numbers(moved, truth, 1e-6):
        return None
    away = _PLACES - _CENTRE
    slips = (
        (
            _PLACES @ _MATRIX.T,
            "The turn goes round the corner of the movie. First take the centre away.",
        ),
        (
            _PLACES @ _MATRIX.T + middle,
            "The turn goes round the corner of the movie. First take the centre away.",
        ),
        (
            away @ _MATRIX.T,
            "The centre lies at 0, 0, 0 now. In the patch it must lie in the middle: add it.",
        ),
        (
            away @ _MATRIX.T + _CENTRE,
            "You added the centre in the movie. What is wanted is the place in the patch.",
        ),
        (
            away @ _MATRIX + middle,
            "Turned the wrong way round. It is `matrix @ offset`, in this order.",
        ),
        (
            away * np.diag(_MATRIX) + middle,
            "`*` multiplies number by number. For matrices there is `@`.",
        ),
    )
    return (
        find_slip(moved, slips, 1e-6)
        or "Offset from the centre; matrix @ offset; then add the middle of the patch."
    )


def _run_each(move: Callable, middle: np.ndarray) -> Sequence:
    """The answer for one position after the other."""
    return [run_answer(move, position, _MATRIX, _CENTRE, middle) for position in _PLACES]


move = TEXTS.exercise("move", _judge_move)
