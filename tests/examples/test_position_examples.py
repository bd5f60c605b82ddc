"""Examples are a pure function of (seed, epoch, number), and show what is annotated."""

import dataclasses

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.patches import prepare_stack
from organoid_kit.examples.position import PositionExamples, draw_dots
from training_helpers import NO_AUGMENTATION

SPACING_UM = (2.0, 0.5, 0.5)
SHAPE = (10, 48, 60)
SETTINGS = NetworkSettings(
    patch_shape_zyx=(6, 24, 32),
    patches_per_time_point=4,
    seed=5,
    spacing_um=None,
    nucleus_sigma_um=1.5,
)


def make_annotated(
    seed=0, shape=SHAPE, time_points=4, nuclei=6, region=None, name=None, spacing_um=SPACING_UM
):
    """Dots on noise, and where they are."""
    rng = np.random.default_rng(seed)
    positions = rng.uniform(np.array(shape) * 0.2, np.array(shape) * 0.8, (time_points, nuclei, 3))
    positions = np.minimum(positions, np.array(shape) - 1)
    images = np.stack([draw_dots(each, shape, spacing_um, 2.0) for each in positions])[:, None]
    images = images + rng.normal(0.1, 0.02, images.shape).astype(np.float32)
    name = name or f"movie {seed}"
    annotations = Annotations(
        positions.reshape(-1, 3),
        np.repeat(np.arange(time_points), nuclei),
        region=region,
        name=name,
    )
    return AnnotatedMovie(make_timelapse(images, spacing_um, name=name), annotations)


def assert_same(one, other) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def images_of(examples, epoch, batch_size):
    steps = range(examples.steps_per_epoch(batch_size))
    return np.concatenate([examples.batch(epoch, step, batch_size)[0] for step in steps])


# ---- pure


def test_a_batch_has_the_shapes_it_promises():
    images, targets, weights = PositionExamples([make_annotated()], SETTINGS).batch(0, 0, 3)
    assert images.shape == (3, 6, 24, 32, 3) and images.dtype == np.float32
    assert targets.shape == (3, 6, 24, 32, 1) and targets.dtype == np.float32
    assert weights.shape == (3, 6, 24, 32) and weights.dtype == np.float32
    assert np.isfinite(images).all() and 0 <= targets.min() and targets.max() <= 1
    assert images.flags.c_contiguous


def test_the_same_again_whoever_asks_and_in_any_order():
    one, other = (
        PositionExamples([make_annotated(0), make_annotated(1)], SETTINGS) for _ in range(2)
    )
    asked = [(1, 2), (0, 0), (3, 1)]
    first = [one.batch(epoch, step, 4) for epoch, step in asked]
    for (epoch, step), expected in reversed(list(zip(asked, first, strict=True))):
        assert_same(other.batch(epoch, step, 4), expected)


def test_a_small_cache_changes_nothing():
    movies = [make_annotated(0), make_annotated(1)]
    assert_same(
        PositionExamples(movies, SETTINGS, cache_bytes=1).batch(2, 1, 8),
        PositionExamples(movies, SETTINGS).batch(2, 1, 8),
    )


@pytest.mark.parametrize("batch_size", [1, 3, 5, 32, 100])
def test_examples_do_not_depend_on_the_batch_size(batch_size):
    examples = PositionExamples([make_annotated(0), make_annotated(1)], SETTINGS)
    assert examples.number_per_epoch == 32
    np.testing.assert_array_equal(images_of(examples, 1, batch_size), images_of(examples, 1, 4))


def test_seed_and_epoch_change_the_examples():
    annotated = [make_annotated()]
    one = PositionExamples(annotated, SETTINGS).batch(0, 0, 4)[0]
    assert not np.array_equal(one, PositionExamples(annotated, SETTINGS).batch(1, 0, 4)[0])
    assert not np.array_equal(
        one, PositionExamples(annotated, SETTINGS.changed(seed=6)).batch(0, 0, 4)[0]
    )


# ---- validation


def test_validation_is_the_same_each_epoch_and_unvaried():
    annotated = make_annotated()
    examples = PositionExamples([annotated], SETTINGS, augment=False)
    assert_same(examples.batch(0, 1, 4), examples.batch(7, 1, 4))
    for example in examples.examples(0, 0, 8):
        assert _find_cut(example, annotated, examples) == 1


