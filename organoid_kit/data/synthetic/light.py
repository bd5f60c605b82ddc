"""A microscope looks at the organoid: what gives light, and what lens and camera make of it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from organoid_kit.data.synthetic.life import (
    Nucleus,
    Organoid,
    Snapshot,
    compute_half_axes_um,
    compute_local_frame,
    get_stage,
    is_in_g1,
)
from organoid_kit.data.synthetic.settings import SyntheticSettings
from organoid_kit.data.synthetic.vectors import dot, unit

_TEXTURE_UM = 0.3  # voxel of the block of noise from which chromatin and tissue are cut
_CONDENSED = {
    "metaphase": 2.2,
    "prometaphase": 1.8,
    "anaphase": 2.0,
    "telophase": 1.5,
    "young": 1.2,
    "prophase": 1.35,
}  # brightness


class Microscope:
    """Turns snapshots of the organoid into images."""

    def __init__(self, settings: SyntheticSettings, rng: np.random.Generator) -> None:
        self.settings = settings
        self.rng = rng
        self.spacing_um = np.array(settings.spacing_um)
        self.axes_um = [
            np.arange(n) * step for n, step in zip(settings.shape_zyx, settings.spacing_um)
        ]
        self.chromatin = _noise_block(rng, settings.texture_um)
        self.tissue = _noise_block(rng, 1.5)
        self.debris = [_new_debris(rng) for _ in range(settings.debris)]
        self.glow_direction = rng.normal(0, 0.15, 3)

    def images(self, snapshots: list[Snapshot]) -> np.ndarray:
        """The movie, (t, c, z, y, x) uint16."""
        return np.stack([self._image(snapshot) for snapshot in snapshots])

    def _image(self, snapshot: Snapshot) -> np.ndarray:
        """One time point, (c, z, y, x) uint16."""
        height_um, tissue = self._tissue(snapshot.organoid)
        g1, other = self._nuclei(snapshot)
        brightfield = self._brightfield(height_um, tissue)
        extra = self._unwanted_light(snapshot.organoid, height_um, tissue) / 2
        return np.stack([brightfield, self._camera(g1 + extra), self._camera(other + extra)])

    def _tissue(self, organoid: Organoid) -> tuple[np.ndarray, np.ndarray]:
        """Height above the middle of the epithelium in µm, and the grain of the tissue; both (z, y,
        x).
        """
        from_centre_um = (
            np.stack(np.meshgrid(*self.axes_um, indexing="ij"), axis=-1) - organoid.centre_um
        )
        round_um = from_centre_um / organoid.axes
        distance_um = np.sqrt(np.sum(round_um**2, axis=-1)) + 1e-6
        height_um = distance_um - organoid.surface_um(round_um / distance_um[..., None])
        return height_um, _cut(self.tissue, np.moveaxis(from_centre_um, -1, 0))

    def _nuclei(self, snapshot: Snapshot) -> np.ndarray:
        """Light of the nuclei before the microscope, (2, z, y, x): those in G1, all others."""
        light = np.zeros((2, *self.settings.shape_zyx))
        nearest, second = (np.full(self.settings.shape_zyx, 9.0) for _ in range(2))
        pieces = [
            self._distance(*each)
            for each in zip(snapshot.nuclei, snapshot.positions_um, strict=True)
        ]
        for where, _, distance in pieces:
            second[where] = np.minimum(second[where], np.maximum(nearest[where], distance))
            nearest[where] = np.minimum(nearest[where], distance)
        for nucleus, (where, local_um, distance) in zip(snapshot.nuclei, pieces, strict=True):
            others = np.where(distance == nearest[where], second[where], nearest[where])
            steepness = nucleus.diameter_um / 2 / 0.25  # edges are about a quarter µm wide
            inside = _step((1 - distance) * steepness) * _step(
                (others - distance - 0.1) * steepness
            )
            light[int(not is_in_g1(nucleus))][where] += inside * self._chromatin(nucleus, local_um)
        return light

    def _distance(
        self, nucleus: Nucleus, position_um: np.ndarray
    ) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray]:
        """Where a nucleus may reach, its own coordinates there (3, z, y, x), and the distance (1 at
        its edge).
        """
        half_um = compute_half_axes_um(nucleus)
        reach_um = 1.3 * half_um.max() + 0.5
        where = tuple(
            slice(*np.searchsorted(axis_um, (centre - reach_um, centre + reach_um)))
            for axis_um, centre in zip(self.axes_um, position_um)
        )
        offsets_um = [
            axis_um[part] - centre
            for axis_um, part, centre in zip(self.axes_um, where, position_um)
        ]
        z, y, x = np.meshgrid(*offsets_um, indexing="ij", sparse=True)
        local_um = np.stack(
            [z * along[0] + y * along[1] + x * along[2] for along in compute_local_frame(nucleus)]
        )
        scaled = local_um / half_um[:, None, None, None]
        bumps = sum(
            np.cos(dot(np.moveaxis(scaled, 0, -1), wave[:3]) + wave[3]) for wave in nucleus.waves
        )
        distance = np.sqrt(np.sum(scaled**2, axis=0)) * (1 + self.settings.irregularity * bumps)
        return where, local_um, distance

    def _chromatin(self, nucleus: Nucleus, local_um: np.ndarray) -> np.ndarray:
        """Brightness inside a nucleus, (z, y, x)."""
        grain = _cut(self.chromatin, local_um, nucleus.texture_corner)
        brightness = nucleus.brightness * _CONDENSED.get(get_stage(nucleus), 1.0)
        return brightness * np.clip(1 + self.settings.texture * grain, 0.2, 2.5)

    def _unwanted_light(
        self, organoid: Organoid, height_um: np.ndarray, tissue: np.ndarray
    ) -> np.ndarray:
        """Cytoplasm, something dim in the lumen, gel and debris, (z, y, x)."""
        settings = self.settings
        half_um = 0.6 * settings.nucleus_diameter_um * settings.elongation**0.5
        cytoplasm = (
            settings.cytoplasm * _step((half_um - np.abs(height_um)) / 0.6) * (1 + 0.3 * tissue)
        )
        light = cytoplasm + settings.background * (1 + 0.5 * ndimage.gaussian_filter(tissue, 2))
        glow_um = organoid.centre_um + self.glow_direction * organoid.radius_um
        light += settings.lumen_glow * self._blob(glow_um, 0.15 * organoid.radius_um)
        for direction, size_um, brightness in self.debris:
            light += brightness * self._blob(
                organoid.centre_um + direction * organoid.radius_um, size_um
            )
        return light

    def _blob(self, centre_um: np.ndarray, size_um: float) -> np.ndarray:
        """A round cloud of light, 1 in its middle, (z, y, x)."""
        z, y, x = (
            np.exp(-(((axis - centre) / size_um) ** 2) / 2)
            for axis, centre in zip(self.axes_um, centre_um)
        )
        return z[:, None, None] * y[:, None] * x

    def _camera(self, light: np.ndarray) -> np.ndarray:
        """What is recorded of light: blur, haze, dimming with depth, photon and read noise; (z, y,
        x) uint16.
        """
        settings = self.settings
        sharp = ndimage.gaussian_filter(light, settings.blur_um / self.spacing_um)
        seen = (1 - settings.haze) * sharp + settings.haze * self._haze(light)
        seen *= np.exp(-self.axes_um[0] / settings.dimming_um)[:, None, None]
        return self._record(seen * settings.photons, settings.grey_per_photon)

    def _haze(self, light: np.ndarray) -> np.ndarray:
        """Light from far above and below: three box filters in a row are close to a wide Gaussian,
        and quick.
        """
        size = (
            2
            * np.round(self.settings.haze_um * np.array([1.5, 1, 1]) / self.spacing_um).astype(int)
            + 1
        )
        for _ in range(3):
            light = ndimage.uniform_filter(light, size, mode="constant")
        return light

    def _record(self, photons: np.ndarray, grey_per_photon: float) -> np.ndarray:
        """Grey values with noise, (z, y, x) uint16.

        Photon noise is normal on the scale of square roots: for n photons it has mean n, variance n
        + 1/8 and the skew of a Poisson distribution. So the number of random draws does not depend
        on the light: a rounding difference between two processors could change one grey value by
        one, never the rest of the movie.
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
        picture = (
            1
            + 0.35 * edges
            + 0.12 * tissue * (np.abs(height_um) < half_um)
            - 0.1 * (height_um < half_um)
        )
        picture = ndimage.gaussian_filter(picture, np.array([3.0, 0.4, 0.4]) / self.spacing_um)
        return self._record(20_000 * picture, 0.005)  # brightfield is bright: a camera's full well


def _new_debris(rng: np.random.Generator) -> tuple[np.ndarray, float, float]:
    """A fragment: where (relative to the organoid's radius), size in µm, brightness."""
    distance = rng.choice([rng.uniform(0, 0.4), rng.uniform(1.4, 2.2)])
    return distance * unit(rng.normal(size=3)), rng.uniform(0.3, 0.9), rng.uniform(0.3, 1.5)


def _noise_block(rng: np.random.Generator, grain_um: float) -> np.ndarray:
    """Smooth noise that repeats seamlessly, (64, 64, 64), standard deviation 1."""
    noise = ndimage.gaussian_filter(
        rng.standard_normal((64, 64, 64)), grain_um / 2 / _TEXTURE_UM, mode="wrap"
    )
    return noise / noise.std()


def _cut(
    block: np.ndarray, coordinates_um: np.ndarray, corner: np.ndarray | float = 0.0
) -> np.ndarray:
    """Values of a seamless block at coordinates (3, ...)."""
    start = np.reshape(np.broadcast_to(corner, 3), (3,) + (1,) * (coordinates_um.ndim - 1))
    return ndimage.map_coordinates(
        block, coordinates_um / _TEXTURE_UM + start, order=1, mode="grid-wrap"
    )


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
