"""Crops around nuclei: what the division network and the link network see of a movie.

A crop has one nucleus in its middle, and the time points of a window as channels. Crops are drawn
for training class by class, because what matters is rare: one nucleus in hundreds divides, and few
links are hard to find.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.augmentation import Augmentation, cut_patch
from organoid_kit.examples.patches import compute_working_shape, convert_positions

_OPEN_TIME_POINTS = (
    8  # crops are shuffled within so many time points, so that few stacks are in memory
)


def compute_working_positions(annotated: AnnotatedMovie, settings: NetworkSettings) -> np.ndarray:
    """All positions in voxels of the working spacing, (n, 3) float, zyx.

    Raises:
        UserError: a time point or a position lies outside the movie.
    """
    movie, annotations = annotated.movie, annotated.annotations
    _check_inside(annotated)
    return convert_positions(
        annotations.positions, movie.shape_zyx, compute_working_shape(movie, settings.spacing_um)
    )


def compute_working_spacing(annotated: AnnotatedMovie, settings: NetworkSettings) -> np.ndarray:
    """µm per voxel of the stacks a network sees, (3,) float, zyx: the working spacing but for what
    is left as it is.
    """
    movie = annotated.movie
    shape = compute_working_shape(movie, settings.spacing_um)
    return np.array(movie.spacing_um) * movie.shape_zyx / np.array(shape)


def _check_inside(annotated: AnnotatedMovie) -> None:
    """Raises UserError for the first position that the movie does not show."""
    movie, annotations = annotated.movie, annotated.annotations
    first, last = movie.time_points[0], movie.time_points[-1]
    in_time = (annotations.time_points >= first) & (annotations.time_points <= last)
    inside = (annotations.positions >= -0.5) & (
        annotations.positions <= np.array(movie.shape_zyx) - 0.5
    )
    for row in np.flatnonzero(~(in_time & inside.all(axis=1)))[:1]:
        raise UserError(
            f"Every position must lie in the movie. Received: {annotations.positions[row].tolist()} (z, y, x) at time "
            f"point {annotations.time_points[row]} of {annotated.name!r}, which has the shape {movie.shape_zyx} and "
            f"the time points {first} to {last}. Move or delete it; `check_annotations` lists all such positions."
        )


def cut_crop(
    augmentation: Augmentation,
    stacks: Sequence[np.ndarray],
    centres: np.ndarray,
    shape_zyx: Sequence[int],
    turns_degrees: np.ndarray | None = None,
) -> np.ndarray:
    """Cuts a crop, turned and scaled, from each stack of a time window around the centre given for
    it.

    Args:
        augmentation: the variation, the same for all stacks.
        stacks: one (y, x, z) float32 array for each time point of the window.
        centres: (time, 3) float, zyx, voxels: what becomes the middle of the crop, rounded to whole
            planes.
        shape_zyx: of the crop.
        turns_degrees: (time,) float, by how much each stack is turned on top of that; None: not at
            all.

    Returns:
        (y, x, time, z) float32.
    """
    half = (shape_zyx[0] - 1) / 2
    centres = np.column_stack([np.round(centres[:, 0] - half) + half, centres[:, 1:]])
    if turns_degrees is None and (centres == centres[0]).all():
        return cut_patch(augmentation, stacks, centres[0], shape_zyx)
    turned = [
        turn(augmentation, each)
        for each in (np.zeros(len(stacks)) if turns_degrees is None else turns_degrees)
    ]
    crops = [
        cut_patch(by, [each], at, shape_zyx)
        for by, each, at in zip(turned, stacks, centres, strict=True)
    ]
    return np.concatenate(crops, axis=2)


def turn(augmentation: Augmentation, degrees: float) -> Augmentation:
    """The same variation, and afterwards a turn in the plane."""
    angle = np.deg2rad(degrees)
    rotation = np.eye(3)
    rotation[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return dataclasses.replace(augmentation, matrix=rotation @ augmentation.matrix)


def count_neighbours(
    points_um: np.ndarray, time_points: np.ndarray, radius_um: float = 12.0
) -> np.ndarray:
    """How many others lie within a distance at the same time point, (n,) int.

    Args:
        points_um: (n, 3) float, zyx, µm.
        time_points: (n,) int.
        radius_um: the distance.
    """
    apart = np.column_stack(
        [points_um, time_points * 10 * (radius_um + 1)]
    )  # time points far away from each other
    return cKDTree(apart).query_ball_point(apart, radius_um, return_length=True) - 1


def draw_order(
    kinds: np.ndarray,
    shares: Sequence[float],
    stacks: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Which places an epoch's examples come from: each kind gets its share, few stacks are open at
    once.

    Args:
        kinds: (n,) int, kind of each place.
        shares: of the examples, for each kind; those of kinds without a place go to the others.
        stacks: (n,) int, which stack each place is in.
        count: examples to draw.
        rng: what is drawn from.

    Returns:
        (count,) int, places; all places of a kind come equally often, but for one.
    """
    present = [kind for kind in range(len(shares)) if shares[kind] and (kinds == kind).any()]
    wanted = np.array([shares[kind] for kind in present], float)
    numbers = np.diff(
        np.round(np.concatenate([[0], np.cumsum(wanted / wanted.sum())]) * count)
    ).astype(int)
    drawn = np.concatenate(
        [
            _draw_evenly(np.flatnonzero(kinds == kind), number, rng)
            for kind, number in zip(present, numbers)
        ]
    )
    names, of_drawn = np.unique(stacks[drawn], return_inverse=True)
    group = rng.permutation(len(names)) // _OPEN_TIME_POINTS
    shuffled = rng.permutation(count)
    return drawn[shuffled][np.argsort(group[of_drawn[shuffled]], kind="stable")]


