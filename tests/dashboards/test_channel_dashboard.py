"""Channels and their sums: the number, and the dashboard that shows it."""

import threading
import time

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import ChannelDashboard
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.looks import choose_time_points
from organoid_kit.plots.drawing import describe
from organoid_kit.report.measuring import (
    are_standing_out,
    choose_best_channels,
    list_channel_choices,
    score_channels,
)

SPACING = (2.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def sample():
    return read_dataset(find_samples() / "training.autlist")[0]


@pytest.fixture
def two_kinds():
    """Eight nuclei on noise: channel 1 shows the first four, channel 2 the others, channel 3
    nothing.
    """
    rng = np.random.default_rng(
        3
    )  # by chance, one in twenty dark places stands out: in this noise none
    images = rng.normal(100, 3, (1, 3, 10, 60, 120))
    places = np.array([[5, y, x] for y in (15, 45) for x in (15, 45, 75, 105)], float)
    z, y, x = np.indices((10, 60, 120))
    for number, place in enumerate(places):
        away = ((z - place[0]) * 2) ** 2 + (y - place[1]) ** 2 + (x - place[2]) ** 2
        images[0, number // 4] += 80 * np.exp(-away / (2 * 3.0**2))
    movie = make_timelapse(
        images.astype(np.float32), SPACING, channel_names=["one", "<b>two</b>", "nothing"]
    )
    region = [[0, 0, 0], [9, 59, 119]]
    return movie, Annotations(places, np.zeros(8), spacing_um=SPACING, region=region)


def test_a_nucleus_stands_out_where_it_is_bright(two_kinds):
    movie, annotations = two_kinds
    assert are_standing_out(movie, 0, (1,), annotations).tolist() == [True] * 4 + [False] * 4
    assert are_standing_out(movie, 0, (2,), annotations).tolist() == [False] * 4 + [True] * 4
    assert are_standing_out(movie, 0, (1, 2), annotations).all()


def test_the_share_is_that_of_all_annotated_nuclei(two_kinds):
    movie, annotations = two_kinds
    shares = {
        choice: score_channels(movie, choice, annotations).share
        for choice in list_channel_choices(movie)
    }
    assert shares[(1,)] == shares[(2,)] == 0.5
    assert shares[(1, 2)] == 1
    assert shares[(3,)] <= 0.25
    assert list(shares) == [(1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)]


def test_brightness_and_offset_of_a_channel_do_not_matter(two_kinds):
    movie, annotations = two_kinds
    images = np.stack([movie.stack(0, (channel,)) * 7 + 500 for channel in (1, 2, 3)])[None]
    other = make_timelapse(images, SPACING)
    for choice in ((1,), (1, 2)):
        assert (
            score_channels(other, choice, annotations).share
            == score_channels(movie, choice, annotations).share
        )


def test_the_sample_shows_why_one_sums(sample):
    choices = ((1,), (2,), (3,), (2, 3))
    scores = {
        choice: score_channels(sample.movie, choice, sample.annotations) for choice in choices
    }
    assert scores[2, 3].share > 0.95
    assert max(scores[each].share for each in ((1,), (2,), (3,))) < 0.7
    assert scores[2, 3].nuclei == sum(
        len(sample.annotations.positions_at(time)) for time in (0, 6, 11)
    )
    assert choose_best_channels(list(scores.values())) == (2, 3)


def test_without_annotations_blobs_are_counted(sample):
    single = [score_channels(sample.movie, (channel,)) for channel in (2, 3)]
    both = score_channels(sample.movie, (2, 3))
    assert both.standing_out > max(score.standing_out for score in single)
    assert both.share is None and both.nuclei is None
    assert "bright blobs" in str(both)


def test_what_cannot_be_measured_is_said(two_kinds):
    movie, annotations = two_kinds
    point = annotations.positions[:1]
    crowded = Annotations(point, [0], spacing_um=SPACING, region=np.concatenate([point, point]))
    score = score_channels(movie, (1,), crowded)
    assert score.share is None and "not measured" in str(score)
    with pytest.raises(UserError, match="nuclei and background"):
        choose_best_channels([score])


def test_time_points_are_annotated_ones(sample):
    assert choose_time_points(sample.movie, None) == [0, 6, 11]
    some = sample.annotations.select(np.isin(sample.annotations.time_points, [3, 4]))
    assert choose_time_points(sample.movie, some) == [3, 4]


def test_ticking_changes_the_choice_and_what_is_said(sample):
    dashboard = ChannelDashboard(sample.movie, sample.annotations)
    assert dashboard.channels.value == (1,)
    assert (
        dashboard.messages.kind == "warn"
        and "Channels 2 + 3 would be better" in dashboard.messages.value
    )
    dashboard.channels.boxes[1].value = True
    assert dashboard.channels.value == (1, 2)
    dashboard.choose_best.click()
    assert dashboard.channels.value == (2, 3)
    assert dashboard.messages.kind == "say" and "would be better" not in dashboard.messages.value
    assert "100% of nuclei stand out" in dashboard.describe()


def test_pictures_show_what_stands_out(two_kinds):
    dashboard = ChannelDashboard(*two_kinds)
    shown = dashboard._panes.value
    assert shown.count("<image") == 3
    dashboard.channels.value = (1, 2)
    assert dashboard._panes.value.count("<image") == 4 and ", chosen" in dashboard._panes.value
    marks = dashboard._panes.value.count("polyline")
    dashboard.marks.value = False
    assert marks > 8 * 4 and "polyline" not in dashboard._panes.value


def test_names_from_files_are_escaped(two_kinds):
    dashboard = ChannelDashboard(*two_kinds)
    dashboard.channels.value = (2,)
    for html in (dashboard._panes.value, dashboard._table.value, dashboard.messages.value):
        assert "<b>two" not in html and "&lt;b&gt;two" in html


def test_state_comes_back(two_kinds):
    dashboard, other = ChannelDashboard(*two_kinds), ChannelDashboard(*two_kinds)
    dashboard.channels.value, dashboard.marks.value = (1, 3), False
    assert dashboard.state() == {"channels": [1, 3], "time_point": 0, "marks": False}
    other.restore(dashboard.state())
    assert other.state() == dashboard.state()
    for wrong in ({"channels": [9]}, {"colour": 1}):
        with pytest.raises(UserError, match="state must"):
            other.restore(wrong)


def test_its_static_twin_says_the_numbers(two_kinds):
    dashboard = ChannelDashboard(*two_kinds)
    dashboard.channels.value = (1, 2)
    drawing = dashboard.plot()
    assert len(drawing.axes) == 4
    assert "100% of nuclei stand out" in describe(drawing)
    assert "channel 2: 50% of nuclei stand out (4 of 8)" in describe(drawing)


def test_the_last_change_is_shown_whichever_thread_deals_with_it(sample):
    """JupyterLab sends the first change of a widget to one thread of the kernel, later ones to
    another.
    """
    dashboard = ChannelDashboard(sample.movie, sample.annotations)
    make_pane, begun = dashboard._make_pane, threading.Event()

    def make_slowly(choice):
        pane = make_pane(choice)
        if threading.current_thread() is other:
            begun.set()
            time.sleep(0.2)
        return pane

    dashboard._make_pane = make_slowly
    other = threading.Thread(target=lambda: setattr(dashboard.time_point, "value", 3))
    other.start()
    assert begun.wait(30)
    dashboard.marks.value = False
    other.join()
    assert "polyline" not in dashboard._panes.value
    dashboard.marks.value = True
    assert "polyline" in dashboard._panes.value
