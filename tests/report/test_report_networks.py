"""Reports on division and link networks: counted anew from answers that are written here by hand."""

import dataclasses
import json
import re

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_json_safely
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.examples import division as division_examples, link as link_examples
from organoid_kit.report import (
    describe_method,
    read_movie_results,
    save_movie_result,
    write_comparison,
    write_report,
)
from organoid_kit.report.kinds import find_less_probable
from organoid_kit.report.run_page import compute_spread
from organoid_kit.tracking.linking import find_candidates
from organoid_kit.training.runs import make_run
from training_helpers import make_family, tiny_crop_settings

LINE = (0.5, -0.25)  # slope and intercept of the calibration


def make_test_run(folder, network: str, **changes):
    """A run of two epochs, calibrated."""
    run = make_run(
        tiny_crop_settings(network, folder, **changes), [make_family(1)], [make_family(2)]
    )
    rows = [(1, 0.6, 0.3, 0.5, True), (2, 0.3, 0.5, 0.8, True), (3, 0.2, 0.2, 0.7, False)]
    names = ("epoch", "loss", "validation_loss", "validation_average_precision", "best")
    write_json_safely(
        run.folder / "history.json", [dict(zip(names, row)) | {"seconds": 1.0} for row in rows]
    )
    calibration = {
        "slope": LINE[0],
        "intercept": LINE[1],
        "kind": "platt",
        "reason": "",
        "threshold": 0.5,
    }
    write_json_safely(run.folder / "calibration.json", calibration)
    return run


def call_divisions(annotations: Annotations, false: float = 0.6) -> Annotations:
    """The mother is called with 0.9, one other nucleus of the same time point with `false`, all
    others with 0.1.
    """
    said = np.full(len(annotations), 0.1)
    [mother] = annotations.divisions()
    said[mother], said[mother + 1] = 0.9, false
    return dataclasses.replace(annotations, properties={"division_probability": said})


def call_links(annotations: Annotations, wrong: int = 1) -> Annotations:
    """All candidates: true links have 0.8, others 0.1, but the first `wrong` of these have 0.95."""
    found = find_candidates(annotations, max_distance_um=20.0)
    number = [len(annotations), 1]
    true = np.isin(found.links @ number, annotations.links @ number)
    said = np.where(true, 0.8, 0.1)
    said[np.flatnonzero(~true)[:wrong]] = 0.95
    return dataclasses.replace(found, link_properties={"link_probability": said})


def test_divisions_are_counted_from_what_was_said(tmp_path):
    run, test = make_test_run(tmp_path, "division"), make_family(3)
    save_movie_result(run, test, call_divisions(test.annotations), 0.5)
    facts = write_report(tmp_path / "a.html", run)
    assert (facts["network"]["matched"], facts["network"]["false"], facts["network"]["missed"]) == (
        1,
        1,
        0,
    )
    assert facts["network"]["average_precision"] == 1.0 and facts["network"]["precision"] == 0.5
    assert {facts[f"within_{each}"]["tolerance"] for each in (0, 1, 2)} == {0, 1, 2}
    assert "called 1 of 1 divisions and 1 that are none" in (tmp_path / "a.html").read_text(
        encoding="utf-8"
    )
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == json.loads(
        json.dumps(facts)
    )


def test_reliability_is_that_of_the_test_movies_before_and_after_calibration(tmp_path):
    run, test = make_test_run(tmp_path, "division"), make_family(3)
    found = call_divisions(test.annotations)
    save_movie_result(run, test, found, 0.5)
    facts = write_report(tmp_path / "a.html", run)
    known = 8  # nuclei that are linked onwards
    assert sum(facts["reliability"]["counts"]) == known
    assert facts["reliability"]["brier"] == pytest.approx((0.1**2 + 0.6**2 + 6 * 0.1**2) / known)
    raw = Calibration(*LINE).invert(np.array([0.9, 0.6, 0.1]))
    brier = ((1 - raw[0]) ** 2 + raw[1] ** 2 + 6 * raw[2] ** 2) / known
    assert facts["reliability_before_calibration"]["brier"] == pytest.approx(brier)


