"""Link examples: image and displacement follow from one matrix, and the right pairs are shown."""

import dataclasses

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import make_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.augmentation import Augmentation
from organoid_kit.examples.choice import make_examples
from organoid_kit.examples.link import (
    OTHER_FAR,
    OTHER_NEAR,
    SAME,
    SAME_HARD,
    LinkExamples,
    add_coordinates,
    make_link_targets,
    skip_time_points,
)
from organoid_kit.examples.position import draw_dots
from training_helpers import NO_AUGMENTATION, make_family, tiny_crop_settings

SPACING_UM = (2.0, 1.0, 1.0)
SHAPE = (13, 60, 60)
PATCH = (9, 40, 42)
GEOMETRY = dataclasses.replace(
    NO_AUGMENTATION, flip=True, rotation_degrees=180.0, scale=(0.8, 1.25)
)
SETTINGS = make_settings(
    "link",
    patch_shape_zyx=PATCH,
    spacing_um=SPACING_UM,
    intensity_quantiles=(0, 1),
    remove_drift=False,
    augmentation=GEOMETRY,
    max_link_um=30.0,
)
FIRST, SECOND = np.array([6.0, 30, 29]), np.array([7.0, 35, 22.5])


def make_pair(
    first=FIRST, second=SECOND, moved=(0, 0, 0), unseen=1, time_points=2
) -> AnnotatedMovie:
    """One nucleus that is seen, others that are annotated and linked but dark; all move alike, but
    for the first.
    """
    others = np.array(first) + np.random.default_rng(1).uniform(-1, 1, (unseen, 3)) * (2, 12, 12)
    positions, images = [], []
    for time_point in range(time_points):
        seen = [first, second][min(time_point, 1)]
        positions += [seen, *(others + time_point * np.array(moved))]
        images.append(draw_dots(np.array([seen]), SHAPE, SPACING_UM, 2.0))
    links = np.stack(
        [np.arange(len(positions) - unseen - 1), np.arange(unseen + 1, len(positions))], axis=1
    )
    times = np.repeat(np.arange(time_points), unseen + 1)
    movie = make_timelapse(np.stack(images)[:, None], SPACING_UM, name="pair")
    return AnnotatedMovie(movie, Annotations(positions, times, links, name="pair"))


def seen_place(examples) -> int:
    """The candidate that joins the nucleus that is seen with itself."""
    is_seen = [examples.positions[0][row].tolist() == FIRST.tolist() for row in examples.sources]
    return int(np.flatnonzero(np.array(is_seen) & examples.targets & (examples.steps == 1))[0])


def find_blob(image: np.ndarray) -> np.ndarray:
    """Where the only blob lies, relative to the middle of the image; zyx, voxels."""
    image = np.maximum(image, 0)
    grid = np.indices(image.shape).reshape(3, -1)
    return (grid * image.ravel()).sum(axis=1) / image.sum() - (np.array(image.shape) - 1) / 2


# ---- geometry


def assert_blobs_where_displacement_says(example, planes: float) -> None:
    """The other nucleus lies as far from a crop's own one as the displacement says, whichever crop
    one looks at.
    """
    own_first, other_second = find_blob(example.first[..., 0]), find_blob(example.first[..., 1])
    other_first, own_second = find_blob(example.second[..., 0]), find_blob(example.second[..., 1])
    for seen, said in (
        (other_second - own_second, example.displacement),
        (other_first - own_first, -example.displacement),
    ):
        np.testing.assert_allclose(seen[1:], said[1:], atol=0.1)
        assert abs(seen[0] - said[0]) < planes


