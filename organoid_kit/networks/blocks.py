"""What the networks are built from. Comments at line ends give shapes without the batch."""

from collections.abc import Iterator, Sequence

import keras
from keras import layers


def convolve(x, filters: int, kernel, seeds: Iterator[int], dtype: str, strides=(1, 1, 1)):
    """One convolution with ReLU. (batch, z, y, x, any) → (batch, z, y, x, filters)."""
    start = keras.initializers.HeNormal(seed=next(seeds))
    options = {"activation": "relu", "kernel_initializer": start, "dtype": dtype}
    return layers.Conv3D(filters, kernel, strides, padding="same", **options)(x)


def convolve_factorised(x, filters: int, seeds: Iterator[int], dtype: str):
    """A convolution in the plane and one along the axis of the microscope."""
    x = convolve(x, filters, (1, 3, 3), seeds, dtype)
    return convolve(x, filters, (3, 1, 1), seeds, dtype)


def encode_crop(x, filters: Sequence[int], dropout: float, seeds: Iterator[int], dtype: str):
    """Three levels of convolutions, made flat. (batch, z, y, x, any) → (batch, any)."""
    first, second, third = filters  # small division network: 16, 32, 48
    depth = 2 if x.shape[1] > 1 else 1
    x = convolve(x, first, (1, 3, 3), seeds, dtype)  # (z, y, x, 16)
    x = layers.MaxPooling3D((1, 2, 2), dtype=dtype)(x)  # (z, y/2, x/2, 16)
    x = convolve_factorised(x, second, seeds, dtype)  # (z, y/2, x/2, 32)
    x = layers.MaxPooling3D((depth, 2, 2), dtype=dtype)(x)  # (z/2, y/4, x/4, 32)
    x = convolve_factorised(x, third, seeds, dtype)  # (z/2, y/4, x/4, 48)
    x = layers.MaxPooling3D((1, 2, 2), dtype=dtype)(x)  # (z/2, y/8, x/8, 48)
    x = layers.Flatten(dtype=dtype)(x)  # (z/2 · y/8 · x/8 · 48,)
    return layers.Dropout(dropout, seed=next(seeds), dtype=dtype)(x)


def downsample(x, levels: Sequence[tuple], seeds: Iterator[int], dtype: str):
    """OrganoidTracker's way to look at a crop, made flat; of each level filters, kernel, pool."""
    for filters, kernel, pool in levels:
        x = convolve(x, filters, kernel, seeds, dtype)
        x = convolve(x, filters, kernel, seeds, dtype)
        x = layers.MaxPooling3D(pool, padding="same", dtype=dtype)(x)
    return layers.Flatten(dtype=dtype)(x)


def connect(x, units: int, seeds: Iterator[int], dtype: str):
    """A dense layer with ReLU. (batch, any) → (batch, units)."""
    start = keras.initializers.HeNormal(seed=next(seeds))
    return layers.Dense(units, activation="relu", kernel_initializer=start, dtype=dtype)(x)


def answer(x, seeds: Iterator[int], name: str):
    """A probability, always in float32. (batch, any) → (batch, 1) in 0..1."""
    start = keras.initializers.GlorotUniform(seed=next(seeds))
    options = {"kernel_initializer": start, "dtype": "float32", "name": name}
    return layers.Dense(1, activation="sigmoid", **options)(x)
