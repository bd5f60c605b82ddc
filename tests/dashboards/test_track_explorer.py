"""Lineage tree and movie linked both ways, and doubts that lead there."""

import dataclasses
import json
import re

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import TrackExplorer
from organoid_kit.dashboards.stack.browser import Pick
from organoid_kit.dashboards.tracks.lineage_tree import draw_tree
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.plots.drawing import describe
from organoid_kit.plots.lineages import number_lineages

SPACING = (2.0, 0.5, 0.5)
MOVIE = make_timelapse(
    np.random.default_rng(0).integers(0, 99, (4, 1, 8, 40, 40)).astype(np.uint8),
    SPACING,
    name="noise",
)


@pytest.fixture
def tracks(lineage):
    """The link to the second daughter is most doubtful, then the division."""
    properties = {
        "division_error_probability": [None, 0.2, *[None] * 5],
        "start_error_probability": [None] * 7,
        "end_error_probability": [None] * 7,
    }
    errors = {"error_probability": [0.001, None, 0.5, 0.06, 0.0]}
    return dataclasses.replace(lineage, link_properties=errors, properties=properties)


@pytest.fixture
def explorer(tracks):
    return TrackExplorer(MOVIE, tracks, drawn_by="kernel")


def place_of(explorer, row):
    return next((x, y) for x, y, each in explorer.tree.places if each == row)


def test_the_tree_lies_where_positions_are(tracks):
    drawn = draw_tree(tracks, number_lineages(tracks), np.array([0, 1]))
    places = {row: (x, y) for x, y, row in drawn.places}
    assert sorted(places) == list(range(7))
    for row, (x, _) in places.items():
        assert x == round(drawn.first + drawn.step * tracks.time_points[row], 1)
    assert (
        places[2][1] < places[1][1] < places[3][1] < places[4][1]
    )  # a mother between her daughters
    assert places[0][1] == places[1][1] and places[4][1] == places[6][1]
    assert (
        drawn.words.startswith("2 lineages with 7 positions")
        and "1 division, 3 doubts" in drawn.words
    )


def test_of_the_lineages_only_those_asked_for_are_drawn(tracks):
    drawn = draw_tree(tracks, number_lineages(tracks), np.array([1]), chosen=1)
    assert [row for _, _, row in drawn.places] == [4, 5, 6]
    assert re.findall(r'text-anchor="end"[^>]*>([^<]*)<', drawn.svg) == ["▸ 2"]


def test_a_click_in_the_tree_goes_there_in_the_movie(explorer):
    explorer._handle_event({"kind": "pick", "row": 5})
    assert explorer.browser.time_point.value == 2
    assert (explorer.browser.z.value, explorer.browser.y.value, explorer.browser.x.value) == (
        5,
        20,
        24,
    )
    assert explorer.chosen == 1 and "Lineage 2: 3 positions, 0 divisions" in explorer.messages.value


def test_keys_in_the_tree(explorer):
    explorer._handle_event({"kind": "time point", "step": 1})
    assert explorer.browser.time_point.value == 2
    explorer._handle_event({"kind": "lineage", "step": 1})
    explorer._handle_event({"kind": "lineage", "step": 1})
    assert explorer.chosen == 1
    explorer._handle_event({"kind": "lineage", "step": 1})
    assert explorer.chosen == 0


def test_the_movie_moves_the_line_in_the_tree(explorer):
    explorer.tree.ready = True
    explorer.browser.time_point.value = 3
    assert explorer.tree.now == place_of(explorer, 2)[0]
    svg = explorer.tree.svg
    explorer.browser.time_point.value = 1
    assert explorer.tree.now == place_of(explorer, 0)[0] and explorer.tree.svg == svg


def test_a_nucleus_picked_in_the_movie_shows_its_lineage(explorer):
    before = explorer.tree.svg
    explorer.browser.pick(Pick(3, np.array([5.5, 21, 25.0])))
    assert explorer.chosen == 1 and explorer.tree.svg != before and ">▸ 2<" in explorer.tree.svg
    layers = explorer.browser.layers
    assert len(layers["chosen lineage"].annotations) == 3 and len(layers["tracks"].annotations) == 7
    explorer.browser.pick(Pick(3, np.array([0, 39, 0.0])))
    assert explorer.chosen == 1 and "No nucleus" in explorer.messages.value


