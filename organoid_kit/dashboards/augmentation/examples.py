"""One example as it is and as augmentation varies it, for each network; and pictures of them."""

from collections.abc import Callable, Mapping

import numpy as np

from organoid_kit.base import AugmentationSettings, NetworkSettings
from organoid_kit.dashboards.augmentation.advice import MOST_SKIP
from organoid_kit.dashboards.parts.svg import Pane, Points, colour_heat
from organoid_kit.examples import division, link, make_examples, patches, position
from organoid_kit.examples.augmentation import Augmentation, draw_augmentation
from organoid_kit.examples.batches import Examples, Movies
from organoid_kit.plots.crops import plot_crops, plot_pairs
from organoid_kit.plots.curves import ANSWERS
from organoid_kit.plots.drawing import NEAR_PLANES, POSITION, Drawing
from organoid_kit.plots.images import plot_augmentations

Example = position.PositionExample | division.DivisionExample | link.LinkExample
# What stands below each other, by its name: one patch, or one crop or pair of either answer.
Columns = Mapping[str, tuple[Example, ...]]
# Key of the random numbers, variation → a column.
Chosen = Callable[[tuple[int, ...], Augmentation | None], tuple[Example, ...]]
_TRIED = 8  # patches of a time point, of which the one with most nuclei is shown


def make_preview_examples(movies: Movies, settings: NetworkSettings) -> Examples:
    """Examples without variation, with links over as many time points as may be skipped."""
    widest = AugmentationSettings(skip=MOST_SKIP)
    return make_examples(movies, settings.changed(augmentation=widest), augment=False)


def count_previews(examples: Examples) -> int:
    """How many examples can be chosen: annotated time points, divisions, or linked nuclei."""
    network = examples.settings.network
    if network == "position":
        return len(examples.places)
    return int(examples.targets.sum()) if network == "division" else len(_list_linked(examples))


def choose_example(examples: Examples, number: int) -> Chosen:
    """What is shown as an example of this number, from 0."""
    choose = {"position": _choose_patch, "division": _choose_crops, "link": _choose_pairs}
    return choose[examples.settings.network](examples, number)


def make_columns(
    examples: Examples, shown: Chosen, chosen: AugmentationSettings, seed: int, variations: int
) -> Columns:
    """An example as it is, and so many variations of it; each seed always throws the same dice."""
    examples.settings = examples.settings.changed(augmentation=chosen)
    columns = {"as it is": shown((0,), None)}
    for throw in range(variations):
        augmentation = draw_augmentation(chosen, np.random.default_rng((seed, throw)))
        columns[f"varied, {throw + 1}"] = shown((seed, throw), augmentation)
    return columns


def _choose_patch(examples: Examples, number: int) -> Chosen:
    """The patch with most nuclei of the first few of a time point."""
    keys = [(examples.settings.seed, each) for each in range(_TRIED)]
    best = max(keys, key=lambda key: examples.example(number, key).target.sum())
    return lambda _, augmentation: (examples.example(number, best, augmentation),)


def _choose_crops(examples: Examples, number: int) -> Chosen:
    """A nucleus that divides, and one that looks alike."""
    alike = np.flatnonzero(examples.kinds == division.ALIKE)
    rows = [np.flatnonzero(examples.targets)[number], *alike[number % max(len(alike), 1) :][:1]]
    return lambda *how: tuple(examples.example(int(row), *how) for row in rows)


def _choose_pairs(examples: Examples, number: int) -> Chosen:
    """A nucleus with itself at a later time point, and with a neighbour then."""
    movie, source = _list_linked(examples)[number]
    own = (examples.movies == movie) & (examples.sources == source)

    def show(key: tuple[int, ...], augmentation: Augmentation | None) -> tuple[Example, ...]:
        skip = examples.settings.augmentation.skip or 1
        step = 1 if augmentation is None else int(np.random.default_rng(key).integers(1, skip + 1))
        ends = own & (examples.steps == step)
        if not (ends & examples.targets).any():
            ends = own & (examples.steps == 1)
        others = np.flatnonzero(ends & ~examples.targets).tolist()
        others.sort(key=lambda row: examples.kinds[row] != link.OTHER_NEAR)
        rows = [int(np.flatnonzero(ends & examples.targets)[0]), *others[:1]]
        return tuple(examples.example(row, key, augmentation) for row in rows)

    return show


