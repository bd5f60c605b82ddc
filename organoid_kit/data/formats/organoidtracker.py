"""OrganoidTracker's `.aut` files: version 1 is read, version 2 read and written.

An `.aut` file is one JSON object with positions per time point and with tracks, which repeat the
coordinates of the positions they run through. A division is two tracks that name the same last
position of the mother (`coords_xyz_px_before`), a merge is one track that names several.

Axes are x, y, z in pixels there and z, y, x here. An image may be shifted at some time points: its
array index is the position minus the offset of the time point. Annotations count array indices; the
offset is subtracted on reading and added on writing.

Position data become `properties`, link data `link_properties`, and data of a lineage (a colour, for
instance) a property `lineage_…` of its first position. All else is kept in `extra` as it was.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from organoid_kit.base import UserError, files, make_error, refuse
from organoid_kit.data.annotations import Annotations

# In "other_data", which OrganoidTracker keeps untouched
REGION_KEY, _KNOWN_KEY = "organoid_kit_region_zyx_px", "organoid_kit_known_um"
LINEAGE_PREFIX = "lineage_"
_V1_LINKS = ("links", "links_scratch", "links_baseline")  # the first that a file has counts
_RESERVED = re.compile(r"source|target|__.*", re.DOTALL)  # OrganoidTracker does not open such data
_SAME_PX = 0.01  # positions that differ by no more on any axis are one to OrganoidTracker
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_SIZES = ("z_um", "y_um", "x_um", "t_m")  # of a voxel, and minutes per time point; 0: unknown
_OWN_KEYS = {"version", "name", "positions", "shapes", "tracks", "links", "image_resolution"}
_KINDS = {dict: "a dictionary", list: "a list", str: "a text"}


class JsonPart:
    """A part of a JSON file, a dictionary, list or text (`kind`); what is null counts as missing.
    `where` names the file, and the place in it. UserError where the value is of another kind.
    """

    def __init__(self, value: Any, where: str, kind: type = dict) -> None:
        self.value, self.where = value, where
        if not isinstance(value, kind):
            raise self.refuse(f"This part must be {_KINDS[kind]}", f"{value!r:.60}")

    def refuse(self, rule: str, received: str) -> UserError:
        """An error that names the place."""
        return refuse(self.where, rule, received)

    def get(self, key: str, kind: type = dict) -> JsonPart:
        """The part under a key, empty where it is missing."""
        value = self.value.get(key)
        return JsonPart(kind() if value is None else value, f"{self.where}, {key!r}", kind)

    def entries(self, key: str) -> list[JsonPart]:
        """The dictionaries in the list under a key."""
        part = self.get(key, list)
        return [JsonPart(v, f"{part.where}, entry {i}") for i, v in enumerate(part.value)]

    def time_point(self, key: str) -> int:
        """A whole number."""
        value = self.value.get(key)
        if type(value) is not int or abs(value) >= 10**9:
            rule = "A time point must be a whole number below a billion"
            raise self.refuse(rule, f"{key!r} {value!r:.60}")
        return value

    def triples(self, key: str) -> list[list[float]]:
        """Rows of three finite numbers; what stands behind these in a row is left out."""
        part, rows = self.get(key, list), []
        for number, row in enumerate(part.value):
            numbers = row[:3] if isinstance(row, list) else []
            rows.append(JsonPart(row, f"{part.where}, row {number}", object).to_floats(numbers, 3))
        return rows

    def numbers(self, *keys: str) -> list[float]:
        """Finite numbers, each under its key."""
        return self.to_floats([self.value.get(key) for key in keys], len(keys))

    def to_floats(self, numbers: list, count: int) -> list[float]:
        """These numbers, so many of them."""
        fits = [type(number) in (int, float) and abs(number) < 1e9 for number in numbers]
        if len(fits) != count or not all(fits):
            rule = f"Coordinates and sizes must be {count} finite numbers"
            raise self.refuse(rule, f"{self.value!r:.60}")
        return [float(number) for number in numbers]


def read_aut(path: str | Path) -> Annotations:
    """Positions, links and everything else in an `.aut` file of version 1 or 2."""
    content = JsonPart(files.read_json(path, allow_nan=True), str(path))
    if (version := content.value.get("version", "v1")) not in ("v1", "v2"):
        raise content.refuse("An .aut file must be of version v1 or v2", f"{version!r:.60}")
    if content.value and all(map(_NUMBER.fullmatch, content.value)):
        content = JsonPart({"positions": content.value}, str(path))  # as in the oldest files
    elif "nodes" in content.value:
        content = JsonPart({"links": content.value}, str(path))  # likewise
    draft = _Draft()
    _read_positions(content, draft)
    _read_tracks(content, draft)
    links_key = next((key for key in _V1_LINKS if content.value.get(key)), "links")
    _read_v1_links(content.get(links_key), draft)
    resolution = content.get("image_resolution")
    sizes = {key: resolution.value.get(key) or 0 for key in _SIZES}
    *spacing_um, minutes = JsonPart(sizes, resolution.where).numbers(*_SIZES)
    extra = {key: v for key, v in content.value.items() if key not in {links_key, *_OWN_KEYS}}
    other_data, region, known_um = content.get("other_data"), None, None
    if other_data.value.get(_KNOWN_KEY) is not None:
        [known_um] = other_data.numbers(_KNOWN_KEY)
    if other_data.value.get(REGION_KEY) is not None:
        region = other_data.triples(REGION_KEY)
        if len(region) != 2:
            raise other_data.refuse("A region must have two corners", f"{len(region)}")
    ours = (REGION_KEY, _KNOWN_KEY)
    if (region, known_um) != (None, None):
        del extra["other_data"]
        if others := {k: v for k, v in other_data.value.items() if k not in ours}:
            extra["other_data"] = others
    positions = np.array(draft.coordinates_xyz).reshape(-1, 3)[:, ::-1]
    return Annotations(
        positions=positions - _shifts(content, draft.time_points),
        time_points=draft.time_points,
        links=draft.links,
        properties=_columns(draft.properties, len(positions)),
        link_properties=_columns(draft.link_properties, len(draft.links)),
        spacing_um=tuple(spacing_um) if min(spacing_um) > 0 else None,
        minutes_per_time_point=minutes if minutes > 0 else None,
        name=content.get("name", str).value,
        region=region,
        known_um=known_um,
        extra=extra,
    )


def write_aut(annotations: Annotations, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes an `.aut` file of version 2, unknown spacing and time as zeros.

    Raises UserError where a link does not join consecutive time points, two positions of a time
    point are within 0.01 voxels on each axis (OrganoidTracker would take them for one), data have a
    name that OrganoidTracker keeps for itself, or the file exists.
    """
    for name in (*annotations.properties, *annotations.link_properties):
        if _RESERVED.fullmatch(name.removeprefix(LINEAGE_PREFIX)):
            raise make_error("aut names", path, name=name)
    before, after = annotations.time_points[annotations.links].T.reshape(2, -1)
    for index in np.flatnonzero(after - before != 1)[:1]:
        raise make_error("aut link", path, index=index, before=before[index], after=after[index])
    offsets = JsonPart(annotations.extra, str(path))
    shifted = annotations.positions + _shifts(offsets, annotations.time_points.tolist())
    _check_places(annotations.time_points, shifted, path)
    coordinates = shifted[:, ::-1].tolist()  # the same floats in positions and tracks
    spacing_um = annotations.spacing_um or (0.0, 0.0, 0.0)
    sizes = (*spacing_um, annotations.minutes_per_time_point or 0.0)
    content = {
        "version": "v2",
        "name": annotations.name,
        "positions": _positions_to_json(annotations, coordinates),
        "tracks": _tracks_to_json(annotations, coordinates),
        "image_resolution": dict(zip(_SIZES, sizes, strict=True)),
        **{key: value for key, value in annotations.extra.items() if key not in _OWN_KEYS},
    }
    region, known_um = annotations.region, annotations.known_um
    ours = {} if region is None else {REGION_KEY: region.tolist()}
    ours |= {} if known_um is None else {_KNOWN_KEY: known_um}
    if ours:
        content["other_data"] = (content.get("other_data") or {}) | ours
    files.write_json_safely(path, content, overwrite=overwrite, allow_nan=True)


