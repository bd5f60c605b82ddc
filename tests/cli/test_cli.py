"""The command line, in this process: what it prints, writes, refuses, and how it ends."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from organoid_kit.base.settings import NETWORKS, PRESETS, make_settings, write_settings
from organoid_kit.cli import (
    READING,
    build_parser,
    check,
    demo,
    files,
    main,
    predict,
    score,
    spell_advice,
    spell_options,
    track,
    train,
)
from organoid_kit.cli.predict import describe_calibration
from organoid_kit.data import formats
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset, write_dataset
from organoid_kit.data.formats import read_annotations, write_annotations
from organoid_kit.data.timelapse import make_timelapse, read_timelapse, write_timelapse
from organoid_kit.prediction import judge_run
from organoid_kit.training.runs import Run
from training_helpers import SPACING_UM, make_blobs, make_family, tiny_crop_settings, tiny_settings


def write_blobs(path, *seeds: int, make=make_blobs) -> None:
    """An .autlist with a small movie on disk for each seed."""
    entries = []
    for seed in seeds:
        each = make(seed, time_points=4)
        file = path.parent / f"{each.name}.ome.tif"
        write_timelapse(each.movie, file)
        entries.append(AnnotatedMovie(read_timelapse(file, name=each.name), each.annotations))
    write_dataset(entries, path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """training.autlist of two movies, validation.autlist and test.autlist of one each,
    settings.json.
    """
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
    assert (
        run_main(*arguments, "--settings", data / "settings.json", "--output", output, "--seed", 7)
        == 0
    )
    return Run(next(output.iterdir()))


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """The same lists, of movies with links and a division, and settings for each of the three
    networks.
    """
    folder = tmp_path_factory.mktemp("families")
    for part, seeds in (("training", (1, 2)), ("validation", (3,)), ("test", (4,))):
        write_blobs(folder / f"{part}.autlist", *seeds, make=make_family)
    write_settings(tiny_settings(folder / "runs", epochs=1), folder / "settings.json")
    for network in ("division", "link"):
        settings = tiny_crop_settings(network, folder / "runs", epochs=1)
        write_settings(settings, folder / f"settings_{network}.json")
    return folder


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Three networks by kind; the position network is shipped, two have learned nothing."""
    from organoid_kit.networks.building import build_network
    from organoid_kit.networks.folders import SHIPPED
    from organoid_kit.networks.saving import save_network

    folder = tmp_path_factory.mktemp("shipped")
    shutil.copytree(SHIPPED / "position_small", folder / "position_small")
    for network in ("division", "link"):
        settings = tiny_crop_settings(network, folder)
        save_network(build_network(settings), settings, folder / f"{network}_small")
    return {network: folder / f"{network}_small" for network in ("position", "division", "link")}


@pytest.fixture(scope="module")
def naming(networks):
    """The options of `track` that name them."""
    return [text for network, folder in networks.items() for text in (f"--{network}", folder)]


def run_main(*arguments: object) -> int:
    return main([str(each) for each in arguments])


@pytest.fixture
def lists(tmp_path):
    """True and found positions as CSV: two right, one missed, one false."""
    truth = Annotations(
        [[1.0, 5, 5], [2, 10, 20], [3, 25, 10]], [0, 0, 0], spacing_um=SPACING_UM, name="three"
    )
    found = Annotations(
        [[1.0, 5, 6], [2, 10, 20], [2, 20, 18]], [0, 0, 0], spacing_um=SPACING_UM, name="three"
    )
    for name, each in (("truth", truth), ("found", found)):
        write_annotations(each, tmp_path / f"{name}.aut")
    return tmp_path


def test_help_comes_without_keras():
    program = "import sys, organoid_kit.cli; print(*({'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == ""


def test_keras_is_loaded_without_what_only_lies_beside_it():
    program = "import sys\nfrom organoid_kit.cli.files import load_keras\nload_keras()\n"
    program += (
        "print('keras' in sys.modules, {'matplotlib', 'pandas', 'sklearn'} & {*sys.modules})\n"
    )
    program += "import matplotlib.pyplot"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "True set()"


@pytest.mark.parametrize(
    "command",
    [
        "check",
        "train",
        "predict",
        "track",
        "score",
        "convert",
        "view",
        "report",
        "export",
        "card",
        "demo",
        "runs",
    ],
)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"python -m organoid_kit {command}" in capsys.readouterr().out


def test_it_runs_as_a_module():
    ran = subprocess.run(
        [sys.executable, "-m", "organoid_kit", "--version"], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("organoid_kit ")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
@pytest.mark.parametrize(("words", "code"), [("--help", 0), ("check --help", 0), ("runs .", 141)])
def test_a_reader_that_has_ended_is_no_error(words, code):
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "organoid_kit", *words.split()],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (code, "")


def test_a_mistake_of_the_user_is_one_message(tmp_path, capsys):
    assert run_main("check", tmp_path / "nothing.autlist") == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and "nothing.autlist" in said and "Traceback" not in said
    assert len(said.splitlines()) == 1


