"""OrganoidTracker's `.aut` files: version 1 is read, version 2 read and written.

An `.aut` file is one JSON object with positions per time point and with tracks, which repeat the
coordinates of the positions they run through. A division is two tracks that name the same last
position of the mother (`coords_xyz_px_before`), a merge is one track that names several.

Axes are x, y, z in pixels there and z, y, x here. An image may be shifted at some time points: its
array index is the position minus the offset of the time point. Annotations count array indices; the
offset is subtracted on reading and added on writing.

Position data become `properties`, link data `link_properties`, and data of a lineage (a colour, for
instance) a property `lineage_…` of its first position. Every other key is kept in `extra` and
written again as it was.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import read_json, write_json_safely
from organoid_kit.data.annotations import Annotations

REGION_KEY = "organoid_kit_region_zyx_px"  # in "other_data", which OrganoidTracker keeps untouched
LINEAGE_PREFIX = "lineage_"
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_OWN_KEYS = {"version", "name", "positions", "shapes", "tracks", "links", "image_resolution"}


def read_aut(path: str | Path) -> Annotations:
    """Positions, links and everything else in an `.aut` file of version 1 or 2.

    Raises:
        UserError: the file is no JSON, or a part of it is not what it should be.
    """
    content = _expect(read_json(path, allow_nan=True), dict, f"{path}: the file")
    if content.get("version", "v1") not in ("v1", "v2"):
        raise UserError(
            f"An .aut file must be of version v1 or v2. Received: version {content['version']!r:.60} in {str(path)!r}. "
            "Save it with a version of OrganoidTracker that writes v2."
        )
    if content and all(_NUMBER.fullmatch(key) for key in content):
        content = {"positions": content}  # the oldest files hold positions and nothing else
    elif "nodes" in content:
        content = {"links": content}  # or links and nothing else
    draft = _Draft(str(path), _offsets(content, str(path)))
    _read_positions(content.get("positions", content.get("shapes", [])), draft)
    _read_tracks(content.get("tracks", []), draft)
    _read_v1_links(content.get("links") or {}, draft)
    spacing_um, minutes = _resolution(content, str(path))
    return Annotations(
        positions=np.array(draft.positions, dtype=float).reshape(-1, 3),
        time_points=draft.time_points,
        links=draft.links,
        properties=_columns(draft.properties, len(draft.positions)),
        link_properties=_columns(draft.link_properties, len(draft.links)),
        spacing_um=spacing_um,
        minutes_per_time_point=minutes,
        name=_expect(content.get("name", ""), str, f"{path}: 'name'"),
        region=_region(content, str(path)),
        extra=_extra(content),
    )


def write_aut(annotations: Annotations, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes an `.aut` file of version 2. Unknown spacing and time are written as zeros, as
    OrganoidTracker does.

    Raises:
        UserError: a link does not join consecutive time points, two positions of a time point are
            equal to two decimals (OrganoidTracker would take them for one), a coordinate is not
            finite, or the file exists.
    """
    _check_links_are_consecutive(annotations, path)
    offsets = _offsets(annotations.extra, str(path))
    shifts = np.array(
        [offsets[time_point] for time_point in annotations.time_points.tolist()]
    ).reshape(-1, 3)
    coordinates = (annotations.positions + shifts)[
        :, ::-1
    ].tolist()  # the same floats in positions and tracks
    _check_positions_are_distinct(annotations, coordinates, path)
    spacing_um, minutes = (
        annotations.spacing_um or (0.0, 0.0, 0.0),
        annotations.minutes_per_time_point or 0.0,
    )
    content = {
        "version": "v2",
        "name": annotations.name,
        "positions": _positions_to_json(annotations, coordinates),
        "tracks": _tracks_to_json(annotations, coordinates),
        "image_resolution": {
            **dict(zip(("z_um", "y_um", "x_um"), spacing_um, strict=True)),
            "t_m": minutes,
        },
        **{key: value for key, value in annotations.extra.items() if key not in _OWN_KEYS},
    }
    if annotations.region is not None:
        content["other_data"] = {
            **content.get("other_data", {}),
            REGION_KEY: annotations.region.tolist(),
        }
    write_json_safely(path, content, overwrite=overwrite, allow_nan=True)


