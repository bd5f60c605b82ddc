"""The position network: a stack in, a small dot at each nucleus centre out. A U-Net (Ronneberger et
al. 2015) in 3D; read `build_position_network` from top to bottom and you have read it.

Its convolutions are factorised: one within the plane (1 × 3 × 3), then one along the axis of the
microscope (3 × 1 × 1). That takes 0.6 of the time of full 3 × 3 × 3 ones, see
``benchmarks/network.py``. Planes, of which stacks have few, are never merged; so any number goes
through. Without normalisation layers a prediction depends on the neighbourhood of a voxel alone, so
that tiles fit together without seams. With stock Keras layers only, a saved network opens without
this package, on every backend.
"""

import itertools
from collections.abc import Sequence

import keras
from keras import layers

from organoid_kit.base import NetworkSettings
from organoid_kit.networks.blocks import convolve, convolve_factorised

_FILTERS = {"small": (24, 48, 96), "standard": (32, 64, 128, 256)}
_HALF = (1, 2, 2)  # rows and columns are halved, or doubled


def build_position_network(
    settings: NetworkSettings, *, filters: Sequence[int] | None = None, dtype: str = "float32"
) -> keras.Model:
    """An untrained network from (batch, z, y, x, time) to (batch, z, y, x, 1) in 0..1, rows and
    columns being multiples of `compute_position_multiple(settings)`.

    Of the settings, preset, time window and seed count. `filters` are those of its levels, from the
    top down (None: as the preset says); `dtype` may be "mixed_float16" for graphics cards. Comments
    give the shapes in the small network, without the batch.
    """
    seeds, time = itertools.count(settings.seed * 1000), settings.window_length
    images = keras.Input((None, None, None, time), name="images")  # (z, y, x, time)
    if settings.preset == "original":
        return _build_original(images, seeds, dtype)
    filters, skipped = filters or _FILTERS[settings.preset], []
    x = convolve(images, filters[0], (1, 3, 3), seeds, dtype, strides=_HALF)  # (z, y/2, x/2, 24)
    for count in filters[:-1]:  # down
        x = _convolve_twice(x, count, seeds, dtype)  # (z, y/2, x/2, 24), then (z, y/4, x/4, 48)
        skipped.append(x)
        x = layers.MaxPooling3D(_HALF, dtype=dtype)(x)  # (z, y/4, x/4, 24), (z, y/8, x/8, 48)
    x = _convolve_twice(x, filters[-1], seeds, dtype)  # (z, y/8, x/8, 96)
    for count, skip in zip(filters[-2::-1], skipped[::-1], strict=True):  # up
        x = layers.UpSampling3D(_HALF, dtype=dtype)(x)  # (z, y/4, x/4, 96), (z, y/2, x/2, 48)
        x = layers.Concatenate(dtype=dtype)([x, skip])  # (z, y/4, x/4, 144), (z, y/2, x/2, 72)
        x = _convolve_twice(x, count, seeds, dtype)  # (z, y/4, x/4, 48), (z, y/2, x/2, 24)
    x = layers.UpSampling3D(_HALF, dtype=dtype)(x)  # (z, y, x, 24)
    x = convolve(x, filters[0] // 2, (1, 3, 3), seeds, dtype)  # (z, y, x, 12)
    return keras.Model(images, _dots(x, seeds), name="position_network")  # (z, y, x, 1)


def compute_position_multiple(settings: NetworkSettings) -> tuple[int, int, int]:
    """What planes, rows and columns of an input must be multiples of, (z, y, x)."""
    if settings.preset == "original":
        return 16, 32, 32
    size = 2 ** len(_FILTERS[settings.preset])
    return 1, size, size


def _convolve_twice(x, filters: int, seeds, dtype: str):
    x = convolve_factorised(x, filters, seeds, dtype)
    return convolve_factorised(x, filters, seeds, dtype)


def _dots(x, seeds):
    """The probability of a nucleus centre in each voxel, always in float32."""
    start = keras.initializers.GlorotUniform(seed=next(seeds))
    options = {"kernel_initializer": start, "dtype": "float32", "name": "dots"}
    return layers.Conv3D(1, (1, 3, 3), padding="same", activation="sigmoid", **options)(x)


def _build_original(images, seeds, dtype: str) -> keras.Model:
    """The layout of OrganoidTracker's position network (Kok et al. 2020; 20.69 million parameters),
    but for its end: dots are probabilities (sigmoid), and no blur of fixed width follows.
    """

    def convolve_twice(x, filters: int, kernel=(3, 3, 3)):
        return convolve(convolve(x, filters, kernel, seeds, dtype), filters, kernel, seeds, dtype)

    levels = [(16, (1, 3, 3), _HALF)]
    levels += [(count, (3, 3, 3), (2, 2, 2)) for count in (64, 128, 256, 256)]
    x, skipped = images, []
    for filters, kernel, pool in levels:
        x = convolve_twice(x, filters, kernel)  # (z, y, x, 16) to (z/8, y/16, x/16, 256)
        skipped.append(x)
        x = layers.MaxPooling3D(pool, dtype=dtype)(x)  # at last (z/16, y/32, x/32, 256)
    for (filters, _, pool), skip in zip(levels[::-1], skipped[::-1], strict=True):
        x = layers.UpSampling3D(pool, dtype=dtype)(x)
        x = convolve(x, filters, pool, seeds, dtype)
        x = layers.Concatenate(dtype=dtype)([x, skip])
        x = convolve_twice(x, filters)  # (z/8, y/16, x/16, 256) to (z, y, x, 16)
    x = convolve_twice(x, 16)  # (z, y, x, 16)
    # The usual momentum of 0.99 lags far behind in a short training.
    x = layers.BatchNormalization(momentum=0.9, dtype=dtype)(x)
    return keras.Model(images, _dots(x, seeds), name="position_network_original")
