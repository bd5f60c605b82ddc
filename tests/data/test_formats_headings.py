"""Tables as TrackMate, Fiji, Imaris and people with a spreadsheet write them."""

import warnings

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.cli import main
from organoid_kit.data.formats import read_annotations

TRACKMATE = """LABEL,ID,TRACK_ID,QUALITY,POSITION_X,POSITION_Y,POSITION_Z,POSITION_T,FRAME,RADIUS
Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,Radius
Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,R
,,,(quality),(micron),(micron),(micron),(sec),,(micron)
ID7,7,0,3.3,10.5,20.0,4.0,0.0,0,5.0
ID3,3,0,3.3,11.5,20.0,4.0,600.0,1,5.0
ID4,4,0,3.3,11.5,22.0,4.0,1200.0,2,5.0
ID5,5,0,3.3,12.5,18.0,4.0,1200.0,2,5.0
ID8,8,1,3.3,30.5,20.0,6.0,0.0,0,5.0
ID9,9,1,3.3,30.0,20.0,6.0,1200.0,2,5.0
ID6,6,,3.3,40.5,20.0,4.0,600.0,1,5.0
"""
FIJI = " ,Area,Mean,X,Y,Ch,Slice,Frame\n1,0,10,12.5,20.25,1,3,1\n2,0,12,13.5,21,1,4,2\n"
IMARIS = """
Position
====================
Position X,Position Y,Position Z,Unit,Category,Collection,Time,TrackID,ID,
10.25,20.25,5,um,Spot,Position,1,1000000001,0,
10.75,20.25,5,um,Spot,Position,2,1000000001,1,
"""
SPREADSHEET = "Frame;X [µm];Y [µm];Z [µm];type\n0;1,5;2,25;4,0;1,5\n1;1,75;2,5;4,0;stem\n"
SPACING = (2.0, 0.5, 0.5)


def read(tmp_path, text, name="table.csv", **options):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.warns(UserWarning, match="positions are read from") as caught:
        annotations = read_annotations(path, **options)
    return annotations, str(caught[0].message)


def test_spots_of_trackmate(tmp_path):
    """Four rows of headings; links where a track has one position each, also over a gap."""
    annotations, said = read(tmp_path, TRACKMATE, spacing_um=SPACING)
    assert annotations.positions[:2].tolist() == [[2, 40, 21], [2, 40, 23]]
    assert annotations.time_points.tolist() == [0, 1, 2, 2, 0, 2, 1]
    assert annotations.properties["id"].tolist() == [7, 3, 4, 5, 8, 9, 6]
    assert annotations.links.tolist() == [[0, 1], [4, 5]]
    assert "POSITION_X in µm, time points from FRAME; 2 links follow TRACK_ID" in said
    assert "none where tracks (1) have several positions" in said


def test_spots_without_units_are_asked_for_them(tmp_path):
    lines = TRACKMATE.splitlines()
    text = "\n".join([lines[0], *lines[4:]])
    with pytest.raises(UserError, match='units="um" or units="voxels"'):
        (tmp_path / "a.csv").write_text(text)
        read_annotations(tmp_path / "a.csv", spacing_um=SPACING)
    in_um, _ = read(tmp_path, text, spacing_um=SPACING, units="um")
    in_voxels, _ = read(tmp_path, text, units="voxels")
    assert in_um.positions[0].tolist() == [2, 40, 21]
    assert in_voxels.positions[0].tolist() == [4, 20, 10.5]


def test_what_is_stated_overrules_the_units_of_the_table(tmp_path):
    annotations, said = read(tmp_path, TRACKMATE, units="voxels", time_point_offset=5)
    assert annotations.positions[0].tolist() == [4, 20, 10.5] and "in voxels" in said
    assert annotations.time_points.tolist() == [5, 6, 7, 7, 5, 7, 6]


def test_results_of_fiji_count_slices_and_frames_from_1(tmp_path):
    annotations, _ = read(tmp_path, FIJI, units="um", spacing_um=SPACING)
    assert annotations.positions.tolist() == [[2, 40, 24.5], [3, 41.5, 26.5]]
    assert annotations.time_points.tolist() == [0, 1] and len(annotations.links) == 0
    assert list(annotations.properties) == ["Area", "Mean", "Ch"]
    in_pixels, _ = read(tmp_path, FIJI, units="voxels")
    assert in_pixels.positions.tolist() == [[2, 19.75, 12], [3, 20.5, 13]]


def test_results_of_one_stack_are_at_one_time_point(tmp_path):
    text = (
        FIJI.replace(",Ch,Slice,Frame", ",Slice,").replace(",1,3,1", ",3,").replace(",1,4,2", ",4,")
    )
    annotations, said = read(tmp_path, text, units="voxels")
    assert annotations.time_points.tolist() == [0, 0] and "all at one time point" in said
    assert annotations.positions[:, 0].tolist() == [2, 3]


