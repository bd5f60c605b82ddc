"""Division examples: who divides, who only looks like it, and what is shown of them."""

import dataclasses

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.augmentation import Augmentation, no_augmentation
from organoid_kit.examples.choice import make_examples
from organoid_kit.examples.division import (
    ALIKE,
    DIVISION,
    ORDINARY,
    DivisionExamples,
    make_division_targets,
    make_paste_mask,
)
from training_helpers import NO_AUGMENTATION, make_family, tiny_crop_settings

SETTINGS = tiny_crop_settings("division", "")
PLAIN = SETTINGS.changed(augmentation=NO_AUGMENTATION)
PASTING = SETTINGS.changed(augmentation=dataclasses.replace(NO_AUGMENTATION, paste=1.0))


def make_lineage(**changes) -> Annotations:
    """One nucleus over three time points, its two daughters over two, and one that stays alone; far
    from any border.

    rows: 0, 1, 2 the mother; 3, 5 and 4, 6 her daughters; 7 to 11 the other one.
    """
    values = {
        "positions": [[5.0, 20, 20]] * 7 + [[5.0, 60, 60]] * 5,
        "time_points": [0, 1, 2, 3, 3, 4, 4, 0, 1, 2, 3, 4],
        "links": [
            [0, 1],
            [1, 2],
            [2, 3],
            [2, 4],
            [3, 5],
            [4, 6],
            [7, 8],
            [8, 9],
            [9, 10],
            [10, 11],
        ],
        "region": [[0, 0, 0], [10, 80, 80]],
        "spacing_um": (2.0, 0.5, 0.5),
    }
    return Annotations(**(values | changes))


# ---- labels


def test_the_last_time_point_of_the_mother_divides_and_ends_are_unknown():
    labels = make_division_targets(make_lineage())
    np.testing.assert_array_equal(labels, [0, 0, 1, 0, 0, -1, -1, 0, 0, 0, 0, -1])


@pytest.mark.parametrize(
    ("window", "dividing"),
    [
        ((-1, 0), [1, 2]),
        ((-2, 0), [0, 1, 2]),
        ((0, 1), [2, 3, 4]),
        ((-1, 2), [1, 2, 3, 4, 5, 6]),
        ((-9, 0), [0, 1, 2]),
    ],
)
def test_a_window_widens_it_both_ways(window, dividing):
    assert np.flatnonzero(make_division_targets(make_lineage(), window) == 1).tolist() == dividing


def test_near_a_guessed_border_nobody_knows():
    """6 µm are 3 planes and 12 voxels in the plane; a mother is known wherever she is."""
    positions = make_lineage().positions.copy()
    positions[7:12] = [[5, 60, 60], [2.9, 60, 60], [10, 11.9, 30], [5, 60, 78.1], [5, 60, 60]]
    corners = [[0.0, 0, 0], [20, 90, 90]]
    times = np.concatenate([make_lineage().time_points, np.repeat(np.arange(5), 2)])
    links = [*make_lineage().links.tolist(), *([12 + 2 * t, 14 + 2 * t] for t in range(4))]
    whole = np.concatenate([positions, corners * 5])
    guessed = make_lineage(positions=whole, time_points=times, links=links, region=None)
    labels = make_division_targets(guessed)
    assert labels[:12].tolist() == [0, 0, 1, 0, 0, -1, -1, 0, -1, -1, -1, -1]
    assert (labels[12:20] == -1).all()
    stated = dataclasses.replace(guessed, region=np.array(corners))
    assert make_division_targets(stated)[:12].tolist() == [0, 0, 1, 0, 0, -1, -1, 0, 0, 0, 0, -1]
    at_the_border = dataclasses.replace(
        guessed, positions=np.where(np.arange(22)[:, None] == 2, 0.0, whole)
    )
    assert make_division_targets(at_the_border)[2] == 1


def test_the_border_is_known_by_the_movie_where_annotations_lack_the_spacing():
    annotated = make_family(time_points=3, shape_zyx=(4, 64, 64))
    positions = np.concatenate([annotated.annotations.positions, [[0.0, 0, 0], [3, 63, 63]] * 3])
    times = np.concatenate([annotated.annotations.time_points, np.repeat(np.arange(3), 2)])
    links = np.concatenate([annotated.annotations.links, [[13, 15], [14, 16], [15, 17], [16, 18]]])
    usable = []
    for spacing in (annotated.movie.spacing_um, None):
        annotations = Annotations(positions, times, links, spacing_um=spacing)
        examples = DivisionExamples([AnnotatedMovie(annotated.movie, annotations)], SETTINGS)
        usable.append(len(examples.targets))
    assert usable[0] == usable[1] < 12


