"""The command line, in this process: what it prints, writes, refuses, and how it ends."""

import dataclasses
import json
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest

from organoid_kit import cli, formats
from organoid_kit.annotations import Annotations
from organoid_kit.cli import main
from organoid_kit.cli.options import reading_options
from organoid_kit.dataset import AnnotatedMovie, read_dataset, write_dataset
from organoid_kit.formats import read_annotations, write_annotations
from organoid_kit.runs import Run
from organoid_kit.settings import write_settings
from organoid_kit.timelapse import make_timelapse
from organoid_kit.timelapse_reading import read_timelapse
from organoid_kit.timelapse_writing import write_timelapse
from training_helpers import SPACING_UM, make_blobs, tiny_settings


def write_blobs(path, *seeds: int) -> None:
    """An .autlist with a small movie on disk for each seed."""
    entries = []
    for seed in seeds:
        each = make_blobs(seed, time_points=4)
        file = path.parent / f"{each.name}.ome.tif"
        write_timelapse(each.movie, file)
        entries.append(AnnotatedMovie(read_timelapse(file, name=each.name), each.annotations))
    write_dataset(entries, path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """training.autlist of two movies, validation.autlist and test.autlist of one each, settings.json."""
    folder = tmp_path_factory.mktemp("a folder with späces")
    for part, seeds in (("training", (1, 5)), ("validation", (3,)), ("test", (4,))):
        write_blobs(folder / f"{part}.autlist", *seeds)
    write_settings(tiny_settings(folder / "runs", epochs=1), folder / "settings.json")
    return folder


@pytest.fixture(scope="module")
def trained(data):
    """A run of one epoch, made by the command line."""
    output = data / "trained"
    arguments = ["train", data / "training.autlist", "--validation", data / "validation.autlist"]
    assert run_main(*arguments, "--settings", data / "settings.json", "--output", output, "--seed", 7) == 0
    return Run(next(output.iterdir()))


def run_main(*arguments: object) -> int:
    return main([str(each) for each in arguments])


@pytest.fixture
def lists(tmp_path):
    """True and found positions as CSV: two right, one missed, one false."""
    truth = Annotations([[1.0, 5, 5], [2, 10, 20], [3, 25, 10]], [0, 0, 0], spacing_um=SPACING_UM, name="three")
    found = Annotations([[1.0, 5, 6], [2, 10, 20], [2, 20, 18]], [0, 0, 0], spacing_um=SPACING_UM, name="three")
    for name, each in (("truth", truth), ("found", found)):
        write_annotations(each, tmp_path / f"{name}.aut")
    return tmp_path


def test_help_comes_without_keras():
    program = "import sys, organoid_kit.cli; print(*({'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize("command", ["check", "train", "predict", "score", "report", "demo", "runs"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"python -m organoid_kit {command}" in capsys.readouterr().out


def test_it_runs_as_a_module():
    ran = subprocess.run([sys.executable, "-m", "organoid_kit", "--version"], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("organoid_kit ")


def test_a_mistake_of_the_user_is_one_message(tmp_path, capsys):
    assert run_main("check", tmp_path / "nothing.autlist") == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and "nothing.autlist" in said and "Traceback" not in said
    assert len(said.splitlines()) == 1


def test_an_interrupt_ends_with_130(monkeypatch, capsys, data):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.check, "summarise_annotations", interrupt)
    assert run_main("check", data / "test.autlist") == 130
    assert "Interrupted" in capsys.readouterr().err


def test_check_shows_problems_and_a_summary(data, capsys):
    assert run_main("check", data / "training.autlist") == 0
    said = capsys.readouterr().out
    total = sum(len(each.annotations) for each in read_dataset(data / "training.autlist"))
    assert "in all" in said and str(total) in said and "blobs 1" in said and "blobs 5" in said


def test_check_of_errors_ends_with_1(data, tmp_path, capsys):
    annotations = read_dataset(data / "test.autlist")[0].annotations
    outside = Annotations(annotations.positions + [0, 100, 0], annotations.time_points, spacing_um=SPACING_UM)
    write_annotations(outside, tmp_path / "wrong.aut")
    movie = data / "blobs 4.ome.tif"
    assert run_main("check", movie, "--annotations", tmp_path / "wrong.aut") == 1
    few = capsys.readouterr().out
    assert "error:" in few
    assert run_main("check", movie, "--annotations", tmp_path / "wrong.aut", "--all") == 1
    everything = capsys.readouterr().out
    assert "more like this" in few and "more like this" not in everything and len(everything) > len(few)


def test_check_of_a_movie_asks_for_its_annotations(data, capsys):
    assert run_main("check", data / "blobs 4.ome.tif") == 2
    assert "--annotations" in capsys.readouterr().err


XML = """<TrackMate><Model spatialunits="micron"><AllSpots><SpotsInFrame frame="0">
<Spot ID="1" POSITION_X="5" POSITION_Y="4" POSITION_Z="2" FRAME="0"/></SpotsInFrame></AllSpots>
<AllTracks/></Model></TrackMate>"""


def test_check_reads_what_does_not_say_its_spacing(data, tmp_path, capsys):
    movie = data / "blobs 4.ome.tif"
    write_annotations(read_dataset(data / "test.autlist")[0].annotations, tmp_path / "true.csv")
    assert run_main("check", movie, "--annotations", tmp_path / "true.csv") == 0
    assert "16 positions" in capsys.readouterr().out.replace("  ", " ")
    (tmp_path / "one.xml").write_text(XML)
    assert run_main("check", movie, "--annotations", tmp_path / "one.xml", "--time-point-offset", 3) == 0
    assert run_main("check", movie, "--annotations", tmp_path / "one.xml", "--time-point-offset", 4) == 1


def test_one_of_several_channels_is_never_guessed(trained, tmp_path, capsys):
    images = np.random.default_rng(1).integers(0, 99, (3, 2, 4, 32, 32)).astype(np.uint16)
    movie, annotations = tmp_path / "two.ome.tif", tmp_path / "two.aut"
    write_timelapse(make_timelapse(images, SPACING_UM, channel_names=("membrane", "H2B")), movie)
    truth = Annotations([[2.0, 9, 9]] * 3, [0, 1, 2], spacing_um=SPACING_UM)
    write_dataset([AnnotatedMovie(read_timelapse(movie), truth)], tmp_path / "two.autlist")
    write_annotations(truth, annotations, overwrite=annotations.exists())
    check = ["check", movie, "--annotations", annotations]
    predict = ["predict", trained.folder, movie, "-o", tmp_path / "found.aut"]
    train = ["train", tmp_path / "two.autlist", "--no-validation", "--start-from", trained.folder]
    for command in (check, predict, train):
        assert run_main(*command) == 2
        said = capsys.readouterr().err
        assert "1 (membrane), 2 (H2B)" in said and "--channels" in said
    assert run_main(*check, "--channels", 2) in (0, 1)
    assert run_main(*predict, "--channels", 2) == 0


def test_fine_tuning_on_one_time_point_needs_no_validation(data, trained, tmp_path, capsys):
    whole = read_dataset(data / "test.autlist")[0]
    first = whole.annotations.select(whole.annotations.time_points == 1)
    write_dataset([AnnotatedMovie(whole.movie, first)], tmp_path / "one.autlist")
    arguments = ["train", tmp_path / "one.autlist", "--start-from", trained.folder, "--output", tmp_path / "runs"]
    assert run_main(*arguments) == 2
    assert "--no-validation" in capsys.readouterr().err
    assert run_main(*arguments, "--no-validation", "--epochs", 1) == 0
    assert "chosen on blobs 4, on which it was trained" in capsys.readouterr().out
    assert [each["part"] for each in Run(next((tmp_path / "runs").iterdir())).details["data"]] == ["training"]


def test_a_resumed_run_keeps_its_settings(data, trained, capsys):
    changed = ["--learning-rate", 0.1, "--batch-size", 2, "--patch", "4,32,32", "--channels", 1]
    assert run_main("train", data / "training.autlist", "--resume", trained.folder, *changed, "--epochs", 2) == 2
    said = capsys.readouterr().err
    assert all(option in said for option in changed[::2]) and "--epochs" not in said


def test_the_command_to_go_on_is_complete():
    stated = "--no-validation --axes tczyx --spacing 2,0.5,0.5 --pattern t{time}.tif --accept-guess".split()
    options = cli._build_parser().parse_args(["train", "a b.autlist", *stated, "--epochs", "3", "--seed", "4"])
    command = cli.train._find_command(options)
    again = cli._build_parser().parse_args(["train", *command, "--resume", "run"])
    assert reading_options(again) == reading_options(options)
    assert (str(again.dataset), again.no_validation, again.epochs, again.seed) == ("a b.autlist", True, None, None)


def test_train_keeps_settings_and_options(trained):
    settings = trained.settings
    assert (settings.seed, settings.epochs, settings.patch_shape_zyx) == (7, 1, (4, 32, 32))
    assert len(trained.history) == 1
    assert [each["part"] for each in trained.details["data"]] == ["training", "training", "validation"]


def test_train_saves_a_threshold_chosen_on_validation(trained):
    stored = json.loads((trained.network_folder / "settings.json").read_text())["organoid_kit"]
    assert stored["threshold"] != trained.settings.threshold
    assert f"threshold {stored['threshold']:.2f} chosen on ['blobs 3']" in (trained.folder / "log.txt").read_text()


@pytest.mark.parametrize(("dataset", "parts"), [("training", (1, 1)), ("test", (1, 1))])
def test_without_validation_movies_a_part_is_kept_back(dataset, parts, data, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        cli.train, "train_and_calibrate", lambda split, settings, *_: seen.update(split=split) or (None, 0)
    )
    assert run_main("train", data / f"{dataset}.autlist", "--settings", data / "settings.json") == 0
    split = seen["split"]
    assert (len(split.training), len(split.validation)) == parts
    times = [part[0].annotations.annotated_time_points for part in (split.training, split.validation)]
    assert split.training[0].name != split.validation[0].name or times[0].max() + 2 < times[1].min()


def test_options_become_settings(data, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        cli.train, "train_and_calibrate", lambda split, settings, *_: seen.update(s=settings) or (None, 0)
    )
    arguments = "--channels 2,3 --patch 8,32,64 --learning-rate 0.01 --minutes 2 --batch-size 3 --preset standard"
    assert run_main("train", data / "training.autlist", *arguments.split(), "--epochs", 9) == 0
    settings = seen["s"]
    assert (settings.channels, settings.patch_shape_zyx, settings.epochs) == ((2, 3), (8, 32, 64), 9)
    assert (settings.learning_rate, settings.minutes, settings.batch_size) == (0.01, 2.0, 3)
    assert settings.preset == "standard"


def test_training_on_takes_the_settings_of_the_network(data, trained, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        cli.train, "train_and_calibrate", lambda split, settings, *_: seen.update(s=settings) or (None, 0)
    )
    assert run_main("train", data / "training.autlist", "--start-from", trained.folder, "--epochs", 4) == 0
    assert (seen["s"].patch_shape_zyx, seen["s"].epochs) == ((4, 32, 32), 4)
    assert seen["s"].start_from == str(trained.folder)


def test_an_interrupted_training_says_how_to_go_on_and_goes_on(data, tmp_path, monkeypatch, capsys):
    import organoid_kit.training

    def interrupt(progress):
        if progress.row:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(organoid_kit.training, "print_progress", interrupt)
    arguments = ["train", data / "training.autlist", "--validation", data / "validation.autlist"]
    ending = run_main(*arguments, "--settings", data / "settings.json", "--epochs", 2, "--output", tmp_path)
    said = capsys.readouterr().err
    run = Run(next(tmp_path.iterdir()))
    assert ending == 130 and len(run.history) == 1
    again = shlex.split(said.splitlines()[-1])
    assert again[:4] == [sys.executable, "-m", "organoid_kit", "train"]
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert run_main(*again[3:]) == 0
    assert len(run.history) == 2 and len(list(tmp_path.iterdir())) == 1
    assert run.ending.startswith("all 2 epochs done")


def test_predict_writes_positions_with_probabilities(data, trained, tmp_path):
    output = tmp_path / "found.csv"
    assert run_main("predict", trained.folder, data / "blobs 4.ome.tif", "-o", output, "--threshold", 0.05) == 0
    found = read_annotations(output, spacing_um=SPACING_UM)
    assert len(found) > 0 and (found.properties["probability"].astype(float) >= 0.05).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.csv"]


def test_predict_never_overwrites(data, trained, tmp_path, capsys):
    output = tmp_path / "found.aut"
    output.write_text("mine")
    assert run_main("predict", trained.folder, data / "test.autlist", "-o", output) == 2
    assert output.read_text() == "mine" and "found.aut" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["found.tif", "found.xml", "results.v2"])
