"""A small epithelium lives: nuclei on a sheet around a lumen wander, grow, divide and make room."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from organoid_kit.base import make_error
from organoid_kit.course.synthetic.settings import SyntheticSettings

_MIN_RADIUS_UM = 9.0  # an organoid smaller than this has no lumen
# Half axes of the plate in µm: radial, along axis, across
_PLATE_UM = {"metaphase": (3.6, 1.2, 3.6), "anaphase": (2.8, 1.1, 2.8)}
# Diameter of round nuclei, relative to that in the middle of life
_ROUND = {"telophase": 0.68, "young": 0.8, "prophase": 1.0, "prometaphase": 0.9}


@dataclass
class Nucleus:
    """One nucleus between two divisions."""

    direction: np.ndarray  # (3,) unit vector, where it sits on the organoid
    axis: np.ndarray  # (3,) unit vector; nuclei lie, and divide, along its tangential part
    depth_um: float  # below the middle of the epithelium
    age: float  # time points since birth
    lifetime: float  # age at which it divides
    diameter_um: float
    proportions: np.ndarray  # (3,) relative length: radial, along axis, across
    brightness: float
    tilt: np.ndarray  # (3,) added to the direction it stands in
    waves: np.ndarray  # (2, 4) shape of its surface: wave vector and phase
    texture_corner: np.ndarray  # (3,) where its chromatin is cut from the block of noise
    number: int
    forms_plate: bool = True  # whether it is seen as a metaphase plate before it divides
    mother: int = -1

    @property
    def stage(self) -> str:
        """What it looks like: its first three time points and its last two are special."""
        early = ("anaphase", "telophase", "young")
        if self.age < len(early):
            return early[int(self.age)]
        remaining = self.lifetime - self.age
        if remaining <= 1:
            return "metaphase" if self.forms_plate else "prometaphase"
        return "prophase" if remaining <= 2 else "interphase"

    @property
    def is_in_g1(self) -> bool:
        """Whether it is in the first half of its life."""
        return bool(self.age < 0.5 * self.lifetime)

    @property
    def half_axes_um(self) -> np.ndarray:
        """(3,): radial, along its axis, across."""
        if self.stage in _PLATE_UM:
            return np.array(_PLATE_UM[self.stage]) * np.sqrt(self.diameter_um / 8)
        if self.stage in _ROUND:
            return np.full(3, self.diameter_um / 2 * _ROUND[self.stage])
        growth = 0.88 + 0.22 * self.age / self.lifetime
        return self.diameter_um / 2 * growth * self.proportions

    @property
    def current_depth_um(self) -> float:
        """Below the middle of the epithelium; nuclei divide near the lumen."""
        to_division = min(self.age, max(self.lifetime - self.age - 1, 0))
        return self.depth_um + 0.3 * self.diameter_um * np.clip(1 - to_division / 4, 0, 1)

    @property
    def frame(self) -> np.ndarray:
        """Unit vectors as rows: roughly away from the organoid's centre, along its axis, across."""
        outward = unit(self.direction + self.tilt)
        along = unit(self.axis - outward * dot(self.axis, outward))
        return np.stack([outward, along, np.cross(outward, along)])


@dataclass
class Organoid:
    """The sheet on which nuclei sit: an ellipsoid with bumps and a bud."""

    centre_um: np.ndarray  # (3,)
    radius_um: float
    axes: np.ndarray  # (3,) relative
    waves: np.ndarray  # (5, 4) wave vector and phase of the bumps
    bumpiness: float
    bud_direction: np.ndarray  # (3,) unit vector
    bud: float

    def surface_um(self, directions: np.ndarray) -> np.ndarray:
        """Distance from centre to sheet before stretching by `axes`, for unit vectors (..., 3)."""
        waves = sum(np.cos(dot(directions, wave[:3]) + wave[3]) for wave in self.waves)
        bumps = waves / len(self.waves)
        bud = np.exp(6 * (dot(directions, self.bud_direction) - 1))
        return self.radius_um * (1 + 2 * self.bumpiness * bumps + self.bud * bud)

    def positions_um(self, directions: np.ndarray, depths_um: np.ndarray) -> np.ndarray:
        """Where the sheet is in these directions, (n, 3) unit vectors, and so far below it."""
        radii_um = self.surface_um(directions) - depths_um
        return self.centre_um + self.axes * directions * radii_um[:, None]


@dataclass(frozen=True)
class Snapshot:
    """All that the microscope may see at one time point."""

    organoid: Organoid
    nuclei: list[Nucleus]
    positions_um: np.ndarray  # (n, 3)


