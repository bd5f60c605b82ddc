"""What the division network is shown, and the right answer: crops around nuclei, and whether they
divide.

Divisions are rare, so examples are drawn by kind: a third are divisions, a third look like one
(just before and after, next to one, in a crowd), a third are ordinary nuclei, of which every other
one is the brightest of a few. Everything is a pure function of (seed, epoch, number), as for the
position network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

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
)
from organoid_kit.examples.patches import PreparedMovies

DIVISION, ALIKE, ORDINARY = range(3)  # kinds of examples
_SHARES = (1 / 3, 1 / 3, 1 / 3)
_NEAR_UM = 12.0  # neighbours of a division, and those that make a crowd
_CROWDED = 0.8  # quantile of the number of neighbours
_BORDER_UM = (
    6.0  # so close to the end of what is annotated, a daughter may be missing from the annotations
)
_BRIGHTEST_OF = 4  # every other ordinary nucleus is the brightest of so many
_CORE_UM = (5.0, 4.5, 4.5)  # half axes of what is pasted into other surroundings


@dataclass(frozen=True)
class DivisionExample:
    """A crop with its right answer.

    Attributes:
        image: (z, y, x, time) float32, the nucleus in its middle.
        target: whether it divides.
        kind: `DIVISION`, `ALIKE` or `ORDINARY`.
    """

    image: np.ndarray
    target: bool
    kind: int


class DivisionExamples:
    """Batches for the division network, drawn from annotated movies.

    Attributes:
        settings: with `spacing_um` filled in.
        augment: whether examples are varied, and drawn anew each epoch.
        number_per_epoch: examples in an epoch.
        targets: (n,) bool, whether each usable nucleus divides.
        kinds: (n,) int, of each usable nucleus.
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
        """Finds the nuclei of which it is known whether they divide; reads no images yet.

        Args:
            annotated_movies: what to draw from.
            settings: `spacing_um` None means that of the first movie.
            augment: False gives fixed examples without variation, in their natural proportion, as
                validation needs.
            most_examples: at most so many in an epoch; of fixed examples, divisions are the last to
                be left out.
            cache_bytes: prepared stacks that are kept in memory.

        Raises:
            UserError: no movie has a division, or nothing but divisions, or a position lies outside
                its movie.
        """
        if settings.spacing_um is None and annotated_movies:
            settings = settings.changed(spacing_um=tuple(annotated_movies[0].movie.spacing_um))
        self.settings = settings
        self.augment = augment
        self.prepared = PreparedMovies(
            [each.movie for each in annotated_movies], settings, cache_bytes
        )
        parts = [
            _list_nuclei(number, each, settings) for number, each in enumerate(annotated_movies)
        ]
        table = np.concatenate([np.zeros((0, 4), int), *(numbers for numbers, _ in parts)])
        self.movies, self.time_points, self.targets, self.kinds = (
            table.T[0],
            table.T[1],
            table.T[2] > 0,
            table.T[3],
        )
        self.positions = np.concatenate([np.zeros((0, 3)), *(positions for _, positions in parts)])
        self.spacings = [compute_working_spacing(each, settings) for each in annotated_movies]
        self._check_both_classes([each.name for each in annotated_movies])
        _, self._stacks = np.unique(table[:, :2], axis=0, return_inverse=True)
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
                "A division network needs divisions to learn from: a mother linked to two daughters. Received: none "
                f"in {names} (time points without a next one do not count). Add movies with linked divisions."
            )
        if self.targets.all():
            raise UserError(
                "A division network needs nuclei that do not divide, too. Received: none that is linked onwards in "
                f"{names}. Link the annotated nuclei over time."
            )

    def _choose_fixed(self, most: int | None) -> np.ndarray:
        """All nuclei, or as many as wanted: all divisions first, the others evenly chosen; in order
        of their stacks.
        """
        order = np.argsort(~self.targets, kind="stable")
        divisions = int(self.targets.sum())
        if most is not None and len(order) > most:
            others = order[divisions:]
            kept = np.linspace(0, len(others) - 1, max(0, most - divisions)).astype(int)
            order = np.concatenate([order[: min(divisions, most)], others[np.unique(kept)]])
        return order[np.argsort(self._stacks[order], kind="stable")]

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self.number_per_epoch // batch_size)

    def batch(
        self, epoch: int, step: int, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One batch.

        Returns:
            images (batch, z, y, x, time) float32, targets (batch, 1) float32 of 0 and 1, and the
            weight of each example in the loss (batch,) float32.
        """
        examples = self.examples(epoch, step, batch_size)
        targets = np.array([[example.target] for example in examples], np.float32)
        weights = self._plan.weigh(targets[:, 0] > 0)
        return np.stack([example.image for example in examples]), targets, weights

    def examples(self, epoch: int, step: int, batch_size: int) -> list[DivisionExample]:
        """The examples of one batch."""
        return [
            self.example(place, key) for place, key in self._plan.batch(epoch, step, batch_size)
        ]

    def order(self, epoch: int) -> np.ndarray:
        """Which nucleus each example of an epoch shows, (number_per_epoch,) int."""
        return self._plan.order(epoch)

    def example(
        self, place: int, key: tuple[int, ...], augmentation: Augmentation | None = None
    ) -> DivisionExample:
        """One example of a nucleus; the same key gives the same one, varied by `augmentation` if it
        is given.
        """
        rng = np.random.default_rng(key)
        options = self.settings.augmentation
        vary = self.augment or augmentation is not None
        if vary and self.kinds[place] == ORDINARY and rng.uniform() < 0.5:
            place = self._find_brightest(place, rng)
        paste = vary and rng.uniform() < (options.paste or 0.0)
        others = rng.integers(len(self.kinds)), rng.spawn(1)[0]
        if augmentation is None:
            augmentation = draw_augmentation(options, rng) if self.augment else no_augmentation()
        patch = self._cut(place, augmentation, rng if vary else None)
        if paste:
            patch = self._paste(patch, *others)
        if vary:
            patch = vary_intensities(augmentation, patch)
        image = np.ascontiguousarray(patch.transpose(3, 0, 1, 2))
        return DivisionExample(image, bool(self.targets[place]), int(self.kinds[place]))

    def _find_brightest(self, place: int, rng: np.random.Generator) -> int:
        """The brightest of a few ordinary nuclei at the same time point: that is how divisions
        look, too.
        """
        alike = np.flatnonzero((self._stacks == self._stacks[place]) & (self.kinds == ORDINARY))
        few = rng.permutation(alike)[:_BRIGHTEST_OF]
        stack = self.prepared.stack(self.movies[place], self.time_points[place])
        z, y, x = np.clip(
            np.round(self.positions[few]).astype(int).T,
            0,
            np.array(stack.shape)[[2, 0, 1]][:, None] - 1,
        )
        return int(few[np.argmax(stack[y, x, z])])

    def _cut(
        self, place: int, augmentation: Augmentation, rng: np.random.Generator | None
    ) -> np.ndarray:
        """The crop of a nucleus, (y, x, time, z); off its middle by a little where `rng` is given."""
        movie = self.movies[place]
        centre = self.positions[place]
        if rng is not None:
            centre = (
                centre
                + (self.settings.augmentation.jitter_um or 0)
                * rng.uniform(-1, 1, 3)
                / self.spacings[movie]
            )
        stacks = self.prepared.window(movie, self.time_points[place])
        return cut_crop(
            augmentation, stacks, np.tile(centre, (len(stacks), 1)), self.settings.patch_shape_zyx
        )

    def _paste(self, patch: np.ndarray, other: int, rng: np.random.Generator) -> np.ndarray:
        """The nucleus of a crop in the surroundings of another one, with the other's own variation
        of place and turn.

        Nuclei of both classes are pasted, so that a seam never gives the answer away.
        """
        surroundings = self._cut(other, draw_augmentation(self.settings.augmentation, rng), rng)
        core = make_paste_mask(self.settings.patch_shape_zyx, self.spacings[self.movies[other]])
        return core * patch + (1 - core) * surroundings


def make_paste_mask(shape_zyx: Sequence[int], spacing_um: Sequence[float]) -> np.ndarray:
    """How much of a pasted nucleus shows in each voxel, 1 in the middle, (y, x, 1, z) float32."""
    axes = [
        (np.arange(size) - (size - 1) / 2) * step / reach
        for size, step, reach in zip(shape_zyx, spacing_um, _CORE_UM, strict=True)
    ]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    core = np.clip(3 - 2 * np.sqrt(z**2 + y**2 + x**2), 0, 1).astype(
        np.float32
    )  # 1 to the edge, then half a radius off
    return core.transpose(1, 2, 0)[:, :, None]


def make_division_targets(annotations: Annotations, window: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Which positions divide: 1 yes, 0 no, -1 nobody knows; (n,) int.

    A mother's last time point divides, and as many time points before and after it as `window`
    says. Nobody knows it of a position that is linked to nothing later, or that lies so close to
    the end of what is annotated that a second daughter may be beyond it.

    Args:
        annotations: with links.
        window: first and last time point that count as dividing, relative to the mother's last.
    """
    labels = np.where(annotations.links_forward() == 0, -1, 0)
    labels[_find_near_border(annotations) & (labels == 0)] = -1
    mothers = annotations.divisions()
    for rows in [
        mothers,
        *(_follow_links(annotations, mothers, step) for step in range(window[0], window[1] + 1)),
    ]:
        labels[rows] = 1
    return labels


def _find_near_border(annotations: Annotations) -> np.ndarray:
    """Which positions lie close to the end of the annotated cuboid, where that was only guessed;
    (n,) bool.
    """
    near = np.zeros(len(annotations), bool)
    if annotations.region is not None or annotations.spacing_um is None:
        return near
    margin = _BORDER_UM / np.array(annotations.spacing_um)
    for time_point in annotations.annotated_time_points:
        rows = annotations.rows_at(time_point)
        low, high = annotations.annotated_region(time_point)
        margins = np.where(high - low > 4 * margin, margin, 0)  # a flat cuboid is not all border
        positions = annotations.positions[rows]
        near[rows] = ((positions < low + margins) | (positions > high - margins)).any(axis=1)
    return near


def _follow_links(annotations: Annotations, rows: np.ndarray, steps: int) -> np.ndarray:
    """The positions so many links later, or earlier where `steps` is negative."""
    links = annotations.links if steps > 0 else annotations.links[:, ::-1]
    for _ in range(abs(steps)):
        rows = links[np.isin(links[:, 0], rows), 1]
    return rows


def _list_nuclei(
    number: int, annotated: AnnotatedMovie, settings: NetworkSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Movie, time point, target and kind of each nucleus of known answer, (n, 4) int; and
    positions, working voxels.
    """
    spacing_um = annotated.annotations.spacing_um or annotated.movie.spacing_um
    annotations = dataclasses.replace(annotated.annotations, spacing_um=spacing_um)
    positions = compute_working_positions(annotated, settings)
    labels = make_division_targets(annotations, settings.division_window)
    known = labels >= 0
    kinds = np.where(
        labels == 1,
        DIVISION,
        np.where(_find_similar(annotations, annotated.movie.spacing_um), ALIKE, ORDINARY),
    )
    table = np.column_stack([np.full(len(labels), number), annotations.time_points, labels, kinds])
    return table[known].astype(int), positions[known]


def _find_similar(annotations: Annotations, spacing_um: Sequence[float]) -> np.ndarray:
    """Which nuclei are easily taken for dividing ones: their past and future selves, neighbours,
    crowds; (n,) bool.
    """
    alike = np.zeros(len(annotations), bool)
    if len(annotations) == 0:
        return alike
    mothers = annotations.divisions()
    for steps in (-2, -1, 1, 2):
        alike[_follow_links(annotations, mothers, steps)] = True
    points_um = annotations.positions * spacing_um
    crowd = count_neighbours(points_um, annotations.time_points, _NEAR_UM)
    alike |= (crowd > 0) & (crowd > np.quantile(crowd, _CROWDED))
    for mother in mothers:
        rows = annotations.rows_at(annotations.time_points[mother])
        alike[rows[cKDTree(points_um[rows]).query_ball_point(points_um[mother], _NEAR_UM)]] = True
    return alike
