"""The results table as a diagram: all seeds, to see which differences are larger than chance."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from organoid_kit.course.results_table import ResultsTable, Summary, format_spread, list_scores
from organoid_kit.plots import Drawing, draw_figure
from organoid_kit.plots.drawing import COLOURS, tidy

_SEED = {"color": COLOURS["blue"], "marker": "o", "markersize": 8, "alpha": 0.6}
_MEAN = {"color": COLOURS["black"], "marker": "|", "markersize": 22, "markeredgewidth": 2}


def plot_results(table: ResultsTable, *, score: str | None = None) -> Drawing:
    """One panel a network, one line a variant: a circle for each seed, a stroke at their mean.

    Without a `score`, the first that was measured of each network is shown.
    """
    panels = []  # network, score and rows; nothing of a network that lacks the score
    for network, rows in table.networks.items():
        for name in list_scores(rows) if score is None else [score]:
            if measured := [row for row in rows if row.values(name)]:
                panels.append((network, name, measured))
                break
    lengths = np.array([len(rows) for *_, rows in panels])
    figure = draw_figure(7.5, 0.9 * max(1, len(panels)) + 0.5 * lengths.sum())
    if not panels:
        figure.description = "No results yet."
        return figure
    words = ["Results, mean (lowest to highest seed)."]
    grid = figure.subplots(len(panels), squeeze=False, height_ratios=lengths + 1.2)
    for axes, (network, name, rows) in zip(grid[:, 0], panels, strict=True):
        _draw_panel(axes, rows, name)
        axes.set_title(f"{network}: {name}")
        said = (f"{_name(row, ' ')} {format_spread(row.values(name))}" for row in rows)
        words.append(f"{network}, {name}: {'; '.join(said)}.")
    figure.description = " ".join(words)
    return figure


def _draw_panel(axes: Axes, rows: Sequence[Summary], score: str) -> None:
    for height, row in enumerate(rows):
        values = row.values(score)
        axes.plot(values, [height] * len(values), linestyle="none", **_SEED)
        axes.plot([sum(values) / len(values)], [height], linestyle="none", **_MEAN)
    axes.set_yticks(range(len(rows)), [_name(row, "\n") for row in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5))
    axes.margins(x=0.08)
    tidy(axes)


def _name(row: Summary, between: str) -> str:
    return f"{row.variant}{between}({row.tested_on})" if row.tested_on else row.variant
