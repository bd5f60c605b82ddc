"""The bundled movies are what their command makes, and what their README says."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.data.dataset import read_dataset, write_dataset
from organoid_kit.data.formats import write_annotations

FOLDER = Path(__file__).parents[1] / "data_samples"
PARTS = {
    "training": ["organoid_a", "organoid_b"],
    "validation": ["organoid_c"],
    "test": ["organoid_d"],
}
NAMES = sorted(sum(PARTS.values(), []))


@pytest.fixture(scope="module")
def make_samples():
    spec = importlib.util.spec_from_file_location("make_samples", FOLDER / "make_samples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def samples():
    return {each.name: each for part in PARTS for each in read_dataset(FOLDER / f"{part}.autlist")}


def test_the_lists_name_four_movies_each_once():
    for part, names in PARTS.items():
        assert [each.name for each in read_dataset(FOLDER / f"{part}.autlist")] == names


@pytest.mark.parametrize("name", NAMES)
def test_each_movie_is_made_again_bit_for_bit(name, samples, make_samples, tmp_path):
    movie, annotations = make_samples.make_sample(name)
    stored = samples[name].movie
    assert str(stored) == str(movie)
    for time_point in stored.time_points:
        for channel in (1, 2, 3):
            np.testing.assert_array_equal(
                stored.stack(time_point, (channel,)), movie.stack(time_point, (channel,))
            )
    write_annotations(annotations, tmp_path / "again.aut")
    assert (tmp_path / "again.aut").read_bytes() == (FOLDER / f"{name}.aut").read_bytes()


@pytest.mark.parametrize("part", PARTS)
def test_each_list_is_made_again(part, samples, tmp_path):
    write_dataset([samples[name] for name in PARTS[part]], tmp_path / f"{part}.autlist")
    stored = (FOLDER / f"{part}.autlist").read_text()
    made = (tmp_path / f"{part}.autlist").read_text()
    assert re.findall(r'"experiment_file": "[^"]+"|"m.._time_point": \d+', made) == re.findall(
        r'"experiment_file": "[^"]+"|"m.._time_point": \d+', stored
    )


def test_only_one_movie_is_annotated_in_part(samples, make_samples):
    for name, sample in samples.items():
        whole = np.array([[0, 0, 0], np.array(sample.movie.shape_zyx) - 1])
        region = sample.annotations.annotated_region(0)
        assert (name == make_samples.PARTLY_ANNOTATED) == (not np.array_equal(region, whole))
    part = samples[make_samples.PARTLY_ANNOTATED]
    assert part.annotations.region is None
    assert part.annotations.annotated_region(0)[1, 2] < 0.7 * part.movie.shape_zyx[2]


def test_every_movie_has_growth_and_divisions(samples):
    for sample in samples.values():
        counts = [
            len(sample.annotations.positions_at(time_point))
            for time_point in sample.movie.time_points
        ]
        assert 20 <= min(counts) and max(counts) <= 60 and counts[-1] > counts[0]
        assert len(sample.annotations.divisions()) >= 8


def test_the_organoids_lie_wholly_in_their_movies(samples):
    for sample in samples.values():
        last = np.array(sample.movie.shape_zyx) - 1
        gap_um = (
            np.minimum(sample.annotations.positions, last - sample.annotations.positions)
            * sample.movie.spacing_um
        )
        assert gap_um.min() > 3


def test_together_they_take_at_most_20_megabytes():
    assert sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file()) <= 20e6


def test_the_readme_tells_the_true_numbers(samples):
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name, sample in samples.items():
        truth = sample.annotations
        assert f"| {len(truth)} | {len(truth.divisions())} |" in next(
            line for line in readme.splitlines() if line.startswith(f"| `{name}`")
        )
