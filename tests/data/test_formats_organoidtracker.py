import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from format_helpers import annotations_strategy, facts
from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import add_track_ids, read_annotations
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut


def write_json(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def v2(**parts):
    return {"version": "v2", "name": "a", "positions": [], "tracks": [], **parts}


def test_the_lineage_comes_back(lineage, tmp_path):
    write_aut(lineage, tmp_path / "a.aut")
    again = read_annotations(tmp_path / "a.aut")
    assert facts(again) == facts(lineage)
    assert (again.name, again.spacing_um, again.minutes_per_time_point) == (
        "lineage",
        (2.0, 0.5, 0.5),
        10.0,
    )


def test_a_division_is_two_tracks_after_the_same_mother(lineage, tmp_path):
    write_aut(lineage, tmp_path / "a.aut")
    tracks = json.loads((tmp_path / "a.aut").read_text())["tracks"]
    before = [track["coords_xyz_px_before"] for track in tracks if "coords_xyz_px_before" in track]
    assert before == [[[8.5, 9.0, 2.0]]] * 2
    assert [8.5, 9.0, 2.0] == tracks[0]["coords_xyz_px"][-1]  # and the mother's track ends there


@settings(max_examples=40, deadline=None)
@given(annotations=annotations_strategy())
def test_anything_comes_back(annotations, tmp_path_factory):
    path = tmp_path_factory.mktemp("aut") / "Zürich 50 µm.aut"
    write_aut(annotations, path)
    again = read_aut(path)
    assert facts(again) == facts(annotations)
    assert again.extra == annotations.extra
    assert (
        np.array_equal(again.region, annotations.region)
        if annotations.region is not None
        else again.region is None
    )
    assert (again.name, again.spacing_um) == (annotations.name, annotations.spacing_um)
    assert again.minutes_per_time_point == annotations.minutes_per_time_point
    assert again.known_um == annotations.known_um


def test_unknown_keys_are_kept(lineage, tmp_path):
    extra = {
        "image_channel_descriptions": [{"name": "GFP", "colormap": "green"}],
        "image_timings": {"min_time_point": 1, "timings_m": [0, 10, 21]},
        "other_data": {"mine": {"deep": [1, None]}},
        "of another version": [True, 2.5, "é"],
    }
    lineage = dataclasses.replace(lineage, extra=extra, region=[[0, 0, 0], [5, 6, 7]])
    write_aut(lineage, tmp_path / "a.aut")
    again = read_aut(tmp_path / "a.aut")
    assert again.extra == extra
    assert again.region.tolist() == [[0, 0, 0], [5, 6, 7]]


def test_offsets_are_subtracted_on_reading_and_added_on_writing(tmp_path):
    content = v2(
        positions=[{"time_point": t, "coords_xyz_px": [[10.5, 20, 3]]} for t in (4, 5)],
        tracks=[{"time_point_start": 4, "coords_xyz_px": [[10.5, 20, 3], [10.5, 20, 3]]}],
        image_offsets=[{"x": 7, "y": -2, "z": 1, "_time_point_number": 5}],
    )
    annotations = read_aut(write_json(tmp_path / "a.aut", content))
    assert annotations.positions.tolist() == [[3, 20, 10.5], [2, 22, 3.5]]
    write_aut(annotations, tmp_path / "b.aut")
    written = json.loads((tmp_path / "b.aut").read_text())
    assert written["positions"] == content["positions"]
    assert written["tracks"] == content["tracks"]
    assert written["image_offsets"] == content["image_offsets"]


def test_a_trailing_null_before_a_track_is_passed_over(tmp_path):
    content = v2(
        positions=[
            {"time_point": 0, "coords_xyz_px": [[1, 1, 1]]},
            {"time_point": 1, "coords_xyz_px": [[2, 2, 2]]},
        ],
        tracks=[
            {
                "time_point_start": 1,
                "coords_xyz_px": [[2, 2, 2]],
                "coords_xyz_px_before": [[1, 1, 1]],
                "link_meta_before": {"link_penalty": [0.5, None]},
            }
        ],
    )
    annotations = read_aut(write_json(tmp_path / "a.aut", content))
    assert annotations.links.tolist() == [[0, 1]]
    assert annotations.link_properties["link_penalty"].tolist() == [0.5]


def test_tracks_find_positions_that_are_equal_to_a_hundredth(tmp_path):
    content = v2(
        positions=[{"time_point": 0, "coords_xyz_px": [[1.004, 1, 1]]}],
        tracks=[{"time_point_start": 0, "coords_xyz_px": [[1.006, 1, 1], [3, 3, 3]]}],
    )
    annotations = read_aut(write_json(tmp_path / "a.aut", content))
    assert annotations.positions.tolist() == [[1, 1, 1.004], [3, 3, 3]]


def test_data_of_a_lineage_belong_to_its_first_position(tmp_path):
    content = v2(
        positions=[{"time_point": 0, "coords_xyz_px": [[1, 1, 1]]}],
        tracks=[
            {"time_point_start": 0, "coords_xyz_px": [[1, 1, 1]], "lineage_meta": {"color": 255}}
        ],
    )
    annotations = read_aut(write_json(tmp_path / "a.aut", content))
    assert annotations.properties["lineage_color"].tolist() == [255]
    write_aut(annotations, tmp_path / "b.aut")
    written = json.loads((tmp_path / "b.aut").read_text())
    assert (written["positions"], written["tracks"]) == (content["positions"], content["tracks"])


def test_version_1_is_read(tmp_path):
    here = {"x": 1.5, "y": 2, "z": 3, "_time_point_number": 7}
    there = {"x": 2, "y": 2, "z": 3, "_time_point_number": 8}
    graph = {
        "nodes": [{"id": here, "type": "STEM"}, {"id": there}],
        "links": [{"source": there, "target": here, "link_penalty": -2, "__lineage_color": 9}],
    }
    content = {
        "positions": {"7": [[1.5, 2, 3]], "8": [[2, 2, 3], [9, 9, 9]]},
        "links": graph,
        "image_resolution": {"x_um": 0.3, "y_um": 0.4, "z_um": 2, "t_m": 12},
        "beacons": {"7": [[1, 1, 1]]},
    }
    annotations = read_aut(write_json(tmp_path / "a.aut", {"version": "v1", **content}))
    assert annotations.positions.tolist() == [[3, 2, 1.5], [3, 2, 2], [9, 9, 9]]
    assert annotations.time_points.tolist() == [7, 8, 8]
    assert annotations.links.tolist() == [[0, 1]]
    assert annotations.properties["type"].tolist() == ["STEM", None, None]
    assert annotations.properties["lineage_color"].tolist() == [9, None, None]
    assert annotations.link_properties["link_penalty"].tolist() == [-2]
    assert (annotations.spacing_um, annotations.minutes_per_time_point) == ((2, 0.4, 0.3), 12)
    assert annotations.extra == {"beacons": {"7": [[1, 1, 1]]}}
    assert read_aut(write_json(tmp_path / "p.aut", content["positions"])).time_points.tolist() == [
        7,
        8,
        8,
    ]
    assert read_aut(write_json(tmp_path / "g.aut", graph)).links.tolist() == [[0, 1]]


def test_a_link_that_skips_a_time_point_cannot_be_written(lineage, tmp_path):
    skipping = lineage.select([0, 2])
    skipping = dataclasses.replace(skipping, links=[[0, 1]])
    with pytest.raises(UserError, match="from time point 1 to 3"):
        write_aut(skipping, tmp_path / "a.aut")
    assert not (tmp_path / "a.aut").exists()


def test_positions_that_collide_cannot_be_written(tmp_path):
    colliding = Annotations(positions=[[1, 1, 1], [5, 5, 5], [1, 1, 1.001]], time_points=[3, 3, 3])
    with pytest.raises(UserError, match="positions 0 and 2 at time point 3"):
        write_aut(colliding, tmp_path / "a.aut")


def test_a_position_that_is_not_finite_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="position 0 at time point 3"):
        write_aut(Annotations(positions=[[1, np.nan, 1]], time_points=[3]), tmp_path / "a.aut")


