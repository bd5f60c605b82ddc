"""Annotations as a table (CSV), to look at and to make in a spreadsheet: one row for each position.

Columns: `time_point`; `z`, `y`, `x` in voxels or `z_um`, `y_um`, `x_um`; then, where they are
wanted, `id`, `parent_id` (the position of the previous time point; several, separated by `;`, are a
merge), and any further column as a property. Columns that begin with `link_` are properties of the
link to the parent, separated by `;` like the parents. `link_probability` and `link_penalty` are
called so in the annotations as well; the others lose the `link_`.

A cell is a number, true, false or text; an empty cell is a missing value. A text that would be
taken for something else stands in double quotes, as in JSON: "7" is a text, 7 a number.

Before the columns, lines that begin with `# ` may say more of the whole movie, each where it is
known:

    # name: embryo 3
    # spacing_um: 2.0,0.26,0.26           (µm per voxel: z, y, x)
    # minutes_per_time_point: 10.0
    # region_zyx: 0,0,0,30,511,511        (lowest and highest corner of what is annotated, voxels)
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import read_text, write_text_safely
from organoid_kit.data.annotations import Annotations

_VOXEL_COLUMNS = ("z", "y", "x")
_MICROMETRE_COLUMNS = ("z_um", "y_um", "x_um")
_OWN_COLUMNS = {"time_point", "id", "parent_id", *_VOXEL_COLUMNS, *_MICROMETRE_COLUMNS}
_LINK_PREFIX = "link_"
_KEEP_PREFIX = {"link_probability", "link_penalty"}  # what they are called everywhere else
_REMARKS = re.compile(
    '(?:"?# [^\\r\\n]*(?:\\r\\n|\\r|\\n))*'
)  # a spreadsheet may put quotes around a line
_PADDING = " ,;\t"  # a spreadsheet may add empty cells
_REMARK = re.compile("# (name|spacing_um|minutes_per_time_point|region_zyx):(.*)")


def read_table(
    path: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    minutes_per_time_point: float | None = None,
) -> Annotations:
    """Annotations from a CSV file; commas, semicolons or tabs between the columns.

    Args:
        path: of the file.
        spacing_um: µm per voxel, zyx; overrules the file. Needed where the positions are in µm.
        minutes_per_time_point: where known; overrules the file.

    Raises:
        UserError: a column is missing, or a cell is not what its column needs; the message gives
            the row as a spreadsheet counts it.
    """
    text = read_text(path)
    remarks = _REMARKS.match(text).group()
    said = _read_remarks(remarks, path)
    spacing_um = spacing_um or said.get("spacing_um")
    header, rows = _read_rows(text[len(remarks) :], len(remarks.splitlines()), path)
    position_columns = _position_columns(header, spacing_um, path)
    positions = [[_number(row, column, path) for column in position_columns] for row in rows]
    if position_columns == _MICROMETRE_COLUMNS:
        positions = np.array(positions, dtype=float).reshape(-1, 3) / spacing_um
    links, link_properties = _read_links(header, rows, path)
    properties = {
        name: _column(map(_value, _cells(rows, name))) for name in header if _is_property(name)
    }
    if "id" in header:
        properties["id"] = _column(map(_value, _cells(rows, "id")))
    return Annotations(
        positions=positions,
        time_points=[_time_point(row, path) for row in rows],
        links=links,
        properties=properties,
        link_properties=link_properties,
        spacing_um=spacing_um,
        minutes_per_time_point=minutes_per_time_point or said.get("minutes_per_time_point"),
        name=said.get("name", Path(path).stem),
        region=said.get("region_zyx"),
    )


def write_table(annotations: Annotations, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes all of the annotations but `extra` as CSV, positions in voxels.

    The property `id` is what links refer to; where there is none, positions are numbered from 0.

    Raises:
        UserError: the ids are not different from each other, a property has the name of a column or
            of another property's, or the file exists.
    """
    _check_names(annotations, path)
    ids = _ids(annotations, path)
    properties = {name: values for name, values in annotations.properties.items() if name != "id"}
    file = io.StringIO(_write_remarks(annotations), newline="")
    file.seek(0, io.SEEK_END)
    writer = csv.writer(file, lineterminator="\n")
    link_names = map(_link_column, annotations.link_properties)
    writer.writerow(["id", "time_point", *_VOXEL_COLUMNS, "parent_id", *link_names, *properties])
    links_into = _links_into(annotations)
    for row in range(len(annotations)):
        parents = annotations.links[links_into[row], 0]
        link_cells = [
            _join(values[links_into[row]]) for values in annotations.link_properties.values()
        ]
        values = [values[row] for values in properties.values()]
        start = [ids[row], int(annotations.time_points[row]), *annotations.positions[row].tolist()]
        writer.writerow([*map(_cell, start), _join(ids[parents]), *link_cells, *map(_cell, values)])
    write_text_safely(path, file.getvalue(), overwrite=overwrite)


