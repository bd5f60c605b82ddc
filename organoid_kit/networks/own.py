"""A learner's own networks: checked, then copied, under a name that says they are not ours."""

import json

import keras
import numpy as np

from organoid_kit.base import NetworkSettings, make_error, refuse_if
from organoid_kit.networks.building import check_patch_shape
from organoid_kit.networks.opening import check_description

_NAMES = {"position": ("images",), "division": ("images",)}  # of inputs, as OrganoidTracker's
_NAMES["link"] = ("input_1", "input_2", "input_distances")


def adopt_network(network: keras.Model, settings: NetworkSettings) -> keras.Model:
    """A copy with its weights and our names; UserError where it does not fit these settings."""
    network = make_functional(network)
    wanted, answer = list_shapes(settings)
    taken, given = _shapes_of(network.inputs), _shapes_of(network.outputs)
    names, trial = _NAMES[settings.network], None
    if list(map(len, taken)) == list(map(len, wanted)) and all(
        size in (None, other) for pair in zip(taken, wanted) for size, other in zip(*pair)
    ):
        if settings.network == "position":
            check_patch_shape(settings, network)
        trial = _copy(network, wanted, names)
        given = _shapes_of(trial.outputs)
    if trial is None or given != [answer]:
        shapes = {"wanted": wanted, "answer": [answer], "taken": taken, "given": given}
        shapes = {key: _name(value) for key, value in shapes.items()}
        raise make_error("own shapes", network=settings.network, **shapes)
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(1, *shape)).astype(np.float32) for shape in wanted]
    answers = keras.ops.convert_to_numpy(trial(one_or_all(noise), training=False))
    if not (answers.min() >= 0 and answers.max() <= 1):
        raise make_error("probabilities answered", low=answers.min(), high=answers.max())
    copy, name = _copy(network, taken, names), f"own_{settings.network}_network"
    return keras.Model(one_or_all(copy.inputs), copy.output, name=name)


def _shapes_of(tensors: list) -> list[tuple[int | None, ...]]:
    return [tensor.shape[1:] for tensor in tensors]


def list_shapes(settings: NetworkSettings) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """What a network is shown and what it must give, without the axis of the batch."""
    patch, time = tuple(settings.patch_shape_zyx), settings.window_length
    if settings.network == "link":  # three channels more are coordinates
        return [(*patch, time + 3), (*patch, time + 3), (3,)], (1,)
    return [(*patch, time)], (*patch, 1) if settings.network == "position" else (1,)


def _copy(network: keras.Model, shapes: list, names: tuple[str, ...]) -> keras.Model:
    """The same layers and weights, behind inputs of these shapes and names."""
    inputs = [keras.Input(shape, name=name) for shape, name in zip(shapes, names, strict=True)]
    copy = keras.models.clone_model(network, input_tensors=one_or_all(inputs))
    for new, old in zip(copy.variables, network.variables, strict=True):  # dropout's, too
        new.assign(old)
    return copy


def one_or_all(tensors: list):
    """Inputs or outputs as Keras takes them: a list only where there are several."""
    return tensors if len(tensors) > 1 else tensors[0]


def _name(shapes: list) -> str:
    return " and ".join(map(str, shapes))


def make_functional(network: keras.Model) -> keras.Model:
    """The same as a graph of layers; raises UserError where others could not open its file."""
    refuse_if(not getattr(network, "inputs", None), "own inputs", network=network)
    layers = list(_list_layers(network))
    plain = keras.Model(one_or_all(network.inputs), one_or_all(network.outputs))  # not compiled
    try:
        check_description(json.loads(plain.to_json()))
    except (ValueError, TypeError, NotImplementedError) as error:
        raise make_error("own layers", error=error) from error
    if (types := {layer.compute_dtype for layer in layers}) - {"float32"}:
        raise make_error("own dtype", types=sorted(types))
    return plain


def _list_layers(network: keras.Model):
    for layer in network.layers:
        yield from _list_layers(layer) if isinstance(layer, keras.Model) else [layer]