def test_an_interrupt_ends_with_130(monkeypatch, capsys, data):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "summarise_annotations", interrupt)
    assert run_main("check", data / "test.autlist") == 130
    assert "Interrupted" in capsys.readouterr().err


def test_check_shows_problems_and_a_summary(data, capsys):
    assert run_main("check", data / "training.autlist") == 0
    said = capsys.readouterr().out
    total = sum(len(each.annotations) for each in read_dataset(data / "training.autlist"))
    assert "in all" in said and str(total) in said and "blobs 1" in said and "blobs 5" in said


def test_check_of_errors_ends_with_1(data, tmp_path, capsys):
    annotations = read_dataset(data / "test.autlist")[0].annotations
    outside = Annotations(
        annotations.positions + [0, 100, 0], annotations.time_points, spacing_um=SPACING_UM
    )
    write_annotations(outside, tmp_path / "wrong.aut")
    movie = data / "blobs 4.ome.tif"
    assert run_main("check", movie, "--annotations", tmp_path / "wrong.aut") == 1
    few = capsys.readouterr().out
    assert "error:" in few
    assert run_main("check", movie, "--annotations", tmp_path / "wrong.aut", "--all") == 1
    everything = capsys.readouterr().out
    assert (
        "more like this" in few
        and "more like this" not in everything
        and len(everything) > len(few)
    )


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
    assert (
        run_main("check", movie, "--annotations", tmp_path / "one.xml", "--time-point-offset", 3)
        == 0
    )
    assert (
        run_main("check", movie, "--annotations", tmp_path / "one.xml", "--time-point-offset", 4)
        == 1
    )


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
    arguments = [
        "train",
        tmp_path / "one.autlist",
        "--start-from",
        trained.folder,
        "--output",
        tmp_path / "runs",
    ]
    assert run_main(*arguments) == 2
    assert "--no-validation" in capsys.readouterr().err
    assert run_main(*arguments, "--no-validation", "--epochs", 1) == 0
    said = capsys.readouterr().out
    assert "chosen on blobs 4, on which it was trained" in said
    assert "It keeps the calibration of the network it started from" in said
    assert "F1 on the same movies: the fine-tuned network 0." in said and "Use the " in said
    assert "It was trained on them" in said
    assert [each["part"] for each in Run(next((tmp_path / "runs").iterdir())).details["data"]] == [
        "training"
    ]


def test_scattered_annotations_train_and_no_figure_is_made_up(data, trained, tmp_path, capsys):
    dataset = ["train", data / "training.autlist", "--validation", data / "validation.autlist"]
    options = ["--scattered", "--start-from", trained.folder, "--epochs", 1]
    assert run_main(*dataset, *options, "--output", tmp_path / "runs") == 0
    said = capsys.readouterr().out
    assert (
        "keeps the calibration of the network it started from. A threshold" in said
        and "'blobs 3': scattered annotations" in said
    )
    assert "F1 on the same movies" not in said
    [row] = Run(next((tmp_path / "runs").iterdir())).history
    assert row["validation_f1"] is None and row["validation_loss"] > 0
    assert run_main("check", data / "training.autlist", "--scattered") == 0
    assert "Where annotations are scattered, nuclei without a pos" in capsys.readouterr().out


def test_a_resumed_run_keeps_its_settings(data, trained, capsys):
    changed = ["--learning-rate", 0.1, "--batch-size", 2, "--patch", "4,32,32", "--channels", 1]
    assert (
        run_main(
            "train", data / "training.autlist", "--resume", trained.folder, *changed, "--epochs", 2
        )
        == 2
    )
    said = capsys.readouterr().err
    assert all(option in said for option in changed[::2]) and "--epochs" not in said


def test_the_command_to_go_on_is_complete(monkeypatch):
    stated = "--no-validation --axes tczyx --spacing 2,0.5,0.5 --pattern t{time}.tif".split()
    stated += ["--accept-guess", "--whole-image", "--scattered", "--nucleus-diameter", "12"]
    stated += ["--annotations", "a b.xml", "--time-point-offset", "1", "--units", "um"]
    monkeypatch.setattr(train, "load_keras", lambda: None)
    monkeypatch.setattr(train, "open_annotated", lambda *_, **__: [make_blobs(1), make_blobs(2)])
    commands = []
    monkeypatch.setattr(
        train, "train_and_calibrate", lambda *arguments: commands.append(arguments[2]) or (None, 0)
    )
    typed = ["train", "a b.autlist", *stated, "--epochs", "3", "--seed", "4"]
    assert main(typed) == 0
    before, after = (
        vars(build_parser().parse_args(arguments))
        for arguments in (typed, ["train", *map(str, commands[0]), "--resume", "run"])
    )
    names = (*READING, *files.OF_FILES, "annotations")
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert (str(after["dataset"]), after["no_validation"]) == ("a b.autlist", True)
    assert not after.keys() & {"epochs", "seed"}


def test_what_can_be_chosen_is_what_there_is(capsys):
    for command, option, known in (
        ("train", "--network", NETWORKS),
        ("train", "--preset", PRESETS),
        ("track", "--format", files.FORMATS),
    ):
        with pytest.raises(SystemExit):
            main([command, option, "another"])
        said = capsys.readouterr().err
        assert ", ".join(map(repr, known)) in said or ", ".join(known) in said


