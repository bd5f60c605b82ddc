"""Exercises and questions of notebook 01, background: a loss, a step, a convolution and a kernel,
by hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons.exercise import match_numbers, run_answer
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
    if match_numbers(got, 5.0):
        return "You added the squared errors up. Take their mean, so that many points are not worse than few."
    if match_numbers(got, 1 / 3, 0.01) or match_numbers(got, -1 / 3, 0.01):
        return "Errors of -2 and +1 must not cancel out. Square each of them first."
    if match_numbers(got, 1.0):
        return "You took the mean of the sizes of the errors. That is another loss. For this one, square them."
    if match_numbers(got, 1 / 9, 0.01):
        return "You took the mean first and then squared. Square each error, then take the mean."
    if not match_numbers(got, 5 / 3):
        return f"For answers 1, 2, 4 and truth 1, 4, 3 the errors are 0, -2, 1. The loss is 5 / 3. Yours: {got}."
    return None


loss = TEXTS.exercise("loss", _judge_loss)

_DAYS, _SIZES, _LINE, _RATE = np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 2.0]), (0.5, 0.25), 0.1


def _judge_step(answer: Callable) -> str | None:
    got = run_answer(answer, *_LINE, _DAYS, _SIZES, _RATE)
    if isinstance(got, tuple | list) and any(np.size(each) != 1 for each in got):
        return "New slope and new start must be one number each. Did you take the mean of all errors (times x)?"
    right = np.array(take_step(*_LINE, _DAYS, _SIZES, _RATE))
    if match_numbers(got, right):
        return None
    if match_numbers(got, right[::-1]):
        return "Both numbers are right, but in the wrong order. Give back the slope first, then the start."
    if match_numbers(got, 2 * np.array(_LINE) - right):
        return "This step goes up, and the loss grows. Subtract the change, do not add it."
    if match_numbers(got, (np.array(_LINE) + right) / 2):
        return "The direction is right, the step is half as long. The derivative of a square brings a factor of 2."
    if match_numbers(got, [take_step(0, 0, _DAYS, _SIZES, _RATE)[0], right[1]]):
        return "The slope must be computed from the line as it is now."
    if match_numbers(np.shape(got), (2,)) and match_numbers(got[1], right[1]):
        return "The start is right, the slope is not. In its mean each error is multiplied by its x first."
    if match_numbers(np.shape(got), (2,)) and match_numbers(got[0], right[0]):
        return "The slope is right, the start is not. Is its error that of the old line, before the slope changed?"
    return "Compute the errors of the old line first. Then change slope and start as the two rules say, and return both."


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
    if match_numbers(got, right, KERAS_TOLERANCE):
        return None
    shape = np.shape(got)
    if shape == (4, 5):
        return "The answer has lost its border: 4 × 5 for an image of 6 × 7. Put zeros around the image first: `np.pad`."
    if shape != (6, 7):
        return f"The answer must be as large as the image: 6 × 7 numbers. Received: shape {shape}."
    if match_numbers(got, _convolve_by_keras(image, kernel[::-1, ::-1]), KERAS_TOLERANCE):
        return "Your kernel is turned round, as in mathematics. Networks do not turn it: upper left meets upper left."
    if match_numbers(np.asarray(got)[1:-1, 1:-1], right[1:-1, 1:-1], KERAS_TOLERANCE):
        return (
            "Inside, all is right; at the border it is not. Beyond the border there must be zeros."
        )
    if match_numbers(np.asarray(got)[:-2, :-2], right[1:-1, 1:-1], KERAS_TOLERANCE):
        return "Your answer lies one row and one column too far up and left. The MIDDLE of the kernel lies on the pixel."
    return "Keras gets other numbers. At each place: 3 × 3 numbers of the image, times the kernel, added up."


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
