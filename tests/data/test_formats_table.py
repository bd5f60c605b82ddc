import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from format_helpers import annotations_strategy, column, facts, with_probabilities
from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import add_track_ids, read_annotations, write_annotations
from organoid_kit.data.formats.table import read_table, write_table


def table(tmp_path, text):
    path = tmp_path / "bad.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_the_lineage_comes_back(lineage, tmp_path):
    write_table(lineage, tmp_path / "a.csv")
    again = read_annotations(tmp_path / "a.csv", spacing_um=(2.0, 0.5, 0.5))
    assert facts(again, without=["id"]) == facts(lineage)
    assert again.properties["id"].tolist() == list(range(7))


def test_a_person_can_read_and_write_it(tmp_path):
    text = "time_point, z_um, y_um, x_um, id, parent_id, type, link_sure\n1,4,1,1,a,,STEM,\n2,4,1.5,1,b,a,007,0.5\n"
    annotations = read_table(table(tmp_path, text), spacing_um=(2, 0.5, 0.5))
    assert annotations.positions.tolist() == [[2, 2, 2], [2, 3, 2]]
    assert annotations.links.tolist() == [[0, 1]]
    assert annotations.properties["type"].tolist() == ["STEM", "007"]
    assert annotations.link_properties["sure"].tolist() == [0.5]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_are_recognised(tmp_path, separator):
    text = "\ufefftime_point,z,y,x\r\n1,2,3,4\r\n".replace(",", separator)
    assert read_table(table(tmp_path, text)).positions.tolist() == [[2, 3, 4]]


