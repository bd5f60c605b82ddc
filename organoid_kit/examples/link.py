"""What the link network is shown, and the right answer: two nuclei in succession; are they one?

Both crops, displacement and coordinate channels follow from one augmentation matrix, so they always
agree. The three inputs are laid out as OrganoidTracker's: networks go from here to there and back.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array

from organoid_kit.base import NetworkSettings, refuse_if
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.examples import batches, patches, sizes
from organoid_kit.examples.augmentation import (
    Augmentation,
    cut_crop,
    no_augmentation,
    vary_intensities,
)
from organoid_kit.tracking import find_candidates, linking, motion

SAME_HARD, SAME, OTHER_NEAR, OTHER_FAR = range(4)  # kinds of examples
_FAST = 0.75  # quantile of the displacement from which on a nucleus is fast
_CROWDED = 0.75  # quantile of the number of neighbours
_NEAR_UM = 12.0
LinkInputs = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class LinkExample:
    """Two crops, (z, y, x, time) float32, with their right answer."""

    first: np.ndarray  # around the earlier nucleus; its own time point comes first
    second: np.ndarray  # around the later nucleus; its own time point comes last
    displacement: np.ndarray  # (3,) float, zyx, voxels of the crops: of the two, drift taken out
    target: bool  # whether they are the same nucleus, or mother and daughter
    kind: int  # SAME_HARD, SAME, OTHER_NEAR or OTHER_FAR


@dataclass(frozen=True)
class Pair:
    """An earlier and a later nucleus, and how the sample moves from one to the other."""

    movie: int
    time_points: tuple[int, int]  # of the two nuclei
    centres: np.ndarray  # of the two nuclei, (2, 3) float, zyx, working voxels
    drift: np.ndarray  # of the sample in between, (3,) float, zyx, working voxels
    turn_degrees: float = 0.0  # that the sample is made to turn in between, in the plane

    def displacement(self, augmentation: Augmentation) -> np.ndarray:
        """From the earlier to the later nucleus without drift: (3,) float, zyx, voxels of crops."""
        moved = self.centres[1] - self.centres[0] - self.drift
        return augmentation.turned(self.turn_degrees).matrix @ moved


class LinkExamples(batches.ClassExamples):
    """Batches for the link network, drawn from annotated movies.

    Attributes:
        targets: (n,) bool, whether the two nuclei of each candidate of known answer are the same.
        movies, steps: (n,) int, the movie, and how many time points lie between the two.
        sources, links_to: (n,) int, rows of the earlier and the later nucleus in their annotations.
        displacements_um: (n, 3) float, zyx, drift taken out.
    """

    shares = (0.3, 0.2, 0.35, 0.15)

    def _find(self, annotated_movies: batches.Movies, most_examples: int | None) -> int:
        """Finds the candidates of known answer; raises UserError if all or none are right."""
        settings = self.settings
        self.positions = [
            patches.compute_working_positions(each, settings) for each in annotated_movies
        ]
        self.time_points = [each.annotations.time_points for each in annotated_movies]
        tables = [np.zeros((0, 10))]
        for number, annotated in enumerate(annotated_movies):
            # Time points are skipped in validation, too: slow movies alone are too easy.
            for step in range(1, (settings.augmentation.skip or 1) + 1):
                for found in _list_candidates(annotated, step, settings):
                    size = len(found)
                    tables.append(np.column_stack([np.full((size, 2), (number, step)), found]))
        table = np.concatenate(tables)
        columns = table[:, :7].astype(int).T
        self.movies, self.steps, times, self.sources, self.links_to, targets, self.kinds = columns
        self.targets, self.displacements_um = targets > 0, table[:, 7:]
        names = ", ".join(annotated.name for annotated in annotated_movies)
        longest_um = settings.max_link_um
        refuse_if(not self.targets.any(), "links needed", names, longest_um=longest_um)
        refuse_if(self.targets.all(), "wrong links needed", names, longest_um=longest_um)
        return self._plan(np.column_stack([self.movies, times]), most_examples)

    def _choose_fixed(self, most: int | None) -> np.ndarray:
        """All candidates, or as many as wanted, evenly chosen."""
        order = np.argsort(self._stacks, kind="stable")
        kept = np.linspace(0, len(order) - 1, min(len(order), most or len(order)))
        return order[kept.astype(int)]

    def example(
        self, candidate: int, key: tuple[int, ...], augmentation: Augmentation | None = None
    ) -> LinkExample:
        """One of a candidate; the same key gives the same one, `augmentation` varies it."""
        rng = np.random.default_rng(key)
        vary = self.augment or augmentation is not None
        # Every other fixed example moves, too: judged by slow ones, the first epoch is best.
        pair = self._draw_pair(candidate, rng, jitters=vary, moves=vary or key[-1] % 2 == 1)
        augmentation = self._choose_augmentation(augmentation, rng)
        first, second = cut_pair(augmentation, self.prepared, pair)
        if vary:
            seed = augmentation.noise_seed + 1
            first = vary_intensities(augmentation, first)
            second = vary_intensities(dataclasses.replace(augmentation, noise_seed=seed), second)
        crops = map(np.ascontiguousarray, (first, second))
        target, kind = bool(self.targets[candidate]), int(self.kinds[candidate])
        return LinkExample(*crops, pair.displacement(augmentation), target, kind)

    def _draw_pair(self, number: int, rng: np.random.Generator, jitters: bool, moves: bool) -> Pair:
        """Nuclei that jitter are a little off; a sample that moves turns and drifts farther."""
        options, movie = self.settings.augmentation, int(self.movies[number])
        spacing = self.spacings[movie]
        jitter = (options.jitter_um or 0.0) * rng.uniform(-1, 1, (2, 3)) / spacing
        turn_degrees = moves * (options.turn_degrees or 0.0) * rng.uniform(-1, 1)
        farther = moves * (options.drift_um or 0.0) * rng.uniform(-1, 1, 3) * (0.3, 1, 1) / spacing
        rows = [self.sources[number], self.links_to[number]]
        centres = self.positions[movie][rows]
        own_way = self.displacements_um[number] / spacing
        drift = centres[1] - centres[0] - own_way - farther
        times = tuple(self.time_points[movie][rows].tolist())
        return Pair(movie, times, centres + jitter if jitters else centres, drift, turn_degrees)

    @staticmethod
    def join(examples: Sequence[LinkExample]) -> LinkInputs:
        """The network's three inputs: first crops with three coordinate channels behind (batch, z,
        y, x, time + 3), second crops with them, in reverse order, in front (batch, z, y, x, 3 +
        time), and displacements (batch, 3) zyx in voxels; all float32. A channel says, along one
        axis, how far each voxel is from the other nucleus, in sizes of the crop.
        """
        displacements = np.stack([example.displacement for example in examples]).astype(np.float32)
        first = np.stack([example.first for example in examples])
        second = np.stack([example.second for example in examples])
        return *add_coordinates(first, second, displacements), displacements


def cut_pair(
    augmentation: Augmentation, prepared: patches.PreparedMovies, pair: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """The two crops of a candidate, (z, y, x, time) float32 each.

    The first has the earlier nucleus in its middle, at its own time point and those of the window
    after it; the second the later nucleus, at its own time point and, mirrored in time, those
    before it. At all time points a crop moves and turns along with the sample.
    """

    def cut(time_points: Sequence[int], offset: np.ndarray) -> np.ndarray:
        """A piece of the moving sample, so far from the earlier nucleus in voxels of the crop."""
        passed = (np.array(time_points) - start) / (end - start)  # 0 at the earlier, 1 at the later
        turns = passed * pair.turn_degrees
        drifted = pair.centres[0] + passed[:, None] * pair.drift
        offsets = [np.linalg.inv(augmentation.turned(each).matrix) @ offset for each in turns]
        stacks = [prepared.stack(pair.movie, time_point) for time_point in time_points]
        turns = turns if pair.turn_degrees else None
        shape_zyx = prepared.settings.patch_shape_zyx
        return cut_crop(augmentation, stacks, drifted + offsets, shape_zyx, turns)

    start, end = pair.time_points
    first_times, second_times = compute_pair_windows(prepared, pair.movie, pair.time_points)
    first = cut(first_times, np.zeros(3))
    return first, cut(second_times, pair.displacement(augmentation))


def cut_links(
    annotated: AnnotatedMovie, rows: Sequence[int], kinds: Sequence[int], settings: NetworkSettings
) -> list[LinkExample]:
    """These links as the network sees them in prediction; `kinds` says what each is."""
    annotated = sizes.fit_to_network(annotated, settings)
    annotations, unvaried = annotated.annotations, no_augmentation()
    centres, prepared = patches.prepare_nuclei(annotated, settings)
    spacing = patches.compute_working_spacing(annotated, settings)
    drift = motion.estimate_drift(annotations) if settings.remove_drift else {}
    examples = []
    for ends, kind in zip(annotations.links[rows], kinds, strict=True):
        times = tuple(annotations.time_points[ends].tolist())
        pair = Pair(0, times, centres[ends], drift.get(times[0], np.zeros(3)) / spacing)
        crops, moved = cut_pair(unvaried, prepared, pair), pair.displacement(unvaried)
        examples.append(LinkExample(*crops, moved, kind <= SAME, kind))
    return examples


def compute_pair_windows(
    prepared: patches.PreparedMovies, movie: int, time_points: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Time points of the two crops of a candidate; beyond the movie, the nearest."""
    start, end = time_points
    before, after = prepared.settings.time_window
    offsets = (end - start) * np.arange(before, after + 1)
    windows = (start + offsets).tolist(), (end - offsets[::-1]).tolist()  # mirrored in time
    return tuple(patches.clip_time_points(prepared.movies[movie], window) for window in windows)


