"""Augmentation preview and channel dashboard, used as a person would."""

import pytest

MOVIES = """
from organoid_kit.dashboards import AugmentationPreview, ChannelDashboard
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.base.settings import make_settings

movies = read_dataset(find_samples() / "training.autlist")[:1]
"""
NETWORKS = {"position": 2, "division": 2, "link": 4}  # rows of pictures


@pytest.fixture(scope="module", params=NETWORKS)
def preview(front_end, request):
    show = f'preview = AugmentationPreview(movies, make_settings("{request.param}", channels=(2, 3)))\npreview'
    with front_end.open(MOVIES, show, name=f"preview_{request.param}") as page:
        page.find("ok-pictures")
        page.network = request.param
        yield page


@pytest.fixture(scope="module")
def channels(front_end):
    show = "dashboard = ChannelDashboard(movies[0].movie, movies[0].annotations)\ndashboard"
    with front_end.open(MOVIES, show, name="channels") as page:
        page.find("ok-panes")
        yield page


def count_pictures(page, handle):
    return page.find(handle).locator("image").count()


def test_before_and_after_are_shown(preview):
    assert count_pictures(preview, "ok-pictures") == 5 * NETWORKS[preview.network]
    assert "as it is" in preview.text("ok-pictures") and "varied, 4" in preview.text("ok-pictures")
    preview.screenshot(f"preview_{preview.network}", "ok-augmentation-preview")


def test_other_dice_other_pictures_same_dice_the_same(preview):
    preview.type("ok-seed", "5")
    preview.wait_for("preview.seed.value", 5)
    preview.ask("globals().update(first=preview._pictures.value)")
    preview.click("ok-new-seed")
    preview.wait_for("[preview.seed.value, preview._pictures.value == first]", [6, False])
    preview.type("ok-seed", "5")
    preview.wait_for("[preview.seed.value, preview._pictures.value == first]", [5, True])


def test_another_example_and_fewer_variations(preview):
    preview.press("ok-example", "ArrowRight", times=2)
    preview.wait_for("preview.example.value", 3)
    preview.press("ok-variations", "ArrowLeft", times=2)
    preview.wait_for("preview.variations.value", 2)
    preview.wait_for("preview._pictures.value.count('<image')", 3 * NETWORKS[preview.network])


def test_operations_are_switched_and_their_ranges_moved(preview):
    preview.click("ok-nothing")
    preview.wait_for("any(each.on.value for each in preview.operations.values())", False)
    names = preview.ask("list(preview.operations)")
    for name in names:
        preview.tick(f"ok-{name.replace('_', '-')}")
        preview.wait_for(f"preview.operations['{name}'].on.value", True)
        if name != "flip":
            old = preview.ask(f"preview.operations['{name}'].range.value")
            preview.press(f"ok-{name.replace('_', '-')}", "ArrowLeft", times=1)
            preview.wait_for(f"preview.operations['{name}'].range.value != {_as_python(old)}", True)
    preview.click("ok-usual")
    preview.wait_for("preview.settings == type(preview.settings)()", True)
    preview.wait_for("preview.warnings", {})


def test_what_goes_too_far_is_said(preview):
    preview.type("ok-noise", "0.9")
    preview.wait_for("list(preview.warnings)", ["noise"])
    preview.wait_for_text("ok-noise", "larger than the signal")
    preview.wait_for_text("ok-messages", "teach something wrong")
    preview.screenshot(f"preview_{preview.network}_warning", "ok-augmentation-preview")
    preview.tick("ok-noise", on=False)
    preview.wait_for_text("ok-messages", "Nothing here is known")


def test_channels_are_ticked_and_the_best_is_chosen(channels):
    assert count_pictures(channels, "ok-panes") == 3
    channels.wait_for_text("ok-messages", "Channels 2 + 3 would be better")
    channels.find("ok-channels").locator("input").nth(1).check()
    channels.wait_for("dashboard.channels.value", [1, 2])
    channels.wait_for_text("ok-panes", "chosen")
    channels.click("ok-choose-best")
    channels.wait_for("dashboard.channels.value", [2, 3])
    channels.wait_for_text("ok-messages", "100% of nuclei stand out")
    assert count_pictures(channels, "ok-panes") == 4
    assert "← chosen" in channels.text("ok-table")
    channels.screenshot("channels", "ok-channel-dashboard")


def test_time_point_and_marks(channels):
    before = channels.ask("dashboard._panes.value")
    channels.press("ok-time-point", "ArrowRight", times=3)
    channels.wait_for("dashboard.time_point.value", 3)
    channels.wait_for(f"len(dashboard._panes.value) == {len(before)}", False)
    channels.tick("ok-marks", on=False)
    channels.wait_for("(dashboard.marks.value, dashboard.messages.kind == 'fail')", [False, False])
    channels.wait_for("'polyline' in dashboard._panes.value", False)


def _as_python(value):
    """JSON has no tuples."""
    return tuple(value) if isinstance(value, list) else value
