"""An invented organoid movie whose truth is known exactly: a small epithelium lives, and a microscope looks at it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from organoid_kit.annotations import Annotations
from organoid_kit.errors import UserError
from organoid_kit.timelapse import TimeLapse, make_timelapse

CHANNEL_NAMES = ("brightfield", "nuclei in G1", "nuclei in S, G2 and M")
_TEXTURE_UM = 0.3  # voxel of the block of noise from which chromatin and tissue are cut
_MIN_RADIUS_UM = 9.0  # an organoid smaller than this has no lumen


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
    difficulty: float = 1.0  # multiplies haze, noise, debris, motion and variety; 0 is a picture from a textbook
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
    blur_um: tuple[float, float, float] = (1.0, 0.3, 0.3)  # point spread function, standard deviation
    haze: float = 0.10  # part of the light that is out of focus
    haze_um: float = 3.5
    dimming_um: float = 80.0  # depth after which 1/e of the light is left
    photons: float = 120.0  # from an ordinary nucleus in each voxel
    grey_per_photon: float = 2.0
    offset: float = 100.0  # grey value of darkness
    read_noise: float = 1.5  # grey values
    noise_blur_px: float = 0.0  # noise becomes correlated when stacks are resampled


@dataclass
class _Nucleus:
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
    mother: int = -1


@dataclass
class _Organoid:
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
        bumps = sum(np.cos(_dot(directions, wave[:3]) + wave[3]) for wave in self.waves) / len(self.waves)
        bud = np.exp(6 * (_dot(directions, self.bud_direction) - 1))
        return self.radius_um * (1 + 2 * self.bumpiness * bumps + self.bud * bud)

    def positions_um(self, directions: np.ndarray, depths_um: np.ndarray) -> np.ndarray:
        """Where the sheet is in these directions, (n, 3) unit vectors, and so far below it."""
        return self.centre_um + self.axes * directions * (self.surface_um(directions) - depths_um)[:, None]


@dataclass(frozen=True)
class _Snapshot:
    """All that the microscope may see at one time point."""

    organoid: _Organoid
    nuclei: list[_Nucleus]
    positions_um: np.ndarray  # (n, 3)


def make_synthetic_movie(
    settings: SyntheticSettings | None = None, seed: int = 0, name: str | None = None
) -> tuple[TimeLapse, Annotations]:
    """A movie of an invented organoid, with its truth.

    Channel 1 is brightfield; each nucleus is bright either in channel 2 (G1) or in channel 3 (S, G2, M), so only the
    sum of the two shows all nuclei. The same settings and seed give the same movie, bit for bit.

    Returns:
        The movie, uint16, and its annotations: every nucleus whose centre is in the image, links, and the properties
        `phase` ("G1", "S/G2", "M") and `cycle` (age relative to the lifetime, 0 to 1).

    Raises:
        UserError: the settings cannot be met, for example when no nucleus lies inside the image.
    """
    settings = settings or SyntheticSettings()
    _check_settings(settings)
    settings = _apply_difficulty(settings)
    name = name or f"synthetic organoid {seed}"
    life, light = (np.random.default_rng((seed, part)) for part in (1, 2))
    snapshots = list(_live(settings, life))
    images = _Microscope(settings, light).images(snapshots)
    movie = make_timelapse(
        images,
        settings.spacing_um,
        name=name,
        channel_names=CHANNEL_NAMES,
        minutes_per_time_point=settings.minutes_per_time_point,
    )
    return movie, _make_annotations(snapshots, settings, name)


def random_synthetic_settings(rng: np.random.Generator, **fixed) -> SyntheticSettings:
    """Settings of one of many microscopes and organoids, so that a network trained on all of them fits new ones.

    Args:
        rng: what is drawn from.
        fixed: settings that are not drawn, by name, such as `shape_zyx` or `time_points`.
    """
    elongation = rng.uniform(0.65, 1.7)
    xy_blur_um = rng.uniform(0.15, 0.5)
    drawn = dict(
        nuclei=int(rng.integers(15, 60)),
        nucleus_diameter_um=rng.uniform(6.0, 10.0),
        diameter_spread=rng.uniform(0.05, 0.2),
        elongation=elongation,
        giants=rng.choice([0.0, 0.05, 0.15]),
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
        photons=np.exp(rng.uniform(np.log(15), np.log(1000))),
        read_noise=rng.uniform(1.0, 5.0),
        noise_blur_px=rng.choice([0.0, 0.5, 0.8]),
    )
    return SyntheticSettings(**{**drawn, **fixed})


def _check_settings(settings: SyntheticSettings) -> None:
    """Raises UserError for numbers that no movie can be made of."""
    for name in ("time_points", "nuclei", "nucleus_diameter_um", "cycle_time_points", "photons", "dimming_um"):
        if not getattr(settings, name) > 0:
            raise UserError(
                f"{name} of a synthetic movie must be above zero. Received: {getattr(settings, name)}. "
                "Leave it out to get the default."
            )
    if min(settings.shape_zyx) < 1 or min(settings.spacing_um) <= 0:
        raise UserError(
            "A synthetic movie must have at least one voxel, of positive size. Received: "
            f"shape_zyx {settings.shape_zyx}, spacing_um {settings.spacing_um}. Pass three numbers each: z, y, x."
        )


def _apply_difficulty(settings: SyntheticSettings) -> SyntheticSettings:
    """Settings with all that hinders multiplied by the difficulty."""
    names = "diameter_spread irregularity migration_um rotation_degrees drift_um brightness_spread cytoplasm".split()
    names += "lumen_glow background haze read_noise".split()
    harder = {name: settings.difficulty * getattr(settings, name) for name in names}
    harder["debris"] = round(settings.difficulty * settings.debris)
    harder["photons"] = settings.photons / max(settings.difficulty, 0.1) ** 2
    harder["grey_per_photon"] = settings.grey_per_photon * settings.photons / harder["photons"]
    return dataclasses.replace(settings, difficulty=1.0, **harder)


# --- Life ---------------------------------------------------------------------------------------------------------


def _live(settings: SyntheticSettings, rng: np.random.Generator) -> Iterator[_Snapshot]:
    """The organoid at each time point."""
    organoid, nuclei = _first_organoid(settings, rng)
    axis, drift = _unit(rng.normal(size=3)), _unit(rng.normal(size=3)) * (0.3, 1, 1)
    for _ in range(settings.time_points):
        yield _Snapshot(dataclasses.replace(organoid), list(nuclei), organoid.positions_um(*_places(nuclei)))
        nuclei = _age(nuclei, settings, rng)
        nuclei = [_move(nucleus, organoid, axis, settings, rng) for nucleus in nuclei]
        step_um = settings.drift_um * (drift + rng.normal(0, 0.5, 3) * (0.3, 1, 1))
        organoid.centre_um = np.round(organoid.centre_um + step_um, 6)
        organoid.bud_direction = _rotate(organoid.bud_direction, axis, settings.rotation_degrees)
        _settle(organoid, nuclei, settings)


def _first_organoid(settings: SyntheticSettings, rng: np.random.Generator) -> tuple[_Organoid, list[_Nucleus]]:
    """An organoid in the middle of the image, and nuclei spread over it."""
    nuclei = [_first_nucleus(number, settings, rng) for number in range(settings.nuclei)]
    organoid = _Organoid(
        centre_um=(np.array(settings.shape_zyx) - 1) / 2 * settings.spacing_um,
        radius_um=_wanted_radius_um(nuclei, settings),
        axes=np.array(settings.organoid_axes_zyx),
        waves=np.column_stack([rng.normal(0, 2.5, (5, 3)), rng.uniform(0, 2 * np.pi, 5)]),
        bumpiness=settings.bumpiness,
        bud_direction=_unit(rng.normal(size=3) * (0.5, 1, 1)),
        bud=settings.bud,
    )
    for _ in range(8):
        _settle(organoid, nuclei, settings)
    return organoid, nuclei


def _first_nucleus(number: int, settings: SyntheticSettings, rng: np.random.Generator) -> _Nucleus:
    """A nucleus somewhere in its life, neither newborn nor about to divide."""
    nucleus = _new_nucleus(number, settings, rng)
    nucleus.age = rng.uniform(3, max(4, nucleus.lifetime - 1))
    return nucleus


def _new_nucleus(number: int, settings: SyntheticSettings, rng: np.random.Generator) -> _Nucleus:
    """A newborn nucleus with a character of its own."""
    proportions = np.exp(rng.normal(0, 0.1, 3)) * (settings.elongation, 1, 1)
    proportions[1] *= rng.uniform(1.0, 1.3) + (rng.random() < settings.giants) * rng.uniform(0.4, 1.0)
    return _Nucleus(
        direction=_unit(rng.normal(size=3)),
        axis=_unit(rng.normal(size=3)),
        depth_um=np.clip(rng.normal(0, 1), -1.5, 1.5) * 0.1 * settings.nucleus_diameter_um,
        age=0.0,
        lifetime=settings.cycle_time_points * np.clip(rng.normal(1, 0.15), 0.6, 1.4),
        diameter_um=settings.nucleus_diameter_um * np.clip(rng.normal(1, settings.diameter_spread), 0.7, 1.5),
        proportions=proportions / np.prod([settings.elongation, 1.15, 1]) ** (1 / 3),
        brightness=np.exp(np.clip(rng.normal(0, settings.brightness_spread), -0.8, 0.8)),
        tilt=rng.normal(0, 2 * settings.irregularity, 3),
        waves=np.column_stack([rng.normal(0, 1.6, (2, 3)), rng.uniform(0, 2 * np.pi, 2)]),
        texture_corner=rng.uniform(0, 64, 3),
        number=number,
    )


def _stage(nucleus: _Nucleus) -> str:
    """What a nucleus looks like: its first three time points and its last two are special."""
    early = ("anaphase", "telophase", "young")
    if nucleus.age < len(early):
        return early[int(nucleus.age)]
    remaining = nucleus.lifetime - nucleus.age
    return "metaphase" if remaining <= 1 else "prophase" if remaining <= 2 else "interphase"


_PLATE_UM = {"metaphase": (3.6, 1.2, 3.6), "anaphase": (2.8, 1.1, 2.8)}  # half axes: radial, along axis, across
_ROUND = {"telophase": 0.68, "young": 0.8, "prophase": 1.0}  # diameter relative to that in the middle of life
_CONDENSED = {"metaphase": 2.2, "anaphase": 2.0, "telophase": 1.5, "young": 1.2, "prophase": 1.35}  # brightness


def _half_axes_um(nucleus: _Nucleus) -> np.ndarray:
    """(3,): radial, along its axis, across."""
    stage = _stage(nucleus)
    if stage in _PLATE_UM:
        return np.array(_PLATE_UM[stage]) * np.sqrt(nucleus.diameter_um / 8)
    if stage in _ROUND:
        return np.full(3, nucleus.diameter_um / 2 * _ROUND[stage])
    growth = 0.88 + 0.22 * nucleus.age / nucleus.lifetime
    return nucleus.diameter_um / 2 * growth * nucleus.proportions


def _depth_um(nucleus: _Nucleus) -> float:
    """Below the middle of the epithelium; nuclei divide near the lumen."""
    to_division = min(nucleus.age, max(nucleus.lifetime - nucleus.age - 1, 0))
    return nucleus.depth_um + 0.3 * nucleus.diameter_um * np.clip(1 - to_division / 4, 0, 1)


def _age(nuclei: list[_Nucleus], settings: SyntheticSettings, rng: np.random.Generator) -> list[_Nucleus]:
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


def _daughters(mother: _Nucleus, number: int, settings: SyntheticSettings, rng: np.random.Generator) -> list[_Nucleus]:
    """Two newborn nuclei on either side of the plate of their mother, still facing each other."""
    apart = 0.11 * _frame(mother)[1]
    return [
        dataclasses.replace(
            _new_nucleus(number + side, settings, rng),
            direction=_unit(mother.direction + (apart, -apart)[side]),
            axis=mother.axis,
            depth_um=mother.depth_um,
            brightness=mother.brightness,
            mother=mother.number,
        )
        for side in (0, 1)
    ]


def _move(
    nucleus: _Nucleus, organoid: _Organoid, axis: np.ndarray, settings: SyntheticSettings, rng: np.random.Generator
) -> _Nucleus:
    """Turned with the organoid, and a random step; nuclei in division hold on to their place."""
    calm = 0.3 if _stage(nucleus) in _PLATE_UM else 1.0
    step = calm * rng.normal(0, settings.migration_um, 3) / organoid.radius_um
    return dataclasses.replace(
        nucleus,
        direction=_unit(_rotate(nucleus.direction, axis, settings.rotation_degrees) + step),
        axis=_rotate(nucleus.axis, axis, settings.rotation_degrees),
    )


def _widths_um(nuclei: list[_Nucleus]) -> np.ndarray:
    """Half the room that each nucleus takes in the sheet, (n,)."""
    return np.array([np.sqrt(np.prod(np.maximum(_half_axes_um(nucleus)[1:], 2.0))) for nucleus in nuclei])


def _wanted_radius_um(nuclei: list[_Nucleus], settings: SyntheticSettings) -> float:
    """Radius of a sphere on which discs of these widths find room (they cover three quarters of it)."""
    area = np.sum((settings.looseness * _widths_um(nuclei)) ** 2) / 0.75
    return max(np.sqrt(area) / 2, _MIN_RADIUS_UM, 1.2 * settings.nucleus_diameter_um)


def _settle(organoid: _Organoid, nuclei: list[_Nucleus], settings: SyntheticSettings) -> None:
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


def _push_apart(organoid: _Organoid, nuclei: list[_Nucleus], settings: SyntheticSettings) -> float:
    """Moves nuclei along the sheet; returns the smallest distance of two centres, µm."""
    widths_um = settings.looseness * _widths_um(nuclei)
    room_um = np.maximum(widths_um[:, None] + widths_um[None], settings.min_distance_um + 0.3)
    directions, depths_um = _places(nuclei)
    for _ in range(40):
        positions_um = organoid.positions_um(directions, depths_um)
        apart_um, distances_um = _distances(positions_um)
        push = np.clip(room_um - distances_um, 0, None) / distances_um
        pushed_um = positions_um + 0.3 * np.sum(apart_um * push[..., None], axis=1)
        directions = _unit((pushed_um - organoid.centre_um) / organoid.axes)
    for nucleus, direction in zip(nuclei, directions, strict=True):
        nucleus.direction = direction
    return _distances(organoid.positions_um(directions, depths_um))[1].min()


def _places(nuclei: list[_Nucleus]) -> tuple[np.ndarray, np.ndarray]:
    """Directions in which nuclei sit, (n, 3), and how far below the middle of the epithelium, (n,) µm."""
    return np.array([nucleus.direction for nucleus in nuclei]), np.array([_depth_um(nucleus) for nucleus in nuclei])


def _distances(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors from each position to each, (n, n, 3), and their lengths, (n, n), infinite to itself."""
    apart = positions[:, None] - positions[None]
    lengths = np.sqrt(np.sum(apart**2, axis=-1))
    np.fill_diagonal(lengths, np.inf)
    return apart, np.maximum(lengths, 1e-3)


