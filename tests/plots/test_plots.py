"""Figures: each says itself in words, shows what it is given, and appears once in a notebook."""

import dataclasses
import inspect

import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from nbclient import NotebookClient

from organoid_kit import plots
from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.checks import Problem
from organoid_kit.evaluation.positions import score_over_thresholds, score_positions
from organoid_kit.examples.position import PositionExample
from organoid_kit.plots.drawing import (
    COLOURS,
    FALSE,
    LINES,
    MISSED,
    POSITION,
    RIGHT,
    choose_bar_um,
    describe,
)
from organoid_kit.report.mistakes import plot_worst_mistakes
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.epoch_pictures import EpochPicture

SPACING = (2.0, 0.5, 0.5)
SETTINGS = NetworkSettings(spacing_um=SPACING)
MOVIE = make_timelapse(
    np.random.default_rng(1).integers(0, 99, size=(4, 3, 8, 20, 30)).astype(np.uint8),
    SPACING,
    name="noise",
)
STACK = MOVIE.stack(1)
TRUTH = np.array([[2.0, 5, 5], [4, 10, 20], [6, 15, 10]])
FOUND = np.array([[2.0, 5, 6], [4, 10, 20.5], [1, 18, 28]])  # two right, one missed, one false


def history(*losses: tuple[float, float]) -> list[dict]:
    """Losses of training and validation, epoch by epoch; the best epoch is that of lowest
    validation loss.
    """
    bests = [
        b < min((other for _, other in losses[:n]), default=np.inf)
        for n, (_, b) in enumerate(losses)
    ]
    rows = zip(range(1, len(losses) + 1), losses, bests)
    return [
        {"epoch": n, "loss": a, "validation_loss": b, "validation_f1": None, "best": c}
        for n, (a, b), c in rows
    ]


def example() -> PositionExample:
    shape = (8, 20, 30)
    counts = np.ones(shape, bool)
    counts[:, :10] = False
    target = np.zeros(shape, np.float32)
    target[4, 10, 20] = 1
    return PositionExample(np.zeros((*shape, 3), np.float32), target, counts, TRUTH)


def annotations(positions: np.ndarray, probability: float | None = None) -> Annotations:
    chances = {} if probability is None else {"probability": np.full(len(positions), probability)}
    return Annotations(
        positions, np.full(len(positions), 1), properties=chances, spacing_um=SPACING, name="noise"
    )


def whole(truth: Annotations) -> Annotations:
    return dataclasses.replace(truth, region=np.array([[0.0, 0, 0], [7, 19, 29]]))


def is_plot(room, value) -> bool:
    name = getattr(value, "__name__", "")
    return name.startswith("plot_") and value.__module__ == room.__name__


def draw_all(lineage: Annotations) -> dict[str, plots.Drawing]:
    truth, found = whole(annotations(TRUTH)), annotations(FOUND, 0.6)
    score = score_positions(truth, found)
    problems = [
        Problem("off_centre", "x", "warning", 1, (0,), (2.0, 5.0, 5.0)),
        Problem("jump", "x", "error", 2),
    ]
    return {
        "plot_stack": plots.plot_stack(STACK, SPACING, positions=TRUTH),
        "plot_channels": plots.images.plot_channels(MOVIE, 1),
        "plot_problems": plots.plot_problems(MOVIE, truth, problems, 1),
        "plot_annotation_counts": plots.curves.plot_annotation_counts(
            [AnnotatedMovie(MOVIE, lineage)]
        ),
        "plot_example": plots.plot_example(example(), SETTINGS),
        "plot_augmentations": plots.images.plot_augmentations(example(), [example()], SETTINGS),
        "plot_history": plots.plot_history(history((1, 1), (0.5, 0.6), (0.4, 0.5))),
        "plot_prediction": plots.plot_prediction(STACK, STACK / 99, TRUTH, FOUND, SPACING),
        "plot_mistakes": plot_worst_mistakes(AnnotatedMovie(MOVIE, truth), found, 0.5, SETTINGS),
        "plot_threshold_curve": plots.curves.plot_threshold_curve(
            score_over_thresholds(truth, found)
        ),
        "plot_depth_scores": plots.curves.plot_depth_scores(score),
        "plot_time_scores": plots.curves.plot_time_scores(score),
        "plot_epoch": plots.curves.plot_epoch(
            EpochPicture(
                "division",
                epoch=1,
                images=np.zeros((1, 1, 8, 8), np.uint8),
                targets=np.ones(1),
                answers=np.ones(1),
                positions=np.zeros((0, 2)),
                spacing_um=(1.0, 1.0),
            ),
            history((1, 1), (0.5, 0.6), (0.4, 0.5)),
        ),
    }


