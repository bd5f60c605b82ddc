import csv
import dataclasses
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings

from format_helpers import annotations_strategy, with_probabilities
from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import read_annotations, write_annotations
from organoid_kit.data.formats.trackmate import read_trackmate, select_features, write_trackmate

ORGANOID = Path(__file__).parents[3] / "shared" / "data" / "lstree_enterocyst"
SPOT = '<Spot ID="{}" FRAME="{}" POSITION_Z="4" POSITION_Y="1" POSITION_X="{}" QUALITY="2.5" name="7" {}/>'
FILE = """<?xml version="1.0" encoding="UTF-8"?>
<TrackMate version="7"><Model spatialunits="{units}"><AllSpots>{spots}</AllSpots>
<AllTracks><Track TRACK_ID="0">{edges}</Track>
<Track TRACK_ID="1"><Edge SPOT_SOURCE_ID="1" SPOT_TARGET_ID="3"/></Track></AllTracks>
<FilteredTracks><TrackID TRACK_ID="0"/></FilteredTracks></Model>
<Settings><ImageData pixelwidth="0.5" pixelheight="0.5" voxeldepth="2.0"/></Settings></TrackMate>"""
EDGE = '<Edge SPOT_SOURCE_ID="{}" SPOT_TARGET_ID="{}" LINK_COST="{}"/>'


def write(tmp_path, spots=None, edges="", units="micron"):
    spots = spots or SPOT.format(1, 5, 1, "") + SPOT.format(2, 6, 2, "") + SPOT.format(
        3, 6, 3, 'VISIBILITY="0"'
    )
    path = tmp_path / "a.xml"
    path.write_text(FILE.format(spots=spots, edges=edges, units=units), encoding="utf-8")
    return path


def test_spots_in_um_become_positions_in_voxels(tmp_path):
    path = write(tmp_path, edges=EDGE.format(2, 1, 0.5) + EDGE.format(1, 3, 0.7))
    annotations = read_annotations(path, spacing_um=(2, 0.5, 0.5), time_point_offset=1)
    assert annotations.positions.tolist() == [[2, 2, 2], [2, 2, 4]]  # the hidden spot is left out
    assert annotations.time_points.tolist() == [6, 7]
    assert annotations.links.tolist() == [[0, 1]]  # the earlier first
    properties = {name: values.tolist() for name, values in annotations.properties.items()}
    assert properties == {"id": [1, 2], "QUALITY": [2.5, 2.5], "name": ["7", "7"]}
    assert annotations.link_properties["LINK_COST"].tolist() == [0.5]


@pytest.mark.skipif(not ORGANOID.exists(), reason="the real organoid in ../shared is not here")
def test_the_real_organoid_is_read_as_its_conversion_says():
    annotations = read_trackmate(
        ORGANOID / "mamut_deconv.xml", spacing_um=(2.0, 0.26, 0.26), time_point_offset=1
    )
    with open(ORGANOID / "centres_px.csv", newline="") as file:
        rows = {int(row["spot_id"]): row for row in csv.DictReader(file)}
    with open(ORGANOID / "links.csv", newline="") as file:
        links = {
            (int(row["source_spot_id"]), int(row["target_spot_id"])) for row in csv.DictReader(file)
        }
    ids = annotations.properties["id"]
    assert set(ids) == set(rows)
    expected = [[float(rows[i][axis]) for axis in ("z_px", "y_px", "x_px")] for i in ids]
    assert (
        np.abs(annotations.positions - expected).max() <= 0.00051
    )  # the conversion has three decimals
    assert {tuple(ids[link]) for link in annotations.links} == links
    with_images = annotations.select(
        (annotations.time_points >= 322) & (annotations.time_points <= 324)
    )
    assert (len(with_images), len(with_images.links)) == (76, 51)
    assert with_images.properties["id"][with_images.divisions()].tolist() == [1720]
    assert annotations.time_points.tolist() == [int(rows[i]["file_T"]) for i in ids]