def test_an_existing_file_is_kept(lineage, tmp_path):
    (tmp_path / "a.aut").write_text("mine")
    with pytest.raises(UserError, match="a-2.aut"):
        write_aut(lineage, tmp_path / "a.aut")
    assert (tmp_path / "a.aut").read_text() == "mine"


HERE = {"time_point": 0, "coords_xyz_px": [[1, 1, 1]]}
BAD = {
    "no dictionary": [],
    "positions no list": v2(positions=3),
    "entry no dictionary": v2(positions=[3]),
    "no time point": v2(positions=[{"coords_xyz_px": []}]),
    "time point a text": v2(positions=[{"time_point": "one", "coords_xyz_px": []}]),
    "time point a bool": v2(positions=[{"time_point": True, "coords_xyz_px": []}]),
    "time point huge": v2(positions=[{"time_point": 10**400, "coords_xyz_px": []}]),
    "coordinates missing": v2(positions=[{"time_point": 1}]),
    "two coordinates": v2(positions=[{"time_point": 1, "coords_xyz_px": [[1, 2]]}]),
    "coordinates null": v2(positions=[{"time_point": 1, "coords_xyz_px": [[1, 2, None]]}]),
    "coordinates text": v2(positions=[{"time_point": 1, "coords_xyz_px": [[1, 2, "3"]]}]),
    "coordinates not finite": v2(
        positions=[{"time_point": 1, "coords_xyz_px": [[1, 2, float("nan")]]}]
    ),
    "coordinates huge": v2(positions=[{"time_point": 1, "coords_xyz_px": [[1, 2, 10**400]]}]),
    "too few values": v2(positions=[{**HERE, "position_meta": {"type": []}}]),
    "too many values": v2(positions=[{**HERE, "position_meta": {"type": [1, 2]}}]),
    "meta no dictionary": v2(positions=[{**HERE, "position_meta": [1]}]),
    "track no dictionary": v2(tracks=["a"]),
    "track empty": v2(tracks=[{"time_point_start": 1, "coords_xyz_px": []}]),
    "track without start": v2(tracks=[{"coords_xyz_px": [[1, 1, 1]]}]),
    "too few link values": v2(
        tracks=[{"time_point_start": 1, "coords_xyz_px": [[1, 1, 1]], "link_meta": {"a": [1]}}]
    ),
    "lineage no dictionary": v2(
        tracks=[{"time_point_start": 1, "coords_xyz_px": [[1, 1, 1]], "lineage_meta": 1}]
    ),
    "v1 link without ends": {"links": {"links": [{}]}},
    "v1 node without id": {"nodes": [{}], "links": []},
    "v1 links a text": {"links": "a"},
    "v1 time point": {"positions": {"one": []}},
    "v1 time point superscript": {"positions": {"²": []}},
    "v1 time point with two signs": {"positions": {"--5": []}},
    "resolution": v2(image_resolution={"x_um": "a"}),
    "offsets": v2(image_offsets=[{"x": 1}]),
    "name": v2(name=3),
    "other data": v2(other_data=3),
    "region": v2(other_data={"organoid_kit_region_zyx_px": [[1, 2, 3]]}),
    "version": v2(version="v9"),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_malformed_file_gives_one_clear_error(tmp_path, content):
    with pytest.raises(UserError, match="bad.aut"):
        read_aut(write_json(tmp_path / "bad.aut", content))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    ["version", "name", "positions", "tracks", "links", "image_resolution", "image_offsets"]
)


