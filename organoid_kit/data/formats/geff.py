"""GEFF, the exchange format for tracks (a Zarr folder), through the `geff` library.

Axes are t, z, y, x in time points and voxels; their scale is minutes and µm. The ids of the nodes
are the property `id`. The properties `track_id` and `lineage_id` are declared as tracklets and
lineages where they are those that `add_track_ids` gives. What GEFF has no place for (name, region,
extras) is kept in its metadata under `organoid_kit`; extras as a JSON text, as the metadata itself
has no place for infinity. Properties whose values are not all of one simple type are written as
JSON texts, too, and listed there.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_safely
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats.track_ids import add_track_ids

_OURS = "organoid_kit"  # key in the metadata
_AXES = ("t", "z", "y", "x")
_TRACK_PROPS = {"tracklet": "track_id", "lineage": "lineage_id"}  # what GEFF and we call them


def read_geff(
    path: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    minutes_per_time_point: float | None = None,
) -> Annotations:
    """Annotations from a GEFF folder.

    Args:
        path: of the folder.
        spacing_um: µm per voxel, zyx; overrules the file. Needed where the file's positions are in
            µm.
        minutes_per_time_point: overrules the file.

    Raises:
        UserError: the `geff` library is missing, or the folder is no valid GEFF with axes t, (z,)
            y, x.
    """
    content = _read(path)
    metadata = content["metadata"]
    axes = _axes(metadata, path)
    ours = metadata.extra.get(_OURS) or {}
    columns = {
        name: _column(prop, name in ours.get("json", ()))
        for name, prop in content["node_props"].items()
    }
    coordinates = [
        _coordinate(columns, axes, name, len(content["node_ids"]), path) for name in _AXES
    ]
    time_points = coordinates[0].astype(int)
    scale_um, scale_minutes = _scales(axes)
    spacing_um = tuple(spacing_um) if spacing_um is not None else scale_um
    links = _links(content, time_points, path)
    link_json = ours.get("link_json", ())
    return Annotations(
        positions=np.stack(coordinates[1:], axis=1) / _voxel_size(axes, spacing_um, path),
        time_points=time_points,
        links=links,
        properties={
            "id": content["node_ids"].tolist(),
            **{
                name: values
                for name, values in columns.items()
                if name not in {axis.name for axis in axes.values()}
            },
        },
        link_properties={
            name: _column(prop, name in link_json) for name, prop in content["edge_props"].items()
        },
        spacing_um=spacing_um,
        minutes_per_time_point=minutes_per_time_point or scale_minutes,
        name=ours.get("name", Path(path).stem),
        region=ours.get("region"),
        extra={
            **json.loads(ours.get("extra", "{}")),
            **{key: value for key, value in metadata.extra.items() if key != _OURS},
        },
    )


def write_geff(annotations: Annotations, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes a GEFF folder with everything that `Annotations` holds.

    Raises:
        UserError: the `geff` library is missing, the property `id` is no different whole number for
            each position, a property has a name that a folder cannot have, or the folder exists.
    """
    geff = _geff()
    if Path(path).is_dir() and overwrite:
        _read(path)  # only a GEFF is replaced
    ids = _ids(annotations, path)
    node_props, json_names = _props(annotations.properties, {"id", *_AXES}, path)
    edge_props, link_json_names = _props(annotations.link_properties, set(), path)
    axes = zip(
        _AXES, np.column_stack([annotations.time_points, annotations.positions]).T, strict=True
    )
    node_props |= {
        name: {"values": values.astype(int if name == "t" else float), "missing": None}
        for name, values in axes
    }
    extra = json.dumps(_plain(annotations.extra, path))
    ours = {
        "name": annotations.name,
        "extra": extra,
        "json": json_names,
        "link_json": link_json_names,
    }
    if annotations.region is not None:
        ours["region"] = annotations.region
    metadata = _metadata(geff, annotations, _plain(ours, path))
    edges = ids[annotations.links].astype(np.uint64)
    with write_safely(path, overwrite=overwrite) as temporary:
        geff.core_io.write_arrays(temporary, ids, node_props, edges, edge_props, metadata)


