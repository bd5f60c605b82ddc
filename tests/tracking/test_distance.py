"""Links judged by distance alone: what moves, what divides, and what is never worse than nearest."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.formats.trackmate import read_trackmate
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.costs import build_problem
from organoid_kit.tracking.distance import estimate_link_probabilities
from organoid_kit.tracking.errors import add_error_probabilities, estimate_errors
from organoid_kit.tracking.linking import find_candidates, link_nearest, link_optimally

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
BUNDLED = [
    movie.annotations
    for part in ("training", "validation", "test")
    for movie in read_dataset(ROOT / f"data_samples/{part}.autlist")
]
REAL = {
    "lstree_enterocyst/mamut_deconv.xml": (2.0, 0.26, 0.26),
    "mamut_lineage/test-mamut.xml": (1.0, 1.0, 1.0),
}


def make_tissue(
    nuclei: int = 80, time_points: int = 6, step_um: float = 0.6, size: float = 1.0, axes: int = 3
) -> Annotations:
    """Nuclei about 8 µm apart, one in forty of which divides at each step; `size` enlarges all."""
    rng = np.random.default_rng(2)
    side = int(np.ceil(nuclei ** (1 / axes)))
    grid = np.stack(np.meshgrid(*[np.arange(side) * 8.0] * axes, indexing="ij"), -1)
    places = rng.permutation(grid.reshape(-1, axes))[:nuclei] + rng.normal(0, 0.6, (nuclei, axes))
    positions, links, first = [places], [], 0
    for _ in range(1, time_points):
        divides = rng.random(len(places)) < 1 / 40
        mothers = np.concatenate([np.arange(len(places)), np.flatnonzero(divides)])
        apart = rng.normal(size=places.shape)
        apart *= 2.5 / np.linalg.norm(apart, axis=1, keepdims=True) * divides[:, np.newaxis]
        steps = np.concatenate([apart, -apart[divides]]) + rng.normal(
            0, step_um, (len(mothers), axes)
        )
        links.append(
            np.stack([first + mothers, first + len(places) + np.arange(len(mothers))], axis=1)
        )
        first += len(places)
        places = places[mothers] + steps
        positions.append(places)
    times = np.repeat(np.arange(time_points), [len(part) for part in positions])
    positions = np.concatenate(positions) * size
    positions = np.pad(positions, ((0, 0), (3 - axes, 0)))
    return Annotations(positions, times, np.concatenate(links), spacing_um=(1, 1, 1), name="tissue")


def remove_links(truth: Annotations) -> Annotations:
    return dataclasses.replace(truth, links=np.zeros((0, 2), int), link_properties={})


def list_places(annotations: Annotations) -> set[tuple[float, ...]]:
    ends = annotations.positions[annotations.links].reshape(len(annotations.links), -1).round(4)
    times = annotations.time_points[annotations.links[:, 0]]
    return {(time, *end) for time, end in zip(times.tolist(), ends.tolist())}


def count_errors(truth: Annotations, made: Annotations) -> int:
    """Wrong and missing links."""
    return len(list_places(truth) ^ list_places(made))


@pytest.mark.parametrize("size", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("axes", [2, 3])
def test_links_and_divisions_of_nuclei_of_any_size(size, axes):
    truth = make_tissue(size=size, axes=axes)
    tracks = build_tracks(find_candidates(remove_links(truth)))
    assert len(truth.divisions()) >= 5
    assert count_errors(truth, tracks) <= 0.02 * len(truth.links)
    assert len(tracks.divisions()) >= 0.8 * len(truth.divisions())


def test_a_turning_organoid_is_followed_where_the_nearest_nucleus_is_another_one():
    truth = make_tissue()
    angles = 0.18 * truth.time_points
    centre = truth.positions.mean(axis=0)
    z, y, x = (truth.positions - centre).T
    turned = [z, y * np.cos(angles) - x * np.sin(angles), y * np.sin(angles) + x * np.cos(angles)]
    truth = dataclasses.replace(truth, positions=np.stack(turned, axis=1) + centre)
    bare = remove_links(truth)
    errors = count_errors(truth, build_tracks(find_candidates(bare)))
    assert count_errors(truth, link_nearest(bare)) > 0.05 * len(truth.links)
    assert errors < 0.3 * count_errors(truth, link_nearest(bare))


def test_of_two_that_may_have_divided_it_was_not_the_one_just_born():
    """A right side (x 9.5) and a left one (x 4.5, born a moment ago) fit three nuclei alike."""
    line = [[2.0], [9.5]], [[-0.5], [4.5], [9.5]], [[-0.5], [2.0], [7.0], [12.0]]
    tissue = make_tissue(step_um=0.4, time_points=len(line))
    places = [np.pad(np.array(x) - 60, ((0, 0), (2, 0))) for x in line]
    times = np.repeat(range(len(line)), list(map(len, line)))
    found = Annotations(
        np.concatenate([*places, tissue.positions]),
        np.concatenate([times, tissue.time_points]),
        spacing_um=(1, 1, 1),
    )
    candidates = find_candidates(found)
    division = estimate_link_probabilities(candidates)[1]
    first, born, old = division[0], division[3], division[4]
    assert first > 0.9 and old > 0.9 and born < 0.1


def test_probabilities_come_true():
    truth = make_tissue(step_um=1.4, time_points=10)
    candidates = find_candidates(remove_links(truth))
    link, division = estimate_link_probabilities(candidates)
    right = np.isin(candidates.links @ [len(truth), 1], truth.links @ [len(truth), 1])
    doubtful = (link > 0.05) & (link < 0.95)
    assert np.count_nonzero(doubtful) > 20
    assert abs(link.sum() - right.sum()) < 0.02 * right.sum()
    assert abs(link[doubtful].mean() - right[doubtful].mean()) < 0.2
    into = np.bincount(candidates.links[:, 1], link, len(truth))
    assert (into < 1.1).all()
    assert ((division >= 0) & (division <= 1)).all()


def test_errors_by_distance_are_doubted_twice():
    """The beliefs of a nucleus' two links depend on each other."""
    candidates = find_candidates(remove_links(make_tissue(step_um=1.4)))
    tracks = build_tracks(candidates)
    usual, once = (
        estimate_errors(add_error_probabilities(candidates, tracks, temperature=temperature))
        for temperature in (None, 1.0)
    )
    assert usual.errors > 1.2 * once.errors


