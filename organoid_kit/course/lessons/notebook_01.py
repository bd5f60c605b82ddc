"""Exercises and questions of notebook 01: a loss, a step, a convolution and a kernel, by hand."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import correlate

from organoid_kit.course.lessons import LessonTexts, run_answer

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.which_network`


@TEXTS.exercise
def loss(find_loss: Callable) -> str | None:
    """The mean squared error of three answers."""
    got = run_answer(find_loss, np.array([1.0, 2.0, 4.0]), np.array([1.0, 4.0, 3.0]))
    return TEXTS.judge("loss", locals(), got, 5 / 3, 1e-4)


@TEXTS.exercise
def step(find_step: Callable) -> str | None:
    """One step of a line through three points."""
    line, days, sizes = (0.5, 0.25), np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 2.0])
    got = run_answer(find_step, *line, days, sizes, 0.1)
    if isinstance(got, tuple | list) and any(np.size(number) != 1 for number in got):
        return TEXTS.say("step", "many")
    take_step = step.run(step.code)["take_step"]
    right = np.array(take_step(*line, days, sizes, 0.1))
    return TEXTS.judge("step", locals(), got, right)


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """An image's convolution, (y, x) float, 0 around it, with a (3, 3) kernel that is not turned."""
    return correlate(np.asarray(image, float), kernel, mode="constant")


@TEXTS.exercise
def convolution(find_convolution: Callable) -> str | None:
    """A convolution, compared with one that is Keras' (tests/course/test_checkers.py)."""
    rng = np.random.default_rng(3)
    image, kernel = rng.normal(size=(6, 7)), rng.normal(size=(3, 3))
    got, right = run_answer(find_convolution, image, kernel), convolve(image, kernel)
    if np.shape(got) != (6, 7):
        slip = "no_border" if np.shape(got) == (4, 5) else "shape"
        return TEXTS.say("convolution", slip, shape=np.shape(got))
    inside, corner = np.array(got, float), np.array(got, float)
    inside[1:-1, 1:-1] = corner[:-2, :-2] = right[1:-1, 1:-1]
    turned = convolve(image, kernel[::-1, ::-1])
    return TEXTS.judge("convolution", locals(), got, right, 1e-4)


@TEXTS.exercise
def edge(answer: np.ndarray) -> str | None:
    """A kernel that answers to left edges, tried on an evenly bright nucleus in columns 3 to 7."""
    kernel = np.asarray(answer, dtype=float)
    if kernel.shape != (3, 3):
        return TEXTS.say("edge", "shape", shape=kernel.shape)
    row = convolve(np.pad(np.ones((5, 5)), 3), kernel)[5]
    left, middle, right = row[2:4].max(), row[5], row[7:9].max()
    holds = {"middle": abs(middle) > 1e-6, None: left > right, "mirrored": right > left}
    return TEXTS.say_first("edge", holds, left=left, middle=middle, right=right)
