"""Dashboards: thin boxes of widgets over functions that a notebook also shows as code.

The public attributes of a dashboard are its controls, so that it can be driven without a browser;
`plot()` draws its state for print; `state()` and `restore()` carry it elsewhere (`states`: as a
string). Each is loaded when it is first asked for.

    dashboard, control_states, common                     what all of them have
    panes, diagram, example_pictures, live_curves         pictures as SVG
    later, kernel_waiting                                 threads, and cells that wait

    stack_browser ── stack_scene ── stack_layers, stack_pictures
      └── stack_display ── stack_canvas                   a movie, plane by plane
    annotation_checker ── annotation_editing/             mistakes found and mended
      └── annotation_problems, annotation_candidates, annotation_actions, annotation_images,
          annotation_coverage, annotation_keys
    channel_dashboard                                     which channels show nuclei
    augmentation_preview ── operation, preview_examples, augmentation_advice
    training_dashboard ── training_choices, training_session
    epoch_explorer, run_comparison                        what a training learned
    threshold_explorer ── threshold_judging, threshold_pictures
    track_explorer ── lineage_tree ── lineage_display ── lineage_canvas
    class_board                                           guesses of a class
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "annotation_checker": ["AnnotationChecker"],
        "augmentation_preview": ["AugmentationPreview"],
        "channel_dashboard": ["ChannelDashboard"],
        "class_board": ["ClassBoard"],
        "epoch_explorer": ["EpochExplorer"],
        "run_comparison": ["RunComparison"],
        "stack_browser": ["StackBrowser"],
        "threshold_explorer": ["ThresholdExplorer"],
        "track_explorer": ["TrackExplorer"],
        "training_dashboard": ["TrainingDashboard"],
    },
)
