"""The fixtures themselves: plain widgets in both front ends, and errors are noticed."""

import pytest

WIDGETS = """
import ipywidgets

slider = ipywidgets.IntSlider(description="z", max=10)
limits = ipywidgets.FloatRangeSlider(description="contrast", min=0, max=1, step=0.1, value=(0, 1))
name = ipywidgets.Text(description="name")
colour = ipywidgets.Dropdown(description="colour", options=["blue", "green"])
loud = ipywidgets.Checkbox(description="loud")
view = ipywidgets.ToggleButtons(description="view", options=["slice", "maximum"])
go = ipywidgets.Button(description="Go")
said = ipywidgets.HTML("nothing yet")
for widget in (slider, limits, name, colour, loud, view, go, said):
    widget.add_class("ok-" + next(key for key, value in list(globals().items()) if value is widget))

def press(_):
    said.value = f"pressed at {slider.value}"

go.on_click(press)
ipywidgets.VBox([slider, limits, name, colour, loud, view, go, said])
"""


@pytest.fixture(scope="module")
def page(front_end):
    with front_end.open(WIDGETS, name="widgets") as page:
        page.find("ok-said")
        yield page


def test_slider_and_button(page):
    page.press("ok-slider", "ArrowRight", times=2)
    page.wait_for("slider.value", 2)
    page.click("ok-go")
    page.wait_for_text("ok-said", "pressed at 2")
    page.type("ok-slider", "7")
    page.press("ok-go", "Enter")
    page.wait_for_text("ok-said", "pressed at 7")


def test_every_kind_of_control(page):
    page.press("ok-limits", "ArrowLeft", times=3, thumb=1)
    page.type("ok-name", "Ada")
    page.choose("ok-colour", "green")
    page.tick("ok-loud")
    page.toggle("ok-view", "maximum")
    page.wait_for("[round(limits.upper, 1), name.value, colour.value, loud.value, view.value]", SET)
    assert page.screenshot("widgets", "ok-said").stat().st_size


SET = [0.7, "Ada", "green", True, "maximum"]


def test_what_is_not_so_is_noticed(page):
    with pytest.raises(AssertionError, match="not 'nobody'"):
        page.wait_for("name.value", "nobody", seconds=0.2)
    with pytest.raises(AssertionError, match="NameError"):
        page.ask("no_such_name")
    with pytest.raises(Exception, match="Timeout"):
        page.wait_for_text("ok-said", "never said", seconds=0.2)


def test_page_comes_back(page):
    page.ask("setattr(said, 'value', 'still here')")
    page.reload()
    page.wait_for_text("ok-said", "still here")
    page.click("ok-go")
    page.wait_for_text("ok-said", "pressed at")


def test_errors_are_noticed(front_end):
    with front_end.open("1 / 0", name="wrong") as wrong:
        wrong.wait_until_run()
        wrong.page.evaluate("() => { setTimeout(() => { throw new Error('of JavaScript'); }); }")
        wrong.page.evaluate("() => { console.error('of the console'); }")
        wrong.page.wait_for_timeout(100)
        errors = " ".join(wrong.errors())
        assert (
            "ZeroDivisionError" in errors
            and "of JavaScript" in errors
            and "of the console" in errors
        )
