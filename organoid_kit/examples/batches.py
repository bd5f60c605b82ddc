"""What the examples of all three networks share: which an epoch shows, and batches of them.

Everything is a pure function of (seed, epoch, number): asked for again, an example is the same
again. That is why a training that was interrupted can go on as if nothing had happened.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from organoid_kit.base import NetworkSettings
from organoid_kit.data import AnnotatedMovie
from organoid_kit.examples.augmentation import Augmentation, draw_augmentation, no_augmentation
from organoid_kit.examples.patches import PreparedMovies, compute_working_spacing
from organoid_kit.examples.sizes import fit_to_network

Movies = Sequence[AnnotatedMovie]
# Examples are shuffled within so many time points, or as many as fit, so that few are in memory.
OPEN_TIME_POINTS, OPEN_BYTES = 8, 1_000_000_000


class Examples:
    """Batches of examples, drawn from annotated movies.

    What a network is shown is up to its own class: `_find` lists what there is to draw from,
    `order` says which of it an epoch shows, `example` makes one example of it, and `batch` joins
    several. `prepared` are the movies as the network sees them, with `spacings` in µm per voxel.
    """

    def __init__(
        self,
        annotated_movies: Movies,
        settings: NetworkSettings,
        *,
        augment: bool = True,
        most_examples: int | None = None,
        cache_bytes: int = OPEN_BYTES,
    ) -> None:
        """Finds what there is to draw from; reads images only to estimate the size of nuclei.

        Args:
            settings: `spacing_um` None means that of the first movie.
            augment: False gives the same examples in every epoch, without variation, as validation
                needs them; division and link examples then come in their natural proportion.
            most_examples: at most so many in an epoch; None: `patches_per_time_point`, or all fixed.
            cache_bytes: prepared stacks that are kept in memory.
        """
        if settings.spacing_um is None and annotated_movies:
            settings = settings.changed(spacing_um=tuple(annotated_movies[0].movie.spacing_um))
        self.settings, self.augment = settings, augment
        self.fitted = [fit_to_network(each, settings) for each in annotated_movies]
        movies = [annotated.movie for annotated in self.fitted]
        self.prepared = PreparedMovies(movies, settings, cache_bytes)
        self.spacings = [compute_working_spacing(each, settings) for each in self.fitted]
        count = self._find(self.fitted, most_examples)
        self.number_per_epoch = count if most_examples is None else min(count, most_examples)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self.number_per_epoch // batch_size)

    def examples(self, epoch: int, step: int, batch_size: int) -> list[Any]:
        """The examples of one batch."""
        epoch = epoch if self.augment else 0
        order = self.order(epoch)
        numbers = range(step * batch_size, min((step + 1) * batch_size, self.number_per_epoch))
        return [self.example(order[n], (self.settings.seed, epoch, n)) for n in numbers]

    def _choose_augmentation(
        self, wanted: Augmentation | None, rng: np.random.Generator
    ) -> Augmentation:
        """The one that is wanted; else one drawn, or none where examples are not varied."""
        if wanted is not None or not self.augment:
            return wanted or no_augmentation()
        return draw_augmentation(self.settings.augmentation, rng)


class ClassExamples(Examples):
    """Examples with a right answer, yes or no, drawn kind by kind, because what matters is rare.

    `targets`, (n,) bool, are the right answers of all that can be drawn, `kinds`, (n,) int, theirs.
    """

    shares: tuple[float, ...]  # of each kind in an epoch

    def order(self, epoch: int) -> np.ndarray:
        """Which one each example of an epoch shows, (number_per_epoch,) int."""
        if self._fixed is not None:
            return self._fixed
        rng = np.random.default_rng((self.settings.seed, epoch))
        return draw_order(self.kinds, self.shares, self._stacks, self.number_per_epoch, rng)

    def batch(self, epoch: int, step: int, batch_size: int) -> tuple[Any, np.ndarray, np.ndarray]:
        """Inputs, see `join`; targets (batch, 1) float32, 0 or 1; loss weights (batch,) float32."""
        examples = self.examples(epoch, step, batch_size)
        targets = np.array([[example.target] for example in examples], np.float32)
        weights = np.ones(len(targets), np.float32)
        if self._fixed is not None:
            weights = weigh_answers(targets[:, 0] > 0, self.targets[self._fixed])
        return self.join(examples), targets, weights

    def _plan(self, stacks: np.ndarray, most: int | None) -> int:
        """Plans epochs; returns their size. `stacks`, (n, 2) int: movie and time point of each."""
        names, self._stacks = np.unique(stacks, axis=0, return_inverse=True)
        self._fixed = None
        if self.augment:
            return self.settings.patches_per_time_point * len(names)
        fixed = self._choose_fixed(most)
        self._fixed = fixed[np.argsort(self._stacks[fixed], kind="stable")]
        return len(fixed)


def draw_order(
    kinds: np.ndarray,
    shares: Sequence[float],
    stacks: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """What the examples of an epoch show, (count,) int, of `kinds` and `stacks`, (n,) int each.
    Each kind gets its share, and part of that of a missing one; all of a kind come equally often,
    give or take one; few stacks are open at once.
    """
    present = [kind for kind in range(len(shares)) if shares[kind] and (kinds == kind).any()]
    wanted = np.array([shares[kind] for kind in present], float)
    ends = np.round(np.concatenate([[0], np.cumsum(wanted / wanted.sum())]) * count)
    drawn = []
    for kind, number in zip(present, np.diff(ends).astype(int)):
        alike = np.flatnonzero(kinds == kind)
        rounds = [rng.permutation(alike) for _ in range(-(-number // len(alike)))]
        drawn.append(np.concatenate([alike[:0], *rounds])[:number])
    drawn = np.concatenate(drawn)
    names, of_drawn = np.unique(stacks[drawn], return_inverse=True)
    group = rng.permutation(len(names)) // OPEN_TIME_POINTS
    shuffled = rng.permutation(count)
    return drawn[shuffled][np.argsort(group[of_drawn[shuffled]], kind="stable")]


def weigh_answers(targets: np.ndarray, all_targets: np.ndarray) -> np.ndarray:
    """Weights (k,) float32 with which yes and no count the same in the loss, however rare one is; 1
    where there is only one answer. Targets are bool, of a batch (k,) and of all batches (n,).
    """
    if all_targets.all() or not all_targets.any():
        return np.ones(len(targets), np.float32)
    positive = all_targets.mean()
    return np.where(targets, 0.5 / positive, 0.5 / (1 - positive)).astype(np.float32)


def count_neighbours(
    points_um: np.ndarray, time_points: np.ndarray, radius_um: float = 12.0
) -> np.ndarray:
    """How many other points, (n, 3) float, µm, lie around each at its time point: (n,) int."""
    # Time is a fourth axis, on which time points are too far apart to be neighbours.
    apart = np.column_stack([points_um, time_points * 10 * (radius_um + 1)])
    return cKDTree(apart).query_ball_point(apart, radius_um, return_length=True) - 1
