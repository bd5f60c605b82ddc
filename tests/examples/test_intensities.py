"""Background becomes 0 and bright nuclei 1, whatever the field, the camera and the borders."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.ndimage import gaussian_filter

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples import intensities
from organoid_kit.examples.intensities import normalise
from organoid_kit.examples.patches import prepare_stack, resample
from organoid_kit.examples.position import draw_dots

QUANTILES = (0.1, 0.998)
SETTINGS = NetworkSettings(spacing_um=None, intensity_quantiles=QUANTILES)
SPACING_UM = (2.0, 1.0, 1.0)


def make_field(nuclei, shape=(12, 96, 96), noise=1.0, brightness=60.0, seed=0):
    """Nuclei of about 8 µm on a background of 200, float32."""
    rng = np.random.default_rng(seed)
    places = rng.uniform((3, 8, 8), np.array(shape) - (3, 8, 8), (nuclei, 3))
    light = 200 + brightness * np.minimum(1, 2 * draw_dots(places, shape, SPACING_UM, 2.5))
    return (light + rng.normal(0, noise, shape)).astype(np.float32), np.round(places).astype(int)


def prepare(stack, settings=SETTINGS, spacing_um=SPACING_UM):
    return prepare_stack(make_timelapse(stack[None, None], spacing_um), 0, settings)


def test_in_a_field_of_nuclei_the_quantiles_become_0_and_1():
    stack, _ = make_field(nuclei=250)
    result = normalise(stack, QUANTILES)
    np.testing.assert_allclose(np.quantile(result, QUANTILES), [0, 1], atol=0.1)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(np.argsort(result, axis=None), np.argsort(stack, axis=None))


@pytest.mark.parametrize("nuclei", [0, 1, 60])
@settings(deadline=None, max_examples=20)
@given(gain=st.floats(0.01, 100), offset=st.floats(-1000, 1000))
def test_gain_and_offset_of_a_camera_do_not_matter(nuclei, gain, offset):
    stack, _ = make_field(nuclei, (8, 32, 32))
    stack = stack.astype(np.float64)
    expected = normalise(stack, QUANTILES)
    np.testing.assert_allclose(normalise(stack * gain + offset, QUANTILES), expected, atol=0.02)


@pytest.mark.parametrize("dtype, offset", [(np.uint8, -150), (np.uint16, 32768), (np.float32, 0)])
def test_the_type_of_the_image_does_not_matter(dtype, offset):
    stack = np.round(make_field(nuclei=60)[0])
    np.testing.assert_allclose(prepare((stack + offset).astype(dtype)), prepare(stack), atol=1e-5)


@pytest.mark.parametrize("value", [0, 7, -3, 65535])
def test_a_constant_stack_becomes_zero(value):
    assert not prepare(np.full((3, 5, 5), value, np.float32)).any()


@pytest.mark.parametrize("blur", [0, 1])
def test_noise_stays_near_zero(blur):
    stack, _ = make_field(nuclei=0, shape=(20, 160, 160))
    stack = intensities._blur(stack, blur) if blur else stack
    assert np.abs(normalise(stack, QUANTILES)).max() < 0.15


@pytest.mark.parametrize("smooth", [(0, 1.5, 1.5), (0.7, 1.5, 1.5), (1, 2, 2), (2, 4, 4)])
@pytest.mark.parametrize("kind", ["normal", "photons"])
def test_noise_stays_dark_whoever_smoothed_it(smooth, kind):
    rng, shape = np.random.default_rng(3), (20, 128, 128)
    noise = rng.poisson(2.0, shape) if kind == "photons" else rng.normal(200, 10, shape)
    smoothed = gaussian_filter(noise.astype(np.float32), smooth)
    assert np.abs(normalise(smoothed, QUANTILES)).max() < 0.02


@pytest.mark.parametrize("nuclei", [1, 8])
def test_few_nuclei_in_smoothed_noise_are_no_noise(nuclei):
    stack, places = make_field(nuclei, shape=(12, 200, 200), noise=10)
    smoothed = gaussian_filter(stack, (0, 1.5, 1.5))
    assert normalise(smoothed, QUANTILES)[tuple(places.T)].min() > 0.4


@pytest.mark.parametrize("nuclei", [1, 5])
def test_few_nuclei_in_a_large_field_are_as_bright_as_many(nuclei):
    stack, places = make_field(nuclei, shape=(12, 200, 200))
    result = normalise(stack, QUANTILES)
    assert 0.7 < result[tuple(places.T)].min() and result.max() < 1.6
    assert np.quantile(result, 0.9) < 0.1


def test_a_noisy_stack_is_blurred():
    stack, places = make_field(nuclei=8, noise=30)
    result = normalise(stack, QUANTILES)
    assert result[:, :8, :8].std() < 0.08 < 0.25 < result[tuple(places.T)].min()


@pytest.mark.parametrize("lowest", [0, 400])
@pytest.mark.parametrize("width", [3, 40, 300])
def test_an_empty_border_becomes_background_and_changes_nothing_else(lowest, width):
    stack, _ = make_field(nuclei=60)
    expected = prepare(stack)
    framed = np.pad(stack + lowest, ((0, 0), (0, width), (0, width)), constant_values=lowest)
    result = prepare(framed)
    np.testing.assert_allclose(result[:, :96, :96], expected, atol=0.15)
    assert np.abs(result[:, 96:]).max() < 0.05


def test_an_empty_border_leaves_no_edge_where_the_movie_is_resampled():
    stack, _ = make_field(nuclei=60, noise=0.5)
    framed = np.pad(stack, ((0, 0), (0, 0), (0, 31)))
    shown = prepare(framed, NetworkSettings(spacing_um=(2.0, 2.3, 2.3)))
    assert np.abs(shown[..., -10:]).max() < 0.05 and shown.min() > -0.1


@pytest.mark.parametrize("value", [300, 1000, 65535])
def test_hot_voxels_change_nothing(value):
    stack, _ = make_field(nuclei=60)
    expected = prepare(stack)
    hot = stack.copy()
    hot.flat[np.random.default_rng(1).integers(0, stack.size, 30)] = value
    result = prepare(hot)
    assert (np.abs(result - expected) > 0.15).sum() <= 30 and result.max() < 2 * expected.max()


def test_denoised_background_of_zeros_is_background():
    stack, places = make_field(nuclei=3, noise=0)
    stack = np.maximum(stack - 210, 0)
    assert (stack == 0).mean() > 0.95
    result = prepare(stack)
    assert result[tuple(places.T)].min() > 0.7 and result.max() < 1.6 and result.min() > -0.1


def test_quantiles_see_all_columns_of_a_large_stack():
    """2 million voxels: every 4th would be looked at, and rows are 20 long."""
    stack = np.tile(np.float32([1, 1000, 2000, 3000] * 5), (50, 2000, 1))
    known = np.ones(stack.shape, bool)
    assert intensities._compute_quantiles(stack, known, (0.2, 0.99)) == [1, 3000]


def test_few_copies_of_a_stack_are_in_memory():
    stack = np.random.default_rng(0).poisson(20, (16, 512, 512)).astype(np.float32)
    stack[:, :20] = 0
    tracemalloc.start()
    resample(stack, stack.shape, (0.1, 0.998))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * stack.nbytes
