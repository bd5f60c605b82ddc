"""The annotation checker in a real page: every button and key is used as a person would."""

import json

import pytest

MOVIE = """
import numpy as np
from organoid_kit.data.annotations import Annotations
from organoid_kit.dashboards import AnnotationChecker
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples

(sample,) = read_dataset(find_samples() / "test.autlist")
truth = sample.annotations
flawed = truth.select(np.arange(len(truth)) % 9 > 0)
division = int(truth.divisions()[0])
"""
CHECKER = """
checker = AnnotationChecker(AnnotatedMovie(sample.movie, {start}), channels=(2, 3), output="{name}/checked.aut")
checker
"""
CANVAS = ".ok-stack-canvas canvas"


@pytest.fixture(scope="module")
def page(front_end):
    with front_end.open(
        MOVIE, CHECKER.format(start="flawed", name="one"), name="annotation_checker"
    ) as page:
        page.find(f"{CANVAS}[data-drawn]")
        yield page


@pytest.fixture(autouse=True)
def start(request):
    """Every test begins with the annotations as they were, nothing chosen, in the maximum view."""
    if "page" not in request.fixturenames:
        return
    page = request.getfixturevalue("page")
    page.ask("[checker.edit.undo.click() for _ in checker.editor.steps] and None")
    page.ask(
        "[checker.edit.forget.click(), checker.browser.restore({'view': 'maximum', 'time_point': 5})] and None"
    )
    page.ask("checker.restore({'list_shown': 'Problems'})")
    page.find(f'{CANVAS}[data-drawn^="t5 "]')


def click_at(page, expression):
    """Clicks on a place, zyx, in the picture."""
    page.page.mouse.move(0, 0)
    page.find(f'{CANVAS}[data-marks="new"]')
    page.find(CANVAS).scroll_into_view_if_needed()
    _, y, x = page.ask(expression)
    box = page.find(CANVAS).bounding_box()
    scale = box["width"] / 112
    page.page.mouse.click(box["x"] + (x + 0.5) * scale, box["y"] + (y + 0.5) * scale)


def find_alone(page, time_point=5):
    """A position at a time point that has no other mark near it: Python for its place."""
    page.ask(
        f"globals().update(here=checker.editor.annotations.positions_at({time_point})[:, 1:]) or "
        "globals().update(apart=np.linalg.norm(here[:, None] - here[None], axis=-1) + 99 * np.eye(len(here)))"
    )
    page.ask("globals().update(alone=int(apart.min(axis=1).argmax()))")
    page.ask(f"globals().update(row=int(checker.editor.annotations.rows_at({time_point})[alone]))")
    return "checker.editor.annotations.positions[row].tolist()"


def test_how_it_looks(page):
    assert page.ask("checker.browser.drawn_by") == "browser"
    page.wait_for_text("ok-coverage", "Annotated cuboid at time point 5")
    page.wait_for_text("ok-problem-summary", "Images were not looked at yet")
    page.screenshot("annotation_checker", "ok-annotation-checker")
    page.page.set_viewport_size({"width": 1700, "height": 1000})
    page.page.wait_for_timeout(500)
    page.screenshot("annotation_checker_wide", "ok-annotation-checker")
    page.page.set_viewport_size({"width": 1280, "height": 1000})


def test_a_click_on_a_problem_goes_there(page):
    number = page.ask(
        "next(i for i, each in enumerate(checker.problems.problems) if each.time_point not in (None, 5))"
    )
    page.find("ok-chosen").locator("select").select_option(index=number)
    page.wait_for(
        f"checker.browser.time_point.value == checker.problems.problems[{number}].time_point", True
    )
    page.wait_for_text("ok-remedy", page.ask(f"checker.problems.problems[{number}].message")[:40])
    page.wait_for("len(checker.edit.chosen) > 0", True)
    page.wait_for_text("ok-choice", "Chosen, the last one last")


def test_check_images(page):
    page.click("ok-check")
    page.wait_for_text("ok-problem-summary", "were looked at")
    page.wait_for("checker.problems.check.description", "Check images")
    assert page.ask("any(each.rule == 'nucleus_missing' for each in checker.problems.problems)")


def test_positions_by_mouse_and_buttons(page):
    before = page.ask("len(checker.editor.annotations)")
    page.ask("globals().update(spot=[8, 105, 5])")
    click_at(page, "spot")
    page.wait_for("abs(checker.browser.x.value - 5) < 2", True)
    page.click("ok-add")
    page.wait_for("len(checker.editor.annotations)", before + 1)
    page.wait_for_text("ok-messages", "Added the position at time point 5")
    page.wait_for_text("ok-saved", "1 change, not saved")
    page.ask("globals().update(spot=[8, 5, 105])")
    click_at(page, "spot")
    page.wait_for("abs(checker.browser.x.value - 105) < 2", True)
    page.click("ok-move")
    page.wait_for("checker.editor.annotations.positions[-1].tolist()[2] > 100", True)
    page.click("ok-delete")
    page.wait_for("len(checker.editor.annotations)", before)
    for _ in range(3):
        page.click("ok-undo")
    page.wait_for("checker.editor.steps", [])
    page.click("ok-redo")
    page.wait_for("len(checker.editor.annotations)", before + 1)


