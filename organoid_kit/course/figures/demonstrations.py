"""What was measured before the lesson: few annotations, wrong ones, and validation data that leak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from organoid_kit.base.errors import UserError
from organoid_kit.course.measured import Records, compute_spread, describe_spread
from organoid_kit.plots.drawing import LINES, Drawing, draw_figure, tidy

_SIDE = 0.09  # dots of the seeds stand so far apart
_BESIDE = 1.09  # on a logarithmic axis, kinds of one place stand so far apart


def plot_annotated_positions(
    records: Records, *, marked: tuple[str, int, float] | None = None, title: str = ""
) -> Drawing:
    """F1 over the number of annotated positions: a line for each start and each error rate.

    Small dots are single trainings, the line joins their means. Trainings with wrong annotations
    stand a little to the right, so that all can be seen. A shipped network used as it is is level.

    Args:
        records: of the demonstration "annotations".
        marked: start, time points and error rate around which a ring is drawn.
        title: above the figure.
    """
    _check_records(records)
    figure = draw_figure(7, 3.8)
    axes = figure.subplots()
    words = []
    kinds = sorted({(r["start"] != "scratch", r["error_rate"], r["start"]) for r in records})
    rates = sorted({record["error_rate"] for record in records})
    for style, (_, rate, start) in zip(LINES, kinds):
        own = [r for r in records if (r["start"], r["error_rate"]) == (start, rate)]
        ring = marked[1] if marked and (marked[0], marked[2]) == (start, rate) else None
        beside = _BESIDE ** rates.index(rate)
        words += _draw_line(axes, own, _name_kind(start, rate), style, ring, beside)
    axes.set(xlabel="annotated positions to learn from", ylabel="F1", xscale="log", title=title)
    _label_positions(axes, records)
    tidy(axes)
    _set_limits(axes, [record["f1"] for record in records])
    figure.legend(*_label_once(axes), fontsize=8, loc="outside lower center", ncols=3)
    figure.description = _describe(title, words)
    return figure


def _describe(title: str, words: Sequence[str]) -> str:
    heading = f"{title}: F1" if title else "F1"
    return f"{heading}, mean (lowest to highest) of the seeds. {'; '.join(words)}."


def _name_kind(start: str, rate: float) -> str:
    """One of the lines in words."""
    name = "from scratch" if start == "scratch" else "fine-tuned"
    return f"{name}, {100 * rate:g} % wrong" if rate else name


def _draw_line(
    axes: Axes, records: Records, name: str, style: dict, ring: int | None, beside: float
) -> list[str]:
    """Dots and means of one kind of training, so many times to the right; what they show, in words."""
    words, means, color = [], [], style["color"]
    for number in sorted({record["time_points"] for record in records}):
        own = [record for record in records if record["time_points"] == number]
        spread = compute_spread(own)
        if spread is None:
            continue
        positions = np.array([record["positions"] for record in own], float)
        words.append(f"{name}, {positions.mean():.0f} positions: {describe_spread(own)}")
        if not number:
            axes.axhline(spread[0], color=color, linestyle=":", label="shipped network, as it is")
            continue
        means.append((positions.mean() * beside, spread[0]))
        axes.plot(positions * beside, [record["f1"] for record in own], ".", color=color)
        if ring == number:
            axes.plot(*means[-1], "o", markersize=18, mfc="none", mec="black")
    if means:
        axes.plot(*zip(*means), label=name, **style)
    return words


def _label_positions(axes: Axes, records: Records) -> None:
    """Ticks where something was measured."""
    numbers = sorted({record["time_points"] for record in records} - {0})
    means = [np.mean([r["positions"] for r in records if r["time_points"] == n]) for n in numbers]
    labels = [f"{mean:.0f}\n({n} time point{'s' * (n != 1)})" for mean, n in zip(means, numbers)]
    axes.set_xticks(means, labels)
    axes.minorticks_off()


def plot_wrong_annotations(records: Records, *, title: str = "") -> Drawing:
    """F1 for each part of annotations that were wrong, as many time points and the same start for
    all.

    Dots are single trainings, the bar is their mean.

    Args:
        records: of the demonstration "annotations".
        title: above the figure.
    """
    _check_records(records)
    rates = sorted({each["error_rate"] for each in records})
    names = [f"{100 * rate:g} % wrong" if rate else "all right" for rate in rates]
    groups = [[each for each in records if each["error_rate"] == rate] for rate in rates]
    figure = draw_figure(5.5, 3.4)
    axes = figure.subplots()
    for place, (group, style) in enumerate(zip(groups, LINES)):
        _draw_dots(axes, place, [each["f1"] for each in group], style)
    axes.set(ylabel="F1", title=title)
    axes.set_xticks(range(len(rates)), names)
    axes.set_xlim(-0.5, len(rates) - 0.5)
    _set_limits(axes, [each["f1"] for each in records])
    tidy(axes)
    words = [f"{name}: {describe_spread(group)}" for name, group in zip(names, groups)]
    figure.description = _describe(title, words)
    return figure


def _draw_dots(axes: Axes, place: float, values: Sequence[float | None], style: dict) -> None:
    """A dot for each value that was measured, side by side, and a bar at their mean."""
    known = [value for value in values if value is not None]
    if known:
        x = place + _SIDE * (np.arange(len(known)) - (len(known) - 1) / 2)
        axes.plot(x, known, **style | {"linestyle": "none"})
        axes.hlines(np.mean(known), place - 0.3, place + 0.3, color=style["color"], linewidth=2)


def plot_leakage(records: Records, *, title: str = "") -> Drawing:
    """What each validation part promised, and what came true on movies that nothing was chosen by.

    A line joins the two for each training; the number above says by how much the promise was wrong
    on average.

    Args:
        records: of the demonstration "leakage".
        title: above the figure.
    """
    _check_records(records)
    figure = draw_figure(7, 4)
    axes = figure.subplots()
    parts = list(dict.fromkeys(each["part"] for each in records))
    words = [
        _draw_pairs(axes, place, [each for each in records if each["part"] == part])
        for place, part in enumerate(parts)
    ]
    axes.set(ylabel="F1")
    figure.suptitle(title)
    axes.set_xticks(range(len(parts)), [f"validated on\n{part}" for part in parts])
    axes.set_xlim(-0.5, len(parts) - 0.5)
    tidy(axes)
    _set_limits(axes, [each[key] for each in records for key in ("shown", "held_out")])
    figure.legend(*_label_once(axes), fontsize=8, loc="outside lower center", ncols=2)
    said = "; ".join(f"{part}: {each}" for part, each in zip(parts, words))
    heading = f"{title}: F1" if title else "F1"
    figure.description = f"{heading} shown by validation and on held-out movies. {said}."
    return figure


def _draw_pairs(axes: Axes, place: float, records: Records) -> str:
    """Promise and truth of each training with one validation part; what they show, in words."""
    shown, held_out = (np.array([r[key] for r in records], float) for key in ("shown", "held_out"))
    axes.plot([place - 0.18, place + 0.18], [shown, held_out], color="0.6", linewidth=0.8, zorder=1)
    pairs = ((-0.18, shown, "promised"), (0.18, held_out, "came true"))
    for style, (side, values, name) in zip(LINES, pairs):
        at = np.full(len(values), place + side)
        axes.plot(at, values, **style | {"linestyle": "none"}, label=name)
    excess = shown - held_out
    off_by = f"{abs(np.nanmean(excess)):.3f} too {'high' if np.nanmean(excess) > 0 else 'low'}"
    axes.text(place, 1.015, off_by, ha="center", va="bottom", fontsize=9)
    said = f"promised {np.nanmean(shown):.3f} on average, came true {np.nanmean(held_out):.3f}"
    spread = f"{np.nanmin(excess):+.3f} to {np.nanmax(excess):+.3f}"
    return f"{said}: {off_by} (promised minus came true: {spread})"


def _set_limits(axes: Axes, values: Sequence[float | None]) -> None:
    """F1 up to 1, and always down to 0.9 at least, so that small differences look small."""
    lowest = min((value for value in values if value is not None), default=0.9)
    axes.set_ylim(min(0.9, lowest - 0.02), 1.01)


def _label_once(axes: Axes) -> tuple[list, list]:
    """Handles and names of a legend in which every name stands once."""
    handles, names = axes.get_legend_handles_labels()
    chosen = dict(zip(names, handles))
    return list(chosen.values()), list(chosen)


def _check_records(records: Records) -> None:
    """Raises UserError where there is nothing to draw."""
    if not records:
        raise UserError(
            "A demonstration is drawn from measured trainings. Received: no records. Choose others, or measure them "
            "with the command that the table names."
        )
