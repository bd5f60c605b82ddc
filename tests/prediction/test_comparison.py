"""A fine-tuned network beside what there was without it."""

from types import SimpleNamespace

import numpy as np
import pytest

from organoid_kit.base.settings import make_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.prediction import comparison

PLACES = np.array([[2.0, 10, 10 * n] for n in range(1, 6)])


@pytest.fixture
def compare(monkeypatch, tmp_path):
    """Compares what is said to be found with five nuclei."""

    def compare_found(tuned: int, start: int, blobs: int) -> comparison.NetworkComparison:
        places = Annotations(PLACES, [0] * 5, spacing_um=(2, 1, 1))
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
        "0.889, the blob detector 0.750. Use the fine-tuned network."
    )


def test_a_worse_network_is_never_handed_over_without_a_word(compare):
    assert str(compare(4, 5, 3)).endswith(
        "Use the one it started from (earlier), not the fine-tuned one."
    )
    assert str(compare(0, 4, 5)).endswith("Use the blob detector, not the fine-tuned one.")


def test_of_equals_the_fine_tuned_network_is_used(compare):
    assert str(compare(5, 5, 5)).endswith("Use the fine-tuned network.")
