"""Two rungs before a real training, a minute each: a network must learn one patch by heart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from organoid_kit.base import NetworkSettings
from organoid_kit.examples.batches import Movies
from organoid_kit.examples.position import PositionExample, PositionExamples, join_examples
from organoid_kit.training.preparing import complete_settings, prepare_network
from organoid_kit.training.steps import WARM_UP_STEPS
from organoid_kit.training.validation import compute_f1, count_matches

_LOOKED_AT = 16  # patches among which the one with most nuclei is taken
_PASSED_F1 = 0.9


@dataclass(frozen=True)
class OverfitResult:
    """What came of learning a little by heart."""

    name: str  # what was learnt
    history: list[float]  # loss of each step
    f1: float | None  # of nuclei in what was learnt, matched within 5 µm; None: there are none
    passed: bool  # whether the network knows it by heart

    @property
    def reading(self) -> str:
        """What it means, in plain language."""
        first, last = self.history[0], self.history[-1]
        course = f"After {len(self.history)} steps on {self.name}"
        course += f" the loss went from {first:.3f} to {last:.3f}, and "
        if self.f1 is None:
            return course + "there was no nucleus to find. Choose data with annotated nuclei."
        course += f"the network finds its nuclei with F1 {self.f1:.2f}. "
        if self.passed:
            return course + "It can learn this: go on."
        if last < 0.7 * first:
            return course + "It is learning but not done: give it more steps first."
        course += "It does not learn. Look at the patches: do the dots lie on nuclei? Are the right"
        return f"{course} channels chosen? If all is in place, try a tenth of the learning rate."


def overfit_one_patch(
    training: Movies, settings: NetworkSettings, steps: int = 60
) -> OverfitResult:
    """First rung: one patch, the one with most nuclei of a few, by heart."""
    settings = complete_settings(settings, training)
    patches = PositionExamples(training, settings, augment=False, most_examples=_LOOKED_AT)
    fullest = max(patches.examples(0, 0, _LOOKED_AT), key=lambda example: example.target.sum())
    return _learn([fullest], settings, steps, "one patch")


def overfit_one_time_point(
    training: Movies, settings: NetworkSettings, steps: int = 120
) -> OverfitResult:
    """Second rung: the patches of one time point, the first that is annotated, by heart."""
    settings = complete_settings(settings, training)
    annotations = training[0].annotations
    rows = annotations.rows_at(annotations.annotated_time_points[0]) if len(annotations) else []
    movie = replace(training[0], annotations=annotations.select(rows))
    patches = PositionExamples([movie], settings, augment=False)
    examples = patches.examples(0, 0, patches.number_per_epoch)
    return _learn(examples, settings, steps, "one time point")


def _learn(
    examples: Sequence[PositionExample], settings: NetworkSettings, steps: int, name: str
) -> OverfitResult:
    network = prepare_network(settings)
    size = settings.batch_size
    batches = [examples[start : start + size] for start in range(0, len(examples), size)]
    history = []
    for step in range(steps):
        warmth = min(1.0, (step + 1) / WARM_UP_STEPS)
        network.optimizer.learning_rate = settings.learning_rate * warmth
        network.reset_metrics()
        history.append(float(network.train_on_batch(*join_examples(batches[step % len(batches)]))))
    heats = network.predict(join_examples(examples)[0], batch_size=size, verbose=0)[..., 0]
    pairs = zip(heats, examples, strict=True)
    f1 = compute_f1(sum(count_matches(heat, example, settings) for heat, example in pairs))
    return OverfitResult(name, history, f1, passed=f1 is not None and f1 >= _PASSED_F1)
