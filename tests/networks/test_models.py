import keras
import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NETWORKS, PRESETS, NetworkSettings, make_settings
from organoid_kit.networks import building as models
from organoid_kit.networks.building import build_network, check_patch_shape, compute_shape_multiple
from organoid_kit.networks.position import build_position_network
from training_helpers import tiny_settings, weights_of


def predict(network, shape, seed=0):
    images = np.random.default_rng(seed).random((*shape, network.input_shape[-1]), np.float32)
    return keras.ops.convert_to_numpy(network.predict_on_batch(images))


@pytest.mark.parametrize("preset", PRESETS)
def test_each_voxel_gets_a_probability(preset):
    settings = NetworkSettings(preset=preset, time_window=(-1, 0))
    shape = (1, *compute_shape_multiple(settings))
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
    assert predict(build_position_network(settings), (1, planes, 16, 16)).shape == (
        1,
        planes,
        16,
        16,
        1,
    )


def test_the_seed_decides_the_weights():
    first, again, other = (build_position_network(NetworkSettings(seed=seed)) for seed in (1, 1, 2))
    assert weights_of(first) == weights_of(again) != weights_of(other)


def test_no_two_layers_start_alike():
    kernels = [
        layer.kernel
        for layer in build_position_network(NetworkSettings()).layers
        if hasattr(layer, "kernel")
    ]
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


# ---- division and link network

CROPS = ("division", "link")


def answer(network, count=3, seed=0):
    """What a network says to random inputs."""
    rng = np.random.default_rng(seed)
    inputs = [
        rng.normal(size=(count, *each.shape[1:])).astype(np.float32) for each in network.inputs
    ]
    return keras.ops.convert_to_numpy(
        network.predict_on_batch(inputs if len(inputs) > 1 else inputs[0])
    )


@pytest.mark.parametrize("network", CROPS)
@pytest.mark.parametrize("preset", PRESETS)
def test_each_crop_gets_a_probability(network, preset):
    settings = make_settings(
        network, preset=preset, patch_shape_zyx=(8, 32, 32), time_window=(-1, 0)
    )
    built = build_network(settings)
    said = answer(built)
    assert said.shape == (3, 1) and said.dtype == np.float32
    assert said.min() >= 0 and said.max() <= 1 and said.std() > 0
    assert built.inputs[0].shape[-1] == (5 if network == "link" else 2)


@pytest.mark.parametrize(("network", "millions"), [("division", "0.120"), ("link", "0.290")])
def test_the_original_layouts_have_the_published_number_of_parameters(network, millions):
    settings = make_settings(
        network, preset="original", patch_shape_zyx=(16, 32, 32), time_window=(-1, 1)
    )
    assert f"{build_network(settings).count_params() / 1e6:.3f}" == millions


def test_presets_grow_and_the_small_ones_are_small():
    for network in CROPS:
        small, standard = (
            build_network(make_settings(network, preset=preset)).count_params()
            for preset in ("small", "standard")
        )
        assert small < 400_000 and small < standard / 2


@pytest.mark.parametrize("preset", PRESETS)
def test_the_inputs_are_those_that_organoidtracker_expects(preset):
    settings = make_settings("link", preset=preset, patch_shape_zyx=(8, 32, 32))
    network = build_network(settings)
    assert [each.name for each in network.inputs] == ["input_1", "input_2", "input_distances"]
    assert [each.shape[1:] for each in network.inputs] == [(8, 32, 32, 5), (8, 32, 32, 5), (3,)]
    division = build_network(make_settings("division", preset=preset, patch_shape_zyx=(8, 32, 32)))
    assert division.input_shape == (None, 8, 32, 32, 3) and division.output_shape == (None, 1)
    for each in (network, division):
        assert isinstance(each.layers[0], keras.layers.InputLayer)


@pytest.mark.parametrize("network", CROPS)
def test_the_seed_decides_the_weights_of_crop_networks_and_no_two_layers_start_alike(network):
    first, again, other = (build_network(make_settings(network, seed=seed)) for seed in (1, 1, 2))
    assert weights_of(first) == weights_of(again) != weights_of(other)
    kernels = [weight for weight in first.weights if len(weight.shape) > 1]
    assert len({round(float(keras.ops.sum(keras.ops.abs(each))), 4) for each in kernels}) == len(
        kernels
    )


