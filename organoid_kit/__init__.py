"""organoid_kit: learn to train, and train, the three neural networks that track cells in organoids."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded: it says much that helps nobody

__version__ = "0.1.0"
