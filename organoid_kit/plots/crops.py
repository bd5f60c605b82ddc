"""What the division and the link network look at: crops with one nucleus in their middle."""

from collections.abc import Sequence

import numpy as np

from organoid_kit.base import NetworkSettings, refuse_if
from organoid_kit.examples.division import DivisionExample
from organoid_kit.examples.link import LinkExample
from organoid_kit.examples.patches import GREYS
from organoid_kit.plots import drawing
from organoid_kit.plots.drawing import COLOURS, Drawing, Spacing, count, draw_panels

_DIVISION_KINDS = ("division", "no division,\nlooks alike", "no division")
_LINK_KINDS = ("same, hard", "same", "other, near", "other, far")
_PAIRS_IN_ROW = 5
_SHORTEST_ARROW_UM = 2.0  # a shorter one would be all head


def plot_crops(
    examples: Sequence[DivisionExample],
    settings: NetworkSettings,
    *,
    names: Sequence[str] | None = None,
    title: str = "",
) -> Drawing:
    """What the division network sees: the plane through the nucleus, time to the right."""
    names = _choose_names(names, [_DIVISION_KINDS[example.kind] for example in examples])
    spacing_um = drawing.get_spacing(settings)
    times = range(settings.time_window[0], settings.time_window[1] + 1)
    rows, ticks = max(1, len(examples)), {"xticks": [], "yticks": []}
    inches = 1.6 * len(times) + 1.2, 1.65 * rows + 0.4 * bool(title) + 0.3
    figure, panels = draw_panels(*inches, rows, len(times), squeeze=False, subplot_kw=ticks)
    for row, example, name in zip(panels, examples, names):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        for axes, image in zip(row, np.moveaxis(example.image, -1, 0)):
            bar, plane = axes is panels[-1, -1], image[len(image) // 2]
            drawing.draw_plane(axes, plane, spacing_um[1:], limits=GREYS, bar=bar)
    for axes, time in zip(panels[0], times):
        axes.set_title(f"{time:+d}".replace("-", "−") if time else "now", fontsize=9)
    return figure.caption(
        f"{count(len(examples), 'crop')}, the plane through the nucleus in the middle, at "
        f"{count(len(times), 'time point')} from {times[0]:+d} to {times[-1]:+d}. "
        f"From above: {_list(names)}.",
        title,
    )


def plot_pairs(
    examples: Sequence[LinkExample],
    settings: NetworkSettings,
    *,
    names: Sequence[str] | None = None,
    title: str = "",
) -> Drawing:
    """What the link network sees: the earlier nucleus above, the later below, which an arrow leads
    to, without the drift of the sample, and how far it would have moved in depth.
    """
    names = _choose_names(names, [_LINK_KINDS[example.kind] for example in examples])
    spacing_um = drawing.get_spacing(settings)
    rows = max(1, -(-len(examples) // _PAIRS_IN_ROW))
    columns = max(1, -(-len(examples) // rows))  # rows of equal length
    inches = 2.1 * columns + 0.5, 4.6 * rows + 0.4 * bool(title)
    figure, panels = draw_panels(*inches, 2 * rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    moves, pairs = [], panels.reshape(rows, 2, columns).swapaxes(1, 2).reshape(-1, 2)
    for axes, example, name in zip(pairs, examples, names):
        _draw_pair(axes, example, spacing_um, name)
        z, y, x = example.displacement * spacing_um
        moves.append(f"{name}, moved by {z:.1f}, {y:.1f}, {x:.1f} µm (z, y, x)")
    return figure.caption(
        f"{count(len(examples), 'pair')} of crops: above the earlier nucleus, below the later one, "
        "each in the middle, with the movement from one to the other as an arrow. "
        f"From left to right: {_list(moves)}.",
        title,
    )


def _draw_pair(panels: np.ndarray, example: LinkExample, spacing_um: Spacing, name: str) -> None:
    """The later nucleus below; a ring at the earlier in both, an arrow unless it hardly moved."""
    move_um = example.displacement * spacing_um
    ring = {"marker": "o", "markersize": 6, "markeredgewidth": 1.5, "linestyle": "none"}
    ring |= {"markeredgecolor": COLOURS["orange"], "markerfacecolor": "none"}
    head = {"arrowstyle": "-|>", "mutation_scale": 10, "shrinkA": 3, "shrinkB": 0}
    head |= {"color": COLOURS["orange"], "linewidth": 1.6}
    images = (example.first[..., 0], example.second[..., -1])
    for axes, image, start in zip(panels, images, (0, -1)):
        axes.axis("on")
        bar, plane = axes is panels[1], image[len(image) // 2]
        drawing.draw_plane(axes, plane, spacing_um[1:], limits=GREYS, bar=bar)
        middle_um = (np.array(image.shape[1:]) - 1) / 2 * spacing_um[1:]
        start_um = (middle_um + start * move_um[1:])[::-1]
        axes.plot(*start_um[:, None], path_effects=drawing.outline(3.5), **ring)
        if np.hypot(*move_um[1:]) >= _SHORTEST_ARROW_UM:
            arrow = axes.annotate("", start_um + move_um[:0:-1], start_um, arrowprops=head)
            arrow.arrow_patch.set_path_effects(drawing.outline(3.5))
    panels[0].set_title(f"{name}\nearlier", fontsize=9)
    panels[1].set_title("later", fontsize=9)
    panels[1].set_xlabel(f"depth {move_um[0]:+.1f} µm".replace("-", "−"), fontsize=9)


def _choose_names(names: Sequence[str] | None, kinds: Sequence[str]) -> Sequence[str]:
    names = kinds if names is None else names
    refuse_if(len(names) != len(kinds), "example names", names=len(names), examples=len(kinds))
    return names


def _list(names: Sequence[str]) -> str:
    return "; ".join(name.replace("\n", " ") for name in names) or "nothing"
