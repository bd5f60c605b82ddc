"""organoid_kit: learn to train, and train, the three neural networks that track cells in organoids.

A room imports only rooms above it. The last four serve people; the package above them never needs
them.

    base         errors, files, settings, environment
    data         movies and annotations: read, written, invented
    evaluation   annotations checked, predictions scored
    tracking     from probabilities to the most probable tracks
    examples     what a network is shown, and the right answer
    networks     the three networks                                  Keras begins here
    training     the loop, run folders, checkpoints
    prediction   a network and a movie in, annotations out
    plots        figures
    ------------------------------------------------------------
    report       pages, model card, doctor
    course       lessons, results, runs kept on a drive
    dashboards   widgets
    cli          python -m organoid_kit

Each room has a face like this one; `__init__.pyi` names what it offers.
"""

import os

import lazy_loader

# Before TensorFlow is loaded: it says much that helps nobody.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
