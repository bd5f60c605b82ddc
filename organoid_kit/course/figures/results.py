"""The results table as a diagram: every seed is shown, so that one sees which differences are
larger than chance.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from organoid_kit.course.results_table import ResultsTable, Summary, format_spread, list_scores
from organoid_kit.plots.drawing import COLOURS, Drawing, draw_figure, tidy

_SEED = {
    "color": COLOURS["blue"],
    "marker": "o",
    "linestyle": "none",
    "markersize": 8,
    "alpha": 0.6,
}
_MEAN = {
    "color": COLOURS["black"],
    "marker": "|",
    "linestyle": "none",
    "markersize": 22,
    "markeredgewidth": 2,
}


def plot_results(table: ResultsTable, *, score: str | None = None) -> Drawing:
    """One panel a network, one line a variant: a circle for each seed, a stroke at their mean.

    Args:
        table: of `read_results`.
        score: the one to show; None: of each network the first that was measured.
    """
    panels = _group_by_panel(table, score)
    lengths = [len(rows) for *_, rows in panels]
    figure = draw_figure(7.5, 0.9 * max(1, len(panels)) + 0.5 * sum(lengths))
    if not panels:
        figure.description = "No results yet."
        return figure
    every = figure.subplots(
        len(panels), squeeze=False, height_ratios=[length + 1.2 for length in lengths]
    )[:, 0]
    for axes, (network, name, rows) in zip(every, panels, strict=True):
        _draw_panel(axes, f"{network}: {name}", rows, name)
    words = [f"{network}, {name}: {_describe_rows(rows, name)}." for network, name, rows in panels]
    figure.description = " ".join(["Results, mean (lowest to highest seed).", *words])
    return figure


def _group_by_panel(table: ResultsTable, score: str | None) -> list[tuple[str, str, list[Summary]]]:
    """Network, score and rows of each panel; nothing of a network that lacks the score."""
    panels = []
    for network, rows in table.networks.items():
        shown = [
            name
            for name in list_scores(rows)
            if score in (None, name) and any(row.values(name) for row in rows)
        ]
        panels += [(network, name, [row for row in rows if row.values(name)]) for name in shown[:1]]
    return panels


def _draw_panel(axes: Axes, title: str, rows: Sequence[Summary], score: str) -> None:
    for height, row in enumerate(rows):
        values = row.values(score)
        axes.plot(values, [height] * len(values), **_SEED)
        axes.plot([sum(values) / len(values)], [height], **_MEAN)
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), title=title)
    axes.margins(x=0.08)
    tidy(axes)


def _name(row: Summary) -> str:
    return f"{row.variant}\n({row.tested_on})" if row.tested_on else row.variant


def _describe_rows(rows: Sequence[Summary], score: str) -> str:
    return "; ".join(
        f"{_name(row).replace(chr(10), ' ')} {format_spread(row.values(score))}" for row in rows
    )
