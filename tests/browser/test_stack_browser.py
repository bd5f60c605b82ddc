"""The stack browser in a real page: drawn there, or by the kernel where the page cannot; every
control is used.
"""

import pytest

from browser.front_end import LAB

MOVIE = """
import numpy as np
from organoid_kit.evaluation.checks import Problem
from organoid_kit.dashboards import StackBrowser
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples

(sample,) = read_dataset(find_samples() / "test.autlist")
truth = sample.annotations
predictions = truth.select(np.arange(len(truth)) % 4 > 0)
predictions.properties["probability"] = np.linspace(0, 1, len(predictions))
place = tuple(truth.positions_at(5)[3])
problems = [Problem("close", "Two <b>nuclei</b> at one place.", "error", 5, (1,), place)]
picks = []

def lose_one(canvas):
    send = canvas.send
    canvas.send = lambda *answer: setattr(canvas, "send", send)
"""
BROWSER = """
layers = {"annotations": truth, "<img src=x onerror=alert(1)>": predictions}
browser = StackBrowser(sample.movie, layers, channels=(2, 3))
browser.set_problems(problems)
browser.on_pick(lambda pick: picks.append([pick.time_point, pick.layer, pick.row, pick.position.round(2).tolist()]))
browser
"""
CANVAS = ".ok-stack-canvas canvas"
WORDS = ".ok-stack-words"


@pytest.fixture(scope="module")
def page(front_end):
    with front_end.open(MOVIE, BROWSER, name="stack_browser") as page:
        page.dialogs = []
        page.page.on("dialog", lambda dialog: (page.dialogs.append(dialog.type), dialog.accept()))
        page.find(f"{CANVAS}[data-drawn]")
        yield page


@pytest.fixture(autouse=True)
def start(request):
    """Every test begins at the same place."""
    if "page" in request.fixturenames:
        page = request.getfixturevalue("page")
        page.ask(
            "[browser.restore(start) if 'start' in globals() else globals().update(start=browser.state())]"
        )
        page.ask("[browser.go_to(5, place), picks.clear()]")
        wait_until_drawn(page, "t5 z8 slice")


def wait_until_drawn(page, start):
    page.find(f'{CANVAS}[data-drawn^="{start} "][data-marks="new"]')


def pixels(page):
    """How bright the canvas is where."""
    page.page.wait_for_timeout(300)
    return page.page.evaluate(
        "css => { const each = document.querySelector(css);"
        " return [...each.getContext('2d').getImageData(0, 0, each.width, each.height).data]"
        "  .filter((_, index) => index % 148 === 0); }",
        CANVAS,
    )


def place_of(page, expression):
    """Where a position, zyx, in the maximum view, is on the screen."""
    _, y, x = page.ask(expression)
    box = page.find(CANVAS).bounding_box()
    scale = box["width"] / 112
    return box["x"] + (x + 0.5) * scale, box["y"] + (y + 0.5) * scale


def test_the_page_draws(page):
    assert page.ask("browser.drawn_by") == "browser"
    assert len(set(pixels(page))) > 50
    assert "plane z 8" in page.find(CANVAS).get_attribute("aria-label")
    page.screenshot("stack_browser", "ok-stack-browser")


def test_keys_on_the_picture(page):
    canvas = page.find(CANVAS)
    canvas.focus()
    for key, value in (
        ("ArrowRight", "t6 z8 slice"),
        ("ArrowUp", "t6 z9 slice"),
        ("PageDown", "t6 z4 slice"),
        ("Home", "t0 z4 slice"),
        ("End", "t11 z4 slice"),
        ("ArrowLeft", "t10 z4 slice"),
        ("v", "t10 z4 maximum"),
    ):
        page.page.keyboard.press(key)
        wait_until_drawn(page, value)
    page.page.keyboard.press("Shift+ArrowDown")
    page.page.keyboard.press("Shift+ArrowLeft")
    page.wait_for(
        "[browser.time_point.value, browser.z.value, browser.view.value]", [10, 4, "maximum"]
    )
    page.wait_for(
        "[browser.y.value, browser.x.value]", page.ask("[round(place[1]) + 1, round(place[2]) - 1]")
    )
    assert page.page.evaluate(
        "css => document.activeElement === document.querySelector(css)", CANVAS
    )


