"""Networks laid out as OrganoidTracker's own scripts leave them are opened, and leave again."""

import json

import keras
import numpy as np
import pytest

from organoid_kit.base import make_settings
from organoid_kit.networks import load_network
from organoid_kit.networks.export import export_to_organoidtracker
from organoid_kit.networks.resampling import build_for_movie
from organoidtracker_layouts import lay_out_division, lay_out_link, lay_out_position


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
    flips = [each for each in network.operations if type(each).__name__ == "Flip"]
    for flip in flips:
        flip.axis = -1  # which Keras 3.13 can compute, but [-1] is what stands in their files
    network.fit(inputs, network(inputs), epochs=1, verbose=0)  # its optimiser has a state, too
    for flip in flips:
        flip.axis = [-1]
    network.save(tmp_path / "model.keras")
    for flip in flips:
        flip.axis = -1
    settings = {"type": kind, "time_window": window, "patch_shape_zyx": [16, 32, 32]}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    opened, said = load_network(tmp_path)
    assert said.time_window == window
    answer = network.predict_on_batch(inputs)
    assert np.ptp(answer) > 0
    np.testing.assert_array_equal(opened.predict_on_batch(inputs), answer)


def test_a_position_network_goes_back_with_the_planes_it_asks_for(tmp_path):
    """It knows one number of planes, whatever movies have; OrganoidTracker makes its tiles of them."""
    network = lay_out_position()
    network.save(tmp_path / "model.keras")
    said = {"type": "positions", "time_window": (-1, 1), "patch_shape_zyx": [16, 32, 32]}
    (tmp_path / "settings.json").write_text(json.dumps(said))
    out = export_to_organoidtracker(tmp_path, tmp_path / "out", spacing_um=(2, 0.5, 0.5), planes=30)
    assert json.loads((out / "settings.json").read_text())["patch_shape_zyx"][0] == 16
    images = np.random.default_rng(0).random((1, 16, 32, 32, 3), np.float32)
    opened = load_network(out)[0]
    np.testing.assert_array_equal(opened(images), network(images))
    settings = make_settings("position", patch_shape_zyx=(16, 32, 32), spacing_um=(2, 0.5, 0.5))
    finer = build_for_movie(network, settings, (1, 0.5, 0.5), (30, 64, 64))
    assert finer.input_shape[1] == finer.output_shape[1] == 32


def test_a_calibration_that_turns_answers_round_is_left_out_with_a_warning(tmp_path):
    lay_out_division().save(tmp_path / "model.keras")
    said = {"type": "divisions", "patch_shape_zyx": [16, 32, 32]}
    said |= {"platt_scaling": -0.07, "platt_intercept": -3.5}  # after a few steps of training
    (tmp_path / "settings.json").write_text(json.dumps(said))
    with pytest.warns(UserWarning, match="platt_scaling is -0.07"):
        settings = load_network(tmp_path)[1]
    assert settings.calibration == (1.0, 0.0)
