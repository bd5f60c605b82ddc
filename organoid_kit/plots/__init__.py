"""Figures: arrays in, `Drawing` out. Nothing is shown or kept here; each drawing can say in words what is in it.

Colours are those of Okabe and Ito, which colour-blind people can tell apart, and whatever differs by colour differs by
shape too.
"""

from organoid_kit.plots.close_ups import plot_close_ups
from organoid_kit.plots.crops import plot_crops, plot_pairs
from organoid_kit.plots.curves import (
    plot_annotation_counts,
    plot_depth_scores,
    plot_history,
    plot_threshold_curve,
    plot_time_scores,
    read_history,
)
from organoid_kit.plots.drawing import COLOURS, Drawing, describe, draw_figure
from organoid_kit.plots.images import (
    plot_augmentations,
    plot_channels,
    plot_example,
    plot_mistakes,
    plot_prediction,
    plot_problems,
    plot_stack,
)
from organoid_kit.plots.lessons import plot_convolution, plot_fits, plot_losses, plot_u_net
from organoid_kit.plots.lineages import find_lineages, plot_lineage_tree
from organoid_kit.plots.probabilities import plot_precision_recall, plot_reliability
from organoid_kit.plots.results import plot_results
from organoid_kit.plots.tracks import plot_tracks

__all__ = [
    "COLOURS",
    "Drawing",
    "describe",
    "draw_figure",
    "find_lineages",
    "plot_annotation_counts",
    "plot_augmentations",
    "plot_channels",
    "plot_close_ups",
    "plot_convolution",
    "plot_crops",
    "plot_depth_scores",
    "plot_example",
    "plot_fits",
    "plot_history",
    "plot_lineage_tree",
    "plot_losses",
    "plot_mistakes",
    "plot_pairs",
    "plot_precision_recall",
    "plot_prediction",
    "plot_problems",
    "plot_reliability",
    "plot_results",
    "plot_stack",
    "plot_threshold_curve",
    "plot_time_scores",
    "plot_tracks",
    "plot_u_net",
    "read_history",
]