class _Draft:
    """Annotations while they are read: what was seen so far, and where each position is."""

    def __init__(self) -> None:
        self.coordinates_xyz: list[list[float]] = []  # as in the file
        self.time_points: list[int] = []
        self.links: list[tuple[int, int]] = []
        self.properties: dict[str, dict[int, Any]] = defaultdict(dict)
        self.link_properties: dict[str, dict[int, Any]] = defaultdict(dict)
        self._rows: dict[tuple, int] = {}
        self._cells: dict[tuple, list[int]] = defaultdict(list)  # rows, by where they are

    def add(self, time_point: int, xyz: list[float]) -> int:
        """A new position; returns its row."""
        row = len(self.coordinates_xyz)
        self.coordinates_xyz.append(xyz)
        self.time_points.append(time_point)
        if self._rows.setdefault(_key(time_point, xyz), row) == row:
            self._cells[time_point, *_cell(xyz)].append(row)
        return row

    def find(self, time_point: int, xyz: list[float]) -> int:
        """The row of a position that a track names, equal to 0.01 px; a new one where it is new."""
        if (row := self._rows.get(_key(time_point, xyz))) is not None:
            return row
        around = product(*((number - 1, number, number + 1) for number in _cell(xyz)))
        near = [row for cell in around for row in self._cells.get((time_point, *cell), ())]
        for row in sorted(near):
            pairs = zip(xyz, self.coordinates_xyz[row], strict=True)
            if all(abs(a - b) <= _SAME_PX for a, b in pairs):
                return row
        return self.add(time_point, xyz)

    def link(self, source: int, target: int, data: dict[str, Any]) -> None:
        """A new link with its data."""
        for name, value in data.items():
            self.link_properties[name][len(self.links)] = value
        self.links.append((source, target))


