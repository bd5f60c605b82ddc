"""Exercises and questions of notebook 04: a target, a loss, a peak finder and a score, built by
hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons.exercise import Exercise, find_slip, match_numbers, run_answer
from organoid_kit.course.lessons.question import Question
from organoid_kit.evaluation.peaks import find_peaks
from organoid_kit.examples.targets import compute_voxel_weights, draw_dots

_SHAPE = (6, 20, 24)
_PLACES = np.array([(2.0, 5.0, 5.0), (2.0, 6.0, 9.0), (4.0, 15.0, 18.0)])  # the first two dots meet
_SPACING_UM = (2.0, 1.0, 0.5)
_SIGMA_UM = 1.5
_CUT_OFF = 0.02  # the kit draws dots out to three standard deviations, where their height is 0.011


# ---- a target -------------------------------------------------------------------------------------------------------
def _judge_target(draw_target: Callable) -> str | None:
    target = np.asarray(
        run_answer(draw_target, _PLACES.copy(), _SHAPE, _SPACING_UM, _SIGMA_UM), float
    )
    if target.shape != _SHAPE:
        return f"The target must have the shape {_SHAPE}, one number for each voxel. Yours has {target.shape}."
    if match_numbers(target, draw_dots(_PLACES, _SHAPE, _SPACING_UM, _SIGMA_UM), _CUT_OFF):
        return None
    slips = (
        (
            (_PLACES[:, ::-1], _SPACING_UM, _SIGMA_UM),
            "The dots lie as if z and x were swapped. Positions are z, y, x.",
        ),
        (
            (_PLACES, (1, 1, 1), _SIGMA_UM),
            "Distances are in voxels. Multiply by spacing_um, each axis by its own.",
        ),
        (
            (_PLACES, _SPACING_UM[::-1], _SIGMA_UM),
            "The spacing of z and that of x are swapped. It is (z, y, x), too.",
        ),
        (
            (_PLACES, _SPACING_UM, _SIGMA_UM / 2**0.5),
            "The dots are too narrow: divide by 2 · sigma², not by sigma².",
        ),
    )
    drawn = ((draw_dots(places, _SHAPE, *options), why) for (places, *options), why in slips)
    if slip := find_slip(target, drawn, _CUT_OFF):
        return slip
    if target.max() > 1.01:
        return f"The highest value is {target.max():.2f}. Where dots meet, the higher one counts; do not add them up."
    return (
        "The dots are not those of the kit. Draw your target, and look: are they in the right places, wide "
        "enough? And where dots meet, does the higher value stay?"
    )


target = Exercise(
    answer="draw_target",
    judge=_judge_target,
    hints=(
        "np.indices(shape_zyx) gives of each voxel its z, its y and its x: three arrays of that shape.",
        "Along z a voxel is (z - position[0]) * spacing_um[0] micrometres away. The same for y and x.",
        "distance² = dz² + dy² + dx², and np.maximum(a, b) takes the higher one, voxel by voxel.",
    ),
    code="""def draw_target(positions, shape_zyx, spacing_um, sigma_um):
    z, y, x = np.indices(shape_zyx)
    target = np.zeros(shape_zyx)
    for position in positions:
        dz_um = (z - position[0]) * spacing_um[0]
        dy_um = (y - position[1]) * spacing_um[1]
        dx_um = (x - position[2]) * spacing_um[2]
        dot = np.exp(-(dz_um**2 + dy_um**2 + dx_um**2) / (2 * sigma_um**2))
        target = np.maximum(target, dot)
    return target""",
    because="A dot is a bell curve of the distance in µm. In voxels it would be stretched along z.",
    others=(
        """def draw_target(positions, shape_zyx, spacing_um, sigma_um):
    voxels = np.moveaxis(np.indices(shape_zyx), 0, -1)
    best = np.zeros(shape_zyx, np.float32)
    for position in list(positions):
        distance_um = np.linalg.norm((voxels - position) * np.array(spacing_um), axis=-1)
        best[:] = np.maximum(best, np.exp(-0.5 * (distance_um / sigma_um) ** 2))
    return best.tolist()""",
    ),
    mistakes=(
        (
            """def draw_target(positions, shape_zyx, spacing_um, sigma_um):
    z, y, x = np.indices(shape_zyx)[..., None]
    um = [(axis - positions[:, 2 - each]) * spacing_um[each] for each, axis in enumerate((z, y, x))]
    return np.exp(-sum(each**2 for each in um) / (2 * sigma_um**2)).max(axis=-1)""",
            "z and x were swapped",
        ),
        (
            """def draw_target(positions, shape_zyx, spacing_um, sigma_um):
    z, y, x = np.indices(shape_zyx)[..., None]
    squared = sum((axis - positions[:, each]) ** 2 for each, axis in enumerate((z, y, x)))
    return np.exp(-squared / (2 * sigma_um**2)).max(axis=-1)""",
            "Multiply by spacing_um",
        ),
        (
            """def draw_target(positions, shape_zyx, spacing_um, sigma_um):
    z, y, x = np.indices(shape_zyx)[..., None]
    um = [(axis - positions[:, each]) * spacing_um[each] for each, axis in enumerate((z, y, x))]
    return np.exp(-sum(each**2 for each in um) / (2 * sigma_um**2)).sum(axis=-1)""",
            "the higher one counts",
        ),
    ),
)


# ---- a loss ---------------------------------------------------------------------------------------------------------
def _make_loss_case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    target = draw_dots(_PLACES, _SHAPE, _SPACING_UM, _SIGMA_UM).astype(float)
    weights = compute_voxel_weights(target, np.ones(_SHAPE, bool)).astype(float)
    return target, rng.uniform(0.02, 0.98, _SHAPE), weights


def _judge_loss(compute_loss: Callable) -> str | None:
    target, prediction, weights = _make_loss_case()
    answer = np.asarray(run_answer(compute_loss, target, prediction, weights), float)
    if answer.shape != ():
        return f"The loss is a single number. Yours has the shape {answer.shape}: take the mean over all voxels."
    losses = -(target * np.log(prediction) + (1 - target) * np.log(1 - prediction))
    right = float(np.mean(weights * losses))
    if match_numbers(answer, right, 1e-4):
        return None
    slips = (
        (
            np.mean(losses),
            "Every voxel counts the same in yours. Multiply by weights before the mean.",
        ),
        (
            np.sum(weights * losses),
            "This is the sum. Take the mean, or the loss would depend on the patch's size.",
        ),
        (
            -right,
            "The sign is wrong: logarithms of probabilities are below 0, the loss is above 0.",
        ),
        (right / np.log(10), "This is the loss with np.log10. Use the natural logarithm, np.log."),
        (
            np.mean(weights * (target - prediction) ** 2),
            "This is the squared error. Use the two logarithms.",
        ),
        (
            np.mean(-weights * target * np.log(prediction)),
            "Half is missing: the background, (1 - target).",
        ),
    )
    return (
        find_slip(answer, slips, 1e-4)
        or f"For the example the loss is {right:.4f}, yours {float(answer):.4f}."
    )


loss = Exercise(
    answer="find_weighted_loss",
    judge=_judge_loss,
    hints=(
        "Begin with one voxel: -(target · log(prediction) + (1 - target) · log(1 - prediction)).",
        "NumPy computes all voxels at once, if you write it for arrays. The logarithm is np.log.",
        "Multiply by weights, then np.mean.",
    ),
    code="""def find_weighted_loss(target, prediction, weights):
    losses = -(target * np.log(prediction) + (1 - target) * np.log(1 - prediction))
    return np.mean(weights * losses)""",
    because="Weights decide how much each voxel counts. What they are good for, the next question asks.",
    others=(
        """def find_weighted_loss(target, prediction, weights):
    dots = target * np.log(prediction)
    background = (1 - target) * np.log1p(-prediction)
    return -np.average(dots + background, weights=weights)""",
    ),
    mistakes=(
        (
            """def find_weighted_loss(target, prediction, weights):
    return -np.mean(target * np.log(prediction) + (1 - target) * np.log(1 - prediction))""",
            "Multiply by weights",
        ),
        (
            """def find_weighted_loss(target, prediction, weights):
    return np.sum(-weights * (target * np.log(prediction) + (1 - target) * np.log(1 - prediction)))""",
            "This is the sum",
        ),
        (
            """def find_weighted_loss(target, prediction, weights):
    return -np.mean(weights * target * np.log(prediction))""",
            "Half is missing",
        ),
    ),
)


# ---- peaks ----------------------------------------------------------------------------------------------------------
def _make_heat() -> np.ndarray:
    """Four dots apart from each other, one at the border and one below the threshold, on a
    background with noise.
    """
    heights = ((2, 4, 4, 0.9), (0, 12, 6, 0.6), (3, 6, 16, 0.75), (4, 15, 18, 0.3))
    dots = [
        height * draw_dots(np.array([place], float), _SHAPE, (2, 1, 1), 1.5)
        for *place, height in heights
    ]
    return np.max(dots, axis=0) + np.random.default_rng(1).uniform(0, 0.02, _SHAPE)


def _judge_peaks(find_tops: Callable) -> str | None:
    heat, threshold = _make_heat(), 0.5
    right = set(
        map(tuple, find_peaks(heat, (2, 1, 1), 3.0, threshold)[0].round().astype(int).tolist())
    )
    answer = np.asarray(run_answer(find_tops, heat.copy(), threshold), float)
    if answer.shape == heat.shape:
        return "This says something of each voxel. Return the places of peaks only: `np.argwhere` finds them."
    answer = answer.reshape(-1, 3)
    found = set(map(tuple, answer.round().astype(int).tolist()))
    if found == right and len(answer) == len(right):
        return None
    if found == {place[::-1] for place in right}:
        return "Your peaks are (x, y, z). The kit writes z first."
    if found > right and any(heat[place] <= threshold for place in found if _is_inside(place)):
        return f"You found {len(found)} peaks, some with a probability below the threshold. Ask for heat > threshold."
    if found > right:
        return (
            f"You found {len(found)} peaks where the kit finds {len(right)}. A peak is at least as high as each of its "
            "26 neighbours: those beside it in z, y and x, and the diagonal ones."
        )
    missing = ", ".join(map(str, sorted(right - found)))
    return f"Missing: the peaks (z, y, x) {missing}. Mind the first plane: a voxel there has fewer neighbours."


def _is_inside(place: tuple[int, ...]) -> bool:
    return all(0 <= each < size for each, size in zip(place, _SHAPE))


peaks = Exercise(
    answer="find_tops",
    judge=_judge_peaks,
    hints=(
        "A voxel is a peak if it is higher than the threshold, and nothing around it is higher.",
        "maximum_filter(heat, size=3) gives for each voxel the highest value among it and its 26 neighbours.",
        "So a peak is where heat equals that. Join both conditions with &, and ask np.argwhere where they hold.",
    ),
    code="""def find_tops(heat, threshold):
    is_top = heat == maximum_filter(heat, size=3)
    return np.argwhere(is_top & (heat > threshold))""",
    because="The 3 × 3 × 3 voxels around each place decide. Whatever is lower than a neighbour is a slope, not a top.",
    others=(
        """def find_tops(heat, threshold):
    padded = np.pad(heat, 1, constant_values=-1)
    tops = []
    for z, y, x in np.ndindex(heat.shape):
        around = padded[z:z + 3, y:y + 3, x:x + 3]
        if heat[z, y, x] > threshold and heat[z, y, x] >= around.max():
            tops.append((z, y, x))
    return tops""",
    ),
    mistakes=(
        (
            """def find_tops(heat, threshold):
    return np.argwhere(heat > threshold)""",
            "26 neighbours",
        ),
        (
            """def find_tops(heat, threshold):
    return np.argwhere(heat == maximum_filter(heat, size=3))""",
            "below the threshold",
        ),
        (
            """def find_tops(heat, threshold):
    return np.argwhere((heat == maximum_filter(heat, size=3)) & (heat > threshold))[:, ::-1]""",
            "z first",
        ),
        (
            """def find_tops(heat, threshold):
    return (heat == maximum_filter(heat, size=3)) & (heat > threshold)""",
            "places of peaks only",
        ),
    ),
    given="import numpy as np\nfrom scipy.ndimage import maximum_filter",
)


# ---- a score --------------------------------------------------------------------------------------------------------
def _judge_scores(find_scores: Callable) -> str | None:
    for right, missed, false in ((90, 10, 30), (3, 1, 0), (40, 60, 10)):
        answer = np.asarray(run_answer(find_scores, right, missed, false), float)
        if answer.shape != (3,):
            return f"Return three numbers: precision, recall, F1. Received: {answer.size}."
        if reason := _find_slip(answer, right, missed, false):
            return reason
    return None


def _find_slip(answer: np.ndarray, right: int, missed: int, false: int) -> str | None:
    precision, recall = right / (right + false), right / (right + missed)
    expected = np.array([precision, recall, 2 * right / (2 * right + missed + false)])
    counts = f"{right} right, {missed} missed, {false} false"
    if match_numbers(answer, expected, 1e-3):
        return None
    if match_numbers(answer, 100 * expected, 0.1):
        return "These are percent. Leave them as parts of 1."
    if match_numbers(answer[:2], expected[1::-1], 1e-3):
        return f"Precision and recall are swapped. With {counts}: which of the two knows of what was missed?"
    if not match_numbers(answer[:2], expected[:2], 1e-3):
        yours = f"{answer[0]:.3f} and {answer[1]:.3f}"
        return f"With {counts}, precision and recall are {precision:.3f} and {recall:.3f}; yours are {yours}."
    if match_numbers(answer[2], (precision + recall) / 2, 1e-3):
        return "F1 is not the plain mean: who finds a single nucleus and misses all others would get half a point."
    return f"With {counts}, F1 is {expected[2]:.3f}; yours is {answer[2]:.3f}."


scores = Exercise(
    answer="find_scores",
    judge=_judge_scores,
    hints=(
        "What was called a nucleus: right + false. What is one: right + missed.",
        "Precision is the part of the first that is right, recall the part of the second.",
        "F1 = 2 · precision · recall / (precision + recall).",
    ),
    code="""def find_scores(right, missed, false):
    precision = right / (right + false)
    recall = right / (right + missed)
    f1 = 2 * precision * recall / (precision + recall)
    return precision, recall, f1""",
    because="F1 is nearer to the lower of the two: a method that is good at one only gets a low F1.",
    others=(
        """def find_scores(right, missed, false):
    f1 = right / (right + (missed + false) / 2)
    return [np.divide(right, right + false), np.divide(right, right + missed), f1]""",
    ),
    mistakes=(
        (
            """def find_scores(right, missed, false):
    precision, recall = right / (right + missed), right / (right + false)
    return precision, recall, 2 * precision * recall / (precision + recall)""",
            "swapped",
        ),
        (
            """def find_scores(right, missed, false):
    precision, recall = right / (right + false), right / (right + missed)
    return precision, recall, (precision + recall) / 2""",
            "not the plain mean",
        ),
        (
            """def find_scores(right, missed, false):
    precision, recall = 100 * right / (right + false), 100 * right / (right + missed)
    return precision, recall, 2 * precision * recall / (precision + recall)""",
            "percent",
        ),
    ),
)

# ---- questions ------------------------------------------------------------------------------------------------------
say_nothing = Question(
    text="A network answers 0.01 for every voxel: nothing anywhere. What is its loss without weights, beside its loss "
    "with weights?",
    choices={"a": "about the same", "b": "lower without weights", "c": "higher without weights"},
    right="b",
    because={
        "a": "No. Dots have one voxel in some hundred. Without weights they hardly count.",
        "b": "Nearly all voxels are background, where 0.01 is a good answer. With weights, dots count half.",
        "c": "No. Without weights background decides, and of background 'nothing' is a good answer.",
    },
)

overfitting = Question(
    text="Three short trainings: too timid (tiny steps), by heart (one time point only), well fed (all movies, "
    "varied). Which one will have the lowest TRAINING loss?",
    choices={"a": "too timid", "b": "by heart", "c": "well fed"},
    right="b",
    because={
        "a": "No. It hardly moves from where it began, so its loss stays high.",
        "b": "It sees the same few nuclei again and again. Look at its validation loss before you praise it.",
        "c": "No. Its task is harder: every patch is another one. Its training loss is higher for a good reason.",
    },
)

test_once = Question(
    text="You have three networks. Each gets its F1 on the test movie, you keep the best one and report that F1. "
    "What is wrong?",
    choices={
        "a": "nothing: the network did not learn from the test movie",
        "b": "the test movie chose the network, so the reported F1 is too good",
        "c": "three networks are too few",
    },
    right="b",
    because={
        "a": "It did not learn from it, but you chose by it: of three scores, some lucky, you kept the luckiest.",
        "b": "Choose on validation movies, and score the chosen one on the test movie, once.",
        "c": "More networks make it worse: the luckiest of many is even luckier.",
    },
)

no_recall = Question(
    text="The loss falls nicely, but recall stays at 0. What do you check first?",
    choices={
        "a": "the threshold, and whether dots lie on nuclei in the examples",
        "b": "whether the network is large enough",
        "c": "whether it should train twice as long",
    },
    right="a",
    because={
        "a": "Perhaps all probabilities lie below the threshold, or dots are shifted in z. Then climb the ladder.",
        "b": "Later, if at all: the loss falls, so it learns something. First see whether it is shown the right thing.",
        "c": "Hours spent on nonsense give nonsense. Look at examples and threshold first: that takes a minute.",
    },
)
