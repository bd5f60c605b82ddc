"""What everything stands on: settings, files written wholly or not at all, errors with a way out.

Its modules, in the order of use:

    errors ── files ── settings
       └────── environment      is this machine ready?
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["environment", "errors", "files", "settings"],
    submod_attrs={
        "environment": ["check_environment"],
        "errors": ["UserError", "refuse"],
        "files": ["find_free_path"],
        "settings": [
            *("AugmentationSettings", "NetworkSettings", "make_settings"),
            *("read_settings", "write_settings"),
        ],
    },
)
