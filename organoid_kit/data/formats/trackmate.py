"""TrackMate and MaMuT files (XML) are read, TrackMate's written; positions there are lengths, so the
spacing of the movie is needed, or they are in pixels.

Spots and tracks that were filtered out in the program are left out. The standard library's parser
is enough: what makes XML dangerous (entities that unfold or name other files) can only be declared
in a DOCTYPE, which these files never have and which is refused as soon as it begins.

TrackMate takes every attribute of a spot or an edge for a number, a spot's name excepted, and an ID
for a whole number of 32 bits. What is called a track there is a lineage here.
"""

import math
import numbers
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from organoid_kit.base import UserError, files, make_error, refuse, refuse_if
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.conversion import to_links, to_minutes, to_um, to_voxels
from organoid_kit.data.formats.added_data import add_track_ids

_COORDINATES = ("POSITION_Z", "POSITION_Y", "POSITION_X")
_SIZES = ("voxeldepth", "pixelheight", "pixelwidth")
# Of a spot; the outline, of which there are ROI_N_POINTS, is not read
_NOT_PROPERTIES = {"ID", "FRAME", *_COORDINATES, "POSITION_T", "VISIBILITY", "ROI_N_POINTS"}
_NOT_FEATURES = {"id", "ID", "name", "TRACK_ID", "ROI_N_POINTS"}
_ENDS = ("SPOT_SOURCE_ID", "SPOT_TARGET_ID")
_OURS = "Written by organoid_kit"  # in the log, which TrackMate keeps
_DIMENSIONS = {"QUALITY": "QUALITY", "POSITION_T": "TIME", "RADIUS": "LENGTH"}
_DIMENSIONS |= dict.fromkeys(_COORDINATES, "POSITION")
_EMPTY = files.read_text(Path(__file__).with_name("trackmate_empty.xml")).rstrip()


def read_trackmate(
    path: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    time_point_offset: int = 0,
    minutes_per_time_point: float | None = None,
) -> Annotations:
    """Annotations from a TrackMate or MaMuT file. The spot's ID becomes the property `id`.

    The spacing is the movie's, µm per voxel, zyx; only a file in pixels, and one written here, can
    do without. A file in pixels counts in voxels times the voxel sizes that it states.
    `time_point_offset` is the time point of the file's frame 0.
    """
    root = _parse(path)
    model, image = root.find("Model"), root.find("Settings/ImageData")
    unit = model.get("spatialunits", "µm").strip()
    unit_um, in_pixels = to_um(1.0, unit), unit.lower() in ("", "px", "pixel", "pixels")
    refuse_if(not in_pixels and unit_um is None, "lengths unit", path, unit=unit)
    sizes = ["?"] * 3 if image is None else [image.get(key, "?") for key in _SIZES]
    if _OURS in (root.findtext("Log") or "") and image is not None:
        spacing_um = spacing_um or tuple(to_um(size, unit) or 1.0 for size in sizes)
        interval = to_minutes(image.get("timeinterval"), model.get("timeunits"))
        minutes_per_time_point = minutes_per_time_point or interval
    # Of others a hint, not to be trusted
    received = f"no spacing_um; the file states {', '.join(sizes)} (z, y, x; often never set)"
    all_spots = list(root.iter("Spot"))
    spots = [spot for spot in all_spots if spot.get("VISIBILITY", "1") != "0"]
    places = [[_number(spot, key, path) for key in _COORDINATES] for spot in spots]
    frames, ids = ([_number(spot, key, path) for spot in spots] for key in ("FRAME", "ID"))
    doubled, torn = len(ids) - len(set(ids)), sum(frame % 1 > 0 for frame in frames)
    refuse_if(doubled or torn, "spots", path, doubled=doubled, torn=torn)
    time_points = [int(frame) + time_point_offset for frame in frames]
    row_of = dict.fromkeys((spot.get("ID") for spot in all_spots), -1)  # hidden
    row_of |= {spot.get("ID"): row for row, spot in enumerate(spots)}
    tracks, filtered = list(model.iter("Track")), model.find("FilteredTracks")
    if filtered is not None:
        kept = {track.get("TRACK_ID") for track in filtered.iter("TrackID")}
        tracks = [track for track in tracks if track.get("TRACK_ID") in kept]
    edges = [edge for track in tracks for edge in track.iter("Edge")]
    ends = [tuple(map(edge.get, _ENDS)) for edge in edges]
    links = to_links(ends, row_of, [*time_points, 0], path)
    visible = (links >= 0).all(axis=1)
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
        properties={"id": map(int, ids), **_columns(spots, _NOT_PROPERTIES)},
        link_properties=_columns(edges, set(_ENDS)),
        spacing_um=spacing_um,
        minutes_per_time_point=minutes_per_time_point,
        name=Path(path).stem,
    )


