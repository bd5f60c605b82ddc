"""`dataset`: lists of movies and annotations of any format, and of other lists."""

import json

import numpy as np
import pytest
import tifffile

from organoid_kit.cli import main
from organoid_kit.data import read_dataset
from organoid_kit.data.formats import read_annotations, write_annotations


@pytest.fixture
def folder(lineage, tmp_path):
    """A movie with a bright spot at each position; its annotations as .aut and as .csv."""
    images = np.random.default_rng(0).normal(100, 5, (4, 8, 32, 32)).clip(0).astype(np.uint16)
    places = zip(lineage.time_points, lineage.positions.round().astype(int).tolist())
    for time, (z, y, x) in places:
        images[time, z - 1 : z + 2, y - 2 : y + 3, x - 2 : x + 3] = 1000
    metadata = {"axes": "TZYX", "spacing": 2.0, "unit": "um", "finterval": 600}
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, images, imagej=True, resolution=(2, 2), metadata=metadata)
    write_annotations(lineage, tmp_path / "lineage.aut")
    write_annotations(lineage, tmp_path / "table.csv")
    return tmp_path


def make(folder, *arguments):
    return main(["dataset", *(str(folder / a) if "." in a else a for a in arguments)])


def test_a_list_is_made_of_a_movie_and_a_table(folder, lineage, capsys):
    assert make(folder, "movie.tif", "--annotations", "table.csv", "-o", "new.autlist") == 0
    said = capsys.readouterr().out
    assert "movie.tif with lineage-2.aut: 7 positions, 5 links" in said and "in all" in said
    [entry] = read_dataset(folder / "new.autlist")
    assert sorted(entry.annotations.positions.tolist()) == sorted(lineage.positions.tolist())
    [record] = json.loads((folder / "new.autlist").read_text())
    assert (record["images_container"], record["images_pattern"]) == ("movie.tif", "")
    # what was there stays as it was
    assert read_annotations(folder / "lineage.aut").name == "lineage"


def test_lists_are_joined_and_other_forms_converted(folder, capsys):
    record = {"images_container": "movie.tif", "min_time_point": 0, "max_time_point": 3}
    old = [{"experiment_file": "table.csv", "images_original": record}]
    (folder / "old.json").write_text(json.dumps(old))
    names = ("old.json", "movie.tif", "--annotations", "lineage.aut", "-o", "all.autlist")
    assert make(folder, *names) == 0
    entries = json.loads((folder / "all.autlist").read_text())
    assert [entry["experiment_file"] for entry in entries] == ["lineage-2.aut", "lineage-3.aut"]
    assert [len(entry.annotations) for entry in read_dataset(folder / "all.autlist")] == [7, 7]


def test_what_does_not_fit_is_said_and_not_written(folder, lineage, capsys):
    wrong = ("movie.tif", "--annotations", "table.csv", "-o", "new.autlist")
    assert make(folder, *wrong, "--time-point-offset", "3") == 2
    said = capsys.readouterr()
    assert "is annotated but not in the movie" in said.out and "--accept-errors" in said.err
    assert not (folder / "new.autlist").exists()
    assert make(folder, *wrong, "--time-point-offset", "3", "--accept-errors") == 0


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("movie.tif", "-o", "new.autlist"), "--annotations FILE"),
        (("movie.tif", "--annotations", "a.csv", "b.csv", "-o", "new.autlist"), "2 for 1 movies"),
        (("movie.tif", "--annotations", "table.csv", "-o", "new.csv"), "Choose another name"),
    ],
)
def test_what_cannot_be_a_list_is_said_at_once(folder, arguments, advice, capsys):
    assert make(folder, *arguments) == 2
    assert advice in capsys.readouterr().err


def test_links_that_a_list_cannot_hold_are_left_out_when_asked(folder, capsys):
    text = "time_point,z,y,x,id,parent_id\n0,2,10,10,a,\n2,2,10,10,b,a\n"
    (folder / "gap.csv").write_text(text)
    arguments = ("movie.tif", "--annotations", "gap.csv", "-o", "new.autlist", "--accept-errors")
    assert make(folder, *arguments) == 2
    assert "--leave-out" in capsys.readouterr().err and not (folder / "gap.aut").exists()
    assert make(folder, *arguments, "--leave-out") == 0
    assert "links that skip time points: 1" in capsys.readouterr().out
    [entry] = read_dataset(folder / "new.autlist")
    assert (len(entry.annotations), len(entry.annotations.links)) == (2, 0)
