"""An invented organoid movie with its truth: the organoid lives, a microscope looks at it."""

import numpy as np
from scipy import ndimage

from organoid_kit.base import refuse_if
from organoid_kit.course.synthetic.life import Nucleus, Organoid, Snapshot, dot, grow_organoid, unit
from organoid_kit.course.synthetic.settings import SyntheticSettings, check_settings
from organoid_kit.data import Annotations, TimeLapse, make_timelapse

CHANNEL_NAMES = ("brightfield", "nuclei in G1", "nuclei in S, G2 and M")
_TEXTURE_UM = 0.3  # voxel of the block of noise from which chromatin and tissue are cut
_CONDENSED = dict(  # brightness
    metaphase=2.2, prometaphase=1.8, anaphase=2.0, telophase=1.5, young=1.2, prophase=1.35
)


def make_synthetic_movie(
    settings: SyntheticSettings | None = None, seed: int = 0, name: str | None = None
) -> tuple[TimeLapse, Annotations]:
    """A movie of an invented organoid, uint16, and its truth. The same settings and seed give the
    same movie, bit for bit. Raises UserError where no nucleus lies in the image or finds room.

    Channel 1 is brightfield; each nucleus is bright either in channel 2 (G1) or in channel 3 (S,
    G2, M), so only the sum of the two shows all nuclei. The annotations hold every nucleus whose
    centre is in the image, links, and the properties `phase` ("G1", "S/G2", "M") and `cycle` (age
    relative to the lifetime, 0 to 1).
    """
    settings = settings or SyntheticSettings()
    check_settings(settings)
    name = name or f"synthetic organoid {seed}"
    life, light = (np.random.default_rng((seed, part)) for part in (1, 2))
    snapshots = list(grow_organoid(settings, life))
    microscope = Microscope(settings, light)
    images = np.stack([microscope.look(snapshot) for snapshot in snapshots])
    options = {"name": name, "minutes_per_time_point": settings.minutes_per_time_point}
    movie = make_timelapse(images, settings.spacing_um, channel_names=CHANNEL_NAMES, **options)
    return movie, _make_annotations(snapshots, settings, name)


def _make_annotations(
    snapshots: list[Snapshot], settings: SyntheticSettings, name: str
) -> Annotations:
    links, phases, cycles, time_points = [], [], [], []
    rows: dict[int, int] = {}  # number of a nucleus → its row at this time point
    for time_point, snapshot in enumerate(snapshots):
        before, rows = rows, {}
        for nucleus in snapshot.nuclei:
            source = before.get(nucleus.number, before.get(nucleus.mother))
            rows[nucleus.number] = len(phases)
            if source is not None:
                links.append((source, len(phases)))
            divides = nucleus.stage in ("metaphase", "prometaphase")
            phases.append("M" if divides else "G1" if nucleus.is_in_g1 else "S/G2")
            cycles.append(round(float(nucleus.age / nucleus.lifetime), 4))
            time_points.append(time_point)
    positions_um = np.concatenate([snapshot.positions_um for snapshot in snapshots])
    last = np.array(settings.shape_zyx) - 1
    truth = Annotations(
        positions=np.round(positions_um / settings.spacing_um, 3),
        time_points=time_points,
        links=links,
        properties={"phase": phases, "cycle": cycles},
        spacing_um=settings.spacing_um,
        minutes_per_time_point=settings.minutes_per_time_point,
        name=name,
        region=np.stack([np.zeros(3), last]),
    )
    inside = np.all((truth.positions >= 0) & (truth.positions <= last), axis=1)
    refuse_if(not inside.any(), "nucleus in image", **vars(settings))
    return truth.select(inside)


