"""What the position network is shown, and the right answer: patches with dots."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from organoid_kit.base import make_error, refuse_if
from organoid_kit.examples import batches, patches
from organoid_kit.examples.augmentation import (
    Augmentation,
    apply_to_positions,
    cut_patch,
    trace_voxels,
    vary_intensities,
)

FOREGROUND = 0.1  # target value from which a voxel counts as part of a dot
_DOT_REACH = 3.0  # dots are drawn out to so many standard deviations
# Part of the patches that are drawn around a nucleus, the others anywhere that is annotated.
_AT_NUCLEI = 0.7
_CROWDED_UM = 12.0  # nuclei with more neighbours within this distance are drawn more often


@dataclass(frozen=True)
class PositionExample:
    """One patch with its right answer."""

    image: np.ndarray  # (z, y, x, time) float32
    target: np.ndarray  # (z, y, x) float32, 0..1
    counts: np.ndarray  # (z, y, x) bool, False where nobody annotated
    positions: np.ndarray  # (n, 3) float, zyx, voxels of the patch

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
    positions: np.ndarray  # (n, 3) float, zyx
    region: np.ndarray  # (2, 3) float, zyx, lowest and highest corner of what is annotated
    chances: np.ndarray  # (n,) float, how often each nucleus is drawn
    known_um: float | None  # where annotations are scattered: only so far around each counts


class PositionExamples(batches.Examples):
    """Batches for the position network, drawn from the annotated time points, its `places`."""

    def _find(self, annotated_movies: batches.Movies, most_examples: int | None) -> int:
        self.places = []
        for number, annotated in enumerate(annotated_movies):
            shape = patches.compute_working_shape(annotated.movie, self.settings)
            all_positions = patches.compute_working_positions(annotated, self.settings)
            annotations = annotated.with_spacing().annotations
            for time_point in annotations.annotated_time_points.tolist():
                positions = all_positions[annotations.rows_at(time_point)]
                region = annotations.annotated_region(time_point)
                region = patches.convert_positions(region, annotated.movie.shape_zyx, shape)
                region = np.clip(region, -0.5, np.array(shape) - 0.5)
                points_um, alike = positions * self.settings.spacing_um, np.zeros(len(positions))
                crowd = 1 + batches.count_neighbours(points_um, alike, _CROWDED_UM)
                drawn = (crowd / crowd.sum(), annotations.known_um)
                self.places.append(Place(number, time_point, positions, region, *drawn))
        names = ", ".join(annotated.name for annotated in annotated_movies)
        refuse_if(not self.places, "positions needed", names)
        return len(self.places) * self.settings.patches_per_time_point

    def order(self, epoch: int) -> np.ndarray:
        """Which of the `places` each example shows, (number_per_epoch,) int; few open at once."""
        rng = np.random.default_rng((self.settings.seed, epoch))
        shuffled = rng.permutation(len(self.places))
        window_bytes = patches.compute_window_bytes(self.prepared.movies, self.settings)
        fitting = batches.OPEN_BYTES // window_bytes
        together = max(1, min(batches.OPEN_TIME_POINTS, fitting))
        groups = np.array_split(shuffled, -(-len(shuffled) // together))
        repeats = -(-self.number_per_epoch // len(self.places))
        order = [rng.permutation(np.repeat(group, repeats)) for group in groups]
        return np.concatenate(order)[: self.number_per_epoch]

    def batch(
        self, epoch: int, step: int, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images (batch, z, y, x, time), targets (…, z, y, x, 1), weights (…, z, y, x): float32."""
        return join_examples(self.examples(epoch, step, batch_size))

    def example(
        self, number: int, key: tuple[int, ...], augmentation: Augmentation | None = None
    ) -> PositionExample:
        """One of a place; the same key gives the same one, varied by `augmentation` if given."""
        rng = np.random.default_rng(key)
        place, settings, shape = self.places[number], self.settings, self.settings.patch_shape_zyx
        stacks = self.prepared.window(place.movie, place.time_point)
        now = -settings.time_window[0]  # where the central time point is in the window
        centre = _draw_centre(place, shape, rng)
        augmentation = self._choose_augmentation(augmentation, rng)
        patch = cut_patch(augmentation, stacks, centre, shape)
        if not patch[..., now].any() and not stacks[now].any():  # normalised, what is constant is 0
            name = self.prepared.movies[place.movie].name
            raise make_error("image shows", name=name, time_point=place.time_point)
        patch = vary_intensities(augmentation, patch)
        positions = apply_to_positions(augmentation, place.positions, centre, shape)
        z, y, x = (
            (along >= low) & (along <= high)
            for along, low, high in zip(trace_voxels(augmentation, centre, shape), *place.region)
        )
        counts, spacing_um = z & y & x, settings.spacing_um
        if place.known_um is not None:
            balls = draw_dots(positions, shape, spacing_um, place.known_um / _DOT_REACH)
            counts = counts & (balls >= np.exp(-0.5 * _DOT_REACH**2))
        return PositionExample(
            image=np.ascontiguousarray(patch),
            target=draw_dots(positions, shape, spacing_um, settings.nucleus_sigma_um),
            counts=counts,
            positions=positions,
        )


def join_examples(examples: Sequence[PositionExample]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, targets and weights of these examples, as `PositionExamples.batch` gives them."""
    images = np.stack([example.image for example in examples])
    targets = np.stack([example.target for example in examples])
    weights = compute_voxel_weights(targets, np.stack([example.counts for example in examples]))
    return images, targets[..., None], weights


def _draw_centre(place: Place, shape_zyx: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """In whole voxels: near a nucleus, more often where they are crowded, or anywhere annotated."""
    if rng.uniform() < _AT_NUCLEI or place.known_um is not None:
        nucleus = place.positions[rng.choice(len(place.positions), p=place.chances)]
        centre = nucleus + rng.uniform(-1, 1, size=3) * np.array(shape_zyx) / 3
    else:
        centre = rng.uniform(*place.region)
    half = (np.array(shape_zyx) - 1) / 2
    return np.round(np.clip(centre, *place.region) - half) + half


def draw_dots(
    positions: np.ndarray,
    shape_zyx: tuple[int, int, int],
    spacing_um: tuple[float, float, float],
    sigma_um: float,
) -> np.ndarray:
    """The right answer: an image (z, y, x) float32 with a Gaussian dot of height 1 at each
    position, (n, 3) float, zyx, voxels; where dots meet, the higher one counts.
    """
    image = np.zeros(shape_zyx, np.float32)
    sigma = sigma_um / np.array(spacing_um)
    lowest = np.maximum(np.ceil(positions - _DOT_REACH * sigma), 0).astype(int)
    highest = np.minimum(np.floor(positions + _DOT_REACH * sigma) + 1, shape_zyx).astype(int)
    for position, low, high in zip(positions, lowest, highest, strict=True):
        if (low < high).all():
            box = tuple(map(slice, low, high))
            away = [(i - middle) / s for i, middle, s in zip(np.ogrid[box], position, sigma)]
            z, y, x = (np.exp(-0.5 * distance**2) for distance in away)
            np.maximum(image[box], (z * y * x).astype(np.float32), out=image[box])
    return image


def compute_voxel_weights(targets: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Weights that give dots and background half of the loss each, however rare dots are: float32,
    as many as voxels in sum. `counts` is bool, False outside what is annotated: there they are 0.
    """
    dots = counts & (targets >= FOREGROUND)
    parts = [part for part in (dots, counts & ~dots) if part.any()]
    weights = np.zeros(targets.shape, np.float32)
    for part in parts:
        weights[part] = targets.size / (len(parts) * np.count_nonzero(part))
    return weights
