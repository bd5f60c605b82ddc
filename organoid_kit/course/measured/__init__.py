"""Demonstrations that were measured before, as they take too long for a lesson: tables that come
with the package.

Each table says by which command, when and on which machine it was measured. Its records are one for
each training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import read_json
from organoid_kit.course.results_table import format_spread

_FOLDER = Path(__file__).parent
Records = Sequence[Mapping[str, Any]]


def list_demonstrations() -> list[str]:
    """Names that `read_demonstration` takes."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def read_demonstration(name: str) -> dict[str, Any]:
    """A table that comes with the package.

    - "annotations": what few annotations and wrong ones cost a position network, from scratch and
      fine-tuned. A record has "start" ("scratch", or the name of the shipped network),
      "time_points", "positions", "error_rate", "seed", and "f1", "precision", "recall" on movies
      that nothing was chosen by. 0 time points: the network as it is shipped.
    - "leakage": what a validation part promises, and what comes true. A record has "movie" (learned
      from), "seed", "part" (judged by), "shown_on" (the movie that the part is of), and F1 on that
      part, "shown", and on movies that nothing was chosen by, "held_out".

    Args:
        name: one of `list_demonstrations`.

    Returns:
        A dictionary with "command", "machine", "date", "versions", "steps", "judged_on" and
        "records".

    Raises:
        UserError: there is no such table.
    """
    if name not in list_demonstrations():
        raise UserError(
            f"A demonstration must be one that was measured. Received: {name!r}. "
            f"Choose one of these: {', '.join(list_demonstrations())}."
        )
    return read_json(_FOLDER / f"{name}.json")


def choose_records(table: Mapping[str, Any], **wanted: Any) -> Records:
    """The records of a table that have these values, for example error_rate=0.1 and
    start="scratch".
    """
    return [record for record in table["records"] if wanted.items() <= record.items()]


def compute_spread(records: Records, key: str = "f1") -> tuple[float, float, float] | None:
    """Mean, lowest and highest value over records, usually one for each seed; None: not measured."""
    values = _list_values(records, key)
    return (sum(values) / len(values), min(values), max(values)) if values else None


def describe_spread(records: Records, key: str = "f1", digits: int = 3) -> str:
    """Mean, lowest and highest in words, see `results_table.format_spread`."""
    return format_spread(_list_values(records, key), digits)


def _list_values(records: Records, key: str) -> list[float]:
    return [record[key] for record in records if record[key] is not None]


def describe_difference(records: Records, others: Records, key: str = "f1") -> str:
    """Whether records are better than others, in words that claim no more than the seeds show.

    Where all of one kind are above all of the other, the words also say how often chance alone
    would do that: of all orders that n and m values can have, two.
    """
    one, other = compute_spread(records, key), compute_spread(others, key)
    if one is None or other is None:
        return "Not measured."
    (mean, low, high), (other_mean, other_low, other_high) = one, other
    by = f"{abs(mean - other_mean):.3f}"
    if low <= other_high and high >= other_low:
        return f"No clear difference: the seeds' ranges overlap, the means differ by {by}."
    counts = [len(_list_values(group, key)) for group in (records, others)]
    chance = (
        f"Chance alone would do that in 1 of {math.comb(sum(counts), counts[0]) // 2} comparisons."
    )
    return (
        f"{'Better' if low > other_high else 'Worse'} with every seed, by {by} on average. {chance}"
    )


def compute_inflation(records: Records, part: str) -> dict[str, float]:
    """How much higher a movie's score is where the network has learned from other time points of
    that movie.

    Compared are networks of the demonstration "leakage" on the same movie: those judged on this
    part, and those that learned from another movie. So it does not matter that one movie is easier
    than another.

    Args:
        records: of the demonstration "leakage".
        part: "random time points" or "end of the movie".

    Returns:
        For each movie the difference of the mean F1 over seeds.
    """
    differences = {}
    for movie in sorted({each["shown_on"] for each in records}):
        on_movie = [each for each in records if each["shown_on"] == movie]
        pair = [
            [each for each in on_movie if each["part"] == wanted]
            for wanted in (part, "another movie")
        ]
        means = [compute_spread(each, "shown") for each in pair]
        if None not in means:
            differences[movie] = means[0][0] - means[1][0]
    return differences
