"""What all figures share: colours, marks, and words for those who cannot see them."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

from organoid_kit.base import NetworkSettings, files, refuse_if

# Okabe and Ito 2008, "Color Universal Design": they can be told apart whatever the colour blindness
COLOURS = files.read_json(Path(__file__).with_name("colours.json"))
_LINE_COLOURS = ("blue", "vermillion", "green", "purple", "orange", "black", "sky blue")
LINES = tuple(  # colour, marker and dashes of the first, second, … line in a diagram
    {"color": COLOURS[colour], "marker": marker, "linestyle": dashes}
    for colour, marker, dashes in zip(_LINE_COLOURS, "os^DvPX", ("-", "--", "-.", ":") * 2)
)
DARK_LEGEND = {"facecolor": "0.1", "labelcolor": "white", "framealpha": 1}  # for light marks
STAR = {"color": "black", "marker": "*", "linestyle": "none", "markerfacecolor": "white"}

CONTRAST = (0.01, 0.998)  # these quantiles of the intensities are shown black and white
HEAT_COLOURS = "magma"  # dark to light, so that marks stay visible
NEAR_PLANES = 1.0  # a position this many planes from a slice still counts as in it
CLOSE_UP_UM = 12.0  # a close-up reaches this far around its nucleus
_POWER = re.compile(r"\$\\mathdefault\{(\d+\\times)?10\^\{[-−]?\d+\}\}\$")  # on log axes
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
        return {
            "linestyle": "none",
            "marker": self.shape,
            "markersize": size,
            "markeredgecolor": colour,
            "markerfacecolor": colour if self.filled or self.shape in "x+" else "none",
            "markeredgewidth": 1.5,
        }


RIGHT = Mark("right", "o", "sky blue")
MISSED = Mark("missed", "^", "yellow")
FALSE = Mark("false", "x", "vermillion")
POSITION = Mark("position", "o", "orange")


class Drawing(Figure):
    """A figure of no window that describes itself; Jupyter shows it once, as a cell's last line."""

    description: str = ""  # what the figure shows, for people who cannot see it

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, bytes], dict[str, dict[str, str]]]:
        return {"image/png": write_png(self)}, {"image/png": {"alt": self.description}}

    def draw(self, renderer: Any) -> None:
        """As matplotlib does; texts stand as they are: a name with $ is no formula."""
        for axes in self.axes:  # numbers on axes are written now, so that they get their room
            axes.get_xticklabels(which="both"), axes.get_yticklabels(which="both")
        for text in self.findobj(Text):
            text.set_parse_math(bool(_POWER.fullmatch(text.get_text())))
        super().draw(renderer)

    def caption(self, words: str, title: str | None = None) -> "Drawing":
        """Sets the description, and the title above the figure, with which it begins."""
        if title is not None:
            self.suptitle(title)
        self.description = f"{title}: {words}" if title else words
        return self


def draw_figure(width: float = 7.0, height: float = 4.0) -> Drawing:
    """An empty drawing, sized in inches, whose panels make room for each other."""
    return Drawing(figsize=(width, height), layout="constrained")


def draw_panels(
    width: float = 7.0, height: float = 4.0, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Drawing, Any]:
    """An empty drawing and its panels: axes, or an array of them, as `Figure.subplots` gives."""
    figure = draw_figure(width, height)
    return figure, figure.subplots(rows, columns, **options)


def write_png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def describe(figure: Figure) -> str:
    """What a figure shows, in words; empty for figures that are not ours."""
    return getattr(figure, "description", "")


def tidy(axes: Axes, whole_numbers: bool = False) -> None:
    """A diagram without a box around it, with a faint grid; whole numbers along x if need be."""
    if whole_numbers:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def name_line(name: str) -> str:
    """What a user calls a line, for a legend, which leaves out what begins with an underscore."""
    return f" {name}" if name[:1] == "_" else name


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 position", "3 positions"."""
    return f"{number} {noun}{'s' * (number != 1)}"


def outline(width: float) -> list[withStroke]:
    """Path effects that keep light marks and text readable on light ground."""
    return [withStroke(linewidth=width, foreground="black")]


def draw_plane(
    axes: Axes,
    image: np.ndarray,
    spacing_um: Sequence[float],
    colours: str = "gray",
    limits: tuple[float, float] | None = None,
    size_um: Sequence[float] | None = None,
    bar: bool = True,
    title: str = "",
) -> AxesImage:
    """Draws a plane in µm; the centre of its first voxel is at 0, whatever the size of voxels."""
    low, high = limits or np.nanquantile(image, CONTRAST)
    height, width = size_um if size_um is not None else np.array(image.shape) * spacing_um
    left, top = -spacing_um[1] / 2, -spacing_um[0] / 2
    extent = (left, left + width, top + height, top)
    options = {"vmin": low, "vmax": max(high, low + 1e-9), "interpolation": "nearest"}
    drawn = axes.imshow(image, cmap=colours, extent=extent, aspect="equal", **options)
    axes.set(xticks=[], yticks=[])
    if title:
        axes.set_title(title, fontsize=10)
    axes.autoscale(False)
    if bar:
        add_scale_bar(axes, width)
    return drawn


def draw_close_up(
    axes: Axes, image: np.ndarray, spacing_um: Sequence[float], centre_um: Sequence[float]
) -> None:
    """Draws what lies within 12 µm of a place in a plane; `spacing_um` and `centre_um`: y, x."""
    y, x = centre_um
    draw_plane(axes, image, spacing_um, bar=False)
    axes.set(xlim=(x - CLOSE_UP_UM, x + CLOSE_UP_UM), ylim=(y + CLOSE_UP_UM, y - CLOSE_UP_UM))
    axes.set_facecolor("0.8")
    add_scale_bar(axes, 2 * CLOSE_UP_UM)


def choose_bar_um(width_um: float) -> int:
    """The length of a scale bar: a round one, in µm, of at most a third of the image."""
    longest_um = width_um / 3 * (1 + 1e-9)
    return max((length for length in _BARS_UM if length <= longest_um), default=_BARS_UM[0])


def add_scale_bar(axes: Axes, width_um: float) -> None:
    """A white bar of a round length on a dark ground."""
    length = choose_bar_um(width_um)
    options = {"frameon": True, "color": "white", "pad": 0.3, "sep": 3}
    bar = AnchoredSizeBar(axes.transData, length, f"{length} µm", "lower right", **options)
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
    """Marks (n, 3) float, zyx, voxels, filled near a plane; `view`: axes along, down and right."""
    depth, vertical, horizontal = view
    points = positions * spacing_um
    style = mark.style()
    near = np.ones(len(points), bool)
    if plane is not None:
        near = np.abs(positions[:, depth] - plane) <= NEAR_PLANES
        if mark.shape not in "x+":
            style["markerfacecolor"] = style["markeredgecolor"]
    far_style = style | {"markerfacecolor": "none", "markersize": 5, "alpha": 0.35}
    style["alpha"] = 0.4 if faint else 0.9
    axes.plot(points[near, horizontal], points[near, vertical], **style)
    if not near.all():
        axes.plot(points[~near, horizontal], points[~near, vertical], **far_style)


def get_spacing(settings: NetworkSettings) -> Spacing:
    """The working spacing of settings, zyx, µm. Raises UserError where they have none."""
    refuse_if(settings.spacing_um is None, "patch spacing")
    return settings.spacing_um
