"""Small movies of coordinates for the tests of tracks."""

import dataclasses

import numpy as np
from scipy.special import expit, logit

from organoid_kit.data.annotations import Annotations
from organoid_kit.tracking.costs import TrackingProblem
from organoid_kit.tracking.linking import find_candidates


def make_candidates(positions, time_points, links, probabilities=None, **others) -> Annotations:
    """Positions in voxels of 1 µm (or y, x alone), and candidates with their probabilities."""
    positions = np.asarray(positions, dtype=float)
    if positions.shape[1] == 2:
        positions = np.insert(positions, 0, 0, axis=1)
    link_properties = {} if probabilities is None else {"link_probability": probabilities}
    options = {
        "spacing_um": (1, 1, 1),
        "name": "test",
        "link_properties": link_properties,
        **others,
    }
    return Annotations(positions, time_points, links, **options)


def make_random_candidates(
    rng: np.random.Generator, nuclei: int, time_points: int, neighbours: int = 2
) -> Annotations:
    """Points at random, with probabilities at random: many stories are nearly as good as each
    other.
    """
    number = nuclei * time_points
    positions = rng.uniform(0, 6 * nuclei ** (1 / 3), (number, 3))
    found = _find_candidates(positions, np.repeat(np.arange(time_points), nuclei), neighbours)
    found.link_properties["link_probability"] = rng.uniform(0.02, 0.98, len(found.links)).astype(
        object
    )
    found.properties["probability"] = rng.uniform(0.02, 0.98, number).astype(object)
    found.properties["division_probability"] = rng.uniform(0.02, 0.98, number).astype(object)
    return found


def make_movie(
    rng: np.random.Generator,
    nuclei: int,
    time_points: int,
    sureness: float = 5.0,
    missed: float = 0.03,
) -> tuple[Annotations, Annotations]:
    """Nuclei that move around their places, what is true, and candidates for it. Row by row the
    same positions.

    Answers are as a calibrated network gives them: log-odds are normally distributed around plus or
    minus `sureness`, with a variance of twice that, and shifted by how frequent a "yes" is.
    """
    places = rng.uniform(0, 9 * nuclei ** (1 / 3), (nuclei, 3))
    positions = (places + rng.normal(0, 1.0, (time_points, nuclei, 3))).reshape(-1, 3)
    times, names = (part.ravel() for part in np.mgrid[:time_points, :nuclei])
    seen = rng.random(len(times)) >= missed
    positions, times, names = positions[seen], times[seen], names[seen]
    found = _find_candidates(positions, times, neighbours=3)
    right = names[found.links[:, 0]] == names[found.links[:, 1]]
    found.link_properties["link_probability"] = answer(rng, right, sureness)
    found.properties["probability"] = answer(
        rng, np.ones(len(times), dtype=bool), sureness, frequency=0.97
    )
    found.properties["division_probability"] = answer(
        rng, np.zeros(len(times), dtype=bool), sureness, frequency=0.01
    )
    return dataclasses.replace(
        found, links=found.links[right], properties={}, link_properties={}
    ), found


def answer(
    rng: np.random.Generator, right: np.ndarray, sureness: float, frequency: float | None = None
) -> np.ndarray:
    """Calibrated probabilities, (n,) object, for questions whose right answers are known, (n,)
    bool.
    """
    frequency = np.mean(right) if frequency is None else frequency
    evidence = np.where(right, sureness, -sureness) + rng.normal(
        0, np.sqrt(2 * sureness), len(right)
    )
    return expit(evidence + logit(frequency)).astype(object)


def _find_candidates(positions: np.ndarray, times: np.ndarray, neighbours: int) -> Annotations:
    found = Annotations(positions, times, spacing_um=(1, 1, 1), name="random")
    return find_candidates(found, max_distance_um=50, neighbours=neighbours, remove_drift=False)


def sum_costs(problem: TrackingProblem, chosen: np.ndarray, kept: np.ndarray) -> float:
    """What a story of these links, (m,) bool, and these nuclei, (n,) bool, costs."""
    backward, forward = problem.count_links(chosen)
    costs = problem.position_costs * kept + problem.appearance_costs * (kept & (backward == 0))
    ends = problem.disappearance_costs * (kept & (forward == 0))
    costs += ends + problem.division_costs * (forward == 2)
    return float(costs.sum() + problem.link_costs[chosen].sum())
