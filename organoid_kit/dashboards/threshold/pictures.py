"""Precision, recall and F1 over the threshold, and close-ups of mistakes, as SVG text."""

import dataclasses

import numpy as np

from organoid_kit.dashboards.parts.diagram import Diagram, draw_key
from organoid_kit.dashboards.parts.panes import Pane, Points, wrap_svg
from organoid_kit.dashboards.stack.pictures import FAINT_PLANES
from organoid_kit.dashboards.threshold.judging import Judgement
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.positions import ThresholdCurve, format_score
from organoid_kit.examples.patches import make_grey
from organoid_kit.plots.drawing import FALSE, LINES, MISSED, NEAR_PLANES, POSITION, Mark

FIGURES = {"precision": "precision", "recall": "recall", "f1": "F1"}
CLOSE_UP_UM = 10.0  # around a mistake


def draw_threshold_curve(
    curve: ThresholdCurve, threshold: float, now: Judgement, committed: float | None = None
) -> str:
    """The three curves, with an upright line where the threshold is; what was committed has a flag.

    The curve has a `Judgement` at each threshold; `now` is that of the threshold in use.
    """
    diagram, entries = Diagram(466, 260, end=1, top=1), []
    parts = [diagram.draw_scales("threshold"), diagram.draw_upright(threshold)]
    for style, (key, name) in zip(LINES, FIGURES.items(), strict=False):
        values = np.array([getattr(judgement, key) for judgement in curve.scores], float)
        points = np.column_stack([curve.thresholds, values])
        parts.append(diagram.draw_line(points, style, every=8))
        value = getattr(now, key)
        if value is not None:
            parts.append(diagram.draw_point(threshold, value, {**style, "fill": "#fff"}, 5))
        entries.append((f"{name} {'not measured' if value is None else f'{value:.2f}'}", style))
    if committed is not None:
        parts.append(diagram.draw_flag(committed, "committed"))
    words = f"Precision, recall and F1 over the threshold; now {describe_judgement(threshold, now)}"
    return wrap_svg("".join([*parts, draw_key(entries)]), diagram.width, diagram.height, words)


def describe_judgement(threshold: float, judgement: Judgement) -> str:
    """Figures and counts, in words."""
    figures = [f"{name} {format_score(getattr(judgement, key))}" for key, name in FIGURES.items()]
    counts = [f"{len(getattr(judgement, name))} {name}" for name in ("right", "missed", "false")]
    return f"threshold {threshold:.2f}: {', '.join(figures)} ({', '.join(counts)})."


def make_close_ups(
    movie: TimeLapse,
    stack: np.ndarray,
    time_point: int,
    truth: Annotations,
    found: Annotations,
    judgement: Judgement,
    most: int = 4,
) -> list[list[Pane]]:
    """What is missed and false, at most so many of each kind: 10 µm around each, in its plane.

    The stack, (z, y, x) uint8, is that of the time point, as it is shown.
    """
    rows, known = [], truth.positions_at(time_point)
    for mark, whole, wrong in ((MISSED, truth, judgement.missed), (FALSE, found, judgement.false)):
        here = whole.positions[wrong[whole.time_points[wrong] == time_point]]
        if len(here):
            panes = [_make_close_up(movie, stack, known, centre, mark) for centre in here[:most]]
            more = f", {most} of {len(here)}" if len(here) > most else ""
            panes[0] = dataclasses.replace(panes[0], title=f"{mark.name}{more}", bar=True)
            rows.append(panes)
    return rows


def _make_close_up(
    movie: TimeLapse, stack: np.ndarray, truth: np.ndarray, centre: np.ndarray, mark: Mark
) -> Pane:
    """A square around a position, with true ones up to three planes away; black outside."""
    spacing_yx = np.array(movie.spacing_um)[1:]
    half = np.maximum(1, np.round(CLOSE_UP_UM / spacing_yx)).astype(int)
    z, *middle = np.clip(np.round(centre).astype(int), 0, np.array(stack.shape) - 1)
    padded = np.pad(stack[z], [(width, width) for width in half])
    pixels = padded[tuple(slice(at, at + 2 * width + 1) for at, width in zip(middle, half))]
    corner = np.array(middle) - half - 0.5
    near = (np.abs(truth - centre) <= [FAINT_PLANES, *half]).all(axis=1)
    points = tuple(
        Points(kind, (shown[:, 1:] - corner) * spacing_yx, np.abs(shown[:, 0] - z) <= NEAR_PLANES)
        for kind, shown in ((POSITION, truth[near]), (mark, centre[None]))
    )
    size_um = tuple(((2 * half + 1) * spacing_yx).tolist())
    return Pane("", make_grey(pixels, (0, 255)), size_um, points)
