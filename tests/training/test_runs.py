import copy
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_json_safely
from organoid_kit.base.settings import make_settings
from organoid_kit.data.timelapse import read_timelapse, write_timelapse
from organoid_kit.training import runs
from organoid_kit.training.runs import (
    Run,
    compare_runs,
    describe_movie,
    find_best,
    list_runs,
    make_run,
    open_run,
)
from training_helpers import make_blobs, tiny_settings


def finish(run, losses, **more):
    rows = [
        {
            "epoch": n,
            "loss": loss,
            "validation_loss": loss,
            "best": loss <= min(losses[:n]),
            "seconds": 30,
            **more,
        }
        for n, loss in enumerate(losses, start=1)
    ]
    write_json_safely(run.folder / "history.json", rows)


def test_a_run_writes_down_what_it_starts_from(tmp_path):
    settings = tiny_settings(tmp_path / "Läufe von heute", channels=(1,))
    run = make_run(settings, [make_blobs(1)], [make_blobs(2)])
    assert run.folder.parent == tmp_path / "Läufe von heute"
    assert run.settings == settings
    assert [(each["part"], each["name"], each["time_points"]) for each in run.details["data"]] == [
        ("training", "blobs 1", [0, 1]),
        ("validation", "blobs 2", [0, 1]),
    ]
    assert {"keras", "numpy", "organoid_kit", "python"} <= set(run.details["versions"])


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path):
    runs = [make_run(tiny_settings(tmp_path), [make_blobs()], []) for _ in range(4)]
    assert len({run.folder for run in runs}) == 4


def test_a_run_goes_on_with_the_same_data(tmp_path):
    run = make_run(tiny_settings(tmp_path), [make_blobs(1)], [])
    assert open_run(run.folder, [make_blobs(1)], []) == run


def move_a_position(each):
    positions = each.annotations.positions.copy()
    positions[3, 1] += 0.01
    return dataclasses.replace(
        each, annotations=dataclasses.replace(each.annotations, positions=positions)
    )


def change_the_region(each):
    region = [[0, 0, 0], [3, 20, 20]]
    return dataclasses.replace(
        each, annotations=dataclasses.replace(each.annotations, region=region)
    )


def change_an_image(each):
    def read(time_point, channel):
        return each.movie.read_stack(time_point, channel) + np.uint16(1)

    return dataclasses.replace(each, movie=dataclasses.replace(each.movie, read_stack=read))


def change_the_spacing(each):
    return dataclasses.replace(each, movie=dataclasses.replace(each.movie, spacing_um=(1, 1, 1)))


def change_the_last_image(each):
    def read(time_point, channel):
        stack = each.movie.read_stack(time_point, channel)
        return stack + np.uint16(time_point == each.movie.time_points[-1])

    return dataclasses.replace(each, movie=dataclasses.replace(each.movie, read_stack=read))


def state_a_size(each):
    movie = dataclasses.replace(each.movie, nucleus_diameter_um=12.0)
    return dataclasses.replace(each, movie=movie)


@pytest.mark.parametrize(
    "change",
    [move_a_position, change_the_region, change_an_image, change_the_last_image]
    + [change_the_spacing, state_a_size],
)
def test_a_run_never_goes_on_with_changed_data(tmp_path, change):
    run = make_run(tiny_settings(tmp_path), [make_blobs(1)], [])
    with pytest.raises(UserError, match="blobs 1.*start_from"):
        open_run(run.folder, [change(make_blobs(1))], [])


def test_a_run_never_goes_on_with_other_movies(tmp_path):
    run = make_run(tiny_settings(tmp_path), [make_blobs(1)], [make_blobs(2)])
    for training, validation in (
        ([make_blobs(2)], [make_blobs(1)]),
        ([make_blobs(1)], []),
        ([], []),
    ):
        with pytest.raises(UserError, match="data it was started with"):
            open_run(run.folder, training, validation)


