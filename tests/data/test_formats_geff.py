import dataclasses
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings

from format_helpers import annotations_strategy, column, facts, with_probabilities
from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import add_track_ids, read_annotations
from organoid_kit.data.formats.geff import read_geff, write_geff

geff = pytest.importorskip("geff", reason="the geff library, an extra, is not installed")
core_io = pytest.importorskip("geff.core_io")
ValidationConfig, validate_data = (
    geff.validate.data.ValidationConfig,
    geff.validate.data.validate_data,
)


def write_foreign(path, axes, props, ids=(3, 9), edges=((3, 9),), extra=None):
    metadata = geff.GeffMetadata(
        directed=True, axes=axes, node_props_metadata={}, edge_props_metadata={}, extra=extra or {}
    )
    props = {name: {"values": np.array(values), "missing": None} for name, values in props.items()}
    ids, edges = np.array(ids, np.uint64), np.array(edges, np.uint64).reshape(-1, 2)
    core_io.write_arrays(path, ids, props, edges, {}, metadata)
    return path


def axis(name, unit, scale=None, scaled_unit=None, offset=None):
    kind = "time" if name in ("t", "frame") else "space"
    scaled = {"scale": scale, "scaled_unit": scaled_unit, "offset": offset}
    return {"name": name, "type": kind, "unit": unit, **scaled}


def check_with_the_library(path):
    """Raises where GEFF's own checks of folder, graph, tracklets and lineages fail."""
    geff.validate_structure(str(path))
    config = ValidationConfig(graph=True, tracklet=True, lineage=True)
    validate_data(core_io.read_to_memory(str(path)), config)


def test_the_lineage_comes_back(lineage, tmp_path):
    lineage = dataclasses.replace(
        lineage, region=[[0, 0, 0], [9, 9, 9]], known_um=5.0, extra={"color": [1, 0.5, math.inf]}
    )
    write_geff(lineage, tmp_path / "a.geff")
    again = read_annotations(tmp_path / "a.geff")
    assert facts(again, without=["id"]) == facts(lineage)
    assert (again.name, again.spacing_um, again.minutes_per_time_point) == (
        "lineage",
        (2.0, 0.5, 0.5),
        10.0,
    )
    assert (again.extra, again.region.tolist(), again.known_um) == (
        {"color": [1, 0.5, math.inf]},
        [[0, 0, 0], [9, 9, 9]],
        5.0,
    )


@settings(max_examples=15, deadline=None)
@given(annotations=annotations_strategy())
def test_anything_comes_back(annotations, tmp_path_factory):
    path = tmp_path_factory.mktemp("geff") / "a.geff"
    write_geff(annotations, path)
    check_with_the_library(path)
    again = read_geff(path)
    assert facts(again, without=["id"]) == facts(annotations)
    assert (again.name, again.spacing_um) == (annotations.name, annotations.spacing_um)
    assert (again.minutes_per_time_point, again.extra) == (
        annotations.minutes_per_time_point,
        annotations.extra,
    )


def test_the_scale_of_each_axis_is_its_own(lineage, tmp_path):
    write_geff(dataclasses.replace(lineage, spacing_um=(2.0, 0.4, 0.3)), tmp_path / "a.geff")
    axes = geff.GeffMetadata.read(str(tmp_path / "a.geff")).axes
    assert [(a.name, a.scale, a.scaled_unit) for a in axes] == [
        ("t", 10.0, "minute"),
        ("z", 2.0, "micrometer"),
        ("y", 0.4, "micrometer"),
        ("x", 0.3, "micrometer"),
    ]


def test_tracks_with_probabilities_come_back_and_others_can_read_them(lineage, tmp_path):
    tracks = with_probabilities(lineage)
    write_geff(tracks, tmp_path / "a.geff")
    assert facts(read_geff(tmp_path / "a.geff"), without=["id"]) == facts(tracks)
    axes = {axis.name: axis for axis in geff.GeffMetadata.read(str(tmp_path / "a.geff")).axes}
    assert (axes["t"].type, axes["t"].unit, axes["t"].min, axes["t"].max) == ("time", "frame", 1, 3)
    assert (axes["y"].type, axes["y"].unit, axes["y"].min, axes["y"].max) == (
        "space",
        "pixel",
        7,
        21,
    )
    graph, _ = geff.read(str(tmp_path / "a.geff"), backend="networkx")
    assert graph.edges[1, 2] == {"link_probability": 0.8, "error_probability": 0.2}
    assert graph.nodes[1]["division_probability"] == 0.97
    # NaN, as other programs read a decimal that is marked as missing as 0 or -1
    assert math.isnan(graph.nodes[2]["division_probability"])
    assert math.isnan(graph.edges[1, 3]["error_probability"])


