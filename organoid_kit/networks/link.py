"""The link network: two crops and their displacement in, the probability of the same nucleus out.

One encoder looks at each nucleus in its surroundings; it is the same for both, time running
outwards from the nucleus. A second one looks at both nuclei laid on top of each other. Their
findings and the displacement meet in dense layers. Inputs are named and laid out as
OrganoidTracker's, so that networks can travel.
"""

import itertools
from collections.abc import Sequence

import keras
from keras import layers, ops

from organoid_kit.base import NetworkSettings
from organoid_kit.networks.blocks import answer, connect, downsample, encode_crop

_FILTERS = {"small": (16, 24, 48), "standard": (24, 48, 96)}
# OrganoidTracker's layout (0.29 million parameters at 16 × 32 × 32): filters, kernel, pool
_ORIGINAL = [(8, (1, 3, 3), (1, 2, 2)), *((count, (3, 3, 3), (2, 2, 2)) for count in (8, 16, 32))]
_ORIGINAL += [(32, (3, 3, 3), (1, 2, 2))]
_NUMBERS = {"small": 48, "standard": 96}  # what an encoder says of a crop
_UNITS = {"small": (64, 32), "standard": (128, 32), "original": (128, 128, 128, 64)}
_DROPOUT = 0.2
_COORDINATES = 3
# Brings displacements, of up to some ten voxels, to the size of the other numbers.
_DISPLACEMENT_SCALE = 0.1


def build_link_network(
    settings: NetworkSettings, *, filters: Sequence[int] | None = None, dtype: str = "float32"
) -> keras.Model:
    """An untrained network from three inputs, "input_1", "input_2" (batch, z, y, x, time + 3) and
    "input_distances" (batch, 3), as `LinkExamples.join` makes them, to (batch, 1) in 0..1.

    Of the settings, preset, patch shape, time window and seed count. `filters` are those of its
    three levels (None: as the preset says); `dtype` may be "mixed_float16" for graphics cards.
    Comments give the shapes in the small network for 8 × 32 × 32 voxels, without the batch.
    """
    seeds, preset = itertools.count(settings.seed * 1000), settings.preset
    shape = (*settings.patch_shape_zyx, settings.window_length + _COORDINATES)
    first = keras.Input(shape, name="input_1")  # (8, 32, 32, time + 3)
    second = keras.Input(shape, name="input_2")  # (8, 32, 32, 3 + time)
    displacement = keras.Input((3,), name="input_distances")  # (3,)
    mirrored = ops.flip(second, axis=-1)  # (8, 32, 32, time + 3), time outwards as in the first
    surroundings = _make_encoder(shape, settings, filters, seeds, dtype, "surroundings")
    both = _make_encoder((*shape[:3], 2), settings, filters, seeds, dtype, "comparison")
    on_top = layers.Concatenate(dtype=dtype)([first[..., :1], mirrored[..., :1]])  # (8, 32, 32, 2)
    scaled = displacement  # (3,)
    if preset != "original":
        scaled = layers.Rescaling(_DISPLACEMENT_SCALE)(displacement)
    found = [surroundings(first), surroundings(mirrored), both(on_top)]  # three times (48,)
    x = layers.Concatenate(dtype=dtype)([*found, scaled, ops.absolute(scaled)])  # (150,)
    for units in _UNITS[preset]:
        x = connect(x, units, seeds, dtype)  # (64,), then (32,)
    name = "link_network_original" if preset == "original" else "link_network"
    return keras.Model([first, second, displacement], answer(x, seeds, "link"), name=name)  # (1,)


def _make_encoder(shape, settings, filters, seeds, dtype: str, name: str) -> keras.Model:
    """(batch, z, y, x, channels) → (batch, units): a network of its own, for use on both crops."""
    crop = keras.Input(shape)
    if settings.preset == "original":
        x = downsample(crop, _ORIGINAL, seeds, dtype)  # (z/8 · y/32 · x/32 · 32,)
        return keras.Model(crop, x, name=name)
    filters = filters or _FILTERS[settings.preset]
    x = encode_crop(crop, filters, _DROPOUT, seeds, dtype)  # (3072,)
    x = connect(x, _NUMBERS[settings.preset], seeds, dtype)  # (48,)
    return keras.Model(crop, x, name=name)
