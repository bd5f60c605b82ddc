import base64
import json
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import EpochExplorer
from organoid_kit.dashboards.training.pictures import draw_example
from organoid_kit.dashboards.training.run_comparison import RunComparison
from organoid_kit.plots.curves import describe_example, plot_epoch
from organoid_kit.training.epoch_pictures import EpochPicture, write_picture

BEST = 2


def make_picture(network="position", epoch=1):
    rng = np.random.default_rng(epoch)
    if network == "position":
        shape, images = (1, 12, 16), np.zeros((1, 1, 12, 16), np.uint8)
        positions, targets = np.array([[3.0, 4], [8, 12]]), np.zeros(shape, np.float16)
    else:
        images = np.zeros((3, 2 if network == "link" else 1, 8, 8), np.uint8)
        shape, positions, targets = (3,), np.zeros((0, 2)), np.array([1, 1, 0], np.float16)
    answers = np.array([0.9, 0.2, 0.1]) if len(shape) == 1 else rng.random(shape)
    return EpochPicture(
        network, epoch, images, targets, answers.astype(np.float16), positions, (1.0, 1.0)
    )


def make_history(count):
    return [
        {
            "epoch": n,
            "loss": 1 / n,
            "validation_loss": 1.2 / n,
            "validation_f1": n / 10,
            "best": n <= BEST,
            "seconds": 1,
        }
        for n in range(1, count + 1)
    ]


@pytest.fixture
def folder(tmp_path):
    write_epochs(tmp_path, 4)
    return tmp_path


def write_epochs(folder, count, network="position"):
    (folder / "history.json").write_text(json.dumps(make_history(count)))
    for epoch in range(1, count + 1):
        write_picture(make_picture(network, epoch), folder)


def test_the_slider_goes_over_the_epochs_and_begins_at_the_best(folder):
    explorer = EpochExplorer(folder)
    assert (explorer.epoch.min, explorer.epoch.max, explorer.epoch.value) == (1, 4, BEST)
    words = "Epoch 2 of 4, the best one. Loss 0.5000 in training, 0.6000 in validation, F1 0.200"
    assert words in explorer.reading.value
    before = explorer.example.value
    explorer.epoch.value = 4
    assert (
        "Epoch 4 of 4." in explorer.reading.value
        and "after epoch 4" in explorer.example.value != before
    )
    explorer.best.click()
    assert explorer.epoch.value == BEST and explorer.example.value == before


def test_epochs_that_come_while_it_is_open_are_found(folder):
    explorer = EpochExplorer(folder)
    write_epochs(folder, 6)
    explorer.refresh.click()
    assert explorer.epoch.max == 6 and "of 6" in explorer.reading.value


def test_a_run_without_pictures_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="once an epoch is finished"):
        EpochExplorer(tmp_path)


def test_a_damaged_picture_is_said_and_the_others_work(folder):
    (folder / "epochs" / "0003.npz").write_bytes(b"PK")
    explorer = EpochExplorer(folder)
    explorer.epoch.value = 3
    assert "0003.npz" in explorer.messages.value
    explorer.epoch.value = 4
    assert explorer.messages.value == "" and "after epoch 4" in explorer.example.value


def test_a_state_is_restored(folder):
    explorer = EpochExplorer(folder)
    explorer.restore({"epoch": 3})
    assert explorer.state() == {"chosen_run": folder.name, "epoch": 3}