def test_next_and_pick_by_keys(page):
    page.find(CANVAS).focus()
    page.page.keyboard.press("n")
    page.wait_for_text("ok-messages", "annotations, position")
    page.page.keyboard.press("Enter")
    page.wait_for("len(picks)", 1)
    assert page.ask("picks[0][1:3]") == ["annotations", page.ask("truth.rows_at(5)[0].item()")]


def test_wheel_goes_through_planes_once_the_picture_has_the_focus(page):
    page.find(CANVAS).hover()
    page.find(CANVAS).focus()
    page.page.mouse.wheel(0, -100)
    wait_until_drawn(page, "t5 z9")


def test_pointing_tells_and_clicking_picks(page):
    page.toggle("ok-view", "maximum")
    wait_until_drawn(page, "t5 z8 maximum")
    row = page.ask("predictions.rows_at(5)[0].item()")
    at = place_of(page, f"predictions.positions[{row}].tolist()")
    page.ask(
        "[browser.layers_shown.set_options(browser.layers_shown.options, browser.layers_shown.options[1])]"
    )
    page.wait_for("list(browser.layers_shown.value)", ["<img src=x onerror=alert(1)>"])
    page.page.wait_for_timeout(500)
    page.page.mouse.move(*at)
    page.wait_for_text(WORDS, f"position {row}")
    assert "probability" in page.text(WORDS) and "µm" in page.text(WORDS)
    page.page.mouse.click(*at)
    page.wait_for("[each[2] for each in picks]", [row])


def test_clicking_between_marks_picks_a_voxel(page):
    box = page.find(CANVAS).bounding_box()
    page.page.mouse.click(box["x"] + 0.05 * box["width"], box["y"] + 0.9 * box["height"])
    page.wait_for("[each[1] for each in picks]", [None])
    z, y, x = page.ask("picks[0][3]")
    assert z == 8 and abs(y - 0.9 * 112) < 1.5 and abs(x - 0.05 * 112) < 1.5


@pytest.mark.parametrize(
    "act",
    [
        lambda page: page.press("ok-z", "ArrowRight", 2),
        lambda page: page.press("ok-time-point", "ArrowLeft", 2),
        lambda page: page.press("ok-contrast", "ArrowRight", 40),
        lambda page: page.press("ok-contrast", "ArrowLeft", 40, thumb=1),
        lambda page: page.press("ok-gamma", "ArrowLeft", 8),
        lambda page: page.press("ok-tail", "ArrowLeft", 3),
        lambda page: page.press("ok-zoom", "ArrowRight", 4),
        lambda page: page.tick("ok-composite"),
        lambda page: page.toggle("ok-view", "orthogonal"),
        lambda page: page.find("ok-channels").locator("input").nth(1).uncheck(),
        lambda page: page.find("ok-layers-shown").locator("input").nth(0).uncheck(),
        lambda page: page.click("ok-next-position"),
        lambda page: page.click("ok-previous-position"),
    ],
    ids="z time_point black white gamma tail zoom colours view channels layers next previous".split(),
)
def test_every_control_changes_the_picture(page, act):
    before, state = pixels(page), page.ask("browser.state()")
    assert pixels(page) == before
    act(page)
    # Each waits for 0.3 seconds: a busy machine draws later.
    assert any(pixels(page) != before and page.ask("browser.state()") != state for _ in range(200))


def at(page, x, y):
    """Where a part of the picture is on the screen."""
    box = page.find(CANVAS).bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page, start, end):
    page.page.mouse.move(*start)
    page.page.mouse.down()
    page.page.mouse.move(*end, steps=5)
    page.page.mouse.up()


