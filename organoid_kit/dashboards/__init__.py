"""Dashboards: thin boxes of widgets over functions that a notebook also shows as code.

The public attributes of a dashboard are its controls, so that it can be driven without a browser;
`plot()` draws its state for print; `state()` and `restore()` carry it elsewhere. Each is loaded
when it is first asked for.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "StackBrowser": "stack_browser",
    "AnnotationChecker": "annotation_checker",
    "AugmentationPreview": "augmentation_preview",
    "ChannelDashboard": "channel_dashboard",
    "TrainingDashboard": "training_dashboard",
    "EpochExplorer": "epoch_explorer",
    "RunComparison": "run_comparison",
    "ThresholdExplorer": "threshold_explorer",
    "TrackExplorer": "track_explorer",
    "ClassBoard": "class_board",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
