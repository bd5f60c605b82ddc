"""A training as a person would run it: started, paused, changed, resumed, left, found again,
stopped, continued.
"""

import re
import time
from pathlib import Path

import pytest

from organoid_kit.data.downloads import find_samples

SETUP = f"""
import sys, tempfile
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from training_helpers import make_blobs, tiny_settings
from organoid_kit.dashboards import TrainingDashboard

movies = [make_blobs(seed, time_points=6, shape_zyx=(8, 64, 64)) for seed in (1, 2)]
settings = tiny_settings("", epochs=500, patience=500, patches_per_time_point=4, patch_shape_zyx=(8, 32, 32))
dashboard = TrainingDashboard(movies[:1], movies[1:], settings, output_folder=tempfile.mkdtemp())
dashboard
"""
# `follow` waits for a first Start, and ends when the training is stopped
CELLS = (
    SETUP,
    "run = await dashboard.follow()",
    "print('a later cell:', len(run.history), 'epochs')",
)


@pytest.fixture(scope="module")
def page(front_end):
    with front_end.open(*CELLS, name="training_dashboard") as page:
        page.find("ok-start")
        yield page


def compute_shape_multiple(page) -> tuple[int, int]:
    """Epoch and step in the status line."""
    return tuple(
        map(int, re.search(r"Epoch (\d+) of \d+, step (\d+)", page.text("ok-status")).groups())
    )


def test_what_it_takes_is_estimated_as_one_changes_it(page):
    page.wait_for_text("ok-estimate", "A batch of 4 patches")
    assert not page.page.locator(".ok-batch-size").is_visible()  # until experts ask for it
    page.click("text=Expert settings")
    page.type("ok-batch-size", "8")
    page.wait_for_text("ok-estimate", "A batch of 8 patches of 8×32×32")
    page.screenshot("training_ready")


def test_it_trains_while_the_cell_waits(page):
    page.click("ok-start")
    page.wait_for_text("ok-status", "Training.")
    page.wait_for_text("ok-reading", "2 epochs")
    assert (
        page.find("ok-curves").locator("svg").first.is_visible()
        and page.find("ok-example").locator("image").count() == 3
    )
    page.screenshot("training_runs")


def test_pause_holds_it_and_epochs_change_meanwhile(page):
    page.click("ok-pause")
    page.wait_for_text("ok-status", "Paused.")
    before = compute_shape_multiple(page)
    time.sleep(1)
    assert compute_shape_multiple(page) == before
    for epochs in (
        "400",
        "450",
    ):  # the second change is held back by a page that never heard the end of the first
        page.type("ok-epochs", epochs)
        page.wait_for_text("ok-status", f"of {epochs}")
    page.click("ok-resume")
    page.wait_for_text("ok-status", "Training.")


def test_a_reader_who_comes_back_while_the_cell_waits_is_heard(page):
    if page.kind.name == "classic":
        pytest.skip("The classic Notebook does not show widgets again while a cell runs.")
    page.page.evaluate(page.kind.save)
    page.page.wait_for_timeout(500)
    page.page.goto(page.front_end.url + page.kind.address.format(name=page.name))
    page.wait_for_text("ok-status", "Training.")
    for epochs in ("350", "370"):
        page.type("ok-epochs", epochs)
        page.wait_for_text("ok-status", f"of {epochs}")
    page.click("ok-pause")
    page.wait_for_text("ok-status", "Paused.")
    page.click("ok-resume")
    page.wait_for_text("ok-status", "Training.")


def test_stop_ends_the_waiting_cell(page):
    page.click("ok-stop")
    page.wait_for_text("ok-status", "Ended.")
    page.wait_for_text("ok-messages", "stopped on request")
    page.wait_until_run()
    page.wait_for("len(run.history) > 0 and run.ending.startswith('stopped')", True)


def test_start_goes_on_and_a_reader_who_comes_back_finds_it_running(page):
    done = page.ask("len(run.history)")
    assert page.text("ok-start") == "Go on"
    page.click("ok-start")
    page.wait_for_text("ok-news", f"Going on from epoch {done + 1}")
    page.wait_for(
        f"len(dashboard.session.history) > {done}", True
    )  # no cell waits: the kernel is free
    page.reload()
    page.wait_for_text("ok-status", "Training.")
    page.click("ok-stop")
    page.wait_for_text("ok-status", "Ended.")
    assert page.ask("dashboard.run.folder == run.folder")


def test_every_choice_reaches_the_settings(page):
    page.choose("ok-start-from", "from scratch")
    for network in ("division", "position"):
        page.choose("ok-network", network)
        page.wait_for("dashboard.choices.collect_settings().network", network)
    page.choose("ok-preset", "standard")
    page.wait_for("dashboard.choices.collect_settings().preset", "standard")
    page.choose("ok-start-from", "train on from the shipped network position_small")
    page.wait_for("dashboard.choices.collect_settings().start_from", "position_small")
    page.type("ok-training-path", str(find_samples() / "training.autlist"))
    page.type("ok-validation-path", str(find_samples() / "validation.autlist"))
    page.find("ok-channels").locator("input").nth(2).check()
    for handle, value in (
        ("epochs", "7"),
        ("batch-size", "1"),
        ("patch-shape", "8, 16, 16"),
        ("learning-rate", "0.002"),
    ):
        page.type(f"ok-{handle}", value)
    names = "start_from, s.channels, s.preset, s.epochs, s.batch_size, s.patch_shape_zyx, s.learning_rate"
    chosen = ["position_small", [1, 3], "small", 7, 1, [8, 16, 16], 0.002]
    page.wait_for(f"(lambda s: [s.{names}])(dashboard.choices.collect_settings())", chosen)
    page.wait_for(
        "[len(dashboard.choices.read_movies(each)) > 0 for each in ('training', 'validation')]",
        [True, True],
    )
    page.click("ok-measure-time")
    page.wait_for_text("ok-estimate", "7 epochs take about")
    page.screenshot("training_choices")
