"""What holds for every dashboard: labels, order of focus, contrast, colours that colour-blind
readers can tell apart, and a browser test that uses each control.
"""

import colorsys
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from matplotlib.colors import CSS4_COLORS, to_rgb
from test_epoch_explorer import make_table, write_epochs

from organoid_kit import dashboards
from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import make_settings
from organoid_kit.dashboards.augmentation.advice import OPERATIONS
from organoid_kit.dashboards.class_board import ClassBoard
from organoid_kit.dashboards.parts.common import DARK, INK, KINDS, PAPER, Messages
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.plots.drawing import COLOURS

FOLDER = Path(dashboards.__file__).parent
SOURCES = sorted(
    [*FOLDER.rglob("*.py"), *FOLDER.rglob("*.js"), *(FOLDER.parent / "plots").glob("*.py")]
)
MOVIE = make_timelapse(
    np.random.default_rng(0).integers(0, 99, (4, 2, 8, 40, 40)).astype(np.uint8),
    (2.0, 0.5, 0.5),
    name="noise",
)


SILENT = (
    ipywidgets.HTML,
    ipywidgets.Image,
    ipywidgets.Label,
    ipywidgets.FloatProgress,
)  # nothing to press or choose


def make_found(lineage):
    """As a network would find it, with doubts."""
    chances = np.linspace(0.1, 0.9, len(lineage))
    properties = {
        "probability": chances,
        "division_probability": chances,
        "division_error_probability": chances,
    }
    nothing = dict.fromkeys(
        ("start_error_probability", "end_error_probability"), np.full(len(lineage), None)
    )
    links = {"error_probability": np.linspace(0, 0.9, len(lineage.links))}
    return Annotations(
        **{
            name: getattr(lineage, name)
            for name in ("positions", "time_points", "links", "spacing_um")
        },
        properties=properties | nothing,
        link_properties=links,
    )


def make_preview(lineage, folder):
    movies = read_dataset(find_samples() / "training.autlist")[:1]
    return dashboards.AugmentationPreview(movies, make_settings("link", channels=(2, 3)))


def make_training(lineage, folder):
    from training_helpers import make_blobs, tiny_settings

    return dashboards.TrainingDashboard(
        [make_blobs(1)], [make_blobs(2)], tiny_settings(""), output_folder=str(folder)
    )


def make_epochs(lineage, folder):
    write_epochs(folder, 3)
    return dashboards.EpochExplorer(folder)


def make_board(lineage, folder):
    browser = dashboards.StackBrowser(MOVIE, drawn_by="kernel")
    return dashboards.ClassBoard("Which one?", float, dashboard=browser, control="gamma")


MAKE = {
    "StackBrowser": lambda lineage, folder: dashboards.StackBrowser(
        MOVIE, {"nuclei": lineage}, drawn_by="kernel"
    ),
    "AnnotationChecker": lambda lineage, folder: dashboards.AnnotationChecker(
        AnnotatedMovie(MOVIE, lineage),
        channels=(1,),
        output=folder / "checked.aut",
        drawn_by="kernel",
    ),
    "AugmentationPreview": make_preview,
    "ChannelDashboard": lambda lineage, folder: dashboards.ChannelDashboard(MOVIE, lineage),
    "TrainingDashboard": make_training,
    "EpochExplorer": make_epochs,
    "RunComparison": lambda lineage, folder: dashboards.RunComparison(make_table()),
    "ThresholdExplorer": lambda lineage, folder: dashboards.ThresholdExplorer(
        AnnotatedMovie(MOVIE, lineage), make_found(lineage), drawn_by="kernel"
    ),
    "TrackExplorer": lambda lineage, folder: dashboards.TrackExplorer(
        MOVIE, make_found(lineage), drawn_by="kernel"
    ),
    "ClassBoard": make_board,
}


@pytest.fixture(params=MAKE)
def dashboard(request, lineage, tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "error", category=DeprecationWarning, message=".*(tooltip|argument)"
        )
        return MAKE[request.param](lineage, tmp_path)


def list_widgets(widget):
    """The widget and all that is in it, in the order of the page."""
    inside = [each for child in getattr(widget, "children", ()) for each in list_widgets(child)]
    return [widget, *inside]


def test_every_dashboard_is_looked_at():
    assert set(MAKE) == set(dashboards.__all__)


# ---- labels and focus


def find_unlabelled(widgets):
    """What takes the focus, and has nothing written on it or beside it."""
    focused = [
        each
        for each in widgets
        if isinstance(each, ipywidgets.Button) or hasattr(each, "description")
    ]
    return [
        each for each in focused if not isinstance(each, SILENT) and not each.description.strip()
    ]


