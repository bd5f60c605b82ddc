import dataclasses

import numpy as np
import pytest
from matplotlib.patches import Circle

from organoid_kit.course.figures import (
    plot_convolution,
    plot_fits,
    plot_losses,
    plot_nucleus_size,
    plot_u_net,
)
from organoid_kit.data import find_samples, read_dataset
from organoid_kit.plots.drawing import COLOURS, describe, write_png


def test_a_fit_shows_points_and_curves_and_says_so():
    x = np.arange(5.0)
    figure = plot_fits((x, x), {"a line": (x, x), "a bend": (x, x**2)}, unseen=(x[:2], x[:2]))
    assert [line.get_label() for line in figure.axes[0].lines] == [
        "seen",
        "kept back",
        "a line",
        "a bend",
    ]
    assert describe(figure) == "5 points, 2 more that were kept back, and 2 curves: a line, a bend."


def test_the_axis_of_a_fit_follows_the_points_and_not_a_wild_curve():
    x = np.arange(5.0)
    figure = plot_fits((x, x), {"wild": (x, 1000 * x)})
    assert figure.axes[0].get_ylim()[1] < 10


def test_a_logarithmic_axis_takes_no_more_room():
    widths = []
    for last in (0.9, 1e-5):
        figure = plot_losses({"small": [1.0, last]})
        write_png(figure)
        widths.append(figure.axes[0].get_position().width)
    assert widths[1] > 0.9 * widths[0]


def test_losses_are_counted_from_one():
    figure = plot_losses({"small": [1.0, 0.5, 0.1]}, label="loss", step="epoch")
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2, 3]
    assert describe(figure) == "loss after each epoch: small from 1 to 0.1."


def test_losses_that_differ_widely_have_a_logarithmic_axis():
    assert plot_losses({"far": [1.0, 0.01]}).axes[0].get_yscale() == "log"
    near = plot_losses({"near": [0.7, 0.3]}).axes[0]
    assert near.get_yscale() == "linear" and near.get_ylim()[0] == 0


def test_losses_of_one_fit_have_one_colour():
    rows = {"small": [1.0, 0.5], "large": [1.0, 0.1]}
    figure = plot_losses(rows, validation={"small": [2.0, 1.5], "large": [2.0, 3.0]})
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert list(lines) == [
        "small, training",
        "small, validation",
        "large, training",
        "large, validation",
    ]
    for name in rows:
        training, validation = lines[f"{name}, training"], lines[f"{name}, validation"]
        assert training.get_color() == validation.get_color() and training.get_linestyle() == "-"
        assert validation.get_linestyle() == "--" and training.get_ydata().tolist() == rows[name]
    assert lines["small, training"].get_color() != lines["large, training"].get_color()
    assert "large, validation from 2 to 3" in describe(figure)


def test_a_convolution_frames_the_place_and_what_it_is_made_of():
    image = np.arange(64.0).reshape(8, 8)
    figure = plot_convolution(image, np.ones((3, 3)), 9 * image, place=(3, 4))
    frames = [[patch.get_xy() for patch in axes.patches] for axes in figure.axes]
    assert frames == [[(2.5, 1.5)], [], [(3.5, 2.5)]]
    assert "The answer at row 3, column 4 is 252." in describe(figure)


def test_numbers_stay_readable_on_light_and_dark_squares():
    figure = plot_convolution(np.eye(8), np.eye(3), np.eye(8), place=(3, 3))
    colours = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert colours == {"0": "white", "1": "black"}


def test_a_u_net_is_drawn_to_scale():
    layers = [("conv3d", (16, 64, 64, 16)), ("concatenate", (16, 32, 32, 48))]
    wide, deep = plot_u_net(layers).axes[0].patches
    assert (wide.get_height(), deep.get_height()) == (1.0, 0.5)
    assert (wide.get_width(), deep.get_width()) == (2.0, 4.0)
    assert deep.get_facecolor() != wide.get_facecolor() and COLOURS["orange"] != COLOURS["sky blue"]


def test_lessons_can_be_written():
    assert write_png(plot_u_net([("dots", (16, 64, 64, 1))])).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("stated", "said"), [(None, "as estimated"), (12.0, "12.0 µm wide (as stated)")]
)
def test_circles_have_the_size_that_nuclei_are_taken_to_have(stated, said):
    [sample] = read_dataset(find_samples() / "test.autlist")
    movie = dataclasses.replace(sample.movie, nucleus_diameter_um=stated)
    drawing = plot_nucleus_size(dataclasses.replace(sample, movie=movie), (2, 3))
    [axes] = drawing.axes
    radii = {patch.radius for patch in axes.patches if isinstance(patch, Circle)}
    assert len(radii) == 1 and 2 * radii.pop() == pytest.approx(stated or 7, abs=1)
    assert said in drawing.description and "nuclei about 7 µm wide" in drawing.description
