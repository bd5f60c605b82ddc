"""The class board as a class uses it: guess, register, copy, paste, see the curve, go to a state."""

import pytest

CELL = """
from ipywidgets import FloatSlider

from organoid_kit.dashboards.class_board import ClassBoard, Guess, format_guess

class Explorer:
    threshold = FloatSlider(min=0, max=1, value=0.5)

    def state(self):
        return {"threshold": self.threshold.value}

    def restore(self, state):
        self.threshold.value = state["threshold"]

QUESTION = "Which threshold gives the best F1?"
explorer = Explorer()
board = ClassBoard(
    QUESTION,
    lambda guess: 0.9 - (guess - 0.4) ** 2,
    labels=("threshold", "F1"),
    dashboard=explorer,
    control="threshold",
)
others = {"Ben": 0.1, "Chi": 0.62, "Dana": 0.45, "<b>Eve</b>": 0.9}
sent = [format_guess(QUESTION, Guess(name, guess, 0.9 - (guess - 0.4) ** 2)) for name, guess in others.items()]
board
"""


@pytest.fixture(scope="module")
def page(front_end):
    with front_end.open(CELL, name="class_board") as page:
        page.find("ok-register")
        yield page


def test_a_guess_needs_a_name(page):
    page.click("ok-register")
    page.wait_for_text("ok-messages", "must have a name")


def test_a_guess_is_registered_once(page):
    page.type("ok-name", "Ada")
    page.type("ok-guess", "0.3")
    page.wait_for("explorer.threshold.value", 0.3)
    page.click("ok-register")
    page.wait_for_text("ok-messages", "Registered: 0.3. Its F1: 0.89.")
    assert page.find("ok-register").is_disabled() and page.find("ok-guess input").is_disabled()
    assert page.find("ok-string textarea").input_value().startswith("okit1.")


def test_the_class_is_shown(page):
    strings = [page.find("ok-string textarea").input_value(), *page.ask("sent"), "good morning"]
    page.type("ok-strings", "\n".join(strings))
    page.click("ok-show")
    page.wait_for_text("ok-messages", "Line 6")
    page.wait_for_text("ok-class-curve", "5 guesses, from 0.1 to 0.9")
    assert "has Dana" in page.find("ok-class-curve img").get_attribute("alt")
    page.wait_for("explorer.threshold.value", 0.3)
    page.screenshot("class_board")


def test_states_travel(page):
    page.ask("explorer.restore({'threshold': 0.8})")
    page.click("ok-go")
    page.wait_for_text("ok-messages", "Ada's guess")
    page.wait_for("explorer.threshold.value", 0.3)
    page.click("ok-write")
    page.wait_for_text("ok-messages", "sees what you see")