def test_a_known_division_probability_is_believed():
    truth = make_tissue()
    candidates = find_candidates(remove_links(truth))
    candidates.properties["division_probability"] = np.full(len(truth), 0.0, dtype=object)
    assert len(build_tracks(candidates).divisions()) == 0


def test_links_with_probabilities_are_not_judged_again():
    candidates = find_candidates(remove_links(make_tissue()))
    candidates.link_properties["link_probability"] = np.full(len(candidates.links), 0.9, object)
    problem = build_problem(candidates)
    costs = problem.link_costs[problem.candidate_rows >= 0]
    np.testing.assert_allclose(costs, np.log(0.1 / 0.9))


@pytest.mark.parametrize("nuclei", [0, 1, 2])
def test_hardly_any_nuclei(nuclei):
    still = np.repeat(np.arange(nuclei) * 30.0, 5)[:, np.newaxis] + np.zeros(3)
    times = np.tile(np.arange(5), nuclei)
    alone = Annotations(still, times, spacing_um=(1, 1, 1), name="few")
    tracks = build_tracks(find_candidates(alone))
    assert len(tracks.links) == 4 * nuclei
    assert len(tracks.tracks()) == nuclei


def test_daughters_of_large_nuclei_are_candidates():
    truth = make_tissue(size=6.0)
    found = set(map(tuple, find_candidates(remove_links(truth)).links.tolist()))
    assert {tuple(link) for link in truth.links.tolist()} <= found
    lengths = np.linalg.norm(np.diff(truth.positions[truth.links], axis=1)[:, 0], axis=1)
    assert lengths.max() > 12


@pytest.mark.parametrize("truth", BUNDLED, ids=lambda each: each.name)
def test_bundled_movies_are_never_worse_than_simple_linking(truth):
    bare = remove_links(truth)
    errors = count_errors(truth, build_tracks(find_candidates(bare)))
    simple = min(count_errors(truth, link(bare)) for link in (link_nearest, link_optimally))
    assert errors <= simple


@pytest.mark.parametrize("path", REAL)
def test_real_lineages_are_never_worse_than_simple_linking(path, tmp_path):
    if not (SHARED / path).exists():
        pytest.skip(f"{path} is not in ../shared/data")
    text = (SHARED / path).read_text(encoding="utf-8").replace('"pixels"', '"µm"')
    (tmp_path / "real.xml").write_text(text, encoding="utf-8")
    truth = read_trackmate(tmp_path / "real.xml", spacing_um=REAL[path])
    bare = remove_links(truth)
    errors = count_errors(truth, build_tracks(find_candidates(bare)))
    simple = min(count_errors(truth, link(bare)) for link in (link_nearest, link_optimally))
    assert errors <= simple