def test_every_plot_describes_itself_and_is_a_picture(lineage):
    drawn = draw_all(lineage)
    rooms = (plots.curves, plots.images)  # the other modules have tests of their own
    ours = {name for room in rooms for name, value in vars(room).items() if is_plot(room, value)}
    assert set(drawn) == ours
    for name, figure in drawn.items():
        assert len(describe(figure)) > 30, name
        bundle, metadata = figure._repr_mimebundle_()
        assert bundle["image/png"].startswith(b"\x89PNG"), name
        assert metadata["image/png"]["alt"] == describe(figure), name


def test_a_figure_of_somebody_else_has_no_words():
    from matplotlib.figure import Figure

    assert describe(Figure()) == ""


@pytest.mark.parametrize("preamble", ["", "import matplotlib.pyplot", "%matplotlib inline"])
def test_a_figure_appears_once_in_a_notebook(preamble):
    cells = [
        f"{preamble}\nimport numpy as np\nfrom organoid_kit.plots import plot_stack",
        "plot_stack(np.eye(8)[None], (1, 1, 1), title='once')",
        "figure = plot_stack(np.eye(8)[None], (1, 1, 1))",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    pictures = [
        [out for out in cell.outputs if "image/png" in out.get("data", {})]
        for cell in notebook.cells
    ]
    assert [len(each) for each in pictures] == [0, 1, 0]
    assert "once" in pictures[1][0]["metadata"]["image/png"]["alt"]
    assert [len(cell.outputs) for cell in notebook.cells] == [0, 1, 0]


def test_figures_leave_no_trace_in_pyplot(lineage):
    import matplotlib.pyplot

    draw_all(lineage)
    assert matplotlib.pyplot.get_fignums() == []


def test_nothing_is_told_apart_by_colour_alone():
    assert len({(line["marker"], line["linestyle"]) for line in LINES}) == len(LINES)
    assert len({mark.shape for mark in (RIGHT, MISSED, FALSE)}) == 3
    assert {line["color"] for line in LINES} <= set(COLOURS.values())
    # Okabe and Ito's colours as their paper gives them (red, green, blue from 0 to 255)
    paper = [(0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115)]
    paper += [(240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)]
    assert [
        tuple(round(255 * part) for part in to_rgb(colour)) for colour in COLOURS.values()
    ] == paper


def marked_um(axes) -> set[tuple[float, float]]:
    return {
        (float(x), float(y)) for line in axes.lines for x, y in zip(*line.get_data(), strict=True)
    }


def test_positions_lie_where_their_voxels_are():
    stack = np.zeros((3, 11, 21))
    stack[1, 4, 16] = 1
    axes = plots.plot_stack(stack, SPACING, positions=[[1, 4, 16]]).axes[0]
    left, right, bottom, top = axes.images[0].get_extent()
    assert (right - left, bottom - top) == pytest.approx((21 * 0.5, 11 * 0.5))
    brightest = np.unravel_index(axes.images[0].get_array().argmax(), (11, 21))
    middle = (left + (brightest[1] + 0.5) * 0.5, top + (brightest[0] + 0.5) * 0.5)
    assert marked_um(axes) == {middle}


def test_a_slice_fills_what_lies_in_it_and_shows_the_rest_faintly():
    figure = plots.plot_stack(STACK, SPACING, positions=TRUTH, view="slice", z=5)
    near, far = figure.axes[0].lines
    assert len(near.get_xdata()) == 2 and near.get_markerfacecolor() == COLOURS[POSITION.colour]
    assert (
        len(far.get_xdata()) == 1
        and far.get_markerfacecolor() == "none"
        and far.get_alpha() < near.get_alpha()
    )
    assert "plane 5" in describe(figure) and "2 of them within one plane" in describe(figure)


def test_orthogonal_views_have_the_same_scale():
    figure = plots.plot_stack(STACK, SPACING, positions=TRUTH, view="orthogonal")
    sizes = [
        np.abs([np.diff(axes.get_ylim()), np.diff(axes.get_xlim())]).ravel()
        for axes in figure.axes[:3]
    ]
    np.testing.assert_allclose(sizes, [[10, 15], [10, 16], [16, 15]])
    assert {axes.get_aspect() for axes in figure.axes[:3]} == {1.0}
    assert marked_um(figure.axes[1]) == {(z * 2, y * 0.5) for z, y, _ in TRUTH}
    assert marked_um(figure.axes[2]) == {(x * 0.5, z * 2) for z, _, x in TRUTH}


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"view": "oblique"}, "view"),
        ({"z": 8, "view": "slice"}, "plane"),
        ({"spacing_um": (1, 1)}, "z, y, x"),
    ],
)
def test_bad_views_are_one_clear_error(options, rule):
    with pytest.raises(UserError, match=rule):
        plots.plot_stack(**({"stack_zyx": STACK, "spacing_um": SPACING} | options))


