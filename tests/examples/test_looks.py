"""How movies look: alike where they are, and unlike, in words, where they are not."""

import dataclasses
import warnings

import numpy as np
import pytest

from organoid_kit.base import make_settings
from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data import AnnotatedMovie, Annotations, find_samples, read_dataset
from organoid_kit.examples.looks import find_unlike, measure_look, warn_if_unlike
from organoid_kit.examples.sizes import fit_to_network
from organoid_kit.networks import load_settings

SETTINGS = make_settings(channels=(2, 3))


def read(part: str) -> list[AnnotatedMovie]:
    return read_dataset(find_samples() / f"{part}.autlist")


@pytest.fixture(scope="module")
def held_out() -> list[AnnotatedMovie]:
    return [*read("validation"), *read("test")]


@pytest.fixture(scope="module")
def known() -> tuple[float, ...]:
    """Of the bundled movies that train."""
    return measure_look(read("training"), SETTINGS)


def invent(**changes) -> AnnotatedMovie:
    options = {"shape_zyx": (20, 112, 112), "time_points": 1} | changes
    return AnnotatedMovie(*make_synthetic_movie(SyntheticSettings(**options), 3))


def find(annotated: AnnotatedMovie, known: tuple[float, ...]) -> set[str]:
    return set(find_unlike(measure_look([annotated], SETTINGS), known))


def test_no_false_alarm_on_bundled_movies_that_were_held_out(held_out, known):
    assert [find(annotated, known) for annotated in held_out] == [set()] * 2


def test_no_false_alarm_of_the_shipped_network_on_any_bundled_movie(held_out):
    """It has seen none of them."""
    settings = load_settings("position_small").changed(channels=(2, 3))
    fitted = [fit_to_network(each, settings) for each in [*held_out, *read("training")]]
    looks = [measure_look([each], settings) for each in fitted]
    assert [find_unlike(look, settings.look) for look in looks] == [{}] * 4


@pytest.mark.parametrize(
    ("changes", "unlike"),
    [
        ({"nucleus_diameter_um": 16, "nuclei": 12, "shape_zyx": (30, 160, 160)}, {"size"}),
        ({"photons": 4, "read_noise": 5, "nuclei": 30}, {"noise"}),
        ({"spacing_um": (5.0, 0.5, 0.5), "shape_zyx": (12, 112, 112)}, {"planes"}),
    ],
)
def test_what_is_unlike_is_named(changes, unlike, known):
    assert find(invent(**changes), known) == unlike


def test_a_border_that_holds_nothing_is_empty(held_out, known):
    movie, annotations = held_out[0].movie, held_out[0].annotations
    shape = (movie.shape_zyx[0], *(3 * size for size in movie.shape_zyx[1:]))

    def read_stack(time_point: int, channel: int) -> np.ndarray:
        wide = np.zeros(shape, np.uint16)
        wide[:, : movie.shape_zyx[1], : movie.shape_zyx[2]] = movie.read_stack(time_point, channel)
        return wide

    wide = dataclasses.replace(movie, shape_zyx=shape, read_stack=read_stack)
    assert find(AnnotatedMovie(wide, annotations), known) == {"filled"}


def test_one_line_says_what_is_unlike_and_none_what_is_alike(held_out, known):
    networks = [make_settings(kind, channels=(2, 3), look=known) for kind in ("position", "link")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_unlike(held_out[0], *networks)
        warn_if_unlike(invent(photons=4, read_noise=5), make_settings(channels=(2, 3)))
    with pytest.warns(UserWarning, match=r"noise 0\.\d+ \(0\.\d+.* in training\)") as told:
        warn_if_unlike(invent(photons=4, read_noise=5, nuclei=30), *networks)
    assert len(told) == 1 and "\n" not in str(told[0].message)


def test_only_time_points_that_are_annotated_are_read(held_out):
    def refuse(time_point: int, channel: int) -> np.ndarray:
        assert time_point in (2, 3)
        return held_out[0].movie.read_stack(time_point, channel)

    movie = dataclasses.replace(held_out[0].movie, read_stack=refuse)
    shown = Annotations(np.zeros((2, 3)), [2, 3])
    assert measure_look([AnnotatedMovie(movie, shown)], SETTINGS)[2:4] == (2.0, 2.0)


def test_what_cannot_be_measured_is_not_compared(held_out):
    movie = held_out[0].movie
    one_plane = dataclasses.replace(
        movie,
        shape_zyx=(1, *movie.shape_zyx[1:]),
        read_stack=lambda *which: movie.read_stack(*which)[10:11],
    )
    nothing = Annotations(np.zeros((0, 3)), [])
    look = measure_look([AnnotatedMovie(one_plane, nothing)], SETTINGS)
    assert look[2:4] == (0.0, 0.0) and look[4] == 0.5  # no planes, but pixels
    nothing = measure_look([], SETTINGS)
    assert not find_unlike(nothing, look) and not find_unlike(look, nothing)
