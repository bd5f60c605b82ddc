"""What this room offers; each is loaded when it is first asked for."""

from . import crops, curves, drawing, images, lineages, probabilities, tracks
from .crops import plot_crops, plot_pairs
from .curves import plot_history
from .drawing import Drawing, draw_figure
from .images import plot_example, plot_prediction, plot_problems, plot_stack
from .lineages import plot_lineage_tree

__all__ = [
    "Drawing",
    "crops",
    "curves",
    "draw_figure",
    "drawing",
    "images",
    "lineages",
    "plot_crops",
    "plot_example",
    "plot_history",
    "plot_lineage_tree",
    "plot_pairs",
    "plot_prediction",
    "plot_problems",
    "plot_stack",
    "probabilities",
    "tracks",
]
