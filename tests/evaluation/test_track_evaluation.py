"""Divisions, links and lineages compared: right ones are 1, and each planted mistake is found once."""

import dataclasses
import json
import sys

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.matching import match_to_truth
from organoid_kit.evaluation.tracks import (
    fill_gaps,
    judge_links,
    pool_division_scores,
    pool_link_scores,
    score_divisions,
    score_links,
    score_tracks,
)

# The rows of `make_family`.
MOTHER = 2
DAUGHTERS = (3, 6)
SINGLE = range(9, 15)


def make_family(**others) -> Annotations:
    """A nucleus that divides, and one that does not, 40 µm away; all motion is along x, in µm.

    time point   0     1     2      3     4     5
    x                              17 ── 18 ── 19      rows 3 4 5
                10 ── 11 ── 12 <
                                    7 ──  6 ──  5      rows 6 7 8

                50 ── 51 ── 52 ── 53 ── 54 ── 55       rows 9 to 14
    """
    x = [10, 11, 12, 17, 18, 19, 7, 6, 5, *range(50, 56)]
    time_points = [0, 1, 2, 3, 4, 5, 3, 4, 5, *range(6)]
    links = [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
        [4, 5],
        [2, 6],
        [6, 7],
        [7, 8],
        *([row, row + 1] for row in range(9, 14)),
    ]
    positions = [[0, 0, each] for each in x]
    options = {
        "spacing_um": (1, 1, 1),
        "name": "family",
        "region": [[-9, -9, -9], [9, 9, 99]],
        **others,
    }
    return Annotations(positions, time_points, links, **options)


def without_links(annotations: Annotations, *links) -> Annotations:
    kept = [link for link in annotations.links.tolist() if tuple(link) not in links]
    return dataclasses.replace(annotations, links=kept)


def with_links(annotations: Annotations, *links) -> Annotations:
    return dataclasses.replace(annotations, links=[*annotations.links.tolist(), *links])


def moved(annotations: Annotations, row: int, by=(0, 0, 20)) -> Annotations:
    """One position elsewhere, still inside the region."""
    positions = annotations.positions.copy()
    positions[row] += by
    return dataclasses.replace(annotations, positions=positions)


def with_probabilities(annotations: Annotations, ordinary=0.0, **probabilities) -> Annotations:
    """Division probabilities of some rows: with_probabilities(annotations, r2=0.9)."""
    values = np.full(len(annotations), ordinary, dtype=object)
    for row, value in probabilities.items():
        values[int(row[1:])] = value
    return dataclasses.replace(annotations, properties={"division_probability": values})


def counts(score) -> tuple[int, int, int, int]:
    return score.matched, score.missed, score.false, score.ignored


# Links


def test_links_against_themselves_are_all_right(lineage):
    score = score_links(lineage, lineage)
    assert (score.right, score.false, score.missed, score.undetected, score.ignored) == (
        5,
        0,
        0,
        0,
        0,
    )
    assert score.wrong_per_1000 == score.missed_per_1000 == 0


def test_rows_may_be_in_another_order():
    truth = make_family()
    order = np.random.default_rng(0).permutation(len(truth))
    assert score_links(truth, truth.select(order)).right == 13


@pytest.mark.parametrize(
    ("change", "right", "false", "missed", "undetected", "ignored"),
    [
        (lambda found: without_links(found, (9, 10)), 12, 0, 1, 0, 0),
        (lambda found: with_links(without_links(found, (10, 11)), (1, 11)), 12, 1, 1, 0, 0),
        (lambda found: with_links(found, (10, 2)), 13, 1, 0, 0, 0),
        (lambda found: moved(found, 10), 11, 0, 0, 2, 2),
        (lambda found: found.select(np.arange(15) != 10), 11, 0, 0, 2, 0),
    ],
    ids=["cut", "swapped", "merged", "elsewhere", "not found"],
)
def test_each_mistake_of_a_link_is_counted_once(change, right, false, missed, undetected, ignored):
    score = score_links(make_family(), change(make_family()))
    assert (score.right, score.false, score.missed) == (right, false, missed)
    assert (score.undetected, score.ignored) == (undetected, ignored)


