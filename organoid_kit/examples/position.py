"""What the position network is shown, and the right answer: patches with dots.

Everything here is a pure function of (seed, epoch, number): asked again for the same example, it is
the same again. That is why a training that was cut off can go on as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.augmentation import (
    Augmentation,
    apply_to_positions,
    cut_patch,
    draw_augmentation,
    no_augmentation,
    vary_intensities,
)
from organoid_kit.examples.patches import (
    PreparedMovies,
    compute_window_bytes,
    compute_working_shape,
    convert_positions,
)
from organoid_kit.examples.targets import compute_voxel_weights, draw_dots

_AT_NUCLEI = 0.7  # part of the patches that are drawn around a nucleus, the others anywhere in the annotated region
_CROWDED_UM = 12.0  # nuclei with more neighbours within this distance are drawn more often
_OPEN_TIME_POINTS = (
    8  # examples are shuffled within so many time points, or as many as fit into memory
)
_OPEN_BYTES = 1_000_000_000
_EPOCH_OF_FIXED_EXAMPLES = 0


@dataclass(frozen=True)
class PositionExample:
    """One patch with its right answer.

    Attributes:
        image: (z, y, x, time) float32.
        target: (z, y, x) float32, 0..1.
        counts: (z, y, x) bool, False outside the annotated region.
        positions: (n, 3) float, zyx, voxels of the patch.
    """

    image: np.ndarray
    target: np.ndarray
    counts: np.ndarray
    positions: np.ndarray

    @property
    def positions_inside(self) -> np.ndarray:
        """The positions that lie in the patch, (k, 3) float, zyx, voxels of the patch."""
        inside = (self.positions > -0.5) & (self.positions < np.array(self.target.shape) - 0.5)
        return self.positions[inside.all(axis=1)]

    @property
    def fullest_plane(self) -> int:
        """The plane whose target has most of the dots, or the middle one."""
        dots = self.target.sum(axis=(1, 2))
        return int(dots.argmax()) if dots.any() else len(dots) // 2


@dataclass(frozen=True)
class Place:
    """A time point to draw patches from, in voxels of the working spacing."""

    movie: int
    time_point: int
    positions: np.ndarray
    region: np.ndarray
    chances: np.ndarray


class PositionExamples:
    """Batches for the position network, drawn from annotated movies.

    Attributes:
        settings: with `spacing_um` filled in.
        augment: whether examples are varied, and drawn anew each epoch.
        number_per_epoch: examples in an epoch.
        places: the annotated time points.
    """

    def __init__(
        self,
        annotated_movies: Sequence[AnnotatedMovie],
        settings: NetworkSettings,
        *,
        augment: bool = True,
        most_examples: int | None = None,
        cache_bytes: int = _OPEN_BYTES,
    ) -> None:
        """Finds the annotated time points; reads no images yet.

        Args:
            annotated_movies: what to draw from.
            settings: `spacing_um` None means that of the first movie.
            augment: False gives the same examples in every epoch, without variation, as validation
                needs them.
            most_examples: at most so many in an epoch; None for `patches_per_time_point` of each
                time point.
            cache_bytes: prepared stacks that are kept in memory.

        Raises:
            UserError: no movie has any position, or a time point is missing in its movie.
        """
        if settings.spacing_um is None and annotated_movies:
            settings = settings.changed(spacing_um=tuple(annotated_movies[0].movie.spacing_um))
        self.settings = settings
        self.augment = augment
        self.prepared = PreparedMovies(
            [each.movie for each in annotated_movies], settings, cache_bytes
        )
        self.places = [
            _make_place(number, each, time_point, settings)
            for number, each in enumerate(annotated_movies)
            for time_point in each.annotations.annotated_time_points.tolist()
        ]
        if not self.places:
            raise UserError(
                "Training needs annotated positions. Received: none in "
                f"{[each.name for each in annotated_movies]}. Annotate some nuclei, or check that the right "
                "annotation file is read."
            )
        everything = len(self.places) * settings.patches_per_time_point
        self.number_per_epoch = (
            everything if most_examples is None else min(everything, most_examples)
        )

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self.number_per_epoch // batch_size)

    def batch(
        self, epoch: int, step: int, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One batch.

        Returns:
            images (batch, z, y, x, time) float32, targets (batch, z, y, x, 1) float32 in 0..1, and
            the weight of each voxel in the loss (batch, z, y, x) float32.
        """
        return join_examples(self.examples(epoch, step, batch_size))

    def examples(self, epoch: int, step: int, batch_size: int) -> list[PositionExample]:
        """The examples of one batch, with their positions."""
        epoch = epoch if self.augment else _EPOCH_OF_FIXED_EXAMPLES
        numbers = range(step * batch_size, min((step + 1) * batch_size, self.number_per_epoch))
        order = self._order(epoch)
        return [
            self.example(self.places[order[number]], (self.settings.seed, epoch, number))
            for number in numbers
        ]

    def _order(self, epoch: int) -> np.ndarray:
        """Which place each example of an epoch comes from: shuffled across movies, few time points
        open at once.
        """
        rng = np.random.default_rng((self.settings.seed, epoch))
        shuffled = rng.permutation(len(self.places))
        together = max(
            1,
            min(
                _OPEN_TIME_POINTS,
                _OPEN_BYTES // compute_window_bytes(self.prepared.movies, self.settings),
            ),
        )
        groups = np.array_split(shuffled, -(-len(shuffled) // together))
        repeats = -(-self.number_per_epoch // len(self.places))
        return np.concatenate([rng.permutation(np.repeat(group, repeats)) for group in groups])

    def example(
        self, place: Place, key: tuple[int, ...], augmentation: Augmentation | None = None
    ) -> PositionExample:
        """One example drawn from a place; the same key gives the same one, varied by `augmentation`
        if it is given.
        """
        rng = np.random.default_rng(key)
        settings = self.settings
        shape = settings.patch_shape_zyx
        stacks = self.prepared.window(place.movie, place.time_point)
        centre = _draw_centre(place, shape, rng)
        if augmentation is None:
            augmentation = (
                draw_augmentation(settings.augmentation, rng) if self.augment else no_augmentation()
            )
        patch = cut_patch(augmentation, stacks, centre, shape)
        now = -settings.time_window[0]  # where the central time point is in the window
        if not patch[:, :, now].any():
            self._check_not_constant(place, stacks[now])
        patch = vary_intensities(augmentation, patch)
        positions = apply_to_positions(augmentation, place.positions, centre, shape)
        return PositionExample(
            image=np.ascontiguousarray(patch.transpose(3, 0, 1, 2)),
            target=draw_dots(positions, shape, settings.spacing_um, settings.nucleus_sigma_um),
            counts=_mask_annotated(augmentation, centre, shape, place.region),
            positions=positions,
        )

    def _check_not_constant(self, place: Place, stack: np.ndarray) -> None:
        """Raises UserError where an annotated stack shows nothing; a constant one is all zero when
        normalised.
        """
        if not stack.any():
            raise UserError(
                "Annotated images must show something. Received: one intensity everywhere in "
                f"{self.prepared.movies[place.movie].name!r}, time point {place.time_point}, channels "
                f"{self.settings.channels}. Choose the channel that shows the nuclei, or leave out this time point."
            )


def join_examples(examples: Sequence[PositionExample]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A batch of these examples: images, targets and weights as `PositionExamples.batch` gives
    them.
    """
    images = np.stack([example.image for example in examples])
    targets = np.stack([example.target for example in examples])
    weights = compute_voxel_weights(targets, np.stack([example.counts for example in examples]))
    return images, targets[..., None], weights


def _make_place(
    number: int, annotated: AnnotatedMovie, time_point: int, settings: NetworkSettings
) -> Place:
    """Positions and annotated region of a time point, in voxels of the working spacing.

    Where the region is the cuboid of the positions it is widened by the size of a dot, so that the
    outermost nuclei are seen whole; it never reaches beyond the image.
    """
    movie, annotations = annotated.movie, annotated.annotations
    if time_point not in movie.time_points:
        raise UserError(
            f"Annotated time points must exist in the movie. Received: time point {time_point} in {annotated.name!r}, "
            f"which has {movie.time_points[0]} to {movie.time_points[-1]}. Check how the time points are counted."
        )
    _check_inside(annotated, time_point)
    shape = compute_working_shape(movie, settings.spacing_um)
    positions = convert_positions(annotations.positions_at(time_point), movie.shape_zyx, shape)
    region = convert_positions(annotations.annotated_region(time_point), movie.shape_zyx, shape)
    if annotations.region is None:
        margin = settings.nucleus_sigma_um / np.array(settings.spacing_um)
        region = region + [-margin, margin]
    region = np.clip(region, -0.5, np.array(shape) - 0.5)
    return Place(
        number,
        time_point,
        positions,
        region,
        _compute_draw_probabilities(positions * settings.spacing_um),
    )


def _check_inside(annotated: AnnotatedMovie, time_point: int) -> None:
    """Raises UserError for the first position of a time point that does not lie in the image."""
    positions = annotated.annotations.positions_at(time_point)
    inside = (positions >= -0.5) & (positions <= np.array(annotated.movie.shape_zyx) - 0.5)
    for position in positions[~inside.all(axis=1)]:
        raise UserError(
            f"Every position must lie in the image. Received: {position.tolist()} (z, y, x) at time point "
            f"{time_point} of {annotated.name!r}, whose shape is {tuple(annotated.movie.shape_zyx)}. "
            "Move or delete it; `check_annotations` lists all such positions."
        )


def _compute_draw_probabilities(points_um: np.ndarray) -> np.ndarray:
    """How often each nucleus is drawn: in proportion to its neighbours and itself. Sums to 1."""
    neighbours = cKDTree(points_um).query_ball_point(points_um, _CROWDED_UM, return_length=True)
    return neighbours / neighbours.sum()


def _draw_centre(
    place: Place, patch_shape_zyx: Sequence[int], rng: np.random.Generator
) -> np.ndarray:
    """The middle of a patch: near a nucleus, more often where they are crowded, or anywhere that is
    annotated.
    """
    if rng.uniform() < _AT_NUCLEI:
        nucleus = place.positions[rng.choice(len(place.positions), p=place.chances)]
        centre = nucleus + rng.uniform(-1, 1, size=3) * np.array(patch_shape_zyx) / 3
    else:
        centre = rng.uniform(*place.region)
    centre = np.clip(centre, *place.region)
    half = (np.array(patch_shape_zyx) - 1) / 2
    return (
        np.round(centre - half) + half
    )  # whole voxels: without rotation and scale nothing is interpolated


def _mask_annotated(
    augmentation, centre: np.ndarray, shape_zyx: Sequence[int], region: np.ndarray
) -> np.ndarray:
    """Which voxels of the patch lie inside the annotated region, (z, y, x) bool."""
    inverse = np.linalg.inv(augmentation.matrix)
    offsets = [np.arange(size) - (size - 1) / 2 for size in shape_zyx]
    z = centre[0] + offsets[0]
    y = centre[1] + inverse[1, 1] * offsets[1][:, None] + inverse[1, 2] * offsets[2]
    x = centre[2] + inverse[2, 1] * offsets[1][:, None] + inverse[2, 2] * offsets[2]
    low, high = region
    in_depth = (z >= low[0]) & (z <= high[0])
    in_plane = (y >= low[1]) & (y <= high[1]) & (x >= low[2]) & (x <= high[2])
    return in_depth[:, None, None] & in_plane