@pytest.mark.parametrize(
    "changes",
    [{}, {"drift_um": 4.0}, {"turn_degrees": 40.0}, {"drift_um": 4.0, "turn_degrees": 40.0}],
    ids=["still", "drift", "turn", "both"],
)
def test_image_and_displacement_never_part(changes):
    settings = SETTINGS.changed(augmentation=dataclasses.replace(GEOMETRY, **changes))
    examples = LinkExamples([make_pair()], settings)
    place, displacements = seen_place(examples), []
    for key in range(25):
        example = examples.example(place, (key,))
        np.testing.assert_allclose(find_blob(example.first[..., 0])[1:], 0, atol=0.1)
        np.testing.assert_allclose(find_blob(example.second[..., 1])[1:], 0, atol=0.1)
        np.testing.assert_allclose(
            find_blob(example.first[..., 1])[1:], example.displacement[1:], atol=0.1
        )
        np.testing.assert_allclose(
            find_blob(example.second[..., 0])[1:], -example.displacement[1:], atol=0.1
        )
        assert_blobs_where_displacement_says(example, planes=0.6)
        displacements.append(example.displacement)
    lengths = np.linalg.norm(np.array(displacements)[:, 1:], axis=1)
    assert lengths.max() > 1.2 * lengths.min() and (np.ptp(displacements, axis=0)[1:] > 10).all()


def test_jitter_moves_a_crop_and_the_displacement_together():
    settings = SETTINGS.changed(
        augmentation=dataclasses.replace(GEOMETRY, jitter_um=2.0, drift_um=4.0, turn_degrees=40.0)
    )
    examples = LinkExamples([make_pair()], settings)
    off = []
    for key in range(25):
        example = examples.example(seen_place(examples), (key,))
        assert_blobs_where_displacement_says(example, planes=1.1)  # each crop lies on whole planes
        off += [find_blob(example.first[..., 0])[1:], find_blob(example.second[..., 1])[1:]]
    assert np.abs(off).max() > 1.2 and np.abs(off).max() < 2.0 * 1.25 * np.sqrt(2) + 0.1


def test_extra_drift_is_another_one_each_time_and_only_what_it_says():
    examples = LinkExamples(
        [make_pair()],
        SETTINGS.changed(augmentation=dataclasses.replace(NO_AUGMENTATION, drift_um=4.0)),
    )
    extra = np.array(
        [examples.example(seen_place(examples), (key,)).displacement for key in range(30)]
    )
    extra -= SECOND - FIRST
    assert (np.abs(extra) <= (0.3 * 4 / 2, 4, 4)).all() and (
        np.ptp(extra, axis=0) > (0.6, 4, 4)
    ).all()


def test_the_sample_turns_by_as_much_as_it_says_and_not_always():
    still = dataclasses.replace(NO_AUGMENTATION, turn_degrees=30.0)
    examples = LinkExamples([make_pair()], SETTINGS.changed(augmentation=still))
    seen = np.array(
        [examples.example(seen_place(examples), (key,)).displacement for key in range(30)]
    )
    np.testing.assert_allclose(np.linalg.norm(seen, axis=1), np.linalg.norm(SECOND - FIRST))
    angles = np.rad2deg(np.arctan2(seen[:, 1], seen[:, 2]) - np.arctan2(5, -6.5))
    angles = (angles + 180) % 360 - 180
    assert 20 < np.abs(angles).max() <= 30 and angles.min() < 0 < angles.max()


def test_without_variation_the_displacement_is_that_of_the_annotations():
    example = LinkExamples([make_pair()], SETTINGS, augment=False).example(0, (1,))
    np.testing.assert_allclose(example.displacement, SECOND - FIRST)
    varied = LinkExamples([make_pair()], SETTINGS, augment=False).example(
        0, (1,), Augmentation(np.diag([1.0, 1, -1]), noise=0.1)
    )
    np.testing.assert_allclose(varied.displacement, (SECOND - FIRST) * (1, 1, -1))


def test_the_displacement_is_in_voxels_of_the_working_spacing():
    annotated = make_pair()
    fine = make_timelapse(np.zeros((2, 1, *SHAPE)), (2.0, 0.25, 0.5), name="fine")
    examples = LinkExamples([AnnotatedMovie(fine, annotated.annotations)], SETTINGS, augment=False)
    np.testing.assert_allclose(
        examples.example(0, (1,)).displacement, (SECOND - FIRST) * (1, 0.25, 0.5)
    )


