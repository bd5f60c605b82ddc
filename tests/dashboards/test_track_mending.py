"""Tracks that are corrected in the explorer: buttons, undo and redo, and a journal that survives."""

import dataclasses
import re

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import TrackExplorer
from organoid_kit.dashboards.annotation.editing.journal import Journal
from organoid_kit.dashboards.stack.browser import Pick
from organoid_kit.dashboards.tracks import pins
from organoid_kit.dashboards.tracks.mending import TrackEditor
from organoid_kit.dashboards.tracks.pins import Pin, find_broken, list_places
from organoid_kit.data.formats import read_annotations
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.errors import add_error_probabilities, list_doubts
from tracking_helpers import make_movie as make_moving

MOVIE = make_timelapse(np.zeros((6, 1, 40, 40, 40), np.uint8), (1.0, 1.0, 1.0), name="noise")


@pytest.fixture(scope="module")
def found():
    candidates = make_moving(np.random.default_rng(3), nuclei=30, time_points=6)[-1]
    inside = ((candidates.positions > 0) & (candidates.positions < 39)).all(axis=1)
    candidates = candidates.select(inside)
    return candidates, add_error_probabilities(candidates, build_tracks(candidates))


@pytest.fixture
def explorer(found, tmp_path):
    candidates, tracks = found
    options = {"output": tmp_path / "mended.aut", "drawn_by": "kernel"}
    return TrackExplorer(MOVIE, tracks, candidates=candidates, **options)


def list_links(tracks):
    return set(pins.list_links(tracks))


def pick(explorer, row):
    tracks = explorer.tracks
    explorer.browser.go_to(int(tracks.time_points[row]))
    explorer.browser.pick(Pick(int(tracks.time_points[row]), tracks.positions[row]))


def inner_link(tracks, number=0):
    """A link in the middle of the movie, of which no division is part."""
    inner = (tracks.time_points[tracks.links[:, 0]] == 2) & (
        tracks.links_forward()[tracks.links[:, 0]] == 1
    )
    return tracks.links[np.flatnonzero(inner)[number]].tolist()


def test_nothing_is_written_before_something_is_corrected(explorer, tmp_path):
    assert list(tmp_path.iterdir()) == []
    assert explorer.corrections.undo.disabled and explorer.corrections.save.disabled


def test_a_cut_link_is_gone_undone_and_done_again(explorer):
    a, b = inner_link(explorer.tracks)
    before, places = list_links(explorer.tracks), list_places(explorer.tracks)
    pick(explorer, b)
    explorer.corrections.cut.click()
    said = explorer.messages.value
    assert "Cut the link" in said and re.search(r"Solved again in \d\.\d s: elsewhere", said)
    after = list_links(explorer.tracks)
    assert (places[a], places[b]) in before - after
    layer = explorer.browser.layers["tracks"].annotations
    assert list_links(layer) == after and explorer.corrections.chosen == []
    explorer.corrections.undo.click()
    assert list_links(explorer.tracks) == before and explorer.corrections.undo.disabled
    explorer.corrections.redo.click()
    assert list_links(explorer.tracks) == after and not explorer.corrections.undo.disabled


def test_positions_that_are_picked_are_joined(explorer):
    a, b = inner_link(explorer.tracks, 0)
    c, d = inner_link(explorer.tracks, 1)
    places = list_places(explorer.tracks)
    pick(explorer, d)
    pick(explorer, a)
    explorer.corrections.join.click()
    after = list_links(explorer.tracks)
    assert (places[a], places[d]) in after and (places[c], places[d]) not in after
    pick(explorer, list_places(explorer.tracks).index(places[a]))
    explorer.corrections.join.click()
    assert "Two positions must be chosen to be joined" in explorer.messages.value
    assert explorer.messages.kind == "fail"


def test_divisions_are_marked_and_unmarked(explorer):
    a, _ = inner_link(explorer.tracks)
    place, before = list_places(explorer.tracks)[a], list_links(explorer.tracks)
    pick(explorer, a)
    explorer.corrections.divide.click()
    assert find_broken(explorer.tracks, [Pin("division", (place,))]) == []
    pick(explorer, list_places(explorer.tracks).index(place))
    explorer.corrections.not_dividing.click()
    assert find_broken(explorer.tracks, [Pin("division", (place,), False)]) == []
    explorer.corrections.undo.click()
    explorer.corrections.undo.click()
    assert list_links(explorer.tracks) == before


def test_a_nucleus_goes_and_another_comes(explorer):
    a, _ = inner_link(explorer.tracks)
    place = list_places(explorer.tracks)[a]
    pick(explorer, a)
    explorer.corrections.remove.click()
    assert place not in list_places(explorer.tracks)
    explorer.browser.go_to(2, np.array([1, 2, 39]))
    explorer.corrections.add.click()
    assert (2.0, 1.0, 2.0, 39.0) in list_places(explorer.tracks)
    explorer.corrections.add.click()
    assert "A nucleus is annotated once" in explorer.messages.value