def test_predict_says_at_once_what_it_cannot_write(name, data, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli.predict, "_predict_movie", lambda *_: pytest.fail("it went to work"))
    assert run_main("predict", trained.folder, data / "test.autlist", "-o", tmp_path / name) == 2
    assert name in capsys.readouterr().err


def test_predict_asks_for_geff_before_the_work(data, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli.predict, "find_spec", lambda name: None)
    assert run_main("predict", trained.folder, data / "test.autlist", "-o", tmp_path / "found.geff") == 2
    assert "geff library" in capsys.readouterr().err


def test_predict_knows_what_can_be_written():
    assert {*cli.predict._WRITTEN, ""} == formats._WRITERS.keys()


def test_several_movies_need_a_folder(data, trained, tmp_path, capsys):
    assert run_main("predict", trained.folder, data / "training.autlist", "-o", tmp_path / "one.aut") == 2
    assert "folder" in capsys.readouterr().err
    arguments = ["--time-points", 1, 2, "--threshold", 0.05]
    assert run_main("predict", trained.folder, data / "training.autlist", "-o", tmp_path / "all", *arguments) == 0
    files = sorted((tmp_path / "all").iterdir())
    assert [file.name for file in files] == ["blobs 1.aut", "blobs 5.aut"]
    assert set(read_annotations(files[0]).time_points.tolist()) <= {1, 2}


