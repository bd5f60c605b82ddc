"""Times one training step of several ways to write the same convolutions, side by side.

python benchmarks/network.py
"""

from __future__ import annotations

import argparse
import time

import keras
import numpy as np
from keras import layers

SHAPE = (4, 16, 64, 64, 3)  # batch, z, y, x, time
LEVELS = (24, 48, 96)  # filters, as in the small preset


def factorised(x, filters: int):
    """Within the plane, then along the axis."""
    x = layers.Conv3D(filters, (1, 3, 3), padding="same", activation="relu")(x)
    return layers.Conv3D(filters, (3, 1, 1), padding="same", activation="relu")(x)


def full(x, filters: int):
    """Both at once."""
    return layers.Conv3D(filters, 3, padding="same", activation="relu")(x)


def reshaped(x, filters: int):
    """Planes as a batch of images, then columns of planes as a batch of lines, with two-dimensional
    convolutions.
    """
    _, z, y, width, channels = x.shape
    x = keras.ops.reshape(x, (-1, y, width, channels))
    x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    x = keras.ops.reshape(x, (-1, z, y * width, filters))
    x = layers.Conv2D(filters, (3, 1), padding="same", activation="relu")(x)
    return keras.ops.reshape(x, (-1, z, y, width, filters))


def time_distributed(x, filters: int):
    """Planes one after the other as Keras offers it, then along the axis."""
    x = layers.TimeDistributed(layers.Conv2D(filters, 3, padding="same", activation="relu"))(x)
    return layers.Conv3D(filters, (3, 1, 1), padding="same", activation="relu")(x)


def build(block) -> keras.Model:
    """A U-Net as small as the small preset, of one kind of block."""
    images = keras.Input(SHAPE[1:])
    x = layers.Conv3D(LEVELS[0], (1, 3, 3), (1, 2, 2), padding="same", activation="relu")(images)
    skipped = []
    for filters in LEVELS[:-1]:
        x = block(block(x, filters), filters)
        skipped.append(x)
        x = layers.MaxPooling3D((1, 2, 2))(x)
    x = block(block(x, LEVELS[-1]), LEVELS[-1])
    for filters, skip in zip(LEVELS[-2::-1], skipped[::-1], strict=True):
        x = layers.Concatenate()([layers.UpSampling3D((1, 2, 2))(x), skip])
        x = block(block(x, filters), filters)
    x = layers.UpSampling3D((1, 2, 2))(x)
    return keras.Model(images, layers.Conv3D(1, (1, 3, 3), padding="same", activation="sigmoid")(x))


def prepare(block, xla: bool):
    """A function that takes one training step."""
    network = build(block)
    network.compile("adam", "binary_crossentropy", jit_compile=xla)
    rng = np.random.default_rng(0)
    images, targets = rng.random(SHAPE, np.float32), rng.random((*SHAPE[:-1], 1), np.float32)
    network.train_on_batch(images, targets)  # compiles
    return lambda: network.train_on_batch(images, targets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    candidates = {
        "Conv3D, factorised": prepare(factorised, False),
        "Conv3D, 3×3×3": prepare(full, False),
        "Conv2D on reshaped": prepare(reshaped, False),
        "TimeDistributed Conv2D": prepare(time_distributed, False),
        "Conv3D, factorised, XLA": prepare(factorised, True),
    }
    seconds = {name: [] for name in candidates}
    for _ in range(
        options.rounds
    ):  # in turns, so that whatever else the machine does meets them all
        for name, step in candidates.items():
            started = time.process_time()
            step()
            seconds[name].append(time.process_time() - started)
    reference = np.median(seconds["Conv3D, factorised"])
    print(
        f"processor seconds per training step of {SHAPE} under {keras.backend.backend()}, median of {options.rounds}"
    )
    for name, each in seconds.items():
        print(f"{name:25} {np.median(each):6.2f}   {np.median(each) / reference:5.2f} times")


if __name__ == "__main__":
    main()
