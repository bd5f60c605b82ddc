"""GEFF, the exchange format for tracks (a Zarr folder), through the `geff` library.

Axes are t, z, y, x in time points and voxels; their scale is minutes and µm. The ids of the nodes
are the property `id`. The properties `track_id` and `lineage_id` are declared as tracklets and
lineages where they are those that `add_track_ids` gives. What GEFF has no place for (name, region,
extras) is kept in its metadata under `organoid_kit`; extras as a JSON text, as the metadata itself
has no place for infinity. Properties whose values are not all of one simple type are written as
JSON texts, too, and listed there. A missing decimal is NaN: where GEFF's own mask says that it is
missing, tracksdata reads -1 and motile_tracker 0.
"""

import json
import math
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from organoid_kit.base import files, make_error, refuse, refuse_if, warn
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.conversion import to_links, to_minutes, to_um, to_voxels
from organoid_kit.data.formats.added_data import add_track_ids
from organoid_kit.data.reading.optional import lacks_chunks

_OURS = "organoid_kit"  # key in the metadata
_AXES = ("t", "z", "y", "x")
_KINDS = {**dict.fromkeys("zyx", "space"), **dict.fromkeys(("t", "frame", "time_point"), "time")}
_PREFIX = re.compile("^(position|cell)_")  # of TrackMate and pycellin
_HINTS = {"horizontal": "x", "vertical": "y", "depth": "z", "time": "t"}  # or z may be taken for x
_UNSCALED = dict.fromkeys(("scale", "scaled_unit", "offset"))
_TRACK_PROPS = {"tracklet": "track_id", "lineage": "lineage_id"}  # what GEFF and we call them


def read_geff(
    path: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    minutes_per_time_point: float | None = None,
) -> Annotations:
    """Annotations from a GEFF folder. The spacing (µm per voxel, zyx), which a file in µm may lack,
    and the minutes overrule the file. Where no axes are declared, properties called t, z … are.
    """
    content = _read(path)
    metadata, ids = content["metadata"], content["node_ids"].tolist()
    guessed = _guess_axes(metadata)
    axes = _name_axes([*(metadata.axes or []), *guessed])
    if not {"t", "y", "x"} <= set(axes) <= set(_AXES):
        found = ", ".join(f"{axis.name} (of type {axis.type})" for axis in metadata.axes or [])
        raise make_error("GEFF axes", path, found=found or "no axes")
    if guessed:
        said = ", ".join(f"{axis.name} ({axis.unit or 'no unit'})" for axis in guessed)
        warn(f"{path} does not declare all of its axes; taken for them: {said}.")
    extra = dict(metadata.extra)
    ours = _check_ours(extra.pop(_OURS, None) or {}, path)
    properties = _read_props(content["node_props"], ours["json"])
    coordinates = np.zeros((4, len(ids)))  # 2D files have no z
    units, sizes, moved = {}, {"z": 1.0}, []
    for row, (name, axis) in enumerate((name, axes.get(name)) for name in _AXES):
        if axis:
            values = _read_coordinate(properties.pop(axis.name, None), name, path)
            coordinates[row], units[name], sizes[name] = _scale(values, axis)
            moved += [name] * (not np.array_equal(coordinates[row], values))
    if moved:
        warn(f"{path}: the scale and offset of its axes ({', '.join(moved)}) are applied.")
    minutes = minutes_per_time_point or sizes["t"]
    time_points = _count_time_points(coordinates[0], units.pop("t"), minutes, path)
    positions = np.stack(coordinates[1:], axis=1)
    if spacing_um is None and all(sizes[name] for name in "zyx"):
        spacing_um = tuple(sizes[name] for name in "zyx")
    lengths_um = [to_um(1.0, units[name]) if name in units else 1.0 for name in "zyx"]
    units = set(units.values())
    if "version" in str(extra.get("funtracks")):  # motile_tracker's are lengths, without a unit
        lengths_um, units = [1.0] * 3, {"µm (written by motile_tracker)"}
    if all(lengths_um) and units:
        positions = to_voxels(positions * lengths_um, spacing_um, ", ".join(units), path)
    elif not units <= {"pixel", "pixels", "px", "", None}:
        raise make_error("GEFF units", path, units=", ".join(map(str, units)))
    row_of = {node: row for row, node in enumerate(ids)}
    edges = content["edge_ids"].reshape(-1, 2).tolist()
    return Annotations(
        positions=positions,
        time_points=time_points,
        links=to_links(edges, row_of, time_points, path),
        properties={"id": ids, **properties},
        link_properties=_read_props(content["edge_props"], ours["link_json"]),
        spacing_um=spacing_um and tuple(spacing_um),
        minutes_per_time_point=minutes,
        name=ours["name"],
        region=ours["region"],
        known_um=ours["known_um"],
        extra=ours["extra"] | extra,
    )