def test_positions_of_imaris(tmp_path):
    """A title above; lengths from the corner of the image, time points from 1."""
    annotations, _ = read(tmp_path, IMARIS, spacing_um=SPACING)
    assert annotations.positions.tolist() == [[2, 40, 20], [2, 40, 21]]
    assert annotations.time_points.tolist() == [0, 1]
    assert annotations.links.tolist() == [[0, 1]]


def test_semicolons_with_decimal_commas(tmp_path):
    annotations, _ = read(tmp_path, SPREADSHEET, spacing_um=SPACING)
    assert annotations.positions.tolist() == [[2, 4.5, 3], [2, 5, 3.5]]
    assert annotations.properties["type"].tolist() == [1.5, "stem"]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("t,x_px,y_px,z_px", [4, 2, 1]),
        ("frame,x (pixel),y (pixel),z (pixel)", [4, 2, 1]),
        ("Time,pos_x_nm,pos_y_nm,pos_z_nm", [0.002, 0.004, 0.002]),
        ("time_point,x_um,y_um,z_um", [2, 4, 2]),
    ],
)
def test_units_stand_in_headings(tmp_path, heading, expected):
    (tmp_path / "a.csv").write_text(f"{heading}\n3,1,2,4\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        annotations = read_annotations(tmp_path / "a.csv", spacing_um=SPACING)
    np.testing.assert_allclose(annotations.positions, [expected])
    assert annotations.time_points.tolist() == [3]


def test_one_plane_needs_no_z(tmp_path):
    annotations, _ = read(tmp_path, "frame,x_px,y_px\n0,1,2\n")
    assert annotations.positions.tolist() == [[0, 2, 1]]


@pytest.mark.parametrize(
    "heading", ["Time (min),x_px,y_px,z_px", "t,a,b,c", "x_px,y_px,z_px,q", "time_point,y,x,q"]
)
def test_what_nobody_can_recognise_is_refused(tmp_path, heading):
    (tmp_path / "a.csv").write_text(f"{heading}\n0,1,2,3\n")
    with pytest.raises(UserError, match="Rename or add columns"):
        read_annotations(tmp_path / "a.csv")


def test_a_table_of_ours_is_read_without_a_word_even_with_track_ids(lineage, tmp_path):
    from organoid_kit.data.formats import add_track_ids, write_annotations

    write_annotations(add_track_ids(lineage), tmp_path / "a.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_annotations(tmp_path / "a.csv").links) == 5


def test_the_command_line_passes_the_units(tmp_path, capsys):
    (tmp_path / "fiji.csv").write_text(FIJI)
    arguments = ["convert", str(tmp_path / "fiji.csv"), str(tmp_path / "a.aut")]
    assert main(arguments) == 2
    assert "--units um or --units voxels" in capsys.readouterr().err
    with pytest.warns(UserWarning, match="from Frame"):
        assert main([*arguments, "--units", "um", "--spacing", "2,0.5,0.5"]) == 0
    assert read_annotations(tmp_path / "a.aut").positions.tolist() == [
        [2, 40, 24.5],
        [3, 41.5, 26.5],
    ]


# What btrack 0.7.0 wrote of a mother and two daughters, which begin at time point 2
BTRACK = """ID t x y z parent root state generation dummy
1.0 0.0 5.0 10.0 2.0 1.0 1.0 5.0 0.0 0.0
1.0 1.0 6.0 10.0 2.0 1.0 1.0 5.0 0.0 0.0
2.0 2.0 7.0 11.0 2.0 1.0 1.0 5.0 0.0 0.0
2.0 3.0 7.0 11.0 2.0 1.0 1.0 5.0 0.0 0.0
3.0 2.0 7.0 9.0 2.0 1.0 1.0 5.0 0.0 0.0
3.0 3.0 7.0 9.0 2.0 1.0 1.0 5.0 0.0 0.0
"""
TRACKS = """t,z,y,x,track_id,parent_track_id
0,2,10,5,1,-1
1,2,10,6,1,-1
2,2,11,7,2,1
3,2,11,7,2,1
2,2,9,7,3,1
3,2,9,7,3,1
"""


@pytest.mark.parametrize("text", [BTRACK, TRACKS])
def test_tracks_begin_where_their_parent_ends(tmp_path, text):
    tracks, said = read(tmp_path, text, units="voxels")
    assert tracks.positions[1].tolist() == [2, 10, 6]
    assert set(map(tuple, tracks.links.tolist())) == {(0, 1), (2, 3), (4, 5), (1, 2), (1, 4)}
    assert "5 links follow" in said and tracks.divisions().tolist() == [1]


@pytest.mark.parametrize(
    "text",
    [
        "label,centroid-0,centroid-1,centroid-2,frame\n1,2,10,5,1\n",  # scikit-image
        "index,axis-0,axis-1,axis-2,axis-3\n0,1,2,10,5\n",  # points of napari
        "frame,XM,YM,ZM\n1,5,10,2\n",  # Fiji's centres of mass
    ],
)
def test_axes_of_other_programs(tmp_path, text):
    read_as, _ = read(tmp_path, text, units="voxels")
    assert (read_as.positions.tolist(), read_as.time_points.tolist()) == ([[2, 10, 5]], [1])
