"""What several dashboards share: frames, states, diagrams, threads, waiting cells."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["common", "dashboard", "errors", "kernel_waiting", "svg"],
    submod_attrs={
        "common": ["CheckboxGroup", "add_controls", "fit", "make_status", "wrap_row"],
        "dashboard": ["Dashboard"],
        "errors": ["make_error", "refuse_if"],
    },
)
