"""The size of nuclei is measured, and movies are shown to a network in the size that it knows."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from organoid_kit.base.settings import NetworkSettings, make_settings
from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
from organoid_kit.dashboards.annotation.lists import CandidateList
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.division import ORDINARY, cut_nuclei
from organoid_kit.examples.patches import compute_working_shape
from organoid_kit.examples.position import PositionExamples
from organoid_kit.examples.sizes import estimate_nucleus_size, fit_to_network
from organoid_kit.report.doctor import diagnose_predictions

SHARED = Path(__file__).parents[3] / "shared" / "data"
SETTINGS = NetworkSettings(nucleus_diameter_um=7.0)


def make_balls(diameter_um, spacing_um=(2.0, 0.6, 0.6), planes=24, seed=0, **stated):
    """Nine balls with soft edges on noise, twice as far apart as they are wide."""
    rng, size = np.random.default_rng(seed), 7 * diameter_um
    shape = (planes, *(np.round(size / np.array(spacing_um[1:])).astype(int)))
    middle = (planes - 1) / 2 * spacing_um[0]
    places = [(middle, y, x) for y in (1, 3, 5) for x in (1, 3, 5)]
    centres = np.array([(z, y * 1.17 * diameter_um, x * 1.17 * diameter_um) for z, y, x in places])
    grid = np.stack(np.indices(shape), -1) * spacing_um
    image = rng.normal(100, 2, shape)
    for centre in centres:
        distance = np.linalg.norm(grid - centre, axis=-1)
        image += 200 / (1 + np.exp((distance - diameter_um / 2) / 0.5))
    movie = make_timelapse(image[None, None].astype(np.float32), spacing_um, **stated)
    return AnnotatedMovie(movie, Annotations(centres / spacing_um, np.zeros(len(centres), int)))


@pytest.mark.parametrize("diameter_um", [5, 8, 12, 18, 25])
def test_the_size_is_measured_at_centres_and_without_them(diameter_um):
    annotated = make_balls(diameter_um)
    blind = estimate_nucleus_size(annotated.movie)
    known = estimate_nucleus_size(annotated.movie, positions=annotated.annotations.positions)
    for size in (blind, known):
        assert size.is_certain and size.nuclei == 9
        # Edges that fade make the smallest look wider
        assert 0.75 < size.diameter_um / diameter_um < (1.25 if diameter_um > 5 else 1.45), str(
            size
        )


def test_discs_in_one_plane_are_measured():
    size = estimate_nucleus_size(make_balls(16, (1.0, 0.6, 0.6), planes=1).movie)
    assert size.is_certain and 0.75 < size.diameter_um / 16 < 1.25


@pytest.mark.parametrize("with_centres", [False, True])
def test_where_pixels_have_no_size_nuclei_of_fifty_are_measured(with_centres):
    annotated = make_balls(50, (1.0, 1.0, 1.0), planes=1)
    centres = annotated.annotations.positions if with_centres else None
    size = estimate_nucleus_size(annotated.movie, positions=centres)
    assert size.is_certain and size.nuclei == 9 and 0.75 < size.diameter_um / 50 < 1.25, str(size)


def test_grainy_nuclei_that_fill_a_shallow_stack_are_measured_across():
    annotated = make_balls(16, (1.0, 0.25, 0.25), planes=5)
    image = annotated.movie.stack(0, (1,)).astype(np.float32)
    grain = gaussian_filter(np.random.default_rng(1).normal(0, 1, image.shape), (0, 3, 3))
    image = 100 + (image - 100) * (1 + 0.4 * grain / grain.std()).clip(0)
    movie = make_timelapse(image[None, None], annotated.movie.spacing_um)
    for centres in (None, annotated.annotations.positions):
        size = estimate_nucleus_size(movie, positions=centres)
        assert size.is_certain and 0.75 < size.diameter_um / 16 < 1.25, str(size)


def test_large_nuclei_are_measured_beside_few_that_are_much_brighter():
    annotated = make_balls(20, (1.0, 0.6, 0.6), planes=1)
    image = annotated.movie.stack(0, (1,)).astype(np.float32)
    for place in (40, 90, 190):
        image[0, 70:78, place : place + 8] += 3000
    size = estimate_nucleus_size(make_timelapse(image[None, None], annotated.movie.spacing_um))
    assert size.is_certain and 0.75 < size.diameter_um / 20 < 1.25, str(size)


def test_in_noise_there_is_no_size():
    noise = np.random.default_rng(0).normal(100, 5, (1, 1, 12, 100, 100)).astype(np.float32)
    assert estimate_nucleus_size(make_timelapse(noise, (2.0, 0.6, 0.6))) is None


def test_coarse_chromatin_is_not_taken_for_nuclei():
    coarse = {"texture": 0.5, "texture_um": 1.2, "haze": 0.3, "photons": 60.0}
    settings = SyntheticSettings(time_points=1, shape_zyx=(24, 120, 120), **coarse)
    size = estimate_nucleus_size(make_synthetic_movie(settings, seed=3)[0], (2, 3))
    assert not size.is_certain or size.diameter_um > 5, str(size)


def test_where_blobs_stand_for_nuclei_they_are_as_large_as_nuclei():
    large = make_balls(24, (1.0, 0.6, 0.6), planes=1)
    settings = make_settings("position", nucleus_diameter_um=8.0, channels=(1,))
    sized = {"probability": np.full(len(large.annotations), 0.9)}
    found = dataclasses.replace(large.annotations, properties=sized)
    with pytest.warns(UserWarning, match="scaled to it"):
        assert diagnose_predictions(found, large.movie, settings) == []
    editor = AnnotationEditor(large.annotations.select([]), large.movie)
    candidates = CandidateList(editor, (1,), None, None)
    with pytest.warns(UserWarning, match="scaled to it"):
        assert candidates.search(0).startswith("9 found")


def test_a_stated_size_scales_the_movie_and_its_annotations():
    annotated = make_balls(14, nucleus_diameter_um=14.0)
    fitted = fit_to_network(annotated, SETTINGS)
    np.testing.assert_allclose(fitted.movie.spacing_um, (1.0, 0.3, 0.3))
    assert fitted.annotations.spacing_um == fitted.movie.spacing_um
    np.testing.assert_array_equal(fitted.annotations.positions, annotated.annotations.positions)
    assert fit_to_network(fitted, SETTINGS) is fitted


def test_a_size_not_stated_is_estimated_with_a_warning_that_says_how_to_state_it():
    annotated = make_balls(14)
    with pytest.warns(UserWarning, match=r"nucleus_diameter_um=1[2-6]\."):
        fitted = fit_to_network(annotated, SETTINGS)
    assert 0.4 < fitted.movie.spacing_um[0] / annotated.movie.spacing_um[0] < 0.6


def test_a_size_that_is_not_sure_is_said_and_changes_nothing():
    annotated = make_balls(20)
    image = annotated.movie.stack(0, (1,))
    image[..., image.shape[2] // 3 :] = 100  # one column of three balls: too few to be sure
    movie = make_timelapse(image[None, None], annotated.movie.spacing_um)
    nobody = AnnotatedMovie(movie, Annotations(np.zeros((0, 3)), []))
    with pytest.warns(UserWarning, match=r"not scaled, as that is not sure.*=(1[5-9]|2\d)\."):
        assert fit_to_network(nobody, SETTINGS) is nobody


@pytest.mark.filterwarnings("error")
def test_nothing_is_scaled_where_sizes_agree_or_the_network_knows_none():
    for annotated, settings in [
        (make_balls(7.5), SETTINGS),
        (make_balls(14), NetworkSettings()),
        (make_balls(14, nucleus_diameter_um=7.0), SETTINGS),
    ]:
        assert fit_to_network(annotated, settings) is annotated


def test_examples_show_nuclei_in_the_size_that_the_network_knows():
    annotated = make_balls(14, nucleus_diameter_um=14.0)
    shape = PositionExamples([annotated], SETTINGS).prepared.stack(0, 0).shape
    halved = dataclasses.replace(annotated.movie, spacing_um=(1.0, 0.3, 0.3))
    assert shape == compute_working_shape(halved, SETTINGS)


def test_crops_for_reports_show_nuclei_as_prediction_does():
    annotated = make_balls(14, nucleus_diameter_um=14.0)
    linked = dataclasses.replace(annotated.annotations, links=np.zeros((0, 2), int))
    plain = dataclasses.replace(annotated.movie, nucleus_diameter_um=None)
    halved = AnnotatedMovie(dataclasses.replace(plain, spacing_um=(1.0, 0.3, 0.3)), linked)
    settings = make_settings("division", nucleus_diameter_um=7.0)
    unscaled = settings.changed(nucleus_diameter_um=None)
    [shown] = cut_nuclei(annotated, [0], [ORDINARY], settings)
    [expected] = cut_nuclei(halved, [0], [ORDINARY], unscaled)
    [wider] = cut_nuclei(AnnotatedMovie(plain, linked), [0], [ORDINARY], unscaled)
    np.testing.assert_array_equal(shown.image, expected.image)
    assert not np.array_equal(shown.image, wider.image)


@pytest.mark.skipif(not SHARED.exists(), reason="the real movies in ../shared are not here")
@pytest.mark.parametrize("with_centres", [False, True])
@pytest.mark.parametrize(
    "image, centres, names, rows, spacing_um, between",
    [
        (
            "lstree_enterocyst/images/P4_Ch1-T0323.tif",
            "lstree_enterocyst/centres_px.csv",
            ("z_px", "y_px", "x_px"),
            ("file_T", "323"),
            (2.0, 0.26, 0.26),
            (5.5, 9),
        ),
        (
            "qcanet_16_cell/stack.tif",
            "qcanet_16_cell/centres_px.csv",
            ("z", "y", "x"),
            ("time_point", "0"),
            (1.75, 0.8, 0.8),
            (10, 16),
        ),
    ],
    ids=["organoid", "embryo"],
)
def test_real_nuclei(image, centres, names, rows, spacing_um, between, with_centres):
    with open(SHARED / centres, encoding="utf-8") as file:
        table = [row for row in csv.DictReader(file) if row[rows[0]] == rows[1]]
    positions = np.array([[float(row[name]) for name in names] for row in table])
    movie = make_timelapse(tifffile.imread(SHARED / image)[None, None], spacing_um)
    size = estimate_nucleus_size(movie, positions=positions if with_centres else None)
    assert size.is_certain and between[0] < size.diameter_um < between[1]
