"""Diagrams of probabilities: can they be believed, and how well do they tell two classes apart?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from scipy.stats import binomtest

from organoid_kit.evaluation.calibration import Reliability
from organoid_kit.evaluation.classification import PrecisionRecall
from organoid_kit.plots.drawing import (
    COLOURS,
    LINES,
    Drawing,
    count,
    draw_figure,
    format_number,
    tidy,
)

_STAR = {
    "color": COLOURS["black"],
    "marker": "*",
    "markersize": 12,
    "linestyle": "none",
    "markerfacecolor": "white",
}


def plot_reliability(
    reliability: Reliability | None, before: Reliability | None = None, *, title: str = ""
) -> Drawing:
    """What was said against what is true, and how many examples each bin has.

    On the diagonal the probabilities can be believed; below it the network is too sure, above it
    not sure enough. Thin bars are 95 % intervals (Wilson 1927): how far off a bin may be by chance,
    given how few examples it has.

    Args:
        reliability: of `compute_reliability`; None leaves the diagram empty and says so.
        before: that of the same examples before calibration, drawn beside it.
        title: above the figure.
    """
    figure = draw_figure(6.2, 6)
    diagram, numbers = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1.3))
    diagram.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle=":", label="can be believed")
    parts = {"before calibration": before, "after calibration": reliability}
    if before is None:
        parts = {"predicted": reliability}
    parts = {name: part for name, part in parts.items() if part is not None}
    for number, (name, part) in enumerate(parts.items()):
        _draw_reliability(diagram, numbers, name, part, number - len(parts))
    diagram.set(ylabel="part that is true", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    numbers.set(xlabel="probability that was said", ylabel="examples")
    if parts:
        numbers.set(yscale="log", ylim=(0.7, None))
        numbers.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        numbers.yaxis.set_minor_formatter(NullFormatter())
    for axes in (diagram, numbers):
        tidy(axes)
    figure.legend(loc="outside lower center", fontsize=9)
    figure.suptitle(title)
    words = (
        " ".join(_describe_reliability(name, part) for name, part in parts.items())
        or "Not measured: no examples."
    )
    figure.description = f"{title + ': ' if title else ''}Said against true probability. {words}"
    return figure


def _draw_reliability(
    diagram: Axes, numbers: Axes, name: str, part: Reliability, number: int
) -> None:
    """One line with its intervals above, one stair of counts below."""
    style = LINES[number % 2]
    right = np.round(part.counts * part.parts_true).astype(int)
    intervals = [
        binomtest(int(true), int(each)).proportion_ci(method="wilson")
        for true, each in zip(right, part.counts)
    ]
    low, high = np.array([(each.low, each.high) for each in intervals]).T
    diagram.vlines(part.probabilities, low, high, color=style["color"], linewidth=1, alpha=0.6)
    label = f"{name}: ECE {part.ece:.3f}, Brier {part.brier:.3f}"
    diagram.plot(part.probabilities, part.parts_true, label=label, markersize=6, **style)
    filled = {"facecolor": style["color"], "alpha": 0.35} if number % 2 else {"facecolor": "none"}
    edges = {"edgecolor": style["color"], "linestyle": style["linestyle"], "linewidth": 1.3}
    numbers.bar(part.lows, part.counts, part.width, align="edge", **filled)
    numbers.bar(part.lows, part.counts, part.width, align="edge", facecolor="none", **edges)


def _describe_reliability(name: str, part: Reliability) -> str:
    worst = int(np.abs(part.probabilities - part.parts_true).argmax())
    return (
        f"{name.capitalize()}: {count(int(part.counts.sum()), 'example')}, expected calibration error {part.ece:.3f}, "
        f"Brier score {part.brier:.3f}; the bin farthest off said {part.probabilities[worst]:.2f} where "
        f"{part.parts_true[worst]:.2f} is true ({count(int(part.counts[worst]), 'example')})."
    )


def plot_precision_recall(
    curve: PrecisionRecall,
    compare: Mapping[str, PrecisionRecall] | None = None,
    *,
    chosen: float | None = None,
    title: str = "",
) -> Drawing:
    """Precision over recall; the area under the stairs is the average precision.

    Args:
        curve: of `compute_precision_recall`.
        compare: other curves by name.
        chosen: the threshold in use, marked by a star; None marks that of highest F1.
        title: above the figure.
    """
    figure = draw_figure(6.2, 5.4)
    axes = figure.subplots()
    for number, (name, each) in enumerate({"this network": curve, **(compare or {})}.items()):
        _draw_stairs(axes, name, each, number)
    marked = _choose_marked(curve, chosen)
    if marked:
        words, row = marked
        axes.plot([curve.recall[row]], [curve.precision[row]], label=words, zorder=5, **_STAR)
    if len(curve.thresholds):
        chance = curve.precision[0]
        axes.axhline(
            chance, color="0.5", linewidth=1, linestyle=":", label=f"by chance: {chance:.3f}"
        )
    axes.set(
        xlabel="recall: part of the true ones found",
        ylabel="precision: part of those found that is true",
    )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), title=title)
    tidy(axes)
    figure.legend(loc="outside lower center", fontsize=9)
    figure.description = (
        f"{title + ': ' if title else ''}{_describe_precision_recall(curve, compare or {}, marked)}"
    )
    return figure


def _draw_stairs(axes: Axes, name: str, curve: PrecisionRecall, number: int) -> None:
    recall, precision = (
        np.append(curve.recall, 0 * curve.recall[-1:]),
        np.append(curve.precision, curve.precision[-1:]),
    )
    label = f"{name}: average precision {format_number(curve.average_precision, 3)}"
    style = {
        **LINES[number % len(LINES)],
        "drawstyle": "steps-post",
        "markersize": 4,
        "markevery": 0.1,
    }
    axes.plot(recall, precision, label=label, **style)


def _choose_marked(curve: PrecisionRecall, chosen: float | None) -> tuple[str, int] | None:
    """The threshold to mark, in words and as a row of the curve; None where no probability reaches
    it.
    """
    if len(curve.thresholds) == 0:
        return None
    threshold = curve.best() if chosen is None else chosen
    row = int(np.searchsorted(curve.thresholds, threshold))
    if row == len(curve.thresholds):
        return None
    return f"threshold {threshold:.2f}: F1 {curve.f1[row]:.3f}", row


def _describe_precision_recall(
    curve: PrecisionRecall, compare: Mapping[str, PrecisionRecall], marked: tuple[str, int] | None
) -> str:
    others = "".join(
        f" {name}: {format_number(each.average_precision, 3)}." for name, each in compare.items()
    )
    if len(curve.thresholds) == 0:
        return f"Precision over recall: not measured, as nothing is positive.{others}"
    star = ""
    if marked:
        words, row = marked
        star = f" A star marks {words}, precision {curve.precision[row]:.3f}, recall {curve.recall[row]:.3f}."
    return (
        f"Precision over recall, average precision {curve.average_precision:.3f}; by chance it would be "
        f"{curve.precision[0]:.3f}.{star}{others}"
    )