def test_a_flat_cuboid_is_not_all_border():
    flat = make_lineage(region=None)
    assert (make_division_targets(flat)[[0, 1, 2, 3]] == [0, 0, 1, 0]).all()


# ---- kinds


def make_blank(annotations: Annotations, shape=(10, 200, 200)) -> AnnotatedMovie:
    times = int(annotations.time_points.max()) + 1
    images = np.broadcast_to(np.zeros((1, 1, 1, 1, 1), np.uint16), (times, 1, *shape))
    return AnnotatedMovie(make_timelapse(images, (2.0, 0.5, 0.5), name="blank"), annotations)


def test_kinds_are_divisions_what_looks_alike_and_ordinary_nuclei():
    positions = (
        [[5.0, 20, 20]] * 7 + [[5, 90, 90], [5, 20, 40], [5, 20, 40]] + [[5.0, 150, 150]] * 5
    )
    times = [0, 1, 2, 3, 3, 4, 4, 1, 2, 3, 0, 1, 2, 3, 4]
    links = [
        [0, 1],
        [1, 2],
        [2, 3],
        [2, 4],
        [3, 5],
        [4, 6],
        [8, 9],
        [10, 11],
        [11, 12],
        [12, 13],
        [13, 14],
    ]
    annotations = make_lineage(
        positions=positions, time_points=times, links=links, region=[[0, 0, 0], [9, 199, 199]]
    )
    examples = DivisionExamples([make_blank(annotations)], SETTINGS, augment=False)
    known = np.flatnonzero(make_division_targets(annotations) >= 0)
    kinds = dict(zip(known.tolist(), examples.kinds.tolist(), strict=True))
    assert kinds[2] == DIVISION
    assert kinds[0] == kinds[1] == kinds[3] == kinds[4] == ALIKE  # before and after
    assert kinds[8] == ALIKE  # 10 µm from the mother when she divides
    assert kinds[10] == kinds[11] == kinds[12] == kinds[13] == ORDINARY
    np.testing.assert_array_equal(examples.targets, examples.kinds == DIVISION)


def test_who_stands_in_a_crowd_looks_alike():
    crowd = np.array([5.0, 100, 100]) + np.random.default_rng(0).uniform(-8, 8, (4, 3)) * (
        0.2,
        1,
        1,
    )
    lonely = [[5.0, 20, x] for x in range(20, 181, 40)] + [
        [5.0, 180, x] for x in range(20, 181, 40)
    ]
    lonely += [[5.0, y, x] for y in (60, 140) for x in (20, 180)] + [
        [5.0, 140, 60],
        [5.0, 140, 140],
        [5.0, 60, 60],
    ]
    here = np.concatenate([crowd, lonely])
    number = len(here)
    annotations = Annotations(
        np.concatenate([here, here, here[-1:]]),
        [0] * number + [1] * (number + 1),
        [*([i, i + number] for i in range(number)), [number - 1, 2 * number]],
        region=[[0, 0, 0], [9, 199, 199]],
    )
    examples = DivisionExamples([make_blank(annotations)], SETTINGS, augment=False)
    assert (examples.kinds[:4] == ALIKE).all() and examples.kinds[-1] == DIVISION
    assert (examples.kinds[4:-1] == ORDINARY).all()


def test_an_epoch_shows_a_third_of_each_kind():
    settings = SETTINGS.changed(patches_per_time_point=30)
    movies = [make_family(seed, time_points=6, divides_at=1) for seed in range(2)]
    examples = DivisionExamples(movies, settings)
    assert examples.number_per_epoch == 300 and len(examples.order(0)) == 300
    np.testing.assert_array_equal(np.bincount(examples.kinds[examples.order(0)]), [100, 100, 100])
    shown = np.array([each.kind for each in examples.examples(0, 0, 60)])
    np.testing.assert_array_equal(shown, examples.kinds[examples.order(0)[:60]])
    assert {each.target for each in examples.examples(0, 0, 60) if each.kind == DIVISION} == {True}


# ---- what is shown


