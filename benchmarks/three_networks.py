"""From scratch on the bundled movies: how good are the three networks and the tracks they make, and
how do seeds vary?

    python benchmarks/three_networks.py [--seeds 11 12 13] [--judge | --shipped | --links]

Trains all three networks on the two training movies, calibrates them on the validation movie, and
tries them on the bundled test movie and on invented movies of seeds that nothing was chosen by:
four slow ones, two that turn and drift fast, two in which each nucleus goes its own way. Division
and link network are judged on true positions first; then the movies are tracked from their images
alone. Settings were chosen with seed 1, the validation movie, and movies of other seeds.

Errors are positions, on both sides: each that has a true partner and comes from elsewhere than the
tracks say. `--shipped` prints them for the shipped networks, on the five slow movies and on the 14
by which it was chosen from which probability on a position is doubtful, how sure no statement is,
and how often who is missed is missed again (`tracking/errors.py`, `costs.py`).

`--links` prints wrong links of the shipped networks on true positions, held out and chosen by, and
what they would be if the odds of the link network were multiplied by those of distance, the latter
to the power of 1/4, 1/2 or 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _held_out import FAST, RESTLESS, make_like_samples

from organoid_kit.base.settings import NETWORKS, read_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.calibration import compute_reliability
from organoid_kit.evaluation.classification import compute_average_precision
from organoid_kit.evaluation.matching import match_to_truth
from organoid_kit.evaluation.tracks import LinkScore, pool_link_scores, score_links, score_tracks
from organoid_kit.networks.devices import detect_device
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.calibration import calibrate_network, collect_answers
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.movie import load_networks, track_movie
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.costs import compute_cost
from organoid_kit.tracking.distance import estimate_link_probabilities
from organoid_kit.tracking.errors import estimate_errors, list_doubts
from organoid_kit.tracking.linking import link_nearest, link_optimally
from organoid_kit.training.loop import train
from organoid_kit.training.runs import Run

SLOW_SEEDS, FAST_SEEDS, RESTLESS_SEEDS = range(301, 305), range(311, 313), range(321, 323)
CHOSEN_SEEDS = (*range(401, 407), *range(441, 449))
CHOSEN_LINKS = {"slow": (501,), "fast": (511, 512), "restless": (521, 522, 523, 524)}
HELD_OUT_LINKS = {"slow": (301, 302, 303), "fast": (311, 312, 313), "restless": (321, 322, 323)}
MOTIONS = {"slow": {}, "fast": FAST, "restless": RESTLESS}
POWERS = (0.0, 0.25, 0.5, 1.0)
SHIPPED = [f"{network}_small" for network in NETWORKS]


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


def multiply_odds(candidates: Annotations, power: float) -> Annotations:
    """The candidates with the odds of their links multiplied by those of distance, to a power."""
    dividing = candidates.properties["division_probability"].astype(float)
    by_distance, _ = estimate_link_probabilities(candidates, dividing)
    by_network = candidates.link_properties["link_probability"].astype(float)
    cost = compute_cost(by_network) + power * compute_cost(by_distance)
    linked = {"link_probability": 1 / (1 + np.exp(cost))}
    return dataclasses.replace(candidates, link_properties=linked)


def compare_links(name: str, motion: str, seeds: Sequence[int]) -> None:
    """Prints wrong and missed links on true positions, by the shipped networks and by distance."""
    networks = load_networks(SHIPPED, (2, 3))
    (divider, of_divider), (linker, of_linker) = networks["division"], networks["link"]
    scores: dict[str, list[LinkScore]] = {}
    for seed in seeds:
        each = make_like_samples(seed, motion, **MOTIONS[motion])
        truth = each.annotations
        found = predict_divisions(divider, each.movie, truth, of_divider, show_progress=False)
        found = predict_links(linker, each.movie, found, of_linker, show_progress=False)
        ways = {
            f"networks, distance to the power of {power:g}": build_tracks(
                multiply_odds(found, power)
            )
            for power in POWERS
        }
        ways |= {
            "optimal assignment": link_optimally(truth),
            "nearest neighbour": link_nearest(truth),
        }
        for way, linked in ways.items():
            scores.setdefault(way, []).append(score_links(truth, linked))
    for way, parts in scores.items():
        of_each = ", ".join(f"{score.wrong_per_1000:.0f}" for score in parts)
        print(
            f"{name}, {motion}, {way}: {pool_link_scores(parts)}; wrong of each {of_each}",
            flush=True,
        )


def track_from_images(
    networks: Sequence[str | Path], movies: Sequence[AnnotatedMovie]
) -> list[dict]:
    """Tracks from the images alone, scored."""
    records = []
    for each in movies:
        tracked = track_movie(each.movie, *networks, channels=(2, 3), show_progress=False)
        score = score_tracks(each.annotations, tracked.tracks)
        links = score_links(each.annotations, tracked.tracks)
        expected = estimate_errors(tracked.tracks)
        records.append(
            {
                "score": score,
                "links": links,
                "expected": expected,
                "counted": count_errors(each.annotations, tracked.tracks),
            }
        )
        print(
            f"  {each.name}, from its images: {tracked}\n{score}\n  {links}\n  {expected}",
            flush=True,
        )
    return records


def count_errors(truth: Annotations, tracks: Annotations) -> tuple[int, int]:
    """Positions of which the tracks say wrongly where they come from, and those among them of which
    no doubt says so. Judged are found positions with a true partner, but at the first time point;
    one filled in says nothing of its own: what follows it comes from what was found before it.
    """
    partners = np.append(match_to_truth(truth, tracks), -1)
    source_of, true_source_of = np.full(len(tracks) + 1, -1), np.full(len(truth) + 1, -1)
    source_of[tracks.links[:, 1]], true_source_of[truth.links[:, 1]] = (
        each.links[:, 0] for each in (tracks, truth)
    )
    filled_in = np.append(np.equal(tracks.properties["interpolated"], True), False).astype(bool)
    sources, true = source_of[:-1], true_source_of[partners[:-1]]
    over_two = filled_in[sources]
    sources = np.where(over_two, source_of[sources], sources)
    true = np.where(over_two, true_source_of[true], true)
    judged = (partners[:-1] >= 0) & ~filled_in[:-1]
    judged &= tracks.time_points > truth.time_points.min()
    starts = sources < 0
    wrong = judged & np.where(starts, true >= 0, (partners[sources] != true) | (true < 0))
    doubted = [doubt.row for doubt in list_doubts(tracks, most=None)]
    return int(wrong.sum()), int(np.delete(wrong, doubted).sum())


def sum_errors(records: Sequence[dict]) -> dict[str, float]:
    """Per 100 positions: errors counted and expected, what is doubtful, and the errors that are left
    when a person has mended all that is doubtful.
    """
    expected = [each["expected"] for each in records]
    per_100 = 100 / sum(each.positions for each in expected)
    counted, left = np.sum([each["counted"] for each in records], axis=0)
    return {
        "errors counted per 100 positions": per_100 * counted,
        "errors expected per 100 positions": per_100 * sum(each.errors for each in expected),
        "doubtful positions in 100": per_100 * sum(each.doubtful for each in expected),
        "errors left per 100 positions, doubtful ones mended": per_100 * left,
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
    parser.add_argument(
        "--shipped",
        action="store_true",
        help="errors in tracks of the shipped networks, no training",
    )
    parser.add_argument(
        "--links", action="store_true", help="links of the shipped networks on true positions"
    )
    choices = parser.parse_args()
    print(f"on {detect_device().name}")
    if choices.shipped:
        chosen = [make_like_samples(seed) for seed in CHOSEN_SEEDS]
        for name, movies in {"held out": make_groups()["slow"], "chosen by": chosen}.items():
            print(f"{name}: {sum_errors(track_from_images(SHIPPED, movies))}", flush=True)
        return
    if choices.links:
        for name, groups in {"held out": HELD_OUT_LINKS, "chosen by": CHOSEN_LINKS}.items():
            for motion, seeds in groups.items():
                compare_links(name, motion, seeds)
        return
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
        networks = [runs[name].folder for name in NETWORKS]
        records = track_from_images(networks, groups["slow"])
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
