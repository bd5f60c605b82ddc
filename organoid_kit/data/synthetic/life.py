"""A small epithelium lives: nuclei sit on a sheet around a lumen, wander, grow, divide and make
room for each other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.synthetic.settings import SyntheticSettings
from organoid_kit.data.synthetic.vectors import distances, dot, rotate, unit

_MIN_RADIUS_UM = 9.0  # an organoid smaller than this has no lumen
_PLATE_UM = {
    "metaphase": (3.6, 1.2, 3.6),
    "anaphase": (2.8, 1.1, 2.8),
}  # half axes: radial, along axis, across
_ROUND = {
    "telophase": 0.68,
    "young": 0.8,
    "prophase": 1.0,
    "prometaphase": 0.9,
}  # diameter relative to that in the middle of life


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
    forms_plate: bool  # whether it is seen as a metaphase plate before it divides
    number: int
    mother: int = -1


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
        bumps = sum(np.cos(dot(directions, wave[:3]) + wave[3]) for wave in self.waves) / len(
            self.waves
        )
        bud = np.exp(6 * (dot(directions, self.bud_direction) - 1))
        return self.radius_um * (1 + 2 * self.bumpiness * bumps + self.bud * bud)

    def positions_um(self, directions: np.ndarray, depths_um: np.ndarray) -> np.ndarray:
        """Where the sheet is in these directions, (n, 3) unit vectors, and so far below it."""
        return (
            self.centre_um
            + self.axes * directions * (self.surface_um(directions) - depths_um)[:, None]
        )


@dataclass(frozen=True)
class Snapshot:
    """All that the microscope may see at one time point."""

    organoid: Organoid
    nuclei: list[Nucleus]
    positions_um: np.ndarray  # (n, 3)


def grow_organoid(settings: SyntheticSettings, rng: np.random.Generator) -> Iterator[Snapshot]:
    """The organoid at each time point."""
    organoid, nuclei = _first_organoid(settings, rng)
    axis, drift = unit(rng.normal(size=3)), unit(rng.normal(size=3)) * (0.3, 1, 1)
    for _ in range(settings.time_points):
        yield Snapshot(
            dataclasses.replace(organoid), list(nuclei), organoid.positions_um(*_places(nuclei))
        )
        nuclei = _age(nuclei, settings, rng)
        nuclei = [_move(nucleus, organoid, axis, settings, rng) for nucleus in nuclei]
        step_um = settings.drift_um * (drift + rng.normal(0, 0.5, 3) * (0.3, 1, 1))
        organoid.centre_um = np.round(organoid.centre_um + step_um, 6)
        organoid.bud_direction = rotate(organoid.bud_direction, axis, settings.rotation_degrees)
        _settle(organoid, nuclei, settings)


def _first_organoid(
    settings: SyntheticSettings, rng: np.random.Generator
) -> tuple[Organoid, list[Nucleus]]:
    """An organoid in the middle of the image, and nuclei spread over it."""
    nuclei = [_first_nucleus(number, settings, rng) for number in range(settings.nuclei)]
    organoid = Organoid(
        centre_um=(np.array(settings.shape_zyx) - 1) / 2 * settings.spacing_um,
        radius_um=_wanted_radius_um(nuclei, settings),
        axes=np.array(settings.organoid_axes_zyx),
        waves=np.column_stack([rng.normal(0, 2.5, (5, 3)), rng.uniform(0, 2 * np.pi, 5)]),
        bumpiness=settings.bumpiness,
        bud_direction=unit(rng.normal(size=3) * (0.5, 1, 1)),
        bud=settings.bud,
    )
    for _ in range(8):
        _settle(organoid, nuclei, settings)
    return organoid, nuclei


def _first_nucleus(number: int, settings: SyntheticSettings, rng: np.random.Generator) -> Nucleus:
    """A nucleus somewhere in its life, neither newborn nor about to divide."""
    nucleus = _new_nucleus(number, settings, rng)
    nucleus.age = rng.uniform(3, max(4, nucleus.lifetime - 1))
    return nucleus


def _new_nucleus(number: int, settings: SyntheticSettings, rng: np.random.Generator) -> Nucleus:
    """A newborn nucleus with a character of its own."""
    proportions = np.exp(rng.normal(0, 0.1, 3)) * (settings.elongation, 1, 1)
    proportions[1] *= rng.uniform(1.0, 1.3) + (rng.random() < settings.giants) * rng.uniform(
        0.4, 1.0
    )
    nucleus = Nucleus(
        direction=unit(rng.normal(size=3)),
        axis=unit(rng.normal(size=3)),
        depth_um=np.clip(rng.normal(0, 1), -1.5, 1.5) * 0.1 * settings.nucleus_diameter_um,
        age=0.0,
        lifetime=settings.cycle_time_points * np.clip(rng.normal(1, 0.15), 0.6, 1.4),
        diameter_um=settings.nucleus_diameter_um
        * np.clip(rng.normal(1, settings.diameter_spread), 0.7, 1.5),
        proportions=proportions / np.prod([settings.elongation, 1.15, 1]) ** (1 / 3),
        brightness=np.exp(np.clip(rng.normal(0, settings.brightness_spread), -0.8, 0.8)),
        tilt=rng.normal(0, 2 * settings.irregularity, 3),
        waves=np.column_stack([rng.normal(0, 1.6, (2, 3)), rng.uniform(0, 2 * np.pi, 2)]),
        texture_corner=rng.uniform(0, 64, 3),
        forms_plate=True,
        number=number,
    )
    # Not a draw of its own, so that movies of which all mothers form plates are what they were
    # before this was added.
    nucleus.forms_plate = bool(nucleus.texture_corner[0] % 1 < settings.plates)
    return nucleus


def get_stage(nucleus: Nucleus) -> str:
    """What a nucleus looks like: its first three time points and its last two are special."""
    early = ("anaphase", "telophase", "young")
    if nucleus.age < len(early):
        return early[int(nucleus.age)]
    remaining = nucleus.lifetime - nucleus.age
    if remaining <= 1:
        return "metaphase" if nucleus.forms_plate else "prometaphase"
    return "prophase" if remaining <= 2 else "interphase"


def is_in_g1(nucleus: Nucleus) -> bool:
    """The first half of a nucleus's life."""
    return bool(nucleus.age < 0.5 * nucleus.lifetime)