def test_a_link_between_the_end_of_one_and_the_beginning_of_another_nucleus_is_not_judged():
    truth = without_links(make_family(), (10, 11))
    score = score_links(truth, make_family())
    assert (score.right, score.false, score.ignored) == (12, 0, 1)
    score = score_links(truth, with_links(truth, (10, 2)))  # but the mother of 2 is known
    assert (score.right, score.false, score.ignored) == (12, 1, 0)


def test_a_gap_that_was_bridged_is_right():
    bridged = with_links(
        make_family().select(np.arange(15) != 10), [9, 10]
    )  # rows behind the missed one move up
    score = score_links(make_family(), bridged)
    assert (score.right, score.undetected, score.ignored) == (13, 0, 0)


def test_links_are_reported_per_1000():
    found = with_links(without_links(make_family(), (10, 11)), (1, 11))
    score = score_links(make_family(), found)
    assert score.wrong_per_1000 == score.missed_per_1000 == pytest.approx(1000 / 13)
    assert "76.9 per 1000" in str(score) and json.dumps(score.to_dict())


def test_where_there_are_no_links_nothing_is_measured(lineage):
    score = score_links(
        dataclasses.replace(lineage, links=[]), dataclasses.replace(lineage, links=[])
    )
    assert (
        score.wrong_per_1000 is None
        and score.missed_per_1000 is None
        and "not measured" in str(score)
    )


def test_link_scores_of_movies_add_up():
    first = score_links(make_family(), without_links(make_family(), (9, 10)))
    pooled = pool_link_scores([first, score_links(make_family(), make_family())])
    assert (pooled.right, pooled.missed) == (25, 1)
    with pytest.raises(UserError, match="same way"):
        pool_link_scores([first, dataclasses.replace(first, max_distance_um=2)])


def test_links_are_judged_one_by_one(lineage):
    shifted = dataclasses.replace(lineage, positions=lineage.positions + 0.5)
    assert judge_links(lineage, shifted).tolist() == [True] * 5
    crossed = dataclasses.replace(shifted, links=[[0, 5], [4, 5], [5, 6]], link_properties={})
    assert judge_links(lineage, crossed).tolist() == [False, True, True]
    elsewhere = dataclasses.replace(shifted, positions=lineage.positions + 100)
    assert judge_links(lineage, elsewhere).tolist() == [None] * 5


# Divisions


def test_divisions_against_themselves_are_all_right():
    score = score_divisions(make_family(), make_family(), tolerance=0)
    assert counts(score) == (1, 0, 0, 0) and score.precision == score.recall == score.f1 == 1
    assert score.average_precision is None and not score.ranked


@pytest.mark.parametrize(
    ("called", "within_0", "within_1", "within_2"),
    [
        (2, (1, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)),
        (1, (0, 1, 1, 0), (1, 0, 0, 0), (1, 0, 0, 0)),
        (3, (0, 1, 1, 0), (1, 0, 0, 0), (1, 0, 0, 0)),
        (0, (0, 1, 1, 0), (0, 1, 1, 0), (1, 0, 0, 0)),
        (7, (0, 1, 1, 0), (0, 1, 1, 0), (1, 0, 0, 0)),
        (12, (0, 1, 1, 0), (0, 1, 1, 0), (0, 1, 1, 0)),  # the other nucleus, at the right time
        (5, (0, 1, 0, 1), (0, 1, 0, 1), (0, 1, 0, 1)),  # the last time point: nobody knows
    ],
)
def test_a_call_may_be_late_or_early_by_the_tolerance(called, within_0, within_1, within_2):
    truth = make_family()
    found = with_probabilities(truth, **{f"r{called}": 0.9})
    for tolerance, expected in enumerate((within_0, within_1, within_2)):
        assert counts(score_divisions(truth, found, tolerance=tolerance)) == expected


def test_a_late_call_may_lie_between_the_daughters():
    truth = make_family()
    found = Annotations(
        [[0, 0, 12.4]], [3], spacing_um=(1, 1, 1), properties={"division_probability": [0.9]}
    )
    assert counts(score_divisions(truth, found, max_distance_um=2)) == (1, 0, 0, 0)
    assert counts(score_divisions(truth, found, max_distance_um=2, tolerance=0)) == (0, 1, 1, 0)


