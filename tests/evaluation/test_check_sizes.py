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


def make_culture(diameter=45.0, fragment=0.0):
    """Sixteen discs in one plane whose pixel size nobody knows, and their centres; a dim fragment
    of so much brightness lies in the halo of the first.
    """
    rng = np.random.default_rng(1)
    places = np.array([(y, x) for y in range(4) for x in range(4)]) * 1.5 * diameter + diameter
    centres = np.column_stack([np.zeros(16), places + rng.uniform(-5, 5, (16, 2))])
    grid = np.stack(np.indices((int(7 * diameter),) * 2), -1)
    image = rng.normal(100, 2, grid.shape[:2])
    for _, *centre in centres:
        distance = np.linalg.norm(grid - centre, axis=-1)
        image += 200 / (1 + np.exp((distance - diameter / 2) / 2))
    beside = centres[0] + [0, 0.6 * diameter, 0]
    image += fragment * np.exp(-((grid - beside[1:]) ** 2).sum(-1) / 2 / 4**2)
    movie = make_timelapse(image[None, None, None].astype(np.float32), (1.0, 1.0, 1.0))
    return movie, np.concatenate([centres, [beside]])


def check(movie, positions):
    region = np.array([[0, 0, 0], np.array(movie.shape_zyx) - 1.0])
    times = np.zeros(len(positions), int)
    annotations = Annotations(positions, times, spacing_um=movie.spacing_um, region=region)
    problems = check_annotations(annotations, movie)
    return [(problem.rule, *problem.rows) for problem in problems]


def test_where_no_size_is_stated_that_of_the_annotated_nuclei_counts():
    movie, positions = make_culture()
    assert check(movie, positions[:16]) == []
    assert check(dataclasses.replace(movie, nucleus_diameter_um=8.0), positions[:16])


def test_mistakes_are_found_in_nuclei_of_any_size():
    movie, positions = make_culture()
    assert check(movie, positions[1:16]) == [("nucleus_missing",)]
    moved = positions[:16].copy()
    moved[5, 1:] += 45 * 0.75
    assert check(movie, moved)[0] == ("off_centre", 5)


def test_what_is_bright_beside_a_brighter_nucleus_is_no_mistake():
    assert check(*make_culture(fragment=180.0)) == []
    assert check(*make_culture(fragment=0.0)) == [("off_centre", 16)]
