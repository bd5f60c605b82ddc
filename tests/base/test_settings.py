"""Settings: their rules, JSON, and an organoid_tracker.ini."""

import dataclasses
import json

import hypothesis
import numpy as np
import pytest
from hypothesis import given, strategies as st

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import (
    NETWORKS,
    AugmentationSettings,
    NetworkSettings,
    make_settings,
    read_settings,
    write_settings,
)

WRONG = {
    "network": ["cells", 3],
    "preset": ["huge", None],
    "loss": [3, ["huber"]],
    "channels": [(), (0,), (1, -2), (1.5,), 3, "1"],
    "time_window": [(1, 2), (-2, -1), (0,), (-1, 0, 1), (-1, 0.5)],
    "spacing_um": [(0, 1, 1), (1, 1), (1, 1, -1), (1, 1, float("nan")), "1,1,1"],
    "intensity_quantiles": [(0.9, 0.1), (0.5, 0.5), (-0.1, 1), (0, 1.1)],
    "patch_shape_zyx": [(0, 8, 8), (8, 8), (8.5, 8, 8)],
    "batch_size": [0, -1, 2.5, "4", True, None],
    "patches_per_time_point": [0],
    "epochs": [0, "many"],
    "learning_rate": [0, -1, 1.1, float("inf"), float("nan"), "fast"],
    "patience": [0],
    "minutes": [0, -3, "long"],
    "checkpoint_minutes": [-1, None],
    "mixed_precision": [1, "yes"],
    "seed": [-1, 1.0],
    "calibration": [(0, 0), (-1, 0), (1,), 1.0, (1, float("nan")), None],
    "look": ["wide", (1.0,), (-1.0,) * 12],
    "nucleus_sigma_um": [0],
    "min_distance_um": [0],
    "nucleus_diameter_um": [0],
    "threshold": [0, 1],
    "division_window": [(1, 2), (-2, -1), (0,), (0, 0.5), None],
    "max_link_um": [0, -1, None],
    "link_neighbours": [0, 1.5],
    "remove_drift": [None, 1],
    "augmentation": [3, {"flop": True}, {"scale": [2, 1]}],
    "output_folder": [None, 3],
    "start_from": [7],
}
WRONG_AUGMENTATION = {
    "flip": [None, 1],
    "rotation_degrees": [-1, 181, (0, 90)],
    "scale": [(0, 1), (1.2, 0.8), 1.2, (1, 1, 1)],
    "brightness": [(-1, 1)],
    "contrast": [(0, 1)],
    "gamma": [(2, 1), (0, 0)],
    "depth_dimming": [1.1, -0.1],
    "noise": [-0.1, "loud"],
    "blur_px": [-1],
    "jitter_um": [-1, (0, 1)],
    "paste": [-0.1, 1.1, True],
    "skip": [0, 1.5],
    "drift_um": [-1, "far"],
    "turn_degrees": [-1, 91],
}


def cases(table: dict) -> list:
    return [(key, value) for key, values in table.items() for value in values]


def test_every_field_has_a_wrong_value_to_test():
    assert set(WRONG) == {each.name for each in dataclasses.fields(NetworkSettings)}
    assert set(WRONG_AUGMENTATION) == {
        each.name for each in dataclasses.fields(AugmentationSettings)
    }


@pytest.mark.parametrize(("key", "value"), cases(WRONG))
def test_a_wrong_value_is_refused_by_name(key, value):
    name = next(iter(value)) if isinstance(value, dict) else key
    with pytest.raises(UserError, match=name):
        NetworkSettings(**{key: value})
    with pytest.raises(UserError, match=f"(?s){name}.*my.json"):
        NetworkSettings.from_dict({key: value}, "my.json")


@pytest.mark.parametrize(("key", "value"), cases(WRONG_AUGMENTATION))
def test_a_wrong_augmentation_is_refused_by_name(key, value):
    with pytest.raises(UserError, match=key):
        AugmentationSettings(**{key: value})
    with pytest.raises(UserError, match=f"(?s){key}.*my.json"):
        NetworkSettings.from_dict({"augmentation": {key: value}}, "my.json")


def test_a_change_is_checked_too_and_the_old_settings_stay():
    settings = NetworkSettings()
    assert settings.changed(epochs=3).epochs == 3
    assert settings.epochs == 50
    with pytest.raises(UserError, match="epochs"):
        settings.changed(epochs=0)


def test_lists_and_numpy_numbers_are_taken_as_what_they_mean(tmp_path):
    settings = NetworkSettings(
        channels=[3, 4],
        spacing_um=np.array([2, 0.5, 0.5], np.float32).tolist(),
        epochs=np.int64(7),
        learning_rate=np.float32(0.5),
        start_from=tmp_path,
    )
    assert settings.channels == (3, 4)
    assert settings.spacing_um == (2.0, 0.5, 0.5)
    assert type(settings.epochs) is int and type(settings.learning_rate) is float
    assert settings.start_from == str(tmp_path)
    assert hash(settings) == hash(settings.changed())


