"""Makes the four movies of this folder again: `python data_samples/make_samples.py` (about ten seconds).

The same movies come out each time, bit for bit; nothing that exists is overwritten. To write elsewhere, name a folder.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie, write_dataset
from organoid_kit.data.timelapse import TimeLapse, read_timelapse, write_timelapse

SETTINGS = SyntheticSettings(
    shape_zyx=(20, 112, 112),
    time_points=12,
    nuclei=30,
    cycle_time_points=24,
    photons=100,
    background=0.003,
    grey_per_photon=1.0,  # few grey values: noise cannot be compressed
    read_noise=0.5,
)

# name → part it plays, seed, what is particular about this organoid and its microscope
SAMPLES = {
    "organoid_a": ("training", 11, {"elongation": 1.7, "cytoplasm": 0.05}),
    "organoid_b": (
        "training",
        12,
        {"nuclei": 34, "nucleus_diameter_um": 7.0, "haze": 0.15, "bud": 0.3},
    ),
    "organoid_c": (
        "validation",
        13,
        {"nuclei": 26, "nucleus_diameter_um": 8.0, "elongation": 1.1, "photons": 70.0},
    ),
    "organoid_d": ("test", 14, {"nuclei": 32, "texture": 0.35, "dimming_um": 60.0, "debris": 8}),
}

PARTLY_ANNOTATED = "organoid_b"


def make_sample(name: str) -> tuple[TimeLapse, Annotations]:
    """One of the movies with its annotations; of organoid_b only a cuboid is annotated."""
    _, seed, changes = SAMPLES[name]
    movie, annotations = make_synthetic_movie(dataclasses.replace(SETTINGS, **changes), seed, name)
    return movie, _keep_cuboid(annotations) if name == PARTLY_ANNOTATED else annotations


def _keep_cuboid(annotations: Annotations) -> Annotations:
    """What somebody annotates who has no time for the right half; nowhere is it stated how far they came."""
    inside = annotations.positions[:, 2] < annotations.region[1, 2] * 0.55
    return dataclasses.replace(annotations.select(inside), region=None)


def make_samples(folder: Path) -> None:
    """Writes all movies, their annotations, and a list for training, validation and test."""
    lists: dict[str, list[AnnotatedMovie]] = {}
    for name, (part, _, _) in SAMPLES.items():
        movie, annotations = make_sample(name)
        path = folder / f"{name}.ome.tif"
        write_timelapse(movie, path)
        lists.setdefault(part, []).append(AnnotatedMovie(read_timelapse(path), annotations))
        print(path)
    for part, movies in lists.items():
        write_dataset(movies, folder / f"{part}.autlist")


if __name__ == "__main__":
    make_samples(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
