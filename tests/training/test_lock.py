"""One training at a time, whatever became of the one before."""

import os
import platform
import shutil
import subprocess
import sys

import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.training.lock import hold_run, is_in_use
from organoid_kit.training.runs import Run


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    return Run(tmp_path / "run")


def write_mark(run, process, machine=None):
    (run.folder / ".in_use").write_text(f"{process}@{machine or platform.node()} another")


def test_a_second_training_of_a_run_is_refused_until_the_first_has_ended(run):
    with hold_run(run) as check:
        assert is_in_use(run)
        with pytest.raises(UserError, match=f"process {os.getpid()} trains it"), hold_run(run):
            pass
        check()
    assert not is_in_use(run) and [path.name for path in run.folder.iterdir()] == ["run.json"]
    with hold_run(run) as check:
        check()


def test_a_training_of_another_process_is_seen_until_it_is_killed(run):
    program = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as other:
        write_mark(run, other.pid)
        with pytest.raises(UserError, match=f"process {other.pid} trains it"), hold_run(run):
            pass
        other.kill()
    with hold_run(run) as check:
        check()


def test_a_mark_of_a_number_that_is_used_again_bars_nothing(run):
    write_mark(run, os.getpid())
    os.utime(run.folder / ".in_use", (0, 0))  # before this process began
    with hold_run(run) as check:
        check()


@pytest.mark.parametrize("content", ["", "x", "5", "\0@y z"])
def test_a_damaged_mark_bars_nothing(run, content):
    (run.folder / ".in_use").write_text(content)
    with hold_run(run) as check:
        check()


def test_a_training_that_was_taken_over_from_another_machine_ends(run):
    with pytest.raises(UserError, match="has taken it over"), hold_run(run) as check:
        write_mark(run, 1, "elsewhere")
        check()
    assert (run.folder / ".in_use").exists()  # the other one's


@pytest.mark.parametrize("happens", [shutil.rmtree, lambda folder: folder.rename(f"{folder}-2")])
def test_a_training_whose_folder_is_gone_ends(run, happens):
    with pytest.raises(UserError, match="moved or deleted"), hold_run(run) as check:
        happens(run.folder)
        check()
    assert not run.folder.exists()
