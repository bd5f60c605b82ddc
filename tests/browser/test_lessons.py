"""A question and the verdicts of an exercise, as a learner meets them."""

import pytest

QUESTION = """
from organoid_kit.course.lessons.exercise import Question

Question(
    text="A network has a training loss of 0.01 and a validation loss of 0.40. What is the matter?",
    choices={
        "a": "It underfits, it needs more neurons.",
        "b": "It overfits. " + "This choice is longer than a line is wide, so that it goes on in the next. " * 3,
        "c": "Nothing & <b>all</b> is well.",
    },
    right="b",
    because={"a": "Such a network is bad on both.", "b": "It knows its `examples` by heart.", "c": "Look at 0.40."},
)
"""
VERDICTS = """
from IPython.display import display
from organoid_kit.course.lessons import notebook_00 as lesson

shown = [lesson.recall.check(answer) for answer in (..., 9 / 12, 0.6)]
display(*shown, lesson.recall.hint(), lesson.recall.solution())
"""


@pytest.fixture(scope="module")
def page(front_end):
    with front_end.open(QUESTION, VERDICTS, name="lessons") as page:
        page.find("ok-choices")
        yield page


def chosen(page):
    """How many buttons are chosen."""
    return page.find("ok-choices").locator("input:checked").count()


def go_on_with_tab(page, button):
    """Presses Tab until a button has the focus: once, or twice in the classic Notebook, which gives
    the first back.
    """
    for _ in range(2):
        page.page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            return


def test_nothing_is_chosen_at_first(page):
    feedback = page.find("ok-question").locator(".ok-feedback [role=status]")
    assert chosen(page) == 0 and feedback.count() == 1 and feedback.inner_text().strip() == ""


def test_a_question_by_keyboard(page):
    page.find("ok-choices").locator("input").first.focus()
    page.page.keyboard.press("Space")
    page.wait_for_text("ok-feedback", "Not yet. Such a network is bad on both.")
    go_on_with_tab(page, page.find("ok-choices").locator("input").nth(1))
    page.page.keyboard.press("Space")
    page.wait_for_text("ok-feedback", "Right. It knows its examples by heart.")
    assert chosen(page) == 1
    page.screenshot("question", "ok-question")


def test_choices_are_shown_as_they_are_written(page):
    assert "Nothing & <b>all</b> is well." in page.text("ok-choices")


def test_a_long_choice_is_not_cut_off(page):
    labels = page.find("ok-choices").locator(".widget-radio-box label").all()
    boxes = [label.bounding_box() for label in labels]
    tops = [box["y"] for box in boxes]
    assert tops == sorted(tops) and max(box["height"] for box in boxes) > 1.5 * min(
        box["height"] for box in boxes
    )
    assert all(one["y"] + one["height"] <= other["y"] + 1 for one, other in zip(boxes, boxes[1:]))
    width = page.find("ok-question").bounding_box()["width"]
    assert all(box["width"] <= width for box in boxes)


def test_verdicts_say_mark_and_word(page):
    last = page.page.get_by_text("One way to do it").first  # outputs arrive one by one
    last.wait_for()
    shown = page.page.locator("body").inner_text()
    for words in (
        "○ Not tried yet.",
        "✗ Not yet. This is precision",
        "✓ Right. Out of 15",
        "Hint 1 of 2.",
        "recall = 9 / 15",
    ):
        assert words in shown
    last.scroll_into_view_if_needed()
    page.screenshot("verdicts")
