import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import make_settings
from organoid_kit.examples.division import DivisionExample
from organoid_kit.examples.link import LinkExample
from organoid_kit.plots import plot_crops, plot_pairs
from organoid_kit.plots.drawing import describe

SPACING = (2.0, 1.0, 0.5)
DIVISION = make_settings("division", spacing_um=SPACING, time_window=(-1, 1))
LINK = make_settings("link", spacing_um=SPACING)
SHAPE = (5, 9, 21)


def stacks(*middle_values):
    """Stacks whose middle planes have these values, side by side as time points."""
    image = np.full((*SHAPE, len(middle_values)), -1, np.float32)
    image[2] = middle_values
    return image


def division(kind=0):
    return DivisionExample(stacks(0.1, 0.2, 0.3), kind == 0, kind)


def pair(displacement):
    return LinkExample(stacks(0.1, 0.2), stacks(0.3, 0.4), np.array(displacement, float), True, 1)


def values(figure):
    return [
        round(float(axes.images[0].get_array().mean()), 4) for axes in figure.axes if axes.images
    ]


def test_crops_show_the_middle_plane_of_each_time_point():
    figure = plot_crops([division(), division(1)], DIVISION, title="Two")
    np.testing.assert_allclose(values(figure), [0.1, 0.2, 0.3] * 2)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["−1", "now", "+1"]
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == [
        "division",
        "no division,\nlooks alike",
    ]
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert (right - left, bottom - top) == (10.5, 9)  # µm
    assert describe(figure).startswith(
        "Two: 2 crops"
    ) and "division; no division, looks alike." in describe(figure)


def test_crops_are_called_by_the_names_given():
    figure = plot_crops([division()], DIVISION, names=["divides, said 0.20"])
    assert figure.axes[0].get_ylabel() == "divides, said 0.20"
    with pytest.raises(UserError, match="2 names for 1 examples"):
        plot_crops([division()], DIVISION, names=["a", "b"])


def test_a_pair_shows_each_nucleus_at_its_own_time_point():
    np.testing.assert_allclose(values(plot_pairs([pair((0, 0, 0))], LINK)), [0.1, 0.4])


def test_the_arrow_leads_from_the_earlier_to_the_later_nucleus_in_um():
    figure = plot_pairs([pair((1, -3, 4))], LINK)
    (earlier, later) = [axes.texts[-1] for axes in figure.axes]
    assert (earlier.xyann, earlier.xy) == ((5, 4), (7, 1))  # from the middle
    assert (later.xyann, later.xy) == ((3, 7), (5, 4))  # to the middle
    assert figure.axes[1].get_xlabel() == "depth +2.0 µm"
    assert "same, moved by 2.0, -3.0, 2.0 µm (z, y, x)" in describe(figure)


def test_a_nucleus_that_stays_has_a_ring_and_no_arrow():
    figure = plot_pairs([pair((0, 0.5, 0))], LINK)
    assert not [text for axes in figure.axes for text in axes.texts]
    assert [axes.lines[0].get_marker() for axes in figure.axes] == ["o", "o"]


@pytest.mark.parametrize("number", [0, 1, 7])
def test_any_number_of_pairs_can_be_drawn(number):
    figure = plot_pairs([pair((0, 3, 3))] * number, LINK)
    assert len(values(figure)) == 2 * number
    figure.canvas.draw()


def test_crops_of_nothing_and_of_one_plane_can_be_drawn():
    plot_crops([], DIVISION).canvas.draw()
    plot_crops([DivisionExample(stacks(0, 0, 0)[2:3], False, 2)], DIVISION).canvas.draw()


def test_settings_without_spacing_are_one_clear_error():
    for plot, example in ((plot_crops, division()), (plot_pairs, pair((0, 0, 0)))):
        with pytest.raises(UserError, match="without spacing_um"):
            plot([example], DIVISION.changed(spacing_um=None))
