"""What one can choose about an invented organoid and the microscope that looks at it."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from organoid_kit.base import UserError


@dataclass(frozen=True)
class SyntheticSettings:
    """Knobs of the organoid and of the microscope. Lengths in µm, tuples of three are z, y, x.
    Brightness is relative to that of an ordinary nucleus, which is 1.
    """

    # The movie
    shape_zyx: tuple[int, int, int] = (24, 160, 160)
    spacing_um: tuple[float, float, float] = (2.0, 0.5, 0.5)
    time_points: int = 12
    minutes_per_time_point: float = 20.0
    # Multiplies haze, noise, debris, motion and variety; 0 is a picture from a textbook
    difficulty: float = 1.0
    # The organoid
    nuclei: int = 45  # at the first time point
    nucleus_diameter_um: float = 7.5
    diameter_spread: float = 0.10  # relative standard deviation
    elongation: float = 1.5  # radial length over width; below 1 the epithelium is flat
    giants: float = 0.02  # part of the nuclei that are up to twice as long as others
    irregularity: float = 0.08  # how far nuclei depart from ellipsoids
    looseness: float = 1.05  # 1: nuclei touch; larger: gaps between them
    min_distance_um: float = 5.0  # two centres are never closer
    organoid_axes_zyx: tuple[float, float, float] = (0.9, 1.05, 1.0)
    bumpiness: float = 0.05
    bud: float = 0.2  # height of the bud, relative to the radius
    # Its life
    cycle_time_points: float = 30.0  # from division to division
    plates: float = 1.0  # part of the mothers last seen as a plate; the others are still round
    separation: float = 1.0  # how far apart daughters are first seen, 1: they still touch
    migration_um: float = 0.5  # random step in each time point
    rotation_degrees: float = 1.5  # of the whole organoid in each time point
    drift_um: float = 0.4  # of the whole organoid in each time point
    # What gives light
    brightness_spread: float = 0.2  # standard deviation of the logarithm
    texture: float = 0.25  # contrast of the chromatin
    texture_um: float = 0.5  # size of its grains
    cytoplasm: float = 0.03
    lumen_glow: float = 0.05  # dim blob in the lumen
    background: float = 0.01  # uneven light from the gel
    debris: int = 6  # pieces that shine but are no nuclei
    # The microscope
    # Standard deviation of the point spread function
    blur_um: tuple[float, float, float] = (1.0, 0.3, 0.3)
    haze: float = 0.10  # part of the light that is out of focus
    haze_um: float = 3.5
    dimming_um: float = 80.0  # depth after which 1/e of the light is left
    photons: float = 120.0  # from an ordinary nucleus in each voxel
    grey_per_photon: float = 2.0
    offset: float = 100.0  # grey value of darkness
    read_noise: float = 1.5  # grey values
    noise_blur_px: float = 0.0  # noise becomes correlated when stacks are resampled


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


def check_settings(settings: SyntheticSettings) -> None:
    """Raises UserError for numbers that no movie can be made of."""
    positive = "time_points nuclei nucleus_diameter_um cycle_time_points photons dimming_um"
    for name in positive.split():
        if not (value := getattr(settings, name)) > 0:
            advice = "Leave it out to get the default."
            raise UserError(f"{name} must be above zero. Received: {value}. {advice}")
    if min(settings.shape_zyx) < 1 or min(settings.spacing_um) <= 0:
        received = f"shape_zyx {settings.shape_zyx}, spacing_um {settings.spacing_um}"
        rule = "A synthetic movie must have at least one voxel, of positive size"
        raise UserError(f"{rule}. Received: {received}. Pass three numbers each: z, y, x.")


def apply_difficulty(settings: SyntheticSettings) -> SyntheticSettings:
    """Settings with all that hinders multiplied by the difficulty."""
    names = "diameter_spread irregularity migration_um rotation_degrees drift_um brightness_spread"
    names += " cytoplasm lumen_glow background haze read_noise"
    harder = {name: settings.difficulty * getattr(settings, name) for name in names.split()}
    harder["debris"] = round(settings.difficulty * settings.debris)
    harder["photons"] = settings.photons / max(settings.difficulty, 0.1) ** 2
    harder["grey_per_photon"] = settings.grey_per_photon * settings.photons / harder["photons"]
    return dataclasses.replace(settings, difficulty=1.0, **harder)
