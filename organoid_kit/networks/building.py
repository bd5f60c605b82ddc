"""The networks. Keras is loaded here, and nowhere above."""

from __future__ import annotations

import keras

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.networks.division import build_division_network
from organoid_kit.networks.link import build_link_network
from organoid_kit.networks.position import build_position_network
from organoid_kit.networks.position import compute_shape_multiple as find_position_step


def build_network(settings: NetworkSettings, *, dtype: str = "float32") -> keras.Model:
    """Builds the untrained network that the settings name: "position", "division" or "link"."""
    build = {
        "position": build_position_network,
        "division": build_division_network,
        "link": build_link_network,
    }
    return build[settings.network](settings, dtype=dtype)


def compute_shape_multiple(settings: NetworkSettings) -> tuple[int, int, int]:
    """What planes, rows and columns of an input must be multiples of, (z, y, x)."""
    if settings.network == "position":
        return find_position_step(settings)
    if settings.preset == "original":
        return (8, 32, 32) if settings.network == "link" else (4, 16, 16)
    return (1 if settings.patch_shape_zyx[0] == 1 else 2), 8, 8


def check_patch_shape(settings: NetworkSettings) -> None:
    """Raises UserError where the patch is not a multiple of what the network needs."""
    steps = compute_shape_multiple(settings)
    if any(size % step for size, step in zip(settings.patch_shape_zyx, steps, strict=True)):
        fitting = tuple(
            max(1, round(n / s)) * s for n, s in zip(settings.patch_shape_zyx, steps, strict=True)
        )
        raise UserError(
            f"The patch of a {settings.preset!r} network must be a multiple of {steps} (z, y, x). "
            f"Received: {settings.patch_shape_zyx}. Set patch_shape_zyx to {fitting}."
        )


def count_time_points_seen(network: keras.Model, settings: NetworkSettings) -> int:
    """How many time points a network sees together; three channels of a link network are
    coordinates.
    """
    shape = network.input_shape[0] if isinstance(network.input_shape, list) else network.input_shape
    return shape[-1] - (3 if settings.network == "link" else 0)
