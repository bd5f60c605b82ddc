import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings

from format_helpers import annotations_strategy, facts, with_probabilities
from organoid_kit.data.formats import add_organoidtracker_data
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut

THEIRS = ["division_penalty", "error", "link_penalty", "marginal_probability"]


def test_penalties_are_minus_log10_of_the_odds(lineage):
    data = add_organoidtracker_data(with_probabilities(lineage))
    penalties = data.link_properties["link_penalty"].tolist()
    assert penalties == pytest.approx(
        [-np.log10(99), -np.log10(4), np.log10(3 / 7), -10, np.log10(3)]
    )
    assert data.properties["division_penalty"][1:3].tolist() == [
        pytest.approx(-np.log10(97 / 3)),
        None,
    ]
    assert data.properties["division_penalty"][6] == 0
    assert data.link_properties["marginal_probability"].tolist() == [0.999, 0.8, None, 1, 0.99]


def test_nothing_is_lost_on_the_way_into_a_file_and_back(lineage, tmp_path):
    tracks = with_probabilities(lineage)
    data = add_organoidtracker_data(tracks)
    write_aut(data, tmp_path / "a.aut")
    again = read_aut(tmp_path / "a.aut")
    assert facts(again) == facts(data)
    assert facts(again, without=THEIRS) == facts(tracks)


@settings(max_examples=30, deadline=None)
@given(annotations=annotations_strategy())
def test_nothing_of_ours_changes(annotations):
    assert facts(add_organoidtracker_data(annotations), without=THEIRS) == facts(annotations)


def flags(annotations, **options):
    return add_organoidtracker_data(annotations, **options).properties["error"].tolist()


def test_doubts_are_flagged_at_the_later_end_of_a_link_and_at_the_mother(lineage):
    tracks = with_probabilities(lineage)
    assert flags(tracks) == [None, None, 14, None, 3, None, None]
    assert flags(tracks, max_error=0.001) == [None, 9, 14, None, 3, None, 14]
    assert "error" not in add_organoidtracker_data(lineage).properties


def test_ends_and_impossible_links_are_flagged_once_there_are_links(lineage):
    wrong = dataclasses.replace(lineage, links=[[0, 1], [1, 2], [1, 3], [1, 6], [5, 6]])
    assert flags(wrong) == [None, 4, None, None, 1, 5, 6]
    assert (
        "error" not in add_organoidtracker_data(dataclasses.replace(lineage, links=[])).properties
    )


def test_values_of_theirs_stay_where_ours_say_nothing(lineage):
    tracks = with_probabilities(lineage)
    tracks.properties["error"] = np.array([13, None, 13, None, None, None, None], dtype=object)
    tracks.link_properties["marginal_probability"] = np.array([0.5] * 5, dtype=object)
    assert flags(tracks) == [13, None, 14, None, 3, None, None]
    data = add_organoidtracker_data(tracks)
    assert data.link_properties["marginal_probability"].tolist() == [0.999, 0.8, 0.5, 1, 0.99]
    assert tracks.link_properties["marginal_probability"].tolist() == [0.5] * 5
