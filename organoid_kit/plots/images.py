"""Figures of stacks, with positions on top; in µm, so that a sphere looks round from every side."""

from collections.abc import Sequence

import numpy as np

from organoid_kit.base import NetworkSettings, make_error, refuse_if
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.checks import Problem
from organoid_kit.evaluation.matching import match_positions
from organoid_kit.examples.position import PositionExample
from organoid_kit.plots import drawing
from organoid_kit.plots.drawing import POSITION, Drawing, Mark, count, draw_panels, draw_plane

VIEWS = ("projection", "slice", "orthogonal")
_SEVERITIES = {"error": Mark("error", "s", "vermillion"), "warning": Mark("warning", "D", "yellow")}
_LISTED_PROBLEMS = 24  # as many as fit beside the image
Mistake = tuple[int, np.ndarray, float]  # time point, position (z, y, x), probability


def plot_stack(
    stack_zyx: np.ndarray,
    spacing_um: drawing.Spacing,
    *,
    positions: np.ndarray | None = None,
    title: str = "",
    view: str = "projection",
    z: int | None = None,
) -> Drawing:
    """A stack, (z, y, x) of any intensities, with a scale bar, and positions on top.

    Args:
        positions: (n, 3) float, zyx, voxels. In a slice, those farther than a plane are faint.
        view: "projection" (brightest along z), "slice" (one plane) or "orthogonal" (slices from
            three sides, x and y in the middle).
        z: the plane of the slice; None: the middle one.
    """
    _check_stack(stack_zyx, spacing_um)
    z = len(stack_zyx) // 2 if z is None else int(z)
    refuse_if(not 0 <= z < len(stack_zyx), "plane number", count=len(stack_zyx) - 1, z=z)
    refuse_if(view not in VIEWS, "view name", known=", ".join(VIEWS), view=view)
    positions = np.asarray([] if positions is None else positions, float).reshape(-1, 3)
    marked = f", with {count(len(positions), 'position')} marked" if len(positions) else ""
    if view == "orthogonal":
        figure = _draw_orthogonal(stack_zyx, spacing_um, positions, z)
        seen = f"slices from three sides, plane {z} from above"
    else:
        (figure, axes), is_slice = draw_panels(5, 5), view == "slice"
        draw_plane(axes, stack_zyx[z] if is_slice else stack_zyx.max(axis=0), spacing_um[1:])
        drawing.mark_positions(axes, positions, spacing_um, POSITION, z if is_slice else None)
        seen = f"plane {z}" if is_slice else "the brightest voxels along z"
        if marked and is_slice:
            near = np.count_nonzero(np.abs(positions[:, 0] - z) <= drawing.NEAR_PLANES)
            marked += f", {near} of them within one plane"
    size = _join([f"{length:.0f}" for length in np.array(stack_zyx.shape) * spacing_um])
    return figure.caption(f"{seen} of a stack of {size} µm (z, y, x){marked}.", title)


