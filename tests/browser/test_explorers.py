"""Threshold explorer and track explorer, used as a person would."""

import pytest

THRESHOLDS = """
import dataclasses

import numpy as np

from organoid_kit.evaluation.blobs import find_blobs
from organoid_kit.dashboards import ThresholdExplorer, TrackExplorer
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples

annotated = read_dataset(find_samples() / "validation.autlist")[0]
few = annotated.annotations.select(annotated.annotations.time_points < 5)
annotated = dataclasses.replace(annotated, annotations=few)
blobs = find_blobs(annotated.movie, channels=(2, 3), time_points=range(5), threshold=0.03)
says = np.clip(2 * blobs.properties["response"].astype(float), 0, 1)
found = dataclasses.replace(
    blobs, properties={"probability": says, "division_probability": np.linspace(0, 1, len(blobs))}
)
explorer = ThresholdExplorer(annotated, found, channels=(2, 3))
explorer
"""
TRACKS = """
import dataclasses, tempfile

import numpy as np

from organoid_kit.dashboards import TrackExplorer
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples

annotated = read_dataset(find_samples() / "validation.autlist")[0]
tracks, nothing = annotated.annotations, np.full(len(annotated.annotations), None)
wrong = np.zeros(len(tracks.links))
wrong[[7, 90]] = 0.6, 0.9
names = ("division_error_probability", "start_error_probability", "end_error_probability")
tracks = dataclasses.replace(
    tracks, properties=dict.fromkeys(names, nothing), link_properties={"error_probability": wrong}
)
output = tempfile.mkdtemp() + "/mended.aut"
explorer = TrackExplorer(annotated.movie, tracks, channels=(2, 3), output=output)
explorer
"""


@pytest.fixture(scope="module")
def thresholds(front_end):
    with front_end.open(THRESHOLDS, name="thresholds") as page:
        page.find("ok-curve")
        yield page


@pytest.fixture(scope="module")
def tracks(front_end):
    with front_end.open(TRACKS, name="tracks") as page:
        page.find("ok-lineage-tree")
        yield page


def test_the_threshold_moves_the_figures(thresholds):
    thresholds.press("ok-threshold", "ArrowLeft", times=6)
    thresholds.wait_for("round(explorer.threshold.value, 2)", 0.38)
    thresholds.wait_for_text("ok-messages", "threshold 0.38: precision")
    thresholds.type("ok-threshold", "0.9")
    thresholds.wait_for("explorer.judgement.matched", 0)
    thresholds.wait_for_text("ok-messages", "precision not measured")


def test_the_best_threshold_is_committed(thresholds):
    thresholds.click("ok-best")
    thresholds.wait_for("explorer.judgement.f1 > 0.9", True)
    thresholds.click("ok-commit")
    thresholds.wait_for("list(explorer.committed)", ["positions"])
    thresholds.wait_for_text("ok-curve", "committed")
    thresholds.wait_for_text("ok-messages", "Committed")


def test_the_threshold_follows_what_mistakes_cost(thresholds):
    thresholds.wait_for_text("ok-curve", "lowest cost")
    thresholds.type("ok-false-cost", "0.1")
    thresholds.type("ok-missed-cost", "20")
    thresholds.click("ok-cheapest")
    thresholds.wait_for("explorer.threshold.value == explorer._find_cheapest() < 0.3", True)


def test_buttons_go_to_the_mistakes(thresholds):
    thresholds.type("ok-threshold", "0.4")
    thresholds.wait_for("explorer.judgement.missed > 0", True)
    thresholds.click("ok-next-missed")
    thresholds.wait_for_text("ok-messages", "Missed, 1 of")
    thresholds.click("ok-next-false")
    thresholds.wait_for_text("ok-messages", "alse")
    thresholds.find("ok-close-ups").locator("image").first.wait_for(state="attached")
    thresholds.screenshot("thresholds", "ok-threshold-explorer")


def test_divisions_have_a_threshold_of_their_own(thresholds):
    thresholds.toggle("ok-kind", "divisions")
    thresholds.wait_for("explorer.kind.value", "divisions")
    thresholds.wait_for_text("ok-messages", "Divisions, threshold")
    thresholds.press("ok-tolerance", "ArrowRight")
    thresholds.wait_for("explorer.tolerance.value", 2)


def test_the_tree_is_a_picture_where_the_page_cannot_load_its_script(front_end):
    with front_end.open(TRACKS, name="tracks_without_script", run=False) as page:
        page.page.route("**/*anywidget*/**", lambda route: route.abort())
        page.page.route("**/anywidget.js*", lambda route: route.abort())
        page.reload()
        page.run()
        page.wait_for_text("ok-plain-tree", "time point")
        page.click("ok-next-doubt")
        page.wait_for_text("ok-plain-tree", "▸")
        page.screenshot("tracks_by_the_kernel", "ok-track-explorer")
        page.said.clear()  # the page says that it lacks the script


def click_in_tree(page, row):
    """Clicks where the tree shows a position."""
    x, y = page.ask(f"[place[:2] for place in explorer.tree.places if place[2] == {row}][0]")
    place = page.page.evaluate(
        """([x, y]) => {
            const svg = document.querySelector(".ok-lineage-tree svg");
            const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
            return [at.x, at.y];
        }""",
        [x, y],
    )
    page.page.mouse.click(*place)


