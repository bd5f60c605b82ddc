"""The stack browser and what it is made of, without a browser: controls are driven by their values."""

import asyncio
import html
import io
import json
import re

import imagecodecs
import imageio.v3 as iio
import ipywidgets
import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import StackBrowser
from organoid_kit.dashboards.parts import common
from organoid_kit.dashboards.parts.common import (
    CheckboxGroup,
    Messages,
    jpeg,
    make_legend,
    make_strokes,
)
from organoid_kit.dashboards.stack import display as stack_display
from organoid_kit.dashboards.stack.layers import (
    PROBLEM_MARKS,
    find_nearest,
    make_layer,
    place_problems,
)
from organoid_kit.dashboards.stack.pictures import (
    MOST_PIXELS,
    StackPictures,
    arrange_panels,
    compute_nearness,
    compute_reduction,
    find_limits,
    make_shown_stack,
    make_tones,
)
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.checks import Problem
from organoid_kit.plots.drawing import COLOURS, Mark

SPACING = (2.0, 0.5, 0.5)
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def movie():
    """Three time points from 1, two channels, 8 × 32 × 40 voxels, each voxel of its own brightness."""
    images = np.random.default_rng(0).integers(0, 1000, (3, 2, 8, 32, 40), dtype=np.uint16)
    return make_timelapse(
        images, SPACING, name="small", channel_names=("membranes", EVIL), first_time_point=1
    )


@pytest.fixture
def browser(movie, lineage):
    return StackBrowser(movie, {"annotations": lineage}, drawn_by="kernel")


def picture(browser):
    return imagecodecs.jpeg_decode(browser._display._image.value)


def caption(browser):
    return browser._display.caption.value


# ---- layers


def test_marks_of_a_time_point(lineage):
    marks = make_layer("truth", lineage, SPACING, 0, None).collect_marks(2)
    assert marks.rows.tolist() == [1, 5]
    np.testing.assert_allclose(marks.positions, lineage.positions[[1, 5]])
    assert marks.divides.tolist() == [True, False]
    assert len(marks.tails) == 0


def test_tails_go_back_along_the_links(lineage):
    marks = make_layer("truth", lineage, SPACING, 0, None).collect_marks(3, tail=2)
    pieces = {
        (tuple(each[:3]), tuple(each[3:6])): (each[6], marks.rows[int(each[7])])
        for each in marks.tails.tolist()
    }
    at = [tuple(position) for position in lineage.positions.tolist()]
    assert pieces.keys() == {
        (at[1], at[2]),
        (at[1], at[3]),
        (at[5], at[6]),
        (at[0], at[1]),
        (at[4], at[5]),
    }
    assert pieces[at[5], at[6]] == (0, 6) and pieces[at[4], at[5]] == (0.5, 6)
    assert len(make_layer("truth", lineage, SPACING, 0, None).collect_marks(3, tail=1).tails) == 3


def test_tails_cross_gaps():
    skipping = Annotations([[0, 0, 0], [0, 5, 5]], [1, 3], links=[[0, 1]])
    layer = make_layer("truth", skipping, SPACING, 0, None)
    assert layer.collect_marks(3, tail=1).tails[0, :6].tolist() == [0, 0, 0, 0, 5, 5]


def test_words_tell_id_place_and_probability(lineage):
    lineage.properties["probability"] = np.array([None, 0.87654, *[None] * 5], dtype=object)
    layer = make_layer("predictions", lineage, SPACING, 0, None)
    text = layer.describe(1)
    assert "position 1" in text and "z 4.0 y 4.5 x 4.2 µm" in text and "probability 0.877" in text
    assert "track 0" in text and "divides" in text
    assert "probability" not in layer.describe(0)


def test_problems_become_layers_that_know_their_number():
    problems = [
        Problem("a", "No place.", time_point=1),
        Problem("b", "Too close.", time_point=2, position=(1, 2, 3)),
        Problem("c", "Dark.", "warning", time_point=2, position=(4, 5, 6)),
    ]
    placed = place_problems(problems)
    assert list(placed) == ["error", "warning"]
    assert placed["error"].properties["number"].tolist() == [1]
    layer = make_layer("warning", placed["warning"], SPACING, 0, PROBLEM_MARKS["warning"])
    assert "warning: Dark." in layer.collect_marks(2).texts[0]
    assert PROBLEM_MARKS["error"].shape != PROBLEM_MARKS["warning"].shape


