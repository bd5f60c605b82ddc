"""TrackMate and MaMuT files (XML) are read; positions there are in µm, so the spacing of the movie
is needed.

Spots and tracks that were filtered out in the program are left out. The standard library's parser
is enough: what makes XML dangerous (entities that unfold or name other files) can only be declared
in a DOCTYPE, which these files never have and which is refused as soon as it begins.
"""

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from organoid_kit.base import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats.conversion import to_links, to_voxels
from organoid_kit.data.units import to_um

_COORDINATES = ("POSITION_Z", "POSITION_Y", "POSITION_X")
_NOT_PROPERTIES = {"ID", "FRAME", *_COORDINATES, "POSITION_T", "VISIBILITY"}


def read_trackmate(
    path: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    time_point_offset: int = 0,
    minutes_per_time_point: float | None = None,
) -> Annotations:
    """Annotations from a TrackMate or MaMuT file. The spot's ID becomes the property `id`.

    Args:
        spacing_um: µm per voxel, zyx, of the movie.
        time_point_offset: time point of the file's frame 0, where the movie is counted from another
            number.
    """
    root = _parse(path)
    model, image = root.find("Model"), root.find("Settings/ImageData")
    unit = model.get("spatialunits", "µm")
    if to_um(1.0, unit) != 1.0:
        raise UserError(
            f"Positions must be in µm. Received: spatialunits {unit!r:.40} in {str(path)!r}. "
            "Set the image's calibration in TrackMate and save the file again."
        )
    hint = ""
    if image is not None:  # a hint, not to be trusted
        sizes = (image.get(key, "?") for key in ("voxeldepth", "pixelheight", "pixelwidth"))
        hint = f", which itself states {', '.join(sizes)} (z, y, x; often never set)"
    all_spots = list(root.iter("Spot"))
    spots = [spot for spot in all_spots if spot.get("VISIBILITY", "1") != "0"]
    positions_um = [[_number(spot, key, path) for key in _COORDINATES] for spot in spots]
    time_points = [int(_number(spot, "FRAME", path)) + time_point_offset for spot in spots]
    row_of = dict.fromkeys((spot.get("ID") for spot in all_spots), -1)  # hidden
    row_of |= {spot.get("ID"): row for row, spot in enumerate(spots)}
    edges = _list_edges(model)
    ends = [(edge.get("SPOT_SOURCE_ID"), edge.get("SPOT_TARGET_ID")) for edge in edges]
    links = to_links(ends, row_of, [*time_points, 0], path)
    visible = (links >= 0).all(axis=1)
    edges = [edge for edge, kept in zip(edges, visible, strict=True) if kept]
    return Annotations(
        positions=to_voxels(positions_um, spacing_um, f"no spacing_um for {str(path)!r}{hint}"),
        time_points=time_points,
        links=links[visible],
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
            "The file must exist and be readable. "
            f"Received: {str(path)!r}: {error.strerror}. Check the path."
        ) from error
    if root.tag != "TrackMate" or root.find("Model/AllSpots") is None:
        raise UserError(
            "A TrackMate or MaMuT file must have spots. Received: XML beginning with "
            f"<{root.tag:.40}> in {str(path)!r}. "
            "Pass the file that the program saved, not an export of tracks only."
        )
    return root


def _list_edges(model: ElementTree.Element) -> list[ElementTree.Element]:
    """The edges of the tracks that were kept; of all tracks where the file does not say."""
    tracks, filtered = list(model.iter("Track")), model.find("FilteredTracks")
    if filtered is not None:
        kept = {track.get("TRACK_ID") for track in filtered.iter("TrackID")}
        tracks = [track for track in tracks if track.get("TRACK_ID") in kept]
    return [edge for track in tracks for edge in track.iter("Edge")]


def _number(spot: ElementTree.Element, key: str, path: str | Path) -> float:
    try:
        number = float(spot.get(key, ""))
    except ValueError:
        number = math.nan
    if not abs(number) < 1e9:
        raise UserError(
            f"A spot must have the number {key}. Received: {spot.get(key)!r:.40}, spot "
            f"{spot.get('ID')!r:.40} in {str(path)!r}. "
            "It may be damaged: open it in the program and save it again."
        )
    return number


def _columns(elements: list[ElementTree.Element], without: set[str]) -> dict[str, list]:
    """Their attributes but for some: name → one value each."""
    names = dict.fromkeys(name for element in elements for name in element.keys())
    return {
        name: [_value(name, element.get(name)) for element in elements]
        for name in names
        if name not in without
    }


def _value(name: str, text: str | None) -> Any:
    """A number where the text is one; names stay texts."""
    if text is None or name == "name":
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if text.lstrip("-").isdigit() else number
