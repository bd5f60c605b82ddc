"""The division network: a crop in, the probability that the nucleus in its middle divides out.

Three levels of factorised convolutions, as in the position network, then two dense layers that see
the whole crop. Without normalisation layers, no answer depends on the others in its batch.
"""

import itertools
from collections.abc import Sequence

import keras

from organoid_kit.base import NetworkSettings
from organoid_kit.networks.blocks import answer, connect, downsample, encode_crop

_FILTERS = {"small": (16, 32, 48), "standard": (32, 64, 128)}
# OrganoidTracker's layout (0.12 million parameters at 16 × 32 × 32): filters, kernel, pool
_ORIGINAL = [(16, (2, 2, 2), (1, 2, 2))] * 2 + [(32, (3, 3, 3), (2, 2, 2))] * 2
_UNITS = {"small": 48, "standard": 128, "original": 32}
_DROPOUT = 0.3


def build_division_network(
    settings: NetworkSettings, *, filters: Sequence[int] | None = None, dtype: str = "float32"
) -> keras.Model:
    """An untrained network from (batch, z, y, x, time), of the patch shape, to (batch, 1) in 0..1.
    Of the settings, preset, patch shape, time window and seed count; the rest is as in
    `build_position_network`. Comments: the small network, 8 × 32 × 32 voxels, without the batch.
    """
    seeds, preset = itertools.count(settings.seed * 1000), settings.preset
    shape = (*settings.patch_shape_zyx, settings.window_length)
    images = keras.Input(shape, name="images")  # (8, 32, 32, time)
    if preset == "original":
        x = downsample(images, _ORIGINAL, seeds, dtype)  # (z/4 · y/16 · x/16 · 32,)
    else:
        x = encode_crop(images, filters or _FILTERS[preset], _DROPOUT, seeds, dtype)  # (3072,)
    x = connect(x, _UNITS[preset], seeds, dtype)  # (48,)
    name = "division_network_original" if preset == "original" else "division_network"
    return keras.Model(images, answer(x, seeds, "division"), name=name)  # (1,)
