"""The results table: each training adds a row; in the end one sees what was better, how surely.

Each row is a file of its own in the folder ``results``. So two notebooks that write at the same
time lose nothing, a damaged file costs one row, and nothing is ever overwritten.
"""

import math
import numbers
import re
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_type_hints

import jinja2

from organoid_kit.base import UserError, files, records, refuse_if, settings, warn
from organoid_kit.training.runs import align_columns

_TABLES = Path(__file__).with_suffix(".html")
_MEANS = "mean over the seeds (lowest to highest)"
_NAME = re.compile(r"([\d_-]{26})_(\d{6})_")  # of a file: when, and a number that rises


@dataclass(frozen=True)
class Result:
    """What one training with one seed reached."""

    network: str  # "position", "division", "link", or what several reach together, such as "tracks"
    variant: str  # what was tried, in words, such as "from scratch"
    seed: int | None  # of its randomness; None where no chance is in it, as in a blob detector
    scores: dict[str, float | None]  # most important first; None: not measured
    tested_on: str  # the movies it was scored on; only scores on the same ones can be compared
    written: str  # when it was added; UTC


@dataclass(frozen=True)
class Summary:
    """A row of the table: all seeds of one variant, the newest result of each."""

    network: str
    variant: str
    tested_on: str
    results: tuple[Result, ...]

    @property
    def seeds(self) -> list[int]:
        """In rising order; empty where no chance is in it."""
        return sorted(result.seed for result in self.results if result.seed is not None)

    def values(self, score: str) -> list[float]:
        """One number for each seed for which it was measured."""
        values = (result.scores.get(score) for result in self.results)
        return [value for value in values if value is not None]


@dataclass(frozen=True)
class ResultsTable:
    """All results ever added, oldest first; shown with a part a network and a row a variant."""

    results: tuple[Result, ...]

    @property
    def rows(self) -> list[Summary]:
        """One for each variant, network by network."""
        variants = defaultdict(dict)
        for result in self.results:
            variants[result.network, result.variant, result.tested_on][result.seed] = result
        rows = [Summary(*variant, tuple(newest.values())) for variant, newest in variants.items()]
        return sorted(rows, key=lambda row: (*settings.NETWORKS, row.network).index(row.network))

    @property
    def networks(self) -> dict[str, list[Summary]]:
        """The rows of each network."""
        networks = {}
        for row in self.rows:
            networks.setdefault(row.network, []).append(row)
        return networks

    def _repr_html_(self) -> str:
        template = jinja2.Template(_TABLES.read_text("utf-8"), autoescape=True)
        tables = {network: _make_cells(rows) for network, rows in self.networks.items()}
        return template.render(tables=tables, means=_MEANS, note=self._note())

    def __repr__(self) -> str:
        tables = map(align_columns, map(_make_cells, self.networks.values()))
        return "\n\n".join([*map("\n".join, tables), self._note()])

    def _note(self) -> str:
        if not self.results:
            return "No results yet."
        kept = len(self.results) - sum(len(row.results) for row in self.rows)
        earlier = f" Earlier results of the same seeds are kept, but not shown: {kept}."
        return f"Each number is the {_MEANS}.{earlier if kept else ''}"


def add_result(
    folder: str | Path,
    network: str,
    variant: str,
    seed: int | None,
    scores: Mapping[str, float | None],
    *,
    tested_on: str = "",
) -> Path:
    """Adds a row to the table of a folder, beside earlier ones of its kind; returns its file."""
    now = datetime.now(UTC)
    written = now.isoformat(timespec="seconds")
    result = _make_result(network, variant, seed, scores, tested_on, written)
    when = f"{now:%Y-%m-%d_%H-%M-%S-%f}"
    names = filter(None, (_NAME.match(path.name) for path in _list_files(folder)))
    last, count = max((name.groups() for name in names), default=("", "0"))
    if when <= last:  # the clock went back, or is coarse; the newest has the last name
        when = last
    name = f"{when}_{int(count) + 1:06}_{uuid.uuid4().hex[:8]}.json"
    path = Path(folder) / "results" / name
    files.write_json_safely(path, asdict(result))
    return path


def read_results(folder: str | Path) -> ResultsTable:
    """The table of what `add_result` put into a folder; damaged rows are left out, and named."""
    results = []
    for path in _list_files(folder):
        try:
            values = records.check_record(files.read_json(path), get_type_hints(Result), path)
            results.append(_make_result(**values))
        except (UserError, TypeError) as error:  # TypeError: a name of a newer version
            warn(f"The result in {path.name} is left out. {error}")
    return ResultsTable(tuple(results))


def _list_files(folder: str | Path) -> list[Path]:
    """One for each result, oldest first."""
    return sorted((Path(folder) / "results").glob("[!.]*.json"))


def _make_result(network, variant, seed, scores, tested_on, written) -> Result:
    """Raises UserError where a name is missing, or a number is none."""
    names = [(network, "network"), (variant, "variant"), *((name, "score") for name in scores)]
    for name, what in names:
        refuse_if(not isinstance(name, str) or not name.strip(), "row name", what=what, name=name)
    refuse_if(not _is_number(seed, numbers.Integral), "result seed", seed=seed)
    for name, value in scores.items():
        refuse_if(not _is_number(value, numbers.Real), "result score", value=value, name=name)
    seed = None if seed is None else int(seed)
    scores = {name.strip(): None if v is None else float(v) for name, v in scores.items()}
    return Result(network.strip(), variant.strip(), seed, scores, tested_on, written)


def _is_number(value: object, kind: type) -> bool:
    """Whether a value is a finite number of a kind, or None."""
    is_one = isinstance(value, kind) and not isinstance(value, bool)
    return value is None or (is_one and math.isfinite(value))


def format_spread(values: Sequence[float]) -> str:
    """Mean, lowest and highest, such as "0.951 (0.948 to 0.955)"; of none "not measured"."""
    if not values:
        return "not measured"
    spread = sum(values) / len(values), min(values), max(values)
    mean, low, high = (f"{number:.3f}" for number in spread)
    return mean if low == high else f"{mean} ({low} to {high})"


def list_scores(rows: Sequence[Summary]) -> list[str]:
    """Names of all scores that stand in some rows."""
    return list(dict.fromkeys(name for row in rows for each in row.results for name in each.scores))


def _make_cells(rows: Sequence[Summary]) -> list[list[str]]:
    names = list_scores(rows)
    cells = [["network", "variant", "tested on", "seeds", *names]]
    for row in rows:
        seeds = ", ".join(map(str, row.seeds)) or "no chance in it"
        scores = (format_spread(row.values(name)) for name in names)
        cells.append([row.network, row.variant, row.tested_on or "not said", seeds, *scores])
    return cells
