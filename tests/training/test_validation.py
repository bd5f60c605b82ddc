"""How a network is judged between two epochs."""

import keras
import numpy as np
import pytest

from organoid_kit.examples.division import DivisionExamples
from organoid_kit.examples.link import LinkExamples
from organoid_kit.training.validation import validate
from training_helpers import make_family, tiny_crop_settings

KINDS = {"division": DivisionExamples, "link": LinkExamples}


class Oracle:
    """Answers what one passes, batch after batch."""

    loss = keras.losses.BinaryCrossentropy()

    def __init__(self, answers):
        self.answers, self.done = answers, 0

    def predict_on_batch(self, inputs):
        count = len(inputs if isinstance(inputs, np.ndarray) else inputs[0])
        self.done += count
        return np.asarray(self.answers[self.done - count : self.done], np.float32)[:, None]


@pytest.fixture(params=KINDS)
def checks(request):
    settings = tiny_crop_settings(request.param, "")
    return KINDS[request.param]([make_family()], settings, augment=False)


def truths(checks) -> np.ndarray:
    return checks.targets[checks.order(0)]


def test_the_right_order_is_all_that_average_precision_asks_for(checks):
    right = np.where(truths(checks), 0.2, 0.1)
    judged = validate(Oracle(right), checks, 4)
    assert judged["validation_average_precision"] == 1 and "validation_f1" not in judged
    assert validate(Oracle(1 - right), checks, 4)["validation_average_precision"] < 0.5


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_the_loss_is_that_of_all_examples_with_both_answers_counting_the_same(checks, batch_size):
    right = np.where(truths(checks), 0.9, 0.4)
    judged = validate(Oracle(right), checks, batch_size)
    expected = (-np.log(0.9) - np.log(0.6)) / 2
    assert judged["validation_loss"] == pytest.approx(expected, rel=1e-3)


def test_a_stop_leaves_no_judgement(checks):
    oracle = Oracle(np.full(999, 0.5))
    assert validate(oracle, checks, 4, should_stop=lambda: oracle.done > 0) is None
    assert oracle.done == 4


def test_what_cannot_be_measured_is_none():
    checks = LinkExamples([make_family()], tiny_crop_settings("link", ""), augment=False)
    wrong = np.flatnonzero(~checks.targets)[:3]  # nothing there is to be found
    checks._fixed, checks.number_per_epoch = wrong, 3
    assert validate(Oracle(np.full(3, 0.5)), checks, 4)["validation_average_precision"] is None