def _list_linked(examples: Examples) -> np.ndarray:
    """Movie and row of each nucleus that is linked to the next time point, (n, 2) int."""
    linked = examples.targets & (examples.steps == 1)
    return np.unique(np.column_stack([examples.movies, examples.sources])[linked], axis=0)


def make_preview_panes(columns: Columns, settings: NetworkSettings) -> list[list[Pane]]:
    """The columns as rows of panes: image and target; crops, or pairs of crops, of both answers."""
    if settings.network == "position":
        return _make_patch_panes(columns, settings)
    rows, now = [], -settings.time_window[0]
    for number, (answer, _) in enumerate(zip(ANSWERS[settings.network][::-1], columns["as it is"])):
        if settings.network == "division":
            titles = [answer if number else f"{answer}\n{name}" for name in columns]
            crops = [column[number].image[..., now] for column in columns.values()]
            rows.append([_make_crop(*titled, settings) for titled in zip(titles, crops)])
        else:
            ends = [
                _make_ends(f"{answer}\n{name}", column[min(number, len(column) - 1)], settings)
                for name, column in columns.items()
            ]
            rows += map(list, zip(*ends))
    return rows


def plot_columns(columns: Columns, settings: NetworkSettings) -> Drawing:
    """The same as a figure."""
    if settings.network == "position":
        first, *others = [column[0] for column in columns.values()]
        return plot_augmentations(first, others, settings, names=list(columns)[1:])
    shown, names = [], []
    for number, (answer, _) in enumerate(zip(ANSWERS[settings.network][::-1], columns["as it is"])):
        having = {name: column for name, column in columns.items() if number < len(column)}
        shown += [column[number] for column in having.values()]
        names += [f"{answer},\n{name}" for name in having]
    plot = plot_crops if settings.network == "division" else plot_pairs
    return plot(shown, settings, names=names)


def _make_patch_panes(columns: Columns, settings: NetworkSettings) -> list[list[Pane]]:
    """Image and target in the plane with most nuclei, the same one in all: planes never mix."""
    spacing_um, now = np.array(settings.spacing_um), -settings.time_window[0]
    z = int(columns["as it is"][0].target.sum(axis=(1, 2)).argmax())
    images, targets = [], []
    for name, (example,) in columns.items():
        near = np.abs(example.positions[:, 0] - z) <= NEAR_PLANES
        marked = (Points(POSITION, ((example.positions + 0.5) * spacing_um)[near, 1:]),)
        image = patches.make_grey(example.image[z, :, :, now])
        images.append(Pane(name, image, spacing_um[1:], marked, bar=not images))
        target, title = colour_heat(example.target[z]), "" if targets else "target"
        targets.append(Pane(title, target, spacing_um[1:]))
    return [images, targets]


def _make_ends(title: str, pair: link.LinkExample, settings: NetworkSettings) -> tuple[Pane, Pane]:
    """The earlier and the later nucleus; an arrow leads from where it was to where it is."""
    moved_um = pair.displacement * settings.spacing_um
    middle_um = np.array(pair.first.shape[1:3]) * settings.spacing_um[1:] / 2
    arrow_um = np.array([middle_um, middle_um + moved_um[1:]])
    note = f"moved {np.linalg.norm(moved_um):.1f} µm, z {moved_um[0]:+.1f}".replace("-", "−")
    later_um = arrow_um - moved_um[1:]
    return (
        _make_crop(f"{title}, earlier", pair.first[..., 0], settings, arrow_um=arrow_um),
        _make_crop("later", pair.second[..., -1], settings, arrow_um=later_um, note=note),
    )


def _make_crop(title: str, crop: np.ndarray, settings: NetworkSettings, **options) -> Pane:
    """The middle plane of a crop."""
    return Pane(title, patches.make_grey(crop[len(crop) // 2]), settings.spacing_um[1:], **options)
