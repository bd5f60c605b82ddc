"""From scratch on the bundled movies: how good are the three networks and the tracks they make, and
how do seeds vary?

    python benchmarks/three_networks.py [--seeds 11 12 13] [--judge]

Trains all three networks on the two training movies, calibrates them on the validation movie, and
tries them on the bundled test movie and on invented movies of seeds that nothing was chosen by:
four slow ones, two that turn and drift fast, two in which each nucleus goes its own way. Division
and link network are judged on true positions first; then the movies are tracked from their images
alone. Settings were chosen with seed 1, the validation movie, and movies of other seeds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _held_out import FAST, RESTLESS, make_like_samples

from organoid_kit.base.settings import NETWORKS, read_settings
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.calibration import compute_reliability
from organoid_kit.evaluation.classification import compute_average_precision
from organoid_kit.evaluation.tracks import (
    LinkScore,
    judge_links,
    pool_link_scores,
    score_links,
    score_tracks,
)
from organoid_kit.networks.devices import detect_device
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.calibration import calibrate_network, collect_answers
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.movie import TrackedMovie, track_movie
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.errors import estimate_errors, list_doubts
from organoid_kit.tracking.linking import link_nearest, link_optimally
from organoid_kit.training.loop import train
from organoid_kit.training.runs import Run

SLOW_SEEDS, FAST_SEEDS, RESTLESS_SEEDS = range(301, 305), range(311, 313), range(321, 323)


def make_groups() -> dict[str, list[AnnotatedMovie]]:
    """The movies nothing was chosen by, by how they move."""
    return {
        "slow": [
            *read_dataset(find_samples() / "test.autlist"),
            *(make_like_samples(seed) for seed in SLOW_SEEDS),
        ],
        "fast": [make_like_samples(seed, "fast", **FAST) for seed in FAST_SEEDS],
        "restless": [make_like_samples(seed, "restless", **RESTLESS) for seed in RESTLESS_SEEDS],
    }


def train_three(seed: int, output: str) -> dict[str, Run]:
    """Trains and calibrates the three networks."""
    training, validation = (
        read_dataset(find_samples() / f"{part}.autlist") for part in ("training", "validation")
    )
    runs = {}
    for network in NETWORKS:
        name = "settings.json" if network == "position" else f"settings_{network}.json"
        settings = read_settings(find_samples() / name).changed(seed=seed, output_folder=output)
        began, worked = time.monotonic(), time.process_time()
        runs[network] = train(training, validation, settings, on_progress=lambda progress: None)
        seconds, worked = time.monotonic() - began, time.process_time() - worked
        calibrated = calibrate_network(runs[network], validation, show_progress=False)
        took = f"{len(runs[network].history)} epochs, {seconds:.0f} s, {worked:.0f} s of processor"
        print(f"seed {seed}, {network} network: {took}. {calibrated}", flush=True)
    return runs


def find_three(seed: int, output: str) -> dict[str, Run]:
    """The newest runs of this seed."""
    return {name: Run(max(Path(output).glob(f"*_{name}_seed{seed}"))) for name in NETWORKS}


def judge_answers(run: Run, movies: Sequence[AnnotatedMovie], words: str) -> tuple[float, float]:
    """Average precision and expected calibration error over all movies together, on true positions."""
    network, settings = load_network(run.folder)
    said, true, _ = collect_answers(network, settings, movies)
    precision, error = compute_average_precision(true, said), compute_reliability(said, true).ece
    of = f"{true.sum()} of {len(true)} true"
    print(
        f"  {words}: average precision {precision:.3f}, expected calibration error {error:.3f}; {of}"
    )
    return precision, error


def link_true_positions(
    runs: dict[str, Run], movies: Sequence[AnnotatedMovie]
) -> dict[str, LinkScore]:
    """Wrong links where all positions are right: our tracking, and the two baselines."""
    (divider, of_divider), (linker, of_linker) = (
        load_network(runs[name].folder) for name in ("division", "link")
    )
    scores: dict[str, list[LinkScore]] = {
        "networks": [],
        "optimal assignment": [],
        "nearest neighbour": [],
    }
    for each in movies:
        truth = each.annotations
        found = predict_divisions(divider, each.movie, truth, of_divider, show_progress=False)
        tracks = build_tracks(
            predict_links(linker, each.movie, found, of_linker, show_progress=False)
        )
        for name, linked in zip(
            scores, (tracks, link_optimally(truth), link_nearest(truth)), strict=True
        ):
            scores[name].append(score_links(truth, linked))
    return {name: pool_link_scores(parts) for name, parts in scores.items()}


def track_from_images(runs: dict[str, Run], movies: Sequence[AnnotatedMovie]) -> list[dict]:
    """Tracks from the images alone, scored."""
    records = []
    for each in movies:
        tracked = track_movie(
            each.movie, *(runs[name].folder for name in NETWORKS), show_progress=False
        )
        score = score_tracks(each.annotations, tracked.tracks)
        links = score_links(each.annotations, tracked.tracks)
        expected = estimate_errors(tracked.tracks)
        records.append(
            {
                "score": score,
                "links": links,
                "expected": expected,
                "listed": find_listed(each, tracked),
            }
        )
        print(
            f"  {each.name}, from its images: {tracked}\n{score}\n  {links}\n  {expected}",
            flush=True,
        )
    return records


def find_listed(each: AnnotatedMovie, tracked: TrackedMovie) -> tuple[int, int]:
    """Of the links that are wrong, how many are in the list of doubts; and how many there are."""
    wrong = judge_links(each.annotations, tracked.tracks) == False  # noqa: E712
    places = {(doubt.what, doubt.row) for doubt in list_doubts(tracked.tracks, most=None)}
    targets = tracked.tracks.links[wrong, 1]
    return sum(("link", int(row)) in places for row in targets), len(targets)


def sum_errors(records: Sequence[dict]) -> dict[str, float]:
    """Errors per 100 nuclei and time points, counted and expected; how much of it a person is sent
    to.
    """
    links, expected = (
        pool_link_scores([each["links"] for each in records]),
        [each["expected"] for each in records],
    )
    positions = sum(each.positions for each in expected)
    listed, wrong = np.sum([each["listed"] for each in records], axis=0)
    return {
        "wrong, missed or undetected links per 100 positions": 100
        * (links.false + links.missed + links.undetected)
        / positions,
        "errors expected per 100 positions": 100
        * sum(each.errors for each in expected)
        / positions,
        "doubtful positions in 100": 100 * sum(each.doubtful for each in expected) / positions,
        "part of the wrong links that is in the list of doubts": listed / max(wrong, 1),
    }


def main() -> None:
    """Prints everything for each seed, and the spread over seeds at the end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--work", default="runs")
    parser.add_argument(
        "--judge", action="store_true", help="judge the runs in --work again, without training"
    )
    choices = parser.parse_args()
    print(f"on {detect_device().name}")
    groups = make_groups()
    summary: dict[str, list[float]] = {}
    for seed in choices.seeds:
        runs = (find_three if choices.judge else train_three)(seed, choices.work)
        for network in ("division", "link"):
            precision, error = judge_answers(
                runs[network], groups["slow"], f"{network}, slow movies"
            )
            summary.setdefault(f"{network} average precision", []).append(precision)
            summary.setdefault(f"{network} expected calibration error", []).append(error)
        for name, movies in groups.items():
            for method, score in link_true_positions(runs, movies).items():
                print(f"  {name} movies, true positions, {method}: {score}", flush=True)
                summary.setdefault(f"{name}: wrong links per 1000, {method}", []).append(
                    score.wrong_per_1000
                )
        records = track_from_images(runs, groups["slow"])
        summary.setdefault("TRA", []).append(
            float(np.mean([each["score"].tra for each in records]))
        )
        for name, value in sum_errors(records).items():
            summary.setdefault(name, []).append(value)
        f1 = [each["score"].division_f1[1] for each in records]
        summary.setdefault("division F1 (±1)", []).append(float(np.mean(f1)))
        complete = [each["score"].complete_lineages for each in records]
        summary.setdefault("complete lineages", []).append(float(np.mean(complete)))
    for name, values in summary.items():
        print(
            f"{name}: mean {np.mean(values):.3f}, from {min(values):.3f} to {max(values):.3f} over {len(values)} seeds"
        )


if __name__ == "__main__":
    main()
