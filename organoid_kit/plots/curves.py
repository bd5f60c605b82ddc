"""Diagrams: how much is annotated, how training goes, how good a network is and where it errs."""

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from organoid_kit.evaluation.positions import PositionScore, ThresholdCurve, format_score
from organoid_kit.examples.batches import Movies
from organoid_kit.plots import drawing
from organoid_kit.plots.drawing import COLOURS, LINES, Drawing, count, draw_panels, draw_plane, tidy
from organoid_kit.training import EpochPicture, History, describe_history, runs

_GREYS = (0, 255)
ANSWERS = {"division": ("does not divide", "divides"), "link": ("another one", "same nucleus")}
SCORES = {"precision": "precision", "recall": "recall", "f1": "F1"}
_BARS = (  # of positions that were right, missed and false; told apart by hatching, too
    ("matched", "right", "sky blue", ""),
    ("missed", "missed", "yellow", "//"),
    ("false", "false", "vermillion", "xx"),
)


def plot_annotation_counts(annotated_movies: Movies) -> Drawing:
    """How many positions each time point has, one line for each movie; stars mark divisions."""
    (figure, axes), words, star = draw_panels(), [], drawing.STAR | {"markersize": 11}
    number_beside = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
    for number, annotated in enumerate(annotated_movies):
        name, annotations = annotated.name, annotated.annotations
        times, counts = np.unique(annotations.time_points, return_counts=True)
        label, style = drawing.name_line(name), LINES[number % len(LINES)]
        axes.plot(times, counts, label=label, markersize=5, **style)
        dividing = annotations.time_points[annotations.divisions()]
        for time_point, mothers in zip(*np.unique(dividing, return_counts=True), strict=True):
            place = (time_point, counts[np.searchsorted(times, time_point)])
            axes.plot(*place, **star)
            if mothers > 1:
                axes.annotate(f"{mothers}", place, (0, 7), **number_beside)
        ends = [f"{counts[end]} at time point {times[end]}" for end in (0, -1) if len(times)]
        amounts = [*ends, f"{counts.sum()} in all", count(len(dividing), "division")]
        words.append(f"{name}: {', '.join(amounts) if ends else 'no positions'}.")
    axes.plot([], [], **star, label="division")
    axes.set(xlabel="time point", ylabel="annotated positions", ylim=(0, None))
    tidy(axes, whole_numbers=True)
    figure.legend(loc="outside right upper")
    return figure.caption(f"Annotated positions at each time point. {' '.join(words)}")


def plot_history(
    history: History, compare: Mapping[str, History] | None = None, *, title: str = ""
) -> Drawing:
    """Losses and quality over the epochs; a star marks the one kept. Others are drawn faintly."""
    (figure, (losses, quality)), compare = draw_panels(9, 3.8, 1, 2), compare or {}
    rows = [*history, *(row for other in compare.values() for row in other)]
    key = next((key for key in runs.QUALITIES if any(row.get(key) is not None for row in rows)), "")
    for number, (name, other) in enumerate(compare.items(), start=2):
        style = {**LINES[number % len(LINES)], "alpha": 0.6, "markersize": 3, "linewidth": 1}
        losses.plot(
            *collect_values(other, "validation_loss").T, label=f"validation, {name}", **style
        )
        quality.plot(*collect_values(other, key).T, label=drawing.name_line(name), **style)
    _draw_losses(losses, history)
    quality.plot(*collect_values(history, key).T, label="this training", markersize=4, **LINES[1])
    best = runs.find_best(history)
    for axes, name in ((losses, "validation_loss"), (quality, key)):
        if best and best.get(name) is not None:
            axes.axvline(best["epoch"], color="0.7", linewidth=1, linestyle=":", zorder=0)
            star = drawing.STAR | {"markersize": 11, "label": "best epoch", "zorder": 5}
            axes.plot([best["epoch"]], [best[name]], **star)
        tidy(axes, whole_numbers=True)
    quality_name = f"{runs.QUALITIES.get(key, 'quality')} in validation"
    quality.set(xlabel="epoch", ylabel=quality_name, ylim=(0, 1.02))
    losses.legend(fontsize=9)
    if compare:
        quality.legend(fontsize=9)
    reading = describe_history(history)
    lines = textwrap.wrap(reading, 115)
    figure.suptitle("\n".join([title, *lines] if title else lines), fontsize=10)
    return figure.caption(f"{title} {describe_losses(history, key)} {reading}".strip())


