"""Invented movies that no network was trained on and no setting was chosen by; other benchmarks use
them.
"""

from __future__ import annotations

import dataclasses
import runpy

import numpy as np

from organoid_kit.course.synthetic import make_synthetic_movie
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.downloads import find_samples

FAST = {
    "rotation_degrees": 15.0,
    "drift_um": 3.0,
}  # the organoid turns and drifts: neighbours move alike
RESTLESS = {
    "migration_um": 2.0,
    "rotation_degrees": 4.0,
    "drift_um": 1.5,
}  # each nucleus goes its own way


def make_like_samples(seed: int, name: str = "held out", **changes) -> AnnotatedMovie:
    """A movie of the family of the bundled ones: another organoid, another microscope, about the
    same difficulty.
    """
    settings = runpy.run_path(str(find_samples() / "make_samples.py"))["SETTINGS"]
    rng = np.random.default_rng(seed)
    drawn = dict(
        nuclei=int(rng.integers(24, 36)),
        elongation=rng.uniform(1.0, 1.7),
        nucleus_diameter_um=rng.uniform(7, 8),
        photons=rng.uniform(70, 120),
        haze=rng.uniform(0.08, 0.16),
        cytoplasm=rng.uniform(0.02, 0.06),
        texture=rng.uniform(0.2, 0.4),
        dimming_um=rng.uniform(60, 100),
        debris=int(rng.integers(4, 9)),
        bud=rng.uniform(0.1, 0.3),
    )
    return AnnotatedMovie(
        *make_synthetic_movie(
            dataclasses.replace(settings, **drawn | changes), seed, f"{name} {seed}"
        )
    )