def test_calls_of_mother_and_daughters_are_one_event():
    truth = make_family()
    found = with_probabilities(truth, r1=0.7, r2=0.9, r3=0.8, r6=0.8)
    score = score_divisions(truth, found, tolerance=1)
    assert counts(score) == (1, 0, 0, 3) and score.average_precision == 1
    assert score.called_mothers[2] == MOTHER
    assert counts(score_divisions(truth, found, tolerance=0)) == (1, 0, 3, 0)


def test_without_tolerance_a_mother_found_twice_is_called_once():
    truth = make_family()
    twice = Annotations(truth.positions[[2, 2]], [2, 2], spacing_um=(1, 1, 1))
    found = with_probabilities(twice, r0=0.9, r1=0.8)
    assert counts(score_divisions(truth, found, tolerance=0)) == (1, 0, 1, 0)


def test_divisions_drawn_by_links_are_separate_events():
    truth = make_family()
    twice = with_links(truth, (1, 6))
    assert counts(score_divisions(truth, twice, tolerance=1)) == (1, 0, 1, 0)


def test_links_are_judged_though_there_are_probabilities():
    truth = make_family()
    found = with_probabilities(without_links(truth, (2, 6)), r2=1.0)
    assert counts(score_divisions(truth, found)) == (1, 0, 0, 0)
    assert counts(score_divisions(truth, found, by=None)) == (0, 1, 0, 0)


def test_calls_are_right_only_from_the_threshold_on():
    truth = make_family()
    found = with_probabilities(truth, r2=0.6, r12=0.7)
    assert counts(score_divisions(truth, found, threshold=0.65)) == (0, 1, 1, 0)
    assert counts(score_divisions(truth, found, threshold=0.6)) == (1, 0, 1, 0)


def test_average_precision_ranks_all_positions():
    truth = make_family()
    assert score_divisions(truth, with_probabilities(truth, r2=0.2)).average_precision == 1
    assert score_divisions(
        truth, with_probabilities(truth, r2=0.2, r12=0.3, r10=0.4)
    ).average_precision == pytest.approx(1 / 3)


def test_average_precision_counts_divisions_nobody_found():
    truth = make_family()
    found = with_probabilities(truth, r2=0.9)
    without_mother = found.select(np.isin(np.arange(15), SINGLE))
    assert score_divisions(truth, without_mother).average_precision == 0
    assert counts(score_divisions(truth, without_mother)) == (0, 1, 0, 0)
    both = make_two_families()
    assert score_divisions(both, with_probabilities(both, None, r2=0.9)).average_precision == 0.5


def test_calls_where_nobody_annotated_are_ignored():
    truth = make_family(region=[[-9, -9, 0], [9, 9, 45]]).select(np.arange(15) < 9)
    found = with_probabilities(make_family(), r2=0.9, r11=0.9)
    assert counts(score_divisions(truth, found)) == (1, 0, 0, 1)


def test_a_call_on_a_nucleus_that_is_not_there_is_false():
    truth = make_family()
    found = with_probabilities(moved(truth, 11), r2=0.9, r11=0.9)
    assert counts(score_divisions(truth, found)) == (1, 0, 1, 0)
    at_the_end = with_probabilities(moved(truth, 14), r2=0.9, r14=0.9)
    assert counts(score_divisions(truth, at_the_end)) == (1, 0, 0, 1)


def test_calls_where_truth_does_not_go_on_are_ignored():
    truth = without_links(make_family(), (11, 12))
    assert counts(score_divisions(truth, with_probabilities(truth, r11=0.9))) == (0, 1, 0, 1)


def test_positions_without_a_probability_call_nothing():
    truth = make_family()
    score = score_divisions(truth, with_probabilities(truth, None, r2=0.9))
    assert len(score.calls) == 1 and counts(score) == (1, 0, 0, 0)


def make_two_families() -> Annotations:
    """The family twice, the second one (rows from 15) 3 µm beside the first."""
    family = make_family()
    return Annotations(
        np.concatenate([family.positions, family.positions + [0, 3, 0]]),
        np.tile(family.time_points, 2),
        np.concatenate([family.links, family.links + 15]),
        spacing_um=(1, 1, 1),
        region=family.region,
    )


def test_two_divisions_side_by_side_each_have_their_call():
    both = make_two_families()
    found = with_probabilities(both, r2=0.9, r17=0.8)
    assert counts(score_divisions(both, found)) == (2, 0, 0, 0)
    assert score_divisions(both, found).called_mothers[[2, 17]].tolist() == [2, 17]
    assert counts(score_divisions(both, with_probabilities(both, r2=0.9))) == (1, 1, 0, 0)


