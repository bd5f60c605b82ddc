"""Figures: arrays in, `Drawing` out. Nothing is shown or kept here; each drawing can say in words
what is in it. Whatever differs by colour differs by shape too.

    drawing ── images, crops          pictures
         ├──── curves, probabilities  numbers over epochs and thresholds
         └──── tracks, lineages       what happens over time
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
