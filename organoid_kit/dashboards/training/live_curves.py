"""Curves of a training as SVG text, drawn anew while a network trains."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from organoid_kit.dashboards.parts.common import PAPER
from organoid_kit.dashboards.parts.diagram import Diagram, draw_key
from organoid_kit.dashboards.parts.panes import wrap_svg
from organoid_kit.plots.drawing import COLOURS, LINES, count
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.runs import QUALITIES, find_best

_HEIGHT, _WIDTHS = 250, (430, 330)  # of the two diagrams
_STEPS = {"color": "#b5b5b5", "linestyle": "-", "marker": ""}
_BEST = {"color": COLOURS["black"], "linestyle": "", "marker": "*", "fill": PAPER}
_MOST_STEPS = 200  # points of the line of single steps; more are averaged
_MOST_MARKS = 40  # on a line


def draw_curves(
    history: Sequence[Mapping[str, Any]],
    losses: Sequence[tuple[float, float]] = (),
    *,
    epochs: int = 1,
    marked: int | None = None,
) -> str:
    """Losses of training and validation, and the quality in validation, as SVG.

    Args:
        history: a row for each finished epoch, see `Run.history`.
        losses: (epochs done, loss) of single steps, drawn faintly.
        epochs: how many are wanted; where that is far away yet, the diagrams end before.
        marked: an epoch that is marked with an upright line.
    """
    measured = [key for key in QUALITIES if any(row.get(key) is not None for row in history)]
    quality = (measured or ["validation_f1"])[0]
    names = {"loss": "training", "validation_loss": "validation"}
    names[quality] = f"{QUALITIES[quality]} in validation"
    columns = {
        key: np.array([(row["epoch"], row.get(key)) for row in history], float).reshape(-1, 2)
        for key in names
    }
    steps = _average(losses)
    known = [steps, columns["loss"], columns["validation_loss"]]
    top = 1.05 * max((part[:, 1].max() for part in known if len(part)), default=0.95)
    end = _choose_end(max([len(history), *(done for done, _ in losses[-1:])]), epochs)
    best, drawn = find_best(history), []
    for label, limit, keys, width in (
        ("loss", top, ("loss", "validation_loss"), _WIDTHS[0]),
        ("score", 1.02, (quality,), _WIDTHS[1]),
    ):
        diagram = Diagram(width, _HEIGHT, end, limit)
        parts = [diagram.draw_scales("epoch", label, counts=True)]
        if marked is not None:
            parts.append(diagram.draw_upright(marked, "2 2"))
        entries = []
        if label == "loss" and len(steps):
            parts.append(diagram.draw_line(steps, _STEPS, thickness=1))
            entries.append(("single steps", _STEPS))
        for key in keys:
            style = LINES[key != "loss"]
            every = 1 + len(history) // _MOST_MARKS
            parts.append(diagram.draw_line(columns[key], style, every))
            entries.append((names[key], style))
        if best and best.get(keys[-1]) is not None:
            parts.append(diagram.draw_point(best["epoch"], best[keys[-1]], _BEST, 8))
            entries.append(("best epoch", _BEST))
        drawn.append("".join([*parts, draw_key(entries)]))
    content = f'{drawn[0]}<g transform="translate({_WIDTHS[0]} 0)">{drawn[1]}</g>'
    return wrap_svg(content, sum(_WIDTHS), _HEIGHT, describe_curves(history))


def describe_curves(history: Sequence[Mapping[str, Any]]) -> str:
    """What `draw_curves` shows, in words."""
    if not history:
        return "Loss of training and validation: no epoch is finished yet."
    last, best = history[-1], find_best(history)
    return (
        f"Loss of training and validation over {count(len(history), 'epoch')}: "
        f"training {last['loss']:.3g}, validation {last['validation_loss']:.3g} in the last one. "
        f"Best epoch: {best['epoch'] if best else 'none'}. {describe_history(history)}"
    )


def _choose_end(done: float, epochs: int) -> float:
    """The end of the scale: all epochs wanted; 10, 20, 40, … where that is far away."""
    end = 10
    while end < 1.25 * done:
        end *= 2
    return max(1, done, min(end, epochs))


def _average(points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Means of successive points, few enough to be drawn quickly, (n, 2) float."""
    every = -(-len(points) // _MOST_STEPS) or 1
    starts = range(0, len(points), every)
    parts = [np.mean(points[start : start + every], axis=0) for start in starts]
    return np.array(parts, float).reshape(-1, 2)