def test_nearest_counts_in_micrometres(lineage):
    layer = make_layer("truth", lineage, SPACING, 0, None)
    one_plane_off, ten_rows_off = (
        lineage.positions[5] + (1, 0, 0),
        lineage.positions[5] + (0, 10, 0),
    )
    assert find_nearest([layer], 2, one_plane_off, 2.5) == (layer, 5)
    assert find_nearest([layer], 2, ten_rows_off, 2.5) is None


def test_marks_of_layers_differ_in_shape(lineage):
    assert (
        len({make_layer("any", lineage, SPACING, number, None).mark.shape for number in range(6)})
        == 6
    )


# ---- pictures


def test_8_bit_between_the_quantiles():
    stack = np.linspace(-5, 5, 10 * 10 * 10).reshape(10, 10, 10)
    shown = make_shown_stack(stack)
    assert shown.values.dtype == np.uint8 and shown.values.min() == 0 and shown.values.max() == 255
    assert find_limits(stack) == pytest.approx((-4.9, 4.98), abs=0.02)
    assert (np.diff(shown.values.ravel().astype(int)) >= 0).all()


@pytest.mark.parametrize("value", [0, 7, np.nan, np.inf])
def test_stacks_without_contrast_are_shown_black(value):
    assert make_shown_stack(np.full((2, 4, 4), value)).values.max() in (0, 255)


def test_large_stacks_shrink_in_the_plane_alone():
    assert compute_reduction((10, 100, 100), 100_000) == 1
    assert compute_reduction((10, 100, 100), 99_999) == 2
    stack = np.zeros((2, 5, 6))
    stack[0, 2:4, 2:4] = 1
    shown = make_shown_stack(stack, 2)
    assert shown.values.shape == (2, 2, 3) and shown.values[0].tolist() == [[0, 0, 0], [0, 255, 0]]


def test_few_stacks_are_kept(movie):
    pictures = StackPictures(movie, kept=2)
    first = pictures.at(1, (1,))
    assert pictures.at(1, (1,)) is first
    for time_point in (2, 3):
        pictures.at(time_point, (1,))
    assert pictures.at(1, (1,)) is not first


def test_voxels_have_their_true_proportions():
    from_above, side, front = arrange_panels((10, 60, 30), (2.0, 0.5, 0.5), "orthogonal").panels
    assert from_above.height == pytest.approx(2 * from_above.width)
    assert side.width == front.height == pytest.approx(from_above.height * 20 / 30)
    assert max(side.left + side.width, front.top + front.height) == pytest.approx(MOST_PIXELS)


def test_contrast_and_gamma():
    assert make_tones((0, 1), 1).tolist() == list(range(256))
    tones = make_tones((0.25, 0.75), 1)
    assert tones[60] == 0 and tones[195] == 255 and tones[128] == pytest.approx(128, abs=2)
    assert make_tones((0, 1), 0.5)[64] > 64 > make_tones((0, 1), 2)[64]


def test_what_is_near_a_slice():
    positions = np.array([[3, 0, 0], [4, 0, 0], [6, 0, 0], [6.5, 0, 0]])
    assert compute_nearness(positions, np.array([3, 0, 0]), 0, SPACING).tolist() == [2, 2, 1, 0]
    positions = np.array(
        [[0, 4, 0], [0, 12, 0], [0, 13, 0]]
    )  # 2, 6 and 6.5 µm beside a slice, as thick as in z
    assert compute_nearness(positions, np.zeros(3), 1, SPACING).tolist() == [2, 1, 0]


# ---- the browser, drawn by the kernel


def test_every_control_changes_the_picture(browser):
    changes = [
        ("time_point", 2),
        ("z", 2),
        ("channels", (1, 2)),
        ("contrast", (0.2, 0.6)),
        ("gamma", 0.5),
    ]
    changes += [
        ("tail", 0),
        ("view", "maximum"),
        ("view", "orthogonal"),
        ("y", 3),
        ("x", 3),
        ("layers_shown", ()),
    ]
    browser.time_point.value = 3
    for name, value in changes:
        before = picture(browser)
        getattr(browser, name).value = value
        after = picture(browser)
        assert before.shape != after.shape or np.abs(before.astype(int) - after).max() > 60, (
            name,
            value,
        )
    assert browser.messages.value == ""