def test_the_spacing_must_be_passed_and_the_files_own_is_a_hint(tmp_path):
    with pytest.raises(UserError, match=r"2\.0, 0\.5, 0\.5"):
        read_trackmate(write(tmp_path))


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
)
HOSTILE = {
    "entities that unfold": BOMB + "]><TrackMate>&j;</TrackMate>",
    "an entity that reads a file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><TrackMate>&x;</TrackMate>',
    "a DTD elsewhere": '<!DOCTYPE a SYSTEM "http://localhost/a.dtd"><TrackMate/>',
    "cut off": "<TrackMate><Model><AllSpots>",
    "empty": "",
    "no XML": "\x00\x01",
    "an unknown encoding": '<?xml version="1.0" encoding="klingon"?><TrackMate/>',
    "another file": "<html/>",
    "no spots": "<TrackMate><Model/></TrackMate>",
    "deep": "<TrackMate>" + "<a>" * 100_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_malformed_and_hostile_xml_gives_one_clear_error(tmp_path, text):
    (tmp_path / "bad.xml").write_text(text)
    with pytest.raises(UserError, match="bad.xml"):
        read_trackmate(tmp_path / "bad.xml", spacing_um=(1, 1, 1))


def test_a_doctype_is_refused_even_where_it_is_harmless(tmp_path):
    (tmp_path / "a.xml").write_text(
        "<!DOCTYPE TrackMate><TrackMate><Model><AllSpots/></Model></TrackMate>"
    )
    with pytest.raises(UserError, match="DOCTYPE"):
        read_trackmate(tmp_path / "a.xml", spacing_um=(1, 1, 1))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"spots": '<Spot ID="1" FRAME="0"/>'}, "POSITION_Z"),
        ({"spots": SPOT.format(1, "x", 1, "")}, "FRAME"),
        ({"spots": SPOT.format(1, "1.5", 1, "")}, "whole FRAME.*1 fractional"),
        ({"spots": SPOT.format(7, 0, 1, "") + SPOT.format(7, 1, 2, "")}, "1 doubled IDs"),
        ({"spots": SPOT.format(1, 0, "nan", "")}, "POSITION_X"),
        ({"spots": SPOT.format("a", 0, 1, "")}, "ID"),
        ({"spots": SPOT.format(1, 0, "1_0", "")}, "POSITION_X"),
        ({"edges": EDGE.format(1, 99, 0)}, "spot 1 to 99"),
        ({"edges": "<Edge/>"}, "None"),
        ({"units": "parsec"}, "spatialunits"),
    ],
)
def test_a_file_with_a_wrong_part_gives_one_clear_error(tmp_path, parts, message):
    with pytest.raises(UserError, match=message):
        read_trackmate(write(tmp_path, **parts), spacing_um=(1, 1, 1))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="missing.xml"):
        read_trackmate(tmp_path / "missing.xml", spacing_um=(1, 1, 1))


@pytest.mark.parametrize("unit", ["pixel", "pixels", ""])
def test_positions_in_pixels_need_no_spacing(tmp_path, unit):
    """They count in voxels times the sizes that the file states: 2, 0.5, 0.5."""
    annotations = read_annotations(write(tmp_path, units=unit))
    assert annotations.positions.tolist() == [[2, 2, 2], [2, 2, 4]]
    assert annotations.spacing_um is None


@pytest.mark.parametrize(("unit", "factor"), [("nm", 1e-3), ("mm", 1e3), ("micrometres", 1)])
def test_other_lengths_are_converted(tmp_path, unit, factor):
    annotations = read_annotations(write(tmp_path, units=unit), spacing_um=(2, 0.5, 0.5))
    assert np.allclose(annotations.positions, factor * np.array([[2, 2, 2], [2, 2, 4]]))


# ---- written -------------------------------------------------------------------------------------


def in_order_of_time(annotations):
    return annotations.select(np.argsort(annotations.time_points, kind="stable"))