def _write_remarks(annotations: Annotations) -> str:
    """The lines before the columns."""
    name = annotations.name
    said = {"name": _cell(name) if name == name.strip(_PADDING) else json.dumps(name)}
    for key, numbers in (
        ("spacing_um", annotations.spacing_um),
        ("minutes_per_time_point", annotations.minutes_per_time_point),
        ("region_zyx", annotations.region),
    ):
        if numbers is not None:
            said[key] = ",".join(str(number) for number in np.ravel(numbers).tolist())
    return "".join(f"# {key}: {value}\n" for key, value in said.items())


def _read_remarks(remarks: str, path: str | Path) -> dict[str, Any]:
    """What these lines say; other remarks are for people."""
    lines = [line.strip(_PADDING) for line in remarks.splitlines()]
    lines = [line[1:-1].replace('""', '"') if line.startswith('"') else line for line in lines]
    found = [_REMARK.fullmatch(line) for line in lines]
    texts = {match[1]: match[2].strip(_PADDING) for match in found if match}
    said: dict[str, Any] = {}
    if name := texts.get("name"):
        said["name"] = _value(name) if isinstance(_value(name), str) else name
    for key, count in (("spacing_um", 3), ("minutes_per_time_point", 1), ("region_zyx", 6)):
        if key in texts:
            said[key] = _read_numbers(key, texts[key], count, path)
    if "minutes_per_time_point" in said:
        said["minutes_per_time_point"] = said["minutes_per_time_point"][0]
    return said


def _read_numbers(key: str, text: str, count: int, path: str | Path) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in re.split(r"[,;\s]+", text))
    except ValueError:
        numbers = ()
    if (
        len(numbers) != count
        or not all(map(math.isfinite, numbers))
        or (count < 6 and min(numbers) <= 0)
    ):
        kind = "numbers" if count == 6 else "positive numbers"
        raise UserError(
            f"A remark must fit its name: {count} {kind} for {key}. Received: {text!r:.60} in {str(path)!r}. "
            "Correct this line or delete it."
        )
    return numbers


def _read_rows(
    text: str, lines_before: int, path: str | Path
) -> tuple[list[str], list[dict[str, str]]]:
    """Names of the columns, and one dictionary per row, which also knows its number."""
    separator = re.search("[,;\t]", text)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator.group() if separator else ",",
        strict=True,
    )
    try:
        lines = [(lines_before + reader.line_num, line) for line in reader if any(line)]
    except csv.Error as error:
        raise _row_error(
            "A table must be valid CSV", str(error), lines_before + reader.line_num, path
        ) from error
    header = [name.strip() for name in lines[0][1]] if lines else []
    for number, line in lines[1:]:
        if len(line) != len(header):
            raise _row_error(
                "Every row must fill every column",
                f"{len(line)} of {len(header)} cells",
                number,
                path,
            )
    return header, [
        {**dict(zip(header, line, strict=True)), "": str(number)} for number, line in lines[1:]
    ]


def _position_columns(
    header: list[str], spacing_um: tuple | None, path: str | Path
) -> tuple[str, str, str]:
    """The names of the columns with positions, voxels before µm."""
    for columns in (_VOXEL_COLUMNS, _MICROMETRE_COLUMNS):
        if {"time_point", *columns} <= set(header):
            break
    else:
        raise UserError(
            "A table must have the columns time_point and z, y, x (voxels) or z_um, y_um, x_um. "
            f"Received: {', '.join(header) or 'no columns'} in {str(path)!r}. Rename or add columns."
        )
    if len(set(header)) < len(header) or "" in header:
        raise UserError(
            f"Every column must have a name of its own. Received: {', '.join(header)} in {str(path)!r}. Rename them."
        )
    if columns == _MICROMETRE_COLUMNS and spacing_um is None:
        raise UserError(
            f"Positions in µm need the spacing of the movie. Received: columns {', '.join(columns)} in {str(path)!r}. "
            "Pass spacing_um=(z, y, x), µm per voxel."
        )
    return columns


def _read_links(
    header: list[str], rows: list[dict], path: str | Path
) -> tuple[list, dict[str, np.ndarray]]:
    names = [name for name in header if name.startswith(_LINK_PREFIX)]
    if "parent_id" not in header:
        return [], {}
    row_of = _rows_by_id(header, rows, path)
    links, columns = [], {name: [] for name in names}
    for target, row in enumerate(rows):
        parents = row["parent_id"].split(";") if row["parent_id"].strip() else []
        for parent in parents:
            if parent.strip() not in row_of:
                raise _row_error(
                    "A parent must be one of the ids", f"parent_id {parent!r:.60}", row[""], path
                )
            links.append((row_of[parent.strip()], target))
        for name in names:
            columns[name] += _link_values(row, name, len(parents), path)
    return links, {_link_property(name): _column(values) for name, values in columns.items()}


