"""A training: is something wrong with its movies and annotations, or with its curves?"""

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from organoid_kit.base import NetworkSettings
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.data.timelapse import USUAL_DIAMETER_UM
from organoid_kit.evaluation import check_annotations
from organoid_kit.evaluation.checks import CheckLimits, Problem
from organoid_kit.evaluation.checks.rules import name_columns
from organoid_kit.examples.looks import choose_time_points
from organoid_kit.examples.splits import Split, find_leaks
from organoid_kit.report.doctor.finding import Finding, make_finding
from organoid_kit.report.measuring import measure_light, measure_width_um
from organoid_kit.training import Run
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.runs import NOT_FINITE

NUCLEUS_UM = (4.5, 12.0)  # nuclei of mammalian cells are rarely narrower or wider
_STRETCH = (0.65, 1.7)  # how much longer along z than in the plane; microscopes stretch a little
_OTHER_WIDTH = 1.4  # nuclei this much wider or narrower than usual are sought at their own size
_LEAST_POSITIONS = 5  # fewer say nothing about all of them
_BRIGHTER = 1.5  # so many times more light at another reading of the positions is no accident
_LIT = 0.05  # a nucleus is at least so much brighter than its surroundings
_FEW = 3  # single ones are left to `check_annotations`
_FEW_EPOCHS = 3
_NOTHING = 0.05  # an F1 below is that of a network that finds nothing
_FALLEN = 0.9  # a loss below this part of the first one has fallen
_READINGS = ("Learning rate too high", "Not learning", "Overfitting")  # of `describe_history`
_MISSING_PART, _WRONG_PART = 0.05, 0.015  # healthy movies stay below, see the doctor's tests
_WRONG_RULES = ("off_centre", "duplicate_position", "out_of_bounds", "not_a_number")
_IMAGE_SYMPTOMS = {
    "image_not_a_number": "NaN in the image",
    "empty_image": "image without signal",
    "constant_image": "image without signal",
    "unreadable_image": "image unreadable",
    "wrong_shape": "image of another shape",
    "wrong_channel": "channel missing",
}


def diagnose_data(
    training: Sequence[AnnotatedMovie],
    settings: NetworkSettings,
    *,
    validation: Sequence[AnnotatedMovie] = (),
    nucleus_um: tuple[float, float] = NUCLEUS_UM,
) -> list[Finding]:
    """What looks wrong in data of a training; `nucleus_um`: narrowest, widest nuclei possible."""
    findings = []
    for annotated in (*training, *validation):
        findings += _diagnose_movie(annotated, settings.channels, nucleus_um)
    leaks = find_leaks(Split(list(training), list(validation)), settings.time_window)
    symptom = "leak between training and validation"
    return findings + [make_finding(symptom, "", leak=leak) for leak in leaks]


def _diagnose_movie(
    annotated: AnnotatedMovie, channels: Sequence[int], nucleus_um: tuple[float, float]
) -> list[Finding]:
    """Coarse mistakes first: while images or axes are wrong, nothing finer can be said."""
    movie, annotations = annotated.movie, annotated.annotations
    times = choose_time_points(movie, annotations)
    options, findings = {"channels": channels, "time_points": times}, []
    problems = check_annotations(annotations, movie, **options)
    for rule, symptom in _IMAGE_SYMPTOMS.items():
        if found := [problem.message for problem in problems if problem.rule == rule]:
            values = {"number": len(found), "first": found[0]}
            findings.append(make_finding(symptom, annotated.name, **values))
    if findings:
        return findings
    if findings := list(_find_other_reading(annotated, times, channels)):
        return findings
    many = ((t, at) for t in times if len(at := annotations.positions_at(t)) >= _LEAST_POSITIONS)
    widths_um = [measure_width_um(movie.stack(t, channels), at, movie.spacing_um) for t, at in many]
    widths_um = np.median(widths_um, axis=0) if widths_um else None
    if findings := list(_diagnose_spacing(annotated, widths_um, nucleus_um)):
        return findings
    if widths_um is not None:
        plane_um = float(np.mean(widths_um[1:]))
        if not 1 / _OTHER_WIDTH < plane_um / USUAL_DIAMETER_UM < _OTHER_WIDTH:
            limits = CheckLimits(diameter_um=plane_um)
            problems = check_annotations(annotations, movie, limits=limits, **options)
    return list(_find_wrong_positions(problems, annotations, times, annotated.name))