def test_the_slice_is_the_plane_of_the_movie(movie):
    browser = StackBrowser(movie, drawn_by="kernel")
    browser.z.value = 5
    plane = movie.stack(1, (1,))[5]
    rows, columns = (((np.arange(n) + 0.5) * 12.5).astype(int) for n in plane.shape)  # pixels
    drawn = picture(browser)[:, :, 0][rows][:, columns].astype(float)
    away = np.ones(drawn.shape, bool)
    away[9:, 11:] = False  # crosshair and scale bar
    assert np.corrcoef(drawn[away], plane[away])[0, 1] > 0.98


def test_starts_where_annotations_start(movie, lineage):
    assert StackBrowser(movie, {"late": lineage.select([2, 3, 6])}).time_point.value == 3
    assert StackBrowser(movie).time_point.value == 1


def test_words_follow_the_controls(browser):
    browser.go_to(3)
    assert "time point 3" in caption(browser) and "annotations 3" in caption(browser)
    browser.go_to(3, (5.5, 21, 23))
    assert "position 6" in caption(browser)


def test_go_to_refuses_what_is_not_there(browser):
    with pytest.raises(UserError, match="there are 1 to 3"):
        browser.go_to(4)


def test_buttons_step_through_positions_and_pick(browser):
    picks = []
    browser.on_pick(picks.append)
    browser.go_to(2)
    browser.next_position.click()
    browser.next_position.click()
    browser.pick_here.click()
    assert (picks[0].layer, picks[0].row, picks[0].time_point) == ("annotations", 5, 2)
    browser.next_position.click()
    browser.previous_position.click()
    browser.go_to(2, (7, 31, 1))
    browser.pick_here.click()
    assert picks[1].layer is None and picks[1].position.tolist() == [7, 31, 1]


def test_layers_come_change_and_go(browser, lineage):
    browser.set_layer("predictions", lineage, Mark("any", "v", "green"))
    browser.set_layer("predictions", lineage.select([0]))
    assert browser.layers_shown.value == ("annotations", "predictions")
    assert "predictions 1" in browser.describe() and COLOURS["green"] in browser._legend.value
    browser.remove_layer("annotations")
    assert (
        browser.layers_shown.value == ("predictions",)
        and "annotations" not in browser._legend.value
    )
    with pytest.raises(UserError, match="must be one of"):
        browser.remove_layer("annotations")


def test_problems_are_replaced(browser):
    browser.set_problems([Problem("b", "Too close.", time_point=1, position=(1, 2, 3))])
    assert browser.layers_shown.value == ("annotations", "error")
    browser.set_problems([])
    assert browser.layers_shown.value == ("annotations",)


def test_problems_that_are_switched_off_stay_so(browser):
    problem = Problem("b", "Too close.", time_point=1, position=(1, 2, 3))
    browser.set_problems([problem])
    browser.layers_shown.value = ("annotations",)
    browser.set_problems(
        [problem, Problem("c", "Dark.", "warning", time_point=1, position=(1, 2, 3))]
    )
    assert browser.layers_shown.value == ("annotations", "warning")


def test_what_changes_at_once_is_shown_once(browser, lineage, monkeypatch):
    shown = []
    monkeypatch.setattr(browser._display, "update_marks", lambda: shown.append("marks"))
    monkeypatch.setattr(browser._display, "redraw", lambda: shown.append("picture"))
    with browser.at_once():
        browser.set_layer("one", lineage)
        with browser.at_once():
            browser.set_layer("two", lineage)
            browser.go_to(3)
        assert shown == []
    assert shown == ["marks"] and "> two<" in browser._legend.value
    with browser.at_once():
        browser.go_to(2, (1, 1, 1))
    assert shown == ["marks", "picture"]
    with browser.at_once():
        pass
    assert shown == ["marks", "picture"]


