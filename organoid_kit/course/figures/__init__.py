"""Figures of `lessons`, of `results` in the table, of `demonstrations` measured before."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "demonstrations": ["plot_annotated_positions", "plot_leakage", "plot_wrong_annotations"],
        "lessons": ["plot_convolution", "plot_fits", "plot_losses", "plot_u_net"],
        "results": ["plot_results"],
    },
)