def test_a_change_in_a_file_is_noticed(tmp_path):
    each = make_blobs(1)
    path = tmp_path / "a.ome.tif"
    write_timelapse(each.movie, path)
    each = dataclasses.replace(each, movie=read_timelapse(path))
    run = make_run(tiny_settings(tmp_path / "runs"), [each], [])
    assert open_run(run.folder, [each], []) == run
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="data it was started with"):
        open_run(run.folder, [each], [])


@pytest.fixture
def in_folder(tmp_path):
    """A movie in a folder of TIFF files, t000.tif and t001.tif."""
    each = make_blobs(1)
    folder = tmp_path / "images"
    folder.mkdir()
    for time in each.movie.time_points:
        tifffile.imwrite(
            folder / f"t{time:03}.tif",
            each.movie.stack(time),
            photometric="minisblack",
            metadata={"axes": "ZYX"},
        )
    return dataclasses.replace(each, movie=read_timelapse(folder, spacing_um=each.movie.spacing_um))


def test_files_beside_the_images_change_nothing(tmp_path, in_folder):
    run = make_run(tiny_settings(tmp_path / "runs"), [in_folder], [in_folder])
    for name in ("a.aut", "list.autlist", "a.csv", "a.json", ".hidden.tif"):
        (tmp_path / "images" / name).write_text("new")
    assert open_run(run.folder, [in_folder], [in_folder]) == run
    (tmp_path / "images" / "t002.tif").write_bytes((tmp_path / "images" / "t001.tif").read_bytes())
    with pytest.raises(UserError, match="data it was started with"):
        open_run(run.folder, [in_folder], [in_folder])


def test_of_a_large_movie_names_sizes_and_ends_are_summed_and_it_says_so(
    tmp_path, in_folder, monkeypatch
):
    assert describe_movie("test", in_folder)["images_sha256_of"] == "whole files"
    monkeypatch.setattr(runs, "_WHOLE_BYTES", 100)
    before = describe_movie("test", in_folder)
    assert "names, sizes, first and last megabyte" in before["images_sha256_of"]
    file = tmp_path / "images" / "t001.tif"
    content = file.read_bytes()
    for changed in (
        content + b"0",
        bytes([content[0] ^ 1]) + content[1:],
        content[:-1] + bytes([content[-1] ^ 1]),
    ):
        file.write_bytes(changed)
        assert describe_movie("test", in_folder)["images_sha256"] != before["images_sha256"]
    file.write_bytes(content)
    assert describe_movie("test", in_folder) == before
    file.rename(file.with_name("t002.tif"))
    assert describe_movie("test", in_folder) != before


def test_only_a_part_of_many_large_files_is_read(tmp_path, in_folder, monkeypatch):
    monkeypatch.setattr(runs, "_WHOLE_BYTES", 100)
    monkeypatch.setattr(runs, "_MOST_ENDS", 2)
    for number in range(2, 9):
        (tmp_path / "images" / f"t{number:03}.tif").write_bytes(b"tiff")
    opened = note_opened_files(monkeypatch)
    describe_movie("test", in_folder)
    assert [name for name in opened if name.endswith(".tif")] == ["t000.tif", "t008.tif"]


def note_opened_files(monkeypatch) -> list[str]:
    """Names of the files that `runs` opens from now on."""
    opened = []

    def note(file, *options):
        opened.append(Path(file).name)
        return open(file, *options)

    monkeypatch.setattr(runs, "open", note, raising=False)
    return opened


def test_files_in_several_parts_are_summed_once(tmp_path, in_folder, monkeypatch):
    opened = note_opened_files(monkeypatch)
    make_run(tiny_settings(tmp_path / "runs"), [in_folder], [in_folder])
    assert [name for name in opened if name.endswith(".tif")] == ["t000.tif", "t001.tif"]


