import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.base import files
from organoid_kit.base.errors import UserError
from organoid_kit.base.files import (
    bring_back,
    read_json,
    read_text,
    write_json_safely,
    write_safely,
    write_text_safely,
)


def test_written_text_comes_back_with_its_line_ends(tmp_path):
    path = tmp_path / "new folder" / "Zürich 50 µm.txt"
    write_text_safely(path, "é\r\nb\n")
    assert read_text(path) == "é\r\nb\n"


def test_an_existing_file_is_kept_and_another_name_is_suggested(tmp_path):
    path = tmp_path / "a.txt"
    write_text_safely(path, "first")
    (tmp_path / "a-2.txt").touch()
    with pytest.raises(UserError, match="a-3.txt"):
        write_text_safely(path, "second")
    assert path.read_text() == "first"
    write_text_safely(path, "second", overwrite=True)
    assert path.read_text() == "second"


def test_a_failure_while_writing_leaves_the_old_file_and_no_traces(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), write_safely(path, overwrite=True) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_gives_one_clear_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        write_text_safely(tmp_path / "a.txt", "text")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_really_a_file_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="room and permission"):
        write_text_safely(tmp_path / "file" / "a.txt", "text")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere"
)
def test_a_read_only_folder_gives_one_clear_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="room and permission"):
        write_text_safely(tmp_path / "a.txt", "text")
    tmp_path.chmod(0o700)


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for content, overwrite in (("old", False), ("new", True)):
        with write_safely(tmp_path / "folder", overwrite=overwrite) as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [entry.name for entry in (tmp_path / "folder").iterdir()] == ["new"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


KILLED = """
import os, sys
from pathlib import Path
from organoid_kit.base import files
left, real = int(sys.argv[2]), os.replace
def replace(source, target):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    real(source, target)
os.replace = replace
with files.write_safely(sys.argv[1], overwrite=True) as temporary:
    temporary.mkdir()
    (temporary / "new").touch()
"""


@pytest.mark.parametrize("by", ["read", "write"])
@pytest.mark.parametrize("renames", [0, 1])
def test_a_folder_whose_replacing_was_killed_is_there_again(tmp_path, renames, by):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").touch()
    ran = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(renames)])
    assert ran.returncode == 9 and len(list(tmp_path.glob(".writing-*"))) == 1
    assert folder.exists() == (renames == 0)
    if by == "write":
        write_text_safely(tmp_path / "another file", "the next start")
        assert not list(tmp_path.glob(".writing-*"))
    else:
        bring_back(folder)
    assert [path.name for path in folder.iterdir()] == ["old"]


def test_what_a_writer_is_replacing_is_not_taken_from_it(tmp_path, monkeypatch):
    """Whoever reads between its two renames finds nothing; the writer goes on undisturbed."""
    (tmp_path / "folder").mkdir()
    real, seen = os.replace, []

    def replace(source, target):
        if seen:
            bring_back(tmp_path / "folder")
        seen.append((tmp_path / "folder").exists())
        real(source, target)

    monkeypatch.setattr(files.os, "replace", replace)
    with write_safely(tmp_path / "folder", overwrite=True) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert seen == [True, False] and (tmp_path / "folder" / "new").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_large_folder_is_listed_once(tmp_path, monkeypatch):
    listed = []
    real = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, what: listed.append(self) or real(self, what))
    for number in range(5):
        write_text_safely(tmp_path / f"{number}.txt", "text")
    assert listed.count(tmp_path) == 1


def test_what_somebody_is_writing_is_left_alone(tmp_path):
    with write_safely(tmp_path / "a.txt") as temporary:
        write_text_safely(tmp_path / "b.txt", "beside it")
        temporary.write_text("a")
    elsewhere = tmp_path / ".writing-1@another machine-x"
    elsewhere.mkdir()
    files.remove_leftovers(tmp_path)
    assert elsewhere.exists() and (tmp_path / "a.txt").exists()
    os.utime(elsewhere, (0, 0))
    files.remove_leftovers(tmp_path)
    assert not elsewhere.exists()


def test_numpy_values_are_written_as_plain_json(tmp_path):
    write_json_safely(
        tmp_path / "a.json", {"a": np.float32(0.5), "b": np.arange(3), "c": np.bool_(True)}
    )
    assert read_json(tmp_path / "a.json") == {"a": 0.5, "b": [0, 1, 2], "c": True}


def test_what_json_cannot_say_is_an_error_and_writes_nothing(tmp_path):
    for value in ({"a": object()}, {"a": float("nan")}):
        with pytest.raises(UserError, match="as JSON"):
            write_json_safely(tmp_path / "a.json", value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": [1, 2', "valid JSON"),
        (b"", "valid JSON"),
        (b'{"a": NaN}', "NaN"),
        (b"[" * 200_000 + b"]" * 200_000, "valid JSON"),
        (json.dumps("ü", ensure_ascii=False).encode("latin-1"), "UTF-8"),
        (b"\x00\xff\xfe", "UTF-8"),
        (b"1" * 10_000, "valid JSON"),
    ],
)
def test_malformed_json_gives_one_clear_error(tmp_path, content, message):
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    if content.startswith(b"1") and not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python reads integers of any length")
    with pytest.raises(UserError, match=message) as caught:
        read_json(path)
    assert "bad.json" in str(caught.value)


def test_nan_is_read_where_allowed(tmp_path):
    (tmp_path / "a.json").write_text("[NaN]")
    assert np.isnan(read_json(tmp_path / "a.json", allow_nan=True)[0])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="missing.json"):
        read_json(tmp_path / "missing.json")