def test_what_is_under_the_pointer_stays_there_as_one_zooms(page):
    page.page.mouse.click(*at(page, 0.7, 0.3))
    page.wait_for("len(picks)", 1)
    page.page.keyboard.down("Control")
    for _ in range(5):
        page.page.mouse.wheel(0, -100)
    page.page.keyboard.up("Control")
    page.wait_for("round(browser.zoom.value, 2)", 2.38)  # 2 ** (5 / 4)
    page.page.wait_for_timeout(600)  # no double click
    page.page.mouse.click(*at(page, 0.7, 0.3))
    page.wait_for("len(picks)", 2)
    (_, *before), (_, *after) = page.ask("[each[3] for each in picks]")
    assert max(abs(a - b) for a, b in zip(before, after)) < 0.2


def test_a_picture_that_is_dragged_goes_along_and_is_not_picked(page):
    page.find(CANVAS).focus()
    for _ in range(4):
        page.page.keyboard.press("+")
    page.wait_for("round(browser.zoom.value, 2)", 2)
    before = page.ask("browser._display._canvas.centre")
    drag(page, at(page, 0.5, 0.5), at(page, 0.4, 0.6))
    # The picture is as large as 112 voxels, at twice the size; a busy kernel hears of the last step later.
    wanted = [before[1] - 0.1 * 112 / 2, before[2] + 0.1 * 112 / 2]
    page.wait_for(
        f"[abs(a - b) < 0.5 for a, b in zip(browser._display._canvas.centre[1:], {wanted})]",
        [True, True],
    )
    assert page.ask("len(picks)") == 0
    page.page.keyboard.press("Control+ArrowRight")
    page.wait_for(f"browser._display._canvas.centre[2] > {wanted[1] + 0.5}", True)
    page.page.mouse.dblclick(*at(page, 0.5, 0.5))
    page.wait_for("round(browser.zoom.value, 2)", 4)
    page.page.keyboard.press("0")
    page.wait_for("browser.zoom.value", 1)


def test_a_crosshair_that_leaves_what_is_seen_is_followed(page):
    page.ask("[setattr(browser.zoom, 'value', 8), browser.go_to(5, (8, 5, 5))]")
    page.page.wait_for_timeout(500)
    page.ask("browser.go_to(5, (8, 100, 100))")
    page.wait_for("browser._display._canvas.centre[1:]", [100, 100])


def test_a_distance_is_measured(page):
    page.page.keyboard.down("Shift")
    drag(page, at(page, 0.2, 0.2), at(page, 0.5, 0.6))
    page.page.keyboard.up("Shift")
    length = 0.5 * 112 * page.ask("sample.movie.spacing_um[1]")
    page.wait_for_text(WORDS, "Measured:")
    said = float(page.text(WORDS).partition("Measured: ")[2].split()[0])
    assert abs(said - length) < 0.2 and page.ask("len(picks)") == 0


def test_time_points_are_played(page):
    page.press("ok-speed", "ArrowRight", 15)
    page.wait_for("browser.play.interval", 50)
    page.find("ok-play").locator("button").last.click()  # again and again
    page.find("ok-play").locator("button").first.click()
    page.page.wait_for_function(
        "css => !document.querySelector(css).dataset.drawn?.startsWith('t5 ')", arg=CANVAS
    )
    page.find(CANVAS).focus()
    page.page.keyboard.press(" ")
    page.page.wait_for_timeout(500)
    before = page.text(WORDS)
    page.page.wait_for_timeout(500)
    assert page.text(WORDS) == before
    page.page.keyboard.press("Home")
    page.wait_for_text(WORDS, "Time point 0,")
    page.page.keyboard.press(" ")
    page.page.wait_for_function(
        "css => !document.querySelector(css).innerText.startsWith('Time point 0,')", arg=WORDS
    )
    page.page.keyboard.press(" ")


def test_what_is_seen_is_saved_as_picture_and_as_film(page):
    page.ask("[setattr(browser.zoom, 'value', 2), setattr(browser.composite, 'value', True)]")
    page.page.wait_for_timeout(800)
    page.page.get_by_role("button", name="Save picture").click()
    page.wait_for_text("ok-messages", ".png")
    page.page.get_by_role("button", name="Save film").click()
    page.wait_for_text("ok-messages", ".gif")
    read = (
        "__import__('imageio.v3').v3.imread(max(__import__('pathlib').Path().glob('*.{}'))).shape"
    )
    height, width, *_ = page.ask(read.format("png"))
    assert page.ask(read.format("gif"))[:3] == [len(range(12)), height, width]
    assert page.ask("browser.time_point.value") == 5