def test_links_are_counted_beside_those_made_without_a_network(tmp_path):
    run, test = make_test_run(tmp_path, "link"), make_family(3)
    save_movie_result(run, test, call_links(test.annotations), 0.5)
    facts = write_report(tmp_path / "a.html", run)
    links = len(test.annotations.links)
    assert links == 9
    network = facts["network"]
    assert (network["right"], network["false"], network["missed"]) == (8, 1, 1)
    assert network["wrong_per_1000"] == pytest.approx(1000 / 9)
    assert (
        network["precision"] == pytest.approx(9 / 10)
        and network["recall"] == network["candidate_recall"] == 1.0
    )
    assert (
        facts["nearest"]["false"] == 0 and facts["optimal"]["missed"] == 1
    )  # assignment knows no divisions
    assert "111.1 are wrong (1 of 9)" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_candidates_with_several_parents_are_kept_without_loss(tmp_path):
    run, test = make_test_run(tmp_path, "link"), make_family(3)
    found = call_links(test.annotations, wrong=3)
    rng = np.random.default_rng(0)
    found = dataclasses.replace(
        found, link_properties={"link_probability": rng.uniform(0, 1, len(found.links))}
    )
    assert found.links_backward().max() > 2
    save_movie_result(run, test, found, 0.5)
    [result] = read_movie_results(run)

    def list_links(each):
        ends = each.positions[each.links].reshape(len(each.links), 6).tolist()
        said = each.link_properties["link_probability"]
        return sorted(
            (*end, time, p)
            for end, time, p in zip(ends, each.time_points[each.links[:, 0]].tolist(), said)
        )

    assert list_links(result.found) == list_links(found)


def test_the_most_probable_candidate_is_chosen_for_each_later_nucleus():
    positions = np.zeros((5, 3))
    said = [0.2, 0.7, 0.6, 0.9]
    candidates = Annotations(
        positions,
        [0, 0, 1, 1, 1],
        [[0, 2], [1, 2], [0, 3], [1, 3]],
        link_properties={"link_probability": said},
    )
    chosen = candidates.without_links(find_less_probable(candidates))
    assert chosen.links.tolist() == [[1, 2], [1, 3]]
    assert chosen.link_properties["link_probability"].tolist() == [0.7, 0.9]
    empty = Annotations(positions, [0] * 5, link_properties={"link_probability": []})
    assert len(find_less_probable(empty)) == 0


def test_pictures_of_mistakes_say_which_they_are(tmp_path):
    run, test = make_test_run(tmp_path / "a", "division"), make_family(3)
    save_movie_result(run, test, call_divisions(test.annotations), 0.5)
    words = read_movie_results(run)[0].words
    assert "0 missed and 1 false" in words and "probability 0.60" in words
    run = make_test_run(tmp_path / "b", "link")
    save_movie_result(run, test, call_links(test.annotations), 0.5)
    words = read_movie_results(run)[0].words
    assert (
        "1 missed and 1 false" in words
        and "probability 0.95" in words
        and "probability 0.80" in words
    )


def test_a_perfect_result_has_a_picture_of_no_mistakes(tmp_path):
    run, test = make_test_run(tmp_path, "link"), make_family(3)
    save_movie_result(run, test, call_links(test.annotations, wrong=0), 0.5)
    assert "0 missed and 0 false" in read_movie_results(run)[0].words


def test_scores_have_a_spread_over_movies_and_none_over_one(tmp_path):
    run = make_test_run(tmp_path, "division")
    for seed, false in ((3, 0.6), (4, 0.2)):
        test = make_family(seed)
        save_movie_result(run, test, call_divisions(test.annotations, false), 0.5)
    facts = write_report(tmp_path / "a.html", run)
    assert facts["spread"]["precision"] == {
        "mean": 0.75,
        "lowest": 0.5,
        "highest": 1.0,
        "movies": 2,
    }
    assert compute_spread([0.5]) is None and compute_spread([0.5, None]) is None