@settings(deadline=None)
@given(annotations_strategy())
def test_what_is_written_comes_back(annotations):
    """All but what the format has no place for: texts, lists, region, extras."""
    known = dataclasses.replace(annotations, spacing_um=annotations.spacing_um or (2, 0.5, 0.5))
    with TemporaryDirectory() as folder:
        write_annotations(known, Path(folder) / "a.xml")
        again = read_annotations(Path(folder) / "a.xml")
    known = in_order_of_time(known)
    np.testing.assert_allclose(again.positions, known.positions, rtol=1e-12, atol=1e-9)
    assert again.time_points.tolist() == known.time_points.tolist()
    assert again.spacing_um == pytest.approx(known.spacing_um)
    minutes = known.minutes_per_time_point
    assert again.minutes_per_time_point == (minutes and pytest.approx(minutes))
    assert sorted(map(tuple, again.links)) == sorted(map(tuple, known.links))
    for table, expected in (
        (again.properties, known.properties),
        (again.link_properties, known.link_properties),
    ):
        features = {name: v for name, v in select_features(expected).items() if len(v)}
        assert set(table) - {"QUALITY", "RADIUS", "id", "name"} == set(features)
        for name, values in features.items():
            assert Counter(map(as_number, table[name])) == Counter(map(as_number, values))


def as_number(value):
    return None if value is None else float(value)


def test_merges_gaps_single_positions_and_ids_are_kept(tmp_path):
    """Two nuclei that merge, a third that is missed at time point 5, one that is seen once."""
    annotations = Annotations(
        [[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 7], [6, 7, 8]],
        [4, 4, 5, 4, 6, 5],
        links=[[0, 2], [1, 2], [3, 4], [3, 4]],  # the last one by mistake
        properties={"id": [7, 3, 9, 12, 1, 5], "name": ["a", "ä <&>", "\x01", "d", None, "f"]},
        link_properties={"link_probability": [0.9, None, 0.5, 0.5]},
        spacing_um=(2.0, 0.5, 0.5),
        minutes_per_time_point=10.0,
    )
    path = tmp_path / "a.xml"
    write_trackmate(annotations, path, time_point_offset=4, images=tmp_path / "movie.tif")
    again = read_trackmate(path, time_point_offset=4)
    ids = again.properties["id"]
    assert ids.tolist() == [7, 3, 12, 9, 5, 1]
    assert {tuple(ids[link]) for link in again.links} == {(7, 9), (3, 9), (12, 1)}
    assert again.properties["name"].tolist()[:4] == ["a", "ä <&>", "d", "9"]
    root = ElementTree.parse(path).getroot()
    assert [spot.get("POSITION_T") for spot in root.iter("Spot") if spot.get("ID") == "1"] == [
        "20.0"
    ]
    assert root.find("Settings/ImageData").attrib["filename"] == "movie.tif"
    assert len(root.findall(".//Track")) == len(root.findall(".//TrackID")) == 2


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_another_program_reads_the_same(tmp_path, lineage):
    """geff's own reader of TrackMate files: spots, edges, µm, minutes, features."""
    geff = pytest.importorskip("geff", reason="the geff library, an extra, is not installed")
    from geff.convert import from_trackmate_xml_to_geff

    known = with_probabilities(dataclasses.replace(lineage, minutes_per_time_point=10.0))
    write_trackmate(known, tmp_path / "a.xml")
    from_trackmate_xml_to_geff(tmp_path / "a.xml", tmp_path / "a.geff")
    content = geff.core_io.read_to_memory(str(tmp_path / "a.geff"))
    nodes, rows = content["node_props"], content["node_ids"].astype(int)
    places = [nodes[f"POSITION_{axis}"]["values"] for axis in "ZYX"]
    np.testing.assert_allclose(np.transpose(places), known.positions_um[rows])
    assert nodes["POSITION_T"]["values"].tolist() == (known.time_points[rows] * 10.0).tolist()
    assert sorted(map(tuple, content["edge_ids"])) == sorted(map(tuple, known.links))
    axes = {axis.name: axis.unit for axis in content["metadata"].axes}
    assert (axes["POSITION_X"], axes["POSITION_T"]) == ("micron", "min")
    np.testing.assert_allclose(
        nodes["probability"]["values"], known.properties["probability"][rows].astype(float)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spacing_um": None}, "spacing_um"),
        ({"positions": np.full((7, 3), np.nan)}, "finite"),
        ({"time_points": [-1, 0, 1, 1, -1, 0, 1]}, "time_point_offset"),
    ],
)
def test_what_trackmate_cannot_hold_is_refused(tmp_path, lineage, changes, message):
    with pytest.raises(UserError, match=message):
        write_trackmate(dataclasses.replace(lineage, **changes), tmp_path / "a.xml")
    assert not list(tmp_path.iterdir())
