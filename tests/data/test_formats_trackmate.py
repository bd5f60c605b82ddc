import csv
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.data.formats import read_annotations
from organoid_kit.data.formats.trackmate import read_trackmate

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
        ({"spots": SPOT.format(1, 0, "nan", "")}, "POSITION_X"),
        ({"spots": SPOT.format("a", 0, 1, "")}, "ID"),
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