def all_layers(network):
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)


@pytest.mark.parametrize("network", CROPS)
@pytest.mark.parametrize("preset", PRESETS)
def test_only_stock_layers_are_used_for_crops(network, preset):
    layers = list(all_layers(build_network(make_settings(network, preset=preset))))
    assert {type(layer).__module__.partition(".")[0] for layer in layers} == {"keras"}
    assert not [layer for layer in layers if type(layer) is keras.layers.Lambda]
    assert not [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("preset", ["small", "original"])
def test_everything_that_a_link_network_is_told_matters_to_it(preset):
    """Each channel of both crops, and each part of the displacement with its sign."""
    network = build_network(make_settings("link", preset=preset))
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=(1, *each.shape[1:])).astype(np.float32) for each in network.inputs]
    before = network.predict_on_batch(inputs)
    for number, each in enumerate(inputs):
        for channel in range(each.shape[-1]):
            changed = [one.copy() for one in inputs]
            changed[number][..., channel] *= -1
            assert not np.allclose(network.predict_on_batch(changed), before, atol=1e-9), (
                number,
                channel,
            )


def test_the_second_crop_is_seen_as_the_first_one_with_its_own_time_point_first():
    """A pair and its mirror image in time: the encoder of a single crop finds the same in both."""
    network = build_network(make_settings("link"))
    first = np.random.default_rng(0).normal(size=(1, 8, 32, 32, 5)).astype(np.float32)
    second = np.random.default_rng(1).normal(size=(1, 8, 32, 32, 5)).astype(np.float32)
    (joined,) = [layer for layer in network.layers if isinstance(layer, keras.layers.Concatenate)][
        1:
    ] or [None]
    look = keras.Model(network.inputs, joined.output)
    nowhere = np.zeros((1, 3), np.float32)
    there = keras.ops.convert_to_numpy(look([first, second, nowhere]))
    back = keras.ops.convert_to_numpy(look([second[..., ::-1], first[..., ::-1], nowhere]))
    units = (there.shape[1] - 6) // 3
    np.testing.assert_allclose(there[:, :units], back[:, units : 2 * units], rtol=1e-5)
    np.testing.assert_allclose(there[:, units : 2 * units], back[:, :units], rtol=1e-5)


@pytest.mark.parametrize("network", CROPS)
def test_crops_of_one_plane(network):
    built = build_network(make_settings(network, patch_shape_zyx=(1, 16, 16)))
    assert answer(built).shape == (3, 1)


@pytest.mark.parametrize("network", CROPS)
def test_half_precision_crop_networks_still_answer_in_full_precision(network):
    built = build_network(make_settings(network), dtype="mixed_float16")
    assert {layer.compute_dtype for layer in all_layers(built)} == {"float16", "float32"}
    assert built.outputs[0].dtype == "float32"


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_patch_that_fits_is_built_and_one_that_does_not_is_told_with_what_does(network, preset):
    step = models.compute_shape_multiple(make_settings(network, preset=preset))
    for times in (1, 2):
        shape = tuple(times * each for each in step)
        settings = make_settings(network, preset=preset, patch_shape_zyx=shape)
        check_patch_shape(settings)
        assert all(
            size in (None, wanted)
            for size, wanted in zip(build_network(settings).inputs[0].shape[1:4], shape)
        )
    wrong = make_settings(
        network, preset=preset, patch_shape_zyx=(step[0], 2 * step[1] + 1, step[2])
    )
    with pytest.raises(
        UserError, match=rf"(?s){wrong.patch_shape_zyx[1]}.*Set patch_shape_zyx to .*{2 * step[1]}"
    ):
        check_patch_shape(wrong)


@pytest.mark.parametrize("network", CROPS)
def test_dropout_works_in_training_alone(network):
    built = build_network(make_settings(network))
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, *each.shape[1:])).astype(np.float32) for each in built.inputs]
    asked = inputs if len(inputs) > 1 else inputs[0]
    calm, again = built(asked, training=False), built(asked, training=False)
    np.testing.assert_array_equal(calm, again)
    assert not np.allclose(built(asked, training=True), built(asked, training=True))
