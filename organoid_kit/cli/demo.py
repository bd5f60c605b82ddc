"""`demo`: the whole way on the bundled movies."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from organoid_kit.base import find_free_path, read_settings
from organoid_kit.base.files import make_file_name, write_json_safely
from organoid_kit.base.settings import NETWORKS
from organoid_kit.cli.check import print_problems
from organoid_kit.cli.files import TrackWriter, load_keras
from organoid_kit.cli.track import print_doubts
from organoid_kit.cli.train import train_and_calibrate
from organoid_kit.data import find_samples, read_dataset
from organoid_kit.evaluation import find_blobs, summarise_annotations, tune_blobs
from organoid_kit.evaluation.positions import format_score
from organoid_kit.examples.batches import Movies
from organoid_kit.examples.splits import Split
from organoid_kit.training import Run

if TYPE_CHECKING:
    from organoid_kit.prediction.movie import TrackedMovie
    from organoid_kit.report.results import MovieResult

Networks = Mapping[str, Path | str]  # by kind: a folder, or the name of a shipped network
_CANDIDATES = 0.05  # peaks from this probability on are kept: scores of all thresholds are drawn
_SETTINGS = dict(zip(NETWORKS, ("settings.json", "settings_division.json", "settings_link.json")))


def demo(
    output: Path = Path("demo"), epochs: int | None = None, networks: str = "trained"
) -> int | None:
    """The whole way on the bundled movies, in demo-2 where demo is there; 130 if interrupted."""
    began, output = time.monotonic(), find_free_path(output) if output.exists() else output
    samples, parts = find_samples(), ("training", "validation", "test")
    training, validation, test = (read_dataset(samples / f"{part}.autlist") for part in parts)
    channels = read_settings(samples / _SETTINGS["position"]).channels

    _print_step(1, "Are the annotations right?")
    dataset = [*training, *validation, *test]
    print_problems(dataset, channels)
    print(f"\n{summarise_annotations(dataset)}")
    load_keras()

    runs: dict[str, Run] = {}
    folders: dict[str, Path | str] = {network: f"{network}_small" for network in NETWORKS}
    if networks == "shipped":
        _print_step(2, f"Take the networks that come with the kit: {', '.join(folders.values())}")
    else:
        runs = _train(samples, Split(training, validation), output / "runs", epochs)
        folders = {network: run.folder for network, run in runs.items()}
    if len(folders) < len(NETWORKS):
        return 130

    _print_step(3, "Ask each network about a movie it has never seen")
    results = ask_networks(folders, test, [*training, *validation], channels)
    _print_step(4, "Put its nuclei together into tracks")
    tracked, files = make_tracks(folders, test, channels, output / "tracks")
    _print_step(5, "Count what is right, and write reports")
    facts, pages = write_pages(folders, runs, results, tracked, test, output)
    write_json_safely(output / "scores.json", facts)
    minutes = (time.monotonic() - began) / 60
    print(f"{format_table(facts)}\n\nAfter {minutes:.1f} minutes. Written were:")
    print(*(f"  {path}" for path in (*files, output / "scores.json", *pages)), sep="\n")


def _print_step(number: int, text: str) -> None:
    print(f"\n{number}. {text}\n", flush=True)


def _train(samples: Path, split: Split, folder: Path, epochs: int | None) -> dict[str, Run]:
    """A run for each network, as far as none was interrupted."""
    _print_step(2, "Train three networks")
    command = [samples / "training.autlist", "--validation", samples / "validation.autlist"]
    runs: dict[str, Run] = {}
    for network, file in _SETTINGS.items():
        print(f"The {network} network\n", flush=True)
        settings = read_settings(samples / file).changed(output_folder=str(folder))
        if epochs:
            settings = settings.changed(epochs=epochs)
        run, interrupted = train_and_calibrate(split, settings, command)
        if interrupted:
            break
        runs[network] = run
        print(flush=True)
    return runs


def ask_networks(
    networks: Networks, test: Movies, seen: Movies, channels: tuple[int, ...]
) -> dict[str, list[MovieResult]]:
    """What each network says of each test movie: where nuclei are; of true nuclei, which divide and
    belong together. The blob detector is tuned on movies that were seen.
    """
    from organoid_kit.networks import load_network
    from organoid_kit.prediction import predict_divisions, predict_links, predict_positions
    from organoid_kit.report.results import MovieResult
    from organoid_kit.training.runs import describe_movie

    results: dict[str, list[MovieResult]] = {kind: [] for kind in NETWORKS}
    tuned = tune_blobs(seen, channels=channels)
    for kind in NETWORKS:
        network, settings = load_network(networks[kind])
        settings = settings.changed(channels=channels)
        for annotated in (annotated.with_spacing() for annotated in test):
            movie, blobs = annotated.movie, None
            truth = annotated.annotations
            if kind == "position":
                found = predict_positions(network, movie, settings, threshold=_CANDIDATES)
                blobs = find_blobs(movie, **tuned)
            else:
                predict = predict_divisions if kind == "division" else predict_links
                found = predict(network, movie, truth, settings)
            described = describe_movie("test", annotated)
            result = MovieResult(settings, described, truth, found, blobs, settings.threshold)
            results[kind].append(result)
    return results


def make_tracks(
    networks: Networks, test: Movies, channels: tuple[int, ...], folder: Path
) -> tuple[list[TrackedMovie], list[Path]]:
    """Tracks of each test movie, and their files: for OrganoidTracker, the Cell Tracking Challenge's
    tools and, with its library, as GEFF. Prints where the time went, and what to look at.
    """
    from organoid_kit.prediction import track_movie

    tracked, files, writer = [], [], TrackWriter(folder)
    for annotated in test:
        movie = track_movie(annotated.movie, *map(networks.get, NETWORKS), channels=channels)
        print(f"{annotated.movie.name}: {movie}")
        print_doubts(movie.tracks)
        for ending in (".aut", "_ctc", *([".geff"] if find_spec("geff") else [])):
            path = folder / f"{make_file_name(annotated.movie.name)}{ending}"
            files += writer.write(movie.tracks, path, annotated)
        tracked.append(movie)
    return tracked, list(dict.fromkeys(files))


def write_pages(
    networks: Networks,
    runs: Mapping[str, Run],
    results: Mapping[str, Sequence[MovieResult]],
    tracked: Sequence[TrackedMovie],
    test: Movies,
    folder: Path,
) -> tuple[dict[str, Any], list[Path]]:
    """A page about each training and one about the tracks; all figures, and the pages."""
    from organoid_kit import report
    from organoid_kit.report.kinds import KINDS

    facts = {kind: KINDS[kind].compute_scores(results[kind]) for kind in NETWORKS}
    for kind, run in runs.items():
        for annotated, result in zip(test, results[kind], strict=True):
            options = {"blobs": result.blobs, "channels": result.settings.channels}
            report.save_movie_result(run, annotated, result.found, result.threshold, **options)
        report.write_report(folder / f"report_{kind}.html", run)
    channels = results["position"][0].settings.channels
    folders = [networks[kind] for kind in NETWORKS]
    for annotated, movie in zip(test, tracked, strict=True):
        report.save_tracking(folder / "tracking", annotated, movie, folders, channels=channels)
    page = folder / "report.html"
    facts["tracks"] = report.write_tracking_report(folder / "tracking", page)["movies"]
    return facts, [*(folder / f"report_{kind}.html" for kind in runs), page]


def format_table(facts: Mapping[str, Any]) -> str:
    """The figures that matter, with what they are to be compared with."""
    position, division, link = (facts[kind] for kind in NETWORKS)
    rows = [
        ("nuclei: F1", position["network"]["f1"], "blob detector", position["blob_detector"]["f1"]),
        ("divisions: average precision", division["network"]["average_precision"]),
        ("divisions: F1 by place (±1)", division["within_1"]["f1"]),
        _beside_optimal("wrong links per 1000", link["network"], link["optimal"], "wrong_per_1000"),
    ]
    for tracks in facts["tracks"]:
        rows += _list_track_figures(tracks)
    lines = []
    for name, *row in rows:
        values = [str(cell) if isinstance(cell, (int, str)) else format_score(cell) for cell in row]
        lines.append(f"{name:<32}{values[0]:>12}" + f"   {' '.join(values[1:])}" * (len(row) > 1))
    return "\n".join(lines)


def _beside_optimal(name: str, found: Mapping, optimal: Mapping, key: str) -> tuple:
    return name, found.get(key), "optimal assignment", optimal.get(key)


def _list_track_figures(tracks: Mapping[str, Any]) -> list[tuple]:
    """Of one movie; TRA is never shown alone."""
    scores, errors = tracks["scores"], tracks["errors"]
    pair = [scores[method]["lineages"] or {} for method in ("tracks", "optimal")]
    within = [lineages.get("division_f1", {}) for lineages in pair]
    expected, counted = errors["links_expected_wrong"], errors["links_wrong"]
    return [
        _beside_optimal(f"{tracks['name']}: TRA", *pair, "tra"),
        _beside_optimal("  complete tracks", *pair, "complete_tracks"),
        _beside_optimal("  division F1 by daughters (±1)", *within, "1"),
        ("  links expected to be wrong", expected, "counted", counted),
    ]