def test_what_is_missing_is_missing_again_and_no_number_stands_in_its_place(lineage, tmp_path):
    values = {"decimal": [0.5, None], "whole": [3, None], "flag": [True, None], "text": ["a", None]}
    lineage.properties.update({name: column(v * 3 + [None]) for name, v in values.items()})
    write_geff(lineage, tmp_path / "a.geff")
    content = core_io.read_to_memory(str(tmp_path / "a.geff"))["node_props"]
    assert content["decimal"]["missing"] is None and np.isnan(content["decimal"]["values"][1])
    for name in ("whole", "flag", "text"):
        assert content[name]["missing"].tolist() == [False, True] * 3 + [True]
    again = read_geff(tmp_path / "a.geff").properties
    for name, (value, _) in values.items():
        assert again[name].tolist() == [value, None] * 3 + [None]


def test_a_program_that_takes_axes_in_their_order_is_told_which_is_which(lineage, tmp_path):
    write_geff(lineage, tmp_path / "a.geff")
    hints = geff.GeffMetadata.read(str(tmp_path / "a.geff")).display_hints
    assert (hints.display_horizontal, hints.display_vertical) == ("x", "y")
    assert (hints.display_depth, hints.display_time) == ("z", "t")


def test_track_ids_are_declared_while_they_are_true(lineage, tmp_path):
    numbered = add_track_ids(lineage)
    write_geff(numbered, tmp_path / "true.geff")
    check_with_the_library(tmp_path / "true.geff")
    said = geff.GeffMetadata.read(str(tmp_path / "true.geff")).track_node_props
    assert said == {"tracklet": "track_id", "lineage": "lineage_id"}
    write_geff(dataclasses.replace(numbered, links=lineage.links[:3]), tmp_path / "stale.geff")
    assert geff.GeffMetadata.read(str(tmp_path / "stale.geff")).track_node_props is None


def test_ids_are_kept(lineage, tmp_path):
    lineage.properties["id"] = column([70, 60, 50, 40, 30, 20, 10])
    write_geff(lineage, tmp_path / "a.geff")
    assert facts(read_geff(tmp_path / "a.geff")) == facts(lineage)


def test_a_file_in_um_needs_the_spacing(tmp_path):
    axes = [axis("frame", "frame"), *[axis(name, "micrometer") for name in "zyx"]]
    props = {"frame": [9, 8], "z": [4.0, 4.0], "y": [1.0, 2.0], "x": [3.0, 3.5]}
    path = write_foreign(tmp_path / "a.geff", axes, props)
    with pytest.raises(UserError, match="spacing_um"):
        read_geff(path)
    annotations = read_geff(path, spacing_um=(2, 0.5, 0.5))
    assert annotations.positions.tolist() == [[2, 2, 6], [2, 4, 7]]
    assert annotations.links.tolist() == [
        [1, 0]
    ]  # the earlier position first, whatever the file's direction
    assert annotations.properties["id"].tolist() == [3, 9]
    assert annotations.properties.keys() == {"id"}


def test_an_export_of_motile_tracker_is_a_folder_in_the_folder(lineage, tmp_path):
    (tmp_path / "export.geff").mkdir()
    write_geff(lineage, tmp_path / "export.geff" / "tracks.geff")
    again = read_annotations(tmp_path / "export.geff")
    assert facts(again, without=["id"]) == facts(lineage)


def test_positions_of_motile_tracker_are_lengths_without_a_unit(tmp_path):
    axes = [axis(name, None) for name in "tzyx"]
    props = {"t": [0, 1], "z": [4.0, 4.0], "y": [1.0, 2.0], "x": [3.0, 3.5]}
    extra = {"funtracks": {"version": "2.2.0"}}
    path = write_foreign(tmp_path / "a.geff", axes, props, extra=extra)
    with pytest.raises(UserError, match="written by motile_tracker.*Pass spacing_um"):
        read_geff(path)
    again = read_geff(path, spacing_um=(2, 0.5, 0.5))
    assert again.positions.tolist() == [[2, 2, 6], [2, 4, 7]]


