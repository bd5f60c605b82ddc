"""What the link network is shown, and the right answer: two nuclei at successive time points, and
whether they are one.

Both crops, the displacement and the coordinate channels follow from one augmentation matrix, so
they can never part. The layout of the three inputs is that of OrganoidTracker, so that networks go
from here to there and back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.augmentation import (
    Augmentation,
    draw_augmentation,
    no_augmentation,
    vary_intensities,
)
from organoid_kit.examples.crops import (
    EpochPlan,
    compute_working_positions,
    compute_working_spacing,
    count_neighbours,
    cut_crop,
    turn,
)
from organoid_kit.examples.patches import PreparedMovies, clip_time_points
from organoid_kit.tracking.linking import find_candidates
from organoid_kit.tracking.motion import compute_displacements, estimate_drift

SAME_HARD, SAME, OTHER_NEAR, OTHER_FAR = range(4)  # kinds of examples
_SHARES = (0.3, 0.2, 0.35, 0.15)
_FAST = 0.75  # quantile of the displacement from which on a nucleus is fast
_CROWDED = 0.75  # quantile of the number of neighbours
_NEAR_UM = 12.0
LinkInputs = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class LinkExample:
    """Two crops with their right answer.

    Attributes:
        first: (z, y, x, time) float32, the earlier nucleus in the middle; its own time point comes
            first.
        second: (z, y, x, time) float32, the later nucleus in the middle; its own time point comes
            last.
        displacement: (3,) float, zyx, voxels of the crops: from the earlier to the later nucleus,
            drift taken out.
        target: whether they are the same nucleus, or mother and daughter.
        kind: `SAME_HARD`, `SAME`, `OTHER_NEAR` or `OTHER_FAR`.
    """

    first: np.ndarray
    second: np.ndarray
    displacement: np.ndarray
    target: bool
    kind: int


class LinkExamples:
    """Batches for the link network, drawn from annotated movies.

    Attributes:
        settings: with `spacing_um` filled in.
        augment: whether examples are varied, and drawn anew each epoch.
        number_per_epoch: examples in an epoch.
        targets: (n,) bool, whether the two nuclei of each candidate are the same.
        kinds: (n,) int, of each candidate.
    """

    def __init__(
        self,
        annotated_movies: Sequence[AnnotatedMovie],
        settings: NetworkSettings,
        *,
        augment: bool = True,
        most_examples: int | None = None,
        cache_bytes: int = 1_000_000_000,
    ) -> None:
        """Finds the candidates of which the truth is known; reads no images yet.

        Args:
            annotated_movies: what to draw from.
            settings: `spacing_um` None means that of the first movie.
            augment: False gives fixed examples without variation, in their natural proportion, as
                validation needs.
            most_examples: at most so many in an epoch.
            cache_bytes: prepared stacks that are kept in memory.

        Raises:
            UserError: no movie has a link, or no candidate is wrong, or a position lies outside its
                movie.
        """
        if settings.spacing_um is None and annotated_movies:
            settings = settings.changed(spacing_um=tuple(annotated_movies[0].movie.spacing_um))
        self.settings = settings
        self.augment = augment
        self.prepared = PreparedMovies(
            [each.movie for each in annotated_movies], settings, cache_bytes
        )
        self.positions = [compute_working_positions(each, settings) for each in annotated_movies]
        self.spacings = [compute_working_spacing(each, settings) for each in annotated_movies]
        self.time_points = [each.annotations.time_points for each in annotated_movies]
        steps = range(
            1, (settings.augmentation.skip or 1) + 1
        )  # validation too: slow movies alone are too easy
        parts = [
            _list_pairs(number, each, step, settings)
            for number, each in enumerate(annotated_movies)
            for step in steps
        ]
        table = np.concatenate([np.zeros((0, 6), int), *(numbers for numbers, _ in parts)])
        self.movies, self.sources, self.links_to, self.steps, targets, self.kinds = table.T
        self.targets = targets > 0
        self.displacements_um = np.concatenate(
            [np.zeros((0, 3)), *(displacements for _, displacements in parts)]
        )
        self._check_both_classes([each.name for each in annotated_movies])
        times = [
            self.time_points[movie][row]
            for movie, row in zip(self.movies, self.sources, strict=True)
        ]
        _, self._stacks = np.unique(
            np.column_stack([self.movies, times]), axis=0, return_inverse=True
        )
        fixed = None if augment else self._choose_fixed(most_examples)
        count = (
            settings.patches_per_time_point * (self._stacks.max() + 1) if augment else len(fixed)
        )
        self.number_per_epoch = int(count if most_examples is None else min(count, most_examples))
        self._plan = EpochPlan(
            self.targets,
            self.kinds,
            _SHARES,
            self._stacks,
            self.number_per_epoch,
            settings.seed,
            fixed,
        )

    def _check_both_classes(self, names: Sequence[str]) -> None:
        if not self.targets.any():
            raise UserError(
                f"A link network needs links to learn from. Received: none between successive time points in {names}, "
                f"or none shorter than {self.settings.max_link_um:g} µm. Link the annotated nuclei over time, or set a "
                "larger max_link_um."
            )
        if self.targets.all():
            raise UserError(
                "A link network needs wrong candidates, too. Received: no other nucleus within "
                f"{self.settings.max_link_um:g} µm of a linked one in {names}. Set a larger max_link_um."
            )

    def _choose_fixed(self, most: int | None) -> np.ndarray:
        """All candidates, or as many as wanted, evenly chosen; in order of their stacks."""
        order = np.argsort(self._stacks, kind="stable")
        kept = np.linspace(0, len(order) - 1, min(len(order), most or len(order))).astype(int)
        return order[kept]

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self.number_per_epoch // batch_size)

    def batch(
        self, epoch: int, step: int, batch_size: int
    ) -> tuple[LinkInputs, np.ndarray, np.ndarray]:
        """One batch.

        Returns:
            the three inputs of `join_pairs`, targets (batch, 1) float32 of 0 and 1, and the weight
            of each example in the loss (batch,) float32.
        """
        examples = self.examples(epoch, step, batch_size)
        targets = np.array([[example.target] for example in examples], np.float32)
        weights = self._plan.weigh(targets[:, 0] > 0)
        return join_pairs(examples), targets, weights

    def examples(self, epoch: int, step: int, batch_size: int) -> list[LinkExample]:
        """The examples of one batch."""
        return [
            self.example(place, key) for place, key in self._plan.batch(epoch, step, batch_size)
        ]

    def order(self, epoch: int) -> np.ndarray:
        """Which candidate each example of an epoch shows, (number_per_epoch,) int."""
        return self._plan.order(epoch)

    def example(
        self, place: int, key: tuple[int, ...], augmentation: Augmentation | None = None
    ) -> LinkExample:
        """One example of a candidate; the same key gives the same one, varied by `augmentation` if
        it is given.
        """
        rng = np.random.default_rng(key)
        options = self.settings.augmentation
        vary = self.augment or augmentation is not None
        movie, ends = self.movies[place], (self.sources[place], self.links_to[place])
        spacing = self.spacings[movie]
        jitter = (options.jitter_um or 0.0) * rng.uniform(-1, 1, (2, 3)) / spacing
        moves = (
            vary or key[-1] % 2 == 1
        )  # every other fixed example, too: judged by slow ones, the first epoch is best
        turned = moves * (options.turn_degrees or 0.0) * rng.uniform(-1, 1)
        extra_drift = (
            moves * (options.drift_um or 0.0) * rng.uniform(-1, 1, 3) * (0.3, 1, 1) / spacing
        )
        if augmentation is None:
            augmentation = draw_augmentation(options, rng) if self.augment else no_augmentation()
        centres = np.array([self.positions[movie][row] for row in ends])
        displacement = self.displacements_um[place] / spacing
        drift = centres[1] - centres[0] - displacement
        drift = drift - extra_drift
        if vary:
            centres = centres + jitter
        crops = cut_pair(
            augmentation,
            self.prepared,
            int(movie),
            [int(self.time_points[movie][row]) for row in ends],
            centres,
            drift,
            turned,
        )
        if vary:
            other = dataclasses.replace(augmentation, noise_seed=augmentation.noise_seed + 1)
            crops = [
                vary_intensities(each, crop)
                for each, crop in zip((augmentation, other), crops, strict=True)
            ]
        first, second = (np.ascontiguousarray(crop.transpose(3, 0, 1, 2)) for crop in crops)
        displacement = turn(augmentation, turned).matrix @ (centres[1] - centres[0] - drift)
        return LinkExample(
            first, second, displacement, bool(self.targets[place]), int(self.kinds[place])
        )


def cut_pair(
    augmentation: Augmentation,
    prepared: PreparedMovies,
    movie: int,
    time_points: Sequence[int],
    centres: np.ndarray,
    drift: np.ndarray,
    turned_degrees: float = 0.0,
) -> list[np.ndarray]:
    """The two crops of a candidate.

    The first is cut around the earlier nucleus, at its own time point and those of the window after
    it; the second around the later nucleus, at its own time point and, mirrored in time, those
    before it. At all time points the crop moves along with the drift.

    Args:
        augmentation: the variation of both.
        prepared: the movies.
        movie: which of them.
        time_points: of the two nuclei.
        centres: (2, 3) float, zyx, working voxels, of the two nuclei.
        drift: (3,) float, zyx, working voxels, from the first to the second time point.
        turned_degrees: how far the sample is made to turn, in the plane, from the first to the
            second time point.

    Returns:
        two arrays (y, x, time, z) float32.
    """
    step = time_points[1] - time_points[0]
    crops = []
    start = centres[0]
    apart = turn(augmentation, turned_degrees).matrix @ (centres[1] - start - drift)  # in the crops
    for place, wanted in zip(
        (np.zeros(3), apart), compute_pair_windows(prepared, movie, time_points), strict=True
    ):
        gone = (
            np.array(wanted) - time_points[0]
        ) / step  # 0 at the first time point, 1 at the second
        back = [np.linalg.inv(turn(augmentation, each).matrix) for each in gone * turned_degrees]
        at = start + gone[:, None] * drift + [each @ place for each in back]
        stacks = [prepared.stack(movie, each) for each in wanted]
        shape, turns = (
            prepared.settings.patch_shape_zyx,
            gone * turned_degrees if turned_degrees else None,
        )
        crops.append(cut_crop(augmentation, stacks, at, shape, turns))
    return crops


def compute_pair_windows(
    prepared: PreparedMovies, movie: int, time_points: Sequence[int]
) -> list[list[int]]:
    """The time points at which the two crops of a candidate are cut; beyond the movie's ends the
    nearest is repeated.

    Args:
        prepared: the movies.
        movie: which of them.
        time_points: of the two nuclei.
    """
    step = time_points[1] - time_points[0]
    before, after = prepared.settings.time_window
    offsets = (
        range(before, after + 1),
        range(-after, -before + 1),
    )  # the second crop is mirrored in time
    return [
        clip_time_points(prepared.movies[movie], [own + step * offset for offset in each])
        for own, each in zip(time_points, offsets, strict=True)
    ]


def join_pairs(examples: Sequence[LinkExample]) -> LinkInputs:
    """The three inputs of the link network.

    Returns:
        first crops with three coordinate channels behind (batch, z, y, x, time + 3), second crops
        with the three channels, in reverse order, in front (batch, z, y, x, 3 + time), and
        displacements (batch, 3) zyx in voxels; all float32. A coordinate channel says, along one
        axis, how far each voxel is from the other nucleus, relative to the size of the crop.
    """
    displacements = np.stack([example.displacement for example in examples]).astype(np.float32)
    first = np.stack([example.first for example in examples])
    second = np.stack([example.second for example in examples])
    return *add_coordinates(first, second, displacements), displacements


def add_coordinates(
    first: np.ndarray, second: np.ndarray, displacements: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Crops (batch, z, y, x, time) with the coordinate channels that `join_pairs` describes."""
    shape = first.shape[:4]
    to_second, to_first = (
        [_compute_distances(shape, axis, sign * displacements[:, axis]) for axis in range(3)]
        for sign in (1, -1)
    )
    return np.stack([*np.moveaxis(first, -1, 0), *to_second], -1), np.stack(
        [*to_first[::-1], *np.moveaxis(second, -1, 0)], -1
    )


