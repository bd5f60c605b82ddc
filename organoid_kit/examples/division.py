"""What the division network is shown, and the right answer: crops around nuclei, and whether they
divide.

Divisions are rare, so examples are drawn by kind: a third are divisions, a third look like one
(just before and after, next to one, in a crowd), a third are ordinary nuclei, of which every other
one is the brightest of a few.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from organoid_kit.base import NetworkSettings, refuse_if
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.examples.augmentation import (
    Augmentation,
    cut_crop,
    draw_augmentation,
    no_augmentation,
    vary_intensities,
)
from organoid_kit.examples.batches import ClassExamples, Movies, count_neighbours
from organoid_kit.examples.patches import compute_working_positions, prepare_nuclei
from organoid_kit.examples.sizes import fit_to_network

DIVISION, ALIKE, ORDINARY = range(3)  # kinds of examples
_NEAR_UM = 12.0  # neighbours of a division, and those that make a crowd
_CROWDED = 0.8  # quantile of the number of neighbours
# So close to the end of what is annotated, a daughter may be missing from the annotations.
_BORDER_UM = 6.0
_BRIGHTEST_OF = 4  # every other ordinary nucleus is the brightest of so many
_CORE_UM = (5.0, 4.5, 4.5)  # half axes of what is pasted into other surroundings


@dataclass(frozen=True)
class DivisionExample:
    """A crop with its right answer."""

    image: np.ndarray  # (z, y, x, time) float32, the nucleus in its middle
    target: bool  # whether it divides
    kind: int  # DIVISION, ALIKE or ORDINARY


class DivisionExamples(ClassExamples):
    """Batches for the division network, drawn from annotated movies.

    Attributes:
        targets: (n,) bool, whether each nucleus of known answer divides.
        movies, time_points: (n,) int.
        positions: (n, 3) float, zyx, working voxels.
    """

    shares = (1 / 3, 1 / 3, 1 / 3)

    def _find(self, annotated_movies: Movies, most_examples: int | None) -> int:
        """Finds the nuclei of known answer; raises UserError if all or none divide."""
        tables = [np.zeros((0, 7))]
        for number, annotated in enumerate(annotated_movies):
            annotations = annotated.with_spacing().annotations
            labels = make_division_targets(annotations, self.settings.division_window)
            similar = _is_similar(annotations, annotated.movie.spacing_um)
            kinds = np.where(labels == 1, DIVISION, np.where(similar, ALIKE, ORDINARY))
            columns = [np.full(len(labels), number), annotations.time_points, labels, kinds]
            columns.append(compute_working_positions(annotated, self.settings))
            tables.append(np.column_stack(columns)[labels >= 0])
        table = np.concatenate(tables)
        self.movies, self.time_points, labels, self.kinds = table[:, :4].astype(int).T
        self.targets, self.positions = labels > 0, table[:, 4:]
        names = ", ".join(annotated.name for annotated in annotated_movies)
        refuse_if(not self.targets.any(), "divisions needed", names)
        refuse_if(self.targets.all(), "others needed", names)
        return self._plan(table[:, :2], most_examples)

    def _choose_fixed(self, most: int | None) -> np.ndarray:
        """All nuclei, or as many as wanted: all divisions first, the others evenly chosen."""
        divisions, others = np.flatnonzero(self.targets), np.flatnonzero(~self.targets)
        if most is not None and len(self.targets) > most:
            number = max(0, most - len(divisions))
            chosen = np.linspace(0, len(others) - 1, number).astype(int)
            divisions, others = divisions[:most], others[np.unique(chosen)]
        return np.concatenate([divisions, others])

    def example(
        self, nucleus: int, key: tuple[int, ...], augmentation: Augmentation | None = None
    ) -> DivisionExample:
        """One of a nucleus; the same key gives the same one, varied by `augmentation` if given."""
        rng = np.random.default_rng(key)
        vary = self.augment or augmentation is not None
        if vary and self.kinds[nucleus] == ORDINARY and rng.uniform() < 0.5:
            nucleus = self._find_brightest(nucleus, rng)
        paste = vary and rng.uniform() < (self.settings.augmentation.paste or 0.0)
        other, other_rng = rng.integers(len(self.kinds)), rng.spawn(1)[0]
        augmentation = self._choose_augmentation(augmentation, rng)
        crop = self._cut(nucleus, augmentation, rng if vary else None)
        if paste:
            # Nuclei of both classes are pasted, so that a seam never gives the answer away.
            other_augmentation = draw_augmentation(self.settings.augmentation, other_rng)
            surroundings = self._cut(other, other_augmentation, other_rng)
            spacing_um = self.spacings[self.movies[other]]
            core = make_paste_mask(self.settings.patch_shape_zyx, spacing_um)
            crop *= core
            crop += (1 - core) * surroundings
        if vary:
            crop = vary_intensities(augmentation, crop)
        target, kind = bool(self.targets[nucleus]), int(self.kinds[nucleus])
        return DivisionExample(np.ascontiguousarray(crop), target, kind)

    @staticmethod
    def join(examples: Sequence[DivisionExample]) -> np.ndarray:
        """The network's input: crops, (batch, z, y, x, time) float32."""
        return np.stack([example.image for example in examples])

    def _find_brightest(self, nucleus: int, rng: np.random.Generator) -> int:
        """The brightest of a few ordinary nuclei of the stack, as dividing ones are bright, too."""
        alike = (self._stacks == self._stacks[nucleus]) & (self.kinds == ORDINARY)
        few = rng.permutation(np.flatnonzero(alike))[:_BRIGHTEST_OF]
        stack = self.prepared.stack(self.movies[nucleus], self.time_points[nucleus])
        last = np.array(stack.shape) - 1
        z, y, x = np.clip(np.round(self.positions[few]).astype(int), 0, last).T
        return int(few[np.argmax(stack[z, y, x])])

    def _cut(
        self, nucleus: int, augmentation: Augmentation, rng: np.random.Generator | None
    ) -> np.ndarray:
        """The crop of a nucleus, (z, y, x, time); a little off its middle where `rng` is given."""
        movie, centre = self.movies[nucleus], self.positions[nucleus]
        if rng is not None:
            jitter_um = (self.settings.augmentation.jitter_um or 0) * rng.uniform(-1, 1, 3)
            centre = centre + jitter_um / self.spacings[movie]
        stacks = self.prepared.window(movie, self.time_points[nucleus])
        return cut_crop(augmentation, stacks, centre, self.settings.patch_shape_zyx)


