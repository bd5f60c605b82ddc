"""Pages on which everything is counted: a training, tracked movies, several trainings side by side.

Each is made from a folder alone, which keeps what networks said, not figures: all is counted again.

    results ── kinds ── run_page ──┐
       └─────────── tracking_page ─┴── page (fills in templates/)
    mistakes, model_card ── bioimageio; measuring ── doctor/
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["doctor", "kinds", "model_card"],
    submod_attrs={
        "measuring": ["score_channels"],
        "results": ["read_movie_results", "read_trackings", "save_movie_result", "save_tracking"],
        "run_page": ["describe_method", "write_comparison", "write_report"],
        "tracking_page": ["write_tracking_report"],
    },
)
