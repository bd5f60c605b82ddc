"""A doctor for trainings: symptoms, each with its number, its likely cause, and what to do.

There are three times to ask: before a training (`diagnose_data`), after it (`diagnose_run`), and
when a network is used (`diagnose_microscope`, `diagnose_predictions`). Nothing here raises on data,
and nothing loads Keras. It calls what the kit measures anyway: `check_annotations`, `find_leaks`,
`describe_history`. What it says stands in symptoms.md.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.base import NetworkSettings, files
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.evaluation import check_annotations, checks, find_blobs, score_positions
from organoid_kit.evaluation.checks.rules import name_columns
from organoid_kit.evaluation.checks.widths import measure_width_um
from organoid_kit.evaluation.matching import choose_radius_um, match_to_truth
from organoid_kit.evaluation.positions import find_best_threshold, get_probabilities
from organoid_kit.examples.batches import Movies
from organoid_kit.examples.looks import choose_time_points, find_unlike, measure_look
from organoid_kit.examples.sizes import fit_to_network, state_size
from organoid_kit.examples.splits import Split, find_leaks
from organoid_kit.plots.drawing import count
from organoid_kit.report.measuring import measure_light
from organoid_kit.training import Run, describe_history, runs

# Before and after a training
NUCLEUS_UM = (4.5, 12.0)  # nuclei of mammalian cells are rarely narrower or wider
_STRETCH = (0.65, 1.7)  # how much longer along z than in the plane; microscopes stretch a little
_LEAST_POSITIONS = 5  # fewer say nothing about all of them
_BRIGHTER = 1.5  # so many times more light at another reading of the positions is no accident
_LIT = 0.05  # a nucleus is at least so much brighter than its surroundings
_FEW = 3  # single ones are left to `check_annotations`
_FEW_EPOCHS = 3
_NOTHING = 0.05  # an F1 below is that of a network that finds nothing
_FALLEN = 0.9  # a loss below this part of the first one has fallen
_READINGS = ("Learning rate too high", "Not learning", "Overfitting")  # of `describe_history`
_MISSING_PART, _WRONG_PART = 0.05, 0.015  # healthy movies stay below, see the doctor's tests
# Of a problem in images, of what `find_unlike` finds
_IMAGE_SYMPTOMS, _UNLIKE = files.read_json(Path(__file__).with_name("symptoms.json")).values()
_WRONG_RULES = ("off_centre", "duplicate_position", "out_of_bounds", "not_a_number")
# In use
TWINS_UM = 4.0  # whole nuclei are not closer; only daughters, for a time point or two, are
_NOTHING_PART = 0.1  # found, relative to what is expected
_FEW_MANY = (0.6, 1.4)  # likewise, where the truth is known …
_FEW_MANY_BLOBS = (0.4, 2.0)  # … and where blobs must do
_TWINS_PART = 0.2  # of the positions
_NO_RECALL, _MORE_RECALL = 0.2, 0.15
_BETTER_F1 = 0.1


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or looks wrong."""

    symptom: str  # short and always the same, such as "axes swapped"
    where: str  # the movie or run it was found in; empty where it concerns several
    measured: str  # with its number
    cause: str  # what it comes from most often
    advice: str  # what to do next

    def __str__(self) -> str:
        where = f" in {self.where}" if self.where else ""
        heading = f"{self.symptom[0].upper()}{self.symptom[1:]}{where}"
        parts = {"Measured": self.measured, "Likely cause": self.cause, "What to do": self.advice}
        return "\n".join([heading, *(f"  {name}: {text}" for name, text in parts.items())])


def make_finding(symptom: str, where: str, **values: Any) -> Finding:
    """A finding with its texts from symptoms.md, in which values are filled in."""
    parts = Path(__file__).with_name("symptoms.md").read_text("utf-8").split("\n## ")[1:]
    lines = ([" ".join(text.split()) for text in part.split("\n\n")] for part in parts)
    [texts] = (texts for name, *texts in lines if name == symptom)
    return Finding(symptom.partition(" (")[0], where, *(text.format(**values) for text in texts))


def format_findings(findings: Sequence[Finding]) -> str:
    """Findings as text, one below the other; without any, that this proves nothing."""
    if not findings:
        return "No finding. The doctor knows its symptoms only: look at your data, too."
    return "\n\n".join([f"{count(len(findings), 'finding')}.", *map(str, findings)])


def diagnose_data(
    training: Movies, settings: NetworkSettings, *, validation: Movies = ()
) -> list[Finding]:
    """What looks wrong in data of a training."""
    findings = []
    for annotated in (*training, *validation):
        findings += _diagnose_movie(annotated, settings.channels)
    leaks = find_leaks(Split(list(training), list(validation)), settings.time_window)
    symptom = "leak between training and validation"
    return findings + [make_finding(symptom, "", leak=leak) for leak in leaks]


def _diagnose_movie(annotated: AnnotatedMovie, channels: Sequence[int]) -> list[Finding]:
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
    if findings := list(_diagnose_spacing(annotated, widths_um)):
        return findings
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


def _diagnose_spacing(annotated: AnnotatedMovie, widths_um: np.ndarray | None) -> Iterator[Finding]:
    """Two spacings, or nuclei that are too wide, too narrow, or too long for the one stated."""
    stated = tuple(float(length) for length in annotated.movie.spacing_um)
    other, where = annotated.annotations.spacing_um, annotated.name
    if other is not None and not np.allclose(other, stated, rtol=1e-3):
        yield make_finding("wrong spacing (two)", where, stated=stated, other=tuple(other))
    if widths_um is None:
        return
    depth, plane = widths_um[0], np.mean(widths_um[1:])
    least, most = np.multiply(NUCLEUS_UM, annotated.movie.relative_size)
    usual = not (plane < least or plane > most)
    if not usual or depth > _STRETCH[1] * plane or depth < _STRETCH[0] * plane:
        widths = {"plane": plane, "depth": depth, "least": least, "most": most}
        yield make_finding("wrong spacing", where, stated=stated, **widths)