class _Draft:
    """Annotations while they are read: what was seen so far, and where each position is."""

    def __init__(self, path: str, offsets: dict[int, np.ndarray]) -> None:
        self.path = path
        self.offsets = offsets
        self.positions: list[list[float]] = []  # zyx, voxels
        self.time_points: list[int] = []
        self.links: list[tuple[int, int]] = []
        self.properties: dict[str, dict[int, Any]] = defaultdict(dict)
        self.link_properties: dict[str, dict[int, Any]] = defaultdict(dict)
        self._coordinates: dict[int, list[tuple[list[float], int]]] = defaultdict(list)
        self._rows: dict[tuple, int] = {}

    def add(self, time_point: int, coordinates: list[float]) -> int:
        """A new position from x, y, z in the file; returns its row."""
        row = len(self.positions)
        self.positions.append(
            [
                a - b
                for a, b in zip(coordinates[::-1], self.offsets[time_point].tolist(), strict=True)
            ]
        )
        self.time_points.append(time_point)
        self._coordinates[time_point].append((coordinates, row))
        self._rows.setdefault(_key(time_point, coordinates), row)
        return row

    def find(self, time_point: int, coordinates: list[float]) -> int:
        """The row of a position that a track names, equal to 0.01 px; added where the file lists it
        in tracks only.
        """
        if (row := self._rows.get(_key(time_point, coordinates))) is not None:
            return row
        for other, row in self._coordinates[time_point]:
            if all(abs(a - b) <= 0.01 for a, b in zip(coordinates, other, strict=True)):
                return row
        return self.add(time_point, coordinates)

    def link(self, source: int, target: int, data: dict[str, Any]) -> None:
        """A new link with its data."""
        for name, value in data.items():
            self.link_properties[name][len(self.links)] = value
        self.links.append((source, target))


def _read_positions(positions: Any, draft: _Draft) -> None:
    """Both versions: a list of time points, or a dictionary from time point to coordinates."""
    if isinstance(positions, dict):
        positions = [
            {"time_point": key, "coords_xyz_px": value} for key, value in positions.items()
        ]
    for index, record in enumerate(_expect(positions, list, f"{draft.path}: 'positions'")):
        where = f"{draft.path}: 'positions', entry {index}"
        record = _expect(record, dict, where)
        time_point = _time_point(record.get("time_point"), where)
        rows = [
            draft.add(time_point, xyz) for xyz in _coordinates(record.get("coords_xyz_px"), where)
        ]
        for name, values in _expect(
            record.get("position_meta", {}), dict, f"{where}, 'position_meta'"
        ).items():
            values = _values(values, len(rows), f"{where}, 'position_meta', {name!r}")
            draft.properties[name].update(zip(rows, values, strict=False))


def _read_tracks(tracks: Any, draft: _Draft) -> None:
    for index, track in enumerate(_expect(tracks, list, f"{draft.path}: 'tracks'")):
        where = f"{draft.path}: 'tracks', entry {index}"
        track = _expect(track, dict, where)
        start = _time_point(track.get("time_point_start"), where)
        rows = [
            draft.find(start + step, xyz)
            for step, xyz in enumerate(_coordinates(track.get("coords_xyz_px"), where))
        ]
        before = _coordinates(track.get("coords_xyz_px_before", []), where)
        parents = [draft.find(start - 1, xyz) for xyz in before]
        if not rows:
            raise UserError(
                f"A track must have at least one position. Received: {where}. Remove this track."
            )
        _add_links(
            track, "link_meta_before", [(parent, rows[0]) for parent in parents], draft, where
        )
        _add_links(track, "link_meta", list(zip(rows, rows[1:], strict=False)), draft, where)
        for name, value in _expect(
            track.get("lineage_meta", {}), dict, f"{where}, 'lineage_meta'"
        ).items():
            draft.properties[LINEAGE_PREFIX + name][rows[0]] = value


def _add_links(
    track: dict, key: str, links: list[tuple[int, int]], draft: _Draft, where: str
) -> None:
    """Links with their data; OrganoidTracker writes one null too many in `link_meta_before`, which
    is passed over.
    """
    meta = _expect(track.get(key, {}), dict, f"{where}, {key!r}")
    longer = key == "link_meta_before"
    columns = {
        name: _values(values, len(links), f"{where}, {key!r}, {name!r}", may_be_longer=longer)
        for name, values in meta.items()
    }
    for index, (source, target) in enumerate(links):
        draft.link(source, target, {name: values[index] for name, values in columns.items()})


def _read_v1_links(graph: Any, draft: _Draft) -> None:
    """Version 1: a node-link graph. Nodes carry position data; links carry link data and the data
    of their lineage.
    """
    where = f"{draft.path}: 'links'"
    graph = _expect(graph, dict, where)
    for index, node in enumerate(_expect(graph.get("nodes", []), list, f"{where}, 'nodes'")):
        row = _v1_row(
            _expect(node, dict, f"{where}, node {index}").get("id"), draft, f"{where}, node {index}"
        )
        for name in node.keys() - {"id"}:
            draft.properties[name][row] = node[name]
    for index, link in enumerate(_expect(graph.get("links", []), list, f"{where}, 'links'")):
        _read_v1_link(
            _expect(link, dict, f"{where}, link {index}"), draft, f"{where}, link {index}"
        )