def test_without_divisions_nothing_is_measured():
    truth = without_links(make_family(), (2, 6))
    score = score_divisions(truth, with_probabilities(truth, r2=0.1))
    assert (score.recall, score.f1, score.average_precision, score.precision) == (None,) * 4
    assert "not measured" in str(score) and json.dumps(score.to_dict())
    empty = Annotations([], [], spacing_um=(1, 1, 1))
    assert counts(score_divisions(empty, empty)) == (0, 0, 0, 0)
    assert score_divisions(make_family(), empty).f1 == 0


def test_division_scores_of_movies_share_one_ranking():
    truth = make_family()
    good = score_divisions(truth, with_probabilities(truth, r2=0.4))
    bad = score_divisions(truth, with_probabilities(truth, r2=0.8, r12=0.6))
    pooled = pool_division_scores([good, bad])
    assert good.average_precision == bad.average_precision == 1
    assert pooled.average_precision == pytest.approx((1 + 2 / 3) / 2) and pooled.missed == 1
    with pytest.raises(UserError, match="same way"):
        pool_division_scores([good, score_divisions(truth, truth)])


# Gaps and partners


def test_gaps_are_filled_on_the_straight_line():
    gapped = Annotations(
        [[0, 0, 3], [0, 3, 9], [1, 1, 1], [1, 1, 5]],
        [2, 5, 3, 5],
        [[0, 1], [2, 3]],
        spacing_um=(1, 1, 1),
    )
    filled = fill_gaps(gapped)
    assert filled.positions[4:].tolist() == [[0, 1, 5], [0, 2, 7], [1, 1, 3]]
    assert filled.time_points[4:].tolist() == [3, 4, 4]
    assert filled.links.tolist() == [[0, 4], [4, 5], [5, 1], [2, 6], [6, 3]]


