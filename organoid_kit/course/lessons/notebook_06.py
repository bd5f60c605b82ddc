"""Exercises and questions of notebook 06: candidates, wrong links, calls of the kit."""

from collections.abc import Callable
from typing import Any

import numpy as np

import organoid_kit
from organoid_kit import prediction
from organoid_kit.base import NetworkSettings
from organoid_kit.course.lessons import LessonTexts, choose_answer, run_answer
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.examples.batches import Movies
from organoid_kit.tracking import build_tracks
from organoid_kit.training import Run

TEXTS = LessonTexts(__file__)
settings, choose_settings = TEXTS.settings_exercise("link")
__getattr__ = TEXTS.question  # such as `lesson.ceiling`


@TEXTS.exercise
def pairs(find_pairs: Callable) -> str | None:
    """All pairs of positions in two time points that are near each other."""
    first = np.array([(2.0, 10.0, 10.0), (2.0, 30.0, 30.0), (8.0, 50.0, 20.0)])
    moved = [(3.0, 11.0, 12.0), (9.0, 12.0, 10.0), (2.0, 33.0, 16.0)]
    second = np.array([*moved, (8.0, 58.0, 27.0), (2.0, 10.0, 18.0)])
    spacing_um = (2.0, 0.5, 0.25)

    def find_near(spacing_um: tuple, most_um: float = 5.0) -> set[tuple[int, int]]:
        distances_um = np.linalg.norm((second - first[:, np.newaxis]) * spacing_um, axis=-1)
        return set(map(tuple, np.argwhere(distances_um <= most_um).tolist()))

    answer = run_answer(find_pairs, first, second, spacing_um, 5.0)
    found = set(map(tuple, np.asarray(list(answer), int).reshape(-1, 2).tolist()))
    right = find_near(spacing_um)
    slips = {
        None: right,
        "order": {pair[::-1] for pair in right},
        "voxels": find_near((1, 1, 1)),
        "spacing_x_first": find_near(spacing_um[::-1]),
        "flat": find_near((0, *spacing_um[1:])),
        "squared": find_near(spacing_um, 5.0**0.5),
    }
    holds = {slip: found == pairs for slip, pairs in slips.items()} | {"too_few": found < right}
    values = {"right": sorted(right), "found": sorted(found)}
    return TEXTS.say_first("pairs", holds, number=len(right), kept=len(found), **values)


@TEXTS.exercise
def training_run(answer: Any) -> str | None:
    """A training of a link network, judged on other movies than it learns from."""
    if callable(answer) or isinstance(answer, NetworkSettings):
        return TEXTS.say("training_run", "not_called")
    if not isinstance(answer, Run):
        return TEXTS.say("training_run", "other_kind", kind=type(answer).__name__)
    if not answer.history:
        return TEXTS.say("training_run", "no_epoch")
    if answer.settings.network != "link":
        return TEXTS.say("training_run", "other_network", network=answer.settings.network)
    movies = [(movie["part"], movie["annotations_sha256"]) for movie in answer.details["data"]]
    training = {sha for part, sha in movies if part == "training"}
    validation = {sha for part, sha in movies if part == "validation"}
    if not validation:
        return TEXTS.say("training_run", "no_validation")
    return TEXTS.say("training_run", "leak") if training & validation else None


def choose_run(answer: Any, training: Movies, validation: Movies, settings: NetworkSettings) -> Run:
    """The learner's run; where there is none, the network is trained here."""
    how = (training, validation, settings)
    return choose_answer(training_run, answer, lambda: organoid_kit.train(*how))


@TEXTS.exercise
def tracks(answer: Any) -> str | None:
    """Tracks, chosen among candidate links that a network has looked at."""
    if not isinstance(answer, Annotations):
        return TEXTS.say("tracks", "other_kind", kind=type(answer).__name__)
    if "link_probability" not in answer.link_properties:
        return TEXTS.say("tracks", "not_predicted")
    merges = len(answer.merges())
    return TEXTS.say("tracks", "candidates", merges=merges) if merges else None


def choose_tracks(
    answer: Any, network: Any, annotated: AnnotatedMovie, settings: NetworkSettings
) -> Annotations:
    """The learner's tracks of a movie; where there are none, or of another movie, the kit's."""
    known = annotated.annotations
    if isinstance(answer, Annotations) and len(answer) != len(known):
        answer = ...  # of another movie
    what = (network, annotated.movie, known, settings)
    return choose_answer(tracks, answer, lambda: build_tracks(prediction.predict_links(*what)))


@TEXTS.exercise
def wrong_links(count: Callable) -> str | None:
    """Wrong links per 1000: of 46 drawn, 40 are right; 4 nuclei were given no link at all."""
    rows = np.arange(50)
    true = np.column_stack([rows, rows + 100])
    drawn = np.concatenate([true[:40], true[40:46] + (0, 1)])
    return TEXTS.judge("wrong_links", locals(), run_answer(count, true, drawn), 1000 * 6 / 46, 0.01)
