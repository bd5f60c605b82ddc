"""Tiles without seams, duplicates or losses; and a prediction that can be taken up again."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from scipy.spatial import cKDTree

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.timelapse import TimeLapse, make_timelapse
from organoid_kit.examples.patches import PreparedMovies
from organoid_kit.examples.position import draw_dots
from organoid_kit.networks import building
from organoid_kit.networks.building import compute_shape_multiple, quicken_network
from organoid_kit.networks.devices import has_bfloat16
from organoid_kit.networks.position import build_position_network
from organoid_kit.prediction import positions as prediction
from organoid_kit.prediction.positions import predict_heat, predict_positions

SPACING_UM = (1.0, 0.5, 0.5)
SETTINGS = NetworkSettings(spacing_um=SPACING_UM, intensity_quantiles=(0, 1), threshold=0.3)
TINY_MARGINS = {"small": (1, 8, 8)}


def make_perfect_network(fixed=(None, None, None), time=3, now=1) -> keras.Model:
    """A network that answers with the image it sees at the central time point."""
    images = keras.Input((*fixed, time))
    kernel = np.zeros((1, 1, 1, time, 1), np.float32)
    kernel[..., now, 0] = 1
    network = keras.Model(images, keras.layers.Conv3D(1, 1, use_bias=False)(images))
    network.set_weights([kernel])
    return network


def scatter(shape, seed=0, apart_um=5.0, tries=400, spacing_um=SPACING_UM) -> np.ndarray:
    """As many random positions as find room, also at the very border; voxels."""
    rng = np.random.default_rng(seed)
    kept = np.zeros((0, 3))
    for point in rng.uniform(0, (np.array(shape) - 1) * spacing_um, (tries, 3)):
        if len(kept) == 0 or np.linalg.norm(kept - point, axis=1).min() >= apart_um:
            kept = np.concatenate([kept, point[None]])
    return kept / spacing_um


def make_movie(truth: list, shape, spacing_um=SPACING_UM) -> TimeLapse:
    images = np.stack([draw_dots(positions, shape, spacing_um, 1.5) for positions in truth])
    return make_timelapse(images[:, None], spacing_um)


def assert_found(found, truth, shape, spacing_um=SPACING_UM, tolerance=0.02) -> None:
    """One to one; within a small part of a voxel, half a voxel where the dot's top is cut off by
    the border.
    """
    assert len(found) == len(truth), f"{len(found)} found, {len(truth)} true"
    if len(truth) == 0:
        return
    nearest = cKDTree(truth * spacing_um).query(found * spacing_um)[1]
    assert len(set(nearest.tolist())) == len(truth), "duplicates"
    truth = truth[nearest]
    at_border = (np.round(truth) == 0) | (np.round(truth) == np.array(shape) - 1)
    assert (np.abs(found - truth) <= np.where(at_border, 0.5, tolerance)).all()


@pytest.fixture(scope="module")
def perfect():
    return make_perfect_network()


@pytest.mark.parametrize("tile", [(64, 256, 256), (3, 8, 8), (1, 17, 40), (7, 1, 1000)])
@pytest.mark.parametrize(
    "shape", [(1, 50, 61), (2, 33, 47), (5, 64, 64), (13, 71, 103), (8, 9, 130), (4, 12, 12)]
)
def test_a_perfect_network_gives_back_the_true_positions(shape, tile, monkeypatch):
    monkeypatch.setattr(prediction, "_MARGIN_ZYX", TINY_MARGINS)
    truth = scatter(shape)
    network = make_perfect_network(time=1, now=0)
    found = predict_positions(
        network,
        make_movie([truth], shape),
        SETTINGS.changed(time_window=(0, 0)),
        tile_shape_zyx=tile,
        show_progress=False,
    )
    assert_found(found.positions, truth, shape)
    assert (found.properties["probability"] > 0.6).all()


def test_nuclei_on_the_seams_of_tiles_are_found_once(perfect, monkeypatch):
    """Nuclei close to each other along every plane where tiles meet, on both sides and right on it."""
    monkeypatch.setattr(prediction, "_MARGIN_ZYX", TINY_MARGINS)
    shape, tile = (15, 90, 90), (4, 24, 24)
    plans = [
        prediction._plan_axis(*each, None)
        for each in zip(shape, tile, (1, 8, 8), (1, 8, 8), strict=True)
    ]
    seams = [sorted({low for _, (low, _) in plan} - {0}) for plan in plans]
    assert all(len(each) >= 2 for each in seams)
    rng = np.random.default_rng(0)
    candidates = [
        np.where(
            rng.permutation([True, False, False]),
            [rng.choice(each) for each in seams],
            rng.uniform(2, np.array(shape) - 3),
        )
        + rng.choice([-0.5, -0.3, 0, 0.4], 3)
        for _ in range(800)
    ]
    truth = np.zeros((0, 3))
    for each in candidates:
        if len(truth) == 0 or np.linalg.norm((truth - each) * SPACING_UM, axis=1).min() >= 5:
            truth = np.concatenate([truth, each[None]])
    assert len(truth) > 60
    found = predict_positions(
        perfect,
        make_movie([truth] * 2, shape),
        SETTINGS,
        time_points=[0],
        tile_shape_zyx=tile,
        show_progress=False,
    )
    assert_found(found.positions, truth, shape)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 31, 32, 33, 100, 257])
@pytest.mark.parametrize(
    ("tile", "margin", "step"), [(8, 8, 8), (16, 0, 1), (5, 3, 1), (64, 56, 8), (32, 16, 16)]
)
@pytest.mark.parametrize("fixed", [None, 16, 32, 48])
def test_plans_keep_every_voxel_once_with_margins(size, tile, margin, step, fixed):
    plan = prediction._plan_axis(size, tile, margin, step, fixed)
    kept = [span for _, span in plan]
    assert kept[0][0] == 0 and kept[-1][1] == size
    assert all(before[1] == after[0] for before, after in zip(kept, kept[1:], strict=False))
    assert len({high - low for (low, high), _ in plan}) == 1, "all tiles are equally long"
    whole = -(-size // step) * step
    for (low, high), (first, last) in plan:
        assert low >= 0 and low <= first < last <= high
        assert low % step == 0 and (fixed is not None or high % step == 0)
        assert high <= whole or high == fixed
        if fixed is None:
            assert low == 0 or first - low >= margin
            assert high >= size or high - last >= margin
        else:
            assert high - low == fixed


# ---- real networks

SMALL_TILES = (23, 125, 20), (2, 8, 8)


def make_random_network(settings) -> keras.Model:
    """As after training: no weight and no bias is zero, answers vary."""
    network = build_position_network(settings)
    rng = np.random.default_rng(0)
    network.set_weights(
        [
            each + rng.normal(0, 0.05, each.shape).astype(np.float32)
            for each in network.get_weights()
        ]
    )
    return network


@pytest.mark.parametrize(
    ("preset", "shape", "tile"), [("small", *SMALL_TILES), ("standard", (30, 16, 245), (1, 16, 16))]
)
def test_tiles_give_what_the_whole_image_gives(preset, shape, tile):
    settings = NetworkSettings(preset=preset, time_window=(0, 0))
    network = make_random_network(settings)
    stacks = [np.random.default_rng(1).normal(0.3, 0.3, shape).astype(np.float32)]
    whole = predict_heat(network, stacks, settings, (1000, 1000, 1000))
    tiled = predict_heat(network, stacks, settings, tile)
    assert whole.std() > 0.01
    # Rounding reaches 8e-5 on processors without AVX-512; a margin one plane too small, 0.024.
    assert np.abs(tiled - whole).max() < 2e-4


def test_too_small_margins_would_be_seen(monkeypatch):
    monkeypatch.setitem(prediction._MARGIN_ZYX, "small", (3, 16, 16))
    with pytest.raises(AssertionError):
        test_tiles_give_what_the_whole_image_gives("small", *SMALL_TILES)


@pytest.mark.parametrize("preset", ["small", "standard"])
@pytest.mark.parametrize("axis", [0, 2])
def test_a_voxel_depends_on_no_more_than_the_margin(preset, axis):
    """What changes when the image changes beyond the margin of a voxel, for each place in the
    network's grid.
    """
    settings = NetworkSettings(preset=preset, time_window=(0, 0))
    network = make_random_network(settings)
    margin, step = prediction._MARGIN_ZYX[preset][axis], compute_shape_multiple(settings)[axis]
    length = -(-(2 * margin + step + 2) // step) * step + (0 if axis else 2)
    shape = [1, 1, *compute_shape_multiple(settings)[1:], 1]
    shape[axis + 1] = length
    image = np.random.default_rng(0).normal(0.3, 0.3, shape).astype(np.float32)
    before = keras.ops.convert_to_numpy(network(image))
    for voxel in (0, length - 1):
        changed = image.copy()
        np.moveaxis(changed, axis + 1, 0)[voxel] += 100
        moved = np.abs(keras.ops.convert_to_numpy(network(changed)) - before)
        influenced = np.flatnonzero(np.moveaxis(moved, axis + 1, 0).reshape(length, -1).max(axis=1))
        assert np.abs(influenced - voxel).max() <= margin


@pytest.mark.parametrize("planes", [1, 15, 16, 17, 40, 61])
def test_networks_with_a_fixed_number_of_planes(planes):
    """As OrganoidTracker's: 16 planes and no others."""
    shape = (planes, 40, 70)
    network = make_perfect_network(fixed=(16, None, None))
    truth = scatter(shape)
    settings = SETTINGS.changed(preset="original")
    found = predict_positions(
        network, make_movie([truth] * 2, shape), settings, time_points=[1], show_progress=False
    )
    assert_found(found.positions, truth, shape)


