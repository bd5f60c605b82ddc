"""States travel as strings, guesses are final, junk in what a class pastes is named and does no
harm.
"""

import base64
import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from ipywidgets import FloatSlider

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import ClassBoard, StackBrowser
from organoid_kit.dashboards.class_board import Guess, format_guess, parse_guesses, plot_guesses
from organoid_kit.dashboards.parts.dashboard import decode_state, encode_state
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.plots.drawing import draw_panels, write_png

QUESTION = "Which threshold is best?"
STATE = {
    "seed": 7,
    "time_point": 3,
    "channels": [1, 2],
    "gamma": 1.5,
    "view": "slice",
    "mother": None,
    "on": True,
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=8,
)


class Explorer:
    """As much of a dashboard as the class board asks for."""

    def __init__(self):
        self.threshold = FloatSlider(min=0, max=1, value=0.5)

    def state(self):
        return {"threshold": self.threshold.value, "seed": 3}

    def restore(self, state):
        self.threshold.value = state["threshold"]


def make_board(**options) -> ClassBoard:
    return ClassBoard(QUESTION, lambda guess: 1 - (guess - 0.4) ** 2, **options)


def write_strings(**scores: float) -> list[str]:
    return [
        format_guess(QUESTION, Guess(name, number, 1 - number)) for name, number in scores.items()
    ]


# ---- strings --------------------------------------------------------------------------------------------------------
@settings(max_examples=50, deadline=None)
@given(st.text(), st.dictionaries(st.text(), VALUES, max_size=4))
def test_states_come_back(name, state):
    assert decode_state(f"10:31 Ada: {encode_state(name, state)} .") == (name, state)


def test_strings_are_short():
    text = encode_state("StackBrowser", STATE)
    assert len(text) < 160 and text.isascii() and not set(text) & set(" +/=\n")


def test_mistyped_strings_are_refused():
    text = encode_state("StackBrowser", STATE)
    start = text.index(".") + 1
    for place in range(start, len(text) - 1):  # the last letter holds some bits that say nothing
        mistyped = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(UserError, match="mistyped or cut off"):
            decode_state(mistyped)
    for cut in range(start + 1, len(text) - 1):
        with pytest.raises(UserError, match="mistyped or cut off"):
            decode_state(text[:cut])


@pytest.mark.parametrize("text", ["", "hello", "okit", "okit1.", "okit1. abc"])
def test_other_texts_are_refused(text):
    with pytest.raises(UserError, match="begins with okit1"):
        decode_state(text)


def test_strings_of_a_newer_kit_are_refused():
    with pytest.raises(UserError, match="version 2"):
        decode_state(encode_state("x", {}).replace("okit1", "okit2"))


@pytest.mark.parametrize(
    "content", [b"[]", b"3", b'["x"]', b'["x", 3]', b"\xff", b" " * 2_000_000 + b'["x", {}]']
)
def test_well_made_strings_of_something_else_are_refused(content):
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(content) + packer.flush()
    body = (
        base64.urlsafe_b64encode(zlib.crc32(packed).to_bytes(4, "big") + packed)
        .decode()
        .rstrip("=")
    )
    with pytest.raises(UserError, match="mistyped or cut off"):
        decode_state(f"okit1.{body}")


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_only_plain_values_travel(value):
    with pytest.raises(UserError, match="plain numbers"):
        encode_state("x", {"value": value})


# ---- guesses --------------------------------------------------------------------------------------------------------
def test_a_class_is_read():
    guesses, complaints = parse_guesses("\n\n".join(write_strings(Ada=0.25, Ben=0.5)), QUESTION)
    assert guesses == [Guess("Ada", 0.25, 0.75), Guess("Ben", 0.5, 0.5)] and not complaints


