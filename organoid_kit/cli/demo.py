"""`demo`: the whole way on the bundled movies."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from organoid_kit.base.files import find_free_path, write_json_safely
from organoid_kit.base.settings import NETWORKS, read_settings
from organoid_kit.cli.check import print_problems
from organoid_kit.cli.demo_results import (
    Networks,
    collect_answers,
    format_table,
    make_pages,
    make_tracks,
    write_tracks,
)
from organoid_kit.cli.fit import train_and_calibrate
from organoid_kit.cli.options import add_command
from organoid_kit.cli.shared import load_keras
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.checks import summarise_annotations
from organoid_kit.examples.splits import Split

_SETTINGS = {
    "position": "settings.json",
    "division": "settings_division.json",
    "link": "settings_link.json",
}
_MADE = (
    "report*.html",
    "report*.json",
    "scores.json",
    "tracks",
    "tracking",
)  # by a demo, beside its runs


def add_options(commands: Any) -> None:
    """The command `demo` and its options."""
    parser = add_command(
        commands, "demo", _demo, "The whole way on the bundled movies, in about ten minutes."
    )
    parser.add_argument("--output", type=Path, default=Path("demo"), metavar="FOLDER")
    parser.add_argument("--epochs", type=int, help="of each network")
    networks_help = "train them, or take those that come with the kit: then it takes about a minute"
    parser.add_argument(
        "--networks", choices=("trained", "shipped"), default="trained", help=networks_help
    )


def _demo(options: argparse.Namespace) -> int:
    """The whole way on the bundled movies."""
    began = time.monotonic()
    samples = find_samples()
    training, validation, test = (
        read_dataset(samples / f"{part}.autlist") for part in ("training", "validation", "test")
    )
    channels = read_settings(samples / _SETTINGS["position"]).channels
    _check([*training, *validation, *test], channels)
    load_keras()
    networks: Networks = {network: f"{network}_small" for network in NETWORKS}
    if options.networks == "shipped":
        _print_step(
            2, f"Take the networks that come with the kit: {', '.join(map(str, networks.values()))}"
        )
    else:
        networks, interrupted = _train(samples, Split(training, validation), options)
        if interrupted:
            return interrupted
    _keep_earlier(options.output)
    _print_step(3, "Ask each network about a movie it has never seen")
    answers = collect_answers(networks, test, [*training, *validation], channels)
    _print_step(4, "Put its nuclei together into tracks")
    tracked = make_tracks(networks, test, channels)
    files = write_tracks(tracked, test, options.output / "tracks")
    _print_step(5, "Count what is right, and write reports")
    facts, pages = make_pages(networks, answers, tracked, test, options.output)
    write_json_safely(options.output / "scores.json", facts)
    print(
        f"{format_table(facts)}\n\nAfter {(time.monotonic() - began) / 60:.1f} minutes. Written were:"
    )
    print(*(f"  {path}" for path in (*files, options.output / "scores.json", *pages)), sep="\n")
    return 0


def _print_step(number: int, text: str) -> None:
    print(f"\n{number}. {text}\n", flush=True)


def _check(dataset: Sequence[AnnotatedMovie], channels: tuple[int, ...]) -> None:
    _print_step(1, "Are the annotations right?")
    print_problems(dataset, channels)
    print()
    print(summarise_annotations(dataset))


def _train(samples: Path, split: Split, options: argparse.Namespace) -> tuple[Networks, int]:
    """A run for each network, and 130 where one was interrupted."""
    _print_step(2, "Train three networks")
    command = [samples / "training.autlist", "--validation", samples / "validation.autlist"]
    networks: Networks = {}
    for network, file in _SETTINGS.items():
        print(f"The {network} network\n", flush=True)
        settings = read_settings(samples / file).changed(output_folder=str(options.output / "runs"))
        if options.epochs:
            settings = settings.changed(epochs=options.epochs)
        run, interrupted = train_and_calibrate(split, settings, command)
        if interrupted:
            return networks, interrupted
        networks[network] = run
        print(flush=True)
    return networks, 0


def _keep_earlier(folder: Path) -> None:
    """Moves what an earlier demo made, but for its runs, into a folder with its date."""
    earlier = [path for pattern in _MADE for path in sorted(folder.glob(pattern))]
    if not earlier:
        return
    date = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(earlier[0].stat().st_mtime))
    place = folder / f"earlier_{date}"
    place = find_free_path(place) if place.exists() else place
    place.mkdir()
    for path in earlier:
        path.rename(place / path.name)
