"""A fine-tuned network beside what there was without it."""

from types import SimpleNamespace

import numpy as np
import pytest

from organoid_kit.base.files import write_json_safely
from organoid_kit.base.settings import make_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.networks.folders import load_settings, make_record
from organoid_kit.prediction import comparison

CHANCE = (
    " On 5 nuclei the difference to the one it started from (earlier) and the blob detector may be "
    "chance."
)


@pytest.fixture
def compare(monkeypatch, tmp_path):
    """Compares what is said to be found with so many nuclei."""

    def compare_found(tuned: int, start: int, blobs: int, of: int = 5, times: int = 1):
        rows = np.array([[2.0, 10, 10 * n] for n in range(1, of + 1)])
        places = Annotations(rows, np.arange(of) * times // of, spacing_um=(2, 1, 1))
        settings = make_settings("position", start_from="earlier")
        movie = SimpleNamespace(relative_size=1.0)
        run = SimpleNamespace(folder=tmp_path, settings=settings)
        counts = {tmp_path: tuned, "earlier": start}
        monkeypatch.setattr(comparison, "load_network", lambda folder: (folder, run.settings))
        monkeypatch.setattr(
            comparison,
            "predict_positions",
            lambda folder, *_, **__: places.select(np.arange(counts[folder])),
        )
        monkeypatch.setattr(
            comparison, "find_blobs", lambda *_, **__: places.select(np.arange(blobs))
        )
        return comparison.compare_fine_tuned(run, [AnnotatedMovie(movie, places)])

    return compare_found


def test_a_better_network_is_to_be_used(compare):
    said = str(compare(5, 4, 3))
    assert said == (
        "F1 on the same movies: the fine-tuned network 1.000, the one it started from (earlier) "
        "0.889, the blob detector 0.750. Use the fine-tuned network." + CHANCE
    )


def test_a_worse_network_is_never_handed_over_without_a_word(compare):
    said = "Use the one it started from (earlier), not the fine-tuned one."
    assert said in str(compare(4, 5, 3))
    assert "Use the blob detector, not the fine-tuned one." in str(compare(0, 4, 5))


def test_of_equals_the_fine_tuned_network_is_used(compare):
    assert str(compare(5, 5, 5)).endswith("Use the fine-tuned network." + CHANCE)


def test_what_may_be_chance_is_told_from_what_is_not(compare):
    assert compare(60, 59, 40, of=60).alike == ["the one it started from (earlier)"]
    assert "chance" not in str(compare(60, 50, 40, of=60))


def test_mistakes_at_one_time_point_are_chance_more_easily(compare):
    """Those of the last block of ten: without it, both are as good."""
    few, whole_block = compare(60, 54, 40, of=60), compare(60, 54, 40, of=60, times=20)
    assert few.alike == [] and whole_block.alike == ["the one it started from (earlier)"]


def test_a_run_is_judged_by_the_movies_there_are(monkeypatch, tmp_path):
    """Without validation a fine-tuned network keeps the calibration of the one it started from."""
    own = make_settings("position", start_from=str(tmp_path / "start"))
    for name, settings in (("start", make_settings("position", calibration=(2, 1))), ("own", own)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.keras").touch()
        write_json_safely(tmp_path / name / "settings.json", make_record(settings))
    run = SimpleNamespace(folder=tmp_path / "own", settings=own)
    known = Annotations([], [])
    movies = [SimpleNamespace(name=name, annotations=known) for name in ("one", "two")]
    monkeypatch.setattr(comparison, "choose_threshold", lambda run, movies: "threshold 0.4")
    monkeypatch.setattr(comparison, "compare_fine_tuned", lambda run, movies: f"On {len(movies)}.")
    monkeypatch.setattr(comparison, "calibrate_network", lambda run, movies: "calibrated")
    assert comparison.judge_run(run, movies, movies[:1]) == "Judged on one: calibrated\nOn 1."
    said = comparison.judge_run(run, movies, [])
    assert said.startswith("Threshold 0.4; chosen on one, two, on which it was trained.")
    assert said.endswith("On 2. It was trained on them, which flatters it.")
    assert load_settings(run.folder).calibration == (2, 1)
    scattered = SimpleNamespace(name="some", annotations=known.with_scattered())
    said = comparison.judge_run(run, movies, [scattered])
    assert said.startswith("It keeps the calibration") and "'some': scattered annotations" in said
    assert "flatters" not in said