def test_coordinate_channels_are_lowest_at_the_other_nucleus():
    examples = LinkExamples([make_pair()], SETTINGS)
    drawn = [examples.example(seen_place(examples), (key,)) for key in range(10)]
    first, second, displacements = LinkExamples.join(drawn)
    assert first.shape == second.shape == (10, *PATCH, 5)
    assert {each.dtype for each in (first, second, displacements)} == {np.dtype(np.float32)}
    for number, example in enumerate(drawn):
        np.testing.assert_array_equal(first[number, ..., :2], example.first)
        np.testing.assert_array_equal(second[number, ..., 3:], example.second)
        np.testing.assert_allclose(displacements[number], example.displacement, rtol=1e-6)
        for axis in range(3):
            ways = ((first[number, ..., 2 + axis], 1), (second[number, ..., 2 - axis], -1))
            for channel, sign in ways:
                profile = np.moveaxis(channel, axis, 0).reshape(PATCH[axis], -1)
                assert (profile == profile[:, :1]).all(), "varies along its own axis alone"
                place = (
                    PATCH[axis] / 2 + sign * example.displacement[axis]
                )  # as OrganoidTracker counts
                np.testing.assert_allclose(
                    profile[:, 0], np.abs(np.arange(PATCH[axis]) - place) / PATCH[axis], atol=1e-5
                )
                middle = (PATCH[axis] - 1) / 2 + sign * example.displacement[axis]
                assert abs(profile[:, 0].argmin() - np.clip(middle, 0, PATCH[axis] - 1)) <= 1


def test_coordinates_of_no_pairs():
    nothing = np.zeros((0, 2, 4, 4, 2), np.float32)
    first, second = add_coordinates(nothing, nothing, np.zeros((0, 3), np.float32))
    assert first.shape == second.shape == (0, 2, 4, 4, 5)


def make_drifting():
    """All nuclei move by (0, 8, -6) voxels, the one that is seen by (1, 1.5, -1) more."""
    drift, own = np.array([0.0, 8, -6]), np.array([1.0, 1.5, -1])
    return make_pair(second=FIRST + drift + own, moved=drift, unseen=9), drift, own


def test_drift_is_taken_out_of_the_displacement_and_crops_move_along():
    annotated, drift, own = make_drifting()
    examples = LinkExamples([annotated], SETTINGS.changed(remove_drift=True), augment=False)
    example = examples.example(seen_place(examples), (1,))
    np.testing.assert_allclose(example.displacement, own, atol=0.2)
    np.testing.assert_allclose(find_blob(example.first[..., 1]), own, atol=0.2)
    np.testing.assert_allclose(find_blob(example.second[..., 0]), -own, atol=0.2)
    left_in = LinkExamples([annotated], SETTINGS, augment=False)
    np.testing.assert_allclose(left_in.example(seen_place(left_in), (1,)).displacement, drift + own)
    varied = LinkExamples([annotated], SETTINGS.changed(remove_drift=True))
    for key in range(8):
        assert_blobs_where_displacement_says(varied.example(seen_place(varied), (key,)), planes=0.6)