def test_options_are_spelled_as_they_are_typed():
    spelled = spell_options(spacing_um=(2.0, 0.5, 0.5), accept_guess=True, axes=None, epochs=3)
    assert spelled == ["--spacing", "2.0,0.5,0.5", "--accept-guess", "--epochs", "3"]


def test_train_keeps_settings_and_options(trained):
    settings = trained.settings
    assert (settings.seed, settings.epochs, settings.patch_shape_zyx) == (7, 1, (4, 32, 32))
    assert len(trained.history) == 1
    assert [each["part"] for each in trained.details["data"]] == [
        "training",
        "training",
        "validation",
    ]


def test_train_saves_a_threshold_chosen_on_validation(trained):
    stored = json.loads((trained.network_folder / "settings.json").read_text())["organoid_kit"]
    assert stored["threshold"] != trained.settings.threshold
    assert (
        f"threshold {stored['threshold']:.2f}, anything from "
        in (trained.folder / "log.txt").read_text()
    )


@pytest.fixture
def seen(monkeypatch):
    """What would have been trained."""
    seen = {}
    monkeypatch.setattr(
        train,
        "train_and_calibrate",
        lambda split, settings, *_: seen.update(split=split, settings=settings) or (None, 0),
    )
    return seen


@pytest.mark.parametrize(("dataset", "parts"), [("training", (1, 1)), ("test", (1, 1))])
def test_without_validation_movies_a_part_is_kept_back(dataset, parts, data, seen):
    assert run_main("train", data / f"{dataset}.autlist", "--settings", data / "settings.json") == 0
    split = seen["split"]
    assert (len(split.training), len(split.validation)) == parts
    times = [
        part[0].annotations.annotated_time_points for part in (split.training, split.validation)
    ]
    assert split.training[0].name != split.validation[0].name or times[0].max() + 2 < times[1].min()


def test_one_movie_trains_with_its_annotations_and_says_what_rests(data, seen, tmp_path, capsys):
    movie, annotations = data / "blobs 4.ome.tif", tmp_path / "true.csv"
    known = read_dataset(data / "test.autlist")[0].annotations
    write_annotations(dataclasses.replace(known, spacing_um=None), annotations)
    assert run_main("train", movie, "--annotations", annotations) == 0
    said = capsys.readouterr().out
    assert "time points 0 to 0 train, 3 to 3 validate, 1, 2 between them rest" in said
    assert "time points -1 to +1 together" in said
    split = seen["split"]
    assert split.training[0].annotations.spacing_um == SPACING_UM
    assert set(split.validation[0].annotations.time_points) == {3}


def test_a_movie_where_a_list_is_wanted_is_named(data, capsys):
    movie = data / "blobs 4.ome.tif"
    assert run_main("train", movie) == 2
    assert "--annotations FILE, or name an .autlist" in capsys.readouterr().err
    assert run_main("train", data / "test.autlist", "--validation", movie) == 2
    assert "named in an .autlist" in capsys.readouterr().err


def test_options_become_settings(data, seen):
    arguments = "--channels 2,3 --patch 8,32,64 --learning-rate 0.01 --minutes 2 --batch-size 3 --preset standard"
    assert run_main("train", data / "training.autlist", *arguments.split(), "--epochs", 9) == 0
    settings = seen["settings"]
    assert (settings.channels, settings.patch_shape_zyx, settings.epochs) == (
        (2, 3),
        (8, 32, 64),
        9,
    )
    assert (settings.learning_rate, settings.minutes, settings.batch_size) == (0.01, 2.0, 3)
    assert settings.preset == "standard"


def test_training_on_takes_the_settings_of_the_network(data, trained, seen):
    assert (
        run_main("train", data / "training.autlist", "--start-from", trained.folder, "--epochs", 4)
        == 0
    )
    assert (seen["settings"].patch_shape_zyx, seen["settings"].epochs) == ((4, 32, 32), 4)
    assert seen["settings"].start_from == str(trained.folder)


def test_an_interrupted_training_says_how_to_go_on_and_goes_on(data, tmp_path, monkeypatch, capsys):
    import organoid_kit.training.loop

    def interrupt(progress):
        if progress.row:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(organoid_kit.training.loop, "print_progress", interrupt)
    before = signal.getsignal(signal.SIGINT)
    arguments = ["train", data / "training.autlist", "--validation", data / "validation.autlist"]
    ending = run_main(
        *arguments, "--settings", data / "settings.json", "--epochs", 2, "--output", tmp_path
    )
    said = capsys.readouterr().err
    run = Run(next(tmp_path.iterdir()))
    assert ending == 130 and len(run.history) == 1
    again = shlex.split(said.splitlines()[-1])
    assert again[:4] == [sys.executable, "-m", "organoid_kit", "train"]
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is before
    assert run_main(*again[3:]) == 0
    assert len(run.history) == 2 and len(list(tmp_path.iterdir())) == 1
    assert run.ending.startswith("all 2 epochs done")


