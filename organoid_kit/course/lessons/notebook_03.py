"""Exercises and questions of notebook 03: a mirror, a contrast and a turn, by hand."""

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons import LessonTexts, match_numbers, run_answer
from organoid_kit.examples import apply_to_positions
from organoid_kit.examples.augmentation import Augmentation, no_augmentation, vary_intensities

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.which_move`
_PATCH = np.arange(3 * 5 * 8, dtype=float).reshape(3, 5, 8) ** 2 / 10_000  # mean is not median


@TEXTS.exercise
def mirror(mirror_left_right: Callable) -> str | None:
    """A patch and its positions, left and right exchanged."""
    z, y, x = np.array([(1.0, 3.0, 2.0), (0.0, 0.5, 6.5)]).T
    answer = run_answer(mirror_left_right, _PATCH, np.column_stack([z, y, x]))
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return TEXTS.say("mirror", "two_things")
    patch, positions = answer
    if not match_numbers(patch, _PATCH[:, :, ::-1]):
        wrong = {"unchanged": _PATCH, "rows": _PATCH[:, ::-1], "planes": _PATCH[::-1]}
        holds = {name: match_numbers(patch, image) for name, image in wrong.items()}
        return TEXTS.say_first("mirror", holds | {"image": True})
    return TEXTS.judge("mirror", locals(), positions, np.column_stack([z, y, 7 - x]))


@TEXTS.exercise
def contrast(change_contrast: Callable) -> str | None:
    """More contrast: farther from the mean, which stays."""
    changed = run_answer(change_contrast, _PATCH, 1.5)
    mean = _PATCH.mean()
    contrast_only = Augmentation(no_augmentation().matrix, bias_share=0.5)
    right = vary_intensities(contrast_only, _PATCH[..., None].astype(np.float32))[..., 0]
    return TEXTS.judge("contrast", locals(), changed, right, 1e-4)


@TEXTS.exercise
def move(move_position: Callable) -> str | None:
    """Positions moved by a matrix, a turn by 53 degrees, into a patch of 5 × 33 × 41 voxels."""
    matrix = np.array([(1, 0, 0), (0, 0.6, -0.8), (0, 0.8, 0.6)])
    centre, middle = np.array([4.0, 30.0, 50.0]), np.array([2.0, 16.0, 20.0])
    positions = np.array([(4.0, 30.0, 50.0), (5.0, 40.0, 55.0), (3.0, 22.0, 44.0)])
    moved = [run_answer(move_position, position, matrix, centre, middle) for position in positions]
    right = apply_to_positions(Augmentation(matrix), positions, centre, (5, 33, 41))
    away = positions - centre
    return TEXTS.judge("move", locals(), moved, right)
