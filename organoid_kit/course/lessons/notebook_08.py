"""Exercises and questions of notebook 08: axes, spacing, channels, and the cuboid that was
annotated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from organoid_kit.course.lessons.exercise import match_numbers, run_answer
from organoid_kit.course.lessons.texts import LessonTexts

TEXTS = LessonTexts(__file__)


# ---- axes
def _judge_axes(axes: Any) -> str | None:
    letters = "".join(str(each) for each in axes).replace(" ", "").replace(",", "").lower()
    if letters == "zctyx":
        return None
    if sorted(letters) != sorted("tczyx"):
        return f"Use each of the letters t, c, z, y, x once. Received: {letters!r}."
    if letters == "tczyx":
        return "This is the usual order, not the order of this file: its first axis has 24 steps. Which one has 24?"
    if letters[:3] == "tcz":
        return "The first axis has 24 steps, but there are 31 time points: 0 and 300 minutes both count."
    if letters[3:] == "xy":
        return "Rows (y) come before columns (x), when nothing else is said."
    return f"With {letters!r} the file would have {dict(zip(letters, (24, 2, 31, 512, 512)))}. Compare with the notes."


axes = TEXTS.exercise("axes", _judge_axes)


# ---- spacing
_MICROSCOPES = ((24, 0.0, 46.0, 6.5, 25.0, 1), (51, 10.0, 60.0, 6.5, 20.0, 2))


def _compute_spacing(planes, first_um, last_um, camera_um, magnification, binning) -> np.ndarray:
    plane = camera_um * binning / magnification
    return np.array([(last_um - first_um) / (planes - 1), plane, plane])


def _judge_spacing(find_spacing_um: Callable) -> str | None:
    for notes in _MICROSCOPES:
        answer = np.asarray(run_answer(find_spacing_um, *notes), float)
        right = _compute_spacing(*notes)
        if match_numbers(answer, right, 1e-6):
            continue
        if answer.shape != (3,):
            return f"Return three numbers: z, y, x. Received: {answer.size}."
        return _find_spacing_slip(answer, right, notes)
    return None


def _find_spacing_slip(answer: np.ndarray, right: np.ndarray, notes: tuple) -> str:
    planes, first_um, last_um, camera_um, magnification, binning = notes
    if match_numbers(answer[::-1], right, 1e-6):
        return "The order is x, y, z. The kit writes z first."
    if match_numbers(answer[0], (last_um - first_um) / planes, 1e-6):
        return f"Between {planes} planes there are {planes - 1} gaps: divide by the gaps."
    if match_numbers(answer[1], camera_um / magnification, 1e-6):
        return "Binning is forgotten: a pixel of the file is as wide as `binning` pixels of the camera."
    if match_numbers(answer[1], camera_um, 1e-6):
        return "This is the camera's pixel. The lens makes everything larger: divide by the magnification."
    return f"For {notes} the spacing is {np.round(right, 4).tolist()} µm, yours {np.round(answer, 4).tolist()}."


spacing = TEXTS.exercise("spacing", _judge_spacing)


# ---- channels
def _make_channels() -> np.ndarray:
    """Three channels, (c, z, y, x) uint16, bright enough for a sum to pass 65535."""
    return np.random.default_rng(8).integers(20_000, 60_000, (3, 2, 4, 5)).astype(np.uint16)


def _judge_sum(sum_channels: Callable) -> str | None:
    image = _make_channels()
    for channels in ((1,), (2, 3), (1, 2, 3)):
        answer = np.asarray(run_answer(sum_channels, image, channels), float)
        right = image[np.array(channels) - 1].astype(float).sum(axis=0)
        if not match_numbers(answer, right, 0.5):
            return _find_sum_slip(answer, right, image, channels)
    return None


def _find_sum_slip(
    answer: np.ndarray, right: np.ndarray, image: np.ndarray, channels: tuple[int, ...]
) -> str:
    if answer.shape != right.shape:
        return f"The sum must be one stack, of shape {right.shape} (z, y, x). Yours has {answer.shape}."
    if match_numbers(answer, right % 65536, 0.5):
        return "Bright voxels became dark: uint16 ends at 65535 and begins again at 0. Convert to float first."
    if match_numbers(answer, right / len(channels), 0.5):
        return "This is the mean. Add the channels up."
    if len(channels) == 1 and match_numbers(answer, image[channels[0]], 0.5):
        return "You took the channel behind the right one. Channels count from 1, Python counts from 0."
    return f"For the channels {channels} the sum is another. Take `image[channel - 1]` for each of them."


channels = TEXTS.exercise("channels", _judge_sum)


# ---- a cuboid
_REGION = np.array([[2.0, 10.0, 20.0], [8.0, 50.0, 60.0]])
_POSITIONS = np.array(
    [
        [5, 30, 40],
        [1, 30, 40],
        [9, 30, 40],
        [5, 5, 40],
        [5, 55, 40],
        [5, 30, 10],
        [5, 30, 70],
        [2, 10, 20],
        [8, 50, 60],
    ],
    float,
)


def _judge_cuboid(find_inside: Callable) -> str | None:
    answer = np.asarray(run_answer(find_inside, _POSITIONS, _REGION))
    right = ((_POSITIONS >= _REGION[0]) & (_POSITIONS <= _REGION[1])).all(axis=1)
    if answer.shape != right.shape:
        return f"Return one True or False for each of the {len(right)} positions. Yours has the shape {answer.shape}."
    if match_numbers(answer, right):
        return None
    return _find_cuboid_slip(answer.astype(bool), right)


def _find_cuboid_slip(answer: np.ndarray, right: np.ndarray) -> str:
    if (answer == ((_POSITIONS >= _REGION[0]) & (_POSITIONS <= _REGION[1])).any(axis=1)).all():
        return "A position must be inside along z and y and x: use .all(axis=1), not .any."
    if (answer == (_POSITIONS <= _REGION[1]).all(axis=1)).all():
        return "The lowest corner is forgotten: a position may also lie before the cuboid."
    if (answer == ((_POSITIONS > _REGION[0]) & (_POSITIONS < _REGION[1])).all(axis=1)).all():
        return "A position exactly on a corner counts as inside: use >= and <=."
    wrong = _POSITIONS[np.flatnonzero(answer != right)[0]]
    return f"The position {wrong.tolist()} is wrong, for the cuboid {_REGION.tolist()}."


cuboid = TEXTS.exercise("cuboid", _judge_cuboid)


# ---- questions
wrong_spacing = TEXTS.question("wrong_spacing")
still_rising = TEXTS.question("still_rising")
fair = TEXTS.question("fair")
disconnect = TEXTS.question("disconnect")