@pytest.mark.parametrize("network", ["division", "link"])
def test_the_method_says_what_the_network_saw(tmp_path, network):
    text = describe_method(make_test_run(tmp_path, network, time_window=(-1, 1)))
    said = [
        "4 × 16 × 16 voxels (z, y, x; 8 × 8 × 8 µm)",
        "time points -1 to +1",
        "Platt",
        "slope 0.5",
        "1 division at",
    ]
    said += [
        "highest average precision",
        "epoch 2 is kept",
        "nuclei up to 1 µm off the middle",
        "13 positions",
    ]
    said += {
        "division": ["pasted", "a third divisions"],
        "link": ["20 µm apart", "drift of up to 3 µm"],
    }[network]
    assert not [each for each in said if each not in text]


def test_augmentation_that_is_off_is_not_named(tmp_path):
    run = make_test_run(tmp_path, "link")
    off = dataclasses.replace(run.settings.augmentation, skip=None, drift_um=None, flip=False)
    write_json_safely(
        run.folder / "settings.json",
        run.settings.changed(augmentation=off).to_dict(),
        overwrite=True,
    )
    text = describe_method(run)
    assert (
        "added drift" not in text and "from one to the next" not in text and "flipped" not in text
    )
    assert "turned by up to 180°" in text


def test_the_shares_named_are_those_of_the_examples(tmp_path):
    text = describe_method(make_test_run(tmp_path, "link"))
    shares = re.findall(r"(\d+) % (?:hard|other|near|far)", text.replace("near and", "near wrong,"))
    assert (
        [int(each) / 100 for each in shares]
        == [0.3, 0.2, 0.35, 0.15]
        == [*link_examples.LinkExamples.shares]
    )
    assert division_examples.DivisionExamples.shares == (1 / 3, 1 / 3, 1 / 3)


def test_a_network_that_nobody_calibrated_says_so(tmp_path):
    run, test = make_test_run(tmp_path, "division"), make_family(3)
    (run.folder / "calibration.json").unlink()
    save_movie_result(run, test, call_divisions(test.annotations), 0.5)
    facts = write_report(tmp_path / "a.html", run)
    assert "were not calibrated" in facts["method"] and any(
        "nobody calibrated" in each for each in facts["limits"]
    )
    assert facts["reliability_before_calibration"] is None and facts["reliability"] is not None


def test_answers_without_probabilities_are_one_clear_error(tmp_path):
    run, test = make_test_run(tmp_path, "division"), make_family(3)
    with pytest.raises(UserError, match="needs a division_probability"):
        save_movie_result(run, test, test.annotations, 0.5)


def test_a_report_without_results_measures_nothing(tmp_path):
    facts = write_report(tmp_path / "a.html", make_test_run(tmp_path, "link"))
    assert facts["network"] is facts["nearest"] is facts["reliability"] is None


def test_compared_runs_show_what_differs_and_scores_of_the_same_movies(tmp_path):
    first = make_test_run(tmp_path / "a", "division")
    second = make_test_run(tmp_path / "b", "division", learning_rate=0.25, seed=5)
    for run, seeds, false in ((first, (3, 4), 0.6), (second, (3,), 0.2)):
        for seed in seeds:
            save_movie_result(
                run, make_family(seed), call_divisions(make_family(seed).annotations, false), 0.5
            )
    facts = write_comparison(tmp_path / "c.html", [first, second])
    assert facts["differences"] == {"learning_rate": [0.001, 0.25], "seed": [1, 5]}
    assert facts["test_movies"] == ["family 3"] and [each["false"] for each in facts["scores"]] == [
        1,
        0,
    ]
    assert any("left out" in each for each in facts["limits"])
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "0.25" in page and first.folder.name in page and page.count("<img") == 1
    with pytest.raises(UserError, match="one kind of network"):
        write_comparison(tmp_path / "d.html", [first, make_test_run(tmp_path / "c", "link")])
