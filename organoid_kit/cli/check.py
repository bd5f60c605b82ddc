"""`check`: mistakes in annotations, before anything is trained on them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.cli.options import (
    CHANNELS_HELP,
    add_command,
    add_reading,
    add_time_point_offset,
    parse_numbers,
    reading_options,
)
from organoid_kit.cli.shared import find_spacing, read_positions, require_channels
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.timelapse_reading import read_timelapse
from organoid_kit.evaluation.checks import check_annotations, summarise_annotations

_FEW = 3  # problems of a kind that are shown


def add_options(commands: Any) -> None:
    """The command `check` and its options."""
    parser = add_command(commands, "check", _check, "Look for mistakes in annotations.")
    parser.add_argument("dataset", type=Path, help="an .autlist, or a movie")
    parser.add_argument(
        "--annotations", type=Path, help="of the movie: .aut, .csv, .xml, .geff or a CTC folder"
    )
    parser.add_argument("--channels", type=parse_numbers, help=CHANNELS_HELP)
    add_time_point_offset(parser)
    parser.add_argument(
        "--all", action="store_true", help="show every problem, not a few of each kind"
    )
    add_reading(parser)


def _check(options: argparse.Namespace) -> int:
    """Prints problems and a summary; 1 if there are errors."""
    dataset = _open_annotated(options)
    if not options.channels:
        require_channels(annotated.movie for annotated in dataset)
    errors = print_problems(dataset, options.channels or (1,), sys.maxsize if options.all else _FEW)
    print()
    print(summarise_annotations(dataset))
    return 1 if errors else 0


def print_problems(
    dataset: Sequence[AnnotatedMovie], channels: tuple[int, ...], most: int = _FEW
) -> int:
    """A line for each problem, at most so many of a kind; returns the number of errors."""
    errors = 0
    for annotated in dataset:
        problems = check_annotations(annotated.annotations, annotated.movie, channels=channels)
        print(
            f"{annotated.name}: {f'{len(problems)} to look at' if problems else 'no problem found'}"
        )
        for rule in dict.fromkeys(problem.rule for problem in problems):
            alike = [problem for problem in problems if problem.rule == rule]
            print(*(f"  {problem}" for problem in alike[:most]), sep="\n")
            if len(alike) > most:
                print(
                    f"  … and {len(alike) - most} more like this (rule {rule}); check --all shows them"
                )
        errors += sum(problem.severity == "error" for problem in problems)
    return errors


def _open_annotated(options: argparse.Namespace) -> list[AnnotatedMovie]:
    """An .autlist, or a movie with the annotations that were named for it."""
    if options.dataset.suffix == ".autlist":
        return read_dataset(options.dataset, **reading_options(options))
    if options.annotations is None:
        raise UserError(
            "A movie needs its annotations. Received: a movie alone. "
            f"Add --annotations FILE, or name an .autlist instead of {str(options.dataset)!r}."
        )
    movie = read_timelapse(options.dataset, **reading_options(options))
    spacing = find_spacing(options.annotations) or movie.spacing_um
    return [
        AnnotatedMovie(
            movie, read_positions(options.annotations, spacing, options.time_point_offset)
        )
    ]
