import json
import shutil
import zipfile

import keras
import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NETWORKS, NetworkSettings, make_settings
from organoid_kit.networks.building import build_network
from organoid_kit.networks.folders import (
    SHIPPED,
    list_shipped_networks,
    load_settings,
    make_fine_tuning_settings,
)
from organoid_kit.networks.position import build_position_network
from organoid_kit.networks.saving import load_network, measure_field_of_view, save_network
from organoid_kit.prediction.positions import _MARGIN_ZYX
from organoid_kit.training.loop import train
from training_helpers import (
    make_blobs,
    make_family,
    run_python,
    tiny_crop_settings,
    tiny_settings,
    weights_of,
)

IMAGES = np.random.default_rng(0).random((1, 4, 32, 32, 3), np.float32)
PREDICT = """
import sys
sys.modules.update({name: None for name in sys.argv[3:]})  # importing these now fails
import keras, numpy
network = keras.models.load_model(sys.argv[1] + "/model.keras")
images = numpy.load(sys.argv[2])
numpy.save(sys.argv[2], keras.ops.convert_to_numpy(network.predict_on_batch(images)))
print(keras.backend.backend())
"""


def predict(network):
    return keras.ops.convert_to_numpy(network.predict_on_batch(IMAGES))


def predict_elsewhere(folder, file, backend):
    """The same in a fresh interpreter in which the kit cannot be imported."""
    np.save(file, IMAGES)
    said = run_python(PREDICT, folder, file, "organoid_kit", KERAS_BACKEND=backend)
    assert said.split()[-1] == backend
    return np.load(file)


@pytest.fixture
def saved(tmp_path):
    settings = tiny_settings(tmp_path, seed=5, threshold=0.3)
    network = build_position_network(settings)
    save_network(network, settings, tmp_path / "Zürich 50 µm")
    return network, settings, tmp_path / "Zürich 50 µm"


def save_like_organoidtracker(folder, planes=16, window=(-1, 1), window_of_images=3):
    """A network as OrganoidTracker leaves it: planes fixed, compiled with a loss of its own, two
    settings.
    """
    images = keras.Input((planes, None, None, window_of_images))
    alive = keras.initializers.Constant(0.5)  # else the random start may answer 0 everywhere
    x = keras.layers.Conv3D(4, (1, 3, 3), padding="same", activation="relu")(images)
    x = keras.layers.BatchNormalization()(x)
    network = keras.Model(
        images,
        keras.layers.Conv3D(1, 3, padding="same", activation="relu", bias_initializer=alive)(x),
    )

    @keras.saving.register_keras_serializable("elsewhere")
    def loss_of_their_own(truth, guess):
        return keras.ops.mean((truth - guess) ** 2)

    network.compile("adam", loss_of_their_own)
    folder.mkdir()
    network.save(folder / "model.keras")
    (folder / "settings.json").write_text(json.dumps({"type": "positions", "time_window": window}))
    keras.saving.get_custom_objects().clear()
    return network


def test_a_network_comes_back_with_its_settings(saved):
    network, settings, folder = saved
    loaded, loaded_settings = load_network(folder)
    assert loaded_settings == settings
    assert weights_of(loaded) == weights_of(network)


@pytest.mark.parametrize(("backend", "difference"), [("tensorflow", 0), ("jax", 1e-5)])
def test_a_network_opens_without_the_kit_on_every_backend(saved, tmp_path, backend, difference):
    if backend == "jax":
        pytest.importorskip("jax")
    network, _, folder = saved
    assert (
        np.abs(predict_elsewhere(folder, tmp_path / "a.npy", backend) - predict(network)).max()
        <= difference
    )


def test_a_saved_network_asks_for_nothing_that_older_versions_of_keras_do_not_know(saved, tmp_path):
    _, settings, folder = saved
    save_network(
        build_position_network(settings.changed(preset="original")), settings, tmp_path / "original"
    )
    for each in (folder, tmp_path / "original", SHIPPED / "position_small"):
        with zipfile.ZipFile(each / "model.keras") as archive:
            config = archive.read("config.json").decode()
        assert (
            "kernel_initializer" in config and "input_axes" not in config and "renorm" not in config
        )


def test_a_saved_network_is_not_overwritten_by_chance(saved):
    network, settings, folder = saved
    other = build_position_network(settings.changed(seed=6))
    with pytest.raises(UserError, match="never overwritten"):
        save_network(other, settings, folder)
    assert weights_of(load_network(folder)[0]) == weights_of(network)
    save_network(other, settings, folder, overwrite=True)
    assert weights_of(load_network(folder)[0]) == weights_of(other)