def _compute_distances(shape: Sequence[int], axis: int, places: np.ndarray) -> np.ndarray:
    """Distance along an axis from a place (relative to the middle) in each crop, in sizes of the
    crop.
    """
    size = shape[axis + 1]
    distances = np.abs(np.arange(size, dtype=np.float32) - size / 2 - places[:, None]) / size
    view = [len(places), 1, 1, 1]
    view[axis + 1] = size
    return np.broadcast_to(distances.reshape(view), shape).astype(np.float32)


def make_link_targets(annotations: Annotations, candidates: np.ndarray) -> np.ndarray:
    """Which candidates are links: 1 yes, 0 no, -1 nobody knows; (m,) int.

    Nobody knows it where neither the earlier position is linked onwards nor the later one
    backwards.

    Args:
        annotations: with the true links.
        candidates: (m, 2) int, rows.
    """
    number = [len(annotations), 1]
    is_link = np.isin(candidates @ number, annotations.links @ number)
    known = (annotations.links_forward() > 0)[candidates[:, 0]] | (
        annotations.links_backward() > 0
    )[candidates[:, 1]]
    return np.where(is_link, 1, np.where(known, 0, -1))


def skip_time_points(
    annotations: Annotations, step: int, first: int
) -> tuple[Annotations, np.ndarray]:
    """Every so many time points only, as if nuclei had moved faster; counted anew, linked over what
    was left out.

    Args:
        annotations: with links.
        step: time points from one to the next.
        first: the first one that is kept.

    Returns:
        the annotations, and the rows they had, (k,) int.
    """
    from scipy.sparse import coo_array

    size = len(annotations)
    links = coo_array(
        (np.ones(len(annotations.links)), annotations.links.T.astype(np.int32)), shape=(size, size)
    ).tocsr()
    onwards = reached = links
    for _ in range(step - 1):
        reached = reached @ links
        onwards = onwards + reached  # a link over a gap may lead as far as several links
    rows = np.flatnonzero(
        (annotations.time_points >= first) & ((annotations.time_points - first) % step == 0)
    )
    pairs = np.stack(onwards[rows][:, rows].nonzero(), axis=1)
    kept = annotations.select(rows)
    times = (kept.time_points - first) // step
    return dataclasses.replace(kept, time_points=times, links=pairs, link_properties={}), rows


