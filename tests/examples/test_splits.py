"""Parts that do not leak into each other."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.splits import (
    Split,
    find_leaks,
    split_by_movie,
    split_by_time_block,
    split_random_time_points,
)


def make_annotated(name="movie", time_points=range(10), length=None) -> AnnotatedMovie:
    """One nucleus, followed through the time points."""
    time_points = list(time_points)
    count = len(time_points)
    links = (
        np.stack([np.arange(count - 1), np.arange(1, count)], axis=1)
        if count
        else np.zeros((0, 2), int)
    )
    movie = make_timelapse(
        np.zeros((length or max(time_points) + 1, 1, 1, 2, 2)), (1, 1, 1), name=name
    )
    return AnnotatedMovie(movie, Annotations(np.zeros((count, 3)), time_points, links, name=name))


def times(part: list) -> list[int]:
    return [int(time) for one in part for time in one.annotations.annotated_time_points]


def test_movies_stay_whole():
    movies = [make_annotated(f"movie {number}") for number in range(5)]
    split = split_by_movie(movies)
    assert (len(split.training), len(split.validation)) == (4, 1)
    assert {id(one) for part in split.parts().values() for one in part} == {
        id(one) for one in movies
    }


def test_the_seed_decides_which_movies():
    movies = [make_annotated(f"movie {number}") for number in range(9)]
    chosen = [
        split_by_movie(movies, seed=seed).validation[0].movie.name for seed in (1, 1, *range(2, 12))
    ]
    assert chosen[0] == chosen[1] and len(set(chosen)) > 1


def test_a_movie_in_two_pieces_stays_together():
    pieces = [
        make_annotated("same", range(5), 10),
        make_annotated("same", range(5, 10), 10),
        make_annotated("other"),
    ]
    split = split_by_movie(pieces)
    assert (
        len({one.movie.name for one in split.training})
        == len({one.movie.name for one in split.validation})
        == 1
    )
    assert find_leaks(split) == []


def test_too_few_movies_is_an_error_that_names_the_alternative():
    with pytest.raises(UserError, match="Received: 1.*split_by_time_block"):
        split_by_movie([make_annotated("a"), make_annotated("a")])


def test_blocks_of_time_follow_each_other_with_a_gap():
    split = split_by_time_block([make_annotated(time_points=range(20))], 0.2)
    assert times(split.training) == list(range(14))  # 14 and 15 are the gap
    assert times(split.validation) == list(range(16, 20))
    assert split.training[0].annotations.links.tolist() == [[row, row + 1] for row in range(13)]


def test_the_gap_counts_time_points_of_the_movie():
    split = split_by_time_block([make_annotated(time_points=[0, 5, 10, 15])], 0.25)
    assert (times(split.training), times(split.validation)) == ([0, 5, 10], [15])


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_time_points_is_an_error(count):
    with pytest.raises(UserError, match=f"{count} annotated time points in 'movie'"):
        split_by_time_block([make_annotated(time_points=range(count), length=9)])


def test_the_same_movie_twice_cannot_be_cut_into_blocks():
    with pytest.raises(UserError, match="'movie' more than once"):
        split_by_time_block([make_annotated(), make_annotated()])


@pytest.mark.parametrize("fraction", [1, -0.1, 1.5])
def test_a_part_is_below_one(fraction):
    with pytest.raises(UserError, match="below 1"):
        split_by_time_block([make_annotated()], fraction)


windows = st.tuples(st.integers(-3, 0), st.integers(0, 3))
annotated_times = st.sets(st.integers(0, 40), min_size=1)


@given(st.lists(annotated_times, min_size=2, max_size=6), windows, st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_a_split_by_movie_never_leaks(time_points, window, seed):
    movies = [
        make_annotated(f"movie {number}", sorted(chosen))
        for number, chosen in enumerate(time_points)
    ]
    assert find_leaks(split_by_movie(movies, seed=seed), window) == []


@given(st.lists(annotated_times, min_size=1, max_size=3), windows, st.floats(0, 0.9))
@settings(max_examples=200, deadline=None)
def test_blocks_of_time_never_leak(time_points, window, validation):
    movies = [
        make_annotated(f"movie {number}", sorted(chosen))
        for number, chosen in enumerate(time_points)
    ]
    try:
        split = split_by_time_block(movies, validation, time_window=window)
    except UserError:
        return  # too few time points, said clearly
    assert find_leaks(split, window) == []
    assert len(split.training) == len(movies)
    assert bool(split.validation) == (validation > 0)
    for parts in zip(*(part for part in split.parts().values() if part), strict=True):
        borders = [time for part in parts for time in (times([part])[0], times([part])[-1])]
        assert borders == sorted(borders)


@given(st.integers(0, 99), st.integers(4, 30))
@settings(max_examples=30, deadline=None)
def test_random_time_points_leak(seed, count):
    split = split_random_time_points([make_annotated(time_points=range(count))], seed=seed)
    assert sorted(times(split.training) + times(split.validation)) == list(range(count))
    (leak,) = find_leaks(split)
    assert "training and validation both see 'movie'" in leak


def test_a_leak_names_the_shared_time_points():
    whole = make_annotated()
    early, late = (
        replace(
            whole,
            annotations=whole.annotations.select(np.isin(whole.annotations.time_points, chosen)),
        )
        for chosen in (range(4), range(5, 10))
    )
    assert find_leaks(Split([early], [late])) == [
        "training and validation both see 'movie' at time points 4."
    ]
    assert find_leaks(Split([early], [late]), (0, 0)) == []
    assert find_leaks(Split([early], [late]), (-1, 0)) == []


def test_a_split_describes_itself():
    text = str(split_by_time_block([make_annotated("gut")]))
    assert text.splitlines() == [
        "training   6 positions: gut, 6 time points (0 to 5)",
        "validation 2 positions: gut, 2 time points (8 to 9)",
    ]
