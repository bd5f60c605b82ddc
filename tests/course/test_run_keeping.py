import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from datetime import datetime
from types import SimpleNamespace

import pytest

from organoid_kit.base import files
from organoid_kit.base.errors import UserError
from organoid_kit.course import run_keeping
from organoid_kit.course.run_keeping import (
    BackupWriter,
    list_backups,
    open_backup_folder,
    restore_run,
)
from organoid_kit.training.runs import Run
from training_helpers import make_blobs, tiny_settings

PLAN = {"epochs": 20, "network": "position"}
CONTENT = b"0123456789" * 20_000


def write_run(folder, epoch=1, step=0):
    """The files of a run that is so far; of two checkpoints, as a training keeps them."""
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(PLAN))
    (folder / "run.json").write_text("{}")
    advance(folder, epoch, step)
    return Run(folder)


def advance(folder, epoch, step=0):
    (folder / "checkpoints" / f"epoch_{epoch:05d}_step_{step:07d}.npz").write_bytes(CONTENT)


def copies(place):
    return sorted(path.name for path in place.rglob("*.zip"))


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "runs" / "first")


@pytest.fixture
def said():
    return []


@pytest.fixture
def keeper(tmp_path, said):
    return BackupWriter(tmp_path / "drive", every_minutes=0, say=said.append)


def fill_up(monkeypatch, after=1000):
    """A disk that has room for so many bytes more, and says so only when they are written."""

    def copyfile(source, target):
        with open(source, "rb") as read, open(target, "wb") as written:
            written.write(read.read(after))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_keeping.shutil, "copyfile", copyfile)


# ---- keeping and bringing back


def test_a_run_comes_back_as_it_was(keeper, run, tmp_path, said):
    assert keeper.keep(run)
    [kept] = list_backups(tmp_path / "drive")
    assert str(kept) == "first: position network, 1 of 20 epochs"
    back = restore_run(kept, tmp_path / "new machine")
    files = {path.relative_to(run.folder) for path in run.folder.rglob("*")}
    assert {path.relative_to(back.folder) for path in back.folder.rglob("*")} == files
    assert (back.folder / "checkpoints" / "epoch_00001_step_0000000.npz").read_bytes() == CONTENT
    assert said == []


def test_nothing_is_kept_where_nothing_was_asked_for(run, tmp_path):
    assert open_backup_folder(None) is None
    keeper = BackupWriter(None)
    assert not keeper.keep(run)
    keeper.watch(lambda progress: None)(SimpleNamespace(run=run, message=""))
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_the_newest_two_copies_are_kept(keeper, run, tmp_path):
    for epoch in (1, 2, 10, 9_999):
        advance(run.folder, epoch)
        assert keeper.keep(run)
    assert [name[:12] for name in copies(tmp_path)] == ["epoch_00010_", "epoch_09999_"]


def test_what_is_kept_already_is_not_copied_again(keeper, run, monkeypatch):
    keeper.keep(run)
    monkeypatch.setattr(run_keeping, "_copy", None)
    assert keeper.keep(run)


def test_a_threshold_chosen_later_is_kept_too(keeper, run, tmp_path):
    keeper.keep(run)
    (run.folder / "threshold.json").write_text("0.4")
    later = time.time() + 5
    os.utime(run.folder / "threshold.json", (later, later))
    assert keeper.keep(run)
    [kept] = list_backups(tmp_path / "drive")
    assert (restore_run(kept, tmp_path / "back").folder / "threshold.json").exists()


def test_a_threshold_chosen_on_a_clock_that_went_back_is_kept_too(keeper, run, tmp_path):
    (run.folder / "threshold.json").write_text("0.5")
    soon = time.time() + 3600  # of the clock before it was set right
    os.utime(run.folder / "threshold.json", (soon, soon))
    keeper.keep(run)
    (run.folder / "threshold.json").write_text("0.4")
    assert keeper.keep(run)
    [kept] = list_backups(tmp_path / "drive")
    back = restore_run(kept, tmp_path / "back").folder
    assert (back / "threshold.json").read_text() == "0.4"


