import numpy as np
import pytest
from matplotlib.collections import LineCollection

from organoid_kit.evaluation.calibration import compute_reliability
from organoid_kit.evaluation.classification import compute_precision_recall
from organoid_kit.plots.drawing import describe, write_png
from organoid_kit.plots.probabilities import plot_precision_recall, plot_reliability

TRUTHS = np.array([True, False, True, False, False])
PROBABILITIES = np.array([0.9, 0.8, 0.7, 0.2, 0.1])
CURVE = compute_precision_recall(TRUTHS, PROBABILITIES)
NOTHING = compute_precision_recall([], [])


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def line(figure, name):
    return next(each for each in figure.axes[0].lines if each.get_label().startswith(name))


def test_reliability_is_drawn_where_it_was_found():
    reliability = compute_reliability(PROBABILITIES, TRUTHS, bins=2)
    figure = plot_reliability(reliability)
    np.testing.assert_allclose(line(figure, "predicted").get_xydata(), [[0.15, 0], [0.8, 2 / 3]])
    intervals = [each for each in figure.axes[0].collections if isinstance(each, LineCollection)]
    (low, high) = np.array(intervals[0].get_segments())[1, :, 1]
    assert (low, high) == pytest.approx((0.2077, 0.9385), abs=1e-3)  # Wilson's interval of 2 in 3
    bars = {(bar.get_x(), bar.get_width(), bar.get_height()) for bar in figure.axes[1].patches}
    assert bars == {(0, 0.5, 2), (0.5, 0.5, 3)}


def test_reliability_says_its_errors_in_figure_and_words():
    reliability = compute_reliability(PROBABILITIES, TRUTHS, bins=2)
    figure = plot_reliability(reliability, title="Links")
    assert f"predicted: ECE {reliability.ece:.3f}, Brier {reliability.brier:.3f}" in labels(figure)
    assert describe(figure).startswith("Links: ")
    assert "predicts 0.15 where 0.00 is true (2 examples)" in describe(figure)


def test_before_and_after_calibration_are_told_apart_by_shape():
    before, after = (
        compute_reliability(PROBABILITIES, TRUTHS),
        compute_reliability(PROBABILITIES**2, TRUTHS),
    )
    figure = plot_reliability(after, before)
    lines = [line(figure, "before calibration"), line(figure, "after calibration")]
    assert (
        lines[0].get_marker() != lines[1].get_marker()
        and lines[0].get_linestyle() != lines[1].get_linestyle()
    )
    np.testing.assert_allclose(lines[1].get_xdata(), after.probabilities)
    assert (
        f"Before calibration: 5 examples, expected calibration error {before.ece:.3f}"
        in describe(figure)
    )


def test_precision_recall_is_stairs_whose_area_is_the_average_precision():
    stairs = line(plot_precision_recall(CURVE), "this network")
    assert stairs.get_drawstyle() == "steps-post"
    recall, precision = stairs.get_xydata().T
    assert -np.diff(recall) @ precision[:-1] == pytest.approx(CURVE.average_precision)


def test_the_best_or_the_chosen_threshold_is_marked():
    best, chosen = plot_precision_recall(CURVE), plot_precision_recall(CURVE, chosen=0.75)
    np.testing.assert_allclose(line(best, "threshold").get_xydata(), [[1, 2 / 3]])
    np.testing.assert_allclose(line(chosen, "threshold").get_xydata(), [[0.5, 0.5]])
    assert "threshold 0.70: F1 0.800" in describe(best) and "threshold 0.75: F1 0.500" in describe(
        chosen
    )
    assert "by chance it would be 0.400" in describe(best)
    assert "star" not in describe(plot_precision_recall(CURVE, chosen=0.95))


def test_other_curves_are_named_in_figure_and_words():
    figure = plot_precision_recall(
        CURVE, {"brightness": compute_precision_recall(TRUTHS, -PROBABILITIES)}
    )
    assert "brightness: average precision 0.367" in labels(figure)
    assert "brightness: 0.367." in describe(figure)


@pytest.mark.parametrize(
    "figure", [plot_reliability(None), plot_precision_recall(NOTHING, {"other": NOTHING})]
)
def test_nothing_is_not_measured(figure):
    assert "ot measured" in describe(figure)
    assert write_png(figure)[1:4] == b"PNG"