def test_an_interrupted_prediction_goes_on(data, trained, tmp_path, monkeypatch, capsys):
    import organoid_kit.prediction

    original, calls = organoid_kit.prediction.predict_heat, []

    def once(*arguments):
        calls.append(True)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(organoid_kit.prediction, "predict_heat", once)
    arguments = ["predict", trained.folder, data / "test.autlist", "-o", tmp_path / "found.aut", "--threshold", 0.05]
    assert run_main(*arguments) == 130
    assert "found.aut.resume" in capsys.readouterr().err
    assert run_main(*arguments) == 0
    assert len(calls) == 3 + 2  # of four time points, two were found before
    assert [path.name for path in tmp_path.iterdir()] == ["found.aut"]


def test_score_prints_a_table_and_writes_json(lists, capsys):
    assert run_main("score", lists / "truth.aut", lists / "found.aut", "--json", lists / "scores.json") == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["precision", "recall", "F1", "mean", "distance", "right", "missed", "false"]
    assert line.split() == ["three", "0.667", "0.667", "0.667", "0.250", "µm", "2", "1", "1"]
    assert json.loads((lists / "scores.json").read_text())["all"]["matched"] == 2
    assert run_main("score", lists / "truth.aut", lists / "found.aut", "--max-distance", 0.4) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-3:] == ["1", "2", "2"]