def _draw_orthogonal(
    stack: np.ndarray, spacing_um: drawing.Spacing, positions: np.ndarray, z: int
) -> Drawing:
    depth, height, width = np.array(stack.shape) * spacing_um
    middle = (z, stack.shape[1] // 2, stack.shape[2] // 2)
    scale = 7 / max(width + depth, height + depth)
    inches = scale * (width + depth) + 0.5, scale * (height + depth) + 0.9
    ratios = {"width_ratios": (width, depth), "height_ratios": (height, depth)}
    figure, panels = draw_panels(*inches, 2, 2, **ratios)
    above = panels[0, 0]
    views = (
        (above, stack[z], (0, 1, 2), f"from above (z = {z})"),
        (panels[0, 1], stack[:, :, middle[2]].T, (2, 1, 0), f"y–z (x = {middle[2]})"),
        (panels[1, 0], stack[:, middle[1]], (1, 0, 2), f"x–z (y = {middle[1]})"),
    )
    limits = tuple(np.nanquantile(stack, drawing.CONTRAST))
    for axes, image, view, name in views:
        spacing = [spacing_um[axis] for axis in view[1:]]
        draw_plane(axes, image, spacing, limits=limits, bar=axes is above)
        drawing.mark_positions(axes, positions, spacing_um, POSITION, middle[view[0]], view=view)
        axes.set_title(name, fontsize=9)
    for axis, draw_line in ((1, above.axhline), (2, above.axvline)):
        style = {"color": drawing.COLOURS["sky blue"], "linewidth": 0.8, "linestyle": "--"}
        draw_line(middle[axis] * spacing_um[axis], **style)
    panels[1, 1].axis("off")
    return figure


def plot_channels(
    movie: TimeLapse, time_point: int, channels: Sequence[Sequence[int]] = ((2,), (3,), (2, 3))
) -> Drawing:
    """Channels, counted from 1, and sums of channels side by side, each projected along z."""
    figure, panels = draw_panels(3.6 * len(channels), 4, 1, len(channels), squeeze=False)
    names = []
    for axes, chosen in zip(panels[0], channels, strict=True):
        name = f"channel {chosen[0]} ({movie.channel_names[chosen[0] - 1]})"
        name = name if len(chosen) == 1 else f"sum of channels {' + '.join(map(str, chosen))}"
        image = movie.stack(time_point, chosen).max(axis=0)
        draw_plane(axes, image, movie.spacing_um[1:], title=name)
        names.append(name)
    figure.suptitle(f"{movie.name}, time point {time_point}")
    where = f"{movie.name} at time point {time_point}, brightest voxels along z"
    return figure.caption(f"Images of {where}, side by side: {'; '.join(names)}.")


def plot_problems(
    movie: TimeLapse,
    annotations: Annotations,
    problems: Sequence[Problem],
    time_point: int,
    channels: Sequence[int] = (1,),
) -> Drawing:
    """Problems of a time point, numbered, with a list beside the image; annotations are faint."""
    figure, (axes, text_axes) = draw_panels(9, 5, 1, 2, width_ratios=(5, 4))
    positions = annotations.positions_at(time_point)
    draw_plane(axes, movie.stack(time_point, channels).max(axis=0), movie.spacing_um[1:])
    drawing.mark_positions(axes, positions, movie.spacing_um, POSITION, faint=True)
    axes.set_title(f"{movie.name}, time point {time_point}")
    here = [problem for problem in problems if problem.time_point == time_point]
    number_style = {"color": "white", "fontsize": 11, "fontweight": "bold"}
    number_style["path_effects"] = drawing.outline(2.5)
    lines = []
    for number, problem in enumerate(here, start=1):
        lines.append(f"{number}  {problem.severity}: {problem.rule.replace('_', ' ')}")
        if problem.position is not None:
            mark, position = _SEVERITIES[problem.severity], np.array(problem.position)
            drawing.mark_positions(axes, position[None], movie.spacing_um, mark)
            place_um = (position * movie.spacing_um)[:0:-1]
            axes.annotate(str(number), place_um, (6, 5), textcoords="offset points", **number_style)
    listed = ". ".join(lines) or "No problem here"
    if (more := len(lines) - _LISTED_PROBLEMS) > 0:
        lines[_LISTED_PROBLEMS:] = [f"… and {more} more"]
    text_axes.axis("off")
    text = "\n".join(lines) or "No problem at this time point."
    style = {"va": "top", "fontsize": 9, "linespacing": 1.4, "transform": text_axes.transAxes}
    text_axes.text(0, 1, text, **style)
    found = f"{count(len(positions), 'position')} and {count(len(here), 'problem')}: {listed}."
    where = f"{movie.name} at time point {time_point}, brightest voxels along z"
    return figure.caption(f"{where}, with {found}")


def plot_example(example: PositionExample, settings: NetworkSettings) -> Drawing:
    """One plane of a patch: what the network is shown, its target, and where that counts."""
    spacing_um, z = drawing.get_spacing(settings), example.fullest_plane
    now = -settings.time_window[0]
    figure, panels = draw_panels(10, 3.8, 1, 3)
    images = (
        ("image, central time point", example.image[z, :, :, now], "gray", None),
        ("target", example.target[z], drawing.HEAT_COLOURS, (0, 1)),
        ("what counts", example.counts[z].astype(float), "gray", (0, 1)),
    )
    positions = example.positions_inside
    for axes, (name, image, colours, limits) in zip(panels, images, strict=True):
        draw_plane(axes, image, spacing_um[1:], colours, limits, title=name)
        if name != "target":
            drawing.mark_positions(axes, positions, spacing_um, POSITION, z)
    return figure.caption(
        f"Plane {z} of a training patch of {_join(example.target.shape)} voxels (z, y, x), three "
        "panels: the image at the central time point, the target with a dot for each of "
        f"{count(len(positions), 'position')}, and what counts in the loss, "
        f"{example.counts.mean():.0%} of the patch."
    )


def plot_augmentations(
    before: PositionExample,
    after: Sequence[PositionExample],
    settings: NetworkSettings,
    *,
    names: Sequence[str] | None = None,
) -> Drawing:
    """One patch as it is, and how augmentation varies it: images above, their targets below."""
    spacing_um, now = drawing.get_spacing(settings), -settings.time_window[0]
    examples = [before, *after]
    names = list(names or [f"variation {number}" for number in range(1, len(after) + 1)])
    figure, rows = draw_panels(2.4 * len(examples), 5, 2, len(examples), squeeze=False)
    for (top, bottom), example, name in zip(rows.T, examples, ["as it is", *names], strict=True):
        z, options = example.fullest_plane, {"limits": (-0.1, 1.2), "title": name}
        draw_plane(top, example.image[z, :, :, now], spacing_um[1:], **options)
        draw_plane(bottom, example.target[z], spacing_um[1:], drawing.HEAT_COLOURS, (0, 1))
        drawing.mark_positions(top, example.positions_inside, spacing_um, POSITION, z)
    said = f"A training patch and {count(len(after), 'variation')} of it ({', '.join(names)})"
    below = "images above with the nucleus positions, targets below"
    return figure.caption(f"{said}: {below}. Dots and positions move with the nuclei.")


def plot_prediction(
    stack_zyx: np.ndarray,
    heat: np.ndarray | None,
    truth: np.ndarray,
    found: np.ndarray,
    spacing_um: drawing.Spacing,
    *,
    region: np.ndarray | None = None,
) -> Drawing:
    """What was found, beside the network's answer: right, missed and false positions; a found one
    is right within 5 µm of a true one, one-to-one. Images are projected along z.

    Args:
        heat: (z, y, x) float, 0..1, the answer to the same image, perhaps in other voxels; or None.
        truth, found: (n, 3) and (m, 3) float, zyx, voxels of the image, which has the spacing.
        region: (2, 3) float, lowest and highest corner of what is annotated: what is found outside
            is neither right nor false. None: everything is.
    """
    _check_stack(stack_zyx, spacing_um)
    truth, found = (np.asarray(part, float).reshape(-1, 3) for part in (truth, found))
    pairs = match_positions(truth * spacing_um, found * spacing_um)
    false = np.delete(found, pairs[:, 1], axis=0)
    if region is not None:
        false = false[((false >= region[0]) & (false <= region[1])).all(axis=1)]
    missed = np.delete(truth, pairs[:, 0], axis=0)
    marked = {drawing.RIGHT: found[pairs[:, 1]], drawing.MISSED: missed, drawing.FALSE: false}
    images = [(stack_zyx, "image", "gray", None)]
    if heat is not None:
        images.append((heat, "probability of a nucleus centre", drawing.HEAT_COLOURS, (0, 1)))
    figure, [panels] = draw_panels(5 * len(images), 5.6, 1, len(images), squeeze=False)
    options = {"size_um": np.array(stack_zyx.shape[1:]) * spacing_um[1:]}
    for axes, (image, name, colours, limits) in zip(panels, images, strict=True):
        plane = image.max(axis=0)
        drawn = draw_plane(axes, plane, spacing_um[1:], colours, limits, title=name, **options)
        for mark, positions in marked.items():
            drawing.mark_positions(axes, positions, spacing_um, mark)
    if heat is not None:
        figure.colorbar(drawn, ax=panels[-1], shrink=0.7)
    handles = [
        panels[0].plot([], [], label=f"{mark.name} ({len(positions)})", **mark.style())[0]
        for mark, positions in marked.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, **drawing.DARK_LEGEND)
    numbers = ", ".join(f"{len(positions)} {mark.name}" for mark, positions in marked.items())
    beside = " and the probabilities the network gives" if heat is not None else ""
    return figure.caption(f"Found positions: the image{beside}, with positions marked: {numbers}.")


def plot_mistakes(
    movie: TimeLapse,
    truth: Annotations,
    missed: Sequence[Mistake],
    false: Sequence[Mistake],
    channels: Sequence[int] = (1,),
) -> Drawing:
    """The worst mistakes in close-up, five of each kind: missed nuclei above, false below."""
    figure, rows = draw_panels(12, 5.6, 2, 5)
    for axes in rows.flat:
        axes.axis("off")
    words = []
    for row, mark, mistakes in ((rows[0], drawing.MISSED, missed), (rows[1], drawing.FALSE, false)):
        row[0].set_title(f"none is {mark.name}", fontsize=10)
        shown = []
        for axes, (time_point, position, probability) in zip(row, mistakes, strict=False):
            z = int(np.clip(round(position[0]), 0, movie.shape_zyx[0] - 1))
            image, spacing_um = movie.stack(time_point, channels)[z], movie.spacing_um
            axes.axis("on")
            drawing.draw_close_up(axes, image, spacing_um[1:], position[1:] * spacing_um[1:])
            drawing.mark_positions(axes, truth.positions_at(time_point), spacing_um, POSITION, z)
            drawing.mark_positions(axes, position[None], spacing_um, mark)
            name = f"{mark.name}, time {time_point}, z {z}\nprobability {probability:.2f}"
            axes.set_title(name, fontsize=9)
            z, y, x = (f"{each:.0f}" for each in position)
            shown.append(f"time point {time_point} at z {z}, y {y}, x {x}")
        words.append(f"{len(mistakes)} {mark.name}" + f" ({'; '.join(shown)})" * bool(shown))
    note = "(true positions: circles, filled in this plane, faint in others)"
    figure.suptitle(f"{movie.name}: worst mistakes {note}")
    said = f"Close-ups of the worst mistakes in {movie.name}: {', and '.join(words)}."
    return figure.caption(said)


def _check_stack(stack_zyx: np.ndarray, spacing_um: drawing.Spacing) -> None:
    if np.ndim(stack_zyx) != 3 or len(spacing_um) != 3:
        raise make_error("stack axes", shape=np.shape(stack_zyx), spacing_um=spacing_um)


def _join(lengths: Sequence) -> str:
    return " × ".join(map(str, lengths))
