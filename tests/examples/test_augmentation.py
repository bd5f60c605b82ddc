"""Image and positions move together, and nothing else happens than what was asked for."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import ndimage

from organoid_kit.base.settings import AugmentationSettings
from organoid_kit.examples.augmentation import (
    Augmentation,
    apply_to_positions,
    cut_patch,
    draw_augmentation,
    no_augmentation,
    vary_intensities,
)
from organoid_kit.examples.position import draw_dots
from training_helpers import NO_AUGMENTATION

ALL = AugmentationSettings()
OFF = NO_AUGMENTATION
OF_CROPS = (
    "jitter_um",
    "paste",
    "skip",
    "drift_um",
    "turn_degrees",
)  # drawn by the examples of the other two networks
OPERATIONS = [
    each.name for each in dataclasses.fields(AugmentationSettings) if each.name not in OF_CROPS
]
GEOMETRY = ("flip", "rotation_degrees", "scale")
SHAPE, PATCH = (12, 90, 80), (7, 41, 36)
SIGMA_UM, SPACING_UM = 3.0, (1.5, 1.0, 1.0)


def only(*operations: str) -> AugmentationSettings:
    return dataclasses.replace(OFF, **{name: getattr(ALL, name) for name in operations})


def draw(augmentation_settings, seed=0) -> Augmentation:
    return draw_augmentation(augmentation_settings, np.random.default_rng(seed))


def cut(augmentation, images, centre, patch=PATCH) -> np.ndarray:
    """(time, z, y, x)"""
    return np.moveaxis(cut_patch(augmentation, images, centre, patch), -1, 0)


def noise_image(seed=0, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.3, 0.3, shape).astype(np.float32)


def some_patch(seed=0) -> np.ndarray:
    """(z, y, x, time)"""
    return np.random.default_rng(seed).uniform(0, 1, (6, 20, 24, 3)).astype(np.float32)


# ---- geometry


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([*([name] for name in GEOMETRY), GEOMETRY]))
def test_the_image_drawn_from_moved_positions_is_the_moved_image(seed, operations):
    rng = np.random.default_rng(seed)
    grid = np.mgrid[6:7, 10:90:20, 10:80:20].reshape(3, -1).T
    positions = grid + rng.uniform(-3, 3, grid.shape)
    image = draw_dots(positions, SHAPE, SPACING_UM, SIGMA_UM)
    centre = np.array([6.0, 45.3, 39.8])
    augmentation = draw(only(*operations), seed)
    size = np.sqrt(abs(np.linalg.det(augmentation.matrix)))  # scale in the plane
    moved = apply_to_positions(augmentation, positions, centre, PATCH)
    in_plane = np.array(SPACING_UM) / (1, size, size)  # dots grow with the image
    expected = draw_dots(moved, PATCH, tuple(in_plane), SIGMA_UM)
    inner = np.pad(np.ones(np.array(PATCH) - (0, 4, 4), bool), [(0, 0), (2, 2), (2, 2)])
    difference = np.abs(cut(augmentation, [image], centre)[0] - expected)
    assert difference[inner].max() < 0.06  # bilinear interpolation of dots of three voxels


@given(st.integers(0, 10**6))
def test_moved_positions_come_back(seed):
    rng = np.random.default_rng(seed)
    positions, centre = rng.uniform(-50, 150, (9, 3)), rng.uniform(0, 90, 3)
    augmentation = draw(ALL, seed)
    moved = apply_to_positions(augmentation, positions, centre, PATCH)
    back = (moved - (np.array(PATCH) - 1) / 2) @ np.linalg.inv(augmentation.matrix).T + centre
    np.testing.assert_allclose(back, positions, atol=1e-9)


@pytest.mark.parametrize("patch", [(5, 20, 20), (4, 21, 18), (1, 7, 7), (12, 90, 80)])
def test_without_augmentation_it_is_an_exact_cut(patch):
    images = [noise_image(seed) for seed in range(3)]
    corner = (np.array(SHAPE) - patch) // 2
    centre = corner + (np.array(patch) - 1) / 2
    inside = tuple(slice(low, low + size) for low, size in zip(corner, patch, strict=True))
    result = cut(no_augmentation(), images, centre, patch)
    np.testing.assert_array_equal(result, np.stack([image[inside] for image in images]))
    unchanged = vary_intensities(no_augmentation(), result.copy())
    np.testing.assert_array_equal(unchanged, result)


@pytest.mark.parametrize("axes", [(True, False), (False, True), (True, True)])
def test_flips_are_exact(axes):
    matrix = np.diag([1.0, *(-1.0 if flipped else 1.0 for flipped in axes)])
    image, centre = noise_image(), np.array([5.0, 40, 39.5])
    straight = cut(no_augmentation(), [image], centre)
    flipped = np.flip(straight, [axis + 2 for axis in (0, 1) if axes[axis]])
    np.testing.assert_array_equal(cut(Augmentation(matrix), [image], centre), flipped)


def test_a_quarter_turn_is_exact_and_goes_one_way():
    turn = np.eye(3)
    turn[1:, 1:] = [[0, -1], [1, 0]]  # y ← −x, x ← y
    image, centre, patch = noise_image(), np.array([5.0, 40, 40]), (3, 21, 21)
    straight = cut(no_augmentation(), [image], centre, patch)
    turned = cut(Augmentation(turn), [image], centre, patch)
    np.testing.assert_allclose(turned, np.rot90(straight, 1, (2, 3)), atol=1e-6)


def test_interpolation_agrees_with_scipy():
    augmentation, image, centre = (
        draw(only(*GEOMETRY), 5),
        noise_image(),
        np.array([5.0, 44.2, 37.9]),
    )
    inverse = np.linalg.inv(augmentation.matrix)
    offset = centre - inverse @ ((np.array(PATCH) - 1) / 2)
    expected = ndimage.affine_transform(
        image, inverse, offset, PATCH, order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(cut(augmentation, [image], centre)[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    "centre", [(0, 0, 0), (11, 89, 79), (-1, 40, 40), (6, 95, 40), (6, -300, 900), (90, 40, 40)]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_lies_beyond_the_border_is_zero(centre, seed):
    augmentation, image = draw(only(*GEOMETRY), seed), noise_image() + 5
    padded = np.pad(image, [(20, 20), (60, 60), (60, 60)])
    expected = cut(
        augmentation, [padded], np.clip(np.array(centre, float), -100, 200) + (20, 60, 60)
    )
    result = cut(augmentation, [image], np.array(centre, float))
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result[0], expected[0], atol=1e-4)


def test_a_patch_larger_than_the_image_holds_it_all():
    image = noise_image(shape=(2, 5, 6)) + 1
    result = cut(no_augmentation(), [image], np.array([0.5, 2, 2.5]), (8, 15, 16))
    np.testing.assert_array_equal(result[0, 3:5, 5:10, 5:11], image)
    assert np.count_nonzero(result) == np.count_nonzero(image)


def test_one_plane_and_one_pixel():
    assert cut(
        draw(ALL), [noise_image(shape=(1, 30, 30))], np.array([0.0, 15, 15]), (1, 16, 16)
    ).shape == (1, 1, 16, 16)
    assert cut(draw(ALL), [noise_image(shape=(1, 1, 1))], np.zeros(3), (1, 4, 4)).shape == (
        1,
        1,
        4,
        4,
    )


# ---- draws


def test_the_same_dice_give_the_same_variation():
    one, other, third = draw(ALL, 7), draw(ALL, 7), draw(ALL, 8)
    np.testing.assert_array_equal(one.matrix, other.matrix)
    np.testing.assert_array_equal(
        vary_intensities(one, some_patch()), vary_intensities(other, some_patch())
    )
    assert np.abs(one.matrix - third.matrix).max() > 0.01


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_switching_one_off_leaves_the_others_as_they_were(name, seed):
    fields = {
        **{"brightness": "gain", "contrast": "bias_share", "gamma": "gamma"},
        **{"depth_dimming": "dimming", "noise": "noise", "blur_px": "blur_px"},
    }
    off = {name: False if name == "flip" else None}
    with_it, without = draw(ALL, seed), draw(dataclasses.replace(ALL, **off), seed)
    for other, attribute in fields.items():
        if other != name:
            assert getattr(with_it, attribute) == getattr(without, attribute)
    assert with_it.noise_seed == without.noise_seed
    if name not in GEOMETRY:
        np.testing.assert_array_equal(with_it.matrix, without.matrix)
        assert getattr(without, fields[name]) == getattr(no_augmentation(), fields[name])
        assert any(
            getattr(draw(ALL, each), fields[name]) != getattr(without, fields[name])
            for each in range(9)
        )


@pytest.mark.parametrize("seed", range(5))
def test_each_geometry_alone_does_what_it_says(seed):
    np.testing.assert_array_equal(draw(OFF, seed).matrix, np.eye(3))
    assert set(np.abs(np.diag(draw(only("flip"), seed).matrix))) == {1}
    rotation = draw(only("rotation_degrees"), seed).matrix
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) > 0 and abs(rotation[1, 2]) > 0
    scale = draw(only("scale"), seed).matrix
    assert scale[0, 0] == 1 and scale[1, 1] == scale[2, 2] and 0.8 <= scale[1, 1] <= 1.25


def test_flips_of_each_axis_are_as_frequent():
    signs = np.array([np.diag(draw(only("flip"), seed).matrix)[1:] for seed in range(400)])
    assert (np.abs(signs.mean(axis=0)) < 0.2).all()
    assert abs((signs[:, 0] * signs[:, 1]).mean()) < 0.2


def test_ranges_are_kept():
    chosen = dataclasses.replace(
        OFF, rotation_degrees=10.0, brightness=(2.0, 3.0), gamma=(0.5, 0.5), noise=0.2
    )
    for seed in range(50):
        augmentation = draw(chosen, seed)
        assert (
            abs(np.rad2deg(np.arctan2(augmentation.matrix[2, 1], augmentation.matrix[1, 1]))) <= 10
        )
        assert (
            2 <= augmentation.gain <= 3
            and augmentation.gamma == 0.5
            and 0 <= augmentation.noise <= 0.2
        )


# ---- intensities


def vary(patch, **changes) -> np.ndarray:
    return vary_intensities(dataclasses.replace(no_augmentation(), **changes), patch.copy())


def test_each_intensity_does_what_it_says():
    patch = some_patch()
    np.testing.assert_allclose(vary(patch, gain=1.5), 1.5 * patch, rtol=1e-5)
    np.testing.assert_allclose(vary(patch, gamma=2.0), patch**2, rtol=1e-5)
    contrast = vary(patch, bias_share=0.5)
    np.testing.assert_allclose(contrast.mean(), patch.mean(), rtol=1e-4)
    np.testing.assert_allclose(contrast - patch.mean(), 1.5 * (patch - patch.mean()), atol=1e-5)
    dimmed = vary(patch, dimming=0.6) / patch
    np.testing.assert_allclose(
        dimmed,
        np.broadcast_to(np.reshape([1, 0.88, 0.76, 0.64, 0.52, 0.4], (6, 1, 1, 1)), patch.shape),
        rtol=1e-5,
    )


def test_blur_is_gaussian_in_the_plane():
    patch = some_patch()
    blurred = vary(patch, blur_px=0.8)
    expected = ndimage.gaussian_filter(patch, (0, 0.8, 0.8, 0), truncate=8)
    np.testing.assert_allclose(blurred[:, 5:-5, 5:-5], expected[:, 5:-5, 5:-5], atol=1e-4)
    np.testing.assert_allclose(vary(np.ones_like(patch), blur_px=0.8), 1, rtol=1e-5)


def test_noise_has_the_strength_that_was_drawn():
    patch = np.zeros((16, 64, 64, 3), np.float32)
    one, other = vary(patch, noise=0.1, noise_seed=1), vary(patch, noise=0.1, noise_seed=2**31 - 1)
    np.testing.assert_allclose([one.std(), other.std()], 0.1, rtol=0.02)
    np.testing.assert_allclose([one.mean(), other.mean()], 0, atol=0.002)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02
    large = np.zeros((1, 2, 2**11, 2**11), np.float32)  # more voxels than noise is kept
    np.testing.assert_allclose(vary(large, noise=0.1).std(), 0.1, rtol=0.02)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_values_stay_finite(seed):
    patch = np.random.default_rng(seed).normal(0, 2, (3, 16, 16, 2)).astype(np.float32)
    patch[0, 0, 0, 0], patch[1, 1, 1, 1] = -1, 1000
    result = vary_intensities(draw(ALL, seed), patch)
    assert np.isfinite(result).all() and result.dtype == np.float32


@pytest.mark.parametrize("chosen", [OFF, ALL])
def test_the_stacks_are_never_changed(chosen):
    """The patch is the whole stack, so that a view of it would do."""
    stacks = [noise_image(seed, (6, 16, 16)) for seed in range(2)]
    for window in (stacks, stacks[:1]):
        before = [stack.copy() for stack in window]
        augmentation = dataclasses.replace(draw(chosen), matrix=np.eye(3))
        patch = cut_patch(augmentation, window, np.array([2.5, 7.5, 7.5]), (6, 16, 16))
        vary_intensities(augmentation, patch)
        patch += 1
        for stack, copy in zip(window, before, strict=True):
            np.testing.assert_array_equal(stack, copy)
