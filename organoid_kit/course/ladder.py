"""Two rungs to climb before a real training: a network that cannot learn one patch by heart learns
nothing else.

Each rung shows a fresh network the same few patches again and again, without variation. Both take a
minute or so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.position import PositionExample, PositionExamples, join_examples
from organoid_kit.training.preparing import complete_settings, prepare_network
from organoid_kit.training.steps import WARM_UP_STEPS
from organoid_kit.training.validation import compute_f1, count_matches

_LOOKED_AT = 16  # patches among which the one with most nuclei is taken
_PASSED_F1 = 0.9


@dataclass(frozen=True)
class OverfitResult:
    """What came of learning a little by heart.

    Attributes:
        name: what was learnt.
        history: loss of each step.
        f1: of the nuclei found in what was learnt, matched within 5 µm; None where there are none.
        passed: whether the network knows it by heart.
    """

    name: str
    history: list[float]
    f1: float | None
    passed: bool

    @property
    def reading(self) -> str:
        """What it means, in plain language."""
        course = f"After {len(self.history)} steps on {self.name} the loss went from {self.history[0]:.3f} to "
        course += f"{self.history[-1]:.3f}, and "
        if self.f1 is None:
            return course + "there was no nucleus to find. Choose data with annotated nuclei."
        course += f"the network finds its nuclei with F1 {self.f1:.2f}. "
        if self.passed:
            return course + "It can learn this: go on."
        if self.history[-1] < 0.7 * self.history[0]:
            return (
                course
                + "It is learning but not done: give it more steps before you look for a mistake."
            )
        return course + (
            "It does not learn. Look at the patches: do the dots lie on nuclei? Are the right channels chosen? If all "
            "is in place, try a tenth of the learning rate."
        )


def overfit_one_patch(
    training: Sequence[AnnotatedMovie], settings: NetworkSettings, steps: int = 60
) -> OverfitResult:
    """First rung: one patch, the one with most nuclei of a few, by heart.

    Raises:
        UserError: data or settings do not allow training.
    """
    settings = complete_settings(settings, training)
    examples = PositionExamples(
        training, settings, augment=False, most_examples=_LOOKED_AT
    ).examples(0, 0, _LOOKED_AT)
    return _learn(
        [max(examples, key=lambda example: example.target.sum())], settings, steps, "one patch"
    )


def overfit_one_time_point(
    training: Sequence[AnnotatedMovie], settings: NetworkSettings, steps: int = 120
) -> OverfitResult:
    """Second rung: the patches of one time point, the first that is annotated, by heart.

    Raises:
        UserError: data or settings do not allow training.
    """
    settings = complete_settings(settings, training)
    annotations = training[0].annotations
    rows = annotations.rows_at(annotations.annotated_time_points[0]) if len(annotations) else []
    movie = dataclasses.replace(training[0], annotations=annotations.select(rows))
    patches = PositionExamples([movie], settings, augment=False)
    examples = patches.examples(0, 0, patches.number_per_epoch)
    return _learn(examples, settings, steps, "one time point")


def _learn(
    examples: Sequence[PositionExample], settings: NetworkSettings, steps: int, name: str
) -> OverfitResult:
    """Trains a fresh network on these examples alone."""
    network = prepare_network(settings)
    size = settings.batch_size
    parts = [examples[start : start + size] for start in range(0, len(examples), size)]
    history = []
    for step in range(steps):
        images, targets, weights = join_examples(parts[step % len(parts)])
        network.optimizer.learning_rate = settings.learning_rate * min(
            1.0, (step + 1) / WARM_UP_STEPS
        )
        network.reset_metrics()
        history.append(float(network.train_on_batch(images, targets, sample_weight=weights)))
    f1 = compute_f1(sum(_judge(network, part, settings) for part in parts))
    return OverfitResult(name, history, f1, passed=f1 is not None and f1 >= _PASSED_F1)


def _judge(
    network: keras.Model, examples: Sequence[PositionExample], settings: NetworkSettings
) -> np.ndarray:
    """Numbers of matched, missed and false positions."""
    images, _, _ = join_examples(examples)
    heat = keras.ops.convert_to_numpy(network.predict_on_batch(images))[..., 0]
    return sum(
        count_matches(each, example, settings) for each, example in zip(heat, examples, strict=True)
    )