def test_constant_and_single_plane_images_can_be_drawn():
    for view in ("projection", "slice", "orthogonal"):
        plots.plot_stack(np.zeros((1, 8, 8)), SPACING, view=view).canvas.draw()


def test_a_prediction_tells_right_from_missed_from_false():
    figure = plots.plot_prediction(STACK, None, TRUTH, FOUND, SPACING)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["right (2)", "missed (1)", "false (1)"]
    assert "2 right, 1 missed, 1 false" in describe(figure)
    region = np.array([[0, 0, 0], [7, 17, 29]])  # the false one lies outside
    assert "1 missed, 0 false" in describe(
        plots.plot_prediction(STACK, None, TRUTH, FOUND, SPACING, region=region)
    )


def test_heat_of_other_voxels_covers_the_same_place():
    figure = plots.plot_prediction(STACK, np.zeros((16, 40, 60)), TRUTH, FOUND, SPACING)
    image, heat = (axes.images[0] for axes in figure.axes[:2])
    assert image.get_extent() == heat.get_extent()


def test_mistakes_are_the_missed_and_the_false_ones_worst_first():
    truth = whole(annotations(TRUTH))
    found = Annotations(
        np.vstack([TRUTH[:1], [[1, 18, 28], [7, 2, 28]]]),
        [1, 1, 1],
        properties={"probability": [0.9, 0.6, 0.8]},
        spacing_um=SPACING,
    )
    words = describe(plot_worst_mistakes(AnnotatedMovie(MOVIE, truth), found, 0.5, SETTINGS))
    assert "2 missed (" in words and "2 false (" in words
    assert words.index("z 7, y 2, x 28") < words.index("z 1, y 18, x 28")
    assert "0 missed" in describe(
        plot_worst_mistakes(AnnotatedMovie(MOVIE, truth), annotations(TRUTH, 0.7), 0.5, SETTINGS)
    )


def test_problems_of_other_time_points_are_left_out():
    problems = [
        Problem("off_centre", "x", "warning", 1, (), (1, 2, 3)),
        Problem("jump", "x", "error", 2, (), (1, 2, 3)),
    ]
    words = describe(plots.plot_problems(MOVIE, annotations(TRUTH), problems, 1))
    assert "1 problem: 1  warning: off centre" in words and "jump" not in words


def test_annotation_counts_mark_divisions(lineage):
    figure = plots.curves.plot_annotation_counts([AnnotatedMovie(MOVIE, lineage)])
    assert figure.axes[0].lines[0].get_ydata().tolist() == [2, 2, 3]
    stars = [line.get_data() for line in figure.axes[0].lines if line.get_marker() == "*"]
    assert (stars[0][0].tolist(), stars[0][1].tolist()) == ([2], [2])
    assert "1 division" in describe(figure)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([(1, 1)], "Too early to tell: 1 epoch "),
        ([(1, 1), (0.99, 1), (0.98, 0.99), (0.97, 1)], "Not learning"),
        (
            [(1, 1), (0.6, 0.7), (0.5, 0.6), (0.4, 0.55)],
            "Still learning: the validation loss was lowest in epoch 4",
        ),
        ([(1, 1), (0.6, 0.5), (0.5, 0.6), (0.4, 0.7), (0.3, 0.8)], "Overfitting since epoch 2"),
        ([(1, 1), (0.3, 0.5), (0.4, 0.6), (0.4, 0.7), (0.35, 0.8)], "No more to learn"),
        (
            [(1, 1), (0.5, 0.6), (1.1, 1.2), (0.6, 0.7)],
            "Learning rate too high, it seems: the training loss jumped from",
        ),
        ([(1, 1), (1.7, 1.6), (2.5, 3)], "Learning rate too high"),
        ([(1, 1), (0.02, 0.03), (0.04, 0.02), (0.02, 0.02)], "Still learning"),
        ([(1, 1), (2, 2), *[(0.9 - n / 10, 0.9 - n / 10) for n in range(6)]], "Still learning"),
    ],
)
def test_a_history_is_read_in_one_sentence(losses, said):
    assert describe_history(history(*losses)).startswith(said)
    assert said in describe(plots.plot_history(history(*losses)))


