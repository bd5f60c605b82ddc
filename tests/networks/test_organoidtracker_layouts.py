"""Networks laid out as those that OrganoidTracker's own scripts left when they were run
(benchmarks/organoidtracker_networks.py), with fewer filters.
"""

import json

import keras
import numpy as np
import pytest

from organoid_kit.networks import load_network

LAYERS, OPS = keras.layers, keras.ops


def convolve(x, name, filters, kernel=3):
    for number in (1, 2):
        layer = LAYERS.Conv3D(filters, kernel, padding="same", activation="relu")
        layer.name = f"{name}>conv{number}"
        x = layer(x)
    return x


def pool(x, name, size):
    return LAYERS.MaxPooling3D(size, size, padding="same", name=f"{name}>pool")(x)


def lay_out_position():
    """A U-Net with one level, whose answer is blurred by an operation with a fixed kernel."""
    images = keras.Input((16, None, None, 3))
    fine = convolve(images, "down1", 4, (1, 3, 3))
    x = pool(fine, "down1", (1, 2, 2))
    x = LAYERS.Conv3D(4, (1, 2, 2), padding="same")(LAYERS.UpSampling3D((1, 2, 2))(x))
    x = LAYERS.BatchNormalization()(convolve(OPS.concatenate([x, fine], axis=-1), "up1", 4))
    alive = keras.initializers.Constant(0.5)  # else it may answer 0 everywhere
    answer = LAYERS.Conv3D(1, 3, padding="same", activation="relu", bias_initializer=alive)(x)
    blur = OPS.convert_to_tensor(np.full((1, 4, 4, 1, 1), 1 / 16, np.float32))
    return keras.Model(images, OPS.conv(answer, blur, [1, 1, 1], "same"))


def lay_out_division():
    images = keras.Input((16, 32, 32, 3))
    x = pool(convolve(images, "down0", 4, 2), "down0", (2, 8, 8))
    x = LAYERS.Dense(8, activation="relu")(LAYERS.Reshape((8 * 4 * 4 * 4,))(x))
    return keras.Model(images, LAYERS.Dense(1, activation="sigmoid")(x))


def lay_out_link():
    """Two encoders, one of which sees both crops one after the other; three inputs with names."""
    shape = (16, 32, 32, 5)  # two time points, three coordinates
    first, second = keras.Input(shape, name="input_1"), keras.Input(shape, name="input_2")
    moved = keras.Input((3,), name="input_distances")
    turned = OPS.flip(second, axis=[-1])
    both = OPS.stack([first[:, :, :, :, 0], turned[:, :, :, :, 0]], axis=-1)

    def make_encoder():
        layer = LAYERS.Conv3D(4, 3, padding="same", activation="relu")
        pooling = LAYERS.MaxPooling3D((2, 8, 8), (2, 8, 8), padding="same")
        return keras.Sequential([layer, pooling, LAYERS.Reshape((8 * 4 * 4 * 4,))])

    alone, paired = make_encoder(), make_encoder()
    parts = [alone(first), alone(turned), paired(both), moved, OPS.abs(moved)]
    x = LAYERS.Dense(8, activation="relu")(LAYERS.concatenate(parts))
    return keras.Model([first, second, moved], LAYERS.Dense(1, activation="sigmoid")(x))


@pytest.mark.parametrize(
    ("kind", "lay_out", "window"),
    [
        ("positions", lay_out_position, (-1, 1)),
        ("divisions", lay_out_division, (-1, 1)),
        ("links", lay_out_link, (0, 1)),
    ],
)
def test_a_network_laid_out_as_organoidtracker_does_answers_as_there(
    tmp_path, kind, lay_out, window
):
    network = lay_out()
    network.compile("adam", "mse", metrics=[keras.metrics.Recall(name="rec")])
    rng = np.random.default_rng(0)
    inputs = [rng.random((2, *(s or 32 for s in x.shape[1:])), np.float32) for x in network.inputs]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    network.fit(inputs, network(inputs), epochs=1, verbose=0)  # its optimiser has a state, too
    network.save(tmp_path / "model.keras")
    settings = {"type": kind, "time_window": window, "patch_shape_zyx": [16, 32, 32]}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    opened, said = load_network(tmp_path)
    assert said.time_window == window
    answer = network.predict_on_batch(inputs)
    assert np.ptp(answer) > 0
    np.testing.assert_array_equal(opened.predict_on_batch(inputs), answer)


def test_a_calibration_that_turns_answers_round_is_left_out_with_a_warning(tmp_path):
    lay_out_division().save(tmp_path / "model.keras")
    said = {"type": "divisions", "patch_shape_zyx": [16, 32, 32]}
    said |= {"platt_scaling": -0.07, "platt_intercept": -3.5}  # after a few steps of training
    (tmp_path / "settings.json").write_text(json.dumps(said))
    with pytest.warns(UserWarning, match="platt_scaling is -0.07"):
        settings = load_network(tmp_path)[1]
    assert settings.calibration == (1.0, 0.0)