def test_a_2d_file_lies_in_the_first_plane(tmp_path):
    axes = [
        axis("t", "frame", 30.0, "second"),
        axis("y", "pixel", 500.0, "nanometer"),
        axis("x", "pixel", 500.0, "nanometer"),
    ]
    annotations = read_geff(
        write_foreign(tmp_path / "a.geff", axes, {"t": [0, 1], "y": [1.0, 2.0], "x": [3.0, 4.0]})
    )
    assert annotations.positions.tolist() == [[0, 1, 3], [0, 2, 4]]
    assert (annotations.spacing_um, annotations.minutes_per_time_point) == ((1.0, 0.5, 0.5), 0.5)


PIXELS, MICROMETRES = ("pixel", 0.5, "micrometer"), {"spacing_um": (2, 0.5, 0.5)}


@pytest.mark.parametrize(
    ("time", "space", "stated", "times", "x"),
    [
        (("frame", 5, "minute", 15), (*PIXELS, 2.0), {}, [3, 4], [10, 12]),
        (("frame", None, None, 3), ("pixel", None, None, 4), {}, [3, 4], [10, 12]),
        (("frame", 5, "minute"), ("pixel", 500, "nanometer"), {}, [0, 1], [6, 8]),
        # Counted in an image of half the size; where nothing says in what, a scale is not touched
        (("frame", 2, "frame"), ("pixel", 2, "pixel", 1.0), {}, [0, 2], [13, 17]),
        (("frame",), ("pixel", 0.5), {}, [0, 1], [6, 8]),
        # Of lengths and times a scale is not the size of voxels, nor the interval
        (("frame",), ("micrometer", 1.0, "micrometer", 2.0), MICROMETRES, [0, 1], [16, 20]),
        (("frame",), ("nanometer", 0.001, "micrometer"), MICROMETRES, [0, 1], [0.012, 0.016]),
        (("second", 0.5, "minute", 1), PIXELS, {"minutes_per_time_point": 0.5}, [2, 3], [6, 8]),
    ],
)
def test_scale_and_offset_of_axes_are_as_the_format_says(tmp_path, time, space, stated, times, x):
    """Offsets are added after scaling; what counts pixels and frames goes on counting them."""
    axes = [axis("t", *time), *(axis(name, *space) for name in "zyx")]
    props = {"t": [0, 1], "z": [0.0, 0.0], "y": [1.0, 1.0], "x": [6.0, 8.0]}
    path = write_foreign(tmp_path / "a.geff", axes, props)
    if stated:
        with pytest.raises(UserError, match=f"Pass {next(iter(stated))}"):
            read_geff(path)
    again = read_geff(path, **stated)
    assert again.time_points.tolist() == times
    assert again.positions[:, 2] == pytest.approx(x)
    if space == PIXELS:
        assert again.spacing_um == (0.5, 0.5, 0.5)


def test_positions_that_an_offset_moves_are_said(tmp_path):
    axes = [axis("t", "frame"), *(axis(name, *PIXELS) for name in "zyx")]
    axes[1]["offset"] = 3.0
    props = {"t": [0, 1], "z": [0.0, 0.0], "y": [1.0, 1.0], "x": [6.0, 8.0]}
    with pytest.warns(UserWarning, match=r"scale and offset of its axes \(z\) are applied"):
        again = read_geff(write_foreign(tmp_path / "a.geff", axes, props))
    assert again.positions.tolist() == [[6, 1, 6], [6, 1, 8]]


def test_axes_that_do_not_fit_are_named_with_their_types(tmp_path):
    axes = [{"name": name, "type": "space", "unit": None} for name in ("hour", "y", "x")]
    props = {"hour": [0, 1], "y": [1.0, 2.0], "x": [3.0, 3.5]}
    with pytest.raises(UserError, match=r"Received: .*hour \(of type space\).*t of type time"):
        read_geff(write_foreign(tmp_path / "a.geff", axes, props))


@pytest.mark.parametrize(
    ("unit", "advice"), [("frame", "Number them"), ("hour", "Pass other minutes_per_time_point")]
)
def test_time_points_that_are_none_are_mended_as_their_unit_allows(tmp_path, unit, advice):
    axes = [axis("t", unit), *(axis(name, "pixel") for name in "zyx")]
    props = {"t": [0, 0.5], "z": [4.0, 4.0], "y": [1.0, 2.0], "x": [3.0, 3.5]}
    path = write_foreign(tmp_path / "a.geff", axes, props)
    with pytest.raises(UserError, match=advice):
        read_geff(path, minutes_per_time_point=20)