def _find_wrong_positions(
    problems: Sequence[checks.Problem], annotations: Annotations, times: Sequence[int], where: str
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
    if lines := [line for line in run.log_text.splitlines() if runs.NOT_FINITE in line]:
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


def diagnose_predictions(
    found: Annotations,
    movie: TimeLapse,
    settings: NetworkSettings,
    truth: Annotations | None = None,
) -> list[Finding]:
    """What looks wrong in the positions that a network found.

    Args:
        found: of `predict_positions` with threshold=0.05, so that one sees what the threshold of
            the settings leaves out; UserError where one has no probability.
        truth: right positions at some of the time points; only these are looked at. Without, bright
            blobs at up to three time points tell how many positions there should be.
    """
    if truth is not None and truth.known_um is not None:
        truth = None  # scattered: it does not say how many there are
    expected, (few, many), source = truth, _FEW_MANY, "are annotated."
    if truth is None:
        times = choose_time_points(movie, found)
        sized = state_size(AnnotatedMovie(movie), settings)
        expected = find_blobs(sized, channels=settings.channels, time_points=times)
        (few, many), source = _FEW_MANY_BLOBS, "bright blobs are found without a network."
    found = found.select(np.isin(found.time_points, expected.annotated_time_points))
    probabilities = get_probabilities(found, found.properties, "probability")
    kept = found.select(probabilities > settings.threshold)
    above = f"{len(kept)} positions above the threshold of {settings.threshold:.3g}"
    counted = f"{above}; {len(expected)} {source}"
    if len(kept) < _NOTHING_PART * len(expected):
        variant = " (threshold)" * (len(found) > len(expected) / 2)
        values = {"counted": counted, "candidates": len(found)}
        return [make_finding(f"predicts nothing{variant}", movie.name, **values)]
    if truth is not None and (findings := _find_no_recall(kept, truth, movie)):
        return findings
    if len(kept) < few * len(expected):
        return [make_finding("too few detections", movie.name, counted=counted)]
    if len(kept) <= many * len(expected):
        return []
    # several on one nucleus, a threshold that is too low, or nuclei where there are none?
    symptom, twins = "too many detections", len(find_twins(kept, movie.spacing_um))
    values = {"counted": counted, "twins": twins, "twins_um": TWINS_UM}
    if twins > _TWINS_PART * len(kept):
        symptom += " (twins)"
    elif truth is not None:
        near = {"max_distance_um": choose_radius_um([movie])}
        best = find_best_threshold([(truth, found)], **near)
        tried = (settings.threshold, best)
        scores = (score_positions(truth, found, threshold=least, **near) for least in tried)
        f1, best_f1 = (score.f1 or 0.0 for score in scores)
        if best_f1 > f1 + _BETTER_F1:
            symptom += " (threshold)"
            values |= {"f1": f1, "best": best, "best_f1": best_f1}
    return [make_finding(symptom, movie.name, **values)]


def find_twins(positions: Annotations, spacing_um: tuple[float, float, float]) -> np.ndarray:
    """Rows of positions that are closer than `TWINS_UM` to another one of their time, (k,) int."""
    far_um = 1e6 * positions.time_points  # times are far from each other
    places = np.column_stack([positions.positions * spacing_um, far_um])
    return np.unique(KDTree(places).query_pairs(TWINS_UM, output_type="ndarray"))


def _find_no_recall(kept: Annotations, truth: Annotations, movie: TimeLapse) -> list[Finding]:
    """Hardly a true position is found, or far more would be with another order of axes."""
    recall, kept = {}, dataclasses.replace(kept, spacing_um=movie.spacing_um)
    for order in permutations(range(3)):
        positions = truth.positions[:, order]
        read = dataclasses.replace(truth, positions=positions, spacing_um=movie.spacing_um)
        matched = int((match_to_truth(read, kept, choose_radius_um([movie])) >= 0).sum())
        recall[order] = matched / max(1, len(truth))
    here, best = recall[(0, 1, 2)], max(recall, key=recall.get)
    values = {"found": len(kept), "true": len(truth), "here": here}
    if recall[best] > here + _MORE_RECALL:
        values |= {"order": name_columns(best), "there": recall[best]}
        return [make_finding("recall near zero (axes)", movie.name, **values)]
    return [make_finding("recall near zero", movie.name, **values)] * (here <= _NO_RECALL)


def diagnose_microscope(
    movie: TimeLapse, training: Sequence[TimeLapse], settings: NetworkSettings
) -> list[Finding]:
    """How a movie differs from those that a network learned from, but for grey values. Without
    `training`, movies of their kind, what was measured when it was trained counts.
    """
    fitted = [fit_to_network(AnnotatedMovie(each), settings) for each in (movie, *training)]
    shown, *others = fitted
    look = measure_look([shown], settings)
    known = measure_look(others, settings) if others else settings.look or ()
    unlike = find_unlike(look, known)
    scale = sum(known[:2]) / sum(look[:2]) if "size" in unlike else 1.0
    way = f"spacing_um={tuple(np.round(np.array(movie.spacing_um) * scale, 3).tolist())}"
    if settings.nucleus_diameter_um:
        way = f"nucleus_diameter_um={settings.nucleus_diameter_um / scale:.1f}"
    return [
        make_finding(_UNLIKE[name], movie.name, measured=measured, way=way)
        for name, measured in unlike.items()
    ]