def _geff() -> ModuleType:
    """The library, imported when it is first needed."""
    try:
        import geff
        import geff.core_io
    except ImportError as error:
        raise UserError(
            "GEFF files need the geff library. Received: it is not installed "
            f'({error}). Install it with: pip install "organoid-kit[formats]"'
        ) from error
    return geff


def _read(path: str | Path) -> dict[str, Any]:
    geff = _geff()
    try:
        return geff.core_io.read_to_memory(str(path))
    except Exception as error:  # zarr, pydantic and geff raise many kinds when a file is damaged
        raise UserError(
            f"The folder must be a valid GEFF. Received: {str(path)!r}: {str(error)[:300]}. "
            "It may be damaged or incomplete: take it from its source again."
        ) from error


def _axes(metadata: Any, path: str | Path) -> dict[str, Any]:
    """t, z, y, x → axis of the file; z is missing in 2D."""
    axes = {"t" if axis.type == "time" else axis.name.lower(): axis for axis in metadata.axes or []}
    if not {"t", "y", "x"} <= set(axes) <= set(_AXES):
        raise UserError(
            f"A GEFF must have a time axis and the axes z, y, x, or y, x. Received: {', '.join(axes) or 'no axes'} in "
            f"{str(path)!r}. Name the axes when you export the file."
        )
    return axes


def _scales(axes: dict[str, Any]) -> tuple[tuple[float, float, float] | None, float | None]:
    """µm per voxel, zyx, and minutes per time point, where the axes say so in these units."""
    sizes = [
        _scale(axes[name], {"micrometer": 1.0, "nanometer": 1e-3}) if name in axes else 1.0
        for name in "zyx"
    ]
    minutes = _scale(axes["t"], {"minute": 1.0, "second": 1 / 60, "hour": 60.0})
    return tuple(sizes) if all(sizes) else None, minutes


def _scale(axis: Any, units: dict[str, float]) -> float | None:
    if axis.scale is None or axis.scale <= 0 or axis.scaled_unit not in units:
        return None
    return axis.scale * units[axis.scaled_unit]


def _voxel_size(axes: dict[str, Any], spacing_um: tuple | None, path: str | Path) -> np.ndarray:
    """What to divide the file's positions by: 1 where they are in voxels."""
    units = {axes[name].unit for name in "zyx" if name in axes}
    if units <= {"pixel", None}:
        return np.ones(3)
    if units != {"micrometer"} or spacing_um is None:
        raise UserError(
            "Positions must be in pixels, or in micrometers with the spacing of the movie. Received: "
            f"{', '.join(map(str, units))}, spacing {spacing_um} in {str(path)!r}. "
            "Pass spacing_um=(z, y, x), µm per voxel."
        )
    return np.array(spacing_um)


def _coordinate(columns: dict, axes: dict, name: str, length: int, path: str | Path) -> np.ndarray:
    """One axis of all positions; zeros where a 2D file has no z."""
    if name not in axes:
        return np.zeros(length)
    try:
        values = np.array(columns[axes[name].name], dtype=float)
    except (KeyError, TypeError, ValueError):
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        raise UserError(
            f"Every position must have a finite number on each axis. Received: a missing one, axis "
            f"{axes[name].name!r} of {str(path)!r}. Repair the file where it comes from."
        )
    return values


def _links(content: dict, time_points: np.ndarray, path: str | Path) -> np.ndarray:
    """Rows of both ends, the earlier first: (m, 2) int."""
    row_of = {node: row for row, node in enumerate(content["node_ids"].tolist())}
    edges = content["edge_ids"].reshape(-1, 2).tolist()
    for edge in edges:
        if not row_of.keys() >= set(edge):
            raise UserError(
                f"An edge must join two nodes of the file. Received: edge {edge} in {str(path)!r}. "
                "Repair the file where it comes from."
            )
    links = np.array([[row_of[end] for end in edge] for edge in edges], dtype=int).reshape(-1, 2)
    backward = time_points[links[:, 0]] > time_points[links[:, 1]]
    links[backward] = links[backward, ::-1]
    return links


