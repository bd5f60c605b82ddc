"""What is left to do: problems to mend, and candidates that wait for a decision.

Looking at images takes a second for each time point, so it is done on demand. What was found there
is hidden once it is mended, and comes back where the mending is undone.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.evaluation.checks import CheckLimits, Problem, check_annotations
from organoid_kit.evaluation.checks.problem import select_usable_rows
from organoid_kit.evaluation.judged import JudgedChoice, choose_from_judged
from organoid_kit.evaluation.matching import match_positions

ImageProblems = Sequence[tuple[Problem, list[int]]]  # with the numbers of its positions
SAME_NUCLEUS_UM = 5.0  # a candidate so near to a position is that nucleus, as in all scores
SAME_PLACE_UM = 0.1  # a candidate so near to a refused one is that one
_AS_THEY_ARE = Calibration()
_DOUBTS = (  # property, the value of the most doubtful, the order in words
    ("probability", 0.5, "Most doubtful first: corrected probability nearest to 0.5."),
    ("response", 0.0, "Most doubtful first: the weakest response of the blob detector."),
)


def find_image_problems(
    annotations: Annotations, numbers: np.ndarray, movie: TimeLapse, channels: Sequence[int]
) -> ImageProblems:
    """Looks at all annotated time points; `numbers` are those of the editor at the same moment."""
    without = set(check_annotations(annotations, movie, channels=channels, time_points=()))
    found = check_annotations(annotations, movie, channels=channels)
    new = (problem for problem in found if problem not in without)
    return [(problem, numbers[list(problem.rows)].tolist()) for problem in new]


def find_problems(
    editor: AnnotationEditor, channels: Sequence[int] = (1,), of_images: ImageProblems = ()
) -> list[Problem]:
    """What is wrong now, with what is left of the problems of images."""
    annotations = editor.annotations
    problems = check_annotations(annotations, editor.movie, channels=channels, time_points=())
    reported = {row for problem in problems for row in problem.rows}
    for problem, numbers in of_images:
        rows = tuple(map(editor.find_row, numbers))
        if not _is_mended(problem, rows, annotations, editor.movie) and not reported.intersection(
            rows
        ):
            problems.append(dataclasses.replace(problem, rows=rows))
    return problems


def _is_mended(
    problem: Problem, rows: Sequence[int | None], annotations: Annotations, movie: TimeLapse
) -> bool:
    """Whether a position was deleted or moved, or a blob has a position now."""
    if None in rows:
        return True
    if None in (problem.position, problem.time_point):
        return False
    if rows:
        return not np.array_equal(annotations.positions[rows[0]], problem.position)
    away = annotations.positions_at(problem.time_point) - problem.position
    away_um = np.linalg.norm(away * (annotations.spacing_um or (1.0, 1.0, 1.0)), axis=1)
    return bool((away_um <= CheckLimits.of(movie).own_um).any())


def find_open_candidates(
    candidates: Annotations, annotations: Annotations, refused: np.ndarray
) -> np.ndarray:
    """Rows of the candidates that are neither refused nor have a position of their own.

    Each position stands for one candidate at most; farther apart than 5 µm, they are two
    nuclei. `refused`, (n, 4) float: time point, z, y, x of what was refused.
    """
    spacing_um = np.array(candidates.spacing_um or annotations.spacing_um or (1.0, 1.0, 1.0))
    still = np.ones(len(candidates), bool)
    for time_point in candidates.annotated_time_points:
        rows = candidates.rows_at(time_point)
        known = annotations.positions[select_usable_rows(annotations, time_point)]
        refused_here = refused[refused[:, 0] == time_point, 1:]
        for decided, near_um in ((known, SAME_NUCLEUS_UM), (refused_here, SAME_PLACE_UM)):
            found_um = candidates.positions[rows] * spacing_um
            still[rows[match_positions(decided * spacing_um, found_um, near_um)[:, 1]]] = False
    return np.flatnonzero(still)


def choose_by_decisions(candidates: Annotations, editor: AnnotationEditor) -> JudgedChoice | None:
    """What decisions on candidates say of their probabilities; None where there is no decision.
    Positions that were there before are none: of candidates without one nobody knows.
    """
    values = candidates.properties.get("probability", np.full(len(candidates), None))
    known = np.flatnonzero([value is not None for value in values])
    probabilities, candidates = values[known].astype(float), candidates.select(known)
    added = editor.annotations.select(editor.numbers >= editor.first_number)
    is_open, not_refused = np.zeros((2, len(known)), bool)
    is_open[find_open_candidates(candidates, added, editor.refused)] = True
    not_refused[find_open_candidates(candidates, added.select([]), editor.refused)] = True
    if not is_open.all():
        return choose_from_judged(probabilities, probabilities[~is_open], not_refused[~is_open])


def sort_by_doubt(
    candidates: Annotations, rows: np.ndarray, calibration: Calibration = _AS_THEY_ARE
) -> tuple[np.ndarray, str]:
    """These rows, the most doubtful first, and the order in words.

    An answer to the most doubtful teaches a network most: with the property "probability",
    calibrated, that is the one nearest to 0.5 (uncertainty sampling; Lewis and Gale 1994); with
    "response" of the blob detector, the weakest; otherwise candidates come in the order of time.
    """
    for name, middle, text in _DOUBTS:
        if name in candidates.properties:
            values = candidates.properties[name][rows]
            doubt = np.array([middle if value is None else value for value in values], float)
            doubt = calibration.apply(doubt) if name == "probability" else doubt
            return rows[np.argsort(np.abs(doubt - middle), kind="stable")], text
    order = np.argsort(candidates.time_points[rows], kind="stable")
    return rows[order], "In the order of time: nothing says how sure these candidates are."


def join_candidates(earlier: Annotations | None, more: Annotations) -> Annotations:
    """Candidates of several time points together, without links; the rows of the earlier stay."""
    if earlier is None:
        return more
    positions = np.concatenate([earlier.positions, more.positions])
    times = np.concatenate([earlier.time_points, more.time_points])
    known = earlier.properties.items()
    properties = {name: np.concatenate([old, more.properties[name]]) for name, old in known}
    joined = {"positions": positions, "time_points": times, "properties": properties}
    return dataclasses.replace(earlier, **joined, links=np.zeros((0, 2), int), link_properties={})
