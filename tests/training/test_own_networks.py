"""A learner's own network, loss and augmentation: trained, gone on with, used and exported."""

import shutil
import threading

import keras
import numpy as np
import pytest
from keras import layers

from organoid_kit.base.errors import UserError
from organoid_kit.networks.building import build_network, compute_shape_multiple, is_own
from organoid_kit.networks.export import check_export, export_to_organoidtracker
from organoid_kit.networks.own import adopt_network
from organoid_kit.networks.saving import load_network, save_network
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.positions import predict_heat, predict_positions
from organoid_kit.training.epoch_pictures import list_pictures
from organoid_kit.training.estimates import estimate_disk, estimate_memory, estimate_training
from organoid_kit.training.loop import train
from organoid_kit.training.preparing import choose_start, prepare_network
from organoid_kit.training.runs import list_runs
from training_helpers import (
    SPACING_UM,
    make_blobs,
    make_family,
    tiny_crop_settings,
    tiny_settings,
    weights_of,
)

KINDS = ("position", "division", "link")


def find_settings(kind, folder, **changes):
    if kind == "position":
        return tiny_settings(folder, spacing_um=SPACING_UM, **changes)
    return tiny_crop_settings(kind, folder, **changes)


def find_movies(kind):
    make = make_blobs if kind == "position" else make_family
    return [make(1)], [make(2)]


def build_own(kind, filters=3, last="sigmoid"):
    """As small as a network can be; with dropout, which has a state of its own."""
    if kind == "position":
        images = keras.Input((None, None, None, 3))
        x = layers.Conv3D(filters, (1, 3, 3), padding="same", activation="relu")(images)
        x = layers.Dropout(0.2, seed=1)(layers.MaxPooling3D((1, 4, 4))(x))
        x = layers.Concatenate()([layers.UpSampling3D((1, 4, 4))(x), images])
        return keras.Model(images, layers.Conv3D(1, 1, activation=last)(x))
    if kind == "division":
        stack = [keras.Input((4, 16, 16, 3)), layers.Conv3D(filters, 3), layers.Flatten()]
        return keras.Sequential([*stack, layers.Dropout(0.2), layers.Dense(1, activation=last)])
    time = len(range(*find_settings(kind, "").time_window)) + 1
    pair = [keras.Input((4, 16, 16, time + 3)) for _ in range(2)]
    encode = keras.Sequential([layers.Conv3D(filters, 3), layers.GlobalMaxPooling3D()])
    moved = keras.Input((3,))
    x = layers.Concatenate()([encode(pair[0]), encode(pair[1][..., ::-1]), moved])
    return keras.Model([*pair, moved], layers.Dense(1, activation=last)(layers.Dropout(0.2)(x)))


def soft_dice(targets, probabilities):
    """A loss that is one number for all."""
    both = keras.ops.sum(targets * probabilities)
    return 1 - 2 * both / (keras.ops.sum(targets) + keras.ops.sum(probabilities) + 1e-3)


def dim(image, rng):
    return image * rng.uniform(0.5, 1.0)


def train_own(kind, folder, after=0, **options):
    """Trains, and asks for an end after so many steps."""
    steps, asked = [], threading.Event()

    def note(progress):
        if not progress.row and not progress.message:
            steps.append(progress.loss)
            if len(steps) == after:
                asked.set()

    settings = find_settings(kind, folder)
    options |= {"on_progress": note, "should_stop": asked.is_set}
    return train(*find_movies(kind), settings, **options), steps


def final_weights(run) -> dict[str, bytes]:
    with np.load(max((run.folder / "checkpoints").glob("*.npz"))) as file:
        return {name: file[name].tobytes() for name in file.files if name != "state"}


# ---- networks