def test_texts_of_numbers_that_are_no_letters_give_one_clear_error(tmp_path):
    axes = [axis("t", "frame"), *(axis(name, "pixel") for name in "zyx")]
    props = {"t": [0, 1], "z": [4.0, 4.0], "y": [1.0, 2.0], "x": [3.0, 3.5]}
    props["name"] = np.array([65, 0x110000], np.uint32).view("<U1")
    with pytest.raises(UserError, match="a.geff.*Repair it"):
        read_geff(write_foreign(tmp_path / "a.geff", axes, props))


def test_what_is_no_geff_gives_one_clear_error(tmp_path, lineage):
    (tmp_path / "empty.geff").mkdir()
    (tmp_path / "file.geff").write_text("text")
    write_foreign(tmp_path / "axes.geff", [axis("t", "frame")], {"t": [0, 1]})
    write_geff(lineage, tmp_path / "cut.geff")
    for array in (tmp_path / "cut.geff" / "nodes" / "ids").iterdir():
        array.unlink()
    for name in ("empty", "file", "axes", "cut", "missing"):
        with pytest.raises(UserError, match=f"{name}.geff"):
            read_geff(tmp_path / f"{name}.geff")


@pytest.mark.parametrize(
    "damaged",
    [
        {"region": [[1, 2], [3]]},
        {"region": [[1, 2, 3], [4, 5, float("nan")]]},
        {"name": 7},
        {"extra": "no JSON"},
        {"extra": "[1]"},
        {"json": None},
        {"link_json": [[]]},
        "a text",
    ],
)
def test_damaged_metadata_of_ours_costs_our_extras_not_the_file(lineage, tmp_path, damaged):
    write_geff(lineage, tmp_path / "a.geff")
    metadata = geff.GeffMetadata.read(tmp_path / "a.geff")
    said = metadata.extra["organoid_kit"]
    metadata.extra["organoid_kit"] = damaged if isinstance(damaged, str) else said | damaged
    metadata.write(tmp_path / "a.geff")
    with pytest.warns(UserWarning, match="damaged"):
        again = read_geff(tmp_path / "a.geff")
    assert len(again) == len(lineage) and again.links.tolist() == lineage.links.tolist()
    assert again.name == "a" and again.region is None


def test_a_coordinate_without_measure_gives_one_clear_error(tmp_path):
    axes = [axis(name, "pixel") for name in "tyx"]
    write_foreign(tmp_path / "a.geff", axes, {"t": [0, 1], "y": [1.0, 1e300], "x": [1.0, 2.0]})
    with pytest.raises(UserError, match="on axis 'y'"):
        read_geff(tmp_path / "a.geff")


def test_an_edge_to_nowhere_gives_one_clear_error(tmp_path):
    axes = [axis("t", "frame"), axis("y", "pixel"), axis("x", "pixel")]
    with pytest.raises((UserError, ValueError)) as caught:
        read_geff(
            write_foreign(
                tmp_path / "a.geff", axes, {"t": [0, 1], "y": [0, 1], "x": [0, 1]}, edges=[(3, 4)]
            )
        )
    assert "3" in str(caught.value)


@pytest.mark.parametrize("ids", [[1] * 7, [None] * 7, [-1, 1, 2, 3, 4, 5, 6], list("abcdefg")])
def test_ids_that_geff_cannot_hold_are_an_error(lineage, tmp_path, ids):
    lineage.properties["id"] = column(ids)
    with pytest.raises(UserError, match="'id'"):
        write_geff(lineage, tmp_path / "a.geff")


@pytest.mark.parametrize("name", ["t", "x", "", "a/b", "../a", ".a"])
def test_a_property_that_cannot_be_a_folder_is_an_error(tmp_path, name):
    with pytest.raises(UserError, match="Rename"):
        write_geff(
            Annotations(positions=[[1, 1, 1]], time_points=[0], properties={name: [1]}),
            tmp_path / "a.geff",
        )
    assert list(tmp_path.iterdir()) == []


def test_existing_folders_are_kept_and_only_a_geff_is_replaced(lineage, tmp_path):
    write_geff(lineage, tmp_path / "a.geff")
    with pytest.raises(UserError, match="a-2.geff"):
        write_geff(lineage.select([0]), tmp_path / "a.geff")
    write_geff(lineage.select([0]), tmp_path / "a.geff", overwrite=True)
    assert len(read_geff(tmp_path / "a.geff")) == 1
    (tmp_path / "b.geff").mkdir()
    (tmp_path / "b.geff" / "thesis.doc").touch()
    with pytest.raises(UserError, match="b.geff"):
        write_geff(lineage, tmp_path / "b.geff", overwrite=True)
    assert (tmp_path / "b.geff" / "thesis.doc").exists()