def _read_v1_link(link: dict, draft: _Draft, where: str) -> None:
    ends = [_v1_row(link.get(key), draft, f"{where}, {key!r}") for key in ("source", "target")]
    source, target = sorted(ends, key=lambda row: draft.time_points[row])
    data = {name: value for name, value in link.items() if name not in {"source", "target"}}
    lineage = [name for name in data if name.startswith("__lineage_")]
    for name in lineage:
        draft.properties[LINEAGE_PREFIX + name.removeprefix("__lineage_")][source] = data.pop(name)
    draft.link(source, target, data)


def _v1_row(position: Any, draft: _Draft, where: str) -> int:
    position = _expect(position, dict, where)
    [xyz] = _coordinates([[position.get(axis) for axis in "xyz"]], where)
    return draft.find(_time_point(position.get("_time_point_number"), where), xyz)


def _offsets(content: dict, path: str) -> dict[int, np.ndarray]:
    """Time point → offset of its image, zyx, pixels; zero where there is none."""
    offsets = defaultdict(lambda: np.zeros(3))
    for index, offset in enumerate(
        _expect(content.get("image_offsets") or [], list, f"{path}: 'image_offsets'")
    ):
        where = f"{path}: 'image_offsets', entry {index}"
        offset = _expect(offset, dict, where)
        [xyz] = _coordinates([[offset.get(axis) for axis in "xyz"]], where)
        offsets[_time_point(offset.get("_time_point_number"), where)] = np.array(xyz[::-1])
    return offsets


def _resolution(content: dict, path: str) -> tuple[tuple[float, float, float] | None, float | None]:
    """Spacing (z, y, x) in µm and minutes per time point, None where the file does not say."""
    where = f"{path}: 'image_resolution'"
    resolution = _expect(content.get("image_resolution") or {}, dict, where)
    sizes = [resolution.get(key) or 0.0 for key in ("z_um", "y_um", "x_um", "t_m")]
    [spacing_um, (minutes, _, _)] = _coordinates([sizes[:3], [sizes[3], 0, 0]], where)
    return tuple(spacing_um) if min(spacing_um) > 0 else None, minutes if minutes > 0 else None


def _region(content: dict, path: str) -> np.ndarray | None:
    where = f"{path}: 'other_data', {REGION_KEY!r}"
    region = _expect(content.get("other_data") or {}, dict, f"{path}: 'other_data'").get(REGION_KEY)
    if region is None:
        return None
    if len(corners := _coordinates(region, where)) != 2:
        raise UserError(
            f"A region must have two corners. Received: {len(corners)} at {where}. Repair or remove it."
        )
    return np.array(corners)


def _extra(content: dict) -> dict[str, Any]:
    """What the file says beyond `Annotations`."""
    extra = {key: value for key, value in content.items() if key not in _OWN_KEYS}
    if REGION_KEY in (extra.get("other_data") or {}):
        others = {key: value for key, value in extra.pop("other_data").items() if key != REGION_KEY}
        extra |= {"other_data": others} if others else {}
    return extra


def _columns(values: dict[str, dict[int, Any]], length: int) -> dict[str, np.ndarray]:
    """Name → row → value as name → array with None in the gaps."""
    columns = {name: np.full(length, None, dtype=object) for name in values}
    for name, column in columns.items():
        for row, value in values[name].items():
            column[row] = value
    return columns


def _positions_to_json(annotations: Annotations, coordinates: list[list[float]]) -> list[dict]:
    records = []
    lineage_starts = _lineage_starts(annotations)
    for time_point in annotations.annotated_time_points.tolist():
        rows = annotations.rows_at(time_point)
        record = {"time_point": time_point, "coords_xyz_px": [coordinates[row] for row in rows]}
        meta = {}
        for name, values in annotations.properties.items():
            hidden = lineage_starts if name.startswith(LINEAGE_PREFIX) else set()
            meta[name] = [None if row in hidden else values[row] for row in rows.tolist()]
        _add_meta(record, "position_meta", meta)
        records.append(record)
    return records


