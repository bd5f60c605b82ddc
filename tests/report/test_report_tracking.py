"""The page of tracked movies: scores where truth is known, and expected beside counted errors."""

import copy
import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_json_safely
from organoid_kit.base.settings import NETWORKS, make_settings
from organoid_kit.report import save_tracking, write_tracking_report
from organoid_kit.tracking.linking import find_candidates
from organoid_kit.training.runs import collect_versions, describe_movie
from training_helpers import make_family

SECONDS = {"positions": 2.0, "divisions": 1.0, "links": 1.0, "tracks": 0.5, "errors": 0.25}
_TYPES = {"position": "positions", "division": "divisions", "link": "links"}


@pytest.fixture
def networks(tmp_path):
    """Folders that look like networks; only the link network's says what it was trained on."""
    folders = []
    for kind in NETWORKS:
        folder = tmp_path / kind / "network"
        folder.mkdir(parents=True)
        (folder / "model.keras").write_bytes(kind.encode())
        settings = make_settings(kind, max_link_um=20.0).to_dict()
        write_json_safely(
            folder / "settings.json", {"type": _TYPES[kind], "organoid_kit": settings}
        )
        folders.append(folder)
    write_json_safely(
        tmp_path / "link" / "run.json",
        {"data": [describe_movie("training", make_family(1))], "versions": collect_versions()},
    )
    return folders


def track(truth, wrong: bool = True):
    """The true tracks, but that two nuclei are swapped from time point 1 to 2; each link is wrong
    with 0.25.
    """
    links = truth.links.copy()
    if wrong:
        last = np.flatnonzero(truth.time_points[links[:, 0]] == 1)
        a, b = last[truth.links_forward()[links[last, 0]] == 1][:2]
        links[[a, b], 1] = links[[b, a], 1]
    said = np.full(len(truth), None, object)
    said[truth.divisions()] = 0.5
    tracks = dataclasses.replace(
        truth,
        links=links,
        properties={"division_error_probability": said},
        link_properties={"error_probability": np.full(len(links), 0.25)},
    )
    return SimpleNamespace(
        tracks=tracks, candidates=find_candidates(truth, max_distance_um=20), seconds=SECONDS
    )


def report(folder, each, networks, **options):
    save_tracking(folder, each, track(make_family(3).annotations, **options), networks)
    facts = write_tracking_report(folder)
    return facts, (folder / "tracking.html").read_text(encoding="utf-8")


def test_wrong_links_are_counted_beside_those_expected(tmp_path, networks):
    facts, page = report(tmp_path / "out", make_family(3), networks)
    [movie] = facts["movies"]
    links = movie["scores"]["tracks"]["links"]
    assert (links["right"], links["false"], links["missed"]) == (7, 2, 2)
    assert movie["errors"]["links_wrong"] == 2 and movie["errors"]["links_judged"] == 9
    assert movie["errors"]["links_expected_wrong"] == pytest.approx(9 * 0.25)
    assert (
        movie["errors"]["divisions_expected_wrong"] == 0.5
        and movie["errors"]["divisions_wrong"] == 0
    )
    assert movie["expected_errors"] == pytest.approx(9 * 0.25)  # of links and starts
    assert "2.2 errors expected" in page and "Of 1000 links 222.2 are wrong" in page
    assert json.loads(
        (tmp_path / "out" / "tracking.json").read_text(encoding="utf-8")
    ) == json.loads(json.dumps(facts))


def test_the_baseline_stands_beside_and_tra_is_never_alone(tmp_path, networks):
    facts, page = report(tmp_path / "out", make_family(3), networks, wrong=False)
    scores = facts["movies"][0]["scores"]
    assert (
        scores["tracks"]["divisions"]["0"]["f1"] == 1.0
        and scores["optimal"]["divisions"]["0"]["f1"] == 0.0
    )
    assert scores["tracks"]["lineages"]["complete_lineages"] == 1.0
    assert scores["optimal"]["lineages"]["tra"] > 0.8
    assert page.index("F1 ±0") < page.index("TRA, both")


