"""The invented organoid is the same for the same seed, and its truth is true."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from organoid_kit.base.errors import UserError
from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.course.synthetic.movie import Microscope

HINDRANCES = "diameter_spread migration_um rotation_degrees drift_um brightness_spread cytoplasm"
HINDRANCES = f"{HINDRANCES} lumen_glow background haze read_noise".split()
SMALL = SyntheticSettings(
    shape_zyx=(20, 100, 100),
    nuclei=20,
    time_points=6,
    cycle_time_points=12,
    bumpiness=0.02,
    looseness=1.1,
)


@pytest.fixture(scope="module")
def organoid():
    return make_synthetic_movie(SMALL, seed=3)


def _all_stacks(movie, time_points=None):
    channels = range(1, len(movie.channel_names) + 1)
    return np.stack(
        [[movie.stack(t, (c,)) for c in channels] for t in time_points or movie.time_points]
    )


def _distances_um(positions, spacing_um):
    return cKDTree(positions * spacing_um).query(positions * spacing_um, k=2)[0][:, 1]


def _brightness(image, positions, spacing_um):
    """Mean within about 1.5 µm of each position."""
    smooth = ndimage.uniform_filter(
        image.astype(float), np.maximum(1, np.round(2.0 / np.array(spacing_um))).astype(int)
    )
    return ndimage.map_coordinates(smooth, positions.T, order=1)


def test_same_seed_same_movie_bit_for_bit(organoid):
    movie, truth = make_synthetic_movie(SMALL, seed=3)
    np.testing.assert_array_equal(_all_stacks(movie), _all_stacks(organoid[0]))
    np.testing.assert_array_equal(truth.positions, organoid[1].positions)
    np.testing.assert_array_equal(truth.links, organoid[1].links)


def test_another_seed_gives_another_movie():
    one = dataclasses.replace(SMALL, time_points=1, shape_zyx=(20, 80, 80))
    (movie_a, truth_a), (movie_b, truth_b) = (
        make_synthetic_movie(one, seed=1),
        make_synthetic_movie(one, seed=2),
    )
    assert (movie_a.stack(0, (2,)) != movie_b.stack(0, (2,))).mean() > 0.5
    assert not np.array_equal(truth_a.positions, truth_b.positions)


def test_movie_has_three_channels_of_uint16_without_saturation(organoid):
    stacks = _all_stacks(organoid[0])
    assert stacks.shape == (6, 3, 20, 100, 100) and stacks.dtype == np.uint16
    assert 0 < stacks.min() and stacks.max() < 2**14


def test_links_join_consecutive_time_points_and_every_nucleus_has_one_past(organoid):
    truth = organoid[1]
    before, after = truth.time_points[truth.links].T
    assert (after - before == 1).all()
    assert (truth.links_backward()[truth.time_points > 0] == 1).all()
    assert len(truth.merges()) == 0


def test_divisions_have_two_daughters_and_everyone_else_one_successor(organoid):
    truth = organoid[1]
    forward = truth.links_forward()[truth.time_points < truth.time_points.max()]
    assert set(forward) == {1, 2}
    assert (truth.properties["phase"][truth.divisions()] == "M").all()
    assert len(truth.positions_at(5)) > len(truth.positions_at(0))


def test_daughters_lie_on_either_side_of_their_mother(organoid):
    truth = organoid[1]
    for mother in truth.divisions():
        daughters = truth.positions[truth.links[truth.links[:, 0] == mother, 1]] * truth.spacing_um
        between = daughters.mean(axis=0) - truth.positions[mother] * truth.spacing_um
        apart = np.linalg.norm(daughters[1] - daughters[0])
        assert np.linalg.norm(between) < 4 and SMALL.min_distance_um <= apart < 10


def test_nuclei_move_less_than_they_are_wide(organoid):
    truth = organoid[1]
    inner = truth.links[truth.links_forward()[truth.links[:, 0]] == 1]
    steps_um = np.linalg.norm(
        (truth.positions[inner[:, 1]] - truth.positions[inner[:, 0]]) * truth.spacing_um, axis=1
    )
    assert 0.05 < np.median(steps_um) < 3


def test_positions_lie_inside_keep_their_distance_and_are_not_on_the_grid(organoid):
    truth = organoid[1]
    assert (truth.positions >= 0).all() and (truth.positions <= np.array(SMALL.shape_zyx) - 1).all()
    for time_point in range(6):
        closest_um = _distances_um(truth.positions_at(time_point), truth.spacing_um).min()
        assert closest_um > SMALL.min_distance_um - 0.01
    assert 0.2 < np.abs(truth.positions - np.round(truth.positions)).mean() < 0.3


def test_nuclei_outside_the_image_are_not_annotated():
    _, truth = make_synthetic_movie(
        dataclasses.replace(SMALL, shape_zyx=(8, 40, 40), time_points=2), seed=3
    )
    assert 0 < len(truth.positions_at(0)) < SMALL.nuclei
    assert (truth.positions >= 0).all() and (truth.positions <= (7, 39, 39)).all()


def test_the_sum_shows_every_nucleus_but_each_channel_only_some(organoid):
    movie, truth = organoid
    positions = truth.positions_at(2)
    brightest = {}
    for channels in ((2,), (3,), (2, 3)):
        stack = movie.stack(2, channels).astype(float)
        dark = np.median(stack)
        brightest[channels] = _brightness(stack, positions, truth.spacing_um) - dark
    in_g1 = truth.properties["phase"][truth.rows_at(2)] == "G1"
    assert brightest[(2, 3)].min() > 40
    assert 0.2 < in_g1.mean() < 0.8
    assert brightest[(2,)][in_g1].min() > 2 * np.quantile(brightest[(2,)][~in_g1], 0.8)
    assert brightest[(3,)][~in_g1].min() > 2 * np.quantile(brightest[(3,)][in_g1], 0.8)


def test_light_is_centred_on_the_true_positions():
    clear = dataclasses.replace(
        SMALL,
        **dict.fromkeys(HINDRANCES, 0.0),
        debris=0,
        photons=12_000,
        grey_per_photon=0.02,
        looseness=2.0,
        elongation=1.0,
        giants=0.0,
        nuclei=12,
        time_points=1,
        spacing_um=(1.0, 0.5, 0.5),
        shape_zyx=(56, 120, 120),
    )
    movie, truth = make_synthetic_movie(
        dataclasses.replace(clear, texture=0.0, irregularity=0.0), seed=5
    )
    light = np.clip(movie.stack(0, (2, 3)) - 240, 0, None)
    for position in truth.positions:
        lowest = np.maximum(np.round(position - [5, 10, 10]).astype(int), 0)
        piece = light[tuple(slice(low, low + size) for low, size in zip(lowest, (11, 21, 21)))]
        error_um = (np.array(ndimage.center_of_mass(piece)) + lowest - position) * truth.spacing_um
        assert np.linalg.norm(error_um) < 0.4


def test_the_lumen_is_dark(organoid):
    movie, truth = organoid
    stack = movie.stack(2, (2, 3)).astype(float)
    positions = truth.positions_at(2)
    lumen = _brightness(stack, positions.mean(axis=0, keepdims=True), truth.spacing_um)[0]
    background = np.median(stack)
    assert lumen - background < 0.35 * np.median(
        _brightness(stack, positions, truth.spacing_um) - background
    )


def test_condensed_nuclei_are_brighter(organoid):
    movie, truth = organoid
    mothers = truth.divisions()
    ratio = []
    for time_point in np.unique(truth.time_points[mothers]):
        stack = movie.stack(time_point, (3,)).astype(float)
        rows = truth.rows_at(time_point)
        peak = ndimage.map_coordinates(
            ndimage.maximum_filter(stack, 3), truth.positions[rows].T, order=0
        )
        calm = truth.properties["phase"][rows] == "S/G2"
        ratio += list((peak[np.isin(rows, mothers)] - 100) / np.median(peak[calm] - 100))
    assert np.median(ratio) > 1.3


def test_deeper_planes_are_dimmer_and_noise_follows_the_knob():
    base = dataclasses.replace(SMALL, time_points=1, nuclei=8, debris=0)

    def corner(read_noise):
        movie, _ = make_synthetic_movie(dataclasses.replace(base, read_noise=read_noise), seed=1)
        return movie.stack(0, (2,))[:, :20, :20].astype(float)

    assert corner(8.0).std() > 2 * corner(1.0).std()

    def deep_share(dimming_um):
        movie, truth = make_synthetic_movie(
            dataclasses.replace(base, dimming_um=dimming_um), seed=1
        )
        z = truth.positions[:, 0]
        light = _brightness(
            movie.stack(0, (2, 3)).astype(float) - 200, truth.positions, truth.spacing_um
        )
        return light[z > 12].mean() / light[z < 8].mean()

    assert deep_share(20.0) < 0.7 * deep_share(1e6)


def test_photon_noise_has_the_mean_and_variance_of_a_poisson_distribution():
    settings = dataclasses.replace(SMALL, read_noise=0.0, debris=0)
    microscope = Microscope(settings, np.random.default_rng(1))
    counts = (microscope._record(np.full((20, 100, 100), 30.0), 10.0) - settings.offset) / 10
    assert abs(counts.mean() - 30) < 0.05 and abs(counts.var() - 30) < 0.5


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"nuclei": 0}, "nuclei"),
        ({"time_points": -1}, "time_points"),
        ({"spacing_um": (2.0, 0.0, 0.5)}, "spacing_um"),
        ({"nuclei": 30, "min_distance_um": 60.0, "time_points": 1}, "min_distance_um"),
        ({"shape_zyx": (1, 4, 4), "time_points": 1}, "shape_zyx"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(wrong, named):
    with pytest.raises(UserError, match=named):
        make_synthetic_movie(dataclasses.replace(SMALL, **wrong), seed=1)