def add_coordinates(
    first: np.ndarray, second: np.ndarray, displacements: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Crops (batch, z, y, x, time) with the channels that `LinkExamples.join` describes."""
    shape = first.shape[:4]
    to_second = [_compute_distances(shape, axis, displacements[:, axis]) for axis in (0, 1, 2)]
    to_first = [_compute_distances(shape, axis, -displacements[:, axis]) for axis in (2, 1, 0)]
    return (
        np.stack([*np.moveaxis(first, -1, 0), *to_second], -1),
        np.stack([*to_first, *np.moveaxis(second, -1, 0)], -1),
    )


def _compute_distances(shape: Sequence[int], axis: int, others: np.ndarray) -> np.ndarray:
    """How far voxels of (batch, z, y, x) are from other nuclei, (batch,), in sizes of crops."""
    size = shape[axis + 1]
    distances = np.abs(np.arange(size, dtype=np.float32) - size / 2 - others[:, None]) / size
    view = [len(others), 1, 1, 1]
    view[axis + 1] = size
    return np.broadcast_to(distances.reshape(view), shape).astype(np.float32)


def make_link_targets(annotations: Annotations, candidates: np.ndarray) -> np.ndarray:
    """Of candidates, (m, 2) rows, (m,) int: 1 a link, 0 none, -1 unknown, as neither end has one."""
    number = [len(annotations), 1]
    is_link = np.isin(candidates @ number, annotations.links @ number)
    onwards = annotations.links_forward()[candidates[:, 0]] > 0
    backwards = annotations.links_backward()[candidates[:, 1]] > 0
    return np.where(is_link, 1, np.where(onwards | backwards, 0, -1))


def skip_time_points(whole: Annotations, step: int, first: int) -> tuple[Annotations, np.ndarray]:
    """Every `step`th time point from `first` on, as if nuclei moved faster; counted anew, linked
    over what was left out. With the rows that the positions had, (k,) int.
    """
    links, size = whole.links, len(whole)
    one_link = coo_array((np.ones(len(links)), links.T.astype(np.int32)), shape=(size, size))
    onwards = reached = one_link = one_link.tocsr()
    for _ in range(step - 1):
        reached = reached @ one_link
        onwards = onwards + reached  # a link over a gap may lead as far as several links
    times = whole.time_points - first
    rows = np.flatnonzero((times >= 0) & (times % step == 0))
    pairs = np.stack(onwards[rows][:, rows].nonzero(), axis=1)
    changes = {"time_points": times[rows] // step, "links": pairs, "link_properties": {}}
    return dataclasses.replace(whole.select(rows), **changes), rows


def _list_candidates(
    annotated: AnnotatedMovie, step: int, settings: NetworkSettings
) -> Iterator[np.ndarray]:
    """The candidates of known answer, `step` time points apart: time point and row of the earlier,
    row of the later nucleus, target, kind, and displacement in µm; (m, 8) float for each start.
    """
    annotations = annotated.with_spacing().annotations
    start = int(annotations.time_points.min()) if len(annotations) else 0
    for first in range(start, start + step):
        kept, rows = skip_time_points(annotations, step, first)
        options = {"neighbours": settings.link_neighbours, "remove_drift": settings.remove_drift}
        size = annotated.movie.relative_size
        reach_um = linking.choose_max_distance(kept, settings.max_link_um, size)
        links = find_candidates(kept, max_distance_um=reach_um, **options).links
        targets = make_link_targets(kept, links)
        links, targets = links[targets >= 0], targets[targets >= 0]
        drift = motion.estimate_drift(kept) if settings.remove_drift else None
        moved_um = motion.compute_displacements(kept, links, drift)
        kinds = _classify_candidates(kept, links, targets == 1, moved_um)
        times = annotations.time_points[rows[links[:, 0]]]
        yield np.column_stack([times, rows[links], targets, kinds, moved_um])


def _classify_candidates(
    annotations: Annotations, links: np.ndarray, true: np.ndarray, moved_um: np.ndarray
) -> np.ndarray:
    """Right ones are hard in divisions, crowds and for fast nuclei; wrong ones near or far."""
    if len(links) == 0:
        return np.zeros(0, int)
    lengths = np.linalg.norm(moved_um, axis=1)
    points_um = annotations.positions * annotations.spacing_um
    crowd = batches.count_neighbours(points_um, annotations.time_points, _NEAR_UM)
    divides = annotations.links_forward()[links[:, 0]] >= 2
    fast = lengths > (np.quantile(lengths[true], _FAST) if true.any() else 0)
    crowded = crowd[links[:, 0]] > np.quantile(crowd, _CROWDED)
    near = lengths <= np.median(lengths[~true]) if (~true).any() else ~true
    same = np.where(divides | fast | crowded, SAME_HARD, SAME)
    return np.where(true, same, np.where(near, OTHER_NEAR, OTHER_FAR))
