import gc
import shutil

import numpy as np
import pytest

from organoid_kit.base.settings import NETWORKS, PRESETS, NetworkSettings, make_settings
from organoid_kit.examples.choice import make_examples
from organoid_kit.networks.building import build_network
from organoid_kit.networks.devices import Device
from organoid_kit.training import estimates
from organoid_kit.training.estimates import (
    count_steps,
    estimate_disk,
    estimate_memory,
    estimate_training,
    measure_step_seconds,
    propose_batch,
)
from organoid_kit.training.loop import train
from training_helpers import make_blobs, make_family, tiny_crop_settings, tiny_settings

BATCH_OF_1 = NetworkSettings(batch_size=1, patch_shape_zyx=(16, 64, 64))
CARD = Device("card", True, 2_000_000_000, 7.5)


@pytest.fixture
def card(monkeypatch):
    monkeypatch.setattr(estimates, "detect_device", lambda: CARD)


def test_memory_grows_in_proportion_to_patches_and_their_voxels():
    one, two, nine = (estimate_memory(BATCH_OF_1.changed(batch_size=size)) for size in (1, 2, 9))
    assert nine - one == pytest.approx(8 * (two - one)) and two > one
    wide = estimate_memory(BATCH_OF_1.changed(patch_shape_zyx=(16, 128, 128)))
    assert wide - one == pytest.approx(3 * (two - one), rel=1e-3)


def test_a_larger_network_takes_more():
    small, standard, original = (
        estimate_memory(NetworkSettings(preset=preset, patch_shape_zyx=(16, 64, 64)))
        for preset in ("small", "standard", "original")
    )
    assert small < standard < original


def test_estimating_takes_no_memory_for_images():
    huge = estimate_memory(NetworkSettings(batch_size=10_000, patch_shape_zyx=(64, 1024, 1024)))
    assert huge > 1e14  # a hundred terabytes: nothing of it can have been allocated


def test_a_proposed_batch_fits_and_one_more_does_not():
    settings = NetworkSettings(batch_size=500)
    fitting = propose_batch(settings, 2_000_000_000)
    assert 1 < fitting.batch_size < 500 and fitting.patch_shape_zyx == settings.patch_shape_zyx
    assert estimate_memory(fitting) <= 2_000_000_000
    assert estimate_memory(fitting.changed(batch_size=fitting.batch_size + 1)) > 2_000_000_000


def test_a_batch_that_fits_is_left_as_it_is():
    settings = NetworkSettings(batch_size=2)
    assert propose_batch(settings, 10**12) == settings


def test_where_not_even_one_patch_fits_a_smaller_one_is_proposed():
    fitting = propose_batch(
        NetworkSettings(batch_size=4, patch_shape_zyx=(32, 520, 1024)), 2_000_000_000
    )
    assert estimate_memory(fitting) <= 2_000_000_000
    assert (
        fitting.patch_shape_zyx[0] == 32
        and fitting.patch_shape_zyx[1] % 8 == fitting.patch_shape_zyx[2] % 8 == 0
    )
    hopeless = propose_batch(NetworkSettings(), 1000)
    assert hopeless.batch_size == 1 and hopeless.patch_shape_zyx == (16, 8, 8)


def test_what_does_not_fit_is_said_with_what_does(card, tmp_path):
    settings = tiny_settings(tmp_path, batch_size=48, patch_shape_zyx=(16, 128, 128))
    estimate = estimate_training(settings, [make_blobs()])
    assert estimate.warnings() and estimate.minutes is None
    said = str(estimate)
    assert "batch of 48 patches of 16×128×128 (z, y, x) needs about" in said
    assert f"your card has 2 GB free. A batch of {estimate.fitting.batch_size} fits." in said
    assert estimate.warnings() == [said.split(" Time was")[0]]