def test_each_crop_begins_at_its_own_time_point_and_time_runs_outwards():
    """Images that show their own number; a nucleus in the middle of a long movie, and one at its
    end.
    """
    images = np.stack([np.full(SHAPE, number, np.float32) for number in range(6)])[:, None]
    images[:, :, 0, 0, :6] = [0, 0.01, 0.01, 10, 10, 10]  # so that all are normalised alike
    movie = make_timelapse(images, SPACING_UM, name="numbers")
    annotated = AnnotatedMovie(movie, dataclasses.replace(make_pair(time_points=6).annotations))
    settings = SETTINGS.changed(
        time_window=(-1, 2), augmentation=dataclasses.replace(NO_AUGMENTATION, skip=2)
    )
    examples = LinkExamples([annotated], settings)
    middle = np.array(PATCH) // 2

    def numbers(step, time_point):
        times = np.array([examples.time_points[0][row] for row in examples.sources])
        place = np.flatnonzero((examples.steps == step) & (times == time_point))[0]
        example = examples.example(int(place), (1,))
        return [
            np.round(each[tuple(middle)] * 10).astype(int).tolist()
            for each in (example.first, example.second)
        ]

    assert numbers(1, 2) == [[1, 2, 3, 4], [1, 2, 3, 4]]
    assert numbers(1, 0) == [[0, 0, 1, 2], [0, 0, 1, 2]]
    assert numbers(1, 4) == [[3, 4, 5, 5], [3, 4, 5, 5]]
    assert numbers(2, 2) == [[0, 2, 4, 5], [0, 2, 4, 5]]


# ---- candidates


def test_labels_are_yes_no_and_nobody_knows(lineage):
    candidates = [[0, 1], [1, 2], [1, 3], [4, 1], [0, 5], [1, 6], [5, 6]]
    np.testing.assert_array_equal(
        make_link_targets(lineage, np.array(candidates)), [1, 1, 1, 0, 0, 0, 1]
    )
    loose = dataclasses.replace(lineage, links=[[4, 5]])
    np.testing.assert_array_equal(
        make_link_targets(loose, np.array(candidates)), [-1, -1, -1, 0, 0, -1, -1]
    )


def test_time_points_are_skipped_and_linked_over_through_divisions(lineage):
    part, rows = skip_time_points(lineage, 2, first=1)
    assert rows.tolist() == [0, 2, 3, 4, 6]
    assert part.time_points.tolist() == [0, 1, 1, 0, 1]
    assert sorted(rows[part.links].tolist()) == [[0, 2], [0, 3], [4, 6]]
    part, rows = skip_time_points(lineage, 2, first=2)
    assert rows.tolist() == [1, 5] and len(part.links) == 0
    part, rows = skip_time_points(lineage, 1, first=1)
    assert rows.tolist() == list(range(7)) and sorted(part.links.tolist()) == lineage.links.tolist()


def test_a_link_over_a_gap_is_the_same_nucleus_when_that_time_point_is_skipped():
    gap = Annotations([[0, 0, 0]] * 4, [0, 2, 3, 4], [[0, 1], [1, 2], [2, 3]])
    part, rows = skip_time_points(gap, 2, first=0)
    assert rows[part.links].tolist() == [[0, 1], [1, 3]]


def test_kinds_are_told_apart():
    positions = [
        [2.0, 10, 10],
        [2, 10, 30],
        [2, 50, 50],
        [2, 10, 11],
        [2, 12, 30],
        [2, 50, 50],
        [2, 20, 10],
    ]
    annotated = AnnotatedMovie(
        make_timelapse(np.zeros((2, 1, 5, 60, 60)), SPACING_UM),
        Annotations(positions, [0, 0, 0, 1, 1, 1, 1], [[0, 3], [1, 4], [2, 5], [1, 6]]),
    )
    examples = LinkExamples([annotated], SETTINGS.changed(max_link_um=70.0), augment=False)
    kinds = {
        (int(a), int(b)): int(kind)
        for a, b, kind in zip(examples.sources, examples.links_to, examples.kinds)
    }
    assert len(kinds) == 12
    assert kinds[1, 4] == kinds[1, 6] == SAME_HARD  # a division
    assert kinds[2, 5] == SAME and kinds[0, 3] == SAME
    assert kinds[0, 6] == OTHER_NEAR and kinds[0, 5] == OTHER_FAR
    fakes = np.linalg.norm(examples.displacements_um[~examples.targets], axis=1)
    kind = examples.kinds[~examples.targets]
    assert fakes[kind == OTHER_NEAR].max() <= fakes[kind == OTHER_FAR].min()


