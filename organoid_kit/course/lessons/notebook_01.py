"""Exercises and questions of notebook 01, background: a loss, a step, a convolution and a kernel,
by hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons.exercise import Exercise, match_numbers, run_answer
from organoid_kit.course.lessons.question import Question

KERAS_TOLERANCE = 1e-4  # Keras computes with seven digits
GIVEN = "import numpy as np"

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

which_network = Question(
    text="At 10:00 there is a nucleus here, at 10:10 there is one a little further left. You want to know whether both "
    "are the same nucleus. Which network do you ask?",
    choices={"a": "the position network", "b": "the division network", "c": "the link network"},
    right="c",
    because={
        "a": "It says where nuclei are, at one time point. It does not say which is which later.",
        "b": "It says whether one nucleus is about to divide.",
        "c": "It is shown both, and answers with the probability that they are the same.",
    },
)

large_steps = Question(
    text="Guess: what happens to the loss if each step goes four times as far, with a learning rate of 0.2?",
    choices={
        "a": "It falls four times as fast.",
        "b": "It falls at first, and stays the same then.",
        "c": "It grows, faster and faster.",
    },
    right="c",
    because={
        "a": "Up to a point larger steps are faster. Run the next cell: was this still so here?",
        "b": "It would if every step led down. Run the next cell: does it?",
        "c": "Each step leaps over the lowest place, and lands higher than it began. Run the next cell and look.",
    },
)

three_networks = Question(
    text="Guess before you look: which of the three comes closest to the WHITE points, which it has never seen?",
    choices={"a": "a line", "b": "4 neurons", "c": "128 neurons"},
    right="b",
    because={
        "a": "Growth is no line. Look at the beginning and the end of the curve.",
        "b": "It can bend, but not follow every single point. Run the next cell and look.",
        "c": "It comes closest to the black points, by which it learned. Look how it gets there.",
    },
)

what_is_wrong = Question(
    text="A network has a training loss of 0.01 and a validation loss of 0.40. What is the matter?",
    choices={
        "a": "It underfits. It needs more neurons, or more steps.",
        "b": "It overfits. It needs more examples, or more varied ones.",
        "c": "Nothing. A training loss of 0.01 is very good.",
    },
    right="b",
    because={
        "a": "A network that underfits is bad on both. This one is good at what it has seen.",
        "b": "It knows its examples by heart. More annotated movies help most; varying those you have (notebook 03) is "
        "cheapest.",
        "c": "What counts is what it does with points it has never seen, and there it is forty times as wrong.",
    },
)

by_hand = Question(
    text="The kernel lies with its middle on the brightest pixel, the 9. Which number comes out?",
    choices={"a": "18", "b": "25", "c": "34", "d": "42"},
    right="c",
    because={
        "a": "This is the middle alone: 2 · 9. The kernel has four more weights that are not 0.",
        "b": "You added 9 and its four neighbours. The weight in the middle is 2.",
        "c": "2 · 9 for the middle, 1 · 4 for each of four neighbours, 0 for the corners: 18 + 16 = 34.",
        "d": "You counted the corners, too. Their weight is 0.",
    },
)

why_smaller = Question(
    text="Why does a U-Net make the image smaller before it makes it larger again?",
    choices={
        "a": "Only to save memory.",
        "b": "In a small image, 3 × 3 pixels cover a larger part of the organoid.",
        "c": "Because nuclei are small.",
    },
    right="b",
    because={
        "a": "It does save memory. But what does one kernel see, if the image is half as large?",
        "b": "So it sees what is around a bright spot. At full size it then says exactly where the centre is.",
        "c": "They are as large as they are. What does one kernel see, if the image is half as large?",
    },
)

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


loss = Exercise(
    answer="compute_loss",
    judge=_judge_loss,
    hints=(
        "The errors are `answers - truth`. NumPy subtracts all numbers of an array at once.",
        "`**2` squares, and `np.mean(...)` takes the mean.",
        "Two lines: `errors = answers - truth`, then `return` with the mean of the squared errors behind it.",
    ),
    code="def compute_loss(answers, truth):\n    errors = answers - truth\n    return np.mean(errors**2)",
    others=(
        "def compute_loss(answers, truth):\n    return ((truth - answers) ** 2).sum() / len(truth)",
        "def compute_loss(answers, truth):\n    return sum((a - b) ** 2 for a, b in zip(answers, truth)) / len(truth)",
    ),
    mistakes=(
        (
            "def compute_loss(answers, truth):\n    return np.sum((answers - truth) ** 2)",
            "Take their mean",
        ),
        (
            "def compute_loss(answers, truth):\n    return np.mean(answers - truth)",
            "must not cancel out",
        ),
        (
            "def compute_loss(answers, truth):\n    return np.mean(np.abs(answers - truth))",
            "square them",
        ),
        (
            "def compute_loss(answers, truth):\n    return np.mean(answers - truth) ** 2",
            "Square each error",
        ),
        (
            "def compute_loss(answers, truth):\n    return (answers - truth) ** 2",
            "The loss is 5 / 3",
        ),
    ),
    because="Errors 0, -2, 1; squared 0, 4, 1; their mean is 5 / 3. Large errors count more than small ones.",
    given=GIVEN,
)

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


step = Exercise(
    answer="take_step",
    judge=_judge_step,
    hints=(
        "First the errors of the line as it is now: `slope * x + start - y`.",
        "The change of the start is `learning_rate * 2 * np.mean(error)`. It is subtracted.",
        "For the slope the mean is `np.mean(error * x)`. Give both back with `return slope, start`.",
    ),
    code="""def take_step(slope, start, x, y, learning_rate):
    error = slope * x + start - y
    new_slope = slope - learning_rate * 2 * np.mean(error * x)
    new_start = start - learning_rate * 2 * np.mean(error)
    return new_slope, new_start""",
    others=(
        """def take_step(slope, start, x, y, learning_rate):
    error = y - (start + slope * x)
    change = np.array([np.mean(x * error), np.mean(error)])
    return np.array([slope, start]) + 2 * learning_rate * change""",
        """def take_step(slope, start, x, y, learning_rate):
    error = slope * x + start - y
    slope -= learning_rate * 2 * (error * x).sum() / len(x)
    start -= learning_rate * 2 * error.sum() / len(x)
    return [slope, start]""",
    ),
    mistakes=(
        (
            """def take_step(slope, start, x, y, learning_rate):
    error = slope * x + start - y
    return slope + learning_rate * 2 * np.mean(error * x), start + learning_rate * 2 * np.mean(error)""",
            "Subtract the change",
        ),
        (
            """def take_step(slope, start, x, y, learning_rate):
    error = slope * x + start - y
    return slope - learning_rate * 2 * error.mean() * x, start - learning_rate * 2 * error.mean()""",
            "must be one number each",
        ),
        (
            """def take_step(slope, start, x, y, learning_rate):
    error = slope * x + start - y
    return slope - learning_rate * np.mean(error * x), start - learning_rate * np.mean(error)""",
            "a factor of 2",
        ),
        (
            """def take_step(slope, start, x, y, learning_rate):
    error = slope * x + start - y
    return start - learning_rate * 2 * np.mean(error), slope - learning_rate * 2 * np.mean(error * x)""",
            "the slope first, then the start",
        ),
        (
            """def take_step(slope, start, x, y, learning_rate):
    error = slope * x + start - y
    return slope - learning_rate * 2 * np.mean(error), start - learning_rate * 2 * np.mean(error)""",
            "multiplied by its x first",
        ),
        (
            """def take_step(slope, start, x, y, learning_rate):
    slope = slope - learning_rate * 2 * np.mean((slope * x + start - y) * x)
    start = start - learning_rate * 2 * np.mean(slope * x + start - y)
    return slope, start""",
            "that of the old line",
        ),
    ),
    because="Both changes are computed from the errors of the old line, and both lead down.",
    given=GIVEN,
)


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


convolution = Exercise(
    answer="convolve",
    judge=_judge_convolution,
    hints=(
        "Beyond the border there is nothing. `padded = np.pad(image, 1)` puts one row or column of zeros all around.",
        "With that, the 3 × 3 numbers around a place are `padded[row : row + 3, column : column + 3]`.",
        "Make room first: `answer = np.zeros(image.shape)`. Then two loops, one in the other: "
        "`for row in range(image.shape[0]):` and `for column in range(image.shape[1]):`.",
        "In the inner loop, `np.sum(a * b)` multiplies number by number and adds up. Write the sum to "
        "`answer[row, column]`. After the loops, `return answer`.",
    ),
    code="""def convolve(image, kernel):
    padded = np.pad(image, 1)
    answer = np.zeros(image.shape)
    for row, column in np.ndindex(image.shape):
        below = padded[row : row + 3, column : column + 3]
        answer[row, column] = np.sum(below * kernel)
    return answer""",
    others=(
        """from scipy.ndimage import correlate