def test_a_failed_overwriting_leaves_the_old_network(saved, monkeypatch):
    network, settings, folder = saved

    def full(model, path, **options):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.saving, "save_model", full)
    with pytest.raises(UserError, match="No space left"):
        save_network(
            build_position_network(settings.changed(seed=6)), settings, folder, overwrite=True
        )
    assert weights_of(load_network(folder)[0]) == weights_of(network)
    assert sorted(path.name for path in folder.iterdir()) == ["model.keras", "settings.json"]


def test_a_half_precision_network_is_saved_in_full_precision(tmp_path):
    settings = tiny_settings(tmp_path)
    network = build_position_network(settings, dtype="mixed_float16")
    network.compile(jit_compile=True)  # without XLA, TensorFlow pools no float16 on a processor
    save_network(network, settings, tmp_path / "a")
    loaded, _ = load_network(tmp_path / "a")
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    assert weights_of(loaded) == weights_of(network)
    assert 0 < np.abs(predict(loaded) - predict(network)).max() < 0.01


def test_a_network_of_organoidtracker_opens(tmp_path):
    network = save_like_organoidtracker(tmp_path / "theirs")
    loaded, settings = load_network(tmp_path / "theirs")
    assert weights_of(loaded) == weights_of(network)
    assert (settings.time_window, settings.preset, settings.intensity_quantiles) == (
        (-1, 1),
        "original",
        (0.01, 0.99),
    )


def test_a_network_of_organoidtracker_is_trained_on_from(tmp_path):
    keras.utils.set_random_seed(5)
    theirs = save_like_organoidtracker(tmp_path / "theirs")
    settings = tiny_settings(
        tmp_path,
        preset="original",
        patch_shape_zyx=(16, 32, 32),
        start_from=str(tmp_path / "theirs"),
        epochs=20,
    ).changed(learning_rate=1e-3)
    movie = make_blobs(shape_zyx=(16, 32, 32))
    run = train([movie], [], settings, on_progress=lambda progress: None)
    trained, _ = load_network(run.folder)
    assert [layer.name for layer in trained.layers] == [layer.name for layer in theirs.layers]
    assert weights_of(trained) != weights_of(theirs)
    assert run.history[-1]["loss"] < run.history[0]["loss"]
    assert run.settings.intensity_quantiles == (0.01, 0.99)  # as the network is used to


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"patch_shape_zyx": (32, 32, 32)}, r"patch_shape_zyx to \(16, 32, 32\)"),
        ({"time_window": (0, 1)}, r"time_window to \(-1, 1\)"),
        ({"preset": "standard"}, "preset to original"),
    ],
)
def test_what_does_not_fit_a_network_is_told_with_what_does(tmp_path, changes, advice):
    save_like_organoidtracker(tmp_path / "theirs")
    right = {
        "preset": "original",
        "patch_shape_zyx": (16, 32, 32),
        "start_from": str(tmp_path / "theirs"),
    }
    with pytest.raises(UserError, match=advice):
        train([make_blobs()], [], tiny_settings(tmp_path / "runs", **{**right, **changes}))
    assert not (tmp_path / "runs").exists()


def test_settings_that_do_not_fit_the_network_are_found(tmp_path):
    save_like_organoidtracker(tmp_path / "theirs", window=(0, 1))
    with pytest.raises(UserError, match=r"sees 3.*\(0, 1\)"):
        load_network(tmp_path / "theirs")


@pytest.mark.parametrize("change", ["missing", "cut", "type"])
def test_a_folder_without_a_position_network_gives_one_clear_error(saved, change):
    folder = saved[2]
    if change == "missing":
        shutil.rmtree(folder)
    elif change == "cut":
        (folder / "model.keras").write_bytes((folder / "model.keras").read_bytes()[:1000])
    else:
        (folder / "settings.json").write_text('{"type": "cells"}')
    with pytest.raises(UserError, match="Zürich 50 µm"):
        load_network(folder)


def test_shipped_networks_open():
    assert {load_settings(name).network for name in list_shipped_networks()} == set(NETWORKS)
    for name in list_shipped_networks():
        _, settings = load_network(name)  # which checks the time window
        assert load_settings(name) == settings


def test_field_of_view_is_that_of_the_kernel():
    network = keras.Sequential(
        [keras.Input((None, None, None, 3)), keras.layers.Conv3D(1, (3, 5, 7), padding="same")]
    )
    assert measure_field_of_view(network, (8, 16, 16)) == (3, 5, 7)