def test_copies_rise_though_the_clock_goes_back(keeper, run, tmp_path, monkeypatch):
    for number, year in enumerate((2031, 2030, 2029)):
        now = SimpleNamespace(now=lambda _, year=year: datetime(year, 1, 1))
        monkeypatch.setattr(run_keeping, "datetime", now)
        (run.folder / "threshold.json").write_text(str(number))
        assert keeper.keep(run)
        [kept] = list_backups(tmp_path / "drive")
        assert zipfile.ZipFile(kept.copy).read("threshold.json").decode() == str(number)


def test_nothing_is_replaced_by_something_older(keeper, run, tmp_path, said):
    advance(run.folder, 7)
    keeper.keep(run)
    before = copies(tmp_path)
    older = write_run(tmp_path / "other machine" / "first", epoch=3)
    assert not keeper.keep(older) and not keeper.keep(older)
    assert copies(tmp_path) == before
    assert len(said) == 1 and "is further" in said[0]
    advance(older.folder, 8)
    assert keeper.keep(older) and len(copies(tmp_path)) == 2


def test_what_is_being_written_is_not_copied(keeper, run, tmp_path):
    (run.folder / "checkpoints" / ".writing-x").mkdir()
    (run.folder / "checkpoints" / ".writing-x" / "half.npz").write_bytes(b"half")
    keeper.keep(run)
    [kept] = list_backups(tmp_path / "drive")
    assert not any("writing" in name for name in zipfile.ZipFile(kept.copy).namelist())


# ---- a place that is full, or gone


def test_a_full_place_is_noticed_once_and_leaves_nothing_half(
    keeper, run, tmp_path, said, monkeypatch
):
    keeper.keep(run)
    before = copies(tmp_path)
    with monkeypatch.context() as patch:
        fill_up(patch)
        for epoch in (2, 3, 4):
            advance(run.folder, epoch)
            assert not keeper.keep(run)
    assert copies(tmp_path) == before and not list(tmp_path.rglob("drive/**/.writing-*"))
    [message] = said
    assert "is full" in message and "takes 0.4 MB" in message and "Training goes on" in message
    assert str(run.folder) in message
    assert keeper.keep(run) and said[1:] == [
        f"The run is kept in {tmp_path / 'drive' / 'first'} now."
    ]


def test_how_much_is_missing_is_said_before_writing(keeper, run, said, monkeypatch):
    monkeypatch.setattr(
        run_keeping.shutil, "disk_usage", lambda path: SimpleNamespace(free=100_000)
    )
    assert not keeper.keep(run)
    assert "is full: 0.1 MB too little" in said[0]


def test_a_place_that_is_gone_is_told(run, tmp_path, said):
    (tmp_path / "drive").write_text("a file, where there was a folder")
    assert not BackupWriter(tmp_path / "drive", say=said.append).keep(run)
    assert len(said) == 1 and "could not be kept" in said[0] and "Training goes on" in said[0]


def test_a_copy_that_reads_otherwise_than_written_is_no_copy(
    keeper, run, tmp_path, said, monkeypatch
):
    def copyfile(source, target):
        with open(target, "wb") as file:
            file.write(b"?" * os.path.getsize(source))

    monkeypatch.setattr(run_keeping.shutil, "copyfile", copyfile)
    assert not keeper.keep(run)
    assert copies(tmp_path) == [] and "not what was written" in said[0]


