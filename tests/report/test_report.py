"""The report: everything that is known on one page, nothing from elsewhere, nothing that is not so."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_json_safely
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.positions import score_positions
from organoid_kit.report import describe_method, read_movie_results, save_movie_result, write_report
from organoid_kit.report.run_page import collect_facts
from organoid_kit.training.runs import make_run

SPACING = (2.0, 0.5, 0.5)
HOSTILE = "<script>alert('x')</script>\" & ünïcode $\\frac$"
TRUTH = np.array([[2.0, 5, 5], [4, 10, 20], [6, 15, 10], [1, 1, 1], [7, 19, 29]])
FOUND = np.array(
    [[2.0, 5, 6], [4, 10, 20.5], [1, 18, 28], [6, 15.5, 10]]
)  # 2 right, 1 false, 1 not probable enough


def annotated(name: str, seed: int) -> AnnotatedMovie:
    images = np.random.default_rng(seed).integers(0, 99, size=(2, 1, 8, 20, 30)).astype(np.uint8)
    truth = Annotations(TRUTH, np.ones(5), spacing_um=SPACING, name=name)
    return AnnotatedMovie(make_timelapse(images, SPACING, name=name), truth)


def make_test_run(folder):
    """A run of five epochs, best after the second."""
    settings = NetworkSettings(
        output_folder=str(folder / "runs"),
        channels=(1,),
        patch_shape_zyx=(8, 16, 32),
        spacing_um=SPACING,
    )
    run = make_run(settings, [annotated(HOSTILE, 1)], [annotated("kept back", 2)])
    losses = ((1, 1), (0.6, 0.5), (0.5, 0.6), (0.4, 0.7), (0.3, 0.8))
    rows = [
        {
            "epoch": n,
            "loss": a,
            "validation_loss": b,
            "validation_f1": None,
            "best": n < 3,
            "seconds": 1.0,
        }
        for n, (a, b) in enumerate(losses, start=1)
    ]
    write_json_safely(run.folder / "history.json", rows)
    return run


@pytest.fixture
def run(tmp_path):
    return make_test_run(tmp_path)


def found() -> Annotations:
    return Annotations(
        FOUND, np.ones(4), properties={"probability": [0.9, 0.8, 0.7, 0.2]}, spacing_um=SPACING
    )


def save(run, name: str = "test movie", seed: int = 3, blobs: bool = True) -> None:
    save_movie_result(run, annotated(name, seed), found(), 0.5, blobs=found() if blobs else None)


class Page(HTMLParser):
    """Tags, alternative texts, and what the page says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.words, self.pictures, self.links = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self.links += [values[key] for key in ("src", "href") if key in values]
        if tag == "img":
            self.pictures.append(values)

    def handle_data(self, data):
        self.words.append(data)


