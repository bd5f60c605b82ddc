"""Lineage trees, and tracks drawn into the movie."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb

from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.plots import plot_lineage_tree
from organoid_kit.plots.drawing import COLOURS, describe
from organoid_kit.plots.lineages import (
    DOUBT,
    END,
    FORK,
    START,
    count_earlier_marks,
    number_lineages,
)
from organoid_kit.plots.tracks import DIVISION, FOUND, PUT_IN, plot_close_ups, plot_tracks

SPACING = (2.0, 0.5, 0.5)
STACKS = np.random.default_rng(0).integers(0, 99, size=(4, 1, 8, 40, 40)).astype(np.uint8)
MOVIE = make_timelapse(STACKS, SPACING, name="noise")
MARKS = {"fork": FORK, "start": START, "end": END, "doubt": DOUBT, "division": DIVISION}


@st.composite
def grown(draw):
    """Lineages that grow from some nuclei; each goes on, divides or ends at each time point."""
    links, times = [], []
    for _ in range(draw(st.integers(0, 4))):
        times.append(draw(st.integers(0, 2)))
        tips = [len(times) - 1]
        while tips and times[tips[0]] < 6:
            mothers, tips = tips, []
            for mother in mothers:
                for _ in range(draw(st.sampled_from((1, 1, 2, 0)))):
                    tips.append(len(times))
                    links.append((mother, len(times)))
                    times.append(times[mother] + 1)
    return Annotations(np.zeros((len(times), 3)), times, links)


def marked(figure, kind):
    """Where marks of a kind are, as (horizontal, vertical)."""
    colour = COLOURS[MARKS[kind].colour]
    lines = (line for line in figure.axes[0].lines if line.get_marker() == MARKS[kind].shape)
    lines = [line for line in lines if line.get_markeredgecolor() == colour]
    return {(float(x), float(y)) for line in lines for x, y in line.get_xydata()}


def strokes(figure):
    """The polylines of all links, each (k, 2)."""
    collections = [each for each in figure.axes[0].collections if isinstance(each, LineCollection)]
    return [np.asarray(line) for each in collections for line in each.get_segments()]


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def with_doubts(lineage):
    ends = {
        "division_error_probability": [None, 0.2, *[None] * 5],
        "end_error_probability": [None] * 6 + [0.005],
    }
    return dataclasses.replace(
        lineage,
        link_properties={"error_probability": [0.001, None, 0.5, 0.06, 0.0]},
        properties=ends,
    )


def test_lineages_are_numbered_from_the_largest(lineage):
    assert number_lineages(lineage).tolist() == [0, 0, 0, 0, 1, 1, 1]
    rows = [4, 5, 6, 0]
    assert number_lineages(lineage.select(rows)).tolist() == [0, 0, 0, 1]
    assert number_lineages(Annotations(np.zeros((0, 3)), [])).tolist() == []


def test_a_tree_forks_where_a_nucleus_divides(lineage):
    figure = plot_lineage_tree(lineage)
    assert [line.tolist() for line in strokes(figure)] == [
        [[1, 0.5], [1, 0.5], [2, 0.5]],
        [[2, 0.5], [2, 0], [3, 0]],
        [[2, 0.5], [2, 1], [3, 1]],
        [[1, 2.7], [1, 2.7], [2, 2.7]],
        [[2, 2.7], [2, 2.7], [3, 2.7]],
    ]
    assert marked(figure, "fork") == {(2, 0.5)}
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "2"]
    assert "division (1)" in labels(figure)
    assert "2 lineages, with 7 positions from time point 1 to 3" in describe(figure)
    assert "1 division (time point 2), 0 later starts, 0 earlier ends" in describe(figure)


@settings(deadline=None, max_examples=20)
@given(grown())
def test_lines_of_a_tree_never_cross(annotations):
    pieces = [
        piece
        for line in strokes(plot_lineage_tree(annotations, most=None))
        for piece in zip(line, line[1:])
    ]
    level = [(a[1], a[0], b[0]) for a, b in pieces if a[0] != b[0]]
    assert len(level) == len(annotations.links)
    for row, start, end in level:
        assert not [
            other
            for other in level
            if other != (row, start, end) and other[0] == row and start < other[2] <= end
        ]
        for a, b in pieces:
            low, high = sorted((a[1], b[1]))
            assert not (a[0] == b[0] and low < row < high and start < a[0] < end)


def test_starts_and_ends_are_marked_inside_the_movie_only(lineage):
    figure = plot_lineage_tree(lineage.select([0, 1, 2, 3, 5]))  # the fifth alone at time point 2
    assert marked(figure, "start") == marked(figure, "end") == {(2, 2.7)}
    assert "1 later start (time point 2), 1 earlier end (time point 2)" in describe(figure)
    assert (
        marked(plot_lineage_tree(lineage), "start")
        == marked(plot_lineage_tree(lineage), "end")
        == set()
    )


def test_doubts_are_marked_where_they_are(lineage):
    figure = plot_lineage_tree(with_doubts(lineage))
    assert marked(figure, "doubt") == {(2.5, 1), (1.5, 2.7), (2, 0.5)}
    assert "doubtful (3)" in labels(figure) and "3 doubts (time point 1.5, 2, 2.5)" in describe(
        figure
    )
    assert marked(plot_lineage_tree(with_doubts(lineage), least_error=0.1), "doubt") == {
        (2.5, 1),
        (2, 0.5),
    }


def test_marks_of_one_place_stand_beside_each_other(lineage):
    figure = plot_lineage_tree(with_doubts(lineage))
    figure.canvas.draw()
    at_fork = [
        line.get_transform().transform(point)
        for line in figure.axes[0].lines
        for point in line.get_xydata()
        if tuple(point) == (2, 0.5)
    ]
    fork, doubt = sorted(at_fork, key=lambda place: place[1])
    assert doubt[0] == pytest.approx(fork[0]) and doubt[1] - fork[1] > 0.1 * figure.dpi
    several = [
        np.array([[1.0, 2]]),
        np.array([[1.0, 2], [3, 4]]),
        np.zeros((0, 2)),
        np.array([[1.0, 2], [3, 4]]),
    ]
    assert [each.tolist() for each in count_earlier_marks(several)] == [[0], [1, 0], [], [2, 1]]


def test_of_many_lineages_the_largest_are_shown_and_that_is_said(lineage):
    figure = plot_lineage_tree(lineage, most=1)
    assert len(strokes(figure)) == 3
    assert figure.axes[0].get_xlabel() == "time point (1 lineage, the largest of 2)"
    assert "1 lineage, the largest of 2, with 4 positions" in describe(figure)


def test_marks_differ_in_shape():
    assert len({mark.shape for mark in MARKS.values()}) == len(MARKS)


def test_nothing_merges_and_long_tracks_can_be_drawn(lineage):
    plot_lineage_tree(Annotations(np.zeros((0, 3)), [])).canvas.draw()
    assert "no positions" in describe(plot_lineage_tree(Annotations(np.zeros((0, 3)), [])))
    merged = dataclasses.replace(lineage, links=[*lineage.links.tolist(), [5, 2]])
    assert len(strokes(plot_lineage_tree(merged))) == 6
    long = np.arange(3000)
    chain = Annotations(np.zeros((3000, 3)), long, np.stack([long[:-1], long[1:]], axis=1))
    assert len(strokes(plot_lineage_tree(chain))) == 2999


def test_close_ups_show_a_nucleus_before_and_after(lineage):
    row = int(np.argmax(lineage.time_points == 2))
    put_in = np.arange(len(lineage)) == row
    figure = plot_close_ups(
        MOVIE, dataclasses.replace(lineage, properties={"interpolated": put_in}), [row], ["mine"]
    )
    before, now, after = figure.axes
    assert [axes.get_title() for axes in figure.axes] == [
        f"time point {time_point}" for time_point in (1, 2, 3)
    ]
    _, y, x = lineage.positions[row] * SPACING
    assert now.get_xlim() == (x - 12, x + 12) and now.get_ylim() == (y + 12, y - 12)
    diamonds = [line.get_xydata() for line in now.lines if line.get_marker() == PUT_IN.shape]
    assert np.concatenate(diamonds).tolist() == [[x, y]]
    rings = np.concatenate(
        [line.get_xydata() for line in before.lines if line.get_marker() == FOUND.shape]
    )
    [mother] = lineage.links[lineage.links[:, 1] == row, 0]
    assert (lineage.positions[mother] * SPACING)[:0:-1].tolist() in rings.tolist()
    assert any(line.get_marker() == "s" for line in now.lines) and before.get_ylabel() == "mine"
    assert "mine" in describe(figure)


def test_close_ups_show_only_what_lies_near_their_plane(lineage):
    away = lineage.positions.copy()
    away[1:, 0] += 5  # planes of 2 µm
    figure = plot_close_ups(MOVIE, dataclasses.replace(lineage, positions=away), [0], ["first"])
    shown = [line.get_xydata() for line in figure.axes[1].lines if line.get_marker() == FOUND.shape]
    assert np.concatenate(shown).tolist() == [(away[0] * SPACING)[:0:-1].tolist()]


def test_a_time_point_that_was_not_filmed_has_no_close_up(lineage):
    row = int(np.argmax(lineage.time_points))
    last = dataclasses.replace(
        lineage, time_points=lineage.time_points + 3 - lineage.time_points[row]
    )
    figure = plot_close_ups(MOVIE, last, [row], ["last"])
    assert (
        "not filmed" in figure.axes[2].get_title()
        and not figure.axes[2].images
        and figure.axes[1].images
    )


def test_tracks_lie_where_the_nuclei_are(lineage):
    figure = plot_tracks(MOVIE, lineage, 3)
    expected = [
        [[y / 2 for y in (lineage.positions[row, 2], lineage.positions[row, 1])] for row in link]
        for link in lineage.links
    ]
    assert [line.tolist() for line in strokes(figure)] == expected
    assert marked(figure, "division") == {(8.5 / 2, 9 / 2)}
    assert {text.get_text() for text in figure.axes[0].texts} == {"1", "2"}
    assert "noise, time point 3" in describe(figure)
    assert "3 positions" in describe(figure) and "1 division, 0 starts and 0 ends" in describe(
        figure
    )


def test_the_image_is_that_of_the_time_point(lineage):
    image = plot_tracks(MOVIE, lineage, 2).axes[0].images[0].get_array()
    np.testing.assert_array_equal(image, STACKS[2, 0].max(axis=0))


def test_tracks_fade_into_the_past_and_end_with_the_tail(lineage):
    figure = plot_tracks(MOVIE, lineage, 3, tail=2)
    colours = figure.axes[0].collections[0].get_colors()
    assert (colours[[0, 3], 3] < colours[[1, 4], 3]).all()
    assert to_rgb(colours[0]) == to_rgb(colours[1]) != to_rgb(colours[3])
    assert len(strokes(plot_tracks(MOVIE, lineage, 3, tail=1))) == 3
    assert len(strokes(plot_tracks(MOVIE, lineage, 3, tail=0))) == 0


def test_starts_and_ends_are_marked_in_the_movie(lineage):
    kept = dataclasses.replace(lineage, links=lineage.links[[0, 1, 3]])
    figure = plot_tracks(MOVIE, kept, 3)
    assert marked(figure, "end") == {(12, 20.25 / 2)}
    assert marked(figure, "start") == {(5, 6), (11.5, 10.5)}
    assert marked(figure, "division") == set()


def test_time_points_without_positions():
    assert "0 positions" in describe(plot_tracks(MOVIE, Annotations(np.zeros((0, 3)), []), 3))
