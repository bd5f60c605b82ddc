"""What OrganoidTracker asks of an `.aut` file of version 2, in our words: its reader was run on files
that keep these rules and on files that break them. Nothing of ours is used to judge ours.
"""

import math
from collections import Counter

POSITION_KEYS = {"time_point", "coords_xyz_px", "position_meta"}
TRACK_KEYS = {
    "time_point_start",
    "coords_xyz_px",
    "coords_xyz_px_before",
    "link_meta",
    "link_meta_before",
    "lineage_meta",
}


def find_broken_rules(content):
    """A sentence for each rule that the content of a file breaks."""
    broken = []
    if content.get("version") != "v2":
        broken.append("the version is not v2")
    sizes = content.get("image_resolution", {})
    if set(sizes) != {"x_um", "y_um", "z_um", "t_m"} or not all(map(_is_number, sizes.values())):
        broken.append("image_resolution is not four numbers")
    places = _check_positions(content["positions"], broken)
    ends, track_of, links = {}, {}, Counter()
    for number, track in enumerate(content["tracks"]):
        _check_track(number, track, places, ends, track_of, links, broken)
    for number, track in enumerate(content["tracks"]):
        for xyz in track.get("coords_xyz_px_before", ()):
            key = _key(track["time_point_start"] - 1, xyz)
            if key not in ends:
                broken.append(f"no track ends where track {number} says that one did")
            links[key, _key(track["time_point_start"], track["coords_xyz_px"][0])] += 1
        if "lineage_meta" in track and track.get("coords_xyz_px_before"):
            broken.append(f"track {number} has a parent and data of a lineage")
        if "id" in track.get("lineage_meta", ()):
            broken.append(f"data of a lineage of track {number} are called id")
    broken += [f"the link {link} is there {n} times" for link, n in links.items() if n > 1]
    return broken


def _check_positions(records, broken):
    """The exact coordinates of each place that a track may name."""
    places, times = {}, Counter(record["time_point"] for record in records)
    broken += [f"time point {time} has {n} records" for time, n in times.items() if n > 1]
    for record in records:
        if not record.keys() <= POSITION_KEYS or type(record["time_point"]) is not int:
            broken.append(f"a record has {sorted(record)}")
        for xyz in record["coords_xyz_px"]:
            if len(xyz) != 3 or not all(map(_is_number, xyz)):
                broken.append(f"a position is {xyz}")
            for other in record["coords_xyz_px"]:
                if other is not xyz and all(abs(a - b) <= 0.01 for a, b in zip(xyz, other)):
                    broken.append(f"{xyz} and {other} are one to it")
            places[_key(record["time_point"], xyz)] = xyz
        _check_columns(record.get("position_meta", {}), len(record["coords_xyz_px"]), broken)
    return places


def _check_track(number, track, places, ends, track_of, links, broken):
    if not track.keys() <= TRACK_KEYS or type(track["time_point_start"]) is not int:
        broken.append(f"track {number} has {sorted(track)}")
    steps = list(enumerate(track["coords_xyz_px"], start=track["time_point_start"]))
    keys = [_key(time, xyz) for time, xyz in steps]
    if not keys:
        broken.append(f"track {number} has no position")
        return
    for key, (_, xyz) in zip(keys, steps, strict=True):
        if places.get(key) != xyz:
            broken.append(f"track {number} runs through {xyz}, which is no position")
        if track_of.setdefault(key, number) != number:
            broken.append(f"tracks {track_of[key]} and {number} share a position")
    ends[keys[-1]] = number
    links.update(zip(keys, keys[1:], strict=False))
    before = track.get("coords_xyz_px_before", [])
    _check_columns(track.get("link_meta", {}), len(keys) - 1, broken)
    _check_columns(track.get("link_meta_before", {}), len(before), broken)
    for name in track.get("lineage_meta", ()):
        if name.startswith("__"):
            broken.append(f"data of a lineage are called {name}")


def _check_columns(columns, length, broken):
    """One value each under a name that it does not keep for itself."""
    for name, values in columns.items():
        if name in ("source", "target") or name.startswith("__"):
            broken.append(f"data are called {name}")
        if len(values) != length:
            broken.append(f"{len(values)} values of {name} for {length}")


def _key(time_point, xyz):
    return (time_point, *(f"{value + 0.0:.2f}" for value in xyz))


def _is_number(value):
    return type(value) in (int, float) and math.isfinite(value)