def _tracks_to_json(annotations: Annotations, coordinates: list[list[float]]) -> list[dict]:
    """Every track that has a link or data of its lineage; positions alone stand in "positions"
    only.
    """
    links_into = defaultdict(list)
    for index, target in enumerate(annotations.links[:, 1].tolist()):
        links_into[target].append(index)
    records = []
    for rows in map(np.ndarray.tolist, annotations.tracks()):
        before = links_into[rows[0]]
        inner = [links_into[row][0] for row in rows[1:]]
        parents = annotations.links[before, 0].tolist()
        record = {
            "time_point_start": int(annotations.time_points[rows[0]]),
            "coords_xyz_px": [coordinates[row] for row in rows],
        }
        if parents:
            record["coords_xyz_px_before"] = [coordinates[row] for row in parents]
        _add_meta(
            record,
            "link_meta_before",
            {key: list(v[before]) for key, v in annotations.link_properties.items()},
        )
        _add_meta(
            record,
            "link_meta",
            {key: list(v[inner]) for key, v in annotations.link_properties.items()},
        )
        if not parents:
            _add_lineage(record, annotations, rows[0])
        if len(record["coords_xyz_px"]) > 1 or len(record) > 2:
            records.append(record)
    return records


def _add_meta(record: dict, key: str, meta: dict[str, list]) -> None:
    """Adds the lists that hold any value."""
    if meta := {
        name: values for name, values in meta.items() if any(value is not None for value in values)
    }:
        record[key] = meta


def _add_lineage(record: dict, annotations: Annotations, row: int) -> None:
    columns = {
        name: values
        for name, values in annotations.properties.items()
        if name.startswith(LINEAGE_PREFIX)
    }
    meta = {name.removeprefix(LINEAGE_PREFIX): values[row] for name, values in columns.items()}
    if meta := {name: value for name, value in meta.items() if value is not None}:
        record["lineage_meta"] = meta


def _lineage_starts(annotations: Annotations) -> set[int]:
    """Rows of positions without a parent: what is known of their lineage stands in their track."""
    return set(np.flatnonzero(annotations.links_backward() == 0).tolist())


def _check_links_are_consecutive(annotations: Annotations, path: str | Path) -> None:
    before, after = annotations.time_points[annotations.links].T.reshape(2, -1)
    for index in np.flatnonzero(after - before != 1)[:1]:
        raise UserError(
            "In an .aut file every link must join consecutive time points. Received: "
            f"link {index} from time point {before[index]} to {after[index]}, for {str(path)!r}. "
            "Add the positions in between or remove the link."
        )


def _check_positions_are_distinct(
    annotations: Annotations, coordinates: list[list[float]], path: str | Path
) -> None:
    rows: dict[tuple, int] = {}
    for row, (time_point, xyz) in enumerate(
        zip(annotations.time_points.tolist(), coordinates, strict=True)
    ):
        if not all(map(math.isfinite, xyz)):
            raise UserError(
                f"Coordinates must be finite numbers. Received: position {row} at time point {time_point}, "
                f"x, y, z = {xyz}, for {str(path)!r}. Remove or repair this position."
            )
        other = rows.setdefault(_key(time_point, xyz), row)
        if other != row:
            raise UserError(
                "In an .aut file two positions of a time point must differ in their first two decimals. Received: "
                f"positions {other} and {row} at time point {time_point}, x, y, z = "
                f"{', '.join(_key(time_point, xyz)[1:])}, for {str(path)!r}. Remove one of them."
            )


def _key(time_point: int, xyz: list[float]) -> tuple:
    """What OrganoidTracker takes to be the same position."""
    return (time_point, *(f"{value + 0.0:.2f}" for value in xyz))


def _expect(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        names = {dict: "a dictionary", list: "a list", str: "a text"}
        raise UserError(
            f"This part of an .aut file must be {names[kind]}. Received: {value!r:.60} at {where}. "
            "The file may be damaged, or be another kind of file."
        )
    return value


def _time_point(value: Any, where: str) -> int:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)  # version 1 has time points as dictionary keys
    if type(value) is not int or abs(value) >= 10**9:
        raise UserError(
            f"A time point must be a whole number. Received: {value!r:.60} at {where}. Repair it or check that it is "
            "the right file."
        )
    return value


def _coordinates(value: Any, where: str) -> list[list[float]]:
    """Rows of three finite numbers. The rows of version 1 may go on with the shape of the nucleus."""
    rows = [_expect(row, list, where)[:3] for row in _expect(value, list, where)]
    for index, row in enumerate(rows):
        if len(row) != 3 or not all(
            type(number) in (int, float) and abs(number) < 1e9 for number in row
        ):
            raise UserError(
                f"Coordinates and sizes must be three finite numbers. Received: {row!r:.60}, row {index} at {where}. "
                "Repair this row."
            )
    return [[float(number) for number in row] for row in rows]


def _values(values: Any, length: int, where: str, *, may_be_longer: bool = False) -> list:
    if (surplus := len(_expect(values, list, where)) - length) < 0 or (
        surplus > 0 and not may_be_longer
    ):
        raise UserError(
            f"There must be one value each. Received: {len(values)} values for {length} at {where}. Use null where "
            "a value is missing."
        )
    return values