def write_trackmate(
    annotations: Annotations,
    path: str | Path,
    *,
    images: str | Path | None = None,
    time_point_offset: int = 0,
    overwrite: bool = False,
) -> None:
    """Writes a file that Fiji opens with Plugins > Tracking > Load a TrackMate file.

    Spots are in µm, of the radius RADIUS where they have this property, else 2.5. The properties of
    `select_features` become features, `name` and `id` are the spot's, where they fit; other
    properties, the region and extras are left out.

    `images` is the movie that Fiji opens with it, an ImageJ hyperstack (None: a black one), and
    `time_point_offset` the time point of its first frame. UserError where there is no spacing, a
    coordinate is not finite, a time point lies before the first, or the file exists.
    """
    minutes, n = annotations.minutes_per_time_point, len(annotations)
    frames, positions_um = annotations.time_points - time_point_offset, annotations.positions_um
    if not np.isfinite(positions_um).all() or frames.min(initial=0) < 0:
        raise make_error("spots finite", path, first=time_point_offset)
    root = ElementTree.fromstring(_EMPTY)
    root.find("Model").set("timeunits", "min" if minutes else "frame")
    sizes = dict(zip(_SIZES, map(str, annotations.spacing_um), strict=True))
    root.find(".//ImageData").attrib |= sizes | {"timeinterval": f"{minutes or 1.0}"}
    if images:
        movie = Path(images).absolute()
        root.find(".//ImageData").attrib |= {"filename": movie.name, "folder": str(movie.parent)}
    spots = {"QUALITY": np.ones(n), "RADIUS": np.full(n, 2.5)}
    spots |= select_features(annotations.properties) | {"FRAME": frames, "VISIBILITY": [1] * n}
    spots |= dict(zip(_COORDINATES, positions_um.T, strict=True))
    spots["POSITION_T"], ids = frames * (minutes or 1.0), _choose_ids(annotations)
    spots = _declare(root.find(".//SpotFeatures"), spots)
    names = zip(annotations.properties.get("name", ids), ids, strict=True)
    printed = [str(name) if str(name).isprintable() else number for name, number in names]
    spots |= {"ID": ids, "name": printed}
    all_spots = root.find(".//AllSpots")
    for frame in np.unique(frames).tolist():
        in_frame = ElementTree.SubElement(all_spots, "SpotsInFrame", frame=str(frame))
        for row in np.flatnonzero(frames == frame).tolist():
            ElementTree.SubElement(in_frame, "Spot", {key: spots[key][row] for key in spots})
    _add_tracks(root, annotations, ids)
    ElementTree.indent(root)
    with files.write_safely(path, overwrite=overwrite) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="UTF-8", xml_declaration=True)


def select_features(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The properties that can be features: numbers, true, false or missing, under an XML name."""
    kinds = (numbers.Real, np.bool_, type(None))
    names = [name for name in table if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name)]
    names = [name for name in names if all(isinstance(value, kinds) for value in table[name])]
    return {name: table[name] for name in names if name not in _NOT_FEATURES}


def _choose_ids(annotations: Annotations) -> np.ndarray:
    """The property `id` where it is another whole number of 32 bits each, else rows; texts."""
    ids = annotations.properties.get("id", np.array([None])).tolist()
    whole = all(type(value) is int and 0 <= value < 2**31 for value in ids)
    fits = whole and len(set(ids)) == len(annotations)
    return np.array([str(value) for value in (ids if fits else range(len(annotations)))], object)


def _declare(features: ElementTree.Element, table: dict[str, np.ndarray]) -> dict[str, list[str]]:
    """Declares features, and returns their values as Java reads them."""
    columns = {}
    for name, values in table.items():
        columns[name] = texts = [_write_number(value) for value in values]
        whole = all(text.lstrip("-").isdigit() for text in texts)
        facts = {"feature": name, "name": name, "shortname": name, "isint": str(whole).lower()}
        ElementTree.SubElement(features, "Feature", facts, dimension=_DIMENSIONS.get(name, "NONE"))
    return columns


def _write_number(value: Any) -> str:
    if isinstance(value, (numbers.Integral, np.bool_)):
        return str(int(value))
    value = math.nan if value is None else float(value)
    return "NaN" if math.isnan(value) else repr(value).replace("inf", "Infinity")


def _add_tracks(root: ElementTree.Element, annotations: Annotations, ids: np.ndarray) -> None:
    """A track for each lineage that has a link."""
    # Each link once: TrackMate reads no track of a file where two spots are linked twice
    links, kept = np.unique(annotations.links, axis=0, return_index=True)
    edges = select_features(annotations.link_properties)
    edges = {name: values[kept] for name, values in edges.items() if name not in _ENDS}
    edges = _declare(root.find(".//EdgeFeatures"), edges)
    edges |= dict(zip(_ENDS, ids[links].T, strict=True))
    lineages = add_track_ids(annotations).properties["lineage_id"][links[:, 0]].astype(int)
    for number in np.unique(lineages).tolist():
        facts = {"name": f"Track_{number}", "TRACK_INDEX": str(number), "TRACK_ID": str(number)}
        track = ElementTree.SubElement(root.find(".//AllTracks"), "Track", facts)
        ElementTree.SubElement(root.find(".//FilteredTracks"), "TrackID", TRACK_ID=str(number))
        for link in np.flatnonzero(lineages == number).tolist():
            ElementTree.SubElement(track, "Edge", {key: edges[key][link] for key in edges})


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
        raise make_error("TrackMate spots", path, tag=root.tag)
    return root


def _number(spot: ElementTree.Element, key: str, path: str | Path) -> float:
    number = files.parse_number(spot.get(key))
    if not abs(number) < 1e9:
        raise make_error("spot number", path, key=key, found=spot.get(key), id=spot.get("ID"))
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
    number = files.parse_number(text)
    if math.isnan(number):
        return None if text.strip().lower() == "nan" else text
    return int(number) if text.lstrip("-").isdigit() else number
