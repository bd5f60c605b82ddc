"""How often `check` warns of annotations that are right: of real movies that you name.

    python benchmarks/false_alarms.py --data FOLDER [movie.tif --annotations FILE | list.autlist …]
        [--spacing Z,Y,X] [--nucleus-diameter µm] [--channels 1]

Names are looked for in FOLDER, by default all its .autlist files; the folder of LSTree's example data
(``images/`` and ``mamut_deconv.xml``) needs no names. The annotations are taken to be right, so that
whatever `check` says is a false alarm: look at a few before you believe the table. Where a size is
stated, movies are checked without it, too. Without --data the bundled movies are counted.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from organoid_kit.cli.files import open_movies
from organoid_kit.data import AnnotatedMovie, find_samples
from organoid_kit.data.downloads import read_real_organoid
from organoid_kit.evaluation import check_annotations

Numbers = tuple[float, ...]


def read_movies(
    folder: Path, names: list[str], annotations: str | None, spacing_um: Numbers | None
) -> list[AnnotatedMovie]:
    """The movies that were named, or all of the folder; no size is stated yet."""
    if (folder / "mamut_deconv.xml").exists() and not names:
        return [read_real_organoid(folder)]
    paths = [folder / name for name in names] or sorted(folder.glob("*.autlist"))
    reading: dict[str, Any] = {"spacing_um": spacing_um, "accept_guess": True} if spacing_um else {}
    return open_movies(paths, folder / annotations if annotations else None, **reading)


def count_alarms(annotated: AnnotatedMovie, channels: tuple[int, ...]) -> str:
    """A line: movie, stated size, positions, alarms of each rule."""
    problems = check_annotations(annotated.annotations, annotated.movie, channels=channels)
    rules = Counter(problem.rule for problem in problems)
    which = ", ".join(f"{number} {rule}" for rule, number in rules.most_common()) or "none"
    size_um = annotated.movie.nucleus_diameter_um
    size = f"{size_um:g} µm stated" if size_um else "no size stated"
    number = len(annotated.annotations)
    return f"{annotated.name}, {size}: {len(problems)} on {number} positions ({which})"


def split(text: str) -> Numbers:
    """2,3 → (2.0, 3.0)."""
    return tuple(map(float, text.split(",")))


def main(arguments: Iterable[str] | None = None) -> None:
    """Prints a line for each movie."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="movie")
    parser.add_argument("--data", type=Path, default=find_samples())
    parser.add_argument("--annotations")
    parser.add_argument("--spacing", type=split)
    parser.add_argument("--nucleus-diameter", type=float)
    parser.add_argument("--channels", type=split)
    choices = parser.parse_args(arguments)
    bundled = choices.data == find_samples()
    channels = tuple(map(int, choices.channels or ((2, 3) if bundled else (1,))))
    for annotated in read_movies(choices.data, choices.names, choices.annotations, choices.spacing):
        for size_um in dict.fromkeys((None, choices.nucleus_diameter)):
            movie = dataclasses.replace(annotated.movie, nucleus_diameter_um=size_um)
            print(count_alarms(dataclasses.replace(annotated, movie=movie), channels), flush=True)


if __name__ == "__main__":
    main()
