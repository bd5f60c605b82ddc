import dataclasses
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from skimage.feature import peak_local_max

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import make_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import read_dataset
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.evaluation.positions import score_positions
from organoid_kit.examples.link import add_coordinates
from organoid_kit.examples.patches import clip_time_points
from organoid_kit.networks.building import build_network
from organoid_kit.networks.export import _make_record, check_export, export_to_organoidtracker
from organoid_kit.networks.folders import list_shipped_networks
from organoid_kit.networks.resampling import build_for_movie
from organoid_kit.networks.saving import load_network, save_model, save_network
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.positions import predict_positions
from training_helpers import run_python, weights_of

NETWORKS = ("position", "division", "link")
FINE = (2.0, 0.5, 0.5)
TILE = (6, 64, 64)
FRESH = """
import sys
sys.modules.update({"organoid_kit": None})  # importing it now fails
import json, keras, numpy
for folder in sys.argv[1:]:
    model = keras.models.load_model(folder + "/model.keras")  # compiled if it was saved so, as OrganoidTracker does
    inputs = dict(numpy.load(folder + "/inputs.npz"))
    said = model(inputs if len(inputs) > 1 else inputs["images"], training=False)
    numpy.save(folder + "/said.npy", keras.ops.convert_to_numpy(said))
print(keras.backend.backend())
"""


def small_settings(network, **changes):
    return make_settings(network, **{"patch_shape_zyx": (4, 16, 16), "seed": 3, **changes})


def save_untrained(folder, network, **changes):
    settings = small_settings(network, **changes)
    save_network(build_network(settings), settings, folder)
    return folder


def draw_inputs(model, rows=64):
    """Two random examples, by name."""
    rng = np.random.default_rng(0)
    shapes = {each.name: [size or rows for size in each.shape[1:]] for each in model.inputs}
    return {name: rng.random((2, *shape), np.float32) for name, shape in shapes.items()}


def ask(model, inputs):
    return keras.ops.convert_to_numpy(
        model(inputs if len(inputs) > 1 else inputs["images"], training=False)
    )


# What is inserted, shown by networks that answer with what they see; on an image of even slopes
# resampling is exact


def see(settings):
    """A network that says what it is shown."""
    inputs = build_network(settings).inputs
    if settings.network == "position":
        return keras.Model(inputs[0], inputs[0][..., :1])
    parts = [keras.layers.Flatten()(each) for each in inputs]
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0], keras.layers.Concatenate()([*parts, *parts[:1]])
    )


def slope(grid_um):
    """An image that rises differently along each axis, from places in µm (…, 3)."""
    return (grid_um @ np.array([0.05, 0.02, -0.03])).astype(np.float32)


def places_around(shape, spacing, middle):
    """Where the voxels of a crop are, in µm from the nucleus at index `middle`, (z, y, x, 3)."""
    return (np.moveaxis(np.indices(shape), 0, -1) - middle) * spacing


def slopes(shape, spacing, middle):
    """Three time points of one slope, each brighter than the last."""
    return slope(places_around(shape, spacing, middle))[..., None] + np.array([0, 1, 2], np.float32)


@pytest.mark.parametrize("spacing", [FINE, (1.0, 0.65, 0.4), (4.0, 2.0, 1.0)])
def test_crops_of_the_movie_reach_the_network_at_its_spacing(spacing):
    settings = small_settings("division")
    model = build_for_movie(see(settings), settings, spacing, TILE)
    shape = np.array(model.input_shape[1:4])
    seen = ask(model, {"images": slopes(shape, spacing, shape / 2)[None]})[
        0, : 4 * 16 * 16 * 3
    ].reshape(4, 16, 16, 3)
    axis_is_left = np.isclose(spacing, settings.spacing_um)
    middle = np.where(axis_is_left, np.array([2, 8, 8]), (np.array([4, 16, 16]) - 1) / 2)
    assert np.abs(seen - slopes((4, 16, 16), settings.spacing_um, middle)).max() < 1e-5


