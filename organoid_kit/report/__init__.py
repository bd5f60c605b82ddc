"""Pages on which everything is counted: a training, tracked movies, several trainings side by side.

Each is made from a folder alone, which keeps what networks said, not figures: all is counted again.

    results ── kinds ── run_page ──┐
       └─────────── tracking_page ─┴── page (fills in templates/)
    mistakes, model_card ── bioimageio; measuring ── doctor
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
