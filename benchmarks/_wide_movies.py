"""Invented movies far from the bundled ones, for the shipped position network to learn from: few
nuclei in large fields, cultures in one plane, shallow stacks, fine and coarse voxels (which is what
large and small nuclei are to a network that sees them all in one size), denoised images of mostly
zeros, borders left empty by drift correction, little light; light that comes of no nucleus.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from _random_movies import random_synthetic_settings
from scipy import ndimage

from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.course.synthetic.life import Snapshot, grow_organoid
from organoid_kit.course.synthetic.movie import Microscope
from organoid_kit.data import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse

KINDS = ("organoid", "sparse", "shallow", "culture")
SLAB_SEEDS = 4300  # from here on: slabs
CLOUD_SEEDS = 4400  # from here on: clouds and specks of light among nuclei, often long ones
_NUCLEI = (2, 3)  # the channels that show them


def make_wide_movie(seed: int) -> AnnotatedMovie:
    """A movie of the kind that the seed's remainder names, or a slab; channels 2 and 3 show nuclei."""
    rng = np.random.default_rng((seed, 77))
    cloudy = seed >= CLOUD_SEEDS
    kind = KINDS[seed % (2 if cloudy else len(KINDS))]
    if SLAB_SEEDS <= seed < CLOUD_SEEDS:
        kind = "slab"
    spacing_um = (_draw(rng, 0.8, 4.0), *[_draw(rng, 0.25, 1.1)] * 2)
    field_um = (56.0, 64.0, 64.0)
    drawn = {"time_points": 2, "photons": _draw(rng, 15, 1500), "haze": rng.uniform(0, 0.5)}
    drawn |= {"brightness_spread": rng.uniform(0.05, 0.8), "background": rng.uniform(0, 0.015)}
    if kind == "sparse":
        field_um = (rng.uniform(30, 56), *[rng.uniform(90, 150)] * 2)
        drawn |= {"nuclei": int(rng.integers(1, 12)), "looseness": rng.uniform(1.0, 2.5)}
    if kind == "shallow":
        field_um = (56.0, 90.0, 90.0)
    if kind == "culture":
        spacing_um, field_um = (1.5, *spacing_um[1:]), (13.5, 110.0, 110.0)
        drawn |= {"elongation": rng.uniform(0.65, 0.9), "cytoplasm": 0.0}
    if kind == "slab":
        step_um = _draw(rng, 0.4, 1.5)
        spacing_um, field_um = (step_um, *spacing_um[1:]), (14 * step_um, 110.0, 110.0)
        drawn |= {"elongation": rng.uniform(0.35, 0.8), "looseness": 1.0}
        drawn |= {"cytoplasm": rng.uniform(0, 0.05), "background": rng.uniform(0, 0.05)}
    if cloudy:
        drawn |= {"elongation": rng.uniform(0.6, 2.4), "brightness_spread": rng.uniform(0.05, 0.4)}
        drawn |= {"noise_blur_px": rng.uniform(0, 3)}
    shape = tuple(max(1, round(um / step)) for um, step in zip(field_um, spacing_um, strict=True))
    drawn |= {"shape_zyx": shape, "spacing_um": spacing_um}
    settings = random_synthetic_settings(rng, **drawn)
    name = f"wide {seed}, {kind}" + ", clouds" * cloudy
    if kind in ("culture", "slab"):
        images, truth = _make_culture(settings, rng, name, kind == "slab")
    else:
        movie, truth = make_synthetic_movie(settings, seed, name)
        images = np.stack([movie.stack(time, _NUCLEI) for time in movie.time_points])
    if kind == "shallow":
        images, truth = _cut_planes(images, truth, settings.nucleus_diameter_um, rng)
    images = images.astype(np.float32)
    if cloudy:
        images = _add_clouds(images, truth, settings, rng)
    if rng.random() < 0.25:
        images = _denoise(images, rng)
    if rng.random() < 0.25:
        images, truth = _empty_borders(images, truth, rng)
    nuclei = np.clip(np.round(images), 0, 65535).astype(np.uint16)[:, None]
    channels = np.concatenate([np.zeros_like(nuclei), nuclei, np.zeros_like(nuclei)], axis=1)
    return AnnotatedMovie(make_timelapse(channels, spacing_um, name=name), truth)