def test_predict_writes_positions_with_probabilities(data, trained, tmp_path, capsys):
    output = tmp_path / "found.csv"
    assert (
        run_main(
            "predict", trained.folder, data / "blobs 4.ome.tif", "-o", output, "--threshold", 0.05
        )
        == 0
    )
    found = read_annotations(output, spacing_um=SPACING_UM)
    assert len(found) > 0 and (found.properties["probability"].astype(float) >= 0.05).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.csv"]
    assert capsys.readouterr().out.count("Probabilities") == 1  # nothing is annotated


def test_what_is_said_of_probabilities():
    settings = make_settings(calibration=(2.0, 0.5))
    assert "calibrated on other movies" in describe_calibration(settings, settings)
    plain = make_settings("link")
    assert "of the link network are not calibrated" in describe_calibration(settings, plain)


def test_predict_never_overwrites(data, trained, tmp_path, capsys):
    output = tmp_path / "found.aut"
    output.write_text("mine")
    assert run_main("predict", trained.folder, data / "test.autlist", "-o", output) == 2
    assert output.read_text() == "mine" and "found.aut" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["found.tif", "found.tsv", "results.v2"])
def test_predict_says_at_once_what_it_cannot_write(
    name, data, trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(predict.files, "load_keras", lambda: pytest.fail("it went to work"))
    assert run_main("predict", trained.folder, data / "test.autlist", "-o", tmp_path / name) == 2
    assert name in capsys.readouterr().err


def test_predict_asks_for_geff_before_the_work(data, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    assert (
        run_main("predict", trained.folder, data / "test.autlist", "-o", tmp_path / "found.geff")
        == 2
    )
    assert "geff library" in capsys.readouterr().err


def test_predict_knows_what_can_be_written():
    known = {suffix for suffix, (_, writer) in formats._FORMATS.items() if writer}
    assert {*files.SUFFIXES, ""} == known


def test_several_movies_need_a_folder(data, trained, tmp_path, capsys):
    assert (
        run_main("predict", trained.folder, data / "training.autlist", "-o", tmp_path / "one.aut")
        == 2
    )
    assert "folder" in capsys.readouterr().err
    arguments = ["--time-points", 1, 2, "--threshold", 0.05]
    assert (
        run_main(
            "predict", trained.folder, data / "training.autlist", "-o", tmp_path / "all", *arguments
        )
        == 0
    )
    files = sorted((tmp_path / "all").iterdir())
    assert [file.name for file in files] == ["blobs 1.aut", "blobs 5.aut"]
    assert set(read_annotations(files[0]).time_points.tolist()) <= {1, 2}


def test_an_interrupted_prediction_goes_on(data, trained, tmp_path, monkeypatch, capsys):
    import organoid_kit.prediction.positions

    original, calls = organoid_kit.prediction.positions.predict_heat, []

    def once(*arguments):
        calls.append(True)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(organoid_kit.prediction.positions, "predict_heat", once)
    arguments = [
        "predict",
        trained.folder,
        data / "test.autlist",
        "-o",
        tmp_path / "found.aut",
        "--threshold",
        0.05,
    ]
    assert run_main(*arguments) == 130
    assert "found.aut.resume" in capsys.readouterr().err
    assert run_main(*arguments) == 0
    assert len(calls) == 3 + 2  # of four time points, two were found before
    assert [path.name for path in tmp_path.iterdir()] == ["found.aut"]


def test_score_prints_a_table_and_writes_json(lists, capsys):
    assert (
        run_main("score", lists / "truth.aut", lists / "found.aut", "--json", lists / "scores.json")
        == 0
    )
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == [
        "precision",
        "recall",
        "F1",
        "mean",
        "distance",
        "right",
        "missed",
        "false",
    ]
    assert line.split() == ["three", "0.667", "0.667", "0.667", "0.250", "µm", "2", "1", "1"]
    assert json.loads((lists / "scores.json").read_text())["all"]["matched"] == 2
    assert run_main("score", lists / "truth.aut", lists / "found.aut", "--max-distance", 0.4) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-3:] == ["1", "2", "2"]


def test_score_of_scattered_annotations_is_recall_alone(lists, capsys):
    files = [lists / "truth.aut", lists / "found.aut", "--json", lists / "scattered.json"]
    assert run_main("score", *files, "--scattered") == 0
    first, _, line = capsys.readouterr().out.splitlines()
    assert first.startswith("Annotations are scattered: of 1 of 3 found positions nobody knows")
    not_measured = ["not", "measured"]
    assert line.split()[:6] == ["three", *not_measured, "0.667", *not_measured]
    assert json.loads((lists / "scattered.json").read_text())["all"]["precision"] is None


def test_score_of_a_dataset_pools_its_movies(data, tmp_path, capsys):
    counts = []
    for each in read_dataset(data / "training.autlist"):
        write_annotations(each.annotations, tmp_path / f"{each.name}.aut")
        counts.append(len(each.annotations))
    assert run_main("score", data / "training.autlist", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-3:] for line in lines[1:]] == [
        [str(right), "0", "0"] for right in (*counts, sum(counts))
    ]
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
        write_annotations(
            dataclasses.replace(found, properties=sure), tmp_path / f"{each.name}.aut"
        )
    assert run_main("score", data / "test.autlist", tmp_path, "--run", trained.folder) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-3:] == ["8", "8", "0"]
    assert run_main("report", trained.folder, "-o", tmp_path / "report.html") == 0
    figures = json.loads((tmp_path / "report.json").read_text())["movies"]
    assert [(each["name"], each["network"]["matched"]) for each in figures] == [("blobs 4", 8)]
    assert (
        run_main(
            "score", tmp_path / "blobs 4.aut", tmp_path / "blobs 4.aut", "--run", trained.folder
        )
        == 2
    )
    assert ".autlist" in capsys.readouterr().err


