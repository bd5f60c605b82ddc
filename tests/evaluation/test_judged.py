"""A threshold from a few candidates that somebody accepted or refused."""

import numpy as np
import pytest

from organoid_kit.base import UserError
from organoid_kit.base.settings import make_settings
from organoid_kit.evaluation.calibration import Calibration, compute_reliability
from organoid_kit.evaluation.judged import choose_from_judged


def draw(seed, calibration, n=200):
    """Candidates of a network that is wrong: (probabilities, whether they are nuclei)."""
    rng = np.random.default_rng(seed)
    honest = np.clip(rng.beta(0.4, 0.4, n), 0.001, 0.999)
    return calibration.invert(honest), rng.random(n) < honest


def judge(probabilities, truths, number):
    """Judges the most doubtful one after the other, as the annotation checker does it."""
    rows, said = [], probabilities
    for _ in range(number):
        rows.append(min(set(range(len(said))) - set(rows), key=lambda row: abs(said[row] - 0.5)))
        choice = choose_from_judged(probabilities, probabilities[rows], truths[rows])
        said = choice.calibration.apply(probabilities)
    return choice


def compute_f1(probabilities, truths, threshold):
    called = probabilities >= threshold
    return 2 * np.sum(called & truths) / (called.sum() + truths.sum())


@pytest.mark.parametrize("wrong", [Calibration(1, -3), Calibration(1, 2), Calibration(2, 3)])
def test_twenty_judged_candidates_find_a_threshold_that_is_far_away(wrong):
    gains = []
    for seed in range(3):
        probabilities, truths = draw(seed, wrong)
        tried = [compute_f1(probabilities, truths, level) for level in np.linspace(0.01, 0.99, 99)]
        choice = judge(probabilities, truths, 20)
        assert choice.low <= choice.threshold <= choice.high
        chosen = compute_f1(probabilities, truths, choice.threshold)
        assert chosen > max(tried) - 0.04
        said = compute_reliability(choice.calibration.apply(probabilities), truths)
        gains.append(compute_reliability(probabilities, truths).ece - said.ece)
    assert np.mean(gains) > 0.03


def test_the_more_are_judged_the_narrower_the_range():
    probabilities, truths = draw(0, Calibration(1, -2))
    few, many = (judge(probabilities, truths, number) for number in (5, 60))
    assert many.high - many.low < few.high - few.low
    assert str(many).endswith("from 60 judged candidates")


def test_without_refusals_the_threshold_goes_down_and_stays_possible():
    probabilities = np.linspace(0.3, 0.99, 20)
    choice = choose_from_judged(probabilities, probabilities, np.ones(20, bool))
    assert 0 < choice.threshold < 0.3
    assert 0 < choice.apply_to(make_settings("position")).threshold < 1


def test_threshold_and_calibration_go_with_the_network():
    """Its answers, calibrated before, are calibrated on; the same candidates are above both."""
    probabilities, truths = draw(1, Calibration(1, -3))
    choice = judge(probabilities, truths, 20)
    settings = make_settings("position", calibration=(2.0, 0.5))
    raw = Calibration(2.0, 0.5).invert(probabilities)
    new = choice.apply_to(settings)
    said = Calibration(*new.calibration).apply(raw)
    assert np.allclose(said, choice.calibration.apply(probabilities))
    assert np.array_equal(said >= new.threshold, probabilities >= choice.threshold)


def test_what_is_judged_is_a_probability():
    with pytest.raises(UserError, match="between 0 and 1"):
        choose_from_judged(np.array([0.5, 3]), np.array([0.5]), np.array([True]))
