"""A trained network and a movie in, annotations out.

Its modules, in the order of use:

    positions     tiles → heat → peaks; the threshold
    crops         divisions and links, one crop around each nucleus
    calibration   probabilities one can believe, chosen on validation movies
    comparison    is a fine-tuned network better than what there was?
    movie         three networks and tracking, one after the other
    units         the same, shared out to many processes
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
