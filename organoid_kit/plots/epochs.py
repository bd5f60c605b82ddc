"""One epoch of a training: where the curves stood, and what the network said of its example."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator

from organoid_kit.plots.drawing import (
    HEAT_COLOURS,
    LINES,
    POSITION,
    Drawing,
    count,
    draw_figure,
    draw_plane,
    mark_positions,
    tidy,
)
from organoid_kit.training.epoch_pictures import EpochPicture

_GREYS = (0, 255)
_ANSWERS = {"division": ("does not divide", "divides"), "link": ("another one", "same nucleus")}


def plot_epoch(
    picture: EpochPicture, history: Sequence[Mapping[str, Any]], *, title: str = ""
) -> Drawing:
    """The losses with a line at the epoch of a picture, and the picture.

    Args:
        picture: see `read_picture`.
        history: a row for each epoch, see `Run.history`.
        title: above the figure.
    """
    figure = draw_figure(11, 4.2 if picture.images.shape[1] == 1 else 5)
    curves, example = figure.subfigures(1, 2, width_ratios=(2, 5))
    axes, epochs = curves.subplots(), [row["epoch"] for row in history]
    for (key, name), style in zip((("loss", "training"), ("validation_loss", "validation")), LINES):
        axes.plot(epochs, [row[key] for row in history], label=name, markersize=4, **style)
    axes.axvline(picture.epoch, color="0.2", linestyle=":", label=f"epoch {picture.epoch}")
    axes.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)
    axes.legend(fontsize=8)
    draw = _draw_patch if picture.network == "position" else _draw_crops
    words = draw(example, picture)
    figure.suptitle("\n".join(textwrap.wrap(title, 130)), fontsize=10)
    figure.description = f"{title} {words}".strip()
    return figure


def _draw_patch(figure: SubFigure, picture: EpochPicture) -> str:
    """Image, target and prediction; returns what they show, in words."""
    target, prediction = (part[0].astype(float) for part in (picture.targets, picture.answers))
    panels = (
        ("image", picture.images[0, 0], "gray", _GREYS),
        ("target", target, HEAT_COLOURS, (0, 1)),
        (f"prediction after epoch {picture.epoch}", prediction, HEAT_COLOURS, (0, 1)),
    )
    positions = np.column_stack([np.zeros(len(picture.positions)), picture.positions])
    for axes, (name, image, colours, limits) in zip(figure.subplots(1, 3), panels, strict=True):
        draw_plane(axes, image, picture.spacing_um, colours, limits)
        mark_positions(axes, positions, (1.0, *picture.spacing_um), POSITION)
        axes.set_title(name, fontsize=10)
    return (
        f"One plane of a patch with {count(len(positions), 'annotated position')}: image, target, "
        f"and the prediction after epoch {picture.epoch}, whose highest probability is "
        f"{picture.answers.max():.2f}."
    )


def _draw_crops(figure: SubFigure, picture: EpochPicture) -> str:
    """Crops with the right answer and the network's; returns what they show, in words."""
    number, views = picture.images.shape[:2]
    panels = figure.subplots(views, number, squeeze=False)
    words = []
    for column, images, target, answer in zip(
        panels.T, picture.images, picture.targets, picture.answers
    ):
        for axes, image in zip(column, images):
            draw_plane(axes, image, picture.spacing_um, "gray", _GREYS, bar=axes is panels[-1, -1])
        words.append(f"{_ANSWERS[picture.network][int(target > 0.5)]}: {answer:.2f}")
        title = words[-1].replace(": ", "\n").replace("does not divide", "no division")
        right = (answer > 0.5) == (target > 0.5)
        column[0].set_title(f"{title} {'✓' if right else '✗'}", fontsize=8)
    return (
        "Crops with the right answer and the network's probability after epoch "
        f"{picture.epoch}: {'; '.join(words)}."
    )
