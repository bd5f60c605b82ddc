"""TrackMate and MaMuT files (XML) are read; positions there are lengths, so the spacing of the movie
is needed, or they are in pixels.

Spots and tracks that were filtered out in the program are left out. The standard library's parser
is enough: what makes XML dangerous (entities that unfold or name other files) can only be declared
in a DOCTYPE, which these files never have and which is refused as soon as it begins.
"""

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from organoid_kit.base import UserError, refuse
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.conversion import to_links, to_um, to_voxels

_COORDINATES = ("POSITION_Z", "POSITION_Y", "POSITION_X")
_SIZES = ("voxeldepth", "pixelheight", "pixelwidth")
_NOT_PROPERTIES = {"ID", "FRAME", *_COORDINATES, "POSITION_T", "VISIBILITY"}


def read_trackmate(
    path: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    time_point_offset: int = 0,
    minutes_per_time_point: float | None = None,
) -> Annotations:
    """Annotations from a TrackMate or MaMuT file. The spot's ID becomes the property `id`.

    The spacing is the movie's, µm per voxel, zyx; only a file in pixels can do without. Such a file
    counts in voxels times the voxel sizes that it states. `time_point_offset` is the time point of
    the file's frame 0.
    """
    root = _parse(path)
    model, image = root.find("Model"), root.find("Settings/ImageData")
    unit = model.get("spatialunits", "µm").strip()
    unit_um, in_pixels = to_um(1.0, unit), unit.lower() in ("", "px", "pixel", "pixels")
    if not in_pixels and unit_um is None:
        advice = "Correct spatialunits in the file: pixel, µm, nm or mm."
        raise refuse(path, "Positions must be lengths", f"spatialunits {unit!r:.40}", advice)
    sizes = ["?"] * 3 if image is None else [image.get(key, "?") for key in _SIZES]
    # A hint, not to be trusted
    received = f"no spacing_um; the file states {', '.join(sizes)} (z, y, x; often never set)"
    all_spots = list(root.iter("Spot"))
    spots = [spot for spot in all_spots if spot.get("VISIBILITY", "1") != "0"]
    places = [[_number(spot, key, path) for key in _COORDINATES] for spot in spots]
    time_points = [int(_number(spot, "FRAME", path)) + time_point_offset for spot in spots]
    row_of = dict.fromkeys((spot.get("ID") for spot in all_spots), -1)  # hidden
    row_of |= {spot.get("ID"): row for row, spot in enumerate(spots)}
    edges = _list_edges(model)
    ends = [(edge.get("SPOT_SOURCE_ID"), edge.get("SPOT_TARGET_ID")) for edge in edges]
    links = to_links(ends, row_of, [*time_points, 0], path)
    visible, ids = (links >= 0).all(axis=1), [int(_number(spot, "ID", path)) for spot in spots]
    edges = [edge for edge, kept in zip(edges, visible, strict=True) if kept]
    positions = np.array(places, dtype=float).reshape(-1, 3)
    if in_pixels:
        positions /= [to_um(size, "µm") or 1.0 for size in sizes]
    else:
        positions = to_voxels(positions * unit_um, spacing_um, received, path)
    return Annotations(
        positions=positions,
        time_points=time_points,
        links=links[visible],
        properties={"id": ids, **_columns(spots, _NOT_PROPERTIES)},
        link_properties=_columns(edges, {"SPOT_SOURCE_ID", "SPOT_TARGET_ID"}),
        spacing_um=spacing_um,
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
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise refuse(path, "The file must be readable, valid and harmless XML", error) from error
    if root.tag != "TrackMate" or root.find("Model/AllSpots") is None:
        received = f"XML that begins with <{root.tag:.40}>"
        advice = "Pass the file that the program saved, not an export of tracks only."
        raise refuse(path, "A TrackMate or MaMuT file must have spots", received, advice)
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
        received = f"{spot.get(key)!r:.40} of spot {spot.get('ID')!r:.40}"
        raise refuse(path, f"A spot must have the number {key}", received)
    return number


def _columns(elements: list[ElementTree.Element], without: set[str]) -> dict[str, list]:
    """Their attributes but for some: name → one value each."""
    names = dict.fromkeys(name for element in elements for name in element.keys())
    kept = [name for name in names if name not in without]
    return {name: [_value(name, element.get(name)) for element in elements] for name in kept}


def _value(name: str, text: str | None) -> Any:
    """A number where the text is one; names stay texts."""
    if text is None or name == "name":
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if text.lstrip("-").isdigit() else number
