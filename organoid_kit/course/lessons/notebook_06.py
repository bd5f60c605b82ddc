"""Exercises and questions of notebook 06: candidates, a turned displacement, wrong links, the calls
of a training.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from organoid_kit.base.settings import AugmentationSettings, NetworkSettings, make_settings
from organoid_kit.course.lessons.exercise import match_numbers, run_answer
from organoid_kit.course.lessons.taking import choose_answer, judge_settings
from organoid_kit.course.lessons.texts import LessonTexts
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.augmentation import draw_augmentation
from organoid_kit.tracking.build import build_tracks
from organoid_kit.training.runs import Run

TEXTS = LessonTexts(__file__)

# ---- candidates
_FIRST = np.array([(2.0, 10.0, 10.0), (2.0, 30.0, 30.0), (8.0, 50.0, 20.0)])
_SECOND = np.array(
    [(3.0, 11.0, 12.0), (9.0, 12.0, 10.0), (2.0, 33.0, 16.0), (8.0, 58.0, 27.0), (2.0, 10.0, 18.0)]
)
_SPACING_UM = (2.0, 0.5, 0.25)
_MOST_UM = 5.0


def _find_near(
    first: np.ndarray, second: np.ndarray, spacing_um: Any, most_um: float
) -> set[tuple[int, int]]:
    distances_um = np.linalg.norm((second - first[:, np.newaxis]) * spacing_um, axis=-1)
    return set(map(tuple, np.argwhere(distances_um <= most_um).tolist()))


def _judge_pairs(find_pairs: Callable) -> str | None:
    answer = run_answer(find_pairs, _FIRST, _SECOND, _SPACING_UM, _MOST_UM)
    pairs = {tuple(int(row) for row in pair) for pair in np.asarray(answer, float).reshape(-1, 2)}
    right = _find_near(_FIRST, _SECOND, _SPACING_UM, _MOST_UM)
    if pairs == right:
        return None
    if pairs == {pair[::-1] for pair in right}:
        return "Each pair must name the row of the first time point first, then that of the second."
    slips = (
        ((1, 1, 1), "Distances are in voxels. Multiply by spacing_um before you compute them."),
        (
            _SPACING_UM[::-1],
            "The spacing of z and that of x are swapped. It is (z, y, x), as positions are.",
        ),
        ((0, *_SPACING_UM[1:]), "z is left out: nuclei above each other seem to touch."),
    )
    for spacing_um, reason in slips:
        if pairs == _find_near(_FIRST, _SECOND, spacing_um, _MOST_UM):
            return reason
    if pairs == _find_near(_FIRST, _SECOND, _SPACING_UM, _MOST_UM**0.5):
        return "You compared the squared distance. Take its root, or square max_distance_um, too."
    if pairs < right:
        return f"There are {len(right)} pairs, you found {len(pairs)} of them. Keep all that are near, not the nearest."
    return f"The pairs are {sorted(right)}. Yours: {sorted(pairs)}."


pairs = TEXTS.exercise("pairs", _judge_pairs)


# ---- a turned displacement
_TURN_ONLY = AugmentationSettings(False, 180.0, None, None, None, None, None, None, None)


def _make_turn(seed: int) -> tuple[np.ndarray, float]:
    """The kit's matrix of a turn, and its angle in degrees, anticlockwise as one sees it with y
    pointing down.
    """
    matrix = draw_augmentation(_TURN_ONLY, np.random.default_rng(seed)).matrix
    return matrix, float(np.degrees(np.arctan2(matrix[2, 1], matrix[1, 1])))


def _judge_turn(turn: Callable) -> str | None:
    matrix, degrees = _make_turn(3)
    way_um = np.array([4.0, -2.0, 7.0])
    answer = run_answer(turn, way_um, degrees)
    radians = np.radians(degrees)
    slips = {
        "degrees": _turn(way_um, degrees),
        "other_way": _turn(way_um, -radians),
        "z_and_y": _turn(way_um[::-1], radians)[::-1],
        "unturned": way_um,
    }
    if np.shape(answer) == (3,) and not match_numbers(
        np.linalg.norm(answer), np.linalg.norm(way_um), 1e-3
    ):
        slips["length"] = answer
    right = (matrix @ way_um).round(4)
    return TEXTS.judge("turn", answer, right, slips, 1e-3)


def _turn(way_um: np.ndarray, radians: float) -> np.ndarray:
    z, y, x = way_um
    return np.array(
        [z, np.cos(radians) * y - np.sin(radians) * x, np.sin(radians) * y + np.cos(radians) * x]
    )


turn = TEXTS.exercise("turn", _judge_turn)


# ---- settings
settings = TEXTS.exercise("settings", partial(judge_settings, "link"))


def choose_settings(answer: Any, **usual: Any) -> NetworkSettings:
    """The learner's settings, or those of the kit with the numbers of the notebook."""
    return choose_answer(settings, answer, lambda: make_settings("link", **usual))