@pytest.mark.parametrize("other", [{"axes": "TZYX"}, {"spacing_um": (1.0, 1.0, 1.0)}])
def test_a_run_never_goes_on_with_a_file_read_otherwise(tmp_path, other):
    images = np.arange(4 * 4 * 32 * 32, dtype=np.uint16).reshape(4, 4, 32, 32)
    tifffile.imwrite(tmp_path / "a.tif", images, photometric="minisblack")
    usual = {"axes": "ZTYX", "spacing_um": (2.0, 0.5, 0.5)}
    blobs = make_blobs(1)
    each, changed = (
        dataclasses.replace(blobs, movie=read_timelapse(tmp_path / "a.tif", **(usual | options)))
        for options in ({}, other)
    )
    run = make_run(tiny_settings(tmp_path / "runs"), [each], [])
    assert open_run(run.folder, [each], []) == run
    with pytest.raises(UserError, match="data it was started with"):
        open_run(run.folder, [changed], [])


def test_another_folder_is_no_run(tmp_path):
    with pytest.raises(UserError, match="list_runs"):
        open_run(tmp_path, [], [])


def test_a_place_that_cannot_be_written_gives_one_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="output_folder"):
        make_run(tiny_settings(tmp_path / "file" / "runs"), [], [])


def test_a_full_disk_while_logging_gives_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="resume="):
        Run(tmp_path / "vanished").log("line")


def test_log_lines_are_added(tmp_path):
    run = Run(tmp_path)
    run.log("first")
    run.log("zweite µ")
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == ["first", "zweite µ"]


def test_runs_are_listed_with_their_best_epoch(tmp_path):
    first = make_run(tiny_settings(tmp_path, seed=1), [make_blobs()], [])
    finish(first, [0.5, 0.2, 0.3], validation_f1=0.9)
    make_run(tiny_settings(tmp_path, seed=2), [make_blobs()], [])
    rows = list_runs(tmp_path)
    assert [
        (row["seed"], row["epochs"], row["best_epoch"], row["validation_loss"]) for row in rows
    ] == [(1, 3, 2, 0.2), (2, 0, None, None)]
    assert rows[0]["minutes"] == 1.5 and rows[0]["validation_f1"] == 0.9


def test_the_best_epoch_is_the_last_that_was_kept_not_that_of_lowest_loss(tmp_path):
    run = make_run(make_settings("link", output_folder=str(tmp_path)), [make_blobs()], [])
    rows = [(1, 0.1, 0.5, True), (2, 0.3, 0.9, True), (3, 0.2, 0.8, False)]
    names = ("epoch", "validation_loss", "validation_average_precision", "best")
    write_json_safely(
        run.folder / "history.json",
        [dict(zip(names, row)) | {"seconds": 6, "loss": 0.5} for row in rows],
    )
    assert find_best(run.history)["epoch"] == 2 and find_best([]) is None
    (row,) = list_runs(tmp_path)
    assert (row["network"], row["best_epoch"], row["validation_loss"]) == ("link", 2, 0.3)
    assert (row["validation_average_precision"], row["validation_f1"]) == (0.9, None)
    table = compare_runs(tmp_path)
    assert "validation_average_precision" in table and "validation_f1" not in table


def test_a_run_goes_on_though_an_earlier_version_said_less_of_its_data(tmp_path):
    run = make_run(tiny_settings(tmp_path), [make_blobs(1)], [])
    details = run.details
    del details["data"][0]["divisions"]
    write_json_safely(run.folder / "run.json", details, overwrite=True)
    assert open_run(run.folder, [make_blobs(1)], []) == run
    with pytest.raises(UserError, match="blobs 1"):
        open_run(run.folder, [make_blobs(2)], [])


def test_compared_runs_name_the_settings_that_differ(tmp_path):
    finish(make_run(tiny_settings(tmp_path, seed=1), [make_blobs()], []), [0.5])
    make_run(tiny_settings(tmp_path, seed=2, learning_rate=0.25), [make_blobs()], [])
    make_run(tiny_settings(tmp_path, seed=3), [make_blobs()], [])
    table = compare_runs(tmp_path)
    lines = table.splitlines()
    assert len(lines) == 6 and "not measured" in lines[2] and "not measured" not in lines[1]
    assert "learning_rate=0.25" in lines[4] and "seed=2" in lines[4] and "epochs" not in lines[4]
    assert "seed=3" in lines[5] and "learning_rate" not in lines[5]


