"""Training: a loop that can be paused, killed and taken up again; everything it does stands in a
run folder.

loop ── checkpoints, validation, epoch_pictures
runs        run folders: settings, data, history
estimates   minutes and memory, before one begins
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["checkpoints", "epoch_pictures", "estimates", "loop", "runs", "validation"],
    submod_attrs={
        "estimates": ["estimate_training"],
        "loop": ["Progress", "train"],
        "runs": ["Run", "compare_runs", "list_runs", "open_run"],
    },
)