def grow_organoid(settings: SyntheticSettings, rng: np.random.Generator) -> Iterator[Snapshot]:
    """The organoid at each time point. It begins in the middle of the image."""
    nuclei = []
    for number in range(settings.nuclei):
        nucleus = _make_nucleus(number, settings, rng)
        nucleus.age = rng.uniform(3, max(4, nucleus.lifetime - 1))  # not new, nor about to divide
        nuclei.append(nucleus)
    organoid = Organoid(
        centre_um=(np.array(settings.shape_zyx) - 1) / 2 * settings.spacing_um,
        radius_um=_choose_radius_um(nuclei, settings),
        axes=np.array(settings.organoid_axes_zyx),
        waves=np.column_stack([rng.normal(0, 2.5, (5, 3)), rng.uniform(0, 2 * np.pi, 5)]),
        bumpiness=settings.bumpiness,
        bud_direction=unit(rng.normal(size=3) * (0.5, 1, 1)),
        bud=settings.bud,
    )
    for _ in range(8):
        _settle(organoid, nuclei, settings)
    axis, drift = unit(rng.normal(size=3)), unit(rng.normal(size=3)) * (0.3, 1, 1)
    for _ in range(settings.time_points):
        positions_um = organoid.positions_um(*_places(nuclei))
        yield Snapshot(dataclasses.replace(organoid), list(nuclei), positions_um)
        nuclei = _age(nuclei, settings, rng)
        nuclei = [_move(nucleus, organoid, axis, settings, rng) for nucleus in nuclei]
        step_um = settings.drift_um * (drift + rng.normal(0, 0.5, 3) * (0.3, 1, 1))
        organoid.centre_um = np.round(organoid.centre_um + step_um, 6)
        organoid.bud_direction = rotate(organoid.bud_direction, axis, settings.rotation_degrees)
        _settle(organoid, nuclei, settings)


def _make_nucleus(number: int, settings: SyntheticSettings, rng: np.random.Generator) -> Nucleus:
    proportions = np.exp(rng.normal(0, 0.1, 3)) * (settings.elongation, 1, 1)
    length = rng.uniform(1.0, 1.3) + (rng.random() < settings.giants) * rng.uniform(0.4, 1.0)
    proportions[1] *= length
    size = settings.nucleus_diameter_um
    nucleus = Nucleus(
        direction=unit(rng.normal(size=3)),
        axis=unit(rng.normal(size=3)),
        depth_um=np.clip(rng.normal(0, 1), -1.5, 1.5) * 0.1 * size,
        age=0.0,
        lifetime=settings.cycle_time_points * np.clip(rng.normal(1, 0.15), 0.6, 1.4),
        diameter_um=size * np.clip(rng.normal(1, settings.diameter_spread), 0.7, 1.5),
        proportions=proportions / np.prod([settings.elongation, 1.15, 1]) ** (1 / 3),
        brightness=np.exp(np.clip(rng.normal(0, settings.brightness_spread), -0.8, 0.8)),
        tilt=rng.normal(0, 2 * settings.irregularity, 3),
        waves=np.column_stack([rng.normal(0, 1.6, (2, 3)), rng.uniform(0, 2 * np.pi, 2)]),
        texture_corner=rng.uniform(0, 64, 3),
        number=number,
    )
    # Not a draw of its own, so that movies of which all mothers form plates are what they were
    # before this was added.
    nucleus.forms_plate = bool(nucleus.texture_corner[0] % 1 < settings.plates)
    return nucleus


def _age(
    nuclei: list[Nucleus], settings: SyntheticSettings, rng: np.random.Generator
) -> list[Nucleus]:
    """The nuclei one time point later: older, or two, on either side of their mother's plate."""
    number = max(nucleus.number for nucleus in nuclei) + 1
    later = []
    for nucleus in nuclei:
        if nucleus.age + 1 < nucleus.lifetime:
            later.append(dataclasses.replace(nucleus, age=nucleus.age + 1))
            continue
        apart = 0.11 * settings.separation * nucleus.frame[1]
        for step in (apart, -apart):
            daughter = _make_nucleus(number, settings, rng)
            daughter.direction = unit(nucleus.direction + step)
            daughter.axis, daughter.depth_um = nucleus.axis, nucleus.depth_um
            daughter.brightness, daughter.mother = nucleus.brightness, nucleus.number
            later.append(daughter)
            number += 1
    return later


