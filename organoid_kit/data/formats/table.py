"""Annotations as a table (CSV), to look at and to make in a spreadsheet: one row for each position.

Columns: `time_point`; `z`, `y`, `x` in voxels or `z_um`, `y_um`, `x_um`; then, where they are
wanted, `id`, `parent_id` (the position of the previous time point; several, separated by `;`, are a
merge), and any further column as a property. Columns that begin with `link_` are properties of the
link to the parent, separated by `;` like the parents. `link_probability` and `link_penalty` are
called so in the annotations as well; the others lose the `link_`.

A cell is a number, true, false or text; an empty cell is a missing value. A text that would be
taken for something else stands in double quotes, as in JSON: "7" is a text, 7 a number; so does one
with a #, which programs may take for the beginning of a remark. In a table with semicolons,
decimals may have commas. Tables of other programs are read, too (`headings`).

Before the columns, lines that begin with `# ` may say more of the whole movie, each where it is
known:

    # name: embryo 3
    # spacing_um: 2.0,0.26,0.26           (µm per voxel: z, y, x)
    # minutes_per_time_point: 10.0
    # region_zyx: 0,0,0,30,511,511        (lowest and highest corner of what is annotated, voxels)
    # known_um: 5.0                       (scattered: so far around each position all is known)
"""

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import UserError, files, make_error, refuse, refuse_if, warn
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.conversion import to_voxels
from organoid_kit.data.formats.headings import Columns, find_columns, link_by_track

_VOXEL_COLUMNS = ("z", "y", "x")
_MICROMETRE_COLUMNS = ("z_um", "y_um", "x_um")
_OWN_COLUMNS = {"time_point", "id", "parent_id", *_VOXEL_COLUMNS, *_MICROMETRE_COLUMNS}
_LINK_PREFIX = "link_"
_KEEP_PREFIX = {"link_probability", "link_penalty"}  # what they are called everywhere else
# A spreadsheet may put quotes around a line, and add empty cells to it
_REMARKS = re.compile('(?:"?# [^\\r\\n]*(?:\\r\\n|\\r|\\n))*')
_REMARK = re.compile("# (name|spacing_um|minutes_per_time_point|region_zyx|known_um):(.*)")
_PADDING = " ,;\t"
_DECIMAL_COMMA = re.compile(r"^\s*(-?[0-9]+),([0-9]+(?:[eE][-+]?[0-9]+)?)\s*$")
_DECIMALS = re.compile(r"^(-?[0-9]+)\.0+$")


def read_table(
    path: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    minutes_per_time_point: float | None = None,
    units: str | None = None,
    time_point_offset: int = 0,
) -> Annotations:
    """Annotations from a CSV file; commas, semicolons, tabs or blanks between columns. The spacing (µm
    per voxel, zyx), which a file in µm may lack, the minutes, and the units of coordinates (um or
    voxels) overrule the file; the offset is added to its time points.

    Without parents, positions of one track (TRACK_ID, track_id) are linked, as far as they are
    alone in it at their time points, and tracks to that of their mother (parent_track_id). A
    warning says how a table of another program was read.
    """
    text = files.read_text(path)
    remarks = _REMARKS.match(text).group()
    said = _read_remarks(remarks, path)
    spacing_um = spacing_um or said.get("spacing_um")
    header, rows = _read_rows(text[len(remarks) :], len(remarks.splitlines()), path)
    if len(set(header)) < len(header) or "" in header[1:]:
        raise make_error("column names", path, names=", ".join(header))
    columns = find_columns(header, rows, units, path)
    rows = rows[columns.rows_below :]
    positions = _read_positions(columns, rows, spacing_um, path)
    shift = time_point_offset - columns.from_corner
    time_points = [row.time_point(columns.time) + shift for row in rows]
    links, link_properties = _read_links(header, rows, path)
    said_of_tracks = ""
    if columns.track and "parent_id" not in header:
        tracks = [_read_id(row[columns.track]) for row in rows]
        parents = [_read_id(row[columns.parent]) if columns.parent else "" for row in rows]
        links, several = link_by_track(tracks, time_points, parents)
        said_of_tracks = f"; {len(links)} links follow {columns.track}"
        if several:
            said_of_tracks += f", none where tracks ({several}) have several positions at a time "
            said_of_tracks += "point: add a column parent_id, or read TrackMate's .xml"
    if said_of_tracks or columns.time != "time_point":
        names = ", ".join(filter(None, columns.zyx))
        unit = "voxels" if columns.um is None else "µm"
        times = f"time points from {columns.time}" if columns.time else "all at one time point"
        warn(f"{path}: positions are read from {names} in {unit}, {times}{said_of_tracks}.")
    # A first column without a name is the index that pandas writes
    used = {"", *_OWN_COLUMNS, *columns.zyx, columns.time, columns.id}
    names = [name for name in header if name not in used and not name.startswith(_LINK_PREFIX)]
    properties = {name: [_read_value(row[name]) for row in rows] for name in names}
    if columns.id:
        properties["id"] = [_read_value(_read_id(row[columns.id])) for row in rows]
    return Annotations(
        positions=positions,
        time_points=time_points,
        links=links,
        properties=properties,
        link_properties=link_properties,
        spacing_um=spacing_um,
        minutes_per_time_point=minutes_per_time_point or said.get("minutes_per_time_point"),
        name=said.get("name", Path(path).stem),
        region=said.get("region_zyx"),
        known_um=said.get("known_um"),
    )