@settings(max_examples=100, deadline=None)
@given(content=st.dictionaries(keys, json_values) | json_values)
def test_any_json_gives_annotations_or_one_clear_error(content, tmp_path_factory):
    path = write_json(tmp_path_factory.mktemp("aut") / "a.aut", content)
    try:
        assert isinstance(read_aut(path), Annotations)
    except UserError as error:
        assert "a.aut" in str(error)


def test_the_helper_sees_a_lost_link(lineage):
    assert facts(dataclasses.replace(lineage, links=lineage.links[1:])) != facts(lineage)
    assert isinstance(facts(lineage), Counter)


@settings(max_examples=100, deadline=None)
@given(annotations=annotations_strategy())
def test_organoidtracker_finds_the_track_of_every_position_before(annotations, tmp_path_factory):
    """It opens a file only where each of `coords_xyz_px_before` ends a track of the file."""
    path = tmp_path_factory.mktemp("aut") / "a.aut"
    write_aut(annotations, path)
    tracks = json.loads(path.read_text(encoding="utf-8"))["tracks"]
    ends = {
        (track["time_point_start"] + len(track["coords_xyz_px"]) - 1, *track["coords_xyz_px"][-1])
        for track in tracks
    }
    before = {
        (track["time_point_start"] - 1, *xyz)
        for track in tracks
        for xyz in track.get("coords_xyz_px_before", [])
    }
    assert before <= ends


def test_a_mother_seen_once_has_a_track(tmp_path):
    family = Annotations([[1, 1, 2], [1, 2, 2], [1, 1, 2]], [0, 1, 1], [[0, 1], [0, 2]])
    write_aut(family, tmp_path / "a.aut")
    tracks = json.loads((tmp_path / "a.aut").read_text())["tracks"]
    assert [track["coords_xyz_px"] for track in tracks] == [[[2, 1, 1]], [[2, 2, 1]], [[2, 1, 1]]]
    assert read_aut(tmp_path / "a.aut").links.tolist() == [[0, 1], [0, 2]]


@pytest.mark.parametrize("name", ["source", "target", "__cost", "lineage_source", "lineage___a"])
@pytest.mark.parametrize("column", ["properties", "link_properties"])
def test_names_that_organoidtracker_reserves_cannot_be_written(lineage, tmp_path, column, name):
    size = len(lineage) if column == "properties" else len(lineage.links)
    with pytest.raises(UserError, match=name):
        write_aut(dataclasses.replace(lineage, **{column: {name: [1] * size}}), tmp_path / "a.aut")


def test_the_number_of_a_lineage_is_data_of_positions_as_id_is_reserved(lineage, tmp_path):
    write_aut(add_track_ids(lineage), tmp_path / "a.aut")
    content = json.loads((tmp_path / "a.aut").read_text())
    assert not any("id" in track.get("lineage_meta", {}) for track in content["tracks"])
    again = read_aut(tmp_path / "a.aut")
    assert facts(again) == facts(add_track_ids(lineage))


@pytest.mark.parametrize("key", ["links", "links_scratch", "links_baseline"])
def test_old_files_keep_links_under_three_names(tmp_path, key):
    ends = [{"_time_point_number": t, "x": 1, "y": 1, "z": 1} for t in (0, 1)]
    graph = {"nodes": [], "links": [{"source": ends[0], "target": ends[1]}]}
    positions = {"0": [[1, 1, 1]], "1": [[1, 1, 1]]}
    path = write_json(tmp_path / "a.aut", {"version": "v1", "positions": positions, key: graph})
    assert read_aut(path).links.tolist() == [[0, 1]]
