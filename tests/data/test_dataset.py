import dataclasses
import json

import numpy as np
import pytest
import tifffile

from organoid_kit.base.errors import UserError
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset, write_dataset
from organoid_kit.data.formats import write_annotations
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut
from organoid_kit.data.timelapse import make_timelapse, read_timelapse, write_timelapse
from organoid_kit.evaluation import check_annotations

PATTERN = "im t{time:03}c{channel}.tif"


@pytest.fixture
def folder(tmp_path):
    """A folder of images with time points 1 to 3 and two channels, in a folder with a difficult
    name.
    """
    folder = tmp_path / "Zürich 50 µm" / "images"
    folder.mkdir(parents=True)
    for time in (1, 2, 3):
        for channel in (0, 1):
            image = np.full((8, 32, 32), 10 * time + channel, np.uint16)
            tifffile.imwrite(
                folder / PATTERN.format(time=time, channel=channel), image, photometric="minisblack"
            )
    return folder


@pytest.fixture
def entry(folder, lineage):
    movie = read_timelapse(folder, pattern=PATTERN, axes="tczyx", spacing_um=(2, 0.5, 0.5))
    return AnnotatedMovie(movie, lineage, PATTERN)


def write_list(folder, lineage, **changes):
    """An .autlist with one entry and its .aut; a change to None leaves a key out."""
    write_aut(lineage, folder.parent / "a.aut", overwrite=True)
    record = {
        "experiment_file": "a.aut",
        "images_container": "images",
        "images_pattern": PATTERN,
        "min_time_point": 1,
        "max_time_point": 3,
    } | changes
    path = folder.parent / "list.autlist"
    path.write_text(
        json.dumps([{key: value for key, value in record.items() if value is not None}])
    )
    return path


def test_a_dataset_comes_back(entry, folder):
    path = folder.parent / "list.autlist"
    write_dataset([entry, entry], path)
    first, second = read_dataset(path, axes="tczyx")
    assert first.name == second.name == "lineage"
    assert first.movie.spacing_um == (2.0, 0.5, 0.5)
    assert first.movie.time_points == range(1, 4)
    assert [int(first.movie.stack(t, [c]).max()) for t in (1, 3) for c in (1, 2)] == [
        10,
        11,
        30,
        31,
    ]
    assert sorted(map(tuple, second.annotations.positions)) == sorted(
        map(tuple, entry.annotations.positions)
    )
    assert (folder.parent / "lineage.aut").exists() and (folder.parent / "lineage-2.aut").exists()


def test_the_list_has_relative_paths_and_always_its_time_points(entry, folder):
    write_dataset([entry], folder.parent / "list.autlist")
    assert json.loads((folder.parent / "list.autlist").read_text()) == [
        {
            "experiment_file": "lineage.aut",
            "images_container": "images",
            "images_pattern": PATTERN,
            "min_time_point": 1,
            "max_time_point": 3,
        }
    ]


def test_a_moved_dataset_still_opens(entry, folder, tmp_path):
    write_dataset([entry], folder.parent / "list.autlist")
    moved = folder.parent.rename(tmp_path / "moved")
    assert read_dataset(moved / "list.autlist", axes="tczyx")[0].movie.stack(2, [1]).max() == 20


def test_a_movie_in_one_file_has_an_empty_pattern_as_organoidtracker_wants_it(lineage, tmp_path):
    images = np.arange(3, dtype=np.uint8)[:, None, None, None, None] + np.zeros(
        (3, 1, 2, 8, 8), np.uint8
    )
    write_timelapse(make_timelapse(images, (2.0, 0.5, 0.5)), tmp_path / "a.ome.tif")
    movie = read_timelapse(tmp_path / "a.ome.tif")
    write_dataset([AnnotatedMovie(movie, lineage)], tmp_path / "sub" / "list.autlist")
    [again] = read_dataset(tmp_path / "sub" / "list.autlist")
    assert again.movie.stack(2).max() == 2
    [entry] = json.loads((tmp_path / "sub" / "list.autlist").read_text())
    assert entry["images_pattern"] == ""


def test_a_spacing_that_contradicts_the_image_is_said_and_stating_it_settles_it(lineage, tmp_path):
    images = np.zeros((3, 1, 2, 8, 8), np.uint8)
    write_timelapse(make_timelapse(images, (1.0, 0.25, 0.25)), tmp_path / "a.ome.tif")
    movie = read_timelapse(tmp_path / "a.ome.tif")
    write_dataset([AnnotatedMovie(movie, lineage)], tmp_path / "list.autlist")
    with pytest.warns(UserWarning, match=r"=\(1.0, 0.25, 0.25\), but .*aut \(2.0, 0.5, 0.5\)"):
        [entry] = read_dataset(tmp_path / "list.autlist")
    assert entry.movie.spacing_um == (1.0, 0.25, 0.25)
    rules = [problem.rule for problem in check_annotations(entry.annotations, entry.movie)]
    assert "spacing_differs" in rules
    assert entry.with_spacing().annotations.spacing_um == entry.movie.spacing_um
    with pytest.warns(UserWarning, match="the 2 × 0.5 × 0.5 stated here counts"):
        [entry] = read_dataset(tmp_path / "list.autlist", spacing_um=(2.0, 0.5, 0.5))
    assert entry.movie.spacing_um == entry.annotations.spacing_um == (2.0, 0.5, 0.5)


