"""What the division and the link network look at: crops with one nucleus in their middle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.examples.division import DivisionExample
from organoid_kit.examples.link import LinkExample
from organoid_kit.examples.patches import GREYS
from organoid_kit.plots.drawing import (
    COLOURS,
    Drawing,
    Spacing,
    count,
    draw_figure,
    draw_plane,
    find_spacing,
)

_DIVISION_KINDS = ("division", "no division,\nlooks alike", "no division")
_LINK_KINDS = ("same, hard", "same", "other, near", "other, far")
_PAIRS_IN_ROW = 5
_SHORTEST_ARROW_UM = 2.0  # one that is shorter would be all head


def plot_crops(
    examples: Sequence[DivisionExample],
    settings: NetworkSettings,
    *,
    names: Sequence[str] | None = None,
    title: str = "",
) -> Drawing:
    """What the division network sees: the plane through the nucleus, one row per example, time to
    the right.

    Args:
        examples: of `DivisionExamples`.
        settings: those of the `DivisionExamples`.
        names: of the rows; None: what each is.
        title: above the figure.
    """
    names = _check_names(names, [_DIVISION_KINDS[example.kind] for example in examples])
    spacing_um = find_spacing(settings)
    times = range(settings.time_window[0], settings.time_window[1] + 1)
    figure = draw_figure(
        1.6 * len(times) + 1.2, 1.65 * max(1, len(examples)) + 0.4 * bool(title) + 0.3
    )
    panels = figure.subplots(max(1, len(examples)), len(times), squeeze=False)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
    for row, example in zip(panels, examples):
        for axes, image in zip(row, np.moveaxis(example.image, -1, 0)):
            draw_plane(
                axes, _middle_plane(image), spacing_um[1:], limits=GREYS, bar=axes is panels[-1, -1]
            )
    for axes, name in zip(panels[:, 0], names):
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    for axes, time in zip(panels[0], times):
        axes.set_title(_format_time(time), fontsize=9)
    figure.suptitle(title)
    figure.description = (
        f"{title + ': ' if title else ''}{count(len(examples), 'crop')}, the plane through the nucleus in the middle, "
        f"at {count(len(times), 'time point')} from {times[0]:+d} to {times[-1]:+d}. From above: {_list(names)}."
    )
    return figure


def plot_pairs(
    examples: Sequence[LinkExample],
    settings: NetworkSettings,
    *,
    names: Sequence[str] | None = None,
    title: str = "",
) -> Drawing:
    """What the link network sees: are the two nuclei in the middle the same? One column per pair,
    time downwards.

    An arrow leads from where the earlier nucleus is to where the later one is, with the drift of
    the sample taken out; beside it stands by how much the nucleus would have moved in depth.

    Args:
        examples: of `LinkExamples`.
        settings: those of the `LinkExamples`.
        names: of the pairs; None: what each is.
        title: above the figure.
    """
    names = _check_names(names, [_LINK_KINDS[example.kind] for example in examples])
    spacing_um = find_spacing(settings)
    rows = max(1, -(-len(examples) // _PAIRS_IN_ROW))
    columns = max(1, -(-len(examples) // rows))  # rows of equal length
    figure = draw_figure(2.1 * columns + 0.5, 4.6 * rows + 0.4 * bool(title))
    panels = figure.subplots(2 * rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for number, (example, name) in enumerate(zip(examples, names)):
        row, column = divmod(number, columns)
        _show_pair(panels[2 * row : 2 * row + 2, column], example, spacing_um, name)
    figure.suptitle(title)
    moves = [_describe_move(name, example, spacing_um) for name, example in zip(names, examples)]
    figure.description = (
        f"{title + ': ' if title else ''}{count(len(examples), 'pair')} of crops: above the earlier nucleus, below the "
        f"later one, each in the middle, with the movement from one to the other as an arrow. From left to right: "
        f"{_list(moves)}."
    )
    return figure


def _show_pair(panels: np.ndarray, example: LinkExample, spacing_um: Spacing, name: str) -> None:
    """The earlier nucleus above, the later one below."""
    move_um = example.displacement * spacing_um
    images = (example.first[..., 0], example.second[..., -1])
    for axes, image, when, share in zip(panels, images, ("earlier", "later"), (0, 1)):
        axes.axis("on")
        draw_plane(axes, _middle_plane(image), spacing_um[1:], limits=GREYS, bar=when == "later")
        middle_um = (np.array(image.shape[1:]) - 1) / 2 * spacing_um[1:]
        _draw_move(axes, middle_um - share * move_um[1:], move_um[1:])
        axes.set_title(f"{name}\nearlier" if when == "earlier" else when, fontsize=9)
    panels[1].set_xlabel(f"depth {move_um[0]:+.1f} µm".replace("-", "−"), fontsize=9)


def _draw_move(axes: Axes, start_um: np.ndarray, move_um: np.ndarray) -> None:
    """An arrow with a ring at its start; a ring alone where the nucleus hardly moved in the plane."""
    (y, x), (dy, dx) = start_um, move_um
    edge = [withStroke(linewidth=3.5, foreground="black")]
    ring = {
        "marker": "o",
        "markersize": 6,
        "markeredgecolor": COLOURS["orange"],
        "markerfacecolor": "none",
    }
    axes.plot([x], [y], markeredgewidth=1.5, linestyle="none", path_effects=edge, **ring)
    if np.hypot(dy, dx) >= _SHORTEST_ARROW_UM:
        style = {
            "arrowstyle": "-|>",
            "color": COLOURS["orange"],
            "linewidth": 1.6,
            "shrinkA": 3,
            "shrinkB": 0,
        }
        arrow = axes.annotate(
            "", (x + dx, y + dy), (x, y), arrowprops={**style, "mutation_scale": 10}
        )
        arrow.arrow_patch.set_path_effects(edge)


def _middle_plane(stack: np.ndarray) -> np.ndarray:
    return stack[len(stack) // 2]


def _check_names(names: Sequence[str] | None, kinds: Sequence[str]) -> Sequence[str]:
    names = kinds if names is None else names
    if len(names) != len(kinds):
        raise UserError(
            f"Every example needs a name. Received: {len(names)} names for {len(kinds)} examples. "
            "Pass one name for each, or leave names out."
        )
    return names


def _format_time(time: int) -> str:
    return "now" if time == 0 else f"{time:+d}".replace("-", "−")


def _describe_move(name: str, example: LinkExample, spacing_um: Spacing) -> str:
    z, y, x = example.displacement * spacing_um
    return f"{name}, moved by {z:.1f}, {y:.1f}, {x:.1f} µm (z, y, x)"


def _list(names: Sequence[str]) -> str:
    return "; ".join(name.replace("\n", " ") for name in names) or "nothing"