def cut_nuclei(
    annotated: AnnotatedMovie, rows: Sequence[int], kinds: Sequence[int], settings: NetworkSettings
) -> list[DivisionExample]:
    """These nuclei as the network sees them in prediction; `kinds` says what each is."""
    annotated = fit_to_network(annotated, settings)
    centres, prepared = prepare_nuclei(annotated, settings)
    examples = []
    for row, kind in zip(rows, kinds, strict=True):
        stacks = prepared.window(0, int(annotated.annotations.time_points[row]))
        crop = cut_crop(no_augmentation(), stacks, centres[row], settings.patch_shape_zyx)
        examples.append(DivisionExample(crop, kind == DIVISION, kind))
    return examples


def make_paste_mask(shape_zyx: Sequence[int], spacing_um: Sequence[float]) -> np.ndarray:
    """How much of a pasted nucleus shows, 0 half a radius outside: (z, y, x, 1) float32, 0..1."""
    axes = [
        (np.arange(size) - (size - 1) / 2) * step / reach
        for size, step, reach in zip(shape_zyx, spacing_um, _CORE_UM, strict=True)
    ]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    core = np.clip(3 - 2 * np.sqrt(z**2 + y**2 + x**2), 0, 1)
    return core.astype(np.float32)[..., None]


def make_division_targets(annotations: Annotations, window: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Which positions divide: 1 yes, 0 no, -1 nobody knows; (n,) int.

    A mother's last time point divides, and those from `window[0]` to `window[1]` relative to it.
    Nobody knows it of a position that is linked to nothing later, or that lies so close to the end
    of what is annotated that a second daughter may be beyond it.
    """
    ends = annotations.links_forward() == 0
    labels = np.where(ends | _is_near_border(annotations), -1, 0)
    mothers = annotations.divisions()
    labels[mothers] = 1
    for step in range(window[0], window[1] + 1):
        labels[_follow_links(annotations, mothers, step)] = 1
    return labels


def _is_near_border(annotations: Annotations) -> np.ndarray:
    """Which positions lie near the end of the annotated cuboid, where it was only guessed: bool."""
    near = np.zeros(len(annotations), bool)
    stated = annotations.region is not None or annotations.known_um is not None
    if stated or annotations.spacing_um is None:
        return near
    margin = _BORDER_UM / np.array(annotations.spacing_um)
    for time_point in annotations.annotated_time_points:
        rows = annotations.rows_at(time_point)
        positions = annotations.positions[rows]
        low, high = positions.min(axis=0), positions.max(axis=0)
        margins = np.where(high - low > 4 * margin, margin, 0)  # a flat cuboid is not all border
        near[rows] = ((positions < low + margins) | (positions > high - margins)).any(axis=1)
    return near


def _follow_links(annotations: Annotations, rows: np.ndarray, steps: int) -> np.ndarray:
    """The positions so many links later, or earlier where `steps` is negative."""
    links = annotations.links if steps > 0 else annotations.links[:, ::-1]
    for _ in range(abs(steps)):
        rows = links[np.isin(links[:, 0], rows), 1]
    return rows


def _is_similar(annotations: Annotations, spacing_um: Sequence[float]) -> np.ndarray:
    """Which are easily taken for dividing: mothers before, daughters after, neighbours, crowds."""
    similar = np.zeros(len(annotations), bool)
    if len(annotations) == 0:
        return similar
    mothers = annotations.divisions()
    for steps in (-2, -1, 1, 2):
        similar[_follow_links(annotations, mothers, steps)] = True
    points_um = annotations.positions * spacing_um
    crowd = count_neighbours(points_um, annotations.time_points, _NEAR_UM)
    similar |= (crowd > 0) & (crowd > np.quantile(crowd, _CROWDED))
    for mother in mothers:
        rows = annotations.rows_at(annotations.time_points[mother])
        near = cKDTree(points_um[rows]).query_ball_point(points_um[mother], _NEAR_UM)
        similar[rows[near]] = True
    return similar
