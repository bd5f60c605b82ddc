"""Is it right? Annotations are checked, predictions are scored, a blob detector sets the bar.

Its modules, in the order of use:

    checks/                         rules that find mistakes in annotations
    matching ── positions           which found position is which true one; precision, recall, F1
        └────── tracks/             scores of divisions, links, lineages
    classification ── calibration   average precision; probabilities one can believe
                          └── judged    the same, and a threshold, from a few judged candidates
    blobs                           peaks of an image; nuclei found without a network
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
