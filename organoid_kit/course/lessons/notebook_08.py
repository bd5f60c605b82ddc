"""Exercises and questions of notebook 08: axes, spacing, channels."""

from collections.abc import Callable
from typing import Any

import numpy as np

from organoid_kit.course.lessons import LessonTexts, run_answer

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.wrong_spacing`


@TEXTS.exercise
def axes(answer: Any) -> str | None:
    """The order of axes in a file, from notes and its shape."""
    letters = "".join(map(str, answer)).replace(" ", "").replace(",", "").lower()
    holds = {
        None: letters == "zctyx",
        "once": sorted(letters) != sorted("tczyx"),
        "usual": letters == "tczyx",
        "time": letters[:3] == "tcz",
        "columns": letters[3:] == "xy",
    }
    sizes = dict(zip(letters, (24, 2, 31, 512, 512)))
    return TEXTS.say_first("axes", holds, letters=letters, sizes=sizes)


@TEXTS.exercise
def spacing(find_spacing_um: Callable) -> str | None:
    """The spacing, from the notes of a microscope."""
    notes = 51, 10.0, 60.0, 6.5, 20.0, 2
    planes, first_um, last_um, camera_um, magnification, binning = notes
    plane_um = camera_um * binning / magnification
    right = np.array([(last_um - first_um) / (planes - 1), plane_um, plane_um])
    answer = np.asarray(run_answer(find_spacing_um, *notes), float)
    z, y, x = answer if answer.shape == (3,) else (0, 0, 0)
    gaps = planes - 1
    return TEXTS.judge("spacing", locals(), answer, right)


@TEXTS.exercise
def channels(sum_channels: Callable) -> str | None:
    """The sum of channels, bright enough to pass 65535, where uint16 ends."""
    image = np.random.default_rng(8).integers(20_000, 60_000, (3, 2, 4, 5)).astype(np.uint16)
    channels = (1, 2)
    answer = np.asarray(run_answer(sum_channels, image, channels), float)
    right, next_ones = (part.astype(float).sum(axis=0) for part in (image[:2], image[1:]))
    return TEXTS.judge("channels", locals(), answer, right, 0.5)