# ---- damaged and half copies


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "cut off":
        content = content[: len(content) // 2]
    elif how == "a byte":
        content[len(content) // 2] ^= 1
    else:
        content = bytearray()
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["cut off", "a byte", "empty"])
def test_a_damaged_copy_is_never_taken_for_whole(keeper, run, tmp_path, how):
    keeper.keep(run)
    advance(run.folder, 2)
    keeper.keep(run)
    older, newer = sorted((tmp_path / "drive" / "first").glob("*.zip"))
    damage(newer, how)
    [kept] = list_backups(tmp_path / "drive")
    assert kept.copy == older and kept.epoch == 1
    assert keeper.keep(run)  # and made anew
    assert list_backups(tmp_path / "drive")[0].epoch == 2
    assert len(copies(tmp_path)) == 2


def test_only_damaged_copies_are_told(keeper, run, tmp_path):
    keeper.keep(run)
    damage(next((tmp_path / "drive" / "first").iterdir()), "cut off")
    [kept] = list_backups(tmp_path / "drive")
    assert str(kept) == "first: all copies are damaged"
    with pytest.raises(UserError, match="only damaged ones"):
        restore_run(kept, tmp_path / "new machine")


def test_a_bad_pack_costs_its_run_and_the_others_are_listed(keeper, run, tmp_path):
    keeper.keep(run)
    keeper.keep(write_run(tmp_path / "runs" / "second", epoch=3, step=12))
    damage(next((tmp_path / "drive" / "first").iterdir()), "cut off")
    first, second = list_backups(tmp_path / "drive")
    assert (first.name, first.copy) == ("first", None)
    assert restore_run(second, tmp_path / "new machine").settings.network == second.network


KILLED = """
import os, signal, sys
from pathlib import Path
from organoid_kit.course import run_keeping
from organoid_kit.training.runs import Run
def copyfile(source, target):
    Path(target).write_bytes(Path(source).read_bytes()[:5000])
    os.kill(os.getpid(), signal.SIGKILL)
run_keeping.shutil.copyfile = copyfile
run_keeping.BackupWriter(Path(sys.argv[2])).keep(Run(Path(sys.argv[1])))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
def test_a_copy_that_was_killed_counts_for_nothing(keeper, run, tmp_path):
    keeper.keep(run)
    advance(run.folder, 2)
    ran = subprocess.run([sys.executable, "-c", KILLED, str(run.folder), str(tmp_path / "drive")])
    assert ran.returncode == -signal.SIGKILL
    [leftover] = (tmp_path / "drive" / "first").glob(".writing-*")
    assert list(leftover.iterdir())
    assert [each.epoch for each in list_backups(tmp_path / "drive")] == [1]
    files._tidy_once.cache_clear()  # as the next start does
    assert keeper.keep(run) and not leftover.exists()
    assert [each.epoch for each in list_backups(tmp_path / "drive")] == [2]


# ---- bringing back


def test_a_run_that_is_here_is_never_overwritten(keeper, run, tmp_path):
    advance(run.folder, 5)
    keeper.keep(run)
    [kept] = list_backups(tmp_path / "drive")
    assert restore_run(kept, tmp_path / "runs") == run  # as far: taken as it is
    behind = write_run(tmp_path / "other" / "first", epoch=4)
    with pytest.raises(UserError, match="Nothing is overwritten"):
        restore_run(kept, tmp_path / "other")
    assert sorted(path.name for path in (behind.folder / "checkpoints").iterdir()) == [
        "epoch_00004_step_0000000.npz"
    ]


def test_runs_are_listed_and_other_files_left_out(keeper, run, tmp_path):
    keeper.keep(run)
    keeper.keep(write_run(tmp_path / "runs" / "second", epoch=3, step=12))
    (tmp_path / "drive" / "holiday").mkdir()
    (tmp_path / "drive" / "holiday" / "pictures.zip").write_bytes(b"?")
    assert [(each.name, each.epoch, each.step) for each in list_backups(tmp_path / "drive")] == [
        ("first", 1, 0),
        ("second", 3, 12),
    ]
    assert list_backups(tmp_path / "never made") == []


# ---- Google Drive


@pytest.fixture
def colab(monkeypatch, tmp_path):
    drive = SimpleNamespace(mounted=[], mount=lambda where: drive.mounted.append(where))
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(__path__=[]))
    monkeypatch.setitem(sys.modules, "google.colab.drive", drive)
    monkeypatch.setattr(run_keeping, "DRIVE", tmp_path / "content" / "drive")
    return drive


def test_drive_is_mounted_when_asked(colab, tmp_path):
    assert (
        open_backup_folder("drive")
        == tmp_path / "content" / "drive" / "MyDrive" / "organoid_kit_runs"
    )
    assert colab.mounted == [str(tmp_path / "content" / "drive")]
    assert (
        open_backup_folder(tmp_path / "backup") == tmp_path / "backup" and len(colab.mounted) == 1
    )


def test_a_drive_that_says_no_is_one_clear_error(colab):
    def refuse(where):
        raise ValueError("mount failed")

    colab.mount = refuse
    with pytest.raises(
        UserError, match="must allow Colab to write. Received: 'drive': mount failed"
    ):
        open_backup_folder("drive")


def test_there_is_no_drive_elsewhere(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab.drive", None)
    with pytest.raises(UserError, match="Google Drive is mounted on Colab only"):
        open_backup_folder("drive")


# ---- with a training


def test_at_most_so_often_but_always_at_the_end(run, tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(run_keeping.time, "monotonic", lambda: clock[0])
    kept, heard = [], []
    keeper = BackupWriter(tmp_path / "drive", every_minutes=5)
    monkeypatch.setattr(keeper, "keep", lambda run: kept.append(clock[0]))
    tell = keeper.watch(heard.append)
    for epoch, minute in enumerate((0, 1, 4, 5, 6, 9, 10), start=1):
        clock[0] = 60.0 * minute
        advance(run.folder, epoch)
        tell(SimpleNamespace(run=run, message=""))
        tell(SimpleNamespace(run=run, message=""))
    tell(SimpleNamespace(run=run, message="Memory ran out"))
    assert kept == [0, 300, 600]
    (run.folder / "log.txt").write_text("now  training with x\nnow  ended: all epochs done\n")
    tell(SimpleNamespace(run=run, message="Training ended"))
    assert kept == [0, 300, 600, 600] and len(heard) == 16


def test_a_training_goes_on_after_everything_here_is_lost(tmp_path, said, monkeypatch):
    train = pytest.importorskip("organoid_kit.training.loop").train
    movies, settings = (
        ([make_blobs(1)], [make_blobs(2)]),
        tiny_settings(tmp_path / "runs", epochs=3),
    )
    keeper = BackupWriter(tmp_path / "drive", every_minutes=0, say=said.append)
    steps = iter(range(5))
    stop = {"should_stop": lambda: next(steps, None) is None}
    first = train(*movies, settings, on_progress=keeper.watch(lambda progress: None), **stop)
    whole = train(*movies, settings, on_progress=lambda progress: None)
    shutil.rmtree(first.folder)
    [kept] = list_backups(tmp_path / "drive")
    back = restore_run(kept, tmp_path / "runs")
    done = train(
        *movies, settings, resume=back.folder, on_progress=keeper.watch(lambda progress: None)
    )
    losses = [[row["loss"] for row in run.history] for run in (done, whole)]
    assert losses[0] == losses[1] and len(losses[0]) == 3
    assert list_backups(tmp_path / "drive")[0].epoch == 3 and said == []


def test_a_full_place_does_not_end_a_training(tmp_path, said, monkeypatch):
    train = pytest.importorskip("organoid_kit.training.loop").train
    fill_up(monkeypatch)
    keeper = BackupWriter(tmp_path / "drive", every_minutes=0, say=said.append)
    run = train(
        [make_blobs(1)],
        [],
        tiny_settings(tmp_path / "runs"),
        on_progress=keeper.watch(lambda progress: None),
    )
    assert len(run.history) == 2 and len(said) == 1 and "is full" in said[0]