def write(run, tmp_path):
    facts = write_report(tmp_path / "report.html", run)
    return facts, Page((tmp_path / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Facts and page of a run with one result, and the JSON file."""
    folder = tmp_path_factory.mktemp("report")
    run = make_test_run(folder)
    save(run)
    return *write(run, folder), json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_the_page_needs_nothing_from_elsewhere(written):
    _, page, _ = written
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert page.links and all(link.startswith("data:image/png;base64,") for link in page.links)
    assert "@import" not in "".join(page.words) and "url(" not in "".join(page.words)


def test_every_picture_says_itself_in_words(written):
    _, page, _ = written
    assert len(page.pictures) == 6
    assert all(len(picture["alt"]) > 30 for picture in page.pictures)
    assert len({picture["alt"] for picture in page.pictures}) == 6


def test_what_comes_from_files_is_escaped(run, tmp_path):
    save(run, name=HOSTILE, seed=4)
    _, page = write(run, tmp_path)
    assert "script" not in page.tags
    assert HOSTILE in page.words


def test_scores_are_those_of_the_saved_positions(written):
    facts, page, _ = written
    expected = score_positions(annotated("", 3).annotations, found(), threshold=0.5).to_dict()
    assert facts["network"] == facts["movies"][0]["network"] == expected
    assert (expected["matched"], expected["missed"], expected["false"]) == (2, 3, 1)
    assert facts["blob_detector"]["matched"] == 3
    assert "The network found 2 of 5 nuclei and 1 that are none: F1 0.500." in " ".join(page.words)
    assert facts["movies"][0]["over_threshold"]["recall"][0] == pytest.approx(3 / 5)


def test_the_json_file_holds_the_same(written):
    facts, _, stored = written
    assert stored == json.loads(json.dumps(facts))
    assert {"method", "versions", "data", "history", "settings", "limits"} <= stored.keys()


def test_data_have_checksums_also_the_test_movie(written):
    facts, page, _ = written
    assert [each["part"] for each in facts["data"]] == ["training", "validation", "test"]
    for each in facts["data"]:
        assert any(each["images_sha256"] in text for text in page.words)
    assert len({each["images_sha256"] for each in facts["data"]}) == 3


def test_the_method_follows_the_settings(written, run):
    text = written[0]["method"]
    for said in (
        "from scratch",
        "channel 1",
        "2 × 0.5 × 0.5 µm",
        "8 × 16 × 32",
        "5 epochs",
        "epoch 2 is kept",
    ):
        assert said in text
    assert "probability of at least 0.50" in text and "compared with test movie" in text
    other = run.settings.changed(channels=(2, 3), start_from="mine", time_window=(-2, 0))
    write_json_safely(run.folder / "settings.json", other.to_dict(), overwrite=True)
    for said in ("from 'mine' on", "sum of channels 2 and 3", "time points -2 to +0"):
        assert said in describe_method(run)


def test_without_results_nothing_is_claimed(run, tmp_path):
    facts, page = write(run, tmp_path)
    assert facts["network"] is None and facts["blob_detector"] is None and facts["movies"] == []
    assert "Not measured yet: no result is saved in this run." in page.words
    assert "no result is saved" in facts["limits"][0]
    assert "compared with" not in facts["method"]


def test_limits_name_a_movie_that_was_trained_on(run):
    save(run, name="under another name", seed=1)
    limits = collect_facts(run, read_movie_results(run))["limits"]
    assert any("under another name: used for training too" in each for each in limits)


def test_no_limit_is_named_that_does_not_hold(run):
    save(run)
    save(run, name="another", seed=5)
    limits = " ".join(collect_facts(run, read_movie_results(run))["limits"])
    assert (
        "used for" not in limits
        and "only one test movie" not in limits
        and "blob detector" not in limits
    )


def test_a_missing_baseline_is_not_measured(run, tmp_path):
    save(run)
    save(run, name="another", seed=5, blobs=False)
    facts, page = write(run, tmp_path)
    assert facts["blob_detector"] is None and facts["network"]["matched"] == 4
    assert "not measured" in page.words
    assert any("blob detector" in each for each in facts["limits"])


def test_a_result_replaces_the_earlier_one_of_the_same_movie(run):
    save(run)
    save(run, blobs=False)
    assert [(each.name, each.blobs) for each in read_movie_results(run)] == [("test movie", None)]


def test_movies_whose_names_look_alike_are_both_kept(run):
    for _ in range(2):
        save(run, name="a/b", seed=3)
        save(run, name="a:b", seed=5)
        save(run, name="a:b", seed=6)
    assert sorted(each.name for each in read_movie_results(run)) == ["a/b", "a:b", "a:b"]


def test_a_report_is_never_overwritten_and_can_be_made_anew(run, tmp_path):
    first, _ = write(run, tmp_path)
    with pytest.raises(UserError, match="never overwritten"):
        write_report(tmp_path / "report.html", run)
    again = write_report(tmp_path / "again.html", run)
    assert again | {"written": ""} == first | {"written": ""}


def test_a_run_without_an_epoch_has_a_report(run, tmp_path):
    (run.folder / "history.json").unlink()
    facts, page = write(run, tmp_path)
    assert facts["history"] == [] and "Not measured." in page.words


@pytest.mark.parametrize("content", ["[]", '{"slope": "1"}', "{", '{"slope": null}'])
def test_a_damaged_calibration_is_one_clear_error(run, tmp_path, content):
    save(run)
    (run.folder / "calibration.json").write_text(content)
    with pytest.raises(UserError, match="calibration.json"):
        write(run, tmp_path)


def test_a_damaged_result_is_one_clear_error(run, tmp_path):
    save(run)
    file = next(run.folder.glob("results/*/result.json"))
    file.write_text("[]")
    with pytest.raises(UserError, match="result.json"):
        write(run, tmp_path)
