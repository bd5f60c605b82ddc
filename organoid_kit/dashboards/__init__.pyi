"""What this room offers; each is loaded when it is first asked for."""

from .annotation.checker import AnnotationChecker
from .augmentation.preview import AugmentationPreview
from .channel_dashboard import ChannelDashboard
from .class_board import ClassBoard
from .stack.browser import StackBrowser
from .threshold.explorer import ThresholdExplorer
from .tracks.explorer import TrackExplorer
from .training.dashboard import TrainingDashboard
from .training.epoch_explorer import EpochExplorer
from .training.run_comparison import RunComparison

__all__ = [
    "AnnotationChecker",
    "AugmentationPreview",
    "ChannelDashboard",
    "ClassBoard",
    "EpochExplorer",
    "RunComparison",
    "StackBrowser",
    "ThresholdExplorer",
    "TrackExplorer",
    "TrainingDashboard",
]