def test_faster_nuclei_come_from_skipping_in_validation_too():
    movies = [make_family(time_points=5)]
    settings = tiny_crop_settings("link", "")
    assert set(LinkExamples(movies, settings).steps) == {1, 2}
    assert set(LinkExamples(movies, settings, augment=False).steps) == {
        1,
        2,
    }  # slow movies alone would be too easy
    never = settings.changed(augmentation=dataclasses.replace(settings.augmentation, skip=None))
    assert set(LinkExamples(movies, never).steps) == {1}
    examples = LinkExamples(movies, settings)
    times = movies[0].annotations.time_points
    np.testing.assert_array_equal(
        times[examples.links_to] - times[examples.sources], examples.steps
    )


def test_candidates_are_no_farther_apart_than_allowed():
    settings = tiny_crop_settings("link", "")
    for most in (14.0, 20.0):
        examples = LinkExamples(
            [make_family()], settings.changed(max_link_um=most, remove_drift=False), augment=False
        )
        assert 0.5 * most < np.linalg.norm(examples.displacements_um, axis=1).max() <= most


# ---- choice


def test_an_epoch_has_its_share_of_each_kind():
    settings = tiny_crop_settings("link", "", patches_per_time_point=50)
    examples = LinkExamples([make_family(seed, time_points=5) for seed in range(2)], settings)
    assert examples.number_per_epoch == 400
    shares = np.bincount(examples.kinds[examples.order(0)]) / 400
    np.testing.assert_allclose(shares, (0.3, 0.2, 0.35, 0.15), atol=0.005)


def test_few_stacks_are_read_though_the_cache_is_small():
    reads = []
    annotated = make_family(time_points=40, divides_at=3)
    read = annotated.movie.read_stack
    counting = dataclasses.replace(
        annotated.movie, read_stack=lambda t, c: reads.append(t) or read(t, c)
    )
    stack_bytes = 4 * np.prod(annotated.movie.shape_zyx)
    settings = tiny_crop_settings("link", "", patches_per_time_point=6)
    examples = LinkExamples(
        [AnnotatedMovie(counting, annotated.annotations)],
        settings,
        cache_bytes=int(24 * stack_bytes),
    )
    for step in range(examples.steps_per_epoch(8)):
        examples.batch(0, step, 8)
    assert len(reads) <= 5 * 24, (
        "each of five groups of 8 time points needs at most 24 stacks, and is shown once"
    )


def assert_same(one, other) -> None:
    (a, b) = ([*inputs, targets, weights] for inputs, targets, weights in (one, other))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_same_again_whoever_asks_and_in_any_order():
    movies, settings = [make_family(0), make_family(1)], tiny_crop_settings("link", "")
    one, other = LinkExamples(movies, settings), LinkExamples(movies, settings, cache_bytes=1)
    asked = [(1, 1), (0, 0), (3, 1)]
    first = [one.batch(epoch, step, 8) for epoch, step in asked]
    for (epoch, step), expected in reversed(list(zip(asked, first, strict=True))):
        assert_same(other.batch(epoch, step, 8), expected)
    images = first[1][0][0]
    assert images.shape == (8, 4, 16, 16, 5) and np.isfinite(images).all()
    assert not np.array_equal(images, one.batch(1, 0, 8)[0][0])
    assert not np.array_equal(
        images, LinkExamples(movies, settings.changed(seed=2)).batch(0, 0, 8)[0][0]
    )
    joined = np.concatenate([one.batch(0, step, 3)[0][1] for step in range(one.steps_per_epoch(3))])
    np.testing.assert_array_equal(joined[:8], first[1][0][1])
    assert len(joined) == one.number_per_epoch == 20