def _rows_by_id(header: list[str], rows: list[dict], path: str | Path) -> dict[str, int]:
    """The text of each id → row."""
    if "id" not in header:
        raise UserError(
            f"Parents are named by their id. Received: a column parent_id but no column id in {str(path)!r}. "
            "Add a column id."
        )
    row_of = {}
    for index, row in enumerate(rows):
        key = row["id"].strip()
        if key == "" or key in row_of:
            raise _row_error(
                "Every position must have an id of its own", f"id {key!r:.60}", row[""], path
            )
        row_of[key] = index
    return row_of


def _link_values(row: dict, name: str, count: int, path: str | Path) -> list:
    values = [_value(cell) for cell in row[name].split(";")] if row[name] else [None] * count
    if len(values) != count:
        raise _row_error(
            "A link must have one value", f"{len(values)} for {count} in {name}", row[""], path
        )
    return values


def _link_column(name: str) -> str:
    return name if name in _KEEP_PREFIX else _LINK_PREFIX + name


def _link_property(column: str) -> str:
    return column if column in _KEEP_PREFIX else column.removeprefix(_LINK_PREFIX)


def _is_property(name: str) -> bool:
    return name not in _OWN_COLUMNS and not name.startswith(_LINK_PREFIX)


def _cells(rows: list[dict], name: str) -> list[str]:
    return [row[name] for row in rows]


def _column(values: Any) -> np.ndarray:
    """An object array with one element each, also where the values are lists."""
    values = list(values)
    column = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        column[index] = value
    return column


def _number(row: dict, column: str, path: str | Path) -> float:
    try:
        number = float(row[column])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _row_error(
            "A coordinate must be a finite number", f"{column} = {row[column]!r:.60}", row[""], path
        )
    return number


def _time_point(row: dict, path: str | Path) -> int:
    number = _number(row, "time_point", path)
    if not number.is_integer() or abs(number) >= 1e9:
        raise _row_error(
            "A time point must be a whole number", f"{row['time_point']!r:.60}", row[""], path
        )
    return int(number)


def _value(text: str) -> Any:
    """The value of a cell: nothing, a number, true, false, a list … (all as in JSON) or else the
    text itself.
    """
    if text == "":
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _cell(value: Any) -> str:
    """The text from which `_value` makes the value again."""
    if value is None:
        return ""
    if (
        isinstance(value, str)
        and value.isprintable()
        and ";" not in value
        and _value(value) == value
    ):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    return json.dumps(value).replace(";", "\\u003b")  # semicolons separate parents


def _join(values: np.ndarray) -> str:
    """One cell for all links to a position; empty where no link has a value."""
    cells = [_cell(value) for value in values]
    return ";".join(cells) if any(cells) else ""


def _ids(annotations: Annotations, path: str | Path) -> np.ndarray:
    """What links refer to: the property `id`, or the rows."""
    ids = annotations.properties.get("id", _column(range(len(annotations))))
    if len({_cell(value).strip() for value in ids} - {""}) < len(ids):
        raise UserError(
            "The property 'id' must be different for each position, as links refer to it. Received: a missing or "
            f"repeated id, for {str(path)!r}. Give every position an id of its own or remove the property."
        )
    return ids


def _links_into(annotations: Annotations) -> list[list[int]]:
    """For each position the indices of the links that reach it."""
    links_into = [[] for _ in range(len(annotations))]
    for index, target in enumerate(annotations.links[:, 1].tolist()):
        links_into[target].append(index)
    return links_into


def _check_names(annotations: Annotations, path: str | Path) -> None:
    for name in annotations.properties:
        if name != "id" and (not _is_property(name) or not name or name != name.strip()):
            raise UserError(
                "A property must not be called like a column of the table, nor begin with 'link_' or a space. "
                f"Received: {name!r}, for {str(path)!r}. Rename the property."
            )
    for name in annotations.link_properties:
        if _link_property(_link_column(name)) != name:
            raise UserError(
                "A property of links must have a column of its own. Received: "
                f"{name!r}, which would be read as {_link_column(name)!r}, for {str(path)!r}. Rename the property."
            )


def _row_error(rule: str, received: str, number: int | str, path: str | Path) -> UserError:
    return UserError(
        f"{rule}. Received: {received}, row {number} of {str(path)!r}. Repair this row."
    )
