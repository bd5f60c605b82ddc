"""Pages on which everything is counted: a training, tracked movies, several trainings side by side.

Each page is made from a folder alone and can be made anew at any time. `save_result` and
`save_tracking` keep there what networks said: answers, not figures, so that every figure is counted
again from them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["doctor", "model_card"],
    submod_attrs={
        "channel_contrast": ["score_channels"],
        "comparison": ["write_comparison"],
        "method": ["describe_method"],
        "results": ["read_results", "save_result"],
        "run_page": ["write_report"],
        "tracking_page": ["write_tracking_report"],
        "tracking_results": ["read_trackings", "save_tracking"],
    },
)
