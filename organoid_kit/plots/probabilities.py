"""Diagrams of probabilities: can they be believed, and how well do they tell two classes apart?"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from scipy.stats import binomtest

from organoid_kit.evaluation.calibration import Reliability
from organoid_kit.evaluation.classification import PrecisionRecall
from organoid_kit.evaluation.positions import format_score
from organoid_kit.plots.drawing import LINES, STAR, Drawing, count, draw_panels, tidy


def plot_reliability(
    reliability: Reliability | None, before: Reliability | None = None, *, title: str = ""
) -> Drawing:
    """Predicted probabilities against how often they are right, and the examples in each bin. On
    the diagonal they can be believed; below it the network is too sure, above not sure enough. Thin
    bars are 95 % intervals (Wilson 1927); `before` is the same before calibration.
    """
    figure, (diagram, numbers) = draw_panels(6.2, 6, 2, sharex=True, height_ratios=(4, 1.3))
    diagram.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle=":", label="can be believed")
    after = "predicted" if before is None else "after calibration"
    parts = {"before calibration": before, after: reliability}
    parts = {name: part for name, part in parts.items() if part is not None}
    words = []
    for number, (name, part) in enumerate(parts.items()):
        style = LINES[(number - len(parts)) % 2]
        _draw_bins(diagram, numbers, part, style)
        label = f"{name}: ECE {part.ece:.3f}, Brier {part.brier:.3f}"
        diagram.plot(part.probabilities, part.parts_true, label=label, markersize=6, **style)
        words.append(f"{name.capitalize()}: {_describe_bins(part)}")
    diagram.set(ylabel="part that is true", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    numbers.set(xlabel="predicted probability", ylabel="examples")
    if parts:
        numbers.set(yscale="log", ylim=(0.7, None))
        numbers.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        numbers.yaxis.set_minor_formatter(NullFormatter())
    tidy(diagram)
    tidy(numbers)
    figure.legend(loc="outside lower center", fontsize=9)
    words = " ".join(words) or "Not measured: no examples."
    return figure.caption(f"Predicted probabilities against the part that is true. {words}", title)


def _draw_bins(diagram: Axes, numbers: Axes, part: Reliability, style: dict[str, str]) -> None:
    """An interval for each bin above, and a bar with its number of examples below."""
    right = np.round(part.counts * part.parts_true).astype(int)
    tests = (binomtest(int(true), int(of)) for true, of in zip(right, part.counts))
    low, high = np.array([test.proportion_ci(method="wilson") for test in tests]).T
    colour = style["color"]
    diagram.vlines(part.probabilities, low, high, color=colour, linewidth=1, alpha=0.6)
    fill = {"facecolor": colour, "alpha": 0.35} if style is LINES[1] else {"facecolor": "none"}
    edge = {"edgecolor": colour, "linestyle": style["linestyle"], "linewidth": 1.3}
    for look in (fill, edge | {"facecolor": "none"}):
        numbers.bar(part.lows, part.counts, part.width, align="edge", **look)


def _describe_bins(part: Reliability) -> str:
    worst = int(np.abs(part.probabilities - part.parts_true).argmax())
    return (
        f"{count(int(part.counts.sum()), 'example')}, expected calibration error {part.ece:.3f}, "
        f"Brier score {part.brier:.3f}; the bin farthest off predicts "
        f"{part.probabilities[worst]:.2f} where {part.parts_true[worst]:.2f} is true "
        f"({count(int(part.counts[worst]), 'example')})."
    )


def plot_precision_recall(
    curve: PrecisionRecall,
    compare: Mapping[str, PrecisionRecall] | None = None,
    *,
    chosen: float | None = None,
    title: str = "",
) -> Drawing:
    """Precision over recall; a star marks the threshold chosen; None: that of highest F1."""
    (figure, axes), averages = draw_panels(6.2, 5.4), {}
    for number, (name, stairs) in enumerate({"this network": curve, **(compare or {})}.items()):
        averages[name] = format_score(stairs.average_precision)
        recall = np.append(stairs.recall, 0 * stairs.recall[-1:])  # down to a recall of 0
        precision = np.append(stairs.precision, stairs.precision[-1:])
        style = LINES[number % len(LINES)] | {"drawstyle": "steps-post", "markersize": 4}
        label = f"{name}: average precision {averages[name]}"
        axes.plot(recall, precision, label=label, markevery=0.1, **style)
    words = ["Precision over recall: not measured, as nothing is positive."]
    if len(curve.thresholds):
        words = _mark_threshold(axes, curve, chosen)
        chance, line = curve.precision[0], {"color": "0.5", "linewidth": 1, "linestyle": ":"}
        axes.axhline(chance, label=f"by chance: {chance:.3f}", **line)
    axes.set(xlabel="recall: part of the true ones found", xlim=(0, 1.02))
    axes.set(ylabel="precision: part of those found that is true", ylim=(0, 1.02))
    tidy(axes)
    figure.legend(loc="outside lower center", fontsize=9)
    words += [f"{name}: {averages[name]}." for name in compare or {}]
    return figure.caption(" ".join(words), title)


def _mark_threshold(axes: Axes, curve: PrecisionRecall, chosen: float | None) -> list[str]:
    """A star at a threshold, unless no probability reaches it; returns what it shows, in words."""
    average = f"average precision {curve.average_precision:.3f}"
    words = [f"Precision over recall, {average}; by chance it would be {curve.precision[0]:.3f}."]
    threshold = curve.best() if chosen is None else chosen
    row = int(np.searchsorted(curve.thresholds, threshold))
    if row < len(curve.thresholds):
        precision, recall = curve.precision[row], curve.recall[row]
        label = f"threshold {threshold:.2f}: F1 {curve.f1[row]:.3f}"
        axes.plot([recall], [precision], label=label, zorder=5, **STAR, markersize=12)
        words.append(f"A star marks {label}, precision {precision:.3f}, recall {recall:.3f}.")
    return words