def test_junk_is_named_by_its_line():
    ada, ben = write_strings(Ada=0.25, Ben=0.5)
    other = format_guess("Which sigma?", Guess("Cy", 2.0))
    state = encode_state(QUESTION, {"threshold": 1})
    guesses, complaints = parse_guesses(
        "\n".join([ada, "good morning", ben[:-4], "", other, state, ben]), QUESTION
    )
    assert [each.name for each in guesses] == ["Ada", "Ben"]
    assert [each.split(":")[0] for each in complaints] == ["Line 2", "Line 3", "Line 5", "Line 6"]
    assert "Which sigma?" in complaints[2]


def test_who_sends_twice_counts_once():
    guesses, _ = parse_guesses(
        "\n".join(write_strings(Ada=0.25) + write_strings(Ada=0.75)), QUESTION
    )
    assert [each.guess for each in guesses] == [0.75]


def test_a_guess_needs_a_name():
    with pytest.raises(UserError, match="must have a name"):
        format_guess(QUESTION, Guess(" ", 0.5))


def test_curve_says_itself_in_words():
    drawn = plot_guesses(
        [Guess("Ada", 0.5, 0.5), Guess("Ben", 0.25, 0.75)], QUESTION, ("threshold", "F1")
    )
    assert drawn.description == (
        f"{QUESTION} 2 guesses, from 0.25 to 0.5, the middle one 0.375. The best F1, 0.75, has Ben with threshold 0.25."
    )
    assert drawn.axes[0].lines[0].get_xdata() == pytest.approx([0.25, 0.5])


def test_without_scores_guesses_are_counted():
    drawn = plot_guesses([Guess("a", 2.0), Guess("b", 2.0), Guess("c", 3.0)], QUESTION)
    assert sorted(y for line in drawn.axes[0].lines for y in line.get_ydata()) == [1, 1, 2]
    assert (
        "The best" not in drawn.description
        and "No guesses yet" in plot_guesses([], QUESTION).description
    )


# ---- the dashboard --------------------------------------------------------------------------------------------------
def test_registering_is_final():
    board = make_board()
    board.name.value, board.guess.value = "Ada", 0.25
    board.register.click()
    assert board.name.disabled and board.guess.disabled and board.register.disabled
    guesses, _ = parse_guesses(board.string.value, QUESTION)
    assert guesses == [Guess("Ada", 0.25, pytest.approx(0.9775))]
    assert "0.98" in board.messages.value


def test_without_a_name_nothing_is_registered():
    board = make_board()
    board.register.click()
    assert (
        "must have a name" in board.messages.value
        and not board.register.disabled
        and not board.string.value
    )


def test_the_class_is_shown_and_junk_reported():
    board = make_board()
    board.strings.value = "\n".join([*write_strings(Ada=0.25), "good morning"])
    board.show.click()
    assert "Line 2" in board.messages.value and "1 guess, from 0.25" in board.picture.value
    assert board.plot().description in board.picture.value


def test_nothing_pasted_is_said():
    board = make_board()
    board.show.click()
    assert (
        board.messages.kind == "fail"
        and "Received: none" in board.messages.value
        and not board.picture.value
    )


def test_names_are_text_and_never_markup():
    name = "<script>x</script>$\\frac$"
    board = ClassBoard("<b>q</b>")
    board.strings.value = format_guess("<b>q</b>", Guess(name, 0.5, 0.5)) + "\n<img src=x>"
    board.show.click()
    shown = board.picture.value + board.messages.value + board.children[0].value
    assert "&lt;script&gt;" in shown and "&lt;b&gt;q" in shown
    assert not any(bad in shown for bad in ("<script>", "<b>q", "<img src=x"))


def test_a_dashboards_state_travels():
    explorer, other = Explorer(), Explorer()
    board = ClassBoard(QUESTION, dashboard=explorer, control="threshold")
    explorer.threshold.value = 0.75
    board.write.click()
    restored = ClassBoard(QUESTION, dashboard=other)
    restored.strings.value = board.string.value
    restored.go.click()
    assert other.threshold.value == 0.75 and decode_state(board.string.value)[1]["seed"] == 3


