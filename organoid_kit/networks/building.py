"""The networks. Keras is loaded here, and nowhere above."""

from functools import lru_cache

import keras

from organoid_kit.base import NetworkSettings, make_error
from organoid_kit.networks.devices import has_bfloat16
from organoid_kit.networks.division import build_division_network
from organoid_kit.networks.link import build_link_network
from organoid_kit.networks.position import build_position_network, compute_position_multiple

_LARGE = 512  # voxels; halved eight times, still more than one


def build_network(settings: NetworkSettings, *, dtype: str = "float32") -> keras.Model:
    """Builds the untrained network that the settings name: "position", "division" or "link"."""
    build = {"position": build_position_network, "division": build_division_network}
    build["link"] = build_link_network
    return build[settings.network](settings, dtype=dtype)


def is_own(network: keras.Model) -> bool:
    """Whether a network is a learner's own, see `organoid_kit.networks.own`."""
    return network.name.startswith("own_")


def quicken_network(network: keras.Model, settings: NetworkSettings) -> keras.Model:
    """The same position network for prediction in bfloat16, where the processor computes in it, in
    half of the time and memory; elsewhere, with ``mixed_precision=False`` or not ours, the same.
    """
    ours = network.name == "position_network"
    if not ours or settings.mixed_precision is False or not has_bfloat16():
        return network
    quick = _copy_in_bfloat16(network)
    quick.set_weights(network.get_weights())
    return quick


@lru_cache(maxsize=1)  # each new network takes memory that TensorFlow does not give back
def _copy_in_bfloat16(network: keras.Model) -> keras.Model:
    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        is_answer = layer is network.layers[-1]
        dtype = {} if is_answer else {"dtype": "mixed_bfloat16"}
        return layer.from_config(layer.get_config() | dtype)

    return keras.models.clone_model(network, clone_function=copy)


def compute_shape_multiple(
    settings: NetworkSettings, network: keras.Model | None = None
) -> tuple[int, int, int]:
    """What the (z, y, x) sizes of an input must be multiples of; pass a `network` of one's own."""
    if network is not None and is_own(network):
        return measure_shape_multiple(network)
    if settings.network == "position":
        return compute_position_multiple(settings)
    if settings.preset == "original":
        return (8, 32, 32) if settings.network == "link" else (4, 16, 16)
    return (1 if settings.patch_shape_zyx[0] == 1 else 2), 8, 8


def measure_shape_multiple(network: keras.Model) -> tuple[int, int, int]:
    """How far a position network shrinks an image at its deepest, (z, y, x); 1 where fixed."""
    shape = network.inputs[0].shape[1:]
    image = keras.Input([size or _LARGE for size in shape])
    layers = keras.models.clone_model(network, input_tensors=image).layers
    shapes = [layer.output.shape[1:] for layer in layers if len(layer.output.shape) == 5]
    # A size of 1 is a mean over the whole image, and shrinks nothing.
    smallest = [min(s[axis] for s in shapes if s[axis] > 1 or shape[axis]) for axis in range(3)]
    return tuple(1 if size else _LARGE // least for size, least in zip(shape, smallest))


def round_up(size: int, step: int) -> int:
    """To the next multiple of a step."""
    return -(-size // step) * step


def check_patch_shape(settings: NetworkSettings, network: keras.Model | None = None) -> None:
    """Raises UserError where the patch is not a multiple of what the network needs."""
    steps = measure_shape_multiple(network) if network else compute_shape_multiple(settings)
    patch = settings.patch_shape_zyx
    if any(size % step for size, step in zip(patch, steps, strict=True)):
        fitting = tuple(max(1, round(size / step)) * step for size, step in zip(patch, steps))
        name = "network of your own" if network else f"{settings.preset!r} network"
        raise make_error("patch multiple", name=name, steps=steps, patch=patch, fitting=fitting)