def test_the_picture_uses_the_room_and_the_screen(page):
    if page.kind is not LAB:
        pytest.skip("The classic Notebook's column of cells grows by less.")
    small = page.find(CANVAS).bounding_box()["width"]
    page.page.set_viewport_size({"width": 1600, "height": 1400})
    page.page.wait_for_function(
        "([css, small]) => document.querySelector(css).clientWidth > small + 100",
        arg=[CANVAS, small],
    )
    page.page.get_by_role("button", name="Full screen").click()
    page.page.wait_for_function(
        "css => document.fullscreenElement?.contains(document.querySelector(css))", arg=CANVAS
    )
    page.find(CANVAS).focus()
    page.page.keyboard.press("f")
    page.page.wait_for_function("() => !document.fullscreenElement")
    page.page.set_viewport_size({"width": 1280, "height": 1400})


def test_crosshair_sliders_in_three_views(page):
    page.toggle("ok-view", "orthogonal")
    wait_until_drawn(page, "t5 z8 orthogonal")
    before = pixels(page)
    page.press("ok-y", "ArrowRight", 9)
    moved = pixels(page)
    assert moved != before
    page.press("ok-x", "ArrowLeft", 9)
    assert pixels(page) != moved
    page.screenshot("stack_browser_orthogonal", "ok-stack-browser")


def test_pick_at_crosshair(page):
    page.click("ok-pick-here")
    page.wait_for("len(picks)", 1)


def test_texts_of_files_are_never_html(page):
    assert "<img src=x" in page.text("ok-stack-browser")
    assert "alert" not in page.dialogs
    assert page.page.evaluate("document.querySelectorAll('img[src=x]').length") == 0


def test_a_lost_answer_is_asked_for_again(page):
    page.ask("lose_one(browser._display._canvas)")
    page.find("ok-channels").locator("input").nth(1).uncheck()
    page.wait_for("browser._display._canvas.source", "3")
    wait_until_drawn(page, "t5 z8 slice")


def test_old_marks_stay_until_the_new_ones_come(page):
    before = pixels(page)
    page.ask("lose_one(browser._display._canvas)")
    page.ask("browser.set_layer('annotations', truth)")
    page.find(f'{CANVAS}[data-marks="old"]')
    assert pixels(page) == before
    wait_until_drawn(page, "t5 z8 slice")


def test_a_reader_who_comes_back_sees_the_same(page):
    page.press("ok-z", "ArrowRight", 3)
    wait_until_drawn(page, "t5 z11 slice")
    page.reload()
    if page.front_end.name == "lab":  # the classic Notebook forgets widgets when a page is closed
        wait_until_drawn(page, "t5 z11 slice")
    else:
        page.page.wait_for_timeout(
            3000
        )  # ipywidgets 7 complains where a dashboard leaves that it is still building
        page.run()
        page.find(f"{CANVAS}[data-drawn]")


def test_the_kernel_draws_where_the_page_cannot(front_end):
    with front_end.open(MOVIE, BROWSER, name="fallback", run=False) as page:
        page.page.route("**/*anywidget*/**", lambda route: route.abort())
        page.page.route("**/anywidget.js*", lambda route: route.abort())
        page.reload()
        page.run()
        page.find("ok-picture")
        page.wait_for("browser.drawn_by", "kernel")
        words = page.text("ok-stack-browser")
        assert "The white bar is 10 µm long." in words
        page.press("ok-time-point", "ArrowRight", 2)
        page.wait_for_text("ok-stack-browser", "time point 2,")
        page.find("ok-next-position").hover()  # a page scrolls there, if it must
        before = page.find("ok-next-position").bounding_box()
        page.click("ok-next-position")
        page.wait_for_text("ok-stack-browser", "At the crosshair: annotations, position")
        assert (
            page.find("ok-next-position").bounding_box() == before
        )  # the words below it are longer now
        page.screenshot("stack_browser_by_the_kernel", "ok-stack-browser")
        page.said.clear()  # the page says that it lacks the script
