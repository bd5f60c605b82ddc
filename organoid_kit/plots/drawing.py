"""What all figures share: colours, marks, and words for those who cannot see them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color Universal Design": can be told apart with every kind of colour blindness.
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
    """A figure with words. It is shown once, where it is the last line of a notebook cell, and belongs to no window.

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


def say_number(value: float | None, digits: int = 2) -> str:
    """A number in a sentence, or "not measured"."""
    return "not measured" if value is None else f"{value:.{digits}f}"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 nucleus is "1 position", 3 are "3 positions"."""
    return f"{number} {noun}{'s' * (number != 1)}"