def _column(prop: dict, is_json: bool) -> np.ndarray:
    """Values of a property, None where they are missing."""
    values, missing = prop["values"], prop["missing"]
    column = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        value = value.tolist() if hasattr(value, "tolist") else value
        column[row] = json.loads(value) if is_json and value else value
    if missing is not None:
        column[np.asarray(missing, dtype=bool)] = None
    return column


def _props(
    properties: dict[str, np.ndarray], reserved: set[str], path: str | Path
) -> tuple[dict[str, dict], list[str]]:
    """Properties as the library wants them, and the names of those written as JSON texts."""
    props, json_names = {}, []
    for name, values in properties.items():
        if name == "id" and name in reserved:
            continue
        if name in reserved or not re.fullmatch(r"\w[\w .-]*", name):
            raise UserError(
                "The name of a property must begin with a letter or digit, go on with letters, digits, spaces, dots "
                f"and hyphens, and not be an axis. Received: {name!r}, for {str(path)!r}. Rename the property."
            )
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
        if not _is_simple(values):
            json_names.append(name)
            values = [
                None if value is None else json.dumps(_plain(value, path)) for value in values
            ]
        props[name] = _prop(values)
    return props, json_names


def _is_simple(values: list) -> bool:
    """All whole numbers, all decimals, all true or false, or all texts that an array can hold."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {str}:
        return all(value is None or value.isprintable() for value in values)
    if kinds == {int}:
        return all(value is None or abs(value) < 2**53 for value in values)
    return kinds in ({float}, {bool})


def _prop(values: list) -> dict[str, np.ndarray]:
    missing = np.array([value is None for value in values], dtype=bool)
    filler = type(next((value for value in values if value is not None), ""))()
    return {
        "values": np.array([filler if value is None else value for value in values]),
        "missing": missing,
    }


def _ids(annotations: Annotations, path: str | Path) -> np.ndarray:
    """The property `id`, or the rows."""
    ids = annotations.properties.get("id", np.arange(len(annotations))).tolist()
    if len(set(map(str, ids))) < len(ids) or not all(
        type(value) is int and 0 <= value < 2**63 for value in ids
    ):
        raise UserError(
            "The property 'id' must be another whole number, from 0 up, for each position, as links refer to it. "
            f"Received: a missing, repeated or other id, for {str(path)!r}. Repair or remove the property."
        )
    return np.array(ids, dtype=np.uint64)


def _metadata(geff: ModuleType, annotations: Annotations, ours: dict) -> Any:
    sizes = (annotations.minutes_per_time_point, *(annotations.spacing_um or (None,) * 3))
    units = (("time", "frame", "minute"), *[("space", "pixel", "micrometer")] * 3)
    axes = [
        {"name": name, "type": kind, "unit": unit}
        | ({"scale": size, "scaled_unit": scaled} if size else {})
        for name, size, (kind, unit, scaled) in zip(_AXES, sizes, units, strict=True)
    ]
    return geff.GeffMetadata(
        directed=True,
        axes=axes,
        node_props_metadata={},
        edge_props_metadata={},
        track_node_props=_TRACK_PROPS if _has_track_ids(annotations) else None,
        extra={_OURS: ours},
    )


def _has_track_ids(annotations: Annotations) -> bool:
    """The numbers of tracks and lineages are there, and are still those of the links."""
    if not annotations.properties.keys() >= set(_TRACK_PROPS.values()):
        return False
    true = add_track_ids(annotations).properties
    return all(
        np.array_equal(annotations.properties[name], true[name]) for name in _TRACK_PROPS.values()
    )


def _plain(value: Any, path: str | Path) -> Any:
    """The value as JSON gives it back; numpy arrays as lists."""
    try:
        return json.loads(json.dumps(value, default=lambda array: array.tolist()))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(
            f"Only numbers, texts, lists and dictionaries can be kept in a GEFF. Received: {error}, for {str(path)!r}. "
            "Remove or convert this value."
        ) from error