def ranked(*precisions: float) -> list[dict]:
    """Of a division or link network: the average precision goes its own way, the validation loss
    only rises.
    """
    bests = [each > max(precisions[:n], default=0) for n, each in enumerate(precisions)]
    return [
        {
            "epoch": n,
            "loss": 1 / n,
            "validation_loss": float(n),
            "validation_average_precision": each,
            "best": best,
        }
        for n, (each, best) in enumerate(zip(precisions, bests), start=1)
    ]


@pytest.mark.parametrize(
    ("precisions", "said"),
    [
        (
            (0.2, 0.5, 0.7, 0.6),
            "Still learning: the average precision in validation was highest in epoch 3, of 4",
        ),
        (
            (0.2, 0.7, 0.6, 0.5, 0.5),
            "Overfitting since epoch 2: the training loss still falls, the average precision",
        ),
    ],
)
def test_networks_that_rank_are_read_by_average_precision(precisions, said):
    assert describe_history(ranked(*precisions)).startswith(said)


def test_networks_that_are_calibrated_are_read_by_what_they_are_judged_by():
    rows = [each | {"validation_calibrated_loss": 1.0} for each in ranked(0.2, 0.7, 0.6)]
    assert describe_history(rows).startswith(
        "Still learning: the validation loss after calibration was lowest in epoch 2"
    )


def test_the_star_is_at_the_epoch_that_is_kept_even_where_its_loss_is_not_the_lowest():
    figure = plots.plot_history(ranked(0.2, 0.7, 0.6))
    stars = [
        line.get_data() for axes in figure.axes for line in axes.lines if line.get_marker() == "*"
    ]
    assert [(x[0], y[0]) for x, y in stars] == [(2, 2), (2, 0.7)]
    assert figure.axes[1].get_ylabel() == "average precision in validation"
    assert "average precision 0.700" in describe(figure) and "F1" not in describe(figure)


def test_the_best_epoch_is_marked():
    figure = plots.plot_history(
        history((1, 1), (0.6, 0.5), (0.5, 0.6), (0.4, 0.7)), {"other": history((1, 0.9))}
    )
    star = next(line for line in figure.axes[0].lines if line.get_marker() == "*")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (2, 0.5)
    assert "validation, other" in [
        text.get_text() for text in figure.axes[0].get_legend().get_texts()
    ]
    plots.plot_history([]).canvas.draw()


def test_what_was_not_measured_is_a_gap_and_is_said():
    nothing = annotations(np.zeros((0, 3)), 0.5)
    curve = score_over_thresholds(nothing, nothing)
    assert "not measured" in describe(plots.curves.plot_threshold_curve(curve))
    score = score_positions(whole(annotations(TRUTH)), nothing)
    figure = plots.curves.plot_depth_scores(score)
    assert "precision not measured, recall 0.00" in describe(figure)
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).all()


def test_the_chosen_threshold_is_marked():
    curve = score_over_thresholds(whole(annotations(TRUTH)), annotations(FOUND, 0.6))
    figure = plots.curves.plot_threshold_curve(curve, chosen=0.33)
    assert 0.33 in [line.get_xdata()[0] for line in figure.axes[0].lines]


def test_plots_have_no_option_that_shows_or_keeps_a_figure():
    for name in plots.__all__:
        if name.startswith("plot_"):
            assert not {"ax", "show", "path"} & set(
                inspect.signature(getattr(plots, name)).parameters
            )


def test_a_scale_bar_has_a_round_length_of_at_most_a_third():
    assert [choose_bar_um(width_um) for width_um in (0.5, 3, 59.9, 60, 100, 9000)] == [
        1,
        1,
        10,
        20,
        20,
        1000,
    ]
    assert choose_bar_um(60 * 1.7 / 1.7) == 20  # whatever rounding does