def write_table(annotations: Annotations, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes all of the annotations but `extra` as CSV: positions in voxels, to a millionth, and
    where the spacing is known beside them in µm, to the nanometre.

    The property `id` is what links refer to; where there is none, positions are numbered from 0.
    Raises UserError where ids are repeated, a property is called like a column, or the file exists.
    """
    _check_names(annotations, path)
    properties, links = dict(annotations.properties), annotations.link_properties
    ids = np.asarray(properties.pop("id", np.arange(len(annotations))), dtype=object)
    refuse_if(len({_write_value(value).strip() for value in ids} - {""}) < len(ids), "own id", path)
    file = io.StringIO(newline="")
    name = annotations.name
    said = {"name": _write_value(name) if name == name.strip(_PADDING) else json.dumps(name)}
    for key in ("spacing_um", "minutes_per_time_point", "region", "known_um"):
        if (numbers := getattr(annotations, key)) is not None:
            key = "region_zyx" if key == "region" else key
            said[key] = ",".join(str(number) for number in np.ravel(numbers).tolist())
    file.write("".join(f"# {key}: {value}\n" for key, value in said.items()))
    writer = csv.writer(file, lineterminator="\n")
    link_columns = map(_link_column, links)
    places, columns = annotations.positions.round(6), [*_VOXEL_COLUMNS]
    if annotations.spacing_um is not None:
        places = np.hstack([places, (places * annotations.spacing_um).round(3)])
        columns += _MICROMETRE_COLUMNS
    writer.writerow(["id", "time_point", *columns, "parent_id", *link_columns, *properties])
    for row, into in enumerate(annotations.links_into()):
        start = [ids[row], int(annotations.time_points[row]), *places[row].tolist()]
        parents = ids[annotations.links[into, 0]]
        columns = (parents, *(links[name][into] for name in links))
        cells = [[_write_value(value) for value in column] for column in columns]
        joined = [";".join(column) if any(column) else "" for column in cells]  # no value: empty
        values = [values[row] for values in properties.values()]
        writer.writerow([*map(_write_value, start), *joined, *map(_write_value, values)])
    files.write_text_safely(path, file.getvalue(), overwrite=overwrite)


class _Row(dict):
    """The cells of a line by their column; it knows its place for messages."""

    def __init__(self, cells: dict[str, str], number: int, path: str | Path) -> None:
        super().__init__(cells)
        self.line, self.path = number, path

    def refuse(self, rule: str, received: str) -> UserError:
        """An error that names the row."""
        return refuse(self.path, rule, f"{received}, row {self.line}", "Repair this row.")

    def number(self, column: str) -> float:
        """A coordinate."""
        number = files.parse_number(self[column])
        if not math.isfinite(number):
            received = f"{column} = {self[column]!r:.60}"
            raise self.refuse("A coordinate must be a finite number", received)
        return number

    def time_point(self, column: str | None) -> int:
        """The time point, a whole number; one where there is no column."""
        number = self.number(column) if column else 1.0
        if not number.is_integer() or abs(number) >= 1e9:
            raise self.refuse("A time point must be a whole number", f"{self[column]!r:.60}")
        return int(number)


def _read_remarks(remarks: str, path: str | Path) -> dict[str, Any]:
    """What these lines say; other remarks are for people."""
    lines = [line.strip(_PADDING) for line in remarks.splitlines()]
    lines = [line[1:-1].replace('""', '"') if line.startswith('"') else line for line in lines]
    found = [match for match in map(_REMARK.fullmatch, lines) if match]
    said: dict[str, Any] = {match[1]: match[2].strip(_PADDING) for match in found}
    if name := said.pop("name", ""):
        value = _read_value(name)
        said["name"] = value if isinstance(value, str) else name
    counts = {"spacing_um": 3, "minutes_per_time_point": 1, "region_zyx": 6, "known_um": 1}
    for key, count in counts.items():
        if key not in said:
            continue
        numbers = tuple(map(files.parse_number, re.split(r"[,;\s]+", said[key])))
        least = -math.inf if key == "region_zyx" else 0
        if len(numbers) != count or not all(least < number < math.inf for number in numbers):
            kind = "numbers" if key == "region_zyx" else "positive numbers"
            raise make_error("remark", path, count=count, kind=kind, key=key, said=said[key])
        said[key] = numbers if count > 1 else numbers[0]
    return said


def _read_positions(
    columns: Columns, rows: list[_Row], spacing_um: tuple | None, path: str | Path
) -> np.ndarray:
    """In voxels, (n, 3) float, zyx; in plane 0 where the table has no z."""
    read = [[row.number(name) if name else 0.0 for name in columns.zyx] for row in rows]
    read = np.array(read, dtype=float).reshape(-1, 3)
    positions = read - 0.5 * columns.from_corner
    if columns.um is not None:
        received = f"columns {', '.join(filter(None, columns.zyx))} in µm"
        positions = to_voxels(read * columns.um, spacing_um, received, path)
        positions -= 0.5 * columns.from_corner
    elif spacing_um and rows and rows[0].keys() >= {*_MICROMETRE_COLUMNS}:
        um = [[files.parse_number(row[name]) for name in _MICROMETRE_COLUMNS] for row in rows]
        if not np.allclose(um, read * spacing_um, rtol=1e-5, atol=0.002):
            warn(f"{path}: z, y, x and the spacing count; {', '.join(_MICROMETRE_COLUMNS)} differ.")
    if columns.zyx[0] in (None, "Slice"):
        positions[:, 0] = read[:, 0] - (columns.zyx[0] == "Slice")
    return positions


def _read_rows(text: str, lines_before: int, path: str | Path) -> tuple[list[str], list[_Row]]:
    """The names of the columns, and the lines that are not empty."""
    separator = re.search("[,;\t]", text)
    delimiter = separator.group() if separator else " "
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header, rows = [], []
    try:
        for line in filter(any, reader):
            if not header:
                # Imaris puts a title above, and a separator behind
                names = ",".join(name.strip() for name in line).rstrip(",").split(",")
                header = names if len(names) > 1 else []
                continue
            line = line[: len(header)] if not any(line[len(header) :]) else line
            if delimiter != ",":
                line = [_DECIMAL_COMMA.sub(r"\1.\2", cell) for cell in line]
            row = _Row(dict(zip(header, line, strict=False)), lines_before + reader.line_num, path)
            if len(line) != len(header):
                received = f"{len(line)} of {len(header)} cells"
                raise row.refuse("Every row must fill every column", received)
            rows.append(row)
    except csv.Error as error:
        row = _Row({}, lines_before + reader.line_num, path)
        raise row.refuse("A table must be valid CSV", str(error)) from error
    return header, rows


def _read_links(
    header: list[str], rows: list[_Row], path: str | Path
) -> tuple[list[tuple[int, int]], dict[str, list]]:
    """Rows of the two ends of each link, and the properties of links."""
    if "parent_id" not in header:
        return [], {}
    refuse_if("id" not in header, "parent without id", path)
    row_of: dict[str, int] = {}
    for index, row in enumerate(rows):
        key = _read_id(row["id"])
        if key == "" or key in row_of:
            raise row.refuse("Every position must have an id of its own", f"id {key!r:.60}")
        row_of[key] = index
    links, columns = [], {name: [] for name in header if name.startswith(_LINK_PREFIX)}
    for target, row in enumerate(rows):
        parents = [_read_id(parent) for parent in row["parent_id"].split(";")]
        if parents == [""] or (parents == ["-1"] and "-1" not in row_of):
            parents = []
        for parent in parents:
            if parent not in row_of:
                raise row.refuse("A parent must be one of the ids", f"parent_id {parent!r:.60}")
            links.append((row_of[parent], target))
        for name, column in columns.items():
            values = row[name].split(";") if row[name] else [""] * len(parents)
            if len(values) != len(parents):
                received = f"{len(values)} for {len(parents)} in {name}"
                raise row.refuse("A link must have one value", received)
            column += map(_read_value, values)
    return links, {_link_property(name): values for name, values in columns.items()}


def _link_column(name: str) -> str:
    return name if name in _KEEP_PREFIX else _LINK_PREFIX + name


def _link_property(column: str) -> str:
    return column if column in _KEEP_PREFIX else column.removeprefix(_LINK_PREFIX)


def _read_id(text: str) -> str:
    """An id as it was before pandas or a spreadsheet wrote decimals, and NaN in its gaps."""
    text = text.strip()
    return "" if text.lower() in ("nan", "na", "<na>") else _DECIMALS.sub(r"\1", text)


def _read_value(text: str) -> Any:
    """The value of a cell: None, what it is in JSON (number, true, list …), or else the text."""
    return None if text == "" else files.parse_json(text)


def _write_value(value: Any) -> str:
    """The text from which `_read_value` makes the value again."""
    if value is None:
        return ""
    if isinstance(value, str) and value.isprintable() and not {";", "#"} & set(value):
        if _read_value(value) == value:
            return value
    if isinstance(value, np.generic):
        value = value.item()
    return json.dumps(value).replace(";", "\\u003b")  # semicolons separate parents


def _check_names(annotations: Annotations, path: str | Path) -> None:
    for name in annotations.properties:
        own = (name in _OWN_COLUMNS and name != "id") or name.startswith(_LINK_PREFIX)
        refuse_if(own or not name or name != name.strip(), "property name", path, name=repr(name))
    for name in annotations.link_properties:
        if _link_property(_link_column(name)) != name:
            raise make_error("link property name", path, name=name, column=_link_column(name))