def test_without_truth_nothing_is_claimed(tmp_path, networks):
    facts, page = report(tmp_path / "out", make_family(3).movie, networks)
    [movie] = facts["movies"]
    assert (
        movie["scores"] is None
        and movie["errors"] is None
        and facts["reliability_of_link_errors"] is None
    )
    assert movie["expected_errors"] > 0 and "Not measured: no true links are known." in page
    assert any("only expected errors. These believe" in each for each in facts["limits"])


def test_where_nothing_was_found_everything_is_missed(tmp_path, networks):
    family = make_family(3)
    tracked = track(family.annotations)
    tracked.tracks = tracked.candidates = tracked.tracks.select([])
    save_tracking(tmp_path, family, tracked, networks)
    [movie] = write_tracking_report(tmp_path)["movies"]
    links, errors = movie["scores"]["tracks"]["links"], movie["errors"]
    assert links["right"] == links["false"] == 0 and links["missed"] + links["undetected"] == 9
    assert errors["links_judged"] == errors["divisions_judged"] == errors["divisions_wrong"] == 0
    assert errors["reliability"] is None and movie["doubts"] == []


def test_networks_have_checksums_and_what_they_saw_is_said(tmp_path, networks):
    facts, _ = report(tmp_path / "out", make_family(3), networks)
    assert len({each["sha256"] for each in facts["networks"].values()}) == 3
    limits = " ".join(facts["limits"])
    assert (
        "Whether the position network has seen" in limits
        and "Whether the link network" not in limits
    )
    save_tracking(tmp_path / "out", make_family(1), track(make_family(1).annotations), networks)
    facts = write_tracking_report(tmp_path / "out", overwrite=True)
    assert any(
        "family 1: the link network used it for training" in each for each in facts["limits"]
    )


def test_several_movies_have_a_spread(tmp_path, networks):
    for seed, wrong in ((3, True), (4, False)):
        each = make_family(seed)
        save_tracking(tmp_path / "out", each, track(each.annotations, wrong), networks)
    facts = write_tracking_report(tmp_path / "out")
    assert facts["spread"]["wrong_links_per_1000"]["lowest"] == 0
    assert facts["spread"]["wrong_links_per_1000"]["highest"] == pytest.approx(2000 / 9)
    assert len(facts["movies"]) == 2


def test_a_page_can_be_made_anew_and_is_never_overwritten(tmp_path, networks):
    first, _ = report(tmp_path / "out", make_family(3), networks)
    with pytest.raises(UserError, match="never overwritten"):
        write_tracking_report(tmp_path / "out")
    again = write_tracking_report(tmp_path / "out", tmp_path / "again.html")
    assert again | {"written": ""} == first | {"written": ""}


def test_a_folder_without_tracks_is_one_clear_error(tmp_path, networks):
    with pytest.raises(UserError, match="save_tracking"):
        write_tracking_report(tmp_path)
    with pytest.raises(UserError, match="2 networks"):
        save_tracking(tmp_path, make_family(3), track(make_family(3).annotations), networks[:2])


WRONG = (None, True, 7, "x", [], [[]], {}, {"x": 1}, -0.5)


def list_places(value, before=()):
    """Where something stands in JSON, as keys and numbers; of lists the first."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, inner in pairs:
        yield (*before, key)
        if isinstance(inner, dict | list):
            yield from list_places(inner, (*before, key))


def test_damaged_values_are_one_error_or_do_no_harm(tmp_path, networks):
    report(tmp_path, make_family(3), networks)
    file = next(tmp_path.glob("*/tracking.json"))
    whole, refused = json.loads(file.read_text()), 0
    for number, (*path, last) in enumerate(list_places(whole)):
        record = copy.deepcopy(whole)
        part = record
        for key in path:
            part = part[key]
        part[last] = WRONG[number % len(WRONG)]
        write_json_safely(file, record, overwrite=True)
        try:
            write_tracking_report(tmp_path, overwrite=True)
        except UserError as error:
            refused += 1
            assert len(str(error)) < 1500
        except Exception as error:
            error.add_note(f"{path} {last} {part[last]}")
            raise
    assert number > 100 and refused > number / 2


def test_a_lost_picture_costs_itself(tmp_path, networks):
    report(tmp_path, make_family(3), networks)
    next(tmp_path.glob("*/overlay.png")).unlink()
    assert write_tracking_report(tmp_path, overwrite=True)["movies"]