def test_a_click_in_the_tree_moves_the_movie(tracks):
    tracks.wait_for("explorer.tree.ready", True)
    row = tracks.ask(
        "int(explorer.tracks.rows_at(4)[explorer._lineages[explorer.tracks.rows_at(4)] == 1][0])"
    )
    tracks.find("ok-lineage-tree").scroll_into_view_if_needed()
    click_in_tree(tracks, row)
    tracks.wait_for("[explorer.browser.time_point.value, explorer.chosen]", [4, 1])
    tracks.wait_for_text("ok-messages", "Lineage 2:")
    assert "▸ 2" in tracks.text("ok-lineage-tree")


def test_keys_in_the_tree(tracks):
    tracks.ask("setattr(explorer.browser.time_point, 'value', 4)")
    tracks.find("ok-lineage-tree").focus()
    tracks.page.keyboard.press("ArrowRight")
    tracks.wait_for("explorer.browser.time_point.value", 5)
    before = tracks.ask("explorer.chosen")
    tracks.page.keyboard.press("ArrowDown")
    tracks.wait_for("explorer.chosen", (before or 0) + 1 if before is not None else 0)


def test_the_movie_moves_the_line(tracks):
    tracks.press("ok-time-point", "ArrowLeft", times=2)
    tracks.wait_for("explorer.browser.time_point.value", 3)
    x = tracks.ask("explorer.tree.now")
    assert x == tracks.ask("round(explorer._drawn.first + 3 * explorer._drawn.step, 1)")
    tracks.page.wait_for_function(
        "x => document.querySelector('.ok-now').getAttribute('transform') === `translate(${x} 0)`",
        arg=x,
    )


def test_doubts_lead_to_the_movie(tracks):
    tracks.click("ok-next-doubt")
    tracks.wait_for("explorer.browser.time_point.value == explorer._doubts[0].time_point", True)
    tracks.wait_for_text("ok-messages", "Doubt 1 of 2")
    tracks.choose("ok-doubts", tracks.ask("explorer.doubts.options[1][0]"))
    tracks.wait_for_text("ok-messages", "Doubt 2 of 2")
    tracks.screenshot("tracks", "ok-track-explorer")


def test_a_nucleus_in_the_movie_shows_its_lineage(tracks):
    tracks.click("ok-next-position")
    tracks.click("ok-pick-here")
    tracks.wait_for_text("ok-messages", "Lineage")
    tracks.type("ok-lineage", "3")
    tracks.wait_for("[explorer.lineage.value, explorer.chosen]", [3, 2])
    tracks.wait_for_text("ok-shown", "Lineage 3 of")


def press_and_wait(page, name, words):
    """Presses a button of the corrections, and waits for what was done."""
    page.click(f"ok-{name}")
    page.wait_for_text("ok-messages", words)


def test_tracks_are_corrected_where_one_looks(tracks):
    links = "len(explorer.tracks.links)"
    before, doubts = tracks.ask(links), tracks.ask("len(explorer._doubts)")
    tracks.choose("ok-doubts", tracks.ask("explorer.doubts.options[0][0]"))
    tracks.wait_for_text("ok-choice", "Chosen, the last one last")
    place = tracks.find("ok-cut").bounding_box()
    press_and_wait(tracks, "cut", "Cut the link to the position")
    tracks.wait_for_text("ok-messages", "Solved again in")
    tracks.wait_for(links, before - 1)
    assert tracks.find("ok-cut").bounding_box() == place  # nothing that is pressed moves
    tracks.screenshot("tracks_corrected", "ok-track-explorer")
    press_and_wait(tracks, "undo", "Undone: cut the link")
    tracks.wait_for(links, before)
    press_and_wait(tracks, "redo", "Done again: cut the link")
    tracks.wait_for(links, before - 1)
    press_and_wait(tracks, "next-doubt", "Doubt 1 of")
    press_and_wait(tracks, "confirm", "Said to be right: ")
    press_and_wait(tracks, "save", "Saved as")
    assert doubts == 2


def test_nuclei_that_are_picked_are_corrected(tracks):
    tracks.ask("explorer.browser.go_to(5) or 0")
    tracks.click("ok-next-position")
    tracks.click("ok-pick-here")
    tracks.wait_for("len(explorer.corrections.chosen)", 1)
    press_and_wait(tracks, "join", "Two positions must be chosen")
    press_and_wait(tracks, "divide", "Marked as dividing")
    press_and_wait(tracks, "undo", "Undone: marked as dividing")
    tracks.click("ok-pick-here")
    press_and_wait(tracks, "not-dividing", "Marked as not dividing")
    press_and_wait(tracks, "undo", "Undone: marked as not dividing")
    tracks.click("ok-pick-here")
    press_and_wait(tracks, "remove", "No nucleus is the position")
    press_and_wait(tracks, "undo", "Undone: no nucleus is")
    tracks.ask("explorer.browser.go_to(5, (1, 1, 1)) or 0")
    press_and_wait(tracks, "add", "Added a nucleus at")
    tracks.wait_for("explorer._editor.done[-1][0][:16]", "added a nucleus ")
