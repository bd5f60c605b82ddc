"""The link network: two crops and their displacement in, the probability that they show the same
nucleus out.

One encoder looks at each nucleus in its surroundings; it is the same for both, time running
outwards from the nucleus. A second one looks at both nuclei laid on top of each other. Their
findings and the displacement meet in dense layers. The inputs are those of OrganoidTracker, names
and coordinate channels included, so that networks can travel.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

import keras
from keras import layers, ops

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.networks.blocks import answer, connect, convolve, count_time_points, encode_crop

_FILTERS = {"small": (16, 24, 48), "standard": (24, 48, 96)}
_UNITS = {"small": (48, 64), "standard": (96, 128)}
_DROPOUT = 0.2
_COORDINATES = 3
_DISPLACEMENT_SCALE = (
    0.1  # brings displacements, of up to some ten voxels, to the size of the other numbers
)


def build_link_network(
    settings: NetworkSettings, *, filters: Sequence[int] | None = None, dtype: str = "float32"
) -> keras.Model:
    """Builds an untrained link network.

    Args:
        settings: preset, patch shape, time window and seed count.
        filters: of its three levels, from the top down; None: as the preset says.
        dtype: "float32", or "mixed_float16" for graphics cards.

    Returns:
        A model from three inputs, "input_1", "input_2" (batch, z, y, x, time + 3) and
        "input_distances" (batch, 3), as `link_examples.join_pairs` makes them, to (batch, 1) in
        0..1.
    """
    seeds = itertools.count(settings.seed * 1000)
    shape = (*settings.patch_shape_zyx, count_time_points(settings) + _COORDINATES)
    first, second = keras.Input(shape, name="input_1"), keras.Input(shape, name="input_2")
    displacement = keras.Input((3,), name="input_distances")
    mirrored = ops.flip(
        second, axis=-1
    )  # its own time point first, coordinates last, as in the first crop
    encode = partial(_encode, filters=filters or _FILTERS.get(settings.preset))
    if settings.preset == "original":
        encode = _encode_original
    surroundings = _make_encoder(shape, settings, seeds, dtype, encode, "surroundings")
    both = _make_encoder((*shape[:3], 2), settings, seeds, dtype, encode, "comparison")
    on_top = layers.Concatenate(dtype=dtype)([first[..., :1], mirrored[..., :1]])
    scaled = displacement
    if settings.preset != "original":
        scaled = layers.Rescaling(_DISPLACEMENT_SCALE)(displacement)
    x = layers.Concatenate(dtype=dtype)(
        [surroundings(first), surroundings(mirrored), both(on_top), scaled, ops.absolute(scaled)]
    )
    for units in (
        (128, 128, 128, 64) if settings.preset == "original" else (_UNITS[settings.preset][1], 32)
    ):
        x = connect(x, units, seeds, dtype)
    name = "link_network_original" if settings.preset == "original" else "link_network"
    return keras.Model([first, second, displacement], answer(x, seeds, "link"), name=name)


def _make_encoder(
    shape, settings: NetworkSettings, seeds, dtype: str, encode, name: str
) -> keras.Model:
    """A network of its own, so that it can be used on both crops."""
    crop = keras.Input(shape)
    return keras.Model(crop, encode(crop, settings, seeds, dtype), name=name)


def _encode(x, settings: NetworkSettings, seeds, dtype: str, filters: Sequence[int]):
    """(batch, z, y, x, channels) → (batch, units)."""
    x = encode_crop(x, filters, _DROPOUT, seeds, dtype)
    return connect(x, _UNITS[settings.preset][0], seeds, dtype)


def _encode_original(x, settings: NetworkSettings, seeds, dtype: str):
    """The layout of OrganoidTracker's link network (0.29 million parameters at 16 × 32 × 32)."""
    levels = (
        (8, (1, 3, 3), (1, 2, 2)),
        *((count, (3, 3, 3), (2, 2, 2)) for count in (8, 16, 32)),
        (32, (3, 3, 3), (1, 2, 2)),
    )
    for filters, kernel, pool in levels:
        x = convolve(convolve(x, filters, kernel, seeds, dtype), filters, kernel, seeds, dtype)
        x = layers.MaxPooling3D(pool, padding="same", dtype=dtype)(x)
    return layers.Flatten(dtype=dtype)(x)