def test_score_of_a_dataset_pools_its_movies(data, tmp_path, capsys):
    counts = []
    for each in read_dataset(data / "training.autlist"):
        write_annotations(each.annotations, tmp_path / f"{each.name}.aut")
        counts.append(len(each.annotations))
    assert run_main("score", data / "training.autlist", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-3:] for line in lines[1:]] == [[str(right), "0", "0"] for right in (*counts, sum(counts))]
    assert lines[-1].startswith("all movies")


@pytest.mark.parametrize("swapped", [False, True])
def test_score_reads_a_table_with_the_spacing_of_the_other(lists, swapped, capsys):
    write_annotations(read_annotations(lists / "found.aut"), lists / "found.csv")
    files = [lists / "truth.aut", lists / "found.csv"]
    assert run_main("score", *(files[::-1] if swapped else files)) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-3:-1] == ["2", "1"]
    assert run_main("score", *files, "--spacing", "2,5,5") == 2  # not that of the .aut
    assert "spacing" in capsys.readouterr().err


def test_score_keeps_results_for_the_report(data, trained, tmp_path, capsys):
    for each in read_dataset(data / "test.autlist"):
        found = each.annotations.select(each.annotations.time_points < 3)
        sure = {"probability": np.where(found.time_points < 2, 1.0, 0.01)}
        write_annotations(dataclasses.replace(found, properties=sure), tmp_path / f"{each.name}.aut")
    assert run_main("score", data / "test.autlist", tmp_path, "--run", trained.folder) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-3:] == ["8", "8", "0"]
    assert run_main("report", trained.folder, "-o", tmp_path / "report.html") == 0
    figures = json.loads((tmp_path / "report.json").read_text())["movies"]
    assert [(each["name"], each["network"]["matched"]) for each in figures] == [("blobs 4", 8)]
    assert run_main("score", tmp_path / "blobs 4.aut", tmp_path / "blobs 4.aut", "--run", trained.folder) == 2
    assert ".autlist" in capsys.readouterr().err