def _move(
    nucleus: Nucleus,
    organoid: Organoid,
    axis: np.ndarray,
    settings: SyntheticSettings,
    rng: np.random.Generator,
) -> Nucleus:
    """Turned with the organoid, and a random step; nuclei in division hold on to their place."""
    calm = 0.3 if nucleus.stage in _PLATE_UM else 1.0
    step = calm * rng.normal(0, settings.migration_um, 3) / organoid.radius_um
    return dataclasses.replace(
        nucleus,
        direction=unit(rotate(nucleus.direction, axis, settings.rotation_degrees) + step),
        axis=rotate(nucleus.axis, axis, settings.rotation_degrees),
    )


def _places(nuclei: list[Nucleus]) -> tuple[np.ndarray, np.ndarray]:
    """Directions, (n, 3), and depths below the middle of the epithelium, (n,) µm."""
    directions = np.array([nucleus.direction for nucleus in nuclei])
    return directions, np.array([nucleus.current_depth_um for nucleus in nuclei])


def _widths_um(nuclei: list[Nucleus], settings: SyntheticSettings) -> np.ndarray:
    """Half the room that each nucleus takes in the sheet, (n,)."""
    areas = [np.prod(np.maximum(nucleus.half_axes_um[1:], 2.0)) for nucleus in nuclei]
    return settings.looseness * np.sqrt(areas)


def _choose_radius_um(nuclei: list[Nucleus], settings: SyntheticSettings) -> float:
    """Radius of a sphere with room for all nuclei, which cover three quarters of it as discs."""
    area = np.sum(_widths_um(nuclei, settings) ** 2) / 0.75
    return max(np.sqrt(area) / 2, _MIN_RADIUS_UM, 1.2 * settings.nucleus_diameter_um)


def _settle(organoid: Organoid, nuclei: list[Nucleus], settings: SyntheticSettings) -> None:
    """Lets the organoid grow and nuclei push each other apart until no two are too close."""
    wanted_um = _choose_radius_um(nuclei, settings)
    organoid.radius_um = np.round(organoid.radius_um + 0.4 * (wanted_um - organoid.radius_um), 6)
    for _ in range(30):
        if _push_apart(organoid, nuclei, settings) >= settings.min_distance_um:
            return
        organoid.radius_um *= 1.02
    raise make_error("nuclei room", count=len(nuclei), min_distance_um=settings.min_distance_um)


def _push_apart(organoid: Organoid, nuclei: list[Nucleus], settings: SyntheticSettings) -> float:
    """Moves nuclei along the sheet; returns the smallest distance of two centres, µm."""
    widths_um = _widths_um(nuclei, settings)
    room_um = np.maximum(widths_um[:, None] + widths_um[None], settings.min_distance_um + 0.3)
    directions, depths_um = _places(nuclei)
    for _ in range(40):
        positions_um = organoid.positions_um(directions, depths_um)
        apart_um, distances_um = distances(positions_um)
        push = np.clip(room_um - distances_um, 0, None) / distances_um
        pushed_um = positions_um + 0.3 * np.sum(apart_um * push[..., None], axis=1)
        directions = unit((pushed_um - organoid.centre_um) / organoid.axes)
    for nucleus, direction in zip(nuclei, directions, strict=True):
        nucleus.direction = direction
    return distances(organoid.positions_um(directions, depths_um))[1].min()


# Geometry is rounded, so that it comes out the same on every processor.
def dot(vectors: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Scalar products over the last axis, written out so that no library may reorder the sum."""
    return vectors[..., 0] * other[0] + vectors[..., 1] * other[1] + vectors[..., 2] * other[2]


def unit(vector: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) with length 1, rounded: differences between processors must not grow."""
    return np.round(vector / np.sqrt(np.sum(vector**2, axis=-1, keepdims=True)), 9)


def rotate(vector: np.ndarray, axis: np.ndarray, degrees: float) -> np.ndarray:
    """The vector turned about an axis (Rodrigues' formula)."""
    angle = np.deg2rad(degrees)
    turned = vector * np.cos(angle) + np.cross(axis, vector) * np.sin(angle)
    return turned + axis * dot(axis, vector) * (1 - np.cos(angle))


def distances(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors between all positions, (n, n, 3), and their lengths, (n, n), infinite to itself."""
    apart = positions[:, None] - positions[None]
    lengths = np.sqrt(np.sum(apart**2, axis=-1))
    np.fill_diagonal(lengths, np.inf)
    return apart, np.maximum(lengths, 1e-3)