def test_minutes_that_contradict_the_image_are_said(lineage, tmp_path):
    images = np.zeros((3, 1, 2, 8, 8), np.uint8)
    movie = make_timelapse(images, lineage.spacing_um, minutes_per_time_point=5)
    write_timelapse(movie, tmp_path / "a.ome.tif")
    movie = read_timelapse(tmp_path / "a.ome.tif")
    entry = AnnotatedMovie(movie, dataclasses.replace(lineage, minutes_per_time_point=12.0))
    write_dataset([entry], tmp_path / "list.autlist")
    with pytest.warns(UserWarning, match="minutes_per_time_point=5.0, but .*aut 12.0"):
        [entry] = read_dataset(tmp_path / "list.autlist")
    assert entry.movie.minutes_per_time_point == 5


def test_annotations_complete_a_movie_that_states_no_spacing(lineage, tmp_path):
    images = np.zeros((3, 1, 2, 8, 8), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", images, photometric="minisblack")
    known = {"axes": "tczyx", "spacing_um": (1, 1, 1)}
    movie = read_timelapse(tmp_path / "a.tif", **known)
    write_dataset([AnnotatedMovie(movie, lineage)], tmp_path / "list.autlist")
    [entry] = read_dataset(tmp_path / "list.autlist", axes="tczyx", accept_guess=True)
    assert entry.movie.spacing_um == lineage.spacing_um


def test_the_spacing_of_the_movie_completes_the_annotations(entry, folder):
    bare = dataclasses.replace(entry.annotations, spacing_um=None, minutes_per_time_point=None)
    write_dataset([dataclasses.replace(entry, annotations=bare)], folder.parent / "list.autlist")
    assert read_aut(folder.parent / "lineage.aut").spacing_um == (2, 0.5, 0.5)


def test_wrapped_images_and_windows_paths_are_read(folder, lineage):
    images = {"images_container": ".\\images", "images_pattern": PATTERN}
    path = write_list(
        folder, lineage, images_container=None, images_pattern=None, images_original=images
    )
    assert read_dataset(path, axes="tczyx")[0].movie.time_points == range(1, 4)


def test_a_part_of_the_time_points_is_read(folder, lineage):
    path = write_list(folder, lineage, min_time_point=2, max_time_point=3)
    assert read_dataset(path, axes="tczyx")[0].movie.time_points == range(2, 4)


def test_nothing_is_overwritten_and_nothing_half_written(entry, folder):
    (folder.parent / "lineage-2.aut").write_text("mine")
    with pytest.raises(UserError, match="lineage-2.aut"):
        write_dataset([entry, entry], folder.parent / "list.autlist")
    assert not (folder.parent / "lineage.aut").exists()
    assert (folder.parent / "lineage-2.aut").read_text() == "mine"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images_container": "gone"}, "gone"),
        ({"experiment_file": "gone.aut"}, "gone.aut"),
        ({"experiment_file": None}, "experiment_file"),
        ({"images_container": 3}, "images_container"),
        ({"images_pattern": 3}, "images_pattern"),
        ({"min_time_point": "1"}, "whole number"),
        ({"max_time_point": 9}, "Every time point must have its files"),
        ({"max_time_point": 10**8}, "Every time point must have its files"),
        ({"max_time_point": 10**30}, "whole number below a billion"),
        ({"images_container": "a" * 400}, "does not exist"),
        ({"images_original": 3}, "images_original"),
        ({"images_channel_summing": [[1, 2]]}, r"channels=\(1, 3\)"),
        ({"images_time_appending": []}, "images_time_appending"),
    ],
)
def test_a_wrong_entry_gives_one_clear_error(folder, lineage, changes, message):
    with pytest.raises(UserError, match=message):
        read_dataset(write_list(folder, lineage, **changes), axes="tczyx")


@pytest.mark.parametrize("text", ["{}", "[]", "[1]", "3", "[", "\x00"])
def test_a_malformed_list_gives_one_clear_error(tmp_path, text):
    (tmp_path / "bad.autlist").write_text(text)
    with pytest.raises(UserError, match="bad.autlist"):
        read_dataset(tmp_path / "bad.autlist")