def test_partners_are_found_at_each_time_point(lineage):
    order = [6, 0, 3, 2]
    assert match_to_truth(lineage, lineage.select(order)).tolist() == order
    assert match_to_truth(lineage, moved(lineage, 0)).tolist() == [-1, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("score", [score_links, score_divisions, score_tracks])
def test_without_spacing_there_is_one_clear_error(score, lineage):
    if score is score_tracks:
        pytest.importorskip("traccuracy")
    with pytest.raises(UserError, match="without spacing"):
        score(lineage, dataclasses.replace(lineage, spacing_um=None))


# Lineages


@pytest.fixture
def library():
    pytest.importorskip("traccuracy", reason="the extra `scores` is not installed")


@pytest.mark.usefixtures("library")
class TestTracks:
    def test_against_themselves_all_is_1(self):
        score = score_tracks(make_family(), make_family())
        figures = (
            score.det,
            score.lnk,
            score.tra,
            score.chota,
            score.complete_tracks,
            score.complete_lineages,
        )
        assert (
            figures == (1,) * 6
            and score.division_f1 == {0: 1, 1: 1, 2: 1}
            and score.mitotic_branching == 1
        )
        assert (score.true_tracks, score.true_lineages, score.true_divisions, score.left_out) == (
            4,
            2,
            1,
            0,
        )

    def test_deleting_all_divisions_is_seen_though_tra_stays_high(self):
        score = score_tracks(make_family(), without_links(make_family(), (2, 6)))
        assert (
            score.tra > 0.97
            and score.division_f1 == {0: 0, 1: 0, 2: 0}
            and score.found_divisions == 0
        )
        assert score.complete_lineages == 0.5 and "division F1" in str(score)

    def test_a_swap_costs_links_and_tracks_but_no_positions(self):
        found = with_links(without_links(make_family(), (10, 11), (1, 2)), (1, 11), (10, 2))
        score = score_tracks(make_family(), found)
        assert score.det == 1 and score.lnk < 1 and score.chota < 1
        assert score.complete_lineages == 0 and score.complete_tracks == 0.5

    def test_positions_missed_and_invented_are_seen(self):
        missed = score_tracks(make_family(), make_family().select(np.arange(15) != 14))
        assert missed.det == pytest.approx(1 - 1 / 15)
        invented = score_tracks(make_family(), moved(make_family(), 14))
        assert invented.det == pytest.approx(1 - 1.1 / 15)

    def test_a_late_division_is_right_with_tolerance(self):
        late = with_links(without_links(make_family(), (2, 6), (6, 7)), (3, 7))
        score = score_tracks(make_family(), late)
        assert score.division_f1 == {0: 0, 1: 1, 2: 1}

    def test_what_lies_where_nobody_annotated_is_left_out(self):
        truth = make_family(region=[[-9, -9, 0], [9, 9, 45]]).select(np.arange(15) < 9)
        score = score_tracks(truth, make_family())
        assert (score.det, score.tra, score.chota, score.left_out) == (1, 1, 1, 6)
        assert (
            score_tracks(dataclasses.replace(truth, region=make_family().region), make_family()).det
            < 1
        )

    def test_sparse_truth_gives_only_what_it_can(self):
        truth = make_family().select(np.arange(15) < 9)
        score = score_tracks(truth.with_scattered(), make_family())
        assert (score.det, score.tra, score.chota, score.mitotic_branching) == (None,) * 4
        assert set(score.division_f1.values()) == {None}
        assert (score.lnk, score.complete_tracks, score.complete_lineages, score.left_out) == (
            1,
            1,
            1,
            6,
        )
        assert "DET, positions                not measured" in str(score)

    def test_a_bridged_gap_is_no_mistake(self):
        bridged = with_links(make_family().select(np.arange(15) != 10), [9, 10])
        assert score_tracks(make_family(), bridged) == score_tracks(make_family(), make_family())

    def test_without_links_or_divisions_nothing_is_measured(self):
        nothing = Annotations([], [], spacing_um=(1, 1, 1))
        score = score_tracks(nothing, nothing)
        assert {score.det, score.lnk, score.tra, score.chota, score.complete_tracks} == {None}
        none_divide = make_family().select(list(SINGLE))
        score = score_tracks(none_divide, none_divide)
        assert score.tra == 1 and set(score.division_f1.values()) == {None}
        assert score_tracks(make_family(), nothing).det == 0

    def test_merges_are_refused(self):
        with pytest.raises(
            UserError, match="1 positions with several links backward.*time point 3"
        ):
            score_tracks(make_family(), with_links(make_family(), (11, 3)))

    def test_a_merge_of_truth_is_left_out_with_a_word(self):
        """Of a binucleate cell, say: the tracks have one of its two links."""
        truth = with_links(make_family(), (11, 3))
        score = score_tracks(truth, make_family())
        assert score.merges == 1 and score.lnk == 1 and score.complete_tracks == 1
        assert "links into 1 merges of the truth" in str(score)
        links = score_links(truth, make_family())
        assert links.false == links.missed == 0 and links.right == len(make_family().links) - 1

    def test_a_mother_of_three_is_left_out_with_a_word(self):
        family = make_family()
        mother = family.divisions()[0]
        first = family.links[family.links[:, 0] == mother, 1][0]
        positions = np.concatenate([family.positions, family.positions[[first]] + 40])
        triplets = Annotations(
            positions,
            np.append(family.time_points, family.time_points[first]),
            np.concatenate([family.links, [[mother, len(family)]]]),
            spacing_um=family.spacing_um,
        )
        score = score_tracks(triplets, triplets)
        assert score.many_daughters == 1 and score.true_divisions == len(family.divisions()) - 1
        assert score.complete_tracks == 1 and score.true_tracks == len(triplets.tracks())
        assert set(score.division_f1.values()) <= {None, 1}
        assert "1 true mothers of more than two daughters" in str(score)

    def test_it_prints_nothing_of_its_own(self, capfd, recwarn):
        score_tracks(make_family(), without_links(make_family(), (2, 6)))
        assert capfd.readouterr() == ("", "") and not recwarn.list

    def test_it_goes_into_json(self):
        written = json.loads(json.dumps(score_tracks(make_family(), make_family()).to_dict()))
        assert written["division_f1"] == {"0": 1, "1": 1, "2": 1}


def test_without_the_library_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "traccuracy", None)
    monkeypatch.setitem(sys.modules, "traccuracy.metrics", None)
    with pytest.raises(UserError, match=r"organoid-kit\[scores\]"):
        score_tracks(make_family(), make_family())