def collect_values(history: History, key: str) -> np.ndarray:
    """Epochs and what was measured after them, (n, 2) float, NaN where it was not."""
    return np.array([[row["epoch"], row.get(key)] for row in history], float).reshape(-1, 2)


def _draw_losses(axes: Axes, history: History) -> None:
    for key, name, line in zip(("loss", "validation_loss"), ("training", "validation"), LINES):
        axes.plot(*collect_values(history, key).T, label=name, markersize=4, **line)
    axes.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    tidy(axes, whole_numbers=True)


def describe_losses(history: History, key: str) -> str:
    """The losses, and the quality `key` of the best epoch, in words."""
    best = runs.find_best(history)
    if not best:
        return "No epoch is finished yet."
    first, last = history[0], history[-1]
    measured = f"{runs.QUALITIES[key]} {format_score(best.get(key))}" if key else ""
    return (
        f"Loss over {count(len(history), 'epoch')}: training from {first['loss']:.3g} to "
        f"{last['loss']:.3g}, validation from {first['validation_loss']:.3g} to "
        f"{last['validation_loss']:.3g}. In the best epoch, {best['epoch']}, the validation loss "
        f"was {best['validation_loss']:.3g} and {measured or 'quality not measured'}."
    )


def plot_threshold_curve(
    curve: ThresholdCurve, *, chosen: float | None = None, title: str = ""
) -> Drawing:
    """Precision, recall and F1 over the threshold; the one chosen (None: the best) is marked."""
    figure, axes = draw_panels()
    for line, (key, name) in zip(LINES, SCORES.items()):
        values = np.array([getattr(score, key) for score in curve.scores], float)
        axes.plot(curve.thresholds, values, label=name, markevery=5, markersize=5, **line)
    words = "Precision, recall and F1 over the threshold: not measured, as nothing is annotated."
    if curve.scores and curve.scores[0].f1 is not None:
        best, score = curve.best(), curve.best_score()
        chosen = best if chosen is None else chosen
        words = (
            f"Precision, recall and F1 for thresholds from {curve.thresholds[0]:.2f} to "
            f"{curve.thresholds[-1]:.2f}. F1 is highest, {score.f1:.3f}, at {best:.2f}, with "
            f"precision {format_score(score.precision)} and recall "
            f"{format_score(score.recall)}. The threshold {chosen:.2f} is marked."
        )
    if chosen is not None:
        line = {"color": "0.3", "linewidth": 1, "linestyle": ":"}
        axes.axvline(chosen, label=f"threshold {chosen:.2f}", **line)
    axes.set(xlabel="threshold", ylabel="score", ylim=(0, 1.02))
    tidy(axes)
    figure.legend(loc="outside right upper")
    return figure.caption(words, title)


def plot_depth_scores(score: PositionScore, *, title: str = "Scores by depth") -> Drawing:
    """Precision and recall in slabs of depth, 10 µm thick, and their numbers of positions."""
    parts = {f"{low:g}–{high:g}": part for (low, high), part in score.by_depth().items()}
    return _plot_parts(parts, "depth z (µm)", title)


def plot_time_scores(score: PositionScore, *, title: str = "Scores by time point") -> Drawing:
    """Precision and recall at each time point, and how many positions each has."""
    parts = {str(time_point): part for time_point, part in score.by_time_point().items()}
    return _plot_parts(parts, "time point", title)