def test_doubts_lead_to_the_movie_the_most_doubtful_first(explorer):
    labels = [label for label, _ in explorer.doubts.options]
    assert [re.match(r"(\d+)% wrong: (\w+)", label).groups() for label in labels] == [
        ("50", "link"),
        ("20", "division"),
        ("6", "link"),
    ]
    explorer.next_doubt.click()
    assert explorer.browser.time_point.value == 3 and explorer.browser.y.value == 12
    assert "Doubt 1 of 3" in explorer.messages.value and explorer.chosen == 0
    explorer.doubts.value = 2
    assert explorer.browser.time_point.value == 2 and explorer.chosen == 1
    explorer.next_doubt.click()
    assert explorer.doubts.value == 0


def test_tracks_without_error_probabilities_say_so(lineage):
    explorer = TrackExplorer(MOVIE, lineage, drawn_by="kernel")
    assert explorer.doubts.options == () and "not measured" in explorer.describe()
    explorer.next_doubt.click()
    assert "not measured" in explorer.messages.value


def test_of_many_lineages_some_are_shown_and_that_is_said():
    alone = Annotations(np.full((40, 3), 3.0), np.ones(40), spacing_um=SPACING)
    explorer = TrackExplorer(MOVIE, alone, drawn_by="kernel")
    assert (
        len(explorer.tree.places) == 15 and "The 15 largest of 40 lineages" in explorer._shown.value
    )
    explorer.choose(30)
    assert explorer.lineage.value == explorer.chosen + 1 == 31
    assert len(explorer.tree.places) == 1 and "Lineage 31 of 40" in explorer._shown.value


def test_a_front_end_without_the_script_sees_the_tree(explorer):
    assert (
        "<svg" in explorer._display._picture.value
        and explorer._display._picture.layout.display is None
    )
    before = explorer._display._picture.value
    explorer.browser.time_point.value = 3
    assert explorer._display._picture.value != before
    explorer.tree.ready = True
    assert (
        explorer._display._picture.value == ""
        and explorer._display._picture.layout.display == "none"
    )


def test_only_where_one_can_click_does_it_say_so(explorer):
    assert (
        "Click" not in explorer._tree_help.value
        and "Pick a nucleus in the movie" in explorer._tree_help.value
    )
    explorer.tree.ready = True
    assert "Click</b> in the tree" in explorer._tree_help.value


def test_the_tree_comes_into_the_page_when_its_script_is_there(explorer):
    assert explorer.tree not in explorer._display._box.children
    explorer.tree.ready = True
    assert explorer.tree in explorer._display._box.children


def test_nothing_to_show(lineage):
    explorer = TrackExplorer(MOVIE, lineage.select([]), drawn_by="kernel")
    assert explorer.tree.places == [] and explorer.messages.kind != "fail"
    explorer._handle_event({"kind": "lineage", "step": 1})
    assert "0 lineages" in explorer.describe() and explorer.plot()


def test_state_comes_back(tracks, explorer):
    explorer.doubts.value, explorer.lineage.value = 1, 2
    state = json.loads(json.dumps(explorer.state()))
    other = TrackExplorer(MOVIE, tracks, drawn_by="kernel")
    other.restore(state)
    assert other.state() == explorer.state() and other.chosen == 1
    for wrong in ({"chosen": 7}, {"lineages": 1}):
        with pytest.raises(UserError, match="state must"):
            other.restore(wrong)


def test_its_static_twin(explorer):
    assert "2 lineages" in describe(explorer.plot()) and "1 division" in describe(explorer.plot())
    explorer.lineage.value = 2
    drawing = explorer.plot()
    assert drawing._suptitle.get_text() == "Lineage 2" and "1 lineage with 3 positions" in describe(
        drawing
    )


@pytest.mark.parametrize("number", [-5, 99])
def test_a_lineage_that_there_is_not_is_told_not_corrected(explorer, number):
    explorer.lineage.value = number
    assert explorer.lineage.value == number
    assert "lineage" in explorer.messages.value and explorer.messages.kind == "fail"