def test_score_says_where_nothing_was_found_and_can_leave_it_out(lists, capsys):
    truth = read_annotations(lists / "truth.aut")
    longer = Annotations(
        np.vstack([truth.positions, truth.positions]), [0, 0, 0, 1, 1, 1], spacing_um=SPACING_UM, name="longer"
    )
    write_annotations(longer, lists / "longer.aut")
    assert run_main("score", lists / "longer.aut", lists / "found.aut") == 0
    said = capsys.readouterr().out
    assert "nothing was found at time points 1." in said and said.splitlines()[1].split()[-3:] == ["2", "4", "1"]
    assert run_main("score", lists / "longer.aut", lists / "found.aut", "--time-points", 0, 0) == 0
    said = capsys.readouterr().out
    assert "nothing was found" not in said and said.splitlines()[1].split()[-3:] == ["2", "1", "1"]


def test_runs_are_listed(trained, capsys):
    assert run_main("runs", trained.folder.parent) == 0
    assert trained.folder.name in capsys.readouterr().out


def test_report_is_written_beside_the_run(trained, capsys):
    assert run_main("report", trained.folder) == 0
    assert (trained.folder / "report.html").exists() and (trained.folder / "report.json").exists()
    assert run_main("report", trained.folder) == 2
    assert "never overwritten" in capsys.readouterr().err
    (trained.folder / "report.html").write_text("old")
    assert run_main("report", trained.folder, "--overwrite") == 0
    assert "<html" in (trained.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_demo_goes_the_whole_way_twice_and_keeps_the_first(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli.demo, "find_samples", lambda: data)
    demo = tmp_path / "demo"
    assert run_main("demo", "--output", demo) == 0
    first, said = (demo / "scores.json").read_text(), capsys.readouterr().out.splitlines()
    assert said[-1] == f"Report: {demo / 'report.html'}"
    assert [line.split()[0] for line in said if line.startswith(("network ", "blob detector "))] == ["network", "blob"]
    scores = json.loads(first)
    assert scores["network"]["matched"] + scores["network"]["missed"] == 16
    assert np.isfinite(scores["blob_detector"]["f1"])
    assert run_main("demo", "--output", demo, "--epochs", 1) == 0
    earlier = [path for path in demo.glob("scores_*.json")]
    assert len(earlier) == 1 and earlier[0].read_text() == first
    assert len(list(demo.glob("report*.html"))) == 2 and len(list((demo / "runs").iterdir())) == 2
