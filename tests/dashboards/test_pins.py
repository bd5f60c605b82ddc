"""What a person says holds, what is far stays, and what was said last counts."""

import numpy as np
import pytest

from organoid_kit.dashboards.tracks.pins import (
    Pin,
    find_broken,
    list_links,
    list_places,
    propose_candidates,
    solve_again,
)
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.errors import add_error_probabilities, list_doubts
from tracking_helpers import make_candidates, make_movie


@pytest.fixture(scope="module")
def movie():
    """Candidates of some 200 positions, and their tracks with doubts."""
    _, candidates = make_movie(np.random.default_rng(3), nuclei=30, time_points=8)[-2:]
    return candidates, add_error_probabilities(candidates, build_tracks(candidates))


def solve(movie, *pins):
    return solve_again(*movie, pins, pins)


def test_without_a_pin_nothing_changes(movie):
    candidates, tracks = movie
    for known in (candidates, propose_candidates(tracks)):
        again = solve_again(known, tracks, [], [])
        assert set(list_links(again)) == set(list_links(tracks))


@pytest.mark.parametrize("prepared", ["given", "proposed"])
def test_pins_hold_and_what_is_far_stays(movie, prepared):
    candidates, tracks = movie
    candidates = candidates if prepared == "given" else propose_candidates(tracks)
    places, said = list_places(tracks), []
    for number, (a, b) in enumerate(tracks.links[5:100:19].tolist()):
        said.append(Pin("link", (places[a], places[b]), number % 2 == 1))
        before, tracks = tracks, solve_again(candidates, tracks, said, said[-1:])
        assert find_broken(tracks, said) == []
        times = [
            place[0] for link in set(list_links(before)) ^ set(list_links(tracks)) for place in link
        ]
        assert all(abs(time - places[a][0]) <= 7 for time in times)
    assert len(said) == 5


def test_a_cut_lets_the_next_best_in():
    """A crossing: a–c and b–d, or a–d and b–c."""
    places, times = [[0, 0, 0], [0, 0, 6], [0, 0, 1], [0, 0, 5]], [0, 0, 1, 1]
    links, says = [[0, 2], [1, 3], [0, 3], [1, 2]], [0.9, 0.9, 0.2, 0.2]
    candidates = make_candidates(places, times, links, says)
    tracks = build_tracks(candidates)
    a, b, c, d = list_places(candidates)
    assert set(list_links(tracks)) == {(a, c), (b, d)}
    said = [Pin("link", (a, d))]
    crossed = solve_again(candidates, tracks, said, said)
    assert set(list_links(crossed)) == {(a, d), (b, c)}
    said = [Pin("nucleus", (d,), False)]
    assert list_places(solve_again(candidates, tracks, said, said)) == [a, b, c]


def test_nuclei_divide_and_do_not(movie):
    candidates, tracks = movie
    assert len(tracks.divisions()) == 0
    row = np.flatnonzero((tracks.links_forward() == 1) & (tracks.links_backward() == 1))[3]
    said = Pin("division", (list_places(tracks)[row],))
    divided = solve(movie, said)
    assert find_broken(divided, [said]) == [] and len(divided.divisions()) == 1
    said = [said._replace(is_so=False)]
    again = solve_again(candidates, divided, said, said)
    assert find_broken(again, said) == [] and len(again.divisions()) == 0


def test_a_nucleus_where_none_was_found_is_linked_to_its_neighbours():
    places = [[0, 0, 10 * n + t / 2] for t in range(5) for n in range(4)]
    times = np.repeat(np.arange(5), 4)
    links = [[row, row + 4] for row in range(16)]
    whole = make_candidates(places, times, links, np.full(16, 0.97))
    lacking = whole.select(np.arange(20) != 9)
    tracks = build_tracks(lacking, settings=None)
    said = [Pin("nucleus", ((2.0, 0.0, 0.0, 11.0),))]
    found = solve_again(lacking, tracks, said, said)
    assert set(list_links(found)) == set(list_links(whole))
    assert len(found) == 20  # the nucleus that was filled in there is none any more


def test_the_link_to_a_filled_in_nucleus_can_be_cut():
    places = [[0, 0, 10 * n] for t in range(5) for n in range(4)]
    links = [[row, row + 4] for row in range(16)]
    whole = make_candidates(places, np.repeat(np.arange(5), 4), links, np.full(16, 0.97))
    lacking = whole.select(np.arange(20) != 9)
    tracks = build_tracks(lacking)
    filled_in = (2.0, 0.0, 0.0, 10.0)
    assert filled_in in list_places(tracks)
    said = [Pin("nucleus", (filled_in,), False)]
    cut = solve_again(lacking, tracks, said, said)
    assert filled_in not in list_places(cut) and len(cut) == 19
    said = [Pin("link", ((1.0, 0.0, 0.0, 10.0), filled_in), False)]
    cut = solve_again(lacking, tracks, said, said)
    assert find_broken(cut, said) == []
    assert list_places(cut).count(filled_in) == 1


@pytest.mark.parametrize(
    "one, other, contradict",
    [
        (Pin("link", ((0, 1), (1, 1))), Pin("link", ((0, 2), (1, 1))), True),
        (
            Pin("link", ((0, 1), (1, 1))),
            Pin("link", ((0, 1), (1, 2))),
            False,
        ),  # a division, perhaps
        (Pin("link", ((0, 1), (1, 1))), Pin("link", ((0, 1), (1, 1)), False), True),
        (Pin("link", ((0, 1), (1, 1))), Pin("nucleus", ((0, 1),), False), True),
        (Pin("end", ((0, 1),)), Pin("link", ((0, 1), (1, 1))), False),  # the link counts more
        (Pin("start", ((0, 1),)), Pin("link", ((0, 1), (1, 1))), False),
        (Pin("division", ((0, 1),)), Pin("division", ((0, 1),), False), True),
        (Pin("division", ((0, 1),)), Pin("nucleus", ((0, 1),)), False),
        (Pin("division", ((0, 1),)), Pin("nucleus", ((0, 1),), False), True),
    ],
)
def test_what_contradicts(one, other, contradict):
    assert one.contradicts(other) == other.contradicts(one) == contradict
    assert not one.contradicts(one)


def test_what_was_said_is_no_doubt_any_more_and_all_else_stays_doubtful(movie):
    """Also where nobody knows candidates."""
    _, tracks = movie
    doubt = next(each for each in list_doubts(tracks, least=0) if each.what == "link")
    places = list_places(tracks)
    source = tracks.links[tracks.links[:, 1] == doubt.row, 0][0]
    said = [Pin("link", (places[source], places[doubt.row]))]
    after = solve_again(propose_candidates(tracks), tracks, said, said)
    before, again = (
        dict(zip(list_links(each), each.link_properties["error_probability"]))
        for each in (tracks, after)
    )
    assert again.pop(said[0].places) == 0 < before.pop(said[0].places)
    assert {link: again[link] for link in before} == before