def test_every_control_has_a_label(dashboard):
    assert find_unlabelled(list_widgets(dashboard)) == []
    assert (
        find_unlabelled([ipywidgets.Button(), ipywidgets.IntSlider(), ipywidgets.HTML()])[1:] != []
    )


def test_focus_goes_in_reading_order(dashboard):
    for widget in list_widgets(dashboard):
        layout = widget.layout
        assert (
            layout.order in (None, "0") and "reverse" not in f"{layout.flex_flow}{layout.flex_flow}"
        ), widget
        assert getattr(widget, "tabbable", None) is not False, widget


def test_what_scripts_draw_has_a_label_and_its_place_in_the_order():
    for path in FOLDER.rglob("*.js"):
        script = path.read_text()
        assert re.findall(r"tabIndex = (?!0;)", script) == []
        assert script.count("tabIndex = 0") == script.count('setAttribute("role", "application")')
        assert script.count("tabIndex = 0") == script.count('setAttribute("aria-label"')


# ---- nothing is corrected without a word

ODD = (10**9, -(10**9), 0.123456, "7", "x", True, [0.9, 0.1], [-5.0, 5.0], [99], [[1]], None)


def list_bounded(widgets):
    """Controls that one can move, and that have ends."""
    return [each for each in widgets if {"value", "min", "max"} <= each.traits().keys()]


def test_no_control_takes_the_nearest_value_instead(dashboard):
    for control in list_bounded(list_widgets(dashboard)):
        before, reach = control.value, 10 * (control.max + 1)
        for value in (reach, -reach):
            wrong = (value, value) if isinstance(before, tuple) else value
            with pytest.raises(UserError, match="within its ends"):
                control.value = wrong
            assert control.value == before


def list_states(dashboard):
    """Each value of the state by itself, those of a dashboard inside too, as a state."""
    for name in dashboard.state():
        inner = getattr(dashboard, name, None)
        if isinstance(inner, dashboards.parts.Dashboard):
            yield from ((name, *keys) for keys in list_states(inner))
        else:
            yield (name,)


def take(state, keys):
    return take(state[keys[0]], keys[1:]) if keys else state


def test_what_a_state_cannot_have_is_said(dashboard):
    assert list_states(dashboard)
    for keys in list_states(dashboard):
        for odd in ODD:
            state = odd
            for key in reversed(keys):
                state = {key: state}
            state = dashboard.state() | state if isinstance(dashboard, ClassBoard) else state
            said = [each for each in list_widgets(dashboard) if isinstance(each, Messages)]
            for each in said:
                each.kind = each.value = ""
            try:
                dashboard.restore(state)
            except UserError:
                continue
            kept = take(dashboard.state(), keys)
            is_told = any(each.kind in ("warn", "fail") for each in said)
            assert is_told or kept == odd, (keys, odd)


# ---- colours


def find_contrast(one, other):
    """The ratio of WCAG 2: 1 for equal colours, 21 for black on white."""

    def luminance(colour):
        parts = np.array(to_rgb(colour))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


class TextColours(HTMLParser):
    """Texts of a piece of HTML or SVG, each with its colour and its ground; None where the page
    decides.
    """

    VOID = ("br", "img", "hr", "input")

    def __init__(self, code):
        super().__init__()
        self.texts, self.open = [], [("", None, None)]
        self.feed(code)

    def handle_starttag(self, tag, options):
        options = dict(options)
        style = dict(re.findall(r"([\w-]+)\s*:\s*([^;]+)", options.get("style") or ""))
        _, colour, ground = self.open[-1]
        if (
            tag == "rect" and options.get("fill") == "#000"
        ):  # what is written after it stands on it, whatever is below
            light = 1 - float(options.get("fill-opacity", 1))
            self.open[-1] = (self.open[-1][0], colour, (light,) * 3)
        colour = style.get(
            "color", options.get("fill", colour) if tag in ("text", "tspan", "svg", "g") else colour
        )
        if tag not in self.VOID:
            self.open.append((tag, colour, style.get("background", ground)))

    def handle_startendtag(self, tag, options):
        self.handle_starttag(tag, options)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, text):
        if text.strip():
            self.texts.append((text, *self.open[-1][1:]))


def find_faint(code):
    """Texts that are hard to read in a light or in a dark theme."""
    faint = []
    for text, colour, ground in TextColours(code).texts:
        by_page = colour is None and ground is None
        if not by_page and (
            colour is None or ground is None or find_contrast(colour, ground) < 4.5
        ):
            faint.append((text, colour, ground))
    return faint