def _list_pairs(
    number: int, annotated: AnnotatedMovie, step: int, settings: NetworkSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Movie, rows of both ends, step, target and kind of each candidate of known answer; and
    displacements in µm.
    """
    whole = dataclasses.replace(
        annotated.annotations,
        spacing_um=annotated.annotations.spacing_um or annotated.movie.spacing_um,
    )
    tables, displacements = [np.zeros((0, 6), int)], [np.zeros((0, 3))]
    start = int(whole.time_points.min()) if len(whole) else 0
    for first in range(start, start + step):
        part, rows = skip_time_points(whole, step, first)
        candidates = find_candidates(
            part,
            max_distance_um=settings.max_link_um,
            neighbours=settings.link_neighbours,
            remove_drift=settings.remove_drift,
        ).links
        labels = make_link_targets(part, candidates)
        candidates, labels = candidates[labels >= 0], labels[labels >= 0]
        moved_um = compute_displacements(
            part, candidates, estimate_drift(part) if settings.remove_drift else None
        )
        kinds = _classify_candidates(part, candidates, labels, moved_um)
        ends = rows[candidates]
        tables.append(
            np.column_stack(
                [np.full(len(ends), number), ends, np.full(len(ends), step), labels, kinds]
            ).astype(int)
        )
        displacements.append(moved_um)
    return np.concatenate(tables), np.concatenate(displacements)


def _classify_candidates(
    annotations: Annotations,
    candidates: np.ndarray,
    labels: np.ndarray,
    displacements_um: np.ndarray,
) -> np.ndarray:
    """Right candidates are hard in divisions, crowds, and where nuclei are fast; wrong ones are
    near or far.
    """
    if len(candidates) == 0:
        return np.zeros(0, int)
    lengths = np.linalg.norm(displacements_um, axis=1)
    true = labels == 1
    crowd = count_neighbours(
        annotations.positions * annotations.spacing_um, annotations.time_points, _NEAR_UM
    )
    divides = annotations.links_forward()[candidates[:, 0]] >= 2
    fast = lengths > (np.quantile(lengths[true], _FAST) if true.any() else 0)
    crowded = crowd[candidates[:, 0]] > np.quantile(crowd, _CROWDED)
    near = lengths <= np.median(lengths[~true]) if (~true).any() else ~true
    return np.where(
        true,
        np.where(divides | fast | crowded, SAME_HARD, SAME),
        np.where(near, OTHER_NEAR, OTHER_FAR),
    )