def _read_positions(content: JsonPart, draft: _Draft) -> None:
    """Both versions: a list of time points, or a dictionary from time point to coordinates."""
    key = "positions" if "positions" in content.value else "shapes"
    if isinstance(by_time := content.value.get(key), dict):
        times = [int(time) if _NUMBER.fullmatch(time) else time for time in by_time]
        pairs = zip(times, by_time.values(), strict=True)
        records = [{"time_point": time, "coords_xyz_px": xyz} for time, xyz in pairs]
        content = JsonPart({key: records}, content.where)
    for record in content.entries(key):
        time_point = record.time_point("time_point")
        if "coords_xyz_px" not in record.value:
            raise record.refuse("A time point must have coordinates", "no 'coords_xyz_px'")
        rows = [draft.add(time_point, xyz) for xyz in record.triples("coords_xyz_px")]
        for name, values in _read_meta(record, "position_meta", len(rows)).items():
            draft.properties[name].update(zip(rows, values, strict=True))


def _read_tracks(content: JsonPart, draft: _Draft) -> None:
    for track in content.entries("tracks"):
        start, coordinates = track.time_point("time_point_start"), track.triples("coords_xyz_px")
        if not coordinates:
            raise track.refuse("A track must have at least one position", "none")
        rows = [draft.find(start + step, xyz) for step, xyz in enumerate(coordinates)]
        before = track.triples("coords_xyz_px_before")
        parents = [(draft.find(start - 1, xyz), rows[0]) for xyz in before]
        inner = list(zip(rows, rows[1:], strict=False))
        for key, links in (("link_meta_before", parents), ("link_meta", inner)):
            columns = _read_meta(track, key, len(links))
            for index, (source, target) in enumerate(links):
                draft.link(source, target, {name: v[index] for name, v in columns.items()})
        for name, value in track.get("lineage_meta").value.items():
            draft.properties[LINEAGE_PREFIX + name][rows[0]] = value


def _read_meta(part: JsonPart, key: str, length: int) -> dict[str, list]:
    """Name → one value each. OrganoidTracker writes one null too many in `link_meta_before`."""
    meta = part.get(key)
    columns = {name: meta.get(name, list).value for name in meta.value}
    for name, values in columns.items():
        if len(values) < length or (len(values) > length and key != "link_meta_before"):
            received = f"{len(values)} values of {name!r} for {length}"
            raise meta.refuse("There must be one value each, or null", received)
    return {name: values[:length] for name, values in columns.items()}


def _read_v1_links(graph: JsonPart, draft: _Draft) -> None:
    """Version 1: a graph of nodes with position data and links with link and lineage data."""

    def find_row(node: JsonPart) -> int:
        return draft.find(node.time_point("_time_point_number"), node.numbers("x", "y", "z"))

    for node in graph.entries("nodes"):
        row = find_row(node.get("id"))
        for name in node.value.keys() - {"id"}:
            draft.properties[name][row] = node.value[name]
    for link in graph.entries("links"):
        ends = [find_row(link.get(key)) for key in ("source", "target")]
        source, target = sorted(ends, key=lambda row: draft.time_points[row])
        data = {name: v for name, v in link.value.items() if name not in {"source", "target"}}
        for name in [name for name in data if name.startswith("__lineage_")]:
            draft.properties[name.removeprefix("__")][source] = data.pop(name)
        draft.link(source, target, data)


