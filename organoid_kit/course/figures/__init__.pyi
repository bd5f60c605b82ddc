"""What this room offers; each is loaded when it is first asked for."""

from .lessons import plot_convolution, plot_fits, plot_losses, plot_nucleus_size, plot_u_net
from .results import plot_annotated_positions, plot_leakage, plot_results, plot_wrong_annotations

__all__ = [
    "plot_annotated_positions",
    "plot_convolution",
    "plot_fits",
    "plot_leakage",
    "plot_losses",
    "plot_nucleus_size",
    "plot_results",
    "plot_u_net",
    "plot_wrong_annotations",
]
