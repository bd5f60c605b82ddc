"""A network in use: do its positions look right, and the movie like those it has learned from?"""

import dataclasses
from collections.abc import Sequence
from itertools import permutations

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.base import NetworkSettings
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.evaluation import find_blobs, score_positions
from organoid_kit.evaluation.checks.rules import name_columns
from organoid_kit.evaluation.matching import match_to_truth
from organoid_kit.evaluation.positions import find_best_threshold, get_probabilities
from organoid_kit.examples.looks import choose_time_points, find_unlike, measure_look
from organoid_kit.examples.sizes import fit_to_network
from organoid_kit.report.doctor.finding import Finding, make_finding

TWINS_UM = 4.0  # whole nuclei are not closer; only daughters, for a time point or two, are
_NOTHING_PART = 0.1  # found, relative to what is expected
_FEW_MANY = (0.6, 1.4)  # likewise, where the truth is known …
_FEW_MANY_BLOBS = (0.4, 2.0)  # … and where blobs must do
_TWINS_PART = 0.2  # of the positions
_NO_RECALL, _MORE_RECALL = 0.2, 0.15
_BETTER_F1 = 0.1
_UNLIKE = {  # symptoms of what `find_unlike` finds
    "size": "nuclei of another size",
    "planes": "coarser voxels than in training",
    "pixels": "coarser voxels than in training",
    "contrast": "fainter nuclei than in training",
    "noise": "more noise than in training",
    "filled": "emptier images than in training",
}


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
    expected, (few, many), source = truth, _FEW_MANY, "are annotated."
    if truth is None:
        times = choose_time_points(movie, found)
        expected = find_blobs(movie, channels=settings.channels, time_points=times)
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
        best = find_best_threshold([(truth, found)])
        scores = (score_positions(truth, found, threshold=t) for t in (settings.threshold, best))
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
        matched = int((match_to_truth(read, kept) >= 0).sum())
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
    """How a movie differs from those that a network learned from. Annotations are not needed.

    Grey values are not compared: they are normalised before. `training` are movies that the network
    learned from, or of their kind; without, what was measured when it was trained counts.
    """
    nothing = Annotations(np.zeros((0, 3)), [])
    shown, *others = (
        fit_to_network(AnnotatedMovie(each, nothing), settings) for each in (movie, *training)
    )
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