def _find_cut(example, annotated, examples) -> int:
    """In how many places of the movie the patch stands, voxel by voxel (patches that lie inside)."""
    stacks = [prepare_stack(annotated.movie, t, examples.settings) for t in range(4)]
    patch = example.image[..., 1]
    inside = patch[patch.shape[0] // 2]
    stack = np.stack([np.pad(each, [(6, 6), (24, 24), (32, 32)]) for each in stacks])
    windows = np.lib.stride_tricks.sliding_window_view(stack, inside.shape, axis=(2, 3))
    return int((windows[..., 12, 16] == inside[12, 16]).sum())


def test_with_all_operations_off_training_is_an_exact_cut_too():
    annotated = make_annotated()
    examples = PositionExamples([annotated], SETTINGS.changed(augmentation=NO_AUGMENTATION))
    for example in examples.examples(3, 0, 8):
        assert _find_cut(example, annotated, examples) == 1


@pytest.mark.parametrize("most", [1, 7, 10, 31])
def test_few_validation_examples_come_from_all_time_points_alike(most):
    movies = [make_annotated(seed) for seed in range(5)]  # 20 time points
    examples = PositionExamples(movies, SETTINGS, augment=False, most_examples=most)
    assert examples.number_per_epoch == most
    places = examples.order(0)[:most]
    assert np.bincount(places, minlength=20).max() <= -(-most // 20)


# ---- target


def test_target_and_positions_belong_to_the_image():
    """In noiseless images of the same dots, image and target are proportional, whatever the
    variation.
    """
    positions = np.array([[3.0, 20, 20], [6.2, 30.4, 41.7]])
    image = draw_dots(positions, SHAPE, SPACING_UM, 1.5)
    movie = make_timelapse(np.stack([image, image, image])[:, None], SPACING_UM)
    annotated = AnnotatedMovie(movie, Annotations(positions, [1, 1]))
    geometry = dataclasses.replace(NO_AUGMENTATION, flip=True, rotation_degrees=180.0)
    settings = SETTINGS.changed(
        augmentation=geometry, intensity_quantiles=(0, 1), patches_per_time_point=20
    )
    for example in PositionExamples([annotated], settings).examples(0, 0, 20):
        np.testing.assert_array_equal(
            example.target,
            draw_dots(example.positions, (6, 24, 32), SPACING_UM, settings.nucleus_sigma_um),
        )
        inner = example.image[:, 4:-4, 4:-4, 1], example.target[:, 4:-4, 4:-4]
        assert np.abs(inner[0] - inner[1]).max() < 0.1


def test_positions_follow_the_working_spacing():
    annotated = make_annotated(spacing_um=(2.0, 0.25, 0.25), shape=(10, 96, 120))
    settings = SETTINGS.changed(spacing_um=SPACING_UM)
    examples = PositionExamples([annotated], settings)
    expected = (annotated.annotations.positions_at(0) + 0.5) * (1, 0.5, 0.5) - 0.5
    np.testing.assert_allclose(examples.places[0].positions, expected)
    for place in examples.places:
        assert examples.prepared.stack(0, place.time_point).shape == (10, 48, 60)


def test_the_first_movie_gives_the_spacing():
    movies = [make_annotated(0), make_annotated(1, spacing_um=(1.0, 1.0, 1.0))]
    assert PositionExamples(movies, SETTINGS).settings.spacing_um == SPACING_UM


# ---- what counts


def counted_voxels(examples, place) -> np.ndarray:
    """Which voxels of a stack count, from many patches: (z, y, x) True, False, and whether they
    were seen at all.
    """
    counted, seen = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    for number in range(150):
        example = examples.example(place, (0, number))
        corner = np.round(examples.places[place].positions[0] - example.positions[0]).astype(int)
        for patch_voxel in np.argwhere(np.ones(example.counts.shape, bool))[::7]:
            voxel = patch_voxel + corner
            if (voxel >= 0).all() and (voxel < SHAPE).all():
                seen[tuple(voxel)] = True
                counted[tuple(voxel)] |= example.counts[tuple(patch_voxel)]
    return counted[seen], np.argwhere(seen)


def test_only_the_annotated_region_counts():
    region = np.array([[2.0, 10, 12], [7, 40, 50]])
    examples = PositionExamples(
        [make_annotated(region=region)], SETTINGS.changed(augmentation=NO_AUGMENTATION)
    )
    counted, voxels = counted_voxels(examples, 0)
    np.testing.assert_array_equal(
        counted, ((voxels >= region[0]) & (voxels <= region[1])).all(axis=1)
    )
    assert counted.any() and not counted.all()


def test_of_scattered_annotations_only_what_is_near_counts():
    """A network of nuclei of 8 µm, and a movie of 16: twice the spacing is the same to it."""
    annotated = make_annotated(region=np.array([[0.0, 0, 0], np.array(SHAPE) - 1]))
    annotated = dataclasses.replace(
        annotated,
        movie=dataclasses.replace(annotated.movie, nucleus_diameter_um=8.0),
        annotations=annotated.annotations.select([0, 1]).with_scattered(),
    )
    double = tuple(2 * um for um in SPACING_UM)
    changes = {"spacing_um": double, "nucleus_diameter_um": 16.0}
    large = dataclasses.replace(
        annotated,
        movie=dataclasses.replace(annotated.movie, **changes),
        annotations=dataclasses.replace(annotated.annotations, spacing_um=double, known_um=10.0),
    )
    plain = SETTINGS.changed(
        augmentation=NO_AUGMENTATION, nucleus_diameter_um=8.0, spacing_um=SPACING_UM
    )
    positions = annotated.annotations.positions_at(annotated.annotations.time_points[0])
    for each in (annotated, large):
        examples = PositionExamples([each], plain)
        counted, voxels = counted_voxels(examples, 0)
        away_um = np.linalg.norm((voxels[:, None] - positions) * SPACING_UM, axis=2).min(axis=1)
        np.testing.assert_array_equal(counted, away_um <= 5)
        assert counted.any() and not counted.all()
        assert all(examples.example(0, (0, n)).counts.any() for n in range(20))


def test_without_a_region_it_is_the_cuboid_that_holds_the_nuclei_whole():
    annotated = make_annotated()
    positions = annotated.annotations.positions_at(0)
    examples = PositionExamples([annotated], SETTINGS.changed(augmentation=NO_AUGMENTATION))
    margin = 3.5 / np.array(SPACING_UM)
    low, high = positions.min(axis=0) - margin, positions.max(axis=0) + margin
    counted, voxels = counted_voxels(examples, 0)
    np.testing.assert_array_equal(counted, ((voxels >= low) & (voxels <= high)).all(axis=1))


def test_what_is_not_annotated_has_no_weight_and_turns_with_the_image():
    """The region's own image: where it is 1 the voxels must count, whatever the rotation."""
    region = np.array([[2.0, 10, 12], [7, 40, 50]])
    image = np.zeros(SHAPE, np.float32)
    image[2:8, 10:41, 12:51] = 1
    annotated = AnnotatedMovie(
        make_timelapse(np.stack([image] * 2)[:, None], SPACING_UM),
        Annotations([[4.0, 20, 20]], [0], region=region),
    )
    geometry = dataclasses.replace(
        NO_AUGMENTATION, flip=True, rotation_degrees=180.0, scale=(0.8, 1.2)
    )
    settings = SETTINGS.changed(
        augmentation=geometry, intensity_quantiles=(0, 1), patches_per_time_point=30
    )
    examples = PositionExamples([annotated], settings)
    _, _, weights = examples.batch(0, 0, 30)
    for example, weight in zip(examples.examples(0, 0, 30), weights, strict=True):
        shown = example.image[..., 1]
        assert example.counts[shown > 0.999].mean() > 0.95  # but for the rim of half a voxel
        assert not example.counts[shown < 0.3].any()
        np.testing.assert_array_equal(weight > 0, example.counts)


# ---- choice


def test_order_is_shuffled_across_movies_and_all_are_seen():
    examples = PositionExamples([make_annotated(seed) for seed in range(3)], SETTINGS)
    order = examples.order(0)
    np.testing.assert_array_equal(np.bincount(order), 4)
    movies = np.array([examples.places[place].movie for place in order])
    assert np.count_nonzero(np.diff(movies)) > 15, "movies follow each other in no order"
    assert not np.array_equal(order, examples.order(1))


def test_few_time_points_are_open_at_once():
    examples = PositionExamples([make_annotated(time_points=40, nuclei=1)], SETTINGS)
    order = examples.order(0)
    for start in range(0, len(order), 8 * 4):
        assert len(set(order[start : start + 8 * 4])) <= 8


def _count_nuclei(examples, number=60) -> np.ndarray:
    shape = np.array(SETTINGS.patch_shape_zyx)
    drawn = [examples.example(0, (1, each)).positions for each in range(number)]
    return np.array([((each > -0.5) & (each < shape - 0.5)).all(axis=1).sum() for each in drawn])


def test_patches_show_nuclei_often_and_crowds_more_often():
    shape, rng = (10, 200, 200), np.random.default_rng(0)
    crowd = np.array([5, 40, 40]) + rng.uniform(-8, 8, (12, 3)) * (0.2, 1, 1)
    lonely = np.array([[5.0, 160, 160], [5, 40, 160], [5, 160, 40], [3, 100, 190]])
    positions = np.concatenate([crowd, lonely])
    images = np.stack([draw_dots(positions, shape, SPACING_UM, 2.0)] * 2)[:, None]
    annotated = AnnotatedMovie(
        make_timelapse(images, SPACING_UM), Annotations(positions, [0] * len(positions))
    )
    examples = PositionExamples([annotated], SETTINGS)
    chances = examples.places[0].chances
    np.testing.assert_allclose(chances.sum(), 1)
    assert chances[:12].min() > 5 * chances[12:].max()
    seen = _count_nuclei(examples)
    assert (seen > 0).mean() > 0.6 and (seen >= 4).mean() > 0.4, "nuclei"
    assert (seen == 0).mean() > 0.1, "background"


# ---- odd shapes


@pytest.mark.parametrize(
    ("shape", "patch"),
    [((1, 40, 40), (1, 24, 24)), ((3, 20, 20), (6, 32, 40)), ((1, 9, 9), (8, 16, 16))],
)
def test_one_plane_and_patches_larger_than_the_stack(shape, patch):
    annotated = make_annotated(shape=shape, nuclei=2)
    examples = PositionExamples([annotated], SETTINGS.changed(patch_shape_zyx=patch))
    images, targets, weights = examples.batch(0, 0, 16)
    assert images.shape == (16, *patch, 3)
    assert targets.max() > 0.5 and weights.max() > 0 and np.abs(images).max() > 0.1
    for example in examples.examples(0, 0, 16):
        planes = 3 if patch[0] > 1 else shape[0]  # a single plane has neighbours
        assert example.counts.sum() <= planes * shape[1] * shape[2] * 1.6, (
            "scaled up by 1.25 in the plane at most"
        )


def test_a_single_position_is_enough():
    images, targets, weights = PositionExamples([make_annotated(nuclei=1)], SETTINGS).batch(0, 0, 8)
    assert np.isfinite(images).all() and targets.max() > 0.5 and weights.max() > 0


# ---- mistakes


def move(annotated, **changes) -> AnnotatedMovie:
    return dataclasses.replace(
        annotated, annotations=dataclasses.replace(annotated.annotations, **changes)
    )


def test_no_positions_is_one_clear_error():
    empty = dataclasses.replace(
        make_annotated(), annotations=Annotations(np.zeros((0, 3)), [], name="blank")
    )
    with pytest.raises(UserError, match="needs annotated positions.*blank"):
        PositionExamples([empty], SETTINGS)
    with pytest.raises(UserError, match="needs annotated positions"):
        PositionExamples([], SETTINGS)


def test_a_time_point_the_movie_lacks_is_named():
    annotated = make_annotated()
    later = move(annotated, time_points=annotated.annotations.time_points + 2)
    with pytest.raises(UserError, match=r"'movie 0'.*time point 4.*time points 0 to 3"):
        PositionExamples([later], SETTINGS)


@pytest.mark.parametrize("wrong", [(-0.6, 5, 5), (5, 48.0, 5), (5, 5, 1e9), (5, float("nan"), 5)])
def test_a_position_outside_the_image_is_named(wrong):
    annotated = make_annotated()
    positions = annotated.annotations.positions.copy()
    positions[7] = wrong
    with pytest.raises(
        UserError, match=r"(?s)lie in the movie.*" + f"'movie 0'.*{float(wrong[1])}.*time point 1"
    ):
        PositionExamples([move(annotated, positions=positions)], SETTINGS)


def test_positions_on_the_very_border_are_fine():
    annotated = make_annotated()
    positions = annotated.annotations.positions.copy()
    positions[0], positions[1] = (-0.5, -0.5, -0.5), np.array(SHAPE) - 0.5
    examples = PositionExamples([move(annotated, positions=positions)], SETTINGS)
    assert np.isfinite(images_of(examples, 0, 8)).all()


@pytest.mark.parametrize("value", [0, 17])
def test_an_annotated_image_that_shows_nothing_is_refused(value):
    annotated = make_annotated(name="dark")
    images = np.stack([annotated.movie.stack(t) for t in range(4)])[:, None]
    images[2] = value
    dark = dataclasses.replace(annotated, movie=make_timelapse(images, SPACING_UM, name="dark"))
    with pytest.raises(UserError, match="show something.*'dark', time point 2"):
        images_of(PositionExamples([dark], SETTINGS), 0, 4)


def test_an_empty_corner_of_an_image_is_fine():
    annotated = make_annotated()
    images = np.zeros((4, 1, 10, 200, 200), np.float32)
    images[..., :48, :60] = np.stack([annotated.movie.stack(t) for t in range(4)])[:, None]
    region = np.array([[0.0, 150, 150], [9, 199, 199]])
    wide = AnnotatedMovie(
        make_timelapse(images, SPACING_UM),
        dataclasses.replace(annotated.annotations, region=region),
    )
    assert np.isfinite(images_of(PositionExamples([wide], SETTINGS), 0, 4)).all()


def test_a_stack_with_nan_is_named():
    annotated = make_annotated(name="gap")
    images = np.stack([annotated.movie.stack(t) for t in range(4)])[:, None]
    images[1, 0, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match="'gap': time point 1"):
        images_of(
            PositionExamples(
                [
                    dataclasses.replace(
                        annotated, movie=make_timelapse(images, SPACING_UM, name="gap")
                    )
                ],
                SETTINGS,
            ),
            0,
            4,
        )
