"""The rules of `check` take nuclei to be as wide as the movie states."""

import dataclasses

import numpy as np

from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation import check_annotations

SPACING_UM = (2.0, 1.0, 1.0)


def test_bright_places_of_one_large_nucleus_are_not_missing_nuclei():
    """A nucleus 24 µm wide with two bright places, and one with none, both annotated."""
    grid = np.stack(np.indices((24, 80, 80)), -1) * np.array(SPACING_UM)
    image = np.random.default_rng(0).normal(100, 2, grid.shape[:3])
    centre = np.array([24.0, 40.0, 40.0])
    image += 100 / (1 + np.exp((np.linalg.norm(grid - centre, axis=-1) - 12) / 0.5))
    for side in (-9.0, 9.0):
        image += 200 * np.exp(-((grid - centre - [0, 0, side]) ** 2).sum(-1) / 2 / 2.5**2)
    movie = make_timelapse(image[None, None].astype(np.float32), SPACING_UM)
    region = np.array([[0, 0, 0], np.array(movie.shape_zyx) - 1.0])
    annotations = Annotations(
        (centre / SPACING_UM)[None], np.array([0]), spacing_um=SPACING_UM, region=region
    )
    stated = dataclasses.replace(movie, nucleus_diameter_um=24.0)
    assert check_annotations(annotations, movie)
    assert not check_annotations(annotations, stated)
