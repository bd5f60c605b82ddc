"""The three networks, one a file; saved, loaded, exported. Keras begins here.

Its modules, in the order of use:

    blocks ── position, division, link ── building (whichever the settings name)
    own                     a learner's own: checked and copied
    saving                  save, load, train on from
    folders                 where trained networks lie; no Keras
    resampling ── export    folders for OrganoidTracker
    devices                 what one computes on, and its memory
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        *("blocks", "building", "devices", "division", "export", "folders"),
        *("link", "own", "position", "resampling", "saving"),
    ],
    submod_attrs={
        "building": ["build_network"],
        "position": ["build_position_network"],
        "division": ["build_division_network"],
        "link": ["build_link_network"],
        "folders": ["list_shipped_networks", "load_settings", "make_fine_tuning_settings"],
        "saving": ["measure_field_of_view", "load_network", "save_network"],
    },
)
