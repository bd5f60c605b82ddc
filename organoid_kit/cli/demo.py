"""`demo`: the whole way on the bundled movies."""

import itertools
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from organoid_kit import networks as rooms, prediction, report
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

_CANDIDATES = 0.05  # peaks from this probability on are kept: scores of all thresholds are drawn
_SETTINGS = dict(zip(NETWORKS, ("settings.json", "settings_division.json", "settings_link.json")))


def demo(
    output: Path = Path("demo"), epochs: int | None = None, networks: str = "trained"
) -> int | None:
    """The whole way on the bundled movies, in demo-2 where demo is there; 130 if interrupted."""
    began, output = time.monotonic(), find_free_path(output)
    samples, steps = find_samples(), itertools.count(1)
    parts = ("training", "validation", "test")
    training, validation, test = (read_dataset(samples / f"{part}.autlist") for part in parts)
    channels = read_settings(samples / _SETTINGS["position"]).channels

    def announce(text: str) -> None:
        print(f"\n{next(steps)}. {text}\n", flush=True)

    announce("Are the annotations right?")
    dataset = [*training, *validation, *test]
    print_problems(dataset, channels)
    print(f"\n{summarise_annotations(dataset)}")
    load_keras()
    facts: dict[str, Any] = {}
    pages, folders = [], [f"{network}_small" for network in NETWORKS]
    if networks == "shipped":
        announce(f"Take the networks that come with the kit: {', '.join(folders)}")
    else:
        announce("Train three networks")
        runs = _train(samples, Split(training, validation), output / "runs", epochs)
        if len(runs) < len(NETWORKS):
            return 130
        announce("Ask each network about a movie it has never seen")
        tuned = tune_blobs([*training, *validation], channels=channels)
        for run in runs:
            ask_network(run, test, tuned)
            pages.append(output / f"report_{run.settings.network}.html")
            facts[run.settings.network] = report.write_report(pages[-1], run)
        folders = [str(run.folder) for run in runs]
    announce("Put its nuclei together into tracks")
    files = make_tracks(folders, test, channels, output)
    announce("Count what is right, and write reports")
    pages.append(output / "report.html")
    facts["tracks"] = report.write_tracking_report(output / "tracking", pages[-1])["movies"]
    write_json_safely(output / "scores.json", facts)
    minutes = (time.monotonic() - began) / 60
    print(f"{format_table(facts)}\n\nAfter {minutes:.1f} minutes. Written were:")
    print(*(f"  {path}" for path in (*files, output / "scores.json", *pages)), sep="\n")


def _train(samples: Path, split: Split, folder: Path, epochs: int | None) -> list[Run]:
    """A run for each network, as far as none was interrupted."""
    command = [samples / "training.autlist", "--validation", samples / "validation.autlist"]
    runs = []
    for network, file in _SETTINGS.items():
        print(f"The {network} network\n", flush=True)
        settings = read_settings(samples / file).changed(output_folder=str(folder))
        if epochs is not None:
            settings = settings.changed(epochs=epochs)
        run, interrupted = train_and_calibrate(split, settings, command)
        if interrupted:
            break
        runs.append(run)
        print(flush=True)
    return runs


def ask_network(run: Run, test: Movies, tuned: Mapping[str, Any]) -> None:
    """Keeps what a network says of each test movie; a tuned blob detector is asked, too."""
    network, settings = rooms.load_network(run.folder)
    for annotated in (annotated.with_spacing() for annotated in test):
        movie, blobs = annotated.movie, None
        if settings.network == "position":
            found = prediction.predict_positions(network, movie, settings, threshold=_CANDIDATES)
            blobs = find_blobs(movie, **tuned)
        else:
            predict = getattr(prediction, f"predict_{settings.network}s")
            found = predict(network, movie, annotated.annotations, settings)
        options = {"blobs": blobs, "channels": settings.channels}
        report.save_movie_result(run, annotated, found, settings.threshold, **options)


def make_tracks(
    networks: Sequence[str], test: Movies, channels: tuple[int, ...], folder: Path
) -> list[Path]:
    """Tracks of each test movie, and their files in all forms; prints what to look at first."""
    files, writer = [], TrackWriter(folder / "tracks")
    for annotated in test:
        tracked = prediction.track_movie(annotated.movie, *networks, channels=channels)
        print(f"{annotated.movie.name}: {tracked}")
        print_doubts(tracked.tracks)
        for ending in (".aut", "_ctc", *([".geff"] if find_spec("geff") else [])):
            path = folder / "tracks" / f"{make_file_name(annotated.movie.name)}{ending}"
            files += writer.write(tracked.tracks, path, annotated)
        report.save_tracking(folder / "tracking", annotated, tracked, networks, channels=channels)
    return list(dict.fromkeys(files))


def format_table(facts: Mapping[str, Any]) -> str:
    """The figures that matter, with what they are to be compared with."""
    rows = []
    if "position" in facts:
        position, division, link = (facts[kind] for kind in NETWORKS)
        found, blobs = position["network"]["f1"], position["blob_detector"]["f1"]
        rows += [
            ("nuclei: F1", found, "blob detector", blobs),
            ("divisions: average precision", division["network"]["average_precision"]),
            ("divisions: F1 by place (±1)", division["within_1"]["f1"]),
            _compare("wrong links per 1000", link["network"], link["optimal"], "wrong_per_1000"),
        ]
    for tracks in facts["tracks"]:  # TRA is never shown alone
        scores, errors = tracks["scores"], tracks["errors"]
        pair = [scores[method]["lineages"] or {} for method in ("tracks", "optimal")]
        within = [lineages.get("division_f1", {}) for lineages in pair]
        expected, counted = errors["links_expected_wrong"], errors["links_wrong"]
        rows += [
            _compare(f"{tracks['name']}: TRA", *pair, "tra"),
            _compare("  complete tracks", *pair, "complete_tracks"),
            _compare("  division F1 by daughters (±1)", *within, "1"),
            ("  links expected to be wrong", expected, "counted", counted),
        ]
    lines = []
    for name, *row in rows:
        values = [str(cell) if isinstance(cell, (int, str)) else format_score(cell) for cell in row]
        lines.append(f"{name:<32}{values[0]:>12}" + f"   {' '.join(values[1:])}" * (len(row) > 1))
    return "\n".join(lines)


def _compare(name: str, found: Mapping, optimal: Mapping, key: str) -> tuple:
    return name, found.get(key), "optimal assignment", optimal.get(key)
