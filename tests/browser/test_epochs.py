"""Epoch explorer and run comparison, used as a person would."""

import pytest

EPOCHS = """
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from organoid_kit.dashboards import EpochExplorer
from organoid_kit.training.epoch_pictures import EpochPicture, write_picture

folder = Path(tempfile.mkdtemp()) / "first"

def add_epoch(epoch):
    rng = np.random.default_rng(epoch)
    images, targets = rng.integers(0, 99, (1, 1, 32, 32)).astype(np.uint8), np.zeros((1, 32, 32), np.float16)
    answers = np.full((1, 32, 32), epoch / 10, np.float16)
    positions = np.array([[8.0, 8], [20, 24]])
    write_picture(EpochPicture("position", epoch, images, targets, answers, positions, (1.0, 1.0)), folder)
    row = {"loss": 1 / epoch, "validation_loss": abs(epoch - 3) / 10 + 0.5, "validation_f1": 0.5, "seconds": 1}
    history.append({"epoch": epoch, **row, "best": epoch <= 3})
    (folder / "history.json").write_text(json.dumps(history))

history = []
for epoch in range(1, 6):
    add_epoch(epoch)
other = shutil.copytree(folder, folder.with_name("second"), dirs_exist_ok=True)
for run in (folder, other):
    (run / "run.json").touch()
explorer = EpochExplorer(folder)
explorer
"""
COMPARISON = """
from organoid_kit.dashboards import RunComparison

comparison = RunComparison()
comparison
"""


@pytest.fixture(scope="module")
def epochs(front_end):
    with front_end.open(EPOCHS, name="epochs") as page:
        page.find("ok-epoch")
        yield page


@pytest.fixture(scope="module")
def comparison(front_end):
    with front_end.open(COMPARISON, name="comparison") as page:
        page.find("ok-error-rate")
        yield page


def test_the_slider_shows_another_epoch(epochs):
    epochs.wait_for_text("ok-reading", "Epoch 3 of 5, the best one.")
    epochs.press("ok-epoch", "ArrowRight", times=2)
    epochs.wait_for("explorer.epoch.value", 5)
    epochs.wait_for_text("ok-reading", "Epoch 5 of 5.")
    epochs.wait_for_text("ok-example", "prediction after epoch 5")
    assert epochs.find("ok-example").locator("image").count() == 3
    epochs.screenshot("epochs")


def test_a_button_goes_back_to_the_best_epoch(epochs):
    epochs.type("ok-epoch", "1")
    epochs.wait_for_text("ok-reading", "Epoch 1 of 5.")
    epochs.click("ok-best")
    epochs.wait_for("explorer.epoch.value", 3)
    epochs.wait_for_text("ok-example", "prediction after epoch 3")


def test_epochs_that_come_meanwhile_are_found(epochs):
    epochs.ask("add_epoch(6)")
    epochs.click("ok-refresh")
    epochs.wait_for("explorer.epoch.max", 6)
    epochs.wait_for_text("ok-reading", "of 6")
    epochs.type("ok-epoch", "6")
    epochs.wait_for_text("ok-reading", "Epoch 6 of 6.")


def test_another_run_is_chosen(epochs):
    epochs.choose("ok-chosen-run", "second")
    epochs.wait_for("[explorer.run.folder.name, explorer.epoch.value]", ["second", 3])
    epochs.wait_for_text("ok-reading", "Epoch 3 of 5, the best one.")


def test_controls_choose_among_trainings(comparison):
    comparison.wait_for_text("ok-scores", "0 % of them wrong: F1")
    assert comparison.find("ok-example").locator("image").count() == 3
    comparison.press("ok-error-rate", "End")
    comparison.wait_for_text("ok-scores", "10 % of them wrong: F1")
    comparison.screenshot("comparison")
    comparison.press("ok-error-rate", "Home")
    comparison.toggle("ok-start", "fine-tuned")
    comparison.wait_for("comparison.start.value", "position_small")
    comparison.press("ok-time-points", "Home")
    comparison.wait_for_text("ok-scores", "The shipped network as it is: F1")


def test_what_was_not_measured_is_said(comparison):
    comparison.toggle("ok-start", "from scratch")
    comparison.press("ok-time-points", "Home")
    comparison.wait_for_text("ok-scores", "Not measured.")
    assert comparison.find("ok-chart").evaluate("each => each.naturalWidth") > 0
