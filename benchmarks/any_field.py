"""The shipped position network, as it is, on fields that it was not trained on.

    python benchmarks/any_field.py [FOLDER]

Noise, few nuclei in a large field, empty borders, hot voxels, nuclei of other sizes, a single
plane: invented here, and nothing was chosen by their scores but the first three rows' kind. FOLDER,
if given, has ``lstree_enterocyst/`` and ``qcanet_16_cell/``, each with stacks and ``centres_px.csv``.
Scores are of the whole image, at 5 µm or half a nucleus; beside them the blob detector as it is.
"""

from __future__ import annotations

import argparse
import csv
import os
import warnings
from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from organoid_kit import load_network, predict_positions, read_dataset, score_positions
from organoid_kit.data import Annotations, find_samples
from organoid_kit.data.timelapse import TimeLapse, make_timelapse
from organoid_kit.evaluation.blobs import find_blobs

SPACING_UM = (2.0, 0.5, 0.5)


def make_field(nuclei: int, *, size=256, planes=20, diameter_um=8.0, noise=2.0, seed=0):
    """Nuclei on noise, on a circle in the middle plane: (images, centres in voxels)."""
    rng, angles = np.random.default_rng(seed), 2 * np.pi * np.arange(nuclei) / max(nuclei, 1)
    middle, radius = np.array([(planes - 1) / 2, size / 2, size / 2]), size / 3
    circle = np.column_stack([0 * angles, np.cos(angles), np.sin(angles)])
    centres = middle + radius * circle
    image = rng.normal(200, noise, (planes, size, size))
    grid = np.stack(np.indices(image.shape), -1) * SPACING_UM
    for centre in centres * SPACING_UM:
        distance = np.linalg.norm(grid - centre, axis=-1)
        image += 60 / (1 + np.exp((distance - diameter_um / 2) / 0.5))
    return image.astype(np.uint16), centres


def spoil(images: np.ndarray, kind: str) -> np.ndarray:
    """Adds an empty border of 40 voxels, or 30 hot voxels."""
    if kind == "border":
        return np.pad(images, [(0, 0)] * 3 + [(0, 40)] * 2)
    spoilt = images.copy()
    spoilt.reshape(-1)[np.random.default_rng(0).integers(0, spoilt.size, 30)] = 20_000
    return spoilt


def judge(name: str, images: np.ndarray, centres: np.ndarray, spacing_um, apart_um=5.0) -> None:
    """Prints what network and blob detector find in one stack, (z, y, x), shown as a movie."""
    movie = make_timelapse(images[None, None], spacing_um, name=name)
    region = np.array([[0, 0, 0], np.array(movie.shape_zyx) - 1], float)
    truth = Annotations(centres, np.zeros(len(centres), int), region=region, spacing_um=spacing_um)
    print(f"{name:34}", *(describe(truth, f, apart_um) for f in find_both(movie)), sep=" | ")


def find_both(movie: TimeLapse) -> list[Annotations]:
    network, settings = load_network("position_small")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = predict_positions(
            network, movie, settings.changed(channels=(1,)), show_progress=False
        )
    return [found, find_blobs(movie)]


def describe(truth: Annotations, found: Annotations, apart_um: float) -> str:
    if not len(truth):
        return f"{len(found):4d} ghosts".ljust(38)
    score = score_positions(truth, found, max_distance_um=apart_um)
    counts = f"{score.matched} right, {score.false} ghosts"
    return f"F1 {score.f1:.3f} ({counts}, {score.missed} missed)".ljust(38)


def read_real(folder: Path) -> list[tuple]:
    """Stacks and centres of the two real movies."""
    stacks = []
    for name, image, key, value, axes, spacing_um in (
        ("lstree_enterocyst", "images/P4_Ch1-T0322.tif", "file_T", "322", "_px", (2.0, 0.26, 0.26)),
        ("lstree_enterocyst", "images/P4_Ch1-T0323.tif", "file_T", "323", "_px", (2.0, 0.26, 0.26)),
        ("lstree_enterocyst", "images/P4_Ch1-T0324.tif", "file_T", "324", "_px", (2.0, 0.26, 0.26)),
        ("qcanet_16_cell", "stack.tif", "time_point", "0", "", (1.75, 0.8, 0.8)),
    ):
        with open(folder / name / "centres_px.csv", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row[key] == value]
        centres = np.array([[float(row[axis + axes]) for axis in "zyx"] for row in rows])
        stack = tifffile.imread(folder / name / image)
        stacks.append((f"real: {name} {value}", stack, centres, spacing_um))
    return stacks


def main() -> None:
    """Prints a row a field."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    print(f"{'field':34} | {'shipped position network':38} | blob detector, as it is")
    for nuclei, size in ((0, 256), (1, 256), (8, 256), (3, 512), (30, 512)):
        name = f"{nuclei} nuclei in {size} × {size} × 20"
        judge(name, *make_field(nuclei, size=size), SPACING_UM)
    for smooth_px in ((0, 1.5, 1.5), (1, 2, 2), (2, 4, 4)):
        noise = np.random.default_rng(3).normal(0, 1, (20, 256, 256))
        name = f"noise smoothed over {smooth_px[-1]} pixels"
        judge(name, 200 + 100 * gaussian_filter(noise, smooth_px), np.zeros((0, 3)), SPACING_UM)
    judge("8 nuclei, noise a sixth of them", *make_field(8, noise=10), SPACING_UM)
    sample = read_dataset(find_samples() / "test.autlist")[0]
    images, time_point = sample.movie.stack(1, (2, 3)), 1
    centres, spacing_um = sample.annotations.positions_at(time_point), sample.movie.spacing_um
    judge("bundled test movie", images, centres, spacing_um)
    for kind in ("border", "hot voxels"):
        judge(f"the same with {kind}", spoil(images[None, None], kind)[0, 0], centres, spacing_um)
    for diameter_um in (5, 12, 18, 25):
        size, planes = 14 * diameter_um, max(20, int(diameter_um))
        images, centres = make_field(8, size=size, planes=planes, diameter_um=diameter_um, seed=1)
        name = f"8 nuclei of {diameter_um} µm"
        judge(name, images, centres, SPACING_UM, max(5.0, diameter_um / 2))
    images, centres = make_field(12, planes=1, diameter_um=8, seed=2)
    judge("12 nuclei in a single plane", images, centres, SPACING_UM)
    for name, images, centres, spacing_um in read_real(folder) if folder else []:
        judge(name, images, centres, spacing_um)


if __name__ == "__main__":
    main()