def test_contrast_is_that_of_the_standard():
    assert find_contrast("#000", "#fff") == pytest.approx(21) and find_contrast("#777", "#777") == 1
    assert find_contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


def test_faint_texts_are_noticed():
    assert find_faint('<p>page</p><p style="color:#000;background:#fff">a <b>b</b></p>') == []
    assert [each[0] for each in find_faint('<p style="color:#999;background:#fff">faint</p>')] == [
        "faint"
    ]
    assert [each[0] for each in find_faint('<p style="color:#000">unseen on dark pages</p>')] != []
    assert [
        each[0] for each in find_faint('<p style="background:#fff">white on dark pages</p>')
    ] != []
    bar = '<rect fill="#000"/><text fill="#fff">bar</text>'
    svg = f'<svg style="background:#fff"><g><text fill="#fff">hidden</text>{bar}'
    assert [each[0] for each in find_faint(f"{svg}</g></svg>")] == ["hidden"]


def test_texts_have_contrast(dashboard):
    codes = [each.value for each in list_widgets(dashboard) if isinstance(each, ipywidgets.HTML)]
    assert any(codes) and [found for code in codes for found in find_faint(code)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_messages_have_contrast(kind):
    messages = Messages()
    messages.say("A word.", kind)
    assert find_faint(messages.value) == [] and find_contrast(INK, KINDS[kind][0]) >= 7


def test_marks_stand_out_from_their_ground():
    assert all(
        find_contrast(colour, DARK) >= 3 for name, colour in COLOURS.items() if name != "black"
    )
    assert find_contrast(INK, PAPER) >= 7 and find_contrast(COLOURS["blue"], PAPER) >= 4.5


def list_foreign_colours(code):
    """Colours that are neither of the palette, nor grey, nor the ground of a message."""
    known = {
        colour.lower() for colour in (*COLOURS.values(), *(ground for ground, *_ in KINDS.values()))
    }
    codes = [each.lower() for each in re.findall(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b", code)]
    grey = [each for each in codes if colorsys.rgb_to_hsv(*to_rgb(each))[1] == 0]
    named = re.findall(
        r"\b(?:fill|stroke|colou?rs?|background|\w+Style)\b[\"']?\s*[=:]\s*[\"']?(\w+)", code
    )
    foreign = [
        each for each in named if each in CSS4_COLORS and each not in ("white", "black", "gray")
    ]
    return [each for each in codes if each not in known and each not in grey] + foreign


def test_all_colours_are_of_the_palette():
    assert {
        path.name: found for path in SOURCES if (found := list_foreign_colours(path.read_text()))
    } == {}


def test_other_colours_are_noticed():
    assert list_foreign_colours(
        'fill="#ff0000" color: red; "color": "lime" stroke="#E69F00" #777'
    ) == [*("#ff0000", "red", "lime")]


# ---- browser tests

BROWSER_TESTS = Path(__file__).parents[1] / "browser"
USED_IN = {
    "StackBrowser": "stack_browser",
    "AnnotationChecker": "annotation_checker",
    "AugmentationPreview": "previews",
    "ChannelDashboard": "previews",
    "TrainingDashboard": "training_dashboard",
    "EpochExplorer": "epochs",
    "RunComparison": "epochs",
    "ThresholdExplorer": "explorers",
    "TrackExplorer": "explorers",
    "ClassBoard": "class_board",
}


def list_handles(widget, handle=""):
    """The class by which a page finds each control, or what it is in; not those of a dashboard
    inside.
    """
    own = [each for each in widget._dom_classes if each.startswith("ok-")]
    handle = (own or [handle])[0]
    is_control = (
        isinstance(widget, ipywidgets.Button)
        or hasattr(widget, "value")
        and hasattr(widget, "description")
    )
    if is_control and not isinstance(widget, SILENT):
        return [handle]
    inside = [
        each
        for each in getattr(widget, "children", ())
        if type(each).__name__ not in dashboards.__all__
    ]
    return [each for child in inside for each in list_handles(child, handle)]


def test_every_control_is_used_in_a_browser_test(dashboard):
    code = (BROWSER_TESTS / f"test_{USED_IN[type(dashboard).__name__]}.py").read_text()
    used = set(
        re.findall(r"\.(?:click|press|type|choose|tick|toggle|find)\(\s*\"(ok-[\w-]+)", code)
    )
    if 'f"ok-{' in code:  # in a loop over names
        used |= {f"ok-{name}" for name in re.findall(r'"([\w-]+)"', code)}
    if "preview.operations" in code:
        used |= {f"ok-{name.replace('_', '-')}" for name in OPERATIONS}
    assert [handle for handle in list_handles(dashboard) if handle not in used] == []