def _make_annotations(snapshots: list[_Snapshot], settings: SyntheticSettings, name: str) -> Annotations:
    """The truth about what lies in the image."""
    positions, time_points, links, phases, cycles = [], [], [], [], []
    rows: dict[int, int] = {}
    for time_point, snapshot in enumerate(snapshots):
        previous, rows = rows, {}
        for nucleus, position_um in zip(snapshot.nuclei, snapshot.positions_um, strict=True):
            rows[nucleus.number] = len(positions)
            before = previous.get(nucleus.number, previous.get(nucleus.mother, -1))
            if before >= 0:
                links.append((before, len(positions)))
            positions.append(position_um / settings.spacing_um)
            time_points.append(time_point)
            phases.append("M" if _stage(nucleus) == "metaphase" else ("S/G2", "G1")[_in_g1(nucleus)])
            cycles.append(round(float(nucleus.age / nucleus.lifetime), 4))
    last = np.array(settings.shape_zyx) - 1
    truth = Annotations(
        positions=np.round(positions, 3),
        time_points=time_points,
        links=links,
        properties={"phase": np.array(phases, dtype=object), "cycle": np.array(cycles, dtype=object)},
        spacing_um=settings.spacing_um,
        minutes_per_time_point=settings.minutes_per_time_point,
        name=name,
        region=np.stack([np.zeros(3), last]),
    )
    inside = np.all((truth.positions >= 0) & (truth.positions <= last), axis=1)
    if not inside.any():
        raise UserError(
            f"The organoid must lie in the image. Received: shape_zyx {settings.shape_zyx}, spacing_um "
            f"{settings.spacing_um}, {settings.nuclei} nuclei, none of them inside. Choose a larger shape_zyx."
        )
    return truth.select(inside)


