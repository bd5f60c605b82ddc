"""A whole movie from images to tracks: how long it takes, where the time goes, and how much memory.

    python benchmarks/whole_movie.py [--time-points 12 25 50]

An invented movie of 24 × 256 × 256 voxels (3.5 × 0.5 × 0.5 µm) with about 300 nuclei is made and
saved, then tracked with the shipped networks, once for each number of time points, each time in a
process of its own whose peak memory is measured. How right the tracks are is printed too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset, write_dataset
from organoid_kit.data.timelapse import TimeLapse, read_timelapse, write_timelapse

SETTINGS = SyntheticSettings(
    shape_zyx=(24, 256, 256),
    spacing_um=(3.5, 0.5, 0.5),
    nuclei=300,
    cycle_time_points=60,
    looseness=1.0,
)
SEED = 501


def save_movie(folder: Path, time_points: int) -> None:
    """Makes the movie with its truth."""
    movie, truth = make_synthetic_movie(
        dataclasses.replace(SETTINGS, time_points=time_points), SEED, "large"
    )
    write_timelapse(movie, folder / "large.ome.tif")
    write_dataset(
        [AnnotatedMovie(read_timelapse(folder / "large.ome.tif"), truth)], folder / "large.autlist"
    )


def track(folder: Path, time_points: int) -> None:
    """Tracks the first time points and prints, as JSON, what it took."""
    import resource

    from organoid_kit.evaluation.positions import score_positions
    from organoid_kit.evaluation.tracks import score_links
    from organoid_kit.prediction.movie import track_movie

    [annotated] = read_dataset(folder / "large.autlist")
    movie = cut_movie(annotated.movie, time_points)
    truth = annotated.annotations.select(annotated.annotations.time_points < time_points)
    names = ("position_small", "division_small", "link_small")
    tracked = track_movie(movie, *names, channels=(2, 3), show_progress=False)
    record = {
        "nuclei": round(len(tracked.tracks) / time_points),
        "seconds": tracked.seconds,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "positions": str(score_positions(truth, tracked.tracks)),
        "links": str(score_links(truth, tracked.tracks)),
    }
    print(json.dumps(record))


def cut_movie(movie: TimeLapse, time_points: int) -> TimeLapse:
    """The first time points of a movie."""
    return dataclasses.replace(movie, time_points=movie.time_points[:time_points])


def main() -> None:
    """Prints a line for each length."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--time-points", type=int, nargs="+", default=[12, 25, 50])
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    choices = parser.parse_args()
    if choices.folder:
        return track(choices.folder, choices.time_points[0])
    with tempfile.TemporaryDirectory() as folder:
        save_movie(Path(folder), max(choices.time_points))
        for count in choices.time_points:
            arguments = [sys.executable, __file__, "--folder", folder, "--time-points", str(count)]
            answer = subprocess.run(
                arguments, check=True, capture_output=True, text=True
            ).stdout.splitlines()[-1]
            record = json.loads(answer)
            parts = ", ".join(
                f"{name} {seconds:.0f}" for name, seconds in record["seconds"].items()
            )
            total = sum(record["seconds"].values())
            print(f"{count} time points, {record['nuclei']} nuclei each: {total:.0f} s ({parts})")
            print(f"  peak memory {record['peak_gb']:.2f} GB")
            print(f"  positions: {record['positions']}\n  links: {record['links']}", flush=True)


if __name__ == "__main__":
    main()