@pytest.mark.parametrize("spacing", [FINE, (1.0, 0.65, 0.4)])
def test_displacements_and_coordinates_reach_the_network_in_its_voxels(spacing):
    settings = small_settings("link")
    model = build_for_movie(see(settings), settings, spacing, TILE)
    shape = np.array(model.input_shape[0][1:4])
    moved_um = np.array([[2.0, -3.0, 5.0]], np.float32)
    images = slopes(shape, spacing, shape / 2)[None, ..., :2]
    crops = add_coordinates(images, images + 5, moved_um / spacing)
    inputs = {
        "input_1": crops[0],
        "input_2": crops[1],
        "input_distances": (moved_um / spacing).astype(np.float32),
    }
    seen = ask(model, inputs)[0]
    size = 4 * 16 * 16 * 5
    first, second = (part.reshape(4, 16, 16, 5) for part in (seen[:size], seen[size : 2 * size]))
    wanted = add_coordinates(
        first[None, ..., :2], second[None, ..., 3:], moved_um / settings.spacing_um
    )
    assert np.allclose(first, wanted[0][0], atol=1e-5) and np.allclose(
        second, wanted[1][0], atol=1e-5
    )
    assert np.allclose(seen[2 * size : 2 * size + 3], moved_um[0] / settings.spacing_um, atol=1e-5)
    assert np.allclose(second[..., 3:] - first[..., :2], 5, atol=1e-5)


@pytest.mark.parametrize("spacing", [FINE, (1.0, 0.65, 0.4), (2.0, 2.0, 2.0)])
def test_positions_come_back_to_the_voxels_of_the_movie(spacing):
    settings = small_settings("position")
    model = build_for_movie(see(settings), settings, spacing, (12, 64, 64))
    image = slopes((12, 64, 64), spacing, 0)
    answer = ask(model, {"images": image[None]})[0, ..., 0]
    inner = (slice(4, -4), slice(8, -8), slice(8, -8))
    assert answer.shape == (12, 64, 64)
    assert np.abs(answer - image[..., 0])[inner].max() < 1e-4


def test_fine_movies_are_blurred_before_they_are_shrunk():
    settings = small_settings("division", spacing_um=(2.0, 2.0, 2.0))
    model = build_for_movie(see(settings), settings, (2.0, 0.5, 0.5), TILE)
    noise = np.random.default_rng(0).normal(size=(1, *model.input_shape[1:])).astype(np.float32)
    assert ask(model, {"images": noise}).std() < 0.3


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_is_inserted_where_the_movie_has_the_spacing_of_the_network(network):
    settings = small_settings(network)
    own = build_network(settings)
    model = build_for_movie(own, settings, (2.0, 1.02, 0.98), TILE)
    inputs = draw_inputs(model, rows=32)
    assert (ask(model, inputs) == ask(own, inputs)).all()
    if network == "position":
        assert model.input_shape == (None, 6, None, None, 3)


# What OrganoidTracker asks of a model folder