class Microscope:
    """Turns snapshots of the organoid into images."""

    def __init__(self, settings: SyntheticSettings, rng: np.random.Generator) -> None:
        self.settings = settings
        self.rng = rng
        self.spacing_um = np.array(settings.spacing_um)
        sizes = zip(settings.shape_zyx, settings.spacing_um, strict=True)
        self.axes_um = [np.arange(length) * step for length, step in sizes]
        self.half_um = 0.6 * settings.nucleus_diameter_um * settings.elongation**0.5
        self.chromatin = _make_noise_block(rng, settings.texture_um)
        self.tissue = _make_noise_block(rng, 1.5)
        self.debris = []  # where, relative to the organoid's radius; size in µm; brightness
        for _ in range(settings.debris):
            distance = rng.choice([rng.uniform(0, 0.4), rng.uniform(1.4, 2.2)])
            direction = distance * unit(rng.normal(size=3))
            self.debris.append((direction, rng.uniform(0.3, 0.9), rng.uniform(0.3, 1.5)))
        self.glow_direction = rng.normal(0, 0.15, 3)

    def look(self, snapshot: Snapshot) -> np.ndarray:
        """One time point, (c, z, y, x) uint16."""
        organoid = snapshot.organoid
        grid_um = np.stack(np.meshgrid(*self.axes_um, indexing="ij"), axis=-1)
        from_centre_um = grid_um - organoid.centre_um
        round_um = from_centre_um / organoid.axes
        distance_um = np.sqrt(np.sum(round_um**2, axis=-1)) + 1e-6
        # Height above the middle of the epithelium, and grain of the tissue, both (z, y, x)
        height_um = distance_um - organoid.surface_um(round_um / distance_um[..., None])
        tissue = _cut(self.tissue, np.moveaxis(from_centre_um, -1, 0))
        g1, other = self._nuclei(snapshot)
        brightfield = self._brightfield(height_um, tissue)
        extra = self._unwanted_light(organoid, height_um, tissue) / 2
        return np.stack([brightfield, self._camera(g1 + extra), self._camera(other + extra)])

    def _nuclei(self, snapshot: Snapshot) -> np.ndarray:
        """Light of the nuclei before the microscope, (2, z, y, x): those in G1, all others."""
        settings = self.settings
        light = np.zeros((2, *settings.shape_zyx))
        nearest, second = (np.full(settings.shape_zyx, 9.0) for _ in range(2))
        pairs = zip(snapshot.nuclei, snapshot.positions_um, strict=True)
        pieces = [self._distance(nucleus, position_um) for nucleus, position_um in pairs]
        for where, _, distance in pieces:
            second[where] = np.minimum(second[where], np.maximum(nearest[where], distance))
            nearest[where] = np.minimum(nearest[where], distance)
        for nucleus, (where, local_um, distance) in zip(snapshot.nuclei, pieces, strict=True):
            others = np.where(distance == nearest[where], second[where], nearest[where])
            steepness = nucleus.diameter_um / 2 / 0.25  # edges are about a quarter µm wide
            gap = _step((others - distance - 0.1) * steepness)
            inside = _step((1 - distance) * steepness) * gap
            grain = _cut(self.chromatin, local_um, nucleus.texture_corner)
            brightness = nucleus.brightness * _CONDENSED.get(nucleus.stage, 1.0)
            chromatin = brightness * np.clip(1 + settings.texture * grain, 0.2, 2.5)
            light[int(not nucleus.is_in_g1)][where] += inside * chromatin
        return light

    def _distance(
        self, nucleus: Nucleus, position_um: np.ndarray
    ) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray]:
        """Where a nucleus may reach (three slices), its own coordinates there, (3, z, y, x) µm, and
        the distance (1: its edge), (z, y, x).
        """
        half_um = nucleus.half_axes_um
        reach_um = 1.3 * half_um.max() + 0.5
        where, offsets_um = [], []
        for axis_um, centre in zip(self.axes_um, position_um, strict=True):
            part = slice(*np.searchsorted(axis_um, (centre - reach_um, centre + reach_um)))
            where.append(part)
            offsets_um.append(axis_um[part] - centre)
        z, y, x = np.meshgrid(*offsets_um, indexing="ij", sparse=True)
        local_um = np.stack([z * row[0] + y * row[1] + x * row[2] for row in nucleus.frame])
        scaled = local_um / half_um[:, None, None, None]
        places = np.moveaxis(scaled, 0, -1)
        bumps = sum(np.cos(dot(places, wave[:3]) + wave[3]) for wave in nucleus.waves)
        distance = np.sqrt(np.sum(scaled**2, axis=0)) * (1 + self.settings.irregularity * bumps)
        return tuple(where), local_um, distance

    def _unwanted_light(
        self, organoid: Organoid, height_um: np.ndarray, tissue: np.ndarray
    ) -> np.ndarray:
        """Cytoplasm, something dim in the lumen, gel and debris, (z, y, x)."""
        settings, centre_um, radius_um = self.settings, organoid.centre_um, organoid.radius_um
        layer = _step((self.half_um - np.abs(height_um)) / 0.6)
        cytoplasm = settings.cytoplasm * layer * (1 + 0.3 * tissue)
        light = cytoplasm + settings.background * (1 + 0.5 * ndimage.gaussian_filter(tissue, 2))
        glow_um = centre_um + self.glow_direction * radius_um
        light += settings.lumen_glow * self._blob(glow_um, 0.15 * radius_um)
        for direction, size_um, brightness in self.debris:
            light += brightness * self._blob(centre_um + direction * radius_um, size_um)
        return light

    def _blob(self, centre_um: np.ndarray, size_um: float) -> np.ndarray:
        """A round cloud of light, 1 in its middle, (z, y, x)."""
        pairs = zip(self.axes_um, centre_um, strict=True)
        z, y, x = (np.exp(-(((axis - centre) / size_um) ** 2) / 2) for axis, centre in pairs)
        return z[:, None, None] * y[:, None] * x

    def _camera(self, light: np.ndarray) -> np.ndarray:
        """What is recorded of light: blur, haze, dimming with depth, noise; (z, y, x) uint16."""
        settings = self.settings
        sharp = ndimage.gaussian_filter(light, settings.blur_um / self.spacing_um)
        # Haze from far above and below: three box filters in a row are close to a wide Gaussian,
        # and quick
        reach = np.round(settings.haze_um * np.array([1.5, 1, 1]) / self.spacing_um).astype(int)
        for _ in range(3):
            light = ndimage.uniform_filter(light, 2 * reach + 1, mode="constant")
        seen = (1 - settings.haze) * sharp + settings.haze * light
        seen *= np.exp(-self.axes_um[0] / settings.dimming_um)[:, None, None]
        return self._record(seen * settings.photons, settings.grey_per_photon)

    def _record(self, photons: np.ndarray, grey_per_photon: float) -> np.ndarray:
        """Grey values with noise, (z, y, x) uint16.

        Photon noise is normal on the scale of square roots: for n photons it has mean n, variance n
        + 1/8 and the skew of a Poisson distribution. So the number of random draws does not depend
        on the light: a rounding difference between two processors could change one grey value by
        one, never the rest of the movie.
        """
        shot, read = self.rng.standard_normal((2, *photons.shape))
        if blur := self.settings.noise_blur_px:  # in the plane; the standard deviation stays 1
            both = [ndimage.gaussian_filter(n, (0, blur, blur), mode="wrap") for n in (shot, read)]
            shot, read = (noise / noise.std() for noise in both)
        counted = (np.sqrt(np.clip(photons, 0, None)) + shot / 2) ** 2 - 0.25
        grey = self.settings.offset + grey_per_photon * counted + self.settings.read_noise * read
        return np.clip(np.round(grey), 0, 65535).astype(np.uint16)

    def _brightfield(self, height_um: np.ndarray, tissue: np.ndarray) -> np.ndarray:
        """Edges and grain of the tissue; nuclei hardly show, (z, y, x) uint16."""
        edges = 0  # a rim casts a bright and a dark line
        for side in (-1, 1):
            from_rim_um = height_um - side * self.half_um
            bright, dark = ((from_rim_um + shift) / 0.7 for shift in (-0.6, 0.6))
            edges = edges + (np.exp(-(bright**2)) - np.exp(-(dark**2)))
        grain = 0.12 * tissue * (np.abs(height_um) < self.half_um)
        picture = 1 + 0.35 * edges + grain - 0.1 * (height_um < self.half_um)
        picture = ndimage.gaussian_filter(picture, np.array([3.0, 0.4, 0.4]) / self.spacing_um)
        return self._record(20_000 * picture, 0.005)  # brightfield is bright: a camera's full well


def _make_noise_block(rng: np.random.Generator, grain_um: float) -> np.ndarray:
    """Smooth noise that repeats seamlessly, (64, 64, 64), standard deviation 1."""
    noise = rng.standard_normal((64, 64, 64))
    noise = ndimage.gaussian_filter(noise, grain_um / 2 / _TEXTURE_UM, mode="wrap")
    return noise / noise.std()


def _cut(block: np.ndarray, places_um: np.ndarray, corner: np.ndarray | float = 0.0) -> np.ndarray:
    """Values of a seamless block at coordinates (3, ...)."""
    start = np.reshape(np.broadcast_to(corner, 3), (3,) + (1,) * (places_um.ndim - 1))
    voxels = places_um / _TEXTURE_UM + start
    return ndimage.map_coordinates(block, voxels, order=1, mode="grid-wrap")


def _step(values: np.ndarray) -> np.ndarray:
    """From 0 (below -1) to 1 (above 1), smoothly."""
    values = np.clip(values, -1, 1)
    return 0.5 + values * (0.75 - 0.25 * values**2)