@pytest.mark.parametrize("kind", KINDS)
def test_an_own_network_trains_goes_on_predicts_and_leaves(kind, tmp_path):
    """Cut off in the middle and taken up without the network, it ends as if never cut off."""
    own = build_own(kind)
    before = weights_of(own)
    whole, _ = train_own(kind, tmp_path / "whole", network=own)
    assert weights_of(own) == before  # a copy was trained
    part, steps = train_own(kind, tmp_path / "part", after=3, network=own)
    assert len(steps) == 3 and len(part.history) == 1
    run, _ = train_own(kind, tmp_path / "part", resume=part.folder)
    assert final_weights(run) == final_weights(whole)
    assert list_pictures(run.folder) == [1, 2] and len(run.history) == 2

    network, settings = load_network(run.folder)
    assert is_own(network) and network.count_params() == own.count_params()
    [movie] = find_movies(kind)[1]
    if kind == "position":
        found = predict_positions(network, movie.movie, settings, threshold=0.05)
        assert "probability" in found.properties
    elif kind == "division":
        found = predict_divisions(network, movie.movie, movie.annotations, settings)
        assert (found.properties["division_probability"] > 0).all()
    else:
        found = predict_links(network, movie.movie, movie.annotations, settings)
        assert (found.link_properties["link_probability"] > 0).all()

    check_export(network, settings)
    exported = tmp_path / "exported"
    finer = tuple(own_um / 2 for own_um in settings.spacing_um)
    for spacing_um in (settings.spacing_um, finer):
        where = {"spacing_um": spacing_um, "planes": 4, "overwrite": True}
        export_to_organoidtracker(run.folder, exported, **where)
        model = keras.models.load_model(exported / "model.keras", compile=False)
        ours = {"link": ["input_1", "input_2", "input_distances"]}
        assert [each.name for each in model.inputs] == ours.get(kind, ["images"])
    assert "failed" not in (run.folder / "log.txt").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_the_kit_passed_as_ones_own_learns_as_it_does(kind, tmp_path):
    settings = find_settings(kind, tmp_path)
    usual, _ = train_own(kind, tmp_path)
    own, _ = train_own(kind, tmp_path, network=build_network(settings))
    assert final_weights(own) == final_weights(usual)
    [first, second] = list_runs(tmp_path)
    assert (first["preset"], second["preset"]) == ("small", "own")


def test_a_network_of_the_kit_may_be_changed_in_a_few_lines(tmp_path):
    settings = find_settings("position", tmp_path)
    base = build_network(settings)
    x = layers.Conv3D(5, 3, padding="same", activation="relu")(base.layers[-2].output)
    run, _ = train_own(
        "position",
        tmp_path,
        network=keras.Model(base.input, layers.Conv3D(1, 1, activation="sigmoid")(x)),
    )
    network, _ = load_network(run.folder)
    assert network.count_params() > base.count_params() and len(run.history) == 2


def test_training_starts_from_an_own_network_of_an_earlier_run(tmp_path):
    first, _ = train_own("position", tmp_path, network=build_own("position"))
    settings = find_settings("position", tmp_path, start_from=str(first.folder), epochs=1)
    run = train(*find_movies("position"), settings, on_progress=lambda progress: None)
    assert load_network(run.folder)[0].name == "own_position_network"
    settings = settings.changed(start_from="position_small")
    with pytest.raises(UserError, match="start_from='position_small'.*Leave one"):
        train(*find_movies("position"), settings, network=build_own("position"))


def test_tiles_of_an_own_network_meet_without_a_seam():
    """The multiples it needs and how far it sees are measured; they are not those of a preset."""
    settings = find_settings("position", "")
    network = adopt_network(build_own("position"), settings)
    assert compute_shape_multiple(settings, network) == (1, 4, 4)
    kit = adopt_network(build_network(settings), settings)
    assert compute_shape_multiple(settings, kit) == compute_shape_multiple(settings)
    rng = np.random.default_rng(0)
    stacks = [rng.random((5, 66, 90)).astype(np.float32) for _ in range(3)]
    tiles = [predict_heat(network, stacks, settings, (z, 20, 24)) for z in (2, 99)]
    whole = predict_heat(network, stacks, settings)
    assert all(np.allclose(whole, tiled, atol=1e-5) for tiled in tiles)


def test_a_network_of_fixed_size_predicts_stacks_of_any_size():
    settings = find_settings("position", "")
    images = keras.Input((4, 32, 32, 3))
    fixed = adopt_network(
        keras.Model(images, layers.Conv3D(1, 3, padding="same", activation="sigmoid")(images)),
        settings,
    )
    stacks = [np.random.default_rng(0).random((7, 50, 41)).astype(np.float32) for _ in range(3)]
    free = adopt_network(build_free_copy(fixed), settings)
    whole, tiled = (predict_heat(network, stacks, settings) for network in (free, fixed))
    assert np.allclose(whole, tiled, atol=1e-5)


