import re

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import expit, logit

from organoid_kit.base.errors import UserError
from organoid_kit.evaluation.calibration import (
    CLIP,
    LEAST_EXAMPLES,
    Calibration,
    calibrate,
    compute_reliability,
)

FRACTIONS = st.floats(0, 1)


def make_examples(number=4000, slope=1.0, intercept=0.0, seed=0):
    """What a network says whose true log-odds are slope · logit(said) + intercept, and what is
    true.
    """
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2.5, number)
    truths = rng.random(number) < expit(slope * logits + intercept)
    return expit(logits), truths


@pytest.mark.parametrize("slope,intercept", [(0.5, -1.0), (2.0, 0.7), (1.0, -1.5)])
def test_planted_line_is_found(slope, intercept):
    calibration = calibrate(*make_examples(slope=slope, intercept=intercept))
    assert calibration.kind == "platt"
    assert calibration.slope == pytest.approx(slope, rel=0.12)
    assert calibration.intercept == pytest.approx(intercept, abs=0.15)


@pytest.mark.parametrize("slope", [0.4, 2.5])
def test_planted_temperature_is_found(slope):
    calibrations = [calibrate(*make_examples(slope=slope, seed=seed)) for seed in range(5)]
    assert {each.kind for each in calibrations} <= {"temperature", "platt"}
    assert "temperature" in {each.kind for each in calibrations}
    assert [each.intercept for each in calibrations] == pytest.approx([0] * 5, abs=0.2)
    assert {each.intercept for each in calibrations if each.kind == "temperature"} == {0}
    assert [each.slope for each in calibrations] == pytest.approx([slope] * 5, rel=0.1)


def test_good_probabilities_change_little():
    for seed in range(5):
        calibration = calibrate(*make_examples(seed=seed))
        assert calibration.slope == pytest.approx(1, abs=0.1)
        assert calibration.intercept == pytest.approx(0, abs=0.1)


def test_agrees_with_logistic_regression():
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    probabilities, truths = make_examples(20_000, slope=0.5, intercept=-1)
    fit = linear.LogisticRegression(C=1e12).fit(logit(probabilities)[:, None], truths)
    calibration = calibrate(probabilities, truths)
    assert calibration.slope == pytest.approx(fit.coef_[0, 0], abs=1e-3)
    assert calibration.intercept == pytest.approx(fit.intercept_[0], abs=1e-3)


def test_calibration_mends_examples_it_never_saw():
    calibration = calibrate(*make_examples(slope=0.4, intercept=-0.8))
    probabilities, truths = make_examples(slope=0.4, intercept=-0.8, seed=1)
    before, after = (
        compute_reliability(p, truths) for p in (probabilities, calibration.apply(probabilities))
    )
    assert before.ece > 0.1 and after.ece < 0.03
    assert after.brier < before.brier


def test_weights_count_as_repeats():
    probabilities, truths = make_examples(slope=0.5, intercept=-1)
    times = np.where(truths, 3, 1)
    groups = np.arange(len(truths)) % 4
    weighted = calibrate(probabilities, truths, groups=groups, weights=times)
    repeated = calibrate(
        *(np.repeat(each, times) for each in (probabilities, truths)),
        groups=np.repeat(groups, times),
    )
    assert weighted.intercept > calibrate(probabilities, truths).intercept + 0.5
    assert weighted.kind == repeated.kind
    assert (weighted.slope, weighted.intercept) == pytest.approx(
        (repeated.slope, repeated.intercept), abs=1e-3
    )
    scaled = calibrate(probabilities, truths, groups=groups, weights=7 * times)
    assert (scaled.slope, scaled.intercept) == pytest.approx((weighted.slope, weighted.intercept))


def test_what_helps_in_one_movie_only_is_not_chosen():
    often, seldom = make_examples(3000, intercept=-3), make_examples(1000, intercept=2)
    examples = tuple(np.concatenate(each) for each in zip(often, seldom, strict=True))
    assert calibrate(*examples).kind == "platt"
    assert calibrate(*examples, groups=np.repeat([0, 1], [3000, 1000])).kind != "platt"


def test_groups_that_hold_all_of_a_class_fall_back_to_blocks():
    probabilities, truths = make_examples(600, slope=0.5)
    first = np.arange(600) < 50
    for groups in (truths, truths | first, truths & first, np.zeros(600)):
        assert calibrate(probabilities, truths, groups=groups) == calibrate(probabilities, truths)


def test_names_of_movies_are_groups():
    probabilities, truths = make_examples(600, slope=0.5)
    names = np.array(["a", "b", "c"])[np.arange(600) % 3]
    assert calibrate(probabilities, truths, groups=names) == calibrate(
        probabilities, truths, groups=np.arange(600) % 3
    )


def test_separable_examples_stay_finite():
    truths = np.arange(200) % 2 == 0
    calibration = calibrate(np.where(truths, 0.9, 0.1), truths)
    assert 0 < calibration.slope < 10
    assert np.isfinite(calibration.apply(np.array([0, 0.5, 1]))).all()


def test_separable_examples_get_the_probabilities_of_platt():
    truths = np.arange(200) % 4 == 0
    calibration = calibrate(np.where(truths, 0.9, 0.3), truths)
    assert calibration.kind == "platt"
    np.testing.assert_allclose(
        calibration.apply(np.array([0.9, 0.3])), [51 / 52, 1 / 152], rtol=1e-4
    )


