"""A real organoid: the blob detector, the shipped networks, and one fine-tuned on a single time
point; and its tracks.

    python benchmarks/real_organoid.py [FOLDER]

FOLDER has ``images/`` with the three stacks of LSTree's example data, and ``mamut_deconv.xml``, as
`download_real_organoid` fetches them; without FOLDER they are fetched into runs/real_organoid.
Fine-tuning sees the first stack only and is scored on the other two, with three seeds; its
threshold too is chosen on the first. All scores at 5 µm, one to one. Divisions and links are asked
of the shipped networks, as they are, on the annotated positions; then the organoid is tracked from
its images alone.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from organoid_kit.base.errors import UserError
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.downloads import download_real_organoid, read_real_organoid
from organoid_kit.evaluation.blobs import find_blobs, tune_blobs
from organoid_kit.evaluation.calibration import compute_reliability
from organoid_kit.evaluation.checks import check_annotations
from organoid_kit.evaluation.positions import pool_scores, score_positions
from organoid_kit.evaluation.tracks import score_divisions, score_links, score_tracks
from organoid_kit.networks.folders import make_fine_tuning_settings
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.calibration import collect_answers
from organoid_kit.prediction.comparison import judge_run
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.movie import track_movie
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.linking import link_nearest, link_optimally
from organoid_kit.training.loop import train

SEEDS = (1, 2, 3)


def part(organoid: AnnotatedMovie, time_points: list[int]) -> AnnotatedMovie:
    """The same movie with the annotations of some time points."""
    chosen = np.isin(organoid.annotations.time_points, time_points)
    return AnnotatedMovie(organoid.movie, organoid.annotations.select(chosen))


def score_network(folder: str, organoid: AnnotatedMovie):
    """What a network finds in the annotated time points."""
    network, settings = load_network(folder)
    time_points = organoid.annotations.annotated_time_points.tolist()
    found = predict_positions(
        network, organoid.movie, settings, time_points=time_points, show_progress=False
    )
    return score_positions(organoid.annotations, found)


def measure_calibration(folder: str, organoid: AnnotatedMovie) -> float:
    """Expected calibration error of a network's answers in the annotated time points."""
    said, true, _ = collect_answers(*load_network(folder), [organoid])
    return compute_reliability(said, true).ece


def judge_tracks(organoid: AnnotatedMovie) -> None:
    """What the shipped networks make of the one division, and of the links."""
    truth = organoid.annotations
    (divider, of_divider), (linker, of_linker) = (
        load_network(f"{name}_small") for name in ("division", "link")
    )
    found = predict_divisions(divider, organoid.movie, truth, of_divider, show_progress=False)
    said = found.properties["division_probability"].astype(float)
    known = truth.links_forward() > 0
    for mother in truth.divisions():
        others = np.delete(said[known], np.flatnonzero(known).tolist().index(mother))
        print(
            f"division network: the division has probability {said[mother]:.3f}, threshold {of_divider.threshold:.2f}"
        )
        higher, called = (
            int((others > level).sum()) for level in (said[mother], of_divider.threshold)
        )
        print(
            f"  of {len(others)} other nuclei {higher} have a higher one, and {called} reach the threshold"
        )
    tracks = build_tracks(
        predict_links(linker, organoid.movie, found, of_linker, show_progress=False)
    )
    for name, linked in (
        ("link network", tracks),
        ("nearest", link_nearest(truth)),
        ("optimal", link_optimally(truth)),
    ):
        print(f"{name}, annotated positions: {score_links(truth, linked)}")
    print(f"divisions of these tracks: {score_divisions(truth, tracks, tolerance=0, by=None)}")
    tracked = track_movie(
        organoid.movie, "position_small", "division_small", "link_small", show_progress=False
    )
    print(f"from the images alone: {tracked}\n{score_tracks(truth, tracked.tracks)}")
    print(score_links(truth, tracked.tracks))


def main() -> None:
    """Prints the scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--work", default="runs")
    choices = parser.parse_args()
    try:
        folder = choices.folder or download_real_organoid(Path("runs") / "real_organoid")
    except UserError as error:
        print(f"left out: {error}")
        return
    organoid = read_real_organoid(folder)
    problems = check_annotations(organoid.annotations, organoid.movie)
    print(f"check: {len(problems)} problems", *problems, sep="\n  ")
    first, *others = organoid.annotations.annotated_time_points.tolist()
    print(f"{organoid.movie}\n{len(organoid.annotations)} annotated positions")
    for time_point in (first, *others):
        print(
            f"shipped network, time point {time_point}: {score_network('position_small', part(organoid, [time_point]))}"
        )
    print(f"shipped network, all: {score_network('position_small', organoid)}")
    print(f"  expected calibration error {measure_calibration('position_small', organoid):.3f}")
    blobs = tune_blobs([part(organoid, [first])])
    held_out = part(organoid, others)
    found = find_blobs(organoid.movie, time_points=others, **blobs)
    print(
        f"blob detector tuned on the first time point, the others: {score_positions(held_out.annotations, found)}"
    )
    print(f"shipped network, the others: {score_network('position_small', held_out)}")
    judge_tracks(organoid)
    scores = []
    for seed in SEEDS:
        settings = make_fine_tuning_settings(
            "position_small",
            seed=seed,
            epochs=choices.epochs,
            patches_per_time_point=32,
            output_folder=choices.work,
        )
        started = time.monotonic()
        run = train([part(organoid, [first])], [], settings, on_progress=lambda progress: None)
        said = judge_run(run, [part(organoid, [first])], [])
        seconds = time.monotonic() - started
        scores.append(score_network(str(run.folder), held_out))
        print(
            f"fine-tuned on the first time point, seed {seed}, {seconds:.0f} s: {said}\nThe others: {scores[-1]}"
        )
        error = measure_calibration(str(run.folder), held_out)
        print(f"  expected calibration error on the others {error:.3f}")
    print(f"fine-tuned, the others, three seeds pooled: {pool_scores(scores)}")


if __name__ == "__main__":
    main()
