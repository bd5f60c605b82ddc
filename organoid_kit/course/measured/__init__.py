"""Demonstrations measured before, as they take too long for a lesson: tables beside this file.

Each table says how, when and on which machine it was measured; a record is one training.
"""

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
    """A table that comes with the package; a UserError where there is none of this name.

    - "annotations": what few annotations and wrong ones cost a position network. A record has
      "start" ("scratch", or the shipped network), "time_points" (0: as it is shipped), "positions",
      "error_rate", "seed", and "f1", "precision", "recall" on movies that nothing was chosen by.
    - "leakage": what a validation part promises, and what comes true. A record has "movie" (learned
      from), "seed", "part" (judged by), "shown_on" (the movie of that part), and F1: "shown" on
      that part, "held_out" on movies that nothing was chosen by.

    A table has "command", "machine", "date", "versions", "steps", "judged_on" and "records".
    """
    if name not in (known := list_demonstrations()):
        rule, advice = "A demonstration must be one that was measured", ", ".join(known)
        raise UserError(f"{rule}. Received: {name!r}. Choose one of these: {advice}.")
    return read_json(_FOLDER / f"{name}.json")


def choose_records(table: Mapping[str, Any], **wanted: Any) -> Records:
    """The records of a table with these values, for example error_rate=0.1, start="scratch"."""
    return [record for record in table["records"] if wanted.items() <= record.items()]


def compute_spread(records: Records, key: str = "f1") -> tuple[float, float, float] | None:
    """Mean, lowest and highest value over records, usually one a seed; None: not measured."""
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
    orders = math.comb(sum(counts), counts[0]) // 2
    better = "Better" if low > other_high else "Worse"
    chance = f"Chance alone would do that in 1 of {orders} comparisons."
    return f"{better} with every seed, by {by} on average. {chance}"