@pytest.mark.parametrize(
    ("probabilities", "truths", "words"),
    [
        ([], [], "0 positive and 0 negative"),
        (np.full(50, 0.1), np.zeros(50), "0 positive and 50 negative"),
        (np.full(50, 0.1), np.ones(50), "50 positive and 0 negative"),
        (
            np.linspace(0, 1, 50),
            np.arange(50) < LEAST_EXAMPLES - 1,
            f"at least {LEAST_EXAMPLES} of each",
        ),
        (np.full(50, 0.3), np.arange(50) < 20, "all probabilities are the same"),
        (np.linspace(0.05, 0.95, 50), np.arange(50) < 25, r"the fewer are true \(slope -"),
    ],
)
def test_what_cannot_be_calibrated_is_left_and_said(probabilities, truths, words):
    calibration = calibrate(np.array(probabilities), np.array(truths, bool))
    assert calibration.reason.startswith("Left as they are: ")
    assert (calibration.slope, calibration.intercept, calibration.kind) == (1, 0, "none")
    assert re.search(words, calibration.reason)
    np.testing.assert_array_equal(calibration.apply(probabilities), probabilities)


@settings(deadline=None)
@given(
    arrays.arrays(float, st.integers(0, 60), elements=FRACTIONS), st.randoms(use_true_random=False)
)
def test_calibration_keeps_order_and_is_finite(probabilities, random):
    truths = np.array([random.random() < p for p in probabilities], bool)
    calibration = calibrate(probabilities, truths)
    assert calibration == calibrate(probabilities, truths)
    assert calibration.kind in ("platt", "temperature", "none") and calibration.reason
    assert np.isfinite([calibration.slope, calibration.intercept]).all() and calibration.slope > 0
    moved = calibration.apply(np.sort(probabilities))
    assert (np.diff(moved) >= 0).all() and ((moved >= 0) & (moved <= 1)).all()


@settings(deadline=None)
@given(
    arrays.arrays(float, 9, elements=st.floats(0.001, 0.999)), st.floats(0.2, 1.5), st.floats(-2, 2)
)
def test_invert_undoes_apply(probabilities, slope, intercept):
    calibration = Calibration(slope, intercept, "platt")
    np.testing.assert_allclose(
        calibration.invert(calibration.apply(probabilities)), probabilities, rtol=1e-6
    )


def test_certainty_is_clipped():
    calibration = Calibration(0.5, 0.0, "temperature")
    np.testing.assert_allclose(
        calibration.apply(np.array([0, 1])), expit(0.5 * logit([CLIP, 1 - CLIP]))
    )


def test_reliability_by_hand():
    reliability = compute_reliability(
        [0.1, 0.2, 0.25, 0.9, 1.0], [False, False, True, True, True], bins=4
    )
    np.testing.assert_allclose(reliability.lows, [0, 0.25, 0.75])
    np.testing.assert_allclose(reliability.probabilities, [0.15, 0.25, 0.95])
    np.testing.assert_allclose(reliability.parts_true, [0, 1, 1])
    np.testing.assert_array_equal(reliability.counts, [2, 1, 2])
    assert reliability.width == 0.25
    assert reliability.ece == pytest.approx((2 * 0.15 + 0.75 + 2 * 0.05) / 5)
    assert reliability.brier == pytest.approx((0.01 + 0.04 + 0.75**2 + 0.01) / 5)
    assert reliability.to_dict()["counts"] == [2, 1, 2]


def test_reliability_of_nothing_is_not_measured():
    assert compute_reliability([], []) is None


@settings(deadline=None)
@given(arrays.arrays(float, st.integers(1, 50), elements=FRACTIONS), st.integers(1, 20), st.data())
def test_reliability_counts_everything_in_its_bin(probabilities, bins, data):
    truths = data.draw(arrays.arrays(bool, len(probabilities)))
    reliability = compute_reliability(probabilities, truths, bins)
    assert reliability.counts.sum() == len(probabilities)
    assert (reliability.counts * reliability.parts_true).sum() == pytest.approx(truths.sum())
    assert (reliability.lows <= reliability.probabilities + 1e-9).all()
    assert (reliability.probabilities <= reliability.lows + reliability.width + 1e-9).all()
    assert abs(probabilities.mean() - truths.mean()) - 1e-9 <= reliability.ece <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"probabilities": [-0.5, 0.2], "truths": [True, False]}, "such as -0.5"),
        ({"probabilities": [1.5, 0.2], "truths": [True, False]}, "such as 1.5"),
        ({"probabilities": [0.5, 0.2], "truths": [True]}, "1 truths and 2 probabilities"),
        (
            {"probabilities": [0.5, 0.2], "truths": [True, False], "weights": [1]},
            "1 weights for 2 examples",
        ),
        (
            {"probabilities": [0.5, 0.2], "truths": [True, False], "weights": [1, 0]},
            "1 of them above 0",
        ),
        (
            {"probabilities": [0.5, 0.2], "truths": [True, False], "groups": [1]},
            "1 groups for 2 examples",
        ),
    ],
)
def test_bad_input_is_one_clear_error(arguments, words):
    with pytest.raises(UserError, match=words):
        calibrate(**arguments)