def test_field_of_view_is_as_far_as_tiles_must_overlap():
    depth, height, width = measure_field_of_view(build_position_network(NetworkSettings()))
    margin = _MARGIN_ZYX["small"]
    assert all(
        seen <= 2 * reach + 1 for seen, reach in zip((depth, height, width), margin, strict=True)
    )
    assert depth == 2 * margin[0] + 1


# ---- division and link network

CROPS = ("division", "link")


def answer(network):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, *each.shape[1:])).astype(np.float32) for each in network.inputs]
    return keras.ops.convert_to_numpy(
        network.predict_on_batch(inputs if len(inputs) > 1 else inputs[0])
    )


@pytest.mark.parametrize("network", CROPS)
@pytest.mark.parametrize("preset", ["small", "original"])
def test_a_crop_network_comes_back_with_all_that_organoidtracker_reads(network, preset, tmp_path):
    settings = make_settings(
        network, preset=preset, patch_shape_zyx=(8, 32, 32), calibration=(1.5, -0.25), seed=4
    )
    built = build_network(settings)
    save_network(built, settings, tmp_path / "a")
    loaded, loaded_settings = load_network(tmp_path / "a")
    assert loaded_settings == settings and weights_of(loaded) == weights_of(built)
    np.testing.assert_array_equal(answer(loaded), answer(built))
    assert [each.name for each in loaded.inputs] == [each.name for each in built.inputs]
    record = json.loads((tmp_path / "a" / "settings.json").read_text())
    assert record.pop("organoid_kit") == json.loads(json.dumps(settings.to_dict()))
    assert record == {
        "type": f"{network}s",
        "time_window": list(settings.time_window),
        "patch_shape_zyx": [8, 32, 32],
        "platt_scaling": 1.5,
        "platt_intercept": -0.25,
    }


def save_crops_like_organoidtracker(network, folder, alike=True, **record):
    """A network folder without any of our settings; of our layout, or with layers of their own."""
    settings = make_settings(
        network, preset="original", patch_shape_zyx=(8, 32, 32), time_window=(0, 1), seed=7
    )
    built = build_network(settings)
    if not alike:
        middle = keras.layers.Concatenate()([keras.layers.Flatten()(each) for each in built.inputs])
        built = keras.Model(built.inputs, keras.layers.Dense(1, activation="sigmoid")(middle))
    folder.mkdir()
    built.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    built.save(folder / "model.keras")
    values = {"type": f"{network}s", "time_window": [0, 1], "patch_shape_zyx": [8, 32, 32]}
    (folder / "settings.json").write_text(json.dumps({**values, **record}))
    return built


@pytest.mark.parametrize("network", CROPS)
def test_a_crop_network_of_organoidtracker_opens(network, tmp_path):
    theirs = save_crops_like_organoidtracker(
        network, tmp_path / "a", platt_scaling=0.8, platt_intercept=0.3
    )
    loaded, settings = load_network(tmp_path / "a")
    np.testing.assert_array_equal(answer(loaded), answer(theirs))
    assert (settings.network, settings.preset, settings.time_window) == (
        network,
        "original",
        (0, 1),
    )
    assert settings.calibration == (0.8, 0.3) and settings.patch_shape_zyx == (8, 32, 32)
    assert settings.intensity_quantiles == (0.01, 0.99) and settings.spacing_um is None
    assert settings.batch_size == make_settings(network).batch_size and not settings.remove_drift


def test_an_older_folder_names_its_patch_the_other_way_round_and_is_not_calibrated(tmp_path):
    save_crops_like_organoidtracker("division", tmp_path / "a")
    file = tmp_path / "a" / "settings.json"
    file.write_text(
        json.dumps({"type": "divisions", "time_window": [0, 1], "patch_shape_xyz": [64, 32, 8]})
    )
    settings = load_settings(tmp_path / "a")
    assert settings.patch_shape_zyx == (8, 32, 64) and settings.calibration == (1, 0)


