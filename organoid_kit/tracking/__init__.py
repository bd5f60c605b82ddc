"""From probabilities to tracks: the most probable story of a whole movie, and how sure it is.

Its modules, in the order of use:

    motion ── linking               drift and flow; candidate links, the two simplest ways to link
    distance                        how probable candidates are, where no network says it
    costs ── optimal ── build       what each story costs; the cheapest (HiGHS); tracks
    marginals ── errors             how probable each part is to be wrong; what to look at first
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