@settings(max_examples=40, deadline=None)
@given(annotations=annotations_strategy())
def test_anything_comes_back(annotations, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "a.csv"
    annotations = replace(annotations, positions=annotations.positions.round(6))
    write_table(annotations, path)
    again = read_table(path)
    assert facts(again, without=["id"]) == facts(annotations)
    assert np.array_equal(again.time_points, annotations.time_points)
    for key in ("name", "spacing_um", "minutes_per_time_point", "known_um"):
        assert getattr(again, key) == getattr(annotations, key)
    assert np.array_equal(again.region, annotations.region)


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(max_size=12)
    | st.sampled_from(
        ["7", "007", "true", "null", "NaN", "a;b", "A#1", "#", '"a"', "", " a ", "[1]"]
    )
)
def test_any_text_comes_back_as_text(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "a.csv"
    two = Annotations(
        positions=np.arange(9.0).reshape(3, 3),
        time_points=[0, 0, 1],
        links=[[0, 2], [1, 2]],
        properties={"note": [text, None, text]},
        link_properties={"note": [text, None]},
    )
    write_table(two, path)
    again = read_table(path)
    assert again.properties["note"].tolist() == [text, None, text]
    assert again.link_properties["note"].tolist() == [text, None]


def test_a_text_does_not_begin_a_remark_for_others(lineage, tmp_path):
    lineage.properties["well"] = ["A#1"] * len(lineage)
    write_table(lineage, tmp_path / "a.csv")
    rows = [row for row in (tmp_path / "a.csv").read_text().splitlines() if "A#1" in row]
    assert all(row.endswith('"""A#1"""') for row in rows) and len(rows) == len(lineage)


def test_probabilities_of_tracks_keep_their_names(lineage, tmp_path):
    write_annotations(add_track_ids(with_probabilities(lineage)), tmp_path / "a.csv")
    header = (tmp_path / "a.csv").read_text().splitlines()[3].split(",")
    assert {
        "link_probability",
        "link_error_probability",
        "division_probability",
        "lineage_id",
    } <= set(header)
    again = read_table(tmp_path / "a.csv")
    assert facts(again, without=["id"]) == facts(add_track_ids(with_probabilities(lineage)))


def test_two_link_properties_never_share_a_column(lineage, tmp_path):
    lineage.link_properties["probability"] = column([0.5] * 5)
    with pytest.raises(UserError, match="'probability'"):
        write_table(lineage, tmp_path / "a.csv")


def test_a_merge_is_several_parents(tmp_path):
    merge = Annotations(
        positions=np.arange(9.0).reshape(3, 3),
        time_points=[0, 0, 1],
        links=[[0, 2], [1, 2]],
        link_properties={"p": [0.25, None]},
    )
    write_table(merge, tmp_path / "a.csv")
    assert "0;1,0.25;" in (tmp_path / "a.csv").read_text()
    assert facts(read_table(tmp_path / "a.csv"), without=["id"]) == facts(merge)


def test_ids_are_kept(lineage, tmp_path):
    lineage.properties["id"] = column(["a", 7, "7", 4, "é", 10**30, True])
    write_table(lineage, tmp_path / "a.csv")
    assert facts(read_table(tmp_path / "a.csv")) == facts(lineage)


@pytest.mark.parametrize("ids", [[1] * 7, [None] * 7, ["a", "a", 1, 2, 3, 4, 5]])
def test_ids_that_do_not_tell_positions_apart_are_an_error(lineage, tmp_path, ids):
    lineage.properties["id"] = column(ids)
    with pytest.raises(UserError, match="'id'"):
        write_table(lineage, tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["time_point", "z", "parent_id", "link_a", "", " a"])
def test_a_property_called_like_a_column_is_an_error(lineage, tmp_path, name):
    lineage.properties[name] = column([1] * 7)
    with pytest.raises(UserError, match="Rename"):
        write_table(lineage, tmp_path / "a.csv")


def test_an_existing_file_is_kept(lineage, tmp_path):
    write_table(lineage, tmp_path / "a.csv")
    with pytest.raises(UserError, match="a-2.csv"):
        write_table(lineage, tmp_path / "a.csv")


@pytest.mark.parametrize(
    "name", ["embryo 3", "7", "a, b;", " a", "", "zwei\nZeilen", "# 1", '"quoted"', "null"]
)
def test_the_name_comes_back(tmp_path, name):
    write_table(Annotations([[1, 2, 3]], [1], name=name), tmp_path / "a.csv")
    assert read_table(tmp_path / "a.csv").name == name


def test_remarks_are_optional_and_survive_a_spreadsheet(tmp_path):
    text = (
        '# made by hand;;;\n# spacing_um: 2;0.5;0.5;\n"# region_zyx: 0,0,0,4,9,9"\n# minutes_per_time_point: 10;;;\n'
        '"# name: ""a, b"""\n'
        "time_point;z_um;y_um;x_um\n1;4;1;1\n"
    )
    annotations = read_table(table(tmp_path, text))
    assert annotations.positions.tolist() == [[2, 2, 2]]
    assert annotations.region.tolist() == [[0, 0, 0], [4, 9, 9]]
    assert (annotations.minutes_per_time_point, annotations.name) == (10, "a, b")
    assert read_table(table(tmp_path, text), spacing_um=(1, 1, 1)).spacing_um == (1, 1, 1)


HEADER = "id,time_point,z,y,x,parent_id,link_p\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no columns"),
        ("# spacing_um: 2,0\ntime_point,z,y,x\n", "3 positive numbers for spacing_um"),
        ("# spacing_um: 2,0,1\ntime_point,z,y,x\n", "3 positive numbers for spacing_um"),
        ("# region_zyx: 2,a\ntime_point,z,y,x\n", "6 numbers for region_zyx"),
        ("# minutes_per_time_point: nan\ntime_point,z,y,x\n", "minutes_per_time_point"),
        ("# name: a\ntime_point,z,y,x\n1,1,1,one\n", "row 3"),
        ("time_point,z,y\n", "must have the columns"),
        ("time_point,z,y,x,x\n", "name of its own"),
        ("time_point,z,y,x,,p\n", "name of its own"),
        ("time_point,z_um,y_um,x_um\n1,1,1,1\n", "spacing_um"),
        (HEADER + "1,0,1,1,one,,\n", "x = 'one', row 2"),
        (HEADER + "1,0,1,1,1_0,,\n", "x = '1_0', row 2"),  # Python reads 10
        (HEADER + "1,0,1,1,\uff11,,\n", "x = '\uff11', row 2"),
        ("# spacing_um: 2,1_0,1\ntime_point,z,y,x\n", "3 positive numbers for spacing_um"),
        (HEADER + "1,0,1,1,1,,\n2,0,1,1,nan,,\n", "x = 'nan', row 3"),
        (HEADER + "1,0.5,1,1,1,,\n", "row 2"),
        (HEADER + "1,1e300,1,1,1,,\n", "row 2"),
        (HEADER + "1,0,1,1,1\n", "5 of 7 cells, row 2"),
        (HEADER + "1,0,1,1,1,7,\n", "parent_id '7', row 2"),
        (HEADER + "1,0,1,1,1,,\n1,0,1,1,2,,\n", "id '1', row 3"),
        (HEADER + ",0,1,1,1,,\n", "row 2"),
        (HEADER + "1,0,1,1,1,,\n2,1,1,1,2,[1],\n", "row 3"),
        (HEADER + "1,0,1,1,1,,\n2,1,1,1,2,1,4;5\n", "2 for 1 in link_p, row 3"),
        ("time_point,z,y,x,parent_id\n1,1,1,1,1\n", "column id"),
        ('time_point,z,y,x\n1,1,1,"1\n', "valid CSV"),
        ("time_point,z,y,x\n1,1,1," + "1" * 200_000 + "\n", "bad.csv"),
        ("time_point,z,y,x\n1,1,1,\xff\n".encode("latin-1"), "UTF-8"),
    ],
)
def test_a_malformed_table_gives_one_clear_error(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        read_table(table(tmp_path, text))
    assert "bad.csv" in str(caught.value)


@pytest.mark.parametrize("gap", ["", "NaN", "nan", "-1.0", "-1"])
def test_a_table_comes_back_through_pandas(tmp_path, gap):
    """It makes decimals of a column with gaps, fills them, and adds its index."""
    text = f",id,time_point,z,y,x,parent_id\n0,0,1,4,1,1,{gap}\n1,1,2,4,1,2,0.0\n"
    annotations = read_table(table(tmp_path, text))
    assert annotations.links.tolist() == [[0, 1]]
    assert annotations.properties["id"].tolist() == [0, 1]
    assert list(annotations.properties) == ["id"]


def test_minus_one_can_be_an_id(tmp_path):
    text = "id,time_point,z,y,x,parent_id\n-1,1,4,1,1,\n5,2,4,1,2,-1\n"
    assert read_table(table(tmp_path, text)).links.tolist() == [[0, 1]]


def test_micrometres_stand_beside_voxels_with_as_many_digits_as_mean_something(lineage, tmp_path):
    moved = replace(lineage, positions=lineage.positions + 1 / 3)
    write_table(moved, tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text()
    header = "id,time_point,z,y,x,z_um,y_um,x_um,parent_id"
    assert f"{header}\n0,1,2.333333,8.333333,8.333333,4.667,4.167,4.167,\n" in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = read_table(tmp_path / "a.csv")
    assert np.abs(again.positions - moved.positions).max() < 1e-6
    assert set(again.properties) <= {"id"}
    write_table(replace(lineage, spacing_um=None), tmp_path / "voxels.csv")
    assert "_um" not in (tmp_path / "voxels.csv").read_text()


def test_micrometres_that_were_changed_do_not_lose_in_silence(lineage, tmp_path):
    write_table(lineage, tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace(",4.0,4.0,4.0,", ",4.0,4.0,9.0,"))
    with pytest.warns(UserWarning, match="z, y, x and the spacing count; z_um, y_um, x_um differ"):
        assert read_table(tmp_path / "a.csv").positions[0].tolist() == [2, 8, 8]
