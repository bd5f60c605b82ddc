"""Networks that see the voxels of a movie as they are, and resample by themselves.

Ours see micrometres, but other programs, such as OrganoidTracker, do not resample movies before.
Fixed layers around a network bring voxels of the movie to its own and, for positions, the answer
back; none for a movie of its own spacing. All are stock Keras: the whole opens on every backend.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from scipy.ndimage import gaussian_filter1d

from organoid_kit.base import NetworkSettings
from organoid_kit.evaluation.calibration import CLIP
from organoid_kit.examples.patches import is_same_spacing
from organoid_kit.networks.building import compute_shape_multiple, round_up

Numbers = tuple[int, int, int]
Lengths = tuple[float, float, float]
_ALONG = ("bzyxt,zi->biyxt", "bzyxt,yi->bzixt", "bzyxt,xi->bzyit")  # resamples one axis


def build_for_movie(
    network: keras.Model, settings: NetworkSettings, spacing_um: Lengths, tile_zyx: Numbers
) -> keras.Model:
    """The network, with the same inputs and outputs, for voxels of movies of this spacing.

    A position network is shown pieces of the shape `tile_zyx`, any number of rows and columns where
    these are not resampled; the others as large crops as needed, the nucleus at half their size.
    """
    wanted = settings.spacing_um or spacing_um
    factors = tuple(  # voxels of the movie in one of the network, see `compute_working_shape`
        1.0 if size == 1 or is_same_spacing(own, network_um) else network_um / own
        for size, own, network_um in zip(settings.patch_shape_zyx, spacing_um, wanted, strict=True)
    )
    if settings.network == "position":
        return _build_position(network, settings, factors, tile_zyx)
    if factors == (1, 1, 1):
        return network
    if settings.network == "link":
        return _build_link(network, settings, factors)
    shape = (*_compute_crop_shape(settings, factors), settings.window_length)
    images = keras.Input(shape, name="images")
    answer = network(_shrink_crop(images, settings, factors))
    return keras.Model(images, answer, name="divisions_in_voxels_of_the_movie")


def _build_position(
    network: keras.Model, settings: NetworkSettings, factors: Lengths, tile: Numbers
) -> keras.Model:
    steps, planes = compute_shape_multiple(settings, network), network.inputs[0].shape[1]
    depth = round(planes * factors[0]) if planes else tile[0]  # OrganoidTracker fixes its planes
    shape = [round_up(depth, steps[0] if factors[0] == 1 else 1), *tile[1:]]
    free = [size if factor != 1 else None for size, factor in zip(tile[1:], factors[1:])]
    images = keras.Input((shape[0], *free, settings.window_length), name="images")
    x = images
    for axis, factor in _list_resampled_axes(factors):
        size = not axis and planes or round_up(math.ceil(shape[axis] / factor), steps[axis])
        inside = (np.arange(size) + 0.5) * factor - 0.5
        x = _resample(x, axis, _compute_weights(shape[axis], inside, factor))
    x = network(x)
    for axis, factor in _list_resampled_axes(factors):
        size = x.shape[axis + 1]
        inside = np.clip((np.arange(shape[axis]) + 0.5) / factor - 0.5, 0, size - 1)
        x = _resample(x, axis, _compute_weights(size, inside))
    return keras.Model(images, x, name="positions_in_voxels_of_the_movie")


def _list_resampled_axes(factors: Lengths) -> list[tuple[int, float]]:
    return [(axis, factor) for axis, factor in enumerate(factors) if factor != 1]


def _build_link(network: keras.Model, settings: NetworkSettings, factors: Lengths) -> keras.Model:
    """Crops and displacements in voxels of the movie in; coordinate channels are made anew."""
    time = settings.window_length
    shape = (*_compute_crop_shape(settings, factors), time + 3)
    first, second = keras.Input(shape, name="input_1"), keras.Input(shape, name="input_2")
    displacement = keras.Input((3,), name="input_distances")
    scaled = _fix(layers.Dense(3, use_bias=False), displacement, np.diag(1 / np.array(factors)))
    crops = [_shrink_crop(each, settings, factors) for each in (first[..., :time], second[..., 3:])]
    answer = network(join_pair(*crops, scaled, settings.patch_shape_zyx))
    return keras.Model([first, second, displacement], answer, name="links_in_voxels_of_the_movie")


def join_pair(first: Any, second: Any, displacement: Any, shape_zyx: tuple[int, ...]) -> list[Any]:
    """The inputs of a link network: crops (batch, z, y, x, time) of this shape with their
    coordinate channels, and the displacement (batch, 3), zyx, in their voxels.
    """
    to_second = _make_coordinates(displacement, 1, shape_zyx)
    to_first = _make_coordinates(displacement, -1, shape_zyx)
    earlier = layers.Concatenate()([first, *to_second])
    later = layers.Concatenate()([*to_first[::-1], second])
    return [earlier, later, displacement]


def build_for_exchange(network: keras.Model, settings: NetworkSettings) -> keras.Model:
    """The network with one input, "images" (batch, z, y, x, channels), and calibrated answers.

    Channels are time points; of a link network those of the first crop, those of the second, and
    the displacement dz, dy, dx in voxels of the crops, the same in every voxel.
    """
    shape, time = network.inputs[0].shape[1:], settings.window_length
    network = keras.models.clone_model(network, None, lambda layer: layer, _call)
    if settings.network == "link":
        shape = (*settings.patch_shape_zyx, 2 * time + 3)
    images = shown = keras.Input(shape, name="images")
    if settings.network == "link":
        first, second = images[..., :time], images[..., time : 2 * time]
        shown = join_pair(first, second, images[:, 0, 0, 0, 2 * time :], settings.patch_shape_zyx)
    answer, (slope, intercept) = network(shown), settings.calibration
    if (slope, intercept) != (1, 0):
        clipped = ops.clip(answer, CLIP, 1 - CLIP)
        answer = ops.sigmoid(slope * ops.log(clipped / (1 - clipped)) + intercept)
    return keras.Model(images, answer, name=f"{settings.network}_probabilities")


def _call(layer: Any, *inputs: Any, **options: Any) -> Any:
    """The answer of a layer; tensors that stay are arrays: in ONNX they would be inputs, too."""
    fixed = [ops.convert_to_numpy(each) if ops.is_tensor(each) else each for each in inputs]
    return layer(*fixed, **options)


def _make_coordinates(displacement: Any, sign: int, shape_zyx: tuple[int, ...]) -> list[Any]:
    """The three channels of `examples.link.add_coordinates`, each (batch, z, y, x, 1)."""
    channels = []
    for axis, size in enumerate(shape_zyx):
        kernel = np.outer(np.arange(3) == axis, np.full(size, -sign / size))
        places = (np.arange(size) - size / 2) / size
        distances = ops.absolute(_fix(layers.Dense(size), displacement, kernel, places))
        shape, repeats = [1, 1, 1, 1], list(shape_zyx)
        shape[axis], repeats[axis] = size, 1
        along = layers.Reshape(shape)(distances)
        channels.append(layers.UpSampling3D(repeats)(along))
    return channels


def _compute_crop_shape(settings: NetworkSettings, factors: Lengths) -> Numbers:
    """Voxels of the movie that make a crop, zyx; even, and enough for the filter at its ends."""
    shape = []
    for size, factor in zip(settings.patch_shape_zyx, factors, strict=True):
        reach = 1 + math.ceil(4 * _compute_sigma(factor))  # of the interpolation, blur included
        shape.append(size if factor == 1 else 2 * math.ceil((size - 1) / 2 * factor + reach))
    return tuple(shape)


def _shrink_crop(images: Any, settings: NetworkSettings, factors: Lengths) -> Any:
    for axis, factor in _list_resampled_axes(factors):
        size, source = settings.patch_shape_zyx[axis], images.shape[axis + 1]
        inside = source / 2 + (np.arange(size) - (size - 1) / 2) * factor
        images = _resample(images, axis, _compute_weights(source, inside, factor))
    return images


def _compute_sigma(factor: float) -> float:
    """Of the blur before shrinking, in voxels: that of skimage.transform.resize."""
    return max(0.0, (factor - 1) / 2)


def _compute_weights(size: int, places: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """Linear interpolation at places, blurred against aliasing: (size, places); outside, 0."""
    weights = np.maximum(0, 1 - np.abs(np.arange(size)[:, None] - places))
    if factor > 1:
        weights = gaussian_filter1d(weights, _compute_sigma(factor), axis=0, mode="constant")
    return weights


def _resample(x: Any, axis: int, weights: np.ndarray) -> Any:
    """Along one axis of (batch, z, y, x, any)."""
    shape = list(x.shape[1:])
    shape[axis] = weights.shape[1]
    return _fix(layers.EinsumDense(_ALONG[axis], shape), x, weights)


def _fix(layer: keras.Layer, x: Any, *weights: np.ndarray) -> Any:
    """A layer with weights that are given and stay."""
    layer.trainable = False
    y = layer(x)
    layer.set_weights(weights)
    return y
