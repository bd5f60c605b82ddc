"""Figures: arrays in, `Drawing` out. Nothing is shown or kept here; each drawing can say in words
what is in it. Whatever differs by colour differs by shape too.

    drawing ── images, crops          pictures
         ├──── curves, probabilities  numbers over epochs and thresholds
         └──── tracks, lineages       what happens over time
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["crops", "curves", "drawing", "images", "lineages", "probabilities", "tracks"],
    submod_attrs={
        "crops": ["plot_crops", "plot_pairs"],
        "curves": ["plot_history"],
        "drawing": ["Drawing", "draw_figure"],
        "images": ["plot_example", "plot_prediction", "plot_problems", "plot_stack"],
        "lineages": ["plot_lineage_tree"],
    },
)
