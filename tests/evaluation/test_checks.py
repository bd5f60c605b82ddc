"""Each planted mistake is found once, by name, and nothing else."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import TimeLapse, make_timelapse
from organoid_kit.evaluation.checks import CheckLimits, check_annotations, summarise_annotations

SHAPE = (14, 90, 120)  # voxels of 2 × 0.5 × 0.5 µm
SPACING = (2.0, 0.5, 0.5)
POSITIONS = [
    [6, 30, 30],
    [6, 32, 31],
    [5, 24, 36],
    [7, 40, 26],
    [7, 60, 90],
    [7, 61, 88],
    [7.5, 63, 87],
]
BRIGHT = {"diameter_um": 8.0, "height": 400.0}


@pytest.fixture
def clean() -> Annotations:
    """Seven positions, five links, one division, as in `lineage`, but wide enough for nuclei to be drawn.

    time point   1      2      3

                              (2)
                             /
                 (0)────(1)<
                             \\
                              (3)

                 (4)────(5)────(6)
    """
    return Annotations(
        POSITIONS,
        [1, 2, 3, 3, 1, 2, 3],
        [[0, 1], [1, 2], [1, 3], [4, 5], [5, 6]],
        spacing_um=SPACING,
        name="clean",
        region=[[0, 0, 0], np.array(SHAPE) - 1],
    )


def draw_movie(annotations: Annotations, shape=SHAPE, dtype=np.uint16, **changed) -> TimeLapse:
    """A movie, time points 1 to 3, with a ball of 8 µm at each position. `changed`: t1, t2, t3 →
    another stack.
    """
    stacks = np.random.default_rng(1).normal(100, 4, (3, 1, *shape))
    for time_point, position in zip(annotations.time_points, annotations.positions, strict=True):
        squares = [
            ((np.arange(n) - at) * um) ** 2
            for n, at, um in zip(shape, position, SPACING, strict=True)
        ]
        distance = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
        stacks[time_point - 1, 0] += BRIGHT["height"] / (
            1 + np.exp((distance - BRIGHT["diameter_um"] / 2) / 0.5)
        )
    for name, stack in changed.items():
        stacks[int(name[1:]) - 1, 0] = stack
    return make_timelapse(stacks.astype(dtype), SPACING, first_time_point=1, name="clean")


def change(annotations: Annotations, **values) -> Annotations:
    return dataclasses.replace(annotations, **values)


def add(annotations: Annotations, positions, time_points, links=()) -> Annotations:
    """More positions, and links in rows of all."""
    return change(
        annotations,
        positions=np.concatenate([annotations.positions, np.reshape(positions, (-1, 3))]),
        time_points=np.concatenate([annotations.time_points, time_points]),
        links=np.concatenate([annotations.links, np.reshape(np.array(links, dtype=int), (-1, 2))]),
    )


def move(annotations: Annotations, row: int, position) -> Annotations:
    positions = annotations.positions.copy()
    positions[row] = position
    return change(annotations, positions=positions)


def replace_link(annotations: Annotations, old, new) -> Annotations:
    links = annotations.links.copy()
    links[(links == old).all(axis=1)] = new
    return change(annotations, links=links)


FAR = [7, 70, 30]  # a place away from all nuclei, deep inside

PLANTED = {
    "no_positions": lambda a: a.select([]),
    "unknown_spacing": lambda a: change(a, spacing_um=None),
    "time_point_without_annotation": lambda a: change(
        a, time_points=[1, 2, 3, 3, 1, 2, 3] + 2 * (a.time_points == 3)
    ),
    "not_a_number": lambda a: move(a, 6, [7, np.nan, 5]),
    "duplicate_position": lambda a: add(a, a.positions[5] + [0, 1, 0], [2]),
    "link_not_forward": lambda a: replace_link(a, [4, 5], [5, 4]),
    "link_skips_time_point": lambda a: change(a, links=[[0, 1], [1, 2], [1, 3], [4, 6]]).select(
        [0, 1, 2, 3, 4, 6]
    ),
    "link_too_long": lambda a: move(a, 6, [7, 35, 92]),
    "division_not_in_two": lambda a: add(a, [7, 32, 44], [3], [[1, 7]]),
    "daughters_too_far_apart": lambda a: move(a, 3, [7, 75, 26]),
    "merge": lambda a: add(a, [[7, 75, 80], [7, 72, 83]], [1, 2], [[7, 8], [8, 6]]),
    "isolated_position": lambda a: add(a, FAR, [2]),
    "track_begins_inside": lambda a: add(a, [FAR, FAR], [2, 3], [[7, 8]]),
    "track_ends_inside": lambda a: add(a, [FAR, FAR], [1, 2], [[7, 8]]),
}


def names(problems) -> list[str]:
    return [problem.rule for problem in problems]


def test_the_clean_lineage_has_no_problem(clean, lineage):
    assert check_annotations(clean) == []
    assert check_annotations(clean, draw_movie(clean)) == []
    assert check_annotations(lineage) == []


@pytest.mark.parametrize("rule", PLANTED)
def test_each_planted_mistake_is_found_once_by_name_and_nothing_else(clean, rule):
    assert names(check_annotations(PLANTED[rule](clean))) == [rule]


def test_a_problem_says_what_where_and_what_to_do(clean):
    (problem,) = check_annotations(PLANTED["link_too_long"](clean))
    assert (problem.severity, problem.time_point, problem.rows) == ("warning", 2, (5, 6))
    assert problem.position == (7, 61, 88)
    assert str(problem) == (
        "warning: The position at time point 2, z 7.0, y 61.0, x 88.0 moves 13.2 µm to the next time point; 1.1 µm is "
        "usual. Link it to the right nucleus, or move the one of the two that lies beside its nucleus."
    )


def test_an_isolated_position_is_fine_where_nothing_is_linked(clean):
    assert check_annotations(change(clean, links=np.zeros((0, 2)))) == []


def test_tracks_may_end_at_the_border_or_for_a_stated_reason(clean):
    at_border = add(clean, [[7, 75, 5], [7, 75, 4]], [1, 2], [[7, 8]])
    assert check_annotations(at_border) == []
    shed = change(PLANTED["track_ends_inside"](clean), properties={"ending": [None] * 8 + ["shed"]})
    assert check_annotations(shed) == []


# ---- with a movie

PLANTED_IN_PLACE = {
    "spacing_differs": lambda a: change(a, spacing_um=(1.0, 0.5, 0.5)),
    "time_point_missing": lambda a: add(a, [7.5, 64, 86], [4], [[6, 7]]),
    "axes_swapped": lambda a: change(a, positions=a.positions[:, ::-1]),
    "units_mixed_up": lambda a: change(a, positions=a.positions * SPACING),
    "out_of_bounds": lambda a: add(a, [[7, 95, 20]], [2]),
}


@pytest.mark.parametrize("rule", PLANTED_IN_PLACE)
def test_positions_that_do_not_fit_the_movie_are_explained(clean, rule):
    assert names(check_annotations(PLANTED_IN_PLACE[rule](clean), draw_movie(clean))) == [rule]


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (lambda images: images.transpose(2, 1, 0, 3, 4), "exchanged"),
        (lambda images: images.transpose(1, 0, 2, 3, 4), "its channels are time points"),
        (lambda images: images.reshape(1, 1, -1, *images.shape[3:]), "one after the other"),
    ],
)
def test_a_movie_whose_time_points_were_read_as_something_else(clean, turn, words):
    """One problem for the whole movie, not one for each position."""
    movie = draw_movie(clean)
    first, last = movie.time_points.start, movie.time_points.stop
    images = np.stack([movie.stack(time)[None] for time in range(first, last)])
    misread = make_timelapse(turn(images), movie.spacing_um, first_time_point=first)
    (problem,) = check_annotations(clean, misread)
    assert problem.rule == "image_axes_swapped" and words in problem.message


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2), (1, 2, 0), (2, 0, 1)])
def test_swapped_axes_are_told_in_the_order_they_have(clean, order):
    """The columns given are named as they are: the first column holds axis order[0]."""
    (problem,) = check_annotations(
        change(clean, positions=clean.positions[:, order]), draw_movie(clean)
    )
    assert problem.rule == "axes_swapped"
    read_as = problem.message.split("in the order ")[1].split(" instead")[0].split(", ")
    fits = np.empty((7, 3))
    fits[:, ["zyx".index(axis) for axis in read_as]] = clean.positions[:, order]
    assert (fits <= np.array(SHAPE) - 0.5).all()


@pytest.mark.parametrize(
    "rule", ["not_a_number", "duplicate_position", "link_not_forward", "isolated_position"]
)
def test_mistakes_are_found_beside_a_movie_too(clean, rule):
    planted = PLANTED[rule](clean)
    movie = draw_movie(planted.select(np.isfinite(planted.positions).all(axis=1)))
    assert names(check_annotations(planted, movie)) == [rule]


def test_unknown_spacing_is_reported_and_the_movie_knows_better(clean):
    jumping = change(PLANTED["link_too_long"](clean), spacing_um=None)
    assert names(check_annotations(jumping, draw_movie(jumping))) == [
        "unknown_spacing",
        "link_too_long",
    ]


@pytest.mark.parametrize("shift", [[0, 10, 0], [0, 13, 0], [0, 0, -10], [2.5, 0, 0], [-1, 8, 0]])
def test_a_position_beside_its_nucleus_is_found(clean, shift):
    (problem,) = check_annotations(move(clean, 5, clean.positions[5] + shift), draw_movie(clean))
    assert (problem.rule, problem.rows) == ("off_centre", (5,))


def test_a_small_shift_is_tolerated(clean):
    assert (
        check_annotations(move(clean, 5, clean.positions[5] + [0, 3, 0]), draw_movie(clean)) == []
    )


def test_a_missing_nucleus_is_found_where_it_is(clean):
    movie = draw_movie(add(clean, FAR, [2]))
    (problem,) = check_annotations(clean, movie)
    assert (problem.rule, problem.time_point) == ("nucleus_missing", 2)
    np.testing.assert_allclose(problem.position, FAR, atol=0.5)


def test_of_scattered_annotations_nothing_is_missing(clean):
    movie = draw_movie(add(clean, FAR, [2]))
    later = clean.select(clean.time_points > 0)  # tracks begin where somebody began
    assert {each.rule for each in check_annotations(later.select(np.arange(2)), movie)}
    assert check_annotations(clean.with_scattered(), movie) == []
    dark = move(clean.with_scattered(), 5, FAR)
    assert [each.rule for each in check_annotations(dark, draw_movie(clean))][:1] == ["jump"] or (
        "off_centre" in {each.rule for each in check_annotations(dark, draw_movie(clean))}
    )


def test_nothing_is_missing_outside_the_annotated_cuboid(clean):
    movie = draw_movie(add(clean, FAR, [2]))
    assert check_annotations(change(clean, region=[[0, 20, 20], [13, 70, 100]]), movie) == []


GRADIENT = np.linspace(0, 300, int(np.prod(SHAPE))).reshape(SHAPE)
IMAGES = {
    "image_not_a_number": np.where(GRADIENT > 299, np.nan, GRADIENT),
    "empty_image": 0,
    "constant_image": 7,
}


@pytest.mark.parametrize("rule", IMAGES)
def test_images_that_show_nothing_are_found(clean, rule):
    movie = draw_movie(clean, dtype=np.float32, t2=IMAGES[rule])
    (problem,) = check_annotations(clean, movie)
    assert (problem.rule, problem.time_point, problem.severity) == (rule, 2, "error")


def test_a_saturated_image_is_found(clean):
    movie = draw_movie(clean, t3=np.minimum(draw_movie(clean).stack(3), 250))
    (problem,) = check_annotations(clean, movie, limits=CheckLimits(saturated_part=0.001))
    assert (problem.rule, problem.time_point) == ("saturated_image", 3)


def test_images_that_cannot_be_read_or_have_another_shape_are_found(clean):
    good = draw_movie(clean)

    def read(time_point, channel):
        if time_point == 1:
            raise OSError("the file is cut short.")
        return good.stack(time_point)[:-1] if time_point == 2 else good.stack(time_point)

    problems = check_annotations(clean, dataclasses.replace(good, read_stack=read))
    assert names(problems) == ["unreadable_image", "wrong_shape"]
    assert "cut short" in problems[0].message


@pytest.mark.parametrize("channels", [(2,), (1, 0), ()])
def test_a_wrong_channel_is_reported_once(clean, channels):
    (problem,) = check_annotations(clean, draw_movie(clean), channels=channels)
    assert problem.rule == "wrong_channel" and "channels 1 to 1" in problem.message


def test_time_points_far_apart_are_counted_not_listed(clean):
    far = add(clean, [[6, 30, 30]], [999_999_999])
    (problem,) = [
        one for one in check_annotations(far) if one.rule == "time_point_without_annotation"
    ]
    assert problem.time_point == 4 and "999999995 time points" in problem.message


def test_only_the_chosen_time_points_are_looked_at(clean):
    movie = draw_movie(clean, t2=0)
    assert check_annotations(clean, movie, time_points=[1, 3]) == []


def test_a_movie_of_one_plane_can_be_checked(clean):
    flat = change(clean, positions=clean.positions * [0, 1, 1], region=None)
    movie = draw_movie(flat, (1, *SHAPE[1:]))
    assert check_annotations(flat, movie) == []
    shifted = move(flat, 5, flat.positions[5] + [0, 10, 0])
    assert names(check_annotations(shifted, movie)) == ["off_centre"]
    ending = add(flat, [[0, 45, 60]] * 2, [1, 2], [[7, 8]])
    assert names(check_annotations(ending)) == ["track_ends_inside"]


@pytest.mark.parametrize("fill", [np.nan, np.inf, -1e300])
def test_nothing_is_raised_on_absurd_positions(clean, fill):
    absurd = change(clean, positions=np.full((7, 3), fill), spacing_um=None)
    for movie in (None, draw_movie(clean)):
        assert check_annotations(absurd, movie)


def test_the_real_organoid_has_no_problem():
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
    assert (
        check_annotations(truth, make_timelapse(stack[None, None], spacing, first_time_point=322))
        == []
    )


# ---- how much there is


def test_the_summary_counts(clean):
    other = AnnotatedMovie(
        movie=draw_movie(clean),
        annotations=change(clean, region=None).select(clean.time_points == 1),
    )
    summary = summarise_annotations(
        [AnnotatedMovie(movie=draw_movie(clean), annotations=clean), other]
    )
    first, second = summary.movies
    assert (
        first.positions,
        first.time_points,
        first.movie_time_points,
        first.links,
        first.divisions,
    ) == (7, 3, 3, 5, 1)
    assert first.image_part == 1
    # z 6..7, y 30..60, x 30..90, and 3.5 µm around them
    low, high = np.array([6, 30, 30]) - 3.5 / np.array(SPACING), np.array([7, 60, 90])
    sides = np.minimum(np.floor(high + 3.5 / np.array(SPACING)), np.array(SHAPE) - 1)
    sides -= np.maximum(np.ceil(low), 0) - 1
    assert second.image_part == pytest.approx(np.prod(sides) / np.prod(SHAPE))
    assert summary.positions == 9
    assert str(summary).splitlines()[3].split() == ["in", "all", "9", "4", "5", "1"]


def test_the_advice_follows_the_amount(clean):
    movie = draw_movie(clean)
    many = Annotations(np.zeros((2000, 3)), np.ones(2000), spacing_um=SPACING)
    advice = [
        summarise_annotations([AnnotatedMovie(movie=movie, annotations=one)] * count).advice
        for one, count in ((clean.select([]), 1), (clean, 1), (clean, 3), (many, 3))
    ]
    assert "Annotate a part" in advice[0]
    assert "fine-tune" in advice[1] and "single movie" in advice[1]
    assert "fine-tune" in advice[2] and "single movie" not in advice[2]
    assert "6,000 positions" in advice[3] and "enough to train from scratch" in advice[3]


def test_no_movies_make_an_empty_summary():
    assert "0 positions in 0 movies" in str(summarise_annotations([]))
