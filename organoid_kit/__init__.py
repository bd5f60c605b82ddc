"""organoid_kit: learn to train, and train, the three neural networks that track cells in organoids."""

__version__ = "0.1.0"
