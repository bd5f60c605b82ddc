"""Tracking a movie: what the three networks share."""

import warnings

import numpy as np

from organoid_kit.base.settings import make_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.sizes import fit_to_network
from organoid_kit.prediction import movie as movie_prediction

KINDS = ("position", "division", "link")


def make_large_nuclei():
    """One stack of nine balls, 14 µm wide."""
    spacing_um = np.array([2.0, 0.6, 0.6])
    grid = np.stack(np.indices((24, 160, 160)), -1) * spacing_um
    image = np.random.default_rng(0).normal(100, 2, grid.shape[:3])
    for y, x in np.ndindex(3, 3):
        centre = (23.0, 16.0 + 32.0 * y, 16.0 + 32.0 * x)
        image += 200 / (1 + np.exp((np.linalg.norm(grid - centre, axis=-1) - 7) / 0.5))
    return make_timelapse(image[None, None].astype(np.float32), tuple(spacing_um))


def test_what_is_unlike_is_said_once_and_a_size_that_is_estimated_holds_for_all(monkeypatch):
    shown = []

    def predict(network, movie, *rest, **options):
        settings = next(each for each in rest if hasattr(each, "nucleus_diameter_um"))
        nothing = Annotations(np.zeros((0, 3)), [])
        assert settings.look is None  # was compared already
        shown.append(fit_to_network(AnnotatedMovie(movie, nothing), settings).movie.spacing_um)
        return nothing

    own = {"nucleus_diameter_um": 7.0, "look": (0.0, 0.0, 0.3, 0.5) + (0.0,) * 8}
    loaded = {kind: (None, make_settings(kind, **own)) for kind in KINDS}
    monkeypatch.setattr(movie_prediction, "load_networks", lambda *given: loaded)
    for name in ("predict_positions", "predict_divisions", "predict_links"):
        monkeypatch.setattr(movie_prediction, name, predict)
    for name in ("build_tracks", "add_error_probabilities"):
        monkeypatch.setattr(movie_prediction, name, lambda found, *rest, **options: found)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        movie_prediction.track_movie(make_large_nuclei(), *KINDS, show_progress=False)
    assert sum("the network knows 7 µm" in str(warning.message) for warning in told) == 1
    assert sum("looks unlike" in str(warning.message) for warning in told) == 1
    assert len(set(shown)) == 1 and 0.8 < shown[0][0] < 1.2
