"""Tracking shared out: in one process, in several, killed and gone on with, in a cluster's jobs."""

import os
import re
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

from organoid_kit.base import UserError
from organoid_kit.cli import main
from organoid_kit.data.formats import read_annotations
from organoid_kit.data.timelapse import read_timelapse, write_timelapse
from organoid_kit.networks.building import build_network
from organoid_kit.networks.folders import SHIPPED
from organoid_kit.networks.saving import save_network
from organoid_kit.prediction import units
from training_helpers import make_family, tiny_crop_settings

NAMES = ("first", "second", "third")
ON_REQUEST = pytest.mark.skipif(
    "ORGANOID_KIT_CLUSTER" not in os.environ, reason="on request: ORGANOID_KIT_CLUSTER=1"
)
DOCS = Path(__file__).parents[2] / "docs" / "cluster.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three movies of five time points, a division and a link network that learned nothing, and
    the tracks made of the movies in one go.
    """
    folder = tmp_path_factory.mktemp("shared out")
    for seed, name in enumerate(NAMES):
        write_timelapse(make_family(seed, time_points=5).movie, folder / f"{name}.ome.tif")
    for network in ("division", "link"):
        settings = tiny_crop_settings(network, folder)
        save_network(build_network(settings), settings, folder / network)
    assert run_track(folder, folder / "plain") == 0
    return folder


def list_arguments(folder: Path, output: Path, *options: object, movies=NAMES) -> list[str]:
    named = ["--position", SHIPPED / "position_small"]
    named += ["--division", folder / "division", "--link", folder / "link"]
    paths = [folder / f"{name}.ome.tif" for name in movies]
    return [str(each) for each in ("track", *paths, *named, "-o", output, *options)]


def run_track(*arguments: object, **options: object) -> int:
    return main(list_arguments(*arguments, **options))


def assert_same_tracks(output: Path, folder: Path, names=NAMES) -> None:
    for name in names:
        own, plain = (read_annotations(each / f"{name}.aut") for each in (output, folder / "plain"))
        assert len(plain.links) > 8
        np.testing.assert_allclose(own.positions, plain.positions, atol=1e-3)
        np.testing.assert_array_equal(own.links, plain.links)
        for key in ("probability", "division_probability"):
            ours, theirs = (each.properties[key].astype(float) for each in (own, plain))
            np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_shares_of_a_job_array_have_the_tracks_of_one_command(folder, tmp_path, capsys):
    for share in ("1/2", "2/2"):
        assert run_track(folder, tmp_path / "out", "--array", share, "--block", 2) == 0
    said = capsys.readouterr().out
    assert "2 movies to track, in 6 units" in said and "1 movies to track" in said
    takes = re.findall(r"time point of (\w+) takes ([\d.]+) s here: about ([\d.]+) hours", said)
    assert [name for name, *_ in takes] == ["first", "second"]
    for (_, seconds, hours), count in zip(takes, (10, 5), strict=True):
        assert float(hours) == pytest.approx(
            count * float(seconds) / 3600, abs=0.006 + count / 72000
        )
    assert float(re.search(r"needs ([\d.]+) GB", said)[1]) > 0.2 and "units grows to 0." in said
    assert_same_tracks(tmp_path / "out", folder)
    assert not list(tmp_path.rglob("*.npz"))
    assert run_track(folder, tmp_path / "out", "--array", "1/1", "--block", 2) == 0
    assert capsys.readouterr().out.count("was tracked before") == 3


def test_movies_are_tracked_one_after_the_other(folder, tmp_path):
    """With one process the first is there to be looked at before the last is begun."""
    jobs, named = (
        [],
        (str(SHIPPED / "position_small"), str(folder / "division"), str(folder / "link")),
    )
    for name in NAMES[:2]:
        movie = read_timelapse(folder / f"{name}.ome.tif")
        jobs.append(units.TrackingJob(movie, named, tmp_path / name, block=2).prepare())
    with ThreadPoolExecutor(1) as executor:
        done = units.do_jobs(jobs, executor)
        assert next(done)[0] is jobs[0] and not list((tmp_path / NAMES[1]).glob("*.npz"))
        assert [job for job, _ in done] == jobs[1:]


def test_states_say_what_is_done_and_what_failed(folder, tmp_path, monkeypatch, capsys):
    """Also while it is under way, from another process."""
    predict, seen = units.predict_positions, []

    def look(*given, **options):
        assert main(["track", "--status", "-o", str(tmp_path / "out")]) == 0
        seen.append(capsys.readouterr().out)
        if given[1].name.startswith("second") and options["time_points"][0] == 2:
            raise MemoryError("none left")
        return predict(*given, **options)

    monkeypatch.setattr(units, "predict_positions", look)
    options = ("--array", "1/1", "--block", 2)
    assert run_track(folder, tmp_path / "out", *options, movies=NAMES[:2]) == 2
    first, second = read_states(capsys.readouterr().out)
    assert first[:3] == ["first", "done", "7 of 7"]
    assert second[:3] == ["second", "failed", "2 of 7"] and second[4] == "MemoryError: none left"
    [first, second] = read_states(seen[6])  # two are what was tried before
    assert (first[1], second[1:3]) == ("done", ["under way", "1 of 7"])


def read_states(said: str) -> list[list[str]]:
    """Cells of the rows of the table, which comes last, without headings."""
    lines = said[said.rindex("movie  ") :].splitlines()
    return [re.split(r" {2,}", line) for line in lines[1:]]


def test_what_is_done_is_not_done_again(folder, tmp_path, monkeypatch, capsys):
    asked, predict = [], units.predict_positions

    def fail_once(*given, time_points, **options):
        asked.append(time_points)
        if len(asked) == 4:
            raise MemoryError("none left")
        return predict(*given, time_points=time_points, **options)

    monkeypatch.setattr(units, "predict_positions", fail_once)
    options = ("--array", "1/1", "--block", 2)
    assert run_track(folder, tmp_path / "out", *options, movies=NAMES[:1]) == 2
    assert "first: failed. MemoryError: none left" in capsys.readouterr().out
    assert run_track(folder, tmp_path / "out", *options, movies=NAMES[:1]) == 0
    tried = [range(0, 2)] * 2  # to say how long all will take; not when it goes on
    assert asked == [*tried, range(0, 2), range(2, 4), range(4, 5), range(2, 4)]
    assert_same_tracks(tmp_path / "out", folder, NAMES[:1])


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY"])
def test_a_damaged_file_of_a_unit_is_named(tmp_path, content):
    (tmp_path / "links_00000-00009.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"links_00000-00009\.npz.*Remove it, and give the same"):
        units.read_unit(tmp_path / "links_00000-00009.npz")


def test_a_movie_that_is_broken_fails_alone(folder, tmp_path, capsys):
    for name in NAMES[:2]:
        (tmp_path / f"{name}.ome.tif").write_bytes((folder / f"{name}.ome.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "first.ome.tif") as tif:
        place, length = tif.pages[-1].dataoffsets[0], tif.pages[-1].databytecounts[0]
    with open(tmp_path / "first.ome.tif", "r+b") as file:  # in its last time point
        file.seek(place)
        file.write(b"\0" * length)
    arguments = list_arguments(folder, tmp_path / "out", "--array", "1/1")
    arguments = [
        word.replace(f"{folder}/", f"{tmp_path}/") if ".tif" in word else word for word in arguments
    ]
    arguments = [word for word in arguments if "third" not in word]
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert "first: failed. Every stack must be readable" in said.out and "time point 4" in said.out
    assert "failed: first" in said.err and "the same command again" in said.err
    assert_same_tracks(tmp_path / "out", folder, ["second"])
    (tmp_path / "first.ome.tif").write_bytes((folder / "first.ome.tif").read_bytes())
    assert main(arguments) == 0  # as the message promises
    assert_same_tracks(tmp_path / "out", folder, NAMES[:2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--array", "3/2"), "--array 3/40"),
        (("--array", "1"), "--array 3/40"),
        (("--array", "1/1", "--score"), "Use `score`"),
    ],
)
def test_shares_that_make_no_sense(folder, tmp_path, options, words, capsys):
    assert run_track(folder, tmp_path / "out", *options) == 2
    assert words in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_other_work_is_not_gone_on_with(folder, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "first.aut").write_text("mine")
    assert run_track(folder, tmp_path / "out", "--array", "1/1") == 2
    assert "never overwritten" in capsys.readouterr().err
    assert (tmp_path / "out" / "first.aut").read_text() == "mine"
    assert (
        run_track(folder, tmp_path / "new", "--array", "1/1", "--block", 2, movies=NAMES[:1]) == 0
    )
    assert (
        run_track(folder, tmp_path / "new", "--array", "1/1", "--block", 3, movies=NAMES[:1]) == 2
    )
    assert "same movie, networks, channels and blocks" in capsys.readouterr().out


def test_jobs_are_small_when_they_travel(folder):
    pickle = pytest.importorskip("cloudpickle")
    movie = read_timelapse(folder / "first.ome.tif")
    job = units.TrackingJob(movie, ("position_small", "division_small", "link_small"), folder)
    sent = pickle.dumps(job)
    assert len(sent) < 3000
    arrived = pickle.loads(sent).movie
    assert (arrived.name, arrived.time_points) == (movie.name, movie.time_points)
    np.testing.assert_array_equal(arrived.stack(3), movie.stack(3))


# ---- several processes -----------------------------------------------------------------------------


@ON_REQUEST  # on a busy machine its processes may take longer to start than a test may wait
def test_a_worker_that_is_killed_and_given_up_costs_nothing(folder, tmp_path, monkeypatch):
    """The only process is killed as soon as something was found. Dask does not wait until it is
    back, as on a machine with much other work, where it takes longer than 15 s.
    """
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    monkeypatch.setattr(units, "_PATIENCE_S", 1)
    killed = []

    def kill():
        while not list(tmp_path.rglob("*.npz")):
            time.sleep(0.05)
        children = psutil.Process().children()
        [worker] = [each for each in children if "spawn_main" in " ".join(each.cmdline())]
        worker.kill()
        killed.append(worker.pid)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "0.1s"}):
        options = ("--workers", 1, "--block", 2)
        assert run_track(folder, tmp_path / "out", *options, movies=NAMES[:1]) == 0
    assert killed
    assert_same_tracks(tmp_path / "out", folder, NAMES[:1])


@ON_REQUEST
def test_a_cluster_of_jobs(folder, tmp_path, monkeypatch):
    """The script of docs/cluster.md, with an `sbatch` that starts what it is given here."""
    pytest.importorskip("dask_jobqueue")
    [script] = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    (tmp_path / "share_out.py").write_text(script)
    for name, body in {
        "sbatch": 'bash "$1" >"$0.$$.log" 2>&1 & echo "Submitted batch job $!"',
        "scancel": 'kill "$@" 2>/dev/null || true',
    }.items():
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/bash\n{body}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    arguments = list_arguments(folder, tmp_path / "out", "--block", 2)[1:]
    command = [sys.executable, tmp_path / "share_out.py", "2", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same_tracks(tmp_path / "out", folder)
    assert len(list((tmp_path / "bin").glob("sbatch.*.log"))) == 2
