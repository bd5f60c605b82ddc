import dataclasses

from hypothesis import given, settings

from format_helpers import annotations_strategy, facts
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import add_track_ids
from organoid_kit.data.formats.table import read_table, write_table

IDS = ["track_id", "parent_track_id", "lineage_id"]


def ids(annotations):
    return [annotations.properties[name].tolist() for name in IDS]


def test_tracks_parents_and_lineages_are_numbered(lineage):
    assert ids(add_track_ids(lineage)) == [
        [1, 1, 3, 4, 2, 2, 2],
        [None, None, 1, 1, None, None, None],
        [1, 1, 1, 1, 2, 2, 2],
    ]
    assert lineage.properties == {}


def test_a_merge_has_several_parents_and_a_gap_is_one_track(lineage):
    merge = dataclasses.replace(lineage.select([0, 4, 2, 6]), links=[[0, 2], [1, 2]])
    assert ids(add_track_ids(merge)) == [[1, 2, 3, 4], [None, None, [1, 2], None], [1, 1, 1, 2]]
    skipping = dataclasses.replace(lineage.select([0, 2]), links=[[0, 1]])
    assert ids(add_track_ids(skipping)) == [[1, 1], [None, None], [1, 1]]


def test_no_positions_have_no_ids():
    assert ids(add_track_ids(Annotations([], []))) == [[], [], []]


@settings(max_examples=30, deadline=None)
@given(annotations=annotations_strategy())
def test_links_join_what_belongs_together_and_a_table_keeps_it(annotations, tmp_path_factory):
    numbered = add_track_ids(annotations)
    track, _, lineage = (numbered.properties[name] for name in IDS)
    assert all(lineage[a] == lineage[b] for a, b in annotations.links)
    assert len(set(track)) == len(annotations.tracks())
    assert facts(numbered, without=IDS) == facts(annotations)
    path = tmp_path_factory.mktemp("ids") / "a.csv"
    numbered = dataclasses.replace(numbered, positions=numbered.positions.round(6))
    write_table(numbered, path)
    assert facts(read_table(path), without=["id"]) == facts(numbered)