def test_networks_with_all_axes_fixed():
    shape = (20, 70, 100)
    truth = scatter(shape)
    network = make_perfect_network(fixed=(8, 48, 48), time=1, now=0)
    settings = SETTINGS.changed(time_window=(0, 0))
    found = predict_positions(network, make_movie([truth], shape), settings, show_progress=False)
    assert_found(found.positions, truth, shape)


# ---- memory and time


class Small:
    """A network that finds no memory for more than so many voxels."""

    def __init__(self, network, most):
        self.network, self.most, self.asked = network, most, []
        self.name, self.input_shape = network.name, network.input_shape

    def predict_on_batch(self, images):
        self.asked.append(images[0, ..., 0].size)
        if self.asked[-1] > self.most:
            raise RuntimeError("OOM when allocating tensor")
        return self.network.predict_on_batch(images)


def test_tiles_become_smaller_where_memory_runs_out():
    settings = NetworkSettings(time_window=(0, 0))
    network = make_random_network(settings)
    stacks = [np.random.default_rng(0).normal(0.3, 0.3, (4, 16, 300)).astype(np.float32)]
    whole = predict_heat(network, stacks, settings)
    small = Small(network, 4 * 16 * 200)
    np.testing.assert_allclose(predict_heat(small, stacks, settings), whole, atol=1e-5)
    assert small.asked[0] > small.most >= small.asked[-1]
    with pytest.raises(UserError, match=r"must fit into memory.*Close other programs"):
        predict_heat(Small(network, 0), stacks, settings)


