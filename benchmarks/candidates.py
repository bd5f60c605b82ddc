"""What candidate links can reach, what the two simplest ways to link get wrong, and how much work
both are.

python benchmarks/candidates.py
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import read_dataset
from organoid_kit.evaluation.tracks import score_links
from organoid_kit.tracking.linking import (
    compute_candidate_recall,
    find_candidates,
    link_nearest,
    link_optimally,
)
from organoid_kit.tracking.motion import estimate_drift

SAMPLES = Path(__file__).parents[1] / "data_samples"
MOTIONS = {
    "fast": {"migration_um": 2.0, "rotation_degrees": 4, "drift_um": 3},
    "very fast": {
        "migration_um": 3.0,
        "rotation_degrees": 6,
        "drift_um": 6,
        "cycle_time_points": 12,
    },
}
SEEDS = (51, 52)
NEIGHBOURS = (4, 6, 8)
SIZES = ((500, 200), (5000, 20), (5000, 200))  # nuclei, time points


def make_movies() -> dict[str, Annotations]:
    bundled = [
        each.annotations
        for path in sorted(SAMPLES.glob("*.autlist"))
        for each in read_dataset(path)
    ]
    movies = {annotations.name: annotations for annotations in bundled}
    for name, motion in MOTIONS.items():
        for seed in SEEDS:
            settings = SyntheticSettings(time_points=20, **motion)
            movies[f"{name}, seed {seed}"] = make_synthetic_movie(settings, seed)[1]
    return movies


def make_crowd(nuclei: int, time_points: int, seed: int = 1) -> Annotations:
    """Nuclei with 600 µm³ each that move by 0.5 µm at random, and all together by 2 µm."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.5, (time_points, nuclei, 3)) + rng.normal(0, 2, (time_points, 1, 3))
    steps[0] += rng.uniform(0, (600 * nuclei) ** (1 / 3), (nuclei, 3))
    positions = steps.cumsum(axis=0).reshape(-1, 3)
    return Annotations(positions, np.repeat(np.arange(time_points), nuclei), spacing_um=(1, 1, 1))


def print_movies() -> None:
    print(
        "recall of the candidates (candidates for each true link), wrong and missed links per 1000"
    )
    for name, truth in make_movies().items():
        reach = ", ".join(
            f"{neighbours} neighbours {compute_candidate_recall(truth, neighbours=neighbours):.4f} "
            f"({len(find_candidates(truth, neighbours=neighbours).links) / len(truth.links):.1f})"
            for neighbours in NEIGHBOURS
        )
        print(f"{name}: {reach}")
        for link in (link_nearest, link_optimally):
            for remove_drift in (True, False):
                score = score_links(truth, link(truth, remove_drift=remove_drift))
                drift = "drift removed" if remove_drift else "drift left in"
                print(
                    f"    {link.__name__}, {drift}: {score.wrong_per_1000:.1f}, {score.missed_per_1000:.1f}"
                )


def print_sizes() -> None:
    for nuclei, time_points in SIZES:
        crowd = make_crowd(nuclei, time_points)
        for function in (estimate_drift, find_candidates, link_nearest, link_optimally):
            start = time.process_time()
            function(crowd)
            print(
                f"{nuclei} nuclei, {time_points} time points, {function.__name__}: {time.process_time() - start:.1f} s"
            )


if __name__ == "__main__":
    print_movies()
    print_sizes()
