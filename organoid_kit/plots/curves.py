"""Diagrams: how much is annotated, how training goes, how good a network is and where it errs."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from organoid_kit.data import AnnotatedMovie
from organoid_kit.evaluation.positions import PositionScore, ThresholdCurve
from organoid_kit.plots.drawing import (
    COLOURS,
    LINES,
    STAR,
    Drawing,
    count,
    draw_figure,
    format_number,
    tidy,
)
from organoid_kit.training.diagnosis import History, describe_history
from organoid_kit.training.runs import QUALITIES, find_best

_SCORES = {"precision": "precision", "recall": "recall", "f1": "F1"}
_BARS = (  # of positions that were right, missed and false; told apart by hatching, too
    ("matched", "right", "sky blue", ""),
    ("missed", "missed", "yellow", "//"),
    ("false", "false", "vermillion", "xx"),
)


def plot_annotation_counts(annotated_movies: Sequence[AnnotatedMovie]) -> Drawing:
    """How many positions each time point has, one line for each movie; stars mark divisions."""
    figure = draw_figure()
    axes = figure.subplots()
    star = STAR | {"markersize": 11}
    number_beside = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
    words = []
    for number, annotated in enumerate(annotated_movies):
        name, annotations = annotated.name, annotated.annotations
        times = annotations.annotated_time_points
        counts = np.array([len(annotations.rows_at(time_point)) for time_point in times], int)
        axes.plot(times, counts, label=name, markersize=5, **LINES[number % len(LINES)])
        dividing = annotations.time_points[annotations.divisions()]
        for time_point, mothers in zip(*np.unique(dividing, return_counts=True), strict=True):
            place = (time_point, counts[np.searchsorted(times, time_point)])
            axes.plot(*place, **star)
            if mothers > 1:
                axes.annotate(f"{mothers}", place, (0, 7), **number_beside)
        words.append(f"{name}: no positions.")
        if len(times):
            words[-1] = (
                f"{name}: {counts[0]} at time point {times[0]}, {counts[-1]} at time point "
                f"{times[-1]}, {counts.sum()} in all, {count(len(dividing), 'division')}."
            )
    axes.plot([], [], **star, label="division")
    axes.set(xlabel="time point", ylabel="annotated positions", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)
    figure.legend(loc="outside right upper")
    figure.description = f"Annotated positions at each time point. {' '.join(words)}"
    return figure


def plot_history(
    history: History, compare: Mapping[str, History] | None = None, *, title: str = ""
) -> Drawing:
    """Losses over the epochs, and quality in validation: F1 or average precision.

    A star marks the epoch whose network is kept.

    Args:
        history: a row for each epoch, see `Run.history`.
        compare: other histories by name, drawn faintly.
        title: above the figure.
    """
    figure = draw_figure(9, 3.8)
    losses, quality = figure.subplots(1, 2)
    compare = compare or {}
    rows = [*history, *(row for other in compare.values() for row in other)]
    measured = (key for key in QUALITIES if any(row.get(key) is not None for row in rows))
    key = next(measured, "")
    for number, (name, other) in enumerate(compare.items(), start=2):
        style = {**LINES[number % len(LINES)], "alpha": 0.6, "markersize": 3, "linewidth": 1}
        losses.plot(*_column(other, "validation_loss"), label=f"validation, {name}", **style)
        quality.plot(*_column(other, key), label=name, **style)
    losses.plot(*_column(history, "loss"), label="training", markersize=4, **LINES[0])
    losses.plot(*_column(history, "validation_loss"), label="validation", markersize=4, **LINES[1])
    quality.plot(*_column(history, key), label="this training", markersize=4, **LINES[1])
    best = find_best(history)
    for axes, name in ((losses, "validation_loss"), (quality, key)):
        if best and best.get(name) is not None:
            axes.axvline(best["epoch"], color="0.7", linewidth=1, linestyle=":", zorder=0)
            star = STAR | {"markersize": 11, "label": "best epoch", "zorder": 5}
            axes.plot([best["epoch"]], [best[name]], **star)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes)
    losses.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    quality.set(xlabel="epoch", ylabel=f"{QUALITIES.get(key, 'quality')} in validation")
    quality.set_ylim(0, 1.02)
    losses.legend(fontsize=9)
    if compare:
        quality.legend(fontsize=9)
    reading = describe_history(history)
    lines = textwrap.wrap(reading, 115)
    figure.suptitle("\n".join([title, *lines] if title else lines), fontsize=10)
    figure.description = f"{title} {_describe_losses(history, key)} {reading}".strip()
    return figure


def _column(history: History, key: str) -> tuple[list[int], list[float]]:
    """Epochs and values; what was not measured leaves a gap."""
    return [row["epoch"] for row in history], [_or_gap(row.get(key)) for row in history]


def _describe_losses(history: History, key: str) -> str:
    best = find_best(history)
    if not best:
        return "No epoch is finished yet."
    measured = f"{QUALITIES[key]} {format_number(best.get(key), 3)}" if key else ""
    ends = [
        f"from {history[0][name]:.3g} to {history[-1][name]:.3g}"
        for name in ("loss", "validation_loss")
    ]
    return (
        f"Loss over {count(len(history), 'epoch')}: training {ends[0]}, validation {ends[1]}. "
        f"In the best epoch, {best['epoch']}, the validation loss was "
        f"{best['validation_loss']:.3g} and {measured or 'quality not measured'}."
    )


def plot_threshold_curve(
    curve: ThresholdCurve, *, chosen: float | None = None, title: str = ""
) -> Drawing:
    """Precision, recall and F1 over the probability from which a position counts as found.

    Args:
        curve: of `score_over_thresholds`.
        chosen: the threshold in use, which is marked; None: the best one of this curve.
        title: above the figure.
    """
    figure = draw_figure()
    axes = figure.subplots()
    for line, (key, name) in zip(LINES, _SCORES.items()):
        values = [_or_gap(getattr(score, key)) for score in curve.scores]
        axes.plot(curve.thresholds, values, label=name, markevery=5, markersize=5, **line)
    words = "Precision, recall and F1 over the threshold: not measured, as nothing is annotated."
    if curve.scores and curve.scores[0].f1 is not None:
        best, score = curve.best(), curve.best_score()
        chosen = best if chosen is None else chosen
        words = (
            f"Precision, recall and F1 for thresholds from {curve.thresholds[0]:.2f} to "
            f"{curve.thresholds[-1]:.2f}. F1 is highest, {score.f1:.3f}, at {best:.2f}, with "
            f"precision {format_number(score.precision, 3)} and recall "
            f"{format_number(score.recall, 3)}. The threshold {chosen:.2f} is marked."
        )
    if chosen is not None:
        line = {"color": "0.3", "linewidth": 1, "linestyle": ":"}
        axes.axvline(chosen, label=f"threshold {chosen:.2f}", **line)
    axes.set(xlabel="threshold", ylabel="score", ylim=(0, 1.02))
    tidy(axes)
    figure.legend(loc="outside right upper")
    return figure.caption(title, words)


def plot_depth_scores(
    score: PositionScore, bin_um: float = 10.0, *, title: str = "Scores by depth"
) -> Drawing:
    """Precision and recall in slabs of depth, each `bin_um` thick, and their numbers of positions.

    Args:
        score: of `score_positions`.
    """
    parts = {f"{low:g}–{high:g}": part for (low, high), part in score.by_depth(bin_um).items()}
    return _plot_parts(parts, "depth z (µm)", title)


def plot_time_scores(score: PositionScore, *, title: str = "Scores by time point") -> Drawing:
    """Precision and recall at each time point, and how many positions each has."""
    parts = {str(time_point): part for time_point, part in score.by_time_point().items()}
    return _plot_parts(parts, "time point", title)


def _plot_parts(parts: Mapping[str, PositionScore], label: str, title: str) -> Drawing:
    """Scores above, numbers of positions below."""
    figure = draw_figure(7, 5)
    quality, numbers = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    places, scores = np.arange(len(parts)), list(parts.values())
    for line, key in zip(LINES, ("precision", "recall")):
        quality.plot(places, [_or_gap(getattr(part, key)) for part in scores], label=key, **line)
    base = np.zeros(len(places))
    for key, name, colour, hatch in _BARS:
        heights = np.array([getattr(part, key) for part in scores], float)
        style = {"color": COLOURS[colour], "hatch": hatch, "edgecolor": "0.2", "linewidth": 0.5}
        numbers.bar(places, heights, bottom=base, label=name, **style)
        base += heights
    quality.set(ylabel="score", ylim=(0, 1.04))
    numbers.set(xlabel=label, ylabel="positions")
    every = max(1, len(parts) // 12)
    numbers.set_xticks(places[::every], list(parts)[::every])
    for axes in (quality, numbers):
        tidy(axes)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.suptitle(title)
    words = [
        f"{label} {name}: precision {format_number(part.precision)}, "
        f"recall {format_number(part.recall)}."
        for name, part in parts.items()
    ]
    figure.description = f"{title}. {' '.join(words) or 'Not measured.'}"
    return figure


def _or_gap(value: float | None) -> float:
    return np.nan if value is None else value
