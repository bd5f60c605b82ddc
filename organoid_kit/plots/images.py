"""Figures of stacks, with positions on top. Images are drawn in µm, so that a sphere looks round
from every side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.checks import Problem
from organoid_kit.evaluation.positions import match_positions
from organoid_kit.examples.position import PositionExample
from organoid_kit.plots.drawing import (
    COLOURS,
    CONTRAST,
    FALSE,
    HEAT_COLOURS,
    MISSED,
    NEAR_PLANES,
    POSITION,
    RIGHT,
    Drawing,
    Mark,
    Spacing,
    add_scale_bar,
    count,
    draw_figure,
    draw_plane,
    find_spacing,
    mark_positions,
)

VIEWS = ("projection", "slice", "orthogonal")
_CLOSE_UP_UM = 12.0


def plot_stack(
    stack_zyx: np.ndarray,
    spacing_um: Spacing,
    *,
    positions: np.ndarray | None = None,
    title: str = "",
    view: str = "projection",
    z: int | None = None,
) -> Drawing:
    """A stack with a scale bar, and positions on top.

    Args:
        stack_zyx: (z, y, x), any intensities.
        spacing_um: µm per voxel, zyx.
        positions: (n, 3) float, zyx, voxels. In a slice, those within one plane are filled and the
            others faint.
        title: above the figure.
        view: "projection" (brightest along z), "slice" (one plane) or "orthogonal" (slices from
            three sides).
        z: the plane of the slice; None: the middle one, in "orthogonal" the planes through the
            middle.

    Raises:
        UserError: the view is unknown, or the stack is no stack.
    """
    _check_stack(stack_zyx, spacing_um)
    if view not in VIEWS:
        raise UserError(
            f"A view must be one of {', '.join(VIEWS)}. Received: {view!r}. Choose one of these."
        )
    z = stack_zyx.shape[0] // 2 if z is None else int(z)
    if not 0 <= z < stack_zyx.shape[0]:
        raise UserError(
            f"The plane must be from 0 to {stack_zyx.shape[0] - 1}. Received: z = {z}. Choose another."
        )
    positions = (
        np.zeros((0, 3)) if positions is None else np.asarray(positions, float).reshape(-1, 3)
    )
    figure = (
        _draw_orthogonal(stack_zyx, spacing_um, positions, z)
        if view == "orthogonal"
        else draw_figure(5, 5)
    )
    if view != "orthogonal":
        axes = figure.subplots()
        draw_plane(
            axes, stack_zyx.max(axis=0) if view == "projection" else stack_zyx[z], spacing_um[1:]
        )
        mark_positions(axes, positions, spacing_um, POSITION, z if view == "slice" else None)
    figure.suptitle(title)
    figure.description = _describe_stack(stack_zyx, spacing_um, positions, view, z, title)
    return figure


def plot_channels(
    movie: TimeLapse, time_point: int, channels: Sequence[Sequence[int]] = ((2,), (3,), (2, 3))
) -> Drawing:
    """Channels and sums of channels side by side, each projected along z.

    Args:
        movie: to look at.
        time_point: as the movie counts them.
        channels: what to show in each panel, counted from 1; several are summed.
    """
    figure = draw_figure(3.6 * len(channels), 4)
    names = [_name_channels(movie, chosen) for chosen in channels]
    for axes, chosen, name in zip(
        figure.subplots(1, len(channels), squeeze=False)[0], channels, names, strict=True
    ):
        draw_plane(axes, movie.stack(time_point, chosen).max(axis=0), movie.spacing_um[1:])
        axes.set_title(name, fontsize=10)
    figure.suptitle(f"{movie.name}, time point {time_point}")
    where = f"{movie.name} at time point {time_point}, brightest voxels along z"
    figure.description = f"Images of {where}, side by side: {'; '.join(names)}."
    return figure


def plot_problems(
    movie: TimeLapse,
    annotations: Annotations,
    problems: Sequence[Problem],
    time_point: int,
    channels: Sequence[int] = (1,),
) -> Drawing:
    """Where the problems of one time point lie, numbered, with a list beside the image.

    Args:
        movie: to look at.
        annotations: drawn faintly.
        problems: as `check_annotations` gives them; those of other time points are left out.
        time_point: as the movie counts them.
        channels: counted from 1; several are summed.
    """
    here = [problem for problem in problems if problem.time_point == time_point]
    figure = draw_figure(9, 5)
    axes, text_axes = figure.subplots(1, 2, width_ratios=(5, 4))
    draw_plane(axes, movie.stack(time_point, channels).max(axis=0), movie.spacing_um[1:])
    mark_positions(
        axes, annotations.positions_at(time_point), movie.spacing_um, POSITION, faint=True
    )
    for number, problem in enumerate(here, start=1):
        _number_problem(axes, problem, number, movie.spacing_um)
    axes.set_title(f"{movie.name}, time point {time_point}")
    lines = [
        f"{number}  {problem.severity}: {_format_rule(problem)}"
        for number, problem in enumerate(here, start=1)
    ]
    _write_list(text_axes, lines or ["No problem at this time point."])
    listed = ". ".join(lines) or "No problem here"
    figure.description = (
        f"{movie.name} at time point {time_point}, brightest voxels along z, with "
        f"{count(len(annotations.positions_at(time_point)), 'position')} and {count(len(here), 'problem')}: {listed}."
    )
    return figure


def plot_example(example: PositionExample, settings: NetworkSettings) -> Drawing:
    """What the network is shown, what it should answer, and where its answer counts: one plane of a
    patch.

    Args:
        example: of `PositionExamples`.
        settings: those of the `PositionExamples`, which have the spacing.
    """
    spacing_um, now, z = find_spacing(settings), -settings.time_window[0], _best_plane(example)
    figure = draw_figure(10, 3.8)
    panels = (
        ("image, central time point", example.image[z, :, :, now], "gray", None),
        ("target", example.target[z], HEAT_COLOURS, (0, 1)),
        ("what counts", example.counts[z].astype(float), "gray", (0, 1)),
    )
    for axes, (name, image, colours, limits) in zip(figure.subplots(1, 3), panels, strict=True):
        draw_plane(axes, image, spacing_um[1:], colours, limits)
        axes.set_title(name, fontsize=10)
        if name != "target":
            mark_positions(axes, _inside(example), spacing_um, POSITION, z)
    part = example.counts.mean()
    figure.description = (
        f"Plane {z} of a training patch of {_format_shape(example.target.shape)} voxels (z, y, x), three panels: the "
        f"image at the central time point, the target with a dot for each of "
        f"{count(len(_inside(example)), 'position')}, and what counts in the loss, {part:.0%} of the patch."
    )
    return figure


def plot_augmentations(
    before: PositionExample,
    after: Sequence[PositionExample],
    settings: NetworkSettings,
    *,
    names: Sequence[str] | None = None,
) -> Drawing:
    """One patch as it is, and how augmentation varies it: images above, their targets below.

    Args:
        before: the patch without augmentation.
        after: the same patch, varied.
        settings: those of the `PositionExamples`, which have the spacing.
        names: above the variations.
    """
    examples, spacing_um, now = [before, *after], find_spacing(settings), -settings.time_window[0]
    names = ["as it is", *(names or [f"variation {number}" for number in range(1, len(after) + 1)])]
    figure = draw_figure(2.4 * len(examples), 5)
    rows = figure.subplots(2, len(examples), squeeze=False)
    for column, (example, name) in enumerate(zip(examples, names, strict=True)):
        z = _best_plane(example)
        draw_plane(rows[0, column], example.image[z, :, :, now], spacing_um[1:], limits=(-0.1, 1.2))
        draw_plane(rows[1, column], example.target[z], spacing_um[1:], HEAT_COLOURS, (0, 1))
        mark_positions(rows[0, column], _inside(example), spacing_um, POSITION, z)
        rows[0, column].set_title(name, fontsize=10)
    figure.description = (
        f"A training patch and {count(len(after), 'variation')} of it ({', '.join(names[1:])}): images above with the "
        "nucleus positions, targets below. Dots and positions move with the nuclei."
    )
    return figure


def plot_prediction(
    stack_zyx: np.ndarray,
    heat: np.ndarray | None,
    truth: np.ndarray,
    found: np.ndarray,
    spacing_um: Spacing,
    *,
    region: np.ndarray | None = None,
    max_distance_um: float = 5.0,
    title: str = "",
    view: str = "projection",
    z: int | None = None,
) -> Drawing:
    """What was found, beside the network's answer: right, missed and false positions.

    Args:
        stack_zyx: (z, y, x), the image.
        heat: (z, y, x) float, 0..1, the network's answer to the same image (its voxels may be
            others), or None.
        truth: (n, 3) float, zyx, voxels of the image.
        found: (m, 3) float, likewise.
        spacing_um: µm per voxel of the image, zyx.
        region: (2, 3) float, lowest and highest corner of what is annotated: what is found outside
            is neither right nor false. None: everything is.
        max_distance_um: a found position is right this close to a true one, one-to-one.
        title: above the figure.
        view: "projection" or "slice".
        z: the plane of the slice; None: the middle one.
    """
    _check_stack(stack_zyx, spacing_um)
    marked = _sort_positions(truth, found, spacing_um, region, max_distance_um)
    z = stack_zyx.shape[0] // 2 if z is None else int(z)
    images = [(stack_zyx, "image", "gray", None)]
    if heat is not None:
        images.append((heat, "probability of a nucleus centre", HEAT_COLOURS, (0, 1)))
    figure = draw_figure(5 * len(images), 5.6)
    panels = figure.subplots(1, len(images), squeeze=False)[0]
    extent_um = np.array(stack_zyx.shape) * spacing_um
    for axes, (image, name, colours, limits) in zip(panels, images, strict=True):
        flat = (
            image.max(axis=0) if view == "projection" else image[z * len(image) // len(stack_zyx)]
        )
        drawn = draw_plane(axes, flat, spacing_um[1:], colours, limits, extent_um[1:])
        axes.set_title(name, fontsize=10)
    if heat is not None:
        figure.colorbar(drawn, ax=panels[-1], shrink=0.7)
    for mark, positions in marked.items():
        for axes in panels:
            mark_positions(axes, positions, spacing_um, mark, z if view == "slice" else None)
    handles = [
        panels[0].plot([], [], label=f"{mark.name} ({len(marked[mark])})", **mark.style())[0]
        for mark in marked
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        facecolor="0.1",
        labelcolor="white",
        framealpha=1,
    )
    figure.suptitle(title)
    numbers = ", ".join(f"{len(positions)} {mark.name}" for mark, positions in marked.items())
    beside = " and the probabilities the network gives" if heat is not None else ""
    figure.description = (
        f"{title or 'Found positions'}: the image{beside}, with positions marked: {numbers}."
    )
    return figure


def plot_mistakes(
    movie: TimeLapse,
    truth: Annotations,
    found: Annotations,
    threshold: float,
    channels: Sequence[int] = (1,),
    *,
    most: int = 5,
    max_distance_um: float = 5.0,
) -> Drawing:
    """The worst mistakes in close-up: above, nuclei that were missed; below, what was found where
    there is none.

    The worst misses are those the network gave the least probability, the worst inventions those it
    was surest of.

    Args:
        movie: to look at.
        truth: the right answer.
        found: candidates with their "probability".
        threshold: candidates from this probability on count as found.
        channels: counted from 1; several are summed.
        most: so many of each kind.
        max_distance_um: a found position is right this close to a true one, one-to-one.
    """
    missed, false = _find_mistakes(truth, found, threshold, max_distance_um)
    figure = draw_figure(2.4 * most, 5.6)
    rows = figure.subplots(2, most, squeeze=False)
    for axes in rows.flat:
        axes.axis("off")
    for row, mark, mistakes in ((rows[0], MISSED, missed), (rows[1], FALSE, false)):
        row[0].set_title(f"none is {mark.name}", fontsize=10)
        for axes, mistake in zip(row, mistakes[:most], strict=False):
            _show_mistake(axes, movie, channels, mark, mistake, truth)
    figure.suptitle(
        f"{movie.name}: worst mistakes (true positions: circles, filled in this plane, faint in others)"
    )
    figure.description = (
        f"Close-ups of the worst mistakes in {movie.name}: {_describe_mistakes('missed', missed, most)}, and "
        f"{_describe_mistakes('false', false, most)}."
    )
    return figure


Mistake = tuple[int, np.ndarray, float]  # time point, position, probability


def _find_mistakes(
    truth: Annotations, found: Annotations, threshold: float, max_distance_um: float
) -> tuple[list[Mistake], list[Mistake]]:
    """Missed positions, the least probable first, and false ones, the most probable first."""
    missed, false = [], []
    for time_point in truth.annotated_time_points.tolist():
        rows = found.rows_at(time_point)
        candidates, chances = (
            found.positions[rows],
            found.properties["probability"][rows].astype(float),
        )
        taken = chances >= threshold
        true, region = truth.positions_at(time_point), truth.annotated_region(time_point)
        sorted_positions = _sort_positions(
            true, candidates[taken], truth.spacing_um, region, max_distance_um
        )
        for position in sorted_positions[MISSED]:
            near = (
                np.linalg.norm((candidates - position) * truth.spacing_um, axis=1)
                <= max_distance_um
            )
            missed.append((time_point, position, chances[near & ~taken].max(initial=0.0)))
        for position in sorted_positions[FALSE]:
            false.append(
                (time_point, position, chances[(candidates == position).all(axis=1)].max())
            )
    by_chance = {"key": lambda mistake: mistake[2]}
    return sorted(missed, **by_chance), sorted(false, **by_chance, reverse=True)


def _show_mistake(
    axes: Axes,
    movie: TimeLapse,
    channels: Sequence[int],
    mark: Mark,
    mistake: Mistake,
    truth: Annotations,
) -> None:
    """The plane of a mistake and 12 µm around it, with the true positions: filled in this plane,
    faint in others.
    """
    time_point, position, chance = mistake
    z = int(np.clip(round(position[0]), 0, movie.shape_zyx[0] - 1))
    axes.axis("on")
    draw_plane(axes, movie.stack(time_point, channels)[z], movie.spacing_um[1:], bar=False)
    mark_positions(axes, truth.positions_at(time_point), movie.spacing_um, POSITION, z)
    mark_positions(axes, position[None], movie.spacing_um, mark)
    y, x = position[1:] * movie.spacing_um[1:]
    axes.set(
        xlim=(x - _CLOSE_UP_UM, x + _CLOSE_UP_UM),
        ylim=(y + _CLOSE_UP_UM, y - _CLOSE_UP_UM),
        facecolor="0.8",
    )
    add_scale_bar(axes, 2 * _CLOSE_UP_UM)
    axes.set_title(f"{mark.name}, time {time_point}, z {z}\nprobability {chance:.2f}", fontsize=9)


def _describe_mistakes(kind: str, mistakes: Sequence[Mistake], most: int) -> str:
    shown = [
        f"time point {t} at z {p[0]:.0f}, y {p[1]:.0f}, x {p[2]:.0f}" for t, p, _ in mistakes[:most]
    ]
    return f"{len(mistakes)} {kind}" + (f" ({'; '.join(shown)})" if shown else "")


def _sort_positions(
    truth: np.ndarray,
    found: np.ndarray,
    spacing_um: Spacing,
    region: np.ndarray | None,
    max_distance_um: float,
) -> dict[Mark, np.ndarray]:
    """Positions by what they are: found where a nucleus is, missed, found where none is."""
    truth, found = (np.asarray(each, float).reshape(-1, 3) for each in (truth, found))
    pairs = match_positions(truth * spacing_um, found * spacing_um, max_distance_um)
    false = np.delete(found, pairs[:, 1], axis=0)
    if region is not None:
        false = false[((false >= region[0]) & (false <= region[1])).all(axis=1)]
    return {RIGHT: found[pairs[:, 1]], MISSED: np.delete(truth, pairs[:, 0], axis=0), FALSE: false}


def _check_stack(stack_zyx: np.ndarray, spacing_um: Spacing) -> None:
    if np.ndim(stack_zyx) != 3 or len(spacing_um) != 3:
        raise UserError(
            f"A stack must have the axes z, y, x, and a spacing for each. Received: shape {np.shape(stack_zyx)} and "
            f"spacing {spacing_um}. Choose one time point and channel with movie.stack(time_point, channels)."
        )


def _draw_orthogonal(
    stack: np.ndarray, spacing_um: Spacing, positions: np.ndarray, z: int
) -> Drawing:
    """Slices from above, from the side and from the front, at one scale."""
    depth, height, width = np.array(stack.shape) * spacing_um
    middle = (z, stack.shape[1] // 2, stack.shape[2] // 2)
    scale = 7 / max(width + depth, height + depth)
    figure = draw_figure(scale * (width + depth) + 0.5, scale * (height + depth) + 0.9)
    panels = figure.subplots(2, 2, width_ratios=(width, depth), height_ratios=(height, depth))
    views = (
        (panels[0, 0], stack[z], (0, 1, 2), f"from above (z = {z})"),
        (panels[0, 1], stack[:, :, middle[2]].T, (2, 1, 0), f"y–z (x = {middle[2]})"),
        (panels[1, 0], stack[:, middle[1]], (1, 0, 2), f"x–z (y = {middle[1]})"),
    )
    limits = tuple(np.nanquantile(stack, CONTRAST))
    for number, (axes, image, view, name) in enumerate(views):
        draw_plane(
            axes, image, [spacing_um[axis] for axis in view[1:]], limits=limits, bar=number == 0
        )
        mark_positions(axes, positions, spacing_um, POSITION, middle[view[0]], view=view)
        axes.set_title(name, fontsize=9)
    for axis, line in ((1, panels[0, 0].axhline), (2, panels[0, 0].axvline)):
        line(
            middle[axis] * spacing_um[axis],
            color=COLOURS["sky blue"],
            linewidth=0.8,
            linestyle="--",
        )
    panels[1, 1].axis("off")
    return figure


def _describe_stack(
    stack: np.ndarray, spacing_um: Spacing, positions: np.ndarray, view: str, z: int, title: str
) -> str:
    size = " × ".join(f"{length:.0f}" for length in np.array(stack.shape) * spacing_um)
    seen = {
        "projection": "the brightest voxels along z",
        "slice": f"plane {z}",
        "orthogonal": f"slices from three sides, plane {z} from above",
    }[view]
    marked = ""
    if len(positions):
        marked = f", with {count(len(positions), 'position')} marked"
        if view == "slice":
            near = np.count_nonzero(np.abs(positions[:, 0] - z) <= NEAR_PLANES)
            marked += f", {near} of them within one plane"
    return f"{title + ': ' if title else ''}{seen} of a stack of {size} µm (z, y, x){marked}."


def _name_channels(movie: TimeLapse, channels: Sequence[int]) -> str:
    names = [f"{channel} ({movie.channel_names[channel - 1]})" for channel in channels]
    return (
        f"channel {names[0]}"
        if len(names) == 1
        else f"sum of channels {' + '.join(map(str, channels))}"
    )


def _number_problem(axes: Axes, problem: Problem, number: int, spacing_um: Spacing) -> None:
    """A square for errors, a diamond for warnings, with the number beside it."""
    if problem.position is None:
        return
    mark = (
        Mark("error", "s", "vermillion")
        if problem.severity == "error"
        else Mark("warning", "D", "yellow")
    )
    mark_positions(axes, np.array([problem.position]), spacing_um, mark)
    _, y, x = np.array(problem.position) * spacing_um
    edge = [withStroke(linewidth=2.5, foreground="black")]
    text = {
        "textcoords": "offset points",
        "color": "white",
        "fontsize": 11,
        "fontweight": "bold",
        "path_effects": edge,
    }
    axes.annotate(str(number), (x, y), (6, 5), **text)


def _format_rule(problem: Problem) -> str:
    return problem.rule.replace("_", " ")


def _write_list(axes: Axes, lines: Sequence[str], most: int = 24) -> None:
    """Lines of text in an empty panel, as many as fit."""
    axes.axis("off")
    shown = [*lines[:most], *([f"… and {len(lines) - most} more"] if len(lines) > most else [])]
    axes.text(
        0, 1, "\n".join(shown), va="top", fontsize=9, linespacing=1.4, transform=axes.transAxes
    )


def _best_plane(example: PositionExample) -> int:
    """The plane with most of the dots, or the middle one."""
    dots = example.target.sum(axis=(1, 2))
    return int(dots.argmax()) if dots.any() else len(dots) // 2


def _inside(example: PositionExample) -> np.ndarray:
    """The positions that lie in the patch."""
    inside = (example.positions > -0.5) & (example.positions < np.array(example.target.shape) - 0.5)
    return example.positions[inside.all(axis=1)]


def _format_shape(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
