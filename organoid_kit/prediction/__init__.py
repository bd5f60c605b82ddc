"""A trained network and a movie in, annotations out.

Its modules, in the order of use:

    positions     tiles → heat → peaks; the threshold
    crops         divisions and links, one crop around each nucleus
    calibration   probabilities one can believe, chosen on validation movies
    comparison    is a fine-tuned network better than what there was?
    movie         three networks and tracking, one after the other
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["calibration", "comparison", "crops", "movie", "positions"],
    submod_attrs={
        "calibration": ["calibrate_network"],
        "comparison": ["compare_fine_tuned"],
        "crops": ["predict_divisions", "predict_links"],
        "movie": ["load_networks", "track_movie"],
        "positions": ["choose_threshold", "predict_heat", "predict_positions"],
    },
)
