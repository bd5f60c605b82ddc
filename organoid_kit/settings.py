"""Everything one chooses before training, in one frozen record that travels with the network."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from organoid_kit.errors import UserError


@dataclass(frozen=True)
class AugmentationSettings:
    """How training examples are varied. ``None`` (or ``False``) switches an operation off.

    Ranges are (lowest, highest) and drawn uniformly; a single number is the largest change, drawn from zero up.
    Intensities are meant after normalisation, where background is about 0 and bright nuclei are about 1.
    """

    flip: bool = True  # y and x, each with probability 1/2
    rotation_degrees: float | None = 180.0  # in the plane, -this .. +this
    scale: tuple[float, float] | None = (0.8, 1.25)  # in the plane; 1.25 shows nuclei 1.25 times larger
    brightness: tuple[float, float] | None = (0.6, 1.5)  # factor on all intensities
    contrast: tuple[float, float] | None = (0.7, 1.3)  # factor on the distance to the patch's mean
    gamma: tuple[float, float] | None = (0.7, 1.4)  # exponent
    depth_dimming: float | None = 0.6  # the deepest plane loses up to this part of its light
    noise: float | None = 0.08  # largest standard deviation of added Gaussian noise
    blur_px: float | None = 1.0  # largest standard deviation of a Gaussian blur in the plane


@dataclass(frozen=True)
class NetworkSettings:
    """Everything that defines a network and its training. Tuples of three are z, y, x.

    Channels are counted from 1, as OrganoidTracker counts them; several channels are summed.
    """

    network: str = "position"
    preset: str = "small"  # "small", "standard" or "original"
    channels: tuple[int, ...] = (1,)
    time_window: tuple[int, int] = (-1, 1)  # first and last time point seen, relative to the central one
    spacing_um: tuple[float, float, float] | None = None  # what movies are resampled to; None: as the first movie
    intensity_quantiles: tuple[float, float] = (0.10, 0.998)  # mapped to 0 and 1, see `normalise`
    patch_shape_zyx: tuple[int, int, int] = (16, 64, 64)
    batch_size: int = 4
    patches_per_time_point: int = 8  # drawn from each annotated time point in an epoch
    epochs: int = 50
    learning_rate: float = 2e-3
    patience: int = 10  # epochs without a better validation loss before training stops
    minutes: float | None = None  # time budget: stop and save after so many minutes of training
    checkpoint_minutes: float = 3.0
    mixed_precision: bool = False
    seed: int = 1
    nucleus_sigma_um: float = 1.5  # size of the dot drawn at each nucleus centre in the target
    min_distance_um: float = 3.0  # two nuclei are never predicted closer than this
    threshold: float = 0.5  # probability above which a peak is a nucleus; set on validation movies
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    output_folder: str = "runs"
    start_from: str | None = None  # a run or network folder to train on from