def test_state_returns(browser, movie, lineage):
    for name, value in (
        ("time_point", 2),
        ("view", "orthogonal"),
        ("channels", (2,)),
        ("contrast", (0.1, 0.5)),
    ):
        getattr(browser, name).value = value
    browser.layers_shown.value = ()
    state = json.loads(json.dumps(browser.state()))
    other = StackBrowser(movie, {"annotations": lineage}, drawn_by="kernel")
    assert other.state() != state
    other.restore(state)
    assert other.state() == state


@pytest.mark.parametrize(
    "state", [{"volume": 1}, {"view": "sideways"}, {"channels": [9]}, {"z": "low"}]
)
def test_wrong_states_are_refused(browser, state):
    with pytest.raises(UserError, match="[Cc]opy the whole state again"):
        browser.restore(state)


def test_wrong_arguments_are_refused(movie):
    with pytest.raises(UserError, match="Choose among these"):
        StackBrowser(movie, channels=(3,))
    with pytest.raises(UserError, match="must be one of auto"):
        StackBrowser(movie, drawn_by="hand")


@pytest.mark.parametrize("view", ["slice", "maximum", "orthogonal"])
def test_static_twin(browser, view):
    browser.go_to(3)
    browser.view.value = view
    drawing = browser.plot()
    assert len(drawing.axes) == (3 if view == "orthogonal" else 1)
    assert (
        drawing.description == browser.describe() and "small, time point 3" in drawing.description
    )
    drawing.savefig(io.BytesIO())


def test_a_damaged_time_point_is_said_and_the_rest_works(movie):
    def read(time_point, channel):
        if time_point == 2:
            raise UserError(f"The file must be whole. Received: {EVIL}. Copy it again.")
        return np.ones(movie.shape_zyx, np.uint16)

    broken = make_timelapse(
        np.zeros((3, 1, *movie.shape_zyx), np.uint16), SPACING, first_time_point=1
    )
    object.__setattr__(broken, "read_stack", read)
    browser = StackBrowser(broken, drawn_by="kernel")
    browser.time_point.value = 2
    assert "must be whole" in browser.messages.value and 'role="alert"' in browser.messages.value
    assert "<img" not in browser.messages.value
    browser.time_point.value = 3
    assert browser.messages.value == ""


def test_texts_of_files_are_escaped(movie, lineage):
    lineage.properties["note"] = np.array([EVIL] * 7, dtype=object)
    browser = StackBrowser(movie, {EVIL: lineage}, channels=(2,), drawn_by="kernel")
    browser.go_to(1, lineage.positions[0])
    browser.pick_here.click()
    texts = [browser.messages.value, caption(browser), browser._legend.value]
    assert all("onerror" in text and "<img" not in text for text in texts)


def test_plain_movies(movie):
    for shape in ((1, 1, 1, 16, 16), (1, 3, 2, 1, 1)):
        browser = StackBrowser(make_timelapse(np.zeros(shape), SPACING), drawn_by="kernel")
        assert picture(browser).ndim == 3 and browser.messages.value == ""


# ---- the browser, drawn by the page


@pytest.fixture
def page_browser(movie, lineage):
    """A browser and what is sent to its page."""
    browser = StackBrowser(movie, {"annotations": lineage})
    browser.sent = []
    browser._display._canvas.send = lambda content, buffers=(): browser.sent.append(
        (content, buffers)
    )
    return browser


def ask(browser, **content):
    browser._display._answer(content)


def test_a_time_point_is_sent_when_asked_for(page_browser, movie):
    ask(page_browser, kind="want", time_point=3, stack=True, marks=True)
    ((content, (stack, positions, tails)),) = page_browser.sent
    assert content["shape"] == (8, 32, 40) and content["source"] == "1"
    assert bytes(stack) == make_shown_stack(movie.stack(3, (1,))).values.tobytes()
    assert np.frombuffer(positions, "<f4").reshape(-1, 3).tolist()[2] == [5.5, 21, 23]
    assert len(tails) == 5 * 8 * 4
    json.dumps(content)


def test_only_what_is_lacking_is_sent(page_browser):
    ask(page_browser, kind="want", time_point=3, stack=False, marks=True)
    ((content, buffers),) = page_browser.sent
    assert "source" not in content and len(buffers) == 2


def test_nothing_is_sent_that_nobody_asked_for(page_browser):
    for name, value in (
        ("time_point", 2),
        ("z", 1),
        ("view", "maximum"),
        ("gamma", 2.0),
        ("channels", (1, 2)),
    ):
        getattr(page_browser, name).value = value
    assert page_browser.sent == []
    assert page_browser._display._canvas.source == "1+2"


