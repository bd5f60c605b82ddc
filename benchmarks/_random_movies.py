"""Settings of invented movies, drawn at random, of many microscopes and organoids."""

from __future__ import annotations

import numpy as np

from organoid_kit.course.synthetic import SyntheticSettings


def random_synthetic_settings(rng: np.random.Generator, **fixed) -> SyntheticSettings:
    """One of many microscopes and organoids; a network trained on all of them fits new ones. What
    is `fixed`, such as `shape_zyx` or `time_points`, is not drawn.
    """
    elongation = rng.uniform(0.65, 1.7)
    xy_blur_um = rng.uniform(0.15, 0.5)
    drawn = dict(
        nuclei=int(rng.integers(15, 60)),
        nucleus_diameter_um=rng.uniform(6.0, 10.0),
        diameter_spread=rng.uniform(0.05, 0.2),
        elongation=elongation,
        giants=rng.choice([0.0, 0.1, 0.25]),
        irregularity=rng.uniform(0.0, 0.11),
        looseness=rng.uniform(0.88, 1.15),
        organoid_axes_zyx=tuple(rng.uniform(0.8, 1.15, 3)),
        bumpiness=rng.uniform(0.0, 0.1),
        bud=rng.uniform(0.0, 0.35),
        cycle_time_points=rng.uniform(15, 40),
        migration_um=rng.uniform(0.1, 1.0),
        rotation_degrees=rng.uniform(0, 4),
        drift_um=rng.uniform(0, 1.0),
        brightness_spread=rng.uniform(0.05, 0.35),
        texture=rng.uniform(0.05, 0.5),
        texture_um=rng.uniform(0.3, 1.2),
        cytoplasm=rng.uniform(0.0, 0.12),
        lumen_glow=rng.uniform(0.0, 0.15),
        background=rng.uniform(0.0, 0.05),
        debris=int(rng.integers(0, 15)),
        blur_um=(xy_blur_um * rng.uniform(2.0, 4.0), xy_blur_um, xy_blur_um),
        haze=rng.uniform(0.0, 0.35),
        haze_um=rng.uniform(2.0, 6.0),
        dimming_um=np.exp(rng.uniform(np.log(30), np.log(300))),
        photons=np.exp(rng.uniform(np.log(25), np.log(1500))),
        read_noise=rng.uniform(1.0, 5.0),
        noise_blur_px=rng.choice([0.0, 0.5, 0.8]),
    )
    return SyntheticSettings(**{**drawn, **fixed})