def test_what_was_found_right_is_no_doubt_any_more(explorer):
    first = explorer._doubts[0]
    place = (float(first.time_point), *first.position.tolist())
    explorer.next_doubt.click()
    explorer.corrections.confirm.click()
    assert "Said to be right" in explorer.messages.value
    left = [(each.what, float(each.time_point), *each.position) for each in explorer._doubts]
    assert (first.what, *place) not in left
    explorer.corrections.confirm.click()
    assert "must be a doubt of the list" in explorer.messages.value


def test_what_cannot_be_is_refused_and_nothing_changes(explorer):
    a, b = inner_link(explorer.tracks)
    pick(explorer, a)
    editor, places = explorer._editor, list_places(explorer.tracks)
    others = [place for place in places if place[0] == 3 and place != places[b]][:3]
    for other in others[:2]:
        editor.correct("joined", [Pin("link", (places[a], other))])
    before, known = list_links(editor.tracks), editor.pins
    with pytest.raises(UserError, match="must be possible together"):
        editor.correct("joined", [Pin("link", (places[a], others[2]))])
    assert list_links(editor.tracks) == before and editor.pins == known


def test_corrections_come_back_after_a_kill_wherever_it_was(found, tmp_path):
    """The journal is cut at any byte of its last step: at most that one is lost."""
    candidates, tracks = found
    editor = TrackEditor(tracks, MOVIE, candidates, tmp_path / "mended.aut")
    places, states = list_places(tracks), [list_links(tracks)]
    for number in range(3):
        a, b = inner_link(tracks, number)
        editor.correct("cut", [Pin("link", (places[a], places[b]), False)])
        states.append(list_links(editor.tracks))
    journal = tmp_path / "mended.aut.journal"
    content, random = journal.read_bytes(), np.random.default_rng(0)
    last = content[:-1].rfind(b"\n") + 1
    for length in (last, *random.integers(last, len(content), 4), len(content)):
        journal.write_bytes(content[:length])
        again = TrackEditor(tracks, MOVIE, candidates, tmp_path / "mended.aut")
        number = 3 if length == len(content) else 2
        assert list_links(again.tracks) == states[number] and len(again.pins) == number
        assert find_broken(again.tracks, again.pins) == []
        again.undo()
        assert list_links(again.tracks) == states[number - 1]


def test_the_explorer_says_that_corrections_came_back(explorer, found, tmp_path):
    pick(explorer, inner_link(explorer.tracks)[1])
    explorer.corrections.cut.click()
    candidates, tracks = found
    other = TrackExplorer(
        MOVIE, tracks, candidates=candidates, output=tmp_path / "mended.aut", drawn_by="kernel"
    )
    assert "1 correction of an earlier session came back" in other.messages.value
    assert list_links(other.tracks) == list_links(explorer.tracks)


def test_mended_tracks_are_saved(explorer, tmp_path):
    pick(explorer, inner_link(explorer.tracks)[1])
    explorer.corrections.cut.click()
    explorer.corrections.save.click()
    saved = read_annotations(tmp_path / "mended.aut")
    assert len(saved) == len(explorer.tracks) and len(saved.links) == len(explorer.tracks.links)


def test_tracks_alone_can_be_mended(found, tmp_path):
    """Without candidates, what nobody spoke against stays."""
    _, tracks = found
    editor = TrackEditor(tracks, MOVIE, None, tmp_path / "mended.aut")
    places, (a, b) = list_places(tracks), inner_link(tracks)
    said = [Pin("link", (places[a], places[b]), False)]
    editor.correct("cut", said)
    assert find_broken(editor.tracks, said) == []
    assert len(list_links(tracks) ^ list_links(editor.tracks)) <= 3


def test_the_doubt_that_is_looked_at_is_what_is_corrected(explorer):
    """Each kind of doubt chooses what a correction of it needs."""
    tracks = explorer.tracks
    for doubt in list_doubts(tracks, most=None, least=0):
        explorer.corrections.choose_doubt(doubt)
        rows = explorer.corrections.chosen
        assert rows[-1] == doubt.row or doubt.what == "division"
        if doubt.what == "link":
            assert rows in tracks.links.tolist()


def test_candidates_of_other_tracks_are_refused(found):
    candidates, tracks = found
    moved = dataclasses.replace(tracks, positions=tracks.positions + 0.5)
    editor = TrackEditor(moved, MOVIE, candidates)
    with pytest.raises(UserError, match="Tracks consist of their candidates"):
        editor.correct("removed", [Pin("nucleus", (list_places(moved)[0],), False)])


def test_a_journal_that_was_changed_is_refused(found, tmp_path):
    candidates, tracks = found
    what = (tracks, MOVIE, candidates, tmp_path / "mended.aut")
    journal = Journal(tmp_path / "mended.aut.journal", tracks)
    journal.write({"undo": 1})
    with pytest.raises(UserError, match="Every line of a journal must be whole"):
        TrackEditor(*what)