def test_channels_with_a_colour_each_travel_one_by_one(page_browser, movie):
    page_browser.channels.value = (1, 2)
    page_browser.composite.value = True
    ask(page_browser, kind="want", time_point=2, stack=True, marks=False)
    ((content, buffers),) = page_browser.sent
    assert content["source"] == "1,2" == page_browser._display._canvas.source
    assert content["parts"] == len(buffers) == 2
    for channel, stack in zip((1, 2), buffers):
        assert bytes(stack) == make_shown_stack(movie.stack(2, (channel,))).values.tobytes()
    assert "membranes" in page_browser._legend.value


def test_pictures_of_the_page_are_saved(page_browser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = [
        iio.imwrite("<bytes>", np.full((6, 8, 4), [n, n, n, 255], np.uint8), extension=".png")
        for n in (9, 99)
    ]
    page_browser._display._answer({"kind": "save", "last": True}, [memoryview(frames[0])])
    assert (tmp_path / "small.png").read_bytes() == frames[0]
    page_browser._display._answer({"kind": "save", "last": False}, frames[:1])
    page_browser._display._answer({"kind": "save", "last": True}, frames[1:])
    film = iio.imread(tmp_path / "small.gif")
    assert film.shape == (2, 6, 8, 3) and film[:, 0, 0, 0].tolist() == [9, 99]
    assert "small.gif" in page_browser.messages.value


def test_changed_layers_get_a_new_version(page_browser, lineage):
    canvas = page_browser._display._canvas
    versions = [canvas.version]
    for change in (
        lambda: page_browser.set_layer("annotations", lineage),
        lambda: setattr(page_browser.tail, "value", 1),
        lambda: setattr(page_browser.layers_shown, "value", ()),
    ):
        change()
        versions.append(canvas.version)
    assert versions == sorted(set(versions))
    page_browser.go_to(2)
    assert canvas.version == versions[-1]


def test_the_page_hears_of_failures(page_browser):
    def fail(time_point, channels):
        raise OSError("gone")

    page_browser.pictures.at = fail
    ask(page_browser, kind="want", time_point=2, stack=True, marks=True)
    assert [content["kind"] for content, _ in page_browser.sent] == ["failed", "time point"]
    assert "gone" in page_browser.messages.value


def test_picks_of_the_page(page_browser):
    picks = []
    page_browser.on_pick(picks.append)
    ask(page_browser, kind="pick", time_point=3, position=[5.4, 21, 23], layer="annotations", row=6)
    ask(page_browser, kind="pick", time_point=3, position=[1, 2, 3], layer=None, row=None)
    assert picks[0].position.tolist() == [5.5, 21, 23] and picks[0].row == 6
    assert picks[1].position.tolist() == [1, 2, 3] and picks[1].layer is None
    ask(page_browser, kind="next", step=1)
    ask(page_browser, kind="pick here")
    assert picks[2].row == 0


def test_errors_of_listeners_are_shown(page_browser):
    page_browser.on_pick(lambda pick: 1 / 0)
    ask(page_browser, kind="pick here")
    assert "ZeroDivisionError" in page_browser.messages.value


def test_setting_is_plain_json_and_bounded(page_browser):
    setting = page_browser._display._canvas.setting
    assert json.loads(json.dumps(setting))["views"][2]["panels"][1]["axes"] == [2, 1, 0]
    assert setting["first"] == 1 and setting["last"] == 3


def test_the_script_asks_no_network_and_writes_no_html(page_browser):
    script = str(page_browser._display._canvas._esm)
    assert "export default" in script
    assert not re.search(
        r"https?:|import\s*[({]|fetch\(|innerHTML|insertAdjacentHTML|eval\(", script
    )


def test_a_page_that_stays_silent_is_drawn_for(movie, monkeypatch):
    monkeypatch.setattr(stack_display, "PATIENCE_S", 0.01)

    async def wait(ready):
        browser = StackBrowser(movie)
        browser._display._canvas.ready = ready
        await asyncio.sleep(0.05)
        return browser

    assert asyncio.run(wait(True)).drawn_by == "browser"
    browser = asyncio.run(wait(False))
    assert browser.drawn_by == "kernel" and picture(browser).shape[2] == 3
    browser._display._canvas.ready = True
    assert browser.drawn_by == "browser"


# ---- what all dashboards share


def test_messages_have_roles_and_are_escaped():
    messages = Messages()
    messages.say(EVIL)
    assert 'role="status"' in messages.value and "&lt;img" in messages.value
    messages.say("Look here.", "warn")
    assert 'role="alert"' in messages.value


def test_messages_show_errors_until_the_next_act():
    messages = Messages()
    with messages.watch():
        raise UserError("The rule.")
    assert "The rule." in messages.value and "UserError" not in messages.value
    with messages.watch(keep=True):
        pass
    assert "The rule." in messages.value
    with messages.watch():
        raise KeyError("place")
    said = html.unescape(messages.value)
    assert "KeyError" in said and 'raise KeyError("place")' in said
    with messages.watch():
        pass
    assert messages.value == ""


def test_messages_let_an_interrupt_pass():
    with pytest.raises(KeyboardInterrupt), Messages().watch():
        raise KeyboardInterrupt


def test_choices_and_their_checkboxes_agree():
    choices = CheckboxGroup([("one", 1), ("two", 2)], (2,), at_least=1)
    assert [box.value for box in choices.boxes] == [False, True]
    choices.boxes[0].value = True
    assert choices.value == (1, 2)
    choices.value = (1,)
    assert [box.value for box in choices.boxes] == [True, False]
    choices.boxes[0].value = False
    assert choices.value == (1,) and choices.boxes[0].value
    with pytest.raises(UserError, match="must be chosen"):
        choices.value = ()


def test_choices_tell_once_of_each_change():
    told = []
    choices = CheckboxGroup([("one", 1), ("two", 2), ("three", 3)], ())
    choices.observe(lambda change: told.append(change["new"]), "value")
    choices.value = (1, 3)
    choices.boxes[1].value = True
    assert told == [(1, 3), (1, 2, 3)]


def test_labels_and_tips_are_what_ipywidgets_old_and_new_take(monkeypatch):
    monkeypatch.setattr(ipywidgets, "__version__", "7.7.1")
    assert common.escape_label("<b>") == "&lt;b&gt;" and common.make_tooltip("a") == {
        "description_tooltip": "a"
    }
    monkeypatch.setattr(ipywidgets, "__version__", "8.1.0")
    assert common.escape_label("<b>") == "<b>" and common.make_tooltip("a") == {"tooltip": "a"}


def test_jpeg_shows_the_picture():
    grey = np.tile(np.arange(0, 250, 5, dtype=np.uint8), (50, 1))
    assert np.abs(imagecodecs.jpeg_decode(jpeg(grey)).astype(int) - grey).max() < 12
    assert imagecodecs.jpeg_decode(jpeg(np.stack([grey] * 3, axis=2))).shape == (50, 50, 3)


@pytest.mark.parametrize("shape", ["o", "s", "^", "v", "D", "x", "+", "*", "p"])
def test_strokes_fill_their_box(shape):
    points = np.concatenate([np.array(stroke) for stroke in make_strokes(shape)])
    assert np.abs(points).max() == 1


def test_strokes_have_y_down():
    assert min(point[1] for point in make_strokes("^")[0]) == -1
    assert sum(point[1] == -1 for point in make_strokes("^")[0][:3]) == 1


def test_legend_draws_shapes_and_escapes_words():
    legend = make_legend([(Mark("a", "o", "orange"), EVIL), (Mark("b", "x", "orange"), "other")])
    assert legend.count("<svg") == 2 and "<img" not in legend
    assert make_legend([(Mark("a", "o", "orange"), "a")]) != make_legend(
        [(Mark("a", "x", "orange"), "a")]
    )


def test_a_place_beyond_the_image_is_said(browser):
    for place in ((-3, 1, 1), (1, 1, 10_000), (np.nan, 1, 1)):
        browser.messages.value = ""
        browser.go_to(1, place)
        assert "beyond the image" in browser.messages.value
    browser.messages.value = ""
    browser.go_to(1, (1.4, 2, 3))
    assert not browser.messages.value and browser.place.tolist() == [1, 2, 3]