def compute_half_axes_um(nucleus: Nucleus) -> np.ndarray:
    """(3,): radial, along its axis, across."""
    stage = get_stage(nucleus)
    if stage in _PLATE_UM:
        return np.array(_PLATE_UM[stage]) * np.sqrt(nucleus.diameter_um / 8)
    if stage in _ROUND:
        return np.full(3, nucleus.diameter_um / 2 * _ROUND[stage])
    growth = 0.88 + 0.22 * nucleus.age / nucleus.lifetime
    return nucleus.diameter_um / 2 * growth * nucleus.proportions


def _depth_um(nucleus: Nucleus) -> float:
    """Below the middle of the epithelium; nuclei divide near the lumen."""
    to_division = min(nucleus.age, max(nucleus.lifetime - nucleus.age - 1, 0))
    return nucleus.depth_um + 0.3 * nucleus.diameter_um * np.clip(1 - to_division / 4, 0, 1)


def compute_local_frame(nucleus: Nucleus) -> np.ndarray:
    """Three unit vectors as rows: roughly away from the organoid's centre, along the nucleus's
    axis, across.
    """
    outward = unit(nucleus.direction + nucleus.tilt)
    along = unit(nucleus.axis - outward * dot(nucleus.axis, outward))
    return np.stack([outward, along, np.cross(outward, along)])