def test_score_says_where_nothing_was_found_and_can_leave_it_out(lists, capsys):
    truth = read_annotations(lists / "truth.aut")
    longer = Annotations(
        np.vstack([truth.positions, truth.positions]),
        [0, 0, 0, 1, 1, 1],
        spacing_um=SPACING_UM,
        name="longer",
    )
    write_annotations(longer, lists / "longer.aut")
    assert run_main("score", lists / "longer.aut", lists / "found.aut") == 0
    said = capsys.readouterr().out
    assert "nothing was found at time points 1." in said and said.splitlines()[1].split()[-3:] == [
        "2",
        "4",
        "1",
    ]
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


def test_several_runs_are_compared_on_one_page(trained, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(trained.folder, other)
    assert run_main("report", trained.folder, other) == 2
    assert "--output" in capsys.readouterr().err
    assert run_main("report", trained.folder, other, "-o", tmp_path / "both.html") == 0
    assert "other" in (tmp_path / "both.html").read_text(encoding="utf-8")


# ---- division and link networks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "window"), [("position", (-1, 1)), ("division", (-1, 1)), ("link", (0, 1))]
)
def test_train_knows_three_networks(network, window, families, seen):
    assert (
        run_main("train", families / "training.autlist", "--network", network, "--epochs", 3) == 0
    )
    settings = seen["settings"]
    assert (settings.network, settings.time_window, settings.epochs) == (network, window, 3)
    assert settings.patch_shape_zyx == make_settings(network).patch_shape_zyx


def test_a_settings_file_says_for_which_network_it_is(families, tmp_path, seen, capsys):
    arguments = ["train", families / "training.autlist", "--settings"]
    assert run_main(*arguments, families / "settings_link.json") == 0
    assert seen["settings"].network == "link"
    assert run_main(*arguments, families / "settings_link.json", "--network", "division") == 2
    assert "settings_link.json" in capsys.readouterr().err
    (tmp_path / "tracker.ini").write_text(
        "[train_division_network]\nepochs = 4\n[train_link_network]\nepochs = 5\n"
    )
    assert run_main(*arguments, tmp_path / "tracker.ini", "--network", "link") == 0
    assert (seen["settings"].network, seen["settings"].epochs) == ("link", 5)


def test_a_network_goes_on_finding_what_it_finds(families, networks, trained, seen, capsys):
    arguments = ["train", families / "training.autlist", "--start-from", networks["division"]]
    assert run_main(*arguments) == 0
    assert seen["settings"].network == "division"
    assert run_main(*arguments, "--network", "link") == 2
    assert "--network link" in capsys.readouterr().err
    assert (
        run_main(
            "train", families / "training.autlist", "--resume", trained.folder, "--network", "link"
        )
        == 2
    )
    assert "--network" in capsys.readouterr().err


def test_a_trained_division_network_is_calibrated_where_it_can_be(families, tmp_path, capsys):
    arguments = [
        "train",
        families / "training.autlist",
        "--settings",
        families / "settings_division.json",
    ]
    assert (
        run_main(*arguments, "--validation", families / "validation.autlist", "--output", tmp_path)
        == 0
    )
    assert "Judged on family 3: Expected calibration error" in capsys.readouterr().out
    run = Run(next(tmp_path.iterdir()))
    assert run.settings.network == "division"
    assert (run.folder / "calibration.json").exists()


@pytest.mark.parametrize("network", ["position", "division", "link"])
def test_without_validation_nothing_is_calibrated_and_that_is_said(network, tmp_path):
    write_settings(make_settings(network), tmp_path / "settings.json")
    assert "Not calibrated" in judge_run(Run(tmp_path), [make_family()], [])


def test_training_without_links_says_what_is_missing(data, families, capsys):
    for network in ("division", "link"):
        settings = families / f"settings_{network}.json"
        assert (
            run_main("train", data / "training.autlist", "--no-validation", "--settings", settings)
            == 2
        )
        assert "link" in capsys.readouterr().err


def test_predict_says_which_nuclei_divide(families, networks, tmp_path, capsys):
    output = tmp_path / "divisions.aut"
    truth = read_dataset(families / "test.autlist")[0].annotations
    assert (
        run_main(
            "predict",
            networks["division"],
            families / "test.autlist",
            "-o",
            output,
            "--threshold",
            0,
        )
        == 0
    )
    assert f"{len(truth)} of {len(truth)} nuclei divide in family 4" in capsys.readouterr().out
    found = read_annotations(output)
    assert (
        (found.properties["division_probability"] > 0)
        & (found.properties["division_probability"] < 1)
    ).all()
    np.testing.assert_allclose(found.positions, truth.positions)


