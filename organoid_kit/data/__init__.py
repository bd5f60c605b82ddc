"""Movies and annotations: read and written.

Its modules, in the order of use:

    reading/ ── timelapse ──────┬── dataset (.autlist) ── downloads (samples, a real organoid)
    formats/ ── annotations ────┘
    conversion (of what files say)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