def test_positions_by_keys(page):
    before = page.ask("len(checker.editor.annotations)")
    place = find_alone(page)
    click_at(page, place)
    page.wait_for("checker.edit.list_chosen()", page.ask("[row]"))
    page.page.keyboard.press("d")
    page.wait_for("len(checker.editor.annotations)", before - 1)
    page.page.keyboard.press("Control+z")
    page.wait_for("len(checker.editor.annotations)", before)
    page.page.keyboard.press("Control+y")
    page.wait_for("len(checker.editor.annotations)", before - 1)
    page.page.keyboard.press("z")
    page.wait_for("len(checker.editor.annotations)", before)
    page.page.keyboard.press("c")
    page.wait_for("checker.edit.chosen", [])
    page.page.keyboard.press("l")
    page.wait_for_text("ok-messages", "Two positions must be chosen to be linked")
    page.type("ok-file-name", "ladder.aut")  # where someone types, keys are letters
    page.wait_for("checker.edit.file_name.value", "ladder.aut")
    assert page.ask("len(checker.editor.annotations)") == before
    page.type("ok-file-name", "one/checked.aut")


def choose(page, rows):
    """Chooses positions as clicks would, one after the other."""
    page.ask(f"[checker.edit.choose_only({rows}), checker.edit.show()] and None")


def test_links_and_divisions(page):
    page.ask("globals().update(mother=int(checker.editor.annotations.divisions()[0]))")
    page.ask("globals().update(links=checker.editor.annotations.links)")
    page.ask("globals().update(family=[mother, *links[links[:, 0] == mother, 1].tolist()])")
    daughters = "int(checker.editor.annotations.links_forward()[mother])"
    choose(page, "family")
    page.click("ok-not-dividing")  # she becomes the first of the daughters
    page.wait_for(daughters, 1)
    page.click("ok-divide")
    page.wait_for(daughters, 2)
    choose(page, "family[:2]")
    page.click("ok-unlink")
    page.wait_for(daughters, 1)
    page.click("ok-link")
    page.wait_for(daughters, 2)
    page.wait_for("checker.edit.list_chosen() == [family[1]]", True)
    page.click("ok-forget")
    page.wait_for_text("ok-choice", "Chosen: none")


def test_what_one_presses_stays_where_it_is(page):
    """A click is lost where its button moves between the mouse's down and up."""
    always = ("ok-add", "ok-undo", "ok-redo", "ok-save", CANVAS, "ok-time-point")
    seen = {}

    def look(after, *also):
        page.page.wait_for_timeout(300)
        for name in (*always, *also):
            seen.setdefault(name, {})[after] = tuple(page.find(name).bounding_box().values())

    page.toggle("ok-list-shown", "Candidates")
    page.click("ok-find")
    page.wait_for_text("ok-candidate", "Is this a nucleus?")
    look("finding blobs", "ok-accept", "ok-skip")
    page.ask("setattr(checker.messages, 'value', '')")
    look("no message", "ok-accept", "ok-skip")
    choose(page, "[0, 1, 2]")
    page.wait_for_text("ok-choice", "the last one last")
    look("three chosen", "ok-accept", "ok-skip")
    page.click("ok-accept")
    page.wait_for_text("ok-messages", "Accepted")
    look("accepting", "ok-accept", "ok-skip")
    page.click("ok-undo")
    page.wait_for_text("ok-messages", "Undone")
    look("undoing", "ok-accept", "ok-skip")
    page.click("ok-link")
    page.wait_for_text("ok-messages", "Error")
    look("an error", "ok-accept", "ok-skip")
    page.toggle("ok-list-shown", "Problems")
    look("going to problems", "ok-check", "ok-chosen")
    page.find("ok-chosen").locator("select").select_option(index=0)
    page.wait_for("checker.problems.chosen.index", 0)
    look("a problem chosen", "ok-check", "ok-chosen")
    for name, places in seen.items():
        assert len(places) > 1 and len(set(places.values())) == 1, (name, places)


def test_candidates(page):
    page.toggle("ok-list-shown", "Candidates")
    page.click("ok-find")
    page.wait_for_text("ok-candidate-summary", "Most doubtful first")
    page.wait_for_text("ok-candidate", "Is this a nucleus? time point 5")
    page.screenshot("annotation_checker_candidates", "ok-annotation-checker")
    waiting = page.ask("len(checker.candidates.still_open)")
    before = page.ask("len(checker.editor.annotations)")
    page.click("ok-skip")
    page.wait_for_text("ok-messages", "Put off")
    page.click("ok-refuse")
    page.wait_for("len(checker.candidates.still_open)", waiting - 1)
    page.click("ok-accept")
    page.wait_for("len(checker.candidates.still_open)", waiting - 2)
    page.wait_for("len(checker.editor.annotations)", before + 1)
    page.find(CANVAS).focus()
    page.page.keyboard.press("y")
    page.wait_for("len(checker.editor.annotations)", before + 2)
    page.page.keyboard.press("r")
    page.wait_for("len(checker.editor.refused)", 2)


def test_unsaved_work_survives_the_kernel_and_is_saved(front_end):
    cells = (MOVIE, CHECKER.format(start="truth", name="two"))
    with front_end.open(*cells, name="before_the_end") as page:
        page.find("ok-add")
        page.click("ok-add")
        page.wait_for_text("ok-saved", "1 change, not saved")
        before = page.ask("len(truth)")
    with front_end.open(*cells, name="after_the_end") as page:
        page.wait_for_text("ok-messages", "1 change of an earlier session came back")
        assert page.ask("len(checker.editor.annotations)") == before + 1
        page.click("ok-save")
        page.wait_for_text("ok-messages", "Saved as")
        page.wait_for_text("ok-saved", "All is saved")
        page.click("ok-save")
        page.wait_for_text("ok-messages", "was there already and stays as it is")
    saved = json.loads((front_end.root / "two" / "checked.aut").read_text())
    assert saved["version"] == "v2" and (front_end.root / "two" / "checked-2.aut").exists()
