"""Is a fine-tuned network better than what there was before? Asked on the same movies."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.evaluation import find_blobs, matching, positions, score_positions
from organoid_kit.evaluation.positions import LIKELY, PositionScore, draw_f1, pool_scores
from organoid_kit.examples.batches import Movies
from organoid_kit.examples.sizes import state_size
from organoid_kit.networks import folders, load_network, load_settings
from organoid_kit.prediction.calibration import calibrate_network
from organoid_kit.prediction.positions import choose_threshold, predict_positions
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

    @property
    def alike(self) -> list[str]:
        """What is as good as the best, or better, in a tenth of the draws of a bootstrap."""
        drawn, names = draw_f1(list(self.scores.values()), nested=False), list(self.scores)
        parts = (drawn >= drawn[:, [names.index(self.best)]]).mean(axis=0)
        return [name for name, part in zip(names, parts) if part >= LIKELY and name != self.best]

    def __str__(self) -> str:
        said = [f"{name} {positions.format_score(score.f1)}" for name, score in self.scores.items()]
        advice = f"Use {self.best}" + ", not the fine-tuned one" * (self.best != _TUNED)
        nuclei = len(self.scores[self.best].offsets_um)
        others = " and ".join(self.alike)
        chance = f" On {nuclei} nuclei the difference to {others} may be chance." if others else ""
        return f"F1 on the same movies: {', '.join(said)}. {advice}.{chance}"


def judge_run(run: Run, training: Movies, validation: Movies) -> str:
    """Calibrates a finished run and chooses its threshold, as far as movies allow; where it was
    fine-tuned, compares it with what there was before. What came of it, in words.
    """
    start, is_position = run.settings.start_from, run.settings.network == "position"
    names = ", ".join(annotated.name for annotated in validation or training)
    known_um = [annotated.annotations.known_um for annotated in validation or training]
    scattered = is_position and set(known_um) != {None}
    if validation and not scattered:
        said = f"Judged on {names}: {calibrate_network(run, validation)}"
    elif start:
        before = load_settings(start).calibration
        folders.save_settings(load_settings(run.folder).changed(calibration=before), run.folder)
        said = "It keeps the calibration of the network it started from."
        if is_position and not scattered:
            choice = str(choose_threshold(run, training)).capitalize()
            said = f"{choice}; chosen on {names}, on which it was trained. {said}"
    else:
        said = "Not calibrated: that takes movies the network was not trained on. Its "
        said += "probabilities may be too bold."
    if scattered:
        return f"{said} {positions.refuse_scattered(names)}"
    if start and is_position:
        note = "" if validation else " It was trained on them, which flatters it."
        said += f"\n{compare_fine_tuned(run, validation or training)}{note}"
    return said


def compare_fine_tuned(run: Run, validation: Movies) -> NetworkComparison:
    """Scores a run's network beside the one it started from and the blob detector, as they are."""
    start, channels = run.settings.start_from, run.settings.channels
    near_um = matching.choose_radius_um(one.movie for one in validation)
    movies = [state_size(AnnotatedMovie(one.movie), run.settings) for one in validation]

    def score(find: Callable[..., Annotations]) -> PositionScore:
        truths = [one.annotations for one in validation]
        times = [truth.annotated_time_points.tolist() for truth in truths]
        found = [find(movie, time_points=own) for movie, own in zip(movies, times)]
        return pool_scores(map(partial(score_positions, max_distance_um=near_um), truths, found))

    scores = {}
    for name, folder in ((_TUNED, run.folder), (f"the one it started from ({start})", start)):
        network, settings = load_network(folder)
        options = {"settings": settings.changed(channels=channels), "show_progress": False}
        scores[name] = score(partial(predict_positions, network, **options))
    scores["the blob detector"] = score(partial(find_blobs, channels=channels))
    return NetworkComparison(scores)
