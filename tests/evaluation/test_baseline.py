"""Bright blobs found without a network."""

from pathlib import Path

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.blobs import (
    find_blobs,
    find_blobs_in_stack,
    make_blob_response,
    tune_blobs,
)
from organoid_kit.evaluation.positions import score_positions

SPACING = (2.0, 0.25, 0.25)  # finer than 0.5 µm in the plane, so that stacks are averaged down
CENTRES = np.array([[4.0, 31, 33], [9.3, 60.4, 40.7], [7.6, 30.2, 80.9], [12, 90, 92]])  # voxels


def draw_balls(
    shape=(17, 125, 126), centres=CENTRES, spacing=SPACING, diameter_um=8.0
) -> np.ndarray:
    """Balls of intensity 400 with soft edges on a background of 100."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    stack = np.full(shape, 100.0)
    for centre in centres:
        distance = np.linalg.norm((grid - centre) * spacing, axis=-1)
        stack += 300 / (1 + np.exp((distance - diameter_um / 2) / 0.5))
    return stack


def make_movie(stacks, **options):
    return make_timelapse(np.asarray(stacks)[:, None].astype(np.float32), SPACING, **options)


def sort_rows(positions):
    return positions[np.lexsort(positions.T)]


def test_balls_are_found_between_voxels():
    positions, response = find_blobs_in_stack(draw_balls(), SPACING)
    errors_um = (sort_rows(positions) - sort_rows(CENTRES)) * SPACING
    assert np.abs(errors_um).max() < 0.25  # an eighth of a plane
    assert (np.diff(response) <= 0).all() and response.min() > 0.1


@pytest.mark.parametrize("change", ["offset", "gain", "slope", "noise"])
def test_background_gain_and_noise_do_not_matter(change):
    stack = draw_balls()
    changed = {
        "offset": stack + 5000,
        "gain": stack * 0.01,
        "slope": stack + np.linspace(0, 200, stack.shape[2]),
        "noise": stack + np.random.default_rng(1).normal(0, 40, stack.shape),
    }[change]
    positions, _ = find_blobs_in_stack(changed, SPACING)
    assert len(positions) == len(CENTRES)
    assert np.linalg.norm((sort_rows(positions) - sort_rows(CENTRES)) * SPACING, axis=1).max() < 1


def test_every_time_point_is_searched_and_counted_as_the_movie_does():
    movie = make_movie([draw_balls(centres=CENTRES[:2]), draw_balls()], first_time_point=5)
    found = find_blobs(movie)
    assert np.bincount(found.time_points).tolist() == [0, 0, 0, 0, 0, 2, 4]
    assert found.spacing_um == SPACING and set(found.properties) == {"response"}
    assert find_blobs(movie, time_points=[5]).annotated_time_points.tolist() == [5]


def test_channels_are_summed():
    stacks = np.stack([draw_balls(centres=CENTRES[:2]), draw_balls(centres=CENTRES[2:])])
    movie = make_timelapse(stacks[None].astype(np.uint16), SPACING)
    assert len(find_blobs(movie, channels=(1,))) == 2
    assert len(find_blobs(movie, channels=(1, 2))) == 4


def test_two_blobs_are_never_closer_than_the_distance():
    stack = draw_balls(centres=[[8, 40, 40], [8, 40, 76]])  # 9 µm apart
    assert len(find_blobs_in_stack(stack, SPACING, min_distance_um=3)[0]) == 2
    assert len(find_blobs_in_stack(stack, SPACING, min_distance_um=12)[0]) == 1


def test_a_movie_of_one_plane_works():
    plane = draw_balls((1, 125, 126), [[0, 31.0, 33], [0, 90, 80]])
    positions, _ = find_blobs_in_stack(plane, SPACING)
    np.testing.assert_allclose(sort_rows(positions), [[0, 31, 33], [0, 90, 80]], atol=0.5)


@pytest.mark.parametrize("value", [0, 7, np.nan, np.inf])
def test_images_that_show_nothing_give_nothing(value):
    assert len(find_blobs(make_movie(np.full((1, 5, 40, 40), value)))) == 0


def test_a_few_voxels_that_are_no_numbers_do_no_harm():
    stack = draw_balls()
    stack[16, 120:, 120:] = np.nan
    assert len(find_blobs_in_stack(stack, SPACING)[0]) == len(CENTRES)


def test_a_stack_smaller_than_a_block_survives():
    response, step = make_blob_response(np.zeros((1, 1, 3)), (0.1, 0.1, 0.1))
    assert response.shape == (1, 1, 1) and step.tolist() == [1, 1, 3]


def test_tuning_finds_the_size_of_the_nuclei():
    centres = np.array([[8.0, 40, 20 + 26 * number] for number in range(4)])  # 6.5 µm apart
    truth = Annotations(
        centres, np.zeros(4), spacing_um=SPACING, region=[[0, 0, 0], [17, 125, 126]]
    )
    annotated = AnnotatedMovie(
        movie=make_movie([draw_balls(centres=centres, diameter_um=5.0)]), annotations=truth
    )
    options = tune_blobs([annotated], diameters_um=(12, 5))
    assert options["diameter_um"] == 5
    assert score_positions(truth, find_blobs(annotated.movie, **options)).f1 == 1


def test_tuning_without_positions_is_an_error():
    empty = AnnotatedMovie(
        movie=make_movie([draw_balls()]), annotations=Annotations([], [], spacing_um=SPACING)
    )
    with pytest.raises(UserError, match="true positions"):
        tune_blobs([empty], diameters_um=(8,))


def test_real_organoid_is_found():
    folder = Path(__file__).parents[3] / "shared" / "data" / "lstree_enterocyst"
    if not folder.exists():
        pytest.skip("the real organoid is not in ../shared")
    import tifffile

    table = np.genfromtxt(folder / "centres_px.csv", delimiter=",", names=True)
    table = table[table["file_T"] == 322]
    spacing = (2.0, 0.26, 0.26)
    centres = np.stack([table[name] for name in ("z_px", "y_px", "x_px")], axis=1)
    truth = Annotations(centres, np.full(len(table), 322), spacing_um=spacing)
    stack = tifffile.imread(folder / "images" / "P4_Ch1-T0322.tif")
    movie = make_timelapse(stack[None, None], spacing, first_time_point=322)
    assert score_positions(truth, find_blobs(movie)).f1 >= 0.95
