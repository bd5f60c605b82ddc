"""Is a fine-tuned network better than what there was before? Asked on the same movies."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import keras

from organoid_kit.base import NetworkSettings
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.evaluation import find_blobs, score_positions
from organoid_kit.evaluation.matching import choose_radius_um
from organoid_kit.evaluation.positions import PositionScore, format_score, pool_scores
from organoid_kit.networks import load_network
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.training import Run

_TUNED = "the fine-tuned network"


@dataclass(frozen=True, eq=False)
class NetworkComparison:
    """Scores of a fine-tuned network, the one it started from, and the blob detector."""

    scores: dict[str, PositionScore]  # by what found the positions, the fine-tuned network first

    @property
    def best(self) -> str:
        """What has the highest F1; of equals the first."""
        return max(self.scores, key=lambda name: self.scores[name].f1 or 0.0)

    def __str__(self) -> str:
        said = [f"{name} {format_score(score.f1)}" for name, score in self.scores.items()]
        advice = f"Use {self.best}" + ", not the fine-tuned one" * (self.best != _TUNED)
        return f"F1 on the same movies: {', '.join(said)}. {advice}."


def compare_fine_tuned(
    run: Run, validation: Sequence[AnnotatedMovie], *, show_progress: bool = False
) -> NetworkComparison:
    """Scores a run's network, whose threshold is chosen, beside what the user had without it: the
    network it started from and the blob detector, both as they are.
    """
    start, channels = run.settings.start_from, run.settings.channels
    found = {}
    for name, folder in ((_TUNED, run.folder), (f"the one it started from ({start})", start)):
        network, settings = load_network(folder)
        model = network, settings.changed(channels=channels)
        found[name] = [_predict(*model, one, show_progress) for one in validation]
    found["the blob detector"] = [
        find_blobs(one.movie, channels=channels, time_points=_list_times(one)) for one in validation
    ]
    truths = [one.annotations for one in validation]
    score = partial(
        score_positions, max_distance_um=choose_radius_um(one.movie for one in validation)
    )
    return NetworkComparison(
        {name: pool_scores(map(score, truths, each)) for name, each in found.items()}
    )


def _predict(
    network: keras.Model, settings: NetworkSettings, one: AnnotatedMovie, show_progress: bool
) -> Annotations:
    options = {"time_points": _list_times(one), "show_progress": show_progress}
    return predict_positions(network, one.movie, settings, **options)


def _list_times(annotated: AnnotatedMovie) -> list[int]:
    return annotated.annotations.annotated_time_points.tolist()