def test_a_missing_library_says_how_to_install_it(lineage, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "geff", None)
    with pytest.raises(UserError, match=r'pip install "organoid-kit\[formats\]"'):
        write_geff(lineage, tmp_path / "a.geff")


@pytest.mark.parametrize(
    ("names", "unit", "factor"),
    [
        (("z", "y", "x"), "µm", 1),
        (("z", "y", "x"), "um", 1),
        (("POSITION_Z", "POSITION_Y", "POSITION_X"), "micron", 1),
        (("centroid-0", "centroid-1", "centroid-2"), "nanometer", 1e-3),
        (("z", "y", "x"), "pixels", None),
        (("cell_z", "cell_y", "cell_x"), None, None),  # pycellin
    ],
)
def test_axes_and_units_of_other_programs(tmp_path, names, unit, factor):
    axes = [axis("frame", "frame"), *(axis(name, unit) for name in names)]
    props = dict(zip(("frame", *names), ([0, 1], [2.0, 4.0], [1.0, 1.5], [3.0, 3.0])))
    path = write_foreign(tmp_path / "a.geff", axes, props)
    positions = np.array([[2, 1, 3], [4, 1.5, 3]])
    expected = positions if factor is None else positions * factor / (2, 0.5, 0.5)
    again = read_geff(path, spacing_um=(2, 0.5, 0.5))
    assert np.allclose(again.positions, expected)


@pytest.mark.parametrize(
    ("names", "declared"),
    [
        (("t", "z", "y", "x"), ()),
        (("FRAME", "POSITION_Z", "POSITION_Y", "POSITION_X", "POSITION_T"), ()),
        (("frame", "cell_z", "cell_y", "cell_x"), ("frame",)),  # as pycellin writes unless told
        (("t", "z", "y", "x"), ("z", "y", "x")),
    ],
)
def test_axes_that_nobody_declared_are_known_by_their_names(tmp_path, names, declared):
    columns = ([0, 1], [2.0, 4.0], [1.0, 1.5], [3.0, 3.0], [0.0, 12.5])
    axes = [axis(name, None) for name in declared] or None
    path = write_foreign(tmp_path / "a.geff", axes, dict(zip(names, columns, strict=False)))
    with pytest.warns(UserWarning, match=r"does not declare all of its axes.*no unit"):
        again = read_geff(path)
    assert again.time_points.tolist() == [0, 1]
    assert again.positions.tolist() == [[2, 1, 3], [4, 1.5, 3]]


def test_a_property_may_state_the_unit_of_an_axis_that_nobody_declared(tmp_path):
    props = dict(zip("tzyx", ([0, 1], [2.0, 4.0], [1.0, 1.5], [3.0, 3.0]), strict=True))
    path = write_foreign(tmp_path / "a.geff", None, props)
    metadata = geff.GeffMetadata.read(path)
    for name in "zyx":
        metadata.node_props_metadata[name].unit = "micrometer"
    metadata.write(path)
    with pytest.warns(UserWarning, match=r"x \(micrometer\)"):
        assert read_geff(path, spacing_um=(2, 0.5, 0.5)).positions[1].tolist() == [2, 3, 6]


@pytest.mark.parametrize(
    ("unit", "times", "minutes"), [("hour", [0, 0.25], 15), ("second", [600, 1200], 10)]
)
def test_times_in_hours_need_the_interval_and_become_time_points(tmp_path, unit, times, minutes):
    axes = [axis("t", unit), *(axis(name, "pixel") for name in "zyx")]
    props = {"t": np.array(times, float), **{name: [1.0, 2.0] for name in "zyx"}}
    path = write_foreign(tmp_path / "a.geff", axes, props)
    with pytest.raises(UserError, match=f"minutes_per_time_point={minutes},"):
        read_geff(path)
    again = read_geff(path, minutes_per_time_point=minutes)
    assert np.diff(again.time_points).tolist() == [1]
    assert again.minutes_per_time_point == minutes
    with pytest.raises(UserError, match="whole numbers"):
        read_geff(path, minutes_per_time_point=0.7 * minutes)
