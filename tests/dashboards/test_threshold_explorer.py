"""Thresholds: what is right, missed and false, and the explorer that shows it."""

import dataclasses
import json

import numpy as np
import pytest
from test_training_dashboard import wait_for_timers

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import ThresholdExplorer
from organoid_kit.dashboards.threshold.explorer import _find_trade_off
from organoid_kit.dashboards.threshold.judging import list_kinds, make_judge
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.positions import ThresholdCurve, score_positions
from organoid_kit.evaluation.tracks import score_divisions
from organoid_kit.plots.drawing import describe
from organoid_kit.tracking.linking import find_candidates

SPACING = (2.0, 0.5, 0.5)
MOVIE = make_timelapse(
    np.random.default_rng(0).integers(0, 99, (4, 2, 8, 60, 60)).astype(np.uint8),
    SPACING,
    name="noise",
)


@pytest.fixture
def found(lineage):
    """All of the lineage but its last position, a little off, and two inventions; with
    probabilities of all kinds.
    """
    kept = lineage.select(np.arange(6))
    positions = np.concatenate([kept.positions + [0, 1, 0], [[3, 50, 50], [4, 15, 15]]])
    times = np.append(kept.time_points, [1, 2])
    probability = [0.9, 0.8, 0.35, 0.6, 0.55, 0.7, 0.65, 0.3]
    candidates = find_candidates(
        Annotations(positions, times, spacing_um=SPACING), max_distance_um=30.0
    )
    rng = np.random.default_rng(1)
    return dataclasses.replace(
        candidates,
        properties={
            "probability": probability,
            "division_probability": [0.2, 0.9, None, None, 0.4, 0.1, 0.7, 0.3],
        },
        link_properties={"link_probability": rng.uniform(0, 1, len(candidates.links))},
    )


@pytest.fixture
def truth(lineage):
    return AnnotatedMovie(
        MOVIE, dataclasses.replace(lineage, region=np.array([[0, 0, 0], [7, 59, 59]]))
    )


@pytest.fixture
def explorer(truth, found):
    return ThresholdExplorer(truth, found, drawn_by="kernel")


@pytest.mark.parametrize("threshold", [0.02, 0.34, 0.5, 0.62, 0.98])
def test_positions_are_judged_as_score_positions_does(truth, found, threshold):
    judged = make_judge("positions", truth.annotations, found, 5.0, 1)(threshold)
    score = score_positions(truth.annotations, found, threshold=threshold)
    assert (judged.matched, judged.missed, judged.false) == (
        score.matched,
        score.missed,
        score.false,
    )
    assert (judged.precision, judged.recall, judged.f1) == (score.precision, score.recall, score.f1)


@pytest.mark.parametrize("threshold", [0.02, 0.5, 0.95])
@pytest.mark.parametrize("tolerance", [0, 1])
def test_divisions_are_judged_as_score_divisions_does(truth, found, threshold, tolerance):
    judged = make_judge("divisions", truth.annotations, found, 5.0, tolerance)(threshold)
    score = score_divisions(truth.annotations, found, threshold=threshold, tolerance=tolerance)
    assert (judged.matched, judged.missed, judged.false) == (
        score.matched,
        score.missed,
        score.false,
    )
    assert (judged.precision, judged.recall, judged.f1) == (score.precision, score.recall, score.f1)


def test_rows_say_which_positions_are_meant(truth, found):
    judged = make_judge("positions", truth.annotations, found, 5.0, 1)(0.5)
    assert judged.rows["right"].tolist() == [0, 4, 1, 5, 3] and judged.rows["false"].tolist() == [6]
    assert judged.rows["missed"].tolist() == [2, 6]


def test_links_are_judged_among_those_whose_ends_were_found(truth, found):
    judge = make_judge("links", truth.annotations, found, 5.0, 1)
    everything, nothing = judge(0.0), judge(1.1)
    assert (
        everything.matched == 4 and everything.missed == 0
    )  # the fifth leads to what was not found
    assert everything.false > 0 and everything.recall == 1
    assert nothing.missed == 4 and nothing.precision is None and nothing.f1 == 0


def test_only_what_has_a_probability_and_a_truth_is_offered(truth, found):
    assert list_kinds(truth.annotations, found) == ["positions", "divisions", "links"]
    unlinked = dataclasses.replace(truth.annotations, links=[])
    assert list_kinds(unlinked, found) == ["positions"]
    with pytest.raises(UserError, match="needs probabilities"):
        list_kinds(truth.annotations, truth.annotations)
    lacking = dataclasses.replace(found, properties={"probability": [None, *[0.5] * 7]})
    with pytest.raises(UserError, match="1 of 8"):
        make_judge("positions", truth.annotations, lacking, 5.0, 1)


def test_moving_the_threshold_moves_figures_and_pictures(explorer):
    assert "5 right, 2 missed, 1 false" in explorer.messages.value
    before = explorer._curve.value
    explorer.threshold.value = 0.98
    assert "0 right, 7 missed, 0 false" in explorer.messages.value
    wait_for_timers()  # the movie follows when one no longer drags
    assert "precision not measured" in explorer.describe()
    assert explorer._curve.value != before and "precision not measured" in explorer._curve.value
    layers = {layer.name: layer for layer in explorer.browser.layers.values()}
    assert {name: len(layer.annotations) for name, layer in layers.items()} == {
        "right": 0,
        "missed": 7,
        "false": 0,
    }