@pytest.mark.parametrize("network", NETWORKS)
def test_an_exported_folder_is_as_organoidtracker_wants_it(tmp_path, network):
    folder = save_untrained(tmp_path / "own", network, calibration=(1.5, -0.25), channels=(2, 3))
    out = export_to_organoidtracker(folder, tmp_path / "out", spacing_um=FINE, planes=10)
    record = json.loads((out / "settings.json").read_text())
    model = keras.models.load_model(out / "model.keras")
    assert isinstance(model.layers[0], keras.layers.InputLayer) and not model.compiled
    assert record["type"] == f"{network}s" and record["time_window"] == (
        [0, 1] if network == "link" else [-1, 1]
    )
    assert (record["platt_scaling"], record["platt_intercept"]) == (1.5, -0.25)
    shapes = {each.name: each.shape[1:] for each in model.inputs}
    if network == "position":
        assert shapes["images"] == (12, 384, 384, 3) and model.output_shape[1:] == (12, 384, 384, 1)
    elif network == "division":
        assert shapes["images"] == (*record["patch_shape_zyx"], 3) and model.output_shape == (
            None,
            1,
        )
    else:
        crop = (*record["patch_shape_zyx"], 5)
        assert shapes == {"input_1": crop, "input_2": crop, "input_distances": (3,)}
    text = (out / "README.txt").read_text()
    assert (
        f"[predict_{network}s]\nimages_channels = 2,3" in text
        and "intensity_max_quantile = 0.998" in text
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_an_exported_network_is_made_of_stock_layers_alone(tmp_path, network):
    own = save_untrained(tmp_path / "own", network)
    out = export_to_organoidtracker(own, tmp_path / "out", spacing_um=FINE)
    with zipfile.ZipFile(out / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    assert not list(find_foreign_parts(config))
    assert "EinsumDense" in str(config) and "quantization_config" not in str(
        config
    )  # Keras 3.11 does not know it


def find_foreign_parts(config):
    """Classes in a saved model that are not Keras' own, or that it opens only where code is
    trusted.
    """
    for value in config.values() if isinstance(config, dict) else config:
        if isinstance(value, (dict, list)):
            yield from find_foreign_parts(value)
    if isinstance(config, dict) and "class_name" in config:
        own = str(config.get("module") or "keras").split(".")[0] in ("keras", "builtins")
        if (
            not own
            or config["class_name"] in ("Lambda", "__lambda__")
            or config.get("registered_name") == ""
        ):
            yield config["class_name"]


def test_planes_are_as_many_as_the_layout_of_organoidtracker_asks_for():
    settings = small_settings("position", preset="original", patch_shape_zyx=(16, 32, 32))
    model = build_for_movie(see(settings), settings, FINE, (18, 64, 64))
    assert model.input_shape == (None, 32, 64, 64, 3)


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_exported_networks_answer_the_same_in_a_fresh_process_on_every_backend(tmp_path, backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    here = {}
    for network in NETWORKS:
        settings = small_settings(network)
        model = build_for_movie(build_network(settings), settings, FINE, TILE)
        (tmp_path / network).mkdir()
        save_model(model, tmp_path / network / "model.keras")
        inputs = draw_inputs(model)
        np.savez(tmp_path / network / "inputs.npz", **inputs)
        here[network] = ask(model, inputs)
    said = run_python(FRESH, *(tmp_path / network for network in NETWORKS), KERAS_BACKEND=backend)
    assert said.split()[-1] == backend
    for network in NETWORKS:
        assert np.ptp(here[network]) > 1e-4  # it does not answer the same to everything
        assert np.abs(np.load(tmp_path / network / "said.npy") - here[network]).max() < 1e-5


def test_what_organoidtracker_cannot_use_is_told(tmp_path):
    folder = save_untrained(tmp_path / "own", "link", time_window=(-1, 1))
    with pytest.raises(UserError, match=r"Train a network with time_window \(0, 1\)"):
        export_to_organoidtracker(folder, tmp_path / "out", spacing_um=FINE)
    folder = save_untrained(tmp_path / "other", "link")
    for wrong in (
        {"spacing_um": (0, 1, 1)},
        {"spacing_um": FINE, "planes": 0},
        {"spacing_um": (1, 1)},
    ):
        with pytest.raises(UserError, match="three lengths above 0"):
            export_to_organoidtracker(folder, tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()
    export_to_organoidtracker(folder, tmp_path / "out", spacing_um=FINE)
    with pytest.raises(UserError, match="never overwritten"):
        export_to_organoidtracker(folder, tmp_path / "out", spacing_um=FINE)
    export_to_organoidtracker(folder, tmp_path / "out", spacing_um=FINE, overwrite=True)


# The trial during training


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "changes", [{}, {"spacing_um": None}, {"preset": "original", "patch_shape_zyx": (16, 32, 32)}]
)
def test_networks_pass_the_trial(network, changes):
    settings = small_settings(network, **changes)
    check_export(build_network(settings), settings)


def test_a_half_precision_network_passes_the_trial():
    settings = small_settings("link")
    check_export(build_network(settings, dtype="mixed_float16"), settings)


def test_a_network_that_cannot_travel_is_told_in_the_trial():
    settings = small_settings("division")
    images = keras.Input((4, 16, 16, 3))
    strange = keras.Model(images, keras.layers.Lambda(lambda x: x[:, 0, 0, 0, :1])(images))
    with pytest.raises(UserError, match=r"must open from its file.*Lambda"):
        check_export(strange, settings)
    lost = build_network(settings)
    lost.set_weights([np.full_like(each, np.nan) for each in lost.get_weights()])
    with pytest.raises(UserError, match="answers change by nan"):
        check_export(lost, settings)


# Networks of OrganoidTracker in the kit


@pytest.mark.parametrize("network", ["division", "link"])
@pytest.mark.parametrize("shape_key", ["patch_shape_zyx", "patch_shape_xyz"])
def test_a_network_laid_out_as_organoidtracker_does_opens(tmp_path, network, shape_key):
    settings = make_settings(
        network, preset="original", patch_shape_zyx=(8, 64, 32), time_window=(0, 1)
    )
    theirs = build_network(settings)
    theirs.compile(
        "adam",
        "binary_crossentropy",
        metrics=["accuracy", keras.metrics.Recall(), keras.metrics.Precision()],
    )
    theirs.save(tmp_path / "model.keras")
    shape = [8, 64, 32] if shape_key == "patch_shape_zyx" else [32, 64, 8]
    record = {"type": f"{network}s", "time_window": [0, 1], shape_key: shape, "platt_scaling": 1.2}
    (tmp_path / "settings.json").write_text(json.dumps({**record, "platt_intercept": -0.3}))
    loaded, found = load_network(tmp_path)
    assert weights_of(loaded) == weights_of(theirs)
    assert (found.network, found.patch_shape_zyx, found.time_window) == (
        network,
        (8, 64, 32),
        (0, 1),
    )
    assert (found.calibration, found.spacing_um, found.intensity_quantiles) == (
        (1.2, -0.3),
        None,
        (0.01, 0.99),
    )
    out = export_to_organoidtracker(tmp_path, tmp_path / "back", spacing_um=FINE)
    assert weights_of(keras.models.load_model(out / "model.keras")) == weights_of(theirs)


# What OrganoidTracker's predictors do, said anew from what is known of them, on the test movie


def cut_like_theirs(stacks, place, shape):
    """A crop, (z, y, x, time), that begins at a whole voxel; beyond the image is 0."""
    starts = [round(at - size / 2) for at, size in zip(place, shape, strict=True)]
    crop = np.zeros((*shape, len(stacks)), np.float32)
    inner = [
        (max(start, 0), min(start + size, whole))
        for start, size, whole in zip(starts, shape, stacks[0].shape, strict=True)
    ]
    source = tuple(slice(low, high) for low, high in inner)
    target = tuple(
        slice(low - start, high - start) for (low, high), start in zip(inner, starts, strict=True)
    )
    for number, stack in enumerate(stacks):
        crop[(*target, number)] = stack[source]
    return crop


def normalise_like_theirs(movie, time_point, settings):
    """What maps intensities of the time window to 0..1, and the window's stacks."""
    first, last = settings.time_window
    times = clip_time_points(movie, range(time_point + first, time_point + last + 1))
    stacks = [movie.stack(time, settings.channels).astype(np.float32) for time in times]
    low = min(np.quantile(stack, settings.intensity_quantiles[0]) for stack in stacks)
    high = max(np.quantile(stack, settings.intensity_quantiles[1]) for stack in stacks)
    return stacks, lambda crop: np.clip((crop - low) / (high - low), 0, 1)


def calibrate_like_theirs(said, record):
    log_odds = np.log10(np.exp(record["platt_intercept"])) + record["platt_scaling"] * (
        np.log10(said + 1e-10) - np.log10(1 - said + 1e-10)
    )
    return 10**log_odds / (1 + 10**log_odds)


def predict_divisions_like_theirs(model, record, movie, annotations, settings):
    said = np.zeros(len(annotations))
    for time_point in annotations.annotated_time_points:
        rows = annotations.rows_at(time_point)
        stacks, normalise = normalise_like_theirs(movie, time_point, settings)
        crops = [
            normalise(
                cut_like_theirs(stacks, annotations.positions[row], record["patch_shape_zyx"])
            )
            for row in rows
        ]
        said[rows] = keras.ops.convert_to_numpy(model.predict_on_batch(np.stack(crops)))[:, 0]
    return calibrate_like_theirs(said, record)


def predict_links_like_theirs(model, record, movie, candidates, settings):
    said = np.zeros(len(candidates.links))
    times = candidates.time_points[candidates.links[:, 0]]
    for time_point in np.unique(times):
        rows = np.flatnonzero(times == time_point)
        stacks, normalise = normalise_like_theirs(movie, time_point, settings)
        ends = candidates.positions[candidates.links[rows]]
        crops = [
            np.stack(
                [
                    normalise(cut_like_theirs(stacks, place, record["patch_shape_zyx"]))
                    for place in ends[:, end]
                ]
            )
            for end in (0, 1)
        ]
        moved = np.round(ends[:, 1] - ends[:, 0]).astype(np.float32)
        inputs = [*add_coordinates(*crops, moved), moved]
        said[rows] = keras.ops.convert_to_numpy(model.predict_on_batch(inputs))[:, 0]
    return calibrate_like_theirs(said, record)


def find_positions_like_theirs(model, movie, time_point, settings, distance, threshold):
    stacks, normalise = normalise_like_theirs(movie, time_point, settings)
    shape = model.input_shape[1:4]
    tile = np.zeros((*shape, len(stacks)), np.float32)
    planes, rows, columns = movie.shape_zyx
    for number, stack in enumerate(stacks):
        tile[1 : 1 + planes, 32 : 32 + rows, 32 : 32 + columns, number] = stack
    heat = keras.ops.convert_to_numpy(model(normalise(tile)[None], training=False))[0, ..., 0]
    between = np.concatenate(
        [(1 - part) * heat[:-1, None] + part * heat[1:, None] for part in np.arange(6) / 6], axis=1
    )
    peaks = peak_local_max(
        between.reshape(-1, *shape[1:]),
        min_distance=distance,
        threshold_abs=threshold,
        exclude_border=False,
    )
    places = (peaks / (6, 1, 1) - (1, 32, 32)).astype(int)
    return places[((places >= 0) & (places < movie.shape_zyx)).all(axis=1)].astype(float)


def load_for_test_movie(network):
    """The shipped network, the same one exported, and the first three time points of the test
    movie.
    """
    name = f"{network}_small"
    if name not in list_shipped_networks():
        pytest.skip(f"no {network} network ships with the kit")
    annotated = read_dataset(Path(__file__).parents[2] / "data_samples" / "test.autlist")[0]
    own, settings = load_network(name)
    settings = settings.changed(channels=(2, 3))
    model = build_for_movie(own, settings, annotated.movie.spacing_um, (22, 176, 176))
    record = _make_record(model, settings, annotated.movie.spacing_um)
    return own, model, record, settings, annotated.movie, take_first(annotated.annotations, 3)


def take_first(annotations, count):
    """The first time points."""
    kept = annotations.time_points < annotations.time_points.min() + count
    links = annotations.links[kept[annotations.links].all(axis=1)]
    rows = np.cumsum(kept) - 1
    return Annotations(
        annotations.positions[kept], annotations.time_points[kept], links=rows[links]
    )


def find_differences(ours, theirs):
    """Between probabilities: the mean difference, and how many fall on the other side of 1/2."""
    return np.abs(ours - theirs).mean(), np.mean((ours > 0.5) != (theirs > 0.5))


def test_positions_found_the_way_of_organoidtracker_are_nearly_as_good():
    own, model, record, settings, movie, truth = load_for_test_movie("position")
    threshold = float(Calibration(*settings.calibration).invert(settings.threshold))
    theirs = find_positions_like_theirs(model, movie, 0, settings, 6, threshold)
    ours = predict_positions(own, movie, settings, time_points=[0], show_progress=False)
    truth = take_first(truth, 1)
    scores = [
        score_positions(dataclasses.replace(truth, spacing_um=movie.spacing_um), found).f1
        for found in (
            ours,
            dataclasses.replace(
                ours, positions=theirs, time_points=[0] * len(theirs), properties={}
            ),
        )
    ]
    assert scores[0] > 0.9 and scores[1] > scores[0] - 0.05


def test_divisions_judged_the_way_of_organoidtracker_are_nearly_as_ours():
    own, model, record, settings, movie, truth = load_for_test_movie("division")
    ours = predict_divisions(own, movie, truth, settings, show_progress=False).properties[
        "division_probability"
    ]
    theirs = predict_divisions_like_theirs(model, record, movie, truth, settings)
    mean, other_side = find_differences(ours.astype(float), theirs)
    assert np.ptp(theirs) > 0.5 and mean < 0.05 and other_side < 0.03


def test_links_judged_the_way_of_organoidtracker_are_nearly_as_ours():
    own, model, record, settings, movie, truth = load_for_test_movie("link")
    candidates = predict_links(own, movie, truth, settings, show_progress=False)
    theirs = predict_links_like_theirs(model, record, movie, candidates, settings)
    mean, other_side = find_differences(
        candidates.link_properties["link_probability"].astype(float), theirs
    )
    assert np.ptp(theirs) > 0.5 and mean < 0.05 and other_side < 0.03