def convolve(image, kernel):
    return correlate(image, kernel, mode="constant")""",
        """def convolve(image, kernel):
    padded, height, width = np.pad(image, 1), *image.shape
    shifted = [kernel[y, x] * padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return sum(shifted).astype("float32").tolist()""",
    ),
    mistakes=(
        (
            """def convolve(image, kernel):
    answer = np.zeros((image.shape[0] - 2, image.shape[1] - 2))
    for row, column in np.ndindex(answer.shape):
        answer[row, column] = np.sum(image[row : row + 3, column : column + 3] * kernel)
    return answer""",
            "has lost its border",
        ),
        (
            """from scipy.ndimage import convolve as other

def convolve(image, kernel):
    return other(image, kernel, mode="constant")""",
            "Networks do not turn it",
        ),
        (
            """def convolve(image, kernel):
    padded, answer = np.pad(image, 1, mode="edge"), np.zeros(image.shape)
    for row, column in np.ndindex(image.shape):
        answer[row, column] = np.sum(padded[row : row + 3, column : column + 3] * kernel)
    return answer""",
            "Beyond the border there must be zeros",
        ),
        (
            """def convolve(image, kernel):
    padded, answer = np.pad(image, ((0, 2), (0, 2))), np.zeros(image.shape)
    for row, column in np.ndindex(image.shape):
        answer[row, column] = np.sum(padded[row : row + 3, column : column + 3] * kernel)
    return answer""",
            "The MIDDLE of the kernel",
        ),
        (
            "def convolve(image, kernel):\n    return image * kernel[1, 1]",
            "Keras gets other numbers",
        ),
        (
            "def convolve(image, kernel):\n    return np.sum(image[:3, :3] * kernel)",
            "must be as large as the image",
        ),
    ),
    because="Keras computes the same: on an image of random numbers the two differ by less than 0.0001.",
    given=GIVEN,
)

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


edge = Exercise(
    answer="edge_kernel",
    judge=_judge_edge,
    hints=(
        "At the left edge it is dark on the left and bright on the right.",
        "Bright on the right should count for, bright on the left against: weights above 0 and below 0.",
        "Where all is evenly bright, the sum should be 0.",
    ),
    code="edge_kernel = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])",
    others=(
        "edge_kernel = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]",
        "edge_kernel = [[0, 0, 0], [-1, 1, 0], [0, 0, 0]]",
        "edge_kernel = np.array([[0, 0, 0], [-0.5, 0, 0.5], [0, 0, 0]])",
    ),
    mistakes=(
        ("edge_kernel = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]])", "Exchange left and right"),
        (
            "edge_kernel = np.array([[0, 1, 0], [1, 2, 1], [0, 1, 0]])",
            "In the middle there is no edge",
        ),
        (
            "edge_kernel = np.array([[-1, 0, 1], [-1, 0, 2], [-1, 0, 1]])",
            "let the weights add up to 0",
        ),
        ("edge_kernel = [-1, 0, 1]", "3 rows of 3 numbers"),
        (
            "edge_kernel = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])",
            "dark on the left, bright on the right",
        ),
    ),
    because="Right minus left. Where both are the same it says 0. At the right edge it says a number below 0.",
    given=GIVEN,
)
