"""`demo`: the whole way on the bundled movies."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from organoid_kit.baseline import find_blobs, tune_blobs
from organoid_kit.checks import summarise_annotations
from organoid_kit.cli.check import print_problems
from organoid_kit.cli.fit import train_and_calibrate
from organoid_kit.cli.options import add_command
from organoid_kit.cli.score import format_scores
from organoid_kit.cli.shared import load_keras
from organoid_kit.dataset import AnnotatedMovie, read_dataset
from organoid_kit.downloads import find_samples
from organoid_kit.evaluation import pool_scores
from organoid_kit.runs import Run
from organoid_kit.settings import read_settings
from organoid_kit.splits import Split

_ALL_CANDIDATES = 0.05  # peaks from this probability on are kept where a threshold is still to be looked at


def add_options(commands: Any) -> None:
    """The command `demo` and its options."""
    parser = add_command(commands, "demo", _demo, "The whole way on the bundled movies, in a few minutes.")
    parser.add_argument("--output", type=Path, default=Path("demo"), metavar="FOLDER")
    parser.add_argument("--epochs", type=int)


def _demo(options: argparse.Namespace) -> int:
    """The whole way on the bundled movies."""
    began = time.monotonic()
    samples = find_samples()
    training, validation, test = (
        read_dataset(samples / f"{part}.autlist") for part in ("training", "validation", "test")
    )
    settings = read_settings(samples / "settings.json").changed(output_folder=str(options.output / "runs"))
    if options.epochs:
        settings = settings.changed(epochs=options.epochs)
    _say_step(1, "Are the annotations right?")
    print_problems([*training, *validation, *test], settings.channels)
    print()
    print(summarise_annotations([*training, *validation, *test]))
    _say_step(2, "Train a network")
    load_keras()
    command = [samples / "training.autlist", "--validation", samples / "validation.autlist"]
    run, interrupted = train_and_calibrate(Split(training, validation), settings, command)
    if interrupted:
        return interrupted
    _say_step(3, "Find the nuclei in a movie it has never seen, and count how many are right")
    _save_results(run, test, [*training, *validation])
    return _finish_demo(run, options.output, time.monotonic() - began)


def _say_step(number: int, text: str) -> None:
    print(f"\n{number}. {text}\n", flush=True)


def _save_results(run: Run, test: Sequence[AnnotatedMovie], seen: Sequence[AnnotatedMovie]) -> None:
    """What the network and a blob detector find in test movies. The detector is tuned on the movies the network saw."""
    from organoid_kit.networks import load_network
    from organoid_kit.prediction import predict_positions
    from organoid_kit.report import save_result

    network, settings = load_network(run.folder)
    tuned = tune_blobs(seen, channels=settings.channels)
    for annotated in test:
        found = predict_positions(network, annotated.movie, settings, threshold=_ALL_CANDIDATES)
        blobs = find_blobs(annotated.movie, **tuned)
        save_result(run, annotated, found, settings.threshold, blobs=blobs, channels=settings.channels)


def _finish_demo(run: Run, folder: Path, seconds: float) -> int:
    """Writes report and scores, and ends with the table. Those of an earlier demo are kept under their date."""
    from organoid_kit.report import read_results, write_report

    page, scores = folder / "report.html", folder / "scores.json"
    for file in (page, scores):
        _keep_earlier(file)
    write_report(page, run, json_path=scores)
    results = read_results(run)
    table = {
        "network": pool_scores(result.score for result in results),
        "blob detector": pool_scores(result.blob_score for result in results),
    }
    print(f"\n{format_scores(table)}\n\nOne-to-one within 5 µm, after {seconds / 60:.1f} minutes.")
    print(f"Scores: {scores}\nReport: {page}")
    return 0


def _keep_earlier(file: Path) -> None:
    """Renames a file that exists to its name with its date."""
    if file.exists():
        date = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(file.stat().st_mtime))
        file.rename(file.with_name(f"{file.stem}_{date}{file.suffix}"))