def test_runs_are_compared_with_the_first_of_their_network(tmp_path):
    position = tiny_settings(tmp_path)
    darker = dataclasses.replace(position.augmentation, brightness=(0.1, 0.2))
    for settings in (
        position,
        make_settings("link", output_folder=tmp_path),
        position.changed(augmentation=darker),
    ):
        make_run(settings, [make_blobs()], [])
    *table, last = compare_runs(tmp_path).splitlines()
    assert last.endswith("differs from the first position network in brightness=(0.1, 0.2)")
    assert not [line for line in table if "differs" in line] and "scratch" in table[1]


def test_a_folder_without_runs_says_so(tmp_path):
    assert "No runs" in compare_runs(tmp_path)


def test_details_are_plain_json(tmp_path):
    run = make_run(tiny_settings(tmp_path), [make_blobs()], [])
    assert json.loads((run.folder / "run.json").read_text(encoding="utf-8")) == run.details


# ---- what stands in a run's files is checked


ROW = {"epoch": 1, "loss": 0.5, "validation_loss": 0.5, "best": True, "seconds": 3.0}
DAMAGES = {
    "history.json": [
        5,
        {},
        [1],
        [ROW | {"epoch": "1"}],
        [{"epoch": 1}],
        [ROW | {"loss": None}],
        [ROW | {"loss": []}],
    ],
    "run.json": [5, [], {}, {"data": 3}, {"data": [{"part": 1}], "versions": {"organoid_kit": "1"}}]
    + [{"data": [], "versions": wrong} for wrong in ([1], {}, {"organoid_kit": 1}, None)]
    + [{"data": []}],
    "settings.json": [5, [], {"epochs": "many"}, {"of_a_newer_kit": 1}],
}
CASES = [(file, content) for file, contents in DAMAGES.items() for content in contents]


@pytest.mark.parametrize(("file", "content"), CASES)
def test_a_damaged_file_is_one_error_and_costs_one_run(tmp_path, file, content):
    good = make_run(tiny_settings(tmp_path), [make_blobs(1)], [])
    bad = make_run(tiny_settings(tmp_path), [make_blobs(1)], [])
    write_json_safely(bad.folder / file, content, overwrite=True)
    with pytest.raises(UserError, match=file):
        str((bad.settings, bad.details, bad.history))
    if file != "run.json":  # which lists do not read
        with pytest.warns(UserWarning, match=f"{bad.folder.name} is left out"):
            assert [row["run"] for row in list_runs(tmp_path)] == [good.folder.name]


WRONG = (None, "many", [], {"a": 1}, 0.5)


@pytest.mark.parametrize("key", ["positions", "time_points", "name", "part", "images_sha256"])
def test_what_a_report_needs_of_a_movie_is_there(tmp_path, key):
    run = make_run(tiny_settings(tmp_path), [make_blobs(1)], [])
    whole = run.details
    for value in ("lost", *WRONG):
        details = copy.deepcopy(whole)
        if value == "lost":
            del details["data"][0][key]
        elif type(value) is type(whole["data"][0][key]):
            continue
        else:
            details["data"][0][key] = value
        write_json_safely(run.folder / "run.json", details, overwrite=True)
        with pytest.raises(UserError, match=rf"{key}.*run\.json"):
            str(run.details)


def test_a_run_of_a_newer_kit_is_called_one(tmp_path):
    run = make_run(tiny_settings(tmp_path), [make_blobs(1)], [])
    write_json_safely(run.folder / "settings.json", {"new": 1}, overwrite=True)
    with pytest.raises(UserError, match="'new'.*a newer organoid_kit may know more"):
        str(run.settings)


def test_a_log_that_is_no_text_is_read_as_far_as_it_can(tmp_path):
    run = Run(tmp_path)
    (tmp_path / "log.txt").write_bytes(b"\xff\x00  training with x\n  ended: so after 1\n")
    assert run.ending == "so after 1"
