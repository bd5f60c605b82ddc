"""The worst mistakes of a division or link network in pictures, cut out as the network saw them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from organoid_kit.annotations import Annotations
from organoid_kit.augmentation import no_augmentation
from organoid_kit.crops import cut_crop, find_working_positions, find_working_spacing
from organoid_kit.dataset import AnnotatedMovie
from organoid_kit.link_examples import cut_pair
from organoid_kit.links import estimate_drift
from organoid_kit.patches import PreparedMovies, find_window_bytes
from organoid_kit.plots import Drawing, draw_figure
from organoid_kit.plots.drawing import FALSE, MISSED, show_plane
from organoid_kit.report.judging import find_most_probable, judge_divisions, judge_links
from organoid_kit.settings import NetworkSettings

_GAP = 2  # voxels between the time points of a crop
_WIDTH = 2.6  # inches of a picture
_WHITE = 1.2  # normalised intensity that is shown white

Cut = Callable[[int], np.ndarray]  # row of an answer → what the network saw, (y, x)


def plot_division_mistakes(
    annotated: AnnotatedMovie, found: Annotations, threshold: float, settings: NetworkSettings, *, most: int = 5
) -> Drawing:
    """Above, divisions that were not called, the least probable first; below, calls that are none, the surest first.

    Args:
        annotated: the movie and its truth.
        found: positions with their "division_probability".
        threshold: nuclei from this probability on are called dividing.
        settings: of the network.
        most: so many of each kind.
    """
    score = judge_divisions(annotated.annotations, found, threshold, settings)
    called, right = score.probabilities >= threshold, score.called_mothers >= 0
    missed, false = score.calls[right & ~called], score.calls[score.judged & called & ~right]
    said = found.properties["division_probability"]
    cut = _prepare_crops(AnnotatedMovie(annotated.movie, found), settings)
    title = f"{annotated.name}: worst mistakes (from left to right: the time points that the network saw)"
    return _draw(title, found.time_points, said, missed, false, cut, most)


def plot_link_mistakes(
    annotated: AnnotatedMovie, found: Annotations, settings: NetworkSettings, *, most: int = 5
) -> Drawing:
    """Above, true links that were not the most probable; below, wrong ones that were, the surest first.

    Args:
        annotated: the movie and its truth.
        found: all candidates, with their "link_probability".
        settings: of the network.
        most: so many of each kind.
    """
    labels = judge_links(annotated.annotations, found)
    chosen = np.isin(np.arange(len(labels)), find_most_probable(found))
    missed, false = np.flatnonzero((labels == 1) & ~chosen), np.flatnonzero((labels == 0) & chosen)
    times = found.time_points[found.links[:, 0]]
    cut = _prepare_pairs(AnnotatedMovie(annotated.movie, found), settings)
    title = f"{annotated.name}: worst mistakes (earlier nucleus above, later one below; time goes to the right)"
    return _draw(title, times, found.link_properties["link_probability"], missed, false, cut, most)


def _prepare_crops(annotated: AnnotatedMovie, settings: NetworkSettings) -> Cut:
    """What cuts out a position's crop."""
    prepared = _prepare(annotated, settings)
    places = find_working_positions(annotated, settings)

    def cut(row: int) -> np.ndarray:
        stacks = prepared.window(0, int(annotated.annotations.time_points[row]))
        centres = np.tile(places[row], (len(stacks), 1))
        return _lay_out(cut_crop(no_augmentation(), stacks, centres, settings.patch_shape_zyx))

    return cut


def _prepare_pairs(annotated: AnnotatedMovie, settings: NetworkSettings) -> Cut:
    """What cuts out both crops of a candidate link, the earlier nucleus above."""
    prepared = _prepare(annotated, settings)
    places, spacing = find_working_positions(annotated, settings), find_working_spacing(annotated, settings)
    found = annotated.annotations
    drift = estimate_drift(found) if settings.remove_drift else {}

    def cut(link: int) -> np.ndarray:
        ends = found.links[link]
        times = found.time_points[ends].tolist()
        moved = drift.get(times[0], np.zeros(3)) / spacing
        crops = map(_lay_out, cut_pair(no_augmentation(), prepared, 0, times, places[ends], moved))
        return np.vstack([np.pad(crop, ((0, _GAP), (0, 0)), constant_values=_WHITE) for crop in crops])[:-_GAP]

    return cut


def _prepare(annotated: AnnotatedMovie, settings: NetworkSettings) -> PreparedMovies:
    movies = [annotated.movie]
    return PreparedMovies(movies, settings, cache_bytes=2 * find_window_bytes(movies, settings))


def _lay_out(crop: np.ndarray) -> np.ndarray:
    """The middle planes of a crop (y, x, time, z), time points side by side, (y, x)."""
    planes = crop.shape[3]
    middle = crop[..., (planes - 1) // 2 : planes // 2 + 1].max(axis=3)
    apart = np.pad(middle, ((0, 0), (0, _GAP), (0, 0)), constant_values=_WHITE)
    return np.hstack(list(apart.transpose(2, 0, 1)))[:, :-_GAP]


def _draw(
    title: str, times: np.ndarray, said: np.ndarray, missed: np.ndarray, false: np.ndarray, cut: Cut, most: int
) -> Drawing:
    """Missed ones above, the least probable first; false ones below, the most probable first."""
    chances = np.array([np.nan if each is None else each for each in said], float)
    kinds = {MISSED.name: missed[np.argsort(chances[missed])], FALSE.name: false[np.argsort(-chances[false])]}
    images = [[cut(int(row)) for row in rows[:most]] for rows in kinds.values()]
    heights = [max([0.3, *(_WIDTH * image.shape[0] / image.shape[1] + 0.5 for image in row)]) for row in images]
    figure = draw_figure(_WIDTH * most, sum(heights) + 0.6)
    all_axes = figure.subplots(2, most, squeeze=False, height_ratios=heights)
    for axes_of_row, row, (name, rows) in zip(all_axes, images, kinds.items()):
        for axes in axes_of_row:
            axes.axis("off")
        axes_of_row[0].set_title(f"none is {name}", fontsize=10)
        for axes, image, place in zip(axes_of_row, row, rows):
            _show(axes, image, f"{name}, time {times[place]}\nprobability {chances[place]:.2f}")
    figure.suptitle(title)
    words = " ".join(_say(name, times, chances, rows, most) for name, rows in kinds.items())
    figure.description = f"{title}. {words}"
    return figure


def _show(axes: Axes, image: np.ndarray, title: str) -> None:
    show_plane(axes, image, (1, 1), limits=(0, _WHITE), bar=False)
    axes.set_title(title, fontsize=9)


def _say(name: str, times: np.ndarray, chances: np.ndarray, rows: Sequence[int], most: int) -> str:
    shown = "; ".join(f"time point {times[row]}, probability {chances[row]:.2f}" for row in rows[:most])
    return f"{len(rows)} {name}{f' ({shown})' if shown else ''}."