def _shifts(content: JsonPart, time_points: list[int]) -> np.ndarray:
    """The offset of the image of each position, (n, 3), zyx, pixels; zero where there is none."""
    offsets = defaultdict(lambda: [0.0, 0.0, 0.0])
    for offset in content.entries("image_offsets"):
        offsets[offset.time_point("_time_point_number")] = offset.numbers("z", "y", "x")
    return np.array([offsets[time_point] for time_point in time_points]).reshape(-1, 3)


def _columns(properties: dict[str, dict[int, Any]], length: int) -> dict[str, list]:
    """Name → row → value as name → list with None in the gaps."""
    return {name: [values.get(row) for row in range(length)] for name, values in properties.items()}


def _positions_to_json(annotations: Annotations, coordinates: list[list[float]]) -> list[dict]:
    records = []
    # What is known of the lineage of a position without parent stands in its track
    roots = set(np.flatnonzero(annotations.links_backward() == 0).tolist())
    for time_point in annotations.annotated_time_points.tolist():
        rows = annotations.rows_at(time_point).tolist()
        meta = {}
        for name, values in annotations.properties.items():
            hidden = roots if _is_of_lineage(name) else set()
            meta[name] = [None if row in hidden else values[row] for row in rows]
        record = {"time_point": time_point, "coords_xyz_px": [coordinates[row] for row in rows]}
        records.append(record | _meta("position_meta", meta))
    return records


def _tracks_to_json(annotations: Annotations, coordinates: list[list[float]]) -> list[dict]:
    """Tracks that have a link or data of a lineage, or name another; others are positions only."""
    links_into, linked = annotations.links_into(), set(annotations.links[:, 0].tolist())
    records = []
    for rows in map(np.ndarray.tolist, annotations.tracks()):
        before, inner = links_into[rows[0]], [links_into[row][0] for row in rows[1:]]
        parents = annotations.links[before, 0].tolist()
        record = {"time_point_start": int(annotations.time_points[rows[0]])}
        record["coords_xyz_px"] = [coordinates[row] for row in rows]
        if parents:
            record["coords_xyz_px_before"] = [coordinates[row] for row in parents]
        for key, links in (("link_meta_before", before), ("link_meta", inner)):
            values = {name: list(v[links]) for name, v in annotations.link_properties.items()}
            record |= _meta(key, values)
        lineage = {
            name.removeprefix(LINEAGE_PREFIX): values[rows[0]]
            for name, values in annotations.properties.items()
            if _is_of_lineage(name) and values[rows[0]] is not None
        }
        if lineage and not parents:
            record["lineage_meta"] = lineage
        if rows[-1] in linked or len(rows) > 1 or len(record) > 2:
            records.append(record)
    return records


def _is_of_lineage(name: str) -> bool:
    """Data of a lineage may not be called "id" there; ours is data of positions then."""
    return name.startswith(LINEAGE_PREFIX) and name != LINEAGE_PREFIX + "id"


def _meta(key: str, columns: dict[str, list]) -> dict[str, dict]:
    """The columns that hold any value, under their key."""
    columns = {name: v for name, v in columns.items() if any(value is not None for value in v)}
    return {key: columns} if columns else {}


def _check_places(time_points: np.ndarray, positions: np.ndarray, path: str | Path) -> None:
    """Coordinates are finite, and no two positions the same to OrganoidTracker, (n, 3), zyx."""
    for row in np.flatnonzero(~np.isfinite(positions).all(axis=1))[:1]:
        place = {"time_point": time_points[row], "zyx": positions[row]}
        raise make_error("aut finite", path, row=row, **place)
    places = KDTree(np.column_stack([time_points, positions]))
    for first, second in sorted(places.query_pairs(_SAME_PX, p=np.inf))[:1]:
        place = {"time_point": time_points[second], "zyx": positions[second], "least": _SAME_PX}
        raise make_error("aut apart", path, first=first, second=second, **place)


def _key(time_point: int, xyz: list[float]) -> tuple:
    """What OrganoidTracker calls a position of a track."""
    return (time_point, *(f"{value + 0.0:.2f}" for value in xyz))


def _cell(xyz: list[float]) -> list[int]:
    """Of twice the length in which positions are the same, so that these are in cells that touch."""
    return [math.floor(value / (2 * _SAME_PX)) for value in xyz]