def build_free_copy(network):
    images = keras.Input((None, None, None, 3))
    copy = keras.models.clone_model(network, input_tensors=images)
    copy.set_weights(network.get_weights())
    return copy


def test_movies_of_one_plane_suit_a_network_of_free_size(tmp_path):
    flat = [make_blobs(1, shape_zyx=(1, 64, 64))]
    settings = find_settings("position", tmp_path, epochs=1)
    run = train(
        flat, [], settings, network=build_own("position"), on_progress=lambda progress: None
    )
    assert load_network(run.folder)[1].patch_shape_zyx == (1, 32, 32)


@pytest.mark.parametrize("kind", KINDS)
def test_an_own_network_is_estimated(kind, tmp_path):
    settings, movies = find_settings(kind, tmp_path), find_movies(kind)[0]
    few, many = (build_own(kind, filters) for filters in (3, 30))
    assert estimate_memory(settings, few) < estimate_memory(settings, many)
    assert estimate_disk(settings, few) < estimate_disk(settings, many)
    before = weights_of(few)
    estimate = estimate_training(settings, movies, network=few)
    assert estimate.minutes > 0 and "needs about" in str(estimate)
    assert weights_of(few) == before
    kit = build_network(settings)
    assert estimate_memory(settings, kit) == estimate_memory(settings)


class Doubled(layers.Layer):
    """A layer that Keras does not have."""

    def call(self, x):
        return 2 * x


def with_last(layer):
    images = keras.Input((None, None, None, 3))
    return keras.Model(images, layer(images))