positive = st.floats(1e-3, 1e3)
ranges = st.tuples(positive, positive).map(lambda pair: tuple(sorted(pair)))
augmentations = st.builds(
    AugmentationSettings,
    flip=st.booleans(),
    rotation_degrees=st.none() | st.floats(0, 180),
    scale=st.none() | ranges,
    brightness=st.none() | ranges,
    contrast=st.none() | ranges,
    gamma=st.none() | ranges,
    depth_dimming=st.none() | st.floats(0, 1),
    noise=st.none() | positive,
    blur_px=st.none() | positive,
    jitter_um=st.none() | positive,
    paste=st.none() | st.floats(0, 1),
    skip=st.none() | st.integers(1, 9),
    drift_um=st.none() | positive,
    turn_degrees=st.none() | st.floats(0, 90),
)
settings_of_all_kinds = st.builds(
    NetworkSettings,
    network=st.sampled_from(NETWORKS),
    calibration=st.tuples(positive, st.floats(-9, 9)),
    division_window=st.tuples(st.integers(-3, 0), st.integers(0, 3)),
    max_link_um=positive,
    remove_drift=st.booleans(),
    preset=st.sampled_from(["small", "standard", "original"]),
    channels=st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple),
    time_window=st.tuples(st.integers(-3, 0), st.integers(0, 3)),
    spacing_um=st.none() | st.tuples(positive, positive, positive),
    patch_shape_zyx=st.tuples(*[st.integers(1, 512)] * 3),
    learning_rate=st.floats(1e-6, 1),
    minutes=st.none() | positive,
    mixed_precision=st.none() | st.booleans(),
    seed=st.integers(0, 2**40),
    augmentation=augmentations,
    output_folder=st.text(max_size=8),
    start_from=st.none() | st.text(max_size=8),
)


@hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)  # on a busy machine
@given(settings_of_all_kinds)
def test_json_round_trip(settings):
    assert NetworkSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_settings_are_written_and_read_again(tmp_path):
    settings = NetworkSettings(
        channels=(3, 4), minutes=2.5, augmentation=AugmentationSettings(noise=None)
    )
    path = tmp_path / "größe 1" / "settings.json"
    write_settings(settings, path)
    assert read_settings(path) == settings
    with pytest.raises(UserError, match="never overwritten"):
        write_settings(settings, path)


@pytest.mark.parametrize("network", NETWORKS)
def test_what_a_file_leaves_out_is_the_default_of_its_network(network, tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"network": network, "seed": 3}))
    assert read_settings(path) == make_settings(network, seed=3) == read_settings(path, network)
    assert NetworkSettings.from_dict({"seed": 3}) == make_settings(seed=3)


def test_the_three_networks_have_defaults_of_their_own():
    assert len({make_settings(network).changed(network="position") for network in NETWORKS}) == 3
    assert make_settings("link").time_window == (
        0,
        1,
    )  # both nuclei, as OrganoidTracker's manual window
    assert make_settings("division", batch_size=3, patch_shape_zyx=(4, 8, 8)).batch_size == 3
    with pytest.raises(UserError, match="position, division, link"):
        make_settings("divisions")