def central(example) -> np.ndarray:
    """Mean light of the middle at each time point."""
    z, y, x = (size // 2 for size in example.image.shape[:3])
    return example.image[z - 1 : z + 1, y - 2 : y + 2, x - 2 : x + 2].mean(axis=(0, 1, 2))


def test_the_nucleus_is_in_the_middle_and_the_mother_is_bright():
    examples = DivisionExamples([make_family(seed) for seed in range(3)], PLAIN, augment=False)
    for place in range(len(examples.targets)):
        example = examples.example(place, (1,))
        light = central(example)
        assert example.image.shape == (4, 16, 16, 3) and light[1] > 0.15
        assert (light[1] > 0.4) == example.target == examples.targets[place]
    division = examples.example(int(np.flatnonzero(examples.targets)[0]), (1,))
    assert central(division)[2] < 0.3 < central(division)[1], (
        "afterwards there are two, farther apart"
    )


def test_rows_may_be_in_any_order():
    annotated = make_family(3)
    mixed = np.random.default_rng(0).permutation(len(annotated.annotations))
    again = dataclasses.replace(annotated, annotations=annotated.annotations.select(mixed))
    one, other = (
        DivisionExamples([each], PLAIN, augment=False).batch(0, 0, 8) for each in (annotated, again)
    )
    assert sorted(map(np.ndarray.tobytes, one[0])) == sorted(map(np.ndarray.tobytes, other[0]))
    np.testing.assert_array_equal(
        *(images[targets[:, 0] > 0] for images, targets, _ in (one, other))
    )


def test_jitter_moves_the_crop_by_no_more_than_it_says():
    jitter = dataclasses.replace(NO_AUGMENTATION, jitter_um=2.0)
    examples = DivisionExamples([make_family()], SETTINGS.changed(augmentation=jitter))
    place = int(np.flatnonzero(examples.targets)[0])
    shifts = []
    for key in range(30):
        light = np.maximum(examples.example(place, (key,)).image[..., 1] - 0.3, 0)
        grid = np.indices(light.shape).reshape(3, -1)
        shifts.append(
            (grid * light.ravel()).sum(axis=1) / light.sum() - (np.array(light.shape) - 1) / 2
        )
    assert 2 < np.abs(shifts)[:, 1:].max() < 4.5, "2 µm are 4 voxels"
    assert np.ptp(np.array(shifts)[:, 1:], axis=0).min() > 4


def test_time_runs_forwards_and_ends_repeat_the_nearest():
    examples = DivisionExamples([make_family()], PLAIN, augment=False)
    first = int(np.flatnonzero(examples.time_points == 0)[0])
    image = examples.example(first, (1,)).image
    np.testing.assert_array_equal(image[..., 0], image[..., 1])
    assert not np.array_equal(image[..., 1], image[..., 2])


def with_flat_light(annotated: AnnotatedMovie, lights) -> AnnotatedMovie:
    """Another movie: each nucleus is a voxel-wise constant region of the plane's quarter it lies
    in.
    """
    shape = annotated.movie.shape_zyx
    images = np.zeros((3, 1, *shape), np.float32)
    half = np.array(shape[1:]) // 2
    for number, light in enumerate(lights):
        y, x = divmod(number, 2)
        images[..., y * half[0] : (y + 1) * half[0], x * half[1] : (x + 1) * half[1]] = light
    return dataclasses.replace(
        annotated, movie=make_timelapse(images, annotated.movie.spacing_um, name="flat")
    )


def test_pasting_keeps_the_middle_and_changes_the_surroundings():
    movies = [with_flat_light(make_family(), (0.25, 0.5, 0.75, 1.0))]
    settings = PASTING.changed(intensity_quantiles=(0, 1), patch_shape_zyx=(4, 24, 24))
    pasting = DivisionExamples(movies, settings)
    plain = DivisionExamples(movies, settings.changed(augmentation=NO_AUGMENTATION))
    pasted = {True: [], False: []}
    for place in np.flatnonzero(pasting.kinds != ORDINARY):
        for key in range(20):
            one, other = (
                examples.example(int(place), (key,)).image for examples in (pasting, plain)
            )
            core = make_paste_mask(settings.patch_shape_zyx, (2.0, 0.5, 0.5))[..., 0]
            np.testing.assert_allclose(one[core == 1], other[core == 1])
            inside = np.broadcast_to(core[..., None] == 0, one.shape)
            pasted[bool(pasting.targets[place])].append(np.abs(one - other)[inside].max() > 0.1)
    assert np.mean(pasted[True]) > 0.5 and np.mean(pasted[False]) > 0.5, (
        "nuclei of both answers are pasted"
    )


def test_without_pasting_everything_else_is_the_same():
    augmentation = dataclasses.replace(SETTINGS.augmentation, paste=None)
    movies = [make_family()]
    never = DivisionExamples(movies, SETTINGS.changed(augmentation=augmentation)).batch(0, 0, 16)
    sometimes = DivisionExamples(
        movies, SETTINGS.changed(augmentation=dataclasses.replace(augmentation, paste=0.3))
    ).batch(0, 0, 16)
    same = (never[0] == sometimes[0]).all(axis=(1, 2, 3, 4))
    assert 0.4 < same.mean() < 1
    np.testing.assert_array_equal(never[1], sometimes[1])


@pytest.mark.parametrize("shape", [(8, 32, 32), (1, 16, 16), (9, 31, 17)])
def test_the_core_is_an_ellipsoid_in_um(shape):
    core = make_paste_mask(shape, (2.0, 1.0, 1.0))
    assert core.shape == (*shape, 1) and core.dtype == np.float32
    z, y, x = np.indices(shape).reshape(3, *shape) - (np.array(shape) - 1).reshape(3, 1, 1, 1) / 2
    distance = np.sqrt((z * 2 / 5) ** 2 + (y / 4.5) ** 2 + (x / 4.5) ** 2)
    assert (core[..., 0][distance <= 0.99] == 1).all()
    assert (core[..., 0][distance >= 1.51] == 0).all()
    assert 0 <= core.min() and core.max() == 1


def test_every_other_ordinary_nucleus_is_the_brightest_of_a_few():
    """Ordinary ones: those of the second movie's quarters, of which one is the brightest by far."""
    annotated = with_flat_light(make_family(time_points=3, divides_at=1), (0.2, 0.4, 0.6, 1.0))
    examples = DivisionExamples([annotated], PLAIN.changed(intensity_quantiles=(0, 1)))
    examples.kinds[:] = ORDINARY
    dark = int(np.flatnonzero(examples.time_points == 0)[1])
    shown = [float(examples.example(dark, (key,)).image[2, 8, 8, 1]) for key in range(60)]
    light = [float(examples.example(place, (1,), None).image[2, 8, 8, 1]) for place in range(4)]
    brightest = np.isclose(shown, max(light), atol=0.05)
    assert 0.3 < brightest.mean() < 0.7, "half of them, and all four are looked at"
    assert np.ptp(np.array(shown)[~brightest]) < 0.05, "the others stay who they are"
    fixed = DivisionExamples([annotated], PLAIN.changed(intensity_quantiles=(0, 1)), augment=False)
    fixed.kinds[:] = ORDINARY
    assert len({float(fixed.example(dark, (key,)).image[2, 8, 8, 1]) for key in range(20)}) == 1


# ---- pure


def assert_same(one, other) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_again_whoever_asks_and_in_any_order():
    movies = [make_family(0), make_family(1)]
    one, other = (
        DivisionExamples(movies, SETTINGS),
        DivisionExamples(movies, SETTINGS, cache_bytes=1),
    )
    asked = [(1, 1), (0, 0), (3, 1)]
    first = [one.batch(epoch, step, 8) for epoch, step in asked]
    for (epoch, step), expected in reversed(list(zip(asked, first, strict=True))):
        assert_same(other.batch(epoch, step, 8), expected)
    images, targets, weights = first[1]
    assert (
        images.shape == (8, 4, 16, 16, 3)
        and images.dtype == np.float32
        and images.flags.c_contiguous
    )
    assert targets.shape == (8, 1) and targets.dtype == np.float32 and (weights == 1).all()
    assert not np.array_equal(images, one.batch(1, 0, 8)[0])
    assert not np.array_equal(
        images, DivisionExamples(movies, SETTINGS.changed(seed=2)).batch(0, 0, 8)[0]
    )
    joined = np.concatenate([one.batch(0, step, 5)[0] for step in range(one.steps_per_epoch(5))])
    np.testing.assert_array_equal(joined[:8], images)
    assert len(joined) == one.number_per_epoch == 4 * 8


def test_fixed_examples_are_all_nuclei_unvaried_and_both_answers_weigh_the_same():
    movies = [make_family(0), make_family(1)]
    examples = DivisionExamples(movies, SETTINGS, augment=False)
    assert examples.number_per_epoch == 16
    assert_same(examples.batch(0, 0, 16), examples.batch(7, 0, 16))
    assert_same(
        examples.batch(0, 0, 16), DivisionExamples(movies, PLAIN, augment=False).batch(0, 0, 16)
    )
    _, targets, weights = examples.batch(0, 0, 16)
    assert targets.sum() == 2
    assert weights[targets[:, 0] > 0].sum() == pytest.approx(weights[targets[:, 0] == 0].sum())
    varied = examples.example(0, (1,), Augmentation(np.eye(3), gain=2.0))
    assert not np.array_equal(varied.image, examples.example(0, (1,)).image)


@pytest.mark.parametrize(("most", "divisions"), [(1, 1), (2, 2), (3, 2), (9, 2), (99, 2)])
def test_of_fixed_examples_divisions_are_the_last_to_be_left_out(most, divisions):
    examples = DivisionExamples(
        [make_family(0), make_family(1)], SETTINGS, augment=False, most_examples=most
    )
    assert examples.number_per_epoch == len(set(examples.order(0))) == min(most, 16)
    assert examples.targets[examples.order(0)].sum() == divisions
    assert len(examples.batch(0, 0, 99)[0]) == min(most, 16)


def test_few_stacks_are_read_though_the_cache_is_small():
    reads = []
    annotated = make_family(time_points=40, divides_at=3)
    read = annotated.movie.read_stack
    counting = dataclasses.replace(
        annotated.movie, read_stack=lambda t, c: reads.append(t) or read(t, c)
    )
    settings = PLAIN.changed(patches_per_time_point=6)  # what is pasted comes from any time point
    stack_bytes = int(4 * np.prod(annotated.movie.shape_zyx))
    movie = AnnotatedMovie(counting, annotated.annotations)
    examples = DivisionExamples([movie], settings, cache_bytes=24 * stack_bytes)
    assert reads == [], "nothing is read before it is shown"
    for step in range(examples.steps_per_epoch(8)):
        examples.batch(0, step, 8)
    assert len(reads) <= 5 * 24, (
        "each of five groups of 8 time points needs at most 24 stacks, and is shown once"
    )


# ---- odd shapes and mistakes


def test_a_movie_of_one_plane():
    settings = SETTINGS.changed(patch_shape_zyx=(1, 16, 16))
    movies = [make_family(shape_zyx=(1, 48, 48))]
    images, targets, _ = DivisionExamples(movies, settings).batch(0, 0, 16)
    assert (
        images.shape == (16, 1, 16, 16, 3) and np.isfinite(images).all() and 0 < targets.mean() < 1
    )
    assert np.abs(images).max() > 0.3
    assert no_augmentation().noise == 0


def change(annotated, **changes) -> AnnotatedMovie:
    return dataclasses.replace(
        annotated, annotations=dataclasses.replace(annotated.annotations, **changes)
    )


def mothers_only(annotated):
    """A mother and her daughters, who are linked to nothing later."""
    return dataclasses.replace(annotated, annotations=annotated.annotations.select([4, 8, 12]))


BAD = {
    "no divisions": (
        lambda each: change(each, links=each.annotations.links[[0, 1, 2, 3]]),
        "needs divisions.*family 0.*no mother",
    ),
    "no links": (lambda each: change(each, links=[]), "needs divisions.*family 0"),
    "one time point": (
        lambda each: dataclasses.replace(each, annotations=each.annotations.select([0, 1, 2, 3])),
        "needs divisions.*family 0",
    ),
    "nothing annotated": (
        lambda each: change(each, positions=[], time_points=[], links=[]),
        "needs divisions",
    ),
    "a single class": (mothers_only, "nuclei that do not divide.*family 0"),
    "outside": (
        lambda each: change(each, positions=each.annotations.positions + 30),
        "lie in the movie.*family 0",
    ),
    "another time": (
        lambda each: change(each, time_points=each.annotations.time_points + 9),
        "lie in the movie",
    ),
}


@pytest.mark.parametrize("augment", [True, False])
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error(case, augment):
    spoil, message = BAD[case]
    with pytest.raises(UserError, match=f"(?s){message}"):
        make_examples([spoil(make_family())], SETTINGS, augment=augment)


def test_no_movie_is_one_clear_error():
    with pytest.raises(UserError, match="needs divisions"):
        make_examples([], SETTINGS.changed(spacing_um=None))
