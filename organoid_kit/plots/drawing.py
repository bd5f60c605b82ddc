"""What all figures share: colours, marks, and words for those who cannot see them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings

# Okabe and Ito 2008, "Color Universal Design": can be told apart with every kind of colour
# blindness.
COLOURS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}
LINES = tuple(  # colour, shape and stroke of the first, second, … line in a diagram
    {"color": COLOURS[colour], "marker": marker, "linestyle": stroke}
    for colour, marker, stroke in (
        ("blue", "o", "-"),
        ("vermillion", "s", "--"),
        ("green", "^", "-."),
        ("purple", "D", ":"),
        ("orange", "v", "-"),
        ("black", "P", "--"),
        ("sky blue", "X", "-."),
    )
)

CONTRAST = (0.01, 0.998)  # these quantiles of the intensities are shown black and white
HEAT_COLOURS = "magma"  # dark to light, so that marks stay visible
NEAR_PLANES = 1.0  # a position so many planes from a slice is in it
_BARS_UM = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Mark:
    """How positions of one kind are marked on an image, and what they are called."""

    name: str
    shape: str
    colour: str
    filled: bool = False

    def style(self, size: float = 7.0) -> dict[str, Any]:
        """Options for `Axes.plot`."""
        colour = COLOURS[self.colour]
        face = colour if self.filled or self.shape in "x+" else "none"
        return {
            "linestyle": "none",
            "marker": self.shape,
            "markersize": size,
            "markeredgecolor": colour,
            "markerfacecolor": face,
            "markeredgewidth": 1.5,
        }


RIGHT = Mark("right", "o", "sky blue")
MISSED = Mark("missed", "^", "yellow")
FALSE = Mark("false", "x", "vermillion")
POSITION = Mark("position", "o", "orange")


class Drawing(Figure):
    """A figure with words. It is shown once, where it is the last line of a notebook cell, and
    belongs to no window.

    Attributes:
        description: what the figure shows, for people who cannot see it.
    """

    description: str = ""

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, bytes], dict[str, dict[str, str]]]:
        """What Jupyter shows: the picture, with the words as alternative text."""
        return {"image/png": write_png(self)}, {"image/png": {"alt": self.description}}


def draw_figure(width: float = 7.0, height: float = 4.0) -> Drawing:
    """An empty drawing, in inches, whose parts make room for each other."""
    return Drawing(figsize=(width, height), layout="constrained")


def write_png(figure: Figure, dpi: int = 100) -> bytes:
    """The figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def describe(figure: Figure) -> str:
    """What a figure shows, in words.

    Args:
        figure: from any of the `plot_` functions.
    """
    return getattr(figure, "description", "")


def tidy(axes: Axes) -> None:
    """A diagram without a box around it, with a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def format_number(value: float | None, digits: int = 2) -> str:
    """A number in a sentence, or "not measured"."""
    return "not measured" if value is None else f"{value:.{digits}f}"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 nucleus is "1 position", 3 are "3 positions"."""
    return f"{number} {noun}{'s' * (number != 1)}"


def draw_plane(
    axes: Axes,
    image: np.ndarray,
    spacing_um: Sequence[float],
    colours: str = "gray",
    limits: tuple[float, float] | None = None,
    size_um: Sequence[float] | None = None,
    bar: bool = True,
):
    """Draws a plane in µm: the centre of its first voxel is at 0, whatever the size of its voxels."""
    low, high = limits or np.nanquantile(image, CONTRAST)
    height, width = size_um if size_um is not None else np.array(image.shape) * spacing_um
    left, top = -spacing_um[1] / 2, -spacing_um[0] / 2
    extent = (left, left + width, top + height, top)
    options = {"vmin": low, "vmax": max(high, low + 1e-9), "interpolation": "nearest"}
    drawn = axes.imshow(image, cmap=colours, extent=extent, aspect="equal", **options)
    axes.set(xticks=[], yticks=[])
    axes.autoscale(False)
    if bar:
        add_scale_bar(axes, width)
    return drawn


def choose_bar_um(width_um: float) -> int:
    """The length of a scale bar: a round one, in µm, of at most a third of the image."""
    return max(
        (each for each in _BARS_UM if each <= width_um / 3 * (1 + 1e-9)), default=_BARS_UM[0]
    )


def add_scale_bar(axes: Axes, width_um: float) -> None:
    """A white bar on a dark ground, of a round length."""
    length = choose_bar_um(width_um)
    bar = AnchoredSizeBar(
        axes.transData,
        length,
        f"{length} µm",
        "lower right",
        frameon=True,
        color="white",
        pad=0.3,
        sep=3,
    )
    bar.size_bar.get_children()[0].set_linewidth(3)
    bar.patch.set(facecolor="black", edgecolor="none", alpha=0.55)
    axes.add_artist(bar)


def mark_positions(
    axes: Axes,
    positions: np.ndarray,
    spacing_um: Spacing,
    mark: Mark,
    plane: float | None = None,
    *,
    view: tuple[int, int, int] = (0, 1, 2),
    faint: bool = False,
) -> None:
    """Marks positions; near a plane filled, others faint. `view`: the axis looked along, the
    vertical, the other.
    """
    depth, vertical, horizontal = view
    points = positions * spacing_um
    near = (
        np.ones(len(points), bool)
        if plane is None
        else np.abs(positions[:, depth] - plane) <= NEAR_PLANES
    )
    style = mark.style()
    if plane is not None and mark.shape not in "x+":
        style["markerfacecolor"] = style["markeredgecolor"]
    axes.plot(
        points[near, horizontal],
        points[near, vertical],
        **(style | {"alpha": 0.4 if faint else 0.9}),
    )
    if not near.all():
        style |= {"markerfacecolor": "none", "markersize": 5, "alpha": 0.35}
        axes.plot(points[~near, horizontal], points[~near, vertical], **style)


def find_spacing(settings: NetworkSettings) -> Spacing:
    """The working spacing, zyx, µm.

    Raises:
        UserError: the settings have none.
    """
    if settings.spacing_um is None:
        raise UserError(
            "A patch is drawn in µm. Received: settings without spacing_um. Pass the settings of the examples."
        )
    return settings.spacing_um