def test_predict_says_which_nuclei_belong_together(families, networks, tmp_path, capsys):
    movie, output = families / "family 4.ome.tif", tmp_path / "links.csv"
    arguments = ["predict", networks["link"], movie, "-o", output, "--time-points", 1, 2]
    assert run_main(*arguments) == 2
    assert "--annotations" in capsys.readouterr().err
    assert run_main(*arguments, "--annotations", families / "family 4.aut") == 0
    found = read_annotations(output, spacing_um=SPACING_UM)
    assert set(found.time_points.tolist()) == {1, 2} and len(found.links) > 5
    assert f"of {len(found.links)} candidate links" in capsys.readouterr().out


def test_annotations_belong_to_one_movie_and_no_position_network(
    families, trained, networks, tmp_path, capsys
):
    stated = ["--annotations", families / "family 4.aut", "-o", tmp_path / "found"]
    assert run_main("predict", trained.folder, families / "family 4.ome.tif", *stated) == 2
    assert "finds nuclei itself" in capsys.readouterr().err
    assert run_main("predict", networks["link"], families / "training.autlist", *stated) == 2
    assert "one movie" in capsys.readouterr().err


# ---- tracks --------------------------------------------------------------------------------------------------------


def test_track_writes_for_organoidtracker_and_says_what_to_look_at(
    families, naming, tmp_path, capsys
):
    assert run_main("track", families / "test.autlist", *naming, "-o", tmp_path / "found.aut") == 0
    said = capsys.readouterr().out
    assert all(
        words in said
        for words in ("positions", "links", "divisions", "errors expected", "Look first at")
    )
    assert "Probabilities" not in said  # the movie is annotated: they can be checked
    [listed] = read_dataset(tmp_path / "found.autlist")
    assert listed.movie.shape_zyx == (4, 48, 48) and list(listed.movie.time_points) == [0, 1, 2, 3]
    tracks = listed.annotations
    assert (
        len(tracks.links)
        and {"link_probability", "marginal_probability"} <= tracks.link_properties.keys()
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.aut", "found.autlist"]


@pytest.mark.parametrize("form", ["aut", "csv", "xml", "ctc", "geff"])
def test_track_writes_several_movies_into_a_folder(form, families, naming, tmp_path):
    pytest.importorskip("geff")
    output = tmp_path / "found"
    lists = [families / "test.autlist", families / "validation.autlist"]
    assert run_main("track", *lists, *naming, "-o", output, "--format", form) == 0
    suffix = "" if form == "ctc" else f".{form}"
    files = {f"family 3{suffix}", f"family 4{suffix}"} | (
        {"tracks.autlist"} if form == "aut" else set()
    )
    assert {path.name for path in output.iterdir()} == files
    options = {} if form == "aut" else {"spacing_um": SPACING_UM}
    found = read_annotations(output / f"family 4{suffix}", **options)
    assert len(found) > 4 and len(found.links)
    assert form != "csv" or {"track_id", "lineage_id"} <= found.properties.keys()
    if form == "aut":
        assert [each.name for each in read_dataset(output / "tracks.autlist")] == [
            "family 4",
            "family 3",
        ]


def test_track_refuses_before_the_work(families, naming, networks, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(track.files, "load_keras", lambda: pytest.fail("it went to work"))
    (tmp_path / "mine.aut").write_text("mine")
    (tmp_path / "other.autlist").write_text("mine")
    movie = families / "family 4.ome.tif"
    for wrong, word in (
        ([movie, *naming, "-o", tmp_path / "mine.aut"], "mine.aut"),
        ([movie, *naming, "-o", tmp_path / "other.aut"], "other.autlist"),
        ([movie, *naming, "-o", tmp_path / "new.csv", "--format", "ctc"], "--format"),
        ([movie, *naming, "-o", tmp_path / "new.aut", "--score"], "true links"),
        (
            [families / "training.autlist", *naming, "-o", tmp_path / "new.aut"],
            "family 1, family 2",
        ),
        (["-o", tmp_path / "new.aut"], "neither"),
        (
            [movie, "--from-positions", families / "family 4.aut", "-o", tmp_path / "new.aut"],
            "both",
        ),
    ):
        assert run_main("track", *wrong) == 2
        assert word in capsys.readouterr().err
    assert (tmp_path / "mine.aut").read_text() == "mine"


def test_track_names_the_network_of_another_kind(families, networks, tmp_path, capsys):
    swapped = [
        "--position",
        networks["position"],
        "--division",
        networks["link"],
        "--link",
        networks["division"],
    ]
    assert run_main("track", families / "test.autlist", *swapped, "-o", tmp_path / "new.aut") == 2
    assert "a link network as division network" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_track_of_a_movie_without_nuclei(families, naming, tmp_path, monkeypatch, capsys):
    import organoid_kit.prediction.movie

    nothing = Annotations(
        [], [], properties={"probability": []}, spacing_um=SPACING_UM, name="family 4"
    )
    monkeypatch.setattr(
        organoid_kit.prediction.movie, "predict_positions", lambda *_, **__: nothing
    )
    assert (
        run_main(
            "track", families / "test.autlist", *naming, "-o", tmp_path / "found.aut", "--score"
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "0 positions" in said and "not measured" in said
    assert len(read_annotations(tmp_path / "found.aut")) == 0


def test_track_scores_and_reports(families, naming, tmp_path, capsys):
    lists = [families / "test.autlist", families / "family 3.ome.tif"]
    assert run_main("track", *lists, *naming, "-o", tmp_path / "found", "--score") == 0
    said = capsys.readouterr().out
    assert all(
        words in said
        for words in (
            "links: wrong links",
            "divisions by place and time: precision",
            "TRA",
            "complete lineages",
        )
    )
    assert "family 3 has no true links" in said.replace(".ome", "")
    page = tmp_path / "found_report" / "report.html"
    assert said.splitlines()[-1] == f"Report: {page}"
    assert run_main("report", page.parent, "-o", tmp_path / "again.html") == 0
    assert "family 4" in page.read_text(encoding="utf-8") and (tmp_path / "again.json").exists()


def test_an_interrupted_tracking_goes_on(families, naming, tmp_path, monkeypatch, capsys):
    import organoid_kit.prediction.movie

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(organoid_kit.prediction.movie, "predict_links", interrupt)
    arguments = ["track", families / "test.autlist", *naming, "-o", tmp_path / "found.aut"]
    assert run_main(*arguments) == 130
    assert "found.aut.resume" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(
        organoid_kit.prediction.positions, "predict_heat", lambda *_: pytest.fail("found once more")
    )
    assert run_main(*arguments) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.aut", "found.autlist"]


def test_positions_alone_are_tracked(tmp_path, lineage, capsys):
    write_annotations(
        dataclasses.replace(lineage, links=[], link_properties={}), tmp_path / "positions.aut"
    )
    assert (
        run_main(
            "track", "--from-positions", tmp_path / "positions.aut", "-o", tmp_path / "tracks.csv"
        )
        == 0
    )
    assert "7 positions" in capsys.readouterr().out
    tracks = read_annotations(tmp_path / "tracks.csv", spacing_um=lineage.spacing_um)
    assert {(0, 1), (4, 5), (5, 6)} <= _links_as_in(lineage, tracks)
    write_annotations(Annotations([], [], spacing_um=SPACING_UM), tmp_path / "empty.aut")
    assert (
        run_main("track", "--from-positions", tmp_path / "empty.aut", "-o", tmp_path / "none.csv")
        == 0
    )
    arguments = [
        "track",
        "--from-positions",
        tmp_path / "empty.aut",
        "-o",
        tmp_path / "folder",
        "--format",
        "ctc",
    ]
    assert run_main(*arguments) == 2


def _links_as_in(known: Annotations, tracks: Annotations) -> set[tuple[int, int]]:
    """Links of tracks as rows of the same positions in another order."""
    rows = [int(np.abs(known.positions - place).sum(axis=1).argmin()) for place in tracks.positions]
    return {(rows[source], rows[target]) for source, target in tracks.links}


def test_score_counts_links_and_lineages_where_both_have_links(tmp_path, lineage, capsys):
    pytest.importorskip("traccuracy")
    wrong = dataclasses.replace(
        lineage, links=[[0, 1], [1, 2], [4, 5], [5, 6]]
    )  # a daughter is lost
    write_annotations(lineage, tmp_path / "truth.aut")
    write_annotations(wrong, tmp_path / "found.aut")
    scores = tmp_path / "scores.json"
    assert run_main("score", tmp_path / "truth.aut", tmp_path / "found.aut", "--json", scores) == 0
    said = capsys.readouterr().out
    assert "4 right, 0 false, 1 missed" in said and "TRA, positions and links" in said
    tracks = json.loads(scores.read_text())["tracks"]["lineage"]
    assert (
        tracks["links"]["missed"],
        tracks["divisions"]["missed"],
        tracks["lineages"]["true_lineages"],
    ) == (1, 1, 2)
    candidates = dataclasses.replace(lineage, links=[*lineage.links.tolist(), [0, 5]])
    write_annotations(candidates, tmp_path / "candidates.aut")
    assert run_main("score", tmp_path / "truth.aut", tmp_path / "candidates.aut") == 0
    assert "1 positions have several links backward" in capsys.readouterr().out


def test_score_does_without_the_library_of_lineages(tmp_path, lineage, monkeypatch, capsys):
    monkeypatch.setattr(score, "find_spec", lambda name: None)
    write_annotations(lineage, tmp_path / "truth.aut")
    assert run_main("score", tmp_path / "truth.aut", tmp_path / "truth.aut") == 0
    said = capsys.readouterr().out
    assert "5 right, 0 false" in said and "organoid-kit[scores]" in said and "TRA" not in said


def test_export_writes_a_folder_for_organoidtracker(networks, tmp_path, capsys):
    arguments = [
        "export",
        networks["division"],
        "-o",
        tmp_path / "divisions",
        "--spacing",
        "2,0.5,0.5",
    ]
    assert run_main(*arguments) == 0
    assert "README.txt" in capsys.readouterr().out
    assert json.loads((tmp_path / "divisions" / "settings.json").read_text())["type"] == "divisions"
    assert run_main(*arguments) == 2
    assert "exists" in capsys.readouterr().err


def test_export_writes_a_folder_and_a_zip_for_bioimageio(networks, tmp_path, capsys):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("bioimageio.spec")
    arguments = ["export", networks["division"], "--to", "bioimageio", "-o", tmp_path / "division"]
    assert run_main(*arguments) == 2
    assert "license" in capsys.readouterr().err
    assert run_main(*arguments, "--author", "Ada", "--license", "CC-BY-4.0") == 0
    assert str(tmp_path / "division.zip") in capsys.readouterr().out
    assert {"rdf.yaml", "model.onnx"} <= {path.name for path in (tmp_path / "division").iterdir()}


def test_an_export_for_organoidtracker_needs_a_spacing(networks, tmp_path, capsys):
    assert run_main("export", networks["division"], "-o", tmp_path / "divisions") == 2
    assert "--spacing" in capsys.readouterr().err


def test_card_is_written_beside_the_network(trained, tmp_path, capsys):
    arguments = [
        "card",
        trained.folder,
        "-o",
        tmp_path / "card",
        "--author",
        "Ada",
        "--license",
        "CC-BY-4.0",
    ]
    assert run_main(*arguments) == 0
    assert capsys.readouterr().out == f"Card: {tmp_path / 'card' / 'README.md'}\n"
    assert {"README.md", "model.keras"} <= {path.name for path in (tmp_path / "card").iterdir()}
    assert "Ada" in (tmp_path / "card" / "README.md").read_text(encoding="utf-8")
    assert run_main(*arguments) == 2
    assert run_main("card", tmp_path, "-o", tmp_path / "none") == 2


@pytest.mark.parametrize("spacing", ["2,0.5", "2,a,1"])
def test_a_spacing_is_three_lengths(spacing, networks, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_main("export", networks["division"], "-o", tmp_path / "divisions", "--spacing", spacing)
    assert "three lengths" in capsys.readouterr().err


@pytest.mark.slow
def test_the_demo_goes_the_whole_way_twice_and_keeps_the_first(
    families, networks, tmp_path, monkeypatch, capsys
):
    import organoid_kit.networks.folders

    monkeypatch.setattr(demo, "find_samples", lambda: families)
    monkeypatch.setattr(organoid_kit.networks.folders, "SHIPPED", networks["link"].parent)
    folder = tmp_path / "demo"
    assert run_main("demo", "--output", folder, "--epochs", 1) == 0
    said, first = capsys.readouterr().out, (folder / "scores.json").read_text()
    headings = [
        line.split()[1] for line in said.splitlines() if line[:1].isdigit() and line[1:3] == ". "
    ]
    assert headings == ["Are", "Train", "Ask", "Put", "Count"]
    written = said.split("Written were:\n")[1].split("\n")
    assert all((tmp_path / line.strip()).exists() for line in written if line)
    names = {path.name for path in folder.rglob("*")}
    assert {
        "family 4.aut",
        "tracks.autlist",
        "res_track.txt",
        "report.html",
        "report_link.html",
    } <= names
    scores = json.loads(first)
    assert scores["position"]["network"]["matched"] + scores["position"]["network"]["missed"] == 18
    table = said.split("5. Count")[1]
    assert all(
        words in table
        for words in (
            "blob detector",
            "average precision",
            "optimal assignment",
            "TRA",
            "complete tracks",
            "counted",
        )
    )
    assert len(list((folder / "runs").iterdir())) == 3
    assert run_main("demo", "--output", folder, "--networks", "shipped") == 0
    assert (folder / "scores.json").read_text() == first
    second = tmp_path / "demo-2"
    assert (second / "report.html").exists() and not (second / "report_link.html").exists()


@pytest.mark.parametrize(
    "said, spelled",
    [
        (
            'Pass axes="zyx", spacing_um=(1.0, 0.5, 0.5) with the right values, or accept_guess=True if so.',
            "Pass --axes zyx --spacing 1.0,0.5,0.5 with the right values, or --accept-guess if so.",
        ),
        ('Pass units="um" or units="voxels".', "Pass --units um or --units voxels."),
        (
            "state the diameter: nucleus_diameter_um=17.",
            "state the diameter: --nucleus-diameter 17.",
        ),
        ("Then state whole_image=True.", "Then state --whole-image."),
        ("Received: threshold=0.5 of 'axes'.", "Received: threshold=0.5 of 'axes'."),
    ],
)
def test_advice_names_what_can_be_typed(said, spelled):
    assert spell_advice(said) == spelled


def test_advice_on_a_file_that_does_not_say_its_axes_works(tmp_path, capsys):
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, np.zeros((12, 20, 20), np.uint16), photometric="minisblack")
    assert run_main("predict", "position_small", path, "-o", tmp_path / "out") == 2
    advice = re.search(r"Pass (--axes \S+ --spacing \S+) with", capsys.readouterr().err)[1]
    assert run_main("predict", "position_small", path, "-o", tmp_path / "out", *advice.split()) == 0
