"""Tiny movies that a network learns in seconds, for the tests of everything that trains."""

import hashlib
import os
import subprocess
import sys

import numpy as np

from organoid_kit.annotations import Annotations
from organoid_kit.dataset import AnnotatedMovie
from organoid_kit.settings import AugmentationSettings, NetworkSettings
from organoid_kit.targets import draw_dots
from organoid_kit.timelapse import make_timelapse

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
)


def make_blobs(seed: int = 0, time_points: int = 2, shape_zyx: tuple[int, int, int] = (4, 32, 32)) -> AnnotatedMovie:
    """A movie of four bright spots in noise, one somewhere in each quarter of the plane, 5 µm apart or more."""
    rng = np.random.default_rng(seed)
    quarters = np.array([[0.5, y, x] for y in (0.25, 0.75) for x in (0.25, 0.75)]) * (np.array(shape_zyx) - 1)
    positions = quarters + rng.uniform(-1, 1, (time_points, 4, 3)) * np.minimum((1, 3, 3), quarters[0])
    images = [1000 * draw_dots(each, shape_zyx, SPACING_UM, 1.5) + rng.normal(100, 10, shape_zyx) for each in positions]
    movie = make_timelapse(np.stack(images)[:, None].astype(np.uint16), SPACING_UM, name=f"blobs {seed}")
    annotations = Annotations(positions.reshape(-1, 3), np.repeat(range(time_points), 4), name=movie.name)
    return AnnotatedMovie(movie, annotations)


def tiny_settings(folder, **changes) -> NetworkSettings:
    """Two epochs of two steps each, on patches as large as the blob movies."""
    values = {"patch_shape_zyx": (4, 32, 32), "patches_per_time_point": 4, "epochs": 2, "mixed_precision": False}
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
