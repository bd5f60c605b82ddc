"""Exercises and questions of notebook 03: a mirror, a contrast and a turn, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from organoid_kit.course.lessons.exercise import Exercise, find_slip, match_numbers, run_answer
from organoid_kit.course.lessons.question import Question
from organoid_kit.examples.augmentation import (
    Augmentation,
    apply_to_positions,
    no_augmentation,
    vary_intensities,
)

_SHAPE = (3, 5, 8)
_PATCH = np.arange(np.prod(_SHAPE), dtype=float).reshape(_SHAPE) / 100
_POSITIONS = np.array([(1.0, 3.0, 2.0), (0.0, 0.5, 6.5)])

# ---- questions ------------------------------------------------------------------------------------------------------

which_move = Question(
    text="A mirror, a turn, a larger scale. In which of them must the target change, too?",
    choices={
        "a": "in all three",
        "b": "in the turn only",
        "c": "in none: the right answer stays the right answer",
    },
    right="a",
    because={
        "a": "The nuclei are at other places, so the dots must be there, too. Run the next cell.",
        "b": "In a mirror, too, what was left is right. Where would the old dots be?",
        "c": "The dots say where the nuclei are. When the nuclei move, the old dots lie beside them.",
    },
)

which_light = Question(
    text="And half the light, more contrast, another gamma? In which of these does the target change?",
    choices={"a": "in all three", "b": "in half the light: dim nuclei count less", "c": "in none"},
    right="c",
    because={
        "a": "Does a nucleus move when the lamp gets dimmer?",
        "b": "A dim nucleus is a nucleus. The network shall find it all the same.",
        "c": "The nuclei stay where they are. This is what the network must learn: the light does not matter.",
    },
)

which_is_a_fault = Question(
    text="Two of the three examples above go too far. One is a plain mistake in a program. Which one?",
    choices={"a": "A", "b": "B", "c": "C"},
    right="c",
    because={
        "a": "In A the light is gone. Much too strong, but image and dots still belong together.",
        "b": "In B all is too large. Much too strong, but image and dots still belong together.",
        "c": "In C the image was turned and the dots were not. No strength of a variation can do that.",
    },
)

top_becomes_side = Question(
    text="Why does the kit not turn stacks around the x axis, so that top becomes side?",
    choices={
        "a": "Because a stack seen from the side looks as no microscope shows it from above.",
        "b": "Because it would take too long.",
        "c": "Because nuclei have a top and a bottom.",
    },
    right="a",
    because={
        "a": "Planes lie 2 µm apart, rows half a µm, and light is lost with depth. From the side all is blurred.",
        "b": "It takes a little longer. But would such an image ever come out of your microscope?",
        "c": "Hardly. Think of the image: how far apart are its planes, how far its rows?",
    },
)


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


mirror = Exercise(
    answer="mirror",
    judge=_judge_mirror,
    hints=(
        "`patch[:, :, ::-1]` leaves planes and rows, and turns the columns round.",
        "Draw four columns on paper, 0 1 2 3, and mirror them. Where does 0 go? And 1?",
        "The new x is the width, less 1, less the old x: `patch.shape[2] - 1 - x`.",
    ),
    code="""def mirror(patch, positions):
    mirrored = positions.copy()
    mirrored[:, 2] = patch.shape[2] - 1 - positions[:, 2]
    return patch[:, :, ::-1], mirrored""",
    others=(
        """def mirror(patch, positions):
    width = patch.shape[-1]
    return [np.flip(patch, axis=-1), [(z, y, width - 1 - x) for z, y, x in positions]]""",
    ),
    mistakes=(
        (
            "def mirror(patch, positions):\n    return patch[:, :, ::-1], positions",
            "where they were",
        ),
        (
            "def mirror(patch, positions):\n"
            "    return patch[:, :, ::-1], np.abs(positions - [0, 0, patch.shape[2]]) * [1, 1, 1]",
            "One voxel too far",
        ),
        ("def mirror(patch, positions):\n    return patch[:, :, ::-1]", "Give back two things"),
        (
            "def mirror(patch, positions):\n    return patch[::-1], np.abs(positions - [patch.shape[0] - 1, 0, 0])",
            "another axis",
        ),
    ),
    because="A slip of one voxel is seen by nobody, and moves every dot. Such things one checks by numbers.",
)


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


contrast = Exercise(
    answer="change_contrast",
    judge=_judge_contrast,
    hints=(
        "`patch.mean()` is the mean, `patch - patch.mean()` is how far each voxel is above or below it.",
        "Multiply these distances by the factor, and add the mean again.",
    ),
    code="""def change_contrast(patch, factor):
    mean = patch.mean()
    return mean + factor * (patch - mean)""",
    others=(
        "def change_contrast(patch, factor):\n    return factor * patch + (1 - factor) * np.average(patch)",
        "def change_contrast(patch, factor):\n"
        "    patch -= (mean := patch.mean())\n    patch *= factor\n    return (patch + mean).tolist()",
    ),
    mistakes=(
        ("def change_contrast(patch, factor):\n    return factor * patch", "that is brightness"),
        (
            "def change_contrast(patch, factor):\n    return factor * (patch - patch.mean())",
            "Add the mean again",
        ),
    ),
    because="The mean stays, so the image as a whole is as bright as before.",
)


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


move = Exercise(
    answer="move_position",
    judge=_judge_move,
    hints=(
        "How far is the position from the centre? `position - centre`, three numbers.",
        "`matrix @ offset` turns and scales this offset.",
        "The centre itself shall come to lie in the middle of the patch: add `middle`.",
    ),
    code="""def move_position(position, matrix, centre, middle):
    offset = position - centre
    return matrix @ offset + middle""",
    others=(
        """def move_position(position, matrix, centre, middle):
    offset = [p - c for p, c in zip(position, centre)]
    return [sum(row[axis] * offset[axis] for axis in range(3)) + m for row, m in zip(matrix, middle)]""",
        """def move_position(position, matrix, centre, middle):
    return np.dot(position - centre, matrix.T) + middle""",
    ),
    mistakes=(
        (
            "def move_position(position, matrix, centre, middle):\n    return matrix @ position + middle",
            "First take the centre away",
        ),
        (
            "def move_position(position, matrix, centre, middle):\n    return matrix @ (position - centre)",
            "must lie in the middle",
        ),
        (
            "def move_position(position, matrix, centre, middle):\n    return (position - centre) @ matrix + middle",
            "wrong way round",
        ),
    ),
    because="The kit moves image, positions and links by this one line, so that they cannot part.",
)
