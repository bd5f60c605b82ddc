"""What a training starts with: settings with nothing left open, and a compiled network."""

from contextlib import suppress
from pathlib import Path

import keras

from organoid_kit.base import NetworkSettings, UserError, make_settings, refuse_if
from organoid_kit.examples.batches import Movies
from organoid_kit.networks import build_network, building, devices, load_network
from organoid_kit.networks.own import adopt_network
from organoid_kit.networks.saving import check_training_on, load_settings
from organoid_kit.training.checkpoints import fits
from organoid_kit.training.own import OwnParts

_OF_THE_NETWORK = ["preset", "spacing_um", "intensity_quantiles"]
_OF_THE_NETWORK += ["patch_shape_zyx", "nucleus_sigma_um"]


def complete_settings(
    settings: NetworkSettings, training: Movies, network: keras.Model | None = None
) -> NetworkSettings:
    """Settings with what follows from the network to start from, where they are at their defaults,
    and from the movies: an open spacing is the first's; if all have one plane, so may patches.
    """
    if settings.start_from:
        trained, default = load_settings(settings.start_from), make_settings(settings.network)
        free = [n for n in _OF_THE_NETWORK if getattr(settings, n) in (None, getattr(default, n))]
        taken = {name: getattr(trained, name) for name in free}
        if (folder := Path(settings.start_from)).exists():  # else it is a shipped network's name
            taken["start_from"] = str(folder.resolve())  # also from another working folder
        settings = settings.changed(**taken)
    if settings.spacing_um is None and training:
        settings = settings.changed(spacing_um=tuple(training[0].movie.spacing_um))
    flat = settings.changed(patch_shape_zyx=(1, *settings.patch_shape_zyx[1:]))
    if network is not None:
        is_free = network.inputs[0].shape[1] is None
        is_free = is_free and building.measure_shape_multiple(network)[0] == 1
    else:  # a trained crop network keeps its shape
        is_free = settings.network == "position" or not settings.start_from
        is_free = is_free and building.compute_shape_multiple(flat)[0] == 1
    single = training and all(annotated.movie.shape_zyx[0] == 1 for annotated in training)
    return flat if single and is_free else settings


def choose_start(settings: NetworkSettings, own: keras.Model | None) -> keras.Model | None:
    """A copy of a learner's network, a trained one, or None; UserError where it does not fit."""
    refuse_if(own is not None and settings.start_from, "two starts", start_from=settings.start_from)
    if own is not None:
        return adopt_network(own, settings)
    if not settings.start_from:
        return building.check_patch_shape(settings)
    trained, old = load_network(settings.start_from)
    building.check_patch_shape(settings, trained if building.is_own(trained) else None)
    check_training_on(old, settings, trained)
    return trained


def prepare_again(settings: NetworkSettings, own: OwnParts, checkpoints: Path) -> keras.Model:
    """The network of a run that goes on, whose weights are in its folder; a run of an earlier kit
    that fits no other asks for what it started from, which it did not keep.
    """
    network = prepare_network(settings, own.network, own.loss)
    if settings.start_from and not fits(network, checkpoints):
        with suppress(UserError):
            return prepare_network(settings, choose_start(settings, None), own.loss)
    return network


def prepare_network(
    settings: NetworkSettings, start: keras.Model | None = None, loss: keras.Loss | None = None
) -> keras.Model:
    """A compiled network: the kit's, with the weights of `start` if that has the same layers; else
    `start` itself, a learner's or OrganoidTracker's.
    """
    is_own = start is not None and building.is_own(start)
    device, wanted = devices.detect_device(), settings.mixed_precision
    refuse_if(wanted and not device.is_gpu, "mixed precision", name=device.name)
    mixed = not is_own and (device.gains_from_mixed_precision if wanted is None else wanted)
    dtype = "mixed_float16" if mixed else "float32"
    network = start if is_own else build_network(settings, dtype=dtype)
    if start is not None and not is_own:
        shapes = [[weight.shape for weight in each.weights] for each in (start, network)]
        if shapes[0] == shapes[1]:
            network.set_weights(start.get_weights())
        else:
            network, mixed = start, False
    if loss is None and getattr(network.layers[-1], "activation", None) is keras.activations.relu:
        # OrganoidTracker's answers are 0 and above 1, too, where cross-entropy is flat.
        loss = keras.losses.MeanSquaredError()
    optimiser = keras.optimizers.Adam(settings.learning_rate, clipnorm=1.0)
    if mixed:
        optimiser = keras.optimizers.LossScaleOptimizer(optimiser)
    # Compiling with XLA made a step several times slower on processors, see benchmarks/network.py.
    is_jax = keras.backend.backend() == "jax"
    network.compile(optimiser, loss or keras.losses.BinaryCrossentropy(), jit_compile=is_jax)
    optimiser.build(network.trainable_variables)
    return network
