"""Many trainings, one table."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from organoid_kit.base import UserError
from organoid_kit.cli import main, sweep
from organoid_kit.course.results_table import read_results
from organoid_kit.data.dataset import AnnotatedMovie, write_dataset
from organoid_kit.data.timelapse import read_timelapse, write_timelapse
from training_helpers import NO_AUGMENTATION, make_blobs

TINY = {"patch_shape_zyx": [4, 32, 32], "patches_per_time_point": 4, "epochs": 1}
TINY |= {"augmentation": dataclasses.asdict(NO_AUGMENTATION), "channels": [1]}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """training.autlist of three movies, test.autlist of one."""
    folder = tmp_path_factory.mktemp("data")
    for part, seeds in (("training", (1, 2, 3)), ("test", (4,))):
        entries = []
        for seed in seeds:
            made, path = make_blobs(seed), folder / f"{part} {seed}.ome.tif"
            write_timelapse(made.movie, path)
            movie = read_timelapse(path, name=f"{part} {seed}")
            entries.append(AnnotatedMovie(movie, made.annotations))
        write_dataset(entries, folder / f"{part}.autlist")
    return folder


def write_grid(folder, name="grid.json", **changes):
    grid = {"data": {"all": "training.autlist"}, "test": "test.autlist", "networks": ["position"]}
    (folder / name).write_text(json.dumps(grid | changes))
    return folder / name


def test_a_grid_is_every_combination_in_its_order(data, tmp_path):
    settings = {"usual": TINY, "slow": TINY | {"learning_rate": 0.0003}}
    grid = write_grid(data, settings=settings, folds=3, seeds=[1, 2])
    cells = list(sweep.list_cells(grid, tmp_path))
    assert len(cells) == 2 * 3 * 2 == len({cell.settings.output_folder for cell in cells})
    assert [cell.settings.seed for cell in cells[:4]] == [1, 2, 1, 2]
    assert (
        cells[0].variant == "all, usual, fold 1 of 3"
        and cells[-1].variant == "all, slow, fold 3 of 3"
    )
    assert {cell.settings.learning_rate for cell in cells[6:]} == {0.0003}
    kept_back = [one.name for cell in cells[:6:2] for one in cell.split.validation]
    assert sorted(kept_back) == ["blobs 1", "blobs 2", "blobs 3"]
    for cell in cells:
        names = [{one.name for one in part} for part in cell.split.parts().values()]
        assert not names[0] & names[1] and len(names[0] | names[1]) == 3


def test_each_is_trained_once_whoever_does_it_and_all_stand_in_one_table(
    data, tmp_path, capsys, monkeypatch
):
    grid, out = write_grid(data, settings={"usual": TINY}, folds=3, seeds=[1]), tmp_path / "out"
    command = ["sweep", str(grid), "-o", str(out), "--array"]
    train, trained = sweep.Cell.run, []

    def run(cell):
        if cell.variant.endswith("2 of 3") and not trained:
            trained.append("failed")
            raise UserError("It broke.")
        train(cell)
        trained.append(cell.variant)

    monkeypatch.setattr(sweep.Cell, "run", run)
    assert main([*command, "2/3"]) == 2
    assert "It broke." in (said := capsys.readouterr()).out and "same command again" in said.err
    assert main([*command, "2/3"]) == 0 and main([*command, "1/1"]) == 0
    assert "3 trainings, of which 2 are to do here" in capsys.readouterr().out
    assert trained == ["failed", *(f"all, usual, fold {fold} of 3" for fold in (2, 1, 3))]
    assert main([*command, "1/1"]) == 0 and len(trained) == 4
    rows = read_results(out).rows
    assert [(row.variant, row.seeds, row.tested_on) for row in rows] == [
        (variant, [1], "blobs 4") for variant in trained[1:]
    ]
    assert all(0 <= row.values("f1")[0] <= 1 for row in rows)
    assert len(list(out.glob("runs/*/*/report.html"))) == 3


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"folds": 4}, "4 of 3 movies"),
        ({"seed": [1]}, ": seed. It may have"),
        ({"settings": {"fast": {"learning_rat": 1}}}, "learning_rat"),
        ({"seeds": ["one"]}, "seeds"),
        ({"data": {}}, "data"),
    ],
)
def test_what_is_wrong_with_a_grid_is_said_before_anything_is_trained(
    data, tmp_path, changes, words
):
    grid = write_grid(data, "wrong.json", **changes)
    with pytest.raises(UserError, match=words):
        list(sweep.list_cells(grid, tmp_path))


@pytest.mark.skipif(
    "ORGANOID_KIT_CLUSTER" not in os.environ, reason="on request: ORGANOID_KIT_CLUSTER=1"
)
@pytest.mark.parametrize("where", ["workers", "scheduler"])
def test_several_processes_make_the_table_of_one(data, tmp_path, monkeypatch, where):
    """Also where a process works in another folder, and paths were given from here."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.chdir(data)
    command = ["sweep", write_grid(data, settings={"usual": TINY}, folds=3, seeds=[1]).name, "-o"]
    assert main([*command, "alone"]) == 0
    if where == "workers":
        assert main([*command, "shared", "--workers", "2"]) == 0
    else:
        with distributed.LocalCluster(n_workers=0) as cluster:
            asked = [sys.executable, "-m", "distributed.cli.dask_worker"]
            worker = [*asked, cluster.scheduler_address, "--nthreads", "1", "--no-nanny"]
            with subprocess.Popen(worker, cwd=tmp_path) as process:
                assert main([*command, "shared", "--scheduler", cluster.scheduler_address]) == 0
                process.terminate()
    alone, shared = (read_results(data / name) for name in ("alone", "shared"))
    assert len(alone.rows) == 3 and str(alone) == str(shared)
    assert len(list(data.glob("shared/runs/*/*/report.html"))) == 3
    for name in ("alone", "shared"):
        (data / name).rename(tmp_path / name)


@pytest.mark.parametrize("share", [("--workers", "0"), ("--array", "3/2")])
def test_shares_of_a_grid_that_make_no_sense(data, tmp_path, share, capsys):
    grid = write_grid(data, settings={"usual": TINY})
    assert main(["sweep", str(grid), "-o", str(tmp_path / "out"), *share]) == 2
    assert "from 1" in capsys.readouterr().err and not list(tmp_path.iterdir())
