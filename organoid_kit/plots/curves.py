"""Diagrams: how much is annotated, how training goes, how good a network is and where it errs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.evaluation.positions import PositionScore, ThresholdCurve
from organoid_kit.plots.drawing import (
    COLOURS,
    LINES,
    Drawing,
    count,
    draw_figure,
    format_number,
    tidy,
)
from organoid_kit.training.runs import QUALITIES, find_best

History = Sequence[Mapping[str, Any]]

_FEW_EPOCHS = 3  # too few to read anything from a history
_WAITED_EPOCHS = 3  # without a better one before overfitting is named
_JUMP, _JUMP_PART = (
    1.5,
    0.2,
)  # a loss that rises to so many times its lowest, and by this part of the first one
_RECENT_EPOCHS = 5
_LEARNED_PART = 0.9  # a loss that stays above this part of the first one has not fallen


def plot_annotation_counts(annotated_movies: Sequence[AnnotatedMovie]) -> Drawing:
    """How many positions each time point has, one line for each movie; stars mark divisions."""
    figure = draw_figure()
    axes = figure.subplots()
    words = []
    for number, annotated in enumerate(annotated_movies):
        annotations = annotated.annotations
        times = annotations.annotated_time_points
        counts = np.array([len(annotations.rows_at(time_point)) for time_point in times], int)
        axes.plot(times, counts, label=annotated.name, markersize=5, **LINES[number % len(LINES)])
        dividing = annotations.time_points[annotations.divisions()]
        _mark_divisions(axes, times, counts, dividing)
        words.append(_describe_counts(annotated.name, times, counts, len(dividing)))
    axes.plot([], [], **_STAR, label="division")
    axes.set(xlabel="time point", ylabel="annotated positions", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)
    figure.legend(loc="outside right upper")
    figure.description = f"Annotated positions at each time point. {' '.join(words)}"
    return figure


_STAR = {
    "color": COLOURS["black"],
    "marker": "*",
    "markersize": 11,
    "linestyle": "none",
    "markerfacecolor": "white",
}


def _mark_divisions(
    axes: Axes, times: np.ndarray, counts: np.ndarray, dividing: np.ndarray
) -> None:
    """A star at each time point with a mother, and how many where there are several."""
    for time_point, number in zip(*np.unique(dividing, return_counts=True), strict=True):
        height = counts[np.searchsorted(times, time_point)]
        axes.plot([time_point], [height], **_STAR)
        if number > 1:
            axes.annotate(
                f"{number}",
                (time_point, height),
                (0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )


def _describe_counts(name: str, times: np.ndarray, counts: np.ndarray, divisions: int) -> str:
    if len(times) == 0:
        return f"{name}: no positions."
    return (
        f"{name}: {counts[0]} at time point {times[0]}, {counts[-1]} at time point {times[-1]}, {counts.sum()} in all, "
        f"{count(divisions, 'division')}."
    )


def describe_history(history: History) -> str:
    """How a training goes, in a sentence: still learning, overfitting, not learning, learning rate
    too high, or done.

    Args:
        history: a row for each epoch with "loss", "validation_loss" and "best", see `Run.history`.
    """
    best = find_best(history)
    if len(history) < _FEW_EPOCHS or best is None:
        return f"Too early to tell: {count(len(history), 'epoch')} of training so far."
    training = np.array([row["loss"] for row in history])
    epoch, waited = best["epoch"], len(history) - 1 - history.index(best)
    judge, reached, ended = _describe_criterion(best)
    if jumped := _find_jump(training):
        before, after = training[jumped - 1], training[jumped]
        return (
            f"Learning rate too high, it seems: the training loss jumped from {before:.3g} to {after:.3g} in epoch "
            f"{history[jumped]['epoch']}. Start again with a third of it."
        )
    if training.min() > _LEARNED_PART * training[0]:
        return (
            "Not learning: the training loss hardly falls. Look at the examples, or change the learning rate; the "
            "ladder (`overfit_one_patch`) tells whether it can learn at all."
        )
    if waited < _WAITED_EPOCHS:
        return f"Still learning: the {judge} was {reached} in epoch {epoch}, of {len(history)}."
    if training[-waited - 1 :].argmin() > 0:
        return (
            f"Overfitting since epoch {epoch}: the training loss still falls, the {judge} {ended}. "
            f"The network of epoch {epoch} is the one to use."
        )
    return f"No more to learn: nothing has become better since epoch {epoch}."


def _find_jump(losses: np.ndarray) -> int | None:
    """The last of the recent epochs in which the loss rose far above all it had been down to; None
    without one.
    """
    lowest = np.minimum.accumulate(losses)[:-1]
    jumps = (losses[1:] > _JUMP * lowest) & (losses[1:] - losses[:-1] > _JUMP_PART * losses[0])
    recent = np.flatnonzero(jumps[-_RECENT_EPOCHS:]) + max(0, len(jumps) - _RECENT_EPOCHS)
    return int(recent[-1]) + 1 if len(recent) else None


def _describe_criterion(best: Mapping[str, Any]) -> tuple[str, str, str]:
    """What epochs were compared by, what it was in the best one, and what it does after that."""
    if best.get("validation_calibrated_loss") is not None:
        return "validation loss after calibration", "lowest", "does not"
    if best.get("validation_average_precision") is not None:
        return "average precision in validation", "highest", "rises no more"
    return "validation loss", "lowest", "does not"


def plot_history(
    history: History, compare: Mapping[str, History] | None = None, *, title: str = ""
) -> Drawing:
    """Losses over the epochs, and quality in validation: F1 of a position network, average
    precision of the others.

    A star marks the epoch whose network is kept.

    Args:
        history: a row for each epoch, see `Run.history`.
        compare: other histories by name, drawn faintly.
        title: above the figure.
    """
    figure = draw_figure(9, 3.8)
    losses, quality = figure.subplots(1, 2)
    key = _choose_quality([*history, *(row for other in (compare or {}).values() for row in other)])
    for number, (name, other) in enumerate((compare or {}).items(), start=2):
        style = {**LINES[number % len(LINES)], "alpha": 0.6, "markersize": 3, "linewidth": 1}
        losses.plot(*_column(other, "validation_loss"), label=f"validation, {name}", **style)
        quality.plot(*_column(other, key), label=name, **style)
    losses.plot(*_column(history, "loss"), label="training", markersize=4, **LINES[0])
    losses.plot(*_column(history, "validation_loss"), label="validation", markersize=4, **LINES[1])
    quality.plot(*_column(history, key), label="this training", markersize=4, **LINES[1])
    best = find_best(history)
    _mark_best(losses, best, "validation_loss")
    _mark_best(quality, best, key)
    losses.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    quality.set(
        xlabel="epoch", ylabel=f"{QUALITIES.get(key, 'quality')} in validation", ylim=(0, 1.02)
    )
    for axes in (losses, quality):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes)
    losses.legend(fontsize=9)
    if compare:
        quality.legend(fontsize=9)
    reading = describe_history(history)
    lines = textwrap.wrap(reading, 115)
    figure.suptitle("\n".join([title, *lines] if title else lines), fontsize=10)
    figure.description = " ".join(
        filter(None, [title, _describe_loss_history(history, best, key), reading])
    )
    return figure


def _choose_quality(history: History) -> str:
    """Which of the qualities was measured; "" for none."""
    return next((key for key in QUALITIES if any(row.get(key) is not None for row in history)), "")


def _column(history: History, key: str) -> tuple[list[int], list[float]]:
    """Epochs and values; what was not measured leaves a gap."""
    values = [np.nan if row.get(key) is None else row[key] for row in history]
    return [row["epoch"] for row in history], values


def _mark_best(axes: Axes, best: Mapping[str, Any] | None, key: str) -> None:
    if best and best.get(key) is not None:
        axes.axvline(best["epoch"], color="0.7", linewidth=1, linestyle=":", zorder=0)
        axes.plot([best["epoch"]], [best[key]], label="best epoch", zorder=5, **_STAR)


def _describe_loss_history(history: History, best: Mapping[str, Any] | None, key: str) -> str:
    if not best:
        return "No epoch is finished yet."
    first, last = history[0], history[-1]
    quality = (
        f"{QUALITIES[key]} {format_number(best.get(key), 3)}" if key else "quality not measured"
    )
    return (
        f"Loss over {count(len(history), 'epoch')}: training from {first['loss']:.3g} to {last['loss']:.3g}, "
        f"validation from {first['validation_loss']:.3g} to {last['validation_loss']:.3g}. In the best epoch, "
        f"{best['epoch']}, the validation loss was {best['validation_loss']:.3g} and {quality}."
    )


def plot_threshold_curve(
    curve: ThresholdCurve, *, chosen: float | None = None, title: str = ""
) -> Drawing:
    """Precision, recall and F1 over the probability above which a position counts as found.

    Args:
        curve: of `score_over_thresholds`.
        chosen: the threshold in use, marked; None marks the best one of this curve.
        title: above the figure.
    """
    figure = draw_figure()
    axes = figure.subplots()
    for number, (key, name) in enumerate(_FIGURES):
        values = [_or_gap(getattr(score, key)) for score in curve.scores]
        axes.plot(curve.thresholds, values, label=name, markevery=5, markersize=5, **LINES[number])
    measured = bool(curve.scores) and curve.scores[0].f1 is not None
    if chosen is None and measured:
        chosen = curve.best()
    if chosen is not None:
        axes.axvline(
            chosen, color="0.3", linewidth=1, linestyle=":", label=f"threshold {chosen:.2f}"
        )
    axes.set(xlabel="threshold", ylabel="score", ylim=(0, 1.02), title=title)
    tidy(axes)
    figure.legend(loc="outside right upper")
    figure.description = (
        f"{title + ': ' if title else ''}{_describe_curve(curve, chosen, measured)}"
    )
    return figure


_FIGURES = (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))


def _describe_curve(curve: ThresholdCurve, chosen: float | None, measured: bool) -> str:
    if not measured:
        return "Precision, recall and F1 over the threshold: not measured, as there are no true positions."
    best, score = curve.best(), curve.best_score()
    marked = "" if chosen is None else f" The threshold {chosen:.2f} is marked."
    return (
        f"Precision, recall and F1 for thresholds from {curve.thresholds[0]:.2f} to {curve.thresholds[-1]:.2f}. F1 is "
        f"highest, {score.f1:.3f}, at {best:.2f}, with precision {format_number(score.precision, 3)} and recall "
        f"{format_number(score.recall, 3)}.{marked}"
    )


def plot_depth_scores(
    score: PositionScore, bin_um: float = 10.0, *, title: str = "Scores by depth"
) -> Drawing:
    """Precision and recall in slabs of depth, and how many positions each slab has.

    Args:
        score: of `score_positions`.
        bin_um: thickness of a slab.
        title: above the figure.
    """
    parts = {f"{low:g}–{high:g}": part for (low, high), part in score.by_depth(bin_um).items()}
    return _plot_parts(parts, "depth z (µm)", title)


def plot_time_scores(score: PositionScore, *, title: str = "Scores by time point") -> Drawing:
    """Precision and recall at each time point, and how many positions each has."""
    return _plot_parts(
        {str(time_point): part for time_point, part in score.by_time_point().items()},
        "time point",
        title,
    )


def _plot_parts(parts: Mapping[str, PositionScore], label: str, title: str) -> Drawing:
    """Scores above, numbers of positions below."""
    figure = draw_figure(7, 5)
    quality, numbers = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    places = np.arange(len(parts))
    for number, (key, name) in enumerate(_FIGURES[:2]):
        values = [_or_gap(getattr(part, key)) for part in parts.values()]
        quality.plot(places, values, label=name, **LINES[number])
    _stack_bars(numbers, places, list(parts.values()))
    quality.set(ylabel="score", ylim=(0, 1.04))
    numbers.set(xlabel=label, ylabel="positions")
    every = max(1, len(parts) // 12)
    numbers.set_xticks(places[::every], list(parts)[::every])
    for axes in (quality, numbers):
        tidy(axes)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.suptitle(title)
    figure.description = f"{title}. " + (
        " ".join(_say_part(label, *each) for each in parts.items()) or "Not measured."
    )
    return figure


def _stack_bars(axes: Axes, places: np.ndarray, parts: Sequence[PositionScore]) -> None:
    """How many were right, missed and false, on top of each other, told apart by hatching too."""
    base = np.zeros(len(places))
    for key, name, colour, hatch in (
        ("matched", "right", "sky blue", ""),
        ("missed", "missed", "yellow", "//"),
        ("false", "false", "vermillion", "xx"),
    ):
        heights = np.array([getattr(part, key) for part in parts], float)
        axes.bar(
            places,
            heights,
            bottom=base,
            label=name,
            color=COLOURS[colour],
            hatch=hatch,
            edgecolor="0.2",
            linewidth=0.5,
        )
        base += heights


def _say_part(label: str, name: str, part: PositionScore) -> str:
    return f"{label} {name}: precision {format_number(part.precision)}, recall {format_number(part.recall)}."


def _or_gap(value: float | None) -> float:
    return np.nan if value is None else value
