import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from organoid_kit.base.errors import UserError
from organoid_kit.evaluation.classification import (
    compute_average_precision,
    compute_precision_recall,
)

TRUTHS = np.array([True, False, True, False, False])
PROBABILITIES = np.array([0.9, 0.8, 0.7, 0.2, 0.1])


@st.composite
def classified(draw):
    """Truths with at least one positive, and probabilities with many ties."""
    number = draw(st.integers(1, 40))
    truths = draw(arrays.arrays(bool, number).filter(np.any))
    return truths, draw(arrays.arrays(int, number, elements=st.integers(0, 8))) / 8


def test_by_hand():
    curve = compute_precision_recall(TRUTHS, PROBABILITIES)
    np.testing.assert_allclose(curve.thresholds, [0.1, 0.2, 0.7, 0.8, 0.9])
    np.testing.assert_allclose(curve.precision, [2 / 5, 2 / 4, 2 / 3, 1 / 2, 1])
    np.testing.assert_allclose(curve.recall, [1, 1, 1, 0.5, 0.5])
    np.testing.assert_allclose(curve.f1, [4 / 7, 2 / 3, 0.8, 0.5, 2 / 3])
    assert compute_average_precision(TRUTHS, PROBABILITIES) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_best_threshold_has_the_highest_f1():
    curve = compute_precision_recall(TRUTHS, PROBABILITIES)
    assert curve.best() == 0.7
    assert curve.f1.max() == pytest.approx(0.8)


def test_of_equally_good_thresholds_the_middle_one():
    truths = [True, True, False, True, False, False, True, False]
    curve = compute_precision_recall(truths, np.linspace(0.8, 0.1, 8))
    best = curve.thresholds[np.isclose(curve.f1, curve.f1.max())]
    assert curve.best() == best[len(best) // 2]


def test_equal_probabilities_are_one_step():
    assert compute_average_precision([True, False, False, True], np.full(4, 0.3)) == 0.5
    assert compute_average_precision([False, False, True, True], np.full(4, 0.3)) == 0.5


def test_nothing_positive_is_not_measured():
    for truths in ([], [False, False]):
        curve = compute_precision_recall(truths, np.linspace(0, 1, len(truths)))
        assert (
            len(curve.thresholds) == len(curve.precision) == len(curve.recall) == len(curve.f1) == 0
        )
        assert curve.average_precision is None
        with pytest.raises(UserError, match="chosen where there are true positions"):
            curve.best()


@settings(deadline=None)
@given(classified())
def test_agrees_with_scikit_learn(example):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    assert compute_average_precision(*example) == pytest.approx(
        metrics.average_precision_score(*example)
    )
    precision, recall, thresholds = metrics.precision_recall_curve(*example)
    curve = compute_precision_recall(*example)
    np.testing.assert_allclose(curve.thresholds, thresholds)
    np.testing.assert_allclose(curve.precision, precision[:-1])
    np.testing.assert_allclose(curve.recall, recall[:-1])


@settings(deadline=None)
@given(classified(), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_all_are_called_at_the_lowest_threshold(example, random):
    truths, probabilities = example
    rows = random.sample(range(len(truths)), len(truths))
    curve = compute_precision_recall(truths, probabilities)
    assert compute_average_precision(truths[rows], probabilities[rows]) == pytest.approx(
        curve.average_precision
    )
    assert curve.recall[0] == 1 and curve.precision[0] == pytest.approx(truths.mean())
    assert (np.diff(curve.recall) <= 0).all()


@settings(deadline=None)
@given(classified())
def test_only_the_order_of_probabilities_counts(example):
    truths, probabilities = example
    assert compute_average_precision(truths, probabilities**3) == compute_average_precision(
        truths, probabilities
    )


def test_perfect_ranking_is_one():
    assert compute_average_precision([False, True, False, True], [0.1, 0.6, 0.2, 0.7]) == 1


@pytest.mark.parametrize(
    ("truths", "probabilities", "words"),
    [
        ([True], [0.1, 0.2], "1 truths and 2 probabilities"),
        ([True, False], [np.nan, 0.2], "1 of 2 that are not"),
    ],
)
def test_bad_input_is_one_clear_error(truths, probabilities, words):
    with pytest.raises(UserError, match=words):
        compute_average_precision(truths, probabilities)