def test_fixed_examples_are_in_their_natural_proportion_and_both_answers_weigh_the_same():
    settings = tiny_crop_settings("link", "")
    examples = LinkExamples([make_family()], settings, augment=False)
    assert_same(examples.batch(0, 1, 8), examples.batch(7, 1, 8))
    assert examples.number_per_epoch == len(examples.targets)
    steps = range(examples.steps_per_epoch(8))
    targets, weights = (
        np.concatenate([examples.batch(0, s, 8)[part].ravel() for s in steps]) for part in (1, 2)
    )
    np.testing.assert_array_equal(targets, examples.targets)
    assert weights[targets > 0].sum() == pytest.approx(weights[targets == 0].sum(), rel=1e-5)
    few = LinkExamples([make_family()], settings, augment=False, most_examples=7)
    assert few.number_per_epoch == 7 and len(set(few.order(0))) == 7
    assert LinkExamples([make_family()], settings, most_examples=7).number_per_epoch == 7
    np.testing.assert_array_equal(LinkExamples([make_family()], settings).batch(0, 0, 8)[2], 1)


def test_intensities_vary_and_both_crops_have_noise_of_their_own():
    settings = SETTINGS.changed(augmentation=dataclasses.replace(NO_AUGMENTATION, noise=0.2))
    example = LinkExamples([make_pair(second=FIRST)], settings).example(0, (3,))
    plain = LinkExamples([make_pair(second=FIRST)], SETTINGS, augment=False).example(0, (3,))
    noises = [
        varied - calm
        for varied, calm in ((example.first, plain.first), (example.second, plain.second))
    ]
    assert all(0.005 < noise.std() < 0.25 for noise in noises)
    assert abs(np.corrcoef(noises[0].ravel(), noises[1].ravel())[0, 1]) < 0.1


# ---- odd shapes and mistakes


def test_a_movie_of_one_plane():
    settings = tiny_crop_settings("link", "", patch_shape_zyx=(1, 16, 16))
    inputs, targets, _ = LinkExamples([make_family(shape_zyx=(1, 48, 48))], settings).batch(
        0, 0, 16
    )
    assert (
        inputs[0].shape == (10, 1, 16, 16, 5)
        and np.isfinite(inputs[0]).all()
        and 0 < targets.mean() < 1
    )
    assert np.abs(inputs[0][..., :2]).max() > 0.3


def change(annotated, **changes) -> AnnotatedMovie:
    return dataclasses.replace(
        annotated, annotations=dataclasses.replace(annotated.annotations, **changes)
    )


def one_time_point(annotated):
    return dataclasses.replace(annotated, annotations=annotated.annotations.select([0, 1, 2, 3]))


def alone(annotated):
    return dataclasses.replace(annotated, annotations=annotated.annotations.select([0, 4, 8]))


BAD = {
    "no links": (
        lambda each: change(each, links=[]),
        "needs links.*family 0.*none between successive",
    ),
    "one time point": (one_time_point, "needs links.*family 0"),
    "nothing annotated": (
        lambda each: change(each, positions=[], time_points=[], links=[]),
        "needs links.*family 0",
    ),
    "a single nucleus": (alone, "needs wrong candidates.*family 0.*max_link_um"),
    "outside": (
        lambda each: change(each, positions=each.annotations.positions + 30),
        "lie in the movie.*family 0",
    ),
}


@pytest.mark.parametrize("augment", [True, False])
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error(case, augment):
    spoil, message = BAD[case]
    with pytest.raises(UserError, match=f"(?s){message}"):
        make_examples([spoil(make_family())], tiny_crop_settings("link", ""), augment=augment)


def test_no_movie_and_no_candidate_near_enough():
    with pytest.raises(UserError, match="needs links"):
        make_examples([], tiny_crop_settings("link", "", spacing_um=None))
    with pytest.raises(UserError, match=r"(?s)shorter than 0\.01 µm.*max_link_um"):
        make_examples([make_family()], tiny_crop_settings("link", "", max_link_um=0.01))
