"""TrackMate and MaMuT files (XML) are read; positions there are in µm, so the spacing of the movie
is needed.

Spots and tracks that were filtered out in the program are left out. The standard library's parser
is enough: what makes XML dangerous (entities that unfold or name other files) can only be declared
in a DOCTYPE, which these files never have and which is refused as soon as it begins.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations

_MICROMETRES = {"µm", "μm", "um", "micron", "microns", "micrometer", "micrometers", "micrometre"}
_NOT_PROPERTIES = {
    "ID",
    "FRAME",
    "POSITION_X",
    "POSITION_Y",
    "POSITION_Z",
    "POSITION_T",
    "VISIBILITY",
}


def read_trackmate(
    path: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    time_point_offset: int = 0,
    minutes_per_time_point: float | None = None,
) -> Annotations:
    """Annotations from a TrackMate or MaMuT file. The spot's ID becomes the property `id`.

    Args:
        path: of the XML file.
        spacing_um: µm per voxel, zyx, of the movie.
        time_point_offset: time point of the file's frame 0, where the movie is counted from another
            number.
        minutes_per_time_point: where known.

    Raises:
        UserError: no spacing is passed, the file is no such XML, or a part of it is missing or not
            a number.
    """
    root = _parse(path)
    if spacing_um is None:
        raise UserError(
            "Positions in µm need the spacing of the movie. Received: no spacing_um for "
            f"{str(path)!r}{_stated_spacing(root)}. Pass spacing_um=(z, y, x), µm per voxel."
        )
    _check_units(root, path)
    spots = [spot for spot in root.iter("Spot") if spot.get("VISIBILITY", "1") != "0"]
    time_points = [int(_number(spot, "FRAME", path)) + time_point_offset for spot in spots]
    edges = _edges(root)
    links, edges = _links(edges, spots, root, path)
    backward = [time_points[source] > time_points[target] for source, target in links]
    return Annotations(
        positions=np.array([_position(spot, path) for spot in spots]).reshape(-1, 3) / spacing_um,
        time_points=time_points,
        links=[link[::-1] if flip else link for link, flip in zip(links, backward, strict=True)],
        properties={
            "id": [int(_number(spot, "ID", path)) for spot in spots],
            **_columns(spots, _NOT_PROPERTIES),
        },
        link_properties=_columns(edges, {"SPOT_SOURCE_ID", "SPOT_TARGET_ID"}),
        spacing_um=tuple(spacing_um),
        minutes_per_time_point=minutes_per_time_point,
        name=Path(path).stem,
    )


class _NoDoctype(ElementTree.TreeBuilder):
    """Builds the tree, and stops where a DOCTYPE begins: before any entity is declared."""

    def doctype(self, name: str, public_id: str | None, system: str | None) -> None:
        raise UserError(f"it has a DOCTYPE ({name}), which could hide an attack")


def _parse(path: str | Path) -> ElementTree.Element:
    try:
        root = ElementTree.parse(path, ElementTree.XMLParser(target=_NoDoctype())).getroot()
    except (ElementTree.ParseError, UserError, ValueError, LookupError) as error:
        raise UserError(
            f"The file must be valid and harmless XML. Received: {str(path)!r}: {error}. "
            "It may be damaged or cut off: take it from its source again."
        ) from error
    except OSError as error:
        raise UserError(
            f"The file must exist and be readable. Received: {str(path)!r}: {error.strerror}. Check the path."
        ) from error
    if root.tag != "TrackMate" or root.find("Model/AllSpots") is None:
        raise UserError(
            f"A TrackMate or MaMuT file must have spots. Received: XML beginning with <{root.tag:.40}> in "
            f"{str(path)!r}. Pass the file that the program saved, not an export of tracks only."
        )
    return root


def _check_units(root: ElementTree.Element, path: str | Path) -> None:
    unit = root.find("Model").get("spatialunits", "µm")
    if unit.strip().lower() not in _MICROMETRES:
        raise UserError(
            f"Positions must be in µm. Received: spatialunits {unit!r:.40} in {str(path)!r}. "
            "Set the image's calibration in TrackMate and save the file again."
        )


def _stated_spacing(root: ElementTree.Element) -> str:
    """What the file itself says, which is often never set: a hint, not to be trusted."""
    image = root.find("Settings/ImageData")
    if image is None:
        return ""
    sizes = (image.get(key, "?") for key in ("voxeldepth", "pixelheight", "pixelwidth"))
    return f", which itself states {', '.join(sizes)} (z, y, x; often never set)"


def _edges(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The edges of the tracks that were kept; of all tracks where the file does not say."""
    filtered = root.find("Model/FilteredTracks")
    kept = (
        None if filtered is None else {track.get("TRACK_ID") for track in filtered.iter("TrackID")}
    )
    tracks = [
        track for track in root.iter("Track") if kept is None or track.get("TRACK_ID") in kept
    ]
    return [edge for track in tracks for edge in track.iter("Edge")]


def _links(
    edges: list, spots: list, root: ElementTree.Element, path: str | Path
) -> tuple[list, list]:
    """Rows of the two spots of each edge, and the edge. Edges to spots that were filtered out are
    left out.
    """
    row_of = {spot.get("ID"): row for row, spot in enumerate(spots)}
    known = {spot.get("ID") for spot in root.iter("Spot")}
    found = []
    for edge in edges:
        ends = edge.get("SPOT_SOURCE_ID"), edge.get("SPOT_TARGET_ID")
        if not known.issuperset(ends):
            raise UserError(
                f"An edge must join two spots of the file. Received: an edge from spot {ends[0]} to {ends[1]} in "
                f"{str(path)!r}. It may be damaged: open it in the program and save it again."
            )
        if all(end in row_of for end in ends):
            found.append(((row_of[ends[0]], row_of[ends[1]]), edge))
    return [link for link, _ in found], [edge for _, edge in found]


def _position(spot: ElementTree.Element, path: str | Path) -> list[float]:
    return [_number(spot, f"POSITION_{axis}", path) for axis in "ZYX"]


def _number(spot: ElementTree.Element, key: str, path: str | Path) -> float:
    try:
        number = float(spot.get(key, ""))
    except ValueError:
        number = math.nan
    if not abs(number) < 1e9:
        raise UserError(
            f"A spot must have the number {key}. Received: {spot.get(key)!r:.40}, spot {spot.get('ID')!r:.40} in "
            f"{str(path)!r}. It may be damaged: open it in the program and save it again."
        )
    return number


def _columns(elements: list[ElementTree.Element], without: set[str]) -> dict[str, list]:
    names = dict.fromkeys(
        name for element in elements for name in element.keys() if name not in without
    )
    return {name: [_value(name, element.get(name)) for element in elements] for name in names}


def _value(name: str, text: str | None) -> Any:
    """A number where the text is one; names stay texts."""
    if text is None or name == "name":
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if text.lstrip("-").isdigit() else number
