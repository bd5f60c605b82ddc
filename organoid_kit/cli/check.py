"""`check`: mistakes in annotations, before anything is trained on them."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.cli.files import open_annotated, require_channels
from organoid_kit.evaluation import check_annotations, checks, summarise_annotations
from organoid_kit.examples.batches import Movies
from organoid_kit.examples.sizes import estimate_nucleus_size

_FEW = 3  # problems of a kind that are shown


def check(
    dataset: Path,
    annotations: Path | None = None,
    channels: tuple[int, ...] | None = None,
    show_all: bool = False,
    **reading: Any,
) -> int:
    """Prints problems and a summary; 1 if there are errors."""
    movies = open_annotated(dataset, annotations, **reading)
    if not channels:
        require_channels(annotated.movie for annotated in movies)
    errors = print_problems(movies, channels or (1,), sys.maxsize if show_all else _FEW)
    print(f"\n{summarise_annotations(movies)}\n")
    for annotated in movies:
        movie, annotations = annotated.movie, annotated.annotations
        for time_point in np.intersect1d(annotations.time_points, movie.time_points)[:1].tolist():
            positions = annotations.positions_at(time_point)
            size = estimate_nucleus_size(movie, channels or (1,), time_point, positions)
            print(f"{annotated.name}: {size or 'no size of nuclei to be seen'}")
            if movie.nucleus_diameter_um:
                limits = checks.CheckLimits.of(movie)
                near = f"nuclei closer than {limits.duplicate_um:.1f} µm look like one"
                far = f"daughters up to {limits.daughters_um:.0f} µm apart are right"
                print(f"  stated: {movie.nucleus_diameter_um:g} µm, so {near}, and {far}")
    return 1 if errors else 0


def print_problems(dataset: Movies, channels: tuple[int, ...], most: int = _FEW) -> int:
    """A line for each problem, at most so many of a kind; returns the number of errors."""
    errors = 0
    for annotated in dataset:
        problems = check_annotations(annotated.annotations, annotated.movie, channels=channels)
        count = f"{len(problems)} to look at" if problems else "no problem found"
        print(f"{annotated.name}: {count}")
        for rule in dict.fromkeys(problem.rule for problem in problems):
            alike = [problem for problem in problems if problem.rule == rule]
            print(*(f"  {problem}" for problem in alike[:most]), sep="\n")
            if len(alike) > most:
                more = f"{len(alike) - most} more like this (rule {rule})"
                print(f"  … and {more}; check --all shows them")
        errors += sum(problem.severity == "error" for problem in problems)
    return errors
