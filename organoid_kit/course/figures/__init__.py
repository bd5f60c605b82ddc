"""Figures of `lessons`, and of `results`: in the table, and measured before."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "lessons": [
            *("plot_convolution", "plot_fits", "plot_losses", "plot_nucleus_size", "plot_u_net")
        ],
        "results": [
            *("plot_annotated_positions", "plot_leakage", "plot_results", "plot_wrong_annotations")
        ],
    },
)