def write_geff(annotations: Annotations, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes a GEFF folder with everything that `Annotations` holds.

    Raises UserError where the property `id` is not another whole number for each position, a
    property has a name that a folder cannot have, or the folder exists.
    """
    geff = _import_geff()
    if Path(path).is_dir() and overwrite:
        _read(path)  # only a GEFF is replaced
    ids = annotations.properties.get("id", np.arange(len(annotations))).tolist()
    whole = all(type(value) is int and 0 <= value < 2**63 for value in ids)
    refuse_if(not whole or len(set(ids)) < len(ids), "GEFF ids", path)
    ids = np.array(ids, dtype=np.uint64)
    properties = {name: values for name, values in annotations.properties.items() if name != "id"}
    node_props, json_names = _make_props(properties, _AXES, path)
    edge_props, link_json_names = _make_props(annotations.link_properties, (), path)
    columns = (annotations.time_points, *annotations.positions.T)
    for name, values in zip(_AXES, columns, strict=True):
        node_props[name] = {"values": values, "missing": None}
    ours = {
        "name": annotations.name,
        "extra": files.to_json(annotations.extra, path, allow_nan=True),
        "json": json_names,
        "link_json": link_json_names,
    }
    stated = {name: getattr(annotations, name) for name in ("region", "known_um")}
    ours |= {name: value for name, value in stated.items() if value is not None}
    right = add_track_ids(annotations).properties  # they may be missing, or of other links
    numbered = all(np.array_equal(properties.get(n), right[n]) for n in _TRACK_PROPS.values())
    axes = [{"name": "t", "type": "time", "unit": "frame"}]
    axes += [{"name": name, "type": "space", "unit": "pixel"} for name in "zyx"]
    if minutes := annotations.minutes_per_time_point:
        axes[0] |= {"scale": minutes, "scaled_unit": "minute"}
    for axis, size in zip(axes[1:], annotations.spacing_um or (), strict=False):
        axis |= {"scale": size, "scaled_unit": "micrometer"}
    metadata = geff.GeffMetadata(
        directed=True,
        axes=axes,
        node_props_metadata={},
        edge_props_metadata={},
        track_node_props=_TRACK_PROPS if numbered else None,
        display_hints={f"display_{place}": axis for place, axis in _HINTS.items()},
        extra={_OURS: json.loads(files.to_json(ours, path, allow_nan=True))},
    )
    edges = ids[annotations.links].astype(np.uint64)
    with files.write_safely(path, overwrite=overwrite) as temporary:
        geff.core_io.write_arrays(temporary, ids, node_props, edges, edge_props, metadata)


def _import_geff() -> ModuleType:
    try:
        import geff
        import geff.core_io
    except ImportError as error:
        raise make_error("GEFF library", error=error) from error
    return geff


def _read(path: str | Path) -> dict[str, Any]:
    geff, inner = _import_geff(), Path(path) / "tracks.geff"  # as motile_tracker exports
    path = inner if inner.is_dir() else path
    try:
        import zarr  # which geff brings

        for name in ("nodes/ids", "edges/ids"):  # of a length that may be said, but not be there
            ids = zarr.open_array(str(path), path=name, mode="r")
            if lacks_chunks(ids, Path(path, name), ids.shape, few=2):
                raise ValueError(f"most of the {ids.shape[0]} {name} are missing")
        content = geff.core_io.read_to_memory(str(path))
        for prop in [*content["node_props"].values(), *content["edge_props"].values()]:
            prop["values"] = [v.tolist() if hasattr(v, "tolist") else v for v in prop["values"]]
        return content
    except Exception as error:  # many kinds when a file is damaged, of NumPy where texts are none
        raise refuse(path, "The folder must be a valid GEFF", str(error)[:300]) from error


def _check_ours(said: Any, path: str | Path) -> dict[str, Any]:
    """What we keep in the metadata. Where that is damaged the rest of the file still counts."""
    empty = {"name": Path(path).stem, "extra": "{}", "json": [], "link_json": []}
    empty |= {"region": None, "known_um": None}
    try:
        ours = empty | said
        ours["extra"] = json.loads(ours["extra"])
        if ours["region"] is not None:
            ours["region"] = np.array(ours["region"], dtype=float).reshape(2, 3)
        if ours["known_um"] is not None:
            ours["known_um"] = float(ours["known_um"])
        names = ours["json"] + ours["link_json"] + [ours["name"]]
        fits = isinstance(ours["extra"], dict) and {type(name) for name in names} == {str}
        if fits and (ours["region"] is None or np.isfinite(ours["region"]).all()):
            return ours
    except (TypeError, ValueError, RecursionError):
        pass
    warn(f"{path}: its part {_OURS!r} is damaged, so name, region and extras are left out.")
    return empty | {"extra": {}}


def _guess_axes(metadata: Any) -> list[SimpleNamespace]:
    """Axes of time and of space where none are declared: properties that are called so."""
    props, declared = metadata.node_props_metadata, {axis.type for axis in metadata.axes or []}
    names = sorted(props, reverse=True)  # of two the last counts: FRAME, not POSITION_T
    kinds = {name: _KINDS.get(_PREFIX.sub("", name.lower())) for name in names}
    return [
        SimpleNamespace(name=name, type=kind, unit=props[name].unit, **_UNSCALED)
        for name, kind in kinds.items()
        if kind and not {kind, None} & declared
    ]


def _name_axes(axes: list[Any]) -> dict[str, Any]:
    """By t, z, y, x: called so, or POSITION_X (TrackMate), cell_x (pycellin), centroid-0 …"""
    space = [axis for axis in axes if axis.type != "time"]
    numbered = {f"centroid-{n}": letter for n, letter in enumerate("zyx"[-len(space) :])}
    called = [_PREFIX.sub("", axis.name.lower()) for axis in space]
    named = {numbered.get(n, n): axis for n, axis in zip(called, space, strict=True)}
    return dict(("t", axis) for axis in axes if axis.type == "time") | named


def _scale(values: np.ndarray, axis: Any) -> tuple[np.ndarray, str | None, float | None]:
    """Coordinates with an axis' offset, which is added once they are scaled; their unit; and how many
    µm or minutes one is. Pixels and frames stay what they are where their scale leads to these.
    """
    scale, offset = axis.scale or 1.0, axis.offset or 0.0
    convert = to_minutes if axis.type == "time" else to_um
    size = convert(scale, axis.scaled_unit)
    if convert(1.0, axis.unit) is None and (size or axis.scaled_unit is None):
        return values + offset / scale, axis.unit, size
    return values * scale + offset, axis.scaled_unit or axis.unit, None


def _count_time_points(
    times: np.ndarray, unit: str | None, minutes: float | None, path: str | Path
) -> np.ndarray:
    """Time points, (n,) int: as they stand, or from hours, minutes or seconds."""
    if (factor := to_minutes(1.0, unit)) is not None:
        steps = np.diff(np.unique(times)) * factor
        if minutes is None and len(steps):
            raise make_error("GEFF times", path, unit=unit, step=steps.min())
        times = times * factor / (minutes or 1.0)
    if np.abs(times - np.round(times)).max(initial=0) > 0.05:
        received = f"{times[np.argmax(np.abs(times - np.round(times)))]:g}"
        advice = "Pass other minutes_per_time_point." if factor else "Number them: 0, 1, 2 …"
        raise refuse(path, "Time points must be whole numbers", received, advice)
    return np.round(times).astype(int)


def _read_coordinate(values: list | None, name: str, path: str | Path) -> np.ndarray:
    try:
        coordinate = np.array(values, dtype=float)
    except (TypeError, ValueError):
        coordinate = np.nan
    refuse_if(not (np.abs(coordinate) < 1e9).all(), "GEFF coordinates", path, name=name)
    return coordinate


def _read_props(props: dict[str, dict], json_names: list[str]) -> dict[str, list]:
    """Properties, with None where they are missing."""
    columns = {}
    for name, prop in props.items():
        values = prop["values"]
        if name in json_names:
            values = [files.parse_json(value) for value in values]
        if prop["missing"] is not None:
            pairs = zip(values, prop["missing"], strict=True)
            values = [None if missing else value for value, missing in pairs]
        columns[name] = [None if value != value else value for value in values]  # NaN
    return columns


def _make_props(
    properties: dict[str, np.ndarray], reserved: tuple[str, ...], path: str | Path
) -> tuple[dict[str, dict], list[str]]:
    """Properties as the library wants them, and the names of those written as JSON texts."""
    props, json_names = {}, []
    for name, values in properties.items():
        wrong = name in reserved or not re.fullmatch(r"\w[\w .-]*", name)
        refuse_if(wrong, "GEFF property", path, name=name)
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
        if not _is_simple([value for value in values if value is not None]):
            json_names.append(name)
            values = [None if v is None else files.to_json(v, path, allow_nan=True) for v in values]
        kind = type(next((value for value in values if value is not None), ""))
        filler = math.nan if kind is float else kind()
        missing = np.array([value is None for value in values], dtype=bool)
        props[name] = {
            "values": np.array([filler if value is None else value for value in values]),
            "missing": missing if kind is not float and missing.any() else None,
        }
    return props, json_names


def _is_simple(values: list) -> bool:
    """All whole numbers, all decimals, all true or false, or all texts that an array can hold."""
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return all(value.isprintable() for value in values)
    if kinds == {int}:
        return all(abs(value) < 2**53 for value in values)
    return kinds in ({float}, {bool})