def test_positions_in_bfloat16_are_the_same(monkeypatch):
    settings = SETTINGS.changed(preset="small")
    network = make_random_network(settings)
    assert quicken_network(network, settings.changed(mixed_precision=False)) is network
    monkeypatch.setattr(building, "has_bfloat16", lambda: False)
    assert quicken_network(network, settings) is network
    monkeypatch.setattr(building, "has_bfloat16", lambda: True)
    quick = quicken_network(network, settings)
    assert quick.layers[1].compute_dtype == "bfloat16" and quick.layers[-1].dtype == "float32"
    image = np.random.default_rng(0).normal(0.3, 0.3, (1, 4, 32, 32, 3)).astype(np.float32)
    one, other = (keras.ops.convert_to_numpy(each(image)) for each in (network, quick))
    # A processor without bfloat16 rounds each sum, too; `quicken_network` leaves networks alone there.
    assert 0 < np.abs(one - other).max() < (0.05 if has_bfloat16() else 0.3)
    network.set_weights([weights * 0 for weights in network.get_weights()])
    changed = keras.ops.convert_to_numpy(quicken_network(network, settings)(image))
    np.testing.assert_array_equal(changed, 0.5)


# ---- movies


def test_each_time_point_gets_its_own_positions(perfect):
    shape = (6, 40, 50)
    truth = [scatter(shape, seed) for seed in range(4)]
    movie = dataclasses.replace(make_movie(truth, shape), minutes_per_time_point=12.0, name="four")
    found = predict_positions(perfect, movie, SETTINGS, show_progress=False)
    np.testing.assert_array_equal(found.annotated_time_points, range(4))
    for time_point, positions in enumerate(truth):
        assert_found(found.positions_at(time_point), positions, shape)
    assert (found.name, found.spacing_um, found.minutes_per_time_point) == (
        "four",
        SPACING_UM,
        12.0,
    )
    some = predict_positions(perfect, movie, SETTINGS, time_points=[2, 0], show_progress=False)
    np.testing.assert_array_equal(some.positions_at(2), found.positions_at(2))
    assert set(some.time_points) == {0, 2}


