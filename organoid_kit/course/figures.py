"""Figures of lessons; and results as diagrams, of the table, and measured before the lesson."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

from organoid_kit.base import refuse_if
from organoid_kit.course.measured import Records, describe_spread, list_values
from organoid_kit.course.results_table import ResultsTable, Summary, format_spread, list_scores
from organoid_kit.data import AnnotatedMovie, timelapse
from organoid_kit.examples.sizes import estimate_nucleus_size
from organoid_kit.plots import Drawing, drawing
from organoid_kit.plots.drawing import COLOURS, LINES, count, draw_panels, tidy

_WIDELY = 20  # times as high: losses that differ so much are drawn on a logarithmic axis
_DEEPER = 0.55  # boxes of half the size hang so much lower, which makes the U
Points = tuple[np.ndarray, np.ndarray]
_SEED = {"color": COLOURS["blue"], "marker": "o", "markersize": 8, "alpha": 0.6}
_MEAN = {"color": COLOURS["black"], "marker": "|", "markersize": 22, "markeredgewidth": 2}
_OF_SEEDS = ", mean (lowest to highest) of the seeds"
_BESIDE = 1.09  # on a logarithmic axis, kinds of training with equal data stand so far apart


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
        axes.plot(*curve, **line | {"marker": "", "label": drawing.name_line(name)}, linewidth=2)
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
        axes.plot(np.arange(1, len(values) + 1), values, label=drawing.name_line(name), **style)
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
        usual = (timelapse.USUAL_DIAMETER_UM, "usual")
        diameter_um, way = (size.diameter_um, "as estimated") if size else usual
    plane = int(np.bincount(positions[:, 0].round().astype(int)).argmax())
    near = positions[np.abs(positions[:, 0] - plane) <= drawing.NEAR_PLANES]
    figure, axes = draw_panels(5, 5.5)
    drawing.draw_plane(axes, movie.stack(time_point, channels)[plane], movie.spacing_um[1:])
    for _, y, x in near * movie.spacing_um:
        axes.add_patch(Circle((x, y), diameter_um / 2, fill=False, edgecolor=COLOURS["orange"]))
    title = f"Taken for nuclei: {diameter_um:.1f} µm wide ({way})"
    words = f"{count(len(near), 'circle')} around nuclei near plane {plane}"
    return figure.caption(f"{words}. Estimated: {size or 'nothing'}.", title)


def plot_results(table: ResultsTable, *, score: str | None = None) -> Drawing:
    """A panel a network, a line a variant: a circle a seed, a stroke at the mean of a `score`."""
    panels = []  # network, score and rows; nothing of a network that lacks the score
    for network, rows in table.networks.items():
        for name in list_scores(rows) if score is None else [score]:
            if measured := [row for row in rows if row.values(name)]:
                panels.append((network, name, measured))
                break
    lengths = np.array([len(rows) for *_, rows in panels])
    figure = drawing.draw_figure(7.5, 0.9 * max(1, len(panels)) + 0.5 * lengths.sum())
    if not panels:
        return figure.caption("No results yet.")
    words = ["Results, mean (lowest to highest seed)."]
    grid = figure.subplots(len(panels), squeeze=False, height_ratios=lengths + 1.2)
    for axes, (network, name, rows) in zip(grid[:, 0], panels, strict=True):
        for height, row in enumerate(rows):
            values = row.values(name)
            axes.plot(values, [height] * len(values), linestyle="none", **_SEED)
            axes.plot([sum(values) / len(values)], [height], linestyle="none", **_MEAN)
        axes.set_yticks(range(len(rows)), [_name(row, "\n") for row in rows])
        axes.set(ylim=(len(rows) - 0.5, -0.5), title=f"{network}: {name}")
        axes.margins(x=0.08)
        axes.set_xlim(left=min(0.9, axes.get_xlim()[0]))  # small differences look small
        tidy(axes)
        said = (f"{_name(row, ' ')} {format_spread(row.values(name))}" for row in rows)
        words.append(f"{network}, {name}: {'; '.join(said)}.")
    return figure.caption(" ".join(words))


def _name(row: Summary, between: str) -> str:
    return f"{row.variant}{between}({row.tested_on})" if row.tested_on else row.variant


def plot_annotated_positions(
    records: Records, *, marked: tuple[str, int, float] | None = None, title: str = ""
) -> Drawing:
    """F1 over the number of annotated positions: dots are single trainings, lines join their means.
    Wrong ones are moved to the right; a ring is around start, time points, rate `marked`.
    """
    figure, axes = _draw_axes(records, 7, 3.8)
    words = []
    kinds = sorted({(r["start"] != "scratch", r["error_rate"], r["start"]) for r in records})
    rates = sorted({record["error_rate"] for record in records})
    for style, (is_tuned, rate, start) in zip(LINES, kinds):
        own = [r for r in records if (r["start"], r["error_rate"]) == (start, rate)]
        ring = marked[1] if marked and (marked[0], marked[2]) == (start, rate) else None
        wrong = f", {100 * rate:g} % wrong" if rate else ""
        name = f"{'fine-tuned' if is_tuned else 'from scratch'}{wrong}"
        words += _draw_line(axes, own, name, style, ring, _BESIDE ** rates.index(rate))
    axes.set(xlabel="annotated positions to learn from", xscale="log", title=title)
    numbers = sorted({record["time_points"] for record in records} - {0})
    means = [np.mean([r["positions"] for r in records if r["time_points"] == n]) for n in numbers]
    texts = [f"{mean:.0f}\n({count(n, 'time point')})" for mean, n in zip(means, numbers)]
    axes.set_xticks(means, texts)
    axes.minorticks_off()
    _add_legend(figure, axes, 3)
    return figure.caption(_describe(title, words))


def _draw_axes(records: Records, width: float, height: float) -> tuple[Drawing, Axes]:
    """An empty figure, down to an F1 of 0.9 at least, so that small differences look small."""
    refuse_if(not records, "demonstration records")
    figure, axes = draw_panels(width, height)
    values = (record.get(key) for record in records for key in ("f1", "shown", "held_out"))
    lowest = min((value for value in values if value is not None), default=0.9)
    axes.set(ylabel="F1", ylim=(min(0.9, lowest - 0.02), 1.01))
    tidy(axes)
    return figure, axes


def _add_legend(figure: Drawing, axes: Axes, columns: int) -> None:
    """A legend below, in which every name stands once."""
    chosen = dict(zip(*axes.get_legend_handles_labels()[::-1]))
    place = {"loc": "outside lower center", "ncols": columns}
    figure.legend([*chosen.values()], [*chosen], fontsize=8, **place)


def _describe(title: str, words: Sequence[str], which: str = _OF_SEEDS) -> str:
    return f"{title + ': ' if title else ''}F1{which}. {'; '.join(words)}."


def _draw_line(
    axes: Axes, records: Records, name: str, style: dict, ring: int | None, beside: float
) -> list[str]:
    """Dots and means of one kind of training, moved to the right; in words what they show."""
    words, means, color = [], [], style["color"]
    for number in sorted({record["time_points"] for record in records}):
        own = [record for record in records if record["time_points"] == number]
        if not (known := list_values(own)):
            continue
        positions = np.array([record["positions"] for record in own], float)
        words.append(f"{name}, {positions.mean():.0f} positions: {describe_spread(own)}")
        if not number:
            look = {"color": color, "linestyle": ":", "label": "shipped network, as it is"}
            axes.axhline(np.mean(known), **look)
            continue
        means.append((positions.mean() * beside, np.mean(known)))
        axes.plot(positions * beside, [record["f1"] for record in own], ".", color=color)
        if ring == number:
            axes.plot(*means[-1], "o", markersize=18, mfc="none", mec="black")
    if means:
        axes.plot(*zip(*means), label=name, **style)
    return words


def plot_leakage(records: Records, *, title: str = "") -> Drawing:
    """What each validation part promised, what came true on other movies, and the mean error."""
    figure, axes = _draw_axes(records, 7, 4)
    parts = list(dict.fromkeys(record["part"] for record in records))
    words = []
    for place, part in enumerate(parts):
        own = [record for record in records if record["part"] == part]
        shown, came_true = (np.array([r[key] for r in own], float) for key in ("shown", "held_out"))
        sides, look = [place - 0.18, place + 0.18], {"color": "0.6", "linewidth": 0.8, "zorder": 1}
        axes.plot(sides, [shown, came_true], **look)
        named = {"promised": shown, "came true": came_true}
        for style, side, (name, values) in zip(LINES, sides, named.items()):
            look = style | {"linestyle": "none", "label": name}
            axes.plot(np.full(len(values), side), values, **look)
        excess = shown - came_true
        off_by = f"{abs(np.nanmean(excess)):.3f} too {'high' if np.nanmean(excess) > 0 else 'low'}"
        axes.text(place, 1.015, off_by, ha="center", va="bottom", fontsize=9)
        said = f"promised {np.nanmean(shown):.3f} on average, came true {np.nanmean(came_true):.3f}"
        spread = f"{np.nanmin(excess):+.3f} to {np.nanmax(excess):+.3f}"
        words.append(f"{part}: {said}: {off_by} (promised minus came true: {spread})")
    figure.suptitle(title)
    axes.set_xticks(range(len(parts)), [f"validated on\n{part}" for part in parts])
    axes.set_xlim(-0.5, len(parts) - 0.5)
    _add_legend(figure, axes, 2)
    which = " shown by validation and on held-out movies"
    return figure.caption(_describe(title, words, which))
