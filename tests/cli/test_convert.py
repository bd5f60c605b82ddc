"""`convert`: every format into every other, and what is said of those that cannot hold it."""

import dataclasses

import numpy as np
import pytest
import tifffile

from organoid_kit.cli import main
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import read_annotations, write_annotations

SUFFIXES = (".aut", ".csv", ".xml", ".geff", "")
SPACING = "2,0.5,0.5"


@pytest.fixture
def movie(tmp_path):
    """Of four time points, as ImageJ writes it."""
    images = np.zeros((4, 8, 32, 32), dtype=np.uint8)
    metadata = {"axes": "TZYX", "spacing": 2.0, "unit": "um", "finterval": 600}
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, images, imagej=True, resolution=(2, 2), metadata=metadata)
    return path


def convert(*arguments):
    return main(["convert", *map(str, arguments)])


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_every_format_becomes_every_other(source, target, lineage, movie, tmp_path, capsys):
    pytest.importorskip("geff", reason="the geff library, an extra, is not installed")
    shape = {} if source else {"shape_zyx": (8, 32, 32)}
    before, after = tmp_path / f"in{source}", tmp_path / f"out{target}"
    write_annotations(lineage, before, **shape)
    assert convert(before, after, "--images", movie) == 0
    assert f"{after}: 7 positions, 5 links" in capsys.readouterr().out
    again = read_annotations(after, **({} if target == ".aut" else {"spacing_um": (2, 0.5, 0.5)}))
    assert (len(again), len(again.links), len(again.divisions())) == (7, 5, 1)
    order, again_order = (np.lexsort((*a.positions.T, a.time_points)) for a in (lineage, again))
    blurred = 1.0 if "" in (source, target) else 1e-6
    assert np.abs(again.positions[again_order] - lineage.positions[order]).max() <= blurred


@pytest.fixture
def odd():
    """A merge, a link over a gap, three daughters, a position alone, texts, a region, extras."""
    return Annotations(
        [
            [1, 2, 3],
            [1, 9, 3],
            [2, 5, 4],
            [3, 5, 9],
            [3, 9, 9],
            [3, 1, 9],
            [2, 20, 20],
            [3, 20, 20],
        ],
        [0, 0, 1, 2, 2, 2, 0, 2],
        links=[[0, 2], [1, 2], [2, 3], [2, 4], [2, 5], [6, 7]],
        properties={"probability": [0.5] * 8, "type": ["stem"] * 8},
        link_properties={"remark": ["sure"] * 6},
        spacing_um=(2.0, 0.5, 0.5),
        region=[[0, 0, 0], [7, 31, 31]],
        extra={"colours": [1, 2]},
    )


@pytest.mark.parametrize(
    ("suffix", "lost", "said"),
    [
        (".aut", 1, ["links that skip time points: 1", "divisions into three or more: 1; kept"]),
        (".csv", 0, ["A table: no place for extra."]),
        (".geff", 0, []),
        (".xml", 0, ["A TrackMate file: no place for remark, type, extra, region."]),
        ("", 2, ["points: 1", "merges: 1", "probability, remark, type, extra, reg"]),
    ],
)
def test_what_the_target_cannot_hold_is_said_before_it_is_written(
    suffix, lost, said, odd, movie, tmp_path, capsys
):
    pytest.importorskip("geff", reason="the geff library, an extra, is not installed")
    write_annotations(odd, tmp_path / "in.geff")
    arguments = [tmp_path / "in.geff", tmp_path / f"out{suffix}", "--images", movie]
    assert convert(*arguments) == (2 if lost else 0)
    out, err = capsys.readouterr()
    assert all(sentence in out for sentence in said) and (said or len(out.splitlines()) == 1)
    if lost:
        assert f"{lost} that have none" in err and not (tmp_path / f"out{suffix}").exists()
        assert convert(*arguments, "--leave-out") == 0
        assert f"8 positions, {6 - lost} links" in capsys.readouterr().out
    again = read_annotations(tmp_path / f"out{suffix}")
    assert (len(again), len(again.links)) == (8, 6 - lost)


def test_a_position_without_a_link_is_named_for_trackmate(lineage, tmp_path, capsys):
    alone = dataclasses.replace(lineage, links=lineage.links[:1], link_properties={})
    write_annotations(alone, tmp_path / "in.aut")
    assert convert(tmp_path / "in.aut", tmp_path / "out.xml") == 0
    assert "positions without a link: 5; kept" in capsys.readouterr().out


def test_only_an_image_that_fiji_opens_rightly_is_named(lineage, movie, tmp_path):
    write_annotations(lineage, tmp_path / "in.aut")
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((3, 8, 32, 32), dtype=np.uint8))
    reading = ["--axes", "tzyx", "--spacing", SPACING]
    assert convert(tmp_path / "in.aut", tmp_path / "a.xml", "--images", movie) == 0
    plain = ["--images", tmp_path / "plain.tif", *reading]
    assert convert(tmp_path / "in.aut", tmp_path / "b.xml", *plain) == 0
    assert 'filename="movie.tif"' in (tmp_path / "a.xml").read_text("utf-8")
    assert 'filename=""' in (tmp_path / "b.xml").read_text("utf-8")


def test_what_the_target_needs_is_asked_for(lineage, tmp_path, capsys):
    without = dataclasses.replace(lineage, spacing_um=None)
    write_annotations(without, tmp_path / "in.csv")
    for target, word in (("out", "--images MOVIE"), ("out.xml", "--spacing z,y,x")):
        assert convert(tmp_path / "in.csv", tmp_path / target) == 2
        assert word in capsys.readouterr().err
    assert convert(tmp_path / "in.csv", tmp_path / "out.xml", "--spacing", SPACING) == 0
    (tmp_path / "um.csv").write_text("time_point,z_um,y_um,x_um\n0,4,1,2\n")
    assert convert(tmp_path / "um.csv", tmp_path / "um.aut") == 2
    assert "--spacing z,y,x" in capsys.readouterr().err
    assert convert(tmp_path / "um.csv", tmp_path / "um.aut", "--spacing", SPACING) == 0
    assert read_annotations(tmp_path / "um.aut").positions.tolist() == [[2, 2, 4]]


def test_a_spacing_that_differs_from_the_movies_is_said_and_does_not_count(
    lineage, movie, tmp_path
):
    write_annotations(dataclasses.replace(lineage, spacing_um=(1, 1, 1)), tmp_path / "in.aut")
    for name, options in (("a", ["--images", movie]), ("b", ["--spacing", SPACING])):
        with pytest.warns(UserWarning, match=r"says \(1.0, 1.0, 1.0\) µm per voxel"):
            assert convert(tmp_path / "in.aut", tmp_path / f"{name}.aut", *options) == 0
        assert read_annotations(tmp_path / f"{name}.aut").spacing_um == (2.0, 0.5, 0.5)


def test_nothing_is_overwritten(lineage, tmp_path, capsys):
    write_annotations(lineage, tmp_path / "in.aut")
    assert convert(tmp_path / "in.aut", tmp_path / "in.aut") == 2
    assert "in.aut" in capsys.readouterr().err


def test_an_unknown_suffix_is_answered_by_what_convert_takes(lineage, tmp_path, capsys):
    write_annotations(lineage, tmp_path / "a.aut")
    assert convert(tmp_path / "a.aut", tmp_path / "b.tsv") == 2
    said = capsys.readouterr().err
    assert "Choose another name for it" in said and "--output" not in said