def test_positions_come_back_in_voxels_of_the_movie(perfect):
    own, shape = (1.0, 0.25, 0.25), (8, 120, 140)
    truth = scatter(shape, spacing_um=own, apart_um=6)
    settings = SETTINGS.changed(spacing_um=(1.0, 0.5, 0.5))
    found = predict_positions(
        perfect, make_movie([truth], shape, own), settings, threshold=0.2, show_progress=False
    ).positions
    assert len(found) == len(truth)
    nearest_um, which = cKDTree(truth * own).query(found * own)
    assert nearest_um.max() < 0.6 and np.median(nearest_um) < 0.1 and len(set(which)) == len(truth)


def test_movies_without_any_nucleus(perfect):
    empty = make_timelapse(np.full((2, 1, 4, 20, 20), 7, np.uint16), SPACING_UM)
    found = predict_positions(perfect, empty, SETTINGS, show_progress=False)
    assert (
        len(found) == 0
        and found.positions.shape == (0, 3)
        and len(found.properties["probability"]) == 0
    )


def test_the_threshold_decides(perfect):
    images = np.zeros((1, 1, 5, 40, 60), np.float32)
    for column, height in ((10, 1.0), (25, 0.6), (40, 0.2), (52, 0.02)):
        images[0, 0, 2, 19:22, column - 1 : column + 2] = 0.7 * height  # a single voxel is hot
        images[0, 0, 2, 20, column] = height
    movie = make_timelapse(images + 1e-6, SPACING_UM)
    numbers = {
        threshold: len(
            predict_positions(perfect, movie, SETTINGS, threshold=threshold, show_progress=False)
        )
        for threshold in (None, 0.0, 0.1, 0.5, 0.9)
    }
    assert numbers == {None: 2, 0.0: 3, 0.1: 3, 0.5: 2, 0.9: 1}
    found = predict_positions(perfect, movie, SETTINGS, threshold=0.1, show_progress=False)
    np.testing.assert_allclose(
        found.properties["probability"].astype(float), [1, 0.6, 0.2], atol=1e-3
    )


def test_a_time_point_the_movie_lacks_is_refused(perfect):
    movie = make_movie([scatter((3, 20, 20))], (3, 20, 20))
    with pytest.raises(UserError, match=r"\[-1, 4\].*0 to 0"):
        predict_positions(perfect, movie, SETTINGS, time_points=[4, 0, -1], show_progress=False)


def test_a_broken_stack_is_named(perfect):
    images = np.random.default_rng(0).random((5, 1, 2, 8, 8), dtype=np.float32)
    images[4] = np.nan
    with pytest.raises(UserError, match="'broken': time point 4"):
        predict_positions(
            perfect,
            make_timelapse(images, SPACING_UM, name="broken"),
            SETTINGS,
            show_progress=False,
        )


def test_memory_does_not_grow_with_the_movie(perfect, monkeypatch):
    caches = []

    class Watched(PreparedMovies):
        def window(self, movie, time_point):
            window = super().window(movie, time_point)
            caches.append(sum(stack.nbytes for stack in self._stacks.values()))
            return window

    monkeypatch.setattr(prediction, "PreparedMovies", Watched)
    read = []

    def read_stack(time_point, channel):
        read.append(time_point)
        return np.random.default_rng(time_point).random((4, 8, 8), dtype=np.float32)

    movie = dataclasses.replace(
        make_movie([np.zeros((0, 3))], (4, 8, 8)), time_points=range(40), read_stack=read_stack
    )
    predict_positions(perfect, movie, SETTINGS, show_progress=False)
    assert max(caches) <= 3 * 4 * 8 * 8 * 4
    assert read == list(range(40)), "each stack is read once"


