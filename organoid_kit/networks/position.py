"""The position network: a stack in, a small dot at each nucleus centre out. A U-Net (Ronneberger et
al. 2015) in 3D.

Read `build_position_network` from top to bottom and you have read the network. Its convolutions are
factorised: one within the plane (1 × 3 × 3), then one along the axis of the microscope (3 × 1 × 1).
That takes 0.6 of the time of full 3 × 3 × 3 ones, see ``benchmarks/network.py``. Planes are never
merged, because stacks have few of them; so any number of planes, one included, goes through. There
is no normalisation layer: a prediction depends on the neighbourhood of a voxel alone, so that tiles
fit together without seams.

Only stock Keras layers are used: a saved network opens without this package, on every Keras
backend.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import keras
from keras import layers

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.networks.blocks import convolve, convolve_factorised, count_time_points

_FILTERS = {"small": (24, 48, 96), "standard": (32, 64, 128, 256)}


def build_position_network(
    settings: NetworkSettings, *, filters: Sequence[int] | None = None, dtype: str = "float32"
) -> keras.Model:
    """Builds an untrained position network.

    Args:
        settings: preset, time window and seed count.
        filters: of its levels, from the top down; None: as the preset says.
        dtype: "float32", or "mixed_float16" for graphics cards.

    Returns:
        A model from (batch, z, y, x, time) to (batch, z, y, x, 1) in 0..1. Rows and columns must be
        multiples of `compute_shape_multiple(settings)`.
    """
    seeds = itertools.count(settings.seed * 1000)
    if settings.preset == "original":
        return _build_original(settings, seeds, dtype)
    filters = filters or _FILTERS[settings.preset]
    images = keras.Input((None, None, None, count_time_points(settings)), name="images")
    x = convolve(
        images, filters[0], (1, 3, 3), seeds, dtype, strides=(1, 2, 2)
    )  # half the rows and columns
    skipped = []
    for count in filters[:-1]:
        x = _convolve_twice(x, count, seeds, dtype)
        skipped.append(x)
        x = layers.MaxPooling3D((1, 2, 2), dtype=dtype)(x)
    x = _convolve_twice(x, filters[-1], seeds, dtype)
    for count, skip in zip(filters[-2::-1], skipped[::-1], strict=True):
        x = layers.UpSampling3D((1, 2, 2), dtype=dtype)(x)
        x = layers.Concatenate(dtype=dtype)([x, skip])
        x = _convolve_twice(x, count, seeds, dtype)
    x = layers.UpSampling3D((1, 2, 2), dtype=dtype)(x)
    x = convolve(x, filters[0] // 2, (1, 3, 3), seeds, dtype)
    return keras.Model(images, _dots(x, seeds), name="position_network")


def compute_shape_multiple(settings: NetworkSettings) -> tuple[int, int, int]:
    """What planes, rows and columns of an input must be multiples of, (z, y, x)."""
    if settings.preset == "original":
        return 16, 32, 32
    size = 2 ** len(_FILTERS[settings.preset])
    return 1, size, size


def _convolve_twice(x, filters: int, seeds, dtype: str):
    """Twice a convolution in the plane and one along the axis."""
    for _ in range(2):
        x = convolve_factorised(x, filters, seeds, dtype)
    return x


def _dots(x, seeds):
    """The probability of a nucleus centre in each voxel, always in float32."""
    start = keras.initializers.GlorotUniform(seed=next(seeds))
    return layers.Conv3D(
        1,
        (1, 3, 3),
        padding="same",
        activation="sigmoid",
        kernel_initializer=start,
        dtype="float32",
        name="dots",
    )(x)


def _build_original(settings: NetworkSettings, seeds, dtype: str) -> keras.Model:
    """The layout of OrganoidTracker's position network (Kok et al. 2020; 20.69 million parameters).

    It differs in its end alone: dots are probabilities (sigmoid), and no blur of fixed width
    follows.
    """
    images = keras.Input((None, None, None, count_time_points(settings)), name="images")
    levels = [
        (16, (1, 3, 3), (1, 2, 2)),
        *((count, (3, 3, 3), (2, 2, 2)) for count in (64, 128, 256, 256)),
    ]
    x, skipped = images, []
    for filters, kernel, pool in levels:
        x = convolve(convolve(x, filters, kernel, seeds, dtype), filters, kernel, seeds, dtype)
        skipped.append(x)
        x = layers.MaxPooling3D(pool, dtype=dtype)(x)
    for (filters, _, pool), skip in zip(levels[::-1], skipped[::-1], strict=True):
        x = layers.UpSampling3D(pool, dtype=dtype)(x)
        x = layers.Concatenate(dtype=dtype)([convolve(x, filters, pool, seeds, dtype), skip])
        x = convolve(
            convolve(x, filters, (3, 3, 3), seeds, dtype), filters, (3, 3, 3), seeds, dtype
        )
    x = convolve(convolve(x, 16, (3, 3, 3), seeds, dtype), 16, (3, 3, 3), seeds, dtype)
    x = layers.BatchNormalization(momentum=0.9, dtype=dtype)(
        x
    )  # 0.99 lags far behind in a short training
    return keras.Model(images, _dots(x, seeds), name="position_network_original")