WRONG = {
    "two time points": (
        lambda: keras.Model(images := keras.Input((None, None, None, 2)), images),
        r"must take \(4, 32, 32, 3\) and give \(4, 32, 32, 1\).*takes \(None, None, None, 2\)",
    ),
    "another patch": (
        lambda: keras.Model(images := keras.Input((4, 16, 16, 3)), images),
        r"takes \(4, 16, 16, 3\).*patch_shape_zyx",
    ),
    "two answers a voxel": (
        lambda: with_last(layers.Conv3D(2, 1, activation="sigmoid")),
        r"gives \(4, 32, 32, 2\)",
    ),
    "a smaller answer": (
        lambda: with_last(layers.Conv3D(1, 3, activation="sigmoid")),
        r"gives \(2, 30, 30, 1\)",
    ),
    "no axes": (lambda: keras.Model(x := keras.Input((3,)), x), r"takes \(3,\)"),
    "no probability": (lambda: build_own("position", last=None), 'activation="sigmoid"'),
    "another layer": (lambda: with_last(Doubled()), "Received: Doubled"),
    "a lambda": (lambda: with_last(layers.Lambda(lambda x: x)), "Received: Lambda"),
    "float16": (lambda: with_last(layers.Conv3D(1, 1, dtype="float16")), "float32"),
    "no input": (lambda: keras.Sequential([layers.Dense(1)]), "begin with keras.Input"),
    "a function": (lambda: build_own, "begin with keras.Input"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_one_error_that_says_what_does(case, tmp_path):
    build, message = WRONG[case]
    settings = find_settings("position", tmp_path / "runs")
    with pytest.raises(UserError, match=message):
        train(*find_movies("position"), settings, network=build())
    assert not (tmp_path / "runs").exists()


def test_a_patch_that_an_own_network_cannot_halve_is_one_error(tmp_path):
    settings = find_settings("position", tmp_path, patch_shape_zyx=(4, 30, 32))
    with pytest.raises(UserError, match=r"multiple of \(1, 4, 4\).*Set patch_shape_zyx to \(4, 32"):
        train(*find_movies("position"), settings, network=build_own("position"))


@pytest.mark.parametrize("kind", ["division", "link"])
def test_another_kind_of_network_is_one_error(kind, tmp_path):
    with pytest.raises(UserError, match=f"A {kind} network .* and give \\(1,\\)"):
        train_own(kind, tmp_path, network=build_own("position"))


# ---- losses


@pytest.mark.parametrize("kind", KINDS)
def test_another_loss_is_used_in_training_and_validation_and_noted(kind, tmp_path):
    usual, _ = train_own(kind, tmp_path)
    run, _ = train_own(kind, tmp_path, loss="mse")
    assert final_weights(run) != final_weights(usual)
    losses = [row[name] for row in run.history for name in ("loss", "validation_loss")]
    assert max(losses) < 0.5 < usual.history[0]["loss"]  # squared, of 0.5 or so
    assert "mean_squared_error" in str(run.details["own"]["loss"])
    assert "own" not in usual.details


@pytest.mark.parametrize(
    "loss",
    [
        "binary_focal_crossentropy",
        keras.losses.BinaryFocalCrossentropy(gamma=3.0),
        keras.losses.mean_absolute_error,
    ],
)
def test_a_loss_of_keras_is_taken_up_again_from_the_folder(loss, tmp_path):
    whole, _ = train_own("division", tmp_path, loss=loss)
    part, _ = train_own("division", tmp_path, after=3, loss=loss)
    run, _ = train_own("division", tmp_path, resume=part.folder)
    assert final_weights(run) == final_weights(whole)


def test_a_function_as_loss_must_be_passed_again(tmp_path):
    whole, _ = train_own("position", tmp_path, loss=soft_dice)
    part, _ = train_own("position", tmp_path, after=3, loss=soft_dice)
    assert "2 * both" in part.details["own"]["loss"]["source"]
    with pytest.raises(UserError, match="passed again.*Pass loss=soft_dice"):
        train_own("position", tmp_path, resume=part.folder)
    with pytest.raises(UserError, match="loss it was started with.*soft_dice"):
        train_own("position", tmp_path, resume=part.folder, loss="mse")
    run, _ = train_own("position", tmp_path, resume=part.folder, loss=soft_dice)
    assert final_weights(run) == final_weights(whole)


def test_a_loss_that_keras_would_restore_as_another_must_be_passed_again(tmp_path):
    run, _ = train_own("division", tmp_path, after=1, loss=keras.losses.Huber(delta=0.3))
    with pytest.raises(UserError, match="passed again.*huber"):
        train_own("division", tmp_path, resume=run.folder)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("no such loss", "one that Keras knows"),
        (3, "one that Keras knows"),
        (lambda t, p: keras.ops.reshape(p, (7, 7)), r"shape \(1, 4, 32, 32, 1\)"),
        (lambda t, p: keras.ops.log(-1 - p), "must be finite"),
    ],
)
def test_a_loss_that_cannot_work_is_one_error(loss, message, tmp_path):
    with pytest.raises(UserError, match=message):
        train_own("position", tmp_path / "runs", loss=loss)
    assert not (tmp_path / "runs").exists()


# ---- augmentation


@pytest.mark.parametrize("kind", KINDS)
def test_an_own_augmentation_is_drawn_anew_and_always_the_same(kind, tmp_path):
    drawn = []

    def note(image, rng):
        drawn.append((image.shape, rng.uniform()))
        return image * drawn[-1][1]

    whole, _ = train_own(kind, tmp_path, augment=note)
    numbers = [number for _, number in drawn]
    assert len(set(numbers)) == len(numbers) - 1  # all but the first, which was tried before
    time = 3 if kind != "link" else 4  # both crops of a pair are one image
    assert {shape[-1] for shape, _ in drawn} == {time}
    part, _ = train_own(kind, tmp_path, after=3, augment=note)
    with pytest.raises(UserError, match="passed again.*Pass augment=note"):
        train_own(kind, tmp_path, resume=part.folder)
    run, _ = train_own(kind, tmp_path, resume=part.folder, augment=note)
    assert final_weights(run) == final_weights(whole)
    usual, _ = train_own(kind, tmp_path)
    assert final_weights(usual) != final_weights(whole)
    assert "image * drawn" in run.details["own"]["augment"]["source"]


def test_an_augmentation_that_changes_nothing_changes_nothing(tmp_path):
    for kind in KINDS:
        usual, _ = train_own(kind, tmp_path)
        same, _ = train_own(kind, tmp_path, augment=lambda image, rng: image)
        assert final_weights(usual) == final_weights(same)