def test_a_movie_in_memory_cannot_be_listed(lineage, tmp_path):
    movie = make_timelapse(np.zeros((3, 1, 2, 8, 8), np.uint8), (1, 1, 1))
    with pytest.raises(UserError, match="write_timelapse"):
        write_dataset([AnnotatedMovie(movie, lineage)], tmp_path / "list.autlist")


def test_a_folder_cannot_be_listed_without_its_pattern(entry, tmp_path):
    with pytest.raises(UserError, match="images_pattern"):
        write_dataset([dataclasses.replace(entry, images_pattern=None)], tmp_path / "list.autlist")


@pytest.mark.parametrize("by", ["option", "entry", "no"])
def test_the_whole_image_can_be_stated_to_be_annotated(entry, folder, by):
    path = folder.parent / "list.autlist"
    write_dataset([dataclasses.replace(entry, annotations=entry.annotations)], path)
    if by == "entry":
        [record] = json.loads(path.read_text())
        path.write_text(json.dumps([record | {"organoid_kit_whole_image": True}]))
    [again] = read_dataset(path, whole_image=by == "option", axes="tczyx")
    region = again.annotations.region
    assert (region is None) == (by == "no")
    if by != "no":
        assert region.tolist() == [[-0.5] * 3, [size - 0.5 for size in again.movie.shape_zyx]]


@pytest.mark.parametrize("by", ["option", "entry", "no"])
def test_annotations_can_be_stated_to_be_scattered(entry, folder, by):
    path = folder.parent / "list.autlist"
    large = dataclasses.replace(
        entry, movie=dataclasses.replace(entry.movie, nucleus_diameter_um=16)
    )
    write_dataset([large], path)
    if by == "entry":
        [record] = json.loads(path.read_text())
        path.write_text(json.dumps([record | {"organoid_kit_scattered": True}]))
    [again] = read_dataset(path, scattered=by == "option", axes="tczyx")
    assert again.annotations.known_um == (None if by == "no" else 10.0)  # as large as its nuclei
    if by == "entry":
        with pytest.raises(UserError, match="of the whole image, or scattered"):
            read_dataset(path, whole_image=True, axes="tczyx")
    write_dataset([again], path, overwrite=True)  # what was said stays with the annotations
    [again] = read_dataset(path, axes="tczyx")
    assert again.annotations.known_um == (None if by == "no" else 10.0)
    [whole] = read_dataset(path, whole_image=True, axes="tczyx")
    assert whole.annotations.known_um is None


def test_how_wide_nuclei_are_travels_in_the_list(entry, folder):
    path = folder.parent / "list.autlist"
    wide = dataclasses.replace(entry.movie, nucleus_diameter_um=12.0)
    write_dataset([entry, dataclasses.replace(entry, movie=wide)], path)
    first, second = read_dataset(path, axes="tczyx")
    assert (first.movie.nucleus_diameter_um, second.movie.nucleus_diameter_um) == (None, 12.0)
    [*_, stated] = read_dataset(path, axes="tczyx", nucleus_diameter_um=5.0)
    assert stated.movie.nucleus_diameter_um == 5.0
    with pytest.raises(UserError, match="nucleus_diameter_um=-1"):
        read_dataset(path, axes="tczyx", nucleus_diameter_um=-1)


@pytest.mark.parametrize("name", ["a.csv", "a.xml", "a.geff", "TRA", "in µm.csv"])
def test_a_list_may_name_annotations_of_any_format(name, folder, lineage):
    """In µm, too, where only the images, or the caller, say how large voxels are."""
    if name.endswith("geff"):
        pytest.importorskip("geff", reason="the geff library, an extra, is not installed")
    file = folder.parent / name
    if "µm" in name:
        rows = np.column_stack([lineage.time_points, lineage.positions_um]).tolist()
        lines = ["time_point,z_um,y_um,x_um", *(",".join(map(str, row)) for row in rows)]
        file.write_text("\n".join(lines))
    else:
        shape = {} if "." in name else {"shape_zyx": (8, 32, 32)}
        write_annotations(lineage, file, **shape)
    path = write_list(folder, lineage, experiment_file=name)
    [listed] = read_dataset(path, axes="tczyx", spacing_um=(2, 0.5, 0.5))
    order, known_order = (
        np.lexsort((*a.positions.T, a.time_points)) for a in (listed.annotations, lineage)
    )
    difference = listed.annotations.positions[order] - lineage.positions[known_order]
    assert np.abs(difference).max() <= (1.0 if name == "TRA" else 1e-9)
    assert len(listed.annotations.links) == (0 if "µm" in name else 5)
    assert listed.movie.spacing_um == (2, 0.5, 0.5)


def test_a_movie_is_not_taken_for_a_list(folder):
    for path in (folder, folder / PATTERN.format(time=1, channel=0)):
        with pytest.raises(UserError, match="named in an .autlist.*perhaps a movie"):
            read_dataset(path)