def test_settings_for_another_network_are_refused(tmp_path):
    path = tmp_path / "settings.json"
    write_settings(make_settings("division"), path)
    with pytest.raises(UserError, match=r"(?s)link network.*'division'.*settings\.json"):
        read_settings(path, "link")


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", '"epochs"', "{", '{"epochs": 5', '{"epochs": NaN}', "[" * 100_000]
)
def test_a_malformed_file_is_one_clear_error(text, tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"settings\.json"):
        read_settings(path)


def test_unknown_names_are_told_with_the_known_ones():
    with pytest.raises(UserError, match=r"(?s)'epoch', 'rate' in my\.json.*learning_rate"):
        NetworkSettings.from_dict({"epoch": 3, "rate": 0.1, "seed": 2}, "my.json")
    with pytest.raises(UserError, match="'flop' in augmentation"):
        NetworkSettings.from_dict({"augmentation": {"flop": True}})


# ---- organoid_tracker.ini

INI = """[DEFAULTS]
; Please paste the path here to the dataset file. You can generate such a file from OrganoidTracker
dataset_file = Dataset.autlist

[predict_positions]
peak_min_distance_px = 6

[train_position_network]
time_window_before = -2
time_window_after = 0
; Size in pixels (x, y, z) of the patches used to train the network.
patch_shape = 64, 96, 32
; Folder that will contain the trained model.
output_folder = "my output"
batch_size = 16
epochs = 20
learning_rate = 0.0005
patience = 3
image_channels_1 = 3,4
image_channels_2 = 3, 4
pretrained_model_path = models/old one
"""


def read_ini(text, tmp_path) -> NetworkSettings:
    path = tmp_path / "organoid_tracker.ini"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def test_an_ini_as_organoidtracker_writes_it(tmp_path):
    expected = NetworkSettings(
        time_window=(-2, 0),
        patch_shape_zyx=(32, 96, 64),
        output_folder="my output",
        batch_size=16,
        epochs=20,
        learning_rate=0.0005,
        patience=3,
        channels=(3, 4),
        start_from="models/old one",
    )
    assert read_ini(INI, tmp_path) == expected


def test_an_ini_may_leave_things_out(tmp_path):
    assert (
        read_ini("[train_position_network]\npretrained_model_path =\n", tmp_path)
        == NetworkSettings()
    )
    assert read_ini("[DEFAULTS]\nepochs = 3\n[train_network]\n", tmp_path) == NetworkSettings(
        epochs=3
    )
    assert read_ini(
        "[DEFAULTS]\nepochs = 3\n[train_network]\nepochs = 4\n", tmp_path
    ) == NetworkSettings(epochs=4)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (("patience = 3", "patiens = 3"), "patiens"),
        (("dataset_file =", "dataset_files ="), "dataset_files"),
        (("epochs = 20", "epochs = twenty"), "epochs.*twenty"),
        (("epochs = 20", "epochs = 0"), "epochs.*0"),
        (("64, 96, 32", "64, 96"), "patch_shape"),
        (("64, 96, 32", "64 x 96 x 32"), "patch_shape"),
        (("time_window_after = 0", "time_window_after = -1"), "time_window"),
        (("image_channels_2 = 3, 4", "image_channels_2 = 3"), "image_channels_2"),
        (
            ("[train_position_network]", "[train_networks]"),
            "train_position_network.*train_networks",
        ),
        (("[predict_positions]", "[train_link_network]"), "train_position_network.*network='link'"),
        (("batch_size = 16", "batch_size = 16\nbatch_size = 8"), "batch_size"),
        (("[DEFAULTS]", ""), "section"),
    ],
)
def test_a_mistake_in_an_ini_is_named(wrong, named, tmp_path):
    assert wrong[0] in INI
    with pytest.raises(UserError, match=f"(?s){named}") as caught:
        read_ini(INI.replace(*wrong), tmp_path)
    assert "organoid_tracker.ini" in str(caught.value)


DIVISION_INI = """[train_division_network]
dataset_file = Dataset.autlist
identify full division window = True
time_window_before = -1
time_window_after = 1
patch_shape = 64, 32, 12
output_folder = divisions
batch_size = 16
epochs = 20
learning_rate = 0.0003
patience = 2
"""
LINK_INI = """[train_link_network]
dataset_file = Dataset.autlist
time_window_before = 0
time_window_after = 2
patch_shape = 64, 32, 16
batch_size = 8
learning_rate = 3e-05
pretrained_model_path = models/links
"""


def test_an_ini_says_by_its_section_which_network_is_meant(tmp_path):
    expected = make_settings(
        "division",
        division_window=(-3, 2),
        time_window=(-1, 1),
        patch_shape_zyx=(12, 32, 64),
        output_folder="divisions",
        batch_size=16,
        epochs=20,
        learning_rate=3e-4,
        patience=2,
    )
    assert read_ini(DIVISION_INI, tmp_path) == expected
    assert read_ini(DIVISION_INI.replace("True", "false"), tmp_path) == expected.changed(
        division_window=(0, 0)
    )
    linked = make_settings(
        "link", time_window=(0, 2), patch_shape_zyx=(16, 32, 64), batch_size=8, learning_rate=3e-5
    )
    assert read_ini(LINK_INI, tmp_path) == linked.changed(start_from="models/links")
    assert read_ini("[train_link_network]", tmp_path) == make_settings("link")
    with pytest.raises(UserError, match="identify full division window.*maybe"):
        read_ini(DIVISION_INI.replace("True", "maybe"), tmp_path)


def test_of_several_sections_the_one_asked_for_is_read(tmp_path):
    path = tmp_path / "organoid_tracker.ini"
    path.write_text(INI + DIVISION_INI + LINK_INI, encoding="utf-8")
    for network, patch in (
        ("position", (32, 96, 64)),
        ("division", (12, 32, 64)),
        ("link", (16, 32, 64)),
    ):
        settings = read_settings(path, network)
        assert (settings.network, settings.patch_shape_zyx) == (network, patch)
    with pytest.raises(
        UserError, match=r"(?s)train_division_network.*organoid_tracker\.ini.*network="
    ):
        read_settings(path)
    path.write_text(DIVISION_INI)
    with pytest.raises(UserError, match=r"one section of \[train_link_network\]"):
        read_settings(path, "link")


def test_a_setting_there_is_not_is_refused_with_the_nearest_one():
    with pytest.raises(
        UserError, match="Received: 'crops_per_time_point'. Did you mean patches_per_time_point?"
    ):
        make_settings("division", crops_per_time_point=48)
    with pytest.raises(UserError, match="Received: 'zzz'. Known are: network, "):
        make_settings("position", zzz=1)
    with pytest.raises(UserError, match="Received: 'epoch'. Did you mean epochs?"):
        make_settings("position").changed(epoch=3)
