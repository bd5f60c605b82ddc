import dataclasses
import re
import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings

from format_helpers import annotations_strategy, facts
from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import read_annotations
from organoid_kit.data.formats.ctc import read_ctc, write_ctc

SHAPE = (8, 32, 32)


def is_valid(folder) -> bool:
    """What the Challenge's metrics for Python say of results."""
    validate = pytest.importorskip(
        "ctc_metrics.scripts.validate", reason="py-ctcmetrics is not installed"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of images without a label, which are allowed
        return bool(validate.validate_sequence(str(folder), threads=1)["Valid"])


def structure(annotations):
    """First and last time point of each track, and time point of each mother."""
    times = annotations.time_points
    ends = sorted(tuple(times[rows[[0, -1]]].tolist()) for rows in annotations.tracks())
    return (
        ends,
        sorted(times[annotations.divisions()].tolist()),
        sorted(times[annotations.links].tolist()),
    )


def grow_tracks(seed, planes):
    """Tracks over ten time points with divisions, gaps, late beginnings and early ends, some only
    one position long.
    """
    rng = np.random.default_rng(seed)
    positions, time_points, links = [], [], []
    for _ in range(40):
        stack = [(None, int(rng.integers(0, 8)))]
        while stack:
            parent, time_point = stack.pop()
            if time_point > 9:
                continue
            row = len(positions)
            positions.append(rng.uniform([-0.5, -0.5, -0.5], [planes - 0.6, 39.4, 39.4]))
            time_points.append(time_point)
            links += [] if parent is None else [(parent, row)]
            daughters = rng.choice(3, p=[0.15, 0.7, 0.15])
            stack += [
                (row, time_point + int(rng.choice([1, 2, 3], p=[0.8, 0.1, 0.1])))
                for _ in range(daughters)
            ]
    return Annotations(positions, time_points, links, spacing_um=(2.0, 1.0, 1.0))


def in_voxels_of_their_own(annotations):
    """Without the positions whose voxel another one has."""
    places = np.column_stack([annotations.time_points, np.floor(annotations.positions + 0.5)])
    return annotations.select(np.sort(np.unique(places, axis=0, return_index=True)[1]))


def write_folder(folder, lines, images, results=False):
    """images: time point → {label: (z, y, x) of its only voxel}."""
    folder.mkdir()
    (folder / ("res_track.txt" if results else "man_track.txt")).write_text("\n".join(lines))
    for time_point, voxels in images.items():
        image = np.zeros((4, 8, 8), np.uint16)
        for label, voxel in voxels.items():
            image[voxel] = label
        tifffile.imwrite(
            folder / f"{'mask' if results else 'man_track'}{time_point:03}.tif",
            image,
            photometric="minisblack",
        )
    return folder


@pytest.mark.parametrize("results", [False, True])
def test_the_lineage_comes_back_as_centroids(lineage, tmp_path, results):
    write_ctc(lineage, tmp_path / "01", shape_zyx=SHAPE, radius_um=2.0, results=results)
    again = read_annotations(tmp_path / "01", spacing_um=(2.0, 0.5, 0.5))
    assert len(again.links) == 5
    assert again.time_points[again.divisions()].tolist() == [2]
    order, order_again = (np.lexsort((a.positions[:, 1], a.time_points)) for a in (lineage, again))
    assert np.abs(again.positions[order_again] - lineage.positions[order]).max() < 0.7
    assert sorted(again.properties["ctc_label"]) == [1, 1, 2, 2, 2, 3, 4]


def test_each_label_is_seen_from_its_first_to_its_last_time_point(lineage, tmp_path):
    skipping = dataclasses.replace(lineage.select([0, 2, 4, 5, 6]), links=[[0, 1], [2, 3], [3, 4]])
    write_ctc(skipping, tmp_path / "01", shape_zyx=SHAPE)
    lines = np.loadtxt(tmp_path / "01" / "res_track.txt", dtype=int)
    seen = {
        t: set(np.unique(tifffile.imread(tmp_path / "01" / f"mask{t:03}.tif"))) - {0}
        for t in (1, 2, 3)
    }
    for label, begin, end, _ in lines.tolist():
        assert [t for t, labels in seen.items() if label in labels] == list(range(begin, end + 1))
    assert (
        len(read_ctc(tmp_path / "01").links) == 3
    )  # the link that skips is a parent that ended earlier


@settings(max_examples=15, deadline=None)
@given(annotations=annotations_strategy(merges=False))
def test_any_lineage_comes_back_when_balls_are_one_voxel(annotations, tmp_path_factory):
    voxels = np.round(np.abs(annotations.positions))
    rounded = dataclasses.replace(annotations, positions=voxels, spacing_um=(1.0, 1.0, 1.0))
    places = np.column_stack([rounded.time_points, voxels]).tolist()
    folder = tmp_path_factory.mktemp("ctc") / "01"
    if len({tuple(place) for place in places}) < len(places):
        with pytest.raises(UserError, match="same voxel"):
            write_ctc(rounded, folder, shape_zyx=(64, 64, 64), radius_um=0.1)
        return
    write_ctc(rounded, folder, shape_zyx=(64, 64, 64), radius_um=0.1, time_points=range(6))
    bare = dataclasses.replace(rounded, properties={}, link_properties={})
    assert facts(read_ctc(folder), without=["ctc_label"]) == facts(bare)


@pytest.mark.parametrize(("planes", "radius_um"), [(6, 0.1), (6, 3.0), (6, 20.0), (1, 2.0)])
def test_the_validator_accepts_all_tracks_and_they_come_back(planes, radius_um, tmp_path):
    tracks = in_voxels_of_their_own(grow_tracks(planes, planes))
    lengths = [len(rows) for rows in tracks.tracks()]
    steps = np.diff(tracks.time_points[tracks.links], axis=1)
    assert min(lengths) == 1 and len(tracks.divisions()) > 3 and set(steps.ravel()) == {1, 2, 3}
    write_ctc(tracks, tmp_path / "01_RES", shape_zyx=(planes, 40, 40), radius_um=radius_um)
    assert is_valid(tmp_path / "01_RES")
    assert structure(read_ctc(tmp_path / "01_RES")) == structure(tracks)


def test_the_validator_refuses_what_is_wrong(lineage, tmp_path):
    write_ctc(lineage, tmp_path / "01_RES", shape_zyx=SHAPE)
    assert is_valid(tmp_path / "01_RES")
    (tmp_path / "01_RES" / "res_track.txt").write_text("1 1 3 0\n2 1 3 0\n3 3 3 1\n4 3 3 1\n")
    assert not is_valid(tmp_path / "01_RES")


def test_a_nucleus_behind_nearer_ones_keeps_a_voxel(tmp_path):
    nearer = [[z, y, x] for z in (4, 5) for y in (16, 17) for x in (16, 17)]
    nearer[0] = [3.49, 16, 16]  # nearer to the voxel of the hidden one than the hidden one itself
    crowd = Annotations([[4.49, 16.49, 16.49], *nearer], [0] * 9, spacing_um=(1, 1, 1))
    write_ctc(crowd, tmp_path / "01_RES", shape_zyx=SHAPE, radius_um=4)
    image = tifffile.imread(tmp_path / "01_RES" / "mask000.tif")
    assert np.bincount(image.ravel(), minlength=10)[1] == 1 and image[4, 16, 16] == 1
    assert is_valid(tmp_path / "01_RES")


def test_images_begin_at_time_point_0_and_go_on_to_the_last(lineage, tmp_path):
    write_ctc(lineage, tmp_path / "01_RES", shape_zyx=SHAPE, time_points=range(1, 6))
    assert [path.name for path in sorted(tmp_path.glob("01_RES/mask*"))] == [
        f"mask{t:03}.tif" for t in range(6)
    ]
    assert not tifffile.imread(tmp_path / "01_RES" / "mask000.tif").any()
    assert is_valid(tmp_path / "01_RES")


def test_more_tracks_than_labels_are_an_error(tmp_path):
    places = np.stack(np.meshgrid([0], range(256), range(257), indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    many = Annotations(places[: 2**16], [0] * 2**16, spacing_um=(1, 1, 1))
    with pytest.raises(UserError, match="65536 tracks"):
        write_ctc(many, tmp_path / "01_RES", shape_zyx=(1, 256, 257))
    assert list(tmp_path.iterdir()) == []


def test_no_positions_at_all_come_back(tmp_path):
    none = Annotations(np.zeros((0, 3)), [], spacing_um=(1, 1, 1))
    write_ctc(none, tmp_path / "01_RES", shape_zyx=SHAPE)
    assert len(read_ctc(tmp_path / "01_RES")) == 0


def test_voxels_belong_to_the_nearest_position(tmp_path):
    two = Annotations(
        positions=[[4, 16, 12], [4, 16, 17]], time_points=[0, 0], spacing_um=(1, 1, 1)
    )
    write_ctc(two, tmp_path / "01", shape_zyx=SHAPE, radius_um=4)
    image = tifffile.imread(tmp_path / "01" / "mask000.tif")
    assert image[4, 16, [12, 14, 15, 17]].tolist() == [1, 1, 2, 2]
    assert image[4, 16, 8] == 1 and image[4, 16, 7] == 0  # four µm away, and five


def test_a_ball_smaller_than_a_voxel_still_has_one(tmp_path):
    small = Annotations(positions=[[1.4, 2.5, 2.6]], time_points=[0], spacing_um=(1, 1, 1))
    write_ctc(small, tmp_path / "01", shape_zyx=SHAPE, radius_um=0.1)
    assert np.argwhere(tifffile.imread(tmp_path / "01" / "mask000.tif")).tolist() == [[1, 3, 3]]


def test_2d_movies_get_2d_images(tmp_path):
    flat = Annotations(
        positions=[[0, 5, 6], [0, 6, 7]], time_points=[0, 1], links=[[0, 1]], spacing_um=(1, 1, 1)
    )
    write_ctc(flat, tmp_path / "01", shape_zyx=(1, 20, 20), radius_um=2)
    assert tifffile.imread(tmp_path / "01" / "mask000.tif").shape == (20, 20)
    assert is_valid(tmp_path / "01")
    assert read_ctc(tmp_path / "01").positions.tolist() == [[0, 5, 6], [0, 6, 7]]


def test_folders_that_start_late_and_tracks_with_gaps_are_read(tmp_path):
    images = {7: {5: (1, 1, 1)}, 9: {5: (1, 2, 2)}, 10: {}, 11: {8: (2, 2, 2)}}
    annotations = read_ctc(write_folder(tmp_path / "01", ["5 7 9 0", "8 11 11 5"], images))
    assert annotations.time_points.tolist() == [7, 9, 11]
    assert annotations.links.tolist() == [[0, 1], [1, 2]]
    assert annotations.properties["ctc_label"].tolist() == [5, 5, 8]
    write_ctc(
        dataclasses.replace(annotations, spacing_um=(1, 1, 1)),
        tmp_path / "01_RES",
        shape_zyx=(4, 8, 8),
    )
    assert is_valid(tmp_path / "01_RES")
    assert structure(read_ctc(tmp_path / "01_RES")) == structure(annotations)


def test_a_merge_is_left_out_with_a_word(lineage, tmp_path):
    merge = dataclasses.replace(lineage, links=[[0, 1], [4, 1]], link_properties={})
    with pytest.warns(UserWarning, match="without links into 1 merges, the first: position 1"):
        write_ctc(merge, tmp_path / "01", shape_zyx=SHAPE)
    assert len(read_ctc(tmp_path / "01", spacing_um=merge.spacing_um).links) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spacing_um": None}, "need the spacing"),
        ({"positions": np.full((7, 3), 40.0)}, "position 0 at time point 1"),
        ({"positions": np.full((7, 3), np.nan)}, "position 0 at time point 1"),
        ({"positions": np.full((7, 3), 4.0)}, "same voxel"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_leaves_nothing(lineage, tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        write_ctc(dataclasses.replace(lineage, **change), tmp_path / "01", shape_zyx=SHAPE)
    assert list(tmp_path.iterdir()) == []


def test_time_points_outside_the_movie_are_an_error(lineage, tmp_path):
    with pytest.raises(UserError, match="time point 3"):
        write_ctc(lineage, tmp_path / "01", shape_zyx=SHAPE, time_points=range(1, 3))


def test_a_folder_with_other_files_is_never_replaced(lineage, tmp_path):
    write_ctc(lineage, tmp_path / "01", shape_zyx=SHAPE)
    with pytest.raises(UserError, match="01-2"):
        write_ctc(lineage, tmp_path / "01", shape_zyx=SHAPE)
    write_ctc(lineage, tmp_path / "01", shape_zyx=SHAPE, results=False, overwrite=True)
    assert not list((tmp_path / "01").glob("mask*"))
    (tmp_path / "01" / "thesis.doc").touch()
    with pytest.raises(UserError, match=re.escape("thesis.doc")):
        write_ctc(lineage, tmp_path / "01", shape_zyx=SHAPE, overwrite=True)


GOOD = {0: {1: (1, 1, 1)}}


@pytest.mark.parametrize(
    ("lines", "images", "message"),
    [
        (["1 0 0"], GOOD, "line 1"),
        (["1 0 zero 0"], GOOD, "line 1"),
        (["1 0 -1 0"], GOOD, "line 1"),
        (["0 0 0 0"], GOOD, "line 1"),
        (["1 0 0 0", "1 0 0 0"], GOOD, "line 2"),
        (["1 5 0 0"], GOOD, "line 1"),
        (["1 0 0 9"], GOOD, "parent 9"),
        (
            ["1 0 1 0", "2 1 1 1"],
            {0: {1: (1, 1, 1)}, 1: {1: (1, 1, 1), 2: (2, 2, 2)}},
            "before its daughter",
        ),
        (["2 0 0 0"], GOOD, "label 1"),
        (["1 0 0 0"], {}, "must hold man_track.txt"),
    ],
)
def test_a_malformed_folder_gives_one_clear_error(tmp_path, lines, images, message):
    with pytest.raises(UserError, match=message):
        read_ctc(write_folder(tmp_path / "01", lines, images))


def test_damaged_or_wrong_images_give_one_clear_error(tmp_path):
    folder = write_folder(tmp_path / "01", ["1 0 0 0"], GOOD)
    image = folder / "man_track000.tif"
    whole = image.read_bytes()
    for content in (whole[:20], whole[: len(whole) // 2], b""):
        image.write_bytes(content)
        with pytest.raises(UserError, match="man_track000.tif"):
            read_ctc(folder)
    tifffile.imwrite(image, np.ones((4, 4), np.float32))
    with pytest.raises(UserError, match="float32"):
        read_ctc(folder)


@pytest.mark.parametrize(
    ("line", "at"), [("1 0 2 0", "0, 1"), ("1 0 0 0", "0, 1"), ("1 1 1 0", "0, 1")]
)
def test_a_text_that_contradicts_the_images_is_said(tmp_path, line, at):
    images = {0: {1: (1, 1, 1)}, 1: {1: (1, 1, 1)}}
    with pytest.warns(UserWarning, match=f"contradicts its images at 1 labels.* at {at}"):
        annotations = read_ctc(write_folder(tmp_path / "01", [line], images))
    assert annotations.links.tolist() == [[0, 1]]


def test_a_root_that_is_its_own_parent_as_btrack_writes_it_is_a_root(tmp_path):
    assert read_ctc(write_folder(tmp_path / "01", ["1 0 0 1"], GOOD)).links.tolist() == []


def test_images_of_two_shapes_are_refused(tmp_path):
    folder = write_folder(tmp_path / "01", ["1 0 1 0"], GOOD | {1: {1: (1, 1, 1)}})
    tifffile.imwrite(folder / "man_track001.tif", np.ones((4, 8, 9), np.uint16))
    with pytest.raises(UserError, match=r"\(4, 8, 9\) in man_track001.tif"):
        read_ctc(folder)


def test_a_label_in_several_pieces_is_said_once(lineage, tmp_path):
    """Pieces that touch at a corner are one; so are two labels side by side, each one piece."""
    folder = tmp_path / "01"
    write_ctc(lineage, folder, shape_zyx=SHAPE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_ctc(folder)
    for time_point in (1, 2):
        path = folder / f"mask{time_point:03}.tif"
        image = tifffile.imread(path)
        label = int(image.max())
        image[image == label] = 0
        image[0, 0, :2] = image[7, 31, 31] = image[1, 1, 2] = label
        tifffile.imwrite(path, image, photometric="minisblack")
    with pytest.warns(
        UserWarning, match="2 labels lie in pieces, the first: . at time point 1"
    ) as said:
        read_ctc(folder)
    assert len(said) == 1
