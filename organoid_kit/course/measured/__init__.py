"""Demonstrations, measured before: a table says how and when; a record is one training."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from organoid_kit.base import files, refuse_if
from organoid_kit.course.results_table import format_spread

_FOLDER = Path(__file__).parent
Records = Sequence[Mapping[str, Any]]


def read_demonstration(name: str) -> dict[str, Any]:
    """A table that comes with the package; a UserError where there is none of this name.

    "annotations": what few and wrong annotations cost a position network. A record has "start"
    ("scratch", or the shipped network), "time_points" (0: as shipped), "positions", "error_rate",
    "seed", and "f1", "precision", "recall" on movies that nothing was chosen by.

    "leakage": what a validation part promises. A record has "movie" (learned from), "seed", "part"
    (judged by), "shown_on", and F1: "shown" on that part, "held_out" on other movies.

    "five_microscopes": one setting for five, scored on others: "way", "seed", "f1", "f1_each".
    """
    known = sorted(path.stem for path in _FOLDER.glob("*.json"))
    refuse_if(name not in known, "demonstration name", name=name, known=", ".join(known))
    return files.read_json(_FOLDER / f"{name}.json")


def choose_records(table: Mapping[str, Any], **wanted: Any) -> Records:
    """The records of a table with these values, for example error_rate=0.1, start="scratch"."""
    return [record for record in table["records"] if wanted.items() <= record.items()]


def describe_spread(records: Records, key: str = "f1") -> str:
    """Mean, lowest and highest in words, see `results_table.format_spread`."""
    return format_spread(list_values(records, key))


def list_values(records: Records, key: str = "f1") -> list[float]:
    """What was measured, usually one a seed; None, not measured, is left out."""
    return [record[key] for record in records if record[key] is not None]


def describe_difference(records: Records, others: Records) -> str:
    """Whether records have a better F1 than others, in words that claim no more than seeds show;
    and, where all are above all others, how often chance alone would do that.
    """
    one, other = list_values(records), list_values(others)
    if not one or not other:
        return "Not measured."
    by = f"{abs(fmean(one) - fmean(other)):.3f}"
    if min(one) <= max(other) and max(one) >= min(other):
        return f"No clear difference: the seeds' ranges overlap, the means differ by {by}."
    orders = math.comb(len(one) + len(other), len(one)) // 2
    better = "Better" if min(one) > max(other) else "Worse"
    chance = f"Chance alone would do that in 1 of {orders} comparisons."
    return f"{better} with every seed, by {by} on average. {chance}"