def test_the_guess_is_what_the_dashboard_shows_until_it_is_registered():
    explorer, other = Explorer(), Explorer()
    board = ClassBoard(QUESTION, dashboard=explorer, control="threshold")
    explorer.threshold.value, board.name.value = 0.75, "Ada"
    board.register.click()
    explorer.threshold.value = 0.1
    assert board.guess.value == 0.75
    teacher = ClassBoard(QUESTION, dashboard=other)
    teacher.strings.value = board.string.value
    teacher.go.click()
    assert other.threshold.value == 0.75 and "Ada" in teacher.messages.value


def test_a_state_of_something_else_is_shown_as_an_error():
    board = ClassBoard(QUESTION, dashboard=Explorer())
    board.strings.value = "good morning"
    board.go.click()
    assert board.messages.kind == "fail" and "begins with okit1" in board.messages.value


def test_a_state_of_another_dashboard_is_refused():
    board = ClassBoard(QUESTION, dashboard=Explorer())
    board.strings.value = encode_state("StackBrowser", STATE)
    board.go.click()
    assert board.messages.kind == "fail" and "StackBrowser" in board.messages.value


def test_the_board_itself_comes_back():
    board, other = make_board(), make_board()
    board.name.value, board.guess.value = "Ada", 0.25
    board.register.click()
    board.strings.value = board.string.value
    board.show.click()
    other.restore(decode_state(encode_state("ClassBoard", board.state()))[1])
    assert (
        other.state() == board.state()
        and other.guesses == board.guesses
        and other.register.disabled
    )


@pytest.mark.parametrize("guess", [-5, 1.5, float("nan")])
def test_a_guess_beyond_the_limits_is_told_not_corrected(guess):
    board = ClassBoard(QUESTION)
    board.name.value, board.guess.value = "Ada", guess
    board.register.click()
    assert "possible are 0 to 1" in board.messages.value and not board.string.value
    assert not board.register.disabled


def pack(text):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush()


@pytest.mark.parametrize(
    "state",
    [{"guess": float("1e300")}, {"guess": 0.5, "score": 10**400}, {"guess": [1]}, {"guess": True}]
    + [{"guess": 0.5, "state": [1]}, {"guess": 0.5, "name": "\ud800 $a$ $\\frac$"}],
)
def test_one_string_never_stops_the_curve_of_a_class(state):
    whole = {"name": "Eve", "score": 0.5, "state": {}} | state
    board = ClassBoard(QUESTION)
    packed = pack(json.dumps([QUESTION, whole]).encode())
    checked = zlib.crc32(packed).to_bytes(4, "big") + packed
    string = f"okit1.{base64.urlsafe_b64encode(checked).decode().rstrip('=')}"
    board.strings.value = "\n".join([*write_strings(Ada=0.2), string])
    board.show.click()
    assert "<img" in board.picture.value and "Ada" in [guess.name for guess in board.guesses]


def test_text_in_a_figure_is_no_formula():
    figure, axes = draw_panels()
    axes.plot([1, 2], label="cost $a$")
    axes.set_yticks([1, 2], ["$x$", "$\\wrong$"])
    axes.set_xlabel("$5 and $6")
    axes.legend()
    write_png(figure.caption("words", title="$\\unknown$"))
    axes.set_xscale("log")
    write_png(figure)
    assert axes.get_xlabel() == "$5 and $6"


def test_a_guess_that_its_control_cannot_have_is_refused(lineage):
    movie = make_timelapse(np.zeros((2, 1, 4, 8, 8), np.uint8), (2, 1, 1))
    browser = StackBrowser(movie, drawn_by="kernel")
    board = make_board(dashboard=browser, control="gamma", limits=(0, 9))
    board.name.value, board.guess.value = "Ada", 2.0
    assert browser.gamma.value == 2
    board.guess.value = 7.0
    assert board.messages.kind == "fail" and "within its ends" in board.messages.value
    board.register.click()
    assert "within its ends" in board.messages.value and not board.string.value
    browser.gamma.value = 1.5
    assert board.guess.value == 1.5
    board.register.click()
    assert board.string.value and browser.gamma.value == 1.5