@pytest.mark.parametrize("alike", [True, False], ids=["our layout", "layers of their own"])
@pytest.mark.parametrize("network", CROPS)
def test_a_crop_network_of_organoidtracker_is_trained_on_from(network, alike, tmp_path):
    theirs = save_crops_like_organoidtracker(network, tmp_path / "theirs", alike)
    settings = make_fine_tuning_settings(
        tmp_path / "theirs",
        output_folder=str(tmp_path),
        epochs=1,
        patches_per_time_point=4,
        batch_size=4,
    )
    run = train(
        [make_family()], [], settings.changed(max_link_um=20.0), on_progress=lambda progress: None
    )
    trained, used = load_network(run.folder)
    assert [each.shape for each in trained.weights] == [each.shape for each in theirs.weights]
    assert weights_of(trained) != weights_of(theirs)
    moved = [
        np.abs(a - b).max()
        for a, b in zip(trained.get_weights(), theirs.get_weights(), strict=True)
    ]
    assert max(moved) < 0.01, "a step or two from where they were"
    assert used.intensity_quantiles == (0.01, 0.99) and used.network == network


@pytest.mark.parametrize("network", CROPS)
def test_a_crop_network_of_ours_is_trained_on_from(network, tmp_path):
    settings = tiny_crop_settings(network, tmp_path, epochs=1, seed=3)
    built = build_network(settings)
    save_network(built, settings, tmp_path / "ours")
    gentle = make_fine_tuning_settings(tmp_path / "ours", learning_rate=1e-6)
    run = train([make_family()], [], gentle, on_progress=lambda progress: None)
    trained, _ = load_network(run.folder)
    moved = [
        np.abs(a - b).max() for a, b in zip(trained.get_weights(), built.get_weights(), strict=True)
    ]
    assert 0 < max(moved) < 1e-4


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"patch_shape_zyx": (8, 48, 48)}, r"patch_shape_zyx to \(8, 32, 32\)"),
        ({"time_window": (-1, 1)}, r"time_window to \(0, 1\)"),
        ({"network": "division"}, "network to link"),
    ],
)
def test_what_does_not_fit_a_link_network_is_told_with_what_does(changes, advice, tmp_path):
    settings = make_settings("link", patch_shape_zyx=(8, 32, 32))
    save_network(build_network(settings), settings, tmp_path / "a")
    wrong = settings.changed(
        start_from=str(tmp_path / "a"), output_folder=str(tmp_path / "runs"), **changes
    )
    with pytest.raises(UserError, match=advice):
        train([make_family()], [], wrong)
    assert not (tmp_path / "runs").exists()


def test_a_calibration_does_not_outlive_the_weights_it_was_made_for():
    assert load_settings("position_small").calibration != (1.0, 0.0)
    assert make_fine_tuning_settings("position_small").calibration == (1.0, 0.0)


def test_a_network_of_keras_2_is_called_older(tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(SHIPPED / "position_small", folder)
    with zipfile.ZipFile(folder / "model.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["metadata.json"] = json.dumps({"keras_version": "2.15.0"}).encode()
    config = json.loads(parts["config.json"]) | {"module": "keras.src.engine.functional"}
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(UserError, match="written by Keras 2.15.0.*It is older"):
        load_network(folder)


# ---- a network's file is looked at before Keras opens it


def rewrite_description(file, old, new):
    """The same file with another text in its description."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts["config.json"]
    parts["config.json"] = parts["config.json"].replace(old.encode(), new.encode(), 1)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"class_name": "Conv3D"', '"class_name": "Lambda"', "Lambda of keras.layers"),
        ('"class_name": "Conv3D"', '"class_name": "Unknown"', "Unknown of keras.layers"),
        ('"module": "keras.layers"', '"module": "elsewhere"', "of elsewhere is not opened"),
        ('"module": "keras.initializers"', '"module": "keras"', "of keras is not opened"),
        ('"filters": ', '"filters": 99999', "has more weights than the file"),
        ('"kernel_size": [', '"kernel_size": [5000, ', "has more weights than the file"),
        ('"strides": [', '"strides": [5000, ', "'strides' is 5000"),
    ],
)
def test_what_networks_are_not_made_of_never_reaches_keras(saved, monkeypatch, old, new, said):
    folder = saved[2]
    rewrite_description(folder / "model.keras", old, new)
    monkeypatch.setattr(keras.models, "load_model", None)
    with pytest.raises(UserError, match=said):
        load_network(folder)


def test_a_file_that_holds_more_than_a_network_is_not_opened(saved, monkeypatch):
    folder = saved[2]
    with zipfile.ZipFile(folder / "model.keras", "a") as archive:
        archive.writestr("assets/more.txt", "text")
    monkeypatch.setattr(keras.models, "load_model", None)
    with pytest.raises(UserError, match="assets/more.txt"):
        load_network(folder)


def test_shipped_networks_are_opened():
    for name in list_shipped_networks():
        load_network(name)