# ---- taking up again


class Killed(BaseException):
    pass


def make_killed_movie(movie, last: int) -> TimeLapse:
    """The same movie on a machine that is switched off when a later time point is read."""

    def read_stack(time_point, channel):
        if time_point > last:
            raise Killed
        return movie.read_stack(time_point, channel)

    return dataclasses.replace(movie, read_stack=read_stack)


@pytest.fixture
def movie():
    shape = (4, 30, 30)
    return make_movie([scatter(shape, seed) for seed in range(5)], shape)


def predict(network, movie, file, settings=SETTINGS, **options):
    return predict_positions(
        network, movie, settings, resume_file=file, show_progress=False, **options
    )


def assert_same(one, other) -> None:
    np.testing.assert_array_equal(one.positions, other.positions)
    np.testing.assert_array_equal(one.time_points, other.time_points)
    np.testing.assert_array_equal(one.properties["probability"], other.properties["probability"])


@pytest.mark.parametrize(
    "torn", [b"", b'{"time_po', b'{"time_point": 3, "positions": [[1, 2, 3]], "proba']
)
def test_what_was_finished_is_not_computed_again(torn, movie, perfect, tmp_path):
    expected, file = predict(perfect, movie, None), tmp_path / "neuer ordner" / "found.jsonl"
    with pytest.raises(Killed):
        predict(perfect, make_killed_movie(movie, 3), file)
    assert [json.loads(line).get("time_point") for line in file.read_text().splitlines()] == [
        None,
        0,
        1,
        2,
    ]
    with open(file, "ab") as appended:
        appended.write(torn)
    assert_same(predict(perfect, movie, file), expected)
    assert_same(predict(perfect, make_killed_movie(movie, 0), file), expected)


def test_a_file_cut_off_in_its_first_line_begins_again(movie, perfect, tmp_path):
    file = tmp_path / "found.jsonl"
    expected = predict(perfect, movie, file)
    content = file.read_bytes()
    for length in (0, 5, content.index(b"\n")):
        file.write_bytes(content[:length])
        assert_same(predict(perfect, movie, file), expected)
        assert file.read_bytes() == content


def test_another_network_movie_setting_or_threshold_is_refused(movie, perfect, tmp_path):
    file = tmp_path / "found.jsonl"
    predict(perfect, movie, file)
    before = file.read_bytes()
    other = make_perfect_network()
    other.set_weights([each * 0.5 for each in other.get_weights()])
    others = [
        (other, movie, {}),
        (perfect, dataclasses.replace(movie, name="other"), {}),
        (perfect, make_movie([scatter((4, 30, 30), 9)] * 5, (4, 30, 30)), {}),
        (perfect, movie, {"settings": SETTINGS.changed(min_distance_um=4.0)}),
        (perfect, movie, {"threshold": 0.7}),
    ]
    for network, images, options in others:
        with pytest.raises(UserError, match="belongs to another"):
            predict(network, images, file, **options)
    assert file.read_bytes() == before


def test_a_file_that_is_none_of_ours_stays_as_it_is(movie, perfect, tmp_path):
    file = tmp_path / "thesis.txt"
    file.write_text("All my work, and no line end")
    with pytest.raises(UserError, match="belongs to another"):
        predict(perfect, movie, file)
    assert file.read_text() == "All my work, and no line end"


@pytest.mark.parametrize(
    "damage", ["{}", "nonsense", '{"time_point": 1, "positions": "x", "probabilities": []}', "3"]
)
def test_a_damaged_line_is_one_clear_error(damage, movie, perfect, tmp_path):
    file = tmp_path / "found.jsonl"
    predict(perfect, movie, file)
    file.write_text(file.read_text() + damage + "\n")
    with pytest.raises(UserError, match=r"damaged line.*resume_file"):
        predict(perfect, movie, file)


def test_a_place_that_cannot_be_written_is_one_clear_error(movie, perfect, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="found.jsonl.*choose another folder"):
        predict(perfect, movie, tmp_path / "file" / "found.jsonl")
