"""Dots drawn at positions give the positions back."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.spatial import cKDTree

from organoid_kit.evaluation.blobs import find_peaks
from organoid_kit.examples.position import FOREGROUND, compute_voxel_weights, draw_dots

SIGMA_UM = 1.5
SPACINGS = [(1.0, 0.5, 0.5), (0.8, 0.8, 0.8), (0.5, 1.0, 1.0), (1.0, 0.25, 0.5)]


def scatter(rng, shape, spacing_um, margin_um, apart_um=5.0, tries=200) -> np.ndarray:
    """Random positions at least so far apart and from the border, voxels."""
    size = (np.array(shape) - 1) * spacing_um
    kept = np.zeros((0, 3))
    for point in rng.uniform(
        np.minimum(margin_um, size / 2), np.maximum(size - margin_um, size / 2), (tries, 3)
    ):
        if len(kept) == 0 or np.linalg.norm(kept - point, axis=1).min() >= apart_um:
            kept = np.concatenate([kept, point[None]])
    return kept / spacing_um


def largest_error(found, truth, spacing_um) -> float:
    """The largest distance of one-to-one neighbours, in voxels along the worst axis."""
    assert len(found) == len(truth), f"{len(found)} found, {len(truth)} drawn"
    nearest = cKDTree(truth * spacing_um).query(found * spacing_um)[1]
    assert len(set(nearest.tolist())) == len(truth)
    return float(np.abs(found - truth[nearest]).max()) if len(truth) else 0.0


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(SPACINGS))
def test_drawn_dots_are_found_between_voxels(seed, spacing_um):
    shape = tuple(np.round(np.array([20, 30, 30]) / spacing_um).astype(int))
    truth = scatter(np.random.default_rng(seed), shape, spacing_um, margin_um=1.0)
    found, heights = find_peaks(draw_dots(truth, shape, spacing_um, SIGMA_UM), spacing_um, 3.0, 0.3)
    assert largest_error(found, truth, spacing_um) < 0.01
    assert (np.diff(heights) <= 0).all() and heights.min() > 0.7


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_coarse_planes_are_found_within_half_a_plane(seed):
    shape, spacing_um = (12, 60, 60), (2.5, 0.5, 0.5)
    rng = np.random.default_rng(seed)
    # two planes apart and both between planes, dots would be one
    truth = scatter(rng, shape, spacing_um, margin_um=0.0, apart_um=6.0)
    found, _ = find_peaks(draw_dots(truth, shape, spacing_um, SIGMA_UM), spacing_um, 3.0, 0.3)
    assert largest_error(found, truth, spacing_um) <= 0.5


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_one_plane(seed):
    shape, spacing_um = (1, 60, 60), (2.0, 0.5, 0.5)
    truth = scatter(np.random.default_rng(seed), shape, spacing_um, margin_um=1.0)
    found, _ = find_peaks(draw_dots(truth, shape, spacing_um, SIGMA_UM), spacing_um, 3.0, 0.3)
    assert largest_error(found, truth, spacing_um) < 0.01


@pytest.mark.parametrize("corner", [(0, 0, 0), (0, 29, 15), (9, 29, 29), (4, 0, 12)])
def test_nuclei_on_the_border_are_found(corner):
    image = draw_dots(np.array([corner], float), (10, 30, 30), (1, 0.5, 0.5), SIGMA_UM)
    found, _ = find_peaks(image, (1, 0.5, 0.5), 3.0, 0.5)
    np.testing.assert_allclose(found, [corner], atol=1e-3)


@pytest.mark.parametrize("offset", [(0.5, 0, 0), (0, 0.5, 0), (0.5, 0.5, 0.5), (0, 0.5, 0.5)])
def test_a_nucleus_right_between_voxels_is_one(offset):
    truth = np.array([[5, 12, 12]]) + offset
    found, _ = find_peaks(
        draw_dots(truth, (10, 30, 30), (1, 0.5, 0.5), SIGMA_UM), (1, 0.5, 0.5), 3.0, 0.3
    )
    np.testing.assert_allclose(found, truth, atol=0.01)


def test_a_plateau_is_one_peak_in_its_middle():
    heat = np.zeros((9, 40, 40), np.float32)
    heat[3:6, 5:30, 8:33] = 1
    found, heights = find_peaks(heat, (1, 1, 1), 3.0, 0.5)
    np.testing.assert_array_equal(found, [[4, 17, 20]])
    np.testing.assert_array_equal(heights, [1])


def test_an_image_of_one_value_has_at_most_one_peak():
    assert len(find_peaks(np.ones((5, 20, 20), np.float32), (1, 1, 1), 3.0, 0.5)[0]) == 1
    assert len(find_peaks(np.zeros((5, 20, 20), np.float32), (1, 1, 1), 3.0, 0.5)[0]) == 0


def test_of_two_close_peaks_the_higher_stays():
    heat = np.zeros((1, 1, 20), np.float32)
    heat[0, 0, [5, 8, 15]] = 0.7, 0.9, 0.6
    found, heights = find_peaks(heat, (1, 1, 1), 4.0, 0.5)
    np.testing.assert_allclose(found[:, 2], [8, 15])
    np.testing.assert_allclose(heights, [0.9, 0.6], atol=1e-6)
    assert len(find_peaks(heat, (1, 1, 1), 2.0, 0.5)[0]) == 3
    assert len(find_peaks(heat, (1, 1, 0.2), 2.0, 0.5)[0]) == 1, "distances are in µm"


def test_peaks_must_be_higher_than_the_threshold():
    heat = np.zeros((3, 9, 9), np.float32)
    heat[1, 4, 4] = 0.5
    assert len(find_peaks(heat, (1, 1, 1), 3.0, 0.49)[0]) == 1
    assert len(find_peaks(heat, (1, 1, 1), 3.0, 0.5)[0]) == 0


def test_dots_are_gaussian_in_um():
    image = draw_dots(np.array([[5.0, 20, 20]]), (11, 41, 41), (2.0, 0.5, 0.25), 1.5)
    assert image[5, 20, 20] == 1 and image.dtype == np.float32
    one_sigma = np.exp(-0.5)
    np.testing.assert_allclose([image[5, 23, 20], image[5, 20, 26]], one_sigma, rtol=1e-6)
    np.testing.assert_allclose(image[6, 20, 20], np.exp(-0.5 * (2 / 1.5) ** 2), rtol=1e-6)
    assert image[5, 0, 0] == 0


def test_where_dots_meet_the_higher_counts():
    one, other = np.array([[2.0, 10, 10]]), np.array([[2.0, 10, 14]])
    shape, spacing_um = (5, 21, 25), (1, 0.5, 0.5)
    both = draw_dots(np.concatenate([one, other]), shape, spacing_um, SIGMA_UM)
    alone = [draw_dots(each, shape, spacing_um, SIGMA_UM) for each in (one, other)]
    np.testing.assert_array_equal(both, np.maximum(*alone))


def test_dots_outside_reach_in_or_not_at_all():
    shape, spacing_um = (5, 20, 20), (1, 0.5, 0.5)
    assert not draw_dots(np.zeros((0, 3)), shape, spacing_um, SIGMA_UM).any()
    far = np.array([[2.0, -60, 5], [900, 5, 5], [2, 5, 400]])
    assert not draw_dots(far, shape, spacing_um, SIGMA_UM).any()
    near = draw_dots(np.array([[2.0, -3, 5]]), shape, spacing_um, SIGMA_UM)
    np.testing.assert_allclose(near[2, 0, 5], np.exp(-0.5), rtol=1e-6)


# ---- weights


def test_dots_and_background_weigh_half_each():
    target = draw_dots(np.array([[2.0, 10, 10]]), (5, 40, 40), (1, 0.5, 0.5), SIGMA_UM)
    counts = np.ones(target.shape, bool)
    counts[:, 30:] = False
    weights = compute_voxel_weights(target, counts)
    dots = target >= FOREGROUND
    np.testing.assert_allclose(weights[dots].sum(), target.size / 2, rtol=1e-4)
    np.testing.assert_allclose(weights[counts & ~dots].sum(), target.size / 2, rtol=1e-4)
    assert not weights[~counts].any() and weights.dtype == np.float32


def test_weights_where_one_kind_is_missing():
    target = np.zeros((2, 4, 4), np.float32)
    counts = np.ones(target.shape, bool)
    np.testing.assert_array_equal(compute_voxel_weights(target, counts), 1)
    np.testing.assert_array_equal(compute_voxel_weights(target + 1, counts), 1)
    assert not compute_voxel_weights(target, ~counts).any()


def test_dots_outside_what_counts_weigh_nothing():
    target = np.zeros((1, 2, 4), np.float32)
    target[0, 0, 0] = target[0, 0, 3] = 1
    counts = np.array([[[True, True, False, False]] * 2])
    weights = compute_voxel_weights(target, counts)
    assert weights[0, 0, 0] == 4 and not weights[..., 2:].any()
    np.testing.assert_allclose(weights[0, 1, 0], 4 / 3)
