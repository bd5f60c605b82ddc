"""The results table: whatever was trained adds a row, and in the end one sees what was better, and
how surely.

Each row is a file of its own in the folder ``results``. So two notebooks that write at the same
time lose nothing, a damaged file costs one row, and nothing is ever overwritten.
"""

from __future__ import annotations

import itertools
import math
import numbers
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from html import escape
from pathlib import Path

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import read_json, write_json_safely
from organoid_kit.base.settings import NETWORKS

_FOLDER = "results"
_LEFT = 'style="text-align: left"'
_MEANS = "mean over the seeds (lowest to highest)"
_numbers = itertools.count()  # tells two rows apart that a coarse clock gives the same time


@dataclass(frozen=True)
class Result:
    """What one training with one seed reached.

    Attributes:
        network: "position", "division", "link", or what several reach together, such as "tracks".
        variant: what was tried, in words, such as "from scratch".
        seed: of its randomness; None where no chance is in it, as in a blob detector.
        scores: name → number; None: not measured. The most important one comes first.
        tested_on: the movies it was scored on; only scores on the same ones can be compared.
        written: when it was added; UTC.
    """

    network: str
    variant: str
    seed: int | None
    scores: dict[str, float | None]
    tested_on: str
    written: str


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
        return sorted(each.seed for each in self.results if each.seed is not None)

    def values(self, score: str) -> list[float]:
        """One number for each seed for which it was measured."""
        return [each.scores[score] for each in self.results if each.scores.get(score) is not None]


@dataclass(frozen=True)
class ResultsTable:
    """Shows itself in a notebook and as text: a part for each network, in it a row for each
    variant.

    Attributes:
        results: every result ever added, oldest first.
    """

    results: tuple[Result, ...]

    @property
    def rows(self) -> list[Summary]:
        """One for each variant, network by network."""
        newest = {
            (each.network, each.variant, each.tested_on, each.seed): each for each in self.results
        }
        rows: dict[tuple[str, str, str], list[Result]] = {}
        for (*variant, _), each in newest.items():
            rows.setdefault(tuple(variant), []).append(each)
        found = [Summary(*variant, tuple(results)) for variant, results in rows.items()]
        return sorted(found, key=lambda row: (*NETWORKS, row.network).index(row.network))

    @property
    def networks(self) -> dict[str, list[Summary]]:
        """The rows of each network."""
        networks: dict[str, list[Summary]] = {}
        for row in self.rows:
            networks.setdefault(row.network, []).append(row)
        return networks

    def _repr_html_(self) -> str:
        tables = (
            _write_html(f"{network}: {_MEANS}", rows) for network, rows in self.networks.items()
        )
        return f"{''.join(tables)}<p>{escape(self._note())}</p>"

    def __repr__(self) -> str:
        return "\n\n".join([*map(_write_text, self.networks.values()), self._note()])

    def _note(self) -> str:
        if not self.results:
            return "No results yet."
        kept = len(self.results) - sum(len(row.results) for row in self.rows)
        earlier = (
            f" Earlier results of the same seeds are kept, but not shown: {kept}." if kept else ""
        )
        return f"Each number is the {_MEANS}.{earlier}"


def add_result(
    folder: str | Path,
    network: str,
    variant: str,
    seed: int | None,
    scores: Mapping[str, float | None],
    *,
    tested_on: str = "",
) -> Path:
    """Adds a row to the table of a folder. What stands there already stays, also of the same
    variant and seed.

    Args:
        folder: where runs go, such as ``settings.output_folder``.
        network: "position", "division", "link", or what several reach together, such as "tracks".
        variant: what was tried, in words, such as "fine-tuned".
        seed: of the training; None where no chance is in it, as in a blob detector.
        scores: name → number, the most important first; None: not measured.
        tested_on: the movies it was scored on, in words.

    Returns:
        The file of the row.

    Raises:
        UserError: a score is no number, a name is missing, or the folder cannot be written.
    """
    now = datetime.now(timezone.utc)
    result = Result(
        _check_name(network, "network"),
        _check_name(variant, "variant"),
        _check_seed(seed),
        {_check_name(name, "score"): _check_score(value, name) for name, value in scores.items()},
        tested_on,
        now.isoformat(timespec="seconds"),
    )
    name = f"{now:%Y-%m-%d_%H-%M-%S-%f}_{next(_numbers):06}_{uuid.uuid4().hex[:8]}.json"
    path = Path(folder) / _FOLDER / name
    write_json_safely(path, asdict(result))
    return path


def read_results(folder: str | Path) -> ResultsTable:
    """The table of a folder, made of all rows that `add_result` put there; empty where there are
    none.

    Raises:
        UserError: a row is damaged.
    """
    paths = sorted(
        path for path in (Path(folder) / _FOLDER).glob("*.json") if not path.name.startswith(".")
    )
    return ResultsTable(tuple(map(_read_result, paths)))


def format_spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean, lowest and highest in words, such as "0.951 (0.948 to 0.955)"; "not measured" where
    there are none.
    """
    if not values:
        return "not measured"
    mean, low, high = (
        f"{value:.{digits}f}" for value in (sum(values) / len(values), min(values), max(values))
    )
    return mean if low == high else f"{mean} ({low} to {high})"


def list_scores(rows: Sequence[Summary]) -> list[str]:
    """Names of all scores that stand in some rows."""
    return list(dict.fromkeys(name for row in rows for each in row.results for name in each.scores))


def _make_cells(rows: Sequence[Summary]) -> list[list[str]]:
    """A heading, and rows of one network in words."""
    names = list_scores(rows)
    cells = [["network", "variant", "tested on", "seeds", *names]]
    for row in rows:
        seeds = ", ".join(map(str, row.seeds)) or "no chance in it"
        scores = (format_spread(row.values(name)) for name in names)
        cells.append([row.network, row.variant, row.tested_on or "not said", seeds, *scores])
    return cells


def _write_html(caption: str, rows: Sequence[Summary]) -> str:
    top, *cells = _make_cells(rows)
    head = "".join(f'<th scope="col" {_LEFT}>{escape(cell)}</th>' for cell in top)
    lines = ["".join(f"<td {_LEFT}>{escape(cell)}</td>" for cell in line) for line in cells]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    caption = f"<caption {_LEFT}>{escape(caption)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _write_text(rows: Sequence[Summary]) -> str:
    cells = _make_cells(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _read_result(path: Path) -> Result:
    try:
        values = read_json(path)
        seed = _check_seed(values["seed"])
        scores = {name: _check_score(value, name) for name, value in values["scores"].items()}
        return Result(**values | {"seed": seed, "scores": scores})
    except (UserError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"Each file of a results table must hold one result. Received: {path}, which is damaged or of another "
            "kind. Move this file elsewhere: all other rows are whole, and the table can be shown again."
        ) from error


def _check_name(name: str, what: str) -> str:
    if isinstance(name, str) and name.strip():
        return name.strip()
    raise UserError(f"A result needs the name of its {what}. Received: {name!r}. Give a few words.")


def _check_seed(seed: int | None) -> int | None:
    if seed is None or (isinstance(seed, numbers.Integral) and not isinstance(seed, bool)):
        return None if seed is None else int(seed)
    raise UserError(
        f"A seed is a whole number, or None where no chance is in it. Received: {seed!r}. Pass one of them."
    )


def _check_score(value: float | None, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise UserError(
        f"A score is a number, or None where it was not measured. Received: {value!r} for {name!r}."
    )
