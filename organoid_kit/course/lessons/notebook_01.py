"""Exercises and questions of notebook 01, background: a loss, a step, a convolution and a kernel,
by hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons.exercise import run_answer
from organoid_kit.course.lessons.texts import LessonTexts

TEXTS = LessonTexts(__file__)

KERAS_TOLERANCE = 1e-4  # Keras computes with seven digits

# ---- the right answers, which the notebook goes on with where the learner's is missing


def compute_loss(answers: np.ndarray, truth: np.ndarray) -> float:
    """The mean of the squared errors.

    Args:
        answers: (n,) float, what the line says.
        truth: (n,) float, what was measured.
    """
    return float(np.mean((answers - truth) ** 2))


def take_step(
    slope: float, start: float, x: np.ndarray, y: np.ndarray, learning_rate: float
) -> tuple[float, float]:
    """Slope and start of the line, after one step down the loss.

    Args:
        slope: of the line now.
        start: of the line now, its value at x = 0.
        x: (n,) float.
        y: (n,) float, measured.
        learning_rate: how far to go.
    """
    error = slope * x + start - y
    return slope - learning_rate * 2 * np.mean(error * x), start - learning_rate * 2 * np.mean(
        error
    )


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The convolution of an image, as neural networks mean it: the kernel is not turned round.

    Args:
        image: (y, x) float.
        kernel: (3, 3) float.

    Returns:
        (y, x) float; beyond the border there are zeros.
    """
    padded, convolved = np.pad(image, 1), np.zeros(image.shape)
    for row, column in np.ndindex(image.shape):
        convolved[row, column] = np.sum(padded[row : row + 3, column : column + 3] * kernel)
    return convolved


# ---- questions
which_network = TEXTS.question("which_network")
large_steps = TEXTS.question("large_steps")
three_networks = TEXTS.question("three_networks")
what_is_wrong = TEXTS.question("what_is_wrong")
by_hand = TEXTS.question("by_hand")
why_smaller = TEXTS.question("why_smaller")

# ---- exercises

_ANSWERS, _TRUTH = np.array([1.0, 2.0, 4.0]), np.array([1.0, 4.0, 3.0])


def _judge_loss(answer: Callable) -> str | None:
    got = run_answer(answer, _ANSWERS, _TRUTH)
    slips = {"sum": 5, "cancel": 1 / 3, "cancel_too": -1 / 3, "sizes": 1, "mean_first": 1 / 9}
    return TEXTS.judge("loss", got, 5 / 3, slips, 1e-4)


loss = TEXTS.exercise("loss", _judge_loss)

_DAYS, _SIZES, _LINE, _RATE = np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 2.0]), (0.5, 0.25), 0.1


def _judge_step(answer: Callable) -> str | None:
    got = run_answer(answer, *_LINE, _DAYS, _SIZES, _RATE)
    if isinstance(got, tuple | list) and any(np.size(number) != 1 for number in got):
        return TEXTS.say("step", "many")
    line, right = np.array(_LINE), np.array(take_step(*_LINE, _DAYS, _SIZES, _RATE))
    slips = {
        "order": right[::-1],
        "uphill": 2 * line - right,
        "half": (line + right) / 2,
        "new_line": [take_step(0, 0, _DAYS, _SIZES, _RATE)[0], right[1]],
    }
    if np.shape(got) == (2,):  # one of the two numbers may be right
        slips |= {"slope": [got[0], right[1]], "start": [right[0], got[1]]}
    return TEXTS.judge("step", got, right, slips)


step = TEXTS.exercise("step", _judge_step)


def _convolve_by_keras(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The same by Keras, which takes (batch, y, x, channel)."""
    import keras

    images, kernels = (
        image[None, :, :, None].astype("float32"),
        kernel[:, :, None, None].astype("float32"),
    )
    return keras.ops.convert_to_numpy(keras.ops.conv(images, kernels, padding="same"))[0, :, :, 0]


def _judge_convolution(answer: Callable) -> str | None:
    rng = np.random.default_rng(3)
    image, kernel = rng.normal(size=(6, 7)), rng.normal(size=(3, 3))
    got, right = run_answer(answer, image, kernel), _convolve_by_keras(image, kernel)
    if np.shape(got) != (6, 7):
        slip = "no_border" if np.shape(got) == (4, 5) else "shape"
        return TEXTS.say("convolution", slip, shape=np.shape(got))
    inside, corner = np.array(got, float), np.array(got, float)
    inside[1:-1, 1:-1] = corner[:-2, :-2] = right[1:-1, 1:-1]
    turned = _convolve_by_keras(image, kernel[::-1, ::-1])
    slips = {"turned": turned, "border": inside, "corner": corner}
    return TEXTS.judge("convolution", got, right, slips, KERAS_TOLERANCE)


convolution = TEXTS.exercise("convolution", _judge_convolution)

_WIDE_NUCLEUS = np.pad(np.ones((5, 5)), 3)  # evenly bright, in rows and columns 3 to 7


def _judge_edge(answer: np.ndarray) -> str | None:
    kernel = np.asarray(answer, dtype=float)
    if kernel.shape != (3, 3):
        return f"A kernel here has 3 rows of 3 numbers. Received: shape {kernel.shape}."
    row = convolve(_WIDE_NUCLEUS, kernel)[5]
    left, middle, right = row[2:4].max(), row[5], row[7:9].max()
    said = f"On a wide nucleus it says {left:g} at the left edge, {middle:g} in the middle, {right:g} at the right edge."
    if abs(middle) > 1e-6:
        return f"{said} In the middle there is no edge: let the weights add up to 0."
    if right > left:
        return f"{said} Exchange left and right."
    return (
        None
        if left > right
        else f"{said} At a left edge it is dark on the left, bright on the right."
    )


edge = TEXTS.exercise("edge", _judge_edge)
