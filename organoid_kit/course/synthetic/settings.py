"""What one can choose about an invented organoid and the microscope that looks at it."""

from dataclasses import dataclass

from organoid_kit.base import make_error, refuse_if


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


def check_settings(settings: SyntheticSettings) -> None:
    """Raises UserError for numbers that no movie can be made of."""
    positive = "time_points nuclei nucleus_diameter_um cycle_time_points photons dimming_um"
    for name in positive.split():
        if not (value := getattr(settings, name)) > 0:
            raise make_error("synthetic number", name=name, value=value)
    is_empty = min(settings.shape_zyx) < 1 or min(settings.spacing_um) <= 0
    refuse_if(is_empty, "synthetic voxels", **vars(settings))