def _plot_parts(parts: Mapping[str, PositionScore], label: str, title: str) -> Drawing:
    figure, (quality, numbers) = draw_panels(7, 5, 2, sharex=True, height_ratios=(3, 2))
    places, scores = np.arange(len(parts)), list(parts.values())
    for line, key in zip(LINES, ("precision", "recall")):
        values = np.array([getattr(part, key) for part in scores], float)
        quality.plot(places, values, label=key, **line)
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
        f"{label} {name}: precision {format_score(part.precision, digits=2)}, "
        f"recall {format_score(part.recall, digits=2)}."
        for name, part in parts.items()
    ]
    return figure.caption(f"{title}. {' '.join(words) or 'Not measured.'}")


def plot_epoch(picture: EpochPicture, history: History, *, title: str = "") -> Drawing:
    """The losses with a line at the epoch of a picture, and the picture (see `read_picture`)."""
    figure = drawing.draw_figure(11, 4.2 if picture.images.shape[1] == 1 else 5)
    curves, example = figure.subfigures(1, 2, width_ratios=(2, 5))
    axes = curves.subplots()
    _draw_losses(axes, history)
    axes.axvline(picture.epoch, color="0.2", linestyle=":", label=f"epoch {picture.epoch}")
    axes.legend(fontsize=8)
    draw = _draw_patch if picture.network == "position" else _draw_crops
    draw(example, picture)
    figure.suptitle("\n".join(textwrap.wrap(title, 130)), fontsize=10)
    return figure.caption(f"{title} {describe_example(picture)}".strip())


def describe_example(picture: EpochPicture) -> str:
    """What a network answers to its example, in words."""
    answers, targets = picture.answers, picture.targets
    if picture.network == "position":
        patch = f"One plane of a patch with {count(len(picture.positions), 'annotated position')}"
        found = f"the prediction after epoch {picture.epoch}, at most {answers.max():.2f}"
        return f"{patch}: image, target, and {found}."
    right = int(((answers > 0.5) == (targets > 0.5)).sum())
    names = [ANSWERS[picture.network][int(target > 0.5)] for target in targets]
    said = "; ".join(f"{name}: {answer:.2f}" for name, answer in zip(names, answers, strict=True))
    counted = f"{right} of {len(targets)} crops are right at 0.5"
    return f"After epoch {picture.epoch}, {counted}. {said}."


def _draw_patch(figure: SubFigure, picture: EpochPicture) -> None:
    target, prediction = (part[0].astype(float) for part in (picture.targets, picture.answers))
    panels = (
        ("image", picture.images[0, 0], "gray", _GREYS),
        ("target", target, drawing.HEAT_COLOURS, (0, 1)),
        (f"prediction after epoch {picture.epoch}", prediction, drawing.HEAT_COLOURS, (0, 1)),
    )
    positions = np.column_stack([np.zeros(len(picture.positions)), picture.positions])
    for axes, (name, image, colours, limits) in zip(figure.subplots(1, 3), panels, strict=True):
        draw_plane(axes, image, picture.spacing_um, colours, limits, title=name)
        drawing.mark_positions(axes, positions, (1.0, *picture.spacing_um), drawing.POSITION)


def _draw_crops(figure: SubFigure, picture: EpochPicture) -> None:
    panels = figure.subplots(*picture.images.shape[1::-1], squeeze=False)
    columns = zip(panels.T, picture.images, picture.targets, picture.answers)
    for column, images, target, answer in columns:
        for axes, image in zip(column, images):
            draw_plane(axes, image, picture.spacing_um, "gray", _GREYS, bar=axes is panels[-1, -1])
        name = ANSWERS[picture.network][int(target > 0.5)].replace("does not divide", "no division")
        right = (answer > 0.5) == (target > 0.5)
        column[0].set_title(f"{name}\n{answer:.2f} {'✓' if right else '✗'}", fontsize=8)