def _age(
    nuclei: list[Nucleus], settings: SyntheticSettings, rng: np.random.Generator
) -> list[Nucleus]:
    """The nuclei one time point later: older, or two."""
    number = max(nucleus.number for nucleus in nuclei) + 1
    later = []
    for nucleus in nuclei:
        if nucleus.age + 1 < nucleus.lifetime:
            later.append(dataclasses.replace(nucleus, age=nucleus.age + 1))
        else:
            later += _daughters(nucleus, number, settings, rng)
            number += 2
    return later


def _daughters(
    mother: Nucleus, number: int, settings: SyntheticSettings, rng: np.random.Generator
) -> list[Nucleus]:
    """Two newborn nuclei on either side of the plate of their mother, still facing each other."""
    apart = 0.11 * settings.separation * compute_local_frame(mother)[1]
    return [
        dataclasses.replace(
            _new_nucleus(number + side, settings, rng),
            direction=unit(mother.direction + (apart, -apart)[side]),
            axis=mother.axis,
            depth_um=mother.depth_um,
            brightness=mother.brightness,
            mother=mother.number,
        )
        for side in (0, 1)
    ]


def _move(
    nucleus: Nucleus,
    organoid: Organoid,
    axis: np.ndarray,
    settings: SyntheticSettings,
    rng: np.random.Generator,
) -> Nucleus:
    """Turned with the organoid, and a random step; nuclei in division hold on to their place."""
    calm = 0.3 if get_stage(nucleus) in _PLATE_UM else 1.0
    step = calm * rng.normal(0, settings.migration_um, 3) / organoid.radius_um
    return dataclasses.replace(
        nucleus,
        direction=unit(rotate(nucleus.direction, axis, settings.rotation_degrees) + step),
        axis=rotate(nucleus.axis, axis, settings.rotation_degrees),
    )


def _widths_um(nuclei: list[Nucleus]) -> np.ndarray:
    """Half the room that each nucleus takes in the sheet, (n,)."""
    return np.array(
        [np.sqrt(np.prod(np.maximum(compute_half_axes_um(nucleus)[1:], 2.0))) for nucleus in nuclei]
    )


def _wanted_radius_um(nuclei: list[Nucleus], settings: SyntheticSettings) -> float:
    """Radius of a sphere on which discs of these widths find room (they cover three quarters of
    it).
    """
    area = np.sum((settings.looseness * _widths_um(nuclei)) ** 2) / 0.75
    return max(np.sqrt(area) / 2, _MIN_RADIUS_UM, 1.2 * settings.nucleus_diameter_um)


def _settle(organoid: Organoid, nuclei: list[Nucleus], settings: SyntheticSettings) -> None:
    """Lets the organoid grow and nuclei push each other apart until no two are too close."""
    wanted = _wanted_radius_um(nuclei, settings)
    organoid.radius_um = np.round(organoid.radius_um + 0.4 * (wanted - organoid.radius_um), 6)
    for _ in range(30):
        closest_um = _push_apart(organoid, nuclei, settings)
        if closest_um >= settings.min_distance_um:
            return
        organoid.radius_um *= 1.02
    raise UserError(
        f"Nuclei must find room on the organoid. Received: {len(nuclei)} nuclei with centres at least "
        f"{settings.min_distance_um:g} µm apart. Choose a smaller min_distance_um or a larger looseness."
    )


def _push_apart(organoid: Organoid, nuclei: list[Nucleus], settings: SyntheticSettings) -> float:
    """Moves nuclei along the sheet; returns the smallest distance of two centres, µm."""
    widths_um = settings.looseness * _widths_um(nuclei)
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


def _places(nuclei: list[Nucleus]) -> tuple[np.ndarray, np.ndarray]:
    """Directions in which nuclei sit, (n, 3), and how far below the middle of the epithelium, (n,)
    µm.
    """
    return np.array([nucleus.direction for nucleus in nuclei]), np.array(
        [_depth_um(nucleus) for nucleus in nuclei]
    )
