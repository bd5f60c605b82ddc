"""The division network: a crop in, the probability that the nucleus in its middle divides out.

Three levels of factorised convolutions, as in the position network, then two dense layers that see
the whole crop. Without normalisation layers, no answer depends on the others in its batch.
"""

import itertools
from collections.abc import Sequence

import keras
from keras import layers

from organoid_kit.base import NetworkSettings
from organoid_kit.networks.blocks import answer, connect, convolve, count_time_points, encode_crop

_FILTERS = {"small": (16, 32, 48), "standard": (32, 64, 128)}
_UNITS = {"small": 48, "standard": 128}
_DROPOUT = 0.3


def build_division_network(
    settings: NetworkSettings, *, filters: Sequence[int] | None = None, dtype: str = "float32"
) -> keras.Model:
    """An untrained network from (batch, z, y, x, time), of the patch shape, to (batch, 1) in 0..1.

    Of the settings, preset, patch shape, time window and seed count. `filters` are those of its
    three levels (None: as the preset says); `dtype` may be "mixed_float16" for graphics cards.
    Comments give the shapes in the small network for 8 × 32 × 32 voxels, without the batch.
    """
    seeds, preset = itertools.count(settings.seed * 1000), settings.preset
    shape = (*settings.patch_shape_zyx, count_time_points(settings))
    images = keras.Input(shape, name="images")  # (8, 32, 32, time)
    if preset == "original":
        x = _encode_original(images, seeds, dtype)
        x = connect(x, 32, seeds, dtype)
        return keras.Model(images, answer(x, seeds, "division"), name="division_network_original")
    x = encode_crop(images, filters or _FILTERS[preset], _DROPOUT, seeds, dtype)  # (3072,)
    x = connect(x, _UNITS[preset], seeds, dtype)  # (48,)
    return keras.Model(images, answer(x, seeds, "division"), name="division_network")  # (1,)


def _encode_original(x, seeds, dtype: str):
    """The layout of OrganoidTracker's division network (0.12 million parameters at 16 × 32 × 32)."""
    levels = [(16, (2, 2, 2), (1, 2, 2))] * 2 + [(32, (3, 3, 3), (2, 2, 2))] * 2
    for filters, kernel, pool in levels:
        x = convolve(x, filters, kernel, seeds, dtype)  # (z, y, x, 16) to (z/2, y/8, x/8, 32)
        x = convolve(x, filters, kernel, seeds, dtype)
        x = layers.MaxPooling3D(pool, padding="same", dtype=dtype)(x)
    return layers.Flatten(dtype=dtype)(x)  # (z/4 · y/16 · x/16 · 32,)
