"""Exercises and questions of notebook 08: axes, spacing, channels, and the cuboid that was
annotated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from organoid_kit.course.lessons.exercise import Exercise, match_numbers, run_answer
from organoid_kit.course.lessons.question import Question


# ---- axes -----------------------------------------------------------------------------------------------------------
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


axes = Exercise(
    answer="axes",
    judge=_judge_axes,
    hints=(
        "Count each: how many planes, how many time points, how many channels?",
        "From 0 to 46 µm in steps of 2 µm there are 24 planes: the first one counts, too.",
        "From 0 to 300 minutes in steps of 10 there are 31 time points. So the third axis is t.",
    ),
    code='axes = "zctyx"',
    because="24 planes, 2 channels, 31 time points. A program that guesses may take planes for time points.",
    others=('axes = "ZCTYX"', 'axes = ["z", "c", "t", "y", "x"]'),
    mistakes=(
        ('axes = "tczyx"', "usual order"),
        ('axes = "zctxy"', "Rows (y) come before"),
        ('axes = "zyx"', "once"),
    ),
)


# ---- spacing --------------------------------------------------------------------------------------------------------
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


spacing = Exercise(
    answer="find_spacing_um",
    judge=_judge_spacing,
    hints=(
        "z: how far is it from the first plane to the last, and how many gaps are between them?",
        "y and x: a camera pixel of 6.5 µm, behind a lens that magnifies 25 times, sees 6.5 / 25 µm.",
        "With binning 2, two camera pixels become one pixel of the file.",
    ),
    code="""def find_spacing_um(planes, first_um, last_um, camera_um, magnification, binning):
    z_um = (last_um - first_um) / (planes - 1)
    pixel_um = camera_um * binning / magnification
    return z_um, pixel_um, pixel_um""",
    because="The first microscope gives 2 × 0.26 × 0.26 µm, as for the real organoid of notebook 04.",
    others=(
        """def find_spacing_um(planes, first_um, last_um, camera_um, magnification, binning):
    z_um = np.diff(np.linspace(first_um, last_um, planes))[0]
    return np.array([z_um] + 2 * [camera_um / magnification * binning], np.float64)""",
    ),
    mistakes=(
        (
            """def find_spacing_um(planes, first_um, last_um, camera_um, magnification, binning):
    pixel_um = camera_um * binning / magnification
    return (last_um - first_um) / planes, pixel_um, pixel_um""",
            "divide by the gaps",
        ),
        (
            """def find_spacing_um(planes, first_um, last_um, camera_um, magnification, binning):
    pixel_um = camera_um * binning / magnification
    return pixel_um, pixel_um, (last_um - first_um) / (planes - 1)""",
            "z first",
        ),
        (
            """def find_spacing_um(planes, first_um, last_um, camera_um, magnification, binning):
    pixel_um = camera_um / magnification
    return (last_um - first_um) / (planes - 1), pixel_um, pixel_um""",
            "Binning is forgotten",
        ),
    ),
)


# ---- channels -------------------------------------------------------------------------------------------------------
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


channels = Exercise(
    answer="sum_channels",
    judge=_judge_sum,
    hints=(
        "image has the axes c, z, y, x. image[0] is the stack of channel 1.",
        "Before you add, make the numbers float: image.astype(float). uint16 holds nothing above 65535.",
        "A list of stacks can be added with sum(…), or with .sum(axis=0) of an array.",
    ),
    code="""def sum_channels(image, channels):
    stacks = [image[channel - 1].astype(float) for channel in channels]
    return sum(stacks)""",
    because="The kit does the same in `movie.stack(time_point, channels)`. It also adds as float.",
    others=(
        """def sum_channels(image, channels):
    return image[np.array(channels) - 1].sum(axis=0, dtype=np.int64)""",
        """def sum_channels(image, channels):
    total = np.zeros(image.shape[1:], np.float32)
    for channel in channels:
        total += image[channel - 1]
    return total""",
    ),
    mistakes=(
        (
            """def sum_channels(image, channels):
    return sum(image[channel - 1] for channel in channels)""",
            "uint16 ends at 65535",
        ),
        (
            """def sum_channels(image, channels):
    return sum(image[channel].astype(float) for channel in channels)""",
            "Channels count from 1",
        ),
        (
            """def sum_channels(image, channels):
    return image[np.array(channels) - 1].mean(axis=0)""",
            "This is the mean",
        ),
    ),
)


# ---- a cuboid -------------------------------------------------------------------------------------------------------
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


cuboid = Exercise(
    answer="find_inside",
    judge=_judge_cuboid,
    hints=(
        "region[0] is the lowest corner (z, y, x), region[1] the highest one.",
        "positions >= region[0] compares each position with the corner, axis by axis: an (n, 3) table of yes and no.",
        "Join two such tables with &, and ask for rows where all three are true: .all(axis=1).",
    ),
    code="""def find_inside(positions, region):
    inside = (positions >= region[0]) & (positions <= region[1])
    return inside.all(axis=1)""",
    because="Only in the cuboid does a missing mark mean that there is no nucleus. Outside, nobody looked.",
    others=(
        """def find_inside(positions, region):
    (z0, y0, x0), (z1, y1, x1) = region
    return [bool(z0 <= z <= z1 and y0 <= y <= y1 and x0 <= x <= x1) for z, y, x in positions]""",
    ),
    mistakes=(
        (
            """def find_inside(positions, region):
    inside = (positions >= region[0]) & (positions <= region[1])
    return inside.any(axis=1)""",
            "not .any",
        ),
        (
            """def find_inside(positions, region):
    return (positions <= region[1]).all(axis=1)""",
            "lowest corner is forgotten",
        ),
        (
            """def find_inside(positions, region):
    return ((positions > region[0]) & (positions < region[1])).all(axis=1)""",
            "exactly on a corner",
        ),
    ),
)


# ---- questions ------------------------------------------------------------------------------------------------------
wrong_spacing = Question(
    text="Somebody opens the movie with a spacing of 0.5 µm along z. It is 2 µm. How will nuclei look from the side?",
    choices={"a": "as before", "b": "flat, like coins", "c": "long, like cigars"},
    right="b",
    because={
        "a": "No. From the side one sees z, and each plane is now drawn a quarter as thick as it is.",
        "b": "Four times too thin. All distances along z are four times too short as well, and links suffer, too.",
        "c": "The other way round: that comes from a spacing that is too large.",
    },
)

still_rising = Question(
    text="Half of your annotations give an F1 of 0.87 to 0.90 on a movie that was kept back, all of them 0.92 to 0.95; "
    "three seeds each. What do you do next?",
    choices={
        "a": "stop annotating: 0.95 is a good score",
        "b": "annotate more: the score still rises",
        "c": "train with other seeds until one reaches 0.97",
    },
    right="b",
    because={
        "a": "It may be enough for your question. But all seeds with more annotations are above all seeds with fewer.",
        "b": "All seeds with more annotations are above all with fewer. When the ranges overlap, you can stop.",
        "c": "The best of many seeds was lucky on this movie. On the next one it is like the others.",
    },
)

fair = Question(
    text="You want to know whether fine-tuning helps on your movies. Which comparison is fair?",
    choices={
        "a": "the F1 of both on the movie they learned from",
        "b": "your fine-tuned network against a number from a paper",
        "c": "same annotations, same test movie, three seeds each, thresholds chosen without the test movie",
    },
    right="c",
    because={
        "a": "What was learned by heart looks perfect there. It says nothing about the next movie.",
        "b": "Another movie, another way to count. Numbers can be compared only on the same test movie.",
        "c": "Only one thing differs. And with three seeds you see how much chance alone changes.",
    },
)

disconnect = Question(
    text='You train on Colab with keep_in = "drive". Colab disconnects in epoch 7 of 10. What do you do?',
    choices={
        "a": "begin again: everything is lost",
        "b": "open the notebook again, bring the run back, and go on; some minutes are lost",
        "c": "nothing: Drive trains on",
    },
    right="b",
    because={
        "a": "What was on Colab's machine is lost, but a copy of the run is on your Drive.",
        "b": "The copy is at most some minutes old, and the training goes on from there.",
        "c": "Drive keeps files. It cannot compute.",
    },
)
