"""Figures of lessons: curves, a convolution by hand, a U-Net's layers, sizes of nuclei."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.patches import Circle, Rectangle

from organoid_kit.data import AnnotatedMovie
from organoid_kit.data.timelapse import USUAL_DIAMETER_UM
from organoid_kit.examples.sizes import estimate_nucleus_size
from organoid_kit.plots import Drawing
from organoid_kit.plots.drawing import (
    COLOURS,
    LINES,
    NEAR_PLANES,
    count,
    draw_panels,
    draw_plane,
    tidy,
)

_WIDELY = 20  # times as high: losses that differ so much are drawn on a logarithmic axis
_DEEPER = 0.55  # boxes of half the size hang so much lower, which makes the U
Points = tuple[np.ndarray, np.ndarray]


def plot_fits(
    points: Points,
    curves: Mapping[str, Points],
    *,
    unseen: Points | None = None,
    labels: tuple[str, str] = ("x", "y"),
    title: str = "",
) -> Drawing:
    """Measured points, and curves that are to go through them, each x and y, (n,) float."""
    figure, axes = draw_panels()
    dots = {"color": COLOURS["black"], "markersize": 6}
    axes.plot(*points, "o", label="seen", **dots)
    if unseen is not None:
        axes.plot(*unseen, "o", label="kept back", markerfacecolor="white", **dots)
    for line, (name, curve) in zip(cycle(LINES), curves.items()):
        axes.plot(*curve, label=name, **line | {"marker": ""}, linewidth=2)
    heights = np.concatenate([points[1], [] if unseen is None else unseen[1]])
    margin = 0.3 * np.ptp(heights)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.set_ylim(heights.min() - margin, heights.max() + margin)
    kept_back = "" if unseen is None else f", {len(unseen[0])} more that were kept back"
    said = f"{len(points[0])} points{kept_back}, and {count(len(curves), 'curve')}"
    axes.set_title(title)
    tidy(axes)
    figure.legend(loc="outside right upper")
    return figure.caption(f"{title + ': ' if title else ''}{said}: {', '.join(curves)}.")


def plot_losses(
    losses: Mapping[str, Sequence[float]],
    *,
    validation: Mapping[str, Sequence[float]] | None = None,
    label: str = "loss (mean squared error)",
    step: str = "step",
) -> Drawing:
    """How wrong each fit was after each `step`; `validation`, on what was kept back, is dashed."""
    figure, axes = draw_panels()
    lines = (line | {"marker": ""} for line in cycle(LINES))
    drawn = {name: (row, line) for line, (name, row) in zip(lines, losses.items())}
    if validation is not None:
        drawn = {
            f"{name}, {kind}": (rows[name], style | {"linestyle": stroke})
            for name, (_, style) in drawn.items()
            for kind, rows, stroke in (("training", losses, "-"), ("validation", validation, "--"))
        }
    for name, (values, style) in drawn.items():
        axes.plot(np.arange(1, len(values) + 1), values, label=name, **style)
    heights = np.concatenate([np.asarray(values, float) for values, _ in drawn.values()])
    axes.set(xlabel=step, ylabel=label)
    if heights.max() > _WIDELY * heights.min():
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, None)
    tidy(axes, whole_numbers=True)
    figure.legend(loc="outside right upper")
    ends = [f"{name} from {row[0]:.3g} to {row[-1]:.3g}" for name, (row, _) in drawn.items()]
    return figure.caption(f"{label} after each {step}: {'; '.join(ends)}.")


def plot_convolution(
    image: np.ndarray, kernel: np.ndarray, answer: np.ndarray, place: tuple[int, int]
) -> Drawing:
    """An image, (y, x), a kernel, (3, 3), the answer, (y, x), as numbers; `place` is framed."""
    figure, panels = draw_panels(11, 4.4, 1, 3, width_ratios=(len(image), 4, len(image)))
    numbers = {"image": (image, 3), "kernel": (kernel, 0), "answer": (answer, 1)}
    frame = {"fill": False, "edgecolor": COLOURS["vermillion"], "linewidth": 3}
    for axes, (name, (values, size)) in zip(panels, numbers.items(), strict=True):
        low, high = min(values.min(), 0), max(values.max(), 1e-9)
        axes.imshow(values, cmap="gray", vmin=low, vmax=high)
        for (row, column), value in np.ndenumerate(values):  # readable on light and dark squares
            look = {"color": "black" if (value - low) / (high - low) > 0.5 else "white"}
            axes.text(column, row, f"{value:g}", ha="center", va="center", fontsize=9, **look)
        axes.set(xticks=[], yticks=[], title=name)
        if size:
            corner = (place[1] - size / 2, place[0] - size / 2)
            axes.add_patch(Rectangle(corner, size, size, **frame))
    size, framed = f"{len(image)} × {image.shape[1]}", f"row {place[0]}, column {place[1]}"
    said = f"An image of {size} numbers, a kernel of 3 × 3 and the answer."
    return figure.caption(f"{said} The answer at {framed} is {answer[place]:g}.")


def plot_u_net(layers: Sequence[tuple[str, Sequence[int]]]) -> Drawing:
    """Layers from left to right, named, as high as the image: (z, y, x, channels) each."""
    figure, axes = draw_panels(10, 4)
    left, lowest, largest = 0.0, 0.0, max(shape[1] for _, shape in layers)
    for name, (_, rows, _, channels) in layers:
        width, height = 1 + channels / 16, rows / largest
        colour = COLOURS["orange" if "concatenate" in name else "sky blue"]
        top = -_DEEPER * np.log2(largest / rows)
        bottom, middle = top - height, left + width / 2
        colours = {"facecolor": colour, "edgecolor": "0.2"}
        axes.add_patch(Rectangle((left, bottom), width, height, **colours))
        axes.text(middle, top + 0.03, str(channels), ha="center", fontsize=8)
        axes.text(middle, bottom - 0.06, str(rows), ha="center", va="top", fontsize=8)
        lowest, left = min(lowest, bottom), left + width + 0.8
    axes.set(xlim=(-1, left), ylim=(lowest - 0.25, 0.2), xticks=[], yticks=[])
    axes.set_xlabel("from input to answer")
    axes.set_title("above: channels; below: rows of the image", fontsize=10)
    axes.spines[:].set_visible(False)
    words = (f"{name} {shape[1]} rows × {shape[-1]} channels" for name, shape in layers)
    return figure.caption(f"Layers of a U-Net from input to answer: {', '.join(words)}.")


def plot_nucleus_size(annotated: AnnotatedMovie, channels: tuple[int, ...] = (1,)) -> Drawing:
    """Circles of the size that nuclei are taken to have, in the plane with most of them."""
    movie, time_point = annotated.movie, int(annotated.annotations.annotated_time_points[0])
    positions = annotated.annotations.positions_at(time_point)
    size = estimate_nucleus_size(movie, channels, time_point, positions)
    diameter_um, way = movie.nucleus_diameter_um, "as stated"
    if diameter_um is None:
        diameter_um, way = (
            (size.diameter_um, "as estimated") if size else (USUAL_DIAMETER_UM, "usual")
        )
    plane = int(np.bincount(positions[:, 0].round().astype(int)).argmax())
    near = positions[np.abs(positions[:, 0] - plane) <= NEAR_PLANES]
    figure, axes = draw_panels(5, 5.5)
    draw_plane(axes, movie.stack(time_point, channels)[plane], movie.spacing_um[1:])
    for _, y, x in near * movie.spacing_um:
        axes.add_patch(Circle((x, y), diameter_um / 2, fill=False, edgecolor=COLOURS["orange"]))
    title = f"Taken for nuclei: {diameter_um:.1f} µm wide ({way})"
    words = f"{count(len(near), 'circle')} around nuclei near plane {plane}"
    return figure.caption(f"{words}. Estimated: {size or 'nothing'}.", title)
