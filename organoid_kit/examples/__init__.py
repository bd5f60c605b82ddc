"""What a network is shown, and the right answer: (epoch, step) in, batch out. NumPy only.

Its modules, in the order of use:

    intensities ── sizes         background is 0, bright nuclei are 1; nuclei as wide as expected
         │           │
         │         looks         does a movie look like those of the training?
         │
    patches ── augmentation      stacks at the working spacing; cut out, turned and varied
                    │
                 batches         which examples an epoch shows, for all three networks
                    │
     position, division, link ── choice (whichever the settings name)
    splits                               which movies train, validate and test
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
