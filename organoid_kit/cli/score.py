"""`score`: found positions and tracks beside true ones."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import make_file_name, write_json_safely
from organoid_kit.cli.options import (
    add_command,
    add_reading,
    add_time_point_offset,
    reading_options,
)
from organoid_kit.cli.shared import find_spacing, load_keras, read_positions
from organoid_kit.cli.track_scores import (
    compute_track_scores,
    describe_track_scores,
    format_track_scores,
)
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.evaluation.positions import (
    PositionScore,
    format_score,
    pool_scores,
    score_positions,
)
from organoid_kit.training.runs import Run

_Pair = tuple[
    str, Annotations, Annotations, AnnotatedMovie | None
]  # name, truth, found, movie where there is one


def add_options(commands: Any) -> None:
    """The command `score` and its options."""
    parser = add_command(
        commands, "score", _score, "Compare found with true positions, and tracks with true ones."
    )
    parser.add_argument("truth", type=Path, help="annotations, or an .autlist")
    parser.add_argument(
        "found",
        type=Path,
        help="annotations, or the folder made from the .autlist by predict or track",
    )
    parser.add_argument(
        "--max-distance", type=float, default=5.0, metavar="µm", help="of a pair (5)"
    )
    parser.add_argument("--threshold", type=float, help="least probability")
    parser.add_argument(
        "--time-points", type=int, nargs=2, metavar=("FIRST", "LAST"), help="score only these"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there")
    parser.add_argument(
        "--run", type=Path, help="keep the results of an .autlist in this run, for its report"
    )
    add_time_point_offset(parser)
    add_reading(parser)


def _score(options: argparse.Namespace) -> None:
    """Compares found with true positions, and keeps both in a run where one is named."""
    threshold = _get_threshold(options)
    pairs = (
        _open_movie_pairs(options) if options.truth.suffix == ".autlist" else _open_pair(options)
    )
    if options.time_points:
        pairs = [
            (name, _between(truth, *options.time_points), *others) for name, truth, *others in pairs
        ]
    distance = {"max_distance_um": options.max_distance, "threshold": threshold}
    scores = {name: score_positions(truth, found, **distance) for name, truth, found, _ in pairs}
    total = pool_scores(scores.values())
    print(format_scores(scores | ({"all movies": total} if len(scores) > 1 else {})))
    _print_empty_time_points(pairs)
    tracks = _score_tracks(pairs, options.max_distance)
    if options.json:
        record = {
            "movies": {name: score.to_dict() for name, score in scores.items()},
            "all": total.to_dict(),
        }
        write_json_safely(options.json, record | ({"tracks": tracks} if tracks else {}))
    if options.run:
        _keep_results(Run(options.run), pairs, threshold)


def _score_tracks(pairs: Sequence[_Pair], max_distance_um: float) -> dict[str, Any]:
    """Prints scores of links, divisions and lineages where both files have links; for JSON."""
    described = {}
    for name, truth, found, _ in pairs:
        if len(truth.links) and len(found.merges()):
            print(
                f"\n{name}: links not scored, as {len(found.merges())} positions have several links backward"
            )
        elif len(truth.links) and len(found.links):
            scores = compute_track_scores(truth, found, max_distance_um)
            described[name] = describe_track_scores(scores)
            print(f"\n{name}\n{format_track_scores(scores)}")
    return described


def _between(annotations: Annotations, first: int, last: int) -> Annotations:
    """The positions of these time points."""
    return annotations.select(
        (annotations.time_points >= first) & (annotations.time_points <= last)
    )


def _print_empty_time_points(pairs: Sequence[_Pair]) -> None:
    """Names annotated time points in which nothing was found: perhaps nobody looked there."""
    for name, truth, found, _ in pairs:
        empty = np.setdiff1d(truth.annotated_time_points, found.annotated_time_points).tolist()
        if empty:
            listed = ", ".join(map(str, empty[:10])) + (", …" if len(empty) > 10 else "")
            print(
                f"{name}: nothing was found at time points {listed}. If nobody looked there, give --time-points."
            )


def _get_threshold(options: argparse.Namespace) -> float | None:
    """The one stated, or that of the run's network where the results are kept in the run."""
    if options.run and options.truth.suffix != ".autlist":
        raise UserError(
            "Results are kept in a run with pictures of their movies. Received: --run with "
            f"{str(options.truth)!r}. Name an .autlist instead, or leave out --run."
        )
    if not options.run or options.threshold is not None:
        return options.threshold
    load_keras()
    from organoid_kit.networks.saving import load_settings

    return load_settings(options.run).threshold


def _keep_results(run: Run, pairs: Sequence[_Pair], threshold: float) -> None:
    """Puts the results where `report` finds them."""
    from organoid_kit.report.results import save_result

    for _, _, found, annotated in pairs:
        save_result(run, annotated, found, threshold, channels=run.settings.channels)
    print(f"Kept in {run.folder}; `report` shows it.")


def _open_movie_pairs(options: argparse.Namespace) -> list[_Pair]:
    """Each movie of an .autlist, with what predict found in it."""
    pairs = []
    for each in read_dataset(options.truth, **reading_options(options)):
        file = options.found / f"{make_file_name(each.movie.name)}.aut"
        spacing = each.movie.spacing_um
        truth = each.with_spacing().annotations
        pairs.append(
            (each.name, truth, read_positions(file, spacing), AnnotatedMovie(each.movie, truth))
        )
    return pairs


def _open_pair(options: argparse.Namespace) -> list[_Pair]:
    """Two files. One without a spacing has that stated, or else the other's."""
    paths = (options.truth, options.found)
    known = [options.spacing_um or find_spacing(path) for path in paths]
    truth, found = (
        read_positions(path, own or other, options.time_point_offset)
        for path, own, other in zip(paths, known, reversed(known), strict=True)
    )
    return [(truth.name or options.truth.stem, truth, found, None)]


def format_scores(scores: dict[str, PositionScore]) -> str:
    """A table, one line for each score."""
    heading = ("", "precision", "recall", "F1", "mean distance", "right", "missed", "false")
    rows = [
        (
            name,
            *(format_score(value) for value in (score.precision, score.recall, score.f1)),
            format_score(score.mean_distance_um, " µm"),
            *map(str, (score.matched, score.missed, score.false)),
        )
        for name, score in scores.items()
    ]
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in (heading, *rows)
    ]
    return "\n".join(lines)