def test_other_kinds_have_curves_of_their_own(explorer):
    explorer.kind.value = "divisions"
    assert "Divisions, threshold 0.50" in explorer.describe() and not explorer.tolerance.disabled
    explorer.kind.value = "links"
    assert "Links" in explorer.describe() and explorer.tolerance.disabled


def test_the_best_threshold_and_committing(explorer):
    explorer.best.click()
    best = explorer.judgement.f1
    assert best == max(explorer._judge(threshold).f1 for threshold in np.arange(0.02, 1, 0.02))
    explorer.commit.click()
    assert explorer.committed == {"positions": round(explorer.threshold.value, 4)}
    assert "Committed" in explorer.messages.value and ">committed<" in explorer._curve.value


@pytest.mark.parametrize(("missed", "false"), [(1, 1), (9, 1), (1, 9), (0, 0)])
def test_the_cheapest_threshold_is_found_and_drawn(explorer, missed, false):
    explorer.missed_cost.value, explorer.false_cost.value = missed, false
    assert ">lowest cost<" in explorer._curve.value
    explorer.cheapest.click()

    def cost(threshold):
        judged = explorer._judge(threshold)
        return missed * judged.missed + false * judged.false

    assert cost(explorer.threshold.value) == min(map(cost, np.arange(0.02, 1, 0.02)))


def test_dear_misses_ask_for_a_lower_threshold(explorer):
    explorer.missed_cost.value = 20
    low = explorer._find_cheapest()
    explorer.missed_cost.value, explorer.false_cost.value = 1, 20
    assert low < explorer._find_cheapest()


def test_the_axis_shows_the_thresholds_near_the_best(explorer):
    explorer.best.click()
    left, right, low = _find_trade_off(explorer._judge_all(), [explorer.threshold.value])
    figures = [explorer._judge(each).f1 for each in np.arange(0.02, 1, 0.02)]
    near = np.arange(0.02, 1, 0.02)[np.array(figures) >= 0.8 * max(figures)]
    assert (left, right) == pytest.approx((near[0] - 0.02, near[-1] + 0.02)) and right < 0.9
    assert 0 < low < explorer.judgement.recall
    nothing = ThresholdCurve(np.array([0.1, 0.9]), (explorer._judge(0.98),) * 2)
    assert _find_trade_off(nothing, [0.5])[2] == 0


def test_buttons_lead_to_the_mistakes(explorer):
    explorer.next_false.click()
    assert explorer.browser.time_point.value == 1 and (
        explorer.browser.y.value,
        explorer.browser.x.value,
    ) == (50, 50)
    explorer.next_missed.click()
    assert explorer.browser.time_point.value == 3 and "Missed, 1 of 2" in explorer.messages.value
    explorer.threshold.value = 0.98
    explorer.next_false.click()
    assert "Nothing is false" in explorer.messages.value


def test_close_ups_are_those_of_the_time_point(explorer):
    assert explorer._close_ups.value.count("<image") == 1 and ">false<" in explorer._close_ups.value
    explorer.browser.time_point.value = 2
    assert "No mistake at time point 2" in explorer._close_ups.value
    explorer.browser.time_point.value = 3
    assert (
        explorer._close_ups.value.count("<image") == 2 and ">missed<" in explorer._close_ups.value
    )


def test_state_comes_back(truth, found, explorer):
    explorer.kind.value, explorer.threshold.value = "divisions", 0.7
    explorer.commit.click()
    state = json.loads(json.dumps(explorer.state()))
    other = ThresholdExplorer(truth, found, drawn_by="kernel")
    other.restore(state)
    assert other.state() == explorer.state() and other.committed == {"divisions": 0.7}
    with pytest.raises(UserError, match="state must"):
        other.restore({"kind": "nuclei"})


def test_its_static_twin(explorer):
    drawing = explorer.plot()
    assert "5 right, 2 missed, 1 false" in describe(drawing)
    assert len(drawing.axes[0].lines) == 4


def test_of_many_time_points_some_are_judged_and_that_is_said():
    times = np.arange(100)
    movie = make_timelapse(np.zeros((100, 1, 2, 9, 9), np.uint8), (1.0, 1.0, 1.0))
    truth = Annotations(np.full((100, 3), 1.0), times, spacing_um=(1.0, 1.0, 1.0))
    found = dataclasses.replace(truth, properties={"probability": np.full(100, 0.9)})
    explorer = ThresholdExplorer(AnnotatedMovie(movie, truth), found, drawn_by="kernel")
    assert explorer.judgement.matched == 30
    assert "Judged at 30 of 100 time points" in explorer.messages.value


@pytest.mark.parametrize("cost", [-1.0, float("inf"), float("nan")])
def test_costs_that_are_none_are_refused(explorer, cost):
    explorer.missed_cost.value = cost
    assert explorer.messages.kind == "fail" and "from 0 up" in explorer.messages.value
    explorer.missed_cost.value = 0
    assert explorer.messages.kind == "say"