def test_what_fits_gives_no_warning_and_minutes(tmp_path, monkeypatch):
    monkeypatch.setattr(estimates, "measure_step_seconds", lambda *_: 3.0)
    settings = tiny_settings(tmp_path / "new" / "folder", epochs=10)
    estimate = estimate_training(settings, [make_blobs(), make_blobs(1)])
    assert estimate.warnings() == []
    assert estimate.minutes == pytest.approx(
        3.0 * 10 * 4 / 60
    )  # 2 movies × 2 time points × 4 patches in batches of 4
    assert "10 epochs take about 2 min, without" in str(estimate)


def test_too_little_disk_is_said(tmp_path, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(estimates.shutil, "disk_usage", lambda folder: full)
    (warning,) = estimate_training(
        tiny_settings(tmp_path), [make_blobs()], measure_time=False
    ).warnings()
    assert "output_folder" in warning


def test_steps_are_counted_as_training_counts_them(tmp_path):
    settings = tiny_settings(tmp_path, batch_size=3)
    seen = []
    train([make_blobs(time_points=5)], [], settings.changed(epochs=1), on_progress=seen.append)
    assert count_steps(settings, [make_blobs(time_points=5)]) == seen[0].steps == 7


def test_a_run_takes_no_more_disk_than_estimated(tmp_path):
    settings = tiny_settings(tmp_path)
    run = train([make_blobs()], [], settings, on_progress=lambda progress: None)
    used = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
    assert 0.5 * estimate_disk(settings) < used < estimate_disk(settings)


def test_steps_are_timed():
    assert 0 < measure_step_seconds(tiny_settings("", batch_size=1)) < np.inf


def test_training_warns_before_it_starts(card, tmp_path, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(estimates.shutil, "disk_usage", lambda folder: full)
    told = []
    train([make_blobs()], [], tiny_settings(tmp_path, epochs=1), on_progress=told.append)
    assert "output_folder" in told[0].message and told[0].step == 0


# ---- division and link network


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_all_networks_and_presets_are_estimated(network, preset):
    settings = make_settings(network, preset=preset, patch_shape_zyx=(16, 32, 32))
    one, two, nine = (estimate_memory(settings.changed(batch_size=size)) for size in (1, 2, 9))
    assert nine - one == pytest.approx(8 * (two - one), abs=8) and two > one
    assert estimate_disk(settings) > 4 * 3 * build_network(settings).count_params()


@pytest.mark.parametrize("network", ["division", "link"])
def test_crop_networks_train_as_long_as_estimated_or_a_little_less(network, tmp_path):
    settings = tiny_crop_settings(network, tmp_path, batch_size=1)
    movies = [make_family(seed, time_points=5) for seed in range(2)]
    steps = make_examples(movies, settings).steps_per_epoch(settings.batch_size)
    assert 0.7 * count_steps(settings, movies) <= steps <= count_steps(settings, movies)
    assert measure_step_seconds(settings.changed(batch_size=1)) > 0


def test_an_encoder_that_is_used_twice_counts_twice():
    network = build_network(make_settings("link"))
    values = {
        name: estimates._count_values(network.get_layer(name))
        for name in ("surroundings", "comparison")
    }
    both = 2 * values["surroundings"] + values["comparison"]
    assert both < estimates._count_values(network) < both + values["surroundings"]


def test_a_batch_of_crops_that_fits_is_proposed():
    settings = make_settings("link", batch_size=5000)
    fitting = propose_batch(settings, 2_000_000_000)
    assert 1 < fitting.batch_size < 5000 and fitting.patch_shape_zyx == settings.patch_shape_zyx
    assert estimate_memory(fitting) <= 2_000_000_000


def test_timed_steps_leave_no_functions_of_tensorflow_behind():
    context = pytest.importorskip("tensorflow.python.eager.context").context()

    def count_kept():
        gc.collect()
        return sum("_cond_" in str(name) for name in context.list_function_names())

    before = count_kept()
    measure_step_seconds(tiny_settings("", batch_size=1))
    assert count_kept() == before