def test_one_chooses_among_runs_and_those_without_an_epoch_are_named(tmp_path):
    for name, epochs in (("first", 5), ("second", 3), ("third", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").touch()
        write_epochs(tmp_path / name, epochs)
    explorer = EpochExplorer(tmp_path)
    assert explorer.chosen_run.options == ("first", "second")
    assert "no epoch is finished" in explorer.lacking.value and "third" in explorer.lacking.value
    assert (explorer.chosen_run.value, explorer.epoch.max) == ("second", 3)
    explorer.chosen_run.value = "first"
    assert "of 5" in explorer.reading.value and explorer.epoch.value == BEST
    explorer.epoch.value = 4
    write_epochs(tmp_path / "first", 6)
    explorer.refresh.click()
    assert (explorer.epoch.value, explorer.epoch.max) == (4, 6)
    assert EpochExplorer(tmp_path / "first").chosen_run.value == "first"


@pytest.mark.parametrize("network", ["position", "division", "link"])
def test_the_example_of_each_network_is_drawn_and_said_in_words(network, tmp_path):
    write_epochs(tmp_path, 3, network)
    explorer = EpochExplorer(tmp_path)
    drawn = ElementTree.fromstring(draw_example(make_picture(network)))
    assert drawn.find("div[@role='img']").get("aria-label") == describe_example(
        make_picture(network)
    )
    assert len(list(drawn.iter("image"))) == {"position": 3, "division": 3, "link": 6}[network]
    figure = explorer.plot()
    figure.canvas.draw()
    assert "epoch 2" in figure.description
    if network != "position":
        words = " ".join(each.text for each in drawn.iter("text"))
        assert words.count("✓ right") == 2 and words.count("✗ wrong") == 1
        assert "2 of 3 crops are right" in describe_example(make_picture(network))


def test_the_marker_follows_the_epoch(folder):
    figure = plot_epoch(make_picture(epoch=3), make_history(4))
    lines = [
        line.get_xdata()[0]
        for axes in figure.subfigs[0].axes
        for line in axes.lines
        if line.get_linestyle() == ":"
    ]
    assert lines == [3]


def make_table():
    def png(value):
        return base64.b64encode(imagecodecs.png_encode(np.full((6, 8), value, np.uint8))).decode()

    records = [
        {"start": start, "time_points": n, "error_rate": rate, "seed": seed, "positions": 10 * n,
         "prediction": png(100), "f1": 0.5 + seed / 10 - rate, "precision": 0.5, "recall": None}
        for start in ("position_small", "scratch") for n in (2, 6) for rate in (0.0, 0.1) for seed in (1, 2)
    ]  # fmt: skip
    example = {"image": png(9), "target": png(200), "positions": [[2, 3]], "spacing_um": [1, 1]}
    return {
        "machine": "a <b>machine</b>",
        "epochs": 5,
        "judged_on": "organoid",
        "example": example,
        "records": records,
    }


def test_controls_go_over_what_was_measured(tmp_path):
    (tmp_path / "table.json").write_text(json.dumps(make_table()))
    comparison = RunComparison(tmp_path / "table.json")
    assert comparison.state() == {"start": "scratch", "time_points": 6, "error_rate": 0.0}
    assert (
        "F1 0.650 (0.600 to 0.700), precision 0.500, recall not measured" in comparison.scores.value
    )
    assert (
        "2 trainings" in comparison.scores.value and "a &lt;b&gt;machine" in comparison.scores.value
    )
    before = comparison.chart.value
    comparison.error_rate.value = 0.1
    comparison.time_points.value = 2
    assert "20 annotated positions, 10 % of them wrong: F1 0.550" in comparison.scores.value
    assert comparison.chart.value != before and comparison.example.value.count("<image") == 3
    other = RunComparison(make_table())
    other.restore(comparison.state())
    assert other.describe() == comparison.describe()


def test_what_was_not_measured_is_said():
    table = make_table()
    table["records"] = [
        each for each in table["records"] if (each["time_points"], each["error_rate"]) != (6, 0.1)
    ]
    comparison = RunComparison(table)
    comparison.restore({"start": "position_small", "time_points": 6, "error_rate": 0.1})
    assert "there is: " in comparison.scores.value
    assert (
        "Not measured." in comparison.scores.value
        and comparison.example.value == "" == comparison.messages.value
    )
    with pytest.raises(UserError, match="measured trainings"):
        RunComparison({"records": []})


def test_a_network_as_it_is_learned_from_nothing():
    table = make_table()
    table["records"].append(
        {**table["records"][0], "time_points": 0, "error_rate": 0.0, "positions": 0}
    )
    comparison = RunComparison(table)
    comparison.restore({"start": "position_small", "time_points": 0, "error_rate": 0.0})
    assert "The shipped network as it is: F1" in comparison.scores.value


def test_the_table_of_the_package_is_shown():
    comparison = RunComparison()
    assert "position" in comparison.describe() and comparison.example.value.count("<image") == 3


def test_a_best_epoch_without_its_picture_is_said(folder):
    for epoch in (3, 4):
        rename = (folder / "epochs").glob(f"*{epoch}.*")
        [file.unlink() for file in rename]
    history = make_history(4)
    for row in history:
        row["best"] = row["epoch"] == 4
    (folder / "history.json").write_text(json.dumps(history))
    explorer = EpochExplorer(folder)
    assert explorer.epoch.value in (1, 2) and "nearest is 2" in explorer.messages.value