def _draw_evenly(places: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """So many of them: all equally often, but for one."""
    rounds = -(-number // len(places))
    return np.concatenate([rng.permutation(places) for _ in range(rounds)] or [places[:0]])[:number]


@dataclass(frozen=True, eq=False)
class EpochPlan:
    """Which places the examples of an epoch come from; the division and the link network draw
    theirs alike.

    Attributes:
        targets: (n,) bool, the right answer at each place.
        kinds: (n,) int.
        shares: of each kind in an epoch.
        stacks: (n,) int, which stack each place is in.
        number: examples in an epoch.
        seed: of the settings.
        fixed: places of the examples that are the same in every epoch, as in validation; None:
            drawn anew each time.
    """

    targets: np.ndarray
    kinds: np.ndarray
    shares: Sequence[float]
    stacks: np.ndarray
    number: int
    seed: int
    fixed: np.ndarray | None = None

    def order(self, epoch: int) -> np.ndarray:
        """The place of each example, (number,) int."""
        if self.fixed is not None:
            return self.fixed
        return draw_order(
            self.kinds,
            self.shares,
            self.stacks,
            self.number,
            np.random.default_rng((self.seed, epoch)),
        )

    def batch(
        self, epoch: int, step: int, batch_size: int
    ) -> list[tuple[int, tuple[int, int, int]]]:
        """Place and key of each example of a batch."""
        numbers = range(step * batch_size, min((step + 1) * batch_size, self.number))
        order, epoch = self.order(epoch), 0 if self.fixed is not None else epoch
        return [(int(order[number]), (self.seed, epoch, number)) for number in numbers]

    def weigh(self, targets: np.ndarray) -> np.ndarray:
        """Weights in the loss, (k,) float32: among fixed examples both answers count the same,
        however rare one is.
        """
        answers = self.targets if self.fixed is None else self.targets[self.fixed]
        if self.fixed is None or answers.all() or not answers.any():
            return np.ones(len(targets), np.float32)
        positive = answers.mean()
        return np.where(targets, 0.5 / positive, 0.5 / (1 - positive)).astype(np.float32)