def _draw(rng: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _make_culture(
    settings: SyntheticSettings, rng: np.random.Generator, name: str, slab: bool
) -> tuple[np.ndarray, Annotations]:
    """Nuclei lying flat, none on another, seen in one plane or cut by a few, of a slab above, below
    or through their centres: (t, z, y, x), and their centres."""
    field_um = np.array(settings.shape_zyx) * settings.spacing_um
    apart_um = settings.nucleus_diameter_um * rng.uniform(1.3, 2.2)
    places = rng.uniform((0.5, 0, 0), (0.5, 1, 1), (400, 3)) * field_um
    kept: list[np.ndarray] = []
    for place in places:
        if all(np.linalg.norm(place - other) > apart_um for other in kept):
            kept.append(place)
    kept = kept[: int(rng.integers(2, 60))]
    snapshots = []
    for snapshot in grow_organoid(dataclasses.replace(settings, nuclei=len(kept)), rng):
        lying = snapshot.nuclei[: len(kept)]
        for nucleus in lying:
            nucleus.direction = np.array([1.0, 0.0, 0.0])
        snapshots.append(Snapshot(snapshot.organoid, lying, np.array(kept)))
    microscope = Microscope(settings, rng)
    images = np.stack([microscope.look(each)[1:].sum(axis=0) for each in snapshots])
    planes = images.shape[1]
    if slab:
        kept_planes = int(rng.integers(3, 7))
        first = int(
            np.clip(round((planes - 1) / 2 - rng.uniform(-1, kept_planes)), 0, planes - kept_planes)
        )
        images = images[:, first : first + kept_planes]
        middle = float(np.clip((planes - 1) / 2 - first, 0, kept_planes - 1))
    elif rng.random() < 0.5:
        images, middle = images.mean(axis=1, keepdims=True), 0.0
    else:
        below = int(rng.integers(0, planes // 2))
        images, middle = images[:, below : planes - below], (planes - 1) / 2 - below
    last = np.array(images.shape[1:]) - 1
    centres = np.array(kept) / settings.spacing_um * (0, 1, 1) + (middle, 0, 0)
    centres = centres[(centres <= last).all(axis=1)]
    truth = Annotations(
        np.tile(centres, (len(snapshots), 1)),
        np.repeat(np.arange(len(snapshots)), len(centres)),
        spacing_um=settings.spacing_um,
        name=name,
        region=np.stack([np.zeros(3), last]),
    )
    return images, truth


def _cut_planes(
    images: np.ndarray, truth: Annotations, diameter_um: float, rng: np.random.Generator
) -> tuple[np.ndarray, Annotations]:
    """A few planes of images (t, z, y, x). As a person would, the truth names every nucleus that is
    well seen, in the plane nearest to its centre.
    """
    planes = int(min(rng.integers(2, 9), images.shape[1]))
    around = rng.choice(truth.positions[:, 0]) - rng.uniform(0, planes - 1)
    first = int(np.clip(round(around), 0, images.shape[1] - planes))
    z, reach = truth.positions[:, 0] - first, 0.3 * diameter_um / truth.spacing_um[0]
    seen = (z > -reach) & (z < planes - 1 + reach)
    positions = truth.positions - (first, 0, 0)
    positions[:, 0] = np.clip(positions[:, 0], 0, planes - 1)
    region = np.array([np.zeros(3), (planes - 1, *np.array(images.shape[2:]) - 1)])
    cut = dataclasses.replace(truth, positions=positions, region=region)
    return images[:, first : first + planes], cut.select(seen)


def _add_clouds(
    images: np.ndarray, truth: Annotations, settings: SyntheticSettings, rng: np.random.Generator
) -> np.ndarray:
    """Images (t, z, y, x) with light that comes of no nucleus: dim wide clouds anywhere, such as in
    a lumen, and small specks, which may be bright, at least a radius away from any centre. Either
    is long in z. The brightest nuclei have brightness 1.
    """
    spacing_um, radius_um = np.array(settings.spacing_um), settings.nucleus_diameter_um / 2
    field_um = np.array(images.shape[1:]) * spacing_um
    centres_um = truth.positions * spacing_um
    places = [np.rint(truth.positions_at(time)).astype(int) for time in range(len(images))]
    seen = [image[tuple(place.T)] for image, place in zip(images, places, strict=True)]
    dark = np.median(images)
    white = max(np.quantile(np.concatenate(seen), 0.9) - dark, 1.0)
    light = np.zeros(images.shape[1:], np.float32)
    for _ in range(int(rng.integers(2, 16))):
        wide = rng.random() < 0.5
        sigma_um = radius_um * (rng.uniform(0.3, 1.0) if wide else rng.uniform(0.08, 0.25))
        brightness = _draw(rng, 0.03, 0.3) if wide else _draw(rng, 0.1, 1.5)
        place_um = rng.uniform(0, field_um)
        away_um = np.linalg.norm(centres_um - place_um, axis=1).min()
        if wide or away_um > radius_um + 2 * sigma_um:
            sigmas_um = sigma_um * np.array([rng.uniform(1, 2.5), 1, 1])
            reach = [
                (place_um - 4 * sigmas_um) / spacing_um,
                (place_um + 4 * sigmas_um) / spacing_um,
            ]
            low, high = np.clip(np.rint(reach), 0, light.shape).astype(int)
            near = tuple(slice(*ends) for ends in zip(low, high, strict=True))
            z, y, x = (
                np.exp(-(((np.arange(*ends) * step - middle) / sigma) ** 2) / 2)
                for *ends, step, middle, sigma in zip(
                    low, high, spacing_um, place_um, sigmas_um, strict=True
                )
            )
            light[near] += brightness * z[:, None, None] * y[:, None] * x
    grey = settings.grey_per_photon * white * light  # photons bring noise with them
    return images + white * light + rng.normal(size=images.shape) * np.sqrt(grey)


def _denoise(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images (t, z, y, x) of which more than a third of the voxels have become zero."""
    smooth = ndimage.gaussian_filter(images, (0, 0.3, 0.7, 0.7))
    dark, bright = np.quantile(smooth, (rng.uniform(0.3, 0.7), 0.998))
    return np.clip((smooth - dark) / max(bright - dark, 1) * 4000, 0, None)


def _empty_borders(
    images: np.ndarray, truth: Annotations, rng: np.random.Generator
) -> tuple[np.ndarray, Annotations]:
    """Images (t, z, y, x) with zeros at two sides, and the nuclei that are still seen."""
    above, beyond = rng.integers(1, 25, 2)
    seen = (truth.positions[:, 1] >= above) & (truth.positions[:, 2] < images.shape[-1] - beyond)
    if not seen.any():
        return images, truth
    images = images.copy()
    images[..., :above, :], images[..., -beyond:] = 0, 0
    return images, truth.select(seen)