def _find_other_reading(
    annotated: AnnotatedMovie, times: Sequence[int], channels: Sequence[int]
) -> Iterator[Finding]:
    """Positions that would lie on nuclei in another order of axes, or if they were micrometres."""
    movie, orders = annotated.movie, list(permutations(range(3)))  # the first is how they are read
    units = [1.0] if np.allclose(movie.spacing_um, 1) else [1.0, np.array(movie.spacing_um)]
    light = [np.zeros((len(units) * len(orders), 0))]  # a row for each reading
    for time in times:
        at = annotated.annotations.positions_at(time)
        readings = np.concatenate([at[:, order] / unit for unit in units for order in orders])
        light.append(measure_light(movie, time, channels, readings).reshape(len(light[0]), -1))
    light = np.concatenate(light, axis=1)
    if light.shape[1] < _LEAST_POSITIONS:
        return
    medians = np.median(light, axis=1)
    best = int(medians.argmax())
    if not (medians[best] > _LIT and medians[best] > _BRIGHTER * max(medians[0], 0)):
        return
    order, is_um = orders[best % len(orders)], best >= len(orders)
    values = {"reading": name_columns(order) + " in µm" * is_um}
    values |= {"here": np.mean(light[0] > _LIT), "there": np.mean(light[best] > _LIT)}
    if is_um:
        yield make_finding("wrong unit", annotated.name, spacing=movie.spacing_um, **values)
    else:
        yield make_finding("axes swapped", annotated.name, order=list(order), **values)


def _diagnose_spacing(
    annotated: AnnotatedMovie, widths_um: np.ndarray | None, nucleus_um: tuple[float, float]
) -> Iterator[Finding]:
    """Two spacings, or nuclei that are too wide, too narrow, or too long for the one stated."""
    stated = tuple(float(length) for length in annotated.movie.spacing_um)
    other, where = annotated.annotations.spacing_um, annotated.name
    if other is not None and not np.allclose(other, stated, rtol=1e-3):
        yield make_finding("wrong spacing (two)", where, stated=stated, other=tuple(other))
    if widths_um is None:
        return
    depth, plane, (least, most) = widths_um[0], np.mean(widths_um[1:]), nucleus_um
    usual = not (plane < least or plane > most)
    if not usual or depth > _STRETCH[1] * plane or depth < _STRETCH[0] * plane:
        widths = {"plane": plane, "depth": depth, "least": least, "most": most}
        yield make_finding("wrong spacing", where, stated=stated, **widths)


def _find_wrong_positions(
    problems: Sequence[Problem], annotations: Annotations, times: Sequence[int], where: str
) -> Iterator[Finding]:
    """More missing, or beside nuclei, twice on one or outside, than chance explains."""
    looked_at = int(np.isin(annotations.time_points, times).sum())
    missing = sum(problem.rule == "nucleus_missing" for problem in problems)
    if missing >= _FEW and missing > _MISSING_PART * looked_at:
        yield make_finding("annotations missing", where, number=missing, looked_at=looked_at)
    rows = {row for each in problems if each.rule in _WRONG_RULES for row in each.rows[-1:]}
    wrong = sum(annotations.time_points[row] in times for row in rows)
    if wrong >= _FEW and wrong > _WRONG_PART * looked_at:
        part = {"number": wrong, "looked_at": looked_at, "part": wrong / looked_at}
        yield make_finding("annotations wrong", where, **part)


def diagnose_run(run: Run) -> list[Finding]:
    """What looks wrong in a training, perhaps still under way, from its history and its log."""
    findings, where, history = [], run.folder.name, run.history
    log = run.folder / "log.txt"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    if lines := [line for line in lines if NOT_FINITE in line]:
        rate = run.settings.learning_rate
        findings.append(make_finding("loss is NaN", where, line=lines[-1], rate=rate))
    reading = describe_history(history)
    for beginning in _READINGS:
        if reading.startswith(beginning):
            findings.append(make_finding(beginning.lower(), where, reading=reading))
    scores = [row["validation_f1"] for row in history if row.get("validation_f1") is not None]
    if len(scores) >= _FEW_EPOCHS and max(scores[-_FEW_EPOCHS:]) <= _NOTHING:
        first, last = history[0]["loss"], history[-1]["loss"]
        if last < _FALLEN * first:
            values = {"first": first, "last": last, "f1": scores[-1]}
            findings.append(make_finding("loss falls but nothing is found", where, **values))
    return findings
