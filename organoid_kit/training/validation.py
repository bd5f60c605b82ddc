"""How good is a network between two epochs? Judged on fixed examples that are never varied."""

from collections.abc import Callable

import keras
import numpy as np

from organoid_kit.base import NetworkSettings
from organoid_kit.evaluation import calibration, classification, find_peaks, matching
from organoid_kit.examples import PositionExamples, batches, position

_THRESHOLDS = np.arange(2, 9) / 10  # an epoch is judged at the one that suits it best
_BORDER_VOXELS = 2  # a nucleus this close to a patch's border may be missed without blame


def validate(
    network: keras.Model,
    checks: batches.Examples,
    batch_size: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, float | None] | None:
    """Loss and quality on fixed examples; None where `should_stop` ends it before a batch.

    Beside "validation_loss", a position network has "validation_f1", matched one to one within 5 µm
    at the best threshold; the others, as the rare answer counts, "validation_average_precision",
    and "validation_calibrated_loss", the cross-entropy after calibration. None: not measurable.
    """
    judge = _judge_positions if isinstance(checks, PositionExamples) else _judge_answers
    return judge(network, checks, batch_size, should_stop)


def _judge_positions(network, checks: PositionExamples, batch_size: int, should_stop):
    losses, sizes, counts = [], [], np.zeros((len(_THRESHOLDS), 3), int)
    for step in range(checks.steps_per_epoch(batch_size)):
        if should_stop():
            return None
        examples = checks.examples(0, step, batch_size)
        images, targets, weights = position.join_examples(examples)
        heat = _predict(network, images)
        losses.append(float(network.loss(targets, heat, sample_weight=weights)))
        sizes.append(len(images))
        for patch, example in zip(heat[..., 0], examples, strict=True):
            counts += count_matches(patch, example, checks.settings)
    loss = float(np.average(losses, weights=sizes))
    is_scattered = any(place.known_um is not None for place in checks.places)
    return {"validation_loss": loss, "validation_f1": None if is_scattered else compute_f1(counts)}


def _judge_answers(network, checks: batches.Examples, batch_size: int, should_stop):
    parts = []
    for step in range(checks.steps_per_epoch(batch_size)):
        if should_stop():
            return None
        inputs, targets, weights = checks.batch(0, step, batch_size)
        parts.append((targets[:, 0] > 0, _predict(network, inputs)[:, 0], weights))
    truths, answers, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    calibrated = calibration.calibrate(answers, truths, weights=weights).apply(answers)
    targets, cross_entropy = truths[:, None].astype(np.float32), keras.losses.BinaryCrossentropy()
    after = cross_entropy(targets, calibrated[:, None], sample_weight=weights)
    return {
        "validation_loss": float(network.loss(targets, answers[:, None], sample_weight=weights)),
        "validation_calibrated_loss": float(after),
        "validation_average_precision": classification.compute_average_precision(truths, answers),
    }


def _predict(network: keras.Model, inputs) -> np.ndarray:
    return keras.ops.convert_to_numpy(network.predict_on_batch(inputs)).astype(np.float32)


def compute_f1(counts: np.ndarray) -> float | None:
    """The best over the thresholds, of `count_matches`; None where there is nothing to find."""
    if not counts.any():
        return None
    matched, missed, false = counts.T
    return float(np.max(2 * matched / np.maximum(2 * matched + missed + false, 1)))


def count_matches(
    heat: np.ndarray, example: position.PositionExample, settings: NetworkSettings
) -> np.ndarray:
    """Matched, missed and false positions in a patch at each of several thresholds, its border and
    what is not annotated left out: (thresholds, 3) int.
    """
    spacing, truth = np.array(settings.spacing_um), example.positions_inside
    peaks, heights = find_peaks(heat, settings.spacing_um, settings.min_distance_um, _THRESHOLDS[0])
    counts = []
    for threshold in _THRESHOLDS:
        found = peaks[heights > threshold]
        pairs = matching.match_positions(truth * spacing, found * spacing)
        missed, false = np.delete(truth, pairs[:, 0], axis=0), np.delete(found, pairs[:, 1], axis=0)
        unmatched = (np.count_nonzero(_is_inner(each, example.counts)) for each in (missed, false))
        counts.append([len(pairs), *unmatched])
    return np.array(counts)


def _is_inner(positions: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Whether positions lie in what counts, and not at the patch's border; flat ones have none."""
    shape = np.array(counts.shape)
    border = np.where(shape > 2 * _BORDER_VOXELS + 1, _BORDER_VOXELS, 0)
    voxels = np.clip(np.round(positions).astype(int), 0, shape - 1)
    inside = (voxels >= border).all(axis=1) & (voxels < shape - border).all(axis=1)
    return counts[tuple(voxels.T)] & inside