# --- Light --------------------------------------------------------------------------------------------------------


class _Microscope:
    """Turns snapshots of the organoid into images."""

    def __init__(self, settings: SyntheticSettings, rng: np.random.Generator) -> None:
        self.settings = settings
        self.rng = rng
        self.spacing_um = np.array(settings.spacing_um)
        self.axes_um = [np.arange(n) * step for n, step in zip(settings.shape_zyx, settings.spacing_um)]
        self.chromatin = _noise_block(rng, settings.texture_um)
        self.tissue = _noise_block(rng, 1.5)
        self.debris = [_new_debris(rng) for _ in range(settings.debris)]
        self.glow_direction = rng.normal(0, 0.15, 3)

    def images(self, snapshots: list[_Snapshot]) -> np.ndarray:
        """The movie, (t, c, z, y, x) uint16."""
        return np.stack([self._image(snapshot) for snapshot in snapshots])

    def _image(self, snapshot: _Snapshot) -> np.ndarray:
        """One time point, (c, z, y, x) uint16."""
        height_um, tissue = self._tissue(snapshot.organoid)
        g1, other = self._nuclei(snapshot)
        brightfield = self._brightfield(height_um, tissue)
        extra = self._unwanted_light(snapshot.organoid, height_um, tissue) / 2
        return np.stack([brightfield, self._camera(g1 + extra), self._camera(other + extra)])

    def _tissue(self, organoid: _Organoid) -> tuple[np.ndarray, np.ndarray]:
        """Height above the middle of the epithelium in µm, and the grain of the tissue; both (z, y, x)."""
        from_centre_um = np.stack(np.meshgrid(*self.axes_um, indexing="ij"), axis=-1) - organoid.centre_um
        round_um = from_centre_um / organoid.axes
        distance_um = np.sqrt(np.sum(round_um**2, axis=-1)) + 1e-6
        height_um = distance_um - organoid.surface_um(round_um / distance_um[..., None])
        return height_um, _cut(self.tissue, np.moveaxis(from_centre_um, -1, 0))

    def _nuclei(self, snapshot: _Snapshot) -> np.ndarray:
        """Light of the nuclei before the microscope, (2, z, y, x): those in G1, all others."""
        light = np.zeros((2, *self.settings.shape_zyx))
        nearest, second = (np.full(self.settings.shape_zyx, 9.0) for _ in range(2))
        pieces = [self._distance(*each) for each in zip(snapshot.nuclei, snapshot.positions_um, strict=True)]
        for where, _, distance in pieces:
            second[where] = np.minimum(second[where], np.maximum(nearest[where], distance))
            nearest[where] = np.minimum(nearest[where], distance)
        for nucleus, (where, local_um, distance) in zip(snapshot.nuclei, pieces, strict=True):
            others = np.where(distance == nearest[where], second[where], nearest[where])
            steepness = nucleus.diameter_um / 2 / 0.25  # edges are about a quarter µm wide
            inside = _step((1 - distance) * steepness) * _step((others - distance - 0.1) * steepness)
            light[int(not _in_g1(nucleus))][where] += inside * self._chromatin(nucleus, local_um)
        return light

    def _distance(self, nucleus: _Nucleus, position_um: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray]:
        """Where a nucleus may reach, its own coordinates there (3, z, y, x), and the distance (1 at its edge)."""
        half_um = _half_axes_um(nucleus)
        reach_um = 1.3 * half_um.max() + 0.5
        where = tuple(
            slice(*np.searchsorted(axis_um, (centre - reach_um, centre + reach_um)))
            for axis_um, centre in zip(self.axes_um, position_um)
        )
        offsets_um = [axis_um[part] - centre for axis_um, part, centre in zip(self.axes_um, where, position_um)]
        z, y, x = np.meshgrid(*offsets_um, indexing="ij", sparse=True)
        local_um = np.stack([z * along[0] + y * along[1] + x * along[2] for along in _frame(nucleus)])
        scaled = local_um / half_um[:, None, None, None]
        bumps = sum(np.cos(_dot(np.moveaxis(scaled, 0, -1), wave[:3]) + wave[3]) for wave in nucleus.waves)
        distance = np.sqrt(np.sum(scaled**2, axis=0)) * (1 + self.settings.irregularity * bumps)
        return where, local_um, distance

    def _chromatin(self, nucleus: _Nucleus, local_um: np.ndarray) -> np.ndarray:
        """Brightness inside a nucleus, (z, y, x)."""
        grain = _cut(self.chromatin, local_um, nucleus.texture_corner)
        brightness = nucleus.brightness * _CONDENSED.get(_stage(nucleus), 1.0)
        return brightness * np.clip(1 + self.settings.texture * grain, 0.2, 2.5)

    def _unwanted_light(self, organoid: _Organoid, height_um: np.ndarray, tissue: np.ndarray) -> np.ndarray:
        """Cytoplasm, something dim in the lumen, gel and debris, (z, y, x)."""
        settings = self.settings
        half_um = 0.6 * settings.nucleus_diameter_um * settings.elongation**0.5
        cytoplasm = settings.cytoplasm * _step((half_um - np.abs(height_um)) / 0.6) * (1 + 0.3 * tissue)
        light = cytoplasm + settings.background * (1 + 0.5 * ndimage.gaussian_filter(tissue, 2))
        glow_um = organoid.centre_um + self.glow_direction * organoid.radius_um
        light += settings.lumen_glow * self._blob(glow_um, 0.15 * organoid.radius_um)
        for direction, size_um, brightness in self.debris:
            light += brightness * self._blob(organoid.centre_um + direction * organoid.radius_um, size_um)
        return light

    def _blob(self, centre_um: np.ndarray, size_um: float) -> np.ndarray:
        """A round cloud of light, 1 in its middle, (z, y, x)."""
        z, y, x = (np.exp(-(((axis - centre) / size_um) ** 2) / 2) for axis, centre in zip(self.axes_um, centre_um))
        return z[:, None, None] * y[:, None] * x

    def _camera(self, light: np.ndarray) -> np.ndarray:
        """What is recorded of light: blur, haze, dimming with depth, photon and read noise; (z, y, x) uint16."""
        settings = self.settings
        sharp = ndimage.gaussian_filter(light, settings.blur_um / self.spacing_um)
        seen = (1 - settings.haze) * sharp + settings.haze * self._haze(light)
        seen *= np.exp(-self.axes_um[0] / settings.dimming_um)[:, None, None]
        return self._record(seen * settings.photons, settings.grey_per_photon)

    def _haze(self, light: np.ndarray) -> np.ndarray:
        """Light from far above and below: three box filters in a row are close to a wide Gaussian, and quick."""
        size = 2 * np.round(self.settings.haze_um * np.array([1.5, 1, 1]) / self.spacing_um).astype(int) + 1
        for _ in range(3):
            light = ndimage.uniform_filter(light, size, mode="constant")
        return light

    def _record(self, photons: np.ndarray, grey_per_photon: float) -> np.ndarray:
        """Grey values with noise, (z, y, x) uint16.

        Photon noise is normal on the scale of square roots: for n photons it has mean n, variance n + 1/8 and the skew
        of a Poisson distribution. So the number of random draws does not depend on the light: a rounding difference
        between two processors could change one grey value by one, never the rest of the movie.
        """
        shot, read = self.rng.standard_normal((2, *photons.shape))
        if self.settings.noise_blur_px:
            shot, read = (_correlated(noise, self.settings.noise_blur_px) for noise in (shot, read))
        counted = (np.sqrt(np.clip(photons, 0, None)) + shot / 2) ** 2 - 0.25
        grey = self.settings.offset + grey_per_photon * counted + self.settings.read_noise * read
        return np.clip(np.round(grey), 0, 65535).astype(np.uint16)

    def _brightfield(self, height_um: np.ndarray, tissue: np.ndarray) -> np.ndarray:
        """Edges and grain of the tissue; nuclei hardly show, (z, y, x) uint16."""
        half_um = 0.6 * self.settings.nucleus_diameter_um * self.settings.elongation**0.5
        edges = sum(_edge(height_um - side * half_um) for side in (-1, 1))
        picture = 1 + 0.35 * edges + 0.12 * tissue * (np.abs(height_um) < half_um) - 0.1 * (height_um < half_um)
        picture = ndimage.gaussian_filter(picture, np.array([3.0, 0.4, 0.4]) / self.spacing_um)
        return self._record(20_000 * picture, 0.005)  # brightfield is bright: a camera's full well


