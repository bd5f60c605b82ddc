"""One example as it is and as augmentation varies it, for each of the three networks; and pictures
of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from organoid_kit.base.settings import AugmentationSettings, NetworkSettings
from organoid_kit.dashboards.augmentation_advice import MOST_SKIP
from organoid_kit.dashboards.panes import Pane, Points, colour_heat
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.augmentation import Augmentation, draw_augmentation
from organoid_kit.examples.choice import Examples, make_examples
from organoid_kit.examples.division import ALIKE, DivisionExample
from organoid_kit.examples.link import OTHER_NEAR, LinkExample
from organoid_kit.examples.patches import make_grey
from organoid_kit.examples.position import PositionExample
from organoid_kit.plots.crops import plot_crops, plot_pairs
from organoid_kit.plots.drawing import NEAR_PLANES, POSITION, Drawing
from organoid_kit.plots.images import plot_augmentations

Example = PositionExample | DivisionExample | LinkExample
Chosen = Callable[
    [tuple[int, ...], Augmentation | None], tuple[Example, ...]
]  # key, variation → a column of it
_TRIED = 8  # patches of a time point, of which the one with most nuclei is shown


@dataclass(frozen=True, eq=False)
class Column:
    """What stands below each other: one patch, or one crop or pair of either answer."""

    name: str
    examples: tuple[Example, ...]


def make_preview_examples(
    annotated_movies: Sequence[AnnotatedMovie], settings: NetworkSettings
) -> Examples:
    """Examples without variation; of links, all are found that are ever skipped over.

    Raises:
        UserError: the movies have nothing to learn from.
    """
    widest = AugmentationSettings(skip=MOST_SKIP)
    return make_examples(annotated_movies, settings.changed(augmentation=widest), augment=False)


def count_previews(examples: Examples) -> int:
    """How many examples can be chosen: annotated time points, divisions, or linked nuclei."""
    network = examples.settings.network
    if network == "position":
        return len(examples.places)
    return int(examples.targets.sum()) if network == "division" else len(_list_linked(examples))


def choose_example(examples: Examples, number: int) -> Chosen:
    """What is shown as an example, by number from 0; the patch with most nuclei of the first few of
    a time point.
    """
    choose = {"position": _choose_patch, "division": _choose_crops, "link": _choose_pairs}
    return choose[examples.settings.network](examples, number)


def make_columns(
    examples: Examples, shown: Chosen, chosen: AugmentationSettings, seed: int, variations: int
) -> list[Column]:
    """An example as it is, and so many variations of it.

    Args:
        examples: of `make_preview_examples`.
        shown: of `choose_example`.
        chosen: how to vary.
        seed: of the dice; the same seed throws the same, whatever is switched on or off.
        variations: how many.
    """
    examples.settings = examples.settings.changed(augmentation=chosen)
    columns = [Column("as it is", shown((0,), None))]
    for throw in range(variations):
        augmentation = draw_augmentation(chosen, np.random.default_rng((seed, throw)))
        columns.append(Column(f"varied, {throw + 1}", shown((seed, throw), augmentation)))
    return columns


def _choose_patch(examples: Examples, number: int) -> Chosen:
    place = examples.places[number]
    keys = [(examples.settings.seed, each) for each in range(_TRIED)]
    best = max(keys, key=lambda each: examples.example(place, each).target.sum())
    return lambda key, augmentation: (examples.example(place, best, augmentation),)


def _choose_crops(examples: Examples, number: int) -> Chosen:
    """A nucleus that divides, and one that looks alike."""
    alike = np.flatnonzero(examples.kinds == ALIKE)
    places = [np.flatnonzero(examples.targets)[number], *alike[number % max(len(alike), 1) :][:1]]
    return lambda key, augmentation: tuple(
        examples.example(int(place), key, augmentation) for place in places
    )


def _choose_pairs(examples: Examples, number: int) -> Chosen:
    """A nucleus with itself at a later time point, and with a neighbour then."""
    movie, source = _list_linked(examples)[number]
    own = (examples.movies == movie) & (examples.sources == source)

    def show(key: tuple[int, ...], augmentation: Augmentation | None) -> tuple[LinkExample, ...]:
        skip = examples.settings.augmentation.skip or 1
        step = 1 if augmentation is None else int(np.random.default_rng(key).integers(1, skip + 1))
        later = own & (examples.steps == step)
        ends = later if (later & examples.targets).any() else own & (examples.steps == 1)
        others = np.flatnonzero(ends & ~examples.targets).tolist()
        near = sorted(others, key=lambda place: examples.kinds[place] != OTHER_NEAR)
        places = [int(np.flatnonzero(ends & examples.targets)[0]), *near[:1]]
        return tuple(examples.example(place, key, augmentation) for place in places)

    return show


def _list_linked(examples: Examples) -> np.ndarray:
    """Movie and row of each nucleus that is linked to the next time point, (n, 2) int."""
    linked = examples.targets & (examples.steps == 1)
    return np.unique(np.column_stack([examples.movies, examples.sources])[linked], axis=0)


# ---- pictures ------------------------------------------------------------------------------------------------------


def make_preview_panes(columns: Sequence[Column], settings: NetworkSettings) -> list[list[Pane]]:
    """The columns as rows of panes: image and target; crops of both answers; both crops of pairs of
    both answers.
    """
    make = {"position": _make_patch_panes, "division": _make_crop_panes, "link": _make_pair_panes}[
        settings.network
    ]
    return make(columns, settings)


def plot_columns(columns: Sequence[Column], settings: NetworkSettings) -> Drawing:
    """The same as a figure."""
    if settings.network == "position":
        patches = [column.examples[0] for column in columns]
        return plot_augmentations(
            patches[0], patches[1:], settings, names=[column.name for column in columns[1:]]
        )
    plot, answers = (plot_crops, _CROPS) if settings.network == "division" else (plot_pairs, _PAIRS)
    numbers = range(len(columns[0].examples))
    shown = [
        (column, number)
        for number in numbers
        for column in columns
        if number < len(column.examples)
    ]
    names = [f"{answers[number]},\n{column.name}" for column, number in shown]
    return plot([column.examples[number] for column, number in shown], settings, names=names)


_CROPS = ("divides", "does not divide")
_PAIRS = ("same nucleus", "another one")


def _make_patch_panes(columns: Sequence[Column], settings: NetworkSettings) -> list[list[Pane]]:
    """Image and target in the plane with most nuclei; it is the same in all columns, as planes are
    never mixed.
    """
    spacing_um, now = np.array(settings.spacing_um), -settings.time_window[0]
    z = int(columns[0].examples[0].target.sum(axis=(1, 2)).argmax())
    images, targets = [], []
    for column in columns:
        (example,) = column.examples
        size_um = tuple((example.target.shape * spacing_um)[1:].tolist())
        near = np.abs(example.positions[:, 0] - z) <= NEAR_PLANES
        marked = (Points(POSITION, ((example.positions + 0.5) * spacing_um)[near, 1:]),)
        image = make_grey(example.image[z, :, :, now])
        images.append(Pane(column.name, image, size_um, marked, bar=not images))
        targets.append(Pane("" if targets else "target", colour_heat(example.target[z]), size_um))
    return [images, targets]


def _make_crop_panes(columns: Sequence[Column], settings: NetworkSettings) -> list[list[Pane]]:
    """The plane through the nucleus at the central time point, either answer in a row."""
    now, rows = -settings.time_window[0], []
    for number in range(len(columns[0].examples)):
        crops = [column.examples[number].image[..., now] for column in columns]
        titles = [
            f"{_CROPS[number]}\n{column.name}" if number == 0 else _CROPS[number]
            for column in columns
        ]
        rows.append([_make_crop(title, crop, settings) for title, crop in zip(titles, crops)])
    return rows


def _make_pair_panes(columns: Sequence[Column], settings: NetworkSettings) -> list[list[Pane]]:
    """The earlier nucleus above the later one, with an arrow from where it was to where it is;
    either answer.
    """
    rows = []
    for number in range(len(columns[0].examples)):
        pairs = [column.examples[min(number, len(column.examples) - 1)] for column in columns]
        first = [
            _make_end(pair, column, _PAIRS[number], settings, 0)
            for pair, column in zip(pairs, columns)
        ]
        rows += [
            first,
            [_make_end(pair, column, "", settings, 1) for pair, column in zip(pairs, columns)],
        ]
    return rows


def _make_end(
    pair: LinkExample, column: Column, answer: str, settings: NetworkSettings, which: int
) -> Pane:
    """One end of a pair: 0 the earlier, 1 the later nucleus; each in the middle of its crop."""
    move_um = pair.displacement * settings.spacing_um
    crop = pair.second[..., -1] if which else pair.first[..., 0]
    middle_um = np.array(crop.shape[1:]) * settings.spacing_um[1:] / 2
    start_um = middle_um - which * move_um[1:]
    title = "later" if which else f"{answer}\n{column.name}, earlier"
    note = f"moved {np.linalg.norm(move_um):.1f} µm, z {move_um[0]:+.1f}".replace("-", "−")
    arrow_um = np.array([start_um, start_um + move_um[1:]])
    return _make_crop(title, crop, settings, arrow_um=arrow_um, note=note if which else "")


def _make_crop(title: str, crop: np.ndarray, settings: NetworkSettings, **options) -> Pane:
    """The middle plane of a crop."""
    size_um = tuple((np.array(crop.shape) * settings.spacing_um)[1:].tolist())
    return Pane(title, make_grey(crop[len(crop) // 2]), size_um, **options)