@pytest.mark.parametrize(
    "augment", [lambda i, r: i[1:], lambda i, r: None, lambda i, r: i * np.nan]
)
def test_an_augmentation_that_returns_no_such_image_is_one_error(augment, tmp_path):
    with pytest.raises(UserError, match=r"as large as.*\(4, 32, 32, 3\)"):
        train_own("position", tmp_path / "runs", augment=augment)
    assert not (tmp_path / "runs").exists()


def test_a_run_goes_on_as_it_was_started(tmp_path):
    run, _ = train_own("position", tmp_path, after=1)
    changes = {"network": build_own("position"), "loss": "mse", "augment": dim}
    for name, part in changes.items():
        with pytest.raises(UserError, match=f"goes on with the {name} it was started with"):
            train_own("position", tmp_path, resume=run.folder, **{name: part})
    own, _ = train_own("position", tmp_path, after=1, network=changes["network"])
    with pytest.raises(UserError, match="goes on with the network"):
        train_own("position", tmp_path, resume=own.folder, network=build_own("position", 7))
    run, _ = train_own("position", tmp_path, resume=own.folder, network=changes["network"])
    assert len(run.history) == 2


# ---- a run folder is complete in itself


def fine_tune(folder, start_from, **options):
    settings = find_settings("position", folder, start_from=str(start_from), epochs=2)
    return train(*find_movies("position"), settings, on_progress=lambda _: None, **options)


def save_as(place, kind):
    """A trained network of the kit, a learner's as training names it or not, OrganoidTracker's."""
    settings = find_settings("position", "")
    if kind == "kit":
        save_network(build_network(settings), settings, place)
    elif kind == "adopted":
        save_network(adopt_network(build_own("position"), settings), settings, place)
    elif kind == "own":
        save_network(build_own("position"), settings, place)
    else:
        save_network(build_own("position", last="relu"), settings, place)
    return place


@pytest.mark.parametrize("kind", ["kit", "adopted", "own", "OrganoidTracker"])
def test_a_fine_tuned_run_goes_on_though_its_start_is_gone(kind, tmp_path):
    start = save_as(tmp_path / "start", kind)
    whole = fine_tune(tmp_path / "whole", start)
    asked = threading.Event()
    part = fine_tune(tmp_path / "part", start, should_stop=lambda: asked.is_set() or asked.set())
    assert not part.history
    shutil.rmtree(start)
    run = fine_tune(tmp_path / "part", "unused", resume=part.folder)
    assert final_weights(run) == final_weights(whole)


@pytest.mark.parametrize(("kind", "other"), [("kit", "OrganoidTracker"), ("own", "kit")])
def test_a_fine_tuned_run_goes_on_though_another_network_lies_where_its_start_was(
    kind, other, tmp_path
):
    start, asked = save_as(tmp_path / "start", kind), threading.Event()
    part = fine_tune(tmp_path / "part", start, should_stop=lambda: asked.is_set() or asked.set())
    shutil.rmtree(start)
    save_as(start, other)
    run = fine_tune(tmp_path / "part", "unused", resume=part.folder)
    assert len(run.history) == 2


@pytest.mark.parametrize(
    ("kind", "loss"),
    [("own", "BinaryCrossentropy"), ("adopted", "BinaryCrossentropy")]
    + [("kit", "BinaryCrossentropy"), ("OrganoidTracker", "MeanSquaredError")],
)
def test_a_saved_network_trains_on_with_the_loss_that_suits_its_answers(kind, loss, tmp_path):
    settings = find_settings("position", "", start_from=str(save_as(tmp_path / "start", kind)))
    network = prepare_network(settings, choose_start(settings, None))
    assert type(network.loss).__name__ == loss


def test_training_on_asks_for_the_loss_it_was_begun_with(tmp_path):
    first, _ = train_own("position", tmp_path, loss="huber")
    assert load_network(first.folder)[1].loss == "huber" == first.settings.loss
    with pytest.raises(UserError, match="loss the network was trained with.*'huber'.*Pass loss="):
        fine_tune(tmp_path, first.folder)
    for loss, noted in (("huber", "huber"), ("binary_crossentropy", "binary_crossentropy")):
        assert fine_tune(tmp_path, first.folder, loss=loss).settings.loss == noted
