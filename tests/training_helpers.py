"""Tiny movies that a network learns in seconds, for the tests of everything that trains."""

import hashlib
import os
import subprocess
import sys

import numpy as np

from organoid_kit.base.settings import AugmentationSettings, NetworkSettings, make_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.position import draw_dots

SPACING_UM = (2.0, 0.5, 0.5)
NO_AUGMENTATION = AugmentationSettings(
    flip=False,
    rotation_degrees=None,
    scale=None,
    brightness=None,
    contrast=None,
    gamma=None,
    depth_dimming=None,
    noise=None,
    blur_px=None,
    jitter_um=None,
    paste=None,
    skip=None,
    drift_um=None,
    turn_degrees=None,
)


def make_blobs(
    seed: int = 0, time_points: int = 2, shape_zyx: tuple[int, int, int] = (4, 32, 32)
) -> AnnotatedMovie:
    """A movie of four bright spots in noise, one somewhere in each quarter of the plane, 5 µm apart
    or more.
    """
    rng = np.random.default_rng(seed)
    quarters = np.array([[0.5, y, x] for y in (0.25, 0.75) for x in (0.25, 0.75)]) * (
        np.array(shape_zyx) - 1
    )
    positions = quarters + rng.uniform(-1, 1, (time_points, 4, 3)) * np.minimum(
        (1, 3, 3), quarters[0]
    )
    images = [
        1000 * draw_dots(each, shape_zyx, SPACING_UM, 1.5) + rng.normal(100, 10, shape_zyx)
        for each in positions
    ]
    movie = make_timelapse(
        np.stack(images)[:, None].astype(np.uint16), SPACING_UM, name=f"blobs {seed}"
    )
    annotations = Annotations(
        positions.reshape(-1, 3), np.repeat(range(time_points), 4), name=movie.name
    )
    return AnnotatedMovie(movie, annotations)


def make_family(
    seed: int = 0,
    time_points: int = 3,
    shape_zyx: tuple[int, int, int] = (4, 48, 48),
    divides_at: int = 1,
) -> AnnotatedMovie:
    """Four linked nuclei, 12 µm apart, that move by less than 1 µm; the first one is bright, then
    there are two.
    """
    rng = np.random.default_rng(seed)
    quarters = np.array([[0.5, y, x] for y in (0.25, 0.75) for x in (0.25, 0.75)]) * (
        np.array(shape_zyx) - 1
    )
    positions, times, links, images, rows = [], [], [], [], [None] * 5
    for time_point in range(time_points):
        places = quarters + rng.uniform(-1, 1, (4, 3)) * np.minimum((0.2, 1, 1), quarters[0])
        if time_point > divides_at:
            places = np.concatenate([places[:1] - (0, 5, 0), places[1:], places[:1] + (0, 5, 0)])
        before, rows = rows, [len(positions) + number for number in range(len(places))]
        before = before + before[:1] if len(before) == 4 else before
        links += [(old, new) for old, new in zip(before, rows) if old is not None]
        positions += list(places)
        times += [time_point] * len(places)
        light = draw_dots(places, shape_zyx, SPACING_UM, 1.5)
        if time_point == divides_at:
            light = light + 3 * draw_dots(places[:1], shape_zyx, SPACING_UM, 1.5)
        light[:, :4, :4] = 4  # so that all stacks are normalised alike
        images.append(1000 * light + rng.normal(100, 10, shape_zyx))
    movie = make_timelapse(
        np.stack(images)[:, None].astype(np.uint16), SPACING_UM, name=f"family {seed}"
    )
    return AnnotatedMovie(
        movie, Annotations(positions, times, links, spacing_um=SPACING_UM, name=movie.name)
    )


def tiny_crop_settings(network: str, folder, **changes) -> NetworkSettings:
    """Division or link network: two epochs of two steps each on a family, on crops of 8 µm × 8 µm ×
    8 µm.
    """
    values = {
        "patch_shape_zyx": (4, 16, 16),
        "spacing_um": SPACING_UM,
        "batch_size": 8,
        "patches_per_time_point": 8 if network == "division" else 5,
        "epochs": 2,
        "max_link_um": 20.0,
        "mixed_precision": False,
        "output_folder": str(folder),
    }
    return make_settings(network, **(values | changes))


def tiny_settings(folder, **changes) -> NetworkSettings:
    """Two epochs of two steps each, on patches as large as the blob movies."""
    values = {
        "patch_shape_zyx": (4, 32, 32),
        "patches_per_time_point": 4,
        "epochs": 2,
        "mixed_precision": False,
    }
    return NetworkSettings(**{**values, "output_folder": str(folder), **changes})


def weights_of(network) -> str:
    """A checksum."""
    return hashlib.sha256(b"".join(array.tobytes() for array in network.get_weights())).hexdigest()


def run_python(program: str, *arguments: object, **environment: str) -> str:
    """What a program prints that runs in a fresh interpreter."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout
