"""The shipped networks, as they are, on the bundled movies: another network in the place of one is
no worse.
"""

import dataclasses

import numpy as np
import pytest

from organoid_kit.data import find_samples
from organoid_kit.data.dataset import read_dataset
from organoid_kit.evaluation.positions import score_positions
from organoid_kit.evaluation.tracks import score_links
from organoid_kit.prediction.movie import track_movie

NETWORKS = ("position_small", "division_small", "link_small")
TIME_POINTS = 4


@pytest.mark.parametrize("part", ["validation", "test"])
def test_nuclei_and_links_of_the_bundled_movies_are_found(part):
    [annotated] = read_dataset(find_samples() / f"{part}.autlist")
    times = annotated.movie.time_points[-TIME_POINTS:]
    movie = dataclasses.replace(annotated.movie, time_points=times)
    truth = annotated.annotations
    truth = truth.select(np.isin(truth.time_points, times))
    tracks = track_movie(movie, *NETWORKS, channels=(2, 3), show_progress=False).tracks
    positions, links = score_positions(truth, tracks), score_links(truth, tracks)
    assert positions.f1 >= 0.97 and links.right >= 0.96 * len(truth.links)