# ---- a training
def _judge_run(answer: Run) -> str | None:
    if callable(answer) or isinstance(answer, NetworkSettings):
        return "Call train with brackets: what it gives back is a run."
    if not isinstance(answer, Run):
        return f"`train` gives back a run. Received: {type(answer).__name__}."
    if not answer.history:
        return "No epoch was finished. Let it train; with resume=my_run.folder it goes on."
    if answer.settings.network != "link":
        return f"This is the training of a {answer.settings.network} network. Pass the settings of step 3."
    data = answer.details["data"]
    parts = [
        {each["annotations_sha256"] for each in data if each["part"] == part}
        for part in ("training", "validation")
    ]
    if not parts[1]:
        return "Nothing was there to judge by. The second argument is `validation`."
    if parts[0] & parts[1]:
        return "A movie is in training and in validation: so the network is judged by what it learned from."
    return None


training_run = TEXTS.exercise("training_run", _judge_run)


def choose_run(
    answer: Any,
    training: list[AnnotatedMovie],
    validation: list[AnnotatedMovie],
    settings: NetworkSettings,
) -> Run:
    """The learner's run; where there is none, the network is trained here."""

    def train_now() -> Run:
        from organoid_kit.training.loop import train

        return train(training, validation, settings)

    return choose_answer(training_run, answer, train_now)


# ---- tracks
def _judge_tracks(answer: Annotations) -> str | None:
    if not isinstance(answer, Annotations):
        return f"Tracks are annotations with links. Received: {type(answer).__name__}."
    if "link_probability" not in answer.link_properties:
        return "No network has looked at these links. Ask it first, with `predict_links`."
    if len(answer.merges()):
        return (
            f"{len(answer.merges())} nuclei come from two places or more: these are candidates. "
            "Choose among them, with `build_tracks`."
        )
    return None


tracks = TEXTS.exercise("tracks", _judge_tracks)


def choose_tracks(
    answer: Any, network: Any, annotated: AnnotatedMovie, settings: NetworkSettings
) -> Annotations:
    """The learner's tracks of a movie; where there are none, or of another movie, the kit's."""

    def link_now() -> Annotations:
        from organoid_kit.prediction.crops import predict_links

        return build_tracks(
            predict_links(network, annotated.movie, annotated.annotations, settings)
        )

    is_other = isinstance(answer, Annotations) and len(answer) != len(annotated.annotations)
    return choose_answer(tracks, ... if is_other else answer, link_now)


# ---- wrong links
_TRUE = np.array([(number, number + 100) for number in range(50)])
_DRAWN = np.array(
    [(number, number + 100) for number in range(40)]
    + [(number, number + 101) for number in range(40, 46)]
)  # 40 right, 6 wrong; 4 nuclei were given no link at all


def _judge_wrong(count: Callable) -> str | None:
    answer = run_answer(count, _TRUE, _DRAWN)
    slips = {
        "of_true": 1000 * 6 / 50,
        "missed": 1000 * 10 / 50,
        "part": 6 / 46,
        "percent": 100 * 6 / 46,
        "count": 6,
        "right": 1000 * 40 / 46,
    }
    return TEXTS.judge("wrong_links", answer, 1000 * 6 / 46, slips, 0.01)


wrong_links = TEXTS.exercise("wrong_links", _judge_wrong)

# ---- questions
ceiling = TEXTS.question("ceiling")
daughters = TEXTS.question("daughters")
flipped = TEXTS.question("flipped")
early_star = TEXTS.question("early_star")
