import keras
import numpy as np
import pytest

from organoid_kit.models.position import build_position_network, find_step
from organoid_kit.settings import PRESETS, NetworkSettings
from training_helpers import tiny_settings, weights_of


def predict(network, shape, seed=0):
    images = np.random.default_rng(seed).random((*shape, network.input_shape[-1]), np.float32)
    return keras.ops.convert_to_numpy(network.predict_on_batch(images))


@pytest.mark.parametrize("preset", PRESETS)
def test_each_voxel_gets_a_probability(preset):
    settings = NetworkSettings(preset=preset, time_window=(-1, 0))
    shape = (1, *find_step(settings))
    heat = predict(build_position_network(settings), shape)
    assert heat.shape == (*shape, 1)
    assert heat.min() >= 0 and heat.max() <= 1 and heat.std() > 0


def test_the_original_layout_has_the_published_number_of_parameters_and_runs():
    network = build_position_network(NetworkSettings(preset="original"))
    assert round(network.count_params() / 1e6, 2) == 20.69
    assert predict(network, (1, 16, 32, 32)).shape == (1, 16, 32, 32, 1)


@pytest.mark.parametrize("planes", [1, 3])
def test_any_number_of_planes_goes_through(planes):
    settings = tiny_settings("")
    assert predict(build_position_network(settings), (1, planes, 16, 16)).shape == (1, planes, 16, 16, 1)


def test_the_seed_decides_the_weights():
    first, again, other = (build_position_network(NetworkSettings(seed=seed)) for seed in (1, 1, 2))
    assert weights_of(first) == weights_of(again) != weights_of(other)


def test_no_two_layers_start_alike():
    kernels = [layer.kernel for layer in build_position_network(NetworkSettings()).layers if hasattr(layer, "kernel")]
    starts = {round(float(keras.ops.sum(keras.ops.abs(kernel))), 4) for kernel in kernels}
    assert len(starts) == len(kernels)


@pytest.mark.parametrize("preset", PRESETS)
def test_only_stock_layers_are_used(preset):
    network = build_position_network(NetworkSettings(preset=preset))
    assert {type(layer).__module__.partition(".")[0] for layer in network.layers} == {"keras"}
    assert not [layer for layer in network.layers if type(layer) is keras.layers.Lambda]


def test_a_half_precision_network_still_answers_in_full_precision():
    network = build_position_network(NetworkSettings(), dtype="mixed_float16")
    network.compile(jit_compile=True)  # without XLA, TensorFlow pools no float16 on a processor
    assert {layer.compute_dtype for layer in network.layers} == {"float16", "float32"}
    assert predict(network, (1, 2, 16, 16)).dtype == np.float32