def _new_debris(rng: np.random.Generator) -> tuple[np.ndarray, float, float]:
    """A fragment: where (relative to the organoid's radius), size in µm, brightness."""
    distance = rng.choice([rng.uniform(0, 0.4), rng.uniform(1.4, 2.2)])
    return distance * _unit(rng.normal(size=3)), rng.uniform(0.3, 0.9), rng.uniform(0.3, 1.5)


def _in_g1(nucleus: _Nucleus) -> bool:
    """The first half of a nucleus's life."""
    return bool(nucleus.age < 0.5 * nucleus.lifetime)


def _frame(nucleus: _Nucleus) -> np.ndarray:
    """Three unit vectors as rows: roughly away from the organoid's centre, along the nucleus's axis, across."""
    outward = _unit(nucleus.direction + nucleus.tilt)
    along = _unit(nucleus.axis - outward * _dot(nucleus.axis, outward))
    return np.stack([outward, along, np.cross(outward, along)])


def _noise_block(rng: np.random.Generator, grain_um: float) -> np.ndarray:
    """Smooth noise that repeats seamlessly, (64, 64, 64), standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal((64, 64, 64)), grain_um / 2 / _TEXTURE_UM, mode="wrap")
    return noise / noise.std()


def _cut(block: np.ndarray, coordinates_um: np.ndarray, corner: np.ndarray | float = 0.0) -> np.ndarray:
    """Values of a seamless block at coordinates (3, ...)."""
    start = np.reshape(np.broadcast_to(corner, 3), (3,) + (1,) * (coordinates_um.ndim - 1))
    return ndimage.map_coordinates(block, coordinates_um / _TEXTURE_UM + start, order=1, mode="grid-wrap")


def _correlated(noise: np.ndarray, sigma_px: float) -> np.ndarray:
    """Noise smoothed in the plane, with standard deviation 1 again."""
    smooth = ndimage.gaussian_filter(noise, (0, sigma_px, sigma_px), mode="wrap")
    return smooth / smooth.std()


def _step(values: np.ndarray) -> np.ndarray:
    """From 0 (below -1) to 1 (above 1), smoothly."""
    values = np.clip(values, -1, 1)
    return 0.5 + values * (0.75 - 0.25 * values**2)


def _edge(height_um: np.ndarray) -> np.ndarray:
    """The dark and bright lines that a rim casts in brightfield."""
    return np.exp(-(((height_um - 0.6) / 0.7) ** 2)) - np.exp(-(((height_um + 0.6) / 0.7) ** 2))


def _dot(vectors: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Scalar products over the last axis, written out so that no library may reorder the sum."""
    return vectors[..., 0] * other[0] + vectors[..., 1] * other[1] + vectors[..., 2] * other[2]


def _unit(vector: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) with length 1, rounded, so that tiny differences between processors do not grow."""
    return np.round(vector / np.sqrt(np.sum(vector**2, axis=-1, keepdims=True)), 9)


def _rotate(vector: np.ndarray, axis: np.ndarray, degrees: float) -> np.ndarray:
    """The vector turned about an axis (Rodrigues' formula)."""
    angle = np.deg2rad(degrees)
    turned = vector * np.cos(angle) + np.cross(axis, vector) * np.sin(angle)
    return turned + axis * _dot(axis, vector) * (1 - np.cos(angle))
