"""The three networks, one a file; saved, loaded, exported. Keras begins here.

Its modules, in the order of use:

    blocks ── position, division, link ── building (whichever the settings name)
    own                     a learner's own: checked and copied
    opening ── saving       looked at before Keras opens it; save, load, train on from
    folders                 where trained networks lie; no Keras
    resampling ── export    folders for OrganoidTracker
    devices                 what one computes on, and its memory
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
